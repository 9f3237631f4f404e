//! What a path, or a key of a value without path, names in a resource.

use std::borrow::Cow;

use scim2_syntax::{
    AttrName, AttrPath, CompareOp, CompareValue, Expr, Filter, PatchPath, SchemaUri,
};
use serde_json::{Map, Value};

use super::select::Selected;
use crate::bind::BoundFilter;
use crate::catalog::{Extension, Resolved, ResourceType};
use crate::error::Error;
use crate::policy::{Policy, UnknownPath, UnmatchedFilter};
use crate::resource::Resource;
use crate::schema::{Attribute, AttributeType, Mutability};

/// What an operation works on.
pub(super) enum Place<'a> {
    /// The attributes of an extension, all together (ruling P06).
    Extension(&'a Extension),
    Attribute(Target<'a>),
}

/// An attribute, or a part of it.
pub(super) struct Target<'a> {
    /// The key of the extension's object; none for what stands at the top.
    pub(super) container: Option<Cow<'a, str>>,
    /// The attribute's key.
    pub(super) key: Cow<'a, str>,
    /// Its definition; none for what only an open resource type keeps.
    pub(super) attribute: Option<&'a Attribute>,
    /// Which elements, if not all.
    pub(super) selection: Option<Selection<'a>>,
    pub(super) sub: Option<Sub<'a>>,
}

/// The elements of a multi-valued attribute that a filter in brackets selects.
pub(super) struct Selection<'a> {
    pub(super) bound: BoundFilter,
    /// The filter as written, to make an element from it that it would select.
    pub(super) filter: &'a Filter,
}

impl Selection<'_> {
    /// The elements that are selected; whether one may be made is the policy's choice.
    pub(super) fn selected(&self, policy: &Policy) -> Selected<'_> {
        let creates = policy.patch.unmatched_filter == UnmatchedFilter::Create;
        Selected::Filter {
            bound: &self.bound,
            filter: creates.then_some(self.filter),
            leaves: self.filter.leaves(),
        }
    }
}

/// A sub-attribute.
pub(super) struct Sub<'a> {
    pub(super) key: Cow<'a, str>,
    pub(super) attribute: Option<&'a Attribute>,
}

impl<'a> Target<'a> {
    /// A whole attribute.
    pub(super) fn whole(extension: Option<&'a Extension>, attribute: &'a Attribute) -> Self {
        Self {
            container: extension.map(|extension| Cow::Borrowed(extension.schema.id.as_str())),
            key: Cow::Borrowed(attribute.name.as_str()),
            attribute: Some(attribute),
            selection: None,
            sub: None,
        }
    }

    /// Who may write what the target names.
    pub(super) fn mutability(&self) -> Mutability {
        let parent = self.attribute.map_or(Mutability::ReadWrite, |attribute| attribute.mutability);
        match &self.sub {
            Some(sub) => effective(parent, sub.attribute),
            None => parent,
        }
    }

    /// The attribute's name for messages.
    pub(super) fn attribute_name(&self) -> Cow<'_, str> {
        match &self.container {
            None => Cow::Borrowed(&self.key),
            Some(container) => Cow::Owned(format!("{container}:{}", self.key)),
        }
    }

    /// The name for messages, with the sub-attribute.
    pub(super) fn name(&self) -> Cow<'_, str> {
        let name = self.attribute_name();
        match &self.sub {
            None => name,
            Some(sub) => Cow::Owned(format!("{name}.{}", sub.key)),
        }
    }

    /// The key of what is saved before it changes: the extension's object, or the attribute.
    pub(super) fn top_key(&self) -> &str {
        self.container.as_deref().unwrap_or(&self.key)
    }
}

/// The mutability of a sub-attribute is never weaker than its parent's (ruling S06).
pub(super) fn effective(parent: Mutability, sub: Option<&Attribute>) -> Mutability {
    let own = sub.map_or(Mutability::ReadWrite, |sub| sub.mutability);
    match (parent, own) {
        (Mutability::ReadOnly, _) | (_, Mutability::ReadOnly) => Mutability::ReadOnly,
        (Mutability::Immutable, _) | (_, Mutability::Immutable) => Mutability::Immutable,
        (Mutability::WriteOnly, _) => Mutability::WriteOnly,
        (Mutability::ReadWrite, own) => own,
    }
}

/// Parses the path of an operation.
pub(super) fn parse_path(text: &str, policy: &Policy) -> Result<PatchPath, Error> {
    PatchPath::parse_with(text, &policy.syntax).map_err(|error| {
        // An array index is no filter that went wrong, but no path at all (ruling P28).
        let is_index = text.split_once('[').and_then(|(_, rest)| rest.split_once(']')).is_some_and(
            |(inside, _)| {
                let digits = inside.strip_prefix('-').unwrap_or(inside);
                inside == "*"
                    || (!digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit()))
            },
        );
        if is_index { Error::invalid_path(error) } else { Error::from_path(&error) }
    })
}

/// Why a path leads nowhere: an unknown name may be the business of a policy, the rest is not.
pub(super) enum Lost {
    Unknown(String),
    Bad(Error),
}

impl Lost {
    /// The error for the path of an operation (ruling P04).
    pub(super) fn in_path(self, policy: &Policy) -> Error {
        match self {
            Self::Unknown(detail) if policy.patch.unknown_path == UnknownPath::NoTarget => {
                Error::no_target(detail)
            }
            Self::Unknown(detail) => Error::invalid_path(detail),
            Self::Bad(error) => error,
        }
    }
}

impl From<Error> for Lost {
    fn from(error: Error) -> Self {
        Self::Bad(error)
    }
}

/// Finds what a path names.
///
/// The resource is asked only by open resource types, where what is there says what there can be.
pub(super) fn locate<'a>(
    resource_type: &'a ResourceType,
    policy: &Policy,
    resource: &Resource,
    path: &'a PatchPath,
) -> Result<Place<'a>, Lost> {
    let resolved = resource_type
        .resolve(&path.attr, policy)
        .map_err(|error| Lost::Unknown(error.to_string()))?;
    let mut target = match resolved {
        Resolved::Extension(extension) if path.filter.is_none() => {
            return Ok(Place::Extension(extension));
        }
        Resolved::Extension(_) => {
            return Err(Error::invalid_path("an extension has no elements to select").into());
        }
        Resolved::Attribute { extension, attribute, sub_attribute } => {
            let mut target = Target::whole(extension, attribute);
            target.sub = sub_attribute
                .map(|sub| Sub { key: Cow::Borrowed(sub.name.as_str()), attribute: Some(sub) });
            target
        }
        Resolved::Open { schema, name, sub_attr } => {
            open_target(resource_type, resource, schema, name, sub_attr)?
        }
    };
    let Some(filter) = &path.filter else {
        return Ok(Place::Attribute(target));
    };
    if target.sub.is_some() {
        return Err(Error::invalid_path("a sub-attribute has no elements to select").into());
    }
    let bound = match target.attribute {
        Some(attribute) if attribute.multi_valued => {
            resource_type.bind_element(attribute, filter, policy)?
        }
        Some(attribute) => {
            // Ruling F28.
            return Err(Error::invalid_path(format_args!(
                "attribute `{}` has one value, so no filter can stand behind it",
                attribute.name
            ))
            .into());
        }
        None => resource_type.bind_open_element(filter, policy)?,
    };
    target.selection = Some(Selection { bound, filter });
    target.sub = match (&path.sub_attr, target.attribute) {
        (None, _) => None,
        (Some(name), Some(attribute)) => match attribute.sub_attribute(name.as_str()) {
            Some(sub) => Some(Sub { key: Cow::Borrowed(sub.name.as_str()), attribute: Some(sub) }),
            None if resource_type.is_open() && attribute.is_complex() => {
                Some(Sub { key: Cow::Borrowed(name.as_str()), attribute: None })
            }
            None => {
                return Err(Lost::Unknown(format!(
                    "attribute `{}` has no sub-attribute `{name}`",
                    attribute.name
                )));
            }
        },
        (Some(name), None) => Some(Sub { key: Cow::Borrowed(name.as_str()), attribute: None }),
    };
    Ok(Place::Attribute(target))
}

/// What a name means that no schema defines.
fn open_target<'a>(
    resource_type: &'a ResourceType,
    resource: &Resource,
    schema: Option<&'a SchemaUri>,
    name: &'a AttrName,
    sub_attr: Option<&'a AttrName>,
) -> Result<Target<'a>, Lost> {
    let extension = schema.and_then(|schema| resource_type.extension(schema.as_str()));
    // The attribute may be defined, and only its sub-attribute not.
    let attribute = match (schema, extension) {
        (None, _) => resource_type.attribute(name.as_str()),
        (Some(_), Some(extension)) => extension.schema.attribute(name.as_str()),
        (Some(_), None) => None,
    };
    let container: Option<Cow<'a, str>> = match (schema, extension) {
        (None, _) => None,
        (Some(_), Some(extension)) => Some(Cow::Borrowed(extension.schema.id.as_str())),
        (Some(schema), None) => Some(spelling(resource.as_map(), schema.as_str())),
    };
    let map = match &container {
        None => Some(resource.as_map()),
        Some(container) => resource.get(container).and_then(Value::as_object),
    };
    let key = match (attribute, map) {
        (Some(attribute), _) => Cow::Borrowed(attribute.name.as_str()),
        (None, Some(map)) => spelling(map, name.as_str()),
        (None, None) => Cow::Borrowed(name.as_str()),
    };
    let sub = match (sub_attr, attribute) {
        (None, _) => None,
        (Some(sub_attr), Some(_)) => {
            Some(Sub { key: Cow::Borrowed(sub_attr.as_str()), attribute: None })
        }
        (Some(sub_attr), None) => {
            // Its type is that of its value. Without one it cannot be known to be complex.
            let value = map.and_then(|map| map.get(key.as_ref()));
            if !matches!(value, Some(Value::Object(_) | Value::Array(_))) {
                return Err(Lost::Unknown(format!("unknown attribute `{name}.{sub_attr}`")));
            }
            Some(Sub { key: Cow::Borrowed(sub_attr.as_str()), attribute: None })
        }
    };
    Ok(Target { container, key, attribute, selection: None, sub })
}

/// The key of an attribute in an object: that of the schema, or else the one that is there.
pub(super) fn key_in<'a>(
    map: &Map<String, Value>,
    attribute: Option<&Attribute>,
    name: &'a str,
) -> Cow<'a, str> {
    if attribute.is_some() { Cow::Borrowed(name) } else { spelling(map, name) }
}

/// The spelling of a key in an object that has it in another case.
pub(super) fn spelling<'a>(map: &Map<String, Value>, name: &'a str) -> Cow<'a, str> {
    if map.contains_key(name) {
        return Cow::Borrowed(name);
    }
    match map.keys().find(|key| key.eq_ignore_ascii_case(name)) {
        Some(key) => Cow::Owned(key.clone()),
        None => Cow::Borrowed(name),
    }
}

/// The values that a filter names, if it does no more than that: `value eq "a" or value eq "b"`.
///
/// Only for elements whose `value` is text; so whether one is named is a look into a set.
pub(super) fn named_values<'f>(attribute: &Attribute, filter: &'f Filter) -> Option<Vec<&'f str>> {
    let value = attribute.value_sub_attribute()?;
    let is_plain = value.attribute_type == AttributeType::String && value.canonical.is_none();
    if !is_plain || value.multi_valued {
        return None;
    }
    let name = |expr: Expr<'f>| match expr {
        Expr::Compare { path, op: CompareOp::Eq, value: CompareValue::String(text) }
            if path.schema.is_none() && path.sub_attr.is_none() && path.name == "value" =>
        {
            Some(text.as_str())
        }
        _ => None,
    };
    match filter.expr() {
        Expr::Or(terms) => terms.map(|term| name(term.expr())).collect(),
        expr => name(expr).map(|text| vec![text]),
    }
}

/// The equalities that a filter is made of, if it is made of nothing else (ruling P09).
pub(super) fn equalities(filter: &Filter) -> Option<Vec<(&AttrName, Value)>> {
    fn equality(expr: Expr<'_>) -> Option<(&AttrName, Value)> {
        let Expr::Compare { path: AttrPath { schema: None, name, sub_attr: None }, op, value } =
            expr
        else {
            return None;
        };
        let value = match value {
            CompareValue::String(text) => Value::from(text.as_str()),
            CompareValue::Bool(flag) => Value::from(*flag),
            CompareValue::Number(number) => Value::Number(number.as_str().parse().ok()?),
            CompareValue::Null => return None,
        };
        (op == CompareOp::Eq).then_some((name, value))
    }
    match filter.expr() {
        Expr::And(terms) => terms.map(|term| equality(term.expr())).collect(),
        expr => equality(expr).map(|pair| vec![pair]),
    }
}

/// Whether a value counts as one: null, `[]`, `{}` and what is made of them are unassigned.
pub(super) fn is_assigned(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::Array(elements) => elements.iter().any(is_assigned),
        Value::Object(members) => members.values().any(is_assigned),
        Value::Bool(_) | Value::Number(_) | Value::String(_) => true,
    }
}
