//! PUT (RFC 7644 §3.5.1).

use scim2_core::schema::{Attribute, AttributeType, Mutability, Schema};
use scim2_core::{Catalog, ResourceType};
use serde_json::json;

use crate::support::*;

/// A type with an attribute that can be set once.
fn badges() -> Catalog {
    let label = Attribute::new("label".parse().unwrap(), AttributeType::String);
    let mut serial = Attribute::new("serial".parse().unwrap(), AttributeType::String);
    serial.mutability = Mutability::Immutable;
    let schema = Schema::new("urn:example:Badge".parse().unwrap(), vec![label, serial]);
    let mut catalog = Catalog::standard();
    catalog.register(ResourceType::new("Badge", "/Badges", schema)).unwrap();
    catalog
}

#[test]
fn r44_3_5_1_04_what_is_immutable_is_set_once() {
    // Also w07.
    let server = Setup { catalog: Some(badges()), ..Setup::default() }.server();
    let body = |label: &str, serial: Option<&str>| {
        let mut body = json!({"schemas": ["urn:example:Badge"], "label": label});
        if let Some(serial) = serial {
            body["serial"] = serial.into();
        }
        body
    };
    let path = format!("/Badges/{}", server.post("/Badges", body("a", None)).is(201).id());
    assert_eq!(server.put(&path, body("a", Some("s1"))).is(200).body["serial"], "s1");
    assert_eq!(server.put(&path, body("b", Some("s1"))).is(200).body["label"], "b");
    server.put(&path, body("c", Some("s2"))).fails(400, "mutability").naming("serial");
    assert_eq!(server.put(&path, body("d", None)).is(200).body["serial"], "s1");
    let replace = json!([{"op": "replace", "path": "serial", "value": "s2"}]);
    server.patch(&path, replace).fails(400, "mutability");
    assert_eq!(server.get(&path).body["serial"], "s1");
}

#[test]
fn r43_2_01_each_attribute_is_judged_by_its_own_rule() {
    // readOnly is ignored, unknown is refused.
    let server = server();
    let path = format!("/Users/{}", server.user("a"));
    let mut body = user("a");
    body["id"] = "other".into();
    server.put(&path, body.clone()).is(200);
    body["nosuch"] = 1.into();
    server.put(&path, body).fails(400, "invalidSyntax").naming("nosuch");
}

#[test]
fn r44_3_5_1_01_put_does_not_create() {
    let server = server();
    server.put("/Users/nobody", user("bjensen")).is(404);
    assert_eq!(server.total("/Users"), 0);
}

#[test]
fn r44_3_5_1_02_given_values_replace_and_missing_ones_are_cleared() {
    let server = server();
    let body = json!({"schemas": [USER], "userName": "a", "title": "x", "nickName": "n"});
    let path = format!("/Users/{}", server.post("/Users", body).is(201).id());
    let body = json!({"schemas": [USER], "userName": "b", "title": null});
    let reply = server.put(&path, body).is(200);
    assert_eq!(reply.body["userName"], "b");
    assert_eq!(reply.body.get("title"), None);
    assert_eq!(reply.body.get("nickName"), None);
    assert_eq!(server.get(&path).is(200).body, reply.body);
}

#[test]
fn r44_3_5_1_05_read_only_values_are_ignored() {
    // Also w06.
    let server = server();
    let id = server.user("a");
    let body = json!({"schemas": [USER], "id": "other", "userName": "a",
        "meta": {"created": "1999-01-01T00:00:00Z"}, "groups": [{"value": "g"}]});
    let reply = server.put(&format!("/Users/{id}"), body).is(200);
    assert_eq!(reply.id(), id);
    assert_eq!(reply.body["meta"]["created"], "2026-09-21T14:13:20.000Z");
    assert_eq!(reply.body.get("groups"), None);
}

#[test]
fn w11_a_taken_value_is_409_in_put_and_patch_too() {
    let server = server();
    server.user("a");
    let path = format!("/Users/{}", server.user("b"));
    server.put(&path, user("A")).fails(409, "uniqueness");
    server
        .patch(&path, json!([{"op": "replace", "path": "userName", "value": "a"}]))
        .fails(409, "uniqueness");
    assert_eq!(server.get(&path).body["userName"], "b");
}

#[test]
fn w12_a_value_that_was_given_up_is_free() {
    let server = server();
    let path = format!("/Users/{}", server.user("a"));
    server.put(&path, user("b")).is(200);
    server.user("a");
    server.put(&path, user("B")).is(200);
    server.delete(&path).is(204);
    server.user("b");
}

#[test]
fn p15_a_put_without_effect_gives_no_new_version() {
    let server = server();
    let (a, manager) = (server.user("a"), server.user("m"));
    server.group("g", &[&a]);
    let path = format!("/Users/{a}");
    let body = json!({
        "schemas": [USER, ENTERPRISE], "userName": "a",
        "emails": [{"value": "a@example.com", "type": "work"}],
        ENTERPRISE: {"manager": {"value": manager}},
    });
    let before = server.put(&path, body.clone()).is(200);
    server.clock.advance(1000);
    let after = server.put(&path, body).is(200);
    assert_eq!(before.body, after.body);
    let echo = server.put(&path, before.body.clone()).is(200);
    assert_eq!(before.body, echo.body);
    let changed = server.put(&path, user("A")).is(200);
    assert_ne!(before.version(), changed.version());
    assert_eq!(changed.body["userName"], "A");
}

#[test]
fn w25_a_new_password_is_refused_where_it_would_be_lost() {
    let server = server();
    let path = format!("/Users/{}", server.user("a"));
    let body = json!({"schemas": [USER], "userName": "a", "password": "n3w"});
    server.put(&path, body.clone()).fails(400, "invalidValue").naming("password");
    let operations = json!([{"op": "replace", "path": "password", "value": "n3w"}]);
    server.patch(&path, operations.clone()).fails(400, "invalidValue").naming("password");

    let server = Setup::policy(|policy| policy.password_ignore = true).server();
    let path = format!("/Users/{}", server.user("a"));
    let version = server.put(&path, body.clone()).is(200).version();
    let reply = server.patch(&path, operations).is(200);
    assert_eq!(reply.version(), version);
    let reply = server
        .patch(&path, json!([{"op": "add", "value": {"password": "n3w", "title": "x"}}]))
        .is(200);
    assert_eq!(reply.body["title"], "x");

    let offered = Setup::config(|c| c.change_password = scim2_provider::Offer::Yes).server();
    let path = format!("/Users/{}", offered.user("a"));
    assert_eq!(offered.put(&path, body).is(200).body.get("password"), None);
}

#[test]
fn w25_a_password_has_no_other_way_in() {
    let forms = [
        json!({"op": "add", "value": {USER: {"password": "n3w"}}}),
        json!({"op": "replace", "value": {USER.to_uppercase(): {"PASSWORD": "n3w"}}}),
        json!({"op": "add", "value": {format!("{USER}:password"): "n3w"}}),
        json!({"op": "add", "path": format!("{USER}:password"), "value": "n3w"}),
    ];
    let strict = server();
    let path = format!("/Users/{}", strict.user("a"));
    for form in &forms {
        strict.patch(&path, json!([form])).fails(400, "invalidValue").naming("password");
    }
    let ignoring = Setup::policy(|policy| policy.password_ignore = true).server();
    let path = format!("/Users/{}", ignoring.user("a"));
    let version = ignoring.get(&path).version();
    for form in &forms {
        assert_eq!(ignoring.patch(&path, json!([form])).is(200).version(), version, "{form}");
    }
}

#[test]
fn w25_nobody_believes_that_a_password_was_removed() {
    let server = Setup::config(|c| c.change_password = scim2_provider::Offer::Yes).server();
    let body = json!({"schemas": [USER], "userName": "a", "password": "t1meMa$heen"});
    let path = format!("/Users/{}", server.post("/Users", body).is(201).id());
    for operation in [
        json!({"op": "remove", "path": "password"}),
        json!({"op": "replace", "path": "password", "value": null}),
        json!({"op": "replace", "value": {"password": null}}),
        json!({"op": "replace", "value": {USER: {"password": null}}}),
    ] {
        let told = server.patch(&path, json!([operation])).fails(400, "invalidValue");
        told.naming("password");
    }
    let anew = json!([
        {"op": "remove", "path": "password"},
        {"op": "add", "path": "password", "value": "n3w"},
    ]);
    server.patch(&path, anew).is(200);
    server.patch(&path, json!([{"op": "add", "path": "title", "value": "x"}])).is(200);
}

#[test]
fn w29_last_modified_always_moves_forward() {
    let server = server();
    let path = format!("/Users/{}", server.user("a"));
    let mut last = String::new();
    for title in ["x", "y", "z"] {
        // The clock stands still, and then goes back.
        server.clock.advance(-5000);
        let operations = json!([{"op": "replace", "path": "title", "value": title}]);
        let reply = server.patch(&path, operations).is(200);
        let modified = reply.body["meta"]["lastModified"].as_str().unwrap().to_owned();
        assert!(modified > last, "{modified} after {last}");
        assert_ne!(reply.body["meta"]["created"], modified);
        last = modified;
    }
}

#[test]
fn r44_3_5_01_every_resource_can_be_put() {
    let server = Setup { catalog: Some(badges()), ..Setup::default() }.server();
    for (endpoint, schema, name) in [
        ("/Users", USER, "userName"),
        ("/Groups", GROUP, "displayName"),
        ("/Badges", "urn:example:Badge", "label"),
    ] {
        let body = |value: &str| json!({"schemas": [schema], name: value});
        let path = format!("{endpoint}/{}", server.post(endpoint, body("a")).is(201).id());
        assert_eq!(server.put(&path, body("b")).is(200).body[name], "b");
        assert_eq!(server.get(&path).body[name], "b");
    }
}

#[test]
fn r44_3_5_02_patch_is_offered_and_said_to_be() {
    let server = server();
    assert_eq!(server.get("/ServiceProviderConfig").body["patch"]["supported"], true);
    let path = format!("/Users/{}", server.user("a"));
    let operations = json!([{"op": "add", "path": "title", "value": "x"}]);
    assert_eq!(server.patch(&path, operations).is(200).body["title"], "x");
}

#[test]
fn r44_3_2_03_put_of_an_unknown_id_stores_nothing() {
    let server = server();
    let group = json!({"schemas": [GROUP], "displayName": "g"});
    for (endpoint, body) in [("/Users", user("a")), ("/Groups", group)] {
        let path = format!("{endpoint}/7c3a1c0e-0000-7000-8000-000000000000");
        server.put(&path, body).is(404);
        server.get(&path).is(404);
        assert_eq!(server.total(endpoint), 0);
    }
}

#[test]
fn r44_3_5_1_03_what_put_leaves_out_is_cleared_but_for_what_only_stands_once() {
    let server = Setup { catalog: Some(badges()), ..Setup::default() }.server();
    let body = json!({"schemas": ["urn:example:Badge"], "label": "x", "serial": "s1"});
    let path = format!("/Badges/{}", server.post("/Badges", body).is(201).id());
    let reply = server.put(&path, json!({"schemas": ["urn:example:Badge"]})).is(200);
    assert_eq!(reply.body.get("label"), None);
    assert_eq!(reply.body["serial"], "s1", "what is immutable stays (W08)");
}

#[test]
fn r44_3_5_1_07_success_is_200_with_the_whole_resource() {
    let server = server();
    let member = server.user("a");
    let path = format!("/Groups/{}", server.group("g", &[]));
    let body = json!({"schemas": [GROUP], "displayName": "h", "externalId": "e",
        "members": [{"value": member}]});
    let reply = server.put(&path, body).is(200);
    assert_eq!(reply.body, server.get(&path).is(200).body);
    assert_eq!(reply.body["members"][0]["value"], member);
    assert_eq!(reply.body["externalId"], "e");
}

#[test]
fn r44_3_5_1_09_another_value_of_what_is_immutable_is_400_mutability() {
    let server = Setup { catalog: Some(badges()), ..Setup::default() }.server();
    let body = |serial: &str| json!({"schemas": ["urn:example:Badge"], "serial": serial});
    let path = format!("/Badges/{}", server.post("/Badges", body("s1")).is(201).id());
    let before = server.get(&path).body;
    server.put(&path, body("s2")).fails(400, "mutability").naming("serial");
    assert_eq!(server.get(&path).body, before);
}

#[test]
fn r43_7_13_what_is_immutable_and_unset_may_be_set() {
    let server = Setup { catalog: Some(badges()), ..Setup::default() }.server();
    let body = json!({"schemas": ["urn:example:Badge"], "label": "x"});
    let mut set = body.clone();
    set["serial"] = "s1".into();
    assert_eq!(server.post("/Badges", set.clone()).is(201).body["serial"], "s1");
    for by_put in [true, false] {
        let path = format!("/Badges/{}", server.post("/Badges", body.clone()).is(201).id());
        let operations = json!([{"op": "add", "path": "serial", "value": "s1"}]);
        let reply =
            if by_put { server.put(&path, set.clone()) } else { server.patch(&path, operations) };
        assert_eq!(reply.is(200).body["serial"], "s1");
    }
}

#[test]
fn r43_7_14_what_is_immutable_and_set_is_never_updated() {
    let server = Setup { catalog: Some(badges()), ..Setup::default() }.server();
    let body = json!({"schemas": ["urn:example:Badge"], "serial": "s1"});
    let path = format!("/Badges/{}", server.post("/Badges", body).is(201).id());
    for operation in [
        json!({"op": "replace", "path": "serial", "value": "s2"}),
        json!({"op": "add", "path": "SERIAL", "value": "s2"}),
        json!({"op": "add", "value": {"serial": "s2"}}),
        json!({"op": "remove", "path": "serial"}),
        json!({"op": "replace", "path": "serial", "value": null}),
    ] {
        server.patch(&path, json!([operation])).fails(400, "mutability");
        assert_eq!(server.get(&path).body["serial"], "s1", "{operation}");
    }
}

#[test]
fn r43_7_21_a_taken_value_is_409_for_every_write() {
    let server = server();
    server.user("a");
    let path = format!("/Users/{}", server.user("b"));
    let rename = json!([{"op": "replace", "path": "userName", "value": "A"}]);
    server.post("/Users", user("A")).fails(409, "uniqueness");
    server.put(&path, user("A")).fails(409, "uniqueness");
    server.patch(&path, rename).fails(409, "uniqueness");
}

#[test]
fn r43_2_5_02_null_and_an_empty_array_clear() {
    let server = server();
    let full = json!({"schemas": [USER], "userName": "a", "title": "t",
        "emails": [{"value": "a@example.com"}], "name": {"givenName": "A"}});
    let cleared = json!({"schemas": [USER], "userName": "a", "title": null, "emails": [],
        "name": null});
    let gone = |path: &str| {
        let body = server.get(path).is(200).body;
        ["title", "emails", "name"].iter().all(|name| body.get(*name).is_none())
    };
    let path = format!("/Users/{}", server.post("/Users", full.clone()).is(201).id());
    server.put(&path, cleared).is(200);
    assert!(gone(&path));
    server.put(&path, full).is(200);
    let operations = json!([
        {"op": "replace", "path": "title", "value": null},
        {"op": "replace", "path": "emails", "value": []},
        {"op": "replace", "value": {"name": null}},
    ]);
    server.patch(&path, operations).is(200);
    assert!(gone(&path));
}
