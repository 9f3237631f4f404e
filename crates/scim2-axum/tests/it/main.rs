//! A service provider under axum, over real sockets.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that panics fails"
)]

mod canary;
mod examples;
mod json;
mod mount;
mod rows;
mod serve;
mod support;
