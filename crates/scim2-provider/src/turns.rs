//! Who changes what waits for who changes the same.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use scim2_core::resource::ResourceId;
use tokio::sync::{OwnedRwLockReadGuard, OwnedRwLockWriteGuard, RwLock};

use crate::scope::{Scope, TenantId};

/// Lets changes of one resource wait for each other in this process, in the order in which they
/// came, instead of losing races where the resource is kept. Changes of different resources do not
/// meet. Other processes are not kept out: a store compares versions all the same.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), scim2_provider::scope::EmptyId> {
/// use scim2_core::resource::ResourceId;
/// use scim2_provider::store::Turns;
/// use scim2_provider::{Scope, TenantId};
/// let (turns, scope) = (Turns::default(), Scope::tenant(TenantId::new("acme")?));
/// let _one = turns.alone(&scope, &ResourceId::from("1")).await;
/// // This one need not wait.
/// let _other = turns.alone(&scope, &ResourceId::from("2")).await;
/// # Ok(()) }
/// ```
#[derive(Default)]
pub struct Turns {
    /// The resources that somebody changes or waits to change.
    busy: Mutex<HashMap<Key, Weak<RwLock<()>>>>,
}

type Key = (TenantId, ResourceId);

impl Turns {
    /// Waits until nobody else changes this resource. Who comes later waits until the turn is
    /// dropped.
    pub async fn alone(&self, scope: &Scope, id: &ResourceId) -> Turn<'_> {
        let (mut turn, lock) = self.enter(scope, id);
        turn.held = Held::Alone(lock.write_owned().await);
        turn
    }

    /// Waits until nobody changes this resource [alone](Self::alone), for a change that does not
    /// depend on what the resource is. Others like it go on beside.
    pub async fn beside(&self, scope: &Scope, id: &ResourceId) -> Turn<'_> {
        let (mut turn, lock) = self.enter(scope, id);
        turn.held = Held::Beside(lock.read_owned().await);
        turn
    }

    /// The turn is there before its lock is held, so that who stops waiting leaves nothing behind.
    fn enter(&self, scope: &Scope, id: &ResourceId) -> (Turn<'_>, Arc<RwLock<()>>) {
        let key = (scope.tenant.clone(), id.clone());
        let mut busy = self.busy();
        let lock = busy.get(&key).and_then(Weak::upgrade).unwrap_or_else(|| {
            let lock = Arc::default();
            busy.insert(key.clone(), Arc::downgrade(&lock));
            lock
        });
        (Turn { turns: self, key, held: Held::Nothing }, lock)
    }

    /// What is known of who is busy is whole after each step.
    fn busy(&self) -> MutexGuard<'_, HashMap<Key, Weak<RwLock<()>>>> {
        self.busy.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Turns {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Turns").field("busy", &self.busy().len()).finish()
    }
}

/// A change of a resource that goes on until this is dropped. See [`Turns`].
#[must_use = "the turn is over when this is dropped"]
pub struct Turn<'a> {
    turns: &'a Turns,
    key: Key,
    held: Held,
}

enum Held {
    Nothing,
    Beside(#[expect(dead_code, reason = "held")] OwnedRwLockReadGuard<()>),
    Alone(#[expect(dead_code, reason = "held")] OwnedRwLockWriteGuard<()>),
}

impl fmt::Debug for Turn<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Turn").field(&self.key.1).finish()
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        self.held = Held::Nothing;
        let mut busy = self.turns.busy();
        if busy.get(&self.key).is_some_and(|lock| lock.strong_count() == 0) {
            busy.remove(&self.key);
        }
    }
}
