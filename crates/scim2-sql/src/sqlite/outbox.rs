//! Events that wait to be delivered.

use chrono::DateTime;
use rusqlite::{Connection, Row, params, params_from_iter};
use scim2_core::ResourceType;
use scim2_core::etag::Version;
use scim2_core::resource::ResourceId;
use scim2_provider::events::{ChangeEvent, ChangeRecord, OUTBOX_CAPACITY, Outbox, OutboxFuture};
use scim2_provider::store::{StoreError, Stored};
use scim2_provider::{ProvisioningDomain, Scope, TenantId};

use super::error::Sqlite;
use super::id;
use super::read::id_column;
use super::threads::Writing;
use crate::SqliteStore;

/// What is told of one change.
pub(crate) struct Entry<'a> {
    pub(crate) resource_type: &'a str,
    pub(crate) id: &'a str,
    pub(crate) version: &'a Version,
    pub(crate) at: i64,
    pub(crate) record: &'a ChangeRecord,
}

/// Writes down what was done to a resource, if that is wanted.
pub(crate) fn put_stored(
    writing: &Writing<'_>,
    scope: &Scope,
    ty: &ResourceType,
    stored: &Stored,
    record: Option<&ChangeRecord>,
) -> Result<(), StoreError> {
    let Some(record) = record else { return Ok(()) };
    let (version, at) = (&stored.version, stored.last_modified.timestamp_millis());
    put(writing, scope, &Entry { resource_type: ty.name(), id: stored.id(), version, at, record })
}

/// Writes down what was done.
pub(crate) fn put(
    writing: &Writing<'_>,
    scope: &Scope,
    entry: &Entry<'_>,
) -> Result<(), StoreError> {
    let connection = writing.connection;
    let tenant = writing.tenant(scope)?;
    let rtype = writing.name(entry.resource_type)?;
    let domain = scope.domain.as_ref().map(ProvisioningDomain::as_str);
    let record = serde_json::to_string(entry.record).map_err(StoreError::internal)?;
    let sql = "INSERT INTO scim_outbox (tenant, domain, rtype, id, version, at, record)
               VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7) RETURNING seq";
    let (id, version) = (id::to_sql(entry.id), entry.version.as_str());
    let values = params![tenant, domain, rtype, id, version, entry.at, record];
    let mut statement = connection.prepare_cached(sql).db()?;
    let seq: i64 = statement.query_row(values, |row| row.get(0)).db()?;
    let capacity = i64::try_from(OUTBOX_CAPACITY).unwrap_or(i64::MAX);
    let sql = "DELETE FROM scim_outbox WHERE seq <= ?1";
    if connection.prepare_cached(sql).db()?.execute([seq.saturating_sub(capacity)]).db()? > 0 {
        tracing::error!(capacity = OUTBOX_CAPACITY, "an event was lost: nobody fetches them");
    }
    Ok(())
}

impl Outbox for SqliteStore {
    fn subscribe<'a>(&'a self, subscribers: &'a [&'a str]) -> OutboxFuture<'a, ()> {
        let names: Vec<_> = subscribers.iter().map(|name| (*name).to_owned()).collect();
        Box::pin(self.write(move |connection| {
            let places = vec!["?"; names.len()].join(", ");
            let sql = format!("DELETE FROM scim_subscriber WHERE name NOT IN ({places})");
            connection.execute(&sql, params_from_iter(&names)).db()?;
            for name in &names {
                let sql = "INSERT INTO scim_subscriber (name, seq) VALUES (?1, 0)
                           ON CONFLICT DO NOTHING";
                connection.execute(sql, [name]).db()?;
            }
            trim(connection)
        }))
    }

    fn pending<'a>(
        &'a self,
        subscriber: &'a str,
        limit: usize,
    ) -> OutboxFuture<'a, Vec<ChangeEvent>> {
        let name = subscriber.to_owned();
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        Box::pin(self.read(move |connection| {
            let sql = "SELECT o.seq, t.name, o.domain, n.name, o.id, o.version, o.at, o.record
                       FROM scim_outbox o
                       JOIN scim_tenant t ON t.tenant = o.tenant
                       JOIN scim_name n ON n.name_id = o.rtype
                       WHERE o.seq > coalesce((SELECT seq FROM scim_subscriber WHERE name = ?1), 0)
                       ORDER BY o.seq LIMIT ?2";
            let mut statement = connection.prepare_cached(sql).db()?;
            let mut rows = statement.query(params![name, limit]).db()?;
            let mut events = Vec::new();
            while let Some(row) = rows.next().db()? {
                events.push(event(row)?);
            }
            Ok(events)
        }))
    }

    fn acknowledge<'a>(&'a self, subscriber: &'a str, through: u64) -> OutboxFuture<'a, ()> {
        let name = subscriber.to_owned();
        let through = i64::try_from(through).unwrap_or(i64::MAX);
        Box::pin(self.write(move |connection| {
            let sql = "UPDATE scim_subscriber SET seq = max(seq, ?2) WHERE name = ?1";
            connection.prepare_cached(sql).db()?.execute(params![name, through]).db()?;
            trim(connection)
        }))
    }
}

/// Deletes what every subscriber has.
fn trim(connection: &Connection) -> Result<(), StoreError> {
    let sql = "DELETE FROM scim_outbox WHERE seq <= (SELECT min(seq) FROM scim_subscriber)";
    connection.prepare_cached(sql).db()?.execute([]).db()?;
    Ok(())
}

fn event(row: &Row<'_>) -> Result<ChangeEvent, StoreError> {
    let sequence = u64::try_from(row.get::<_, i64>(0).db()?).map_err(StoreError::internal)?;
    let tenant = TenantId::new(row.get::<_, String>(1).db()?).map_err(StoreError::internal)?;
    let mut scope = Scope::tenant(tenant);
    if let Some(domain) = row.get::<_, Option<String>>(2).db()? {
        let domain = ProvisioningDomain::new(domain).map_err(StoreError::internal)?;
        scope = scope.with_domain(domain);
    }
    let resource_type: String = row.get(3).db()?;
    let id = ResourceId::from(id_column(row, 4).db()?);
    let version = Version::from_wire(&row.get::<_, String>(5).db()?);
    let at = DateTime::from_timestamp_millis(row.get(6).db()?)
        .ok_or_else(|| StoreError::internal("a time in the outbox is out of range"))?;
    let record = row.get_ref(7).db()?.as_str().map_err(StoreError::internal)?;
    let record = serde_json::from_str(record).map_err(StoreError::internal)?;
    Ok(ChangeEvent::new(sequence, scope, &resource_type, id, version, at, record))
}
