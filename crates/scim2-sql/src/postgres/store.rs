//! The store.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use deadpool_postgres::{
    Hook, HookError, Manager, ManagerConfig, Pool, QueueMode, RecyclingMethod, Runtime,
};
use scim2_core::change::MemberDelta;
use scim2_core::etag::{EntityTags, Version};
use scim2_core::resource::ResourceId;
use scim2_core::secret::Secret;
use scim2_core::{Catalog, ResourceType};
use scim2_provider::events::{Cascade, ChangeRecord, Outbox};
use scim2_provider::store::{
    Change, Check, Dangling, Load, Query, QueryResult, Store, StoreError, Stored, Turns, Updated,
    Write,
};
use scim2_provider::text::{StoredText, TextResult};
use scim2_provider::{Clock, Scope, SystemClock};
use tokio_postgres::tls::{MakeTlsConnect, TlsConnect};
use tokio_postgres::{IsolationLevel, NoTls, Socket};

use super::error::{ConnectError, Failure};
use super::lease::{Canceller, Lease, Lent};
use super::migrate::{check_catalog, check_type_rules, check_versions, migrate, put_type_rules};
use super::names::Names;
use super::outbox::{self, Entry};
use super::read::Reader;
use super::write::{self, Numbers, Writer};
use super::{integrity, query};
use crate::id::Generator;
use crate::integrity::Integrity;
use crate::rules::{self, Known};
use crate::secret::{Hashed, Secrets, hash_all, verify};
use crate::shape::Content;

/// How often a change is tried before it is given up as lost to other writers.
const MAX_RACES: u32 = 32;
/// How often a connection that broke, or statements that are of no more use, are replaced for one
/// call.
const MAX_LOST: u32 = 2;
/// How many changes go by between two looks at whether the outbox is too long.
const WRITES_BETWEEN_TRIMS: u64 = 4096;

/// A [`Store`] in a PostgreSQL database, or one that speaks its language.
///
/// Any number of service providers may use one database. A change is as durable as the database
/// makes a commit. Cloning shares the pool of connections.
///
/// ```no_run
/// # async fn run() -> Result<(), Box<dyn std::error::Error>> {
/// use scim2_provider::ServiceProvider;
/// use scim2_sql::PostgresStore;
///
/// let store = PostgresStore::connect("postgres://scim@localhost/scim").await?;
/// let builder = ServiceProvider::builder(store);
/// # let _ = builder;
/// # Ok(()) }
/// ```
///
/// # Other databases
///
/// What is read and written needs nothing that CockroachDB or YugabyteDB lack: no advisory locks,
/// no `LISTEN`, no extensions, no order of serial numbers. It does need a recursive query for the
/// groups of a user, arrays as parameters, `jsonb`, and `MATERIALIZED` in `WITH`. Only PostgreSQL
/// is tested.
#[derive(Clone)]
pub struct PostgresStore {
    inner: Arc<Inner>,
}

struct Inner {
    pool: Pool,
    canceller: Canceller,
    names: Names,
    clock: Arc<dyn Clock>,
    secrets: Secrets,
    ids: Mutex<Generator>,
    turns: Turns,
    known: Known,
    recorded: AtomicU64,
}

impl PostgresStore {
    /// Opens the store in the database that a connection string names, and makes its tables if
    /// there are none; see [`PostgresStoreBuilder::connect`].
    ///
    /// # Errors
    /// When the database cannot be reached, or holds something newer.
    pub async fn connect(url: &str) -> Result<Self, ConnectError> {
        Self::builder().connect(url).await
    }

    /// Sets up a store.
    #[must_use]
    pub fn builder() -> PostgresStoreBuilder {
        PostgresStoreBuilder::default()
    }

    /// Whether this is the secret, such as a password, that a client last set. Where there is
    /// none, nothing is.
    ///
    /// `path` names the attribute with its schema's URN:
    /// `urn:ietf:params:scim:schemas:core:2.0:User:password`.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn verify_secret(
        &self,
        scope: &Scope,
        ty: &ResourceType,
        id: &ResourceId,
        path: &str,
        secret: &Secret,
    ) -> Result<bool, StoreError> {
        const SQL: &str = "SELECT s.hash FROM scim_secret s
             JOIN scim_name n ON n.name_id = s.path WHERE s.pk = $1 AND n.name = $2";
        let hash = self
            .retried(move |client| async move {
                let reader = Reader::new(&*client, &self.inner.names, scope, ty).await?;
                let Some(reader) = reader else { return Ok(None) };
                let Some(kept) = reader.find(id.as_str()).await? else { return Ok(None) };
                let rows = reader.query(SQL, &[&kept.pk, &path]).await?;
                Ok(rows.first().map(|row| row.try_get::<_, String>(0)).transpose()?)
            })
            .await?;
        let Some(hash) = hash else { return Ok(false) };
        let secret = secret.clone();
        blocking(move || verify(&hash, secret.expose())).await
    }

    /// Looks at all that the store holds, as it is at one moment: whether keys, references,
    /// memberships and events are those of the resources. Reading and writing go on meanwhile. The
    /// catalog must have every resource type of which there are resources.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn check(&self, catalog: &Catalog) -> Result<Integrity, StoreError> {
        self.retried(move |mut client| async move {
            let transaction = client.build_transaction().read_only(true);
            let transaction = transaction.isolation_level(IsolationLevel::RepeatableRead);
            let transaction = transaction.start().await?;
            let mut found = integrity::check(&transaction, catalog).await?;
            for ty in catalog.iter() {
                match check_type_rules(&*transaction, ty.name(), &rules::of(ty)).await {
                    Ok(_) => {}
                    Err(error @ ConnectError::TypeRules { .. }) => {
                        found.problem(format_args!("{}: {error}", ty.name()));
                    }
                    Err(error) => return Err(error.into_store_error().into()),
                }
            }
            Ok(found)
        })
        .await
    }

    /// Does something, again where others were in the way or the connection broke before anything
    /// was committed.
    pub(crate) async fn retried<T, F, Fut>(&self, mut work: F) -> Result<T, StoreError>
    where
        F: FnMut(Lent) -> Fut,
        Fut: Future<Output = Result<T, Failure>>,
    {
        let (mut races, mut lost) = (0, 0);
        loop {
            let result = match self.inner.pool.get().await {
                Ok(client) => {
                    let (lease, lent) = Lease::new(client, &self.inner.canceller).await;
                    let result = work(lent).await;
                    lease.done();
                    result
                }
                Err(error) => Err(error.into()),
            };
            match result {
                Ok(value) => return Ok(value),
                Err(Failure::Race) if races < MAX_RACES => {
                    races += 1;
                    pause(races).await;
                }
                Err(Failure::Lost(_)) if lost < MAX_LOST => lost += 1,
                Err(Failure::Stale(_)) if lost < MAX_LOST => {
                    lost += 1;
                    // The other connections have the same statements.
                    self.inner.pool.manager().statement_caches.clear();
                }
                Err(failure) => {
                    if matches!(failure, Failure::Outdated) {
                        self.inner.known.clear();
                    }
                    return Err(failure.into_store_error());
                }
            }
        }
    }

    /// Refuses a type whose keys were made by other rules; the generation of its keys.
    async fn meet(&self, ty: &ResourceType) -> Result<i64, StoreError> {
        let rules = match self.inner.known.ask(ty) {
            Ok(generation) => return Ok(generation),
            Err(rules) => rules,
        };
        let asked = &rules;
        let met = self.retried(move |client| async move {
            Ok(check_type_rules(&***client, ty.name(), asked).await?)
        });
        // Without keys there are no resources.
        let Some(generation) = met.await? else { return Ok(0) };
        self.inner.known.put(ty, rules, generation);
        Ok(generation)
    }

    /// The same before there are keys, whose rules are noted.
    async fn meet_first(&self, ty: &ResourceType) -> Result<i64, StoreError> {
        let rules = match self.inner.known.ask(ty) {
            Ok(generation) => return Ok(generation),
            Err(rules) => rules,
        };
        let noted = &rules;
        let met = self.retried(move |client| async move {
            Ok(put_type_rules(&***client, ty.name(), noted).await?)
        });
        let generation = met.await?;
        self.inner.known.put(ty, rules, generation);
        Ok(generation)
    }

    /// A connection.
    #[cfg(test)]
    pub(crate) async fn client(&self) -> deadpool_postgres::Client {
        self.inner.pool.get().await.expect("a database")
    }

    fn now(&self) -> i64 {
        self.inner.clock.now().timestamp_millis()
    }

    fn new_id(&self, now: i64) -> Result<String, StoreError> {
        self.inner.ids.lock().unwrap_or_else(PoisonError::into_inner).next(now)
    }

    /// Hashes secrets where they do not hold anybody up.
    async fn hash(&self, content: &mut Content) -> Result<Vec<Hashed>, StoreError> {
        let secrets = std::mem::take(&mut content.secrets);
        if secrets.is_empty() || self.inner.secrets == Secrets::Drop {
            return Ok(Vec::new());
        }
        blocking(move || hash_all(&secrets)).await
    }

    /// Whether it is time to see that the outbox does not grow without end.
    fn trims(&self) -> bool {
        self.inner.recorded.fetch_add(1, Ordering::Relaxed).is_multiple_of(WRITES_BETWEEN_TRIMS)
    }

    async fn put_stored(
        &self,
        writer: &Writer<'_, '_>,
        stored: &Stored,
        record: Option<&ChangeRecord>,
    ) -> Result<(), Failure> {
        let Some(record) = record else { return Ok(()) };
        let entry = Entry {
            rtype: writer.numbers.rtype,
            id: stored.id(),
            version: &stored.version,
            at: stored.last_modified.timestamp_millis(),
            record,
        };
        outbox::put(writer.transaction, writer.numbers.tenant, writer.scope, &entry).await?;
        if self.trims() {
            outbox::trim_to_capacity(writer.transaction).await?;
        }
        Ok(())
    }
}

impl fmt::Debug for PostgresStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PostgresStore")
            .field("pool", &self.inner.pool.status())
            .finish_non_exhaustive()
    }
}

impl Store for PostgresStore {
    async fn get(
        &self,
        scope: &Scope,
        ty: &ResourceType,
        id: &ResourceId,
        load: Load,
    ) -> Result<Option<Stored>, StoreError> {
        self.meet(ty).await?;
        self.retried(move |client| async move {
            let reader = Reader::new(&*client, &self.inner.names, scope, ty).await?;
            let Some(reader) = reader else { return Ok(None) };
            let Some(kept) = reader.find(id.as_str()).await? else { return Ok(None) };
            Ok(Some(reader.one(kept, load).await?))
        })
        .await
    }

    async fn query(
        &self,
        scope: &Scope,
        ty: &ResourceType,
        query: &Query,
    ) -> Result<QueryResult, StoreError> {
        self.meet(ty).await?;
        self.retried(move |mut client| async move {
            query::run(&mut client, &self.inner.names, scope, ty, query).await
        })
        .await
    }

    async fn get_text(
        &self,
        scope: &Scope,
        ty: &ResourceType,
        id: &ResourceId,
        load: Load,
    ) -> Result<Option<StoredText>, StoreError> {
        self.meet(ty).await?;
        self.retried(move |client| async move {
            let reader = Reader::new(&*client, &self.inner.names, scope, ty).await?;
            let Some(reader) = reader else { return Ok(None) };
            let Some(kept) = reader.find(id.as_str()).await? else { return Ok(None) };
            Ok(reader.texts(vec![kept], load).await?.pop())
        })
        .await
    }

    async fn query_text(
        &self,
        scope: &Scope,
        ty: &ResourceType,
        query: &Query,
    ) -> Result<TextResult, StoreError> {
        self.meet(ty).await?;
        let found = self.retried(move |client| async move {
            query::run_text(&client, &self.inner.names, scope, ty, query).await
        });
        if let Some(result) = found.await? {
            return Ok(result);
        }
        let QueryResult { total, resources, next, .. } = self.query(scope, ty, query).await?;
        let texts = resources.into_iter().map(|stored| StoredText::new(ty, stored)).collect();
        Ok(TextResult::new(total, texts, next))
    }

    async fn insert(
        &self,
        scope: &Scope,
        ty: &ResourceType,
        write: Write,
    ) -> Result<Stored, StoreError> {
        let generation = self.meet_first(ty).await?;
        let Write { resource, record, .. } = write;
        let mut content = Content::of(ty, resource.into_inner())?;
        let secrets = self.hash(&mut content).await?;
        let now = self.now();
        let id = self.new_id(now)?;
        let (content, secrets, id, record) = (&content, &secrets, &id, record.as_ref());
        let names = &self.inner.names;
        self.retried(move |mut client| async move {
            let numbers = Numbers::make(names, &client, scope, ty, content, secrets).await?;
            let transaction = client.transaction().await?;
            let writer = Writer { transaction: &transaction, scope, ty, numbers: &numbers };
            let kept = writer.insert(id, content, secrets, generation, now).await?;
            let (tenant, rtype) = (numbers.tenant, numbers.rtype);
            let reader = Reader { client: &transaction, scope, ty, tenant, rtype };
            let stored = reader.one(kept, Load::Full).await?;
            self.put_stored(&writer, &stored, record).await?;
            transaction.commit().await.map_err(Failure::of_commit)?;
            Ok(stored)
        })
        .await
    }

    async fn update(
        &self,
        scope: &Scope,
        ty: &ResourceType,
        id: &ResourceId,
        load: Load,
        mut change: Change<'_>,
    ) -> Result<Updated, StoreError> {
        let generation = self.meet(ty).await?;
        let _turn = self.inner.turns.alone(scope, id).await;
        let names = &self.inner.names;
        for attempt in 1..=MAX_RACES {
            let (kept, before) = self
                .retried(move |client| async move {
                    let reader = Reader::new(&*client, names, scope, ty).await?;
                    let reader = reader.ok_or(StoreError::NotFound)?;
                    let kept = reader.find(id.as_str()).await?.ok_or(StoreError::NotFound)?;
                    let stored = reader.one(kept.clone(), load).await?;
                    Ok((kept, stored))
                })
                .await?;
            let Some(write) = change(&before).map_err(StoreError::Refused)? else {
                return Ok(Updated::unchanged(before));
            };
            let Write { resource, record, .. } = write;
            let mut content = Content::replacing(&before.resource, ty, resource.into_inner())?;
            let secrets = self.hash(&mut content).await?;
            let now = self.now();
            let (kept, content, secrets, record) = (&kept, &content, &secrets, record.as_ref());
            let written = self
                .retried(move |mut client| async move {
                    let numbers =
                        Numbers::make(names, &client, scope, ty, content, secrets).await?;
                    let transaction = client.transaction().await?;
                    let writer = Writer { transaction: &transaction, scope, ty, numbers: &numbers };
                    let after =
                        writer.replace(kept, content, secrets, load, generation, now).await?;
                    let Some(after) = after else { return Ok(None) };
                    let (tenant, rtype) = (numbers.tenant, numbers.rtype);
                    let reader = Reader { client: &transaction, scope, ty, tenant, rtype };
                    let stored = reader.one(after, load).await?;
                    self.put_stored(&writer, &stored, record).await?;
                    transaction.commit().await.map_err(Failure::of_commit)?;
                    Ok(Some(stored))
                })
                .await?;
            if let Some(stored) = written {
                return Ok(Updated::changed(stored));
            }
            pause(attempt).await;
        }
        Err(StoreError::Conflict)
    }

    async fn change_members(
        &self,
        scope: &Scope,
        ty: &ResourceType,
        id: &ResourceId,
        expected: Option<&EntityTags>,
        delta: &MemberDelta,
        record: Option<&ChangeRecord>,
    ) -> Result<Updated, StoreError> {
        self.meet(ty).await?;
        let _turn = self.inner.turns.alone(scope, id).await;
        let names = &self.inner.names;
        let now = self.now();
        self.retried(move |mut client| async move {
            let transaction = client.transaction().await?;
            let id = id.as_str();
            let changed =
                write::change_members(&transaction, names, scope, ty, id, expected, delta, now);
            let (numbers, kept, members) = changed.await?;
            let (tenant, rtype) = (numbers.tenant, numbers.rtype);
            let reader = Reader { client: &transaction, scope, ty, tenant, rtype };
            let stored = reader.one(kept, Load::WithoutMembers).await?;
            let updated = Updated::members(stored, members);
            if updated.changed {
                let record = record.map(|record| record.clone().with_members(&updated.members));
                let writer = Writer { transaction: &transaction, scope, ty, numbers: &numbers };
                self.put_stored(&writer, &updated.stored, record.as_ref()).await?;
            }
            transaction.commit().await.map_err(Failure::of_commit)?;
            Ok(updated)
        })
        .await
    }

    async fn delete(
        &self,
        scope: &Scope,
        ty: &ResourceType,
        id: &ResourceId,
        load: Load,
        dangling: Dangling,
        mut check: Check<'_>,
    ) -> Result<(), StoreError> {
        self.meet(ty).await?;
        let _turn = self.inner.turns.alone(scope, id).await;
        let names = &self.inner.names;
        for attempt in 1..=MAX_RACES {
            let (kept, before, referrers) = self
                .retried(move |client| async move {
                    let reader = Reader::new(&*client, names, scope, ty).await?;
                    let reader = reader.ok_or(StoreError::NotFound)?;
                    let kept = reader.find(id.as_str()).await?.ok_or(StoreError::NotFound)?;
                    let referrers = match dangling {
                        Dangling::Cleared => Some(write::referrers(&reader, &kept).await?),
                        Dangling::Kept => None,
                    };
                    let stored = reader.one(kept.clone(), load).await?;
                    Ok((kept, stored, referrers))
                })
                .await?;
            let cascade =
                referrers.iter().flatten().map(|(_, affected)| affected.clone()).collect();
            let cascade = &Cascade::new(cascade);
            let record = check(&before, cascade).map_err(StoreError::Refused)?;
            let now = self.now();
            let (kept, before, referrers, record) =
                (&kept, &before, referrers.as_deref(), record.as_ref());
            let deleted = self
                .retried(move |mut client| async move {
                    let tenant = names.make_tenant(&client, scope.tenant.as_str()).await?;
                    let rtype = names.make_name(&client, ty.name()).await?;
                    let transaction = client.transaction().await?;
                    let touched = write::delete(&transaction, tenant, kept, referrers, now).await?;
                    let Some(touched) = touched else { return Ok(false) };
                    if let Some(record) = record {
                        let at = now.max(before.last_modified.timestamp_millis());
                        let version = &before.version;
                        let entry = Entry { rtype, id: id.as_str(), version, at, record };
                        outbox::put(&transaction, tenant, scope, &entry).await?;
                        let caused = cascade.records(id, record);
                        for ((pk, _), (affected, record)) in
                            referrers.unwrap_or_default().iter().zip(caused)
                        {
                            let Some((version, at)) = touched.get(pk) else { continue };
                            let rtype = names.name(&transaction, &affected.resource_type).await?;
                            let Some(rtype) = rtype else { continue };
                            let (id, at) = (affected.id.as_str(), *at);
                            let (version, record) = (&Version::weak(*version), &record);
                            let entry = Entry { rtype, id, version, at, record };
                            outbox::put(&transaction, tenant, scope, &entry).await?;
                        }
                    }
                    transaction.commit().await.map_err(Failure::of_commit)?;
                    Ok(true)
                })
                .await?;
            if deleted {
                return Ok(());
            }
            pause(attempt).await;
        }
        Err(StoreError::Conflict)
    }

    fn outbox(&self) -> Option<&dyn Outbox> {
        Some(self)
    }

    async fn ready(&self) -> Result<(), StoreError> {
        self.retried(|client| async move {
            let client = &***client;
            check_versions(client).await.map_err(ConnectError::into_store_error)?;
            // Another process may have made the keys anew, for another catalog.
            for (name, rules) in self.inner.known.all() {
                let met = check_type_rules(client, &name, &rules).await;
                met.map_err(ConnectError::into_store_error)?;
            }
            Ok(())
        })
        .await
    }
}

/// Sets up a [`PostgresStore`].
#[derive(Clone, Debug)]
pub struct PostgresStoreBuilder {
    clock: Arc<dyn Clock>,
    secrets: Secrets,
    connections: usize,
    wait: Duration,
    time_limit: Duration,
    tables: Tables,
    reindex: Option<Catalog>,
    #[cfg(feature = "rustls")]
    roots: Vec<rustls_pki_types::CertificateDer<'static>>,
}

/// What becomes of tables that are not there, or not up to date.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Tables {
    Make,
    Expect,
}

impl PostgresStoreBuilder {
    /// How many connections are open at most, unless the builder says otherwise.
    pub const CONNECTIONS: usize = 16;
    /// How long a call waits for a connection, unless the builder says otherwise.
    pub const WAIT: Duration = Duration::from_secs(5);
    /// How long one statement may take, unless the builder says otherwise.
    pub const TIME_LIMIT: Duration = Duration::from_secs(30);

    /// Goes by this clock.
    #[must_use]
    pub fn clock(self, clock: Arc<dyn Clock>) -> Self {
        Self { clock, ..self }
    }

    /// What becomes of values that are never returned.
    #[must_use]
    pub fn secrets(self, secrets: Secrets) -> Self {
        Self { secrets, ..self }
    }

    /// How many connections are open at most; at least one.
    #[must_use]
    pub fn connections(self, connections: usize) -> Self {
        Self { connections, ..self }
    }

    /// How long a call waits for a connection, or for one to be made. Then it is
    /// [`StoreError::Unavailable`].
    #[must_use]
    pub fn wait(self, wait: Duration) -> Self {
        Self { wait, ..self }
    }

    /// How long one statement may take. What takes longer is [`StoreError::Unavailable`].
    #[must_use]
    pub fn time_limit(self, time_limit: Duration) -> Self {
        Self { time_limit, ..self }
    }

    /// Expects the tables to be there and up to date, instead of making them: for who only looks,
    /// and for a role of the database that may not.
    #[must_use]
    pub fn expect_tables(self) -> Self {
        Self { tables: Tables::Expect, ..self }
    }

    /// Makes the comparison keys anew if they were made by other rules, instead of refusing the
    /// database: by those of another version of this library, or of a catalog in which types had
    /// other attributes, unique ones for instance. The catalog must have every resource type of
    /// which there are resources. Where tables [are not to be made](Self::expect_tables), keys are
    /// not either, and those of other rules are refused.
    ///
    /// Keys are made in one transaction, during which others may read and wait with their changes.
    /// All processes that share the database must have the same catalog: one that goes on with
    /// another is no longer [`ready`](Store::ready), and what it writes is refused.
    ///
    /// Without it a type with other rules than those of its keys is refused when it is first used.
    ///
    /// ```no_run
    /// # async fn run() -> Result<(), Box<dyn std::error::Error>> {
    /// use scim2_core::Catalog;
    /// use scim2_sql::PostgresStore;
    /// let builder = PostgresStore::builder().reindex(Catalog::standard());
    /// let store = builder.connect("postgres://scim@localhost/scim").await?;
    /// # let _ = store;
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub fn reindex(self, catalog: Catalog) -> Self {
        Self { reindex: Some(catalog), ..self }
    }

    /// Adds the certificates of a PEM text to the roots of the feature `rustls`: those of a
    /// database's own authority. The connection is then made with TLS, unless the connection string
    /// says `sslmode=disable`.
    ///
    /// ```no_run
    /// # async fn run() -> Result<(), Box<dyn std::error::Error>> {
    /// use scim2_sql::PostgresStore;
    /// let builder = PostgresStore::builder().add_root_pem(&std::fs::read("authority.pem")?)?;
    /// let store = builder.connect("postgres://scim@db.example.com/scim").await?;
    /// # let _ = store;
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// [`ConnectError::Root`] when the text holds no certificate, or one that is broken.
    #[cfg(feature = "rustls")]
    pub fn add_root_pem(mut self, pem: &[u8]) -> Result<Self, ConnectError> {
        self.roots.extend(super::tls::read_pem(pem)?);
        Ok(self)
    }

    /// Opens the store in the database that a connection string names.
    ///
    /// Without `sslmode` in the string the connection is made without TLS: over loopback, a socket,
    /// or a network that is trusted. With `sslmode=require` and the feature `rustls` it is made with
    /// TLS or not at all, and the server's certificate must be one for the host's name, by an
    /// authority of Mozilla's list or [one that was added](Self::add_root_pem): what other programs
    /// call `verify-full`.
    ///
    /// # Errors
    /// When the database cannot be reached, or holds something newer.
    pub async fn connect(self, url: &str) -> Result<PostgresStore, ConnectError> {
        let config = read(url)?;
        #[cfg(feature = "rustls")]
        if let Some((config, tls)) = super::tls::asked_for(&config, &self.roots)? {
            return self.open(config, tls).await;
        }
        self.open(config, NoTls).await
    }

    /// The same with TLS by whatever crate makes it for `tokio-postgres`. The connection string
    /// says with `sslmode=require` that nothing else will do.
    ///
    /// # Errors
    /// When the database cannot be reached, or holds something newer.
    pub async fn connect_with<T>(self, url: &str, tls: T) -> Result<PostgresStore, ConnectError>
    where
        T: MakeTlsConnect<Socket> + Clone + Sync + Send + 'static,
        T::Stream: Sync + Send,
        T::TlsConnect: Sync + Send,
        <T::TlsConnect as TlsConnect<Socket>>::Future: Send,
    {
        self.open(read(url)?, tls).await
    }

    async fn open<T>(
        self,
        mut config: tokio_postgres::Config,
        tls: T,
    ) -> Result<PostgresStore, ConnectError>
    where
        T: MakeTlsConnect<Socket> + Clone + Sync + Send + 'static,
        T::Stream: Sync + Send,
        T::TlsConnect: Sync + Send,
        <T::TlsConnect as TlsConnect<Socket>>::Future: Send,
    {
        if config.get_application_name().is_none() {
            config.application_name("scim2");
        }
        if config.get_connect_timeout().is_none() {
            config.connect_timeout(self.wait);
        }
        let canceller = Canceller::new(tls.clone(), self.wait);
        let manager = ManagerConfig { recycling_method: RecyclingMethod::Fast };
        let manager = Manager::from_config(config, tls, manager);
        let setup = format!("SET statement_timeout = {}", self.time_limit.as_millis());
        let setup = Hook::async_fn(move |client: &mut deadpool_postgres::ClientWrapper, _| {
            let setup = setup.clone();
            Box::pin(async move { client.batch_execute(&setup).await.map_err(HookError::Backend) })
        });
        let pool = Pool::builder(manager)
            .max_size(self.connections.max(1))
            .wait_timeout(Some(self.wait))
            .create_timeout(Some(self.wait))
            .recycle_timeout(Some(self.wait))
            // The one that was used last has what it needs at hand.
            .queue_mode(QueueMode::Lifo)
            .runtime(Runtime::Tokio1)
            .post_create(setup)
            .build()
            .map_err(|error| ConnectError::Database(Box::new(error)))?;
        let mut client = pool.get().await?;
        let mut attempt = 1;
        loop {
            let ready = match self.tables {
                Tables::Make => migrate(&mut client, self.reindex.as_ref()).await,
                Tables::Expect => expect(&client, self.reindex.as_ref()).await,
            };
            match ready {
                Ok(()) => break,
                Err(error) if attempt == MAX_RACES || !error.is_race() => return Err(error),
                Err(_) => pause(attempt).await,
            }
            attempt += 1;
        }
        drop(client);
        Ok(PostgresStore {
            inner: Arc::new(Inner {
                pool,
                canceller,
                names: Names::default(),
                clock: self.clock,
                secrets: self.secrets,
                ids: Mutex::new(Generator::after(None)),
                turns: Turns::default(),
                known: Known::default(),
                recorded: AtomicU64::new(0),
            }),
        })
    }
}

impl Default for PostgresStoreBuilder {
    fn default() -> Self {
        Self {
            clock: Arc::new(SystemClock),
            secrets: Secrets::default(),
            connections: Self::CONNECTIONS,
            wait: Self::WAIT,
            time_limit: Self::TIME_LIMIT,
            tables: Tables::Make,
            reindex: None,
            #[cfg(feature = "rustls")]
            roots: Vec::new(),
        }
    }
}

/// Whether the tables are there and up to date, and the keys those of the catalog.
async fn expect(
    client: &tokio_postgres::Client,
    catalog: Option<&Catalog>,
) -> Result<(), ConnectError> {
    check_versions(client).await?;
    match catalog {
        Some(catalog) => check_catalog(client, catalog).await,
        None => Ok(()),
    }
}

/// What a connection string says.
fn read(url: &str) -> Result<tokio_postgres::Config, ConnectError> {
    url.parse().map_err(ConnectError::Config)
}

/// Waits a little, longer each time, and not as long as others that wait.
async fn pause(attempt: u32) {
    let mut random = [0];
    // Without random numbers all wait alike, which is only slower.
    let _ = getrandom::fill(&mut random);
    let [random] = random;
    let longest = 1_u64 << attempt.min(6);
    tokio::time::sleep(Duration::from_micros(longest * (100 + 4 * u64::from(random)))).await;
}

/// Work that takes tens of milliseconds of computing.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, StoreError> + Send + 'static,
) -> Result<T, StoreError> {
    tokio::task::spawn_blocking(work).await.map_err(StoreError::internal)?
}
