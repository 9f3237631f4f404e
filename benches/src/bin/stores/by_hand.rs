//! What the stores do, written by hand for the one case: prepared statements that know the numbers
//! of tenant, type and paths, and text put together by `format!`. It is done on the same tables.

use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;

use chrono::{DateTime, SecondsFormat};
use rusqlite::config::DbConfig;
use rusqlite::{Connection, TransactionBehavior, params};
use scim2_core::resource::ResourceId;
use tokio::sync::oneshot;

/// What a resource is found by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum By {
    Id,
    UserName,
    Email,
    ExternalId,
}

impl By {
    pub(crate) const ALL: [Self; 4] = [Self::Id, Self::UserName, Self::Email, Self::ExternalId];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Id => "get by id",
            Self::UserName => "userName eq",
            Self::Email => "emails.value eq",
            Self::ExternalId => "externalId eq",
        }
    }

    /// Under which name its keys are kept.
    fn path(self) -> &'static str {
        match self {
            Self::Id => "User",
            Self::UserName => "urn:ietf:params:scim:schemas:core:2.0:User:userName",
            Self::Email => "emails.value",
            Self::ExternalId => "externalId",
        }
    }
}

/// A row as an answer.
fn text(id: &str, version: i64, times: (i64, i64), doc: &str, groups: Option<&str>) -> String {
    let time = |milliseconds| {
        let time = DateTime::from_timestamp_millis(milliseconds).expect("a time");
        time.to_rfc3339_opts(SecondsFormat::Millis, true)
    };
    let members = doc.strip_prefix('{').and_then(|doc| doc.strip_suffix('}')).expect("an object");
    let groups = groups.map(|groups| format!("\"groups\":{groups},")).unwrap_or_default();
    format!(
        "{{\"id\":\"{id}\",{members},{groups}\"meta\":{{\"created\":\"{}\",\"lastModified\":\"{}\",\
         \"resourceType\":\"User\",\"version\":\"W/\\\"{version}\\\"\",\
         \"location\":\"/Users/{id}\"}}}}",
        time(times.0),
        time(times.1),
    )
}

/// A connection set up as the store's are: values that are bound do not change plans.
fn connect(path: &std::path::Path) -> Connection {
    let connection = Connection::open(path).expect("a database");
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true).expect("a setting");
    connection
}

fn hyphenated(key: &[u8]) -> String {
    uuid::Uuid::from_slice(key).expect("a UUID").hyphenated().to_string()
}

/// Reads users from SQLite, on the thread that asks.
pub(crate) struct Sqlite {
    connection: Connection,
    tenant: i64,
    rtype: i64,
    paths: [i64; 4],
}

impl Sqlite {
    pub(crate) fn open(path: &std::path::Path) -> Self {
        let connection = connect(path);
        let number = |sql: &str, name: &str| -> i64 {
            connection.query_row(sql, [name], |row| row.get(0)).expect("a number")
        };
        let tenant = number("SELECT tenant FROM scim_tenant WHERE name = ?1", "acme");
        let name = |name| number("SELECT name_id FROM scim_name WHERE name = ?1", name);
        let (rtype, paths) = (name("User"), By::ALL.map(|by| name(by.path())));
        Self { connection, tenant, rtype, paths }
    }

    /// The text of the user with this key, an `id`'s bytes or a value's text.
    pub(crate) fn find(&self, by: By, key: &dyn rusqlite::ToSql) -> String {
        let sql = match by {
            By::Id => {
                "SELECT r.id, r.version, r.created, r.modified, r.doc FROM scim_resource r
                 WHERE r.tenant = ?1 AND r.rtype = ?2 AND r.id = ?4 AND ?3 = ?3"
            }
            By::UserName => {
                "SELECT r.id, r.version, r.created, r.modified, r.doc
                 FROM scim_uniq k JOIN scim_resource r ON r.pk = k.pk
                 WHERE k.tenant = ?1 AND k.path = ?3 AND k.key = ?4 AND r.rtype = ?2"
            }
            By::Email | By::ExternalId => {
                "SELECT r.id, r.version, r.created, r.modified, r.doc
                 FROM scim_idx k JOIN scim_resource r ON r.pk = k.pk
                 WHERE k.tenant = ?1 AND k.rtype = ?2 AND k.path = ?3 AND k.key = ?4"
            }
        };
        let groups = "SELECT g.id, g.display_name
             FROM scim_member m JOIN scim_resource g ON g.pk = m.group_pk
             WHERE m.tenant = ?1 AND m.member = ?2";
        let mut statement = self.connection.prepare_cached(sql).expect("SQL");
        let mut groups = self.connection.prepare_cached(groups).expect("SQL");
        let values = params![self.tenant, self.rtype, self.paths[by as usize], key];
        let row = statement.query_row(values, |row| {
            let key = row.get_ref(0)?.as_blob()?;
            let mut found = groups.query(params![self.tenant, key])?;
            let mut elements = String::new();
            while let Some(group) = found.next()? {
                let id = hyphenated(group.get_ref(0)?.as_blob()?);
                let name = serde_json::to_string(group.get_ref(1)?.as_str()?).expect("JSON");
                let comma = if elements.is_empty() { "" } else { "," };
                elements += &format!(
                    "{comma}{{\"value\":\"{id}\",\"display\":{name},\"type\":\"direct\"}}"
                );
            }
            let groups = (!elements.is_empty()).then(|| format!("[{elements}]"));
            let times = (row.get(2)?, row.get(3)?);
            let doc = row.get_ref(4)?.as_str()?;
            Ok(text(&hyphenated(key), row.get(1)?, times, doc, groups.as_deref()))
        });
        row.expect("a user")
    }

    /// The text of a user's document and search document.
    pub(crate) fn documents(&self, id: &[u8]) -> (String, String) {
        let sql = "SELECT doc, json(search) FROM scim_resource WHERE tenant = ?1 AND id = ?2";
        let documents = |row: &rusqlite::Row<'_>| Ok((row.get(0)?, row.get(1)?));
        self.connection.query_row(sql, params![self.tenant, id], documents).expect("a user")
    }
}

/// A user as the rows that SQLite keeps of it.
pub(crate) struct Rows {
    pub(crate) id: [u8; 16],
    pub(crate) now: i64,
    pub(crate) display_name: String,
    pub(crate) user_name: String,
    pub(crate) doc: String,
    pub(crate) search: String,
    /// Path and key of each indexed value.
    pub(crate) keys: Vec<(&'static str, String)>,
}

type Job = (Rows, oneshot::Sender<()>);

/// Writes users into SQLite: one thread, one transaction for all that wait.
pub(crate) struct Writer {
    jobs: Option<SyncSender<Job>>,
    thread: Option<JoinHandle<()>>,
}

/// How many users one transaction takes at most, as in the store.
const GROUP: usize = 64;

impl Writer {
    pub(crate) fn start(path: &std::path::Path) -> Self {
        let connection = connect(path);
        connection.pragma_update(None, "journal_mode", "WAL").expect("WAL");
        connection.pragma_update(None, "synchronous", "FULL").expect("FULL");
        connection.pragma_update(None, "foreign_keys", "ON").expect("foreign keys");
        let (jobs, waiting) = sync_channel(GROUP);
        let thread = std::thread::spawn(move || write_all(connection, &waiting));
        Self { jobs: Some(jobs), thread: Some(thread) }
    }

    /// Returns when it is on the disk.
    pub(crate) async fn write(&self, rows: Rows) {
        let (done, written) = oneshot::channel();
        self.jobs.as_ref().expect("it runs").send((rows, done)).expect("a writer");
        written.await.expect("a commit");
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.jobs = None;
        let _ = self.thread.take().map(JoinHandle::join);
    }
}

fn write_all(mut connection: Connection, jobs: &Receiver<Job>) {
    let number = |connection: &Connection, name: &str| -> i64 {
        let sql = "SELECT name_id FROM scim_name WHERE name = ?1";
        connection.query_row(sql, [name], |row| row.get(0)).expect("a number")
    };
    let names = [
        "User",
        By::UserName.path(),
        By::ExternalId.path(),
        "displayName",
        By::Email.path(),
        "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:employeeNumber",
    ];
    let numbers = names.map(|name| (name, number(&connection, name)));
    let number = |name: &str| numbers.iter().find(|(n, _)| *n == name).expect("a name").1;
    let (rtype, unique) = (number("User"), number(By::UserName.path()));
    while let Ok(first) = jobs.recv() {
        let transaction =
            connection.transaction_with_behavior(TransactionBehavior::Immediate).expect("BEGIN");
        let mut done = Vec::with_capacity(GROUP);
        let mut next = Some(first);
        while let Some((rows, tell)) = next {
            let insert = |sql: &str, values: &[&dyn rusqlite::ToSql]| {
                transaction.prepare_cached(sql).expect("SQL").execute(values).expect("a row");
            };
            insert("SAVEPOINT job", &[]);
            let sql = "INSERT INTO scim_resource (tenant, rtype, id, version, created, modified,
                       display_name, user_name, doc, search)
                       VALUES (1, ?1, ?2, 1, ?3, ?3, ?4, ?5, ?6, jsonb(?7))";
            let Rows { id, now, display_name, user_name, doc, search, keys } = rows;
            insert(sql, params![rtype, id, now, display_name, user_name, doc, search]);
            let pk = transaction.last_insert_rowid();
            let sql = "INSERT INTO scim_uniq (tenant, path, key, pk) VALUES (1, ?1, ?2, ?3)";
            insert(sql, params![unique, user_name, pk]);
            for (path, key) in keys {
                let sql = "INSERT INTO scim_idx (tenant, rtype, path, key, pk)
                           VALUES (1, ?1, ?2, ?3, ?4)";
                insert(sql, params![rtype, number(path), key, pk]);
            }
            insert("RELEASE job", &[]);
            done.push(tell);
            next = if done.len() < GROUP { jobs.try_recv().ok() } else { None };
        }
        transaction.commit().expect("COMMIT");
        for tell in done {
            let _ = tell.send(());
        }
    }
}

/// Reads users from PostgreSQL.
pub(crate) struct Postgres {
    client: tokio_postgres::Client,
    statements: Vec<tokio_postgres::Statement>,
    tenant: i64,
    rtype: i64,
    paths: [i64; 4],
}

impl Postgres {
    pub(crate) async fn connect(url: &str) -> Self {
        let (client, connection) =
            tokio_postgres::connect(url, tokio_postgres::NoTls).await.expect("a database");
        tokio::spawn(connection);
        let row = client.query_one("SELECT tenant FROM scim_tenant WHERE name = 'acme'", &[]);
        let tenant = row.await.expect("a tenant").get(0);
        let mut paths = [0; 4];
        for (number, by) in paths.iter_mut().zip(By::ALL) {
            let sql = "SELECT name_id FROM scim_name WHERE name = $1";
            *number = client.query_one(sql, &[&by.path()]).await.expect("a name").get(0);
        }
        let mut statements = Vec::new();
        for by in By::ALL {
            let rows = match by {
                By::Id => {
                    "FROM scim_resource r
                     WHERE r.tenant = $1 AND r.rtype = $2 AND r.id = $4 AND $3::bigint = $3"
                }
                By::UserName => {
                    "FROM scim_uniq k JOIN scim_resource r ON r.pk = k.pk
                     WHERE k.tenant = $1 AND k.path = $3 AND k.key = $4 AND r.rtype = $2"
                }
                By::Email | By::ExternalId => {
                    "FROM scim_idx k JOIN scim_resource r ON r.pk = k.pk
                     WHERE k.tenant = $1 AND k.rtype = $2 AND k.path = $3 AND k.key = $4"
                }
            };
            let sql = format!(
                "SELECT r.id, r.version, r.created, r.modified, r.doc,
                   (SELECT json_agg(json_build_object('value', g.id, 'display', g.display_name,
                      'type', 'direct'))::text
                    FROM scim_member m JOIN scim_resource g ON g.pk = m.group_pk
                    WHERE m.tenant = r.tenant AND m.member = r.id)
                 {rows}"
            );
            statements.push(client.prepare(&sql).await.expect("SQL"));
        }
        let [rtype, ..] = paths;
        Self { client, statements, tenant, rtype, paths }
    }

    /// The text of the user with this key.
    pub(crate) async fn find(&self, by: By, key: &str) -> String {
        let statement = &self.statements[by as usize];
        let values: [&(dyn tokio_postgres::types::ToSql + Sync); 4] =
            [&self.tenant, &self.rtype, &self.paths[by as usize], &key];
        let row = self.client.query_one(statement, &values).await.expect("a user");
        text(row.get(0), row.get(1), (row.get(2), row.get(3)), row.get(4), row.get(5))
    }
}

/// Copies a user within PostgreSQL, until there are so many; the `id`s.
pub(crate) async fn copy_users(
    url: &str,
    template: &ResourceId,
    first: usize,
    end: usize,
) -> Vec<ResourceId> {
    let (client, connection) =
        tokio_postgres::connect(url, tokio_postgres::NoTls).await.expect("a database");
    tokio::spawn(connection);
    let (first, end) = (first as i64, end as i64);
    // The template is user 0: of its texts, these have its number.
    let copied = |text: &str| {
        let mut sql = text.to_owned();
        for (old, new) in [
            ("jensen.0@", "'jensen.' || n || '@'"),
            ("babs.0@", "'babs.' || n || '@'"),
            ("jensen 0\"", "'jensen ' || n || '\"'"),
            ("Jensen 0\"", "'Jensen ' || n || '\"'"),
            ("00000000-7f76", "lpad(n::text, 8, '0') || '-7f76'"),
            ("\"employeeNumber\":\"0\"", "'\"employeeNumber\":\"' || n || '\"'"),
        ] {
            sql = format!("replace({sql}, '{old}', {new})");
        }
        sql
    };
    let (doc, search) = (copied("t.doc"), copied("replace(t.search::text, '\": \"', '\":\"')"));
    let sql = format!(
        "CREATE TEMP TABLE copied AS
           SELECT n, '0fffffff-ffff-7' || lpad(to_hex(n >> 12), 3, '0') || '-8'
             || lpad(to_hex(n & 4095), 3, '0') || '-000000000000' AS id
           FROM generate_series({first}::bigint, {end} - 1) AS n;
         INSERT INTO scim_resource (tenant, rtype, id, version, created, modified, display_name,
             user_name, doc, search)
           SELECT t.tenant, t.rtype, c.id, 1, t.created, t.modified, 'Babs Jensen ' || n,
             'barbara.jensen.' || n || '@example.com', {doc},
             replace({search}, t.id, c.id)::jsonb
           FROM copied c, scim_resource t WHERE t.id = '{template}' ORDER BY c.id;
         INSERT INTO scim_uniq (tenant, path, key, pk)
           SELECT k.tenant, k.path, replace(k.key, 'jensen.0@', 'jensen.' || n || '@'), r.pk
           FROM copied c JOIN scim_resource r ON r.id = c.id, scim_uniq k
           JOIN scim_resource t ON t.pk = k.pk WHERE t.id = '{template}';
         INSERT INTO scim_idx (tenant, rtype, path, key, pk)
           SELECT k.tenant, k.rtype, k.path,
             CASE k.key WHEN '0' THEN n::text ELSE
               replace(replace(replace(replace(k.key, 'jensen.0@', 'jensen.' || n || '@'),
                 'babs.0@', 'babs.' || n || '@'), 'jensen 0', 'jensen ' || n),
                 '00000000-7f76', lpad(n::text, 8, '0') || '-7f76') END, r.pk
           FROM copied c JOIN scim_resource r ON r.id = c.id, scim_idx k
           JOIN scim_resource t ON t.pk = k.pk WHERE t.id = '{template}';
         ANALYZE scim_resource, scim_uniq, scim_idx",
        template = template.as_str(),
    );
    client.batch_execute(&sql).await.expect("copies");
    let rows = client.query("SELECT id FROM copied ORDER BY n", &[]).await;
    // An empty list when all were made through the store.
    rows.expect("ids").iter().map(|row| ResourceId::from(row.get::<_, String>(0))).collect()
}
