//! What the crate promises its users.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test may panic, and so may what helps it"
)]

mod diff;
mod filter;
mod filter_law;
mod ingest;
mod messages;
mod patch;
mod patch_law;
mod patch_vectors;
mod project;
mod rows;
mod schema;
mod seeds;
mod sort;
mod types;
mod validate;
