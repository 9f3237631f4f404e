//! Replacing and deleting (RFC 7644 §3.5.1, §3.6).

use serde_json::{Value, json};

use super::errors::NOBODY;
use super::session::{Session, Verdict, ensure, patch_op};
use super::table;

table! { Rfc:
    "replace.values", "PUT replaces values and answers with the resource", "RFC 7644 §3.5.1" => values;
    "replace.read-only", "readOnly values in a PUT are ignored", "RFC 7644 §3.5.1" => read_only;
    "replace.missing-resource", "PUT does not create", "RFC 7644 §3.5.1" => missing_resource;
    "replace.required", "a PUT without a required value is an error 400", "RFC 7644 §3.5.1" => required;
    "replace.duplicate", "a PUT cannot take another user's `userName`", "RFC 7643 §7" => duplicate;
    "replace.last-modified", "`lastModified` does not go back, `created` stays", "RFC 7643 §3.1" => last_modified;
    "replace.refused", "a refused PUT changes nothing", "RFC 7644 §3.5.1" => refused;
    "delete.answer", "DELETE is answered 204 without a body", "RFC 7644 §3.6" => delete;
    "delete.gone", "what was deleted is 404 for every method", "RFC 7644 §3.6" => gone;
    "delete.not-listed", "what was deleted is in no list", "RFC 7644 §3.6" => not_listed;
    "delete.frees-values", "what was deleted does not block its `userName`", "RFC 7644 §3.6" => frees_values;
}

async fn values(session: &mut Session<'_>) -> Verdict {
    session.has_attributes(&["title", "name.givenName"])?;
    let created = session.new_user(json!({"title": "Before"})).await?;
    let path = format!("{}/{}", session.users()?, created.id()?);
    let user_name = created.text_at("/userName")?;
    let body = session.user(json!({
        "userName": user_name,
        "title": "After",
        "name": {"givenName": "Changed", "familyName": "Too"},
        "emails": [{"value": "changed@example.com", "type": "home"}],
    }));
    let replaced = session.put(&path, &body).await?;
    replaced.is(&[200])?;
    let read = session.get(path).await?;
    for reply in [replaced, read] {
        reply.has("/id", created.at("/id"))?;
        reply.has("/title", &json!("After"))?;
        reply.has("/name/givenName", &json!("Changed"))?;
        reply.has("/emails/0/value", &json!("changed@example.com"))?;
        reply.has("/emails/1", &Value::Null)?;
    }
    Ok(())
}

async fn read_only(session: &mut Session<'_>) -> Verdict {
    let created = session.new_user(json!({})).await?;
    let path = format!("{}/{}", session.users()?, created.id()?);
    let body = session.user(json!({
        "userName": created.text_at("/userName")?,
        "id": created.id()?,
        "groups": [{"value": "chosen-by-the-client"}],
        "meta": {"created": "2001-01-01T00:00:00Z"},
    }));
    let replaced = session.put(&path, &body).await?;
    replaced.is(&[200])?;
    replaced.has("/groups", &Value::Null)?;
    replaced.has("/meta/created", created.at("/meta/created"))
}

async fn missing_resource(session: &mut Session<'_>) -> Verdict {
    let path = format!("{}/{NOBODY}", session.users()?);
    let body = session.user(json!({}));
    session.put(&path, &body).await?.is_error(404)
}

async fn required(session: &mut Session<'_>) -> Verdict {
    let path = session.new_user_path(json!({})).await?;
    let body = session.user(json!({"userName": null}));
    session.put(&path, &body).await?.is_bad_request("invalidValue")
}

async fn duplicate(session: &mut Session<'_>) -> Verdict {
    let first = session.new_user(json!({})).await?;
    let path = session.new_user_path(json!({})).await?;
    let body = session.user(json!({"userName": first.text_at("/userName")?}));
    let reply = session.put(&path, &body).await?;
    reply.is_one_of_errors(&[400, 409])
}

async fn last_modified(session: &mut Session<'_>) -> Verdict {
    session.has_attributes(&["displayName"])?;
    let created = session.new_user(json!({})).await?;
    let path = format!("{}/{}", session.users()?, created.id()?);
    let body = session.user(json!({
        "userName": created.text_at("/userName")?,
        "displayName": "Changed",
    }));
    let replaced = session.put(&path, &body).await?;
    replaced.is(&[200])?;
    replaced.has("/meta/created", created.at("/meta/created"))?;
    let (before, after) =
        (created.text_at("/meta/lastModified")?, replaced.text_at("/meta/lastModified")?);
    // Both are written by one service provider, in one form.
    ensure(before.len() != after.len() || before <= after, || {
        format!("`meta.lastModified` went back from {before} to {after}")
    })?;
    if before == after {
        session.warn("`meta.lastModified` did not move with the change");
    }
    Ok(())
}

async fn refused(session: &mut Session<'_>) -> Verdict {
    session.has_attributes(&["displayName"])?;
    let first = session.new_user(json!({})).await?;
    let second = session.new_user(json!({"displayName": "Untouched"})).await?;
    let path = format!("{}/{}", session.users()?, second.id()?);
    let body =
        session.user(json!({"userName": first.text_at("/userName")?, "displayName": "Touched"}));
    session.put(&path, &body).await?.is_one_of_errors(&[400, 409])?;
    let read = session.get(path).await?;
    read.has("/userName", second.at("/userName"))?;
    read.has("/displayName", &json!("Untouched"))
}

async fn delete(session: &mut Session<'_>) -> Verdict {
    let path = session.new_user_path(json!({})).await?;
    let reply = session.delete(&path).await?;
    reply.is(&[204])?;
    ensure(reply.text.is_empty(), || "an answer of status 204 has a body".to_owned())
}

async fn gone(session: &mut Session<'_>) -> Verdict {
    let path = session.new_user_path(json!({})).await?;
    session.delete(&path).await?.is(&[204])?;
    session.get(path.as_str()).await?.is_error(404)?;
    session.delete(&path).await?.is_error(404)?;
    let body = session.user(json!({}));
    session.put(&path, &body).await?.is_error(404)?;
    if session.offers("patch").is_ok() {
        let change = patch_op(&json!([{"op": "replace", "path": "displayName", "value": "x"}]));
        let call = super::session::Call::new(http::Method::PATCH, path).json(&change);
        session.send(call).await?.is_error(404)?;
    }
    Ok(())
}

async fn not_listed(session: &mut Session<'_>) -> Verdict {
    session.offers("filter")?;
    let users = session.users()?;
    let created = session.new_user(json!({})).await?;
    let filter = format!("userName eq \"{}\"", created.text_at("/userName")?);
    let before = session.query(&users, &[("filter", &filter)]).await?.ids()?;
    ensure(before == [created.id()?], || format!("expected one result, found {}", before.len()))?;
    session.delete(&format!("{users}/{}", created.id()?)).await?.is(&[204])?;
    let after = session.query(&users, &[("filter", &filter)]).await?;
    ensure(after.ids()?.is_empty() && after.total()? == 0, || {
        "a deleted user is still found".to_owned()
    })
}

async fn frees_values(session: &mut Session<'_>) -> Verdict {
    let users = session.users()?;
    let created = session.new_user(json!({})).await?;
    session.delete(&format!("{users}/{}", created.id()?)).await?.is(&[204])?;
    let again = session.new_user(json!({"userName": created.text_at("/userName")?})).await?;
    ensure(again.id()? != created.id()?, || "an `id` was given out again".to_owned())
}
