//! Resource types with more demands than the RFC's.

use scim2_core::schema::{Attribute, Uniqueness};
use scim2_core::{Catalog, ResourceType, Schema};

/// The same resource type, with an attribute of its own schema that no two resources share.
pub(crate) fn with_unique(resource_type: &ResourceType, path: &[&str]) -> ResourceType {
    fn mark(attributes: &mut [Attribute], path: &[&str]) {
        let Some((name, rest)) = path.split_first() else { return };
        let Some(attribute) = attributes.iter_mut().find(|known| known.name == **name) else {
            return;
        };
        if rest.is_empty() {
            attribute.uniqueness = Uniqueness::Server;
        } else {
            mark(&mut attribute.sub_attributes, rest);
        }
    }
    let mut schema = Schema::clone(resource_type.schema());
    mark(&mut schema.attributes, path);
    let made = ResourceType::new(resource_type.name(), resource_type.endpoint(), schema)
        .with_description(resource_type.description());
    resource_type
        .extensions()
        .iter()
        .fold(made, |made, extension| made.with_extension(Schema::clone(&extension.schema)))
}

/// These two and no others.
pub(crate) fn of(users: ResourceType, groups: ResourceType) -> Catalog {
    let mut catalog = Catalog::default();
    for resource_type in [users, groups] {
        // INVARIANT: the two types have different names and endpoints.
        let _ = catalog.register(resource_type);
    }
    catalog
}
