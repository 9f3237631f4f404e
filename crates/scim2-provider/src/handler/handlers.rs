//! Handlers by the resource types that they are for.

use std::fmt;

use scim2_core::change::MemberDelta;
use scim2_core::etag::EntityTags;
use scim2_core::resource::ResourceId;
use scim2_core::{Error, ResourceType, TypedResource};

use super::Handler;
use super::adapter::Adapter;
use crate::dyn_store::DynStore;
use crate::events::ChangeRecord;
use crate::scope::Scope;
use crate::store::{
    Change, Check, Dangling, Load, Query, QueryResult, Store, StoreError, Stored, Updated, Write,
};
use crate::text::{StoredText, TextResult};

/// A [`Store`] of handlers, one for each resource type.
///
/// One value may be the handler of several types: put it in an [`Arc`](std::sync::Arc). Types that
/// the application has no tables for may be kept in another store (see
/// [`with_store`](Self::with_store)). A type without either is answered 501.
///
/// See [`Handler`] for an example.
#[derive(Clone, Default)]
pub struct Handlers {
    by_type: Vec<(Box<str>, DynStore)>,
}

impl Handlers {
    /// How often a change is made anew because somebody else was faster.
    pub const MAX_ATTEMPTS: usize = 8;

    /// Resources of the type of `R` are in this handler.
    #[must_use]
    pub fn with<R: TypedResource>(self, handler: impl Handler<R>) -> Self {
        self.with_store(R::RESOURCE_TYPE, Adapter::new(handler))
    }

    /// Resources of the type of this name are in this store.
    #[must_use]
    pub fn with_store(mut self, resource_type: &str, store: impl Store) -> Self {
        self.by_type.retain(|(name, _)| **name != *resource_type);
        self.by_type.push((resource_type.into(), DynStore::new(store)));
        self
    }

    fn of(&self, ty: &ResourceType) -> Result<&DynStore, StoreError> {
        let found = self.by_type.iter().find(|(name, _)| **name == *ty.name());
        found.map(|(_, store)| store).ok_or_else(|| {
            let name = ty.name();
            tracing::error!(resource_type = name, "a type is served that no handler is for");
            StoreError::Refused(Error::not_implemented(format_args!(
                "resources of type `{name}` are not kept here"
            )))
        })
    }
}

impl fmt::Debug for Handlers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.by_type.iter().map(|(name, _)| name)).finish()
    }
}

impl Store for Handlers {
    async fn get(
        &self,
        scope: &Scope,
        ty: &ResourceType,
        id: &ResourceId,
        load: Load,
    ) -> Result<Option<Stored>, StoreError> {
        self.of(ty)?.get(scope, ty, id, load).await
    }

    async fn query(
        &self,
        scope: &Scope,
        ty: &ResourceType,
        query: &Query,
    ) -> Result<QueryResult, StoreError> {
        self.of(ty)?.query(scope, ty, query).await
    }

    async fn get_text(
        &self,
        scope: &Scope,
        ty: &ResourceType,
        id: &ResourceId,
        load: Load,
    ) -> Result<Option<StoredText>, StoreError> {
        self.of(ty)?.get_text(scope, ty, id, load).await
    }

    async fn query_text(
        &self,
        scope: &Scope,
        ty: &ResourceType,
        query: &Query,
    ) -> Result<TextResult, StoreError> {
        self.of(ty)?.query_text(scope, ty, query).await
    }

    async fn insert(
        &self,
        scope: &Scope,
        ty: &ResourceType,
        write: Write,
    ) -> Result<Stored, StoreError> {
        self.of(ty)?.insert(scope, ty, write).await
    }

    async fn update(
        &self,
        scope: &Scope,
        ty: &ResourceType,
        id: &ResourceId,
        load: Load,
        change: Change<'_>,
    ) -> Result<Updated, StoreError> {
        self.of(ty)?.update(scope, ty, id, load, change).await
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
        self.of(ty)?.change_members(scope, ty, id, expected, delta, record).await
    }

    async fn delete(
        &self,
        scope: &Scope,
        ty: &ResourceType,
        id: &ResourceId,
        load: Load,
        dangling: Dangling,
        check: Check<'_>,
    ) -> Result<(), StoreError> {
        self.of(ty)?.delete(scope, ty, id, load, dangling, check).await
    }

    async fn ready(&self) -> Result<(), StoreError> {
        for (_, store) in &self.by_type {
            store.ready().await?;
        }
        Ok(())
    }
}
