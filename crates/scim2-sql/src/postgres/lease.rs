//! Connections that are lent out of the pool, and do not come back with work that nobody waits for.

use std::sync::Arc;
use std::time::Duration;

use deadpool_postgres::Client;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use tokio::sync::{Mutex, OwnedMutexGuard};
use tokio_postgres::tls::{MakeTlsConnect, TlsConnect};
use tokio_postgres::{CancelToken, Socket};

/// A connection, for whoever works with it.
pub(crate) type Lent = OwnedMutexGuard<Client>;

/// Asks the database to stop what a connection is at.
#[derive(Clone)]
pub(crate) struct Canceller(Arc<dyn Fn(CancelToken) -> BoxFuture<'static, ()> + Send + Sync>);

impl Canceller {
    /// One that asks over a connection of its own, made like this, and waits no longer than this.
    pub(crate) fn new<T>(tls: T, limit: Duration) -> Self
    where
        T: MakeTlsConnect<Socket> + Clone + Sync + Send + 'static,
        T::Stream: Send,
        T::TlsConnect: Send,
        <T::TlsConnect as TlsConnect<Socket>>::Future: Send,
    {
        Self(Arc::new(move |token| {
            let tls = tls.clone();
            let cancel = async move { tokio::time::timeout(limit, token.cancel_query(tls)).await };
            cancel
                .map(|result| {
                    if !matches!(result, Ok(Ok(()))) {
                        tracing::debug!("a statement that nobody waits for could not be cancelled");
                    }
                })
                .boxed()
        }))
    }
}

/// A connection that goes back to the pool when the work is [done](Self::done). When the work was
/// given up, for its client went away, a statement may still run: it is stopped and the connection
/// closed, so that nobody who gets it next waits for it.
pub(crate) struct Lease<'a> {
    client: Option<Arc<Mutex<Client>>>,
    canceller: &'a Canceller,
}

impl<'a> Lease<'a> {
    pub(crate) async fn new(client: Client, canceller: &'a Canceller) -> (Self, Lent) {
        let client = Arc::new(Mutex::new(client));
        // Nobody else has it.
        let lent = Arc::clone(&client).lock_owned().await;
        (Self { client: Some(client), canceller }, lent)
    }

    /// Gives the connection back to the pool.
    pub(crate) fn done(mut self) {
        self.client = None;
    }
}

impl Drop for Lease<'_> {
    fn drop(&mut self) {
        // Whoever worked with it has dropped it before.
        let Some(client) = self.client.take().and_then(Arc::into_inner) else { return };
        let client = client.into_inner();
        let stop = (self.canceller.0)(client.cancel_token());
        let Ok(runtime) = tokio::runtime::Handle::try_current() else {
            drop(Client::take(client));
            return;
        };
        runtime.spawn(async move {
            stop.await;
            // Only now another takes its place: a database gets no more work than connections.
            drop(Client::take(client));
        });
    }
}
