//! What the engine remembers between cycles: which target object belongs to which source object,
//! what was last written there, and what was under way when a run ended.
//!
//! # The file
//!
//! JSON lines, appended and synced to disk: before a request is sent its *intent* is there, after
//! the answer its *outcome*. A run that is killed leaves intents without outcome; when the file is
//! opened again, whatever they name counts as unknown, and the next cycle settles it: an object
//! whose creation was under way is looked for before it is created, an attribute or a membership
//! whose change was under way is written again.
//!
//! Each line is `["check",{event}]`, where the check is a keyed hash over the line and the check
//! of the line before. A line that was changed, lost or moved is noticed, and the file is refused;
//! only an unfinished last line, which a crash leaves, is dropped. The first line binds the file
//! to the target's URL and tenant: with another target it is refused as well, because another
//! target's identifiers would be taken for this one's.
//!
//! Attribute values are not kept, only keyed hashes of them (names and numbers are easy to guess,
//! so a plain hash would give them away); the key stands beside the file in `FILE.key`. With
//! [`Retain::Values`] the values are kept as well, and the provisioning log can show old ones.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::Path;

use chrono::{DateTime, Utc};
use scim2_core::resource::ResourceId;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::mapping::Mapped;
use crate::source::{ObjectKind, SourceId};

mod fingerprint;
mod journal;

pub use fingerprint::Fingerprint;
use fingerprint::Key;
use journal::Journal;
pub use journal::StateError;

/// The target that a state belongs to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Binding {
    /// The target's base URL.
    pub endpoint: String,
    /// The tenant within it, where the URL does not say.
    pub tenant: String,
}

impl Binding {
    /// A target at this base URL.
    #[must_use]
    pub fn new(endpoint: impl Into<String>) -> Self {
        let endpoint = endpoint.into();
        Self { endpoint: endpoint.trim_end_matches('/').to_owned(), tenant: String::new() }
    }

    /// The same, in this tenant.
    #[must_use]
    pub fn tenant(self, tenant: impl Into<String>) -> Self {
        Self { tenant: tenant.into(), ..self }
    }
}

/// Whether attribute values are kept beside their fingerprints.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "kept or not kept")]
pub enum Retain {
    /// Only keyed hashes, from which nobody's data can be read.
    #[default]
    Fingerprints,
    /// The values too: personal data, but the log can show what a value was before.
    Values,
}

/// An object, or one member of a group, which has the target's identifier.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct EscrowKey {
    pub(crate) kind: ObjectKind,
    pub(crate) source: SourceId,
    pub(crate) member: Option<ResourceId>,
}

impl EscrowKey {
    /// Whether both are about the same object.
    fn is_about(&self, other: &Self) -> bool {
        self.kind == other.kind && self.source == other.source
    }
}

/// What is remembered between cycles.
///
/// ```
/// use scim2_sync::state::{Binding, State};
/// let state = State::in_memory(Binding::new("https://scim.example.com/v2"));
/// assert_eq!(state.len(), 0);
/// ```
#[derive(Debug)]
pub struct State {
    binding: Binding,
    key: Key,
    retain: Retain,
    journal: Option<Journal>,
    links: BTreeMap<(ObjectKind, SourceId), Link>,
    by_id: BTreeMap<(ObjectKind, ResourceId), SourceId>,
    escrow: BTreeMap<EscrowKey, Escrow>,
    open: BTreeMap<u64, Intent>,
    /// Creations that may or may not have happened, with what was sent.
    doubtful: BTreeMap<(ObjectKind, SourceId), BTreeMap<String, Known>>,
    next_seq: u64,
}

/// A source object's counterpart in the target, and what is known of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Link {
    /// The target's identifier.
    pub id: ResourceId,
    attributes: BTreeMap<String, Known>,
    members: BTreeMap<ResourceId, Certainty>,
}

impl Link {
    fn new(id: ResourceId) -> Self {
        Self { id, attributes: BTreeMap::new(), members: BTreeMap::new() }
    }

    /// The attributes that were written, or may have been.
    pub(crate) fn attributes(&self) -> impl Iterator<Item = (&str, &Known)> {
        self.attributes.iter().map(|(path, known)| (path.as_str(), known))
    }

    pub(crate) fn attribute(&self, path: &str) -> Option<&Known> {
        self.attributes.get(path)
    }

    /// Whether a user is in the group for sure.
    pub(crate) fn has_member(&self, id: &ResourceId) -> bool {
        self.members.get(id) == Some(&Certainty::Certain)
    }

    /// Whether just these attributes are known, for sure.
    pub(crate) fn knows_just(&self, attributes: &BTreeMap<String, Known>) -> bool {
        self.attributes == *attributes
            && attributes.values().all(|known| known.fingerprint.is_some())
    }

    /// Whether just these users are members, for sure.
    pub(crate) fn has_just_members(&self, members: &BTreeSet<ResourceId>) -> bool {
        self.members.len() == members.len() && members.iter().all(|id| self.has_member(id))
    }

    /// Users that are, or may be, in the group.
    pub(crate) fn possible_members(&self) -> impl ExactSizeIterator<Item = &ResourceId> {
        self.members.keys()
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Certainty {
    Certain,
    Uncertain,
}

/// What is known of one attribute of a target object.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Known {
    /// The fingerprint of its value; none when a write's outcome is not known.
    #[serde(rename = "f", default, skip_serializing_if = "Option::is_none")]
    pub(crate) fingerprint: Option<Fingerprint>,
    /// The value, with [`Retain::Values`].
    #[serde(rename = "v", default, skip_serializing_if = "Option::is_none")]
    pub(crate) value: Option<Value>,
}

/// A change that could not be made, and when to try again.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Escrow {
    /// What was tried. A different attempt does not wait.
    pub(crate) digest: Fingerprint,
    /// The error code, as in the provisioning log.
    pub code: String,
    /// How often it was tried.
    pub attempts: u32,
    /// Not before this time, unless what is to be written changes.
    pub next: DateTime<Utc>,
}

/// A request that is about to be sent, with everything it changes when it succeeds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "do", rename_all = "camelCase")]
pub(crate) enum Intent {
    Create {
        kind: ObjectKind,
        source: SourceId,
        attributes: BTreeMap<String, Known>,
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        members: Vec<ResourceId>,
    },
    /// New values; none for attributes that are removed.
    Update {
        kind: ObjectKind,
        source: SourceId,
        attributes: BTreeMap<String, Option<Known>>,
    },
    Members {
        group: SourceId,
        add: Vec<ResourceId>,
        remove: Vec<ResourceId>,
    },
    Delete {
        kind: ObjectKind,
        source: SourceId,
    },
}

/// One line of the file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "camelCase")]
pub(crate) enum Event {
    /// A request is about to be sent.
    Intend { seq: u64, intent: Intent },
    /// It succeeded. A created object has its id.
    Done {
        seq: u64,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        id: Option<ResourceId>,
    },
    /// It did not.
    Failed { seq: u64 },
    /// Nobody knows whether it did: the answer got lost.
    Lost { seq: u64 },
    /// The target was seen to hold this.
    Observed {
        kind: ObjectKind,
        source: SourceId,
        id: ResourceId,
        attributes: BTreeMap<String, Known>,
    },
    /// The group was seen to have these members.
    ObservedMembers { group: SourceId, members: Vec<ResourceId> },
    /// The target has no such object any more.
    Unlink { kind: ObjectKind, source: SourceId },
    /// A change is put off.
    Escrow {
        kind: ObjectKind,
        source: SourceId,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        member: Option<ResourceId>,
        escrow: Escrow,
    },
    /// A change is put off no longer.
    Settle {
        kind: ObjectKind,
        source: SourceId,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        member: Option<ResourceId>,
    },
}

impl State {
    /// A state that ends with the process.
    #[must_use]
    pub fn in_memory(binding: Binding) -> Self {
        Self::empty(binding, Key::generate(), Retain::Values, None)
    }

    /// Opens the state file, or begins one where there is none.
    ///
    /// # Errors
    /// When the file cannot be read or written, another process has it open, a line of it was
    /// changed or lost, its key is missing, or it belongs to another target. A state that cannot
    /// be trusted is never taken for an empty one: that would create everything anew.
    pub fn open(path: &Path, binding: Binding, retain: Retain) -> Result<Self, StateError> {
        let (journal, key, events) = Journal::open(path, &binding)?;
        let mut state = Self::empty(binding, key, retain, None);
        for event in events {
            state.replay(event);
        }
        state.journal = Some(journal);
        // The outcome of what was under way is not known. That is written down, so that a later
        // outcome for the same object is the last word.
        let interrupted: Vec<u64> = state.open.keys().copied().collect();
        for seq in interrupted {
            state.record(Event::Lost { seq })?;
        }
        state.sync()?;
        Ok(state)
    }

    /// The same knowledge, apart from the file: what happens to it is not remembered.
    pub(crate) fn detached(&self) -> Self {
        Self {
            binding: self.binding.clone(),
            key: self.key.clone(),
            retain: self.retain,
            journal: None,
            links: self.links.clone(),
            by_id: self.by_id.clone(),
            escrow: self.escrow.clone(),
            open: self.open.clone(),
            doubtful: self.doubtful.clone(),
            next_seq: self.next_seq,
        }
    }

    /// Nothing waits any more.
    pub(crate) fn settle_all(&mut self) -> Result<(), StateError> {
        let waiting: Vec<EscrowKey> = self.escrow.keys().cloned().collect();
        for EscrowKey { kind, source, member } in waiting {
            self.record(Event::Settle { kind, source, member })?;
        }
        Ok(())
    }

    fn empty(binding: Binding, key: Key, retain: Retain, journal: Option<Journal>) -> Self {
        Self {
            binding,
            key,
            retain,
            journal,
            links: BTreeMap::new(),
            by_id: BTreeMap::new(),
            escrow: BTreeMap::new(),
            open: BTreeMap::new(),
            doubtful: BTreeMap::new(),
            next_seq: 0,
        }
    }

    /// The target that the state belongs to.
    #[must_use]
    pub fn binding(&self) -> &Binding {
        &self.binding
    }

    /// How many objects are linked.
    #[must_use]
    pub fn len(&self) -> usize {
        self.links.len()
    }

    /// Whether nothing is linked yet.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.links.is_empty()
    }

    /// The counterpart of a source object.
    #[must_use]
    pub fn link(&self, kind: ObjectKind, source: &SourceId) -> Option<&Link> {
        self.links.get(&(kind, source.clone()))
    }

    /// All links of one kind, in the order of their source ids.
    pub fn links(&self, kind: ObjectKind) -> impl Iterator<Item = (&SourceId, &Link)> {
        self.links
            .iter()
            .filter(move |((link_kind, _), _)| *link_kind == kind)
            .map(|((_, source), link)| (source, link))
    }

    /// The source object that a target object is linked to.
    #[must_use]
    pub fn source_of(&self, kind: ObjectKind, id: &ResourceId) -> Option<&SourceId> {
        self.by_id.get(&(kind, id.clone()))
    }

    /// The change of an object that is put off, if one is.
    #[must_use]
    pub fn escrow(&self, kind: ObjectKind, source: &SourceId) -> Option<&Escrow> {
        self.escrow.get(&EscrowKey { kind, source: source.clone(), member: None })
    }

    /// All changes that are put off: kind, object, and the member where only that one is.
    pub fn escrowed(
        &self,
    ) -> impl Iterator<Item = (ObjectKind, &SourceId, Option<&ResourceId>, &Escrow)> {
        self.escrow.iter().map(|(key, e)| (key.kind, &key.source, key.member.as_ref(), e))
    }

    /// Objects that may have been created without our knowing, and what was sent for them.
    pub(crate) fn doubtful(
        &self,
    ) -> impl Iterator<Item = (ObjectKind, &SourceId, &BTreeMap<String, Known>)> {
        self.doubtful.iter().map(|((kind, source), attributes)| (*kind, source, attributes))
    }

    pub(crate) fn escrow_of(&self, key: &EscrowKey) -> Option<&Escrow> {
        self.escrow.get(key)
    }

    /// The keyed hash of a value at a path.
    pub(crate) fn fingerprint(&self, path: &str, value: &Value) -> Fingerprint {
        self.key.fingerprint(path, value)
    }

    /// Names an attempt to create an object with these attributes.
    pub(crate) fn create_digest(&self, mapped: &Mapped) -> Fingerprint {
        self.fingerprint("\0create", &json!(mapped.attributes))
    }

    /// Names an attempt to add a member, or to remove it.
    pub(crate) fn member_digest(&self, joins: bool) -> Fingerprint {
        self.fingerprint("\0member", &Value::Bool(joins))
    }

    /// What is remembered of a value that is known to stand at a path.
    pub(crate) fn known(&self, path: &str, value: &Value) -> Known {
        Known {
            fingerprint: Some(self.fingerprint(path, value)),
            // Passwords are kept nowhere (invariant 6).
            value: (self.retain == Retain::Values && !path.eq_ignore_ascii_case("password"))
                .then(|| value.clone()),
        }
    }

    /// Notes that a request is about to be sent. [`sync`](Self::sync) must follow before it is.
    pub(crate) fn intend(&mut self, intent: Intent) -> Result<u64, StateError> {
        let seq = self.next_seq;
        self.record(Event::Intend { seq, intent })?;
        Ok(seq)
    }

    /// Notes an event and obeys it.
    pub(crate) fn record(&mut self, event: Event) -> Result<(), StateError> {
        if let Some(journal) = &mut self.journal {
            journal.append(&self.key, &event)?;
        }
        self.replay(event);
        Ok(())
    }

    /// Waits until everything noted so far is on the disk.
    pub(crate) fn sync(&mut self) -> Result<(), StateError> {
        match &mut self.journal {
            Some(journal) => journal.sync(),
            None => Ok(()),
        }
    }

    /// Rewrites the file without what is of no use any more, when that is worth it.
    pub(crate) fn compact(&mut self) -> Result<(), StateError> {
        let live = self.links.len() * 2 + self.escrow.len();
        let Some(journal) = &mut self.journal else { return Ok(()) };
        if journal.lines() < Journal::COMPACT_FROM || journal.lines() < live.saturating_mul(4) {
            return Ok(());
        }
        let mut events = Vec::with_capacity(live);
        for ((kind, source), link) in &self.links {
            events.push(Event::Observed {
                kind: *kind,
                source: source.clone(),
                id: link.id.clone(),
                attributes: link.attributes.clone(),
            });
            let of = |certainty| {
                link.members.iter().filter(move |(_, c)| **c == certainty).map(|(m, _)| m.clone())
            };
            let certain: Vec<_> = of(Certainty::Certain).collect();
            if !certain.is_empty() {
                events.push(Event::ObservedMembers { group: source.clone(), members: certain });
            }
            let uncertain: Vec<_> = of(Certainty::Uncertain).collect();
            if !uncertain.is_empty() {
                // An intent without outcome is how the file says that something is uncertain.
                let group = source.clone();
                let intent = Intent::Members { group, add: uncertain, remove: Vec::new() };
                let seq = self.next_seq;
                self.next_seq += 1;
                events.push(Event::Intend { seq, intent });
                events.push(Event::Failed { seq });
            }
        }
        for ((kind, source), attributes) in &self.doubtful {
            let (kind, source, attributes) = (*kind, source.clone(), attributes.clone());
            let intent = Intent::Create { kind, source, attributes, members: Vec::new() };
            let seq = self.next_seq;
            self.next_seq += 1;
            events.push(Event::Intend { seq, intent });
            events.push(Event::Lost { seq });
        }
        for (key, escrow) in &self.escrow {
            events.push(Event::Escrow {
                kind: key.kind,
                source: key.source.clone(),
                member: key.member.clone(),
                escrow: escrow.clone(),
            });
        }
        journal.rewrite(&self.key, &self.binding, &events)
    }

    fn replay(&mut self, event: Event) {
        match event {
            Event::Intend { seq, intent } => {
                self.next_seq = self.next_seq.max(seq.saturating_add(1));
                self.begin(&intent);
                self.open.insert(seq, intent);
            }
            Event::Done { seq, id } => {
                if let Some(intent) = self.open.remove(&seq) {
                    self.finish(intent, id);
                }
            }
            Event::Failed { seq } => {
                self.open.remove(&seq);
            }
            Event::Lost { seq } => {
                if let Some(Intent::Create { kind, source, attributes, .. }) =
                    self.open.remove(&seq)
                {
                    self.doubtful.insert((kind, source), attributes);
                }
            }
            Event::Observed { kind, source, id, attributes } => {
                self.doubtful.remove(&(kind, source.clone()));
                self.by_id.insert((kind, id.clone()), source.clone());
                let link =
                    self.links.entry((kind, source)).or_insert_with(|| Link::new(id.clone()));
                let before = std::mem::replace(&mut link.id, id);
                link.attributes = attributes;
                if before != link.id {
                    self.by_id.remove(&(kind, before));
                }
            }
            Event::ObservedMembers { group, members } => {
                if let Some(link) = self.links.get_mut(&(ObjectKind::Group, group)) {
                    link.members = members.into_iter().map(|m| (m, Certainty::Certain)).collect();
                }
            }
            Event::Unlink { kind, source } => self.unlink(kind, source),
            Event::Escrow { kind, source, member, escrow } => {
                self.escrow.insert(EscrowKey { kind, source, member }, escrow);
            }
            Event::Settle { kind, source, member } => {
                self.escrow.remove(&EscrowKey { kind, source, member });
            }
        }
    }

    /// What a request names is uncertain from the moment it may be sent.
    fn begin(&mut self, intent: &Intent) {
        match intent {
            Intent::Create { .. } => {}
            Intent::Delete { kind, source } => {
                // If it is wanted again before the outcome is known, all of it is written anew,
                // and that finds out whether it is there.
                if let Some(link) = self.links.get_mut(&(*kind, source.clone())) {
                    for known in link.attributes.values_mut() {
                        *known = Known { fingerprint: None, value: None };
                    }
                    for certainty in link.members.values_mut() {
                        *certainty = Certainty::Uncertain;
                    }
                }
            }
            Intent::Update { kind, source, attributes } => {
                if let Some(link) = self.links.get_mut(&(*kind, source.clone())) {
                    for path in attributes.keys() {
                        link.attributes
                            .insert(path.clone(), Known { fingerprint: None, value: None });
                    }
                }
            }
            Intent::Members { group, add, remove } => {
                if let Some(link) = self.links.get_mut(&(ObjectKind::Group, group.clone())) {
                    for member in add.iter().chain(remove) {
                        link.members.insert(member.clone(), Certainty::Uncertain);
                    }
                }
            }
        }
    }

    fn finish(&mut self, intent: Intent, id: Option<ResourceId>) {
        match intent {
            Intent::Create { kind, source, attributes, members } => {
                let Some(id) = id else { return };
                self.doubtful.remove(&(kind, source.clone()));
                let members = members.into_iter().map(|m| (m, Certainty::Certain)).collect();
                self.by_id.insert((kind, id.clone()), source.clone());
                self.links.insert((kind, source), Link { id, attributes, members });
            }
            Intent::Update { kind, source, attributes } => {
                if let Some(link) = self.links.get_mut(&(kind, source)) {
                    for (path, known) in attributes {
                        match known {
                            Some(known) => link.attributes.insert(path, known),
                            None => link.attributes.remove(&path),
                        };
                    }
                }
            }
            Intent::Members { group, add, remove } => {
                if let Some(link) = self.links.get_mut(&(ObjectKind::Group, group)) {
                    link.members.extend(add.into_iter().map(|m| (m, Certainty::Certain)));
                    for member in remove {
                        link.members.remove(&member);
                    }
                }
            }
            Intent::Delete { kind, source } => self.unlink(kind, source),
        }
    }

    fn unlink(&mut self, kind: ObjectKind, source: SourceId) {
        let key = (kind, source);
        self.doubtful.remove(&key);
        if let Some(gone) = self.links.remove(&key) {
            self.by_id.remove(&(kind, gone.id.clone()));
            // The target takes a deleted user out of its groups.
            let groups = (ObjectKind::Group, SourceId::from(""))..;
            for (_, link) in self.links.range_mut(groups) {
                link.members.remove(&gone.id);
            }
        }
        let (kind, source) = key;
        let first = EscrowKey { kind, source, member: None };
        let settled = self.escrow.range(first.clone()..).map(|(key, _)| key);
        let settled: Vec<EscrowKey> =
            settled.take_while(|key| key.is_about(&first)).cloned().collect();
        for key in settled {
            self.escrow.remove(&key);
        }
    }
}

impl fmt::Display for Binding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.endpoint)?;
        if !self.tenant.is_empty() {
            write!(f, " (tenant `{}`)", self.tenant)?;
        }
        Ok(())
    }
}
