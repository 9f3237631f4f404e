//! Writing one attribute or sub-attribute, by its definition.

use serde_json::{Map, Value};

use super::Engine;
use super::elements::{self, Found, Index, Named};
use super::target::{effective, is_assigned, key_in, spelling};
use crate::accept::{Accept, accept, accept_open};
use crate::error::Error;
use crate::eval;
use crate::key::equal_values;
use crate::policy::{ComplexReplace, ReadOnly};
use crate::schema::{Attribute, Mutability};

/// The two ways to write a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Write {
    Add,
    Replace,
}

/// A key of some object, and what is known about its value.
#[derive(Clone, Copy)]
pub(super) struct Slot<'a> {
    pub(super) key: &'a str,
    pub(super) attribute: Option<&'a Attribute>,
    pub(super) mutability: Mutability,
    /// The name for messages.
    pub(super) name: &'a str,
    /// Whether the object is a value, which may itself go when it is empty.
    pub(super) nested: bool,
}

impl Slot<'_> {
    pub(super) fn is_multi_valued(&self) -> bool {
        self.attribute.is_some_and(|attribute| attribute.multi_valued)
    }

    /// Whether a value counts, for an attribute that must have one: an empty string does not.
    fn has_value(&self, map: &Map<String, Value>) -> bool {
        map.get(self.key).is_some_and(|value| is_assigned(value) && value.as_str() != Some(""))
    }

    fn immutable(&self) -> Error {
        Error::mutability(format_args!(
            "attribute `{}` is immutable and has a value already",
            self.name
        ))
    }
}

impl Engine<'_> {
    /// Makes a change and sees that it respects `immutable` (ruling P31) and `required` (P24).
    pub(super) fn guarded(
        &self,
        map: &mut Map<String, Value>,
        slot: Slot<'_>,
        change: impl FnOnce(&mut Map<String, Value>) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let before = match slot.mutability {
            Mutability::Immutable => map.get(slot.key).filter(|value| is_assigned(value)).cloned(),
            _ => None,
        };
        let required = slot.attribute.is_some_and(|attribute| attribute.required);
        let had_value = required && slot.has_value(map);
        change(map)?;
        if let Some(before) = before {
            match map.get_mut(slot.key) {
                Some(after) if equal_values(slot.attribute, &before, after) => *after = before,
                _ => return Err(slot.immutable()),
            }
        }
        let goes = slot.nested && map.is_empty();
        if had_value && !goes && !slot.has_value(map) {
            return Err(Error::mutability(format_args!(
                "attribute `{}` is required and cannot be removed",
                slot.name
            )));
        }
        Ok(())
    }

    /// add or replace of a whole attribute or sub-attribute.
    pub(super) fn write(
        &self,
        map: &mut Map<String, Value>,
        slot: Slot<'_>,
        kind: Write,
        value: Value,
        index: &mut Index,
    ) -> Result<(), Error> {
        // Ruling P26.
        if value.is_null() {
            return match kind {
                Write::Add => Err(null_added(slot.name)),
                Write::Replace => self.unassign(map, slot),
            };
        }
        let Some(attribute) = slot.attribute else {
            return self.write_open(map, slot, kind, value, index);
        };
        if !attribute.multi_valued && attribute.is_complex() {
            return self.write_complex(map, slot, attribute, kind, value);
        }
        let given = Given::of(&value);
        let accepted = accept(attribute, value, self.accept(slot.name))?;
        match (accepted, kind) {
            // Nothing to add: `[]` changes nothing, an empty text replaces what is there.
            (None, Write::Add) if given == Given::Nothing => Ok(()),
            (None, _) if given == Given::Members => nothing_known(slot.name, kind),
            (None, _) => self.unassign(map, slot),
            (Some(Value::Array(new)), _) if attribute.multi_valued => {
                self.guarded(map, slot, |map| self.put_elements(map, slot, kind, new, index))
            }
            (Some(value), _) => self.guarded(map, slot, |map| {
                put(map, slot.key, value);
                Ok(())
            }),
        }
    }

    /// Takes a value away, if there is one (ruling P22).
    pub(super) fn unassign(
        &self,
        map: &mut Map<String, Value>,
        slot: Slot<'_>,
    ) -> Result<(), Error> {
        self.guarded(map, slot, |map| {
            map.remove(slot.key);
            Ok(())
        })
    }

    /// remove of a whole attribute or sub-attribute, or of what its value names (ruling P20).
    pub(super) fn remove(
        &self,
        map: &mut Map<String, Value>,
        slot: Slot<'_>,
        value: Option<Value>,
    ) -> Result<(), Error> {
        let Some(value) = value else {
            return self.unassign(map, slot);
        };
        if !self.policy.patch.remove_value_selects {
            return Err(value_removed(slot));
        }
        let named = match slot.attribute {
            Some(attribute) => accept(attribute, value, self.accept(slot.name))?,
            None => accept_open(value)?,
        };
        // A value that names nothing removes nothing: it never empties the attribute.
        let Some(named) = named else { return Ok(()) };
        match (map.get_mut(slot.key), named) {
            (None, _) => Ok(()),
            (Some(Value::Array(_)), named) => {
                let entries = match named {
                    Value::Array(entries) => entries,
                    one => vec![one],
                };
                let named = Named::new(slot.attribute, &entries);
                self.guarded(map, slot, |map| {
                    self.retain(map, slot, named.cost(), |element| !named.contains(element))
                })
            }
            (Some(current), named) if elements::selects(slot.attribute, &named, current) => {
                self.unassign(map, slot)
            }
            (Some(_), _) => Ok(()),
        }
    }

    /// Keeps the elements that a test keeps; the attribute goes with the last of them.
    pub(super) fn retain(
        &self,
        map: &mut Map<String, Value>,
        slot: Slot<'_>,
        cost: usize,
        keep: impl Fn(&Value) -> bool,
    ) -> Result<(), Error> {
        let Some(Value::Array(elements)) = map.get_mut(slot.key) else { return Ok(()) };
        self.spend(elements.len().saturating_mul(cost.max(1)))?;
        elements.retain(keep);
        if elements.is_empty() {
            map.remove(slot.key);
        }
        Ok(())
    }

    /// add or replace of a singular complex attribute: what is given is set, the rest stays
    /// (RFC 7644 §3.5.2.1 and §3.5.2.3; ruling P13).
    fn write_complex(
        &self,
        map: &mut Map<String, Value>,
        slot: Slot<'_>,
        attribute: &Attribute,
        kind: Write,
        value: Value,
    ) -> Result<(), Error> {
        let found = Given::of(&value);
        let named = named_subs(attribute, &value);
        let accepted = accept(attribute, value, self.accept(slot.name))?;
        let given = match accepted {
            Some(Value::Object(given)) => given,
            _ if kind == Write::Add && found == Given::Nothing => return Ok(()),
            _ if named.is_empty() && found == Given::Members => {
                return nothing_known(slot.name, kind);
            }
            _ if named.is_empty() => return self.unassign(map, slot),
            _ => Map::new(),
        };
        self.guarded(map, slot, |map| {
            let mut object = match map.remove(slot.key) {
                Some(Value::Object(object)) => object,
                _ => Map::new(),
            };
            let known = Known::of(slot, &object);
            let whole = self.policy.patch.complex_replace == ComplexReplace::Replace;
            if kind == Write::Replace && whole {
                self.replace_object(&mut object, slot, given)?;
            } else {
                self.merge(&mut object, slot, kind, given, &named)?;
            }
            known.forget(slot, &mut object);
            put_object(map, slot, object);
            Ok(())
        })
    }

    /// add, replace or remove of a sub-attribute of a singular complex attribute.
    pub(super) fn within(
        &self,
        map: &mut Map<String, Value>,
        slot: Slot<'_>,
        change: impl FnOnce(&mut Map<String, Value>) -> Result<(), Error>,
    ) -> Result<(), Error> {
        self.guarded(map, slot, |map| {
            let mut object = match map.remove(slot.key) {
                Some(Value::Object(object)) => object,
                None | Some(Value::Null) => Map::new(),
                Some(_) => {
                    return Err(Error::invalid_path(format_args!(
                        "attribute `{}` has no sub-attributes",
                        slot.name
                    )));
                }
            };
            let known = Known::of(slot, &object);
            change(&mut object)?;
            known.forget(slot, &mut object);
            put_object(map, slot, object);
            Ok(())
        })
    }

    /// Sets the given sub-attributes and leaves the others; those that were named and given no
    /// value are cleared by a replace (ruling P13).
    pub(super) fn merge(
        &self,
        object: &mut Map<String, Value>,
        parent: Slot<'_>,
        kind: Write,
        given: Map<String, Value>,
        named: &[&Attribute],
    ) -> Result<(), Error> {
        let cleared: Vec<_> = match kind {
            Write::Add => Vec::new(),
            Write::Replace => {
                let named = named.iter().copied();
                named.filter(|sub| !given.contains_key(sub.name.as_str())).collect()
            }
        };
        for (key, value) in given {
            let attribute = parent.attribute.and_then(|attribute| attribute.sub_attribute(&key));
            if attribute.is_none() {
                self.spend(object.len())?;
            }
            let key = key_in(object, attribute, &key).into_owned();
            let name = format!("{}.{key}", parent.name);
            let mutability = effective(sub_mutability(parent), attribute);
            let slot = Slot { key: &key, attribute, mutability, name: &name, nested: true };
            if mutability == Mutability::ReadOnly {
                self.read_only(slot, object.get(&key), Some(&value))?;
                continue;
            }
            self.guarded(object, slot, |object| match value {
                Value::Array(new) if slot.is_multi_valued() => {
                    self.put_elements(object, slot, kind, new, &mut Index::default())
                }
                value => {
                    put(object, slot.key, value);
                    Ok(())
                }
            })?;
        }
        for attribute in cleared {
            let key = attribute.name.as_str();
            let name = format!("{}.{key}", parent.name);
            let mutability = effective(sub_mutability(parent), Some(attribute));
            let slot =
                Slot { key, attribute: Some(attribute), mutability, name: &name, nested: true };
            if mutability == Mutability::ReadOnly {
                self.read_only(slot, object.get(key), None)?;
            } else {
                self.unassign(object, slot)?;
            }
        }
        Ok(())
    }

    /// Puts a whole new object in the place of the old one (ruling P12). What is readOnly or
    /// immutable stays.
    pub(super) fn replace_object(
        &self,
        object: &mut Map<String, Value>,
        parent: Slot<'_>,
        given: Map<String, Value>,
    ) -> Result<(), Error> {
        let mut old = std::mem::take(object);
        // What the client cannot take away stays, to be compared with what is given.
        for sub in parent.attribute.into_iter().flat_map(|attribute| &attribute.sub_attributes) {
            let mutability = effective(sub_mutability(parent), Some(sub));
            if matches!(mutability, Mutability::ReadOnly | Mutability::Immutable)
                && let Some(value) = old.remove(sub.name.as_str())
            {
                object.insert(sub.name.as_str().to_owned(), value);
            }
        }
        self.merge(object, parent, Write::Replace, given, &[])
    }

    /// A write to something readOnly (RFC 7643 §7; ruling P30): nothing happens if it says what
    /// is there, or if the policy has it ignored.
    pub(super) fn read_only(
        &self,
        slot: Slot<'_>,
        current: Option<&Value>,
        new: Option<&Value>,
    ) -> Result<(), Error> {
        let same = match (current, new) {
            (Some(current), Some(new)) => equal_values(slot.attribute, current, new),
            (current, new) => !current.is_some_and(is_assigned) && !new.is_some_and(is_assigned),
        };
        if same || self.policy.patch.read_only == ReadOnly::Ignore {
            return Ok(());
        }
        Err(Error::mutability(format_args!("attribute `{}` is readOnly", slot.name)))
    }

    /// Adds elements to what is there, or puts them in its place.
    pub(super) fn put_elements(
        &self,
        map: &mut Map<String, Value>,
        slot: Slot<'_>,
        kind: Write,
        mut new: Vec<Value>,
        index: &mut Index,
    ) -> Result<(), Error> {
        let mut elements = match map.remove(slot.key) {
            Some(Value::Array(elements)) => elements,
            None | Some(Value::Null) => Vec::new(),
            Some(one) => vec![one],
        };
        self.adopt_read_only(slot, &elements, &mut new)?;
        match kind {
            Write::Add => self.add_elements(&mut elements, slot, new, index)?,
            Write::Replace => {
                let primary = new.iter().enumerate().filter(|(_, e)| elements::is_primary(e));
                let primary = primary.map(|(place, _)| place).collect();
                elements::keep_one_primary(slot.name, &mut new, primary)?;
                elements = new;
            }
        }
        if !elements.is_empty() {
            put(map, slot.key, Value::Array(elements));
        }
        Ok(())
    }

    /// Adds each element that is not there yet (RFC 7644 §3.5.2.1; ruling P14).
    pub(super) fn add_elements(
        &self,
        elements: &mut Vec<Value>,
        slot: Slot<'_>,
        new: Vec<Value>,
        index: &mut Index,
    ) -> Result<(), Error> {
        let mut primary = Vec::new();
        for element in new {
            let sets_primary = elements::is_primary(&element);
            let spend = |count| self.spend(count);
            let place = match elements::find(slot.attribute, elements, &element, index, spend)? {
                Found::Equal(place) => place,
                Found::SamePair(place) => {
                    if let (Some(Value::Object(old)), Value::Object(mut given)) =
                        (elements.get_mut(place), element)
                    {
                        // What is equal stays in the spelling that it has.
                        given.retain(|name, value| {
                            let sub = slot.attribute.and_then(|a| a.sub_attribute(name));
                            let current = eval::member(old, name);
                            !current.is_some_and(|current| equal_values(sub, current, value))
                        });
                        self.merge(old, slot, Write::Add, given, &[])?;
                    }
                    place
                }
                Found::New => {
                    elements.push(element);
                    elements.len() - 1
                }
            };
            if sets_primary {
                primary.push(place);
            }
        }
        if primary.is_empty() {
            return Ok(());
        }
        self.spend(elements.len())?;
        elements::keep_one_primary(slot.name, elements, primary)
    }

    /// Sub-attributes that only the service provider writes, in elements that a client wrote: an
    /// element keeps what the stored one with the same `value` has, and may not say otherwise.
    pub(super) fn adopt_read_only(
        &self,
        slot: Slot<'_>,
        old: &[Value],
        new: &mut [Value],
    ) -> Result<(), Error> {
        let Some(attribute) = slot.attribute else { return Ok(()) };
        let is_read_only = |sub: &&Attribute| sub.mutability == Mutability::ReadOnly;
        if !attribute.sub_attributes.iter().any(|sub| is_read_only(&sub)) {
            return Ok(());
        }
        self.spend(old.len().saturating_mul(new.len()))?;
        for element in new.iter_mut().filter_map(Value::as_object_mut) {
            let value = element.get("value").cloned();
            let stored = old.iter().filter_map(Value::as_object).find(|stored| {
                let sub = attribute.value_sub_attribute();
                match (&value, stored.get("value")) {
                    (Some(a), Some(b)) => equal_values(sub, a, b),
                    _ => false,
                }
            });
            for sub in attribute.sub_attributes.iter().filter(is_read_only) {
                let key = sub.name.as_str();
                let name = format!("{}.{key}", slot.name);
                let sub_slot = Slot {
                    key,
                    attribute: Some(sub),
                    mutability: Mutability::ReadOnly,
                    name: &name,
                    nested: true,
                };
                let current = stored.and_then(|stored| stored.get(key));
                if let Some(given) = element.remove(key) {
                    self.read_only(sub_slot, current, Some(&given))?;
                }
                if let Some(current) = current {
                    element.insert(key.to_owned(), current.clone());
                }
            }
        }
        Ok(())
    }

    /// add or replace of what no schema defines: the types are those of the values.
    fn write_open(
        &self,
        map: &mut Map<String, Value>,
        slot: Slot<'_>,
        kind: Write,
        value: Value,
        index: &mut Index,
    ) -> Result<(), Error> {
        let named: Vec<String> = match &value {
            Value::Object(members) => members.keys().cloned().collect(),
            _ => Vec::new(),
        };
        let Some(value) = accept_open(value)? else {
            return match kind {
                Write::Add => Ok(()),
                Write::Replace => self.unassign(map, slot),
            };
        };
        match (map.get_mut(slot.key), value, kind) {
            (Some(Value::Array(_)), Value::Array(new), kind) => {
                self.put_elements(map, slot, kind, new, index)
            }
            (Some(Value::Array(_)), one, Write::Add) => {
                self.put_elements(map, slot, kind, vec![one], index)
            }
            (Some(Value::Object(object)), Value::Object(given), kind) => {
                for (name, value) in given {
                    self.spend(object.len())?;
                    let key = spelling(object, &name);
                    if is_assigned(&value) {
                        put(object, &key, value);
                    } else if kind == Write::Replace && named.contains(&name) {
                        object.remove(key.as_ref());
                    }
                }
                if object.is_empty() {
                    map.remove(slot.key);
                }
                Ok(())
            }
            (_, Value::Array(new), kind) => self.put_elements(map, slot, kind, new, index),
            (_, value, _) => {
                put(map, slot.key, value);
                Ok(())
            }
        }
    }

    pub(super) fn accept<'s>(&'s self, name: &'s str) -> Accept<'s> {
        Accept { resource_type: self.resource_type, policy: self.policy, path: name }
    }
}

/// Puts a value into an object, in the place of the one that is there.
pub(super) fn put(map: &mut Map<String, Value>, key: &str, value: Value) {
    match map.get_mut(key) {
        Some(place) => *place = value,
        None => {
            map.insert(key.to_owned(), value);
        }
    }
}

/// What a reference to a resource says before it changes.
#[derive(Default)]
struct Known {
    value: Option<Value>,
    uri: Option<Value>,
}

impl Known {
    fn of(slot: Slot<'_>, object: &Map<String, Value>) -> Self {
        if !slot.attribute.is_some_and(Attribute::is_resource_reference) {
            return Self::default();
        }
        Self { value: object.get("value").cloned(), uri: object.get("$ref").cloned() }
    }

    /// What was known of one resource is not true of another (ruling W35): the name of a manager
    /// goes with the manager.
    fn forget(self, slot: Slot<'_>, object: &mut Map<String, Value>) {
        let Some(attribute) = slot.attribute else { return };
        if self.value.is_none() || object.get("value") == self.value.as_ref() {
            return;
        }
        if object.get("$ref") == self.uri.as_ref() {
            object.remove("$ref");
        }
        for sub in attribute.sub_attributes.iter().filter(|s| s.mutability == Mutability::ReadOnly)
        {
            object.remove(sub.name.as_str());
        }
    }
}

/// Puts the object of a complex attribute back; it is unassigned without sub-attributes.
fn put_object(map: &mut Map<String, Value>, slot: Slot<'_>, object: Map<String, Value>) {
    // A reference that has lost its id is none, whatever the service provider knew about it.
    let is_nothing = slot.attribute.is_some_and(|attribute| {
        attribute.is_resource_reference()
            && object.keys().all(|key| {
                let sub = attribute.sub_attribute(key);
                key == "$ref" || sub.is_some_and(|sub| sub.mutability == Mutability::ReadOnly)
            })
    });
    if !object.is_empty() && !is_nothing {
        put(map, slot.key, Value::Object(object));
    }
}

/// What the sub-attributes of a slot inherit: an immutable parent is guarded as a whole, where it
/// has a value already.
pub(super) fn sub_mutability(parent: Slot<'_>) -> Mutability {
    match parent.mutability {
        Mutability::Immutable => Mutability::ReadWrite,
        other => other,
    }
}

/// The sub-attributes that an object names, also those that it gives no value.
pub(super) fn named_subs<'a>(attribute: &'a Attribute, value: &Value) -> Vec<&'a Attribute> {
    let members = match value {
        Value::Object(members) => members,
        Value::Array(elements) => match elements.as_slice() {
            [Value::Object(members)] => members,
            _ => return Vec::new(),
        },
        _ => return Vec::new(),
    };
    members.keys().filter_map(|key| attribute.sub_attribute(key)).collect()
}

/// A remove with a value, which no policy allows (ruling P20).
pub(super) fn value_removed(slot: Slot<'_>) -> Error {
    let name = slot.name;
    if slot.is_multi_valued() {
        return Error::invalid_value(format_args!(
            "remove takes no value; name what to remove from `{name}` by a filter in its path"
        ));
    }
    Error::invalid_value(format_args!("remove takes no value; leave it out to remove `{name}`"))
}

/// What a client has sent, before it is known what of it counts.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Given {
    /// null, `[]`, `{}` and what is made of them.
    Nothing,
    /// A text or another simple value.
    Simple,
    /// Something in an array or object.
    Members,
}

impl Given {
    pub(super) fn of(value: &Value) -> Self {
        match value {
            value if !is_assigned(value) => Self::Nothing,
            Value::Array(_) | Value::Object(_) => Self::Members,
            _ => Self::Simple,
        }
    }
}

/// A value of which nothing is left when what no schema defines is ignored (ruling P36). That is
/// nothing to add, and no way to clear an attribute: a group is not emptied by `[{"id": "…"}]`.
pub(super) fn nothing_known(name: &str, kind: Write) -> Result<(), Error> {
    match kind {
        Write::Add => Ok(()),
        Write::Replace => Err(Error::invalid_value(format_args!(
            "nothing in the value for `{name}` is known; to clear the attribute, remove it"
        ))),
    }
}

pub(super) fn null_added(name: &str) -> Error {
    Error::invalid_value(format_args!("null cannot be added to `{name}`; to clear it, remove it"))
}
