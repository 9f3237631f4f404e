//! What PATCH does to a resource (RFC 7644 §3.5.2).

mod elements;
mod members;
mod reference;
mod select;
mod target;
mod write;

use std::borrow::Cow;
use std::cell::Cell;
use std::collections::{BTreeMap, HashSet};

use http::StatusCode;
use scim2_syntax::{AttrPath, PatchPath, SchemaUri};
use serde_json::{Map, Value, json};

use self::elements::Index;
use self::select::Selected;
use self::target::{
    Lost, Place, Target, is_assigned, key_in, locate, named_values, parse_path, spelling,
};
use self::write::{Slot, Write};
use crate::accept::accept;
use crate::catalog::{Extension, ResourceType, common_attribute};
use crate::change::ChangeSet;
use crate::error::{Error, ScimType};
use crate::key::comparison_key;
use crate::patch_op::{PatchOp, PatchOpKind, PatchOperation};
use crate::policy::{Policy, ReadOnly, RemoveUnmatched, UnknownAttributes};
use crate::resource::Resource;
use crate::schema::{Attribute, Mutability};

/// How many elements of multi-valued attributes one request may have looked at, over all of its
/// operations: a look by a filter counts once for each of its comparisons, and again for every
/// [`BYTES_A_VISIT`] bytes of text. Elements that are added, or removed by their `value`, are found
/// without looking at the others, so that no reasonable request comes near it.
pub const MAX_ELEMENT_VISITS: usize = 1_000_000;

/// How much text may be looked at or copied as one of [`MAX_ELEMENT_VISITS`].
pub const BYTES_A_VISIT: usize = 64;

impl ResourceType {
    /// Applies a PATCH request: all of its operations in order, or none (RFC 7644 §3.5.2).
    ///
    /// Afterwards the resource is one that may be stored: `schemas` says what is there, what is
    /// required is there, at most one element of an attribute is primary. On an error it is as it
    /// was. What the request changed is returned; if that is nothing, version and
    /// `meta.lastModified` stay (ruling P15).
    ///
    /// The resource must have its keys in schema spelling, as [`ingest`](Self::ingest) leaves
    /// them.
    ///
    /// ```
    /// use scim2_core::patch_op::PatchOp;
    /// use scim2_core::{Policy, Resource, ResourceType};
    ///
    /// let mut user: Resource = serde_json::from_str(
    ///     r#"{
    ///         "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"],
    ///         "userName": "bjensen",
    ///         "emails": [
    ///             { "type": "work", "value": "bjensen@example.com" },
    ///             { "type": "home", "value": "babs@jensen.org" }
    ///         ]
    ///     }"#,
    /// )?;
    /// let op = PatchOp::new()
    ///     .replace(r#"emails[type eq "work"].value"#, "barbara@example.com")
    ///     .remove(r#"emails[type eq "home"]"#)
    ///     .add("name.givenName", "Barbara");
    /// let changes = ResourceType::user().patch(&mut user, &op, &Policy::strict())?;
    ///
    /// assert_eq!(user.get("emails").unwrap()[0]["value"], "barbara@example.com");
    /// assert_eq!(user.get("name").unwrap()["givenName"], "Barbara");
    /// assert!(changes.touches("emails") && !changes.touches("userName"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// 400 with a `scimType`, saying which operation is at fault:
    ///
    /// | `scimType` | when |
    /// |---|---|
    /// | `invalidPath` | a path is malformed or names no attribute |
    /// | `invalidFilter` | the fault is in a path's brackets |
    /// | `invalidValue` | a value is missing, of the wrong type, or names no attribute |
    /// | `noTarget` | a filter selects nothing to replace or add to; remove without a path |
    /// | `mutability` | something readOnly, immutable or required would change or go |
    ///
    /// 413 when the request makes too much work, see [`MAX_ELEMENT_VISITS`], or lets the resource
    /// grow past [`PatchPolicy::max_resource_len`](crate::policy::PatchPolicy::max_resource_len).
    pub fn patch(
        &self,
        resource: &mut Resource,
        op: &PatchOp,
        policy: &Policy,
    ) -> Result<ChangeSet, Error> {
        let engine = Engine { resource_type: self, policy, visits: Cell::new(0) };
        let mut patch =
            Patch { engine, resource, saved: BTreeMap::new(), index: None, removals: None };
        let result = patch.apply_all(op).and_then(|()| patch.finish());
        if result.is_err() {
            patch.undo();
        }
        result
    }

    /// Whether a PATCH request may read or change the attribute of this name, such as `members`.
    ///
    /// What cannot be told counts as yes. A store that keeps an attribute apart need not load it
    /// where this says no.
    #[must_use]
    pub fn patch_touches(&self, op: &PatchOp, name: &str, policy: &Policy) -> bool {
        let empty = Resource::new();
        let touches = |path: PatchPath| match locate(self, policy, &empty, &path) {
            Ok(Place::Attribute(target)) => {
                target.container.is_none() && target.key.eq_ignore_ascii_case(name)
            }
            Ok(Place::Extension(_)) => false,
            Err(_) => true,
        };
        op.operations.iter().any(|operation| match path_of(operation, policy) {
            Some(path) => parse_path(path, policy).map_or(true, touches),
            None => match &operation.value {
                Some(Value::Object(attributes)) => attributes.keys().any(|key| {
                    // A key that leads nowhere is refused or dropped, and touches nothing.
                    key.eq_ignore_ascii_case(name)
                        || key.eq_ignore_ascii_case(self.schema().id.as_str())
                        || PatchPath::parse_with(key, &policy.syntax).is_ok_and(touches)
                }),
                _ => true,
            },
        })
    }
}

/// The path of an operation; none for the resource itself.
fn path_of<'a>(operation: &'a PatchOperation, policy: &Policy) -> Option<&'a str> {
    match operation.path.as_deref() {
        // Ruling P05.
        Some("") if policy.patch.empty_path_is_absent => None,
        path => path,
    }
}

/// What every step needs to know.
struct Engine<'a> {
    resource_type: &'a ResourceType,
    policy: &'a Policy,
    visits: Cell<usize>,
}

impl Engine<'_> {
    /// Counts elements that are looked at a number of times.
    fn spend_looks(&self, elements: &[Value], looks: usize) -> Result<(), Error> {
        self.spend(elements.len().saturating_mul(looks))?;
        let text: usize = elements.iter().map(elements::text_len).sum();
        self.spend((text / BYTES_A_VISIT).saturating_mul(looks))
    }

    /// Counts the elements that are looked at.
    fn spend(&self, elements: usize) -> Result<(), Error> {
        let visits = self.visits.get().saturating_add(elements);
        self.visits.set(visits);
        if visits <= MAX_ELEMENT_VISITS {
            return Ok(());
        }
        Err(Error::new(StatusCode::PAYLOAD_TOO_LARGE).detail(format_args!(
            "the operations look at more than {MAX_ELEMENT_VISITS} values, send fewer at a time"
        )))
    }
}

/// A request that is being applied.
struct Patch<'a> {
    engine: Engine<'a>,
    resource: &'a mut Resource,
    /// The top-level keys that operations wrote to, and what was there.
    saved: BTreeMap<String, Option<Value>>,
    /// Where the elements of the attribute are that was added to last.
    index: Option<(Spot, Index)>,
    /// Elements that are to go, by their `value` in comparison form.
    removals: Option<(Spot, HashSet<Box<str>>)>,
}

/// An attribute's place: the key of its extension, if it is in one, and its own.
#[derive(PartialEq, Eq)]
struct Spot {
    container: Option<Box<str>>,
    key: Box<str>,
}

impl Spot {
    fn of(target: &Target<'_>) -> Self {
        let container = target.container.as_deref().map(Box::from);
        Self { container, key: target.key.as_ref().into() }
    }

    fn is(&self, target: &Target<'_>) -> bool {
        self.container.as_deref() == target.container.as_deref() && *self.key == *target.key
    }
}

/// Where a target was named.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Origin {
    /// In the path of the operation.
    Path,
    /// As a key of the value of an operation without path.
    Key,
}

/// What is to be done.
enum Action {
    Write(Write, Value),
    Remove(Option<Value>),
}

impl<'a> Patch<'a> {
    fn apply_all(&mut self, op: &PatchOp) -> Result<(), Error> {
        for (i, operation) in op.operations.iter().enumerate() {
            self.apply(operation).map_err(|error| {
                let detail = error.message().unwrap_or_default().to_owned();
                error.detail(format_args!("`Operations[{i}]`: {detail}"))
            })?;
        }
        self.settle()
    }

    fn apply(&mut self, operation: &PatchOperation) -> Result<(), Error> {
        let policy = self.engine.policy;
        let value = operation.value.clone();
        let action = match (operation.op, value) {
            (PatchOpKind::Add, Some(value)) => Action::Write(Write::Add, value),
            (PatchOpKind::Replace, Some(value)) => Action::Write(Write::Replace, value),
            (PatchOpKind::Remove, value) => Action::Remove(value.filter(|value| !value.is_null())),
            (kind, None) => {
                return Err(Error::invalid_value(format_args!("{kind} needs a `value`")));
            }
        };
        let Some(path) = path_of(operation, policy) else {
            return match action {
                Action::Write(kind, Value::Object(attributes)) => attributes
                    .into_iter()
                    .try_for_each(|(key, value)| self.apply_key(None, &key, kind, value)),
                // Ruling P07.
                Action::Write(..) => Err(Error::invalid_value(
                    "without a `path`, `value` must be an object of attributes",
                )),
                // Ruling P23.
                Action::Remove(_) => Err(Error::no_target("remove needs a `path`")),
            };
        };
        if let Some(extension) = self.engine.resource_type.extension(path) {
            return self.apply_to_extension(extension, action);
        }
        let path = parse_path(path, policy)?;
        match locate(self.engine.resource_type, policy, self.resource, &path) {
            Ok(Place::Attribute(target)) => self.apply_to(target, action, Origin::Path),
            Ok(Place::Extension(extension)) => self.apply_to_extension(extension, action),
            Err(lost) => Err(lost.in_path(policy)),
        }
    }

    /// One key of a value without path, as an operation of its own (rulings P07 and P08).
    fn apply_key(
        &mut self,
        within: Option<&Extension>,
        key: &str,
        kind: Write,
        value: Value,
    ) -> Result<(), Error> {
        let Engine { resource_type, policy, .. } = self.engine;
        if let (None, Some(extension)) = (within, resource_type.extension(key)) {
            return self.apply_to_extension(extension, Action::Write(kind, value));
        }
        let base = &resource_type.schema().id;
        if within.is_none() && base.as_str().eq_ignore_ascii_case(key) {
            // The attributes of the base schema under its URN, as an extension's are (ruling P06).
            let Value::Object(attributes) = value else {
                return Err(Error::invalid_value(format_args!(
                    "the value of schema `{base}` must be an object"
                )));
            };
            return attributes.into_iter().try_for_each(|(key, value)| match key.contains(':') {
                false => self.apply_key(None, &key, kind, value),
                true => Err(Error::invalid_value(format_args!(
                    "`{}` is no attribute of schema `{base}`",
                    crate::json::Shown(&key)
                ))),
            });
        }
        let parsed = if key.contains('[') {
            if !policy.patch.value_path_keys {
                return Err(Error::invalid_value(
                    "a filter in brackets belongs into `path`, not into a key of `value`",
                ));
            }
            Some(parse_path(key, policy)?)
        } else {
            AttrPath::parse_with(key, &policy.syntax).ok().map(PatchPath::from)
        };
        let path = match (parsed, within) {
            (Some(mut path), Some(extension)) if path.attr.schema.is_none() => {
                path.attr.schema = Some(extension.schema.id.clone());
                path
            }
            (Some(path), None) => path,
            _ => return self.unknown(within, key, kind, value, None),
        };
        match locate(resource_type, policy, self.resource, &path) {
            Ok(Place::Attribute(target))
                if target.attribute.is_none() && target.sub.is_none() && value.is_object() =>
            {
                // In an open resource type, an object under an unknown URN is an extension.
                let target = self.open_target(within, key);
                self.apply_to(target, Action::Write(kind, value), Origin::Key)
            }
            Ok(Place::Attribute(target)) => {
                self.apply_to(target, Action::Write(kind, value), Origin::Key)
            }
            Ok(Place::Extension(extension)) => {
                self.apply_to_extension(extension, Action::Write(kind, value))
            }
            Err(Lost::Unknown(why)) => self.unknown(within, key, kind, value, Some(why)),
            Err(Lost::Bad(error)) => Err(error.with_scim_type(ScimType::InvalidValue)),
        }
    }

    /// A key of a value that names no attribute (ruling P36).
    fn unknown(
        &mut self,
        within: Option<&Extension>,
        key: &str,
        kind: Write,
        value: Value,
        why: Option<String>,
    ) -> Result<(), Error> {
        match self.engine.policy.unknown_attributes {
            UnknownAttributes::Ignore => Ok(()),
            UnknownAttributes::Keep if why.is_some() && !key.contains(['.', ':', '[']) => {
                let target = self.open_target(within, key);
                self.apply_to(target, Action::Write(kind, value), Origin::Key)
            }
            _ => {
                Err(Error::invalid_value(why.unwrap_or_else(|| {
                    format!("`{}` is no attribute name", crate::json::Shown(key))
                })))
            }
        }
    }

    /// A key that no schema defines, in an extension or at the top.
    fn open_target<'t>(&self, within: Option<&'t Extension>, key: &'t str) -> Target<'t> {
        let container = within.map(|extension| extension.schema.id.as_str());
        let map = match container {
            None => Some(self.resource.as_map()),
            Some(container) => self.resource.get(container).and_then(Value::as_object),
        };
        let key = map.map_or(Cow::Borrowed(key), |map| spelling(map, key));
        let container = container.map(Cow::Borrowed);
        Target { container, key, attribute: None, selection: None, sub: None }
    }

    /// A whole extension is like a complex attribute (ruling P06), except that `{}` gives it
    /// nothing and takes nothing from it.
    ///
    /// `schemas` in it that names the extension alone says what the path says. scim2-client and
    /// scim2-tester send it, for whom an extension is a resource like any other.
    fn apply_to_extension(&mut self, extension: &Extension, action: Action) -> Result<(), Error> {
        let uri = extension.schema.id.as_str();
        match action {
            Action::Write(kind, Value::Object(attributes)) => attributes
                .into_iter()
                .filter(|(key, value)| !(key == "schemas" && *value == json!([uri])))
                .try_for_each(|(key, value)| self.apply_key(Some(extension), &key, kind, value)),
            Action::Write(kind, Value::Array(mut elements))
                if elements.len() == 1 && self.engine.policy.values.unwrap_single_element_array =>
            {
                let only = elements.pop().unwrap_or_default();
                self.apply_to_extension(extension, Action::Write(kind, only))
            }
            Action::Write(Write::Replace, Value::Null) | Action::Remove(None) => {
                let Some(Value::Object(container)) = self.resource.get(uri) else { return Ok(()) };
                if extension.required {
                    return Err(Error::mutability(format_args!(
                        "extension `{uri}` is required and cannot be removed"
                    )));
                }
                let keys: Vec<String> = container.keys().cloned().collect();
                for key in keys {
                    let attribute = extension.schema.attribute(&key);
                    let target = Target {
                        container: Some(uri.into()),
                        key: key.as_str().into(),
                        attribute,
                        selection: None,
                        sub: None,
                    };
                    self.apply_to(target, Action::Remove(None), Origin::Path)?;
                }
                Ok(())
            }
            Action::Write(..) => Err(Error::invalid_value(format_args!(
                "the value of extension `{uri}` must be an object"
            ))),
            Action::Remove(Some(_)) => {
                Err(Error::invalid_value("remove of an extension takes no value"))
            }
        }
    }

    fn apply_to(
        &mut self,
        target: Target<'_>,
        action: Action,
        origin: Origin,
    ) -> Result<(), Error> {
        let common = match (&target.container, target.attribute) {
            (None, Some(attribute)) => common_attribute(attribute.name.as_str()),
            _ => None,
        };
        match common.map(|attribute| attribute.name.as_str()) {
            // What a client sends along with the rest (RFC 7643 §3.1; ruling P30).
            Some("meta" | "schemas") if origin == Origin::Key => return Ok(()),
            Some("schemas") => return self.apply_to_schemas(&target, action),
            _ => {}
        }
        if target.attribute.is_none() {
            // Its key was looked for in any case.
            self.engine.spend(self.resource.as_map().len())?;
        }
        if target.mutability() == Mutability::ReadOnly {
            return self.apply_to_read_only(&target, action, origin);
        }
        let is_ref = |target: &Target<'_>| target.sub.as_ref().is_some_and(|s| s.key == "$ref");
        let by_ref = is_ref(&target);
        let (target, action) = match (&target.sub, action) {
            (Some(_), Action::Write(kind, value)) => {
                match self.engine.part_of_reference(target, kind, value)? {
                    Some((target, value)) => (target, Action::Write(kind, value)),
                    None => return Ok(()),
                }
            }
            (_, action) => (target, action),
        };
        if self.put_off(&target, &action)? {
            return Ok(());
        }
        self.settle()?;
        let only_adds = target.sub.is_none()
            && target.selection.is_none()
            && matches!(action, Action::Write(Write::Add, _));
        if self.index.as_ref().is_some_and(|(spot, _)| only_adds != spot.is(&target)) {
            self.index = None;
        }
        let mut index = match self.index.take() {
            Some((_, index)) if only_adds => index,
            _ => Index::default(),
        };
        self.save(target.top_key());
        self.apply_in_place(&target, action, &mut index).map_err(|error| {
            if !by_ref || is_ref(&target) || error.scim_type() != Some(&ScimType::Mutability) {
                return error;
            }
            Error::invalid_value(format_args!(
                "`{}.$ref` names another resource than `{}`, which is immutable",
                target.attribute_name(),
                target.name()
            ))
        })?;
        if only_adds {
            self.index = Some((Spot::of(&target), index));
        }
        Ok(())
    }

    fn apply_in_place(
        &mut self,
        target: &Target<'_>,
        action: Action,
        index: &mut Index,
    ) -> Result<(), Error> {
        let engine = &self.engine;
        let policy = engine.policy;
        let Some(map) = container_mut(self.resource, target.container.as_deref()) else {
            return Ok(());
        };
        let name = target.attribute_name();
        let slot = Slot {
            key: &target.key,
            attribute: target.attribute,
            mutability: target
                .attribute
                .map_or(Mutability::ReadWrite, |attribute| attribute.mutability),
            name: &name,
            nested: false,
        };
        let Some(sub) = &target.sub else {
            return match (&target.selection, action) {
                (None, Action::Write(kind, value)) => engine.write(map, slot, kind, value, index),
                (None, Action::Remove(value)) => engine.remove(map, slot, value),
                (Some(selection), Action::Write(kind, value)) => {
                    let selected = selection.selected(policy);
                    engine.guarded(map, slot, |map| {
                        engine.write_selected(map, slot, None, selected, kind, value)
                    })
                }
                (Some(selection), Action::Remove(value)) => {
                    let selected = selection.selected(policy);
                    engine.guarded(map, slot, |map| {
                        engine.remove_selected(map, slot, None, selected, value)
                    })
                }
            };
        };
        let sub_name = target.name();
        let mut sub = Slot {
            key: &sub.key,
            attribute: sub.attribute,
            mutability: target.mutability(),
            name: &sub_name,
            nested: true,
        };
        if slot.mutability == Mutability::Immutable {
            // Guarded as a whole.
            sub.mutability = Mutability::ReadWrite;
        }
        let is_array = match target.attribute {
            Some(attribute) => attribute.multi_valued,
            None => matches!(map.get(slot.key), Some(Value::Array(_))),
        };
        let selected = match &target.selection {
            Some(selection) => Some(selection.selected(policy)),
            None if is_array => Some(Selected::All),
            None => None,
        };
        match (selected, action) {
            (None, Action::Write(kind, value)) => engine.within(map, slot, |object| {
                let key = key_in(object, sub.attribute, sub.key);
                engine.write(object, Slot { key: &key, ..sub }, kind, value, &mut Index::default())
            }),
            (None, Action::Remove(value)) if map.contains_key(slot.key) => {
                engine.within(map, slot, |object| {
                    let key = key_in(object, sub.attribute, sub.key);
                    engine.remove(object, Slot { key: &key, ..sub }, value)
                })
            }
            (None, Action::Remove(value)) => {
                // Nothing is there; what is wrong with the request is still wrong.
                engine.remove(&mut Map::new(), sub, value)
            }
            // Ruling P27.
            (Some(Selected::All), Action::Write(..)) if !policy.patch.all_values => {
                Err(Error::invalid_path(format_args!(
                    "`{}` is in each value of `{}`; say which one by a filter",
                    sub.name, slot.name
                )))
            }
            (Some(selected), Action::Write(kind, value)) => engine.guarded(map, slot, |map| {
                engine.write_selected(map, slot, Some(sub), selected, kind, value)
            }),
            (Some(selected), Action::Remove(value)) => engine.guarded(map, slot, |map| {
                engine.remove_selected(map, slot, Some(sub), selected, value)
            }),
        }
    }

    /// Rulings P24 and P30.
    fn apply_to_read_only(
        &mut self,
        target: &Target<'_>,
        action: Action,
        origin: Origin,
    ) -> Result<(), Error> {
        let engine = &self.engine;
        let name = target.name();
        let refused = || Error::mutability(format_args!("attribute `{name}` is readOnly"));
        if engine.policy.patch.read_only == ReadOnly::Ignore {
            return Ok(());
        }
        let Action::Write(_, value) = action else { return Err(refused()) };
        if origin == Origin::Path || target.selection.is_some() {
            return Err(refused());
        }
        let map = match &target.container {
            None => Some(self.resource.as_map()),
            Some(container) => self.resource.get(container).and_then(Value::as_object),
        };
        let current = map.and_then(|map| map.get(target.key.as_ref()));
        let (current, attribute) = match &target.sub {
            None => (current, target.attribute),
            Some(sub) => (current.and_then(|value| value.get(sub.key.as_ref())), sub.attribute),
        };
        let slot = Slot {
            key: &target.key,
            attribute,
            mutability: Mutability::ReadOnly,
            name: &name,
            nested: false,
        };
        let accepted = match attribute {
            Some(attribute) if is_assigned(&value) => {
                // A malformed value is in any case another one.
                accept(attribute, value, engine.accept(&name))
                    .ok()
                    .flatten()
                    .ok_or_else(refused)
                    .map(Some)?
            }
            _ => Some(value),
        };
        engine.read_only(slot, current, accepted.as_ref())
    }

    /// A write to `schemas`: it says which extensions there are (ruling P32).
    fn apply_to_schemas(&mut self, target: &Target<'_>, action: Action) -> Result<(), Error> {
        let Engine { resource_type, policy, .. } = self.engine;
        let base = resource_type.schema().id.as_str();
        let present: Vec<&Extension> = resource_type
            .extensions()
            .iter()
            .filter(|extension| {
                self.resource.get(extension.schema.id.as_str()).is_some_and(is_assigned)
            })
            .collect();
        // What `schemas` says, whatever is written there.
        let mut listed: Map<String, Value> = Map::new();
        let urns = std::iter::once(base)
            .chain(present.iter().map(|extension| extension.schema.id.as_str()))
            .map(Value::from);
        listed.insert("schemas".into(), urns.collect());
        let slot = Slot {
            key: "schemas",
            // Not required here: that the base URN stays is seen to below.
            attribute: target.attribute,
            mutability: Mutability::ReadWrite,
            name: "schemas",
            nested: true,
        };
        let engine = &self.engine;
        match (&target.selection, action) {
            _ if target.sub.is_some() => {
                return Err(Error::invalid_path("`schemas` has no sub-attributes"));
            }
            (None, Action::Write(kind, value)) => {
                engine.write(&mut listed, slot, kind, value, &mut Index::default())?;
            }
            (None, Action::Remove(value)) => engine.remove(&mut listed, slot, value)?,
            (Some(selection), Action::Write(kind, value)) => {
                let selected = selection.selected(policy);
                engine.write_selected(&mut listed, slot, None, selected, kind, value)?;
            }
            (Some(selection), Action::Remove(value)) => {
                let selected = selection.selected(policy);
                engine.remove_selected(&mut listed, slot, None, selected, value)?;
            }
        }
        let urns: Vec<&str> = listed
            .get("schemas")
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
            .collect();
        let is_known =
            |urn: &str| urn.eq_ignore_ascii_case(base) || resource_type.extension(urn).is_some();
        if let Some(unknown) = urns.iter().find(|urn| !is_known(urn))
            && !policy.schemas.ignore_unknown
            && !resource_type.is_open()
        {
            return Err(Error::invalid_value(format_args!(
                "resource type `{}` has no schema `{}`",
                resource_type.name(),
                crate::json::Shown(unknown)
            )));
        }
        if !urns.iter().any(|urn| urn.eq_ignore_ascii_case(base)) {
            return Err(Error::mutability(format_args!("`{base}` cannot leave `schemas`")));
        }
        let gone: Vec<SchemaUri> = present
            .into_iter()
            .map(|extension| &extension.schema.id)
            .filter(|id| !urns.iter().any(|urn| urn.eq_ignore_ascii_case(id.as_str())))
            .cloned()
            .collect();
        for uri in gone {
            if let Some(extension) = resource_type.extension(uri.as_str()) {
                self.apply_to_extension(extension, Action::Remove(None))?;
            }
        }
        Ok(())
    }

    /// Removals of elements by nothing but their `value` are collected, so that many of them go
    /// in one pass.
    fn put_off(&mut self, target: &Target<'_>, action: &Action) -> Result<bool, Error> {
        let (Action::Remove(None), None) = (action, &target.sub) else { return Ok(false) };
        let (Some(attribute), Some(selection)) = (target.attribute, &target.selection) else {
            return Ok(false);
        };
        let free = attribute.mutability == Mutability::ReadWrite && !attribute.required;
        if !free || self.engine.policy.patch.remove_unmatched == RemoveUnmatched::NoTarget {
            return Ok(false);
        }
        let Some(values) = named_values(attribute, selection.filter) else { return Ok(false) };
        if !self.removals.as_ref().is_some_and(|(spot, _)| spot.is(target)) {
            self.settle()?;
        }
        self.save(target.top_key());
        let exact = attribute.value_sub_attribute().is_some_and(|value| value.case_exact);
        let keys = values.into_iter().map(|value| Box::from(comparison_key(exact, value)));
        self.removals.get_or_insert_with(|| (Spot::of(target), HashSet::new())).1.extend(keys);
        Ok(true)
    }

    /// Carries out the removals that were put off.
    fn settle(&mut self) -> Result<(), Error> {
        let Some((spot, removed)) = self.removals.take() else { return Ok(()) };
        if self.index.as_ref().is_some_and(|(of_index, _)| *of_index == spot) {
            self.index = None;
        }
        let engine = &self.engine;
        let Some(map) = container_mut(self.resource, spot.container.as_deref()) else {
            return Ok(());
        };
        let attribute = match &spot.container {
            None => engine.resource_type.attribute(&spot.key),
            Some(uri) => engine
                .resource_type
                .extension(uri)
                .and_then(|extension| extension.schema.attribute(&spot.key)),
        };
        let exact = attribute
            .and_then(Attribute::value_sub_attribute)
            .is_some_and(|value| value.case_exact);
        let slot = Slot {
            key: &spot.key,
            attribute,
            mutability: Mutability::ReadWrite,
            name: &spot.key,
            nested: false,
        };
        engine.retain(map, slot, 1, |element| {
            !element
                .get("value")
                .and_then(Value::as_str)
                .is_some_and(|value| removed.contains(comparison_key(exact, value).as_ref()))
        })
    }

    /// Remembers what stands under a top-level key, before it changes for the first time.
    fn save(&mut self, key: &str) {
        if !self.saved.contains_key(key) {
            self.saved.insert(key.to_owned(), self.resource.get(key).cloned());
        }
    }

    fn undo(&mut self) {
        for (key, value) in std::mem::take(&mut self.saved) {
            match value {
                Some(value) => self.resource.insert(key, value),
                None => self.resource.remove(&key),
            };
        }
    }

    /// Checks that the request has not made a resource too large of one that was not.
    fn check_growth(&self) -> Result<(), Error> {
        let len = |value: Option<&Value>| value.map_or(0, json_len);
        let grown = self.saved.iter().any(|(key, before)| {
            self.resource.get(key).is_some_and(|after| json_len(after) > len(before.as_ref()))
        });
        if !grown {
            return Ok(());
        }
        let most = self.engine.policy.patch.max_resource_len;
        let members = self.resource.as_map().iter();
        let sum: usize = members.map(|(name, value)| name.len() + json_len(value)).sum();
        if sum <= most {
            return Ok(());
        }
        Err(Error::new(StatusCode::PAYLOAD_TOO_LARGE).detail(format_args!(
            "the resource would have about {sum} bytes, at most {most} are allowed"
        )))
    }

    /// Checks the final state, and finds out what has changed (rulings P15 and P34).
    fn finish(&mut self) -> Result<ChangeSet, Error> {
        let Engine { resource_type, policy, .. } = self.engine;
        for key in self.saved.keys() {
            if self.resource.get(key).is_some_and(|value| !is_assigned(value)) {
                self.resource.remove(key);
            }
        }
        if self.saved.iter().all(|(key, before)| self.resource.get(key) == before.as_ref()) {
            return Ok(ChangeSet::default());
        }
        self.check_growth()?;
        self.save("schemas");
        // What is not saved is as it was, so this much of the state before is enough, unless
        // something was wrong with the rest of it already.
        let before: Map<String, Value> = self
            .saved
            .iter()
            .filter_map(|(key, value)| Some((key.clone(), value.clone()?)))
            .collect();
        if resource_type.finish(Some(&before.into()), self.resource, policy).is_err() {
            let mut before = self.resource.clone();
            for (key, value) in &self.saved {
                match value {
                    Some(value) => before.insert(key.clone(), value.clone()),
                    None => before.remove(key),
                };
            }
            resource_type.finish(Some(&before), self.resource, policy)?;
        }
        Ok(ChangeSet::between(
            resource_type,
            self.saved
                .iter()
                .map(|(key, before)| (key.as_str(), before.as_ref(), self.resource.get(key))),
        ))
    }
}

/// About how many bytes of JSON a value is.
fn json_len(value: &Value) -> usize {
    const PUNCTUATION: usize = 4;
    PUNCTUATION
        + match value {
            Value::Null | Value::Bool(_) | Value::Number(_) => 0,
            Value::String(text) => text.len(),
            Value::Array(elements) => elements.iter().map(json_len).sum(),
            Value::Object(members) => {
                members.iter().map(|(name, value)| name.len() + json_len(value)).sum()
            }
        }
}

/// The object in which an attribute stands; an extension's is made if there is none.
fn container_mut<'r>(
    resource: &'r mut Resource,
    container: Option<&str>,
) -> Option<&'r mut Map<String, Value>> {
    let top = resource.as_map_mut();
    let Some(container) = container else { return Some(top) };
    if !top.get(container).is_some_and(Value::is_object) {
        top.insert(container.to_owned(), Map::new().into());
    }
    top.get_mut(container)?.as_object_mut()
}
