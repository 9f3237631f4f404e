//! The endpoint's limits.

use scim2_core::catalog::ENTERPRISE_USER_SCHEMA;

use super::{MAX_MEMBERS_PER_REQUEST, MAX_PAGE_SIZE};
use crate::profile::{
    AttributeProfile, FilterShape, GroupUpdate, MembersReadable, Paging, PathlessPatch,
    ResourceProfile, TargetProfile, UserUpdate,
};

/// What the endpoint takes. The [module's table](crate::aws) names the pages.
///
/// ```
/// let profile = scim2_vendor::aws::profile();
/// assert_eq!(profile.members_per_request, Some(100));
/// ```
#[must_use]
pub fn profile() -> TargetProfile {
    TargetProfile {
        resources: vec![users(), groups()],
        // U+003C and so on of AWS's page for Okta; `|` and the control characters of Microsoft's.
        forbidden_characters: vec!['<', '>', ';', ':', '%', '|', '\t', '\n', '\r'],
        paging: Paging::Cursor,
        page_size: MAX_PAGE_SIZE,
        projection: false,
        sort: false,
        members_per_request: Some(MAX_MEMBERS_PER_REQUEST),
        members_readable: MembersReadable::ByFilter,
        user_update: UserUpdate::PatchByPath,
        group_update: GroupUpdate::ValueLists,
        pathless_patch: PathlessPatch::OneAttribute,
        ..TargetProfile::unrestricted("AWS IAM Identity Center")
    }
}

fn users() -> ResourceProfile {
    let attribute = AttributeProfile::new;
    let text = |name: &str| AttributeProfile::new(name).with_plain_text();
    let enterprise = |name: &str| format!("{ENTERPRISE_USER_SCHEMA}:{name}");
    let single = |name: &str| AttributeProfile::new(name).with_max_values(1);
    let mut attributes = vec![
        text("userName"),
        attribute("externalId"),
        text("name").with_sub_attributes(&[
            "formatted",
            "familyName",
            "givenName",
            "middleName",
            "honorificPrefix",
            "honorificSuffix",
        ]),
        text("displayName"),
        text("nickName"),
        // The guide's own example has a colon here, so the ban on it is no ban on URLs.
        attribute("profileUrl"),
        text("title"),
        text("userType"),
        attribute("preferredLanguage"),
        text("locale"),
        text("timezone"),
        attribute("active"),
        single("emails").with_sub_attributes(&["value", "type", "primary"]).with_primary(),
        single("phoneNumbers").with_sub_attributes(&["value", "type", "primary"]),
        single("addresses").with_plain_text(),
        // Not among the attributes that `patchuser.html` lists.
        single("roles").with_sub_attributes(&["value", "type", "primary"]).without_patch(),
    ];
    for name in ["employeeNumber", "costCenter", "organization", "division", "department"] {
        attributes.push(text(&enterprise(name)));
    }
    attributes.push(attribute(&enterprise("manager")).with_sub_attributes(&["value", "$ref"]));
    ResourceProfile {
        required: ["userName", "name.givenName", "name.familyName", "displayName"]
            .map(str::to_owned)
            .to_vec(),
        attributes,
        set_once_per_patch: ["userName", "active"].map(str::to_owned).to_vec(),
        filters: vec![
            FilterShape::new(&["userName"]),
            FilterShape::new(&["externalId"]),
            FilterShape::new(&["groups.value"]),
            FilterShape::new(&["id", "manager"]),
            FilterShape::new(&["id"]),
        ],
        ..ResourceProfile::new("User")
    }
}

fn groups() -> ResourceProfile {
    ResourceProfile {
        required: vec!["displayName".to_owned()],
        attributes: vec![
            AttributeProfile::new("displayName").with_plain_text(),
            AttributeProfile::new("externalId"),
            AttributeProfile::new("members"),
        ],
        // PUT is not among the operations that the guide lists.
        put: false,
        filters: vec![
            FilterShape::new(&["displayName"]),
            FilterShape::new(&["externalId"]),
            FilterShape::new(&["members.value"]),
            FilterShape::new(&["id", "members"]),
            FilterShape::new(&["id"]),
        ],
        ..ResourceProfile::new("Group")
    }
}
