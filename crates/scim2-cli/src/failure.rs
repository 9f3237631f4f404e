//! Why a command ended without success.

use std::error::Error;
use std::fmt;
use std::io;
use std::process::ExitCode;

/// A message for standard error, or none where the output has said it all.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The output tells what is wrong.
    Told,
    /// This is what is wrong.
    Because(String),
    /// Whoever read our output has had enough, as `head` does.
    OutputClosed,
}

impl Failure {
    /// A failure with its cause and the causes behind it.
    pub(crate) fn because(what: impl fmt::Display, cause: &(dyn Error + 'static)) -> Self {
        let mut message = format!("{what}: {cause}");
        let mut behind = cause.source();
        while let Some(cause) = behind {
            let text = cause.to_string();
            if !message.ends_with(&text) {
                message.push_str(": ");
                message.push_str(&text);
            }
            behind = cause.source();
        }
        Self::Because(message)
    }

    /// Prints the message and says how the process ends.
    pub(crate) fn report(&self) -> ExitCode {
        match self {
            Self::Told => ExitCode::FAILURE,
            Self::Because(message) => {
                eprintln!("scim: {message}");
                ExitCode::FAILURE
            }
            Self::OutputClosed => ExitCode::SUCCESS,
        }
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::BrokenPipe => Self::OutputClosed,
            _ => Self::because("output", &error),
        }
    }
}
