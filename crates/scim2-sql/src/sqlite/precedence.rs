//! Who has lost too often is let go first.

use tokio::sync::{RwLock, RwLockReadGuard, RwLockWriteGuard};

/// How many races in a row a change may lose before all others wait for it.
const PATIENCE: u32 = 4;

/// Changes go on beside each other, so that many of them are made in one transaction. What is
/// decided on the resource as it was loses to whatever changes that resource meanwhile; once it has
/// lost too often, it goes alone.
#[derive(Default)]
pub(crate) struct Precedence {
    changes: RwLock<()>,
}

/// A change that goes on, until this is dropped.
pub(crate) enum Pass<'a> {
    Beside(#[expect(dead_code, reason = "held")] RwLockReadGuard<'a, ()>),
    Alone(#[expect(dead_code, reason = "held")] RwLockWriteGuard<'a, ()>),
}

impl Precedence {
    /// Waits until a change that has lost this many races may go on.
    pub(crate) async fn pass(&self, lost: u32) -> Pass<'_> {
        if lost < PATIENCE {
            Pass::Beside(self.changes.read().await)
        } else {
            Pass::Alone(self.changes.write().await)
        }
    }
}
