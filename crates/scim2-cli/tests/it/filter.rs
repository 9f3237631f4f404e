use crate::support::scim;

#[test]
fn check_accepts_a_filter() {
    let ran = scim(&["filter", "check", r#"userName eq "bjensen""#]);
    assert!(ran.success);
    assert_eq!(ran.out, "a filter with 1 comparison\n");
}

#[test]
fn check_shows_the_fault_with_a_caret_and_fails() {
    let ran = scim(&["filter", "check", "userName eq bjensen"]);
    assert!(!ran.success);
    assert_eq!(ran.out, "");
    let lines: Vec<&str> = ran.err.lines().collect();
    assert_eq!(lines[1], "  | userName eq bjensen");
    assert_eq!(lines[2].find('^'), lines[1].find("bjensen"));
}

#[test]
fn fmt_prints_the_canonical_form() {
    let ran = scim(&["filter", "fmt", r#"USERNAME  Eq "x" AND (title PR)"#]);
    assert_eq!(ran.out, "USERNAME eq \"x\" and title pr\n");
}

#[test]
fn explain_prints_the_tree() {
    let ran = scim(&["filter", "explain", r#"title pr or emails[type eq "work"]"#]);
    assert_eq!(
        ran.out,
        "any of\n├─ title has a value\n└─ one value of emails with type equals \"work\"\n"
    );
}

#[test]
fn the_entra_policy_takes_values_without_quotation_marks() {
    let ran = scim(&["filter", "fmt", "--policy", "entra", "externalId eq 123-abc"]);
    assert_eq!(ran.out, "externalId eq \"123-abc\"\n");
}

#[test]
fn check_asks_the_schema_where_a_type_is_given() {
    let check = |filter: &str| scim(&["filter", "check", filter, "--type", "user"]);
    assert_eq!(check(r#"emails.value sw "b""#).out, "a filter with 1 comparison\n");
    let ran = check(r#"userNme eq "b""#);
    assert!(!ran.success);
    let fault = "400 invalidFilter: unknown attribute `userNme` in resource type `User`";
    assert!(ran.err.contains(fault), "{}", ran.err);
    assert!(
        check("active gt true").err.contains("operator `gt` does not apply to attribute `active`")
    );
}
