//! A process that is killed while it writes.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;

use scim2_provider::Store;
use scim2_sql::{PostgresStore, SqliteStore};

use crate::database;
use crate::load::{Acknowledged, Endpoint, Step, catalog};
use crate::support::Dice;

/// Tells this test binary to be the one that is killed, and what it writes to.
const DIRECTORY: &str = "SCIM2_CRASH_DIRECTORY";
const DATABASE: &str = "SCIM2_CRASH_DATABASE";
/// How often it is killed.
const KILLS: &str = "SCIM2_KILLS";
const FEW_KILLS: usize = 4;
/// After so many kills one begins anew, so that looking at everything stays cheap.
const KILLS_PER_STORE: usize = 10;
/// It is killed after at most so many acknowledgements.
const ACKNOWLEDGEMENTS: usize = 160;
const WRITERS: usize = 8;

/// Not a test: what the killed process does, when it is told to.
#[test]
fn child_writes() {
    let (directory, url) = (std::env::var_os(DIRECTORY), std::env::var(DATABASE));
    if let Some(directory) = directory {
        say("opening");
        let store = SqliteStore::open(Path::new(&directory).join("scim.db")).unwrap();
        database::runtime().block_on(write(store));
    } else if let Ok(url) = url {
        say("opening");
        database::runtime().block_on(async {
            let builder = PostgresStore::builder().connections(WRITERS);
            write(builder.connect(&url).await.unwrap()).await;
        });
    }
}

async fn write(store: impl Store) {
    let endpoint = Arc::new(Endpoint::new(store));
    let group = endpoint.group().await.unwrap();
    let tasks: Vec<_> = (0..WRITERS)
        .map(|task| {
            let (endpoint, group) = (Arc::clone(&endpoint), group.clone());
            tokio::spawn(async move {
                for i in 0.. {
                    let name = format!("{}-{task}-{i}", std::process::id());
                    let ends = if i % 3 == 0 { Step::Deleted } else { Step::Renamed };
                    let tell = |step, user: &str| say(&format!("ack {step:?} {user}"));
                    endpoint.live(&group, &name, ends, tell).await.unwrap();
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
}

/// One line, at once. Whoever is no longer there to read it does not matter.
fn say(line: &str) {
    let _ = std::io::stdout().lock().write_all(format!("{line}\n").as_bytes());
}

/// A process that writes until it is killed.
fn start(variable: &str, value: &std::ffi::OsStr) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "crash::child_writes", "--nocapture"])
        .env(variable, value)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap()
}

/// Kills it after so many acknowledgements, and notes all of them. Killed after none, it is
/// opening the store.
fn kill(mut child: Child, enough: usize, acknowledged: &mut Acknowledged) {
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let (mut count, mut killed) = (0, false);
    for line in lines {
        let Ok(line) = line else { break };
        let words: Vec<&str> = line.split(' ').collect();
        if let [.., "ack", step, user] = words[..] {
            acknowledged.note(Step::parse(step).unwrap(), user);
            count += 1;
        }
        // The harness says something before.
        if !killed && count >= enough && (count > 0 || line.ends_with("opening")) {
            child.kill().unwrap();
            killed = true;
        }
    }
    child.wait().unwrap();
    assert!(killed, "the process ended by itself");
}

fn kills() -> usize {
    database::number(KILLS).unwrap_or(FEW_KILLS)
}

#[test]
fn a_kill_loses_nothing_that_was_acknowledged() {
    let (kills, mut dice, mut users) = (kills(), Dice::new(), 0);
    let mut left = kills;
    while left > 0 {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("scim.db");
        let mut acknowledged = Acknowledged::default();
        for _ in 0..left.min(KILLS_PER_STORE) {
            let child = start(DIRECTORY, directory.path().as_os_str());
            kill(child, dice.roll(ACKNOWLEDGEMENTS), &mut acknowledged);
            let store = SqliteStore::open(&path).unwrap();
            database::runtime().block_on(async {
                let integrity = store.check(&catalog()).await.unwrap();
                acknowledged.check(&store, integrity).await;
            });
            left -= 1;
        }
        users += acknowledged.len();
    }
    eprintln!("SQLite: {kills} kills, {users} users acknowledged, none lost; {dice:?}");
}

#[test]
fn a_kill_of_a_client_of_postgresql_loses_nothing_that_was_acknowledged() {
    let (kills, mut dice, mut users) = (kills(), Dice::new(), 0);
    let mut left = kills;
    let runtime = database::runtime();
    while left > 0 {
        let Some(url) = runtime.block_on(database::database("killed clients")) else { return };
        let mut acknowledged = Acknowledged::default();
        for _ in 0..left.min(KILLS_PER_STORE) {
            let name = format!("killed-{}-{left}", std::process::id());
            let child = start(DATABASE, format!("{url}&application_name={name}").as_ref());
            kill(child, dice.roll(ACKNOWLEDGEMENTS), &mut acknowledged);
            runtime.block_on(async {
                database::gone(&url, &name).await;
                let store = PostgresStore::connect(&url).await.unwrap();
                let integrity = store.check(&catalog()).await.unwrap();
                acknowledged.check(&store, integrity).await;
            });
            left -= 1;
        }
        users += acknowledged.len();
    }
    eprintln!(
        "PostgreSQL: {kills} kills of a client, {users} users acknowledged, none lost; {dice:?}"
    );
}
