//! A store for [`scim2_provider`] in one SQLite file.
//!
//! ```no_run
//! # fn run() -> Result<(), Box<dyn std::error::Error>> {
//! use scim2_provider::ServiceProvider;
//! use scim2_sql::SqliteStore;
//!
//! let store = SqliteStore::open("scim.db")?;
//! let builder = ServiceProvider::builder(store);
//! # let _ = builder;
//! # Ok(()) }
//! ```
//!
//! # How it keeps things
//!
//! - **One row a resource,** with the document as JSON; one row a membership, so that adding a
//!   member to a group of a hundred thousand writes one row; a user's groups are computed when
//!   they are read.
//! - **Durable.** A change is on the disk when its call returns ([`Durability`]). Changes that
//!   wait for the disk together are written together.
//! - **Unique values** are unique by the database's own constraint, per tenant.
//! - **Secrets** such as `password` are hashed with Argon2id in a table that no read joins, or
//!   dropped ([`Secrets`]).
//! - **One process.** A second one that opens the file is refused. The file is readable by its
//!   owner alone.
//! - **Comparison keys** are made by the same rules as in filters and uniqueness. A file whose
//!   keys were made by other rules is refused, or its keys made anew
//!   ([`SqliteStoreBuilder::reindex`]).
//!
//! # How it answers queries
//!
//! Filters are decided on the document, by the code that decides them everywhere
//! ([`BoundFilter::matches`](scim2_core::bind::BoundFilter::matches)), so this store cannot
//! disagree with another about what a filter means. To keep from reading every document, it finds
//! the candidates through an index where the filter says `eq` of one of these, alone or joined by
//! `and` with anything, or by `or` with each other:
//!
//! `id`, `externalId`, `displayName`, `emails.value`, `members.value`, `groups.value`,
//! `manager.value` and its like, `employeeNumber` of the enterprise extension, and every attribute
//! whose values are unique, such as `userName`.
//!
//! Any other filter, and any order but that of creation, reads all resources of the type: a
//! hundred thousand take about a second. Turning whole filters into SQL is still to come; so is
//! PostgreSQL.

mod candidates;
mod error;
mod id;
mod migrate;
mod outbox;
mod query;
mod read;
mod secret;
mod shape;
mod store;
mod threads;
mod write;

pub use error::OpenError;
pub use secret::Secrets;
pub use store::{Durability, SqliteStore, SqliteStoreBuilder};
