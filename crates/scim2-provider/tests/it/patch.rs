//! PATCH answers (RFC 7644 §3.5.2).

use scim2_core::ResourceType;
use scim2_core::rules::{EndpointRules, PatchAnswer};
use serde_json::json;

use crate::support::*;

#[derive(Debug)]
struct Silent;

impl EndpointRules for Silent {
    fn patch_answer(&self, _: &ResourceType) -> PatchAnswer {
        PatchAnswer::NoContent
    }
}

#[test]
fn r44_3_5_2_18_success_is_200_with_everything_or_204() {
    // Also p33.
    let title = json!([{"op": "replace", "path": "title", "value": "x"}]);
    let talking = server();
    let path = format!("/Users/{}", talking.user("a"));
    let reply = talking.patch(&path, title.clone()).is(200);
    assert_eq!(reply.body, talking.get(&path).body);
    let silent = Setup::rules(Silent).server();
    let path = format!("/Users/{}", silent.user("a"));
    let reply = silent.patch(&path, title).is(204);
    assert!(reply.bytes.is_empty());
    assert_eq!(reply.version(), silent.get(&path).version());
    assert_eq!(silent.get(&path).body["title"], "x");
}

#[test]
fn r44_3_5_2_19_named_attributes_are_always_shown() {
    let server = Setup::rules(Silent).server();
    let path = format!("/Users/{}", server.user("a"));
    let title = json!([{"op": "replace", "path": "title", "value": "x"}]);
    let reply = server.patch(&format!("{path}?attributes=title"), title).is(200);
    assert_eq!(reply.body["title"], "x");
    assert_eq!(reply.body.get("userName"), None);
    let nick = json!([{"op": "replace", "path": "nickName", "value": "x"}]);
    server.patch(&format!("{path}?excludedAttributes=name"), nick).is(200);
}

#[test]
fn p34_a_patch_is_all_or_nothing() {
    let server = server();
    let path = format!("/Users/{}", server.user("a"));
    let before = server.get(&path);
    let operations = json!([
        {"op": "replace", "path": "title", "value": "x"},
        {"op": "replace", "path": "emails[type eq \"work\"].value", "value": "x"},
    ]);
    server.patch(&path, operations).fails(400, "noTarget");
    assert_eq!(server.get(&path).body, before.body);
}

#[test]
fn p15_a_patch_without_effect_gives_no_new_version() {
    let server = server();
    let path = format!("/Users/{}", server.user("a"));
    let before = server.get(&path);
    server.clock.advance(1000);
    let operations = json!([
        {"op": "replace", "path": "userName", "value": "a"},
        {"op": "remove", "path": "title"},
    ]);
    let reply = server.patch(&path, operations).is(200);
    assert_eq!(reply.body, before.body);
    assert_eq!(reply.version(), before.version());
}

#[test]
fn p24_and_p30_what_may_not_change_is_refused() {
    let server = server();
    let path = format!("/Users/{}", server.user("a"));
    for operation in [
        json!({"op": "remove", "path": "userName"}),
        json!({"op": "replace", "path": "id", "value": "x"}),
        json!({"op": "add", "path": "meta.created", "value": "1999-01-01T00:00:00Z"}),
    ] {
        server.patch(&path, json!([operation])).fails(400, "mutability");
    }
}

#[test]
fn p32_a_written_extension_shows_in_schemas() {
    let server = server();
    let path = format!("/Users/{}", server.user("a"));
    let department =
        json!([{"op": "add", "path": format!("{ENTERPRISE}:department"), "value": "d"}]);
    let reply = server.patch(&path, department).is(200);
    assert_eq!(reply.body["schemas"], json!([USER, ENTERPRISE]));
    assert_eq!(reply.body[ENTERPRISE], json!({"department": "d"}));
    let remove = json!([{"op": "remove", "path": ENTERPRISE}]);
    assert_eq!(server.patch(&path, remove).is(200).body["schemas"], json!([USER]));
}
