//! Rows to resources.

use chrono::{DateTime, Utc};
use rusqlite::{Connection, OptionalExtension, Row, params};
use scim2_core::etag::Version;
use scim2_core::{Resource, ResourceType};
use scim2_provider::Scope;
use scim2_provider::store::{
    Load, StoreError, Stored, has_groups, has_members, singular_references,
};
use scim2_provider::text::StoredText;
use serde_json::{Map, Value};

use super::error::Sqlite;
use super::id;
use crate::shape::{container, has_other_references};

/// The columns of a [`Kept`], of a row called `r`.
macro_rules! columns {
    () => {
        "r.pk, r.id, r.version, r.created, r.modified, r.doc,
         EXISTS (SELECT 1 FROM scim_member WHERE tenant = r.tenant AND member = r.id),
         EXISTS (SELECT 1 FROM scim_ref WHERE pk = r.pk)"
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
    /// Whether it is a member of a group.
    pub(crate) in_group: bool,
    /// Whether it refers to another, as `manager` does.
    pub(crate) refers: bool,
}

impl Kept {
    pub(crate) fn of(row: &Row<'_>) -> Result<Self, rusqlite::Error> {
        Ok(Self {
            pk: row.get(0)?,
            id: id_column(row, 1)?,
            version: row.get(2)?,
            created: row.get(3)?,
            modified: row.get(4)?,
            doc: row.get(5)?,
            in_group: row.get(6)?,
            refers: row.get(7)?,
        })
    }

    /// When it was made and when it was changed last.
    fn times(&self) -> Result<(DateTime<Utc>, DateTime<Utc>), StoreError> {
        let time = |milliseconds| {
            DateTime::from_timestamp_millis(milliseconds)
                .ok_or_else(|| StoreError::internal("a time in the store is out of range"))
        };
        Ok((time(self.created)?, time(self.modified)?))
    }

    /// The document as it is kept.
    pub(crate) fn document(&self) -> Result<Resource, StoreError> {
        serde_json::from_str(&self.doc).map_err(StoreError::internal)
    }
}

/// An identifier in a row.
pub(crate) fn id_column(row: &Row<'_>, column: usize) -> Result<String, rusqlite::Error> {
    let value = row.get_ref(column)?;
    let kind = value.data_type();
    id::from_sql(value)
        .ok_or_else(|| rusqlite::Error::InvalidColumnType(column, "id".to_owned(), kind))
}

/// Which of a group's members are wanted.
#[derive(Clone, Debug)]
pub(crate) enum Members {
    All,
    /// Only those that are among these.
    Among(Vec<String>),
}

/// Which computed attributes are wanted.
#[derive(Clone, Debug)]
pub(crate) struct Computed {
    pub(crate) members: Option<Members>,
    pub(crate) groups: Want,
    /// The names of what singular references point to.
    pub(crate) references: Want,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Want {
    Yes,
    No,
}

impl Computed {
    pub(crate) fn of(load: Load) -> Self {
        match load {
            Load::Full => {
                Self { members: Some(Members::All), groups: Want::Yes, references: Want::Yes }
            }
            Load::WithoutMembers => Self { members: None, groups: Want::No, references: Want::Yes },
        }
    }
}

/// The number of a tenant; none if nothing was ever written for it.
pub(crate) fn tenant(connection: &Connection, scope: &Scope) -> Result<Option<i64>, StoreError> {
    let sql = "SELECT tenant FROM scim_tenant WHERE name = ?1";
    let mut statement = connection.prepare_cached(sql).db()?;
    statement.query_row([scope.tenant.as_str()], |row| row.get(0)).optional().db()
}

/// The number of a name; none if it was never written.
pub(crate) fn name_id(connection: &Connection, name: &str) -> Result<Option<i64>, StoreError> {
    let sql = "SELECT name_id FROM scim_name WHERE name = ?1";
    let mut statement = connection.prepare_cached(sql).db()?;
    statement.query_row([name], |row| row.get(0)).optional().db()
}

/// Reads the resources of one type of one tenant.
pub(crate) struct Reader<'a> {
    pub(crate) connection: &'a Connection,
    pub(crate) scope: &'a Scope,
    pub(crate) ty: &'a ResourceType,
    pub(crate) tenant: i64,
    pub(crate) rtype: i64,
}

impl<'a> Reader<'a> {
    /// The row of a resource.
    pub(crate) const FIND: &'static str = concat!(
        "SELECT ",
        columns!(),
        " FROM scim_resource r WHERE r.tenant = ?1 AND r.id = ?2 AND r.rtype = ?3"
    );

    /// None if there is no resource of this type in this tenant, and never was.
    pub(crate) fn new(
        connection: &'a Connection,
        scope: &'a Scope,
        ty: &'a ResourceType,
    ) -> Result<Option<Self>, StoreError> {
        let Some(tenant) = tenant(connection, scope)? else { return Ok(None) };
        let Some(rtype) = name_id(connection, ty.name())? else { return Ok(None) };
        Ok(Some(Self { connection, scope, ty, tenant, rtype }))
    }

    /// The row of a resource.
    pub(crate) fn find(&self, id: &str) -> Result<Option<Kept>, StoreError> {
        self.find_with(id, |kept| Ok(kept.clone()))
    }

    /// What is to be done with the row of a resource, in the state in which it was found.
    pub(crate) fn find_with<T>(
        &self,
        id: &str,
        work: impl FnOnce(&Kept) -> Result<T, StoreError>,
    ) -> Result<Option<T>, StoreError> {
        let mut statement = self.connection.prepare_cached(Self::FIND).db()?;
        // As long as this is not over, other statements see the same state.
        let mut rows = statement.query(params![self.tenant, id::to_sql(id), self.rtype]).db()?;
        let Some(row) = rows.next().db()? else { return Ok(None) };
        let kept = Kept::of(row).db()?;
        // What was asked for may be another text for the same key.
        if kept.id == id { work(&kept).map(Some) } else { Ok(None) }
    }

    /// The row with this number.
    pub(crate) fn row(&self, pk: i64) -> Result<Option<Kept>, StoreError> {
        let sql = format!("SELECT {COLUMNS} FROM scim_resource r WHERE r.pk = ?1");
        let mut statement = self.connection.prepare_cached(&sql).db()?;
        statement.query_row([pk], Kept::of).optional().db()
    }

    /// A row as callers see it.
    pub(crate) fn stored(&self, kept: &Kept, load: Load) -> Result<Stored, StoreError> {
        self.stored_as(kept, kept.document()?, load)
    }

    /// The same of a row whose document is at hand.
    pub(crate) fn stored_as(
        &self,
        kept: &Kept,
        document: Resource,
        load: Load,
    ) -> Result<Stored, StoreError> {
        let resource = self.complete(kept, document, &Computed::of(load))?;
        let (created, modified) = kept.times()?;
        Ok(Stored::new(resource, Version::weak(kept.version), created, modified))
    }

    /// A row as text.
    pub(crate) fn text(&self, kept: &Kept, load: Load) -> Result<StoredText, StoreError> {
        let members = load == Load::Full && has_members(self.ty);
        let refers = kept.refers || has_other_references(self.ty);
        if members || refers || self.scope.domain.is_some() {
            return Ok(StoredText::new(self.ty, self.stored(kept, load)?));
        }
        let version = Version::weak(kept.version);
        let document = kept.doc.as_bytes();
        let mut text = StoredText::from_json(self.ty, &kept.id, document, version, kept.times()?);
        if kept.in_group && load == Load::Full && has_groups(self.ty) {
            let groups = self.groups(kept.pk, &kept.id)?;
            text.live_mut().insert("groups".into(), groups.into());
        }
        Ok(text)
    }

    /// The document with its `id` and what is computed.
    pub(crate) fn resource(&self, kept: &Kept, want: &Computed) -> Result<Resource, StoreError> {
        self.complete(kept, kept.document()?, want)
    }

    fn complete(
        &self,
        kept: &Kept,
        mut document: Resource,
        want: &Computed,
    ) -> Result<Resource, StoreError> {
        document.insert("id", kept.id.as_str());
        self.put_external_id(kept.pk, &mut document)?;
        if want.references == Want::Yes && kept.refers {
            self.put_reference_names(&mut document)?;
        }
        if let (Some(members), true) = (&want.members, has_members(self.ty)) {
            let members = self.members(kept.pk, members)?;
            if !members.is_empty() {
                document.insert("members", members);
            }
        }
        if want.groups == Want::Yes && kept.in_group && has_groups(self.ty) {
            let groups = self.groups(kept.pk, &kept.id)?;
            if !groups.is_empty() {
                document.insert("groups", groups);
            }
        }
        Ok(document)
    }

    /// A provisioning domain sees its own `externalId` alone (RFC 7643 §3.1).
    fn put_external_id(&self, pk: i64, document: &mut Resource) -> Result<(), StoreError> {
        let Some(domain) = &self.scope.domain else { return Ok(()) };
        document.remove("externalId");
        let sql = "SELECT value FROM scim_external WHERE pk = ?1 AND domain = ?2";
        let mut statement = self.connection.prepare_cached(sql).db()?;
        let own: Option<String> =
            statement.query_row(params![pk, domain.as_str()], |row| row.get(0)).optional().db()?;
        if let Some(own) = own {
            document.insert("externalId", own);
        }
        Ok(())
    }

    /// `manager.displayName` is the manager's (ruling W35).
    fn put_reference_names(&self, document: &mut Resource) -> Result<(), StoreError> {
        for (extension, attribute) in singular_references(self.ty) {
            if attribute.sub_attribute("displayName").is_none() {
                continue;
            }
            let reference = container(document, extension)
                .and_then(|map| map.get_mut(attribute.name.as_str()))
                .and_then(Value::as_object_mut);
            let Some(reference) = reference else { continue };
            let Some(target) = reference.get("value").and_then(Value::as_str) else { continue };
            let sql = "SELECT display_name FROM scim_resource WHERE tenant = ?1 AND id = ?2";
            let mut statement = self.connection.prepare_cached(sql).db()?;
            let name: Option<Option<String>> = statement
                .query_row(params![self.tenant, id::to_sql(target)], |row| row.get(0))
                .optional()
                .db()?;
            if let Some(name) = name.flatten() {
                reference.insert("displayName".into(), name.into());
            }
        }
        Ok(())
    }

    /// The members of a group; type and display are the members' own (ruling W31).
    fn members(&self, group: i64, wanted: &Members) -> Result<Vec<Value>, StoreError> {
        const SQL: &str = "SELECT m.member, m.element, n.name, r.display_name, r.user_name
             FROM scim_member m
             LEFT JOIN scim_resource r ON r.tenant = m.tenant AND r.id = m.member
             LEFT JOIN scim_name n ON n.name_id = r.rtype
             WHERE m.group_pk = ?1";
        let mut members = Vec::new();
        match wanted {
            Members::All => {
                let mut statement = self.connection.prepare_cached(SQL).db()?;
                let mut rows = statement.query([group]).db()?;
                while let Some(row) = rows.next().db()? {
                    members.push(member(row)?);
                }
            }
            Members::Among(ids) => {
                let sql = format!("{SQL} AND m.member = ?2");
                let mut statement = self.connection.prepare_cached(&sql).db()?;
                for id in ids {
                    let mut rows = statement.query(params![group, id::to_sql(id)]).db()?;
                    while let Some(row) = rows.next().db()? {
                        members.push(member(row)?);
                    }
                }
            }
        }
        Ok(members)
    }

    /// The groups of a resource: direct ones first, then those that contain a group of it, each
    /// once, however the groups contain each other (ruling W30).
    fn groups(&self, pk: i64, id: &str) -> Result<Vec<Value>, StoreError> {
        const DIRECT: &str = "SELECT g.id, g.display_name, TRUE,
               EXISTS (SELECT 1 FROM scim_member WHERE tenant = ?1 AND member = g.id)
             FROM scim_member m JOIN scim_resource g ON g.pk = m.group_pk
             WHERE m.tenant = ?1 AND m.member = ?2 ORDER BY m.group_pk";
        const ALL: &str = "WITH RECURSIVE up (pk) AS (
               SELECT group_pk FROM scim_member WHERE tenant = ?1 AND member = ?2
               UNION
               SELECT m.group_pk FROM up
               JOIN scim_resource r ON r.pk = up.pk
               JOIN scim_member m ON m.tenant = ?1 AND m.member = r.id
             )
             SELECT g.id, g.display_name,
               EXISTS (SELECT 1 FROM scim_member WHERE group_pk = up.pk AND member = ?2) AS direct
             FROM up JOIN scim_resource g ON g.pk = up.pk
             WHERE up.pk <> ?3
             ORDER BY direct DESC, up.pk";
        let id = id::to_sql(id);
        let mut groups = Vec::new();
        let mut statement = self.connection.prepare_cached(DIRECT).db()?;
        let mut rows = statement.query(params![self.tenant, id]).db()?;
        while let Some(row) = rows.next().db()? {
            groups.push(group(row)?);
            if row.get(3).db()? {
                // Groups of groups are rare, and cost more to find.
                let mut statement = self.connection.prepare_cached(ALL).db()?;
                let mut rows = statement.query(params![self.tenant, id, pk]).db()?;
                groups.clear();
                while let Some(row) = rows.next().db()? {
                    groups.push(group(row)?);
                }
                break;
            }
        }
        Ok(groups)
    }
}

fn group(row: &Row<'_>) -> Result<Value, StoreError> {
    let mut element = Map::new();
    element.insert("value".into(), id_column(row, 0).db()?.into());
    if let Some(name) = row.get::<_, Option<String>>(1).db()? {
        element.insert("display".into(), name.into());
    }
    let direct: bool = row.get(2).db()?;
    element.insert("type".into(), if direct { "direct" } else { "indirect" }.into());
    Ok(Value::Object(element))
}

fn member(row: &Row<'_>) -> Result<Value, StoreError> {
    let said: Option<&str> = row.get_ref(1).db()?.as_str_or_null().map_err(StoreError::internal)?;
    let mut element: Map<String, Value> = match said {
        Some(said) => serde_json::from_str(said).map_err(StoreError::internal)?,
        None => Map::new(),
    };
    element.insert("value".into(), id_column(row, 0).db()?.into());
    match row.get::<_, Option<String>>(2).db()? {
        Some(type_name) => {
            element.insert("type".into(), type_name.into());
            let display_name: Option<String> = row.get(3).db()?;
            let user_name: Option<String> = row.get(4).db()?;
            if let Some(name) = display_name {
                element.insert("display".into(), name.into());
            } else if let Some(name) = user_name {
                element.entry("display").or_insert_with(|| name.into());
            }
        }
        None => {
            element.entry("type").or_insert_with(|| "User".into());
        }
    }
    Ok(Value::Object(element))
}
