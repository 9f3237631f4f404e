//! What carries requests, and what waits between them.

use std::convert::Infallible;
use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use http::{Request, Response};

/// Sends one request and returns its answer. `scim2-reqwest` has the one for the network;
/// [`InProcess`] calls a function.
///
/// A transport hides nothing: it follows no redirect, repeats nothing, and hands out every
/// status as an answer. What a failure means for the request is for [`delivery`](Self::delivery)
/// to say, because a create may be repeated only if it certainly did not arrive.
///
/// ```
/// use std::future::Future;
/// use bytes::Bytes;
/// use http::{Request, Response, StatusCode};
/// use scim2_client::Transport;
///
/// /// A service provider that is always closed.
/// struct Closed;
///
/// impl Transport for Closed {
///     type Error = std::convert::Infallible;
///
///     async fn send(&self, _: Request<Bytes>) -> Result<Response<Bytes>, Self::Error> {
///         let mut response = Response::new(Bytes::new());
///         *response.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
///         Ok(response)
///     }
/// }
/// ```
pub trait Transport: Send + Sync {
    /// Why there is no answer.
    type Error: std::error::Error + Send + Sync + 'static;

    /// Sends the request to the absolute URI that it holds.
    ///
    /// # Errors
    /// When no usable answer came; an answer of any status is `Ok`.
    fn send(
        &self,
        request: Request<Bytes>,
    ) -> impl Future<Output = Result<Response<Bytes>, Self::Error>> + Send;

    /// What became of a request that failed. The safe answer is the default:
    /// [`Delivery::Lost`].
    fn delivery(&self, _: &Self::Error) -> Delivery {
        Delivery::Lost
    }

    /// What waits between attempts, for a transport that knows how. Without it, and without
    /// [`ClientBuilder::timer`](crate::ClientBuilder::timer), nothing is repeated.
    fn timer(&self) -> Option<&dyn Timer> {
        None
    }
}

impl<T: Transport> Transport for Arc<T> {
    type Error = T::Error;

    fn send(
        &self,
        request: Request<Bytes>,
    ) -> impl Future<Output = Result<Response<Bytes>, Self::Error>> + Send {
        T::send(self, request)
    }

    fn delivery(&self, error: &Self::Error) -> Delivery {
        T::delivery(self, error)
    }

    fn timer(&self) -> Option<&dyn Timer> {
        T::timer(self)
    }
}

/// What became of a request that got no usable answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Delivery {
    /// It never left: the connection failed. It may be sent again, whatever it is.
    Unsent,
    /// It was not sent, and sending it again will fail in the same way: a certificate that does
    /// not check, an address that is not allowed.
    Refused,
    /// It may have arrived and been obeyed; the answer got lost.
    Lost,
    /// An answer came that cannot be used, because it is too large or is not HTTP.
    Unusable,
}

/// What waits. The library knows no async runtime; this is the runtime's part.
///
/// ```
/// use std::{pin::Pin, time::Duration};
/// #[derive(Debug)]
/// struct TokioTimer;
///
/// impl scim2_client::Timer for TokioTimer {
///     fn sleep(&self, duration: Duration) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
///         Box::pin(tokio::time::sleep(duration))
///     }
/// }
/// ```
pub trait Timer: Send + Sync {
    /// Completes after this time.
    fn sleep(&self, duration: Duration) -> Pin<Box<dyn Future<Output = ()> + Send + '_>>;

    /// The time of day, for a `Retry-After` that names a date in an answer without `Date`.
    fn now(&self) -> SystemTime {
        SystemTime::now()
    }
}

/// A service provider in this process: any function from request to answer is a [`Transport`].
///
/// This is how client and service provider test each other without sockets.
///
/// ```
/// use bytes::Bytes;
/// use http::{Request, Response};
/// use scim2_client::{Client, InProcess};
///
/// let transport = InProcess::new(|request: Request<Bytes>| async move {
///     Response::new(Bytes::from(format!(r#"{{"id": "1", "path": "{}"}}"#, request.uri().path())))
/// });
/// let client = Client::builder(transport, "http://localhost/scim/v2".parse()?).build()?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct InProcess<F>(F);

impl<F, Fut> InProcess<F>
where
    F: Fn(Request<Bytes>) -> Fut + Send + Sync,
    Fut: Future<Output = Response<Bytes>> + Send,
{
    /// A transport that calls `handle` for each request.
    pub fn new(handle: F) -> Self {
        Self(handle)
    }
}

impl<F, Fut> Transport for InProcess<F>
where
    F: Fn(Request<Bytes>) -> Fut + Send + Sync,
    Fut: Future<Output = Response<Bytes>> + Send,
{
    type Error = Infallible;

    async fn send(&self, request: Request<Bytes>) -> Result<Response<Bytes>, Infallible> {
        Ok((self.0)(request).await)
    }
}

impl<F> fmt::Debug for InProcess<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("InProcess")
    }
}
