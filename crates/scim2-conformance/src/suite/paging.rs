//! Paging (RFC 7644 §3.4.2.4, RFC 9865).

use serde_json::{Value, json};

use super::session::{Session, Stop, Verdict, ensure};
use super::table;

table! { Rfc:
    "paging.index", "pages by index are complete and do not overlap", "RFC 7644 §3.4.2.4" => index;
    "paging.counts", "`totalResults`, `startIndex` and `itemsPerPage` say what the page is", "RFC 7644 §3.4.2.4, Table 5" => counts;
    "paging.below-one", "a `startIndex` below 1 means 1", "RFC 7644 §3.4.2.4" => below_one;
    "paging.count-zero", "`count=0` gives the total and no resources", "RFC 7644 §3.4.2.4" => count_zero;
    "paging.negative-count", "a negative `count` means 0", "RFC 7644 §3.4.2.4" => negative_count;
    "paging.beyond-the-end", "a page beyond the end is empty and has the total", "RFC 7644 §3.4.2.4" => beyond_the_end;
    "paging.large-count", "a `count` beyond the maximum is no error", "RFC 7644 §3.4.2.4" => large_count;
    "paging.cursor", "pages by cursor are complete and do not overlap", "RFC 9865 §2" => cursor;
    "paging.cursor-search", "`.search` pages by cursor", "RFC 9865 §3" => cursor_search;
    "paging.bad-cursor", "a cursor that was not given out is an error 400 `invalidCursor`", "RFC 9865 §2.1" => bad_cursor;
    "paging.cursor-of-another-query", "a cursor of another query is not obeyed", "RFC 9865 §2" => cursor_of_another_query;
}

/// A filter for the five people, after the checks of what must be offered.
async fn marked(session: &mut Session<'_>) -> Result<(String, String), Stop> {
    session.offers("filter")?;
    let people = session.people().await?;
    Ok((session.users()?, format!("nickName eq \"{}\"", people.mark)))
}

async fn index(session: &mut Session<'_>) -> Verdict {
    let (users, filter) = marked(session).await?;
    let mut seen = Vec::new();
    for start in ["1", "3", "5"] {
        let query = [("filter", filter.as_str()), ("startIndex", start), ("count", "2")];
        let page = session.query(&users, &query).await?;
        let ids = page.ids()?;
        ensure(page.total()? == 5, || format!("`totalResults` should be 5: {}", page.text))?;
        ensure(ids.len() <= 2, || format!("a page of 2 has {} resources", ids.len()))?;
        seen.extend(ids);
    }
    complete(session, seen).await
}

async fn complete(session: &mut Session<'_>, seen: Vec<String>) -> Verdict {
    let people = session.people().await?;
    let mut letters: Vec<char> = people.letters(&seen).chars().collect();
    letters.sort_unstable();
    let letters: String = letters.into_iter().collect();
    ensure(letters == "abcde", || {
        format!("the pages together should have `abcde` once and have `{letters}`")
    })
}

async fn counts(session: &mut Session<'_>) -> Verdict {
    let (users, filter) = marked(session).await?;
    let query = [("filter", filter.as_str()), ("startIndex", "4"), ("count", "3")];
    let page = session.query(&users, &query).await?;
    let found = page.list()?.len();
    page.has("/totalResults", &json!(5))?;
    page.has("/startIndex", &json!(4))?;
    page.has("/itemsPerPage", &json!(found))?;
    ensure(found == 2, || format!("the last page should have 2 resources and has {found}"))
}

async fn below_one(session: &mut Session<'_>) -> Verdict {
    let (users, filter) = marked(session).await?;
    let mut pages = Vec::new();
    for start in ["1", "0", "-3"] {
        let query = [("filter", filter.as_str()), ("startIndex", start), ("count", "2")];
        pages.push(session.query(&users, &query).await?.ids()?);
    }
    ensure(pages.windows(2).all(|pair| pair.first() == pair.last()), || {
        format!("the pages from 1, 0 and -3 should be the same: {pages:?}")
    })
}

async fn empty_page(session: &mut Session<'_>, parameters: &[(&str, &str)]) -> Verdict {
    let (users, filter) = marked(session).await?;
    let mut query = vec![("filter", filter.as_str())];
    query.extend(parameters);
    let page = session.query(&users, &query).await?;
    let found = page.list()?.len();
    ensure(found == 0, || format!("the page should be empty and has {found} resources"))?;
    page.has("/totalResults", &json!(5))
}

async fn count_zero(session: &mut Session<'_>) -> Verdict {
    empty_page(session, &[("count", "0")]).await
}

async fn negative_count(session: &mut Session<'_>) -> Verdict {
    empty_page(session, &[("count", "-1")]).await
}

async fn beyond_the_end(session: &mut Session<'_>) -> Verdict {
    empty_page(session, &[("startIndex", "6"), ("count", "2")]).await
}

async fn large_count(session: &mut Session<'_>) -> Verdict {
    let (users, filter) = marked(session).await?;
    let query = [("filter", filter.as_str()), ("count", "1000000")];
    let page = session.query(&users, &query).await?;
    complete(session, page.ids()?).await
}

/// More pages than five results can have.
const MAX_PAGES: usize = 8;

async fn cursor(session: &mut Session<'_>) -> Verdict {
    session.offers_cursors()?;
    let (users, filter) = marked(session).await?;
    let mut seen = Vec::new();
    let mut cursor = String::new();
    for _ in 0..MAX_PAGES {
        let query = [("filter", filter.as_str()), ("cursor", cursor.as_str()), ("count", "2")];
        let page = session.query(&users, &query).await?;
        let ids = page.ids()?;
        ensure(ids.len() <= 2, || format!("a page of 2 has {} resources", ids.len()))?;
        seen.extend(ids);
        match page.at("/nextCursor") {
            Value::Null => return complete(session, seen).await,
            Value::String(next) if *next != cursor => cursor.clone_from(next),
            other => return Err(Stop::fail(format_args!("`nextCursor` is {other} again"))),
        }
    }
    Err(Stop::fail(format_args!("five results have more than {MAX_PAGES} pages of 2")))
}

async fn cursor_search(session: &mut Session<'_>) -> Verdict {
    session.offers_cursors()?;
    let (users, filter) = marked(session).await?;
    let first = session.search(&users, json!({"filter": filter, "cursor": "", "count": 3})).await?;
    let mut seen = first.ids()?;
    let next = first.text_at("/nextCursor")?;
    let second =
        session.search(&users, json!({"filter": filter, "cursor": next, "count": 3})).await?;
    seen.extend(second.ids()?);
    second.has("/nextCursor", &Value::Null)?;
    complete(session, seen).await
}

async fn bad_cursor(session: &mut Session<'_>) -> Verdict {
    session.offers_cursors()?;
    let (users, filter) = marked(session).await?;
    let query = [("filter", filter.as_str()), ("cursor", "bm90LWEtY3Vyc29y"), ("count", "2")];
    session.query(&users, &query).await?.is_bad_request("invalidCursor")
}

async fn cursor_of_another_query(session: &mut Session<'_>) -> Verdict {
    session.offers_cursors()?;
    let (users, filter) = marked(session).await?;
    let query = [("filter", filter.as_str()), ("cursor", ""), ("count", "2")];
    let first = session.query(&users, &query).await?;
    let next = first.text_at("/nextCursor")?;
    let query = [("filter", "userName pr"), ("cursor", next), ("count", "2")];
    let reply = session.query(&users, &query).await?;
    if reply.status.is_success() {
        session.warn("a cursor is obeyed with another filter than its own");
        return Ok(());
    }
    reply.is_error(400)
}
