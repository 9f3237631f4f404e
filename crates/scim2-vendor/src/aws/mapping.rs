//! Mapping tables for the endpoint.

use scim2_core::catalog::ENTERPRISE_USER_SCHEMA;

use crate::entra;
use crate::mapping::{AttributeMapping, MappingSource};

/// Source attributes whose rows break the limit of one value, and must go from Entra ID's default
/// table.
///
/// The first two are named by AWS's guide for a non-gallery application
/// (<https://docs.aws.amazon.com/singlesignon/latest/userguide/azure-ad-idp.html>, older states).
/// Today's default table maps two more into attributes that have a value already.
const TO_DROP: [&str; 4] =
    ["facsimileTelephoneNumber", "mobile", "proxyAddresses", "physicalDeliveryOfficeName"];

/// Makes Entra ID's default table for users fit the endpoint, as AWS's guide says: the rows of
/// `facsimileTelephoneNumber` and `mobile` go, and `externalId` comes from `objectId` instead of
/// `mailNickname`. The rows of `proxyAddresses` and `physicalDeliveryOfficeName` go as well: they
/// would be a second e-mail and a second address.
///
/// ```
/// use scim2_vendor::{aws, entra};
/// let mut table = entra::user_mapping();
/// aws::edit_entra_mapping(&mut table);
/// assert!(!table.iter().any(|row| row.reads("mobile")));
/// assert!(table.iter().any(|row| row.reads("objectId") && row.target == "externalId"));
/// ```
pub fn edit_entra_mapping(table: &mut Vec<AttributeMapping>) {
    table.retain(|row| !TO_DROP.iter().any(|source| row.reads(source)));
    for row in table {
        if row.target == "externalId" && row.reads("mailNickname") {
            row.source = MappingSource::Attribute("objectId".to_owned());
        }
    }
}

/// The table for users of the gallery application: its target attributes
/// (<https://learn.microsoft.com/en-us/entra/identity/saas-apps/aws-single-sign-on-provisioning-tutorial>).
///
/// The page prints no sources. They are those of [`entra::user_mapping`], and the attribute of the
/// same name elsewhere; targets that need an expression or have no source in a user of Entra ID
/// (`name.formatted`, `addresses[type eq "work"].formatted`, `locale`, `timezone`, `division`,
/// `costCenter`) are left out.
#[must_use]
pub fn user_mapping() -> Vec<AttributeMapping> {
    let direct = AttributeMapping::direct;
    let enterprise = |name: &str| format!("{ENTERPRISE_USER_SCHEMA}:{name}");
    vec![
        direct("userPrincipalName", "userName").matched_first(),
        AttributeMapping::new(MappingSource::AccountState, "active"),
        direct("displayName", "displayName"),
        direct("jobTitle", "title"),
        direct("preferredLanguage", "preferredLanguage"),
        direct("givenName", "name.givenName"),
        direct("surname", "name.familyName"),
        direct("objectId", "externalId"),
        direct("mail", r#"emails[type eq "work"].value"#),
        direct("streetAddress", r#"addresses[type eq "work"].streetAddress"#),
        direct("city", r#"addresses[type eq "work"].locality"#),
        direct("state", r#"addresses[type eq "work"].region"#),
        direct("postalCode", r#"addresses[type eq "work"].postalCode"#),
        direct("country", r#"addresses[type eq "work"].country"#),
        direct("telephoneNumber", r#"phoneNumbers[type eq "work"].value"#),
        direct("employeeId", &enterprise("employeeNumber")),
        direct("department", &enterprise("department")),
        direct("companyName", &enterprise("organization")),
        direct("manager", &enterprise("manager")),
    ]
}

/// The table for groups of the gallery application (page as for [`user_mapping`]).
#[must_use]
pub fn group_mapping() -> Vec<AttributeMapping> {
    entra::group_mapping()
}
