//! References that must lead somewhere, and groups that must not go in circles (ruling W31).

use std::collections::HashSet;

use scim2_core::resource::ResourceId;
use scim2_core::schema::{Attribute, Mutability};
use scim2_core::{Error, Resource, ResourceType};
use serde_json::Value;

use crate::auth::Authenticator;
use crate::config::{Cycles, References};
use crate::provider::{Exchange, ServiceProvider};
use crate::represent::named_types;
use crate::respond::Failure;
use crate::store::{Load, Store, has_members};

/// That a resource names another one.
#[derive(Clone, Debug)]
pub(crate) struct Reference<'a> {
    attribute: &'a Attribute,
    pub(crate) id: ResourceId,
}

/// The references of a resource that clients write.
pub(crate) fn references_of<'a>(ty: &'a ResourceType, resource: &Resource) -> Vec<Reference<'a>> {
    let base = ty.schema().attributes.iter().map(|attribute| (None, attribute));
    let extensions = ty.extensions().iter().flat_map(|extension| {
        let uri = extension.schema.id.as_str();
        extension.schema.attributes.iter().map(move |attribute| (Some(uri), attribute))
    });
    let written = base.chain(extensions).filter(|(_, attribute)| {
        attribute.is_resource_reference() && attribute.mutability != Mutability::ReadOnly
    });
    let mut found = Vec::new();
    for (extension, attribute) in written {
        let map = match extension {
            Some(uri) => resource.get(uri).and_then(Value::as_object),
            None => Some(resource.as_map()),
        };
        let elements = match map.and_then(|map| map.get(attribute.name.as_str())) {
            Some(Value::Array(elements)) => elements.as_slice(),
            Some(single) => std::slice::from_ref(single),
            None => continue,
        };
        let ids = elements.iter().filter_map(|element| element.get("value")?.as_str());
        found.extend(ids.map(|id| Reference { attribute, id: ResourceId::from(id) }));
    }
    found
}

impl<S: Store, A: Authenticator> ServiceProvider<S, A> {
    /// Whether anything is asked of references at all.
    pub(crate) fn checks_references(&self) -> bool {
        self.config.references == References::Enforced
            || self.config.membership_cycles == Cycles::Refused
    }

    /// The references to these members.
    pub(crate) fn member_references<'a>(
        &self,
        ty: &'a ResourceType,
        members: impl Iterator<Item = ResourceId>,
    ) -> Vec<Reference<'a>> {
        let attribute = ty.schema().attribute("members").filter(|_| self.checks_references());
        let reference = |id| Some(Reference { attribute: attribute?, id });
        members.filter_map(reference).collect()
    }

    /// Refuses references to what is not there, and members that contain the group `id`.
    pub(crate) async fn check_references(
        &self,
        cx: &Exchange<'_>,
        ty: &ResourceType,
        id: Option<&ResourceId>,
        references: &[Reference<'_>],
    ) -> Result<(), Failure> {
        for reference in references {
            let name = &reference.attribute.name;
            if self.config.references == References::Enforced
                && !self.is_there(cx, reference).await?
            {
                return Err(Error::invalid_value(format_args!(
                    "`{name}` refers to a resource that does not exist"
                ))
                .into());
            }
            if self.config.membership_cycles == Cycles::Refused
                && has_members(ty)
                && name.as_str() == "members"
                && let Some(id) = id
                && self.contains(cx, ty, &reference.id, id).await?
            {
                return Err(Error::invalid_value(format_args!(
                    "`{name}` refers to a group that contains this one"
                ))
                .into());
            }
        }
        Ok(())
    }

    /// Whether a reference leads to a resource that the client can see.
    async fn is_there(
        &self,
        cx: &Exchange<'_>,
        reference: &Reference<'_>,
    ) -> Result<bool, Failure> {
        let allowed = named_types(reference.attribute);
        let types = self
            .catalog
            .iter()
            .filter(|ty| allowed.is_empty() || allowed.iter().any(|allowed| allowed == ty.name()));
        for ty in types {
            let condition = self.read_condition(cx, ty)?;
            let load = condition.load(Load::WithoutMembers);
            let stored = self.read(cx, ty, &reference.id, load).await?;
            if stored.is_some_and(|stored| condition.check(ty, &stored).is_ok()) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Whether a group is another one or has it as a member, directly or through others. Each
    /// group is read once, whatever circles there are.
    async fn contains(
        &self,
        cx: &Exchange<'_>,
        ty: &ResourceType,
        outer: &ResourceId,
        inner: &ResourceId,
    ) -> Result<bool, Failure> {
        let mut seen = HashSet::from([outer.clone()]);
        let mut left = vec![outer.clone()];
        while let Some(group) = left.pop() {
            if group == *inner {
                return Ok(true);
            }
            let stored = self.read(cx, ty, &group, Load::Full).await?;
            let members = stored.as_ref().and_then(|stored| stored.resource.get("members"));
            let members = members.and_then(Value::as_array).into_iter().flatten();
            for member in members {
                let is_group = member.get("type").is_none_or(|name| name == ty.name());
                let id = member.get("value").and_then(Value::as_str).map(ResourceId::from);
                if let Some(id) = id.filter(|id| is_group && seen.insert(id.clone())) {
                    left.push(id);
                }
            }
        }
        Ok(false)
    }
}
