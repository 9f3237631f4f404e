use std::fs;

use crate::support::scim;

/// Runs `scim validate` on a file with this text.
fn validate(text: &str, options: &[&str]) -> crate::support::Ran {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("resource.json");
    fs::write(&file, text).unwrap();
    let mut arguments = vec!["validate", file.to_str().unwrap()];
    arguments.extend(options);
    scim(&arguments)
}

const USER: &str = r#"{"schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"], "userName": "b""#;

#[test]
fn a_valid_user_is_one() {
    let ran = validate(&format!("{USER}}}"), &[]);
    assert!(ran.success, "{}", ran.err);
    assert_eq!(ran.out, "a valid User\n");
}

#[test]
fn every_violation_has_a_line_and_fails() {
    let ran = validate(
        r#"{"userName": 5, "emails": [{"value": 1, "nick": "x"}], "activ": true}"#,
        &["--type", "user"],
    );
    assert!(!ran.success);
    assert_eq!(
        ran.out,
        "invalidValue: `userName` must be a string, found a number\n\
         invalidValue: `emails[0].value` must be a string, found a number\n\
         invalidSyntax: unknown attribute `emails[0].nick`\n\
         invalidSyntax: unknown attribute `activ`\n\
         invalidSyntax: `schemas` is required and must not be empty\n\
         5 violations\n"
    );
    assert_eq!(ran.err, "");
}

#[test]
fn more_violations_are_printed_than_an_error_tells() {
    let names: String = (0..50).map(|i| format!(r#", "x{i}": 1"#)).collect();
    let ran = validate(&format!("{USER}{names}}}"), &[]);
    assert!(ran.out.ends_with("50 violations\n"), "{}", ran.out);
    assert_eq!(ran.out.lines().count(), 51);
}

#[test]
fn a_policy_tolerates_what_its_vendor_sends() {
    let user = format!(r#"{USER}, "active": "True"}}"#);
    assert!(!validate(&user, &[]).success);
    assert!(validate(&user, &["--policy", "entra"]).success);
}

#[test]
fn a_schema_file_defines_the_type_or_an_extension() {
    let folder = tempfile::tempdir().unwrap();
    let schema = folder.path().join("schema.json");
    let badge = r#"{"id": "urn:example:Badge", "name": "Badge",
        "attributes": [{"name": "colour", "required": true}]}"#;
    fs::write(&schema, badge).unwrap();
    let options = ["--schema", schema.to_str().unwrap()];
    let ran = validate(r#"{"schemas": ["urn:example:Badge"], "colour": "red"}"#, &options);
    assert_eq!(ran.out, "a valid Badge\n", "{}", ran.err);
    let user = r#"{"schemas": ["urn:ietf:params:scim:schemas:core:2.0:User", "urn:example:Badge"],
        "userName": "b", "urn:example:Badge": {"color": "red"}}"#;
    let ran = validate(user, &options);
    assert_eq!(
        ran.out,
        "invalidSyntax: unknown attribute `urn:example:Badge:color`\n1 violation\n"
    );
}

#[test]
fn a_schema_is_linted() {
    let schema = r#"{"schemas": ["urn:ietf:params:scim:schemas:core:2.0:Schema"],
        "id": "urn:example:Badge", "attributes": [{"name": "1st", "description": "d"}]}"#;
    let ran = validate(schema, &[]);
    assert!(!ran.success);
    assert_eq!(
        ran.out,
        "error: `urn:example:Badge:1st` is no attribute name (RFC 7643 §2.1)\n\
         1 error, 0 warnings\n"
    );
    let good = schema.replace("1st", "first");
    assert!(validate(&good, &[]).success);
    assert!(validate(&format!("[{good}]"), &["--as-schema"]).success);
}

#[test]
fn what_cannot_be_told_is_asked_for() {
    let ran = validate("{}", &[]);
    assert!(!ran.success);
    assert!(ran.err.contains("--type"), "{}", ran.err);
    let ran = validate("[]", &[]);
    assert!(ran.err.contains("is not a JSON object"), "{}", ran.err);
    assert!(!scim(&["validate", "nosuch.json"]).success);
}

#[test]
fn messages_and_descriptions_are_known_by_their_urn() {
    let message = "urn:ietf:params:scim:api:messages:2.0:";
    let valid = |text: &str, name: &str| {
        let ran = validate(text, &[]);
        assert_eq!(ran.out, format!("a valid {name}\n"), "{}", ran.err);
        assert!(ran.success);
    };
    valid(
        &format!(
            r#"{{"schemas": ["{message}PatchOp"], "Operations": [{{"op": "remove", "path": "title"}}]}}"#
        ),
        "PatchOp",
    );
    valid(&format!(r#"{{"schemas": ["{message}SearchRequest"], "count": 1}}"#), "SearchRequest");
    valid(
        &format!(r#"{{"schemas": ["{message}ListResponse"], "totalResults": 0}}"#),
        "ListResponse",
    );
    valid(&format!(r#"{{"schemas": ["{message}Error"], "status": "404"}}"#), "Error");
    valid(
        r#"{"schemas": ["urn:ietf:params:scim:schemas:core:2.0:ServiceProviderConfig"],
            "patch": {"supported": true}}"#,
        "ServiceProviderConfig",
    );

    let ran = validate(&format!(r#"{{"schemas": ["{message}PatchOp"], "Operations": []}}"#), &[]);
    assert!(!ran.success);
    assert!(
        ran.err.contains("400 invalidSyntax: `Operations` must hold at least one"),
        "{}",
        ran.err
    );
    let operations = r#"[{"method": "GET", "path": "/Users"}]"#;
    let ran = validate(
        &format!(r#"{{"schemas": ["{message}BulkRequest"], "Operations": {operations}}}"#),
        &[],
    );
    assert!(!ran.success, "{}", ran.out);
}

#[test]
fn schemas_without_an_array_tell_the_type_and_are_wrong() {
    let urn = "urn:ietf:params:scim:schemas:core:2.0:User";
    let ran = validate(&format!(r#"{{"schemas": "{urn}", "userName": "b"}}"#), &[]);
    assert!(!ran.success);
    let fault = "invalidValue: `schemas` must be an array of strings, found a string\n";
    assert!(ran.out.starts_with(fault), "{}{}", ran.out, ran.err);
}

#[test]
fn an_array_of_schemas_is_linted() {
    let schema = r#"{"schemas": ["urn:ietf:params:scim:schemas:core:2.0:Schema"], "id": "urn:example:A",
        "attributes": [{"name": "a", "description": "One"}]}"#;
    let ran = validate(&format!("[{schema}]"), &[]);
    assert!(ran.success, "{}", ran.err);
    assert_eq!(ran.out, "0 errors, 0 warnings\n");
}
