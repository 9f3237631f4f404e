//! What scim2-core does most, ready to be run again and again.

use scim2_core::bind::BoundFilter;
use scim2_core::patch_op::PatchOp;
use scim2_core::syntax::Filter;
use scim2_core::{Policy, Resource, ResourceType};
use serde_json::{Value, json};

/// The full user of RFC 7643 §8.2.
pub const FULL_USER: &[u8] =
    include_bytes!("../../crates/scim2-conformance/vectors/rfc/rfc7643-8.2-full-user.json");

/// Three terms, of which the last decides, in the grammar that all peers take.
pub const THREE_TERMS: &str =
    r#"userName sw "bjensen" and emails.type eq "work" and name.familyName co "ENSE""#;

/// Three terms with brackets, which not all peers take.
pub const VALUE_PATH: &str =
    r#"emails[type eq "work" and value ew "@example.com"] and userType eq "Employee""#;

/// The full user, as the engine holds it.
#[must_use]
pub fn full_user() -> Resource {
    ResourceType::user().ingest(FULL_USER, &Policy::strict()).expect("the RFC's own example")
}

/// The full user, as any JSON.
#[must_use]
pub fn full_user_json() -> Value {
    serde_json::from_slice(FULL_USER).expect("JSON")
}

/// A filter that has met the schema of User.
#[must_use]
pub fn bound(filter: &str) -> BoundFilter {
    let filter: Filter = filter.parse().expect("a filter");
    ResourceType::user().bind(&filter, &Policy::strict()).expect("attributes of User")
}

/// A request that replaces one attribute.
#[must_use]
pub fn replace_title() -> PatchOp {
    PatchOp::new().replace("title", "Tour Leader")
}

/// A request that adds one member to a group and removes another.
#[must_use]
pub fn change_members() -> PatchOp {
    PatchOp::new()
        .add("members", json!([{ "value": "2819c223-7f76-453a-919d-413861904646" }]))
        .remove(r#"members[value eq "902c246b-6245-4190-8e05-00816be7344a"]"#)
}

/// A group of this many members.
#[must_use]
pub fn group(members: usize) -> Resource {
    let members: Vec<Value> =
        (0..members).map(|i| json!({ "value": format!("{i:08x}-0000"), "type": "User" })).collect();
    let group = json!({
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:Group"],
        "id": "e9e30dba-f08f-4109-8486-d5c6a331660a",
        "displayName": "Tour Guides",
        "members": members,
    });
    let Value::Object(group) = group else { unreachable!("it is an object") };
    Resource::from(group)
}
