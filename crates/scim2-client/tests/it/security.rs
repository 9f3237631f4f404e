//! The service provider is not trusted, and neither is the URL.

use scim2_client::{BuildError, Client, ErrorClass};
use scim2_core::resource::ResourceId;
use scim2_core::secret::Secret;
use scim2_core::user::User;
use serde_json::json;

use crate::script::{Script, empty, headers, json as answer, run};

fn id() -> ResourceId {
    ResourceId::from("1")
}

#[test]
fn r44_7_4_02_no_token_goes_over_http() {
    let build = |url: &str| {
        Client::builder(Script::default(), url.parse().unwrap()).bearer("t".into()).build()
    };
    assert!(matches!(build("http://scim.example.com/v2"), Err(BuildError::Plaintext { .. })));
    assert!(build("http://127.0.0.1:8080/scim/v2").is_ok());
    assert!(matches!(build("https://u:p@scim.example.com/"), Err(BuildError::UserInfo)));
}

#[test]
fn sec_04_empty_credentials_are_refused() {
    let build = |token: &str| Script::default().builder().bearer(Secret::from(token)).build();
    assert_eq!(build("").unwrap_err(), BuildError::Credentials);
    assert_eq!(build("a\nb").unwrap_err(), BuildError::Credentials);
    let basic = Script::default().builder().basic("", "".into()).build();
    assert_eq!(basic.unwrap_err(), BuildError::Credentials);
    // The token may also turn empty later.
    let script = Script::default();
    let client = script.builder().bearer_with(|| "".into()).build().unwrap();
    assert_eq!(run(client.users().get(&id())).unwrap_err().class(), ErrorClass::Invalid);
    assert!(script.seen().is_empty());
}

#[test]
fn r44_2_01_basic_authentication() {
    let script = Script::new([empty(204)]);
    let client = script.builder().basic("Aladdin", "open sesame".into()).build().unwrap();
    run(client.users().delete(&id(), None)).unwrap();
    let header = script.seen()[0].header("authorization").map(str::to_owned);
    assert_eq!(header.as_deref(), Some("Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="));
}

#[test]
fn sec_22_nothing_prints_the_token() {
    let script = Script::new([answer(401, json!({"status": "401", "detail": "no"}))]);
    let builder = script.builder();
    assert!(!format!("{builder:?}").contains("secret-token"));
    let client = builder.build().unwrap();
    assert!(!format!("{client:?}").contains("secret-token"));
    let error = run(client.users().get(&id())).unwrap_err();
    assert!(!format!("{error:?} {error}").contains("secret-token"));
    assert!(script.seen()[0].headers["authorization"].is_sensitive());
}

#[test]
fn sec_22_errors_print_no_query() {
    let script = Script::new([empty(400)]);
    let filter = scim2_core::syntax::Filter::eq("userName", "canary");
    let error = run(script.client().users().find(filter)).unwrap_err();
    assert!(!format!("{error:?} {error}").contains("canary"));
}

#[test]
fn c07_307_and_308_keep_method_and_body() {
    for status in [307, 308] {
        let script = Script::new([
            headers(status, &[("location", "/v3/Users")], ""),
            answer(201, json!({"id": "1", "userName": "bjensen"})),
        ]);
        run(script.client().users().create(&User::new("bjensen"))).unwrap();
        let seen = script.seen();
        assert_eq!(seen[1].url, "https://scim.example.com/v3/Users");
        assert_eq!(seen[1].method, "POST");
        assert_eq!(seen[1].body, seen[0].body);
        assert_eq!(seen[1].header("authorization"), seen[0].header("authorization"));
    }
}

#[test]
fn r44_3_12_04_a_redirect_is_followed_once() {
    let script = Script::new([
        headers(307, &[("location", "/a")], ""),
        headers(307, &[("location", "/b")], ""),
    ]);
    let error = run(script.client().users().get(&id())).unwrap_err();
    assert_eq!(error.class(), ErrorClass::Protocol);
    assert_eq!(script.seen().len(), 2);
}

#[test]
fn sec_21_credentials_go_to_no_other_origin() {
    for location in [
        "https://evil.example/v2/Users",
        "//evil.example/v2/Users",
        "http://scim.example.com/v2/Users",
        "https://scim.example.com:8443/",
        "https://scim.example.com@evil.example/",
    ] {
        let script = Script::new([headers(308, &[("location", location)], "")]);
        let result = run(script.client().users().create(&User::new("bjensen")));
        assert_eq!(result.unwrap_err().class(), ErrorClass::Protocol, "{location}");
        assert_eq!(script.seen().len(), 1, "{location}");
    }
}

#[test]
fn sec_21_other_redirects_are_errors() {
    for status in [300, 301, 302, 303, 305] {
        let script = Script::new([headers(status, &[("location", "/v2/Users/1")], "")]);
        let error = run(script.client().users().create(&User::new("bjensen"))).unwrap_err();
        assert_eq!(error.class(), ErrorClass::Protocol);
        assert_eq!(script.seen().len(), 1);
    }
}

#[test]
fn sec_21_a_created_resource_elsewhere_is_not_read() {
    let script = Script::new([headers(201, &[("location", "https://evil.example/1")], "")]);
    let error = run(script.client().users().create(&User::new("bjensen"))).unwrap_err();
    assert_eq!(error.class(), ErrorClass::Protocol);
    assert_eq!(script.seen().len(), 1);
}

#[test]
fn sec_21_deep_answers_are_refused() {
    let deep = format!("{{\"id\": \"1\", \"x\": {}{}}}", "[".repeat(5000), "]".repeat(5000));
    let script = Script::new([headers(200, &[], &deep)]);
    let error = run(script.client().users().get(&id())).unwrap_err();
    assert_eq!(error.class(), ErrorClass::Protocol);
}
