//! The numbers of tenants, resource types and attribute paths.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use deadpool_postgres::GenericClient;
use scim2_provider::store::StoreError;

use super::error::Postgres;

/// How many are remembered of each kind; more are looked up again.
const CAPACITY: usize = 10_000;

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
        self.tenants.find(client, name, sql).await
    }

    /// The number of a name; none if it was never written.
    pub(crate) async fn name(
        &self,
        client: &impl GenericClient,
        name: &str,
    ) -> Result<Option<i64>, StoreError> {
        let sql = "SELECT name_id FROM scim_name WHERE name = $1";
        self.names.find(client, name, sql).await
    }

    /// The number of a tenant, which is made if there is none. Not inside a transaction: what is
    /// remembered must stay.
    pub(crate) async fn make_tenant(
        &self,
        client: &deadpool_postgres::Client,
        name: &str,
    ) -> Result<i64, StoreError> {
        let find = "SELECT tenant FROM scim_tenant WHERE name = $1";
        let make = "INSERT INTO scim_tenant (name) VALUES ($1) ON CONFLICT (name) DO NOTHING";
        self.tenants.make(client, name, find, make).await
    }

    /// The number of a name, which is made if there is none. Not inside a transaction.
    pub(crate) async fn make_name(
        &self,
        client: &deadpool_postgres::Client,
        name: &str,
    ) -> Result<i64, StoreError> {
        let find = "SELECT name_id FROM scim_name WHERE name = $1";
        let make = "INSERT INTO scim_name (name) VALUES ($1) ON CONFLICT (name) DO NOTHING";
        self.names.make(client, name, find, make).await
    }
}

#[derive(Debug, Default)]
struct Remembered(Mutex<HashMap<Box<str>, i64>>);

impl Remembered {
    async fn find(
        &self,
        client: &impl GenericClient,
        name: &str,
        sql: &'static str,
    ) -> Result<Option<i64>, StoreError> {
        if let Some(number) = self.get(name) {
            return Ok(Some(number));
        }
        let statement = client.prepare_cached(sql).await.db()?;
        let row = client.query_opt(&statement, &[&name]).await.db()?;
        let Some(row) = row else { return Ok(None) };
        let number = row.try_get(0).db()?;
        self.put(name, number);
        Ok(Some(number))
    }

    async fn make(
        &self,
        client: &deadpool_postgres::Client,
        name: &str,
        find: &'static str,
        make: &'static str,
    ) -> Result<i64, StoreError> {
        if let Some(number) = self.find(client, name, find).await? {
            return Ok(number);
        }
        client.execute(make, &[&name]).await.db()?;
        let number = self.find(client, name, find).await?;
        number.ok_or_else(|| StoreError::internal("a name was not written"))
    }

    fn get(&self, name: &str) -> Option<i64> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(name).copied()
    }

    fn put(&self, name: &str, number: i64) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= CAPACITY {
            known.clear();
        }
        known.insert(name.into(), number);
    }
}
