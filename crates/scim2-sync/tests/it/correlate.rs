//! Matching source objects with what the target has already.

use scim2_core::Resource;
use scim2_sync::problem::ErrorCode;
use scim2_sync::source::ObjectKind;
use scim2_sync::{CycleKind, Preflight};
use serde_json::{Value, json};

use crate::support::*;

async fn create(emulator: &std::sync::Arc<Emulator>, endpoint: &str, resource: Value) -> String {
    let Value::Object(map) = resource else { panic!() };
    let created = client(emulator).api::<Resource>(endpoint).create(&map.into()).await.unwrap();
    created.id.to_string()
}

fn existing(user_name: &str, external_id: Option<&str>) -> Value {
    let mut user = json!({
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"],
        "userName": user_name,
        "displayName": "Old",
        "name": { "givenName": "Old", "familyName": "Old" },
    });
    if let Some(external_id) = external_id {
        user["externalId"] = external_id.into();
    }
    user
}

#[tokio::test]
async fn an_object_that_nobody_owns_is_adopted_by_its_name() {
    let emulator = Emulator::aws();
    let id = create(&emulator, "/Users", existing("U0@Example.com", None)).await;
    let snapshot = small(2);
    let mut engine = engine(&emulator);
    let report = engine.run_cycle(CycleKind::Initial, &snapshot).await.unwrap();
    assert_eq!((report.matched, report.created, report.failed), (1, 2, 0), "{report}");
    let user = target_user(&emulator, "u0@example.com").await.unwrap();
    assert_eq!(user.id(), Some(id.as_str()));
    assert_eq!(user.external_id(), Some("u0"));
    assert_eq!(engine.verify(&snapshot).await.unwrap().differences, []);
}

#[tokio::test]
async fn sec_06_an_object_that_another_client_owns_is_never_adopted() {
    let emulator = Emulator::aws();
    create(&emulator, "/Users", existing("u0@example.com", Some("a-leaver"))).await;
    let before = target_user(&emulator, "u0@example.com").await.unwrap();
    let mut engine = engine(&emulator);
    let snapshot = small(2);
    let report = engine.run_cycle(CycleKind::Initial, &snapshot).await.unwrap();
    assert_eq!((report.matched, report.failed), (0, 1));
    let problem = &report.failures[0].problem;
    assert_eq!(problem.code, ErrorCode::Conflict);
    assert!(problem.reason.contains("not taken over"), "{problem}");
    assert_eq!(target_user(&emulator, "u0@example.com").await.unwrap(), before);
    assert!(engine.state().link(ObjectKind::User, &"u0".into()).is_none());
    // It waits without being looked up again.
    let report = engine.run_cycle(CycleKind::Incremental, &snapshot).await.unwrap();
    assert_eq!(report.requests, 1, "{:?}", emulator.take_seen());
}

#[tokio::test]
async fn the_external_id_finds_an_object_under_another_name() {
    let emulator = Emulator::aws();
    let id = create(&emulator, "/Users", existing("maiden-name@example.com", Some("u0"))).await;
    let snapshot = small(1);
    let mut engine = engine(&emulator);
    engine.run_cycle(CycleKind::Initial, &snapshot).await.unwrap();
    let user = target_user(&emulator, "u0@example.com").await.unwrap();
    assert_eq!(user.id(), Some(id.as_str()), "renamed, not created anew");
    assert_eq!(all(&emulator, "/Users").await.len(), 1);
}

#[tokio::test]
async fn several_matches_are_a_conflict() {
    let emulator = Emulator::plain();
    for _ in 0..2 {
        let schemas = ["urn:ietf:params:scim:schemas:core:2.0:Group"];
        create(&emulator, "/Groups", json!({ "schemas": schemas, "displayName": "The group" }))
            .await;
    }
    let mut engine = plain_engine(&emulator);
    let report = engine.run_cycle(CycleKind::Initial, &small(1)).await.unwrap();
    assert_eq!(report.failures[0].problem.code, ErrorCode::DuplicateTargetEntries);
    assert_eq!(all(&emulator, "/Groups").await.len(), 2);
}

#[tokio::test]
async fn a_target_that_is_as_it_should_be_is_only_read() {
    for emulator in [Emulator::aws(), Emulator::plain()] {
        let mut snapshot = small(5);
        snapshot.users.get_mut(&"u0".into()).unwrap().manager = Some("u4".into());
        let new = || if emulator.is_aws() { engine(&emulator) } else { plain_engine(&emulator) };
        new().run_cycle(CycleKind::Initial, &snapshot).await.unwrap();
        emulator.take_seen();
        let mut engine = new();
        let report = engine.run_cycle(CycleKind::Initial, &snapshot).await.unwrap();
        assert_eq!((report.matched, report.created, report.updated), (6, 0, 0), "{report}");
        let seen = emulator.take_seen();
        assert!(seen.iter().all(|line| line.starts_with("GET")), "{seen:?}");
        assert_eq!(report.requests, 4, "connection, users, groups, members: {seen:?}");
        let report = engine.run_cycle(CycleKind::Incremental, &snapshot).await.unwrap();
        assert!(report.is_quiet() && report.requests == 1);
    }
}

#[tokio::test]
async fn few_newcomers_are_looked_up_and_many_are_listed() {
    let emulator = Emulator::aws();
    let mut snapshot = small(20);
    let mut engine = engine(&emulator);
    engine.run_cycle(CycleKind::Initial, &snapshot).await.unwrap();
    let mut newcomers = |from: usize, to: usize| {
        for i in from..to {
            let id = format!("n{i}");
            snapshot.users.insert(id.as_str().into(), user(&id));
            join(&mut snapshot, "g", &id);
        }
        snapshot.clone()
    };
    let two = newcomers(0, 2);
    let report = engine.run_cycle(CycleKind::Incremental, &two).await.unwrap();
    // Connection; external id and name of each; two creates; one change of members.
    assert_eq!(report.requests, 1 + 4 + 2 + 1, "{:?}", emulator.take_seen());
    let forty = newcomers(2, 40);
    let report = engine.run_cycle(CycleKind::Incremental, &forty).await.unwrap();
    assert_eq!(report.requests, 1 + 1 + 38 + 1, "{:?}", emulator.take_seen());
    assert_eq!(engine.verify(&forty).await.unwrap().differences, []);
}

#[tokio::test]
async fn two_source_objects_of_one_name_are_told_apart() {
    let emulator = Emulator::aws();
    let mut snapshot = small(2);
    set(&mut snapshot, "u1", "userPrincipalName", "U0@example.com");
    for preflight in [Preflight::Report, Preflight::Refuse] {
        let mut engine = engine(&emulator).with_preflight(preflight);
        let report = engine.run_cycle(CycleKind::Initial, &snapshot).await.unwrap();
        let [failure] = report.failures.as_slice() else { panic!("{:?}", report.failures) };
        assert_eq!(failure.source.as_str(), "u1");
        assert_eq!(failure.problem.code, ErrorCode::DuplicateSourceEntries);
        assert_eq!(failure.problem.attribute.as_deref(), Some("userName"));
    }
}
