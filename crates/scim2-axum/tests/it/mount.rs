//! The router: where it is mounted, and what it answers itself.

use std::time::Duration;

use axum::Router;
use axum::routing::get;
use scim2_axum::{Mount, health, mount, refuse_other_versions, router, versioned};
use scim2_core::ResourceType;
use scim2_core::change::MemberDelta;
use scim2_core::etag::EntityTags;
use scim2_core::resource::ResourceId;
use scim2_provider::Scope;
use scim2_provider::events::ChangeRecord;
use scim2_provider::store::{
    Change, Check, Dangling, Load, Query, QueryResult, Store, StoreError, Stored, Updated, Write,
};
use tokio::io::AsyncWriteExt;

use crate::support::*;

#[tokio::test]
async fn r44_1_3_01_a_provider_is_nested_anywhere() {
    let base = "https://example.com/scim/tenant1/v2";
    let app = Router::new()
        .route("/health", get(|| async { "fine" }))
        .nest("/scim/tenant1/v2", router(provider(base)));
    let server = run(app).await;
    let created = server.send("POST", "/scim/tenant1/v2/Users", &user("bjensen")).await;
    assert_eq!(created.status(), 201, "{created:?}");
    let location = created.header("location").unwrap().to_owned();
    let path = location.strip_prefix("https://example.com").unwrap();
    let read = server.send("GET", path, "").await;
    assert_eq!(read.status(), 200);
    assert_eq!(read.json(), created.json());
    let found =
        server.send("GET", "/scim/tenant1/v2/Users?filter=userName%20eq%20%22bjensen%22", "").await;
    assert_eq!(found.json()["totalResults"], 1);
    assert_eq!(server.send("DELETE", path, "").await.status(), 204);
    assert_eq!(server.send("GET", "/health", "").await.body, "fine");
}

#[tokio::test]
async fn paths_that_are_no_endpoint_are_404_in_the_rfc_form() {
    let server =
        run(Router::new().nest("/scim/v2", router(provider("http://localhost/scim/v2")))).await;
    for path in ["/scim/v2", "/scim/v2/nothing", "/scim/v2/Users/a/b", "/scim/v2//"] {
        server.send("GET", path, "").await.is_error(404);
    }
    // Outside is the application's own.
    let outside = server.send("GET", "/scim/v9/Users", "").await;
    assert_eq!((outside.status(), outside.body.as_str()), (404, ""));
}

#[tokio::test]
async fn h15_the_base_itself_takes_a_slash_at_its_end() {
    let app = Router::new()
        .route("/", get(|| async { "the application" }))
        .merge(mount("/scim/v2", provider("http://localhost/scim/v2")));
    let server = run(app).await;
    assert_eq!(server.send("POST", "/scim/v2/Users", &user("a")).await.status(), 201);
    assert_eq!(server.send("GET", "/scim/v2/Users/", "").await.json()["totalResults"], 1);
    for path in ["/scim/v2", "/scim/v2/", "/scim/v2//", "/scim/v2/nothing", "/scim/v2/Users/a/b"] {
        server.send("GET", path, "").await.is_error(404);
    }
    assert_eq!(server.send("GET", "/", "").await.body, "the application");
    let outside = server.send("GET", "/scim/v22", "").await;
    assert_eq!((outside.status(), outside.body.as_str()), (404, ""));
}

#[tokio::test]
async fn r44_3_12_01_whatever_is_refused_below_the_base_has_the_error_form() {
    let server = run(mount("/scim/v2", provider("http://localhost/scim/v2"))).await;
    for (method, path, headers, status) in [
        ("PUT", "/scim/v2/Users", "", 405),
        ("TRACE", "/scim/v2/Users/1", "", 405),
        ("FROB", "/scim/v2/Schemas", "", 405),
        ("GET", "/scim/v2/Users", "Accept: text/html\r\n", 406),
        ("POST", "/scim/v2/Users", "Content-Type: text/xml\r\n", 415),
        ("GET", "/scim/v2/Nothing", "", 404),
    ] {
        let request = format!(
            "{method} {path} HTTP/1.1\r\nHost: x\r\n{AUTHORIZATION}{headers}Connection: close\r\n\r\n"
        );
        let answer = server.raw(request.as_bytes()).await;
        answer.is_error(status);
        assert_eq!(answer.header("allow").is_some(), status == 405, "{method} {path}");
    }
}

#[tokio::test]
async fn h07_siblings_of_the_version_are_refused() {
    let app = Router::new()
        .route("/scim/about", get(|| async { "about" }))
        .merge(mount("/scim/v2", provider("http://localhost/scim/v2")));
    let server = run(refuse_other_versions("/scim", app)).await;
    for path in ["/scim/v1/Users", "/scim/v3", "/scim/v2.1/Users/1", "/scim/v10/"] {
        assert_eq!(server.send("GET", path, "").await.is_error(400)["scimType"], "invalidVers");
    }
    assert_eq!(server.send("GET", "/scim/v2/Users", "").await.status(), 200);
    assert_eq!(server.send("GET", "/scim/about", "").await.body, "about");
    for path in ["/scim/vision", "/other/v1", "/scimv1"] {
        assert_eq!(server.send("GET", path, "").await.status(), 404, "{path}");
    }
}

#[tokio::test]
async fn health_is_told_without_a_token() {
    let healthy = std::sync::Arc::new(provider("http://localhost/scim/v2"));
    let app = health(healthy.clone()).merge(mount("/scim/v2", healthy));
    let server = run(app).await;
    for (path, body) in [("/livez", "alive"), ("/readyz", "ready")] {
        let request = format!("GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
        let answer = server.raw(request.as_bytes()).await;
        assert_eq!((answer.status(), answer.body.as_str()), (200, body));
    }
    server.send("GET", "/scim/v2/livez", "").await.is_error(404);
    let server = run(health(provider_of(Broken, "http://localhost"))).await;
    assert_eq!(server.send("GET", "/livez", "").await.status(), 200);
    let answer = server.send("GET", "/readyz", "").await;
    assert_eq!((answer.status(), answer.body.as_str()), (503, "not ready"));
}

#[tokio::test]
async fn sec_20_a_request_that_takes_too_long_is_504() {
    let mount = Mount::default().request_timeout(Duration::from_millis(50));
    let server = run(mount.router(provider_of(Broken, "http://localhost"))).await;
    let slow = server.send("GET", "/Groups/1", "").await.is_error(504);
    assert!(slow["detail"].as_str().unwrap().contains("0.05 s"), "{slow}");
}

#[tokio::test]
async fn sec_20_a_panic_is_500_and_the_connection_lives() {
    let server = run(router(provider_of(Broken, "http://localhost"))).await;
    let one = format!("GET /Users/1 HTTP/1.1\r\nHost: x\r\n{AUTHORIZATION}");
    let both = format!("{one}\r\n{one}Connection: close\r\n\r\n");
    let answer = server.raw(both.as_bytes()).await;
    let text = format!("{}{}", answer.head, answer.body);
    assert_eq!(text.matches("HTTP/1.1 500 Internal Server Error").count(), 2, "{text}");
}

#[tokio::test]
async fn sec_03_no_spelling_of_a_path_gets_past_authentication_over_http() {
    let server =
        run(Router::new().nest("/scim/v2", router(provider("http://localhost/scim/v2")))).await;
    for path in [
        "/scim/v2/Users",
        "/scim/v2/%55sers",
        "/scim/v2//Users",
        "/scim/v2/Users/",
        "/scim/v2/ServiceProviderConfig/../Users",
        "/scim/v2/ServiceProviderConfig%2f..%2fUsers",
        "/scim/v2/./Users",
        "/scim/v2/Users;x",
    ] {
        let request = format!("GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
        server.raw(request.as_bytes()).await.is_error(401);
    }
}

#[tokio::test]
async fn r44_3_13_02_other_versions_are_refused() {
    // Also h07, r44_3_13_01 and r44_3_13_03.
    let app = Router::new().nest("/scim", versioned(provider("http://localhost/scim/v2")));
    let server = run(app).await;
    assert_eq!(server.send("POST", "/scim/v2/Users", &user("a")).await.status(), 201);
    let with = server.send("GET", "/scim/v2/Users?count=1", "").await;
    let without = server.send("GET", "/scim/Users?count=1", "").await;
    assert_eq!(with.json(), without.json());
    assert_eq!(with.json()["totalResults"], 1);
    for path in ["/scim/v9/Users", "/scim/v1", "/scim/v2.1/Users"] {
        assert_eq!(server.send("GET", path, "").await.is_error(400)["scimType"], "invalidVers");
    }
    server.send("GET", "/scim/v2", "").await.is_error(404);
    server.send("GET", "/scim/vUsers", "").await.is_error(404);
}

#[tokio::test]
async fn sec_20_a_body_over_the_limit_is_413_whatever_its_framing() {
    let server = run(router(provider("http://localhost"))).await;
    let large = "x".repeat(2 << 20);
    let body = server.send("POST", "/Users", &large).await.is_error(413);
    assert!(body["detail"].as_str().unwrap().contains("1048576"));
    let chunked = format!(
        "POST /Users HTTP/1.1\r\nHost: x\r\n{AUTHORIZATION}Connection: close\r\n\
         Transfer-Encoding: chunked\r\n\r\n{:x}\r\n{large}\r\n0\r\n\r\n",
        large.len()
    );
    server.raw(chunked.as_bytes()).await.is_error(413);
    // So much that it is not even read.
    let head = format!(
        "POST /Users HTTP/1.1\r\nHost: x\r\n{AUTHORIZATION}Connection: close\r\n\
         Content-Length: 1000000000000\r\n\r\n"
    );
    server.raw(head.as_bytes()).await.is_error(413);
    let total = server.send("GET", "/Users?count=0", "").await;
    assert_eq!(total.json()["totalResults"], 0, "nothing is stored");
}

#[tokio::test]
async fn a_body_is_not_waited_for_without_a_token() {
    let server = run(router(provider("http://localhost"))).await;
    // The body never comes, and need not.
    let request = "POST /Users HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n";
    server.raw(request.as_bytes()).await.is_error(401);
}

#[tokio::test]
async fn sec_20_a_body_that_does_not_come_is_408() {
    let mount = Mount::default().body_timeout(Duration::from_millis(100));
    let server = run(mount.router(provider("http://localhost"))).await;
    let mut stream = server.connect().await;
    let head =
        format!("POST /Users HTTP/1.1\r\nHost: x\r\n{AUTHORIZATION}Content-Length: 1000\r\n\r\n{{");
    stream.write_all(head.as_bytes()).await.unwrap();
    Answer::read(&mut stream).await.is_error(408);
}

/// A store with a fault that nobody expected.
struct Broken;

impl Store for Broken {
    async fn get(
        &self,
        _: &Scope,
        ty: &ResourceType,
        _: &ResourceId,
        _: Load,
    ) -> Result<Option<Stored>, StoreError> {
        if ty.name() == "Group" {
            std::future::pending::<()>().await;
        }
        panic!("on purpose")
    }

    async fn ready(&self) -> Result<(), StoreError> {
        Err(StoreError::internal("the disk with customer data is gone"))
    }

    async fn query(
        &self,
        _: &Scope,
        _: &ResourceType,
        _: &Query,
    ) -> Result<QueryResult, StoreError> {
        Err(StoreError::internal("the disk with customer data is full"))
    }

    async fn insert(&self, _: &Scope, _: &ResourceType, _: Write) -> Result<Stored, StoreError> {
        Err(StoreError::Unavailable {
            retry_after: Some(Duration::from_millis(1500)),
            source: None,
        })
    }

    async fn update(
        &self,
        _: &Scope,
        ty: &ResourceType,
        _: &ResourceId,
        _: Load,
        _: Change<'_>,
    ) -> Result<Updated, StoreError> {
        if ty.name() == "Group" {
            return Err(StoreError::UnknownOutcome("customer data was lost on the way".into()));
        }
        Err(StoreError::Conflict)
    }

    async fn change_members(
        &self,
        _: &Scope,
        _: &ResourceType,
        _: &ResourceId,
        _: Option<&EntityTags>,
        _: &MemberDelta,
        _: Option<&ChangeRecord>,
    ) -> Result<Updated, StoreError> {
        Err(StoreError::Conflict)
    }

    async fn delete(
        &self,
        _: &Scope,
        _: &ResourceType,
        _: &ResourceId,
        _: Load,
        _: Dangling,
        _: Check<'_>,
    ) -> Result<(), StoreError> {
        Err(StoreError::NotFound)
    }
}

#[tokio::test]
async fn a_store_that_fails_is_answered_for() {
    let server = run(router(provider_of(Broken, "http://localhost"))).await;
    let panicked = server.send("GET", "/Users/1", "").await.is_error(500);
    assert!(!panicked.to_string().contains("purpose"));
    let failed = server.send("GET", "/Users", "").await.is_error(500);
    assert!(!failed.to_string().contains("customer"));
    let busy = server.send("POST", "/Users", &user("a")).await;
    busy.is_error(503);
    assert_eq!(busy.header("retry-after"), Some("2"));
    // Nobody knows whether it was done, so nothing says to try again (rulings C05 and C06).
    let group = r#"{"schemas":["urn:ietf:params:scim:schemas:core:2.0:Group"],"displayName":"g"}"#;
    let unknown = server.send("PUT", "/Groups/1", group).await;
    let told = unknown.is_error(504);
    assert!(told["detail"].as_str().unwrap().ends_with("may have taken effect"), "{told}");
    assert!(!told.to_string().contains("customer"));
    assert_eq!(unknown.header("retry-after"), None);
    // A lost race without If-Match (ruling H10).
    let lost = server.send("PUT", "/Users/1", &user("a")).await.is_error(409);
    assert_eq!(lost.get("scimType"), None);
    server.send("DELETE", "/Users/1", "").await.is_error(404);
}

#[tokio::test]
async fn head_says_how_long_the_body_would_be() {
    let server = run(router(provider("http://localhost"))).await;
    let get = server.send("GET", "/ServiceProviderConfig", "").await;
    let head = server.send("HEAD", "/ServiceProviderConfig", "").await;
    assert_eq!(head.status(), 200);
    assert_eq!(head.body, "");
    assert_eq!(head.header("content-length"), get.header("content-length"));
}
