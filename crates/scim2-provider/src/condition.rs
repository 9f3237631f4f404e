//! What must hold of a resource before anything is done with it.

use scim2_core::bind::BoundFilter;
use scim2_core::etag::{EntityTags, Version};
use scim2_core::syntax::Filter;
use scim2_core::{Error, Policy, ResourceType};
use sha2::{Digest, Sha256};

use crate::auth::Authenticator;
use crate::config::Offer;
use crate::provider::{Exchange, ServiceProvider};
use crate::store::{Load, Store, Stored, has_groups};

/// Which resources a request may touch, and in which versions.
pub(crate) struct Condition {
    /// What the client may see; everything without it.
    visible: Option<BoundFilter>,
    /// The versions that it may change.
    if_match: Option<EntityTags>,
    /// The versions that it must not change (RFC 9110 §13.1.2).
    if_none_match: Option<EntityTags>,
    /// Whether versions change with groups; see [`seen_version`].
    with_groups: bool,
}

impl Condition {
    /// Any resource, in whichever version it is.
    pub(crate) fn none() -> Self {
        Self { visible: None, if_match: None, if_none_match: None, with_groups: false }
    }

    /// Refuses a resource: 404 for what is not to be seen, then 412 for another version (ruling
    /// H11).
    pub(crate) fn check(&self, ty: &ResourceType, before: &Stored) -> Result<(), Error> {
        if self.visible.as_ref().is_some_and(|visible| !visible.matches(&before.document(ty))) {
            return Err(Error::not_found("there is no such resource"));
        }
        let lists = |tags: &EntityTags| tags.matches(&seen_version(before, self.with_groups));
        if self.if_match.as_ref().is_some_and(|tags| !lists(tags)) {
            return Err(Error::precondition_failed());
        }
        if self.if_none_match.as_ref().is_some_and(lists) {
            return Err(Error::precondition_failed()
                .detail("the resource is in a version that `If-None-Match` excludes"));
        }
        Ok(())
    }

    /// What a store can check by itself.
    pub(crate) fn if_match(&self) -> Option<&EntityTags> {
        self.if_match.as_ref().filter(|_| !self.with_groups)
    }

    /// Whether the resource must be read for more than its version.
    pub(crate) fn needs_reading(&self) -> bool {
        self.visible.is_some() || self.if_none_match.is_some() || self.with_groups
    }

    /// How much must be read, where this much is wanted anyway.
    pub(crate) fn load(&self, wanted: Load) -> Load {
        let looks_at = |name| self.visible.as_ref().is_some_and(|filter| filter.mentions(name));
        let compares = self.if_match.is_some() || self.if_none_match.is_some();
        let costly = looks_at("members") || looks_at("groups") || (self.with_groups && compares);
        if costly { Load::Full } else { wanted }
    }
}

/// The version of a resource as clients see it: the store's, which a user's groups do not move, or
/// one that they move too (ruling W29). The groups must have been read for that.
pub(crate) fn seen_version(stored: &Stored, with_groups: bool) -> Version {
    let groups = stored.resource.get("groups").filter(|_| with_groups);
    let Some(groups) = groups else { return stored.version.clone() };
    // They come in the order in which they were created, and have a JSON form.
    let digest = Sha256::digest(serde_json::to_vec(groups).unwrap_or_default());
    let digest = digest.iter().take(8).map(|byte| format!("{byte:02x}")).collect::<String>();
    Version::weak(format_args!("{}-{digest}", stored.version.opaque()))
}

impl<S: Store, A: Authenticator> ServiceProvider<S, A> {
    /// Whether the versions of resources of this type change with the groups that they are in.
    pub(crate) fn versions_groups(&self, ty: &ResourceType) -> bool {
        self.config.etag_include_groups == Offer::Yes
            && self.service.etag.supported
            && has_groups(ty)
    }

    /// The condition of a read: its headers decide between 200 and 304, and refuse nothing.
    pub(crate) fn read_condition(
        &self,
        cx: &Exchange<'_>,
        ty: &ResourceType,
    ) -> Result<Condition, Error> {
        let visible = self.visible(cx, ty)?.map(|(_, visible)| visible);
        let with_groups = self.versions_groups(ty);
        Ok(Condition { visible, with_groups, ..Condition::none() })
    }

    /// The condition of a write.
    pub(crate) fn write_condition(
        &self,
        cx: &Exchange<'_>,
        ty: &ResourceType,
    ) -> Result<Condition, Error> {
        let read = self.read_condition(cx, ty)?;
        Ok(Condition {
            if_match: cx.if_match.clone(),
            if_none_match: cx.if_none_match.clone(),
            ..read
        })
    }

    /// What the client may see of a type, as it was said and as it is meant.
    ///
    /// # Errors
    /// 500 when the authenticator's filter does not fit the type: then nothing may be seen.
    pub(crate) fn visible(
        &self,
        cx: &Exchange<'_>,
        ty: &ResourceType,
    ) -> Result<Option<(Filter, BoundFilter)>, Error> {
        let Some(filter) = self.authenticator.visible(cx.principal, ty) else { return Ok(None) };
        match self.bind(cx, ty, &filter, &self.policy) {
            Ok(bound) => Ok(Some((filter, bound))),
            Err(error) => {
                let resource_type = ty.name();
                tracing::error!(%error, resource_type, "the authenticator's filter has no meaning");
                Err(Error::internal())
            }
        }
    }

    /// A filter, within what the client may see of a type (ruling Q27).
    pub(crate) fn within_visible(
        &self,
        cx: &Exchange<'_>,
        ty: &ResourceType,
        filter: Option<(Filter, BoundFilter)>,
        policy: &Policy,
    ) -> Result<Option<(Filter, BoundFilter)>, Error> {
        match (filter, self.visible(cx, ty)?) {
            (Some((filter, _)), Some((visible, _))) => {
                let filter = visible.and(filter);
                let bound = self.bind(cx, ty, &filter, policy)?;
                Ok(Some((filter, bound)))
            }
            (filter, visible) => Ok(filter.or(visible)),
        }
    }
}
