//! The endpoint's address.

use url::Url;

/// The address of one tenant: `https://scim.<region>.amazonaws.com/<tenant>/scim/v2`.
///
/// It is worth checking, because a wrong one looks like a wrong token: an unknown tenant is
/// answered 401, and so is a double slash, which a base URL with a slash at its end leads to
/// (<https://github.com/awslabs/ssosync/issues/274>).
///
/// ```
/// use scim2_vendor::aws::Endpoint;
/// let url = "https://scim.us-east-1.amazonaws.com/f3vd2aa29dc-223c-4e5c-91b9-8ca1bb1faf7b/scim/v2/";
/// // The guide's examples have letters beyond f; real tenants do not.
/// let error = Endpoint::parse(&url.parse()?).unwrap_err();
/// assert_eq!(error.to_string(), "the tenant in the path must be hexadecimal digits, 8 to 11 and then 4, 4, 4 and 12");
///
/// let url = "https://scim.us-east-1.amazonaws.com/f34d2aa29dc-223c-4e5c-91b9-8ca1bb1faf7b/scim/v2/";
/// let endpoint = Endpoint::parse(&url.parse()?)?;
/// assert_eq!(endpoint.region(), "us-east-1");
/// assert!(endpoint.url().as_str().ends_with("/scim/v2"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    url: Url,
    region: Box<str>,
    tenant: Box<str>,
}

/// What is wrong with an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EndpointError {
    /// Not `https`.
    #[error("the address must begin with `https://`")]
    Scheme,
    /// Another host.
    #[error("the host must be `scim.<region>.amazonaws.com` or `scim.<region>.api.aws`")]
    Host,
    /// Another path.
    #[error("the path must be `/<tenant>/scim/v2`")]
    Path,
    /// The path's first part is no tenant.
    #[error("the tenant in the path must be hexadecimal digits, 8 to 11 and then 4, 4, 4 and 12")]
    Tenant,
    /// A query, a fragment, a user or a port.
    #[error("the address must have no user, port, query or fragment")]
    Extra,
}

impl Endpoint {
    /// Checks an address as the console shows it. A slash at the end is dropped.
    ///
    /// The shape of the tenant is the one that <https://github.com/awslabs/ssosync> checks.
    ///
    /// # Errors
    /// When it is not the address of a tenant.
    pub fn parse(url: &Url) -> Result<Self, EndpointError> {
        if url.scheme() != "https" {
            return Err(EndpointError::Scheme);
        }
        let extra = !url.username().is_empty()
            || url.password().is_some()
            || url.port().is_some()
            || url.query().is_some()
            || url.fragment().is_some();
        if extra {
            return Err(EndpointError::Extra);
        }
        let host = url.host_str().unwrap_or_default();
        let region = host
            .strip_prefix("scim.")
            .and_then(|rest| {
                rest.strip_suffix(".amazonaws.com").or_else(|| rest.strip_suffix(".api.aws"))
            })
            .filter(|region| is_region(region))
            .ok_or(EndpointError::Host)?;
        let path = url.path().strip_suffix('/').unwrap_or(url.path());
        let tenant = path
            .strip_prefix('/')
            .and_then(|path| path.strip_suffix("/scim/v2"))
            .ok_or(EndpointError::Path)?;
        if !is_tenant(tenant) {
            return Err(EndpointError::Tenant);
        }
        let (region, tenant) = (Box::from(region), Box::from(tenant));
        let mut url = url.clone();
        let path = path.to_owned();
        url.set_path(&path);
        Ok(Self { url, region, tenant })
    }

    /// The address, without a slash at its end.
    #[must_use]
    pub fn url(&self) -> &Url {
        &self.url
    }

    /// The AWS region: `us-east-1`.
    #[must_use]
    pub fn region(&self) -> &str {
        &self.region
    }

    /// The tenant.
    #[must_use]
    pub fn tenant(&self) -> &str {
        &self.tenant
    }
}

fn is_region(text: &str) -> bool {
    !text.is_empty()
        && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
}

fn is_tenant(text: &str) -> bool {
    let groups: Vec<&str> = text.split('-').collect();
    let hexadecimal = text.bytes().all(|b| b.is_ascii_hexdigit() || b == b'-');
    let lengths: Vec<usize> = groups.iter().map(|group| group.len()).collect();
    hexadecimal && matches!(lengths.as_slice(), [8..=11, 4, 4, 4, 12])
}
