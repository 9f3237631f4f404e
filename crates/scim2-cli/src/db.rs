//! `scim db`: what `scim serve` keeps, looked at and copied.

use std::io::Write;
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use scim2_core::Catalog;
use scim2_sql::{Integrity, PostgresStore, SqliteStore};

use crate::Failure;
use crate::place::{DATABASE, Database, Named, Place};
use crate::serve::{Types, runtime};

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
        #[command(flatten)]
        place: Place,
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
            Command::Check { place, types } => {
                let catalog = types.offered()?.catalog;
                let found = match place.named()? {
                    Named::Database(database) => {
                        runtime()?.block_on(check_database(&database, &catalog))?
                    }
                    Named::Folder(folder) => check_folder(folder, &catalog)?,
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

async fn check_database(database: &Database<'_>, catalog: &Catalog) -> Result<Integrity, Failure> {
    let store = database.open(PostgresStore::builder().expect_tables()).await?;
    store.check(catalog).await.map_err(|error| Failure::because("check", &error))
}
