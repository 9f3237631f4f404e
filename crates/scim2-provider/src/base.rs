//! Where the service provider is, as clients see it.

use std::borrow::Cow;

use http::header::HOST;
use http::request::Parts;
use http::uri::Authority;
use percent_encoding::percent_decode_str;
use scim2_core::Error;
use url::Url;

/// The URL under which clients reach the service provider's endpoints (RFC 7644 §1.3): the
/// beginning of every `Location` and `$ref`.
///
/// ```
/// use scim2_provider::BaseUrl;
/// let base: BaseUrl = url::Url::parse("https://example.com/scim/v2")?.into();
/// # Ok::<(), url::ParseError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum BaseUrl {
    /// Always this URL.
    Fixed(Url),
    /// This origin, and after it the path at which the request found the service provider (its
    /// [`MountPath`]): for one that is mounted at a path with parameters, such as
    /// `/{tenant}/scim/v2`.
    Mounted {
        /// The scheme, the host and whatever a proxy in front takes off the path.
        origin: Url,
    },
    /// The host that the request names, which is for clients to choose: use it only where
    /// nobody can make others read answers to their requests (ruling H13).
    FromRequest {
        /// The scheme of the connections.
        scheme: Scheme,
        /// The path before the endpoints, such as `/scim/v2`.
        prefix: Box<str>,
        /// Whether a proxy in front is believed.
        forwarded: Forwarded,
    },
}

/// Where in an application's paths a request found the service provider, as an extension of the
/// request. What mounts the service provider sets it; `scim2-axum` does.
///
/// ```
/// use scim2_provider::MountPath;
/// let mount = MountPath::new("/acme%20inc/scim/v2");
/// assert_eq!(mount.segments().next().as_deref(), Some("acme inc"));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MountPath(Box<str>);

impl MountPath {
    /// A path as the request has it.
    #[must_use]
    pub fn new(path: &str) -> Self {
        Self(path.trim_end_matches('/').into())
    }

    /// The path, without a slash at the end.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What stands between the slashes, percent-decoded.
    pub fn segments(&self) -> impl Iterator<Item = Cow<'_, str>> {
        let segments = self.0.split('/').filter(|segment| !segment.is_empty());
        segments.map(|segment| percent_decode_str(segment).decode_utf8_lossy())
    }
}

/// How clients connect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "SCIM is spoken over these two (RFC 7644 §3.8)")]
pub enum Scheme {
    /// Without TLS.
    Http,
    /// With TLS.
    Https,
}

/// Whether `X-Forwarded-Proto` and `X-Forwarded-Host`, or `Forwarded` (RFC 7239), are believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "believed or not")]
pub enum Forwarded {
    /// They are ignored.
    Ignored,
    /// They are believed: a proxy in front sets them, and lets nobody else do so.
    Trusted,
}

impl From<Url> for BaseUrl {
    fn from(url: Url) -> Self {
        Self::Fixed(url)
    }
}

impl BaseUrl {
    /// Whether locations can be made from it: an http or https URL without query and fragment.
    pub(crate) fn is_usable(&self) -> bool {
        match self {
            Self::Fixed(url) | Self::Mounted { origin: url } => {
                matches!(url.scheme(), "http" | "https")
                    && url.has_host()
                    && url.query().is_none()
                    && url.fragment().is_none()
                    && url.username().is_empty()
                    && url.password().is_none()
            }
            Self::FromRequest { .. } => true,
        }
    }

    /// The base of all requests, if it does not depend on them.
    pub(crate) fn fixed(&self) -> Option<Base> {
        match self {
            Self::Fixed(url) => Some(Base::new(url.clone())),
            Self::Mounted { .. } | Self::FromRequest { .. } => None,
        }
    }

    /// The base for the answer to one request.
    pub(crate) fn resolve(&self, parts: &Parts) -> Result<Base, Error> {
        let (scheme, prefix, forwarded) = match self {
            Self::Fixed(url) => return Ok(Base::new(url.clone())),
            Self::Mounted { origin } => {
                let mut url = origin.clone();
                if let Some(mount) = parts.extensions.get::<MountPath>() {
                    let before = origin.path().trim_end_matches('/');
                    url.set_path(&format!("{before}{}", mount.as_str()));
                }
                return Ok(Base::new(url));
            }
            Self::FromRequest { scheme, prefix, forwarded } => (scheme, prefix, forwarded),
        };
        let header = |name: &str| {
            let value = parts.headers.get(name)?.to_str().ok()?;
            // A chain of proxies appends: the first one is the client's own.
            value.split(',').next().map(str::trim)
        };
        let trusted = |name, parameter| {
            let value =
                header(name).or_else(|| forwarded_parameter(header("forwarded")?, parameter));
            value.filter(|_| *forwarded == Forwarded::Trusted)
        };
        let scheme = match (trusted("x-forwarded-proto", "proto"), scheme) {
            (Some(proto), _) if proto.eq_ignore_ascii_case("https") => "https",
            (Some(proto), _) if proto.eq_ignore_ascii_case("http") => "http",
            (_, Scheme::Https) => "https",
            (_, Scheme::Http) => "http",
        };
        let host = trusted("x-forwarded-host", "host")
            // Where the target names the host, `Host` does not count (RFC 9112 §3.2.2).
            .or_else(|| parts.uri.authority().map(Authority::as_str))
            .or_else(|| header(HOST.as_str()))
            .and_then(|host| host.parse::<Authority>().ok())
            .filter(|authority| !authority.as_str().contains('@'));
        let url = host.and_then(|host| {
            Url::parse(&format!("{scheme}://{host}/{}", prefix.trim_matches('/'))).ok()
        });
        url.map(Base::new).ok_or_else(|| {
            Error::new(http::StatusCode::BAD_REQUEST)
                .detail("the request needs a `Host` header that names a host")
        })
    }
}

/// A parameter of one element of a `Forwarded` header (RFC 7239 §4).
fn forwarded_parameter<'h>(element: &'h str, name: &str) -> Option<&'h str> {
    element.split(';').find_map(|pair| {
        let (known, value) = pair.split_once('=')?;
        known.trim().eq_ignore_ascii_case(name).then(|| value.trim().trim_matches('"'))
    })
}

/// The base URL of one request.
#[derive(Clone, Debug)]
pub(crate) struct Base {
    url: Url,
    /// Without a slash at the end.
    text: Box<str>,
}

impl Base {
    fn new(url: Url) -> Self {
        let text = url.as_str().trim_end_matches('/').into();
        Self { url, text }
    }

    pub(crate) fn url(&self) -> &Url {
        &self.url
    }

    /// The URL without a slash at the end.
    pub(crate) fn as_str(&self) -> &str {
        &self.text
    }

    /// The location of a resource: base, endpoint with its slash, id.
    pub(crate) fn location(&self, endpoint: &str, id: &str) -> String {
        let mut location = String::with_capacity(self.text.len() + endpoint.len() + 1 + id.len());
        location.push_str(&self.text);
        location.push_str(endpoint);
        location.push('/');
        location.extend(percent_encoding::utf8_percent_encode(id, SEGMENT));
        location
    }
}

/// Appends a path segment.
pub(crate) fn push_segment(out: &mut Vec<u8>, segment: &str) {
    for part in percent_encoding::utf8_percent_encode(segment, SEGMENT) {
        out.extend_from_slice(part.as_bytes());
    }
}

/// What must be encoded in a path segment (RFC 3986 §3.3): everything but `pchar`.
const SEGMENT: &percent_encoding::AsciiSet = &percent_encoding::NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~')
    .remove(b'!')
    .remove(b'$')
    .remove(b'&')
    .remove(b'\'')
    .remove(b'(')
    .remove(b')')
    .remove(b'*')
    .remove(b'+')
    .remove(b',')
    .remove(b';')
    .remove(b'=')
    .remove(b':')
    .remove(b'@');
