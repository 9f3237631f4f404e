//! DELETE (RFC 7644 §3.6) and what pointed to the resource (ruling W32).

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
