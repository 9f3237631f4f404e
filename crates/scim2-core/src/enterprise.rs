//! The enterprise extension of User (RFC 7643 §4.3).

use crate::catalog::ENTERPRISE_USER_SCHEMA;
use crate::view::view;

view! {
    /// Where a user stands in an organization (RFC 7643 §4.3).
    #[derive(Clone, Debug, Default, PartialEq)]
    pub struct EnterpriseUser {
        /// The organization's own identifier for the person.
        pub employee_number: Option<String> = "employeeNumber",
        /// The cost center.
        pub cost_center: Option<String> = "costCenter",
        /// The organization.
        pub organization: Option<String> = "organization",
        /// The division.
        pub division: Option<String> = "division",
        /// The department.
        pub department: Option<String> = "department",
        /// The user's manager.
        pub manager: Option<Manager> = "manager",
    }
}

impl EnterpriseUser {
    /// The key under which a user's document holds the extension.
    pub const SCHEMA: &'static str = ENTERPRISE_USER_SCHEMA;
}

view! {
    /// A user's manager: a reference to another user (RFC 7643 §4.3).
    #[derive(Clone, Debug, Default, PartialEq)]
    pub struct Manager {
        /// The `id` of the manager's User resource.
        pub value: Option<String> = "value",
        /// The URI of the manager's User resource.
        pub r#ref: Option<String> = "$ref",
        /// The manager's name, which the service provider adds.
        pub display_name: Option<String> = "displayName",
    }
}

impl Manager {
    /// A reference to the user with this `id`.
    #[must_use]
    pub fn new(id: impl Into<String>) -> Self {
        Self { value: Some(id.into()), ..Self::default() }
    }
}
