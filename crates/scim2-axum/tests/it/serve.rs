//! The server: its limits and its end.

use std::time::Duration;

use axum::Router;
use axum::routing::get;
use scim2_axum::{ServeConfig, router};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

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
        ("GET /Schemas HTTP/1.1\r\nHost: a\r\n", 200),
        ("GET /Schemas HTTP/1.0\r\n", 200),
    ] {
        let request = format!("{request}Connection: close\r\n\r\n");
        assert_eq!(server.raw(request.as_bytes()).await.status(), expected, "{request}");
    }
}

#[tokio::test]
async fn sec_20_connections_over_the_cap_wait() {
    let config = short(|config| config.max_connections = 2);
    let server = run_with(router(provider("http://localhost")), config).await;
    let mut held = [server.connect().await, server.connect().await];
    for stream in &mut held {
        // They are being served: the answer comes.
        stream.write_all(b"GET /Schemas HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
        assert_ne!(stream.read(&mut [0; 64]).await.unwrap(), 0);
    }
    let mut waiting = server.connect().await;
    waiting
        .write_all(b"GET /Schemas HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        .await
        .unwrap();
    let early = tokio::time::timeout(Duration::from_millis(200), waiting.read(&mut [0; 1])).await;
    assert!(early.is_err(), "a third connection was served");
    drop(held);
    let mut byte = [0; 1];
    let late = tokio::time::timeout(Duration::from_secs(5), waiting.read(&mut byte)).await;
    assert_eq!(late.unwrap().unwrap(), 1);
}

#[tokio::test]
async fn sec_20_a_client_that_does_not_read_is_dropped() {
    let config = short(|config| config.write_timeout = Duration::from_millis(200));
    let app = Router::new().route("/large", get(|| async { vec![b'x'; 64 << 20] }));
    let mut server = run_with(app, config).await;
    let mut stream = server.connect().await;
    stream.write_all(b"GET /large HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
    // The server has nothing left to wait for once it has given up.
    let mut byte = [0; 1];
    stream.read_exact(&mut byte).await.unwrap();
    tokio::time::sleep(Duration::from_millis(600)).await;
    server.stop();
    server.stopped().await;
    let mut rest = Vec::new();
    let _ = stream.read_to_end(&mut rest).await;
    assert!(rest.len() < 64 << 20, "all of it was sent");
}

#[tokio::test]
async fn requests_under_way_end_before_the_server_does() {
    let app = Router::new().route(
        "/slow",
        get(|| async {
            tokio::time::sleep(Duration::from_millis(300)).await;
            "done"
        }),
    );
    let mut server = run(app).await;
    let mut stream = server.connect().await;
    stream.write_all(b"GET /slow HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
    tokio::time::sleep(Duration::from_millis(100)).await;
    server.stop();
    let address = server.address;
    server.stopped().await;
    assert_eq!(Answer::read(&mut stream).await.body, "done");
    assert!(TcpStream::connect(address).await.is_err());
}

#[tokio::test]
async fn requests_that_do_not_end_are_given_up() {
    let app = Router::new().route("/endless", get(std::future::pending::<()>));
    let config = short(|config| config.grace = Duration::from_millis(100));
    let mut server = run_with(app, config).await;
    let mut stream = server.connect().await;
    stream.write_all(b"GET /endless HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
    tokio::time::sleep(Duration::from_millis(100)).await;
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
