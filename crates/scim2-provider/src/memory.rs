//! A store in memory, for tests, demonstrations and small directories.

mod tenant;

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use chrono::{DateTime, Utc};
use scim2_core::change::MemberDelta;
use scim2_core::etag::EntityTags;
use scim2_core::resource::ResourceId;
use scim2_core::{Resource, ResourceType, Valid};

use self::tenant::{Content, Memberships, Row, Tenant};
use crate::clock::{Clock, SystemClock};
use crate::scope::{Scope, TenantId};
use crate::store::{Change, Load, Query, QueryResult, Store, StoreError, Stored, Updated};

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
    clock: Arc<dyn Clock>,
}

impl MemoryStore {
    /// An empty store that goes by this clock.
    #[must_use]
    pub fn with_clock(clock: Arc<dyn Clock>) -> Self {
        Self { tenants: RwLock::default(), clock }
    }

    fn read(&self) -> RwLockReadGuard<'_, HashMap<TenantId, Tenant>> {
        // A writer that panicked has not written: changes are computed first and put in place last.
        self.tenants.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, HashMap<TenantId, Tenant>> {
        self.tenants.write().unwrap_or_else(PoisonError::into_inner)
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

    async fn insert(
        &self,
        scope: &Scope,
        ty: &ResourceType,
        resource: Valid<Resource>,
    ) -> Result<Stored, StoreError> {
        let now = milliseconds(self.clock.now());
        let id = new_id(now)?;
        let mut tenants = self.write();
        let tenant = tenants.entry(scope.tenant.clone()).or_default();
        let mut resource = resource.into_inner();
        resource.insert("id", id.as_str());
        let content = Content::of(ty, resource);
        tenant.check_unique(&id, &content)?;
        tenant.add(&id, ty, scope, content, now);
        let row = tenant.row(ty, &id)?;
        Ok(tenant.stored(row, ty, scope, Load::Full))
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
        let Some(after) = change(&before).map_err(StoreError::Refused)? else {
            return Ok(Updated::unchanged(before));
        };
        let mut after = after.into_inner();
        after.insert("id", id.as_str());
        let content = Content::of(ty, after);
        tenant.check_unique(id, &content)?;
        let memberships = match load {
            Load::Full => Memberships::Replace,
            Load::WithoutMembers => Memberships::Keep,
        };
        tenant.put(id, scope, content, memberships, now);
        let row = tenant.row(ty, id)?;
        Ok(Updated::changed(tenant.stored(row, ty, scope, load)))
    }

    async fn change_members(
        &self,
        scope: &Scope,
        ty: &ResourceType,
        id: &ResourceId,
        expected: Option<&EntityTags>,
        delta: &MemberDelta,
    ) -> Result<Updated, StoreError> {
        let now = milliseconds(self.clock.now());
        let mut tenants = self.write();
        let tenant = tenants.get_mut(&scope.tenant).ok_or(StoreError::NotFound)?;
        let row = tenant.row(ty, id)?;
        check_version(row, expected)?;
        let changed = tenant.change_members(id, delta, now);
        let stored = tenant.stored(tenant.row(ty, id)?, ty, scope, Load::WithoutMembers);
        Ok(if changed { Updated::changed(stored) } else { Updated::unchanged(stored) })
    }

    async fn delete(
        &self,
        scope: &Scope,
        ty: &ResourceType,
        id: &ResourceId,
        expected: Option<&EntityTags>,
    ) -> Result<(), StoreError> {
        let now = milliseconds(self.clock.now());
        let mut tenants = self.write();
        let tenant = tenants.get_mut(&scope.tenant).ok_or(StoreError::NotFound)?;
        check_version(tenant.row(ty, id)?, expected)?;
        tenant.delete(id, now);
        Ok(())
    }
}

fn check_version(row: &Row, expected: Option<&EntityTags>) -> Result<(), StoreError> {
    match expected {
        Some(expected) if !expected.matches(&row.version()) => Err(StoreError::PreconditionFailed),
        _ => Ok(()),
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
