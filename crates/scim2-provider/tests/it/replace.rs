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
    // Also r44_3_5_1_09, r43_7_13, r43_7_14 and w07.
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
    // Also r44_3_5_01, r44_3_5_02 and w03: readOnly is ignored, unknown is refused.
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
    // Also r44_3_2_03.
    let server = server();
    server.put("/Users/nobody", user("bjensen")).is(404);
    assert_eq!(server.total("/Users"), 0);
}

#[test]
fn r44_3_5_1_02_given_values_replace_and_missing_ones_are_cleared() {
    // Also r44_3_5_1_03, r44_3_5_1_07 and r43_2_5_02.
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
    // Also w06 and r43_4_1_2_11.
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
    // Also r43_7_21.
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
