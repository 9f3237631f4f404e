//! Elements of a multi-valued attribute that a filter selects.

use std::borrow::Cow;

use serde_json::{Map, Value};

use super::elements::{self, Index};
use super::target::{effective, equalities, is_assigned, key_in, spelling};
use super::write::{
    Given, Slot, Write, named_subs, nothing_known, null_added, put, sub_mutability, value_removed,
};
use super::{BYTES_A_VISIT, Engine};
use crate::accept::{Accept, accept, accept_element, accept_open};
use crate::bind::BoundFilter;
use crate::error::Error;
use crate::policy::{Policy, RemoveUnmatched, SelectedReplace};
use crate::schema::{Attribute, Mutability};
use crate::syntax::Filter;

/// Which elements of an attribute an operation works on.
#[derive(Clone, Copy)]
pub(super) enum Selected<'a> {
    /// Those that match; a new one is made if there is none and a filter to make it from.
    Filter {
        bound: &'a BoundFilter,
        filter: Option<&'a Filter>,
        /// How many comparisons the filter has.
        leaves: usize,
    },
    /// All (ruling P27).
    All,
}

impl Selected<'_> {
    pub(super) fn contains(&self, element: &Value) -> bool {
        match self {
            Self::Filter { bound, .. } => bound.matches_element(element),
            Self::All => true,
        }
    }

    /// How many times it looks at an element.
    fn looks(&self) -> usize {
        match self {
            Self::Filter { leaves, .. } => *leaves,
            Self::All => 1,
        }
    }
}

impl Engine<'_> {
    /// add or replace of elements that a filter selects, or of a sub-attribute of them (rulings
    /// P09 to P12 and P27).
    pub(super) fn write_selected(
        &self,
        map: &mut Map<String, Value>,
        slot: Slot<'_>,
        sub: Option<Slot<'_>>,
        selection: Selected<'_>,
        kind: Write,
        value: Value,
    ) -> Result<(), Error> {
        if value.is_null() && kind == Write::Add {
            return Err(null_added(sub.map_or(slot.name, |sub| sub.name)));
        }
        let given = Given::of(&value);
        let named = match (sub, slot.attribute) {
            (None, Some(attribute)) => named_subs(attribute, &value),
            _ => Vec::new(),
        };
        let accepted = match (sub, slot.attribute) {
            _ if value.is_null() => None,
            (Some(Slot { attribute: Some(attribute), name, .. }), _) => {
                accept(attribute, value, self.accept(name))?
            }
            (None, Some(attribute)) => accept_element(attribute, value, self.accept(slot.name))?,
            _ => accept_open(value)?,
        };
        match given {
            _ if accepted.is_some() => {}
            Given::Nothing if kind == Write::Add => return Ok(()),
            Given::Members if named.is_empty() => {
                return nothing_known(sub.map_or(slot.name, |sub| sub.name), kind);
            }
            _ => {}
        }
        let mut elements = match map.get_mut(slot.key) {
            None | Some(Value::Null) => Vec::new(),
            Some(Value::Array(elements)) => std::mem::take(elements),
            Some(_) if slot.attribute.is_none() => {
                return Err(Error::invalid_path(format_args!(
                    "attribute `{}` has one value, so no filter can stand behind it",
                    slot.name
                )));
            }
            Some(one) => vec![one.take()],
        };
        self.spend_looks(&elements, selection.looks())?;
        let places: Vec<usize> = elements
            .iter()
            .enumerate()
            .filter(|(_, element)| selection.contains(element))
            .map(|(place, _)| place)
            .collect();
        let mut primary = Vec::new();
        if places.is_empty() {
            match (accepted, selection) {
                (Some(value), Selected::Filter { bound, filter: Some(filter), .. }) => {
                    let element = self.element_from(slot, sub, bound, filter, value)?;
                    self.add_elements(&mut elements, slot, vec![element], &mut Index::default())?;
                }
                // There is nothing to clear, which is what was asked for.
                (None, Selected::Filter { filter: Some(_), .. }) => {}
                (_, Selected::Filter { .. }) => {
                    return Err(Error::no_target(format_args!(
                        "no value of `{}` matches the filter",
                        slot.name
                    )));
                }
                (_, Selected::All) => {
                    return Err(Error::no_target(format_args!("`{}` has no value", slot.name)));
                }
            }
        } else {
            let copied = accepted.as_ref().map_or(0, elements::text_len) / BYTES_A_VISIT;
            self.spend(places.len().saturating_mul(copied))?;
            for place in places {
                let Some(element) = elements.get_mut(place) else { continue };
                let sets_primary = match (sub, &accepted) {
                    (Some(sub), Some(value)) => {
                        sub.key.eq_ignore_ascii_case("primary") && *value == Value::Bool(true)
                    }
                    (None, Some(value)) => elements::is_primary(value),
                    (_, None) => false,
                };
                self.write_element(element, slot, sub, kind, accepted.clone(), &named)?;
                if sets_primary {
                    primary.push(place);
                }
            }
            elements::keep_one_primary(slot.name, &mut elements, primary)?;
            elements.retain(is_assigned);
        }
        if elements.is_empty() {
            map.remove(slot.key);
        } else {
            put(map, slot.key, Value::Array(elements));
        }
        Ok(())
    }

    /// Writes one selected element, or one sub-attribute of it. An element without value is
    /// left as null, for the caller to take away.
    fn write_element(
        &self,
        element: &mut Value,
        slot: Slot<'_>,
        sub: Option<Slot<'_>>,
        kind: Write,
        accepted: Option<Value>,
        named: &[&Attribute],
    ) -> Result<(), Error> {
        let Some(sub) = sub else {
            let merges =
                kind == Write::Add || self.policy.patch.selected_replace == SelectedReplace::Merge;
            match (element.as_object_mut(), accepted) {
                (Some(old), Some(Value::Object(given))) if merges => {
                    self.merge(old, slot, kind, given, named)?;
                }
                (Some(old), Some(Value::Object(given))) => self.replace_object(old, slot, given)?,
                (Some(old), None) if merges && !named.is_empty() => {
                    self.merge(old, slot, kind, Map::new(), named)?;
                }
                (_, value) => *element = value.unwrap_or(Value::Null),
            }
            return Ok(());
        };
        let Some(members) = element.as_object_mut() else {
            return Err(Error::invalid_path(format_args!(
                "the selected value of `{}` has no sub-attributes",
                slot.name
            )));
        };
        let key = key_in(members, sub.attribute, sub.key);
        let sub = Slot { key: &key, ..sub };
        match accepted {
            Some(value) => self.guarded(members, sub, |members| match value {
                Value::Array(new) if sub.is_multi_valued() => {
                    self.put_elements(members, sub, kind, new, &mut Index::default())
                }
                value => {
                    put(members, sub.key, value);
                    Ok(())
                }
            }),
            None => self.unassign_in_element(element, sub),
        }
    }

    /// Takes a sub-attribute from an element (ruling P25).
    fn unassign_in_element(&self, element: &mut Value, sub: Slot<'_>) -> Result<(), Error> {
        let Some(members) = element.as_object_mut() else { return Ok(()) };
        let had = members.contains_key(sub.key);
        self.unassign(members, sub)?;
        let goes = had && self.policy.patch.drop_valueless_elements;
        if members.is_empty() || goes && !elements::has_content(members) {
            *element = Value::Null;
        }
        Ok(())
    }

    /// remove of selected elements, or of a sub-attribute of them.
    pub(super) fn remove_selected(
        &self,
        map: &mut Map<String, Value>,
        slot: Slot<'_>,
        sub: Option<Slot<'_>>,
        selection: Selected<'_>,
        value: Option<Value>,
    ) -> Result<(), Error> {
        let value = match value {
            None => None,
            Some(_) if !self.policy.patch.remove_value_selects => {
                return Err(value_removed(sub.unwrap_or(slot)));
            }
            Some(value) => {
                let named = match (sub, slot.attribute) {
                    (Some(Slot { attribute: Some(attribute), name, .. }), _) => {
                        accept(attribute, value, self.accept(name))?
                    }
                    (None, Some(attribute)) => accept(attribute, value, self.accept(slot.name))?,
                    _ => accept_open(value)?,
                };
                match named {
                    None => return Ok(()),
                    Some(Value::Array(entries)) => Some(entries),
                    Some(one) => Some(vec![one]),
                }
            }
        };
        let wanted = |attribute: Option<&Attribute>, current: &Value| match &value {
            None => true,
            Some(entries) => {
                entries.iter().any(|entry| elements::selects(attribute, entry, current))
            }
        };
        let nothing = || match self.policy.patch.remove_unmatched {
            RemoveUnmatched::NoTarget if matches!(selection, Selected::Filter { .. }) => {
                Err(Error::no_target(format_args!("no value of `{}` matches", slot.name)))
            }
            _ => Ok(()),
        };
        let Some(Value::Array(elements)) = map.get_mut(slot.key) else {
            return nothing();
        };
        let entries = value.as_ref().map_or(0, Vec::len);
        self.spend_looks(elements, selection.looks().saturating_add(entries))?;
        let mut matched = false;
        for element in elements.iter_mut().filter(|element| selection.contains(element)) {
            matched = true;
            match sub {
                None if wanted(slot.attribute, element) => *element = Value::Null,
                None => {}
                Some(sub) => {
                    let Some(members) = element.as_object() else { continue };
                    let key = key_in(members, sub.attribute, sub.key);
                    let sub = Slot { key: &key, ..sub };
                    if members
                        .get(key.as_ref())
                        .is_some_and(|current| wanted(sub.attribute, current))
                    {
                        self.unassign_in_element(element, sub)?;
                    }
                }
            }
        }
        if !matched {
            return nothing();
        }
        elements.retain(|element| !element.is_null());
        if elements.is_empty() {
            map.remove(slot.key);
        }
        Ok(())
    }

    /// Makes the element that a filter asks for: its equalities and the value (rulings P09 and
    /// P10).
    fn element_from(
        &self,
        slot: Slot<'_>,
        sub: Option<Slot<'_>>,
        bound: &BoundFilter,
        filter: &Filter,
        value: Value,
    ) -> Result<Value, Error> {
        let no_target =
            || Error::no_target(format_args!("no value of `{}` matches the filter", slot.name));
        let policy = self.literal_policy();
        let mut members = Map::new();
        let is_simple = slot.attribute.is_some_and(|attribute| !attribute.is_complex());
        for (name, literal) in equalities(filter).ok_or_else(no_target)? {
            if is_simple {
                continue;
            }
            let attribute =
                slot.attribute.and_then(|attribute| attribute.sub_attribute(name.as_str()));
            if effective(sub_mutability(slot), attribute) == Mutability::ReadOnly {
                return Err(no_target());
            }
            let (key, literal) = match attribute {
                Some(attribute) => {
                    let cx = Accept {
                        resource_type: self.resource_type,
                        policy: &policy,
                        path: slot.name,
                    };
                    (
                        attribute.name.as_str(),
                        accept(attribute, literal, cx).map_err(|_| no_target())?,
                    )
                }
                None => (name.as_str(), Some(literal)),
            };
            members.insert(key.to_owned(), literal.ok_or_else(no_target)?);
        }
        let element = match (sub, value) {
            (Some(sub), value) => {
                let key = key_in(&members, sub.attribute, sub.key).into_owned();
                members.insert(key, value);
                Value::Object(members)
            }
            (None, Value::Object(given)) => {
                for (key, value) in given {
                    let key = spelling(&members, &key).into_owned();
                    members.insert(key, value);
                }
                Value::Object(members)
            }
            (None, value) => value,
        };
        let mut made = [element];
        self.adopt_read_only(slot, &[], &mut made)?;
        let [element] = made;
        if bound.matches_element(&element) { Ok(element) } else { Err(no_target()) }
    }

    /// The policy under which a filter's literal becomes a value: what the filter took as a
    /// literal of the attribute's type, the value takes too.
    fn literal_policy(&self) -> Cow<'_, Policy> {
        if self.policy.filter.coerce_literals && !self.policy.values.coerce_scalars {
            let mut policy = self.policy.clone();
            policy.values.coerce_scalars = true;
            return Cow::Owned(policy);
        }
        Cow::Borrowed(self.policy)
    }
}
