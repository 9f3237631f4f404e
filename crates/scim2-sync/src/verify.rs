//! Reads the target back and compares it with what the source says.
//!
//! Nothing but SCIM is used, and nothing that the engine remembers: an independent look at the
//! result.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use futures_util::stream::{self, StreamExt as _, TryStreamExt as _};
use scim2_client::{Client, ClientError, Query, Transport};
use scim2_core::Resource;
use scim2_core::resource::ResourceId;
use scim2_core::syntax::AttrPath;
use scim2_vendor::TargetProfile;
use scim2_vendor::profile::MembersReadable;
use serde_json::Value;

use crate::correlate::{Listing, Match, members};
use crate::desired::{Desired, DesiredObject, Mapping};
use crate::engine::CONCURRENCY;
use crate::mapping::Mapper;
use crate::problem::Problem;
use crate::profile::Target;
use crate::scope::ScopeMode;
use crate::source::{ObjectKind, Removal, Snapshot, SourceId};
use crate::state::{Binding, State};

/// What a look at the target found.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Verification {
    /// How many users of the source were compared.
    pub users: usize,
    /// How many groups.
    pub groups: usize,
    /// How many memberships.
    pub memberships: usize,
    /// Objects that the target cannot take as they are; they are not expected there.
    pub unprovisionable: Vec<Unprovisionable>,
    /// Where the target is not as the source says.
    pub differences: Vec<Difference>,
}

impl Verification {
    /// Whether the target is as the source says.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        self.differences.is_empty()
    }
}

/// An object that the target cannot take as it is.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Unprovisionable {
    /// What the object is.
    pub kind: ObjectKind,
    /// Which one.
    pub source: SourceId,
    /// What people call it.
    pub name: Option<String>,
    /// Why not.
    pub problem: Problem,
}

/// A place where the target is not as the source says.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Difference {
    /// What the object is.
    pub kind: ObjectKind,
    /// The source object; none for what the source does not know.
    pub source: Option<SourceId>,
    /// The target object; none for what is missing.
    pub target: Option<ResourceId>,
    /// What people call it.
    pub name: Option<String>,
    /// What is different.
    pub what: What,
}

/// What is different.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum What {
    /// The target does not have it.
    Missing,
    /// The target has it, and the source does not want it there.
    Unexpected,
    /// The source has it switched off, the target does not.
    StillActive,
    /// An attribute has another value.
    Attribute(String),
    /// It cannot be told which object of the target it is.
    Unclear(String),
    /// A member is missing.
    MemberMissing(SourceId),
    /// Someone is a member who should not be.
    MemberUnexpected(ResourceId),
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.kind)?;
        match (&self.source, &self.target) {
            (Some(source), _) => write!(f, " {source}")?,
            (None, Some(target)) => write!(f, " {target} of the target")?,
            (None, None) => {}
        }
        if let Some(name) = &self.name {
            write!(f, " ({name})")?;
        }
        match &self.what {
            What::Missing => f.write_str(": missing in the target"),
            What::Unexpected => f.write_str(": in the target, but not in scope"),
            What::StillActive => f.write_str(": still active in the target"),
            What::Attribute(path) => write!(f, ": `{path}` has another value in the target"),
            What::Unclear(why) => write!(f, ": {why}"),
            What::MemberMissing(member) => write!(f, ": user {member} is not a member"),
            What::MemberUnexpected(member) => {
                write!(f, ": user {member} of the target is a member")
            }
        }
    }
}

/// Reads users, groups and memberships of the target, and compares them with the source.
///
/// # Errors
/// When the target cannot be read.
pub async fn verify<T: Transport>(
    client: &Client<T>,
    snapshot: &Snapshot,
    mapping: &Mapping,
    profile: &TargetProfile,
    scope: ScopeMode,
) -> Result<Verification, ClientError> {
    let mut verifier = Verifier {
        snapshot,
        mapping,
        target: Target::new(profile.clone()),
        desired: Desired::of(snapshot, mapping, scope),
        found: BTreeMap::new(),
        result: Verification::default(),
    };
    for kind in [ObjectKind::User, ObjectKind::Group] {
        let listing = verifier.list(client, kind).await?;
        verifier.matches(kind, &listing);
    }
    verifier.references();
    verifier.members(client).await?;
    Ok(verifier.result)
}

struct Verifier<'a> {
    snapshot: &'a Snapshot,
    mapping: &'a Mapping,
    target: Target,
    desired: Desired,
    found: BTreeMap<(ObjectKind, SourceId), Resource>,
    result: Verification,
}

impl Verifier<'_> {
    async fn list<T: Transport>(
        &self,
        client: &Client<T>,
        kind: ObjectKind,
    ) -> Result<Listing, ClientError> {
        let mapper = self.mapping.of(kind);
        let mut api = client.api::<Resource>(mapper.resource_type().endpoint());
        if kind == ObjectKind::Group && self.target.takes_projection() {
            api = api.excluding("members".parse::<AttrPath>().ok());
        }
        let resources = api.query(&self.target.paged(Query::new())).all().await?;
        Ok(Listing::new(mapper, resources))
    }

    fn matches(&mut self, kind: ObjectKind, listing: &Listing) {
        let mapper = self.mapping.of(kind);
        let mut seen = BTreeSet::new();
        // The engine's memory has no part in this, so an empty one stands in for it.
        let nothing = State::in_memory(Binding::new(""));
        let duplicates = self.desired.duplicates(kind, mapper, &nothing);
        let mut differences = Vec::new();
        let mut unprovisionable = Vec::new();
        for (source, object) in self.desired.objects(kind) {
            let difference = |target: Option<&str>, what| Difference {
                kind,
                source: Some(source.clone()),
                target: target.map(ResourceId::from),
                name: object.name.clone(),
                what,
            };
            let problem = duplicates.get(source).map(|duplicate| duplicate.problem());
            let problem = problem.or_else(|| self.problem(mapper, object));
            let resource = match listing.find(mapper, object) {
                Match::One(resource) => Some(*resource),
                Match::Nothing => None,
                Match::Conflict(_) if problem.is_some() || !object.active => None,
                Match::Conflict(conflict) => {
                    differences.push(difference(None, What::Unclear(conflict.problem.reason)));
                    continue;
                }
            };
            if let Some(resource) = &resource {
                seen.insert(resource.id().unwrap_or_default().to_owned());
                self.found.insert((kind, source.clone()), resource.clone());
            }
            let id = resource.as_ref().and_then(Resource::id);
            if !object.active {
                if resource.as_ref().is_some_and(is_active) {
                    differences.push(difference(id, What::StillActive));
                }
                continue;
            }
            if let Some(problem) = problem {
                let (source, name) = (source.clone(), object.name.clone());
                unprovisionable.push(Unprovisionable { kind, source, name, problem });
                continue;
            }
            match kind {
                ObjectKind::User => self.result.users += 1,
                ObjectKind::Group => self.result.groups += 1,
            }
            let Some(resource) = &resource else {
                differences.push(difference(None, What::Missing));
                continue;
            };
            for path in different(mapper, object, resource) {
                differences.push(difference(id, What::Attribute(path)));
            }
        }
        if kind == ObjectKind::User {
            // Who was provisioned before and is out of scope now: switched off, and perhaps still
            // somebody's manager.
            for (source, user) in &self.snapshot.users {
                if self.desired.users.contains_key(source) {
                    continue;
                }
                let Match::One(resource) =
                    listing.find(mapper, &DesiredObject::left_out(user, mapper))
                else {
                    continue;
                };
                let Some(id) = resource.id().filter(|id| !seen.contains(*id)) else { continue };
                if is_active(&resource) {
                    differences.push(Difference {
                        kind,
                        source: Some(source.clone()),
                        target: Some(id.into()),
                        name: user.display_name().map(str::to_owned),
                        what: What::StillActive,
                    });
                }
                seen.insert(id.to_owned());
                self.found.insert((kind, source.clone()), *resource);
            }
        }
        for resource in &listing.resources {
            let Some(id) = resource.id().filter(|id| !seen.contains(*id)) else { continue };
            let gone_for_good = resource.external_id().is_some_and(|external_id| {
                self.snapshot.removed.get(&external_id.into()) == Some(&Removal::Hard)
            });
            let unwanted = kind == ObjectKind::Group || gone_for_good || is_active(resource);
            if unwanted {
                differences.push(Difference {
                    kind,
                    source: None,
                    target: Some(id.into()),
                    name: resource.text("displayName").map(str::to_owned),
                    what: What::Unexpected,
                });
            }
        }
        self.result.differences.append(&mut differences);
        self.result.unprovisionable.append(&mut unprovisionable);
    }

    /// Why the target cannot take an object.
    fn problem(&self, mapper: &Mapper, object: &DesiredObject) -> Option<Problem> {
        if let Some(problem) = object.mapped.problems.first() {
            return Some(
                Problem::new(
                    crate::problem::ErrorCode::InternalError,
                    problem.problem.clone(),
                    "correct the value in the source, or the mapping",
                )
                .attribute(&problem.attribute),
            );
        }
        self.target
            .check_create(mapper.resource_type(), &object.resource(mapper))
            .into_iter()
            .next()
    }

    /// Managers are compared where both ends are in the target.
    fn references(&mut self) {
        let mapper = &self.mapping.users;
        for (source, object) in &self.desired.users {
            let Some(resource) = self.found.get(&(ObjectKind::User, source.clone())) else {
                continue;
            };
            for path in mapper.paths().filter(|path| mapper.is_reference(path)) {
                let held = mapper.read(resource, path).and_then(|held| held.get("value")?.as_str());
                let to = object.mapped.references.get(path);
                let wanted = to.and_then(|to| {
                    self.found.get(&(ObjectKind::User, to.clone())).and_then(Resource::id)
                });
                // A manager who is out of scope may stay what he was, and need not become it.
                let in_scope = to.is_none_or(|to| self.desired.users.contains_key(to));
                let as_wanted = held == wanted || (held.is_none() && !in_scope);
                if object.active && !as_wanted {
                    self.result.differences.push(Difference {
                        kind: ObjectKind::User,
                        source: Some(source.clone()),
                        target: resource.id().map(ResourceId::from),
                        name: object.name.clone(),
                        what: What::Attribute(path.to_owned()),
                    });
                }
            }
        }
    }

    async fn members<T: Transport>(&mut self, client: &Client<T>) -> Result<(), ClientError> {
        if self.target.members_readable() == MembersReadable::No {
            return Ok(());
        }
        let target = &self.target;
        // Owned, so that the futures may move to another thread.
        let groups: Vec<(SourceId, ResourceId)> = self
            .desired
            .groups
            .keys()
            .filter_map(|source| {
                let group = self.found.get(&(ObjectKind::Group, source.clone()))?;
                Some((source.clone(), group.id()?.into()))
            })
            .collect();
        let reads = groups.into_iter().map(|(source, id)| async move {
            let held = members(client, target, &id).await?;
            Ok::<_, ClientError>((source, id, held))
        });
        let held: Vec<_> = stream::iter(reads).buffer_unordered(CONCURRENCY).try_collect().await?;
        let mut held: BTreeMap<SourceId, (ResourceId, BTreeSet<ResourceId>)> =
            held.into_iter().map(|(source, id, held)| (source, (id, held))).collect();
        for (source, group) in &self.desired.groups {
            let Some((id, mut held)) = held.remove(source) else { continue };
            let mut difference = |what| {
                self.result.differences.push(Difference {
                    kind: ObjectKind::Group,
                    source: Some(source.clone()),
                    target: Some(id.clone()),
                    name: group.name.clone(),
                    what,
                });
            };
            for member in &group.members {
                let user = self.found.get(&(ObjectKind::User, member.clone()));
                let Some(user) = user.and_then(Resource::id) else { continue };
                self.result.memberships += 1;
                if !held.remove(&ResourceId::from(user)) {
                    difference(What::MemberMissing(member.clone()));
                }
            }
            if group.members_complete {
                held.into_iter().for_each(|member| difference(What::MemberUnexpected(member)));
            }
        }
        Ok(())
    }
}

/// The attributes that have another value in the target.
fn different(mapper: &Mapper, object: &DesiredObject, resource: &Resource) -> BTreeSet<String> {
    let mapped = &object.mapped;
    mapper
        .paths()
        .filter(|path| !mapper.is_reference(path) && !mapped.on_create.contains(*path))
        .filter(|path| mapper.clears(path) && mapper.is_readable(path))
        .filter(|path| !Mapper::agrees(mapper.read(resource, path), mapped.attributes.get(*path)))
        .map(str::to_owned)
        .collect()
}

fn is_active(user: &Resource) -> bool {
    user.get("active").and_then(Value::as_bool).unwrap_or(true)
}
