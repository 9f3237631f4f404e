//! Requirements on paths and versions, over a socket.

use axum::Router;
use scim2_axum::{router, versioned};

use crate::support::*;

#[tokio::test]
async fn r44_3_13_01_a_base_url_may_end_in_a_version() {
    let app = Router::new().nest("/scim/v2", router(provider("https://example.com/scim/v2")));
    let server = run(app).await;
    let created = server.send("POST", "/scim/v2/Users", &user("a")).await;
    assert_eq!(created.status(), 201);
    let location = created.header("location").unwrap();
    let path = location.strip_prefix("https://example.com").unwrap().to_owned();
    assert!(path.starts_with("/scim/v2/Users/"), "{path}");
    assert_eq!(server.send("GET", &path, "").await.json(), created.json());
}

#[tokio::test]
async fn r44_3_13_03_without_a_version_the_latest_answers() {
    let app = Router::new().nest("/scim", versioned(provider("http://localhost/scim/v2")));
    let server = run(app).await;
    assert_eq!(server.send("POST", "/scim/Users", &user("a")).await.status(), 201);
    for path in ["/Users", "/Users?count=1", "/ServiceProviderConfig", "/Schemas"] {
        let with = server.send("GET", &format!("/scim/v2{path}"), "").await;
        let without = server.send("GET", &format!("/scim{path}"), "").await;
        assert_eq!((with.status(), with.json()), (without.status(), without.json()), "{path}");
        assert_eq!(with.status(), 200);
    }
}

#[tokio::test]
async fn h07_a_sibling_version_is_400_and_everything_else_the_applications_own() {
    let base = "http://localhost/scim/v2";
    let helped = run(Router::new().nest("/scim", versioned(provider(base)))).await;
    for path in ["/scim/v1/Users", "/scim/v3/Users/1", "/scim/v10", "/scim/v9/nothing?x=1"] {
        let error = helped.send("GET", path, "").await.is_error(400);
        assert_eq!(error["scimType"], "invalidVers", "{path}");
        assert!(error["detail"].as_str().unwrap().contains("v2"), "{error}");
    }
    let plain = run(Router::new().nest("/scim/v2", router(provider(base)))).await;
    for path in ["/scim/v9/Users", "/Users", "/scim"] {
        let answer = plain.send("GET", path, "").await;
        assert_eq!((answer.status(), answer.body.as_str()), (404, ""), "{path}");
    }
}
