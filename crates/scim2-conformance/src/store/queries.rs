//! Filters, order and pages.

use scim2_core::resource::ResourceId;
use scim2_core::sort::SortOrder;
use scim2_provider::store::{Load, Page, Position, Query, StoreError};
use serde_json::json;

use super::kit::{Fault, Kit, ensure, equal, ids, refused};
use super::promises;

promises! {
    "query.order", "without a sort key results come in the order of creation" => order;
    "query.types", "a query finds resources of its type alone" => types;
    "query.filter", "a query finds what matches, and counts it" => filter;
    "query.index", "each page by index is its part of the results" => index;
    "query.count-zero", "a count of 0 gives the total alone" => count_zero;
    "query.cursor", "the pages by cursor are the results, once each" => cursor;
    "query.cursor-sorted", "pages by cursor keep a sort order, with equal and missing values" => cursor_sorted;
    "query.cursor-while-changing", "what is deleted and added meanwhile does not shift the pages" => cursor_while_changing;
    "query.bad-position", "a position that is not the store's own is `BadPosition`" => bad_position;
    "query.sort", "results are sorted, ties by id, missing values last" => sort;
    "query.load", "without members they are not in the results, but filters see them" => load;
}

/// Seven users, created in this order.
async fn seven(kit: &Kit) -> Result<Vec<String>, Fault> {
    let mut ids = Vec::new();
    for (name, title) in [
        ("d", Some("two")),
        ("a", Some("One")),
        ("g", None),
        ("b", Some("one")),
        ("f", Some("three")),
        ("c", None),
        ("e", Some("TWO")),
    ] {
        let mut body = json!({"userName": name});
        if let (Some(title), Some(members)) = (title, body.as_object_mut()) {
            members.insert("title".to_owned(), title.into());
        }
        ids.push(kit.insert_user(body).await?.id().to_owned());
    }
    Ok(ids)
}

async fn order(kit: &Kit) -> Result<(), Fault> {
    let expected = seven(kit).await?;
    // A change does not move a resource.
    let second = expected.get(1).map(|id| ResourceId::from(id.as_str()));
    if let Some(second) = second {
        kit.replace(&kit.user, &second, Load::Full, json!({"userName": "z"})).await??;
    }
    let found = kit.query(&kit.user, &kit.page(1, 100)).await?;
    equal("the order", &ids(&found), &expected)
}

async fn types(kit: &Kit) -> Result<(), Fault> {
    kit.named("user").await?;
    let group = kit.insert_group("group", &[]).await?;
    let groups = kit.query(&kit.group, &kit.page(1, 10)).await?;
    equal("the groups", &ids(&groups), &vec![group.as_str().to_owned()])?;
    equal("the number of groups", &groups.total, &Some(1))?;
    equal("the number of users", &kit.query(&kit.user, &kit.page(1, 0)).await?.total, &Some(1))
}

async fn filter(kit: &Kit) -> Result<(), Fault> {
    let seven = seven(kit).await?;
    let expected: Vec<String> =
        [0, 6].into_iter().filter_map(|at| seven.get(at).cloned()).collect();
    equal("what is found", &kit.matching(&kit.user, "title eq \"Two\"").await?, &expected)?;
    let query = kit.filtered(kit.page(2, 1), &kit.user, "title eq \"two\"")?;
    let page = kit.query(&kit.user, &query).await?;
    equal("the second page", &ids(&page).first(), &expected.get(1))?;
    equal("the total over all pages", &page.total, &Some(2))?;
    equal("nobody", &kit.matching(&kit.user, "title eq \"four\"").await?, &Vec::new())
}

async fn index(kit: &Kit) -> Result<(), Fault> {
    let all = seven(kit).await?;
    for start in 1..=9 {
        for count in 1..=8 {
            let page = kit.query(&kit.user, &kit.page(start, count)).await?;
            let skip = usize::try_from(start - 1).unwrap_or_default();
            let take = usize::try_from(count).unwrap_or_default();
            let expected: Vec<String> = all.iter().skip(skip).take(take).cloned().collect();
            let what = format!("the page of {count} from {start}");
            equal(&what, &ids(&page), &expected)?;
            equal("the total", &page.total, &Some(7))?;
        }
    }
    Ok(())
}

async fn count_zero(kit: &Kit) -> Result<(), Fault> {
    seven(kit).await?;
    let pages = [Page::Index { start_index: 1, count: 0 }, Page::Cursor { after: None, count: 0 }];
    for page in pages {
        let by_index = matches!(page, Page::Index { .. });
        let result = kit.query(&kit.user, &Query::page(page)).await?;
        equal("the page", &ids(&result), &Vec::new())?;
        ensure(result.total == Some(7) || (!by_index && result.total.is_none()), || {
            format!("the total should be 7 and is {:?}", result.total)
        })?;
    }
    Ok(())
}

/// All pages of a query, by cursor.
async fn walk(kit: &Kit, query: &Query, count: u64) -> Result<Vec<String>, Fault> {
    let mut seen = Vec::new();
    let mut after: Option<Position> = None;
    loop {
        let page = Page::Cursor { after: after.take(), count };
        let mut query = query.clone();
        query.page = page;
        let result = kit.query(&kit.user, &query).await?;
        let found = ids(&result);
        let size = usize::try_from(count).unwrap_or_default();
        ensure(found.len() <= size, || format!("a page of {count} has {}", found.len()))?;
        seen.extend(found);
        // More than there are: the same ones come again and again.
        ensure(seen.len() <= 100, || format!("the pages of {count} do not end"))?;
        match result.next {
            Some(next) => after = Some(next),
            None => return Ok(seen),
        }
    }
}

async fn cursor(kit: &Kit) -> Result<(), Fault> {
    let all = seven(kit).await?;
    for count in 1..=8 {
        let seen = walk(kit, &kit.page(1, 0), count).await?;
        equal(&format!("the pages of {count}"), &seen, &all)?;
    }
    let query = kit.filtered(kit.page(1, 0), &kit.user, "title pr")?;
    let expected = kit.matching(&kit.user, "title pr").await?;
    equal("the pages of a filter", &walk(kit, &query, 2).await?, &expected)
}

async fn cursor_sorted(kit: &Kit) -> Result<(), Fault> {
    seven(kit).await?;
    for order in [SortOrder::Ascending, SortOrder::Descending] {
        let query = kit.sorted(kit.page(1, 100), "title", order)?;
        let whole = ids(&kit.query(&kit.user, &query).await?);
        for count in 1..=4 {
            let seen = walk(kit, &query, count).await?;
            equal(&format!("the pages of {count}, {order:?}"), &seen, &whole)?;
        }
    }
    Ok(())
}

async fn cursor_while_changing(kit: &Kit) -> Result<(), Fault> {
    let all = seven(kit).await?;
    let first = Page::Cursor { after: None, count: 3 };
    let result = kit.query(&kit.user, &Query::page(first)).await?;
    let mut seen = ids(&result);
    // One that was seen goes, and one comes at the end.
    if let Some(gone) = all.first() {
        kit.delete(&kit.user, &ResourceId::from(gone.as_str())).await?;
    }
    let last = kit.named("late").await?;
    let rest = Page::Cursor { after: result.next, count: 10 };
    seen.extend(ids(&kit.query(&kit.user, &Query::page(rest)).await?));
    let mut expected = all;
    expected.push(last.as_str().to_owned());
    equal("the pages", &seen, &expected)
}

async fn bad_position(kit: &Kit) -> Result<(), Fault> {
    seven(kit).await?;
    for bytes in [&b"not a position"[..], &[], &[0xff; 40]] {
        let page = Page::Cursor { after: Some(Position::new(bytes)), count: 2 };
        let result = kit.query(&kit.user, &Query::page(page)).await;
        refused(result, "`BadPosition`", |error| matches!(error, StoreError::BadPosition))?;
    }
    Ok(())
}

async fn sort(kit: &Kit) -> Result<(), Fault> {
    let seven = seven(kit).await?;
    let pick = |places: [usize; 7]| -> Vec<String> {
        places.into_iter().filter_map(|at| seven.get(at).cloned()).collect()
    };
    // By name: a b c d e f g.
    let query = kit.sorted(kit.page(1, 10), "userName", SortOrder::Ascending)?;
    let found = ids(&kit.query(&kit.user, &query).await?);
    equal("the order of names", &found, &pick([1, 3, 5, 0, 6, 4, 2]))?;
    // By title: one One, three, two TWO, none none; ids rise with the time of creation, or not.
    for (order, groups) in [
        (SortOrder::Ascending, [vec![1, 3], vec![4], vec![0, 6], vec![2, 5]]),
        (SortOrder::Descending, [vec![2, 5], vec![0, 6], vec![4], vec![1, 3]]),
    ] {
        let mut expected = Vec::new();
        for group in groups {
            let mut ids: Vec<_> = group.into_iter().filter_map(|at: usize| seven.get(at)).collect();
            ids.sort_unstable();
            expected.extend(ids.into_iter().cloned());
        }
        let query = kit.sorted(kit.page(1, 10), "title", order)?;
        let found = ids(&kit.query(&kit.user, &query).await?);
        equal(&format!("the order of titles, {order:?}"), &found, &expected)?;
    }
    Ok(())
}

async fn load(kit: &Kit) -> Result<(), Fault> {
    let user = kit.named("u").await?;
    let group = kit.insert_group("g", &[&user]).await?;
    kit.insert_group("h", &[]).await?;
    let query = kit.page(1, 10).with_load(Load::WithoutMembers);
    let filter = format!("members.value eq \"{}\"", user.as_str());
    let query = kit.filtered(query, &kit.group, &filter)?;
    let result = kit.query(&kit.group, &query).await?;
    equal("what is found", &ids(&result), &vec![group.as_str().to_owned()])?;
    equal("the total", &result.total, &Some(1))
}
