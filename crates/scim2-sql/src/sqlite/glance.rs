//! Look-ups that are over before a thread could be woken for them.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, TryLockError};
use std::time::Duration;

use rusqlite::{Connection, params};
use scim2_core::ResourceType;
use scim2_core::resource::ResourceId;
use scim2_provider::Scope;
use scim2_provider::store::{Load, Query, StoreError};
use scim2_provider::text::{StoredText, TextResult};

use super::error::Sqlite;
use super::read::{Kept, Reader, columns, name_id, tenant};
use crate::candidates::{Exact, Index};
use crate::names::Remembered;

/// How many steps of SQLite's machine go by between two looks at how many there were.
const STEPS_BETWEEN_LOOKS: i32 = 1_000;
/// How many looks a glance takes: far less than a millisecond.
const LOOKS: u32 = 20;

/// Connections on which whoever asks reads what a key finds at once: by an index, without a wait
/// for anybody. What takes more than that is for the threads.
pub(crate) struct Glance {
    connections: Vec<Mutex<Looking>>,
    tenants: Remembered,
    names: Remembered,
}

struct Looking {
    connection: Connection,
    looks: Arc<AtomicU32>,
}

/// Resources by a value of theirs that is unique.
const BY_UNIQUE: &str = concat!(
    "SELECT ",
    columns!(),
    " FROM scim_uniq k JOIN scim_resource r ON r.pk = k.pk
      WHERE k.tenant = ?1 AND k.path = ?3 AND k.key = ?4 AND r.rtype = ?2 LIMIT ?5"
);

macro_rules! from_index {
    () => {
        " FROM scim_idx k JOIN scim_resource r ON r.pk = k.pk
          WHERE k.tenant = ?1 AND k.rtype = ?2 AND k.path = ?3 AND k.key = ?4
          ORDER BY k.pk LIMIT ?5"
    };
}

/// The same by a value that others may have too, each once.
const BY_INDEXED: &str = concat!("SELECT ", columns!(), from_index!());

/// The same by `externalId`, and whether a provisioning domain has one of its own for it.
const BY_EXTERNAL_ID: &str = concat!(
    "SELECT ",
    columns!(),
    ", EXISTS (SELECT 1 FROM scim_external e WHERE e.pk = k.pk) AS others",
    from_index!()
);

impl Glance {
    /// The connections are not waited for, nor do they wait for others.
    pub(crate) fn new(connections: Vec<Connection>) -> Result<Self, rusqlite::Error> {
        let connections = connections.into_iter().map(|mut connection| {
            connection.busy_timeout(Duration::ZERO)?;
            let looks = Arc::new(AtomicU32::new(0));
            let counted = Arc::clone(&looks);
            let stop = move || counted.fetch_add(1, Ordering::Relaxed) >= LOOKS;
            connection.progress_handler(STEPS_BETWEEN_LOOKS, Some(stop))?;
            Ok(Mutex::new(Looking { connection, looks }))
        });
        let connections = connections.collect::<Result<_, rusqlite::Error>>()?;
        let (tenants, names) = (Remembered::default(), Remembered::default());
        Ok(Self { connections, tenants, names })
    }

    /// None if it is not there, or not to be found like this, for whatever reason: the threads
    /// know.
    pub(crate) fn text(
        &self,
        scope: &Scope,
        ty: &ResourceType,
        id: &ResourceId,
        load: Load,
    ) -> Option<StoredText> {
        self.look(|looking| {
            let Some(reader) = self.reader(looking, scope, ty)? else { return Ok(None) };
            reader.find_with(id.as_str(), |kept| reader.text(kept, load))
        })
    }

    /// What a query finds that asks for no more than the resources with one value.
    pub(crate) fn query_text(
        &self,
        scope: &Scope,
        ty: &ResourceType,
        query: &Query,
    ) -> Option<TextResult> {
        let exact = Exact::of(ty, scope, query)?;
        let sql = match exact.by {
            Index::Unique => BY_UNIQUE,
            Index::Values => BY_INDEXED,
            Index::ExternalIds => BY_EXTERNAL_ID,
        };
        self.look(|looking| {
            let Some(reader) = self.reader(looking, scope, ty)? else { return Ok(None) };
            let path = exact.path.as_str();
            let number = match self.names.get(path) {
                Some(number) => number,
                None => {
                    let Some(number) = name_id(reader.connection, path)? else { return Ok(None) };
                    self.names.put(path, number);
                    number
                }
            };
            let values = params![reader.tenant, reader.rtype, number, exact.key, exact.limit()];
            let mut statement = reader.connection.prepare_cached(sql).db()?;
            let mut rows = statement.query(values).db()?;
            let mut texts = Vec::new();
            while let Some(row) = rows.next().db()? {
                if exact.by == Index::ExternalIds && row.get("others").db()? {
                    return Ok(None);
                }
                texts.push(reader.text(&Kept::of(row).db()?, query.load)?);
            }
            let total = exact.total(texts.len());
            Ok(total.map(|total| TextResult::new(Some(total), texts, None)))
        })
    }

    /// What is seen on a connection that is free.
    fn look<T>(
        &self,
        work: impl FnOnce(&Connection) -> Result<Option<T>, StoreError>,
    ) -> Option<T> {
        let free = self.connections.iter().find_map(|connection| match connection.try_lock() {
            Ok(free) => Some(free),
            Err(TryLockError::Poisoned(poisoned)) => Some(poisoned.into_inner()),
            Err(TryLockError::WouldBlock) => None,
        })?;
        free.looks.store(0, Ordering::Relaxed);
        work(&free.connection).ok().flatten()
    }

    fn reader<'a>(
        &self,
        connection: &'a Connection,
        scope: &'a Scope,
        ty: &'a ResourceType,
    ) -> Result<Option<Reader<'a>>, StoreError> {
        let name = scope.tenant.as_str();
        if let (Some(tenant), Some(rtype)) = (self.tenants.get(name), self.names.get(ty.name())) {
            return Ok(Some(Reader { connection, scope, ty, tenant, rtype }));
        }
        let Some(tenant) = tenant(connection, scope)? else { return Ok(None) };
        let Some(rtype) = name_id(connection, ty.name())? else { return Ok(None) };
        self.tenants.put(name, tenant);
        self.names.put(ty.name(), rtype);
        Ok(Some(Reader { connection, scope, ty, tenant, rtype }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sqlite::migrate::{OtherKeys, migrate};

    /// What SQLite does for a statement, a line each.
    fn plan(sql: &str) -> Vec<String> {
        let mut connection = Connection::open_in_memory().unwrap();
        migrate(&mut connection, "test".as_ref(), OtherKeys::Refuse).unwrap();
        let mut statement = connection.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).unwrap();
        // Nothing is bound: plans do not hang on values.
        let mut rows = statement.raw_query();
        let mut lines = Vec::new();
        while let Some(row) = rows.next().unwrap() {
            lines.push(row.get(3).unwrap());
        }
        lines
    }

    #[test]
    fn glances_walk_through_nothing() {
        for (sql, index) in [
            (BY_UNIQUE, "SEARCH k USING PRIMARY KEY (tenant=? AND path=? AND key=?)"),
            (BY_INDEXED, "SEARCH k USING PRIMARY KEY (tenant=? AND rtype=? AND path=? AND key=?)"),
            (BY_EXTERNAL_ID, "SEARCH e USING PRIMARY KEY (pk=?)"),
            (Reader::FIND, "SEARCH r USING INDEX scim_resource_id (tenant=? AND id=?)"),
        ] {
            let plan = plan(sql);
            assert!(plan.iter().any(|line| line == index), "{sql}: {plan:#?}");
            let walks = |line: &String| line.starts_with("SCAN") && line != "SCAN CONSTANT ROW";
            assert!(!plan.iter().any(walks), "{sql}: {plan:#?}");
        }
    }
}
