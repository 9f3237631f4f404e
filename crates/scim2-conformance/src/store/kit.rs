use std::fmt;

use scim2_core::change::{Member, MemberDelta};
use scim2_core::resource::ResourceId;
use scim2_core::sort::SortOrder;
use scim2_core::syntax::{AttrPath, Filter};
use scim2_core::{Policy, Resource, ResourceType};
use scim2_provider::store::{
    Dangling, Load, Page, Query, QueryResult, StoreError, Stored, Updated, Write, if_match,
};
use scim2_provider::{DynStore, Scope, Store, TenantId};
use serde_json::{Value, json};

pub(super) const ENTERPRISE: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";

/// Why a check ends.
#[derive(Debug)]
pub(super) enum Fault {
    /// What must hold does not.
    Broken(String),
    /// The store does not offer what the check is about.
    NotOffered(String),
}

impl From<StoreError> for Fault {
    fn from(error: StoreError) -> Self {
        Self::Broken(format!("the store failed: {error}"))
    }
}

impl From<scim2_core::Error> for Fault {
    fn from(error: scim2_core::Error) -> Self {
        Self::Broken(format!("refused: {error}"))
    }
}

/// Breaks a promise unless the condition holds.
pub(super) fn ensure(holds: bool, reason: impl FnOnce() -> String) -> Result<(), Fault> {
    if holds { Ok(()) } else { Err(Fault::Broken(reason())) }
}

pub(super) fn equal<T: PartialEq + fmt::Debug>(
    what: &str,
    found: &T,
    expected: &T,
) -> Result<(), Fault> {
    ensure(found == expected, || format!("{what} should be {expected:?} and is {found:?}"))
}

/// The call was refused as it must be.
pub(super) fn refused<T: fmt::Debug>(
    result: Result<T, StoreError>,
    expected: &str,
    as_it_must: impl FnOnce(&StoreError) -> bool,
) -> Result<(), Fault> {
    match result {
        Err(error) if as_it_must(&error) => Ok(()),
        other => Err(Fault::Broken(format!("expected {expected}, found {other:?}"))),
    }
}

pub(super) fn not_found<T: fmt::Debug>(result: Result<T, StoreError>) -> Result<(), Fault> {
    refused(result, "`NotFound`", |error| matches!(error, StoreError::NotFound))
}

pub(super) fn taken<T: fmt::Debug>(result: Result<T, StoreError>) -> Result<(), Fault> {
    refused(result, "`Uniqueness`", |error| matches!(error, StoreError::Uniqueness { .. }))
}

/// A store, one tenant of it, and short names for its calls.
#[derive(Clone)]
pub(super) struct Kit {
    pub(super) store: DynStore,
    pub(super) scope: Scope,
    pub(super) user: ResourceType,
    pub(super) group: ResourceType,
}

impl Kit {
    #[expect(clippy::expect_used, reason = "the name is not empty")]
    pub(super) fn new(store: DynStore) -> Self {
        let tenant = TenantId::new("one").expect("a name that is not empty");
        let scope = Scope::tenant(tenant);
        Self { store, scope, user: ResourceType::user(), group: ResourceType::group() }
    }

    /// The same store, as another tenant sees it.
    #[expect(clippy::expect_used, reason = "the name is not empty")]
    pub(super) fn other_tenant(&self) -> Self {
        let tenant = TenantId::new("two").expect("a name that is not empty");
        Self { scope: Scope::tenant(tenant), ..self.clone() }
    }

    /// A resource as the service provider hands it to a store.
    pub(super) fn write(&self, ty: &ResourceType, body: Value) -> Result<Write, Fault> {
        let mut resource: Resource = match body {
            Value::Object(members) => members.into(),
            _ => Resource::new(),
        };
        let mut schemas = vec![ty.schema().id.to_string()];
        for extension in ty.extensions() {
            if resource.get(extension.schema.id.as_str()).is_some() {
                schemas.push(extension.schema.id.to_string());
            }
        }
        resource.insert("schemas", schemas);
        Ok(ty.validate_new(resource, &Policy::strict())?.into())
    }

    pub(super) async fn try_insert(
        &self,
        ty: &ResourceType,
        body: Value,
    ) -> Result<Result<Stored, StoreError>, Fault> {
        let write = self.write(ty, body)?;
        Ok(self.store.insert(&self.scope, ty, write).await)
    }

    pub(super) async fn insert_user(&self, body: Value) -> Result<Stored, Fault> {
        Ok(self.try_insert(&self.user, body).await??)
    }

    /// Inserts a user of this name.
    pub(super) async fn named(&self, user_name: &str) -> Result<ResourceId, Fault> {
        let stored = self.insert_user(json!({"userName": user_name})).await?;
        Ok(ResourceId::from(stored.id()))
    }

    pub(super) async fn insert_group(
        &self,
        name: &str,
        members: &[&ResourceId],
    ) -> Result<ResourceId, Fault> {
        let members: Vec<_> = members.iter().map(|id| json!({"value": id.as_str()})).collect();
        let body = json!({"displayName": name, "members": members});
        let stored = self.try_insert(&self.group, body).await??;
        Ok(ResourceId::from(stored.id()))
    }

    pub(super) async fn find(
        &self,
        ty: &ResourceType,
        id: &ResourceId,
    ) -> Result<Option<Stored>, Fault> {
        Ok(self.store.get(&self.scope, ty, id, Load::Full).await?)
    }

    pub(super) async fn get(&self, ty: &ResourceType, id: &ResourceId) -> Result<Stored, Fault> {
        let found = self.find(ty, id).await?;
        found.ok_or_else(|| Fault::Broken(format!("{} {} is not there", ty.name(), id.as_str())))
    }

    /// Puts this body in the place of what is there.
    pub(super) async fn replace(
        &self,
        ty: &ResourceType,
        id: &ResourceId,
        load: Load,
        body: Value,
    ) -> Result<Result<Updated, StoreError>, Fault> {
        let write = self.write(ty, body)?;
        let change = Box::new(move |_: &Stored| Ok(Some(write.clone())));
        Ok(self.store.update(&self.scope, ty, id, load, change).await)
    }

    pub(super) async fn delete(
        &self,
        ty: &ResourceType,
        id: &ResourceId,
    ) -> Result<(), StoreError> {
        self.delete_with(ty, id, Dangling::Cleared).await
    }

    pub(super) async fn delete_with(
        &self,
        ty: &ResourceType,
        id: &ResourceId,
        dangling: Dangling,
    ) -> Result<(), StoreError> {
        self.store.delete(&self.scope, ty, id, Load::Full, dangling, if_match(None)).await
    }

    pub(super) async fn change_members(
        &self,
        group: &ResourceId,
        add: &[&ResourceId],
        remove: &[&ResourceId],
    ) -> Result<Updated, StoreError> {
        let delta = delta(add, remove);
        self.store.change_members(&self.scope, &self.group, group, None, &delta, None).await
    }

    pub(super) async fn query(
        &self,
        ty: &ResourceType,
        query: &Query,
    ) -> Result<QueryResult, StoreError> {
        self.store.query(&self.scope, ty, query).await
    }

    /// A page of the users that match, by index.
    pub(super) fn page(&self, start_index: u64, count: u64) -> Query {
        Query::page(Page::Index { start_index, count })
    }

    pub(super) fn filtered(
        &self,
        query: Query,
        ty: &ResourceType,
        filter: &str,
    ) -> Result<Query, Fault> {
        let filter: Filter = filter
            .parse()
            .map_err(|error| Fault::Broken(format!("`{filter}` is no filter: {error}")))?;
        Ok(query.with_filter(ty.bind(&filter, &Policy::strict())?))
    }

    pub(super) fn sorted(
        &self,
        query: Query,
        attribute: &str,
        order: SortOrder,
    ) -> Result<Query, Fault> {
        let path: AttrPath = attribute
            .parse()
            .map_err(|error| Fault::Broken(format!("`{attribute}` is no path: {error}")))?;
        Ok(query.with_sort(self.user.bind_sort(&path, order, &Policy::strict())?))
    }

    /// The ids of all that match a filter, in order.
    pub(super) async fn matching(
        &self,
        ty: &ResourceType,
        filter: &str,
    ) -> Result<Vec<String>, Fault> {
        let query = self.filtered(self.page(1, 1000), ty, filter)?;
        let result = self.query(ty, &query).await?;
        let ids = ids(&result);
        equal("`total`", &result.total, &u64::try_from(ids.len()).ok())?;
        Ok(ids)
    }
}

pub(super) fn delta(add: &[&ResourceId], remove: &[&ResourceId]) -> MemberDelta {
    MemberDelta {
        add: add.iter().map(|id| Member::new((*id).clone())).collect(),
        remove: remove.iter().map(|id| (*id).clone()).collect(),
    }
}

pub(super) fn ids(result: &QueryResult) -> Vec<String> {
    result.resources.iter().map(|stored| stored.id().to_owned()).collect()
}

/// The ids of a group's members, or of a user's groups, sorted.
pub(super) fn values(stored: &Stored, attribute: &str) -> Vec<String> {
    let elements = stored.resource.get(attribute).and_then(Value::as_array);
    let value = |element: &Value| Some(element.get("value")?.as_str()?.to_owned());
    let mut values: Vec<_> = elements.into_iter().flatten().filter_map(value).collect();
    values.sort_unstable();
    values
}

pub(super) fn sorted_ids(ids: &[&ResourceId]) -> Vec<String> {
    let mut ids: Vec<_> = ids.iter().map(|id| id.as_str().to_owned()).collect();
    ids.sort_unstable();
    ids
}
