//! What goes over the wire, and what goes wrong there.

use std::time::{Duration, Instant};

use bytes::Bytes;
use http::Request;
use scim2_client::{Client, Delivery, ErrorClass, Transport};
use scim2_core::resource::ResourceId;
use scim2_core::user::User;
use scim2_reqwest::{ReqwestTransport, TransportError};

use crate::server::{Act, get, say, serve};

const OK: &str = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nhi";

fn transport() -> ReqwestTransport {
    ReqwestTransport::new().unwrap()
}

fn impatient() -> ReqwestTransport {
    ReqwestTransport::builder()
        .read_timeout(Duration::from_millis(300))
        .timeout(Duration::from_millis(900))
        .build()
        .unwrap()
}

async fn outcome(transport: ReqwestTransport, act: Act) -> (TransportError, Delivery) {
    let (address, _requests) = serve(vec![act]).await;
    let error = transport.send(get(&format!("http://{address}/"))).await.unwrap_err();
    let delivery = transport.delivery(&error);
    (error, delivery)
}

#[tokio::test]
async fn requests_arrive_as_they_are() {
    let (address, mut requests) = serve(vec![say(OK)]).await;
    let request = Request::post(format!("http://{address}/Users?filter=a%20eq%20%22%2B%22&cursor"))
        .header("content-type", "application/scim+json")
        .body(Bytes::from_static(b"{\"userName\":\"x\"}"))
        .unwrap();
    let response = transport().send(request).await.unwrap();
    assert_eq!(response.status(), 200);
    assert_eq!(response.body().as_ref(), b"hi");
    let request = requests.recv().await.unwrap();
    assert!(
        request.starts_with("POST /Users?filter=a%20eq%20%22%2B%22&cursor HTTP/1.1\r\n"),
        "{request}"
    );
    assert!(request.ends_with("\r\n\r\n{\"userName\":\"x\"}"), "{request}");
    assert!(request.contains("content-type: application/scim+json\r\n"), "{request}");
}

#[tokio::test]
async fn sec_21_no_redirect_is_followed() {
    for status in [301, 302, 303, 307, 308] {
        let redirect =
            format!("HTTP/1.1 {status} Moved\r\nlocation: /elsewhere\r\ncontent-length: 0\r\n\r\n");
        let (address, mut requests) = serve(vec![say(&redirect), say(OK)]).await;
        let request = Request::post(format!("http://{address}/")).body(Bytes::from_static(b"x"));
        let response = transport().send(request.unwrap()).await.unwrap();
        assert_eq!(response.status().as_u16(), status);
        assert_eq!(response.headers()["location"], "/elsewhere");
        requests.recv().await.unwrap();
        assert!(requests.try_recv().is_err());
    }
}

#[tokio::test]
async fn sec_21_compression_is_neither_asked_for_nor_undone() {
    let (address, mut requests) = serve(vec![say(
        "HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: 4\r\n\r\n\x1f\x0b\x08\x00",
    )])
    .await;
    let response = transport().send(get(&format!("http://{address}/"))).await.unwrap();
    assert_eq!(response.body().len(), 4);
    assert!(!requests.recv().await.unwrap().to_lowercase().contains("accept-encoding"));
}

#[tokio::test]
async fn sec_21_an_answer_that_is_too_large_is_cut_off() {
    let small = || ReqwestTransport::builder().max_response(1000).build().unwrap();
    // Announced.
    let announced = say("HTTP/1.1 200 OK\r\ncontent-length: 1001\r\n\r\n");
    let (error, delivery) = outcome(small(), announced).await;
    assert!(matches!(error, TransportError::TooLarge { limit: 1000 }), "{error:?}");
    assert_eq!(delivery, Delivery::Unusable);
    // Endless.
    let endless = Act::Repeat {
        head: b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n".to_vec(),
        chunk: b"100\r\n".iter().copied().chain([b' '; 256]).chain(*b"\r\n").collect(),
        pause: Duration::ZERO,
    };
    let (error, _) = outcome(small(), endless).await;
    assert!(matches!(error, TransportError::TooLarge { .. }), "{error:?}");
    // Just right.
    let body = "x".repeat(1000);
    let (address, _requests) =
        serve(vec![say(&format!("HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n{body}"))]).await;
    let response = small().send(get(&format!("http://{address}/"))).await.unwrap();
    assert_eq!(response.body().len(), 1000);
}

#[tokio::test]
async fn no_listener_means_that_nothing_was_sent() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let transport = transport();
    let error = transport.send(get(&format!("http://{address}/"))).await.unwrap_err();
    assert!(matches!(error, TransportError::Connect(_)), "{error:?}");
    assert_eq!(transport.delivery(&error), Delivery::Unsent);
}

#[tokio::test]
async fn a_connection_that_breaks_leaves_doubt() {
    for bytes in ["", "HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhalf"] {
        let (error, delivery) = outcome(transport(), Act::Reset(bytes.into())).await;
        assert!(matches!(error, TransportError::Interrupted(_)), "{error:?}");
        assert_eq!(delivery, Delivery::Lost);
        let (_, delivery) = outcome(transport(), say(bytes)).await;
        assert_eq!(delivery, Delivery::Lost);
    }
}

#[tokio::test]
async fn an_answer_that_is_not_http_leaves_doubt() {
    let (_, delivery) = outcome(transport(), say("220 mail.example.com ESMTP\r\n")).await;
    assert_eq!(delivery, Delivery::Lost);
}

#[tokio::test]
async fn sec_21_silence_has_a_deadline() {
    let start = Instant::now();
    let (error, delivery) = outcome(impatient(), Act::Hang).await;
    assert!(matches!(error, TransportError::Timeout(_)), "{error:?}");
    assert_eq!(delivery, Delivery::Lost);
    assert!(start.elapsed() < Duration::from_secs(5));
}

#[tokio::test]
async fn sec_21_dribbling_has_a_deadline() {
    let start = Instant::now();
    let dribble = Act::Repeat {
        head: b"HTTP/1.1 200 OK\r\ncontent-length: 100000\r\n\r\n".to_vec(),
        chunk: vec![b' '],
        pause: Duration::from_millis(50),
    };
    let (error, delivery) = outcome(impatient(), dribble).await;
    assert!(matches!(error, TransportError::Timeout(_)), "{error:?}");
    assert_eq!(delivery, Delivery::Lost);
    assert!(start.elapsed() < Duration::from_secs(5));
}

#[tokio::test]
async fn sec_21_private_addresses_are_not_connected_to() {
    let transport = transport();
    for url in ["http://169.254.169.254/latest/", "https://10.0.0.1/", "https://[fd00::1]/"] {
        let error = transport.send(get(url)).await.unwrap_err();
        assert!(matches!(error, TransportError::Address(_)), "{error:?}");
        assert_eq!(transport.delivery(&error), Delivery::Refused);
    }
}

#[tokio::test]
async fn sec_22_errors_print_no_url() {
    let transport = impatient();
    let (address, _requests) = serve(vec![Act::Hang]).await;
    let error = transport.send(get(&format!("http://{address}/?filter=canary"))).await.unwrap_err();
    let mut text = format!("{error} {error:?}");
    let mut source = std::error::Error::source(&error);
    while let Some(cause) = source {
        text.push_str(&format!(" {cause} {cause:?}"));
        source = cause.source();
    }
    assert!(!text.contains("canary"), "{text}");
}

#[tokio::test]
async fn localhost_is_reached_by_name() {
    let (address, _requests) = serve(vec![say(OK)]).await;
    let url = format!("http://localhost:{}/", address.port());
    assert_eq!(transport().send(get(&url)).await.unwrap().status(), 200);
}

#[tokio::test]
async fn c06_a_client_waits_and_tries_again() {
    let busy =
        "HTTP/1.1 429 Busy\r\nretry-after: 0\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
    let body = r#"{"id": "1", "userName": "bjensen"}"#;
    let created = format!(
        "HTTP/1.1 201 Created\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
        body.len()
    );
    let (address, _requests) = serve(vec![say(busy), say(&created)]).await;
    let client = Client::builder(transport(), format!("http://{address}/v2").parse().unwrap());
    let client = client.build().unwrap();
    let user = client.users().create(&User::new("bjensen")).await.unwrap();
    assert_eq!(user.id, ResourceId::from("1"));
    assert_eq!(client.requests_sent(), 2);
}

#[tokio::test]
async fn c05_a_create_that_breaks_off_is_not_repeated() {
    let (address, mut requests) = serve(vec![Act::Reset(Vec::new()), say(OK)]).await;
    let client = Client::builder(transport(), format!("http://{address}/v2").parse().unwrap());
    let client = client.build().unwrap();
    let error = client.users().create(&User::new("bjensen")).await.unwrap_err();
    assert_eq!(error.class(), ErrorClass::Ambiguous);
    requests.recv().await.unwrap();
    assert!(requests.try_recv().is_err());
}
