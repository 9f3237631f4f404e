//! The one way by which anything is changed: hooks are asked, the store writes, and what happened
//! is told.

use std::collections::HashSet;

use chrono::{DateTime, Utc};
use http::StatusCode;
use scim2_core::change::{ChangeSet, MemberDelta};
use scim2_core::etag::Version;
use scim2_core::resource::ResourceId;
use scim2_core::{Error, Resource, ResourceType, Valid};

use crate::audit;
use crate::auth::Authenticator;
use crate::condition::Condition;
use crate::events::{Cascade, ChangeEvent, ChangeRecord, ProposedChange};
use crate::metrics;
use crate::provider::{Exchange, ServiceProvider};
use crate::references::{Reference, references_of};
use crate::removals::RemovalLimit;
use crate::respond::Failure;
use crate::store::{Dangling, Load, Store, StoreError, Stored, Updated, Write};
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
        let proposed = ProposedChange { after: Some(&resource), ..proposed };
        self.ask(cx, &proposed)?;
        let mixed = proposed.mixed_scripts().join(" ");
        let write = Write::from(resource).with_record(self.kept(&record));
        let stored =
            watched("insert", ty, self.store.insert(&cx.principal.scope, ty, write)).await?;
        self.done(cx, ty, &stored, None, record, mixed);
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
        let mut made: Option<(Version, ChangeRecord, String)> = None;
        let (mut attempts, mut counted) = (0_u32, false);
        let change = |before: &Stored| {
            attempts += 1;
            let (after, changes) = change(before)?;
            if changes.is_empty() {
                return Ok(None);
            }
            let record = ChangeRecord::changed(ty, &before.resource, &after, &changes);
            let record = self.signed(cx, record);
            let proposed = ProposedChange::new(cx.principal, ty, Some(id), &record);
            let proposed = ProposedChange { before: Some(before), after: Some(&after), ..proposed };
            self.ask(cx, &proposed)?;
            self.count_removal(cx, &proposed, &mut counted)?;
            let kept = self.kept(&record);
            let mixed = proposed.mixed_scripts().join(" ");
            made = Some((before.version.clone(), record, mixed));
            Ok(Some(Write::from(after).with_record(kept)))
        };
        let scope = &cx.principal.scope;
        let updated =
            watched("update", ty, self.store.update(scope, ty, id, load, Box::new(change))).await;
        metrics::store_retries(attempts);
        let Updated { stored, changed, .. } = updated?;
        if let (true, Some((before, record, mixed))) = (changed, made) {
            self.done(cx, ty, &stored, Some(&before), record, mixed);
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
            let before = self.read(cx, ty, id, load).await?;
            condition.check(ty, &before.ok_or(StoreError::NotFound)?)?;
        }
        let joining = delta.add.iter().map(|member| member.value.clone());
        let joining = self.member_references(ty, joining);
        self.check_references(cx, ty, Some(id), &joining).await?;
        let record = self.signed(cx, ChangeRecord::members(delta));
        self.ask(cx, &ProposedChange::new(cx.principal, ty, Some(id), &record))?;
        let (scope, kept) = (&cx.principal.scope, self.kept(&record));
        let Updated { stored, changed, members } = watched(
            "change_members",
            ty,
            self.store.change_members(scope, ty, id, condition.if_match(), delta, kept.as_ref()),
        )
        .await?;
        if changed {
            let record = record.with_members(&members);
            self.done(cx, ty, &stored, None, record, String::new());
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
        let mut counted = false;
        let dangling = self.config.dangling_references;
        self.erase(cx, ty, id, condition, dangling, |proposed| {
            self.ask(cx, proposed)?;
            self.count_removal(cx, proposed, &mut counted)
        })
        .await
    }

    /// Takes back a resource that was created for a moment, and what came to refer to it. Nobody is
    /// asked: it never was there as a whole.
    pub(crate) async fn take_back(
        &self,
        cx: &Exchange<'_>,
        ty: &ResourceType,
        id: &ResourceId,
    ) -> Result<(), Failure> {
        self.erase(cx, ty, id, &Condition::none(), Dangling::Cleared, |_| Ok(())).await
    }

    /// Deletes a resource that `allow` lets go.
    async fn erase(
        &self,
        cx: &Exchange<'_>,
        ty: &ResourceType,
        id: &ResourceId,
        condition: &Condition,
        dangling: Dangling,
        mut allow: impl FnMut(&ProposedChange<'_>) -> Result<(), Error> + Send,
    ) -> Result<(), Failure> {
        // Who its members were is worth reading only to somebody.
        let told = !self.hooks.is_empty() || !self.subscribers.is_empty();
        let load = if told { Load::Full } else { condition.load(Load::WithoutMembers) };
        let mut gone: Option<(Version, ChangeRecord, Cascade)> = None;
        let mut attempts = 0_u32;
        let check = |before: &Stored, cascade: &Cascade| {
            attempts += 1;
            condition.check(ty, before)?;
            let record = self.signed(cx, ChangeRecord::deleted(ty, &before.resource));
            let proposed = ProposedChange::new(cx.principal, ty, Some(id), &record);
            let affected = &cascade.affected;
            allow(&ProposedChange { before: Some(before), affected, ..proposed })?;
            let kept = self.kept(&record);
            gone = Some((before.version.clone(), record, cascade.clone()));
            Ok(kept)
        };
        let scope = &cx.principal.scope;
        let deleted = self.store.delete(scope, ty, id, load, dangling, Box::new(check));
        let deleted = watched("delete", ty, deleted).await;
        metrics::store_retries(attempts);
        deleted?;
        if let Some((version, record, cascade)) = gone {
            for (affected, record) in cascade.records(id, &record) {
                let (name, id) = (&*affected.resource_type, affected.id.as_str());
                audit::changed(cx, name, id, [None, None], &record, "");
            }
            audit::changed(cx, ty.name(), id.as_str(), [Some(&version), None], &record, "");
            self.tell(cx, ty, (id, version, self.clock.now()), record);
        }
        Ok(())
    }

    fn signed(&self, cx: &Exchange<'_>, record: ChangeRecord) -> ChangeRecord {
        record.by(&cx.principal.name, &cx.origin.request_id)
    }

    /// What the store is to write down: nothing, if nobody would ever fetch it.
    fn kept(&self, record: &ChangeRecord) -> Option<ChangeRecord> {
        let wanted = !self.subscribers.is_empty() && self.store.outbox().is_some();
        wanted.then(|| record.clone())
    }

    /// Asks the hooks.
    fn ask(&self, cx: &Exchange<'_>, change: &ProposedChange<'_>) -> Result<(), Error> {
        if self.hooks.is_empty() {
            return Ok(());
        }
        let asked = tracing::debug_span!("scim.hook").in_scope(|| change.pass(&self.hooks));
        asked.inspect_err(|error| Self::refused_change(cx, change, error))
    }

    /// Counts what takes somebody away against the client's limit, once for a request (SEC-24).
    fn count_removal(
        &self,
        cx: &Exchange<'_>,
        change: &ProposedChange<'_>,
        counted: &mut bool,
    ) -> Result<(), Error> {
        let Some(removals) = self.removals.as_ref().filter(|_| !*counted) else { return Ok(()) };
        if removals.allow(cx.principal, change.record, self.clock.now()) {
            *counted = true;
            return Ok(());
        }
        let RemovalLimit { max, within } = removals.limit();
        let error = Error::new(StatusCode::FORBIDDEN).detail(format_args!(
            "the client has deleted or deactivated {max} resources within {} s, which is the most \
             it may: the rest is held until the time is over",
            within.as_secs()
        ));
        metrics::guard_tripped();
        Self::refused_change(cx, change, &error);
        Err(error)
    }

    fn refused_change(cx: &Exchange<'_>, change: &ProposedChange<'_>, error: &Error) {
        let (name, action) = (change.resource_type.name(), change.record.action());
        audit::refused(cx.principal, cx.origin, name, action, change.id, error);
    }

    /// Tells the log and the subscribers what was written.
    fn done(
        &self,
        cx: &Exchange<'_>,
        ty: &ResourceType,
        stored: &Stored,
        before: Option<&Version>,
        record: ChangeRecord,
        mixed_scripts: String,
    ) {
        let Stored { version, last_modified: at, .. } = stored;
        let id = ResourceId::from(stored.id());
        let versions = [before, Some(version)];
        audit::changed(cx, ty.name(), id.as_str(), versions, &record, &mixed_scripts);
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
