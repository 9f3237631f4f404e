//! Which target object belongs to which source object.
//!
//! An object that the state links is taken as linked. Others are matched: first by `externalId`,
//! which says who owns an object, then by the mapping's matching attributes in their order. An
//! object that matches but carries another `externalId` belongs to somebody else and is never
//! taken over: a user name that was given to a new person must not hand over the old one's
//! account (invariant 7).

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use futures_util::stream::{self, StreamExt as _, TryStreamExt as _};
use scim2_client::{Client, ClientError, ErrorClass, Query, Transport};
use scim2_core::Resource;
use scim2_core::key::comparison_key;
use scim2_core::resource::ResourceId;
use scim2_core::syntax::{AttrPath, Filter};
use scim2_vendor::profile::MembersReadable;
use serde_json::Value;

use crate::desired::{Desired, DesiredObject, Mapping};
use crate::mapping::{Mapped, Mapper};
use crate::plan::Conflict;
use crate::problem::{ErrorCode, Problem};
use crate::profile::Target;
use crate::source::{ObjectKind, SourceId};
use crate::state::{EscrowKey, Event, Known, State, StateError};

/// Up to this many objects are looked up one by one; beyond that the target is listed.
const POINT_LOOK_UPS: usize = 16;

/// How much is read from the target.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reading {
    /// Everything: also what is linked is compared, so that changes made in the target are found.
    Everything,
    /// Only what is needed to match objects that are not linked.
    Unlinked,
}

/// What matching found out, beside what it wrote into the state.
#[derive(Debug, Default)]
pub(crate) struct Correlation {
    pub(crate) conflicts: BTreeMap<(ObjectKind, SourceId), Conflict>,
    /// Target objects as they were read.
    pub(crate) resources: BTreeMap<(ObjectKind, SourceId), Resource>,
    /// Objects that were looked for in this cycle.
    pub(crate) looked_for: BTreeSet<(ObjectKind, SourceId)>,
    /// Objects that were found and are linked now.
    pub(crate) matched: Vec<(ObjectKind, SourceId)>,
}

/// Why matching failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CorrelateError {
    #[error(transparent)]
    Client(#[from] ClientError),
    #[error(transparent)]
    State(#[from] StateError),
}

pub(crate) struct Correlator<'a, T> {
    pub(crate) client: &'a Client<T>,
    pub(crate) mapping: &'a Mapping,
    pub(crate) target: &'a Target,
    pub(crate) desired: &'a Desired,
    pub(crate) failed: &'a BTreeSet<EscrowKey>,
    pub(crate) concurrency: usize,
    pub(crate) now: DateTime<Utc>,
}

impl<T: Transport> Correlator<'_, T> {
    /// Matches what is not linked yet.
    pub(crate) async fn run(
        &self,
        reading: Reading,
        state: &mut State,
        found: &mut Correlation,
    ) -> Result<(), CorrelateError> {
        for kind in [ObjectKind::User, ObjectKind::Group] {
            let groups = self.objects(kind, reading, state, found).await?;
            self.read_members(&groups, state).await?;
        }
        Ok(())
    }

    /// Matches the objects of one kind, and returns the groups whose members have to be read.
    async fn objects(
        &self,
        kind: ObjectKind,
        reading: Reading,
        state: &mut State,
        found: &mut Correlation,
    ) -> Result<Vec<SourceId>, CorrelateError> {
        let mapper = self.mapping.of(kind);
        let unlinked = self.unlinked(kind, state, found);
        let doubtful = doubtful(kind, state, &unlinked);
        let listing = match reading {
            Reading::Everything => self.list(kind, usize::MAX).await?,
            Reading::Unlinked if !doubtful.is_empty() => self.list(kind, usize::MAX).await?,
            Reading::Unlinked if unlinked.len() > POINT_LOOK_UPS => {
                self.list(kind, unlinked.len()).await?
            }
            Reading::Unlinked => None,
        };
        let mut groups = Vec::new();

        if let (Reading::Everything, Some(listing)) = (reading, &listing) {
            self.compare(kind, listing, state, found, &mut groups)?;
        }
        for (source, attributes) in doubtful {
            let made = listing.as_ref().and_then(|listing| {
                listing
                    .resources
                    .iter()
                    .find(|resource| is_ours(state, mapper, &attributes, resource))
            });
            match made {
                Some(resource) => {
                    let (none, no_claims) = (Mapped::default(), Claims::default());
                    self.adopt(kind, &source, &none, resource, state, &no_claims)?;
                }
                None => state.record(Event::Unlink { kind, source })?,
            }
        }

        // What was linked and is gone from the target is looked for as well.
        let unlinked = self.unlinked(kind, state, found);
        let wanted = self.desired.objects(kind);
        let looked_up: Vec<(SourceId, Match)> = match &listing {
            Some(listing) => unlinked
                .into_iter()
                .filter_map(|source| {
                    let object = wanted.get(&source)?;
                    let found = listing.find(mapper, object);
                    Some((source, found))
                })
                .collect(),
            None => {
                let look_ups = unlinked.into_iter().filter_map(|source| {
                    let object = wanted.get(&source)?;
                    Some(async move {
                        let found = look_up(self.client, mapper, object).await?;
                        Ok::<_, ClientError>((source, found))
                    })
                });
                stream::iter(look_ups).buffer_unordered(self.concurrency).try_collect().await?
            }
        };
        let mut claims = Claims::default();
        let mut matched = Vec::new();
        for (source, found_match) in looked_up {
            found.looked_for.insert((kind, source.clone()));
            found.conflicts.remove(&(kind, source.clone()));
            match found_match.held_by(kind, &source, state, &claims) {
                Match::Nothing => {}
                Match::Conflict(conflict) => {
                    found.conflicts.insert((kind, source), *conflict);
                }
                Match::One(resource) => {
                    claims.insert(&resource, &source);
                    matched.push((source, resource));
                }
            }
        }
        for (source, resource) in matched {
            let Some(object) = wanted.get(&source) else { continue };
            self.adopt(kind, &source, &object.mapped, &resource, state, &claims)?;
            found.matched.push((kind, source.clone()));
            found.resources.insert((kind, source.clone()), *resource);
            if kind == ObjectKind::Group {
                groups.push(source);
            }
        }
        Ok(groups)
    }

    /// The objects that have to be looked for.
    fn unlinked(&self, kind: ObjectKind, state: &State, found: &Correlation) -> Vec<SourceId> {
        let wanted = self.desired.objects(kind).iter();
        wanted
            .filter(|(source, object)| {
                let key = EscrowKey { kind, source: (*source).clone(), member: None };
                let waits = state.escrow_of(&key).is_some_and(|escrow| {
                    self.now < escrow.next && escrow.digest == state.create_digest(&object.mapped)
                });
                object.active
                    && object.mapped.problems.is_empty()
                    && state.link(kind, source).is_none()
                    && !found.looked_for.contains(&(kind, (*source).clone()))
                    && !self.failed.contains(&key)
                    && !waits
            })
            .map(|(source, _)| source.clone())
            .collect()
    }

    /// All objects of the target; none if they take more pages than that.
    async fn list(
        &self,
        kind: ObjectKind,
        most_pages: usize,
    ) -> Result<Option<Listing>, ClientError> {
        let mapper = self.mapping.of(kind);
        let mut api = self.client.api::<Resource>(mapper.resource_type().endpoint());
        if kind == ObjectKind::Group && self.target.takes_projection() {
            api = api.excluding("members".parse::<AttrPath>().ok());
        }
        let mut pages = api.query(&self.target.paged(Query::new()));
        let mut resources = Vec::new();
        let mut count = 0;
        while let Some(page) = pages.next().await {
            let page = page?;
            resources.extend(page.resources);
            count += 1;
            if count >= most_pages && page.next_cursor.is_some() {
                return Ok(None);
            }
        }
        Ok(Some(Listing::new(mapper, resources)))
    }

    /// Compares what is linked with what the target holds.
    fn compare(
        &self,
        kind: ObjectKind,
        listing: &Listing,
        state: &mut State,
        found: &mut Correlation,
        groups: &mut Vec<SourceId>,
    ) -> Result<(), StateError> {
        let linked: Vec<(SourceId, ResourceId)> =
            state.links(kind).map(|(source, link)| (source.clone(), link.id.clone())).collect();
        let none = Mapped::default();
        for (source, id) in linked {
            let Some(resource) = listing.by_id(&id) else {
                state.record(Event::Unlink { kind, source })?;
                continue;
            };
            let wanted = self.desired.objects(kind).get(&source);
            let mapped = wanted.map_or(&none, |object| &object.mapped);
            self.adopt(kind, &source, mapped, resource, state, &Claims::default())?;
            found.resources.insert((kind, source.clone()), resource.clone());
            if kind == ObjectKind::Group && wanted.is_some() {
                groups.push(source);
            }
        }
        Ok(())
    }

    /// Links a source object with a target object, and notes what the target holds.
    fn adopt(
        &self,
        kind: ObjectKind,
        source: &SourceId,
        mapped: &Mapped,
        resource: &Resource,
        state: &mut State,
        claims: &Claims,
    ) -> Result<(), StateError> {
        let Some(id) = resource.id().map(ResourceId::from) else { return Ok(()) };
        let mapper = self.mapping.of(kind);
        let mut attributes = observe(mapper, mapped, resource, state, claims);
        if let Some(link) = state.link(kind, source) {
            // What cannot be read is as it was written.
            let unreadable = link.attributes().filter(|(path, _)| !mapper.is_readable(path));
            attributes.extend(unreadable.map(|(path, known)| (path.to_owned(), known.clone())));
        }
        let same = state
            .link(kind, source)
            .is_some_and(|link| link.id == id && link.knows_just(&attributes));
        if same {
            return Ok(());
        }
        state.record(Event::Observed { kind, source: source.clone(), id, attributes })
    }

    async fn read_members(
        &self,
        groups: &[SourceId],
        state: &mut State,
    ) -> Result<(), CorrelateError> {
        if self.target.members_readable() == MembersReadable::No {
            return Ok(());
        }
        // Owned, so that the futures may move to another thread.
        let linked: Vec<(SourceId, ResourceId)> = groups
            .iter()
            .filter_map(|group| {
                Some((group.clone(), state.link(ObjectKind::Group, group)?.id.clone()))
            })
            .collect();
        let reads = linked.into_iter().map(|(group, id)| async move {
            let members = members(self.client, self.target, &id).await?;
            Ok::<_, ClientError>((group, members))
        });
        let read: Vec<_> =
            stream::iter(reads).buffer_unordered(self.concurrency).try_collect().await?;
        for (group, members) in read {
            let same = state
                .link(ObjectKind::Group, &group)
                .is_some_and(|link| link.has_just_members(&members));
            if !same {
                let members = members.into_iter().collect();
                state.record(Event::ObservedMembers { group, members })?;
            }
        }
        Ok(())
    }
}

/// The users in a group, as the target tells it: in the group itself, or by asking for the users
/// who are in it.
pub(crate) async fn members<T: Transport>(
    client: &Client<T>,
    target: &Target,
    group: &ResourceId,
) -> Result<BTreeSet<ResourceId>, ClientError> {
    if target.members_readable() == MembersReadable::InGroup {
        let group = match client.api::<Resource>("/Groups").get(group).await {
            Ok(group) => group.resource,
            Err(error) if error.class() == ErrorClass::Gone => return Ok(BTreeSet::new()),
            Err(error) => return Err(error),
        };
        let members = group.get("members").and_then(Value::as_array).into_iter().flatten();
        return Ok(members
            .filter(|member| {
                let kind = member.get("type").and_then(Value::as_str);
                kind.is_none_or(|kind| kind.eq_ignore_ascii_case("User"))
            })
            .filter_map(|member| member.get("value")?.as_str().map(ResourceId::from))
            .collect());
    }
    let query = Query::from(Filter::eq("groups.value", group.as_str()));
    let users = client.api::<Resource>("/Users").query(&target.paged(query)).all().await;
    match users {
        Ok(users) => Ok(users.iter().filter_map(|user| user.id().map(ResourceId::from)).collect()),
        Err(error) if error.class() == ErrorClass::Gone => Ok(BTreeSet::new()),
        Err(error) => Err(error),
    }
}

/// Target objects that were matched just now, and with what.
#[derive(Debug, Default)]
struct Claims(BTreeMap<ResourceId, SourceId>);

impl Claims {
    fn insert(&mut self, resource: &Resource, source: &SourceId) {
        if let Some(id) = resource.id() {
            self.0.insert(id.into(), source.clone());
        }
    }
}

/// What the target has for a source object.
#[derive(Debug)]
pub(crate) enum Match {
    Nothing,
    One(Box<Resource>),
    Conflict(Box<Conflict>),
}

impl Match {
    /// An object that is linked to another source object already is a conflict.
    fn held_by(self, kind: ObjectKind, source: &SourceId, state: &State, claims: &Claims) -> Self {
        let id = match &self {
            Self::One(resource) => resource.id().map(ResourceId::from),
            Self::Conflict(conflict) => conflict.id.clone(),
            Self::Nothing => None,
        };
        let holder =
            id.and_then(|id| state.source_of(kind, &id).or_else(|| claims.0.get(&id)).cloned());
        match (self, holder) {
            (Self::One(_), Some(holder)) if holder != *source => {
                let problem = Problem::new(
                    ErrorCode::EntryConflict,
                    format!("the matching {kind} of the target belongs to source object {holder}"),
                    "give one of the two another value in the source",
                );
                Self::Conflict(Box::new(Conflict { problem, holder: Some(holder), id: None }))
            }
            (Self::Conflict(conflict), holder) => {
                Self::Conflict(Box::new(Conflict { holder, ..*conflict }))
            }
            (other, _) => other,
        }
    }
}

/// Looks for the counterpart of one object.
pub(crate) async fn look_up<T: Transport>(
    client: &Client<T>,
    mapper: &Mapper,
    object: &DesiredObject,
) -> Result<Match, ClientError> {
    let api = client.api::<Resource>(mapper.resource_type().endpoint());
    if let Some(external_id) = object.external_id() {
        let found = api.find(Filter::eq("externalId", external_id)).await?.resources;
        // A target that ignores what it cannot filter by must not decide this.
        let found: Vec<_> =
            found.into_iter().filter(|r| r.external_id() == Some(external_id)).collect();
        if !found.is_empty() {
            return Ok(decide("externalId", found, object));
        }
    }
    for path in mapper.matching() {
        let (Some(value), Ok(attr)) = (matching_value(object, path), path.parse::<AttrPath>())
        else {
            continue;
        };
        let found = api.find(Filter::eq(attr, value)).await?.resources;
        let key = comparison_key(false, value);
        let found: Vec<_> = found
            .into_iter()
            .filter(|resource| {
                let held = mapper.read(resource, path).and_then(Value::as_str);
                held.is_some_and(|held| comparison_key(false, held) == key)
            })
            .collect();
        if !found.is_empty() {
            return Ok(decide(path, found, object));
        }
    }
    Ok(Match::Nothing)
}

fn matching_value<'o>(object: &'o DesiredObject, path: &str) -> Option<&'o str> {
    object.mapped.attributes.get(path).and_then(Value::as_str)
}

/// What to make of the objects that matched by one attribute.
fn decide(path: &str, mut found: Vec<Resource>, object: &DesiredObject) -> Match {
    let conflict = |code, reason, remedy, id: Option<&str>| {
        let problem = Problem::new(code, reason, remedy).attribute(path);
        Match::Conflict(Box::new(Conflict { problem, holder: None, id: id.map(ResourceId::from) }))
    };
    if found.len() > 1 {
        return conflict(
            ErrorCode::DuplicateTargetEntries,
            format!("the target has {} objects with this `{path}`", found.len()),
            "leave just one of them in the target",
            None,
        );
    }
    let Some(one) = found.pop() else { return Match::Nothing };
    let owner = one.external_id().filter(|owner| !owner.is_empty());
    match owner {
        Some(owner) if Some(owner) != object.external_id() => conflict(
            ErrorCode::Conflict,
            format!(
                "the target's object {} has this `{path}`, but its `externalId` names another \
                 source object; it is not taken over",
                one.id().unwrap_or_default()
            ),
            "if the two are the same, clear or correct `externalId` of the target's object; \
             otherwise give one of them another name",
            one.id(),
        ),
        _ => Match::One(Box::new(one)),
    }
}

/// All objects of one kind that the target has.
pub(crate) struct Listing {
    pub(crate) resources: Vec<Resource>,
    ids: BTreeMap<ResourceId, usize>,
    external_ids: BTreeMap<String, Vec<usize>>,
    /// By matching attribute, then by comparison key.
    keys: BTreeMap<String, BTreeMap<String, Vec<usize>>>,
}

impl Listing {
    pub(crate) fn new(mapper: &Mapper, resources: Vec<Resource>) -> Self {
        let mut listing = Self {
            resources: Vec::new(),
            ids: BTreeMap::new(),
            external_ids: BTreeMap::new(),
            keys: BTreeMap::new(),
        };
        for (at, resource) in resources.iter().enumerate() {
            if let Some(id) = resource.id() {
                listing.ids.insert(id.into(), at);
            }
            if let Some(external_id) = resource.external_id() {
                listing.external_ids.entry(external_id.to_owned()).or_default().push(at);
            }
            for path in mapper.matching() {
                if let Some(value) = mapper.read(resource, path).and_then(Value::as_str) {
                    let keys = listing.keys.entry(path.to_owned()).or_default();
                    keys.entry(comparison_key(false, value).into_owned()).or_default().push(at);
                }
            }
        }
        listing.resources = resources;
        listing
    }

    fn by_id(&self, id: &ResourceId) -> Option<&Resource> {
        self.ids.get(id).and_then(|at| self.resources.get(*at))
    }

    pub(crate) fn find(&self, mapper: &Mapper, object: &DesiredObject) -> Match {
        let resources = |at: &Vec<usize>| -> Vec<Resource> {
            at.iter().filter_map(|at| self.resources.get(*at)).cloned().collect()
        };
        if let Some(at) = object.external_id().and_then(|id| self.external_ids.get(id)) {
            return decide("externalId", resources(at), object);
        }
        for path in mapper.matching() {
            let Some(value) = matching_value(object, path) else { continue };
            let keys = self.keys.get(path);
            if let Some(at) = keys.and_then(|keys| keys.get(&*comparison_key(false, value))) {
                return decide(path, resources(at), object);
            }
        }
        Match::Nothing
    }
}

/// Creations whose outcome is not known, and which matching alone would not find: their source
/// objects have gone out of scope meanwhile.
fn doubtful(
    kind: ObjectKind,
    state: &State,
    unlinked: &[SourceId],
) -> Vec<(SourceId, BTreeMap<String, Known>)> {
    let unlinked: BTreeSet<&SourceId> = unlinked.iter().collect();
    state
        .doubtful()
        .filter(|(doubtful_kind, source, _)| *doubtful_kind == kind && !unlinked.contains(source))
        .map(|(_, source, attributes)| (source.clone(), attributes.clone()))
        .collect()
}

/// Whether a target object is the one that was sent with these fingerprints.
fn is_ours(
    state: &State,
    mapper: &Mapper,
    sent: &BTreeMap<String, Known>,
    resource: &Resource,
) -> bool {
    let same = |path: &str| {
        let sent = sent.get(path).and_then(|known| known.fingerprint.as_ref());
        let held = mapper.read(resource, path).map(|held| state.fingerprint(path, held));
        sent.is_some() && sent == held.as_ref()
    };
    if sent.contains_key("externalId") { same("externalId") } else { mapper.matching().any(same) }
}

/// What the target holds of the mapped attributes.
fn observe(
    mapper: &Mapper,
    mapped: &Mapped,
    resource: &Resource,
    state: &State,
    claims: &Claims,
) -> BTreeMap<String, Known> {
    let mut observed = BTreeMap::new();
    for path in mapper.paths() {
        let Some(held) = mapper.read(resource, path) else { continue };
        if mapper.is_reference(path) {
            let Some(id) = held.get("value").and_then(Value::as_str) else { continue };
            let id = ResourceId::from(id);
            // Somebody whom the source does not know has no source id to compare with.
            let source = state.source_of(ObjectKind::User, &id).or_else(|| claims.0.get(&id));
            let known = match source {
                Some(source) => state.known(path, &Value::from(source.as_str())),
                None => Known { fingerprint: None, value: None },
            };
            observed.insert(path.to_owned(), known);
            continue;
        }
        let wanted = mapped.attributes.get(path);
        let value = wanted.filter(|wanted| Mapper::agrees(Some(held), Some(wanted)));
        observed.insert(path.to_owned(), state.known(path, value.unwrap_or(held)));
    }
    observed
}
