//! What a client may do.

use super::{Action, Verb};

/// What a client may do to resources of which type.
///
/// ```
/// use scim2_provider::auth::{Permissions, Verb};
/// // Reads everything, and puts people into groups.
/// let helpdesk = Permissions::read_only().and("Group", [Verb::Patch]);
/// # let _ = helpdesk;
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Permissions {
    /// To resources of every type.
    every: Verbs,
    /// To resources of one type beyond that.
    by_type: Vec<(Box<str>, Verbs)>,
}

/// A set of verbs.
type Verbs = Vec<Verb>;

impl Permissions {
    /// Everything.
    #[must_use]
    pub fn all() -> Self {
        Self::of(Verb::ALL)
    }

    /// Reading and searching, and no change of anything.
    #[must_use]
    pub fn read_only() -> Self {
        Self::of([Verb::Read, Verb::Query])
    }

    /// Nothing.
    #[must_use]
    pub fn none() -> Self {
        Self::of([])
    }

    /// This and nothing else, to resources of every type.
    #[must_use]
    pub fn of(verbs: impl IntoIterator<Item = Verb>) -> Self {
        Self { every: verbs.into_iter().collect(), by_type: Vec::new() }
    }

    /// The same, and this to resources of one type, which is called `User`, `Group` or what its
    /// author calls it.
    #[must_use]
    pub fn and(mut self, resource_type: &str, verbs: impl IntoIterator<Item = Verb>) -> Self {
        self.by_type.push((resource_type.into(), verbs.into_iter().collect()));
        self
    }

    /// Whether this may be done.
    #[must_use]
    pub fn allow(&self, action: &Action<'_>) -> bool {
        let name = action.resource_type.name();
        let of_type = self.by_type.iter().filter(|(known, _)| **known == *name);
        self.every.contains(&action.verb)
            || of_type.flat_map(|(_, verbs)| verbs).any(|verb| *verb == action.verb)
    }
}
