//! A run that is cut off anywhere ends, after further runs, where it would have ended.

use std::sync::Arc;
use std::time::Duration;

use proptest::prelude::*;
use scim2_sync::CycleKind;
use scim2_sync::SyncEngine;
use scim2_sync::guard::Guards;
use scim2_sync::source::{Removal, Snapshot};
use scim2_sync::state::{Retain, State};
use scim2_vendor::aws;
use serde_json::Value;

use crate::support::*;

/// Small requests for members, so that a few users make several.
const MEMBERS_PER_REQUEST: usize = 3;

fn open(path: &std::path::Path, emulator: &Arc<Emulator>) -> SyncEngine<Arc<Emulator>> {
    let state = State::open(path, binding(), Retain::Fingerprints).unwrap();
    let mut profile = aws::profile();
    profile.members_per_request = Some(MEMBERS_PER_REQUEST);
    SyncEngine::new(client(emulator), profile, edited(), state)
        .with_guards(Guards::off())
        .with_concurrency(2)
}

/// One cycle, which may be cut off. A kill drops everything that is in memory.
async fn attempt(
    path: &std::path::Path,
    emulator: &Arc<Emulator>,
    kind: CycleKind,
    snapshot: &Snapshot,
) {
    let mut engine = open(path, emulator);
    let run = engine.run_cycle(kind, snapshot);
    // A killed run never answers, so everything else is done by the time the clock moves.
    let _ = tokio::time::timeout(Duration::from_millis(20), run).await;
}

/// The target's state without what differs between runs: ids and times.
async fn picture(emulator: &Arc<Emulator>) -> Vec<String> {
    let users = all(emulator, "/Users").await;
    let name_of = |id: &str| {
        let user = users.iter().find(|user| user.id() == Some(id));
        user.and_then(|user| user.text("userName")).unwrap_or("?").to_owned()
    };
    let mut lines = Vec::new();
    for user in &users {
        let mut user = user.clone();
        user.remove("id");
        user.remove("meta");
        let enterprise = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";
        let extension = user.as_map_mut().get_mut(enterprise);
        let manager = extension.and_then(|extension| extension.get_mut("manager"));
        if let Some(Value::Object(manager)) = manager {
            let name = manager.get("value").and_then(Value::as_str).map(name_of);
            manager.insert("value".to_owned(), name.into());
        }
        lines.push(Value::from(user).to_string());
    }
    for group in all(emulator, "/Groups").await {
        let filter = scim2_core::syntax::Filter::eq("groups.value", group.id().unwrap());
        let client = client(emulator);
        let api = client.api::<scim2_core::Resource>("/Users");
        let mut members: Vec<_> = api
            .find(filter)
            .await
            .unwrap()
            .resources
            .iter()
            .map(|user| user.text("userName").unwrap().to_owned())
            .collect();
        members.sort();
        lines.push(format!(
            "{:?} {:?} {members:?}",
            group.text("displayName"),
            group.external_id()
        ));
    }
    lines.sort();
    lines
}

fn before() -> Snapshot {
    let mut snapshot = small(8);
    snapshot.groups.insert("h".into(), group("Other"));
    snapshot.assignments.insert("b".into(), "h".into());
    for user in ["u1", "u2"] {
        join(&mut snapshot, "h", user);
    }
    for (user, manager) in [("u0", "u7"), ("u1", "u0"), ("u2", "u3"), ("u3", "u2")] {
        snapshot.users.get_mut(&user.into()).unwrap().manager = Some(manager.into());
    }
    snapshot
}

fn after() -> Snapshot {
    let mut snapshot = before();
    set(&mut snapshot, "u0", "userPrincipalName", "renamed@example.com");
    set(&mut snapshot, "u1", "jobTitle", Value::Null);
    set(&mut snapshot, "u2", "accountEnabled", false);
    snapshot.users.get_mut(&"u1".into()).unwrap().manager = Some("u4".into());
    leave(&mut snapshot, "g", "u3");
    for user in ["u4", "u5", "u6", "u7"] {
        join(&mut snapshot, "h", user);
    }
    leave(&mut snapshot, "h", "u1");
    snapshot.users.remove(&"u6".into());
    leave(&mut snapshot, "g", "u6");
    leave(&mut snapshot, "h", "u6");
    snapshot.removed.insert("u6".into(), Removal::Hard);
    snapshot.users.insert("new".into(), user("new"));
    join(&mut snapshot, "g", "new");
    snapshot.groups.get_mut(&"h".into()).unwrap().attributes["displayName"] = "Renamed".into();
    snapshot
}

async fn undisturbed(steps: &[Snapshot]) -> (Vec<String>, u64) {
    let directory = scratch();
    let path = directory.path().join("state");
    let emulator = Emulator::aws();
    for (i, snapshot) in steps.iter().enumerate() {
        let kind = if i == 0 { CycleKind::Initial } else { CycleKind::Incremental };
        attempt(&path, &emulator, kind, snapshot).await;
    }
    let requests = emulator.requests();
    (picture(&emulator).await, requests)
}

async fn disturbed(steps: &[Snapshot], fault: Fault, nth: u64) -> Vec<String> {
    let directory = scratch();
    let path = directory.path().join("state");
    let emulator = Emulator::aws();
    emulator.fault(fault, nth);
    for (i, snapshot) in steps.iter().enumerate() {
        let kind = if i == 0 { CycleKind::Initial } else { CycleKind::Incremental };
        attempt(&path, &emulator, kind, snapshot).await;
        // The fault struck in this step or strikes in a later one; then all is well again.
        if emulator.has_struck() {
            emulator.repair();
            attempt(&path, &emulator, CycleKind::Incremental, snapshot).await;
        }
    }
    let mut engine = open(&path, &emulator);
    let snapshot = steps.last().unwrap();
    let report = engine.run_cycle(CycleKind::Incremental, snapshot).await.unwrap();
    assert!(report.is_quiet() && report.requests == 1, "{fault:?} at {nth}: {report}");
    let verified = engine.verify(snapshot).await.unwrap();
    assert_eq!(verified.differences, [], "{fault:?} at {nth}");
    picture(&emulator).await
}

/// The faults, and how many requests apart they are tried one after the other. The property test
/// below tries them anywhere.
const FAULTS: [(Fault, usize); 7] = [
    (Fault::KilledAfter, 1),
    (Fault::KilledBefore, 2),
    (Fault::AnswerLost, 2),
    (Fault::OneAnswerLost, 3),
    (Fault::Down, 4),
    (Fault::Status(503), 4),
    (Fault::Status(429), 5),
];

/// A place for state files; in memory where there is one, because syncing is most of the work.
fn scratch() -> tempfile::TempDir {
    tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_kill_at_any_request_converges_without_duplicates() {
    let steps = [before(), after()];
    let (expected, requests) = undisturbed(&steps).await;
    for (fault, apart) in FAULTS {
        for nth in (1..=requests).step_by(apart) {
            let found = disturbed(&steps, fault, nth).await;
            assert_eq!(found, expected, "{fault:?} at {nth}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_source_that_changes_back_while_the_outcome_is_unknown_converges() {
    // The first step is undone by the second, so that what was under way must be undone too.
    let steps = [before(), after(), before()];
    let (expected, requests) = undisturbed(&steps[..2]).await;
    drop(expected);
    for (fault, apart) in
        [(Fault::KilledAfter, 1), (Fault::AnswerLost, 2), (Fault::KilledBefore, 3)]
    {
        for nth in (1..=requests).step_by(apart) {
            changed_back(&steps, fault, nth).await;
        }
    }
}

/// The source changes before the run that follows the fault.
async fn changed_back(steps: &[Snapshot], fault: Fault, nth: u64) {
    let directory = scratch();
    let path = directory.path().join("state");
    let emulator = Emulator::aws();
    emulator.fault(fault, nth);
    for (i, snapshot) in steps.iter().enumerate() {
        let kind = if i == 0 { CycleKind::Initial } else { CycleKind::Incremental };
        attempt(&path, &emulator, kind, snapshot).await;
        if emulator.has_struck() {
            emulator.repair();
        }
    }
    let last = steps.last().unwrap();
    let mut engine = open(&path, &emulator);
    engine.run_cycle(CycleKind::Incremental, last).await.unwrap();
    let report = engine.run_cycle(CycleKind::Incremental, last).await.unwrap();
    assert!(report.is_quiet() && report.requests == 1, "{fault:?} at {nth}: {report}");
    let verified = engine.verify(last).await.unwrap();
    assert_eq!(verified.differences, [], "{fault:?} at {nth}");
    // Nobody is there twice, and nobody was left behind switched on.
    let users = all(&emulator, "/Users").await;
    let mut owners: Vec<_> = users.iter().filter_map(|user| user.external_id()).collect();
    owners.sort_unstable();
    owners.dedup();
    assert_eq!(owners.len(), users.len(), "{fault:?} at {nth}");
}

#[tokio::test(start_paused = true)]
async fn a_user_created_unnoticed_who_then_leaves_is_switched_off() {
    let directory = scratch();
    let path = directory.path().join("state");
    let emulator = Emulator::aws();
    let mut snapshot = small(3);
    // Connection, users, groups; the first create is obeyed, then the process is killed.
    emulator.fault(Fault::KilledAfter, 4);
    attempt(&path, &emulator, CycleKind::Initial, &snapshot).await;
    emulator.repair();
    let made = all(&emulator, "/Users").await;
    let [made] = made.as_slice() else { panic!("{}", made.len()) };
    let id = made.external_id().unwrap().to_owned();
    leave(&mut snapshot, "g", &id);
    attempt(&path, &emulator, CycleKind::Incremental, &snapshot).await;
    let user = target_user(&emulator, &format!("{id}@example.com")).await.unwrap();
    assert_eq!(user.get("active"), Some(&false.into()));
    let mut engine = open(&path, &emulator);
    assert_eq!(engine.verify(&snapshot).await.unwrap().differences, []);
    let report = engine.run_cycle(CycleKind::Incremental, &snapshot).await.unwrap();
    assert!(report.is_quiet() && report.requests == 1, "{report}");
}

/// Some change of the directory.
#[derive(Clone, Debug)]
enum Edit {
    Title(usize, u8),
    Enabled(usize, bool),
    Join(usize, bool),
    Leave(usize, bool),
    Manager(usize, Option<usize>),
    Delete(usize),
    Name(usize, u8),
}

const USERS: usize = 6;

fn edit() -> impl Strategy<Value = Edit> {
    let user = 0..USERS;
    prop_oneof![
        (user.clone(), 0..3u8).prop_map(|(u, t)| Edit::Title(u, t)),
        (user.clone(), any::<bool>()).prop_map(|(u, e)| Edit::Enabled(u, e)),
        (user.clone(), any::<bool>()).prop_map(|(u, g)| Edit::Join(u, g)),
        (user.clone(), any::<bool>()).prop_map(|(u, g)| Edit::Leave(u, g)),
        (user.clone(), proptest::option::of(user.clone())).prop_map(|(u, m)| Edit::Manager(u, m)),
        user.clone().prop_map(Edit::Delete),
        (user, 0..3u8).prop_map(|(u, n)| Edit::Name(u, n)),
    ]
}

fn apply(snapshot: &mut Snapshot, edit: &Edit) {
    let id = |user: usize| format!("u{user}");
    let group = |first: bool| if first { "g" } else { "h" };
    let exists =
        |snapshot: &Snapshot, user: usize| snapshot.users.contains_key(&id(user).as_str().into());
    match *edit {
        Edit::Title(u, title) if exists(snapshot, u) => {
            let title = if title == 0 { Value::Null } else { format!("Title {title}").into() };
            set(snapshot, &id(u), "jobTitle", title);
        }
        Edit::Enabled(u, enabled) if exists(snapshot, u) => {
            set(snapshot, &id(u), "accountEnabled", enabled);
        }
        Edit::Join(u, g) if exists(snapshot, u) => join(snapshot, group(g), &id(u)),
        Edit::Leave(u, g) => leave(snapshot, group(g), &id(u)),
        Edit::Manager(u, manager) if exists(snapshot, u) => {
            let manager = manager.filter(|manager| exists(snapshot, *manager));
            let user = snapshot.users.get_mut(&id(u).as_str().into()).unwrap();
            user.manager = manager.map(|manager| id(manager).as_str().into());
        }
        Edit::Delete(u) if exists(snapshot, u) => {
            leave(snapshot, "g", &id(u));
            leave(snapshot, "h", &id(u));
            snapshot.users.remove(&id(u).as_str().into());
            for user in snapshot.users.values_mut() {
                user.manager.take_if(|manager| manager.as_str() == id(u));
            }
            snapshot.removed.insert(id(u).as_str().into(), Removal::Hard);
        }
        Edit::Name(u, name) if exists(snapshot, u) => {
            set(snapshot, &id(u), "userPrincipalName", format!("{}-{name}@example.com", id(u)));
        }
        _ => {}
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn random_directories_and_faults_converge(
        edits in proptest::collection::vec(proptest::collection::vec(edit(), 0..8), 1..4),
        faults in proptest::collection::vec((0..FAULTS.len(), 1..60u64), 0..3),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .unwrap();
        runtime.block_on(async {
            let directory = scratch();
            let path = directory.path().join("state");
            let emulator = Emulator::aws();
            let mut snapshot = small(USERS);
            snapshot.groups.insert("h".into(), group("Other"));
            snapshot.assignments.insert("b".into(), "h".into());
            snapshot.memberships.entry("h".into()).or_default();
            let mut faults = faults.into_iter();
            for (i, edits) in edits.iter().enumerate() {
                for edit in edits {
                    apply(&mut snapshot, edit);
                }
                if let Some((fault, nth)) = faults.next() {
                    emulator.fault(FAULTS[fault].0, nth);
                }
                let kind = if i == 0 { CycleKind::Initial } else { CycleKind::Incremental };
                attempt(&path, &emulator, kind, &snapshot).await;
                emulator.repair();
            }
            let mut engine = open(&path, &emulator);
            engine.run_cycle(CycleKind::Incremental, &snapshot).await.unwrap();
            let report = engine.run_cycle(CycleKind::Incremental, &snapshot).await.unwrap();
            assert!(report.is_quiet() && report.requests == 1, "{report} {:?}", report.failures);
            assert_eq!(engine.verify(&snapshot).await.unwrap().differences, []);
        });
    }
}
