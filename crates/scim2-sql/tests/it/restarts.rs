//! A database that is restarted, as by a crash, while it is written to.

use std::process::Command;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use futures_util::future::join_all;
use scim2_provider::Store;
use scim2_sql::PostgresStore;

use crate::database;
use crate::load::{Acknowledged, Endpoint, Step, catalog};

/// The command that restarts the database. `cargo xtask faults` says which.
const RESTART: &str = "SCIM2_RESTART";
const RESTARTS: usize = 2;
const WRITERS: usize = 8;
/// How many users come before, between and after the restarts.
const USERS: usize = 60;

#[test]
fn a_restart_of_the_database_loses_nothing_that_was_acknowledged() {
    let Ok(restart) = std::env::var(RESTART) else {
        eprintln!("SKIPPED on PostgreSQL: restarts under load (`cargo xtask faults` runs it)");
        return;
    };
    database::runtime().block_on(async {
        let url = database::database("restarts under load").await.expect("a database");
        let builder = PostgresStore::builder().connections(WRITERS);
        let store = builder.connect(&url).await.unwrap();
        let endpoint = Arc::new(Endpoint::new(store.clone()));
        let group = endpoint.group().await.unwrap();
        let acknowledged = Arc::new(Mutex::new(Acknowledged::default()));
        let (done, refused) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
        let writers = (0..WRITERS).map(|writer| {
            let (endpoint, store, group) = (Arc::clone(&endpoint), store.clone(), group.clone());
            let (acknowledged, refused) = (Arc::clone(&acknowledged), Arc::clone(&refused));
            let done = Arc::clone(&done);
            tokio::spawn(async move {
                for i in 0.. {
                    if done.load(Ordering::Relaxed) {
                        return;
                    }
                    let ends = if i % 3 == 0 { Step::Deleted } else { Step::Renamed };
                    let tell = |step, user: &str| acknowledged.lock().unwrap().note(step, user);
                    let name = format!("{writer}-{i}");
                    let Err(response) = endpoint.live(&group, &name, ends, tell).await else {
                        continue;
                    };
                    // Either nothing was done and it may be tried again later, or nobody knows.
                    let later = response.headers().contains_key("retry-after");
                    match response.status().as_u16() {
                        503 => assert!(later, "{response:?}"),
                        504 => assert!(!later, "{response:?}"),
                        _ => panic!("{response:?}"),
                    }
                    refused.fetch_add(1, Ordering::Relaxed);
                    while store.ready().await.is_err() {
                        tokio::task::yield_now().await;
                    }
                }
            })
        });
        let writers: Vec<_> = writers.collect();
        let more = async |users: usize| {
            let enough = acknowledged.lock().unwrap().len() + users;
            while acknowledged.lock().unwrap().len() < enough {
                assert!(
                    !writers.iter().any(tokio::task::JoinHandle::is_finished),
                    "a writer ended"
                );
                tokio::task::yield_now().await;
            }
        };
        more(USERS).await;
        for _ in 0..RESTARTS {
            let command = restart.clone();
            let restarted = tokio::task::spawn_blocking(move || {
                Command::new("sh").args(["-c", &command]).status()
            });
            assert!(restarted.await.unwrap().unwrap().success());
            // The same process goes on.
            more(USERS).await;
        }
        done.store(true, Ordering::Relaxed);
        for writer in join_all(writers).await {
            writer.unwrap();
        }
        let acknowledged = acknowledged.lock().unwrap().clone();
        let refused = refused.load(Ordering::Relaxed);
        assert!(refused > 0, "nobody was in the way of a restart");
        let integrity = store.check(&catalog()).await.unwrap();
        let unknown = acknowledged.check(&store, integrity).await;
        eprintln!(
            "PostgreSQL: {RESTARTS} restarts, {} users acknowledged, none lost; {refused} changes \
             were refused, and {unknown} of them made all the same",
            acknowledged.len(),
        );
    });
}
