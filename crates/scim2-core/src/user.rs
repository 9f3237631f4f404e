//! Users (RFC 7643 §4.1).

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::catalog::{ENTERPRISE_USER_SCHEMA, USER_SCHEMA};
use crate::common::{Meta, TypedResource};
use crate::enterprise::EnterpriseUser;
use crate::error::Error;
use crate::resource::ResourceId;
use crate::secret::Secret;
use crate::view::{self, view};

view! {
    /// A user account (RFC 7643 §4.1), with the enterprise extension (§4.3).
    ///
    /// Attributes that are absent, `null` or empty are the same. What this type does not name is
    /// kept in [`extra`](Self::extra), other extensions included.
    ///
    /// ```
    /// use scim2_core::user::{Email, User};
    /// let user = User {
    ///     display_name: Some("Babs Jensen".into()),
    ///     emails: vec![Email { primary: Some(true), ..Email::new("bjensen@example.com", "work") }],
    ///     ..User::new("bjensen")
    /// };
    /// let json = serde_json::to_value(&user)?;
    /// assert_eq!(json["schemas"][0], "urn:ietf:params:scim:schemas:core:2.0:User");
    /// assert_eq!(json["emails"][0]["primary"], true);
    /// # Ok::<(), serde_json::Error>(())
    /// ```
    #[derive(Clone, Debug, Default)]
    pub struct User schemas USER_SCHEMA {
        /// The URNs of the schemas in use; completed when written.
        pub schemas: Vec<String> = "schemas",
        /// The service provider's identifier; none before the user is created.
        pub id: Option<ResourceId> = "id",
        /// The provisioning client's identifier.
        pub external_id: Option<String> = "externalId",
        /// What the user signs in with. Empty where an answer leaves it out.
        pub user_name: String = "userName",
        /// The parts of the user's name.
        pub name: Option<Name> = "name",
        /// The name that is shown to people.
        pub display_name: Option<String> = "displayName",
        /// What friends call the user.
        pub nick_name: Option<String> = "nickName",
        /// A page about the user.
        pub profile_url: Option<String> = "profileUrl",
        /// The user's title, such as "Vice President".
        pub title: Option<String> = "title",
        /// How the user belongs to the organization, such as "Employee".
        pub user_type: Option<String> = "userType",
        /// The languages that the user reads, as in an Accept-Language header.
        pub preferred_language: Option<String> = "preferredLanguage",
        /// How numbers and dates are printed for the user, such as "en-US".
        pub locale: Option<String> = "locale",
        /// The user's time zone, such as "America/Los_Angeles".
        pub timezone: Option<String> = "timezone",
        /// Whether the account may be used. Absent is not the same as false (ruling W26).
        pub active: Option<bool> = "active",
        /// A new password, in requests only.
        pub password: Option<Secret> = "password",
        /// E-mail addresses.
        pub emails: Vec<Email> = "emails",
        /// Telephone numbers.
        pub phone_numbers: Vec<PhoneNumber> = "phoneNumbers",
        /// Instant messaging addresses.
        pub ims: Vec<Im> = "ims",
        /// Pictures, by URL.
        pub photos: Vec<Photo> = "photos",
        /// Postal addresses.
        pub addresses: Vec<Address> = "addresses",
        /// The groups that the user belongs to. The service provider computes them.
        pub groups: Vec<GroupRef> = "groups",
        /// Things that the user may have or do.
        pub entitlements: Vec<Entitlement> = "entitlements",
        /// Roles of the user.
        pub roles: Vec<Role> = "roles",
        /// Certificates of the user.
        pub x509_certificates: Vec<X509Certificate> = "x509Certificates",
        /// Where the user stands in an organization.
        pub enterprise: Option<EnterpriseUser> = ENTERPRISE_USER_SCHEMA,
        /// What the service provider keeps about the user.
        pub meta: Option<Meta> = "meta",
    }
}

impl User {
    /// A user with nothing but a name to sign in with.
    #[must_use]
    pub fn new(user_name: impl Into<String>) -> Self {
        Self {
            schemas: vec![USER_SCHEMA.to_owned()],
            user_name: user_name.into(),
            ..Self::default()
        }
    }

    /// An extension other than [`enterprise`](Self::enterprise), by its URN in any case; none if
    /// the user lacks it.
    ///
    /// ```
    /// use scim2_core::user::User;
    ///
    /// #[derive(serde::Serialize, serde::Deserialize, PartialEq, Debug)]
    /// struct Badge { colour: String }
    ///
    /// let mut user = User::new("bjensen");
    /// user.set_extension("urn:example:Badge", &Badge { colour: "blue".into() })?;
    /// assert_eq!(user.extension("URN:EXAMPLE:BADGE")?, Some(Badge { colour: "blue".into() }));
    /// # Ok::<(), scim2_core::Error>(())
    /// ```
    ///
    /// # Errors
    /// 400 `invalidValue` when the extension's data do not fit `T`.
    pub fn extension<T: DeserializeOwned>(&self, urn: &str) -> Result<Option<T>, Error> {
        view::extension(&self.extra, urn)
    }

    /// Sets an extension other than [`enterprise`](Self::enterprise), and lists it in `schemas`.
    ///
    /// # Errors
    /// 400 `invalidValue` when `T` does not serialize to a JSON object.
    pub fn set_extension<T: Serialize>(&mut self, urn: &str, data: &T) -> Result<(), Error> {
        view::set_extension(&mut self.extra, &mut self.schemas, urn, data)
    }
}

impl TypedResource for User {
    const RESOURCE_TYPE: &'static str = "User";
    const SCHEMA: &'static str = USER_SCHEMA;
    const ENDPOINT: &'static str = "/Users";
}

view! {
    /// The parts of a person's name (RFC 7643 §4.1.1).
    #[derive(Clone, Debug, Default, PartialEq)]
    pub struct Name {
        /// The full name as it is shown.
        pub formatted: Option<String> = "formatted",
        /// The family name.
        pub family_name: Option<String> = "familyName",
        /// The given name.
        pub given_name: Option<String> = "givenName",
        /// The middle names.
        pub middle_name: Option<String> = "middleName",
        /// What stands before the name, such as "Ms.".
        pub honorific_prefix: Option<String> = "honorificPrefix",
        /// What stands after the name, such as "III".
        pub honorific_suffix: Option<String> = "honorificSuffix",
    }
}

view! {
    /// A postal address (RFC 7643 §4.1.2).
    #[derive(Clone, Debug, Default, PartialEq)]
    pub struct Address {
        /// The whole address as it is printed, with line breaks.
        pub formatted: Option<String> = "formatted",
        /// Street, house number, post office box.
        pub street_address: Option<String> = "streetAddress",
        /// City.
        pub locality: Option<String> = "locality",
        /// State or region.
        pub region: Option<String> = "region",
        /// Postal code.
        pub postal_code: Option<String> = "postalCode",
        /// Country, two letters by the RFC.
        pub country: Option<String> = "country",
        /// What the address is for: `work`, `home` or `other`.
        pub r#type: Option<String> = "type",
        /// Whether this is the preferred address.
        pub primary: Option<bool> = "primary",
    }
}

view! {
    /// A group that the user belongs to (RFC 7643 §4.1.2).
    #[derive(Clone, Debug, Default, PartialEq)]
    pub struct GroupRef {
        /// The group's `id`.
        pub value: Option<String> = "value",
        /// The URI of the group.
        pub r#ref: Option<String> = "$ref",
        /// The group's name.
        pub display: Option<String> = "display",
        /// `direct`, or `indirect` through another group.
        pub r#type: Option<String> = "type",
    }
}

/// Elements of the shape that RFC 7643 §2.4 gives to multi-valued attributes.
macro_rules! elements {
    ( $( $(#[$meta:meta])* $name:ident { $(#[$value_meta:meta])* value, $(#[$type_meta:meta])* type } )+ ) => { $(
        view! {
            $(#[$meta])*
            #[derive(Clone, Debug, Default, PartialEq)]
            pub struct $name {
                $(#[$value_meta])*
                pub value: Option<String> = "value",
                /// How it is shown to people.
                pub display: Option<String> = "display",
                $(#[$type_meta])*
                pub r#type: Option<String> = "type",
                /// Whether this is the preferred one.
                pub primary: Option<bool> = "primary",
            }
        }

        impl $name {
            /// A value of this type. An empty type leaves the type out.
            #[must_use]
            pub fn new(value: impl Into<String>, r#type: &str) -> Self {
                let r#type = (!r#type.is_empty()).then(|| r#type.to_owned());
                Self { value: Some(value.into()), r#type, ..Self::default() }
            }
        }
    )+ };
}

elements! {
    /// An e-mail address (RFC 7643 §4.1.2).
    Email {
        /// The address.
        value,
        /// `work`, `home` or `other`.
        type
    }

    /// A telephone number (RFC 7643 §4.1.2).
    PhoneNumber {
        /// The number; the RFC asks for the form of RFC 3966.
        value,
        /// `work`, `home`, `mobile`, `fax`, `pager` or `other`.
        type
    }

    /// An instant messaging address (RFC 7643 §4.1.2).
    Im {
        /// The address.
        value,
        /// The service, such as `xmpp`.
        type
    }

    /// A picture (RFC 7643 §4.1.2).
    Photo {
        /// Where the picture is.
        value,
        /// `photo` or `thumbnail`.
        type
    }

    /// Something that the user may have or do (RFC 7643 §4.1.2).
    Entitlement {
        /// What it is.
        value,
        /// What kind of entitlement it is.
        type
    }

    /// A role of the user, such as "Student" (RFC 7643 §4.1.2).
    Role {
        /// What it is.
        value,
        /// What kind of role it is.
        type
    }

    /// A certificate (RFC 7643 §4.1.2).
    X509Certificate {
        /// The DER bytes in base64.
        value,
        /// What kind of certificate it is.
        type
    }
}
