//! Requirements on stores, as clients see them, one test for each.

use scim2_core::rules::EndpointRules;
use scim2_core::schema::{Attribute, AttributeType, Schema, Uniqueness};
use scim2_core::{Catalog, Error, Resource, ResourceType};
use serde_json::{Value, json};

use crate::support::*;

/// Refuses short passwords, as a server with rules for them does.
#[derive(Debug)]
struct LongPasswords;

impl EndpointRules for LongPasswords {
    fn check_create(&self, _: &ResourceType, resource: &Resource) -> Result<(), Error> {
        match resource.text("password") {
            Some(password) if password.chars().count() < 8 => {
                Err(Error::invalid_value("`password` must have at least 8 characters"))
            }
            _ => Ok(()),
        }
    }
}

#[test]
fn r43_4_1_1_12_a_password_is_checked_before_it_is_kept() {
    let server = Setup::rules(LongPasswords).server();
    let body = |password: &str| json!({"schemas": [USER], "userName": "a", "password": password});
    let refused = server.post("/Users", body("s3cret")).fails(400, "invalidValue");
    assert!(!refused.body.to_string().contains("s3cret"));
    assert_eq!(server.total("/Users"), 0);
    server.post("/Users", body("s3cret-and-long")).is(201);
}

#[test]
fn r43_7_11_case_that_does_not_count_is_kept_all_the_same() {
    let server = server();
    let path = format!("/Users/{}", server.user("BJensen"));
    assert_eq!(server.get(&path).body["userName"], "BJensen");
    assert_eq!(server.filter("/Users", r#"userName eq "bjensen""#).column("userName"), ["BJensen"]);
}

fn badges() -> Server {
    let attribute = |name: &str, uniqueness, case_exact| {
        let mut attribute = Attribute::new(name.parse().unwrap(), AttributeType::String);
        attribute.uniqueness = uniqueness;
        attribute.case_exact = case_exact;
        attribute
    };
    let schema = Schema::new(
        "urn:example:Badge".parse().unwrap(),
        vec![
            attribute("serial", Uniqueness::Server, true),
            attribute("colour", Uniqueness::Server, false),
            attribute("world", Uniqueness::Global, false),
        ],
    );
    let mut catalog = Catalog::standard();
    catalog.register(ResourceType::new("Badge", "/Badges", schema)).unwrap();
    Setup { catalog: Some(catalog), ..Setup::default() }.server()
}

fn badge(name: &str, value: &str) -> Value {
    json!({"schemas": ["urn:example:Badge"], name: value})
}

#[test]
fn r43_7_22_a_unique_value_is_there_once() {
    let server = badges();
    for (name, value) in [("serial", "S1"), ("colour", "Red")] {
        server.post("/Badges", badge(name, value)).is(201);
        server.post("/Badges", badge(name, value)).fails(409, "uniqueness").naming(name);
    }
    server.post("/Badges", badge("serial", "s1")).is(201);
    server.post("/Badges", badge("colour", "RED")).fails(409, "uniqueness");
    // Another tenant has its own.
    let authorization = format!("Bearer {TOKEN_B}");
    let b = [("authorization", authorization.as_str())];
    let body = badge("serial", "S1").to_string();
    server.call("POST", "/Badges", &b, body.as_bytes()).is(201);
}

#[test]
fn r43_7_23_what_is_globally_unique_is_unique_here() {
    let server = badges();
    server.post("/Badges", badge("world", "one")).is(201);
    server.post("/Badges", badge("world", "ONE")).fails(409, "uniqueness").naming("world");
}

#[test]
fn r44_3_4_2_3_05_without_a_value_is_last_and_descending_first() {
    let server = server();
    for (name, title) in [("a", json!(null)), ("b", json!("y")), ("c", json!("x"))] {
        let mut body = user(name);
        body["title"] = title;
        server.post("/Users", body).is(201);
    }
    let names = |query: &str| {
        server.get(&format!("/Users?sortBy=title{query}")).is(200).column("userName").concat()
    };
    assert_eq!(names(""), "cba");
    assert_eq!(names("&sortOrder=descending"), "abc");
}

#[test]
fn r44_3_6_06_nothing_shows_what_was_deleted() {
    let server = server();
    let mut body = user("gone");
    body["externalId"] = "e1".into();
    body["emails"] = json!([{"value": "gone@example.com"}]);
    body["displayName"] = "Gone".into();
    let gone = server.post("/Users", body).is(201).id().to_owned();
    let group = server.group("g", &[&gone]);
    let manager = json!({"value": gone});
    let body = json!({"schemas": [USER, ENTERPRISE], "userName": "left",
        ENTERPRISE: {"manager": manager}});
    let left = server.post("/Users", body).is(201).id().to_owned();
    server.delete(&format!("/Users/{gone}")).is(204);

    let path = format!("/Users/{gone}");
    server.get(&path).is(404);
    server.put(&path, user("gone")).is(404);
    server.patch(&path, json!([{"op": "add", "path": "title", "value": "x"}])).is(404);
    server.delete(&path).is(404);
    for filter in [
        format!("id eq \"{gone}\""),
        "userName eq \"gone\"".to_owned(),
        "externalId eq \"e1\"".to_owned(),
        "emails.value co \"gone\"".to_owned(),
        format!("{ENTERPRISE}:manager.value eq \"{gone}\""),
    ] {
        assert!(server.filter("/Users", &filter).is(200).ids().is_empty(), "{filter}");
        let search = json!({"schemas": [SEARCH], "filter": filter});
        assert_eq!(server.post("/Users/.search", search).is(200).body["totalResults"], 0);
    }
    assert!(server.filter("/Groups", &format!("members.value eq \"{gone}\"")).ids().is_empty());
    for query in ["", "?cursor", "?sortBy=userName", "?count=0"] {
        assert_eq!(server.get(&format!("/Users{query}")).is(200).body["totalResults"], 1);
    }
    let everything = [format!("/Users/{left}"), format!("/Groups/{group}"), "/Users".to_owned()];
    for path in everything {
        let text = server.get(&path).is(200).body.to_string();
        assert!(!text.contains(&gone) && !text.contains("Gone"), "{text}");
    }
}

#[test]
fn r44_6_2_01_external_ids_belong_to_a_tenant_and_ids_do_not_meet() {
    let server = server();
    let authorization = format!("Bearer {TOKEN_B}");
    let b = [("authorization", authorization.as_str())];
    let body = json!({"schemas": [USER], "userName": "a", "externalId": "e1"});
    let in_a = server.post("/Users", body.clone()).is(201).id().to_owned();
    let in_b = server.call("POST", "/Users", &b, body.to_string().as_bytes()).is(201);
    let in_b = in_b.id().to_owned();
    assert_ne!(in_a, in_b);
    assert_eq!(server.filter("/Users", r#"externalId eq "e1""#).ids(), [&in_a]);
    server.get(&format!("/Users/{in_b}")).is(404);
    server.call("GET", &format!("/Users/{in_a}"), &b, b"").is(404);
}

#[test]
fn r44_3_10_02_the_urn_of_the_base_schema_may_be_left_out() {
    let server = server();
    let id = server.user("a");
    let path = format!("/Users/{id}");
    for name in ["userName".to_owned(), format!("{USER}:userName")] {
        assert_eq!(server.filter("/Users", &format!("{name} eq \"a\"")).is(200).ids(), [&id]);
        let shown = server.get(&format!("{path}?attributes={name}")).is(200).body;
        assert_eq!((&shown["userName"], shown.get("meta")), (&json!("a"), None));
        assert_eq!(server.get(&format!("/Users?sortBy={name}")).is(200).ids(), [&id]);
        let hidden = server.get(&format!("{path}?excludedAttributes={name}")).is(200).body;
        assert_eq!(hidden.get("userName"), None);
    }
    for (name, value) in [("title".to_owned(), "x"), (format!("{USER}:title"), "y")] {
        let operations = json!([{"op": "replace", "path": name, "value": value}]);
        assert_eq!(server.patch(&path, operations).is(200).body["title"], value);
        let operations = json!([{"op": "replace", "value": {name: "z"}}]);
        assert_eq!(server.patch(&path, operations).is(200).body["title"], "z");
    }
}
