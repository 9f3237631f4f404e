//! From a handler of values to a store of documents.

use std::marker::PhantomData;

use scim2_core::change::MemberDelta;
use scim2_core::etag::EntityTags;
use scim2_core::resource::ResourceId;
use scim2_core::{Group, Resource, ResourceType, TypedResource};
use serde_json::Value;

use super::document::{self, Document};
use super::{Found, Handler, HandlerError, Handlers, Membership, Record};
use crate::events::{Affected, Cascade, ChangeRecord};
use crate::in_memory::page_in_memory;
use crate::metrics;
use crate::scope::Scope;
use crate::store::{
    Change, Check, Dangling, Load, Page, Query, QueryResult, Store, StoreError, Stored, Updated,
    Write, has_groups, has_members,
};
use crate::turns::Turns;

/// The store of one resource type that a handler keeps.
pub(super) struct Adapter<R, H> {
    handler: H,
    turns: Turns,
    view: PhantomData<fn() -> R>,
}

impl<R: TypedResource, H: Handler<R>> Adapter<R, H> {
    pub(super) fn new(handler: H) -> Self {
        Self { handler, turns: Turns::default(), view: PhantomData }
    }

    async fn find(
        &self,
        scope: &Scope,
        ty: &ResourceType,
        id: &ResourceId,
        load: Load,
    ) -> Result<Option<Stored>, StoreError> {
        match self.handler.get(scope, id, load).await.map_err(|error| passed_on(ty, error))? {
            Some(record) => stored_as(ty, id, record).map(Some),
            None => Ok(None),
        }
    }

    /// Reads, changes and replaces, again after a lost race. None from `change` is no change.
    async fn write(
        &self,
        scope: &Scope,
        ty: &ResourceType,
        id: &ResourceId,
        change: &mut (dyn FnMut(&Stored) -> Result<Option<Resource>, StoreError> + Send),
    ) -> Result<Updated, StoreError> {
        let _turn = self.turns.alone(scope, id).await;
        for _ in 0..Handlers::MAX_ATTEMPTS {
            // Whatever the change looks at, what is replaced is the whole resource.
            let before = self.find(scope, ty, id, Load::Full).await?;
            let before = before.ok_or(StoreError::NotFound)?;
            let Some(after) = change(&before)? else {
                return Ok(Updated::unchanged(before));
            };
            let asked = Document::to_replace(ty, id, &after);
            let resource = asked.to_typed::<R>()?;
            match self.handler.replace(scope, id, &before.version, resource).await {
                Ok(record) => {
                    let stored = stored_as(ty, id, record)?;
                    asked.compare(ty, &stored);
                    return Ok(Updated::changed(stored));
                }
                Err(HandlerError::Conflict) => {}
                Err(error) => return Err(passed_on(ty, error)),
            }
        }
        Err(StoreError::Conflict)
    }

    /// Adds and removes members without the rest of the group. None if the handler does not.
    async fn change_one_by_one(
        &self,
        scope: &Scope,
        ty: &ResourceType,
        id: &ResourceId,
        expected: Option<&EntityTags>,
        delta: &MemberDelta,
    ) -> Result<Option<Updated>, StoreError> {
        let _turn = self.turns.beside(scope, id).await;
        for _ in 0..Handlers::MAX_ATTEMPTS {
            let before = self.find(scope, ty, id, Load::WithoutMembers).await?;
            let before = before.ok_or(StoreError::NotFound)?;
            check_version(&before, expected)?;
            let version = expected.map(|_| &before.version);
            match self.handler.change_members(scope, id, version, delta).await {
                Ok(Membership::Done { record, members }) => {
                    let stored = stored_as(ty, id, record)?;
                    return Ok(Some(Updated::members(stored, members)));
                }
                Ok(Membership::NotOffered) => return Ok(None),
                Err(HandlerError::Conflict) => {}
                Err(error) => return Err(passed_on(ty, error)),
            }
        }
        Err(StoreError::Conflict)
    }
}

impl<R: TypedResource, H: Handler<R>> Store for Adapter<R, H> {
    async fn get(
        &self,
        scope: &Scope,
        ty: &ResourceType,
        id: &ResourceId,
        load: Load,
    ) -> Result<Option<Stored>, StoreError> {
        self.find(scope, ty, id, load).await
    }

    async fn query(
        &self,
        scope: &Scope,
        ty: &ResourceType,
        query: &Query,
    ) -> Result<QueryResult, StoreError> {
        // The filter is evaluated on what the handler returns, so that must have what it looks at.
        let load = match query.load {
            Load::WithoutMembers => query.load_to_decide(),
            Load::Full => Load::Full,
        };
        let query = &query.clone().with_load(load);
        let found = self.handler.query(scope, query).await;
        match found.map_err(|error| passed_on(ty, error))? {
            Found::Candidates(records) => {
                if query.filter.is_some() {
                    metrics::filter_pushed_down("scan");
                }
                let stored = records.into_iter().map(|record| document::stored(ty, record));
                page_in_memory(ty, query, stored.collect::<Result<Vec<_>, _>>()?)
            }
            Found::Page { total, records, next } => {
                if query.filter.is_some() {
                    metrics::filter_pushed_down("full");
                }
                let stored = records.into_iter().map(|record| document::stored(ty, record));
                let page = stored.collect::<Result<Vec<_>, _>>()?;
                check_page(ty, query, &page)?;
                let next = next.filter(|_| matches!(query.page, Page::Cursor { .. }));
                Ok(QueryResult::new(Some(total), page, next))
            }
        }
    }

    async fn insert(
        &self,
        scope: &Scope,
        ty: &ResourceType,
        write: Write,
    ) -> Result<Stored, StoreError> {
        let asked = Document::to_create(ty, &write.resource);
        let record = self.handler.create(scope, asked.to_typed::<R>()?).await;
        let record = record.map_err(|error| passed_on(ty, error))?;
        let stored = document::stored(ty, record)?;
        asked.compare(ty, &stored);
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
        let keeps_members = load == Load::WithoutMembers && has_members(ty);
        self.write(scope, ty, id, &mut |before| {
            let Some(write) = change(before).map_err(StoreError::Refused)? else {
                return Ok(None);
            };
            let mut after = write.resource.into_inner();
            if keeps_members {
                // The handler is given whole values, and these members are not part of the change.
                match before.resource.get("members") {
                    Some(members) => after.insert("members", members.clone()),
                    None => after.remove("members"),
                };
            }
            Ok(Some(after))
        })
        .await
    }

    async fn change_members(
        &self,
        scope: &Scope,
        ty: &ResourceType,
        id: &ResourceId,
        expected: Option<&EntityTags>,
        delta: &MemberDelta,
        _: Option<&ChangeRecord>,
    ) -> Result<Updated, StoreError> {
        if let Some(updated) = self.change_one_by_one(scope, ty, id, expected, delta).await? {
            return Ok(updated);
        }
        let mut done = MemberDelta::default();
        let mut change = |before: &Stored| {
            check_version(before, expected)?;
            let mut after = before.resource.clone();
            done = delta.apply(&mut after);
            Ok((!done.is_empty()).then_some(after))
        };
        let stored = self.write(scope, ty, id, &mut change).await?.stored;
        Ok(Updated::members(stored, done))
    }

    async fn delete(
        &self,
        scope: &Scope,
        ty: &ResourceType,
        id: &ResourceId,
        load: Load,
        _: Dangling,
        mut check: Check<'_>,
    ) -> Result<(), StoreError> {
        let _turn = self.turns.alone(scope, id).await;
        for _ in 0..Handlers::MAX_ATTEMPTS {
            // A user's groups say whose member it ceases to be.
            let load = if has_groups(ty) { Load::Full } else { load };
            let before = self.find(scope, ty, id, load).await?;
            let before = before.ok_or(StoreError::NotFound)?;
            check(&before, &cascade(ty, &before)).map_err(StoreError::Refused)?;
            match self.handler.delete(scope, id, &before.version).await {
                Ok(()) => return Ok(()),
                Err(HandlerError::Conflict) => {}
                Err(error) => return Err(passed_on(ty, error)),
            }
        }
        Err(StoreError::Conflict)
    }

    async fn ready(&self) -> Result<(), StoreError> {
        Ok(self.handler.ready().await?)
    }
}

/// What a deletion changes in other resources, as far as the resource itself tells: the groups
/// that it is directly in.
fn cascade(ty: &ResourceType, before: &Stored) -> Cascade {
    let groups = before.resource.get("groups").filter(|_| has_groups(ty));
    let text = |group: &'_ Value, name: &str| group.get(name)?.as_str().map(str::to_owned);
    let direct = |group: &&Value| text(group, "type").is_none_or(|kind| kind == "direct");
    let groups = groups.and_then(Value::as_array).into_iter().flatten().filter(direct);
    let ids = groups.filter_map(|group| text(group, "value"));
    Cascade::new(ids.map(|id| Affected::group(Group::RESOURCE_TYPE, id.into())).collect())
}

/// The record of the resource that was asked for, and of no other.
fn stored_as<R: TypedResource>(
    ty: &ResourceType,
    id: &ResourceId,
    record: Record<R>,
) -> Result<Stored, StoreError> {
    if record.id != *id {
        return Err(fault(ty, format!("was asked for `{id}` and gave `{}`", record.id)));
    }
    document::stored(ty, record)
}

/// Whether a page is one of the query that was asked.
fn check_page(ty: &ResourceType, query: &Query, page: &[Stored]) -> Result<(), StoreError> {
    let (Page::Index { count, .. } | Page::Cursor { count, .. }) = query.page;
    if page.len() as u64 > count {
        let found = page.len();
        return Err(fault(ty, format!("gave {found} resources for a page of {count}")));
    }
    let Some(filter) = &query.filter else { return Ok(()) };
    // Only the handler can know passwords.
    let wrong = |stored: &&Stored| !filter.matches_with(&stored.document(ty), &|_| true);
    match page.iter().find(wrong) {
        Some(stored) => {
            let id = stored.id();
            Err(fault(ty, format!("gave resource `{id}`, which does not match the filter")))
        }
        None => Ok(()),
    }
}

/// The handler's error, with the attribute named in full.
fn passed_on(ty: &ResourceType, error: HandlerError) -> StoreError {
    match StoreError::from(error) {
        StoreError::Uniqueness { attribute } => {
            let name = attribute.split('.').next().unwrap_or_default();
            let attribute = match ty.schema().attribute(name) {
                Some(_) => format!("{}:{attribute}", ty.schema().id),
                None => attribute,
            };
            StoreError::Uniqueness { attribute }
        }
        error => error,
    }
}

fn check_version(stored: &Stored, expected: Option<&EntityTags>) -> Result<(), StoreError> {
    match expected {
        Some(expected) if !expected.matches(&stored.version) => Err(StoreError::PreconditionFailed),
        _ => Ok(()),
    }
}

/// The handler did what it must not.
pub(super) fn fault(ty: &ResourceType, what: String) -> StoreError {
    StoreError::internal(format!("the handler of `{}` {what}", ty.name()))
}
