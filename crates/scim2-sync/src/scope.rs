//! Who is to be provisioned.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use crate::source::{Snapshot, SourceId};

/// Which users and groups are provisioned.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum ScopeMode {
    /// Those assigned to the application, and the direct members of assigned groups. Members of
    /// nested groups are not: Entra ID does not read them either.
    #[default]
    Assigned,
    /// All users and groups.
    All,
}

/// Why a user is provisioned.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ScopeReason {
    /// The user is assigned.
    Assigned,
    /// The user is a direct member of this assigned group.
    MemberOf(SourceId),
    /// Everyone is.
    All,
}

impl fmt::Display for ScopeReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Assigned => f.write_str("assigned to the application"),
            Self::MemberOf(group) => write!(f, "direct member of the assigned group {group}"),
            Self::All => f.write_str("all users and groups are in scope"),
        }
    }
}

/// The users and groups of a snapshot that are provisioned.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct InScope {
    /// The users, and why.
    pub users: BTreeMap<SourceId, ScopeReason>,
    /// The groups.
    pub groups: BTreeSet<SourceId>,
    /// Groups that are members of groups in scope: the outer one first. They are left out.
    pub nested: Vec<(SourceId, SourceId)>,
    /// Whether a user who is not here is out of scope for sure: everything that could bring a
    /// user into scope was seen.
    pub users_conclusive: bool,
    /// Whether a group that is not here is out of scope for sure.
    pub groups_conclusive: bool,
}

impl InScope {
    /// Finds who is in scope.
    #[must_use]
    pub fn of(snapshot: &Snapshot, mode: ScopeMode) -> Self {
        let mut scope = Self::default();
        let coverage = &snapshot.coverage;
        match mode {
            ScopeMode::All => {
                let all = |id: &SourceId| (id.clone(), ScopeReason::All);
                scope.users = snapshot.users.keys().map(all).collect();
                scope.groups = snapshot.groups.keys().cloned().collect();
                scope.users_conclusive = coverage.users.is_complete();
                scope.groups_conclusive = coverage.groups.is_complete();
            }
            ScopeMode::Assigned => {
                scope.users_conclusive = coverage.assignments.is_complete()
                    && coverage.users.is_complete()
                    && coverage.groups.is_complete();
                scope.groups_conclusive =
                    coverage.assignments.is_complete() && coverage.groups.is_complete();
                for principal in snapshot.assignments.values() {
                    if snapshot.groups.contains_key(principal) {
                        scope.groups.insert(principal.clone());
                    } else if snapshot.users.contains_key(principal) {
                        scope.users.insert(principal.clone(), ScopeReason::Assigned);
                    }
                }
            }
        }
        for group in &scope.groups {
            let Some(members) = snapshot.memberships.get(group) else { continue };
            if mode == ScopeMode::Assigned && !members.coverage.is_complete() {
                scope.users_conclusive = false;
            }
            for member in &members.direct {
                if snapshot.groups.contains_key(member) {
                    scope.nested.push((group.clone(), member.clone()));
                } else if snapshot.users.contains_key(member) {
                    scope
                        .users
                        .entry(member.clone())
                        .or_insert_with(|| ScopeReason::MemberOf(group.clone()));
                }
            }
        }
        scope
    }
}
