//! Lists: order, totals, pages.

use scim2_core::ResourceType;
use scim2_core::sort::SortOrder;
use scim2_core::{Policy, syntax::Filter};
use scim2_provider::Store;
use scim2_provider::store::{Page, Position, Query, QueryResult, StoreError};
use serde_json::json;

use crate::support::Fixture;

fn seeded(count: usize) -> Fixture {
    let fixture = Fixture::new();
    for i in 0..count {
        let title = ["Guide", "guide", "Émile", "boss"][i % 4];
        let mut body = json!({"userName": format!("user{i:03}"), "active": i % 2 == 0});
        if i % 5 != 0 {
            body["title"] = title.into();
        }
        fixture.user(body);
        // Most of them in the same millisecond.
        fixture.clock.advance(i64::from(i % 7 == 0));
    }
    fixture
}

fn query(fixture: &Fixture, query: &Query) -> Result<QueryResult, StoreError> {
    fixture.run(fixture.store.query(&fixture.scope, &ResourceType::user(), query))
}

fn names(result: &QueryResult) -> Vec<String> {
    result.resources.iter().map(|s| s.resource.text("userName").unwrap().to_owned()).collect()
}

fn filter(text: &str) -> scim2_core::bind::BoundFilter {
    let filter: Filter = text.parse().unwrap();
    ResourceType::user().bind(&filter, &Policy::strict()).unwrap()
}

fn index(start_index: u64, count: u64) -> Query {
    Query::page(Page::Index { start_index, count })
}

fn by_title(order: SortOrder) -> scim2_core::sort::SortKey {
    let path = "title".parse().unwrap();
    ResourceType::user().bind_sort(&path, order, &Policy::strict()).unwrap()
}

/// Follows cursors to the end.
fn walk(fixture: &Fixture, count: u64, make: impl Fn(Page) -> Query) -> Vec<String> {
    let mut all = Vec::new();
    let mut after: Option<Position> = None;
    loop {
        let page = query(fixture, &make(Page::Cursor { after, count })).unwrap();
        assert!(page.resources.len() as u64 <= count);
        all.extend(names(&page));
        match page.next {
            Some(next) => after = Some(next),
            None => return all,
        }
    }
}

#[test]
fn q06_lists_come_in_the_order_of_creation() {
    let fixture = seeded(20);
    let result = query(&fixture, &index(1, 100)).unwrap();
    assert_eq!(result.total, Some(20));
    assert!(names(&result).is_sorted());
    assert!(result.next.is_none());
}

#[test]
fn q01_q02_pages_by_index_have_exact_totals() {
    let fixture = seeded(20);
    for (start, count, expected) in [(1, 5, 5), (16, 5, 5), (18, 5, 3), (21, 5, 0), (900, 1, 0)] {
        for query_of in
            [index(start, count), index(start, count).with_filter(filter("userName pr"))]
        {
            let result = query(&fixture, &query_of).unwrap();
            assert_eq!((result.total, result.resources.len()), (Some(20), expected));
        }
    }
    let result = query(&fixture, &index(1, 0).with_filter(filter("active eq true"))).unwrap();
    assert_eq!((result.total, result.resources.len()), (Some(10), 0));
}

#[test]
fn q26_cursors_visit_everything_once() {
    let fixture = seeded(23);
    let everything = names(&query(&fixture, &index(1, 100)).unwrap());
    for count in [1, 7, 22, 23, 24] {
        assert_eq!(walk(&fixture, count, Query::page), everything);
    }
    let active = walk(&fixture, 5, |page| Query::page(page).with_filter(filter("active eq true")));
    let odd = |name: &&String| name.ends_with(['0', '2', '4', '6', '8']);
    assert_eq!(active, everything.iter().filter(odd).cloned().collect::<Vec<_>>());
}

#[test]
fn r44_3_4_2_3_07_sorting_is_by_comparison_key_and_ties_by_id() {
    let fixture = seeded(23);
    let all = |order| {
        let result = query(&fixture, &index(1, 100).with_sort(by_title(order))).unwrap();
        assert_eq!(result.total, Some(23));
        result
    };
    let titles = |result: &QueryResult| -> Vec<Option<String>> {
        result.resources.iter().map(|s| s.resource.text("title").map(str::to_lowercase)).collect()
    };
    let ascending = all(SortOrder::Ascending);
    let found = titles(&ascending);
    // Unassigned last (R44-3.4.2.3-05).
    assert_eq!(found.iter().filter(|title| title.is_none()).count(), 5);
    assert!(found[..18].iter().all(Option::is_some) && found[18..].iter().all(Option::is_none));
    assert!(found[..18].is_sorted());
    let descending = titles(&all(SortOrder::Descending));
    assert!(descending[..5].iter().all(Option::is_none));
    for order in [SortOrder::Ascending, SortOrder::Descending] {
        let everything = names(&all(order));
        for count in [1, 4, 23] {
            let walked = walk(&fixture, count, |page| Query::page(page).with_sort(by_title(order)));
            assert_eq!(walked, everything);
        }
    }
}

#[test]
fn a_cursor_goes_on_where_its_page_ended_whatever_happened_since() {
    let fixture = seeded(10);
    let first = query(&fixture, &Query::page(Page::Cursor { after: None, count: 4 })).unwrap();
    // The last one of the page goes, and somebody new comes.
    fixture.delete(&ResourceType::user(), first.resources[3].id()).unwrap();
    fixture.user(json!({"userName": "user999"}));
    let page = Page::Cursor { after: first.next, count: 100 };
    let rest = query(&fixture, &Query::page(page)).unwrap();
    let expected: Vec<_> =
        (4..10).map(|i| format!("user{i:03}")).chain(["user999".into()]).collect();
    assert_eq!(names(&rest), expected);
}

#[test]
fn positions_show_nothing_but_an_id() {
    let fixture = seeded(3);
    let result = query(&fixture, &Query::page(Page::Cursor { after: None, count: 2 })).unwrap();
    let next = result.next.unwrap();
    assert_eq!(next.as_bytes(), result.resources[1].id().as_bytes());
}

#[test]
fn positions_of_others_are_refused() {
    let fixture = seeded(3);
    for bytes in [&b"x"[..], b"", b"\xff", b"\0\0\0\0\0\0\0\x01"] {
        let page = Page::Cursor { after: Some(Position::new(bytes)), count: 2 };
        for query_of in
            [Query::page(page.clone()), Query::page(page.clone()).with_filter(filter("title pr"))]
        {
            assert!(matches!(query(&fixture, &query_of), Err(StoreError::BadPosition)));
        }
    }
}

#[test]
fn a_page_by_cursor_may_ask_for_the_total_alone() {
    let fixture = seeded(6);
    let page = Page::Cursor { after: None, count: 0 };
    for query_of in
        [Query::page(page.clone()), Query::page(page.clone()).with_filter(filter("active pr"))]
    {
        let result = query(&fixture, &query_of).unwrap();
        assert_eq!((result.total, result.resources.len()), (Some(6), 0));
        assert!(result.next.is_none());
    }
}

#[test]
fn filters_on_meta_are_decided() {
    let fixture = seeded(3);
    let first = query(&fixture, &index(1, 1)).unwrap().resources.remove(0);
    for (text, expected) in [
        (r#"meta.resourceType eq "User""#.to_owned(), 3),
        (format!(r#"meta.version eq "{}""#, first.version.as_str().replace('"', "\\\"")), 3),
        (format!(r#"meta.lastModified gt "{}""#, first.last_modified.to_rfc3339()), 2),
        (format!(r#"meta.created le "{}""#, first.created.to_rfc3339()), 1),
    ] {
        let result = query(&fixture, &index(1, 10).with_filter(filter(&text))).unwrap();
        assert_eq!(result.total, Some(expected), "{text}");
    }
}
