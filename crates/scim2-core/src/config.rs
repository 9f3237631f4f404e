//! What a service provider says of itself (RFC 7643 §5).

use serde::{Deserializer, Serialize, Serializer};

use crate::common::{Meta, TypedResource};
use crate::view::{Slot, open_keywords, view};

/// The URN of the ServiceProviderConfig schema.
pub const SERVICE_PROVIDER_CONFIG_SCHEMA: &str =
    "urn:ietf:params:scim:schemas:core:2.0:ServiceProviderConfig";

view! {
    /// The features of a service provider (RFC 7643 §5, RFC 9865 §4, RFC 9967 §4).
    ///
    /// Missing members read as features that are not supported.
    ///
    /// ```
    /// use scim2_core::config::ServiceProviderConfig;
    /// let config: ServiceProviderConfig =
    ///     serde_json::from_str(r#"{"patch": {"supported": true}, "filter": {"supported": true}}"#)?;
    /// assert!(config.patch.supported);
    /// assert!(!config.bulk.supported);
    /// # Ok::<(), serde_json::Error>(())
    /// ```
    #[derive(Clone, Debug, Default, PartialEq)]
    #[non_exhaustive]
    pub struct ServiceProviderConfig schemas SERVICE_PROVIDER_CONFIG_SCHEMA {
        /// The URNs of the schemas in use; completed when written.
        pub schemas: Vec<String> = "schemas",
        /// Where people read how to use the service.
        pub documentation_uri: Option<String> = "documentationUri",
        /// Whether PATCH is offered.
        pub patch: Supported = "patch",
        /// Whether bulk requests are offered, and how large they may be.
        pub bulk: BulkSupport = "bulk",
        /// Whether filters are offered, and how many results a list gives.
        pub filter: FilterSupport = "filter",
        /// Whether a password can be changed.
        pub change_password: Supported = "changePassword",
        /// Whether lists can be sorted.
        pub sort: Supported = "sort",
        /// Whether resources have versions.
        pub etag: Supported = "etag",
        /// How lists are paged (RFC 9865 §4).
        pub pagination: Option<PaginationSupport> = "pagination",
        /// Which security events are issued (RFC 9967 §4).
        pub security_events: Option<SecurityEventSupport> = "securityEvents",
        /// How clients prove who they are.
        pub authentication_schemes: Vec<AuthenticationScheme> = "authenticationSchemes",
        /// What the service provider keeps about this resource.
        pub meta: Option<Meta> = "meta",
    }
}

view! {
    /// Whether a feature is offered.
    #[derive(Clone, Debug, Default, PartialEq)]
    #[non_exhaustive]
    pub struct Supported {
        /// True if it is.
        pub supported: bool = "supported",
    }
}

view! {
    /// Bulk requests (RFC 7644 §3.7). Limits read as 0 where they are missing.
    #[derive(Clone, Debug, Default, PartialEq)]
    #[non_exhaustive]
    pub struct BulkSupport {
        /// Whether they are offered.
        pub supported: bool = "supported",
        /// The most operations in one request.
        pub max_operations: u64 = "maxOperations",
        /// The largest request, in bytes.
        pub max_payload_size: u64 = "maxPayloadSize",
    }
}

view! {
    /// Filters (RFC 7644 §3.4.2.2). The limit reads as 0 where it is missing.
    #[derive(Clone, Debug, Default, PartialEq)]
    #[non_exhaustive]
    pub struct FilterSupport {
        /// Whether they are offered.
        pub supported: bool = "supported",
        /// The most resources in one answer.
        pub max_results: u64 = "maxResults",
    }
}

view! {
    /// Paging (RFC 9865 §4).
    #[derive(Clone, Debug, Default, PartialEq)]
    #[non_exhaustive]
    pub struct PaginationSupport {
        /// Whether lists are paged by cursor.
        pub cursor: bool = "cursor",
        /// Whether lists are paged by `startIndex`.
        pub index: bool = "index",
        /// `cursor` or `index`: what a request gets that names neither.
        pub default_pagination_method: Option<String> = "defaultPaginationMethod",
        /// The size of a page that was not asked for.
        pub default_page_size: Option<u64> = "defaultPageSize",
        /// The largest page.
        pub max_page_size: Option<u64> = "maxPageSize",
        /// For how many seconds a cursor can be used.
        pub cursor_timeout: Option<u64> = "cursorTimeout",
    }
}

view! {
    /// Security events (RFC 9967 §4).
    #[derive(Clone, Debug, Default, PartialEq)]
    #[non_exhaustive]
    pub struct SecurityEventSupport {
        /// `none`, `long` or `request`: whether requests may be answered by events.
        pub async_request: Option<String> = "asyncRequest",
        /// The URIs of the events that can be issued.
        pub event_uris: Vec<String> = "eventUris",
    }
}

view! {
    /// One way to prove who one is (RFC 7643 §5).
    #[derive(Clone, Debug, Default, PartialEq)]
    #[non_exhaustive]
    pub struct AuthenticationScheme {
        /// Which kind of scheme it is.
        pub r#type: Option<AuthenticationSchemeType> = "type",
        /// A short name for people.
        pub name: Option<String> = "name",
        /// What it is.
        pub description: Option<String> = "description",
        /// Where it is specified.
        pub spec_uri: Option<String> = "specUri",
        /// Where people read how to use it.
        pub documentation_uri: Option<String> = "documentationUri",
        /// Whether this is the preferred one.
        pub primary: Option<bool> = "primary",
    }
}

open_keywords! {
    /// The kinds of authentication scheme (RFC 7643 §5).
    pub enum AuthenticationSchemeType {
        /// OAuth 1.0.
        OAuth = "oauth",
        /// OAuth 2.0.
        OAuth2 = "oauth2",
        /// OAuth 2.0 bearer tokens (RFC 6750).
        OAuthBearerToken = "oauthbearertoken",
        /// HTTP Basic (RFC 7617).
        HttpBasic = "httpbasic",
        /// HTTP Digest (RFC 7616).
        HttpDigest = "httpdigest",
    }
}

impl ServiceProviderConfig {
    /// A configuration without any feature.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }
}

impl Supported {
    /// A feature that is offered.
    #[must_use]
    pub fn yes() -> Self {
        Self { supported: true, ..Self::default() }
    }

    /// A feature that is not offered.
    #[must_use]
    pub fn no() -> Self {
        Self::default()
    }
}

impl BulkSupport {
    /// Bulk requests with these limits.
    #[must_use]
    pub fn up_to(max_operations: u64, max_payload_size: u64) -> Self {
        Self { supported: true, max_operations, max_payload_size, ..Self::default() }
    }
}

impl FilterSupport {
    /// Filters, and lists of at most this length.
    #[must_use]
    pub fn up_to(max_results: u64) -> Self {
        Self { supported: true, max_results, ..Self::default() }
    }
}

impl AuthenticationScheme {
    /// Bearer tokens (RFC 6750).
    #[must_use]
    pub fn bearer_token() -> Self {
        Self {
            r#type: Some(AuthenticationSchemeType::OAuthBearerToken),
            name: Some("OAuth Bearer Token".to_owned()),
            description: Some("A bearer token in the Authorization header".to_owned()),
            spec_uri: Some("https://www.rfc-editor.org/info/rfc6750".to_owned()),
            primary: Some(true),
            ..Self::default()
        }
    }
}

impl TypedResource for ServiceProviderConfig {
    const RESOURCE_TYPE: &'static str = "ServiceProviderConfig";
    const SCHEMA: &'static str = SERVICE_PROVIDER_CONFIG_SCHEMA;
    const ENDPOINT: &'static str = "/ServiceProviderConfig";
}

/// Members that are always written, and read as not supported where they are missing.
macro_rules! always_written {
    ($($name:ident)+) => { $(
        impl Slot for $name {
            fn absent() -> Self {
                Self::default()
            }

            fn is_absent(&self) -> bool {
                false
            }

            fn read<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                <Option<Self> as Slot>::read(deserializer).map(Option::unwrap_or_default)
            }

            fn write<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                self.serialize(serializer)
            }
        }
    )+ };
}

always_written! { Supported BulkSupport FilterSupport }
