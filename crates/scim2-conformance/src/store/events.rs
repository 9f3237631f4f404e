//! Records of changes, kept in the transaction of each change.

use scim2_core::Error;
use scim2_core::resource::ResourceId;
use scim2_provider::events::{ChangeEvent, ChangeKind, ChangeRecord, Outbox};
use scim2_provider::store::{Dangling, Load, Store, Stored};
use serde_json::json;

use super::kit::{Fault, Kit, delta, ensure, equal, taken};
use super::promises;

promises! {
    "events.written", "each change is written down with its scope, version and record, in order" => written;
    "events.only-changes", "what is refused or changes nothing is not written down" => only_changes;
    "events.members", "of a change of members, what in fact changed is written down" => members;
    "events.cascade", "a deletion writes down what it changes in others" => cascade;
    "events.acknowledge", "each subscriber gets what it has not acknowledged" => acknowledge;
}

const SUBSCRIBER: &str = "kit";

async fn outbox(kit: &Kit) -> Result<&dyn Outbox, Fault> {
    let Some(outbox) = kit.store.outbox() else {
        return Err(Fault::NotOffered("the store has no outbox".to_owned()));
    };
    outbox.subscribe(&[SUBSCRIBER]).await?;
    Ok(outbox)
}

async fn pending(outbox: &dyn Outbox) -> Result<Vec<ChangeEvent>, Fault> {
    let events = outbox.pending(SUBSCRIBER, 100).await?;
    let rising = events.windows(2).all(|pair| match pair {
        [a, b] => a.sequence < b.sequence,
        _ => true,
    });
    ensure(rising, || "sequence numbers should rise".to_owned())?;
    Ok(events)
}

async fn insert_recorded(kit: &Kit, name: &str) -> Result<Stored, Fault> {
    let write = kit.write(&kit.user, json!({"userName": name}))?;
    let record = ChangeRecord::created(&kit.user, &write.resource).by("kit", "1");
    let write = write.with_record(Some(record));
    Ok(kit.store.insert(&kit.scope, &kit.user, write).await?)
}

async fn written(kit: &Kit) -> Result<(), Fault> {
    let outbox = outbox(kit).await?;
    let inserted = insert_recorded(kit, "one").await?;
    let id = ResourceId::from(inserted.id());
    let write = kit.write(&kit.user, json!({"userName": "one", "title": "x"}))?;
    let change = Box::new(|before: &Stored| {
        let changes =
            scim2_core::change::ChangeSet::of(&kit.user, &before.resource, &write.resource);
        let record = ChangeRecord::changed(&kit.user, &before.resource, &write.resource, &changes);
        Ok(Some(write.clone().with_record(Some(record.by("kit", "2")))))
    });
    let updated = kit.store.update(&kit.scope, &kit.user, &id, Load::Full, change).await?;
    let check = Box::new(|before: &Stored, _: &_| {
        Ok(Some(ChangeRecord::deleted(&kit.user, &before.resource).by("kit", "3")))
    });
    kit.store.delete(&kit.scope, &kit.user, &id, Load::Full, Dangling::Cleared, check).await?;
    let events = pending(outbox).await?;
    let expected = [
        (ChangeKind::Created, "1", inserted.version),
        (ChangeKind::Changed, "2", updated.stored.version.clone()),
        (ChangeKind::Deleted, "3", updated.stored.version),
    ];
    equal("the number of events", &events.len(), &expected.len())?;
    for (event, (kind, request, version)) in events.iter().zip(expected) {
        equal("the kind", &event.record.kind, &kind)?;
        equal("the request", &&*event.record.request_id, &request)?;
        equal("the version", &event.version, &version)?;
        equal("the id", &event.id, &id)?;
        equal("the type", &&*event.resource_type, &"User")?;
        equal("the scope", &event.scope, &kit.scope)?;
    }
    Ok(())
}

async fn only_changes(kit: &Kit) -> Result<(), Fault> {
    let outbox = outbox(kit).await?;
    let stored = insert_recorded(kit, "one").await?;
    let id = ResourceId::from(stored.id());
    let before = pending(outbox).await?;
    let write = kit.write(&kit.user, json!({"userName": "ONE"}))?;
    let record = ChangeRecord::created(&kit.user, &write.resource);
    let write = write.with_record(Some(record));
    taken(kit.store.insert(&kit.scope, &kit.user, write).await)?;
    let nothing = Box::new(|_: &Stored| Ok(None));
    kit.store.update(&kit.scope, &kit.user, &id, Load::Full, nothing).await?;
    let refuse = Box::new(|_: &Stored, _: &_| Err(Error::invalid_value("no")));
    let refused =
        kit.store.delete(&kit.scope, &kit.user, &id, Load::Full, Dangling::Cleared, refuse).await;
    ensure(refused.is_err(), || "a refused deletion succeeded".to_owned())?;
    equal("the events", &pending(outbox).await?, &before)
}

async fn members(kit: &Kit) -> Result<(), Fault> {
    let outbox = outbox(kit).await?;
    let (a, b) = (kit.named("a").await?, kit.named("b").await?);
    let group = kit.insert_group("g", &[&a]).await?;
    let before = pending(outbox).await?.len();
    let change = delta(&[&a, &b], &[]);
    let record = ChangeRecord::members(&change);
    for _ in 0..2 {
        // The second time there is nothing to do.
        kit.store
            .change_members(&kit.scope, &kit.group, &group, None, &change, Some(&record))
            .await?;
    }
    let events = pending(outbox).await?;
    equal("the number of events", &(events.len() - before.min(events.len())), &1)?;
    let last = events.last().map(|event| &event.record);
    equal("who was added", &last.map(|record| &record.members_added), &Some(&vec![b]))
}

async fn cascade(kit: &Kit) -> Result<(), Fault> {
    let outbox = outbox(kit).await?;
    let user = kit.named("u").await?;
    let group = kit.insert_group("g", &[&user]).await?;
    let check = Box::new(|before: &Stored, _: &_| {
        Ok(Some(ChangeRecord::deleted(&kit.user, &before.resource).by("kit", "1")))
    });
    kit.store.delete(&kit.scope, &kit.user, &user, Load::Full, Dangling::Cleared, check).await?;
    let events = pending(outbox).await?;
    let of_group = events.iter().find(|event| event.id == group);
    let Some(of_group) = of_group else {
        return Err(Fault::Broken("the group's change is not written down".to_owned()));
    };
    equal("who was removed", &of_group.record.members_removed, &vec![user.clone()])?;
    let now = kit.get(&kit.group, &group).await?.version;
    equal("the group's version", &of_group.version, &now)?;
    ensure(events.iter().any(|event| event.id == user), || {
        "the deletion is not written down".to_owned()
    })
}

async fn acknowledge(kit: &Kit) -> Result<(), Fault> {
    let outbox = outbox(kit).await?;
    outbox.subscribe(&[SUBSCRIBER, "other"]).await?;
    for name in ["one", "two", "three"] {
        insert_recorded(kit, name).await?;
    }
    let first = outbox.pending(SUBSCRIBER, 2).await?;
    equal("a page of two", &first.len(), &2)?;
    let through = first.last().map_or(0, |event| event.sequence);
    outbox.acknowledge(SUBSCRIBER, through).await?;
    equal("what is left", &pending(outbox).await?.len(), &1)?;
    equal("what the other has", &outbox.pending("other", 100).await?.len(), &3)?;
    outbox.acknowledge("other", u64::MAX / 4).await?;
    equal("what the other has left", &outbox.pending("other", 100).await?.len(), &0)?;
    equal("what is left to the first", &pending(outbox).await?.len(), &1)
}
