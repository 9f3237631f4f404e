//! What a filter means for a User, worked out as plainly and slowly as it can be.
//!
//! Of the library it takes the parsed filter and the schemas as data, and nothing else: it finds
//! attributes, folds text and reads times, binaries, references and URLs in ways of its own, so that it
//! can disagree.

use scim2_core::ResourceType;
use scim2_core::catalog::common_attribute;
use scim2_core::schema::{Attribute, AttributeType};
use scim2_core::syntax::{AttrPath, CompareOp, CompareValue, Expr, FilterRef};
use serde_json::{Map, Value};
use unicode_normalization::UnicodeNormalization;

/// The table of [`BoundFilter`](scim2_core::bind::BoundFilter), under the strict policy.
#[derive(Clone, Copy)]
pub struct Model<'a> {
    ty: &'a ResourceType,
    /// The attribute before the brackets.
    element: Option<&'a Attribute>,
}

/// What a path of the filter leads to.
#[derive(Clone, Copy)]
enum Place<'a> {
    /// A whole extension, by its URN.
    Extension(&'a str),
    Attribute {
        /// The extension's URN.
        container: Option<&'a str>,
        attribute: &'a Attribute,
        sub: Option<&'a Attribute>,
    },
}

impl<'a> Model<'a> {
    /// A model for resources of this type.
    pub fn new(ty: &'a ResourceType) -> Self {
        Self { ty, element: None }
    }

    /// Whether an object matches.
    pub fn holds(self, filter: FilterRef<'_>, object: &Map<String, Value>) -> bool {
        match filter.expr() {
            Expr::And(terms) => terms.filter(|term| !self.holds(*term, object)).count() == 0,
            Expr::Or(terms) => terms.filter(|term| self.holds(*term, object)).count() > 0,
            Expr::Not(term) => !self.holds(term, object),
            Expr::Present(path) => self.values(self.place(path), object).iter().any(is_present),
            Expr::Compare { path, op, value } => {
                let place = self.implied(self.place(path));
                let mut operands = self.values(place, object);
                if matches!(value, CompareValue::Null) {
                    return operands.iter().any(is_present) == (op == CompareOp::Ne);
                }
                if self.defaults_to_false(place, object) {
                    for operand in operands.iter_mut().filter(|operand| operand.is_null()) {
                        *operand = Value::Bool(false);
                    }
                }
                let target = target(place);
                operands.iter().any(|operand| compares(target, operand, op, value))
            }
            Expr::ValuePath { path, filter } => {
                let place = self.place(path);
                let Place::Attribute { attribute, .. } = place else { return false };
                let inner = Self { element: Some(attribute), ..self };
                let values = self.values(place, object);
                values.iter().filter(|value| !value.is_null()).any(|value| match value {
                    Value::Object(members) => inner.holds(filter, members),
                    // A simple value is called `value`.
                    simple => {
                        inner.holds(filter, &Map::from_iter([("value".into(), simple.clone())]))
                    }
                })
            }
        }
    }

    fn place(self, path: &AttrPath) -> Place<'a> {
        fn named<'a>(attributes: &'a [Attribute], name: &str) -> Option<&'a Attribute> {
            attributes
                .iter()
                .find(|known| known.name.as_str().to_lowercase() == name.to_lowercase())
        }
        let name = path.name.as_str();
        if let Some(parent) = self.element {
            // The simple value itself, or a part of a complex one.
            let attribute = named(&parent.sub_attributes, name).unwrap_or(parent);
            return Place::Attribute { container: None, attribute, sub: None };
        }
        let text = path.to_string().to_lowercase();
        let extensions = || self.ty.extensions().iter().map(|extension| &*extension.schema);
        if let Some(whole) = extensions().find(|schema| schema.id.as_str().to_lowercase() == text) {
            return Place::Extension(whole.id.as_str());
        }
        let urn = path.schema.as_ref().map(|urn| urn.as_str().to_lowercase());
        let extension = extensions().find(|schema| Some(schema.id.as_str().to_lowercase()) == urn);
        let attribute = match extension {
            Some(schema) => named(&schema.attributes, name),
            None => common_attribute(name).or_else(|| named(&self.ty.schema().attributes, name)),
        };
        let attribute = attribute.expect("the filter could be bound");
        Place::Attribute {
            container: extension.map(|schema| schema.id.as_str()),
            attribute,
            sub: path
                .sub_attr
                .as_ref()
                .and_then(|sub| named(&attribute.sub_attributes, sub.as_str())),
        }
    }

    /// Of a multi-valued complex attribute, `value` is compared.
    fn implied(self, place: Place<'a>) -> Place<'a> {
        match place {
            Place::Attribute { container, attribute, sub: None } if self.element.is_none() => {
                let sub = attribute.sub_attributes.iter().find(|sub| sub.name.as_str() == "value");
                Place::Attribute { container, attribute, sub }
            }
            place => place,
        }
    }

    /// The values of an attribute or sub-attribute; null for each that is missing.
    fn values(self, place: Place<'_>, object: &Map<String, Value>) -> Vec<Value> {
        let (container, attribute, sub) = match place {
            Place::Extension(urn) => return vec![object.get(urn).cloned().unwrap_or_default()],
            Place::Attribute { container, attribute, sub } => (container, attribute, sub),
        };
        let whole = Value::Object(object.clone());
        let holder = container.map_or(&whole, |urn| &whole[urn]);
        let simple = self.element.is_some_and(|parent| parent.sub_attributes.is_empty());
        let key = if simple { "value" } else { attribute.name.as_str() };
        let mut values = list(&holder[key]);
        if let Some(sub) = sub {
            values = values.iter().flat_map(|value| list(&value[sub.name.as_str()])).collect();
        }
        values
    }

    /// Whether what is missing counts as false: `primary`, in a value that is there.
    fn defaults_to_false(self, place: Place<'_>, object: &Map<String, Value>) -> bool {
        let Place::Attribute { container, attribute, sub } = place else { return false };
        match (self.element, sub) {
            (Some(parent), _) => parent.multi_valued && attribute.name.as_str() == "primary",
            (None, Some(sub)) => {
                let whole = Place::Attribute { container, attribute, sub: None };
                let there = self.values(whole, object).iter().any(|value| !value.is_null());
                there && attribute.multi_valued && sub.name.as_str() == "primary"
            }
            (None, None) => false,
        }
    }
}

/// The elements of an array, or the one value; never none.
fn list(value: &Value) -> Vec<Value> {
    match value {
        Value::Array(elements) if elements.is_empty() => vec![Value::Null],
        Value::Array(elements) => elements.clone(),
        value => vec![value.clone()],
    }
}

fn is_present(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::String(text) => !text.is_empty(),
        Value::Array(values) => values.iter().any(is_present),
        Value::Object(members) => members.values().any(is_present),
        Value::Bool(_) | Value::Number(_) => true,
    }
}

/// The attribute whose type is compared.
fn target(place: Place<'_>) -> &Attribute {
    match place {
        Place::Attribute { attribute, sub, .. } => sub.unwrap_or(attribute),
        Place::Extension(_) => unreachable!("only `pr` applies to an extension"),
    }
}

fn compares(target: &Attribute, operand: &Value, op: CompareOp, literal: &CompareValue) -> bool {
    use AttributeType as T;
    let equal = |equal: bool| equal == (op == CompareOp::Eq);
    match (target.attribute_type, operand, literal) {
        (T::Boolean, Value::Bool(a), CompareValue::Bool(b)) => equal(a == b),
        (T::DateTime, Value::String(a), CompareValue::String(b)) => {
            ordered(op, &instant(a), &instant(b))
        }
        (T::Binary, Value::String(a), CompareValue::String(b)) => equal(bytes(a) == bytes(b)),
        (T::Reference, Value::String(a), CompareValue::String(b))
            if matches!(op, CompareOp::Eq | CompareOp::Ne) =>
        {
            let to_resource =
                !target.reference_types.iter().any(|to| to == "external" || to == "uri");
            equal(match target.name.as_str() {
                _ if to_resource => same_resource(a, b),
                "profileUrl" => plain_url(a) == plain_url(b),
                _ => folded(true, a) == folded(true, b),
            })
        }
        (T::String | T::Reference, Value::String(a), CompareValue::String(b)) => {
            let exact = target.case_exact || target.attribute_type == T::Reference;
            let (a, b) = (folded(exact, a), folded(exact, b));
            match op {
                CompareOp::Co => a.contains(&b),
                CompareOp::Sw => a.starts_with(&b),
                CompareOp::Ew => a.ends_with(&b),
                // UTF-8 is ordered as its code points are.
                op => ordered(op, &a, &b),
            }
        }
        _ => op == CompareOp::Ne,
    }
}

fn ordered<T: Ord>(op: CompareOp, a: &T, b: &T) -> bool {
    match op {
        CompareOp::Eq => a == b,
        CompareOp::Ne => a != b,
        CompareOp::Gt => a > b,
        CompareOp::Ge => a >= b,
        CompareOp::Lt => a < b,
        CompareOp::Le => a <= b,
        CompareOp::Co | CompareOp::Sw | CompareOp::Ew => false,
    }
}

/// Text in the form in which it is compared: composed, and where case does not matter, each code
/// point folded by itself.
pub fn folded(exact: bool, text: &str) -> String {
    let composed: String = text.nfc().collect();
    if exact {
        return composed;
    }
    composed.chars().map(fold).collect::<String>().nfc().collect()
}

/// Case folding from the mappings of std: what has one upper case is one thing, except where
/// CaseFolding.txt says otherwise.
fn fold(c: char) -> String {
    match c {
        // The dotless i is no i.
        'ı' => c.to_string(),
        // Cherokee folds to upper case.
        '\u{13A0}'..='\u{13F5}' => c.to_string(),
        '\u{13F8}'..='\u{13FD}' | '\u{AB70}'..='\u{ABBF}' => c.to_uppercase().collect(),
        c => {
            let lower = c.to_lowercase();
            let upper = lower.flat_map(char::to_uppercase);
            upper.flat_map(char::to_lowercase).collect()
        }
    }
}

/// A dateTime in nanoseconds of the common era, without a look at whether it is one.
fn instant(text: &str) -> i128 {
    let number = |text: &str| text.parse::<i128>().unwrap_or_default();
    let (date, rest) = text.split_once('T').unwrap_or((text, ""));
    let date: Vec<i128> = date.split('-').map(number).collect();
    let (time, zone) = match rest.find(['Z', '+', '-']) {
        Some(at) => rest.split_at(at),
        None => (rest, "Z"),
    };
    let (time, fraction) = time.split_once('.').unwrap_or((time, "0"));
    let time: Vec<i128> = time.split(':').map(number).collect();
    let nanos = number(&format!("{fraction:0<9}").chars().take(9).collect::<String>());
    let (seconds, nanos) = if time[2] == 60 { (59, 999_999_999) } else { (time[2], nanos) };
    let east = match zone.split_at(1) {
        ("Z", _) => 0,
        (sign, zone) => {
            let minutes: Vec<i128> = zone.split(':').map(number).collect();
            (minutes[0] * 60 + minutes[1]) * if sign == "-" { -1 } else { 1 }
        }
    };
    let is_leap = |year: i128| year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let months =
        [31, if is_leap(date[0]) { 29 } else { 28 }, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
    let years: i128 = (1..date[0]).map(|year| if is_leap(year) { 366 } else { 365 }).sum();
    let month = usize::try_from(date[1] - 1).unwrap_or_default();
    let days = years + months[..month].iter().sum::<i128>() + date[2];
    (((days * 24 + time[0]) * 60 + time[1] - east) * 60 + seconds) * 1_000_000_000 + nanos
}

/// What base64 in either alphabet stands for.
fn bytes(text: &str) -> Vec<u8> {
    const DIGITS: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let bits: Vec<usize> = text
        .replace('-', "+")
        .replace('_', "/")
        .chars()
        .filter_map(|c| DIGITS.find(c))
        .flat_map(|digit| (0..6).rev().map(move |bit| digit >> bit & 1))
        .collect();
    bits.chunks_exact(8)
        .map(|bits| bits.iter().fold(0, |byte, &bit| byte << 1 | bit as u8))
        .collect()
}

/// Whether two references name one resource: a relative one may stand behind any root, and a
/// version of the protocol in the path says nothing.
fn same_resource(a: &str, b: &str) -> bool {
    if a == b {
        return true;
    }
    let parts = |text: &str| -> (Option<String>, Vec<String>) {
        let (root, path) = match text.split_once("://") {
            None => (None, text.to_owned()),
            Some((scheme, rest)) => {
                let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
                (Some(format!("{scheme}://{authority}").to_ascii_lowercase()), path.to_owned())
            }
        };
        let is_version = |part: &str| {
            let mut characters = part.chars();
            characters.next() == Some('v')
                && characters.next().is_some_and(|c| c.is_ascii_digit())
                && characters.all(|c| c.is_ascii_digit() || c == '.')
        };
        let parts = path.split('/').filter(|part| !["", ".", ".."].contains(part));
        (root, parts.filter(|part| !is_version(part)).map(str::to_owned).collect())
    };
    match (parts(a), parts(b)) {
        ((Some(a), a_path), (Some(b), b_path)) => a == b && a_path == b_path,
        ((None, a_path), (None, b_path)) => a_path == b_path,
        ((Some(_), whole), (None, part)) | ((None, part), (Some(_), whole)) => {
            part.len() >= 2 && whole.ends_with(&part)
        }
    }
}

/// A URL as the URL standard writes it, percent escapes in upper case; anything else as it is.
fn plain_url(text: &str) -> String {
    let Some(url) = url::Url::parse(text).ok().filter(url::Url::has_host) else {
        return text.to_owned();
    };
    let mut plain = String::new();
    let mut escape = 0;
    for c in url.as_str().chars() {
        plain.push(if escape > 0 { c.to_ascii_uppercase() } else { c });
        escape = if c == '%' {
            2
        } else if escape > 0 {
            escape - 1
        } else {
            0
        };
    }
    plain
}
