//! A SCIM 2.0 service provider in axum.
//!
//! [`mount`] makes an [`axum::Router`] of a [`ServiceProvider`](scim2_provider::ServiceProvider),
//! to be merged into the application's; [`health`] makes one that says whether all is well.
//! [`serve`] runs any router on HTTP/1.1 with the limits that a server on the internet needs and
//! `axum::serve` does not have.
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
//! let app = scim2_axum::mount("/scim/v2", provider);
//!
//! let listener = tokio::net::TcpListener::bind("127.0.0.1:8080").await?;
//! scim2_axum::serve(listener, app, std::future::pending()).await?;
//! # Ok(())
//! # }
//! ```
//!
//! # Limits
//!
//! What is over a limit is answered with an error message of RFC 7644 §3.12, unless the request
//! cannot even be read.
//!
//! | | where | default | answer |
//! |---|---|---|---|
//! | connections | [`ServeConfig::max_connections`] | 1,024 | more wait to be accepted |
//! | time for a request's headers, and between requests | [`ServeConfig::header_timeout`] | 30 s | the connection is closed |
//! | size of the headers | [`ServeConfig::max_header_bytes`] | 64 KiB, 100 headers | 431 |
//! | time in which a client must read | [`ServeConfig::write_timeout`] | 30 s | the connection is closed |
//! | time for a request's body | [`Mount::body_timeout`] | 30 s | 408 |
//! | time for a whole request | [`Mount::request_timeout`] | 60 s | 504 |
//! | time for requests under way when the server stops | [`ServeConfig::grace`] | 30 s | the connection is closed |
//! | size of a body | `ProviderConfig::max_body` | 1 MiB | 413 |
//! | values in a body, and their depth | `scim2_core::json` | 1,000,000 and 32 | 400 |
//! | requests at a time | `ProviderConfig::max_concurrent` | 512 | 503, `Retry-After` |
//! | requests a second, of a client or a tenant | `ProviderConfig::client_rate`, `tenant_rate` | none | 429, `Retry-After` |
//! | members in an answer | `ProviderConfig::max_members` | 100,000 | 400 `tooMany` |
//! | what a client deletes or deactivates within a time | `ProviderConfig::removals` | none | 403 |
//!
//! HTTP/2 is not spoken: where it is wanted, so is TLS, and both are for the proxy in front, which
//! speaks HTTP/1.1 to what is behind it. What HTTP/2 lets one connection ask for at once then
//! never reaches this process.

mod deadline;
mod health;
mod json;
mod router;
mod serve;

pub use health::{READY_TIMEOUT, health};
pub use json::{Scim, ScimError};
pub use router::{Mount, mount, refuse_other_versions, router, versioned};
pub use serve::{ServeConfig, serve, serve_with};

/// The README's example, as a test.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
