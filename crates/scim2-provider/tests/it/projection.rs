//! `attributes` and `excludedAttributes` (RFC 7644 §3.9).

use scim2_core::schema::{Attribute, AttributeType, Returned, Schema};
use scim2_core::{Catalog, ResourceType};
use serde_json::{Value, json};

use crate::support::*;

fn names(value: &Value) -> Vec<&str> {
    let mut names: Vec<_> = value.as_object().unwrap().keys().map(String::as_str).collect();
    names.sort_unstable();
    names
}

fn full() -> Value {
    json!({
        "schemas": [USER, ENTERPRISE], "userName": "a", "title": "x",
        "name": {"givenName": "A", "familyName": "B"},
        "emails": [{"value": "a@example.com", "type": "work"}],
        ENTERPRISE: {"department": "d", "division": "v"},
    })
}

#[test]
fn r44_3_4_2_5_01_every_verb_projects() {
    // Also q16 and r44_3_4_2_5_03.
    let server = server();
    let query = "attributes=name.givenName,urn:ietf:params:scim:schemas:core:2.0:User:title";
    let expected = json!({"givenName": "A"});
    let check = |reply: Reply, status| {
        let reply = reply.is(status);
        let body = match reply.body.get("Resources") {
            Some(resources) => &resources[0],
            None => &reply.body,
        };
        assert_eq!(names(body), ["id", "name", "schemas", "title"]);
        assert_eq!(body["name"], expected);
        assert_eq!(body["schemas"], json!([USER, ENTERPRISE]), "q12");
        body["id"].as_str().unwrap().to_owned()
    };
    let id = check(server.post(&format!("/Users?{query}"), full()), 201);
    let path = format!("/Users/{id}?{query}");
    check(server.get(&path), 200);
    check(server.get(&format!("/Users?{query}")), 200);
    check(server.put(&path, full()), 200);
    check(server.patch(&path, json!([{"op": "add", "path": "nickName", "value": "n"}])), 200);
    let body = json!({"schemas": [SEARCH],
        "attributes": ["name.givenName", format!("{USER}:title")]});
    check(server.post("/Users/.search", body), 200);
    let reply =
        server.get(&format!("/Users/{id}?excludedAttributes=emails,name.familyName,{ENTERPRISE}"));
    let reply = reply.is(200);
    assert_eq!(
        names(&reply.body),
        ["id", "meta", "name", "nickName", "schemas", "title", "userName"]
    );
    assert_eq!(reply.body["name"], expected);
}

#[test]
fn q09_both_lists_at_once_are_refused() {
    let server = server();
    let path = format!("/Users/{}?attributes=id&excludedAttributes=title", server.user("a"));
    server.get(&path).fails(400, "invalidValue");
    let server = Setup::policy(|policy| policy.projection.prefer_attributes = true).server();
    let path = format!("/Users/{}?attributes=id&excludedAttributes=id", server.user("a"));
    server.get(&path).is(200);
}

#[test]
fn q10_unknown_names_are_ignored_and_malformed_ones_refused() {
    let server = server();
    let path = format!("/Users/{}", server.user("a"));
    let reply =
        server.get(&format!("{path}?attributes=+userName+,,nosuch&attributes=title")).is(200);
    assert_eq!(names(&reply.body), ["id", "schemas", "userName"]);
    server.get(&format!("{path}?attributes=emails%5Btype")).fails(400, "invalidValue");
    server.get("/Users?excludedAttributes=a..b").fails(400, "invalidValue");
}

#[test]
fn r44_3_4_2_5_02_what_is_always_returned_cannot_be_excluded() {
    // Also q15 and r43_7_16.
    let server = server();
    let path = format!("/Users/{}?excludedAttributes=id,schemas,userName", server.user("a"));
    assert_eq!(names(&server.get(&path).is(200).body), ["id", "meta", "schemas"]);
}

/// A type with an attribute that is returned on request alone.
fn catalog() -> Catalog {
    let mut on_request = Attribute::new("note".parse().unwrap(), AttributeType::String);
    on_request.returned = Returned::Request;
    let name = Attribute::new("label".parse().unwrap(), AttributeType::String);
    let schema = Schema::new("urn:example:Thing".parse().unwrap(), vec![name, on_request]);
    let mut catalog = Catalog::standard();
    catalog.register(ResourceType::new("Thing", "/Things", schema)).unwrap();
    catalog
}

#[test]
fn q13_what_is_returned_on_request_is_shown_to_who_wrote_it() {
    // Also r43_7_20.
    let server = Setup { catalog: Some(catalog()), ..Setup::default() }.server();
    let body = json!({"schemas": ["urn:example:Thing"], "label": "a", "note": "n"});
    let reply = server.post("/Things", body.clone()).is(201);
    assert_eq!(reply.body["note"], "n");
    let path = format!("/Things/{}", reply.id());
    assert_eq!(server.get(&path).body.get("note"), None);
    assert_eq!(server.get("/Things").resources()[0].get("note"), None);
    assert_eq!(server.get(&format!("{path}?attributes=note")).body["note"], "n");
    assert_eq!(server.put(&path, body).is(200).body["note"], "n");
    let label = json!([{"op": "replace", "path": "label", "value": "b"}]);
    assert_eq!(server.patch(&path, label).is(200).body.get("note"), None);
    let note = json!([{"op": "replace", "path": "note", "value": "m"}]);
    assert_eq!(server.patch(&path, note).is(200).body["note"], "m");
    let note = json!([{"op": "replace", "value": {"note": "m"}}]);
    assert_eq!(server.patch(&path, note).is(200).body["note"], "m");
}

#[test]
fn excluded_members_are_not_shown() {
    let server = server();
    let user = server.user("a");
    let group = server.group("g", &[&user]);
    let reply = server.get(&format!("/Groups/{group}?excludedAttributes=members")).is(200);
    assert_eq!(reply.body.get("members"), None);
    let reply = server.get("/Groups?attributes=displayName").is(200);
    assert_eq!(reply.resources()[0].get("members"), None);
    let filter = format!("/Groups?excludedAttributes=members&filter=members+eq+%22{user}%22");
    let reply = server.get(&filter).is(200);
    assert_eq!(reply.ids(), [&group]);
    assert_eq!(reply.resources()[0].get("members"), None);
    let reply = server.get("/Groups").is(200);
    assert_eq!(reply.resources()[0]["members"][0]["value"], user);
}

#[test]
fn q11_and_q14_a_list_names_what_is_wanted_and_never_a_secret() {
    // Also r44_3_9_01, r44_3_9_03, r44_3_9_04, r44_3_9_05, r43_7_15, r43_7_17 and r43_7_19.
    let server = server();
    let mut body = full();
    body["password"] = "t1meMa$heen".into();
    let path = format!("/Users/{}", server.post("/Users", body).is(201).id());
    let shown = |query: &str| {
        let reply = server.get(&format!("{path}?{query}")).is(200);
        names(&reply.body).join(" ")
    };
    assert_eq!(shown("attributes=password"), "id schemas");
    assert_eq!(shown("attributes=userName,%20title"), "id schemas title userName");
    assert_eq!(shown("attributes=meta.version"), "id meta schemas");
    assert_eq!(shown(&format!("attributes={ENTERPRISE}")), format!("id schemas {ENTERPRISE}"));
    assert_eq!(
        shown("excludedAttributes=meta,name,emails,title,password"),
        format!("id schemas {ENTERPRISE} userName")
    );
    let reply = server.get(&format!("{path}?attributes={ENTERPRISE}:division,emails.type")).is(200);
    assert_eq!(reply.body[ENTERPRISE], json!({"division": "v"}));
    assert_eq!(reply.body["emails"], json!([{"type": "work"}]));
}
