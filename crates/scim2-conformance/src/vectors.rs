//! Runs files of test vectors.
//!
//! What a file holds tells its format:
//!
//! | member | format |
//! |---|---|
//! | `cases`, each with `filter` and `valid` | filters: accepted or not, `ast`, and what they match |
//! | `cases`, each with `path` and `valid` | PATCH paths: accepted or not |
//! | `cases`, each with `before` and `ops` (or `request`) | PATCH requests: `after` or `error` |
//! | `filters`, each with `syntax` | filters with canonical form and outcome on User |
//! | `paths`, each with `syntax` | PATCH paths with their parts and outcome on User |
//! | `request` and `response` | one HTTP exchange: the request is taken, the answer is read |
//! | `vendor`, and `cases`, each with `direction` | captures: requests are taken and applied under the vendor's policy, answers are read |
//! | a resource, a message, a schema, or an array of them | it is read and written again without loss |
//!
//! Cases run against an open resource type, under the strict policy, unless the file or the case
//! has a `resource_type` (`User`, `Group`) or a `policy` of its own. The policy of a vendor's captures
//! has the vendor's name, and must be among the [`Options`]. A case with `dubious` expects
//! what the RFC leaves open or contradicts: it is reported, and never a failure.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use scim2_core::Policy;
use serde_json::{Map, Value};

mod case;
mod document;
mod exchange;
mod filter;
mod open;
mod patch;
mod path;
mod report;
mod request;
mod rfc;

pub use report::{Disagreement, Report, Skipped};

use case::Suite;

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
    entries: Vec<Entry>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Entry {
    file: String,
    case: String,
    digest: String,
    reason: String,
}

impl ExpectedFailures {
    /// The list that belongs to the vectors of this crate, `vectors/expected_failures.txt`.
    #[must_use]
    pub fn known() -> Self {
        Self::parse(include_str!("../vectors/expected_failures.txt"))
    }

    /// Reads a list: a line for each case, with the file, the case's id, the case's digest and the
    /// reason, separated by blanks. Empty lines and lines that begin with `#` do not count.
    ///
    /// File and id are for people. What counts is the digest, so that no other case is excused,
    /// whatever its file is called: 64-bit FNV-1a over the case's JSON, keys sorted, no white
    /// space.
    ///
    /// ```text
    /// filter/elimity.json #84 0123456789abcdef F21: `co` does not apply to dateTime
    /// ```
    #[must_use]
    pub fn parse(text: &str) -> Self {
        let lines = text.lines().filter(|line| !line.starts_with('#'));
        let entries = lines.filter_map(|line| {
            let mut parts = line.trim().splitn(4, ' ').map(str::to_owned);
            let (file, case) = (parts.next()?, parts.next()?);
            Some(Entry { file, case, digest: parts.next()?, reason: parts.next()? })
        });
        Self { entries: entries.collect() }
    }

    /// File and case of each entry.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.entries.iter().map(|entry| (entry.file.as_str(), entry.case.as_str()))
    }

    fn reason(&self, case: &Value) -> Option<&str> {
        let digest = digest(case);
        let found = self.entries.iter().find(|entry| entry.digest == digest)?;
        Some(&found.reason)
    }
}

/// By what a case is known; see [`ExpectedFailures::parse`].
fn digest(case: &Value) -> String {
    let hash = case.to_string().bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    format!("{hash:016x}")
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
    let format = format(&file).ok_or_else(unknown)?;
    let empty = Map::new();
    let suite = Suite { file: file.as_object().unwrap_or(&empty), options };
    let cases = format.cases(&file);
    let mut run = 0;
    for (at, case) in cases.iter().enumerate() {
        let id = match case.get("id").and_then(Value::as_str) {
            Some(id) if format != Format::Documents => id.to_owned(),
            _ => format!("#{at}"),
        };
        let object = case.as_object();
        if format == Format::Captures
            && let Some(reason) = object.and_then(|case| exchange::not_run(&suite, case))
        {
            let reason = format!("`{}` {id}: {reason}", path.display());
            report.skipped.push(Skipped { file: path.to_owned(), reason });
            continue;
        }
        run += 1;
        let outcome = match object {
            Some(case) => format.check(&suite, case),
            None => Err(case::malformed("an object")),
        };
        report.count(path, &id, case, outcome, options);
    }
    if run == 0 {
        // One line says it.
        report.skipped.retain(|skipped| skipped.file != path);
        return Err(unknown());
    }
    Ok(())
}

/// What a file is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Format {
    /// `cases` of filters, paths and PATCH requests.
    Cases,
    /// `filters` of the RFCs.
    Filters,
    /// `paths` of the RFCs.
    Paths,
    /// One exchange.
    Exchange,
    /// `cases` that a vendor sends or answers.
    Captures,
    /// A document, or several.
    Documents,
}

fn format(file: &Value) -> Option<Format> {
    let has = |case: &Value, form: &[&str]| form.iter().all(|name| case.get(name).is_some());
    let any = |list: &str, forms: &[&[&str]]| {
        let cases = file.get(list).and_then(Value::as_array);
        let known = |case: &Value| forms.iter().any(|form| has(case, form));
        cases.is_some_and(|cases| cases.iter().any(known))
    };
    if any("cases", &[&["filter", "valid"], &["path", "valid"], &["before"]]) {
        Some(Format::Cases)
    } else if any("cases", &[&["direction"]]) {
        Some(Format::Captures)
    } else if any("filters", &[&["filter", "syntax"]]) {
        Some(Format::Filters)
    } else if any("paths", &[&["path", "syntax"]]) {
        Some(Format::Paths)
    } else if has(file, &["request", "response"]) {
        Some(Format::Exchange)
    } else {
        let known = |document: &Value| document::Kind::of(document).is_some();
        let documents = file.as_array().map_or(std::slice::from_ref(file), Vec::as_slice);
        (!documents.is_empty() && documents.iter().all(known)).then_some(Format::Documents)
    }
}

impl Format {
    fn cases(self, file: &Value) -> &[Value] {
        let list = match self {
            Self::Cases | Self::Captures => file.get("cases"),
            Self::Filters => file.get("filters"),
            Self::Paths => file.get("paths"),
            Self::Exchange | Self::Documents => Some(file),
        };
        match list {
            Some(Value::Array(cases)) => cases,
            Some(file) => std::slice::from_ref(file),
            None => &[],
        }
    }

    fn check(self, suite: &Suite<'_>, case: &case::Case) -> Result<(), case::Mismatch> {
        match self {
            Self::Cases => check_case(suite, case),
            Self::Filters => rfc::check_filter(suite, case),
            Self::Paths => rfc::check_path(suite, case),
            Self::Exchange => exchange::check(suite, case),
            Self::Captures => exchange::check_capture(suite, case),
            Self::Documents => {
                let document = Value::Object(case.clone());
                match document::Kind::of(&document) {
                    Some(kind) => kind.check_nothing_lost(&document),
                    None => Err(case::malformed("a resource, a schema or a message")),
                }
            }
        }
    }
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
