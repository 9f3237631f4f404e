//! The laws that the fuzz targets check, one function each. The crates' tests run the same functions on the seeds.

pub mod core;
pub mod syntax;
