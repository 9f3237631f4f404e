//! Requirements on lists, one test for each (RFC 7644 §3.4).

use scim2_provider::auth::{AuthError, Principal};
use scim2_provider::{Authenticator, MemoryStore, Offer, Scope, ServiceProvider, TenantId};
use serde_json::{Value, json};

use crate::support::*;

fn with_users(setup: Setup, number: usize) -> Server {
    let server = setup.server();
    for i in 0..number {
        server.user(&format!("user{i:02}"));
    }
    server
}

#[test]
fn r44_3_4_1_01_what_is_known_is_200_with_its_body() {
    let server = server();
    let user = server.user("a");
    let group = server.group("g", &[]);
    for (path, id) in [
        (format!("/Users/{user}"), user.as_str()),
        (format!("/Groups/{group}"), &group),
        (format!("/Schemas/{USER}"), USER),
    ] {
        assert_eq!(server.get(&path).is(200).id(), id);
    }
}

#[test]
fn r44_3_4_2_01_every_endpoint_of_resources_can_be_queried() {
    let server = server();
    let user = server.user("a");
    let group = server.group("g", &[]);
    for (endpoint, id) in [("/Users", user), ("/Groups", group)] {
        assert_eq!(server.get(endpoint).is(200).ids(), [&id]);
        assert_eq!(server.filter(endpoint, &format!("id eq \"{id}\"")).is(200).ids(), [&id]);
        assert!(server.filter(endpoint, "id eq \"x\"").is(200).ids().is_empty());
    }
}

/// Finds the tenant in a parameter of its own.
struct ByParameter;

impl Authenticator for ByParameter {
    async fn authenticate(&self, parts: &http::request::Parts) -> Result<Principal, AuthError> {
        let query = parts.uri.query().unwrap_or_default();
        let mut parameters = url::form_urlencoded::parse(query.as_bytes());
        let (_, tenant) =
            parameters.find(|(name, _)| name == "tenant").ok_or(AuthError::Missing)?;
        let tenant = TenantId::new(tenant).map_err(|_| AuthError::Invalid)?;
        Ok(Principal::new("anybody", Scope::tenant(tenant)))
    }
}

#[test]
fn r44_3_4_2_08_parameters_of_ones_own_reach_the_application() {
    let provider = ServiceProvider::builder(MemoryStore::default())
        .base_url(url::Url::parse(BASE).unwrap())
        .authenticator(ByParameter)
        .build()
        .unwrap();
    let send = |method: &str, uri: &str, body: String| {
        let request = http::Request::builder().method(method).uri(uri).body(body.into()).unwrap();
        let response = block_on(provider.handle(request));
        let body: Value = serde_json::from_slice(response.body()).unwrap();
        (response.status().as_u16(), body["totalResults"].clone())
    };
    assert_eq!(send("POST", "/Users?tenant=t", user("a").to_string()).0, 201);
    assert_eq!(send("GET", "/Users?tenant=t", String::new()), (200, json!(1)));
    assert_eq!(send("GET", "/Users?tenant=u", String::new()), (200, json!(0)));
    assert_eq!(send("GET", "/Users", String::new()).0, 401);
}

#[test]
fn r44_3_4_2_2_01_filters_are_offered_and_it_is_said() {
    let server = with_users(Setup::default(), 2);
    let config = server.get("/ServiceProviderConfig").is(200).body;
    assert_eq!(config["filter"], json!({"supported": true, "maxResults": 1000}));
    assert_eq!(server.filter("/Users", r#"userName eq "user01""#).is(200).ids().len(), 1);
}

#[test]
fn r44_3_4_2_3_01_sorting_is_offered_or_not_and_it_is_said() {
    for (offer, supported, order) in
        [(Offer::Yes, true, ["user01", "user00"]), (Offer::No, false, ["user00", "user01"])]
    {
        let server = with_users(Setup::config(|config| config.sort = offer), 2);
        assert_eq!(server.get("/ServiceProviderConfig").body["sort"]["supported"], supported);
        let reply = server.get("/Users?sortBy=userName&sortOrder=descending").is(200);
        assert_eq!(reply.column("userName"), order);
    }
}

#[test]
fn r44_3_4_2_3_06_the_order_is_ascending_unless_it_is_said() {
    let server = server();
    for name in ["b", "a", "c"] {
        server.user(name);
    }
    let names =
        |query: &str| server.get(&format!("/Users?{query}")).is(200).column("userName").concat();
    assert_eq!(names("sortBy=userName"), "abc");
    assert_eq!(names("sortBy=userName&sortOrder=ascending"), "abc");
    assert_eq!(names("sortBy=userName&sortOrder=descending"), "cba");
    assert_eq!(names("sortOrder=descending"), "bac", "nothing to sort by");
}

#[test]
fn r44_3_4_2_4_02_a_start_index_below_1_is_1() {
    let server = with_users(Setup::default(), 3);
    for start_index in ["0", "-1", "-5", "-99999999999999999999999"] {
        let reply = server.get(&format!("/Users?startIndex={start_index}&count=2")).is(200);
        assert_eq!(reply.column("userName"), ["user00", "user01"]);
        assert_eq!(reply.body["startIndex"], 1, "{start_index}");
    }
}

#[test]
fn r44_3_4_2_4_03_no_page_has_more_than_count() {
    let server = with_users(Setup::config(|config| config.max_page_size = 5), 12);
    for (count, number) in [(1, 1), (4, 4), (5, 5), (10, 5), (1_000_000, 5)] {
        let reply = server.get(&format!("/Users?count={count}")).is(200);
        assert_eq!(reply.resources().len(), number, "count={count}");
        assert_eq!(reply.body["itemsPerPage"], number);
        assert_eq!(reply.body["totalResults"], 12);
    }
}

#[test]
fn r44_3_4_2_4_04_a_negative_count_is_0_and_that_is_the_total_alone() {
    let server = with_users(Setup::default(), 3);
    for count in ["0", "-1", "-99999999999999999999999"] {
        let reply = server.get(&format!("/Users?count={count}")).is(200);
        assert_eq!(reply.body["totalResults"], 3, "{count}");
        assert!(reply.resources().is_empty());
    }
}

#[test]
fn r44_3_4_2_4_05_without_count_the_page_is_the_service_providers() {
    let setup = || Setup::config(|config| config.default_page_size = 2);
    let server = with_users(setup(), 3);
    let reply = server.get("/Users").is(200);
    assert_eq!((reply.resources().len(), &reply.body["totalResults"]), (2, &json!(3)));
    assert_eq!(server.get("/Users?count=3").is(200).resources().len(), 3);
}

#[test]
fn r44_3_4_3_01_a_post_to_search_is_a_query_and_creates_nothing() {
    let server = with_users(Setup::default(), 2);
    let reply = server.post("/Users/.search", json!({"schemas": [SEARCH]})).is(200);
    assert_eq!(reply.column("userName"), ["user00", "user01"]);
    let reply = server.post("/Groups/.search", json!({"schemas": [SEARCH]})).is(200);
    assert_eq!(reply.body["totalResults"], 0);
    assert_eq!((server.total("/Users"), server.total("/Groups")), (2, 0));
}

#[test]
fn r44_3_4_3_02_a_search_may_say_all_that_a_query_may() {
    let server = with_users(Setup::default(), 9);
    let search = |mut body: Value| {
        body["schemas"] = json!([SEARCH]);
        server.post("/Users/.search", body).is(200)
    };
    let reply = search(json!({"filter": "userName co \"user\"", "sortBy": "userName",
        "sortOrder": "descending", "startIndex": 3, "count": 2, "attributes": ["userName"]}));
    assert_eq!(reply.column("userName"), ["user06", "user05"]);
    assert_eq!(reply.resources()[0].get("meta"), None);
    assert_eq!((&reply.body["startIndex"], &reply.body["totalResults"]), (&json!(3), &json!(9)));
    let reply = search(json!({"excludedAttributes": ["userName", "meta"], "count": 1}));
    assert_eq!(reply.resources()[0].as_object().unwrap().len(), 2, "id and schemas");
    assert!(search(json!({"cursor": "", "count": 1})).body["nextCursor"].is_string());
}

#[test]
fn r44_3_4_3_05_a_search_is_answered_as_a_get() {
    let server = with_users(Setup::default(), 3);
    for (body, query) in [
        (json!({}), ""),
        (json!({"filter": "userName ew \"1\""}), "filter=userName+ew+%221%22"),
        (json!({"count": 0}), "count=0"),
        (
            json!({"startIndex": 2, "count": 1, "attributes": ["id"]}),
            "startIndex=2&count=1&attributes=id",
        ),
    ] {
        let mut search = body;
        search["schemas"] = json!([SEARCH]);
        let searched = server.post("/Users/.search", search).is(200);
        let got = server.get(&format!("/Users?{query}")).is(200);
        assert_eq!(searched.body, got.body);
        assert_eq!(searched.header("content-type"), got.header("content-type"));
    }
}

fn careful() -> Server {
    let employee_number = format!("{ENTERPRISE}:employeeNumber");
    let names = ["emails", "name.familyName", &employee_number];
    let sensitive = names.iter().map(|path| path.parse().unwrap()).collect();
    Setup::config(|config| config.sensitive = sensitive).server()
}

#[test]
fn h19_a_url_must_not_ask_for_what_is_sensitive() {
    let server = careful();
    server.user("a");
    for filter in [
        "emails co \"example.com\"".to_owned(),
        "userName eq \"a\" or EMAILS.value eq \"x\"".to_owned(),
        "not (emails[type eq \"work\"])".to_owned(),
        format!("{USER}:emails pr"),
        "name.givenName eq \"x\"".to_owned(),
        format!("{ENTERPRISE}:employeeNumber eq \"1\""),
    ] {
        let reply = server.filter("/Users", &filter).fails(403, "sensitive");
        reply.naming("/Users/.search");
        let body = json!({"schemas": [SEARCH], "filter": filter});
        server.post("/Users/.search", body).is(200);
    }
    for filter in ["userName eq \"a\"", "title pr", "groups.value eq \"x\""] {
        server.filter("/Users", filter).is(200);
    }
    self::server().filter("/Users", "emails pr").is(200);
}

#[test]
fn r44_7_5_2_02_a_get_with_a_sensitive_filter_is_403_with_its_word() {
    let reply = careful().filter("/Users", "emails.value eq \"a@example.com\"");
    assert_eq!((reply.status.as_u16(), &reply.body["status"]), (403, &json!("403")));
    assert_eq!(reply.body["scimType"], "sensitive");
    assert!(!reply.body.to_string().contains("a@example.com"), "{}", reply.body);
}
