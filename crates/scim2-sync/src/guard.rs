//! How much one cycle may take away.
//!
//! A directory that answers with too little, by mistake or by somebody's doing, must not empty the
//! target. Removals beyond a threshold are held back as a whole, while everything else goes on.

use std::fmt;

use crate::source::{ObjectKind, SourceId};

/// The thresholds. Beyond them removals are held until someone raises the threshold or mends the
/// source. An empty source never removes anything.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Guards {
    /// Users disabled and deleted: 10 % or 500, but 5 always.
    pub users: Threshold,
    /// Groups deleted: 10 % or 50, but 2 always.
    pub groups: Threshold,
    /// Members removed from one group: 50 % or 1000, but 10 always.
    pub members: Threshold,
}

impl Default for Guards {
    fn default() -> Self {
        Self {
            users: Threshold { percent: 10, absolute: 500, always: 5 },
            groups: Threshold { percent: 10, absolute: 50, always: 2 },
            members: Threshold { percent: 50, absolute: 1000, always: 10 },
        }
    }
}

impl Guards {
    /// Everything passes. For a run that a person has looked at.
    #[must_use]
    pub fn off() -> Self {
        let off = Threshold { percent: 100, absolute: usize::MAX, always: usize::MAX };
        Self { users: off.clone(), groups: off.clone(), members: off }
    }
}

/// How many removals pass: the smaller of a share and a number, but never fewer than `always`.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "a threshold is these three numbers")]
pub struct Threshold {
    /// In percent of what there is.
    pub percent: u8,
    /// In objects.
    pub absolute: usize,
    /// So many pass in any case, so that small directories work.
    pub always: usize,
}

impl Threshold {
    /// The limit, if that many removals out of `total` are beyond it.
    #[must_use]
    pub fn exceeded(&self, removals: usize, total: usize) -> Option<usize> {
        let share = total.saturating_mul(usize::from(self.percent)) / 100;
        let limit = share.min(self.absolute).max(self.always);
        (removals > limit).then_some(limit)
    }
}

/// Removals that were held back.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Held {
    /// What would have been removed: users or groups, or the members of one group.
    pub what: HeldRemovals,
    /// How many removals there are.
    pub count: usize,
    /// How many would have passed.
    pub limit: usize,
}

/// What was held back.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum HeldRemovals {
    /// Disabling and deleting objects of one kind.
    Objects(ObjectKind),
    /// Members leaving a group.
    Members {
        /// The group.
        group: SourceId,
        /// What people call it.
        name: Option<String>,
    },
}

impl Held {
    pub(crate) fn objects(kind: ObjectKind, count: usize, limit: usize) -> Self {
        Self { what: HeldRemovals::Objects(kind), count, limit }
    }

    pub(crate) fn kind(&self) -> ObjectKind {
        match &self.what {
            HeldRemovals::Objects(kind) => *kind,
            HeldRemovals::Members { .. } => ObjectKind::Group,
        }
    }

    pub(crate) fn group(&self) -> Option<&SourceId> {
        match &self.what {
            HeldRemovals::Objects(_) => None,
            HeldRemovals::Members { group, .. } => Some(group),
        }
    }

    pub(crate) fn members(
        group: SourceId,
        name: Option<String>,
        count: usize,
        limit: usize,
    ) -> Self {
        Self { what: HeldRemovals::Members { group, name }, count, limit }
    }
}

impl fmt::Display for Held {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.what {
            HeldRemovals::Objects(ObjectKind::User) => {
                write!(f, "{} users would be disabled or deleted", self.count)?;
            }
            HeldRemovals::Objects(ObjectKind::Group) => {
                write!(f, "{} groups would be deleted", self.count)?;
            }
            HeldRemovals::Members { group, name } => {
                let name = name.as_deref().unwrap_or(group.as_str());
                write!(f, "{} members would leave the group {name}", self.count)?;
            }
        }
        write!(f, ", more than the {} that pass without someone's consent", self.limit)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_smaller_of_share_and_number_counts_but_never_less_than_always() {
        let threshold = Threshold { percent: 10, absolute: 500, always: 5 };
        assert_eq!(threshold.exceeded(5, 3), None);
        assert_eq!(threshold.exceeded(6, 3), Some(5));
        assert_eq!(threshold.exceeded(10, 100), None);
        assert_eq!(threshold.exceeded(11, 100), Some(10));
        assert_eq!(threshold.exceeded(500, 100_000), None);
        assert_eq!(threshold.exceeded(501, 100_000), Some(500));
        assert_eq!(Guards::off().users.exceeded(usize::MAX, 0), None);
    }
}
