//! Whether a resource matches a bound filter: the truth table of [`BoundFilter`], in code.

use std::cmp::Ordering;

use scim2_syntax::CompareOp;
use serde_json::{Map, Value};

use crate::bind::{BoundAttr, BoundFilter, BoundText, BoundValue};
use crate::key;
use crate::resource::Resource;
use crate::schema::{Attribute, AttributeType};
use crate::secret::Secret;
use crate::value::{normal_uri, parse_stored_date_time};

impl BoundFilter {
    /// Whether a resource matches. Its keys must be in schema spelling, as
    /// [`ResourceType::ingest`](crate::ResourceType::ingest) leaves them.
    ///
    /// Costs no allocation as long as the text it compares is ASCII.
    #[must_use]
    pub fn matches(&self, resource: &Resource) -> bool {
        self.holds(Subject::Resource(resource.as_map()), &nobody)
    }

    /// The same for whoever can tell whether a password is the one of this resource, by its hash.
    /// [`matches`](Self::matches) cannot, so to it nobody has any password (ruling F26).
    ///
    /// ```
    /// use scim2_core::{Policy, Resource, ResourceType, syntax::Filter};
    /// let mut policy = Policy::strict();
    /// policy.filter.password_eq = true;
    /// let filter: Filter = r#"password eq "t1meMa$heen""#.parse()?;
    /// let bound = ResourceType::user().bind(&filter, &policy)?;
    /// let user = Resource::new();
    /// assert!(!bound.matches(&user));
    /// assert!(bound.matches_with(&user, &|password| password.expose() == "t1meMa$heen"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn matches_with(&self, resource: &Resource, fits: &dyn Fn(&Secret) -> bool) -> bool {
        self.holds(Subject::Resource(resource.as_map()), fits)
    }

    /// Whether one value of a multi-valued attribute matches, for a filter that was bound with
    /// [`ResourceType::bind_element`](crate::ResourceType::bind_element).
    #[must_use]
    pub fn matches_element(&self, element: &Value) -> bool {
        self.holds(Subject::Element(element), &nobody)
    }

    fn holds(&self, subject: Subject<'_>, fits: &dyn Fn(&Secret) -> bool) -> bool {
        match self {
            Self::All => true,
            Self::None => false,
            Self::And(terms) => terms.iter().all(|term| term.holds(subject, fits)),
            Self::Or(terms) => terms.iter().any(|term| term.holds(subject, fits)),
            Self::Not(term) => !term.holds(subject, fits),
            Self::Present(attr) => is_any_present(attr, subject),
            Self::Compare { attr, op: CompareOp::Eq, value: BoundValue::Null } => {
                !is_any_present(attr, subject)
            }
            Self::Compare { attr, op: _, value: BoundValue::Null } => is_any_present(attr, subject),
            Self::Compare { attr, op, value } => {
                any_operand(attr, subject, |operand| compare(attr, operand, *op, value))
            }
            Self::ValuePath { attr, filter } => match subject.find(attr) {
                None | Some(Value::Null) => false,
                Some(Value::Array(elements)) => {
                    elements.iter().any(|element| filter.holds(Subject::Element(element), fits))
                }
                Some(value) => filter.holds(Subject::Element(value), fits),
            },
            Self::Password(password) => fits(password.secret()),
        }
    }
}

fn nobody(_: &Secret) -> bool {
    false
}

/// What an attribute is looked up in.
#[derive(Clone, Copy)]
pub(crate) enum Subject<'a> {
    Resource(&'a Map<String, Value>),
    /// One value of the attribute before the brackets.
    Element(&'a Value),
}

impl<'a> Subject<'a> {
    /// The value of the attribute, before any sub-attribute.
    pub(crate) fn find(self, attr: &BoundAttr) -> Option<&'a Value> {
        let object = match self {
            Self::Element(element) if attr.is_element() => return Some(element),
            // `value` stands for a simple element also where no schema says so (ruling F29).
            Self::Element(element) if attr.is_open() && !element.is_object() => {
                return attr.name().eq_ignore_ascii_case("value").then_some(element);
            }
            Self::Element(element) => element.as_object()?,
            Self::Resource(object) => match attr.extension() {
                None => object,
                Some(uri) => find(object, uri.as_str(), attr.is_open())?.as_object()?,
            },
        };
        find(object, attr.name(), attr.is_open())
    }
}

/// The spelling of an open attribute is the resource's own business.
fn find<'a>(object: &'a Map<String, Value>, name: &str, open: bool) -> Option<&'a Value> {
    if open { member(object, name) } else { object.get(name) }
}

/// The member of this name, in any case.
pub(crate) fn member<'a>(object: &'a Map<String, Value>, name: &str) -> Option<&'a Value> {
    object.get(name).or_else(|| {
        object.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    })
}

/// What a comparison looks at.
#[derive(Clone, Copy)]
pub(crate) enum Operand<'a> {
    Value(&'a Value),
    /// The value that should have it is there, and does not.
    Missing,
    /// There is nothing that could have it.
    Absent,
}

/// Whether the predicate holds for some operand; stops at the first.
pub(crate) fn any_operand<'a>(
    attr: &BoundAttr,
    subject: Subject<'a>,
    mut predicate: impl FnMut(Operand<'a>) -> bool,
) -> bool {
    let missing = match subject {
        _ if attr.multi_valued() => Operand::Absent,
        Subject::Resource(_) if attr.is_open() => Operand::Absent,
        _ => Operand::Missing,
    };
    match subject.find(attr) {
        None | Some(Value::Null) => predicate(missing),
        Some(Value::Array(elements)) if elements.is_empty() => predicate(Operand::Absent),
        Some(Value::Array(elements)) => {
            elements.iter().any(|element| any_of_value(attr, element, true, &mut predicate))
        }
        Some(value) => any_of_value(attr, value, false, &mut predicate),
    }
}

pub(crate) fn any_of_value<'a>(
    attr: &BoundAttr,
    value: &'a Value,
    in_array: bool,
    predicate: &mut impl FnMut(Operand<'a>) -> bool,
) -> bool {
    let missing = if attr.is_open() && !in_array { Operand::Absent } else { Operand::Missing };
    let name = match attr.sub_attr() {
        Some(name) => name,
        // `value` stands for the element also where no schema says so (ruling F13).
        None if attr.is_open() && in_array && value.is_object() => "value",
        None => return predicate(if value.is_null() { missing } else { Operand::Value(value) }),
    };
    match value.as_object().and_then(|object| find(object, name, attr.is_open())) {
        None | Some(Value::Null) => predicate(missing),
        Some(Value::Array(values)) if values.is_empty() => predicate(Operand::Absent),
        Some(Value::Array(values)) => values.iter().any(|value| predicate(Operand::Value(value))),
        Some(value) => predicate(Operand::Value(value)),
    }
}

fn is_any_present(attr: &BoundAttr, subject: Subject<'_>) -> bool {
    let Some(sub_attr) = attr.sub_attr() else {
        return subject.find(attr).is_some_and(is_present);
    };
    let has_sub_attr = |value: &Value| {
        let sub_value = value.as_object().and_then(|object| find(object, sub_attr, attr.is_open()));
        sub_value.is_some_and(is_present)
    };
    match subject.find(attr) {
        Some(Value::Array(elements)) => elements.iter().any(has_sub_attr),
        Some(value) => has_sub_attr(value),
        None => false,
    }
}

/// Whether a value counts as one (ruling F17): not null, `""`, `[]`, `{}` or made of such only.
pub(crate) fn is_present(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::Bool(_) | Value::Number(_) => true,
        Value::String(text) => !text.is_empty(),
        Value::Array(elements) => elements.iter().any(is_present),
        Value::Object(members) => members.values().any(is_present),
    }
}

fn compare(attr: &BoundAttr, operand: Operand<'_>, op: CompareOp, literal: &BoundValue) -> bool {
    let value = match operand {
        Operand::Value(value) => value,
        Operand::Missing if attr.missing_is_false() => &Value::Bool(false),
        Operand::Missing | Operand::Absent => return op == CompareOp::Ne,
    };
    match (literal, value) {
        (BoundValue::Bool(literal), Value::Bool(value)) => equality(op, literal == value),
        (BoundValue::Number(literal), Value::Number(value)) => {
            let order = match (value.as_i64(), literal.as_i64()) {
                (Some(value), Some(literal)) => Some(value.cmp(&literal)),
                _ => key::decimal(value).map(|value| value.cmp(literal)),
            };
            ordering(op, order)
        }
        (BoundValue::Instant(literal), Value::String(value)) => {
            let instant = parse_stored_date_time(value);
            ordering(op, instant.map(|instant| instant.cmp(literal)))
        }
        (BoundValue::Bytes(literal), Value::String(value)) => equality(op, encodes(value, literal)),
        (BoundValue::Reference(literal), Value::String(value)) => {
            equality(op, same_reference(value, literal))
        }
        (BoundValue::Uri(literal), Value::String(value)) => {
            equality(op, normal_uri(value) == **literal)
        }
        (BoundValue::Text(literal), Value::String(value)) => {
            text(attr.case_exact(), value, op, literal)
        }
        _ => op == CompareOp::Ne,
    }
}

/// `eq` and `ne`; binding refuses other operators where there is no order.
fn equality(op: CompareOp, equal: bool) -> bool {
    equal == (op == CompareOp::Eq)
}

/// Values without an order to each other are not equal either.
fn ordering(op: CompareOp, order: Option<Ordering>) -> bool {
    let Some(order) = order else { return op == CompareOp::Ne };
    match op {
        CompareOp::Eq => order.is_eq(),
        CompareOp::Ne => order.is_ne(),
        CompareOp::Gt => order.is_gt(),
        CompareOp::Ge => order.is_ge(),
        CompareOp::Lt => order.is_lt(),
        CompareOp::Le => order.is_le(),
        CompareOp::Co | CompareOp::Sw | CompareOp::Ew => false,
    }
}

fn text(case_exact: bool, value: &str, op: CompareOp, literal: &BoundText) -> bool {
    match op {
        CompareOp::Eq => key::equals_key(case_exact, value, literal),
        CompareOp::Ne => !key::equals_key(case_exact, value, literal),
        CompareOp::Co => literal.is_in(case_exact, value),
        CompareOp::Sw => key::starts_with_key(case_exact, value, literal),
        CompareOp::Ew => key::ends_with_key(case_exact, value, literal),
        CompareOp::Gt | CompareOp::Ge | CompareOp::Lt | CompareOp::Le => {
            ordering(op, Some(key::compare_with_key(case_exact, value, literal)))
        }
    }
}

/// Whether base64 text stands for these bytes, in either alphabet and with or without padding
/// (ruling F22).
fn encodes(text: &str, bytes: &[u8]) -> bool {
    let mut expected = bytes.iter();
    let (mut bits, mut count) = (0_u32, 0_u32);
    for sextet in sextets(text) {
        let Ok(sextet) = sextet else { return false };
        bits = bits << 6 | u32::from(sextet);
        count += 6;
        if count >= 8 {
            count -= 8;
            if expected.next().map(|&byte| u32::from(byte)) != Some(bits >> count) {
                return false;
            }
            bits &= (1 << count) - 1;
        }
    }
    // One character alone is no byte, and bits left over must be zero.
    expected.next().is_none() && count < 6 && bits == 0
}

/// What the characters of base64 text stand for, in either alphabet, without padding and line
/// breaks; the character itself where it stands for nothing.
fn sextets(text: &str) -> impl Iterator<Item = Result<u8, u8>> {
    let text = text.trim_end_matches(['=', '\r', '\n', ' ']);
    let characters = text.bytes().filter(|byte| !matches!(byte, b'\r' | b'\n' | b' ' | b'\t'));
    characters.map(|byte| match byte {
        b'A'..=b'Z' => Ok(byte - b'A'),
        b'a'..=b'z' => Ok(byte - b'a' + 26),
        b'0'..=b'9' => Ok(byte - b'0' + 52),
        b'+' | b'-' => Ok(62),
        b'/' | b'_' => Ok(63),
        _ => Err(byte),
    })
}

/// Whether two references name the same resource of this service provider (RFC 7643 §2.3.7;
/// ruling F23): case exact, a relative one read against the other's root, a version segment
/// (`v2`) ignored.
fn same_reference(a: &str, b: &str) -> bool {
    if a == b {
        return true;
    }
    let (a, b) = (Reference::new(a), Reference::new(b));
    match (a.root, b.root) {
        (Some(a_root), Some(b_root)) => {
            a_root.eq_ignore_ascii_case(b_root) && a.segments().eq(b.segments())
        }
        (None, None) => a.segments().eq(b.segments()),
        (Some(_), None) => a.ends_with(b),
        (None, Some(_)) => b.ends_with(a),
    }
}

#[derive(Clone, Copy)]
struct Reference<'a> {
    /// Scheme and authority of an absolute reference.
    root: Option<&'a str>,
    path: &'a str,
}

impl<'a> Reference<'a> {
    fn new(text: &'a str) -> Self {
        let path_start = text.find("://").and_then(|colon| {
            let authority = text.get(colon + 3..)?;
            Some(colon + 3 + authority.find('/').unwrap_or(authority.len()))
        });
        match path_start.and_then(|at| text.split_at_checked(at)) {
            Some((root, path)) => Self { root: Some(root), path },
            None => Self { root: None, path: text },
        }
    }

    /// The segments that tell resources apart.
    fn segments(self) -> impl DoubleEndedIterator<Item = &'a str> {
        self.path.split('/').filter(|segment| {
            let is_version = segment.strip_prefix('v').is_some_and(|version| {
                version.starts_with(|c: char| c.is_ascii_digit())
                    && version.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.')
            });
            !matches!(*segment, "" | "." | "..") && !is_version
        })
    }

    /// A relative reference to a resource has at least an endpoint and an id.
    fn ends_with(self, relative: Self) -> bool {
        let mut segments = self.segments().rev();
        relative.segments().nth(1).is_some()
            && relative.segments().rev().all(|segment| segments.next() == Some(segment))
    }
}

/// Whether two texts are the same value of an attribute.
pub(crate) fn equal_texts(attribute: &Attribute, a: &str, b: &str) -> bool {
    let instant = |text| parse_stored_date_time(text);
    match attribute.attribute_type {
        AttributeType::DateTime => match (instant(a), instant(b)) {
            (Some(a), Some(b)) => a == b,
            _ => a == b,
        },
        AttributeType::Binary => sextets(a).eq(sextets(b)),
        AttributeType::Reference if refers_to_resources(attribute) => same_reference(a, b),
        AttributeType::Reference => a == b,
        _ => {
            key::comparison_key(attribute.case_exact, a)
                == key::comparison_key(attribute.case_exact, b)
        }
    }
}

/// Whether a reference is to resources of this service provider, as far as the schema says.
pub(crate) fn refers_to_resources(attribute: &Attribute) -> bool {
    let types = &attribute.reference_types;
    let foreign = |name: &String| ["external", "uri"].iter().any(|f| f.eq_ignore_ascii_case(name));
    types.is_empty() || !types.iter().all(foreign)
}
