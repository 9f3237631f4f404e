//! The elements of a multi-valued attribute: adding, naming, and keeping one primary.

use std::cell::LazyCell;
use std::collections::HashMap;
use std::hash::{BuildHasher, Hash, Hasher, RandomState};

use serde_json::{Map, Value};

use crate::error::Error;
use crate::eval::{self, is_present};
use crate::key::{comparison_key, equal_values};
use crate::policy::DateTimePolicy;
use crate::schema::{Attribute, AttributeType, Mutability};
use crate::value::parse_date_time;

/// Arrays of up to this many elements are searched one by one, which is faster than hashing.
const FEW: usize = 16;

/// Finds elements that may be equal, so that adding many to many is no quadratic work.
///
/// It belongs to one array, in which elements have only been added since it was made.
#[derive(Debug, Default)]
pub(super) struct Index {
    hasher: RandomState,
    buckets: HashMap<u64, Vec<usize>>,
    /// How many elements are in it.
    len: usize,
}

impl Index {
    /// The places of elements that may be equal to this one, or have the same `type` and `value`.
    fn candidates(
        &mut self,
        attribute: Option<&Attribute>,
        elements: &[Value],
        new: &Value,
    ) -> Vec<usize> {
        for (place, element) in elements.iter().enumerate().skip(self.len) {
            let hash = fingerprint(&self.hasher, attribute, element);
            self.buckets.entry(hash).or_default().push(place);
        }
        self.len = elements.len();
        let hash = fingerprint(&self.hasher, attribute, new);
        self.buckets.get(&hash).cloned().unwrap_or_default()
    }
}

/// A number that is the same for elements that are equal under the schema, and for those with
/// the same `type` and `value`.
fn fingerprint(hasher: &RandomState, attribute: Option<&Attribute>, element: &Value) -> u64 {
    let Value::Object(members) = element else {
        return scalar(hasher, attribute, element);
    };
    let sub = |name: &str| attribute.and_then(|attribute| attribute.sub_attribute(name));
    if let Some(value) = present(members, "value") {
        let value = scalar(hasher, sub("value"), value);
        return match present(members, "type") {
            Some(kind) if !attribute.is_some_and(Attribute::is_resource_reference) => {
                hasher.hash_one((value, scalar(hasher, sub("type"), kind)))
            }
            _ => value,
        };
    }
    members
        .iter()
        .filter(|(name, value)| {
            // What equality may look past.
            is_present(value)
                && !name.eq_ignore_ascii_case("primary")
                && sub(name).is_none_or(|sub| sub.mutability != Mutability::ReadOnly)
        })
        .map(|(name, value)| {
            hasher.hash_one(name.to_ascii_lowercase()) ^ scalar(hasher, sub(name), value)
        })
        .fold(1, u64::wrapping_add)
}

/// A number that is the same for elements with the same `value`, and for equal simple values.
fn value_print(hasher: &RandomState, attribute: Option<&Attribute>, element: &Value) -> u64 {
    match element {
        Value::Object(members) => {
            let sub = attribute.and_then(|attribute| attribute.sub_attribute("value"));
            present(members, "value").map_or(0, |value| scalar(hasher, sub, value))
        }
        simple => scalar(hasher, attribute, simple),
    }
}

fn scalar(hasher: &RandomState, attribute: Option<&Attribute>, value: &Value) -> u64 {
    let attribute_type = attribute.map(|attribute| attribute.attribute_type);
    let mut state = hasher.build_hasher();
    match value {
        Value::String(text) => match attribute_type {
            Some(AttributeType::DateTime) => {
                let lenient =
                    DateTimePolicy { lenient: true, date_only: true, require_offset: false };
                match parse_date_time(text, &lenient) {
                    Some(instant) => instant.hash(&mut state),
                    None => text.hash(&mut state),
                }
            }
            Some(AttributeType::Binary) => {
                for byte in text.trim_end_matches('=').bytes() {
                    match byte {
                        b'-' => b'+'.hash(&mut state),
                        b'_' => b'/'.hash(&mut state),
                        byte => byte.hash(&mut state),
                    }
                }
            }
            Some(AttributeType::Reference) => {
                // An absolute and a relative reference to one resource share its id.
                text.trim_end_matches('/').rsplit('/').next().hash(&mut state);
            }
            _ => {
                let exact = attribute.is_some_and(|attribute| attribute.case_exact);
                comparison_key(exact, text).hash(&mut state);
            }
        },
        // Equal numbers are the same double, whatever their notation.
        Value::Number(number) => match number.as_f64() {
            Some(double) => (double + 0.0).to_bits().hash(&mut state),
            None => 0_u8.hash(&mut state),
        },
        Value::Bool(flag) => flag.hash(&mut state),
        Value::Null | Value::Array(_) | Value::Object(_) => 0_u8.hash(&mut state),
    }
    state.finish()
}

/// What becomes of an element that is added.
pub(super) enum Found {
    /// It is there already, at this place.
    Equal(usize),
    /// One with the same `type` and `value` is there, which takes on the rest.
    SamePair(usize),
    New,
}

/// Looks for the element in the array (ruling P14).
///
/// References without number may share a `value` and differ in `type`, so what is compared is
/// counted.
pub(super) fn find(
    attribute: Option<&Attribute>,
    elements: &[Value],
    new: &Value,
    index: &mut Index,
    spend: impl FnOnce(usize) -> Result<(), Error>,
) -> Result<Found, Error> {
    let mut pair = None;
    let mut look = |place: usize, element: &Value| {
        if equal_values(attribute, element, new) || same_resource(attribute, element, new) {
            return true;
        }
        if pair.is_none() && same_pair(attribute, element, new) {
            pair = Some(place);
        }
        false
    };
    let equal = if elements.len() <= FEW {
        elements.iter().enumerate().find(|(place, element)| look(*place, element)).map(|(at, _)| at)
    } else {
        let candidates = index.candidates(attribute, elements, new);
        spend(candidates.len())?;
        candidates
            .into_iter()
            .find(|place| elements.get(*place).is_some_and(|element| look(*place, element)))
    };
    Ok(match (equal, pair) {
        (Some(place), _) => Found::Equal(place),
        (None, Some(place)) => Found::SamePair(place),
        (None, None) => Found::New,
    })
}

/// Whether two elements name one resource, whatever they say of its type: an id is unique among
/// all resources (RFC 7643 §3.1), and a member that is there already keeps what is known of it
/// (ruling P37).
fn same_resource(attribute: Option<&Attribute>, a: &Value, b: &Value) -> bool {
    let Some(attribute) = attribute.filter(|attribute| attribute.is_resource_reference()) else {
        return false;
    };
    match (a.get("value").filter(|a| is_present(a)), b.get("value").filter(|b| is_present(b))) {
        (Some(a), Some(b)) => equal_values(attribute.value_sub_attribute(), a, b),
        _ => false,
    }
}

/// Whether two elements have the same `type` and `value`, which no two of one attribute should
/// (RFC 7643 §2.4).
fn same_pair(attribute: Option<&Attribute>, a: &Value, b: &Value) -> bool {
    let (Some(a), Some(b)) = (a.as_object(), b.as_object()) else { return false };
    if attribute.is_some_and(Attribute::is_resource_reference) {
        // They are the same by their `value`, or they are different.
        return false;
    }
    let same = |name: &str| {
        let sub = attribute.and_then(|attribute| attribute.sub_attribute(name));
        match (present(a, name), present(b, name)) {
            (Some(a), Some(b)) => Some(equal_values(sub, a, b)),
            (None, None) => None,
            _ => Some(false),
        }
    };
    same("value") == Some(true) && same("type") != Some(false)
}

/// A member that has a value, in any case.
fn present<'m>(members: &'m Map<String, Value>, name: &str) -> Option<&'m Value> {
    eval::member(members, name).filter(|value| is_present(value))
}

/// Whether an element is the primary one.
pub(super) fn is_primary(element: &Value) -> bool {
    element
        .as_object()
        .and_then(|members| present(members, "primary"))
        .is_some_and(|primary| *primary == Value::Bool(true))
}

/// Setting `primary` on one element clears it on the others (RFC 7644 §3.5.2; ruling P29).
///
/// `set` are the places at which the operation has set it.
pub(super) fn keep_one_primary(
    name: &str,
    elements: &mut [Value],
    mut set: Vec<usize>,
) -> Result<(), Error> {
    set.sort_unstable();
    set.dedup();
    match set.as_slice() {
        [] => Ok(()),
        [chosen] => {
            let others = elements.iter_mut().enumerate().filter(|(place, _)| place != chosen);
            for (_, element) in others.filter(|(_, element)| is_primary(element)) {
                for (key, value) in element.as_object_mut().into_iter().flatten() {
                    if key.eq_ignore_ascii_case("primary") {
                        *value = Value::Bool(false);
                    }
                }
            }
            Ok(())
        }
        _ => Err(Error::invalid_value(format_args!(
            "`{name}` would have {} values with `primary` true, at most 1 is allowed",
            set.len()
        ))),
    }
}

/// How many bytes of text are in a value, names left aside. A text that is not ASCII has a
/// comparison key of its own to be made, which is as dear as many times its length.
pub(super) fn text_len(value: &Value) -> usize {
    const KEY: usize = 8;
    match value {
        Value::String(text) if text.is_ascii() => text.len(),
        Value::String(text) => text.len() * KEY,
        Value::Array(elements) => elements.iter().map(text_len).sum(),
        Value::Object(members) => members.values().map(text_len).sum(),
        Value::Null | Value::Bool(_) | Value::Number(_) => 0,
    }
}

/// Whether an element still says something: more than its label (ruling P25).
pub(super) fn has_content(element: &Map<String, Value>) -> bool {
    element.iter().any(|(key, value)| {
        is_present(value)
            && !["type", "primary", "display"].iter().any(|label| key.eq_ignore_ascii_case(label))
    })
}

/// The elements that the value of a remove names (ruling P20), ready to be looked up.
pub(super) struct Named<'a> {
    attribute: Option<&'a Attribute>,
    entries: &'a [Value],
    hasher: RandomState,
    /// Entries with a `value`, by it.
    by_value: HashMap<u64, Vec<usize>>,
    /// The others.
    rest: Vec<usize>,
}

impl<'a> Named<'a> {
    pub(super) fn new(attribute: Option<&'a Attribute>, entries: &'a [Value]) -> Self {
        let mut named = Self {
            attribute,
            entries,
            hasher: RandomState::new(),
            by_value: HashMap::new(),
            rest: Vec::new(),
        };
        for (place, entry) in entries.iter().enumerate() {
            match entry {
                Value::Object(members) if present(members, "value").is_none() => {
                    named.rest.push(place);
                }
                entry => {
                    let hash = value_print(&named.hasher, attribute, entry);
                    named.by_value.entry(hash).or_default().push(place);
                }
            }
        }
        named
    }

    /// With how many entries an element may have to be compared.
    pub(super) fn cost(&self) -> usize {
        self.rest.len() + self.by_value.values().map(Vec::len).max().unwrap_or_default()
    }

    /// Whether one of the entries names the element: all sub-attributes of the entry are equal.
    pub(super) fn contains(&self, element: &Value) -> bool {
        let hash = value_print(&self.hasher, self.attribute, element);
        let by_value = self.by_value.get(&hash).into_iter().flatten();
        by_value
            .chain(&self.rest)
            .filter_map(|place| self.entries.get(*place))
            .any(|entry| selects(self.attribute, entry, element))
    }
}

/// Whether an element has all that an entry of a remove's value gives. An entry that gives
/// nothing selects nothing.
pub(super) fn selects(attribute: Option<&Attribute>, entry: &Value, element: &Value) -> bool {
    let (Value::Object(members), Value::Object(element_members)) = (entry, element) else {
        return is_present(entry) && equal_values(attribute, entry, element);
    };
    let is_reference = attribute.is_some_and(Attribute::is_resource_reference);
    if is_reference && present(members, "value").is_some() {
        // The same test by which a reference counts as there already: a name or a `$ref` beside
        // the id may be out of date.
        return equal_values(attribute, entry, element);
    }
    let mut given = members.iter().filter(|(_, value)| is_present(value)).peekable();
    // What no schema names may be there in another case.
    let by_name = LazyCell::new(|| {
        let members = element_members.iter().filter(|(_, value)| is_present(value));
        members.map(|(name, value)| (name.to_ascii_lowercase(), value)).collect::<HashMap<_, _>>()
    });
    given.peek().is_some()
        && given.all(|(name, value)| {
            let sub = attribute.and_then(|attribute| attribute.sub_attribute(name));
            let other = match element_members.get(name).filter(|value| is_present(value)) {
                None if sub.is_none() => by_name.get(&name.to_ascii_lowercase()).copied(),
                other => other,
            };
            other.is_some_and(|other| equal_values(sub, value, other))
        })
}
