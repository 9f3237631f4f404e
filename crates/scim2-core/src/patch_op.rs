//! The PATCH message (RFC 7644 §3.5.2): reading it, writing it, building it.

use std::fmt;

use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};
use serde_json::{Map, Value};

use crate::error::Error;
use crate::json;
use crate::policy::Policy;

/// The URN of PATCH messages.
pub const PATCH_OP_SCHEMA: &str = "urn:ietf:params:scim:api:messages:2.0:PatchOp";

/// A PATCH request's body: operations, to be applied in order and all or none.
///
/// Building one takes paths as text; they are parsed when the request is applied.
///
/// ```
/// use scim2_core::patch_op::PatchOp;
/// let op = PatchOp::new()
///     .replace("name.familyName", "Jensen")
///     .remove(r#"emails[type eq "home"]"#);
/// assert_eq!(
///     serde_json::to_value(&op)?,
///     serde_json::json!({
///         "schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"],
///         "Operations": [
///             { "op": "replace", "path": "name.familyName", "value": "Jensen" },
///             { "op": "remove", "path": "emails[type eq \"home\"]" },
///         ],
///     })
/// );
/// # Ok::<(), serde_json::Error>(())
/// ```
///
/// `Debug` prints kinds and paths of the operations, without values and without what stands in
/// a path's brackets.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct PatchOp {
    /// The operations, in the order in which they are applied.
    pub operations: Vec<PatchOperation>,
}

impl PatchOp {
    /// A message without operations yet. On the wire it needs at least one.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The same message with one more operation, which adds a value (RFC 7644 §3.5.2.1).
    #[must_use]
    pub fn add(self, path: impl Into<Box<str>>, value: impl Into<Value>) -> Self {
        self.with(PatchOperation::add(path, value))
    }

    /// The same message with one more operation, which replaces a value (RFC 7644 §3.5.2.3).
    #[must_use]
    pub fn replace(self, path: impl Into<Box<str>>, value: impl Into<Value>) -> Self {
        self.with(PatchOperation::replace(path, value))
    }

    /// The same message with one more operation, which removes a value (RFC 7644 §3.5.2.2).
    #[must_use]
    pub fn remove(self, path: impl Into<Box<str>>) -> Self {
        self.with(PatchOperation::remove(path))
    }

    /// The same message with one more operation.
    #[must_use]
    pub fn with(mut self, operation: PatchOperation) -> Self {
        self.operations.push(operation);
        self
    }

    /// Whether there is no operation.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.operations.is_empty()
    }

    /// Reads a request body. Members match in any case, and so do the kinds of operation:
    /// Entra ID sends `"op": "Add"` (rulings P01 to P05).
    ///
    /// # Errors
    /// `invalidSyntax` when the bytes are no JSON object, or the object is no PATCH message: no
    /// PatchOp URN in `schemas` (unless [`schemas_optional`]), `Operations` missing, no array or
    /// empty, an operation without `op` or with one that is not add, remove or replace, a path
    /// that is no text. What an operation says is checked when it is applied.
    ///
    /// [`schemas_optional`]: crate::policy::MessagePolicy::schemas_optional
    pub fn from_slice(body: &[u8], policy: &Policy) -> Result<Self, Error> {
        Self::from_map(json::parse_object(body)?, policy)
    }

    /// Reads a message from parsed JSON, such as the `data` of a bulk operation.
    ///
    /// # Errors
    /// As [`from_slice`](Self::from_slice).
    pub fn from_map(mut message: Map<String, Value>, policy: &Policy) -> Result<Self, Error> {
        check_schemas(take(&mut message, "schemas")?, policy)?;
        let operations = match take(&mut message, "Operations")? {
            Some(Value::Array(operations)) if operations.is_empty() => {
                return Err(Error::invalid_syntax("`Operations` must hold at least one operation"));
            }
            Some(Value::Array(operations)) => operations,
            Some(_) => return Err(Error::invalid_syntax("`Operations` must be an array")),
            None => return Err(Error::invalid_syntax("a PATCH request needs `Operations`")),
        };
        let operations = operations
            .into_iter()
            .enumerate()
            .map(|(i, operation)| PatchOperation::from_value(i, operation))
            .collect::<Result<_, _>>()?;
        Ok(Self { operations })
    }
}

/// One operation of a PATCH message.
#[derive(Clone, PartialEq)]
#[non_exhaustive]
pub struct PatchOperation {
    /// What is done.
    pub op: PatchOpKind,
    /// What it is done to; the resource itself if there is none.
    pub path: Option<Box<str>>,
    /// The value that is added or put in place; `null` is a value.
    pub value: Option<Value>,
}

impl PatchOperation {
    /// An operation.
    #[must_use]
    pub fn new(op: PatchOpKind, path: Option<Box<str>>, value: Option<Value>) -> Self {
        Self { op, path, value }
    }

    /// Adds `value` at `path`.
    #[must_use]
    pub fn add(path: impl Into<Box<str>>, value: impl Into<Value>) -> Self {
        Self::new(PatchOpKind::Add, Some(path.into()), Some(value.into()))
    }

    /// Puts `value` in the place of what is at `path`.
    #[must_use]
    pub fn replace(path: impl Into<Box<str>>, value: impl Into<Value>) -> Self {
        Self::new(PatchOpKind::Replace, Some(path.into()), Some(value.into()))
    }

    /// Removes what is at `path`.
    #[must_use]
    pub fn remove(path: impl Into<Box<str>>) -> Self {
        Self::new(PatchOpKind::Remove, Some(path.into()), None)
    }

    fn from_value(index: usize, operation: Value) -> Result<Self, Error> {
        let Value::Object(mut members) = operation else {
            return Err(Error::invalid_syntax(format_args!(
                "`Operations[{index}]` must be a JSON object"
            )));
        };
        let op = match take(&mut members, "op")? {
            Some(Value::String(op)) => PatchOpKind::parse(&op).ok_or_else(|| {
                Error::invalid_syntax(format_args!(
                    "`Operations[{index}].op` must be `add`, `remove` or `replace`"
                ))
            })?,
            Some(_) => {
                return Err(Error::invalid_syntax(format_args!(
                    "`Operations[{index}].op` must be a string"
                )));
            }
            None => {
                return Err(Error::invalid_syntax(format_args!(
                    "`Operations[{index}]` needs `op`"
                )));
            }
        };
        let path = match take(&mut members, "path")? {
            None | Some(Value::Null) => None,
            Some(Value::String(path)) => Some(path.into_boxed_str()),
            Some(_) => {
                return Err(Error::invalid_syntax(format_args!(
                    "`Operations[{index}].path` must be a string"
                )));
            }
        };
        Ok(Self { op, path, value: take(&mut members, "value")? })
    }
}

impl fmt::Debug for PatchOperation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = self.path.as_deref().map(|path| match path.split_once('[') {
            // A filter's literals are data; they stay out of logs.
            Some((attribute, filter)) => {
                format!("{attribute}[…]{}", filter.rsplit_once(']').map_or("", |(_, sub)| sub))
            }
            None => path.to_owned(),
        });
        f.debug_struct("PatchOperation")
            .field("op", &self.op)
            .field("path", &path)
            .finish_non_exhaustive()
    }
}

/// What an operation does (RFC 7644 §3.5.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(clippy::exhaustive_enums, reason = "RFC 7644 §3.5.2 closes this set")]
pub enum PatchOpKind {
    /// Adds a value (RFC 7644 §3.5.2.1).
    Add,
    /// Removes a value (RFC 7644 §3.5.2.2).
    Remove,
    /// Replaces a value (RFC 7644 §3.5.2.3).
    Replace,
}

impl PatchOpKind {
    /// The keyword as it is written: in lower case.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Add => "add",
            Self::Remove => "remove",
            Self::Replace => "replace",
        }
    }

    /// Any case: Entra ID sends `Add`, `Remove` and `Replace` (ruling P01).
    fn parse(keyword: &str) -> Option<Self> {
        [Self::Add, Self::Remove, Self::Replace]
            .into_iter()
            .find(|kind| kind.as_str().eq_ignore_ascii_case(keyword))
    }
}

impl fmt::Display for PatchOpKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Serialize for PatchOp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut message = serializer.serialize_map(Some(2))?;
        message.serialize_entry("schemas", &[PATCH_OP_SCHEMA])?;
        message.serialize_entry("Operations", &self.operations)?;
        message.end()
    }
}

impl Serialize for PatchOperation {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut operation = serializer.serialize_map(None)?;
        operation.serialize_entry("op", self.op.as_str())?;
        if let Some(path) = &self.path {
            operation.serialize_entry("path", path)?;
        }
        if let Some(value) = &self.value {
            operation.serialize_entry("value", value)?;
        }
        operation.end()
    }
}

/// Takes a member out, in whatever case it is written (ruling P02).
fn take(members: &mut Map<String, Value>, name: &str) -> Result<Option<Value>, Error> {
    let mut keys = members.keys().filter(|key| key.eq_ignore_ascii_case(name));
    let Some(key) = keys.next().cloned() else {
        return Ok(None);
    };
    if keys.next().is_some() {
        return Err(Error::invalid_syntax(format_args!("`{name}` is there twice")));
    }
    Ok(members.remove(&key))
}

/// The PatchOp URN must be among `schemas` (RFC 7644 §3.5.2, ruling P03).
fn check_schemas(schemas: Option<Value>, policy: &Policy) -> Result<(), Error> {
    let listed = match &schemas {
        Some(Value::Array(urns)) => urns
            .iter()
            .filter_map(Value::as_str)
            .any(|urn| urn.eq_ignore_ascii_case(PATCH_OP_SCHEMA)),
        _ => false,
    };
    if listed || policy.messages.schemas_optional {
        return Ok(());
    }
    Err(Error::invalid_syntax(format_args!("`schemas` must hold `{PATCH_OP_SCHEMA}`")))
}
