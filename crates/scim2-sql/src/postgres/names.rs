//! The numbers of tenants, resource types and attribute paths.

use deadpool_postgres::GenericClient;
use scim2_provider::store::StoreError;

use super::error::Postgres;
use crate::names::Remembered;

/// Numbers that are in the database for good, so that they can be remembered.
#[derive(Debug, Default)]
pub(crate) struct Names {
    tenants: Remembered,
    names: Remembered,
}

impl Names {
    /// The number of a tenant; none if nothing was ever written for it.
    pub(crate) async fn tenant(
        &self,
        client: &impl GenericClient,
        name: &str,
    ) -> Result<Option<i64>, StoreError> {
        let sql = "SELECT tenant FROM scim_tenant WHERE name = $1";
        find(&self.tenants, client, name, sql).await
    }

    /// The number of a name; none if it was never written.
    pub(crate) async fn name(
        &self,
        client: &impl GenericClient,
        name: &str,
    ) -> Result<Option<i64>, StoreError> {
        let sql = "SELECT name_id FROM scim_name WHERE name = $1";
        find(&self.names, client, name, sql).await
    }

    /// The number of a tenant, which is made if there is none. Not inside a transaction: what is
    /// remembered must stay.
    pub(crate) async fn make_tenant(
        &self,
        client: &deadpool_postgres::Client,
        name: &str,
    ) -> Result<i64, StoreError> {
        let look = "SELECT tenant FROM scim_tenant WHERE name = $1";
        let add = "INSERT INTO scim_tenant (name) VALUES ($1) ON CONFLICT (name) DO NOTHING";
        make(&self.tenants, client, name, [look, add]).await
    }

    /// The number of a name, which is made if there is none. Not inside a transaction.
    pub(crate) async fn make_name(
        &self,
        client: &deadpool_postgres::Client,
        name: &str,
    ) -> Result<i64, StoreError> {
        let look = "SELECT name_id FROM scim_name WHERE name = $1";
        let add = "INSERT INTO scim_name (name) VALUES ($1) ON CONFLICT (name) DO NOTHING";
        make(&self.names, client, name, [look, add]).await
    }
}

async fn find(
    known: &Remembered,
    client: &impl GenericClient,
    name: &str,
    sql: &'static str,
) -> Result<Option<i64>, StoreError> {
    if let Some(number) = known.get(name) {
        return Ok(Some(number));
    }
    let statement = client.prepare_cached(sql).await.db()?;
    let row = client.query_opt(&statement, &[&name]).await.db()?;
    let Some(row) = row else { return Ok(None) };
    let number = row.try_get(0).db()?;
    known.put(name, number);
    Ok(Some(number))
}

async fn make(
    known: &Remembered,
    client: &deadpool_postgres::Client,
    name: &str,
    sql: [&'static str; 2],
) -> Result<i64, StoreError> {
    let [find_sql, make_sql] = sql;
    if let Some(number) = find(known, client, name, find_sql).await? {
        return Ok(number);
    }
    client.execute(make_sql, &[&name]).await.db()?;
    let number = find(known, client, name, find_sql).await?;
    number.ok_or_else(|| StoreError::internal("a name was not written"))
}
