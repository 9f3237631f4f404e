//! The contract of stores, kept by an application's own tables.

use std::sync::Arc;

use scim2_conformance::store::{StoreReport, check};
use scim2_core::{Group, User};
use scim2_provider::{Handlers, SystemClock};

use crate::directory::{Directory, Members, Queries};

async fn broken(queries: Queries, members: Members) -> Vec<&'static str> {
    let report: StoreReport = check(|| async {
        let directory = Directory::new(queries, members, Arc::new(SystemClock));
        Handlers::default().with::<User>(directory.clone()).with::<Group>(directory)
    })
    .await;
    report.broken().map(|check| check.id).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn an_applications_tables_keep_the_promises_of_a_store() {
    for members in [Members::OneByOne, Members::WithTheGroup] {
        // A handler clears references always.
        let cleared = "references.kept";
        assert_eq!(broken(Queries::Candidates, members).await, [cleared], "{members:?}");
        // An application that counts its pages shifts them when somebody leaves.
        let counted = "query.cursor-while-changing";
        let mut found = broken(Queries::Pages, members).await;
        found.sort_unstable();
        assert_eq!(found, [counted, cleared], "{members:?}");
    }
}
