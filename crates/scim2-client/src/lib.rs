//! A client for SCIM 2.0 service providers (RFC 7644, RFC 9865).
//!
//! ```
//! use bytes::Bytes;
//! use http::{Request, Response};
//! use scim2_client::{Client, InProcess, Query};
//! use scim2_core::patch_op::PatchOp;
//! use scim2_core::syntax::Filter;
//!
//! # async fn service_provider(_: Request<Bytes>) -> Response<Bytes> {
//! #     Response::new(Bytes::from_static(
//! #         br#"{"totalResults": 1, "Resources": [{"id": "1", "userName": "bjensen"}], "id": "1"}"#,
//! #     ))
//! # }
//! # async fn run() -> Result<(), Box<dyn std::error::Error>> {
//! let client = Client::builder(InProcess::new(service_provider), "https://scim.example.com/v2".parse()?)
//!     .bearer("h480djs93hd8".into())
//!     .build()?;
//!
//! let mut pages = client.users().query(&Query::from(Filter::eq("active", true)));
//! while let Some(page) = pages.next().await {
//!     for user in page?.resources {
//!         let id = user.id.as_ref().ok_or("a user without an id")?;
//!         let op = PatchOp::new().replace("title", "Tour Guide");
//!         client.users().patch(id, &op, None).await?;
//!     }
//! }
//! # Ok(()) }
//! # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(run()).unwrap();
//! ```
//!
//! # What it takes care of
//!
//! - **Any transport.** [`Transport`] carries requests: `scim2-reqwest` over the network,
//!   [`InProcess`] by calling a function. The crate knows no async runtime.
//! - **Typed or not.** [`Client::users`] and [`Client::groups`] give typed views that keep what
//!   they do not know; [`Client::api`] takes any endpoint and any document.
//! - **Both kinds of paging,** with loops, gaps and false totals noticed: [`Pages`].
//! - **Repetition that does no harm.** `Retry-After` is obeyed; a create is never sent blindly
//!   twice: [`RetryPolicy`], [`Api::create_or_find`].
//! - **Errors that say what to do:** [`ClientError::class`].
//! - **A service provider that is not trusted.** `https` unless it is this machine; no user name
//!   in URLs; no private addresses; nothing is followed to another origin; the credentials go
//!   nowhere else. How large an answer may be is the transport's limit.
//!
//! # Main types
//!
//! [`Client`], made by [`ClientBuilder`]; [`Api`], the calls on one endpoint; [`Query`],
//! [`Page`] and [`Pages`]; [`Versioned`], a resource and its version; [`ClientError`].

mod api;
mod base;
mod client;
mod error;
mod page;
mod retry;
mod transport;

pub use api::{Api, Created, Patched, UpdateBy, Versioned};
pub use base::{Addresses, Plaintext};
pub use client::{Client, ClientBuilder};
pub use error::{BuildError, ClientError, ErrorClass, MAX_ERROR_BODY};
pub use page::{Page, Pages, Paging, Query, QueryBy};
pub use retry::RetryPolicy;
pub use transport::{Delivery, InProcess, Timer, Transport};

/// The README's example, as a test.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
