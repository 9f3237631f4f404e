//! `scim vectors`: run files of test vectors.

use std::io::Write;
use std::path::PathBuf;

use clap::{Args, ValueEnum};
use scim2_conformance::vectors::{self, Options};

use crate::Failure;
use crate::policy::PolicyName;

#[derive(Debug, Args)]
pub(crate) struct Vectors {
    /// Files, or folders whose files are all run.
    #[arg(required = true, value_name = "PATH")]
    paths: Vec<PathBuf>,
}

impl Vectors {
    pub(crate) fn run(&self, out: &mut dyn Write) -> Result<(), Failure> {
        let options =
            PolicyName::value_variants().iter().fold(Options::default(), |options, name| {
                let Some(value) = name.to_possible_value() else { return options };
                options.with_policy(value.get_name(), name.policy())
            });
        let report = vectors::run(&self.paths, &options)
            .map_err(|error| Failure::because("vectors", &error))?;
        write!(out, "{report}")?;
        if report.passed + report.failed + report.dubious == 0 {
            return Err(Failure::Because("there are no vectors here".to_owned()));
        }
        if report.is_success() { Ok(()) } else { Err(Failure::Told) }
    }
}
