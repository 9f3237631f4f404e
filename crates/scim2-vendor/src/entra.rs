//! Microsoft Entra ID's provisioning service as a client.
//!
//! | fact | page |
//! |---|---|
//! | what it demands of an endpoint, and the requests it sends | <https://learn.microsoft.com/en-us/entra/identity/app-provisioning/use-scim-to-provision-users-and-groups> |
//! | the two dialects of its PATCH requests and the flag `aadOptscim062020` | <https://learn.microsoft.com/en-us/entra/identity/app-provisioning/application-provisioning-config-problem-scim-compatibility> |
//! | attribute mapping | <https://learn.microsoft.com/en-us/entra/identity/app-provisioning/customize-application-attributes> |
//! | cycles, deprovisioning, what a restart does | <https://learn.microsoft.com/en-us/entra/identity/app-provisioning/how-provisioning-works> |
//!
//! One job sends both dialects, so an endpoint accepts both without being told.

use scim2_core::catalog::ENTERPRISE_USER_SCHEMA;
use scim2_core::policy::{ReadOnly, UnknownAttributes, UnmatchedFilter};
use scim2_core::rules::{EndpointRules, PatchAnswer, Shown};
use scim2_core::{Catalog, Policy, ResourceType};

use crate::catalog::{self, with_unique};
use crate::mapping::{AttributeMapping, MappingSource};

/// What a service provider tolerates for Entra ID.
///
/// | what Entra ID sends | field |
/// |---|---|
/// | `Replace emails[type eq "work"].value` where there is no such e-mail | `patch.unmatched_filter` |
/// | `Remove members` with the members as value | `patch.remove_value_selects` |
/// | `emails[type eq "work"].value` as a key of a value without path | `patch.value_path_keys` |
/// | removal of the one value of an element | `patch.drop_valueless_elements` |
/// | `"active": "False"`, `active eq "True"` | `values.coerce_scalars`, `filter.coerce_literals` |
/// | `manager` as an array of one object, as text, as `""` | `values.unwrap_single_element_array`, `values.string_as_complex_value` |
/// | `urn:…:2.0:User.manager`, in jobs from before December 2018 | `path.dot_after_urn` |
/// | `manager` without its URN, in paths and in `id eq "…" and manager eq "…"` | `path.unqualified_extension`, `filter.complex_value` |
/// | filter values without quotation marks | `syntax.bare_words` |
/// | `department` and `manager` at the top of a user, `meta` and `id` in a body | `unknown_attributes`, `patch.read_only` |
/// | `…:enterprise:2.0User` and `…ADSCIM/2.0/Group` in `schemas` | `schemas.ignore_unknown` |
/// | text in `profileUrl` that is no URI, `en_US` | `uri_lenient`, `locale_underscore` |
/// | `attributes=emails[type eq "work"]` | `projection.value_paths` |
#[must_use]
pub fn policy() -> Policy {
    let mut policy = Policy::strict();
    policy.syntax.bare_words = true;
    policy.syntax.dot_after_urn = true;
    policy.filter.coerce_literals = true;
    policy.filter.complex_value = true;
    policy.path.dot_after_urn = true;
    policy.path.unqualified_extension = true;
    policy.patch.unmatched_filter = UnmatchedFilter::Create;
    policy.patch.remove_value_selects = true;
    policy.patch.value_path_keys = true;
    policy.patch.drop_valueless_elements = true;
    policy.patch.read_only = ReadOnly::Ignore;
    policy.values.coerce_scalars = true;
    policy.values.unwrap_single_element_array = true;
    policy.values.string_as_complex_value = true;
    policy.values.wrap_single_value = true;
    policy.schemas.ignore_unknown = true;
    policy.unknown_attributes = UnknownAttributes::Ignore;
    policy.uri_lenient = true;
    policy.locale_underscore = true;
    policy.projection.value_paths = true;
    policy
}

/// User and Group as Entra ID wants them: no two groups have one `displayName`, by which it looks
/// them up
/// (<https://learn.microsoft.com/en-us/entra/identity/app-provisioning/use-scim-to-provision-users-and-groups>);
/// its validator creates a group twice and expects 409
/// (<https://learn.microsoft.com/en-us/entra/identity/app-provisioning/scim-validator-tutorial>).
///
/// ```
/// use scim2_core::schema::Uniqueness;
/// let catalog = scim2_vendor::entra::catalog();
/// let groups = catalog.iter().find(|ty| ty.name() == "Group").unwrap();
/// let name = groups.schema().attributes.iter().find(|attribute| attribute.name == *"displayName");
/// assert_eq!(name.unwrap().uniqueness, Uniqueness::Server);
/// ```
#[must_use]
pub fn catalog() -> Catalog {
    let groups = with_unique(&ResourceType::group(), &["displayName"]);
    catalog::of(ResourceType::user(), groups)
}

/// What Entra ID wants of an endpoint beyond the RFCs: a PATCH of a group is answered without a
/// body, one of a user with the resource
/// (<https://learn.microsoft.com/en-us/entra/identity/app-provisioning/use-scim-to-provision-users-and-groups>).
#[derive(Clone, Copy, Debug, Default)]
pub struct Rules;

impl EndpointRules for Rules {
    fn shown(&self) -> Shown {
        Shown::AsTheyAre
    }

    fn patch_answer(&self, resource_type: &ResourceType) -> PatchAnswer {
        match resource_type.name() {
            "Group" => PatchAnswer::NoContent,
            _ => PatchAnswer::Resource,
        }
    }
}

/// The table that a new application gets for users
/// (<https://learn.microsoft.com/en-us/entra/identity/app-provisioning/customize-application-attributes>).
///
/// Sources carry the names that the mapping page shows, not those of Microsoft Graph: see
/// [`graph_name`]. The service marks the e-mail of type `work` as primary by itself
/// (<https://learn.microsoft.com/en-us/entra/identity/app-provisioning/use-scim-to-provision-users-and-groups>,
/// sample request "Create user").
///
/// ```
/// use scim2_vendor::entra;
/// let table = entra::user_mapping();
/// let phones = table.iter().filter(|row| row.target.starts_with("phoneNumbers")).count();
/// assert_eq!(phones, 3);
/// ```
#[must_use]
pub fn user_mapping() -> Vec<AttributeMapping> {
    let direct = AttributeMapping::direct;
    let enterprise = |name: &str| format!("{ENTERPRISE_USER_SCHEMA}:{name}");
    vec![
        direct("userPrincipalName", "userName").matched_first(),
        AttributeMapping::new(MappingSource::AccountState, "active"),
        direct("displayName", "displayName"),
        direct("jobTitle", "title"),
        direct("mail", r#"emails[type eq "work"].value"#),
        direct("proxyAddresses", r#"emails[type eq "other"].value"#),
        direct("givenName", "name.givenName"),
        direct("surname", "name.familyName"),
        direct("streetAddress", r#"addresses[type eq "work"].streetAddress"#),
        direct("postalCode", r#"addresses[type eq "work"].postalCode"#),
        direct("physicalDeliveryOfficeName", r#"addresses[type eq "other"].formatted"#),
        direct("telephoneNumber", r#"phoneNumbers[type eq "work"].value"#),
        direct("mobile", r#"phoneNumbers[type eq "mobile"].value"#),
        direct("facsimileTelephoneNumber", r#"phoneNumbers[type eq "fax"].value"#),
        direct("mailNickname", "externalId"),
        direct("employeeId", &enterprise("employeeNumber")),
        direct("department", &enterprise("department")),
        direct("manager", &enterprise("manager")),
    ]
}

/// The table that a new application gets for groups (page as for [`user_mapping`]).
#[must_use]
pub fn group_mapping() -> Vec<AttributeMapping> {
    vec![
        AttributeMapping::direct("displayName", "displayName").matched_first(),
        AttributeMapping::direct("objectId", "externalId"),
        AttributeMapping::direct("members", "members"),
    ]
}

/// The name that Microsoft Graph has for a source attribute of the mapping page
/// (<https://learn.microsoft.com/en-us/graph/api/resources/user>). Names not listed here are the
/// same in both.
///
/// ```
/// assert_eq!(scim2_vendor::entra::graph_name("mobile"), "mobilePhone");
/// assert_eq!(scim2_vendor::entra::graph_name("department"), "department");
/// ```
#[must_use]
pub fn graph_name(source: &str) -> &str {
    match source {
        "objectId" => "id",
        "telephoneNumber" => "businessPhones",
        "mobile" => "mobilePhone",
        "facsimileTelephoneNumber" => "faxNumber",
        "physicalDeliveryOfficeName" => "officeLocation",
        name => name,
    }
}
