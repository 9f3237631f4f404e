//! Groups and their members (RFC 7643 §4.1.2, §4.2).

use serde_json::{Value, json};

use super::reply::Reply;
use super::session::{Session, Stop, Verdict, ensure, with_query};
use super::table;

table! { Rfc:
    "groups.create", "a group is created with its members", "RFC 7643 §4.2" => create;
    "groups.empty", "a group may be empty", "RFC 7643 §4.2" => empty;
    "groups.add-member", "a PATCH adds a member to those that are there", "RFC 7644 §3.5.2.1" => add_member;
    "groups.add-twice", "a member that is there is not added again", "RFC 7644 §3.5.2.1" => add_twice;
    "groups.remove-member", "a PATCH removes the member that a value filter names", "RFC 7644 §3.5.2.2" => remove_member;
    "groups.remove-other", "removing one who is no member changes nothing", "RFC 7644 §3.5.2.2" => remove_other;
    "groups.remove-all", "a PATCH removes all members", "RFC 7644 §3.5.2.2" => remove_all;
    "groups.replace-members", "a PATCH replaces the members", "RFC 7644 §3.5.2.3" => replace_members;
    "groups.rename", "a rename keeps the members", "RFC 7644 §3.5.2.3" => rename;
    "groups.put", "PUT replaces the members", "RFC 7644 §3.5.1" => put;
    "groups.user-groups", "a user shows the groups that it is in", "RFC 7643 §4.1.2" => user_groups;
    "groups.user-groups-read-only", "membership is changed through the group alone", "RFC 7643 §4.1.2" => user_groups_read_only;
    "groups.ref", "`$ref` of a member is its location", "RFC 7643 §4.2" => reference;
    "groups.excluded-members", "members can be left out of the answer", "RFC 7644 §3.9" => excluded_members;
    "groups.filter", "groups are found by name", "RFC 7644 §3.4.2.2" => filter;
    "groups.display-name", "a group without `displayName` is an error 400", "RFC 7643 §4.2" => display_name;
    "groups.delete", "deleting a group leaves its members", "RFC 7644 §3.6" => delete;
    "groups.deleted-member", "a deleted user is in no group", "RFC 7643 §4.2" => deleted_member;
}

/// The ids of a group's members, sorted.
pub(super) fn members(group: &Reply) -> Vec<&str> {
    let members = group.at("/members").as_array().into_iter().flatten();
    let mut ids: Vec<_> = members.filter_map(|member| member.get("value")?.as_str()).collect();
    ids.sort_unstable();
    ids
}

pub(super) fn has_members(group: &Reply, expected: &[&str]) -> Verdict {
    let mut expected = expected.to_vec();
    expected.sort_unstable();
    let found = members(group);
    ensure(found == expected, || format!("`members` should be {expected:?} and are {found:?}"))
}

/// The ids of three new users.
async fn three(session: &mut Session<'_>) -> Result<[String; 3], Stop> {
    session.groups()?;
    let mut ids = [String::new(), String::new(), String::new()];
    for id in &mut ids {
        session.new_user(json!({})).await?.id()?.clone_into(id);
    }
    Ok(ids)
}

/// Applies operations to a group and reads it.
async fn changed(
    session: &mut Session<'_>,
    group: &Reply,
    operations: Value,
) -> Result<Reply, Stop> {
    let path = format!("{}/{}", session.groups()?, group.id()?);
    session.patch(&path, &operations).await?.is(&[200, 204])?;
    let read = session.get(path).await?;
    read.is(&[200])?;
    read.has("/displayName", group.at("/displayName"))?;
    Ok(read)
}

async fn create(session: &mut Session<'_>) -> Verdict {
    let [a, b, _] = three(session).await?;
    let group = session.new_group(&[&a, &b]).await?;
    group.has("/meta/resourceType", &json!("Group"))?;
    let read = session.get(format!("{}/{}", session.groups()?, group.id()?)).await?;
    has_members(&read, &[&a, &b])
}

async fn empty(session: &mut Session<'_>) -> Verdict {
    let group = session.new_group(&[]).await?;
    has_members(&group, &[])
}

async fn add_member(session: &mut Session<'_>) -> Verdict {
    session.offers("patch")?;
    let [a, b, c] = three(session).await?;
    let group = session.new_group(&[&a]).await?;
    let operations = json!([
        {"op": "add", "path": "members", "value": [{"value": b}]},
        {"op": "add", "value": {"members": [{"value": c}]}},
    ]);
    has_members(&changed(session, &group, operations).await?, &[&a, &b, &c])
}

async fn add_twice(session: &mut Session<'_>) -> Verdict {
    session.offers("patch")?;
    let [a, b, _] = three(session).await?;
    let group = session.new_group(&[&a, &b]).await?;
    let operations = json!([{"op": "add", "path": "members", "value": [{"value": b}]}]);
    let read = changed(session, &group, operations).await?;
    let verdict = has_members(&read, &[&a, &b]);
    session.should(verdict)
}

async fn remove_member(session: &mut Session<'_>) -> Verdict {
    session.offers("patch")?;
    let [a, b, c] = three(session).await?;
    let group = session.new_group(&[&a, &b, &c]).await?;
    let operations = json!([{"op": "remove", "path": format!("members[value eq \"{b}\"]")}]);
    has_members(&changed(session, &group, operations).await?, &[&a, &c])
}

async fn remove_other(session: &mut Session<'_>) -> Verdict {
    session.offers("patch")?;
    let [a, b, c] = three(session).await?;
    let group = session.new_group(&[&a, &b]).await?;
    let operations = json!([{"op": "remove", "path": format!("members[value eq \"{c}\"]")}]);
    has_members(&changed(session, &group, operations).await?, &[&a, &b])
}

async fn remove_all(session: &mut Session<'_>) -> Verdict {
    session.offers("patch")?;
    let [a, b, _] = three(session).await?;
    let group = session.new_group(&[&a, &b]).await?;
    let operations = json!([{"op": "remove", "path": "members"}]);
    has_members(&changed(session, &group, operations).await?, &[])
}

async fn replace_members(session: &mut Session<'_>) -> Verdict {
    session.offers("patch")?;
    let [a, b, c] = three(session).await?;
    let group = session.new_group(&[&a, &b]).await?;
    let value = [json!({"value": b}), json!({"value": c})];
    let operations = json!([{"op": "replace", "path": "members", "value": value}]);
    has_members(&changed(session, &group, operations).await?, &[&b, &c])
}

async fn rename(session: &mut Session<'_>) -> Verdict {
    session.offers("patch")?;
    let [a, b, _] = three(session).await?;
    let group = session.new_group(&[&a, &b]).await?;
    let path = format!("{}/{}", session.groups()?, group.id()?);
    // Whether or not the members are to be shown in the answer.
    for asked in [path.clone(), with_query(&path, &[("excludedAttributes", "members")])] {
        let name = session.name();
        let operations = json!([{"op": "replace", "path": "displayName", "value": name}]);
        session.patch(&asked, &operations).await?.is(&[200, 204])?;
        let read = session.get(path.as_str()).await?;
        read.has("/displayName", &json!(name))?;
        has_members(&read, &[&a, &b])?;
    }
    Ok(())
}

async fn put(session: &mut Session<'_>) -> Verdict {
    let [a, b, c] = three(session).await?;
    let group = session.new_group(&[&a, &b]).await?;
    let path = format!("{}/{}", session.groups()?, group.id()?);
    let body = json!({
        "schemas": [super::session::GROUP],
        "displayName": group.at("/displayName"),
        "members": [{"value": c}],
    });
    session.put(&path, &body).await?.is(&[200])?;
    has_members(&session.get(path).await?, &[&c])
}

async fn user_groups(session: &mut Session<'_>) -> Verdict {
    session.has_attributes(&["groups"])?;
    let [a, b, _] = three(session).await?;
    let group = session.new_group(&[&a]).await?;
    let users = session.users()?;
    let read = session.get(format!("{users}/{a}")).await?;
    read.has("/groups/0/value", group.at("/id"))?;
    session.get(format!("{users}/{b}")).await?.has("/groups", &Value::Null)
}

async fn user_groups_read_only(session: &mut Session<'_>) -> Verdict {
    session.has_attributes(&["groups"])?;
    let group = session.new_group(&[]).await?;
    let id = group.id()?;
    session.new_user(json!({"groups": [{"value": id}]})).await?;
    let read = session.get(format!("{}/{id}", session.groups()?)).await?;
    has_members(&read, &[])
}

async fn reference(session: &mut Session<'_>) -> Verdict {
    let [a, _, _] = three(session).await?;
    let group = session.new_group(&[&a]).await?;
    let read = session.get(format!("{}/{}", session.groups()?, group.id()?)).await?;
    let Some(location) = read.at("/members/0/$ref").as_str() else {
        session.warn("a member has no `$ref`");
        return Ok(());
    };
    if let Ok(path) = session.path_of(location) {
        return session.get(path).await?.has("/id", &json!(a));
    }
    // A relative reference is as good (RFC 7643 §2.3.7).
    ensure(location.ends_with(&a), || format!("`$ref` of the member {a} is `{location}`"))
}

async fn excluded_members(session: &mut Session<'_>) -> Verdict {
    let [a, _, _] = three(session).await?;
    let group = session.new_group(&[&a]).await?;
    let groups = session.groups()?;
    let query = [("excludedAttributes", "members")];
    let read = session.get(with_query(&format!("{groups}/{}", group.id()?), &query)).await?;
    read.is(&[200])?;
    read.has("/displayName", group.at("/displayName"))?;
    ensure(read.body.get("members").is_none(), || "`members` should not be shown".to_owned())
}

async fn filter(session: &mut Session<'_>) -> Verdict {
    session.offers("filter")?;
    let group = session.new_group(&[]).await?;
    let filter = format!("displayName eq \"{}\"", group.text_at("/displayName")?);
    let groups = session.groups()?;
    let found = session.query(&groups, &[("filter", &filter)]).await?.ids()?;
    ensure(found == [group.id()?], || format!("`{filter}` should find one group: {found:?}"))
}

async fn display_name(session: &mut Session<'_>) -> Verdict {
    let groups = session.groups()?;
    let body = json!({"schemas": [super::session::GROUP]});
    session.post(&groups, &body).await?.is_bad_request("invalidValue")
}

async fn delete(session: &mut Session<'_>) -> Verdict {
    let [a, _, _] = three(session).await?;
    let group = session.new_group(&[&a]).await?;
    let path = format!("{}/{}", session.groups()?, group.id()?);
    session.delete(&path).await?.is(&[204])?;
    session.get(path).await?.is_error(404)?;
    let read = session.get(format!("{}/{a}", session.users()?)).await?;
    read.is(&[200])?;
    read.has("/groups", &Value::Null)
}

async fn deleted_member(session: &mut Session<'_>) -> Verdict {
    let [a, b, _] = three(session).await?;
    let group = session.new_group(&[&a, &b]).await?;
    let path = format!("{}/{a}", session.users()?);
    session.delete(&path).await?.is(&[204])?;
    let read = session.get(format!("{}/{}", session.groups()?, group.id()?)).await?;
    // The RFCs do not say so, but a member that is not there is of no use to anybody.
    let verdict = has_members(&read, &[&b]);
    session.should(verdict)
}
