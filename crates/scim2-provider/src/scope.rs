//! Whose resources a request may touch.

use std::fmt;

/// The tenant and, within it, the provisioning client on whose behalf something is read or
/// written. Every store call takes one, and no store may look outside it.
///
/// ```
/// use scim2_provider::{Scope, TenantId};
/// let scope = Scope::tenant(TenantId::new("acme")?);
/// assert_eq!(scope.tenant.as_str(), "acme");
/// # Ok::<(), scim2_provider::scope::EmptyId>(())
/// ```
///
/// No tenant is the default one:
///
/// ```compile_fail,E0599
/// let scope = scim2_provider::Scope::default();
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Scope {
    /// The tenant. Resources of other tenants do not exist for this request.
    pub tenant: TenantId,
    /// The provisioning domain, to which `externalId` is scoped (RFC 7643 §3.1). Clients that
    /// have none share one.
    pub domain: Option<ProvisioningDomain>,
}

impl Scope {
    /// The whole tenant, without a provisioning domain.
    #[must_use]
    pub fn tenant(tenant: TenantId) -> Self {
        Self { tenant, domain: None }
    }

    /// The same tenant, seen by one provisioning client.
    #[must_use]
    pub fn with_domain(self, domain: ProvisioningDomain) -> Self {
        Self { domain: Some(domain), ..self }
    }
}

/// An identifier that must not be empty was empty.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a tenant or provisioning domain needs a name")]
pub struct EmptyId;

/// Names a tenant (RFC 7644 §6). There is no default tenant.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TenantId(Box<str>);

/// Names a provisioning domain: the client, or the directory behind it (RFC 7643 §3.1).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ProvisioningDomain(Box<str>);

impl TenantId {
    /// A tenant of this name.
    ///
    /// # Errors
    /// When the name is empty.
    pub fn new(name: impl AsRef<str>) -> Result<Self, EmptyId> {
        not_empty(name.as_ref()).map(Self)
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl ProvisioningDomain {
    /// A provisioning domain of this name.
    ///
    /// # Errors
    /// When the name is empty.
    pub fn new(name: impl AsRef<str>) -> Result<Self, EmptyId> {
        not_empty(name.as_ref()).map(Self)
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

fn not_empty(name: &str) -> Result<Box<str>, EmptyId> {
    if name.is_empty() { Err(EmptyId) } else { Ok(name.into()) }
}

impl fmt::Display for TenantId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for ProvisioningDomain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
