//! What a PATCH changed.

use std::collections::HashSet;
use std::fmt;

use serde_json::{Map, Value};

use crate::catalog::{ResourceType, common_attribute};
use crate::resource::{Resource, ResourceId};

/// What a PATCH changed in a resource, for whoever stores, logs or announces it.
///
/// It is empty when the request had no effect: then version and `meta.lastModified` stay as they
/// are (RFC 7644 §3.5.2.1, ruling P15).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ChangeSet {
    /// The attributes whose value changed, each once and in order: with the URN of its schema,
    /// such as `urn:ietf:params:scim:schemas:core:2.0:User:userName`; the common attributes of
    /// RFC 7643 §3.1 by name alone, such as `externalId`.
    pub attributes: Vec<Box<str>>,
    /// What became of the `members`.
    pub members: MemberDelta,
}

impl ChangeSet {
    /// What is different between two states of a resource, however it came about.
    #[must_use]
    pub fn of(resource_type: &ResourceType, before: &Resource, after: &Resource) -> Self {
        let (before, after) = (before.as_map(), after.as_map());
        let new = after.keys().filter(|key| !before.contains_key(*key));
        let keys = before.keys().chain(new);
        Self::between(
            resource_type,
            keys.map(|key| (key.as_str(), before.get(key), after.get(key))),
        )
    }

    /// What is different between the values before and after of some top-level keys.
    pub(crate) fn between<'a>(
        resource_type: &ResourceType,
        keys: impl Iterator<Item = (&'a str, Option<&'a Value>, Option<&'a Value>)>,
    ) -> Self {
        let mut changes = Self::default();
        for (key, before, after) in keys.filter(|(_, before, after)| before != after) {
            if resource_type.extension(key).is_some() {
                let [before, after] = [before, after].map(|value| value.and_then(Value::as_object));
                let get = |map: Option<&'a Map<String, Value>>, name: &str| {
                    map.and_then(|map| map.get(name))
                };
                let names = [before, after].into_iter().flatten().flat_map(|map| map.keys());
                let changed = names.filter(|name| get(before, name) != get(after, name));
                changes
                    .attributes
                    .extend(changed.map(|name| format!("{key}:{name}").into_boxed_str()));
            } else if common_attribute(key).is_some() || key.contains(':') {
                changes.attributes.push(key.into());
            } else {
                let path = format!("{}:{key}", resource_type.schema().id);
                changes.attributes.push(path.into_boxed_str());
            }
            if is_members(resource_type, key) {
                changes.members = MemberDelta::between(before, after);
            }
        }
        changes.attributes.sort_unstable();
        changes.attributes.dedup();
        changes
    }

    /// Whether nothing changed (ruling P15).
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.attributes.is_empty()
    }

    /// Whether this attribute changed: `userName`, or its name with a schema's URN before it.
    /// Names match in any case.
    #[must_use]
    pub fn touches(&self, name: &str) -> bool {
        self.attributes.iter().any(|path| {
            path.eq_ignore_ascii_case(name)
                || path.rsplit_once(':').is_some_and(|(_, last)| last.eq_ignore_ascii_case(name))
        })
    }
}

/// A change of a group's members that can be carried out without reading the group: each member
/// that is to be there, each that is to be gone (ruling P37).
///
/// No member is in both lists, and none is in one of them twice. A member to be added may be there
/// already, one to be removed may be missing: both are left as they are.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MemberDelta {
    /// The members to add.
    pub add: Vec<Member>,
    /// The members to remove, by their id.
    pub remove: Vec<ResourceId>,
}

impl MemberDelta {
    fn between(before: Option<&Value>, after: Option<&Value>) -> Self {
        fn elements(value: Option<&Value>) -> &[Value] {
            value.and_then(Value::as_array).map_or(&[], Vec::as_slice)
        }
        let id =
            |element: &'_ Value| element.get("value").and_then(Value::as_str).map(Box::<str>::from);
        let old: HashSet<_> = elements(before).iter().filter_map(id).collect();
        let new: HashSet<_> = elements(after).iter().filter_map(id).collect();
        let mut delta = Self::default();
        let mut seen = HashSet::new();
        for member in elements(after).iter().filter_map(Member::from_value) {
            let value = member.value.as_str();
            if !old.contains(value) && seen.insert(Box::<str>::from(value)) {
                delta.add.push(member);
            }
        }
        for member in elements(before).iter().filter_map(Member::from_value) {
            let value = member.value.as_str();
            if !new.contains(value) && seen.insert(Box::<str>::from(value)) {
                delta.remove.push(member.value);
            }
        }
        delta
    }

    /// Does to a group what the delta says, and tells which members in fact came and went.
    ///
    /// ```
    /// use scim2_core::Resource;
    /// use scim2_core::change::{Member, MemberDelta};
    /// let mut group: Resource = serde_json::from_str(r#"{"members": [{"value": "1"}]}"#)?;
    /// let delta = MemberDelta { add: vec![Member::new("2")], remove: vec!["1".into(), "3".into()] };
    /// let done = delta.apply(&mut group);
    /// assert_eq!(done.remove, ["1".into()]);
    /// assert_eq!(group.get("members"), Some(&serde_json::json!([{"value": "2"}])));
    /// assert!(delta.apply(&mut group).is_empty());
    /// # Ok::<(), serde_json::Error>(())
    /// ```
    pub fn apply(&self, group: &mut Resource) -> Self {
        fn id(member: &Value) -> Option<&str> {
            member.get("value").and_then(Value::as_str)
        }
        let mut members = match group.remove("members") {
            Some(Value::Array(members)) => members,
            _ => Vec::new(),
        };
        let known: HashSet<Box<str>> = members.iter().filter_map(id).map(Box::from).collect();
        let known = |id: &ResourceId| known.contains(id.as_str());
        let done = Self {
            add: self.add.iter().filter(|member| !known(&member.value)).cloned().collect(),
            remove: self.remove.iter().filter(|id| known(id)).cloned().collect(),
        };
        let gone: HashSet<&str> = done.remove.iter().map(ResourceId::as_str).collect();
        members.retain(|member| !id(member).is_some_and(|id| gone.contains(id)));
        members.extend(done.add.iter().map(Member::to_value));
        if !members.is_empty() {
            group.insert("members", members);
        }
        done
    }

    /// Whether there is nothing to add or remove.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.add.is_empty() && self.remove.is_empty()
    }
}

/// One member of a group (RFC 7643 §4.2), as a client names it.
///
/// `Debug` leaves the name out.
#[derive(Clone, PartialEq, Eq)]
pub struct Member {
    /// The id of the member.
    pub value: ResourceId,
    /// The member's resource type, if the client says it: `User` or `Group`.
    pub member_type: Option<Box<str>>,
    /// The member's name, if the client says it.
    pub display: Option<Box<str>>,
}

impl Member {
    /// A member of which only the id is known.
    #[must_use]
    pub fn new(value: impl Into<ResourceId>) -> Self {
        Self { value: value.into(), member_type: None, display: None }
    }

    /// A member as it stands among the `members` of a group; none without `value`.
    #[must_use]
    pub fn from_value(element: &Value) -> Option<Self> {
        let text = |name: &str| element.get(name).and_then(Value::as_str);
        Some(Self {
            value: text("value")?.into(),
            member_type: text("type").map(Box::from),
            display: text("display").map(Box::from),
        })
    }

    /// The member as it stands among the `members` of a group.
    #[must_use]
    pub fn to_value(&self) -> Value {
        let mut element = Map::new();
        element.insert("value".into(), self.value.as_str().into());
        if let Some(member_type) = &self.member_type {
            element.insert("type".into(), Value::from(&**member_type));
        }
        if let Some(display) = &self.display {
            element.insert("display".into(), Value::from(&**display));
        }
        Value::Object(element)
    }
}

impl fmt::Debug for Member {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Member")
            .field("value", &self.value)
            .field("member_type", &self.member_type)
            .finish_non_exhaustive()
    }
}

/// Whether a top-level key is the `members` of a group, or what is like it.
pub(crate) fn is_members(resource_type: &ResourceType, key: &str) -> bool {
    key.eq_ignore_ascii_case("members")
        && resource_type
            .attribute(key)
            .is_some_and(|attribute| attribute.multi_valued && attribute.is_resource_reference())
}
