use serde_json::Value;

use crate::serve::Server;
use crate::support::scim;

fn check(server: &Server, arguments: &[&str]) -> crate::support::Ran {
    let url = format!("http://{}/scim/v2", server.address);
    let mut all = vec!["conformance", &url, "--token", "s3cret"];
    all.extend(arguments);
    scim(&all)
}

#[test]
fn our_own_endpoint_passes_in_every_format() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path(), "strict");
    let ran = check(&server, &["--group", "rfc,okta", "--only", "o"]);
    assert!(ran.success, "{}{}", ran.out, ran.err);
    assert!(ran.out.ends_with("16 passed, 0 failed, 0 warnings, 0 skipped\n"), "{}", ran.out);
    let ran = check(&server, &["--only", "etag.", "--format", "json"]);
    assert!(ran.success, "{}{}", ran.out, ran.err);
    let report: Value = serde_json::from_str(&ran.out).unwrap();
    assert_eq!(report["passed"], 7);
    let ran = check(&server, &["--only", "create.", "--format", "junit"]);
    assert!(ran.out.contains(r#"failures="0""#), "{}", ran.out);
}

#[test]
fn a_failure_is_told_and_the_command_fails() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path(), "strict");
    let ran = check(&server, &["--group", "entra", "--only", "entra.disable"]);
    assert!(!ran.success);
    assert!(ran.out.contains("failed   entra.disable-legacy"), "{}", ran.out);
    assert!(ran.out.contains("expected status 200 or 204, found 400"), "{}", ran.out);
}

#[test]
fn a_wrong_url_or_token_is_told_once() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path(), "strict");
    let url = format!("http://{}/scim/v2", server.address);
    let ran = scim(&["conformance", &url, "--token", "wr0ng"]);
    assert!(!ran.success && ran.out.is_empty(), "{}", ran.out);
    assert!(ran.err.contains("the endpoint does not accept the token"), "{}", ran.err);
    assert!(!ran.err.contains("wr0ng"), "{}", ran.err);
    drop(server);
    let ran = scim(&["conformance", &url, "--token", "s3cret"]);
    assert!(!ran.success && ran.out.is_empty(), "{}", ran.out);
    assert!(ran.err.contains("does not answer"), "{}", ran.err);
}

#[test]
fn the_checks_are_listed_without_an_endpoint() {
    let ran = scim(&["conformance", "--list"]);
    assert!(ran.success);
    assert!(ran.out.lines().count() > 200, "{}", ran.out);
}

#[test]
fn sec_21_a_token_is_not_sent_in_the_clear() {
    let ran = scim(&["conformance", "http://scim.example.com/v2", "--token", "s3cret"]);
    assert!(!ran.success);
    assert!(ran.err.contains("is not protected by TLS"), "{}", ran.err);
    assert!(!ran.err.contains("s3cret"), "{}", ran.err);
}
