//! Groups, their members, and other references.

use scim2_core::etag::EntityTags;
use scim2_core::resource::ResourceId;
use scim2_provider::store::{Dangling, Load, Store, StoreError, Stored, Write};
use serde_json::{Value, json};

use super::kit::{ENTERPRISE, Fault, Kit, delta, ensure, equal, refused, sorted_ids, values};
use super::promises;

promises! {
    "members.insert", "a group is inserted with its members" => insert;
    "members.add", "members are added to those that are there" => add;
    "members.remove", "members are removed, and no others" => remove;
    "members.no-effect", "adding who is there and removing who is not are no changes" => no_effect;
    "members.told", "what was in fact added and removed is told" => told;
    "members.version", "a change of members gives the group a version, not another's" => version;
    "members.if-match", "a change of members compares the version" => if_match;
    "members.without", "an update without members keeps them, a read without them has none" => without;
    "members.full", "a full update replaces the members" => full;
    "members.live", "type and display of a member are read from the member" => live;
    "members.unchanged", "what is shown of a member is not said of it by writing it back" => unchanged;
    "members.groups", "a user's groups are read, direct and indirect, in cycles too" => groups;
    "members.filter", "filters see members and groups" => filter;
    "references.members", "a deleted user is in no group, and the group has another version" => cascade;
    "references.manager", "a deleted manager manages nobody, and the user has another version" => manager;
    "references.kept", "references to what is deleted stay where that is asked for" => kept;
    "references.told", "what a deletion changes in others is told before" => cascade_told;
}

async fn three(kit: &Kit) -> Result<[ResourceId; 3], Fault> {
    Ok([kit.named("a").await?, kit.named("b").await?, kit.named("c").await?])
}

async fn has_members(kit: &Kit, group: &ResourceId, expected: &[&ResourceId]) -> Result<(), Fault> {
    let stored = kit.get(&kit.group, group).await?;
    equal("the members", &values(&stored, "members"), &sorted_ids(expected))
}

async fn insert(kit: &Kit) -> Result<(), Fault> {
    let [a, b, _] = three(kit).await?;
    let group = kit.insert_group("g", &[&a, &b]).await?;
    has_members(kit, &group, &[&a, &b]).await
}

async fn add(kit: &Kit) -> Result<(), Fault> {
    let [a, b, c] = three(kit).await?;
    let group = kit.insert_group("g", &[&a]).await?;
    let updated = kit.change_members(&group, &[&b, &c], &[]).await?;
    ensure(updated.changed, || "`changed` should be true".to_owned())?;
    has_members(kit, &group, &[&a, &b, &c]).await
}

async fn remove(kit: &Kit) -> Result<(), Fault> {
    let [a, b, c] = three(kit).await?;
    let group = kit.insert_group("g", &[&a, &b, &c]).await?;
    let other = kit.insert_group("h", &[&a, &b]).await?;
    kit.change_members(&group, &[], &[&b]).await?;
    has_members(kit, &group, &[&a, &c]).await?;
    has_members(kit, &other, &[&a, &b]).await
}

async fn no_effect(kit: &Kit) -> Result<(), Fault> {
    let [a, b, c] = three(kit).await?;
    let group = kit.insert_group("g", &[&a, &b]).await?;
    let before = kit.get(&kit.group, &group).await?;
    let updated = kit.change_members(&group, &[&a], &[&c]).await?;
    ensure(!updated.changed, || "`changed` should be false".to_owned())?;
    let after = kit.get(&kit.group, &group).await?;
    equal("the version", &after.version, &before.version)?;
    equal("`last_modified`", &after.last_modified, &before.last_modified)?;
    has_members(kit, &group, &[&a, &b]).await
}

async fn told(kit: &Kit) -> Result<(), Fault> {
    let [a, b, c] = three(kit).await?;
    let group = kit.insert_group("g", &[&a, &b]).await?;
    let updated = kit.change_members(&group, &[&a, &c], &[&b]).await?;
    let added: Vec<_> = updated.members.add.iter().map(|member| member.value.clone()).collect();
    equal("who was added", &added, &vec![c])?;
    equal("who was removed", &updated.members.remove, &vec![b])
}

async fn version(kit: &Kit) -> Result<(), Fault> {
    let [a, b, _] = three(kit).await?;
    let group = kit.insert_group("g", &[&a]).await?;
    let other = kit.insert_group("h", &[&a]).await?;
    let (before, untouched) =
        (kit.get(&kit.group, &group).await?, kit.get(&kit.group, &other).await?);
    let updated = kit.change_members(&group, &[&b], &[]).await?;
    let after = kit.get(&kit.group, &group).await?;
    equal("the version in the answer", &updated.stored.version, &after.version)?;
    ensure(after.version != before.version, || "the group has its old version".to_owned())?;
    ensure(after.last_modified > before.last_modified, || "`last_modified` stayed".to_owned())?;
    equal("another group", &kit.get(&kit.group, &other).await?, &untouched)
}

async fn if_match(kit: &Kit) -> Result<(), Fault> {
    let [a, b, _] = three(kit).await?;
    let group = kit.insert_group("g", &[&a]).await?;
    let change = delta(&[&b], &[]);
    let other = EntityTags::parse("W/\"no-such-version\"");
    let expecting = |expected| {
        kit.store.change_members(&kit.scope, &kit.group, &group, Some(expected), &change, None)
    };
    refused(expecting(&other).await, "`PreconditionFailed`", |error| {
        matches!(error, StoreError::PreconditionFailed)
    })?;
    has_members(kit, &group, &[&a]).await?;
    let current = EntityTags::one(&kit.get(&kit.group, &group).await?.version);
    kit.store.change_members(&kit.scope, &kit.group, &group, Some(&current), &change, None).await?;
    has_members(kit, &group, &[&a, &b]).await
}

async fn without(kit: &Kit) -> Result<(), Fault> {
    let [a, b, _] = three(kit).await?;
    let group = kit.insert_group("g", &[&a, &b]).await?;
    let read = kit.store.get(&kit.scope, &kit.group, &group, Load::WithoutMembers).await?;
    let read = read.ok_or_else(|| Fault::Broken("the group is not there".to_owned()))?;
    equal("the name", &read.resource.text("displayName"), &Some("g"))?;
    let body = json!({"displayName": "renamed"});
    kit.replace(&kit.group, &group, Load::WithoutMembers, body).await??;
    let after = kit.get(&kit.group, &group).await?;
    equal("the name", &after.resource.text("displayName"), &Some("renamed"))?;
    has_members(kit, &group, &[&a, &b]).await
}

async fn full(kit: &Kit) -> Result<(), Fault> {
    let [a, b, c] = three(kit).await?;
    let group = kit.insert_group("g", &[&a, &b]).await?;
    let members = [json!({"value": b.as_str()}), json!({"value": c.as_str()})];
    let body = json!({"displayName": "g", "members": members});
    kit.replace(&kit.group, &group, Load::Full, body).await??;
    has_members(kit, &group, &[&b, &c]).await?;
    kit.replace(&kit.group, &group, Load::Full, json!({"displayName": "g"})).await??;
    has_members(kit, &group, &[]).await
}

async fn live(kit: &Kit) -> Result<(), Fault> {
    let user = kit.insert_user(json!({"userName": "u", "displayName": "Before"})).await?;
    let user = ResourceId::from(user.id());
    let inner = kit.insert_group("inner", &[]).await?;
    let group = kit.insert_group("g", &[&user, &inner]).await?;
    let body = json!({"userName": "u", "displayName": "After"});
    kit.replace(&kit.user, &user, Load::Full, body).await??;
    let stored = kit.get(&kit.group, &group).await?;
    let members = stored.resource.get("members").and_then(Value::as_array);
    let member = |id: &ResourceId| {
        members
            .into_iter()
            .flatten()
            .find(|member| member.get("value") == Some(&json!(id.as_str())))
    };
    for (id, name, value) in [
        (&user, "type", "User"),
        (&inner, "type", "Group"),
        (&user, "display", "After"),
        (&inner, "display", "inner"),
    ] {
        let found = member(id).and_then(|member| member.get(name)).and_then(Value::as_str);
        equal(name, &found, &Some(value))?;
    }
    Ok(())
}

async fn unchanged(kit: &Kit) -> Result<(), Fault> {
    let (silent, said) = (kit.named("silent").await?, kit.named("said").await?);
    let members = json!([{"value": silent.as_str()}, {"value": said.as_str(), "display": "Said"}]);
    let body = json!({"displayName": "g", "members": members});
    let group = kit.try_insert(&kit.group, body).await??;
    let group = ResourceId::from(group.id());
    let shown = async |member: &ResourceId| -> Result<Option<String>, Fault> {
        let stored = kit.get(&kit.group, &group).await?;
        let members = stored.resource.get("members").and_then(Value::as_array);
        let id = json!(member.as_str());
        let found = members.into_iter().flatten().find(|shown| shown.get("value") == Some(&id));
        let display = found.and_then(|shown| shown.get("display")).and_then(Value::as_str);
        Ok(display.map(str::to_owned))
    };
    // A store need not keep what is said of members that have a `userName`.
    let before = [shown(&silent).await?, shown(&said).await?];
    for (id, name) in [(&silent, "silent"), (&said, "said")] {
        let body = json!({"userName": name, "displayName": "Live"});
        kit.replace(&kit.user, id, Load::Full, body).await??;
    }
    let rename = Box::new(|before: &Stored| {
        let mut after = before.resource.clone();
        after.insert("displayName", "renamed");
        let after =
            kit.group.validate_replace(&before.resource, after, &scim2_core::Policy::strict())?;
        Ok(Some(Write::from(after)))
    });
    kit.store.update(&kit.scope, &kit.group, &group, Load::Full, rename).await?;
    equal("display", &shown(&silent).await?.as_deref(), &Some("Live"))?;
    for (id, name) in [(&silent, "silent"), (&said, "said")] {
        kit.replace(&kit.user, id, Load::Full, json!({"userName": name})).await??;
    }
    equal("display", &[shown(&silent).await?, shown(&said).await?], &before)
}

async fn groups(kit: &Kit) -> Result<(), Fault> {
    let [a, b, _] = three(kit).await?;
    let inner = kit.insert_group("inner", &[&a]).await?;
    let outer = kit.insert_group("outer", &[&inner]).await?;
    // A cycle: each is in the other.
    kit.change_members(&inner, &[&outer], &[]).await?;
    let stored = kit.get(&kit.user, &a).await?;
    equal("the groups", &values(&stored, "groups"), &sorted_ids(&[&inner, &outer]))?;
    let kind = |id: &ResourceId| {
        let groups = stored.resource.get("groups").and_then(Value::as_array);
        let group = groups?.iter().find(|group| group.get("value") == Some(&json!(id.as_str())));
        group?.get("type")?.as_str().map(str::to_owned)
    };
    equal("the type of the direct group", &kind(&inner).as_deref(), &Some("direct"))?;
    equal("the type of the indirect group", &kind(&outer).as_deref(), &Some("indirect"))?;
    let none = kit.get(&kit.user, &b).await?;
    equal("the groups of who is in none", &none.resource.get("groups"), &None)?;
    kit.delete(&kit.group, &inner).await?;
    let left = kit.get(&kit.user, &a).await?;
    equal("the groups after the deletion", &values(&left, "groups"), &Vec::new())
}

async fn filter(kit: &Kit) -> Result<(), Fault> {
    let [a, b, _] = three(kit).await?;
    let group = kit.insert_group("g", &[&a]).await?;
    let other = kit.insert_group("h", &[&b]).await?;
    let filter = format!("members.value eq \"{}\"", a.as_str());
    let found = kit.matching(&kit.group, &filter).await?;
    equal("the groups that a filter finds", &found, &sorted_ids(&[&group]))?;
    // What a `$ref` says: the id and the type of one and the same member.
    let by_ref: [(_, _, _, &[&ResourceId]); 4] = [
        ("eq", "and", "User", &[&group]),
        ("eq", "and", "Group", &[]),
        ("ne", "or", "User", &[&other]),
        ("ne", "or", "Group", &[&group, &other]),
    ];
    for (op, join, name, expected) in by_ref {
        let filter = format!(r#"members[value {op} "{}" {join} type {op} "{name}"]"#, a.as_str());
        let mut found = kit.matching(&kit.group, &filter).await?;
        found.sort_unstable();
        equal("the groups with a member of id and type", &found, &sorted_ids(expected))?;
    }
    let filter = format!("groups.value eq \"{}\"", group.as_str());
    let found = kit.matching(&kit.user, &filter).await?;
    equal("the users that a filter finds", &found, &sorted_ids(&[&a]))
}

async fn cascade(kit: &Kit) -> Result<(), Fault> {
    let [a, b, _] = three(kit).await?;
    let group = kit.insert_group("g", &[&a, &b]).await?;
    let other = kit.insert_group("h", &[&b]).await?;
    let (before, untouched) =
        (kit.get(&kit.group, &group).await?, kit.get(&kit.group, &other).await?);
    kit.delete(&kit.user, &a).await?;
    has_members(kit, &group, &[&b]).await?;
    let after = kit.get(&kit.group, &group).await?;
    ensure(after.version != before.version, || "the group has its old version".to_owned())?;
    ensure(after.last_modified > before.last_modified, || "`last_modified` stayed".to_owned())?;
    equal("another group", &kit.get(&kit.group, &other).await?, &untouched)
}

/// The id of a user's manager.
fn manager_of(stored: &Stored) -> Option<&str> {
    stored.resource.get(ENTERPRISE)?.get("manager")?.get("value")?.as_str()
}

async fn managed(kit: &Kit) -> Result<(ResourceId, ResourceId), Fault> {
    let boss = kit.insert_user(json!({"userName": "boss", "displayName": "Boss"})).await?;
    let boss = ResourceId::from(boss.id());
    let body = json!({
        "userName": "user",
        ENTERPRISE: {"department": "d", "manager": {"value": boss.as_str()}},
    });
    let user = kit.insert_user(body).await?;
    Ok((boss, ResourceId::from(user.id())))
}

async fn manager(kit: &Kit) -> Result<(), Fault> {
    let (boss, user) = managed(kit).await?;
    let before = kit.get(&kit.user, &user).await?;
    equal("the manager", &manager_of(&before), &Some(boss.as_str()))?;
    kit.delete(&kit.user, &boss).await?;
    let after = kit.get(&kit.user, &user).await?;
    equal("the manager after the deletion", &manager_of(&after), &None)?;
    let department = after.resource.get(ENTERPRISE).and_then(|e| e.get("department"));
    equal("the department", &department, &Some(&json!("d")))?;
    ensure(after.version != before.version, || "the user has its old version".to_owned())
}

async fn kept(kit: &Kit) -> Result<(), Fault> {
    let (boss, user) = managed(kit).await?;
    let group = kit.insert_group("g", &[&boss, &user]).await?;
    let was = (kit.get(&kit.user, &user).await?, kit.get(&kit.group, &group).await?);
    kit.delete_with(&kit.user, &boss, Dangling::Kept).await?;
    let gone = kit.store.get(&kit.scope, &kit.user, &boss, Load::Full).await?;
    ensure(gone.is_none(), || "the deleted user is still there".to_owned())?;
    has_members(kit, &group, &[&boss, &user]).await?;
    let is = (kit.get(&kit.user, &user).await?, kit.get(&kit.group, &group).await?);
    equal("the manager", &manager_of(&is.0), &Some(boss.as_str()))?;
    equal("the versions", &(&is.0.version, &is.1.version), &(&was.0.version, &was.1.version))?;
    let filter = format!("members.value eq \"{}\"", boss.as_str());
    equal("who has it", &kit.matching(&kit.group, &filter).await?, &sorted_ids(&[&group]))?;
    kit.change_members(&group, &[], &[&boss]).await?;
    has_members(kit, &group, &[&user]).await?;
    // With the last reference gone, so is all trace of it.
    kit.delete(&kit.group, &group).await?;
    Ok(kit.delete(&kit.user, &user).await?)
}

async fn cascade_told(kit: &Kit) -> Result<(), Fault> {
    if kit.store.outbox().is_none() {
        return Err(Fault::NotOffered("the store has no outbox".to_owned()));
    }
    let (boss, user) = managed(kit).await?;
    let group = kit.insert_group("g", &[&boss]).await?;
    let mut told = Vec::new();
    let check = Box::new(|_: &Stored, cascade: &scim2_provider::events::Cascade| {
        told = cascade.affected.iter().map(|affected| affected.id.clone()).collect();
        Ok(None)
    });
    kit.store.delete(&kit.scope, &kit.user, &boss, Load::Full, Dangling::Cleared, check).await?;
    equal("what is told", &told, &vec![group, user])
}
