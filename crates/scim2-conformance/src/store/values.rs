//! Unique values.

use scim2_provider::store::Load;
use serde_json::json;

use super::kit::{Fault, Kit, equal, taken};
use super::promises;

promises! {
    "unique.insert", "a unique value is given out once" => insert;
    "unique.case", "what differs in case alone is the same value, in any script" => case;
    "unique.update", "an update cannot take another's value, and keeps its own" => update;
    "unique.freed", "a value is free again when its resource is deleted or has another" => freed;
    "unique.tenants", "unique values are unique in their tenant" => tenants;
    "unique.refused-insert", "a refused insert leaves nothing behind" => refused_insert;
}

async fn insert(kit: &Kit) -> Result<(), Fault> {
    kit.named("taken").await?;
    taken(kit.try_insert(&kit.user, json!({"userName": "taken"})).await?)?;
    // Names of groups are not unique.
    kit.insert_group("taken", &[]).await?;
    kit.insert_group("taken", &[]).await.map(drop)
}

async fn case(kit: &Kit) -> Result<(), Fault> {
    for (first, second) in [("BJensen", "bjENSEN"), ("STRASSE", "straße"), ("ΣΊΣΥΦΟΣ", "σίσυφος")]
    {
        kit.named(first).await?;
        taken(kit.try_insert(&kit.user, json!({"userName": second})).await?)?;
    }
    Ok(())
}

async fn update(kit: &Kit) -> Result<(), Fault> {
    let first = kit.named("first").await?;
    let second = kit.named("second").await?;
    let before = kit.get(&kit.user, &second).await?;
    let body = json!({"userName": "FIRST", "title": "x"});
    taken(kit.replace(&kit.user, &second, Load::Full, body).await?)?;
    equal("a user after a refused update", &kit.get(&kit.user, &second).await?, &before)?;
    let own = json!({"userName": "First"});
    kit.replace(&kit.user, &first, Load::Full, own).await??;
    Ok(())
}

async fn freed(kit: &Kit) -> Result<(), Fault> {
    let deleted = kit.named("deleted").await?;
    kit.delete(&kit.user, &deleted).await?;
    kit.named("deleted").await?;
    let renamed = kit.named("renamed").await?;
    kit.replace(&kit.user, &renamed, Load::Full, json!({"userName": "other"})).await??;
    kit.named("renamed").await?;
    taken(kit.try_insert(&kit.user, json!({"userName": "other"})).await?)
}

async fn tenants(kit: &Kit) -> Result<(), Fault> {
    kit.named("both").await?;
    kit.other_tenant().named("both").await.map(drop)
}

async fn refused_insert(kit: &Kit) -> Result<(), Fault> {
    kit.named("one").await?;
    taken(kit.try_insert(&kit.user, json!({"userName": "ONE", "externalId": "e"})).await?)?;
    let total = kit.query(&kit.user, &kit.page(1, 0)).await?.total;
    equal("the number of users", &total, &Some(1))?;
    equal("who has the value", &kit.matching(&kit.user, "externalId eq \"e\"").await?, &Vec::new())
}
