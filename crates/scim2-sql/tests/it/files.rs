//! The file: who may open it, and what it must be.

use std::path::Path;

use rusqlite::Connection;
use scim2_core::schema::Schema;
use scim2_core::{Catalog, ResourceType};
use scim2_provider::Store;
use scim2_provider::store::{Load, StoreError};
use scim2_sql::{OpenError, SqliteStore};
use serde_json::json;

use crate::support::{Fixture, tenant, unique_group_names, valid};

fn path(fixture: &Fixture) -> std::path::PathBuf {
    fixture.directory.path().join("scim.db")
}

/// Ends a fixture's store and keeps its directory.
fn close(fixture: Fixture) -> tempfile::TempDir {
    drop(fixture.store);
    fixture.directory
}

fn sql(path: &Path, text: &str) {
    Connection::open(path).unwrap().execute_batch(text).unwrap();
}

#[test]
fn what_was_written_is_there_after_opening_again() {
    let fixture = Fixture::new();
    let user = fixture.user(json!({"userName": "babs"}));
    let group = fixture.group("all", &[user.id()]);
    let directory = close(fixture);
    let store = SqliteStore::open(directory.path().join("scim.db")).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let (scope, ty) = (tenant("acme"), ResourceType::group());
    let found = runtime.block_on(store.get(&scope, &ty, &group.id().into(), Load::Full)).unwrap();
    assert_eq!(found, Some(group));
    // New identifiers come after the old ones.
    let ty = ResourceType::user();
    let next = store.insert(&scope, &ty, valid(&ty, json!({"userName": "next"})).into());
    assert!(runtime.block_on(next).unwrap().id() > user.id());
}

#[test]
fn a_second_store_on_the_same_file_is_refused() {
    let fixture = Fixture::new();
    let result = SqliteStore::open(path(&fixture));
    assert!(matches!(result, Err(OpenError::InUse { .. })));
    let directory = close(fixture);
    SqliteStore::open(directory.path().join("scim.db")).unwrap();
}

#[cfg(unix)]
#[test]
fn a_second_store_by_another_name_is_refused() {
    let fixture = Fixture::new();
    let alias = fixture.directory.path().join("alias.db");
    std::os::unix::fs::symlink(path(&fixture), &alias).unwrap();
    assert!(matches!(SqliteStore::open(&alias), Err(OpenError::InUse { .. })));
}

#[test]
fn a_clone_keeps_the_file_open() {
    let fixture = Fixture::new();
    let clone = fixture.store.clone();
    let path = path(&fixture);
    let _directory = close(fixture);
    assert!(matches!(SqliteStore::open(&path), Err(OpenError::InUse { .. })));
    drop(clone);
    SqliteStore::open(&path).unwrap();
}

#[test]
fn a_database_of_something_else_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("other.db");
    sql(&path, "CREATE TABLE users (name TEXT)");
    let before = std::fs::read(&path).unwrap();
    assert!(matches!(SqliteStore::open(&path), Err(OpenError::Foreign { .. })));
    assert_eq!(std::fs::read(&path).unwrap(), before);
}

#[test]
fn a_file_that_is_no_database_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("letter.txt");
    std::fs::write(&path, "Dear Sir or Madam, ".repeat(100)).unwrap();
    assert!(matches!(SqliteStore::open(&path), Err(OpenError::Foreign { .. })));
    assert!(std::fs::read_to_string(&path).unwrap().starts_with("Dear Sir"));
}

#[test]
fn a_directory_that_is_not_there_is_named() {
    let directory = tempfile::tempdir().unwrap();
    let error = SqliteStore::open(directory.path().join("no/scim.db")).unwrap_err();
    assert!(matches!(error, OpenError::File { .. }));
    assert!(error.to_string().contains("no/scim.db"), "{error}");
}

#[test]
fn a_file_from_the_future_is_refused() {
    let fixture = Fixture::new();
    let directory = close(fixture);
    let path = directory.path().join("scim.db");
    sql(&path, "UPDATE scim_meta SET v = '99' WHERE k = 'schema_version'");
    let error = SqliteStore::open(&path).unwrap_err();
    assert!(matches!(error, OpenError::Newer { found: 99, .. }), "{error:?}");
}

#[test]
fn keys_of_other_rules_are_refused_or_made_anew() {
    let fixture = Fixture::new();
    let babs = fixture.user(json!({"userName": "Babs", "externalId": "1"}));
    let id = babs.id().to_owned();
    let directory = close(fixture);
    let path = directory.path().join("scim.db");
    sql(
        &path,
        "UPDATE scim_meta SET v = 'old' WHERE k = 'fold_version';
         UPDATE scim_uniq SET key = 'BABS'; UPDATE scim_idx SET key = key || 'x'",
    );
    let error = SqliteStore::open(&path).unwrap_err();
    assert!(matches!(error, OpenError::FoldVersion { .. }), "{error:?}");
    let without_users = Catalog::default();
    let error = SqliteStore::builder().reindex(without_users).open(&path).unwrap_err();
    assert!(matches!(error, OpenError::UnknownType { name } if name == "User"));

    let store = SqliteStore::builder().reindex(Catalog::standard()).open(&path).unwrap();
    let fixture = Fixture { store, directory, ..Fixture::new() };
    let ty = ResourceType::user();
    assert_eq!(fixture.find(&ty, r#"userName eq "BABS""#), [id.as_str()]);
    assert_eq!(fixture.find(&ty, r#"externalId eq "1""#), [id.as_str()]);
    fixture.try_user(json!({"userName": "babs"})).unwrap_err();
    let directory = close(fixture);
    SqliteStore::open(directory.path().join("scim.db")).unwrap();
}

#[test]
fn values_that_collide_under_new_rules_are_named() {
    let fixture = Fixture::new();
    let a = fixture.user(json!({"userName": "babs"})).id().to_owned();
    let b = fixture.user(json!({"userName": "other"})).id().to_owned();
    let directory = close(fixture);
    let path = directory.path().join("scim.db");
    sql(
        &path,
        "UPDATE scim_meta SET v = 'old' WHERE k = 'fold_version';
         UPDATE scim_resource SET doc = replace(doc, 'other', 'BABS')",
    );
    let error = SqliteStore::builder().reindex(Catalog::standard()).open(&path).unwrap_err();
    assert!(
        matches!(&error, OpenError::Collision { first, second, .. } if *first == a && *second == b),
        "{error:?}"
    );
}

#[test]
fn sec_11_a_catalog_in_which_an_attribute_became_unique_has_its_keys_made() {
    let fixture = Fixture::new();
    let sales = fixture.group("Sales", &[]).id().to_owned();
    fixture.user(json!({"userName": "babs"}));
    let directory = close(fixture);
    let path = directory.path().join("scim.db");
    let (catalog, scope) = (unique_group_names(), tenant("acme"));
    let ty = catalog.by_name("Group").unwrap();

    // Who does not ask for it is told.
    let fixture = Fixture { directory, ..Fixture::new() };
    let Fixture { runtime, directory, .. } = fixture;
    let store = SqliteStore::open(&path).unwrap();
    let again = || valid(ty, json!({"displayName": "SALES"}));
    for error in [
        runtime.block_on(store.insert(&scope, ty, again().into())).unwrap_err(),
        runtime.block_on(store.get(&scope, ty, &sales.as_str().into(), Load::Full)).unwrap_err(),
    ] {
        let StoreError::Internal(cause) = error else { panic!("{error}") };
        let cause = cause.to_string();
        assert!(cause.starts_with("the keys of resource type `Group`"), "{cause}");
        assert!(cause.contains("Group:displayName string unique` now"), "{cause}");
    }
    // The same rules of another catalog are the same.
    let groups = ResourceType::group();
    runtime.block_on(store.get(&scope, &groups, &sales.as_str().into(), Load::Full)).unwrap();
    let found = runtime.block_on(store.check(&catalog)).unwrap();
    assert!(found.problems.iter().any(|line| line.starts_with("Group: ")), "{found}");
    drop(store);

    let store = SqliteStore::builder().reindex(catalog.clone()).open(&path).unwrap();
    let taken = runtime.block_on(store.insert(&scope, ty, again().into())).unwrap_err();
    assert!(matches!(taken, StoreError::Uniqueness { .. }), "{taken}");
    assert!(runtime.block_on(store.check(&catalog)).unwrap().is_sound());
    drop(store);
    // Once is enough.
    let store = SqliteStore::open(&path).unwrap();
    runtime.block_on(store.get(&scope, ty, &sales.as_str().into(), Load::Full)).unwrap();
    drop((store, directory));
}

#[test]
fn sec_11_values_that_collide_under_a_changed_catalog_are_named() {
    let fixture = Fixture::new();
    let (one, other) = (fixture.group("Sales", &[]), fixture.group("sales", &[]));
    let directory = close(fixture);
    let path = directory.path().join("scim.db");
    let error = SqliteStore::builder().reindex(unique_group_names()).open(&path).unwrap_err();
    let OpenError::Collision { attribute, first, second } = &error else { panic!("{error}") };
    assert!(attribute.ends_with(":Group:displayName"), "{attribute}");
    assert_eq!((first.as_str(), second.as_str()), (one.id(), other.id()));
    // Nothing was changed.
    SqliteStore::builder().reindex(Catalog::standard()).open(&path).unwrap();
}

#[test]
fn sec_10_a_catalog_in_which_case_counts_has_its_keys_made() {
    let fixture = Fixture::new();
    let user = fixture.user(json!({"userName": "babs", "title": "Guide"}));
    let directory = close(fixture);
    let path = directory.path().join("scim.db");
    let mut schema = Schema::clone(ResourceType::user().schema());
    let title = schema.attributes.iter_mut().find(|attribute| attribute.name == "title");
    title.unwrap().case_exact = true;
    let ty = ResourceType::new("User", "/Users", schema);
    let mut catalog = Catalog::default();
    catalog.register(ty.clone()).unwrap();
    let store = SqliteStore::builder().reindex(catalog).open(&path).unwrap();
    let fixture = Fixture { store, directory, ..Fixture::new() };
    assert_eq!(fixture.find(&ty, r#"title eq "Guide""#), [user.id()]);
    assert!(fixture.find(&ty, r#"title eq "guide""#).is_empty());
}

#[test]
fn backups_are_stores() {
    let fixture = Fixture::new();
    let babs = fixture.user(json!({"userName": "babs"}));
    let copy = fixture.directory.path().join("copy.db");
    fixture.run(fixture.store.backup(&copy)).unwrap();
    fixture.user(json!({"userName": "later"}));
    // What is there is not overwritten.
    fixture.run(fixture.store.backup(&copy)).unwrap_err();
    let store = SqliteStore::open(&copy).unwrap();
    let fixture = Fixture { store, ..fixture };
    let ty = ResourceType::user();
    assert_eq!(fixture.find(&ty, r#"userName eq "babs""#), [babs.id()]);
    assert!(fixture.find(&ty, r#"userName eq "later""#).is_empty());
}

#[cfg(unix)]
#[test]
fn only_the_owner_can_read_the_files() {
    use std::os::unix::fs::PermissionsExt;
    let fixture = Fixture::new();
    fixture.user(json!({"userName": "babs"}));
    fixture.run(fixture.store.backup(fixture.directory.path().join("copy.db"))).unwrap();
    for entry in std::fs::read_dir(fixture.directory.path()).unwrap() {
        let entry = entry.unwrap();
        let mode = entry.metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o077, 0, "{:?}", entry.path());
    }
}

/// What takes a file back to an earlier version.
const BACK_TO: [(i64, &str); 3] = [
    (3, "DELETE FROM scim_meta WHERE k LIKE 'keys:%'"),
    (
        2,
        "ALTER TABLE scim_resource DROP COLUMN search; DELETE FROM scim_meta WHERE k = 'fold_version'",
    ),
    (1, "DROP TABLE scim_outbox; DROP TABLE scim_subscriber"),
];

#[test]
fn a_file_of_any_earlier_version_is_brought_up_to_date() {
    for (version, _) in BACK_TO {
        let fixture = Fixture::new();
        let babs = fixture.user(json!({"userName": "babs", "title": "Guide"}));
        let path = fixture.directory.path().join("scim.db");
        let Fixture { store, clock, scope, directory, runtime } = fixture;
        drop(store);
        let connection = Connection::open(&path).unwrap();
        let sql = "SELECT v FROM scim_meta WHERE k = 'schema_version'";
        let newest: String = connection.query_row(sql, [], |row| row.get(0)).unwrap();
        assert_eq!(newest, (BACK_TO.len() + 1).to_string(), "no way back from the newest");
        for (to, back) in BACK_TO.iter().filter(|(to, _)| *to >= version) {
            connection.execute_batch(back).unwrap();
            let sql = "UPDATE scim_meta SET v = ?1 WHERE k = 'schema_version'";
            connection.execute(sql, [to.to_string()]).unwrap();
        }
        drop(connection);
        // Looking does not change it.
        let looked = SqliteStore::check_file(&path, &Catalog::standard()).unwrap_err();
        assert!(matches!(looked, OpenError::Older { found, .. } if found == version), "{looked}");
        // What is looked into can only be made by who knows the schemas.
        let error = SqliteStore::open(&path).unwrap_err();
        assert!(matches!(error, OpenError::FoldVersion { .. }), "{error}");
        let store = SqliteStore::builder()
            .clock(clock.clone())
            .reindex(Catalog::standard())
            .open(&path)
            .unwrap();
        let fixture = Fixture { store, clock, scope, directory, runtime };
        let user = ResourceType::user();
        assert_eq!(fixture.find(&user, r#"title eq "guide""#), [babs.id()]);
        assert_eq!(fixture.get_user(babs.id()), babs.resource);
        assert!(fixture.find(&user, r#"title eq "other""#).is_empty());
        fixture.user(json!({"userName": "jo"}));
        let integrity = fixture.run(fixture.store.check(&Catalog::standard())).unwrap();
        assert!(integrity.is_sound(), "{integrity}");
    }
}

#[test]
fn an_empty_file_of_an_earlier_version_needs_no_catalog() {
    let fixture = Fixture::new();
    let path = fixture.directory.path().join("scim.db");
    let Fixture { store, .. } = fixture;
    drop(store);
    Connection::open(&path)
        .unwrap()
        .execute_batch(
            "ALTER TABLE scim_resource DROP COLUMN search;
             UPDATE scim_meta SET v = '2' WHERE k = 'schema_version'",
        )
        .unwrap();
    SqliteStore::open(&path).unwrap();
}
