//! What is logged of requests: everything about them, and nothing of what they say (SEC-22).

use std::io::Write;
use std::sync::{Arc, Mutex};

use scim2_axum::mount;
use serde_json::{Value, json};

use crate::support::*;

/// Everything that this process logs.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// Values of a client that no log may hold. Each begins with the same letters.
const CANARY: &str = "canary";

#[tokio::test]
async fn sec_22_no_log_line_holds_a_value_of_a_request() {
    let log = Log::default();
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing_subscriber::filter::LevelFilter::TRACE)
        .with_span_events(tracing_subscriber::fmt::format::FmtSpan::FULL)
        .with_ansi(false)
        .with_writer(move || writer.clone())
        .finish();
    // For all threads of this process, whatever other tests they run.
    tracing::subscriber::set_global_default(subscriber).unwrap();

    let server = run(mount("/scim/v2", provider("http://localhost/scim/v2"))).await;
    let at = |path: &str| format!("/scim/v2{path}");
    let mut person = json!({
        "schemas": [USER], "userName": "canary-name", "password": "canary-passw0rd",
        "externalId": "canary-external", "title": "canary-title",
        "name": {"familyName": "canary-family"},
        "emails": [{"value": "canary@example.com", "type": "work"}],
        "phoneNumbers": [{"value": "tel:+1-canary"}],
    });
    let created = server.send("POST", &at("/Users"), &person.to_string()).await;
    assert_eq!(created.status(), 201);
    let user = at(&format!("/Users/{}", created.json()["id"].as_str().unwrap()));
    let filter =
        |text: &str| at(&format!("/Users?filter={}", text.replace(' ', "%20").replace('"', "%22")));
    let patch = |operation: Value| {
        let schema = "urn:ietf:params:scim:api:messages:2.0:PatchOp";
        json!({"schemas": [schema], "Operations": [operation]}).to_string()
    };
    let search = |filter: &str| {
        let schema = "urn:ietf:params:scim:api:messages:2.0:SearchRequest";
        json!({"schemas": [schema], "filter": filter}).to_string()
    };
    let taken = person.to_string();
    person["active"] = "canary-active".into();
    let wrong_type = person.to_string();
    let requests = [
        ("POST", at("/Users"), taken.clone(), 409),
        ("POST", at("/Users"), wrong_type, 400),
        ("POST", at("/Users"), r#"{"userName": "canary-broken"#.to_owned(), 400),
        ("POST", at("/Users"), r#"{"userName": "a", "userName": "canary-twice"}"#.to_owned(), 400),
        ("PUT", user.clone(), taken, 400),
        ("GET", user.clone(), String::new(), 200),
        ("GET", at("/Users/canary-id"), String::new(), 404),
        ("GET", at("/canary-path"), String::new(), 404),
        ("GET", at("/Users?cursor=canary-cursor"), String::new(), 400),
        ("GET", at("/Users?startIndex=canary-index"), String::new(), 400),
        ("GET", filter(r#"emails.value eq "canary@example.com""#), String::new(), 200),
        ("GET", filter(r#"password eq "canary-passw0rd""#), String::new(), 400),
        ("GET", filter(r#"active eq "canary-active""#), String::new(), 400),
        ("GET", filter(r#"userName eq "canary-open"#), String::new(), 400),
        ("GET", filter("userName eq canary-bare"), String::new(), 400),
        ("POST", at("/Users/.search"), search(r#"userName sw "canary""#), 200),
        (
            "PATCH",
            user.clone(),
            patch(json!({"op": "replace", "path": "title", "value": "canary-new"})),
            200,
        ),
        (
            "PATCH",
            user.clone(),
            patch(json!({"op": "replace", "path": "active", "value": "canary-no"})),
            400,
        ),
        (
            "PATCH",
            user.clone(),
            patch(json!({
                "op": "replace", "path": r#"emails[value eq "canary-none"].value"#, "value": "canary-x"
            })),
            400,
        ),
        (
            "PATCH",
            user.clone(),
            patch(json!({"op": "add", "path": "password", "value": "canary-passw0rd"})),
            400,
        ),
        ("DELETE", user, String::new(), 204),
    ];
    for (method, path, body, status) in requests {
        let answer = server.send(method, &path, &body).await;
        assert_eq!(answer.status(), status, "{method} {path} {body} {answer:?}");
    }
    // What the audit log says of a sender: where it is, what it calls itself, which trace it is in.
    let trace = "0af7651916cd43dd8448eb211c80319c";
    let traced = json!({"schemas": [USER], "userName": "canary-traced"}).to_string();
    let request = format!(
        "POST /scim/v2/Users HTTP/1.1\r\nHost: x\r\n{AUTHORIZATION}User-Agent: probe/1.0\r\n\
         traceparent: 00-{trace}-b7ad6b7169203331-01\r\ntracestate: canary=1\r\n\
         Connection: close\r\nContent-Length: {}\r\n\r\n{}",
        traced.len(),
        traced
    );
    assert_eq!(server.raw(request.as_bytes()).await.status(), 201);
    for authorization in ["Bearer canary-token", "Basic canary", "canary"] {
        let request = format!(
            "GET /scim/v2/Users HTTP/1.1\r\nHost: canary.example.com\r\nCookie: canary\r\n\
             Authorization: {authorization}\r\nConnection: close\r\n\r\n"
        );
        server.raw(request.as_bytes()).await.is_error(401);
    }

    let log = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    assert!(log.contains("scim.request") && log.contains("/Users/{id}"), "requests are logged");
    let recorded = log.lines().find(|line| line.contains("scim.audit") && line.contains(trace));
    let recorded = recorded.expect("a record of the traced request");
    for field in ["client_address=127.0.0.1", "user_agent=\"probe/1.0\"", "action=\"create\""] {
        assert!(recorded.contains(field), "{field} is not in {recorded}");
    }
    for span in ["scim.authz", "scim.parse", "scim.store"] {
        assert!(log.contains(span), "{span}");
    }
    let found: Vec<&str> = log.lines().filter(|line| line.contains(CANARY)).collect();
    assert!(found.is_empty(), "{found:#?}");
    assert!(!log.contains("t0ken"), "the token is logged");
}
