//! Who changed what, and who was not let in.

use bytes::Bytes;
use http::Request;
use scim2_provider::auth::{Action, AuthError, Principal};
use scim2_provider::{Authenticator, MemoryStore, Scope, ServiceProvider, TenantId};
use serde_json::json;

use crate::support::*;

/// The audit records of one request.
fn records(request_id: &str) -> Vec<String> {
    let of_request = format!("request_id=\"{request_id}\"");
    let text = log().text();
    let records = text.lines().filter(|line| line.contains("scim.audit:"));
    records.filter(|line| line.contains(&of_request)).map(str::to_owned).collect()
}

#[track_caller]
fn one(request_id: &str, fields: &[&str]) {
    let records = records(request_id);
    assert_eq!(records.len(), 1, "{records:?}");
    for field in fields {
        assert!(records[0].contains(field), "`{field}` is not in {}", records[0]);
    }
    assert!(!records[0].contains("canary"), "{}", records[0]);
}

#[test]
fn each_change_is_recorded_once_with_names_and_no_values() {
    log();
    let server = server();
    let send = |method: &str, path: &str, id: &str, body: serde_json::Value| {
        server.call(method, path, &[("x-request-id", id)], body.to_string().as_bytes())
    };
    let created = send("POST", "/Users", "audit-1", user("canary-name")).is(201);
    let path = format!("/Users/{}", created.id());
    one("audit-1", &["tenant=\"a\"", "actor=\"a\"", "action=\"create\"", "resource_type=\"User\""]);
    one("audit-1", &[&format!("id=\"{}\"", created.id()), "changed=\"userName\"", "version_after"]);
    let mut body = user("canary-name");
    body["title"] = "canary-title".into();
    send("PUT", &path, "audit-2", body.clone()).is(200);
    one("audit-2", &["action=\"change\"", "changed=\"title\"", "version_before=", "done"]);
    send("PUT", &path, "audit-3", body.clone()).is(200);
    assert_eq!(records("audit-3"), [""; 0]);
    body["active"] = false.into();
    send("PUT", &path, "audit-4", body).is(200);
    one("audit-4", &["action=\"deactivate\"", "changed=\"active\""]);
    let group =
        json!({"schemas": [GROUP], "displayName": "canary", "members": [{"value": created.id()}]});
    let group = send("POST", "/Groups", "audit-5", group).is(201);
    one("audit-5", &["members_added=1", &format!("added=\"{}\"", created.id())]);
    send("DELETE", &path, "audit-6", json!(null)).is(204);
    // The group lost a member: that is a change of its own.
    let of_delete = records("audit-6");
    assert_eq!(of_delete.len(), 2, "{of_delete:?}");
    let of_group = of_delete.iter().find(|record| record.contains("Group")).unwrap();
    assert!(of_group.contains(&format!("id=\"{}\"", group.id())), "{of_group}");
    assert!(of_group.contains(&format!("removed=\"{}\"", created.id())), "{of_group}");
    assert!(of_delete.iter().any(|record| record.contains("action=\"delete\"")));
}

#[test]
fn who_is_not_let_in_is_recorded() {
    log();
    let server = server();
    let headers = [("authorization", "Bearer canary-token"), ("x-request-id", "audit-7")];
    server.call("GET", "/Users", &headers, b"").is(401);
    one("audit-7", &["WARN", "action=\"authenticate\"", "reason=the credentials are not valid"]);
    one("audit-7", &["result=\"refused\""]);
}

/// Lets everybody in and nobody do anything.
struct Nothing;

impl Authenticator for Nothing {
    async fn authenticate(&self, _: &http::request::Parts) -> Result<Principal, AuthError> {
        Ok(Principal::new("somebody", Scope::tenant(TenantId::new("t").unwrap())))
    }

    fn authorize(&self, _: &Principal, _: &Action<'_>) -> bool {
        false
    }
}

#[test]
fn what_a_client_may_not_do_is_recorded() {
    log();
    let provider = ServiceProvider::builder(MemoryStore::default())
        .base_url(url::Url::parse(BASE).unwrap())
        .authenticator(Nothing)
        .build()
        .unwrap();
    let request = Request::delete("/Users/x").header("x-request-id", "audit-8").body(Bytes::new());
    assert_eq!(block_on(provider.handle(request.unwrap())).status(), 403);
    one("audit-8", &["WARN", "actor=\"somebody\"", "action=\"delete\"", "status=403", "refused"]);
}
