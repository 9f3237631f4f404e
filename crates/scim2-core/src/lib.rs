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

mod accept;
pub mod bind;
pub mod bulk;
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
pub mod policy;
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
