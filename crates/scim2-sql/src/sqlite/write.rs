//! Changes, made by the thread that writes. Each is all or nothing.

use std::collections::{BTreeSet, HashMap};

use rusqlite::{Connection, Row, params};
use scim2_core::change::MemberDelta;
use scim2_core::etag::{EntityTags, Version};
use scim2_core::key::comparison_key;
use scim2_core::resource::ResourceId;
use scim2_core::{Resource, ResourceType};
use scim2_provider::Scope;
use scim2_provider::events::Affected;
use scim2_provider::store::{Load, StoreError, Stored, Updated, has_members};
use serde_json::Map;

use super::error::{Sqlite, is_duplicate, store_error};
use super::id;
use super::read::{Kept, Reader, id_column, name_id, tenant};
use super::threads::Writing;
use crate::search;
use crate::secret::Hashed;
use crate::shape::{Content, EXTERNAL_ID, Member, Reference, clear_reference};

/// A new resource as it is to be written: its texts are made where they do not hold up other
/// changes.
pub(crate) struct New {
    content: Content,
    document: Resource,
    doc: String,
    /// The search document, without `id`.
    search: String,
}

impl New {
    pub(crate) fn of(
        scope: &Scope,
        ty: &ResourceType,
        content: Content,
    ) -> Result<Self, StoreError> {
        let mut document = content.document.clone();
        if scope.domain.is_some() {
            document.remove(EXTERNAL_ID);
        }
        let mut search = search::document(ty, "", &document);
        search.remove("id");
        let (doc, search) = (text(&document)?, text(&search)?);
        Ok(Self { content, document, doc, search })
    }

    /// The search document. No `id` that is made here needs escapes.
    fn search(&self, id: &str) -> String {
        let rest = self.search.strip_prefix('{').unwrap_or_default();
        let comma = if rest == "}" { "" } else { "," };
        format!("{{\"id\":\"{id}\"{comma}{rest}")
    }
}

/// Adds a resource.
pub(crate) fn insert(
    writing: &mut Writing<'_>,
    scope: &Scope,
    ty: &ResourceType,
    new: New,
    secrets: &[Hashed],
    now: i64,
) -> Result<Stored, StoreError> {
    let connection = writing.connection;
    let tenant = writing.tenant(scope)?;
    let rtype = writing.name(ty.name())?;
    let id = writing.ids.next(now)?;
    let search = new.search(&id);
    let New { content, document, doc, .. } = new;
    let (display_name, user_name) = content.names();
    let sql = "INSERT INTO scim_resource
               (tenant, rtype, id, version, created, modified, display_name, user_name, doc, search)
               VALUES (?1, ?2, ?3, 1, ?4, ?4, ?5, ?6, ?7, jsonb(?8)) RETURNING pk";
    let values = params![tenant, rtype, id::to_sql(&id), now, display_name, user_name, doc, search];
    let pk = connection.prepare_cached(sql).db()?.query_row(values, |row| row.get(0)).db()?;
    let row = Writer { writing, ty, tenant, rtype, pk, was: Was::NotThere };
    row.put(scope, &content, secrets, document.text(EXTERNAL_ID))?;
    for member in &content.members {
        row.join(member)?;
    }
    // Nobody knows its `id` yet, so it is in no group.
    let (in_group, refers) = (false, !content.references.is_empty());
    let (created, modified) = (now, now);
    let kept = Kept { pk, id, version: 1, created, modified, doc, in_group, refers };
    Reader { connection, scope, ty, tenant, rtype }.stored_as(&kept, document, Load::Full)
}

/// Puts new content in the place of a resource that is in this version; none if it no longer is.
#[expect(clippy::too_many_arguments, reason = "all of it is what a replacement needs")]
pub(crate) fn replace(
    writing: &Writing<'_>,
    scope: &Scope,
    ty: &ResourceType,
    before: (i64, i64),
    content: &Content,
    secrets: &[Hashed],
    load: Load,
    now: i64,
) -> Result<Option<Stored>, StoreError> {
    let connection = writing.connection;
    let (pk, version) = before;
    let Some(reader) = Reader::new(connection, scope, ty)? else { return Ok(None) };
    let Some(kept) = reader.row(pk)?.filter(|kept| kept.version == version) else {
        return Ok(None);
    };
    let mut document = content.document.clone();
    if scope.domain.is_some() {
        // The common `externalId` is not this domain's to change.
        document.remove(EXTERNAL_ID);
        if let Some(common) = kept.document()?.remove("externalId") {
            document.insert(EXTERNAL_ID, common);
        }
    }
    let (display_name, user_name) = content.names();
    let sql = "UPDATE scim_resource
               SET version = version + 1, modified = max(?3, modified + 1),
                   display_name = ?4, user_name = ?5, doc = ?6, search = jsonb(?7)
               WHERE pk = ?1 AND version = ?2";
    let (doc, search) = (text(&document)?, text(&search::document(ty, &kept.id, &document))?);
    let values = params![pk, version, now, display_name, user_name, doc, search];
    if connection.prepare_cached(sql).db()?.execute(values).db()? == 0 {
        return Ok(None);
    }
    let (tenant, rtype) = (reader.tenant, reader.rtype);
    let row = Writer { writing, ty, tenant, rtype, pk, was: Was::There };
    row.put(scope, content, secrets, document.text(EXTERNAL_ID))?;
    if load == Load::Full && has_members(ty) {
        row.put_members(&content.members)?;
    }
    read_back(connection, scope, ty, pk, load).map(Some)
}

/// Adds and removes members by name.
pub(crate) fn change_members(
    writing: &Writing<'_>,
    scope: &Scope,
    ty: &ResourceType,
    id: &str,
    expected: Option<&EntityTags>,
    delta: &MemberDelta,
    now: i64,
) -> Result<Updated, StoreError> {
    let connection = writing.connection;
    let reader = Reader::new(connection, scope, ty)?.ok_or(StoreError::NotFound)?;
    let kept = expect(&reader, id, expected)?;
    let (tenant, rtype) = (reader.tenant, reader.rtype);
    let row = Writer { writing, ty, tenant, rtype, pk: kept.pk, was: Was::There };
    let mut done = MemberDelta::default();
    for member in &delta.remove {
        if row.leave(&comparison_key(true, member.as_str()))? > 0 {
            done.remove.push(member.clone());
        }
    }
    for member in &delta.add {
        let mut element = Map::new();
        element.insert("value".into(), member.value.as_str().into());
        if let Some(member_type) = &member.member_type {
            element.insert("type".into(), (**member_type).into());
        }
        if let Some(display) = &member.display {
            element.insert("display".into(), (**display).into());
        }
        if let Some(new) = Member::of(element)?
            && row.join(&new)? > 0
        {
            done.add.push(member.clone());
        }
    }
    if !done.is_empty() {
        touch(connection, kept.pk, now)?;
    }
    let stored = read_back(connection, scope, ty, kept.pk, Load::WithoutMembers)?;
    Ok(Updated::members(stored, done))
}

/// The rows that the deletion of a resource changes: the groups that it is in, then those that
/// refer to it otherwise, each in the order of creation.
pub(crate) fn referrers(
    reader: &Reader<'_>,
    kept: &Kept,
) -> Result<Vec<(i64, Affected)>, StoreError> {
    let key = id::to_sql(&kept.id);
    let sql = "SELECT m.group_pk, r.id, n.name FROM scim_member m
               JOIN scim_resource r ON r.pk = m.group_pk JOIN scim_name n ON n.name_id = r.rtype
               WHERE m.tenant = ?1 AND m.member = ?2 AND m.group_pk <> ?3 ORDER BY m.group_pk";
    let mut statement = reader.connection.prepare_cached(sql).db()?;
    let mut rows = statement.query(params![reader.tenant, key, kept.pk]).db()?;
    let mut found = Vec::new();
    while let Some(row) = rows.next().db()? {
        let (pk, id, name): (_, _, String) =
            (row.get(0).db()?, id_column(row, 1).db()?, row.get(2).db()?);
        found.push((pk, Affected::group(&name, ResourceId::from(id))));
    }
    let groups = found.len();
    let sql = "SELECT f.pk, r.id, n.name, p.name FROM scim_ref f
               JOIN scim_name p ON p.name_id = f.path
               JOIN scim_resource r ON r.pk = f.pk JOIN scim_name n ON n.name_id = r.rtype
               WHERE f.tenant = ?1 AND f.target = ?2 AND f.required = 0 AND f.pk <> ?3
               ORDER BY f.pk, f.path";
    let mut statement = reader.connection.prepare_cached(sql).db()?;
    let mut rows = statement.query(params![reader.tenant, key, kept.pk]).db()?;
    while let Some(row) = rows.next().db()? {
        let (pk, id, name): (_, _, String) =
            (row.get(0).db()?, id_column(row, 1).db()?, row.get(2).db()?);
        let path = row.get::<_, String>(3).db()?.replace(' ', ":").into_boxed_str();
        match found.get_mut(groups..).and_then(<[_]>::last_mut) {
            Some((last, affected)) if *last == pk => affected.attributes.push(path),
            _ => found.push((pk, Affected::referrer(&name, ResourceId::from(id), vec![path]))),
        }
    }
    Ok(found)
}

/// Deletes a resource that is in this version and what refers to it (ruling W32), if that is
/// what it was. Where no referrers are given, references to it stay.
pub(crate) fn delete(
    writing: &Writing<'_>,
    scope: &Scope,
    ty: &ResourceType,
    before: (i64, i64),
    expected: Option<&[(i64, Affected)]>,
    now: i64,
) -> Result<bool, StoreError> {
    let connection = writing.connection;
    let (pk, version) = before;
    let reader = Reader::new(connection, scope, ty)?.ok_or(StoreError::NotFound)?;
    let Some(kept) = reader.row(pk)?.filter(|kept| kept.version == version) else {
        return Ok(false);
    };
    if let Some(expected) = expected
        && referrers(&reader, &kept)? != expected
    {
        return Ok(false);
    }
    let key = id::to_sql(&kept.id);
    // Its own keys, members and references go with it.
    let sql = "DELETE FROM scim_resource WHERE pk = ?1";
    connection.prepare_cached(sql).db()?.execute([kept.pk]).db()?;
    let Some(expected) = expected else { return Ok(true) };
    let sql = "DELETE FROM scim_member WHERE tenant = ?1 AND member = ?2";
    connection.prepare_cached(sql).db()?.execute(params![reader.tenant, key]).db()?;
    for (pk, affected) in expected {
        if !affected.loses_member() {
            let Some(referrer) = reader.row(*pk)? else { continue };
            let mut document = referrer.document()?;
            let sql = "SELECT json(search) FROM scim_resource WHERE pk = ?1";
            let mut statement = connection.prepare_cached(sql).db()?;
            let search: String = statement.query_row([pk], |row| row.get(0)).db()?;
            let mut search = serde_json::from_str(&search).map_err(StoreError::internal)?;
            for path in &affected.attributes {
                clear_reference(&mut document, &mut search, path, &kept.id);
            }
            let sql = "UPDATE scim_resource SET doc = ?2, search = jsonb(?3) WHERE pk = ?1";
            let values = params![pk, text(&document)?, text(&search)?];
            connection.prepare_cached(sql).db()?.execute(values).db()?;
        }
        touch(connection, *pk, now)?;
    }
    let sql = "DELETE FROM scim_ref WHERE tenant = ?1 AND target = ?2 AND required = 0";
    connection.prepare_cached(sql).db()?.execute(params![reader.tenant, key]).db()?;
    Ok(true)
}

/// The version of a row, and when it was made.
pub(crate) fn version(connection: &Connection, pk: i64) -> Result<(Version, i64), StoreError> {
    let sql = "SELECT version, modified FROM scim_resource WHERE pk = ?1";
    let mut statement = connection.prepare_cached(sql).db()?;
    let version = |row: &Row<'_>| Ok((Version::weak(row.get::<_, i64>(0)?), row.get(1)?));
    statement.query_row([pk], version).db()
}

/// Makes the keys of one row anew, by today's rules.
pub(crate) fn rebuild_keys(
    writing: &Writing<'_>,
    ty: &ResourceType,
    kept: &Kept,
    row_tenant: i64,
    row_type: i64,
) -> Result<(), StoreError> {
    let connection = writing.connection;
    let document = kept.document()?;
    let search = text(&search::document(ty, &kept.id, &document))?;
    let sql = "UPDATE scim_resource SET search = jsonb(?2) WHERE pk = ?1";
    connection.prepare_cached(sql).db()?.execute(params![kept.pk, search]).db()?;
    let common = document.text(EXTERNAL_ID).map(str::to_owned);
    let content = Content::of(ty, document)?;
    let (tenant, rtype, pk) = (row_tenant, row_type, kept.pk);
    let row = Writer { writing, ty, tenant, rtype, pk, was: Was::There };
    row.put_keys(&content, common.as_deref())
}

/// The row of a resource, if it is in a version that the caller expects.
fn expect(
    reader: &Reader<'_>,
    id: &str,
    expected: Option<&EntityTags>,
) -> Result<Kept, StoreError> {
    let kept = reader.find(id)?.ok_or(StoreError::NotFound)?;
    match expected {
        Some(expected) if !expected.matches(&Version::weak(kept.version)) => {
            Err(StoreError::PreconditionFailed)
        }
        _ => Ok(kept),
    }
}

/// Gives a row a new version and a time later than its last (ruling W29).
fn touch(connection: &Connection, pk: i64, now: i64) -> Result<(), StoreError> {
    let sql = "UPDATE scim_resource SET version = version + 1, modified = max(?2, modified + 1)
               WHERE pk = ?1";
    connection.prepare_cached(sql).db()?.execute([pk, now]).db()?;
    Ok(())
}

fn read_back(
    connection: &Connection,
    scope: &Scope,
    ty: &ResourceType,
    pk: i64,
    load: Load,
) -> Result<Stored, StoreError> {
    let reader = Reader::new(connection, scope, ty)?.ok_or(StoreError::NotFound)?;
    let kept = reader.row(pk)?.ok_or(StoreError::NotFound)?;
    reader.stored(&kept, load)
}

impl Writing<'_> {
    /// The number of a tenant, which is made if there is none.
    pub(crate) fn tenant(&self, scope: &Scope) -> Result<i64, StoreError> {
        let name = scope.tenant.as_str();
        if let Some(known) = self.tenants.get(name) {
            return Ok(known);
        }
        let number = match tenant(self.connection, scope)? {
            Some(number) => number,
            None => {
                let sql = "INSERT INTO scim_tenant (name) VALUES (?1) RETURNING tenant";
                let mut statement = self.connection.prepare_cached(sql).db()?;
                statement.query_row([name], |row| row.get(0)).db()?
            }
        };
        self.tenants.put(name, number);
        Ok(number)
    }

    /// The number of a name, which is made if there is none.
    pub(crate) fn name(&self, name: &str) -> Result<i64, StoreError> {
        if let Some(known) = self.names.get(name) {
            return Ok(known);
        }
        let number = match name_id(self.connection, name)? {
            Some(number) => number,
            None => {
                let sql = "INSERT INTO scim_name (name) VALUES (?1) RETURNING name_id";
                let mut statement = self.connection.prepare_cached(sql).db()?;
                statement.query_row([name], |row| row.get(0)).db()?
            }
        };
        self.names.put(name, number);
        Ok(number)
    }
}

fn text(document: &impl serde::Serialize) -> Result<String, StoreError> {
    serde_json::to_string(document).map_err(StoreError::internal)
}

/// The provisioning domains that have an `externalId` for a resource, with it.
pub(crate) fn external_ids(
    connection: &Connection,
    pk: i64,
) -> Result<Vec<(String, String)>, StoreError> {
    let sql = "SELECT domain, value FROM scim_external WHERE pk = ?1";
    let mut statement = connection.prepare_cached(sql).db()?;
    let rows = statement.query_map([pk], |row| Ok((row.get(0)?, row.get(1)?))).db()?;
    rows.collect::<Result<_, _>>().db()
}

/// Writes what belongs to one row of `scim_resource`.
struct Writer<'a> {
    writing: &'a Writing<'a>,
    ty: &'a ResourceType,
    tenant: i64,
    rtype: i64,
    pk: i64,
    was: Was,
}

/// Whether the row was there before, and may have keys already.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Was {
    There,
    NotThere,
}

impl Writer<'_> {
    /// Everything but the row itself and the members.
    fn put(
        &self,
        scope: &Scope,
        content: &Content,
        secrets: &[Hashed],
        common_external_id: Option<&str>,
    ) -> Result<(), StoreError> {
        if let Some(domain) = &scope.domain {
            self.put_external_id(domain.as_str(), content.external_id.as_deref())?;
        }
        self.put_keys(content, common_external_id)?;
        for secret in secrets {
            let path = self.writing.name(&secret.path)?;
            let sql = "INSERT INTO scim_secret (pk, path, hash) VALUES (?1, ?2, ?3)
                       ON CONFLICT (pk, path) DO UPDATE SET hash = excluded.hash";
            let mut statement = self.writing.connection.prepare_cached(sql).db()?;
            statement.execute(params![self.pk, path, secret.hash]).db()?;
        }
        Ok(())
    }

    fn put_external_id(&self, domain: &str, value: Option<&str>) -> Result<(), StoreError> {
        match value {
            Some(value) => {
                let sql = "INSERT INTO scim_external (pk, domain, value) VALUES (?1, ?2, ?3)
                           ON CONFLICT (pk, domain) DO UPDATE SET value = excluded.value";
                let mut statement = self.writing.connection.prepare_cached(sql).db()?;
                statement.execute(params![self.pk, domain, value]).db()?;
            }
            None => {
                let sql = "DELETE FROM scim_external WHERE pk = ?1 AND domain = ?2";
                let mut statement = self.writing.connection.prepare_cached(sql).db()?;
                statement.execute(params![self.pk, domain]).db()?;
            }
        }
        Ok(())
    }

    fn put_keys(
        &self,
        content: &Content,
        common_external_id: Option<&str>,
    ) -> Result<(), StoreError> {
        let keys = self.external_id_keys(common_external_id)?;
        self.put_unique(content.unique.iter().chain(&keys))?;
        self.put_indexed(content, common_external_id)?;
        self.put_references(&content.references)
    }

    /// What must be unique about the `externalId` of each domain, and the common one.
    fn external_id_keys(&self, common: Option<&str>) -> Result<Vec<(String, String)>, StoreError> {
        if !self.ty.has_unique_external_id() {
            return Ok(Vec::new());
        }
        let common = common.and_then(|common| self.ty.external_id_key(None, common));
        let own = external_ids(self.writing.connection, self.pk)?;
        let own = own.iter().filter_map(|(domain, id)| self.ty.external_id_key(Some(domain), id));
        Ok(own.chain(common).collect())
    }

    fn put_unique<'k>(
        &self,
        keys: impl Iterator<Item = &'k (String, String)>,
    ) -> Result<(), StoreError> {
        let mut wanted = BTreeSet::new();
        for (path, key) in keys {
            wanted.insert((self.writing.name(path)?, key.as_str(), path.as_str()));
        }
        let sql = "SELECT path, key FROM scim_uniq WHERE pk = ?1";
        let old = self.keys(sql)?;
        for (path, key) in &old {
            if !wanted.iter().any(|(wanted, text, _)| wanted == path && text == key) {
                let sql = "DELETE FROM scim_uniq WHERE tenant = ?1 AND path = ?2 AND key = ?3";
                let mut statement = self.writing.connection.prepare_cached(sql).db()?;
                statement.execute(params![self.tenant, path, key]).db()?;
            }
        }
        for (path, key, attribute) in wanted {
            if old.iter().any(|(old, text)| *old == path && text == key) {
                continue;
            }
            let sql = "INSERT INTO scim_uniq (tenant, path, key, pk) VALUES (?1, ?2, ?3, ?4)";
            let mut statement = self.writing.connection.prepare_cached(sql).db()?;
            statement.execute(params![self.tenant, path, key, self.pk]).map_err(|error| {
                if is_duplicate(&error) {
                    StoreError::Uniqueness { attribute: attribute.to_owned() }
                } else {
                    store_error(error)
                }
            })?;
        }
        Ok(())
    }

    fn put_indexed(
        &self,
        content: &Content,
        common_external_id: Option<&str>,
    ) -> Result<(), StoreError> {
        let mut wanted = BTreeSet::new();
        for (path, key) in &content.indexed {
            if *path != EXTERNAL_ID {
                wanted.insert((self.writing.name(path)?, key.clone()));
            }
        }
        // Of all domains: which of them a filter means is decided on the document.
        let sql = "SELECT value FROM scim_external WHERE pk = ?1";
        let mut statement = self.writing.connection.prepare_cached(sql).db()?;
        let mut external_ids: Vec<String> = statement
            .query_map([self.pk], |row| row.get(0))
            .db()?
            .collect::<Result<_, _>>()
            .db()?;
        external_ids.extend(common_external_id.map(str::to_owned));
        for external_id in external_ids {
            let path = self.writing.name(EXTERNAL_ID)?;
            wanted.insert((path, comparison_key(true, &external_id).into_owned()));
        }
        let sql = "SELECT path, key FROM scim_idx WHERE pk = ?1";
        let old: BTreeSet<_> = self.keys(sql)?.into_iter().collect();
        for (path, key) in old.difference(&wanted) {
            let sql = "DELETE FROM scim_idx
                       WHERE tenant = ?1 AND rtype = ?2 AND path = ?3 AND key = ?4 AND pk = ?5";
            let mut statement = self.writing.connection.prepare_cached(sql).db()?;
            statement.execute(params![self.tenant, self.rtype, path, key, self.pk]).db()?;
        }
        for (path, key) in wanted.difference(&old) {
            let sql = "INSERT INTO scim_idx (tenant, rtype, path, key, pk)
                       VALUES (?1, ?2, ?3, ?4, ?5)";
            let mut statement = self.writing.connection.prepare_cached(sql).db()?;
            statement.execute(params![self.tenant, self.rtype, path, key, self.pk]).db()?;
        }
        Ok(())
    }

    /// The keys that the row has.
    fn keys(&self, sql: &str) -> Result<Vec<(i64, String)>, StoreError> {
        if self.was == Was::NotThere {
            return Ok(Vec::new());
        }
        let mut statement = self.writing.connection.prepare_cached(sql).db()?;
        let rows = statement.query_map([self.pk], |row| Ok((row.get(0)?, row.get(1)?))).db()?;
        rows.collect::<Result<_, _>>().db()
    }

    fn put_references(&self, references: &[Reference]) -> Result<(), StoreError> {
        if self.was == Was::There {
            let sql = "DELETE FROM scim_ref WHERE pk = ?1";
            self.writing.connection.prepare_cached(sql).db()?.execute([self.pk]).db()?;
        }
        for reference in references {
            let path = self.writing.name(&reference.path)?;
            let sql = "INSERT INTO scim_ref (tenant, target, pk, path, required)
                       VALUES (?1, ?2, ?3, ?4, ?5)";
            let mut statement = self.writing.connection.prepare_cached(sql).db()?;
            let values = params![
                self.tenant,
                id::to_sql(&reference.target),
                self.pk,
                path,
                reference.required
            ];
            statement.execute(values).db()?;
        }
        Ok(())
    }

    /// Makes these the members, and no others.
    fn put_members(&self, members: &[Member]) -> Result<(), StoreError> {
        let sql = "SELECT member, element FROM scim_member WHERE group_pk = ?1";
        let mut statement = self.writing.connection.prepare_cached(sql).db()?;
        let mut old: HashMap<String, Option<String>> = statement
            .query_map([self.pk], |row| Ok((id_column(row, 0)?, row.get(1)?)))
            .db()?
            .collect::<Result<_, _>>()
            .db()?;
        for member in members {
            match old.remove(&member.id) {
                Some(element) if member.unchanged || element == member.element => {}
                Some(_) => {
                    self.leave(&member.id)?;
                    self.join(member)?;
                }
                None => {
                    self.join(member)?;
                }
            }
        }
        for member in old.keys() {
            self.leave(member)?;
        }
        Ok(())
    }

    /// Adds a member, unless it is one; returns how many rows that changed.
    fn join(&self, member: &Member) -> Result<usize, StoreError> {
        let sql = "INSERT INTO scim_member (group_pk, member, tenant, element)
                   VALUES (?1, ?2, ?3, ?4) ON CONFLICT DO NOTHING";
        let values = params![self.pk, id::to_sql(&member.id), self.tenant, member.element];
        self.writing.connection.prepare_cached(sql).db()?.execute(values).db()
    }

    /// Removes a member; returns how many rows that changed.
    fn leave(&self, member: &str) -> Result<usize, StoreError> {
        let sql = "DELETE FROM scim_member WHERE group_pk = ?1 AND member = ?2";
        let values = params![self.pk, id::to_sql(member)];
        self.writing.connection.prepare_cached(sql).db()?.execute(values).db()
    }
}
