//! The value of one attribute.

use std::borrow::Cow;
use std::fmt;
use std::ptr;

use serde::Deserializer;
use serde::de::{DeserializeSeed, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

use super::duplicates::collapse_duplicates;
use super::{Object, Path, Reader, Step, is_unassigned};
use crate::catalog::common_attribute;
use crate::json::{self, Strict};
use crate::key::comparison_key;
use crate::percent::decode_segment;
use crate::policy::{CanonicalValues, Policy};
use crate::schema::{Attribute, AttributeType, Mutability};
use crate::value::{
    decode_binary, encode_base64url, encode_binary, is_der_sequence, is_standard_base64,
    is_uri_reference, parse_date_time,
};
use crate::violation::Problem;

/// Reads the value of an attribute; none if it is unassigned, or wrong and reported.
#[derive(Clone, Copy)]
pub(super) struct ValueSeed<'a> {
    pub(super) reader: &'a Reader<'a>,
    pub(super) attribute: &'a Attribute,
    pub(super) path: &'a Path<'a>,
    /// Whether this is one element of a multi-valued attribute.
    pub(super) single: bool,
}

impl<'de> DeserializeSeed<'de> for ValueSeed<'_> {
    type Value = Option<Value>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        self.reader.budget.take()?;
        if self.attribute.mutability != Mutability::ReadOnly {
            return deserializer.deserialize_any(self);
        }
        // What only the service provider writes is ignored in a client's hand, even if it is
        // malformed (rulings W06 and W27).
        let mark = self.reader.violations.borrow().mark();
        let value = deserializer.deserialize_any(self)?;
        Ok(if self.reader.violations.borrow_mut().rewind(mark) { None } else { value })
    }
}

impl ValueSeed<'_> {
    fn is_array(&self) -> bool {
        self.attribute.multi_valued && !self.single
    }

    /// One element, or one element alone for a multi-valued attribute (ruling P16).
    fn done(&self, value: Option<Value>, found: &'static str) -> Option<Value> {
        match value {
            Some(_) if self.is_array() && !self.reader.wraps_single_values() => self.wrong(found),
            Some(value) if self.is_array() => Some(Value::Array(vec![value])),
            value => value,
        }
    }

    fn wrong(&self, found: &'static str) -> Option<Value> {
        let expected = match (self.attribute.attribute_type, self.is_array()) {
            (AttributeType::String, false) => "a string",
            (AttributeType::String, true) => "an array of strings",
            (AttributeType::Boolean, false) => "a boolean",
            (AttributeType::Boolean, true) => "an array of booleans",
            (AttributeType::Decimal, false) => "a number",
            (AttributeType::Decimal, true) => "an array of numbers",
            (AttributeType::Integer, false) => "a whole number",
            (AttributeType::Integer, true) => "an array of whole numbers",
            (AttributeType::DateTime, false) => "a dateTime string",
            (AttributeType::DateTime, true) => "an array of dateTime strings",
            (AttributeType::Binary, false) => "a base64 string",
            (AttributeType::Binary, true) => "an array of base64 strings",
            (AttributeType::Reference, false) => "a URI string",
            (AttributeType::Reference, true) => "an array of URI strings",
            (AttributeType::Complex, false) => "an object",
            (AttributeType::Complex, true) => "an array of objects",
        };
        self.reader.report(self.path, Problem::WrongType { expected, found });
        None
    }

    fn malformed(&self, expected: &'static str) -> Option<Value> {
        self.reader.report(self.path, Problem::Malformed { expected });
        None
    }

    fn text(&self, text: Cow<'_, str>) -> Option<Value> {
        use AttributeType as T;
        let policy = self.reader.policy;
        match self.attribute.attribute_type {
            T::String => match &self.attribute.canonical {
                Some(canonical) if !text.is_empty() => match canonical.form(&text) {
                    Some(form) => self.string(Cow::Owned(form)),
                    None => self.malformed(canonical.expected()),
                },
                _ => self.string(text),
            },
            // Entra ID clears an attribute with an empty string.
            T::Boolean | T::Integer | T::Decimal | T::DateTime | T::Binary
                if text.is_empty() && policy.values.coerce_scalars =>
            {
                None
            }
            T::Boolean if policy.values.coerce_scalars && text.eq_ignore_ascii_case("true") => {
                Some(Value::Bool(true))
            }
            T::Boolean if policy.values.coerce_scalars && text.eq_ignore_ascii_case("false") => {
                Some(Value::Bool(false))
            }
            T::Integer | T::Decimal if policy.values.coerce_scalars => {
                match serde_json::from_str::<Number>(&text) {
                    Ok(number) => self.number(number),
                    Err(_) => self.wrong("a string"),
                }
            }
            T::Boolean | T::Integer | T::Decimal => self.wrong("a string"),
            T::DateTime => match parse_date_time(&text, &policy.datetime) {
                // The lexical form is the client's own (ruling W16).
                Some(_) => Some(text.into()),
                None => {
                    self.malformed("a dateTime with date and time, such as `2008-01-23T04:56:22Z`")
                }
            },
            T::Binary => self.binary(text),
            T::Reference => {
                if policy.uri_lenient || is_uri_reference(&text) {
                    Some(text.into())
                } else {
                    self.malformed("a URI or a relative reference")
                }
            }
            T::Complex => match self.attribute.value_sub_attribute() {
                Some(_) if policy.values.string_as_complex_value && text.is_empty() => None,
                Some(value) if policy.values.string_as_complex_value => {
                    let path = self.path.name(value.name.as_str());
                    let inner = ValueSeed { attribute: value, path: &path, ..*self };
                    let inner = inner.text(text)?;
                    let name = value.name.as_str().to_owned();
                    Some(Value::Object(Map::from_iter([(name, inner)])))
                }
                _ => self.wrong("a string"),
            },
        }
    }

    /// Ruling W18.
    fn binary(&self, text: Cow<'_, str>) -> Option<Value> {
        let Self { reader, attribute, .. } = *self;
        let is_certificate = reader.policy.certificate_strict
            && reader.is_user_attribute(attribute, "x509Certificates", Some("value"));
        if is_standard_base64(&text) && !is_certificate && !attribute.base64url {
            return Some(text.into());
        }
        match decode_binary(&text, reader.policy) {
            // White space alone is as good as an empty string.
            Some(bytes) if bytes.is_empty() && reader.policy.values.coerce_scalars => None,
            Some(bytes) if is_certificate && !is_der_sequence(&bytes) => {
                self.malformed("the base64 of one DER certificate")
            }
            Some(bytes) if attribute.base64url => Some(encode_base64url(&bytes).into()),
            Some(bytes) => Some(encode_binary(&bytes).into()),
            None => self.malformed("base64"),
        }
    }

    fn string(&self, text: Cow<'_, str>) -> Option<Value> {
        let Self { reader, attribute, .. } = *self;
        let policy = reader.policy;
        let is = |name, sub_attr| reader.is_user_attribute(attribute, name, sub_attr);
        if text.is_empty()
            && common_attribute("externalId").is_some_and(|found| ptr::eq(found, attribute))
        {
            // Ruling W13.
            return None;
        }
        if attribute.name == "locale" && is("locale", None) && !is_locale(&text, policy) {
            return self.malformed("a language tag such as `en-US`");
        }
        if attribute.name == "userName" && is("userName", None) && text.chars().any(is_invisible) {
            return self.malformed("text without control and invisible characters");
        }
        if attribute.name == "password" && is("password", None) && text.is_empty() {
            // RFC 8265 §4.1: who could sign in with it?
            return self.malformed("text that is not empty");
        }
        if policy.country_strict && is("addresses", Some("country")) && !is_country(&text) {
            return self.malformed("a country code of two letters, such as `US`");
        }
        if policy.canonical_values == CanonicalValues::Reject
            && !attribute.canonical_values.is_empty()
        {
            let key = comparison_key(false, &text);
            if !attribute.canonical_values.iter().any(|value| comparison_key(false, value) == key) {
                let allowed = attribute.canonical_values.clone();
                reader.report(self.path, Problem::NotCanonical { allowed });
                return None;
            }
        }
        Some(Value::String(text.into_owned()))
    }

    fn number(&self, number: Number) -> Option<Value> {
        match self.attribute.attribute_type {
            AttributeType::Decimal => Some(number.into()),
            AttributeType::Integer if !number.is_f64() => Some(number.into()),
            AttributeType::Integer => {
                match number.as_f64().and_then(whole) {
                    // Ruling W17.
                    Some(whole) if self.reader.policy.values.coerce_scalars => Some(whole.into()),
                    _ => self.malformed(WHOLE),
                }
            }
            _ => self.wrong("a number"),
        }
    }

    /// Makes `value` and `$ref` of a reference to a SCIM resource agree (ruling W19).
    fn reference(&self, map: &mut Map<String, Value>) {
        let Some((value, reference)) = self.attribute.reference_parts() else { return };
        if self.attribute.mutability == Mutability::ReadOnly {
            return;
        }
        let (value, reference) = (value.name.as_str(), reference.name.as_str());
        // No resource has an empty id. Entra ID clears a manager with `{"value": ""}`.
        if map.get(value).and_then(Value::as_str) == Some("") {
            map.remove(value);
        }
        let Some(uri) = map.get(reference).and_then(Value::as_str) else { return };
        let id = id_of_uri(uri);
        match map.get(value).and_then(Value::as_str) {
            // The examples of RFC 7644 §3.5.2 shorten ids by three dots, in two ways. No service
            // provider gives out such an id.
            Some(value) if value != id && !value.contains("...") && !id.contains("...") => {
                self.reader.report(self.path, Problem::ReferenceMismatch);
            }
            None if !id.is_empty() => {
                let id = Value::from(id.into_owned());
                map.insert(value.to_owned(), id);
            }
            _ => {}
        }
        if !self.reader.resource_type.is_open() {
            // The service provider computes it.
            map.remove(reference);
        }
    }
}

/// The id that a reference to a SCIM resource ends with: a segment of a path, decoded as the
/// service provider encoded it.
pub(crate) fn id_of_uri(uri: &str) -> Cow<'_, str> {
    let path = uri.split(['?', '#']).next().unwrap_or(uri).trim_end_matches('/');
    let segment = path.rsplit('/').next().unwrap_or(path);
    decode_segment(segment).unwrap_or(Cow::Borrowed(segment))
}

impl<'de> Visitor<'de> for ValueSeed<'_> {
    type Value = Option<Value>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a value of `{}`", self.attribute.name)
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Self::Value, E> {
        Ok(match self.attribute.attribute_type {
            AttributeType::Boolean => self.done(Some(value.into()), "a boolean"),
            _ => self.wrong("a boolean"),
        })
    }

    fn visit_i64<E>(self, value: i64) -> Result<Self::Value, E> {
        Ok(self.done(self.number(value.into()), "a number"))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Self::Value, E> {
        Ok(self.done(self.number(value.into()), "a number"))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Self::Value, E> {
        // JSON has no number that is not finite.
        let number = Number::from_f64(value).and_then(|number| self.number(number));
        Ok(self.done(number, "a number"))
    }

    /// A number in a body that no double keeps.
    fn visit_bytes<E>(self, _: &[u8]) -> Result<Self::Value, E> {
        Ok(match self.attribute.attribute_type {
            AttributeType::Decimal => self.malformed(json::EXACT),
            AttributeType::Integer => self.malformed(WHOLE),
            _ => self.wrong("a number"),
        })
    }

    fn visit_str<E>(self, value: &str) -> Result<Self::Value, E> {
        Ok(self.done(self.text(Cow::Borrowed(value)), "a string"))
    }

    fn visit_string<E>(self, value: String) -> Result<Self::Value, E> {
        Ok(self.done(self.text(Cow::Owned(value)), "a string"))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
        let depth = self.path.depth + 1;
        json::check_depth(depth)?;
        if self.is_array() {
            let mut elements = Vec::new();
            for index in 0.. {
                let path = self.path.element(index);
                let seed = ValueSeed { path: &path, single: true, ..self };
                match seq.next_element_seed(seed)? {
                    Some(Some(element)) => elements.push(element),
                    Some(None) => {}
                    None => break,
                }
            }
            collapse_duplicates(self.attribute, &mut elements);
            return Ok(Some(Value::Array(elements)).filter(|elements| !is_unassigned(elements)));
        }
        let rest = Strict::at_depth(&self.reader.budget, depth);
        let unwrap = self.reader.policy.values.unwrap_single_element_array
            && !matches!(self.path.step, Step::Element(_));
        if !unwrap {
            let empty = seq.next_element_seed(rest)?.is_none();
            while seq.next_element_seed(rest)?.is_some() {}
            return Ok(if empty { None } else { self.wrong("an array") });
        }
        // Entra ID sends `"manager": [{"value": "…"}]` (ruling P17).
        let path = self.path.element(0);
        let first = seq.next_element_seed(ValueSeed { path: &path, ..self })?;
        let mut more = false;
        while seq.next_element_seed(rest)?.is_some() {
            more = true;
        }
        Ok(if more { self.wrong("an array of several elements") } else { first.flatten() })
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Self::Value, A::Error> {
        json::check_depth(self.path.depth + 1)?;
        if !self.attribute.is_complex() {
            Strict::at_depth(&self.reader.budget, self.path.depth).map(access)?;
            return Ok(self.wrong("an object"));
        }
        let mut object = Object::new(self.reader, Some(self.path));
        object.read(&self.attribute.sub_attributes, &mut access)?;
        let mut map = object.map;
        self.reference(&mut map);
        Ok(self.done(Some(Value::Object(map)).filter(|map| !is_unassigned(map)), "an object"))
    }
}

/// What an integer must be (ruling W17).
const WHOLE: &str = "a whole number of 64 bits, without fraction and exponent";

fn whole(number: f64) -> Option<i64> {
    /// Beyond 2^53 a double stands for several whole numbers.
    const MAX_EXACT: f64 = 9_007_199_254_740_992.0;
    #[expect(clippy::cast_possible_truncation, reason = "within the range where doubles are exact")]
    (number.fract() == 0.0 && number.abs() <= MAX_EXACT).then_some(number as i64)
}

/// A language tag, as far as white space and the underscore go (RFC 7643 §4.1.1, ruling W37).
/// More is not checked: clients send much that is no tag.
fn is_locale(text: &str, policy: &Policy) -> bool {
    !text.contains(|c: char| c.is_whitespace() || (c == '_' && !policy.locale_underscore))
}

/// Characters that PRECIS keeps out of user names (RFC 7644 §5, RFC 8265 §3.3) and that make two
/// names look like one: controls, and what neither shows nor joins letters.
fn is_invisible(c: char) -> bool {
    c.is_control()
        || matches!(
            c,
            '\u{AD}'
                | '\u{61C}'
                | '\u{200B}'
                | '\u{200E}'..='\u{200F}'
                | '\u{2028}'..='\u{202E}'
                | '\u{2060}'..='\u{206F}'
                | '\u{FEFF}'
                | '\u{E0000}'..='\u{E007F}'
        )
}

fn is_country(text: &str) -> bool {
    text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_alphabetic())
}
