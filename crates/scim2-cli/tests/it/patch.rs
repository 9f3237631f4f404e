use std::fs;

use serde_json::{Value, json};

use crate::support::{Ran, scim};

/// Runs `scim patch` with two files of these texts.
fn patch(action: &str, first: &str, second: &str, options: &[&str]) -> Ran {
    let folder = tempfile::tempdir().unwrap();
    let files = [("first.json", first), ("second.json", second)].map(|(name, text)| {
        let file = folder.path().join(name);
        fs::write(&file, text).unwrap();
        file
    });
    let mut arguments =
        vec!["patch", action, files[0].to_str().unwrap(), files[1].to_str().unwrap()];
    arguments.extend(options);
    scim(&arguments)
}

const USER: &str = r#"{"schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"], "userName": "b",
    "emails": [{"value": "a@x.org", "type": "work"}], "title": "Guide"}"#;

fn printed(ran: &Ran) -> Value {
    serde_json::from_str(&ran.out).unwrap()
}

#[test]
fn apply_prints_what_becomes_of_the_resource() {
    let message = r#"{"schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"], "Operations": [
        {"op": "replace", "path": "emails[type eq \"work\"].value", "value": "b@x.org"},
        {"op": "remove", "path": "title"}]}"#;
    let ran = patch("apply", USER, message, &[]);
    assert!(ran.success, "{}", ran.err);
    assert_eq!(printed(&ran)["emails"], json!([{"value": "b@x.org", "type": "work"}]));
    assert_eq!(printed(&ran).get("title"), None);
}

#[test]
fn apply_takes_operations_alone() {
    let ran = patch("apply", USER, r#"[{"op": "add", "value": {"nickName": "n"}}]"#, &[]);
    assert_eq!(printed(&ran)["nickName"], "n");
}

#[test]
fn apply_says_which_operation_is_at_fault() {
    let ran = patch("apply", USER, r#"[{"op": "remove", "path": "userName"}]"#, &[]);
    assert!(!ran.success);
    assert_eq!(ran.out, "");
    let fault = "400 mutability: `Operations[0]`: attribute `userName` is required";
    assert!(ran.err.contains(fault), "{}", ran.err);
}

#[test]
fn apply_follows_a_policy() {
    let operations =
        r#"[{"op": "Replace", "path": "phoneNumbers[type eq \"work\"].value", "value": "1"}]"#;
    assert!(patch("apply", USER, operations, &[]).err.contains("noTarget"));
    let ran = patch("apply", USER, operations, &["--policy", "entra"]);
    assert_eq!(printed(&ran)["phoneNumbers"], json!([{"type": "work", "value": "1"}]));
}

#[test]
fn diff_prints_a_request_that_apply_takes() {
    let after = USER.replace("Guide", "Driver").replace("a@x.org", "b@x.org");
    let ran = patch("diff", USER, &after, &[]);
    assert!(ran.success, "{}", ran.err);
    let op = ran.out;
    let ran = patch("apply", USER, &op, &[]);
    assert_eq!(printed(&ran), serde_json::from_str::<Value>(&after).unwrap());
}

#[test]
fn diff_of_the_same_prints_nothing() {
    let ran = patch("diff", USER, USER, &[]);
    assert!(ran.success);
    assert_eq!(ran.out, "");
}

#[test]
fn diff_of_two_types_is_refused() {
    let group =
        r#"{"schemas": ["urn:ietf:params:scim:schemas:core:2.0:Group"], "displayName": "b"}"#;
    let ran = patch("diff", USER, group, &[]);
    assert!(!ran.success && ran.out.is_empty());
    assert!(ran.err.contains("first.json is a User and "), "{}", ran.err);
}
