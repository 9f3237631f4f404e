//! The grammar ruling by ruling, its laws, its limits, and the vectors of other implementations.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    reason = "a test may panic, and so may what helps it"
)]

mod builders;
mod errors;
mod laws;
mod limits;
mod model;
mod paths;
mod requirements;
mod rulings;
mod seeds;
#[cfg(feature = "serde")]
mod serde;
mod tolerances;
mod values;
mod vectors;

use scim2_syntax::{Filter, ParseErrorKind, PatchPath, SyntaxPolicy};

/// The filter in its canonical form, or the error.
#[track_caller]
fn canonical(text: &str) -> String {
    match text.parse::<Filter>() {
        Ok(filter) => filter.to_string(),
        Err(error) => panic!("{}", error.render(text)),
    }
}

/// `text` means the same as the canonical filter `wanted`.
#[track_caller]
fn reads_as(text: &str, wanted: &str) {
    assert_eq!(canonical(text), wanted);
}

/// `text` is a filter that already is in canonical form.
#[track_caller]
fn is_canonical(text: &str) {
    reads_as(text, text);
}

/// Why `text` is no filter, and where.
#[track_caller]
fn fault(text: &str) -> (ParseErrorKind, usize) {
    match text.parse::<Filter>() {
        Ok(filter) => panic!("{text} is taken as {filter}"),
        Err(error) => (error.kind().clone(), error.offset()),
    }
}

/// Why `text` is no PATCH path, where, and whether that is in its brackets.
#[track_caller]
fn path_fault(text: &str) -> (ParseErrorKind, usize, bool) {
    match text.parse::<PatchPath>() {
        Ok(path) => panic!("{text} is taken as {path}"),
        Err(error) => (error.kind().clone(), error.offset(), error.in_brackets()),
    }
}

/// The strict policy with one tolerance on.
fn tolerating(tolerance: impl FnOnce(&mut SyntaxPolicy)) -> SyntaxPolicy {
    let mut policy = SyntaxPolicy::strict();
    tolerance(&mut policy);
    policy
}
