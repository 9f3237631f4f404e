//! Between an application's values and documents: nothing is lost on the way.

use scim2_core::json::MAX_DEPTH;
use scim2_core::resource::ResourceId;
use scim2_core::schema::Attribute;
use scim2_core::{Error, Resource, ResourceType, TypedResource};
use serde_json::{Map, Value};

use super::Record;
use super::adapter::fault;
use crate::store::{StoreError, Stored, take_secrets};

/// A resource that a handler is to write.
pub(super) struct Document(Resource);

impl Document {
    /// What is handed over to be created.
    pub(super) fn to_create(ty: &ResourceType, resource: &Resource) -> Self {
        let mut document = resource.clone();
        drop_locations(ty, document.as_map_mut());
        Self(document)
    }

    /// What is handed over to be put in the place of the resource with this id: what clients can
    /// write, and the id.
    pub(super) fn to_replace(ty: &ResourceType, id: &ResourceId, resource: &Resource) -> Self {
        let mut document = ty.writable(resource);
        drop_locations(ty, document.as_map_mut());
        document.insert("id", id.as_str());
        Self(document)
    }

    /// The document as the application's type, which must have a place for all of it.
    pub(super) fn to_typed<R: TypedResource>(&self) -> Result<R, StoreError> {
        let typed: R = self.0.to_typed().map_err(StoreError::Refused)?;
        let kept = Resource::from_typed(&typed).map_err(StoreError::Refused)?;
        match lost(self.0.as_map(), kept.as_map()).as_slice() {
            [] => Ok(typed),
            paths => {
                let paths = paths.join("`, `");
                Err(StoreError::Refused(Error::invalid_value(format_args!(
                    "this service provider has no place for `{paths}`"
                ))))
            }
        }
    }

    /// Says in the log what the application did not keep.
    pub(super) fn compare(mut self, ty: &ResourceType, stored: &Stored) {
        take_secrets(ty, &mut self.0);
        let lost = lost(self.0.as_map(), stored.resource.as_map());
        if !lost.is_empty() {
            tracing::warn!(
                resource_type = ty.name(),
                id = stored.id(),
                attributes = lost.join(", "),
                "the handler did not keep what was written"
            );
        }
    }
}

/// A record as the protocol sees it.
pub(super) fn stored<R: TypedResource>(
    ty: &ResourceType,
    record: Record<R>,
) -> Result<Stored, StoreError> {
    let Record { id, resource, revision } = record;
    if let Some(reason) = unusable(id.as_str()) {
        return Err(fault(ty, format!("gave a resource the id `{id}`, which {reason}")));
    }
    let mut document = Resource::from_typed(&resource).map_err(StoreError::internal)?;
    take_secrets(ty, &mut document);
    let map = document.as_map_mut();
    map.remove("meta");
    map.retain(|_, value| !prune(value, 0));
    drop_locations(ty, map);
    list_schemas(ty, map);
    document.insert("id", id.as_str());
    Ok(Stored::new(document, revision.version, revision.created, revision.last_modified))
}

/// Why an id can be none (RFC 7643 §3.1; rulings W14 and H15).
fn unusable(id: &str) -> Option<&'static str> {
    match id {
        "" => Some("is empty"),
        "." | ".." | ".search" => Some("means something else in a URL"),
        _ if id.contains('/') => Some("has a `/` in it"),
        _ if id.contains("bulkId") => Some("has `bulkId` in it"),
        _ if id.chars().any(char::is_control) => Some("has a control character in it"),
        _ => None,
    }
}

/// Completes `schemas` by what the document has.
fn list_schemas(ty: &ResourceType, map: &mut Map<String, Value>) {
    let mut schemas = match map.remove("schemas") {
        Some(Value::Array(schemas)) => schemas,
        _ => Vec::new(),
    };
    let extensions = ty.extensions().iter().map(|extension| extension.schema.id.as_str());
    let present = extensions.filter(|uri| map.contains_key(*uri));
    for uri in std::iter::once(ty.schema().id.as_str()).chain(present) {
        let known =
            |schema: &Value| schema.as_str().is_some_and(|schema| schema.eq_ignore_ascii_case(uri));
        if !schemas.iter().any(known) {
            schemas.push(uri.into());
        }
    }
    map.insert("schemas".to_owned(), schemas.into());
}

/// Takes the `$ref`s of resources of this service provider out: only it knows where it is.
fn drop_locations(ty: &ResourceType, map: &mut Map<String, Value>) {
    drop_refs(&ty.schema().attributes, map);
    for extension in ty.extensions() {
        if let Some(Value::Object(container)) = map.get_mut(extension.schema.id.as_str()) {
            drop_refs(&extension.schema.attributes, container);
        }
    }
}

fn drop_refs(attributes: &[Attribute], map: &mut Map<String, Value>) {
    for attribute in attributes.iter().filter(|attribute| attribute.is_resource_reference()) {
        let elements = match map.get_mut(attribute.name.as_str()) {
            Some(Value::Array(elements)) => elements.as_mut_slice(),
            Some(single) => std::slice::from_mut(single),
            None => continue,
        };
        for element in elements.iter_mut().filter_map(Value::as_object_mut) {
            element.remove("$ref");
        }
    }
}

/// Takes out what is as good as absent (RFC 7643 §2.5), and says whether nothing is left.
/// No deeper than documents from outside may be.
fn prune(value: &mut Value, depth: usize) -> bool {
    if depth > MAX_DEPTH {
        return false;
    }
    match value {
        Value::Null => true,
        Value::Array(elements) => {
            elements.retain_mut(|element| !prune(element, depth + 1));
            elements.is_empty()
        }
        Value::Object(members) => {
            members.retain(|_, member| !prune(member, depth + 1));
            members.is_empty()
        }
        _ => false,
    }
}

/// The attributes of one document that another has no place for.
fn lost(asked: &Map<String, Value>, kept: &Map<String, Value>) -> Vec<String> {
    let mut paths = Vec::new();
    for (name, value) in asked.iter().filter(|(name, _)| !matches!(&***name, "schemas" | "id")) {
        compare(name.clone(), value, kept.get(name), 0, &mut paths);
    }
    paths
}

fn compare(
    path: String,
    asked: &Value,
    kept: Option<&Value>,
    depth: usize,
    paths: &mut Vec<String>,
) {
    match (asked, kept) {
        (Value::Null, _) => {}
        (Value::Object(asked), Some(Value::Object(kept))) if depth <= MAX_DEPTH => {
            let separator = if path.contains(':') && depth == 0 { ':' } else { '.' };
            for (name, value) in asked {
                let path = format!("{path}{separator}{name}");
                compare(path, value, kept.get(name), depth + 1, paths);
            }
        }
        (Value::Array(asked), Some(Value::Array(kept))) if asked.len() == kept.len() => {
            for (i, (asked, kept)) in asked.iter().zip(kept).enumerate() {
                compare(format!("{path}[{i}]"), asked, Some(kept), depth + 1, paths);
            }
        }
        (Value::Object(_) | Value::Array(_), Some(_)) => paths.push(path),
        (_, Some(_)) => {}
        (Value::Array(asked), None) if asked.is_empty() => {}
        (_, None) => paths.push(path),
    }
}
