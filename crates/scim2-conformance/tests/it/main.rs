//! The vectors, run; and the runner itself.

#![expect(clippy::unwrap_used, reason = "a test may panic, and so may what helps it")]

mod captures;
#[expect(dead_code, reason = "the wrong way to answer queries is for scim2-provider's tests")]
#[path = "../../../scim2-provider/tests/it/directory.rs"]
mod directory;
mod endpoint;
mod faulty_store;
mod mutants;
mod store;
mod support;
mod vectors;
