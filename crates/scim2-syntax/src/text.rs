use alloc::string::String;
use core::{borrow::Borrow, fmt, ops::Deref};

use compact_str::CompactString;

/// A string that keeps up to three words (24 bytes on 64-bit machines) in place, and only longer ones on the heap.
///
/// It is what [`CompareValue::String`](crate::CompareValue::String) holds, and reads like a `str`.
///
/// ```
/// use scim2_syntax::SmallStr;
/// let value = SmallStr::from("bjensen");
/// assert!(value.starts_with("bj"));
/// assert_eq!(value, "bjensen");
/// ```
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct SmallStr(CompactString);

impl SmallStr {
    /// The text.
    #[inline]
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }

    pub(crate) const fn from_static(text: &'static str) -> Self {
        Self(CompactString::const_new(text))
    }

    #[inline]
    pub(crate) fn new(text: &str) -> Self {
        Self(CompactString::new(text))
    }
}

impl Deref for SmallStr {
    type Target = str;

    #[inline]
    fn deref(&self) -> &str {
        self.as_str()
    }
}

impl AsRef<str> for SmallStr {
    fn as_ref(&self) -> &str {
        self.as_str()
    }
}

impl Borrow<str> for SmallStr {
    fn borrow(&self) -> &str {
        self.as_str()
    }
}

impl From<&str> for SmallStr {
    fn from(text: &str) -> Self {
        Self::new(text)
    }
}

impl From<String> for SmallStr {
    fn from(text: String) -> Self {
        Self(CompactString::from(text))
    }
}

impl PartialEq<str> for SmallStr {
    fn eq(&self, other: &str) -> bool {
        self.as_str() == other
    }
}

impl PartialEq<&str> for SmallStr {
    fn eq(&self, other: &&str) -> bool {
        self.as_str() == *other
    }
}

impl fmt::Display for SmallStr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self.as_str(), f)
    }
}

impl fmt::Debug for SmallStr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), f)
    }
}
