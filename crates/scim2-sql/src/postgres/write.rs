//! Changes, each in one transaction.

use std::collections::{BTreeSet, HashMap};

use deadpool_postgres::{Client, GenericClient, Transaction};
use scim2_core::change::MemberDelta;
use scim2_core::etag::{EntityTags, Version};
use scim2_core::key::comparison_key;
use scim2_core::resource::ResourceId;
use scim2_core::{Resource, ResourceType};
use scim2_provider::Scope;
use scim2_provider::events::Affected;
use scim2_provider::store::{Load, StoreError, has_members};
use serde_json::Map;
use tokio_postgres::Row;
use tokio_postgres::types::ToSql;

use super::error::{Failure, Postgres};
use super::names::Names;
use super::read::{Kept, Reader, columns, id_key};
use crate::keys::{escape, indexed, unescape};
use crate::secret::Hashed;
use crate::shape::{Content, EXTERNAL_ID, Member, clear_reference};
use crate::{rules, search};

/// The numbers of everything that a change may write, made before its transaction begins.
pub(crate) struct Numbers {
    pub(crate) tenant: i64,
    pub(crate) rtype: i64,
    paths: HashMap<String, i64>,
}

impl Numbers {
    pub(crate) async fn make(
        names: &Names,
        client: &Client,
        scope: &Scope,
        ty: &ResourceType,
        content: &Content,
        secrets: &[Hashed],
    ) -> Result<Self, StoreError> {
        let tenant = names.make_tenant(client, scope.tenant.as_str()).await?;
        let rtype = names.make_name(client, ty.name()).await?;
        let mut paths = HashMap::new();
        let unique = content.unique.iter().map(|(path, _)| path.as_str());
        let indexed = content.indexed.iter().map(|(path, _)| *path);
        let references = content.references.iter().map(|reference| reference.path.as_str());
        let secrets = secrets.iter().map(|secret| secret.path.as_str());
        let external_id = ty.external_id_key(None, EXTERNAL_ID).map(|(path, _)| path);
        let external_id = external_id.iter().map(String::as_str).chain([EXTERNAL_ID]);
        for path in unique.chain(indexed).chain(references).chain(secrets).chain(external_id) {
            if !paths.contains_key(path) {
                paths.insert(path.to_owned(), names.make_name(client, path).await?);
            }
        }
        Ok(Self { tenant, rtype, paths })
    }

    fn path(&self, path: &str) -> Result<i64, StoreError> {
        let number = self.paths.get(path).copied();
        number.ok_or_else(|| StoreError::internal("a path has no number"))
    }

    /// Numbered paths and keys, each once.
    fn keys<'a>(
        &self,
        keys: impl Iterator<Item = (&'a str, &'a str)>,
    ) -> Result<BTreeSet<(i64, String)>, StoreError> {
        keys.map(|(path, key)| Ok((self.path(path)?, indexed(key).into_owned()))).collect()
    }

    fn unique(&self, content: &Content) -> Result<BTreeSet<(i64, String)>, StoreError> {
        self.keys(content.unique.iter().map(|(path, key)| (path.as_str(), key.as_str())))
    }

    /// All but `externalId`, which each domain has its own of.
    fn indexed(&self, content: &Content) -> Result<BTreeSet<(i64, String)>, StoreError> {
        let indexed = content.indexed.iter().filter(|(path, _)| *path != EXTERNAL_ID);
        self.keys(indexed.map(|(path, key)| (*path, key.as_str())))
    }
}

/// What belongs to one row of `scim_resource` is written through this.
pub(crate) struct Writer<'a, 't> {
    pub(crate) transaction: &'a Transaction<'t>,
    pub(crate) scope: &'a Scope,
    pub(crate) ty: &'a ResourceType,
    pub(crate) numbers: &'a Numbers,
}

impl Writer<'_, '_> {
    /// Adds a resource, whose keys are of a generation; its row.
    pub(crate) async fn insert(
        &self,
        id: &str,
        content: &Content,
        secrets: &[Hashed],
        generation: i64,
        now: i64,
    ) -> Result<Kept, Failure> {
        let mut document = content.document.clone();
        if self.scope.domain.is_some() {
            document.remove(EXTERNAL_ID);
        }
        let sql = "INSERT INTO scim_resource
                   (tenant, rtype, id, version, created, modified, display_name, user_name, doc,
                    search)
                   VALUES ($1, $2, $3, 1, $4, $4, $5, $6, $7, $8::text::jsonb)
                   RETURNING pk, (SELECT v FROM scim_meta WHERE k = $9)";
        let (display_name, user_name) = names(content);
        let (doc, search) = (text(&document)?, text(&search::document(self.ty, id, &document))?);
        let (tenant, rtype) = (self.numbers.tenant, self.numbers.rtype);
        let place = rules::generation_place(self.ty.name());
        let row = self
            .query_one(
                sql,
                &[&tenant, &rtype, &id, &now, &display_name, &user_name, &doc, &search, &place],
            )
            .await?;
        let pk: i64 = row.try_get(0)?;
        expect_generation(&row, 1, generation)?;
        self.add_unique(pk, &self.numbers.unique(content)?).await?;
        self.add_indexed(pk, &self.numbers.indexed(content)?).await?;
        self.put_external_id(pk, content, document.text(EXTERNAL_ID)).await?;
        self.add_references(pk, content).await?;
        self.put_secrets(pk, secrets).await?;
        self.add_members(pk, &content.members).await?;
        let id = id.to_owned();
        // Nobody knows its `id` yet, so it is in no group.
        let (refers, groups) = (!content.references.is_empty(), Vec::new());
        Ok(Kept { pk, id, version: 1, created: now, modified: now, doc, refers, groups })
    }

    /// Puts new content in the place of a row that is in this version; none if it no longer is.
    pub(crate) async fn replace(
        &self,
        before: &Kept,
        content: &Content,
        secrets: &[Hashed],
        load: Load,
        generation: i64,
        now: i64,
    ) -> Result<Option<Kept>, Failure> {
        let pk = before.pk;
        let old = before.document()?;
        let mut document = content.document.clone();
        if self.scope.domain.is_some() {
            // The common `externalId` is not this domain's to change.
            document.remove(EXTERNAL_ID);
            if let Some(common) = old.get(EXTERNAL_ID) {
                document.insert(EXTERNAL_ID, common.clone());
            }
        }
        let sql = "UPDATE scim_resource
                   SET version = version + 1, modified = GREATEST($3, modified + 1),
                       display_name = $4, user_name = $5, doc = $6, search = $7::text::jsonb
                   WHERE pk = $1 AND version = $2
                   RETURNING version, modified, (SELECT v FROM scim_meta WHERE k = $8)";
        let place = rules::generation_place(self.ty.name());
        let (display_name, user_name) = names(content);
        let doc = text(&document)?;
        let search = text(&search::document(self.ty, &before.id, &document))?;
        let row = self
            .query_opt(
                sql,
                &[&pk, &before.version, &now, &display_name, &user_name, &doc, &search, &place],
            )
            .await?;
        let Some(row) = row else { return Ok(None) };
        expect_generation(&row, 2, generation)?;

        // The keys that are there are those of the row as it was read: it still has that version.
        let old = Content::of(self.ty, old)?;
        if old.unique != content.unique {
            let (old, new) = (self.old_keys(&old.unique), self.numbers.unique(content)?);
            self.remove_unique(pk, old.await?.difference(&new)).await?;
            self.add_unique(pk, &new).await?;
        }
        let indexed = self.numbers.indexed(content)?;
        let old_indexed: Vec<_> =
            old.indexed.iter().map(|(p, k)| ((*p).to_owned(), k.clone())).collect();
        let mut old_indexed = self.old_keys(&old_indexed).await?;
        let external_id = self.numbers.path(EXTERNAL_ID)?;
        old_indexed.retain(|(path, _)| *path != external_id);
        self.remove_indexed(pk, old_indexed.difference(&indexed)).await?;
        self.add_indexed(pk, &indexed.difference(&old_indexed).cloned().collect()).await?;
        if self.scope.domain.is_some() || old.external_id != content.external_id {
            self.put_external_id(pk, content, document.text(EXTERNAL_ID)).await?;
        }
        if old.references != content.references {
            self.execute("DELETE FROM scim_ref WHERE pk = $1", &[&pk]).await?;
            self.add_references(pk, content).await?;
        }
        self.put_secrets(pk, secrets).await?;
        if load == Load::Full && has_members(self.ty) {
            self.put_members(pk, &content.members).await?;
        }
        Ok(Some(Kept {
            pk,
            id: before.id.clone(),
            version: row.try_get(0)?,
            created: before.created,
            modified: row.try_get(1)?,
            doc,
            refers: !content.references.is_empty(),
            groups: before.groups.clone(),
        }))
    }

    /// Numbers keys that were written before, so that their paths have numbers.
    async fn old_keys(
        &self,
        keys: &[(String, String)],
    ) -> Result<BTreeSet<(i64, String)>, Failure> {
        let mut numbered = BTreeSet::new();
        for (path, key) in keys {
            let number = match self.numbers.paths.get(path) {
                Some(number) => *number,
                None => {
                    let sql = "SELECT name_id FROM scim_name WHERE name = $1";
                    match self.query_opt(sql, &[path]).await? {
                        Some(row) => row.try_get(0)?,
                        None => continue,
                    }
                }
            };
            numbered.insert((number, indexed(key).into_owned()));
        }
        Ok(numbered)
    }

    async fn add_unique(&self, pk: i64, keys: &BTreeSet<(i64, String)>) -> Result<(), Failure> {
        if keys.is_empty() {
            return Ok(());
        }
        let sql = "INSERT INTO scim_uniq (tenant, path, key, pk)
                   SELECT $1, w.path, w.key, $2
                   FROM unnest($3::bigint[], $4::text[]) AS w (path, key)
                   ON CONFLICT (tenant, path, key) DO NOTHING";
        let (paths, texts) = columns(keys.iter());
        let tenant = self.numbers.tenant;
        let added = self.execute(sql, &[&tenant, &pk, &paths, &texts]).await?;
        if added == u64::try_from(keys.len()).unwrap_or(u64::MAX) {
            return Ok(());
        }
        // Some were there: of this resource, or of another one.
        let sql =
            "SELECT w.path, w.key, u.pk FROM unnest($2::bigint[], $3::text[]) AS w (path, key)
                   LEFT JOIN scim_uniq u ON u.tenant = $1 AND u.path = w.path AND u.key = w.key";
        for row in self.query(sql, &[&tenant, &paths, &texts]).await? {
            match row.try_get::<_, Option<i64>>(2)? {
                Some(owner) if owner == pk => {}
                // It has just been given up.
                None => return Err(Failure::Race),
                Some(_) => {
                    let taken: i64 = row.try_get(0)?;
                    let mut paths = self.numbers.paths.iter();
                    let named = paths.find(|(_, number)| **number == taken);
                    let attribute = named.map(|(path, _)| path.clone()).unwrap_or_default();
                    return Err(StoreError::Uniqueness { attribute }.into());
                }
            }
        }
        Ok(())
    }

    async fn remove_unique<'k>(
        &self,
        pk: i64,
        keys: impl Iterator<Item = &'k (i64, String)>,
    ) -> Result<(), Failure> {
        let (paths, texts) = columns(keys);
        if paths.is_empty() {
            return Ok(());
        }
        let sql = "DELETE FROM scim_uniq WHERE tenant = $1 AND pk = $2 AND (path, key) IN
                   (SELECT w.path, w.key FROM unnest($3::bigint[], $4::text[]) AS w (path, key))";
        self.execute(sql, &[&self.numbers.tenant, &pk, &paths, &texts]).await?;
        Ok(())
    }

    async fn add_indexed(&self, pk: i64, keys: &BTreeSet<(i64, String)>) -> Result<(), Failure> {
        if keys.is_empty() {
            return Ok(());
        }
        let sql = "INSERT INTO scim_idx (tenant, rtype, path, key, pk)
                   SELECT $1, $2, w.path, w.key, $3
                   FROM unnest($4::bigint[], $5::text[]) AS w (path, key) ON CONFLICT DO NOTHING";
        let (paths, texts) = columns(keys.iter());
        let (tenant, rtype) = (self.numbers.tenant, self.numbers.rtype);
        self.execute(sql, &[&tenant, &rtype, &pk, &paths, &texts]).await?;
        Ok(())
    }

    async fn remove_indexed<'k>(
        &self,
        pk: i64,
        keys: impl Iterator<Item = &'k (i64, String)>,
    ) -> Result<(), Failure> {
        let (paths, texts) = columns(keys);
        if paths.is_empty() {
            return Ok(());
        }
        let sql = "DELETE FROM scim_idx WHERE tenant = $1 AND rtype = $2 AND pk = $3
                   AND (path, key) IN
                   (SELECT w.path, w.key FROM unnest($4::bigint[], $5::text[]) AS w (path, key))";
        let (tenant, rtype) = (self.numbers.tenant, self.numbers.rtype);
        self.execute(sql, &[&tenant, &rtype, &pk, &paths, &texts]).await?;
        Ok(())
    }

    /// Writes the `externalId` of the client's domain, and makes the index that of all domains':
    /// which of them a filter means is decided later.
    async fn put_external_id(
        &self,
        pk: i64,
        content: &Content,
        common: Option<&str>,
    ) -> Result<(), Failure> {
        if let Some(domain) = &self.scope.domain {
            let domain = domain.as_str();
            match &content.external_id {
                Some(value) => {
                    let sql = "INSERT INTO scim_external (pk, domain, value) VALUES ($1, $2, $3)
                               ON CONFLICT (pk, domain) DO UPDATE SET value = excluded.value";
                    self.execute(sql, &[&pk, &domain, &escape(value)]).await?;
                }
                None => {
                    let sql = "DELETE FROM scim_external WHERE pk = $1 AND domain = $2";
                    self.execute(sql, &[&pk, &domain]).await?;
                }
            }
        }
        let path = self.numbers.path(EXTERNAL_ID)?;
        let (mut wanted, mut unique) = (BTreeSet::new(), BTreeSet::new());
        let sql = "SELECT domain, value FROM scim_external WHERE pk = $1";
        let rows = self.query(sql, &[&pk]).await?;
        let mut add = |domain: Option<&str>, value: &str| -> Result<(), StoreError> {
            wanted.insert((path, exact_key(value)));
            if let Some((path, key)) = self.ty.external_id_key(domain, value) {
                unique.insert((self.numbers.path(&path)?, indexed(&key).into_owned()));
            }
            Ok(())
        };
        for row in &rows {
            add(Some(row.try_get(0)?), &unescape(row.try_get(1)?))?;
        }
        common.map_or(Ok(()), |value| add(None, value))?;
        if let Some((path, _)) = self.ty.external_id_key(None, EXTERNAL_ID) {
            let sql = "DELETE FROM scim_uniq WHERE tenant = $1 AND path = $2 AND pk = $3";
            let path = self.numbers.path(&path)?;
            self.execute(sql, &[&self.numbers.tenant, &path, &pk]).await?;
            self.add_unique(pk, &unique).await?;
        }
        let sql = "DELETE FROM scim_idx WHERE tenant = $1 AND rtype = $2 AND path = $3 AND pk = $4";
        let (tenant, rtype) = (self.numbers.tenant, self.numbers.rtype);
        self.execute(sql, &[&tenant, &rtype, &path, &pk]).await?;
        self.add_indexed(pk, &wanted).await
    }

    async fn add_references(&self, pk: i64, content: &Content) -> Result<(), Failure> {
        if content.references.is_empty() {
            return Ok(());
        }
        let sql = "INSERT INTO scim_ref (tenant, target, pk, path, required)
                   SELECT $1, w.target, $2, w.path, w.required
                   FROM unnest($3::text[], $4::bigint[], $5::boolean[])
                   AS w (target, path, required) ON CONFLICT DO NOTHING";
        let (mut targets, mut paths, mut required) = (Vec::new(), Vec::new(), Vec::new());
        for reference in &content.references {
            targets.push(escape(&reference.target).into_owned());
            paths.push(self.numbers.path(&reference.path)?);
            required.push(reference.required);
        }
        self.execute(sql, &[&self.numbers.tenant, &pk, &targets, &paths, &required]).await?;
        Ok(())
    }

    async fn put_secrets(&self, pk: i64, secrets: &[Hashed]) -> Result<(), Failure> {
        for secret in secrets {
            let sql = "INSERT INTO scim_secret (pk, path, hash) VALUES ($1, $2, $3)
                       ON CONFLICT (pk, path) DO UPDATE SET hash = excluded.hash";
            let path = self.numbers.path(&secret.path)?;
            self.execute(sql, &[&pk, &path, &secret.hash]).await?;
        }
        Ok(())
    }

    /// Adds those that are not members yet; which they were.
    async fn add_members(&self, pk: i64, members: &[Member]) -> Result<Vec<String>, Failure> {
        if members.is_empty() {
            return Ok(Vec::new());
        }
        let sql = "INSERT INTO scim_member (group_pk, member, tenant, element)
                   SELECT $1, w.member, $2, w.element
                   FROM unnest($3::text[], $4::text[]) AS w (member, element)
                   ON CONFLICT (group_pk, member) DO NOTHING RETURNING member";
        let (ids, elements) = member_columns(members.iter());
        let rows = self.query(sql, &[&pk, &self.numbers.tenant, &ids, &elements]).await?;
        rows.iter().map(|row| Ok(row.try_get(0)?)).collect()
    }

    /// Makes these the members, and no others.
    async fn put_members(&self, pk: i64, members: &[Member]) -> Result<(), Failure> {
        let (ids, _) = member_columns(members.iter());
        let sql = "DELETE FROM scim_member m WHERE m.group_pk = $1
                   AND NOT EXISTS (SELECT 1 FROM unnest($2::text[]) AS w (member)
                                   WHERE w.member = m.member)";
        self.execute(sql, &[&pk, &ids]).await?;
        let (ids, elements) = member_columns(members.iter().filter(|member| !member.unchanged));
        if ids.is_empty() {
            return Ok(());
        }
        let sql = "INSERT INTO scim_member AS m (group_pk, member, tenant, element)
                   SELECT $1, w.member, $2, w.element
                   FROM unnest($3::text[], $4::text[]) AS w (member, element)
                   ON CONFLICT (group_pk, member) DO UPDATE SET element = excluded.element
                   WHERE m.element IS DISTINCT FROM excluded.element";
        self.execute(sql, &[&pk, &self.numbers.tenant, &ids, &elements]).await?;
        Ok(())
    }

    async fn execute(&self, sql: &str, values: &[&(dyn ToSql + Sync)]) -> Result<u64, Failure> {
        execute(self.transaction, sql, values).await
    }

    async fn query(&self, sql: &str, values: &[&(dyn ToSql + Sync)]) -> Result<Vec<Row>, Failure> {
        query(self.transaction, sql, values).await
    }

    async fn query_opt(
        &self,
        sql: &str,
        values: &[&(dyn ToSql + Sync)],
    ) -> Result<Option<Row>, Failure> {
        Ok(self.query(sql, values).await?.into_iter().next())
    }

    async fn query_one(&self, sql: &str, values: &[&(dyn ToSql + Sync)]) -> Result<Row, Failure> {
        let row = self.query_opt(sql, values).await?;
        Ok(row.ok_or_else(|| StoreError::internal("a statement gave no row"))?)
    }
}

/// Adds and removes members by name: the row of the group, and what came of it.
#[expect(clippy::too_many_arguments, reason = "all of it is what a change of members needs")]
pub(crate) async fn change_members(
    transaction: &Transaction<'_>,
    names: &Names,
    scope: &Scope,
    ty: &ResourceType,
    id: &str,
    expected: Option<&EntityTags>,
    delta: &MemberDelta,
    now: i64,
) -> Result<(Numbers, Kept, MemberDelta), Failure> {
    let reader = Reader::new(transaction, names, scope, ty).await?.ok_or(StoreError::NotFound)?;
    let numbers = Numbers { tenant: reader.tenant, rtype: reader.rtype, paths: HashMap::new() };
    let mut kept = lock(&reader, id).await?.ok_or(StoreError::NotFound)?;
    if expected.is_some_and(|expected| !expected.matches(&Version::weak(kept.version))) {
        return Err(StoreError::PreconditionFailed.into());
    }
    let writer = Writer { transaction, scope, ty, numbers: &numbers };
    let mut done = MemberDelta::default();
    if !delta.remove.is_empty() {
        let sql = "DELETE FROM scim_member WHERE group_pk = $1 AND member = ANY($2::text[])
                   RETURNING member";
        let ids: Vec<String> = delta.remove.iter().map(|id| id_key(id.as_str())).collect();
        let rows = writer.query(sql, &[&kept.pk, &ids]).await?;
        let mut gone: BTreeSet<String> =
            rows.iter().map(|row| row.try_get(0)).collect::<Result<_, _>>()?;
        let removed = delta.remove.iter().filter(|id| gone.remove(&id_key(id.as_str())));
        done.remove.extend(removed.cloned());
    }
    let mut members = Vec::with_capacity(delta.add.len());
    for member in &delta.add {
        let mut element = Map::new();
        element.insert("value".into(), member.value.as_str().into());
        if let Some(member_type) = &member.member_type {
            element.insert("type".into(), (**member_type).into());
        }
        if let Some(display) = &member.display {
            element.insert("display".into(), (**display).into());
        }
        members.extend(Member::of(element)?);
    }
    let mut new: BTreeSet<String> =
        writer.add_members(kept.pk, &members).await?.into_iter().collect();
    let added = delta.add.iter().filter(|member| new.remove(&id_key(member.value.as_str())));
    done.add.extend(added.cloned());
    if !done.is_empty() {
        for (_, version, modified) in touch(transaction, &[kept.pk], now).await? {
            (kept.version, kept.modified) = (version, modified);
        }
    }
    Ok((numbers, kept, done))
}

/// The rows that the deletion of a resource changes: the groups that it is in, then those that
/// refer to it otherwise, each in the order of creation.
pub(crate) async fn referrers<C: GenericClient>(
    reader: &Reader<'_, C>,
    kept: &Kept,
) -> Result<Vec<(i64, Affected)>, StoreError> {
    let sql = "SELECT m.group_pk, r.id, n.name FROM scim_member m
               JOIN scim_resource r ON r.pk = m.group_pk JOIN scim_name n ON n.name_id = r.rtype
               WHERE m.tenant = $1 AND m.member = $2 AND m.group_pk <> $3 ORDER BY m.group_pk";
    let mut found = Vec::new();
    for row in reader.query(sql, &[&reader.tenant, &kept.id, &kept.pk]).await? {
        let (pk, id): (i64, String) = (row.try_get(0).db()?, row.try_get(1).db()?);
        found.push((pk, Affected::group(row.try_get(2).db()?, ResourceId::from(id))));
    }
    let groups = found.len();
    let sql = "SELECT f.pk, r.id, n.name, p.name FROM scim_ref f
               JOIN scim_name p ON p.name_id = f.path
               JOIN scim_resource r ON r.pk = f.pk JOIN scim_name n ON n.name_id = r.rtype
               WHERE f.tenant = $1 AND f.target = $2 AND NOT f.required AND f.pk <> $3
               ORDER BY f.pk, f.path";
    for row in reader.query(sql, &[&reader.tenant, &kept.id, &kept.pk]).await? {
        let (pk, id): (i64, String) = (row.try_get(0).db()?, row.try_get(1).db()?);
        let path = attribute(row.try_get(3).db()?);
        match found.get_mut(groups..).and_then(<[_]>::last_mut) {
            Some((last, affected)) if *last == pk => affected.attributes.push(path),
            _ => {
                let name = row.try_get(2).db()?;
                found.push((pk, Affected::referrer(name, ResourceId::from(id), vec![path])));
            }
        }
    }
    Ok(found)
}

/// Deletes a resource that is in this version and what refers to it (ruling W32), if that is what
/// was expected; the new versions and times of what referred to it. None if it was not: then the
/// transaction must not be committed. Where no referrers are given, references to it stay.
pub(crate) async fn delete(
    transaction: &Transaction<'_>,
    tenant: i64,
    before: &Kept,
    expected: Option<&[(i64, Affected)]>,
    now: i64,
) -> Result<Option<HashMap<i64, (i64, i64)>>, Failure> {
    let (id, deleted) = (&before.id, before.pk);
    let mut pks: Vec<i64> = expected.unwrap_or_default().iter().map(|(pk, _)| *pk).collect();
    pks.push(deleted);
    // In one order, so that two who delete do not wait for each other.
    let sql = "SELECT pk, version FROM scim_resource WHERE pk = ANY($1) ORDER BY pk FOR UPDATE";
    let rows = query(transaction, sql, &[&pks]).await?;
    let locked: HashMap<i64, i64> = rows
        .iter()
        .map(|row| Ok((row.try_get(0)?, row.try_get(1)?)))
        .collect::<Result<_, Failure>>()?;
    if locked.get(&deleted) != Some(&before.version) {
        return Ok(None);
    }
    if let Some(expected) = expected
        && !forget(transaction, tenant, before, expected).await?
    {
        return Ok(None);
    }
    // Its own keys, members and references go with it.
    execute(transaction, "DELETE FROM scim_resource WHERE pk = $1", &[&deleted]).await?;
    for (pk, affected) in expected.unwrap_or_default() {
        if affected.loses_member() {
            continue;
        }
        let sql = "SELECT doc, search::text FROM scim_resource WHERE pk = $1";
        let Some(row) = query(transaction, sql, &[pk]).await?.into_iter().next() else { continue };
        let parse = StoreError::internal;
        let mut document: Resource = serde_json::from_str(row.try_get(0)?).map_err(parse)?;
        let mut search = serde_json::from_str(row.try_get(1)?).map_err(parse)?;
        for path in &affected.attributes {
            clear_reference(&mut document, &mut search, path, &unescape(id));
        }
        let sql = "UPDATE scim_resource SET doc = $2, search = $3::text::jsonb WHERE pk = $1";
        execute(transaction, sql, &[pk, &text(&document)?, &text(&search)?]).await?;
    }
    pks.retain(|pk| *pk != deleted);
    let touched = touch(transaction, &pks, now).await?;
    Ok(Some(touched.into_iter().map(|(pk, version, at)| (pk, (version, at))).collect()))
}

/// Removes all memberships and references to a resource, and says whether they were those that
/// were expected. Nobody who is expected changes meanwhile. Who else comes to refer to it is seen
/// here if his change is committed; if it is not, it comes after the deletion, and leads nowhere.
async fn forget(
    transaction: &Transaction<'_>,
    tenant: i64,
    before: &Kept,
    expected: &[(i64, Affected)],
) -> Result<bool, Failure> {
    let values: [&(dyn ToSql + Sync); 3] = [&tenant, &before.id, &before.pk];
    let mut gone: BTreeSet<(i64, Box<str>)> = BTreeSet::new();
    let sql = "DELETE FROM scim_member WHERE tenant = $1 AND member = $2 AND group_pk <> $3
               RETURNING group_pk";
    for row in query(transaction, sql, &values).await? {
        gone.insert((row.try_get(0)?, "members".into()));
    }
    let sql = "DELETE FROM scim_ref f USING scim_name p
               WHERE p.name_id = f.path AND f.tenant = $1 AND f.target = $2 AND NOT f.required
               AND f.pk <> $3 RETURNING f.pk, p.name";
    for row in query(transaction, sql, &values).await? {
        gone.insert((row.try_get(0)?, attribute(row.try_get(1)?)));
    }
    let known = expected.iter().flat_map(|(pk, affected)| {
        affected.attributes.iter().map(|attribute| (*pk, attribute.clone()))
    });
    let known = known.collect();
    Ok(gone == known)
}

/// The path of a reference, as clients write it.
fn attribute(path: &str) -> Box<str> {
    path.replace(' ', ":").into()
}

/// The row of a resource, which nobody else changes until the transaction ends.
async fn lock<C: GenericClient>(reader: &Reader<'_, C>, id: &str) -> Result<Option<Kept>, Failure> {
    const SQL: &str = concat!(
        "SELECT ",
        columns!(),
        " FROM scim_resource r WHERE r.tenant = $1 AND r.id = $2 AND r.rtype = $3
         FOR UPDATE OF r"
    );
    if id.contains('\0') {
        return Ok(None);
    }
    let rows = query(reader.client, SQL, &[&reader.tenant, &id, &reader.rtype]).await?;
    Ok(rows.first().map(Kept::of).transpose()?)
}

/// Gives rows a new version and a time later than their last (ruling W29).
async fn touch(
    transaction: &Transaction<'_>,
    pks: &[i64],
    now: i64,
) -> Result<Vec<(i64, i64, i64)>, Failure> {
    if pks.is_empty() {
        return Ok(Vec::new());
    }
    let sql = "UPDATE scim_resource
               SET version = version + 1, modified = GREATEST($2, modified + 1)
               WHERE pk = ANY($1) RETURNING pk, version, modified";
    let rows = query(transaction, sql, &[&pks, &now]).await?;
    rows.iter().map(|row| Ok((row.try_get(0)?, row.try_get(1)?, row.try_get(2)?))).collect()
}

pub(crate) async fn execute(
    client: &impl GenericClient,
    sql: &str,
    values: &[&(dyn ToSql + Sync)],
) -> Result<u64, Failure> {
    let statement = client.prepare_cached(sql).await?;
    Ok(client.execute(&statement, values).await?)
}

pub(crate) async fn query(
    client: &impl GenericClient,
    sql: &str,
    values: &[&(dyn ToSql + Sync)],
) -> Result<Vec<Row>, Failure> {
    let statement = client.prepare_cached(sql).await?;
    Ok(client.query(&statement, values).await?)
}

/// Refuses a change whose keys are not of the generation that the database has come to: another
/// process has made keys anew, by rules that may be others.
fn expect_generation(row: &Row, column: usize, expected: i64) -> Result<(), Failure> {
    let found = row.try_get::<_, Option<&str>>(column)?.unwrap_or("0");
    if found.parse() == Ok(expected) { Ok(()) } else { Err(Failure::Outdated) }
}

/// The key of an attribute with `caseExact`.
fn exact_key(value: &str) -> String {
    indexed(&comparison_key(true, value)).into_owned()
}

fn columns<'k>(keys: impl Iterator<Item = &'k (i64, String)>) -> (Vec<i64>, Vec<&'k str>) {
    keys.map(|(path, key)| (*path, key.as_str())).unzip()
}

fn member_columns<'a>(
    members: impl DoubleEndedIterator<Item = &'a Member>,
) -> (Vec<String>, Vec<Option<&'a str>>) {
    // One statement must not name a row twice; of members with one value the last counts.
    let mut seen = BTreeSet::new();
    let unique = members.rev().filter(|member| seen.insert(member.id.as_str()));
    unique.map(|member| (escape(&member.id).into_owned(), member.element.as_deref())).unzip()
}

/// How others show the resource.
fn names(content: &Content) -> (Option<String>, Option<String>) {
    let (display_name, user_name) = content.names();
    let kept = |name: &str| escape(name).into_owned();
    (display_name.map(kept), user_name.map(kept))
}

fn text(document: &impl serde::Serialize) -> Result<String, StoreError> {
    serde_json::to_string(document).map_err(StoreError::internal)
}
