//! Events as security event tokens (RFC 9967, RFC 8417): the claims alone.
//!
//! Signing a token and handing it over (RFC 8935, RFC 8936) are not part of this library: sign
//! [`EventToken::to_claims`] with a JWT library, and give what that has verified to
//! [`EventToken::from_claims`].
//!
//! ```
//! use scim2_provider::events::set::{EventToken, SetEvent, Subject};
//! let token = EventToken::new(
//!     "https://scim.example.com",
//!     ["https://scim.example.com/Feeds/98d52461fa5bbc879593b7754".into()],
//!     "6164f3bbf6ff41a88dc94f18cb0620e8",
//!     "b7b953f11cc6489bbfb87834747cc4c1",
//!     "2016-03-20T18:50:44Z".parse()?,
//!     Subject::new("/Users/2b2f880af6674ac284bae9381673d462")?,
//!     vec![SetEvent::Deactivate],
//! )?;
//! let claims = token.to_claims();
//! assert_eq!(claims["events"]["urn:ietf:params:scim:event:prov:deactivate"], serde_json::json!({}));
//! assert_eq!(EventToken::from_claims(&claims)?, token);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use std::fmt;

use chrono::{DateTime, Utc};
use scim2_core::bulk::BulkResult;
use scim2_core::etag::Version;
use scim2_core::patch_op::PatchOp;
use scim2_core::{Resource, ResourceType};
use serde_json::{Map, Value, json};

use super::{Activity, ChangeEvent, ChangeKind};
use crate::store::take_secrets;

/// What all URIs of SCIM events begin with (RFC 9967 §2).
const PREFIX: &str = "urn:ietf:params:scim:event:";

/// The claims of a token that tells of one change of one resource (RFC 9967 §2).
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct EventToken {
    /// Who tells it: `iss`.
    pub issuer: Box<str>,
    /// To whom: `aud`.
    pub audience: Vec<Box<str>>,
    /// The token's own name: `jti`. Each time the same is told, it is another.
    pub id: Box<str>,
    /// The name of the change: `txn`. Each time the same is told, it is the same (RFC 9967 §2.2).
    /// Only a token that was read may have none.
    pub transaction: Option<Box<str>>,
    /// When it was told, in seconds: `iat`.
    pub issued: DateTime<Utc>,
    /// Of which resource: `sub_id`.
    pub subject: Subject,
    /// What happened to it.
    pub events: Vec<SetEvent>,
}

impl EventToken {
    /// A token that tells what happened to a resource in one transaction.
    ///
    /// # Errors
    /// When there are no events, one of them twice, both a deletion and [`SetEvent::FeedRemove`]
    /// (RFC 9967 §2.4.4), or a failure that does not say what failed (§2.5.1.3).
    pub fn new(
        issuer: &str,
        audience: impl IntoIterator<Item = Box<str>>,
        id: &str,
        transaction: &str,
        issued: DateTime<Utc>,
        subject: Subject,
        events: Vec<SetEvent>,
    ) -> Result<Self, SetError> {
        check(&events)?;
        let (issuer, audience) = (issuer.into(), audience.into_iter().collect());
        let (id, transaction) = (id.into(), Some(transaction.into()));
        let issued = DateTime::from_timestamp(issued.timestamp(), 0).unwrap_or(issued);
        Ok(Self { issuer, audience, id, transaction, issued, subject, events })
    }

    /// The claims, to be signed.
    #[must_use]
    pub fn to_claims(&self) -> Value {
        let mut subject = json!({"format": "scim", "uri": *self.subject.uri});
        if let (Some(external_id), Some(subject)) =
            (&self.subject.external_id, subject.as_object_mut())
        {
            subject.insert("externalId".into(), (**external_id).into());
        }
        let events: Map<_, _> =
            self.events.iter().map(|event| (event.uri(), event.payload())).collect();
        let mut claims = json!({
            "iss": *self.issuer,
            "aud": self.audience,
            "iat": self.issued.timestamp(),
            "jti": *self.id,
            "sub_id": subject,
            "events": events,
        });
        if let (Some(transaction), Some(claims)) = (&self.transaction, claims.as_object_mut()) {
            claims.insert("txn".into(), (**transaction).into());
        }
        claims
    }

    /// The claims of a token whose signature was verified.
    ///
    /// # Errors
    /// When they are not those of a SCIM event as RFC 9967 has it.
    pub fn from_claims(claims: &Value) -> Result<Self, SetError> {
        let text = |name: &'static str| {
            let text = claims.get(name).and_then(Value::as_str);
            text.map(Box::<str>::from).ok_or(SetError::Claim { name })
        };
        if claims.get("sub").is_some() {
            return Err(SetError::Sub);
        }
        let subject = claims.get("sub_id").ok_or(SetError::Claim { name: "sub_id" })?;
        if subject.get("format").and_then(Value::as_str) != Some("scim") {
            return Err(SetError::Format);
        }
        let uri = subject.get("uri").and_then(Value::as_str).unwrap_or_default();
        let external_id = subject.get("externalId").and_then(Value::as_str).map(Box::from);
        let subject = Subject { external_id, ..Subject::new(uri)? };
        let issued = claims.get("iat").and_then(Value::as_i64);
        let issued = issued.and_then(|seconds| DateTime::from_timestamp(seconds, 0));
        let audience = match claims.get("aud") {
            Some(Value::String(one)) => vec![one.as_str().into()],
            Some(Value::Array(many)) => {
                many.iter().filter_map(Value::as_str).map(Box::from).collect()
            }
            _ => Vec::new(),
        };
        let payloads = claims.get("events").and_then(Value::as_object);
        let payloads = payloads.ok_or(SetError::Claim { name: "events" })?;
        let events = payloads.iter().map(|(uri, payload)| SetEvent::read(uri, payload));
        let events: Vec<_> = events.collect::<Result<_, _>>()?;
        check(&events)?;
        let completes = events.iter().any(|event| matches!(event, SetEvent::AsyncResponse(_)));
        Ok(Self {
            issuer: text("iss")?,
            audience,
            id: text("jti")?,
            transaction: if completes { Some(text("txn")?) } else { text("txn").ok() },
            issued: issued.ok_or(SetError::Claim { name: "iat" })?,
            subject,
            events,
        })
    }
}

/// The name of the transaction of one operation of an asynchronous bulk request: counting from 0,
/// in the order of the request, whatever the order in which they were carried out (RFC 9967
/// §2.5.1.2).
#[must_use]
pub fn bulk_transaction(transaction: &str, index: usize) -> String {
    format!("{transaction}:{index}")
}

/// The resource that a token is about (RFC 9967 §2.1).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Subject {
    /// Its path after the base URL: `/Users/2b2f880af6674ac284bae9381673d462`.
    pub uri: Box<str>,
    /// Its `externalId`, if the receiver knows it by that.
    pub external_id: Option<Box<str>>,
}

impl Subject {
    /// The resource at a path after the base URL.
    ///
    /// # Errors
    /// When it is no such path.
    pub fn new(uri: &str) -> Result<Self, SetError> {
        if !uri.starts_with('/') || uri.starts_with("//") || uri.len() < 2 {
            return Err(SetError::Uri);
        }
        Ok(Self { uri: uri.into(), external_id: None })
    }

    /// The resource of this type that an event is about.
    ///
    /// # Errors
    /// When the type has no endpoint.
    pub fn of(ty: &ResourceType, event: &ChangeEvent) -> Result<Self, SetError> {
        Self::new(&format!("{}/{}", ty.endpoint(), event.id))
    }

    /// The same resource, with the `externalId` by which the receiver knows it.
    #[must_use]
    pub fn with_external_id(self, external_id: &str) -> Self {
        Self { external_id: Some(external_id.into()), ..self }
    }
}

/// What happened to a resource (RFC 9967 §2.3 to §2.5).
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum SetEvent {
    /// It has come into the feed: `feed:add`.
    FeedAdd,
    /// It has left the feed, and may be there still: `feed:remove`.
    FeedRemove,
    /// It is new: `prov:create`.
    Create(Content),
    /// It was changed by PATCH: `prov:patch`.
    Patch(Content),
    /// It was replaced by PUT: `prov:put`.
    Put(Content),
    /// It is gone, from the feed too: `prov:delete`.
    Delete,
    /// It may be used: `prov:activate`.
    Activate,
    /// It must not be used: `prov:deactivate`.
    Deactivate,
    /// An asynchronous request, or one operation of a bulk request, is done: `misc:asyncresp`. If
    /// it failed, the `response` says why (§2.5.1.3).
    AsyncResponse(BulkResult),
}

impl SetEvent {
    /// What the event of a store says, as notices: names of attributes, no values.
    #[must_use]
    pub fn notices(event: &ChangeEvent) -> Vec<Self> {
        let content = || Content::notice(event.record.attributes.iter().cloned(), &event.version);
        let mut events = match event.record.kind {
            ChangeKind::Created => vec![Self::Create(content())],
            ChangeKind::Changed => vec![Self::Patch(content())],
            ChangeKind::Deleted => return vec![Self::Delete],
        };
        match event.record.activity {
            Some(Activity::Activated) => events.push(Self::Activate),
            Some(Activity::Deactivated) => events.push(Self::Deactivate),
            None => {}
        }
        events
    }

    /// The URI under which the event stands among the `events`.
    #[must_use]
    pub fn uri(&self) -> String {
        let (name, content) = match self {
            Self::FeedAdd => ("feed:add", None),
            Self::FeedRemove => ("feed:remove", None),
            Self::Create(content) => ("prov:create", Some(content)),
            Self::Patch(content) => ("prov:patch", Some(content)),
            Self::Put(content) => ("prov:put", Some(content)),
            Self::Delete => ("prov:delete", None),
            Self::Activate => ("prov:activate", None),
            Self::Deactivate => ("prov:deactivate", None),
            Self::AsyncResponse(_) => ("misc:asyncresp", None),
        };
        match content.map(|content| &content.said) {
            Some(Said::Data(_)) => format!("{PREFIX}{name}:full"),
            Some(Said::Attributes(_)) => format!("{PREFIX}{name}:notice"),
            None => format!("{PREFIX}{name}"),
        }
    }

    fn payload(&self) -> Value {
        match self {
            Self::Create(content) | Self::Patch(content) | Self::Put(content) => content.payload(),
            Self::AsyncResponse(result) => json!(result),
            _ => json!({}),
        }
    }

    fn read(uri: &str, payload: &Value) -> Result<Self, SetError> {
        let unknown = || SetError::Event { uri: uri.into() };
        let payload = payload.as_object().ok_or_else(unknown)?;
        if payload.contains_key("sub_id") || payload.contains_key("sub") {
            return Err(SetError::Sub);
        }
        let name = uri.strip_prefix(PREFIX).ok_or_else(unknown)?;
        let content = |form: &str| Content::read(uri, form, payload);
        Ok(match *name.split(':').collect::<Vec<_>>() {
            ["feed", "add"] => Self::FeedAdd,
            ["feed", "remove"] => Self::FeedRemove,
            ["prov", "create", form] => Self::Create(content(form)?),
            ["prov", "patch", form] => Self::Patch(content(form)?),
            ["prov", "put", form] => Self::Put(content(form)?),
            ["prov", "delete"] => Self::Delete,
            ["prov", "activate"] => Self::Activate,
            ["prov", "deactivate"] => Self::Deactivate,
            ["misc", "asyncresp"] => {
                let result = serde_json::from_value(Value::Object(payload.clone()));
                Self::AsyncResponse(result.map_err(|_| unknown())?)
            }
            _ => return Err(unknown()),
        })
    }
}

/// What an event says of a resource: its values, or the names of what changed, and never both
/// (RFC 9967 §2.4).
///
/// `Debug` shows names and no values.
#[derive(Clone, PartialEq)]
pub struct Content {
    version: Option<Version>,
    said: Said,
}

#[derive(Clone, PartialEq)]
enum Said {
    Data(Map<String, Value>),
    Attributes(Vec<Box<str>>),
}

impl Content {
    /// A resource as it is now, as a client may see it; what is never returned is left out.
    #[must_use]
    pub fn full(ty: &ResourceType, mut resource: Resource, version: &Version) -> Self {
        take_secrets(ty, &mut resource);
        Self { version: Some(version.clone()), said: Said::Data(resource.into_map()) }
    }

    /// The PATCH that makes of the resource before what it is now. It must come from states
    /// without secrets, as stores give them (`ResourceType::diff`), and not from a client.
    #[must_use]
    pub fn patch(op: &PatchOp, version: &Version) -> Self {
        let data = match json!(op) {
            Value::Object(data) => data,
            _ => Map::new(),
        };
        Self { version: Some(version.clone()), said: Said::Data(data) }
    }

    /// The names of the attributes that changed.
    #[must_use]
    pub fn notice(attributes: impl IntoIterator<Item = Box<str>>, version: &Version) -> Self {
        let attributes = attributes.into_iter().collect();
        Self { version: Some(version.clone()), said: Said::Attributes(attributes) }
    }

    /// The resource, or the PATCH of it, if that is said.
    #[must_use]
    pub fn data(&self) -> Option<&Map<String, Value>> {
        match &self.said {
            Said::Data(data) => Some(data),
            Said::Attributes(_) => None,
        }
    }

    /// The names of the attributes that changed, if only they are said.
    #[must_use]
    pub fn attributes(&self) -> Option<&[Box<str>]> {
        match &self.said {
            Said::Data(_) => None,
            Said::Attributes(attributes) => Some(attributes),
        }
    }

    /// The version of the resource, if it is said.
    #[must_use]
    pub fn version(&self) -> Option<&Version> {
        self.version.as_ref()
    }

    fn payload(&self) -> Value {
        let mut payload = match &self.said {
            Said::Data(data) => json!({"data": data}),
            Said::Attributes(attributes) => json!({"attributes": attributes}),
        };
        if let (Some(version), Some(payload)) = (&self.version, payload.as_object_mut()) {
            payload.insert("version".into(), version.as_str().into());
        }
        payload
    }

    fn read(uri: &str, form: &str, payload: &Map<String, Value>) -> Result<Self, SetError> {
        let said = match (form, payload.get("data"), payload.get("attributes")) {
            ("full", Some(Value::Object(data)), None) => Said::Data(data.clone()),
            ("notice", None, Some(Value::Array(names))) => {
                Said::Attributes(names.iter().filter_map(Value::as_str).map(Box::from).collect())
            }
            ("full" | "notice", ..) => return Err(SetError::Payload { uri: uri.into() }),
            _ => return Err(SetError::Event { uri: uri.into() }),
        };
        let version = payload.get("version").and_then(Value::as_str).map(Version::from_wire);
        Ok(Self { version, said })
    }
}

impl fmt::Debug for Content {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&str> = match &self.said {
            Said::Data(data) => data.keys().map(String::as_str).collect(),
            Said::Attributes(attributes) => attributes.iter().map(|name| &**name).collect(),
        };
        f.debug_struct("Content").field("version", &self.version).field("names", &names).finish()
    }
}

/// Why something is no token of RFC 9967.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SetError {
    /// A claim is missing, or is not what it must be.
    #[error("the claim `{name}` is missing or has another form")]
    Claim {
        /// Its name.
        name: &'static str,
    },
    /// The subject is named elsewhere than in the claim `sub_id` (§2.1).
    #[error("the subject must be in the claim `sub_id` alone, not in `sub` or in an event")]
    Sub,
    /// `sub_id` is of another format (§2.1).
    #[error("the `format` of `sub_id` must be `scim`")]
    Format,
    /// The subject has no path after the base URL (§2.1).
    #[error("the `uri` of `sub_id` must be a path after the base URL, such as `/Users/1`")]
    Uri,
    /// There is no event, or one of them twice.
    #[error("a token needs events, each once")]
    Events,
    /// An event is none of RFC 9967.
    #[error("`{uri}` is no event of SCIM in this form")]
    Event {
        /// Its URI.
        uri: Box<str>,
    },
    /// An event has both of `data` and `attributes`, none of them, or not that of its URI (§2.4).
    #[error("`{uri}` must have `data` if it ends in `full`, or else `attributes`, and not both")]
    Payload {
        /// Its URI.
        uri: Box<str>,
    },
    /// A deletion says that the resource leaves the feed (§2.4.4).
    #[error("a deletion must not be told together with `feed:remove`")]
    DeleteAndRemove,
    /// A failure does not say what failed (§2.5.1.3).
    #[error("the end of a request that failed needs a `response`")]
    Response,
}

/// Whether these events can be told together.
fn check(events: &[SetEvent]) -> Result<(), SetError> {
    let uris: Vec<_> = events.iter().map(SetEvent::uri).collect();
    let twice = uris.iter().enumerate().any(|(at, uri)| uris.iter().take(at).any(|u| u == uri));
    if uris.is_empty() || twice {
        return Err(SetError::Events);
    }
    if events.contains(&SetEvent::Delete) && events.contains(&SetEvent::FeedRemove) {
        return Err(SetError::DeleteAndRemove);
    }
    let unexplained = |event: &SetEvent| match event {
        SetEvent::AsyncResponse(result) => {
            let failed = result.status.is_none_or(|status| !status.is_success());
            failed && !result.response.as_ref().is_some_and(Value::is_object)
        }
        _ => false,
    };
    if events.iter().any(unexplained) { Err(SetError::Response) } else { Ok(()) }
}
