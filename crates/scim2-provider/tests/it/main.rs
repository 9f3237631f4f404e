//! The service provider in front of the memory store, in process.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    reason = "a test that panics fails"
)]

mod audit;
mod auth;
mod auth_rows;
mod bad_input;
mod bulk;
mod bulk_law;
mod contract;
mod create;
mod cursor;
mod cursor_rows;
mod delete;
mod directory;
mod discovery;
mod etag;
mod events;
mod guards;
mod handler;
mod handler_law;
mod hidden;
mod hooks;
mod hostile;
mod http;
mod limits;
mod me;
mod members;
#[cfg(feature = "metrics")]
mod metrics;
mod options;
mod patch;
mod projection;
mod query;
mod query_rows;
mod replace;
mod root_search;
mod rows;
mod rules;
mod sec_rows;
mod security;
mod security_events;
mod store;
mod store_rows;
mod support;
mod text;
mod turns;
mod vendors;
mod visible;
