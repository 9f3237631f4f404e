//! How much clients may ask for at a time (SEC-18, SEC-20, ruling H20).

use std::collections::HashMap;
use std::hash::Hash;
use std::num::NonZeroU32;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use chrono::{DateTime, Utc};

use crate::auth::Principal;
use crate::scope::TenantId;

/// How fast requests may come: so many a second on average, and so many at once after a pause.
///
/// ```
/// use std::num::NonZeroU32;
/// use scim2_provider::{ProviderConfig, RateLimit};
/// let mut config = ProviderConfig::default();
/// config.client_rate = NonZeroU32::new(25).map(RateLimit::per_second);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct RateLimit {
    /// How many requests a second are answered in the long run.
    pub per_second: NonZeroU32,
    /// How many may come at once after a pause. A bulk request that counts for more is let in
    /// when all of these are left.
    pub burst: NonZeroU32,
}

impl RateLimit {
    /// This rate, and the requests of one second at once.
    #[must_use]
    pub fn per_second(per_second: NonZeroU32) -> Self {
        Self { per_second, burst: per_second }
    }

    /// The same rate with another burst.
    #[must_use]
    pub fn with_burst(self, burst: NonZeroU32) -> Self {
        Self { burst, ..self }
    }

    /// How many nanoseconds of the rate so many requests use up.
    fn price(&self, requests: u32) -> i64 {
        let one = 1_000_000_000 / u64::from(self.per_second.get());
        let price = one.saturating_mul(u64::from(requests));
        i64::try_from(price).unwrap_or(i64::MAX)
    }
}

/// What one service provider counts.
pub(crate) struct Limits {
    concurrent: usize,
    active: AtomicUsize,
    clients: Option<Rates<(TenantId, Box<str>)>>,
    tenants: Option<Rates<TenantId>>,
}

impl Limits {
    pub(crate) fn new(
        concurrent: usize,
        client: Option<RateLimit>,
        tenant: Option<RateLimit>,
    ) -> Self {
        Self {
            concurrent,
            active: AtomicUsize::new(0),
            clients: client.map(Rates::new),
            tenants: tenant.map(Rates::new),
        }
    }

    /// A place among the requests that are answered at a time, unless all are taken.
    pub(crate) fn enter(&self) -> Option<Place<'_>> {
        let before = self.active.fetch_add(1, Ordering::Relaxed);
        // It counts itself out again when it is dropped.
        let place = Place(&self.active);
        (before < self.concurrent).then_some(place)
    }

    /// Counts requests of a client, and of its tenant.
    ///
    /// # Errors
    /// How long the client has to wait. What is refused is not counted.
    pub(crate) fn charge(
        &self,
        principal: &Principal,
        requests: u32,
        now: DateTime<Utc>,
    ) -> Result<(), Duration> {
        if let Some(tenants) = &self.tenants {
            tenants.charge(&principal.scope.tenant, requests, now)?;
        }
        if let Some(clients) = &self.clients {
            let key = (principal.scope.tenant.clone(), principal.name.clone());
            clients.charge(&key, requests, now)?;
        }
        Ok(())
    }

    /// Counts more requests of a client that has been let in: the operations of a bulk request.
    /// Nothing is refused now, but later requests have to wait until it is paid.
    pub(crate) fn owe(&self, principal: &Principal, requests: u32, now: DateTime<Utc>) {
        if let Some(tenants) = &self.tenants {
            tenants.owe(&principal.scope.tenant, requests, now);
        }
        if let Some(clients) = &self.clients {
            clients.owe(&(principal.scope.tenant.clone(), principal.name.clone()), requests, now);
        }
    }
}

/// One of the requests that are being answered.
pub(crate) struct Place<'a>(&'a AtomicUsize);

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// How many names are remembered before those that owe nothing are forgotten.
pub(crate) const MAX_REMEMBERED: usize = 4096;

/// A rate limit for each of many: token buckets, each kept as what is missing in it.
struct Rates<K> {
    limit: RateLimit,
    /// Who owes nothing need not be here.
    accounts: Mutex<HashMap<K, Account>>,
}

/// What somebody owed at a time, in nanoseconds of the rate.
#[derive(Clone, Copy)]
struct Account {
    owed: i64,
    seen: i64,
}

impl Account {
    /// The same account later. A clock that was set back pays nothing, and costs nothing.
    fn at(self, now: i64) -> Self {
        let elapsed = now.saturating_sub(self.seen).max(0);
        Self { owed: self.owed.saturating_sub(elapsed).max(0), seen: now }
    }
}

impl<K: Clone + Eq + Hash> Rates<K> {
    fn new(limit: RateLimit) -> Self {
        Self { limit, accounts: Mutex::default() }
    }

    fn charge(&self, key: &K, requests: u32, now: DateTime<Utc>) -> Result<(), Duration> {
        let now = now.timestamp_nanos_opt().unwrap_or(i64::MAX);
        let price = self.limit.price(requests);
        // What may be owed before this: nothing, if it costs more than a whole burst.
        let most = self.limit.price(self.limit.burst.get()).saturating_sub(price).max(0);
        let mut accounts = self.accounts.lock().unwrap_or_else(PoisonError::into_inner);
        if accounts.len() >= MAX_REMEMBERED {
            accounts.retain(|_, account| account.at(now).owed > 0);
        }
        let known = accounts.get_mut(key);
        let mut account = known.as_deref().map_or(Account { owed: 0, seen: now }, |a| a.at(now));
        let wait = account.owed.saturating_sub(most);
        if wait <= 0 {
            account.owed = account.owed.saturating_add(price);
        }
        match known {
            Some(known) => *known = account,
            None => {
                accounts.insert(key.clone(), account);
            }
        }
        match u64::try_from(wait) {
            Ok(wait) if wait > 0 => Err(Duration::from_nanos(wait)),
            _ => Ok(()),
        }
    }

    /// Who owes something has been charged just before, so there is an account.
    fn owe(&self, key: &K, requests: u32, now: DateTime<Utc>) {
        let now = now.timestamp_nanos_opt().unwrap_or(i64::MAX);
        let mut accounts = self.accounts.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(account) = accounts.get_mut(key) {
            *account = account.at(now);
            account.owed = account.owed.saturating_add(self.limit.price(requests));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scope::Scope;

    fn at(milliseconds: i64) -> DateTime<Utc> {
        DateTime::from_timestamp_millis(1_790_000_000_000 + milliseconds).unwrap()
    }

    fn client(tenant: &str, name: &str) -> Principal {
        Principal::new(name, Scope::tenant(TenantId::new(tenant).unwrap()))
    }

    fn rate(per_second: u32, burst: u32) -> RateLimit {
        RateLimit::per_second(NonZeroU32::new(per_second).unwrap())
            .with_burst(NonZeroU32::new(burst).unwrap())
    }

    #[test]
    fn h20_a_burst_then_the_rate() {
        let limits = Limits::new(1, Some(rate(10, 3)), None);
        let a = client("t", "a");
        for _ in 0..3 {
            limits.charge(&a, 1, at(0)).unwrap();
        }
        assert_eq!(limits.charge(&a, 1, at(0)), Err(Duration::from_millis(100)));
        assert_eq!(limits.charge(&a, 1, at(60)), Err(Duration::from_millis(40)));
        limits.charge(&a, 1, at(100)).unwrap();
        assert!(limits.charge(&a, 1, at(100)).is_err());
        // After a pause the burst is there again, and no more than that.
        for _ in 0..3 {
            limits.charge(&a, 1, at(60_000)).unwrap();
        }
        assert!(limits.charge(&a, 1, at(60_000)).is_err());
    }

    #[test]
    fn h20_clients_and_tenants_are_counted_apart() {
        let limits = Limits::new(1, Some(rate(1, 2)), Some(rate(1, 3)));
        for _ in 0..2 {
            limits.charge(&client("t", "a"), 1, at(0)).unwrap();
        }
        assert!(limits.charge(&client("u", "a"), 1, at(0)).is_ok(), "another tenant");
        assert!(limits.charge(&client("t", "b"), 1, at(0)).is_ok(), "another client");
        assert!(limits.charge(&client("t", "c"), 1, at(0)).is_err(), "the tenant as a whole");
    }

    #[test]
    fn sec_18_a_bulk_request_counts_for_its_operations() {
        let limits = Limits::new(1, Some(rate(10, 20)), None);
        let a = client("t", "a");
        limits.charge(&a, 15, at(0)).unwrap();
        assert_eq!(limits.charge(&a, 10, at(0)), Err(Duration::from_millis(500)));
        limits.charge(&a, 5, at(0)).unwrap();
        // More than a burst is let in once nothing is owed, and paid for afterwards.
        assert!(limits.charge(&a, 1000, at(1_999)).is_err());
        limits.charge(&a, 1000, at(2_000)).unwrap();
        assert_eq!(limits.charge(&a, 1, at(3_000)), Err(Duration::from_millis(97_100)));
    }

    #[test]
    fn a_clock_set_back_locks_nobody_out() {
        let limits = Limits::new(1, Some(rate(10, 10)), None);
        let a = client("t", "a");
        limits.charge(&a, 10, at(3_600_000)).unwrap();
        assert_eq!(limits.charge(&a, 1, at(0)), Err(Duration::from_millis(100)));
        limits.charge(&a, 1, at(100)).unwrap();
    }

    #[test]
    fn who_owes_nothing_is_forgotten() {
        let rates = Rates::new(rate(1000, 1));
        for number in 0..MAX_REMEMBERED * 2 {
            let second = i64::try_from(number).unwrap();
            rates.charge(&number, 1, at(second * 1000)).unwrap();
        }
        assert!(rates.accounts.lock().unwrap().len() <= MAX_REMEMBERED);
    }

    #[test]
    fn sec_20_places_are_counted_and_given_back() {
        let limits = Limits::new(2, None, None);
        let first = limits.enter();
        let second = limits.enter();
        assert!(first.is_some() && second.is_some());
        assert!(limits.enter().is_none());
        drop(first);
        assert!(limits.enter().is_some());
    }
}
