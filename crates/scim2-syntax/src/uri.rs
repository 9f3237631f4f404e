use alloc::sync::Arc;
use core::{
    cmp::Ordering,
    fmt,
    hash::{Hash, Hasher},
    str::FromStr,
};

use crate::{
    ParseError, class,
    error::ParseErrorKind,
    name::{cmp_ignore_case, hash_ignore_case},
};

/// The URI of a schema, such as `urn:ietf:params:scim:schemas:core:2.0:User` (RFC 7643 §1.2, §3.1).
///
/// URIs are equal, ordered and hashed without ASCII case (RFC 7644 §3.10), and print as they were written.
/// Cloning never allocates.
///
/// ```
/// use scim2_syntax::SchemaUri;
/// const USER: SchemaUri = SchemaUri::from_static("urn:ietf:params:scim:schemas:core:2.0:User");
/// assert_eq!(USER, SchemaUri::new("URN:IETF:PARAMS:SCIM:SCHEMAS:CORE:2.0:USER")?);
/// assert!(SchemaUri::new("User").is_err());
/// # Ok::<(), scim2_syntax::ParseError>(())
/// ```
#[derive(Clone)]
pub struct SchemaUri(Repr);

#[derive(Clone)]
enum Repr {
    Static(&'static str),
    Shared(Arc<str>),
}

impl SchemaUri {
    /// Checks and takes a URI: a scheme, a colon, and at least one more character.
    ///
    /// The characters are those of RFC 3986 without parentheses and square brackets, which could not be told
    /// from those of a filter.
    ///
    /// # Errors
    /// [`ParseErrorKind::InvalidSchemaUri`] at the first byte that does not fit.
    pub fn new(uri: impl AsRef<str>) -> Result<Self, ParseError> {
        let uri = uri.as_ref();
        match bad_byte(uri.as_bytes()) {
            None => Ok(Self::new_unchecked(uri)),
            Some(at) => Err(ParseError::new(ParseErrorKind::InvalidSchemaUri, at)),
        }
    }

    /// A URI known when the program is compiled; costs nothing.
    ///
    /// # Panics
    /// When the text is not a URI. In a `const` that is an error of the compiler.
    pub const fn from_static(uri: &'static str) -> Self {
        assert!(bad_byte(uri.as_bytes()).is_none(), "not a schema URI");
        Self(Repr::Static(uri))
    }

    /// The URI as written.
    #[inline]
    pub fn as_str(&self) -> &str {
        match &self.0 {
            Repr::Static(uri) => uri,
            Repr::Shared(uri) => uri,
        }
    }

    /// INVARIANT: the caller has checked the bytes of `uri`.
    pub(crate) fn new_unchecked(uri: &str) -> Self {
        // The schemas of RFC 7643 are in nearly every qualified path: do not allocate for them.
        let known = match uri.len() {
            37 => "urn:ietf:params:scim:schemas:core:2.0",
            42 => "urn:ietf:params:scim:schemas:core:2.0:User",
            43 => "urn:ietf:params:scim:schemas:core:2.0:Group",
            53 => "urn:ietf:params:scim:schemas:extension:enterprise:2.0",
            58 => "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User",
            _ => "",
        };
        Self(if known == uri { Repr::Static(known) } else { Repr::Shared(uri.into()) })
    }
}

/// Where `uri` stops being a URI.
///
/// ```abnf
/// URI = ALPHA *( ALPHA / DIGIT / "+" / "-" / "." ) ":" 1*uri-char
/// ```
pub(crate) const fn bad_byte(uri: &[u8]) -> Option<usize> {
    let [first, rest @ ..] = uri else { return Some(0) };
    if !first.is_ascii_alphabetic() {
        return Some(0);
    }
    let (mut rest, mut at, mut scheme) = (rest, 1, true);
    while let [byte, tail @ ..] = rest {
        let fits = if !scheme {
            class::uri(*byte)
        } else if *byte == b':' {
            scheme = false;
            !tail.is_empty()
        } else {
            byte.is_ascii_alphanumeric() || matches!(*byte, b'+' | b'-' | b'.')
        };
        if !fits {
            return Some(at);
        }
        rest = tail;
        at += 1;
    }
    if scheme { Some(at) } else { None }
}

impl FromStr for SchemaUri {
    type Err = ParseError;

    fn from_str(uri: &str) -> Result<Self, ParseError> {
        Self::new(uri)
    }
}

impl TryFrom<&str> for SchemaUri {
    type Error = ParseError;

    fn try_from(uri: &str) -> Result<Self, ParseError> {
        Self::new(uri)
    }
}

impl AsRef<str> for SchemaUri {
    fn as_ref(&self) -> &str {
        self.as_str()
    }
}

impl fmt::Display for SchemaUri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl fmt::Debug for SchemaUri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), f)
    }
}

impl PartialEq for SchemaUri {
    fn eq(&self, other: &Self) -> bool {
        self.as_str().eq_ignore_ascii_case(other.as_str())
    }
}

impl Eq for SchemaUri {}

impl PartialEq<str> for SchemaUri {
    fn eq(&self, other: &str) -> bool {
        self.as_str().eq_ignore_ascii_case(other)
    }
}

impl PartialEq<&str> for SchemaUri {
    fn eq(&self, other: &&str) -> bool {
        self.as_str().eq_ignore_ascii_case(other)
    }
}

impl PartialOrd for SchemaUri {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for SchemaUri {
    fn cmp(&self, other: &Self) -> Ordering {
        cmp_ignore_case(self.as_str(), other.as_str())
    }
}

impl Hash for SchemaUri {
    fn hash<H: Hasher>(&self, state: &mut H) {
        hash_ignore_case(self.as_str(), state);
    }
}
