//! TLS to PostgreSQL: asked for, given or no connection.

use std::error::Error;
use std::net::SocketAddr;
use std::sync::Arc;

use scim2_provider::Store;
use scim2_sql::{ConnectError, PostgresStore};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::{self, pki_types::PrivateKeyDer};
use url::Url;

use crate::database;

/// What a client sends that asks for TLS: a length, and a number that is no version.
const SSL_REQUEST: [u8; 8] = [0, 0, 0, 8, 4, 210, 22, 47];

/// A database behind a listener that answers a request for TLS with a certificate for `name`;
/// its address, and the certificate. Who does not ask for TLS is hung up on.
async fn behind_tls(database: SocketAddr, name: &str) -> (SocketAddr, String) {
    let made = rcgen::generate_simple_self_signed([name.to_owned()]).unwrap();
    let key = PrivateKeyDer::try_from(made.signing_key.serialize_der()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key)
        .unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let acceptor = acceptor.clone();
            tokio::spawn(async move {
                let mut asked = [0; 8];
                stream.read_exact(&mut asked).await.ok().filter(|_| asked == SSL_REQUEST)?;
                stream.write_all(b"S").await.ok()?;
                // A client that does not believe the certificate hangs up.
                let mut client = acceptor.accept(stream).await.ok()?;
                let mut server = TcpStream::connect(database).await.ok()?;
                copy_bidirectional(&mut client, &mut server).await.ok()
            });
        }
    });
    (address, made.cert.pem())
}

/// The same database by way of another address.
fn by_way_of(url: &str, address: SocketAddr, sslmode: &str) -> String {
    let mut url = Url::parse(url).unwrap();
    url.set_host(Some("localhost")).unwrap();
    url.set_port(Some(address.port())).unwrap();
    if !sslmode.is_empty() {
        url.query_pairs_mut().append_pair("sslmode", sslmode);
    }
    url.into()
}

fn address(url: &str) -> SocketAddr {
    let addresses = Url::parse(url).unwrap().socket_addrs(|| Some(5432)).unwrap();
    addresses[0]
}

/// What went wrong, cause by cause.
fn told(error: &ConnectError) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}

#[test]
fn tls_is_given_where_it_is_asked_for_by_a_server_that_is_believed() {
    database::runtime().block_on(async {
        let Some(url) = database::database("TLS").await else { return };
        let (front, pem) = behind_tls(address(&url), "localhost").await;
        // `require` says it, and so does a root that was added.
        for sslmode in ["require", ""] {
            let builder = PostgresStore::builder().add_root_pem(pem.as_bytes()).unwrap();
            let store = builder.connect(&by_way_of(&url, front, sslmode)).await.unwrap();
            store.ready().await.unwrap();
        }
        // Who does not ask gets nothing from a server that speaks TLS alone.
        for sslmode in ["disable", ""] {
            PostgresStore::connect(&by_way_of(&url, front, sslmode)).await.unwrap_err();
        }
    });
}

#[test]
fn a_server_that_is_not_believed_gets_no_password() {
    database::runtime().block_on(async {
        let Some(url) = database::database("TLS").await else { return };
        let (front, _) = behind_tls(address(&url), "localhost").await;
        let error = PostgresStore::connect(&by_way_of(&url, front, "require")).await.unwrap_err();
        assert!(told(&error).contains("UnknownIssuer"), "{}", told(&error));
        let (other, pem) = behind_tls(address(&url), "db.example.com").await;
        let builder = PostgresStore::builder().add_root_pem(pem.as_bytes()).unwrap();
        let error = builder.connect(&by_way_of(&url, other, "require")).await.unwrap_err();
        assert!(told(&error).contains("not valid for name"), "{}", told(&error));
    });
}

#[test]
fn a_server_without_tls_is_not_spoken_to_in_the_clear_where_tls_is_asked_for() {
    database::runtime().block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let front = listener.local_addr().unwrap();
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let _ = stream.read_exact(&mut [0; 8]).await;
                let _ = stream.write_all(b"N").await;
            }
        });
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        let url = "postgres://scim@localhost/scim";
        for sslmode in ["require", ""] {
            let builder = PostgresStore::builder().add_root_pem(made.cert.pem().as_bytes());
            let error = builder.unwrap().connect(&by_way_of(url, front, sslmode)).await;
            let told = told(&error.unwrap_err());
            assert!(told.contains("server does not support TLS"), "{told}");
        }
    });
}

#[test]
fn what_is_no_certificate_is_refused() {
    for pem in [&b""[..], b"-----BEGIN CERTIFICATE-----\n"] {
        assert!(matches!(PostgresStore::builder().add_root_pem(pem), Err(ConnectError::Root(_))));
    }
}
