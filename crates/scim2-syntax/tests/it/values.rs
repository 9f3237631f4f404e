//! Names, numbers and short strings by themselves.

use std::cmp::Ordering;

use scim2_syntax::{CompareValue, Number, ParseErrorKind, SmallStr};

fn number(text: &str) -> Number {
    text.parse().unwrap()
}

#[test]
fn numbers_are_ordered_by_value() {
    let ascending = [
        "-1e999999999",
        "-123456789012345678901234567890",
        "-10",
        "-9.99",
        "-1",
        "-0.1",
        "-1e-5",
        "0",
        "1e-999999999",
        "0.00001",
        "0.1",
        "0.12",
        "0.2",
        "1",
        "1.5",
        "2",
        "10",
        "99e1",
        "1e3",
        "1000.0000000001",
        "1e999999999",
    ];
    for (i, a) in ascending.iter().enumerate() {
        for (j, b) in ascending.iter().enumerate() {
            assert_eq!(number(a).cmp(&number(b)), i.cmp(&j), "{a} {b}");
        }
    }
}

#[test]
fn numbers_of_one_value_are_equal() {
    for (a, b) in [
        ("5", "5.0"),
        ("5", "50e-1"),
        ("5", "0.5E+1"),
        ("0", "-0"),
        ("0", "0e5"),
        ("0.0", "-0.000e-9"),
        ("100", "1e2"),
        ("100", "1.00e+2"),
        ("0.05", "5e-2"),
        ("1200", "1.2e3"),
        ("10.5", "105e-1"),
    ] {
        assert_eq!(number(a).cmp(&number(b)), Ordering::Equal, "{a} {b}");
        assert_eq!(hash(&number(a)), hash(&number(b)), "{a} {b}");
    }
}

fn hash(value: &impl std::hash::Hash) -> u64 {
    use std::hash::{DefaultHasher, Hasher};
    let mut hasher = DefaultHasher::new();
    value.hash(&mut hasher);
    hasher.finish()
}

#[test]
fn numbers_of_different_values_differ() {
    for (a, b) in [("1", "10"), ("1", "-1"), ("0.1", "0.01"), ("12", "13"), ("1e5", "1e6")] {
        assert_ne!(hash(&number(a)), hash(&number(b)), "{a} {b}");
        assert_ne!(number(a).partial_cmp(&number(b)), Some(Ordering::Equal), "{a} {b}");
        assert!(number(a).partial_cmp(&number(b)).is_some());
    }
    assert_eq!(format!("{:>5}|{:?}", number("1.50"), number("1.50")), " 1.50|1.50");
}

#[test]
fn numbers_that_are_integers_say_so() {
    for (text, integer) in [
        ("5", Some(5)),
        ("5.0", Some(5)),
        ("0.5e1", Some(5)),
        ("-120e-1", Some(-12)),
        ("0", Some(0)),
        ("-0.0", Some(0)),
        ("1e3", Some(1000)),
        ("9223372036854775807", Some(i64::MAX)),
        ("-9223372036854775808", Some(i64::MIN)),
        ("9223372036854775808", None),
        ("1e19", None),
        ("5.5", None),
        ("1e-1", None),
        ("1e999999999", None),
    ] {
        assert_eq!(number(text).as_i64(), integer, "{text}");
    }
}

#[test]
fn numbers_convert() {
    assert_eq!(Number::from(i64::MIN).as_i64(), Some(i64::MIN));
    assert_eq!(Number::from(u64::MAX).as_str(), "18446744073709551615");
    assert_eq!(Number::try_from(0.1).unwrap().as_str(), "0.1");
    assert_eq!(Number::try_from(1e300).unwrap().as_f64(), 1e300);
    assert_eq!(number("1e999").as_f64(), f64::INFINITY);
    assert!(Number::try_from(f64::NAN).is_err());
    assert!(Number::try_from(f64::INFINITY).is_err());
}

#[test]
fn numbers_have_a_limit_for_exponents() {
    number("1e0000000000999999999");
    let error = "1e1000000000".parse::<Number>().unwrap_err();
    assert_eq!(error.kind(), &ParseErrorKind::NumberOutOfRange);
    assert!("1 ".parse::<Number>().is_err());
}

#[test]
fn values_print_as_json() {
    for (value, text) in [
        (CompareValue::Null, "null"),
        (true.into(), "true"),
        (false.into(), "false"),
        (5.into(), "5"),
        ("a\"b".into(), r#""a\"b""#),
        (String::from("x").into(), r#""x""#),
    ] {
        assert_eq!(value.to_string(), text);
    }
}

#[test]
fn small_strings_hold_any_length() {
    for len in [0, 1, 22, 23, 24, 25, 1000] {
        let text = "é".repeat(len);
        assert_eq!(SmallStr::from(text.as_str()).as_str(), text);
    }
}
