//! A look at everything in the database.

use std::collections::HashMap;

use deadpool_postgres::Transaction;
use scim2_core::Catalog;
use scim2_provider::store::StoreError;

use super::error::Failure;
use super::write::query;
use crate::integrity::{DEPENDENTS, Integrity, Told, Whole, counted, orphans};
use crate::keys::{indexed, unescape};

/// How many resources, or events, are looked at together.
const BATCH: i64 = 500;

/// Looks at everything, in a transaction that sees one state of it.
pub(crate) async fn check(
    transaction: &Transaction<'_>,
    catalog: &Catalog,
) -> Result<Integrity, Failure> {
    let mut found = Integrity::default();
    for (table, column) in DEPENDENTS {
        let count = count(transaction, &orphans(table, column)).await?;
        if count > 0 {
            found.problem(format_args!("{table}: {count} rows of no resource"));
        }
    }
    let unnamed = "SELECT count(*) FROM scim_resource r WHERE NOT EXISTS
                     (SELECT 1 FROM scim_name n WHERE n.name_id = r.rtype)
                   OR NOT EXISTS (SELECT 1 FROM scim_tenant t WHERE t.tenant = r.tenant)";
    let unnamed = count(transaction, unnamed).await?;
    if unnamed > 0 {
        found.problem(format_args!("scim_resource: {unnamed} rows of no type or no tenant"));
    }
    let mut last = i64::MIN;
    loop {
        let batch = resources(transaction, last).await?;
        let Some(end) = batch.last() else { break };
        last = end.pk;
        for whole in &batch {
            whole.check(catalog, indexed, &mut found);
        }
    }
    found.members = counted(count(transaction, "SELECT count(*) FROM scim_member").await?)?;
    let sql = "SELECT count(*) FROM scim_member m JOIN scim_resource g ON g.pk = m.group_pk
               WHERE m.tenant <> g.tenant";
    let strangers = count(transaction, sql).await?;
    if strangers > 0 {
        found.problem(format_args!("scim_member: {strangers} rows are of another tenant"));
    }
    events(transaction, &mut found).await?;
    Ok(found)
}

async fn count(transaction: &Transaction<'_>, sql: &str) -> Result<i64, Failure> {
    let rows = query(transaction, sql, &[]).await?;
    let row = rows.first().ok_or_else(|| StoreError::internal("a count gave no row"))?;
    Ok(row.try_get(0)?)
}

fn plain(text: Option<&str>) -> Option<String> {
    text.map(|text| unescape(text).into_owned())
}

/// The resources that come after this row, with all that is kept of them.
async fn resources(transaction: &Transaction<'_>, after: i64) -> Result<Vec<Whole>, Failure> {
    let sql = "SELECT r.pk, r.tenant, r.rtype, n.name, r.id, r.version, r.created, r.modified,
                 r.display_name, r.user_name, r.doc, r.search::text
               FROM scim_resource r JOIN scim_name n ON n.name_id = r.rtype
               WHERE r.pk > $1 ORDER BY r.pk LIMIT $2";
    let mut batch = Vec::new();
    for row in query(transaction, sql, &[&after, &BATCH]).await? {
        batch.push(Whole {
            pk: row.try_get(0)?,
            tenant: row.try_get(1)?,
            rtype: row.try_get(2)?,
            type_name: row.try_get(3)?,
            id: row.try_get(4)?,
            version: row.try_get(5)?,
            created: row.try_get(6)?,
            modified: row.try_get(7)?,
            display_name: plain(row.try_get(8)?),
            user_name: plain(row.try_get(9)?),
            doc: row.try_get(10)?,
            search: row.try_get(11)?,
            ..Whole::default()
        });
    }
    let pks: Vec<i64> = batch.iter().map(|whole| whole.pk).collect();
    let mut places: HashMap<i64, &mut Whole> =
        batch.iter_mut().map(|whole| (whole.pk, whole)).collect();
    for (part, sql) in [
        (
            Part::Unique,
            "SELECT k.pk, k.tenant, r.rtype, n.name, k.key
             FROM scim_uniq k JOIN scim_resource r ON r.pk = k.pk
             JOIN scim_name n ON n.name_id = k.path WHERE k.pk = ANY($1)",
        ),
        (
            Part::Indexed,
            "SELECT k.pk, k.tenant, k.rtype, n.name, k.key FROM scim_idx k
             JOIN scim_name n ON n.name_id = k.path WHERE k.pk = ANY($1)",
        ),
        (
            Part::References,
            "SELECT k.pk, k.tenant, r.rtype, n.name, k.target
             FROM scim_ref k JOIN scim_resource r ON r.pk = k.pk
             JOIN scim_name n ON n.name_id = k.path WHERE k.pk = ANY($1)",
        ),
    ] {
        for row in query(transaction, sql, &[&pks]).await? {
            let Some(whole) = places.get_mut(&row.try_get(0)?) else { continue };
            let key: String = row.try_get(4)?;
            let key = match part {
                Part::References => unescape(&key).into_owned(),
                Part::Unique | Part::Indexed => key,
            };
            let keys = match part {
                Part::Unique => &mut whole.unique,
                Part::Indexed => &mut whole.indexed,
                Part::References => &mut whole.references,
            };
            keys.insert((row.try_get(1)?, row.try_get(2)?, row.try_get(3)?, key));
        }
    }
    let sql = "SELECT pk, domain, value FROM scim_external WHERE pk = ANY($1)";
    for row in query(transaction, sql, &[&pks]).await? {
        let Some(whole) = places.get_mut(&row.try_get(0)?) else { continue };
        let value = unescape(row.try_get(2)?).into_owned();
        whole.external_ids.push((row.try_get(1)?, value));
    }
    let sql = "SELECT group_pk, element FROM scim_member
               WHERE group_pk = ANY($1) AND element IS NOT NULL";
    for row in query(transaction, sql, &[&pks]).await? {
        let Some(whole) = places.get_mut(&row.try_get(0)?) else { continue };
        whole.elements.push(row.try_get(1)?);
    }
    Ok(batch)
}

#[derive(Clone, Copy)]
enum Part {
    Unique,
    Indexed,
    References,
}

async fn events(transaction: &Transaction<'_>, found: &mut Integrity) -> Result<(), Failure> {
    let sql = "SELECT o.entry, o.version, o.record, r.version FROM scim_outbox o
               LEFT JOIN scim_resource r ON r.tenant = o.tenant AND r.id = o.id
               WHERE o.entry > $1 ORDER BY o.entry LIMIT $2";
    let mut last = i64::MIN;
    loop {
        let rows = query(transaction, sql, &[&last, &BATCH]).await?;
        let Some(end) = rows.last() else { return Ok(()) };
        last = end.try_get(0)?;
        for row in &rows {
            let told = Told {
                entry: row.try_get(0)?,
                version: row.try_get(1)?,
                record: row.try_get(2)?,
                current: row.try_get(3)?,
            };
            told.check(found);
        }
    }
}
