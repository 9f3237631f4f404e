//! What the source directory says: users, groups, who is in what, and how much of it was seen.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::future::Future;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

pub mod graph;
mod json;

pub use graph::GraphDirectory;

/// The identifier that the source gave an object: Entra ID's `objectId`. It is opaque, compared
/// exactly, and never mixed up with the target's [`ResourceId`](scim2_core::resource::ResourceId).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SourceId(Box<str>);

impl SourceId {
    /// The identifier's text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<&str> for SourceId {
    fn from(text: &str) -> Self {
        Self(text.into())
    }
}

impl From<String> for SourceId {
    fn from(text: String) -> Self {
        Self(text.into_boxed_str())
    }
}

impl fmt::Display for SourceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Which of the two provisioned kinds an object is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[expect(clippy::exhaustive_enums, reason = "users and groups are what SCIM provisions")]
pub enum ObjectKind {
    /// A user.
    User,
    /// A group.
    Group,
}

impl ObjectKind {
    /// The name of the SCIM resource type: `User` or `Group`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::User => "User",
            Self::Group => "Group",
        }
    }
}

impl fmt::Display for ObjectKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// One user or group of the source: attributes under the names that the mapping uses.
///
/// An attribute without value is absent, never null. `Debug` prints the names of the attributes
/// and none of their values.
#[derive(Clone, Default, PartialEq)]
pub struct SourceObject {
    /// The attributes.
    pub attributes: Map<String, Value>,
    /// The user's manager.
    pub manager: Option<SourceId>,
}

impl SourceObject {
    /// The value of an attribute, its name taken without case.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.attributes.get(name).or_else(|| {
            self.attributes
                .iter()
                .find(|(key, _)| key.eq_ignore_ascii_case(name))
                .map(|(_, value)| value)
        })
    }

    /// The value of an attribute if it is text.
    #[must_use]
    pub fn text(&self, name: &str) -> Option<&str> {
        self.get(name).and_then(Value::as_str)
    }

    /// What people call the object: its display name, or its user principal name.
    #[must_use]
    pub fn display_name(&self) -> Option<&str> {
        self.text("displayName").or_else(|| self.text("userPrincipalName"))
    }

    /// Whether the source has the account switched on.
    #[must_use]
    pub fn is_enabled(&self) -> bool {
        self.get("accountEnabled").and_then(Value::as_bool).unwrap_or(true)
    }
}

impl fmt::Debug for SourceObject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SourceObject")
            .field("attributes", &self.attributes.keys().collect::<Vec<_>>())
            .field("manager", &self.manager)
            .finish()
    }
}

/// How much of a collection the source showed.
///
/// Only a complete collection says anything by what it leaves out. "The source did not mention
/// this user" must never become "this user is gone" after a truncated answer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "all of it or not all of it")]
pub enum Coverage {
    /// All of it: what is not there does not exist.
    #[default]
    Complete,
    /// Some of it. The text says what is missing.
    Partial(String),
}

impl Coverage {
    /// Whether absence means something.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        matches!(self, Self::Complete)
    }
}

/// The direct members of one group.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Members {
    /// Users and groups that are members directly, by their id.
    pub direct: BTreeSet<SourceId>,
    /// Whether these are all.
    pub coverage: Coverage,
}

/// How an object left the source.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "Microsoft Graph knows these two reasons")]
pub enum Removal {
    /// It is in the recycle bin and may come back: the account is switched off.
    Soft,
    /// It is gone for good: the account is deleted.
    Hard,
}

/// Everything the source says at one moment.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Snapshot {
    /// The users.
    pub users: BTreeMap<SourceId, SourceObject>,
    /// The groups.
    pub groups: BTreeMap<SourceId, SourceObject>,
    /// The direct members of each group.
    pub memberships: BTreeMap<SourceId, Members>,
    /// Which users and groups are assigned to the application, by the assignment's own id.
    pub assignments: BTreeMap<Box<str>, SourceId>,
    /// Objects that the source said are gone.
    pub removed: BTreeMap<SourceId, Removal>,
    /// How much of each collection was seen.
    pub coverage: SnapshotCoverage,
}

/// How much of each collection of a [`Snapshot`] was seen.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SnapshotCoverage {
    /// Of the users.
    pub users: Coverage,
    /// Of the groups.
    pub groups: Coverage,
    /// Of the assignments.
    pub assignments: Coverage,
}

impl Snapshot {
    /// The user or group of this id.
    #[must_use]
    pub fn object(&self, kind: ObjectKind, id: &SourceId) -> Option<&SourceObject> {
        match kind {
            ObjectKind::User => self.users.get(id),
            ObjectKind::Group => self.groups.get(id),
        }
    }

    /// Brings the snapshot up to date with what the source said has changed since.
    ///
    /// # Errors
    /// When a change concerns an object that the snapshot does not have and does not describe it
    /// in full, or names a member that does not exist. The snapshot is then as it was.
    pub fn apply(&mut self, delta: Delta) -> Result<(), SourceError> {
        self.check(&delta)?;
        let mut gone = BTreeSet::new();
        for (id, change) in delta.users {
            match change {
                Change::Upsert(changed) => {
                    self.removed.remove(&id);
                    upsert(self.users.entry(id).or_default(), changed);
                }
                Change::Removed(removal) => {
                    self.users.remove(&id);
                    self.removed.insert(id.clone(), removal);
                    gone.insert(id);
                }
            }
        }
        for (id, change) in delta.groups {
            match change {
                Change::Upsert(changed) => {
                    self.removed.remove(&id);
                    self.memberships.entry(id.clone()).or_default();
                    upsert(self.groups.entry(id).or_default(), changed);
                }
                Change::Removed(removal) => {
                    self.groups.remove(&id);
                    self.memberships.remove(&id);
                    self.removed.insert(id.clone(), removal);
                    gone.insert(id);
                }
            }
        }
        if !gone.is_empty() {
            for user in self.users.values_mut() {
                user.manager.take_if(|manager| gone.contains(manager));
            }
            for members in self.memberships.values_mut() {
                members.direct.retain(|member| !gone.contains(member));
            }
            self.assignments.retain(|_, principal| !gone.contains(principal));
        }
        for (group, member, change) in delta.memberships {
            let members = &mut self.memberships.entry(group).or_default().direct;
            match change {
                MemberChange::Joined => members.insert(member),
                MemberChange::Left => members.remove(&member),
            };
        }
        for (assignment, principal) in delta.assignments {
            match principal {
                Some(principal) => self.assignments.insert(assignment, principal),
                None => self.assignments.remove(&assignment),
            };
        }
        for (seen, said) in [
            (&mut self.coverage.users, delta.coverage.users),
            (&mut self.coverage.groups, delta.coverage.groups),
            (&mut self.coverage.assignments, delta.coverage.assignments),
        ] {
            if !said.is_complete() {
                *seen = said;
            }
        }
        Ok(())
    }

    /// New objects must be described in full, and members must exist.
    fn check(&self, delta: &Delta) -> Result<(), SourceError> {
        let file = &delta.origin.file;
        let mut known: BTreeMap<&SourceId, bool> = BTreeMap::new();
        let users: &[&str] = &["userPrincipalName", "accountEnabled"];
        let changes = [
            ("user", &delta.users, users, &self.users),
            ("group", &delta.groups, &["displayName"], &self.groups),
        ];
        for (what, changes, needed, existing) in changes {
            for (id, change) in changes {
                let Change::Upsert(changed) = change else {
                    known.insert(id, false);
                    continue;
                };
                known.insert(id, true);
                let is_missing =
                    |name: &&&str| changed.attributes.get(**name).is_none_or(Value::is_null);
                if existing.contains_key(id) {
                    continue;
                }
                if let Some(field) = needed.iter().find(is_missing) {
                    let problem = format!(
                        "is missing; the {what} is new, so its change must describe it in full"
                    );
                    return Err(SourceError::new(file, problem)
                        .record(None, Some(id.as_str()))
                        .field(field));
                }
            }
        }
        if self.coverage.users.is_complete() && self.coverage.groups.is_complete() {
            let is_known = |id: &SourceId| match known.get(id) {
                Some(known) => *known,
                None => self.users.contains_key(id) || self.groups.contains_key(id),
            };
            for (group, member, change) in &delta.memberships {
                if *change == MemberChange::Joined && !is_known(member) {
                    let problem = format!("names `{member}`, which is no user and no group");
                    return Err(SourceError::new(file, problem)
                        .record(None, Some(group.as_str()))
                        .field("members@delta"));
                }
            }
        }
        Ok(())
    }
}

/// Merges changed attributes into the object.
fn upsert(object: &mut SourceObject, changed: ChangedObject) {
    for (name, value) in changed.attributes {
        if value.is_null() {
            object.attributes.remove(&name);
        } else {
            object.attributes.insert(name, value);
        }
    }
    if let Some(manager) = changed.manager {
        object.manager = manager;
    }
}

/// What has changed in the source since a snapshot was taken.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Delta {
    /// Users that are new, changed or gone.
    pub users: Vec<(SourceId, Change)>,
    /// Groups that are new, changed or gone.
    pub groups: Vec<(SourceId, Change)>,
    /// Who joined or left which group: the group first, then the member.
    pub memberships: Vec<(SourceId, SourceId, MemberChange)>,
    /// Assignments by their own id; none for those that ended.
    pub assignments: Vec<(Box<str>, Option<SourceId>)>,
    /// Whether all changes were seen.
    pub coverage: SnapshotCoverage,
    /// Where the changes were read, for error messages.
    pub origin: Origin,
}

/// A change of one object.
#[derive(Clone, Debug, PartialEq)]
#[expect(clippy::exhaustive_enums, reason = "an object is there or it is not")]
pub enum Change {
    /// It is new or changed.
    Upsert(ChangedObject),
    /// It is gone.
    Removed(Removal),
}

/// The changed attributes of one object.
#[derive(Clone, Default, PartialEq)]
pub struct ChangedObject {
    /// New values; null where the object has none any more.
    pub attributes: Map<String, Value>,
    /// The new manager, if that changed; the inner none is "no manager any more".
    pub manager: Option<Option<SourceId>>,
}

impl fmt::Debug for ChangedObject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ChangedObject")
            .field("attributes", &self.attributes.keys().collect::<Vec<_>>())
            .field("manager", &self.manager)
            .finish()
    }
}

/// Whether a member joined or left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "in or out")]
pub enum MemberChange {
    /// It is a member now.
    Joined,
    /// It is a member no more.
    Left,
}

/// A directory that can be provisioned from.
pub trait DirectorySource: Send + Sync {
    /// Reads everything.
    ///
    /// # Errors
    /// [`SourceError`] names the place that could not be read.
    fn full(&self) -> impl Future<Output = Result<Snapshot, SourceError>> + Send;

    /// Reads what has changed since the last full read.
    ///
    /// # Errors
    /// [`SourceError`] names the place that could not be read.
    fn changes(&self) -> impl Future<Output = Result<Delta, SourceError>> + Send;
}

/// Where a piece of the source was read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Origin {
    /// The file.
    pub file: PathBuf,
}

/// Why the source could not be read: which file, which record, which field, what was expected.
///
/// ```text
/// users.json: record 17 (id `6f1b…`): `accountEnabled` must be true or false, found text
/// ```
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct SourceError {
    file: PathBuf,
    index: Option<usize>,
    id: Option<Box<str>>,
    field: Option<Box<str>>,
    problem: Box<str>,
}

impl SourceError {
    /// A problem with a whole file.
    #[must_use]
    pub fn new(file: impl Into<PathBuf>, problem: impl fmt::Display) -> Self {
        let problem = problem.to_string().into_boxed_str();
        Self { file: file.into(), index: None, id: None, field: None, problem }
    }

    /// The same problem, in the record of this position (counting from 0) and id.
    #[must_use]
    pub fn record(mut self, index: Option<usize>, id: Option<&str>) -> Self {
        self.index = index;
        self.id = id.map(Box::from);
        self
    }

    /// The same problem, in this field.
    #[must_use]
    pub fn field(mut self, field: &str) -> Self {
        self.field = Some(field.into());
        self
    }

    /// The file.
    #[must_use]
    pub fn file(&self) -> &std::path::Path {
        &self.file
    }

    /// The record's position in its list, counting from 0.
    #[must_use]
    pub fn record_index(&self) -> Option<usize> {
        self.index
    }

    /// The record's id.
    #[must_use]
    pub fn record_id(&self) -> Option<&str> {
        self.id.as_deref()
    }

    /// The field's name.
    #[must_use]
    pub fn field_name(&self) -> Option<&str> {
        self.field.as_deref()
    }
}

impl fmt::Display for SourceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.file.display())?;
        match (self.index, &self.id) {
            (Some(index), Some(id)) => write!(f, "record {index} (id `{id}`): ")?,
            (Some(index), None) => write!(f, "record {index}: ")?,
            (None, Some(id)) => write!(f, "record with id `{id}`: ")?,
            (None, None) => {}
        }
        if let Some(field) = &self.field {
            write!(f, "`{field}` ")?;
        }
        f.write_str(&self.problem)
    }
}
