//! The protocol part of Microsoft's SCIM validator and of its gallery's workflow, and both
//! dialects of Entra ID's requests
//! (<https://learn.microsoft.com/en-us/entra/identity/app-provisioning/use-scim-to-provision-users-and-groups>,
//! <https://learn.microsoft.com/en-us/entra/identity/app-provisioning/application-provisioning-config-problem-scim-compatibility>).

use serde_json::{Value, json};

use super::errors::NOBODY;
use super::groups::has_members;
use super::reply::Reply;
use super::session::{ENTERPRISE, GROUP, Session, Stop, Verdict, ensure, with_query};
use super::table;

table! { Entra:
    "entra.test-connection", "a filter on a random value is answered with an empty list", "Microsoft Learn: Test connection" => test_connection;
    "entra.create", "a user with all attributes is created, the same again is 409", "SCIM validator: Create a new User, Create a duplicate User" => create;
    "entra.create-minimal", "a user with a `userName` alone is created", "SCIM validator: Create a new User" => create_minimal;
    "entra.create-extra-schema", "a group whose `schemas` names Microsoft's own is created", "Microsoft Learn: Create Group" => create_extra_schema;
    "entra.filter-existing", "`userName` is found, also in other case", "SCIM validator: Filter for an existing user" => filter_existing;
    "entra.update", "one operation for each attribute, with paths", "SCIM validator: Patch User - Replace Attributes in Verbose Request" => update;
    "entra.rename", "`userName` is replaced without path", "SCIM validator: Update User userName" => rename;
    "entra.disable", "`active` is set to false", "SCIM validator: Disable User" => disable;
    "entra.disable-legacy", "`active` is set to \"False\", the operation in capitals", "Microsoft Learn: compatibility, before the flag" => disable_legacy;
    "entra.create-element", "a path with a filter that matches nothing creates the value", "Microsoft Learn: compatibility" => create_element;
    "entra.roles", "`roles[primary eq \"True\"]` takes several operations", "SCIM validator: Patch User - Add Attributes in Verbose Request" => roles;
    "entra.pathless-keys", "keys with dots and URNs in a value without path", "Microsoft Learn: aadOptscim062020" => pathless_keys;
    "entra.manager-add", "the manager is set by id as text", "SCIM validator: Patch User - Add Manager" => manager_add;
    "entra.manager-replace", "the manager is replaced", "SCIM validator: Patch User - Replace Manager" => manager_replace;
    "entra.manager-remove", "the manager is removed, by remove and by an empty value", "SCIM validator: Patch User - Remove Manager" => manager_remove;
    "entra.clear", "empty strings and nulls clear attributes", "Gallery workflow: SCIM_Null_Update" => clear;
    "entra.same-attribute", "several operations on the same attribute", "SCIM validator, preview: Multiple Operations on same attribute" => same_attribute;
    "entra.delete", "a deleted user is 404, deleted twice too", "SCIM validator: Delete a User; preview: Delete the same user twice" => delete;
    "entra.delete-missing", "deleting what never was is 404", "SCIM validator, preview: Delete a non-existent User" => delete_missing;
    "entra.group-duplicate", "a group with the name of another is 409", "SCIM validator: Create a duplicate Group" => group_duplicate;
    "entra.group-without-members", "a group is read without its members", "SCIM validator: Get group by id excluding members" => group_without_members;
    "entra.group-filter", "a group is found by name, without members", "SCIM validator: Filter for an existing group" => group_filter;
    "entra.group-external-id", "`externalId` of a group is replaced without path, members stay", "SCIM validator: Patch Group - Replace Attributes" => group_external_id;
    "entra.group-rename", "a group is renamed", "SCIM validator: Update Group displayName" => group_rename;
    "entra.group-add-member", "members are added, by add and by replace", "SCIM validator: Group - Add Member" => group_add_member;
    "entra.group-remove-member", "members are removed, by value and by filter", "SCIM validator: Group - Remove Member" => group_remove_member;
    "entra.group-multi", "a member is added and removed in one request", "SCIM validator, preview: Multiple Operations on Group" => group_multi;
    "entra.group-delete", "a group is deleted", "SCIM validator: Delete a Group" => group_delete;
    "entra.reference-check", "a manager is checked by `id` and `manager`", "Microsoft Learn: Update a reference" => reference_check;
    "entra.page-two", "page two of the users says its `startIndex`", "Gallery workflow: User_Pagination" => page_two;
}

/// A user with all that the validator writes, none of it meaningful.
fn full(session: &mut Session<'_>) -> Value {
    session.user(json!({
        "title": "CJSGUNOAAMMQ",
        "preferredLanguage": "hi",
        "userType": "XYEVHSVBZXKF",
        "nickName": "RVDRUVBDTXRE",
        "profileUrl": "KLTVPRFDMQYH",
        "locale": "IMRUHUMWYOTK",
        "timezone": "America/Santiago",
        "name": {
            "givenName": "Elfrieda", "familyName": "Urban", "formatted": "Myah",
            "middleName": "Cindy", "honorificPrefix": "Minerva", "honorificSuffix": "Micaela",
        },
        "addresses": [{
            "type": "work", "formatted": "ZQEHBLETAAQE", "streetAddress": "25928 Katlyn Row",
            "locality": "YRAKBQCGOHZF", "region": "XCCVLAIDMQYR", "postalCode": "cx47 4mz",
            "primary": true, "country": "Sierra Leone",
        }],
        "phoneNumbers": [
            {"type": "work", "value": "87-305-7500", "primary": true},
            {"type": "mobile", "value": "87-305-7501"},
            {"type": "fax", "value": "87-305-7502"},
        ],
        "externalId": "c8b92e05-9a3c-4b3c-8b6e-f2d0e6f0a001",
        ENTERPRISE: {"employeeNumber": "OOUBHIQGOVOH", "department": "YXAFVOIWZXSP",
            "costCenter": "AYDPVCTCSYRN", "organization": "PJQBMYCOFUVU", "division": "JCUHMASKQUFK"},
    }))
}

async fn test_connection(session: &mut Session<'_>) -> Verdict {
    let users = session.users()?;
    let reply = session.query(&users, &[("filter", &format!("userName eq \"{NOBODY}\""))]).await?;
    ensure(reply.list()?.is_empty(), || "the list should be empty".to_owned())?;
    reply.has("/totalResults", &json!(0))
}

async fn create(session: &mut Session<'_>) -> Verdict {
    let users = session.users()?;
    let body = full(session);
    let created = session.post(&users, &body).await?;
    created.is(&[201])?;
    let read = session.get(format!("{users}/{}", created.id()?)).await?;
    read.is(&[200])?;
    for pointer in [
        "/userName",
        "/title",
        "/locale",
        "/profileUrl",
        "/name/honorificSuffix",
        "/addresses/0/country",
        "/phoneNumbers/2/value",
        "/externalId",
    ] {
        // Values are stored as sent and returned unchanged.
        read.has(pointer, body.pointer(pointer).unwrap_or(&Value::Null))?;
    }
    read.has(&format!("/{ENTERPRISE}/division"), &json!("JCUHMASKQUFK"))?;
    session.post(&users, &body).await?.is_error(409)
}

async fn create_minimal(session: &mut Session<'_>) -> Verdict {
    let users = session.users()?;
    let body = session.user(json!({
        "name": null, "displayName": null, "emails": null, "active": null,
    }));
    session.post(&users, &body).await?.is(&[201]).map(drop)
}

async fn create_extra_schema(session: &mut Session<'_>) -> Verdict {
    let groups = session.groups()?;
    let body = json!({
        "schemas": [
            GROUP,
            "http://schemas.microsoft.com/2006/11/ResourceManagement/ADSCIM/2.0/Group",
        ],
        "externalId": "8aa1a0c0-c4c3-4bc0-b4a5-2ef676900159",
        "displayName": session.name(),
        "meta": {"resourceType": "Group"},
        "members": [],
    });
    session.post(&groups, &body).await?.is(&[201]).map(drop)
}

async fn filter_existing(session: &mut Session<'_>) -> Verdict {
    let created = session.new_user(json!({})).await?;
    let users = session.users()?;
    let name = created.text_at("/userName")?;
    for filter in
        [format!("userName eq \"{name}\""), format!("UserName eq \"{}\"", name.to_uppercase())]
    {
        let found = session.query(&users, &[("filter", &filter)]).await?.ids()?;
        ensure(found == [created.id()?], || format!("`{filter}` should find one user"))?;
    }
    Ok(())
}

/// Applies operations to a user with all attributes; the answer to PATCH of a user is the
/// resource, or nothing.
async fn patched(session: &mut Session<'_>, operations: Value) -> Result<Reply, Stop> {
    session.offers("patch")?;
    let users = session.users()?;
    let body = full(session);
    let created = session.post(&users, &body).await?;
    created.is(&[201])?;
    let path = format!("{users}/{}", created.id()?);
    session.patch(&path, &operations).await?.is(&[200, 204])?;
    let read = session.get(path).await?;
    read.is(&[200])?;
    Ok(read)
}

async fn update(session: &mut Session<'_>) -> Verdict {
    let read = patched(
        session,
        json!([
            {"op": "replace", "path": "displayName", "value": "Changed"},
            {"op": "replace", "path": "name.givenName", "value": "Given"},
            {"op": "replace", "path": "emails[type eq \"work\"].value", "value": "x@example.com"},
            {"op": "replace", "path": "phoneNumbers[type eq \"mobile\"].value", "value": "+1 2"},
            {"op": "replace", "path": "addresses[type eq \"work\"].formatted", "value": "Street"},
            {"op": "replace", "path": format!("{ENTERPRISE}:department"), "value": "Sales"},
        ]),
    )
    .await?;
    read.has("/displayName", &json!("Changed"))?;
    read.has("/name/givenName", &json!("Given"))?;
    read.has("/name/familyName", &json!("Urban"))?;
    read.has("/emails/0/value", &json!("x@example.com"))?;
    read.has("/phoneNumbers/1/value", &json!("+1 2"))?;
    read.has("/addresses/0/formatted", &json!("Street"))?;
    read.has("/addresses/0/postalCode", &json!("cx47 4mz"))?;
    read.has(&format!("/{ENTERPRISE}/department"), &json!("Sales"))
}

async fn rename(session: &mut Session<'_>) -> Verdict {
    let name = session.name();
    let read = patched(session, json!([{"op": "replace", "value": {"userName": name}}])).await?;
    read.has("/userName", &json!(name))
}

async fn disable(session: &mut Session<'_>) -> Verdict {
    let operations = json!([{"op": "replace", "path": "active", "value": false}]);
    patched(session, operations).await?.has("/active", &json!(false))
}

async fn disable_legacy(session: &mut Session<'_>) -> Verdict {
    let operations = json!([{"op": "Replace", "path": "active", "value": "False"}]);
    patched(session, operations).await?.has("/active", &json!(false))
}

async fn create_element(session: &mut Session<'_>) -> Verdict {
    let read = patched(
        session,
        json!([
            {"op": "Add", "path": "emails[type eq \"other\"].value", "value": "o@example.com"},
            {"op": "Replace", "path": "phoneNumbers[type eq \"pager\"].value", "value": "+3"},
            {"op": "Replace", "path": "active", "value": "False"},
        ]),
    )
    .await?;
    read.has("/emails/1/value", &json!("o@example.com"))?;
    read.has("/emails/1/type", &json!("other"))?;
    read.has("/phoneNumbers/3/value", &json!("+3"))?;
    read.has("/phoneNumbers/3/type", &json!("pager"))?;
    read.has("/active", &json!(false))
}

async fn roles(session: &mut Session<'_>) -> Verdict {
    session.has_attributes(&["roles"])?;
    let path = |sub: &str| format!("roles[primary eq \"True\"].{sub}");
    let read = patched(
        session,
        json!([
            {"op": "add", "path": path("display"), "value": "TQBJFQYVJCAG"},
            {"op": "add", "path": path("value"), "value": "UOYTUVLKIPND"},
            {"op": "add", "path": path("type"), "value": "VGNBBCPQEMYC"},
        ]),
    )
    .await?;
    read.has("/roles/0/display", &json!("TQBJFQYVJCAG"))?;
    read.has("/roles/0/value", &json!("UOYTUVLKIPND"))?;
    read.has("/roles/0/primary", &json!(true))?;
    read.has("/roles/1", &Value::Null)
}

async fn pathless_keys(session: &mut Session<'_>) -> Verdict {
    let department = format!("{ENTERPRISE}:department");
    let operations = json!([
        {"op": "replace", "path": "emails[type eq \"work\"].value", "value": "x@example.com"},
        {"op": "replace", "value": {
            "displayName": "Changed", "name.givenName": "Given", department: "Sales",
        }},
    ]);
    let read = patched(session, operations).await?;
    read.has("/displayName", &json!("Changed"))?;
    read.has("/name/givenName", &json!("Given"))?;
    read.has("/name/familyName", &json!("Urban"))?;
    read.has(&format!("/{ENTERPRISE}/department"), &json!("Sales"))?;
    read.has(&format!("/{ENTERPRISE}/division"), &json!("JCUHMASKQUFK"))
}

fn manager() -> String {
    format!("{ENTERPRISE}:manager")
}

/// Applies operations to a user who has a manager; both placeholders are ids of users.
async fn managed(
    session: &mut Session<'_>,
    operations: impl Fn(&str, &str) -> Value + Send,
    expected: impl Fn(&str, &str) -> Value + Send,
) -> Verdict {
    session.has_enterprise()?;
    let (old, new) = (session.new_user(json!({})).await?, session.new_user(json!({})).await?);
    let (old, new) = (old.id()?, new.id()?);
    let body = json!({ENTERPRISE: {"department": "Sales", "manager": {"value": old}}});
    let path = session.new_user_path(body).await?;
    session.patch(&path, &operations(old, new)).await?.is(&[200, 204])?;
    let read = session.get(path).await?;
    read.has(&format!("/{ENTERPRISE}/manager/value"), &expected(old, new))?;
    read.has(&format!("/{ENTERPRISE}/department"), &json!("Sales"))
}

async fn manager_add(session: &mut Session<'_>) -> Verdict {
    managed(
        session,
        |_, new| json!([{"op": "Add", "path": manager(), "value": new}]),
        |_, new| json!(new),
    )
    .await
}

async fn manager_replace(session: &mut Session<'_>) -> Verdict {
    managed(
        session,
        |_, new| {
            json!([{"op": "Replace", "path": manager(), "value": [{"$ref": null, "value": new}]}])
        },
        |_, new| json!(new),
    )
    .await?;
    managed(
        session,
        |_, new| json!([{"op": "replace", "path": manager(), "value": {"value": new}}]),
        |_, new| json!(new),
    )
    .await
}

async fn manager_remove(session: &mut Session<'_>) -> Verdict {
    for operation in [
        json!({"op": "remove", "path": manager()}),
        json!({"op": "replace", "path": manager(), "value": {"value": ""}}),
        json!({"op": "Replace", "path": manager(), "value": ""}),
    ] {
        managed(session, |_, _| json!([operation]), |_, _| Value::Null).await?;
    }
    Ok(())
}

async fn clear(session: &mut Session<'_>) -> Verdict {
    for nothing in [json!(""), Value::Null] {
        let read = patched(
            session,
            json!([
                {"op": "replace", "path": "displayName", "value": nothing},
                {"op": "replace", "path": "name.givenName", "value": nothing},
                {"op": "replace", "path": "phoneNumbers[type eq \"work\"].value", "value": nothing},
                {"op": "replace", "path": format!("{ENTERPRISE}:department"), "value": nothing},
            ]),
        )
        .await?;
        let department = format!("/{ENTERPRISE}/department");
        for pointer in ["/displayName", "/name/givenName", department.as_str()] {
            let found = read.at(pointer);
            ensure(found.is_null() || found == "", || {
                format!("`{pointer}` should be cleared and is {found}")
            })?;
        }
        ensure(!read.text.contains("87-305-7500"), || "the telephone is still there".to_owned())?;
        read.has("/name/familyName", &json!("Urban"))?;
    }
    Ok(())
}

async fn same_attribute(session: &mut Session<'_>) -> Verdict {
    let read = patched(
        session,
        json!([
            {"op": "remove", "path": "displayName"},
            {"op": "add", "path": "displayName", "value": "One"},
            {"op": "replace", "path": "displayName", "value": "Two"},
        ]),
    )
    .await?;
    read.has("/displayName", &json!("Two"))
}

async fn delete(session: &mut Session<'_>) -> Verdict {
    let path = session.new_user_path(json!({})).await?;
    session.delete(&path).await?.is(&[204])?;
    session.get(path.as_str()).await?.is_error(404)?;
    session.delete(&path).await?.is_error(404)
}

async fn delete_missing(session: &mut Session<'_>) -> Verdict {
    let path = format!("{}/{NOBODY}", session.users()?);
    session.delete(&path).await?.is_error(404)
}

/// A group with two members, and their ids.
async fn group_of_two(session: &mut Session<'_>) -> Result<(String, [String; 2]), Stop> {
    session.offers("patch")?;
    let groups = session.groups()?;
    let (a, b) = (session.new_user(json!({})).await?, session.new_user(json!({})).await?);
    let ids = [a.id()?.to_owned(), b.id()?.to_owned()];
    let group = session.new_group(&[a.id()?, b.id()?]).await?;
    Ok((format!("{groups}/{}", group.id()?), ids))
}

async fn group_without_members(session: &mut Session<'_>) -> Verdict {
    let (path, _) = group_of_two(session).await?;
    let reply = session.get(with_query(&path, &[("excludedAttributes", "members")])).await?;
    reply.is(&[200])?;
    reply.has("/members", &Value::Null)
}

async fn group_filter(session: &mut Session<'_>) -> Verdict {
    let (path, _) = group_of_two(session).await?;
    let group = session.get(path).await?;
    let groups = session.groups()?;
    let name = group.text_at("/displayName")?;
    for name in [name.to_owned(), name.to_uppercase()] {
        let filter = format!("displayName eq \"{name}\"");
        let query = [("excludedAttributes", "members"), ("filter", filter.as_str())];
        let found = session.query(&groups, &query).await?;
        ensure(found.ids()? == [group.id()?], || format!("`{filter}` should find one group"))?;
        found.has("/Resources/0/members", &Value::Null)?;
    }
    Ok(())
}

async fn group_external_id(session: &mut Session<'_>) -> Verdict {
    let (path, [a, b]) = group_of_two(session).await?;
    let operations = json!([{"op": "replace", "value": {"externalId": "663fa3a8"}}]);
    session.patch(&path, &operations).await?.is(&[200, 204])?;
    let read = session.get(path).await?;
    read.has("/externalId", &json!("663fa3a8"))?;
    has_members(&read, &[&a, &b])
}

async fn group_duplicate(session: &mut Session<'_>) -> Verdict {
    let created = session.new_group(&[]).await?;
    let groups = session.groups()?;
    let body = json!({"schemas": [GROUP], "displayName": created.text_at("/displayName")?});
    session.post(&groups, &body).await?.is_error(409)
}

async fn group_rename(session: &mut Session<'_>) -> Verdict {
    let (path, [a, b]) = group_of_two(session).await?;
    let name = session.name();
    let operations = json!([{"op": "Replace", "path": "displayName", "value": name}]);
    session.patch(&path, &operations).await?.is(&[200, 204])?;
    let read = session.get(path).await?;
    read.has("/displayName", &json!(name))?;
    has_members(&read, &[&a, &b])
}

async fn group_add_member(session: &mut Session<'_>) -> Verdict {
    let (path, [a, b]) = group_of_two(session).await?;
    let new = session.new_user(json!({})).await?;
    let value = json!([{"$ref": null, "value": new.id()?}]);
    let operations = json!([{"op": "Add", "path": "members", "value": value}]);
    session.patch(&path, &operations).await?.is(&[200, 204])?;
    has_members(&session.get(path).await?, &[&a, &b, new.id()?])?;
    let empty = session.new_group(&[]).await?;
    let path = format!("{}/{}", session.groups()?, empty.id()?);
    let operations = json!([{"op": "replace", "path": "members", "value": [{"value": a}]}]);
    session.patch(&path, &operations).await?.is(&[200, 204])?;
    has_members(&session.get(path).await?, &[&a])
}

async fn group_remove_member(session: &mut Session<'_>) -> Verdict {
    let (path, [a, b]) = group_of_two(session).await?;
    let value = json!([{"$ref": null, "value": a}]);
    let operations = json!([{"op": "Remove", "path": "members", "value": value}]);
    session.patch(&path, &operations).await?.is(&[200, 204])?;
    has_members(&session.get(path.as_str()).await?, &[&b])?;
    let operations = json!([{"op": "remove", "path": format!("members[value eq \"{b}\"]")}]);
    session.patch(&path, &operations).await?.is(&[200, 204])?;
    has_members(&session.get(path).await?, &[])
}

async fn group_multi(session: &mut Session<'_>) -> Verdict {
    let (path, [a, b]) = group_of_two(session).await?;
    let new = session.new_user(json!({})).await?;
    let operations = json!([
        {"op": "add", "path": "members", "value": [{"value": new.id()?}]},
        {"op": "remove", "path": format!("members[value eq \"{}\"]", new.id()?)},
    ]);
    session.patch(&path, &operations).await?.is(&[200, 204])?;
    has_members(&session.get(path).await?, &[&a, &b])
}

async fn group_delete(session: &mut Session<'_>) -> Verdict {
    let (path, _) = group_of_two(session).await?;
    session.delete(&path).await?.is(&[204])?;
    session.get(path).await?.is_error(404)
}

async fn reference_check(session: &mut Session<'_>) -> Verdict {
    session.has_enterprise()?;
    let boss = session.new_user(json!({})).await?;
    let boss = boss.id()?;
    let user = session.new_user(json!({ENTERPRISE: {"manager": {"value": boss}}})).await?;
    let users = session.users()?;
    let id = user.id()?;
    for (filter, expected) in [
        (format!("id eq \"{id}\" and manager eq \"{boss}\""), 1),
        (format!("manager eq \"{boss}\" and id eq \"{id}\""), 1),
        (format!("id eq \"{id}\" and manager eq \"{id}\""), 0),
    ] {
        let query = [("filter", filter.as_str()), ("attributes", "id")];
        let found = session.query(&users, &query).await?.ids()?.len();
        ensure(found == expected, || format!("`{filter}` should find {expected}, finds {found}"))?;
    }
    Ok(())
}

async fn page_two(session: &mut Session<'_>) -> Verdict {
    let people = session.people().await?;
    let users = session.users()?;
    let filter = format!("nickName eq \"{}\"", people.mark);
    let query = [("filter", filter.as_str()), ("startIndex", "3"), ("count", "2")];
    let page = session.query(&users, &query).await?;
    page.list()?;
    page.has("/startIndex", &json!(3))?;
    let found = page.ids()?.len();
    ensure(found == 2, || format!("the page should have 2 users and has {found}"))
}
