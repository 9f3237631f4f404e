//! The base URL: which ones are allowed, and how requests' URLs come from it.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use url::{Host, Url};

use crate::error::BuildError;

/// Everything but the unreserved characters of RFC 3986 §2.3.
const SEGMENT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// Whether `http` is allowed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "ruling C10 knows these two")]
pub enum Plaintext {
    /// Only to this machine, by loopback address or as `localhost`.
    #[default]
    Loopback,
    /// To anyone. Token and data can be read on the way.
    Allowed,
}

/// Which addresses a base URL may name, and a name in it may stand for.
///
/// Where others than the operator configure targets, a URL such as `https://169.254.169.254/`
/// would turn the client into a tool against the network it runs in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Addresses {
    /// Public addresses, and this machine if the URL says so plainly: a loopback address or
    /// `localhost`.
    #[default]
    Public,
    /// Any address.
    Any,
}

impl Addresses {
    /// Whether an address written in a URL may be used.
    #[must_use]
    pub fn permits_literal(self, address: IpAddr) -> bool {
        self == Self::Any || is_loopback(address) || is_public(address)
    }

    /// Whether an address that `host` resolved to may be used.
    #[must_use]
    pub fn permits_resolved(self, host: &str, address: IpAddr) -> bool {
        match self {
            Self::Any => true,
            Self::Public => {
                is_public(address) || (is_loopback(address) && Self::is_localhost(host))
            }
        }
    }

    /// Whether a name stands for this machine by definition: `localhost`, and what ends in it
    /// (RFC 6761 §6.3).
    #[must_use]
    pub fn is_localhost(host: &str) -> bool {
        let host = host.strip_suffix('.').unwrap_or(host);
        host.rsplit('.').next().is_some_and(|last| last.eq_ignore_ascii_case("localhost"))
    }
}

/// A checked base URL.
#[derive(Clone, Debug)]
pub(crate) struct Base {
    /// Scheme, authority and path, without a slash at the end.
    prefix: String,
    /// A query that each request carries, such as Entra ID's `aadOptscim062020`.
    query: String,
    origin: Url,
}

impl Base {
    pub(crate) fn new(
        url: &Url,
        plaintext: Plaintext,
        addresses: Addresses,
    ) -> Result<Self, BuildError> {
        let host = url.host().ok_or(BuildError::NoHost)?;
        match url.scheme() {
            "https" => {}
            "http" if plaintext == Plaintext::Allowed || host_is_loopback(&host) => {}
            scheme => return Err(BuildError::Plaintext { scheme: scheme.to_owned() }),
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(BuildError::UserInfo);
        }
        if url.fragment().is_some() {
            return Err(BuildError::Fragment);
        }
        let literal = match host {
            Host::Ipv4(address) => Some(IpAddr::V4(address)),
            Host::Ipv6(address) => Some(IpAddr::V6(address)),
            Host::Domain(_) => None,
        };
        if let Some(address) = literal.filter(|address| !addresses.permits_literal(*address)) {
            return Err(BuildError::PrivateAddress(address));
        }
        let origin = url.origin().ascii_serialization();
        Ok(Self {
            // AWS answers 401 to `…/v2//Users`: one slash, whatever the base URL ends in.
            prefix: format!("{origin}{}", url.path().trim_end_matches('/')),
            query: url.query().unwrap_or_default().to_owned(),
            origin: url.clone(),
        })
    }

    /// The URL of an encoded path, with the base URL's own query before this one.
    pub(crate) fn url(&self, path: &str, query: &str) -> String {
        let mut url = format!("{}{path}", self.prefix);
        let mut separator = '?';
        for part in [self.query.as_str(), query] {
            if !part.is_empty() {
                url.push(separator);
                url.push_str(part);
                separator = '&';
            }
        }
        url
    }

    /// Where a `Location` points, if that is the same origin (SEC-21: the credentials go nowhere
    /// else).
    pub(crate) fn same_origin(&self, current: &str, location: &str) -> Option<String> {
        let target = Url::parse(current).ok()?.join(location).ok()?;
        let same = target.origin() == self.origin.origin()
            && target.username().is_empty()
            && target.password().is_none();
        same.then(|| target.into())
    }

    /// The same for a resource's location, with the base URL's own query added if it has none.
    pub(crate) fn same_origin_resource(&self, current: &str, location: &str) -> Option<String> {
        let mut target = Url::parse(&self.same_origin(current, location)?).ok()?;
        if target.query().is_none() && !self.query.is_empty() {
            target.set_query(Some(&self.query));
        }
        Some(target.into())
    }

    /// The path below the base URL of an endpoint given as a full URL.
    pub(crate) fn relative<'a>(&self, endpoint: &'a str) -> Option<&'a str> {
        let rest = endpoint.strip_prefix(&self.prefix)?;
        (rest.is_empty() || rest.starts_with('/')).then_some(rest)
    }
}

/// An id as a path segment. None for the ids that no path can carry.
pub(crate) fn segment(id: &str) -> Option<String> {
    // `.` and `..` mean something else in a path, escaped or not.
    let usable = !matches!(id, "" | "." | "..");
    usable.then(|| utf8_percent_encode(id, SEGMENT).to_string())
}

fn host_is_loopback(host: &Host<&str>) -> bool {
    match host {
        Host::Ipv4(address) => address.is_loopback(),
        Host::Ipv6(address) => is_loopback(IpAddr::V6(*address)),
        Host::Domain(name) => Addresses::is_localhost(name),
    }
}

fn is_loopback(address: IpAddr) -> bool {
    address.to_canonical().is_loopback()
}

fn is_public(address: IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(address) => is_public_v4(address),
        IpAddr::V6(address) => is_public_v6(address),
    }
}

fn is_public_v4(address: Ipv4Addr) -> bool {
    let [a, b, ..] = address.octets();
    let shared = a == 100 && (64..128).contains(&b); // RFC 6598
    let benchmark = a == 198 && (b == 18 || b == 19); // RFC 2544
    let reserved = a >= 240 || a == 0;
    !(address.is_private()
        || address.is_loopback()
        || address.is_link_local()
        || address.is_multicast()
        || shared
        || benchmark
        || reserved)
}

fn is_public_v6(address: Ipv6Addr) -> bool {
    // NAT64 (RFC 6052) and 6to4 (RFC 3056) carry an IPv4 address; that is what counts.
    let embedded = match address.segments() {
        [0x64, 0xff9b, 0, 0, 0, 0, high, low] | [0x2002, high, low, ..] => {
            let [a, b] = high.to_be_bytes();
            let [c, d] = low.to_be_bytes();
            Some(Ipv4Addr::new(a, b, c, d))
        }
        _ => None,
    };
    if let Some(embedded) = embedded {
        return is_public_v4(embedded);
    }
    !(address.is_unspecified()
        || address.is_loopback()
        || address.is_multicast()
        || address.is_unique_local()
        || address.is_unicast_link_local())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn base(url: &str) -> Result<Base, BuildError> {
        Base::new(&url.parse().unwrap(), Plaintext::Loopback, Addresses::Public)
    }

    #[test]
    fn exactly_one_slash_joins_base_and_endpoint() {
        for url in ["https://h/t/scim/v2", "https://h/t/scim/v2/", "https://h/t/scim/v2//"] {
            assert_eq!(base(url).unwrap().url("/Users", ""), "https://h/t/scim/v2/Users");
        }
        assert_eq!(base("https://h").unwrap().url("/Users", ""), "https://h/Users");
    }

    #[test]
    fn the_base_urls_query_stays_on_each_request() {
        let base = base("https://h/scim?aadOptscim062020").unwrap();
        assert_eq!(base.url("/Users", ""), "https://h/scim/Users?aadOptscim062020");
        assert_eq!(base.url("/Users", "count=1"), "https://h/scim/Users?aadOptscim062020&count=1");
    }

    #[test]
    fn r44_7_2_01_http_is_refused_but_to_this_machine() {
        assert_eq!(
            base("http://scim.example.com/").unwrap_err(),
            BuildError::Plaintext { scheme: "http".to_owned() }
        );
        for url in
            ["http://localhost:8080/", "http://127.0.0.1/", "http://[::1]/", "http://a.localhost"]
        {
            base(url).unwrap();
        }
        // Not localhost, whatever it looks like.
        for url in ["http://localhost.example.com/", "http://notlocalhost/", "http://10.0.0.1/"] {
            base(url).unwrap_err();
        }
        let open: Url = "http://scim.example.com/".parse().unwrap();
        Base::new(&open, Plaintext::Allowed, Addresses::Public).unwrap();
    }

    #[test]
    fn r44_7_1_01_userinfo_is_refused() {
        for url in ["https://u:p@h/", "https://u@h/", "https://:p@h/"] {
            assert_eq!(base(url).unwrap_err(), BuildError::UserInfo, "{url}");
        }
    }

    #[test]
    fn only_web_urls_are_taken() {
        base("ftp://h/").unwrap_err();
        base("data:text/plain,x").unwrap_err();
        assert_eq!(base("https://h/#x").unwrap_err(), BuildError::Fragment);
    }

    #[test]
    fn sec_21_private_addresses_are_refused() {
        for host in [
            "169.254.169.254",
            "10.1.2.3",
            "192.168.0.1",
            "172.16.0.1",
            "100.64.0.1",
            "0.0.0.0",
            "255.255.255.255",
            "[fe80::1]",
            "[fd00::1]",
            "[::]",
            "[::ffff:169.254.169.254]",
            "[64:ff9b::a9fe:a9fe]",
            "[2002:0a00:0001::]",
            // The URL standard reads these as 169.254.169.254.
            "2852039166",
            "0xa9.0xfe.0xa9.0xfe",
        ] {
            let error = base(&format!("https://{host}/")).unwrap_err();
            assert!(matches!(error, BuildError::PrivateAddress(_)), "{host}");
        }
        let private: Url = "https://10.1.2.3/".parse().unwrap();
        Base::new(&private, Plaintext::Loopback, Addresses::Any).unwrap();
        base("https://8.8.8.8/").unwrap();
    }

    #[test]
    fn sec_21_a_name_may_not_stand_for_a_private_address() {
        let metadata: IpAddr = "169.254.169.254".parse().unwrap();
        let loopback: IpAddr = "127.0.0.1".parse().unwrap();
        assert!(!Addresses::Public.permits_resolved("scim.example.com", metadata));
        assert!(!Addresses::Public.permits_resolved("scim.example.com", loopback));
        assert!(Addresses::Public.permits_resolved("localhost", loopback));
        assert!(Addresses::Any.permits_resolved("scim.example.com", metadata));
    }

    #[test]
    fn ids_are_escaped_as_one_segment() {
        assert_eq!(segment("a/b&c d?é").unwrap(), "a%2Fb%26c%20d%3F%C3%A9");
        for id in ["", ".", ".."] {
            assert_eq!(segment(id), None);
        }
    }

    #[test]
    fn sec_21_locations_elsewhere_are_not_followed() {
        let base = base("https://h/scim/v2").unwrap();
        let here = "https://h/scim/v2/Users";
        assert_eq!(base.same_origin(here, "/x/1").unwrap(), "https://h/x/1");
        assert_eq!(base.same_origin(here, "https://h/x").unwrap(), "https://h/x");
        for elsewhere in
            ["https://other/x", "//other/x", "http://h/x", "https://h:444/x", "https://u:p@h/x"]
        {
            assert_eq!(base.same_origin(here, elsewhere), None, "{elsewhere}");
        }
    }

    #[test]
    fn absolute_endpoints_below_the_base_become_relative() {
        let base = base("https://h/scim/v2/").unwrap();
        assert_eq!(base.relative("https://h/scim/v2/People"), Some("/People"));
        assert_eq!(base.relative("https://h/scim/v2x/People"), None);
        assert_eq!(base.relative("https://other/People"), None);
    }
}
