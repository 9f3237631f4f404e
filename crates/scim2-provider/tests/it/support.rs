//! A service provider with two tenants and a clock that tests move.

use std::future::Future;
use std::io::Write;
use std::pin::pin;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use chrono::{DateTime, Utc};
use http::{HeaderMap, Request, StatusCode};
use scim2_core::rules::{EndpointRules, NoRules};
use scim2_core::{Catalog, Policy};
use scim2_provider::auth::{BearerToken, BearerTokens};
use scim2_provider::{
    Clock, MemoryStore, ProviderConfig, Scope, ServiceProvider, ServiceProviderBuilder, Store,
    TenantId,
};
use serde_json::{Value, json};

pub(crate) const BASE: &str = "https://example.com/scim/v2";
pub(crate) const USER: &str = "urn:ietf:params:scim:schemas:core:2.0:User";
pub(crate) const GROUP: &str = "urn:ietf:params:scim:schemas:core:2.0:Group";
pub(crate) const ENTERPRISE: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";
pub(crate) const PATCH_OP: &str = "urn:ietf:params:scim:api:messages:2.0:PatchOp";
pub(crate) const SEARCH: &str = "urn:ietf:params:scim:api:messages:2.0:SearchRequest";
pub(crate) const ERROR: &str = "urn:ietf:params:scim:api:messages:2.0:Error";

/// Tokens of the two tenants.
pub(crate) const TOKEN: &str = "token-of-tenant-a";
pub(crate) const TOKEN_B: &str = "token-of-tenant-b";

#[derive(Debug)]
pub(crate) struct TestClock(AtomicI64);

impl TestClock {
    pub(crate) fn advance(&self, milliseconds: i64) {
        self.0.fetch_add(milliseconds, Ordering::Relaxed);
    }
}

impl Clock for TestClock {
    fn now(&self) -> DateTime<Utc> {
        DateTime::from_timestamp_millis(self.0.load(Ordering::Relaxed)).unwrap()
    }
}

pub(crate) fn clock() -> Arc<TestClock> {
    Arc::new(TestClock(AtomicI64::new(1_790_000_000_000)))
}

pub(crate) struct Server<S = MemoryStore> {
    pub(crate) provider: ServiceProvider<S, BearerTokens>,
    pub(crate) clock: Arc<TestClock>,
}

#[derive(Default)]
pub(crate) struct Setup {
    pub(crate) policy: Policy,
    pub(crate) config: ProviderConfig,
    pub(crate) rules: Option<Arc<dyn EndpointRules>>,
    pub(crate) catalog: Option<Catalog>,
    pub(crate) extend: Option<Box<dyn FnOnce(Builder) -> Builder>>,
}

type Builder = ServiceProviderBuilder<MemoryStore, BearerTokens>;

impl Setup {
    pub(crate) fn config(change: impl FnOnce(&mut ProviderConfig)) -> Self {
        let mut setup = Self::default();
        change(&mut setup.config);
        setup
    }

    pub(crate) fn policy(change: impl FnOnce(&mut Policy)) -> Self {
        let mut setup = Self::default();
        change(&mut setup.policy);
        setup
    }

    pub(crate) fn rules(rules: impl EndpointRules + 'static) -> Self {
        Self { rules: Some(Arc::new(rules)), ..Self::default() }
    }

    /// Something that only the builder has.
    pub(crate) fn with(self, extend: impl FnOnce(Builder) -> Builder + 'static) -> Self {
        Self { extend: Some(Box::new(extend)), ..self }
    }

    pub(crate) fn server(mut self) -> Server {
        let clock = clock();
        let extend = self.extend.take().unwrap_or_else(|| Box::new(|builder| builder));
        let builder = self.builder(MemoryStore::with_clock(clock.clone()), clock.clone());
        Server { provider: extend(builder).build().unwrap(), clock }
    }

    pub(crate) fn server_over<S: Store>(self, store: S, clock: Arc<TestClock>) -> Server<S> {
        assert!(self.extend.is_none(), "only the memory store's builder is extended");
        let builder = self.builder(store, clock.clone());
        Server { provider: builder.build().unwrap(), clock }
    }

    pub(crate) fn builder<S: Store>(
        self,
        store: S,
        clock: Arc<TestClock>,
    ) -> ServiceProviderBuilder<S, BearerTokens> {
        let scope = |name| Scope::tenant(TenantId::new(name).unwrap());
        let token =
            |secret: &str, tenant| BearerToken::new(tenant, &secret.into(), scope(tenant)).unwrap();
        let tokens =
            BearerTokens::new([token(TOKEN, "a"), token(TOKEN_B, "b")]).with_clock(clock.clone());
        ServiceProvider::builder(store)
            .base_url(url::Url::parse(BASE).unwrap())
            .authenticator(tokens)
            .policy(self.policy)
            .rules(self.rules.unwrap_or_else(|| Arc::new(NoRules)))
            .config(self.config)
            .catalog(self.catalog.unwrap_or_else(Catalog::standard))
            .clock(clock)
    }
}

pub(crate) fn server() -> Server {
    Setup::default().server()
}

/// The memory store never waits, so nothing in process does.
pub(crate) fn block_on<F: Future>(future: F) -> F::Output {
    let mut future = pin!(future);
    let mut cx = Context::from_waker(Waker::noop());
    loop {
        if let Poll::Ready(output) = future.as_mut().poll(&mut cx) {
            return output;
        }
    }
}

#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) bytes: Bytes,
    pub(crate) body: Value,
}

impl Reply {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }

    pub(crate) fn id(&self) -> &str {
        self.body["id"].as_str().unwrap_or_else(|| panic!("no id in {}", self.body))
    }

    pub(crate) fn version(&self) -> String {
        self.header("etag").expect("an ETag").to_owned()
    }

    /// Asserts a status, and of an error its RFC form.
    #[track_caller]
    pub(crate) fn is(self, status: u16) -> Self {
        assert_eq!(self.status.as_u16(), status, "{}", self.body);
        if status >= 400 {
            assert_eq!(self.body["schemas"], json!([ERROR]));
            assert_eq!(self.body["status"], status.to_string());
            assert!(self.body["detail"].as_str().is_some_and(|detail| !detail.is_empty()));
            assert_eq!(self.header("content-type"), Some("application/scim+json"));
        }
        self
    }

    /// Asserts an error with its `scimType`.
    #[track_caller]
    pub(crate) fn fails(self, status: u16, scim_type: &str) -> Self {
        let reply = self.is(status);
        assert_eq!(reply.body["scimType"], scim_type, "{}", reply.body);
        reply
    }

    /// Asserts that the detail of an error names something.
    #[track_caller]
    pub(crate) fn naming(self, text: &str) -> Self {
        let detail = self.body["detail"].as_str().unwrap_or_default();
        assert!(detail.contains(text), "`{text}` is not in `{detail}`");
        self
    }

    /// The `id`s of a list.
    pub(crate) fn ids(&self) -> Vec<&str> {
        self.resources().iter().map(|r| r["id"].as_str().unwrap()).collect()
    }

    pub(crate) fn resources(&self) -> &[Value] {
        self.body["Resources"].as_array().unwrap_or_else(|| panic!("no list: {}", self.body))
    }

    /// One attribute of each resource of a list.
    pub(crate) fn column(&self, name: &str) -> Vec<&str> {
        self.resources().iter().map(|r| r[name].as_str().unwrap_or_default()).collect()
    }
}

impl<S: Store> Server<S> {
    pub(crate) fn send(&self, request: Request<Bytes>) -> Reply {
        let response = block_on(self.provider.handle(request));
        let (parts, bytes) = response.into_parts();
        let body = if bytes.is_empty() {
            Value::Null
        } else {
            serde_json::from_slice(&bytes).expect("a JSON body")
        };
        Reply { status: parts.status, headers: parts.headers, bytes, body }
    }

    pub(crate) fn call(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> Reply {
        let mut request = Request::builder().method(method).uri(path);
        if !headers.iter().any(|(name, _)| *name == "authorization") {
            request = request.header("authorization", format!("Bearer {TOKEN}"));
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        self.send(request.body(Bytes::copy_from_slice(body)).unwrap())
    }

    pub(crate) fn get(&self, path: &str) -> Reply {
        self.call("GET", path, &[], b"")
    }

    pub(crate) fn post(&self, path: &str, body: Value) -> Reply {
        self.call("POST", path, &[], body.to_string().as_bytes())
    }

    pub(crate) fn put(&self, path: &str, body: Value) -> Reply {
        self.call("PUT", path, &[], body.to_string().as_bytes())
    }

    /// PATCH with these operations.
    pub(crate) fn patch(&self, path: &str, operations: Value) -> Reply {
        let body = json!({"schemas": [PATCH_OP], "Operations": operations});
        self.call("PATCH", path, &[], body.to_string().as_bytes())
    }

    pub(crate) fn delete(&self, path: &str) -> Reply {
        self.call("DELETE", path, &[], b"")
    }

    /// A list, its filter written plainly.
    pub(crate) fn filter(&self, endpoint: &str, filter: &str) -> Reply {
        let filter =
            percent_encoding::utf8_percent_encode(filter, percent_encoding::NON_ALPHANUMERIC);
        self.get(&format!("{endpoint}?filter={filter}"))
    }

    /// Creates a user and returns its id.
    #[track_caller]
    pub(crate) fn user(&self, user_name: &str) -> String {
        let id = self.post("/Users", user(user_name)).is(201).id().to_owned();
        // Ids are in the order of creation from one millisecond to the next.
        self.clock.advance(1);
        id
    }

    /// Creates a group of these and returns its id.
    #[track_caller]
    pub(crate) fn group(&self, display_name: &str, members: &[&str]) -> String {
        let members: Vec<_> = members.iter().map(|id| json!({"value": id})).collect();
        let body = json!({"schemas": [GROUP], "displayName": display_name, "members": members});
        self.post("/Groups", body).is(201).id().to_owned()
    }

    /// The ids of a group's members.
    #[track_caller]
    pub(crate) fn members(&self, group: &str) -> Vec<String> {
        let reply = self.get(&format!("/Groups/{group}")).is(200);
        let members = reply.body["members"].as_array().cloned().unwrap_or_default();
        members.iter().map(|m| m["value"].as_str().unwrap().to_owned()).collect()
    }

    /// How many resources an endpoint has.
    #[track_caller]
    pub(crate) fn total(&self, endpoint: &str) -> u64 {
        self.get(&format!("{endpoint}?count=0")).is(200).body["totalResults"].as_u64().unwrap()
    }
}

pub(crate) fn user(user_name: &str) -> Value {
    json!({"schemas": [USER], "userName": user_name})
}

/// What all tests of this process log, at every level: what is logged for a thread alone can be
/// missed.
pub(crate) fn log() -> &'static Log {
    static LOG: OnceLock<Log> = OnceLock::new();
    LOG.get_or_init(|| {
        let log = Log::default();
        let writer = log.clone();
        let subscriber = tracing_subscriber::fmt()
            .with_max_level(tracing::level_filters::LevelFilter::TRACE)
            .with_ansi(false)
            .with_writer(move || writer.clone())
            .finish();
        tracing::subscriber::set_global_default(subscriber).unwrap();
        log
    })
}

#[derive(Clone, Default)]
pub(crate) struct Log(Arc<Mutex<Vec<u8>>>);

impl Log {
    pub(crate) fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}
