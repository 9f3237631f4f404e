//! What the target should have, according to the source.

use std::collections::{BTreeMap, BTreeSet};

use scim2_core::key::comparison_key;
use scim2_core::{Catalog, Resource, ResourceType};
use serde_json::Value;

use crate::mapping::{Mapped, Mapper, MappingError};
use crate::problem::{ErrorCode, Problem};
use crate::scope::{InScope, ScopeMode, ScopeReason};
use crate::source::{ObjectKind, Snapshot, SourceId, SourceObject};
use crate::state::State;
use scim2_vendor::mapping::AttributeMapping;

/// The attribute mappings of a job: one table for users, one for groups.
#[derive(Clone, Debug)]
pub struct Mapping {
    /// For users.
    pub users: Mapper,
    /// For groups.
    pub groups: Mapper,
}

impl Mapping {
    /// Checks both tables against the standard User (with the enterprise extension) and Group.
    ///
    /// # Errors
    /// As [`Mapper::new`].
    pub fn new(
        users: &[AttributeMapping],
        groups: &[AttributeMapping],
    ) -> Result<Self, MappingError> {
        Ok(Self {
            users: Mapper::new(ResourceType::user(), users)?,
            groups: Mapper::new(ResourceType::group(), groups)?,
        })
    }

    /// Checks both tables against the target's own types, so that what it takes only once, such
    /// as an e-mail address in AWS IAM Identity Center, is known beforehand.
    ///
    /// # Errors
    /// As [`Mapper::new`].
    pub fn for_catalog(
        catalog: &Catalog,
        users: &[AttributeMapping],
        groups: &[AttributeMapping],
    ) -> Result<Self, MappingError> {
        let standard = Catalog::standard();
        let named = |name| catalog.by_name(name).or_else(|| standard.by_name(name)).cloned();
        Ok(Self {
            users: Mapper::new(named("User").unwrap_or_else(ResourceType::user), users)?,
            groups: Mapper::new(named("Group").unwrap_or_else(ResourceType::group), groups)?,
        })
    }

    /// The table for a kind of object.
    #[must_use]
    pub fn of(&self, kind: ObjectKind) -> &Mapper {
        match kind {
            ObjectKind::User => &self.users,
            ObjectKind::Group => &self.groups,
        }
    }
}

/// Everything that the target should have.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Desired {
    /// The users in scope, switched off ones included.
    pub users: BTreeMap<SourceId, DesiredObject>,
    /// The groups in scope.
    pub groups: BTreeMap<SourceId, DesiredObject>,
    /// Who is in scope and why.
    pub scope: InScope,
}

/// What the target should have for one source object.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct DesiredObject {
    /// What people call it.
    pub name: Option<String>,
    /// Its attributes.
    pub mapped: Mapped,
    /// Whether the account is switched on. Groups always are.
    pub active: bool,
    /// Why it is in scope.
    pub reason: ScopeReason,
    /// A group's direct members that are users in scope.
    pub members: BTreeSet<SourceId>,
    /// Whether those are all.
    pub members_complete: bool,
    /// A group's direct members of whom the source, which has not shown all users, showed nothing.
    /// They stay members if they are, and are not added.
    pub unseen_members: BTreeSet<SourceId>,
    /// How many managers stand above a user.
    pub depth: usize,
}

impl DesiredObject {
    /// A user who is out of scope, as the target may still have it.
    pub(crate) fn left_out(user: &SourceObject, mapper: &Mapper) -> Self {
        Self {
            name: user.display_name().map(str::to_owned),
            mapped: mapper.map(user, false),
            active: false,
            reason: ScopeReason::Assigned,
            members: BTreeSet::new(),
            members_complete: false,
            unseen_members: BTreeSet::new(),
            depth: 0,
        }
    }

    /// The value that the target's client would own the object by.
    #[must_use]
    pub fn external_id(&self) -> Option<&str> {
        self.mapped.attributes.get("externalId").and_then(Value::as_str)
    }

    /// The whole resource, without references and members.
    #[must_use]
    pub fn resource(&self, mapper: &Mapper) -> Resource {
        mapper.resource(self.mapped.attributes.iter().map(|(path, value)| (path.as_str(), value)))
    }
}

impl Desired {
    /// Applies scope and mapping to a snapshot.
    #[must_use]
    pub fn of(snapshot: &Snapshot, mapping: &Mapping, mode: ScopeMode) -> Self {
        let scope = InScope::of(snapshot, mode);
        let mut users = BTreeMap::new();
        for (id, reason) in &scope.users {
            let Some(user) = snapshot.users.get(id) else { continue };
            let active = user.is_enabled();
            users.insert(
                id.clone(),
                DesiredObject {
                    name: user.display_name().map(str::to_owned),
                    mapped: mapping.users.map(user, active),
                    active,
                    reason: reason.clone(),
                    members: BTreeSet::new(),
                    members_complete: true,
                    unseen_members: BTreeSet::new(),
                    depth: 0,
                },
            );
        }
        set_depths(&mut users, snapshot);
        let unseen = |member: &SourceId| {
            !snapshot.coverage.users.is_complete()
                && !snapshot.users.contains_key(member)
                && !snapshot.removed.contains_key(member)
        };
        let mut groups = BTreeMap::new();
        for id in &scope.groups {
            let Some(group) = snapshot.groups.get(id) else { continue };
            let members = snapshot.memberships.get(id);
            let direct = || members.into_iter().flat_map(|members| &members.direct);
            let maps_members = mapping.groups.writes_members();
            groups.insert(
                id.clone(),
                DesiredObject {
                    name: group.display_name().map(str::to_owned),
                    mapped: mapping.groups.map(group, true),
                    active: true,
                    reason: match mode {
                        ScopeMode::All => ScopeReason::All,
                        ScopeMode::Assigned => ScopeReason::Assigned,
                    },
                    members: direct()
                        .filter(|member| maps_members && users.contains_key(*member))
                        .cloned()
                        .collect(),
                    members_complete: maps_members
                        && members.is_some_and(|members| members.coverage.is_complete()),
                    unseen_members: direct().filter(|member| unseen(member)).cloned().collect(),
                    depth: 0,
                },
            );
        }
        Self { users, groups, scope }
    }

    /// The objects of one kind.
    #[must_use]
    pub fn objects(&self, kind: ObjectKind) -> &BTreeMap<SourceId, DesiredObject> {
        match kind {
            ObjectKind::User => &self.users,
            ObjectKind::Group => &self.groups,
        }
    }

    /// Objects that have a value which the target takes once, and which another object has
    /// already: an object that is linked, else the one that is created first.
    pub(crate) fn duplicates<'d>(
        &'d self,
        kind: ObjectKind,
        mapper: &Mapper,
        state: &State,
    ) -> BTreeMap<&'d SourceId, Duplicate> {
        let resource_type = mapper.resource_type();
        let matching: Vec<&str> = mapper.matching().collect();
        let mut order: Vec<_> = self.objects(kind).iter().collect();
        order.sort_by_key(|(id, object)| (state.link(kind, id).is_none(), object.depth, *id));
        let mut duplicates = BTreeMap::new();
        let mut taken: BTreeMap<(String, String), &SourceId> = BTreeMap::new();
        for (id, object) in order {
            if !object.active && state.link(kind, id).is_none() {
                continue;
            }
            let by_matching = matching.iter().filter_map(|path| {
                let text = object.mapped.attributes.get(*path)?.as_str()?;
                Some(((*path).to_owned(), comparison_key(false, text).into_owned()))
            });
            let base = format!("{}:", resource_type.schema().id);
            let unique = resource_type.unique_keys(&object.resource(mapper)).into_iter();
            let unique = unique.map(|(path, key)| match path.strip_prefix(&base) {
                Some(short) => (short.to_owned(), key),
                None => (path, key),
            });
            let keys: Vec<_> = by_matching.chain(unique).collect();
            let other = keys.iter().find_map(|key| Some((&key.0, *taken.get(key)?)));
            match other {
                Some((path, first)) => {
                    let matching = matching.contains(&path.as_str());
                    let duplicate =
                        Duplicate { path: path.clone(), first: first.clone(), matching };
                    duplicates.insert(id, duplicate);
                }
                None => taken.extend(keys.into_iter().map(|key| (key, id))),
            }
        }
        duplicates
    }
}

/// A value that another source object has already, where the target takes it once.
#[derive(Clone, Debug)]
pub(crate) struct Duplicate {
    path: String,
    first: SourceId,
    /// Whether objects are matched by it.
    pub(crate) matching: bool,
}

impl Duplicate {
    pub(crate) fn problem(&self) -> Problem {
        let Self { path, first, .. } = self;
        Problem::new(
            ErrorCode::DuplicateSourceEntries,
            format!(
                "`{path}` has the same value as for source object {first}, and the target takes \
                 each value once"
            ),
            "give one of the two another value in the source",
        )
        .attribute(path)
    }
}

/// How far each user is from the top, so that managers can be created first. Where people manage
/// each other in a circle, the circle is cut somewhere.
fn set_depths(users: &mut BTreeMap<SourceId, DesiredObject>, snapshot: &Snapshot) {
    let mut depths: BTreeMap<&SourceId, usize> = BTreeMap::new();
    for start in users.keys() {
        let mut chain: Vec<&SourceId> = Vec::new();
        let mut on_chain = BTreeSet::new();
        let mut at = snapshot.users.get_key_value(start);
        let mut depth = loop {
            let Some((id, user)) = at else { break 0 };
            if let Some(depth) = depths.get(id) {
                break depth + 1;
            }
            if !on_chain.insert(id) {
                break 0;
            }
            chain.push(id);
            at = user.manager.as_ref().and_then(|manager| snapshot.users.get_key_value(manager));
        };
        for id in chain.into_iter().rev() {
            depths.insert(id, depth);
            depth += 1;
        }
    }
    for (id, user) in users {
        user.depth = depths.get(id).copied().unwrap_or(0);
    }
}
