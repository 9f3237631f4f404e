//! The store over PostgreSQL's protocol.

mod error;
mod integrity;
mod lease;
mod migrate;
mod names;
mod outbox;
mod query;
mod read;
mod reindex;
mod store;
#[cfg(feature = "rustls")]
mod tls;
mod write;

pub use self::error::ConnectError;
pub use self::store::{PostgresStore, PostgresStoreBuilder};
