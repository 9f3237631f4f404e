//! Which attributes an answer shows (RFC 7644 §3.9, RFC 7643 §7 `returned`).

use http::Method;
use serde_json::{Value, json};

use super::reply::Reply;
use super::session::{Call, Session, Verdict, ensure, patch_op, with_query};
use super::table;

table! { Rfc:
    "project.attributes", "`attributes` shows what it names, and `id`", "RFC 7644 §3.9" => attributes;
    "project.excluded", "`excludedAttributes` hides what it names, never `id`", "RFC 7644 §3.9" => excluded;
    "project.sub-attributes", "a sub-attribute can be named alone", "RFC 7644 §3.9, §3.10" => sub_attributes;
    "project.urn", "an attribute can be named with its URN, without case", "RFC 7644 §3.10" => urn;
    "project.list", "a list obeys `attributes` and `excludedAttributes`", "RFC 7644 §3.4.2.5" => list;
    "project.search", "`.search` obeys `attributes`", "RFC 7644 §3.4.3" => search;
    "project.writes", "POST, PUT and PATCH obey `attributes`", "RFC 7644 §3.9" => writes;
}

fn shows(reply: &Reply, shown: &[&str], hidden: &[&str]) -> Verdict {
    reply.is(&[200, 201])?;
    shown_in(&reply.body, shown, hidden)
}

fn shown_in(resource: &Value, shown: &[&str], hidden: &[&str]) -> Verdict {
    for pointer in shown {
        ensure(resource.pointer(pointer).is_some(), || {
            format!("`{pointer}` should be shown and is not: {resource}")
        })?;
    }
    for pointer in hidden {
        ensure(resource.pointer(pointer).is_none(), || {
            format!("`{pointer}` should not be shown and is: {resource}")
        })?;
    }
    Ok(())
}

async fn attributes(session: &mut Session<'_>) -> Verdict {
    session.has_attributes(&["displayName", "emails", "name"])?;
    let path = session.new_user_path(json!({})).await?;
    let reply = session.get(with_query(&path, &[("attributes", "displayName,emails")])).await?;
    shows(&reply, &["/id", "/displayName", "/emails/0/value"], &["/userName", "/name"])
}

async fn excluded(session: &mut Session<'_>) -> Verdict {
    session.has_attributes(&["displayName", "emails", "name"])?;
    let path = session.new_user_path(json!({})).await?;
    let query = [("excludedAttributes", "displayName,emails,id")];
    let reply = session.get(with_query(&path, &query)).await?;
    shows(&reply, &["/id", "/userName", "/name"], &["/displayName", "/emails"])
}

async fn sub_attributes(session: &mut Session<'_>) -> Verdict {
    session.has_attributes(&["name.familyName", "emails.type"])?;
    let path = session.new_user_path(json!({})).await?;
    let query = [("attributes", "name.familyName,emails.value")];
    let reply = session.get(with_query(&path, &query)).await?;
    shows(
        &reply,
        &["/id", "/name/familyName", "/emails/0/value"],
        &["/name/givenName", "/emails/0/type", "/userName"],
    )?;
    let query = [("excludedAttributes", "name.familyName")];
    let reply = session.get(with_query(&path, &query)).await?;
    shows(&reply, &["/name/givenName", "/userName"], &["/name/familyName"])
}

async fn urn(session: &mut Session<'_>) -> Verdict {
    session.has_attributes(&["displayName", "name.givenName", "name.familyName"])?;
    let path = session.new_user_path(json!({})).await?;
    let query =
        [("attributes", "URN:ietf:params:scim:schemas:core:2.0:User:DISPLAYNAME,name.GIVENNAME")];
    let reply = session.get(with_query(&path, &query)).await?;
    shows(&reply, &["/displayName", "/name/givenName"], &["/userName", "/name/familyName"])
}

async fn list(session: &mut Session<'_>) -> Verdict {
    session.has_attributes(&["displayName", "emails", "name"])?;
    session.offers("filter")?;
    let users = session.users()?;
    let created = session.new_user(json!({})).await?;
    let filter = format!("userName eq \"{}\"", created.text_at("/userName")?);
    let one = session.query(&users, &[("filter", &filter), ("attributes", "displayName")]).await?;
    ensure(one.list()?.len() == 1, || format!("expected one result, found {}", one.text))?;
    let first = |reply: &Reply| reply.at("/Resources/0").clone();
    shown_in(&first(&one), &["/id", "/displayName"], &["/userName", "/emails"])?;
    let one = session
        .query(&users, &[("filter", &filter), ("excludedAttributes", "displayName")])
        .await?;
    shown_in(&first(&one), &["/id", "/userName"], &["/displayName"])
}

async fn search(session: &mut Session<'_>) -> Verdict {
    session.has_attributes(&["displayName", "emails", "name"])?;
    session.offers("filter")?;
    let users = session.users()?;
    let created = session.new_user(json!({})).await?;
    let filter = format!("userName eq \"{}\"", created.text_at("/userName")?);
    let body = json!({"filter": filter, "attributes": ["displayName"]});
    let reply = session.search(&users, body).await?;
    if matches!(reply.status.as_u16(), 404 | 405 | 501) {
        return Err(super::session::Stop::skip("`.search` is not offered"));
    }
    ensure(reply.list()?.len() == 1, || format!("expected one result, found {}", reply.text))?;
    shown_in(reply.at("/Resources/0"), &["/id", "/displayName"], &["/userName"])
}

async fn writes(session: &mut Session<'_>) -> Verdict {
    session.has_attributes(&["displayName", "emails", "name"])?;
    let users = session.users()?;
    let named = [("attributes", "displayName")];
    let body = session.user(json!({}));
    let created = session.post(&with_query(&users, &named), &body).await?;
    shows(&created, &["/id", "/displayName"], &["/userName", "/emails"])?;
    let path = with_query(&format!("{users}/{}", created.id()?), &named);
    let replaced = session.put(&path, &body).await?;
    shows(&replaced, &["/id", "/displayName"], &["/userName", "/emails"])?;
    if session.offers("patch").is_ok() {
        let change = patch_op(&json!([{"op": "replace", "path": "displayName", "value": "x"}]));
        // Where attributes are named, the answer has the resource (RFC 7644 §3.5.2).
        let changed = session.send(Call::new(Method::PATCH, path).json(&change)).await?;
        shows(&changed, &["/id", "/displayName"], &["/userName", "/emails"])?;
    }
    Ok(())
}
