//! Where `scim serve` keeps its data.

use std::error::Error;
use std::path::{Path, PathBuf};

use clap::Args;
use scim2_core::secret::Secret;
use scim2_sql::{PostgresStore, PostgresStoreBuilder};

use crate::Failure;

/// The database's name in the data folder.
pub(crate) const DATABASE: &str = "scim.sqlite3";

/// The arguments that say where the data is.
#[derive(Debug, Args)]
pub(crate) struct Place {
    /// The folder that holds the data. `serve` makes it if it is missing.
    #[arg(long, value_name = "DIR", required_unless_present = "database_url")]
    data: Option<PathBuf>,
    /// The PostgreSQL database that holds the data instead: `postgres://user@host/name`. Any
    /// number of endpoints with the same types and profile may share it. With `?sslmode=require`
    /// the connection is made with TLS, and the server's certificate must be one for the host's
    /// name; without, in the clear: over loopback, a socket, or a network that is trusted.
    #[arg(
        long,
        value_name = "URL",
        env = "SCIM_DATABASE_URL",
        hide_env_values = true,
        conflicts_with = "data"
    )]
    database_url: Option<Secret>,
    /// A PEM file with certificates of the database's own authority, which are believed besides
    /// those of Mozilla's list. The connection is then made with TLS.
    #[arg(
        long,
        value_name = "FILE",
        env = "SCIM_DATABASE_CA",
        requires = "database_url",
        conflicts_with = "data"
    )]
    database_ca: Option<PathBuf>,
}

/// What a [`Place`] names.
#[derive(Debug)]
pub(crate) enum Named<'a> {
    Folder(&'a Path),
    Database(Database<'a>),
}

/// A PostgreSQL database.
#[derive(Debug)]
pub(crate) struct Database<'a> {
    url: &'a Secret,
    authority: Option<&'a Path>,
}

impl Place {
    pub(crate) fn named(&self) -> Result<Named<'_>, Failure> {
        let authority = self.database_ca.as_deref();
        match (&self.database_url, &self.data) {
            (Some(url), _) => Ok(Named::Database(Database { url, authority })),
            (None, Some(folder)) => Ok(Named::Folder(folder)),
            (None, None) => {
                Err(Failure::Because("neither a folder nor a database is named".to_owned()))
            }
        }
    }
}

impl Database<'_> {
    /// Opens the store in the database, as a builder has it.
    pub(crate) async fn open(
        &self,
        mut builder: PostgresStoreBuilder,
    ) -> Result<PostgresStore, Failure> {
        if let Some(file) = self.authority {
            let failed = |error: &(dyn Error + 'static)| Failure::because(file.display(), error);
            let pem = std::fs::read(file).map_err(|error| failed(&error))?;
            builder = builder.add_root_pem(&pem).map_err(|error| failed(&error))?;
        }
        let store = builder.connect(self.url.expose()).await;
        store.map_err(|error| Failure::because("database", &error))
    }
}
