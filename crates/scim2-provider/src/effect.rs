//! What a PUT or a PATCH changes (RFC 7644 §3.5.2.1, rulings P15 and P37).

use scim2_core::change::ChangeSet;
use scim2_core::schema::Mutability;
use scim2_core::{Resource, ResourceType};
use serde_json::Value;

use crate::store::{has_groups, has_members, singular_references};

/// What is different between two states of a resource in what is kept: not in what is computed
/// when it is read, nor in the order of members.
pub(crate) fn changes(ty: &ResourceType, before: &Resource, after: &Resource) -> ChangeSet {
    let mut changes = ChangeSet::of(ty, &kept(ty, before), &kept(ty, after));
    if has_members(ty) && changes.members.is_empty() {
        let members = format!("{}:members", ty.schema().id);
        changes.attributes.retain(|path| **path != *members);
    }
    changes
}

/// What a PATCH changed in what is kept, of all that it changed.
pub(crate) fn patch_changes(
    ty: &ResourceType,
    before: &Resource,
    after: &Resource,
    touched: ChangeSet,
) -> ChangeSet {
    // Only here is something computed beside what is kept.
    let is_partly_computed = (has_members(ty) && touched.touches("members"))
        || singular_references(ty).any(|(_, reference)| touched.touches(reference.name.as_str()));
    if is_partly_computed { changes(ty, before, after) } else { touched }
}

/// A resource without what is computed when it is read.
fn kept(ty: &ResourceType, resource: &Resource) -> Resource {
    let mut kept = resource.clone();
    kept.remove("meta");
    if has_groups(ty) {
        kept.remove("groups");
    }
    for (extension, attribute) in singular_references(ty) {
        let map = match extension {
            Some(uri) => kept.as_map_mut().get_mut(uri).and_then(Value::as_object_mut),
            None => Some(kept.as_map_mut()),
        };
        let reference = map.and_then(|map| map.get_mut(attribute.name.as_str()));
        let Some(reference) = reference.and_then(Value::as_object_mut) else { continue };
        reference.remove("$ref");
        for computed in &attribute.sub_attributes {
            if computed.mutability == Mutability::ReadOnly {
                reference.remove(computed.name.as_str());
            }
        }
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[track_caller]
    fn check(ty: &ResourceType, a: Value, b: Value, expected: bool) {
        let resource = |value: &Value| Resource::from(value.as_object().unwrap().clone());
        assert_eq!(changes(ty, &resource(&a), &resource(&b)).is_empty(), expected);
        assert_eq!(changes(ty, &resource(&b), &resource(&a)).is_empty(), expected);
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
