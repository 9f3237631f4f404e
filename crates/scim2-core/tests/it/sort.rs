//! What `sortBy` means: rulings Q07 and Q08.

use scim2_core::sort::{SortKey, SortOrder, SortValue};
use scim2_core::{Policy, Resource, ResourceType, ScimType};
use serde_json::{Value, json};

fn bind(ty: &ResourceType, sort_by: &str, order: SortOrder) -> SortKey {
    ty.bind_sort(&sort_by.parse().unwrap(), order, &Policy::strict()).unwrap()
}

#[track_caller]
fn check_type(ty: &ResourceType, sort_by: &str, order: SortOrder, list: Value, expected: &[&str]) {
    let key = bind(ty, sort_by, order);
    let mut list: Vec<Resource> = serde_json::from_value(list).unwrap();
    list.sort_by(|a, b| key.compare(a, b));
    let ids: Vec<_> = list.iter().filter_map(Resource::id).collect();
    assert_eq!(ids, expected);
}

#[track_caller]
fn check(sort_by: &str, order: SortOrder, users: Value, expected: &[&str]) {
    check_type(&ResourceType::user(), sort_by, order, users, expected);
}

#[track_caller]
fn refused(sort_by: &str) {
    let path = sort_by.parse().unwrap();
    let error = ResourceType::user().bind_sort(&path, SortOrder::Ascending, &Policy::strict());
    assert_eq!(error.unwrap_err().scim_type(), Some(&ScimType::InvalidValue));
}

#[test]
fn r44_3_4_2_3_02_resources_are_sorted_by_the_attribute() {
    let users = || {
        json!([
            {"id": "1", "userName": "bob"},
            {"id": "2", "userName": "Alice"},
            {"id": "3", "userName": "éva"},
            {"id": "4", "userName": "Carl"},
        ])
    };
    check("userName", SortOrder::Ascending, users(), &["2", "1", "4", "3"]);
    check("userName", SortOrder::Descending, users(), &["3", "4", "1", "2"]);
}

#[test]
fn q07_unassigned_is_last_ascending_and_first_descending() {
    let users = || {
        json!([
            {"id": "1"},
            {"id": "2", "title": "a"},
            {"id": "3", "title": null},
            {"id": "4", "title": ""},
            {"id": "5", "title": "b"},
        ])
    };
    check("title", SortOrder::Ascending, users(), &["2", "5", "1", "3", "4"]);
    check("title", SortOrder::Descending, users(), &["1", "3", "4", "5", "2"]);
}

#[test]
fn q07_ties_are_broken_by_id_in_both_directions() {
    let users = || {
        json!([
            {"id": "2", "title": "A"},
            {"id": "3", "title": "a"},
            {"id": "1", "title": "a"},
        ])
    };
    check("title", SortOrder::Ascending, users(), &["1", "2", "3"]);
    check("title", SortOrder::Descending, users(), &["1", "2", "3"]);
}

#[test]
fn r44_3_4_2_3_03_multi_valued_attributes_sort_by_primary_else_first() {
    let users = || {
        json!([
            {"id": "1", "emails": [{"value": "z"}, {"value": "b", "primary": true}]},
            {"id": "2", "emails": [{"value": "c"}, {"value": "a"}]},
            {"id": "3", "emails": [{"value": "a"}, {"value": "x"}]},
            {"id": "4", "emails": []},
        ])
    };
    check("emails.value", SortOrder::Ascending, users(), &["3", "1", "2", "4"]);
    // F13: `value` is implied.
    check("emails", SortOrder::Ascending, users(), &["3", "1", "2", "4"]);
}

#[test]
fn q07_instants_and_numbers_sort_by_value() {
    let users = json!([
        {"id": "1", "meta": {"created": "2011-05-13T04:42:34Z"}},
        {"id": "2", "meta": {"created": "2011-05-13T05:42:34+02:00"}},
        {"id": "3", "meta": {"created": "2010-05-13T04:42:34Z"}},
    ]);
    check("meta.created", SortOrder::Ascending, users, &["3", "2", "1"]);
    let list = json!([{"id": "1", "n": 10}, {"id": "2", "n": 9.5}, {"id": "3", "n": -1}]);
    check_type(&ResourceType::user().open(), "n", SortOrder::Ascending, list, &["3", "2", "1"]);
}

#[test]
fn q07_sub_attributes_of_extensions_sort() {
    let urn = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";
    let users = json!([
        {"id": "1", urn: {"department": "Sales"}},
        {"id": "2", urn: {"department": "accounts"}},
    ]);
    check(&format!("{urn}:department"), SortOrder::Ascending, users, &["2", "1"]);
}

#[test]
fn q08_bad_sort_by_is_invalid_value() {
    for sort_by in
        ["nosuch", "name", "addresses", "password", "x509Certificates.value", "userName.x"]
    {
        refused(sort_by);
    }
}

#[test]
fn r44_3_4_2_3_04_complex_attributes_need_a_sub_attribute() {
    refused("name");
    let users = json!([
        {"id": "1", "name": {"givenName": "b"}},
        {"id": "2", "name": {"givenName": "a"}},
    ]);
    check("name.givenName", SortOrder::Ascending, users, &["2", "1"]);
}

#[test]
fn a_key_can_be_kept_and_compared_later() {
    let key = bind(&ResourceType::user(), "userName", SortOrder::Descending);
    let user: Resource = serde_json::from_value(json!({"userName": "BJensen"})).unwrap();
    let value = key.key(&user);
    assert_eq!(value, Some(SortValue::Text("bjensen".into())));
    assert!(key.compare_keys(&value, &None).is_gt());
    assert!(key.compare_keys(&value, &Some(SortValue::Text("a".into()))).is_lt());
}
