//! The `scim` command as a person runs it.

#[cfg(test)]
mod conformance;
#[cfg(test)]
mod db;
#[cfg(test)]
mod demo;
#[cfg(test)]
mod filter;
#[cfg(test)]
mod patch;
#[cfg(test)]
mod readme;
#[cfg(test)]
mod serve;
#[cfg(test)]
mod servers;
#[cfg(test)]
mod validate;
#[cfg(test)]
mod vectors;

#[cfg(test)]
mod support {
    use std::process::{Command, Output};

    /// What one run printed and how it ended.
    pub(crate) struct Ran {
        pub(crate) out: String,
        pub(crate) err: String,
        pub(crate) success: bool,
    }

    pub(crate) fn command() -> Command {
        Command::new(env!("CARGO_BIN_EXE_scim"))
    }

    pub(crate) fn scim(arguments: &[&str]) -> Ran {
        let Output { status, stdout, stderr } = command().args(arguments).output().unwrap();
        Ran {
            out: String::from_utf8(stdout).unwrap(),
            err: String::from_utf8(stderr).unwrap(),
            success: status.success(),
        }
    }
}
