//! Keyed hashes of attribute values.

use std::fmt;

use hmac::{Hmac, Mac};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::Sha256;
use zeroize::Zeroizing;

/// The bytes of a key.
pub(super) const KEY_BYTES: usize = 32;

/// How many bytes of a hash are kept: enough that two values never share them by chance.
const FINGERPRINT_BYTES: usize = 16;

/// A keyed hash of an attribute's path and value. Without the key nothing can be learned from it,
/// not even by trying all telephone numbers.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Fingerprint(Box<str>);

/// The key of one state file.
#[derive(Clone)]
pub(super) struct Key(Zeroizing<[u8; KEY_BYTES]>);

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}

impl Key {
    /// A fresh key.
    pub(super) fn generate() -> Self {
        // Two random UUIDs have 244 random bits; hashing spreads them over the key.
        let mut seed = keyed(b"scim2-sync state key");
        seed.update(uuid::Uuid::new_v4().as_bytes());
        seed.update(uuid::Uuid::new_v4().as_bytes());
        Self(Zeroizing::new(seed.finalize().into_bytes().into()))
    }

    pub(super) fn from_hex(text: &str) -> Option<Self> {
        let text = text.trim();
        if text.len() != KEY_BYTES * 2 {
            return None;
        }
        let mut bytes = Zeroizing::new([0; KEY_BYTES]);
        for (i, byte) in bytes.iter_mut().enumerate() {
            *byte = u8::from_str_radix(text.get(i * 2..i * 2 + 2)?, 16).ok()?;
        }
        Some(Self(bytes))
    }

    pub(super) fn to_hex(&self) -> Zeroizing<String> {
        Zeroizing::new(hex(&*self.0))
    }

    pub(super) fn fingerprint(&self, path: &str, value: &Value) -> Fingerprint {
        let mut text = String::new();
        write_sorted(value, &mut text);
        let hash = self.hash(&[path.as_bytes(), text.as_bytes()]);
        Fingerprint(hex(hash.get(..FINGERPRINT_BYTES).unwrap_or(&hash)).into_boxed_str())
    }

    /// HMAC-SHA-256 over the parts, each preceded by its length.
    pub(super) fn hash(&self, parts: &[&[u8]]) -> [u8; 32] {
        let mut mac = keyed(&*self.0);
        for part in parts {
            mac.update(&(part.len() as u64).to_be_bytes());
            mac.update(part);
        }
        mac.finalize().into_bytes().into()
    }
}

fn keyed(key: &[u8]) -> Hmac<Sha256> {
    #[expect(clippy::expect_used, reason = "HMAC takes keys of any length (RFC 2104 §2)")]
    Hmac::new_from_slice(key).expect("HMAC takes keys of any length")
}

pub(super) fn hex(bytes: &[u8]) -> String {
    use fmt::Write as _;
    let mut text = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        let _ = write!(text, "{byte:02x}");
    }
    text
}

/// JSON with sorted keys, whatever order the map type of this build has. The depth is that of a
/// mapped attribute: at most an array of flat objects.
fn write_sorted(value: &Value, out: &mut String) {
    use fmt::Write as _;
    match value {
        Value::Object(map) => {
            let mut entries: Vec<_> = map.iter().collect();
            entries.sort_by_key(|(key, _)| *key);
            out.push('{');
            for (key, value) in entries {
                let _ = write!(out, "{}:", Value::String(key.clone()));
                write_sorted(value, out);
                out.push(',');
            }
            out.push('}');
        }
        Value::Array(values) => {
            out.push('[');
            for value in values {
                write_sorted(value, out);
                out.push(',');
            }
            out.push(']');
        }
        scalar => {
            let _ = write!(out, "{scalar}");
        }
    }
}
