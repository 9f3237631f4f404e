use alloc::{format, string::ToString};
use core::{fmt, str::FromStr};

use crate::{AttrName, Filter, ParseError, SchemaUri, SyntaxPolicy, parse};

/// An attribute as SCIM names it: `userName`, `name.givenName`,
/// `urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager.value` (RFC 7644 §3.10).
///
/// ```abnf
/// attrPath = [URI ":"] ATTRNAME *1subAttr
/// subAttr  = "." ATTRNAME
/// ```
///
/// The last colon ends the URI, and dots before it belong to the URI. Equality ignores ASCII case in all parts.
///
/// ```
/// use scim2_syntax::AttrPath;
/// let path: AttrPath = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager.value".parse()?;
/// assert_eq!(path.schema.unwrap(), "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User");
/// assert_eq!(path.name, "manager");
/// assert_eq!(path.sub_attr.unwrap(), "value");
/// # Ok::<(), scim2_syntax::ParseError>(())
/// ```
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(clippy::exhaustive_structs, reason = "RFC 7644 s3.10 closes the notation")]
pub struct AttrPath {
    /// The schema, when the path is fully qualified.
    pub schema: Option<SchemaUri>,
    /// The attribute.
    pub name: AttrName,
    /// The sub-attribute of a complex attribute.
    pub sub_attr: Option<AttrName>,
}

impl AttrPath {
    /// Parses a path under `policy`. Nothing may stand around it, not even white space.
    ///
    /// # Errors
    /// The first place that is not a path; [`ParseErrorKind::TooLong`](crate::ParseErrorKind::TooLong) past [`SyntaxPolicy::max_len`].
    pub fn parse_with(text: &str, policy: &SyntaxPolicy) -> Result<Self, ParseError> {
        parse::attr_path(text, policy)
    }

    /// The path with a sub-attribute: `emails` and `value` make `emails.value`. Replaces the one that is there.
    #[must_use]
    pub fn with_sub_attr(self, sub_attr: AttrName) -> Self {
        Self { sub_attr: Some(sub_attr), ..self }
    }

    /// The whole path as one URI, when it has a schema: perhaps it names an extension.
    ///
    /// `urn:ietf:params:scim:schemas:extension:enterprise:2.0:User` alone parses as the schema
    /// `urn:…:enterprise:2.0` and the name `User`, for only a list of schemas can tell. Whoever has the list looks
    /// this URI up first; where it is known, the path names the container of that extension.
    ///
    /// ```
    /// # use scim2_syntax::AttrPath;
    /// let uri = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";
    /// assert_eq!(uri.parse::<AttrPath>()?.container_uri().unwrap(), uri);
    /// assert_eq!("userName".parse::<AttrPath>()?.container_uri(), None);
    /// # Ok::<(), scim2_syntax::ParseError>(())
    /// ```
    pub fn container_uri(&self) -> Option<SchemaUri> {
        self.schema.as_ref()?;
        Some(SchemaUri::new_unchecked(&self.to_string()))
    }

    /// The path read with a dot between schema and attribute, when it can be.
    ///
    /// Old provisioning jobs of Entra ID send `urn:…:enterprise:2.0:User.manager`. The text is legal, as
    /// sub-attribute `manager` of an attribute `User`. Under `path.dot_after_urn`, whoever knows the schemas and
    /// finds no such attribute tries this reading: schema `urn:…:enterprise:2.0:User`, name `manager`.
    pub fn dotted_uri(&self) -> Option<Self> {
        let sub_attr = self.sub_attr.clone()?;
        let schema = self.schema.as_ref()?;
        let schema = SchemaUri::new_unchecked(&format!("{schema}:{}", self.name));
        Some(Self { schema: Some(schema), name: sub_attr, sub_attr: None })
    }
}

impl From<AttrName> for AttrPath {
    fn from(name: AttrName) -> Self {
        Self { schema: None, name, sub_attr: None }
    }
}

impl FromStr for AttrPath {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        Self::parse_with(text, &SyntaxPolicy::strict())
    }
}

impl TryFrom<&str> for AttrPath {
    type Error = ParseError;

    fn try_from(text: &str) -> Result<Self, ParseError> {
        text.parse()
    }
}

impl fmt::Display for AttrPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(schema) = &self.schema {
            f.write_str(schema.as_str())?;
            f.write_str(":")?;
        }
        f.write_str(self.name.as_str())?;
        match &self.sub_attr {
            Some(sub_attr) => {
                f.write_str(".")?;
                f.write_str(sub_attr.as_str())
            }
            None => Ok(()),
        }
    }
}

impl fmt::Debug for AttrPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AttrPath({self})")
    }
}

/// The path of a PATCH operation (RFC 7644 §3.5.2, Figure 7).
///
/// ```abnf
/// PATH      = attrPath / valuePath [subAttr]
/// valuePath = attrPath "[" valFilter "]"
/// ```
///
/// Without brackets a sub-attribute is in `attr.sub_attr`; after brackets it is in `sub_attr`.
///
/// ```
/// use scim2_syntax::PatchPath;
/// let path: PatchPath = r#"addresses[type eq "work"].streetAddress"#.parse()?;
/// assert_eq!(path.attr.name, "addresses");
/// assert_eq!(path.filter.unwrap().to_string(), r#"type eq "work""#);
/// assert_eq!(path.sub_attr.unwrap(), "streetAddress");
/// # Ok::<(), scim2_syntax::ParseError>(())
/// ```
#[derive(Clone, PartialEq, Eq, Hash)]
#[expect(clippy::exhaustive_structs, reason = "RFC 7644 s3.5.2, Figure 7, closes the notation")]
pub struct PatchPath {
    /// The attribute, with its sub-attribute when there are no brackets.
    pub attr: AttrPath,
    /// The filter in brackets, which selects elements of a multi-valued attribute.
    pub filter: Option<Filter>,
    /// The sub-attribute after the brackets.
    pub sub_attr: Option<AttrName>,
}

impl PatchPath {
    /// Parses a PATCH path under `policy`. No white space may stand around it.
    ///
    /// # Errors
    /// The first place that is not a path. [`ParseError::in_brackets`] tells a bad filter from a bad path.
    pub fn parse_with(text: &str, policy: &SyntaxPolicy) -> Result<Self, ParseError> {
        parse::patch_path(text, policy)
    }
}

impl From<AttrPath> for PatchPath {
    fn from(attr: AttrPath) -> Self {
        Self { attr, filter: None, sub_attr: None }
    }
}

impl FromStr for PatchPath {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        Self::parse_with(text, &SyntaxPolicy::strict())
    }
}

impl TryFrom<&str> for PatchPath {
    type Error = ParseError;

    fn try_from(text: &str) -> Result<Self, ParseError> {
        text.parse()
    }
}

impl fmt::Display for PatchPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.attr)?;
        if let Some(filter) = &self.filter {
            write!(f, "[{filter}]")?;
        }
        match &self.sub_attr {
            Some(sub_attr) => write!(f, ".{sub_attr}"),
            None => Ok(()),
        }
    }
}

impl fmt::Debug for PatchPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PatchPath")
            .field("attr", &self.attr)
            .field("filter", &self.filter)
            .field("sub_attr", &self.sub_attr)
            .finish()
    }
}
