use std::fmt;
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::Options;
use super::case::Mismatch;

/// What running vectors has shown.
///
/// `Display` prints a line for each file that was skipped and for each disagreement, the dubious
/// ones last, and then the totals.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Report {
    /// How many cases came out as expected, dubious ones among them.
    pub passed: usize,
    /// How many did not.
    pub failed: usize,
    /// How many dubious or known ones did not.
    pub dubious: usize,
    /// Each case that did not come out as expected.
    pub disagreements: Vec<Disagreement>,
    /// The files that were not run.
    pub skipped: Vec<Skipped>,
}

/// A case that did not come out as expected.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Disagreement {
    /// The file that holds the case.
    pub file: PathBuf,
    /// The case: its `id`, or its place in the file, such as `#7`.
    pub case: String,
    /// What the case is about: its filter, path or operations.
    pub subject: String,
    /// What the case expects.
    pub expected: String,
    /// What came out.
    pub got: String,
    /// Why the expectation does not count: the case is dubious, or the disagreement is known.
    pub dubious: Option<String>,
}

/// A file that was not run.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Skipped {
    /// The file.
    pub file: PathBuf,
    /// Why.
    pub reason: String,
}

impl Report {
    /// Whether nothing failed.
    #[must_use]
    pub fn is_success(&self) -> bool {
        self.failed == 0
    }

    pub(super) fn count(
        &mut self,
        file: &Path,
        id: &str,
        case: &Value,
        outcome: Result<(), Mismatch>,
        options: &Options,
    ) {
        let Err(mismatch) = outcome else {
            self.passed += 1;
            return;
        };
        let dubious = case.get("dubious").or_else(|| case.get("disputed"));
        let dubious = match dubious {
            Some(Value::String(reason)) => Some(reason.clone()),
            Some(Value::Bool(true)) => Some("marked so".to_owned()),
            _ => options.expected.reason(case).map(|reason| format!("known: {reason}")),
        };
        match dubious {
            Some(_) => self.dubious += 1,
            None => self.failed += 1,
        }
        let names: &[&str] = if case.get("direction").is_some() {
            &["name"]
        } else {
            &["filter", "path", "ops", "title", "request", "id"]
        };
        let subject = names.iter().find_map(|name| case.get(name));
        self.disagreements.push(Disagreement {
            file: file.to_owned(),
            case: id.to_owned(),
            subject: match subject {
                Some(Value::String(text)) => text.clone(),
                Some(subject) => subject.to_string(),
                None => String::new(),
            },
            expected: mismatch.expected,
            got: mismatch.got,
            dubious,
        });
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for skipped in &self.skipped {
            writeln!(f, "{skipped}")?;
        }
        let (dubious, failed): (Vec<_>, Vec<_>) =
            self.disagreements.iter().partition(|disagreement| disagreement.dubious.is_some());
        for disagreement in failed.into_iter().chain(dubious) {
            writeln!(f, "{disagreement}")?;
        }
        writeln!(f, "{} passed, {} failed, {} dubious", self.passed, self.failed, self.dubious)
    }
}

impl fmt::Display for Disagreement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.dubious.is_some() { "dubious " } else { "FAILED " })?;
        write!(
            f,
            "{} {}: {}: expected {}, got {}",
            self.file.display(),
            self.case,
            Line(&self.subject),
            Line(&self.expected),
            Line(&self.got),
        )?;
        match &self.dubious {
            Some(reason) => write!(f, " ({})", Line(reason)),
            None => Ok(()),
        }
    }
}

impl fmt::Display for Skipped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The reason names the file.
        write!(f, "skipped: {}", Line(&self.reason))
    }
}

/// A text on one line, and not a very long one.
struct Line<'a>(&'a str);

impl Line<'_> {
    const MAX_CHARS: usize = 400;
}

impl fmt::Display for Line<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut characters = self.0.chars();
        for c in characters.by_ref().take(Self::MAX_CHARS) {
            if c.is_control() { write!(f, "{}", c.escape_debug())? } else { write!(f, "{c}")? }
        }
        if characters.next().is_some() { f.write_str("…") } else { Ok(()) }
    }
}
