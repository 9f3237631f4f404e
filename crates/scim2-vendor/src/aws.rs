//! AWS IAM Identity Center (formerly AWS SSO) as a service provider.
//!
//! Pages of its SCIM Implementation Developer Guide, all under
//! <https://docs.aws.amazon.com/singlesignon/latest/developerguide/>:
//!
//! | fact | page |
//! |---|---|
//! | required attributes of users; one value per multi-valued attribute; the primary e-mail; attributes not taken | `createuser.html`, `putuser.html`, `limitations.html` |
//! | what a PATCH of a user may do; `active` as text | `patchuser.html` |
//! | filters, cursors, pages of 100, the capped total | `listusers.html`, `listgroups.html` |
//! | a filter on a member that is not there | `listgroups.html`, table "Errors" |
//! | groups: 100 members in a create, members not shown | `creategroup.html`, `getgroup.html` |
//! | groups: 100 changes in a PATCH, no change of all members, 204 | `patchgroup.html` |
//! | what the endpoint says of itself | `serviceproviderconfig.html` |
//!
//! Forbidden characters are those of two pages together: AWS's page for Okta
//! (<https://docs.aws.amazon.com/singlesignon/latest/userguide/okta-idp.html>) and Microsoft's
//! tutorial (<https://learn.microsoft.com/en-us/entra/identity/saas-apps/aws-single-sign-on-provisioning-tutorial>).
//! Where the guide is silent, reports of people who work with the endpoint are followed, and named
//! beside the fact.

use scim2_core::policy::{ReadOnly, UnmatchedFilter};
use scim2_core::{Catalog, Policy, ResourceType};

use crate::catalog::{self, with_unique};

mod endpoint;
mod mapping;
mod rules;
mod target;

pub use endpoint::{Endpoint, EndpointError};
pub use mapping::{edit_entra_mapping, group_mapping, user_mapping};
pub use rules::Rules;
pub use target::profile;

/// How many memberships one request may change, and how many members a new group may have
/// (`creategroup.html`, `patchgroup.html`).
pub const MAX_MEMBERS_PER_REQUEST: usize = 100;

/// The largest page of a list (`listusers.html`, `listgroups.html`).
pub const MAX_PAGE_SIZE: u64 = 100;

/// What the endpoint tolerates.
///
/// | what it takes | field | how known |
/// |---|---|---|
/// | bodies without `schemas` | `schemas.infer` | the example of `createuser.html` |
/// | `"active": "false"` | `values.coerce_scalars` | the example of `patchuser.html` |
/// | `remove` of `members` with a list of values | `patch.remove_value_selects` | <https://github.com/awslabs/ssosync> works with it |
/// | another `id` in the value of a group's rename | `patch.read_only` | the example of `patchgroup.html` |
/// | `id eq "…" and manager eq "…"` | `filter.complex_value`, `path.unqualified_extension` | `listusers.html` |
/// | Entra ID's dialects: `manager` in other shapes, values created by `Replace`, an extra URN on groups | `values.*`, `patch.unmatched_filter`, `patch.drop_valueless_elements`, `schemas.ignore_unknown` | our reading: Entra ID is one of the identity sources that AWS documents |
#[must_use]
pub fn policy() -> Policy {
    let mut policy = Policy::strict();
    policy.schemas.infer = true;
    policy.schemas.ignore_unknown = true;
    policy.filter.complex_value = true;
    policy.filter.coerce_literals = true;
    policy.path.unqualified_extension = true;
    policy.patch.read_only = ReadOnly::Ignore;
    policy.patch.remove_value_selects = true;
    policy.patch.unmatched_filter = UnmatchedFilter::Create;
    policy.patch.drop_valueless_elements = true;
    policy.values.coerce_scalars = true;
    policy.values.unwrap_single_element_array = true;
    policy.values.string_as_complex_value = true;
    policy.values.wrap_single_value = true;
    policy.uri_lenient = true;
    policy
}

/// User and Group as the endpoint has them: a group's `displayName` is unique (`creategroup.html`),
/// and so is a user's e-mail
/// (<https://docs.aws.amazon.com/singlesignon/latest/userguide/provision-automatically.html>).
///
/// A clash of `externalId` is refused as well
/// (<https://github.com/slashdevops/idp-scim-sync>, test data).
///
/// ```
/// let catalog = scim2_vendor::aws::catalog();
/// assert_eq!(catalog.iter().count(), 2);
/// ```
#[must_use]
pub fn catalog() -> Catalog {
    let users = with_unique(&ResourceType::user(), &["emails", "value"]);
    let groups = with_unique(&ResourceType::group(), &["displayName"]);
    catalog::of(users.with_unique_external_id(), groups.with_unique_external_id())
}
