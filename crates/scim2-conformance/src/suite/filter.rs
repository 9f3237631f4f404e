//! Filters (RFC 7644 §3.4.2.2).

use serde_json::json;

use super::session::{ENTERPRISE, Session, Stop, Verdict, ensure};
use super::table;

table! { Rfc:
    "filter.eq", "`eq` finds equal values", "RFC 7644 Table 3" => |s| finds(s, r#"title eq "Baker""#, "a");
    "filter.eq-case", "values that are not caseExact are compared without case", "RFC 7643 §2.2" => |s| finds(s, r#"title eq "bAKER""#, "a");
    "filter.eq-case-exact", "caseExact values are compared with case", "RFC 7643 §3.1" => case_exact;
    "filter.ne", "`ne` finds other values", "RFC 7644 Table 3" => |s| finds(s, r#"name.familyName ne "Able""#, "bcde");
    "filter.co", "`co` finds values with this text in them", "RFC 7644 Table 3" => |s| finds(s, r#"name.familyName co "LE""#, "ac");
    "filter.sw", "`sw` finds values that begin so", "RFC 7644 Table 3" => |s| finds(s, r#"name.familyName sw "ba""#, "b");
    "filter.ew", "`ew` finds values that end so", "RFC 7644 Table 3" => |s| finds(s, r#"name.familyName ew "hl""#, "d");
    "filter.pr", "`pr` finds assigned values", "RFC 7644 Table 3" => |s| finds(s, "title pr", "abce");
    "filter.not-pr", "`not` with `pr` finds unassigned values", "RFC 7644 Tables 3 and 4" => |s| finds(s, "not (title pr)", "d");
    "filter.gt", "`gt` compares text in order", "RFC 7644 Table 3" => |s| finds(s, r#"name.familyName gt "cole""#, "de");
    "filter.ge", "`ge` compares text in order", "RFC 7644 Table 3" => |s| finds(s, r#"name.familyName ge "cole""#, "cde");
    "filter.lt", "`lt` compares text in order", "RFC 7644 Table 3" => |s| finds(s, r#"name.familyName lt "cole""#, "ab");
    "filter.le", "`le` compares text in order", "RFC 7644 Table 3" => |s| finds(s, r#"name.familyName le "cole""#, "abc");
    "filter.date-after", "dateTimes are compared by time", "RFC 7644 Table 3" => |s| finds(s, r#"meta.created gt "2001-01-01T00:00:00Z""#, "abcde");
    "filter.date-before", "dateTimes are compared by time, whatever their offset", "RFC 7644 Table 3" => |s| finds(s, r#"meta.lastModified lt "2001-01-01T00:00:00.000+01:00""#, "");
    "filter.boolean", "booleans are compared", "RFC 7644 §3.4.2.2" => |s| finds(s, "active eq true", "acde");
    "filter.boolean-false", "false is a value", "RFC 7644 §3.4.2.2" => |s| finds(s, "active eq false", "b");
    "filter.and", "`and` demands both", "RFC 7644 Table 4" => |s| finds(s, r#"title pr and active eq false"#, "b");
    "filter.or", "`or` demands one", "RFC 7644 Table 4" => |s| finds(s, r#"title eq "Baker" or active eq false"#, "ab");
    "filter.not", "`not` demands the opposite", "RFC 7644 Table 4" => |s| finds(s, r#"not (name.familyName eq "Able")"#, "bcde");
    "filter.precedence", "`and` binds tighter than `or`", "RFC 7644 §3.4.2.2" => |s| finds(s, r#"title eq "Cook" or title eq "Zoologist" and active eq true"#, "be");
    "filter.grouping", "parentheses come first", "RFC 7644 Table 5" => |s| finds(s, r#"(title eq "Cook" or title eq "Zoologist") and active eq true"#, "e");
    "filter.case-of-names", "names and operators have no case", "RFC 7644 §3.4.2.2" => |s| finds(s, r#"TITLE Eq "Baker""#, "a");
    "filter.urn", "an attribute can be named with its URN", "RFC 7644 §3.10" => |s| finds(s, r#"urn:ietf:params:scim:schemas:core:2.0:User:title eq "Baker""#, "a");
    "filter.multi-valued", "any value of a multi-valued attribute matches", "RFC 7644 §3.4.2.2" => |s| finds(s, r#"emails.value co "two.example""#, "ab");
    "filter.implied-value", "a multi-valued attribute stands for its `value`", "RFC 7644 Figure 2" => |s| finds(s, r#"emails co "two.example""#, "ab");
    "filter.value-path", "brackets demand one value that matches all of it", "RFC 7644 §3.4.2.2" => |s| finds(s, r#"emails[type eq "work" and value co "two.example"]"#, "b");
    "filter.value-path-not", "brackets join with other filters", "RFC 7644 §3.4.2.2" => |s| finds(s, r#"emails[type eq "home"] and not (emails.value co "two.example")"#, "c");
    "filter.escapes", "text is a JSON string", "RFC 7644 Figure 1" => |s| finds(s, r#"title eq "Chief \"Cook\" \\ Baker""#, "c");
    "filter.extension", "attributes of extensions are named with their URN", "RFC 7644 §3.10" => extension;
    "filter.id", "`id` can be looked for", "RFC 7644 §3.4.2.2" => id;
    "filter.nothing", "a filter that matches nothing gives an empty list", "RFC 7644 §3.4.2" => |s| finds(s, r#"title eq "Nobody""#, "");
    "filter.search", "`.search` finds the same", "RFC 7644 §3.4.3" => search;
    "filter.all-types", "a query of the root finds resources of every type", "RFC 7644 §3.4.2.1, §3.4.3" => all_types;
    "filter.malformed", "a filter that is none is an error 400 `invalidFilter`", "RFC 7644 §3.4.2.2, Table 9" => malformed;
    "filter.boolean-order", "booleans have no order: error 400 `invalidFilter`", "RFC 7644 Table 3" => boolean_order;
    "filter.unknown-attribute", "an unknown attribute never finds everybody", "RFC 7644 §3.4.2.2" => unknown_attribute;
}

/// The people that a filter finds are these.
async fn finds(session: &mut Session<'_>, filter: &str, expected: &str) -> Verdict {
    session.offers("filter")?;
    let people = session.people().await?;
    let whole = format!("nickName eq \"{}\" and ({filter})", people.mark);
    let users = session.users()?;
    let reply = session.query(&users, &[("filter", &whole)]).await?;
    let mut found: Vec<char> = people.letters(&reply.ids()?).chars().collect();
    found.sort_unstable();
    let found: String = found.into_iter().collect();
    ensure(found == expected, || {
        format!("`{filter}` should find `{expected}` and finds `{found}`")
    })?;
    let total = reply.at("/totalResults");
    ensure(*total == expected.len(), || {
        format!("`totalResults` should be {} and is {total}", expected.len())
    })
}

async fn case_exact(session: &mut Session<'_>) -> Verdict {
    let mark = session.people().await?.mark;
    finds(session, &format!("externalId eq \"{mark}-Ext\""), "a").await?;
    finds(session, &format!("externalId eq \"{mark}-eXT\""), "").await
}

async fn extension(session: &mut Session<'_>) -> Verdict {
    session.has_enterprise()?;
    finds(session, &format!("{ENTERPRISE}:department eq \"quarks\""), "a").await?;
    finds(session, &format!("{ENTERPRISE}:department pr"), "ac").await
}

async fn id(session: &mut Session<'_>) -> Verdict {
    let people = session.people().await?;
    finds(session, &format!("id eq \"{}\"", people.id('c')), "c").await
}

async fn search(session: &mut Session<'_>) -> Verdict {
    session.offers("filter")?;
    let people = session.people().await?;
    let users = session.users()?;
    let filter = format!("nickName eq \"{}\" and title sw \"c\"", people.mark);
    let reply = session.search(&users, json!({"filter": filter})).await?;
    if matches!(reply.status.as_u16(), 404 | 405 | 501) {
        return Err(Stop::skip("`.search` is not offered"));
    }
    let found = people.letters(&reply.ids()?);
    ensure(found == "bc" || found == "cb", || {
        format!("`{filter}` should find `bc` and finds `{found}`")
    })
}

async fn all_types(session: &mut Session<'_>) -> Verdict {
    session.offers("filter")?;
    let user = session.new_user(json!({})).await?;
    let group = session.new_group(&[]).await?;
    let filter = format!("id eq \"{}\" or id eq \"{}\"", user.id()?, group.id()?);
    let reply = session.search("", json!({"filter": filter})).await?;
    if matches!(reply.status.as_u16(), 403 | 404 | 405 | 501) {
        return Err(Stop::skip("queries over all resource types are not offered"));
    }
    let mut types: Vec<_> = reply
        .list()?
        .iter()
        .filter_map(|resource| resource.pointer("/meta/resourceType")?.as_str())
        .collect();
    types.sort_unstable();
    ensure(types == ["Group", "User"], || {
        format!("`{filter}` should find a group and a user and finds {types:?}")
    })?;
    reply.has("/totalResults", &json!(2))
}

async fn malformed(session: &mut Session<'_>) -> Verdict {
    session.offers("filter")?;
    let users = session.users()?;
    for filter in [
        "title",
        "title eq",
        "title zz \"x\"",
        "(title pr",
        "title pr and",
        "title pr title pr",
        "emails[type eq \"work\"",
        "title eq \"x",
    ] {
        session.query(&users, &[("filter", filter)]).await?.is_bad_request("invalidFilter")?;
    }
    Ok(())
}

async fn boolean_order(session: &mut Session<'_>) -> Verdict {
    session.offers("filter")?;
    session.has_attributes(&["active"])?;
    let users = session.users()?;
    for operator in ["gt", "ge", "lt", "le"] {
        let filter = format!("active {operator} true");
        session.query(&users, &[("filter", &filter)]).await?.is_bad_request("invalidFilter")?;
    }
    Ok(())
}

async fn unknown_attribute(session: &mut Session<'_>) -> Verdict {
    session.offers("filter")?;
    let users = session.users()?;
    session.people().await?;
    let reply = session.query(&users, &[("filter", "noSuchAttribute eq \"x\"")]).await?;
    if reply.status.is_success() {
        let found = reply.list()?.len();
        return ensure(found == 0 && *reply.at("/totalResults") == 0, || {
            format!("a filter on an unknown attribute finds {}", reply.at("/totalResults"))
        });
    }
    reply.is_bad_request("invalidFilter")
}
