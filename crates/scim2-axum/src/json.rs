//! SCIM bodies and errors for handlers that are written by hand.

use axum::body::Body;
use axum::extract::{FromRequest, Request};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http::StatusCode;
use http::header::CONTENT_TYPE;
use scim2_core::Error;
use scim2_core::Resource;
use scim2_core::json::parse_object;
use scim2_provider::{ProviderConfig, check_content_type};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::Mount;
use crate::router::read;

/// A SCIM message or resource as the body of a request or an answer, for routes beside those of a
/// service provider.
///
/// As an extractor it takes `application/scim+json` and `application/json` of at most
/// [`ProviderConfig::MAX_BODY`] bytes, and refuses what is no JSON object, or has a name twice
/// (ruling W04). What does not fit is a [`ScimError`]. It does not validate against a schema: that
/// is what [`ResourceType::validate_new`](scim2_core::ResourceType::validate_new) is for.
///
/// ```
/// use axum::routing::post;
/// use scim2_axum::{Scim, ScimError};
/// use scim2_core::{Error, User};
///
/// async fn invite(Scim(user): Scim<User>) -> Result<Scim<User>, ScimError> {
///     if user.emails.is_empty() {
///         return Err(Error::invalid_value("`emails` is required for an invitation").into());
///     }
///     Ok(Scim(user))
/// }
/// let app: axum::Router = axum::Router::new().route("/invitations", post(invite));
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "it is made and taken apart by its one field")]
pub struct Scim<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Scim<T> {
    type Rejection = ScimError;

    async fn from_request(request: Request, _: &S) -> Result<Self, ScimError> {
        let (parts, body) = request.into_parts();
        check_content_type(&parts)?;
        let bytes = read(body, ProviderConfig::MAX_BODY, Mount::BODY_TIMEOUT).await?;
        let resource = Resource::from(parse_object(&bytes)?);
        Ok(Self(resource.to_typed()?))
    }
}

impl<T: Serialize> IntoResponse for Scim<T> {
    fn into_response(self) -> Response {
        match serde_json::to_vec(&self.0) {
            Ok(body) => respond(StatusCode::OK, body.into()),
            Err(error) => {
                tracing::error!(error = &error as &dyn std::error::Error, "no JSON form");
                ScimError(Error::internal()).into_response()
            }
        }
    }
}

/// An [`Error`] as an answer: its status, and the message of RFC 7644 §3.12.
#[derive(Clone, Debug, thiserror::Error)]
#[error(transparent)]
#[expect(clippy::exhaustive_structs, reason = "it is made and taken apart by its one field")]
pub struct ScimError(#[from] pub Error);

impl IntoResponse for ScimError {
    fn into_response(self) -> Response {
        // A message is text and numbers: it always has a JSON form.
        respond(self.0.status(), serde_json::to_vec(&self.0).unwrap_or_default().into())
    }
}

fn respond(status: StatusCode, body: Bytes) -> Response {
    (status, [(CONTENT_TYPE, "application/scim+json")], Body::from(body)).into_response()
}
