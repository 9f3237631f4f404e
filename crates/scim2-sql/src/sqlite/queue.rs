//! How many changes wait for the thread that writes, for the `metrics` facade. Without the feature
//! `metrics` it is nothing.

#[cfg(feature = "metrics")]
use metrics::{Gauge, gauge};

/// A change that waits, counted until this is dropped.
pub(super) struct Queued {
    #[cfg(feature = "metrics")]
    waiting: Gauge,
}

impl Queued {
    #[cfg(feature = "metrics")]
    pub(super) fn enter() -> Self {
        let waiting = gauge!("scim.sqlite.writer.queue");
        waiting.increment(1);
        Self { waiting }
    }

    #[cfg(not(feature = "metrics"))]
    pub(super) fn enter() -> Self {
        Self {}
    }
}

impl Drop for Queued {
    fn drop(&mut self) {
        #[cfg(feature = "metrics")]
        self.waiting.decrement(1);
    }
}
