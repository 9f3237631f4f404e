//! Health endpoints, for whatever restarts processes and routes requests.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::routing::get;
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use http::{HeaderValue, Response, StatusCode};
use scim2_provider::{Authenticator, ServiceProvider, Store};

/// How long a store may take to say that it is ready.
pub const READY_TIMEOUT: Duration = Duration::from_secs(5);

/// `/livez`, which says that the process answers, and `/readyz`, which says that its store can be
/// used: 200 or 503. Merge it into a router that is not the service provider's own, and not below
/// its base URL; it asks nobody for a token and says nothing of any tenant.
///
/// ```
/// # use scim2_provider::auth::BearerTokens;
/// # use scim2_provider::{MemoryStore, ServiceProvider};
/// # let provider = ServiceProvider::builder(MemoryStore::default())
/// #     .base_url(url::Url::parse("https://example.com/scim/v2")?)
/// #     .authenticator(BearerTokens::new([]))
/// #     .build()?;
/// let provider = std::sync::Arc::new(provider);
/// let app = axum::Router::new()
///     .merge(scim2_axum::health(provider.clone()))
///     .merge(scim2_axum::mount("/scim/v2", provider));
/// # let _: axum::Router = app;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn health<S: Store, A: Authenticator>(
    provider: impl Into<Arc<ServiceProvider<S, A>>>,
) -> Router {
    let provider = provider.into();
    let ready = move || {
        let provider = Arc::clone(&provider);
        async move {
            match tokio::time::timeout(READY_TIMEOUT, provider.ready()).await {
                Ok(Ok(())) => answer(StatusCode::OK, "ready"),
                Ok(Err(error)) => {
                    let error = &error as &dyn std::error::Error;
                    tracing::warn!(error, cause = error.source(), "not ready");
                    answer(StatusCode::SERVICE_UNAVAILABLE, "not ready")
                }
                Err(_) => {
                    tracing::warn!("not ready: the store does not answer");
                    answer(StatusCode::SERVICE_UNAVAILABLE, "not ready")
                }
            }
        }
    };
    Router::new()
        .route("/livez", get(|| async { answer(StatusCode::OK, "alive") }))
        .route("/readyz", get(ready))
}

fn answer(status: StatusCode, text: &'static str) -> Response<Body> {
    let mut response = Response::new(Body::from(text));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/plain"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
