//! Requests: read, checked against the schemas, and applied to a resource, as a service provider
//! without any data would.

use scim2_core::bulk::BulkRequest;
use scim2_core::patch_op::PatchOp;
use scim2_core::project::parse_list_with;
use scim2_core::search::SearchRequest;
use scim2_core::syntax::{AttrPath, Filter};
use scim2_core::{Error, Policy, Resource, ResourceType};
use serde_json::{Map, Value, json};

use super::case::{Case, Mismatch, malformed, mismatch};

/// A request as vectors write it.
pub(super) struct Request<'a> {
    method: &'a str,
    pub(super) place: Place<'a>,
    query: String,
    body: Option<String>,
    /// What the resource has that the request is about.
    given: Option<&'a Map<String, Value>>,
}

/// What a path leads to.
pub(super) struct Place<'a> {
    /// The endpoint's name, such as `Users`.
    pub(super) endpoint: &'a str,
    /// What stands behind it: an id, a name, `.search`.
    pub(super) rest: &'a str,
}

const ENDPOINTS: [&str; 8] = [
    "Users",
    "Groups",
    "Schemas",
    "ResourceTypes",
    "ServiceProviderConfig",
    "Bulk",
    "Me",
    ".search",
];

impl<'a> Place<'a> {
    /// The endpoint in a path, behind whatever base URL. None if it is not one of the RFC's.
    pub(super) fn of(path: &'a str) -> Option<Self> {
        let path = path.split('?').next().unwrap_or(path);
        let mut found = None;
        let mut at = 0;
        for segment in path.split('/') {
            let end = at + segment.len();
            // The last one counts: a base URL may have a `groups` of its own.
            if let Some(endpoint) = ENDPOINTS.into_iter().find(|endpoint| *endpoint == segment)
                && found.is_none_or(|(name, _)| name != ".search")
                && (endpoint != ".search" || found.is_none())
            {
                found = Some((endpoint, path.get(end..).unwrap_or_default()));
            }
            at = end + 1;
        }
        found.map(|(endpoint, rest)| Place { endpoint, rest: rest.trim_matches('/') })
    }

    pub(super) fn resource_type(&self) -> Option<ResourceType> {
        match self.endpoint {
            "Users" => Some(ResourceType::user()),
            "Groups" => Some(ResourceType::group()),
            _ => None,
        }
    }
}

impl<'a> Request<'a> {
    pub(super) fn of(case: &'a Case) -> Result<Self, Mismatch> {
        let (Some(method), Some(path)) = (text(case, "method"), text(case, "path")) else {
            return Err(malformed("`method` and `path`"));
        };
        let place = Place::of(path).ok_or_else(|| malformed("a path to an endpoint"))?;
        let query = match case.get("query").and_then(Value::as_object) {
            Some(parameters) => {
                let pairs = parameters.iter().map(|(name, value)| {
                    let value = value.as_str().map_or_else(|| value.to_string(), filled_in);
                    format!("{name}={}", encoded(&value))
                });
                pairs.collect::<Vec<_>>().join("&")
            }
            None => path.split_once('?').map_or_else(String::new, |(_, query)| {
                let safe =
                    |c: char| if is_safe(c) { c.to_string() } else { encoded(&c.to_string()) };
                filled_in(query).chars().map(safe).collect()
            }),
        };
        let body = match (case.get("body"), text(case, "body_raw")) {
            (Some(body), _) if !body.is_null() => Some(filled_in(&body.to_string())),
            (_, raw) => raw.map(str::to_owned),
        };
        Ok(Self { method, place, query, body, given: case.get("given").and_then(Value::as_object) })
    }

    /// What a service provider makes of the request: the resource afterwards, if it is about one.
    pub(super) fn apply(&self, policy: &Policy) -> Result<Option<Resource>, Error> {
        let body = self.body.as_deref().unwrap_or_default().as_bytes();
        let place = &self.place;
        if place.endpoint == "Bulk" {
            let request = BulkRequest::from_slice(body, policy)?;
            return request
                .operations
                .iter()
                .try_for_each(|operation| operation.check())
                .map(|()| None);
        }
        if place.endpoint == ".search" || place.rest == ".search" {
            let request = SearchRequest::from_slice(body, policy)?;
            let ty = place.resource_type();
            return search(ty.as_ref(), &request, policy).map(|()| None);
        }
        let Some(ty) = place.resource_type() else { return Ok(None) };
        let request = SearchRequest::from_query_with(&self.query, policy)?;
        search(Some(&ty), &request, policy)?;
        match self.method {
            "POST" => {
                let resource = ty.ingest(body, policy)?;
                ty.validate_new(resource, policy).map(|valid| Some(valid.into_inner()))
            }
            "PUT" => {
                let before = self.before(&ty);
                let after = ty.ingest(body, policy)?;
                ty.validate_replace(&before, after, policy).map(|valid| Some(valid.into_inner()))
            }
            "PATCH" => {
                let mut resource = self.before(&ty);
                let op = PatchOp::from_slice(body, policy)?;
                ty.patch(&mut resource, &op, policy)?;
                Ok(Some(resource))
            }
            _ => Ok(None),
        }
    }

    /// The resource that is changed: what the case gives, or one that has something of everything.
    fn before(&self, ty: &ResourceType) -> Resource {
        let value = if ty.name() == "Group" {
            json!({ "displayName": "seed" })
        } else if self.given.is_some() {
            json!({ "userName": "seed" })
        } else {
            json!({
                "userName": "seed",
                "emails": [{ "type": "work", "value": "seed@example.com" }],
                "addresses": [{ "type": "work", "streetAddress": "911 Universal City Plaza" }],
            })
        };
        let mut before = Map::new();
        before.insert("schemas".to_owned(), json!([ty.schema().id.as_str()]));
        before.insert("id".to_owned(), self.place.rest.into());
        before.extend(value.as_object().into_iter().flatten().map(|(k, v)| (k.clone(), v.clone())));
        before.extend(self.given.into_iter().flatten().map(|(k, v)| (k.clone(), v.clone())));
        super::open::resource(ty, &Value::Object(before))
    }
}

fn search(
    ty: Option<&ResourceType>,
    request: &SearchRequest,
    policy: &Policy,
) -> Result<(), Error> {
    let filter = match &request.filter {
        Some(text) => Some(Filter::parse_with(text, &policy.syntax)?),
        None => None,
    };
    let [attributes, excluded] = [&request.attributes, &request.excluded_attributes]
        .map(|names| parse_list_with(&names.join(","), policy));
    let (attributes, excluded) = (attributes?, excluded?);
    let sort_by = match &request.sort_by {
        Some(text) => Some(text.parse::<AttrPath>().map_err(Error::invalid_value)?),
        None => None,
    };
    let user_and_group = [ResourceType::user(), ResourceType::group()];
    let types = ty.map_or(&user_and_group[..], std::slice::from_ref);
    // A search over all types must make sense for one of them (ruling F10).
    let results = types.iter().map(|ty| {
        if let Some(filter) = &filter {
            ty.bind(filter, policy)?;
        }
        if let Some(sort_by) = &sort_by {
            ty.bind_sort(sort_by, request.sort_order.unwrap_or_default(), policy)?;
        }
        ty.projection(&attributes, &excluded, policy).map(|_| ())
    });
    let results: Vec<Result<(), Error>> = results.collect();
    match results.iter().any(Result::is_ok) {
        true => Ok(()),
        false => results.into_iter().collect(),
    }
}

/// What a vector expects of the answer, as far as it can be told without data.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Expected {
    Success,
    BadRequest,
    /// It depends on what is stored, or on a limit.
    Anything,
}

impl Expected {
    pub(super) fn of(statuses: &[u64]) -> Self {
        let succeeds = |status: &u64| (200..300).contains(status);
        if statuses.iter().all(succeeds) {
            Self::Success
        } else if statuses == [400] {
            Self::BadRequest
        } else {
            Self::Anything
        }
    }

    /// Checks the outcome of [`Request::apply`].
    pub(super) fn check(
        self,
        outcome: Result<Option<Resource>, Error>,
    ) -> Result<Option<Resource>, Mismatch> {
        match (self, outcome) {
            (Self::Success | Self::Anything, Ok(after)) => Ok(after),
            (Self::BadRequest | Self::Anything, Err(_)) => Ok(None),
            (Self::Success, Err(error)) => Err(mismatch("success", error)),
            (Self::BadRequest, Ok(_)) => Err(mismatch("400", "success")),
        }
    }
}

pub(super) fn text<'a>(case: &'a Case, name: &str) -> Option<&'a str> {
    case.get(name).and_then(Value::as_str)
}

/// What the senders of some captures put in the place of these names.
const PLACEHOLDERS: [(&str, &str); 3] = [
    ("{{lastWatermark}}", "2026-01-01T00:00:00Z"),
    ("{{currentTime}}", "2027-01-01T00:00:00Z"),
    ("{$user.active}", "true"),
];

fn filled_in(text: &str) -> String {
    PLACEHOLDERS.iter().fold(text.to_owned(), |text, (name, value)| text.replace(name, value))
}

fn is_safe(c: char) -> bool {
    c.is_ascii_graphic() && !matches!(c, '"' | '<' | '>' | '\\' | '^' | '`' | '{' | '|' | '}')
}

fn encoded(value: &str) -> String {
    value
        .bytes()
        .map(|byte| match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                char::from(byte).to_string()
            }
            byte => format!("%{byte:02X}"),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_found_behind_any_base() {
        for (path, endpoint, rest) in [
            ("/Users", "Users", ""),
            ("/scim/v2/Users/1?attributes=id", "Users", "1"),
            ("/t/scim/v2//Users", "Users", ""),
            ("/api/scim/v2/groups/test_group/Users/f0", "Users", "f0"),
            ("/Users/.search", "Users", ".search"),
            ("/.search", ".search", ""),
            ("/Schemas/urn:a:b", "Schemas", "urn:a:b"),
        ] {
            let place = Place::of(path).map(|place| (place.endpoint, place.rest));
            assert_eq!(place, Some((endpoint, rest)), "{path}");
        }
        assert!(Place::of("/Licenses").is_none());
    }
}
