//! Work on the whole file with a connection of its own, whoever else has the file open.

use std::fs::File;
use std::path::{Path, PathBuf};

use rusqlite::TransactionBehavior;
use scim2_core::Catalog;
use scim2_provider::store::StoreError;

use super::error::{OpenError, Sqlite};
use super::integrity;
use super::migrate::{check_application, check_type_rules, check_versions};
use super::store::{new_private_file, reader};
use crate::integrity::Integrity;
use crate::rules;

/// Looks at all that is kept, as it is at one moment.
pub(crate) fn check(path: &Path, catalog: &Catalog) -> Result<Integrity, OpenError> {
    let mut connection = open(path)?;
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Deferred)?;
    check_versions(&transaction)?;
    let mut found = integrity::check(&transaction, catalog).map_err(OpenError::Damaged)?;
    for ty in catalog.iter() {
        match check_type_rules(&transaction, ty.name(), &rules::of(ty)) {
            Ok(_) => {}
            Err(error @ OpenError::TypeRules { .. }) => {
                found.problem(format_args!("{}: {error}", ty.name()));
            }
            Err(error) => return Err(error),
        }
    }
    Ok(found)
}

/// Writes a copy, as it is at one moment. It has its name only when it is complete and on the disk.
pub(crate) fn copy(path: &Path, to: &Path) -> Result<(), OpenError> {
    let connection = open(path)?;
    let failed = |source| OpenError::File { path: to.to_owned(), source };
    // Nobody else takes the name meanwhile.
    new_private_file(to).map_err(failed)?;
    let beside = |suffix: &str| {
        let mut name = to.as_os_str().to_owned();
        name.push(suffix);
        PathBuf::from(name)
    };
    let partial = &beside(".partial");
    let written = vacuum(&connection, partial).and_then(|()| {
        let synced = File::open(partial).and_then(|file| file.sync_all());
        synced.and_then(|()| std::fs::rename(partial, to)).map_err(StoreError::internal)
    });
    if let Err(error) = written {
        drop(connection);
        for file in [partial, &beside(".partial-journal"), to] {
            // Most often there is no journal. What cannot be removed is left behind.
            let _ = std::fs::remove_file(file);
        }
        return Err(OpenError::Copy { path: to.to_owned(), source: error });
    }
    Ok(())
}

fn vacuum(connection: &rusqlite::Connection, to: &Path) -> Result<(), StoreError> {
    new_private_file(to).map_err(StoreError::internal)?;
    let to = to.to_str().ok_or_else(|| StoreError::internal("the path is no text"))?;
    connection.execute("VACUUM INTO ?1", [to]).db()?;
    Ok(())
}

fn open(path: &Path) -> Result<rusqlite::Connection, OpenError> {
    let failed = |source| OpenError::File { path: path.to_owned(), source };
    // SQLite does not say what is wrong.
    File::open(path).map_err(failed)?;
    let connection = reader(path)?;
    check_application(&connection, path)?;
    Ok(connection)
}
