//! Resource types and where their attributes are found.

use std::fmt;
use std::sync::{Arc, LazyLock};

use scim2_syntax::{AttrName, AttrPath, SchemaUri};

use crate::canonical::Canonical;
use crate::common::TypedResource;
use crate::error::Error;
use crate::policy::Policy;
use crate::schema::{Attribute, AttributeType, Mutability, Returned, Schema, Uniqueness};

/// The URN of the User schema (RFC 7643 §4.1).
pub const USER_SCHEMA: &str = "urn:ietf:params:scim:schemas:core:2.0:User";
/// The URN of the Group schema (RFC 7643 §4.2).
pub const GROUP_SCHEMA: &str = "urn:ietf:params:scim:schemas:core:2.0:Group";
/// The URN of the enterprise extension of User (RFC 7643 §4.3).
pub const ENTERPRISE_USER_SCHEMA: &str =
    "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";

/// A resource type (RFC 7643 §6) together with its schemas: what a service provider serves at one
/// endpoint, and the entry to everything that needs a schema.
///
/// It is cheap to clone.
#[derive(Clone, Debug)]
pub struct ResourceType {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    name: Box<str>,
    endpoint: Box<str>,
    description: Box<str>,
    schema: Arc<Schema>,
    extensions: Vec<Extension>,
    open: bool,
    unique_external_id: bool,
}

/// An extension of a resource type: a schema whose attributes live under its URN.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Extension {
    /// What the extension defines.
    pub schema: Arc<Schema>,
    /// Whether each resource must have it.
    pub required: bool,
}

/// What an attribute path names in a resource type.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum Resolved<'a> {
    /// A whole extension, named by its URN alone (ruling F09).
    Extension(&'a Extension),
    /// An attribute, or a sub-attribute of it.
    Attribute {
        /// The extension that defines it; none for the base schema and the common attributes.
        extension: Option<&'a Extension>,
        /// The attribute.
        attribute: &'a Attribute,
        /// The sub-attribute, if the path names one.
        sub_attribute: Option<&'a Attribute>,
    },
    /// A name that no schema defines, in an open resource type: types are taken from values.
    /// Where a defined attribute has an undefined sub-attribute, that too is this.
    Open {
        /// The URN before the name, if there is one that is not the base schema's.
        schema: Option<&'a SchemaUri>,
        /// The name of the attribute.
        name: &'a AttrName,
        /// The name of the sub-attribute, if the path has one.
        sub_attr: Option<&'a AttrName>,
    },
}

/// Why a path names nothing in a resource type.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ResolveError {
    /// The URN is neither the base schema's nor an extension's.
    #[error("resource type `{resource_type}` has no schema `{schema}`")]
    UnknownSchema {
        /// The resource type's name.
        resource_type: Box<str>,
        /// The URN as written.
        schema: SchemaUri,
    },
    /// The schema has no such attribute.
    #[error("unknown attribute `{path}` in resource type `{resource_type}`{}", Meant(extension.as_ref(), path))]
    UnknownAttribute {
        /// The resource type's name.
        resource_type: Box<str>,
        /// The path as written.
        path: Box<AttrPath>,
        /// The extension that has an attribute of this name, under its URN.
        extension: Option<SchemaUri>,
    },
    /// The attribute has no such sub-attribute, or no sub-attributes at all (ruling F12).
    #[error("attribute `{attribute}` has no sub-attribute `{sub_attr}`")]
    UnknownSubAttribute {
        /// The attribute's name.
        attribute: AttrName,
        /// The sub-attribute as written.
        sub_attr: AttrName,
    },
}

/// What an unknown name may have been meant to say, for a message.
struct Meant<'a>(Option<&'a SchemaUri>, &'a AttrPath);

impl fmt::Display for Meant<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(uri) => write!(f, ", did you mean `{uri}:{}`?", self.1),
            None => Ok(()),
        }
    }
}

impl ResourceType {
    /// A resource type served at `endpoint`, such as `/Users`.
    #[must_use]
    pub fn new(name: &str, endpoint: &str, schema: Schema) -> Self {
        let endpoint = format!("/{}", endpoint.trim_matches('/')).into_boxed_str();
        let inner = Inner {
            name: name.into(),
            endpoint,
            description: schema.description.clone().unwrap_or_default().into_boxed_str(),
            schema: Arc::new(schema),
            extensions: Vec::new(),
            open: false,
            unique_external_id: false,
        };
        Self { inner: Arc::new(inner) }
    }

    /// The resource type of a typed view, with the schema that describes it; name and endpoint are
    /// the view's own.
    ///
    /// ```
    /// use scim2_core::{ResourceType, TypedResource};
    ///
    /// scim2_core::extension! {
    ///     /// A door of the building.
    ///     pub struct Door = "urn:example:params:scim:schemas:core:2.0:Door" {
    ///         /// What is written on it.
    ///         pub label: Option<String> = "label" { required },
    ///     }
    /// }
    /// impl TypedResource for Door {
    ///     const RESOURCE_TYPE: &'static str = "Door";
    ///     const SCHEMA: &'static str = Self::SCHEMA;
    ///     const ENDPOINT: &'static str = "/Doors";
    /// }
    /// let doors = ResourceType::of::<Door>(Door::schema());
    /// assert_eq!((doors.name(), doors.description()), ("Door", "A door of the building."));
    /// ```
    #[must_use]
    pub fn of<R: TypedResource>(schema: Schema) -> Self {
        Self::new(R::RESOURCE_TYPE, R::ENDPOINT, schema)
    }

    /// The same type with one more extension, which resources may have.
    #[must_use]
    pub fn with_extension(self, schema: Schema) -> Self {
        self.extended(schema, false)
    }

    /// The same type with one more extension, which each resource must have.
    #[must_use]
    pub fn with_required_extension(self, schema: Schema) -> Self {
        self.extended(schema, true)
    }

    /// The same type, described.
    #[must_use]
    pub fn with_description(self, description: &str) -> Self {
        self.change(|inner| inner.description = description.into())
    }

    /// The same type, which also keeps what no schema defines: unknown attributes are stored as
    /// they come and compared by the type of their value, text without case. For data of
    /// unknown origin, not for an endpoint.
    #[must_use]
    pub fn open(self) -> Self {
        self.change(|inner| inner.open = true)
    }

    /// The same type, of which no two resources may have one `externalId` (ruling W13). RFC 7643
    /// leaves that to provisioning clients; some service providers see to it. Where a tenant has
    /// provisioning domains, it holds within each of them, for they name resources independently of
    /// each other.
    ///
    /// ```
    /// use scim2_core::{Resource, ResourceType};
    /// let user: Resource = serde_json::from_str(r#"{"externalId": "701984"}"#)?;
    /// assert!(ResourceType::user().unique_keys(&user).is_empty());
    /// assert_eq!(ResourceType::user().with_unique_external_id().unique_keys(&user).len(), 1);
    /// # Ok::<(), serde_json::Error>(())
    /// ```
    #[must_use]
    pub fn with_unique_external_id(self) -> Self {
        self.change(|inner| inner.unique_external_id = true)
    }

    /// The same type with the values of an attribute brought into a form: `phoneNumbers.value`.
    ///
    /// # Errors
    /// `invalidPath` when the path names no string of the type's own schemas.
    pub fn with_canonical(self, path: &str, canonical: Canonical) -> Result<Self, Error> {
        self.edited(path, |attribute| {
            let is_text = attribute.attribute_type == AttributeType::String;
            is_text.then(|| attribute.canonical = Some(canonical))
        })
    }

    /// The same type with an attribute that other answers carry: a user's `groups`, which are dear to
    /// find out, on request alone (ruling W30).
    ///
    /// ```
    /// use scim2_core::{ResourceType, schema::Returned};
    /// let users = ResourceType::user().with_returned("groups", Returned::Request)?;
    /// assert_eq!(users.attribute("groups").unwrap().returned, Returned::Request);
    /// # Ok::<(), scim2_core::Error>(())
    /// ```
    ///
    /// # Errors
    /// `invalidPath` when the path names no attribute of the type's own schemas.
    pub fn with_returned(self, path: &str, returned: Returned) -> Result<Self, Error> {
        self.edited(path, |attribute| {
            attribute.returned = returned;
            Some(())
        })
    }

    /// The same type with an attribute changed; none where it cannot be.
    fn edited(
        self,
        path: &str,
        edit: impl FnOnce(&mut Attribute) -> Option<()>,
    ) -> Result<Self, Error> {
        let path: AttrPath = path.parse().map_err(|error| Error::from_path(&error))?;
        let strict = Policy::strict();
        let resolved = self.resolve(&path, &strict).map_err(Error::invalid_path)?;
        let (uri, name, sub_attr) = match resolved {
            Resolved::Attribute { extension, attribute, sub_attribute } => (
                extension.map(|extension| extension.schema.id.clone()),
                Some(attribute.name.clone()),
                sub_attribute.map(|sub| sub.name.clone()),
            ),
            _ => (None, None, None),
        };
        let mut done = None;
        let edited = self.change(|inner| {
            let mut extensions = inner.extensions.iter_mut().map(|extension| &mut extension.schema);
            let schema = match &uri {
                None => Some(&mut inner.schema),
                Some(uri) => extensions.find(|schema| schema.id == *uri),
            };
            let attributes = schema.map(|schema| &mut Arc::make_mut(schema).attributes);
            let attribute = attributes.zip(name).and_then(|(attributes, name)| {
                attributes.iter_mut().find(|attribute| attribute.name == name)
            });
            let target = match sub_attr {
                None => attribute,
                Some(sub_attr) => attribute.and_then(|attribute| {
                    attribute.sub_attributes.iter_mut().find(|sub| sub.name == sub_attr)
                }),
            };
            // What is common to all resources is in no schema.
            done = target.and_then(edit);
        });
        match done {
            Some(()) => Ok(edited),
            None => Err(Error::invalid_path(format_args!(
                "`{path}` of resource type `{}` cannot be changed so",
                edited.name()
            ))),
        }
    }

    /// User with the enterprise extension, at `/Users`.
    #[must_use]
    pub fn user() -> Self {
        STANDARD.user.clone()
    }

    /// Group, at `/Groups`.
    #[must_use]
    pub fn group() -> Self {
        STANDARD.group.clone()
    }

    /// The name: `User`. It is also `meta.resourceType`.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.inner.name
    }

    /// The endpoint relative to the base URL, with its slash: `/Users`.
    #[must_use]
    pub fn endpoint(&self) -> &str {
        &self.inner.endpoint
    }

    /// What resources of this type are.
    #[must_use]
    pub fn description(&self) -> &str {
        &self.inner.description
    }

    /// The base schema.
    #[must_use]
    pub fn schema(&self) -> &Arc<Schema> {
        &self.inner.schema
    }

    /// The extensions.
    #[must_use]
    pub fn extensions(&self) -> &[Extension] {
        &self.inner.extensions
    }

    /// Whether attributes that no schema defines are kept; see [`open`](Self::open).
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.inner.open
    }

    /// Whether `externalId` is unique; see
    /// [`with_unique_external_id`](Self::with_unique_external_id).
    #[must_use]
    pub fn has_unique_external_id(&self) -> bool {
        self.inner.unique_external_id
    }

    /// The extension with this URN, in any case.
    #[must_use]
    pub fn extension(&self, uri: &str) -> Option<&Extension> {
        self.inner
            .extensions
            .iter()
            .find(|extension| extension.schema.id.as_str().eq_ignore_ascii_case(uri))
    }

    /// The attribute of the base schema, or the common attribute, of this name in any case.
    /// Common attributes win over a schema that lists them (ruling S11).
    #[must_use]
    pub fn attribute(&self, name: &str) -> Option<&Attribute> {
        common_attribute(name).or_else(|| self.inner.schema.attribute(name))
    }

    /// Finds what a path names: URN, attribute, sub-attribute (RFC 7644 §3.10; rulings F07 to
    /// F12).
    ///
    /// # Errors
    /// When a schema, attribute or sub-attribute is not known.
    pub fn resolve<'a>(
        &'a self,
        path: &'a AttrPath,
        policy: &Policy,
    ) -> Result<Resolved<'a>, ResolveError> {
        let Some(schema) = &path.schema else {
            return match self.attribute(path.name.as_str()) {
                Some(attribute) => self.with_sub_attribute(None, attribute, path),
                None => self.resolve_unqualified(path, policy),
            };
        };
        if let Some(uri) = path.container_uri()
            && let Some(extension) = self.extension(uri.as_str())
        {
            return Ok(Resolved::Extension(extension));
        }
        if *schema == self.inner.schema.id {
            return match self.attribute(path.name.as_str()) {
                Some(attribute) => self.with_sub_attribute(None, attribute, path),
                None => self.unknown(path),
            };
        }
        if let Some(extension) = self.extension(schema.as_str()) {
            return match extension.schema.attribute(path.name.as_str()) {
                Some(attribute) => self.with_sub_attribute(Some(extension), attribute, path),
                None => self.unknown(path),
            };
        }
        if policy.path.dot_after_urn {
            // Old Entra ID jobs send `urn:…:User.department`, which parses as a sub-attribute of
            // an attribute `User` (ruling F08).
            let joined = format!("{schema}:{}", path.name);
            if let (Some(extension), Some(name)) = (self.extension(&joined), &path.sub_attr)
                && let Some(attribute) = extension.schema.attribute(name.as_str())
            {
                return Ok(Resolved::Attribute {
                    extension: Some(extension),
                    attribute,
                    sub_attribute: None,
                });
            }
        }
        if self.inner.open {
            return self.unknown(path);
        }
        Err(ResolveError::UnknownSchema {
            resource_type: self.inner.name.clone(),
            schema: schema.clone(),
        })
    }

    fn resolve_unqualified<'a>(
        &'a self,
        path: &'a AttrPath,
        policy: &Policy,
    ) -> Result<Resolved<'a>, ResolveError> {
        if policy.path.unqualified_extension {
            let mut hits = self.inner.extensions.iter().filter_map(|extension| {
                let attribute = extension.schema.attribute(path.name.as_str())?;
                Some((extension, attribute))
            });
            if let (Some((extension, attribute)), None) = (hits.next(), hits.next()) {
                return self.with_sub_attribute(Some(extension), attribute, path);
            }
        }
        self.unknown(path)
    }

    fn with_sub_attribute<'a>(
        &'a self,
        extension: Option<&'a Extension>,
        attribute: &'a Attribute,
        path: &'a AttrPath,
    ) -> Result<Resolved<'a>, ResolveError> {
        let Some(sub_attr) = &path.sub_attr else {
            return Ok(Resolved::Attribute { extension, attribute, sub_attribute: None });
        };
        if let Some(sub_attribute) = attribute.sub_attribute(sub_attr.as_str()) {
            return Ok(Resolved::Attribute {
                extension,
                attribute,
                sub_attribute: Some(sub_attribute),
            });
        }
        if self.inner.open && attribute.is_complex() {
            return self.unknown(path);
        }
        Err(ResolveError::UnknownSubAttribute {
            attribute: attribute.name.clone(),
            sub_attr: sub_attr.clone(),
        })
    }

    fn unknown<'a>(&'a self, path: &'a AttrPath) -> Result<Resolved<'a>, ResolveError> {
        if self.inner.open {
            let schema = path.schema.as_ref().filter(|schema| **schema != self.inner.schema.id);
            return Ok(Resolved::Open {
                schema,
                name: &path.name,
                sub_attr: path.sub_attr.as_ref(),
            });
        }
        Err(ResolveError::UnknownAttribute {
            resource_type: self.inner.name.clone(),
            path: Box::new(path.clone()),
            extension: match &path.schema {
                None => {
                    self.extension_with(path.name.as_str()).map(|found| found.schema.id.clone())
                }
                Some(_) => None,
            },
        })
    }

    /// The same type with another base schema and no extensions.
    pub(crate) fn with_schema(&self, schema: Schema) -> Self {
        self.clone().change(|inner| {
            inner.schema = Arc::new(schema);
            inner.extensions.clear();
        })
    }

    /// The first extension that has an attribute of this name.
    pub(crate) fn extension_with(&self, name: &str) -> Option<&Extension> {
        self.inner.extensions.iter().find(|extension| extension.schema.attribute(name).is_some())
    }

    fn extended(self, schema: Schema, required: bool) -> Self {
        self.change(|inner| {
            inner.extensions.push(Extension { schema: Arc::new(schema), required });
        })
    }

    fn change(self, change: impl FnOnce(&mut Inner)) -> Self {
        let mut inner = Arc::try_unwrap(self.inner).unwrap_or_else(|shared| Inner {
            name: shared.name.clone(),
            endpoint: shared.endpoint.clone(),
            description: shared.description.clone(),
            schema: shared.schema.clone(),
            extensions: shared.extensions.clone(),
            open: shared.open,
            unique_external_id: shared.unique_external_id,
        });
        change(&mut inner);
        Self { inner: Arc::new(inner) }
    }
}

/// The resource types of one service provider.
#[derive(Clone, Debug, Default)]
pub struct Catalog {
    types: Vec<ResourceType>,
}

/// Two resource types that cannot be served together.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("resource type `{name}` at `{endpoint}` clashes with one that is registered already")]
pub struct CatalogError {
    name: Box<str>,
    endpoint: Box<str>,
}

impl Catalog {
    /// User with the enterprise extension, and Group.
    #[must_use]
    pub fn standard() -> Self {
        Self { types: vec![ResourceType::user(), ResourceType::group()] }
    }

    /// Adds a resource type.
    ///
    /// # Errors
    /// When its name or its endpoint is taken: one endpoint belongs to one type (erratum 8365,
    /// ruling S09).
    pub fn register(&mut self, resource_type: ResourceType) -> Result<(), CatalogError> {
        let clash = self.types.iter().any(|known| {
            known.name().eq_ignore_ascii_case(resource_type.name())
                || known.endpoint() == resource_type.endpoint()
        });
        if clash {
            return Err(CatalogError {
                name: resource_type.name().into(),
                endpoint: resource_type.endpoint().into(),
            });
        }
        self.types.push(resource_type);
        Ok(())
    }

    /// The resource types, in the order of registration.
    pub fn iter(&self) -> impl Iterator<Item = &ResourceType> {
        self.types.iter()
    }

    /// The type of this name.
    #[must_use]
    pub fn by_name(&self, name: &str) -> Option<&ResourceType> {
        self.types.iter().find(|known| known.name() == name)
    }

    /// The type served at this endpoint, such as `/Users`.
    #[must_use]
    pub fn by_endpoint(&self, endpoint: &str) -> Option<&ResourceType> {
        self.types.iter().find(|known| known.endpoint() == endpoint)
    }

    /// Every schema in use, each once.
    pub fn schemas(&self) -> impl Iterator<Item = &Arc<Schema>> {
        let mut seen: Vec<&SchemaUri> = Vec::new();
        self.types
            .iter()
            .flat_map(|t| {
                std::iter::once(t.schema()).chain(t.extensions().iter().map(|e| &e.schema))
            })
            .filter(move |schema| {
                let new = !seen.contains(&&schema.id);
                if new {
                    seen.push(&schema.id);
                }
                new
            })
    }
}

/// The attribute that every resource has, whatever its schemas say (RFC 7643 §3.1).
#[must_use]
pub fn common_attribute(name: &str) -> Option<&'static Attribute> {
    // Asked for each name of a body, most of which have another length.
    if !matches!(name.len(), 2 | 4 | 7 | 10) {
        return None;
    }
    COMMON.iter().find(|attribute| attribute.name.as_str().eq_ignore_ascii_case(name))
}

static COMMON: LazyLock<Vec<Attribute>> = LazyLock::new(|| {
    use AttributeType::{Complex, DateTime, Reference, String};
    let attribute = |name: &str, attribute_type| {
        let name = AttrName::new(name).ok()?;
        Some(Attribute::new(name, attribute_type))
    };
    let exact = |name: &str, attribute_type| {
        let attribute = attribute(name, attribute_type)?;
        Some(Attribute { case_exact: true, ..attribute })
    };
    let read_only = |attribute: Option<Attribute>| {
        Some(Attribute { mutability: Mutability::ReadOnly, ..attribute? })
    };
    let meta = read_only(attribute("meta", Complex)).map(|meta| Attribute {
        sub_attributes: [
            read_only(exact("resourceType", String)),
            read_only(attribute("created", DateTime)),
            read_only(attribute("lastModified", DateTime)),
            read_only(exact("location", Reference)),
            read_only(exact("version", String)),
        ]
        .into_iter()
        .flatten()
        .collect(),
        ..meta
    });
    let schemas = attribute("schemas", String).map(|schemas| Attribute {
        multi_valued: true,
        required: true,
        returned: Returned::Always,
        ..schemas
    });
    let id = read_only(exact("id", String)).map(|id| Attribute {
        returned: Returned::Always,
        uniqueness: Uniqueness::Server,
        ..id
    });
    [schemas, id, exact("externalId", String), meta].into_iter().flatten().collect()
});

struct Standard {
    user: ResourceType,
    group: ResourceType,
}

static STANDARD: LazyLock<Standard> = LazyLock::new(|| {
    let schema = |id: &'static str, json: &str| {
        // The shipped schemas are read by a test; a schema without attributes would fail it.
        serde_json::from_str(json)
            .unwrap_or_else(|_| Schema::new(SchemaUri::from_static(id), Vec::new()))
    };
    let enterprise = schema(ENTERPRISE_USER_SCHEMA, include_str!("../schemas/EnterpriseUser.json"));
    Standard {
        user: ResourceType::new(
            "User",
            "/Users",
            schema(USER_SCHEMA, include_str!("../schemas/User.json")),
        )
        .with_extension(enterprise)
        .with_description("User accounts"),
        group: ResourceType::new(
            "Group",
            "/Groups",
            schema(GROUP_SCHEMA, include_str!("../schemas/Group.json")),
        )
        .with_description("Groups of users and other groups"),
    }
});
