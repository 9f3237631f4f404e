//! The document that everything works on.

use std::fmt;

use bytes::Bytes;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::catalog::ResourceType;
use crate::change::ChangeSet;
use crate::error::Error;
use crate::patch_op::PatchOp;
use crate::policy::Policy;

/// A resource (RFC 7643 §3): one JSON object, its keys in the spelling of the schema.
///
/// [`ResourceType::ingest`](crate::ResourceType::ingest) makes one from a request's bytes. The
/// typed views [`User`](crate::user::User) and [`Group`](crate::group::Group) convert from and
/// to it without loss.
///
/// `Debug` prints the names of the attributes and none of their values, so that a resource in a
/// log line gives nobody's data away.
///
/// ```
/// use scim2_core::Resource;
/// let resource: Resource = serde_json::from_str(r#"{"id": "2819c223", "userName": "bjensen"}"#)?;
/// assert_eq!(resource.id(), Some("2819c223"));
/// assert_eq!(format!("{resource:?}"), "Resource { id, userName }");
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Resource(Map<String, Value>);

impl Resource {
    /// A resource without attributes.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The `id`, if the resource has one yet.
    #[must_use]
    pub fn id(&self) -> Option<&str> {
        self.text("id")
    }

    /// The provisioning client's own identifier. It never stands in for [`id`](Self::id).
    #[must_use]
    pub fn external_id(&self) -> Option<&str> {
        self.text("externalId")
    }

    /// The URNs in `schemas`.
    pub fn schemas(&self) -> impl Iterator<Item = &str> {
        self.get("schemas")
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
    }

    /// The value of a top-level key: an attribute, or an extension's URN.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.0.get(name)
    }

    /// The value of a top-level key if it is text.
    #[must_use]
    pub fn text(&self, name: &str) -> Option<&str> {
        self.get(name).and_then(Value::as_str)
    }

    /// Sets a top-level key and returns what was there.
    pub fn insert(&mut self, name: impl Into<String>, value: impl Into<Value>) -> Option<Value> {
        self.0.insert(name.into(), value.into())
    }

    /// Takes a top-level key out.
    pub fn remove(&mut self, name: &str) -> Option<Value> {
        self.0.remove(name)
    }

    /// The whole object.
    #[must_use]
    pub fn as_map(&self) -> &Map<String, Value> {
        &self.0
    }

    /// The whole object, to change.
    pub fn as_map_mut(&mut self) -> &mut Map<String, Value> {
        &mut self.0
    }

    /// The whole object, taken out.
    #[must_use]
    pub fn into_map(self) -> Map<String, Value> {
        self.0
    }

    /// The JSON text.
    #[must_use]
    pub fn to_bytes(&self) -> Bytes {
        // A map of JSON values always has a JSON text.
        serde_json::to_vec(&self.0).unwrap_or_default().into()
    }

    /// The same document as a typed view.
    ///
    /// # Errors
    /// `invalidValue` when an attribute has a type that the view does not take.
    pub fn to_typed<T: DeserializeOwned>(&self) -> Result<T, Error> {
        T::deserialize(&Value::Object(self.0.clone())).map_err(Error::invalid_value)
    }

    /// A typed view as a document.
    ///
    /// # Errors
    /// `invalidValue` when the view does not serialize to a JSON object.
    pub fn from_typed<T: Serialize>(typed: &T) -> Result<Self, Error> {
        match serde_json::to_value(typed).map_err(Error::invalid_value)? {
            Value::Object(map) => Ok(Self(map)),
            _ => Err(Error::invalid_value("a resource must be a JSON object")),
        }
    }
}

impl From<Map<String, Value>> for Resource {
    fn from(map: Map<String, Value>) -> Self {
        Self(map)
    }
}

impl From<Resource> for Value {
    fn from(resource: Resource) -> Self {
        Self::Object(resource.0)
    }
}

impl fmt::Debug for Resource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Resource { ")?;
        for (i, name) in self.0.keys().enumerate() {
            if i > 0 {
                f.write_str(", ")?;
            }
            f.write_str(name)?;
        }
        f.write_str(" }")
    }
}

/// Something that passed validation against its resource type.
///
/// Only the validator makes one, so a store that takes `Valid<Resource>` cannot be given anything
/// else.
#[derive(Clone, Debug, PartialEq)]
pub struct Valid<T>(T);

impl<T> Valid<T> {
    /// What the validator hands out.
    pub(crate) fn new(inner: T) -> Self {
        Self(inner)
    }

    /// The valid thing, as an ordinary one.
    pub fn into_inner(self) -> T {
        self.0
    }
}

impl<T> std::ops::Deref for Valid<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

impl ResourceType {
    /// What a PATCH request makes of a stored resource, and what it changes in it: as
    /// [`patch`](Self::patch), on a copy, and ready to be stored.
    ///
    /// # Errors
    /// As [`patch`](Self::patch).
    pub fn patched(
        &self,
        before: &Resource,
        op: &PatchOp,
        policy: &Policy,
    ) -> Result<(Valid<Resource>, ChangeSet), Error> {
        let mut after = before.clone();
        let changes = self.patch(&mut after, op, policy)?;
        Ok((Valid::new(after), changes))
    }
}

/// The identifier that the service provider gave a resource (RFC 7643 §3.1): opaque, compared
/// exactly.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ResourceId(Box<str>);

impl ResourceId {
    /// The identifier's text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<&str> for ResourceId {
    fn from(text: &str) -> Self {
        Self(text.into())
    }
}

impl From<String> for ResourceId {
    fn from(text: String) -> Self {
        Self(text.into_boxed_str())
    }
}

impl fmt::Display for ResourceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
