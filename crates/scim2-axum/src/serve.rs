//! HTTP/1.1 with limits.

use std::future::Future;
use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::response::{IntoResponse as _, Response};
use http::header::HOST;
use http::uri::Authority;
use http::{HeaderMap, Request, StatusCode, Version};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::{Service as _, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use scim2_core::Error;
use scim2_provider::ClientAddress;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinSet;

use crate::deadline::WriteDeadline;
use crate::json::ScimError;

/// The limits of [`serve_with`]. The defaults suit most; change single ones.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct ServeConfig {
    /// The longest time between the beginning of a connection, or the end of a request, and the
    /// end of the next request's headers. It ends idle connections too.
    pub header_timeout: Duration,
    /// The longest time for which an answer may wait for the client to read.
    pub write_timeout: Duration,
    /// The largest number of connections at a time. More wait to be accepted.
    pub max_connections: usize,
    /// The largest size of a request's line and headers, in bytes.
    pub max_header_bytes: usize,
    /// How long requests may go on once the server is to stop.
    pub grace: Duration,
}

impl Default for ServeConfig {
    fn default() -> Self {
        Self {
            header_timeout: Duration::from_secs(30),
            write_timeout: Duration::from_secs(30),
            max_connections: 1024,
            max_header_bytes: 64 * 1024,
            grace: Duration::from_secs(30),
        }
    }
}

/// Serves a router on HTTP/1.1 until `shutdown` is done, then lets running requests end. Limits
/// are those of [`ServeConfig::default`].
///
/// TLS is for what stands in front. The address at the other end of each connection goes with its
/// requests as [`ClientAddress`], for the audit log.
///
/// # Errors
/// When the listener's address cannot be read. Errors of single connections end those alone.
pub async fn serve(
    listener: TcpListener,
    router: Router,
    shutdown: impl Future<Output = ()>,
) -> io::Result<()> {
    serve_with(listener, router, shutdown, ServeConfig::default()).await
}

/// [`serve`] with other limits.
///
/// # Errors
/// As [`serve`].
pub async fn serve_with(
    listener: TcpListener,
    router: Router,
    shutdown: impl Future<Output = ()>,
    config: ServeConfig,
) -> io::Result<()> {
    tracing::debug!(address = %listener.local_addr()?, "serving");
    let mut shutdown = pin!(shutdown);
    let places = Arc::new(Semaphore::new(config.max_connections.min(Semaphore::MAX_PERMITS)));
    let graceful = GracefulShutdown::new();
    let mut connections = JoinSet::new();
    loop {
        // Connections beyond the cap stay with the operating system.
        let accepted = tokio::select! {
            () = &mut shutdown => break,
            accepted = accept(&listener, &places) => accepted,
        };
        // What has ended is forgotten, a panic in it included: the router catches its own.
        while connections.try_join_next().is_some() {}
        let (stream, address, place) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                tracing::warn!(error = &error as &dyn std::error::Error, "cannot accept");
                tokio::time::sleep(ACCEPT_PAUSE).await;
                continue;
            }
        };
        // Answers are small and whole: they should not wait for more to come.
        let _ = stream.set_nodelay(true);
        let router = TowerToHyperService::new(router.clone());
        let service = service_fn(move |mut request: Request<Incoming>| {
            request.extensions_mut().insert(address);
            let is_addressed = names_its_host(request.version(), request.headers());
            let answer = router.call(request);
            async move { if is_addressed { answer.await } else { Ok(no_host()) } }
        });
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(config.header_timeout)
            .max_buf_size(config.max_header_bytes.max(MIN_BUFFER))
            .serve_connection(
                TokioIo::new(WriteDeadline::new(stream, config.write_timeout)),
                service,
            );
        let connection = graceful.watch(connection);
        connections.spawn(async move {
            if let Err(error) = connection.await {
                tracing::debug!(error = &error as &dyn std::error::Error, "connection ended");
            }
            drop(place);
        });
    }
    drop(listener);
    if tokio::time::timeout(config.grace, graceful.shutdown()).await.is_err() {
        tracing::warn!("some requests did not end in time");
    }
    connections.shutdown().await;
    Ok(())
}

/// How long to wait after the operating system had no connection to give, such as for lack of
/// file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Whether a request says once, and in words that can be a host's, which host it is for, as those
/// of HTTP/1.1 must (RFC 9112 §3.2).
fn names_its_host(version: Version, headers: &HeaderMap) -> bool {
    let mut hosts = headers.get_all(HOST).iter();
    match (hosts.next(), hosts.next()) {
        (None, _) => version < Version::HTTP_11,
        (Some(host), None) => host.is_empty() || Authority::try_from(host.as_bytes()).is_ok(),
        (Some(_), Some(_)) => false,
    }
}

fn no_host() -> Response {
    let detail = "the request needs one `Host` header that names a host";
    ScimError(Error::new(StatusCode::BAD_REQUEST).detail(detail)).into_response()
}

/// What hyper needs at least.
const MIN_BUFFER: usize = 8192;

async fn accept(
    listener: &TcpListener,
    places: &Arc<Semaphore>,
) -> io::Result<(TcpStream, ClientAddress, OwnedSemaphorePermit)> {
    let place = Arc::clone(places).acquire_owned().await.map_err(io::Error::other)?;
    let (stream, address) = listener.accept().await?;
    Ok((stream, ClientAddress::from(address.ip()), place))
}
