//! Where a request comes from, for traces and for the audit log.

use std::net::IpAddr;

use http::header::USER_AGENT;
use http::request::Parts;

/// The address of the client that sends a request, as an extension of the request: for the audit
/// log alone.
///
/// `scim2_axum::serve` sets the address at the other end of the connection. Behind a proxy that is
/// the proxy's: an outer layer that knows the header of its proxy sets the client's own instead.
///
/// ```
/// use scim2_provider::ClientAddress;
/// let mut request = http::Request::get("/Users").body(bytes::Bytes::new())?;
/// request.extensions_mut().insert(ClientAddress::from(std::net::Ipv4Addr::LOCALHOST));
/// # Ok::<(), http::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClientAddress(IpAddr);

impl<T: Into<IpAddr>> From<T> for ClientAddress {
    fn from(address: T) -> Self {
        Self(address.into())
    }
}

/// What is written down of where a request comes from.
#[derive(Clone, Debug, Default)]
pub(crate) struct Origin {
    /// The id under which the request is known in logs.
    pub(crate) request_id: Box<str>,
    /// The trace that the request belongs to, if its sender says (W3C Trace Context §3.2).
    pub(crate) trace_id: Option<Box<str>>,
    pub(crate) address: Option<IpAddr>,
    /// What the client calls itself.
    pub(crate) user_agent: Option<Box<str>>,
}

/// The most characters of a `User-Agent` that are written down.
const MAX_USER_AGENT: usize = 128;

impl Origin {
    pub(crate) fn of(parts: &Parts, request_id: &str) -> Self {
        let header = |name: &str| parts.headers.get(name)?.to_str().ok();
        Self {
            request_id: request_id.into(),
            trace_id: header("traceparent").and_then(trace_id).map(Box::from),
            address: parts.extensions.get::<ClientAddress>().map(|address| address.0),
            user_agent: header(USER_AGENT.as_str()).map(user_agent),
        }
    }
}

/// The `trace-id` of a `traceparent` header, if all of it is well formed: `version "-" trace-id "-"
/// parent-id "-" trace-flags`, to which later versions may add (W3C Trace Context §3.2).
fn trace_id(header: &str) -> Option<&str> {
    let is_hex = |text: &&str| text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
    let is_id = |text: &&str| is_hex(text) && text.bytes().any(|byte| byte != b'0');
    let mut parts = header.trim().split('-');
    let version = parts.next().filter(|text| text.len() == 2 && *text != "ff").filter(is_hex)?;
    let trace_id = parts.next().filter(|text| text.len() == 32).filter(is_id)?;
    parts.next().filter(|text| text.len() == 16).filter(is_id)?;
    parts.next().filter(|text| text.len() == 2).filter(is_hex)?;
    (version != "00" || parts.next().is_none()).then_some(trace_id)
}

/// What a client calls itself, fit for a log: clients write what they like into it.
fn user_agent(header: &str) -> Box<str> {
    let plain =
        |c: char| if c.is_ascii_alphanumeric() || " ._-/();:+,".contains(c) { c } else { '?' };
    header.chars().take(MAX_USER_AGENT).map(plain).collect::<String>().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";

    #[track_caller]
    fn check(header: &str, expected: Option<&str>) {
        assert_eq!(trace_id(header), expected, "{header}");
    }

    #[test]
    fn a_trace_id_is_read_from_a_well_formed_header_alone() {
        check(&format!("00-{TRACE}-b7ad6b7169203331-01"), Some(TRACE));
        check(&format!(" 00-{TRACE}-b7ad6b7169203331-00 "), Some(TRACE));
        check(&format!("cc-{TRACE}-b7ad6b7169203331-01-what-comes-later"), Some(TRACE));
        check(&format!("00-{TRACE}-b7ad6b7169203331-01-more"), None);
        check(&format!("ff-{TRACE}-b7ad6b7169203331-01"), None);
        check(&format!("00-{}-b7ad6b7169203331-01", TRACE.to_uppercase()), None);
        check(&format!("00-{}-b7ad6b7169203331-01", "0".repeat(32)), None);
        check(&format!("00-{TRACE}-0000000000000000-01"), None);
        for header in ["", "00", "00-x", &format!("00-{TRACE}"), &format!("00-{TRACE}é-1-01")] {
            check(header, None);
        }
    }

    #[test]
    fn a_user_agent_is_cut_and_has_no_line_of_its_own() {
        assert_eq!(&*user_agent("Okta SCIM Client 1.0.0"), "Okta SCIM Client 1.0.0");
        assert_eq!(&*user_agent("a\tb\"c=d\u{7f}"), "a?b?c?d?");
        assert_eq!(user_agent(&"x".repeat(500)).len(), MAX_USER_AGENT);
    }
}
