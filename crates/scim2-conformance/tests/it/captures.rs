//! What vendors send and answer, under their own policy and under the strict one.

use std::path::{Path, PathBuf};

use scim2_conformance::vectors::{self, Options, Report};
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
    let is_entra =
        |file: &PathBuf| file.file_name().unwrap().to_str().unwrap().starts_with("entra-");
    let mut files: Vec<PathBuf> = files.filter(is_entra).collect();
    files.sort();
    // Two files are about expressions and scopes, which no policy reads.
    files.retain(|file| {
        !file.ends_with("entra-expressions.json") && !file.ends_with("entra-scoping.json")
    });
    vectors::run(&files, &vendors().with_policy("entra", policy)).unwrap()
}

#[test]
fn what_vendors_send_and_answer_is_understood_under_their_policy() {
    let report = vectors::run(&[ours("vendors")], &vendors()).unwrap();
    assert!(report.is_success(), "{report}");
    assert!(report.passed > 230, "{report}");
    assert_eq!(report.dubious, 0, "{report}");
    // What is about a client's own logic is for the crates that have it.
    assert_eq!(report.skipped.len(), 12, "{report}");
}

#[test]
fn what_entra_sends_has_the_documented_result_under_its_policy() {
    let report = entra(scim2_vendor::entra::policy());
    assert!(report.is_success() && report.dubious == 0, "{report}");
    assert!(report.passed > 100, "{report}");
}

/// Where Entra ID and its tests depart from the RFCs: the case, the ruling, and the error.
const DEVIATIONS: [(&str, &str, &str); 24] = [
    ("disable user, without flag - request", "P19", "invalidValue"),
    ("remove group member, without flag - request", "P20", "invalidValue"),
    ("example 1 match by externalId, value not quoted - request", "F32", "invalidFilter"),
    ("example 2 provision a user with null members - request", "W03", "invalidSyntax"),
    ("example 4 does the manager already have this value - request", "F11", "invalidFilter"),
    ("example 4 same query, other order - request", "F11", "invalidFilter"),
    ("remove group member - request", "P20", "invalidValue"),
    ("mixed verbose patch - request", "P09", "noTarget"),
    ("replace on a filter without a match - request", "P09", "noTarget"),
    ("remove member as reported by a server author - request", "P20", "invalidValue"),
    ("SCIM Tests/Group tests: Patch add user4 to group1 - request", "P36", "invalidValue"),
    ("SCIM Tests/ComplexAttribute tests: Get user attributes - request", "Q10", "invalidValue"),
    (
        "SCIM Tests/ComplexAttribute tests: Get user via attributes filter - request",
        "Q10",
        "invalidValue",
    ),
    (
        "SCIM Tests/User tests with garbage: Post emp1 with string \"True\" - request",
        "P19",
        "invalidValue",
    ),
    (
        "SCIM Tests/User tests with garbage: Put a user misspelled attribute - request",
        "W03",
        "invalidSyntax",
    ),
    (
        "SCIM Tests/User tests with garbage: filter eq and (val or val) - request",
        "F32",
        "invalidFilter",
    ),
    ("SCIM Tests/User tests with garbage: filter starts with - request", "F32", "invalidFilter"),
    ("SCIM Tests/User tests with garbage: filter greater than - request", "F32", "invalidFilter"),
    (
        "SCIM Tests/Group tests with garbage: Group patch add member - request",
        "P18",
        "invalidValue",
    ),
    (
        "SCIM Tests/Group tests with garbage: Group patch add member2 - request",
        "P18",
        "invalidValue",
    ),
    ("AppRoleAssignmentsComplex create - request", "W03", "invalidSyntax"),
    ("create user, full attribute set, then duplicate - request", "P19", "invalidValue"),
    ("add attributes, verbose - request", "F19", "invalidFilter"),
    ("gallery test: change manager, string value - request", "P18", "invalidValue"),
];

#[test]
fn where_entra_departs_from_the_rfcs_the_strict_policy_refuses_it() {
    let report = entra(Policy::strict());
    let refused: Vec<(&str, &str)> =
        report.disagreements.iter().map(|d| (d.subject.as_str(), d.got.as_str())).collect();
    for (case, ruling, scim_type) in DEVIATIONS {
        let got = refused.iter().find(|(subject, _)| *subject == case);
        let got = got.unwrap_or_else(|| panic!("{case}: not refused, against {ruling}")).1;
        assert!(got.starts_with(&format!("400 {scim_type}: ")), "{case} ({ruling}): {got}");
    }
    let known = |case: &str| DEVIATIONS.iter().any(|(known, ..)| *known == case);
    let others: Vec<_> = refused.iter().filter(|(case, _)| !known(case)).collect();
    assert!(others.is_empty(), "{others:#?}");
}

#[test]
fn the_exchanges_and_documents_of_the_rfcs_agree() {
    let report = vectors::run(&[ours("rfc")], &vendors()).unwrap();
    assert!(report.is_success(), "{report}");
    assert_eq!(report.skipped, []);
    // Four exchanges have a filter that the RFCs' own grammar does not allow.
    let known = report.disagreements.iter().filter(|d| d.file.to_string_lossy().contains("/http/"));
    assert_eq!(known.count(), 4, "{report}");
}

#[test]
fn outside_vectors_of_every_format_agree() {
    let Ok(directory) = std::env::var("SCIM_VECTORS") else { return };
    let report = vectors::run(&[Path::new(&directory)], &vendors()).unwrap();
    assert!(report.is_success(), "{report}");
}
