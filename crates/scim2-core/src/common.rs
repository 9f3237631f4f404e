//! What all resources share (RFC 7643 §3.1).

use chrono::{DateTime, Utc};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::etag::Version;
use crate::view::view;

/// A typed view of the resources of one type.
///
/// An application's own type needs serde's traits and three constants:
///
/// ```
/// use scim2_core::common::TypedResource;
///
/// #[derive(serde::Serialize, serde::Deserialize)]
/// struct Device {
///     schemas: Vec<String>,
///     label: String,
/// }
///
/// impl TypedResource for Device {
///     const RESOURCE_TYPE: &'static str = "Device";
///     const SCHEMA: &'static str = "urn:example:params:scim:schemas:Device";
///     const ENDPOINT: &'static str = "/Devices";
/// }
/// ```
pub trait TypedResource: Serialize + DeserializeOwned + Send + Sync + 'static {
    /// The name of the resource type, which is also `meta.resourceType`.
    const RESOURCE_TYPE: &'static str;
    /// The URN of the base schema.
    const SCHEMA: &'static str;
    /// Where resources of this type are found, relative to the base URL.
    const ENDPOINT: &'static str;
}

view! {
    /// What the service provider keeps about a resource (RFC 7643 §3.1). Clients read it, and what
    /// they write is ignored.
    #[derive(Clone, Debug, Default, PartialEq)]
    #[non_exhaustive]
    pub struct Meta {
        /// The name of the resource type.
        pub resource_type: Option<String> = "resourceType",
        /// When the resource was made.
        pub created: Option<DateTime<Utc>> = "created",
        /// When the resource last changed.
        pub last_modified: Option<DateTime<Utc>> = "lastModified",
        /// Where the resource is.
        pub location: Option<String> = "location",
        /// The version of the resource.
        pub version: Option<Version> = "version",
    }
}
