//! The resources of one tenant.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet, VecDeque};
use std::ops::Bound;
use std::sync::OnceLock;

use chrono::{DateTime, TimeDelta, Utc};
use scim2_core::change::{Member, MemberDelta};
use scim2_core::etag::Version;
use scim2_core::resource::ResourceId;
use scim2_core::schema::{Attribute, Mutability};
use scim2_core::sort::SortValue;
use scim2_core::{Resource, ResourceType};
use serde_json::{Map, Value};

use crate::events::{Affected, Cascade, ChangeEvent, ChangeRecord};
use crate::scope::{ProvisioningDomain, Scope};
use crate::store::{
    Load, Page, Position, Query, QueryResult, SortedPosition, StoreError, Stored, has_groups,
    has_members, meta, singular_references, take_secrets,
};
use crate::text::{StoredText, TextResult};

/// The resources of one tenant and the ways to find them.
#[derive(Default)]
pub(super) struct Tenant {
    sequence: u64,
    rows: HashMap<ResourceId, Row>,
    /// By resource type, in the order of creation.
    order: HashMap<Box<str>, BTreeMap<u64, ResourceId>>,
    /// Unique values: path and comparison key.
    unique: HashMap<(String, String), ResourceId>,
    /// From a member to the groups that have it, in the order of their creation. Members need not
    /// exist.
    groups: HashMap<ResourceId, BTreeSet<(u64, ResourceId)>>,
    /// From a resource to those that name it in a singular reference such as `manager`.
    referrers: HashMap<ResourceId, HashSet<ResourceId>>,
}

/// A resource as it is kept.
pub(super) struct Row {
    id: ResourceId,
    ty: ResourceType,
    sequence: u64,
    /// With `id` and `meta`, so that filters can be evaluated on it as it is; without members and
    /// computed attributes.
    document: Resource,
    /// The `externalId` of each provisioning domain but the common one, which is in the document.
    external_ids: Vec<(ProvisioningDomain, Value)>,
    members: Members,
    keys: Vec<(String, String)>,
    references: HashSet<ResourceId>,
    version: u64,
    created: DateTime<Utc>,
    last_modified: DateTime<Utc>,
    /// The document as text, once it was asked for in this version.
    text: OnceLock<StoredText>,
}

impl Row {
    pub(super) fn version(&self) -> Version {
        Version::weak(self.version)
    }

    /// The document as this scope sees it.
    fn document(&self, scope: &Scope) -> Cow<'_, Resource> {
        let Some(domain) = &scope.domain else {
            return Cow::Borrowed(&self.document);
        };
        let mut document = self.document.clone();
        document.remove("externalId");
        if let Some((_, external_id)) = self.external_ids.iter().find(|(known, _)| known == domain)
        {
            document.insert("externalId", external_id.clone());
        }
        Cow::Owned(document)
    }
}

/// The members of a group: a set that remembers the order of joining.
#[derive(Default)]
struct Members {
    next: u64,
    elements: BTreeMap<u64, Map<String, Value>>,
    places: HashMap<Box<str>, u64>,
}

impl Members {
    fn contains(&self, id: &str) -> bool {
        self.places.contains_key(id)
    }

    fn insert(&mut self, id: &str, element: Map<String, Value>) {
        let place = self.places.entry(id.into()).or_insert_with(|| {
            self.next += 1;
            self.next
        });
        self.elements.insert(*place, element);
    }

    fn remove(&mut self, id: &str) {
        if let Some(place) = self.places.remove(id) {
            self.elements.remove(&place);
        }
    }
}

/// What must be unique about the `externalId` of a provisioning domain, or the common one.
fn external_id_key(
    ty: &ResourceType,
    domain: Option<&ProvisioningDomain>,
    external_id: Option<&Value>,
) -> Option<(String, String)> {
    ty.external_id_key(domain.map(ProvisioningDomain::as_str), external_id?.as_str()?)
}

/// What an update does with the members of a group.
#[derive(Clone, Copy)]
pub(super) enum Memberships {
    Replace,
    Keep,
}

/// A resource taken apart for keeping.
pub(super) struct Content {
    document: Resource,
    external_id: Option<Value>,
    /// What is said of each; none of what stays as it is.
    members: Vec<(ResourceId, Option<Map<String, Value>>)>,
    references: HashSet<ResourceId>,
    /// Unique values but `externalId`: path and comparison key.
    keys: Vec<(String, String)>,
}

impl Content {
    pub(super) fn of(ty: &ResourceType, mut document: Resource) -> Self {
        take_secrets(ty, &mut document);
        document.remove("meta");
        if has_groups(ty) {
            document.remove("groups");
        }
        let mut members = Vec::new();
        let elements = if has_members(ty) { document.remove("members") } else { None };
        if let Some(Value::Array(elements)) = elements {
            for element in elements {
                let Value::Object(mut element) = element else { continue };
                element.remove("$ref");
                if let Some(Value::String(id)) = element.get("value") {
                    members.push((ResourceId::from(id.as_str()), Some(element)));
                }
            }
        }
        let mut references = HashSet::new();
        for (extension, attribute) in singular_references(ty) {
            let map = match extension {
                Some(uri) => document.as_map_mut().get_mut(uri).and_then(Value::as_object_mut),
                None => Some(document.as_map_mut()),
            };
            let value = map.and_then(|map| map.get_mut(attribute.name.as_str()));
            if let Some(reference) = value.and_then(Value::as_object_mut) {
                reference.remove("$ref");
                if shows_name(attribute) {
                    reference.remove("displayName");
                }
                if let Some(Value::String(id)) = reference.get("value") {
                    references.insert(ResourceId::from(id.as_str()));
                }
            }
        }
        let external_id = document.remove("externalId");
        let keys = ty.unique_keys(&document);
        if let Some(external_id) = external_id.clone() {
            document.insert("externalId", external_id);
        }
        Self { document, external_id, members, references, keys }
    }

    /// Leaves what is kept of these members as it is.
    pub(super) fn leave_members(&mut self, unchanged: &HashSet<ResourceId>) {
        for (_, element) in self.members.iter_mut().filter(|(id, _)| unchanged.contains(id)) {
            *element = None;
        }
    }
}

impl Tenant {
    pub(super) fn row(&self, ty: &ResourceType, id: &ResourceId) -> Result<&Row, StoreError> {
        self.rows.get(id).filter(|row| row.ty.name() == ty.name()).ok_or(StoreError::NotFound)
    }

    /// Whether nobody else has the content's unique values.
    pub(super) fn check_unique(
        &self,
        id: &ResourceId,
        ty: &ResourceType,
        scope: &Scope,
        content: &Content,
    ) -> Result<(), StoreError> {
        let own = external_id_key(ty, scope.domain.as_ref(), content.external_id.as_ref());
        let mut keys = content.keys.iter().chain(&own);
        match keys.find(|key| self.unique.get(key).is_some_and(|owner| owner != id)) {
            Some((path, _)) => Err(StoreError::Uniqueness { attribute: path.clone() }),
            None => Ok(()),
        }
    }

    /// Makes a row of new content.
    pub(super) fn add(
        &mut self,
        id: &ResourceId,
        ty: &ResourceType,
        scope: &Scope,
        content: Content,
        now: DateTime<Utc>,
    ) {
        self.sequence += 1;
        let row = Row {
            id: id.clone(),
            ty: ty.clone(),
            sequence: self.sequence,
            document: Resource::new(),
            external_ids: Vec::new(),
            members: Members::default(),
            keys: Vec::new(),
            references: HashSet::new(),
            version: 0,
            created: now,
            last_modified: now,
            text: OnceLock::new(),
        };
        self.order.entry(ty.name().into()).or_default().insert(row.sequence, id.clone());
        self.rows.insert(id.clone(), row);
        self.put(id, scope, content, Memberships::Replace, now);
    }

    /// Puts new content in the place of a row's old one and gives it a new version.
    pub(super) fn put(
        &mut self,
        id: &ResourceId,
        scope: &Scope,
        content: Content,
        memberships: Memberships,
        now: DateTime<Utc>,
    ) {
        let Some(row) = self.rows.get_mut(id) else { return };
        let mut document = content.document;
        if let Some(domain) = &scope.domain {
            row.external_ids.retain(|(known, _)| known != domain);
            row.external_ids.extend(content.external_id.map(|value| (domain.clone(), value)));
            document.remove("externalId");
            if let Some(common) = row.document.remove("externalId") {
                document.insert("externalId", common);
            }
        }
        row.document = document;
        let mut keys = content.keys;
        keys.extend(external_id_key(&row.ty, None, row.document.get("externalId")));
        keys.extend(row.external_ids.iter().filter_map(|(domain, external_id)| {
            external_id_key(&row.ty, Some(domain), Some(external_id))
        }));
        let old_keys = std::mem::replace(&mut row.keys, keys);
        let new_keys = row.keys.clone();
        let old_references = std::mem::replace(&mut row.references, content.references);
        let new_references = row.references.clone();
        let old_members: Vec<_> = match memberships {
            Memberships::Replace => {
                row.members.places.keys().map(|id| ResourceId::from(&**id)).collect()
            }
            Memberships::Keep => Vec::new(),
        };
        for key in old_keys {
            self.unique.remove(&key);
        }
        for key in new_keys {
            self.unique.insert(key, id.clone());
        }
        for target in old_references.difference(&new_references) {
            self.drop_referrer(target, id);
        }
        for target in &new_references {
            self.referrers.entry(target.clone()).or_default().insert(id.clone());
        }
        if matches!(memberships, Memberships::Replace) {
            let kept: HashSet<_> = content.members.iter().map(|(member, _)| member).collect();
            for member in old_members.iter().filter(|member| !kept.contains(member)) {
                self.unlink(id, member);
            }
            for (member, element) in content.members {
                if let Some(element) = element {
                    self.link(id, member, element);
                }
            }
        }
        self.touch(id, now);
    }

    /// Adds and removes members. Returns those that it changed anything for.
    pub(super) fn change_members(
        &mut self,
        id: &ResourceId,
        delta: &MemberDelta,
        now: DateTime<Utc>,
    ) -> MemberDelta {
        let Some(row) = self.rows.get(id) else { return MemberDelta::default() };
        let is_member = |member: &ResourceId| row.members.contains(member.as_str());
        let new = |member: &&Member| !is_member(&member.value);
        let add: Vec<_> = delta.add.iter().filter(new).cloned().collect();
        let remove = delta.remove.iter().filter(|member| is_member(member)).cloned().collect();
        let delta = MemberDelta { add, remove };
        for member in &delta.remove {
            self.unlink(id, member);
        }
        for member in &delta.add {
            self.link(id, member.value.clone(), element(member));
        }
        if !delta.is_empty() {
            self.touch(id, now);
        }
        delta
    }

    /// Makes something a member of a group, or changes how the group names it.
    fn link(&mut self, group: &ResourceId, member: ResourceId, element: Map<String, Value>) {
        let Some(row) = self.rows.get_mut(group) else { return };
        row.members.insert(member.as_str(), element);
        self.groups.entry(member).or_default().insert((row.sequence, group.clone()));
    }

    /// Ends a membership.
    fn unlink(&mut self, group: &ResourceId, member: &ResourceId) {
        let Some(row) = self.rows.get_mut(group) else { return };
        row.members.remove(member.as_str());
        if let Some(groups) = self.groups.get_mut(member) {
            groups.remove(&(row.sequence, group.clone()));
            if groups.is_empty() {
                self.groups.remove(member);
            }
        }
    }

    fn drop_referrer(&mut self, target: &ResourceId, referrer: &ResourceId) {
        if let Some(referrers) = self.referrers.get_mut(target) {
            referrers.remove(referrer);
            if referrers.is_empty() {
                self.referrers.remove(target);
            }
        }
    }

    /// Gives a row a new version and a time later than its last (ruling W29).
    fn touch(&mut self, id: &ResourceId, now: DateTime<Utc>) {
        let Some(row) = self.rows.get_mut(id) else { return };
        row.last_modified = if row.version == 0 {
            now
        } else {
            now.max(row.last_modified + TimeDelta::milliseconds(1))
        };
        row.version += 1;
        let version = row.version();
        let meta = meta(&row.ty, id.as_str(), &version, row.created, row.last_modified);
        row.document.insert("meta", meta);
        row.text = OnceLock::new();
    }

    /// What the deletion of a row changes in others.
    pub(super) fn cascade(&self, id: &ResourceId) -> Cascade {
        let rows = |id: &ResourceId| self.rows.get(id).map(|row| &row.ty);
        let groups = self.groups.get(id).into_iter().flatten().filter_map(|(_, group)| {
            // A group that has itself as member goes as a whole.
            let ty = rows(group).filter(|_| group != id)?;
            Some(Affected::group(ty.name(), group.clone()))
        });
        let referrers = self.referrers.get(id).into_iter().flatten().filter_map(|referrer| {
            let row = self.rows.get(referrer).filter(|_| referrer != id)?;
            let names = references_to(&row.ty, &row.document, id.as_str());
            let names: Vec<_> = names
                .into_iter()
                .map(|(extension, name)| match extension {
                    Some(uri) => format!("{uri}:{name}").into(),
                    None => name.into(),
                })
                .collect();
            let affected = Affected::referrer(row.ty.name(), referrer.clone(), names);
            (!affected.attributes.is_empty()).then_some((row.sequence, affected))
        });
        let mut referrers: Vec<_> = referrers.collect();
        referrers.sort_unstable_by_key(|(sequence, _)| *sequence);
        Cascade::new(groups.chain(referrers.into_iter().map(|(_, affected)| affected)).collect())
    }

    /// What is told of a row as it is now.
    pub(super) fn event(
        &self,
        scope: &Scope,
        id: &ResourceId,
        record: ChangeRecord,
    ) -> Option<ChangeEvent> {
        let row = self.rows.get(id)?;
        let (name, version, at) = (row.ty.name(), row.version(), row.last_modified);
        Some(ChangeEvent::new(0, scope.clone(), name, id.clone(), version, at, record))
    }

    /// Deletes a row, and the references to it that the cascade names (ruling W32).
    pub(super) fn delete(&mut self, id: &ResourceId, cascade: &Cascade, now: DateTime<Utc>) {
        let Some(row) = self.rows.remove(id) else { return };
        if let Some(order) = self.order.get_mut(row.ty.name()) {
            order.remove(&row.sequence);
        }
        for key in &row.keys {
            self.unique.remove(key);
        }
        for target in &row.references {
            self.drop_referrer(target, id);
        }
        for member in row.members.places.keys() {
            let member = ResourceId::from(&**member);
            if let Some(groups) = self.groups.get_mut(&member) {
                groups.remove(&(row.sequence, id.clone()));
                if groups.is_empty() {
                    self.groups.remove(&member);
                }
            }
        }
        for affected in &cascade.affected {
            if let Some(row) = self.rows.get_mut(&affected.id) {
                if affected.loses_member() {
                    self.groups.remove(id);
                    row.members.remove(id.as_str());
                } else {
                    self.referrers.remove(id);
                    row.references.remove(id);
                    clear_references(&row.ty, &mut row.document, id.as_str());
                }
                self.touch(&affected.id, now);
            }
        }
    }

    /// A row as callers see it.
    pub(super) fn stored(&self, row: &Row, ty: &ResourceType, scope: &Scope, load: Load) -> Stored {
        let mut resource = row.document(scope).into_owned();
        resource.remove("meta");
        self.complete(resource.as_map_mut(), row, ty, load);
        Stored::new(resource, row.version(), row.created, row.last_modified)
    }

    /// The same as text.
    pub(super) fn text(
        &self,
        row: &Row,
        ty: &ResourceType,
        scope: &Scope,
        load: Load,
    ) -> StoredText {
        if scope.domain.is_some() {
            return StoredText::new(ty, self.stored(row, ty, scope, load));
        }
        let written = row.text.get_or_init(|| {
            let document = row.document.clone();
            let stored = Stored::new(document, row.version(), row.created, row.last_modified);
            StoredText::new(ty, stored)
        });
        let mut text = written.clone();
        self.complete(text.live_mut(), row, ty, load);
        text
    }

    /// Adds to a document what is computed when it is read.
    fn complete(
        &self,
        document: &mut Map<String, Value>,
        row: &Row,
        ty: &ResourceType,
        load: Load,
    ) {
        if !row.references.is_empty() {
            self.complete_references(document, ty);
        }
        if load == Load::WithoutMembers {
            return;
        }
        if !row.members.elements.is_empty() && has_members(ty) {
            let members = row.members.elements.values().map(|element| self.member(element));
            document.insert("members".into(), members.collect());
        }
        if self.groups.contains_key(&row.id) && has_groups(ty) {
            let groups = self.groups_of(&row.id);
            if !groups.is_empty() {
                document.insert("groups".into(), groups.into());
            }
        }
    }

    fn complete_references(&self, document: &mut Map<String, Value>, ty: &ResourceType) {
        for (extension, attribute) in singular_references(ty) {
            let map = match extension {
                Some(uri) => document.get_mut(uri).and_then(Value::as_object_mut),
                None => Some(&mut *document),
            };
            let reference = map
                .and_then(|map| map.get_mut(attribute.name.as_str()))
                .and_then(Value::as_object_mut);
            if let Some(reference) = reference.filter(|_| shows_name(attribute)) {
                let target = reference.get("value").and_then(Value::as_str).map(ResourceId::from);
                let name = target.and_then(|id| self.rows.get(&id)?.document.text("displayName"));
                if let Some(name) = name {
                    reference.insert("displayName".into(), name.into());
                }
            }
        }
    }

    /// A member as its group shows it (ruling W31): of the member's own type, and under its own
    /// `displayName`; if it has none, under the name that was written, or its `userName`.
    fn member(&self, element: &Map<String, Value>) -> Value {
        let mut element = element.clone();
        let id = element.get("value").and_then(Value::as_str).map(ResourceId::from);
        match id.and_then(|id| self.rows.get(&id)) {
            Some(row) => {
                element.insert("type".into(), row.ty.name().into());
                if let Some(name) = row.document.text("displayName") {
                    element.insert("display".into(), name.into());
                } else if let Some(name) = row.document.text("userName") {
                    element.entry("display").or_insert_with(|| name.into());
                }
            }
            None => {
                element.entry("type").or_insert_with(|| "User".into());
            }
        }
        Value::Object(element)
    }

    /// The groups of a resource: direct ones first, then those that contain a group of it, each
    /// once, however the groups contain each other (ruling W30).
    fn groups_of(&self, id: &ResourceId) -> Vec<Value> {
        let mut seen = HashSet::from([id]);
        let mut queue = VecDeque::from([(id, "direct")]);
        let mut found = Vec::new();
        while let Some((member, kind)) = queue.pop_front() {
            for (_, group) in self.groups.get(member).into_iter().flatten() {
                if seen.insert(group) {
                    let mut element = Map::new();
                    element.insert("value".into(), group.as_str().into());
                    let name =
                        self.rows.get(group).and_then(|row| row.document.text("displayName"));
                    if let Some(name) = name {
                        element.insert("display".into(), name.into());
                    }
                    element.insert("type".into(), kind.into());
                    found.push(Value::Object(element));
                    queue.push_back((group, "indirect"));
                }
            }
        }
        found
    }

    pub(super) fn query(
        &self,
        scope: &Scope,
        ty: &ResourceType,
        query: &Query,
    ) -> Result<QueryResult, StoreError> {
        let Found { total, page, next } = self.find(scope, ty, query)?;
        let resources = page.into_iter().map(|row| self.stored(row, ty, scope, query.load));
        Ok(QueryResult::new(Some(total), resources.collect(), next))
    }

    /// The same as text.
    pub(super) fn query_text(
        &self,
        scope: &Scope,
        ty: &ResourceType,
        query: &Query,
    ) -> Result<TextResult, StoreError> {
        let Found { total, page, next } = self.find(scope, ty, query)?;
        let texts = page.into_iter().map(|row| self.text(row, ty, scope, query.load));
        Ok(TextResult::new(Some(total), texts.collect(), next))
    }

    fn find(
        &self,
        scope: &Scope,
        ty: &ResourceType,
        query: &Query,
    ) -> Result<Found<'_>, StoreError> {
        if query.filter.is_none() && query.sort.is_none() {
            return self.find_all(ty, &query.page);
        }
        let load = needed(ty, query);
        let mut matches = Vec::new();
        for (sequence, id) in self.order.get(ty.name()).into_iter().flatten() {
            let Some(row) = self.rows.get(id) else { continue };
            let document = self.view(row, ty, scope, load);
            if query.filter.as_ref().is_none_or(|filter| filter.matches(&document)) {
                let key = query.sort.as_ref().and_then(|sort| sort.key(&document));
                matches.push(Match { sequence: *sequence, id, row, key });
            }
        }
        let total = matches.len();
        if let Some(sort) = &query.sort {
            matches.sort_by(|a, b| sort.compare_keys(&a.key, &b.key).then_with(|| a.id.cmp(b.id)));
        }
        let (skip, count) = match &query.page {
            Page::Index { start_index, count } => (to_usize(start_index.saturating_sub(1)), *count),
            Page::Cursor { after: None, count } => (0, *count),
            Page::Cursor { after: Some(after), count } => {
                (skip_to(after, query, &matches)?, *count)
            }
        };
        let count = to_usize(count);
        let page = matches.get(skip..).unwrap_or_default();
        let page = page.get(..count).unwrap_or(page);
        let more = total > skip.saturating_add(page.len());
        let next = match (&query.page, page.last()) {
            (Page::Cursor { .. }, Some(last)) if more => Some(last.position(query)),
            _ => None,
        };
        let page = page.iter().map(|found| found.row).collect();
        Ok(Found { total: total as u64, page, next })
    }

    /// A page of everything, in the order of creation: it costs the page.
    fn find_all(&self, ty: &ResourceType, page: &Page) -> Result<Found<'_>, StoreError> {
        let Some(order) = self.order.get(ty.name()) else { return Ok(Found::default()) };
        let (after, skip, count) = match page {
            Page::Index { start_index, count } => {
                (None, to_usize(start_index.saturating_sub(1)), *count)
            }
            Page::Cursor { after: None, count } => (None, 0, *count),
            Page::Cursor { after: Some(after), count } => (Some(sequence(after)?), 0, *count),
        };
        let begin = after.map_or(Bound::Unbounded, Bound::Excluded);
        let mut rest = order.range((begin, Bound::Unbounded)).skip(skip);
        let mut last = None;
        let page_rows = rest.by_ref().take(to_usize(count)).filter_map(|(sequence, id)| {
            last = Some(*sequence);
            self.rows.get(id)
        });
        let page_rows = page_rows.collect();
        let next = match (page, last) {
            (Page::Cursor { .. }, Some(last)) if rest.next().is_some() => Some(position(last)),
            _ => None,
        };
        Ok(Found { total: order.len() as u64, page: page_rows, next })
    }

    /// The document on which a filter and a sort key are evaluated.
    fn view<'a>(
        &self,
        row: &'a Row,
        ty: &ResourceType,
        scope: &Scope,
        load: Option<Load>,
    ) -> Cow<'a, Resource> {
        let document = row.document(scope);
        match load {
            None => document,
            Some(load) => {
                let mut document = document.into_owned();
                self.complete(document.as_map_mut(), row, ty, load);
                Cow::Owned(document)
            }
        }
    }
}

/// A member as it is kept.
fn element(member: &Member) -> Map<String, Value> {
    let mut element = Map::new();
    element.insert("value".into(), member.value.as_str().into());
    if let Some(member_type) = &member.member_type {
        element.insert("type".into(), Value::from(&**member_type));
    }
    if let Some(display) = &member.display {
        element.insert("display".into(), Value::from(&**display));
    }
    element
}

/// The page that a query asks for.
#[derive(Default)]
struct Found<'a> {
    total: u64,
    page: Vec<&'a Row>,
    next: Option<Position>,
}

/// A row that matches a query.
struct Match<'a> {
    sequence: u64,
    id: &'a ResourceId,
    row: &'a Row,
    /// What it is sorted by, if the query has an order.
    key: Option<SortValue>,
}

impl Match<'_> {
    /// The place after this row.
    fn position(&self, query: &Query) -> Position {
        match query.sort {
            Some(_) => SortedPosition::new(self.key.clone(), self.id.clone()).encode(),
            None => position(self.sequence),
        }
    }
}

/// The place after a row, in the order of creation.
fn position(sequence: u64) -> Position {
    Position::new(sequence.to_be_bytes())
}

fn sequence(position: &Position) -> Result<u64, StoreError> {
    let bytes = position.as_bytes().try_into().map_err(|_| StoreError::BadPosition)?;
    Ok(u64::from_be_bytes(bytes))
}

/// How many of the matches were on pages before this position.
fn skip_to(after: &Position, query: &Query, matches: &[Match<'_>]) -> Result<usize, StoreError> {
    match &query.sort {
        Some(sort) => {
            let after = SortedPosition::decode(after).ok_or(StoreError::BadPosition)?;
            Ok(matches.partition_point(|m| after.locate(sort, &m.key, m.id).is_le()))
        }
        None => {
            let after = sequence(after)?;
            Ok(matches.partition_point(|m| m.sequence <= after))
        }
    }
}

/// How much of a document must be computed before a query can look at it; none if it can be
/// looked at as it is kept.
fn needed(ty: &ResourceType, query: &Query) -> Option<Load> {
    let mentions = |name: &str| query.filter.as_ref().is_some_and(|filter| filter.mentions(name));
    let reference = |(extension, attribute): (Option<&str>, &Attribute)| match extension {
        Some(uri) => mentions(&format!("{uri}:{}", attribute.name)),
        None => mentions(attribute.name.as_str()),
    };
    let sorts = |name: &str| {
        let attr = query.sort.as_ref().map(|sort| sort.attr());
        attr.is_some_and(|attr| attr.extension().is_none() && attr.name() == name)
    };
    if ["members", "groups"].into_iter().any(|name| mentions(name) || sorts(name)) {
        Some(Load::Full)
    } else if query.sort.is_some() || singular_references(ty).any(reference) {
        Some(Load::WithoutMembers)
    } else {
        None
    }
}

/// Whether a reference has a `displayName` that is that of the resource it names.
fn shows_name(attribute: &Attribute) -> bool {
    let name = attribute.sub_attribute("displayName");
    name.is_some_and(|name| name.mutability == Mutability::ReadOnly)
}

/// The references in a document to a resource, but for those that a schema requires: each with
/// the URN of its extension.
fn references_to<'a>(
    ty: &'a ResourceType,
    document: &Resource,
    target: &str,
) -> Vec<(Option<&'a str>, &'a str)> {
    let optional = singular_references(ty).filter(|(_, attribute)| !attribute.required);
    let refers = |extension: Option<&str>, name: &str| {
        let map = match extension {
            Some(uri) => document.get(uri)?.as_object()?,
            None => document.as_map(),
        };
        Some(map.get(name)?.get("value")?.as_str() == Some(target))
    };
    optional
        .map(|(extension, attribute)| (extension, attribute.name.as_str()))
        .filter(|(extension, name)| refers(*extension, name) == Some(true))
        .collect()
}

/// Takes references to a resource out of a document, and extensions that are empty then. What a
/// schema requires stays.
fn clear_references(ty: &ResourceType, document: &mut Resource, target: &str) {
    for (extension, name) in references_to(ty, document, target) {
        let map = match extension {
            Some(uri) => document.as_map_mut().get_mut(uri).and_then(Value::as_object_mut),
            None => Some(document.as_map_mut()),
        };
        let Some(map) = map else { continue };
        map.remove(name);
        if let (true, Some(uri)) = (map.is_empty(), extension) {
            document.remove(uri);
            if let Some(Value::Array(schemas)) = document.as_map_mut().get_mut("schemas") {
                schemas.retain(|schema| schema.as_str() != Some(uri));
            }
        }
    }
}

fn to_usize(number: u64) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}
