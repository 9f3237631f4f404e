//! Documents: read as what they are, and written again without loss.

use scim2_core::bulk::{BulkRequest, BulkResponse};
use scim2_core::config::ServiceProviderConfig;
use scim2_core::discovery::ResourceTypeDescription;
use scim2_core::list::ListResponse;
use scim2_core::patch_op::PatchOp;
use scim2_core::search::SearchRequest;
use scim2_core::{Error, Group, Policy, Resource, Schema, User};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::case::{Mismatch, mismatch, same};
use super::request::Place;

/// What a document is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    User,
    Group,
    Schema,
    ResourceType,
    Config,
    /// A list of these; of resources of any type, if nothing else is known.
    List(Option<ListOf>),
    Error,
    PatchOp,
    Search,
    BulkRequest,
    BulkResponse,
    /// One result of a bulk response.
    BulkResult,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ListOf {
    Users,
    Groups,
    Schemas,
    ResourceTypes,
}

impl Kind {
    /// What the document's `schemas` say, or its members.
    pub(super) fn of(document: &Value) -> Option<Self> {
        let members = document.as_object()?;
        let urns = ["schemas", "schema"].iter().filter_map(|name| members.get(*name));
        let urns = urns.filter_map(Value::as_array).flatten().filter_map(Value::as_str);
        let by_urn = urns.filter_map(|urn| match urn.rsplit(':').next()? {
            _ if urn.contains(":extension:") => None,
            "User" => Some(Self::User),
            "Group" => Some(Self::Group),
            "Schema" => Some(Self::Schema),
            "ResourceType" => Some(Self::ResourceType),
            "ServiceProviderConfig" => Some(Self::Config),
            "ListResponse" => Some(Self::List(None)),
            "Error" => Some(Self::Error),
            "PatchOp" => Some(Self::PatchOp),
            "SearchRequest" => Some(Self::Search),
            "BulkRequest" => Some(Self::BulkRequest),
            "BulkResponse" => Some(Self::BulkResponse),
            _ => None,
        });
        let has = |name: &str| members.contains_key(name);
        by_urn.into_iter().next().or_else(|| {
            if has("id") && has("attributes") {
                Some(Self::Schema)
            } else if has("status") && (has("response") || has("method")) {
                Some(Self::BulkResult)
            } else {
                None
            }
        })
    }

    /// What the answer to a request is.
    pub(super) fn of_answer(place: Option<&Place<'_>>, status: u64, body: &Value) -> Self {
        let endpoint = place.map_or("", |place| place.endpoint);
        let has_rest = place.is_some_and(|place| !place.rest.is_empty() && place.rest != ".search");
        let has = |name: &str| body.get(name).is_some();
        let own = Self::of(body);
        if status >= 400 || own == Some(Self::Error) {
            return Self::Error;
        }
        if matches!(own, Some(Self::List(_))) || has("Resources") || has("resources") {
            return Self::List(match endpoint {
                "Users" => Some(ListOf::Users),
                "Groups" => Some(ListOf::Groups),
                "Schemas" => Some(ListOf::Schemas),
                "ResourceTypes" => Some(ListOf::ResourceTypes),
                _ => None,
            });
        }
        match endpoint {
            "Bulk" => Self::BulkResponse,
            "ServiceProviderConfig" => Self::Config,
            "Schemas" if has_rest => Self::Schema,
            "ResourceTypes" if has_rest => Self::ResourceType,
            "Groups" => Self::Group,
            _ => own.unwrap_or(Self::User),
        }
    }

    /// Reads the document as a client or a service provider would, and writes what was read.
    fn again(self, document: &Value) -> Result<Value, Mismatch> {
        let text = document.to_string();
        let policy = Policy::strict();
        let refused = |error: Error| mismatch("a document that can be read", error);
        let written = |message: &dyn Fn() -> Result<Value, serde_json::Error>| {
            message().map_err(|error| mismatch("a document that can be written", error))
        };
        match self {
            Self::User => typed::<User>(&text),
            Self::Group => typed::<Group>(&text),
            Self::Schema => typed::<Schema>(&text),
            Self::ResourceType => typed::<ResourceTypeDescription>(&text),
            Self::Config => typed::<ServiceProviderConfig>(&text),
            Self::List(None) => typed::<ListResponse<Resource>>(&text),
            Self::List(Some(ListOf::Users)) => typed::<ListResponse<User>>(&text),
            Self::List(Some(ListOf::Groups)) => typed::<ListResponse<Group>>(&text),
            Self::List(Some(ListOf::Schemas)) => typed::<ListResponse<Schema>>(&text),
            Self::List(Some(ListOf::ResourceTypes)) => {
                typed::<ListResponse<ResourceTypeDescription>>(&text)
            }
            Self::Error => typed::<Error>(&text),
            Self::BulkResponse => typed::<BulkResponse>(&text),
            Self::BulkResult => typed::<scim2_core::bulk::BulkResult>(&text),
            Self::PatchOp => {
                let op = PatchOp::from_slice(text.as_bytes(), &policy).map_err(refused)?;
                written(&|| serde_json::to_value(&op))
            }
            Self::Search => {
                let search =
                    SearchRequest::from_slice(text.as_bytes(), &policy).map_err(refused)?;
                written(&|| serde_json::to_value(&search))
            }
            Self::BulkRequest => {
                let bulk = BulkRequest::from_slice(text.as_bytes(), &policy).map_err(refused)?;
                written(&|| serde_json::to_value(&bulk))
            }
        }
    }

    /// Whether the document can be read, and what is written of it can be read again and says the
    /// same.
    pub(super) fn check(self, document: &Value) -> Result<(), Mismatch> {
        let written = self.again(document)?;
        let again = self.again(&written)?;
        if same(&written, &again) { Ok(()) } else { Err(mismatch(written, again)) }
    }

    /// Whether everything in the document is written again.
    pub(super) fn check_nothing_lost(self, document: &Value) -> Result<(), Mismatch> {
        self.check(document)?;
        let written = self.again(document)?;
        // What is said of an attribute whose type has no such characteristic is left out, and what
        // is the default is added; what a reader makes of it is the same.
        let exact = !matches!(self, Self::Schema | Self::List(_));
        if !exact || same(&reduced(document), &reduced(&written)) {
            Ok(())
        } else {
            Err(mismatch(document, written))
        }
    }
}

/// Without what says nothing: null and empty arrays.
fn reduced(value: &Value) -> Value {
    match value {
        Value::Object(members) => {
            let said = members.iter().filter(|(_, value)| {
                !value.is_null() && value.as_array().is_none_or(|elements| !elements.is_empty())
            });
            Value::Object(said.map(|(name, value)| (name.clone(), reduced(value))).collect())
        }
        Value::Array(elements) => elements.iter().map(reduced).collect(),
        value => value.clone(),
    }
}

fn typed<T: Serialize + DeserializeOwned>(text: &str) -> Result<Value, Mismatch> {
    let read: T = serde_json::from_str(text)
        .map_err(|error| mismatch("a document that can be read", error))?;
    serde_json::to_value(&read).map_err(|error| mismatch("a document that can be written", error))
}
