//! Lists, page by page.

use std::pin::pin;

use futures_util::StreamExt;
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use scim2_client::{ErrorClass, Paging, Query, QueryBy};
use scim2_core::Resource;
use scim2_core::sort::SortOrder;
use scim2_core::syntax::Filter;
use serde_json::{Value, json};

use crate::script::{Script, Step, json as answer, run};

fn users(ids: std::ops::Range<u32>) -> Vec<Value> {
    ids.map(|id| json!({"id": id.to_string()})).collect()
}

fn index(ids: std::ops::Range<u32>, total: u64) -> Step {
    let start = ids.start;
    answer(200, json!({"startIndex": start, "totalResults": total, "Resources": users(ids)}))
}

fn cursor(ids: std::ops::Range<u32>, next: Option<&str>) -> Step {
    answer(200, json!({"Resources": users(ids), "nextCursor": next}))
}

fn all(script: &Script, paging: Paging) -> Result<Vec<Resource>, scim2_client::ClientError> {
    let client = script.builder().paging(paging).build().unwrap();
    run(client.api::<Resource>("/Users").query(&Query::new()).all())
}

fn queries(script: &Script) -> Vec<String> {
    script.seen().iter().map(|seen| seen.query().to_owned()).collect()
}

#[test]
fn c03_index_pages_go_on_by_what_came() {
    let script = Script::new([index(1..4, 5), index(4..6, 5)]);
    assert_eq!(all(&script, Paging::index().page_size(3)).unwrap().len(), 5);
    assert_eq!(queries(&script), ["startIndex=1&count=3", "startIndex=4&count=3"]);
}

#[test]
fn c03_index_pages_may_be_shorter_than_asked() {
    let script = Script::new([index(1..3, 5), index(3..4, 5), index(4..6, 5)]);
    assert_eq!(all(&script, Paging::index().page_size(100)).unwrap().len(), 5);
    assert_eq!(queries(&script)[2], "startIndex=4&count=100");
}

#[test]
fn r98_4_04_the_service_provider_may_choose_the_page_size() {
    let script = Script::new([index(1..3, 3), index(3..4, 3)]);
    assert_eq!(all(&script, Paging::index()).unwrap().len(), 3);
    assert_eq!(queries(&script), ["", "startIndex=3"]);
}

#[test]
fn r44_3_4_2_4_01_pages_may_be_inconsistent() {
    // Somebody joined in front, so `2` comes twice, and the total grows.
    let script = Script::new([index(1..3, 3), index(2..4, 4)]);
    let seen = all(&script, Paging::index().page_size(2)).unwrap();
    assert_eq!(seen.iter().map(|user| user.id().unwrap()).collect::<Vec<_>>(), ["1", "2", "3"]);
    // The total shrinks to what is there.
    let script = Script::new([index(1..3, 5), index(3..4, 3)]);
    assert_eq!(all(&script, Paging::index().page_size(2)).unwrap().len(), 3);
    // It shrinks to less than was asked for.
    let script = Script::new([index(1..3, 5), answer(200, json!({"totalResults": 2}))]);
    assert_eq!(all(&script, Paging::index().page_size(2)).unwrap().len(), 2);
}

#[test]
fn a_list_that_ends_early_is_an_error() {
    let script = Script::new([index(1..3, 5), answer(200, json!({"totalResults": 5}))]);
    let error = all(&script, Paging::index().page_size(2)).unwrap_err();
    assert_eq!(error.truncated(), Some((2, 5)));
    assert_eq!(error.to_string(), "GET /Users listed 2 of 5 resources and ended");
    // A service provider that knows no `startIndex` shows the first page again and again.
    let script = Script::new([index(1..3, 4), index(1..3, 4)]);
    let error = all(&script, Paging::index().page_size(2)).unwrap_err();
    assert_eq!(error.truncated(), Some((2, 4)));
}

#[test]
fn a_list_without_a_total_ends_with_an_empty_page() {
    let page = |ids| answer(200, json!({"Resources": users(ids)}));
    let script = Script::new([page(1..3), page(3..4), answer(200, json!({}))]);
    assert_eq!(all(&script, Paging::index().page_size(2)).unwrap().len(), 3);
    let script = Script::new([page(1..3), page(1..3)]);
    let error = all(&script, Paging::index().page_size(2)).unwrap_err();
    assert_eq!(error.class(), ErrorClass::Protocol);
}

#[test]
fn q03_an_empty_list_needs_no_resources() {
    let script = Script::new([answer(200, json!({"totalResults": "0"}))]);
    assert!(all(&script, Paging::index()).unwrap().is_empty());
    assert_eq!(script.seen().len(), 1);
}

#[test]
fn r98_2_01_the_first_cursor_is_bare() {
    let script = Script::new([cursor(1..3, Some("a+b/c=")), cursor(3..4, None)]);
    assert_eq!(all(&script, Paging::cursor().page_size(2)).unwrap().len(), 3);
    // R98-2-11, R98-2-12: what came back goes out as it is, escaped.
    assert_eq!(queries(&script), ["count=2&cursor", "count=2&cursor=a%2Bb%2Fc%3D"]);
}

#[test]
fn c03_cursor_pages_may_be_short_or_empty() {
    let script =
        Script::new([cursor(1..2, Some("a")), cursor(0..0, Some("b")), cursor(2..3, None)]);
    assert_eq!(all(&script, Paging::cursor().page_size(100)).unwrap().len(), 2);
}

#[test]
fn c03_a_cursor_that_comes_again_ends_the_list() {
    let script = Script::new([cursor(1..2, Some("a")), cursor(2..3, Some("a"))]);
    let error = all(&script, Paging::cursor()).unwrap_err();
    assert_eq!(error.class(), ErrorClass::Protocol);
    assert_eq!(error.to_string(), "GET /Users cannot be paged: the same cursor came twice");
}

#[test]
fn r98_2_3_02_a_cursor_that_nobody_asked_for_is_followed() {
    let script = Script::new([
        answer(200, json!({"Resources": users(1..3), "totalResults": 4, "nextCursor": "a"})),
        cursor(3..5, None),
    ]);
    assert_eq!(all(&script, Paging::index().page_size(2)).unwrap().len(), 4);
    assert_eq!(queries(&script), ["startIndex=1&count=2", "count=2&cursor=a"]);
}

#[test]
fn a_service_provider_without_cursors_is_paged_by_index() {
    let script = Script::new([index(1..3, 3), index(3..4, 3)]);
    assert_eq!(all(&script, Paging::cursor().page_size(2)).unwrap().len(), 3);
    assert_eq!(queries(&script), ["count=2&cursor", "startIndex=3&count=2"]);
}

#[test]
fn an_empty_next_cursor_is_none() {
    let script = Script::new([cursor(1..2, Some(""))]);
    assert_eq!(all(&script, Paging::cursor()).unwrap().len(), 1);
}

#[test]
fn c03_there_is_a_cap_on_pages() {
    let script = Script::new((1..5).map(|i| cursor(i..i + 1, Some(&i.to_string()))));
    let error = all(&script, Paging::cursor().max_pages(3)).unwrap_err();
    assert_eq!(error.class(), ErrorClass::Protocol);
    assert_eq!(script.seen().len(), 3);
}

#[test]
fn r98_2_10_later_pages_repeat_all_parameters() {
    let script = Script::new([cursor(1..2, Some("a")), cursor(2..3, None)]);
    let client = script.builder().paging(Paging::cursor().page_size(1)).build().unwrap();
    let query = Query::new()
        .filter(Filter::eq("active", true))
        .sort_by("userName".parse().unwrap())
        .sort_order(SortOrder::Descending);
    let users = client.api::<Resource>("/Users").only(["id".parse().unwrap()]);
    run(users.query(&query).all()).unwrap();
    let common =
        "attributes=id&filter=active%20eq%20true&sortBy=userName&sortOrder=descending&count=1";
    assert_eq!(queries(&script), [format!("{common}&cursor"), format!("{common}&cursor=a")]);
}

#[test]
fn r44_7_5_2_01_queries_can_go_by_post() {
    let script = Script::new([cursor(1..2, Some("a")), cursor(2..3, None)]);
    let client = script
        .builder()
        .paging(Paging::cursor().page_size(1))
        .query_by(QueryBy::Post)
        .build()
        .unwrap();
    let query = Query::from(Filter::eq("emails.value", "babs@example.com"));
    run(client.api::<Resource>("/Users").query(&query).all()).unwrap();
    let seen = script.seen();
    assert_eq!(seen[0].method, "POST");
    assert_eq!(seen[0].url, "https://scim.example.com/v2/Users/.search");
    assert_eq!(
        seen[0].body,
        json!({
            "schemas": ["urn:ietf:params:scim:api:messages:2.0:SearchRequest"],
            "filter": "emails.value eq \"babs@example.com\"",
            "count": 1,
            "cursor": "",
        })
    );
    assert_eq!(seen[1].body["cursor"], "a");
}

#[test]
fn a_query_is_repeated_like_any_reading_also_by_post() {
    let script = Script::new([crate::script::lost(), cursor(1..2, None)]);
    let client = script.builder().query_by(QueryBy::Post).build().unwrap();
    let query = Query::new().paging(Paging::cursor());
    assert_eq!(run(client.users().query(&query).all()).unwrap().len(), 1);
}

#[test]
fn the_base_urls_query_stays_on_every_page() {
    let script = Script::new([index(1..3, 3), index(3..4, 3)]);
    let client = script
        .builder_at("https://scim.example.com/v2/?aadOptscim062020")
        .paging(Paging::index().page_size(2))
        .build()
        .unwrap();
    run(client.users().query(&Query::new()).all()).unwrap();
    assert_eq!(
        queries(&script),
        ["aadOptscim062020&startIndex=1&count=2", "aadOptscim062020&startIndex=3&count=2"]
    );
    assert!(script.seen()[0].url.starts_with("https://scim.example.com/v2/Users?"));
}

#[test]
fn resources_come_one_by_one() {
    let script = Script::new([index(1..3, 5), index(3..6, 5)]);
    let client = script.builder().paging(Paging::index().page_size(2)).build().unwrap();
    let query = Query::new();
    let count = run(async {
        let mut stream = pin!(client.users().query(&query).into_stream());
        let mut count = 0;
        while let Some(user) = stream.next().await {
            user.unwrap();
            count += 1;
        }
        count
    });
    assert_eq!(count, 5);
}

#[test]
fn after_an_error_there_is_no_more_page() {
    let script = Script::new([index(1..3, 5), answer(400, json!({"status": "400"}))]);
    let client = script.builder().paging(Paging::index().page_size(2)).build().unwrap();
    let mut pages = client.users().query(&Query::new());
    run(async {
        assert_eq!(pages.next().await.unwrap().unwrap().resources.len(), 2);
        pages.next().await.unwrap().unwrap_err();
        assert!(pages.next().await.is_none());
    });
}

#[test]
fn a_resource_that_cannot_be_read_is_named() {
    let list = json!({"totalResults": 2, "Resources": [{"id": "1"}, {"id": "2", "userName": {}}]});
    let script = Script::new([answer(200, list)]);
    let error = run(script.client().users().find(Filter::present("id"))).unwrap_err();
    assert_eq!(error.class(), ErrorClass::Protocol);
    assert!(error.to_string().contains("resource 1 of its list cannot be read"), "{error}");
}

#[test]
fn a_list_that_is_none_is_a_protocol_error() {
    for body in [json!([]), json!("x"), json!({"Resources": "none"})] {
        let script = Script::new([answer(200, body)]);
        let error = run(script.client().users().find(Filter::present("id"))).unwrap_err();
        assert_eq!(error.class(), ErrorClass::Protocol);
    }
}

/// What a service provider may answer to a list request, sane or not.
fn any_page() -> impl Strategy<Value = Value> {
    let ids = vec(option::weighted(0.9, 0..6_u32), 0..4);
    let number = || option::of(prop_oneof![0..8_u64, Just(u64::MAX)]);
    (ids, number(), number(), option::weighted(0.4, "[abc]{0,1}")).prop_map(
        |(ids, total, start, cursor)| {
            let resources: Vec<_> = ids
                .into_iter()
                .map(|id| match id {
                    Some(id) => json!({"id": id.to_string()}),
                    None => json!({}),
                })
                .collect();
            json!({
                "Resources": resources,
                "totalResults": total,
                "startIndex": start,
                "nextCursor": cursor,
            })
        },
    )
}

proptest! {
    /// Whatever a service provider answers, a list ends, and no resource is given out twice.
    #[test]
    fn sec_21_lists_end(pages in vec(any_page(), 1..12), by_cursor in any::<bool>()) {
        const MAX_PAGES: u64 = 40;
        let repeated = pages.iter().cycle().take(100).map(|page| answer(200, page.clone()));
        let script = Script::new(repeated);
        let paging = if by_cursor { Paging::cursor() } else { Paging::index() };
        if let Ok(users) = all(&script, paging.page_size(3).max_pages(MAX_PAGES)) {
            let ids: Vec<_> = users.iter().filter_map(Resource::id).collect();
            let mut unique = ids.clone();
            unique.sort_unstable();
            unique.dedup();
            prop_assert_eq!(unique.len(), ids.len());
        }
        prop_assert!(script.seen().len() as u64 <= MAX_PAGES);
    }
}
