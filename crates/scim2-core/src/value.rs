//! The texts of RFC 7643's data types: dateTime, binary, reference.

use std::borrow::Cow;

use base64::Engine as _;
use base64::alphabet;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use chrono::{DateTime, NaiveDate, NaiveTime, TimeDelta, Utc};
use url::Url;

use crate::policy::{DateTimePolicy, Policy};

/// xsd:dateTime has offsets of up to 14 hours.
const MAX_OFFSET_MINUTES: u32 = 14 * 60;

/// Reads an xsd:dateTime as an instant (RFC 7643 §2.3.5; rulings F21 and W16).
///
/// Fractions may have any number of digits, of which nine count. `24:00:00` is the end of the
/// day, a leap second the last moment before it. Without an offset the time is UTC, unless the
/// policy refuses that.
///
/// ```
/// use scim2_core::policy::DateTimePolicy;
/// use scim2_core::value::parse_date_time;
/// let strict = DateTimePolicy::default();
/// assert_eq!(
///     parse_date_time("2008-01-23T04:56:22Z", &strict),
///     parse_date_time("2008-01-23T05:56:22.000+01:00", &strict),
/// );
/// assert_eq!(parse_date_time("2008-01-23", &strict), None);
/// ```
#[must_use]
pub fn parse_date_time(text: &str, policy: &DateTimePolicy) -> Option<DateTime<Utc>> {
    // yyyy '-' mm '-' dd 'T' hh ':' mm ':' ss ('.' s+)? (zzzzzz)?
    let mut rest = Digits(text.as_bytes());
    let year = rest.number::<4>()?;
    rest.skip(b'-')?;
    let month = rest.number::<2>()?;
    rest.skip(b'-')?;
    let day = rest.number::<2>()?;
    let date = NaiveDate::from_ymd_opt(i32::try_from(year).ok().filter(|y| *y > 0)?, month, day)?;
    if rest.0.is_empty() {
        let midnight = date.and_time(NaiveTime::MIN).and_utc();
        return policy.date_only.then_some(midnight);
    }
    match rest.next()? {
        b'T' => {}
        b't' | b' ' if policy.lenient => {}
        _ => return None,
    }
    let hour = rest.number::<2>()?;
    rest.skip(b':')?;
    let minute = rest.number::<2>()?;
    rest.skip(b':')?;
    let second = rest.number::<2>()?;
    let nanos = match rest.skip(b'.') {
        Some(()) => rest.fraction()?,
        None => 0,
    };
    let (time, days) = match (hour, minute, second) {
        (24, 0, 0) if nanos == 0 => (NaiveTime::MIN, 1),
        // xsd has no leap seconds, but clocks print them.
        (_, _, 60) => (NaiveTime::from_hms_nano_opt(hour, minute, 59, 999_999_999)?, 0),
        _ => (NaiveTime::from_hms_nano_opt(hour, minute, second, nanos)?, 0),
    };
    let local = date.and_time(time).and_utc().checked_add_signed(TimeDelta::days(days))?;
    let east = match rest.next() {
        None if policy.require_offset => return None,
        None => 0,
        Some(b'Z') => 0,
        Some(b'z') if policy.lenient => 0,
        Some(sign @ (b'+' | b'-')) => {
            let hours = rest.number::<2>()?;
            if rest.skip(b':').is_none() && !policy.lenient {
                return None;
            }
            let minutes = rest.number::<2>().filter(|minutes| *minutes < 60)? + 60 * hours;
            if minutes > MAX_OFFSET_MINUTES {
                return None;
            }
            let minutes = i64::from(minutes);
            if sign == b'+' { minutes } else { -minutes }
        }
        Some(_) => return None,
    };
    if !rest.0.is_empty() {
        return None;
    }
    local.checked_sub_signed(TimeDelta::minutes(east))
}

/// Reads the dateTime of a stored resource, in whatever form a policy accepted it.
#[must_use]
pub fn parse_stored_date_time(text: &str) -> Option<DateTime<Utc>> {
    const ANY: DateTimePolicy =
        DateTimePolicy { lenient: true, date_only: true, require_offset: false };
    parse_date_time(text, &ANY)
}

/// What is left to read of a dateTime.
struct Digits<'a>(&'a [u8]);

impl Digits<'_> {
    fn next(&mut self) -> Option<u8> {
        let (first, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(*first)
    }

    fn skip(&mut self, byte: u8) -> Option<()> {
        self.0 = self.0.strip_prefix(&[byte])?;
        Some(())
    }

    /// Exactly N digits.
    fn number<const N: usize>(&mut self) -> Option<u32> {
        let (digits, rest) = self.0.split_first_chunk::<N>()?;
        let number = digits.iter().try_fold(0, |number, digit| {
            digit.is_ascii_digit().then(|| number * 10 + u32::from(digit - b'0'))
        })?;
        self.0 = rest;
        Some(number)
    }

    /// One or more digits after the point, as nanoseconds.
    fn fraction(&mut self) -> Option<u32> {
        let end = self.0.iter().position(|byte| !byte.is_ascii_digit()).unwrap_or(self.0.len());
        let (digits, rest) = self.0.split_at_checked(end)?;
        if digits.is_empty() {
            return None;
        }
        self.0 = rest;
        let padded = digits.iter().chain(std::iter::repeat(&b'0')).take(9);
        Some(padded.fold(0, |nanos, digit| nanos * 10 + u32::from(digit - b'0')))
    }
}

const INDIFFERENT: GeneralPurposeConfig =
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
const EITHER_PADDING: GeneralPurpose = GeneralPurpose::new(&alphabet::STANDARD, INDIFFERENT);
const EITHER_PADDING_URL: GeneralPurpose = GeneralPurpose::new(&alphabet::URL_SAFE, INDIFFERENT);

/// Decodes the text of a binary value: base64 or base64url, with or without padding (RFC 7643
/// §2.3.6; ruling W18).
///
/// ```
/// use scim2_core::Policy;
/// use scim2_core::value::decode_binary;
/// assert_eq!(decode_binary("-_8", &Policy::strict()), decode_binary("+/8=", &Policy::strict()));
/// assert_eq!(decode_binary("not base64!", &Policy::strict()), None);
/// ```
#[must_use]
pub fn decode_binary(text: &str, policy: &Policy) -> Option<Vec<u8>> {
    let without_space: String;
    let text = if policy.binary_whitespace && text.contains(is_space) {
        without_space = text.replace(is_space, "");
        &without_space
    } else {
        text
    };
    if text.ends_with('=') && !text.len().is_multiple_of(4) {
        return None;
    }
    let url = text.bytes().any(|byte| matches!(byte, b'-' | b'_'));
    let engine = if url { EITHER_PADDING_URL } else { EITHER_PADDING };
    engine.decode(text).ok()
}

/// Whether a text is base64 in the form in which binaries are emitted: the standard alphabet with
/// padding.
pub(crate) fn is_standard_base64(text: &str) -> bool {
    let digits = text.strip_suffix("==").or_else(|| text.strip_suffix('=')).unwrap_or(text);
    let digit = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'+' || byte == b'/';
    // The bits of the last digit that stand for nothing must be zero.
    let last = digits.bytes().next_back();
    let complete = match text.len() - digits.len() {
        0 => true,
        1 => last.is_some_and(|last| b"AEIMQUYcgkosw048".contains(&last)),
        _ => last.is_some_and(|last| b"AQgw".contains(&last)),
    };
    text.len().is_multiple_of(4)
        && complete
        && digits.bytes().fold(true, |all, byte| all & digit(byte))
}

/// Encodes a binary value as it is emitted: the standard alphabet with padding.
#[must_use]
pub fn encode_binary(bytes: &[u8]) -> String {
    STANDARD.encode(bytes)
}

/// Encodes a binary value in the alphabet for URLs, without padding, for attributes whose definition
/// asks for that (RFC 7643 §2.3.6).
pub(crate) fn encode_base64url(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// Whether bytes are one DER SEQUENCE and nothing else, as a certificate is (RFC 7643 §4.1.2).
pub(crate) fn is_der_sequence(bytes: &[u8]) -> bool {
    let Some((0x30, rest)) = bytes.split_first().map(|(tag, rest)| (*tag, rest)) else {
        return false;
    };
    let Some((first, rest)) = rest.split_first() else { return false };
    let count = usize::from(first & 0x7F);
    if first & 0x80 == 0 {
        return rest.len() == count;
    }
    let Some((digits, content)) = rest.split_at_checked(count) else { return false };
    let is_shortest = digits.first().is_some_and(|digit| *digit != 0)
        && (digits.len() > 1 || digits.first().is_some_and(|digit| *digit >= 0x80));
    let length = digits.iter().try_fold(0_usize, |length, digit| {
        length.checked_mul(256)?.checked_add(usize::from(*digit))
    });
    is_shortest && length == Some(content.len())
}

fn is_space(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\r' | '\n')
}

/// A URI in the form in which it is compared (RFC 3986 §6.2, RFC 7643 §4.1.1): scheme and host in
/// lower case, without the scheme's own port, without dot segments, with a path. What is no URL
/// stays as it is, and so does what is in that form already, without a copy.
///
/// ```
/// use scim2_core::value::normal_uri;
/// assert_eq!(normal_uri("HTTP://Example.com:80"), "http://example.com/");
/// assert_eq!(normal_uri("https://example.com/A"), "https://example.com/A");
/// ```
#[must_use]
pub fn normal_uri(text: &str) -> Cow<'_, str> {
    if is_normal_url(text) {
        return Cow::Borrowed(text);
    }
    match Url::parse(text) {
        Ok(url) if url.has_host() => Cow::Owned(upper_escapes(url.into())),
        _ => Cow::Borrowed(text),
    }
}

/// The digits of percent escapes in upper case (RFC 3986 §6.2.2.1).
fn upper_escapes(url: String) -> String {
    let mut pieces = url.split('%');
    let mut upper = pieces.next().unwrap_or_default().to_owned();
    for piece in pieces {
        let (digits, rest) = piece.split_at_checked(2).unwrap_or((piece, ""));
        upper.push('%');
        upper.push_str(&digits.to_ascii_uppercase());
        upper.push_str(rest);
    }
    upper
}

/// Whether one look shows that there is nothing to do: `https://`, a name in lower case, a path
/// without dots between slashes and without percent signs.
fn is_normal_url(text: &str) -> bool {
    let Some(rest) = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://")) else {
        return false;
    };
    let Some((host, path)) = rest.split_once('/') else { return false };
    let in_host = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    let in_path = |byte: u8| byte.is_ascii_alphanumeric() || b"/-_~".contains(&byte);
    // A name of digits and dots alone would be an address.
    let named = host.bytes().any(|byte| byte.is_ascii_lowercase()) && !host.contains("xn--");
    named
        && host.bytes().all(|byte| in_host(byte) || byte == b'.')
        && path.bytes().all(|byte| in_path(byte) || byte == b'.')
        && !path.starts_with('.')
        && !path.contains("/.")
}

/// Whether a text is a URI or a relative reference (RFC 3986 §4.1).
///
/// ```
/// use scim2_core::value::is_uri_reference;
/// assert!(is_uri_reference("https://example.com/v2/Users/2819c223"));
/// assert!(is_uri_reference("../Users/2819c223"));
/// assert!(is_uri_reference("urn:ietf:params:scim:schemas:core:2.0:User"));
/// assert!(!is_uri_reference("ht tp://"));
/// ```
#[must_use]
pub fn is_uri_reference(text: &str) -> bool {
    // Most are like `https://example.com/v2/Users/2819c223`: one look at each byte.
    if text.strip_prefix("https://").is_some_and(is_plain_path) {
        return true;
    }
    let (text, fragment) = text.split_once('#').unwrap_or((text, ""));
    let (text, query) = text.split_once('?').unwrap_or((text, ""));
    // A colon in the first segment ends a scheme: `1:a` is neither a URI nor a relative path.
    let (scheme, rest) = match text.split_once(':') {
        Some((scheme, rest)) if !scheme.contains('/') => (Some(scheme), rest),
        _ => (None, text),
    };
    let (authority, path) = match rest.strip_prefix("//") {
        Some(rest) => match rest.find('/') {
            Some(slash) => rest.split_at(slash),
            None => (rest, ""),
        },
        None => ("", rest),
    };
    // reg-name, userinfo and port, or an IP literal in brackets.
    let (host, literal) = match authority.split_once('[') {
        Some((before, literal)) => match literal.split_once(']') {
            Some((literal, port)) if before.is_empty() || before.ends_with('@') => {
                let port_is_number = port.strip_prefix(':').unwrap_or(port);
                if !port_is_number.bytes().all(|byte| byte.is_ascii_digit()) {
                    return false;
                }
                (before, literal)
            }
            _ => return false,
        },
        None => (authority, ""),
    };
    scheme.is_none_or(is_scheme)
        && has_uri_chars(host, b"@:")
        && has_uri_chars(literal, b":")
        && has_uri_chars(path, b"@:/")
        && has_uri_chars(query, b"@:/?")
        && has_uri_chars(fragment, b"@:/?")
}

fn is_plain_path(text: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() | matches!(byte, b'-' | b'.' | b'_' | b'/');
    text.bytes().fold(true, |all, byte| all & plain(byte))
}

fn is_scheme(scheme: &str) -> bool {
    let mut bytes = scheme.bytes();
    bytes.next().is_some_and(|first| first.is_ascii_alphabetic())
        && bytes.all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.'))
}

/// Whether a text is made of unreserved characters, sub-delims, pct-encoded and `more`.
fn has_uri_chars(text: &str, more: &[u8]) -> bool {
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        let fits = match byte {
            b'%' => {
                let digits = [bytes.next(), bytes.next()];
                digits.iter().all(|digit| digit.is_some_and(|d| d.is_ascii_hexdigit()))
            }
            b'-' | b'.' | b'_' | b'~' | b'!' | b'$' | b'&' | b'\'' | b'(' | b')' | b'*' | b'+'
            | b',' | b';' | b'=' => true,
            _ => byte.is_ascii_alphanumeric() || more.contains(&byte),
        };
        if !fits {
            return false;
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn instant(text: &str) -> String {
        parse_date_time(text, &DateTimePolicy::default()).unwrap().to_rfc3339()
    }

    #[test]
    fn f21_a_date_time_is_an_instant() {
        for (text, expected) in [
            ("2008-01-23T04:56:22Z", "2008-01-23T04:56:22+00:00"),
            ("2008-01-23T04:56:22", "2008-01-23T04:56:22+00:00"),
            ("2008-01-23T04:56:22+02:00", "2008-01-23T02:56:22+00:00"),
            ("2008-01-23T04:56:22-05:30", "2008-01-23T10:26:22+00:00"),
            ("2008-01-23T24:00:00Z", "2008-01-24T00:00:00+00:00"),
            ("2008-01-23T04:56:22.5Z", "2008-01-23T04:56:22.500+00:00"),
            ("2008-01-23T04:56:22.1234567899Z", "2008-01-23T04:56:22.123456789+00:00"),
            ("2016-12-31T23:59:60Z", "2016-12-31T23:59:59.999999999+00:00"),
            ("0001-01-01T00:00:00+14:00", "0000-12-31T10:00:00+00:00"),
        ] {
            assert_eq!(instant(text), expected, "{text}");
        }
    }

    #[test]
    fn f21_a_date_alone_is_midnight_by_option() {
        let policy = DateTimePolicy { date_only: true, ..DateTimePolicy::default() };
        let midnight = parse_date_time("2008-01-23T00:00:00Z", &policy);
        assert_eq!(parse_date_time("2008-01-23", &policy), midnight);
        assert!(midnight.is_some());
    }

    #[test]
    fn f22_alphabet_and_padding_do_not_matter() {
        let decoded = decode_binary("+/8=", &Policy::strict());
        assert_eq!(decoded.as_deref(), Some([0xfb, 0xff].as_slice()));
        for text in ["+/8", "-_8", "-_8="] {
            assert_eq!(decode_binary(text, &Policy::strict()), decoded, "{text}");
        }
    }

    #[test]
    fn a_certificate_is_one_der_sequence() {
        for bytes in
            [&[0x30, 0][..], &[0x30, 2, 5, 0], &[&[0x30, 0x81, 0x80][..], &[0; 128]].concat()]
        {
            assert!(is_der_sequence(bytes), "{bytes:?}");
        }
        let twice = [0x30, 2, 5, 0, 0x30, 2, 5, 0];
        for bytes in [
            &[][..],
            &[0x30],
            &[0x31, 0],
            &[0x30, 3, 5, 0],
            &[0x30, 0x80, 0, 0],
            &[0x30, 0x81, 2, 5, 0],
            &[0x30, 0x82, 0, 2, 5, 0],
            &[0x30, 0x89, 1, 0, 0, 0, 0, 0, 0, 0, 0],
            &twice,
        ] {
            assert!(!is_der_sequence(bytes), "{bytes:?}");
        }
    }

    #[test]
    fn urls_have_one_normal_form() {
        for (text, normal) in [
            ("HTTP://Example.com/", "http://example.com/"),
            ("https://example.com:443", "https://example.com/"),
            ("https://example.com:8443/a", "https://example.com:8443/a"),
            ("https://example.com/a/./b/../c", "https://example.com/a/c"),
            ("https://example.com/%c3%a9?x=%2f#A", "https://example.com/%C3%A9?x=%2F#A"),
            ("https://example.com/A", "https://example.com/A"),
            ("urn:Example:A", "urn:Example:A"),
            ("../Users/1", "../Users/1"),
            ("not a URI", "not a URI"),
            ("mailto:A@b", "mailto:A@b"),
        ] {
            assert_eq!(normal_uri(text), normal, "{text}");
        }
    }

    proptest! {
        #[test]
        fn a_normal_uri_is_its_own(text in "(https?|HTTP)://[a-zA-Z0-9.:@-]{0,8}(/[a-zA-Z0-9.%é-]{0,3}){0,4}") {
            let normal = normal_uri(&text).into_owned();
            prop_assert_eq!(normal_uri(&normal), normal.as_str());
            if is_normal_url(&text) {
                let parsed = Url::parse(&text).map(|url| upper_escapes(url.into()));
                prop_assert_eq!(parsed.unwrap_or(text.clone()), text);
            }
        }
    }

    #[test]
    fn what_counts_as_standard_base64_is_what_is_emitted() {
        for len in 0..40_u8 {
            let bytes: Vec<u8> = (0..len).map(|i| i.wrapping_mul(37)).collect();
            let text = encode_binary(&bytes);
            assert!(is_standard_base64(&text), "{text}");
            assert_eq!(decode_binary(&text, &Policy::strict()), Some(bytes));
        }
        for text in ["QR==", "QUJ=", "QQ", "QQ=", "-_8=", "QQ= ", "=QQ=", "Q===", "===="] {
            assert!(!is_standard_base64(text), "{text}");
        }
    }
}
