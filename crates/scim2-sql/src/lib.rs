//! A store for [`scim2_provider`] in one SQLite file, and filters as SQL over an application's own
//! tables.
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
//! - **Comparison keys** are made by the same rules as in filters and uniqueness. Where keys were
//!   made by other rules, such as those of a schema in which an attribute was not unique yet, the
//!   store refuses, or makes them anew ([`SqliteStoreBuilder::reindex`]).
//!
//! # How it answers queries
//!
//! Filters and sort orders become SQL: conditions on a *search document* that is kept beside each
//! resource, in which every value is a key that the database compares by its bytes. What that SQL
//! means is what [`BoundFilter::matches`](scim2_core::bind::BoundFilter::matches) means; tests
//! hold the two against each other. Rows are found through an index where the filter says `eq` of
//! one of these, alone or joined by `and` with anything, or by `or` with each other:
//!
//! `id`, `externalId`, `displayName`, `emails.value`, `members.value`, `groups.value`,
//! `manager.value` and its like, `employeeNumber` of the enterprise extension, and every attribute
//! whose values are unique, such as `userName`.
//!
//! A few terms have no SQL and are decided on the documents of the rows that the rest of the
//! filter leaves: names and types of members, groups and managers, `eq` of references and URLs,
//! `meta.version` and `meta.location`, a provisioning domain's own `externalId`, and attributes
//! that no schema defines.
//!
//! # Features
//!
//! | feature | what it adds |
//! |---|---|
//! | `sqlite` (on) | `SqliteStore` |
//! | `metrics` | `scim.sqlite.writer.queue`, a gauge: how many changes wait for the thread that writes |
//! | `postgres` | `PostgresStore`: the same tables and answers in PostgreSQL, for any number of service providers |
//! | `rustls` | `postgres`, and TLS to it where the connection string says `sslmode=require` |
//!
//! # An application's own tables
//!
//! A [`ColumnMap`] says where tables that are already there keep attributes, and turns the same
//! filters and orders into SQL over them, for SQLite and PostgreSQL.

// Without a store, only what makes SQL for an application's own tables is used.
#![cfg_attr(
    not(any(feature = "sqlite", feature = "postgres")),
    allow(dead_code, unused_imports, reason = "shared by the stores")
)]

mod candidates;
mod columns;
mod id;
#[cfg(any(feature = "sqlite", feature = "postgres"))]
mod integrity;
mod keys;
mod lower;
mod names;
mod own;
#[cfg(feature = "postgres")]
mod postgres;
#[cfg(any(feature = "sqlite", feature = "postgres"))]
mod rules;
mod search;
mod secret;
mod shape;
mod sql;
#[cfg(feature = "sqlite")]
mod sqlite;

pub use columns::{Column, ColumnMap, ColumnMapBuilder, MapError, Rows};
#[cfg(any(feature = "sqlite", feature = "postgres"))]
pub use integrity::Integrity;
#[cfg(feature = "postgres")]
pub use postgres::{ConnectError, PostgresStore, PostgresStoreBuilder};
pub use secret::Secrets;
pub use sql::{Dialect, Parameter, Sql};
#[cfg(feature = "sqlite")]
pub use sqlite::{Durability, OpenError, SqliteStore, SqliteStoreBuilder, register_key_functions};
