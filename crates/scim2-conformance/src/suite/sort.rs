//! Sorting (RFC 7644 §3.4.2.3).

use super::session::{Session, Verdict, ensure};
use super::table;

table! { Rfc:
    "sort.ascending", "`sortBy` sorts ascending, values without a `caseExact` schema without case", "RFC 7644 §3.4.2.3" => ascending;
    "sort.descending", "`sortOrder=descending` turns the order around", "RFC 7644 §3.4.2.3" => descending;
    "sort.unassigned", "resources without the value come last ascending, first descending", "RFC 7644 §3.4.2.3" => unassigned;
    "sort.pages", "pages continue the order", "RFC 7644 §3.4.2.3, §3.4.2.4" => pages;
    "sort.search", "`.search` sorts", "RFC 7644 §3.4.3" => search;
}

async fn order(session: &mut Session<'_>, parameters: &[(&str, &str)], expected: &str) -> Verdict {
    session.offers("sort")?;
    session.offers("filter")?;
    let people = session.people().await?;
    let filter = format!("nickName eq \"{}\"", people.mark);
    let mut query = vec![("filter", filter.as_str())];
    query.extend(parameters);
    let users = session.users()?;
    let found = people.letters(&session.query(&users, &query).await?.ids()?);
    ensure(found == expected, || format!("the order should be `{expected}` and is `{found}`"))
}

async fn ascending(session: &mut Session<'_>) -> Verdict {
    order(session, &[("sortBy", "name.familyName")], "abcde").await?;
    order(session, &[("sortBy", "name.givenName"), ("sortOrder", "ascending")], "edcba").await
}

async fn descending(session: &mut Session<'_>) -> Verdict {
    order(session, &[("sortBy", "name.familyName"), ("sortOrder", "descending")], "edcba").await
}

async fn unassigned(session: &mut Session<'_>) -> Verdict {
    order(session, &[("sortBy", "title")], "acbed").await?;
    order(session, &[("sortBy", "title"), ("sortOrder", "descending")], "debca").await
}

async fn pages(session: &mut Session<'_>) -> Verdict {
    let sorted = [("sortBy", "name.givenName"), ("count", "2")];
    for (start, expected) in [("1", "ed"), ("3", "cb"), ("5", "a")] {
        let [by, count] = sorted;
        order(session, &[by, count, ("startIndex", start)], expected).await?;
    }
    Ok(())
}

async fn search(session: &mut Session<'_>) -> Verdict {
    session.offers("sort")?;
    session.offers("filter")?;
    let people = session.people().await?;
    let body = serde_json::json!({
        "filter": format!("nickName eq \"{}\"", people.mark),
        "sortBy": "name.familyName",
        "sortOrder": "descending",
    });
    let users = session.users()?;
    let reply = session.search(&users, body).await?;
    if matches!(reply.status.as_u16(), 404 | 405 | 501) {
        return Err(super::session::Stop::skip("`.search` is not offered"));
    }
    let found = people.letters(&reply.ids()?);
    ensure(found == "edcba", || format!("the order should be `edcba` and is `{found}`"))
}
