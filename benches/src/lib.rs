//! What the benches measure; the benches themselves are in `benches/`.

pub mod core;
pub mod endpoint;
pub mod serve;
