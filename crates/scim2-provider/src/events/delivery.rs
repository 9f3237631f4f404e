//! From the outbox to those who want to know.

use std::fmt;
use std::future::{Future, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::{Pin, pin};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::{Poll, Waker};
use std::time::Duration;

use chrono::TimeDelta;

use super::{ChangeEvent, Outbox};
use crate::clock::Clock;

/// Wants to know of changes.
///
/// It is told of every change at least once, and of changes in their order: what it fails at, it
/// is told again, and of nothing later before. Others do not notice. It must not block the thread
/// that it runs on.
///
/// What it fails at for longer than [`DELIVERY_TIMEOUT`] is given up, and so is the oldest of more
/// events than an [`Outbox`] keeps; both are logged as errors.
///
/// ```
/// use scim2_provider::events::{ChangeEvent, Subscriber, SubscriberError};
///
/// struct EndsSessions;
///
/// impl Subscriber for EndsSessions {
///     fn name(&self) -> &str {
///         "sessions"
///     }
///
///     async fn receive(&self, event: &ChangeEvent) -> Result<(), SubscriberError> {
///         if event.is_deactivation() {
///             // End the sessions of `event.id`.
///         }
///         Ok(())
///     }
/// }
/// ```
pub trait Subscriber: Send + Sync + 'static {
    /// Under which name the store remembers what it has been told. It must stay the same from one
    /// start of the process to the next.
    fn name(&self) -> &str;

    /// Takes note of a change, perhaps not for the first time: an event is known by its
    /// [`sequence`](ChangeEvent::sequence).
    ///
    /// # Errors
    /// When it has to be told again.
    fn receive(
        &self,
        event: &ChangeEvent,
    ) -> impl Future<Output = Result<(), SubscriberError>> + Send;
}

/// Why a subscriber has to be told again.
pub type SubscriberError = Box<dyn std::error::Error + Send + Sync>;

/// How many events are read at once, and how many are told again at most when the process ends.
const BATCH: usize = 64;
/// How often the outbox is looked into when no change was heard of, for changes that another
/// process made.
const POLL: Duration = Duration::from_secs(5);
/// How long to wait after a first failure; twice as long after each further one.
const FIRST_DELAY: Duration = Duration::from_millis(100);
/// How long to wait at most.
const MAX_DELAY: Duration = Duration::from_secs(60);
/// How long a subscriber may fail at an event before it is given up, so that one event cannot
/// keep all later ones for ever.
pub const DELIVERY_TIMEOUT: TimeDelta = TimeDelta::days(7);

type Boxed<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// [`Subscriber`], behind a pointer.
pub(crate) trait AnySubscriber: Send + Sync {
    fn name(&self) -> &str;
    fn receive<'a>(&'a self, event: &'a ChangeEvent) -> Boxed<'a, Result<(), SubscriberError>>;
}

impl<T: Subscriber> AnySubscriber for T {
    fn name(&self) -> &str {
        Subscriber::name(self)
    }

    fn receive<'a>(&'a self, event: &'a ChangeEvent) -> Boxed<'a, Result<(), SubscriberError>> {
        Box::pin(Subscriber::receive(self, event))
    }
}

/// Tells subscribers what is in an outbox, for as long as it is polled.
pub(crate) struct Delivery<'a, F> {
    pub(crate) outbox: &'a dyn Outbox,
    pub(crate) subscribers: &'a [Box<dyn AnySubscriber>],
    pub(crate) bell: &'a Bell,
    pub(crate) clock: &'a dyn Clock,
    pub(crate) sleep: F,
}

impl<F, Fut> Delivery<'_, F>
where
    F: Fn(Duration) -> Fut + Send + Sync,
    Fut: Future<Output = ()> + Send,
{
    pub(crate) async fn run(&self) {
        let names: Vec<_> = self.subscribers.iter().map(|subscriber| subscriber.name()).collect();
        let mut failures = 0;
        while let Err(error) = self.outbox.subscribe(&names).await {
            tracing::warn!(error = &error as &dyn std::error::Error, "the outbox is unavailable");
            failures += 1;
            (self.sleep)(delay(failures)).await;
        }
        let mut all: Vec<Boxed<'_, ()>> = Vec::new();
        for subscriber in self.subscribers {
            all.push(Box::pin(self.serve(&**subscriber)));
        }
        poll_fn(|cx| {
            all.retain_mut(|one| one.as_mut().poll(cx).is_pending());
            if all.is_empty() { Poll::Ready(()) } else { Poll::Pending }
        })
        .await;
    }

    /// Tells one subscriber everything, and never ends.
    async fn serve(&self, subscriber: &dyn AnySubscriber) {
        let mut failures = 0;
        loop {
            // Before the outbox is read, so that nothing is missed.
            let heard = self.bell.rings();
            match self.tell(subscriber).await {
                Ok(0) => {
                    failures = 0;
                    either(self.bell.rung_since(heard), (self.sleep)(POLL)).await;
                }
                Ok(_) => failures = 0,
                Err(error) => {
                    failures += 1;
                    tracing::warn!(
                        subscriber = subscriber.name(),
                        failures,
                        error = &*error as &dyn std::error::Error,
                        "an event was not delivered"
                    );
                    (self.sleep)(delay(failures)).await;
                }
            }
        }
    }

    /// Tells what is waiting, up to the first failure. Returns how many events it was.
    async fn tell(&self, subscriber: &dyn AnySubscriber) -> Result<usize, SubscriberError> {
        let name = subscriber.name();
        let events = self.outbox.pending(name, BATCH).await?;
        let mut told = Told { last: None, failure: None };
        for event in &events {
            if let Err(error) = caught(|| subscriber.receive(event)).await {
                if self.clock.now() - event.at < DELIVERY_TIMEOUT {
                    told.failure = Some(error);
                    break;
                }
                tracing::error!(
                    subscriber = name,
                    sequence = event.sequence,
                    error = &*error as &dyn std::error::Error,
                    "an event is given up"
                );
            }
            told.last = Some(event.sequence);
        }
        if let Some(last) = told.last {
            self.outbox.acknowledge(name, last).await?;
        }
        told.failure.map_or(Ok(events.len()), Err)
    }
}

struct Told {
    last: Option<u64>,
    failure: Option<SubscriberError>,
}

/// How long to wait after so many failures.
fn delay(failures: u32) -> Duration {
    let factor = 1_u32.checked_shl(failures.saturating_sub(1)).unwrap_or(u32::MAX);
    FIRST_DELAY.saturating_mul(factor).min(MAX_DELAY)
}

/// Runs a future and makes an error of a panic in it.
async fn caught<'a>(
    start: impl FnOnce() -> Boxed<'a, Result<(), SubscriberError>>,
) -> Result<(), SubscriberError> {
    let panicked = || Err("it panicked".into());
    let Ok(mut future) = catch_unwind(AssertUnwindSafe(start)) else { return panicked() };
    poll_fn(|cx| {
        catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(cx)))
            .unwrap_or_else(|_| Poll::Ready(panicked()))
    })
    .await
}

/// Waits for the first of two.
async fn either(a: impl Future<Output = ()>, b: impl Future<Output = ()>) {
    let (mut a, mut b) = (pin!(a), pin!(b));
    poll_fn(|cx| match (a.as_mut().poll(cx), b.as_mut().poll(cx)) {
        (Poll::Pending, Poll::Pending) => Poll::Pending,
        _ => Poll::Ready(()),
    })
    .await;
}

/// Tells those who wait that there is something new.
#[derive(Default)]
pub(crate) struct Bell {
    state: Mutex<Rings>,
}

#[derive(Default)]
struct Rings {
    count: u64,
    waiting: Vec<Waker>,
}

impl Bell {
    pub(crate) fn ring(&self) {
        let waiting = {
            let mut state = self.lock();
            state.count += 1;
            std::mem::take(&mut state.waiting)
        };
        waiting.into_iter().for_each(Waker::wake);
    }

    fn rings(&self) -> u64 {
        self.lock().count
    }

    /// Waits until it has rung more often than this.
    async fn rung_since(&self, heard: u64) {
        poll_fn(|cx| {
            let mut state = self.lock();
            if state.count > heard {
                return Poll::Ready(());
            }
            if !state.waiting.iter().any(|waker| waker.will_wake(cx.waker())) {
                state.waiting.push(cx.waker().clone());
            }
            Poll::Pending
        })
        .await;
    }

    fn lock(&self) -> MutexGuard<'_, Rings> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Bell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Bell({})", self.rings())
    }
}
