//! Look-ups that are over before a thread could be woken for them.

use std::sync::{Mutex, TryLockError};

use chrono::DateTime;
use rusqlite::{Connection, OptionalExtension, Row, params};
use scim2_core::ResourceType;
use scim2_core::etag::Version;
use scim2_core::resource::ResourceId;
use scim2_provider::Scope;
use scim2_provider::text::StoredText;

use super::id;
use super::read::id_column;

/// Connections on which whoever asks reads one row at once: by the unique index on identifiers,
/// without a wait for anybody. What takes more than that is for the threads.
pub(crate) struct Glance {
    connections: Vec<Mutex<Connection>>,
}

/// A resource as text, where nothing that others can change is shown of it: it is in no group, has
/// no members and refers to nobody.
const SQL: &str = "SELECT r.id, r.version, r.created, r.modified, r.doc
     FROM scim_tenant t, scim_name n, scim_resource r
     WHERE t.name = ?1 AND n.name = ?2
       AND r.tenant = t.tenant AND r.id = ?3 AND r.rtype = n.name_id
       AND NOT EXISTS (SELECT 1 FROM scim_member WHERE tenant = r.tenant AND member = r.id)
       AND NOT EXISTS (SELECT 1 FROM scim_member WHERE group_pk = r.pk)
       AND NOT EXISTS (SELECT 1 FROM scim_ref WHERE pk = r.pk)";

impl Glance {
    /// The connections are not waited for, nor do they wait for others.
    pub(crate) fn new(connections: Vec<Connection>) -> Result<Self, rusqlite::Error> {
        for connection in &connections {
            connection.busy_timeout(std::time::Duration::ZERO)?;
        }
        Ok(Self { connections: connections.into_iter().map(Mutex::new).collect() })
    }

    /// None if it is not there, or not to be found like this, for whatever reason: the threads
    /// know.
    pub(crate) fn text(
        &self,
        scope: &Scope,
        ty: &ResourceType,
        id: &ResourceId,
    ) -> Option<StoredText> {
        if scope.domain.is_some() {
            return None;
        }
        let free = self.connections.iter().find_map(|connection| match connection.try_lock() {
            Ok(free) => Some(free),
            Err(TryLockError::Poisoned(poisoned)) => Some(poisoned.into_inner()),
            Err(TryLockError::WouldBlock) => None,
        })?;
        let mut statement = free.prepare_cached(SQL).ok()?;
        let key = params![scope.tenant.as_str(), ty.name(), id::to_sql(id.as_str())];
        let found = statement.query_row(key, |row| text(row, ty, id)).optional();
        found.ok().flatten().flatten()
    }
}

fn text(
    row: &Row<'_>,
    ty: &ResourceType,
    id: &ResourceId,
) -> Result<Option<StoredText>, rusqlite::Error> {
    // What was asked for may be another text for the same key.
    if id_column(row, 0)? != id.as_str() {
        return Ok(None);
    }
    let version = Version::weak(row.get::<_, i64>(1)?);
    let time = |column| Ok::<_, rusqlite::Error>(DateTime::from_timestamp_millis(row.get(column)?));
    let (Some(created), Some(modified)) = (time(2)?, time(3)?) else { return Ok(None) };
    let document = row.get_ref(4)?.as_bytes()?;
    Ok(Some(StoredText::from_json(ty, id.as_str(), document, version, (created, modified))))
}
