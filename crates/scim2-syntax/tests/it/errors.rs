//! What people read when a text is refused.

use scim2_syntax::{AttrPath, Filter, PatchPath};

#[track_caller]
fn shows(text: &str, line: &str, rendered: &str) {
    let error = text.parse::<Filter>().unwrap_err();
    assert_eq!(error.to_string(), line);
    assert_eq!(error.render(text).to_string(), rendered.trim_start_matches('\n'));
}

#[test]
fn the_caret_stands_under_the_fault() {
    shows(
        r#"userName eq "a" adn title pr"#,
        "unexpected text after an expression at byte 16, expected `and`, `or` or the end",
        r#"
unexpected text after an expression
  | userName eq "a" adn title pr
  |                 ^
  = expected `and`, `or` or the end"#,
    );
}

#[test]
fn the_caret_counts_characters() {
    shows(
        r#"a eq "日本" x"#,
        "unexpected text after an expression at byte 14, expected `and`, `or` or the end",
        r#"
unexpected text after an expression
  | a eq "日本" x
  |           ^
  = expected `and`, `or` or the end"#,
    );
}

#[test]
fn the_caret_stands_behind_a_text_that_stops_short() {
    shows(
        "userName eq",
        "missing value at byte 11, expected a string in double quotes, a number, `true`, `false` or `null`",
        "
missing value
  | userName eq
  |            ^
  = expected a string in double quotes, a number, `true`, `false` or `null`",
    );
}

#[test]
fn an_unclosed_bracket_is_shown_where_it_opens() {
    shows(
        "a pr and (b pr or c pr",
        "`(` without `)` at byte 9, expected `)`",
        "
`(` without `)`
  | a pr and (b pr or c pr
  |          ^
  = expected `)`",
    );
}

#[test]
fn a_long_text_is_cut_around_the_fault() {
    let text = format!("{}b zz 1 and {}", "a pr and ".repeat(20), "c pr and ".repeat(20));
    let error = text.parse::<Filter>().unwrap_err();
    let rendered = error.render(&text).to_string();
    let lines: Vec<&str> = rendered.lines().collect();
    assert!(lines[1].starts_with("  | …") && lines[1].ends_with('…'));
    assert!(lines[1].chars().count() < 130);
    let caret = lines[2].chars().position(|c| c == '^').unwrap();
    assert_eq!(lines[1].chars().skip(caret).take(2).collect::<String>(), "zz");
}

#[test]
fn control_characters_are_not_shown() {
    let text = "a eq \u{1b}[31m";
    let error = text.parse::<Filter>().unwrap_err();
    assert!(!error.render(text).to_string().contains('\u{1b}'));
}

#[test]
fn a_long_operator_is_cut() {
    for start in ["", "x"] {
        let text = format!("a {start}{} 1", "é".repeat(1000));
        let error = text.parse::<Filter>().unwrap_err().to_string();
        assert!((110..150).contains(&error.len()), "{error}");
    }
}

#[test]
fn rendering_another_text_does_not_panic() {
    let error = "userName regex 1".parse::<Filter>().unwrap_err();
    for text in ["", "é", "ééééééé", "a"] {
        let _ = error.render(text).to_string();
    }
}

#[test]
fn errors_of_paths_count_from_the_beginning() {
    let error = r#"emails[type eq work]"#.parse::<PatchPath>().unwrap_err();
    assert_eq!(error.offset(), 15);
    let error = "urn:x:2.0:User:a.b!".parse::<AttrPath>().unwrap_err();
    assert_eq!(
        error.to_string(),
        "invalid character in an attribute name at byte 18, expected a letter or `$`, then letters, digits, `-`, `_` or `$`"
    );
}

#[test]
fn errors_never_repeat_a_value() {
    for text in [
        "password eq hunter2",
        "password eq 'hunter2'",
        "password eq \"hunter2",
        "password eq \"hunter2\" x",
    ] {
        let error = text.parse::<Filter>().unwrap_err();
        assert!(!error.to_string().contains("hunter2"), "{error}");
    }
}

#[test]
fn every_fault_says_what_it_is() {
    let faults = [
        "",
        "a",
        "a b",
        "1 pr",
        "a: pr",
        "a.b.c pr",
        "a eq",
        "a eq x",
        "a eq 01",
        "a eq 1e9999999999",
        "a eq \"",
        "a eq \"\\x\"",
        "a eq \"\\ud800\"",
        "a eq \"\u{1}\"",
        "a eq\"x\"",
        "a pr x",
        "(a pr",
        "a pr)",
        "x[a pr",
        "a pr]",
        "x[y[a pr]]",
        "x.y[a pr]",
    ];
    let mut lines: Vec<String> =
        faults.iter().map(|text| text.parse::<Filter>().unwrap_err().kind().to_string()).collect();
    lines.sort();
    lines.dedup();
    assert_eq!(lines.len(), faults.len());
    assert!(
        lines
            .iter()
            .all(|line| !line.ends_with('.')
                && line.chars().next().is_none_or(|c| !c.is_uppercase()))
    );
}
