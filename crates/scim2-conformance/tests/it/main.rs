//! The vectors, run; and the runner itself.

#![expect(clippy::unwrap_used, reason = "a test may panic, and so may what helps it")]

mod captures;
mod endpoint;
mod faulty_store;
mod mutants;
mod store;
mod support;
mod vectors;
