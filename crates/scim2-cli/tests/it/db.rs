//! What `scim serve` keeps, looked at and copied.

use crate::serve::Server;
use crate::support::scim;

const USER: &str =
    r#"{"schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"], "userName": "bjensen"}"#;

#[test]
fn data_is_checked_and_copied_while_it_is_served() {
    let (folder, restored) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let server = Server::start(folder.path(), "strict");
    assert_eq!(server.call("POST", "/Users", USER).0, "HTTP/1.1 201 Created");
    let data = folder.path().to_str().unwrap();
    let checked = scim(&["db", "check", "--data", data]);
    assert!(checked.success, "{}", checked.err);
    assert_eq!(checked.out, "1 resources, 0 memberships, 0 events: 0 problems\n");
    let copy = restored.path().join("scim.sqlite3");
    let copy = copy.to_str().unwrap();
    let copied = scim(&["db", "backup", "--data", data, copy]);
    assert!(copied.success, "{}", copied.err);
    // What is there is kept.
    let again = scim(&["db", "backup", "--data", data, copy]);
    assert!(!again.success && again.err.contains("scim.sqlite3"), "{}", again.err);
    drop(server);
    let server = Server::start(restored.path(), "strict");
    let (_, found) = server.call("GET", "/Users", "");
    assert!(found.contains("bjensen"), "{found}");
}

#[test]
fn a_folder_without_data_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().to_str().unwrap();
    let checked = scim(&["db", "check", "--data", data]);
    assert!(!checked.success && checked.err.contains("scim.sqlite3"), "{}", checked.err);
    assert!(std::fs::read_dir(folder.path()).unwrap().next().is_none());
}
