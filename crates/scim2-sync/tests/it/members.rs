//! Changes of groups' members.

use scim2_core::patch_op::PatchOp;
use scim2_core::resource::ResourceId;
use scim2_sync::CycleKind;
use scim2_sync::source::ObjectKind;
use serde_json::json;

use crate::support::*;

#[tokio::test]
async fn c11_changes_of_members_go_in_requests_of_at_most_100() {
    let emulator = Emulator::aws();
    let mut snapshot = small(260);
    let mut engine = engine(&emulator).with_guards(scim2_sync::guard::Guards::off());
    snapshot.groups.insert("h".into(), group("Other"));
    snapshot.assignments.insert("b".into(), "h".into());
    engine.run_cycle(CycleKind::Initial, &snapshot).await.unwrap();
    emulator.take_seen();
    // 130 move over: 130 leave one group, 130 join the other.
    for i in 0..130 {
        let id = format!("u{i}");
        leave(&mut snapshot, "g", &id);
        join(&mut snapshot, "h", &id);
    }
    let report = engine.run_cycle(CycleKind::Incremental, &snapshot).await.unwrap();
    assert_eq!((report.members_added, report.members_removed), (130, 130));
    assert_eq!(report.requests, 1 + 2 + 2, "{:?}", emulator.take_seen());
    assert_eq!(engine.verify(&snapshot).await.unwrap().differences, []);
}

#[tokio::test]
async fn the_plain_dialect_removes_by_value_filter() {
    let emulator = Emulator::plain();
    let mut snapshot = small(3);
    let mut engine = plain_engine(&emulator);
    engine.run_cycle(CycleKind::Initial, &snapshot).await.unwrap();
    snapshot.groups.insert("h".into(), group("Other"));
    snapshot.assignments.insert("b".into(), "h".into());
    for user in ["u0", "u1"] {
        leave(&mut snapshot, "g", user);
        join(&mut snapshot, "h", user);
    }
    let report = engine.run_cycle(CycleKind::Incremental, &snapshot).await.unwrap();
    assert_eq!((report.members_removed, report.failed), (2, 0), "{:?}", report.failures);
    assert_eq!(engine.verify(&snapshot).await.unwrap().differences, []);
}

#[tokio::test]
async fn the_member_at_fault_is_found_and_the_others_join() {
    let emulator = Emulator::aws();
    let mut snapshot = small(40);
    snapshot.groups.insert("h".into(), group("Other"));
    snapshot.assignments.insert("b".into(), "h".into());
    let mut engine = engine(&emulator);
    engine.run_cycle(CycleKind::Initial, &snapshot).await.unwrap();
    let bad = engine.state().link(ObjectKind::User, &"u17".into()).unwrap().id.to_string();
    *emulator.poison.lock().unwrap() = Some(bad);
    for i in 0..40 {
        join(&mut snapshot, "h", &format!("u{i}"));
    }
    let report = engine.run_cycle(CycleKind::Incremental, &snapshot).await.unwrap();
    assert_eq!((report.members_added, report.failures.len()), (39, 1), "{report}");
    assert!(report.requests <= 1 + 2 * 7, "halving, not one by one: {report}");
    let report = engine.run_cycle(CycleKind::Incremental, &snapshot).await.unwrap();
    assert_eq!(report.requests, 1, "the one waits");
    *emulator.poison.lock().unwrap() = None;
    engine.run_cycle(CycleKind::Initial, &snapshot).await.unwrap();
    assert_eq!(engine.verify(&snapshot).await.unwrap().differences, []);
}

#[tokio::test]
async fn members_whom_nobody_linked_are_left_alone() {
    let emulator = Emulator::aws();
    let snapshot = small(2);
    let mut engine = engine(&emulator);
    engine.run_cycle(CycleKind::Initial, &snapshot).await.unwrap();
    let stranger = json!({
        "userName": "stranger", "displayName": "S", "name": {"givenName": "S", "familyName": "S"},
    });
    let serde_json::Value::Object(stranger) = stranger else { panic!() };
    let client = client(&emulator);
    let users = client.api::<scim2_core::Resource>("/Users");
    let stranger = users.create(&stranger.into()).await.unwrap().id;
    let group = engine.state().link(ObjectKind::Group, &"g".into()).unwrap().id.clone();
    let op = PatchOp::new().add("members", json!([{ "value": stranger.as_str() }]));
    let groups = client.api::<scim2_core::Resource>("/Groups");
    groups.patch(&group, &op, None).await.unwrap();

    let report = engine.run_cycle(CycleKind::Initial, &snapshot).await.unwrap();
    assert_eq!((report.members_removed, report.failed), (0, 0));
    let differences = engine.verify(&snapshot).await.unwrap().differences;
    let lines: Vec<_> = differences.iter().map(ToString::to_string).collect();
    let stranger: &ResourceId = &stranger;
    assert!(
        lines.contains(&format!(
            "User {stranger} of the target (S): in the target, but not in scope"
        ))
    );
    assert!(
        lines.contains(&format!("Group g (The group): user {stranger} of the target is a member"))
    );
}

#[tokio::test]
async fn nested_groups_are_left_out_and_said() {
    let emulator = Emulator::aws();
    let mut snapshot = small(2);
    snapshot.groups.insert("inner".into(), group("Inner"));
    snapshot.users.insert("deep".into(), user("deep"));
    join(&mut snapshot, "inner", "deep");
    join(&mut snapshot, "g", "inner");
    let engine = engine(&emulator);
    let plan = engine.plan(CycleKind::Initial, &snapshot).await.unwrap();
    let reasons: Vec<_> =
        plan.skipped.iter().map(|skip| format!("{}: {}", skip.source, skip.reason)).collect();
    assert_eq!(
        reasons,
        [
            "inner: a member of the group g; groups within groups are not provisioned",
            "deep: neither assigned nor a direct member of an assigned group",
        ]
    );
}
