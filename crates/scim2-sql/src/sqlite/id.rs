//! Identifiers, kept small.

use rusqlite::types::{Value, ValueRef};
use scim2_core::key::comparison_key;
use uuid::Uuid;

use crate::sql::Parameter;

/// The form of an identifier under which it is compared: that of an attribute with `caseExact`.
pub(crate) fn to_sql(text: &str) -> Value {
    match parameter(text) {
        Parameter::Bytes(bytes) => Value::Blob(bytes),
        Parameter::Text(text) => Value::Text(text),
        // INVARIANT: an identifier is one of these.
        _ => Value::Null,
    }
}

/// The same, to be bound.
pub(crate) fn parameter(text: &str) -> Parameter {
    let key = comparison_key(true, text);
    match canonical_uuid(&key) {
        Some(uuid) => Parameter::Bytes(uuid.into_bytes().to_vec()),
        None => Parameter::Text(key.into_owned()),
    }
}

pub(crate) fn from_sql(value: ValueRef<'_>) -> Option<String> {
    match value {
        ValueRef::Blob(bytes) => Some(Uuid::from_slice(bytes).ok()?.hyphenated().to_string()),
        ValueRef::Text(text) => std::str::from_utf8(text).ok().map(str::to_owned),
        _ => None,
    }
}

/// A UUID only in the one spelling that [`from_sql`] gives back.
fn canonical_uuid(text: &str) -> Option<Uuid> {
    let canonical = text.len() == 36 && !text.bytes().any(|byte| byte.is_ascii_uppercase());
    if canonical { Uuid::try_parse(text).ok() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::Generator;

    #[test]
    fn every_text_reads_back_as_it_was() {
        for text in [
            "018f2f5e-5c3c-7b2a-9d3e-0123456789ab",
            "018F2F5E-5C3C-7B2A-9D3E-0123456789AB",
            "018f2f5e5c3c7b2a9d3e0123456789ab",
            "{018f2f5e-5c3c-7b2a-9d3e-0123456789ab}",
            "urn:uuid:018f2f5e-5c3c-7b2a-9d3e-0123456789ab",
            "2819c223",
            "",
            "é",
        ] {
            let value = to_sql(text);
            assert_eq!(from_sql(ValueRef::from(&value)).as_deref(), Some(text));
        }
    }

    #[test]
    fn small_identifiers_sort_as_their_text() {
        let mut generator = Generator::after(None);
        let ids: Vec<_> = (0..50).map(|i| generator.next(i * 1000).unwrap()).collect();
        let blobs: Vec<_> = ids
            .iter()
            .map(|id| match to_sql(id) {
                Value::Blob(bytes) => bytes,
                other => panic!("{other:?}"),
            })
            .collect();
        assert!(ids.is_sorted() && blobs.is_sorted());
    }
}
