//! Media types of requests and answers (RFC 7644 §3.8, rulings H01 and H02).

use http::header::{ACCEPT, CONTENT_ENCODING, CONTENT_TYPE};
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Method, StatusCode};
use scim2_core::Error;

const SCIM: &str = "application/scim+json";
const JSON: &str = "application/json";

/// The media type of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct MediaType(&'static str);

impl MediaType {
    pub(crate) fn scim() -> Self {
        Self(SCIM)
    }

    pub(crate) fn header(self) -> HeaderValue {
        HeaderValue::from_static(self.0)
    }
}

/// The media type to answer in: `preferred` unless the client wants plain JSON alone; none when
/// it takes neither. What a range says of one type goes before what a wildcard says of all
/// (RFC 9110 §12.5.1).
pub(crate) fn accepted(headers: &HeaderMap, preferred: &'static str) -> Option<MediaType> {
    let mut ranges = headers.get_all(ACCEPT).iter().peekable();
    if ranges.peek().is_none() {
        return Some(MediaType(preferred));
    }
    let mut named = false;
    let (mut any, mut application, mut scim, mut json) = (None, None, None, None);
    for range in ranges.filter_map(|value| value.to_str().ok()).flat_map(|value| value.split(',')) {
        let mut parts = range.split(';').map(str::trim);
        let name = parts.next().unwrap_or("");
        let refused = parts.any(|parameter| {
            let (name, weight) = parameter.split_once('=').unwrap_or((parameter, ""));
            name.trim().eq_ignore_ascii_case("q") && weight.trim().parse() == Ok(0.0_f32)
        });
        named |= !name.is_empty();
        let is = |known: &str| name.eq_ignore_ascii_case(known);
        let taken = match () {
            () if is("*/*") => &mut any,
            () if is("application/*") => &mut application,
            () if is(SCIM) => &mut scim,
            () if is(JSON) => &mut json,
            () => continue,
        };
        // A range that is given twice is taken if it is taken once.
        *taken = Some(*taken == Some(true) || !refused);
    }
    let takes = |one: Option<bool>| one.or(application).or(any).unwrap_or(false);
    match (named, takes(scim), takes(json)) {
        (false, ..) | (_, true, _) => Some(MediaType(preferred)),
        (_, _, true) => Some(MediaType(JSON)),
        _ => None,
    }
}

pub(crate) fn not_acceptable() -> Error {
    Error::new(StatusCode::NOT_ACCEPTABLE)
        .detail(format_args!("answers are `{SCIM}` or `{JSON}`, and `Accept` takes neither"))
}

/// 415 unless the body is JSON as it is; a request that does not say is taken to be.
///
/// # Errors
/// 415 for any other media type than `application/scim+json` and `application/json`, and for a
/// body that is compressed (RFC 9110 §15.5.16).
pub fn check_content_type(parts: &Parts) -> Result<(), Error> {
    if !matches!(parts.method, Method::POST | Method::PUT | Method::PATCH) {
        return Ok(());
    }
    let mut codings = parts.headers.get_all(CONTENT_ENCODING).iter();
    if codings.any(|coding| !coding.as_bytes().eq_ignore_ascii_case(b"identity")) {
        return Err(Error::new(StatusCode::UNSUPPORTED_MEDIA_TYPE)
            .detail("the body must not be compressed, `Content-Encoding` says that it is"));
    }
    let Some(value) = parts.headers.get(CONTENT_TYPE) else {
        return Ok(());
    };
    let name = value.to_str().unwrap_or("?").split(';').next().unwrap_or("").trim();
    if name.eq_ignore_ascii_case(SCIM) || name.eq_ignore_ascii_case(JSON) {
        return Ok(());
    }
    Err(Error::new(StatusCode::UNSUPPORTED_MEDIA_TYPE)
        .detail(format_args!("the body must be `{SCIM}` or `{JSON}`")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(accept: &str, expected: Option<&'static str>) {
        let headers = HeaderMap::from_iter([(ACCEPT, HeaderValue::from_str(accept).unwrap())]);
        assert_eq!(accepted(&headers, SCIM), expected.map(MediaType), "{accept}");
    }

    #[test]
    fn h02_answers_are_scim_json_unless_only_json_is_accepted() {
        check("application/scim+json", Some(SCIM));
        check("application/json", Some(JSON));
        check("application/json, application/scim+json;q=0.1", Some(SCIM));
        check("text/html, */*;q=0.8", Some(SCIM));
        check("Application/JSON; charset=utf-8", Some(JSON));
        check("", Some(SCIM));
        check("text/html", None);
        check("*/*;q=0", None);
        check("application/scim+json;q=0, application/json", Some(JSON));
        check("application/json, */*;q=0.5", Some(SCIM));
        assert_eq!(accepted(&HeaderMap::new(), SCIM), Some(MediaType(SCIM)));
    }
    #[test]
    fn a_range_that_names_a_type_goes_before_wildcards() {
        check("application/scim+json;q=0, */*", Some(JSON));
        check("*/*, application/scim+json;q=0", Some(JSON));
        check("application/*;q=0, */*", None);
        check("*/*;q=0, application/json", Some(JSON));
    }
}
