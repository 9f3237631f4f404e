//! Many writers at once.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use scim2_core::resource::ResourceId;
use scim2_provider::store::{Load, Store, StoreError, Stored, Write};
use serde_json::{Value, json};
use tokio::sync::Barrier;
use tokio::task::JoinSet;

use super::kit::{Fault, Kit, ensure, equal, sorted_ids, values};
use super::promises;

promises! {
    "concurrent.inserts", "64 inserts at once are 64 resources" => inserts;
    "concurrent.same-name", "of 64 inserts of one name one succeeds" => same_name;
    "concurrent.updates", "of 64 updates at once none is lost" => updates;
    "concurrent.members", "of 64 changes of a group's members at once none is lost" => members;
    "concurrent.rename", "a group whose members change all the time is renamed and deleted"
        => h10_a_group_whose_members_change_is_renamed_and_deleted;
}

const WRITERS: usize = 64;
/// How often a group gets another name.
const RENAMES: usize = 4;

/// Runs this for each writer, all at once.
async fn at_once<F>(mut work: impl FnMut(usize) -> F) -> Result<Vec<F::Output>, Fault>
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    let barrier = Arc::new(Barrier::new(WRITERS));
    let mut tasks = JoinSet::new();
    for number in 0..WRITERS {
        let (barrier, work) = (barrier.clone(), work(number));
        tasks.spawn(async move {
            barrier.wait().await;
            work.await
        });
    }
    let mut results = Vec::new();
    while let Some(result) = tasks.join_next().await {
        results.push(result.map_err(|error| Fault::Broken(format!("a writer failed: {error}")))?);
    }
    Ok(results)
}

async fn inserts(kit: &Kit) -> Result<(), Fault> {
    let results = at_once(|number| {
        let kit = kit.clone();
        async move { kit.named(&format!("user{number}")).await }
    })
    .await?;
    let mut ids = results.into_iter().collect::<Result<Vec<_>, _>>()?;
    ids.sort_unstable_by(|a, b| a.as_str().cmp(b.as_str()));
    ids.dedup();
    equal("the number of ids", &ids.len(), &WRITERS)?;
    let total = kit.query(&kit.user, &kit.page(1, 0)).await?.total;
    equal("the number of users", &total, &u64::try_from(WRITERS).ok())
}

async fn same_name(kit: &Kit) -> Result<(), Fault> {
    let results = at_once(|number| {
        let kit = kit.clone();
        let name = if number % 2 == 0 { "same" } else { "SAME" };
        async move { kit.try_insert(&kit.user, json!({"userName": name})).await }
    })
    .await?;
    let mut succeeded = 0;
    for result in results {
        match result? {
            Ok(_) => succeeded += 1,
            Err(StoreError::Uniqueness { .. }) => {}
            Err(other) => return Err(other.into()),
        }
    }
    equal("the number of successes", &succeeded, &1)?;
    let total = kit.query(&kit.user, &kit.page(1, 0)).await?.total;
    equal("the number of users", &total, &Some(1))
}

async fn updates(kit: &Kit) -> Result<(), Fault> {
    let id =
        ResourceId::from(kit.insert_user(json!({"userName": "counter", "title": "0"})).await?.id());
    let results = at_once(|_| {
        let (kit, id) = (kit.clone(), id.clone());
        async move { count_up(&kit, &id).await }
    })
    .await?;
    let mut succeeded = 0_usize;
    for result in results {
        match result {
            Ok(()) => succeeded += 1,
            // Who is told so can try again.
            Err(StoreError::Conflict) => {}
            Err(other) => return Err(other.into()),
        }
    }
    ensure(succeeded > 0, || "no update succeeded".to_owned())?;
    let title = kit.get(&kit.user, &id).await?;
    let counted = title.resource.text("title").unwrap_or_default().to_owned();
    equal("the counter", &counted, &succeeded.to_string())
}

/// Adds one to the number in `title`.
async fn count_up(kit: &Kit, id: &ResourceId) -> Result<(), StoreError> {
    let change = Box::new(|before: &Stored| {
        let count: u64 = before.resource.text("title").and_then(|t| t.parse().ok()).unwrap_or(0);
        let mut after = before.resource.clone();
        after.insert("title", (count + 1).to_string());
        let after =
            kit.user.validate_replace(&before.resource, after, &scim2_core::Policy::strict())?;
        Ok(Some(Write::from(after)))
    });
    kit.store.update(&kit.scope, &kit.user, id, Load::Full, change).await.map(drop)
}

async fn members(kit: &Kit) -> Result<(), Fault> {
    let mut users = Vec::new();
    for number in 0..WRITERS {
        users.push(kit.named(&format!("u{number}")).await?);
    }
    let (stay, come) = users.split_at(WRITERS / 2);
    let stay: Vec<&ResourceId> = stay.iter().collect();
    let group = kit.insert_group("g", &stay).await?;
    let results = at_once(|number| {
        let (kit, group, user) = (kit.clone(), group.clone(), users.get(number).cloned());
        async move {
            let Some(user) = user else { return Ok(()) };
            // The first half goes, the second comes.
            let (add, remove) =
                if number < WRITERS / 2 { (vec![], vec![&user]) } else { (vec![&user], vec![]) };
            loop {
                match kit.change_members(&group, &add, &remove).await {
                    Err(StoreError::Conflict) => {}
                    result => return result.map(drop),
                }
            }
        }
    })
    .await?;
    results.into_iter().collect::<Result<(), StoreError>>()?;
    let stored = kit.get(&kit.group, &group).await?;
    let expected = sorted_ids(&come.iter().collect::<Vec<_>>());
    equal("the members", &values(&stored, "members"), &expected)?;
    let count = stored.resource.get("members").and_then(Value::as_array).map_or(0, Vec::len);
    equal("the number of members", &count, &(WRITERS / 2))
}

async fn h10_a_group_whose_members_change_is_renamed_and_deleted(kit: &Kit) -> Result<(), Fault> {
    let group = kit.insert_group("g", &[]).await?;
    let done = Arc::new(AtomicBool::new(false));
    let results = at_once(|number| {
        let (kit, group, done) = (kit.clone(), group.clone(), Arc::clone(&done));
        async move {
            if number == 0 {
                let result = rename_and_delete(&kit, &group).await;
                done.store(true, Ordering::Relaxed);
                return result;
            }
            let member = ResourceId::from(format!("member{number}"));
            while !done.load(Ordering::Relaxed) {
                for (add, remove) in [(vec![&member], vec![]), (vec![], vec![&member])] {
                    match kit.change_members(&group, &add, &remove).await {
                        // It is gone, and this is over soon.
                        Ok(_) | Err(StoreError::Conflict | StoreError::NotFound) => {}
                        Err(other) => return Err(other.into()),
                    }
                    tokio::task::yield_now().await;
                }
            }
            Ok(())
        }
    })
    .await?;
    results.into_iter().collect()
}

/// Each must succeed, however many others change the group (ruling H10).
async fn rename_and_delete(kit: &Kit, group: &ResourceId) -> Result<(), Fault> {
    for number in 0..RENAMES {
        let name = json!({"displayName": format!("g{number}")});
        let renamed = kit.replace(&kit.group, group, Load::WithoutMembers, name.clone()).await??;
        equal("the name", &renamed.stored.resource.get("displayName"), &name.get("displayName"))?;
        tokio::task::yield_now().await;
    }
    Ok(kit.delete(&kit.group, group).await?)
}
