//! PATCH requests that are nothing but changes of a group's members (ruling P37).

use std::collections::HashMap;

use scim2_syntax::{AttrPath, PatchPath};
use serde_json::Value;

use super::path_of;
use super::target::{Place, is_assigned, locate, named_values, parse_path};
use crate::accept::{Accept, accept};
use crate::catalog::ResourceType;
use crate::change::{Member, MemberDelta, is_members};
use crate::error::Error;
use crate::patch_op::{PatchOp, PatchOpKind, PatchOperation};
use crate::policy::{Policy, RemoveUnmatched};
use crate::resource::{Resource, ResourceId};
use crate::schema::{Attribute, Mutability};

/// What one operation asks for.
enum Wish {
    Add(Vec<Member>),
    Remove(Vec<ResourceId>),
}

impl ResourceType {
    /// The whole request as additions and removals of members, if that is what it is: then a
    /// store can carry it out without reading the group, at a cost that does not depend on the
    /// group's size (ruling P37). None if anything else is in it, and for a resource type without
    /// members.
    ///
    /// The outcome is that of [`patch`](Self::patch): the same members are there afterwards. A
    /// member that is there already keeps what is known of it.
    ///
    /// ```
    /// use scim2_core::patch_op::PatchOp;
    /// use scim2_core::{Policy, ResourceType};
    /// use serde_json::json;
    ///
    /// let op = PatchOp::new()
    ///     .add("members", json!([{ "value": "2819c223" }]))
    ///     .remove(r#"members[value eq "902c246b"]"#);
    /// let delta = ResourceType::group().member_delta(&op, &Policy::strict())?.unwrap();
    /// assert_eq!(delta.add[0].value.as_str(), "2819c223");
    /// assert_eq!(delta.remove[0].as_str(), "902c246b");
    /// # Ok::<(), scim2_core::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`patch`](Self::patch), for operations on members whose value is at fault.
    pub fn member_delta(
        &self,
        op: &PatchOp,
        policy: &Policy,
    ) -> Result<Option<MemberDelta>, Error> {
        let Some(members) = self.attribute("members").filter(|members| {
            is_members(self, members.name.as_str())
                && members.mutability == Mutability::ReadWrite
                && !members.required
                && members.value_sub_attribute().is_some_and(|value| value.case_exact)
        }) else {
            return Ok(None);
        };
        // What becomes of each id in the end; the order in which they came up, for the store.
        let mut fate: HashMap<ResourceId, (usize, Option<Member>)> = HashMap::new();
        for (i, operation) in op.operations.iter().enumerate() {
            let wish = wish(self, members, operation, policy).map_err(|error| {
                let detail = error.message().unwrap_or_default().to_owned();
                error.detail(format_args!("`Operations[{i}]`: {detail}"))
            })?;
            match wish {
                None => return Ok(None),
                Some(Wish::Add(members)) => {
                    for member in members {
                        let turn = fate.len();
                        let (_, now) = fate.entry(member.value.clone()).or_insert((turn, None));
                        // Who is there already stays as it is.
                        now.get_or_insert(member);
                    }
                }
                Some(Wish::Remove(ids)) => {
                    for id in ids {
                        let turn = fate.len();
                        fate.entry(id).or_insert((turn, None)).1 = None;
                    }
                }
            }
        }
        let mut fates: Vec<_> = fate.into_iter().collect();
        fates.sort_unstable_by_key(|(_, (turn, _))| *turn);
        let mut delta = MemberDelta::default();
        for (id, (_, member)) in fates {
            match member {
                Some(member) => delta.add.push(member),
                None => delta.remove.push(id),
            }
        }
        Ok(Some(delta))
    }
}

/// What an operation asks for, if it is about named members and nothing else.
fn wish(
    resource_type: &ResourceType,
    members: &Attribute,
    operation: &PatchOperation,
    policy: &Policy,
) -> Result<Option<Wish>, Error> {
    let value = operation.value.as_ref().filter(|value| !value.is_null());
    let Some(path) = path_of(operation, policy) else {
        // `{"members": […]}` without path is the same as the path `members`.
        let Some(Value::Object(attributes)) = value else { return Ok(None) };
        let mut attributes = attributes.iter();
        let (Some((key, value)), None) = (attributes.next(), attributes.next()) else {
            return Ok(None);
        };
        let Ok(path) = AttrPath::parse_with(key, &policy.syntax) else { return Ok(None) };
        return match operation.op {
            PatchOpKind::Add if is_whole(resource_type, policy, &path.into()) => {
                added(resource_type, members, value, policy)
            }
            _ => Ok(None),
        };
    };
    let Ok(path) = parse_path(path, policy) else { return Ok(None) };
    let removable = policy.patch.remove_unmatched == RemoveUnmatched::Succeed;
    match (operation.op, &path.filter, value) {
        (PatchOpKind::Add, None, Some(value)) if is_whole(resource_type, policy, &path) => {
            added(resource_type, members, value, policy)
        }
        (PatchOpKind::Remove, None, Some(value))
            if policy.patch.remove_value_selects && is_whole(resource_type, policy, &path) =>
        {
            removed(resource_type, members, value, policy)
        }
        (PatchOpKind::Remove, Some(filter), None) if removable => {
            let empty = Resource::new();
            let names = match locate(resource_type, policy, &empty, &path) {
                Ok(Place::Attribute(target))
                    if target.container.is_none()
                        && target.sub.is_none()
                        && is_members(resource_type, &target.key) =>
                {
                    named_values(members, filter)
                }
                _ => None,
            };
            let Some(names) = names else { return Ok(None) };
            let plain = names.iter().all(|name| is_plain(name));
            Ok(plain.then(|| Wish::Remove(names.into_iter().map(ResourceId::from).collect())))
        }
        _ => Ok(None),
    }
}

/// Whether a path names the members as a whole.
fn is_whole(resource_type: &ResourceType, policy: &Policy, path: &PatchPath) -> bool {
    let empty = Resource::new();
    matches!(
        locate(resource_type, policy, &empty, path),
        Ok(Place::Attribute(target))
            if target.container.is_none()
                && target.sub.is_none()
                && target.selection.is_none()
                && is_members(resource_type, &target.key)
    )
}

fn added(
    resource_type: &ResourceType,
    members: &Attribute,
    value: &Value,
    policy: &Policy,
) -> Result<Option<Wish>, Error> {
    let added = elements(resource_type, members, value, policy)?;
    let members: Option<Vec<Member>> = added
        .iter()
        .map(|element| Member::from_value(element).filter(|member| is_plain(member.value.as_str())))
        .collect();
    Ok(members.map(Wish::Add))
}

/// Members that the value of a remove names by nothing but their id.
fn removed(
    resource_type: &ResourceType,
    members: &Attribute,
    value: &Value,
    policy: &Policy,
) -> Result<Option<Wish>, Error> {
    let named = elements(resource_type, members, value, policy)?;
    let ids: Option<Vec<ResourceId>> = named
        .iter()
        .map(|entry| {
            let members = entry.as_object()?;
            let has_type = members.get("type").is_some_and(is_assigned);
            let id = members.get("value").and_then(Value::as_str)?;
            (!has_type && is_plain(id)).then(|| ResourceId::from(id))
        })
        .collect();
    Ok(ids.map(Wish::Remove))
}

fn elements(
    resource_type: &ResourceType,
    members: &Attribute,
    value: &Value,
    policy: &Policy,
) -> Result<Vec<Value>, Error> {
    let cx = Accept { resource_type, policy, path: members.name.as_str() };
    match accept(members, value.clone(), cx)? {
        Some(Value::Array(elements)) => Ok(elements),
        _ => Ok(Vec::new()),
    }
}

/// Whether an id is its own comparison form, so that rows can be found by it.
fn is_plain(id: &str) -> bool {
    id.is_ascii() && !id.is_empty()
}
