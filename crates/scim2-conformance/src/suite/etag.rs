//! Versions (RFC 7644 §3.14).

use http::Method;
use http::header::{HeaderName, IF_MATCH, IF_NONE_MATCH};
use serde_json::{Value, json};

use super::reply::Reply;
use super::session::{Call, Session, Stop, Verdict, ensure, patch_op};
use super::table;

table! { Rfc:
    "etag.header", "the version is in `ETag` and in `meta.version`", "RFC 7644 §3.14" => header;
    "etag.changes", "a change gives another version, reading does not", "RFC 7644 §3.14" => changes;
    "etag.if-none-match", "a read of a known version is 304", "RFC 7644 §3.14" => if_none_match;
    "etag.put", "PUT of another version than the named one is 412", "RFC 7644 §3.14" => put;
    "etag.patch", "PATCH of another version than the named one is 412", "RFC 7644 §3.14" => patch;
    "etag.delete", "DELETE of another version than the named one is 412", "RFC 7644 §3.14" => delete;
    "etag.lost-update", "of two changes of one version the second is refused", "RFC 7644 §3.14" => lost_update;
}

const OTHER: &str = "W/\"no-such-version\"";

async fn version(session: &mut Session<'_>) -> Result<(String, Reply, String), Stop> {
    session.offers("etag")?;
    let created = session.new_user(json!({})).await?;
    let path = format!("{}/{}", session.users()?, created.id()?);
    let read = session.get(path.as_str()).await?;
    read.is(&[200])?;
    let Some(version) = read.header("etag").map(str::to_owned) else {
        return Err(Stop::fail("an answer has no `ETag`, though `etag` is advertised"));
    };
    Ok((path, read, version))
}

fn conditional(method: Method, path: &str, name: HeaderName, version: &str) -> Call {
    Call::new(method, path).header(name, version)
}

fn renamed(read: &Reply, name: &str) -> Value {
    let mut body = read.body.clone();
    if let Value::Object(members) = &mut body {
        members.insert("displayName".to_owned(), json!(name));
    }
    body
}

async fn header(session: &mut Session<'_>) -> Verdict {
    let (_, read, version) = version(session).await?;
    read.has("/meta/version", &json!(version))
}

async fn changes(session: &mut Session<'_>) -> Verdict {
    session.has_attributes(&["displayName"])?;
    let (path, read, version) = version(session).await?;
    let again = session.get(path.as_str()).await?;
    ensure(again.header("etag") == Some(&version), || {
        "the version changed though nothing did".to_owned()
    })?;
    let replaced = session.put(&path, &renamed(&read, "Changed")).await?;
    replaced.is(&[200])?;
    let read = session.get(path).await?;
    ensure(read.header("etag").is_some_and(|now| now != version), || {
        format!("the version is still {version} after a change")
    })
}

async fn if_none_match(session: &mut Session<'_>) -> Verdict {
    let (path, _, version) = version(session).await?;
    let call = conditional(Method::GET, &path, IF_NONE_MATCH, &version);
    let reply = session.send(call).await?;
    ensure(reply.status.as_u16() == 304, || {
        format!("expected status 304, found {}", reply.status.as_u16())
    })?;
    ensure(reply.text.is_empty(), || "an answer of status 304 has a body".to_owned())?;
    session.send(conditional(Method::GET, &path, IF_NONE_MATCH, OTHER)).await?.is(&[200]).map(drop)
}

async fn put(session: &mut Session<'_>) -> Verdict {
    session.has_attributes(&["displayName"])?;
    let (path, read, version) = version(session).await?;
    let body = renamed(&read, "Changed");
    let call = conditional(Method::PUT, &path, IF_MATCH, OTHER).json(&body);
    session.send(call).await?.is_error(412)?;
    session.get(path.as_str()).await?.has("/displayName", read.at("/displayName"))?;
    let call = conditional(Method::PUT, &path, IF_MATCH, &version).json(&body);
    session.send(call).await?.is(&[200]).map(drop)
}

async fn patch(session: &mut Session<'_>) -> Verdict {
    session.has_attributes(&["displayName"])?;
    session.offers("patch")?;
    let (path, read, version) = version(session).await?;
    let body = patch_op(&json!([{"op": "replace", "path": "displayName", "value": "Changed"}]));
    let call = conditional(Method::PATCH, &path, IF_MATCH, OTHER).json(&body);
    session.send(call).await?.is_error(412)?;
    session.get(path.as_str()).await?.has("/displayName", read.at("/displayName"))?;
    let call = conditional(Method::PATCH, &path, IF_MATCH, &version).json(&body);
    session.send(call).await?.is(&[200, 204]).map(drop)
}

async fn delete(session: &mut Session<'_>) -> Verdict {
    let (path, _, version) = version(session).await?;
    session.send(conditional(Method::DELETE, &path, IF_MATCH, OTHER)).await?.is_error(412)?;
    session.get(path.as_str()).await?.is(&[200])?;
    session.send(conditional(Method::DELETE, &path, IF_MATCH, &version)).await?.is(&[204]).map(drop)
}

async fn lost_update(session: &mut Session<'_>) -> Verdict {
    session.has_attributes(&["displayName"])?;
    let (path, read, version) = version(session).await?;
    let first = conditional(Method::PUT, &path, IF_MATCH, &version).json(&renamed(&read, "First"));
    session.send(first).await?.is(&[200])?;
    let second =
        conditional(Method::PUT, &path, IF_MATCH, &version).json(&renamed(&read, "Second"));
    session.send(second).await?.is_error(412)?;
    session.get(path).await?.has("/displayName", &json!("First"))
}
