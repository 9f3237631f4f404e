//! The changes of the incremental phase in words, and what the target shows of each afterwards.

use scim2_client::{Client, ClientError, ErrorClass, Transport};
use scim2_core::Resource;
use scim2_core::catalog::ENTERPRISE_USER_SCHEMA;
use scim2_core::resource::ResourceId;
use scim2_core::syntax::Filter;
use scim2_sync::engine::SyncEngine;
use scim2_sync::source::{Change, Delta, MemberChange, ObjectKind, Removal, Snapshot, SourceId};
use serde_json::Value;

use crate::Failure;

/// One change of the source, and where to look for it in the target.
pub(crate) struct Described {
    /// What happened in the source.
    pub(crate) what: String,
    look: Look,
    kind: ObjectKind,
    id: SourceId,
}

/// What to show of the target.
enum Look {
    User,
    Group,
    Member { user: SourceId },
}

/// Puts a delta into words. It takes the snapshot from before the change, for the names.
pub(crate) fn describe(delta: &Delta, before: &Snapshot) -> Vec<Described> {
    let name = |kind, id: &SourceId| {
        before
            .object(kind, id)
            .and_then(|object| object.display_name())
            .unwrap_or(id.as_str())
            .to_owned()
    };
    let mut described = Vec::new();
    for (kind, changes, look) in [
        (ObjectKind::User, &delta.users, (|| Look::User) as fn() -> Look),
        (ObjectKind::Group, &delta.groups, || Look::Group),
    ] {
        for (id, change) in changes {
            let who = name(kind, id);
            let what = match change {
                Change::Removed(Removal::Hard) => format!("{who}: deleted for good"),
                Change::Removed(Removal::Soft) => format!("{who}: moved to the recycle bin"),
                Change::Upsert(changed) if before.object(kind, id).is_none() => {
                    let name = changed.attributes.get("displayName").and_then(Value::as_str);
                    format!("{}: new", name.unwrap_or(&who))
                }
                Change::Upsert(changed) => {
                    let mut parts: Vec<String> = changed
                        .attributes
                        .keys()
                        .filter(|name| *name != "objectId")
                        .cloned()
                        .collect();
                    if changed.manager.is_some() {
                        parts.push("manager".to_owned());
                    }
                    if parts.is_empty() {
                        continue;
                    }
                    format!("{who}: {}", shortened(&parts))
                }
            };
            described.push(Described { what, look: look(), kind, id: id.clone() });
        }
    }
    for (group, user, change) in &delta.memberships {
        let verb = match change {
            MemberChange::Joined => "joins",
            MemberChange::Left => "leaves",
        };
        let new = delta.users.iter().find_map(|(id, change)| match change {
            Change::Upsert(changed) if id == user => {
                changed.attributes.get("displayName")?.as_str()
            }
            _ => None,
        });
        let who = new.map_or_else(|| name(ObjectKind::User, user), str::to_owned);
        described.push(Described {
            what: format!("{who} {verb} {}", name(ObjectKind::Group, group)),
            look: Look::Member { user: user.clone() },
            kind: ObjectKind::Group,
            id: group.clone(),
        });
    }
    for (assignment, assigned) in &delta.assignments {
        let Some(id) = before.assignments.get(assignment).filter(|_| assigned.is_none()) else {
            continue;
        };
        let (kind, look) = if before.users.contains_key(id) {
            (ObjectKind::User, Look::User)
        } else {
            (ObjectKind::Group, Look::Group)
        };
        let what = format!("{}: assignment ended", name(kind, id));
        described.push(Described { what, look, kind, id: id.clone() });
    }
    described
}

/// Names joined by commas, as many as fit on a line.
fn shortened(names: &[String]) -> String {
    const FIT: usize = 3;
    let shown = names.iter().take(FIT).map(String::as_str).collect::<Vec<_>>().join(", ");
    if names.len() > FIT { format!("{shown}, …") } else { shown }
}

impl Described {
    /// What the target shows now.
    pub(crate) async fn seen<T: Transport>(
        &self,
        engine: &SyncEngine<T>,
    ) -> Result<String, Failure> {
        let client = engine.client();
        let id_of = |kind, id| engine.state().link(kind, id).map(|link| link.id.clone());
        let Some(target) = id_of(self.kind, &self.id) else {
            return Ok("-> not in the target".to_owned());
        };
        let seen = match &self.look {
            Look::User => user(client, &target).await,
            Look::Group => group(client, &target).await,
            Look::Member { user } => match id_of(ObjectKind::User, user) {
                Some(user) => member(client, &target, &user).await,
                None => Ok("-> the user is not in the target".to_owned()),
            },
        };
        seen.map_err(|error| Failure::because("reading the target", &error))
    }
}

async fn user<T: Transport>(client: &Client<T>, id: &ResourceId) -> Result<String, ClientError> {
    let user: Resource = match client.api("/Users").get(id).await {
        Ok(found) => found.resource,
        Err(error) if error.class() == ErrorClass::Gone => return Ok("-> gone".to_owned()),
        Err(error) => return Err(error),
    };
    let enterprise = |name: &str| user.get(ENTERPRISE_USER_SCHEMA)?.get(name);
    let mut seen = vec![
        user.text("userName").unwrap_or("no userName").to_owned(),
        match user.get("active").and_then(Value::as_bool) {
            Some(false) => "inactive".to_owned(),
            _ => "active".to_owned(),
        },
    ];
    seen.extend(user.text("title").map(|title| format!("title {title}")));
    seen.extend(
        enterprise("department").and_then(Value::as_str).map(|name| format!("department {name}")),
    );
    let manager = enterprise("manager").and_then(|manager| manager.get("value")?.as_str());
    if let Some(manager) = manager {
        let manager: Resource =
            client.api("/Users").get(&ResourceId::from(manager)).await?.resource;
        seen.extend(manager.text("displayName").map(|name| format!("manager {name}")));
    }
    Ok(format!("-> {}", seen.join(", ")))
}

async fn group<T: Transport>(client: &Client<T>, id: &ResourceId) -> Result<String, ClientError> {
    let group: Resource = client.api("/Groups").get(id).await?.resource;
    Ok(format!("-> {}", group.text("displayName").unwrap_or("no displayName")))
}

/// AWS shows no members, but answers whether a group has one.
async fn member<T: Transport>(
    client: &Client<T>,
    group: &ResourceId,
    user: &ResourceId,
) -> Result<String, ClientError> {
    let filter = Filter::eq("id", group.as_str()).and(Filter::eq("members", user.as_str()));
    let found = client.api::<Resource>("/Groups").find(filter).await?;
    let verb = if found.resources.is_empty() { "is not" } else { "is" };
    Ok(format!("-> {verb} a member"))
}
