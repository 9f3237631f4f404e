//! A resource taken apart into what the tables keep.

use std::collections::HashSet;

use scim2_core::catalog::common_attribute;
use scim2_core::key::comparison_key;
use scim2_core::schema::{Attribute, Uniqueness};
use scim2_core::syntax::AttrPath;
use scim2_core::{Error, Policy, Resource, ResourceType};
use scim2_provider::store::{
    SecretValue, StoreError, has_groups, has_members, singular_references, take_secrets,
    unchanged_members,
};
use serde_json::{Map, Value};

use crate::search;

/// The path under which `externalId` is indexed.
pub(crate) const EXTERNAL_ID: &str = "externalId";

/// Attributes beside the unique ones that filters find without reading every resource.
pub(crate) const INDEXED: [&str; 4] = [
    EXTERNAL_ID,
    "displayName",
    "emails.value",
    "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:employeeNumber",
];

/// A resource taken apart.
#[derive(Clone, Debug)]
pub(crate) struct Content {
    pub(crate) document: Resource,
    /// None if it has none; the common one is also in the document.
    pub(crate) external_id: Option<String>,
    pub(crate) members: Vec<Member>,
    pub(crate) references: Vec<Reference>,
    /// All but `externalId`, of which each provisioning domain has its own.
    pub(crate) unique: Vec<(String, String)>,
    pub(crate) indexed: Vec<(&'static str, String)>,
    pub(crate) secrets: Vec<SecretValue>,
}

/// A membership.
#[derive(Clone, Debug)]
pub(crate) struct Member {
    /// The identifier in the form under which it is compared.
    pub(crate) id: String,
    /// What the client said of it beside `value`, as JSON.
    pub(crate) element: Option<String>,
    /// What is kept of it stays as it is.
    pub(crate) unchanged: bool,
}

/// A singular reference such as `manager`.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Reference {
    /// See [`reference_path`].
    pub(crate) path: String,
    /// The identifier in the form under which it is compared.
    pub(crate) target: String,
    /// Whether the schema requires it, so that it stays when the target goes.
    pub(crate) required: bool,
}

impl Content {
    pub(crate) fn of(ty: &ResourceType, mut document: Resource) -> Result<Self, StoreError> {
        let secrets = take_secrets(ty, &mut document);
        document.remove("id");
        document.remove("meta");
        if has_groups(ty) {
            document.remove("groups");
        }
        let mut members = Vec::new();
        if has_members(ty)
            && let Some(Value::Array(elements)) = document.remove("members")
        {
            for element in elements {
                let Value::Object(element) = element else { continue };
                members.extend(Member::of(element)?);
            }
        }
        let references = references(ty, &mut document)?;
        let indexed = indexed(ty, &document);
        let external_id = document.remove("externalId");
        let unique = ty.unique_keys(&document);
        let text = external_id.as_ref().and_then(Value::as_str).map(str::to_owned);
        if let Some(external_id) = external_id {
            document.insert("externalId", external_id);
        }
        let external_id = text;
        Ok(Self { document, external_id, members, references, unique, indexed, secrets })
    }

    /// The same of what is to be in the place of what is there.
    pub(crate) fn replacing(
        before: &Resource,
        ty: &ResourceType,
        document: Resource,
    ) -> Result<Self, StoreError> {
        let unchanged = unchanged_members(before, &document);
        let unchanged: HashSet<_> =
            unchanged.iter().map(|id| comparison_key(true, id.as_str())).collect();
        let mut content = Self::of(ty, document)?;
        for member in &mut content.members {
            member.unchanged = unchanged.contains(member.id.as_str());
        }
        Ok(content)
    }

    /// How others show the resource: its `displayName`, and the `userName` where it has none.
    pub(crate) fn names(&self) -> (Option<&str>, Option<&str>) {
        (self.document.text("displayName"), self.document.text("userName"))
    }
}

impl Member {
    /// A membership as a client names it; none if it names nobody.
    pub(crate) fn of(mut element: Map<String, Value>) -> Result<Option<Self>, StoreError> {
        element.remove("$ref");
        let Some(Value::String(value)) = element.remove("value") else { return Ok(None) };
        short(&value, "a member")?;
        let element = if element.is_empty() {
            None
        } else {
            Some(serde_json::to_string(&element).map_err(StoreError::internal)?)
        };
        let id = comparison_key(true, &value).into_owned();
        Ok(Some(Self { id, element, unchanged: false }))
    }
}

/// Whether resources of this type refer to others through multi-valued attributes beside `members`
/// and `groups`, so that a document as it is kept lacks the `$ref` of what it names.
pub(crate) fn has_other_references(ty: &ResourceType) -> bool {
    let refers = |attribute: &Attribute| {
        // First what tells most attributes apart: every read asks.
        attribute.multi_valued
            && attribute.sub_attributes.iter().any(|sub| sub.name == "$ref")
            && attribute.is_resource_reference()
    };
    let base = ty.schema().attributes.iter().filter(|attribute| match attribute.name.as_str() {
        "members" => !has_members(ty),
        "groups" => !has_groups(ty),
        _ => true,
    });
    let extensions = ty.extensions().iter().flat_map(|extension| &extension.schema.attributes);
    base.chain(extensions).any(refers)
}

/// Where a reference is in a document: the attribute's name, after the extension's URN and a
/// space where it is in one. No URN and no name has a space.
pub(crate) fn reference_path(extension: Option<&str>, name: &str) -> String {
    extension.map_or_else(|| name.to_owned(), |uri| format!("{uri} {name}"))
}

/// The object in a document that holds a singular reference.
pub(crate) fn container<'a>(
    document: &'a mut Resource,
    extension: Option<&str>,
) -> Option<&'a mut Map<String, Value>> {
    match extension {
        Some(uri) => document.as_map_mut().get_mut(uri)?.as_object_mut(),
        None => Some(document.as_map_mut()),
    }
}

/// Takes out of references what is computed when they are read, and lists them.
fn references(ty: &ResourceType, document: &mut Resource) -> Result<Vec<Reference>, StoreError> {
    let mut references = Vec::new();
    for (extension, attribute) in singular_references(ty) {
        let name = attribute.name.as_str();
        let reference = container(document, extension)
            .and_then(|map| map.get_mut(name))
            .and_then(Value::as_object_mut);
        let Some(reference) = reference else { continue };
        reference.remove("$ref");
        if attribute.sub_attribute("displayName").is_some() {
            reference.remove("displayName");
        }
        if let Some(Value::String(target)) = reference.get("value") {
            short(target, name)?;
            let path = reference_path(extension, name);
            let required = attribute.required;
            references.push(Reference {
                path,
                target: comparison_key(true, target).into_owned(),
                required,
            });
        }
    }
    Ok(references)
}

/// How many bytes an identifier has at most that a resource names another one by.
const MAX_REFERENCE: usize = 512;

/// Refuses an identifier that is longer than any that a store makes, and than an index takes.
fn short(id: &str, what: &str) -> Result<(), StoreError> {
    if id.len() <= MAX_REFERENCE {
        return Ok(());
    }
    let found = id.len();
    let detail = format!(
        "the `value` of {what} has {found} bytes; an `id` has no more than {MAX_REFERENCE}"
    );
    Err(StoreError::Refused(Error::invalid_value(detail)))
}

/// Takes a reference to a deleted resource out of a document and its search document, and its
/// extension if that is empty then.
pub(crate) fn clear_reference(
    document: &mut Resource,
    search: &mut Map<String, Value>,
    path: &str,
    target: &str,
) {
    let (extension, name) = match path.rsplit_once(':') {
        Some((uri, name)) => (Some(uri), name),
        None => (None, path),
    };
    let Some(map) = container(document, extension) else { return };
    let value = map.get(name).and_then(|reference| reference.get("value"));
    let names = |value: &str| comparison_key(true, value) == comparison_key(true, target);
    if !value.and_then(Value::as_str).is_some_and(names) {
        return;
    }
    map.remove(name);
    if let (true, Some(uri)) = (map.is_empty(), extension) {
        document.remove(uri);
        if let Some(Value::Array(schemas)) = document.as_map_mut().get_mut("schemas") {
            schemas.retain(|schema| schema.as_str() != Some(uri));
        }
    }
    search::clear_reference(search, extension, name, document);
}

/// The comparison keys of the values that filters look for.
fn indexed(ty: &ResourceType, document: &Resource) -> Vec<(&'static str, String)> {
    let policy = Policy::strict();
    let mut keys = Vec::new();
    for path in INDEXED {
        let Ok(parsed) = path.parse::<AttrPath>() else { continue };
        let Ok(attr) = ty.bind_attr(&parsed, &policy) else { continue };
        if attr.is_open() || attr.path() != path {
            continue;
        }
        let map = match attr.extension() {
            Some(uri) => document.get(uri.as_str()).and_then(Value::as_object),
            None => Some(document.as_map()),
        };
        let Some(value) = map.and_then(|map| map.get(attr.name())) else { continue };
        each(value, &mut |value| {
            let value = match attr.sub_attr() {
                Some(sub_attr) => value.get(sub_attr),
                None => Some(value),
            };
            let Some(value) = value else { return };
            each(value, &mut |value| {
                if let Value::String(text) = value {
                    keys.push((path, comparison_key(attr.case_exact(), text).into_owned()));
                }
            });
        });
    }
    keys
}

fn each(value: &Value, visit: &mut dyn FnMut(&Value)) {
    match value {
        Value::Array(elements) => elements.iter().for_each(visit),
        value => visit(value),
    }
}

/// The path under which the values of an attribute are among a type's unique keys; none if they
/// need not be unique.
pub(crate) fn unique_path(
    ty: &ResourceType,
    extension: Option<&str>,
    name: &str,
    sub_attr: Option<&str>,
) -> Option<String> {
    let schema = match extension {
        Some(uri) => &ty.extension(uri)?.schema,
        None => ty.schema(),
    };
    // An extension's attribute is its own, whatever its name (ruling S07).
    if extension.is_none() && common_attribute(name).is_some() {
        return None;
    }
    let attribute = schema.attribute(name)?;
    let asked = match sub_attr {
        Some(sub_attr) => attribute.sub_attribute(sub_attr)?,
        None => attribute,
    };
    if asked.uniqueness == Uniqueness::None || asked.is_complex() {
        return None;
    }
    let (uri, name) = (&schema.id, &attribute.name);
    Some(match sub_attr {
        Some(_) => format!("{uri}:{name}.{}", asked.name),
        None => format!("{uri}:{name}"),
    })
}
