//! Whole resources leave as text: it says what the slower way says.

use scim2_core::rules::{EndpointRules, Shown};
use scim2_core::{Resource, ResourceType};
use serde_json::json;

use crate::support::*;

/// Asserts that a path is answered alike with and without a projection that leaves nothing out.
#[track_caller]
fn same(server: &Server, path: &str) {
    let text = server.get(path).is(200);
    let separator = if path.contains('?') { '&' } else { '?' };
    let slow = server.get(&format!("{path}{separator}excludedAttributes=nosuch")).is(200);
    assert_eq!(text.body, slow.body);
    for header in ["etag", "location", "content-type"] {
        assert_eq!(text.header(header), slow.header(header), "{header}");
    }
}

fn with_manager(user_name: &str, manager: &str) -> serde_json::Value {
    json!({
        "schemas": [USER, ENTERPRISE], "userName": user_name, "displayName": format!("\"{user_name}\""),
        "emails": [{"value": "a@example.com", "type": "work", "primary": true}],
        "externalId": "e\u{1F600}",
        ENTERPRISE: {"employeeNumber": "7", "manager": {"value": manager}},
    })
}

#[test]
fn text_says_what_a_representation_says() {
    let server = server();
    let boss = server.post("/Users", user("boss")).is(201).id().to_owned();
    let (boss_path, name) = (format!("/Users/{boss}"), "displayName");
    let id = server.post("/Users", with_manager("a", &boss)).is(201).id().to_owned();
    let path = format!("/Users/{id}");
    let inner = server.group("inner", &[&id, "nobody"]);
    let outer = server.group("outer", &[&inner, &boss]);
    let paths = [
        path.clone(),
        boss_path.clone(),
        format!("/Groups/{inner}"),
        format!("/Groups/{outer}"),
        "/Users".to_owned(),
        "/Groups".to_owned(),
        "/Users?count=1".to_owned(),
        "/Users?count=0".to_owned(),
        "/Users?startIndex=2".to_owned(),
        "/Users?startIndex=9".to_owned(),
        "/Users?filter=userName+sw+%22a%22".to_owned(),
        "/Users?sortBy=userName&sortOrder=descending".to_owned(),
    ];
    let check = || paths.iter().for_each(|path| same(&server, path));
    check();
    let shown = server.get(&path).body;
    assert_eq!(shown[ENTERPRISE]["manager"]["$ref"], format!("{BASE}{boss_path}"));
    assert_eq!(shown["groups"].as_array().unwrap().len(), 2);
    // What others change shows at once, although the resource has its old version.
    let rename = |path: &str, to: &str| {
        server.patch(path, json!([{"op": "replace", "path": name, "value": to}])).is(200);
    };
    let version = server.get(&path).version();
    rename(&boss_path, "The Boss");
    rename(&format!("/Groups/{inner}"), "renamed");
    let shown = server.get(&path);
    assert_eq!(shown.body[ENTERPRISE]["manager"][name], "The Boss");
    assert_eq!(shown.body["groups"][0]["display"], "renamed");
    assert_eq!(shown.version(), version);
    check();
    // And so does what it changes itself.
    rename(&path, "A\\B\u{2028}");
    assert_ne!(server.get(&path).version(), version);
    check();
    server.delete(&boss_path).is(204);
    same(&server, &path);
    assert!(server.get(&path).body[ENTERPRISE].get("manager").is_none());
}

#[test]
fn pages_by_cursor_are_the_same_as_text() {
    let server = server();
    let ids: Vec<String> = (0..7).map(|i| server.user(&format!("u{i}"))).collect();
    let mut seen = Vec::new();
    let mut cursor = String::new();
    loop {
        let page = server.get(&format!("/Users?count=3&cursor={cursor}")).is(200);
        assert_eq!(page.body["totalResults"], 7);
        seen.extend(page.ids().into_iter().map(str::to_owned));
        match page.body["nextCursor"].as_str() {
            Some(next) => cursor = next.to_owned(),
            None => break,
        }
    }
    assert_eq!(seen, ids);
}

#[test]
fn a_known_version_is_304_as_text_too() {
    let server = server();
    let path = format!("/Users/{}", server.user("a"));
    let version = server.get(&path).version();
    let reply = server.call("GET", &path, &[("if-none-match", &version)], b"");
    assert_eq!((reply.status.as_u16(), reply.version()), (304, version));
    assert!(reply.bytes.is_empty());
}

/// Rules that show another title, and say nothing of it beforehand.
#[derive(Debug)]
struct Titled;

impl EndpointRules for Titled {
    fn representation(&self, _: &ResourceType, resource: &mut Resource) {
        resource.insert("title", "adjusted");
    }
}

#[test]
fn rules_that_adjust_what_is_shown_are_asked() {
    assert_eq!(Titled.shown(), Shown::Adjusted);
    let server = Setup::rules(Titled).server();
    let path = format!("/Users/{}", server.user("a"));
    assert_eq!(server.get(&path).body["title"], "adjusted");
    assert_eq!(server.get("/Users").resources()[0]["title"], "adjusted");
}
