//! What became of each object: noted in the state, in the report and in the log.

use std::collections::BTreeMap;
use std::time::Duration;

use chrono::TimeDelta;
use scim2_client::Transport;
use scim2_core::resource::ResourceId;
use serde_json::Value;

use super::CycleKind;
use super::cycle::{Cycle, Stop};
use super::request::{Job, Request, single_member};
use crate::guard::Held;
use crate::log::{
    ErrorInformation, Identity, LogAction, LogEntry, LogStatus, ModifiedProperty, StatusInfo, Step,
};
use crate::plan::{Action, Changes, Planned, Rejected, SkipReason, Skipped};
use crate::problem::{ErrorCode, Problem};
use crate::report::{CycleReport, Failure};
use crate::source::{ObjectKind, SourceId};
use crate::state::{Escrow, EscrowKey, Event, Fingerprint};

/// How long a failed object waits: after the first, second and any further attempt. A change of
/// the object ends the wait.
const ESCROW_HOURS: [i64; 3] = [6, 12, 24];

/// What was done with an object, for counting it once.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Done {
    Created,
    Updated,
    Disabled,
    Deleted,
    Failed,
}

/// When a failed change is tried again.
#[derive(Clone, Copy)]
pub(super) enum Retry {
    /// The next cycle may fare better.
    NextCycle,
    /// Only a change of the object, or time, can help.
    Later,
}

impl<T: Transport> Cycle<'_, T> {
    pub(super) fn succeed(&mut self, job: Job, took: Duration) -> Result<(), Stop> {
        let Job { planned, request, old, .. } = job;
        let (kind, source) = (planned.kind, planned.source.clone());
        let (action, done) = match &planned.action {
            Action::Create { .. } => (LogAction::Create, Done::Created),
            Action::Update(_) | Action::Members { .. } => (LogAction::Update, Done::Updated),
            Action::Disable(_) => (LogAction::Disable, Done::Disabled),
            Action::Delete => (LogAction::Delete, Done::Deleted),
        };
        self.done.entry((kind, source.clone())).or_default().insert(done);
        self.provisional.remove(&(kind, source.clone()));
        self.found.resources.remove(&(kind, source.clone()));
        let member = match &planned.action {
            Action::Members { .. } => single_member(&request),
            _ => None,
        };
        self.forgive(EscrowKey { kind, source, member })?;
        self.count_members(&planned.action, &request);
        let status =
            if planned.problems.is_empty() { LogStatus::Success } else { LogStatus::Warning };
        let modified = modified(&planned.action, &request, &old);
        let id = match &request {
            Request::Create(_) => None,
            Request::Patch(id, _) | Request::Delete(id) => Some(id.clone()),
        };
        let problem = planned.problems.first().cloned();
        self.log(&planned, action, status, problem.as_ref(), id.as_ref(), modified, took)
    }

    fn count_members(&mut self, action: &Action, request: &Request) {
        match (action, request) {
            (Action::Create { .. }, Request::Create(resource)) => {
                let members = resource.get("members").and_then(Value::as_array);
                self.report.members_added += members.map_or(0, Vec::len);
            }
            (Action::Members { add, remove }, _) => {
                self.report.members_added += add.len();
                self.report.members_removed += remove.len();
            }
            _ => {}
        }
    }

    /// Notes that an attempt failed: in report, log and state.
    pub(super) fn fail(
        &mut self,
        job: &Job,
        problem: &Problem,
        took: Duration,
        retry: Retry,
    ) -> Result<(), Stop> {
        let planned = &job.planned;
        let (kind, source) = (planned.kind, planned.source.clone());
        let member = match &planned.action {
            Action::Members { .. } => single_member(&job.request),
            _ => None,
        };
        let digest = match (&planned.action, &member) {
            (Action::Members { add, .. }, Some(_)) => {
                self.engine.state.member_digest(!add.is_empty())
            }
            _ => planned.digest.clone(),
        };
        let key = EscrowKey { kind, source: source.clone(), member };
        self.put_off(key, digest, problem, retry)?;
        self.note_failure(kind, source, planned.name.clone(), problem);
        let action = match &planned.action {
            Action::Create { .. } => LogAction::Create,
            Action::Update(_) | Action::Members { .. } => LogAction::Update,
            Action::Disable(_) => LogAction::Disable,
            Action::Delete => LogAction::Delete,
        };
        let modified = modified(&planned.action, &job.request, &job.old);
        let id = match &job.request {
            Request::Create(_) => None,
            Request::Patch(id, _) | Request::Delete(id) => Some(id),
        };
        self.log(planned, action, LogStatus::Failure, Some(problem), id, modified, took)
    }

    /// Notes that an object cannot be provisioned as it is.
    pub(super) fn reject(&mut self, rejected: Rejected) -> Result<(), Stop> {
        let Rejected { kind, source, name, is_new, problem, digest } = rejected;
        if self.engine.state.link(kind, &source).is_some() && is_new {
            // It found its place in the end.
            return Ok(());
        }
        let key = EscrowKey { kind, source: source.clone(), member: None };
        self.put_off(key, digest.clone(), &problem, Retry::Later)?;
        self.note_failure(kind, source.clone(), name.clone(), &problem);
        let planned = Planned {
            kind,
            source,
            name,
            reason: self.scope_reason(kind),
            action: Action::Update(Changes::default()),
            problems: Vec::new(),
            digest,
        };
        let action = if is_new { LogAction::Create } else { LogAction::Update };
        let none = Vec::new();
        self.log(&planned, action, LogStatus::Failure, Some(&problem), None, none, Duration::ZERO)
    }

    fn scope_reason(&self, kind: ObjectKind) -> String {
        format!("the {} is in scope", kind.as_str().to_lowercase())
    }

    /// Remembers that a name is taken by an object that makes way in this round.
    pub(super) fn defer(&mut self, kind: ObjectKind, source: SourceId) {
        let Some(conflict) = self.found.conflicts.get(&(kind, source.clone())) else { return };
        let Some(object) = self.desired.objects(kind).get(&source) else { return };
        let rejected = Rejected {
            kind,
            source: source.clone(),
            name: object.name.clone(),
            is_new: true,
            problem: conflict.problem.clone(),
            digest: self.engine.state.create_digest(&object.mapped),
        };
        self.provisional.insert((kind, source), rejected);
    }

    fn put_off(
        &mut self,
        key: EscrowKey,
        digest: Fingerprint,
        problem: &Problem,
        retry: Retry,
    ) -> Result<(), Stop> {
        let now = (self.engine.clock)();
        let before = self.engine.state.escrow_of(&key).filter(|escrow| escrow.digest == digest);
        let attempts = before.map_or(0, |escrow| escrow.attempts).saturating_add(1);
        let next = match retry {
            Retry::NextCycle => now,
            Retry::Later => {
                let index = usize::try_from(attempts - 1).unwrap_or(usize::MAX);
                let hours = ESCROW_HOURS.get(index).or(ESCROW_HOURS.last()).copied();
                now + TimeDelta::hours(hours.unwrap_or_default())
            }
        };
        let escrow = Escrow { digest, code: problem.code.as_str().to_owned(), attempts, next };
        let EscrowKey { kind, source, member } = key.clone();
        self.failed.insert(key);
        Ok(self.engine.state.record(Event::Escrow { kind, source, member, escrow })?)
    }

    /// What succeeded waits no longer.
    fn forgive(&mut self, key: EscrowKey) -> Result<(), Stop> {
        if self.engine.state.escrow_of(&key).is_some() {
            let EscrowKey { kind, source, member } = key;
            self.engine.state.record(Event::Settle { kind, source, member })?;
        }
        Ok(())
    }

    fn note_failure(
        &mut self,
        kind: ObjectKind,
        source: SourceId,
        name: Option<String>,
        problem: &Problem,
    ) {
        self.done.entry((kind, source.clone())).or_default().insert(Done::Failed);
        self.report.failures.push(Failure { kind, source, name, problem: problem.clone() });
    }

    pub(super) fn skipped(&mut self, skipped: Vec<Skipped>) -> Result<(), Stop> {
        let waits = |skipped: &&Skipped| matches!(skipped.reason, SkipReason::Waiting(_));
        self.report.waiting = skipped.iter().filter(waits).count();
        self.report.skipped = skipped.len() - self.report.waiting;
        if self.kind == CycleKind::Incremental {
            // The cycle that skipped them first has said so.
            return Ok(());
        }
        for Skipped { kind, source, name, reason } in skipped {
            let mut entry = self.entry(kind, &source, name.as_deref(), LogAction::Other);
            entry.provisioning_status_info.status = LogStatus::Skipped;
            entry.provisioning_steps = vec![
                Step::import(kind),
                Step { status: LogStatus::Skipped, ..Step::scope(reason.to_string()) },
            ];
            self.write(entry)?;
        }
        Ok(())
    }

    pub(super) fn held(&mut self, held: Vec<Held>) -> Result<(), Stop> {
        for held in &held {
            let problem = Problem::new(
                ErrorCode::QuarantineOnDemand,
                held.to_string(),
                "check the source; if the removals are meant, raise the guard for one cycle",
            );
            let kind = held.kind();
            let source = held.group().cloned().unwrap_or_else(|| SourceId::from("*"));
            let mut entry = self.entry(kind, &source, None, LogAction::StagedDelete);
            entry.provisioning_status_info = StatusInfo {
                status: LogStatus::Warning,
                error_information: Some(ErrorInformation::from(&problem)),
            };
            self.write(entry)?;
        }
        self.report.held = held;
        Ok(())
    }

    pub(super) fn log_matched(&mut self, kind: ObjectKind, source: &SourceId) -> Result<(), Stop> {
        self.report.matched += 1;
        let name = self.desired.objects(kind).get(source).and_then(|object| object.name.clone());
        let mut entry = self.entry(kind, source, name.as_deref(), LogAction::Other);
        let id = self.engine.state.link(kind, source).map(|link| link.id.to_string());
        let description = format!("matched with {} of the target", id.as_deref().unwrap_or("one"));
        entry.target_identity.id = id;
        entry.provisioning_steps = vec![Step::import(kind), Step::matching(description)];
        self.write(entry)
    }

    #[expect(clippy::too_many_arguments, reason = "the parts of one log line")]
    fn log(
        &mut self,
        planned: &Planned,
        action: LogAction,
        status: LogStatus,
        problem: Option<&Problem>,
        id: Option<&ResourceId>,
        modified: Vec<ModifiedProperty>,
        took: Duration,
    ) -> Result<(), Stop> {
        let (kind, source) = (planned.kind, &planned.source);
        let mut entry = self.entry(kind, source, planned.name.as_deref(), action);
        entry.duration_in_milliseconds = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
        let link = self.engine.state.link(kind, source);
        let id = id.or(link.map(|link| &link.id)).map(ToString::to_string);
        let matching = match (&id, action) {
            (_, LogAction::Create) => "no counterpart in the target".to_owned(),
            (Some(id), _) => format!("linked with {id} of the target"),
            (None, _) => "not linked".to_owned(),
        };
        entry.target_identity.id = id;
        entry.provisioning_status_info =
            StatusInfo { status, error_information: problem.map(ErrorInformation::from) };
        let export = match problem {
            Some(problem) => format!("{}: {}", problem.code, problem.reason),
            None => "written to the target".to_owned(),
        };
        entry.provisioning_steps = vec![
            Step::import(kind),
            Step::scope(planned.reason.clone()),
            Step::matching(matching),
            Step::export(status, export),
        ];
        entry.modified_properties = modified;
        self.write(entry)
    }

    fn entry(
        &mut self,
        kind: ObjectKind,
        source: &SourceId,
        name: Option<&str>,
        action: LogAction,
    ) -> LogEntry {
        let change = self
            .changes
            .entry((kind, source.clone()))
            .or_insert_with(|| uuid::Uuid::new_v4().to_string())
            .clone();
        LogEntry {
            id: uuid::Uuid::new_v4().to_string(),
            activity_date_time: (self.engine.clock)(),
            tenant_id: self.engine.state.binding().tenant.clone(),
            job_id: self.engine.job_id.clone(),
            cycle_id: self.id.clone(),
            change_id: change,
            provisioning_action: action,
            duration_in_milliseconds: 0,
            source_system: self.engine.source_system.clone(),
            target_system: self.engine.target_system.clone(),
            source_identity: Identity::new(kind, Some(source.as_str()), name),
            target_identity: Identity::new(kind, None, name),
            provisioning_status_info: StatusInfo {
                status: LogStatus::Success,
                error_information: None,
            },
            provisioning_steps: Vec::new(),
            modified_properties: Vec::new(),
        }
    }

    fn write(&mut self, entry: LogEntry) -> Result<(), Stop> {
        match &mut self.engine.log {
            Some(log) => Ok(log.write(entry)?),
            None => Ok(()),
        }
    }

    pub(super) fn into_report(self) -> CycleReport {
        let mut report = self.report;
        for done in self.done.values() {
            let created = done.contains(&Done::Created);
            report.created += usize::from(created);
            report.updated += usize::from(done.contains(&Done::Updated) && !created);
            report.disabled += usize::from(done.contains(&Done::Disabled));
            report.deleted += usize::from(done.contains(&Done::Deleted));
            report.failed += usize::from(done.contains(&Done::Failed));
        }
        report
    }
}

fn modified(
    action: &Action,
    request: &Request,
    old: &BTreeMap<String, Value>,
) -> Vec<ModifiedProperty> {
    let text = |id: &SourceId| Some(Value::from(id.as_str()));
    match action {
        Action::Create { attributes, references, .. } => {
            let values = attributes.iter().map(|(path, value)| (path.clone(), Some(value.clone())));
            let references = references.iter().map(|(path, to)| (path.clone(), text(to)));
            let members = match request {
                Request::Create(resource) => resource.get("members").cloned(),
                _ => None,
            };
            let members = members.map(|members| ("members".to_owned(), Some(members)));
            ModifiedProperty::all(old, values.chain(references).chain(members))
        }
        Action::Update(changes) | Action::Disable(changes) => {
            let set = changes.set.iter().map(|(path, value)| (path.clone(), Some(value.clone())));
            let clear = changes.clear.iter().map(|path| (path.clone(), None));
            let references = changes.references.iter().map(|(path, to)| (path.clone(), text(to)));
            ModifiedProperty::all(old, set.chain(clear).chain(references))
        }
        Action::Members { add, remove } => {
            let added = add.iter().map(|id| ModifiedProperty::member(None, Some(id.as_str())));
            let removed = remove.iter().map(|id| ModifiedProperty::member(Some(id.as_str()), None));
            added.chain(removed).collect()
        }
        Action::Delete => Vec::new(),
    }
}
