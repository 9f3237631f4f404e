//! What the tests have in common.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use chrono::{DateTime, Utc};
use scim2_core::resource::ResourceId;
use scim2_core::schema::{Schema, Uniqueness};
use scim2_core::syntax::Filter;
use scim2_core::{Catalog, Policy, Resource, ResourceType, Valid};
use scim2_provider::store::{Dangling, Load, Page, Query, StoreError, Stored, Updated, if_match};
use scim2_provider::{Clock, Scope, Store, TenantId};
use scim2_sql::{SqliteStore, SqliteStoreBuilder};
use serde_json::{Value, json};
use tempfile::TempDir;

/// A clock that stands still until it is set.
#[derive(Debug)]
pub(crate) struct ManualClock(AtomicI64);

impl ManualClock {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self(AtomicI64::new(1_700_000_000_000)))
    }

    pub(crate) fn advance(&self, milliseconds: i64) {
        self.0.fetch_add(milliseconds, Ordering::Relaxed);
    }
}

impl Clock for ManualClock {
    fn now(&self) -> DateTime<Utc> {
        DateTime::from_timestamp_millis(self.0.load(Ordering::Relaxed)).unwrap()
    }
}

/// The standard types, but groups have unique names.
pub(crate) fn unique_group_names() -> Catalog {
    let mut schema = Schema::clone(ResourceType::group().schema());
    let name = schema.attributes.iter_mut().find(|attribute| attribute.name == "displayName");
    name.unwrap().uniqueness = Uniqueness::Server;
    let mut catalog = Catalog::default();
    catalog.register(ResourceType::user()).unwrap();
    catalog.register(ResourceType::new("Group", "/Groups", schema)).unwrap();
    catalog
}

/// A store in a directory of its own, one tenant of it, and short names for its calls.
pub(crate) struct Fixture {
    pub(crate) store: SqliteStore,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) scope: Scope,
    pub(crate) directory: TempDir,
    pub(crate) runtime: tokio::runtime::Runtime,
}

impl Fixture {
    pub(crate) fn new() -> Self {
        Self::with(SqliteStore::builder())
    }

    pub(crate) fn with(builder: SqliteStoreBuilder) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let clock = ManualClock::new();
        let store = builder.clock(clock.clone()).open(directory.path().join("scim.db")).unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        Self { store, clock, scope: tenant("acme"), directory, runtime }
    }

    pub(crate) fn run<F: Future>(&self, future: F) -> F::Output {
        self.runtime.block_on(future)
    }

    pub(crate) fn user(&self, body: Value) -> Stored {
        self.try_user(body).unwrap()
    }

    pub(crate) fn try_user(&self, body: Value) -> Result<Stored, StoreError> {
        let ty = ResourceType::user();
        self.run(self.store.insert(&self.scope, &ty, valid(&ty, body).into()))
    }

    pub(crate) fn group(&self, name: &str, members: &[&str]) -> Stored {
        let members: Vec<_> = members.iter().map(|id| json!({"value": id})).collect();
        let ty = ResourceType::group();
        let body = json!({"displayName": name, "members": members});
        self.run(self.store.insert(&self.scope, &ty, valid(&ty, body).into())).unwrap()
    }

    pub(crate) fn get(&self, ty: &ResourceType, id: &str) -> Option<Stored> {
        let id = ResourceId::from(id);
        self.run(self.store.get(&self.scope, ty, &id, Load::Full)).unwrap()
    }

    pub(crate) fn get_user(&self, id: &str) -> Resource {
        self.get(&ResourceType::user(), id).unwrap().resource
    }

    pub(crate) fn get_group(&self, id: &str) -> Resource {
        self.get(&ResourceType::group(), id).unwrap().resource
    }

    pub(crate) fn replace(
        &self,
        ty: &ResourceType,
        id: &str,
        load: Load,
        body: Value,
    ) -> Result<Updated, StoreError> {
        let id = ResourceId::from(id);
        let change = Box::new(|_: &Stored| Ok(Some(valid(ty, body.clone()).into())));
        self.run(self.store.update(&self.scope, ty, &id, load, change))
    }

    pub(crate) fn delete(&self, ty: &ResourceType, id: &str) -> Result<(), StoreError> {
        let id = ResourceId::from(id);
        self.run(self.store.delete(
            &self.scope,
            ty,
            &id,
            Load::WithoutMembers,
            Dangling::Cleared,
            if_match(None),
        ))
    }

    /// The `id`s of what matches, in order.
    pub(crate) fn find(&self, ty: &ResourceType, filter: &str) -> Vec<String> {
        let filter: Filter = filter.parse().unwrap();
        let filter = ty.bind(&filter, &Policy::strict()).unwrap();
        let query = Query::page(Page::first(1000)).with_filter(filter);
        let result = self.run(self.store.query(&self.scope, ty, &query)).unwrap();
        assert_eq!(result.total, Some(result.resources.len() as u64));
        result.resources.iter().map(|stored| stored.id().to_owned()).collect()
    }
}

pub(crate) fn tenant(name: &str) -> Scope {
    Scope::tenant(TenantId::new(name).unwrap())
}

/// A resource as the service provider would hand it to the store.
pub(crate) fn valid(ty: &ResourceType, mut body: Value) -> Valid<Resource> {
    let mut schemas = vec![ty.schema().id.to_string()];
    for extension in ty.extensions() {
        if body.get(extension.schema.id.as_str()).is_some() {
            schemas.push(extension.schema.id.to_string());
        }
    }
    body["schemas"] = schemas.into();
    let body: Resource = serde_json::from_value(body).unwrap();
    ty.validate_new(body, &Policy::strict()).unwrap()
}

pub(crate) const ENTERPRISE: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";

pub(crate) fn with_manager(user_name: &str, manager: &str) -> Value {
    json!({"userName": user_name, ENTERPRISE: {"manager": {"value": manager}}})
}

/// Numbers that differ from run to run; the first says which run it was.
#[derive(Debug)]
pub(crate) struct Dice {
    #[expect(dead_code, reason = "shown by Debug")]
    seed: u64,
    state: u64,
}

impl Dice {
    pub(crate) fn new() -> Self {
        let seed = crate::database::number("SCIM2_SEED").unwrap_or_else(|| {
            let hasher = std::collections::hash_map::RandomState::new();
            std::hash::BuildHasher::hash_one(&hasher, 0) | 1
        });
        Self { seed, state: seed }
    }

    /// A number below `sides` (xorshift).
    pub(crate) fn roll(&mut self, sides: usize) -> usize {
        self.state ^= self.state << 13;
        self.state ^= self.state >> 7;
        self.state ^= self.state << 17;
        (self.state >> 33) as usize % sides
    }
}
