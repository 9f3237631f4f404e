//! Inserting, updating, deleting; versions, tenants and secrets.

use scim2_core::Error;
use scim2_core::etag::EntityTags;
use scim2_core::resource::ResourceId;
use scim2_provider::store::{Dangling, Load, Store, StoreError, Stored, if_match};
use serde_json::{Value, json};

use super::kit::{ENTERPRISE, Fault, Kit, ensure, equal, not_found, refused};
use super::promises;

promises! {
    "write.insert", "what is inserted is read" => insert;
    "write.ids", "each resource has an id of its own, matched exactly, under its own type" => ids;
    "write.update", "an update writes what the change returns, and nothing else" => update;
    "write.update-sees", "a change is given the resource as it is, and may refuse" => update_sees;
    "write.unchanged", "an update without effect keeps version and time" => unchanged;
    "write.versions", "each change gives another version and a later time" => versions;
    "write.delete", "what is deleted is gone" => delete;
    "write.delete-checked", "a deletion asks first" => delete_checked;
    "write.not-found", "what is not there is `NotFound`" => missing;
    "tenants.reads", "a tenant does not see another's resources" => tenant_reads;
    "tenants.writes", "a tenant does not change another's resources" => tenant_writes;
    "secrets.hidden", "a password is never read back" => secrets;
}

async fn insert(kit: &Kit) -> Result<(), Fault> {
    let body = json!({
        "userName": "Barbara", "externalId": "7", "active": false,
        "name": {"givenName": "Barbara", "familyName": "Jensen"},
        "emails": [{"value": "b@example.com", "type": "work", "primary": true}, {"value": "c@x"}],
        ENTERPRISE: {"department": "Sales", "employeeNumber": "9"},
    });
    let stored = kit.insert_user(body.clone()).await?;
    let read = kit.get(&kit.user, &ResourceId::from(stored.id())).await?;
    for stored in [&stored, &read] {
        for (name, value) in body.as_object().into_iter().flatten() {
            equal(name, &stored.resource.get(name), &Some(value))?;
        }
    }
    equal("the version", &read.version, &stored.version)?;
    equal("`created`", &read.created, &stored.created)?;
    equal("`last_modified` of what is new", &read.last_modified, &read.created)?;
    ensure(stored.resource.get("meta").is_none(), || "`meta` is not the store's".to_owned())
}

async fn ids(kit: &Kit) -> Result<(), Fault> {
    let first = kit.named("one").await?;
    let second = kit.named("two").await?;
    let group = kit.insert_group("three", &[]).await?;
    ensure(first != second && second != group && first != group, || {
        format!("ids repeat: {first:?}, {second:?}, {group:?}")
    })?;
    equal("a user read as a group", &kit.find(&kit.group, &first).await?, &None)?;
    equal("a group read as a user", &kit.find(&kit.user, &group).await?, &None)?;
    let upper = ResourceId::from(format!("{}X", first.as_str()));
    equal("a longer id", &kit.find(&kit.user, &upper).await?, &None)?;
    let upper = first.as_str().to_uppercase();
    if upper != first.as_str() {
        equal("an id in capitals", &kit.find(&kit.user, &ResourceId::from(upper)).await?, &None)?;
    }
    Ok(())
}

async fn update(kit: &Kit) -> Result<(), Fault> {
    let id = kit.named("before").await?;
    let other = kit.named("other").await?;
    let untouched = kit.get(&kit.user, &other).await?;
    let before = kit.get(&kit.user, &id).await?;
    let body = json!({"userName": "after", "title": "x"});
    let updated = kit.replace(&kit.user, &id, Load::Full, body).await??;
    ensure(updated.changed, || "`changed` should be true".to_owned())?;
    let read = kit.get(&kit.user, &id).await?;
    equal("the answer", &updated.stored, &read)?;
    equal("`userName`", &read.resource.text("userName"), &Some("after"))?;
    equal("`title`", &read.resource.text("title"), &Some("x"))?;
    equal("`id`", &read.id(), &id.as_str())?;
    equal("`created`", &read.created, &before.created)?;
    equal("another user", &kit.get(&kit.user, &other).await?, &untouched)
}

async fn update_sees(kit: &Kit) -> Result<(), Fault> {
    let id = kit.named("seen").await?;
    kit.replace(&kit.user, &id, Load::Full, json!({"userName": "now"})).await??;
    let current = kit.get(&kit.user, &id).await?;
    let mut seen = None;
    let change = Box::new(|before: &Stored| {
        seen = Some(before.clone());
        Err(Error::invalid_value("no"))
    });
    let result = kit.store.update(&kit.scope, &kit.user, &id, Load::Full, change).await;
    refused(result, "`Refused`", |error| matches!(error, StoreError::Refused(_)))?;
    equal("what the change was given", &seen.as_ref(), &Some(&current))?;
    equal("a user after a refused change", &kit.get(&kit.user, &id).await?, &current)
}

async fn unchanged(kit: &Kit) -> Result<(), Fault> {
    let id = kit.named("same").await?;
    let before = kit.get(&kit.user, &id).await?;
    let change = Box::new(|_: &Stored| Ok(None));
    let updated = kit.store.update(&kit.scope, &kit.user, &id, Load::Full, change).await?;
    ensure(!updated.changed, || "`changed` should be false".to_owned())?;
    equal("the answer", &updated.stored, &before)?;
    equal("the user", &kit.get(&kit.user, &id).await?, &before)
}

async fn versions(kit: &Kit) -> Result<(), Fault> {
    let id = kit.named("v").await?;
    let mut seen = vec![kit.get(&kit.user, &id).await?];
    // Faster than a clock of milliseconds can tell apart.
    for title in ["a", "b", "a", "b"] {
        let body = json!({"userName": "v", "title": title});
        let now = kit.replace(&kit.user, &id, Load::Full, body).await??.stored;
        for earlier in &seen {
            ensure(now.version != earlier.version, || {
                format!("the version {:?} came twice", now.version)
            })?;
            let later =
                now.last_modified.timestamp_millis() > earlier.last_modified.timestamp_millis();
            ensure(later, || {
                format!("{} should be later than {}", now.last_modified, earlier.last_modified)
            })?;
        }
        seen.push(now);
    }
    Ok(())
}

async fn delete(kit: &Kit) -> Result<(), Fault> {
    let id = kit.named("gone").await?;
    let other = kit.named("other").await?;
    kit.delete(&kit.user, &id).await?;
    equal("a deleted user", &kit.find(&kit.user, &id).await?, &None)?;
    not_found(kit.delete(&kit.user, &id).await)?;
    not_found(kit.replace(&kit.user, &id, Load::Full, json!({"userName": "x"})).await?)?;
    let left = kit.matching(&kit.user, "userName pr").await?;
    equal("what is left", &left, &vec![other.as_str().to_owned()])
}

async fn delete_checked(kit: &Kit) -> Result<(), Fault> {
    let id = kit.named("stays").await?;
    let current = kit.get(&kit.user, &id).await?;
    let other = EntityTags::parse("W/\"no-such-version\"");
    let check = if_match(Some(&other));
    let result =
        kit.store.delete(&kit.scope, &kit.user, &id, Load::Full, Dangling::Cleared, check).await;
    refused(result, "`Refused`", |error| matches!(error, StoreError::Refused(_)))?;
    equal("a user after a refused deletion", &kit.get(&kit.user, &id).await?, &current)?;
    let mut seen = None;
    let check = Box::new(|before: &Stored, _: &_| {
        seen = Some(before.clone());
        Ok(None)
    });
    kit.store.delete(&kit.scope, &kit.user, &id, Load::Full, Dangling::Cleared, check).await?;
    equal("what the check was given", &seen.as_ref(), &Some(&current))
}

async fn missing(kit: &Kit) -> Result<(), Fault> {
    let nobody = ResourceId::from("00000000-0000-7000-8000-000000000000");
    kit.named("somebody").await?;
    equal("nobody", &kit.find(&kit.user, &nobody).await?, &None)?;
    not_found(kit.delete(&kit.user, &nobody).await)?;
    not_found(kit.replace(&kit.user, &nobody, Load::Full, json!({"userName": "x"})).await?)?;
    not_found(kit.change_members(&nobody, &[&nobody], &[]).await)
}

async fn tenant_reads(kit: &Kit) -> Result<(), Fault> {
    let id = kit.named("mine").await?;
    let other = kit.other_tenant();
    equal("another tenant's user", &other.find(&kit.user, &id).await?, &None)?;
    equal("what it finds", &other.matching(&kit.user, "userName pr").await?, &Vec::new())?;
    let filter = format!("id eq \"{}\" or userName eq \"mine\"", id.as_str());
    equal("what it finds by id", &other.matching(&kit.user, &filter).await?, &Vec::new())?;
    let all = other.query(&kit.user, &kit.page(1, 10)).await?;
    equal("its total", &all.total, &Some(0))
}

async fn tenant_writes(kit: &Kit) -> Result<(), Fault> {
    let id = kit.named("mine").await?;
    let group = kit.insert_group("ours", &[&id]).await?;
    let (user_before, group_before) =
        (kit.get(&kit.user, &id).await?, kit.get(&kit.group, &group).await?);
    let other = kit.other_tenant();
    not_found(other.replace(&kit.user, &id, Load::Full, json!({"userName": "x"})).await?)?;
    not_found(other.delete(&kit.user, &id).await)?;
    not_found(other.change_members(&group, &[], &[&id]).await)?;
    equal("the user", &kit.get(&kit.user, &id).await?, &user_before)?;
    equal("the group", &kit.get(&kit.group, &group).await?, &group_before)
}

async fn secrets(kit: &Kit) -> Result<(), Fault> {
    const PASSWORD: &str = "t0p-s3cret";
    let hidden = |what: &str, stored: &Stored| {
        let text = serde_json::to_string(&stored.resource).unwrap_or_default();
        ensure(!text.contains(PASSWORD) && stored.resource.get("password").is_none(), || {
            format!("{what} has the password in it")
        })
    };
    let body = json!({"userName": "s", "password": PASSWORD});
    let stored = kit.insert_user(body.clone()).await?;
    hidden("the answer to an insert", &stored)?;
    let id = ResourceId::from(stored.id());
    hidden("a read", &kit.get(&kit.user, &id).await?)?;
    let result = kit.query(&kit.user, &kit.page(1, 10)).await?;
    result.resources.iter().try_for_each(|stored| hidden("a result of a query", stored))?;
    let updated = kit.replace(&kit.user, &id, Load::Full, body).await??;
    hidden("the answer to an update", &updated.stored)?;
    let mut seen = Value::Null;
    let check = Box::new(|before: &Stored, _: &_| {
        seen = Value::Object(before.resource.as_map().clone());
        Ok(None)
    });
    kit.store.delete(&kit.scope, &kit.user, &id, Load::Full, Dangling::Cleared, check).await?;
    ensure(!seen.to_string().contains(PASSWORD), || {
        "what a deletion asks about has the password in it".to_owned()
    })
}
