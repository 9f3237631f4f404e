//! Whole cycles over the directory that `scim demo` ships.

use std::collections::BTreeSet;

use scim2_sync::log::LogValues;
use scim2_sync::problem::ErrorCode;
use scim2_sync::source::ObjectKind;
use scim2_sync::{CycleKind, Preflight, SyncError};
use serde_json::{Value, json};

use crate::support::*;

#[tokio::test]
async fn the_demo_goes_from_refused_to_provisioned_to_quiet_to_changed() {
    let emulator = Emulator::aws();
    let log = LogLines::default();
    let mut snapshot = demo();
    let mut engine = engine(&emulator).with_log(log.log(LogValues::Shown));
    engine.set_mapping(unedited());

    // Entra ID's table as it is: AWS refuses who has several phone numbers, e-mails or addresses.
    let report = engine.run_cycle(CycleKind::Initial, &snapshot).await.unwrap();
    let refused = report.failures.len();
    assert_eq!(report.failed, refused);
    let reasons = |report: &scim2_sync::CycleReport, attribute: &str| {
        let names = report.failures.iter().filter(|failure| {
            failure.problem.attribute.as_deref() == Some(attribute)
                && failure.problem.status == Some(400)
        });
        names.count()
    };
    assert!(reasons(&report, "phoneNumbers") >= 10, "{report}");
    assert!(reasons(&report, "emails") >= 1);
    assert!(reasons(&report, "addresses") >= 1);
    assert_eq!(reasons(&report, "name.familyName"), 1);
    let phones = report
        .failures
        .iter()
        .find(|failure| failure.name.as_deref() == Some("Anna Weiß"))
        .unwrap();
    assert_eq!(phones.problem.code, ErrorCode::SchemaPropertyCanOnlyAcceptValue);
    assert_eq!(phones.problem.found.as_deref(), Some("3 values (work, mobile, fax)"));
    assert!(
        phones.problem.remedy.contains("facsimileTelephoneNumber"),
        "{}",
        phones.problem.remedy
    );
    let answer: Value = serde_json::from_str(phones.problem.answer.as_ref().unwrap()).unwrap();
    assert_eq!(answer["schema"], json!(["urn:ietf:params:scim:api:messages:2.0:Error"]));
    let lines = log.take();
    let line = lines.iter().find(|line| {
        line["sourceIdentity"]["displayName"] == "Anna Weiß"
            && line["provisioningAction"] == "create"
    });
    let error = &line.unwrap()["provisioningStatusInfo"]["errorInformation"];
    assert_eq!(error["attribute"], "phoneNumbers");
    assert_eq!(error["httpStatus"], 400);

    // The guide's edits: all but the truly bad records.
    engine.set_mapping(edited());
    let report = engine.run_cycle(CycleKind::Initial, &snapshot).await.unwrap();
    let failed: BTreeSet<_> = report.failures.iter().filter_map(|f| f.name.clone()).collect();
    assert_eq!(report.failed, 3, "{failed:?}");
    assert!(failed.contains("Suharti"), "no surname: {failed:?}");
    assert!(failed.contains("Lakshmi Menon"), "forbidden characters: {failed:?}");
    let twins = report.failures.iter().find(|f| f.problem.status == Some(409)).unwrap();
    assert_eq!(twins.problem.code, ErrorCode::DuplicateSourceEntries);
    assert_eq!(twins.problem.attribute.as_deref(), Some("emails.value"));
    assert!(report.created > 0 && report.updated > 150, "{report}");
    let verified = engine.verify(&snapshot).await.unwrap();
    assert_eq!(verified.differences, []);
    assert_eq!(verified.unprovisionable.len(), 3);
    assert!(verified.memberships > 250, "{}", verified.memberships);

    // Nothing has changed.
    emulator.take_seen();
    log.take();
    let report = engine.run_cycle(CycleKind::Incremental, &snapshot).await.unwrap();
    assert!(report.is_quiet(), "{report}");
    assert_eq!(report.requests, 1, "{:?}", emulator.take_seen());
    assert_eq!(log.text(), "");

    // Changes.
    let renamed = user_named(&snapshot, "Şule Çelik");
    let old_name = snapshot.users[&renamed].text("userPrincipalName").unwrap().to_owned();
    let disabled = user_named(&snapshot, "Anna Köhler");
    let moved = user_named(&snapshot, "Théo Nguyễn");
    let left = user_named(&snapshot, "Naomi Ōtani");
    let unassigned = user_named(&snapshot, "Ethan St. Clair");
    let deleted = user_named(&snapshot, "Ciarán Keane");
    let binned = user_named(&snapshot, "Tariq Benali");
    let before = |id| engine.state().link(ObjectKind::User, id).unwrap().id.clone();
    let (renamed_id, left_id, deleted_id) = (before(&renamed), before(&left), before(&deleted));
    snapshot.apply(demo_directory().read_changes().unwrap()).unwrap();
    let report = engine.run_cycle(CycleKind::Incremental, &snapshot).await.unwrap();
    assert_eq!(report.failed, 0, "{:?}", report.failures);
    assert_eq!(report.created, 3, "new, joined, switched on again: {report}");
    assert_eq!(report.disabled, 4, "{report}");
    assert_eq!(report.deleted, 1, "{report}");
    assert_eq!(engine.verify(&snapshot).await.unwrap().differences, []);

    let users = all(&emulator, "/Users").await;
    let by_source = |id: &scim2_sync::source::SourceId| {
        users.iter().find(|user| user.external_id() == Some(id.as_str()))
    };
    assert_eq!(
        by_source(&renamed).unwrap().id(),
        Some(renamed_id.as_str()),
        "a rename is an update"
    );
    assert!(users.iter().all(|user| user.text("userName") != Some(&old_name)));
    for id in [&disabled, &left, &unassigned, &binned] {
        assert_eq!(by_source(id).unwrap().get("active"), Some(&json!(false)), "{id}");
    }
    assert!(by_source(&deleted).is_none());
    assert!(users.iter().all(|user| user.id() != Some(deleted_id.as_str())));
    assert!(users.iter().any(|user| user.id() == Some(left_id.as_str())), "left, not deleted");
    let enterprise = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";
    assert_eq!(by_source(&moved).unwrap().get(enterprise).unwrap()["department"], "Support");
    let rename = log.take();
    let rename = rename
        .iter()
        .find(|line| line["sourceIdentity"]["id"] == renamed.as_str())
        .map(|line| line["modifiedProperties"].as_array().unwrap().clone())
        .unwrap();
    assert!(rename.contains(&json!({
        "displayName": "userName",
        "oldValue": old_name,
        "newValue": "sule.lindqvist-celik@tailwater.example",
    })));

    let report = engine.run_cycle(CycleKind::Incremental, &snapshot).await.unwrap();
    assert!(report.is_quiet() && report.requests == 1, "{report}");
}

#[tokio::test]
async fn what_the_profile_refuses_is_not_sent_unless_it_is_asked_for() {
    let emulator = Emulator::aws();
    let snapshot = demo();
    let mut engine = engine(&emulator).with_preflight(Preflight::Refuse);
    engine.set_mapping(unedited());
    let report = engine.run_cycle(CycleKind::Initial, &snapshot).await.unwrap();
    assert!(report.failed > 10);
    assert!(report.failures.iter().all(|failure| failure.problem.status.is_none()));
    let posts = emulator.take_seen().iter().filter(|line| line.starts_with("POST")).count();
    assert_eq!(posts, report.created, "nothing was sent that was refused");
}

#[tokio::test]
async fn an_initial_cycle_into_an_empty_target_sends_the_least_requests() {
    let emulator = Emulator::aws();
    let mut snapshot = small(250);
    snapshot.groups.insert("h".into(), group("Small group"));
    snapshot.assignments.insert("b".into(), "h".into());
    join(&mut snapshot, "h", "u3");
    let mut engine = engine(&emulator);
    let report = engine.run_cycle(CycleKind::Initial, &snapshot).await.unwrap();
    // Connection, empty page of users, empty page of groups; users; groups with the first 100
    // members each; the other 150 members in two requests.
    assert_eq!(report.requests, 3 + 250 + 2 + 2, "{report}");
    assert_eq!((report.created, report.failed), (252, 0));
    assert_eq!(report.members_added, 251);
    assert_eq!(engine.verify(&snapshot).await.unwrap().differences, []);
}

#[tokio::test]
async fn managers_are_set_with_the_user_and_circles_afterwards() {
    let emulator = Emulator::aws();
    let mut snapshot = small(5);
    let mut manage = |user: &str, manager: &str| {
        snapshot.users.get_mut(&user.into()).unwrap().manager = Some(manager.into());
    };
    manage("u0", "u4");
    manage("u1", "u0");
    manage("u2", "u3");
    manage("u3", "u2");
    let mut engine = engine(&emulator);
    let report = engine.run_cycle(CycleKind::Initial, &snapshot).await.unwrap();
    // 3 for connection and matching, 5 users, 1 group, 1 for the one reference in the circle
    // that could not be set at once.
    assert_eq!(report.requests, 10, "{:?}", emulator.take_seen());
    assert_eq!((report.created, report.updated), (6, 0));
    assert_eq!(engine.verify(&snapshot).await.unwrap().differences, []);
}

#[tokio::test]
async fn a_manager_who_comes_into_scope_later_is_linked_then() {
    let emulator = Emulator::aws();
    let mut snapshot = small(2);
    snapshot.users.insert("boss".into(), user("boss"));
    snapshot.users.get_mut(&"u0".into()).unwrap().manager = Some("boss".into());
    let mut engine = engine(&emulator);
    engine.run_cycle(CycleKind::Initial, &snapshot).await.unwrap();
    assert_eq!(engine.verify(&snapshot).await.unwrap().differences, []);
    join(&mut snapshot, "g", "boss");
    engine.run_cycle(CycleKind::Incremental, &snapshot).await.unwrap();
    assert_eq!(engine.verify(&snapshot).await.unwrap().differences, []);
    let u0 = target_user(&emulator, "u0@example.com").await.unwrap();
    let enterprise = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";
    assert!(u0.get(enterprise).unwrap()["manager"]["value"].is_string());
}

#[tokio::test]
async fn names_can_be_swapped_and_handed_on() {
    let emulator = Emulator::aws();
    let mut snapshot = small(4);
    let mut engine = engine(&emulator);
    engine.run_cycle(CycleKind::Initial, &snapshot).await.unwrap();
    // u0 takes u1's name, u1 takes u2's, u2 gets a new one; u3 goes, and a newcomer gets its name.
    for (user, name) in [("u0", "u1"), ("u1", "u2"), ("u2", "new")] {
        set(&mut snapshot, user, "userPrincipalName", format!("{name}@example.com"));
        set(&mut snapshot, user, "mail", format!("{name}@example.com"));
    }
    snapshot.users.remove(&"u3".into());
    leave(&mut snapshot, "g", "u3");
    snapshot.removed.insert("u3".into(), scim2_sync::source::Removal::Hard);
    let mut newcomer = user("u3");
    newcomer.attributes.insert("objectId".to_owned(), "u9".into());
    snapshot.users.insert("u9".into(), newcomer);
    join(&mut snapshot, "g", "u9");
    let report = engine.run_cycle(CycleKind::Incremental, &snapshot).await.unwrap();
    assert_eq!(report.failed, 0, "{:?}", report.failures);
    assert_eq!((report.created, report.deleted), (1, 1));
    assert_eq!(engine.verify(&snapshot).await.unwrap().differences, []);
}

#[tokio::test]
async fn an_emptied_attribute_is_removed_in_the_target() {
    let emulator = Emulator::aws();
    let mut snapshot = small(1);
    let mut engine = engine(&emulator);
    engine.run_cycle(CycleKind::Initial, &snapshot).await.unwrap();
    set(&mut snapshot, "u0", "jobTitle", Value::Null);
    engine.run_cycle(CycleKind::Incremental, &snapshot).await.unwrap();
    let user = target_user(&emulator, "u0@example.com").await.unwrap();
    assert_eq!(user.get("title"), None);
    assert_eq!(engine.verify(&snapshot).await.unwrap().differences, []);
}

#[tokio::test]
async fn an_initial_cycle_finds_what_was_changed_in_the_target() {
    let emulator = Emulator::aws();
    let snapshot = small(3);
    let mut engine = engine(&emulator);
    engine.run_cycle(CycleKind::Initial, &snapshot).await.unwrap();
    let user = target_user(&emulator, "u1@example.com").await.unwrap();
    let api = client(&emulator);
    let api = api.api::<scim2_core::Resource>("/Users");
    let op = scim2_core::patch_op::PatchOp::new().replace("title", "Somebody else's idea");
    api.patch(&user.id().unwrap().into(), &op, None).await.unwrap();
    let gone = target_user(&emulator, "u2@example.com").await.unwrap();
    api.delete(&gone.id().unwrap().into(), None).await.unwrap();

    let report = engine.run_cycle(CycleKind::Incremental, &snapshot).await.unwrap();
    assert!(report.is_quiet(), "an incremental cycle trusts its memory");
    assert_eq!(engine.verify(&snapshot).await.unwrap().differences.len(), 2);
    let report = engine.run_cycle(CycleKind::Initial, &snapshot).await.unwrap();
    assert_eq!((report.created, report.updated), (1, 2), "{report}");
    assert_eq!(engine.verify(&snapshot).await.unwrap().differences, []);
}

#[tokio::test]
async fn an_object_that_vanished_is_created_again() {
    let emulator = Emulator::aws();
    let mut snapshot = small(2);
    let mut engine = engine(&emulator);
    engine.run_cycle(CycleKind::Initial, &snapshot).await.unwrap();
    let gone = target_user(&emulator, "u1@example.com").await.unwrap();
    let client = client(&emulator);
    client
        .api::<scim2_core::Resource>("/Users")
        .delete(&gone.id().unwrap().into(), None)
        .await
        .unwrap();
    set(&mut snapshot, "u1", "jobTitle", "Librarian");
    let report = engine.run_cycle(CycleKind::Incremental, &snapshot).await.unwrap();
    assert_eq!((report.created, report.failed), (1, 0), "{report}");
    assert_eq!(engine.verify(&snapshot).await.unwrap().differences, []);
}

#[tokio::test]
async fn a_failure_waits_until_it_changes() {
    let emulator = Emulator::aws();
    let mut snapshot = small(2);
    set(&mut snapshot, "u0", "surname", Value::Null);
    let mut engine = engine(&emulator);
    let report = engine.run_cycle(CycleKind::Initial, &snapshot).await.unwrap();
    assert_eq!((report.failed, report.created), (1, 2));
    let report = engine.run_cycle(CycleKind::Incremental, &snapshot).await.unwrap();
    assert_eq!(report.requests, 1, "it waits");
    assert_eq!(engine.state().escrow(ObjectKind::User, &"u0".into()).unwrap().attempts, 1);
    set(&mut snapshot, "u0", "surname", "At last");
    let report = engine.run_cycle(CycleKind::Incremental, &snapshot).await.unwrap();
    assert_eq!((report.failed, report.created), (0, 1), "{report}");
    assert!(engine.state().escrow(ObjectKind::User, &"u0".into()).is_none());
    assert_eq!(engine.verify(&snapshot).await.unwrap().differences, []);
}

#[tokio::test]
async fn a_wrong_token_stops_the_job_before_it_starts() {
    let emulator = Emulator::aws();
    let client = client_with_token(&emulator, "wrong");
    let state = scim2_sync::state::State::in_memory(binding());
    let mut engine =
        scim2_sync::SyncEngine::new(client, scim2_vendor::aws::profile(), edited(), state);
    let error = engine.run_cycle(CycleKind::Initial, &small(3)).await.unwrap_err();
    assert!(matches!(error, SyncError::Connection(_)), "{error}");
    assert!(error.to_string().contains("check the token and the base URL"), "{error}");
    assert_eq!(emulator.requests(), 1);
}

#[tokio::test]
async fn a_token_that_is_refused_midway_stops_the_job() {
    let emulator = Emulator::aws();
    emulator.fault(Fault::Status(403), 6);
    let mut engine = engine(&emulator).with_concurrency(1);
    let error = engine.run_cycle(CycleKind::Initial, &small(30)).await.unwrap_err();
    let SyncError::Stopped { problem, report } = error else { panic!("{error}") };
    assert_eq!(problem.code, ErrorCode::InsufficientRights);
    assert_eq!(report.created, 2);
    assert_eq!(emulator.requests(), 6);
}

#[test]
fn a_cycle_can_run_on_any_thread() {
    fn is_send<T: Send>(_: T) {}
    let emulator = Emulator::aws();
    let mut engine = engine(&emulator);
    is_send(engine.run_cycle(CycleKind::Initial, &small(1)));
    is_send(engine.plan(CycleKind::Initial, &small(1)));
    is_send(engine.verify(&small(1)));
}

#[tokio::test]
async fn a_plan_is_shown_without_anything_being_done() {
    let emulator = Emulator::aws();
    let snapshot = demo();
    let engine = engine(&emulator);
    let plan = engine.plan(CycleKind::Initial, &snapshot).await.unwrap();
    assert!(emulator.take_seen().iter().all(|line| line.starts_with("GET")));
    let text = plan.to_string();
    assert!(text.contains("+ User Anna Weiß"), "{text}");
    assert!(text.contains("+ Group Field Operations"), "{text}");
    assert!(engine.state().is_empty());
}

#[tokio::test]
async fn sec_22_the_log_has_no_values_unless_asked_for() {
    let emulator = Emulator::aws();
    let log = LogLines::default();
    let snapshot = demo();
    let mut engine = engine(&emulator).with_log(log.log(LogValues::Hidden));
    engine.set_mapping(unedited());
    engine.run_cycle(CycleKind::Initial, &snapshot).await.unwrap();
    let text = log.text();
    assert!(text.lines().count() > 200);
    for secret in ["Weiß", "tailwater.example", "Chief Executive", "+353"] {
        assert!(!text.contains(secret), "{secret}");
    }
}
