//! Changes at the same moment that concern each other.

use scim2_core::change::{Member, MemberDelta};
use scim2_core::etag::Version;
use scim2_core::resource::ResourceId;
use scim2_core::{Catalog, ResourceType};
use scim2_provider::store::{Dangling, Load, StoreError, Stored, Updated, if_match};
use scim2_provider::{Scope, Store};
use scim2_sql::{PostgresStore, SqliteStore};
use serde_json::json;
use tokio::task::JoinSet;

use crate::database;
use crate::support::{ENTERPRISE, tenant, valid, with_manager};

/// One store or several over the same tables, and short names for their calls.
#[derive(Clone)]
struct Stores<S> {
    stores: Vec<S>,
    scope: Scope,
    user: ResourceType,
    group: ResourceType,
}

impl<S: Store + Clone> Stores<S> {
    fn of(stores: Vec<S>) -> Self {
        let (user, group) = (ResourceType::user(), ResourceType::group());
        Self { stores, scope: tenant("acme"), user, group }
    }

    fn store(&self, number: usize) -> &S {
        &self.stores[number % self.stores.len()]
    }

    async fn insert(&self, ty: &ResourceType, body: serde_json::Value) -> ResourceId {
        let write = valid(ty, body).into();
        self.store(0).insert(&self.scope, ty, write).await.unwrap().id().into()
    }

    async fn get(&self, ty: &ResourceType, id: &ResourceId) -> Stored {
        self.store(0).get(&self.scope, ty, id, Load::Full).await.unwrap().unwrap()
    }

    async fn add(
        &self,
        number: usize,
        group: &ResourceId,
        user: &ResourceId,
    ) -> Result<Updated, StoreError> {
        let mut delta = MemberDelta::default();
        delta.add.push(Member::new(user.as_str()));
        let store = self.store(number);
        store.change_members(&self.scope, &self.group, group, None, &delta, None).await
    }

    async fn set_manager(
        &self,
        number: usize,
        user: &ResourceId,
        name: &str,
        manager: &ResourceId,
    ) -> Result<Updated, StoreError> {
        let change = Box::new(|_: &Stored| {
            let body = with_manager(name, manager.as_str());
            Ok(Some(valid(&self.user, body).into()))
        });
        self.store(number).update(&self.scope, &self.user, user, Load::Full, change).await
    }

    async fn delete(&self, number: usize, user: &ResourceId) -> Result<(), StoreError> {
        let (load, dangling) = (Load::WithoutMembers, Dangling::Cleared);
        let store = self.store(number);
        store.delete(&self.scope, &self.user, user, load, dangling, if_match(None)).await
    }
}

/// What has happened to it since it was made, by its version.
fn changes(stored: &Stored) -> usize {
    (1..10_000).find(|n| stored.version == Version::weak(*n)).unwrap() as usize - 1
}

const GROUPS: usize = 6;
const USERS: usize = 40;

/// Users are deleted while they come into groups and become managers: whoever loses one has another
/// version for it.
async fn nobody_loses_what_his_version_does_not_tell<S: Store + Clone>(stores: Stores<S>) {
    let (mut groups, mut users, mut reports) = (Vec::new(), Vec::new(), Vec::new());
    for number in 0..GROUPS {
        groups.push(stores.insert(&stores.group, json!({"displayName": number.to_string()})).await);
    }
    for number in 0..USERS {
        let user = json!({"userName": format!("user{number}")});
        users.push(stores.insert(&stores.user, user).await);
        let report = json!({"userName": format!("report{number}")});
        reports.push(stores.insert(&stores.user, report).await);
    }
    let mut added = vec![0; GROUPS];
    for number in 0..USERS {
        let mut tasks = JoinSet::new();
        for (group, id) in groups.iter().enumerate() {
            let (stores, id, user) = (stores.clone(), id.clone(), users[number].clone());
            tasks.spawn(async move {
                let added = stores.add(group, &id, &user).await.unwrap();
                added.changed.then_some(group)
            });
        }
        let (them, report, user) = (stores.clone(), reports[number].clone(), users[number].clone());
        tasks.spawn(async move {
            let name = format!("report{number}");
            them.set_manager(number + 1, &report, &name, &user).await.unwrap();
            None
        });
        let (them, user) = (stores.clone(), users[number].clone());
        tasks.spawn(async move {
            them.delete(number, &user).await.unwrap();
            None
        });
        while let Some(done) = tasks.join_next().await {
            if let Some(group) = done.unwrap() {
                added[group] += 1;
            }
        }
    }
    for (group, added) in groups.iter().zip(added) {
        let group = stores.get(&stores.group, group).await;
        let members = group.resource.get("members").and_then(|m| m.as_array()).map_or(0, Vec::len);
        // Each came by a change and went by another.
        assert_eq!(changes(&group), added + (added - members), "{group:?}");
    }
    for report in &reports {
        let report = stores.get(&stores.user, report).await;
        let has_manager = report.resource.get(ENTERPRISE).is_some();
        assert_eq!(changes(&report), if has_manager { 1 } else { 2 }, "{report:?}");
    }
}

#[test]
fn what_is_deleted_takes_nothing_along_unseen_in_sqlite() {
    let directory = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(directory.path().join("scim.db")).unwrap();
    database::runtime().block_on(async {
        nobody_loses_what_his_version_does_not_tell(Stores::of(vec![store.clone()])).await;
        let sound = store.check(&Catalog::standard()).await.unwrap();
        assert!(sound.is_sound(), "{sound}");
    });
}

#[test]
fn what_is_deleted_takes_nothing_along_unseen_in_postgresql() {
    database::runtime().block_on(async {
        let Some(url) = database::database("races with deletions").await else { return };
        let one = PostgresStore::connect(&url).await.unwrap();
        let other = PostgresStore::connect(&url).await.unwrap();
        nobody_loses_what_his_version_does_not_tell(Stores::of(vec![one.clone(), other])).await;
        let sound = one.check(&Catalog::standard()).await.unwrap();
        assert!(sound.is_sound(), "{sound}");
    });
}

#[test]
fn what_comes_to_refer_to_what_is_being_deleted_is_seen_in_postgresql() {
    database::runtime().block_on(async {
        let Some(url) = database::database("a deletion that waits").await else { return };
        let store = PostgresStore::connect(&url).await.unwrap();
        let stores = Stores::of(vec![store.clone()]);
        let gone = stores.insert(&stores.user, json!({"userName": "gone"})).await;
        let members = json!([{"value": gone.as_str()}]);
        let old = json!({"displayName": "old", "members": members});
        let old = stores.insert(&stores.group, old).await;
        let new = stores.insert(&stores.group, json!({"displayName": "new"})).await;
        let report = stores.insert(&stores.user, json!({"userName": "report"})).await;

        // The deletion knows of one group, and waits for it.
        let session = database::Session::new(&url).await;
        let hold = format!("BEGIN; SELECT 1 FROM scim_resource WHERE id = '{old}' FOR UPDATE");
        session.run(&hold).await;
        let deletion = tokio::spawn({
            let (stores, gone) = (stores.clone(), gone.clone());
            async move { stores.delete(0, &gone).await }
        });
        session.someone_waits().await;
        assert!(stores.add(0, &new, &gone).await.unwrap().changed);
        stores.set_manager(0, &report, "report", &gone).await.unwrap();
        session.run("COMMIT").await;
        deletion.await.unwrap().unwrap();

        for (group, expected) in [(&old, 1), (&new, 2)] {
            let group = stores.get(&stores.group, group).await;
            assert_eq!(group.resource.get("members"), None);
            assert_eq!(changes(&group), expected, "{group:?}");
        }
        let report = stores.get(&stores.user, &report).await;
        assert_eq!(report.resource.get(ENTERPRISE), None);
        assert_eq!(changes(&report), 2, "{report:?}");
        let sound = store.check(&Catalog::standard()).await.unwrap();
        assert!(sound.is_sound(), "{sound}");
    });
}
