//! What one client sees of a resource type (SEC-08).

use scim2_core::catalog::Resolved;
use scim2_core::change::ChangeSet;
use scim2_core::patch_op::PatchOp;
use scim2_core::policy::PutMissing;
use scim2_core::schema::Schema;
use scim2_core::syntax::{AttrPath, Filter};
use scim2_core::{Error, Policy, Resource, ResourceType, Valid};
use serde_json::{Map, Value};

use crate::auth::Authenticator;
use crate::effect::{changes, patch_changes};
use crate::provider::{Exchange, ServiceProvider};
use crate::store::Store;

/// A resource type as a client sees it: without the attributes that are hidden from it.
///
/// What a client sends is read against this type, and what it is shown has passed
/// [`take`](Self::take): so there is one place for reading, writing, filters, orders and
/// projection. Stores know whole types alone.
pub(crate) struct View<'a> {
    whole: &'a ResourceType,
    /// The type without what is hidden; none if nothing is.
    part: Option<ResourceType>,
    hidden: Vec<Hidden>,
}

/// An attribute that is hidden, and the URN of its extension.
struct Hidden {
    extension: Option<Box<str>>,
    name: Box<str>,
}

impl<'a> View<'a> {
    /// The view without these attributes; none if one of the paths names no attribute of a schema.
    fn without(whole: &'a ResourceType, paths: &[AttrPath]) -> Option<Self> {
        let mut hidden = Vec::new();
        for path in paths {
            match whole.resolve(path, &Policy::strict()).ok()? {
                Resolved::Attribute { extension, attribute, sub_attribute: None } => {
                    let schema = extension.map_or(whole.schema(), |extension| &extension.schema);
                    schema.attribute(attribute.name.as_str())?;
                    let extension = extension.map(|extension| extension.schema.id.as_str().into());
                    hidden.push(Hidden { extension, name: attribute.name.as_str().into() });
                }
                Resolved::Extension(extension) => {
                    let uri = extension.schema.id.as_str();
                    hidden.extend(extension.schema.attributes.iter().map(|attribute| Hidden {
                        extension: Some(uri.into()),
                        name: attribute.name.as_str().into(),
                    }));
                }
                _ => return None,
            }
        }
        let part = (!hidden.is_empty()).then(|| part(whole, &hidden));
        Some(Self { whole, part, hidden })
    }

    /// The type as the client sees it.
    pub(crate) fn ty(&self) -> &ResourceType {
        self.part.as_ref().unwrap_or(self.whole)
    }

    /// The type as it is.
    pub(crate) fn whole(&self) -> &'a ResourceType {
        self.whole
    }

    /// Whether anything is hidden.
    pub(crate) fn is_partial(&self) -> bool {
        self.part.is_some()
    }

    /// Takes out of a resource what is hidden, and returns that.
    pub(crate) fn take(&self, resource: &mut Resource) -> Resource {
        let mut taken = Resource::new();
        for Hidden { extension, name } in &self.hidden {
            let Some(uri) = extension else {
                if let Some(value) = resource.remove(name) {
                    taken.insert(&**name, value);
                }
                continue;
            };
            let Some(Value::Object(container)) = resource.as_map_mut().get_mut(&**uri) else {
                continue;
            };
            let value = container.remove(&**name);
            if container.is_empty() {
                resource.remove(uri);
                if let Some(Value::Array(schemas)) = resource.as_map_mut().get_mut("schemas") {
                    schemas.retain(|schema| schema.as_str() != Some(&**uri));
                }
            }
            if let (Some(value), Some(container)) = (value, container_of(&mut taken, uri)) {
                container.insert(name.to_string(), value);
            }
        }
        taken
    }

    /// Puts what is hidden into a resource that does not have it.
    pub(crate) fn put_back(&self, resource: &mut Resource, mut taken: Resource) {
        for Hidden { extension, name } in &self.hidden {
            match extension {
                None => {
                    if let Some(value) = taken.remove(name) {
                        resource.insert(&**name, value);
                    }
                }
                Some(uri) => {
                    let value = container_of(&mut taken, uri)
                        .and_then(|container| container.remove(&**name));
                    let Some(value) = value else { continue };
                    if let Some(container) = container_of(resource, uri) {
                        container.insert(name.to_string(), value);
                    }
                    if let Some(Value::Array(schemas)) = resource.as_map_mut().get_mut("schemas")
                        && !schemas.iter().any(|schema| schema.as_str() == Some(&**uri))
                    {
                        schemas.push(Value::from(&**uri));
                    }
                }
            }
        }
    }

    /// What a PUT makes of a resource: what the client does not see stays.
    pub(crate) fn replaced(
        &self,
        before: &Resource,
        mut after: Resource,
        policy: &Policy,
    ) -> Result<Valid<Resource>, Error> {
        if self.is_partial() {
            let hidden = self.take(&mut before.clone());
            self.put_back(&mut after, hidden);
        }
        self.whole.validate_replace(before, after, policy)
    }

    /// What a PATCH makes of a resource: it is applied to what the client sees, and the rest stays.
    pub(crate) fn patched(
        &self,
        before: &Resource,
        op: &PatchOp,
        policy: &Policy,
    ) -> Result<(Valid<Resource>, ChangeSet), Error> {
        let Some(part) = &self.part else {
            let (after, touched) = self.whole.patched(before, op, policy)?;
            let changes = patch_changes(self.whole, before, &after, touched);
            return Ok((after, changes));
        };
        let mut seen = before.clone();
        let hidden = self.take(&mut seen);
        let (after, _) = part.patched(&seen, op, policy)?;
        let mut after = after.into_inner();
        self.put_back(&mut after, hidden);
        // This is whole: what is not in it is to go.
        let mut policy = policy.clone();
        policy.put.missing = PutMissing::Clear;
        let after = self.whole.validate_replace(before, after, &policy)?;
        let changes = changes(self.whole, before, &after);
        Ok((after, changes))
    }

    /// Refuses a filter that looks at what is hidden, as if it were not there. That holds whatever
    /// the policy makes of unknown attributes: the store, which sees everything, evaluates what
    /// passes here.
    pub(crate) fn check_filter(&self, filter: &Filter, policy: &Policy) -> Result<(), Error> {
        let Some(part) = &self.part else { return Ok(()) };
        for used in filter.attr_paths() {
            let path = used.parent.unwrap_or(used.path);
            let hides = match self.whole.resolve(path, policy) {
                Ok(Resolved::Extension(extension)) => self.hides_of(extension.schema.id.as_str()),
                // Which extensions a resource has stands in its `schemas`.
                Ok(Resolved::Attribute { extension: None, attribute, .. })
                    if attribute.name.as_str() == "schemas" =>
                {
                    self.hidden.iter().any(|hidden| hidden.extension.is_some())
                }
                Ok(_) => part.resolve(path, policy).is_err(),
                Err(_) => false,
            };
            if hides {
                let name = part.name();
                return Err(Error::invalid_filter(format_args!(
                    "unknown attribute `{path}` in resource type `{name}`"
                )));
            }
        }
        Ok(())
    }

    fn hides_of(&self, uri: &str) -> bool {
        self.hidden.iter().any(|hidden| hidden.extension.as_deref() == Some(uri))
    }
}

impl<S: Store, A: Authenticator> ServiceProvider<S, A> {
    /// What the client sees of a type.
    ///
    /// # Errors
    /// 500 when the authenticator hides what cannot be hidden: then nothing may be seen.
    pub(crate) fn view<'t>(
        &self,
        cx: &Exchange<'_>,
        ty: &'t ResourceType,
    ) -> Result<View<'t>, Error> {
        let hidden = self.authenticator.hidden(cx.principal, ty);
        View::without(ty, &hidden).ok_or_else(|| {
            let resource_type = ty.name();
            tracing::error!(resource_type, "the authenticator hides what is no attribute");
            Error::internal()
        })
    }
}

/// The type without what is hidden. It is not open: what is hidden must not come back as something
/// that nobody defined.
fn part(whole: &ResourceType, hidden: &[Hidden]) -> ResourceType {
    let without = |schema: &Schema, uri: Option<&str>| {
        let mut part = schema.clone();
        part.attributes.retain(|attribute| {
            !hidden.iter().any(|hidden| {
                hidden.extension.as_deref() == uri && *hidden.name == *attribute.name.as_str()
            })
        });
        part
    };
    let mut part = ResourceType::new(whole.name(), whole.endpoint(), without(whole.schema(), None));
    for extension in whole.extensions() {
        let schema = without(&extension.schema, Some(extension.schema.id.as_str()));
        if !schema.attributes.is_empty() {
            part = part.with_extension(schema);
        }
    }
    part
}

/// The attributes of an extension in a resource, which may have none yet.
fn container_of<'r>(resource: &'r mut Resource, uri: &str) -> Option<&'r mut Map<String, Value>> {
    let container = resource.as_map_mut().entry(uri).or_insert_with(|| Map::new().into());
    container.as_object_mut()
}
