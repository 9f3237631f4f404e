//! Requirements on paging by cursor, one test for each (RFC 9865).

use std::sync::Arc;
use std::time::Duration;

use scim2_core::rules::{EndpointRules, IndexPaging};
use scim2_provider::auth::{AuthError, BearerToken, BearerTokens, Principal};
use scim2_provider::{
    Authenticator, MemoryStore, Paging, ProvisioningDomain, Scope, ServiceProvider, TenantId,
};
use serde_json::{Value, json};

use crate::support::*;

fn with_users(setup: Setup, number: usize) -> Server {
    let server = setup.server();
    for i in 0..number {
        server.user(&format!("user{i:02}"));
    }
    server
}

/// The first page of a query by cursor, and the cursor of the next.
fn begin(server: &Server, query: &str) -> (Reply, String) {
    let first = server.get(&format!("/Users?cursor&{query}")).is(200);
    let next = first.body["nextCursor"].as_str().unwrap_or_default().to_owned();
    (first, next)
}

#[test]
fn r98_2_03_a_negative_count_is_0_with_a_cursor_too() {
    let server = with_users(Setup::default(), 3);
    let (reply, next) = begin(&server, "count=-7");
    assert!(reply.resources().is_empty());
    assert_eq!(next, "");
}

#[test]
fn r98_2_04_a_count_of_0_is_answered_with_the_total_alone() {
    let server = with_users(Setup::default(), 3);
    let (reply, _) = begin(&server, "count=0&filter=userName+ne+%22user00%22");
    assert_eq!(reply.body["totalResults"], 2);
    assert!(reply.resources().is_empty());
}

#[test]
fn r98_2_05_no_page_by_cursor_has_more_than_count() {
    let server = with_users(Setup::config(|config| config.max_page_size = 5), 12);
    for (count, number) in [(3, 3), (5, 5), (10, 5)] {
        assert_eq!(begin(&server, &format!("count={count}")).0.resources().len(), number);
    }
}

#[test]
fn r98_2_07_the_next_cursor_is_missing_on_the_last_page_alone() {
    for (number, size) in [(10, 5), (11, 5), (5, 5), (1, 5), (0, 5)] {
        let server = with_users(Setup::default(), number);
        let mut cursor = String::new();
        let mut seen = 0;
        loop {
            let path = format!("/Users?count={size}&cursor={cursor}");
            let reply = server.get(&path).is(200);
            seen += reply.resources().len();
            match reply.body["nextCursor"].as_str() {
                Some(next) => {
                    assert!(seen < number, "a page follows, so something is left");
                    next.clone_into(&mut cursor);
                }
                None => break,
            }
        }
        assert_eq!(seen, number);
    }
}

#[test]
fn r98_2_08_there_is_no_previous_cursor() {
    let server = with_users(Setup::default(), 3);
    let (_, next) = begin(&server, "count=1");
    let second = server.get(&format!("/Users?count=1&cursor={next}")).is(200);
    assert_eq!(second.body.get("previousCursor"), None);
}

#[test]
fn r98_2_09_the_first_page_has_no_previous_cursor() {
    let server = with_users(Setup::default(), 3);
    assert_eq!(begin(&server, "count=1").0.body.get("previousCursor"), None);
}

/// An endpoint that does not count what it lists by cursor.
#[derive(Debug)]
struct Uncounted;

impl EndpointRules for Uncounted {
    fn index_paging(&self) -> IndexPaging {
        IndexPaging::FirstPageOnly
    }
}

#[test]
fn r98_2_14_a_total_can_be_left_out_with_cursors() {
    let server = with_users(Setup::rules(Uncounted), 3);
    let (reply, next) = begin(&server, "count=2");
    assert_eq!(reply.body.get("totalResults"), None);
    assert_eq!(reply.resources().len(), 2);
    assert_ne!(next, "");
    assert_eq!(server.get("/Users").is(200).body["totalResults"], 3);
}

#[test]
fn r98_2_1_01_errors_of_paging_are_400_with_a_body() {
    let server = with_users(Setup::default(), 3);
    let (_, next) = begin(&server, "count=1");
    for (path, scim_type) in [
        ("/Users?cursor=nonsense".to_owned(), "invalidCursor"),
        (format!("/Users?cursor={next}&count=2"), "invalidCount"),
        ("/Users?cursor&count=x".to_owned(), "invalidValue"),
        ("/Users?cursor&startIndex=1".to_owned(), "invalidValue"),
    ] {
        server.get(&path).fails(400, scim_type);
    }
}

#[test]
fn r98_2_1_04_another_count_than_that_of_the_first_page_is_invalid() {
    let server = with_users(Setup::default(), 5);
    let (_, next) = begin(&server, "count=2");
    for count in ["count=1", "count=3", "count=0", "count=-1", ""] {
        server.get(&format!("/Users?cursor={next}&{count}")).fails(400, "invalidCount");
    }
    server.get(&format!("/Users?cursor={next}&count=2")).is(200);
}

#[test]
fn r98_2_3_01_a_list_by_cursor_alone_has_a_next_cursor_without_being_asked() {
    let setup = Setup::config(|config| config.default_paging = Paging::Cursor);
    let server = with_users(setup, 3);
    let reply = server.get("/Users?count=2").is(200);
    let next = reply.body["nextCursor"].as_str().unwrap();
    let rest = server.get(&format!("/Users?count=2&cursor={next}")).is(200);
    assert_eq!(rest.column("userName"), ["user02"]);
}

#[test]
fn r98_2_4_02_index_is_the_default() {
    let server = with_users(Setup::default(), 3);
    let reply = server.get("/Users?count=2").is(200);
    assert_eq!((&reply.body["startIndex"], reply.body.get("nextCursor")), (&json!(1), None));
    let config = server.get("/ServiceProviderConfig").body;
    assert_eq!(config["pagination"]["defaultPaginationMethod"], "index");
}

#[test]
fn r98_2_4_03_start_index_asks_for_one_method_and_cursor_for_the_other() {
    for paging in [Paging::Index, Paging::Cursor] {
        let server = with_users(Setup::config(|config| config.default_paging = paging), 3);
        let index = server.get("/Users?startIndex=2&count=1").is(200).body;
        assert_eq!((&index["startIndex"], index.get("nextCursor")), (&json!(2), None));
        let cursor = begin(&server, "count=1").0.body;
        assert_eq!(cursor.get("startIndex"), None);
        assert!(cursor["nextCursor"].is_string());
        server.get("/Users?startIndex=1&cursor").fails(400, "invalidValue").naming("cursor");
    }
}

#[test]
fn r98_3_01_a_search_takes_cursor_and_count() {
    let server = with_users(Setup::default(), 3);
    let mut body = json!({"schemas": [SEARCH], "cursor": "", "count": 2});
    let first = server.post("/Users/.search", body.clone()).is(200);
    assert_eq!(first.column("userName"), ["user00", "user01"]);
    body["cursor"] = first.body["nextCursor"].clone();
    let last = server.post("/Users/.search", body).is(200);
    assert_eq!((last.column("userName"), last.body.get("nextCursor")), (vec!["user02"], None));
}

#[test]
fn r98_5_2_01_a_cursor_shows_nobody_what_is_anothers() {
    let server = with_users(Setup::default(), 3);
    let (_, next) = begin(&server, "count=1");
    let authorization = format!("Bearer {TOKEN_B}");
    let b = [("authorization", authorization.as_str())];
    server.call("POST", "/Users", &b, user("own").to_string().as_bytes()).is(201);
    let path = format!("/Users?count=1&cursor={next}");
    let reply = server.call("GET", &path, &b, b"").fails(400, "invalidCursor");
    assert!(!reply.body.to_string().contains("user"), "{}", reply.body);
}

#[test]
fn r98_5_2_03_a_cursor_ends_with_the_scope_of_its_client() {
    let scope = Scope::tenant(TenantId::new("a").unwrap());
    let domain = ProvisioningDomain::new("narrower").unwrap();
    let token = |scope| BearerToken::new("a", &TOKEN.into(), scope).unwrap();
    let tokens = Arc::new(BearerTokens::new([token(scope.clone())]));
    let provider = ServiceProvider::builder(MemoryStore::default())
        .base_url(url::Url::parse(BASE).unwrap())
        .authenticator(Shared(tokens.clone()))
        .build()
        .unwrap();
    let send = |method: &str, uri: &str, body: String| {
        let request = http::Request::builder()
            .method(method)
            .uri(uri)
            .header("authorization", format!("Bearer {TOKEN}"));
        let response = block_on(provider.handle(request.body(body.into()).unwrap()));
        let body: Value = serde_json::from_slice(response.body()).unwrap();
        (response.status().as_u16(), body)
    };
    for name in ["a", "b"] {
        assert_eq!(send("POST", "/Users", user(name).to_string()).0, 201);
    }
    let (_, first) = send("GET", "/Users?count=1&cursor", String::new());
    let next = format!("/Users?count=1&cursor={}", first["nextCursor"].as_str().unwrap());
    assert_eq!(send("GET", &next, String::new()).0, 200);
    tokens.set([token(scope.with_domain(domain))]);
    let (status, body) = send("GET", &next, String::new());
    assert_eq!((status, &body["scimType"]), (400, &json!("invalidCursor")));
}

/// Tokens that a test keeps a hand on.
struct Shared(Arc<BearerTokens>);

impl Authenticator for Shared {
    async fn authenticate(&self, parts: &http::request::Parts) -> Result<Principal, AuthError> {
        self.0.authenticate(parts).await
    }
}

#[test]
fn r98_5_2_05_errors_of_cursors_do_not_say_what_is_wrong() {
    let setup = Setup::config(|config| config.cursor_timeout = Some(Duration::from_secs(60)));
    let server = with_users(setup, 3);
    let authorization = format!("Bearer {TOKEN_B}");
    let b = [("authorization", authorization.as_str())];
    let (_, next) = begin(&server, "count=1");
    let path = format!("/Users?count=1&cursor={next}");
    let forged = server.get(&format!("/Users?count=1&cursor={next}A")).fails(400, "invalidCursor");
    let foreign = server.call("GET", &path, &b, b"").fails(400, "invalidCursor");
    let other = server.get(&format!("{path}&filter=id+pr")).fails(400, "invalidCursor");
    server.clock.advance(120_000);
    // Nor does it show whether a foreign one would have been too old.
    let old_and_foreign = server.call("GET", &path, &b, b"").fails(400, "invalidCursor");
    for body in [foreign.body, other.body, old_and_foreign.body] {
        assert_eq!(body, forged.body);
    }
}

#[test]
fn r98_5_3_01_a_cursor_takes_no_memory_on_the_server() {
    // Whoever has the key can go on, so nothing about a cursor is kept anywhere.
    let setup = || Setup::config(|config| config.cursor_key = Some([1; 32]));
    let (one, other) = (with_users(setup(), 3), with_users(setup(), 3));
    let (_, next) = begin(&one, "count=1");
    drop(one);
    let path = format!("/Users?count=1&cursor={next}");
    assert_eq!(other.get(&path).is(200).column("userName"), ["user01"]);
}
