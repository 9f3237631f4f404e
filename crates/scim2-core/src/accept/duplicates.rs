//! Elements of one array that are the same (RFC 7643 §2.4, ruling W24).

use std::borrow::Cow;
use std::collections::HashSet;

use serde_json::Value;

use crate::key::comparison_key;
use crate::schema::{Attribute, AttributeType};

/// Arrays of up to this many elements are searched for duplicates by comparing each pair.
const FEW_ELEMENTS: usize = 8;

/// What makes two elements of one array the same (ruling W24).
#[derive(PartialEq, Eq, Hash)]
enum Identity<'a> {
    /// Elements that name resources: the id. Others: type and value.
    Pair(Part<'a>, Part<'a>),
    /// Elements without `value`: everything.
    Whole(&'a Value),
}

#[derive(PartialEq, Eq, Hash)]
enum Part<'a> {
    Nothing,
    Text(Cow<'a, str>),
    Other(&'a Value),
}

impl<'a> Part<'a> {
    fn of(attribute: Option<&Attribute>, value: Option<&'a Value>) -> Self {
        match value {
            None => Self::Nothing,
            Some(Value::String(text)) => {
                let is_text = attribute.is_some_and(|a| a.attribute_type == AttributeType::String);
                let case_exact = !is_text || attribute.is_some_and(|a| a.case_exact);
                Self::Text(comparison_key(case_exact, text))
            }
            Some(value) => Self::Other(value),
        }
    }
}

impl<'a> Identity<'a> {
    fn of(attribute: &Attribute, element: &'a Value) -> Self {
        let member = |name: &str| {
            let sub_attribute = attribute.sub_attribute(name)?;
            Some((sub_attribute, element.get(sub_attribute.name.as_str())?))
        };
        let Some((sub_attribute, value)) = member("value") else { return Self::Whole(element) };
        let value = Part::of(Some(sub_attribute), Some(value));
        match member("type") {
            Some((sub_attribute, of_type)) if !attribute.is_resource_reference() => {
                Self::Pair(value, Part::of(Some(sub_attribute), Some(of_type)))
            }
            _ => Self::Pair(value, Part::Nothing),
        }
    }
}

/// Leaves the last of elements that are the same (RFC 7643 §2.4, ruling W24).
pub(super) fn collapse_duplicates(attribute: &Attribute, elements: &mut Vec<Value>) {
    let few = elements.len() <= FEW_ELEMENTS;
    if elements.len() < 2 || (few && all_differ(attribute, elements)) {
        return;
    }
    let identities = elements.iter().map(|element| Identity::of(attribute, element));
    let mut seen = HashSet::with_capacity(elements.len());
    let last: Vec<bool> = identities.rev().map(|identity| seen.insert(identity)).collect();
    let mut last = last.into_iter().rev();
    elements.retain(|_| last.next().unwrap_or(true));
}

/// Whether a short look at each pair shows that no two elements are the same.
fn all_differ(attribute: &Attribute, elements: &[Value]) -> bool {
    let value = attribute.value_sub_attribute().map(|value| value.name.as_str());
    let mut rest = elements.iter();
    while let Some(a) = rest.next() {
        let differs = |b: &Value| {
            let texts = value.map(|value| (a.get(value), b.get(value)));
            match texts {
                Some((Some(Value::String(a)), Some(Value::String(b)))) => {
                    a.is_ascii() && b.is_ascii() && !a.eq_ignore_ascii_case(b)
                }
                _ => a != b,
            }
        };
        if !rest.clone().all(differs) {
            return false;
        }
    }
    true
}
