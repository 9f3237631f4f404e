//! The look at everything: it finds nothing where nothing is wrong, and whatever is.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use rusqlite::Connection;
use scim2_core::change::{Member, MemberDelta};
use scim2_core::resource::ResourceId;
use scim2_core::{Catalog, ResourceType};
use scim2_provider::events::ChangeRecord;
use scim2_provider::store::{Dangling, Load, Write, if_match};
use scim2_provider::{ProvisioningDomain, Store};
use scim2_sql::{OpenError, PostgresStore, SqliteStore};
use serde_json::{Value, json};

use crate::database;
use crate::load::{Acknowledged, Endpoint, Step};
use crate::support::{ENTERPRISE, tenant, valid, with_manager};

/// Some of everything that a store keeps.
async fn fill(store: &impl Store) {
    let (user, group) = (ResourceType::user(), ResourceType::group());
    let scope = tenant("acme");
    let insert = async |ty: &ResourceType, domain: bool, body: Value| -> ResourceId {
        let resource = valid(ty, body);
        let record = ChangeRecord::created(ty, &resource).by("client", "1");
        let scope = if domain {
            scope.clone().with_domain(ProvisioningDomain::new("entra").unwrap())
        } else {
            scope.clone()
        };
        let write = Write::from(resource).with_record(Some(record));
        store.insert(&scope, ty, write).await.unwrap().id().into()
    };
    let boss = insert(
        &user,
        false,
        json!({"userName": "boss", "displayName": "\u{1}", "title": "a\u{0}b"}),
    )
    .await;
    let temporary = insert(&user, false, json!({"userName": "temporary"})).await;
    insert(&user, false, with_manager("leaves a reference", temporary.as_str())).await;
    let mut body = with_manager("Babs", boss.as_str());
    body["externalId"] = "own".into();
    body["password"] = "t0p-s3cret".into();
    body["emails"] = json!([{"value": "B@x.org", "type": "work", "primary": true}]);
    body[ENTERPRISE]["employeeNumber"] = "7".into();
    let babs = insert(&user, true, body).await;
    insert(&user, false, json!({"userName": "jo", "externalId": "common"})).await;
    let members = json!([{"value": babs.as_str()}, {"value": "gone", "display": "Who?"}]);
    let all = insert(&group, false, json!({"displayName": "all", "members": members})).await;
    let mut delta = MemberDelta::default();
    delta.add.push(Member::new(temporary.as_str()));
    let record = ChangeRecord::members(&delta).by("client", "2");
    let joined = store.change_members(&scope, &group, &all, None, &delta, Some(&record));
    joined.await.unwrap();
    let gone = store.delete(
        &scope,
        &user,
        &temporary,
        Load::WithoutMembers,
        Dangling::Cleared,
        if_match(None),
    );
    gone.await.unwrap();
}

/// What goes wrong, for both databases, and what is said of it.
const DAMAGE: [(&str, &str); 13] = [
    ("DELETE FROM scim_uniq WHERE key = 'babs'", "unique keys"),
    ("UPDATE scim_uniq SET key = 'bibs' WHERE key = 'babs'", "unique keys"),
    ("UPDATE scim_uniq SET tenant = 99 WHERE key = 'babs'", "unique keys"),
    ("DELETE FROM scim_idx WHERE key = '7'", "indexed keys"),
    ("DELETE FROM scim_external", "indexed keys"),
    ("UPDATE scim_ref SET target = 'x'", "references"),
    ("UPDATE scim_resource SET user_name = 'x' WHERE user_name = 'jo'", "names"),
    ("UPDATE scim_resource SET doc = '{' WHERE user_name = 'jo'", "cannot be read"),
    ("UPDATE scim_resource SET doc = replace(doc, '7', '8')", "search document"),
    ("UPDATE scim_resource SET version = 0", "version or its times"),
    ("UPDATE scim_member SET tenant = 99", "another tenant"),
    ("UPDATE scim_member SET element = '[' WHERE element IS NOT NULL", "of a member"),
    ("UPDATE scim_outbox SET version = 'W/\"99\"'", "never had this version"),
];

#[test]
fn a_sound_file_has_no_problems_and_a_damaged_one_has() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("sound.db");
    let store = SqliteStore::open(&path).unwrap();
    let catalog = Catalog::standard();
    database::runtime().block_on(async {
        fill(&store).await;
        let sound = store.check(&catalog).await.unwrap();
        assert!(sound.is_sound(), "{sound}");
        assert_eq!((sound.resources, sound.members, sound.events), (5, 2, 7));
        let types = store.check(&Catalog::default()).await.unwrap();
        assert!(types.problems[0].contains("does not have its type"), "{types}");
    });
    let only_here = [
        (
            "PRAGMA foreign_keys = OFF; DELETE FROM scim_resource WHERE user_name = 'jo'",
            "of no resource",
        ),
        ("PRAGMA foreign_keys = OFF; UPDATE scim_uniq SET path = 99", "refer to nothing"),
    ];
    for (damage, expected) in DAMAGE.into_iter().chain(only_here) {
        let damaged = directory.path().join("damaged.db");
        SqliteStore::backup_file(&path, &damaged).unwrap();
        Connection::open(&damaged).unwrap().execute_batch(damage).unwrap();
        let found = SqliteStore::check_file(&damaged, &catalog).unwrap();
        let told = found.problems.iter().any(|problem| problem.contains(expected));
        assert!(told, "{damage}: {expected}: {found}");
        assert!(!found.to_string().contains("babs"), "{found}");
        std::fs::remove_file(&damaged).unwrap();
    }
}

#[test]
fn sound_tables_have_no_problems_and_damaged_ones_have() {
    database::runtime().block_on(async {
        let Some(url) = database::database("integrity").await else { return };
        let store = PostgresStore::connect(&url).await.unwrap();
        fill(&store).await;
        let catalog = Catalog::standard();
        let sound = store.check(&catalog).await.unwrap();
        assert!(sound.is_sound(), "{sound}");
        assert_eq!((sound.resources, sound.members, sound.events), (5, 2, 7));
        for (damage, expected) in DAMAGE {
            let Some(url) = database::database("integrity").await else { return };
            let store = PostgresStore::connect(&url).await.unwrap();
            fill(&store).await;
            database::execute(&url, damage).await;
            let found = store.check(&catalog).await.unwrap();
            let told = found.problems.iter().any(|problem| problem.contains(expected));
            assert!(told, "{damage}: {expected}: {found}");
        }
    });
}

#[test]
fn a_torn_file_is_told() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("torn.db");
    let store = SqliteStore::open(&path).unwrap();
    database::runtime().block_on(fill(&store));
    drop(store);
    let mut bytes = std::fs::read(&path).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle..].fill(0x5a);
    std::fs::write(&path, bytes).unwrap();
    match SqliteStore::check_file(&path, &Catalog::standard()) {
        Ok(found) => assert!(!found.is_sound(), "{found}"),
        Err(error) => {
            assert!(matches!(error, OpenError::Damaged(_) | OpenError::Database(_)), "{error}");
        }
    }
}

#[test]
fn a_file_in_use_can_be_looked_at_and_copied() {
    let directory = tempfile::tempdir().unwrap();
    let (path, copy) = (directory.path().join("scim.db"), directory.path().join("copy.db"));
    let store = SqliteStore::open(&path).unwrap();
    let catalog = Catalog::standard();
    database::runtime().block_on(fill(&store));
    assert!(SqliteStore::check_file(&path, &catalog).unwrap().is_sound());
    SqliteStore::backup_file(&path, &copy).unwrap();
    let copied = SqliteStore::check_file(&copy, &catalog).unwrap();
    assert_eq!(copied, SqliteStore::check_file(&path, &catalog).unwrap());
    let again = SqliteStore::backup_file(&path, &copy).unwrap_err();
    assert!(matches!(again, OpenError::File { .. }), "{again}");
    // What failed has taken nothing away.
    assert_eq!(SqliteStore::check_file(&copy, &catalog).unwrap(), copied);
}

#[test]
fn a_copy_that_is_made_under_load_is_sound_and_has_all_that_was_acknowledged() {
    let directory = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(directory.path().join("scim.db")).unwrap();
    let acknowledged = Mutex::new(Acknowledged::default());
    let copies = database::runtime().block_on(async {
        let endpoint = Endpoint::new(store.clone());
        let group = endpoint.group().await.unwrap();
        let done = AtomicBool::new(false);
        let writers = (0..4).map(async |writer| {
            for i in 0.. {
                if done.load(Ordering::Relaxed) {
                    return;
                }
                let tell = |step, user: &str| acknowledged.lock().unwrap().note(step, user);
                let name = format!("{writer}-{i}");
                endpoint.live(&group, &name, Step::Renamed, tell).await.unwrap();
            }
        });
        let copying = async {
            let mut copies = Vec::new();
            for number in 0..5 {
                let known = acknowledged.lock().unwrap().len();
                // Somebody comes between one copy and the next.
                while acknowledged.lock().unwrap().len() < known + 3 {
                    tokio::task::yield_now().await;
                }
                let before = acknowledged.lock().unwrap().clone();
                let copy = directory.path().join(format!("copy{number}.db"));
                store.backup(&copy).await.unwrap();
                copies.push((copy, before));
            }
            done.store(true, Ordering::Relaxed);
            copies
        };
        futures_util::future::join(copying, futures_util::future::join_all(writers)).await.0
    });
    for (copy, before) in copies {
        let integrity = SqliteStore::check_file(&copy, &Catalog::standard()).unwrap();
        assert!(integrity.is_sound(), "{integrity}");
        let copy = SqliteStore::open(&copy).unwrap();
        database::runtime().block_on(before.check_later(&copy));
    }
}

#[test]
fn what_is_no_store_is_neither_looked_at_nor_copied() {
    let directory = tempfile::tempdir().unwrap();
    let (path, copy) = (directory.path().join("other.db"), directory.path().join("copy.db"));
    let catalog = Catalog::standard();
    let missing = SqliteStore::check_file(&path, &catalog).unwrap_err();
    assert!(matches!(missing, OpenError::File { .. }), "{missing}");
    Connection::open(&path).unwrap().execute_batch("CREATE TABLE t (n)").unwrap();
    let foreign = SqliteStore::check_file(&path, &catalog).unwrap_err();
    assert!(matches!(foreign, OpenError::Foreign { .. }), "{foreign}");
    let foreign = SqliteStore::backup_file(&path, &copy).unwrap_err();
    assert!(matches!(foreign, OpenError::Foreign { .. }), "{foreign}");
    assert!(!copy.exists());
}
