//! The named options of `SyntaxPolicy`, each with who sends such texts.

use scim2_syntax::{Filter, ParseErrorKind, PatchPath, SyntaxPolicy};

use crate::tolerating;

#[track_caller]
fn filter(text: &str, policy: &SyntaxPolicy, wanted: &str) {
    assert!(text.parse::<Filter>().is_err(), "strict takes {text}");
    assert_eq!(Filter::parse_with(text, policy).unwrap().to_string(), wanted);
    assert_eq!(Filter::parse_with(text, &SyntaxPolicy::lenient()).unwrap().to_string(), wanted);
}

#[track_caller]
fn refused(text: &str, policy: &SyntaxPolicy, kind: ParseErrorKind) {
    assert_eq!(Filter::parse_with(text, policy).unwrap_err().kind(), &kind);
}

#[track_caller]
fn path(text: &str, policy: &SyntaxPolicy, wanted: &str) {
    assert!(text.parse::<PatchPath>().is_err(), "strict takes {text}");
    assert_eq!(PatchPath::parse_with(text, policy).unwrap().to_string(), wanted);
    assert_eq!(PatchPath::parse_with(text, &SyntaxPolicy::lenient()).unwrap().to_string(), wanted);
}

#[test]
fn f02_missing_space_before_a_quoted_value() {
    let policy = tolerating(|policy| policy.missing_space = true);
    filter(r#"userName eq"bjensen""#, &policy, r#"userName eq "bjensen""#);
    path(r#"members[value eq"2819c223"]"#, &policy, r#"members[value eq "2819c223"]"#);
    refused("age eq5", &policy, ParseErrorKind::UnknownOperator("eq5".into()));
    refused(r#"userName"x""#, &policy, ParseErrorKind::ExpectedOperator);
}

#[test]
fn f03_bare_not_negates_one_term() {
    let policy = tolerating(|policy| policy.bare_not = true);
    filter("not title pr", &policy, "not (title pr)");
    filter("not title pr and a pr", &policy, "not (title pr) and a pr");
    filter("a pr or NOT b pr or c pr", &policy, "a pr or not (b pr) or c pr");
    filter("not not a pr", &policy, "not (not (a pr))");
    filter("not not (a pr or b pr)", &policy, "not (not (a pr or b pr))");
    filter(r#"not emails[type eq "work"]"#, &policy, r#"not (emails[type eq "work"])"#);
    filter(r#"not emails[a pr].value ew "x""#, &policy, r#"not (emails[a pr and value ew "x"])"#);
    refused("not ", &policy, ParseErrorKind::ExpectedOperator);
    refused("not )", &policy, ParseErrorKind::ExpectedAttribute);
}

#[test]
fn f03_bare_not_leaves_an_attribute_called_not() {
    let policy = tolerating(|policy| policy.bare_not = true);
    for text in [r#"not eq "x""#, "not pr", "not pr and not (not pr)"] {
        assert_eq!(Filter::parse_with(text, &policy), text.parse());
    }
}

#[test]
fn f32_bare_words_are_strings() {
    let policy = tolerating(|policy| policy.bare_words = true);
    filter("externalId eq 123-abc", &policy, r#"externalId eq "123-abc""#);
    filter(
        "(meta.resourceType eq User) or (meta.resourceType eq Group)",
        &policy,
        r#"meta.resourceType eq "User" or meta.resourceType eq "Group""#,
    );
    filter("userName sw J", &policy, r#"userName sw "J""#);
    filter("id eq 01 and a pr", &policy, r#"id eq "01" and a pr"#);
    filter("a eq +1 or a eq .5", &policy, r#"a eq "+1" or a eq ".5""#);
    filter("x[a eq work]", &policy, r#"x[a eq "work"]"#);
    filter("m ge 2011-05-13T04:42:34Z", &policy, r#"m ge "2011-05-13T04:42:34Z""#);
    filter("a eq é@x.org", &policy, "a eq \"é@x.org\"");
}

#[test]
fn f32_single_quotes_hold_a_string() {
    let policy = tolerating(|policy| policy.bare_words = true);
    filter("displayName sw 'Group'", &policy, r#"displayName sw "Group""#);
    filter("displayName sw 'a b)' and c pr", &policy, r#"displayName sw "a b)" and c pr"#);
    filter("displayName eq 'and' or b pr", &policy, r#"displayName eq "and" or b pr"#);
    filter("displayName eq ''", &policy, r#"displayName eq """#);
    refused("a eq 'x", &policy, ParseErrorKind::UnquotedValue);
    refused("a eq 'x'y", &policy, ParseErrorKind::TrailingText);
    refused(r"a eq 'x\'y'", &policy, ParseErrorKind::UnquotedValue);
}

#[test]
fn f32_bare_words_are_not_connectives() {
    let policy = tolerating(|policy| policy.bare_words = true);
    for text in ["a eq and b pr", "a eq OR", "a eq not (b pr)"] {
        refused(text, &policy, ParseErrorKind::UnquotedValue);
    }
    refused("a eq John Smith", &policy, ParseErrorKind::TrailingText);
    refused(r"a eq x\y", &policy, ParseErrorKind::UnquotedValue);
}

#[test]
fn f32_bare_words_leave_literals_alone() {
    let policy = tolerating(|policy| policy.bare_words = true);
    for text in ["a eq true", "a eq NULL", "a eq 15", "a eq -1.5e3"] {
        assert_eq!(Filter::parse_with(text, &policy), text.parse());
    }
}

#[test]
fn f08_dot_after_urn() {
    let policy = tolerating(|policy| policy.dot_after_urn = true);
    path("urn:x:2.0:User.manager.value", &policy, "urn:x:2.0:User:manager.value");
    path("urn:x:2.0:User.emails[type pr].value", &policy, "urn:x:2.0:User:emails[type pr].value");
    filter("urn:x:2.0:User.manager.value pr", &policy, "urn:x:2.0:User:manager.value pr");
    filter("urn:x:2.0:User.emails[type pr]", &policy, "urn:x:2.0:User:emails[type pr]");
    refused("urn:x:2.0:User.a.b.c pr", &policy, ParseErrorKind::SubAttributeTooDeep);
    refused("a.b.c pr", &policy, ParseErrorKind::SubAttributeTooDeep);
    refused("a.b[c pr]", &policy, ParseErrorKind::BracketsAfterSubAttribute);
}

#[test]
fn f29_an_expression_as_a_path() {
    let policy = tolerating(|policy| policy.attr_exp = true);
    path(r#"schemas eq "urn:x""#, &policy, r#"schemas[value eq "urn:x"]"#);
    path(r#"emails.type eq "work""#, &policy, r#"emails[type eq "work"]"#);
    path("schemas pr", &policy, "schemas[value pr]");
    for text in ["schemas", "schemas ", r#"schemas eq "x" "#, r#"schemas eq "x" and a pr"#, "a b"] {
        let strict = text.parse::<PatchPath>();
        assert_eq!(PatchPath::parse_with(text, &policy).is_ok(), strict.is_ok(), "{text}");
    }
}

#[test]
fn options_do_not_lift_limits() {
    let policy = SyntaxPolicy::lenient();
    assert_eq!(
        (policy.max_len, policy.max_depth, policy.max_leaves),
        (SyntaxPolicy::MAX_LEN, SyntaxPolicy::MAX_DEPTH, SyntaxPolicy::MAX_LEAVES)
    );
}
