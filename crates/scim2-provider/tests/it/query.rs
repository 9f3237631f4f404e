//! Lists (RFC 7644 §3.4.2 and §3.4.3).

use serde_json::json;

use crate::support::*;

fn with_users(names: &[&str]) -> Server {
    let server = server();
    for name in names {
        server.user(name);
    }
    server
}

#[test]
fn r44_3_4_2_07_no_match_is_200_and_an_empty_list() {
    // Also q03.
    let server = with_users(&["a"]);
    let reply = server.filter("/Users", r#"userName eq "nobody""#).is(200);
    assert_eq!(
        reply.body,
        json!({"schemas": ["urn:ietf:params:scim:api:messages:2.0:ListResponse"],
            "totalResults": 0, "startIndex": 1, "itemsPerPage": 0, "Resources": []})
    );
}

#[test]
fn r44_3_4_2_02_unknown_parameters_are_ignored() {
    // Also h18.
    let server = with_users(&["a"]);
    assert_eq!(server.get("/Users?foo=1&aadOptscim062020").is(200).column("userName"), ["a"]);
}

#[test]
fn q01_start_index_counts_from_one() {
    // Also q04 and q05.
    let server = with_users(&["a", "b", "c"]);
    for (query, names, start_index) in [
        ("startIndex=2", &["b", "c"][..], 2),
        ("startIndex=0", &["a", "b", "c"], 1),
        ("startIndex=-5&count=1", &["a"], 1),
        ("startIndex=3&count=5", &["c"], 3),
        ("startIndex=4", &[], 4),
        ("startIndex=9007199254740991", &[], 9_007_199_254_740_991_i64),
    ] {
        let reply = server.get(&format!("/Users?{query}")).is(200);
        assert_eq!(reply.column("userName"), names, "{query}");
        assert_eq!(reply.body["totalResults"], 3, "{query}");
        assert_eq!(reply.body["startIndex"], start_index, "{query}");
        assert_eq!(reply.body["itemsPerPage"], names.len(), "{query}");
    }
    server.get("/Users?startIndex=abc").fails(400, "invalidValue").naming("startIndex");
    // What an answer could not repeat exactly is refused, and not taken for another number.
    for start_index in ["9007199254740992", "99999999999999999999"] {
        let reply = server.get(&format!("/Users?startIndex={start_index}"));
        reply.fails(400, "invalidValue").naming("9007199254740991");
    }
    let body = json!({"schemas": [SEARCH], "startIndex": 9_007_199_254_740_992_u64});
    server.post("/Users/.search", body).fails(400, "invalidValue").naming("startIndex");
}

#[test]
fn q02_count_is_clamped_and_never_negative() {
    let server = Setup::config(|config| {
        config.max_page_size = 2;
        config.default_page_size = 2;
    })
    .server();
    for name in ["a", "b", "c"] {
        server.user(name);
    }
    for (query, number) in
        [("count=10", 2), ("count=1", 1), ("count=0", 0), ("count=-1", 0), ("", 2)]
    {
        let reply = server.get(&format!("/Users?{query}")).is(200);
        assert_eq!(reply.resources().len(), number, "{query}");
        assert_eq!(reply.body["totalResults"], 3, "{query}");
    }
    server.get("/Users?count=1.5").fails(400, "invalidValue").naming("count");
}

#[test]
fn h21_numbers_in_a_query_must_be_numbers() {
    let server = server();
    server.get("/Users?count=ten").fails(400, "invalidValue").naming("count");
}

#[test]
fn q06_the_order_is_that_of_creation() {
    let server = with_users(&["z", "m", "a"]);
    let path = format!("/Users/{}", server.filter("/Users", r#"userName eq "z""#).ids()[0]);
    server.patch(&path, json!([{"op": "replace", "path": "title", "value": "x"}])).is(200);
    assert_eq!(server.get("/Users").column("userName"), ["z", "m", "a"]);
}

#[test]
fn q07_unassigned_is_last_ascending_and_first_descending() {
    // Also r44_3_4_2_3_04.
    let server = server();
    for (name, family) in [("a", Some("b")), ("b", None), ("c", Some("A")), ("d", None)] {
        let mut body = user(name);
        if let Some(family) = family {
            body["name"] = json!({"familyName": family});
        }
        server.post("/Users", body).is(201);
        server.clock.advance(1);
    }
    let names = |query: &str| {
        let reply = server.get(&format!("/Users?{query}")).is(200);
        reply.column("userName").join("")
    };
    assert_eq!(names("sortBy=name.familyName"), "cabd");
    assert_eq!(names("sortBy=name.familyName&sortOrder=descending"), "bdac");
    assert_eq!(names("sortBy=USERNAME&sortOrder=descending&count=2&startIndex=2"), "cb");
    assert_eq!(names("sortBy=meta.lastModified&sortOrder=ascending"), "abcd");
}

#[test]
fn q08_a_sort_that_makes_no_sense_is_refused() {
    let server = server();
    for query in [
        "sortBy=name",
        "sortBy=nosuch",
        "sortBy=a[b",
        "sortBy=password",
        "sortBy=userName&sortOrder=up",
        "sortBy=x509Certificates",
    ] {
        server.get(&format!("/Users?{query}")).fails(400, "invalidValue");
    }
    let server = Setup::config(|config| config.sort = scim2_provider::Offer::No).server();
    server.get("/Users?sortBy=nosuch").is(200);
}

#[test]
fn q21_a_single_resource_ignores_filter_sort_and_paging() {
    let server = server();
    let path = format!("/Users/{}", server.user("a"));
    server.get(&format!("{path}?filter=x+eq&startIndex=abc&sortBy=%20&cursor")).is(200);
    server.post(&format!("{path}/.search"), json!({})).is(404);
}

#[test]
fn q22_a_search_is_a_query_in_a_body() {
    let server = with_users(&["bjensen", "jsmith", "bob"]);
    let reply = server
        .post(
            "/Users/.search",
            json!({"schemas": [SEARCH], "filter": r#"userName sw "b""#, "attributes": ["userName"],
                "sortBy": "userName", "sortOrder": "descending", "startIndex": 1, "count": 10,
                "unknown": true}),
        )
        .is(200);
    let query = "filter=userName+sw+%22b%22&attributes=userName&sortBy=userName\
                 &sortOrder=descending&startIndex=1&count=10";
    assert_eq!(reply.body, server.get(&format!("/Users?{query}")).is(200).body);
    assert_eq!(reply.column("userName"), ["bob", "bjensen"]);
    assert_eq!(reply.header("location"), None);
    server.post("/Users/.search", json!({"count": 1})).fails(400, "invalidSyntax");
    server.post("/Users/.search", json!({"schemas": [SEARCH], "count": "1"})).is(400);
}

#[test]
fn q20_there_is_no_query_over_all_types() {
    let server = server();
    server.get("/").is(404);
    server.get("/?filter=userName+pr").is(404);
    server.post("/.search", json!({"schemas": [SEARCH]})).is(501);
}

#[test]
fn f10_an_unknown_attribute_in_a_filter_is_refused() {
    let server = with_users(&["a"]);
    server.filter("/Users", r#"nosuch eq "x""#).fails(400, "invalidFilter").naming("nosuch");
}

#[test]
fn f33_an_empty_filter_is_refused() {
    server().get("/Users?filter=").fails(400, "invalidFilter");
}

#[test]
fn f35_a_plus_sign_in_a_query_is_a_space() {
    let server = server();
    let mut body = user("a");
    body["phoneNumbers"] = json!([{"value": "tel:+1-201-555-0123"}]);
    server.post("/Users", body).is(201);
    let plus = server.get("/Users?filter=phoneNumbers.value+co+%22%2B1%22").is(200);
    assert_eq!(plus.ids().len(), 1);
    let space = server.get("/Users?filter=phoneNumbers.value+co+%22+1%22").is(200);
    assert_eq!(space.ids().len(), 0);
}

#[test]
fn meta_can_be_asked_for() {
    let server = server();
    let path = format!("/Users/{}", server.user("a"));
    server.clock.advance(60_000);
    let b = server.user("b");
    let later = server.get(&format!("/Users/{b}")).body["meta"]["created"].clone();
    let check = |filter: &str, expected: &[&str]| {
        assert_eq!(
            server.filter("/Users", filter).is(200).column("userName"),
            expected,
            "{filter}"
        );
    };
    check(&format!("meta.created ge {later}"), &["b"]);
    check(&format!("meta.lastModified lt {later}"), &["a"]);
    check(r#"meta.resourceType eq "User""#, &["a", "b"]);
    check(&format!(r#"meta.location eq "{BASE}{path}""#), &["a"]);
    check(&format!(r#"id eq "{b}""#), &["b"]);
    let version = server.get(&path).version().replace('"', "\\\"");
    check(&format!(r#"meta.version eq "{version}" and userName eq "a""#), &["a"]);
}

#[test]
fn r44_3_6_03_deleted_resources_are_not_listed() {
    let server = with_users(&["a", "b"]);
    let id = server.filter("/Users", r#"userName eq "a""#).ids()[0].to_owned();
    server.delete(&format!("/Users/{id}")).is(204);
    assert_eq!(server.get("/Users").column("userName"), ["b"]);
}

#[test]
fn r44_3_4_3_06_numbers_of_a_search_are_numbers_and_lists_are_arrays() {
    let server = server();
    for body in [
        json!({"schemas": [SEARCH], "count": "10"}),
        json!({"schemas": [SEARCH], "startIndex": 1.5}),
        json!({"schemas": [SEARCH], "attributes": "userName"}),
        json!({"schemas": [SEARCH], "filter": 1}),
    ] {
        server.post("/Users/.search", body).is(400);
    }
    let mut setup = Setup::default();
    setup.policy.messages.string_lists = true;
    setup.policy.messages.schemas_optional = true;
    let server = setup.server();
    server.post("/Users/.search", json!({"attributes": "userName,id"})).is(200);
}

#[test]
fn a_list_can_be_sorted_by_what_is_computed() {
    let server = with_users(&["a", "b", "c"]);
    let ids = server.get("/Users").is(200);
    let ids = ids.ids();
    server.group("z", &[ids[0]]);
    server.group("y", &[ids[1]]);
    let reply = server.get("/Users?sortBy=groups.display&attributes=userName").is(200);
    assert_eq!(reply.column("userName"), ["b", "a", "c"]);
    let reply = server.get("/Groups?sortBy=members.display&sortOrder=descending").is(200);
    assert_eq!(reply.column("displayName"), ["y", "z"]);
}
