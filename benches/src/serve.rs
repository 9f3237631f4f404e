//! Endpoints behind sockets: ours over two stores, and a bare axum handler that answers the same
//! bytes without knowing anything.

use std::io;
use std::str::FromStr;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::routing::get;
use bytes::Bytes;
use http::{HeaderMap, Request, Response};
use scim2_core::{Policy, Resource, ResourceType};
use scim2_provider::auth::{BearerToken, BearerTokens};
use scim2_provider::{MemoryStore, Scope, ServiceProvider, Store, TenantId};
use scim2_sql::SqliteStore;
use tokio::net::TcpListener;

use crate::core::FULL_USER;

/// The token that every request carries.
pub const TOKEN: &str = "scim2_h480djs93hd8h480djs93hd8h480djs93hd8";

/// Who answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "what is compared")]
pub enum Kind {
    /// An axum handler with the answers ready, under `axum::serve`.
    Bare,
    /// A service provider over the memory store, under `scim2_axum::serve`.
    Memory,
    /// The same over SQLite.
    Sqlite,
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Bare, Self::Memory, Self::Sqlite];

    /// Its name on the command line.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Bare => "bare",
            Self::Memory => "memory",
            Self::Sqlite => "sqlite",
        }
    }
}

impl FromStr for Kind {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        let mut all = Self::ALL.into_iter();
        all.find(|kind| kind.as_str() == name).ok_or_else(|| format!("no server `{name}`"))
    }
}

/// A router with this many users behind it, and the id of one of them.
pub struct Server {
    /// Answers `/Users/{id}` and `/Users`.
    pub router: Router,
    /// A user that is there.
    pub id: String,
    /// Where SQLite keeps its file.
    _folder: Option<tempfile::TempDir>,
}

impl Server {
    /// Fills a store, and makes the answers of the bare handler ready.
    ///
    /// # Panics
    /// When the temporary folder cannot be written.
    pub async fn new(kind: Kind, users: usize) -> Self {
        match kind {
            Kind::Memory => {
                let (provider, id) = provider(MemoryStore::default(), users).await;
                Self { router: scim2_axum::router(provider), id, _folder: None }
            }
            Kind::Sqlite => {
                let folder = tempfile::tempdir().expect("a folder");
                let path = folder.path().join("scim.sqlite3");
                let store = SqliteStore::open(path).expect("a store");
                let (provider, id) = provider(store, users).await;
                Self { router: scim2_axum::router(provider), id, _folder: Some(folder) }
            }
            Kind::Bare => {
                let (provider, id) = provider(MemoryStore::default(), users).await;
                let user = Ready::of(&provider, &format!("/Users/{id}")).await;
                let page = Ready::of(&provider, "/Users?count=100").await;
                let router = Router::new()
                    .route("/Users/{id}", get(async move || user.response()))
                    .route("/Users", get(async move || page.response()));
                Self { router, id, _folder: None }
            }
        }
    }

    /// Serves until the task is dropped.
    ///
    /// # Errors
    /// When the listener fails.
    pub async fn serve(self, kind: Kind, listener: TcpListener) -> io::Result<()> {
        match kind {
            Kind::Bare => axum::serve(listener, self.router).await,
            _ => scim2_axum::serve(listener, self.router, std::future::pending()).await,
        }
    }
}

/// An answer that was given before.
#[derive(Clone)]
struct Ready {
    headers: HeaderMap,
    body: Bytes,
}

impl Ready {
    async fn of<S: Store>(provider: &ServiceProvider<S, BearerTokens>, path: &str) -> Self {
        let (parts, body) = provider.handle(request(path).map(|_| Bytes::new())).await.into_parts();
        assert_eq!(parts.status, 200, "{body:?}");
        Self { headers: parts.headers, body }
    }

    fn response(&self) -> Response<Body> {
        let mut response = Response::new(Body::from(self.body.clone()));
        *response.headers_mut() = self.headers.clone();
        response
    }
}

/// A GET as the load driver sends it.
///
/// # Panics
/// When the path is none.
#[must_use]
pub fn request(path: &str) -> Request<Body> {
    Request::builder()
        .uri(path)
        .header("host", "localhost")
        .header("authorization", format!("Bearer {TOKEN}"))
        .header("accept", "application/scim+json")
        .body(Body::empty())
        .expect("a request")
}

async fn provider<S: Store>(
    store: S,
    users: usize,
) -> (Arc<ServiceProvider<S, BearerTokens>>, String) {
    let scope = Scope::tenant(TenantId::new("acme").expect("a name"));
    let (ty, policy) = (ResourceType::user(), Policy::strict());
    let mut user = ty.ingest(FULL_USER, &policy).expect("a user");
    // Hashing it is slow on purpose.
    user.remove("password");
    let mut id = String::new();
    for number in 0..users {
        let mut user: Resource = user.clone();
        user.insert("userName", format!("bjensen{number}@example.com"));
        let user = ty.validate_new(user, &policy).expect("a valid user");
        id = store.insert(&scope, &ty, user.into()).await.expect("an insert").id().to_owned();
    }
    let token = BearerToken::new("driver", &TOKEN.into(), scope).expect("a token");
    let provider = ServiceProvider::builder(store)
        .base_url(url::Url::parse("https://scim.example.com/scim/v2").expect("a URL"))
        .authenticator(BearerTokens::new([token]))
        .build()
        .expect("a service provider");
    (Arc::new(provider), id)
}
