//! A process that is killed while it writes.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};

use rusqlite::Connection;
use scim2_core::ResourceType;
use scim2_core::change::{Member, MemberDelta};
use scim2_core::resource::ResourceId;
use scim2_provider::Store;
use scim2_sql::SqliteStore;
use serde_json::json;

use crate::support::{Fixture, tenant, valid};

/// Tells this test binary to be the one that is killed.
const DIRECTORY: &str = "SCIM2_SQL_CRASH_DIRECTORY";

/// Not a test: what the killed process does, when it is told to.
#[test]
fn child_writes() {
    let Some(directory) = std::env::var_os(DIRECTORY) else { return };
    let store = SqliteStore::open(Path::new(&directory).join("scim.db")).unwrap();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).build().unwrap();
    runtime.block_on(async {
        let (scope, user, group) = (tenant("acme"), ResourceType::user(), ResourceType::group());
        let all = valid(&group, json!({"displayName": "all"})).into();
        let all = store.insert(&scope, &group, all).await.unwrap();
        let all = ResourceId::from(all.id());
        let tasks: Vec<_> = (0..8)
            .map(|task| {
                let (store, scope, all) = (store.clone(), scope.clone(), all.clone());
                let (user, group) = (user.clone(), group.clone());
                tokio::spawn(async move {
                    for i in 0.. {
                        let name = format!("{}-{task}-{i}", std::process::id());
                        let body = json!({"userName": name, "externalId": name});
                        let body = valid(&user, body).into();
                        let stored = store.insert(&scope, &user, body).await.unwrap();
                        say(&format!("user {} {name}", stored.id()));
                        let mut delta = MemberDelta::default();
                        delta.add.push(Member::new(stored.id()));
                        let added = store.change_members(&scope, &group, &all, None, &delta, None);
                        added.await.unwrap();
                        say(&format!("member {} {}", stored.id(), all));
                    }
                })
            })
            .collect();
        for task in tasks {
            task.await.unwrap();
        }
    });
}

/// One line, at once. Whoever is no longer there to read it does not matter.
fn say(line: &str) {
    let _ = std::io::stdout().lock().write_all(format!("ack {line}\n").as_bytes());
}

#[test]
fn a_kill_loses_nothing_that_was_acknowledged() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("scim.db");
    let mut acknowledged = Vec::new();
    for enough in [1, 40, 150] {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "crash::child_writes", "--nocapture"])
            .env(DIRECTORY, directory.path())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut count = 0;
        let mut killed = false;
        while let Some(Ok(line)) = lines.next() {
            let Some((_, ack)) = line.split_once("ack ") else { continue };
            acknowledged.push(ack.to_owned());
            count += 1;
            if count >= enough && !killed {
                child.kill().unwrap();
                killed = true;
            }
        }
        child.wait().unwrap();
        assert!(killed, "the process ended by itself");
        check(&path, &acknowledged);
    }
    assert!(acknowledged.len() >= 191);
}

fn check(path: &Path, acknowledged: &[String]) {
    {
        // Whatever was in the log of the killed process is read here.
        let connection = Connection::open(path).unwrap();
        let text =
            |sql: &str| -> String { connection.query_row(sql, [], |row| row.get(0)).unwrap() };
        assert_eq!(text("PRAGMA integrity_check"), "ok");
        let broken: i64 = connection
            .query_row("SELECT count(*) FROM pragma_foreign_key_check", [], |row| row.get(0))
            .unwrap();
        assert_eq!(broken, 0);
    }
    let store = SqliteStore::open(path).unwrap();
    let fixture = Fixture { store, ..Fixture::new() };
    let user = ResourceType::user();
    for ack in acknowledged {
        let [kind, id, rest] = ack.split(' ').collect::<Vec<_>>()[..] else { panic!("{ack}") };
        let stored = fixture.get_user(id);
        if kind == "user" {
            assert_eq!(stored.text("userName"), Some(rest));
            let filter = format!(r#"userName eq "{rest}""#);
            assert_eq!(fixture.find(&user, &filter), [id], "{ack}");
            let filter = format!(r#"externalId eq "{rest}""#);
            assert_eq!(fixture.find(&user, &filter), [id], "{ack}");
        } else {
            assert_eq!(stored.get("groups").unwrap()[0]["value"], rest, "{ack}");
        }
    }
    // What is there is whole: each resource has its keys.
    let everyone = fixture.find(&user, "userName pr");
    for id in everyone {
        let name = fixture.get_user(&id).text("userName").unwrap().to_owned();
        assert_eq!(fixture.find(&user, &format!(r#"userName eq "{name}""#)), [id.as_str()]);
    }
}
