//! A store in memory, for tests, demonstrations and small directories.

mod tenant;

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use chrono::{DateTime, Utc};
use scim2_core::ResourceType;
use scim2_core::change::MemberDelta;
use scim2_core::etag::EntityTags;
use scim2_core::resource::ResourceId;

use self::tenant::{Content, Memberships, Tenant};
use crate::clock::{Clock, SystemClock};
use crate::events::{Cascade, ChangeEvent, ChangeRecord, MemoryOutbox, Outbox};
use crate::scope::{Scope, TenantId};
use crate::store::{
    Change, Check, Dangling, Load, Query, QueryResult, Store, StoreError, Stored, Updated, Write,
    unchanged_members,
};
use crate::text::{StoredText, TextResult};

/// Keeps resources in memory: all rules of [`Store`], no durability.
///
/// Secrets such as `password` are dropped. One lock guards everything, and none of the work under
/// it waits for anything.
///
/// ```
/// use scim2_provider::MemoryStore;
/// let store = MemoryStore::default();
/// ```
pub struct MemoryStore {
    tenants: RwLock<HashMap<TenantId, Tenant>>,
    /// Written while `tenants` is locked, so that its order is that of the changes.
    outbox: MemoryOutbox,
    clock: Arc<dyn Clock>,
}

impl MemoryStore {
    /// An empty store that goes by this clock.
    #[must_use]
    pub fn with_clock(clock: Arc<dyn Clock>) -> Self {
        Self { tenants: RwLock::default(), outbox: MemoryOutbox::default(), clock }
    }

    fn read(&self) -> RwLockReadGuard<'_, HashMap<TenantId, Tenant>> {
        // A writer that panicked has not written: changes are computed first and put in place last.
        self.tenants.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, HashMap<TenantId, Tenant>> {
        self.tenants.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes down what was done to a resource, if that is wanted.
    fn tell(
        &self,
        scope: &Scope,
        ty: &ResourceType,
        stored: &Stored,
        record: Option<ChangeRecord>,
    ) {
        let Some(record) = record else { return };
        let (id, version) = (ResourceId::from(stored.id()), stored.version.clone());
        let (name, at) = (ty.name(), stored.last_modified);
        self.outbox.push(ChangeEvent::new(0, scope.clone(), name, id, version, at, record));
    }
}

impl Default for MemoryStore {
    fn default() -> Self {
        Self::with_clock(Arc::new(SystemClock))
    }
}

impl fmt::Debug for MemoryStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryStore").field("tenants", &self.read().len()).finish_non_exhaustive()
    }
}

impl Store for MemoryStore {
    async fn get(
        &self,
        scope: &Scope,
        ty: &ResourceType,
        id: &ResourceId,
        load: Load,
    ) -> Result<Option<Stored>, StoreError> {
        let tenants = self.read();
        let found = tenants.get(&scope.tenant).and_then(|tenant| {
            let row = tenant.row(ty, id).ok()?;
            Some(tenant.stored(row, ty, scope, load))
        });
        Ok(found)
    }

    async fn query(
        &self,
        scope: &Scope,
        ty: &ResourceType,
        query: &Query,
    ) -> Result<QueryResult, StoreError> {
        match self.read().get(&scope.tenant) {
            Some(tenant) => tenant.query(scope, ty, query),
            None => Ok(QueryResult::new(Some(0), Vec::new(), None)),
        }
    }

    async fn get_text(
        &self,
        scope: &Scope,
        ty: &ResourceType,
        id: &ResourceId,
        load: Load,
    ) -> Result<Option<StoredText>, StoreError> {
        let tenants = self.read();
        let found = tenants.get(&scope.tenant).and_then(|tenant| {
            let row = tenant.row(ty, id).ok()?;
            Some(tenant.text(row, ty, scope, load))
        });
        Ok(found)
    }

    async fn query_text(
        &self,
        scope: &Scope,
        ty: &ResourceType,
        query: &Query,
    ) -> Result<TextResult, StoreError> {
        match self.read().get(&scope.tenant) {
            Some(tenant) => tenant.query_text(scope, ty, query),
            None => Ok(TextResult::new(Some(0), Vec::new(), None)),
        }
    }

    async fn insert(
        &self,
        scope: &Scope,
        ty: &ResourceType,
        write: Write,
    ) -> Result<Stored, StoreError> {
        let now = milliseconds(self.clock.now());
        let id = new_id(now)?;
        let mut tenants = self.write();
        let tenant = tenants.entry(scope.tenant.clone()).or_default();
        let mut resource = write.resource.into_inner();
        resource.insert("id", id.as_str());
        let content = Content::of(ty, resource);
        tenant.check_unique(&id, ty, scope, &content)?;
        tenant.add(&id, ty, scope, content, now);
        let stored = tenant.stored(tenant.row(ty, &id)?, ty, scope, Load::Full);
        self.tell(scope, ty, &stored, write.record);
        Ok(stored)
    }

    async fn update(
        &self,
        scope: &Scope,
        ty: &ResourceType,
        id: &ResourceId,
        load: Load,
        mut change: Change<'_>,
    ) -> Result<Updated, StoreError> {
        let now = milliseconds(self.clock.now());
        let mut tenants = self.write();
        let tenant = tenants.get_mut(&scope.tenant).ok_or(StoreError::NotFound)?;
        let before = tenant.stored(tenant.row(ty, id)?, ty, scope, load);
        let Some(write) = change(&before).map_err(StoreError::Refused)? else {
            return Ok(Updated::unchanged(before));
        };
        let mut after = write.resource.into_inner();
        after.insert("id", id.as_str());
        let unchanged = unchanged_members(&before.resource, &after);
        let mut content = Content::of(ty, after);
        content.leave_members(&unchanged);
        tenant.check_unique(id, ty, scope, &content)?;
        let memberships = match load {
            Load::Full => Memberships::Replace,
            Load::WithoutMembers => Memberships::Keep,
        };
        tenant.put(id, scope, content, memberships, now);
        let stored = tenant.stored(tenant.row(ty, id)?, ty, scope, load);
        self.tell(scope, ty, &stored, write.record);
        Ok(Updated::changed(stored))
    }

    async fn change_members(
        &self,
        scope: &Scope,
        ty: &ResourceType,
        id: &ResourceId,
        expected: Option<&EntityTags>,
        delta: &MemberDelta,
        record: Option<&ChangeRecord>,
    ) -> Result<Updated, StoreError> {
        let now = milliseconds(self.clock.now());
        let mut tenants = self.write();
        let tenant = tenants.get_mut(&scope.tenant).ok_or(StoreError::NotFound)?;
        let row = tenant.row(ty, id)?;
        if expected.is_some_and(|expected| !expected.matches(&row.version())) {
            return Err(StoreError::PreconditionFailed);
        }
        let delta = tenant.change_members(id, delta, now);
        let stored = tenant.stored(tenant.row(ty, id)?, ty, scope, Load::WithoutMembers);
        if !delta.is_empty() {
            let record = record.map(|record| record.clone().with_members(&delta));
            self.tell(scope, ty, &stored, record);
        }
        Ok(Updated::members(stored, delta))
    }

    async fn delete(
        &self,
        scope: &Scope,
        ty: &ResourceType,
        id: &ResourceId,
        load: Load,
        dangling: Dangling,
        mut check: Check<'_>,
    ) -> Result<(), StoreError> {
        let now = milliseconds(self.clock.now());
        let mut tenants = self.write();
        let tenant = tenants.get_mut(&scope.tenant).ok_or(StoreError::NotFound)?;
        let before = tenant.stored(tenant.row(ty, id)?, ty, scope, load);
        let cascade = match dangling {
            Dangling::Cleared => tenant.cascade(id),
            Dangling::Kept => Cascade::default(),
        };
        let record = check(&before, &cascade).map_err(StoreError::Refused)?;
        tenant.delete(id, &cascade, now);
        let Some(record) = record else { return Ok(()) };
        let gone = Stored { last_modified: now.max(before.last_modified), ..before };
        self.tell(scope, ty, &gone, Some(record.clone()));
        for (affected, record) in cascade.records(id, &record) {
            if let Some(event) = tenant.event(scope, &affected.id, record) {
                self.outbox.push(event);
            }
        }
        Ok(())
    }

    fn outbox(&self) -> Option<&dyn Outbox> {
        Some(&self.outbox)
    }
}

/// A version-7 UUID: unique, and in the order of creation (RFC 9562 §5.7).
fn new_id(now: DateTime<Utc>) -> Result<ResourceId, StoreError> {
    let mut random = [0; 10];
    getrandom::fill(&mut random).map_err(|_| StoreError::internal("no random numbers"))?;
    let milliseconds = u64::try_from(now.timestamp_millis()).unwrap_or_default();
    let uuid = uuid::Builder::from_unix_timestamp_millis(milliseconds, &random).into_uuid();
    Ok(ResourceId::from(uuid.to_string()))
}

/// The instant without what is finer than a millisecond, which `meta` does not show.
fn milliseconds(instant: DateTime<Utc>) -> DateTime<Utc> {
    DateTime::from_timestamp_millis(instant.timestamp_millis()).unwrap_or(instant)
}
