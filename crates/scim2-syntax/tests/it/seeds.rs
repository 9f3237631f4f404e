//! The fuzz targets' laws on their seeds, and on every text that once broke one.

use std::{fs, path::Path};

#[path = "../../../../fuzz/src/syntax.rs"]
#[expect(unreachable_pub, reason = "a library of its own for the fuzz targets")]
mod fuzz;

/// Runs a law on the files of `fuzz/seeds/TARGET` and `fuzz/regressions/TARGET`.
#[track_caller]
fn replay(target: &str, law: impl Fn(&[u8])) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz");
    let mut count = 0;
    for folder in ["seeds", "regressions"] {
        let Ok(entries) = fs::read_dir(root.join(folder).join(target)) else { continue };
        for entry in entries {
            law(&fs::read(entry.unwrap().path()).unwrap());
            count += 1;
        }
    }
    assert!(count > 0, "no seeds for {target}");
}

/// Targets that take text skip what is none, as the fuzzer does.
fn on_text(law: impl Fn(&str)) -> impl Fn(&[u8]) {
    move |data| {
        if let Ok(text) = str::from_utf8(data) {
            law(text);
        }
    }
}

#[test]
fn filter_never_panics() {
    replay("filter_never_panics", fuzz::filter_never_panics);
}

#[test]
fn filter_roundtrip() {
    replay("filter_roundtrip", on_text(fuzz::filter_roundtrip));
}

#[test]
fn path_roundtrip() {
    replay("path_roundtrip", on_text(fuzz::path_roundtrip));
}

#[test]
fn policy_monotone() {
    replay("policy_monotone", fuzz::policy_monotone);
}

#[test]
fn the_seeds_of_one_target_keep_the_laws_of_the_others() {
    for target in ["filter_never_panics", "filter_roundtrip", "path_roundtrip", "policy_monotone"] {
        replay(target, |data| {
            fuzz::filter_never_panics(data);
            fuzz::policy_monotone(data);
            on_text(fuzz::filter_roundtrip)(data);
            on_text(fuzz::path_roundtrip)(data);
        });
    }
}
