//! Who changed what, and who was not let in: records for whoever has to answer for it.
//!
//! They go to the `tracing` target `scim.audit` and hold names and ids, never values.

use scim2_core::etag::Version;
use scim2_core::resource::ResourceId;
use scim2_core::{Error, ScimType};

use crate::auth::{AuthError, Principal};
use crate::events::ChangeRecord;
use crate::origin::Origin;
use crate::provider::Exchange;

/// How many members a record names at most; the numbers are always told.
const MAX_IDS: usize = 20;

/// A change that was made, from one version to another as far as they are known.
pub(crate) fn changed(
    cx: &Exchange<'_>,
    resource_type: &str,
    id: &str,
    [before, after]: [Option<&Version>; 2],
    record: &ChangeRecord,
    mixed_scripts: &str,
) {
    let Exchange { principal, origin, .. } = cx;
    tracing::info!(
        target: "scim.audit",
        tenant = principal.scope.tenant.as_str(),
        actor = &*record.actor,
        request_id = &*origin.request_id,
        trace_id = origin.trace_id.as_deref(),
        client_address = origin.address.map(tracing::field::display),
        user_agent = origin.user_agent.as_deref(),
        action = record.action(),
        resource_type,
        id,
        version_before = before.map(Version::as_str),
        version_after = after.map(Version::as_str),
        changed = record.attributes.join(" "),
        mixed_scripts = Some(mixed_scripts).filter(|names| !names.is_empty()),
        members_added = record.members_added.len(),
        members_removed = record.members_removed.len(),
        added = some(&record.members_added),
        removed = some(&record.members_removed),
        result = "done",
    );
}

/// A change that was not made because something forbids it: an access rule, or a hook.
pub(crate) fn refused(
    principal: &Principal,
    origin: &Origin,
    resource_type: &str,
    action: &str,
    id: Option<&ResourceId>,
    error: &Error,
) {
    tracing::warn!(
        target: "scim.audit",
        tenant = principal.scope.tenant.as_str(),
        actor = &*principal.name,
        request_id = &*origin.request_id,
        trace_id = origin.trace_id.as_deref(),
        client_address = origin.address.map(tracing::field::display),
        user_agent = origin.user_agent.as_deref(),
        action,
        resource_type,
        id = id.map(ResourceId::as_str),
        status = error.status().as_u16(),
        scim_type = error.scim_type().map(ScimType::as_str),
        result = "refused",
    );
}

/// A request whose sender was not made out.
pub(crate) fn not_let_in(origin: &Origin, error: &AuthError) {
    tracing::warn!(
        target: "scim.audit",
        request_id = &*origin.request_id,
        trace_id = origin.trace_id.as_deref(),
        client_address = origin.address.map(tracing::field::display),
        user_agent = origin.user_agent.as_deref(),
        action = "authenticate",
        reason = %error,
        result = "refused",
    );
}

fn some(ids: &[ResourceId]) -> String {
    ids.iter().take(MAX_IDS).map(ResourceId::as_str).collect::<Vec<_>>().join(" ")
}
