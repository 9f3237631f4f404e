//! Comparison keys by today's rules, in the place of those of other ones.

use std::collections::{BTreeSet, HashMap};

use scim2_core::key::{FOLD_VERSION, comparison_key};
use scim2_core::{Catalog, Resource, ResourceType};
use scim2_provider::store::StoreError;
use tokio_postgres::{Row, Transaction};

use super::error::ConnectError;
use super::migrate::{fold_version, type_rules};
use crate::keys::{escape, indexed, unescape};
use crate::shape::{Content, EXTERNAL_ID};
use crate::{rules, search};

/// How many resources get their keys together.
const BATCH: i64 = 500;

/// Makes the keys anew that were made by other rules than the catalog's. Others wait with their
/// changes meanwhile; they may read.
pub(crate) async fn reindex(
    transaction: &Transaction<'_>,
    catalog: &Catalog,
) -> Result<(), ConnectError> {
    let all = fold_version(transaction).await? != **FOLD_VERSION;
    let mut outdated = HashMap::new();
    for (rtype, name) in types(transaction, all).await? {
        let Some(ty) = catalog.by_name(&name) else {
            if all {
                return Err(ConnectError::UnknownType { name });
            }
            // Nobody looks for its resources.
            continue;
        };
        if all || type_rules(transaction, &name).await?.as_ref() != Some(&rules::of(ty)) {
            outdated.insert(rtype, ty);
        }
    }
    if outdated.is_empty() && !all {
        return Ok(());
    }
    // Whoever is in the middle of a change finishes it first. One statement may take longer than
    // any request.
    let sql = "SET LOCAL statement_timeout = 0; LOCK TABLE scim_resource IN EXCLUSIVE MODE";
    transaction.batch_execute(sql).await?;
    let rtypes: Vec<i64> = outdated.keys().copied().collect();
    for table in ["scim_uniq", "scim_idx", "scim_ref"] {
        let sql = format!(
            "DELETE FROM {table} k USING scim_resource r WHERE r.pk = k.pk AND r.rtype = ANY($1)"
        );
        transaction.execute(&sql, &[&rtypes]).await?;
    }
    let mut work = Work { transaction, paths: HashMap::new() };
    let mut last = i64::MIN;
    let sql = "SELECT pk, tenant, rtype, id, doc FROM scim_resource
               WHERE pk > $1 AND rtype = ANY($2) ORDER BY pk LIMIT $3";
    let statement = transaction.prepare(sql).await?;
    loop {
        let rows = transaction.query(&statement, &[&last, &rtypes, &BATCH]).await?;
        let Some(end) = rows.last() else { break };
        last = end.try_get(0)?;
        work.put(&rows, &outdated).await?;
    }
    let put = "INSERT INTO scim_meta (k, v) VALUES ($1, $2)
               ON CONFLICT (k) DO UPDATE SET v = excluded.v";
    let next = "INSERT INTO scim_meta (k, v) VALUES ($1, '1')
                ON CONFLICT (k) DO UPDATE SET v = (scim_meta.v::bigint + 1)::text";
    for ty in outdated.values() {
        transaction.execute(next, &[&rules::generation_place(ty.name())]).await?;
        transaction.execute(put, &[&rules::place(ty.name()), &rules::of(ty)]).await?;
    }
    transaction.execute(put, &[&"fold_version", &FOLD_VERSION.as_str()]).await?;
    Ok(())
}

/// The types that have keys, each with its number; where all keys are of other rules, the types of
/// which there are resources.
async fn types(
    transaction: &Transaction<'_>,
    all: bool,
) -> Result<Vec<(i64, String)>, ConnectError> {
    let sql = if all {
        "SELECT n.name_id, n.name FROM scim_name n
         WHERE n.name_id IN (SELECT rtype FROM scim_resource)"
    } else {
        "SELECT n.name_id, n.name FROM scim_name n JOIN scim_meta m ON m.k = 'keys:' || n.name"
    };
    let rows = transaction.query(sql, &[]).await?;
    rows.iter().map(|row| Ok((row.try_get(0)?, row.try_get(1)?))).collect()
}

struct Work<'a, 't> {
    transaction: &'a Transaction<'t>,
    /// The numbers of paths.
    paths: HashMap<String, i64>,
}

/// Keys as columns: to which row each belongs, under which path.
#[derive(Default)]
struct Columns {
    tenants: Vec<i64>,
    rtypes: Vec<i64>,
    pks: Vec<i64>,
    paths: Vec<i64>,
    keys: Vec<String>,
    required: Vec<bool>,
}

impl Columns {
    fn push(&mut self, place: (i64, i64, i64), path: i64, key: String, required: bool) {
        let (tenant, rtype, pk) = place;
        self.tenants.push(tenant);
        self.rtypes.push(rtype);
        self.pks.push(pk);
        self.paths.push(path);
        self.keys.push(key);
        self.required.push(required);
    }
}

impl Work<'_, '_> {
    /// Writes the keys of resources.
    async fn put(
        &mut self,
        rows: &[Row],
        types: &HashMap<i64, &ResourceType>,
    ) -> Result<(), ConnectError> {
        let pks: Vec<i64> = rows.iter().map(|row| row.try_get(0)).collect::<Result<_, _>>()?;
        let mut external_ids = self.external_ids(&pks).await?;
        let mut searches = Vec::with_capacity(rows.len());
        let (mut unique, mut by_index, mut references) =
            (Columns::default(), Columns::default(), Columns::default());
        for row in rows {
            let place: (i64, i64, i64) = (row.try_get(1)?, row.try_get(2)?, row.try_get(0)?);
            let (_, rtype, pk) = place;
            let Some(ty) = types.get(&rtype) else { continue };
            let broken = |error| ConnectError::Damaged(StoreError::internal(error));
            let document: Resource =
                serde_json::from_str(row.try_get::<_, &str>(4)?).map_err(broken)?;
            let search = search::document(ty, row.try_get(3)?, &document);
            searches.push(serde_json::to_string(&search).map_err(broken)?);
            let content = Content::of(ty, document).map_err(ConnectError::Damaged)?;
            let (mut uniques, mut indexes) = (BTreeSet::new(), BTreeSet::new());
            for (path, key) in &content.unique {
                uniques.insert((self.path(path).await?, indexed(key).into_owned()));
            }
            for (path, key) in content.indexed.iter().filter(|(path, _)| *path != EXTERNAL_ID) {
                indexes.insert((self.path(path).await?, indexed(key).into_owned()));
            }
            let own = external_ids.remove(&pk).unwrap_or_default();
            let common = content.external_id.map(|id| (None, id));
            for (domain, id) in own.into_iter().chain(common) {
                let key = indexed(&comparison_key(true, &id)).into_owned();
                indexes.insert((self.path(EXTERNAL_ID).await?, key));
                if let Some((path, key)) = ty.external_id_key(domain.as_deref(), &id) {
                    uniques.insert((self.path(&path).await?, indexed(&key).into_owned()));
                }
            }
            for (path, key) in uniques {
                unique.push(place, path, key, false);
            }
            for (path, key) in indexes {
                by_index.push(place, path, key, false);
            }
            for reference in &content.references {
                let path = self.path(&reference.path).await?;
                let target = escape(&reference.target).into_owned();
                references.push(place, path, target, reference.required);
            }
        }
        let sql = "UPDATE scim_resource r SET search = w.search::jsonb
                   FROM unnest($1::bigint[], $2::text[]) AS w (pk, search) WHERE r.pk = w.pk";
        self.transaction.execute(sql, &[&pks, &searches]).await?;
        let sql = "INSERT INTO scim_idx (tenant, rtype, pk, path, key)
                   SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::bigint[],
                                        $5::text[])";
        let Columns { tenants, rtypes, pks, paths, keys, .. } = &by_index;
        self.transaction.execute(sql, &[tenants, rtypes, pks, paths, keys]).await?;
        let sql = "INSERT INTO scim_ref (tenant, pk, path, target, required)
                   SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::text[],
                                        $5::boolean[])
                   ON CONFLICT DO NOTHING";
        let Columns { tenants, pks, paths, keys, required, .. } = &references;
        self.transaction.execute(sql, &[tenants, pks, paths, keys, required]).await?;
        self.put_unique(&unique).await
    }

    async fn put_unique(&self, unique: &Columns) -> Result<(), ConnectError> {
        let sql = "INSERT INTO scim_uniq (tenant, pk, path, key)
                   SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::text[])
                   ON CONFLICT DO NOTHING";
        let Columns { tenants, pks, paths, keys, .. } = unique;
        let added = self.transaction.execute(sql, &[tenants, pks, paths, keys]).await?;
        if added == u64::try_from(pks.len()).unwrap_or(u64::MAX) {
            return Ok(());
        }
        let sql = "SELECT n.name, one.id, other.id
                   FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::text[])
                     AS w (tenant, pk, path, key)
                   JOIN scim_uniq u ON u.tenant = w.tenant AND u.path = w.path AND u.key = w.key
                   JOIN scim_resource one ON one.pk = u.pk
                   JOIN scim_resource other ON other.pk = w.pk
                   JOIN scim_name n ON n.name_id = w.path
                   WHERE u.pk <> w.pk ORDER BY w.pk LIMIT 1";
        match self.transaction.query_opt(sql, &[tenants, pks, paths, keys]).await? {
            Some(row) => Err(ConnectError::Collision {
                attribute: row.try_get(0)?,
                first: row.try_get(1)?,
                second: row.try_get(2)?,
            }),
            None => Err(ConnectError::Damaged(StoreError::internal("a key was not written"))),
        }
    }

    /// The `externalId` of each resource in each provisioning domain.
    async fn external_ids(
        &self,
        pks: &[i64],
    ) -> Result<HashMap<i64, Vec<(Option<String>, String)>>, ConnectError> {
        let sql = "SELECT pk, domain, value FROM scim_external WHERE pk = ANY($1)";
        let mut found: HashMap<_, Vec<_>> = HashMap::new();
        for row in self.transaction.query(sql, &[&pks]).await? {
            let value = unescape(row.try_get(2)?).into_owned();
            found.entry(row.try_get(0)?).or_default().push((row.try_get(1)?, value));
        }
        Ok(found)
    }

    /// The number of a path, which is made if there is none.
    async fn path(&mut self, path: &str) -> Result<i64, ConnectError> {
        if let Some(number) = self.paths.get(path) {
            return Ok(*number);
        }
        let sql = "INSERT INTO scim_name (name) VALUES ($1) ON CONFLICT (name) DO NOTHING";
        self.transaction.execute(sql, &[&path]).await?;
        let sql = "SELECT name_id FROM scim_name WHERE name = $1";
        let number = self.transaction.query_one(sql, &[&path]).await?.try_get(0)?;
        self.paths.insert(path.to_owned(), number);
        Ok(number)
    }
}
