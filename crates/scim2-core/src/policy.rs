//! Every tolerance, by name.
//!
//! A [`Policy`] says how far a service provider departs from the letter of RFC 7643 and 7644.
//! It is strict by default; each field names one tolerance or one choice that the RFCs leave
//! open. Presets for real products live in `scim2-vendor`. A policy is a value, not a cargo
//! feature: one Entra ID tenant sends two dialects to one endpoint, so it must be possible to
//! decide per request.
//!
//! ```
//! use scim2_core::policy::{Policy, UnknownAttributes};
//! let mut policy = Policy::strict();
//! policy.unknown_attributes = UnknownAttributes::Ignore;
//! assert_ne!(policy, Policy::default());
//! ```
//!
//! What depends on the schema is said of the resource type instead: which attributes have a
//! canonical form ([`ResourceType::with_canonical`](crate::ResourceType::with_canonical)) and
//! whether `externalId` is unique
//! ([`with_unique_external_id`](crate::ResourceType::with_unique_external_id)). What depends on the
//! store or the protocol, such as versions, cursors and references that must lead somewhere, is in
//! the configuration of the service provider (`scim2-provider`).

use scim2_syntax::{AttrPath, SyntaxPolicy};

/// The tolerances and choices of one endpoint.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct Policy {
    /// How the text of filters and paths is read.
    pub syntax: SyntaxPolicy,
    /// What filters mean.
    pub filter: FilterPolicy,
    /// How attribute names in paths and filters find their attribute.
    pub path: PathPolicy,
    /// How PATCH operations are read.
    pub patch: PatchPolicy,
    /// How PUT treats what the body leaves out.
    pub put: PutPolicy,
    /// Which JSON types are accepted for an attribute's value.
    pub values: ValuePolicy,
    /// How the envelope of a message is read.
    pub messages: MessagePolicy,
    /// How the operations of a bulk request are read.
    pub bulk: BulkPolicy,
    /// How `schemas` is read.
    pub schemas: SchemasPolicy,
    /// How `attributes` and `excludedAttributes` are read.
    pub projection: ProjectionPolicy,
    /// Attributes that no schema of the resource type defines (W03, P36).
    pub unknown_attributes: UnknownAttributes,
    /// Values outside `canonicalValues` (W15).
    pub canonical_values: CanonicalValues,
    /// Two elements with `primary` true in one POST or PUT: keep the first (W23).
    pub primary_keep_first: bool,
    /// How dateTime values and literals are read.
    pub datetime: DateTimePolicy,
    /// White space and line breaks inside binary values (W18).
    pub binary_whitespace: bool,
    /// `x509Certificates.value` must be one DER sequence, and no more (W18).
    pub certificate_strict: bool,
    /// Values of reference attributes that are no URI (W20).
    pub uri_lenient: bool,
    /// `addresses.country` must be two letters (W22).
    pub country_strict: bool,
    /// `locale` with an underscore, `en_US` (W37).
    pub locale_underscore: bool,
    /// A new password in PUT or PATCH of an endpoint that cannot change passwords is dropped
    /// instead of refused (W25).
    pub password_ignore: bool,
}

impl Policy {
    /// The letter of the RFCs, with their verified errata. This is the default.
    #[must_use]
    pub fn strict() -> Self {
        Self::default()
    }

    /// Every tolerance that cannot change what a legal request means.
    ///
    /// As in [`strict`](Self::strict) are therefore the choices between two readings of a legal
    /// request: [`FilterPolicy::ne`], [`FilterPolicy::missing_boolean_is_false`],
    /// [`PatchPolicy::selected_replace`], [`PatchPolicy::complex_replace`],
    /// [`PatchPolicy::all_values`] and [`PutPolicy::missing`]; and what may be asked about secrets,
    /// [`FilterPolicy::password_eq`] and [`FilterPolicy::hidden_attributes`], is no tolerance.
    #[must_use]
    pub fn lenient() -> Self {
        Self {
            syntax: SyntaxPolicy::lenient(),
            filter: FilterPolicy {
                unknown_attribute: UnknownFilterAttribute::NoMatch,
                coerce_literals: true,
                complex_value: true,
                empty_is_absent: true,
                ..FilterPolicy::default()
            },
            path: PathPolicy { dot_after_urn: true, unqualified_extension: true },
            patch: PatchPolicy {
                unmatched_filter: UnmatchedFilter::Create,
                remove_value_selects: true,
                value_path_keys: true,
                drop_valueless_elements: true,
                read_only: ReadOnly::Ignore,
                empty_path_is_absent: true,
                ..PatchPolicy::default()
            },
            put: PutPolicy::default(),
            values: ValuePolicy {
                coerce_scalars: true,
                unwrap_single_element_array: true,
                string_as_complex_value: true,
                wrap_single_value: true,
            },
            messages: MessagePolicy { schemas_optional: true, string_lists: true },
            bulk: BulkPolicy { bare_operations: true, post_without_bulk_id: true },
            schemas: SchemasPolicy {
                infer: true,
                ignore_unknown: true,
                ..SchemasPolicy::default()
            },
            projection: ProjectionPolicy { prefer_attributes: true, value_paths: true },
            unknown_attributes: UnknownAttributes::Ignore,
            canonical_values: CanonicalValues::Accept,
            primary_keep_first: true,
            datetime: DateTimePolicy { lenient: true, date_only: true, require_offset: false },
            binary_whitespace: true,
            certificate_strict: false,
            uri_lenient: true,
            country_strict: false,
            locale_underscore: true,
            password_ignore: true,
        }
    }
}

/// What filters mean where the RFC leaves a choice.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct FilterPolicy {
    /// A filter that names an attribute the resource type does not have (F10).
    pub unknown_attribute: UnknownFilterAttribute,
    /// `ne` on a multi-valued attribute (F14).
    pub ne: NotEqual,
    /// A missing boolean compares as false, not only a missing `primary` (F18).
    pub missing_boolean_is_false: bool,
    /// `active eq "True"`, `age eq "5"`: text literals for boolean and number attributes (F19).
    pub coerce_literals: bool,
    /// `manager eq "id"`: a comparison with a singular complex attribute that has a `value`
    /// means that sub-attribute. Entra ID asks for references in this way.
    pub complex_value: bool,
    /// `?filter=` asks for everything, as no filter does (F33).
    pub empty_is_absent: bool,
    /// `password eq "…"`, and nothing else about passwords (F26). This crate sees no stored
    /// password, so whoever evaluates such a filter says whether one fits:
    /// [`BoundFilter::matches_with`](crate::bind::BoundFilter::matches_with).
    pub password_eq: bool,
    /// Attributes that are never returned and may be asked for all the same, such as
    /// `urn:example:Badge:pin` (F27). Answers then tell whoever asks what they are.
    pub hidden_attributes: Vec<AttrPath>,
}

/// What to do with a filter on an unknown attribute (F10).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum UnknownFilterAttribute {
    /// Refuse it: 400 `invalidFilter`.
    #[default]
    Reject,
    /// Treat the attribute as one that no resource has.
    NoMatch,
}

/// How `ne` reads a multi-valued attribute (F14).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum NotEqual {
    /// Some value differs.
    #[default]
    Existential,
    /// No value is equal.
    Universal,
}

/// How names in paths and filters find their attribute.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct PathPolicy {
    /// `urn:…:User.department` with a dot after the URN, as old Entra ID jobs send (F08).
    pub dot_after_urn: bool,
    /// `employeeNumber` without its URN, where just one extension has it (F11).
    pub unqualified_extension: bool,
}

/// How PATCH operations are read.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct PatchPolicy {
    /// add or replace on a value filter that matches no element (P09, P10).
    pub unmatched_filter: UnmatchedFilter,
    /// replace of a whole element selected by a filter (P12).
    pub selected_replace: SelectedReplace,
    /// replace of a singular complex attribute (P13).
    pub complex_replace: ComplexReplace,
    /// remove with a value deletes the elements that the value names (P20).
    pub remove_value_selects: bool,
    /// remove with a filter that matches nothing (P21).
    pub remove_unmatched: RemoveUnmatched,
    /// Value paths as keys of a value without path (P08).
    pub value_path_keys: bool,
    /// An element left with no more than `type`, `primary` and `display` goes (P25).
    pub drop_valueless_elements: bool,
    /// add and replace on `emails.type`: all elements (P27).
    pub all_values: bool,
    /// A write to a readOnly attribute (P30).
    pub read_only: ReadOnly,
    /// A path that names no attribute (P04).
    pub unknown_path: UnknownPath,
    /// `"path": ""` is as good as none (P05).
    pub empty_path_is_absent: bool,
    /// How many bytes of JSON a resource may have grown to by a PATCH; 413 beyond. One request is
    /// bounded by the size of its body, and many requests, each of which adds something, by this.
    pub max_resource_len: usize,
}

impl PatchPolicy {
    /// What [`max_resource_len`](Self::max_resource_len) is by default: room for a group of some
    /// hundred thousand members in one document.
    pub const MAX_RESOURCE_LEN: usize = 32 << 20;
}

impl Default for PatchPolicy {
    fn default() -> Self {
        Self {
            unmatched_filter: UnmatchedFilter::default(),
            selected_replace: SelectedReplace::default(),
            complex_replace: ComplexReplace::default(),
            remove_value_selects: false,
            remove_unmatched: RemoveUnmatched::default(),
            value_path_keys: false,
            drop_valueless_elements: false,
            all_values: false,
            read_only: ReadOnly::default(),
            unknown_path: UnknownPath::default(),
            empty_path_is_absent: false,
            max_resource_len: Self::MAX_RESOURCE_LEN,
        }
    }
}

/// add or replace on a value filter that matches no element (P09, P10).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum UnmatchedFilter {
    /// 400 `noTarget`.
    #[default]
    NoTarget,
    /// A new element is made from the filter's own equalities and the value.
    Create,
}

/// replace of an element selected by a filter (P12).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum SelectedReplace {
    /// The element is replaced whole and keeps its place.
    #[default]
    Whole,
    /// The given sub-attributes are set, the others stay.
    Merge,
}

/// replace of a singular complex attribute (P13).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum ComplexReplace {
    /// The given sub-attributes are set, the others stay (RFC 7644 §3.5.2.3).
    #[default]
    Merge,
    /// The attribute is replaced whole.
    Replace,
}

/// remove with a filter that matches nothing (P21).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum RemoveUnmatched {
    /// Nothing to do, so it succeeds.
    #[default]
    Succeed,
    /// 400 `noTarget`.
    NoTarget,
}

/// A PATCH write to a readOnly attribute (P30).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum ReadOnly {
    /// 400 `mutability`, except where P30 has it ignored.
    #[default]
    Error,
    /// The write is dropped.
    Ignore,
}

/// A PATCH path that names no attribute (P04).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum UnknownPath {
    /// 400 `invalidPath`.
    #[default]
    InvalidPath,
    /// 400 `noTarget`.
    NoTarget,
}

/// How PUT treats what the body leaves out.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct PutPolicy {
    /// Attributes that the body does not hold (W08).
    pub missing: PutMissing,
    /// An `id` in the body that differs from the URL is 400 instead of ignored (W06).
    pub id_mismatch_rejected: bool,
}

/// Attributes that a PUT body does not hold (W08).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum PutMissing {
    /// They are cleared.
    #[default]
    Clear,
    /// They keep their values.
    Keep,
}

/// Which JSON types are accepted for a value.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ValuePolicy {
    /// `"True"` for a boolean, `"5"` for a number (P19).
    pub coerce_scalars: bool,
    /// An array of one element for a singular attribute (P17).
    pub unwrap_single_element_array: bool,
    /// A string for a complex attribute that has a `value` (P18).
    pub string_as_complex_value: bool,
    /// One value without an array for a multi-valued attribute in POST and PUT. In PATCH it is an
    /// array of one under every policy (P16).
    pub wrap_single_value: bool,
}

/// How the envelope of a message is read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct MessagePolicy {
    /// PatchOp, SearchRequest and BulkRequest without their schema URN (P03, Q22).
    pub schemas_optional: bool,
    /// `attributes` of a SearchRequest as one string with commas (Q22).
    pub string_lists: bool,
}

/// How the operations of a bulk request are read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct BulkPolicy {
    /// The `data` of a PATCH may be the array of operations alone, without the message around it
    /// (B10). The example of RFC 7644 §3.7.3 can be read so.
    pub bare_operations: bool,
    /// A POST may have no `bulkId` (B06).
    pub post_without_bulk_id: bool,
}

/// How `schemas` of a resource is read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct SchemasPolicy {
    /// A body without `schemas` gets those of its endpoint (W01).
    pub infer: bool,
    /// `schemas` and content disagree (W02).
    pub mismatch: SchemasMismatch,
    /// URNs that the resource type does not know are dropped instead of refused (W02). Entra ID
    /// adds a URN of its own to groups.
    pub ignore_unknown: bool,
}

/// `schemas` lists an extension without data, or the other way round (W02).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum SchemasMismatch {
    /// `schemas` is computed from the content.
    #[default]
    Recompute,
    /// 400 `invalidSyntax`.
    Reject,
}

/// How `attributes` and `excludedAttributes` are read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ProjectionPolicy {
    /// Both given: `attributes` counts, instead of 400 (Q09).
    pub prefer_attributes: bool,
    /// `attributes=emails[type eq "work"]`: a value path stands for its attribute, instead of 400
    /// (Q10). Microsoft's sample requests have it.
    pub value_paths: bool,
}

/// Attributes that no schema of the resource type defines (W03, P36).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum UnknownAttributes {
    /// Refused.
    #[default]
    Reject,
    /// Dropped.
    Ignore,
    /// Kept as they are.
    Keep,
}

/// Values outside an attribute's `canonicalValues` (W15).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum CanonicalValues {
    /// Suggestions: any value is accepted.
    #[default]
    Accept,
    /// 400 `invalidValue`.
    Reject,
}

/// How dateTime values and literals are read (F21, W16).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct DateTimePolicy {
    /// Lower-case `t` and `z`, a space for `T`, offsets without a colon.
    pub lenient: bool,
    /// A date without time is midnight UTC.
    pub date_only: bool,
    /// A dateTime without offset is refused instead of read as UTC.
    pub require_offset: bool,
}
