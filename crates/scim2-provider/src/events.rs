//! What happened to resources, told to whoever wants to know.

mod delivery;
mod hook;
mod outbox;
pub mod set;

use chrono::{DateTime, Utc};
use scim2_core::change::{ChangeSet, Member, MemberDelta};
use scim2_core::etag::Version;
use scim2_core::resource::ResourceId;
use scim2_core::{Resource, ResourceType};
use serde::{Deserialize, Serialize};
use serde_json::Value;

pub(crate) use self::delivery::{AnySubscriber, Bell, Delivery};
pub use self::delivery::{DELIVERY_TIMEOUT, Subscriber, SubscriberError};
pub use self::hook::{Becomes, ChangeHook, Membership, ProposedChange};
pub use self::outbox::{MemoryOutbox, OUTBOX_CAPACITY, Outbox, OutboxFuture};
use crate::scope::Scope;
pub use crate::scripts::mixes_scripts;

/// A change that was made.
///
/// It names attributes and members and holds no values, so that it can be kept and passed on
/// without care for secrets; whoever needs a value reads the resource.
///
/// ```
/// use scim2_provider::events::{ChangeEvent, ChangeKind};
/// fn must_sign_out(event: &ChangeEvent) -> bool {
///     event.is_deactivation() || event.record.touches("password")
/// }
/// # let _ = must_sign_out;
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ChangeEvent {
    /// Its place among the events of the store: later ones have higher numbers.
    pub sequence: u64,
    /// Whose resource it is, and which provisioning client changed it.
    pub scope: Scope,
    /// The name of the resource's type.
    pub resource_type: Box<str>,
    /// Which resource.
    pub id: ResourceId,
    /// The version that the change made; of a deleted resource, its last.
    pub version: Version,
    /// When it was changed.
    pub at: DateTime<Utc>,
    /// What was done, by whom.
    pub record: ChangeRecord,
}

impl ChangeEvent {
    /// An event, as a store has kept it.
    #[must_use]
    pub fn new(
        sequence: u64,
        scope: Scope,
        resource_type: &str,
        id: ResourceId,
        version: Version,
        at: DateTime<Utc>,
        record: ChangeRecord,
    ) -> Self {
        Self { sequence, scope, resource_type: resource_type.into(), id, version, at, record }
    }

    /// [`ChangeRecord::is_deactivation`].
    #[must_use]
    pub fn is_deactivation(&self) -> bool {
        self.record.is_deactivation()
    }
}

/// What a service provider gives a store to write down beside a change: everything of a
/// [`ChangeEvent`] that only the service provider knows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct ChangeRecord {
    /// What was done.
    pub kind: ChangeKind,
    /// The attributes that have another value than before: those of the type's own schema and the
    /// common ones by name, those of extensions with their URN. None of a deleted resource.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub attributes: Vec<Box<str>>,
    /// Who has become a member.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub members_added: Vec<ResourceId>,
    /// Who is no longer a member; of a deleted group, everybody.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub members_removed: Vec<ResourceId>,
    /// Whether somebody was let in or shut out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub activity: Option<Activity>,
    /// The name of the client that asked for it.
    pub actor: Box<str>,
    /// The request by which it asked.
    pub request_id: Box<str>,
}

/// What was done to a resource.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[expect(clippy::exhaustive_enums, reason = "a resource has no other fate")]
pub enum ChangeKind {
    /// It is new.
    Created,
    /// It is different.
    Changed,
    /// It is gone.
    Deleted,
}

/// What became of the attribute `active`; without a value it counts as true.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[expect(clippy::exhaustive_enums, reason = "a boolean changes in two ways")]
pub enum Activity {
    /// It was false and is true.
    Activated,
    /// It was true and is false, or is false in a new resource, or went with the resource.
    Deactivated,
}

impl ChangeRecord {
    /// The creation of a resource.
    #[must_use]
    pub fn created(ty: &ResourceType, after: &Resource) -> Self {
        let changes = ChangeSet::of(ty, &Resource::new(), after);
        let activity = (has_active(ty) && !is_active(after)).then_some(Activity::Deactivated);
        Self { activity, ..Self::of(ChangeKind::Created, ty, &changes) }
    }

    /// A change of a resource.
    #[must_use]
    pub fn changed(
        ty: &ResourceType,
        before: &Resource,
        after: &Resource,
        changes: &ChangeSet,
    ) -> Self {
        let activity = match (is_active(before), is_active(after)) {
            (true, false) if has_active(ty) => Some(Activity::Deactivated),
            (false, true) if has_active(ty) => Some(Activity::Activated),
            _ => None,
        };
        Self { activity, ..Self::of(ChangeKind::Changed, ty, changes) }
    }

    /// A change of a group's members and nothing else.
    #[must_use]
    pub fn members(delta: &MemberDelta) -> Self {
        let record = Self { attributes: vec!["members".into()], ..Self::new(ChangeKind::Changed) };
        record.with_members(delta)
    }

    /// The deletion of a resource.
    #[must_use]
    pub fn deleted(ty: &ResourceType, before: &Resource) -> Self {
        let members = ChangeSet::of(ty, before, &Resource::new()).members;
        let activity = has_active(ty).then_some(Activity::Deactivated);
        Self { activity, ..Self::new(ChangeKind::Deleted) }.with_members(&members)
    }

    /// The same record, of a request of this client.
    #[must_use]
    pub fn by(self, actor: &str, request_id: &str) -> Self {
        Self { actor: actor.into(), request_id: request_id.into(), ..self }
    }

    /// The same record with the members that were in fact added and removed.
    #[must_use]
    pub fn with_members(self, delta: &MemberDelta) -> Self {
        let id = |member: &Member| member.value.clone();
        Self {
            members_added: delta.add.iter().map(id).collect(),
            members_removed: delta.remove.clone(),
            ..self
        }
    }

    /// Whether somebody must not get in any more: `active` became false, by whatever request, or
    /// was so from the start, or the resource is gone.
    #[must_use]
    pub fn is_deactivation(&self) -> bool {
        self.activity == Some(Activity::Deactivated)
    }

    /// Whether this attribute has another value than before; names match in any case.
    #[must_use]
    pub fn touches(&self, name: &str) -> bool {
        self.attributes.iter().any(|attribute| {
            attribute.eq_ignore_ascii_case(name)
                || attribute
                    .rsplit_once(':')
                    .is_some_and(|(_, last)| last.eq_ignore_ascii_case(name))
        })
    }

    /// What happened, in one word; switching somebody off is told apart from other changes.
    pub(crate) fn action(&self) -> &'static str {
        match (self.kind, self.activity) {
            (ChangeKind::Created, _) => "create",
            (ChangeKind::Deleted, _) => "delete",
            (ChangeKind::Changed, Some(Activity::Deactivated)) => "deactivate",
            (ChangeKind::Changed, Some(Activity::Activated)) => "activate",
            (ChangeKind::Changed, None) => "change",
        }
    }

    fn new(kind: ChangeKind) -> Self {
        Self {
            kind,
            attributes: Vec::new(),
            members_added: Vec::new(),
            members_removed: Vec::new(),
            activity: None,
            actor: "".into(),
            request_id: "".into(),
        }
    }

    fn of(kind: ChangeKind, ty: &ResourceType, changes: &ChangeSet) -> Self {
        let own = |path| {
            let name = str::strip_prefix(path, ty.schema().id.as_str());
            name.and_then(|name| name.strip_prefix(':')).unwrap_or(path)
        };
        let kept = |name: &&str| !matches!(*name, "id" | "meta" | "schemas");
        let names = changes.attributes.iter().map(|path| own(path)).filter(kept);
        let mut attributes: Vec<Box<str>> = names.map(Box::from).collect();
        attributes.sort_unstable();
        Self { attributes, ..Self::new(kind) }.with_members(&changes.members)
    }
}

/// What the deletion of a resource changes in others, besides the resource itself (ruling W32).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Cascade {
    /// The resources that refer to it: the groups that it is in, in the order of their creation,
    /// then those that name it in a reference such as `manager`.
    pub affected: Vec<Affected>,
}

impl Cascade {
    /// What is changed by a deletion.
    #[must_use]
    pub fn new(affected: Vec<Affected>) -> Self {
        Self { affected }
    }

    /// For each resource that is changed, the record of it, given that of the deletion.
    pub fn records<'a>(
        &'a self,
        deleted: &'a ResourceId,
        deletion: &'a ChangeRecord,
    ) -> impl Iterator<Item = (&'a Affected, ChangeRecord)> {
        self.affected.iter().map(move |affected| {
            let record = ChangeRecord {
                attributes: affected.attributes.clone(),
                members_removed: match affected.loses_member() {
                    true => vec![deleted.clone()],
                    false => Vec::new(),
                },
                ..ChangeRecord::new(ChangeKind::Changed)
            };
            (affected, record.by(&deletion.actor, &deletion.request_id))
        })
    }
}

/// A resource that loses a reference because what it refers to is deleted.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Affected {
    /// The name of its type.
    pub resource_type: Box<str>,
    /// Which it is.
    pub id: ResourceId,
    /// The attributes that lose something, as in [`ChangeRecord::attributes`].
    pub attributes: Vec<Box<str>>,
}

impl Affected {
    /// A group that loses a member.
    #[must_use]
    pub fn group(resource_type: &str, id: ResourceId) -> Self {
        Self::referrer(resource_type, id, vec!["members".into()])
    }

    /// A resource whose references are cleared.
    #[must_use]
    pub fn referrer(resource_type: &str, id: ResourceId, attributes: Vec<Box<str>>) -> Self {
        Self { resource_type: resource_type.into(), id, attributes }
    }

    /// Whether it is a group that loses a member.
    #[must_use]
    pub fn loses_member(&self) -> bool {
        self.attributes.iter().any(|attribute| &**attribute == "members")
    }
}

/// Whether resources of this type can be switched off (RFC 7643 §4.1.1).
fn has_active(ty: &ResourceType) -> bool {
    ty.schema().attribute("active").is_some()
}

fn is_active(resource: &Resource) -> bool {
    resource.get("active") != Some(&Value::Bool(false))
}
