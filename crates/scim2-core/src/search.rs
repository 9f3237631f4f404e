//! Queries (RFC 7644 §3.4.2), written in a URL or as the body of `.search`.

use serde::de::{self, Deserializer};
use serde::ser::SerializeMap;
use serde::{Deserialize, Serialize, Serializer};
use serde_json::{Map, Value};

use crate::error::Error;
use crate::percent::decode_form;
use crate::policy::Policy;
use crate::sort::SortOrder;

/// The URN of SearchRequest messages.
pub const SEARCH_REQUEST_SCHEMA: &str = "urn:ietf:params:scim:api:messages:2.0:SearchRequest";

/// What a client asks of a list: the parameters of a GET, or a SearchRequest message (RFC 7644
/// §3.4.2 and §3.4.3, RFC 9865 §2).
///
/// Filter and attribute names are kept as text; who knows the resource type parses and binds them.
///
/// ```
/// use scim2_core::search::SearchRequest;
/// let request = SearchRequest::from_query("filter=userName+eq+%22bjensen%22&attributes=id,emails")?;
/// assert_eq!(request.filter.as_deref(), Some("userName eq \"bjensen\""));
/// assert_eq!(request.attributes, ["id", "emails"]);
/// assert_eq!(request.to_query(), "attributes=id,emails&filter=userName%20eq%20%22bjensen%22");
/// # Ok::<(), scim2_core::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct SearchRequest {
    /// The only attributes wanted, beside those that are always returned.
    pub attributes: Vec<String>,
    /// Attributes not wanted.
    pub excluded_attributes: Vec<String>,
    /// Which resources are wanted (RFC 7644 §3.4.2.2).
    pub filter: Option<String>,
    /// The attribute that orders the results (RFC 7644 §3.4.2.3).
    pub sort_by: Option<String>,
    /// The direction of the order.
    pub sort_order: Option<SortOrder>,
    /// The first result wanted, counting from 1 (RFC 7644 §3.4.2.4). Values below 1 mean 1.
    pub start_index: Option<i64>,
    /// The most results wanted in one page. Negative values mean 0.
    pub count: Option<i64>,
    /// Where the page begins (RFC 9865 §2); empty asks for the first page by cursor.
    pub cursor: Option<String>,
}

impl SearchRequest {
    /// The largest `startIndex` that is read: the largest whole number that every reader of JSON
    /// has exactly (RFC 8259 §6).
    pub const MAX_START_INDEX: i64 = (1 << 53) - 1;

    /// A request for everything that passes a filter.
    #[must_use]
    pub fn with_filter(filter: impl ToString) -> Self {
        Self { filter: Some(filter.to_string()), ..Self::default() }
    }

    /// Reads the query string of a URL, without its `?`.
    ///
    /// It is decoded as form data: `+` is a space (ruling F35). Names of parameters are compared
    /// without case: `?Filter=` must not become a query for everything. Unknown ones are ignored
    /// (ruling H18), because service providers are called with switches such as
    /// `aadOptscim062020`. A repeated `attributes` or `excludedAttributes` is
    /// joined (ruling Q10).
    ///
    /// # Errors
    /// 400 `invalidValue` for `startIndex` or `count` that is no whole number (rulings Q01, H21),
    /// a `startIndex` over [`MAX_START_INDEX`](Self::MAX_START_INDEX),
    /// another `sortOrder` than `ascending` or `descending` (ruling Q08), `startIndex` beside
    /// `cursor` (ruling Q23), a parameter given twice, or text that is not UTF-8; 400
    /// `invalidFilter` for an empty filter (ruling F33).
    pub fn from_query(query: &str) -> Result<Self, Error> {
        Self::from_query_with(query, &Policy::strict())
    }

    /// The same under a policy, which may read an empty filter as none
    /// ([`empty_is_absent`](crate::policy::FilterPolicy::empty_is_absent)).
    ///
    /// # Errors
    /// As [`from_query`](Self::from_query).
    pub fn from_query_with(query: &str, policy: &Policy) -> Result<Self, Error> {
        let mut request = Self::default();
        for parameter in query.split('&').filter(|parameter| !parameter.is_empty()) {
            let (name, value) = parameter.split_once('=').unwrap_or((parameter, ""));
            let Some(written) = decode_form(name) else { continue };
            let known = MEMBERS.iter().find(|known| known.eq_ignore_ascii_case(&written));
            let Some(&name) = known else { continue };
            let value = || {
                decode_form(value).ok_or_else(|| {
                    Error::invalid_value(format_args!("query parameter `{name}` is not UTF-8"))
                })
            };
            match name {
                "attributes" => split_list(&value()?, &mut request.attributes),
                "excludedAttributes" => split_list(&value()?, &mut request.excluded_attributes),
                "filter" => once(&mut request.filter, name, value()?.into_owned())?,
                "sortBy" => once(&mut request.sort_by, name, value()?.into_owned())?,
                "sortOrder" => once(&mut request.sort_order, name, sort_order(&value()?)?)?,
                "startIndex" => {
                    once(&mut request.start_index, name, start_index(whole(name, &value()?)?)?)?;
                }
                "count" => once(&mut request.count, name, whole(name, &value()?)?)?,
                _ => once(&mut request.cursor, name, value()?.into_owned())?,
            }
        }
        request.check(policy)
    }

    /// Reads the body of `.search` (RFC 7644 §3.4.3). Members match without case, unknown ones
    /// are ignored (ruling Q22).
    ///
    /// # Errors
    /// 400 `invalidSyntax` when the body is not a SearchRequest message; otherwise as
    /// [`from_query`](Self::from_query).
    pub fn from_slice(body: &[u8], policy: &Policy) -> Result<Self, Error> {
        let members = crate::json::parse_object(body)?;
        if !policy.messages.schemas_optional && !lists_schema(&members) {
            return Err(Error::invalid_syntax(format_args!(
                "the body must list `{SEARCH_REQUEST_SCHEMA}` in `schemas`"
            )));
        }
        Self::from_members(&members, policy)
    }

    fn from_members(members: &Map<String, Value>, policy: &Policy) -> Result<Self, Error> {
        let mut request = Self::default();
        for (key, value) in members {
            let Some(name) = MEMBERS.iter().find(|name| name.eq_ignore_ascii_case(key)) else {
                continue;
            };
            if value.is_null() {
                continue;
            }
            match *name {
                "attributes" => list(name, value, policy, &mut request.attributes)?,
                "excludedAttributes" => {
                    list(name, value, policy, &mut request.excluded_attributes)?;
                }
                "filter" => request.filter = Some(text(name, value)?.to_owned()),
                "sortBy" => request.sort_by = Some(text(name, value)?.to_owned()),
                "sortOrder" => request.sort_order = Some(sort_order(text(name, value)?)?),
                "startIndex" => {
                    request.start_index = Some(start_index(number(name, value, policy)?)?);
                }
                "count" => request.count = Some(number(name, value, policy)?),
                _ => request.cursor = Some(text(name, value)?.to_owned()),
            }
        }
        request.check(policy)
    }

    /// What neither form may say.
    fn check(mut self, policy: &Policy) -> Result<Self, Error> {
        if self.filter.as_deref().is_some_and(|filter| filter.trim().is_empty()) {
            if !policy.filter.empty_is_absent {
                return Err(Error::invalid_filter(
                    "`filter` is empty; to ask for everything, leave it out",
                ));
            }
            self.filter = None;
        }
        if self.cursor.is_some() && self.start_index.is_some() {
            return Err(Error::invalid_value("`cursor` and `startIndex` exclude each other"));
        }
        Ok(self)
    }

    /// The query string of a GET, without `?`. A space is `%20` and a plus sign `%2B`, which every
    /// decoder reads alike (ruling F35).
    #[must_use]
    pub fn to_query(&self) -> String {
        let mut query = String::new();
        let mut add = |name: &str, value: &str| {
            if !query.is_empty() {
                query.push('&');
            }
            query.push_str(name);
            if !value.is_empty() {
                query.push('=');
                encode(value, &mut query);
            }
        };
        if !self.attributes.is_empty() {
            add("attributes", &self.attributes.join(","));
        }
        if !self.excluded_attributes.is_empty() {
            add("excludedAttributes", &self.excluded_attributes.join(","));
        }
        if let Some(filter) = &self.filter {
            add("filter", filter);
        }
        if let Some(sort_by) = &self.sort_by {
            add("sortBy", sort_by);
        }
        if let Some(sort_order) = self.sort_order {
            add("sortOrder", keyword(sort_order));
        }
        if let Some(start_index) = self.start_index {
            add("startIndex", &start_index.to_string());
        }
        if let Some(count) = self.count {
            add("count", &count.to_string());
        }
        if let Some(cursor) = &self.cursor {
            // AWS IAM Identity Center documents the first request with a bare `cursor`.
            add("cursor", cursor);
        }
        query
    }
}

/// The form of the `.search` body.
impl Serialize for SearchRequest {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut members = serializer.serialize_map(None)?;
        members.serialize_entry("schemas", &[SEARCH_REQUEST_SCHEMA])?;
        if !self.attributes.is_empty() {
            members.serialize_entry("attributes", &self.attributes)?;
        }
        if !self.excluded_attributes.is_empty() {
            members.serialize_entry("excludedAttributes", &self.excluded_attributes)?;
        }
        if let Some(filter) = &self.filter {
            members.serialize_entry("filter", filter)?;
        }
        if let Some(sort_by) = &self.sort_by {
            members.serialize_entry("sortBy", sort_by)?;
        }
        if let Some(sort_order) = self.sort_order {
            members.serialize_entry("sortOrder", keyword(sort_order))?;
        }
        if let Some(start_index) = self.start_index {
            members.serialize_entry("startIndex", &start_index)?;
        }
        if let Some(count) = self.count {
            members.serialize_entry("count", &count)?;
        }
        if let Some(cursor) = &self.cursor {
            members.serialize_entry("cursor", cursor)?;
        }
        members.end()
    }
}

/// Forgiving, for logs and tests. A service provider reads with
/// [`from_slice`](SearchRequest::from_slice).
impl<'de> Deserialize<'de> for SearchRequest {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let members = Map::<String, Value>::deserialize(deserializer)?;
        Self::from_members(&members, &Policy::lenient()).map_err(de::Error::custom)
    }
}

const MEMBERS: [&str; 8] = [
    "attributes",
    "excludedAttributes",
    "filter",
    "sortBy",
    "sortOrder",
    "startIndex",
    "count",
    "cursor",
];

fn lists_schema(members: &Map<String, Value>) -> bool {
    members
        .iter()
        .filter(|(key, _)| key.eq_ignore_ascii_case("schemas"))
        .filter_map(|(_, value)| value.as_array())
        .flatten()
        .filter_map(Value::as_str)
        .any(|urn| urn.eq_ignore_ascii_case(SEARCH_REQUEST_SCHEMA))
}

fn once<T>(slot: &mut Option<T>, name: &str, value: T) -> Result<(), Error> {
    match slot.replace(value) {
        None => Ok(()),
        Some(_) => {
            Err(Error::invalid_value(format_args!("query parameter `{name}` is given twice")))
        }
    }
}

/// White space around commas and empty elements do not count (ruling Q10).
fn split_list(text: &str, names: &mut Vec<String>) {
    names.extend(text.split(',').map(str::trim).filter(|name| !name.is_empty()).map(str::to_owned));
}

fn sort_order(text: &str) -> Result<SortOrder, Error> {
    if text.eq_ignore_ascii_case("ascending") {
        Ok(SortOrder::Ascending)
    } else if text.eq_ignore_ascii_case("descending") {
        Ok(SortOrder::Descending)
    } else {
        Err(Error::invalid_value("`sortOrder` must be `ascending` or `descending`"))
    }
}

fn keyword(sort_order: SortOrder) -> &'static str {
    match sort_order {
        SortOrder::Ascending => "ascending",
        SortOrder::Descending => "descending",
    }
}

/// A list repeats the `startIndex` that was asked for (ruling Q01), so one that it could not
/// repeat is refused.
fn start_index(number: i64) -> Result<i64, Error> {
    let most = SearchRequest::MAX_START_INDEX;
    if number > most {
        return Err(Error::invalid_value(format_args!("`startIndex` must be at most {most}")));
    }
    Ok(number)
}

/// A whole number of any length; beyond 64 bits it is as good as the largest.
fn whole(name: &str, text: &str) -> Result<i64, Error> {
    let digits = text.strip_prefix('-').unwrap_or(text);
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(Error::invalid_value(format_args!("`{name}` must be a whole number")));
    }
    let beyond = if text.starts_with('-') { i64::MIN } else { i64::MAX };
    Ok(text.parse().unwrap_or(beyond))
}

fn number(name: &str, value: &Value, policy: &Policy) -> Result<i64, Error> {
    match value {
        Value::Number(number) => whole(name, &number.to_string()),
        Value::String(text) if policy.values.coerce_scalars => whole(name, text),
        _ => Err(Error::invalid_value(format_args!("`{name}` must be a whole number"))),
    }
}

fn text<'a>(name: &str, value: &'a Value) -> Result<&'a str, Error> {
    value.as_str().ok_or_else(|| Error::invalid_value(format_args!("`{name}` must be a string")))
}

fn list(name: &str, value: &Value, policy: &Policy, names: &mut Vec<String>) -> Result<(), Error> {
    match value {
        Value::Array(elements) => {
            for element in elements {
                names.push(text(name, element)?.trim().to_owned());
            }
            names.retain(|name| !name.is_empty());
            Ok(())
        }
        Value::String(text) if policy.messages.string_lists => {
            split_list(text, names);
            Ok(())
        }
        _ => Err(Error::invalid_value(format_args!("`{name}` must be an array of strings"))),
    }
}

/// Writes everything but RFC 3986's unreserved characters, commas and colons as bytes in
/// hexadecimal.
fn encode(text: &str, query: &mut String) {
    for byte in text.bytes() {
        let plain = byte.is_ascii_alphanumeric() || b"-._~,:".contains(&byte);
        if plain {
            query.push(char::from(byte));
        } else {
            query.push('%');
            for half in [byte >> 4, byte & 0xF] {
                let digit = char::from_digit(u32::from(half), 16).unwrap_or('0');
                query.push(digit.to_ascii_uppercase());
            }
        }
    }
}
