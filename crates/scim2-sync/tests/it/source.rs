//! Reading a directory in Microsoft Graph's JSON.

use std::path::Path;

use scim2_sync::source::{Coverage, GraphDirectory, Removal, Snapshot, SourceError};
use serde_json::{Value, json};

use crate::support::{demo, demo_directory, named, user_named};

struct Files(tempfile::TempDir);

impl Files {
    fn new() -> Self {
        let files = Self(tempfile::tempdir().unwrap());
        files.write("users.json", json!({ "value": [user("u1"), user("u2")] }));
        files.write(
            "groups.json",
            json!({ "value": [{ "id": "g1", "displayName": "G", "members": [{ "id": "u1" }] }] }),
        );
        files.write(
            "assignments.json",
            json!({ "value": [{ "id": "a1", "principalId": "g1", "principalType": "Group" }] }),
        );
        files
    }

    fn write(&self, name: &str, value: Value) {
        std::fs::write(self.0.path().join(name), value.to_string()).unwrap();
    }

    fn read(&self) -> Result<Snapshot, SourceError> {
        GraphDirectory::new(self.0.path()).read_full()
    }

    /// The error without the directory's name.
    fn error(&self) -> String {
        self.short(&self.read().unwrap_err())
    }

    fn short(&self, error: &SourceError) -> String {
        error.to_string().replace(&format!("{}/", self.0.path().display()), "")
    }
}

fn user(id: &str) -> Value {
    json!({ "id": id, "userPrincipalName": format!("{id}@example.com"), "accountEnabled": true })
}

#[test]
fn the_demo_has_the_cases_that_the_guide_warns_of() {
    let snapshot = demo();
    assert_eq!(snapshot.users.len(), 250);
    assert_eq!(snapshot.groups.len(), 20);
    let numbers = |user: &scim2_sync::source::SourceObject| {
        ["telephoneNumber", "mobile", "facsimileTelephoneNumber"]
            .iter()
            .filter(|name| user.get(name).is_some())
            .count()
    };
    assert!(snapshot.users.values().filter(|user| numbers(user) == 3).count() >= 5);
    assert_eq!(snapshot.users.values().filter(|user| user.get("surname").is_none()).count(), 1);
    assert_eq!(snapshot.users.values().filter(|user| !user.is_enabled()).count(), 3);
    let mails =
        |mail| snapshot.users.values().filter(move |u| u.text("mail") == Some(mail)).count();
    assert_eq!(mails("reception@tailwater.example"), 2);
    let guests = snapshot
        .users
        .values()
        .filter(|user| user.text("userPrincipalName").is_some_and(|name| name.contains("#EXT#")));
    assert_eq!(guests.count(), 2);
    assert!(snapshot.users.values().any(|user| user.get("proxyAddresses").is_some()));
    let large = named(&snapshot, scim2_sync::source::ObjectKind::Group, "Field Operations");
    assert_eq!(snapshot.memberships[&large].direct.len(), 120);
    let outer = named(&snapshot, scim2_sync::source::ObjectKind::Group, "Engineering");
    let nested = named(&snapshot, scim2_sync::source::ObjectKind::Group, "Platform Guild");
    assert!(snapshot.memberships[&outer].direct.contains(&nested));
    assert!(!snapshot.assignments.values().any(|principal| *principal == nested));
}

#[test]
fn graphs_names_become_those_of_the_mapping_page() {
    let snapshot = demo();
    let chief = &snapshot.users[&user_named(&snapshot, "Anna Weiß")];
    assert!(chief.text("mobile").is_some());
    assert!(chief.text("telephoneNumber").is_some(), "the one of businessPhones");
    assert!(chief.text("facsimileTelephoneNumber").is_some());
    assert_eq!(chief.text("objectId").map(str::len), Some(36));
    assert_eq!(chief.text("mobilePhone"), None);
    for entra in ["objectId", "telephoneNumber", "mobile", "physicalDeliveryOfficeName"] {
        assert_ne!(scim2_vendor::entra::graph_name(entra), entra);
    }
}

#[test]
fn changes_are_applied_as_a_delta_answer() {
    let mut snapshot = demo();
    let deleted = user_named(&snapshot, "Ciarán Keane");
    let binned = user_named(&snapshot, "Tariq Benali");
    let moved = user_named(&snapshot, "Théo Nguyễn");
    let group =
        |snapshot: &Snapshot, name| named(snapshot, scim2_sync::source::ObjectKind::Group, name);
    let (field, support) = (group(&snapshot, "Field Operations"), group(&snapshot, "Support"));
    let before = snapshot.users[&moved].manager.clone();
    snapshot.apply(demo_directory().read_changes().unwrap()).unwrap();
    assert_eq!(snapshot.removed[&deleted], Removal::Hard);
    assert_eq!(snapshot.removed[&binned], Removal::Soft);
    assert!(!snapshot.memberships[&field].direct.contains(&deleted));
    assert!(!snapshot.memberships[&field].direct.contains(&moved));
    assert!(snapshot.memberships[&support].direct.contains(&moved));
    assert_ne!(snapshot.users[&moved].manager, before);
    assert_eq!(snapshot.users[&moved].text("department"), Some("Support"));
    assert_eq!(
        snapshot.groups[&group(&snapshot, "Sales Americas")].text("description").unwrap(),
        "Sales in the Americas"
    );
}

#[test]
fn errors_name_file_record_field_and_what_was_expected() {
    let files = Files::new();
    let mut broken = user("u2");
    broken["accountEnabled"] = json!("yes");
    files.write("users.json", json!({ "value": [user("u1"), broken] }));
    assert_eq!(
        files.error(),
        "users.json: record 1 (id `u2`): `accountEnabled` must be true or false, found text"
    );
    let error = files.read().unwrap_err();
    assert_eq!(error.file().file_name(), Some("users.json".as_ref()));
    assert_eq!((error.record_index(), error.record_id()), (Some(1), Some("u2")));
    assert_eq!(error.field_name(), Some("accountEnabled"));
}

#[test]
fn every_kind_of_broken_record_is_explained() {
    let files = Files::new();
    let check = |name: &str, value: Value, expected: &str| {
        let good = std::fs::read_to_string(files.0.path().join(name)).unwrap();
        files.write(name, value);
        assert_eq!(files.error(), expected);
        std::fs::write(files.0.path().join(name), good).unwrap();
    };
    let list = |record: Value| json!({ "value": [record] });
    let with = |name: &str, value: Value| {
        let mut user = user("u1");
        user[name] = value;
        list(user)
    };
    check("users.json", json!([]), "users.json: must be an object with `value`, found a list");
    check("users.json", json!({}), "users.json: `value` is missing");
    check(
        "users.json",
        json!({"value": {}}),
        "users.json: `value` must be a list, found an object",
    );
    check("users.json", list(json!(3)), "users.json: record 0: must be an object, found a number");
    check("users.json", list(json!({})), "users.json: record 0: `id` is missing");
    check(
        "users.json",
        list(json!({"id": "u1", "accountEnabled": true})),
        "users.json: record 0 (id `u1`): `userPrincipalName` is missing",
    );
    check(
        "users.json",
        with("businessPhones", json!(["1", "2"])),
        "users.json: record 0 (id `u1`): `businessPhones` must hold one text at most, found 2",
    );
    check(
        "users.json",
        with("proxyAddresses", json!([3])),
        "users.json: record 0 (id `u1`): `proxyAddresses` must be a list of texts, found a number",
    );
    check(
        "users.json",
        with("manager", json!({"id": "nobody"})),
        "users.json: record with id `u1`: `manager` names `nobody`, which is no user",
    );
    check(
        "users.json",
        json!({ "value": [user("u1"), user("u1")] }),
        "users.json: record 1 (id `u1`): `id` occurs twice",
    );
    check(
        "groups.json",
        list(json!({"id": "g1", "displayName": "G", "members": [{"id": "u1"}, {}]})),
        "groups.json: record 0 (id `g1`): `members[1]` must have an `id`",
    );
    check(
        "groups.json",
        list(json!({"id": "g1", "displayName": "G", "members": [{"id": "u9"}]})),
        "groups.json: record with id `g1`: `members` names `u9`, which is no user and no group",
    );
    check(
        "assignments.json",
        list(json!({"id": "a1", "principalId": "g1", "principalType": "Robot"})),
        "assignments.json: record 0 (id `a1`): `principalType` must be `User`, `Group` or \
         `ServicePrincipal`",
    );
    std::fs::write(files.0.path().join("users.json"), "{\"value\": [").unwrap();
    assert!(files.error().starts_with("users.json: is not JSON: EOF"), "{}", files.error());
    std::fs::remove_file(files.0.path().join("users.json")).unwrap();
    assert!(files.error().starts_with("users.json: cannot be read:"), "{}", files.error());
}

#[test]
fn a_first_page_is_not_everything() {
    let files = Files::new();
    files.write("users.json", json!({ "@odata.nextLink": "…", "value": [user("u1")] }));
    files.write(
        "groups.json",
        json!({ "value": [
            { "id": "g1", "displayName": "G", "members": [{ "id": "u1" }], "members@odata.nextLink": "…" },
            { "id": "g2", "displayName": "H" },
        ]}),
    );
    let snapshot = files.read().unwrap();
    assert!(matches!(snapshot.coverage.users, Coverage::Partial(_)));
    assert!(snapshot.coverage.groups.is_complete());
    assert!(!snapshot.memberships[&"g1".into()].coverage.is_complete());
    assert!(!snapshot.memberships[&"g2".into()].coverage.is_complete());
}

#[test]
fn devices_and_contacts_are_no_members() {
    let files = Files::new();
    let device = json!({ "@odata.type": "#microsoft.graph.device", "id": "d1" });
    files.write(
        "groups.json",
        json!({ "value": [{ "id": "g1", "displayName": "G", "members": [{ "id": "u1" }, device] }] }),
    );
    assert_eq!(files.read().unwrap().memberships[&"g1".into()].direct.len(), 1);
}

#[test]
fn a_change_of_an_unknown_object_must_describe_it() {
    let files = Files::new();
    let mut snapshot = files.read().unwrap();
    let before = snapshot.clone();
    files.write(
        "changes.json",
        json!({ "users": { "value": [
            { "id": "u1", "jobTitle": "Chief" },
            { "id": "u9", "accountEnabled": true },
        ]}}),
    );
    let changes = GraphDirectory::new(files.0.path()).read_changes().unwrap();
    let error = snapshot.apply(changes).unwrap_err();
    assert_eq!(
        files.short(&error),
        "changes.json: record with id `u9`: `userPrincipalName` is missing; the user is new, so \
         its change must describe it in full"
    );
    assert_eq!(snapshot, before, "nothing of it was applied");
}

#[test]
fn a_member_that_nobody_knows_is_an_error() {
    let files = Files::new();
    let mut snapshot = files.read().unwrap();
    files.write(
        "changes.json",
        json!({ "groups": { "value": [
            { "id": "g1", "members@delta": [{ "id": "u9" }] },
        ]}}),
    );
    let changes = GraphDirectory::new(files.0.path()).read_changes().unwrap();
    let error = snapshot.apply(changes).unwrap_err();
    assert_eq!(
        files.short(&error),
        "changes.json: record with id `g1`: `members@delta` names `u9`, which is no user and no group"
    );
}

#[test]
fn a_misspelled_section_is_not_passed_over() {
    let files = Files::new();
    files.write("changes.json", json!({ "user": { "value": [] } }));
    let error = GraphDirectory::new(files.0.path()).read_changes().unwrap_err();
    assert!(files.short(&error).contains("`user` is unknown here"), "{error}");
}

#[test]
fn sec_22_debug_shows_names_and_no_values() {
    let snapshot = demo();
    let text = format!("{snapshot:?}");
    assert!(text.contains("userPrincipalName"));
    assert!(!text.contains("tailwater.example"));
    assert!(!text.contains("Weiß"));
}

#[test]
fn files_that_are_not_there_are_named() {
    let error = GraphDirectory::new(Path::new("/nonexistent")).read_full().unwrap_err();
    assert!(error.to_string().starts_with("/nonexistent/users.json: cannot be read"), "{error}");
}

#[test]
fn what_is_said_twice_is_named_with_its_place() {
    let files = Files::new();
    let users = files.0.path().join("users.json");
    std::fs::write(&users, "{\"value\": [{\"id\": \"u1\",\n\"id\": \"u2\"}]}").unwrap();
    assert_eq!(files.error(), "users.json: `id` is given twice at line 2 column 4");
}

#[test]
fn a_byte_order_mark_is_skipped() {
    let files = Files::new();
    let users = files.0.path().join("users.json");
    let mut text = b"\xef\xbb\xbf".to_vec();
    text.extend(std::fs::read(&users).unwrap());
    std::fs::write(&users, text).unwrap();
    GraphDirectory::new(files.0.path()).read_full().unwrap();
}
