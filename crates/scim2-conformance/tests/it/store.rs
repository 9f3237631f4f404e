//! The store contract, kept by this library's stores.

use scim2_conformance::store::{StoreReport, check};
use scim2_provider::MemoryStore;
use scim2_sql::{Durability, SqliteStore};

#[track_caller]
fn kept(report: &StoreReport) {
    assert!(report.is_success(), "{report}");
    assert!(report.checks.len() > 50, "{report}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn the_memory_store_keeps_its_promises() {
    kept(&check(|| async { MemoryStore::default() }).await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn the_sqlite_store_keeps_its_promises() {
    let folder = tempfile::tempdir().unwrap();
    let mut number = 0;
    let open = || {
        number += 1;
        let path = folder.path().join(format!("{number}.sqlite3"));
        async move { SqliteStore::builder().durability(Durability::Process).open(path).unwrap() }
    };
    kept(&check(open).await);
}
