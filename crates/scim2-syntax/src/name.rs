use core::{
    cmp::Ordering,
    fmt,
    hash::{Hash, Hasher},
    str::FromStr,
};

use crate::{ParseError, SmallStr, class, error::ParseErrorKind};

/// The name of an attribute or sub-attribute (RFC 7643 §2.1).
///
/// Names are equal, ordered and hashed without ASCII case, and print as they were written.
///
/// ```abnf
/// ATTRNAME = ( ALPHA / "$" ) *( ALPHA / DIGIT / "-" / "_" / "$" )
/// ```
///
/// RFC 7643 lets `$` stand inside a name but not first, and RFC 7644 not at all; yet both use `$ref`.
/// So `$` may stand anywhere (erratum 8924).
///
/// ```
/// use scim2_syntax::AttrName;
/// let name: AttrName = "userName".parse()?;
/// assert_eq!(name, AttrName::new("USERNAME")?);
/// assert_eq!(name.to_string(), "userName");
/// assert!(AttrName::new("1st").is_err());
/// # Ok::<(), scim2_syntax::ParseError>(())
/// ```
#[derive(Clone)]
pub struct AttrName(SmallStr);

impl AttrName {
    /// Checks and takes a name.
    ///
    /// # Errors
    /// [`ParseErrorKind::ExpectedAttribute`] for an empty text, otherwise
    /// [`ParseErrorKind::InvalidName`] at the first byte that a name cannot have there.
    pub fn new(name: &str) -> Result<Self, ParseError> {
        match bad_byte(name.as_bytes()) {
            None => Ok(Self(SmallStr::new(name))),
            Some(0) if name.is_empty() => {
                Err(ParseError::new(ParseErrorKind::ExpectedAttribute, 0))
            }
            Some(at) => Err(ParseError::new(ParseErrorKind::InvalidName, at)),
        }
    }

    /// A name known when the program is compiled; costs nothing.
    ///
    /// # Panics
    /// When the text is not a name. In a `const` that is an error of the compiler.
    ///
    /// ```
    /// use scim2_syntax::AttrName;
    /// const VALUE: AttrName = AttrName::from_static("value");
    /// assert_eq!(VALUE, "VALUE");
    /// ```
    pub const fn from_static(name: &'static str) -> Self {
        assert!(bad_byte(name.as_bytes()).is_none(), "not an attribute name");
        Self(SmallStr::from_static(name))
    }

    /// The name as written.
    #[inline]
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }

    /// INVARIANT: the caller has checked the bytes of `name`.
    #[inline]
    pub(crate) fn new_unchecked(name: &str) -> Self {
        Self(SmallStr::new(name))
    }
}

/// Where `name` stops being a name; 0 when it is empty.
pub(crate) const fn bad_byte(name: &[u8]) -> Option<usize> {
    let [first, rest @ ..] = name else { return Some(0) };
    if !class::name_start(*first) {
        return Some(0);
    }
    let (mut rest, mut at) = (rest, 1);
    while let [byte, tail @ ..] = rest {
        if !class::name(*byte) {
            return Some(at);
        }
        rest = tail;
        at += 1;
    }
    None
}

impl FromStr for AttrName {
    type Err = ParseError;

    fn from_str(name: &str) -> Result<Self, ParseError> {
        Self::new(name)
    }
}

impl TryFrom<&str> for AttrName {
    type Error = ParseError;

    fn try_from(name: &str) -> Result<Self, ParseError> {
        Self::new(name)
    }
}

impl AsRef<str> for AttrName {
    fn as_ref(&self) -> &str {
        self.as_str()
    }
}

impl fmt::Display for AttrName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl fmt::Debug for AttrName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), f)
    }
}

impl PartialEq for AttrName {
    fn eq(&self, other: &Self) -> bool {
        self.as_str().eq_ignore_ascii_case(other.as_str())
    }
}

impl Eq for AttrName {}

impl PartialEq<str> for AttrName {
    fn eq(&self, other: &str) -> bool {
        self.as_str().eq_ignore_ascii_case(other)
    }
}

impl PartialEq<&str> for AttrName {
    fn eq(&self, other: &&str) -> bool {
        self.as_str().eq_ignore_ascii_case(other)
    }
}

impl PartialOrd for AttrName {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for AttrName {
    fn cmp(&self, other: &Self) -> Ordering {
        cmp_ignore_case(self.as_str(), other.as_str())
    }
}

impl Hash for AttrName {
    fn hash<H: Hasher>(&self, state: &mut H) {
        hash_ignore_case(self.as_str(), state);
    }
}

pub(crate) fn cmp_ignore_case(a: &str, b: &str) -> Ordering {
    a.bytes()
        .map(|byte| byte.to_ascii_lowercase())
        .cmp(b.bytes().map(|byte| byte.to_ascii_lowercase()))
}

pub(crate) fn hash_ignore_case<H: Hasher>(text: &str, state: &mut H) {
    for byte in text.bytes() {
        state.write_u8(byte.to_ascii_lowercase());
    }
    // As `str` does: no name is a prefix of what follows it.
    state.write_u8(0xff);
}
