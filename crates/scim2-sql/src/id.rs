//! Making identifiers.

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
}
