//! The PATCH between two states of a resource.

use std::collections::{BTreeMap, BTreeSet};

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;
use scim2_core::diff::diff;
use scim2_core::patch_op::PatchOpKind;
use scim2_core::syntax::PatchPath;
use scim2_core::{Policy, Resource, ResourceType};
use serde_json::{Map, Value, json};

const USER: &str = "urn:ietf:params:scim:schemas:core:2.0:User";
const ENTERPRISE: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";

/// The operations between two resources, as on the wire.
fn operations(ty: &ResourceType, before: Value, after: Value) -> Value {
    let resource = |value| serde_json::from_value::<Resource>(value).unwrap();
    let op = diff(ty, &resource(before), &resource(after));
    serde_json::to_value(&op.operations).unwrap()
}

#[track_caller]
fn user(before: Value, after: Value, expected: Value) {
    assert_eq!(operations(&ResourceType::user(), before, after), expected);
}

#[test]
fn equal_resources_need_no_operation() {
    let resource = json!({"userName": "b", "emails": [{"value": "x"}], "active": false});
    user(resource.clone(), resource, json!([]));
}

#[test]
fn simple_attributes_are_added_replaced_and_removed() {
    user(
        json!({"userName": "b", "title": "x"}),
        json!({"userName": "c", "nickName": "n"}),
        json!([
            {"op": "add", "path": "nickName", "value": "n"},
            {"op": "remove", "path": "title"},
            {"op": "replace", "path": "userName", "value": "c"},
        ]),
    );
}

#[test]
fn extension_attributes_have_their_urn_in_the_path() {
    user(
        json!({ENTERPRISE: {"department": "a", "costCenter": "7"}}),
        json!({ENTERPRISE: {"department": "b", "organization": "o"}}),
        json!([
            {"op": "remove", "path": format!("{ENTERPRISE}:costCenter")},
            {"op": "replace", "path": format!("{ENTERPRISE}:department"), "value": "b"},
            {"op": "add", "path": format!("{ENTERPRISE}:organization"), "value": "o"},
        ]),
    );
}

#[test]
fn complex_attributes_change_by_sub_attribute() {
    user(
        json!({"name": {"givenName": "a", "familyName": "b"}}),
        json!({"name": {"givenName": "c", "formatted": "d"}}),
        json!([
            {"op": "remove", "path": "name.familyName"},
            {"op": "add", "path": "name.formatted", "value": "d"},
            {"op": "replace", "path": "name.givenName", "value": "c"},
        ]),
    );
    user(
        json!({}),
        json!({"name": {"givenName": "c"}}),
        json!([
        {"op": "add", "path": "name", "value": {"givenName": "c"}}]),
    );
    user(json!({"name": {"givenName": "c"}}), json!({}), json!([{"op": "remove", "path": "name"}]));
}

#[test]
fn multi_valued_attributes_are_replaced_whole() {
    user(
        json!({"emails": [{"value": "a", "type": "work"}]}),
        json!({"emails": [{"value": "b", "type": "work"}]}),
        json!([{"op": "replace", "path": "emails", "value": [{"value": "b", "type": "work"}]}]),
    );
    user(
        json!({"emails": [{"value": "a"}]}),
        json!({"emails": []}),
        json!([{"op": "remove", "path": "emails"}]),
    );
}

#[test]
fn members_are_added_and_removed_one_by_one() {
    let group = ResourceType::group();
    assert_eq!(
        operations(
            &group,
            json!({"members": [{"value": "1"}, {"value": "2", "display": "Two"}, {"value": "3"}]}),
            json!({"members": [{"value": "4", "$ref": "https://x.org/Users/4"}, {"value": "2"}]}),
        ),
        json!([
            {"op": "remove", "path": "members[value eq \"1\"]"},
            {"op": "remove", "path": "members[value eq \"3\"]"},
            {"op": "add", "path": "members", "value": [{"value": "4"}]},
        ])
    );
    assert_eq!(
        operations(&group, json!({"members": [{"value": "a\"b"}]}), json!({})),
        json!([{"op": "remove", "path": "members[value eq \"a\\\"b\"]"}])
    );
}

#[test]
fn what_the_service_provider_sets_is_no_difference() {
    user(
        json!({"schemas": [USER], "id": "1", "meta": {"version": "a"}, "groups": [{"value": "g"}],
            ENTERPRISE: {"manager": {"value": "9", "$ref": "../Users/9", "displayName": "Boss"}}}),
        json!({"schemas": [USER, ENTERPRISE], "meta": {"version": "b"},
            ENTERPRISE: {"manager": {"value": "9"}}}),
        json!([]),
    );
}

#[test]
fn manager_changes_by_its_value() {
    user(
        json!({ENTERPRISE: {"manager": {"value": "9", "$ref": "../Users/9", "displayName": "Boss"}}}),
        json!({ENTERPRISE: {"manager": {"value": "8"}}}),
        json!([{"op": "replace", "path": format!("{ENTERPRISE}:manager.value"), "value": "8"}]),
    );
}

#[test]
fn password_that_cannot_be_read_back_is_not_removed() {
    user(json!({"password": "x"}), json!({}), json!([]));
    user(
        json!({}),
        json!({"password": "x"}),
        json!([{"op": "add", "path": "password", "value": "x"}]),
    );
}

// The law.

fn text() -> impl Strategy<Value = Value> {
    select(vec!["a", "A", "b", "é", "with \"quotes\"", "1"]).prop_map(Value::from)
}

fn object(names: &'static [&'static str]) -> impl Strategy<Value = Value> {
    vec(option::of(text()), names.len()).prop_map(|values| {
        let members = names.iter().zip(values);
        members.filter_map(|(name, value)| Some(((*name).to_owned(), value?))).collect()
    })
}

/// Elements as a service provider stores them: no two alike, one primary.
fn elements() -> impl Strategy<Value = Value> {
    let element = (text(), option::of(select(vec!["work", "home"])), option::of(any::<bool>()));
    vec(element, 0..4).prop_map(|elements| {
        let mut chosen = BTreeMap::new();
        let mut primary = false;
        for (value, kind, flag) in elements {
            let mut element = json!({"value": value});
            if let Some(kind) = kind {
                element["type"] = json!(kind);
            }
            if let Some(flag) = flag {
                element["primary"] = json!(flag && !primary);
                primary |= flag;
            }
            chosen.insert((value.to_string().to_lowercase(), kind), element);
        }
        chosen.into_values().collect()
    })
}

fn a_user() -> impl Strategy<Value = Resource> {
    let extension = (object(&["department", "costCenter"]), option::of(text()));
    (
        text(),
        object(&["title", "nickName", "displayName", "externalId"]),
        option::of(any::<bool>()),
        object(&["givenName", "familyName", "formatted"]),
        (elements(), elements()),
        object(&["streetAddress", "locality"]),
        extension,
    )
        .prop_map(|(user_name, simple, active, name, (emails, phones), address, (enterprise, manager))| {
            let mut enterprise = enterprise;
            if let Some(id) = manager {
                enterprise["manager"] = json!({"value": id});
            }
            let mut user = json!({"schemas": [USER], "userName": user_name, "active": active, "name": name,
                "emails": emails, "phoneNumbers": phones, "addresses": [address], ENTERPRISE: enterprise});
            user.as_object_mut().unwrap().extend(simple.as_object().unwrap().clone());
            stored(&ResourceType::user(), user)
        })
}

fn a_group() -> impl Strategy<Value = Resource> {
    let member = (0..8_u8, option::of(select(vec!["User", "Group"])));
    (text(), vec(member, 0..8)).prop_map(|(name, members)| {
        let mut by_id = BTreeMap::new();
        for (id, kind) in members {
            let mut member = json!({"value": format!("id{id}")});
            if let Some(kind) = kind {
                member["type"] = json!(kind);
            }
            by_id.insert(id, member);
        }
        let group = json!({"schemas": ["urn:ietf:params:scim:schemas:core:2.0:Group"], "displayName": name,
            "members": by_id.into_values().collect::<Value>()});
        stored(&ResourceType::group(), group)
    })
}

fn stored(ty: &ResourceType, value: Value) -> Resource {
    let Value::Object(map) = value else { unreachable!() };
    let map: Map<String, Value> = map.into_iter().filter(|(_, value)| !value.is_null()).collect();
    ty.validate_new(map.into(), &Policy::strict()).unwrap().into_inner()
}

fn members(group: &Resource) -> BTreeSet<String> {
    let members = group.get("members").and_then(Value::as_array).into_iter().flatten();
    members.map(|member| member["value"].to_string()).collect()
}

proptest! {
    #[test]
    fn diff_then_patch_gives_the_target(before in a_user(), after in a_user()) {
        let ty = ResourceType::user();
        let op = diff(&ty, &before, &after);
        let mut patched = before.clone();
        let changes = ty.patch(&mut patched, &op, &Policy::strict()).unwrap();
        prop_assert_eq!(Value::from(patched), Value::from(after.clone()));
        prop_assert_eq!(changes.is_empty(), op.is_empty());
        prop_assert_eq!(op.is_empty(), before == after);
    }

    #[test]
    fn diff_uses_forms_that_everyone_takes(before in a_user(), after in a_user()) {
        let op = diff(&ResourceType::user(), &before, &after);
        let mut paths = Vec::new();
        for operation in &op.operations {
            let path: PatchPath = operation.path.as_deref().unwrap().parse().unwrap();
            prop_assert!(path.filter.is_none());
            prop_assert_eq!(operation.value.is_some(), operation.op != PatchOpKind::Remove);
            paths.push(path);
        }
        let count = paths.len();
        paths.dedup();
        prop_assert_eq!(paths.len(), count, "one operation an attribute");
    }

    #[test]
    fn diff_then_patch_gives_the_members(before in a_group(), after in a_group()) {
        let ty = ResourceType::group();
        let op = diff(&ty, &before, &after);
        let mut patched = before.clone();
        ty.patch(&mut patched, &op, &Policy::strict()).unwrap();
        prop_assert_eq!(members(&patched), members(&after));
        prop_assert_eq!(patched.get("displayName"), after.get("displayName"));
        prop_assert!(diff(&ty, &patched, &after).is_empty());
        for operation in &op.operations {
            let path = operation.path.as_deref().unwrap();
            prop_assert!(operation.op != PatchOpKind::Replace || path == "displayName");
        }
    }
}
