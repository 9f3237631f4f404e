//! An application that has accounts and teams in tables of its own, and gets SCIM: what clients
//! filter by becomes conditions of its own SQL, and what they write are its own rows.
//!
//! Its teams are its own affair: clients see them in `groups`, and filter by them. To let clients
//! change them, it would have a `Handler<Group>` as well.
//!
//! ```sh
//! cargo run -p scim2-axum --example own_tables
//! curl -H 'Authorization: Bearer s3cret' http://127.0.0.1:8080/scim/v2/Users
//! ```

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::Router;
use axum::extract::State;
use axum::routing::get;
use chrono::DateTime;
use rusqlite::{Connection, Row, params, params_from_iter};
use scim2_core::etag::Version;
use scim2_core::resource::ResourceId;
use scim2_core::user::GroupRef;
use scim2_core::{Catalog, Error, ResourceType, User};
use scim2_provider::auth::{BearerToken, BearerTokens};
use scim2_provider::handler::{Found, Handler, HandlerError, Record, Revision, Window};
use scim2_provider::store::{Load, Query};
use scim2_provider::{Handlers, Scope, ServiceProvider, TenantId};
use scim2_sql::{Column, ColumnMap, Dialect, Rows, Sql, register_key_functions};

type AnyError = Box<dyn std::error::Error>;

/// What the application has. New are the clients' ids, the versions, and the index: logins are
/// unique whatever their case.
pub(crate) const TABLES: &str = "
    CREATE TABLE account (id INTEGER PRIMARY KEY, org TEXT NOT NULL, login TEXT NOT NULL,
        name TEXT, enabled INTEGER NOT NULL, external_id TEXT, version INTEGER NOT NULL DEFAULT 1,
        created INTEGER NOT NULL DEFAULT (unixepoch()),
        changed INTEGER NOT NULL DEFAULT (unixepoch()));
    CREATE UNIQUE INDEX account_login ON account (org, scim_key(login));
    CREATE TABLE team (id INTEGER PRIMARY KEY, name TEXT NOT NULL);
    CREATE TABLE member (team INTEGER NOT NULL REFERENCES team ON DELETE CASCADE,
        account INTEGER NOT NULL REFERENCES account ON DELETE CASCADE,
        PRIMARY KEY (team, account));";

/// The attributes that have a place in those tables. Others are refused.
fn users() -> Result<ResourceType, Error> {
    ResourceType::user().with_only(&["userName", "displayName", "active", "groups"])
}

/// Where the attributes are.
fn columns() -> Result<ColumnMap, AnyError> {
    let teams = "member AS m JOIN team AS t ON t.id = m.team";
    let columns = ColumnMap::builder(&users()?)
        .column("id", Column::text("CAST(a.id AS TEXT)"))
        .column("externalId", Column::text("a.external_id"))
        .column("userName", Column::key("scim_key(a.login)"))
        .column("displayName", Column::key("scim_key(a.name)"))
        .column("active", Column::boolean("a.enabled"))
        .column("meta.created", Column::seconds("a.created"))
        .column("meta.lastModified", Column::seconds("a.changed"))
        .rows(
            "groups",
            Rows::joined(teams, "m.account", "a.id")
                .column("value", Column::text("CAST(t.id AS TEXT)"))
                .column("display", Column::key("scim_key(t.name)")),
        );
    Ok(columns.build()?)
}

pub(crate) struct Accounts {
    /// One connection will do for an example.
    db: Mutex<Connection>,
    columns: ColumnMap,
}

impl Accounts {
    pub(crate) fn new(db: Connection) -> Result<Self, AnyError> {
        register_key_functions(&db)?;
        db.execute_batch(TABLES)?;
        Ok(Self { db: Mutex::new(db), columns: columns()? })
    }

    pub(crate) fn db(&self) -> MutexGuard<'_, Connection> {
        self.db.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn record(db: &Connection, row: &Row<'_>) -> rusqlite::Result<Record<User>> {
    let id: i64 = row.get("id")?;
    let team = |row: &Row<'_>| {
        let (value, display) = (row.get::<_, i64>(0)?.to_string(), row.get(1)?);
        let kind = Some("direct".to_owned());
        Ok(GroupRef { value: Some(value), display, r#type: kind, ..GroupRef::default() })
    };
    let teams = "SELECT id, name FROM team JOIN member ON team = id WHERE account = ? ORDER BY id";
    let groups = db.prepare_cached(teams)?.query_map([id], team)?.collect::<Result<_, _>>()?;
    let user = User {
        display_name: row.get("name")?,
        active: row.get("enabled")?,
        external_id: row.get("external_id")?,
        groups,
        ..User::new(row.get::<_, String>("login")?)
    };
    let time = |column| -> rusqlite::Result<_> {
        Ok(DateTime::from_timestamp(row.get(column)?, 0).unwrap_or_default())
    };
    let version: u32 = row.get("version")?;
    let revision = Revision::numbered(version.into(), time("created")?, time("changed")?);
    Ok(Record::new(id.to_string(), user, revision))
}

fn find(db: &Connection, scope: &Scope, id: i64) -> Result<Option<Record<User>>, HandlerError> {
    let mut account = db.prepare_cached("SELECT * FROM account WHERE org = ? AND id = ?")?;
    let mut rows = account.query(params![scope.tenant.as_str(), id])?;
    Ok(rows.next()?.map(|row| record(db, row)).transpose()?)
}

/// After a statement that should have touched one account.
fn touched(
    db: &Connection,
    scope: &Scope,
    id: i64,
    outcome: rusqlite::Result<usize>,
) -> Result<(), HandlerError> {
    use rusqlite::ErrorCode::ConstraintViolation;
    match outcome {
        Ok(1) => Ok(()),
        Ok(_) if find(db, scope, id)?.is_some() => Err(HandlerError::Conflict),
        Ok(_) => Err(HandlerError::NotFound),
        // Nothing but the index can be violated.
        Err(error) if error.sqlite_error_code() == Some(ConstraintViolation) => {
            Err(HandlerError::uniqueness("userName"))
        }
        Err(error) => Err(error.into()),
    }
}

impl Handler<User> for Accounts {
    async fn get(
        &self,
        scope: &Scope,
        id: &ResourceId,
        _: Load,
    ) -> Result<Option<Record<User>>, HandlerError> {
        // An id that is no number is nobody's.
        let Ok(id) = id.as_str().parse() else { return Ok(None) };
        find(&self.db(), scope, id)
    }

    async fn query(&self, scope: &Scope, query: &Query) -> Result<Found<User>, HandlerError> {
        let window = Window::of(&query.page)?;
        let statement = |select| -> Result<Sql, Error> {
            let mut sql = Sql::new(Dialect::Sqlite);
            sql.push(select).push(" FROM account AS a WHERE a.org = ").bind(scope.tenant.as_str());
            if let Some(filter) = &query.filter {
                self.columns.filter(filter, sql.push(" AND "))?;
            }
            Ok(sql)
        };
        let db = self.db();
        let count = statement("SELECT count(*)")?;
        let total: u32 =
            db.query_row(count.text(), params_from_iter(count.parameters()), |row| row.get(0))?;
        let mut page = statement("SELECT a.*")?;
        self.columns.order_by(query.sort.as_ref(), page.push(" ORDER BY "))?;
        page.push(" LIMIT ").bind(i64::try_from(window.limit)?);
        page.push(" OFFSET ").bind(i64::try_from(window.offset)?);
        let mut page_statement = db.prepare_cached(page.text())?;
        let users = page_statement
            .query_map(params_from_iter(page.parameters()), |row| record(&db, row))?
            .collect::<Result<_, _>>()?;
        Ok(window.page(total.into(), users))
    }

    async fn create(&self, scope: &Scope, user: User) -> Result<Record<User>, HandlerError> {
        let db = self.db();
        let org = scope.tenant.as_str();
        let inserted = db.execute(
            "INSERT INTO account (org, login, name, enabled, external_id) VALUES (?, ?, ?, ?, ?)",
            params![
                org,
                user.user_name,
                user.display_name,
                user.active.unwrap_or(true),
                user.external_id
            ],
        );
        let id = db.last_insert_rowid();
        touched(&db, scope, id, inserted)?;
        find(&db, scope, id)?.ok_or(HandlerError::NotFound)
    }

    async fn replace(
        &self,
        scope: &Scope,
        id: &ResourceId,
        expected: &Version,
        user: User,
    ) -> Result<Record<User>, HandlerError> {
        let db = self.db();
        let id = id.as_str().parse()?;
        let updated = db.execute(
            "UPDATE account SET login = ?, name = ?, enabled = ?, external_id = ?,
                 version = version + 1, changed = unixepoch()
             WHERE org = ? AND id = ? AND version = ?",
            params![
                user.user_name,
                user.display_name,
                user.active.unwrap_or(true),
                user.external_id,
                scope.tenant.as_str(),
                id,
                expected.opaque().parse::<i64>()?
            ],
        );
        touched(&db, scope, id, updated)?;
        find(&db, scope, id)?.ok_or(HandlerError::NotFound)
    }

    async fn delete(
        &self,
        scope: &Scope,
        id: &ResourceId,
        expected: &Version,
    ) -> Result<(), HandlerError> {
        let db = self.db();
        let id = id.as_str().parse()?;
        let deleted = db.execute(
            "DELETE FROM account WHERE org = ? AND id = ? AND version = ?",
            params![scope.tenant.as_str(), id, expected.opaque().parse::<i64>()?],
        );
        touched(&db, scope, id, deleted)
    }
}

/// The application's own page.
async fn logins(State(accounts): State<Arc<Accounts>>) -> String {
    let db = accounts.db();
    let logins = || -> rusqlite::Result<Vec<String>> {
        let mut logins = db.prepare("SELECT login FROM account WHERE enabled ORDER BY login")?;
        logins.query_map([], |row| row.get(0))?.collect()
    };
    logins().unwrap_or_default().join("\n")
}

pub(crate) fn app(accounts: Arc<Accounts>) -> Result<Router, AnyError> {
    let mut catalog = Catalog::default();
    catalog.register(users()?)?;
    let scope = Scope::tenant(TenantId::new("acme")?);
    let provider = ServiceProvider::builder(Handlers::default().with::<User>(accounts.clone()))
        .catalog(catalog)
        .base_url("http://127.0.0.1:8080/scim/v2".parse::<url::Url>()?)
        .authenticator(BearerTokens::new([BearerToken::new("entra", &"s3cret".into(), scope)?]))
        .build()?;
    Ok(Router::new()
        .route("/logins", get(logins))
        .with_state(accounts)
        .merge(scim2_axum::mount("/scim/v2", provider)))
}

#[tokio::main]
async fn main() -> Result<(), AnyError> {
    let app = app(Arc::new(Accounts::new(Connection::open_in_memory()?)?))?;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:8080").await?;
    eprintln!("serving http://127.0.0.1:8080/scim/v2");
    scim2_axum::serve(listener, app, std::future::pending()).await?;
    Ok(())
}
