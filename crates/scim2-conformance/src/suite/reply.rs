use http::{HeaderMap, StatusCode};
use serde_json::Value;

use super::session::{Stop, Verdict};

/// An answer, and what can be expected of it.
#[derive(Clone, Debug)]
pub(super) struct Reply {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    /// Null without a body, or with one that is no JSON.
    pub(super) body: Value,
    pub(super) text: String,
}

/// The URN of error messages (RFC 7644 §3.12).
pub(super) const ERROR: &str = "urn:ietf:params:scim:api:messages:2.0:Error";
/// The URN of lists (RFC 7644 §3.4.2).
pub(super) const LIST: &str = "urn:ietf:params:scim:api:messages:2.0:ListResponse";

impl Reply {
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// The value at a JSON pointer; null where there is none.
    pub(super) fn at(&self, pointer: &str) -> &Value {
        self.body.pointer(pointer).unwrap_or(&Value::Null)
    }

    pub(super) fn text_at(&self, pointer: &str) -> Result<&str, Stop> {
        self.at(pointer).as_str().ok_or_else(|| {
            Stop::fail(format!("`{pointer}` should be a string and is {}", self.at(pointer)))
        })
    }

    pub(super) fn id(&self) -> Result<&str, Stop> {
        self.text_at("/id")
    }

    /// One of these statuses, and a JSON body of the right media type if there is a body.
    pub(super) fn is(&self, allowed: &[u16]) -> Result<&Self, Stop> {
        if !allowed.contains(&self.status.as_u16()) {
            let allowed = allowed.iter().map(u16::to_string).collect::<Vec<_>>().join(" or ");
            return Err(Stop::fail(format!(
                "expected status {allowed}, found {}",
                self.status.as_u16()
            )));
        }
        if self.text.is_empty() {
            return Ok(self);
        }
        let media_type = self.header("content-type").unwrap_or("none");
        let essence = media_type.split(';').next().unwrap_or_default().trim();
        if !essence.eq_ignore_ascii_case("application/scim+json") {
            return Err(Stop::fail(format!(
                "expected Content-Type `application/scim+json` (RFC 7644 §8.1), found `{media_type}`"
            )));
        }
        if !self.body.is_object() {
            return Err(Stop::fail("the body is no JSON object".to_owned()));
        }
        Ok(self)
    }

    /// The value at a JSON pointer is this one; null means that there is none.
    pub(super) fn has(&self, pointer: &str, expected: &Value) -> Verdict {
        let found = self.at(pointer);
        if same(found, expected) {
            return Ok(());
        }
        Err(Stop::fail(format!("`{pointer}` should be {expected} and is {found}")))
    }

    /// An error message of RFC 7644 §3.12 with this status.
    pub(super) fn is_error(&self, status: u16) -> Verdict {
        self.is_one_of_errors(&[status])
    }

    pub(super) fn is_one_of_errors(&self, allowed: &[u16]) -> Verdict {
        self.is(allowed)?;
        let status = self.status.as_u16();
        if self.text.is_empty() {
            return Err(Stop::fail(format!("the answer of status {status} has no body")));
        }
        if !strings(self.at("/schemas")).any(|urn| urn == ERROR) {
            return Err(Stop::fail(format!(
                "`schemas` of an error should have `{ERROR}` and is {}",
                self.at("/schemas")
            )));
        }
        self.has("/status", &Value::from(status.to_string()))
    }

    /// An error of status 400 whose `scimType`, if it has one, is this.
    pub(super) fn is_bad_request(&self, scim_type: &str) -> Verdict {
        self.is_error(400)?;
        match self.at("/scimType") {
            Value::Null => Ok(()),
            found if found == scim_type => Ok(()),
            found => {
                Err(Stop::fail(format!("`scimType` should be \"{scim_type}\" and is {found}")))
            }
        }
    }

    /// A list (RFC 7644 §3.4.2) whose counts are numbers, and its resources.
    pub(super) fn list(&self) -> Result<&[Value], Stop> {
        self.is(&[200])?;
        if !strings(self.at("/schemas")).any(|urn| urn == LIST) {
            return Err(Stop::fail(format!(
                "`schemas` of a list should have `{LIST}` and is {}",
                self.at("/schemas")
            )));
        }
        for name in ["/totalResults", "/startIndex", "/itemsPerPage"] {
            let value = self.at(name);
            if !value.is_null() && !value.is_u64() {
                return Err(Stop::fail(format!("`{name}` should be a number and is {value}")));
            }
        }
        match self.at("/Resources") {
            Value::Array(resources) => Ok(resources),
            Value::Null => Ok(&[]),
            found => Err(Stop::fail(format!("`Resources` should be an array and is {found}"))),
        }
    }

    /// The ids of a list's resources.
    pub(super) fn ids(&self) -> Result<Vec<String>, Stop> {
        self.list()?
            .iter()
            .map(|resource| match resource.get("id").and_then(Value::as_str) {
                Some(id) => Ok(id.to_owned()),
                None => Err(Stop::fail(format!("a resource of the list has no `id`: {resource}"))),
            })
            .collect()
    }

    /// The number of results over all pages.
    pub(super) fn total(&self) -> Result<u64, Stop> {
        self.list()?;
        self.at("/totalResults").as_u64().ok_or_else(|| {
            Stop::fail(format!(
                "`totalResults` should be a number and is {}",
                self.at("/totalResults")
            ))
        })
    }
}

/// The strings of an array.
pub(super) fn strings(value: &Value) -> impl Iterator<Item = &str> {
    value.as_array().into_iter().flatten().filter_map(Value::as_str)
}

/// Equality in which an absent value, an empty array and null are the same (RFC 7643 §2.5).
fn same(found: &Value, expected: &Value) -> bool {
    let unassigned = |value: &Value| match value {
        Value::Null => true,
        Value::Array(elements) => elements.is_empty(),
        Value::Object(members) => members.is_empty(),
        _ => false,
    };
    found == expected || (unassigned(found) && unassigned(expected))
}
