//! Numbers that the database gives to names.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// How many are remembered; more are looked up again.
const CAPACITY: usize = 10_000;

/// Numbers that are in the database for good, so that they need not be looked up again.
#[derive(Debug, Default)]
pub(crate) struct Remembered(Mutex<HashMap<Box<str>, i64>>);

impl Remembered {
    pub(crate) fn get(&self, name: &str) -> Option<i64> {
        self.known().get(name).copied()
    }

    pub(crate) fn put(&self, name: &str, number: i64) {
        let mut known = self.known();
        if known.len() >= CAPACITY {
            known.clear();
        }
        known.insert(name.into(), number);
    }

    /// Forgets them all: the transaction that made some of them was undone.
    #[cfg(feature = "sqlite")]
    pub(crate) fn clear(&self) {
        self.known().clear();
    }

    fn known(&self) -> MutexGuard<'_, HashMap<Box<str>, i64>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
