//! HTTP (RFC 7644 §3.2, §3.8 and §3.12; rulings H01 to H18).

use scim2_core::schema::{Attribute, AttributeType, Schema};
use scim2_core::{Catalog, ResourceType};
use scim2_provider::auth::{BearerToken, BearerTokens};
use scim2_provider::{
    BaseUrl, Forwarded, MemoryStore, Offer, Scheme, Scope, ServiceProvider, TenantId,
};
use serde_json::json;

use crate::support::*;

#[test]
fn h01_scim_and_json_bodies_are_taken() {
    let server = server();
    let types = [
        "application/scim+json",
        "application/json",
        "application/json; charset=utf-8",
        "Application/SCIM+JSON;charset=UTF-8",
    ];
    for (i, content_type) in types.iter().enumerate() {
        let body = user(&format!("u{i}")).to_string();
        server.call("POST", "/Users", &[("content-type", content_type)], body.as_bytes()).is(201);
    }
    server.post("/Users", user("none")).is(201);
}

#[test]
fn h01_other_bodies_are_415() {
    let server = server();
    for content_type in
        ["text/plain", "application/xml", "application/x-www-form-urlencoded", "json"]
    {
        let headers = [("content-type", content_type)];
        let body = user("a").to_string();
        server.call("POST", "/Users", &headers, body.as_bytes()).is(415);
    }
    assert_eq!(server.total("/Users"), 0);
}

#[test]
fn h01_a_compressed_body_is_415() {
    let server = server();
    let body = user("a").to_string();
    let encoded =
        |coding| server.call("POST", "/Users", &[("content-encoding", coding)], body.as_bytes());
    for coding in ["gzip", "br", "identity, gzip"] {
        encoded(coding).is(415).naming("compressed");
    }
    assert_eq!(server.total("/Users"), 0);
    encoded("identity").is(201);
}

#[test]
fn h02_answers_are_what_the_client_accepts() {
    let server = server();
    let get = |accept: &str| server.call("GET", "/Users", &[("accept", accept)], b"");
    for accept in ["application/scim+json", "*/*", "application/*", "text/html, */*;q=0.1"] {
        assert_eq!(get(accept).is(200).header("content-type"), Some("application/scim+json"));
    }
    assert_eq!(get("application/json").header("content-type"), Some("application/json"));
    get("text/html").is(406);
    get("application/xml, application/scim+json;q=0").is(406);
    let reply = server.call("GET", "/Users/x", &[("accept", "application/json")], b"");
    assert_eq!(reply.status, 404);
    assert_eq!(reply.header("content-type"), Some("application/json"));
}

#[test]
fn h03_every_error_has_the_rfc_form() {
    // `is` and `fails` look at the form.
    let server = server();
    server.get("/nowhere").is(404);
    server.get("/Users/nobody").is(404);
    server.get("/Users?filter=x").is(400);
    server.call("GET", "/Users", &[("authorization", "Basic eDp5")], b"").is(401);
    server.call("TRACE", "/Users", &[], b"").is(405);
    server.get("/Me").is(501);
}

#[test]
fn h05_a_method_that_was_never_defined_is_405_with_allow() {
    let server = server();
    let check = |methods: &str, path: &str, allow: &str| {
        for method in methods.split(' ') {
            let reply = server.call(method, path, &[], b"{}").is(405);
            assert_eq!(reply.header("allow"), Some(allow), "{method} {path}");
        }
    };
    check("PUT PATCH DELETE OPTIONS", "/Users", "GET, HEAD, POST");
    check("POST OPTIONS", "/Users/1", "GET, HEAD, PUT, PATCH, DELETE");
    check("GET PUT PATCH DELETE", "/Users/.search", "POST");
    check("GET PUT PATCH DELETE", "/.search", "POST");
    check("GET PUT PATCH DELETE", "/Bulk", "POST");
    for path in ["/ServiceProviderConfig", "/Schemas", "/ResourceTypes"] {
        check("POST PUT PATCH DELETE", path, "GET, HEAD");
    }
    check("DELETE PUT", "/ResourceTypes/User", "GET, HEAD");
    check("PUT PATCH DELETE", &format!("/Schemas/{USER}"), "GET, HEAD");
    check("OPTIONS", "/Me", "GET, HEAD, POST, PUT, PATCH, DELETE");
}

#[test]
fn h05_what_is_defined_and_not_offered_is_501() {
    let server = Setup::config(|config| {
        config.patch = Offer::No;
        config.bulk = None;
    })
    .server();
    server.post("/Bulk", json!({})).is(501);
    for method in ["GET", "POST", "PUT", "PATCH", "DELETE"] {
        server.call(method, "/Me", &[], b"{}").is(501);
    }
    server.patch(&format!("/Users/{}", server.user("a")), json!([])).is(501);
}

#[test]
fn h15_head_is_get_without_body() {
    let server = server();
    let path = format!("/Users/{}", server.user("a"));
    let get = server.get(&path);
    let head = server.call("HEAD", &path, &[], b"");
    assert_eq!(head.status, 200);
    assert!(head.bytes.is_empty());
    assert_eq!(head.header("etag"), get.header("etag"));
    assert_eq!(head.header("content-length"), Some(&*get.bytes.len().to_string()));
    assert_eq!(server.call("HEAD", "/Users/x", &[], b"").status, 404);
}

#[test]
fn h15_paths_are_case_sensitive_and_take_a_slash_at_the_end() {
    let server = server();
    let id = server.user("a");
    server.get(&format!("/Users/{id}/")).is(200);
    server.get("/Users/").is(200);
    server.get("/users").is(404);
    server.get("/Users//").is(404);
    server.get(&format!("/Users/{id}.scim")).is(404);
    server.get(&format!("/Users/x%2F{id}")).is(404);
    server.get(&format!("/%55sers/{id}")).is(200);
}

#[test]
fn h13_the_base_url_can_come_from_the_request() {
    let provider = |forwarded| {
        let scope = Scope::tenant(TenantId::new("a").unwrap());
        let token = BearerToken::new("a", &TOKEN.into(), scope).unwrap();
        ServiceProvider::builder(MemoryStore::default())
            .base_url(BaseUrl::FromRequest {
                scheme: Scheme::Http,
                prefix: "/scim/v2/".into(),
                forwarded,
            })
            .authenticator(BearerTokens::new([token]))
            .build()
            .unwrap()
    };
    let location = |forwarded, headers: &[(&str, &str)]| {
        let mut request = http::Request::get("/ServiceProviderConfig");
        for (name, value) in headers {
            request = match *name {
                "uri" => request.uri(*value),
                name => request.header(name, *value),
            };
        }
        let response = block_on(provider(forwarded).handle(request.body("".into()).unwrap()));
        let body: serde_json::Value = serde_json::from_slice(response.body()).unwrap();
        body["meta"]["location"].as_str().map(str::to_owned).ok_or(response.status().as_u16())
    };
    let host = ("host", "scim.example.com:8080");
    let proxied =
        [host, ("x-forwarded-proto", "https"), ("x-forwarded-host", "example.com, proxy")];
    let expected = |base: &str| Ok(format!("{base}/scim/v2/ServiceProviderConfig"));
    assert_eq!(location(Forwarded::Ignored, &[host]), expected("http://scim.example.com:8080"));
    assert_eq!(location(Forwarded::Ignored, &proxied), expected("http://scim.example.com:8080"));
    assert_eq!(location(Forwarded::Trusted, &proxied), expected("https://example.com"));
    assert_eq!(location(Forwarded::Trusted, &[host]), expected("http://scim.example.com:8080"));
    // RFC 9112 §3.2.2: what the target says counts, and `Host` does not.
    let absolute = [host, ("uri", "http://example.org/ServiceProviderConfig")];
    assert_eq!(location(Forwarded::Ignored, &absolute), expected("http://example.org"));
    assert_eq!(location(Forwarded::Ignored, &[]), Err(400));
    assert_eq!(location(Forwarded::Ignored, &[("host", "a@b")]), Err(400));
    assert_eq!(location(Forwarded::Ignored, &[("host", "a/b?c")]), Err(400));
}

#[test]
fn r44_1_3_01_locations_carry_the_prefix_of_the_base_url() {
    let server = server();
    let reply = server.post("/Users", user("a")).is(201);
    assert!(reply.header("location").unwrap().starts_with("https://example.com/scim/v2/Users/"));
}

#[test]
fn h17_a_body_over_the_limit_is_413() {
    let server = Setup::config(|config| config.max_body = 100).server();
    let mut body = user("a");
    body["title"] = "x".repeat(100).into();
    server.post("/Users", body).is(413).naming("100");
    assert_eq!(server.total("/Users"), 0);
}

#[test]
fn h17_a_byte_order_mark_is_skipped() {
    let server = server();
    let body = [b"\xEF\xBB\xBF", user("a").to_string().as_bytes()].concat();
    server.call("POST", "/Users", &[], &body).is(201);
}

#[test]
fn every_answer_carries_the_request_id() {
    let server = server();
    let given = [("x-request-id", "abc-123")];
    assert_eq!(server.call("GET", "/Users", &given, b"").header("x-request-id"), Some("abc-123"));
    let bad = [("x-request-id", "a b\u{e9}")];
    let reply = server.call("GET", "/Users/x", &bad, b"");
    assert_ne!(reply.header("x-request-id"), Some("a b\u{e9}"));
    assert_eq!(reply.header("x-request-id").unwrap().len(), 36);
}

#[test]
fn what_cannot_serve_is_not_built() {
    use scim2_provider::BuildError;
    let build = |url: &str| {
        ServiceProvider::builder(MemoryStore::default())
            .base_url(url::Url::parse(url).unwrap())
            .authenticator(BearerTokens::new([]))
            .build()
            .map(|_| ())
    };
    build("http://localhost:8080").unwrap();
    for url in ["ftp://example.com", "https://u:p@example.com", "https://example.com/?a", "data:x"]
    {
        assert_eq!(build(url), Err(BuildError::UnusableBaseUrl), "{url}");
    }
    let unplaced = ServiceProvider::builder(MemoryStore::default())
        .authenticator(BearerTokens::new([]))
        .build();
    assert_eq!(unplaced.err(), Some(BuildError::NoBaseUrl));
    let mut config = scim2_provider::ProviderConfig::default();
    config.sensitive = vec!["emial".parse().unwrap()];
    let misspelt = ServiceProvider::builder(MemoryStore::default())
        .base_url(url::Url::parse(BASE).unwrap())
        .authenticator(BearerTokens::new([]))
        .config(config)
        .build();
    let path = "emial".into();
    assert_eq!(misspelt.err(), Some(BuildError::UnknownSensitive { path }));
}

#[test]
fn r44_3_1_01_every_answer_has_the_media_type() {
    let server = server();
    let id = server.user("a");
    for path in [
        "/Users",
        &format!("/Users/{id}"),
        "/Schemas",
        "/ResourceTypes",
        "/ServiceProviderConfig",
        "/nowhere",
        "/Users?filter=x",
        "/Me",
    ] {
        assert_eq!(
            server.get(path).header("content-type"),
            Some("application/scim+json"),
            "{path}"
        );
    }
}

#[test]
fn r44_3_12_05_each_failure_has_its_status() {
    let server = Setup::config(|config| config.max_body = 1000).server();
    let path = format!("/Users/{}", server.user("a"));
    let patch = |operation| server.patch(&path, json!([operation]));
    patch(json!({"op": "add", "path": "emails[type zz 1]", "value": 1}))
        .fails(400, "invalidFilter");
    patch(json!({"op": "add", "path": "x y", "value": 1})).fails(400, "invalidPath");
    patch(json!({"op": "remove"})).fails(400, "noTarget");
    patch(json!({"op": "add", "path": "active", "value": 1})).fails(400, "invalidValue");
    patch(json!({"op": "replace", "path": "id", "value": "x"})).fails(400, "mutability");
    server.post("/Users", json!([])).fails(400, "invalidSyntax");
    server.post("/Users", user("a")).fails(409, "uniqueness");
    server.call("GET", "/Users", &[("authorization", "x")], b"").is(401);
    server.get("/Users/x").is(404);
    server.call("DELETE", &path, &[("if-match", "\"x\"")], b"").is(412);
    server.post("/Users", user(&"a".repeat(1000))).is(413);
    server.get("/Me").is(501);
}

#[test]
fn r44_3_2_01_the_endpoint_of_a_type_of_ones_own_is_what_its_author_says() {
    // A plural with `s` SHOULD be chosen: the standard types have one, others are free.
    let label = Attribute::new("label".parse().unwrap(), AttributeType::String);
    let schema = Schema::new("urn:example:Staff".parse().unwrap(), vec![label]);
    let mut catalog = Catalog::standard();
    catalog.register(ResourceType::new("Staff", "/Personnel", schema)).unwrap();
    let server = Setup { catalog: Some(catalog), ..Setup::default() }.server();
    let types = server.get("/ResourceTypes").is(200);
    assert_eq!(types.column("endpoint"), ["/Users", "/Groups", "/Personnel"]);
    let body = json!({"schemas": ["urn:example:Staff"], "label": "x"});
    let location = server.post("/Personnel", body).is(201);
    assert!(location.header("location").unwrap().starts_with(&format!("{BASE}/Personnel/")));
}

#[test]
fn r44_3_2_04_the_status_of_an_error_is_in_its_body_too() {
    let server = server();
    server.user("a");
    for reply in [
        server.get("/Users/nobody"),
        server.post("/Users", user("a")),
        server.post("/Users", json!([])),
        server.call("PUT", "/Users", &[], b""),
        server.call("POST", "/Users", &[("content-type", "text/xml")], b"<a/>"),
        server.call("GET", "/Users", &[("authorization", "Bearer x")], b""),
    ] {
        assert!(reply.status.is_client_error());
        assert_eq!(reply.body["status"], reply.status.as_str());
    }
}

#[test]
fn r44_3_2_05_one_endpoint_has_one_type() {
    let label = Attribute::new("label".parse().unwrap(), AttributeType::String);
    let schema = Schema::new("urn:example:Second".parse().unwrap(), vec![label]);
    let mut catalog = Catalog::standard();
    assert!(catalog.register(ResourceType::new("Second", "/Users", schema.clone())).is_err());
    catalog.register(ResourceType::new("Second", "/Seconds", schema)).unwrap();
}

#[test]
fn r44_3_2_06_endpoints_know_the_methods_of_table_2_and_no_others() {
    let server = server();
    let id = server.user("a");
    let table = [
        ("/Users".to_owned(), "GET HEAD POST"),
        (format!("/Users/{id}"), "GET HEAD PUT PATCH DELETE"),
        ("/Groups".to_owned(), "GET HEAD POST"),
        ("/Groups/x".to_owned(), "GET HEAD PUT PATCH DELETE"),
        ("/Users/.search".to_owned(), "POST"),
        ("/.search".to_owned(), "POST"),
        ("/Bulk".to_owned(), "POST"),
        ("/Me".to_owned(), "GET HEAD POST PUT PATCH DELETE"),
        ("/ServiceProviderConfig".to_owned(), "GET HEAD"),
        ("/ResourceTypes".to_owned(), "GET HEAD"),
        ("/Schemas".to_owned(), "GET HEAD"),
    ];
    for (path, known) in &table {
        for method in
            ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT", "LINK"]
        {
            let reply = server.call(method, path, &[], b"");
            let is_known = known.split(' ').any(|known| known == method);
            assert_eq!(reply.status != 405, is_known, "{method} {path}: {}", reply.status);
            if !is_known {
                let allowed: Vec<_> = reply.header("allow").unwrap().split(", ").collect();
                assert_eq!(allowed, known.split(' ').collect::<Vec<_>>(), "{method} {path}");
            }
        }
    }
}

#[test]
fn r44_3_8_03_scim_json_can_be_asked_for() {
    let server = server();
    let accept = [("accept", "application/scim+json")];
    let reply = server.call("GET", "/Users", &accept, b"").is(200);
    assert_eq!(reply.header("content-type"), Some("application/scim+json"));
}

#[test]
fn r44_3_8_04_plain_json_can_be_asked_for() {
    let server = server();
    let path = format!("/Users/{}", server.user("a"));
    let accept = [("accept", "application/json")];
    let reply = server.call("GET", &path, &accept, b"");
    assert_eq!(
        (reply.status.as_u16(), reply.header("content-type")),
        (200, Some("application/json"))
    );
    assert_eq!(reply.body, server.get(&path).body);
}

#[test]
fn r44_3_8_05_without_accept_the_answer_is_scim_json() {
    let server = server();
    for path in ["/Users", "/Schemas", "/nowhere"] {
        let reply = server.get(path);
        assert_eq!(reply.header("content-type"), Some("application/scim+json"));
    }
}

#[test]
fn r44_3_8_06_a_suffix_does_not_choose_the_format() {
    let server = server();
    let id = server.user("a");
    for path in [format!("/Users/{id}.scim"), format!("/Users/{id}.json"), "/Users.scim".into()] {
        server.get(&path).is(404);
    }
}

#[test]
fn r44_8_1_01_the_media_type_is_the_registered_one() {
    let server = server();
    let reply = server.post("/Users", user("a")).is(201);
    assert_eq!(reply.header("content-type"), Some("application/scim+json"));
    let headers = [("content-type", "application/scim+json")];
    server.call("POST", "/Users", &headers, user("b").to_string().as_bytes()).is(201);
}

#[test]
fn r44_3_12_01_every_error_is_a_json_document_with_the_error_schema() {
    let server = Setup::config(|config| config.max_body = 500).server();
    let path = format!("/Users/{}", server.user("a"));
    let version = [("if-match", "W/\"0\"")];
    for (status, reply) in [
        (400, server.post("/Users", json!({}))),
        (401, server.call("GET", "/Users", &[("authorization", "x")], b"")),
        (403, server.get("/Schemas?filter=id+pr")),
        (404, server.get("/nowhere/at/all")),
        (404, server.get("/Users/nobody")),
        (405, server.call("DELETE", "/Users", &[], b"")),
        (406, server.call("GET", "/Users", &[("accept", "image/png")], b"")),
        (409, server.post("/Users", user("a"))),
        (412, server.call("DELETE", &path, &version, b"")),
        (413, server.post("/Users", user(&"x".repeat(500)))),
        (415, server.call("POST", "/Users", &[("content-type", "text/csv")], b"a,b")),
    ] {
        let reply = reply.is(status);
        assert_eq!(reply.body["schemas"], json!([ERROR]));
    }
}

#[test]
fn r44_3_12_06_scim_types_are_the_words_of_table_9() {
    let server = server();
    let path = format!("/Users/{}", server.user("a"));
    let patch = |operation| server.patch(&path, json!([operation]));
    server.filter("/Users", "userName zz \"x\"").fails(400, "invalidFilter");
    server.post("/Users", user("a")).fails(409, "uniqueness");
    patch(json!({"op": "replace", "path": "id", "value": "x"})).fails(400, "mutability");
    server.post("/Users", json!({"userName": "b"})).fails(400, "invalidSyntax");
    patch(json!({"op": "add", "path": "a b", "value": 1})).fails(400, "invalidPath");
    patch(json!({"op": "remove"})).fails(400, "noTarget");
    patch(json!({"op": "add", "path": "active", "value": "x"})).fails(400, "invalidValue");
    // What has no word has none.
    assert_eq!(server.get("/Users/nobody").is(404).body.get("scimType"), None);
}

#[test]
fn r99_2_5_1_1_01_respond_async_is_not_honoured_and_the_answer_is_synchronous() {
    let server = server();
    let prefer = [("prefer", "respond-async")];
    let reply = server.call("POST", "/Users", &prefer, user("a").to_string().as_bytes()).is(201);
    assert_eq!(reply.header("preference-applied"), None);
    assert_eq!(server.get(&format!("/Users/{}", reply.id())).is(200).body, reply.body);
}

#[test]
fn r99_2_5_1_1_02_wait_is_ignored_with_the_preference_that_it_belongs_to() {
    let server = server();
    for prefer in ["respond-async, wait=5", "respond-async;wait=0", "wait=x"] {
        let path = format!("/Users/{}", server.user(prefer));
        let reply = server.call("DELETE", &path, &[("prefer", prefer)], b"").is(204);
        assert_eq!(reply.header("preference-applied"), None);
        server.get(&path).is(404);
    }
}

#[test]
fn r99_3_01_no_answer_is_202_so_none_carries_a_transaction() {
    let server = server();
    let prefer = [("prefer", "respond-async")];
    let path = format!("/Users/{}", server.user("a"));
    let patch = json!({"schemas": [PATCH_OP],
        "Operations": [{"op": "add", "path": "title", "value": "x"}]});
    for (method, body) in
        [("GET", String::new()), ("PATCH", patch.to_string()), ("DELETE", String::new())]
    {
        let reply = server.call(method, &path, &prefer, body.as_bytes());
        assert_ne!(reply.status, 202, "{method}");
        assert_eq!(reply.header("set-txn"), None);
    }
}
