//! Which attributes an answer carries.

use proptest::prelude::*;
use scim2_core::policy::UnknownAttributes;
use scim2_core::project::{Projection, Written, parse_list, parse_list_with};
use scim2_core::schema::{Returned, Schema};
use scim2_core::{Policy, Resource, ResourceType, ScimType};
use serde_json::{Map, Value, json};

const USER: &str = "urn:ietf:params:scim:schemas:core:2.0:User";
const ENTERPRISE: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";

fn resource(value: Value) -> Resource {
    let Value::Object(map) = value else { panic!("a resource is an object") };
    map.into()
}

fn babs() -> Value {
    json!({
        "schemas": [USER, ENTERPRISE],
        "id": "2819c223",
        "userName": "bjensen",
        "name": {"formatted": "Babs Jensen", "givenName": "Barbara", "familyName": "Jensen"},
        "emails": [{"value": "b@x.org", "type": "work", "primary": true}, {"value": "b@y.org", "display": "home"}],
        "active": true,
        "password": "t1meMa$heen",
        "groups": [{"value": "g"}],
        ENTERPRISE: {"department": "d", "manager": {"value": "2", "displayName": "Boss"}},
        "meta": {"resourceType": "User", "location": "https://example.com/Users/2819c223"},
    })
}

fn project(
    ty: &ResourceType,
    value: Value,
    attributes: &str,
    excluded: &str,
    written: Option<&Written>,
) -> Value {
    let policy = Policy::strict();
    let projection = ty
        .projection(&parse_list(attributes).unwrap(), &parse_list(excluded).unwrap(), &policy)
        .unwrap();
    projection.apply(ty, resource(value), written).into()
}

/// `attributes` shows `shown` of Babs, besides `id` and `schemas`.
#[track_caller]
fn only(attributes: &str, shown: Value) {
    let mut expected = shown;
    expected["schemas"] = json!([USER, ENTERPRISE]);
    expected["id"] = json!("2819c223");
    assert_eq!(
        project(&ResourceType::user(), babs(), attributes, "", None),
        expected,
        "{attributes}"
    );
}

/// `excludedAttributes` removes what stands at these places, and the password.
#[track_caller]
fn except(excluded: &str, removed: &[&str]) {
    let mut expected = babs();
    for place in removed.iter().chain([&"/password"]) {
        let (parent, name) = place.rsplit_once('/').unwrap();
        expected.pointer_mut(parent).unwrap().as_object_mut().unwrap().remove(name);
    }
    assert_eq!(project(&ResourceType::user(), babs(), "", excluded, None), expected, "{excluded}");
}

/// A resource type with attributes of every `returned`.
fn badge() -> ResourceType {
    let sub_attributes = json!([
        {"name": "always", "returned": "always"}, {"name": "default"}, {"name": "never", "returned": "never"},
        {"name": "request", "returned": "request"}, {"name": "secret", "mutability": "writeOnly"},
    ]);
    let complex = |name: &str, returned: &str, multi_valued: bool| {
        json!({
            "name": name, "type": "complex", "returned": returned, "multiValued": multi_valued,
            "subAttributes": sub_attributes,
        })
    };
    let attributes = json!([
        {"name": "always", "returned": "always"}, {"name": "default"}, {"name": "never", "returned": "never"},
        {"name": "request", "returned": "request"}, {"name": "secret", "mutability": "writeOnly"},
        complex("alwaysC", "always", false), complex("defaultC", "default", true),
        complex("neverC", "never", false), complex("requestC", "request", false),
    ]);
    let schema = |id: &str| -> Schema {
        serde_json::from_value(json!({"id": id, "attributes": attributes})).unwrap()
    };
    ResourceType::new("Badge", "/Badges", schema("urn:example:Badge"))
        .with_extension(schema("urn:example:X"))
}

fn full_badge() -> Value {
    let complex = json!({"always": 1, "default": 2, "never": 3, "request": 4, "secret": 5});
    let attributes = json!({
        "always": 1, "default": 2, "never": 3, "request": 4, "secret": 5,
        "alwaysC": complex, "defaultC": [complex, {"secret": 6}], "neverC": complex, "requestC": complex,
    });
    let mut badge = attributes.clone();
    badge["urn:example:X"] = attributes;
    badge["id"] = json!("1");
    badge
}

fn show_badge(attributes: &str, excluded: &str, written: Option<&Written>) -> Value {
    project(&badge(), full_badge(), attributes, excluded, written)
}

#[test]
fn r44_3_4_01_r44_3_9_01_r43_7_19_by_default_always_and_default_are_returned() {
    let part = json!({
        "always": 1, "default": 2, "alwaysC": {"always": 1, "default": 2}, "defaultC": [{"always": 1, "default": 2}],
    });
    let mut expected = part.clone();
    expected["id"] = json!("1");
    expected["urn:example:X"] = part;
    assert_eq!(show_badge("", "", None), expected);
    assert_eq!(
        Value::from(Projection::all().apply(&badge(), resource(full_badge()), None)),
        expected
    );
    except("", &[]);
}

#[test]
fn r44_3_9_03_r43_7_16_attributes_gives_the_named_ones_and_the_minimum() {
    let minimum = json!({
        "id": "1", "always": 1, "alwaysC": {"always": 1, "default": 2},
        "urn:example:X": {"always": 1, "alwaysC": {"always": 1, "default": 2}},
    });
    // A name that is not known is ignored, and so asks for nothing (ruling Q10).
    assert_eq!(show_badge("nosuch", "", None), minimum);
    let mut expected = minimum.clone();
    expected["default"] = json!(2);
    assert_eq!(show_badge("default", "", None), expected);
    let mut expected = minimum;
    expected["urn:example:X"]["default"] = json!(2);
    assert_eq!(show_badge("urn:example:X:default", "", None), expected);
    only("userName", json!({"userName": "bjensen"}));
    only("userName,active", json!({"userName": "bjensen", "active": true}));
}

#[test]
fn q10_r44_3_9_05_a_list_has_commas_and_may_have_white_space() {
    only(" userName ,\t,, active ,", json!({"userName": "bjensen", "active": true}));
    assert_eq!(parse_list("").unwrap(), []);
    assert_eq!(parse_list(" , ").unwrap(), []);
    for malformed in [
        "user name",
        "1st",
        "emails[type eq \"work\"]",
        "a.b.c",
        "name.",
        ".x",
        "a;b",
        "user\u{e9}",
    ] {
        let error = parse_list(&format!("userName,{malformed}")).unwrap_err();
        assert_eq!(error.scim_type(), Some(&ScimType::InvalidValue), "{malformed}");
    }
}

#[test]
fn q10_a_value_path_stands_for_its_attribute_by_option() {
    let mut policy = Policy::strict();
    policy.projection.value_paths = true;
    let names = parse_list_with(r#"userName,emails[type eq "work"].value"#, &policy).unwrap();
    assert_eq!(names, parse_list("userName,emails.value").unwrap());
    assert!(parse_list_with("user name", &policy).is_err());
}

#[test]
fn q10_a_list_has_an_end() {
    use scim2_core::project::MAX_NAMES;
    let names = |count: usize| parse_list(&"nosuch,".repeat(count)).unwrap();
    let projection = |attributes: usize, excluded: usize| {
        let user = ResourceType::user();
        user.projection(&names(attributes), &names(excluded), &Policy::lenient()).is_ok()
    };
    assert!(projection(MAX_NAMES, 0) && projection(0, MAX_NAMES));
    assert!(!projection(MAX_NAMES + 1, 0) && !projection(0, MAX_NAMES + 1));
}

#[test]
fn q10_unknown_names_are_ignored() {
    only("userName,colour,name.nick,userName.x,urn:a:b:c", json!({"userName": "bjensen"}));
    except("colour,name.nick,urn:a:b:c,userName.x", &[]);
}

#[test]
fn r44_3_4_2_5_03_r44_3_10_02_names_are_in_standard_notation_in_any_case() {
    let given_name = json!({"name": {"givenName": "Barbara"}});
    only("name.givenName", given_name.clone());
    only("NAME.GIVENNAME", given_name.clone());
    only(&format!("{USER}:name.givenName"), given_name.clone());
    only(&format!("{}:name.givenName", USER.to_uppercase()), given_name);
    only(&format!("{ENTERPRISE}:DEPARTMENT"), json!({ENTERPRISE: {"department": "d"}}));
}

#[test]
fn q11_granularity() {
    only("emails.value", json!({"emails": [{"value": "b@x.org"}, {"value": "b@y.org"}]}));
    only("emails.display", json!({"emails": [{"display": "home"}]}));
    only("emails", json!({"emails": babs()["emails"]}));
    only("emails,emails.value", json!({"emails": babs()["emails"]}));
    only(ENTERPRISE, json!({ENTERPRISE: babs()[ENTERPRISE]}));
    only(&format!("{ENTERPRISE}:manager.value"), json!({ENTERPRISE: {"manager": {"value": "2"}}}));
    only("name.middleName", json!({}));
    except("name.givenName", &["/name/givenName"]);
    except("name", &["/name"]);
    except("emails.type,emails.value", &["/emails/0/type", "/emails/0/value", "/emails/1/value"]);
    except("name.formatted,name.givenName,name.familyName", &["/name"]);
    let place = format!("/{ENTERPRISE}");
    except(ENTERPRISE, &[&place]);
    except(&format!("{ENTERPRISE}:department"), &[&format!("{place}/department")]);
    except(&format!("{ENTERPRISE}:manager.value"), &[&format!("{place}/manager/value")]);
}

#[test]
fn q11_naming_a_parent_does_not_bring_its_request_sub_attributes() {
    assert_eq!(show_badge("defaultC", "", None)["defaultC"], json!([{"always": 1, "default": 2}]));
    assert_eq!(
        show_badge("defaultC.request", "", None)["defaultC"],
        json!([{"always": 1, "request": 4}])
    );
    assert_eq!(
        show_badge("defaultC,defaultC.request", "", None)["defaultC"],
        json!([{"always": 1, "default": 2, "request": 4}])
    );
    assert_eq!(show_badge("requestC", "", None)["requestC"], json!({"always": 1, "default": 2}));
    // An extension is a parent, too.
    let shown = show_badge("urn:example:X", "", None);
    let extension = json!({
        "always": 1, "default": 2, "alwaysC": {"always": 1, "default": 2}, "defaultC": [{"always": 1, "default": 2}],
    });
    assert_eq!(shown["urn:example:X"], extension);
    let shown = show_badge("urn:example:X,urn:example:X:request", "", None);
    assert_eq!(shown["urn:example:X"]["request"], 4);
}

#[test]
fn q09_attributes_and_excluded_attributes_exclude_each_other() {
    let user = ResourceType::user();
    let (attributes, excluded) = (parse_list("userName").unwrap(), parse_list("name").unwrap());
    let error = user.projection(&attributes, &excluded, &Policy::strict()).unwrap_err();
    assert_eq!(error.scim_type(), Some(&ScimType::InvalidValue));
    let mut prefer = Policy::strict();
    prefer.projection.prefer_attributes = true;
    let projection = user.projection(&attributes, &excluded, &prefer).unwrap();
    let shown = projection.apply(&user, resource(babs()), None);
    assert_eq!(shown.as_map().keys().collect::<Vec<_>>(), ["id", "schemas", "userName"]);
}

#[test]
fn q12_r43_3_1_04_id_and_schemas_are_always_returned_and_meta_by_default() {
    only("active", json!({"active": true}));
    except("id,schemas,active", &["/active"]);
    except("meta", &["/meta"]);
    except("meta.location", &["/meta/location"]);
    only("meta.location", json!({"meta": {"location": "https://example.com/Users/2819c223"}}));
}

#[test]
fn q13_r43_7_20_request_is_returned_when_named_or_written() {
    let shown = |attributes, written| show_badge(attributes, "", written);
    assert_eq!(shown("", None).get("request"), None);
    assert_eq!(shown("default", None).get("request"), None);
    assert_eq!(shown("request", None)["request"], 4);

    let policy = Policy::strict();
    let body = resource(
        json!({"request": "x", "defaultC": [{"request": "y"}], "urn:example:X": {"requestC": {"default": 1}}}),
    );
    let written = Written::from_resource(&badge(), &body);
    let answer = shown("", Some(&written));
    assert_eq!(answer["request"], 4);
    assert_eq!(answer["defaultC"], json!([{"always": 1, "default": 2, "request": 4}]));
    assert_eq!(answer.get("requestC"), None);
    assert_eq!(
        answer["urn:example:X"]["requestC"],
        json!({"always": 1, "default": 2, "request": 4})
    );
    assert_eq!(answer["urn:example:X"].get("request"), None);
    // It stays so when other attributes are named, and not when it is excluded itself.
    assert_eq!(shown("default", Some(&written))["request"], 4);
    assert_eq!(show_badge("", "request", Some(&written)).get("request"), None);

    let paths =
        ["request", "requestC.request", "urn:example:X:defaultC.request", "not a path", "nosuch"];
    let written = Written::from_paths(&badge(), paths, &policy);
    let answer = shown("", Some(&written));
    assert_eq!(answer["request"], 4);
    assert_eq!(answer["requestC"], json!({"always": 1, "default": 2, "request": 4}));
    assert_eq!(
        answer["urn:example:X"]["defaultC"],
        json!([{"always": 1, "default": 2, "request": 4}])
    );
}

#[test]
fn q14_sec_07_r43_7_15_r43_7_17_r43_4_1_1_10_never_and_write_only_are_not_returned_at_all() {
    let all = "never,secret,neverC,neverC.always,defaultC.never,defaultC.secret,urn:example:X,urn:example:X:never,alwaysC.never";
    let policy = Policy::strict();
    let body = Written::from_resource(&badge(), &resource(full_badge()));
    let paths = Written::from_paths(&badge(), all.split(','), &policy);
    for written in [None, Some(&body), Some(&paths)] {
        for (attributes, excluded) in
            [("", ""), (all, ""), ("", "default"), ("", "never"), ("always", "")]
        {
            let shown = show_badge(attributes, excluded, written).to_string();
            for hidden in ["never", "secret"] {
                assert!(!shown.contains(hidden), "{attributes} {excluded} {shown}");
            }
        }
    }
    only("password", json!({}));
    only("password,userName", json!({"userName": "bjensen"}));
    except("userName", &["/userName"]);
}

#[test]
fn q15_r44_3_4_2_5_02_r44_3_9_04_always_cannot_be_excluded() {
    let shown = show_badge("", "always,alwaysC,default,urn:example:X", None);
    let always = json!({"always": 1, "default": 2});
    assert_eq!(
        shown,
        json!({
            "id": "1", "always": 1, "alwaysC": always, "defaultC": [{"always": 1, "default": 2}],
            "urn:example:X": {"always": 1, "alwaysC": always},
        })
    );
    // It comes with its parent, and does not force one that is excluded.
    assert_eq!(
        show_badge("", "defaultC.always", None)["defaultC"],
        json!([{"always": 1, "default": 2}])
    );
    assert_eq!(show_badge("", "defaultC", None).get("defaultC"), None);
    assert_eq!(show_badge("", "alwaysC.default", None)["alwaysC"], json!({"always": 1}));
}

#[test]
fn s06_a_parent_that_is_never_returned_hides_all() {
    for attributes in ["", "neverC", "neverC.always", "neverC.default"] {
        assert_eq!(show_badge(attributes, "", None).get("neverC"), None);
    }
}

#[test]
fn attributes_without_a_schema_are_returned_by_default() {
    let open = ResourceType::user().open();
    let value = json!({"id": "1", "colour": "red", "size": 5, "urn:a:b": {"c": 1}});
    let show = |attributes: &str, excluded: &str| {
        project(&open, value.clone(), attributes, excluded, None)
    };
    assert_eq!(show("", ""), value);
    assert_eq!(show("COLOUR", ""), json!({"id": "1", "colour": "red"}));
    assert_eq!(show("", "colour,size"), json!({"id": "1", "urn:a:b": {"c": 1}}));

    let mut keep = Policy::strict();
    keep.unknown_attributes = UnknownAttributes::Keep;
    let user = ResourceType::user();
    let projection = user.projection(&parse_list("colour").unwrap(), &[], &keep).unwrap();
    assert_eq!(
        Value::from(projection.apply(&user, resource(value), None)),
        json!({"id": "1", "colour": "red"})
    );
}

#[test]
fn a_store_need_not_read_what_is_not_needed() {
    let needs = |attributes: &str, excluded: &str| {
        let (attributes, excluded) =
            (parse_list(attributes).unwrap(), parse_list(excluded).unwrap());
        ResourceType::group()
            .projection(&attributes, &excluded, &Policy::strict())
            .unwrap()
            .needs("members")
    };
    assert!(Projection::all().needs("members"));
    assert!(needs("", ""));
    assert!(needs("members", "") && needs("displayName,MEMBERS.value", ""));
    assert!(!needs("displayName", ""));
    assert!(!needs("", "members") && !needs("", "displayName,Members"));
    assert!(needs("", "members.value"));
}

fn names() -> impl Strategy<Value = String> {
    let name = prop::sample::select(vec![
        "userName",
        "id",
        "schemas",
        "meta",
        "meta.location",
        "name",
        "name.givenName",
        "emails",
        "emails.value",
        "emails.type",
        "password",
        "active",
        "groups",
        "nosuch",
        ENTERPRISE,
        "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department",
        "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager.value",
    ]);
    prop::collection::vec(name, 0..5).prop_map(|names| names.join(","))
}

/// Whether all of `part` stands in `whole` at the same place; of arrays, in order.
fn is_part(part: &Value, whole: &Value) -> bool {
    match (part, whole) {
        (Value::Object(part), Value::Object(whole)) => part
            .iter()
            .all(|(name, part)| whole.get(name).is_some_and(|whole| is_part(part, whole))),
        (Value::Array(part), Value::Array(whole)) => {
            let mut whole = whole.iter();
            part.iter().all(|part| whole.any(|whole| is_part(part, whole)))
        }
        _ => part == whole,
    }
}

fn some_of(value: Value, keep: Vec<bool>) -> Value {
    let Value::Object(map) = value else { panic!("an object") };
    let keep = keep.into_iter().chain(std::iter::repeat(true));
    let kept: Map<_, _> = map
        .into_iter()
        .zip(keep)
        .filter(|((name, _), keep)| *keep || name == "id" || name == "schemas")
        .map(|(entry, _)| entry)
        .collect();
    Value::Object(kept)
}

proptest! {
    #[test]
    fn projection_never_adds_and_keeps_id_and_schemas(
        names in names(),
        excluded in any::<bool>(),
        keep in prop::collection::vec(any::<bool>(), 10),
    ) {
        let user = ResourceType::user();
        let whole = some_of(babs(), keep);
        let (attributes, excluded) = if excluded { ("", names.as_str()) } else { (names.as_str(), "") };
        let shown = project(&user, whole.clone(), attributes, excluded, None);
        prop_assert!(is_part(&shown, &whole), "{} of {}", shown, whole);
        prop_assert_eq!(&shown["id"], &whole["id"]);
        prop_assert_eq!(&shown["schemas"], &whole["schemas"]);
        prop_assert_eq!(shown.get("password"), None);
        // Once more changes nothing.
        prop_assert_eq!(project(&user, shown.clone(), attributes, excluded, None), shown);
    }

    #[test]
    fn excluded_and_named_make_the_whole(names in names()) {
        let user = ResourceType::user();
        let whole = project(&user, babs(), "", "", None);
        let without = project(&user, babs(), "", &names, None);
        if !names.is_empty() {
            let with = project(&user, babs(), &names, "", None);
            for (name, value) in whole.as_object().unwrap() {
                if !with.as_object().unwrap().contains_key(name) {
                    prop_assert_eq!(without.get(name), Some(value));
                }
            }
        }
    }
}

#[test]
fn w30_what_is_returned_on_request_need_not_be_read() {
    let users = ResourceType::user().with_returned("groups", Returned::Request).unwrap();
    let reads = |attributes: &str, excluded: &str| {
        let (attributes, excluded) =
            (parse_list(attributes).unwrap(), parse_list(excluded).unwrap());
        let projection = users.projection(&attributes, &excluded, &Policy::strict()).unwrap();
        projection.needs_reading(&users, "groups")
    };
    assert!(!reads("", "") && !reads("", "title") && !reads("title", ""));
    assert!(reads("groups", "") && reads("groups.display", ""));
    assert!(Projection::all().needs_reading(&ResourceType::user(), "groups"));
    for path in ["id", "externalId", "nosuch"] {
        assert!(ResourceType::user().with_returned(path, Returned::Never).is_err(), "{path}");
    }
}
