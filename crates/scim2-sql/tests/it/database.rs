//! A PostgreSQL to test against, where there is one: `cargo xtask test` starts one, and
//! `DATABASE_URL` names another.

use std::sync::atomic::{AtomicU64, Ordering};

use scim2_sql::{PostgresStore, PostgresStoreBuilder};

static SCHEMAS: AtomicU64 = AtomicU64::new(0);

/// The connection string of tables of one's own; none, with a word about it, without a database.
pub(crate) async fn database(test: &str) -> Option<String> {
    let Ok(url) = std::env::var("DATABASE_URL") else {
        eprintln!("SKIPPED on PostgreSQL: {test} (there is no DATABASE_URL)");
        return None;
    };
    let (client, connection) = tokio_postgres::connect(&url, tokio_postgres::NoTls).await.unwrap();
    let connection = tokio::spawn(connection);
    let number = SCHEMAS.fetch_add(1, Ordering::Relaxed);
    let schema = format!("test_{}_{number}", std::process::id());
    let sql = format!("DROP SCHEMA IF EXISTS {schema} CASCADE; CREATE SCHEMA {schema}");
    client.batch_execute(&sql).await.unwrap();
    drop(client);
    connection.await.unwrap().unwrap();
    let mark = if url.contains('?') { '&' } else { '?' };
    Some(format!("{url}{mark}options=-csearch_path%3D{schema}"))
}

/// A store with tables of its own.
pub(crate) async fn store(test: &str, builder: PostgresStoreBuilder) -> Option<PostgresStore> {
    let url = database(test).await?;
    Some(builder.connect(&url).await.unwrap())
}

/// A runtime that can talk to a database.
pub(crate) fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap()
}

/// A number that the environment may set.
pub(crate) fn number<N: std::str::FromStr>(name: &str) -> Option<N> {
    std::env::var(name).ok()?.parse().ok()
}

/// Waits until the server has ended all sessions of a client that is no more: what they were doing
/// may still be committed until then.
pub(crate) async fn gone(url: &str, application: &str) {
    let (client, connection) = tokio_postgres::connect(url, tokio_postgres::NoTls).await.unwrap();
    let connection = tokio::spawn(connection);
    let sql = "SELECT count(*) FROM pg_stat_activity WHERE application_name = $1";
    while client.query_one(sql, &[&application]).await.unwrap().get::<_, i64>(0) > 0 {
        tokio::task::yield_now().await;
    }
    drop(client);
    connection.await.unwrap().unwrap();
}

/// Does something to the tables that the store knows nothing of.
pub(crate) async fn execute(url: &str, sql: &str) {
    let (client, connection) = tokio_postgres::connect(url, tokio_postgres::NoTls).await.unwrap();
    let connection = tokio::spawn(connection);
    client.batch_execute(sql).await.unwrap();
    drop(client);
    connection.await.unwrap().unwrap();
}

/// A session of one's own, in the way of the store's.
pub(crate) struct Session {
    client: tokio_postgres::Client,
}

impl Session {
    pub(crate) async fn new(url: &str) -> Self {
        let (client, connection) =
            tokio_postgres::connect(url, tokio_postgres::NoTls).await.unwrap();
        tokio::spawn(connection);
        Self { client }
    }

    pub(crate) async fn run(&self, sql: &str) {
        self.client.batch_execute(sql).await.unwrap();
    }

    /// Waits until somebody waits for what this session holds.
    pub(crate) async fn someone_waits(&self) {
        while self.waiting().await == 0 {
            tokio::task::yield_now().await;
        }
    }

    /// How many wait for what this session holds.
    pub(crate) async fn waiting(&self) -> i64 {
        let sql = "SELECT count(*) FROM pg_stat_activity
                   WHERE pg_backend_pid() = ANY(pg_blocking_pids(pid))";
        self.client.query_one(sql, &[]).await.unwrap().get(0)
    }
}
