//! The database file: making it, recognising it, bringing it up to date.

use rusqlite::{Connection, ErrorCode, OptionalExtension, TransactionBehavior};
use scim2_core::key::FOLD_VERSION;

use super::error::OpenError;
use crate::rules;

/// `SCIM`, in the header of the file, so that it can be told from other databases.
const APPLICATION_ID: i32 = 0x5343_494D;

/// Each brings the file one version further, and is never changed once it was published.
const MIGRATIONS: [&str; 4] = [
    include_str!("migrations/0001_resources.sql"),
    include_str!("migrations/0002_outbox.sql"),
    include_str!("migrations/0003_search.sql"),
    include_str!("migrations/0004_rules.sql"),
];

/// What is to happen when the comparison keys in the file were made by other rules.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum OtherKeys {
    Refuse,
    Accept,
}

/// The state in which a file was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Keys {
    Current,
    Outdated,
}

/// Makes the tables that are missing.
pub(crate) fn migrate(
    connection: &mut Connection,
    path: &std::path::Path,
    other_keys: OtherKeys,
) -> Result<Keys, OpenError> {
    let foreign = || OpenError::Foreign { path: path.to_owned() };
    let begun = connection.transaction_with_behavior(TransactionBehavior::Exclusive);
    let transaction = begun.map_err(|error| match error.sqlite_error_code() {
        Some(ErrorCode::NotADatabase) => foreign(),
        _ => error.into(),
    })?;
    let application: i32 = transaction.query_row("PRAGMA application_id", [], |row| row.get(0))?;
    let tables: i64 =
        transaction.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
    match (application, tables) {
        (APPLICATION_ID, _) => {}
        (_, 0) => {
            transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
            transaction.execute_batch(
                "CREATE TABLE scim_meta (k TEXT PRIMARY KEY, v TEXT NOT NULL) STRICT",
            )?;
            set(&transaction, "schema_version", "0")?;
            set(&transaction, "fold_version", &FOLD_VERSION)?;
        }
        _ => return Err(foreign()),
    }
    let found = get(&transaction, "schema_version")?
        .and_then(|version| version.parse::<i64>().ok())
        .ok_or_else(foreign)?;
    let known = i64::try_from(MIGRATIONS.len()).unwrap_or(i64::MAX);
    if found > known {
        return Err(OpenError::Newer { found, known });
    }
    for (version, migration) in (1_i64..).zip(MIGRATIONS) {
        if version > found {
            transaction.execute_batch(migration)?;
            set(&transaction, "schema_version", &version.to_string())?;
        }
    }
    let fold_version = get(&transaction, "fold_version")?.unwrap_or_else(|| "none".to_owned());
    let keys = if fold_version == **FOLD_VERSION { Keys::Current } else { Keys::Outdated };
    if keys == Keys::Outdated && other_keys == OtherKeys::Refuse {
        let known = FOLD_VERSION.to_string();
        return Err(OpenError::FoldVersion { found: fold_version, known });
    }
    transaction.commit()?;
    Ok(keys)
}

/// Whether the file is a store, of whatever version.
pub(crate) fn check_application(
    connection: &Connection,
    path: &std::path::Path,
) -> Result<(), OpenError> {
    let id = connection.query_row("PRAGMA application_id", [], |row| row.get::<_, i32>(0));
    match id {
        Ok(APPLICATION_ID) => Ok(()),
        Err(error) if error.sqlite_error_code() != Some(ErrorCode::NotADatabase) => {
            Err(error.into())
        }
        _ => Err(OpenError::Foreign { path: path.to_owned() }),
    }
}

/// Whether the file is what [`migrate`] leaves behind.
pub(crate) fn check_versions(connection: &Connection) -> Result<(), OpenError> {
    let known = i64::try_from(MIGRATIONS.len()).unwrap_or(i64::MAX);
    let found = get(connection, "schema_version")?.and_then(|version| version.parse::<i64>().ok());
    let found = found.unwrap_or_default();
    if found < known {
        return Err(OpenError::Older { found, known });
    }
    if found > known {
        return Err(OpenError::Newer { found, known });
    }
    let found = get(connection, "fold_version")?.unwrap_or_default();
    if found == **FOLD_VERSION {
        return Ok(());
    }
    Err(OpenError::FoldVersion { found, known: FOLD_VERSION.to_string() })
}

/// Notes that all comparison keys are up to date.
pub(crate) fn set_fold_version(connection: &Connection) -> Result<(), OpenError> {
    set(connection, "fold_version", &FOLD_VERSION)
}

/// The rules that the keys of a type were made by; none if no key of it was ever made.
pub(crate) fn type_rules(
    connection: &Connection,
    type_name: &str,
) -> Result<Option<String>, OpenError> {
    get(connection, &rules::place(type_name))
}

/// Notes the rules that the keys of a type are made by.
pub(crate) fn set_type_rules(
    connection: &Connection,
    type_name: &str,
    rules: &str,
) -> Result<(), OpenError> {
    set(connection, &rules::place(type_name), rules)
}

/// Whether the keys of a type, if there are any, were made by these rules; whether there are any.
pub(crate) fn check_type_rules(
    connection: &Connection,
    type_name: &str,
    rules: &str,
) -> Result<bool, OpenError> {
    match type_rules(connection, type_name)? {
        None => Ok(false),
        Some(kept) if kept == rules => Ok(true),
        Some(kept) => Err(OpenError::TypeRules {
            resource_type: type_name.to_owned(),
            difference: rules::difference(&kept, rules),
        }),
    }
}

fn get(connection: &Connection, key: &str) -> Result<Option<String>, OpenError> {
    let sql = "SELECT v FROM scim_meta WHERE k = ?1";
    Ok(connection.query_row(sql, [key], |row| row.get(0)).optional()?)
}

fn set(connection: &Connection, key: &str, value: &str) -> Result<(), OpenError> {
    let sql = "INSERT INTO scim_meta (k, v) VALUES (?1, ?2)
               ON CONFLICT (k) DO UPDATE SET v = excluded.v";
    connection.execute(sql, [key, value])?;
    Ok(())
}
