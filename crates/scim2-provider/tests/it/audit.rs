//! Who changed what, and who was not let in.

use bytes::Bytes;
use http::Request;
use scim2_provider::auth::{Action, AuthError, Principal};
use scim2_provider::{Authenticator, ClientAddress, MemoryStore, Scope, ServiceProvider, TenantId};
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
fn a_record_says_where_a_request_came_from() {
    log();
    let server = server();
    let trace = "4bf92f3577b34da6a3ce929d0e0e4736";
    let header = format!("00-{trace}-00f067aa0ba902b7-01");
    let send = |id: &str, authorization: &str| {
        let mut request = Request::post("/Users")
            .header("authorization", authorization)
            .header("x-request-id", id)
            .header("traceparent", &header)
            .header("user-agent", "Okta SCIM Client 1.0.0 \u{e9}")
            .body(Bytes::from(user("canary-traced").to_string()))
            .unwrap();
        let address = std::net::Ipv4Addr::new(192, 0, 2, 7);
        request.extensions_mut().insert(ClientAddress::from(address));
        server.send(request)
    };
    send("audit-9", &format!("Bearer {TOKEN}")).is(201);
    let fields = [&*format!("trace_id=\"{trace}\""), "client_address=192.0.2.7"];
    one("audit-9", &fields);
    send("audit-10", "Bearer canary").is(401);
    one("audit-10", &fields);
    // Without any of it the record has none.
    server.call(
        "POST",
        "/Users",
        &[("x-request-id", "audit-11")],
        user("b").to_string().as_bytes(),
    );
    assert!(!records("audit-11")[0].contains("client_address"));
    let request = [("x-request-id", "audit-12"), ("user-agent", "curl/8.5.0")];
    server.call("POST", "/Users", &request, user("c").to_string().as_bytes());
    one("audit-12", &["user_agent=\"curl/8.5.0\""]);
}

#[test]
fn sec_12_a_name_that_mixes_scripts_has_a_mark_and_is_not_refused() {
    log();
    let server = server();
    let send = |method: &str, path: &str, id: &str, body: serde_json::Value| {
        server.call(method, path, &[("x-request-id", id)], body.to_string().as_bytes())
    };
    // The first two letters of the first are Cyrillic, all of the second are.
    let mixed = send("POST", "/Users", "script-1", user("\u{440}\u{430}ypal")).is(201);
    one("script-1", &["mixed_scripts=\"userName\""]);
    send("POST", "/Users", "script-2", user("\u{438}\u{432}\u{430}\u{43d}")).is(201);
    send("POST", "/Users", "script-3", user("\u{5c71}\u{7530}\u{3055}\u{3093}")).is(201);
    for id in ["script-2", "script-3"] {
        assert!(!records(id)[0].contains("mixed_scripts"), "{:?}", records(id));
    }
    let path = format!("/Users/{}", mixed.id());
    let op = |path: &str, value: &str| {
        json!({"schemas": [PATCH_OP],
            "Operations": [{"op": "replace", "path": path, "value": value}]})
    };
    // The mark is on the change of the name alone.
    send("PATCH", &path, "script-4", op("title", "\u{440}ay")).is(200);
    assert!(!records("script-4")[0].contains("mixed_scripts"));
    send("PATCH", &path, "script-5", op("userName", "g\u{3bf}\u{3bf}gle")).is(200);
    one("script-5", &["mixed_scripts=\"userName\"", "action=\"change\""]);
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
