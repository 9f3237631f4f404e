//! The one way by which anything is changed: hooks are asked, the store writes, and what happened
//! is told.

use std::collections::HashSet;

use chrono::{DateTime, Utc};
use scim2_core::change::{ChangeSet, MemberDelta};
use scim2_core::etag::Version;
use scim2_core::resource::ResourceId;
use scim2_core::{Error, Resource, ResourceType, Valid};

use crate::audit;
use crate::auth::Authenticator;
use crate::condition::Condition;
use crate::events::{Cascade, ChangeEvent, ChangeRecord, ProposedChange};
use crate::provider::{Exchange, ServiceProvider};
use crate::references::{Reference, references_of};
use crate::respond::Failure;
use crate::store::{Load, Store, StoreError, Stored, Updated, Write};
use crate::watch::watched;

impl<S: Store, A: Authenticator> ServiceProvider<S, A> {
    /// Adds a resource.
    pub(crate) async fn insert(
        &self,
        cx: &Exchange<'_>,
        ty: &ResourceType,
        resource: Valid<Resource>,
    ) -> Result<Stored, Failure> {
        if self.checks_references() {
            self.check_references(cx, ty, None, &references_of(ty, &resource)).await?;
        }
        let record = self.signed(cx, ChangeRecord::created(ty, &resource));
        let proposed = ProposedChange::new(cx.principal, ty, None, &record);
        self.ask(&ProposedChange { after: Some(&resource), ..proposed })?;
        let write = Write::from(resource).with_record(self.kept(&record));
        let stored = watched("insert", self.store.insert(&cx.principal.scope, ty, write)).await?;
        self.done(cx, ty, &stored, None, record);
        Ok(stored)
    }

    /// Changes a resource as `change` says; nothing, if that returns no changes.
    ///
    /// Where references are checked, the first attempts find out what the change newly refers to,
    /// and write nothing.
    pub(crate) async fn update(
        &self,
        cx: &Exchange<'_>,
        ty: &ResourceType,
        id: &ResourceId,
        load: Load,
        mut change: impl FnMut(&Stored) -> Result<(Valid<Resource>, ChangeSet), Error> + Send,
    ) -> Result<Stored, Failure> {
        if !self.checks_references() {
            return self.write(cx, ty, id, load, change).await;
        }
        let mut checked: HashSet<ResourceId> = HashSet::new();
        loop {
            let mut unchecked: Vec<Reference<'_>> = Vec::new();
            let attempt = |before: &Stored| {
                let (after, changes) = change(before)?;
                let known = references_of(ty, &before.resource).into_iter();
                let known: HashSet<ResourceId> = known.map(|reference| reference.id).collect();
                unchecked = references_of(ty, &after);
                unchecked.retain(|new| !known.contains(&new.id) && !checked.contains(&new.id));
                if unchecked.is_empty() { Ok((after, changes)) } else { Err(Error::internal()) }
            };
            let outcome = self.write(cx, ty, id, load, attempt).await;
            if unchecked.is_empty() {
                return outcome;
            }
            self.check_references(cx, ty, Some(id), &unchecked).await?;
            checked.extend(unchecked.into_iter().map(|reference| reference.id));
        }
    }

    async fn write(
        &self,
        cx: &Exchange<'_>,
        ty: &ResourceType,
        id: &ResourceId,
        load: Load,
        mut change: impl FnMut(&Stored) -> Result<(Valid<Resource>, ChangeSet), Error> + Send,
    ) -> Result<Stored, Failure> {
        let mut made: Option<(Version, ChangeRecord)> = None;
        let change = |before: &Stored| {
            let (after, changes) = change(before)?;
            if changes.is_empty() {
                return Ok(None);
            }
            let record = ChangeRecord::changed(ty, &before.resource, &after, &changes);
            let record = self.signed(cx, record);
            let proposed = ProposedChange::new(cx.principal, ty, Some(id), &record);
            self.ask(&ProposedChange { before: Some(before), after: Some(&after), ..proposed })?;
            let kept = self.kept(&record);
            made = Some((before.version.clone(), record));
            Ok(Some(Write::from(after).with_record(kept)))
        };
        let scope = &cx.principal.scope;
        let Updated { stored, changed, .. } =
            watched("update", self.store.update(scope, ty, id, load, Box::new(change))).await?;
        if let (true, Some((before, record))) = (changed, made) {
            self.done(cx, ty, &stored, Some(&before), record);
        }
        Ok(stored)
    }

    /// Adds and removes members by name.
    pub(crate) async fn change_members(
        &self,
        cx: &Exchange<'_>,
        ty: &ResourceType,
        id: &ResourceId,
        condition: &Condition,
        delta: &MemberDelta,
    ) -> Result<Stored, Failure> {
        if condition.needs_reading() {
            let load = condition.load(Load::WithoutMembers);
            let before = self.store.get(&cx.principal.scope, ty, id, load).await?;
            condition.check(ty, &before.ok_or(StoreError::NotFound)?)?;
        }
        let joining = delta.add.iter().map(|member| member.value.clone());
        let joining = self.member_references(ty, joining);
        self.check_references(cx, ty, Some(id), &joining).await?;
        let record = self.signed(cx, ChangeRecord::members(delta));
        self.ask(&ProposedChange::new(cx.principal, ty, Some(id), &record))?;
        let (scope, kept) = (&cx.principal.scope, self.kept(&record));
        let Updated { stored, changed, members } = watched(
            "change_members",
            self.store.change_members(scope, ty, id, condition.if_match(), delta, kept.as_ref()),
        )
        .await?;
        if changed {
            self.done(cx, ty, &stored, None, record.with_members(&members));
        }
        Ok(stored)
    }

    /// Deletes a resource.
    pub(crate) async fn remove(
        &self,
        cx: &Exchange<'_>,
        ty: &ResourceType,
        id: &ResourceId,
        condition: &Condition,
    ) -> Result<(), Failure> {
        // Who its members were is worth reading only to somebody.
        let told = !self.hooks.is_empty() || !self.subscribers.is_empty();
        let load = if told { Load::Full } else { condition.load(Load::WithoutMembers) };
        let mut gone: Option<(Version, ChangeRecord, Cascade)> = None;
        let check = |before: &Stored, cascade: &Cascade| {
            condition.check(ty, before)?;
            let record = self.signed(cx, ChangeRecord::deleted(ty, &before.resource));
            let proposed = ProposedChange::new(cx.principal, ty, Some(id), &record);
            let affected = &cascade.affected;
            self.ask(&ProposedChange { before: Some(before), affected, ..proposed })?;
            let kept = self.kept(&record);
            gone = Some((before.version.clone(), record, cascade.clone()));
            Ok(kept)
        };
        watched("delete", self.store.delete(&cx.principal.scope, ty, id, load, Box::new(check)))
            .await?;
        if let Some((version, record, cascade)) = gone {
            for (affected, record) in cascade.records(id, &record) {
                let (name, id) = (&*affected.resource_type, affected.id.as_str());
                audit::changed(cx.principal, name, id, [None, None], &record);
            }
            audit::changed(cx.principal, ty.name(), id.as_str(), [Some(&version), None], &record);
            self.tell(cx, ty, (id, version, self.clock.now()), record);
        }
        Ok(())
    }

    fn signed(&self, cx: &Exchange<'_>, record: ChangeRecord) -> ChangeRecord {
        record.by(&cx.principal.name, cx.request_id)
    }

    /// What the store is to write down: nothing, if nobody would ever fetch it.
    fn kept(&self, record: &ChangeRecord) -> Option<ChangeRecord> {
        let wanted = !self.subscribers.is_empty() && self.store.outbox().is_some();
        wanted.then(|| record.clone())
    }

    /// Asks the hooks.
    fn ask(&self, change: &ProposedChange<'_>) -> Result<(), Error> {
        change.pass(&self.hooks).inspect_err(|error| {
            let ProposedChange { principal, record, .. } = change;
            let (name, action) = (change.resource_type.name(), record.action());
            audit::refused(principal, &record.request_id, name, action, change.id, error);
        })
    }

    /// Tells the log and the subscribers what was written.
    fn done(
        &self,
        cx: &Exchange<'_>,
        ty: &ResourceType,
        stored: &Stored,
        before: Option<&Version>,
        record: ChangeRecord,
    ) {
        let Stored { version, last_modified: at, .. } = stored;
        let id = ResourceId::from(stored.id());
        audit::changed(cx.principal, ty.name(), id.as_str(), [before, Some(version)], &record);
        self.tell(cx, ty, (&id, version.clone(), *at), record);
    }

    /// Tells the subscribers: from memory where the store has no outbox.
    fn tell(
        &self,
        cx: &Exchange<'_>,
        ty: &ResourceType,
        (id, version, at): (&ResourceId, Version, DateTime<Utc>),
        record: ChangeRecord,
    ) {
        if self.subscribers.is_empty() {
            return;
        }
        if self.store.outbox().is_none() {
            let (scope, id) = (cx.principal.scope.clone(), id.clone());
            self.outbox.push(ChangeEvent::new(0, scope, ty.name(), id, version, at, record));
        }
        self.bell.ring();
    }
}
