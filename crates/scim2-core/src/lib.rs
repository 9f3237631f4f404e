//! What SCIM resources are and how they may change.
//!
//! SCIM 2.0 (RFC 7643, RFC 7644, RFC 9865) moves users and groups between systems as JSON. This
//! crate holds everything about that JSON which needs no network, no clock and no database:
//! schemas and resource types, the checks they imply, what a filter means on a resource, what a
//! PATCH does to it, which attributes an answer carries, and the messages of the protocol.
//!
//! Text becomes syntax in [`scim2_syntax`]; here syntax meets the schema once, and after that
//! everything is exact:
//!
//! ```text
//! bytes -> Resource (keys in schema spelling) -> Valid<Resource> -> stored -> projected -> bytes
//! text  -> Filter (what was written) -> BoundFilter (what it means here) -> bool, or SQL
//! ```
//!
//! A user is read, found, changed and shown:
//!
//! ```
//! use scim2_core::patch_op::PatchOp;
//! use scim2_core::{Policy, ResourceType, syntax::Filter};
//!
//! let (users, policy) = (ResourceType::user(), Policy::strict());
//! let body = br#"{
//!     "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"],
//!     "userName": "bjensen",
//!     "password": "t1meMa$heen",
//!     "EMAILS": [{ "type": "work", "value": "bjensen@example.com" }]
//! }"#;
//! let mut user = users.validate_new(users.ingest(body, &policy)?, &policy)?.into_inner();
//!
//! let filter: Filter = r#"emails[type eq "work" and value ew "@example.com"]"#.parse()?;
//! assert!(users.bind(&filter, &policy)?.matches(&user));
//!
//! let op = PatchOp::new().replace(r#"emails[type eq "work"].value"#, "babs@example.com");
//! let changes = users.patch(&mut user, &op, &policy)?;
//! assert!(changes.touches("emails"));
//!
//! let shown = users.projection(&[], &[], &policy)?.apply(&users, user, None);
//! assert_eq!(shown.get("emails").unwrap()[0]["value"], "babs@example.com");
//! assert_eq!(shown.get("password"), None);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! | type | what it is |
//! |---|---|
//! | [`Resource`], [`Valid`] | a whole JSON object in schema spelling; one that may be stored |
//! | [`User`], [`Group`], [`EnterpriseUser`](enterprise::EnterpriseUser), [`TypedResource`] | the same with fields, and an application's own |
//! | [`Schema`], [`ResourceType`], [`Catalog`] | what there may be; what all the verbs hang on: `ingest`, `validate_new`, `bind`, `patch`, `projection` |
//! | [`Policy`] | every tolerance by name, strict by default |
//! | [`BoundFilter`](bind::BoundFilter) | what a filter means for a resource type |
//! | [`PatchOp`](patch_op::PatchOp), [`ChangeSet`](change::ChangeSet), [`diff`](diff::diff()) | a change, what it did, and the least one between two states |
//! | [`Projection`](project::Projection) | which attributes an answer carries |
//! | [`Error`], [`ScimType`] | the error of the wire |

mod accept;
pub mod bind;
pub mod bulk;
pub mod canonical;
pub mod catalog;
pub mod change;
pub mod common;
pub mod config;
pub mod diff;
pub mod discovery;
pub mod enterprise;
pub mod error;
pub mod etag;
mod eval;
mod extension;
pub mod group;
pub mod ingest;
pub mod json;
pub mod key;
pub mod lint;
pub mod list;
#[doc(hidden)]
pub mod macros;
pub mod patch;
pub mod patch_op;
mod percent;
pub mod policy;
#[cfg(feature = "precis")]
pub mod precis;
pub mod project;
pub mod resource;
pub mod rules;
pub mod schema;
pub mod search;
pub mod secret;
pub mod sort;
mod subset;
pub mod user;
pub mod validate;
pub mod value;
mod view;
mod violation;

pub use catalog::{Catalog, ResourceType};
pub use common::TypedResource;
pub use error::{Error, ScimType};
pub use group::Group;
pub use policy::Policy;
pub use resource::{Resource, Valid};
pub use schema::Schema;
pub use scim2_syntax as syntax;
pub use user::User;

/// The README's example, as a test.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
