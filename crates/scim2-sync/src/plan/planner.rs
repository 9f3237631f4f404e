//! How a plan is made.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use scim2_core::resource::ResourceId;
use serde_json::Value;

use super::{
    Action, Changes, NullSource, Phase, Plan, PlanInput, Planned, Preflight, Rejected, SkipReason,
    Skipped,
};
use crate::desired::{DesiredObject, Duplicate};
use crate::guard::Held;
use crate::problem::{ErrorCode, Problem};
use crate::source::{ObjectKind, Removal, SourceId};
use crate::state::{EscrowKey, Fingerprint, Link};

/// Why an account that is still in scope is switched off.
const DISABLED: &str = "the account is disabled in the source";

pub(super) struct Planner<'a> {
    input: &'a PlanInput<'a>,
    plan: Plan,
    /// Users that this plan creates.
    creating: BTreeSet<&'a SourceId>,
    /// Groups that this plan creates, and where in the plan.
    creating_groups: BTreeMap<&'a SourceId, usize>,
    /// Objects that this plan deletes.
    deleting: BTreeSet<(ObjectKind, &'a SourceId)>,
    by_id: BTreeMap<&'a ResourceId, &'a SourceId>,
}

impl<'a> Planner<'a> {
    pub(super) fn new(input: &'a PlanInput<'a>) -> Self {
        Self {
            input,
            plan: Plan::default(),
            creating: BTreeSet::new(),
            creating_groups: BTreeMap::new(),
            deleting: BTreeSet::new(),
            by_id: input.state.links(ObjectKind::User).map(|(s, l)| (&l.id, s)).collect(),
        }
    }

    pub(super) fn plan(mut self) -> Plan {
        self.removals();
        self.objects(ObjectKind::User);
        self.objects(ObjectKind::Group);
        self.members();
        self.left_out();
        self.finish()
    }

    /// Linked objects that are in scope no longer.
    fn removals(&mut self) {
        let input = self.input;
        for kind in [ObjectKind::User, ObjectKind::Group] {
            for (source, link) in input.state.links(kind) {
                if !input.desired.objects(kind).contains_key(source) {
                    self.removal(kind, source, link);
                }
            }
        }
    }

    fn removal(&mut self, kind: ObjectKind, source: &'a SourceId, link: &'a Link) {
        let snapshot = self.input.snapshot;
        let scope = &self.input.desired.scope;
        let exists = snapshot.object(kind, source).is_some();
        let (seen_all, conclusive) = match kind {
            ObjectKind::User => (&snapshot.coverage.users, scope.users_conclusive),
            ObjectKind::Group => (&snapshot.coverage.groups, scope.groups_conclusive),
        };
        // Invariant 8: absence counts only where the source showed everything.
        let reason = match (snapshot.removed.get(source), exists) {
            (Some(Removal::Hard), _) => "deleted in the source",
            (Some(Removal::Soft), _) => "in the source's recycle bin",
            (None, true) if conclusive => "no longer assigned",
            (None, false) if seen_all.is_complete() => "no longer in the source",
            (None, _) => {
                self.skip(kind, source, SkipReason::NotSeen);
                return;
            }
        };
        let hard = snapshot.removed.get(source) == Some(&Removal::Hard);
        if hard || kind == ObjectKind::Group {
            self.deleting.insert((kind, source));
            let digest = self.input.state.fingerprint("\0delete", &Value::Null);
            self.act(kind, source, reason.to_owned(), Action::Delete, digest);
            return;
        }
        self.switch_off(source, link, reason);
    }

    /// Switches an account off, unless it is off already.
    fn switch_off(&mut self, source: &'a SourceId, link: &Link, reason: &str) {
        let kind = ObjectKind::User;
        if !self.input.mapping.users.writes("active") {
            self.skip(kind, source, SkipReason::NoSwitch);
        } else if !self.holds(link, "active", &Value::Bool(false)) {
            let changes = switch_off();
            let digest = changes.digest(self.input.state);
            self.act(kind, source, reason.to_owned(), Action::Disable(changes), digest);
        }
    }

    /// Objects in scope.
    fn objects(&mut self, kind: ObjectKind) {
        let input = self.input;
        let mapper = input.mapping.of(kind);
        let duplicates = input.desired.duplicates(kind, mapper, input.state);
        let mut order: Vec<_> = input.desired.objects(kind).iter().collect();
        order.sort_by_key(|(source, object)| (object.depth, *source));
        for (source, object) in order {
            let link = input.state.link(kind, source);
            let reject = |planner: &mut Self, problem: Problem| {
                if let Some(link) = link.filter(|_| !object.active) {
                    // Nothing may stand in the way of switching an account off; once it is, the
                    // rest can wait.
                    planner.switch_off(source, link, DISABLED);
                    return;
                }
                let digest = input.state.create_digest(&object.mapped);
                if planner.put_off(kind, source, &digest) {
                    return;
                }
                planner.plan.rejected.push(Rejected {
                    kind,
                    source: source.clone(),
                    name: object.name.clone(),
                    is_new: link.is_none(),
                    problem,
                    digest,
                });
            };
            if link.is_none() && !object.active {
                self.skip(kind, source, SkipReason::Disabled);
                continue;
            }
            if let Some(problem) = object.mapped.problems.first() {
                let problem = Problem::new(
                    ErrorCode::InternalError,
                    format!("`{}` cannot be mapped: {}", problem.attribute, problem.problem),
                    "correct the value in the source, or the mapping",
                )
                .attribute(&problem.attribute);
                reject(self, problem);
                continue;
            }
            let duplicate = duplicates.get(source);
            if let Some(duplicate) = duplicate.filter(|duplicate| duplicate.matching) {
                // The target's object could not be told apart from the other one's.
                reject(self, duplicate.problem());
                continue;
            }
            let duplicate = duplicate.map(Duplicate::problem);
            match link {
                Some(link) => self.update(kind, source, object, link, duplicate),
                None => {
                    if let Some(conflict) = input.conflicts.get(&(kind, source.clone())) {
                        if conflict.holder.as_ref().is_some_and(|h| self.makes_way(kind, h)) {
                            self.plan.deferred.insert((kind, source.clone()));
                        } else {
                            reject(self, conflict.problem.clone());
                        }
                        continue;
                    }
                    self.create(kind, source, object, duplicate);
                }
            }
        }
    }

    /// Whether this plan frees the name that a linked object has.
    fn makes_way(&self, kind: ObjectKind, holder: &SourceId) -> bool {
        if self.deleting.contains(&(kind, holder)) {
            return true;
        }
        let mapper = self.input.mapping.of(kind);
        let (Some(object), Some(link)) =
            (self.input.desired.objects(kind).get(holder), self.input.state.link(kind, holder))
        else {
            return false;
        };
        mapper.matching().any(|path| {
            object.mapped.attributes.get(path).is_some_and(|value| !self.holds(link, path, value))
        })
    }

    fn create(
        &mut self,
        kind: ObjectKind,
        source: &'a SourceId,
        object: &DesiredObject,
        duplicate: Option<Problem>,
    ) {
        let digest = self.input.state.create_digest(&object.mapped);
        let mapper = self.input.mapping.of(kind);
        let resource = object.resource(mapper);
        let mut problems = self.input.target.check_create(mapper.resource_type(), &resource);
        problems.extend(duplicate);
        let action = Action::Create {
            attributes: object.mapped.attributes.clone(),
            references: object.mapped.references.clone(),
            members: Vec::new(),
        };
        let reason = object.reason.to_string();
        let at = self.plan.actions.len();
        if self.act_checked(kind, source, reason, action, digest, problems) {
            match kind {
                ObjectKind::User => drop(self.creating.insert(source)),
                ObjectKind::Group => drop(self.creating_groups.insert(source, at)),
            }
        }
    }

    fn update(
        &mut self,
        kind: ObjectKind,
        source: &'a SourceId,
        object: &DesiredObject,
        link: &Link,
        duplicate: Option<Problem>,
    ) {
        let changes = self.changes(kind, object, link);
        if changes.is_empty() {
            return;
        }
        let mapper = self.input.mapping.of(kind);
        let id_of = |source: &SourceId| {
            let link = self.input.state.link(ObjectKind::User, source);
            Some(link.map_or_else(|| ResourceId::from("new"), |link| link.id.clone()))
        };
        let switched_off = changes.set.get("active") == Some(&Value::Bool(false));
        let check = |changes: &Changes| {
            let after = object.resource(mapper);
            self.input.target.check_change(mapper.resource_type(), &changes.to_patch(id_of), &after)
        };
        let mut problems = check(&changes);
        problems.extend(duplicate);
        if switched_off {
            // Nothing may stand in the way of switching an account off, so it goes alone where
            // the rest would be refused.
            let changes = if problems.is_empty() { changes } else { switch_off() };
            let digest = changes.digest(self.input.state);
            let reason = DISABLED.to_owned();
            self.act(kind, source, reason, Action::Disable(changes), digest);
            return;
        }
        let paths: Vec<_> = changes.paths().map(|path| format!("`{path}`")).collect();
        let reason = format!("changed: {}", paths.join(", "));
        let digest = changes.digest(self.input.state);
        let action = Action::Update(changes);
        self.act_checked(kind, source, reason, action, digest, problems);
    }

    /// How a linked object differs from what it should be.
    fn changes(&self, kind: ObjectKind, object: &DesiredObject, link: &Link) -> Changes {
        let mut changes = Changes::default();
        let mapped = &object.mapped;
        for (path, value) in &mapped.attributes {
            if !mapped.on_create.contains(path) && !self.holds(link, path, value) {
                changes.set.insert(path.clone(), value.clone());
            }
        }
        let can_be_set = |source: &SourceId| {
            self.input.state.link(ObjectKind::User, source).is_some()
                || self.creating.contains(source)
        };
        for (path, source) in &mapped.references {
            if can_be_set(source) && !self.holds(link, path, &Value::from(source.as_str())) {
                changes.references.insert(path.clone(), source.clone());
            }
        }
        if self.input.options.null_source == NullSource::Clear {
            let mapper = self.input.mapping.of(kind);
            for (path, _) in link.attributes() {
                let wanted = mapped.attributes.contains_key(path)
                    || mapped.references.get(path).is_some_and(can_be_set);
                if !wanted && mapper.clears(path) {
                    changes.clear.insert(path.to_owned());
                }
            }
        }
        changes
    }

    /// Whether the target has this value for sure.
    fn holds(&self, link: &Link, path: &str, value: &Value) -> bool {
        let known = link.attribute(path).and_then(|known| known.fingerprint.as_ref());
        known.is_some_and(|known| *known == self.input.state.fingerprint(path, value))
    }

    fn members(&mut self) {
        let input = self.input;
        for (group, object) in &input.desired.groups {
            let provisioned = |member: &&SourceId| {
                input.state.link(ObjectKind::User, member).is_some()
                    || self.creating.contains(*member)
            };
            let wanted: Vec<&SourceId> = object.members.iter().filter(provisioned).collect();
            match input.state.link(ObjectKind::Group, group) {
                Some(link) => self.member_changes(group, object, link, &wanted),
                None => self.first_members(group, object, &wanted),
            }
        }
    }

    /// The members of a group that is created: the first ones with it.
    fn first_members(&mut self, group: &'a SourceId, object: &DesiredObject, wanted: &[&SourceId]) {
        let at_once = self.input.target.members_per_request().min(wanted.len());
        let (first, rest) = wanted.split_at_checked(at_once).unwrap_or((wanted, &[]));
        let at = self.creating_groups.get(group);
        let Some(planned) = at.and_then(|at| self.plan.actions.get_mut(*at)) else { return };
        if let Action::Create { members, .. } = &mut planned.action {
            *members = first.iter().copied().cloned().collect();
        }
        self.member_chunks(group, object, rest.iter().copied().cloned().collect(), Vec::new());
    }

    fn member_changes(
        &mut self,
        group: &'a SourceId,
        object: &DesiredObject,
        link: &Link,
        wanted: &[&SourceId],
    ) {
        let input = self.input;
        let key = EscrowKey { kind: ObjectKind::Group, source: group.clone(), member: None };
        if self.waits(&key, &input.state.member_digest(true)).is_some() {
            return;
        }
        let id_of = |source: &SourceId| Some(&input.state.link(ObjectKind::User, source)?.id);
        let wanted_ids: BTreeSet<&ResourceId> = wanted.iter().copied().filter_map(id_of).collect();
        let (joining, leaving) =
            (input.state.member_digest(true), input.state.member_digest(false));
        let waits = |planner: &Self, member: &ResourceId, digest: &Fingerprint| {
            let key = EscrowKey { member: Some(member.clone()), ..key.clone() };
            planner.waits(&key, digest).is_some()
        };
        let add = wanted
            .iter()
            .copied()
            .filter(|source| match id_of(source) {
                Some(id) => !link.has_member(id) && !waits(self, id, &joining),
                None => true,
            })
            .cloned()
            .collect();
        let mut remove = Vec::new();
        if object.members_complete {
            // Members that nobody linked are not ours to remove, those of deleted users go with
            // them, and those that were not seen are named by the source all the same.
            remove = link
                .possible_members()
                .filter(|id| !wanted_ids.contains(id) && !waits(self, id, &leaving))
                .filter(|id| {
                    self.by_id.get(id).is_some_and(|source| {
                        !object.unseen_members.contains(*source)
                            && !self.deleting.contains(&(ObjectKind::User, *source))
                    })
                })
                .cloned()
                .collect();
        }
        let guard = &input.options.guards.members;
        if let Some(limit) = guard.exceeded(remove.len(), link.possible_members().len()) {
            self.plan.held.push(Held::members(
                group.clone(),
                object.name.clone(),
                remove.len(),
                limit,
            ));
            remove.clear();
        }
        self.member_chunks(group, object, add, remove);
    }

    /// Requests of as many changes as the target takes at once.
    fn member_chunks(
        &mut self,
        group: &'a SourceId,
        object: &DesiredObject,
        add: Vec<SourceId>,
        remove: Vec<ResourceId>,
    ) {
        let limit = self.input.target.members_per_request();
        let (mut add, mut remove) = (add.into_iter().peekable(), remove.into_iter().peekable());
        while add.peek().is_some() || remove.peek().is_some() {
            let removed: Vec<_> = remove.by_ref().take(limit).collect();
            let added: Vec<_> = add.by_ref().take(limit - removed.len()).collect();
            let reason = format!("{} joined, {} left", added.len(), removed.len());
            let digest = self.input.state.member_digest(true);
            self.plan.actions.push(Planned {
                kind: ObjectKind::Group,
                source: group.clone(),
                name: object.name.clone(),
                reason,
                action: Action::Members { add: added, remove: removed },
                problems: Vec::new(),
                digest,
            });
        }
    }

    /// What the source has and is not provisioned.
    fn left_out(&mut self) {
        let input = self.input;
        let scope = &input.desired.scope;
        for (within, group) in &scope.nested {
            if !scope.groups.contains(group) {
                let reason = SkipReason::Nested { within: within.clone() };
                self.skip(ObjectKind::Group, group, reason);
            }
        }
        let nested: BTreeSet<&SourceId> = scope.nested.iter().map(|(_, group)| group).collect();
        let users = input.snapshot.users.keys().map(|id| (ObjectKind::User, id));
        let groups = input.snapshot.groups.keys().map(|id| (ObjectKind::Group, id));
        for (kind, id) in users.chain(groups) {
            let wanted = input.desired.objects(kind).contains_key(id);
            if !wanted && !nested.contains(id) && input.state.link(kind, id).is_none() {
                self.skip(kind, id, SkipReason::NotAssigned);
            }
        }
    }

    fn skip(&mut self, kind: ObjectKind, source: &SourceId, reason: SkipReason) {
        let name = self.name(kind, source);
        self.plan.skipped.push(Skipped { kind, source: source.clone(), name, reason });
    }

    /// Adds an action, unless it failed before and waits.
    fn act(
        &mut self,
        kind: ObjectKind,
        source: &'a SourceId,
        reason: String,
        action: Action,
        digest: Fingerprint,
    ) {
        self.act_checked(kind, source, reason, action, digest, Vec::new());
    }

    fn act_checked(
        &mut self,
        kind: ObjectKind,
        source: &'a SourceId,
        reason: String,
        action: Action,
        digest: Fingerprint,
        problems: Vec<Problem>,
    ) -> bool {
        if self.put_off(kind, source, &digest) {
            return false;
        }
        let name = self.name(kind, source);
        let refused = match self.input.options.preflight {
            Preflight::Refuse => problems.first(),
            Preflight::Report => None,
        };
        if let Some(problem) = refused {
            self.plan.rejected.push(Rejected {
                kind,
                source: source.clone(),
                name,
                is_new: matches!(action, Action::Create { .. }),
                problem: problem.clone(),
                digest,
            });
            return false;
        }
        self.plan.actions.push(Planned {
            kind,
            source: source.clone(),
            name,
            reason,
            action,
            problems,
            digest,
        });
        true
    }

    /// Whether the same thing failed before and its time has not come; if so, says it.
    fn put_off(&mut self, kind: ObjectKind, source: &SourceId, digest: &Fingerprint) -> bool {
        let key = EscrowKey { kind, source: source.clone(), member: None };
        match self.waits(&key, digest) {
            None => false,
            Some(until) => {
                if let Some(until) = until {
                    self.skip(kind, source, SkipReason::Waiting(until));
                }
                true
            }
        }
    }

    /// Whether the same thing failed before, and until when it waits; for what failed in this
    /// cycle there is no time.
    fn waits(&self, key: &EscrowKey, digest: &Fingerprint) -> Option<Option<DateTime<Utc>>> {
        if self.input.failed.contains(key) {
            return Some(None);
        }
        let escrow = self.input.state.escrow_of(key)?;
        (escrow.digest == *digest && self.input.now < escrow.next).then_some(Some(escrow.next))
    }

    fn name(&self, kind: ObjectKind, source: &SourceId) -> Option<String> {
        self.input.snapshot.object(kind, source)?.display_name().map(str::to_owned)
    }

    /// Holds back what the guards do not let pass, and puts the rest in order.
    fn finish(mut self) -> Plan {
        let removals = |kind| {
            move |planned: &Planned| {
                planned.kind == kind && matches!(planned.phase(), Phase::Disables | Phase::Deletes)
            }
        };
        let state = self.input.state;
        for kind in [ObjectKind::User, ObjectKind::Group] {
            let count = self.plan.actions.iter().filter(|planned| removals(kind)(planned)).count();
            let linked = state.links(kind).count();
            let guards = &self.input.options.guards;
            let guard = match kind {
                ObjectKind::User => &guards.users,
                ObjectKind::Group => &guards.groups,
            };
            let snapshot = self.input.snapshot;
            let source_is_empty = snapshot.users.is_empty() && count > 0;
            let limit = if source_is_empty { Some(0) } else { guard.exceeded(count, linked) };
            if let Some(limit) = limit {
                let is_removal = removals(kind);
                self.plan.actions.retain(|planned| !is_removal(planned));
                self.plan.held.push(Held::objects(kind, count, limit));
            }
        }
        // What is likely to be refused comes last, so that it cannot take another's name.
        self.plan.actions.sort_by_key(|planned| (planned.phase(), !planned.problems.is_empty()));
        self.plan
    }
}

fn switch_off() -> Changes {
    let set = BTreeMap::from([("active".to_owned(), Value::Bool(false))]);
    Changes { set, ..Changes::default() }
}
