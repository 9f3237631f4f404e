//! Resource versions and the conditional headers (RFC 7644 §3.14).

use std::fmt;

/// The version of a stored resource, as it stands in `meta.version` and in the `ETag` header.
///
/// Versions are weak (`W/"…"`), because the same state has many projections (ruling H12).
/// Clients treat them as opaque.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Version(Box<str>);

impl Version {
    /// A version from the store's own counter or hash.
    #[must_use]
    pub fn weak(opaque: impl fmt::Display) -> Self {
        Self(format!("W/\"{opaque}\"").into_boxed_str())
    }

    /// A version as a service provider printed it.
    #[must_use]
    pub fn from_wire(text: &str) -> Self {
        Self(text.trim().into())
    }

    /// The entity tag, `W/` and quotes included.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What [`weak`](Self::weak) was given: the tag without `W/` and quotes.
    ///
    /// ```
    /// use scim2_core::etag::Version;
    /// assert_eq!(Version::weak(7).opaque(), "7");
    /// ```
    #[must_use]
    pub fn opaque(&self) -> &str {
        opaque_part(&self.0)
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What an `If-Match` or `If-None-Match` header lists.
///
/// Comparison is weak for both headers, `*` stands for any version, and tags without quotes are
/// taken as they are, because clients copy `meta.version` by hand (ruling H08).
///
/// ```
/// use scim2_core::etag::{EntityTags, Version};
/// let version = Version::weak(7);
/// assert!(EntityTags::parse("\"6\", W/\"7\"").matches(&version));
/// assert!(EntityTags::parse("*").matches(&version));
/// assert!(!EntityTags::parse("\"8\"").matches(&version));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EntityTags(Listed);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Listed {
    Any,
    Tags(Vec<Box<str>>),
}

impl EntityTags {
    /// Reads a header's value.
    #[must_use]
    pub fn parse(header: &str) -> Self {
        if header.trim() == "*" {
            return Self(Listed::Any);
        }
        Self(Listed::Tags(
            header
                .split(',')
                .map(opaque_part)
                .filter(|tag| !tag.is_empty())
                .map(Box::from)
                .collect(),
        ))
    }

    /// Exactly this version.
    #[must_use]
    pub fn one(version: &Version) -> Self {
        Self(Listed::Tags(vec![opaque_part(version.as_str()).into()]))
    }

    /// Whether the list holds this version.
    #[must_use]
    pub fn matches(&self, version: &Version) -> bool {
        match &self.0 {
            Listed::Any => true,
            Listed::Tags(tags) => tags.iter().any(|tag| **tag == *opaque_part(version.as_str())),
        }
    }
}

/// The text of a tag without `W/` and quotes.
fn opaque_part(tag: &str) -> &str {
    let tag = tag.trim();
    let tag = tag.strip_prefix("W/").or_else(|| tag.strip_prefix("w/")).unwrap_or(tag);
    tag.strip_prefix('"').and_then(|tag| tag.strip_suffix('"')).unwrap_or(tag)
}
