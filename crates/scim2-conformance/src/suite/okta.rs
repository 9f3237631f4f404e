//! Okta's SPEC test, and the requests of its provisioning
//! (<https://developer.okta.com/docs/guides/scim-provisioning-integration-test/main/>).

use http::Method;
use http::header::USER_AGENT;
use serde_json::{Value, json};

use super::errors::NOBODY;
use super::groups::has_members;
use super::reply::Reply;
use super::session::{Call, GROUP, Session, Stop, Verdict, ensure, merge, with_query};
use super::table;

table! { Okta:
    "okta.users", "the list of users has one with all that Okta reads", "Okta SPEC test: Test Users endpoint" => users;
    "okta.user", "a user is read by id", "Okta SPEC test: Get Users/{{id}}" => user;
    "okta.no-such-name", "a filter on an unknown `userName` gives an empty list", "Okta SPEC test: Test invalid User by username" => no_such_name;
    "okta.no-such-id", "an unknown id is 404 with `detail`", "Okta SPEC test: Test invalid User by ID" => no_such_id;
    "okta.create", "a user is created as Okta creates it, and read back", "Okta SPEC test: Create Okta user with realistic values" => create;
    "okta.duplicate", "the same user again is 409", "Okta SPEC test: Create a duplicate user" => duplicate;
    "okta.case", "`userName` is found in other case", "Okta SPEC test: Username Case Sensitivity Check" => case;
    "okta.groups", "the groups endpoint answers", "Okta SPEC test: Verify Groups endpoint" => groups;
    "okta.401", "a wrong token is 401 with `status` and `detail`", "Okta SPEC test: Check status 401" => unauthorized;
    "okta.404", "an unknown resource is 404 with `status` and `detail`", "Okta SPEC test: Check status 404" => not_found;
    "okta.lookup", "Okta's look-up before a create is answered with a list", "Okta SCIM guide: Retrieve users" => lookup;
    "okta.put", "Okta's update by GET, merge and PUT", "Okta SCIM guide: Update a user" => put;
    "okta.deactivate", "Okta deactivates by a replace without path", "Okta SCIM guide: Deactivate a user" => deactivate;
    "okta.group-push", "a group is pushed empty, filled, renamed with its id in the value, and deleted", "Okta SCIM guide: Group push" => group_push;
    "okta.empty-group", "a group is emptied by a replace with an empty array", "Okta SCIM guide: Group push" => empty_group;
    "okta.import", "an import walks all pages by `startIndex`", "Okta SCIM guide: Import" => import;
}

/// The body of a new user, as Okta sends it.
fn realistic(session: &mut Session<'_>) -> Value {
    let mut user = session.user(json!({"locale": "en-US"}));
    merge(&mut user, json!({"groups": [], "password": "1mz050nq"}));
    user
}

async fn create_realistic(session: &mut Session<'_>) -> Result<Reply, Stop> {
    let users = session.users()?;
    let body = realistic(session);
    let call = Call::new(Method::POST, users).json(&body);
    let created = session.send(call.header(USER_AGENT, "Okta SCIM Client 1.0.0")).await?;
    created.is(&[201])?;
    Ok(created)
}

fn assigned(resource: &Value, pointers: &[&str]) -> Verdict {
    pointers.iter().try_for_each(|pointer| {
        let found = resource.pointer(pointer).unwrap_or(&Value::Null);
        ensure(!found.is_null() && found != "", || format!("`{pointer}` should not be empty"))
    })
}

async fn users(session: &mut Session<'_>) -> Verdict {
    create_realistic(session).await?;
    let users = session.users()?;
    // Their own user is not the first of a list that has others.
    let page = session.query(&users, &[("count", "1"), ("startIndex", "1")]).await?;
    ensure(page.list()?.len() == 1, || "the page should have one user".to_owned())?;
    for name in ["/itemsPerPage", "/startIndex", "/totalResults"] {
        ensure(page.at(name).is_u64(), || format!("`{name}` should be a number"))?;
    }
    assigned(page.at("/Resources/0"), &["/id", "/userName"])?;
    let rest = ["/name/familyName", "/name/givenName", "/active", "/emails/0/value"];
    let verdict = assigned(page.at("/Resources/0"), &rest);
    session.should(verdict)
}

async fn user(session: &mut Session<'_>) -> Verdict {
    let created = create_realistic(session).await?;
    let read = session.get(format!("{}/{}", session.users()?, created.id()?)).await?;
    read.is(&[200])?;
    assigned(
        &read.body,
        &["/id", "/name/familyName", "/name/givenName", "/userName", "/active", "/emails/0/value"],
    )?;
    read.has("/id", created.at("/id"))
}

async fn no_such_name(session: &mut Session<'_>) -> Verdict {
    let users = session.users()?;
    let filter = format!("userName eq \"{}@nowhere.example\"", session.name());
    let reply = session.query(&users, &[("filter", &filter)]).await?;
    reply.list()?;
    reply.has("/totalResults", &json!(0))
}

async fn no_such_id(session: &mut Session<'_>) -> Verdict {
    let reply = session.get(format!("{}/{NOBODY}", session.users()?)).await?;
    reply.is_error(404)?;
    assigned(&reply.body, &["/detail"])
}

async fn create(session: &mut Session<'_>) -> Verdict {
    let users = session.users()?;
    let body = realistic(session);
    let created = session.post(&users, &body).await?;
    created.is(&[201])?;
    let read = session.get(format!("{users}/{}", created.id()?)).await?;
    read.is(&[200])?;
    for reply in [&created, &read] {
        for pointer in ["/userName", "/name/familyName", "/name/givenName", "/active"] {
            reply.has(pointer, body.pointer(pointer).unwrap_or(&Value::Null))?;
        }
        ensure(!reply.text.contains("1mz050nq"), || "the password is returned".to_owned())?;
    }
    Ok(())
}

async fn duplicate(session: &mut Session<'_>) -> Verdict {
    let users = session.users()?;
    let body = realistic(session);
    session.post(&users, &body).await?.is(&[201])?;
    session.post(&users, &body).await?.is_error(409)
}

async fn case(session: &mut Session<'_>) -> Verdict {
    let created = create_realistic(session).await?;
    let users = session.users()?;
    let filter = format!("userName eq \"{}\"", created.text_at("/userName")?.to_uppercase());
    let found = session.query(&users, &[("filter", &filter)]).await?.ids()?;
    ensure(found == [created.id()?], || format!("`{filter}` should find one user: {found:?}"))
}

async fn groups(session: &mut Session<'_>) -> Verdict {
    let groups = session.groups()?;
    session.get(groups).await?.list().map(drop)
}

async fn unauthorized(session: &mut Session<'_>) -> Verdict {
    session.has_credentials()?;
    let path = with_query(&session.users()?, &[("filter", "userName eq \"anyone\"")]);
    let reply = session.send(Call::new(Method::GET, path).with_wrong_credentials()).await?;
    reply.is_error(401)?;
    assigned(&reply.body, &["/detail"])
}

async fn not_found(session: &mut Session<'_>) -> Verdict {
    let reply = session.get(format!("{}/00919288221112222", session.users()?)).await?;
    reply.is_error(404)?;
    assigned(&reply.body, &["/detail"])
}

async fn lookup(session: &mut Session<'_>) -> Verdict {
    let created = create_realistic(session).await?;
    let users = session.users()?;
    let filter = format!("userName eq \"{}\"", created.text_at("/userName")?);
    let query = [("filter", filter.as_str()), ("startIndex", "1"), ("count", "100")];
    let found = session.query(&users, &query).await?;
    ensure(found.ids()? == [created.id()?], || format!("`{filter}` should find one user"))?;
    found.has("/startIndex", &json!(1))?;
    found.has("/itemsPerPage", &json!(1))
}

async fn put(session: &mut Session<'_>) -> Verdict {
    let created = create_realistic(session).await?;
    let path = format!("{}/{}", session.users()?, created.id()?);
    let mut body = session.get(path.as_str()).await?.body;
    merge(&mut body, json!({"name": {"givenName": "Another", "familyName": "Name"}}));
    let replaced = session.put(&path, &body).await?;
    replaced.is(&[200])?;
    let read = session.get(path).await?;
    read.has("/name/givenName", &json!("Another"))?;
    read.has("/active", &json!(true))
}

async fn deactivate(session: &mut Session<'_>) -> Verdict {
    session.offers("patch")?;
    let created = create_realistic(session).await?;
    let path = format!("{}/{}", session.users()?, created.id()?);
    for active in [false, true] {
        let operations = json!([{"op": "replace", "value": {"active": active}}]);
        session.patch(&path, &operations).await?.is(&[200, 204])?;
        session.get(path.as_str()).await?.has("/active", &json!(active))?;
    }
    Ok(())
}

async fn group_push(session: &mut Session<'_>) -> Verdict {
    session.offers("patch")?;
    let groups = session.groups()?;
    let (a, b) = (create_realistic(session).await?, create_realistic(session).await?);
    let name = session.name();
    let body = json!({"schemas": [GROUP], "displayName": name, "members": []});
    let created = session.post(&groups, &body).await?;
    created.is(&[201])?;
    let path = format!("{groups}/{}", created.id()?);
    let fill = json!([{"op": "add", "path": "members", "value": [
        {"value": a.id()?, "display": a.text_at("/userName")?},
    ]}]);
    session.patch(&path, &fill).await?.is(&[200, 204])?;
    let renamed = session.name();
    let rename = json!([{"op": "replace", "value": {"id": created.id()?, "displayName": renamed}}]);
    session.patch(&path, &rename).await?.is(&[200, 204])?;
    let exchange = json!([
        {"op": "remove", "path": format!("members[value eq \"{}\"]", a.id()?)},
        {"op": "add", "path": "members", "value": [
            {"value": b.id()?, "display": b.text_at("/userName")?},
        ]},
    ]);
    session.patch(&path, &exchange).await?.is(&[200, 204])?;
    let read = session.get(path.as_str()).await?;
    read.has("/displayName", &json!(renamed))?;
    has_members(&read, &[b.id()?])?;
    session.delete(&path).await?.is(&[204]).map(drop)
}

async fn empty_group(session: &mut Session<'_>) -> Verdict {
    session.offers("patch")?;
    let groups = session.groups()?;
    let user = create_realistic(session).await?;
    let group = session.new_group(&[user.id()?]).await?;
    let path = format!("{groups}/{}", group.id()?);
    let operations = json!([{"op": "replace", "path": "members", "value": []}]);
    session.patch(&path, &operations).await?.is(&[200, 204])?;
    has_members(&session.get(path).await?, &[])
}

async fn import(session: &mut Session<'_>) -> Verdict {
    let people = session.people().await?;
    let users = session.users()?;
    let filter = format!("nickName eq \"{}\"", people.mark);
    let mut seen = Vec::new();
    let mut start = 1;
    loop {
        let from = start.to_string();
        let query = [("filter", filter.as_str()), ("startIndex", &from), ("count", "2")];
        let page = session.query(&users, &query).await?;
        let ids = page.ids()?;
        if ids.is_empty() || start > 5 {
            break;
        }
        start += ids.len();
        seen.extend(ids);
    }
    let found = people.letters(&seen);
    let mut sorted: Vec<char> = found.chars().collect();
    sorted.sort_unstable();
    ensure(sorted == ['a', 'b', 'c', 'd', 'e'], || {
        format!("the pages together should have `abcde` once and have `{found}`")
    })
}
