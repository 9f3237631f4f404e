//! What one endpoint demands beyond the RFCs.
//!
//! Real service providers have limits that no RFC prints: AWS IAM Identity Center takes one value
//! per multi-valued attribute, never shows a group's members, and has an error body of its own.
//! [`EndpointRules`] is where a service provider asks for them. `scim2-vendor` has the rules of
//! real products; an application may write its own, such as a ban on certain user names.

use std::fmt;

use chrono::{DateTime, Utc};
use serde_json::{Map, Value};

use crate::catalog::ResourceType;
use crate::config::ServiceProviderConfig;
use crate::error::Error;
use crate::patch_op::PatchOp;
use crate::resource::Resource;
use crate::search::SearchRequest;
use crate::syntax::Filter;

/// Checks and changes that an endpoint adds to the protocol. Every method has a default that adds
/// nothing.
///
/// The checks run after the ones of the schema: what they see is well formed.
pub trait EndpointRules: fmt::Debug + Send + Sync {
    /// Values for attributes that the body of a POST or PUT does not name, such as `active`
    /// (RFC 7644 §3.3 and §3.5.1).
    fn defaults(&self, _: &ResourceType) -> Resource {
        Resource::new()
    }

    /// Refuses a resource that is about to be created.
    ///
    /// # Errors
    /// What the client is answered.
    fn check_create(&self, _: &ResourceType, _: &Resource) -> Result<(), Error> {
        Ok(())
    }

    /// Refuses a resource that is about to be replaced, or PUT as a whole.
    ///
    /// # Errors
    /// What the client is answered.
    fn check_replace(&self, _: &ResourceType, _: &Resource) -> Result<(), Error> {
        Ok(())
    }

    /// Refuses a PATCH by its form.
    ///
    /// # Errors
    /// What the client is answered.
    fn check_patch(&self, _: &ResourceType, _: &PatchOp) -> Result<(), Error> {
        Ok(())
    }

    /// Refuses a PATCH by what it would leave behind. The resource is shown without its members and
    /// without what only the service provider writes.
    ///
    /// # Errors
    /// What the client is answered.
    fn check_patched(&self, _: &ResourceType, _: &Resource) -> Result<(), Error> {
        Ok(())
    }

    /// Refuses a query.
    ///
    /// # Errors
    /// What the client is answered.
    fn check_query(
        &self,
        _: &ResourceType,
        _: &SearchRequest,
        _: Option<&Filter>,
    ) -> Result<(), Error> {
        Ok(())
    }

    /// Refuses POST to `.search` as a whole, where queries are for GET alone.
    ///
    /// # Errors
    /// What the client is answered.
    fn check_search(&self, _: &ResourceType) -> Result<(), Error> {
        Ok(())
    }

    /// Resources that a filter names and that must be there: the names of their types, and their
    /// ids. Without one of them the query is 404. AWS IAM Identity Center wants it of members.
    fn must_exist<'f>(&self, _: &ResourceType, _: &'f Filter) -> Vec<(&'static str, &'f str)> {
        Vec::new()
    }

    /// Has the last word on the error for what the protocol has and the endpoint does not offer,
    /// such as bulk requests: 501, unless it is another here.
    fn not_offered(&self, error: Error) -> Error {
        error
    }

    /// Has the last word on what an answer shows of a resource.
    fn representation(&self, _: &ResourceType, _: &mut Resource) {}

    /// Whether [`representation`](Self::representation) does anything. Where it does not, whole
    /// resources leave as the text in which a store keeps them.
    fn shown(&self) -> Shown {
        Shown::Adjusted
    }

    /// Adjusts what the endpoint says of itself.
    fn service_provider_config(&self, _: &mut ServiceProviderConfig) {}

    /// Another wire form for an error. None is the form of RFC 7644 §3.12.
    fn error_body(
        &self,
        _: &Error,
        _request_id: &str,
        _now: DateTime<Utc>,
    ) -> Option<Map<String, Value>> {
        None
    }

    /// What a successful PATCH is answered (RFC 7644 §3.5.2 allows both).
    fn patch_answer(&self, _: &ResourceType) -> PatchAnswer {
        PatchAnswer::Resource
    }

    /// The largest page, if it is smaller than the service provider's own.
    fn max_results(&self) -> Option<u64> {
        None
    }

    /// How a list that was not asked for by cursor is paged.
    fn index_paging(&self) -> IndexPaging {
        IndexPaging::Full
    }

    /// The media type of answers.
    fn media_type(&self) -> &'static str {
        "application/scim+json"
    }

    /// The header that carries the request's id in answers.
    fn request_id_header(&self) -> &'static str {
        "x-request-id"
    }
}

/// Whether an endpoint's rules change what is shown of resources.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "they do or they do not")]
pub enum Shown {
    /// Resources are shown as they are.
    AsTheyAre,
    /// They may be changed first.
    Adjusted,
}

/// What a successful PATCH is answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "RFC 7644 §3.5.2 knows these two")]
pub enum PatchAnswer {
    /// 200 and the resource.
    Resource,
    /// 204, unless the request names `attributes`.
    NoContent,
}

/// How a list that was not asked for by cursor is paged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum IndexPaging {
    /// By `startIndex` and `count`, with the true total.
    Full,
    /// The first page only, and a `totalResults` that counts no further (AWS IAM Identity Center).
    FirstPageOnly,
}

/// No rules beyond the RFCs.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoRules;

impl EndpointRules for NoRules {
    fn shown(&self) -> Shown {
        Shown::AsTheyAre
    }
}
