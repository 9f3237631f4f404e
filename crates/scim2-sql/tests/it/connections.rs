//! What becomes of connections to PostgreSQL when something goes wrong on them.

use std::time::Duration;

use futures_util::future::join_all;
use scim2_core::ResourceType;
use scim2_core::change::{Member, MemberDelta};
use scim2_core::resource::ResourceId;
use scim2_provider::Store;
use scim2_provider::store::Load;
use scim2_sql::PostgresStore;
use serde_json::json;

use crate::database;
use crate::support::{tenant, valid};

/// Nothing here takes this long unless it hangs.
const HANGS: Duration = Duration::from_secs(20);

/// A store and a group in it.
async fn group(url: &str, connections: usize) -> (PostgresStore, ResourceId) {
    let store = PostgresStore::builder().connections(connections).connect(url).await.unwrap();
    let ty = ResourceType::group();
    let group = valid(&ty, json!({"displayName": "all"}));
    let group = store.insert(&tenant("acme"), &ty, group.into()).await.unwrap();
    (store, group.id().into())
}

async fn add(store: &PostgresStore, group: &ResourceId, member: &str) {
    let mut delta = MemberDelta::default();
    delta.add.push(Member::new(member));
    let (scope, ty) = (tenant("acme"), ResourceType::group());
    store.change_members(&scope, &ty, group, None, &delta, None).await.unwrap();
}

async fn members(store: &PostgresStore, group: &ResourceId) -> usize {
    let found = store.get(&tenant("acme"), &ResourceType::group(), group, Load::Full).await;
    let members = found.unwrap().unwrap().resource.get("members").cloned().unwrap_or_default();
    members.as_array().map_or(0, Vec::len)
}

#[test]
fn what_nobody_waits_for_ends_and_holds_up_nobody_else() {
    database::runtime().block_on(async {
        let Some(url) = database::database("a client that goes away").await else { return };
        let (store, id) = group(&url, 1).await;
        let session = database::Session::new(&url).await;
        session.run("BEGIN; SELECT 1 FROM scim_resource FOR UPDATE").await;
        let change = tokio::spawn({
            let (store, id) = (store.clone(), id.clone());
            async move { add(&store, &id, "one").await }
        });
        session.someone_waits().await;
        change.abort();
        assert!(change.await.unwrap_err().is_cancelled());
        // The only connection is free for others, though the rows are still held.
        let next = tokio::time::timeout(HANGS, members(&store, &id)).await;
        assert_eq!(next.expect("the next call waits for the one that was given up"), 0);
        let ended = tokio::time::timeout(HANGS, async {
            while session.waiting().await > 0 {
                tokio::task::yield_now().await;
            }
        });
        ended.await.expect("what was given up goes on");
        session.run("COMMIT").await;
        add(&store, &id, "two").await;
        assert_eq!(members(&store, &id).await, 1);
    });
}

#[test]
fn statements_for_tables_as_they_were_are_prepared_anew() {
    database::runtime().block_on(async {
        let Some(url) = database::database("tables that change").await else { return };
        let (store, id) = group(&url, 4).await;
        let all = async |round: usize| {
            let calls = (0..8).map(|number| {
                let (store, id) = (store.clone(), id.clone());
                tokio::spawn(async move {
                    add(&store, &id, &format!("{round}-{number}")).await;
                    members(&store, &id).await
                })
            });
            for call in join_all(calls).await {
                call.unwrap();
            }
            assert_eq!(members(&store, &id).await, 8 * round);
        };
        all(1).await;
        let sql = "ALTER TABLE scim_resource ALTER doc TYPE varchar;
                   ALTER TABLE scim_member ALTER member TYPE varchar COLLATE \"C\"";
        database::execute(&url, sql).await;
        all(2).await;
        // Something between the store and the database forgets statements.
        let sql = "CREATE FUNCTION forget() RETURNS trigger LANGUAGE plpgsql AS
                   'BEGIN EXECUTE ''DEALLOCATE ALL''; RETURN NULL; END';
                   CREATE TRIGGER forget AFTER INSERT ON scim_member
                   FOR EACH STATEMENT EXECUTE FUNCTION forget()";
        database::execute(&url, sql).await;
        for number in 0..8 {
            add(&store, &id, &format!("3-{number}")).await;
            assert_eq!(members(&store, &id).await, 17 + number);
        }
    });
}
