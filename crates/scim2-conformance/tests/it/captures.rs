//! What vendors send and answer, under their own policy and under the strict one.

use std::path::{Path, PathBuf};

use scim2_conformance::vectors::{self, Disagreement, Options, Report};
use scim2_core::Policy;

fn ours(directory: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("vectors").join(directory)
}

fn vendors() -> Options {
    Options::default()
        .with_policy("entra", scim2_vendor::entra::policy())
        .with_policy("okta", scim2_vendor::okta::policy())
        .with_policy("aws", scim2_vendor::aws::policy())
}

fn entra(policy: Policy) -> Report {
    let files = std::fs::read_dir(ours("vendors")).unwrap().map(|entry| entry.unwrap().path());
    let is_entra = |file: &PathBuf| file.file_name().unwrap().to_str().unwrap().starts_with("entra-");
    let mut files: Vec<PathBuf> = files.filter(is_entra).collect();
    files.sort();
    // Two files are about expressions and scopes, which no policy reads.
    files.retain(|file| !file.ends_with("entra-expressions.json") && !file.ends_with("entra-scoping.json"));
    vectors::run(&files, &vendors().with_policy("entra", policy)).unwrap()
}

#[test]
fn strict_list() {
    for d in entra(Policy::strict()).disagreements { println!("{} | {} | {} | {}", d.file.file_name().unwrap().to_str().unwrap(), d.subject, d.expected, d.got); }
}
