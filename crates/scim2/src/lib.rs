//! SCIM 2.0 (RFC 7643, RFC 7644, RFC 9865): users and groups, moved between systems.
//!
//! This crate gathers the workspace's crates under one name. [`syntax`] and [`core`] are always
//! there; the others are features, so that an application builds only what it uses.
//!
//! ```
//! use scim2::core::{Policy, Resource, ResourceType};
//! use scim2::syntax::Filter;
//!
//! let filter: Filter = r#"userName sw "b" and active eq true"#.parse()?;
//! let bound = ResourceType::user().bind(&filter, &Policy::strict())?;
//! let user: Resource = serde_json::from_str(r#"{"userName": "BJensen", "active": true}"#)?;
//! assert!(bound.matches(&user));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! | feature | module | what it adds |
//! |---|---|---|
//! | | `syntax` | filters, attribute paths, PATCH paths |
//! | | `core` | resources, schemas, validation, filter meaning, PATCH, messages |
//! | `provider` | `provider` | a service provider over any store, or over an application's own tables |
//! | `axum` | `axum` | the service provider as an axum router, and bodies for routes by hand |
//! | `metrics` | | counts and times of what the service provider does, for the `metrics` facade |
//! | `sqlite` | `sql` | the SQLite store, and filters as SQL over an application's own tables |
//! | `postgres` | `sql` | the PostgreSQL store, for any number of service providers |
//! | `client` | `client` | a client over any transport |
//! | `reqwest` | `reqwest` | the transport over reqwest and rustls |
//! | `vendor` | `vendor` | what Entra ID, Okta and AWS IAM Identity Center send, accept, refuse |
//! | `sync` | `sync` | makes a target look like a directory |
//! | `precis` | | user names and passwords by RFC 8265, for resource types that ask for it |
//! | `full` | | all of them but `precis` |

#[cfg(feature = "axum")]
pub use scim2_axum as axum;
#[cfg(feature = "client")]
pub use scim2_client as client;
pub use scim2_core as core;
#[cfg(feature = "provider")]
pub use scim2_provider as provider;
#[cfg(feature = "reqwest")]
pub use scim2_reqwest as reqwest;
#[cfg(any(feature = "sqlite", feature = "postgres"))]
pub use scim2_sql as sql;
#[cfg(feature = "sync")]
pub use scim2_sync as sync;
pub use scim2_syntax as syntax;
#[cfg(feature = "vendor")]
pub use scim2_vendor as vendor;

/// The README's example, as a test.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

/// The examples of the repository's README, as tests.
#[cfg(all(doctest, feature = "full"))]
#[doc = include_str!("../../../README.md")]
struct RepositoryReadme;
