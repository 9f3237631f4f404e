//! Identifiers: making them, and keeping them small.

use rusqlite::types::{Value, ValueRef};
use scim2_core::key::comparison_key;
use scim2_provider::store::StoreError;
use uuid::Uuid;

/// Makes version-7 UUIDs (RFC 9562 §5.7), each greater than the one before, so that the order of
/// identifiers is the order of creation.
#[derive(Debug)]
pub(crate) struct Generator {
    last: u128,
}

impl Generator {
    /// Goes on after an identifier that there is already.
    pub(crate) fn after(last: Option<&str>) -> Self {
        let last = last.and_then(|text| Uuid::try_parse(text).ok());
        Self { last: last.map_or(0, |uuid| uuid.as_u128()) }
    }

    pub(crate) fn next(&mut self, milliseconds: i64) -> Result<String, StoreError> {
        let mut random = [0; 10];
        getrandom::fill(&mut random).map_err(|_| StoreError::internal("no random numbers"))?;
        let milliseconds = u64::try_from(milliseconds).unwrap_or_default();
        let fresh = uuid::Builder::from_unix_timestamp_millis(milliseconds, &random).into_uuid();
        // In the same millisecond, or when the clock goes back: a random step beyond the last.
        let [a, b, c, d, ..] = random;
        let step = u128::from(u32::from_be_bytes([a, b, c, d])) + 1;
        let next = fresh.as_u128().max(self.last.saturating_add(step));
        // A step that reached the fixed bits is set right; the UUID only grows by that.
        let next = uuid::Builder::from_u128(next | FIXED_BITS).into_uuid();
        self.last = next.as_u128();
        Ok(next.hyphenated().to_string())
    }
}

/// The bits that are set in every version-7 UUID.
const FIXED_BITS: u128 = 0x0000_0000_0000_7000_8000_0000_0000_0000;

/// The form of an identifier under which it is compared: that of an attribute with `caseExact`.
pub(crate) fn to_sql(text: &str) -> Value {
    let key = comparison_key(true, text);
    match canonical_uuid(&key) {
        Some(uuid) => Value::Blob(uuid.into_bytes().to_vec()),
        None => Value::Text(key.into_owned()),
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

    #[test]
    fn identifiers_grow_whatever_the_clock_does() {
        let mut generator = Generator::after(None);
        let mut last = String::new();
        for milliseconds in [5, 5, 5, 1_700_000_000_000, 1_700_000_000_000, 3, -1, i64::MAX] {
            for _ in 0..100 {
                let next = generator.next(milliseconds).unwrap();
                assert!(next > last, "{next} after {last}");
                let uuid = Uuid::try_parse(&next).unwrap();
                assert_eq!(uuid.get_version_num(), 7);
                assert_eq!(uuid.get_variant(), uuid::Variant::RFC4122);
                last = next;
            }
        }
        let next = Generator::after(Some(&last)).next(0).unwrap();
        assert!(next > last);
    }

    #[test]
    fn r43_3_1_08_no_identifier_holds_the_word_bulk_id() {
        // Hexadecimal digits and hyphens cannot spell it.
        let id = Generator::after(None).next(1_700_000_000_000).unwrap();
        assert!(id.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b'-'));
    }

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
