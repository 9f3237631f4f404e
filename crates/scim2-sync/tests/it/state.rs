//! The state file.

use std::path::PathBuf;

use scim2_sync::CycleKind;
use scim2_sync::source::{ObjectKind, Snapshot};
use scim2_sync::state::{Binding, Retain, State, StateError};

use crate::support::*;

struct StateFile {
    directory: tempfile::TempDir,
    snapshot: Snapshot,
}

impl StateFile {
    /// A state file after one cycle.
    async fn written(retain: Retain) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let file = Self { directory, snapshot: small(5) };
        let state = State::open(&file.path(), binding(), retain).unwrap();
        let emulator = Emulator::aws();
        engine_with(&emulator, state).run_cycle(CycleKind::Initial, &file.snapshot).await.unwrap();
        file
    }

    fn path(&self) -> PathBuf {
        self.directory.path().join("state.jsonl")
    }

    fn open(&self) -> Result<State, StateError> {
        State::open(&self.path(), binding(), Retain::Fingerprints)
    }

    fn bytes(&self) -> Vec<u8> {
        std::fs::read(self.path()).unwrap()
    }

    fn lines(&self) -> Vec<String> {
        String::from_utf8(self.bytes()).unwrap().lines().map(str::to_owned).collect()
    }

    fn write(&self, lines: &[String]) {
        std::fs::write(self.path(), lines.join("\n") + "\n").unwrap();
    }
}

#[tokio::test]
async fn links_survive_the_process() {
    let file = StateFile::written(Retain::Fingerprints).await;
    let state = file.open().unwrap();
    assert_eq!(state.len(), 6);
    assert!(state.link(ObjectKind::User, &"u3".into()).is_some());
    assert_eq!(state.links(ObjectKind::Group).count(), 1);
}

#[tokio::test]
async fn an_unfinished_last_line_is_dropped() {
    let file = StateFile::written(Retain::Fingerprints).await;
    let whole = file.bytes();
    for end in [whole.len() - 1, whole.len() - 30] {
        std::fs::write(file.path(), &whole[..end]).unwrap();
        assert!(file.open().unwrap().len() >= 5);
    }
    let mut zeros = whole.clone();
    zeros.extend([0; 100]);
    std::fs::write(file.path(), zeros).unwrap();
    assert_eq!(file.open().unwrap().len(), 6);
    assert_eq!(file.bytes(), whole, "the file is sound again");
}

#[tokio::test]
async fn a_damaged_file_is_refused_whatever_is_damaged() {
    let file = StateFile::written(Retain::Fingerprints).await;
    let lines = file.lines();
    assert!(lines.len() > 10);
    let refused = |lines: &[String], at: usize| {
        file.write(lines);
        let error = file.open().unwrap_err();
        let StateError::Corrupt { line, .. } = error else { panic!("{error}") };
        assert_eq!(line, at);
    };
    let without = |at: usize| {
        let mut lines = lines.clone();
        lines.remove(at);
        lines
    };
    refused(&without(4), 5);
    refused(&without(0), 1);
    let mut swapped = lines.clone();
    swapped.swap(3, 4);
    refused(&swapped, 4);
    let mut changed = lines.clone();
    changed[5] = changed[5].replace("u", "v");
    refused(&changed, 6);
    let last = lines.len();
    let mut changed = lines.clone();
    changed[last - 1] = changed[last - 1].replace("done", "lost");
    refused(&changed, last);
    let mut garbage = lines.clone();
    garbage[2] = "\u{0}".repeat(40);
    refused(&garbage, 3);
    file.write(&lines);
    assert_eq!(file.open().unwrap().len(), 6);
}

#[tokio::test]
async fn every_flipped_bit_is_noticed() {
    let file = StateFile::written(Retain::Fingerprints).await;
    let whole = file.bytes();
    for at in (0..whole.len() - 1).step_by(37) {
        let mut bytes = whole.clone();
        bytes[at] ^= 1 << (at % 7);
        std::fs::write(file.path(), &bytes).unwrap();
        let error = file.open().unwrap_err();
        assert!(matches!(error, StateError::Corrupt { .. }), "{at}: {error}");
    }
}

#[tokio::test]
async fn a_state_of_another_target_is_refused() {
    let file = StateFile::written(Retain::Fingerprints).await;
    let other = State::open(
        &file.path(),
        Binding::new("https://scim.example.com/other/scim/v2"),
        Retain::Fingerprints,
    );
    let error = other.unwrap_err();
    assert!(matches!(error, StateError::Foreign { .. }), "{error}");
    assert!(
        error.to_string().contains("belongs to https://scim.example.com/tenant/scim/v2"),
        "{error}"
    );
    let tenant = State::open(&file.path(), binding().tenant("b"), Retain::Fingerprints);
    assert!(matches!(tenant, Err(StateError::Foreign { .. })));
}

#[tokio::test]
async fn a_state_without_its_key_is_refused() {
    let file = StateFile::written(Retain::Fingerprints).await;
    let key = file.directory.path().join("state.jsonl.key");
    let good = std::fs::read_to_string(&key).unwrap();
    std::fs::remove_file(&key).unwrap();
    assert!(matches!(file.open(), Err(StateError::NoKey { .. })));
    std::fs::write(&key, good.chars().rev().collect::<String>()).unwrap();
    assert!(matches!(file.open(), Err(StateError::Corrupt { line: 1, .. })));
    std::fs::write(&key, good).unwrap();
    assert_eq!(file.open().unwrap().len(), 6);
}

#[tokio::test]
async fn two_processes_do_not_share_a_state() {
    let file = StateFile::written(Retain::Fingerprints).await;
    let first = file.open().unwrap();
    assert!(matches!(file.open(), Err(StateError::Locked { .. })));
    drop(first);
    assert!(file.open().is_ok());
}

#[tokio::test]
async fn nobodys_data_is_in_the_file_unless_it_is_asked_for() {
    let file = StateFile::written(Retain::Fingerprints).await;
    let text = file.lines().join("\n");
    for secret in ["example.com\"", "Family-u0", "Archive"] {
        assert!(!text.contains(secret), "{secret}");
    }
    let file = StateFile::written(Retain::Values).await;
    assert!(file.lines().join("\n").contains("Family-u0"));
}

#[cfg(unix)]
#[tokio::test]
async fn only_the_owner_may_read_the_file() {
    use std::os::unix::fs::PermissionsExt as _;
    let file = StateFile::written(Retain::Fingerprints).await;
    for name in ["state.jsonl", "state.jsonl.key"] {
        let mode =
            std::fs::metadata(file.directory.path().join(name)).unwrap().permissions().mode();
        assert_eq!(mode & 0o077, 0, "{name}");
    }
}

#[tokio::test]
async fn a_long_history_is_rewritten_without_loss() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("state.jsonl");
    let emulator = Emulator::aws();
    let mut snapshot = small(20);
    let open = || State::open(&path, binding(), Retain::Fingerprints).unwrap();
    let mut engine = engine_with(&emulator, open());
    engine.run_cycle(CycleKind::Initial, &snapshot).await.unwrap();
    let lines = || std::fs::read_to_string(&path).unwrap().lines().count();
    let mut longest = 0;
    for i in 0..120 {
        for user in 0..20 {
            set(&mut snapshot, &format!("u{user}"), "jobTitle", format!("Title {i}"));
        }
        engine.run_cycle(CycleKind::Incremental, &snapshot).await.unwrap();
        longest = longest.max(lines());
    }
    assert!(longest > 2000 && lines() < longest, "{longest} {}", lines());
    drop(engine);
    let mut engine = engine_with(&emulator, open());
    let report = engine.run_cycle(CycleKind::Incremental, &snapshot).await.unwrap();
    assert!(report.is_quiet() && report.requests == 1, "{report}");
    assert_eq!(engine.verify(&snapshot).await.unwrap().differences, []);
}
