//! Queries over all resource types (RFC 7644 §3.4.2.1, ruling Q20).

use bytes::Bytes;
use http::Request;
use http::request::Parts;
use scim2_core::ResourceType;
use scim2_core::syntax::Filter;
use scim2_provider::auth::{Action, AuthError, Principal};
use scim2_provider::{
    Authenticator, MemoryStore, Offer, Paging, ProviderConfig, RootSearch, Scope, ServiceProvider,
    TenantId,
};
use serde_json::json;

use crate::support::*;

fn offering(change: impl FnOnce(&mut RootSearch)) -> Setup {
    let mut root = RootSearch::default();
    change(&mut root);
    Setup::config(|config| config.root_search = Some(root))
}

/// Users `b`, `d` and `a` with titles, groups `c` and `b`.
fn filled(setup: Setup) -> Server {
    let server = setup.server();
    for (name, title) in [("b", Some("2")), ("d", None), ("a", Some("1"))] {
        let mut body = user(name);
        body["displayName"] = name.into();
        if let Some(title) = title {
            body["title"] = title.into();
        }
        server.post("/Users", body).is(201);
        server.clock.advance(1);
    }
    for name in ["c", "b"] {
        server.group(name, &[]);
        server.clock.advance(1);
    }
    server
}

fn open() -> Server {
    filled(offering(|root| root.unfiltered = Offer::Yes))
}

fn names(reply: &Reply) -> Vec<String> {
    let kind = |r: &serde_json::Value| r["meta"]["resourceType"].as_str().unwrap()[..1].to_owned();
    let name = |r: &serde_json::Value| r["displayName"].as_str().unwrap().to_owned();
    reply.resources().iter().map(|r| kind(r) + &name(r)).collect()
}

#[test]
fn q20_a_query_over_all_types_is_off_by_default() {
    let server = server();
    for method in ["GET", "POST", "PUT", "DELETE"] {
        server.call(method, "/", &[], b"").is(404);
    }
    server.post("/.search", json!({"schemas": [SEARCH]})).is(501);
}

#[test]
fn q20_without_a_filter_it_is_too_many_unless_allowed() {
    let server = filled(offering(|_| {}));
    server.get("/").fails(400, "tooMany");
    server.post("/.search", json!({"schemas": [SEARCH]})).fails(400, "tooMany");
    server.filter("/", "id pr").is(200);
    let reply = server.call("POST", "/", &[], b"").is(405);
    assert_eq!(reply.header("allow"), Some("GET, HEAD"));
    assert_eq!(names(&open().get("/").is(200)), ["Ub", "Ud", "Ua", "Gc", "Gb"]);
}

#[test]
fn r44_3_4_2_1_01_a_root_query_covers_all_resources() {
    let server = open();
    let reply = server.filter("/", "displayName eq \"b\"").is(200);
    assert_eq!(names(&reply), ["Ub", "Gb"]);
    assert_eq!(reply.body["totalResults"], 2);
    assert_eq!(reply.body["itemsPerPage"], 2);
    assert_eq!(reply.body["startIndex"], 1);
    // Each resource is the one that its own endpoint shows.
    for resource in reply.resources() {
        let path = resource["meta"]["location"].as_str().unwrap().strip_prefix(BASE).unwrap();
        assert_eq!(server.get(path).body, *resource);
    }
}

#[test]
fn r44_3_4_2_1_02_meta_resource_type_chooses_the_type() {
    let server = open();
    let user = "meta.resourceType eq \"User\"";
    assert_eq!(names(&server.filter("/", user).is(200)), ["Ub", "Ud", "Ua"]);
    let group = format!("not ({user}) and displayName gt \"b\"");
    assert_eq!(names(&server.filter("/", &group).is(200)), ["Gc"]);
}

#[test]
fn r44_3_4_2_1_04_a_filter_on_an_attribute_of_users_leaves_groups_out() {
    let server = open();
    assert_eq!(names(&server.filter("/", "userName pr").is(200)), ["Ub", "Ud", "Ua"]);
    assert_eq!(names(&server.filter("/", "userName co \"\"").is(200)), ["Ub", "Ud", "Ua"]);
}

#[test]
fn f10_an_attribute_that_a_type_lacks_has_no_value_there() {
    let server = open();
    let check = |filter: &str, expected: &[&str]| {
        assert_eq!(names(&server.filter("/", filter).is(200)), expected, "{filter}");
    };
    check("userName eq \"a\"", &["Ua"]);
    check("userName pr", &["Ub", "Ud", "Ua"]);
    check("not (userName pr)", &["Gc", "Gb"]);
    check("title ne \"1\"", &["Ub", "Ud", "Gc", "Gb"]);
    check("userName eq \"a\" or members eq \"x\"", &["Ua"]);
    check("emails[type eq \"work\"]", &[]);
    for unknown in [
        "nosuch pr",
        "userName pr or nosuch eq 1",
        "name.nosuch pr",
        "emails[nosuch eq 1]",
        "password pr",
        "active gt true",
    ] {
        server.filter("/", unknown).fails(400, "invalidFilter");
    }
    server
        .filter("/", "emails[nosuch eq 1]")
        .naming("no resource type has an attribute `emails.nosuch`");
}

#[test]
fn r44_3_4_2_1_03_too_many_results_are_400() {
    let server = filled(offering(|root| root.max_results = 3));
    server.filter("/", "id pr").fails(400, "tooMany").naming("at most 3");
    server.filter("/", "userName pr").is(200);
}

#[test]
fn r44_3_4_3_01_post_to_search_at_the_root_is_the_same_query() {
    let server = open();
    let body = json!({"schemas": [SEARCH], "filter": "displayName eq \"b\"",
                      "attributes": ["displayName", "userName", "meta"], "count": 1, "startIndex": 2});
    let reply = server.post("/.search", body).is(200);
    assert_eq!(names(&reply), ["Gb"]);
    assert_eq!(reply.body["totalResults"], 2);
    let get = server.get(
        "/?filter=displayName%20eq%20%22b%22&attributes=displayName,userName,meta&count=1&startIndex=2",
    );
    assert_eq!(get.is(200).body, reply.body);
    server.post("/.search", json!({"schemas": [PATCH_OP]})).fails(400, "invalidSyntax");
}

#[test]
fn r44_3_4_2_01_each_page_of_a_root_query_goes_on_where_the_last_ended() {
    let server = open();
    for order in ["", "&sortBy=displayName", "&sortBy=title&sortOrder=descending"] {
        let whole = names(&server.get(&format!("/?count=10{order}")).is(200));
        for size in 1..=6_usize {
            let mut pages = Vec::new();
            for start in (1..=5).step_by(size) {
                let reply =
                    server.get(&format!("/?startIndex={start}&count={size}{order}")).is(200);
                assert_eq!(reply.body["totalResults"], 5);
                assert_eq!(reply.body["startIndex"], start);
                pages.extend(names(&reply));
            }
            assert_eq!(pages, whole, "pages of {size}{order}");
        }
    }
    let beyond = server.get("/?startIndex=18446744073709551615&count=3&sortBy=title");
    assert!(matches!(beyond.status.as_u16(), 200 | 400));
    assert!(server.get("/?startIndex=6").is(200).resources().is_empty());
    assert_eq!(server.get("/?count=0").is(200).body["totalResults"], 5);
}

#[test]
fn q07_a_root_query_sorts_over_all_types() {
    let server = open();
    let sorted = |order: &str| names(&server.get(&format!("/?sortBy={order}")).is(200));
    assert_eq!(sorted("displayName"), ["Ua", "Ub", "Gb", "Gc", "Ud"]);
    assert_eq!(sorted("displayName&sortOrder=descending"), ["Ud", "Gc", "Ub", "Gb", "Ua"]);
    // Without the attribute: last in ascending, first in descending order.
    assert_eq!(sorted("title"), ["Ua", "Ub", "Ud", "Gc", "Gb"]);
    assert_eq!(sorted("title&sortOrder=descending"), ["Ud", "Gc", "Gb", "Ub", "Ua"]);
    server.get("/?sortBy=nosuch").fails(400, "invalidValue");
}

#[test]
fn r98_2_01_a_root_query_pages_by_cursor_over_the_types() {
    let server = open();
    for size in 1..=6 {
        let (mut cursor, mut pages) = (String::new(), Vec::new());
        loop {
            let reply = server.get(&format!("/?count={size}&cursor={cursor}")).is(200);
            assert_eq!(reply.body["totalResults"], 5);
            assert_eq!(reply.body.get("startIndex"), None);
            pages.push(names(&reply));
            match reply.body["nextCursor"].as_str() {
                Some(next) => cursor = next.to_owned(),
                None => break,
            }
        }
        assert_eq!(pages.concat(), ["Ub", "Ud", "Ua", "Gc", "Gb"], "pages of {size}");
        assert!(pages.iter().all(|page| !page.is_empty()), "pages of {size}");
    }
    server.get("/?cursor&sortBy=title").fails(400, "invalidValue");
    server.get("/?cursor=AAAA").fails(400, "invalidCursor");
    let of_users = server.get("/Users?count=1&cursor").body["nextCursor"].clone();
    server
        .get(&format!("/?count=1&cursor={}", of_users.as_str().unwrap()))
        .fails(400, "invalidCursor");
    let reply = server.get("/?count=0&cursor").is(200);
    assert_eq!((&reply.body["totalResults"], reply.body.get("nextCursor")), (&json!(5), None));
}

#[test]
fn q23_cursors_may_be_the_default_of_root_queries_too() {
    let mut setup = offering(|root| root.unfiltered = Offer::Yes);
    setup.config.default_paging = Paging::Cursor;
    let server = filled(setup);
    let reply = server.get("/?count=2").is(200);
    assert!(reply.body["nextCursor"].is_string());
    assert_eq!(names(&server.get("/?count=2&startIndex=2").is(200)), ["Ud", "Ua"]);
}

#[test]
fn h19_sensitive_filters_do_not_belong_into_the_url_of_a_root_query() {
    let mut setup = offering(|_| {});
    setup.config.sensitive = vec!["userName".parse().unwrap()];
    let server = filled(setup);
    server.filter("/", "userName eq \"a\"").fails(403, "sensitive");
    let body = json!({"schemas": [SEARCH], "filter": "userName eq \"a\""});
    assert_eq!(names(&server.post("/.search", body).is(200)), ["Ua"]);
}

#[test]
fn sec_01_a_root_query_stays_in_its_tenant() {
    let server = open();
    let authorization = format!("Bearer {TOKEN_B}");
    let reply = server.call("GET", "/", &[("authorization", &*authorization)], b"").is(200);
    assert_eq!(reply.body["totalResults"], 0);
}

/// May query groups alone.
struct GroupsOnly;

impl Authenticator for GroupsOnly {
    async fn authenticate(&self, parts: &Parts) -> Result<Principal, AuthError> {
        let name = parts.headers.get("x-name").map_or("somebody", |name| name.to_str().unwrap());
        Ok(Principal::new(name, Scope::tenant(TenantId::new("a").unwrap())))
    }

    fn authorize(&self, principal: &Principal, action: &Action<'_>) -> bool {
        use scim2_provider::auth::Verb::Query;
        let group = action.resource_type.name() == "Group";
        action.verb != Query || (group && &*principal.name != "nobody")
    }

    fn visible(&self, principal: &Principal, _: &ResourceType) -> Option<Filter> {
        (&*principal.name == "half").then(|| Filter::eq("displayName", "g"))
    }
}

#[test]
fn q27_types_that_the_client_may_not_query_count_for_nothing() {
    let mut config = ProviderConfig::default();
    config.root_search = Some(RootSearch::default());
    let provider = ServiceProvider::builder(MemoryStore::default())
        .base_url(url::Url::parse(BASE).unwrap())
        .authenticator(GroupsOnly)
        .config(config)
        .build()
        .unwrap();
    let send = |request: http::request::Builder, body: String| {
        let response = block_on(provider.handle(request.body(Bytes::from(body)).unwrap()));
        let body: serde_json::Value = serde_json::from_slice(response.body()).unwrap();
        (response.status().as_u16(), body)
    };
    let group = json!({"schemas": [GROUP], "displayName": "g"}).to_string();
    send(Request::post("/Users"), user("a").to_string());
    send(Request::post("/Groups"), group);
    let (status, body) = send(Request::get("/?filter=id%20pr"), String::new());
    assert_eq!((status, &body["totalResults"]), (200, &json!(1)));
    // What only users have is as unknown as what nobody has.
    let (status, body) = send(Request::get("/?filter=userName%20pr"), String::new());
    assert_eq!((status, &body["scimType"]), (400, &json!("invalidFilter")));
    let nobody = Request::get("/?filter=id%20pr").header("x-name", "nobody");
    assert_eq!(send(nobody, String::new()).0, 403);
    // Nor do resources that it may not see.
    send(Request::post("/Groups"), json!({"schemas": [GROUP], "displayName": "h"}).to_string());
    let half = |path: &str| {
        let (status, body) = send(Request::get(path).header("x-name", "half"), String::new());
        assert_eq!(status, 200, "{body}");
        body["totalResults"].as_u64().unwrap()
    };
    assert_eq!(half("/?filter=id%20pr"), 1);
    assert_eq!(half("/?filter=displayName%20eq%20%22h%22&sortBy=displayName"), 0);
    let (_, body) = send(Request::get("/?filter=id%20pr"), String::new());
    assert_eq!(body["totalResults"], 2);
}
