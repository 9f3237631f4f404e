//! Public behaviour of scim2-vendor, one module per subject.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test may panic, and so may what helps it"
)]

mod aws;
mod entra;
mod profile;

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

/// The cases of a vendor's file: the project's copy, and another set if there is one.
fn cases(file: &str) -> Vec<Value> {
    let own = Path::new(env!("CARGO_MANIFEST_DIR")).join("../scim2-conformance/vectors");
    let more = std::env::var_os("SCIM_VECTORS").map(PathBuf::from);
    let mut cases = Vec::new();
    for dir in [Some(own), more].into_iter().flatten() {
        let path = dir.join("vendors").join(file);
        let Ok(bytes) = fs::read(&path) else { continue };
        let file: Value = serde_json::from_slice(&bytes).unwrap();
        cases.extend(file["cases"].as_array().unwrap().iter().cloned());
    }
    assert!(!cases.is_empty(), "no copy of {file} was found");
    cases
}
