//! Paging by cursor (RFC 9865).

use std::time::Duration;

use scim2_provider::{CursorCount, Paging};
use serde_json::json;

use crate::support::*;

fn with_users(setup: Setup, number: usize) -> Server {
    let server = setup.server();
    for i in 0..number {
        server.user(&format!("user{i:02}"));
    }
    server
}

/// All pages of a query that begins with an empty cursor.
fn walk(server: &Server, query: &str) -> Vec<Vec<String>> {
    let mut pages = Vec::new();
    let mut cursor = String::new();
    loop {
        let reply = server.get(&format!("/Users?{query}&cursor={cursor}")).is(200);
        pages.push(reply.column("userName").iter().map(ToString::to_string).collect());
        assert!(pages.len() < 100, "endless");
        match reply.body["nextCursor"].as_str() {
            Some(next) => cursor = next.to_owned(),
            None => return pages,
        }
    }
}

#[test]
fn r98_2_06_every_page_but_the_last_has_a_next_cursor() {
    // Also q26 and q04.
    let server = with_users(Setup::default(), 25);
    let pages = walk(&server, "count=10");
    assert_eq!(pages.iter().map(Vec::len).collect::<Vec<_>>(), [10, 10, 5]);
    let all: Vec<_> = (0..25).map(|i| format!("user{i:02}")).collect();
    assert_eq!(pages.concat(), all);
    assert_eq!(walk(&server, "count=5").len(), 5, "no empty page at the end");

    let first = server.get("/Users?count=10&cursor").is(200);
    assert_eq!(first.body["totalResults"], 25);
    assert_eq!(first.body["itemsPerPage"], 10);
    assert_eq!(first.body.get("startIndex"), None);
    assert_eq!(first.body.get("previousCursor"), None);
}

#[test]
fn q23_a_bare_cursor_an_empty_one_and_one_in_a_body_begin_alike() {
    let server = with_users(Setup::default(), 3);
    let bare = server.get("/Users?count=2&cursor").is(200);
    let empty = server.get("/Users?cursor=&count=2").is(200);
    let body = json!({"schemas": [SEARCH], "cursor": "", "count": 2});
    let search = server.post("/Users/.search", body).is(200);
    for reply in [&bare, &empty, &search] {
        assert_eq!(reply.column("userName"), ["user00", "user01"]);
        assert!(reply.body["nextCursor"].is_string());
    }
    let body = json!({"schemas": [SEARCH], "cursor": search.body["nextCursor"], "count": 2});
    assert_eq!(server.post("/Users/.search", body).is(200).column("userName"), ["user02"]);
    server.get("/Users?cursor&startIndex=1").fails(400, "invalidValue");
    assert_eq!(server.get("/Users").body.get("nextCursor"), None, "index is the default");
}

#[test]
fn r98_2_4_01_the_default_paging_can_be_by_cursor() {
    let setup = Setup::config(|config| {
        config.default_paging = Paging::Cursor;
        config.default_page_size = 2;
    });
    let server = with_users(setup, 3);
    let first = server.get("/Users").is(200);
    assert!(first.body["nextCursor"].is_string());
    assert_eq!(first.body.get("startIndex"), None);
    let index = server.get("/Users?startIndex=3").is(200);
    assert_eq!(index.column("userName"), ["user02"]);
    assert_eq!(index.body["startIndex"], 3);
}

#[test]
fn r98_2_2_01_cursor_pages_are_sorted() {
    let server = with_users(Setup::default(), 7);
    for (i, title) in [(1, "b"), (3, "B"), (5, "a")] {
        let id =
            server.filter("/Users", &format!(r#"userName eq "user{i:02}""#)).ids()[0].to_owned();
        let operations = json!([{"op": "add", "path": "title", "value": title}]);
        server.patch(&format!("/Users/{id}"), operations).is(200);
    }
    let pages = walk(&server, "count=2&sortBy=title");
    assert_eq!(pages.concat().join(" "), "user05 user01 user03 user00 user02 user04 user06");
    let pages = walk(&server, "count=3&sortBy=title&sortOrder=descending");
    assert_eq!(pages.concat().join(" "), "user00 user02 user04 user06 user01 user03 user05");
    let pages = walk(&server, "count=2&sortBy=userName&sortOrder=descending&filter=title+pr");
    assert_eq!(pages.concat().join(" "), "user05 user03 user01");
}

#[test]
fn changes_between_pages_neither_repeat_nor_hide_others() {
    for query in ["count=3", "count=3&sortBy=userName"] {
        let server = with_users(Setup::default(), 9);
        let first = server.get(&format!("/Users?{query}&cursor")).is(200);
        for id in first.ids() {
            server.delete(&format!("/Users/{id}")).is(204);
        }
        let next = first.body["nextCursor"].as_str().unwrap();
        let second = server.get(&format!("/Users?{query}&cursor={next}")).is(200);
        assert_eq!(second.column("userName"), ["user03", "user04", "user05"], "{query}");
    }
}

#[test]
fn r98_2_1_02_a_foreign_cursor_is_invalid() {
    // Also q24 and r98_5_2_04.
    let server = with_users(Setup::default(), 3);
    let first = server.get("/Users?count=1&cursor&filter=userName+pr").is(200);
    let cursor = first.body["nextCursor"].as_str().unwrap();
    let flipped = format!("{}{cursor}", if cursor.starts_with('A') { "B" } else { "A" });
    let mut details = Vec::new();
    for path in [
        "/Users?count=1&filter=userName+pr&cursor=garbage".to_owned(),
        format!("/Users?count=1&filter=userName+pr&cursor={}", &flipped[..cursor.len()]),
        format!("/Users?count=1&filter=id+pr&cursor={cursor}"),
        format!("/Users?count=1&cursor={cursor}"),
        format!("/Users?count=1&filter=userName+pr&sortBy=userName&cursor={cursor}"),
        format!("/Groups?count=1&filter=displayName+pr&cursor={cursor}"),
        format!("/Users?count=1&filter=userName+pr&cursor={}", "A".repeat(20_000)),
    ] {
        let reply = server.get(&path).fails(400, "invalidCursor");
        details.push(reply.body["detail"].clone());
    }
    details.dedup();
    assert_eq!(details.len(), 1, "one message for all: {details:?}");
    // The same filter in other words is the same query.
    let path = format!("/Users?count=1&filter=(userName++PR)&cursor={cursor}");
    server.get(&path).is(200);
}

#[test]
fn sec_25_a_cursor_of_one_tenant_is_nothing_to_another() {
    let server = with_users(Setup::default(), 3);
    let first = server.get("/Users?count=1&cursor").is(200);
    let cursor = first.body["nextCursor"].as_str().unwrap();
    let authorization = format!("Bearer {TOKEN_B}");
    let path = format!("/Users?count=1&cursor={cursor}");
    server
        .call("GET", &path, &[("authorization", &authorization)], b"")
        .fails(400, "invalidCursor");
    server.call("GET", &path, &[("authorization", "Bearer wrong")], b"").is(401);
    server.get(&path).is(200);
}

#[test]
fn r98_2_1_03_an_old_cursor_has_expired() {
    let setup = Setup::config(|config| config.cursor_timeout = Some(Duration::from_secs(60)));
    let server = with_users(setup, 3);
    let first = server.get("/Users?count=1&cursor").is(200);
    let path = format!("/Users?count=1&cursor={}", first.body["nextCursor"].as_str().unwrap());
    server.clock.advance(60_000);
    server.get(&path).is(200);
    server.clock.advance(1);
    server.get(&path).fails(400, "expiredCursor");
}

#[test]
fn q25_the_count_stays_that_of_the_first_page() {
    let server = with_users(Setup::default(), 3);
    let first = server.get("/Users?count=1&cursor").is(200);
    let cursor = first.body["nextCursor"].as_str().unwrap();
    server.get(&format!("/Users?count=2&cursor={cursor}")).fails(400, "invalidCount");
    for count in ["-1", "0"] {
        let reply = server.get(&format!("/Users?count={count}&cursor")).is(200);
        assert_eq!(reply.body["totalResults"], 3);
        assert_eq!(reply.body.get("nextCursor"), None);
        assert!(reply.resources().is_empty());
    }
    let setup = Setup::config(|config| config.cursor_count = CursorCount::Free);
    let server = with_users(setup, 3);
    let first = server.get("/Users?count=1&cursor").is(200);
    let cursor = first.body["nextCursor"].as_str().unwrap();
    let reply = server.get(&format!("/Users?count=2&cursor={cursor}")).is(200);
    assert_eq!(reply.column("userName"), ["user01", "user02"]);
}

#[test]
fn cursors_outlive_a_process_where_the_key_is_set() {
    let setup = || Setup::config(|config| config.cursor_key = Some([1; 32]));
    let (one, other) = (with_users(setup(), 2), with_users(setup(), 2));
    let first = one.get("/Users?count=1&cursor").is(200);
    let path = format!("/Users?count=1&cursor={}", first.body["nextCursor"].as_str().unwrap());
    assert_eq!(other.get(&path).is(200).column("userName"), ["user01"]);
    with_users(Setup::default(), 2).get(&path).fails(400, "invalidCursor");
}

#[test]
fn r98_2_13_the_total_is_that_of_all_pages() {
    let server = with_users(Setup::default(), 5);
    let mut cursor = String::new();
    for _ in 0..3 {
        let path = format!("/Users?count=2&filter=userName+sw+%22user%22&cursor={cursor}");
        let reply = server.get(&path).is(200);
        assert_eq!(reply.body["totalResults"], 5);
        assert_eq!(reply.body.get("previousCursor"), None);
        cursor = reply.body["nextCursor"].as_str().unwrap_or_default().to_owned();
    }
    assert_eq!(cursor, "");
}
