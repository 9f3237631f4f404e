//! Events that wait to be delivered.

use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::future::{Future, ready};
use std::pin::Pin;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::ChangeEvent;
use crate::store::StoreError;

/// How many events an outbox on a disk keeps; when more come, the oldest are lost, and it is
/// logged.
pub const OUTBOX_CAPACITY: usize = 1_000_000;

/// What the methods of an [`Outbox`] return: a future behind a pointer.
pub type OutboxFuture<'a, T> = Pin<Box<dyn Future<Output = Result<T, StoreError>> + Send + 'a>>;

/// Keeps events until every subscriber has them: the part of a [`Store`](crate::Store) by which
/// they are delivered even when the process ends in between.
///
/// - Events are written with the change that they tell of, both or neither.
/// - They are read in the order in which the changes were made; once an event was read, none
///   appears before it.
/// - Each subscriber has its own place, under a name that outlives the process.
/// - What every subscriber has acknowledged is deleted. Even if nobody fetches them, no more are
///   kept than a limit says: [`OUTBOX_CAPACITY`] on a disk, [`MemoryOutbox::CAPACITY`] in memory.
pub trait Outbox: Send + Sync {
    /// Delivers to these subscribers and to no others from now on. A new one gets what is still
    /// there.
    ///
    /// # Errors
    /// When the store fails.
    fn subscribe<'a>(&'a self, subscribers: &'a [&'a str]) -> OutboxFuture<'a, ()>;

    /// The next events that a subscriber has not acknowledged, at most so many.
    ///
    /// # Errors
    /// When the store fails.
    fn pending<'a>(
        &'a self,
        subscriber: &'a str,
        limit: usize,
    ) -> OutboxFuture<'a, Vec<ChangeEvent>>;

    /// Notes that a subscriber has everything up to and including this sequence number.
    ///
    /// # Errors
    /// When the store fails.
    fn acknowledge<'a>(&'a self, subscriber: &'a str, through: u64) -> OutboxFuture<'a, ()>;
}

/// An [`Outbox`] in memory: what is in it is gone when the process ends.
pub struct MemoryOutbox {
    inner: Mutex<Inner>,
    capacity: usize,
}

#[derive(Default)]
struct Inner {
    last: u64,
    events: VecDeque<ChangeEvent>,
    /// Up to where each subscriber has acknowledged.
    places: BTreeMap<Box<str>, u64>,
}

impl MemoryOutbox {
    /// How many events it keeps, unless it is told otherwise.
    pub const CAPACITY: usize = 100_000;

    /// An outbox for so many events; when more come, the oldest are lost, and it is logged.
    #[must_use]
    pub fn with_capacity(capacity: usize) -> Self {
        Self { inner: Mutex::default(), capacity }
    }

    /// Appends an event and gives it its sequence number.
    pub fn push(&self, event: ChangeEvent) {
        let mut inner = self.lock();
        inner.last += 1;
        let sequence = inner.last;
        inner.events.push_back(ChangeEvent { sequence, ..event });
        if inner.events.len() > self.capacity {
            inner.events.pop_front();
            tracing::error!(capacity = self.capacity, "an event was lost: nobody fetches them");
        }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Default for MemoryOutbox {
    fn default() -> Self {
        Self::with_capacity(Self::CAPACITY)
    }
}

impl Outbox for MemoryOutbox {
    fn subscribe<'a>(&'a self, subscribers: &'a [&'a str]) -> OutboxFuture<'a, ()> {
        let mut inner = self.lock();
        inner.places.retain(|name, _| subscribers.contains(&&**name));
        for name in subscribers {
            inner.places.entry((*name).into()).or_insert(0);
        }
        inner.trim();
        Box::pin(ready(Ok(())))
    }

    fn pending<'a>(
        &'a self,
        subscriber: &'a str,
        limit: usize,
    ) -> OutboxFuture<'a, Vec<ChangeEvent>> {
        let inner = self.lock();
        let after = inner.places.get(subscriber).copied().unwrap_or(0);
        let first = inner.events.partition_point(|event| event.sequence <= after);
        let events = inner.events.iter().skip(first).take(limit).cloned().collect();
        Box::pin(ready(Ok(events)))
    }

    fn acknowledge<'a>(&'a self, subscriber: &'a str, through: u64) -> OutboxFuture<'a, ()> {
        let mut inner = self.lock();
        if let Some(place) = inner.places.get_mut(subscriber) {
            *place = through.max(*place);
        }
        inner.trim();
        Box::pin(ready(Ok(())))
    }
}

impl Inner {
    /// Drops what every subscriber has.
    fn trim(&mut self) {
        let Some(everybody) = self.places.values().min().copied() else { return };
        let had = self.events.partition_point(|event| event.sequence <= everybody);
        self.events.drain(..had);
    }
}

impl fmt::Debug for MemoryOutbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let inner = self.lock();
        f.debug_struct("MemoryOutbox")
            .field("events", &inner.events.len())
            .field("places", &inner.places)
            .finish()
    }
}
