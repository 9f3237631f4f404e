//! Cursors (RFC 9865): a place in a query's results that needs no memory on the server.
//!
//! A cursor is the store's position, bound to the query it came from, dated, signed and encrypted:
//! `version, tag, (time of issue, count, hash of the query, position)`, as URL-safe base64. The tag
//! is HMAC-SHA-256 over what is in parentheses, cut to 16 bytes (ruling Q24); what is in parentheses
//! is encrypted with HMAC-SHA-256 of tag and counter as key stream. Positions in sorted results hold
//! the value that they were sorted by, and cursors stand in URLs, which proxies and logs see: so
//! nobody reads them there (RFC 7644 §7.5.2).

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, Utc};
use hmac::{Hmac, Mac};
use scim2_core::{Error, ScimType};
use sha2::{Digest, Sha256};

use crate::scope::Scope;
use crate::store::Position;

const VERSION: u8 = 2;
const BINDING_LEN: usize = 16;
const TAG_LEN: usize = 16;
/// What one HMAC-SHA-256 gives.
const BLOCK_LEN: usize = 32;

/// The largest cursor that is looked at, in bytes of text.
pub(crate) const MAX_CURSOR: usize = 8 * 1024;

/// Signs, encrypts and checks cursors.
pub(crate) struct CursorKey {
    /// Keyed for tags, and for the key stream: two keys that are made of one.
    tags: Hmac<Sha256>,
    stream: Hmac<Sha256>,
    timeout: Option<Duration>,
    count_may_change: bool,
}

impl CursorKey {
    pub(crate) fn new(key: [u8; 32], timeout: Option<Duration>, count_may_change: bool) -> Self {
        let derived = |purpose: &[u8]| {
            let mut mac = keyed(&key);
            mac.update(purpose);
            keyed(&mac.finalize().into_bytes())
        };
        let (tags, stream) = (derived(b"scim2 cursor tag"), derived(b"scim2 cursor stream"));
        Self { tags, stream, timeout, count_may_change }
    }

    /// The text of a cursor to this position.
    pub(crate) fn issue(
        &self,
        position: &Position,
        binding: &Binding,
        count: u64,
        now: DateTime<Utc>,
    ) -> String {
        let mut bytes = Vec::new();
        bytes.extend(now.timestamp_millis().to_be_bytes());
        bytes.extend(count.to_be_bytes());
        bytes.extend(binding.0);
        bytes.extend(position.as_bytes());
        let tag = self.tag(&bytes);
        self.crypt(&tag, &mut bytes);
        let mut cursor = vec![VERSION];
        cursor.extend(tag);
        cursor.extend(bytes);
        URL_SAFE_NO_PAD.encode(cursor)
    }

    /// The position that a cursor stands for.
    ///
    /// # Errors
    /// `invalidCursor`, in the same words whatever is wrong with it; `expiredCursor` when it is
    /// ours but too old; `invalidCount` when only the count is not that of the first page (Q25).
    pub(crate) fn open(
        &self,
        cursor: &str,
        binding: &Binding,
        count: u64,
        now: DateTime<Utc>,
    ) -> Result<Position, Error> {
        let bytes = self.checked(cursor).ok_or_else(invalid_cursor)?;
        let (issued, rest) = split_i64(&bytes).ok_or_else(invalid_cursor)?;
        let (first_count, rest) = split_i64(rest).ok_or_else(invalid_cursor)?;
        let (bound, position) = rest.split_at_checked(BINDING_LEN).ok_or_else(invalid_cursor)?;
        if bound != binding.0 {
            return Err(invalid_cursor());
        }
        if let Some(timeout) = self.timeout {
            let age = now.timestamp_millis().saturating_sub(issued);
            if u128::try_from(age).is_ok_and(|age| age > timeout.as_millis()) {
                return Err(Error::bad_request(ScimType::ExpiredCursor)
                    .detail("the cursor is too old, begin with an empty one"));
            }
        }
        if !self.count_may_change && first_count.cast_unsigned() != count {
            return Err(Error::bad_request(ScimType::InvalidCount)
                .detail("`count` must be the same for every page of a cursor"));
        }
        Ok(Position::new(position))
    }

    /// What was signed, if the tag is right.
    fn checked(&self, cursor: &str) -> Option<Vec<u8>> {
        if cursor.len() > MAX_CURSOR {
            return None;
        }
        let bytes = URL_SAFE_NO_PAD.decode(cursor).ok()?;
        let (&VERSION, rest) = bytes.split_first()? else { return None };
        let (tag, rest) = rest.split_at_checked(TAG_LEN)?;
        let mut rest = rest.to_vec();
        self.crypt(tag, &mut rest);
        let mut mac = self.tags.clone();
        mac.update(&rest);
        mac.verify_truncated_left(tag).ok()?;
        Some(rest)
    }

    fn tag(&self, bytes: &[u8]) -> Vec<u8> {
        let mut mac = self.tags.clone();
        mac.update(bytes);
        mac.finalize().into_bytes().into_iter().take(TAG_LEN).collect()
    }

    /// Encrypts, or decrypts: the key stream depends on the tag, which is another one for anything
    /// else that is encrypted, so that no part of the stream is used twice.
    fn crypt(&self, tag: &[u8], bytes: &mut [u8]) {
        for (counter, block) in (0_u64..).zip(bytes.chunks_mut(BLOCK_LEN)) {
            let mut mac = self.stream.clone();
            mac.update(tag);
            mac.update(&counter.to_be_bytes());
            for (byte, key) in block.iter_mut().zip(mac.finalize().into_bytes()) {
                *byte ^= key;
            }
        }
    }
}

fn keyed(key: &[u8]) -> Hmac<Sha256> {
    #[expect(clippy::expect_used, reason = "HMAC takes keys of any length")]
    Hmac::new_from_slice(key).expect("a key of 32 bytes")
}

pub(crate) fn invalid_cursor() -> Error {
    Error::bad_request(ScimType::InvalidCursor)
        .detail("the cursor is not one of this query, begin with an empty one")
}

fn split_i64(bytes: &[u8]) -> Option<(i64, &[u8])> {
    let (head, rest) = bytes.split_first_chunk::<8>()?;
    Some((i64::from_be_bytes(*head), rest))
}

/// What a cursor belongs to: tenant, domain, endpoint, filter and order.
pub(crate) struct Binding([u8; BINDING_LEN]);

impl Binding {
    pub(crate) fn new(scope: &Scope, endpoint: &str, filter: Option<&str>, sort: &str) -> Self {
        let mut hasher = Sha256::new();
        let mut part = |text: Option<&str>| {
            // Length before text, so that no two lists of parts hash alike.
            let length = text.map_or(u64::MAX, |text| text.len() as u64);
            hasher.update(length.to_be_bytes());
            hasher.update(text.unwrap_or_default());
        };
        part(Some(scope.tenant.as_str()));
        part(scope.domain.as_ref().map(|domain| domain.as_str()));
        part(Some(endpoint));
        part(filter);
        part(Some(sort));
        let digest = hasher.finalize();
        let mut binding = [0; BINDING_LEN];
        for (to, from) in binding.iter_mut().zip(digest) {
            *to = from;
        }
        Self(binding)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scope::TenantId;

    fn key() -> CursorKey {
        CursorKey::new([7; 32], Some(Duration::from_secs(60)), false)
    }

    fn binding(filter: &str) -> Binding {
        let scope = Scope::tenant(TenantId::new("t").unwrap());
        Binding::new(&scope, "/Users", Some(filter), "")
    }

    fn at(seconds: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(1_800_000_000 + seconds, 0).unwrap()
    }

    #[test]
    fn a_cursor_opens_to_its_position() {
        let position = Position::new(*b"here");
        let cursor = key().issue(&position, &binding("a pr"), 10, at(0));
        assert_eq!(key().open(&cursor, &binding("a pr"), 10, at(59)).unwrap(), position);
    }

    #[test]
    fn nobody_reads_a_position_in_a_cursor() {
        let position =
            Position::new(*b"a position that is longer than one block of the key stream");
        let issue = |at| key().issue(&position, &binding("a pr"), 10, at);
        let (one, two) = (issue(at(0)), issue(at(1)));
        let read = |cursor: &str| URL_SAFE_NO_PAD.decode(cursor).unwrap();
        for cursor in [&one, &two] {
            let shown = read(cursor);
            assert!(
                !shown.windows(4).any(|part| position.as_bytes().windows(4).any(|p| p == part))
            );
        }
        // Nothing of the key stream is used twice.
        let differs = read(&one).into_iter().zip(read(&two)).filter(|(a, b)| a != b).count();
        assert!(differs > position.as_bytes().len(), "{differs}");
    }

    #[test]
    fn r98_5_2_04_every_changed_character_is_an_invalid_cursor() {
        let cursor = key().issue(&Position::new(*b"here"), &binding("a pr"), 10, at(0));
        for i in 0..cursor.len() {
            let mut forged = cursor.clone().into_bytes();
            forged[i] = if forged[i] == b'A' { b'B' } else { b'A' };
            let forged = String::from_utf8(forged).unwrap();
            let error = key().open(&forged, &binding("a pr"), 10, at(0)).unwrap_err();
            assert_eq!(error, invalid_cursor(), "at {i}");
        }
        for i in 0..cursor.len() {
            let error =
                key().open(cursor.get(..i).unwrap(), &binding("a pr"), 10, at(0)).unwrap_err();
            assert_eq!(error, invalid_cursor(), "cut at {i}");
        }
    }

    #[test]
    fn q24_a_cursor_of_another_query_is_invalid_and_an_old_one_expired() {
        let cursor = key().issue(&Position::new(*b"here"), &binding("a pr"), 10, at(0));
        let error = key().open(&cursor, &binding("b pr"), 10, at(0)).unwrap_err();
        assert_eq!(error, invalid_cursor());
        let error = key().open(&cursor, &binding("a pr"), 10, at(61)).unwrap_err();
        assert_eq!(error.scim_type(), Some(&ScimType::ExpiredCursor));
    }

    #[test]
    fn q25_another_count_is_invalid_unless_it_may_change() {
        let position = Position::new(*b"here");
        let cursor = key().issue(&position, &binding("a pr"), 10, at(0));
        let error = key().open(&cursor, &binding("a pr"), 9, at(0)).unwrap_err();
        assert_eq!(error.scim_type(), Some(&ScimType::InvalidCount));
        let tolerant = CursorKey::new([7; 32], Some(Duration::from_secs(60)), true);
        assert_eq!(tolerant.open(&cursor, &binding("a pr"), 9, at(0)).unwrap(), position);
    }
}
