//! One cycle: rounds of matching, planning and doing, until nothing is left to do.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::stream::{self, StreamExt as _};
use scim2_client::{ClientError, ErrorClass, Transport};

use super::outcome::{Done, Retry};
use super::request::{Answer, Job, Request, send, take_batch};
use super::{CycleKind, SyncEngine, SyncError};
use crate::correlate::{CorrelateError, Correlation, Correlator, Reading};
use crate::desired::Desired;
use crate::plan::{Action, Phase, Plan, PlanInput, Planned, Rejected};
use crate::problem::Problem;
use crate::report::CycleReport;
use crate::source::{ObjectKind, Snapshot, SourceId};
use crate::state::{EscrowKey, Event, Intent};

/// How many rounds a cycle has at most. A round settles what depended on the one before.
const MAX_ROUNDS: usize = 10;

/// After so many requests in a row without any answer the target counts as unreachable.
const UNREACHABLE_AFTER: usize = 20;

/// One cycle under way.
pub(super) struct Cycle<'a, T> {
    pub(super) engine: &'a mut SyncEngine<T>,
    pub(super) snapshot: &'a Snapshot,
    pub(super) desired: Arc<Desired>,
    pub(super) kind: CycleKind,
    pub(super) id: String,
    /// The change id of each object.
    pub(super) changes: BTreeMap<(ObjectKind, SourceId), String>,
    pub(super) found: Correlation,
    pub(super) failed: BTreeSet<EscrowKey>,
    /// Objects that were in each other's way; another round may clear it up.
    pub(super) provisional: BTreeMap<(ObjectKind, SourceId), Rejected>,
    /// Requests in a row that got no answer.
    pub(super) unanswered: usize,
    pub(super) done: BTreeMap<(ObjectKind, SourceId), BTreeSet<Done>>,
    pub(super) report: CycleReport,
}

impl Reading {
    pub(super) fn of(kind: CycleKind) -> Self {
        match kind {
            CycleKind::Initial => Self::Everything,
            CycleKind::Incremental => Self::Unlinked,
        }
    }
}

/// Why a cycle cannot go on.
pub(super) enum Stop {
    Error(SyncError),
    Target(Box<Problem>),
}

impl<E: Into<SyncError>> From<E> for Stop {
    fn from(error: E) -> Self {
        Self::Error(error.into())
    }
}

impl<T: Transport> Cycle<'_, T> {
    pub(super) async fn run(&mut self) -> Result<(), Stop> {
        let mut progress = true;
        for round in 0..MAX_ROUNDS {
            let reading = match round {
                0 => Reading::of(self.kind),
                _ => Reading::Unlinked,
            };
            self.correlate(reading).await?;
            let now = (self.engine.clock)();
            let mut plan = Plan::of(&PlanInput {
                snapshot: self.snapshot,
                desired: &self.desired,
                mapping: &self.engine.mapping,
                state: &self.engine.state,
                target: &self.engine.target,
                conflicts: &self.found.conflicts,
                failed: &self.failed,
                options: &self.engine.options,
                now,
            });
            if round == 0 {
                self.skipped(std::mem::take(&mut plan.skipped))?;
                self.held(plan.held)?;
            }
            for rejected in plan.rejected {
                self.reject(rejected)?;
            }
            if plan.actions.is_empty() || !progress {
                break;
            }
            for (kind, source) in plan.deferred {
                // Its name is free after this round, if all goes well.
                self.found.looked_for.remove(&(kind, source.clone()));
                self.defer(kind, source);
            }
            progress = self.execute(plan.actions).await?;
        }
        for (_, rejected) in std::mem::take(&mut self.provisional) {
            self.reject(rejected)?;
        }
        Ok(())
    }

    async fn correlate(&mut self, reading: Reading) -> Result<(), Stop> {
        let before = self.found.matched.len();
        self.engine.begin(Phase::Match, 1);
        let now = (self.engine.clock)();
        let engine = &mut *self.engine;
        let correlator = Correlator {
            client: &engine.client,
            mapping: &engine.mapping,
            target: &engine.target,
            desired: &self.desired,
            failed: &self.failed,
            concurrency: engine.concurrency,
            now,
        };
        match correlator.run(reading, &mut engine.state, &mut self.found).await {
            Ok(()) => {}
            Err(CorrelateError::State(error)) => return Err(error.into()),
            Err(CorrelateError::Client(error)) => {
                return Err(Stop::Target(Box::new(Problem::of(&error, []))));
            }
        }
        self.engine.advance();
        for (kind, source) in self.found.matched.split_off(before) {
            self.log_matched(kind, &source)?;
        }
        Ok(())
    }

    /// Takes the actions, phase by phase, and says whether anything was done.
    async fn execute(&mut self, actions: Vec<Planned>) -> Result<bool, Stop> {
        let mut progress = false;
        let mut actions = actions.into_iter().peekable();
        let stage = |planned: &Planned| (planned.phase(), planned.problems.is_empty());
        while let Some((phase, clean)) = actions.peek().map(stage) {
            let mut queue = VecDeque::new();
            while let Some(planned) = actions.next_if(|planned| stage(planned) == (phase, clean)) {
                queue.push_back(planned);
            }
            self.engine.begin(phase, queue.len());
            while !queue.is_empty() {
                let batch = take_batch(&mut queue, self.engine.concurrency);
                let jobs = self.prepare(batch)?;
                progress |= self.send(jobs, &mut queue).await?;
            }
        }
        Ok(progress)
    }

    /// Turns actions into requests and notes them as intended. What cannot be sent yet, because
    /// it names objects that do not exist, is left to a later round.
    fn prepare(&mut self, batch: Vec<Planned>) -> Result<Vec<Job>, Stop> {
        let mut jobs = Vec::with_capacity(batch.len());
        for planned in batch {
            let old = self.old_values(&planned);
            let Some((request, intent)) = self.request(&planned) else {
                self.engine.advance();
                continue;
            };
            let seq = self.engine.state.intend(intent)?;
            jobs.push(Job { planned, seq, request, old });
        }
        self.engine.state.sync()?;
        Ok(jobs)
    }

    /// Sends a batch and notes the outcomes; says whether anything was done.
    async fn send(&mut self, jobs: Vec<Job>, queue: &mut VecDeque<Planned>) -> Result<bool, Stop> {
        let (client, mapping) = (self.engine.client.clone(), Arc::clone(&self.engine.mapping));
        let desired = Arc::clone(&self.desired);
        let sending = jobs.into_iter().map(|job| {
            let (client, mapping, desired) = (&client, &mapping, &desired);
            async move {
                let start = Instant::now();
                let mapper = mapping.of(job.planned.kind);
                let object = desired.objects(job.planned.kind).get(&job.planned.source);
                let answer = send(client, mapper, object, &job.request).await;
                (job, answer, start.elapsed())
            }
        });
        let mut answers = Box::pin(stream::iter(sending).buffer_unordered(self.engine.concurrency));
        let (mut progress, mut stop) = (false, None);
        // After a reason to stop, the requests that are under way are still waited for: their
        // outcomes would be unknown otherwise.
        while let Some((job, answer, took)) = answers.next().await {
            self.engine.advance();
            match self.settle(job, answer, took, queue) {
                Ok(done) => progress |= done,
                Err(error) => stop = stop.or(Some(error)),
            }
        }
        match stop {
            None => Ok(progress),
            Some(stop) => Err(stop),
        }
    }

    /// Notes the outcome of one request; says whether something was done.
    fn settle(
        &mut self,
        job: Job,
        answer: Result<Answer, ClientError>,
        took: Duration,
        queue: &mut VecDeque<Planned>,
    ) -> Result<bool, Stop> {
        let Job { planned, seq, .. } = &job;
        let (kind, source) = (planned.kind, planned.source.clone());
        let error = match answer {
            Ok(Answer::Created(id)) => {
                self.unanswered = 0;
                self.engine.state.record(Event::Done { seq: *seq, id: Some(id) })?;
                self.succeed(job, took)?;
                return Ok(true);
            }
            Ok(Answer::Done) => {
                self.unanswered = 0;
                self.engine.state.record(Event::Done { seq: *seq, id: None })?;
                self.succeed(job, took)?;
                return Ok(true);
            }
            Ok(Answer::Found) => {
                // Made by an attempt whose answer got lost. What it holds is compared next round.
                self.unanswered = 0;
                self.engine.state.record(Event::Failed { seq: *seq })?;
                self.found.looked_for.remove(&(kind, source.clone()));
                return Ok(true);
            }
            Ok(Answer::Conflict(conflict)) => {
                self.unanswered = 0;
                self.engine.state.record(Event::Failed { seq: *seq })?;
                self.reject(Rejected {
                    kind,
                    source,
                    name: planned.name.clone(),
                    is_new: true,
                    problem: conflict.problem,
                    digest: planned.digest.clone(),
                })?;
                return Ok(false);
            }
            Err(error) => error,
        };

        let class = error.class();
        let lost = matches!(class, ErrorClass::Retryable | ErrorClass::Ambiguous);
        let event = if lost && error.status().is_none_or(|status| status.as_u16() != 429) {
            Event::Lost { seq: *seq }
        } else {
            Event::Failed { seq: *seq }
        };
        self.engine.state.record(event)?;
        if error.status().is_some() {
            self.unanswered = 0;
        } else {
            self.unanswered += 1;
        }
        let problem = Problem::of(&error, &planned.problems);
        if class == ErrorClass::Auth || self.unanswered >= UNREACHABLE_AFTER {
            self.fail(&job, &problem, took, Retry::NextCycle)?;
            return Err(Stop::Target(Box::new(problem)));
        }
        if matches!(planned.action, Action::Members { .. }) && !lost {
            return self.members_refused(job, &error, problem, took, queue);
        }
        match class {
            ErrorClass::Gone if !matches!(planned.action, Action::Create { .. }) => {
                self.engine.state.record(Event::Unlink { kind, source })?;
                if planned.action == Action::Delete {
                    self.succeed(job, took)?;
                }
                Ok(true)
            }
            ErrorClass::Conflict if !matches!(planned.action, Action::Create { .. }) => {
                let rejected = Rejected {
                    kind,
                    source: source.clone(),
                    name: planned.name.clone(),
                    is_new: false,
                    problem,
                    digest: planned.digest.clone(),
                };
                self.provisional.insert((kind, source), rejected);
                Ok(false)
            }
            _ if lost => {
                self.fail(&job, &problem, took, Retry::NextCycle)?;
                Ok(false)
            }
            _ => {
                self.fail(&job, &problem, took, Retry::Later)?;
                Ok(false)
            }
        }
    }

    /// A change of members that was refused is tried in halves, until the member at fault is
    /// found.
    fn members_refused(
        &mut self,
        job: Job,
        error: &ClientError,
        problem: Problem,
        took: Duration,
        queue: &mut VecDeque<Planned>,
    ) -> Result<bool, Stop> {
        let Action::Members { add, remove } = &job.planned.action else { return Ok(false) };
        let is_one = add.len() + remove.len() <= 1;
        let divisible = matches!(
            error.class(),
            ErrorClass::Invalid | ErrorClass::Gone | ErrorClass::TooLarge | ErrorClass::Conflict
        );
        if divisible && !is_one {
            let (add_left, add_right) = add.split_at(add.len() / 2);
            // With one member on each side, each goes on its own.
            let middle = if add.is_empty() || remove.len() > 1 {
                remove.len() / 2
            } else {
                usize::from(add_left.is_empty()).min(remove.len())
            };
            let (remove_left, remove_right) = remove.split_at(middle);
            for (add, remove) in [(add_right, remove_right), (add_left, remove_left)] {
                let action = Action::Members { add: add.to_vec(), remove: remove.to_vec() };
                if !(add.is_empty() && remove.is_empty()) {
                    queue.push_front(Planned { action, ..job.planned.clone() });
                }
            }
            return Ok(false);
        }
        if error.class() == ErrorClass::Gone && add.is_empty() {
            // Who is not there is no member.
            if let Request::Patch(..) = &job.request {
                let group = job.planned.source.clone();
                let intent = Intent::Members { group, add: Vec::new(), remove: remove.clone() };
                let seq = self.engine.state.intend(intent)?;
                self.engine.state.record(Event::Done { seq, id: None })?;
            }
            return Ok(true);
        }
        self.fail(&job, &problem, took, Retry::Later)?;
        Ok(false)
    }
}
