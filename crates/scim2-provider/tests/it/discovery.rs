//! The discovery endpoints (RFC 7644 §4).

use scim2_provider::{Discovery, Offer, Paging};
use serde_json::json;

use crate::support::*;

#[test]
fn r44_4_01_the_service_provider_config_is_one_object() {
    let server = server();
    let reply = server.get("/ServiceProviderConfig").is(200);
    let body = &reply.body;
    assert_eq!(
        body["schemas"],
        json!(["urn:ietf:params:scim:schemas:core:2.0:ServiceProviderConfig"])
    );
    assert_eq!(body["patch"], json!({"supported": true}));
    assert_eq!(
        body["bulk"],
        json!({"supported": true, "maxOperations": 1000, "maxPayloadSize": 1_048_576})
    );
    assert_eq!(body["filter"], json!({"supported": true, "maxResults": 1000}));
    assert_eq!(body["changePassword"], json!({"supported": false}));
    assert_eq!(body["sort"], json!({"supported": true}));
    assert_eq!(body["etag"], json!({"supported": true}));
    assert_eq!(
        body["pagination"],
        json!({"cursor": true, "index": true, "defaultPaginationMethod": "index",
            "defaultPageSize": 100, "maxPageSize": 1000, "cursorTimeout": 3600})
    );
    assert_eq!(body["authenticationSchemes"][0]["type"], "oauthbearertoken");
    assert_eq!(body["meta"]["location"], format!("{BASE}/ServiceProviderConfig"));
    assert_eq!(body["meta"]["resourceType"], "ServiceProviderConfig");
}

#[test]
fn what_is_advertised_follows_the_configuration() {
    let server = Setup::config(|config| {
        config.etag = Offer::No;
        config.sort = Offer::No;
        config.patch = Offer::No;
        config.change_password = Offer::Yes;
        config.max_page_size = 50;
        config.default_paging = Paging::Cursor;
        config.documentation_uri = Some("https://example.com/help".into());
    })
    .server();
    let body = server.get("/ServiceProviderConfig").is(200).body;
    for (feature, supported) in
        [("etag", false), ("sort", false), ("patch", false), ("changePassword", true)]
    {
        assert_eq!(body[feature]["supported"], supported, "{feature}");
    }
    assert_eq!(body["filter"]["maxResults"], 50);
    assert_eq!(body["pagination"]["defaultPageSize"], 50);
    assert_eq!(body["pagination"]["defaultPaginationMethod"], "cursor");
    assert_eq!(body["documentationUri"], "https://example.com/help");
}

#[test]
fn r44_4_02_all_schemas_are_listed() {
    // Also q18.
    let server = server();
    let reply = server.get("/Schemas").is(200);
    let ids = reply.ids();
    assert_eq!(reply.body["totalResults"], ids.len());
    for urn in [
        USER,
        GROUP,
        ENTERPRISE,
        "urn:ietf:params:scim:schemas:core:2.0:ServiceProviderConfig",
        "urn:ietf:params:scim:schemas:core:2.0:ResourceType",
        "urn:ietf:params:scim:schemas:core:2.0:Schema",
    ] {
        assert!(ids.contains(&urn), "{urn}");
    }
    assert!(!ids.iter().any(|id| id.contains(":api:")));
}

#[test]
fn r44_4_03_one_schema_is_found_by_its_urn() {
    // Also h16.
    let server = server();
    let encoded = USER.replace(':', "%3A");
    for id in [USER, &encoded, &USER.to_uppercase()] {
        let reply = server.get(&format!("/Schemas/{id}")).is(200);
        assert_eq!(reply.id(), USER);
        assert_eq!(reply.body["meta"]["resourceType"], "Schema");
        assert_eq!(reply.body["meta"]["location"], format!("{BASE}/Schemas/{USER}"));
    }
    server.get("/Schemas/urn:nosuch").is(404);
}

#[test]
fn r44_4_04_resource_types_are_listed_and_found_by_name() {
    let server = server();
    let reply = server.get("/ResourceTypes").is(200);
    assert_eq!(reply.column("name"), ["User", "Group"]);
    let reply = server.get("/ResourceTypes/User").is(200);
    assert_eq!(reply.body["endpoint"], "/Users");
    assert_eq!(reply.body["schema"], USER);
    assert_eq!(reply.body["schemaExtensions"], json!([{"schema": ENTERPRISE, "required": false}]));
    assert_eq!(reply.body["meta"]["location"], format!("{BASE}/ResourceTypes/User"));
    server.get("/ResourceTypes/Nosuch").is(404);
}

#[test]
fn r44_4_05_paging_and_sorting_are_ignored() {
    // Also q17.
    let server = server();
    let query = "startIndex=5&count=1&sortBy=x&attributes=id&excludedAttributes=name&cursor=x";
    for path in ["/Schemas", "/ResourceTypes"] {
        let all = server.get(path).is(200);
        assert_eq!(server.get(&format!("{path}?{query}")).is(200).body, all.body);
    }
    server.get(&format!("/ServiceProviderConfig?{query}")).is(200);
}

#[test]
fn r44_4_06_a_filter_is_403() {
    let server = server();
    for path in ["/Schemas", "/ResourceTypes", "/ServiceProviderConfig", "/ResourceTypes/User"] {
        server.get(&format!("{path}?filter=id+pr")).is(403);
        server.get(&format!("{path}?%66ilter=id+pr")).is(403);
    }
}

#[test]
fn q19_the_plural_is_no_endpoint() {
    server().get("/ServiceProviderConfigs").is(404);
}

#[test]
fn r43_5_05_discovery_is_open_unless_it_is_closed() {
    // Also h04.
    let anonymous = |server: &Server, path: &str| {
        server.send(http::Request::get(path).body("".into()).unwrap())
    };
    let paths = ["/ServiceProviderConfig", "/Schemas", "/ResourceTypes", "/ResourceTypes/User"];
    let open = server();
    let closed = Setup::config(|config| config.discovery = Discovery::Authenticated).server();
    for path in paths {
        anonymous(&open, path).is(200);
        anonymous(&closed, path).is(401);
        closed.get(path).is(200);
        let wrong = [("authorization", "Bearer wrong")];
        open.call("GET", path, &wrong, b"").is(401);
    }
}

#[test]
fn r98_4_01_pagination_is_described() {
    let pagination = server().get("/ServiceProviderConfig").is(200).body["pagination"].clone();
    assert_eq!((&pagination["cursor"], &pagination["index"]), (&json!(true), &json!(true)));
    for (config, number) in [("defaultPageSize", 100), ("maxPageSize", 1000)] {
        assert_eq!(pagination[config], number);
    }
}

#[test]
fn r43_1_2_02_schemas_can_be_read() {
    let server = server();
    let listed = server.get("/Schemas").is(200);
    assert!(listed.ids().contains(&USER));
    let user = server.get(&format!("/Schemas/{USER}")).is(200);
    let attributes = user.body["attributes"].as_array().unwrap();
    let user_name = attributes.iter().find(|attribute| attribute["name"] == "userName").unwrap();
    assert_eq!(user_name["uniqueness"], "server");
    assert_eq!(user_name["required"], true);
}

#[test]
fn r43_6_01_resource_types_cannot_be_written() {
    let server = server();
    let before = server.get("/ResourceTypes").is(200).body;
    let body = server.get("/ResourceTypes/User").is(200).body.to_string();
    for method in ["PUT", "PATCH", "DELETE", "POST"] {
        for path in ["/ResourceTypes/User", "/ResourceTypes"] {
            server.call(method, path, &[], body.as_bytes()).is(405);
        }
    }
    assert_eq!(server.get("/ResourceTypes").is(200).body, before);
}

#[test]
fn r43_7_01_every_schema_in_use_is_described_and_none_can_be_written() {
    let server = server();
    let body = json!({"schemas": [USER, ENTERPRISE], "userName": "a",
        ENTERPRISE: {"department": "d"}});
    let user = server.post("/Users", body).is(201).body;
    let group = server.post("/Groups", json!({"schemas": [GROUP], "displayName": "g"})).is(201);
    let discovered = ["/ServiceProviderConfig", "/ResourceTypes/User", &format!("/Schemas/{USER}")]
        .map(|path| server.get(path).is(200).body);
    for resource in [user, group.body].iter().chain(&discovered) {
        for urn in resource["schemas"].as_array().unwrap() {
            let path = format!("/Schemas/{}", urn.as_str().unwrap());
            let schema = server.get(&path).is(200).body;
            assert_eq!(schema["id"], *urn);
            for method in ["PUT", "PATCH", "DELETE"] {
                server.call(method, &path, &[], schema.to_string().as_bytes()).is(405);
            }
            assert_eq!(server.get(&path).body, schema);
        }
    }
}

#[test]
fn r44_3_1_04_schemas_of_messages_are_not_listed() {
    let server = server();
    assert!(server.get("/Schemas").is(200).ids().iter().all(|id| !id.contains(":api:messages:")));
    for message in [ERROR, PATCH_OP, SEARCH] {
        server.get(&format!("/Schemas/{message}")).is(404);
    }
}
