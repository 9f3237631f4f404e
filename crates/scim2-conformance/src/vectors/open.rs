//! The open resource type that cases run against: the standard attributes as defined, every other
//! attribute kept, and types taken from the values unless the case tells them.

use std::sync::LazyLock;

use scim2_core::catalog::common_attribute;
use scim2_core::schema::{Attribute, AttributeType, Schema};
use scim2_core::syntax::{AttrName, AttrPath};
use scim2_core::{Resource, ResourceType};
use serde_json::{Map, Value};

use super::case::{Case, Suite};

/// The schema that the cases of one implementation were written for.
const TEST_ENTITY: &str = include_str!("../../vectors/schemas/test-patch-entity.json");

static TEST_ENTITY_TYPE: LazyLock<Option<ResourceType>> = LazyLock::new(|| {
    let [entity, extension]: [Schema; 2] = serde_json::from_str(TEST_ENTITY).ok()?;
    Some(ResourceType::new("PatchEntity", "/PatchEntities", entity).with_extension(extension))
});

/// The resource type of a case about these resources.
pub(super) fn resource_type(suite: &Suite<'_>, case: &Case, subjects: &[&Value]) -> ResourceType {
    match suite.resource_type(case).as_deref() {
        Some("User") => return ResourceType::user(),
        Some("Group") => return ResourceType::group(),
        _ => {}
    }
    if let Some(entity) = &*TEST_ENTITY_TYPE {
        let urn = entity.schema().id.as_str();
        if subjects.iter().any(|subject| has_schema(subject, urn)) {
            return entity.clone();
        }
    }
    let group = ResourceType::group();
    let is_group = |subject: &&Value| {
        has_schema(subject, group.schema().id.as_str()) || member(subject, "members").is_some()
    };
    let base = if !subjects.is_empty() && subjects.iter().all(is_group) {
        group
    } else {
        ResourceType::user()
    };
    refined(&base, case, subjects)
}

fn has_schema(resource: &Value, urn: &str) -> bool {
    let schemas = member(resource, "schemas").and_then(Value::as_array);
    let mut schemas = schemas.into_iter().flatten().filter_map(Value::as_str);
    schemas.any(|schema| schema.eq_ignore_ascii_case(urn))
}

/// The type, open, with what the case says of its attributes. What the resources lack is not
/// required: they are fragments.
fn refined(base: &ResourceType, case: &Case, subjects: &[&Value]) -> ResourceType {
    let mut schemas = vec![Schema::clone(base.schema())];
    schemas.extend(base.extensions().iter().map(|extension| Schema::clone(&extension.schema)));
    for attribute in schemas.iter_mut().flat_map(|schema| &mut schema.attributes) {
        let has_it = |subject: &&Value| member(subject, attribute.name.as_str()).is_some();
        attribute.required &= !subjects.is_empty() && subjects.iter().all(has_it);
    }
    let types = case.get("types").and_then(Value::as_object);
    for (path, keyword) in types.into_iter().flatten() {
        if let Ok(attribute_type) = serde_json::from_value(keyword.clone()) {
            define(&mut schemas, path, subjects, |attribute, is_new| {
                if is_new {
                    attribute.attribute_type = attribute_type;
                }
            });
        }
    }
    let exact = case.get("case_exact").and_then(Value::as_array);
    for path in exact.into_iter().flatten().filter_map(Value::as_str) {
        define(&mut schemas, path, subjects, |attribute, _| attribute.case_exact = true);
    }
    let mut schemas = schemas.into_iter();
    let Some(schema) = schemas.next() else { return base.clone().open() };
    let refined = ResourceType::new(base.name(), base.endpoint(), schema);
    schemas.fold(refined, ResourceType::with_extension).open()
}

/// Changes the attribute at a path, which is made if no schema has it.
fn define(
    schemas: &mut Vec<Schema>,
    path: &str,
    subjects: &[&Value],
    change: impl FnOnce(&mut Attribute, bool),
) {
    let Ok(path) = path.parse::<AttrPath>() else { return };
    if path.schema.is_none() && common_attribute(path.name.as_str()).is_some() {
        return;
    }
    let known = |schema: &Schema| path.schema.as_ref().is_none_or(|uri| schema.id == *uri);
    let at = schemas.iter().position(known).unwrap_or_else(|| {
        let uri = path.schema.iter().cloned();
        schemas.extend(uri.map(|uri| Schema::new(uri, Vec::new())));
        schemas.len() - 1
    });
    let containers: Vec<&Value> = match &path.schema {
        Some(uri) if at > 0 => {
            subjects.iter().filter_map(|subject| member(subject, uri.as_str())).collect()
        }
        _ => subjects.to_vec(),
    };
    let values_of = |objects: &[&Value], name: &str| -> Vec<Value> {
        objects.iter().filter_map(|object| member(object, name)).cloned().collect()
    };
    let Some(schema) = schemas.get_mut(at) else { return };
    let values = values_of(&containers, path.name.as_str());
    let (attribute, is_new) = slot(&mut schema.attributes, &path.name, &values);
    let Some(sub_attr) = &path.sub_attr else { return change(attribute, is_new) };
    if is_new {
        attribute.attribute_type = AttributeType::Complex;
    }
    let elements: Vec<&Value> = values
        .iter()
        .flat_map(|value| match value {
            Value::Array(elements) => elements.as_slice(),
            value => std::slice::from_ref(value),
        })
        .collect();
    let values = values_of(&elements, sub_attr.as_str());
    let (sub_attribute, is_new) = slot(&mut attribute.sub_attributes, sub_attr, &values);
    change(sub_attribute, is_new);
}

/// The attribute of this name, and whether it was made just now.
fn slot<'a>(
    attributes: &'a mut Vec<Attribute>,
    name: &AttrName,
    values: &[Value],
) -> (&'a mut Attribute, bool) {
    let at = attributes.iter().position(|attribute| attribute.name == *name);
    let is_new = at.is_none();
    let at = at.unwrap_or_else(|| {
        let mut attribute = Attribute::new(name.clone(), AttributeType::String);
        attribute.multi_valued = values.iter().any(Value::is_array);
        attributes.push(attribute);
        attributes.len() - 1
    });
    #[expect(clippy::indexing_slicing, reason = "the place was found or made just now")]
    (&mut attributes[at], is_new)
}

fn member<'a>(object: &'a Value, name: &str) -> Option<&'a Value> {
    object.as_object()?.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, v)| v)
}

/// The resource with its keys in the spelling of its type, and without what is unassigned. Nothing
/// else is changed, so that what a case has on purpose stays: duplicates, values of a wrong type.
pub(super) fn resource(ty: &ResourceType, resource: &Value) -> Resource {
    let members = resource.as_object().into_iter().flatten();
    let members = members.filter(|(_, value)| is_assigned(value)).map(|(name, value)| {
        if let Some(extension) = ty.extension(name) {
            let schema = &extension.schema;
            let spelled = spelled_members(value, |name| schema.attribute(name));
            return (schema.id.as_str().to_owned(), spelled);
        }
        spelled_member(ty.attribute(name), name, value)
    });
    Resource::from(members.collect::<Map<_, _>>())
}

fn spelled_member(attribute: Option<&Attribute>, name: &str, value: &Value) -> (String, Value) {
    let sub_attribute = |name: &str| attribute.and_then(|attribute| attribute.sub_attribute(name));
    let name = attribute.map_or(name, |attribute| attribute.name.as_str());
    let value = match value {
        Value::Array(elements) => {
            elements.iter().map(|element| spelled_members(element, sub_attribute)).collect()
        }
        value => spelled_members(value, sub_attribute),
    };
    (name.to_owned(), value)
}

fn spelled_members<'a>(value: &Value, find: impl Fn(&str) -> Option<&'a Attribute>) -> Value {
    let Value::Object(members) = value else { return value.clone() };
    let assigned = members.iter().filter(|(_, value)| is_assigned(value));
    Value::Object(assigned.map(|(name, value)| spelled_member(find(name), name, value)).collect())
}

fn is_assigned(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::Array(elements) => !elements.is_empty(),
        Value::Object(members) => !members.is_empty(),
        _ => true,
    }
}
