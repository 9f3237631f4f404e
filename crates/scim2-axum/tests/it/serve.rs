//! The server: its limits and its end.

use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::routing::get;
use hyper::body::Frame;
use scim2_axum::{ServeConfig, router};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::{Notify, oneshot};

use crate::support::*;

fn short(change: impl FnOnce(&mut ServeConfig)) -> ServeConfig {
    let mut config = ServeConfig::default();
    change(&mut config);
    config
}

#[tokio::test]
async fn sec_20_a_half_sent_header_is_not_waited_for() {
    let config = short(|config| config.header_timeout = Duration::from_millis(200));
    let server = run_with(router(provider("http://localhost")), config).await;
    for bytes in [&b""[..], b"GET /Us", b"GET /Users HTTP/1.1\r\nHost: x\r\n"] {
        let mut stream = server.connect().await;
        stream.write_all(bytes).await.unwrap();
        // The connection ends although it is kept open here.
        Answer::read(&mut stream).await;
    }
}

#[tokio::test]
async fn sec_20_an_idle_connection_is_closed() {
    let config = short(|config| config.header_timeout = Duration::from_millis(200));
    let server = run_with(router(provider("http://localhost")), config).await;
    let mut stream = server.connect().await;
    stream.write_all(b"GET /Schemas HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
    // The answer, and then the end.
    let answer = Answer::read(&mut stream).await;
    assert_eq!(answer.status(), 200);
}

#[tokio::test]
async fn sec_20_a_flood_of_headers_is_refused() {
    let server = run(router(provider("http://localhost"))).await;
    let mut many = String::from("GET /Users HTTP/1.1\r\nHost: x\r\n");
    for i in 0..10_000 {
        many.push_str(&format!("X-{i}: {i}\r\n"));
    }
    many.push_str("\r\n");
    assert_eq!(server.raw(many.as_bytes()).await.status(), 431);
    let long = format!("GET /Users HTTP/1.1\r\nHost: x\r\nX: {}\r\n\r\n", "x".repeat(1 << 20));
    assert_eq!(server.raw(long.as_bytes()).await.status(), 431);
    assert_eq!(server.send("GET", "/Schemas", "").await.status(), 200);
}

#[tokio::test]
async fn a_request_says_once_which_host_it_is_for() {
    let server = run(router(provider("http://localhost"))).await;
    for (request, expected) in [
        ("GET /Schemas HTTP/1.1\r\n", 400),
        ("GET /Schemas HTTP/1.1\r\nHost: a\r\nHost: b\r\n", 400),
        ("GET /Schemas HTTP/1.0\r\nHost: a\r\nHost: b\r\n", 400),
        ("GET /Schemas HTTP/1.1\r\nHost: a b<\r\n", 400),
        ("GET /Schemas HTTP/1.1\r\nHost: a\r\n", 200),
        ("GET /Schemas HTTP/1.1\r\nHost: [::1]:8080\r\n", 200),
        ("GET /Schemas HTTP/1.0\r\n", 200),
    ] {
        let request = format!("{request}Connection: close\r\n\r\n");
        let reply = server.raw(request.as_bytes()).await;
        assert_eq!(reply.status(), expected, "{request}");
        assert_eq!(reply.header("content-type"), Some("application/scim+json"), "{request}");
    }
}

/// Asks over a connection that stays open, and reads the answer.
async fn ping(stream: &mut TcpStream) {
    stream.write_all(b"GET /ping HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
    let (mut answer, mut bytes) = (Vec::new(), [0; 256]);
    while !answer.ends_with(b"pong") {
        let count = stream.read(&mut bytes).await.unwrap();
        assert_ne!(count, 0, "the connection was closed");
        answer.extend_from_slice(&bytes[..count]);
    }
}

#[tokio::test]
async fn sec_20_connections_over_the_cap_wait() {
    let config = short(|config| config.max_connections = 2);
    let app = Router::new().route("/ping", get(|| async { "pong" }));
    let server = run_with(app, config).await;
    let mut held = [server.connect().await, server.connect().await];
    for stream in &mut held {
        ping(stream).await;
    }
    let mut waiting = server.connect().await;
    waiting.write_all(b"GET /ping HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
    // Those who came first are served again and again meanwhile.
    for _ in 0..100 {
        for stream in &mut held {
            ping(stream).await;
        }
    }
    let early = waiting.try_read(&mut [0; 1]).unwrap_err();
    assert_eq!(early.kind(), std::io::ErrorKind::WouldBlock, "a third connection was served");
    drop(held);
    assert_ne!(waiting.read(&mut [0; 1]).await.unwrap(), 0);
}

/// An answer without end, which tells when it is given up.
struct Endless(Option<oneshot::Sender<()>>);

impl hyper::body::Body for Endless {
    type Data = Bytes;
    type Error = std::convert::Infallible;

    fn poll_frame(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(&[b'x'; 1 << 16])))))
    }
}

impl Drop for Endless {
    fn drop(&mut self) {
        let _ = self.0.take().unwrap().send(());
    }
}

#[tokio::test]
async fn sec_20_a_client_that_does_not_read_is_dropped() {
    let config = short(|config| config.write_timeout = Duration::from_millis(200));
    let (gone, given_up) = oneshot::channel();
    let body = Arc::new(Mutex::new(Some(Endless(Some(gone)))));
    let answer = move || {
        let body = body.lock().unwrap().take().unwrap();
        async { Body::new(body) }
    };
    let mut server = run_with(Router::new().route("/large", get(answer)), config).await;
    let mut stream = server.connect().await;
    stream.write_all(b"GET /large HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
    let mut byte = [0; 1];
    stream.read_exact(&mut byte).await.unwrap();
    // The server gives up although the connection is kept open here, and has nothing left to wait
    // for.
    given_up.await.unwrap();
    server.stop();
    server.stopped().await;
}

/// A handler that says when it has begun, and answers when it is told to.
fn slow() -> (Router, Arc<Notify>, Arc<Notify>) {
    let (begun, go) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let (says, waits) = (Arc::clone(&begun), Arc::clone(&go));
    let handler = move || {
        says.notify_one();
        let waits = Arc::clone(&waits);
        async move {
            waits.notified().await;
            "done"
        }
    };
    (Router::new().route("/slow", get(handler)), begun, go)
}

#[tokio::test]
async fn requests_under_way_end_before_the_server_does() {
    let (app, begun, go) = slow();
    let mut server = run(app).await;
    let mut stream = server.connect().await;
    stream.write_all(b"GET /slow HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
    begun.notified().await;
    server.stop();
    // Until nobody else is let in.
    while TcpStream::connect(server.address).await.is_ok() {
        tokio::task::yield_now().await;
    }
    go.notify_one();
    server.stopped().await;
    assert_eq!(Answer::read(&mut stream).await.body, "done");
}

#[tokio::test]
async fn requests_that_do_not_end_are_given_up() {
    let (app, begun, _go) = slow();
    let config = short(|config| config.grace = Duration::from_millis(100));
    let mut server = run_with(app, config).await;
    let mut stream = server.connect().await;
    stream.write_all(b"GET /slow HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
    begun.notified().await;
    server.stop();
    server.stopped().await;
}

#[tokio::test]
async fn one_connection_carries_many_requests() {
    let server = run(router(provider("http://localhost"))).await;
    let one = format!("GET /Users?count=0 HTTP/1.1\r\nHost: x\r\n{AUTHORIZATION}");
    let both = format!("{one}\r\n{one}Connection: close\r\n\r\n");
    let answer = server.raw(both.as_bytes()).await;
    let text = format!("{}{}", answer.head, answer.body);
    assert_eq!(text.matches("HTTP/1.1 200 OK").count(), 2);
}
