//! Comparison keys: the one form in which text is compared (RFC 7644 §5 and §7.8; ruling F25).
//!
//! Filters, sort order, uniqueness, PATCH and the index columns of a store all use
//! [`comparison_key`], so that they cannot disagree about which values are the same. A key is the
//! text in Unicode normalization form C; where case does not matter, with full case folding
//! (`C + F` of CaseFolding.txt) of each code point on its own, and in form C again. Folding that
//! knows no context keeps substring operators right: lower-casing does not, for it writes the
//! last sigma of a word in another way.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::fmt::{self, Write};
use std::iter;
use std::sync::LazyLock;

use icu_casemap::{CaseMapper, CaseMapperBorrowed};
use icu_normalizer::{ComposingNormalizer, ComposingNormalizerBorrowed, DecomposingNormalizer};
use scim2_syntax::Number;
use serde_json::{Map, Value};

use crate::eval;
use crate::schema::{Attribute, Mutability};

const NFC: ComposingNormalizerBorrowed<'static> = ComposingNormalizer::new_nfc();
const CASES: CaseMapperBorrowed<'static> = CaseMapper::new();

/// Names the algorithm behind [`comparison_key`] together with its Unicode data.
///
/// A store that keeps keys keeps this beside them, and computes them anew when it has changed.
/// Computing it takes some milliseconds, once.
pub static FOLD_VERSION: LazyLock<String> = LazyLock::new(|| {
    // FNV-1a over every code point that a key changes. The ranges left out hold ideographs,
    // Hangul syllables and private use, none of which have case or change in form C.
    let ranges = [
        0x80..=0x33FF,
        0xA000..=0xABFF,
        0xF900..=0x16FFF,
        0x18D80..=0x1FFFF,
        0x2F800..=0x2FA1F,
        0xE0000..=0xE0FFF,
    ];
    let decomposed = DecomposingNormalizer::new_nfd();
    let mut hash = 0xCBF2_9CE4_8422_2325_u64;
    let mut buffer = [0; 4];
    for code_point in ranges.into_iter().flatten().filter_map(char::from_u32) {
        let text: &str = code_point.encode_utf8(&mut buffer);
        let (key, parts) = (comparison_key(false, text), decomposed.normalize(text));
        if key != text || parts != text {
            for byte in text.bytes().chain(key.bytes()).chain(parts.bytes()) {
                hash = (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01B3);
            }
        }
    }
    format!("nfc-fold-nfc-1-{hash:016x}")
});

/// The form of a text in which it is compared, under an attribute's `caseExact`.
///
/// Two texts are equal if their keys are; keys are ordered by code point, which is the order of
/// their bytes. ASCII text costs a look at its bytes, and is copied only to change its case.
///
/// ```
/// use scim2_core::key::comparison_key;
/// assert_eq!(comparison_key(false, "Straße"), comparison_key(false, "STRASSE"));
/// assert_eq!(comparison_key(false, "ΣΊΣΥΦΟΣ"), comparison_key(false, "σίσυφος"));
/// assert_eq!(comparison_key(true, "e\u{301}"), "\u{e9}");
/// assert_ne!(comparison_key(true, "a"), comparison_key(true, "A"));
/// ```
#[must_use]
pub fn comparison_key(case_exact: bool, text: &str) -> Cow<'_, str> {
    if text.is_ascii() {
        return if case_exact || !text.bytes().any(|byte| byte.is_ascii_uppercase()) {
            Cow::Borrowed(text)
        } else {
            Cow::Owned(text.to_ascii_lowercase())
        };
    }
    let composed = NFC.normalize(text);
    if case_exact {
        return composed;
    }
    let folded = match composed {
        Cow::Borrowed(text) => CASES.fold_string(text),
        Cow::Owned(text) => Cow::Owned(CASES.fold_string(&text).into_owned()),
    };
    match folded {
        Cow::Borrowed(text) => NFC.normalize(text),
        Cow::Owned(text) => match NFC.normalize(&text) {
            Cow::Owned(composed) => Cow::Owned(composed),
            Cow::Borrowed(_) => Cow::Owned(text),
        },
    }
}

/// Whether a text has this comparison key. Does not allocate for ASCII text.
pub(crate) fn equals_key(case_exact: bool, text: &str, key: &str) -> bool {
    if text.is_ascii() {
        return if case_exact { text == key } else { text.eq_ignore_ascii_case(key) };
    }
    comparison_key(case_exact, text) == key
}

/// Whether the key of a text begins with this key.
pub(crate) fn starts_with_key(case_exact: bool, text: &str, key: &str) -> bool {
    if text.is_ascii() {
        return text
            .as_bytes()
            .get(..key.len())
            .is_some_and(|start| same_bytes(case_exact, start, key.as_bytes()));
    }
    comparison_key(case_exact, text).starts_with(key)
}

/// Whether the key of a text ends with this key.
pub(crate) fn ends_with_key(case_exact: bool, text: &str, key: &str) -> bool {
    if text.is_ascii() {
        return text
            .len()
            .checked_sub(key.len())
            .and_then(|at| text.as_bytes().get(at..))
            .is_some_and(|end| same_bytes(case_exact, end, key.as_bytes()));
    }
    comparison_key(case_exact, text).ends_with(key)
}

/// How the key of a text compares with this key. Does not allocate for ASCII text.
pub(crate) fn compare_with_key(case_exact: bool, text: &str, key: &str) -> Ordering {
    if !text.is_ascii() {
        return comparison_key(case_exact, text).as_ref().cmp(key);
    }
    if case_exact {
        return text.cmp(key);
    }
    text.bytes().map(|byte| byte.to_ascii_lowercase()).cmp(key.bytes())
}

fn same_bytes(case_exact: bool, a: &[u8], b: &[u8]) -> bool {
    if case_exact { a == b } else { a.eq_ignore_ascii_case(b) }
}

/// A JSON number as exact decimal, without the heap unless it has more than 23 digits.
pub(crate) fn decimal(number: &serde_json::Number) -> Option<Number> {
    /// Room for the longest double, `-1.2345678901234567e-308`, and for any 64-bit integer.
    struct Digits {
        bytes: [u8; 32],
        len: usize,
    }

    impl Write for Digits {
        fn write_str(&mut self, text: &str) -> fmt::Result {
            let end = self.len + text.len();
            self.bytes.get_mut(self.len..end).ok_or(fmt::Error)?.copy_from_slice(text.as_bytes());
            self.len = end;
            Ok(())
        }
    }

    let mut digits = Digits { bytes: [0; 32], len: 0 };
    write!(digits, "{number}").ok()?;
    str::from_utf8(digits.bytes.get(..digits.len)?).ok()?.parse().ok()
}

/// Whether two values of an attribute are the same under its schema (ruling P14).
///
/// Text is compared by [`comparison_key`], numbers and dateTimes by value, binaries by their
/// bytes. Elements that name resources are the same if `value` is, and `type` where both have
/// one. Other complex values are the same if their sub-attributes are: one that is missing is as
/// good as unassigned, a missing `primary` is false, and what only the service provider writes
/// does not count. Arrays are the same if their elements are, in order.
///
/// An attribute that no schema defines is compared by what its values are, text without case.
///
/// ```
/// use scim2_core::{ResourceType, key::equal_values};
/// use serde_json::json;
/// let user = ResourceType::user();
/// let emails = user.attribute("emails");
/// let (a, b) = (json!({"value": "BABS@x.org"}), json!({"value": "babs@x.org", "primary": false}));
/// assert!(equal_values(emails, &a, &b));
/// ```
#[must_use]
pub fn equal_values(attribute: Option<&Attribute>, a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Array(a), Value::Array(b)) => {
            a.len() == b.len() && iter::zip(a, b).all(|(a, b)| equal_values(attribute, a, b))
        }
        (Value::Object(a), Value::Object(b)) => equal_objects(attribute, a, b),
        (Value::String(a), Value::String(b)) => match attribute {
            Some(attribute) => eval::equal_texts(attribute, a, b),
            None => comparison_key(false, a) == comparison_key(false, b),
        },
        (Value::Number(a), Value::Number(b)) => a == b || decimal(a) == decimal(b),
        _ => a == b,
    }
}

fn equal_objects(
    attribute: Option<&Attribute>,
    a: &Map<String, Value>,
    b: &Map<String, Value>,
) -> bool {
    if let Some(attribute) = attribute.filter(|attribute| attribute.is_resource_reference())
        && let (Some(a_value), Some(b_value)) = (assigned(a, "value"), assigned(b, "value"))
    {
        let same =
            |name: &str, a: &Value, b: &Value| equal_values(attribute.sub_attribute(name), a, b);
        return same("value", a_value, b_value)
            && match (assigned(a, "type"), assigned(b, "type")) {
                (Some(a), Some(b)) => same("type", a, b),
                _ => true,
            };
    }
    if attribute.is_none() {
        return equal_open_objects(a, b);
    }
    let covers = |a: &Map<String, Value>, b: &Map<String, Value>| {
        a.keys().all(|name| {
            let sub_attribute = attribute.and_then(|attribute| attribute.sub_attribute(name));
            sub_attribute.is_some_and(is_computed)
                || equal_members(name, sub_attribute, assigned(a, name), assigned(b, name))
        })
    };
    covers(a, b) && covers(b, a)
}

/// Objects that no schema describes: names have no case here either.
fn equal_open_objects(a: &Map<String, Value>, b: &Map<String, Value>) -> bool {
    fn by_name(object: &Map<String, Value>) -> BTreeMap<String, &Value> {
        let assigned = object.iter().filter(|(_, value)| eval::is_present(value));
        assigned.map(|(name, value)| (name.to_ascii_lowercase(), value)).collect()
    }
    let (a, b) = (by_name(a), by_name(b));
    let mut names = a.keys().chain(b.keys().filter(|name| !a.contains_key(*name)));
    names.all(|name| equal_members(name, None, a.get(name).copied(), b.get(name).copied()))
}

fn equal_members(
    name: &str,
    attribute: Option<&Attribute>,
    a: Option<&Value>,
    b: Option<&Value>,
) -> bool {
    match (a, b) {
        (Some(a), Some(b)) => equal_values(attribute, a, b),
        (Some(value), None) | (None, Some(value)) => {
            name.eq_ignore_ascii_case("primary") && *value == Value::Bool(false)
        }
        (None, None) => true,
    }
}

/// Whether only the service provider writes a sub-attribute.
fn is_computed(sub_attribute: &Attribute) -> bool {
    sub_attribute.mutability == Mutability::ReadOnly
}

/// A member of an object that is not unassigned.
fn assigned<'a>(object: &'a Map<String, Value>, name: &str) -> Option<&'a Value> {
    object.get(name).filter(|value| eval::is_present(value))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// A key is in the form of a key.
        #[test]
        fn a_key_is_its_own_key(text in any::<String>(), case_exact in any::<bool>()) {
            let key = comparison_key(case_exact, &text);
            prop_assert_eq!(comparison_key(case_exact, &key), key.as_ref());
        }

        /// Where nothing combines, the key of a whole is the keys of its parts: `sw` and `co`
        /// stay right.
        #[test]
        fn keys_know_no_context(a in "[a-zA-ZßΣσςİıéÉ日]{0,6}", b in "[a-zA-ZßΣσςİıéÉ日]{0,6}") {
            let whole = comparison_key(false, &format!("{a}{b}")).into_owned();
            let parts = format!("{}{}", comparison_key(false, &a), comparison_key(false, &b));
            prop_assert_eq!(whole, parts);
        }

        /// The ways around making a key come to the same as the key.
        #[test]
        fn shortcuts_agree_with_keys(
            text in "[aAbB]{0,8}|[aAbBßé]{0,4}",
            other in "[aAbB]{0,3}|[aAbBßé]{0,2}",
            case_exact in any::<bool>(),
        ) {
            let (whole, part) =
                (comparison_key(case_exact, &text), comparison_key(case_exact, &other));
            prop_assert_eq!(equals_key(case_exact, &text, &part), whole == part);
            prop_assert_eq!(
                starts_with_key(case_exact, &text, &part),
                whole.starts_with(part.as_ref())
            );
            prop_assert_eq!(ends_with_key(case_exact, &text, &part), whole.ends_with(part.as_ref()));
            prop_assert_eq!(compare_with_key(case_exact, &text, &part), whole.cmp(&part));
        }

        /// No digit is lost on the way to a decimal.
        #[test]
        fn decimals_are_exact(integer in any::<i64>(), float in any::<f64>()) {
            let number = serde_json::Number::from(integer);
            prop_assert_eq!(decimal(&number).and_then(|number| number.as_i64()), Some(integer));
            if let Some(number) = serde_json::Number::from_f64(float) {
                prop_assert_eq!(decimal(&number).map(|number| number.as_f64()), Some(float));
            }
        }
    }
}
