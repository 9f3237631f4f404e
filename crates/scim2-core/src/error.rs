//! The protocol's error (RFC 7644 §3.12), and the only place that knows `scimType`.

use std::fmt;

use http::StatusCode;
use scim2_syntax::ParseError;
use serde::de::{self, Deserializer};
use serde::{Deserialize, Serialize, Serializer};
use serde_json::{Map, Value};

/// The URN of error messages.
pub const ERROR_SCHEMA: &str = "urn:ietf:params:scim:api:messages:2.0:Error";

/// Why a request was refused: HTTP status, `scimType`, and a sentence for a person.
///
/// ```
/// use scim2_core::{Error, ScimType};
/// let error = Error::bad_request(ScimType::InvalidValue).detail("attribute `userName` is required");
/// assert_eq!(
///     serde_json::to_value(&error).unwrap(),
///     serde_json::json!({
///         "schemas": ["urn:ietf:params:scim:api:messages:2.0:Error"],
///         "status": "400",
///         "scimType": "invalidValue",
///         "detail": "attribute `userName` is required",
///     })
/// );
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Error {
    status: StatusCode,
    scim_type: Option<ScimType>,
    detail: Option<Box<str>>,
}

impl Error {
    /// An error with this status, and nothing said about it yet.
    #[must_use]
    pub fn new(status: StatusCode) -> Self {
        Self { status, scim_type: None, detail: None }
    }

    /// 400 with a `scimType` of RFC 7644 Table 9.
    #[must_use]
    pub fn bad_request(scim_type: ScimType) -> Self {
        Self { scim_type: Some(scim_type), ..Self::new(StatusCode::BAD_REQUEST) }
    }

    /// 400 `invalidFilter`.
    #[must_use]
    pub fn invalid_filter(detail: impl fmt::Display) -> Self {
        Self::bad_request(ScimType::InvalidFilter).detail(detail)
    }

    /// 400 `invalidPath`.
    #[must_use]
    pub fn invalid_path(detail: impl fmt::Display) -> Self {
        Self::bad_request(ScimType::InvalidPath).detail(detail)
    }

    /// 400 `invalidSyntax`: the body is not the message it should be.
    #[must_use]
    pub fn invalid_syntax(detail: impl fmt::Display) -> Self {
        Self::bad_request(ScimType::InvalidSyntax).detail(detail)
    }

    /// 400 `invalidValue`: a value is missing, of the wrong type or not allowed.
    #[must_use]
    pub fn invalid_value(detail: impl fmt::Display) -> Self {
        Self::bad_request(ScimType::InvalidValue).detail(detail)
    }

    /// 400 `mutability`: a readOnly or immutable attribute would change.
    #[must_use]
    pub fn mutability(detail: impl fmt::Display) -> Self {
        Self::bad_request(ScimType::Mutability).detail(detail)
    }

    /// 400 `noTarget`: a PATCH path that selects nothing to work on.
    #[must_use]
    pub fn no_target(detail: impl fmt::Display) -> Self {
        Self::bad_request(ScimType::NoTarget).detail(detail)
    }

    /// 409 `uniqueness`: the value of this attribute is taken.
    #[must_use]
    pub fn uniqueness(attribute: impl fmt::Display) -> Self {
        Self { scim_type: Some(ScimType::Uniqueness), ..Self::new(StatusCode::CONFLICT) }
            .detail(format_args!("the value of attribute `{attribute}` is taken"))
    }

    /// 404 for a resource that is not there, or not visible to this client.
    #[must_use]
    pub fn not_found(what: impl fmt::Display) -> Self {
        Self::new(StatusCode::NOT_FOUND).detail(what)
    }

    /// 412: the resource is no longer in the version that the client named.
    #[must_use]
    pub fn precondition_failed() -> Self {
        Self::new(StatusCode::PRECONDITION_FAILED)
            .detail("the resource has changed since the version that the request names")
    }

    /// 500. The cause belongs into the log, not into the answer.
    #[must_use]
    pub fn internal() -> Self {
        Self::new(StatusCode::INTERNAL_SERVER_ERROR).detail("the request could not be completed")
    }

    /// 504: for this reason nobody knows whether the request did what it asks. A client should look
    /// before it tries again.
    ///
    /// ```
    /// use scim2_core::Error;
    /// let error = Error::unknown_outcome("the database was lost");
    /// assert_eq!(error.status(), 504);
    /// assert_eq!(error.message(), Some("the database was lost, and may have taken effect"));
    /// ```
    #[must_use]
    pub fn unknown_outcome(reason: impl fmt::Display) -> Self {
        Self::new(StatusCode::GATEWAY_TIMEOUT)
            .detail(format_args!("{reason}, and may have taken effect"))
    }

    /// 501: the protocol has it, this service provider does not.
    #[must_use]
    pub fn not_implemented(what: impl fmt::Display) -> Self {
        Self::new(StatusCode::NOT_IMPLEMENTED).detail(what)
    }

    /// The same error, explained.
    #[must_use]
    pub fn detail(mut self, detail: impl fmt::Display) -> Self {
        self.detail = Some(detail.to_string().into_boxed_str());
        self
    }

    /// The same error with a `scimType`.
    #[must_use]
    pub fn with_scim_type(mut self, scim_type: ScimType) -> Self {
        self.scim_type = Some(scim_type);
        self
    }

    /// The HTTP status.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        self.status
    }

    /// The keyword of RFC 7644 Table 9, where there is one.
    #[must_use]
    pub fn scim_type(&self) -> Option<&ScimType> {
        self.scim_type.as_ref()
    }

    /// What a person should know.
    #[must_use]
    pub fn message(&self) -> Option<&str> {
        self.detail.as_deref()
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.status.as_u16())?;
        if let Some(scim_type) = &self.scim_type {
            write!(f, " {scim_type}")?;
        }
        match &self.detail {
            Some(detail) => write!(f, ": {detail}"),
            None => Ok(()),
        }
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Error({self})")
    }
}

impl std::error::Error for Error {}

impl From<ParseError> for Error {
    /// The text of a filter did not parse. A PATCH path has [`Error::from_path`].
    fn from(error: ParseError) -> Self {
        Self::invalid_filter(error)
    }
}

impl Error {
    /// The text of a PATCH path did not parse: `invalidFilter` when the fault is inside its
    /// brackets, else `invalidPath` (ruling P04).
    #[must_use]
    pub fn from_path(error: &ParseError) -> Self {
        if error.in_brackets() { Self::invalid_filter(error) } else { Self::invalid_path(error) }
    }
}

/// The detail keyword of a 400, 403 or 409 (RFC 7644 Table 9, RFC 9865 §2.1).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ScimType {
    /// The filter does not parse, or asks what the attribute does not support.
    InvalidFilter,
    /// The query yields more results than the service provider will return.
    TooMany,
    /// A value that must be unique is taken.
    Uniqueness,
    /// The attribute may not be changed, or not in this way.
    Mutability,
    /// The body is not the message it should be.
    InvalidSyntax,
    /// The path of a PATCH operation is malformed or names no attribute.
    InvalidPath,
    /// The path of a PATCH operation selects nothing.
    NoTarget,
    /// A value is missing, of the wrong type or not allowed.
    InvalidValue,
    /// The protocol version in the URL is not supported.
    InvalidVers,
    /// The request would put sensitive data into a URL.
    Sensitive,
    /// The cursor is malformed or belongs to another query.
    InvalidCursor,
    /// The cursor is too old.
    ExpiredCursor,
    /// The count is malformed or differs from that of the first page.
    InvalidCount,
    /// A keyword that this library does not know.
    Other(Box<str>),
}

impl ScimType {
    /// The keyword as it stands on the wire.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match self {
            Self::InvalidFilter => "invalidFilter",
            Self::TooMany => "tooMany",
            Self::Uniqueness => "uniqueness",
            Self::Mutability => "mutability",
            Self::InvalidSyntax => "invalidSyntax",
            Self::InvalidPath => "invalidPath",
            Self::NoTarget => "noTarget",
            Self::InvalidValue => "invalidValue",
            Self::InvalidVers => "invalidVers",
            Self::Sensitive => "sensitive",
            Self::InvalidCursor => "invalidCursor",
            Self::ExpiredCursor => "expiredCursor",
            Self::InvalidCount => "invalidCount",
            Self::Other(keyword) => keyword,
        }
    }
}

impl From<&str> for ScimType {
    fn from(keyword: &str) -> Self {
        [
            Self::InvalidFilter,
            Self::TooMany,
            Self::Uniqueness,
            Self::Mutability,
            Self::InvalidSyntax,
            Self::InvalidPath,
            Self::NoTarget,
            Self::InvalidValue,
            Self::InvalidVers,
            Self::Sensitive,
            Self::InvalidCursor,
            Self::ExpiredCursor,
            Self::InvalidCount,
        ]
        .into_iter()
        .find(|known| known.as_str().eq_ignore_ascii_case(keyword))
        .unwrap_or_else(|| Self::Other(keyword.into()))
    }
}

impl fmt::Display for ScimType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Serialize for Error {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        #[serde(rename_all = "camelCase")]
        struct Wire<'a> {
            schemas: [&'static str; 1],
            status: &'a str,
            #[serde(skip_serializing_if = "Option::is_none")]
            scim_type: Option<&'a str>,
            #[serde(skip_serializing_if = "Option::is_none")]
            detail: Option<&'a str>,
        }
        Wire {
            schemas: [ERROR_SCHEMA],
            status: self.status.as_str(),
            scim_type: self.scim_type.as_ref().map(ScimType::as_str),
            detail: self.detail.as_deref(),
        }
        .serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Error {
    /// Reads what service providers really send: `status` as text or number, `schemas` absent or
    /// spelled `schema` (AWS IAM Identity Center), members in any case (ruling H03).
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let members = Map::<String, Value>::deserialize(deserializer)?;
        let member = |name: &str| {
            members.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value)
        };
        let status = match member("status") {
            Some(Value::String(text)) => text.parse::<u16>().ok(),
            Some(Value::Number(number)) => number.as_u64().and_then(|n| u16::try_from(n).ok()),
            _ => None,
        };
        let status = status
            .and_then(|code| StatusCode::from_u16(code).ok())
            .ok_or_else(|| de::Error::custom("an error message needs an HTTP code as `status`"))?;
        let text = |name: &str| member(name).and_then(Value::as_str);
        Ok(Self {
            status,
            scim_type: text("scimType").map(ScimType::from),
            detail: text("detail").map(Box::from),
        })
    }
}
