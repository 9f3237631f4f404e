//! From an outcome to an HTTP response.

use std::time::Duration;

use bytes::Bytes;
use http::header::{
    ALLOW, CONTENT_LENGTH, CONTENT_LOCATION, CONTENT_TYPE, ETAG, LOCATION, RETRY_AFTER,
    WWW_AUTHENTICATE,
};
use http::request::Parts;
use http::{HeaderName, HeaderValue, Method, Response, StatusCode};
use scim2_core::etag::Version;
use scim2_core::resource::ResourceId;
use scim2_core::{Error, ScimType};
use serde::Serialize;

use crate::auth::{AuthError, Authenticator};
use crate::config::Offer;
use crate::media::MediaType;
use crate::provider::ServiceProvider;
use crate::store::{Store, StoreError};

/// A success, before it has a media type.
#[derive(Debug)]
pub(crate) struct Answer {
    status: StatusCode,
    headers: Headers,
    body: Option<Bytes>,
    id: Option<ResourceId>,
}

impl Answer {
    /// A status without a body.
    pub(crate) fn empty(status: StatusCode) -> Self {
        Self { status, headers: Headers::new(), body: None, id: None }
    }

    /// A JSON document.
    pub(crate) fn json(status: StatusCode, body: &impl Serialize) -> Self {
        // Documents are maps, lists and text: they always have a JSON form.
        let body = serde_json::to_vec(body).unwrap_or_default();
        Self { status, headers: Headers::new(), body: Some(body.into()), id: None }
    }

    /// The same answer, about this resource.
    pub(crate) fn id(self, id: ResourceId) -> Self {
        Self { id: Some(id), ..self }
    }

    /// A JSON document that is text already.
    pub(crate) fn text(status: StatusCode, body: Vec<u8>) -> Self {
        Self { status, headers: Headers::new(), body: Some(body.into()), id: None }
    }

    pub(crate) fn location(self, location: Option<&str>) -> Self {
        self.header(LOCATION, location)
    }

    /// The same answer with this location, unless it tells one.
    pub(crate) fn or_location(self, location: Option<&str>) -> Self {
        match self.headers.iter().any(|(name, _)| name == LOCATION) {
            true => self,
            false => self.location(location),
        }
    }

    pub(crate) fn etag(self, version: Option<&str>) -> Self {
        self.header(ETAG, version)
    }

    /// What a bulk response tells of it: status, version, and which resource it is about.
    pub(crate) fn summary(self) -> (StatusCode, Option<Version>, Option<ResourceId>) {
        let etag = self.headers.iter().find(|(name, _)| name == ETAG);
        let version = etag.and_then(|(_, value)| value.to_str().ok()).map(Version::from_wire);
        (self.status, version, self.id)
    }

    fn header(mut self, name: HeaderName, value: Option<&str>) -> Self {
        if let Some(value) = value.and_then(|value| HeaderValue::from_str(value).ok()) {
            self.headers.push((name, value));
        }
        self
    }
}

/// An error and the headers that go with it.
#[derive(Debug)]
pub(crate) struct Failure {
    error: Error,
    headers: Headers,
}

type Headers = Vec<(HeaderName, HeaderValue)>;

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self { error, headers: Headers::new() }
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::NotFound => Error::not_found("there is no such resource").into(),
            StoreError::PreconditionFailed => Error::precondition_failed().into(),
            StoreError::Uniqueness { attribute } => Error::uniqueness(attribute).into(),
            StoreError::Refused(error) => error.into(),
            StoreError::Conflict => Error::new(StatusCode::CONFLICT)
                .detail("the resource is being changed by others, try again")
                .into(),
            StoreError::BadPosition => crate::cursor::invalid_cursor().into(),
            StoreError::Unavailable { retry_after, source } => {
                tracing::warn!(error = source.as_deref().map(tracing_error), "store unavailable");
                Self::unavailable(retry_after)
            }
            StoreError::UnknownOutcome(cause) => {
                tracing::error!(
                    error = tracing_error(&*cause),
                    "the outcome of a change is unknown"
                );
                Error::unknown_outcome("the request was interrupted while its change was stored")
                    .into()
            }
            StoreError::Internal(cause) => {
                tracing::error!(error = tracing_error(&*cause), "store failed");
                Error::internal().into()
            }
        }
    }
}

fn tracing_error<'a>(
    error: &'a (dyn std::error::Error + Send + Sync + 'static),
) -> &'a (dyn std::error::Error + 'static) {
    error
}

impl Failure {
    /// The error, without the headers that a response of its own would have.
    pub(crate) fn into_error(self) -> Error {
        self.error
    }

    pub(crate) fn unauthenticated(error: &AuthError, challenge: &str) -> Self {
        match error {
            AuthError::Unavailable => return Self::unavailable(None),
            AuthError::TooManyAttempts { retry_after } => {
                let error = Error::new(StatusCode::TOO_MANY_REQUESTS).detail(error);
                return Self::from(error).retry_after(*retry_after);
            }
            AuthError::Missing | AuthError::Invalid => {}
        }
        let failure = Self::from(Error::new(StatusCode::UNAUTHORIZED).detail(error));
        failure.header(WWW_AUTHENTICATE, challenge)
    }

    pub(crate) fn method_not_allowed(methods: &[Method]) -> Self {
        let allow = methods.iter().map(Method::as_str).collect::<Vec<_>>().join(", ");
        let error = Error::new(StatusCode::METHOD_NOT_ALLOWED)
            .detail(format_args!("this endpoint knows the methods {allow}"));
        Self::from(error).header(ALLOW, &allow)
    }

    fn unavailable(retry_after: Option<Duration>) -> Self {
        let error = Error::new(StatusCode::SERVICE_UNAVAILABLE)
            .detail("the service is not available now, try again later");
        match retry_after {
            Some(delay) => Self::from(error).retry_after(delay),
            None => error.into(),
        }
    }

    /// Too many requests at a time, of all clients.
    pub(crate) fn busy() -> Self {
        let error = Error::new(StatusCode::SERVICE_UNAVAILABLE)
            .detail("too many requests are being answered, try again later");
        Self::from(error).retry_after(Duration::from_secs(1))
    }

    /// Too many requests of one client, or of its tenant (ruling H20).
    pub(crate) fn too_many_requests(wait: Duration) -> Self {
        let error = Error::new(StatusCode::TOO_MANY_REQUESTS)
            .detail("the client sends more requests than it may, try again later");
        Self::from(error).retry_after(wait)
    }

    fn retry_after(self, delay: Duration) -> Self {
        // Whole seconds, at least one: the form that clients understand.
        let seconds = delay.as_millis().div_ceil(1000).max(1);
        self.header(RETRY_AFTER, &seconds.to_string())
    }

    fn header(mut self, name: HeaderName, value: &str) -> Self {
        if let Ok(value) = HeaderValue::from_str(value) {
            self.headers.push((name, value));
        }
        self
    }
}

impl<S: Store, A: Authenticator> ServiceProvider<S, A> {
    pub(crate) fn respond(
        &self,
        parts: &Parts,
        answer: Answer,
        media_type: MediaType,
        request_id: &str,
    ) -> Response<Bytes> {
        let Answer { status, headers, body, id: _ } = answer;
        let mut response = Response::new(Bytes::new());
        *response.status_mut() = status;
        response.headers_mut().extend(headers);
        if self.config.content_location == Offer::Yes
            && status.is_success()
            && let Some(location) = response.headers().get(LOCATION).cloned()
        {
            response.headers_mut().insert(CONTENT_LOCATION, location);
        }
        let headers = response.headers_mut();
        let id_header = HeaderName::from_static(self.rules.request_id_header());
        if let Ok(request_id) = HeaderValue::from_str(request_id) {
            headers.insert(id_header, request_id);
        }
        let Some(body) = body else {
            return response;
        };
        headers.insert(CONTENT_TYPE, media_type.header());
        if parts.method == Method::HEAD {
            headers.insert(CONTENT_LENGTH, HeaderValue::from(body.len()));
        } else {
            *response.body_mut() = body;
        }
        response
    }

    /// An error message (RFC 7644 §3.12), or the endpoint's own form of one.
    pub(crate) fn refuse(
        &self,
        parts: &Parts,
        failure: Failure,
        media_type: MediaType,
        request_id: &str,
    ) -> Response<Bytes> {
        let Failure { error, headers } = failure;
        log_refusal(&error);
        let status = error.status();
        let answer = match self.rules.error_body(&error, request_id, self.clock.now()) {
            Some(body) => Answer::json(status, &body),
            None => Answer::json(status, &error),
        };
        self.respond(parts, Answer { headers, ..answer }, media_type, request_id)
    }
}

/// Logs why a request, or an operation of a bulk request, is refused: the reason in full, where the
/// endpoint's own form of an error keeps it back. It names attributes and never values.
pub(crate) fn log_refusal(error: &Error) {
    if let Some(scim_type) = error.scim_type().map(ScimType::as_str) {
        tracing::Span::current().record("scim.error_type", scim_type);
    }
    tracing::info!(detail = error.message(), "refused");
}
