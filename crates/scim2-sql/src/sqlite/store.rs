//! The store.

use std::collections::HashMap;
use std::fmt;
use std::fs::{File, OpenOptions, TryLockError};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags, OptionalExtension, TransactionBehavior, params};
use scim2_core::change::MemberDelta;
use scim2_core::etag::EntityTags;
use scim2_core::resource::ResourceId;
use scim2_core::{Catalog, ResourceType};
use scim2_provider::events::{Cascade, ChangeRecord, Outbox};
use scim2_provider::store::{
    Change, Check, Dangling, Load, Query, QueryResult, Store, StoreError, Stored, Turns, Updated,
    Write,
};
use scim2_provider::text::{StoredText, TextResult};
use scim2_provider::{Clock, Scope, SystemClock};

use super::error::{OpenError, Sqlite};
use super::glance::Glance;
use super::migrate::{
    Keys, OtherKeys, check_type_rules, check_versions, migrate, set_fold_version, set_type_rules,
    type_rules,
};
use super::outbox::Entry;
use super::precedence::Precedence;
use super::read::{COLUMNS, Kept, Reader, id_column};
use super::threads::{Threads, Writing};
use super::write::New;
use super::{outbox, query, visit, write};
use crate::id::Generator;
use crate::integrity::Integrity;
use crate::names::Remembered;
use crate::rules::{self, Known};
use crate::secret::{Hashed, Secrets, hash_all, verify};
use crate::shape::Content;

/// How often an update is tried before it is given up as lost to other writers.
const MAX_RACES: u32 = 16;
/// How many statements each connection keeps prepared.
const STATEMENTS: usize = 128;

/// A [`Store`] in one SQLite file.
///
/// A change is on the disk when its call returns. One thread makes all changes, many in one
/// transaction; several read beside it. Cloning shares them. The last clone that is dropped waits
/// for what was asked, then closes the file.
///
/// ```
/// # async fn run() -> Result<(), Box<dyn std::error::Error>> {
/// # let directory = tempfile::tempdir()?;
/// # let path = directory.path().join("scim.db");
/// use scim2_core::{Policy, Resource, ResourceType};
/// use scim2_provider::store::Load;
/// use scim2_provider::{Scope, Store, TenantId};
/// use scim2_sql::SqliteStore;
///
/// let store = SqliteStore::open(&path)?;
/// let scope = Scope::tenant(TenantId::new("acme")?);
/// let user = ResourceType::user();
/// let body = br#"{"schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"], "userName": "babs"}"#;
/// let resource = user.validate_new(user.ingest(body, &Policy::strict())?, &Policy::strict())?;
///
/// let stored = store.insert(&scope, &user, resource.into()).await?;
/// let id = stored.id().into();
/// assert_eq!(store.get(&scope, &user, &id, Load::Full).await?, Some(stored));
/// # Ok(()) }
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(run()).unwrap();
/// ```
#[derive(Clone)]
pub struct SqliteStore {
    inner: Arc<Inner>,
}

struct Inner {
    threads: Threads,
    glance: Glance,
    clock: Arc<dyn Clock>,
    secrets: Secrets,
    turns: Turns,
    known: Known,
    precedence: Precedence,
    path: PathBuf,
    /// Held as long as the file is open.
    _lock: File,
}

impl SqliteStore {
    /// Opens the store in this file, and makes it if there is none.
    ///
    /// # Errors
    /// When the file is in use, is something else, or cannot be read.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, OpenError> {
        Self::builder().open(path)
    }

    /// Sets up a store.
    #[must_use]
    pub fn builder() -> SqliteStoreBuilder {
        SqliteStoreBuilder::default()
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
        secret: &scim2_core::secret::Secret,
    ) -> Result<bool, StoreError> {
        let (scope, ty, id) = (scope.clone(), ty.clone(), id.clone());
        let (path, secret) = (path.to_owned(), secret.clone());
        let work = move |connection: &Connection| {
            let Some(reader) = Reader::new(connection, &scope, &ty)? else { return Ok(false) };
            let Some(kept) = reader.find(id.as_str())? else { return Ok(false) };
            let sql = "SELECT s.hash FROM scim_secret s JOIN scim_name n ON n.name_id = s.path
                       WHERE s.pk = ?1 AND n.name = ?2";
            let mut statement = connection.prepare_cached(sql).db()?;
            let hash: Option<String> =
                statement.query_row(params![kept.pk, path], |row| row.get(0)).optional().db()?;
            hash.map_or(Ok(false), |hash| verify(&hash, secret.expose()))
        };
        self.inner.threads.read(move |connection| work(connection)).await
    }

    /// Writes a copy of the whole store, as it is at one moment, to a file that must not exist.
    /// Reading and writing go on meanwhile.
    ///
    /// # Errors
    /// When there is such a file, or it cannot be written.
    pub async fn backup(&self, to: impl AsRef<Path>) -> Result<(), StoreError> {
        let to = to.as_ref().to_owned();
        let path = self.inner.path.clone();
        self.inner
            .threads
            .read(move |_| visit::copy(&path, &to).map_err(OpenError::into_store_error))
            .await
    }

    /// The same for a file that another process may have open.
    ///
    /// # Errors
    /// When the file is no store, or the copy cannot be written.
    pub fn backup_file(from: impl AsRef<Path>, to: impl AsRef<Path>) -> Result<(), OpenError> {
        visit::copy(from.as_ref(), to.as_ref())
    }

    /// Looks at all that the store holds, as it is at one moment: whether the file is sound, and
    /// whether keys, references, memberships and events are those of the resources. Reading and
    /// writing go on meanwhile. The catalog must have every resource type of which there are
    /// resources.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn check(&self, catalog: &Catalog) -> Result<Integrity, StoreError> {
        let (catalog, path) = (catalog.clone(), self.inner.path.clone());
        self.inner
            .threads
            .read(move |_| visit::check(&path, &catalog).map_err(OpenError::into_store_error))
            .await
    }

    /// The same for a file that another process may have open.
    ///
    /// # Errors
    /// When the file is no store, or cannot be read.
    pub fn check_file(path: impl AsRef<Path>, catalog: &Catalog) -> Result<Integrity, OpenError> {
        visit::check(path.as_ref(), catalog)
    }

    /// Reads in one transaction.
    pub(crate) async fn read<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Connection) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        self.inner.threads.read(move |connection| work(connection)).await
    }

    /// Makes a change, and returns when it is on the disk.
    pub(crate) async fn write<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Connection) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        self.inner.threads.write(move |writing| work(writing.connection)).await
    }

    /// Refuses a type whose keys were made by other rules.
    async fn meet(&self, ty: &ResourceType) -> Result<(), StoreError> {
        let Err(rules) = self.inner.known.ask(ty) else { return Ok(()) };
        let (name, asked) = (ty.name().to_owned(), Arc::clone(&rules));
        let work = move |connection: &Connection| {
            check_type_rules(connection, &name, &asked).map_err(OpenError::into_store_error)
        };
        if self.read(work).await? {
            // Nobody else makes keys as long as the file is open.
            self.inner.known.put(ty, rules, 0);
        }
        Ok(())
    }

    /// The same before there are keys, whose rules are noted.
    async fn meet_first(&self, ty: &ResourceType) -> Result<(), StoreError> {
        let Err(rules) = self.inner.known.ask(ty) else { return Ok(()) };
        let (name, asked) = (ty.name().to_owned(), Arc::clone(&rules));
        self.write(move |connection| {
            let noted = match check_type_rules(connection, &name, &asked) {
                Ok(false) => set_type_rules(connection, &name, &asked),
                other => other.map(drop),
            };
            noted.map_err(OpenError::into_store_error)
        })
        .await?;
        self.inner.known.put(ty, rules, 0);
        Ok(())
    }

    fn now(&self) -> i64 {
        self.inner.clock.now().timestamp_millis()
    }

    /// Hashes secrets where they do not hold anybody up.
    async fn hash(&self, content: &mut Content) -> Result<Vec<Hashed>, StoreError> {
        let secrets = std::mem::take(&mut content.secrets);
        if secrets.is_empty() || self.inner.secrets == Secrets::Drop {
            return Ok(Vec::new());
        }
        self.inner.threads.read(move |_| hash_all(&secrets)).await
    }
}

impl fmt::Debug for SqliteStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SqliteStore").field("path", &self.inner.path).finish_non_exhaustive()
    }
}

impl Store for SqliteStore {
    async fn get(
        &self,
        scope: &Scope,
        ty: &ResourceType,
        id: &ResourceId,
        load: Load,
    ) -> Result<Option<Stored>, StoreError> {
        self.meet(ty).await?;
        let (scope, ty, id) = (scope.clone(), ty.clone(), id.clone());
        self.inner
            .threads
            .read(move |connection| {
                let Some(reader) = Reader::new(connection, &scope, &ty)? else { return Ok(None) };
                reader.find_with(id.as_str(), |kept| reader.stored(kept, load))
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
        if let Some(text) = self.inner.glance.text(scope, ty, id, load) {
            return Ok(Some(text));
        }
        let (scope, ty, id) = (scope.clone(), ty.clone(), id.clone());
        self.inner
            .threads
            .read(move |connection| {
                let Some(reader) = Reader::new(connection, &scope, &ty)? else { return Ok(None) };
                reader.find_with(id.as_str(), |kept| reader.text(kept, load))
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
        let (scope, ty, query) = (scope.clone(), ty.clone(), query.clone());
        self.inner.threads.read(move |connection| query::run(connection, &scope, &ty, &query)).await
    }

    async fn query_text(
        &self,
        scope: &Scope,
        ty: &ResourceType,
        query: &Query,
    ) -> Result<TextResult, StoreError> {
        self.meet(ty).await?;
        if let Some(result) = self.inner.glance.query_text(scope, ty, query) {
            return Ok(result);
        }
        let (scope, ty, query) = (scope.clone(), ty.clone(), query.clone());
        let work = move |connection: &Connection| query::run_text(connection, &scope, &ty, &query);
        self.inner.threads.read(work).await
    }

    async fn insert(
        &self,
        scope: &Scope,
        ty: &ResourceType,
        write: Write,
    ) -> Result<Stored, StoreError> {
        self.meet_first(ty).await?;
        let Write { resource, record, .. } = write;
        let mut content = Content::of(ty, resource.into_inner())?;
        let secrets = self.hash(&mut content).await?;
        let new = New::of(scope, ty, content)?;
        let (scope, ty, now) = (scope.clone(), ty.clone(), self.now());
        self.inner
            .threads
            .write(move |writing| {
                let stored = write::insert(writing, &scope, &ty, new, &secrets, now)?;
                outbox::put_stored(writing, &scope, &ty, &stored, record.as_ref())?;
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
        self.meet(ty).await?;
        let _turn = self.inner.turns.alone(scope, id).await;
        for lost in 0..MAX_RACES {
            let _pass = self.inner.precedence.pass(lost).await;
            let (scope, ty, id) = (scope.clone(), ty.clone(), id.clone());
            let (reader_scope, reader_ty) = (scope.clone(), ty.clone());
            let (row, before) = self
                .inner
                .threads
                .read(move |connection| {
                    let reader = Reader::new(connection, &reader_scope, &reader_ty)?;
                    let reader = reader.ok_or(StoreError::NotFound)?;
                    let kept = reader.find(id.as_str())?.ok_or(StoreError::NotFound)?;
                    Ok(((kept.pk, kept.version), reader.stored(&kept, load)?))
                })
                .await?;
            let Some(write) = change(&before).map_err(StoreError::Refused)? else {
                return Ok(Updated::unchanged(before));
            };
            let Write { resource, record, .. } = write;
            let mut content = Content::replacing(&before.resource, &ty, resource.into_inner())?;
            let secrets = self.hash(&mut content).await?;
            let now = self.now();
            let written = self
                .inner
                .threads
                .write(move |writing| {
                    let stored =
                        write::replace(writing, &scope, &ty, row, &content, &secrets, load, now)?;
                    if let Some(stored) = &stored {
                        outbox::put_stored(writing, &scope, &ty, stored, record.as_ref())?;
                    }
                    Ok(stored)
                })
                .await?;
            if let Some(stored) = written {
                return Ok(Updated::changed(stored));
            }
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
        let _pass = self.inner.precedence.pass(0).await;
        let (scope, ty, id, now) = (scope.clone(), ty.clone(), id.clone(), self.now());
        let (expected, delta, record) = (expected.cloned(), delta.clone(), record.cloned());
        self.inner
            .threads
            .write(move |writing| {
                let expected = expected.as_ref();
                let updated = write::change_members(
                    writing,
                    &scope,
                    &ty,
                    id.as_str(),
                    expected,
                    &delta,
                    now,
                )?;
                if updated.changed {
                    let record = record.map(|record| record.with_members(&updated.members));
                    outbox::put_stored(writing, &scope, &ty, &updated.stored, record.as_ref())?;
                }
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
        for lost in 0..MAX_RACES {
            let _pass = self.inner.precedence.pass(lost).await;
            let (reader_scope, reader_ty, reader_id) = (scope.clone(), ty.clone(), id.clone());
            let (row, before, referrers) = self
                .inner
                .threads
                .read(move |connection| {
                    let reader = Reader::new(connection, &reader_scope, &reader_ty)?;
                    let reader = reader.ok_or(StoreError::NotFound)?;
                    let kept = reader.find(reader_id.as_str())?.ok_or(StoreError::NotFound)?;
                    let referrers = match dangling {
                        Dangling::Cleared => Some(write::referrers(&reader, &kept)?),
                        Dangling::Kept => None,
                    };
                    Ok(((kept.pk, kept.version), reader.stored(&kept, load)?, referrers))
                })
                .await?;
            let cascade =
                referrers.iter().flatten().map(|(_, affected)| affected.clone()).collect();
            let cascade = Cascade::new(cascade);
            let record = check(&before, &cascade).map_err(StoreError::Refused)?;
            let (scope, ty, id, now) = (scope.clone(), ty.clone(), id.clone(), self.now());
            let deleted = self
                .inner
                .threads
                .write(move |writing| {
                    if !write::delete(writing, &scope, &ty, row, referrers.as_deref(), now)? {
                        return Ok(false);
                    }
                    let Some(record) = record else { return Ok(true) };
                    let connection = writing.connection;
                    let entry = Entry {
                        resource_type: ty.name(),
                        id: id.as_str(),
                        version: &before.version,
                        at: now.max(before.last_modified.timestamp_millis()),
                        record: &record,
                    };
                    outbox::put(writing, &scope, &entry)?;
                    let caused = cascade.records(&id, &record);
                    for ((pk, _), (affected, record)) in referrers.iter().flatten().zip(caused) {
                        let (version, at) = write::version(connection, *pk)?;
                        let entry = Entry {
                            resource_type: &affected.resource_type,
                            id: affected.id.as_str(),
                            version: &version,
                            at,
                            record: &record,
                        };
                        outbox::put(writing, &scope, &entry)?;
                    }
                    Ok(true)
                })
                .await?;
            if deleted {
                return Ok(());
            }
        }
        Err(StoreError::Conflict)
    }

    fn outbox(&self) -> Option<&dyn Outbox> {
        Some(self)
    }

    async fn ready(&self) -> Result<(), StoreError> {
        let work =
            |connection: &Connection| check_versions(connection).map_err(StoreError::internal);
        self.inner.threads.read(work).await
    }
}

/// How safely a change is kept when its call returns.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "SQLite in WAL mode offers these two")]
pub enum Durability {
    /// On the disk: neither a crash of the process nor of the computer loses it.
    #[default]
    Full,
    /// With the operating system: a crash of the computer may lose the last changes, but damages
    /// nothing. Several times faster.
    Process,
}

/// Sets up a [`SqliteStore`].
#[derive(Clone, Debug)]
pub struct SqliteStoreBuilder {
    clock: Arc<dyn Clock>,
    secrets: Secrets,
    durability: Durability,
    readers: usize,
    wait: Duration,
    time_limit: Duration,
    reindex: Option<Catalog>,
}

impl SqliteStoreBuilder {
    /// How many threads read, unless the builder says otherwise.
    pub const READERS: usize = 4;

    /// How long a call waits for another program that holds the file, unless the builder says
    /// otherwise.
    pub const WAIT: Duration = Duration::from_secs(5);

    /// How long one query may take, unless the builder says otherwise.
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

    /// How safely a change is kept when its call returns.
    #[must_use]
    pub fn durability(self, durability: Durability) -> Self {
        Self { durability, ..self }
    }

    /// How many threads read; at least one.
    #[must_use]
    pub fn readers(self, readers: usize) -> Self {
        Self { readers, ..self }
    }

    /// How long a call waits for another program that holds the file. Then it is
    /// [`StoreError::Unavailable`].
    #[must_use]
    pub fn wait(self, wait: Duration) -> Self {
        Self { wait, ..self }
    }

    /// How long one query may take. What takes longer is [`StoreError::Unavailable`].
    #[must_use]
    pub fn time_limit(self, time_limit: Duration) -> Self {
        Self { time_limit, ..self }
    }

    /// Makes the comparison keys anew if they were made by other rules, instead of refusing the
    /// file: by those of another version of this library, or of a catalog in which types had other
    /// attributes, unique ones for instance. The catalog must have every resource type of which
    /// there are resources.
    ///
    /// Without it a type with other rules than those of its keys is refused when it is first used.
    #[must_use]
    pub fn reindex(self, catalog: Catalog) -> Self {
        Self { reindex: Some(catalog), ..self }
    }

    /// Opens the store in this file, and makes it if there is none.
    ///
    /// # Errors
    /// When the file is in use, is something else, or cannot be read.
    pub fn open(self, path: impl AsRef<Path>) -> Result<SqliteStore, OpenError> {
        let path = path.as_ref();
        let failed = |source| OpenError::File { path: path.to_owned(), source };
        private_file(path).map_err(failed)?;
        // One file, one lock, by whatever name it is opened.
        let path = &path.canonicalize().map_err(failed)?;
        let lock = lock(path)?;
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let mut writer = connect(path, flags)?;
        let other_keys = if self.reindex.is_some() { OtherKeys::Accept } else { OtherKeys::Refuse };
        let keys = migrate(&mut writer, path, other_keys)?;
        writer.busy_timeout(self.wait)?;
        // Only now: a file of something else is left as it was.
        self.prepare(&writer)?;
        if let Some(catalog) = &self.reindex {
            reindex(&mut writer, catalog, keys)?;
        }
        // The old pages that would undo one change of a transaction are kept in memory, as many as
        // that change touches: writing them to a file costs a third of all that a change costs.
        writer.pragma_update(None, "temp_store", "MEMORY")?;
        let sql = "SELECT id FROM scim_resource ORDER BY pk DESC LIMIT 1";
        let last = writer.query_row(sql, [], |row| id_column(row, 0)).optional()?;
        let ids = Generator::after(last.as_deref());
        let readers = || (0..self.readers.max(1)).map(|_| reader(path)).collect::<Result<_, _>>();
        let glance = Glance::new(readers()?)?;
        let readers = readers()?;
        let threads =
            Threads::start(writer, ids, readers, self.time_limit).map_err(OpenError::Thread)?;
        Ok(SqliteStore {
            inner: Arc::new(Inner {
                threads,
                glance,
                clock: self.clock,
                secrets: self.secrets,
                turns: Turns::default(),
                known: Known::default(),
                precedence: Precedence::default(),
                path: path.to_owned(),
                _lock: lock,
            }),
        })
    }

    fn prepare(&self, writer: &Connection) -> Result<(), rusqlite::Error> {
        writer.pragma_update(None, "journal_mode", "WAL")?;
        let synchronous = match self.durability {
            Durability::Full => "FULL",
            Durability::Process => "NORMAL",
        };
        writer.pragma_update(None, "synchronous", synchronous)?;
        writer.pragma_update(None, "foreign_keys", "ON")
    }
}

impl Default for SqliteStoreBuilder {
    fn default() -> Self {
        Self {
            clock: Arc::new(SystemClock),
            secrets: Secrets::default(),
            durability: Durability::default(),
            readers: Self::READERS,
            wait: Self::WAIT,
            time_limit: Self::TIME_LIMIT,
            reindex: None,
        }
    }
}

pub(crate) fn reader(path: &Path) -> Result<Connection, rusqlite::Error> {
    connect(path, OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX)
}

fn connect(path: &Path, flags: OpenFlags) -> Result<Connection, rusqlite::Error> {
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(SqliteStoreBuilder::WAIT)?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS);
    // Else binding a value would have the statement planned anew, at ten times what it costs to run.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    // A file from elsewhere must not bring code along.
    connection.pragma_update(None, "trusted_schema", "OFF")?;
    Ok(connection)
}

/// Keeps others from opening the same file, through a file beside it: SQLite's own locks come and
/// go with each transaction.
fn lock(path: &Path) -> Result<File, OpenError> {
    let mut name = path.as_os_str().to_owned();
    name.push(".lock");
    let failed = |source| OpenError::File { path: path.to_owned(), source };
    let file = private_file(Path::new(&name)).map_err(failed)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(OpenError::InUse { path: path.to_owned() }),
        Err(TryLockError::Error(source)) => Err(failed(source)),
    }
}

/// Makes a file that only its owner can read, unless there is one.
fn private_file(path: &Path) -> Result<File, std::io::Error> {
    open_private(OpenOptions::new().create(true), path)
}

/// Makes a file that only its owner can read. There must be none.
pub(crate) fn new_private_file(path: &Path) -> Result<File, std::io::Error> {
    open_private(OpenOptions::new().create_new(true), path)
}

fn open_private(options: &mut OpenOptions, path: &Path) -> Result<File, std::io::Error> {
    options.truncate(false).read(true).write(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt;
        options.mode(0o600);
    }
    options.open(path)
}

/// Makes the comparison keys anew that were made by other rules than the catalog's.
fn reindex(connection: &mut Connection, catalog: &Catalog, keys: Keys) -> Result<(), OpenError> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Exclusive)?;
    let mut outdated = HashMap::new();
    for (rtype, name) in types(&transaction, keys)? {
        let Some(ty) = catalog.by_name(&name) else {
            match keys {
                Keys::Outdated => return Err(OpenError::UnknownType { name }),
                // Nobody looks for its resources.
                Keys::Current => continue,
            }
        };
        let rules = rules::of(ty);
        if keys == Keys::Outdated || type_rules(&transaction, &name)?.as_ref() != Some(&rules) {
            set_type_rules(&transaction, &name, &rules)?;
            outdated.insert(rtype, ty);
        }
    }
    if outdated.is_empty() && keys == Keys::Current {
        return Ok(());
    }
    for rtype in outdated.keys() {
        let sql = "DELETE FROM scim_uniq
                   WHERE pk IN (SELECT pk FROM scim_resource WHERE rtype = ?1)";
        transaction.execute(sql, [rtype])?;
        transaction.execute("DELETE FROM scim_idx WHERE rtype = ?1", [rtype])?;
    }
    {
        let (tenants, names) = (Remembered::default(), Remembered::default());
        let ids = &mut Generator::after(None);
        let writing = Writing { connection: &transaction, ids, tenants: &tenants, names: &names };
        let sql = format!("SELECT {COLUMNS}, r.tenant, r.rtype FROM scim_resource r ORDER BY r.pk");
        let mut statement = transaction.prepare(&sql)?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            let (tenant, rtype): (i64, i64) = (row.get("tenant")?, row.get("rtype")?);
            let Some(ty) = outdated.get(&rtype) else { continue };
            let kept = Kept::of(row)?;
            match write::rebuild_keys(&writing, ty, &kept, tenant, rtype) {
                Ok(()) => {}
                Err(StoreError::Uniqueness { attribute }) => {
                    let first = owner(&transaction, ty, &kept, tenant, &attribute)?;
                    return Err(OpenError::Collision { attribute, first, second: kept.id });
                }
                Err(error) => return Err(OpenError::Damaged(error)),
            }
        }
    }
    set_fold_version(&transaction)?;
    transaction.commit()?;
    Ok(())
}

/// The types that have keys, each with its number.
fn types(connection: &Connection, keys: Keys) -> Result<Vec<(i64, String)>, OpenError> {
    let sql = match keys {
        Keys::Current => {
            "SELECT n.name_id, n.name FROM scim_name n JOIN scim_meta m ON m.k = 'keys:' || n.name"
        }
        // Their rules may not be there.
        Keys::Outdated => {
            "SELECT n.name_id, n.name FROM scim_name n
             WHERE n.name_id IN (SELECT rtype FROM scim_resource)"
        }
    };
    let mut statement = connection.prepare(sql)?;
    let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// The resource that has a unique value of another one.
fn owner(
    connection: &Connection,
    ty: &ResourceType,
    kept: &Kept,
    tenant: i64,
    attribute: &str,
) -> Result<String, OpenError> {
    let document = kept.document().map_err(OpenError::Damaged)?;
    for (path, key) in ty.unique_keys(&document) {
        if path != attribute {
            continue;
        }
        let sql = "SELECT r.id FROM scim_uniq u JOIN scim_name n ON n.name_id = u.path
                   JOIN scim_resource r ON r.pk = u.pk
                   WHERE u.tenant = ?1 AND n.name = ?2 AND u.key = ?3 AND u.pk <> ?4";
        let values = params![tenant, path, key, kept.pk];
        let found = connection.query_row(sql, values, |row| id_column(row, 0)).optional()?;
        if let Some(found) = found {
            return Ok(found);
        }
    }
    Ok(String::new())
}

#[cfg(test)]
mod tests {
    use scim2_core::{Policy, Resource, Valid};
    use scim2_provider::TenantId;

    use super::*;

    fn user(name: &str, title: &str) -> Valid<Resource> {
        let body = serde_json::json!({
            "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"],
            "userName": name,
            "title": title,
        });
        let body: Resource = serde_json::from_value(body).unwrap();
        ResourceType::user().validate_new(body, &Policy::strict()).unwrap()
    }

    #[tokio::test]
    async fn a_full_disk_stops_writing_and_nothing_else() {
        let directory = tempfile::tempdir().unwrap();
        let store = SqliteStore::open(directory.path().join("scim.db")).unwrap();
        let (scope, ty) = (Scope::tenant(TenantId::new("acme").unwrap()), ResourceType::user());
        let first = store.insert(&scope, &ty, user("first", "").into()).await.unwrap();
        let pages = |pages: i64| {
            let set = move |writing: &mut Writing<'_>| {
                let sql = format!("PRAGMA max_page_count = {pages}");
                writing.connection.query_row(&sql, [], |row| row.get::<_, i64>(0)).db()
            };
            store.inner.threads.write(set)
        };
        // As many pages as there are.
        pages(1).await.unwrap();
        let large = "x".repeat(100_000);
        let full = store.insert(&scope, &ty, user("second", &large).into()).await;
        assert!(matches!(full, Err(StoreError::Unavailable { .. })), "{full:?}");
        let id = ResourceId::from(first.id());
        assert_eq!(store.get(&scope, &ty, &id, Load::Full).await.unwrap(), Some(first));
        // When there is room again, nothing of the failed attempt is in the way.
        pages(1_000_000).await.unwrap();
        store.insert(&scope, &ty, user("second", &large).into()).await.unwrap();
    }
}
