//! What real SCIM products send, accept and refuse, as data.
//!
//! The RFCs leave room, and products use it. Here is what three of them do: **Entra ID** and
//! **Okta**, which provision users into other people's endpoints, and **AWS IAM Identity Center**,
//! an endpoint with limits of its own. Each fact names the page that states it; what nobody
//! states is marked as our reading.
//!
//! A client asks the target's profile before it sends:
//!
//! ```
//! use scim2_core::{Resource, ResourceType};
//! use scim2_core::user::{Email, Name, PhoneNumber, User};
//! use scim2_vendor::aws;
//!
//! let user = User {
//!     name: Some(Name {
//!         given_name: Some("Barbara".into()),
//!         family_name: Some("Jensen".into()),
//!         ..Name::default()
//!     }),
//!     display_name: Some("Babs Jensen".into()),
//!     phone_numbers: vec![
//!         PhoneNumber::new("+1 201 555 0123", "work"),
//!         PhoneNumber::new("+1 201 555 0124", "mobile"),
//!         PhoneNumber::new("+1 201 555 0125", "fax"),
//!     ],
//!     ..User::new("bjensen@example.com")
//! };
//! let user = Resource::from_typed(&user)?;
//! let violations = aws::profile().check_create(&ResourceType::user(), &user);
//! assert_eq!(
//!     violations[0].to_string(),
//!     "phoneNumbers has 3 values (work, mobile, fax); AWS IAM Identity Center takes 1; \
//!      drop the mappings of mobile and facsimileTelephoneNumber",
//! );
//! # Ok::<(), scim2_core::Error>(())
//! ```
//!
//! | what | where |
//! |---|---|
//! | tolerances of a service provider that a product needs | [`entra::policy`], [`okta::policy`], [`aws::policy`] |
//! | limits of a target, checked before sending | [`profile::TargetProfile`], [`aws::profile`] |
//! | the same limits as an endpoint's own | [`aws::Rules`] |
//! | resource types with the uniqueness that a product demands | [`aws::catalog`], [`entra::catalog`] |
//! | attribute mapping tables | [`mapping`], [`entra::user_mapping`], [`aws::user_mapping`] |

pub mod aws;
mod catalog;
pub mod entra;
pub mod mapping;
pub mod okta;
pub mod profile;

pub use profile::{ProfileViolation, TargetProfile};

/// The README's example, as a test.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
