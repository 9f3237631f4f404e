//! Nothing is taken away because the source said too little.

use scim2_sync::CycleKind;
use scim2_sync::guard::{Guards, HeldRemovals};
use scim2_sync::log::LogValues;
use scim2_sync::source::{Coverage, ObjectKind, Removal, Snapshot};

use crate::support::*;

type Change<'a> = &'a dyn Fn(&mut Snapshot);

async fn provisioned(
    users: usize,
) -> (std::sync::Arc<Emulator>, scim2_sync::SyncEngine<std::sync::Arc<Emulator>>, Snapshot) {
    let emulator = Emulator::aws();
    let snapshot = small(users);
    let mut engine = engine(&emulator);
    engine.run_cycle(CycleKind::Initial, &snapshot).await.unwrap();
    (emulator, engine, snapshot)
}

#[tokio::test]
async fn sec_24_an_empty_source_removes_nothing() {
    let (_, engine, snapshot) = provisioned(4).await;
    let mut engine = engine.with_guards(Guards::off());
    let report = engine.run_cycle(CycleKind::Incremental, &Snapshot::default()).await.unwrap();
    assert_eq!((report.disabled, report.deleted), (0, 0), "{report}");
    assert_eq!(report.held.len(), 2);
    assert_eq!(engine.verify(&snapshot).await.unwrap().differences, []);
}

#[tokio::test]
async fn sec_24_too_many_removals_are_held_and_the_rest_goes_on() {
    let (emulator, engine, mut snapshot) = provisioned(40).await;
    let log = LogLines::default();
    let mut engine = engine.with_log(log.log(LogValues::Hidden));
    for i in 0..6 {
        leave(&mut snapshot, "g", &format!("u{i}"));
    }
    set(&mut snapshot, "u20", "jobTitle", "Archivist");
    let report = engine.run_cycle(CycleKind::Incremental, &snapshot).await.unwrap();
    assert_eq!((report.disabled, report.updated), (0, 2), "the title, and the group: {report}");
    let [held] = report.held.as_slice() else { panic!("{:?}", report.held) };
    assert_eq!(held.what, HeldRemovals::Objects(ObjectKind::User));
    assert_eq!((held.count, held.limit), (6, 5));
    let staged = log.take().into_iter().find(|line| line["provisioningAction"] == "stagedDelete");
    let staged = staged.unwrap();
    assert_eq!(
        staged["provisioningStatusInfo"]["errorInformation"]["errorCode"],
        "QuarantineOnDemand"
    );
    // With consent they go.
    engine.set_guards(Guards::off());
    let report = engine.run_cycle(CycleKind::Incremental, &snapshot).await.unwrap();
    assert_eq!(report.disabled, 6);
    assert_eq!(engine.verify(&snapshot).await.unwrap().differences, []);
    drop(emulator);
}

#[tokio::test]
async fn half_of_a_group_does_not_leave_at_once() {
    let (_, mut engine, mut snapshot) = provisioned(30).await;
    snapshot.groups.insert("h".into(), group("Other"));
    snapshot.assignments.insert("b".into(), "h".into());
    for i in 0..20 {
        let id = format!("u{i}");
        leave(&mut snapshot, "g", &id);
        join(&mut snapshot, "h", &id);
    }
    let report = engine.run_cycle(CycleKind::Incremental, &snapshot).await.unwrap();
    assert_eq!((report.created, report.members_removed), (1, 0));
    assert!(matches!(report.held[0].what, HeldRemovals::Members { .. }));
    engine.set_guards(Guards::off());
    let report = engine.run_cycle(CycleKind::Incremental, &snapshot).await.unwrap();
    assert_eq!(report.members_removed, 20);
    assert_eq!(engine.verify(&snapshot).await.unwrap().differences, []);
}

#[tokio::test]
async fn invariant_8_what_a_partial_collection_leaves_out_is_not_gone() {
    let (_, mut engine, whole) = provisioned(6).await;
    let partial = || Coverage::Partial("a first page".to_owned());
    let without_u0 = |change: Change<'_>| {
        let mut snapshot = whole.clone();
        snapshot.users.remove(&"u0".into());
        leave(&mut snapshot, "g", "u0");
        change(&mut snapshot);
        snapshot
    };
    let cases: [(&str, Change<'_>); 3] = [
        ("users", &|snapshot| {
            snapshot.coverage.users = partial();
            snapshot.memberships.get_mut(&"g".into()).unwrap().coverage = partial();
        }),
        ("assignments", &|snapshot| {
            snapshot.assignments.clear();
            snapshot.coverage.assignments = partial();
            snapshot.users.insert("u0".into(), user("u0"));
        }),
        ("groups", &|snapshot| {
            snapshot.groups.clear();
            snapshot.memberships.clear();
            snapshot.coverage.groups = partial();
            snapshot.users.insert("u0".into(), user("u0"));
        }),
    ];
    for (name, change) in cases {
        let snapshot = without_u0(change);
        let report = engine.run_cycle(CycleKind::Incremental, &snapshot).await.unwrap();
        assert!(report.is_quiet() && report.requests == 1, "{name}: {report}");
    }
    assert_eq!(engine.verify(&whole).await.unwrap().differences, []);
}

#[tokio::test]
async fn invariant_8_a_member_of_whom_nothing_was_seen_stays_a_member() {
    let (_, mut engine, whole) = provisioned(6).await;
    // One page of users, and the whole group: it names u0 and u1.
    let mut snapshot = whole.clone();
    snapshot.coverage.users = Coverage::Partial("a first page".to_owned());
    for unseen in ["u0", "u1"] {
        snapshot.users.remove(&unseen.into());
    }
    let report = engine.run_cycle(CycleKind::Incremental, &snapshot).await.unwrap();
    assert!(report.is_quiet() && report.requests == 1, "{report}");
    assert_eq!(engine.verify(&whole).await.unwrap().differences, []);
    // Who leaves the group does leave it.
    leave(&mut snapshot, "g", "u1");
    let report = engine.run_cycle(CycleKind::Incremental, &snapshot).await.unwrap();
    assert_eq!((report.disabled, report.members_removed), (0, 1), "{report}");
}

#[tokio::test]
async fn a_tombstone_counts_even_in_a_partial_collection() {
    let (emulator, mut engine, mut snapshot) = provisioned(3).await;
    for (user, removal) in [("u0", Removal::Hard), ("u1", Removal::Soft)] {
        snapshot.users.remove(&user.into());
        leave(&mut snapshot, "g", user);
        snapshot.removed.insert(user.into(), removal);
    }
    snapshot.coverage.users = Coverage::Partial("a delta".to_owned());
    let report = engine.run_cycle(CycleKind::Incremental, &snapshot).await.unwrap();
    assert_eq!((report.deleted, report.disabled), (1, 1), "{report}");
    assert_eq!(all(&emulator, "/Users").await.len(), 2);
}

#[tokio::test]
async fn who_is_missing_from_a_complete_source_is_disabled_and_not_deleted() {
    let (emulator, mut engine, mut snapshot) = provisioned(3).await;
    snapshot.users.remove(&"u0".into());
    leave(&mut snapshot, "g", "u0");
    let report = engine.run_cycle(CycleKind::Incremental, &snapshot).await.unwrap();
    assert_eq!((report.deleted, report.disabled), (0, 1), "{report}");
    let user = target_user(&emulator, "u0@example.com").await.unwrap();
    assert_eq!(user.get("active"), Some(&false.into()));
}

#[tokio::test]
async fn who_comes_back_is_switched_on_again() {
    let (emulator, mut engine, mut snapshot) = provisioned(3).await;
    leave(&mut snapshot, "g", "u0");
    engine.run_cycle(CycleKind::Incremental, &snapshot).await.unwrap();
    let before = target_user(&emulator, "u0@example.com").await.unwrap();
    assert_eq!(before.get("active"), Some(&false.into()));
    join(&mut snapshot, "g", "u0");
    let report = engine.run_cycle(CycleKind::Incremental, &snapshot).await.unwrap();
    assert_eq!((report.created, report.updated), (0, 2), "{report}");
    let after = target_user(&emulator, "u0@example.com").await.unwrap();
    assert_eq!(after.get("active"), Some(&true.into()));
    assert_eq!(after.id(), before.id());
}

#[tokio::test]
async fn a_disabled_account_is_not_created() {
    let emulator = Emulator::aws();
    let mut snapshot = small(2);
    set(&mut snapshot, "u0", "accountEnabled", false);
    let mut engine = engine(&emulator);
    let report = engine.run_cycle(CycleKind::Initial, &snapshot).await.unwrap();
    assert_eq!((report.created, report.skipped), (2, 1), "{report}");
    assert!(target_user(&emulator, "u0@example.com").await.is_none());
}

#[tokio::test]
async fn sec_15_an_account_that_cannot_be_told_apart_is_switched_off_all_the_same() {
    let (emulator, mut engine, mut snapshot) = provisioned(3).await;
    set(&mut snapshot, "u1", "accountEnabled", false);
    set(&mut snapshot, "u1", "userPrincipalName", "u0@example.com");
    let report = engine.run_cycle(CycleKind::Incremental, &snapshot).await.unwrap();
    assert_eq!((report.disabled, report.failed), (1, 0), "{report}");
    let user = target_user(&emulator, "u1@example.com").await.unwrap();
    assert_eq!(user.get("active"), Some(&false.into()));
    let report = engine.run_cycle(CycleKind::Incremental, &snapshot).await.unwrap();
    assert!(report.is_quiet() && report.requests == 1, "{report}");
}

#[tokio::test]
async fn sec_15_an_account_is_switched_off_even_if_the_rest_would_be_refused() {
    let (emulator, mut engine, mut snapshot) = provisioned(2).await;
    set(&mut snapshot, "u0", "accountEnabled", false);
    set(&mut snapshot, "u0", "displayName", "forbidden: <characters>");
    let report = engine.run_cycle(CycleKind::Incremental, &snapshot).await.unwrap();
    assert_eq!(report.disabled, 1, "{report}");
    let user = target_user(&emulator, "u0@example.com").await.unwrap();
    assert_eq!(user.get("active"), Some(&false.into()));
    assert_eq!(user.text("displayName"), Some("User u0"));
}

#[tokio::test]
async fn c12_who_leaves_is_switched_off_first_and_deleted_when_gone_for_good() {
    let (emulator, mut engine, mut snapshot) = provisioned(3).await;
    emulator.take_seen();
    snapshot.users.remove(&"u0".into());
    leave(&mut snapshot, "g", "u0");
    snapshot.removed.insert("u0".into(), Removal::Soft);
    let report = engine.run_cycle(CycleKind::Incremental, &snapshot).await.unwrap();
    assert_eq!((report.disabled, report.deleted), (1, 0), "{report}");
    let user = target_user(&emulator, "u0@example.com").await.unwrap();
    assert_eq!(user.get("active"), Some(&false.into()));
    assert!(emulator.take_seen().iter().all(|request| !request.starts_with("DELETE")));
    // Only the source's word that it is gone for good deletes it.
    snapshot.removed.insert("u0".into(), Removal::Hard);
    let report = engine.run_cycle(CycleKind::Incremental, &snapshot).await.unwrap();
    assert_eq!((report.disabled, report.deleted), (0, 1), "{report}");
    assert!(target_user(&emulator, "u0@example.com").await.is_none());
    let deleted = format!("DELETE /Users/{}", user.id().unwrap());
    assert!(emulator.take_seen().contains(&deleted));
}
