//! The grammars of SCIM 2.0: filters, attribute paths and PATCH paths (RFC 7644 §3.4.2.2, §3.5.2, §3.10).
//!
//! This crate knows what is written, and nothing of what it means: whether an attribute exists, and whether a user
//! matches, is for crates that know schemas. It reads the whole grammar, prints it in one canonical form, and says
//! precisely what is wrong with what it does not read. Nothing in it recurses, panics on outside input or takes more
//! than linear time.
//!
//! ```
//! use scim2_syntax::{Expr, Filter, PatchPath};
//!
//! let filter: Filter = r#"userName Eq "bjensen" and (title pr)"#.parse()?;
//! assert_eq!(filter, Filter::eq("userName", "bjensen").and(Filter::present("title")));
//! assert_eq!(filter.to_string(), r#"userName eq "bjensen" and title pr"#);
//!
//! let path: PatchPath = r#"emails[type eq "work"].value"#.parse()?;
//! assert_eq!(path.attr.name, "emails");
//!
//! let error = "userName regex 1".parse::<Filter>().unwrap_err();
//! assert!(error.to_string().starts_with("unknown operator `regex` at byte 9, expected `eq`, `ne`"));
//! # Ok::<(), scim2_syntax::ParseError>(())
//! ```
//!
//! New to SCIM filters? Read the [`guide`].
//!
//! # Main types
//!
//! | type | text |
//! |---|---|
//! | [`Filter`] | `userName eq "bjensen" and title pr`; walked with [`Filter::expr`] or [`Filter::fold`] |
//! | [`PatchPath`] | `emails[type eq "work"].value` |
//! | [`AttrPath`] | `urn:ietf:params:scim:schemas:core:2.0:User:name.givenName` |
//! | [`AttrName`], [`SchemaUri`] | the parts of a path; equal without ASCII case |
//! | [`CompareOp`], [`CompareValue`], [`Number`] | the parts of an expression |
//! | [`SyntaxPolicy`] | which texts beyond the RFC are taken, and how large they may be |
//! | [`ParseError`] | what is wrong, where, and what was expected |
//!
//! # Features
//!
//! | feature | default | gives |
//! |---|---|---|
//! | `serde` | no | names, URIs, paths and filters as strings |
//!
//! The crate needs `alloc` but not `std`, and one dependency (`compact_str`, for short strings without heap).

#![no_std]

extern crate alloc;

mod build;
mod class;
mod error;
mod explain;
mod filter;
mod fold;
pub mod guide;
mod lex;
mod name;
mod parse;
mod path;
mod policy;
mod print;
#[cfg(feature = "serde")]
mod serde;
mod text;
mod tree;
mod uri;
mod value;

pub use build::IntoAttrPath;
pub use error::{ParseError, ParseErrorKind, Render};
pub use explain::Explain;
pub use filter::{AttrPaths, Expr, Filter, FilterRef, Terms, UsedPath};
pub use fold::Fold;
pub use name::AttrName;
pub use path::{AttrPath, PatchPath};
pub use policy::SyntaxPolicy;
pub use text::SmallStr;
pub use uri::SchemaUri;
pub use value::{CompareOp, CompareValue, Number};

/// The README's example, as a test.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
