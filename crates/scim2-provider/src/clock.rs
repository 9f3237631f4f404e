//! Time, as something that can be replaced.

use std::fmt;
use std::time::SystemTime;

use chrono::{DateTime, Utc};

/// Tells the time to stores, authenticators and cursors, so that tests can.
pub trait Clock: fmt::Debug + Send + Sync + 'static {
    /// Now.
    fn now(&self) -> DateTime<Utc>;
}

/// The computer's clock.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> DateTime<Utc> {
        SystemTime::now().into()
    }
}
