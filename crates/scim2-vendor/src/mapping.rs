//! Attribute mapping tables: which attribute of a source becomes which attribute of a target.
//!
//! The shape is that of Entra ID's mapping page
//! (<https://learn.microsoft.com/en-us/entra/identity/app-provisioning/customize-application-attributes>).
//! This module holds the rows; applying them is the business of `scim2-sync`.

use serde_json::Value;

/// One row of a mapping table.
///
/// ```
/// use scim2_vendor::mapping::{AttributeMapping, MappingSource};
/// let row = AttributeMapping::direct("surname", "name.familyName");
/// assert_eq!(row.source, MappingSource::Attribute("surname".into()));
/// let row = AttributeMapping::direct("userPrincipalName", "userName").matched_first();
/// assert_eq!(row.matching, Some(1));
/// ```
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct AttributeMapping {
    /// Where the value comes from.
    pub source: MappingSource,
    /// The SCIM path of the target attribute: `userName`, `name.familyName`,
    /// `emails[type eq "work"].value`, or a path that begins with an extension's URN.
    pub target: String,
    /// When the value is written.
    pub apply: Apply,
    /// The precedence with which objects are matched by this attribute, counting from 1; none if
    /// they are not.
    pub matching: Option<u8>,
    /// What is written when an object is created whose source has no value.
    pub default: Option<Value>,
}

/// Where a mapped value comes from.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum MappingSource {
    /// An attribute of the source, taken as it is. A target that refers to other resources
    /// (`manager`, `members`) gets their ids in the target.
    Attribute(String),
    /// The same value for every object.
    Constant(Value),
    /// Whether the account should be usable: false when it is disabled, deleted, out of scope or
    /// no longer assigned. Entra ID's name for the opposite is `IsSoftDeleted`.
    AccountState,
}

/// When a mapped value is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "the choice on the mapping page is between these two")]
pub enum Apply {
    /// When an object is created and whenever its source changes.
    #[default]
    Always,
    /// When an object is created.
    OnCreate,
}

impl AttributeMapping {
    /// A row that is applied always and matches nothing.
    #[must_use]
    pub fn new(source: MappingSource, target: impl Into<String>) -> Self {
        Self { source, target: target.into(), apply: Apply::Always, matching: None, default: None }
    }

    /// A value taken over as it is.
    #[must_use]
    pub fn direct(source: impl Into<String>, target: impl Into<String>) -> Self {
        Self::new(MappingSource::Attribute(source.into()), target)
    }

    /// The same value for every object.
    #[must_use]
    pub fn constant(value: impl Into<Value>, target: impl Into<String>) -> Self {
        Self::new(MappingSource::Constant(value.into()), target)
    }

    /// The same row, and objects are matched by it before any other.
    #[must_use]
    pub fn matched_first(self) -> Self {
        Self { matching: Some(1), ..self }
    }

    /// The same row, written only when an object is created.
    #[must_use]
    pub fn on_create(self) -> Self {
        Self { apply: Apply::OnCreate, ..self }
    }

    /// The same row with a value for objects whose source has none.
    #[must_use]
    pub fn with_default(self, value: impl Into<Value>) -> Self {
        Self { default: Some(value.into()), ..self }
    }

    /// Whether the row takes its value from this attribute of the source, in any case.
    #[must_use]
    pub fn reads(&self, attribute: &str) -> bool {
        matches!(&self.source, MappingSource::Attribute(name) if name.eq_ignore_ascii_case(attribute))
    }
}
