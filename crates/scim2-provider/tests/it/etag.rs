//! Versions and conditional requests (RFC 7644 §3.14; rulings H08 to H12).

use scim2_provider::{IfMatch, Offer};
use serde_json::json;

use crate::support::*;

fn put(server: &Server, path: &str, name: &str, if_match: &str) -> Reply {
    let body = user(name).to_string();
    server.call("PUT", path, &[("if-match", if_match)], body.as_bytes())
}

#[test]
fn r44_3_14_02_the_version_is_in_header_and_meta() {
    let server = server();
    let path = format!("/Users/{}", server.user("a"));
    let reply = server.get(&path);
    assert_eq!(reply.body["meta"]["version"], reply.version());
    let projected = server.get(&format!("{path}?attributes=userName"));
    assert_eq!(projected.version(), reply.version());
    let listed = server.get("/Users");
    assert_eq!(listed.resources()[0]["meta"]["version"], reply.version());
    let changed = server.put(&path, user("b")).is(200);
    assert_ne!(changed.version(), reply.version());
    assert_eq!(changed.version(), server.get(&path).version());
}

#[test]
fn h08_tags_compare_weakly_and_may_lack_quotes() {
    let server = server();
    let path = format!("/Users/{}", server.user("u0"));
    let forms: [fn(&str) -> String; 5] = [
        |tag| tag.to_owned(),
        |tag| tag.trim_start_matches("W/").to_owned(),
        |tag| tag.trim_start_matches("W/").trim_matches('"').to_owned(),
        |tag| format!("\"other\", {tag}"),
        |_| "*".to_owned(),
    ];
    for (i, form) in forms.iter().enumerate() {
        let tag = server.get(&path).version();
        put(&server, &path, &format!("v{i}"), &form(&tag)).is(200);
    }
}

#[test]
fn h09_a_stale_version_is_412_and_changes_nothing() {
    // Also h10.
    let server = server();
    let user_id = server.user("a");
    let path = format!("/Users/{user_id}");
    let stale = server.get(&path).version();
    server.put(&path, user("b")).is(200);
    let headers = [("if-match", stale.as_str())];
    put(&server, &path, "c", &stale).is(412);
    let body = json!({"schemas": [PATCH_OP],
        "Operations": [{"op": "add", "path": "title", "value": "x"}]});
    server.call("PATCH", &path, &headers, body.to_string().as_bytes()).is(412);
    server.call("DELETE", &path, &headers, b"").is(412);
    let reply = server.get(&path).is(200);
    assert_eq!(reply.body["userName"], "b");
    assert_eq!(reply.body.get("title"), None);

    let group = server.group("g", &[]);
    let path = format!("/Groups/{group}");
    let body = json!({"schemas": [PATCH_OP],
        "Operations": [{"op": "add", "path": "members", "value": [{"value": user_id}]}]});
    server.call("PATCH", &path, &headers[..0], body.to_string().as_bytes()).is(200);
    let stale = [("if-match", "W/\"1\"")];
    server.call("PATCH", &path, &stale, body.to_string().as_bytes()).is(412);
    server.call("DELETE", &path, &[("if-match", "*")], b"").is(204);
}

#[test]
fn h09_a_known_version_is_304_without_body() {
    // Also h14.
    let server = server();
    let path = format!("/Users/{}", server.user("a"));
    let version = server.get(&path).version();
    for known in [version.as_str(), "*", "W/\"x\", W/\"1\""] {
        let reply = server.call("GET", &path, &[("if-none-match", known)], b"").is(304);
        assert_eq!(reply.version(), version);
        assert!(reply.bytes.is_empty());
        assert_eq!(reply.header("content-type"), None);
    }
    server.call("GET", &path, &[("if-none-match", "W/\"0\"")], b"").is(200);
}

#[test]
fn h09_without_versions_conditions_are_ignored() {
    let server = Setup::config(|config| config.etag = Offer::No).server();
    let path = format!("/Users/{}", server.user("a"));
    let reply = server.call("GET", &path, &[("if-none-match", "*")], b"").is(200);
    assert_eq!(reply.header("etag"), None);
    assert_eq!(reply.body["meta"].get("version"), None);
    put(&server, &path, "b", "\"stale\"").is(200);
}

#[test]
fn h09_a_write_without_version_is_428_where_one_is_required() {
    let server = Setup::config(|config| config.if_match = IfMatch::Required).server();
    let path = format!("/Users/{}", server.user("a"));
    server.put(&path, user("b")).is(428);
    server.patch(&path, json!([{"op": "remove", "path": "title"}])).is(428);
    server.delete(&path).is(428);
    let version = server.get(&path).version();
    put(&server, &path, "b", &version).is(200);
}

#[test]
fn h11_existence_comes_before_precondition_and_that_before_the_body() {
    let server = server();
    let path = format!("/Users/{}", server.user("a"));
    put(&server, "/Users/nobody", "b", "*").is(404);
    let stale = [("if-match", "W/\"0\"")];
    for (method, bad) in [("PUT", "{}"), ("PUT", "nonsense"), ("PATCH", "{}"), ("PATCH", "[")] {
        server.call(method, "/Users/nobody", &stale, bad.as_bytes()).is(404);
        server.call(method, &path, &stale, bad.as_bytes()).is(412);
        server.call(method, &path, &[], bad.as_bytes()).is(400);
    }
    server.user("taken");
    let body = user("taken").to_string();
    server.call("PUT", &path, &stale, body.as_bytes()).is(412);
}

#[test]
fn r43_3_1_20_meta_version_is_the_etag() {
    let server = server();
    let created = server.post("/Users", user("a")).is(201);
    let path = format!("/Users/{}", created.id());
    let title = json!([{"op": "replace", "path": "title", "value": "x"}]);
    for reply in
        [created, server.get(&path), server.patch(&path, title), server.put(&path, user("b"))]
    {
        assert!(reply.version().starts_with("W/\""));
        assert_eq!(reply.body["meta"]["version"], reply.version());
    }
}

#[test]
fn r43_3_1_21_a_version_is_marked_weak() {
    let server = server();
    let group = server.group("g", &[]);
    let tag = server.get(&format!("/Groups/{group}")).version();
    // Upper case, with quotes around what follows: one state has many projections.
    let opaque = tag.strip_prefix("W/\"").and_then(|tag| tag.strip_suffix('"')).unwrap();
    assert!(!opaque.is_empty() && !opaque.contains('"'), "{tag}");
}

#[test]
fn r44_3_14_01_versions_are_offered_or_not_and_it_is_said() {
    for (offer, supported) in [(Offer::Yes, true), (Offer::No, false)] {
        let server = Setup::config(|config| config.etag = offer).server();
        let path = format!("/Users/{}", server.user("a"));
        assert_eq!(server.get(&path).header("etag").is_some(), supported);
        assert_eq!(server.get("/ServiceProviderConfig").body["etag"]["supported"], supported);
    }
}

#[test]
fn h12_the_version_is_that_of_the_state_and_not_of_what_is_shown() {
    let server = server();
    let user = server.user("a");
    let group = server.group("g", &[&user]);
    let path = format!("/Groups/{group}");
    let whole = server.get(&path).version();
    for query in ["attributes=displayName", "excludedAttributes=members", "attributes=id"] {
        assert_eq!(server.get(&format!("{path}?{query}")).version(), whole);
    }
    // A change that a projection does not show is a change all the same.
    let remove = json!([{"op": "remove", "path": "members"}]);
    server.patch(&path, remove).is(200);
    let after = server.get(&format!("{path}?attributes=displayName"));
    assert_ne!(after.version(), whole);
}

#[test]
fn h14_what_has_no_body_has_no_content_type() {
    let server = server();
    let path = format!("/Users/{}", server.user("a"));
    let known = server.get(&path).version();
    let not_modified = server.call("GET", &path, &[("if-none-match", &known)], b"").is(304);
    let deleted = server.delete(&path).is(204);
    for reply in [not_modified, deleted] {
        assert!(reply.bytes.is_empty());
        assert_eq!(reply.header("content-type"), None);
        assert_eq!(reply.header("content-length"), None);
    }
}

#[test]
fn h09_a_write_that_must_not_meet_a_version_is_412_where_it_does() {
    // RFC 9110 §13.1.2: for everything but GET and HEAD, a listed version is a failed precondition.
    let server = server();
    let user = server.user("a");
    let group = server.group("g", &[]);
    let rename = json!({"schemas": [PATCH_OP],
        "Operations": [{"op": "replace", "path": "displayName", "value": "x"}]})
    .to_string();
    let join = json!({"schemas": [PATCH_OP],
        "Operations": [{"op": "add", "path": "members", "value": [{"value": user}]}]})
    .to_string();
    let put = self::user("b").to_string();
    let (user, group) = (format!("/Users/{user}"), format!("/Groups/{group}"));
    for (method, path, body) in [
        ("PUT", &user, put.as_str()),
        ("PATCH", &user, &rename),
        ("PATCH", &group, &join),
        ("PATCH", &group, &rename),
        ("DELETE", &user, ""),
        ("DELETE", &group, ""),
    ] {
        let before = server.get(path).is(200);
        for listed in ["*".to_owned(), before.version(), format!("\"x\", {}", before.version())] {
            let headers = [("if-none-match", listed.as_str())];
            let refused = server.call(method, path, &headers, body.as_bytes()).is(412);
            // Nobody has changed it.
            let detail = refused.body["detail"].as_str().unwrap();
            assert!(detail.contains("`If-None-Match`"), "{detail}");
            assert!(!detail.contains("changed"), "{detail}");
            assert_eq!(server.get(path).is(200).body, before.body, "{method} {path} {listed}");
        }
    }
    // Another version is no obstacle, and If-Match is looked at as well.
    let both = [("if-none-match", "W/\"0\""), ("if-match", "W/\"0\"")];
    server.call("PUT", &user, &both, put.as_bytes()).is(412);
    let other = [("if-none-match", "W/\"0\"")];
    server.call("PUT", &user, &other, put.as_bytes()).is(200);
    server.call("PATCH", &group, &other, join.as_bytes()).is(200);
    server.call("DELETE", &user, &other, b"").is(204);
    server.call("DELETE", &user, &[("if-none-match", "*")], b"").is(404);
}
