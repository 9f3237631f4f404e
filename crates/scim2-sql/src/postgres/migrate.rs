//! The tables: making them, recognising them, bringing them up to date.

use scim2_core::Catalog;
use scim2_core::key::FOLD_VERSION;
use tokio_postgres::error::SqlState;
use tokio_postgres::{Client, GenericClient};

use super::error::ConnectError;
use super::reindex::reindex;
use crate::rules;

/// Each brings the tables one version further, and is never changed once it was published.
const MIGRATIONS: [&str; 2] =
    [include_str!("migrations/0001_resources.sql"), include_str!("migrations/0002_rules.sql")];

/// Makes the tables that are missing, and for a catalog the keys that were made by other rules.
/// Several processes may do so at once: the row of the schema's version is the lock.
pub(crate) async fn migrate(
    client: &mut Client,
    catalog: Option<&Catalog>,
) -> Result<(), ConnectError> {
    let encoding: String = client.query_one("SHOW server_encoding", &[]).await?.get(0);
    if !encoding.eq_ignore_ascii_case("utf8") {
        return Err(ConnectError::Encoding { found: encoding });
    }
    make_meta(client).await?;
    let transaction = client.transaction().await?;
    let sql = "SELECT v FROM scim_meta WHERE k = 'schema_version' FOR UPDATE";
    let found: String = transaction.query_one(sql, &[]).await?.get(0);
    let found = found.parse::<i64>().unwrap_or(i64::MAX);
    let known = i64::try_from(MIGRATIONS.len()).unwrap_or(i64::MAX);
    if found > known {
        return Err(ConnectError::Newer { found, known });
    }
    for (version, migration) in (1_i64..).zip(MIGRATIONS) {
        if version > found {
            transaction.batch_execute(migration).await?;
            let sql = "UPDATE scim_meta SET v = $1 WHERE k = 'schema_version'";
            transaction.execute(sql, &[&version.to_string()]).await?;
        }
    }
    match catalog {
        Some(catalog) => reindex(&transaction, catalog).await?,
        None => check_fold_version(&transaction).await?,
    }
    transaction.commit().await?;
    Ok(())
}

/// Whether the tables are what [`migrate`] leaves behind.
pub(crate) async fn check_versions(client: &impl GenericClient) -> Result<(), ConnectError> {
    let sql = "SELECT v FROM scim_meta WHERE k = 'schema_version'";
    let found: String = match client.query_one(sql, &[]).await {
        Ok(row) => row.get(0),
        Err(error) if error.code() == Some(&SqlState::UNDEFINED_TABLE) => {
            return Err(ConnectError::Missing);
        }
        Err(error) => return Err(error.into()),
    };
    let found = found.parse::<i64>().unwrap_or_default();
    let known = i64::try_from(MIGRATIONS.len()).unwrap_or(i64::MAX);
    if found < known {
        return Err(ConnectError::Older { found, known });
    }
    if found > known {
        return Err(ConnectError::Newer { found, known });
    }
    check_fold_version(client).await
}

/// Whether the keys of every type of a catalog were made by its rules.
pub(crate) async fn check_catalog(
    client: &impl GenericClient,
    catalog: &Catalog,
) -> Result<(), ConnectError> {
    for ty in catalog.iter() {
        check_type_rules(client, ty.name(), &rules::of(ty)).await?;
    }
    Ok(())
}

/// The rules that the keys of a type were made by; none if no key of it was ever made.
pub(crate) async fn type_rules(
    client: &impl GenericClient,
    type_name: &str,
) -> Result<Option<String>, tokio_postgres::Error> {
    let sql = "SELECT v FROM scim_meta WHERE k = $1";
    let row = client.query_opt(sql, &[&rules::place(type_name)]).await?;
    row.map(|row| row.try_get(0)).transpose()
}

/// Whether the keys of a type, if there are any, were made by these rules; their generation, none if
/// there are none.
pub(crate) async fn check_type_rules(
    client: &impl GenericClient,
    type_name: &str,
    rules: &str,
) -> Result<Option<i64>, ConnectError> {
    let sql = "SELECT r.v, COALESCE(g.v, '0')::bigint FROM scim_meta r
               LEFT JOIN scim_meta g ON g.k = $2 WHERE r.k = $1";
    let places = [rules::place(type_name), rules::generation_place(type_name)];
    let [place, generation] = &places;
    let Some(row) = client.query_opt(sql, &[place, generation]).await? else { return Ok(None) };
    let kept: &str = row.try_get(0)?;
    if kept == rules {
        return Ok(Some(row.try_get(1)?));
    }
    Err(ConnectError::TypeRules {
        resource_type: type_name.to_owned(),
        difference: rules::difference(kept, rules),
    })
}

/// Notes the rules that the first keys of a type are made by; their generation.
pub(crate) async fn put_type_rules(
    client: &impl GenericClient,
    type_name: &str,
    rules: &str,
) -> Result<i64, ConnectError> {
    let sql = "INSERT INTO scim_meta (k, v) VALUES ($1, $2) ON CONFLICT (k) DO NOTHING";
    client.execute(sql, &[&rules::place(type_name), &rules]).await?;
    Ok(check_type_rules(client, type_name, rules).await?.unwrap_or_default())
}

/// The version of the rules of comparison that the keys were made by.
pub(crate) async fn fold_version(
    client: &impl GenericClient,
) -> Result<String, tokio_postgres::Error> {
    let sql = "SELECT v FROM scim_meta WHERE k = 'fold_version'";
    client.query_one(sql, &[]).await?.try_get(0)
}

async fn check_fold_version(client: &impl GenericClient) -> Result<(), ConnectError> {
    let found = fold_version(client).await?;
    if found == **FOLD_VERSION {
        return Ok(());
    }
    Err(ConnectError::FoldVersion { found, known: FOLD_VERSION.to_string() })
}

/// Makes the table that the others are locked by. Two that make it at once get in each other's
/// way, and the second finds it made.
async fn make_meta(client: &Client) -> Result<(), ConnectError> {
    const ATTEMPTS: usize = 8;
    let mut result = Ok(());
    for _ in 0..ATTEMPTS {
        let sql = "CREATE TABLE IF NOT EXISTS scim_meta
                   (k text COLLATE \"C\" PRIMARY KEY, v text NOT NULL)";
        result = client.batch_execute(sql).await;
        if result.is_ok() {
            break;
        }
    }
    result?;
    let sql = "INSERT INTO scim_meta (k, v)
               VALUES ('schema_version', '0'), ('fold_version', $1), ('sequence', '0')
               ON CONFLICT (k) DO NOTHING";
    client.execute(sql, &[&FOLD_VERSION.as_str()]).await?;
    Ok(())
}
