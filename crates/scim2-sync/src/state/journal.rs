//! The file of a state.

use std::fs::{File, OpenOptions};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};

use fs4::fs_std::FileExt as _;
use serde::{Deserialize, Serialize};

use super::fingerprint::{Key, hex};
use super::{Binding, Event};

/// The version of the file's form.
const VERSION: u32 = 1;

/// How many bytes of each line's check are kept.
const CHECK_BYTES: usize = 8;

/// The largest state file that is read, in bytes.
const MAX_FILE: u64 = 4 * 1024 * 1024 * 1024;

/// Why a state could not be opened or written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StateError {
    /// The file system said no.
    #[error("state file {path}: {doing}")]
    Io {
        /// The file.
        path: PathBuf,
        /// What was being done.
        doing: &'static str,
        /// What the file system said.
        source: io::Error,
    },
    /// Another process works with this state.
    #[error("state file {path} is in use by another process")]
    Locked {
        /// The file.
        path: PathBuf,
    },
    /// A line was changed, lost or moved, or the file is something else.
    #[error(
        "state file {path} is damaged at line {line}: {problem}; \
         restore it from a backup, or remove it to match all objects anew"
    )]
    Corrupt {
        /// The file.
        path: PathBuf,
        /// The line, counting from 1.
        line: usize,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// The key is gone, so that nothing in the file can be checked.
    #[error("state file {path} has no usable key in {key}")]
    NoKey {
        /// The file.
        path: PathBuf,
        /// Where its key should be.
        key: PathBuf,
    },
    /// The state belongs to another target.
    #[error("state file {path} belongs to {found}, not to {expected}")]
    Foreign {
        /// The file.
        path: PathBuf,
        /// The target at hand.
        expected: Box<Binding>,
        /// The target that the state belongs to.
        found: Box<Binding>,
    },
}

#[derive(Serialize, Deserialize)]
struct Header {
    #[serde(rename = "scim2-sync")]
    version: u32,
    #[serde(flatten)]
    binding: Binding,
}

#[derive(Debug)]
pub(super) struct Journal {
    path: PathBuf,
    file: File,
    /// Held for as long as the journal: the lock goes with it.
    _lock: File,
    check: String,
    lines: usize,
    unsynced: bool,
}

impl Journal {
    /// From this many lines on the file is rewritten when most of them are history.
    pub(super) const COMPACT_FROM: usize = 4096;

    pub(super) fn open(
        path: &Path,
        binding: &Binding,
    ) -> Result<(Self, Key, Vec<Event>), StateError> {
        let io = |doing| move |source| StateError::Io { path: path.to_path_buf(), doing, source };
        let lock = private(OpenOptions::new().write(true).create(true).truncate(false))
            .open(beside(path, "lock"))
            .map_err(io("cannot open the lock file"))?;
        if !lock.try_lock_exclusive().map_err(io("cannot be locked"))? {
            return Err(StateError::Locked { path: path.to_path_buf() });
        }

        let mut file = private(OpenOptions::new().read(true).append(true).create(true))
            .open(path)
            .map_err(io("cannot be opened"))?;
        let length = file.metadata().map_err(io("cannot be read"))?.len();
        if length > MAX_FILE {
            let source = io::Error::other(format!("{length} bytes, more than {MAX_FILE}"));
            return Err(io("is too large")(source));
        }
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).map_err(io("cannot be read"))?;

        let corrupt =
            |line, problem| StateError::Corrupt { path: path.to_path_buf(), line, problem };
        let whole = whole_lines(&bytes);
        if whole.is_empty() {
            // A new file, or one whose very first line was not finished.
            let key = Self::fresh_key(path)?;
            file.set_len(0).map_err(io("cannot be written"))?;
            let mut journal = Self {
                path: path.to_path_buf(),
                file,
                _lock: lock,
                check: String::new(),
                lines: 0,
                unsynced: false,
            };
            journal.append(&key, &Header { version: VERSION, binding: binding.clone() })?;
            journal.sync()?;
            sync_directory(path).map_err(io("cannot be written"))?;
            return Ok((journal, key, Vec::new()));
        }

        let key = Self::read_key(path)?;
        let mut events = Vec::new();
        let mut check = String::new();
        let mut lines = 0;
        for line in whole.split(|byte| *byte == b'\n') {
            lines += 1;
            let text = std::str::from_utf8(line).map_err(|_| corrupt(lines, "it is not text"))?;
            let (found, event) =
                split(text).ok_or_else(|| corrupt(lines, "it is no line of a state"))?;
            let expected = line_check(&key, &check, event);
            if found != expected {
                return Err(corrupt(lines, "its check does not fit"));
            }
            check = expected;
            if lines == 1 {
                let header: Header = serde_json::from_str(event)
                    .map_err(|_| corrupt(lines, "it does not name a target"))?;
                if header.version != VERSION {
                    return Err(corrupt(lines, "its version is unknown"));
                }
                if header.binding != *binding {
                    return Err(StateError::Foreign {
                        path: path.to_path_buf(),
                        expected: Box::new(binding.clone()),
                        found: Box::new(header.binding),
                    });
                }
            } else {
                let event = serde_json::from_str(event)
                    .map_err(|_| corrupt(lines, "it is no event that is known"))?;
                events.push(event);
            }
        }
        let end = whole.len() as u64 + 1;
        if end < bytes.len() as u64 {
            // A line that a crash left unfinished: its request was never sent, or its outcome is
            // found out anew.
            file.set_len(end).map_err(io("cannot be written"))?;
            file.seek(SeekFrom::End(0)).map_err(io("cannot be written"))?;
        }
        let journal =
            Self { path: path.to_path_buf(), file, _lock: lock, check, lines, unsynced: false };
        Ok((journal, key, events))
    }

    pub(super) fn lines(&self) -> usize {
        self.lines
    }

    pub(super) fn append(&mut self, key: &Key, event: &impl Serialize) -> Result<(), StateError> {
        let (line, check) = format_line(key, &self.check, event)
            .map_err(|source| self.io("cannot be written", source))?;
        self.file
            .write_all(line.as_bytes())
            .map_err(|source| self.io("cannot be written", source))?;
        self.check = check;
        self.lines += 1;
        self.unsynced = true;
        Ok(())
    }

    pub(super) fn sync(&mut self) -> Result<(), StateError> {
        if self.unsynced {
            self.file.sync_data().map_err(|source| self.io("cannot be synced", source))?;
            self.unsynced = false;
        }
        Ok(())
    }

    /// Replaces the file by one with just these events.
    pub(super) fn rewrite(
        &mut self,
        key: &Key,
        binding: &Binding,
        events: &[Event],
    ) -> Result<(), StateError> {
        let cannot = |source| StateError::Io {
            path: self.path.clone(),
            doing: "cannot be rewritten",
            source,
        };
        let next = beside(&self.path, "new");
        let header = Header { version: VERSION, binding: binding.clone() };
        let (mut text, mut check) = format_line(key, "", &header).map_err(cannot)?;
        for event in events {
            let (line, next_check) = format_line(key, &check, event).map_err(cannot)?;
            text.push_str(&line);
            check = next_check;
        }
        let mut file = private(OpenOptions::new().write(true).create(true).truncate(true))
            .open(&next)
            .map_err(cannot)?;
        file.write_all(text.as_bytes()).and_then(|()| file.sync_all()).map_err(cannot)?;
        std::fs::rename(&next, &self.path).map_err(cannot)?;
        sync_directory(&self.path).map_err(cannot)?;
        self.file = OpenOptions::new().append(true).open(&self.path).map_err(cannot)?;
        self.check = check;
        self.lines = events.len() + 1;
        self.unsynced = false;
        Ok(())
    }

    fn io(&self, doing: &'static str, source: io::Error) -> StateError {
        StateError::Io { path: self.path.clone(), doing, source }
    }

    fn read_key(path: &Path) -> Result<Key, StateError> {
        let file = beside(path, "key");
        std::fs::read_to_string(&file)
            .ok()
            .as_deref()
            .and_then(Key::from_hex)
            .ok_or_else(|| StateError::NoKey { path: path.to_path_buf(), key: file })
    }

    fn fresh_key(path: &Path) -> Result<Key, StateError> {
        let key = Key::generate();
        let file = beside(path, "key");
        private(OpenOptions::new().write(true).create(true).truncate(true))
            .open(&file)
            .and_then(|mut file| {
                file.write_all(key.to_hex().as_bytes())?;
                file.sync_all()
            })
            .map_err(|source| StateError::Io { path: file, doing: "cannot be written", source })?;
        Ok(key)
    }
}

/// Everything up to the last line end, without it. Zero bytes at the end are no lines: a file
/// system may leave them after a power cut.
fn whole_lines(bytes: &[u8]) -> &[u8] {
    let written = bytes.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
    let end = bytes.iter().take(written).rposition(|byte| *byte == b'\n').unwrap_or(0);
    bytes.get(..end).unwrap_or_default()
}

fn format_line(key: &Key, previous: &str, event: &impl Serialize) -> io::Result<(String, String)> {
    let event = serde_json::to_string(event)?;
    let check = line_check(key, previous, &event);
    Ok((format!("[\"{check}\",{event}]\n"), check))
}

/// The check and the event of `["check",{event}]`.
fn split(line: &str) -> Option<(&str, &str)> {
    line.strip_prefix("[\"")?.strip_suffix(']')?.split_once("\",")
}

fn line_check(key: &Key, previous: &str, event: &str) -> String {
    let hash = key.hash(&[b"line", previous.as_bytes(), event.as_bytes()]);
    hex(hash.get(..CHECK_BYTES).unwrap_or(&hash))
}

fn beside(path: &Path, extension: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".");
    name.push(extension);
    name.into()
}

/// Files that only their owner may read.
fn private(options: &mut OpenOptions) -> &mut OpenOptions {
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(options, 0o600);
    options
}

#[cfg(unix)]
fn sync_directory(path: &Path) -> io::Result<()> {
    let directory = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    File::open(directory)?.sync_all()
}

#[cfg(not(unix))]
fn sync_directory(_: &Path) -> io::Result<()> {
    Ok(())
}
