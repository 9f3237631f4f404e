//! JSON as SCIM needs it read: every name once, bounded in depth and number of values.
//!
//! `serde_json` keeps the last of two equal names and databases keep the first, so that two
//! parts of one system would see two different users. Attribute names are compared without case
//! (RFC 7643 §2.1), so `userName` beside `username` is as bad as `userName` twice, and both are
//! refused. So is a number that could not be kept exactly.

use std::cell::Cell;
use std::collections::HashSet;
use std::fmt;

use serde::Deserializer;
use serde::de::{self, DeserializeSeed, MapAccess, SeqAccess, Visitor};
use serde_json::map::Entry;
use serde_json::{Map, Value};

pub(crate) use self::parser::EXACT;
use self::parser::Parser;
use crate::error::Error;

mod parser;

/// How deep objects and arrays may stand inside each other.
pub const MAX_DEPTH: usize = 32;

/// How many values one body may hold, at all levels together.
pub const MAX_VALUES: usize = 1_000_000;

/// Reads a JSON object.
///
/// A byte order mark is skipped (RFC 8259 §8.1).
///
/// ```
/// use scim2_core::json::parse_object;
/// assert!(parse_object(br#"{"userName": "bjensen"}"#).is_ok());
/// let error = parse_object(br#"{"userName": "bjensen", "username": "admin"}"#).unwrap_err();
/// assert_eq!(error.scim_type().unwrap().as_str(), "invalidSyntax");
/// ```
///
/// # Errors
/// `invalidSyntax` when the bytes are not the UTF-8 text of one JSON object, when an object has a
/// name twice, also in another case, and past [`MAX_DEPTH`] or [`MAX_VALUES`].
pub fn parse_object(bytes: &[u8]) -> Result<Map<String, Value>, Error> {
    let budget = Budget::default();
    from_object(bytes, Strict::new(&budget)).map(|value| match value {
        Value::Object(map) => map,
        _ => Map::new(),
    })
}

/// Runs `seed` over the bytes of one JSON object.
pub(crate) fn from_object<'de, S: DeserializeSeed<'de>>(
    bytes: &'de [u8],
    seed: S,
) -> Result<S::Value, Error> {
    let text = str::from_utf8(bytes)
        .map_err(|error| Error::invalid_syntax(format_args!("the body is not UTF-8: {error}")))?;
    let (start, text) = match text.strip_prefix('\u{feff}') {
        Some(rest) => (text.len() - rest.len(), rest),
        None => (0, text),
    };
    match text.bytes().find(|byte| !byte.is_ascii_whitespace()) {
        Some(b'{') => {}
        Some(_) => return Err(Error::invalid_syntax("the body is not a JSON object")),
        None => return Err(Error::invalid_syntax("the body is empty")),
    }
    let mut parser = Parser::new(text);
    let result = seed.deserialize(&mut parser);
    result.and_then(|value| parser.end().map(|()| value)).map_err(|failure| {
        Error::invalid_syntax(format_args!("{failure}, at byte {}", start + parser.offset()))
    })
}

/// A name that a client wrote, fit to stand in a message: short, and without control characters.
pub(crate) struct Shown<'a>(pub(crate) &'a str);

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const MAX_CHARS: usize = 100;
        let mut chars = self.0.chars();
        for c in chars.by_ref().take(MAX_CHARS) {
            if c.is_control() {
                write!(f, "{}", c.escape_default())?;
            } else {
                fmt::Write::write_char(f, c)?;
            }
        }
        if chars.next().is_some() { f.write_str("…") } else { Ok(()) }
    }
}

/// What is left of [`MAX_VALUES`] for one body.
pub(crate) struct Budget(Cell<usize>);

impl Default for Budget {
    fn default() -> Self {
        Self(Cell::new(MAX_VALUES))
    }
}

impl Budget {
    /// Counts one value.
    pub(crate) fn take<E: de::Error>(&self) -> Result<(), E> {
        match self.0.get().checked_sub(1) {
            Some(left) => {
                self.0.set(left);
                Ok(())
            }
            None => Err(E::custom(format_args!("more than {MAX_VALUES} values"))),
        }
    }
}

/// Checks the depth of a container.
pub(crate) fn check_depth<E: de::Error>(depth: usize) -> Result<(), E> {
    if depth > MAX_DEPTH {
        return Err(E::custom(format_args!("nested deeper than {MAX_DEPTH} levels")));
    }
    Ok(())
}

/// The error for a name that an object has twice.
pub(crate) fn duplicate<E: de::Error>(name: &str) -> E {
    E::custom(format_args!("`{}` occurs twice in one object", Shown(name)))
}

/// Reads any value under the rules of this module.
#[derive(Clone, Copy)]
pub(crate) struct Strict<'a> {
    budget: &'a Budget,
    /// How many containers the value stands in.
    depth: usize,
}

impl<'a> Strict<'a> {
    pub(crate) fn new(budget: &'a Budget) -> Self {
        Self { budget, depth: 0 }
    }

    pub(crate) fn at_depth(budget: &'a Budget, depth: usize) -> Self {
        Self { budget, depth }
    }

    fn inner<E: de::Error>(self) -> Result<Self, E> {
        let depth = self.depth + 1;
        check_depth(depth)?;
        Ok(Self { depth, ..self })
    }

    /// The rest of an array.
    pub(crate) fn seq<'de, A: SeqAccess<'de>>(self, mut seq: A) -> Result<Vec<Value>, A::Error> {
        let inner = self.inner()?;
        let mut values = Vec::new();
        while let Some(value) = seq.next_element_seed(inner)? {
            values.push(value);
        }
        Ok(values)
    }

    /// The rest of an object.
    pub(crate) fn map<'de, A: MapAccess<'de>>(
        self,
        mut access: A,
    ) -> Result<Map<String, Value>, A::Error> {
        let inner = self.inner()?;
        let mut map = Map::new();
        while let Some(name) = access.next_key::<String>()? {
            let value = access.next_value_seed(inner)?;
            match map.entry(name) {
                Entry::Vacant(entry) => entry.insert(value),
                Entry::Occupied(entry) => return Err(duplicate(entry.key())),
            };
        }
        match same_but_for_case(&map) {
            Some(name) => Err(duplicate(name)),
            None => Ok(map),
        }
    }
}

/// A name that a map has once more in another case.
fn same_but_for_case(map: &Map<String, Value>) -> Option<&str> {
    let mixed = |name: &String| name.bytes().any(|byte| byte.is_ascii_uppercase());
    if map.len() < 2 || !map.keys().any(mixed) {
        return None;
    }
    // FNV-1a, which is quicker than to collect the names themselves.
    let hash = |name: &String| {
        name.bytes().fold(0xCBF2_9CE4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(byte.to_ascii_lowercase())).wrapping_mul(0x0000_0100_0000_01B3)
        })
    };
    let mut hashes: Vec<u64> = map.keys().map(hash).collect();
    hashes.sort_unstable();
    if hashes.is_sorted_by(|a, b| a < b) {
        return None;
    }
    let mut seen = HashSet::with_capacity(map.len());
    map.keys().find(|name| !seen.insert(name.to_ascii_lowercase())).map(String::as_str)
}

impl<'de> DeserializeSeed<'de> for Strict<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        self.budget.take()?;
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Strict<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, seq: A) -> Result<Value, A::Error> {
        self.seq(seq).map(Value::Array)
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Value, A::Error> {
        self.map(map).map(Value::Object)
    }
}
