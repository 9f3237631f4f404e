//! Okta as a client.
//!
//! Okta looks users up by `userName`, creates them, updates them by PUT of the merged resource or
//! by PATCH without paths, and deactivates them with `{"active": false}`; it never deletes users.
//! Group renames repeat the group's `id` in the value
//! (<https://developer.okta.com/docs/api/openapi/okta-scim/guides/scim-20/>).

use scim2_core::Policy;
use scim2_core::policy::UnknownAttributes;

/// What a service provider tolerates for Okta: attributes that it does not know, and text that is
/// no URI where a URI belongs. Okta's other habits are legal.
///
/// ```
/// use scim2_core::Policy;
/// assert_ne!(scim2_vendor::okta::policy(), Policy::strict());
/// ```
#[must_use]
pub fn policy() -> Policy {
    let mut policy = Policy::strict();
    policy.unknown_attributes = UnknownAttributes::Ignore;
    policy.uri_lenient = true;
    policy
}
