//! DELETE (RFC 7644 §3.6) and what pointed to the resource (ruling W32).

use scim2_provider::store::Dangling;
use serde_json::json;

use crate::support::*;

#[test]
fn r44_3_6_05_delete_is_204_without_body() {
    let server = server();
    let reply = server.delete(&format!("/Users/{}", server.user("a"))).is(204);
    assert!(reply.bytes.is_empty());
    assert_eq!(reply.header("content-type"), None);
}

#[test]
fn r44_3_6_02_afterwards_everything_is_404() {
    // Also w33 and r44_3_6_03.
    let server = server();
    let id = server.user("a");
    let path = format!("/Users/{id}");
    server.delete(&path).is(204);
    server.get(&path).is(404);
    server.put(&path, user("a")).is(404);
    server.patch(&path, json!([{"op": "add", "path": "title", "value": "x"}])).is(404);
    server.delete(&path).is(404);
    assert_eq!(server.total("/Users"), 0);
    server.user("a");
}

#[test]
fn w32_a_deleted_user_leaves_its_groups_and_nobody_reports_to_it() {
    let server = server();
    let (boss, worker) = (server.user("boss"), server.user("worker"));
    let group = server.group("g", &[&boss, &worker]);
    let body = json!({"schemas": [USER, ENTERPRISE], "userName": "worker",
        ENTERPRISE: {"manager": {"value": boss}}});
    let worker_path = format!("/Users/{worker}");
    let group_path = format!("/Groups/{group}");
    let worker_before = server.put(&worker_path, body).is(200).version();
    let group_before = server.get(&group_path).version();
    server.delete(&format!("/Users/{boss}")).is(204);
    let group_after = server.get(&group_path).is(200);
    assert_eq!(server.members(&group), std::slice::from_ref(&worker));
    assert_ne!(group_after.version(), group_before);
    let worker_after = server.get(&worker_path).is(200);
    assert_eq!(worker_after.body.get(ENTERPRISE), None);
    assert_eq!(worker_after.body["schemas"], json!([USER]));
    assert_ne!(worker_after.version(), worker_before);
}

#[test]
fn w32_a_deleted_group_leaves_the_groups_it_was_in() {
    let server = server();
    let user = server.user("a");
    let inner = server.group("inner", &[&user]);
    let outer = server.group("outer", &[&inner]);
    server.delete(&format!("/Groups/{inner}")).is(204);
    assert!(server.members(&outer).is_empty());
    assert_eq!(server.get(&format!("/Users/{user}")).body.get("groups"), None);
}

#[test]
fn w32_by_option_what_refers_to_a_deleted_user_stays_as_it_is() {
    let server = Setup::config(|config| config.dangling_references = Dangling::Kept).server();
    let boss = server.user("boss");
    let body = json!({"schemas": [USER, ENTERPRISE], "userName": "worker",
        ENTERPRISE: {"manager": {"value": boss}}});
    let worker = server.post("/Users", body).is(201).id().to_owned();
    let (inner, outer) = (server.group("inner", &[&boss]), server.group("outer", &[]));
    let into = json!([{"op": "add", "path": "members", "value": [{"value": inner}]}]);
    server.patch(&format!("/Groups/{outer}"), into).is(200);
    let paths = [format!("/Users/{worker}"), format!("/Groups/{inner}")];
    let before = paths.each_ref().map(|path| server.get(path).is(200).version());
    server.delete(&format!("/Users/{boss}")).is(204);
    server.get(&format!("/Users/{boss}")).is(404);
    assert_eq!(server.members(&inner), std::slice::from_ref(&boss));
    let manager = &server.get(&paths[0]).body[ENTERPRISE]["manager"]["value"];
    assert_eq!(manager, &json!(boss));
    assert_eq!(paths.each_ref().map(|path| server.get(path).is(200).version()), before);
    // They can be taken away as any others, and nobody finds them then.
    let out = json!([{"op": "remove", "path": format!("members[value eq \"{boss}\"]")}]);
    server.patch(&paths[1], out).is(200);
    assert!(server.members(&inner).is_empty());
    let none = json!([{"op": "remove", "path": format!("{ENTERPRISE}:manager")}]);
    server.patch(&paths[0], none).is(200);
    let reports = format!(r#"{ENTERPRISE}:manager.value eq "{boss}""#);
    assert!(server.filter("/Users", &reports).is(200).ids().is_empty());
}
