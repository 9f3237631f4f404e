//! From a stored resource to the one that a client sees.

use scim2_core::project::{Projection, Written};
use scim2_core::schema::Attribute;
use scim2_core::{Catalog, Resource, ResourceType};
use serde_json::{Map, Value};

use crate::auth::Authenticator;
use crate::base::Base;
use crate::provider::ServiceProvider;
use crate::store::{Load, Store, Stored, has_groups, has_members};

/// What a client sees of a resource, and what the headers say of it.
pub(crate) struct Represented {
    pub(crate) resource: Resource,
    pub(crate) location: Option<String>,
    pub(crate) version: Option<String>,
}

impl<S: Store, A: Authenticator> ServiceProvider<S, A> {
    /// Completes a resource with `meta` and `$ref`s, lets the endpoint's rules have their say, and
    /// projects it.
    pub(crate) fn represent(
        &self,
        base: &Base,
        ty: &ResourceType,
        stored: Stored,
        projection: &Projection,
        written: Option<&Written>,
    ) -> Represented {
        let mut meta = stored.meta(ty);
        meta.insert("location".into(), base.location(ty.endpoint(), stored.id()).into());
        if !self.service.etag.supported {
            meta.remove("version");
        }
        let mut resource = stored.resource;
        resource.insert("meta", meta);
        add_references(base, &self.catalog, ty, resource.as_map_mut());
        self.rules.representation(ty, &mut resource);
        let member = |name: &str| {
            let member = resource.get("meta")?.get(name)?;
            member.as_str().map(str::to_owned)
        };
        let (location, version) = (member("location"), member("version"));
        let resource = projection.apply(ty, resource, written);
        Represented { resource, location, version }
    }

    /// How much of a resource the store must read to show what the projection leaves.
    pub(crate) fn load_for(&self, ty: &ResourceType, projection: &Projection) -> Load {
        let costly = (has_members(ty) && projection.needs("members"))
            || (has_groups(ty) && projection.needs("groups"));
        if costly { Load::Full } else { Load::WithoutMembers }
    }
}

/// Adds `$ref` to everything that names a resource of this service provider by its id (RFC 7643
/// §2.3.7, ruling W19).
fn add_references(base: &Base, catalog: &Catalog, ty: &ResourceType, map: &mut Map<String, Value>) {
    let add = |attributes: &[Attribute], map: &mut Map<String, Value>| {
        for attribute in attributes.iter().filter(|a| a.is_resource_reference()) {
            let elements = match map.get_mut(attribute.name.as_str()) {
                Some(Value::Array(elements)) => elements.as_mut_slice(),
                Some(single) => std::slice::from_mut(single),
                None => continue,
            };
            for element in elements.iter_mut().filter_map(Value::as_object_mut) {
                let target = target(catalog, attribute, element);
                let id = element.get("value").and_then(Value::as_str);
                if let (Some(target), Some(id)) = (target, id) {
                    let location = base.location(target.endpoint(), id);
                    element.insert("$ref".into(), location.into());
                }
            }
        }
    };
    add(&ty.schema().attributes, map);
    for extension in ty.extensions() {
        if let Some(Value::Object(container)) = map.get_mut(extension.schema.id.as_str()) {
            add(&extension.schema.attributes, container);
        }
    }
}

/// The type of the resource that an element names: the only one that the schema allows, or the
/// one that the element's `type` tells.
fn target<'a>(
    catalog: &'a Catalog,
    attribute: &Attribute,
    element: &Map<String, Value>,
) -> Option<&'a ResourceType> {
    let types = &attribute.sub_attribute("$ref")?.reference_types;
    if let [only] = types.as_slice() {
        return catalog.by_name(only);
    }
    let named = element.get("type").and_then(Value::as_str)?;
    catalog.iter().find(|ty| {
        ty.name().eq_ignore_ascii_case(named)
            && (types.is_empty() || types.iter().any(|allowed| allowed == ty.name()))
    })
}
