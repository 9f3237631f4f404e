//! `cargo xtask faults`: the stores while processes are killed, disks are full, and the database is
//! restarted.

use std::path::Path;
use std::process::Command;

use crate::postgres::{Cluster, Database, is_root};
use crate::{cargo_program, step};

/// How often a process that writes is killed, for each store.
const KILLS: &str = "200";
/// What every connection to a server begins with, so that transactions that get in each other's way
/// fail.
const SERIALIZABLE: &str = "default_transaction_isolation=serializable";

/// Runs all of it, and says what it had to leave out.
pub(crate) fn faults(root: &Path) -> Result<(), String> {
    let mut skipped = Vec::new();
    let database = Database::find();
    let mut kills = tests(root, "scim2-sql", &["crash::", "disk::", "integrity::"]);
    kills.env("SCIM2_KILLS", KILLS);
    if is_root() {
        kills.env("SCIM2_MOUNTS", "1");
    } else {
        skipped.push("full and read-only disks: only root can mount what they take".to_owned());
    }
    match &database {
        Ok(database) => {
            kills.env("DATABASE_URL", database.url());
        }
        Err(reason) => skipped.push(format!("everything on PostgreSQL: {reason}")),
    }
    step(&mut kills)?;
    match &database {
        Ok(Database::Started(cluster)) => {
            let mut restarts = tests(root, "scim2-sql", &["restarts::"]);
            restarts.env("DATABASE_URL", cluster.url()).env("SCIM2_RESTART", cluster.restart());
            step(&mut restarts)?;
            step(tests(root, "scim2-cli", &["servers::"]).env("DATABASE_URL", cluster.url()))?;
        }
        Ok(Database::Named(_)) => {
            skipped.push("restarts and SERIALIZABLE: DATABASE_URL names a server".to_owned());
        }
        Err(_) => {}
    }
    if let Ok(Database::Started(cluster)) = database {
        drop(cluster);
        let cluster = Cluster::start(&[SERIALIZABLE])?;
        let mut conflicts = tests(root, "scim2-sql", &["postgres::", "agree::", "outbox::"]);
        step(conflicts.env("DATABASE_URL", cluster.url()))?;
        step(tests(root, "scim2-cli", &["servers::"]).env("DATABASE_URL", cluster.url()))?;
    }
    for what in skipped {
        eprintln!("SKIPPED: {what}");
    }
    Ok(())
}

/// These tests of a crate, with what they say.
fn tests(root: &Path, package: &str, names: &[&str]) -> Command {
    let mut command = Command::new(cargo_program());
    command.current_dir(root).args(["test", "-p", package, "--all-features", "--test", "it"]);
    command.args(["--", "--nocapture"]).args(names);
    command
}
