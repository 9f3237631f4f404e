//! A SCIM 2.0 service provider in axum.
//!
//! [`router`] makes an [`axum::Router`] of a [`ServiceProvider`](scim2_provider::ServiceProvider),
//! to be nested wherever the base URL says. [`serve`] runs any router on HTTP/1.1 with the limits
//! that a server on the internet needs and `axum::serve` does not have.
//!
//! ```no_run
//! use scim2_provider::auth::{BearerToken, BearerTokens};
//! use scim2_provider::{MemoryStore, Scope, ServiceProvider, TenantId};
//!
//! # async fn run() -> Result<(), Box<dyn std::error::Error>> {
//! let scope = Scope::tenant(TenantId::new("acme")?);
//! let provider = ServiceProvider::builder(MemoryStore::default())
//!     .base_url(url::Url::parse("https://example.com/scim/v2")?)
//!     .authenticator(BearerTokens::new([BearerToken::new("entra", &"s3cret".into(), scope)?]))
//!     .build()?;
//! let app = axum::Router::new().nest("/scim/v2", scim2_axum::router(provider));
//!
//! let listener = tokio::net::TcpListener::bind("127.0.0.1:8080").await?;
//! scim2_axum::serve(listener, app, std::future::pending()).await?;
//! # Ok(())
//! # }
//! ```

mod deadline;
mod router;
mod serve;

pub use router::{Mount, router, versioned};
pub use serve::{ServeConfig, serve, serve_with};
