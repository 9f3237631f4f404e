//! The fuzz targets' laws on their seeds, and on every input that once broke one.

use std::fs;
use std::path::Path;

#[path = "../../../../fuzz/src/core.rs"]
#[expect(
    unreachable_pub,
    clippy::expect_used,
    reason = "a library of its own for the fuzz targets, which panics when a law is broken"
)]
pub(crate) mod fuzz;

/// Runs a law on the files of `fuzz/seeds/TARGET` and `fuzz/regressions/TARGET`. Each seed comes as
/// far as the law; of what once broke it, some may be refused before that by now.
#[track_caller]
fn replay(target: &str, law: impl Fn(&[u8]) -> Option<()>) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz");
    let mut count = 0;
    for folder in ["seeds", "regressions"] {
        let Ok(entries) = fs::read_dir(root.join(folder).join(target)) else { continue };
        for entry in entries {
            let path = entry.unwrap().path();
            let reached = law(&fs::read(&path).unwrap());
            assert!(reached.is_some() || folder == "regressions", "{path:?} tells nothing");
            count += 1;
        }
    }
    assert!(count > 0, "no seeds for {target}");
}

/// Targets that take text skip what is none, as the fuzzer does.
fn on_text(law: impl Fn(&str) -> Option<()>) -> impl Fn(&[u8]) -> Option<()> {
    move |data| law(str::from_utf8(data).ok()?)
}

#[test]
fn ingest_fixed_point() {
    replay("ingest_fixed_point", fuzz::ingest_fixed_point);
}

#[test]
fn patch_never_panics_and_is_atomic() {
    replay("patch_never_panics_and_is_atomic", fuzz::patch_never_panics_and_is_atomic);
}

#[test]
fn diff_then_patch() {
    replay("diff_then_patch", on_text(fuzz::diff_then_patch));
}

#[test]
fn projection_keeps_id_and_schemas() {
    replay("projection_keeps_id_and_schemas", on_text(fuzz::projection_keeps_id_and_schemas));
}

#[test]
fn filter_matches_as_model() {
    replay("filter_matches_as_model", on_text(fuzz::filter_matches_as_model));
}
