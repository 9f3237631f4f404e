//! Profiles of one's own.

use scim2_core::patch_op::PatchOp;
use scim2_core::search::SearchRequest;
use scim2_core::{Resource, ResourceType};
use scim2_vendor::TargetProfile;
use scim2_vendor::profile::{AttributeProfile, FilterShape, ResourceProfile};
use serde_json::json;

#[test]
fn a_target_that_restricts_nothing_takes_everything() {
    let profile = TargetProfile::unrestricted("Example");
    let user = ResourceType::user();
    let mut resource = Resource::new();
    resource.insert("phoneNumbers", json!([{ "value": "1" }, { "value": "2" }]));
    assert_eq!(profile.check_create(&user, &resource), []);
    assert_eq!(profile.check_replace(&user, &resource), []);
    let op = PatchOp::new().remove("members").replace("active", true).remove("active");
    assert_eq!(profile.check_patch(&ResourceType::group(), &op), []);
    let request = SearchRequest::from_query("startIndex=5&count=1000&sortBy=title").unwrap();
    assert_eq!(profile.check_query(&user, &request, None), []);
}

#[test]
fn a_profile_states_only_what_is_known() {
    let mut profile = TargetProfile::unrestricted("Example");
    let mut users = ResourceProfile::new("User");
    users.required.push("externalId".to_owned());
    profile.resources.push(users);
    let user = ResourceType::user();
    let mut resource = Resource::new();
    resource.insert("ims", json!([{ "value": "1" }, { "value": "2" }]));
    let violations = profile.check_create(&user, &resource);
    assert_eq!(violations.len(), 1);
    assert_eq!(
        violations[0].to_string(),
        "externalId has no value; Example takes no User without it; fill mailNickname at the source"
    );
}

#[test]
fn attributes_are_found_in_any_case() {
    let mut profile = TargetProfile::unrestricted("Example");
    let mut users = ResourceProfile::new("User");
    users.attributes.push(AttributeProfile::new("emails").with_max_values(1));
    profile.resources.push(users);
    let mut resource = Resource::new();
    resource.insert("EMAILS", json!([{ "value": "1" }, { "value": "2" }]));
    assert_eq!(profile.check_create(&ResourceType::user(), &resource)[0].attribute, "emails");
}

#[test]
fn a_filter_shape_prints_as_a_filter() {
    assert_eq!(FilterShape::new(&["id", "manager"]).to_string(), "id eq … and manager eq …");
}

#[test]
fn what_only_the_target_writes_is_not_looked_at() {
    let enterprise = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";
    let mut profile = TargetProfile::unrestricted("Example");
    let mut users = ResourceProfile::new("User");
    let manager = format!("{enterprise}:manager");
    users.attributes.push(AttributeProfile::new(&manager).with_sub_attributes(&["value"]));
    profile.resources.push(users);
    let state = |manager: serde_json::Value| {
        let mut resource = Resource::new();
        resource.insert("id", json!("1"));
        resource.insert("meta", json!({ "version": "W/\"1\"" }));
        resource.insert("groups", json!([{ "value": "7" }]));
        resource.insert(enterprise, json!({ "manager": manager }));
        profile.check_state(&ResourceType::user(), &resource)
    };
    assert_eq!(state(json!({ "value": "9", "displayName": "Boss" })), []);
    let violations = state(json!({ "value": "9", "$ref": "../Users/9" }));
    assert_eq!(violations.len(), 1);
    assert_eq!(violations[0].attribute, format!("{manager}.$ref"));
}
