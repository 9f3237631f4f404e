//! A look at everything in the file.

use std::borrow::Cow;
use std::collections::BTreeSet;

use rusqlite::{Connection, params};
use scim2_core::Catalog;
use scim2_provider::store::StoreError;

use super::error::Sqlite;
use super::read::id_column;
use super::write::external_ids;
use crate::integrity::{DEPENDENTS, Integrity, PlacedKey, Told, Whole, counted, orphans};

/// Looks at everything, in the transaction that the connection is in.
pub(crate) fn check(connection: &Connection, catalog: &Catalog) -> Result<Integrity, StoreError> {
    let mut found = Integrity::default();
    file(connection, &mut found)?;
    for (table, column) in DEPENDENTS {
        let count: i64 =
            connection.query_row(&orphans(table, column), [], |row| row.get(0)).db()?;
        if count > 0 {
            found.problem(format_args!("{table}: {count} rows of no resource"));
        }
    }
    resources(connection, catalog, &mut found)?;
    members(connection, &mut found)?;
    events(connection, &mut found)?;
    Ok(found)
}

/// What SQLite itself finds wrong with the file.
fn file(connection: &Connection, found: &mut Integrity) -> Result<(), StoreError> {
    let mut statement = connection.prepare("PRAGMA integrity_check").db()?;
    let mut rows = statement.query([]).db()?;
    while let Some(row) = rows.next().db()? {
        let line: String = row.get(0).db()?;
        if line != "ok" {
            found.problem(format_args!("the file: {line}"));
        }
    }
    let sql = "SELECT \"table\", count(*) FROM pragma_foreign_key_check GROUP BY 1";
    let mut statement = connection.prepare(sql).db()?;
    let mut rows = statement.query([]).db()?;
    while let Some(row) = rows.next().db()? {
        let (table, count): (String, i64) = (row.get(0).db()?, row.get(1).db()?);
        found.problem(format_args!("{table}: {count} rows refer to nothing"));
    }
    Ok(())
}

fn resources(
    connection: &Connection,
    catalog: &Catalog,
    found: &mut Integrity,
) -> Result<(), StoreError> {
    let sql = "SELECT r.pk, r.tenant, r.rtype, n.name, r.id, r.version, r.created, r.modified,
                 r.display_name, r.user_name, r.doc, json(r.search)
               FROM scim_resource r JOIN scim_name n ON n.name_id = r.rtype";
    let mut statement = connection.prepare(sql).db()?;
    let mut rows = statement.query([]).db()?;
    while let Some(row) = rows.next().db()? {
        let mut whole = Whole {
            pk: row.get(0).db()?,
            tenant: row.get(1).db()?,
            rtype: row.get(2).db()?,
            type_name: row.get(3).db()?,
            id: id_column(row, 4).db()?,
            version: row.get(5).db()?,
            created: row.get(6).db()?,
            modified: row.get(7).db()?,
            display_name: row.get(8).db()?,
            user_name: row.get(9).db()?,
            doc: row.get(10).db()?,
            search: row.get(11).db()?,
            ..Whole::default()
        };
        let sql = "SELECT k.tenant, ?2, n.name, k.key FROM scim_uniq k
                   JOIN scim_name n ON n.name_id = k.path WHERE k.pk = ?1";
        whole.unique = keys(connection, sql, &whole)?;
        let sql = "SELECT k.tenant, k.rtype, n.name, k.key FROM scim_idx k
                   JOIN scim_name n ON n.name_id = k.path WHERE k.pk = ?1 AND ?2 = ?2";
        whole.indexed = keys(connection, sql, &whole)?;
        let sql = "SELECT k.tenant, ?2, n.name, k.target FROM scim_ref k
                   JOIN scim_name n ON n.name_id = k.path WHERE k.pk = ?1";
        whole.references = keys(connection, sql, &whole)?;
        whole.external_ids = external_ids(connection, whole.pk)?;
        let sql = "SELECT element FROM scim_member WHERE group_pk = ?1 AND element IS NOT NULL";
        whole.elements = texts(connection, sql, whole.pk)?;
        whole.check(catalog, |key| Cow::Borrowed(key), found);
    }
    Ok(())
}

fn keys(
    connection: &Connection,
    sql: &str,
    whole: &Whole,
) -> Result<BTreeSet<PlacedKey>, StoreError> {
    let mut statement = connection.prepare_cached(sql).db()?;
    let rows = statement
        .query_map(params![whole.pk, whole.rtype], |row| {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?, id_column(row, 3)?))
        })
        .db()?;
    rows.collect::<Result<_, _>>().db()
}

fn texts(connection: &Connection, sql: &str, pk: i64) -> Result<Vec<String>, StoreError> {
    let mut statement = connection.prepare_cached(sql).db()?;
    let rows = statement.query_map([pk], |row| row.get(0)).db()?;
    rows.collect::<Result<_, _>>().db()
}

fn members(connection: &Connection, found: &mut Integrity) -> Result<(), StoreError> {
    let sql = "SELECT count(*), count(*) FILTER (WHERE m.tenant <> g.tenant)
               FROM scim_member m JOIN scim_resource g ON g.pk = m.group_pk";
    let (all, strangers): (i64, i64) =
        connection.query_row(sql, [], |row| Ok((row.get(0)?, row.get(1)?))).db()?;
    found.members = counted(all)?;
    if strangers > 0 {
        found.problem(format_args!("scim_member: {strangers} rows are of another tenant"));
    }
    Ok(())
}

fn events(connection: &Connection, found: &mut Integrity) -> Result<(), StoreError> {
    let sql = "SELECT o.seq, o.version, o.record, r.version FROM scim_outbox o
               LEFT JOIN scim_resource r ON r.tenant = o.tenant AND r.id = o.id";
    let mut statement = connection.prepare(sql).db()?;
    let mut rows = statement.query([]).db()?;
    while let Some(row) = rows.next().db()? {
        let told = Told {
            entry: row.get(0).db()?,
            version: row.get(1).db()?,
            record: row.get(2).db()?,
            current: row.get(3).db()?,
        };
        told.check(found);
    }
    Ok(())
}
