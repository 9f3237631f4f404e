//! What the crate does from outside, against an endpoint with AWS IAM Identity Center's limits.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test may panic, and so may what helps it"
)]

mod support;

mod connection;
mod correlate;
mod crash;
mod cycle;
mod guards;
mod log;
mod mapping;
mod members;
mod rows;
mod source;
mod state;
