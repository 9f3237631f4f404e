//! A memory store with one fault.

use std::sync::Mutex;

use scim2_core::change::MemberDelta;
use scim2_core::etag::{EntityTags, Version};
use scim2_core::resource::ResourceId;
use scim2_core::{Policy, Resource, ResourceType};
use scim2_provider::events::{ChangeRecord, Outbox};
use scim2_provider::store::{
    Change, Check, Dangling, Load, Page, Query, QueryResult, Store, StoreError, Stored, Updated,
    Write,
};
use scim2_provider::{MemoryStore, Scope, TenantId};
use serde_json::Value;

/// What a faulty store does wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum StoreFault {
    None,
    IgnoresFilter,
    SkipsUnassigned,
    DropsTenant,
    SharesUniqueness,
    CaseSensitiveUniqueness,
    SwallowsUniquenessInUpdates,
    ForgetsVersionOfMembers,
    TotalIsOfThePage,
    PagesOffByOne,
    PagesLackTheLast,
    CountZeroGivesAll,
    CursorRepeats,
    CursorEndsEarly,
    CursorIsAnOffset,
    TakesAnyPosition,
    SecretReadable,
    DeleteLeavesMembership,
    DeleteOfNobodySucceeds,
    DeleteAsksNobody,
    DeletedIsListed,
    MembersAreReplaced,
    MembersTellTooMuch,
    NoEffectIsAChange,
    RemoveOfStrangerFails,
    UpdateDropsMembers,
    UpdateLoses,
    UpdateGivesUp,
    UpdateSwallowsRefusal,
    UpdateWithoutEffectChanges,
    SameVersion,
    TimeStandsStill,
    CreatedMoves,
    DropsTitle,
    LowersUserName,
    ForgetsType,
    IdsWithoutCase,
    IgnoresSort,
    NewestFirst,
    NoIndirectGroups,
    StaleDisplay,
    LosesEventsOfInserts,
    LosesEventsOfMembers,
}

pub(crate) struct FaultyStore {
    inner: MemoryStore,
    fault: StoreFault,
    passwords: Mutex<Vec<(String, Value)>>,
    deleted: Mutex<Vec<Stored>>,
}

impl FaultyStore {
    pub(crate) fn new(fault: StoreFault) -> Self {
        let inner = MemoryStore::default();
        Self { inner, fault, passwords: Mutex::default(), deleted: Mutex::default() }
    }

    fn is(&self, fault: StoreFault) -> bool {
        self.fault == fault
    }

    fn scope(&self, scope: &Scope) -> Scope {
        if self.is(StoreFault::DropsTenant) {
            return Scope::tenant(TenantId::new("everybody").unwrap());
        }
        scope.clone()
    }

    /// What is read of a resource.
    fn shown(&self, mut stored: Stored) -> Stored {
        match self.fault {
            StoreFault::SecretReadable => {
                let passwords = self.passwords.lock().unwrap();
                if let Some((_, password)) = passwords.iter().find(|(id, _)| id == stored.id()) {
                    stored.resource.insert("password", password.clone());
                }
            }
            StoreFault::SameVersion => stored.version = Version::weak(1),
            StoreFault::TimeStandsStill => stored.last_modified = stored.created,
            StoreFault::CreatedMoves => stored.created = stored.last_modified,
            StoreFault::DropsTitle => {
                stored.resource.remove("title");
            }
            StoreFault::LowersUserName => {
                if let Some(name) = stored.resource.text("userName").map(str::to_lowercase) {
                    stored.resource.insert("userName", name);
                }
            }
            StoreFault::NoIndirectGroups => {
                retain(&mut stored.resource, "groups", |group| group["type"] != "indirect");
            }
            StoreFault::StaleDisplay => {
                if let Some(Value::Array(members)) = stored.resource.as_map_mut().get_mut("members")
                {
                    for member in members {
                        member["display"] = "as it was".into();
                    }
                }
            }
            _ => {}
        }
        stored
    }

    async fn groups_of(&self, scope: &Scope, id: &ResourceId) -> Vec<ResourceId> {
        let group = ResourceType::group();
        let all = Query::page(Page::first(1000));
        let found = self.inner.query(scope, &group, &all).await.unwrap();
        let has = |stored: &&Stored| {
            let members = stored.resource.get("members").and_then(Value::as_array);
            members.into_iter().flatten().any(|member| member["value"] == id.as_str())
        };
        found.resources.iter().filter(has).map(|stored| ResourceId::from(stored.id())).collect()
    }
}

fn retain(resource: &mut Resource, name: &str, keep: impl Fn(&Value) -> bool) {
    if let Some(Value::Array(elements)) = resource.as_map_mut().get_mut(name) {
        elements.retain(keep);
    }
}

/// The same write under another name.
fn renamed(ty: &ResourceType, write: &Write) -> Write {
    let mut resource = (*write.resource).clone();
    let name = format!("{}\u{b7}", resource.text("userName").unwrap_or_default());
    resource.insert("userName", name);
    ty.validate_new(resource, &Policy::strict()).unwrap().into()
}

impl Store for FaultyStore {
    async fn get(
        &self,
        scope: &Scope,
        ty: &ResourceType,
        id: &ResourceId,
        load: Load,
    ) -> Result<Option<Stored>, StoreError> {
        let scope = self.scope(scope);
        let lower = ResourceId::from(id.as_str().to_lowercase());
        let id = if self.is(StoreFault::IdsWithoutCase) { &lower } else { id };
        let mut found = self.inner.get(&scope, ty, id, load).await?;
        if found.is_none() && self.is(StoreFault::ForgetsType) {
            for other in [ResourceType::user(), ResourceType::group()] {
                found = found.or(self.inner.get(&scope, &other, id, load).await?);
            }
        }
        Ok(found.map(|stored| self.shown(stored)))
    }

    async fn query(
        &self,
        scope: &Scope,
        ty: &ResourceType,
        query: &Query,
    ) -> Result<QueryResult, StoreError> {
        let scope = self.scope(scope);
        let mut query = query.clone();
        let filtered = query.filter.is_some();
        match (self.fault, &mut query.page) {
            (StoreFault::IgnoresFilter, _) => query.filter = None,
            (StoreFault::IgnoresSort, _) => query.sort = None,
            (StoreFault::PagesOffByOne, Page::Index { start_index, .. }) if *start_index > 1 => {
                *start_index += 1;
            }
            (StoreFault::CountZeroGivesAll, Page::Index { count, .. }) if *count == 0 => {
                *count = 1000;
            }
            (StoreFault::CursorRepeats, Page::Cursor { after, .. }) => *after = None,
            _ => {}
        }
        if let (StoreFault::CursorIsAnOffset, Page::Cursor { after, count }) =
            (self.fault, &query.page)
        {
            let count = *count;
            let start =
                match after.as_ref().map(|position| <[u8; 8]>::try_from(position.as_bytes())) {
                    None => 1,
                    Some(Ok(bytes)) => u64::from_be_bytes(bytes),
                    Some(Err(_)) => return Err(StoreError::BadPosition),
                };
            query.page = Page::Index { start_index: start, count };
            let mut found = self.inner.query(&scope, ty, &query).await?;
            let next = start + count;
            if count > 0 && found.total >= Some(next) {
                let bytes = next.to_be_bytes().to_vec();
                found.next = Some(scim2_provider::store::Position::new(bytes));
            }
            return Ok(found);
        }
        let mut found = match self.inner.query(&scope, ty, &query).await {
            Err(StoreError::BadPosition) if self.is(StoreFault::TakesAnyPosition) => {
                query.page = Page::Cursor { after: None, count: 10 };
                self.inner.query(&scope, ty, &query).await?
            }
            other => other?,
        };
        match self.fault {
            StoreFault::SkipsUnassigned if filtered => {
                // As a database does that takes an absent value for neither true nor false.
                found
                    .resources
                    .retain(|stored| ty.name() != "User" || stored.resource.get("title").is_some());
                found.total = u64::try_from(found.resources.len()).ok();
            }
            StoreFault::TotalIsOfThePage => {
                found.total = u64::try_from(found.resources.len()).ok();
            }
            StoreFault::PagesLackTheLast if found.resources.len() > 1 => {
                found.resources.pop();
            }
            StoreFault::CursorEndsEarly => found.next = None,
            StoreFault::NewestFirst if query.sort.is_none() => found.resources.reverse(),
            StoreFault::DeletedIsListed => {
                let deleted = self.deleted.lock().unwrap();
                let matching = deleted.iter().filter(|stored| {
                    let document = stored.document(ty);
                    query.filter.as_ref().is_none_or(|filter| filter.matches(&document))
                });
                found.resources.extend(matching.cloned());
                found.total = u64::try_from(found.resources.len()).ok();
            }
            _ => {}
        }
        found.resources = found.resources.into_iter().map(|stored| self.shown(stored)).collect();
        Ok(found)
    }

    async fn insert(
        &self,
        scope: &Scope,
        ty: &ResourceType,
        mut write: Write,
    ) -> Result<Stored, StoreError> {
        let scope = self.scope(scope);
        let password = write.resource.get("password").cloned();
        if self.is(StoreFault::LosesEventsOfInserts) {
            write.record = None;
        }
        if self.is(StoreFault::SharesUniqueness) {
            let other = TenantId::new("names of all").unwrap();
            self.inner.insert(&Scope::tenant(other), ty, write.clone()).await?;
        }
        let stored = match self.inner.insert(&scope, ty, write.clone()).await {
            Err(StoreError::Uniqueness { attribute })
                if self.is(StoreFault::CaseSensitiveUniqueness) =>
            {
                let all = Query::page(Page::first(1000));
                let all = self.inner.query(&scope, ty, &all).await?.resources;
                let name = write.resource.text("userName");
                if all.iter().any(|stored| stored.resource.text("userName") == name) {
                    return Err(StoreError::Uniqueness { attribute });
                }
                self.inner.insert(&scope, ty, renamed(ty, &write)).await?
            }
            other => other?,
        };
        if let Some(password) = password {
            self.passwords.lock().unwrap().push((stored.id().to_owned(), password));
        }
        Ok(self.shown(stored))
    }

    async fn update(
        &self,
        scope: &Scope,
        ty: &ResourceType,
        id: &ResourceId,
        load: Load,
        mut change: Change<'_>,
    ) -> Result<Updated, StoreError> {
        let scope = self.scope(scope);
        let before = self.inner.get(&scope, ty, id, load).await?;
        let unchanged = |stored: Option<Stored>| {
            stored.map(|stored| Updated::unchanged(self.shown(stored))).ok_or(StoreError::NotFound)
        };
        if self.is(StoreFault::UpdateLoses) {
            // Reads, lets others go first, and writes what it made of what it had read.
            let stored = before.ok_or(StoreError::NotFound)?;
            let Some(write) = change(&stored).map_err(StoreError::Refused)? else {
                return Ok(Updated::unchanged(stored));
            };
            tokio::task::yield_now().await;
            let change = Box::new(move |_: &Stored| Ok(Some(write.clone())));
            return self.inner.update(&scope, ty, id, load, change).await;
        }
        if self.is(StoreFault::UpdateGivesUp) {
            // Others go first, and there is no second try.
            tokio::task::yield_now().await;
            let now = self.inner.get(&scope, ty, id, load).await?;
            if now.map(|now| now.version) != before.as_ref().map(|before| before.version.clone()) {
                return Err(StoreError::Conflict);
            }
        }
        let load = match self.fault {
            StoreFault::UpdateDropsMembers => Load::Full,
            _ => load,
        };
        let mut updated = match self.inner.update(&scope, ty, id, load, change).await {
            Err(StoreError::Refused(_)) if self.is(StoreFault::UpdateSwallowsRefusal) => {
                return unchanged(before);
            }
            Err(StoreError::Uniqueness { .. })
                if self.is(StoreFault::SwallowsUniquenessInUpdates) =>
            {
                return unchanged(before);
            }
            other => other?,
        };
        if self.is(StoreFault::UpdateWithoutEffectChanges) {
            updated.changed = true;
        }
        updated.stored = self.shown(updated.stored);
        Ok(updated)
    }

    async fn change_members(
        &self,
        scope: &Scope,
        ty: &ResourceType,
        id: &ResourceId,
        expected: Option<&EntityTags>,
        delta: &MemberDelta,
        record: Option<&ChangeRecord>,
    ) -> Result<Updated, StoreError> {
        let scope = self.scope(scope);
        let expected = expected.filter(|_| !self.is(StoreFault::ForgetsVersionOfMembers));
        let record = record.filter(|_| !self.is(StoreFault::LosesEventsOfMembers));
        let group = self.inner.get(&scope, ty, id, Load::Full).await?;
        let members: Vec<ResourceId> = group
            .iter()
            .filter_map(|stored| stored.resource.get("members")?.as_array())
            .flatten()
            .filter_map(|member| member["value"].as_str().map(ResourceId::from))
            .collect();
        if self.is(StoreFault::RemoveOfStrangerFails)
            && delta.remove.iter().any(|id| !members.contains(id))
        {
            return Err(StoreError::NotFound);
        }
        let mut asked = delta.clone();
        if self.is(StoreFault::MembersAreReplaced) && !delta.add.is_empty() {
            let stays = |id: &ResourceId| delta.add.iter().any(|member| member.value == *id);
            asked.remove = members.into_iter().filter(|id| !stays(id)).collect();
        }
        let mut updated =
            self.inner.change_members(&scope, ty, id, expected, &asked, record).await?;
        if self.is(StoreFault::MembersTellTooMuch) {
            updated.members = delta.clone();
        }
        if self.is(StoreFault::NoEffectIsAChange) {
            updated.changed = true;
        }
        updated.stored = self.shown(updated.stored);
        Ok(updated)
    }

    async fn delete(
        &self,
        scope: &Scope,
        ty: &ResourceType,
        id: &ResourceId,
        load: Load,
        dangling: Dangling,
        check: Check<'_>,
    ) -> Result<(), StoreError> {
        let scope = self.scope(scope);
        let before = self.inner.get(&scope, ty, id, Load::Full).await?;
        let groups = self.groups_of(&scope, id).await;
        let check: Check<'_> = match self.fault {
            StoreFault::DeleteAsksNobody => Box::new(|_, _| Ok(None)),
            _ => check,
        };
        match self.inner.delete(&scope, ty, id, load, dangling, check).await {
            Err(StoreError::NotFound) if self.is(StoreFault::DeleteOfNobodySucceeds) => {}
            other => other?,
        }
        self.deleted.lock().unwrap().extend(before);
        if self.is(StoreFault::DeleteLeavesMembership) {
            let member = scim2_core::change::Member::new(id.clone());
            let back = MemberDelta { add: vec![member], remove: Vec::new() };
            for group in groups {
                let ty = ResourceType::group();
                self.inner.change_members(&scope, &ty, &group, None, &back, None).await?;
            }
        }
        Ok(())
    }

    fn outbox(&self) -> Option<&dyn Outbox> {
        self.inner.outbox()
    }
}
