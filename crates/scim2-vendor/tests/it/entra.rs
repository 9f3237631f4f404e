//! Entra ID and Okta: policies and mapping tables.

use scim2_core::patch_op::PatchOp;
use scim2_core::policy::{ReadOnly, UnknownAttributes, UnmatchedFilter};
use scim2_core::syntax::{Filter, PatchPath};
use scim2_core::{Error, Policy, ResourceType};
use scim2_vendor::mapping::{Apply, AttributeMapping, MappingSource};
use scim2_vendor::{aws, entra, okta};

use serde_json::Value;

use crate::cases;

/// Targets with the source attribute that fills each.
fn rows(table: &[AttributeMapping]) -> Vec<(&str, &str)> {
    table
        .iter()
        .map(|row| match &row.source {
            MappingSource::Attribute(name) => (name.as_str(), row.target.as_str()),
            MappingSource::AccountState => ("IsSoftDeleted", row.target.as_str()),
            other => panic!("{other:?}"),
        })
        .collect()
}

#[test]
fn the_default_table_for_users_is_the_documented_one() {
    let mut table = entra::user_mapping();
    table.sort_by(|a, b| a.target.cmp(&b.target));
    let enterprise = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";
    let department = format!("{enterprise}:department");
    let employee_number = format!("{enterprise}:employeeNumber");
    let manager = format!("{enterprise}:manager");
    assert_eq!(
        rows(&table),
        [
            ("IsSoftDeleted", "active"),
            ("physicalDeliveryOfficeName", r#"addresses[type eq "other"].formatted"#),
            ("postalCode", r#"addresses[type eq "work"].postalCode"#),
            ("streetAddress", r#"addresses[type eq "work"].streetAddress"#),
            ("displayName", "displayName"),
            ("proxyAddresses", r#"emails[type eq "other"].value"#),
            ("mail", r#"emails[type eq "work"].value"#),
            ("mailNickname", "externalId"),
            ("surname", "name.familyName"),
            ("givenName", "name.givenName"),
            ("facsimileTelephoneNumber", r#"phoneNumbers[type eq "fax"].value"#),
            ("mobile", r#"phoneNumbers[type eq "mobile"].value"#),
            ("telephoneNumber", r#"phoneNumbers[type eq "work"].value"#),
            ("jobTitle", "title"),
            ("department", department.as_str()),
            ("employeeId", employee_number.as_str()),
            ("manager", manager.as_str()),
            ("userPrincipalName", "userName"),
        ]
    );
}

#[test]
fn the_default_table_for_groups_is_the_documented_one() {
    assert_eq!(
        rows(&entra::group_mapping()),
        [("displayName", "displayName"), ("objectId", "externalId"), ("members", "members")]
    );
}

#[test]
fn each_target_is_an_attribute_of_its_resource_type() {
    let user = ResourceType::user();
    let group = ResourceType::group();
    for (table, resource_type) in [
        (entra::user_mapping(), &user),
        (entra::group_mapping(), &group),
        (aws::user_mapping(), &user),
        (aws::group_mapping(), &group),
    ] {
        for row in table {
            let path: PatchPath = row.target.parse().unwrap();
            resource_type.resolve(&path.attr, &Policy::strict()).unwrap();
        }
    }
}

#[test]
fn one_attribute_matches_in_each_table() {
    for table in [entra::user_mapping(), aws::user_mapping()] {
        let matching: Vec<_> = table.iter().filter(|row| row.matching.is_some()).collect();
        assert_eq!(matching.len(), 1);
        assert_eq!(matching[0].target, "userName");
        assert!(table.iter().all(|row| row.apply == Apply::Always && row.default.is_none()));
    }
}

#[test]
fn the_guides_edits_leave_one_value_for_each_attribute() {
    let mut table = entra::user_mapping();
    let before = table.len();
    aws::edit_entra_mapping(&mut table);
    assert_eq!(table.len(), before - 4);
    assert!(table.iter().any(|row| row.reads("objectId") && row.target == "externalId"));
    assert!(!table.iter().any(|row| row.reads("mailNickname")));
    for attribute in ["emails", "phoneNumbers", "addresses"] {
        let types: std::collections::BTreeSet<_> = table
            .iter()
            .filter_map(|row| row.target.strip_prefix(attribute)?.split(']').next())
            .collect();
        assert_eq!(types.len(), 1, "{attribute}");
    }
}

#[test]
fn the_edits_touch_nothing_that_was_edited_before() {
    let mut table = entra::user_mapping();
    aws::edit_entra_mapping(&mut table);
    let once = table.clone();
    aws::edit_entra_mapping(&mut table);
    assert_eq!(table, once);
}

#[test]
fn the_gallery_table_writes_only_what_the_endpoint_takes() {
    let profile = aws::profile();
    let users = profile.resource("User").unwrap();
    for row in aws::user_mapping() {
        let path: PatchPath = row.target.parse().unwrap();
        let mut name = path.attr.name.to_string();
        if let Some(schema) = &path.attr.schema {
            name = format!("{schema}:{name}");
        }
        assert!(users.attribute(&name).is_some(), "{}", row.target);
    }
}

#[test]
fn the_entra_policy_is_the_table_of_presets() {
    let policy = entra::policy();
    assert_eq!(policy.patch.unmatched_filter, UnmatchedFilter::Create);
    assert!(policy.patch.remove_value_selects);
    assert!(policy.patch.value_path_keys);
    assert!(policy.patch.drop_valueless_elements);
    assert_eq!(policy.patch.read_only, ReadOnly::Ignore);
    assert!(policy.values.coerce_scalars && policy.filter.coerce_literals);
    assert!(policy.values.unwrap_single_element_array && policy.values.string_as_complex_value);
    assert!(policy.path.dot_after_urn);
    assert_eq!(policy.unknown_attributes, UnknownAttributes::Ignore);
    assert!(policy.uri_lenient);
    assert!(!policy.schemas.infer && !policy.messages.schemas_optional);
    assert_eq!(policy.put, Policy::strict().put);
}

#[test]
fn the_okta_policy_is_the_table_of_presets() {
    let mut strict = Policy::strict();
    strict.unknown_attributes = UnknownAttributes::Ignore;
    strict.uri_lenient = true;
    assert_eq!(okta::policy(), strict);
}

/// What Entra ID and Okta send, under the policy made for them: each body is read, each filter is
/// understood. What PATCH requests lead to is tested where they are applied.
#[test]
fn captured_requests_are_understood() {
    let mut seen = 0;
    let mut failures = Vec::new();
    let files = [
        "entra-users.json",
        "entra-groups.json",
        "entra-examples.json",
        "entra-compat-flags.json",
        "entra-observed.json",
        "entra-postman.json",
        "entra-roles.json",
        "entra-validator.json",
        "okta-users.json",
        "okta-groups.json",
        "okta-observed.json",
        "okta-spec-test.json",
        "okta-crud-test.json",
    ];
    for file in files {
        let policy = if file.starts_with("okta") { okta::policy() } else { entra::policy() };
        for case in cases(file) {
            let expect = &case["expect"];
            let refused = |status: &Value| status.as_u64().is_some_and(|status| status >= 400);
            // A fragment stands for a part of a body; one test of Microsoft's sends no operations.
            let skipped = refused(&expect["status"])
                || expect["status_accepted"].as_array().is_some_and(|all| all.iter().any(refused))
                || expect["fragment"] == Value::Bool(true);
            if case["direction"] != "request" || skipped {
                continue;
            }
            let path = case["path"].as_str().unwrap_or_default();
            let resource_type = if path.contains("/Groups") {
                ResourceType::group()
            } else if path.contains("/Users") {
                ResourceType::user()
            } else {
                continue;
            };
            let result = match case["method"].as_str() {
                Some("POST") => resource_type
                    .ingest(case["body"].to_string().as_bytes(), &policy)
                    .and_then(|resource| resource_type.validate_new(resource, &policy))
                    .map(drop),
                Some("PATCH") => {
                    PatchOp::from_slice(case["body"].to_string().as_bytes(), &policy).map(drop)
                }
                Some("GET") => match case["query"]["filter"].as_str() {
                    Some(filter) => Filter::parse_with(filter, &policy.syntax)
                        .map_err(Error::from)
                        .and_then(|filter| resource_type.bind(&filter, &policy))
                        .map(drop),
                    None => continue,
                },
                _ => continue,
            };
            seen += 1;
            if let Err(error) = result {
                failures.push(format!("{file}: {}: {error}", case["name"]));
            }
        }
    }
    assert_eq!(failures, Vec::<String>::new());
    assert!(seen >= 60, "{seen}");
}

#[test]
fn r43_4_1_1_17_no_table_makes_a_user_name_of_a_nickname() {
    // `nickName` is what somebody is called, not what they log in with.
    for table in [entra::user_mapping(), aws::user_mapping()] {
        let rows: Vec<_> = table.iter().filter(|row| row.target == "userName").collect();
        assert_eq!(rows.len(), 1);
        for source in ["nickName", "mailNickname", "displayName", "givenName"] {
            assert!(!rows[0].reads(source), "{source}");
        }
    }
}
