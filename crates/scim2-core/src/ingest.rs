//! From a request's bytes to a resource.

use serde::de::DeserializeSeed;
use serde_json::{Map, Value};

use crate::accept::{Reader, ResourceSeed, Source};
use crate::catalog::ResourceType;
use crate::error::Error;
use crate::json;
use crate::policy::{Policy, PutMissing};
use crate::resource::Resource;
use crate::violation::Violations;

impl ResourceType {
    /// Reads a resource from a request's body, in one pass over the bytes.
    ///
    /// Keys get the spelling of the schema (RFC 7643 §2.1), and what is null, `[]` or `{}` is left
    /// out, for it is unassigned (RFC 7643 §2.5). Values of the wrong type are refused, unless the
    /// policy has a tolerance for them; binary values get the standard alphabet. What only the
    /// service provider writes is kept if it is well-formed and ignored if it is not. The `$ref`
    /// of a reference to a SCIM resource is checked against `value`, or stands in for it, and is
    /// left out then. An id with three dots in it, as the examples of RFC 7644 §3.5.2 shorten
    /// ids, contradicts no other.
    ///
    /// ```
    /// use scim2_core::{Policy, ResourceType};
    /// let user = ResourceType::user();
    /// let body = br#"{"USERNAME": "bjensen", "title": null, "active": true}"#;
    /// let resource = user.ingest(body, &Policy::strict())?;
    /// assert_eq!(resource.text("userName"), Some("bjensen"));
    /// assert_eq!(resource.get("title"), None);
    ///
    /// let error = user.ingest(br#"{"userName": 5, "activ": true}"#, &Policy::strict()).unwrap_err();
    /// assert!(error.message().unwrap().starts_with(
    ///     "`userName` must be a string, found a number; unknown attribute `activ`",
    /// ));
    /// # Ok::<(), scim2_core::Error>(())
    /// ```
    ///
    /// # Errors
    /// `invalidSyntax` when the body is not a JSON object as [`json::parse_object`] wants it, or
    /// has an unknown attribute; `invalidValue` for values that do not fit. All violations are
    /// told in one error, with their places, whose `scimType` is that of the first.
    pub fn ingest(&self, body: &[u8], policy: &Policy) -> Result<Resource, Error> {
        let reader = Reader::new(self, policy, Source::Body);
        let map = json::from_object(body, ResourceSeed(&reader))?;
        self.ingested(map, reader.into_violations(), policy)
    }

    /// The same with values for attributes that the body does not name (RFC 7644 §3.3). One that it
    /// gives as null or `[]` is named, and stays unassigned.
    ///
    /// The keys of `defaults` are in schema spelling, and an extension's container is one of them.
    ///
    /// ```
    /// use scim2_core::{Policy, Resource, ResourceType};
    /// let mut defaults = Resource::new();
    /// defaults.insert("active", true);
    /// let (user, policy) = (ResourceType::user(), Policy::strict());
    /// let named = user.ingest_with(br#"{"userName": "b", "active": null}"#, &defaults, &policy)?;
    /// assert_eq!(named.get("active"), None);
    /// let silent = user.ingest_with(br#"{"userName": "b"}"#, &defaults, &policy)?;
    /// assert_eq!(silent.get("active"), Some(&true.into()));
    /// # Ok::<(), scim2_core::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`ingest`](Self::ingest).
    pub fn ingest_with(
        &self,
        body: &[u8],
        defaults: &Resource,
        policy: &Policy,
    ) -> Result<Resource, Error> {
        let reader = Reader::new(self, policy, Source::Body).with_defaults(defaults);
        let map = json::from_object(body, ResourceSeed(&reader))?;
        self.ingested(map, reader.into_violations(), policy)
    }

    /// The same as [`ingest`](Self::ingest) from JSON that is parsed already.
    ///
    /// Only whoever parsed it can have noticed a name that occurred twice in the same spelling.
    ///
    /// # Errors
    /// As [`ingest`](Self::ingest).
    pub fn normalize(&self, map: Map<String, Value>, policy: &Policy) -> Result<Resource, Error> {
        let (map, violations) = self.read(map, policy)?;
        self.ingested(map, violations, policy)
    }

    /// [`normalize`](Self::normalize), with what is wrong beside what is right.
    pub(crate) fn read(
        &self,
        map: Map<String, Value>,
        policy: &Policy,
    ) -> Result<(Map<String, Value>, Violations), Error> {
        let reader = Reader::new(self, policy, Source::Body);
        let map =
            ResourceSeed(&reader).deserialize(Value::Object(map)).map_err(Error::invalid_syntax)?;
        Ok((map, reader.into_violations()))
    }

    fn ingested(
        &self,
        map: Map<String, Value>,
        mut violations: Violations,
        policy: &Policy,
    ) -> Result<Resource, Error> {
        if !violations.is_empty() && policy.put.missing == PutMissing::Clear {
            // The body is refused anyhow: tell also what validation would.
            self.check_body(&map, policy, &mut violations);
        }
        violations.into_result()?;
        Ok(map.into())
    }
}
