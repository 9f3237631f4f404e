//! The programs in `examples/`, in process.

use axum::Router;
use axum::body::Body;
use http::{Request, StatusCode};
use http_body_util::BodyExt;
use serde_json::{Value, json};
use tower::ServiceExt;

use crate::support::USER;

#[expect(dead_code, reason = "`main` is for the example")]
#[path = "../../examples/custom_extension.rs"]
mod custom_extension;
#[expect(dead_code, reason = "`main` is for the example")]
#[path = "../../examples/multi_tenant.rs"]
mod multi_tenant;

struct App {
    router: Router,
    token: &'static str,
}

impl App {
    async fn send(&self, method: &str, path: &str, body: &Value) -> (StatusCode, Value) {
        let body = if body.is_null() { String::new() } else { body.to_string() };
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header("authorization", format!("Bearer {}", self.token))
            .body(Body::from(body))
            .unwrap();
        let response = self.router.clone().oneshot(request).await.unwrap();
        let status = response.status();
        let bytes = response.into_body().collect().await.unwrap().to_bytes();
        (status, serde_json::from_slice(&bytes).unwrap_or_default())
    }

    #[track_caller]
    fn ok(answer: (StatusCode, Value)) -> Value {
        assert!(answer.0.is_success(), "{answer:?}");
        answer.1
    }

    async fn get(&self, path: &str) -> Value {
        Self::ok(self.send("GET", path, &Value::Null).await)
    }

    async fn post(&self, path: &str, body: Value) -> Value {
        Self::ok(self.send("POST", path, &body).await)
    }

    async fn fails(&self, method: &str, path: &str, body: Value, status: u16) -> Value {
        let (found, body) = self.send(method, path, &body).await;
        assert_eq!(found.as_u16(), status, "{body}");
        assert_eq!(body["status"], status.to_string(), "{body}");
        body
    }
}

#[tokio::test]
async fn tenants_by_path_do_not_see_each_other() {
    let router = multi_tenant::app(&[("acme", "a"), ("globex", "g")]).unwrap();
    let acme = App { router: router.clone(), token: "a" };
    let globex = App { router, token: "g" };
    let user = json!({"schemas": [USER], "userName": "bjensen"});
    let created = acme.post("/acme/scim/v2/Users", user.clone()).await;
    let id = created["id"].as_str().unwrap();
    assert_eq!(
        created["meta"]["location"],
        format!("http://127.0.0.1:8080/acme/scim/v2/Users/{id}")
    );
    acme.get(&format!("/acme/scim/v2/Users/{id}")).await;

    // The name is free in the other tenant, and the id means nothing there.
    globex.post("/globex/scim/v2/Users", user).await;
    for method in ["GET", "DELETE"] {
        globex.fails(method, &format!("/globex/scim/v2/Users/{id}"), Value::Null, 404).await;
    }
    // No token is good on another tenant's path, nor on one of nobody.
    for tenant in ["acme", "nobody"] {
        globex.fails("GET", &format!("/{tenant}/scim/v2/Users"), Value::Null, 401).await;
        globex.fails("GET", &format!("/{tenant}/scim/v2/Schemas"), Value::Null, 401).await;
    }
    let list = acme.get("/acme/scim/v2/Users").await;
    assert_eq!(list["totalResults"], 1);
}

#[tokio::test]
async fn an_extension_is_declared_once_and_used_everywhere() {
    let app = App { router: custom_extension::app().unwrap(), token: "s3cret" };
    let badge = custom_extension::Badge::SCHEMA;
    let user = json!({"schemas": [USER, badge], "userName": "bjensen",
        badge: {"number": "7", "doors": [{"value": "North", "night": true}]}});
    let created = app.post("/scim/v2/Users", user.clone()).await;
    let path = format!("/scim/v2/Users/{}", created["id"].as_str().unwrap());

    // As a schema …
    let schema = app.get(&format!("/scim/v2/Schemas/{badge}")).await;
    assert_eq!(schema["description"], "The badge that a user opens doors with.");
    let mut wrong = user.clone();
    wrong["userName"] = "jsmith".into();
    assert_eq!(
        app.fails("POST", "/scim/v2/Users", wrong.clone(), 409).await["scimType"],
        "uniqueness"
    );
    wrong[badge] = json!({"number": "8", "doors": [{"value": "North", "night": "often"}]});
    let error = app.fails("POST", "/scim/v2/Users", wrong, 400).await;
    assert!(error["detail"].as_str().unwrap().contains("doors[0].night"), "{error}");

    // … in PATCH and filters …
    let door = format!("{badge}:doors[value eq \"North\"].night");
    let patch = json!({"schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"],
        "Operations": [{"op": "replace", "path": door, "value": false}]});
    App::ok(app.send("PATCH", &path, &patch).await);
    let filter = format!("/scim/v2/Users?filter={badge}:doors.night%20eq%20false");
    assert_eq!(app.get(&filter).await["totalResults"], 1);

    // … and as a type.
    let holder = app.get("/badges/7").await;
    assert_eq!(holder["doors"][0], json!({"value": "North", "night": false}));
    app.fails("GET", "/badges/8", Value::Null, 404).await;
}

#[tokio::test]
async fn a_resource_type_of_ones_own_is_served_like_any_other() {
    let app = App { router: custom_extension::app().unwrap(), token: "s3cret" };
    let door = custom_extension::Door::SCHEMA;
    let north = json!({"schemas": [door], "label": "North", "floor": 1});
    let created = app.post("/scim/v2/Doors", north.clone()).await;
    assert_eq!(created["meta"]["resourceType"], "Door");
    app.fails("POST", "/scim/v2/Doors", north, 409).await;
    app.post("/scim/v2/Doors", json!({"schemas": [door], "label": "Roof", "floor": 9})).await;
    let list = app.get("/scim/v2/Doors?filter=floor%20gt%205&sortBy=label").await;
    assert_eq!(list["Resources"][0]["label"], "Roof");
    assert_eq!(app.get("/scim/v2/ResourceTypes/Door").await["endpoint"], "/Doors");
}
