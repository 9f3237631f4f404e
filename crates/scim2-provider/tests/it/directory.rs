//! An application with tables of its own: users and groups by number, memberships as pairs.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};

use chrono::{DateTime, TimeDelta, Utc};
use scim2_core::change::MemberDelta;
use scim2_core::etag::Version;
use scim2_core::group::Member;
use scim2_core::key::comparison_key;
use scim2_core::resource::ResourceId;
use scim2_core::user::GroupRef;
use scim2_core::{Group, Resource, TypedResource, User};
use scim2_provider::handler::{Found, Handler, HandlerError, Membership, Record, Revision, Window};
use scim2_provider::store::{Load, Query};
use scim2_provider::{Clock, Scope};
use serde_json::{Value, json};

/// How a directory answers queries.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Queries {
    /// It hands over everybody.
    Candidates,
    /// It filters, sorts and pages.
    Pages,
    /// It is wrong: it pages, and does not filter.
    Unfiltered,
}

/// How a directory changes members.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Members {
    OneByOne,
    WithTheGroup,
}

/// Whether two groups may have one name.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum GroupNames {
    Shared,
    /// As Entra ID wants it.
    Unique,
}

#[derive(Debug)]
pub(crate) struct Directory {
    pub(crate) queries: Queries,
    pub(crate) members: Members,
    group_names: GroupNames,
    clock: Arc<dyn Clock>,
    tables: Mutex<BTreeMap<String, Tables>>,
}

#[derive(Debug, Default)]
struct Tables {
    last: u32,
    users: BTreeMap<String, Row<User>>,
    groups: BTreeMap<String, Row<Group>>,
    /// Group and member, in the order of joining.
    memberships: Vec<(String, String)>,
}

#[derive(Clone, Debug)]
struct Row<R> {
    resource: R,
    version: u64,
    created: DateTime<Utc>,
    changed: DateTime<Utc>,
}

impl<R> Row<R> {
    fn new(resource: R, now: DateTime<Utc>) -> Self {
        Self { resource, version: 1, created: now, changed: now }
    }

    fn touch(&mut self, now: DateTime<Utc>) {
        self.version += 1;
        self.changed = now.max(self.changed + TimeDelta::milliseconds(1));
    }

    fn record(&self, id: &str, resource: R) -> Record<R> {
        let revision = Revision::numbered(self.version, self.created, self.changed);
        Record::new(id, resource, revision)
    }

    fn expect(&self, expected: &Version) -> Result<(), HandlerError> {
        if Version::weak(self.version) == *expected { Ok(()) } else { Err(HandlerError::Conflict) }
    }
}

impl Directory {
    pub(crate) fn new(queries: Queries, members: Members, clock: Arc<dyn Clock>) -> Arc<Self> {
        Self::naming_groups(GroupNames::Shared, queries, members, clock)
    }

    pub(crate) fn naming_groups(
        group_names: GroupNames,
        queries: Queries,
        members: Members,
        clock: Arc<dyn Clock>,
    ) -> Arc<Self> {
        Arc::new(Self { queries, members, group_names, clock, tables: Mutex::default() })
    }

    fn tables(&self) -> MutexGuard<'_, BTreeMap<String, Tables>> {
        self.tables.lock().unwrap()
    }

    fn with<T>(&self, scope: &Scope, work: impl FnOnce(&mut Tables, DateTime<Utc>) -> T) -> T {
        let mut tables = self.tables();
        work(tables.entry(scope.tenant.as_str().to_owned()).or_default(), self.clock.now())
    }

    fn found<R: TypedResource>(
        &self,
        query: &Query,
        records: Vec<Record<R>>,
    ) -> Result<Found<R>, HandlerError> {
        if self.queries == Queries::Candidates {
            return Ok(Found::Candidates(records));
        }
        let mut found: Vec<(Resource, Record<R>)> = Vec::new();
        for record in records {
            let mut document = Resource::from_typed(&record.resource)?;
            document.insert("id", record.id.as_str());
            document.insert("meta", meta::<R>(&record));
            let filter = query.filter.as_ref().filter(|_| self.queries == Queries::Pages);
            if filter.is_none_or(|filter| filter.matches(&document)) {
                found.push((document, record));
            }
        }
        if let Some(sort) = &query.sort {
            found.sort_by(|(a, _), (b, _)| sort.compare(a, b));
        }
        let window = Window::of(&query.page)?;
        let total = found.len() as u64;
        let page = found.into_iter().map(|(_, record)| record);
        let page = page.skip(window.offset as usize).take(window.limit as usize).collect();
        Ok(window.page(total, page))
    }
}

fn meta<R: TypedResource>(record: &Record<R>) -> Value {
    let time = |at: DateTime<Utc>| at.to_rfc3339_opts(chrono::SecondsFormat::Millis, true);
    json!({
        "resourceType": R::RESOURCE_TYPE,
        "created": time(record.revision.created),
        "lastModified": time(record.revision.last_modified),
        "version": record.revision.version.as_str(),
        "location": format!("{}/{}", R::ENDPOINT, record.id),
    })
}

impl Tables {
    /// Ids are in the order of creation.
    fn new_id(&mut self) -> String {
        self.last += 1;
        format!("app-{:06}", self.last)
    }

    fn user(&self, id: &str) -> Option<Record<User>> {
        let row = self.users.get(id)?;
        let mut groups: Vec<(String, &str)> = Vec::new();
        let mut queue = vec![(id.to_owned(), "direct")];
        while let Some((member, kind)) = (!queue.is_empty()).then(|| queue.remove(0)) {
            let of = self.memberships.iter().filter(|(_, known)| *known == member);
            let mut of: Vec<_> = of.map(|(group, _)| group.clone()).collect();
            of.sort();
            for group in of {
                if group != id && !groups.iter().any(|(known, _)| *known == group) {
                    groups.push((group.clone(), kind));
                    queue.push((group, "indirect"));
                }
            }
        }
        let groups = groups.into_iter().map(|(group, kind)| GroupRef {
            display: self.groups.get(&group).map(|row| row.resource.display_name.clone()),
            value: Some(group),
            r#type: Some(kind.to_owned()),
            ..GroupRef::default()
        });
        let user = User { groups: groups.collect(), ..row.resource.clone() };
        Some(row.record(id, user))
    }

    fn group(&self, id: &str) -> Option<Record<Group>> {
        let row = self.groups.get(id)?;
        let members = self.memberships.iter().filter(|(group, _)| group == id);
        let members = members.map(|(_, member)| match self.users.get(member) {
            Some(user) => {
                let user = &user.resource;
                let display = user.display_name.as_ref().unwrap_or(&user.user_name).clone();
                Member { display: Some(display), ..Member::user(member) }
            }
            None => match self.groups.get(member) {
                Some(group) => Member {
                    display: Some(group.resource.display_name.clone()),
                    ..Member::group(member)
                },
                None => Member::user(member),
            },
        });
        let group = Group { members: members.collect(), ..row.resource.clone() };
        Some(row.record(id, group))
    }

    fn check_group_name(&self, own: &str, name: &str) -> Result<(), HandlerError> {
        let key = |name: &str| comparison_key(false, name).into_owned();
        let taken = |(id, row): (&String, &Row<Group>)| {
            id != own && key(&row.resource.display_name) == key(name)
        };
        match self.groups.iter().any(taken) {
            true => Err(HandlerError::uniqueness("displayName")),
            false => Ok(()),
        }
    }

    fn check_name(&self, own: &str, name: &str) -> Result<(), HandlerError> {
        let key = |name: &str| comparison_key(false, name).into_owned();
        let taken = |(id, row): (&String, &Row<User>)| {
            id != own && key(&row.resource.user_name) == key(name)
        };
        if self.users.iter().any(taken) {
            return Err(HandlerError::uniqueness("userName"));
        }
        Ok(())
    }

    fn set_members(&mut self, group: &str, members: Vec<Member>) {
        let wanted: Vec<String> = members.into_iter().filter_map(|m| m.value).collect();
        self.memberships.retain(|(known, member)| known != group || wanted.contains(member));
        for member in wanted {
            self.join(group, member);
        }
    }

    fn join(&mut self, group: &str, member: String) -> bool {
        let pair = (group.to_owned(), member);
        let new = !self.memberships.contains(&pair);
        if new {
            self.memberships.push(pair);
        }
        new
    }

    /// Takes something out of all groups.
    fn leave_all(&mut self, member: &str, now: DateTime<Utc>) {
        for (group, known) in &self.memberships {
            if let Some(row) = self.groups.get_mut(group).filter(|_| known == member) {
                row.touch(now);
            }
        }
        self.memberships.retain(|(_, known)| known != member);
    }

    /// Nobody is managed by somebody who is gone.
    fn dismiss(&mut self, manager: &str, now: DateTime<Utc>) {
        for row in self.users.values_mut() {
            let Some(enterprise) = &mut row.resource.enterprise else { continue };
            let known = enterprise.manager.as_ref().and_then(|known| known.value.as_deref());
            if known == Some(manager) {
                enterprise.manager = None;
                row.touch(now);
            }
        }
    }
}

impl Handler<User> for Directory {
    async fn get(
        &self,
        scope: &Scope,
        id: &ResourceId,
        _: Load,
    ) -> Result<Option<Record<User>>, HandlerError> {
        Ok(self.with(scope, |tables, _| tables.user(id.as_str())))
    }

    async fn query(&self, scope: &Scope, query: &Query) -> Result<Found<User>, HandlerError> {
        let users = self.with(scope, |tables, _| {
            tables.users.keys().filter_map(|id| tables.user(id)).collect()
        });
        self.found(query, users)
    }

    async fn create(&self, scope: &Scope, user: User) -> Result<Record<User>, HandlerError> {
        self.with(scope, |tables, now| {
            tables.check_name("", &user.user_name)?;
            let id = tables.new_id();
            tables.users.insert(id.clone(), Row::new(user, now));
            tables.user(&id).ok_or(HandlerError::NotFound)
        })
    }

    async fn replace(
        &self,
        scope: &Scope,
        id: &ResourceId,
        expected: &Version,
        user: User,
    ) -> Result<Record<User>, HandlerError> {
        self.with(scope, |tables, now| {
            let id = id.as_str();
            tables.check_name(id, &user.user_name)?;
            let row = tables.users.get_mut(id).ok_or(HandlerError::NotFound)?;
            row.expect(expected)?;
            row.resource = user;
            row.touch(now);
            tables.user(id).ok_or(HandlerError::NotFound)
        })
    }

    async fn delete(
        &self,
        scope: &Scope,
        id: &ResourceId,
        expected: &Version,
    ) -> Result<(), HandlerError> {
        self.with(scope, |tables, now| {
            let row = tables.users.get(id.as_str()).ok_or(HandlerError::NotFound)?;
            row.expect(expected)?;
            tables.users.remove(id.as_str());
            tables.leave_all(id.as_str(), now);
            tables.dismiss(id.as_str(), now);
            Ok(())
        })
    }
}

impl Handler<Group> for Directory {
    async fn get(
        &self,
        scope: &Scope,
        id: &ResourceId,
        _: Load,
    ) -> Result<Option<Record<Group>>, HandlerError> {
        Ok(self.with(scope, |tables, _| tables.group(id.as_str())))
    }

    async fn query(&self, scope: &Scope, query: &Query) -> Result<Found<Group>, HandlerError> {
        let groups = self.with(scope, |tables, _| {
            tables.groups.keys().filter_map(|id| tables.group(id)).collect()
        });
        self.found(query, groups)
    }

    async fn create(&self, scope: &Scope, mut group: Group) -> Result<Record<Group>, HandlerError> {
        self.with(scope, |tables, now| {
            let id = tables.new_id();
            if self.group_names == GroupNames::Unique {
                tables.check_group_name(&id, &group.display_name)?;
            }
            let members = std::mem::take(&mut group.members);
            tables.groups.insert(id.clone(), Row::new(group, now));
            tables.set_members(&id, members);
            tables.group(&id).ok_or(HandlerError::NotFound)
        })
    }

    async fn replace(
        &self,
        scope: &Scope,
        id: &ResourceId,
        expected: &Version,
        mut group: Group,
    ) -> Result<Record<Group>, HandlerError> {
        self.with(scope, |tables, now| {
            let id = id.as_str();
            if self.group_names == GroupNames::Unique {
                tables.check_group_name(id, &group.display_name)?;
            }
            let row = tables.groups.get_mut(id).ok_or(HandlerError::NotFound)?;
            row.expect(expected)?;
            let members = std::mem::take(&mut group.members);
            row.resource = group;
            row.touch(now);
            tables.set_members(id, members);
            tables.group(id).ok_or(HandlerError::NotFound)
        })
    }

    async fn delete(
        &self,
        scope: &Scope,
        id: &ResourceId,
        expected: &Version,
    ) -> Result<(), HandlerError> {
        self.with(scope, |tables, now| {
            let row = tables.groups.get(id.as_str()).ok_or(HandlerError::NotFound)?;
            row.expect(expected)?;
            tables.groups.remove(id.as_str());
            tables.memberships.retain(|(group, _)| group != id.as_str());
            tables.leave_all(id.as_str(), now);
            Ok(())
        })
    }

    async fn change_members(
        &self,
        scope: &Scope,
        id: &ResourceId,
        expected: Option<&Version>,
        delta: &MemberDelta,
    ) -> Result<Membership<Group>, HandlerError> {
        if self.members == Members::WithTheGroup {
            return Ok(Membership::NotOffered);
        }
        self.with(scope, |tables, now| {
            let row = tables.groups.get(id.as_str()).ok_or(HandlerError::NotFound)?;
            expected.map_or(Ok(()), |expected| row.expect(expected))?;
            let mut done = MemberDelta::default();
            for member in &delta.remove {
                let pair = (id.as_str().to_owned(), member.as_str().to_owned());
                if tables.memberships.contains(&pair) {
                    tables.memberships.retain(|known| *known != pair);
                    done.remove.push(member.clone());
                }
            }
            for member in &delta.add {
                if tables.join(id.as_str(), member.value.as_str().to_owned()) {
                    done.add.push(member.clone());
                }
            }
            let row = tables.groups.get_mut(id.as_str()).ok_or(HandlerError::NotFound)?;
            if !done.is_empty() {
                row.touch(now);
            }
            let record = row.record(id.as_str(), row.resource.clone());
            Ok(Membership::Done { record, members: done })
        })
    }
}
