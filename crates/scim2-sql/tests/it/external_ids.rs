//! `externalId` where a resource type has it unique: within each provisioning domain, in every
//! store alike.

use scim2_core::resource::ResourceId;
use scim2_core::syntax::Filter;
use scim2_core::{Catalog, Policy, ResourceType};
use scim2_provider::store::{Dangling, Load, Page, Query, StoreError, Stored, if_match};
use scim2_provider::{MemoryStore, ProvisioningDomain, Scope, Store};
use scim2_sql::{PostgresStore, SqliteStore};
use serde_json::json;

use crate::database;
use crate::support::{tenant, valid};

fn users() -> ResourceType {
    ResourceType::user().with_unique_external_id()
}

fn domain(name: &str) -> Scope {
    tenant("acme").with_domain(ProvisioningDomain::new(name).unwrap())
}

async fn insert(
    store: &impl Store,
    scope: &Scope,
    user_name: &str,
    external_id: &str,
) -> Result<ResourceId, StoreError> {
    let body = json!({"userName": user_name, "externalId": external_id});
    let stored = store.insert(scope, &users(), valid(&users(), body).into()).await?;
    Ok(stored.id().into())
}

async fn rename(
    store: &impl Store,
    scope: &Scope,
    id: &ResourceId,
    external_id: Option<&str>,
) -> Result<(), StoreError> {
    let (ty, external_id) = (users(), external_id.map(str::to_owned));
    let change = Box::new(move |before: &Stored| {
        let mut after = before.resource.clone();
        match &external_id {
            Some(external_id) => after.insert("externalId", external_id.as_str()),
            None => after.remove("externalId"),
        };
        Ok(Some(valid(&users(), after.into()).into()))
    });
    store.update(scope, &ty, id, Load::Full, change).await.map(drop)
}

#[track_caller]
fn is_taken<T: std::fmt::Debug>(result: Result<T, StoreError>) {
    let Err(StoreError::Uniqueness { attribute }) = result else { panic!("{result:?}") };
    assert_eq!(attribute, "urn:ietf:params:scim:schemas:core:2.0:User:externalId");
}

async fn each_domain_has_its_own(store: &impl Store) {
    let (common, hr, it) = (tenant("acme"), domain("hr"), domain("it"));
    let a = insert(store, &hr, "a", "7").await.unwrap();
    is_taken(insert(store, &hr, "b", "7").await);
    // Neither another domain nor the clients without one meet it.
    let b = insert(store, &it, "b", "7").await.unwrap();
    let c = insert(store, &common, "c", "7").await.unwrap();
    is_taken(insert(store, &common, "d", "7").await);
    is_taken(rename(store, &hr, &b, Some("7")).await);
    // What one domain writes leaves what the others have.
    rename(store, &hr, &b, Some("8")).await.unwrap();
    rename(store, &it, &a, Some("9")).await.unwrap();
    rename(store, &common, &a, Some("10")).await.unwrap();
    is_taken(insert(store, &it, "d", "7").await);
    is_taken(insert(store, &hr, "d", "8").await);
    is_taken(insert(store, &hr, "d", "7").await);
    is_taken(insert(store, &common, "d", "10").await);
    // What is given up is free: in its own domain alone.
    rename(store, &hr, &a, None).await.unwrap();
    let d = insert(store, &hr, "d", "7").await.unwrap();
    is_taken(insert(store, &it, "e", "7").await);
    rename(store, &hr, &a, Some("11")).await.unwrap();
    store
        .delete(&common, &users(), &a, Load::WithoutMembers, Dangling::Cleared, if_match(None))
        .await
        .unwrap();
    for (scope, external_id) in [(&hr, "11"), (&it, "9"), (&common, "10")] {
        rename(store, scope, &c, Some(external_id)).await.unwrap();
    }
    is_taken(rename(store, &hr, &d, Some("11")).await);
    is_taken(rename(store, &it, &d, Some("9")).await);
}

#[test]
fn w13_unique_external_ids_are_those_of_a_domain_in_memory() {
    database::runtime().block_on(each_domain_has_its_own(&MemoryStore::default()));
}

#[test]
fn w13_unique_external_ids_are_those_of_a_domain_in_sqlite() {
    let mut catalog = Catalog::default();
    catalog.register(users()).unwrap();
    let directory = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(directory.path().join("scim.db")).unwrap();
    database::runtime().block_on(async {
        each_domain_has_its_own(&store).await;
        let found = store.check(&catalog).await.unwrap();
        assert!(found.is_sound(), "{found}");
    });
}

#[test]
fn w13_unique_external_ids_are_those_of_a_domain_in_postgresql() {
    database::runtime().block_on(async {
        let builder = PostgresStore::builder().connections(2);
        let Some(store) = database::store("unique externalId", builder).await else { return };
        each_domain_has_its_own(&store).await;
        let mut catalog = Catalog::default();
        catalog.register(users()).unwrap();
        let found = store.check(&catalog).await.unwrap();
        assert!(found.is_sound(), "{found}");
    });
}

/// What a domain calls a resource is nothing to who asks without one, and the other way round.
async fn only_ones_own_is_found(store: &impl Store) {
    let (common, hr, ty) = (tenant("acme"), domain("hr"), ResourceType::user());
    let found = async |scope: &Scope, external_id: &str| {
        let filter: Filter = format!("externalId eq \"{external_id}\"").parse().unwrap();
        let filter = ty.bind(&filter, &Policy::strict()).unwrap();
        let query = Query::page(Page::first(10)).with_filter(filter);
        store.query(scope, &ty, &query).await.unwrap().resources.len()
    };
    for (scope, name) in [(&hr, "of hr"), (&common, "common")] {
        let body = json!({"userName": name, "externalId": name});
        store.insert(scope, &ty, valid(&ty, body).into()).await.unwrap();
    }
    assert_eq!((found(&common, "of hr").await, found(&hr, "of hr").await), (0, 1));
    assert_eq!((found(&common, "common").await, found(&hr, "common").await), (1, 0));
}

#[test]
fn r43_3_1_12_only_ones_own_external_id_is_found() {
    database::runtime().block_on(async {
        only_ones_own_is_found(&MemoryStore::default()).await;
        let directory = tempfile::tempdir().unwrap();
        only_ones_own_is_found(&SqliteStore::open(directory.path().join("db")).unwrap()).await;
        let builder = PostgresStore::builder();
        let Some(store) = database::store("external ids", builder).await else { return };
        only_ones_own_is_found(&store).await;
    });
}
