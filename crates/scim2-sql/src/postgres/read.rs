//! Rows to resources.

use std::collections::HashMap;

use chrono::DateTime;
use deadpool_postgres::GenericClient;
use futures_util::future::try_join4;
use scim2_core::etag::Version;
use scim2_core::key::comparison_key;
use scim2_core::{Resource, ResourceType};
use scim2_provider::Scope;
use scim2_provider::store::{
    Load, StoreError, Stored, has_groups, has_members, singular_references,
};
use scim2_provider::text::StoredText;
use serde_json::{Map, Value};
use tokio_postgres::Row;
use tokio_postgres::types::ToSql;

use super::error::Postgres;
use super::names::Names;
use crate::keys::{escape, unescape};
use crate::shape::{container, has_other_references, reference_path};

/// The columns of a [`Kept`], of a row called `r`.
macro_rules! columns {
    () => {
        "r.pk, r.id, r.version, r.created, r.modified, r.doc,
         EXISTS (SELECT 1 FROM scim_ref f WHERE f.pk = r.pk),
         (SELECT json_agg(json_build_array(g.pk, g.id, g.display_name,
              EXISTS (SELECT 1 FROM scim_member o
                      WHERE o.tenant = g.tenant AND o.member = g.id)))::text
          FROM scim_member m JOIN scim_resource g ON g.pk = m.group_pk
          WHERE m.tenant = r.tenant AND m.member = r.id)"
    };
}
pub(crate) use columns;

/// The columns of a [`Kept`], of a row called `r`.
pub(crate) const COLUMNS: &str = columns!();

/// A row of `scim_resource`.
#[derive(Clone, Debug)]
pub(crate) struct Kept {
    pub(crate) pk: i64,
    pub(crate) id: String,
    pub(crate) version: i64,
    pub(crate) created: i64,
    pub(crate) modified: i64,
    pub(crate) doc: String,
    /// Whether it refers to another, as `manager` does.
    pub(crate) refers: bool,
    /// The groups that it is a member of itself.
    pub(crate) groups: Vec<DirectGroup>,
}

/// A group's row number, `id` and name, and whether it is a member of a group in turn.
pub(crate) type DirectGroup = (i64, String, Option<String>, bool);

impl Kept {
    pub(crate) fn of(row: &Row) -> Result<Self, StoreError> {
        let mut groups: Vec<DirectGroup> = match row.try_get::<_, Option<&str>>(7).db()? {
            Some(groups) => serde_json::from_str(groups).map_err(StoreError::internal)?,
            None => Vec::new(),
        };
        groups.sort_unstable_by_key(|(pk, ..)| *pk);
        Ok(Self {
            pk: row.try_get(0).db()?,
            id: row.try_get(1).db()?,
            version: row.try_get(2).db()?,
            created: row.try_get(3).db()?,
            modified: row.try_get(4).db()?,
            doc: row.try_get(5).db()?,
            refers: row.try_get(6).db()?,
            groups,
        })
    }

    /// The document as it is kept.
    pub(crate) fn document(&self) -> Result<Resource, StoreError> {
        serde_json::from_str(&self.doc).map_err(StoreError::internal)
    }

    fn is_in_nested_groups(&self) -> bool {
        self.groups.iter().any(|(.., nested)| *nested)
    }

    /// The groups, if none of them is in a group.
    fn direct_groups(&self) -> Vec<Value> {
        self.groups.iter().map(|(_, id, name, _)| group(id, name.as_deref(), "direct")).collect()
    }
}

/// The form of an identifier under which it is compared, as the tables keep it.
pub(crate) fn id_key(text: &str) -> String {
    escape(&comparison_key(true, text)).into_owned()
}

/// Reads the resources of one type of one tenant.
pub(crate) struct Reader<'a, C> {
    pub(crate) client: &'a C,
    pub(crate) scope: &'a Scope,
    pub(crate) ty: &'a ResourceType,
    pub(crate) tenant: i64,
    pub(crate) rtype: i64,
}

impl<'a, C: GenericClient> Reader<'a, C> {
    /// The row of a resource.
    pub(crate) const FIND: &'static str = concat!(
        "SELECT ",
        columns!(),
        " FROM scim_resource r WHERE r.tenant = $1 AND r.id = $2 AND r.rtype = $3"
    );

    /// None if there is no resource of this type in this tenant, and never was.
    pub(crate) async fn new(
        client: &'a C,
        names: &Names,
        scope: &'a Scope,
        ty: &'a ResourceType,
    ) -> Result<Option<Self>, StoreError> {
        let Some(tenant) = names.tenant(client, scope.tenant.as_str()).await? else {
            return Ok(None);
        };
        let Some(rtype) = names.name(client, ty.name()).await? else { return Ok(None) };
        Ok(Some(Self { client, scope, ty, tenant, rtype }))
    }

    /// The row of a resource.
    pub(crate) async fn find(&self, id: &str) -> Result<Option<Kept>, StoreError> {
        // Identifiers that this store made have nothing to escape.
        if id.contains('\0') {
            return Ok(None);
        }
        let rows = self.query(Self::FIND, &[&self.tenant, &id, &self.rtype]).await?;
        rows.first().map(Kept::of).transpose()
    }

    /// Rows as callers see them, in the same order.
    pub(crate) async fn stored(
        &self,
        rows: Vec<Kept>,
        load: Load,
    ) -> Result<Vec<Stored>, StoreError> {
        let full = load == Load::Full;
        let pks: Vec<i64> = rows.iter().map(|kept| kept.pk).collect();
        let nested = rows.iter().filter(|kept| kept.is_in_nested_groups());
        let nested: Vec<String> = nested.map(|kept| kept.id.clone()).collect();
        let referring: Vec<i64> =
            rows.iter().filter(|kept| kept.refers).map(|kept| kept.pk).collect();
        // All that is asked is asked at once, of one connection.
        let (mut members, mut through_groups, mut targets, mut external_ids) = try_join4(
            self.members(if full && has_members(self.ty) { &pks } else { &[] }),
            self.groups(if full && has_groups(self.ty) { &nested } else { &[] }),
            self.reference_names(&referring),
            self.external_ids(&pks),
        )
        .await?;
        rows.into_iter()
            .map(|kept| {
                let mut document = kept.document()?;
                let direct = kept.direct_groups();
                let Kept { pk, id, version, created, modified, .. } = kept;
                document.insert("id", id.as_str());
                if self.scope.domain.is_some() {
                    document.remove("externalId");
                    if let Some(own) = external_ids.remove(&pk) {
                        document.insert("externalId", own);
                    }
                }
                for (path, name) in targets.remove(&pk).unwrap_or_default() {
                    self.put_reference_name(&mut document, &path, name);
                }
                if let Some(members) = members.remove(&pk) {
                    document.insert("members", members);
                }
                if let Some(groups) = through_groups.remove(&id) {
                    document.insert("groups", groups);
                } else if full && has_groups(self.ty) && !direct.is_empty() {
                    document.insert("groups", direct);
                }
                let (created, modified) = (time(created)?, time(modified)?);
                Ok(Stored::new(document, Version::weak(version), created, modified))
            })
            .collect()
    }

    /// Rows as text, in the same order.
    pub(crate) async fn texts(
        &self,
        rows: Vec<Kept>,
        load: Load,
    ) -> Result<Vec<StoredText>, StoreError> {
        let full = load == Load::Full;
        let plain = self.scope.domain.is_none()
            && !(full && has_members(self.ty))
            && !has_other_references(self.ty);
        let plain = |kept: &&Kept| plain && !kept.refers && !kept.is_in_nested_groups();
        // What others show in is put together.
        let others = rows.iter().filter(|kept| !plain(kept)).cloned().collect();
        let mut others = self.stored(others, load).await?.into_iter();
        let text = |kept: &Kept| {
            if !plain(&kept) {
                let lost = || StoreError::internal("a row was lost on the way");
                return Ok(StoredText::new(self.ty, others.next().ok_or_else(lost)?));
            }
            let times = (time(kept.created)?, time(kept.modified)?);
            let (document, version) = (kept.doc.as_bytes(), Version::weak(kept.version));
            let mut text = StoredText::from_json(self.ty, &kept.id, document, version, times);
            if full && has_groups(self.ty) && !kept.groups.is_empty() {
                text.live_mut().insert("groups".into(), kept.direct_groups().into());
            }
            Ok(text)
        };
        rows.iter().map(text).collect()
    }

    /// One row as callers see it.
    pub(crate) async fn one(&self, kept: Kept, load: Load) -> Result<Stored, StoreError> {
        let stored = self.stored(vec![kept], load).await?.pop();
        stored.ok_or_else(|| StoreError::internal("a row was lost on the way"))
    }

    pub(crate) async fn query(
        &self,
        sql: &str,
        values: &[&(dyn ToSql + Sync)],
    ) -> Result<Vec<Row>, StoreError> {
        let statement = self.client.prepare_cached(sql).await.db()?;
        self.client.query(&statement, values).await.db()
    }

    /// `manager.displayName` is the manager's (ruling W35).
    fn put_reference_name(&self, document: &mut Resource, path: &str, name: String) {
        for (extension, attribute) in singular_references(self.ty) {
            let attribute_name = attribute.name.as_str();
            if attribute.sub_attribute("displayName").is_none()
                || reference_path(extension, attribute_name) != path
            {
                continue;
            }
            let reference = container(document, extension)
                .and_then(|map| map.get_mut(attribute_name))
                .and_then(Value::as_object_mut);
            if let Some(reference) = reference {
                reference.insert("displayName".into(), name.into());
            }
            return;
        }
    }

    async fn reference_names(
        &self,
        pks: &[i64],
    ) -> Result<HashMap<i64, Vec<(String, String)>>, StoreError> {
        const SQL: &str = "SELECT f.pk, n.name, t.display_name
             FROM scim_ref f
             JOIN scim_name n ON n.name_id = f.path
             JOIN scim_resource t ON t.tenant = f.tenant AND t.id = f.target
             WHERE f.pk = ANY($1) AND t.display_name IS NOT NULL";
        let mut found: HashMap<i64, Vec<(String, String)>> = HashMap::new();
        if pks.is_empty() {
            return Ok(found);
        }
        for row in self.query(SQL, &[&pks]).await? {
            let name = unescape(row.try_get(2).db()?).into_owned();
            found.entry(row.try_get(0).db()?).or_default().push((row.try_get(1).db()?, name));
        }
        Ok(found)
    }

    /// A provisioning domain sees its own `externalId` alone (RFC 7643 §3.1).
    async fn external_ids(&self, pks: &[i64]) -> Result<HashMap<i64, String>, StoreError> {
        const SQL: &str = "SELECT pk, value FROM scim_external WHERE pk = ANY($1) AND domain = $2";
        let Some(domain) = &self.scope.domain else { return Ok(HashMap::new()) };
        let rows = self.query(SQL, &[&pks, &domain.as_str()]).await?;
        rows.iter()
            .map(|row| Ok((row.try_get(0).db()?, unescape(row.try_get(1).db()?).into_owned())))
            .collect()
    }

    /// The members of groups; type and display are the members' own (ruling W31).
    async fn members(&self, groups: &[i64]) -> Result<HashMap<i64, Vec<Value>>, StoreError> {
        const SQL: &str =
            "SELECT m.group_pk, m.member, m.element, n.name, t.display_name, t.user_name
             FROM scim_member m
             LEFT JOIN scim_resource t ON t.tenant = m.tenant AND t.id = m.member
             LEFT JOIN scim_name n ON n.name_id = t.rtype
             WHERE m.group_pk = ANY($1) ORDER BY m.group_pk, m.member";
        let mut found: HashMap<i64, Vec<Value>> = HashMap::new();
        if groups.is_empty() {
            return Ok(found);
        }
        for row in self.query(SQL, &[&groups]).await? {
            found.entry(row.try_get(0).db()?).or_default().push(member(&row)?);
        }
        Ok(found)
    }

    /// The groups of resources: direct ones first, then those that contain a group of it, each
    /// once, however the groups contain each other (ruling W30).
    async fn groups(&self, ids: &[String]) -> Result<HashMap<String, Vec<Value>>, StoreError> {
        const SQL: &str = "WITH RECURSIVE up (root, pk) AS (
               SELECT m.member, m.group_pk FROM scim_member m
               WHERE m.tenant = $1 AND m.member = ANY($2)
               UNION
               SELECT up.root, m.group_pk FROM up
               JOIN scim_resource r ON r.pk = up.pk
               JOIN scim_member m ON m.tenant = $1 AND m.member = r.id
             )
             SELECT up.root, g.id, g.display_name,
               EXISTS (SELECT 1 FROM scim_member d
                       WHERE d.group_pk = up.pk AND d.member = up.root) AS direct
             FROM up JOIN scim_resource g ON g.pk = up.pk
             WHERE g.id <> up.root
             ORDER BY up.root, direct DESC, up.pk";
        let mut found: HashMap<String, Vec<Value>> = HashMap::new();
        if ids.is_empty() {
            return Ok(found);
        }
        for row in self.query(SQL, &[&self.tenant, &ids]).await? {
            let direct: bool = row.try_get(3).db()?;
            let how = if direct { "direct" } else { "indirect" };
            let group = group(row.try_get(1).db()?, row.try_get(2).db()?, how);
            found.entry(row.try_get(0).db()?).or_default().push(group);
        }
        Ok(found)
    }
}

/// A group as its members show it; the name as the tables keep it.
fn group(id: &str, name: Option<&str>, how: &str) -> Value {
    let mut element = Map::new();
    element.insert("value".into(), id.into());
    if let Some(name) = name {
        element.insert("display".into(), unescape(name).into());
    }
    element.insert("type".into(), how.into());
    Value::Object(element)
}

fn time(milliseconds: i64) -> Result<DateTime<chrono::Utc>, StoreError> {
    DateTime::from_timestamp_millis(milliseconds)
        .ok_or_else(|| StoreError::internal("a time in the store is out of range"))
}

fn member(row: &Row) -> Result<Value, StoreError> {
    let mut element: Map<String, Value> = match row.try_get::<_, Option<&str>>(2).db()? {
        Some(said) => serde_json::from_str(said).map_err(StoreError::internal)?,
        None => Map::new(),
    };
    element.insert("value".into(), unescape(row.try_get(1).db()?).into());
    match row.try_get::<_, Option<&str>>(3).db()? {
        Some(type_name) => {
            element.insert("type".into(), type_name.into());
            let display_name: Option<&str> = row.try_get(4).db()?;
            let user_name: Option<&str> = row.try_get(5).db()?;
            if let Some(name) = display_name {
                element.insert("display".into(), unescape(name).into());
            } else if let Some(name) = user_name {
                element.entry("display").or_insert_with(|| unescape(name).into());
            }
        }
        None => {
            element.entry("type").or_insert_with(|| "User".into());
        }
    }
    Ok(Value::Object(element))
}
