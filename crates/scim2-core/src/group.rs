//! Groups (RFC 7643 §4.2).

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::catalog::GROUP_SCHEMA;
use crate::common::{Meta, TypedResource};
use crate::error::Error;
use crate::resource::ResourceId;
use crate::view::{self, view};

view! {
    /// A group of users and other groups (RFC 7643 §4.2).
    ///
    /// ```
    /// use scim2_core::group::{Group, Member};
    /// let group = Group {
    ///     members: vec![Member::user("2819c223-7f76-453a-919d-413861904646")],
    ///     ..Group::new("Tour Guides")
    /// };
    /// assert_eq!(group.schemas, ["urn:ietf:params:scim:schemas:core:2.0:Group"]);
    /// ```
    #[derive(Clone, Debug, Default, PartialEq)]
    pub struct Group schemas GROUP_SCHEMA {
        /// The URNs of the schemas in use; completed when written.
        pub schemas: Vec<String> = "schemas",
        /// The service provider's identifier; none before the group is created.
        pub id: Option<ResourceId> = "id",
        /// The provisioning client's identifier.
        pub external_id: Option<String> = "externalId",
        /// The group's name. Empty where an answer leaves it out.
        pub display_name: String = "displayName",
        /// Who belongs to the group.
        pub members: Vec<Member> = "members",
        /// What the service provider keeps about the group.
        pub meta: Option<Meta> = "meta",
    }
}

view! {
    /// A user or group that belongs to a group (RFC 7643 §4.2).
    #[derive(Clone, Debug, Default, PartialEq)]
    pub struct Member {
        /// The member's `id`.
        pub value: Option<String> = "value",
        /// The URI of the member.
        pub r#ref: Option<String> = "$ref",
        /// The member's resource type: `User` or `Group`.
        pub r#type: Option<String> = "type",
        /// The member's name.
        pub display: Option<String> = "display",
    }
}

impl Group {
    /// A group without members.
    #[must_use]
    pub fn new(display_name: impl Into<String>) -> Self {
        Self {
            schemas: vec![GROUP_SCHEMA.to_owned()],
            display_name: display_name.into(),
            ..Self::default()
        }
    }

    /// An extension of this group, by its URN in any case; none if the group lacks it.
    ///
    /// # Errors
    /// 400 `invalidValue` when the extension's data do not fit `T`.
    pub fn extension<T: DeserializeOwned>(&self, urn: &str) -> Result<Option<T>, Error> {
        view::extension(&self.extra, urn)
    }

    /// Sets an extension, and lists it in `schemas`.
    ///
    /// # Errors
    /// 400 `invalidValue` when `T` does not serialize to a JSON object.
    pub fn set_extension<T: Serialize>(&mut self, urn: &str, data: &T) -> Result<(), Error> {
        view::set_extension(&mut self.extra, &mut self.schemas, urn, data)
    }
}

impl Member {
    /// A user, by its `id`.
    #[must_use]
    pub fn user(id: impl Into<String>) -> Self {
        Self { value: Some(id.into()), r#type: Some("User".to_owned()), ..Self::default() }
    }

    /// A group, by its `id`.
    #[must_use]
    pub fn group(id: impl Into<String>) -> Self {
        Self { value: Some(id.into()), r#type: Some("Group".to_owned()), ..Self::default() }
    }
}

impl TypedResource for Group {
    const RESOURCE_TYPE: &'static str = "Group";
    const SCHEMA: &'static str = GROUP_SCHEMA;
    const ENDPOINT: &'static str = "/Groups";
}
