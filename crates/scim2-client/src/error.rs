//! Why a call did not give what was asked for.

use std::fmt;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Method, Response, StatusCode};
use scim2_core::ScimType;
use serde_json::Value;

use crate::transport::Delivery;

/// How much of an answer's body an error keeps.
pub const MAX_ERROR_BODY: usize = 4096;

/// The headers in which service providers name a request.
const REQUEST_ID_HEADERS: [&str; 5] =
    ["x-request-id", "x-amzn-requestid", "request-id", "x-correlation-id", "x-okta-request-id"];

/// A call that failed: what was asked, what came back, and what may be done about it.
///
/// [`class`](Self::class) says how to go on; the rest is for the log. `Display` prints the
/// method, the endpoint, the status and the service provider's own explanation; never a query
/// string, a header or a body.
pub struct ClientError(Box<Inner>);

struct Inner {
    method: Method,
    endpoint: String,
    kind: Kind,
    attempts: u32,
    /// Whether the answer to an earlier attempt got lost, so that the request may have been
    /// obeyed already.
    after_lost: bool,
    /// Whether repeating the request would have been harmless.
    repeatable: bool,
}

enum Kind {
    Answer {
        status: StatusCode,
        scim_type: Option<ScimType>,
        detail: Option<String>,
        body: Bytes,
        request_id: Option<String>,
        retry_after: Option<Duration>,
    },
    Transport {
        delivery: Delivery,
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    Protocol {
        status: StatusCode,
        what: String,
        body: Bytes,
        request_id: Option<String>,
    },
    Truncated {
        seen: u64,
        total: u64,
    },
    Paging(&'static str),
    Request(String),
}

/// What can be done about a failed call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorClass {
    /// Nothing happened, and a later attempt may succeed.
    Retryable,
    /// The request may have been obeyed; look before sending it again.
    Ambiguous,
    /// 409: the resource exists, or a value of it is taken.
    Conflict,
    /// 404 or 410: there is no such resource.
    Gone,
    /// 412 or 428: the resource is not in the version that the request named.
    Precondition,
    /// 413: the request is larger than the service provider takes.
    TooLarge,
    /// 401 or 403: token, permissions, or a wrong URL.
    Auth,
    /// 405 or 501: the service provider does not offer this.
    Unsupported,
    /// The service provider refuses what the request says, or the request could not be made.
    Invalid,
    /// The other side does not speak SCIM as it should.
    Protocol,
}

impl ClientError {
    /// How to go on.
    #[must_use]
    pub fn class(&self) -> ErrorClass {
        let unclear = if self.0.repeatable { ErrorClass::Retryable } else { ErrorClass::Ambiguous };
        match &self.0.kind {
            Kind::Answer { status, retry_after, .. } => match status.as_u16() {
                401 | 403 => ErrorClass::Auth,
                404 | 410 => ErrorClass::Gone,
                405 | 501 | 505 => ErrorClass::Unsupported,
                409 => ErrorClass::Conflict,
                412 | 428 => ErrorClass::Precondition,
                413 => ErrorClass::TooLarge,
                425 | 429 => ErrorClass::Retryable,
                503 if retry_after.is_some() => ErrorClass::Retryable,
                408 | 500..=599 => unclear,
                400..=499 => ErrorClass::Invalid,
                _ => ErrorClass::Protocol,
            },
            Kind::Transport { delivery: Delivery::Unsent, .. } => ErrorClass::Retryable,
            Kind::Transport { delivery: Delivery::Lost, .. } => unclear,
            Kind::Transport { delivery: Delivery::Unusable, .. } if !self.0.repeatable => {
                ErrorClass::Ambiguous
            }
            Kind::Transport { .. } | Kind::Protocol { .. } | Kind::Paging(_) => {
                ErrorClass::Protocol
            }
            Kind::Truncated { .. } => ErrorClass::Retryable,
            Kind::Request(_) => ErrorClass::Invalid,
        }
    }

    /// The HTTP status, if an answer came.
    #[must_use]
    pub fn status(&self) -> Option<StatusCode> {
        match &self.0.kind {
            Kind::Answer { status, .. } | Kind::Protocol { status, .. } => Some(*status),
            _ => None,
        }
    }

    /// The `scimType` of the error body (RFC 7644 §3.12).
    #[must_use]
    pub fn scim_type(&self) -> Option<&ScimType> {
        match &self.0.kind {
            Kind::Answer { scim_type, .. } => scim_type.as_ref(),
            _ => None,
        }
    }

    /// The service provider's explanation.
    #[must_use]
    pub fn detail(&self) -> Option<&str> {
        match &self.0.kind {
            Kind::Answer { detail, .. } => detail.as_deref(),
            _ => None,
        }
    }

    /// The beginning of the answer's body, at most [`MAX_ERROR_BODY`] bytes.
    #[must_use]
    pub fn body(&self) -> &[u8] {
        match &self.0.kind {
            Kind::Answer { body, .. } | Kind::Protocol { body, .. } => body,
            _ => &[],
        }
    }

    /// By what name the service provider can find the request in its log.
    #[must_use]
    pub fn request_id(&self) -> Option<&str> {
        match &self.0.kind {
            Kind::Answer { request_id, .. } | Kind::Protocol { request_id, .. } => {
                request_id.as_deref()
            }
            _ => None,
        }
    }

    /// How long the service provider asks to wait.
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        match &self.0.kind {
            Kind::Answer { retry_after, .. } => *retry_after,
            _ => None,
        }
    }

    /// The method of the request.
    #[must_use]
    pub fn method(&self) -> &Method {
        &self.0.method
    }

    /// The path of the request below the base URL, without its query.
    #[must_use]
    pub fn endpoint(&self) -> &str {
        &self.0.endpoint
    }

    /// How often the request was sent.
    #[must_use]
    pub fn attempts(&self) -> u32 {
        self.0.attempts
    }

    /// How many resources were seen of how many, when a list ended early.
    #[must_use]
    pub fn truncated(&self) -> Option<(u64, u64)> {
        match self.0.kind {
            Kind::Truncated { seen, total } => Some((seen, total)),
            _ => None,
        }
    }

    /// Whether an earlier attempt may have been obeyed although its answer got lost.
    pub(crate) fn after_lost(&self) -> bool {
        self.0.after_lost
    }

    /// Whether the attempt that failed in this way may have been obeyed.
    pub(crate) fn leaves_doubt(&self) -> bool {
        match &self.0.kind {
            Kind::Answer { status, retry_after, .. } => match status.as_u16() {
                408 => true,
                500..=599 => retry_after.is_none(),
                _ => false,
            },
            Kind::Transport { delivery, .. } => {
                matches!(delivery, Delivery::Lost | Delivery::Unusable)
            }
            _ => false,
        }
    }

    pub(crate) fn answer(
        call: Call<'_>,
        response: &Response<Bytes>,
        retry_after: Option<Duration>,
    ) -> Self {
        let body = response.body();
        let error: Option<scim2_core::Error> = serde_json::from_slice(body).ok();
        // The body may fail to be an error message for want of a status, and still explain itself.
        let message = || {
            let value: Value = serde_json::from_slice(body).ok()?;
            let (_, detail) = value
                .as_object()?
                .iter()
                .find(|(key, _)| ["detail", "message"].contains(&key.to_lowercase().as_str()))?;
            Some(detail.as_str()?.to_owned())
        };
        let detail = match &error {
            Some(error) => error.message().map(str::to_owned),
            None => message(),
        };
        Self::new(
            call,
            Kind::Answer {
                status: response.status(),
                scim_type: error.as_ref().and_then(|error| error.scim_type().cloned()),
                detail,
                body: beginning(body),
                request_id: request_id(response.headers()),
                retry_after,
            },
        )
    }

    pub(crate) fn transport(
        call: Call<'_>,
        delivery: Delivery,
        source: impl std::error::Error + Send + Sync + 'static,
    ) -> Self {
        Self::new(call, Kind::Transport { delivery, source: Box::new(source) })
    }

    pub(crate) fn protocol(
        call: Call<'_>,
        response: &Response<Bytes>,
        what: impl fmt::Display,
    ) -> Self {
        Self::new(
            call,
            Kind::Protocol {
                status: response.status(),
                what: what.to_string(),
                body: beginning(response.body()),
                request_id: request_id(response.headers()),
            },
        )
    }

    /// An answer that is what it should be, as a whole, with a part that is not.
    pub(crate) fn malformed(call: Call<'_>, what: impl fmt::Display) -> Self {
        let what = what.to_string();
        let kind =
            Kind::Protocol { status: StatusCode::OK, what, body: Bytes::new(), request_id: None };
        Self::new(call, kind)
    }

    pub(crate) fn truncation(call: Call<'_>, seen: u64, total: u64) -> Self {
        Self::new(call, Kind::Truncated { seen, total })
    }

    pub(crate) fn paging(call: Call<'_>, what: &'static str) -> Self {
        Self::new(call, Kind::Paging(what))
    }

    pub(crate) fn request(call: Call<'_>, what: impl fmt::Display) -> Self {
        Self::new(call, Kind::Request(what.to_string()))
    }

    fn new(call: Call<'_>, kind: Kind) -> Self {
        Self(Box::new(Inner {
            method: call.method.clone(),
            endpoint: call.endpoint.to_owned(),
            kind,
            attempts: call.attempts,
            after_lost: call.after_lost,
            repeatable: call.repeatable,
        }))
    }
}

/// What an error says of the request that it is about.
#[derive(Clone, Copy)]
pub(crate) struct Call<'a> {
    pub(crate) method: &'a Method,
    pub(crate) endpoint: &'a str,
    pub(crate) attempts: u32,
    pub(crate) after_lost: bool,
    pub(crate) repeatable: bool,
}

impl<'a> Call<'a> {
    /// A call that has not been sent, or needs no memory of how.
    pub(crate) fn new(method: &'a Method, endpoint: &'a str) -> Self {
        Self { method, endpoint, attempts: 0, after_lost: false, repeatable: true }
    }
}

impl fmt::Display for ClientError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.0.method, self.0.endpoint)?;
        match &self.0.kind {
            Kind::Answer { status, scim_type, detail, .. } => {
                write!(f, " was answered {}", status.as_u16())?;
                if let Some(scim_type) = scim_type {
                    write!(f, " {scim_type}")?;
                }
                if let Some(detail) = detail {
                    write!(f, ": {detail}")?;
                }
            }
            Kind::Transport { delivery, .. } => f.write_str(match delivery {
                Delivery::Unsent => " could not be sent",
                Delivery::Refused => " was not sent",
                Delivery::Lost => " got no answer",
                Delivery::Unusable => " got an answer that cannot be used",
            })?,
            Kind::Protocol { status, what, .. } => {
                write!(f, " was answered {}, but {what}", status.as_u16())?;
            }
            Kind::Truncated { seen, total } => {
                write!(f, " listed {seen} of {total} resources and ended")?;
            }
            Kind::Paging(what) => write!(f, " cannot be paged: {what}")?,
            Kind::Request(what) => write!(f, " cannot be sent: {what}")?,
        }
        match self.0.attempts {
            0 | 1 => Ok(()),
            attempts => write!(f, " (attempt {attempts})"),
        }
    }
}

impl fmt::Debug for ClientError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ClientError({self}; {:?})", self.class())
    }
}

impl std::error::Error for ClientError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match &self.0.kind {
            Kind::Transport { source, .. } => Some(&**source),
            _ => None,
        }
    }
}

/// Why a client could not be made.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BuildError {
    /// The base URL is not `https`, and not `http` to this machine (ruling C10).
    #[error("the base URL must be `https`: `{scheme}` would show token and data to others")]
    Plaintext {
        /// The scheme that it has.
        scheme: String,
    },
    /// The base URL holds a user name or a password (RFC 7644 §7.1).
    #[error("the base URL must not hold a user name or a password")]
    UserInfo,
    /// The base URL has no host.
    #[error("the base URL has no host")]
    NoHost,
    /// The base URL has a fragment.
    #[error("the base URL must not have a fragment")]
    Fragment,
    /// The base URL names an address inside a private network or of this link.
    #[error("the address `{0}` of the base URL is not public")]
    PrivateAddress(std::net::IpAddr),
    /// The token is empty, or has characters that no header can carry.
    #[error("the credentials are empty or have characters that no header can carry")]
    Credentials,
    /// The user agent has characters that no header can carry.
    #[error("the user agent has characters that no header can carry")]
    UserAgent,
}

pub(crate) fn request_id(headers: &HeaderMap) -> Option<String> {
    REQUEST_ID_HEADERS.iter().find_map(|name| headers.get(*name)?.to_str().ok()).map(str::to_owned)
}

fn beginning(body: &Bytes) -> Bytes {
    // A copy, so that an error does not keep a large body alive.
    Bytes::copy_from_slice(body.get(..MAX_ERROR_BODY).unwrap_or(body))
}
