//! What is to be done: a pure function of source, state, mapping and profile.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use chrono::{DateTime, Utc};
use scim2_core::patch_op::PatchOp;
use scim2_core::resource::ResourceId;
use serde_json::{Value, json};

use crate::desired::{Desired, Mapping};
use crate::guard::{Guards, Held};
use crate::problem::Problem;
use crate::profile::Target;
use crate::source::{ObjectKind, Snapshot, SourceId};
use crate::state::{EscrowKey, Fingerprint, State};

mod planner;

use planner::Planner;

/// What to do with an object that the target's profile says will be refused.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Preflight {
    /// Do not send it, and report what is wrong.
    #[default]
    Refuse,
    /// Send it all the same, as Entra ID does, and explain the target's refusal by what was found
    /// wrong.
    Report,
}

/// What to do with a target attribute whose source has no value any more.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum NullSource {
    /// Remove it in the target.
    #[default]
    Clear,
    /// Leave it, as Entra ID does: what was emptied in the source stays in the target.
    Keep,
}

/// How a plan is made.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct PlanOptions {
    /// Objects that the profile says will be refused.
    pub preflight: Preflight,
    /// Attributes that the source has emptied.
    pub null_source: NullSource,
    /// How much may be removed at once.
    pub guards: Guards,
}

/// Everything that a plan depends on.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PlanInput<'a> {
    pub(crate) snapshot: &'a Snapshot,
    pub(crate) desired: &'a Desired,
    pub(crate) mapping: &'a Mapping,
    pub(crate) state: &'a State,
    pub(crate) target: &'a Target,
    pub(crate) conflicts: &'a BTreeMap<(ObjectKind, SourceId), Conflict>,
    /// What was tried in this cycle already and failed.
    pub(crate) failed: &'a BTreeSet<EscrowKey>,
    pub(crate) options: &'a PlanOptions,
    pub(crate) now: DateTime<Utc>,
}

/// A source object that cannot be matched with the target.
#[derive(Clone, Debug)]
pub(crate) struct Conflict {
    pub(crate) problem: Problem,
    /// The source object that is linked to what stands in the way.
    pub(crate) holder: Option<SourceId>,
    /// What stands in the way.
    pub(crate) id: Option<ResourceId>,
}

/// What is to be done, in order.
///
/// Its `Display` has a line for each action: `+` creates, `~` updates, `-` disables, `!` deletes,
/// `m` changes members.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Plan {
    /// The actions, in the order in which they are taken.
    pub actions: Vec<Planned>,
    /// Objects that cannot be provisioned as they are, and will not be tried.
    pub rejected: Vec<Rejected>,
    /// Objects with which nothing is done on purpose.
    pub skipped: Vec<Skipped>,
    /// Removals that a person has to agree to first.
    pub held: Vec<Held>,
    /// Objects whose turn comes after what stands in their way is gone.
    pub(crate) deferred: BTreeSet<(ObjectKind, SourceId)>,
}

/// One action on one object.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Planned {
    /// What the object is.
    pub kind: ObjectKind,
    /// Which one.
    pub source: SourceId,
    /// What people call it.
    pub name: Option<String>,
    /// Why it is done.
    pub reason: String,
    /// What is done.
    pub action: Action,
    /// Why the profile expects it to be refused.
    pub problems: Vec<Problem>,
    pub(crate) digest: Fingerprint,
}

/// What is done with an object.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Action {
    /// It is created.
    Create {
        /// Its attributes, by canonical path.
        attributes: BTreeMap<String, Value>,
        /// Its references, which are set if what they name exists by then.
        references: BTreeMap<String, SourceId>,
        /// A group's first members.
        members: Vec<SourceId>,
    },
    /// Its attributes change.
    Update(Changes),
    /// Its account is switched off; other attributes may change with it.
    Disable(Changes),
    /// It is deleted.
    Delete,
    /// Members of the group change. One request holds all of it.
    Members {
        /// Users who join.
        add: Vec<SourceId>,
        /// Users who leave, by the target's identifiers.
        remove: Vec<ResourceId>,
    },
}

/// How attributes of an object change.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct Changes {
    /// New values, by canonical path.
    pub set: BTreeMap<String, Value>,
    /// Attributes and references that lose their value.
    pub clear: BTreeSet<String>,
    /// New references.
    pub references: BTreeMap<String, SourceId>,
}

impl Changes {
    /// Whether nothing changes.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.set.is_empty() && self.clear.is_empty() && self.references.is_empty()
    }

    /// The paths that change.
    pub fn paths(&self) -> impl Iterator<Item = &str> {
        self.set.keys().chain(&self.clear).chain(self.references.keys()).map(String::as_str)
    }

    /// The request, one operation for each attribute, with path (ruling C04). References to
    /// objects that `id_of` does not know are left out.
    pub(crate) fn to_patch(&self, id_of: impl Fn(&SourceId) -> Option<ResourceId>) -> PatchOp {
        let mut op = PatchOp::new();
        for (path, value) in &self.set {
            op = op.replace(path.as_str(), value.clone());
        }
        for (path, source) in &self.references {
            if let Some(id) = id_of(source) {
                op = op.replace(path.as_str(), json!({ "value": id.as_str() }));
            }
        }
        for path in &self.clear {
            op = op.remove(path.as_str());
        }
        op
    }

    fn digest(&self, state: &State) -> Fingerprint {
        let references: BTreeMap<&str, &str> =
            self.references.iter().map(|(path, id)| (path.as_str(), id.as_str())).collect();
        let changes = json!({ "set": self.set, "clear": self.clear, "references": references });
        state.fingerprint("\0changes", &changes)
    }
}

/// An object that cannot be provisioned as it is.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Rejected {
    /// What the object is.
    pub kind: ObjectKind,
    /// Which one.
    pub source: SourceId,
    /// What people call it.
    pub name: Option<String>,
    /// Whether it would have been created.
    pub is_new: bool,
    /// What is wrong with it.
    pub problem: Problem,
    pub(crate) digest: Fingerprint,
}

/// An object with which nothing is done on purpose.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Skipped {
    /// What the object is.
    pub kind: ObjectKind,
    /// Which one.
    pub source: SourceId,
    /// What people call it.
    pub name: Option<String>,
    /// Why.
    pub reason: SkipReason,
}

/// Why nothing is done with an object.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SkipReason {
    /// The account is switched off and was never provisioned.
    Disabled,
    /// It is neither assigned nor a direct member of an assigned group.
    NotAssigned,
    /// It failed before, and nothing about it has changed; it waits until then.
    Waiting(DateTime<Utc>),
    /// It is a group within a group.
    Nested {
        /// The outer group.
        within: SourceId,
    },
    /// The source does not show it any more, but did not show everything.
    NotSeen,
    /// The mapping has no attribute that could switch the account off.
    NoSwitch,
}

impl fmt::Display for SkipReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Disabled => f.write_str("the account is disabled and was never provisioned"),
            Self::NotAssigned => {
                f.write_str("neither assigned nor a direct member of an assigned group")
            }
            Self::Waiting(until) => {
                write!(f, "failed before and has not changed; waits until {}", until.to_rfc3339())
            }
            Self::Nested { within } => {
                write!(
                    f,
                    "a member of the group {within}; groups within groups are not provisioned"
                )
            }
            Self::NotSeen => f.write_str("not seen in the source, which did not show everything"),
            Self::NoSwitch => f.write_str("no mapping to `active`, so it cannot be disabled"),
        }
    }
}

/// The phases of a cycle, in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Phase {
    /// The connection is tested.
    Connect,
    /// Source and target are matched.
    Match,
    /// Users are created and updated, managers before the people they manage.
    Users,
    /// Groups are created and updated.
    Groups,
    /// Memberships are changed.
    Members,
    /// Users are disabled.
    Disables,
    /// Users and groups are deleted.
    Deletes,
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Connect => "test connection",
            Self::Match => "match",
            Self::Users => "users",
            Self::Groups => "groups",
            Self::Members => "members",
            Self::Disables => "disable",
            Self::Deletes => "delete",
        })
    }
}

impl Planned {
    /// When the action is taken.
    #[must_use]
    pub fn phase(&self) -> Phase {
        match (&self.action, self.kind) {
            (Action::Create { .. } | Action::Update(_), ObjectKind::User) => Phase::Users,
            (Action::Create { .. } | Action::Update(_), ObjectKind::Group) => Phase::Groups,
            (Action::Members { .. }, _) => Phase::Members,
            (Action::Disable(_), _) => Phase::Disables,
            (Action::Delete, _) => Phase::Deletes,
        }
    }
}

impl Plan {
    /// Makes the plan.
    pub(crate) fn of(input: &PlanInput<'_>) -> Self {
        Planner::new(input).plan()
    }
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for planned in &self.actions {
            let sign = match &planned.action {
                Action::Create { .. } => '+',
                Action::Update(_) => '~',
                Action::Disable(_) => '-',
                Action::Delete => '!',
                Action::Members { .. } => 'm',
            };
            let name = planned.name.as_deref().unwrap_or(planned.source.as_str());
            writeln!(f, "{sign} {} {name} ({})", planned.kind, planned.reason)?;
        }
        for held in &self.held {
            writeln!(f, "held: {held}")?;
        }
        Ok(())
    }
}
