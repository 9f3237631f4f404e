//! The suite against this library's own service provider.

use std::future::ready;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::Router;
use bytes::Bytes;
use http::{Request, Response};
use scim2_client::{Timer, Transport};
use scim2_conformance::{Group as Checks, Options, Outcome, Report, checks, run};
use scim2_core::{Catalog, Group, ResourceType, User};
use scim2_provider::{Handlers, MemoryStore, Store, SystemClock};
use scim2_reqwest::ReqwestTransport;
use scim2_sql::{Durability, Secrets, SqliteStore};
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use url::Url;

use crate::directory::{Directory, GroupNames, Members, Queries};
use crate::support::{self, Dialect, check_in_process};

#[track_caller]
fn passes(report: &Report, what: &str) {
    assert!(report.is_success(), "{what}:\n{report}");
    assert!(report.left_behind.is_empty(), "{what}: {:?}", report.left_behind);
    assert!(report.passed() > 100, "{what}:\n{report}");
}

/// A store that outlives the test's process and no more, without the slow hash of passwords.
fn sqlite(folder: &TempDir) -> SqliteStore {
    SqliteStore::builder()
        .durability(Durability::Process)
        .secrets(Secrets::Drop)
        .open(folder.path().join("scim.sqlite3"))
        .unwrap()
}

#[tokio::test]
async fn the_memory_store_passes_under_every_dialect() {
    for dialect in Dialect::ALL {
        let report = check_in_process(MemoryStore::default(), dialect).await;
        passes(&report, &format!("{dialect:?}"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_sqlite_store_passes_under_every_dialect() {
    for dialect in Dialect::ALL {
        let folder = tempfile::tempdir().unwrap();
        let store = sqlite(&folder);
        passes(&check_in_process(store, dialect).await, &format!("{dialect:?}"));
    }
}

#[tokio::test]
async fn an_application_with_its_own_tables_passes_under_every_dialect() {
    for dialect in Dialect::ALL {
        for (queries, members) in
            [(Queries::Candidates, Members::WithTheGroup), (Queries::Pages, Members::OneByOne)]
        {
            let group_names = match dialect {
                Dialect::Entra => GroupNames::Unique,
                Dialect::Strict | Dialect::Okta => GroupNames::Shared,
            };
            let clock = Arc::new(SystemClock);
            let directory = Directory::naming_groups(group_names, queries, members, clock);
            let handlers =
                Handlers::default().with::<User>(directory.clone()).with::<Group>(directory);
            let report = check_in_process(handlers, dialect).await;
            passes(&report, &format!("{dialect:?}, {queries:?}"));
        }
    }
}

/// Serves a store on a loopback port and checks it there.
async fn check_over_a_socket(store: impl Store, dialect: Dialect) -> Report {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let base = Url::parse(&format!("http://{address}/scim/v2")).unwrap();
    let provider = support::provider(store, dialect, &base);
    let router = Router::new().nest("/scim/v2", scim2_axum::router(provider));
    let (stop, stopped) = oneshot::channel::<()>();
    let server = tokio::spawn(scim2_axum::serve(listener, router, async {
        let _ = stopped.await;
    }));
    let report = run(&ReqwestTransport::new().unwrap(), &support::options(&base, dialect)).await;
    drop(stop);
    server.await.unwrap().unwrap();
    report
}

#[tokio::test(flavor = "multi_thread")]
async fn both_stores_pass_over_a_socket() {
    for dialect in Dialect::ALL {
        let report = check_over_a_socket(MemoryStore::default(), dialect).await;
        passes(&report, &format!("memory, {dialect:?}"));
        let folder = tempfile::tempdir().unwrap();
        let store = sqlite(&folder);
        let report = check_over_a_socket(store, dialect).await;
        passes(&report, &format!("SQLite, {dialect:?}"));
    }
}

#[tokio::test]
async fn the_endpoint_is_left_as_empty_as_it_was() {
    let base = support::base();
    let provider = support::provider(MemoryStore::default(), Dialect::Entra, &base);
    let transport = support::in_process(provider);
    passes(&run(&transport, &support::options(&base, Dialect::Entra)).await, "entra");
    for endpoint in ["Users", "Groups"] {
        let request = Request::get(format!("{}/{endpoint}", support::BASE))
            .header("authorization", format!("Bearer {}", support::TOKEN));
        let answer = transport.send(request.body(Bytes::new()).unwrap()).await.unwrap();
        let list: serde_json::Value = serde_json::from_slice(answer.body()).unwrap();
        assert_eq!(list["totalResults"], 0, "{list}");
    }
}

#[tokio::test]
async fn an_endpoint_with_few_attributes_is_not_asked_for_more() {
    let mut catalog = Catalog::default();
    catalog.register(ResourceType::user().with_only(&["userName", "active"]).unwrap()).unwrap();
    let base = support::base();
    let provider = support::provider_of(catalog, MemoryStore::default(), Dialect::Strict, &base);
    let options = support::options(&base, Dialect::Strict).groups([Checks::Rfc]);
    let report = run(&support::in_process(provider), &options).await;
    assert!(report.is_success(), "{report}");
    assert!(report.passed() > 50, "{report}");
}

#[tokio::test]
async fn an_endpoint_without_a_dialect_fails_the_checks_of_it() {
    let base = support::base();
    let provider = support::provider(MemoryStore::default(), Dialect::Strict, &base);
    let options = support::options(&base, Dialect::Strict).groups([Checks::Entra]);
    let report = run(&support::in_process(provider), &options).await;
    let failed: Vec<_> = report.failures().map(|check| check.id).collect();
    assert!(failed.contains(&"entra.disable-legacy"), "{failed:?}");
    assert!(failed.contains(&"entra.create-element"), "{failed:?}");
}

#[tokio::test]
async fn an_endpoint_that_is_not_there_fails_and_nothing_panics() {
    let transport = scim2_client::InProcess::new(|_| async {
        let mut response = Response::new(Bytes::from_static(b"<html>"));
        *response.status_mut() = http::StatusCode::BAD_GATEWAY;
        response
    });
    let report = run(&transport, &Options::new(support::base()).groups(Checks::ALL)).await;
    assert_eq!(report.passed(), 0, "{report}");
    assert!(report.failed() > 100, "{report}");
}

#[tokio::test]
async fn credentials_are_not_in_the_report() {
    let base = support::base();
    let provider = support::provider(MemoryStore::default(), Dialect::Strict, &base);
    let teapot = |_: &_, mut response: Response<_>| {
        *response.status_mut() = http::StatusCode::IM_A_TEAPOT;
        response
    };
    let transport = support::altered(provider, |request| request, teapot);
    let report = run(&transport, &support::options(&base, Dialect::Strict)).await;
    assert!(!report.is_success());
    assert!(!report.to_json().to_string().contains(support::TOKEN));
    assert!(!format!("{report:?}").contains(support::TOKEN));
}

#[tokio::test]
async fn only_the_chosen_checks_run() {
    let base = support::base();
    let provider = support::provider(MemoryStore::default(), Dialect::Strict, &base);
    let options = support::options(&base, Dialect::Strict).only("etag.");
    let report = run(&support::in_process(provider), &options).await;
    assert_eq!(report.checks.len(), 7, "{report}");
    passes_all(&report);
}

#[test]
fn checks_have_names_of_their_own_and_name_their_rule() {
    let mut ids: Vec<_> = checks().map(|check| check.id).collect();
    let count = ids.len();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), count);
    assert!(checks().all(|check| !check.title.is_empty() && !check.rule.is_empty()));
}

/// An endpoint that answers every third request with 429, and a clock that does not wait.
struct Throttled<T> {
    inner: T,
    calls: AtomicUsize,
    waits: Waits,
}

#[derive(Default)]
struct Waits(AtomicUsize);

impl Timer for Waits {
    fn sleep(&self, duration: Duration) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        assert_eq!(duration, Duration::from_secs(2));
        self.0.fetch_add(1, Ordering::Relaxed);
        Box::pin(ready(()))
    }
}

impl<T: Transport> Transport for Throttled<T> {
    type Error = T::Error;

    async fn send(&self, request: Request<Bytes>) -> Result<Response<Bytes>, T::Error> {
        if self.calls.fetch_add(1, Ordering::Relaxed) % 3 == 2 {
            let refusal = Response::builder().status(429).header("retry-after", "2");
            return Ok(refusal.body(Bytes::new()).unwrap());
        }
        self.inner.send(request).await
    }

    fn timer(&self) -> Option<&dyn Timer> {
        Some(&self.waits)
    }
}

#[tokio::test]
async fn a_throttled_request_is_sent_again_when_it_may_be() {
    let base = support::base();
    let provider = support::provider(MemoryStore::default(), Dialect::Strict, &base);
    let inner = support::in_process(provider);
    let transport = Throttled { inner, calls: AtomicUsize::new(0), waits: Waits::default() };
    let options = support::options(&base, Dialect::Strict).only("create.");
    passes_all(&run(&transport, &options).await);
    assert!(transport.waits.0.load(Ordering::Relaxed) > 10);
}

#[track_caller]
fn passes_all(report: &Report) {
    assert!(report.checks.iter().all(|check| check.outcome == Outcome::Passed), "{report}");
}
