//! A SCIM 2.0 service provider (RFC 7644, RFC 9865) over any store.
//!
//! It turns HTTP requests into calls of a [`Store`] and their outcome into HTTP responses, and
//! knows no HTTP server: give [`ServiceProvider::handle`] a request, get a response. `scim2-axum`
//! mounts one in axum.
//!
//! ```
//! use bytes::Bytes;
//! use scim2_provider::auth::{BearerToken, BearerTokens};
//! use scim2_provider::{MemoryStore, Scope, ServiceProvider, TenantId};
//!
//! let scope = Scope::tenant(TenantId::new("acme")?);
//! let provider = ServiceProvider::builder(MemoryStore::default())
//!     .base_url(url::Url::parse("https://example.com/scim/v2")?)
//!     .authenticator(BearerTokens::new([BearerToken::new("entra", &"s3cret".into(), scope)?]))
//!     .build()?;
//! # let _ = provider;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! | | |
//! |---|---|
//! | [`ServiceProvider`] | the protocol |
//! | [`Store`] | what it needs of a database; [`MemoryStore`] is one |
//! | [`Handler`] | the same in an application's own types, over its own tables |
//! | [`Authenticator`] | who asks, and for which tenant; [`BearerTokens`](auth::BearerTokens) is one |
//! | [`ChangeHook`](events::ChangeHook) | may refuse a change before it is made |
//! | [`Subscriber`](events::Subscriber) | is told of every change, even after a restart |
//! | [`ProviderConfig`] | features and limits |
//! | [`Policy`](scim2_core::Policy) | what is tolerated beyond the letter of the RFCs |
//! | [`EndpointRules`](scim2_core::rules::EndpointRules) | what is demanded beyond it |
//!
//! # Audit
//!
//! Each change, and each request that is not let in or not allowed, is one record at the `tracing`
//! target `scim.audit`: who, what, which resource, from which version to which, the names of the
//! attributes that changed and the ids of members, and no values. `trace_id` is that of a
//! `traceparent` header, `client_address` what [`ClientAddress`] says, `mixed_scripts` the
//! names among the changed attributes that [may be there to deceive](events::mixes_scripts). It is
//! written after the change; a [`Subscriber`](events::Subscriber) writes one that survives a crash.
//!
//! # Traces
//!
//! A request is the span `scim.request`, with the shape of its filter and without its values. In it
//! are, at the level of debugging, `scim.authz`, `scim.parse`, `scim.hook`, and a `scim.store` for
//! each call of the store; an operation of a bulk request is `scim.bulk_operation`.
//!
//! # What is off until it is asked for
//!
//! Bulk requests are on; [`ProviderConfig::bulk`] has their limits. `/Me` is
//! [`ProviderConfig::me`], for authenticators whose clients are resources. Queries over all resource
//! types at `/` and `/.search` are [`ProviderConfig::root_search`]. References that must lead
//! somewhere are [`ProviderConfig::references`], groups in no circles
//! [`ProviderConfig::membership_cycles`], versions of users that change with their groups
//! [`ProviderConfig::etag_include_groups`], and a limit on what one client may take away
//! [`ProviderConfig::removals`]. What a client may see of a tenant is for its [`Authenticator`] to
//! say: of resources in [`visible`](Authenticator::visible), of attributes in
//! [`hidden`](Authenticator::hidden).
//!
//! # Metrics
//!
//! With the feature `metrics`, these go to whatever recorder the application installs for the
//! [`metrics`](https://docs.rs/metrics) facade. Times are in seconds; the values of labels come
//! from closed sets, so that no client can make up new ones.
//!
//! | | | labels |
//! |---|---|---|
//! | `http.server.request.duration` | histogram | `http.request.method`, `http.route`, `http.response.status_code` |
//! | `http.server.active_requests` | gauge | |
//! | `http.server.request.body.size` | histogram | `http.request.method`, `http.route` |
//! | `db.client.operation.duration` | histogram, of calls of the store | `db.operation.name` |
//! | `scim.server.operations` | counter | `operation`, `resource_type`, `result` |
//! | `scim.bulk.operations` | counter, of what bulk requests ask for | |
//! | `scim.auth.failures` | counter | `reason` |
//! | `scim.store.retries` | counter, of writes begun again after a lost race | `reason` |
//! | `scim.filter.pushdown` | counter, of filters that a [`Handler`] gets: `full` if it answered with a page, `scan` if with candidates | `by` |
//! | `scim.guard.tripped` | counter, of removals held by [`ProviderConfig::removals`] | |

mod audit;
pub mod auth;
mod base;
mod bulk;
mod change;
pub mod clock;
mod condition;
mod config;
mod crud;
mod cursor;
mod discovery;
mod dyn_store;
mod effect;
pub mod events;
pub mod handler;
mod in_memory;
mod keyset;
mod limits;
mod locate;
mod me;
mod media;
mod memory;
mod metrics;
mod origin;
mod provider;
mod query;
mod references;
mod removals;
mod represent;
mod respond;
mod root;
mod route;
pub mod scope;
mod scripts;
mod shape;
pub mod store;
pub mod text;
mod turns;
mod view;
mod watch;

pub use auth::Authenticator;
pub use base::{BaseUrl, Forwarded, MountPath, Scheme};
pub use clock::{Clock, SystemClock};
pub use config::{
    BulkLimits, CursorCount, Cycles, Discovery, IfMatch, Me, Offer, Paging, ProviderConfig,
    References, RootSearch, UnsupportedSort,
};
pub use dyn_store::DynStore;
pub use handler::{Handler, Handlers};
pub use in_memory::page_in_memory;
pub use limits::RateLimit;
pub use media::check_content_type;
pub use memory::MemoryStore;
pub use origin::ClientAddress;
pub use provider::{BuildError, ServiceProvider, ServiceProviderBuilder, too_large};
pub use removals::RemovalLimit;
pub use scope::{ProvisioningDomain, Scope, TenantId};
pub use store::Store;

/// The README's example, as a test.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
