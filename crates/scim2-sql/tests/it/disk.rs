//! What is wrong with the disk, and with who else uses it.

use std::path::Path;
use std::process::Command;
use std::sync::Mutex;
use std::time::Duration;

use rusqlite::Connection;
use scim2_provider::store::StoreError;
use scim2_sql::{OpenError, SqliteStore};
use serde_json::{Value, json};

use crate::database;
use crate::load::{Acknowledged, Endpoint, Step, catalog};
use crate::support::{Fixture, valid};

/// Lets these tests mount file systems, which takes root. `cargo xtask faults` says so.
const MOUNTS: &str = "SCIM2_MOUNTS";

/// A small file system of its own.
struct Disk(tempfile::TempDir);

impl Disk {
    fn mount(test: &str) -> Option<Self> {
        if std::env::var_os(MOUNTS).is_none() {
            eprintln!("SKIPPED: {test} (`cargo xtask faults` mounts what it needs, as root)");
            return None;
        }
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path();
        run(Command::new("mount").args(["-t", "tmpfs", "-o", "size=3m", "tmpfs"]).arg(path));
        Some(Self(folder))
    }

    fn remount(&self, options: &str) {
        run(Command::new("mount").args(["-o", &format!("remount,{options}")]).arg(self.0.path()));
    }

    fn path(&self) -> std::path::PathBuf {
        self.0.path().join("scim.db")
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        run(Command::new("umount").arg(self.0.path()));
    }
}

fn run(command: &mut Command) {
    assert!(command.status().unwrap().success(), "{command:?}");
}

#[test]
fn a_full_disk_refuses_changes_and_damages_nothing() {
    let Some(disk) = Disk::mount("a full disk") else { return };
    let acknowledged = Mutex::new(Acknowledged::default());
    let tell = |step, user: &str| acknowledged.lock().unwrap().note(step, user);
    let runtime = database::runtime();
    let store = SqliteStore::open(disk.path()).unwrap();
    let endpoint = Endpoint::new(store.clone());
    runtime.block_on(async {
        let group = endpoint.group().await.unwrap();
        let mut refused = 0;
        // Once full, it stays full.
        for i in 0.. {
            let lived = endpoint.live(&group, &format!("before-{i}"), Step::Renamed, tell).await;
            let Err(response) = lived else {
                assert!(refused == 0 || i < 100_000, "it is never full");
                continue;
            };
            assert_eq!(response.status(), 503, "{response:?}");
            assert!(response.headers().contains_key("retry-after"), "{response:?}");
            refused += 1;
            // Reading goes on.
            let page = endpoint.call("GET", "/Users?count=2", Value::Null).await;
            assert_eq!(page.status(), 200, "{page:?}");
            if refused == 20 {
                break;
            }
        }
        disk.remount("size=64m");
        // There is room again, and the same store goes on.
        for i in 0..20 {
            endpoint.live(&group, &format!("after-{i}"), Step::Deleted, tell).await.unwrap();
        }
        let integrity = store.check(&catalog()).await.unwrap();
        let acknowledged = acknowledged.lock().unwrap().clone();
        acknowledged.check(&store, integrity).await;
        eprintln!("SQLite: {} users around a full disk, none lost", acknowledged.len());
    });
    drop((endpoint, store));
    SqliteStore::open(disk.path()).unwrap();
}

#[test]
fn a_copy_that_finds_no_room_leaves_nothing_behind() {
    let Some(disk) = Disk::mount("a copy on a full disk") else { return };
    let fixture = Fixture::new();
    let text = "x".repeat(100_000);
    for i in 0..40 {
        fixture.user(json!({"userName": i.to_string(), "title": text}));
    }
    let copy = disk.path();
    let error = fixture.run(fixture.store.backup(&copy)).unwrap_err();
    assert!(matches!(error, StoreError::Unavailable { .. }), "{error:?}");
    let left = std::fs::read_dir(copy.parent().unwrap()).unwrap();
    let left: Vec<_> = left.map(|entry| entry.unwrap().file_name()).collect();
    assert!(left.is_empty(), "{left:?}");
    disk.remount("size=64m");
    fixture.run(fixture.store.backup(&copy)).unwrap();
}

/// Opening must fail, and say which file it is about.
fn refuses(path: &Path) {
    let error = SqliteStore::open(path).unwrap_err();
    assert!(matches!(error, OpenError::File { .. }), "{error:?}");
    assert!(error.to_string().contains("scim.db"), "{error}");
}

#[test]
fn a_disk_that_is_only_read_is_told() {
    let Some(disk) = Disk::mount("a read-only disk") else { return };
    drop(SqliteStore::open(disk.path()).unwrap());
    disk.remount("ro");
    refuses(&disk.path());
    disk.remount("rw");
    SqliteStore::open(disk.path()).unwrap();
}

#[cfg(unix)]
#[test]
fn a_file_that_is_only_read_is_told() {
    use std::os::unix::fs::PermissionsExt;
    let fixture = Fixture::new();
    let path = fixture.directory.path().join("scim.db");
    let Fixture { store, directory, .. } = fixture;
    drop(store);
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o400)).unwrap();
    if std::fs::OpenOptions::new().write(true).open(&path).is_ok() {
        eprintln!("SKIPPED: a read-only file (root may write it)");
        return;
    }
    refuses(&path);
    drop(directory);
}

#[test]
fn a_file_that_another_program_holds_is_unavailable_until_it_lets_go() {
    let fixture = Fixture::with(SqliteStore::builder().wait(Duration::from_millis(1)));
    let first = fixture.user(json!({"userName": "first"}));
    let path = fixture.directory.path().join("scim.db");
    let other = Connection::open(path).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let (scope, ty) = (&fixture.scope, scim2_core::ResourceType::user());
    let second = || {
        let second = valid(&ty, json!({"userName": "second"})).into();
        fixture.run(scim2_provider::Store::insert(&fixture.store, scope, &ty, second))
    };
    let Err(StoreError::Unavailable { retry_after: Some(_), source: Some(cause) }) = second()
    else {
        panic!("it should be unavailable, with a word when to try again")
    };
    assert!(cause.to_string().contains("locked"), "{cause}");
    // Whoever only reads does not wait for it.
    assert_eq!(fixture.get_user(first.id()), first.resource);
    other.execute_batch("ROLLBACK").unwrap();
    second().unwrap();
}
