//! Rows of the requirements that concern a synchronizing client.

use scim2_sync::CycleKind;
use scim2_sync::Mapping;
use scim2_sync::log::LogValues;
use scim2_sync::state::{Retain, State};
use scim2_vendor::mapping::AttributeMapping;
use scim2_vendor::{TargetProfile, entra};

use crate::support::*;

#[tokio::test]
async fn r43_4_1_1_14_a_password_is_kept_nowhere() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("state.jsonl");
    let emulator = Emulator::plain();
    let mut users = edited_users();
    users.push(AttributeMapping::direct("secret", "password").on_create());
    let mapping = Mapping::new(&users, &entra::group_mapping()).unwrap();
    let mut snapshot = small(2);
    for user in ["u0", "u1"] {
        set(&mut snapshot, user, "secret", "t1meMa$heen");
    }
    let log = LogLines::default();
    let state = State::open(&path, binding(), Retain::Values).unwrap();
    let profile = TargetProfile::unrestricted("test");
    let mut engine = scim2_sync::SyncEngine::new(client(&emulator), profile, mapping, state)
        .with_log(log.log(LogValues::Shown));
    let report = engine.run_cycle(CycleKind::Initial, &snapshot).await.unwrap();
    assert_eq!((report.created, report.failed), (3, 0), "{:?}", report.failures);
    assert!(!log.text().contains("t1meMa$heen"));
    assert!(log.text().contains("\"password\""));
    assert!(!std::fs::read_to_string(&path).unwrap().contains("t1meMa$heen"));
    let report = engine.run_cycle(CycleKind::Initial, &snapshot).await.unwrap();
    assert!(report.is_quiet(), "what cannot be read back is not written again: {report}");
    assert_eq!(engine.verify(&snapshot).await.unwrap().differences, []);
}

#[tokio::test]
async fn r43_7_25_a_client_may_enforce_more_uniqueness_than_the_target() {
    // The target takes one e-mail address twice; the mapping's catalog does not.
    let emulator = Emulator::plain();
    let mut snapshot = small(2);
    set(&mut snapshot, "u1", "mail", "u0@example.com");
    let state = State::in_memory(binding());
    let profile = TargetProfile::unrestricted("test");
    let mut engine = scim2_sync::SyncEngine::new(client(&emulator), profile, edited(), state);
    let report = engine.run_cycle(CycleKind::Initial, &snapshot).await.unwrap();
    assert_eq!((report.created, report.failed), (2, 1), "{report}");
    assert_eq!(report.failures[0].problem.attribute.as_deref(), Some("emails.value"));
}
