//! The rows of the requirements table that a parser can prove.

use scim2_syntax::{CompareOp, Expr, Filter, ParseErrorKind, PatchPath};

use crate::{canonical, fault, is_canonical, reads_as};

#[test]
fn r44_3_4_2_2_03_names_and_operators_have_no_case() {
    let one: Filter = r#"USERNAME Eq "john""#.parse().unwrap();
    let other: Filter = r#"userName eq "john""#.parse().unwrap();
    assert_eq!(one, other);
}

#[test]
fn r44_3_4_2_2_04_a_filter_has_an_expression() {
    assert_eq!(fault("").0, ParseErrorKind::Empty);
    assert_eq!(fault("()").0, ParseErrorKind::ExpectedAttribute);
}

#[test]
fn r44_3_4_2_2_05_an_expression_is_attribute_operator_and_value() {
    assert_eq!(fault("userName").0, ParseErrorKind::ExpectedOperator);
    assert_eq!(fault("userName eq").0, ParseErrorKind::ExpectedValue);
    is_canonical("userName pr");
}

#[test]
fn r44_3_4_2_2_06_expressions_combine() {
    is_canonical("a pr and (b pr or not (c pr))");
}

/// All operators of Table 3 are read.
#[track_caller]
fn operator_is_read(op: CompareOp) {
    let text = format!("a {op} 1");
    let filter: Filter = text.parse().unwrap();
    assert!(matches!(filter.expr(), Expr::Compare { op: read, .. } if read == op));
    assert_eq!(canonical(&text.to_uppercase()), text.replace('a', "A"));
}

#[test]
fn r44_3_4_2_2_26_the_operators_are_those_of_the_rfc() {
    CompareOp::ALL.into_iter().for_each(operator_is_read);
    for word in ["re", "in", "has", "eqq", "e", "==", "=", "matches"] {
        assert_eq!(fault(&format!("a {word} 1")).0, ParseErrorKind::UnknownOperator(word.into()));
    }
}

#[test]
fn r44_3_4_2_2_17_value_filters_are_read() {
    let filter: Filter = r#"emails[type eq "work"]"#.parse().unwrap();
    let Expr::ValuePath { path, filter } = filter.expr() else { panic!("no value path") };
    assert_eq!(
        (path.to_string(), filter.to_string()),
        ("emails".into(), "type eq \"work\"".into())
    );
}

#[test]
fn r44_3_4_2_2_18_a_value_filter_is_not_two_expressions() {
    let one: Filter = r#"emails[type eq "work" and value co "x"]"#.parse().unwrap();
    let two: Filter = r#"emails.type eq "work" and emails.value co "x""#.parse().unwrap();
    assert_ne!(one, two);
}

#[test]
fn r44_3_4_2_2_19_brackets_hold_a_filter() {
    assert_eq!(fault("emails[]").0, ParseErrorKind::ExpectedAttribute);
    assert_eq!(fault("emails[type]").0, ParseErrorKind::ExpectedOperator);
    assert_eq!(fault("emails[type eq 1 and]").0, ParseErrorKind::ExpectedAttribute);
}

#[test]
fn r44_3_4_2_2_20_the_examples_of_the_rfc_are_filters() {
    for text in [
        r#"userName Eq "john""#,
        r#"Username eq "john""#,
        r#"userName eq "bjensen""#,
        r#"name.familyName co "O'Malley""#,
        r#"userName sw "J""#,
        r#"urn:ietf:params:scim:schemas:core:2.0:User:userName sw "J""#,
        "title pr",
        r#"meta.lastModified gt "2011-05-13T04:42:34Z""#,
        r#"meta.lastModified ge "2011-05-13T04:42:34Z""#,
        r#"meta.lastModified lt "2011-05-13T04:42:34Z""#,
        r#"meta.lastModified le "2011-05-13T04:42:34Z""#,
        r#"title pr and userType eq "Employee""#,
        r#"title pr or userType eq "Intern""#,
        r#"schemas eq "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User""#,
        r#"userType eq "Employee" and (emails co "example.com" or emails.value co "example.org")"#,
        r#"userType ne "Employee" and not (emails co "example.com" or emails.value co "example.org")"#,
        r#"userType eq "Employee" and (emails.type eq "work")"#,
        r#"userType eq "Employee" and emails[type eq "work" and value co "@example.com"]"#,
        r#"emails[type eq "work" and value co "@example.com"] or ims[type eq "xmpp" and value co "@foo.com"]"#,
    ] {
        canonical(text);
    }
}

#[test]
fn r44_3_4_2_2_21_values_are_json_literals() {
    is_canonical(r#"a eq false or a eq null or a eq true or a eq -1.5e+3 or a eq "x""#);
    for value in ["'x'", "x", "[1]", "{}", "undefined", "NaN", "tru"] {
        assert!(format!("a eq {value}").parse::<Filter>().is_err(), "{value}");
    }
}

#[test]
fn r44_3_4_2_2_22_grouping_then_not_then_and_then_or() {
    reads_as("a pr or (b pr and c pr)", "a pr or b pr and c pr");
    assert_ne!(
        "a pr or b pr and c pr".parse::<Filter>().unwrap(),
        "(a pr or b pr) and c pr".parse::<Filter>().unwrap(),
    );
}

#[test]
fn r44_3_4_2_2_27_an_unknown_operator_is_named() {
    let error = r#"userName regex "x""#.parse::<Filter>().unwrap_err();
    assert!(error.to_string().starts_with("unknown operator `regex` at byte 9"));
}

#[test]
fn r44_3_4_3_04_a_filter_from_a_body_is_checked_like_any() {
    assert!("userName eq".parse::<Filter>().is_err());
}

#[test]
fn r44_3_12_07_a_fault_in_the_brackets_of_a_path_is_one_of_the_filter() {
    assert!(r#"emails[type = "work"]"#.parse::<PatchPath>().unwrap_err().in_brackets());
}

#[test]
fn sec_10_nothing_after_a_filter_is_dropped() {
    for tail in [" ", "x", " x", ")", "]", " and", " or", " and x", "\"", " \u{0}", ";", " -- x"] {
        let text = format!("userName eq \"x\"{tail}");
        assert_eq!(text.parse::<Filter>().is_ok(), tail == " ", "{text}");
    }
}

#[test]
fn sec_16_a_literal_never_becomes_syntax() {
    for value in ["\" or title pr or a eq \"", "'; DROP TABLE users; --", "\\", "%_", "a]b[c(d)e"] {
        let filter = Filter::eq("userName", value);
        let parsed: Filter = filter.to_string().parse().unwrap();
        let Expr::Compare { value: read, .. } = parsed.expr() else { panic!("{parsed}") };
        assert_eq!(read.as_str(), Some(value));
    }
}
