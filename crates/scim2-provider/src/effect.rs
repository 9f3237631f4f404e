//! Whether a write changes anything (RFC 7644 §3.5.2.1, ruling P15).

use std::collections::HashSet;

use scim2_core::schema::{Attribute, Mutability, Schema};
use scim2_core::{Resource, ResourceType};
use serde_json::{Map, Value};

use crate::store::{has_groups, has_members};

/// Whether two states of a resource differ in nothing that is kept: not in what is computed when
/// it is read, nor in the order of members.
pub(crate) fn same_state(ty: &ResourceType, before: &Resource, after: &Resource) -> bool {
    let (before, after) = (before.as_map(), after.as_map());
    let computed = |name: &str| {
        name == "meta"
            || (name == "groups" && has_groups(ty))
            || (name == "members" && has_members(ty))
    };
    let keys = |a: &Map<String, Value>| a.keys().filter(|name| !computed(name)).count();
    keys(before) == keys(after)
        && before.iter().filter(|(name, _)| !computed(name)).all(|(name, value)| {
            let Some(other) = after.get(name) else { return false };
            let extension = ty.extension(name).map(|extension| &*extension.schema);
            match (extension, value, other) {
                (Some(schema), Value::Object(a), Value::Object(b)) => same_container(schema, a, b),
                _ => same_value(ty.schema(), name, value, other),
            }
        })
        && (!has_members(ty) || members(before) == members(after))
}

fn same_container(schema: &Schema, a: &Map<String, Value>, b: &Map<String, Value>) -> bool {
    a.len() == b.len()
        && a.iter().all(|(name, value)| {
            b.get(name).is_some_and(|other| same_value(schema, name, value, other))
        })
}

fn same_value(schema: &Schema, name: &str, a: &Value, b: &Value) -> bool {
    let reference = schema
        .attribute(name)
        .filter(|attribute| !attribute.multi_valued && attribute.is_resource_reference());
    match (a, b, reference) {
        (Value::Object(a), Value::Object(b), Some(attribute)) => {
            let read_only = |sub: &Attribute| sub.mutability == Mutability::ReadOnly;
            let kept = |name: &&String| {
                name.as_str() != "$ref" && !attribute.sub_attribute(name).is_some_and(read_only)
            };
            a.keys().chain(b.keys()).filter(kept).all(|name| a.get(name) == b.get(name))
        }
        _ => a == b,
    }
}

fn members(resource: &Map<String, Value>) -> HashSet<&str> {
    resource
        .get("members")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .filter_map(|member| member.get("value")?.as_str())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[track_caller]
    fn check(ty: &ResourceType, a: Value, b: Value, expected: bool) {
        let resource = |value: &Value| Resource::from(value.as_object().unwrap().clone());
        assert_eq!(same_state(ty, &resource(&a), &resource(&b)), expected);
        assert_eq!(same_state(ty, &resource(&b), &resource(&a)), expected);
    }

    #[test]
    fn what_is_computed_does_not_count() {
        let user = ResourceType::user();
        let enterprise = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";
        check(
            &user,
            json!({"userName": "a", "groups": [{"value": "1"}], "meta": {},
                enterprise: {"manager": {"value": "2", "displayName": "B"}}}),
            json!({"userName": "a", enterprise: {"manager": {"value": "2"}}}),
            true,
        );
        check(
            &user,
            json!({enterprise: {"manager": {"value": "2"}}}),
            json!({enterprise: {"manager": {"value": "3"}}}),
            false,
        );
        check(&user, json!({"userName": "a"}), json!({"userName": "A"}), false);
        check(&user, json!({"userName": "a"}), json!({"userName": "a", "title": "x"}), false);
    }

    #[test]
    fn members_are_a_set() {
        check(
            &ResourceType::group(),
            json!({"members": [{"value": "1", "display": "A"}, {"value": "2"}]}),
            json!({"members": [{"value": "2", "type": "User"}, {"value": "1"}]}),
            true,
        );
        check(
            &ResourceType::group(),
            json!({"members": [{"value": "1"}]}),
            json!({"displayName": "x"}),
            false,
        );
        check(&ResourceType::group(), json!({"members": [{"value": "1"}]}), json!({}), false);
    }
}
