//! The programs in `examples/`, in process.

use std::sync::Arc;

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
#[expect(dead_code, reason = "`main` is for the example")]
#[path = "../../examples/own_tables.rs"]
mod own_tables;

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

fn own_tables() -> (Arc<own_tables::Accounts>, App) {
    let db = rusqlite::Connection::open_in_memory().unwrap();
    let accounts = Arc::new(own_tables::Accounts::new(db).unwrap());
    let router = own_tables::app(accounts.clone()).unwrap();
    (accounts, App { router, token: "s3cret" })
}

#[tokio::test]
async fn what_clients_write_are_the_applications_own_rows() {
    let (accounts, app) = own_tables();
    let user = json!({"schemas": [USER], "userName": "bjensen", "externalId": "e1",
        "displayName": "Babs"});
    let created = app.post("/scim/v2/Users", user.clone()).await;
    assert_eq!((&created["id"], &created["active"]), (&json!("1"), &json!(true)));
    let row: String =
        accounts.db().query_row("SELECT login FROM account", [], |row| row.get(0)).unwrap();
    assert_eq!(row, "bjensen");

    // A name is taken whatever its case, and an attribute without a column is refused.
    let mut other = user.clone();
    other["userName"] = "BJensen".into();
    let taken = app.fails("POST", "/scim/v2/Users", other.clone(), 409).await;
    assert_eq!(taken["scimType"], "uniqueness");
    other["nickName"] = "B".into();
    let unknown = app.fails("POST", "/scim/v2/Users", other, 400).await;
    assert!(unknown["detail"].as_str().unwrap().contains("`nickName`"), "{unknown}");

    // A PATCH is an UPDATE.
    let patch = json!({"schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"],
        "Operations": [{"op": "replace", "path": "active", "value": false}]});
    let patched = App::ok(app.send("PATCH", "/scim/v2/Users/1", &patch).await);
    assert_eq!(patched["meta"]["version"], "W/\"2\"");
    assert_eq!(patched["displayName"], "Babs");
    let enabled: bool =
        accounts.db().query_row("SELECT enabled FROM account", [], |row| row.get(0)).unwrap();
    assert!(!enabled);
    let (status, _) = app.send("DELETE", "/scim/v2/Users/1", &Value::Null).await;
    assert_eq!(status, StatusCode::NO_CONTENT);
    app.fails("GET", "/scim/v2/Users/1", Value::Null, 404).await;
}

#[tokio::test]
async fn filters_orders_and_pages_are_the_applications_own_sql() {
    let (accounts, app) = own_tables();
    for (name, shown) in [("bjensen", "Babs"), ("jsmith", "John"), ("zoe", "alan")] {
        let user = json!({"schemas": [USER], "userName": name, "displayName": shown});
        app.post("/scim/v2/Users", user).await;
    }
    accounts
        .db()
        .execute_batch(
            "INSERT INTO account (org, login, enabled) VALUES ('globex', 'bjensen', 1);
             INSERT INTO team VALUES (7, 'Tour Guides'), (8, 'Drivers');
             INSERT INTO member VALUES (7, 1), (8, 1), (8, 2);",
        )
        .unwrap();
    let names = async |query: &str| {
        let query = query.replace(' ', "%20").replace('"', "%22");
        let list = app.get(&format!("/scim/v2/Users?{query}")).await;
        let users = list["Resources"].as_array().unwrap().clone();
        let names: Vec<_> =
            users.iter().map(|u| u["userName"].as_str().unwrap().to_owned()).collect();
        (names.join(" "), list["totalResults"].as_u64().unwrap())
    };
    assert_eq!(names("").await, ("bjensen jsmith zoe".into(), 3));
    assert_eq!(names(r#"filter=userName eq "BJENSEN""#).await, ("bjensen".into(), 1));
    assert_eq!(
        names(r#"filter=groups[display eq "drivers"] and not (groups.value eq "7")"#).await,
        ("jsmith".into(), 1)
    );
    assert_eq!(names(r#"filter=groups pr&sortBy=displayName"#).await, ("bjensen jsmith".into(), 2));
    assert_eq!(names("sortBy=displayName&count=2").await, ("zoe bjensen".into(), 3));
    assert_eq!(names("sortBy=displayName&count=2&startIndex=3").await, ("jsmith".into(), 3));
    assert_eq!(names(r#"filter=displayName co "' OR 1=1 --""#).await, (String::new(), 0));
    // What has no column cannot be asked for, and nothing comes of it.
    app.fails("GET", "/scim/v2/Users?filter=groups.type%20pr", Value::Null, 400).await;
}
