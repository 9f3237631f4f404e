//! Authentication (RFC 7644 §2; SEC-03 to SEC-05).

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use http::Request;
use http::request::Parts;
use scim2_core::secret::Secret;
use scim2_provider::auth::{
    Action, AuthError, BearerToken, BearerTokens, Principal, TokenError, Verb, generate_token,
};
use scim2_provider::{Authenticator, MemoryStore, Scope, ServiceProvider, TenantId};

use crate::support::*;

fn scope() -> Scope {
    Scope::tenant(TenantId::new("a").unwrap())
}

fn send(server: &Server, authorization: Option<&str>) -> Reply {
    let mut request = Request::get("/Users");
    if let Some(authorization) = authorization {
        request = request.header("authorization", authorization);
    }
    server.send(request.body(Bytes::new()).unwrap())
}

#[test]
fn r44_2_03_a_401_names_the_scheme() {
    let server = server();
    let reply = send(&server, None).is(401);
    assert_eq!(reply.header("www-authenticate"), Some(r#"Bearer realm="scim""#));
    let reply = send(&server, Some("Bearer wrong")).is(401);
    let challenge = reply.header("www-authenticate").unwrap();
    assert!(challenge.contains(r#"error="invalid_token""#), "{challenge}");
}

#[test]
fn only_the_right_token_in_the_right_form_is_taken() {
    let server = server();
    for right in [format!("Bearer {TOKEN}"), format!("bearer  {TOKEN} ")] {
        send(&server, Some(&right)).is(200);
    }
    for wrong in [
        "Bearer",
        "Bearer ",
        "",
        TOKEN,
        "Basic dXNlcjpwYXNz",
        &format!("Bearer {TOKEN}x"),
        &format!("Bearer {}", &TOKEN[..5]),
        &format!("Bearer {}", TOKEN.to_uppercase()),
    ] {
        send(&server, Some(wrong)).is(401);
    }
    let twice = Request::get("/Users")
        .header("authorization", format!("Bearer {TOKEN}"))
        .header("authorization", "Bearer wrong")
        .body(Bytes::new())
        .unwrap();
    server.send(twice).is(401);
}

#[test]
fn sec_04_an_empty_secret_makes_no_token() {
    for secret in ["", " ", "with space", "new\nline", "ü"] {
        let token = BearerToken::new("x", &secret.into(), scope());
        assert_eq!(token.err(), Some(TokenError::Unusable), "{secret:?}");
    }
    let server = server();
    send(&server, Some("Bearer ")).is(401);
}

#[test]
fn sec_05_tokens_expire_and_can_be_exchanged_without_a_gap() {
    let clock = clock();
    let now = scim2_provider::Clock::now(&*clock);
    let token = |secret: &str| BearerToken::new(secret, &secret.into(), scope()).unwrap();
    let old = token("old").expires(now + chrono::TimeDelta::seconds(10));
    let tokens = Arc::new(BearerTokens::new([old.clone(), token("new")]).with_clock(clock.clone()));
    let taken = |secret: &str| {
        let request = Request::get("/").header("authorization", format!("Bearer {secret}"));
        let (parts, ()) = request.body(()).unwrap().into_parts();
        block_on(tokens.authenticate(&parts)).is_ok()
    };
    assert!(taken("old") && taken("new"));
    clock.advance(10_000);
    assert!(!taken("old") && taken("new"));
    tokens.set([token("newer")]);
    assert!(!taken("new") && taken("newer"));
}

#[test]
fn sec_05_generated_tokens_are_long_and_differ() {
    let tokens: Vec<Secret> = (0..64).map(|_| generate_token().unwrap()).collect();
    for token in &tokens {
        assert!(token.expose().starts_with("scim2_"));
        // 32 bytes are 43 characters of base64.
        assert_eq!(token.expose().len(), "scim2_".len() + 43);
        BearerToken::new("x", token, scope()).unwrap();
    }
    let mut texts: Vec<_> = tokens.iter().map(Secret::expose).collect();
    texts.sort_unstable();
    texts.dedup();
    assert_eq!(texts.len(), 64);
}

#[test]
fn sec_22_secrets_do_not_show_in_debug_output() {
    let token = BearerToken::new("entra", &"s3cret-value".into(), scope()).unwrap();
    let tokens = BearerTokens::new([token.clone()]);
    for text in [format!("{token:?}"), format!("{tokens:?}")] {
        assert!(!text.contains("s3cret"), "{text}");
    }
}

/// Lets everybody in, says what they may do, and counts.
struct Gate {
    allowed: fn(&Action<'_>) -> bool,
    asked: AtomicUsize,
}

impl Authenticator for Gate {
    async fn authenticate(&self, parts: &Parts) -> Result<Principal, AuthError> {
        match parts.headers.get("x-client") {
            Some(name) if name == "down" => Err(AuthError::Unavailable),
            Some(name) => Ok(Principal::new(name.to_str().unwrap(), scope())),
            None => Err(AuthError::Missing),
        }
    }

    fn authorize(&self, _: &Principal, action: &Action<'_>) -> bool {
        self.asked.fetch_add(1, Ordering::Relaxed);
        (self.allowed)(action)
    }
}

fn gate(allowed: fn(&Action<'_>) -> bool) -> ServiceProvider<MemoryStore, Gate> {
    ServiceProvider::builder(MemoryStore::default())
        .base_url(url::Url::parse(BASE).unwrap())
        .authenticator(Gate { allowed, asked: AtomicUsize::new(0) })
        .build()
        .unwrap()
}

#[test]
fn h04_what_a_client_may_not_do_is_403() {
    // Also r44_2_04 and r44_2_05.
    let read_only = gate(|action| {
        matches!(action.verb, Verb::Read | Verb::Query) && action.resource_type.name() == "User"
    });
    let status = |method: &str, path: &str| {
        let request = Request::builder().method(method).uri(path).header("x-client", "c");
        let response = block_on(read_only.handle(request.body("{}".into()).unwrap()));
        response.status().as_u16()
    };
    assert_eq!(status("GET", "/Users"), 200);
    assert_eq!(status("GET", "/Users/x"), 404);
    assert_eq!(status("POST", "/Users/.search"), 400);
    assert_eq!(status("GET", "/Groups"), 403);
    assert_eq!(status("POST", "/Users"), 403);
    for method in ["PUT", "PATCH", "DELETE"] {
        assert_eq!(status(method, "/Users/x"), 403, "{method}");
    }
}

#[test]
fn credentials_that_cannot_be_checked_are_503() {
    let provider = gate(|_| true);
    let request = Request::get("/Users").header("x-client", "down").body(Bytes::new()).unwrap();
    assert_eq!(block_on(provider.handle(request)).status(), 503);
}

#[test]
fn r98_5_2_02_each_page_is_asked_for_anew() {
    let clock = clock();
    let expires = scim2_provider::Clock::now(&*clock) + chrono::TimeDelta::seconds(10);
    let token = BearerToken::new("a", &TOKEN.into(), scope()).unwrap().expires(expires);
    let provider = ServiceProvider::builder(MemoryStore::with_clock(clock.clone()))
        .base_url(url::Url::parse(BASE).unwrap())
        .authenticator(BearerTokens::new([token]).with_clock(clock.clone()))
        .build()
        .unwrap();
    let server = |request: http::request::Builder, body: String| {
        let request = request.header("authorization", format!("Bearer {TOKEN}"));
        block_on(provider.handle(request.body(body.into()).unwrap()))
    };
    for name in ["a", "b"] {
        assert_eq!(server(Request::post("/Users"), user(name).to_string()).status(), 201);
    }
    let first = server(Request::get("/Users?count=1&cursor"), String::new());
    let body: serde_json::Value = serde_json::from_slice(first.body()).unwrap();
    let next = format!("/Users?count=1&cursor={}", body["nextCursor"].as_str().unwrap());
    assert_eq!(server(Request::get(&next), String::new()).status(), 200);
    clock.advance(10_000);
    assert_eq!(server(Request::get(&next), String::new()).status(), 401);
}

/// Finds the tenant in a header that a proxy sets, and lets strangers sign up.
struct ByHeader;

impl Authenticator for ByHeader {
    async fn authenticate(&self, parts: &Parts) -> Result<Principal, AuthError> {
        let tenant = parts.headers.get("x-tenant").and_then(|value| value.to_str().ok());
        let tenant = TenantId::new(tenant.unwrap_or("lobby")).map_err(|_| AuthError::Invalid)?;
        Ok(Principal::new("anybody", Scope::tenant(tenant)))
    }

    fn authorize(&self, principal: &Principal, action: &Action<'_>) -> bool {
        principal.scope.tenant.as_str() != "lobby" || action.verb == Verb::Create
    }
}

#[test]
fn r44_6_1_01_the_tenant_may_come_from_anywhere_and_strangers_may_sign_up() {
    // Also r44_2_2_01.
    let provider = ServiceProvider::builder(MemoryStore::default())
        .base_url(url::Url::parse(BASE).unwrap())
        .authenticator(ByHeader)
        .build()
        .unwrap();
    let send = |request: http::request::Builder, body: String| {
        block_on(provider.handle(request.body(body.into()).unwrap()))
    };
    let created = send(Request::post("/Users").header("x-tenant", "t"), user("a").to_string());
    assert_eq!(created.status(), 201);
    let body: serde_json::Value = serde_json::from_slice(created.body()).unwrap();
    let path = format!("/Users/{}", body["id"].as_str().unwrap());
    let get = |tenant| send(Request::get(&path).header("x-tenant", tenant), String::new()).status();
    assert_eq!(get("t"), 200);
    assert_eq!(get("u"), 404);
    assert_eq!(get(""), 401);
    assert_eq!(send(Request::post("/Users"), user("s").to_string()).status(), 201);
    assert_eq!(send(Request::get("/Users"), String::new()).status(), 403);
}
