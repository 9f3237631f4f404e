//! Checks of what a [`Store`] promises, for authors of stores.
//!
//! ```
//! use scim2_conformance::store;
//! use scim2_provider::MemoryStore;
//! # tokio::runtime::Runtime::new()?.block_on(async {
//! let report = store::check(|| async { MemoryStore::default() }).await;
//! assert!(report.is_success(), "{report}");
//! # });
//! # Ok::<(), std::io::Error>(())
//! ```

mod agree;
mod concurrency;
mod events;
mod kit;
mod members;
mod queries;
mod values;
mod writes;

use std::fmt;
use std::pin::Pin;

use scim2_provider::{DynStore, Store};

use self::kit::{Fault, Kit};

/// Checks a store against the contract of [`Store`]. Each check is given a store of its own, which
/// must be empty.
///
/// It must be called in a tokio runtime; on one with several threads, what is checked at once
/// happens at once.
pub async fn check<S, F>(mut make_store: impl FnMut() -> F) -> StoreReport
where
    S: Store,
    F: Future<Output = S>,
{
    let mut report = StoreReport { checks: Vec::new() };
    for check in contract() {
        let kit = Kit::new(DynStore::new(make_store().await));
        let outcome = match (check.run)(&kit).await {
            Ok(()) => StoreOutcome::Kept,
            Err(Fault::Broken(reason)) => StoreOutcome::Broken(reason),
            Err(Fault::NotOffered(reason)) => StoreOutcome::NotOffered(reason),
        };
        report.checks.push(StoreCheck { id: check.id, title: check.title, outcome });
    }
    report
}

fn contract() -> impl Iterator<Item = &'static Promise> {
    [
        writes::PROMISES,
        values::PROMISES,
        members::PROMISES,
        queries::PROMISES,
        agree::PROMISES,
        concurrency::PROMISES,
        events::PROMISES,
    ]
    .into_iter()
    .flatten()
}

/// One thing that a store promises.
struct Promise {
    id: &'static str,
    title: &'static str,
    run: Run,
}

type Run = for<'k> fn(&'k Kit) -> Pin<Box<dyn Future<Output = Result<(), Fault>> + Send + 'k>>;

/// A table of promises: name, sentence, function.
macro_rules! promises {
    ($($id:literal, $title:literal => $run:expr;)+) => {
        pub(super) static PROMISES: &[$crate::store::Promise] = &[$(
            $crate::store::Promise { id: $id, title: $title, run: |kit| Box::pin($run(kit)) },
        )+];
    };
}
use promises;

/// What the checks have shown of a store. `Display` prints what is not kept, and the totals.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct StoreReport {
    /// Each promise, in order.
    pub checks: Vec<StoreCheck>,
}

/// What one check has shown of a store.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct StoreCheck {
    /// Names the promise: `unique.case`.
    pub id: &'static str,
    /// What must hold, as a sentence.
    pub title: &'static str,
    /// How it came out.
    pub outcome: StoreOutcome,
}

/// How a check of a store came out.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "a report must show each case")]
pub enum StoreOutcome {
    /// What must hold does.
    Kept,
    /// It does not: what was found, and what was expected.
    Broken(String),
    /// The store does not offer what the check is about, and need not.
    NotOffered(String),
}

impl StoreReport {
    /// Whether no promise is broken.
    #[must_use]
    pub fn is_success(&self) -> bool {
        self.broken().next().is_none()
    }

    /// The promises that are broken.
    pub fn broken(&self) -> impl Iterator<Item = &StoreCheck> {
        self.checks.iter().filter(|check| matches!(check.outcome, StoreOutcome::Broken(_)))
    }
}

impl fmt::Display for StoreReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut kept = 0;
        for check in &self.checks {
            let (word, reason) = match &check.outcome {
                StoreOutcome::Kept => {
                    kept += 1;
                    continue;
                }
                StoreOutcome::Broken(reason) => ("broken", reason),
                StoreOutcome::NotOffered(reason) => ("skipped", reason),
            };
            writeln!(f, "{word:7}  {}  {}\n         {reason}", check.id, check.title)?;
        }
        writeln!(f, "{kept} of {} promises kept", self.checks.len())
    }
}
