//! What the discovery endpoints answer (RFC 7643 §6 and §7, RFC 7644 §4).

use std::sync::{Arc, LazyLock};

use scim2_syntax::SchemaUri;
use serde_json::json;
use url::Url;

use crate::catalog::{Catalog, CatalogError, ResourceType};
use crate::common::{Meta, TypedResource};
use crate::config::SERVICE_PROVIDER_CONFIG_SCHEMA;
use crate::resource::Resource;
use crate::schema::{SCHEMA_SCHEMA, Schema};
use crate::view::view;

/// The URN of ResourceType resources.
pub const RESOURCE_TYPE_SCHEMA: &str = "urn:ietf:params:scim:schemas:core:2.0:ResourceType";

view! {
    /// A resource type as the `/ResourceTypes` endpoint shows it (RFC 7643 §6).
    ///
    /// The engine's own form is [`ResourceType`], which holds the schemas themselves.
    #[derive(Clone, Debug, Default, PartialEq)]
    #[non_exhaustive]
    pub struct ResourceTypeDescription schemas RESOURCE_TYPE_SCHEMA {
        /// The URNs of the schemas in use; completed when written.
        pub schemas: Vec<String> = "schemas",
        /// Often the same as the name.
        pub id: Option<String> = "id",
        /// The resource type's name.
        pub name: String = "name",
        /// What resources of this type are.
        pub description: Option<String> = "description",
        /// Where resources of this type are found, relative to the base URL.
        pub endpoint: String = "endpoint",
        /// The URN of the base schema.
        pub schema: String = "schema",
        /// The extensions.
        pub schema_extensions: Vec<SchemaExtension> = "schemaExtensions",
        /// What the service provider keeps about this resource.
        pub meta: Option<Meta> = "meta",
    }
}

view! {
    /// An extension of a resource type (RFC 7643 §6).
    #[derive(Clone, Debug, Default, PartialEq)]
    #[non_exhaustive]
    pub struct SchemaExtension {
        /// The URN of the extension's schema.
        pub schema: String = "schema",
        /// Whether each resource must have it.
        pub required: bool = "required",
    }
}

impl TypedResource for ResourceTypeDescription {
    const RESOURCE_TYPE: &'static str = "ResourceType";
    const SCHEMA: &'static str = RESOURCE_TYPE_SCHEMA;
    const ENDPOINT: &'static str = "/ResourceTypes";
}

impl TypedResource for Schema {
    const RESOURCE_TYPE: &'static str = "Schema";
    const SCHEMA: &'static str = SCHEMA_SCHEMA;
    const ENDPOINT: &'static str = "/Schemas";
}

impl ResourceType {
    /// This type as the `/ResourceTypes` endpoint shows it, without `meta`.
    #[must_use]
    pub fn to_description(&self) -> ResourceTypeDescription {
        let extension = |extension: &crate::catalog::Extension| SchemaExtension {
            schema: extension.schema.id.as_str().to_owned(),
            required: extension.required,
            ..SchemaExtension::default()
        };
        ResourceTypeDescription {
            id: Some(self.name().to_owned()),
            name: self.name().to_owned(),
            description: Some(self.description().to_owned()).filter(|text| !text.is_empty()),
            endpoint: self.endpoint().to_owned(),
            schema: self.schema().id.as_str().to_owned(),
            schema_extensions: self.extensions().iter().map(extension).collect(),
            ..ResourceTypeDescription::default()
        }
    }

    /// This type as a resource of the `/ResourceTypes` endpoint, its location under `base_url`.
    #[must_use]
    pub fn description_resource(&self, base_url: &Url) -> Resource {
        let resource = Resource::from_typed(&self.to_description()).unwrap_or_default();
        located(resource, "ResourceType", &["ResourceTypes", self.name()], base_url)
    }
}

impl Catalog {
    /// The resource types of a service provider, from what its `/Schemas` and `/ResourceTypes`
    /// endpoints answer: enough to read, check and compare resources of which nothing else is
    /// known.
    ///
    /// User, Group and the enterprise extension of User are known without being listed; where they
    /// are listed, what the service provider says of them counts.
    ///
    /// ```
    /// use scim2_core::discovery::ResourceTypeDescription;
    /// use scim2_core::{Catalog, Policy, Schema};
    ///
    /// let schemas: Vec<Schema> = serde_json::from_str(
    ///     r#"[{ "id": "urn:example:Badge", "attributes": [{ "name": "colour" }] }]"#,
    /// )?;
    /// let types: Vec<ResourceTypeDescription> = serde_json::from_str(
    ///     r#"[{ "name": "Badge", "endpoint": "/Badges", "schema": "urn:example:Badge" }]"#,
    /// )?;
    /// let catalog = Catalog::from_discovery(&schemas, &types)?;
    /// let badges = catalog.by_endpoint("/Badges").unwrap();
    /// let badge = badges.ingest(br#"{ "COLOUR": "red" }"#, &Policy::strict())?;
    /// assert_eq!(badge.text("colour"), Some("red"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// When a resource type names a schema that is not there (RFC 7643 §6), or two types have one
    /// name or one endpoint.
    pub fn from_discovery(
        schemas: &[Schema],
        resource_types: &[ResourceTypeDescription],
    ) -> Result<Self, DiscoveryError> {
        let standard = Self::standard();
        let find = |of: &ResourceTypeDescription, uri: &str| {
            let is = |schema: &&Schema| schema.id.as_str().eq_ignore_ascii_case(uri);
            let listed = schemas.iter().find(is).cloned();
            let known = || standard.schemas().map(AsRef::as_ref).find(is).cloned();
            listed.or_else(known).ok_or_else(|| DiscoveryError::UnknownSchema {
                resource_type: of.name.as_str().into(),
                schema: uri.into(),
            })
        };
        let mut catalog = Self::default();
        for of in resource_types {
            let mut resource_type =
                ResourceType::new(&of.name, &of.endpoint, find(of, &of.schema)?);
            if let Some(description) = &of.description {
                resource_type = resource_type.with_description(description);
            }
            for extension in &of.schema_extensions {
                let schema = find(of, &extension.schema)?;
                resource_type = if extension.required {
                    resource_type.with_required_extension(schema)
                } else {
                    resource_type.with_extension(schema)
                };
            }
            catalog.register(resource_type)?;
        }
        Ok(catalog)
    }
}

/// Why a service provider's description of itself makes no [`Catalog`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DiscoveryError {
    /// A resource type names a schema that is not listed (RFC 7643 §6).
    #[error("resource type `{resource_type}` has the schema `{schema}`, which is not listed")]
    UnknownSchema {
        /// The resource type's name.
        resource_type: Box<str>,
        /// The URN of its base schema, or of an extension.
        schema: Box<str>,
    },
    /// Two resource types cannot be told apart.
    #[error(transparent)]
    Clash(#[from] CatalogError),
}

impl Schema {
    /// This schema as a resource of the `/Schemas` endpoint, its location under `base_url`.
    #[must_use]
    pub fn description_resource(&self, base_url: &Url) -> Resource {
        located(self.to_resource(), "Schema", &["Schemas", self.id.as_str()], base_url)
    }
}

/// The schemas that describe the service provider itself: ServiceProviderConfig, ResourceType and
/// Schema (RFC 7643 §8.7.2, ruling Q18).
#[must_use]
pub fn service_provider_schemas() -> &'static [Arc<Schema>] {
    &SERVICE_PROVIDER
}

static SERVICE_PROVIDER: LazyLock<Vec<Arc<Schema>>> = LazyLock::new(|| {
    let schema = |id: &'static str, json: &str| {
        // The shipped schemas are read by a test; a schema without attributes would fail it.
        let schema = serde_json::from_str(json)
            .unwrap_or_else(|_| Schema::new(SchemaUri::from_static(id), Vec::new()));
        Arc::new(schema)
    };
    vec![
        schema(
            SERVICE_PROVIDER_CONFIG_SCHEMA,
            include_str!("../schemas/ServiceProviderConfig.json"),
        ),
        schema(RESOURCE_TYPE_SCHEMA, include_str!("../schemas/ResourceType.json")),
        schema(SCHEMA_SCHEMA, include_str!("../schemas/Schema.json")),
    ]
});

fn located(mut resource: Resource, kind: &str, path: &[&str], base_url: &Url) -> Resource {
    let mut location = base_url.clone();
    if let Ok(mut segments) = location.path_segments_mut() {
        segments.pop_if_empty().extend(path);
    }
    resource.insert("meta", json!({ "resourceType": kind, "location": location.as_str() }));
    resource
}
