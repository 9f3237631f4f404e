//! Positions by sort key, for stores that page by "after this key".

use std::cmp::Ordering;

use chrono::DateTime;
use scim2_core::resource::ResourceId;
use scim2_core::sort::{SortKey, SortValue};

use crate::store::Position;

/// A place in sorted results: the last one before it, by sort key and `id`.
///
/// Results that come and go between two pages neither repeat nor hide others.
///
/// ```
/// use scim2_core::sort::SortValue;
/// use scim2_provider::store::SortedPosition;
/// let last = SortedPosition::new(Some(SortValue::Text("bjensen".into())), "2819c223".into());
/// assert_eq!(SortedPosition::decode(&last.encode()), Some(last));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SortedPosition {
    /// What the last result was sorted by.
    pub key: Option<SortValue>,
    /// Its `id`.
    pub id: ResourceId,
}

const UNASSIGNED: u8 = 0;
const FALSE: u8 = 1;
const TRUE: u8 = 2;
const NUMBER: u8 = 3;
const INSTANT: u8 = 4;
const TEXT: u8 = 5;

impl SortedPosition {
    /// The place after a result with this sort key and `id`.
    #[must_use]
    pub fn new(key: Option<SortValue>, id: ResourceId) -> Self {
        Self { key, id }
    }

    /// Where a result with this sort key and `id` is, seen from here: less or equal if it was on
    /// a page before, greater if it is still to come.
    #[must_use]
    pub fn locate(&self, sort: &SortKey, key: &Option<SortValue>, id: &ResourceId) -> Ordering {
        sort.compare_keys(key, &self.key).then_with(|| id.cmp(&self.id))
    }

    /// The place as a store's position.
    #[must_use]
    pub fn encode(&self) -> Position {
        let mut bytes = Vec::new();
        let id = self.id.as_str().as_bytes();
        bytes.extend(u32::try_from(id.len()).unwrap_or(u32::MAX).to_be_bytes());
        bytes.extend(id);
        match &self.key {
            None => bytes.push(UNASSIGNED),
            Some(SortValue::Bool(false)) => bytes.push(FALSE),
            Some(SortValue::Bool(true)) => bytes.push(TRUE),
            Some(SortValue::Number(number)) => {
                bytes.push(NUMBER);
                bytes.extend(number.as_str().as_bytes());
            }
            Some(SortValue::Instant(instant)) => {
                bytes.push(INSTANT);
                bytes.extend(instant.timestamp().to_be_bytes());
                bytes.extend(instant.timestamp_subsec_nanos().to_be_bytes());
            }
            Some(SortValue::Text(text)) => {
                bytes.push(TEXT);
                bytes.extend(text.as_bytes());
            }
            // A kind of sort key that is newer than this code: go by id alone.
            Some(_) => bytes.push(UNASSIGNED),
        }
        Position::new(bytes)
    }

    /// Reads what [`encode`](Self::encode) wrote; none if it is something else.
    #[must_use]
    pub fn decode(position: &Position) -> Option<Self> {
        let (length, rest) = position.as_bytes().split_first_chunk::<4>()?;
        let length = usize::try_from(u32::from_be_bytes(*length)).ok()?;
        let (id, rest) = rest.split_at_checked(length)?;
        let (kind, rest) = rest.split_first()?;
        let text = std::str::from_utf8(rest).ok();
        let key = match (*kind, rest) {
            (UNASSIGNED, []) => None,
            (FALSE, []) => Some(SortValue::Bool(false)),
            (TRUE, []) => Some(SortValue::Bool(true)),
            (NUMBER, _) => Some(SortValue::Number(text?.parse().ok()?)),
            (INSTANT, _) => {
                let (seconds, nanos) = rest.split_first_chunk::<8>()?;
                let nanos = u32::from_be_bytes(nanos.try_into().ok()?);
                let instant = DateTime::from_timestamp(i64::from_be_bytes(*seconds), nanos)?;
                Some(SortValue::Instant(instant))
            }
            (TEXT, _) => Some(SortValue::Text(text?.into())),
            _ => return None,
        };
        Some(Self { key, id: ResourceId::from(std::str::from_utf8(id).ok()?) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_read_back() {
        let keys = [
            None,
            Some(SortValue::Bool(false)),
            Some(SortValue::Bool(true)),
            Some(SortValue::Number("-1.50e3".parse().unwrap())),
            Some(SortValue::Instant(DateTime::from_timestamp(-1, 999_999_999).unwrap())),
            Some(SortValue::Text("straße \u{0}".into())),
        ];
        for key in keys {
            let position = SortedPosition::new(key, "é/1".into());
            assert_eq!(SortedPosition::decode(&position.encode()), Some(position));
        }
        for bytes in [&b""[..], b"\0\0\0\x09id\0", b"\0\0\0\x01i", b"\0\0\0\x01i\x09"] {
            assert_eq!(SortedPosition::decode(&Position::new(bytes)), None);
        }
    }
}
