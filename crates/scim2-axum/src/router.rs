//! From a service provider to an axum router.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, HttpBody};
use axum::extract::OriginalUri;
use axum::middleware::{Next, from_fn};
use axum::response::IntoResponse;
use axum::routing::any;
use bytes::{Bytes, BytesMut};
use futures_util::FutureExt;
use http::request::Parts;
use http::uri::PathAndQuery;
use http::{Request, Response, StatusCode, Uri};
use http_body_util::BodyExt;
use scim2_core::{Error, ScimType};
use scim2_provider::{Authenticator, MountPath, ServiceProvider, Store, too_large};

use crate::json::ScimError;

/// A router that answers every path with the service provider, paths that are none of its
/// endpoints included. [`mount`] puts it below a path.
///
/// A body that is too large is 413, one that takes too long 408, a request that takes too long
/// 504, a panic 500, each with an error message of RFC 7644 §3.12. Bodies are read only once the
/// client is authenticated.
pub fn router<S: Store, A: Authenticator>(
    provider: impl Into<Arc<ServiceProvider<S, A>>>,
) -> Router {
    Mount::default().router(provider)
}

/// A router that answers below a path with the service provider: everything at `/scim/v2`,
/// `/scim/v2/` and whatever follows, and nothing else. Merge it into the application's own.
///
/// ([`Router::nest`] would leave `/scim/v2/`, with its slash, to the application.)
///
/// ```
/// # use scim2_provider::auth::BearerTokens;
/// # use scim2_provider::{MemoryStore, ServiceProvider};
/// # let provider = ServiceProvider::builder(MemoryStore::default())
/// #     .base_url(url::Url::parse("https://example.com/scim/v2")?)
/// #     .authenticator(BearerTokens::new([]))
/// #     .build()?;
/// let app = axum::Router::new()
///     .route("/", axum::routing::get(|| async { "the application" }))
///     .merge(scim2_axum::mount("/scim/v2", provider));
/// # let _: axum::Router = app;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Panics
/// When axum does not take the path, which must begin with `/` and have something after it.
pub fn mount<S: Store, A: Authenticator>(
    path: &str,
    provider: impl Into<Arc<ServiceProvider<S, A>>>,
) -> Router {
    Mount::default().at(path, provider)
}

/// A router for a base URL without version segment: it answers at `/v2/Users` as at `/Users`, and
/// refuses other versions with 400 `invalidVers` (RFC 7644 §3.13, ruling H07).
pub fn versioned<S: Store, A: Authenticator>(
    provider: impl Into<Arc<ServiceProvider<S, A>>>,
) -> Router {
    Mount { versions: Versions::Accepted, ..Mount::default() }.router(provider)
}

/// How a service provider is mounted: [`mount`] and [`router`] with settings.
#[derive(Clone, Copy, Debug)]
#[must_use]
pub struct Mount {
    body_timeout: Duration,
    request_timeout: Duration,
    versions: Versions,
}

#[derive(Clone, Copy, Debug)]
enum Versions {
    /// The path has none: the router is nested under it, if there is one.
    None,
    /// The path may begin with one.
    Accepted,
}

impl Default for Mount {
    fn default() -> Self {
        Self {
            body_timeout: Self::BODY_TIMEOUT,
            request_timeout: Self::REQUEST_TIMEOUT,
            versions: Versions::None,
        }
    }
}

impl Mount {
    /// How long a request's body may take by default.
    pub const BODY_TIMEOUT: Duration = Duration::from_secs(30);

    /// How long a whole request may take by default.
    pub const REQUEST_TIMEOUT: Duration = Duration::from_secs(60);

    /// The longest time in which a request's body must have arrived.
    pub fn body_timeout(self, body_timeout: Duration) -> Self {
        Self { body_timeout, ..self }
    }

    /// The longest time in which a request must be answered, its body included. One that is not
    /// is given up and answered 504: nobody knows whether it did what it asked, so a client
    /// should look before it tries again.
    pub fn request_timeout(self, request_timeout: Duration) -> Self {
        Self { request_timeout, ..self }
    }

    /// The router below a path; see [`mount`].
    ///
    /// # Panics
    /// As [`mount`].
    pub fn at<S: Store, A: Authenticator>(
        self,
        path: &str,
        provider: impl Into<Arc<ServiceProvider<S, A>>>,
    ) -> Router {
        // A service is asked about the path itself, with and without a slash at its end.
        Router::new().nest_service(path, self.router(provider))
    }

    /// The router; see the function [`router`](fn@router).
    pub fn router<S: Store, A: Authenticator>(
        self,
        provider: impl Into<Arc<ServiceProvider<S, A>>>,
    ) -> Router {
        let provider = provider.into();
        let handler = move |request: Request<Body>| {
            let provider = Arc::clone(&provider);
            async move { self.answer(&provider, request).await }
        };
        // A nested router is not asked about its own root unless it has a route there.
        Router::new().route("/", any(handler.clone())).fallback(handler)
    }

    async fn answer<S: Store, A: Authenticator>(
        self,
        provider: &ServiceProvider<S, A>,
        request: Request<Body>,
    ) -> Response<Body> {
        let (mut parts, body) = request.into_parts();
        set_mount_path(&mut parts);
        let version = match self.versions {
            Versions::Accepted => strip_version(&mut parts),
            Versions::None => Ok(()),
        };
        if let Err(error) = version {
            return provider.error_response(&parts, error).map(Body::from);
        }
        let read = |limit| read(body, limit, self.body_timeout);
        // The provider holds no lock of its own, and a store that panics must leave itself in
        // order for other tasks anyway.
        let answer = AssertUnwindSafe(provider.handle_parts(&parts, read)).catch_unwind();
        let response = match tokio::time::timeout(self.request_timeout, answer).await {
            Ok(Ok(response)) => response,
            Ok(Err(_)) => {
                tracing::error!("a request ended in a panic");
                provider.error_response(&parts, Error::internal())
            }
            Err(_) => {
                tracing::warn!("a request was given up after the longest time it may take");
                let error = Error::unknown_outcome(format_args!(
                    "the request was given up after {} s",
                    self.request_timeout.as_secs_f32()
                ));
                provider.error_response(&parts, error)
            }
        };
        response.map(Body::from)
    }
}

/// Says where the request found the router: what axum took off the path.
fn set_mount_path(parts: &mut Parts) {
    if let Some(OriginalUri(original)) = parts.extensions.get::<OriginalUri>() {
        let (original, rest) = (original.path(), parts.uri.path());
        let mount = MountPath::new(original.strip_suffix(rest).unwrap_or(original));
        parts.extensions.insert(mount);
    }
}

/// How many bytes beyond the limit are read and thrown away, so that a client that sends first
/// and reads then gets to see the 413 instead of a broken connection.
const DRAIN: usize = 8 << 20;

/// Reads a body of at most `limit` bytes.
pub(crate) async fn read(body: Body, limit: usize, timeout: Duration) -> Result<Bytes, Error> {
    let most = u64::try_from(limit.saturating_add(DRAIN)).unwrap_or(u64::MAX);
    if body.size_hint().lower() > most {
        return Err(too_large(limit));
    }
    match tokio::time::timeout(timeout, collect(body, limit)).await {
        Ok(result) => result,
        Err(_) => Err(Error::new(StatusCode::REQUEST_TIMEOUT)
            .detail(format_args!("the body did not arrive within {} s", timeout.as_secs_f32()))),
    }
}

async fn collect(mut body: Body, limit: usize) -> Result<Bytes, Error> {
    let mut bytes = BytesMut::new();
    let mut length = 0_usize;
    while let Some(frame) = body.frame().await {
        let frame =
            frame.map_err(|_| Error::invalid_syntax("the body could not be read to its end"))?;
        let Ok(data) = frame.into_data() else { continue };
        length = length.saturating_add(data.len());
        if length <= limit {
            bytes.extend_from_slice(&data);
        } else if length > limit.saturating_add(DRAIN) {
            break;
        } else {
            bytes = BytesMut::new();
        }
    }
    if length <= limit { Ok(bytes.freeze()) } else { Err(too_large(limit)) }
}

/// A router that answers 400 `invalidVers` at `/v1`, `/v3.1` and whatever else looks like another
/// version of the protocol below a path, and leaves everything else to the router it is given
/// (RFC 7644 §3.13, ruling H07): for applications that serve `/scim/v2`, and mean that nothing
/// but SCIM is below `/scim`.
///
/// ```
/// # let mounted = axum::Router::new();
/// let app = scim2_axum::refuse_other_versions("/scim", mounted);
/// # let _: axum::Router = app;
/// ```
pub fn refuse_other_versions(path: &str, router: Router) -> Router {
    let prefix: Arc<str> = path.trim_end_matches('/').into();
    router.layer(from_fn(move |request: Request<Body>, next: Next| {
        let prefix = Arc::clone(&prefix);
        async move {
            let below = request.uri().path().strip_prefix(&*prefix);
            match below.filter(|below| below.starts_with('/')).map(version) {
                Some(Err(error)) => ScimError(error).into_response(),
                _ => next.run(request).await,
            }
        }
    }))
}

/// The version segment at the beginning of a path, such as `v2`, if there is one.
fn version(path: &str) -> Result<Option<&str>, Error> {
    let first = path.strip_prefix('/').unwrap_or(path).split('/').next().unwrap_or_default();
    match first.strip_prefix('v').filter(|number| is_version(number)) {
        None => Ok(None),
        Some("2") => Ok(Some(first)),
        Some(_) => Err(Error::bad_request(ScimType::InvalidVers)
            .detail(format_args!("version `{first}` is not served, only `v2`"))),
    }
}

/// Takes `/v2` from the beginning of a path.
fn strip_version(parts: &mut Parts) -> Result<(), Error> {
    let path = parts.uri.path();
    let Some(first) = version(path)? else { return Ok(()) };
    let rest = path.get(1 + first.len()..).filter(|rest| !rest.is_empty()).unwrap_or("/");
    let rest = match parts.uri.query() {
        Some(query) => format!("{rest}?{query}"),
        None => rest.to_owned(),
    };
    if let Ok(rest) = PathAndQuery::try_from(rest) {
        parts.uri = Uri::from(rest);
    }
    Ok(())
}

fn is_version(number: &str) -> bool {
    number.starts_with(|c: char| c.is_ascii_digit())
        && number.bytes().all(|b| b.is_ascii_digit() || b == b'.')
}
