//! Values as text whose order by bytes is the order of the values, so that a database compares
//! them as the evaluator does.

use std::borrow::Cow;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chrono::{DateTime, Datelike, Timelike, Utc};
use scim2_core::bind::BoundValue;
use scim2_core::key::comparison_key;
use scim2_core::schema::{Attribute, AttributeType};
use scim2_core::sort::SortValue;
use scim2_core::syntax::Number;
use scim2_core::value::parse_stored_date_time;
use serde_json::Value;

/// The key of a stored value; none if it is not one of its attribute's type.
pub(crate) fn of_value(attribute: &Attribute, value: &Value) -> Option<String> {
    match (attribute.attribute_type, value) {
        (AttributeType::Boolean, Value::Bool(value)) => Some(boolean(*value).to_owned()),
        (AttributeType::Integer | AttributeType::Decimal, Value::Number(value)) => {
            Some(number(&value.to_string().parse().ok()?))
        }
        (AttributeType::DateTime, Value::String(text)) => parse_stored_date_time(text).map(instant),
        (AttributeType::Binary, Value::String(text)) => canonical_base64(text),
        (AttributeType::Reference, Value::String(text)) => {
            Some(escape(&comparison_key(true, text)).into_owned())
        }
        (AttributeType::String, Value::String(text)) => {
            Some(escape(&comparison_key(attribute.case_exact, text)).into_owned())
        }
        _ => None,
    }
}

/// The key of a literal; none where keys cannot tell what is equal: references are equal also
/// where one is relative, URLs also where their case differs.
pub(crate) fn of_literal(literal: &BoundValue) -> Option<String> {
    match literal {
        BoundValue::Bool(value) => Some(boolean(*value).to_owned()),
        BoundValue::Number(value) => Some(number(value)),
        BoundValue::Text(key) => Some(escape(key).into_owned()),
        BoundValue::Instant(value) => Some(instant(*value)),
        BoundValue::Bytes(bytes) => Some(STANDARD.encode(bytes)),
        _ => None,
    }
}

/// The key of what a resource is sorted by.
pub(crate) fn of_sort_value(value: &SortValue) -> Option<String> {
    match value {
        SortValue::Bool(value) => Some(boolean(*value).to_owned()),
        SortValue::Number(value) => Some(number(value)),
        SortValue::Instant(value) => Some(instant(*value)),
        SortValue::Text(key) => Some(escape(key).into_owned()),
        _ => None,
    }
}

/// Text without U+0000, which no database keeps in text that it is to look into. The order of texts
/// stays, and one is a part, a beginning or an end of another exactly if it was before: each escape
/// has three characters, and what begins one stands nowhere else.
pub(crate) fn escape(text: &str) -> Cow<'_, str> {
    if !text.bytes().any(|byte| byte < 4) {
        return Cow::Borrowed(text);
    }
    let mut escaped = String::with_capacity(text.len() + 8);
    for c in text.chars() {
        match c {
            '\0' => escaped.push_str("\u{1}\u{2}\u{2}"),
            '\u{1}' => escaped.push_str("\u{1}\u{2}\u{3}"),
            '\u{2}' => escaped.push_str("\u{1}\u{3}\u{2}"),
            '\u{3}' => escaped.push_str("\u{1}\u{3}\u{3}"),
            c => escaped.push(c),
        }
    }
    Cow::Owned(escaped)
}

/// How many bytes a key has at most in an index of PostgreSQL, which takes no more than 2,704.
#[cfg(feature = "postgres")]
pub(crate) const MAX_INDEXED: usize = 1024;

/// A key as an index of PostgreSQL keeps it: in the place of a long one its hash, which looks like
/// no other key, for what [`escape`] gives never has U+0001 twice in a row.
#[cfg(feature = "postgres")]
pub(crate) fn indexed(key: &str) -> Cow<'_, str> {
    use sha2::{Digest as _, Sha256};
    let escaped = escape(key);
    if escaped.len() <= MAX_INDEXED {
        return escaped;
    }
    Cow::Owned(format!("\u{1}\u{1}{}", STANDARD.encode(Sha256::digest(escaped.as_bytes()))))
}

/// What [`escape`] was given.
#[cfg(feature = "postgres")]
pub(crate) fn unescape(text: &str) -> Cow<'_, str> {
    if !text.contains('\u{1}') {
        return Cow::Borrowed(text);
    }
    let mut plain = String::with_capacity(text.len());
    let mut rest = text.chars();
    while let Some(c) = rest.next() {
        if c != '\u{1}' {
            plain.push(c);
            continue;
        }
        plain.push(match (rest.next(), rest.next()) {
            (Some('\u{2}'), Some('\u{2}')) => '\0',
            (Some('\u{2}'), _) => '\u{1}',
            (_, Some('\u{2}')) => '\u{2}',
            _ => '\u{3}',
        });
    }
    Cow::Owned(plain)
}

fn boolean(value: bool) -> &'static str {
    if value { "true" } else { "false" }
}

/// Years have five digits: an offset can push 9999 over the edge.
fn instant(value: DateTime<Utc>) -> String {
    format!(
        "{:05}-{:02}-{:02}T{:02}:{:02}:{:02}.{:09}",
        value.year(),
        value.month(),
        value.day(),
        value.hour(),
        value.minute(),
        value.second(),
        value.nanosecond()
    )
}

/// More than any power of ten that a number can have.
const BIAS: i64 = 5_000_000_000;

/// A number as sign and digits, of which none at either end is zero: 0.d₁d₂d₃… times ten to the
/// power.
pub(crate) struct Digits {
    pub(crate) negative: bool,
    pub(crate) power: i64,
    pub(crate) digits: String,
}

pub(crate) fn digits(value: &Number) -> Digits {
    let (negative, text) = match value.as_str().strip_prefix('-') {
        Some(text) => (true, text),
        None => (false, value.as_str()),
    };
    let (mantissa, exponent) = text.split_once(['e', 'E']).unwrap_or((text, "0"));
    let (integer, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let all = format!("{integer}{fraction}");
    let digits = all.trim_start_matches('0');
    let leading = i64::try_from(all.len() - digits.len()).unwrap_or(BIAS);
    let digits = digits.trim_end_matches('0');
    let point = i64::try_from(integer.len()).unwrap_or(BIAS) - leading;
    let power = point.saturating_add(exponent.parse().unwrap_or(0)).clamp(1 - BIAS, BIAS - 1);
    Digits { negative, power, digits: digits.to_owned() }
}

/// Sign, power of ten, digits; all three turned around for a negative number.
fn number(value: &Number) -> String {
    let Digits { negative, power, digits } = digits(value);
    if digits.is_empty() {
        return "1".to_owned();
    }
    if !negative {
        return format!("2{:010}{digits}", BIAS + power);
    }
    let turned: String = digits.bytes().map(|digit| char::from(b'0' + (b'9' - digit))).collect();
    // A longer negative number is less, so its end must sort after any digit.
    format!("0{:010}{turned}~", BIAS - power)
}

/// Base64 in the one form of its bytes: the standard alphabet with padding. None if a filter's
/// bytes could not equal it either.
fn canonical_base64(text: &str) -> Option<String> {
    let text = text.trim_end_matches(['=', '\r', '\n', ' ']);
    let (mut bits, mut count) = (0_u32, 0_u32);
    let mut bytes = Vec::with_capacity(text.len() / 4 * 3 + 3);
    for byte in text.bytes() {
        let sextet = match byte {
            b'\r' | b'\n' | b' ' | b'\t' => continue,
            b'A'..=b'Z' => byte - b'A',
            b'a'..=b'z' => byte - b'a' + 26,
            b'0'..=b'9' => byte - b'0' + 52,
            b'+' | b'-' => 62,
            b'/' | b'_' => 63,
            _ => return None,
        };
        bits = bits << 6 | u32::from(sextet);
        count += 6;
        if count >= 8 {
            count -= 8;
            bytes.push(u8::try_from(bits >> count).ok()?);
            bits &= (1 << count) - 1;
        }
    }
    // One character alone is no byte, and bits left over must be zero.
    (count < 6 && bits == 0).then(|| STANDARD.encode(bytes))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn numbers() -> impl Strategy<Value = String> {
        prop_oneof![
            any::<i64>().prop_map(|n| n.to_string()),
            (-50_i64..50).prop_map(|n| n.to_string()),
            any::<f64>().prop_filter("finite", |n| n.is_finite()).prop_map(|n| format!("{n:?}")),
            "-?(0|[1-9][0-9]{0,3})(\\.[0-9]{1,4})?([eE][+-]?[0-9]{1,9})?",
            "-?0(\\.0{0,3}[0-9]{1,3})?",
        ]
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 4096, ..ProptestConfig::default() })]

        #[test]
        fn numbers_order_as_their_keys(a in numbers(), b in numbers()) {
            let (Ok(a), Ok(b)) = (a.parse::<Number>(), b.parse::<Number>()) else { return Ok(()) };
            prop_assert_eq!(number(&a).cmp(&number(&b)), a.cmp(&b), "{} {}", a, b);
        }

        #[test]
        fn escapes_keep_order_and_parts(a in "[\0\u{1}\u{2}\u{3}\u{4}b]{0,6}", b in "[\0\u{1}\u{2}\u{3}\u{4}b]{0,3}") {
            let (x, y) = (escape(&a), escape(&b));
            prop_assert!(!x.contains('\0'));
            #[cfg(feature = "postgres")]
            prop_assert_eq!(unescape(&x), &*a);
            prop_assert_eq!(x.cmp(&y), a.cmp(&b));
            prop_assert_eq!(x.contains(&*y), a.contains(&b));
            prop_assert_eq!(x.starts_with(&*y), a.starts_with(&b));
            prop_assert_eq!(x.ends_with(&*y), a.ends_with(&b));
        }

        #[test]
        fn instants_order_as_their_keys(
            a in -62_135_596_800_i64..253_402_387_200, b in -62_135_596_800_i64..253_402_387_200,
            c in 0_u32..1_000_000_000, d in 0_u32..1_000_000_000,
        ) {
            let (Some(a), Some(b)) = (DateTime::from_timestamp(a, c), DateTime::from_timestamp(b, d))
            else { return Ok(()) };
            prop_assert_eq!(instant(a).cmp(&instant(b)), a.cmp(&b));
        }
    }

    #[test]
    fn what_is_equal_has_one_key() {
        let key = |text: &str| number(&text.parse().unwrap());
        assert_eq!(key("5"), key("5.0"));
        assert_eq!(key("5"), key("50e-1"));
        assert_eq!(key("0"), key("-0.000e7"));
        assert_ne!(key("9007199254740993"), key("9007199254740992"));
        assert_eq!(canonical_base64("-_8"), canonical_base64("+/8="));
        assert_eq!(canonical_base64("+/9"), None);
    }

    #[test]
    fn the_first_and_the_last_year_have_keys() {
        let key = |text: &str| instant(parse_stored_date_time(text).unwrap());
        let ends =
            ["0001-01-01T00:00:00+14:00", "0001-01-01T00:00:00Z", "9999-12-31T24:00:00-14:00"];
        assert!(ends.map(key).is_sorted());
    }
}
