//! The store in one SQLite file.

mod error;
mod functions;
mod glance;
mod id;
mod integrity;
mod migrate;
mod outbox;
mod precedence;
mod query;
mod queue;
mod read;
mod store;
mod threads;
mod visit;
mod write;

pub use self::error::OpenError;
pub use self::functions::register_key_functions;
pub use self::store::{Durability, SqliteStore, SqliteStoreBuilder};
