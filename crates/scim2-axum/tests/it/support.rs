//! A server on a loopback port and the bytes that go over it.

use std::net::SocketAddr;
use std::time::Duration;

use axum::Router;
use scim2_axum::ServeConfig;
use scim2_provider::auth::{BearerToken, BearerTokens};
use scim2_provider::{MemoryStore, Scope, ServiceProvider, Store, TenantId};
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

pub(crate) const AUTHORIZATION: &str = "Authorization: Bearer t0ken\r\n";
pub(crate) const USER: &str = "urn:ietf:params:scim:schemas:core:2.0:User";

pub(crate) fn provider_of<S: Store>(store: S, base: &str) -> ServiceProvider<S, BearerTokens> {
    let scope = Scope::tenant(TenantId::new("a").unwrap());
    let token = BearerToken::new("test", &"t0ken".into(), scope).unwrap();
    ServiceProvider::builder(store)
        .base_url(url::Url::parse(base).unwrap())
        .authenticator(BearerTokens::new([token]))
        .build()
        .unwrap()
}

pub(crate) fn provider(base: &str) -> ServiceProvider<MemoryStore, BearerTokens> {
    provider_of(MemoryStore::default(), base)
}

pub(crate) struct Running {
    pub(crate) address: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    task: JoinHandle<std::io::Result<()>>,
}

pub(crate) async fn run_with(router: Router, config: ServeConfig) -> Running {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (stop, stopped) = oneshot::channel::<()>();
    let shutdown = async move {
        let _ = stopped.await;
    };
    let task = tokio::spawn(scim2_axum::serve_with(listener, router, shutdown, config));
    Running { address, stop: Some(stop), task }
}

pub(crate) async fn run(router: Router) -> Running {
    run_with(router, ServeConfig::default()).await
}

impl Running {
    pub(crate) async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address).await.unwrap()
    }

    /// Sends bytes and reads until the server closes.
    pub(crate) async fn raw(&self, request: &[u8]) -> Answer {
        let mut stream = self.connect().await;
        // The server may close before it has read everything.
        let _ = stream.write_all(request).await;
        Answer::read(&mut stream).await
    }

    /// Sends one request with a token, and a body if there is one.
    pub(crate) async fn send(&self, method: &str, path: &str, body: &str) -> Answer {
        let request = format!(
            "{method} {path} HTTP/1.1\r\nHost: x\r\n{AUTHORIZATION}Connection: close\r\n\
             Content-Type: application/scim+json\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        );
        self.raw(request.as_bytes()).await
    }

    /// Asks the server to stop.
    pub(crate) fn stop(&mut self) {
        if let Some(stop) = self.stop.take() {
            let _ = stop.send(());
        }
    }

    /// Waits until the server has stopped.
    pub(crate) async fn stopped(self) {
        tokio::time::timeout(Duration::from_secs(10), self.task).await.unwrap().unwrap().unwrap();
    }
}

#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) head: String,
    pub(crate) body: String,
}

impl Answer {
    /// Reads until the server closes the connection.
    pub(crate) async fn read(stream: &mut TcpStream) -> Self {
        let mut bytes = Vec::new();
        let read = stream.read_to_end(&mut bytes);
        let _ = tokio::time::timeout(Duration::from_secs(10), read).await.expect("an end");
        let text = String::from_utf8(bytes).unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap_or((&text, ""));
        Self { head: head.to_owned(), body: body.to_owned() }
    }

    pub(crate) fn status(&self) -> u16 {
        self.head
            .split(' ')
            .nth(1)
            .and_then(|code| code.parse().ok())
            .unwrap_or_else(|| panic!("no status in {:?}", self.head))
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|_| panic!("no JSON: {:?}", self.body))
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| {
            let (key, value) = line.split_once(':')?;
            key.eq_ignore_ascii_case(name).then(|| value.trim())
        })
    }

    /// Asserts an error message of RFC 7644.
    #[track_caller]
    pub(crate) fn is_error(&self, status: u16) -> Value {
        assert_eq!(self.status(), status, "{self:?}");
        assert_eq!(self.header("content-type"), Some("application/scim+json"));
        let body = self.json();
        assert_eq!(body["schemas"][0], "urn:ietf:params:scim:api:messages:2.0:Error");
        assert_eq!(body["status"], status.to_string());
        body
    }
}

pub(crate) fn user(user_name: &str) -> String {
    serde_json::json!({"schemas": [USER], "userName": user_name}).to_string()
}
