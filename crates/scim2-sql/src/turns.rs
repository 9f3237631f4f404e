//! Who changes what waits for who changes the same.

use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;

use scim2_core::resource::ResourceId;
use scim2_provider::Scope;
use tokio::sync::{Mutex, MutexGuard};

/// How many updates go on at once; those of one resource wait for each other.
const STRIPES: usize = 64;

/// Lets updates of one resource wait for each other in this process, instead of losing races in
/// the database.
pub(crate) struct Turns {
    stripes: Vec<Mutex<()>>,
    hasher: RandomState,
}

impl Default for Turns {
    fn default() -> Self {
        let stripes = (0..STRIPES).map(|_| Mutex::new(())).collect();
        Self { stripes, hasher: RandomState::new() }
    }
}

impl Turns {
    /// Waits until nobody else changes this resource.
    pub(crate) async fn take(&self, scope: &Scope, id: &ResourceId) -> Option<MutexGuard<'_, ()>> {
        let hash = self.hasher.hash_one((&scope.tenant, id));
        let stripes = u64::try_from(STRIPES).unwrap_or(1);
        let stripe = self.stripes.get(usize::try_from(hash % stripes).unwrap_or(0))?;
        Some(stripe.lock().await)
    }
}
