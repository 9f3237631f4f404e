//! The engine: cycles that make the target look like the source.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::io;
use std::sync::Arc;
use std::time::{Instant, SystemTime};

use chrono::{DateTime, Utc};
use scim2_client::{Client, ClientError, Transport};
use scim2_core::syntax::AttrPath;
use scim2_vendor::TargetProfile;

use crate::connection::{ConnectionError, test_connection};
use crate::correlate::{CorrelateError, Correlation, Correlator, Reading};
use crate::desired::{Desired, Mapping};
use crate::guard::Guards;
use crate::log::{ProvisioningLog, System};
use crate::plan::{NullSource, Phase, Plan, PlanInput, PlanOptions, Preflight};
use crate::problem::Problem;
use crate::profile::Target;
use crate::report::{CycleReport, Progress};
use crate::scope::ScopeMode;
use crate::source::Snapshot;
use crate::state::{State, StateError};
use crate::verify::{Verification, verify};

mod cycle;
mod outcome;
mod request;

use cycle::{Cycle, Stop};

/// How many requests are under way at once, unless the builder says otherwise.
pub const CONCURRENCY: usize = 8;

/// What a cycle reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "Entra ID has these two kinds")]
pub enum CycleKind {
    /// Reads the target as well, compares everything, and forgets what waits after failures. The
    /// first cycle, and the one after a change of the mapping.
    Initial,
    /// Trusts the state: requests are sent for what has changed in the source, and for nothing
    /// else.
    Incremental,
}

/// Why a cycle ended before its end. What was done until then is in the state and in the log.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SyncError {
    /// The connection does not work. Nothing was changed.
    #[error("cannot connect to the target: {0}")]
    Connection(#[from] ConnectionError),
    /// The target could not be read.
    #[error("cannot read the target: {0}")]
    Target(#[source] Box<ClientError>),
    /// The target refuses the credentials, no longer answers, or cannot be read. The job should
    /// rest until someone has looked.
    #[error("the cycle was stopped: {problem}")]
    Stopped {
        /// What happened.
        problem: Box<Problem>,
        /// What was done until then.
        report: Box<CycleReport>,
    },
    /// The state could not be written.
    #[error(transparent)]
    State(#[from] StateError),
    /// The log could not be written.
    #[error("the provisioning log cannot be written: {0}")]
    Log(#[from] io::Error),
    /// The mapping matches users by nothing, or by something that is no attribute.
    #[error("the mapping of users has no attribute to match by")]
    NoMatching,
}

impl From<CorrelateError> for SyncError {
    fn from(error: CorrelateError) -> Self {
        match error {
            CorrelateError::Client(error) => Self::Target(Box::new(error)),
            CorrelateError::State(error) => Self::State(error),
        }
    }
}

/// Provisions a source into a target, cycle by cycle.
pub struct SyncEngine<T> {
    client: Client<T>,
    target: Target,
    mapping: Arc<Mapping>,
    state: State,
    log: Option<ProvisioningLog>,
    progress: Option<Box<dyn Progress>>,
    options: PlanOptions,
    scope: ScopeMode,
    job_id: String,
    source_system: System,
    target_system: System,
    concurrency: usize,
    clock: Box<dyn Fn() -> DateTime<Utc> + Send + Sync>,
}

impl<T: Transport> SyncEngine<T> {
    /// An engine for this target, whose limits the profile knows.
    #[must_use]
    pub fn new(client: Client<T>, profile: TargetProfile, mapping: Mapping, state: State) -> Self {
        let endpoint = state.binding().endpoint.clone();
        Self {
            client,
            target_system: System::new(endpoint, "SCIM 2.0 target"),
            target: Target::new(profile),
            mapping: Arc::new(mapping),
            state,
            log: None,
            progress: None,
            options: PlanOptions::default(),
            scope: ScopeMode::default(),
            job_id: "scim2-sync".to_owned(),
            source_system: System::new("source", "source directory"),
            concurrency: CONCURRENCY,
            clock: Box::new(|| SystemTime::now().into()),
        }
    }

    /// Keeps a provisioning log.
    #[must_use]
    pub fn with_log(self, log: ProvisioningLog) -> Self {
        Self { log: Some(log), ..self }
    }

    /// Tells how far a cycle has come.
    #[must_use]
    pub fn with_progress(self, progress: impl Progress + 'static) -> Self {
        Self { progress: Some(Box::new(progress)), ..self }
    }

    /// Who is provisioned.
    #[must_use]
    pub fn with_scope(self, scope: ScopeMode) -> Self {
        Self { scope, ..self }
    }

    /// What is done with objects that the profile says will be refused.
    #[must_use]
    pub fn with_preflight(mut self, preflight: Preflight) -> Self {
        self.options.preflight = preflight;
        self
    }

    /// What is done with attributes that the source has emptied.
    #[must_use]
    pub fn with_null_source(mut self, null_source: NullSource) -> Self {
        self.options.null_source = null_source;
        self
    }

    /// How much may be removed at once.
    #[must_use]
    pub fn with_guards(mut self, guards: Guards) -> Self {
        self.options.guards = guards;
        self
    }

    /// How many requests may be under way at once; at least one.
    #[must_use]
    pub fn with_concurrency(self, concurrency: usize) -> Self {
        Self { concurrency: concurrency.max(1), ..self }
    }

    /// The names that the log has for the job and its two ends.
    #[must_use]
    pub fn with_names(self, job_id: impl Into<String>, source: System, target: System) -> Self {
        Self { job_id: job_id.into(), source_system: source, target_system: target, ..self }
    }

    /// What the time is, for log lines and for the wait after failures.
    #[must_use]
    pub fn with_clock(self, clock: impl Fn() -> DateTime<Utc> + Send + Sync + 'static) -> Self {
        Self { clock: Box::new(clock), ..self }
    }

    /// Changes the mapping. The next cycle should be an [`Initial`](CycleKind::Initial) one, so
    /// that everything is compared. What a row that is gone wrote stays in the target, except for
    /// an element of a multi-valued attribute that other rows still write.
    pub fn set_mapping(&mut self, mapping: Mapping) {
        self.mapping = Arc::new(mapping);
    }

    /// Changes what is done with objects that the profile says will be refused.
    pub fn set_preflight(&mut self, preflight: Preflight) {
        self.options.preflight = preflight;
    }

    /// Changes how much may be removed at once: the consent to removals that were held.
    pub fn set_guards(&mut self, guards: Guards) {
        self.options.guards = guards;
    }

    /// What is remembered between cycles.
    #[must_use]
    pub fn state(&self) -> &State {
        &self.state
    }

    /// The client.
    #[must_use]
    pub fn client(&self) -> &Client<T> {
        &self.client
    }

    /// Tests URL and token, as "Test connection" of Entra ID does.
    ///
    /// # Errors
    /// [`SyncError::Connection`] says what is wrong and what to check.
    pub async fn test_connection(&self) -> Result<(), SyncError> {
        let matching = self.mapping.users.matching().next().map(str::parse::<AttrPath>);
        let Some(Ok(matching)) = matching else { return Err(SyncError::NoMatching) };
        Ok(test_connection(&self.client, &matching).await?)
    }

    /// Finds out what a cycle would do, and does nothing: the target is only read, and the state
    /// stays as it is.
    ///
    /// # Errors
    /// When the target cannot be reached or read.
    pub async fn plan(&self, kind: CycleKind, snapshot: &Snapshot) -> Result<Plan, SyncError> {
        self.test_connection().await?;
        let mut state = self.state.detached();
        let desired = Desired::of(snapshot, &self.mapping, self.scope);
        let mut found = Correlation::default();
        let failed = BTreeSet::new();
        let now = (self.clock)();
        if kind == CycleKind::Initial {
            state.settle_all()?;
        }
        let correlator = Correlator {
            client: &self.client,
            mapping: &self.mapping,
            target: &self.target,
            desired: &desired,
            failed: &failed,
            concurrency: self.concurrency,
            now,
        };
        correlator.run(Reading::of(kind), &mut state, &mut found).await?;
        Ok(Plan::of(&PlanInput {
            snapshot,
            desired: &desired,
            mapping: &self.mapping,
            state: &state,
            target: &self.target,
            conflicts: &found.conflicts,
            failed: &failed,
            options: &self.options,
            now,
        }))
    }

    /// Runs one cycle.
    ///
    /// One bad object never stops the rest: what fails is in the report and in the log, with its
    /// reason and what to do, and is tried again when it changes or its wait is over.
    ///
    /// # Errors
    /// When the connection does not work, the credentials are refused, the target stops
    /// answering, or state or log cannot be written. What was done until then is remembered.
    pub async fn run_cycle(
        &mut self,
        kind: CycleKind,
        snapshot: &Snapshot,
    ) -> Result<CycleReport, SyncError> {
        let start = Instant::now();
        let sent_before = self.client.requests_sent();
        self.begin(Phase::Connect, 1);
        self.test_connection().await?;
        self.advance();
        if kind == CycleKind::Initial {
            self.state.settle_all()?;
        }
        let desired = Arc::new(Desired::of(snapshot, &self.mapping, self.scope));
        let mut cycle = Cycle {
            engine: self,
            snapshot,
            desired,
            kind,
            id: uuid::Uuid::new_v4().to_string(),
            changes: BTreeMap::new(),
            found: Correlation::default(),
            failed: BTreeSet::new(),
            provisional: BTreeMap::new(),
            unanswered: 0,
            done: BTreeMap::new(),
            report: CycleReport::default(),
        };
        let result = cycle.run().await;
        let mut report = cycle.into_report();
        report.requests = self.client.requests_sent().saturating_sub(sent_before);
        report.duration = start.elapsed();
        self.state.sync()?;
        if let Some(log) = &mut self.log {
            log.flush()?;
        }
        match result {
            Ok(()) => {
                self.state.compact()?;
                Ok(report)
            }
            Err(Stop::Error(error)) => Err(error),
            Err(Stop::Target(problem)) => {
                Err(SyncError::Stopped { problem, report: Box::new(report) })
            }
        }
    }

    /// Reads the target back and compares it with what the source says.
    ///
    /// # Errors
    /// When the target cannot be read.
    pub async fn verify(&self, snapshot: &Snapshot) -> Result<Verification, SyncError> {
        let verified =
            verify(&self.client, snapshot, &self.mapping, self.target.profile(), self.scope).await;
        verified.map_err(|error| SyncError::Target(Box::new(error)))
    }

    fn begin(&mut self, phase: Phase, actions: usize) {
        if let Some(progress) = &mut self.progress {
            progress.phase(phase, actions);
        }
    }

    fn advance(&mut self) {
        if let Some(progress) = &mut self.progress {
            progress.advance();
        }
    }
}

impl<T> fmt::Debug for SyncEngine<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SyncEngine")
            .field("state", &self.state.binding())
            .field("scope", &self.scope)
            .field("options", &self.options)
            .finish_non_exhaustive()
    }
}
