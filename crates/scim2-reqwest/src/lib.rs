//! The network transport of [`scim2_client`], over [`reqwest`].
//!
//! ```no_run
//! # async fn run() -> Result<(), Box<dyn std::error::Error>> {
//! use scim2_client::Client;
//! use scim2_reqwest::ReqwestTransport;
//!
//! let client = Client::builder(ReqwestTransport::new()?, "https://scim.example.com/v2".parse()?)
//!     .bearer(std::env::var("SCIM_TOKEN")?.into())
//!     .build()?;
//! # let _ = client;
//! # Ok(()) }
//! ```
//!
//! The service provider at the other end is not trusted:
//!
//! - Redirects are not followed, and cookies are not kept. reqwest by itself turns a redirected
//!   POST into a GET and reports the success of that.
//! - An answer beyond [`max_response`](ReqwestTransportBuilder::max_response) is cut off while it
//!   arrives. Compressed answers are neither asked for nor unpacked.
//! - Connecting, each read and the whole exchange have deadlines.
//! - TLS is rustls with ring; certificates are checked, and there is no way to turn that off.
//! - Names that stand for private addresses are refused, unless
//!   [`addresses`](ReqwestTransportBuilder::addresses) allows them.
//! - Requests to this machine never go through a proxy; others go through the one that
//!   `HTTPS_PROXY` and its siblings name, unless
//!   [`proxy`](ReqwestTransportBuilder::proxy) says otherwise.
//!
//! It needs a tokio runtime, and brings the timer that the client waits with.

mod error;
mod resolve;
mod transport;

pub use error::{BuildError, TransportError};
pub use resolve::ForbiddenAddress;
pub use transport::{Proxy, ReqwestTransport, ReqwestTransportBuilder, Roots};

/// The README's example, as a test.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
