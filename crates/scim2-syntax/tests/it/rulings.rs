//! Rulings F01 to F36, as far as they are about syntax.

use scim2_syntax::{AttrPath, CompareValue, Expr, Filter, ParseErrorKind, PatchPath};

use crate::{canonical, fault, is_canonical, path_fault, reads_as};

#[test]
fn f01_redundant_parentheses_vanish() {
    reads_as("((title pr))", "title pr");
    reads_as("(a pr and b pr) or (c pr)", "a pr and b pr or c pr");
    reads_as("a pr and (b pr and (c pr))", "a pr and b pr and c pr");
}

#[test]
fn f01_needed_parentheses_stay() {
    is_canonical("(title pr or nickName pr) and displayName pr");
    is_canonical("displayName pr and (title pr or nickName pr)");
    is_canonical("not (title pr or nickName pr)");
    is_canonical("not (not (title pr))");
}

#[test]
fn f01_value_filters_take_the_whole_filter_grammar() {
    is_canonical(r#"emails[type eq "work" and not (value co "x" or primary eq true)]"#);
    is_canonical("emails[(a pr or b pr) and c pr]");
}

#[test]
fn f01_operators_are_whole_words() {
    is_canonical("never pr");
    is_canonical(r#"order eq "x" or android pr"#);
    is_canonical("prx pr and notes pr or nothing pr");
    assert_eq!(fault("title prand active pr").0, ParseErrorKind::UnknownOperator("prand".into()));
}

#[test]
fn f01_a_filter_is_an_expression() {
    assert_eq!(fault("userName"), (ParseErrorKind::ExpectedOperator, 8));
    assert_eq!(fault("userName eq"), (ParseErrorKind::ExpectedValue, 11));
    assert_eq!(fault("userName eq "), (ParseErrorKind::ExpectedValue, 12));
    assert_eq!(fault(r#"eq "x""#), (ParseErrorKind::ExpectedOperator, 3));
}

#[test]
fn f01_connectives_stand_between_expressions() {
    assert_eq!(fault(r#"a eq "x" and"#), (ParseErrorKind::ExpectedAttribute, 12));
    assert_eq!(fault("and a pr"), (ParseErrorKind::UnknownOperator("a".into()), 4));
    assert_eq!(fault("a pr b pr"), (ParseErrorKind::TrailingText, 5));
    assert_eq!(fault("a pr xor b pr"), (ParseErrorKind::TrailingText, 5));
    assert_eq!(fault("a pr && b pr"), (ParseErrorKind::TrailingText, 5));
    assert_eq!(fault("a pr pr"), (ParseErrorKind::TrailingText, 5));
}

#[test]
fn f01_brackets_pair() {
    assert_eq!(fault("(a pr"), (ParseErrorKind::UnclosedParenthesis, 0));
    assert_eq!(fault("a pr)"), (ParseErrorKind::UnexpectedParenthesis, 4));
    assert_eq!(fault("a pr]"), (ParseErrorKind::UnexpectedBracket, 4));
    assert_eq!(fault("x[a pr"), (ParseErrorKind::UnclosedBracket, 1));
    assert_eq!(fault("x[a pr)"), (ParseErrorKind::UnexpectedParenthesis, 6));
    assert_eq!(fault("x[(a pr]"), (ParseErrorKind::UnclosedParenthesis, 2));
    assert_eq!(fault("(x[a pr)]"), (ParseErrorKind::UnexpectedParenthesis, 7));
    assert_eq!(fault("()"), (ParseErrorKind::ExpectedAttribute, 1));
}

#[test]
fn f02_any_white_space_stands_between_tokens() {
    reads_as("  userName   eq   \"x\"  ", "userName eq \"x\"");
    reads_as("userName\teq\t\"x\"", "userName eq \"x\"");
    reads_as("a pr\r\n  and\r\n  b pr", "a pr and b pr");
    reads_as("(a pr)and(b pr)", "a pr and b pr");
    reads_as("( ( a pr ) )", "a pr");
    reads_as("x[ a pr ]", "x[a pr]");
}

#[test]
fn f02_other_white_space_is_none() {
    // No-break space and vertical tab are not SP, TAB, CR or LF.
    assert!("userName\u{a0}eq \"x\"".parse::<Filter>().is_err());
    assert!("userName\u{b}eq \"x\"".parse::<Filter>().is_err());
}

#[test]
fn f02_none_before_or_after_a_bracket() {
    assert_eq!(fault("emails [type pr]"), (ParseErrorKind::ExpectedOperator, 7));
    assert_eq!(fault("emails[type pr] .value pr"), (ParseErrorKind::TrailingText, 16));
    assert_eq!(fault("emails[type pr]and a pr"), (ParseErrorKind::MissingSpace, 15));
}

#[test]
fn f02_a_space_stands_before_a_value() {
    assert_eq!(fault(r#"userName eq"x""#), (ParseErrorKind::MissingSpace, 11));
    assert_eq!(fault("age eq5"), (ParseErrorKind::UnknownOperator("eq5".into()), 4));
}

#[test]
fn f02_a_space_stands_after_a_value() {
    assert_eq!(fault(r#"a eq "x"and b pr"#), (ParseErrorKind::MissingSpace, 8));
    assert_eq!(fault(r#"a eq "x"b"#), (ParseErrorKind::TrailingText, 8));
    assert_eq!(fault(r#"a eq 1"x""#), (ParseErrorKind::TrailingText, 6));
}

#[test]
fn f03_not_touches_its_parenthesis_or_not() {
    reads_as("not(title pr)", "not (title pr)");
    is_canonical("not (title pr)");
    reads_as("not\n(title pr)", "not (title pr)");
}

#[test]
fn f03_not_without_parentheses_is_refused() {
    assert_eq!(fault("not title pr"), (ParseErrorKind::UnknownOperator("title".into()), 4));
}

#[test]
fn f03_an_attribute_may_be_called_not() {
    is_canonical(r#"not eq "x""#);
    is_canonical("not pr and not (not pr)");
    assert_eq!(fault("nor (a pr)"), (ParseErrorKind::ExpectedOperator, 4));
    assert_eq!(fault("nots (a pr)"), (ParseErrorKind::ExpectedOperator, 5));
}

#[test]
fn f04_words_have_no_case() {
    reads_as(r#"USERNAME EQ "x" AND Active Eq TRUE"#, r#"USERNAME eq "x" and Active eq true"#);
    reads_as("NOT (a PR) Or b eQ Null", "not (a pr) or b eq null");
    reads_as("a eq fALSE", "a eq false");
}

#[test]
fn f05_and_binds_tighter_than_or() {
    let filter: Filter = "a pr or b pr and c pr".parse().unwrap();
    let Expr::Or(terms) = filter.expr() else { panic!("not an or") };
    let terms: Vec<String> = terms.map(|term| term.to_string()).collect();
    assert_eq!(terms, ["a pr", "b pr and c pr"]);
}

#[test]
fn f05_not_binds_tighter_than_and() {
    is_canonical("a pr and not (b pr) and c pr");
    assert!(matches!("not (a pr) and b pr".parse::<Filter>().unwrap().expr(), Expr::And(_)));
}

#[test]
fn f05_chains_are_flat() {
    let filter: Filter = "a pr or (b pr or (c pr or d pr)) or (e pr or f pr)".parse().unwrap();
    let Expr::Or(terms) = filter.expr() else { panic!("not an or") };
    let terms: Vec<String> = terms.map(|term| term.to_string()).collect();
    assert_eq!(terms, ["a pr", "b pr", "c pr", "d pr", "e pr", "f pr"]);
}

#[test]
fn f06_dollar_in_names() {
    is_canonical("members.$ref pr");
    is_canonical("$ref pr and a$b eq 1");
}

#[test]
fn f06_names_begin_with_a_letter() {
    assert_eq!(fault(r#"1abc eq "x""#), (ParseErrorKind::InvalidName, 0));
    assert_eq!(fault("_a pr"), (ParseErrorKind::InvalidName, 0));
    assert_eq!(fault("-a pr"), (ParseErrorKind::InvalidName, 0));
    assert_eq!(fault("a.1 pr"), (ParseErrorKind::InvalidName, 2));
    is_canonical("a-b_c1 pr");
}

#[test]
fn f07_the_last_colon_ends_the_uri() {
    let path: AttrPath =
        "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager.value".parse().unwrap();
    let schema = path.schema.as_ref().unwrap();
    assert_eq!(schema.as_str(), "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User");
    assert_eq!(path.name.as_str(), "manager");
    assert_eq!(path.sub_attr.unwrap().as_str(), "value");
}

#[test]
fn f07_values_in_brackets_are_not_part_of_the_path() {
    let path: PatchPath = r#"urn:x:2.0:User:emails[value eq "a:b.c"].display"#.parse().unwrap();
    assert_eq!(path.attr.to_string(), "urn:x:2.0:User:emails");
    assert_eq!(path.sub_attr.unwrap(), "display");
}

#[test]
fn f08_a_dot_after_the_urn_keeps_its_legal_reading() {
    let path: AttrPath = "urn:x:2.0:User.manager".parse().unwrap();
    assert_eq!(path.schema.as_ref().unwrap().as_str(), "urn:x:2.0");
    assert_eq!(path.dotted_uri().unwrap(), "urn:x:2.0:User:manager".parse().unwrap());
}

#[test]
fn f08_a_dot_after_the_urn_and_another_is_refused() {
    assert_eq!(path_fault("urn:x:2.0:User.manager.value").0, ParseErrorKind::SubAttributeTooDeep);
    assert_eq!(
        path_fault("urn:x:2.0:User.emails[type pr]").0,
        ParseErrorKind::BracketsAfterSubAttribute
    );
}

#[test]
fn f09_a_schema_uri_alone_can_be_looked_up() {
    let uri = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";
    let path: PatchPath = uri.parse().unwrap();
    assert_eq!(path.attr.container_uri().unwrap().as_str(), uri);
    is_canonical(&format!("{uri} pr"));
}

#[test]
fn f12_attributes_have_one_level_of_sub_attributes() {
    assert_eq!(fault(r#"name.givenName.x eq "y""#), (ParseErrorKind::SubAttributeTooDeep, 14));
    assert_eq!(fault("emails[a.b.c pr]"), (ParseErrorKind::SubAttributeTooDeep, 10));
    is_canonical(r#"userName.foo eq "x""#);
    assert_eq!(fault("a..b pr"), (ParseErrorKind::InvalidName, 2));
    assert_eq!(fault("a. pr"), (ParseErrorKind::ExpectedAttribute, 2));
}

#[test]
fn f13_a_complex_attribute_alone_is_legal_syntax() {
    is_canonical(r#"emails co "example.com""#);
    is_canonical("name pr");
}

#[test]
fn f16_null_is_a_literal_of_every_operator() {
    is_canonical("title eq null and title ne null and title gt null");
}

#[test]
fn f19_literals_keep_their_type() {
    let value = |text: &str| match text.parse::<Filter>().unwrap().expr() {
        Expr::Compare { value, .. } => value.clone(),
        _ => panic!("not a comparison"),
    };
    assert_eq!(value(r#"active eq "true""#), CompareValue::from("true"));
    assert_eq!(value("active eq true"), CompareValue::Bool(true));
    assert_eq!(value(r#"age eq "5""#), CompareValue::from("5"));
    assert_eq!(value("age eq 5"), CompareValue::from(5));
}

#[test]
fn f20_numbers_keep_their_text_and_compare_by_value() {
    is_canonical("age eq 5.0 or age eq -0 or age eq 1e3 or age eq 123456789012345678901234567890");
    let filter = |text: &str| text.parse::<Filter>().unwrap();
    assert_eq!(filter("age eq 5"), filter("age eq 5.00"));
    assert_eq!(filter("age eq 5"), filter("age eq 50e-1"));
    assert_ne!(filter("age eq 9007199254740993"), filter("age eq 9007199254740992"));
}

#[test]
fn f20_numbers_are_json_numbers() {
    for text in ["01", "+1", ".5", "1.", "1.e5", "1e", "1e+", "-", "--1", "0x10", "1_000", "1.5.2"]
    {
        let filter = format!("age eq {text}");
        assert_eq!(fault(&filter), (ParseErrorKind::InvalidNumber, 7), "{text}");
    }
}

#[test]
fn f26_debug_does_not_show_a_password() {
    let filter: Filter = r#"password eq "hunter2" and x[password eq "hunter2"]"#.parse().unwrap();
    assert!(!format!("{filter:?}").contains("hunter2"));
    assert!(filter.to_string().contains("hunter2"));
}

#[test]
fn f28_brackets_after_any_attribute() {
    is_canonical(r#"name[givenName eq "x"]"#);
}

#[test]
fn f29_value_stands_for_a_simple_element() {
    is_canonical(r#"schemas[value eq "urn:x"]"#);
    assert_eq!(path_fault(r#"schemas eq "urn:x""#), (ParseErrorKind::SpaceInPath, 7, false));
}

#[test]
fn f30_brackets_do_not_nest_or_follow_each_other() {
    assert_eq!(fault("a[b[c eq 1]]"), (ParseErrorKind::NestedBrackets, 3));
    assert_eq!(fault("a[(b[c eq 1])]"), (ParseErrorKind::NestedBrackets, 4));
    assert_eq!(fault("a.b[c eq 1]"), (ParseErrorKind::BracketsAfterSubAttribute, 3));
    assert_eq!(fault("a[b eq 1][c eq 2]"), (ParseErrorKind::TrailingText, 9));
    assert_eq!(fault("a[b eq 1].c[d eq 2]"), (ParseErrorKind::BracketsAfterSubAttribute, 11));
    assert_eq!(fault("a[]"), (ParseErrorKind::ExpectedAttribute, 2));
    assert_eq!(fault("[a pr]"), (ParseErrorKind::ExpectedAttribute, 0));
}

#[test]
fn f31_a_sub_attribute_after_brackets_moves_inside() {
    reads_as(
        r#"emails[type eq "work"].value eq "x""#,
        r#"emails[type eq "work" and value eq "x"]"#,
    );
    reads_as(
        r#"emails[type eq "work" or primary eq true].value sw "x" or a pr"#,
        r#"emails[(type eq "work" or primary eq true) and value sw "x"] or a pr"#,
    );
    reads_as("not (emails[a pr and b pr].value pr)", "not (emails[a pr and b pr and value pr])");
}

#[test]
fn f31_a_sub_attribute_after_brackets_needs_an_operator() {
    assert_eq!(fault(r#"emails[type eq "work"].value"#), (ParseErrorKind::ExpectedOperator, 28));
    assert_eq!(fault("emails[type pr]. eq 1"), (ParseErrorKind::ExpectedAttribute, 16));
    assert_eq!(fault("emails[type pr].a.b eq 1"), (ParseErrorKind::SubAttributeTooDeep, 17));
}

#[test]
fn f32_strings_have_the_escapes_of_json() {
    reads_as(
        r#"a eq "\" \\ \/ \b \f \n \r \t \u0041 \u00e9 \ud83d\ude00""#,
        "a eq \"\\\" \\\\ / \\b \\f \\n \\r \\t A é 😀\"",
    );
    is_canonical(r#"a eq """#);
    is_canonical("a eq \"日本語\u{7f}\u{85}\u{2028}\"");
}

#[test]
fn f32_control_characters_are_printed_as_escapes() {
    reads_as(r#"a eq "\u0000\u001f\u0008""#, r#"a eq "\u0000\u001f\b""#);
}

#[test]
fn f32_other_escapes_are_refused() {
    assert_eq!(fault(r#"a eq "\x""#), (ParseErrorKind::InvalidEscape, 6));
    assert_eq!(fault(r#"a eq "\u12g4""#), (ParseErrorKind::InvalidEscape, 6));
    assert_eq!(fault(r#"a eq "\u12"#), (ParseErrorKind::InvalidEscape, 6));
    assert_eq!(fault(r#"a eq "\u+123""#), (ParseErrorKind::InvalidEscape, 6));
    assert_eq!(fault(r#"a eq "\'""#), (ParseErrorKind::InvalidEscape, 6));
}

#[test]
fn f32_surrogates_come_in_pairs() {
    for text in [r"\ud83d", r"\ude00", r"\ud83dx", r"\ud83d\n", r"\ud83d\u0041", r"\ude00\ud83d"] {
        assert_eq!(
            fault(&format!("a eq \"{text}\"")),
            (ParseErrorKind::LoneSurrogate, 6),
            "{text}"
        );
    }
}

#[test]
fn f32_strings_end_and_hold_no_raw_control_characters() {
    assert_eq!(fault(r#"a eq "abc"#), (ParseErrorKind::UnterminatedString, 5));
    assert_eq!(fault(r#"a eq "abc\""#), (ParseErrorKind::UnterminatedString, 5));
    assert_eq!(fault("a eq \"x\ny\""), (ParseErrorKind::ControlCharacter, 7));
    assert_eq!(fault("a eq \"\\n\0\""), (ParseErrorKind::ControlCharacter, 8));
}

#[test]
fn f32_values_without_double_quotes_are_refused() {
    assert_eq!(fault("userName eq bjensen"), (ParseErrorKind::UnquotedValue, 12));
    assert_eq!(fault("userName eq 'x'"), (ParseErrorKind::UnquotedValue, 12));
    assert_eq!(fault("userName eq pr"), (ParseErrorKind::UnquotedValue, 12));
    assert_eq!(fault("id eq 123-abc"), (ParseErrorKind::InvalidNumber, 6));
    for word in ["truex", "foo", "falsey", "nothing", "nul", "t", "f", "n"] {
        assert_eq!(fault(&format!("a eq {word}")), (ParseErrorKind::UnquotedValue, 5), "{word}");
    }
    for text in ["a eq (b)", "a eq [b]", "a eq ) and b pr", "a eq ]"] {
        assert_eq!(fault(text), (ParseErrorKind::ExpectedValue, 5), "{text}");
    }
}

#[test]
fn f33_an_empty_filter_is_refused() {
    assert_eq!(fault(""), (ParseErrorKind::Empty, 0));
    assert_eq!(fault(" \t\r\n"), (ParseErrorKind::Empty, 0));
}

#[test]
fn f35_a_plus_sign_is_a_character_like_others() {
    is_canonical(r#"phoneNumbers.value eq "+1 555""#);
}

#[test]
fn f36_names_in_brackets_are_whole_paths_for_the_schema_to_judge() {
    is_canonical(r#"emails[urn:x:2.0:User:type eq "x"]"#);
    is_canonical(r#"emails[emails.type eq "work"]"#);
}

#[test]
fn printing_a_parsed_filter_is_a_fixed_point() {
    let text = r#"  A pR  AND((b Eq "\u0041")OR not( c GT 1.50 ))  "#;
    let once = canonical(text);
    assert_eq!(once, r#"A pr and (b eq "A" or not (c gt 1.50))"#);
    is_canonical(&once);
}
