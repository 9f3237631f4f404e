//! The store over PostgreSQL's protocol.

mod error;
mod integrity;
mod migrate;
mod names;
mod outbox;
mod query;
mod read;
mod store;
mod write;

pub use self::error::ConnectError;
pub use self::store::{PostgresStore, PostgresStoreBuilder};
