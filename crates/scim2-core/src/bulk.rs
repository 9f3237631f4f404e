//! Several requests in one (RFC 7644 §3.7).

use std::fmt;

use http::StatusCode;
use serde::de::{
    self, Deserialize, Deserializer, IgnoredAny, IntoDeserializer, MapAccess, Unexpected, Visitor,
};
use serde::ser::Serializer;
use serde_json::Value;

use crate::error::Error;
use crate::etag::Version;
use crate::policy::Policy;
use crate::view::{Single, open_keywords, view};

/// The URN of BulkRequest messages.
pub const BULK_REQUEST_SCHEMA: &str = "urn:ietf:params:scim:api:messages:2.0:BulkRequest";
/// The URN of BulkResponse messages.
pub const BULK_RESPONSE_SCHEMA: &str = "urn:ietf:params:scim:api:messages:2.0:BulkResponse";

view! {
    /// Requests to be worked through in one go (RFC 7644 §3.7).
    ///
    /// ```
    /// use scim2_core::bulk::{BulkMethod, BulkOperation, BulkRequest};
    /// let request = BulkRequest::new(vec![BulkOperation::new(BulkMethod::Delete, "/Users/2819c223")]);
    /// assert_eq!(
    ///     serde_json::to_value(&request)?,
    ///     serde_json::json!({
    ///         "schemas": ["urn:ietf:params:scim:api:messages:2.0:BulkRequest"],
    ///         "Operations": [{ "method": "DELETE", "path": "/Users/2819c223" }],
    ///     })
    /// );
    /// # Ok::<(), serde_json::Error>(())
    /// ```
    #[derive(Clone, Debug, Default, PartialEq)]
    #[non_exhaustive]
    pub struct BulkRequest schemas BULK_REQUEST_SCHEMA {
        /// The URNs of the message; completed when written.
        pub schemas: Vec<String> = "schemas",
        /// After how many errors the rest is left undone; none means never.
        pub fail_on_errors: Option<u64> = "failOnErrors",
        /// The requests, in order.
        pub operations: Vec<BulkOperation> = "Operations" always,
    }
}

view! {
    /// One request of a bulk message (RFC 7644 §3.7).
    #[derive(Clone, Debug, Default, PartialEq)]
    #[non_exhaustive]
    pub struct BulkOperation {
        /// The HTTP method.
        pub method: Option<BulkMethod> = "method",
        /// The name by which other operations refer to the resource that this one creates.
        pub bulk_id: Option<String> = "bulkId",
        /// The version that the resource must have, like an If-Match header (ruling B08).
        pub version: Option<Version> = "version",
        /// Where the request goes, relative to the base URL.
        pub path: Option<String> = "path",
        /// The body of the request.
        pub data: Option<Value> = "data",
    }
}

view! {
    /// What became of the requests of a bulk message (RFC 7644 §3.7).
    #[derive(Clone, Debug, Default, PartialEq)]
    #[non_exhaustive]
    pub struct BulkResponse schemas BULK_RESPONSE_SCHEMA {
        /// The URNs of the message; completed when written.
        pub schemas: Vec<String> = "schemas",
        /// The results, in the order of the requests (ruling B07).
        pub operations: Vec<BulkResult> = "Operations" always,
    }
}

view! {
    /// What became of one request of a bulk message (RFC 7644 §3.7.3).
    #[derive(Clone, Debug, Default, PartialEq)]
    #[non_exhaustive]
    pub struct BulkResult {
        /// Where the resource is; absent where a POST failed (ruling B11).
        pub location: Option<String> = "location",
        /// The HTTP method of the request.
        pub method: Option<BulkMethod> = "method",
        /// The name of the created resource, as the request gave it.
        pub bulk_id: Option<String> = "bulkId",
        /// The version of the resource.
        pub version: Option<Version> = "version",
        /// The HTTP status. It is written as text and read in every form of SCIM's history: text,
        /// number, or an object with a `code` (ruling B01).
        pub status: Option<StatusCode> = "status",
        /// The body, for errors.
        pub response: Option<Value> = "response",
    }
}

open_keywords! {
    /// The method of a bulk operation (RFC 7644 §3.7).
    pub enum BulkMethod {
        /// Creates a resource.
        Post = "POST",
        /// Replaces a resource.
        Put = "PUT",
        /// Changes a resource.
        Patch = "PATCH",
        /// Deletes a resource.
        Delete = "DELETE",
    }
}

impl BulkRequest {
    /// A request that works through all operations, whatever fails.
    #[must_use]
    pub fn new(operations: Vec<BulkOperation>) -> Self {
        Self { operations, ..Self::default() }
    }

    /// The same request, given up after this many errors.
    #[must_use]
    pub fn with_fail_on_errors(self, errors: u64) -> Self {
        Self { fail_on_errors: Some(errors), ..self }
    }

    /// Reads a request's body as a service provider.
    ///
    /// Operations are not checked here: each is answered by itself.
    ///
    /// # Errors
    /// 400 `invalidSyntax` when the body is not a BulkRequest message (ruling B03); 400
    /// `invalidValue` for `failOnErrors` below 1 (ruling B02).
    pub fn from_slice(body: &[u8], policy: &Policy) -> Result<Self, Error> {
        let members = crate::json::parse_object(body)?;
        let member = |name: &str| {
            members.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value)
        };
        if !policy.messages.schemas_optional && !lists_schema(member("schemas")) {
            return Err(Error::invalid_syntax(format_args!(
                "the body must list `{BULK_REQUEST_SCHEMA}` in `schemas`"
            )));
        }
        if !member("Operations").is_some_and(Value::is_array) {
            return Err(Error::invalid_syntax("the body must have an array `Operations`"));
        }
        match member("failOnErrors") {
            None | Some(Value::Null) => {}
            Some(Value::Number(limit)) if limit.as_u64().is_some_and(|limit| limit > 0) => {}
            Some(_) => {
                return Err(Error::invalid_value(
                    "`failOnErrors` must be a whole number of at least 1",
                ));
            }
        }
        Self::deserialize(Value::Object(members).into_deserializer())
            .map_err(|error: serde_json::Error| Error::invalid_syntax(error))
    }
}

impl BulkOperation {
    /// A request without body.
    #[must_use]
    pub fn new(method: BulkMethod, path: impl Into<String>) -> Self {
        Self { method: Some(method), path: Some(path.into()), ..Self::default() }
    }

    /// The same request with a body.
    #[must_use]
    pub fn with_data(self, data: impl Into<Value>) -> Self {
        Self { data: Some(data.into()), ..self }
    }

    /// The same request, creating a resource that other operations call by this name.
    #[must_use]
    pub fn with_bulk_id(self, bulk_id: impl Into<String>) -> Self {
        Self { bulk_id: Some(bulk_id.into()), ..self }
    }

    /// The same request, done only if the resource has this version.
    #[must_use]
    pub fn with_version(self, version: Version) -> Self {
        Self { version: Some(version), ..self }
    }

    /// Whether the operation is one that can be carried out: one of the four methods, and a path
    /// below the base URL (ruling B09). What its body says is another matter.
    ///
    /// # Errors
    /// 400 `invalidSyntax` without a method or a path; 400 `invalidValue` for other methods, and
    /// for paths that are absolute, have a query, or lead to `/Me`, `/Bulk` or a search.
    pub fn check(&self) -> Result<(), Error> {
        match &self.method {
            Some(BulkMethod::Other(method)) => {
                return Err(Error::invalid_value(format_args!(
                    "`method` must be `POST`, `PUT`, `PATCH` or `DELETE`, not `{}`",
                    crate::json::Shown(method)
                )));
            }
            Some(_) => {}
            None => return Err(Error::invalid_syntax("an operation needs a `method`")),
        }
        let Some(path) = &self.path else {
            return Err(Error::invalid_syntax("an operation needs a `path`"));
        };
        let relative = path.strip_prefix('/').unwrap_or(path);
        let is = |segment: &str, name: &str| segment.eq_ignore_ascii_case(name);
        let leads_elsewhere = relative.is_empty()
            || relative.starts_with('/')
            || relative.contains("://")
            || relative.contains(['?', '#'])
            || relative.split('/').any(|segment| is(segment, ".search"))
            || relative.split('/').next().is_some_and(|first| is(first, "Me") || is(first, "Bulk"));
        if leads_elsewhere {
            return Err(Error::invalid_value(
                "`path` must lead to an endpoint or a resource below the base URL",
            ));
        }
        Ok(())
    }
}

impl BulkResponse {
    /// The results of all requests that were worked on.
    #[must_use]
    pub fn new(operations: Vec<BulkResult>) -> Self {
        Self { operations, ..Self::default() }
    }
}

impl BulkResult {
    /// The result of a request with this method.
    #[must_use]
    pub fn new(method: BulkMethod, status: StatusCode) -> Self {
        Self { method: Some(method), status: Some(status), ..Self::default() }
    }
}

fn lists_schema(schemas: Option<&Value>) -> bool {
    schemas
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .any(|urn| urn.eq_ignore_ascii_case(BULK_REQUEST_SCHEMA))
}

impl Single for StatusCode {
    fn read<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Status;

        impl<'de> Visitor<'de> for Status {
            type Value = StatusCode;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an HTTP status")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<StatusCode, E> {
                text.trim()
                    .parse()
                    .map_err(|_| E::invalid_value(Unexpected::Other("string"), &self))
            }

            fn visit_u64<E: de::Error>(self, number: u64) -> Result<StatusCode, E> {
                u16::try_from(number)
                    .ok()
                    .and_then(|number| StatusCode::from_u16(number).ok())
                    .ok_or_else(|| E::invalid_value(Unexpected::Unsigned(number), &self))
            }

            fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<StatusCode, A::Error> {
                struct Code(StatusCode);

                impl<'de> Deserialize<'de> for Code {
                    fn deserialize<D: Deserializer<'de>>(
                        deserializer: D,
                    ) -> Result<Self, D::Error> {
                        <StatusCode as Single>::read(deserializer).map(Code)
                    }
                }

                let mut status = None;
                while let Some(key) = members.next_key::<String>()? {
                    if key.eq_ignore_ascii_case("code") {
                        status = Some(members.next_value::<Code>()?.0);
                    } else {
                        members.next_value::<IgnoredAny>()?;
                    }
                }
                status.ok_or_else(|| de::Error::missing_field("code"))
            }
        }

        deserializer.deserialize_any(Status)
    }

    fn write<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}
