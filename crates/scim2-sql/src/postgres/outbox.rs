//! Events that wait to be delivered.

use chrono::DateTime;
use deadpool_postgres::Transaction;
use scim2_core::etag::Version;
use scim2_core::resource::ResourceId;
use scim2_provider::events::{ChangeEvent, ChangeRecord, OUTBOX_CAPACITY, Outbox, OutboxFuture};
use scim2_provider::store::StoreError;
use scim2_provider::{ProvisioningDomain, Scope, TenantId};
use tokio_postgres::Row;

use super::error::{Failure, Postgres};
use super::store::PostgresStore;
use super::write::{execute, query};

/// What is told of one change.
pub(crate) struct Entry<'a> {
    pub(crate) rtype: i64,
    pub(crate) id: &'a str,
    pub(crate) version: &'a Version,
    pub(crate) at: i64,
    pub(crate) record: &'a ChangeRecord,
}

/// Writes down what was done.
pub(crate) async fn put(
    transaction: &Transaction<'_>,
    tenant: i64,
    scope: &Scope,
    entry: &Entry<'_>,
) -> Result<(), Failure> {
    let sql = "INSERT INTO scim_outbox (tenant, domain, rtype, id, version, at, record)
               VALUES ($1, $2, $3, $4, $5, $6, $7)";
    let domain = scope.domain.as_ref().map(ProvisioningDomain::as_str);
    let record = serde_json::to_string(entry.record).map_err(StoreError::internal)?;
    let (rtype, id, version, at) = (entry.rtype, entry.id, entry.version.as_str(), entry.at);
    execute(transaction, sql, &[&tenant, &domain, &rtype, &id, &version, &at, &record]).await?;
    Ok(())
}

/// Deletes the oldest where there are more than an outbox keeps.
pub(crate) async fn trim_to_capacity(transaction: &Transaction<'_>) -> Result<(), Failure> {
    let sql = "DELETE FROM scim_outbox WHERE entry <=
               (SELECT entry FROM scim_outbox ORDER BY entry DESC LIMIT 1 OFFSET $1)";
    let capacity = i64::try_from(OUTBOX_CAPACITY).unwrap_or(i64::MAX);
    let lost = execute(transaction, sql, &[&capacity]).await?;
    if lost > 0 {
        tracing::error!(lost, capacity, "events were lost: nobody fetches them");
    }
    Ok(())
}

impl Outbox for PostgresStore {
    fn subscribe<'a>(&'a self, subscribers: &'a [&'a str]) -> OutboxFuture<'a, ()> {
        Box::pin(async move {
            self.retried(move |mut client| async move {
                let transaction = client.transaction().await?;
                let sql = "DELETE FROM scim_subscriber WHERE NOT (name = ANY($1))";
                execute(&transaction, sql, &[&subscribers]).await?;
                let sql = "INSERT INTO scim_subscriber (name, seq)
                           SELECT w.name, 0 FROM unnest($1::text[]) AS w (name)
                           ON CONFLICT (name) DO NOTHING";
                execute(&transaction, sql, &[&subscribers]).await?;
                trim(&transaction).await?;
                transaction.commit().await.map_err(Failure::of_commit)
            })
            .await
        })
    }

    fn pending<'a>(
        &'a self,
        subscriber: &'a str,
        limit: usize,
    ) -> OutboxFuture<'a, Vec<ChangeEvent>> {
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        Box::pin(async move {
            let rows = self
                .retried(move |mut client| async move {
                    let transaction = client.transaction().await?;
                    number(&transaction).await?;
                    let sql =
                        "SELECT o.seq, t.name, o.domain, n.name, o.id, o.version, o.at, o.record
                               FROM scim_outbox o
                               JOIN scim_tenant t ON t.tenant = o.tenant
                               JOIN scim_name n ON n.name_id = o.rtype
                               WHERE o.seq > COALESCE(
                                 (SELECT seq FROM scim_subscriber WHERE name = $1), 0)
                               ORDER BY o.seq LIMIT $2";
                    let rows = query(&transaction, sql, &[&subscriber, &limit]).await?;
                    transaction.commit().await.map_err(Failure::of_commit)?;
                    Ok(rows)
                })
                .await?;
            rows.iter().map(event).collect()
        })
    }

    fn acknowledge<'a>(&'a self, subscriber: &'a str, through: u64) -> OutboxFuture<'a, ()> {
        let through = i64::try_from(through).unwrap_or(i64::MAX);
        Box::pin(async move {
            self.retried(move |mut client| async move {
                let transaction = client.transaction().await?;
                let sql = "UPDATE scim_subscriber SET seq = GREATEST(seq, $2) WHERE name = $1";
                execute(&transaction, sql, &[&subscriber, &through]).await?;
                trim(&transaction).await?;
                transaction.commit().await.map_err(Failure::of_commit)
            })
            .await
        })
    }
}

/// Gives new entries their place in the sequence. Whoever does holds the row of the last number,
/// so that numbers appear in their order.
async fn number(transaction: &Transaction<'_>) -> Result<(), Failure> {
    let sql = "SELECT 1 FROM scim_outbox WHERE seq IS NULL LIMIT 1";
    if query(transaction, sql, &[]).await?.is_empty() {
        return Ok(());
    }
    let sql = "SELECT v FROM scim_meta WHERE k = 'sequence' FOR UPDATE";
    let row = query(transaction, sql, &[]).await?;
    let last: &str = match row.first() {
        Some(row) => row.try_get(0)?,
        None => "0",
    };
    let last: i64 = last.parse().map_err(StoreError::internal)?;
    let sql = "UPDATE scim_outbox o SET seq = $1 + w.place
               FROM (SELECT entry, row_number() OVER (ORDER BY entry) AS place
                     FROM scim_outbox WHERE seq IS NULL) w
               WHERE o.entry = w.entry";
    let numbered = execute(transaction, sql, &[&last]).await?;
    let last = last.saturating_add(i64::try_from(numbered).unwrap_or(i64::MAX));
    let sql = "UPDATE scim_meta SET v = $1 WHERE k = 'sequence'";
    execute(transaction, sql, &[&last.to_string()]).await?;
    Ok(())
}

/// Deletes what every subscriber has.
async fn trim(transaction: &Transaction<'_>) -> Result<(), Failure> {
    let sql = "DELETE FROM scim_outbox WHERE seq <= (SELECT min(seq) FROM scim_subscriber)";
    execute(transaction, sql, &[]).await?;
    Ok(())
}

fn event(row: &Row) -> Result<ChangeEvent, StoreError> {
    let sequence = u64::try_from(row.try_get::<_, i64>(0).db()?).map_err(StoreError::internal)?;
    let tenant = TenantId::new(row.try_get::<_, &str>(1).db()?).map_err(StoreError::internal)?;
    let mut scope = Scope::tenant(tenant);
    if let Some(domain) = row.try_get::<_, Option<&str>>(2).db()? {
        let domain = ProvisioningDomain::new(domain).map_err(StoreError::internal)?;
        scope = scope.with_domain(domain);
    }
    let resource_type: &str = row.try_get(3).db()?;
    let id = ResourceId::from(row.try_get::<_, String>(4).db()?);
    let version = Version::from_wire(row.try_get(5).db()?);
    let at = DateTime::from_timestamp_millis(row.try_get(6).db()?)
        .ok_or_else(|| StoreError::internal("a time in the outbox is out of range"))?;
    let record = serde_json::from_str(row.try_get(7).db()?).map_err(StoreError::internal)?;
    Ok(ChangeEvent::new(sequence, scope, resource_type, id, version, at, record))
}
