//! Which operation a path and a method name (RFC 7644 §3.2, Table 2).

use std::borrow::Cow;

use http::Method;
use percent_encoding::percent_decode_str;
use scim2_core::resource::ResourceId;
use scim2_core::{Catalog, ResourceType};

use crate::auth::Verb;
use crate::config::Offer;

/// The most bytes that a path may have.
const MAX_PATH: usize = 4096;

/// What a path names, once its segments are decoded.
///
/// It is parsed once; authentication and dispatch both go by it, so no spelling of a path can
/// reach one without the other.
#[derive(Clone, Debug)]
pub(crate) enum Route<'a> {
    Root,
    ServiceProviderConfig,
    Schemas,
    Schema(String),
    ResourceTypes,
    ResourceType(String),
    Me,
    Bulk,
    RootSearch,
    Endpoint(&'a ResourceType),
    Search(&'a ResourceType),
    Resource(&'a ResourceType, ResourceId),
    Unknown,
}

/// First segments that are not for resource types.
pub(crate) const RESERVED: [&str; 6] =
    ["ServiceProviderConfig", "Schemas", "ResourceTypes", "Me", "Bulk", ".search"];

impl<'a> Route<'a> {
    /// Reads a path relative to the base URL.
    ///
    /// Endpoints are matched exactly; one slash at the end is as good as none (ruling H15). A
    /// segment that is empty, or decodes to no UTF-8, to a dot segment or to something with a
    /// slash or a control character in it, names nothing.
    pub(crate) fn parse(path: &str, catalog: &'a Catalog, plural_alias: Offer) -> Self {
        if path.len() > MAX_PATH {
            return Self::Unknown;
        }
        let path = path.strip_prefix('/').unwrap_or(path);
        let path = path.strip_suffix('/').unwrap_or(path);
        if path.is_empty() {
            return Self::Root;
        }
        let Some(segments) = path.split('/').map(segment).collect::<Option<Vec<_>>>() else {
            return Self::Unknown;
        };
        let segments: Vec<&str> = segments.iter().map(|segment| &**segment).collect();
        match *segments.as_slice() {
            ["ServiceProviderConfig"] => Self::ServiceProviderConfig,
            ["ServiceProviderConfigs"] if plural_alias == Offer::Yes => Self::ServiceProviderConfig,
            ["Schemas"] => Self::Schemas,
            ["Schemas", id] => Self::Schema(id.to_owned()),
            ["ResourceTypes"] => Self::ResourceTypes,
            ["ResourceTypes", name] => Self::ResourceType(name.to_owned()),
            ["Me"] => Self::Me,
            ["Bulk"] => Self::Bulk,
            [".search"] => Self::RootSearch,
            _ => {
                catalog.iter().find_map(|ty| Self::of_type(ty, &segments)).unwrap_or(Self::Unknown)
            }
        }
    }

    fn of_type(ty: &'a ResourceType, segments: &[&str]) -> Option<Self> {
        let endpoint = ty.endpoint().split('/').filter(|segment| !segment.is_empty());
        let mut rest = segments.iter();
        for expected in endpoint {
            rest.next().filter(|segment| **segment == expected)?;
        }
        match *rest.as_slice() {
            [] => Some(Self::Endpoint(ty)),
            [".search"] => Some(Self::Search(ty)),
            [id] => Some(Self::Resource(ty, ResourceId::from(id))),
            _ => None,
        }
    }

    /// The path for logs: without identifiers.
    pub(crate) fn template(&self) -> Cow<'static, str> {
        match self {
            Self::Root => "/".into(),
            Self::ServiceProviderConfig => "/ServiceProviderConfig".into(),
            Self::Schemas => "/Schemas".into(),
            Self::Schema(_) => "/Schemas/{id}".into(),
            Self::ResourceTypes => "/ResourceTypes".into(),
            Self::ResourceType(_) => "/ResourceTypes/{name}".into(),
            Self::Me => "/Me".into(),
            Self::Bulk => "/Bulk".into(),
            Self::RootSearch => "/.search".into(),
            Self::Endpoint(ty) => ty.endpoint().to_owned().into(),
            Self::Search(ty) => format!("{}/.search", ty.endpoint()).into(),
            Self::Resource(ty, _) => format!("{}/{{id}}", ty.endpoint()).into(),
            Self::Unknown => "unknown".into(),
        }
    }

    /// Whether this is one of the endpoints by which clients find out what they talk to (RFC 7644
    /// §4).
    pub(crate) fn is_discovery(&self) -> bool {
        matches!(
            self,
            Self::ServiceProviderConfig
                | Self::Schemas
                | Self::Schema(_)
                | Self::ResourceTypes
                | Self::ResourceType(_)
        )
    }

    /// What a method does to resources here, if it is known and does anything.
    pub(crate) fn operation(&self, method: &Method) -> Option<(&'a ResourceType, Verb)> {
        let (ty, verb) = match (self, method) {
            (Self::Endpoint(ty), &Method::POST) => (ty, Verb::Create),
            (Self::Endpoint(ty), &Method::GET | &Method::HEAD) => (ty, Verb::Query),
            (Self::Search(ty), &Method::POST) => (ty, Verb::Query),
            (Self::Resource(ty, _), &Method::GET | &Method::HEAD) => (ty, Verb::Read),
            (Self::Resource(ty, _), &Method::PUT) => (ty, Verb::Replace),
            (Self::Resource(ty, _), &Method::PATCH) => (ty, Verb::Patch),
            (Self::Resource(ty, _), &Method::DELETE) => (ty, Verb::Delete),
            _ => return None,
        };
        Some((ty, verb))
    }

    /// The type of the resources that it is about, if it is about one type.
    pub(crate) fn resource_type(&self) -> Option<&'a ResourceType> {
        match self {
            Self::Endpoint(ty) | Self::Search(ty) | Self::Resource(ty, _) => Some(ty),
            _ => None,
        }
    }

    /// The methods that are defined here, for `Allow`.
    pub(crate) fn methods(&self) -> &'static [Method] {
        const GET: &[Method] = &[Method::GET, Method::HEAD];
        const POST: &[Method] = &[Method::POST];
        const ENDPOINT: &[Method] = &[Method::GET, Method::HEAD, Method::POST];
        const RESOURCE: &[Method] =
            &[Method::GET, Method::HEAD, Method::PUT, Method::PATCH, Method::DELETE];
        const ME: &[Method] =
            &[Method::GET, Method::HEAD, Method::POST, Method::PUT, Method::PATCH, Method::DELETE];
        match self {
            Self::ServiceProviderConfig
            | Self::Schemas
            | Self::Schema(_)
            | Self::ResourceTypes
            | Self::ResourceType(_)
            | Self::Root => GET,
            Self::Bulk | Self::RootSearch | Self::Search(_) => POST,
            Self::Me => ME,
            Self::Endpoint(_) => ENDPOINT,
            Self::Resource(..) => RESOURCE,
            Self::Unknown => &[],
        }
    }
}

/// One decoded segment, if it can be part of a name.
fn segment(text: &str) -> Option<Cow<'_, str>> {
    let decoded = percent_decode_str(text).decode_utf8().ok()?;
    let plain = !decoded.is_empty()
        && !matches!(&*decoded, "." | "..")
        && !decoded.chars().any(|c| matches!(c, '/' | '\\') || c.is_control());
    plain.then_some(decoded)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(path: &str, expected: &str) {
        let catalog = Catalog::standard();
        assert_eq!(Route::parse(path, &catalog, Offer::No).template(), expected, "{path}");
    }

    #[test]
    fn h15_paths_are_exact_but_for_one_slash_at_the_end() {
        check("/Users", "/Users");
        check("/Users/", "/Users");
        check("/Users//", "unknown");
        check("//Users", "unknown");
        check("/users", "unknown");
        check("/Users/2819c223/", "/Users/{id}");
        check("/Users/2819c223.scim/x", "unknown");
        check("", "/");
        check("/", "/");
        check("/Users/.search", "/Users/.search");
        check("/Users/1/.search", "unknown");
    }

    #[test]
    fn h15_ids_are_decoded_and_never_hold_a_slash() {
        check("/Users/a%20b", "/Users/{id}");
        check("/Users/a%2Fb", "unknown");
        check("/Users/%2e%2E", "unknown");
        check("/Users/..", "unknown");
        check("/Users/%00", "unknown");
        check("/Users/%ff", "unknown");
        check("/%55sers/1", "/Users/{id}");
        let catalog = Catalog::standard();
        let Route::Resource(_, id) = Route::parse("/Users/a%20b", &catalog, Offer::No) else {
            panic!()
        };
        assert_eq!(id.as_str(), "a b");
    }

    #[test]
    fn h16_schema_ids_take_raw_and_encoded_colons() {
        let catalog = Catalog::standard();
        for path in ["/Schemas/urn:a:b", "/Schemas/urn%3Aa%3Ab"] {
            let Route::Schema(id) = Route::parse(path, &catalog, Offer::No) else {
                panic!("{path}")
            };
            assert_eq!(id, "urn:a:b");
        }
    }
}
