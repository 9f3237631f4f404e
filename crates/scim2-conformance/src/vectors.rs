//! Runs files of test vectors.
//!
//! A file is a JSON object. What it holds tells its format:
//!
//! | member | format |
//! |---|---|
//! | `cases`, each with `filter` and `valid` | filters: accepted or not, `ast`, and what they match |
//! | `cases`, each with `path` and `valid` | PATCH paths: accepted or not |
//! | `cases`, each with `before` and `ops` (or `request`) | PATCH requests: `after` or `error` |
//! | `filters`, each with `syntax` | filters with canonical form and outcome on User |
//! | `paths`, each with `syntax` | PATCH paths with their parts and outcome on User |
//!
//! Cases run against an open resource type, under the strict policy, unless the file or the case
//! has a `resource_type` (`User`, `Group`) or a `policy` of its own. A case with `dubious` expects
//! what the RFC leaves open or contradicts: it is reported, and never a failure.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use scim2_core::Policy;
use serde_json::{Map, Value};

mod case;
mod filter;
mod open;
mod patch;
mod path;
mod report;
mod rfc;

pub use report::{Disagreement, Report, Skipped};

use case::{Check, Suite};

/// How vectors are run.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Options {
    /// The policies that files may ask for by name.
    pub policies: BTreeMap<String, Policy>,
    /// Disagreements that are known and explained.
    pub expected: ExpectedFailures,
}

impl Options {
    /// The same options with a policy that files may ask for by this name, such as `entra`.
    #[must_use]
    pub fn with_policy(mut self, name: &str, policy: Policy) -> Self {
        self.policies.insert(name.to_owned(), policy);
        self
    }

    /// The same options with another list of known disagreements.
    #[must_use]
    pub fn with_expected(self, expected: ExpectedFailures) -> Self {
        Self { expected, ..self }
    }
}

impl Default for Options {
    /// The policies `strict` and `lenient`, and the known disagreements of our own vectors.
    fn default() -> Self {
        Self { policies: BTreeMap::new(), expected: ExpectedFailures::known() }
            .with_policy("strict", Policy::strict())
            .with_policy("lenient", Policy::lenient())
    }
}

/// Disagreements that are known, each with its reason: where a vector wants something else than
/// what we decided to do. They are reported like dubious ones.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ExpectedFailures {
    /// File, case and reason.
    entries: Vec<(String, String, String)>,
}

impl ExpectedFailures {
    /// The list that belongs to the vectors of this crate, `vectors/expected_failures.txt`.
    #[must_use]
    pub fn known() -> Self {
        Self::parse(include_str!("../vectors/expected_failures.txt"))
    }

    /// Reads a list: a line for each case, with the end of the file's path, the case's id and the
    /// reason, separated by blanks. Empty lines and lines that begin with `#` do not count.
    ///
    /// ```text
    /// filter/elimity.json #61 F21: substring operators do not apply to dateTime
    /// ```
    #[must_use]
    pub fn parse(text: &str) -> Self {
        let lines = text.lines().filter(|line| !line.starts_with('#'));
        let entries = lines.filter_map(|line| {
            let (file, rest) = line.trim().split_once(' ')?;
            let (case, reason) = rest.trim_start().split_once(' ')?;
            Some((file.to_owned(), case.to_owned(), reason.trim().to_owned()))
        });
        Self { entries: entries.collect() }
    }

    /// File and case of each entry.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.entries.iter().map(|(file, case, _)| (file.as_str(), case.as_str()))
    }

    fn reason(&self, file: &Path, case: &str) -> Option<&str> {
        let fits = |entry: &&(String, String, String)| entry.1 == case && file.ends_with(&entry.0);
        self.entries.iter().find(fits).map(|(_, _, reason)| reason.as_str())
    }
}

/// Why vectors could not be run. What a case gets wrong is no error; it is in the [`Report`].
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum VectorError {
    /// The file or directory could not be read.
    #[error("cannot read `{}`", path.display())]
    Io {
        /// Which one.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A file that was named is no JSON.
    #[error("`{}` is not JSON", path.display())]
    NotJson {
        /// Which one.
        path: PathBuf,
        /// Where it is wrong.
        source: serde_json::Error,
    },
    /// A file that was named holds no vectors of a known format.
    #[error("`{}` holds no vectors of a known format", path.display())]
    UnknownFormat {
        /// Which one.
        path: PathBuf,
    },
}

/// Runs files of vectors, and all `.json` files below directories.
///
/// A file that a directory holds and that is not of a known format is skipped, and the report says
/// so.
///
/// # Errors
/// When a path cannot be read, or a file that was named itself is not of a known format.
pub fn run(paths: &[impl AsRef<Path>], options: &Options) -> Result<Report, VectorError> {
    let mut report = Report::default();
    for path in paths {
        let path = path.as_ref();
        let about = |source| VectorError::Io { path: path.to_owned(), source };
        if fs::metadata(path).map_err(about)?.is_dir() {
            for file in json_files(path)? {
                if let Err(error) = run_file(&file, options, &mut report) {
                    report.skipped.push(Skipped { file, reason: error.to_string() });
                }
            }
        } else {
            run_file(path, options, &mut report)?;
        }
    }
    Ok(report)
}

/// The `.json` files below a directory, sorted. Links are not followed.
fn json_files(directory: &Path) -> Result<Vec<PathBuf>, VectorError> {
    let mut files = Vec::new();
    let mut open = vec![directory.to_owned()];
    while let Some(directory) = open.pop() {
        let about = |source| VectorError::Io { path: directory.clone(), source };
        for entry in fs::read_dir(&directory).map_err(about)? {
            let entry = entry.map_err(about)?;
            let path = entry.path();
            let file_type = entry.file_type().map_err(about)?;
            if file_type.is_dir() {
                open.push(path);
            } else if file_type.is_file() && path.extension().is_some_and(|end| end == "json") {
                files.push(path);
            }
        }
    }
    files.sort();
    Ok(files)
}

fn run_file(path: &Path, options: &Options, report: &mut Report) -> Result<(), VectorError> {
    let bytes =
        fs::read(path).map_err(|source| VectorError::Io { path: path.to_owned(), source })?;
    let file: Value = serde_json::from_slice(&bytes)
        .map_err(|source| VectorError::NotJson { path: path.to_owned(), source })?;
    let unknown = || VectorError::UnknownFormat { path: path.to_owned() };
    let file = file.as_object().ok_or_else(unknown)?;
    let (check, cases) = format(file).ok_or_else(unknown)?;
    let suite = Suite { file, options };
    for (at, case) in cases.iter().enumerate() {
        let id = match case.get("id").and_then(Value::as_str) {
            Some(id) => id.to_owned(),
            None => format!("#{at}"),
        };
        let outcome = match case.as_object() {
            Some(case) => check(&suite, case),
            None => Err(case::malformed("an object")),
        };
        report.count(path, &id, case, outcome, options);
    }
    Ok(())
}

/// How the cases of a file are checked, and the cases: those of the first list that has a case of
/// a known form.
fn format(file: &Map<String, Value>) -> Option<(Check, &[Value])> {
    let lists: [(&str, &[&[&str]], Check); 3] = [
        ("cases", &[&["filter", "valid"], &["path", "valid"], &["before"]], check_case),
        ("filters", &[&["filter", "syntax"]], rfc::check_filter),
        ("paths", &[&["path", "syntax"]], rfc::check_path),
    ];
    lists.into_iter().find_map(|(list, forms, check)| {
        let cases = file.get(list)?.as_array()?;
        let has = |case: &Value, form: &[&str]| form.iter().all(|name| case.get(name).is_some());
        let known = |case: &Value| forms.iter().any(|form| has(case, form));
        cases.iter().any(known).then_some((check, cases.as_slice()))
    })
}

fn check_case(suite: &Suite<'_>, case: &case::Case) -> Result<(), case::Mismatch> {
    let has = |name: &str| case.contains_key(name);
    if has("before") {
        patch::check(suite, case)
    } else if has("filter") {
        filter::check(suite, case)
    } else if has("path") {
        path::check(suite, case)
    } else {
        Err(case::malformed("`filter`, `path` or `before`"))
    }
}
