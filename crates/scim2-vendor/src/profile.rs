//! A target's limits as data, and the checks that follow from them.
//!
//! A service provider says in its documentation what it takes, and answers a request beyond that
//! with an error that often names nothing. A [`TargetProfile`] lets a client find the fault before
//! it sends, and say what to do about it.

use std::fmt;

mod check;
mod query;

/// What one product takes.
///
/// [`crate::aws::profile`] is one. Empty lists and absent limits mean no restriction, so that a
/// profile of one's own can state only what is known.
///
/// ```
/// use scim2_core::patch_op::PatchOp;
/// use scim2_core::ResourceType;
///
/// let profile = scim2_vendor::aws::profile();
/// let op = PatchOp::new().remove("userName");
/// let violations = profile.check_patch(&ResourceType::user(), &op);
/// assert_eq!(violations[0].attribute, "userName");
/// assert_eq!(violations[0].found, "a remove operation");
/// ```
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct TargetProfile {
    /// The product's name, as messages print it.
    pub name: String,
    /// What it takes of each resource type. A type that is not listed is not restricted.
    pub resources: Vec<ResourceProfile>,
    /// Characters that text must not hold, in attributes that say so.
    pub forbidden_characters: Vec<char>,
    /// How lists are read.
    pub paging: Paging,
    /// The largest page.
    pub page_size: u64,
    /// Whether `attributes` and `excludedAttributes` have an effect.
    pub projection: bool,
    /// Whether lists can be sorted.
    pub sort: bool,
    /// How many memberships one request may change, adds and removes together; in a create, how
    /// many members it may name.
    pub members_per_request: Option<usize>,
    /// How a group's members can be read back.
    pub members_readable: MembersReadable,
    /// How a user is best updated.
    pub user_update: UserUpdate,
    /// How a group's members are best changed.
    pub group_update: GroupUpdate,
    /// Whether a PATCH operation without path may change several attributes.
    pub pathless_patch: PathlessPatch,
}

/// What a product takes of one resource type.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct ResourceProfile {
    /// The name of the resource type.
    pub resource_type: String,
    /// Paths that must have a value: `userName`, `name.givenName`.
    pub required: Vec<String>,
    /// The attributes that can be written. Those of an extension are listed with its URN and a
    /// colon before the name. Empty means all.
    pub attributes: Vec<AttributeProfile>,
    /// Attributes that only one operation of a PATCH may change, and none may remove.
    pub set_once_per_patch: Vec<String>,
    /// Whether PUT is offered.
    pub put: bool,
    /// The filters that are understood: each a set of attributes, compared by `eq` and joined by
    /// `and`, in any order. Empty means all filters.
    pub filters: Vec<FilterShape>,
}

/// What a product takes of one attribute.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct AttributeProfile {
    /// The attribute, with its extension's URN and a colon before it if it has one.
    pub path: String,
    /// The sub-attributes that can be written. Empty means all.
    pub sub_attributes: Vec<String>,
    /// How many values it may have.
    pub max_values: Option<usize>,
    /// Whether each value must be marked `primary`.
    pub primary: bool,
    /// Whether the profile's forbidden characters are forbidden here.
    pub plain_text: bool,
    /// Whether PATCH can change it.
    pub patch: bool,
}

/// The attributes of one filter that is understood.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FilterShape(Vec<String>);

/// How lists are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Paging {
    /// By `startIndex` and `count`.
    Index,
    /// By cursors, asked for with an empty `cursor` (RFC 9865 §2). Without it there is one page,
    /// and its `totalResults` counts no further.
    Cursor,
}

/// How a group's members can be read back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum MembersReadable {
    /// In the group itself.
    InGroup,
    /// By asking for the users that have the group: `groups.value eq "…"`.
    ByFilter,
    /// Not at all.
    No,
}

/// How a user is best updated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum UserUpdate {
    /// By PUT of the whole resource.
    Put,
    /// By PATCH with one operation for each attribute, each with a path.
    PatchByPath,
}

/// How a group's members are best changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum GroupUpdate {
    /// `add` and `remove` at `members`, each with a list of values.
    ValueLists,
    /// `add` with a list of values, `remove` at `members[value eq "…"]` (RFC 7644 §3.5.2.2).
    ValueFilter,
}

/// What a PATCH operation without path may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum PathlessPatch {
    /// Change any number of attributes (RFC 7644 §3.5.2).
    Any,
    /// Change one attribute. `id` beside it does not count.
    OneAttribute,
}

/// Something that the target will refuse.
///
/// `Display` says it in one line: ``phoneNumbers has 3 values (work, mobile, fax); AWS IAM Identity
/// Center takes 1; drop the mappings of mobile and facsimileTelephoneNumber``. Values of attributes
/// are never printed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{attribute} has {found}; {target} takes {allowed}; {remedy}")]
#[non_exhaustive]
pub struct ProfileViolation {
    /// Which rule is broken.
    pub rule: Rule,
    /// The product's name.
    pub target: String,
    /// The attribute, or the part of a request that is at fault.
    pub attribute: String,
    /// What was found: `3 values (work, mobile, fax)`.
    pub found: String,
    /// What is taken instead: `1`.
    pub allowed: String,
    /// What to do about it.
    pub remedy: String,
}

/// The rules of a profile.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Rule {
    /// An attribute must have a value.
    Required,
    /// An attribute or sub-attribute is not taken.
    Unsupported,
    /// An attribute has too many values.
    TooManyValues,
    /// A value must be marked as primary.
    NotPrimary,
    /// Text holds a forbidden character.
    ForbiddenCharacters,
    /// One request changes too many memberships.
    TooManyMembers,
    /// All members are replaced or removed at once.
    AllMembers,
    /// A PATCH operation without path changes several attributes.
    PathMissing,
    /// PATCH cannot change the attribute, or not in this way.
    Patch,
    /// PUT is not offered.
    Put,
    /// A filter is not understood.
    Filter,
    /// A query parameter is not understood.
    Query,
}

impl TargetProfile {
    /// A target that restricts nothing.
    #[must_use]
    pub fn unrestricted(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            resources: Vec::new(),
            forbidden_characters: Vec::new(),
            paging: Paging::Index,
            page_size: 100,
            projection: true,
            sort: true,
            members_per_request: None,
            members_readable: MembersReadable::InGroup,
            user_update: UserUpdate::PatchByPath,
            group_update: GroupUpdate::ValueFilter,
            pathless_patch: PathlessPatch::Any,
        }
    }

    /// What the target takes of a resource type, if it restricts it.
    #[must_use]
    pub fn resource(&self, resource_type: &str) -> Option<&ResourceProfile> {
        self.resources.iter().find(|known| known.resource_type.eq_ignore_ascii_case(resource_type))
    }
}

impl ResourceProfile {
    /// A resource type without restrictions.
    #[must_use]
    pub fn new(resource_type: impl Into<String>) -> Self {
        Self {
            resource_type: resource_type.into(),
            required: Vec::new(),
            attributes: Vec::new(),
            set_once_per_patch: Vec::new(),
            put: true,
            filters: Vec::new(),
        }
    }

    /// What is taken of an attribute, by its path in any case.
    #[must_use]
    pub fn attribute(&self, path: &str) -> Option<&AttributeProfile> {
        self.attributes.iter().find(|known| known.path.eq_ignore_ascii_case(path))
    }
}

impl AttributeProfile {
    /// An attribute without restrictions.
    #[must_use]
    pub fn new(path: impl Into<String>) -> Self {
        Self {
            path: path.into(),
            sub_attributes: Vec::new(),
            max_values: None,
            primary: false,
            plain_text: false,
            patch: true,
        }
    }

    /// The same attribute, with these sub-attributes only.
    #[must_use]
    pub fn with_sub_attributes(self, names: &[&str]) -> Self {
        Self { sub_attributes: names.iter().map(|&name| name.to_owned()).collect(), ..self }
    }

    /// The same attribute, with at most so many values.
    #[must_use]
    pub fn with_max_values(self, max_values: usize) -> Self {
        Self { max_values: Some(max_values), ..self }
    }

    /// The same attribute, each value of which must be primary.
    #[must_use]
    pub fn with_primary(self) -> Self {
        Self { primary: true, ..self }
    }

    /// The same attribute, without the profile's forbidden characters.
    #[must_use]
    pub fn with_plain_text(self) -> Self {
        Self { plain_text: true, ..self }
    }

    /// The same attribute, which PATCH cannot change.
    #[must_use]
    pub fn without_patch(self) -> Self {
        Self { patch: false, ..self }
    }
}

impl FilterShape {
    /// A filter that compares each of these attributes once.
    #[must_use]
    pub fn new(attributes: &[&str]) -> Self {
        Self(attributes.iter().map(|&name| name.to_owned()).collect())
    }

    /// The attributes that the filter compares.
    pub fn attributes(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(String::as_str)
    }
}

impl fmt::Display for FilterShape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, name) in self.0.iter().enumerate() {
            let joint = if i > 0 { " and " } else { "" };
            write!(f, "{joint}{name} eq …")?;
        }
        Ok(())
    }
}

impl ProfileViolation {
    fn new(
        profile: &TargetProfile,
        rule: Rule,
        attribute: impl Into<String>,
        found: impl Into<String>,
        allowed: impl Into<String>,
        remedy: impl Into<String>,
    ) -> Self {
        Self {
            rule,
            target: profile.name.clone(),
            attribute: attribute.into(),
            found: found.into(),
            allowed: allowed.into(),
            remedy: remedy.into(),
        }
    }
}
