//! How much one client may take away before somebody looks (SEC-24).

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use chrono::{DateTime, Utc};

use crate::auth::Principal;
use crate::events::{ChangeKind, ChangeRecord};
use crate::limits::MAX_REMEMBERED;
use crate::scope::TenantId;

/// How many resources one client may delete or deactivate within a time. The rest is held: 403
/// until the time is over, and a record in the audit log for each.
///
/// It is for the day on which a directory looks empty to its own provisioning service, or somebody
/// else holds the token. Each service provider counts for itself.
///
/// ```
/// use std::time::Duration;
/// use scim2_provider::{ProviderConfig, RemovalLimit};
/// let mut config = ProviderConfig::default();
/// config.removals = Some(RemovalLimit::new(50, Duration::from_secs(3600)));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct RemovalLimit {
    /// How many resources. What a deletion changes in others does not count.
    pub max: u32,
    /// From the first of them on.
    pub within: Duration,
}

impl RemovalLimit {
    /// So many within a time.
    #[must_use]
    pub fn new(max: u32, within: Duration) -> Self {
        Self { max, within }
    }
}

/// What each client has removed of late.
pub(crate) struct Removals {
    limit: RemovalLimit,
    windows: Mutex<HashMap<(TenantId, Box<str>), Window>>,
}

/// The time in which removals are counted.
struct Window {
    began: DateTime<Utc>,
    count: u32,
}

impl Removals {
    pub(crate) fn new(limit: RemovalLimit) -> Self {
        Self { limit, windows: Mutex::default() }
    }

    /// Counts a change, if it takes somebody away. False when it is one too many.
    pub(crate) fn allow(
        &self,
        principal: &Principal,
        record: &ChangeRecord,
        now: DateTime<Utc>,
    ) -> bool {
        let removes = match record.kind {
            ChangeKind::Created => false,
            ChangeKind::Changed => record.is_deactivation(),
            ChangeKind::Deleted => true,
        };
        if !removes {
            return true;
        }
        // A clock that was set back ends no window early, and keeps none open for longer than once.
        let within = self.limit.within;
        let over =
            |window: &Window| (now - window.began).abs().to_std().is_ok_and(|age| age >= within);
        let mut windows = self.windows.lock().unwrap_or_else(PoisonError::into_inner);
        if windows.len() >= MAX_REMEMBERED {
            windows.retain(|_, window| !over(window));
        }
        let key = (principal.scope.tenant.clone(), principal.name.clone());
        let window = windows.entry(key).or_insert(Window { began: now, count: 0 });
        if over(window) {
            *window = Window { began: now, count: 0 };
        }
        let allowed = window.count < self.limit.max;
        window.count += u32::from(allowed);
        allowed
    }

    pub(crate) fn limit(&self) -> RemovalLimit {
        self.limit
    }
}
