//! What is wrong with a resource, each thing with its place.

use std::fmt;

use crate::error::{Error, ScimType};
use crate::json::Shown;

/// How many violations of one body an error tells; the rest is only counted.
const MAX_VIOLATIONS: usize = 20;

/// How many violations of one body are listed for whoever wants all of them.
const MAX_LISTED: usize = 10_000;

/// One thing that is wrong with a resource, and where.
///
/// It never holds a value, only names and types, so that it may be logged.
///
/// `Display` is a sentence with the place in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    path: Box<str>,
    problem: Problem,
}

impl Violation {
    pub(crate) fn new(path: impl Into<Box<str>>, problem: Problem) -> Self {
        Self { path: path.into(), problem }
    }

    /// Where: `emails[1].value`, with the URN of an extension before it.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.path
    }

    /// What a request would be refused with for this alone.
    #[must_use]
    pub fn scim_type(&self) -> ScimType {
        self.problem.scim_type()
    }
}

/// What can be wrong with an attribute.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Problem {
    /// No schema of the resource type defines it.
    Unknown {
        /// `invalidSyntax` in a body (W03), `invalidValue` in a PATCH value (P36).
        scim_type: ScimType,
        /// The URN under which there is an attribute of this name.
        meant: Option<Box<str>>,
    },
    /// It is required, and is missing or unassigned.
    Missing,
    /// It is required, and is an empty string.
    Empty,
    /// The JSON type is not the one of the attribute.
    WrongType {
        /// What is allowed: `a boolean`.
        expected: &'static str,
        /// What was found: `a string`.
        found: &'static str,
    },
    /// The JSON type is right, the text or number is not.
    Malformed {
        /// What is allowed: `a dateTime such as …`.
        expected: &'static str,
    },
    /// The value is not one of the `canonicalValues`.
    NotCanonical {
        /// The values that are.
        allowed: Vec<String>,
    },
    /// More than one element has `primary` true.
    SeveralPrimary {
        /// How many.
        count: usize,
    },
    /// `$ref` and `value` name two different resources.
    ReferenceMismatch,
    /// `schemas` is missing or empty.
    SchemasMissing,
    /// `schemas` has a URN that the resource type does not know.
    UnknownSchema {
        /// The URN as written.
        schema: Box<str>,
        /// The base schema's URN, which belongs there.
        base: Box<str>,
    },
    /// `schemas` lacks the base schema's URN.
    BaseSchemaMissing {
        /// The URN.
        base: Box<str>,
    },
    /// `schemas` has an extension's URN and the resource has none of its attributes, or the other
    /// way round.
    SchemasMismatch {
        /// The extension's URN.
        schema: Box<str>,
    },
    /// The attribute is immutable and would change.
    Immutable,
    /// The attribute is readOnly and would change.
    ReadOnly,
}

impl Problem {
    fn scim_type(&self) -> ScimType {
        match self {
            Self::Unknown { scim_type, .. } => scim_type.clone(),
            Self::SchemasMissing
            | Self::UnknownSchema { .. }
            | Self::BaseSchemaMissing { .. }
            | Self::SchemasMismatch { .. } => ScimType::InvalidSyntax,
            Self::Immutable | Self::ReadOnly => ScimType::Mutability,
            _ => ScimType::InvalidValue,
        }
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = Shown(&self.path);
        match &self.problem {
            Problem::Unknown { meant: None, .. } => write!(f, "unknown attribute `{path}`"),
            Problem::Unknown { meant: Some(uri), .. } => {
                write!(f, "unknown attribute `{path}`: it belongs into the object `{uri}`")
            }
            Problem::Missing => write!(f, "`{path}` is required"),
            Problem::Empty => write!(f, "`{path}` is required and must not be empty"),
            Problem::WrongType { expected, found } => {
                write!(f, "`{path}` must be {expected}, found {found}")
            }
            Problem::Malformed { expected } => write!(f, "`{path}` must be {expected}"),
            Problem::NotCanonical { allowed } => {
                write!(f, "`{path}` must be one of")?;
                for (i, value) in allowed.iter().enumerate() {
                    write!(f, "{} `{}`", if i > 0 { "," } else { "" }, Shown(value))?;
                }
                Ok(())
            }
            Problem::SeveralPrimary { count } => {
                write!(f, "`{path}` has {count} values with `primary` true, at most 1 is allowed")
            }
            Problem::ReferenceMismatch => {
                write!(f, "`{path}` has a `$ref` and a `value` that name different resources")
            }
            Problem::SchemasMissing => write!(f, "`{path}` is required and must not be empty"),
            Problem::UnknownSchema { schema, base } => write!(
                f,
                "`{path}` has `{}`, which is neither `{base}` nor one of its extensions",
                Shown(schema)
            ),
            Problem::BaseSchemaMissing { base } => write!(f, "`{path}` must have `{base}`"),
            Problem::SchemasMismatch { schema } => write!(
                f,
                "`{path}` and the attributes disagree about the extension `{}`",
                Shown(schema)
            ),
            Problem::Immutable => write!(f, "`{path}` is immutable and has another value already"),
            Problem::ReadOnly => write!(f, "`{path}` is readOnly"),
        }
    }
}

/// All violations found in one body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Violations {
    list: Vec<Violation>,
    limit: usize,
    more: usize,
}

impl Default for Violations {
    fn default() -> Self {
        Self { list: Vec::new(), limit: MAX_VIOLATIONS, more: 0 }
    }
}

impl Violations {
    pub(crate) fn push(&mut self, path: impl Into<Box<str>>, problem: Problem) {
        if self.list.len() < self.limit {
            self.list.push(Violation::new(path, problem));
        } else {
            self.more += 1;
        }
    }

    /// Keeps more than an error would tell.
    pub(crate) fn to_be_listed() -> Self {
        Self { limit: MAX_LISTED, ..Self::default() }
    }

    pub(crate) fn into_list(self) -> Vec<Violation> {
        self.list
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// Whether something is wrong at exactly this place.
    pub(crate) fn contains(&self, path: &str) -> bool {
        self.list.iter().any(|violation| &*violation.path == path)
    }

    /// How many there are, to come back to.
    pub(crate) fn mark(&self) -> (usize, usize) {
        (self.list.len(), self.more)
    }

    /// Forgets what was added since the mark, and says whether there was any.
    pub(crate) fn rewind(&mut self, mark: (usize, usize)) -> bool {
        let any = self.mark() != mark;
        self.list.truncate(mark.0);
        self.more = mark.1;
        any
    }

    /// Nothing, or one error that tells all of them; its `scimType` is that of the first.
    pub(crate) fn into_result(self) -> Result<(), Error> {
        if self.is_empty() { Ok(()) } else { Err(self.into()) }
    }
}

impl From<Violations> for Error {
    fn from(violations: Violations) -> Self {
        let Some(first) = violations.list.first() else { return Self::internal() };
        Self::bad_request(first.problem.scim_type()).detail(violations)
    }
}

impl fmt::Display for Violations {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, violation) in self.list.iter().enumerate() {
            write!(f, "{}{violation}", if i > 0 { "; " } else { "" })?;
        }
        if self.more > 0 { write!(f, "; and {} more", self.more) } else { Ok(()) }
    }
}
