//! Creating and reading resources (RFC 7644 §3.3, §3.4.1).

use http::Method;
use serde_json::{Value, json};

use super::session::{
    Call, ENTERPRISE, Session, Stop, USER, Verdict, ensure, merge, names_schema, with_query,
};
use super::table;

table! { Rfc:
    "create.answer", "a create is answered 201 with the resource and its `Location`", "RFC 7644 §3.3" => answer;
    "create.meta", "a resource has `meta` with its type, times and location", "RFC 7643 §3.1" => meta;
    "create.values", "what is written is read", "RFC 7644 §3.3, §3.4.1" => values;
    "create.unique-ids", "each resource has an `id` of its own, of the provider's making", "RFC 7643 §3.1" => unique_ids;
    "create.read-only", "readOnly values in a create are ignored", "RFC 7644 §3.3" => read_only;
    "create.duplicate", "a second `userName` is an error 409 `uniqueness`", "RFC 7644 §3.3" => duplicate;
    "create.duplicate-case", "a `userName` in other case is the same `userName`", "RFC 7643 §4.1.1" => duplicate_case;
    "create.required", "a user without `userName` is an error 400", "RFC 7643 §4.1.1, RFC 7644 Table 9" => required;
    "create.wrong-type", "a value of the wrong type is an error 400 `invalidValue`", "RFC 7644 Table 9" => wrong_type;
    "create.attribute-case", "names of attributes have no case", "RFC 7643 §2.1" => attribute_case;
    "create.unassigned", "null and an empty array are no values", "RFC 7643 §2.5" => unassigned;
    "create.password", "a password is never returned", "RFC 7643 §4.1.1, §9.2" => password;
    "create.extension", "extension attributes are kept under their URN", "RFC 7643 §3.3" => extension;
    "create.json-media-type", "a body of `application/json` is accepted", "RFC 7644 §3.1" => json_media_type;
    "create.unicode", "text comes back as it was sent", "RFC 7644 §3.1" => unicode;
}

async fn answer(session: &mut Session<'_>) -> Verdict {
    let created = session.new_user(json!({})).await?;
    let Some(location) = created.header("location") else {
        return Err(Stop::fail("the answer to a create must have `Location`"));
    };
    created.has("/meta/location", &Value::from(location))?;
    ensure(names_schema(&created.body, USER), || format!("`schemas` does not have `{USER}`"))?;
    let path = session.path_of(location)?;
    let read = session.get(path).await?;
    read.is(&[200])?;
    read.has("/id", created.at("/id"))
}

async fn meta(session: &mut Session<'_>) -> Verdict {
    let path = session.new_user_path(json!({})).await?;
    let read = session.get(path).await?;
    read.is(&[200])?;
    read.has("/meta/resourceType", &json!("User"))?;
    for name in ["created", "lastModified"] {
        let pointer = format!("/meta/{name}");
        let text = read.text_at(&pointer)?;
        ensure(is_date_time(text), || {
            format!("`{pointer}` should be a dateTime (RFC 7643 §2.3.5) and is `{text}`")
        })?;
    }
    read.text_at("/meta/location").map(drop)
}

/// The form of an xsd:dateTime, without looking at each digit's range.
fn is_date_time(text: &str) -> bool {
    let mut parts = text.split('T');
    let (Some(date), Some(time), None) = (parts.next(), parts.next(), parts.next()) else {
        return false;
    };
    let digits = |part: &str, count: usize| {
        part.len() == count && part.bytes().all(|byte| byte.is_ascii_digit())
    };
    let mut date = date.split('-');
    let lengths = [4, 2, 2];
    let date_holds = lengths.iter().all(|n| date.next().is_some_and(|part| digits(part, *n)));
    let clock = time.get(..8).unwrap_or_default().split(':');
    date_holds && date.next().is_none() && clock.filter(|part| digits(part, 2)).count() == 3
}

async fn values(session: &mut Session<'_>) -> Verdict {
    session.has_attributes(&["name.givenName", "emails.type", "title", "active"])?;
    let sent = session.user(json!({"title": "Tester", "externalId": "conformance"}));
    let users = session.users()?;
    let created = session.post(&users, &sent).await?;
    created.is(&[201])?;
    let read = session.get(format!("{users}/{}", created.id()?)).await?;
    for reply in [&created, &read] {
        for pointer in [
            "/userName",
            "/displayName",
            "/name/givenName",
            "/name/familyName",
            "/title",
            "/externalId",
            "/active",
            "/emails/0/value",
            "/emails/0/type",
        ] {
            reply.has(pointer, sent.pointer(pointer).unwrap_or(&Value::Null))?;
        }
    }
    Ok(())
}

async fn unique_ids(session: &mut Session<'_>) -> Verdict {
    let first = session.new_user(json!({"id": "bulkId", "externalId": "same"})).await?;
    let second = session.new_user(json!({"id": "bulkId", "externalId": "same"})).await?;
    ensure(first.id()? != second.id()?, || "two users have the same `id`".to_owned())?;
    ensure(first.id()? != "bulkId", || "`id` was taken from the client".to_owned())
}

async fn read_only(session: &mut Session<'_>) -> Verdict {
    let created = session
        .new_user(json!({
            "id": "chosen-by-the-client",
            "meta": {"created": "2001-01-01T00:00:00Z", "resourceType": "Toaster"},
            "groups": [{"value": "chosen-by-the-client"}],
        }))
        .await?;
    ensure(created.id()? != "chosen-by-the-client", || "`id` is the client's".to_owned())?;
    created.has("/meta/resourceType", &json!("User"))?;
    created.has("/groups", &Value::Null)?;
    let text = created.text_at("/meta/created")?;
    ensure(!text.starts_with("2001"), || "`meta.created` is the client's".to_owned())
}

async fn duplicate(session: &mut Session<'_>) -> Verdict {
    let users = session.users()?;
    let created = session.new_user(json!({})).await?;
    let other = session.user(json!({"userName": created.text_at("/userName")?}));
    let reply = session.post(&users, &other).await?;
    reply.is_error(409)?;
    reply.has("/scimType", &json!("uniqueness"))
}

async fn duplicate_case(session: &mut Session<'_>) -> Verdict {
    let case_exact = session.attribute(USER, "userName").and_then(|a| a.get("caseExact"));
    if case_exact == Some(&Value::Bool(true)) {
        return Err(Stop::skip("`userName` is advertised as caseExact"));
    }
    let users = session.users()?;
    let created = session.new_user(json!({})).await?;
    let name = created.text_at("/userName")?.to_uppercase();
    let other = session.user(json!({"userName": name}));
    session.post(&users, &other).await?.is_error(409)
}

async fn required(session: &mut Session<'_>) -> Verdict {
    let users = session.users()?;
    for missing in [Value::Null, json!("")] {
        let mut body = session.user(json!({"userName": null}));
        merge(&mut body, json!({"userName": missing}));
        session.post(&users, &body).await?.is_bad_request("invalidValue")?;
    }
    Ok(())
}

async fn wrong_type(session: &mut Session<'_>) -> Verdict {
    session.has_attributes(&["name.givenName"])?;
    let users = session.users()?;
    for wrong in [json!({"displayName": {"a": 1}}), json!({"name": 5}), json!({"userName": [1, 2]})]
    {
        let body = session.user(wrong);
        let reply = session.post(&users, &body).await?;
        reply.is_error(400)?;
        let found = reply.at("/scimType").clone();
        if !matches!(found.as_str(), Some("invalidValue")) {
            session.warn(format_args!("`scimType` should be \"invalidValue\" and is {found}"));
        }
    }
    Ok(())
}

async fn attribute_case(session: &mut Session<'_>) -> Verdict {
    session.has_attributes(&["displayName"])?;
    let users = session.users()?;
    let name = session.name();
    let mut body = session.user(json!({"userName": null, "displayName": null}));
    merge(&mut body, json!({"USERNAME": name, "displayname": "Lower"}));
    let created = session.post(&users, &body).await?;
    created.is(&[201])?;
    created.has("/userName", &json!(name))?;
    created.has("/displayName", &json!("Lower"))
}

async fn unassigned(session: &mut Session<'_>) -> Verdict {
    session.has_attributes(&["title", "phoneNumbers"])?;
    let users = session.users()?;
    let mut body = session.user(json!({"phoneNumbers": []}));
    if let Value::Object(members) = &mut body {
        members.insert("title".to_owned(), Value::Null);
    }
    let created = session.post(&users, &body).await?;
    created.is(&[201])?;
    created.has("/title", &Value::Null)?;
    created.has("/phoneNumbers", &Value::Null)
}

async fn password(session: &mut Session<'_>) -> Verdict {
    session.has_attributes(&["password"])?;
    const PASSWORD: &str = "t0p-s3cret-Conf0rmance";
    let users = session.users()?;
    let created = session.new_user(json!({"password": PASSWORD})).await?;
    let path = format!("{users}/{}", created.id()?);
    let filter = format!("userName eq \"{}\"", created.text_at("/userName")?);
    let read = session.get(path.as_str()).await?;
    let asked = session.get(with_query(&path, &[("attributes", "password,userName")])).await?;
    let listed = session.query(&users, &[("filter", &filter), ("attributes", "password")]).await?;
    for reply in [&created, &read, &asked, &listed] {
        ensure(!reply.text.contains("\"password\"") && !reply.text.contains(PASSWORD), || {
            "an answer has a password in it".to_owned()
        })?;
    }
    Ok(())
}

async fn extension(session: &mut Session<'_>) -> Verdict {
    session.has_enterprise()?;
    let created = session
        .new_user(json!({ENTERPRISE: {"department": "Testing", "employeeNumber": "42"}}))
        .await?;
    let read = session.get(format!("{}/{}", session.users()?, created.id()?)).await?;
    for reply in [created, read] {
        reply.has(&format!("/{ENTERPRISE}/department"), &json!("Testing"))?;
        reply.has(&format!("/{ENTERPRISE}/employeeNumber"), &json!("42"))?;
        ensure(names_schema(&reply.body, ENTERPRISE), || {
            format!("`schemas` does not have `{ENTERPRISE}` (RFC 7643 §3)")
        })?;
    }
    Ok(())
}

async fn json_media_type(session: &mut Session<'_>) -> Verdict {
    let body = session.user(json!({})).to_string();
    let call =
        Call::new(Method::POST, session.users()?).raw("application/json; charset=utf-8", body);
    session.send(call).await?.is(&[201]).map(drop)
}

async fn unicode(session: &mut Session<'_>) -> Verdict {
    session.has_attributes(&["displayName"])?;
    let text = "Łukasz \u{1F600} \"quoted\" \\ ΩΣς 平仮名";
    let path = session.new_user_path(json!({"displayName": text})).await?;
    session.get(path).await?.has("/displayName", &json!(text))
}
