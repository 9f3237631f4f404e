use std::fs;
use std::path::{Path, PathBuf};

use scim2_conformance::vectors::{self, Disagreement, ExpectedFailures, Options, Report};
use scim2_core::Policy;
use scim2_core::policy::UnknownFilterAttribute;

fn ours(directory: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("vectors").join(directory)
}

#[track_caller]
fn run(paths: &[PathBuf]) -> Report {
    let report = vectors::run(paths, &Options::default()).unwrap();
    assert!(report.is_success(), "{report}");
    report
}

#[test]
fn our_filters_and_paths_agree() {
    let report = run(&[ours("filter"), ours("rfc/filters.json"), ours("rfc/paths.json")]);
    assert!(report.passed > 1_000, "{report}");
    assert_eq!(report.skipped, []);
}

#[test]
fn our_patches_agree() {
    let report = run(&[ours("patch")]);
    assert!(report.passed > 100, "{report}");
    assert_eq!(report.skipped, []);
}

#[test]
fn every_expected_failure_is_one() {
    let known = ExpectedFailures::known();
    let report = vectors::run(&[ours("")], &Options::default()).unwrap();
    for (file, case) in known.iter() {
        let is_this = |disagreement: &&Disagreement| {
            disagreement.file.ends_with(file) && disagreement.case == case
        };
        let found = report.disagreements.iter().find(is_this);
        let found = found.unwrap_or_else(|| panic!("{file} {case} agrees by now"));
        assert!(
            found.dubious.as_ref().is_some_and(|reason| reason.starts_with("known: ")),
            "{found}"
        );
    }
}

#[test]
fn outside_vectors_agree() {
    let Ok(directory) = std::env::var("SCIM_VECTORS") else { return };
    let directory = Path::new(&directory);
    run(&["filter", "patch", "rfc/filters.json", "rfc/paths.json"].map(|part| directory.join(part)));
}

/// Writes a file that goes away with the test.
struct Scratch(PathBuf);

impl Scratch {
    fn new(name: &str) -> Self {
        let directory =
            std::env::temp_dir().join(format!("scim2-vectors-{name}-{}", std::process::id()));
        fs::create_dir_all(&directory).unwrap();
        Self(directory)
    }

    fn file(&self, name: &str, content: &str) -> PathBuf {
        let file = self.0.join(name);
        fs::write(&file, content).unwrap();
        file
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

#[test]
fn a_disagreement_is_one_line() {
    let scratch = Scratch::new("line");
    let file = scratch.file(
        "mine.json",
        r#"{"cases": [
            {"filter": "a eq 1", "valid": true, "resource": {"a": 1}, "matches": true},
            {"filter": "a eq\n2", "valid": true, "resource": {"a": 1}, "matches": true},
            {"filter": "a eq 2", "valid": false, "dubious": "says who"},
            {"id": "last", "filter": "a eq", "valid": true}
        ]}"#,
    );
    let report = vectors::run(&[&file], &Options::default()).unwrap();
    let (path, printed) = (file.display().to_string(), report.to_string());
    let lines: Vec<_> = printed.lines().collect();
    assert_eq!(lines.len(), 4, "{printed}");
    assert_eq!(
        lines[0],
        format!(r"FAILED {path} #1: a eq\n2: expected matches true, got matches false"),
    );
    assert!(
        lines[1].starts_with(&format!("FAILED {path} last: a eq: expected a valid filter, got "))
    );
    assert_eq!(
        lines[2],
        format!("dubious {path} #2: a eq 2: expected an error, got no error (says who)"),
    );
    assert_eq!(lines[3], "1 passed, 2 failed, 1 dubious");
    assert!(!report.is_success());
}

#[test]
fn unknown_formats_are_skipped_in_directories_and_refused_by_name() {
    let scratch = Scratch::new("unknown");
    let other = scratch.file("other.json", r#"{"Resources": []}"#);
    let broken = scratch.file("broken.json", "{");
    scratch.file("good.json", r#"{"cases": [{"path": "emails[0]", "valid": false}]}"#);
    scratch.file("notes.txt", "not JSON at all");
    let report = vectors::run(&[&scratch.0], &Options::default()).unwrap();
    assert_eq!((report.passed, report.skipped.len()), (1, 2));
    assert!(report.to_string().contains("skipped: `"), "{report}");
    for (file, reason) in [(other, "no vectors of a known format"), (broken, "is not JSON")] {
        let error = vectors::run(&[&file], &Options::default()).unwrap_err();
        assert!(error.to_string().contains(reason), "{error}");
    }
    let missing = vectors::run(&[scratch.0.join("missing")], &Options::default()).unwrap_err();
    assert!(missing.to_string().contains("cannot read"), "{missing}");
}

#[test]
fn a_case_can_ask_for_a_policy_and_a_resource_type() {
    let scratch = Scratch::new("policy");
    let file = scratch.file(
        "mine.json",
        r#"{"policy": "quiet", "cases": [
            {"filter": "nosuch eq 1", "valid": true, "resource_type": "User", "resource": {}, "matches": false},
            {"filter": "nosuch eq 1", "valid": false, "resource_type": "User", "policy": "strict"},
            {"filter": "nosuch eq 1", "valid": true, "resource": {"nosuch": 1}, "matches": true},
            {"filter": "title pr", "valid": true, "policy": "other", "resource": {}, "matches": false}
        ]}"#,
    );
    let mut quiet = Policy::strict();
    quiet.filter.unknown_attribute = UnknownFilterAttribute::NoMatch;
    let options = Options::default().with_policy("quiet", quiet);
    let report = vectors::run(&[&file], &options).unwrap();
    assert_eq!((report.passed, report.failed), (3, 1), "{report}");
    assert!(report.to_string().contains("no policy of this name"), "{report}");
}

#[test]
fn types_and_case_refine_the_open_type() {
    let scratch = Scratch::new("types");
    let file = scratch.file(
        "mine.json",
        r#"{"cases": [
            {"filter": "urn:x:y:when gt \"2011-05-13T04:00:00Z\"", "valid": true, "types": {"urn:x:y:when": "dateTime"},
             "resource": {"urn:x:y": {"when": "2011-05-13T04:00:00-02:00"}}, "matches": true},
            {"filter": "parts.no co 1", "valid": false, "types": {"parts.no": "integer"}},
            {"filter": "parts.code eq \"A\"", "valid": true, "case_exact": ["parts.code"],
             "resource": {"parts": [{"code": "a"}]}, "matches": false},
            {"filter": "emails eq \"A\"", "valid": true, "case_exact": ["emails.value"],
             "resource": {"emails": [{"value": "a"}]}, "matches": false},
            {"filter": "members.value eq \"a\"", "valid": true,
             "resource": {"members": [{"value": "A"}, {"value": "a"}]}, "matches": true},
            {"filter": "active gt true", "valid": false, "types": {"active": "boolean"}}
        ]}"#,
    );
    run(&[file]);
}

#[test]
fn malformed_cases_fail() {
    let scratch = Scratch::new("malformed");
    let file = scratch.file(
        "mine.json",
        r#"{"cases": [
            {"filter": "title pr", "valid": true, "resource_set": "none", "matches": []},
            {"filter": "title pr", "valid": "yes"},
            {"filter": "title pr"},
            7
        ]}"#,
    );
    let report = vectors::run(&[&file], &Options::default()).unwrap();
    assert_eq!((report.passed, report.failed), (0, 4), "{report}");
}
