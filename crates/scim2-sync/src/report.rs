//! What a cycle did.

use std::fmt;
use std::time::Duration;

use crate::guard::Held;
use crate::plan::Phase;
use crate::problem::Problem;
use crate::source::{ObjectKind, SourceId};

/// What a cycle did. Each object counts once in each row, users and groups alike.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct CycleReport {
    /// Objects created.
    pub created: usize,
    /// Objects changed, and groups whose members changed, unless they were created in this cycle.
    pub updated: usize,
    /// Users switched off.
    pub disabled: usize,
    /// Objects deleted.
    pub deleted: usize,
    /// Objects with which nothing was done on purpose.
    pub skipped: usize,
    /// Objects that something failed with.
    pub failed: usize,
    /// Objects that failed in a cycle before, and are tried again when they change or their wait
    /// is over.
    pub waiting: usize,
    /// Objects that were found in the target and linked.
    pub matched: usize,
    /// Members added to groups, those with which groups were created included.
    pub members_added: usize,
    /// Members removed from groups.
    pub members_removed: usize,
    /// Requests sent, repetitions included.
    pub requests: u64,
    /// How long it took.
    pub duration: Duration,
    /// What failed, and why.
    pub failures: Vec<Failure>,
    /// Removals that wait for someone's consent.
    pub held: Vec<Held>,
}

impl CycleReport {
    /// Whether nothing was written, and nothing failed or waits for consent.
    #[must_use]
    pub fn is_quiet(&self) -> bool {
        let Self { created, updated, disabled, deleted, failed, .. } = self;
        created + updated + disabled + deleted + failed == 0 && self.held.is_empty()
    }
}

impl fmt::Display for CycleReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "created {}, updated {}, disabled {}, deleted {}, skipped {}, failed {}, \
             waiting after failures {}; {} requests in {:.2} s",
            self.created,
            self.updated,
            self.disabled,
            self.deleted,
            self.skipped,
            self.failed,
            self.waiting,
            self.requests,
            self.duration.as_secs_f64()
        )
    }
}

/// An object that something failed with.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Failure {
    /// What the object is.
    pub kind: ObjectKind,
    /// Which one.
    pub source: SourceId,
    /// What people call it.
    pub name: Option<String>,
    /// What went wrong, and what to do.
    pub problem: Problem,
}

/// Is told how far a cycle has come.
///
/// Phases may come several times in one cycle: what depends on the outcome of others, such as a
/// reference to a manager who was created later, is settled in a further round.
pub trait Progress: Send + Sync {
    /// A phase begins, with so many actions.
    fn phase(&mut self, phase: Phase, actions: usize);

    /// One action of the phase has ended, well or not.
    fn advance(&mut self);
}
