//! Bulk requests (RFC 7644 §3.7).

use serde_json::{Value, json};

use super::groups::has_members;
use super::reply::Reply;
use super::session::{GROUP, Session, Stop, Verdict, ensure};
use super::table;

table! { Rfc:
    "bulk.create", "each operation has its status, location and bulkId in the answer", "RFC 7644 §3.7, §3.7.3" => create;
    "bulk.reference", "a bulkId stands for the id of what is created", "RFC 7644 §3.7.2" => reference;
    "bulk.forward-reference", "a bulkId may be used before it is defined", "RFC 7644 §3.7.2" => forward_reference;
    "bulk.all-methods", "PUT, PATCH and DELETE are operations too", "RFC 7644 §3.7" => all_methods;
    "bulk.errors", "a failing operation has its error in the answer, the others go on", "RFC 7644 §3.7.3" => errors;
    "bulk.fail-on-errors", "`failOnErrors` stops the job", "RFC 7644 §3.7.3" => fail_on_errors;
    "bulk.unknown-reference", "a bulkId that nothing defines fails its operation", "RFC 7644 §3.7.2" => unknown_reference;
    "bulk.malformed", "a body that is no bulk request is an error 400", "RFC 7644 §3.7.3" => malformed;
    "bulk.too-many", "more operations than the maximum are an error 413", "RFC 7644 §3.7.4" => too_many;
    "bulk.not-offered", "where bulk is not offered it is 501", "RFC 7644 §3.7" => not_offered;
}

const REQUEST: &str = "urn:ietf:params:scim:api:messages:2.0:BulkRequest";
const RESPONSE: &str = "urn:ietf:params:scim:api:messages:2.0:BulkResponse";

/// Sends a job and reads the results of its operations.
async fn job(session: &mut Session<'_>, mut body: Value) -> Result<(Reply, Vec<Value>), Stop> {
    session.offers("bulk")?;
    if let Value::Object(members) = &mut body {
        members.insert("schemas".to_owned(), json!([REQUEST]));
    }
    let reply = session.post("/Bulk", &body).await?;
    reply.is(&[200])?;
    ensure(super::session::names_schema(&reply.body, RESPONSE), || {
        format!("`schemas` does not have `{RESPONSE}`")
    })?;
    let Some(results) = reply.at("/Operations").as_array().cloned() else {
        return Err(Stop::fail("the answer has no `Operations`"));
    };
    for location in results.iter().filter_map(|result| result.get("location")?.as_str()) {
        session.made_at(location);
    }
    Ok((reply, results))
}

/// The status of an operation (RFC 7644 §3.7.3 prints it as a string).
fn status(result: &Value) -> Option<&str> {
    result.get("status")?.as_str()
}

fn succeeded(result: Option<&Value>, expected: &str) -> Result<String, Stop> {
    let result = result.unwrap_or(&Value::Null);
    ensure(status(result) == Some(expected), || {
        format!("`status` should be \"{expected}\": {result}")
    })?;
    match result.get("location").and_then(Value::as_str) {
        Some(location) => Ok(location.to_owned()),
        None => Err(Stop::fail(format_args!("a result has no `location`: {result}"))),
    }
}

fn failed(result: Option<&Value>, expected: &str) -> Verdict {
    let result = result.unwrap_or(&Value::Null);
    ensure(status(result) == Some(expected), || {
        format!("`status` should be \"{expected}\": {result}")
    })?;
    let error = result.pointer("/response/status");
    ensure(error.and_then(Value::as_str) == Some(expected), || {
        format!("`response` should be an error with status \"{expected}\": {result}")
    })
}

fn post(path: &str, bulk_id: &str, data: &Value) -> Value {
    json!({"method": "POST", "path": path, "bulkId": bulk_id, "data": data})
}

fn group(name: &str, members: &[&str]) -> Value {
    let members: Vec<_> = members.iter().map(|id| json!({"value": id})).collect();
    json!({"schemas": [GROUP], "displayName": name, "members": members})
}

async fn create(session: &mut Session<'_>) -> Verdict {
    session.offers("bulk")?;
    let users = session.users()?;
    let user = session.user(json!({}));
    let (_, results) = job(session, json!({"Operations": [post(&users, "one", &user)]})).await?;
    let location = succeeded(results.first(), "201")?;
    let result = results.first().unwrap_or(&Value::Null);
    ensure(result.get("bulkId") == Some(&json!("one")), || {
        format!("`bulkId` should be \"one\": {result}")
    })?;
    ensure(result.get("method") == Some(&json!("POST")), || {
        format!("`method` should be \"POST\": {result}")
    })?;
    let path = session.path_of(&location)?;
    let read = session.get(path).await?;
    read.is(&[200])?;
    read.has("/userName", user.pointer("/userName").unwrap_or(&Value::Null))
}

async fn referenced(session: &mut Session<'_>, forward: bool) -> Verdict {
    session.offers("bulk")?;
    let (users, groups) = (session.users()?, session.groups()?);
    let user = post(&users, "member", &session.user(json!({})));
    let group = post(&groups, "group", &group(&session.name(), &["bulkId:member"]));
    let operations = if forward { [group, user] } else { [user, group] };
    let (_, results) = job(session, json!({"Operations": operations})).await?;
    let location = |bulk_id: &str| {
        let result = results.iter().find(|r| r.get("bulkId") == Some(&json!(bulk_id)));
        succeeded(result, "201")
    };
    let (member, group) = (location("member")?, location("group")?);
    let (member, group) = (session.path_of(&member)?, session.path_of(&group)?);
    let id = session.get(member).await?.id()?.to_owned();
    has_members(&session.get(group).await?, &[&id])
}

async fn reference(session: &mut Session<'_>) -> Verdict {
    referenced(session, false).await
}

async fn forward_reference(session: &mut Session<'_>) -> Verdict {
    referenced(session, true).await
}

async fn all_methods(session: &mut Session<'_>) -> Verdict {
    session.has_attributes(&["displayName"])?;
    session.offers("bulk")?;
    session.offers("patch")?;
    let users = session.users()?;
    let first = session.new_user(json!({})).await?;
    let second = session.new_user(json!({})).await?;
    let third = session.new_user(json!({})).await?;
    let replacement = session.user(json!({"userName": first.text_at("/userName")?}));
    let path = |reply: &Reply| Ok::<_, Stop>(format!("{users}/{}", reply.id()?));
    let change = super::session::patch_op(
        &json!([{"op": "replace", "path": "displayName", "value": "Changed"}]),
    );
    let operations = json!([
        {"method": "PUT", "path": path(&first)?, "data": replacement},
        {"method": "PATCH", "path": path(&second)?, "data": change},
        {"method": "DELETE", "path": path(&third)?},
    ]);
    let (_, results) = job(session, json!({"Operations": operations})).await?;
    let statuses: Vec<_> = results.iter().filter_map(status).collect();
    ensure(matches!(statuses.as_slice(), ["200", "200" | "204", "204"]), || {
        format!("the statuses should be 200, 200 and 204 and are {statuses:?}")
    })?;
    let read = session.get(path(&first)?).await?;
    read.has("/displayName", replacement.pointer("/displayName").unwrap_or(&Value::Null))?;
    session.get(path(&second)?).await?.has("/displayName", &json!("Changed"))?;
    session.get(path(&third)?).await?.is_error(404)
}

async fn errors(session: &mut Session<'_>) -> Verdict {
    session.offers("bulk")?;
    let users = session.users()?;
    let user = session.user(json!({}));
    let other = session.user(json!({}));
    let operations =
        [post(&users, "a", &user), post(&users, "b", &user), post(&users, "c", &other)];
    let (_, results) = job(session, json!({"Operations": operations})).await?;
    ensure(results.len() == 3, || format!("expected 3 results, found {}", results.len()))?;
    succeeded(results.first(), "201")?;
    failed(results.get(1), "409")?;
    succeeded(results.get(2), "201").map(drop)
}

async fn fail_on_errors(session: &mut Session<'_>) -> Verdict {
    session.offers("bulk")?;
    let users = session.users()?;
    let nameless = session.user(json!({"userName": null}));
    let user = session.user(json!({}));
    let operations = [post(&users, "a", &nameless), post(&users, "b", &user)];
    let (_, results) = job(session, json!({"failOnErrors": 1, "Operations": operations})).await?;
    failed(results.first(), "400")?;
    ensure(results.len() == 1, || {
        format!("the job should stop at the first error and has {} results", results.len())
    })
}

async fn unknown_reference(session: &mut Session<'_>) -> Verdict {
    session.offers("bulk")?;
    let groups = session.groups()?;
    let data = group(&session.name(), &["bulkId:nobody"]);
    let (_, results) = job(session, json!({"Operations": [post(&groups, "g", &data)]})).await?;
    let status = results.first().and_then(status).unwrap_or_default();
    ensure(matches!(status, "400" | "409"), || {
        format!("`status` should be \"400\" or \"409\" and is \"{status}\"")
    })
}

async fn malformed(session: &mut Session<'_>) -> Verdict {
    session.offers("bulk")?;
    for body in [json!({"schemas": [REQUEST]}), json!({"schemas": [REQUEST], "Operations": "x"})] {
        session.post("/Bulk", &body).await?.is_error(400)?;
    }
    Ok(())
}

/// Where the endpoint takes more operations than this, its maximum is not tried out.
const MAX_TRIED: u64 = 5000;

async fn too_many(session: &mut Session<'_>) -> Verdict {
    session.offers("bulk")?;
    let max = session.service().pointer("/bulk/maxOperations").and_then(Value::as_u64);
    let Some(max) = max.filter(|max| *max <= MAX_TRIED) else {
        return Err(Stop::skip(format_args!("`maxOperations` is beyond {MAX_TRIED}")));
    };
    let path = format!("{}/{}", session.users()?, super::errors::NOBODY);
    let operation = json!({"method": "DELETE", "path": path});
    let count = usize::try_from(max + 1).unwrap_or_default();
    let body = json!({"schemas": [REQUEST], "Operations": vec![operation; count]});
    session.post("/Bulk", &body).await?.is_error(413)
}

async fn not_offered(session: &mut Session<'_>) -> Verdict {
    if session.offers("bulk").is_ok() {
        return Err(Stop::skip("`bulk` is advertised"));
    }
    let body = json!({"schemas": [REQUEST], "Operations": []});
    let reply = session.post("/Bulk", &body).await?;
    ensure(!reply.status.is_success(), || "a bulk request is obeyed".to_owned())?;
    if reply.status.as_u16() != 501 {
        session.warn(format_args!("expected status 501, found {}", reply.status.as_u16()));
    }
    Ok(())
}
