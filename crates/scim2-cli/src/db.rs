//! `scim db`: what `scim serve` keeps, looked at and copied.

use std::io::Write;
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use scim2_core::Catalog;
use scim2_core::secret::Secret;
use scim2_sql::{Integrity, PostgresStore, SqliteStore};

use crate::Failure;
use crate::serve::{DATABASE, Types, runtime};

/// Arguments of `scim db`.
#[derive(Debug, Args)]
pub(crate) struct Db {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Look at everything that is stored: whether the file is sound, and whether keys, references,
    /// memberships and events are those of the resources. `scim serve` may go on meanwhile.
    ///
    /// The command succeeds if nothing is wrong.
    Check {
        /// The folder that holds the data.
        #[arg(long, value_name = "DIR", required_unless_present = "database_url")]
        data: Option<PathBuf>,
        /// The PostgreSQL database that holds the data instead.
        #[arg(
            long,
            value_name = "URL",
            env = "SCIM_DATABASE_URL",
            hide_env_values = true,
            conflicts_with = "data"
        )]
        database_url: Option<Secret>,
        #[command(flatten)]
        types: Types,
    },
    /// Write a copy of the data, as it is at one moment. `scim serve` may go on meanwhile.
    ///
    /// A copy is restored by putting it back as `scim.sqlite3` into an empty folder. A PostgreSQL
    /// database is copied with `pg_dump`.
    Backup {
        /// The folder that holds the data.
        #[arg(long, value_name = "DIR")]
        data: PathBuf,
        /// The file that becomes the copy; it must not be there.
        #[arg(value_name = "FILE")]
        to: PathBuf,
    },
}

impl Db {
    pub(crate) fn run(&self, out: &mut dyn Write) -> Result<(), Failure> {
        match &self.command {
            Command::Check { data, database_url, types } => {
                let catalog = types.offered()?.catalog;
                let found = match (database_url, data) {
                    (Some(url), _) => runtime()?.block_on(check_database(url, &catalog))?,
                    (None, Some(folder)) => check_folder(folder, &catalog)?,
                    (None, None) => {
                        let neither = "neither a folder nor a database is named";
                        return Err(Failure::Because(neither.to_owned()));
                    }
                };
                write!(out, "{found}")?;
                if found.is_sound() { Ok(()) } else { Err(Failure::Told) }
            }
            Command::Backup { data, to } => {
                let from = data.join(DATABASE);
                SqliteStore::backup_file(&from, to)
                    .map_err(|error| Failure::because("backup", &error))?;
                writeln!(out, "copied {} to {}", from.display(), to.display())?;
                Ok(())
            }
        }
    }
}

fn check_folder(folder: &Path, catalog: &Catalog) -> Result<Integrity, Failure> {
    SqliteStore::check_file(folder.join(DATABASE), catalog)
        .map_err(|error| Failure::because("check", &error))
}

async fn check_database(url: &Secret, catalog: &Catalog) -> Result<Integrity, Failure> {
    let store = PostgresStore::builder().expect_tables().connect(url.expose()).await;
    let store = store.map_err(|error| Failure::because("database", &error))?;
    store.check(catalog).await.map_err(|error| Failure::because("check", &error))
}
