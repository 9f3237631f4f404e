//! How much one request may show, and one client take away.

use std::time::Duration;

use scim2_core::Error;
use scim2_provider::events::{ChangeHook, ChangeKind, ProposedChange};
use scim2_provider::{RemovalLimit, RootSearch};
use serde_json::{Value, json};

use crate::support::*;

const HOUR: Duration = Duration::from_secs(3600);

fn guarded(max: u32) -> Server {
    Setup::config(|config| config.removals = Some(RemovalLimit::new(max, HOUR))).server()
}

fn deactivate() -> Value {
    json!([{"op": "replace", "path": "active", "value": false}])
}

#[test]
fn sec_24_removals_beyond_a_number_are_held() {
    let server = guarded(3);
    let ids: Vec<String> = ["a", "b", "c", "d", "e"].map(|name| server.user(name)).into();
    let path = |at: usize| format!("/Users/{}", ids[at]);
    let group = server.group("g", &[&ids[4]]);
    server.delete(&path(0)).is(204);
    server.patch(&path(1), deactivate()).is(200);
    let mut put = user("c");
    put["active"] = json!(false);
    server.put(&path(2), put).is(200);
    for held in [
        server.delete(&path(3)),
        server.patch(&path(3), deactivate()),
        server.delete(&format!("/Groups/{group}")),
    ] {
        held.is(403).naming("held");
    }
    assert_eq!(server.get(&path(3)).is(200).body.get("active"), None);
    // Everything else goes on, for this client and for others.
    server.patch(&path(3), json!([{"op": "add", "path": "title", "value": "t"}])).is(200);
    server.post("/Users", user("f")).is(201);
    let other = [("authorization", "Bearer token-of-tenant-b")];
    let body = user("x").to_string();
    let x = server.call("POST", "/Users", &other, body.as_bytes()).is(201).id().to_owned();
    server.call("DELETE", &format!("/Users/{x}"), &other, b"").is(204);
    // When the time is over it begins anew.
    server.clock.advance(3_600_000);
    server.delete(&path(3)).is(204);
}

#[test]
fn sec_24_a_bulk_request_removes_no_more() {
    let server = guarded(2);
    let ids = ["a", "b", "c", "d"].map(|name| server.user(name));
    let operations = ids.map(|id| json!({"method": "DELETE", "path": format!("/Users/{id}")}));
    let bulk = json!({
        "schemas": ["urn:ietf:params:scim:api:messages:2.0:BulkRequest"],
        "Operations": operations,
    });
    let answer = server.post("/Bulk", bulk).is(200).body;
    let statuses = answer["Operations"].as_array().unwrap().iter().map(|op| &op["status"]);
    assert_eq!(statuses.collect::<Vec<_>>(), ["204", "204", "403", "403"]);
    assert_eq!(server.total("/Users"), 2);
}

#[test]
fn sec_24_what_removes_nobody_does_not_count() {
    let server = guarded(1);
    let id = server.user("a");
    let path = format!("/Users/{id}");
    let mut inactive = user("b");
    inactive["active"] = json!(false);
    server.post("/Users", inactive).is(201);
    server.delete("/Users/nobody").is(404);
    server.call("DELETE", &path, &[("if-match", "\"other\"")], b"").is(412);
    server.patch(&path, deactivate()).is(200);
    // It is done already.
    server.patch(&path, deactivate()).is(200);
    server.delete(&path).is(403);
    // Off unless it is asked for.
    let free = self::server();
    for id in ["a", "b", "c"].map(|name| free.user(name)) {
        free.delete(&format!("/Users/{id}")).is(204);
    }
}

#[test]
fn sec_20_an_answer_has_so_many_members_and_no_more() {
    let setup = || {
        Setup::config(|config| {
            config.max_members = 3;
            config.root_search = Some(RootSearch::default());
        })
    };
    let server = setup().server();
    let small = server.group("small", &["1", "2"]);
    let path = format!("/Groups/{small}");
    server.get(&path).is(200);
    let add = |ids: &[&str]| {
        let value: Vec<_> = ids.iter().map(|id| json!({"value": id})).collect();
        server.patch(&path, json!([{"op": "add", "path": "members", "value": value}]))
    };
    add(&["3"]).is(200);
    // It is done, and too much to show.
    assert!(add(&["4"]).is(204).header("etag").is_some());
    let rename = json!([{"op": "replace", "path": "displayName", "value": "large"}]);
    server.patch(&path, rename.clone()).is(204);
    server.patch(&format!("{path}?excludedAttributes=members"), rename).is(200);
    server.get(&path).fails(400, "tooMany").naming("excludedAttributes=members");
    server.get(&format!("{path}?attributes=members.value")).fails(400, "tooMany");
    let shown = server.get(&format!("{path}?excludedAttributes=members")).is(200);
    assert_eq!(shown.body.get("members"), None);
    assert_eq!(server.get(&format!("{path}?attributes=displayName")).is(200).body["id"], small);
    // All resources of a page count together.
    let pages = setup().server();
    pages.group("a", &["1", "2"]);
    pages.group("b", &["3", "4"]);
    for list in ["/Groups", "/Groups?attributes=members", "/?filter=id%20pr"] {
        pages.get(list).fails(400, "tooMany");
    }
    for list in ["/Groups?count=1", "/Groups?excludedAttributes=members", "/Groups?count=0"] {
        pages.get(list).is(200);
    }
}

/// Lets nothing be deleted.
struct KeepsAll;

impl ChangeHook for KeepsAll {
    fn check(&self, change: &ProposedChange<'_>) -> Result<(), Error> {
        match change.record.kind {
            ChangeKind::Deleted => {
                Err(Error::new(http::StatusCode::FORBIDDEN).detail("nothing is deleted here"))
            }
            _ => Ok(()),
        }
    }
}

#[test]
fn b05_what_cannot_be_completed_is_taken_back_whatever_hooks_say() {
    let server = Setup::default().with(|builder| builder.hook(KeepsAll)).server();
    let group = |name: &str, member: &str| json!({"schemas": [GROUP], "displayName": name, "members": [{"value": member}]});
    // A waits for B, which does not come to be.
    let mut broken = group("b", "bulkId:a");
    broken["unknown"] = json!(1);
    let bulk = json!({
        "schemas": ["urn:ietf:params:scim:api:messages:2.0:BulkRequest"],
        "Operations": [
            {"method": "POST", "path": "/Groups", "bulkId": "a", "data": group("a", "bulkId:b")},
            {"method": "POST", "path": "/Groups", "bulkId": "b", "data": broken},
        ],
    });
    let answer = server.post("/Bulk", bulk).is(200).body;
    let statuses: Vec<_> =
        answer["Operations"].as_array().unwrap().iter().map(|op| &op["status"]).collect();
    assert!(statuses.iter().all(|status| **status != "201"), "{answer}");
    assert_eq!(server.total("/Groups"), 0);
    // What is there stays there.
    let id = server.user("a");
    server.delete(&format!("/Users/{id}")).is(403);
}
