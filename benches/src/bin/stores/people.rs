//! What is in the stores while they are measured.

use scim2_core::resource::ResourceId;
use scim2_core::{Policy, Resource, ResourceType, Valid};
use scim2_provider::{Scope, TenantId};
use serde_json::{Value, json};

const ENTERPRISE: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";

/// The tenant that everybody is in.
pub(crate) fn scope() -> Scope {
    Scope::tenant(TenantId::new("acme").expect("a name"))
}

pub(crate) fn user_name(number: usize) -> String {
    format!("barbara.jensen.{number}@example.com")
}

pub(crate) fn email(number: usize) -> String {
    format!("b.jensen.{number}@work.example.com")
}

pub(crate) fn external_id(number: usize) -> String {
    format!("{number:08}-7f76-453a-919d-413861904646")
}

/// A user of about a kilobyte.
pub(crate) fn user(ty: &ResourceType, number: usize) -> Valid<Resource> {
    let body = json!({
        "schemas": [ty.schema().id.to_string(), ENTERPRISE],
        "userName": user_name(number),
        "externalId": external_id(number),
        "name": {
            "formatted": "Ms. Barbara J Jensen, III",
            "familyName": "Jensen",
            "givenName": "Barbara",
            "middleName": "Jane",
            "honorificPrefix": "Ms.",
        },
        "displayName": format!("Babs Jensen {number}"),
        "emails": [
            { "value": email(number), "type": "work", "primary": true },
            { "value": format!("babs.{number}@home.example.org"), "type": "home" },
        ],
        "phoneNumbers": [{ "value": format!("tel:+1-201-555-{number:06}"), "type": "work" }],
        "addresses": [{
            "type": "work",
            "streetAddress": "100 Universal City Plaza",
            "locality": "Hollywood",
            "region": "CA",
            "postalCode": "91608",
            "country": "US",
        }],
        "title": "Tour Guide",
        "userType": "Employee",
        "preferredLanguage": "en-US",
        "locale": "en-US",
        "timezone": "America/Los_Angeles",
        "active": true,
        ENTERPRISE: {
            "employeeNumber": number.to_string(),
            "department": "Tour Operations",
            "costCenter": "4130",
        },
    });
    valid(ty, body)
}

/// A group of these.
pub(crate) fn group(ty: &ResourceType, name: &str, members: &[ResourceId]) -> Valid<Resource> {
    let members: Vec<Value> =
        members.iter().map(|id| json!({ "value": id.as_str(), "type": "User" })).collect();
    let body = json!({
        "schemas": [ty.schema().id.to_string()],
        "displayName": name,
        "members": members,
    });
    valid(ty, body)
}

fn valid(ty: &ResourceType, body: Value) -> Valid<Resource> {
    let body: Resource = serde_json::from_value(body).expect("an object");
    ty.validate_new(body, &Policy::strict()).expect("a valid resource")
}
