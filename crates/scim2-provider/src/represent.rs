//! From a stored resource to the one that a client sees.

use std::collections::HashSet;

use http::StatusCode;
use scim2_core::list::ListResponse;
use scim2_core::project::{Projection, Written};
use scim2_core::rules::Shown;
use scim2_core::schema::{Attribute, Returned, Schema};
use scim2_core::{Catalog, Error, Resource, ResourceType, ScimType};
use serde_json::{Map, Value};

use crate::auth::Authenticator;
use crate::base::Base;
use crate::condition::seen_version;
use crate::provider::ServiceProvider;
use crate::respond::Answer;
use crate::store::{Load, Store, Stored, has_groups, has_members};
use crate::text::StoredText;
use crate::view::View;

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
        view: &View<'_>,
        stored: Stored,
        projection: &Projection,
        written: Option<&Written>,
    ) -> Represented {
        let ty = view.ty();
        let mut meta = stored.meta(ty);
        let version = seen_version(&stored, self.versions_groups(ty));
        meta.insert("version".into(), version.as_str().into());
        meta.insert("location".into(), base.location(ty.endpoint(), stored.id()).into());
        if !self.service.etag.supported {
            meta.remove("version");
        }
        let mut resource = stored.resource;
        view.take(&mut resource);
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

    /// Whether resources of this type leave as a store's text when they are shown like this:
    /// nothing is left out of them, and nobody else has a say.
    pub(crate) fn shows_text(&self, view: &View<'_>, projection: &Projection) -> bool {
        let ty = view.whole();
        projection.is_all()
            && !view.is_partial()
            && self.service.etag.supported
            && !self.versions_groups(ty)
            && self.rules.shown() == Shown::AsTheyAre
            && self.shown_whole.contains(ty.name())
    }

    /// The answer that shows a resource.
    pub(crate) fn show_text(&self, base: &Base, ty: &ResourceType, mut text: StoredText) -> Answer {
        add_references(base, &self.catalog, ty, text.live_mut());
        let mut body = Vec::with_capacity(text.size(base.as_str()));
        text.write(base.as_str(), &mut body);
        let location = [base.as_str(), text.path()].concat();
        Answer::text(StatusCode::OK, body)
            .location(Some(&location))
            .etag(Some(text.version().as_str()))
    }

    /// The answer that lists resources; `list` is the list without them.
    pub(crate) fn list_text(
        &self,
        base: &Base,
        ty: &ResourceType,
        list: &ListResponse<Resource>,
        mut texts: Vec<StoredText>,
    ) -> Answer {
        // Nothing follows the results in an empty list but its brackets.
        const END: &[u8] = b"]}";
        let list = serde_json::to_vec(list).unwrap_or_default();
        let sizes = texts.iter().map(|text| text.size(base.as_str()) + 1);
        let mut body = Vec::with_capacity(list.len() + sizes.sum::<usize>());
        body.extend_from_slice(list.strip_suffix(END).unwrap_or(&list));
        for (at, text) in texts.iter_mut().enumerate() {
            if at > 0 {
                body.push(b',');
            }
            add_references(base, &self.catalog, ty, text.live_mut());
            text.write(base.as_str(), &mut body);
        }
        body.extend_from_slice(END);
        Answer::text(StatusCode::OK, body)
    }

    /// Refuses an answer that would show more members than one may (SEC-20).
    pub(crate) fn check_members_shown(
        &self,
        members: impl Iterator<Item = usize>,
    ) -> Result<(), Error> {
        let (shown, max) = (members.fold(0, usize::saturating_add), self.config.max_members);
        if shown <= max {
            return Ok(());
        }
        Err(Error::bad_request(ScimType::TooMany).detail(format_args!(
            "the answer would have {shown} `members`, and may have {max}: \
             use `excludedAttributes=members`"
        )))
    }

    /// How much of a resource the store must read to show what the projection leaves, to a request
    /// that reads.
    pub(crate) fn load_for_reading(&self, ty: &ResourceType, projection: &Projection) -> Load {
        self.load(ty, |name| projection.needs_reading(ty, name))
    }

    /// The same for a request that writes, and is shown what it wrote.
    pub(crate) fn load_for(&self, ty: &ResourceType, projection: &Projection) -> Load {
        self.load(ty, |name| projection.needs(name))
    }

    fn load(&self, ty: &ResourceType, needs: impl Fn(&str) -> bool) -> Load {
        let costly = (has_members(ty) && needs("members"))
            || (has_groups(ty) && needs("groups"))
            || self.versions_groups(ty);
        if costly { Load::Full } else { Load::WithoutMembers }
    }
}

/// The types of which everything that is kept is shown by default (RFC 7643 §7): nothing only on
/// request. Secrets are not kept.
pub(crate) fn shown_whole(catalog: &Catalog) -> HashSet<Box<str>> {
    let on_request = |attribute: &Attribute| attribute.returned == Returned::Request;
    let plain = |schema: &Schema| {
        !schema.attributes.iter().any(|attribute| {
            on_request(attribute) || attribute.sub_attributes.iter().any(on_request)
        })
    };
    let types = catalog.iter().filter(|ty| {
        plain(ty.schema()) && ty.extensions().iter().all(|extension| plain(&extension.schema))
    });
    types.map(|ty| ty.name().into()).collect()
}

/// Adds `$ref` to everything that names a resource of this service provider by its id (RFC 7643
/// §2.3.7, ruling W19).
fn add_references(base: &Base, catalog: &Catalog, ty: &ResourceType, map: &mut Map<String, Value>) {
    if map.is_empty() {
        return;
    }
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
    let types = named_types(attribute);
    if let [only] = types {
        return catalog.by_name(only);
    }
    let named = element.get("type").and_then(Value::as_str)?;
    catalog.iter().find(|ty| {
        ty.name().eq_ignore_ascii_case(named)
            && (types.is_empty() || types.iter().any(|allowed| allowed == ty.name()))
    })
}

/// The types of what a reference may name, as the schema says; any, if it says none.
pub(crate) fn named_types(attribute: &Attribute) -> &[String] {
    attribute.sub_attribute("$ref").map(|to| to.reference_types.as_slice()).unwrap_or_default()
}
