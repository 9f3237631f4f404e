//! Rulings and requirements that need a test of their own beside those that prove them in passing.

use scim2_core::rules::{EndpointRules, PatchAnswer};
use scim2_core::{Resource, ResourceType};
use scim2_provider::{BuildError, MemoryStore, Offer, ProviderConfig, ServiceProvider};
use serde_json::{Value, json};

use crate::support::*;

fn shown(reply: &Reply) -> Vec<&str> {
    reply.body.as_object().unwrap().keys().map(String::as_str).collect()
}

#[test]
fn q16_writes_project_and_delete_does_not_care() {
    let server = server();
    let full = json!({"schemas": [USER], "userName": "a", "title": "t", "nickName": "n"});
    let created = server.post("/Users?attributes=title", full.clone()).is(201);
    assert_eq!(shown(&created), ["id", "schemas", "title"]);
    let path = format!("/Users/{}", created.id());
    let put = server.put(&format!("{path}?excludedAttributes=nickName,meta"), full).is(200);
    assert_eq!(shown(&put), ["id", "schemas", "title", "userName"]);
    let op = json!([{"op": "replace", "path": "title", "value": "u"}]);
    let patched = server.patch(&format!("{path}?attributes=nickName"), op).is(200);
    assert_eq!(shown(&patched), ["id", "nickName", "schemas"]);
    server.delete(&format!("{path}?attributes=title")).is(204);
}

#[test]
fn q17_discovery_ignores_paging_and_projection_and_refuses_filters() {
    let server = server();
    for path in ["/Schemas", "/ResourceTypes"] {
        let all = server.get(path).is(200);
        let asked =
            format!("{path}?startIndex=2&count=1&sortBy=id&attributes=id&excludedAttributes=name");
        assert_eq!(server.get(&asked).is(200).body, all.body);
        server.get(&format!("{path}?filter=id%20pr")).is(403);
    }
}

#[derive(Debug)]
struct SilentGroups;

impl EndpointRules for SilentGroups {
    fn patch_answer(&self, ty: &ResourceType) -> PatchAnswer {
        if ty.name() == "Group" { PatchAnswer::NoContent } else { PatchAnswer::Resource }
    }
}

#[test]
fn p33_a_patch_is_answered_by_200_or_by_204_for_a_type() {
    let server = Setup::rules(SilentGroups).server();
    let user = format!("/Users/{}", server.user("a"));
    let group = format!("/Groups/{}", server.group("g", &[]));
    let rename = json!([{"op": "replace", "path": "displayName", "value": "x"}]);
    assert_eq!(server.patch(&user, rename.clone()).is(200).body, server.get(&user).body);
    assert!(server.patch(&group, rename.clone()).is(204).bytes.is_empty());
    // Who names attributes wants to see them.
    server.patch(&format!("{group}?attributes=displayName"), rename).is(200);
}

#[test]
fn w33_what_is_deleted_is_gone_for_every_path_and_its_values_are_free() {
    let server = server();
    let id = server.user("a");
    let group = server.group("g", &[&id]);
    let path = format!("/Users/{id}");
    server.delete(&path).is(204);
    server.get(&path).is(404);
    server.put(&path, user("a")).is(404);
    server.patch(&path, json!([{"op": "remove", "path": "title"}])).is(404);
    server.delete(&path).is(404);
    assert_eq!(server.total("/Users"), 0);
    assert!(server.members(&group).is_empty());
    assert_ne!(server.user("a"), id, "the name is free, the id is not");
}

#[test]
fn r44_3_5_2_01_patch_can_be_left_out() {
    let server = Setup::config(|config| config.patch = Offer::No).server();
    let path = format!("/Users/{}", server.user("a"));
    server.patch(&path, json!([{"op": "remove", "path": "title"}])).is(501);
    let config = server.get("/ServiceProviderConfig").is(200);
    assert_eq!(config.body["patch"]["supported"], false);
}

#[test]
fn r98_2_02_a_cursor_needs_no_escaping() {
    let server = server();
    for name in ["a", "b", "c"] {
        server.user(name);
    }
    let page = server.get("/Users?cursor&count=1&sortBy=userName").is(200);
    let cursor = page.body["nextCursor"].as_str().unwrap();
    let unreserved = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    assert!(!cursor.is_empty() && cursor.bytes().all(unreserved), "{cursor}");
}

#[test]
fn r98_4_03_page_sizes_are_positive() {
    let build = |change: fn(&mut ProviderConfig)| {
        let mut config = ProviderConfig::default();
        change(&mut config);
        ServiceProvider::builder(MemoryStore::default())
            .base_url(url::Url::parse(BASE).unwrap())
            .authenticator(scim2_provider::auth::BearerTokens::new([]))
            .config(config)
            .build()
            .map(|_| ())
    };
    build(|_| {}).unwrap();
    assert_eq!(build(|config| config.default_page_size = 0), Err(BuildError::EmptyPages));
    assert_eq!(build(|config| config.max_page_size = 0), Err(BuildError::EmptyPages));
    let pagination = server().get("/ServiceProviderConfig").is(200).body["pagination"].clone();
    for name in ["defaultPageSize", "maxPageSize", "cursorTimeout"] {
        assert!(pagination[name].as_u64().is_some_and(|number| number > 0), "{pagination}");
    }
    assert_eq!(pagination["defaultPaginationMethod"], "index");
}

/// Users are active, and employees, unless it is said otherwise.
#[derive(Debug)]
struct Defaults;

impl EndpointRules for Defaults {
    fn defaults(&self, ty: &ResourceType) -> Resource {
        let mut defaults = Resource::new();
        if ty.name() == "User" {
            defaults.insert("active", true);
            defaults.insert("userType", "Employee");
        }
        defaults
    }
}

#[test]
fn r44_3_3_02_attributes_that_are_left_out_may_have_defaults() {
    let server = Setup::rules(Defaults).server();
    let created = server.post("/Users", user("a")).is(201);
    assert_eq!(created.body["active"], true);
    assert_eq!(created.body["userType"], "Employee");
    let mut other = user("b");
    other["userType"] = json!("Contractor");
    assert_eq!(server.post("/Users", other).is(201).body["userType"], "Contractor");
}

#[test]
fn r44_3_3_03_null_overrides_a_default() {
    let server = Setup::rules(Defaults).server();
    let mut body = user("a");
    body["active"] = Value::Null;
    let created = server.post("/Users", body).is(201);
    assert_eq!(created.body.get("active"), None);
    assert_eq!(created.body["userType"], "Employee");
}

#[test]
fn w26_a_hook_may_make_users_active() {
    let server = Setup::rules(Defaults).server();
    let id = server.user("a");
    let silent = self::server();
    assert_eq!(silent.get(&format!("/Users/{}", silent.user("a"))).body.get("active"), None);
    // A PUT that leaves it out clears it, and then the default counts (ruling W08).
    let path = format!("/Users/{id}");
    server.patch(&path, json!([{"op": "replace", "path": "active", "value": false}])).is(200);
    assert_eq!(server.put(&path, user("a")).is(200).body["active"], true);
}

#[test]
fn r44_3_4_2_2_25_a_default_is_found_by_what_was_returned() {
    let server = Setup::rules(Defaults).server();
    let id = server.user("a");
    assert_eq!(server.filter("/Users", "active eq true").ids(), [&*id]);
    assert_eq!(server.filter("/Users", "userType eq \"employee\"").ids(), [&*id]);
    assert_eq!(server.filter("/Users", "active eq false").ids(), [""; 0]);
}
