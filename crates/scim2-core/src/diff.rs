//! The PATCH that turns one state of a resource into another.

use std::collections::{HashMap, HashSet};

use scim2_syntax::{Filter, PatchPath};
use serde_json::{Map, Value};

use crate::catalog::{Extension, ResourceType};
use crate::eval::is_present;
use crate::key::equal_values;
use crate::patch_op::{PatchOp, PatchOpKind, PatchOperation};
use crate::resource::Resource;
use crate::schema::{Attribute, Mutability};

/// The least PATCH that makes `after` of `before`, in forms that every service provider takes:
/// each operation has a path, kinds are in lower case, and none replaces `attr[filter]` (ruling
/// C04). No operation means no difference.
///
/// - A simple attribute is added, replaced or removed as a whole, and so is a multi-valued one.
/// - A complex attribute is changed by its sub-attributes; if `before` has none of it, it is added
///   whole.
/// - Elements that name resources, the `members` of a group, are added and removed, each removal
///   by a filter on its `value`: another client's change to the same group stays. Which of them
///   comes first is no difference, nor is what the service provider says about them.
/// - `schemas` and what is readOnly is left out, for the service provider sets it. Something
///   writeOnly that `after` lacks is no difference: it cannot be read back.
///
/// Where an immutable attribute differs the operation is there, and will be refused.
///
/// ```
/// use scim2_core::diff::diff;
/// use scim2_core::{Policy, Resource, ResourceType};
///
/// let before: Resource = serde_json::from_str(r#"{"userName": "b", "title": "Guide"}"#)?;
/// let after: Resource = serde_json::from_str(r#"{"userName": "bjensen", "active": true}"#)?;
/// let op = diff(&ResourceType::user(), &before, &after);
/// let paths: Vec<_> =
///     op.operations.iter().map(|op| (op.op.as_str(), op.path.as_deref().unwrap())).collect();
/// assert_eq!(paths, [("add", "active"), ("remove", "title"), ("replace", "userName")]);
///
/// let mut patched = before;
/// ResourceType::user().patch(&mut patched, &op, &Policy::strict())?;
/// assert_eq!(patched.get("userName"), after.get("userName"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[must_use]
pub fn diff(resource_type: &ResourceType, before: &Resource, after: &Resource) -> PatchOp {
    let mut diff = Diff { op: PatchOp::new() };
    let (before, after) = (before.as_map(), after.as_map());
    for key in keys(before, after) {
        let (old, new) = (before.get(key), after.get(key));
        if let Some(extension) = resource_type.extension(key) {
            diff.container(&format!("{key}:"), Some(extension), old, new);
        } else if let Some(attribute) = resource_type.attribute(key) {
            if attribute.name != "schemas" {
                diff.attribute(key, Some(attribute), old, new);
            }
        } else if key.contains(':') {
            diff.container(&format!("{key}:"), None, old, new);
        } else {
            diff.attribute(key, None, old, new);
        }
    }
    diff.op
}

struct Diff {
    op: PatchOp,
}

impl Diff {
    fn push(&mut self, kind: PatchOpKind, path: &str, value: Option<Value>) {
        // A key that is no path can only come from an open resource type's unknown data.
        if path.parse::<PatchPath>().is_ok() {
            self.op.operations.push(PatchOperation::new(kind, Some(path.into()), value));
        }
    }

    /// The attributes of an extension; without a definition, of whatever stands under the URN.
    fn container(
        &mut self,
        prefix: &str,
        extension: Option<&Extension>,
        old: Option<&Value>,
        new: Option<&Value>,
    ) {
        let empty = Map::new();
        let [old, new] = [old, new].map(|value| value.and_then(Value::as_object).unwrap_or(&empty));
        for key in keys(old, new) {
            let attribute = extension.and_then(|extension| extension.schema.attribute(key));
            self.attribute(&format!("{prefix}{key}"), attribute, old.get(key), new.get(key));
        }
    }

    fn attribute(
        &mut self,
        path: &str,
        attribute: Option<&Attribute>,
        old: Option<&Value>,
        new: Option<&Value>,
    ) {
        let old = old.filter(|value| is_present(value) || is_empty_text(value));
        let new = new.filter(|value| is_present(value) || is_empty_text(value));
        if old == new {
            return;
        }
        let mutability = attribute.map_or(Mutability::ReadWrite, |attribute| attribute.mutability);
        match (old, new) {
            _ if mutability == Mutability::ReadOnly => {}
            (_, None) if mutability == Mutability::WriteOnly => {}
            (_, None) if old.is_some_and(|old| self.elements(path, attribute, old, &empty())) => {}
            (_, None) => self.push(PatchOpKind::Remove, path, None),
            (None, Some(new)) => {
                if let Some(new) = writable(attribute, new) {
                    self.push(PatchOpKind::Add, path, Some(new));
                }
            }
            (Some(old), Some(new)) if self.elements(path, attribute, old, new) => {}
            (Some(Value::Object(old)), Some(Value::Object(new))) => {
                for key in keys(old, new) {
                    if is_derived(attribute, old, key) && is_derived(attribute, new, key) {
                        continue;
                    }
                    let sub = attribute.and_then(|attribute| attribute.sub_attribute(key));
                    self.attribute(&format!("{path}.{key}"), sub, old.get(key), new.get(key));
                }
            }
            (Some(_), Some(new)) => {
                if let Some(new) = writable(attribute, new) {
                    self.push(PatchOpKind::Replace, path, Some(new));
                }
            }
        }
    }

    /// Elements that name resources, one by one. False if that is not what they are.
    fn elements(
        &mut self,
        path: &str,
        attribute: Option<&Attribute>,
        old: &Value,
        new: &Value,
    ) -> bool {
        let (Some(attribute), Value::Array(old), Value::Array(new)) = (attribute, old, new) else {
            return false;
        };
        if !attribute.is_resource_reference() {
            return false;
        }
        let [Some(old_by_id), Some(new_by_id)] = [by_id(old), by_id(new)] else { return false };
        // An element of the same id and another type cannot be changed in place.
        let stays = |id: &str| match (old_by_id.get(id), new_by_id.get(id)) {
            (Some(old), Some(new)) => equal_values(Some(attribute), old, new),
            _ => false,
        };
        let mut gone = HashSet::new();
        for id in old.iter().filter_map(id).filter(|id| !stays(id)) {
            if gone.insert(id) {
                let filter = Filter::eq("value", id);
                self.push(PatchOpKind::Remove, &format!("{path}[{filter}]"), None);
            }
        }
        let added: Vec<Value> = new
            .iter()
            .filter(|new| id(new).is_some_and(|id| !stays(id)))
            .filter_map(|new| writable(Some(attribute), new))
            .collect();
        if !added.is_empty() {
            self.push(PatchOpKind::Add, path, Some(added.into()));
        }
        true
    }
}

fn id(element: &Value) -> Option<&str> {
    element.get("value").and_then(Value::as_str)
}

/// Elements by the id that they name, if all of them name one.
fn by_id(elements: &[Value]) -> Option<HashMap<&str, &Value>> {
    elements.iter().map(|element| Some((id(element)?, element))).collect()
}

/// The keys of either object, in order.
fn keys<'a>(a: &'a Map<String, Value>, b: &'a Map<String, Value>) -> Vec<&'a String> {
    let mut keys: Vec<_> = a.keys().chain(b.keys()).collect();
    keys.sort_unstable();
    keys.dedup();
    keys
}

/// Whether the service provider works a sub-attribute out of another: the `$ref` beside an id.
fn is_derived(attribute: Option<&Attribute>, object: &Map<String, Value>, name: &str) -> bool {
    name == "$ref"
        && attribute.is_some_and(Attribute::is_resource_reference)
        && object.get("value").is_some_and(is_present)
}

/// A value without what only the service provider writes.
fn writable(attribute: Option<&Attribute>, value: &Value) -> Option<Value> {
    let is_read_only = |name: &str| {
        attribute
            .and_then(|attribute| attribute.sub_attribute(name))
            .is_some_and(|sub| sub.mutability == Mutability::ReadOnly)
    };
    let value = match value {
        Value::Object(members) => members
            .iter()
            .filter(|(name, _)| !is_read_only(name) && !is_derived(attribute, members, name))
            .map(|(name, value)| (name.clone(), value.clone()))
            .collect::<Map<_, _>>()
            .into(),
        Value::Array(elements) => {
            elements.iter().filter_map(|element| writable(attribute, element)).collect()
        }
        value => value.clone(),
    };
    (is_present(&value) || is_empty_text(&value)).then_some(value)
}

/// An empty string is a value that a client may have sent.
fn is_empty_text(value: &Value) -> bool {
    value.as_str() == Some("")
}

fn empty() -> Value {
    Value::Array(Vec::new())
}
