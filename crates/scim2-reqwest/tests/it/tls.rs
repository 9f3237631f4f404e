//! Whose certificate is believed.

use std::net::SocketAddr;
use std::sync::Arc;

use scim2_client::{Delivery, Transport};
use scim2_reqwest::{ReqwestTransport, Roots, TransportError};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;

use crate::server::{get, read_request};

/// A server for one connection with a certificate of its own making; also returns the
/// certificate.
async fn serve(name: &str) -> (SocketAddr, String) {
    let made = rcgen::generate_simple_self_signed([name.to_owned()]).unwrap();
    let key = PrivateKeyDer::try_from(made.signing_key.serialize_der()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key)
        .unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    tokio::spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        // A client that does not believe the certificate hangs up.
        let Ok(mut stream) = acceptor.accept(stream).await else { return };
        read_request(&mut stream).await;
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nhi").await;
        let _ = stream.shutdown().await;
    });
    (address, made.cert.pem())
}

#[tokio::test]
async fn r44_7_2_03_an_unknown_certificate_is_refused() {
    let (address, _) = serve("localhost").await;
    let transport = ReqwestTransport::new().unwrap();
    let url = format!("https://localhost:{}/", address.port());
    let error = transport.send(get(&url)).await.unwrap_err();
    assert!(matches!(error, TransportError::Certificate(_)), "{error:?}");
    assert_eq!(transport.delivery(&error), Delivery::Refused);
}

#[tokio::test]
async fn a_companys_own_authority_can_be_added() {
    let (address, pem) = serve("localhost").await;
    let transport = ReqwestTransport::builder()
        .roots(Roots::Added)
        .add_root_pem(pem.as_bytes())
        .unwrap()
        .build()
        .unwrap();
    let url = format!("https://localhost:{}/", address.port());
    let response = transport.send(get(&url)).await.unwrap();
    assert_eq!(response.body().as_ref(), b"hi");
}

#[tokio::test]
async fn r44_7_2_03_a_certificate_for_another_name_is_refused() {
    let (address, pem) = serve("scim.example.com").await;
    let transport =
        ReqwestTransport::builder().add_root_pem(pem.as_bytes()).unwrap().build().unwrap();
    let url = format!("https://localhost:{}/", address.port());
    let error = transport.send(get(&url)).await.unwrap_err();
    assert!(matches!(error, TransportError::Certificate(_)), "{error:?}");
}

#[test]
fn what_is_no_certificate_is_refused() {
    assert!(ReqwestTransport::builder().add_root_pem(b"").is_err());
    assert!(ReqwestTransport::builder().add_root_pem(b"-----BEGIN CERTIFICATE-----\n").is_err());
    let broken = b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    assert!(ReqwestTransport::builder().add_root_pem(broken).unwrap().build().is_err());
}
