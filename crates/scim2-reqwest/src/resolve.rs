//! Names to addresses, without those that are not allowed.

use std::net::SocketAddr;

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use scim2_client::Addresses;

/// A host that stands for addresses inside a private network or of this machine alone.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{host}` stands for a private address, which is not allowed")]
#[non_exhaustive]
pub struct ForbiddenAddress {
    /// The host.
    pub host: String,
}

/// Resolves names with the system's resolver. What it returns is what is connected to, so a name
/// cannot be checked with one address and used with another.
#[derive(Debug)]
pub(crate) struct Checked(pub(crate) Addresses);

impl Resolve for Checked {
    fn resolve(&self, name: Name) -> Resolving {
        let addresses = self.0;
        Box::pin(async move {
            let host = name.as_str();
            let found = tokio::net::lookup_host((host, 0)).await?;
            let allowed = allowed(addresses, host, found)?;
            Ok::<Addrs, _>(Box::new(allowed.into_iter()))
        })
    }
}

/// The addresses among `found` that may be used. Having found none at all is for the connector to
/// report.
fn allowed(
    addresses: Addresses,
    host: &str,
    found: impl Iterator<Item = SocketAddr>,
) -> Result<Vec<SocketAddr>, ForbiddenAddress> {
    let (allowed, forbidden): (Vec<_>, Vec<_>) =
        found.partition(|address| addresses.permits_resolved(host, address.ip()));
    if allowed.is_empty() && !forbidden.is_empty() {
        return Err(ForbiddenAddress { host: host.to_owned() });
    }
    Ok(allowed)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resolve(host: &str, found: &[&str]) -> Result<usize, ForbiddenAddress> {
        let found = found.iter().map(|address| SocketAddr::new(address.parse().unwrap(), 0));
        allowed(Addresses::Public, host, found).map(|allowed| allowed.len())
    }

    #[test]
    fn sec_21_names_for_private_addresses_are_refused() {
        let forbidden = |host: &str| Err(ForbiddenAddress { host: host.to_owned() });
        assert_eq!(
            resolve("metadata.example", &["169.254.169.254"]),
            forbidden("metadata.example")
        );
        assert_eq!(resolve("db.example", &["10.0.0.5", "fd00::5"]), forbidden("db.example"));
        assert_eq!(resolve("sly.example", &["127.0.0.1"]), forbidden("sly.example"));
        assert_eq!(resolve("localhost", &["127.0.0.1", "::1"]), Ok(2));
    }

    #[test]
    fn sec_21_of_several_addresses_the_public_ones_are_used() {
        assert_eq!(resolve("scim.example.com", &["10.0.0.5", "8.8.8.8"]), Ok(1));
        assert_eq!(resolve("scim.example.com", &[]), Ok(0));
    }
}
