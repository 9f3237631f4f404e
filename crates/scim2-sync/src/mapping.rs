//! Attribute mappings at work: a source object becomes the resource that the target should have.
//!
//! The tables themselves are data of [`scim2_vendor`]; here they are checked against a resource
//! type once, and then applied to objects. Values are taken over as they are (`direct`), fixed
//! (`constant`), or computed from the account's state (Entra ID's `IsSoftDeleted` switch).

use std::collections::{BTreeMap, BTreeSet};

use scim2_core::catalog::Resolved;
use scim2_core::policy::Policy;
use scim2_core::schema::{Attribute, AttributeType, Mutability, Returned};
use scim2_core::syntax::{CompareOp, CompareValue, Expr, FilterRef, PatchPath};
use scim2_core::{Resource, ResourceType};
use scim2_vendor::mapping::{Apply, AttributeMapping, MappingSource};
use serde_json::{Map, Value};

use crate::source::{SourceId, SourceObject};

/// A mapping that cannot be applied to the resource type.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("mapping to `{target}`: {problem}")]
pub struct MappingError {
    target: Box<str>,
    problem: Box<str>,
}

/// A value that a mapping could not turn into what the target attribute takes.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct MappingProblem {
    /// The target attribute.
    pub attribute: String,
    /// What is wrong, without the value.
    pub problem: String,
}

/// A table of attribute mappings, checked against a resource type.
#[derive(Clone, Debug)]
pub struct Mapper {
    resource_type: ResourceType,
    rules: Vec<Rule>,
    matching: Vec<String>,
}

#[derive(Clone, Debug)]
struct Rule {
    source: MappingSource,
    target: Target,
    apply: Apply,
    default: Option<Value>,
    /// As the table writes it.
    text: String,
}

#[derive(Clone, Debug)]
enum Target {
    /// A singular attribute or a sub-attribute of one.
    Single { path: String, value_type: AttributeType },
    /// A multi-valued attribute as a whole.
    Whole { path: String, value_type: AttributeType },
    /// One sub-attribute of the element that a filter names.
    Element { path: String, fixed: Map<String, Value>, sub: String, value_type: AttributeType },
    /// A reference to another user.
    Reference { path: String },
    /// The members of a group.
    Members,
}

/// What the target should have for one source object.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct Mapped {
    /// Values by canonical path: `userName`, `name.givenName`, `emails`,
    /// `urn:…:User:department`. Multi-valued attributes are whole.
    pub attributes: BTreeMap<String, Value>,
    /// Paths that are written when the object is created, and left alone afterwards.
    pub on_create: BTreeSet<String>,
    /// References by canonical path.
    pub references: BTreeMap<String, SourceId>,
    /// What could not be mapped.
    pub problems: Vec<MappingProblem>,
}

impl Mapper {
    /// Checks a table.
    ///
    /// # Errors
    /// When a target is no path, or names nothing in the resource type, or cannot be mapped to.
    pub fn new(
        resource_type: ResourceType,
        table: &[AttributeMapping],
    ) -> Result<Self, MappingError> {
        let mut rules = Vec::with_capacity(table.len());
        let mut matching = Vec::new();
        for mapping in table {
            let error = |problem: String| MappingError {
                target: mapping.target.as_str().into(),
                problem: problem.into_boxed_str(),
            };
            let target = Target::parse(&resource_type, &mapping.target).map_err(error)?;
            if let Some(precedence) = mapping.matching {
                let Target::Single { path, .. } = &target else {
                    return Err(error("only a singular attribute can be matched by".to_owned()));
                };
                matching.push((precedence, path.clone()));
            }
            rules.push(Rule {
                source: mapping.source.clone(),
                target,
                apply: mapping.apply,
                default: mapping.default.clone(),
                text: mapping.target.clone(),
            });
        }
        matching.sort();
        let matching = matching.into_iter().map(|(_, path)| path).collect();
        Ok(Self { resource_type, rules, matching })
    }

    /// The resource type that is mapped to.
    #[must_use]
    pub fn resource_type(&self) -> &ResourceType {
        &self.resource_type
    }

    /// The canonical paths of the attributes that objects are matched by, the first one first.
    pub fn matching(&self) -> impl Iterator<Item = &str> {
        self.matching.iter().map(String::as_str)
    }

    /// The canonical paths that are written; for a reference, its attribute.
    pub fn paths(&self) -> impl Iterator<Item = &str> {
        self.rules.iter().filter_map(Rule::path)
    }

    /// Whether a path is written by this table.
    #[must_use]
    pub fn writes(&self, path: &str) -> bool {
        self.paths().any(|written| written == path)
    }

    /// Whether the target's value at a path is removed when the source has none: something
    /// writes the path on every change, not only when the object is created.
    #[must_use]
    pub(crate) fn clears(&self, path: &str) -> bool {
        self.rules.iter().any(|rule| rule.apply == Apply::Always && rule.path() == Some(path))
    }

    /// Whether the target ever shows what stands at a path. A password it does not.
    #[must_use]
    pub(crate) fn is_readable(&self, path: &str) -> bool {
        let (urn, name, _) = split(&self.resource_type, path);
        let attribute = match urn {
            Some(urn) => self.resource_type.extension(urn).and_then(|e| e.schema.attribute(name)),
            None => self.resource_type.attribute(name),
        };
        attribute.is_none_or(|attribute| {
            attribute.returned != Returned::Never && attribute.mutability != Mutability::WriteOnly
        })
    }

    /// Whether a path is a reference to another object.
    #[must_use]
    pub(crate) fn is_reference(&self, path: &str) -> bool {
        self.rules.iter().any(|rule| {
            matches!(rule.target, Target::Reference { .. }) && rule.path() == Some(path)
        })
    }

    /// Whether the members of groups are mapped.
    #[must_use]
    pub fn writes_members(&self) -> bool {
        self.rules.iter().any(|rule| matches!(rule.target, Target::Members))
    }

    /// Applies the table to an object. `active` is whether the account should be usable.
    #[must_use]
    pub fn map(&self, object: &SourceObject, active: bool) -> Mapped {
        let mut mapped = Mapped::default();
        let mut elements: BTreeMap<&str, Vec<Map<String, Value>>> = BTreeMap::new();
        for rule in &self.rules {
            if let Target::Reference { path } = &rule.target {
                if let Some(id) = rule.reference(object) {
                    mapped.references.insert(path.clone(), id);
                }
                continue;
            }
            let (value, is_default) = match rule.value(object, active) {
                Some(value) => (value, false),
                None => match &rule.default {
                    Some(default) => (default.clone(), true),
                    None => continue,
                },
            };
            let on_create = is_default || rule.apply == Apply::OnCreate;
            let (path, result) = match &rule.target {
                Target::Reference { .. } | Target::Members => continue,
                Target::Single { path, value_type } => {
                    let result = one(value, *value_type)
                        .map(|value| drop(mapped.attributes.insert(path.clone(), value)));
                    (path, result)
                }
                Target::Whole { path, value_type } => {
                    let values = match value {
                        Value::Array(values) => values,
                        value => vec![value],
                    };
                    let values: Result<Vec<_>, _> =
                        values.into_iter().map(|value| one(value, *value_type)).collect();
                    let result = values.map(|values| {
                        mapped.attributes.insert(path.clone(), Value::Array(values));
                    });
                    (path, result)
                }
                Target::Element { path, fixed, sub, value_type } => {
                    let elements = elements.entry(path).or_default();
                    (path, put(elements, fixed, sub, value, *value_type))
                }
            };
            match result {
                Ok(()) if on_create => {
                    mapped.on_create.insert(path.clone());
                }
                Ok(()) => {}
                Err(problem) => {
                    mapped.problems.push(MappingProblem { attribute: rule.text.clone(), problem });
                }
            }
        }
        for (path, mut elements) in elements {
            if path == "emails" {
                mark_primary(&mut elements);
            }
            let elements = elements.into_iter().map(Value::Object).collect();
            mapped.attributes.insert(path.to_owned(), Value::Array(elements));
        }
        mapped
    }

    /// What a resource of the target holds at a canonical path.
    #[must_use]
    pub fn read<'r>(&self, resource: &'r Resource, path: &str) -> Option<&'r Value> {
        let value = match split(&self.resource_type, path) {
            (Some(urn), name, sub) => {
                let container = resource.as_map().iter();
                let container = container
                    .filter(|(key, _)| key.eq_ignore_ascii_case(urn))
                    .find_map(|(_, value)| value.as_object())?;
                member(container, name).and_then(|value| sub_value(value, sub))
            }
            (None, name, sub) => {
                member(resource.as_map(), name).and_then(|value| sub_value(value, sub))
            }
        };
        value.filter(|value| !is_unassigned(value))
    }

    /// Whether what the target holds at a path is what it should hold. What the target adds on
    /// its own, such as `display` or `$ref`, does not count.
    #[must_use]
    pub fn agrees(held: Option<&Value>, wanted: Option<&Value>) -> bool {
        let wanted = wanted.filter(|value| !is_unassigned(value));
        match (held, wanted) {
            (None, None) => true,
            (Some(held), Some(wanted)) => covers(held, wanted),
            _ => false,
        }
    }

    /// The resource with these values.
    #[must_use]
    pub fn resource<'v>(
        &self,
        attributes: impl IntoIterator<Item = (&'v str, &'v Value)>,
    ) -> Resource {
        let mut map = Map::new();
        let mut schemas = vec![Value::from(self.resource_type.schema().id.as_str())];
        for (path, value) in attributes {
            let (urn, name, sub) = split(&self.resource_type, path);
            let container = match urn {
                None => &mut map,
                Some(urn) => {
                    if !schemas.iter().any(|schema| schema == urn) {
                        schemas.push(Value::from(urn));
                    }
                    match object_at(&mut map, urn) {
                        Some(container) => container,
                        None => continue,
                    }
                }
            };
            match sub {
                None => {
                    container.insert(name.to_owned(), value.clone());
                }
                Some(sub) => {
                    if let Some(complex) = object_at(container, name) {
                        complex.insert(sub.to_owned(), value.clone());
                    }
                }
            }
        }
        map.insert("schemas".to_owned(), Value::Array(schemas));
        Resource::from(map)
    }
}

impl Rule {
    fn path(&self) -> Option<&str> {
        match &self.target {
            Target::Single { path, .. }
            | Target::Whole { path, .. }
            | Target::Element { path, .. }
            | Target::Reference { path } => Some(path),
            Target::Members => None,
        }
    }

    fn value(&self, object: &SourceObject, active: bool) -> Option<Value> {
        match &self.source {
            MappingSource::Attribute(name) => object.get(name).cloned(),
            MappingSource::Constant(value) => Some(value.clone()),
            MappingSource::AccountState => Some(Value::Bool(active)),
            _ => None,
        }
        .filter(|value| !is_unassigned(value))
    }

    fn reference(&self, object: &SourceObject) -> Option<SourceId> {
        match &self.source {
            MappingSource::Attribute(name) if name.eq_ignore_ascii_case("manager") => {
                object.manager.clone()
            }
            MappingSource::Attribute(name) => object.text(name).map(SourceId::from),
            _ => None,
        }
    }
}

impl Target {
    fn parse(resource_type: &ResourceType, text: &str) -> Result<Self, String> {
        let path: PatchPath =
            text.parse().map_err(|error| format!("is no path of an attribute: {error}"))?;
        let resolved =
            resource_type.resolve(&path.attr, &Policy::strict()).map_err(|e| e.to_string())?;
        let Resolved::Attribute { extension, attribute, sub_attribute } = resolved else {
            return Err("names no attribute".to_owned());
        };
        let name = attribute.name.as_str();
        if extension.is_none() && ["id", "meta", "schemas"].contains(&name) {
            return Err(format!("`{name}` is the target's own"));
        }
        let mut canonical = match extension {
            Some(extension) => format!("{}:{name}", extension.schema.id),
            None => name.to_owned(),
        };
        if let Some(filter) = &path.filter {
            let fixed = fixed(filter.as_ref(), attribute)?;
            let sub = path.sub_attr.as_ref().map_or("value", |sub| sub.as_str());
            let sub = attribute
                .sub_attribute(sub)
                .ok_or_else(|| format!("`{name}` has no sub-attribute `{sub}`"))?;
            if !attribute.multi_valued {
                return Err(format!("`{name}` has one value, so nothing selects among them"));
            }
            return Ok(Self::Element {
                path: canonical,
                fixed,
                sub: sub.name.as_str().to_owned(),
                value_type: sub.attribute_type,
            });
        }
        match sub_attribute {
            None if attribute.multi_valued && name == "members" && extension.is_none() => {
                Ok(Self::Members)
            }
            None if attribute.multi_valued => {
                Ok(Self::Whole { path: canonical, value_type: attribute.attribute_type })
            }
            None if attribute.is_resource_reference() => Ok(Self::Reference { path: canonical }),
            None if attribute.is_complex() => {
                Err(format!("`{name}` is complex: map its sub-attributes"))
            }
            None => Ok(Self::Single { path: canonical, value_type: attribute.attribute_type }),
            Some(_) if attribute.multi_valued => Err(format!(
                "`{name}` has several values: select one, as in `{name}[type eq \"work\"]`"
            )),
            Some(sub) if attribute.is_resource_reference() && sub.name.as_str() == "value" => {
                Ok(Self::Reference { path: canonical })
            }
            Some(sub) => {
                canonical.push('.');
                canonical.push_str(sub.name.as_str());
                Ok(Self::Single { path: canonical, value_type: sub.attribute_type })
            }
        }
    }
}

/// The sub-attributes that a filter of equalities fixes: `type eq "work"`.
fn fixed(filter: FilterRef<'_>, attribute: &Attribute) -> Result<Map<String, Value>, String> {
    let unusable = || "its filter must be made of `eq`, joined by `and`".to_owned();
    let mut fixed = Map::new();
    let terms: Vec<FilterRef<'_>> = match filter.expr() {
        Expr::And(terms) => terms.collect(),
        _ => vec![filter],
    };
    for term in terms {
        let Expr::Compare { path, op: CompareOp::Eq, value } = term.expr() else {
            return Err(unusable());
        };
        let sub = attribute
            .sub_attribute(path.name.as_str())
            .ok_or_else(|| format!("`{}` has no sub-attribute `{path}`", attribute.name))?;
        let value = match value {
            CompareValue::String(text) => Value::from(&**text),
            CompareValue::Bool(truth) => Value::Bool(*truth),
            _ => return Err(unusable()),
        };
        fixed.insert(sub.name.as_str().to_owned(), one(value, sub.attribute_type)?);
    }
    Ok(fixed)
}

/// Puts a value into the elements that the filter names; a list makes one element for each value.
fn put(
    elements: &mut Vec<Map<String, Value>>,
    fixed: &Map<String, Value>,
    sub: &str,
    value: Value,
    value_type: AttributeType,
) -> Result<(), String> {
    let is_named = |element: &Map<String, Value>| {
        fixed.iter().all(|(name, value)| element.get(name) == Some(value))
    };
    let fresh = || fixed.clone();
    match value {
        Value::Array(values) => {
            for value in values {
                let mut element = fresh();
                element.insert(sub.to_owned(), one(value, value_type)?);
                elements.push(element);
            }
        }
        value => {
            let value = one(value, value_type)?;
            let index = match elements.iter().position(is_named) {
                Some(index) => index,
                None => {
                    elements.push(fresh());
                    elements.len() - 1
                }
            };
            if let Some(element) = elements.get_mut(index) {
                element.insert(sub.to_owned(), value);
            }
        }
    }
    Ok(())
}

/// Entra ID marks the work address as primary.
fn mark_primary(elements: &mut [Map<String, Value>]) {
    if elements.iter().any(|element| element.contains_key("primary")) {
        return;
    }
    let work = |element: &&mut Map<String, Value>| {
        element.get("type").and_then(Value::as_str) == Some("work")
    };
    if let Some(element) = elements.iter_mut().find(work) {
        element.insert("primary".to_owned(), Value::Bool(true));
    }
}

/// One value in the type of its attribute.
fn one(value: Value, value_type: AttributeType) -> Result<Value, String> {
    use AttributeType as T;
    match (value_type, value) {
        (T::Boolean, Value::Bool(truth)) => Ok(Value::Bool(truth)),
        (T::Boolean, Value::String(text)) if text.eq_ignore_ascii_case("true") => {
            Ok(Value::Bool(true))
        }
        (T::Boolean, Value::String(text)) if text.eq_ignore_ascii_case("false") => {
            Ok(Value::Bool(false))
        }
        (T::Integer | T::Decimal, Value::Number(number)) => Ok(Value::Number(number)),
        (T::Complex, Value::Object(object)) => Ok(Value::Object(object)),
        (T::String | T::DateTime | T::Binary | T::Reference, Value::String(text)) => {
            Ok(Value::String(text))
        }
        (T::String, Value::Bool(truth)) => Ok(Value::String(truth.to_string())),
        (T::String, Value::Number(number)) => Ok(Value::String(number.to_string())),
        (wanted, value) => {
            let found = match value {
                Value::Null => "null",
                Value::Bool(_) => "boolean",
                Value::Number(_) => "number",
                Value::String(_) => "text",
                Value::Array(_) => "list",
                Value::Object(_) => "object",
            };
            Err(format!("the source has a {found}, the target takes a {wanted}"))
        }
    }
}

fn is_unassigned(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::String(text) => text.is_empty(),
        Value::Array(values) => values.is_empty(),
        Value::Object(object) => object.values().all(is_unassigned),
        _ => false,
    }
}

/// Whether `held` has everything that `wanted` says.
fn covers(held: &Value, wanted: &Value) -> bool {
    match (held, wanted) {
        (Value::Array(held), Value::Array(wanted)) => {
            held.len() == wanted.len()
                && wanted.iter().all(|wanted| held.iter().any(|held| covers(held, wanted)))
        }
        (Value::Object(held), Value::Object(wanted)) => {
            wanted.iter().all(|(name, wanted)| match member(held, name) {
                Some(held) => covers(held, wanted),
                None => *wanted == Value::Bool(false) || is_unassigned(wanted),
            })
        }
        (held, wanted) => held == wanted,
    }
}

/// A canonical path taken apart: URN of the extension, attribute, sub-attribute.
fn split<'p>(
    resource_type: &ResourceType,
    path: &'p str,
) -> (Option<&'p str>, &'p str, Option<&'p str>) {
    let extension = resource_type.extensions().iter().find_map(|extension| {
        let rest = path.strip_prefix(extension.schema.id.as_str())?.strip_prefix(':')?;
        Some((path.strip_suffix(rest)?.strip_suffix(':')?, rest))
    });
    let (urn, rest) = match extension {
        Some((urn, rest)) => (Some(urn), rest),
        None => (None, path),
    };
    match rest.split_once('.') {
        Some((name, sub)) => (urn, name, Some(sub)),
        None => (urn, rest, None),
    }
}

fn member<'m>(map: &'m Map<String, Value>, name: &str) -> Option<&'m Value> {
    map.get(name).or_else(|| {
        map.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    })
}

fn sub_value<'v>(value: &'v Value, sub: Option<&str>) -> Option<&'v Value> {
    match sub {
        None => Some(value),
        Some(sub) => member(value.as_object()?, sub),
    }
}

fn object_at<'m>(
    map: &'m mut Map<String, Value>,
    name: &str,
) -> Option<&'m mut Map<String, Value>> {
    map.entry(name.to_owned()).or_insert_with(|| Value::Object(Map::new())).as_object_mut()
}
