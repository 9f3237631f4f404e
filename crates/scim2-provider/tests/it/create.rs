//! POST (RFC 7644 §3.3) and what becomes of common attributes (RFC 7643 §3.1).

use scim2_core::rules::EndpointRules;
use scim2_core::{Resource, ResourceType};
use scim2_provider::Offer;
use serde_json::json;

use crate::support::*;

#[test]
fn r44_3_3_01_read_only_attributes_are_ignored() {
    let server = server();
    let body = json!({
        "schemas": [USER], "id": "mine", "userName": "bjensen",
        "meta": {"created": "1999-01-01T00:00:00Z", "resourceType": 5},
        "groups": [{"value": "g1"}],
    });
    let reply = server.post("/Users", body).is(201);
    assert_ne!(reply.id(), "mine");
    assert_eq!(reply.body.get("groups"), None);
    assert!(reply.body["meta"]["created"].as_str().unwrap().starts_with("2026-"));
}

#[test]
fn r44_3_3_04_a_created_resource_is_201_with_everything_in_it() {
    let server = server();
    let reply = server.post("/Users", user("bjensen")).is(201);
    assert_eq!(reply.body["userName"], "bjensen");
    assert_eq!(reply.body["schemas"], json!([USER]));
    let location = format!("{BASE}/Users/{}", reply.id());
    assert_eq!(reply.header("location"), Some(&*location));
    assert_eq!(reply.body["meta"]["location"], location);
    assert_eq!(reply.header("content-type"), Some("application/scim+json"));
}

#[test]
fn r44_3_3_05_the_created_resource_is_shown_as_attributes_ask() {
    let server = server();
    let reply = server.post("/Users?attributes=userName", user("bjensen")).is(201);
    let mut names: Vec<_> = reply.body.as_object().unwrap().keys().collect();
    names.sort();
    assert_eq!(names, ["id", "schemas", "userName"]);
    assert!(reply.header("location").is_some());
    assert!(reply.header("etag").is_some());
}

#[test]
fn r44_3_3_07_a_taken_user_name_is_409() {
    let server = server();
    server.user("bjensen");
    server.post("/Users", user("BJensen")).fails(409, "uniqueness").naming("userName");
    assert_eq!(server.total("/Users"), 1);
}

#[test]
fn r44_3_3_1_01_the_endpoint_decides_the_resource_type() {
    let server = server();
    let reply = server.post("/Users", user("bjensen")).is(201);
    assert_eq!(reply.body["meta"]["resourceType"], "User");
    let reply = server.post("/Groups", json!({"schemas": [GROUP], "displayName": "Tour"})).is(201);
    assert_eq!(reply.body["meta"]["resourceType"], "Group");
}

#[test]
fn r43_3_1_02_id_and_meta_are_assigned() {
    let server = server();
    let reply = server.post("/Users", user("bjensen")).is(201);
    let meta = &reply.body["meta"];
    assert_eq!(meta["created"], meta["lastModified"]);
    assert_eq!(meta["created"], "2026-09-21T14:13:20.000Z");
    assert_eq!(meta["version"], reply.header("etag").unwrap());
    assert!(meta["version"].as_str().unwrap().starts_with("W/\""));
}

#[test]
fn r43_3_1_04_every_representation_has_an_id() {
    let server = server();
    let id = server.user("bjensen");
    for query in ["attributes=userName", "excludedAttributes=id", "attributes=password"] {
        assert_eq!(server.get(&format!("/Users/{id}?{query}")).is(200).id(), id);
    }
}

#[test]
fn r43_3_1_11_no_external_id_is_issued() {
    let server = server();
    assert_eq!(server.post("/Users", user("bjensen")).is(201).body.get("externalId"), None);
}

#[test]
fn r43_3_1_12_the_same_external_id_in_two_tenants_is_two_resources() {
    let server = server();
    let body = json!({"schemas": [USER], "userName": "bjensen", "externalId": "701984"});
    let authorization = format!("Bearer {TOKEN_B}");
    let b = [("authorization", authorization.as_str())];
    let in_a = server.post("/Users", body.clone()).is(201).id().to_owned();
    let in_b = server.call("POST", "/Users", &b, body.to_string().as_bytes()).is(201);
    assert_ne!(in_a, in_b.id());
    assert_eq!(server.filter("/Users", r#"externalId eq "701984""#).ids(), [in_a]);
}

#[test]
fn w13_external_id_is_not_unique_and_can_be_found() {
    let server = server();
    let body = |name: &str| json!({"schemas": [USER], "userName": name, "externalId": "e1"});
    server.post("/Users", body("a")).is(201);
    server.post("/Users", body("b")).is(201);
    assert_eq!(server.filter("/Users", r#"externalId eq "e1""#).is(200).ids().len(), 2);
    assert_eq!(server.filter("/Users", r#"externalId eq "E1""#).is(200).ids().len(), 0);
}

#[test]
fn w14_ids_are_version_7_uuids_that_differ() {
    let server = server();
    let (a, b) = (server.user("a"), server.user("b"));
    assert_ne!(a, b);
    assert_eq!(uuid::Uuid::parse_str(&a).unwrap().get_version_num(), 7);
    server.get(&format!("/Users/{}", a.to_uppercase())).is(404);
}

#[test]
fn w27_meta_from_a_client_is_ignored_even_when_malformed() {
    let server = server();
    let reply = server
        .post("/Users", json!({"schemas": [USER], "userName": "a", "meta": [1, "x", null]}))
        .is(201);
    assert_eq!(reply.body["meta"]["resourceType"], "User");
}

#[test]
fn w25_an_initial_password_is_taken_and_never_shown() {
    let server = server();
    let body = json!({"schemas": [USER], "userName": "a", "password": "t1meMa$heen"});
    let reply = server.post("/Users?attributes=password,userName", body).is(201);
    assert_eq!(reply.body.get("password"), None);
    let reply = server.get(&format!("/Users/{}?attributes=password", reply.id())).is(200);
    assert_eq!(reply.body.get("password"), None);
}

#[test]
fn w28_location_is_on_every_answer_about_one_resource() {
    let server = server();
    let id = server.user("a");
    let path = format!("/Users/{id}");
    let location = format!("{BASE}/Users/{id}");
    let replies = [
        server.get(&path),
        server.put(&path, user("b")),
        server.patch(&path, json!([{"op": "replace", "path": "title", "value": "x"}])),
    ];
    for reply in replies {
        let reply = reply.is(200);
        assert_eq!(reply.header("location"), Some(&*location));
        assert_eq!(reply.body["meta"]["location"], location);
    }
}

#[test]
fn r44_3_1_06_the_answer_shows_what_is_stored() {
    let server = server();
    let body = json!({"schemas": [USER], "USERNAME": "a", "title": null, "emails": []});
    let created = server.post("/Users", body).is(201);
    let read = server.get(&format!("/Users/{}", created.id())).is(200);
    assert_eq!(created.body, read.body);
    assert_eq!(created.body["userName"], "a");
    assert_eq!(created.body.get("title"), None);
    assert_eq!(created.body.get("emails"), None);
}

#[test]
fn r43_3_1_19_content_location_is_not_sent_beside_location() {
    // Also w28.
    let server = server();
    let reply = server.post("/Users", user("a")).is(201);
    assert_eq!(reply.header("content-location"), None);
    assert_eq!(reply.header("location").unwrap(), reply.body["meta"]["location"]);
}

#[test]
fn w16_and_w21_values_come_back_as_they_were_sent() {
    let server = server();
    let mut body = user("a");
    body["emails"] = json!([{"value": "Bob@EXAMPLE.com", "type": "WORK"}]);
    body["phoneNumbers"] = json!([{"value": "+1 (201) 555-0123"}]);
    body["ims"] = json!([{"value": "Some One"}]);
    let reply = server.post("/Users", body.clone()).is(201);
    for name in ["emails", "phoneNumbers", "ims"] {
        assert_eq!(reply.body[name], body[name]);
    }
    assert_eq!(server.filter("/Users", r#"emails.type eq "work""#).ids().len(), 1);
    assert_eq!(server.filter("/Users", r#"emails.value eq "bob@example.com""#).ids().len(), 1);
}

#[test]
fn w10_null_and_empty_values_unassign() {
    // Also w26: an unset `active` stays unset.
    let server = server();
    let body = json!({"schemas": [USER], "userName": "a", "title": null, "emails": [],
        "name": {}, "addresses": [{}]});
    let reply = server.post("/Users", body).is(201);
    for name in ["title", "emails", "name", "addresses", "active"] {
        assert_eq!(reply.body.get(name), None, "{name}");
    }
}

#[test]
fn w23_two_primary_values_are_refused() {
    let server = server();
    let mut body = user("a");
    body["emails"] = json!([{"value": "a@x", "primary": true}, {"value": "b@x", "primary": true}]);
    server.post("/Users", body).fails(400, "invalidValue").naming("emails");
}

#[test]
fn w36_long_text_is_kept_whole() {
    let server = server();
    let mut body = user("a");
    let long = "ä".repeat(100_000);
    body["title"] = long.as_str().into();
    let id = server.post("/Users", body).is(201).id().to_owned();
    assert_eq!(server.get(&format!("/Users/{id}")).body["title"], long);
}

#[test]
fn r43_4_1_1_18_active_is_kept_and_means_nothing_here() {
    let server = server();
    let mut body = user("a");
    body["active"] = false.into();
    let path = format!("/Users/{}", server.post("/Users", body).is(201).id());
    assert_eq!(server.get(&path).is(200).body["active"], false);
    assert_eq!(server.filter("/Users", "active eq false").ids().len(), 1);
}

#[test]
fn r44_3_3_06_location_and_meta_location_are_where_the_new_resource_is() {
    let server = server();
    let group = json!({"schemas": [GROUP], "displayName": "Tour"});
    for (endpoint, body) in [("/Users", user("bjensen")), ("/Groups", group)] {
        let created = server.post(endpoint, body).is(201);
        let location = created.header("location").unwrap();
        assert_eq!(created.body["meta"]["location"], location);
        let path = location.strip_prefix(BASE).unwrap();
        assert_eq!(server.get(path).is(200).body, created.body);
    }
}

#[derive(Debug)]
struct ActiveByDefault;

impl EndpointRules for ActiveByDefault {
    fn defaults(&self, _: &ResourceType) -> Resource {
        let mut defaults = Resource::new();
        defaults.insert("active", true);
        defaults
    }
}

#[test]
fn r44_3_3_08_defaults_do_not_depend_on_the_rights_of_the_client() {
    // It MAY be otherwise; here every client gets the same resource for the same body.
    let server = Setup::rules(ActiveByDefault).server();
    let authorization = format!("Bearer {TOKEN_B}");
    let b = [("authorization", authorization.as_str())];
    let body = user("a").to_string();
    let of_a = server.call("POST", "/Users", &[], body.as_bytes()).is(201);
    let of_b = server.call("POST", "/Users", &b, body.as_bytes()).is(201);
    assert_eq!((&of_a.body["active"], &of_b.body["active"]), (&json!(true), &json!(true)));
}

#[test]
fn r43_3_1_14_meta_from_a_client_is_ignored() {
    let server = server();
    let mut body = user("a");
    body["meta"] = json!({"created": "1999-01-01T00:00:00Z", "lastModified": "1999-01-01T00:00:00Z",
        "location": "https://elsewhere.example/1", "version": "W/\"99\"", "resourceType": "Group"});
    let created = server.post("/Users", body.clone()).is(201);
    let path = format!("/Users/{}", created.id());
    assert_eq!(
        created.body["meta"],
        json!({"created": "2026-09-21T14:13:20.000Z", "lastModified": "2026-09-21T14:13:20.000Z",
            "location": format!("{BASE}{path}"), "version": created.version(),
            "resourceType": "User"})
    );
    assert_eq!(server.put(&path, body).is(200).body["meta"], created.body["meta"]);
}

#[test]
fn r43_3_1_18_a_new_resource_was_last_modified_when_it_was_created() {
    let server = server();
    let created = server.post("/Users", user("a")).is(201);
    let path = format!("/Users/{}", created.id());
    assert_eq!(created.body["meta"]["lastModified"], created.body["meta"]["created"]);
    server.clock.advance(1000);
    let read = server.get(&path).is(200);
    assert_eq!(read.body["meta"]["lastModified"], read.body["meta"]["created"]);
    let changed = server.put(&path, user("b")).is(200);
    assert_ne!(changed.body["meta"]["lastModified"], changed.body["meta"]["created"]);
}

#[test]
fn r43_2_4_06_types_come_back_as_written_and_compare_without_case() {
    let server = server();
    let mut body = user("a");
    body["emails"] = json!([{"value": "a@example.com", "type": "WORK"}]);
    let created = server.post("/Users", body.clone()).is(201);
    assert_eq!(created.body["emails"], body["emails"]);
    for spelling in ["work", "Work", "WORK"] {
        let filter = format!("emails[type eq \"{spelling}\"]");
        assert_eq!(server.filter("/Users", &filter).ids(), [created.id()]);
    }
    let path = format!("/Users/{}", created.id());
    let operations =
        json!([{"op": "replace", "path": "emails[type eq \"work\"].value", "value": "b@x"}]);
    let patched = server.patch(&path, operations).is(200);
    assert_eq!(patched.body["emails"], json!([{"value": "b@x", "type": "WORK"}]));
}

#[test]
fn r43_2_4_08_a_type_and_value_pair_is_there_once() {
    let server = server();
    let mut body = user("a");
    let email = json!({"value": "a@example.com", "type": "work"});
    body["emails"] = json!([email, email, {"value": "A@EXAMPLE.COM", "type": "Work"}]);
    let created = server.post("/Users", body).is(201);
    assert_eq!(created.body["emails"].as_array().unwrap().len(), 1);
    let path = format!("/Users/{}", created.id());
    let add = json!([{"op": "add", "path": "emails", "value": [email]}]);
    let patched = server.patch(&path, add).is(200);
    assert_eq!(patched.body["emails"], created.body["emails"]);
    let home = json!({"value": "a@example.com", "type": "home"});
    let other = json!([{"op": "add", "path": "emails", "value": [home]}]);
    assert_eq!(server.patch(&path, other).is(200).body["emails"].as_array().unwrap().len(), 2);
}

#[test]
fn r43_4_1_1_04_a_name_is_neither_invented_nor_contradicted() {
    let server = server();
    let mut body = user("a");
    body["name"] = json!({"familyName": "Jensen", "givenName": "Barbara"});
    let created = server.post("/Users", body).is(201);
    assert_eq!(created.body["name"].get("formatted"), None, "it is the client's to say");
    let path = format!("/Users/{}", created.id());
    let operations = json!([
        {"op": "replace", "path": "name.familyName", "value": "Smith"},
        {"op": "add", "path": "name.formatted", "value": "Barbara Smith"},
    ]);
    let patched = server.patch(&path, operations).is(200);
    assert_eq!(
        patched.body["name"],
        json!({"familyName": "Smith", "givenName": "Barbara", "formatted": "Barbara Smith"})
    );
}

#[test]
fn r43_4_1_1_10_a_password_is_in_no_answer() {
    let server = Setup::config(|config| config.change_password = Offer::Yes).server();
    let mut body = user("a");
    body["password"] = "t1meMa$heen".into();
    let created = server.post("/Users", body.clone()).is(201);
    let path = format!("/Users/{}", created.id());
    let patch = json!([{"op": "replace", "path": "password", "value": "t1meMa$heen"}]);
    let search = json!({"schemas": [SEARCH], "attributes": ["password"]});
    let answers = [
        created,
        server.post("/Users?attributes=password", {
            body["userName"] = "b".into();
            body.clone()
        }),
        server.put(&format!("{path}?attributes=password"), body),
        server.patch(&format!("{path}?attributes=password"), patch.clone()),
        server.patch(&path, patch),
        server.get(&format!("{path}?attributes=password")),
        server.get("/Users?attributes=password"),
        server.post("/Users/.search", search),
    ];
    for answer in answers {
        let text = String::from_utf8_lossy(&answer.bytes).into_owned();
        assert!(!text.contains("t1meMa$heen") && !text.contains("\"password\""), "{text}");
    }
}

#[test]
fn r43_4_1_2_04_the_value_of_ims_is_kept_as_written() {
    // It SHOULD lose white space and case when suitable; Entra ID wants back what it sent (W21).
    let server = server();
    let mut body = user("a");
    body["ims"] = json!([{"value": "Some One", "type": "aim"}]);
    let path = format!("/Users/{}", server.post("/Users", body.clone()).is(201).id());
    assert_eq!(server.get(&path).body["ims"], body["ims"]);
    assert_eq!(server.filter("/Users", r#"ims.value eq "some one""#).ids().len(), 1);
}
