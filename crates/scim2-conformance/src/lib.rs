//! Says whether a SCIM 2.0 endpoint, or a store behind one, does what the standards demand.
//!
//! [`run`] checks any endpoint over any [`Transport`](scim2_client::Transport): in this process or
//! by its URL. It reads what the endpoint advertises, skips what is not offered, and deletes what
//! it made. Each check names the section of RFC 7643, RFC 7644 or RFC 9865, or the vendor's test,
//! that it is from.
//!
//! ```no_run
//! use scim2_conformance::{Group, Options, run};
//! # async fn check(transport: impl scim2_client::Transport) -> Result<(), Box<dyn std::error::Error>> {
//! let options = Options::new("https://scim.example.com/v2".parse()?)
//!     .bearer(std::env::var("SCIM_TOKEN")?.into())
//!     .groups([Group::Rfc, Group::Okta]);
//! let report = run(&transport, &options).await;
//! print!("{report}");
//! assert!(report.is_success());
//! # Ok(()) }
//! ```
//!
//! [`store::check`] does the same for a [`Store`](scim2_provider::Store), without a protocol.
//!
//! `vectors/` holds the filters, paths and examples of RFC 7643 and RFC 7644, and cases from the
//! tests of other SCIM implementations, as plain JSON. [`vectors`] runs files of these formats
//! against the parser, the evaluator and the PATCH engine of this library, so that any suite that
//! is written down in the same way can be thrown at it.
//!
//! ```no_run
//! use scim2_conformance::vectors::{self, Options};
//! let report = vectors::run(&["vectors/filter"], &Options::default())?;
//! print!("{report}");
//! assert!(report.is_success());
//! # Ok::<(), vectors::VectorError>(())
//! ```

pub mod store;
mod suite;
mod test_resource;
pub mod vectors;

pub use suite::{
    Check, CheckReport, Exchange, Group, Options, Outcome, Report, UnknownGroup, checks, run,
};
pub use test_resource::test_resource;

/// The README's example, as a test.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
