//! A store whose type is not known before the program runs.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use scim2_core::ResourceType;
use scim2_core::change::MemberDelta;
use scim2_core::etag::EntityTags;
use scim2_core::resource::ResourceId;

use crate::events::{ChangeRecord, Outbox};
use crate::scope::Scope;
use crate::store::{
    Change, Check, Dangling, Load, Query, QueryResult, Store, StoreError, Stored, Updated, Write,
};
use crate::text::{StoredText, TextResult};

/// Any [`Store`] behind one type, at the price of an allocation per call: for programs that choose
/// their store when they start, and for lists of stores.
///
/// ```
/// use scim2_provider::{DynStore, MemoryStore, ServiceProvider};
/// let store: DynStore = match std::env::var("DATABASE") {
///     // Ok(path) => DynStore::new(SqliteStore::open(path)?),
///     _ => DynStore::new(MemoryStore::default()),
/// };
/// let builder = ServiceProvider::builder(store);
/// # let _ = builder;
/// ```
#[derive(Clone)]
pub struct DynStore(Arc<dyn Boxed>);

impl DynStore {
    /// This store, its type forgotten.
    #[must_use]
    pub fn new(store: impl Store) -> Self {
        Self(Arc::new(store))
    }
}

impl fmt::Debug for DynStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DynStore").finish_non_exhaustive()
    }
}

type Called<'a, T> = Pin<Box<dyn Future<Output = Result<T, StoreError>> + Send + 'a>>;

/// [`Store`] with its futures boxed.
trait Boxed: Send + Sync {
    fn get<'a>(
        &'a self,
        scope: &'a Scope,
        ty: &'a ResourceType,
        id: &'a ResourceId,
        load: Load,
    ) -> Called<'a, Option<Stored>>;

    fn query<'a>(
        &'a self,
        scope: &'a Scope,
        ty: &'a ResourceType,
        query: &'a Query,
    ) -> Called<'a, QueryResult>;

    fn get_text<'a>(
        &'a self,
        scope: &'a Scope,
        ty: &'a ResourceType,
        id: &'a ResourceId,
        load: Load,
    ) -> Called<'a, Option<StoredText>>;

    fn query_text<'a>(
        &'a self,
        scope: &'a Scope,
        ty: &'a ResourceType,
        query: &'a Query,
    ) -> Called<'a, TextResult>;

    fn insert<'a>(
        &'a self,
        scope: &'a Scope,
        ty: &'a ResourceType,
        write: Write,
    ) -> Called<'a, Stored>;

    fn update<'a>(
        &'a self,
        scope: &'a Scope,
        ty: &'a ResourceType,
        id: &'a ResourceId,
        load: Load,
        change: Change<'a>,
    ) -> Called<'a, Updated>;

    fn change_members<'a>(
        &'a self,
        scope: &'a Scope,
        ty: &'a ResourceType,
        id: &'a ResourceId,
        expected: Option<&'a EntityTags>,
        delta: &'a MemberDelta,
        record: Option<&'a ChangeRecord>,
    ) -> Called<'a, Updated>;

    fn delete<'a>(
        &'a self,
        scope: &'a Scope,
        ty: &'a ResourceType,
        id: &'a ResourceId,
        load: Load,
        dangling: Dangling,
        check: Check<'a>,
    ) -> Called<'a, ()>;

    fn outbox(&self) -> Option<&dyn Outbox>;

    fn ready(&self) -> Called<'_, ()>;
}

impl<S: Store> Boxed for S {
    fn get<'a>(
        &'a self,
        scope: &'a Scope,
        ty: &'a ResourceType,
        id: &'a ResourceId,
        load: Load,
    ) -> Called<'a, Option<Stored>> {
        Box::pin(Store::get(self, scope, ty, id, load))
    }

    fn query<'a>(
        &'a self,
        scope: &'a Scope,
        ty: &'a ResourceType,
        query: &'a Query,
    ) -> Called<'a, QueryResult> {
        Box::pin(Store::query(self, scope, ty, query))
    }

    fn get_text<'a>(
        &'a self,
        scope: &'a Scope,
        ty: &'a ResourceType,
        id: &'a ResourceId,
        load: Load,
    ) -> Called<'a, Option<StoredText>> {
        Box::pin(Store::get_text(self, scope, ty, id, load))
    }

    fn query_text<'a>(
        &'a self,
        scope: &'a Scope,
        ty: &'a ResourceType,
        query: &'a Query,
    ) -> Called<'a, TextResult> {
        Box::pin(Store::query_text(self, scope, ty, query))
    }

    fn insert<'a>(
        &'a self,
        scope: &'a Scope,
        ty: &'a ResourceType,
        write: Write,
    ) -> Called<'a, Stored> {
        Box::pin(Store::insert(self, scope, ty, write))
    }

    fn update<'a>(
        &'a self,
        scope: &'a Scope,
        ty: &'a ResourceType,
        id: &'a ResourceId,
        load: Load,
        change: Change<'a>,
    ) -> Called<'a, Updated> {
        Box::pin(Store::update(self, scope, ty, id, load, change))
    }

    fn change_members<'a>(
        &'a self,
        scope: &'a Scope,
        ty: &'a ResourceType,
        id: &'a ResourceId,
        expected: Option<&'a EntityTags>,
        delta: &'a MemberDelta,
        record: Option<&'a ChangeRecord>,
    ) -> Called<'a, Updated> {
        Box::pin(Store::change_members(self, scope, ty, id, expected, delta, record))
    }

    fn delete<'a>(
        &'a self,
        scope: &'a Scope,
        ty: &'a ResourceType,
        id: &'a ResourceId,
        load: Load,
        dangling: Dangling,
        check: Check<'a>,
    ) -> Called<'a, ()> {
        Box::pin(Store::delete(self, scope, ty, id, load, dangling, check))
    }

    fn outbox(&self) -> Option<&dyn Outbox> {
        Store::outbox(self)
    }

    fn ready(&self) -> Called<'_, ()> {
        Box::pin(Store::ready(self))
    }
}

impl Store for DynStore {
    async fn get(
        &self,
        scope: &Scope,
        ty: &ResourceType,
        id: &ResourceId,
        load: Load,
    ) -> Result<Option<Stored>, StoreError> {
        self.0.get(scope, ty, id, load).await
    }

    async fn query(
        &self,
        scope: &Scope,
        ty: &ResourceType,
        query: &Query,
    ) -> Result<QueryResult, StoreError> {
        self.0.query(scope, ty, query).await
    }

    async fn get_text(
        &self,
        scope: &Scope,
        ty: &ResourceType,
        id: &ResourceId,
        load: Load,
    ) -> Result<Option<StoredText>, StoreError> {
        self.0.get_text(scope, ty, id, load).await
    }

    async fn query_text(
        &self,
        scope: &Scope,
        ty: &ResourceType,
        query: &Query,
    ) -> Result<TextResult, StoreError> {
        self.0.query_text(scope, ty, query).await
    }

    async fn insert(
        &self,
        scope: &Scope,
        ty: &ResourceType,
        write: Write,
    ) -> Result<Stored, StoreError> {
        self.0.insert(scope, ty, write).await
    }

    async fn update(
        &self,
        scope: &Scope,
        ty: &ResourceType,
        id: &ResourceId,
        load: Load,
        change: Change<'_>,
    ) -> Result<Updated, StoreError> {
        self.0.update(scope, ty, id, load, change).await
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
        self.0.change_members(scope, ty, id, expected, delta, record).await
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
        self.0.delete(scope, ty, id, load, dangling, check).await
    }

    fn outbox(&self) -> Option<&dyn Outbox> {
        self.0.outbox()
    }

    async fn ready(&self) -> Result<(), StoreError> {
        self.0.ready().await
    }
}
