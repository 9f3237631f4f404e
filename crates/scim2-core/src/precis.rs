//! User names and passwords as PRECIS wants them (RFC 7644 §5 and §7.8, RFC 8265; ruling F25).
//!
//! Needs the feature `precis`, which by itself changes nothing: a resource type asks for it.
//!
//! ```
//! use scim2_core::{Policy, ResourceType, syntax::Filter};
//!
//! let users = ResourceType::user().with_precis()?;
//! let policy = Policy::strict();
//! let user = users.ingest("{\"userName\": \"\u{ff22}Jensen\"}".as_bytes(), &policy)?;
//! assert_eq!(user.text("userName"), Some("BJensen"));
//! let filter: Filter = r#"userName eq "bjensen""#.parse().unwrap();
//! assert!(users.bind(&filter, &policy)?.matches(&user));
//!
//! let unassigned = "{\"userName\": \"b\u{e0080}\"}";
//! assert!(users.ingest(unassigned.as_bytes(), &policy).is_err());
//! # Ok::<(), scim2_core::Error>(())
//! ```

use precis_profiles::precis_core::profile::PrecisFastInvocation;
use precis_profiles::{OpaqueString, UsernameCaseMapped, UsernameCasePreserved};

use crate::canonical::Canonical;
use crate::catalog::ResourceType;
use crate::error::Error;

/// What user names must be, for messages.
const USER_NAME: &str = "a user name of letters, digits and ASCII signs, as RFC 8265 §3 has it";

/// The profile UsernameCaseMapped (RFC 8265 §3.3): full-width characters become ordinary ones,
/// upper case becomes lower case, and what no user name may hold is refused. Words with spaces
/// between them are prepared one by one (RFC 8265 §3.1).
#[must_use]
pub fn username_case_mapped() -> Canonical {
    Canonical::new(USER_NAME, |text| {
        user_name(text, |part| UsernameCaseMapped::enforce(part).ok().map(Into::into))
    })
}

/// The profile UsernameCasePreserved (RFC 8265 §3.4): the same, with the case as it is.
#[must_use]
pub fn username_case_preserved() -> Canonical {
    Canonical::new(USER_NAME, |text| {
        user_name(text, |part| UsernameCasePreserved::enforce(part).ok().map(Into::into))
    })
}

/// The profile OpaqueString (RFC 8265 §4.2): spaces of every kind become the ordinary one, and
/// control and unassigned characters are refused.
#[must_use]
pub fn opaque_string() -> Canonical {
    Canonical::new("text without control and unassigned characters", |text| {
        OpaqueString::enforce(text).ok().map(Into::into)
    })
}

/// `username = userpart *(1*SP userpart)` (RFC 8265 §3.1).
fn user_name(text: &str, enforce: impl Fn(&str) -> Option<String>) -> Option<String> {
    if text.starts_with(' ') || text.ends_with(' ') {
        return None;
    }
    let parts = text.split(' ');
    let parts = parts.map(|part| if part.is_empty() { Some(String::new()) } else { enforce(part) });
    Some(parts.collect::<Option<Vec<_>>>()?.join(" "))
}

impl ResourceType {
    /// The same type with `userName` and `password` prepared by PRECIS, as far as it has them
    /// (RFC 7644 §7.8).
    ///
    /// A `userName` is stored in the case in which it came, by [`username_case_preserved`].
    /// Comparison keys then map its case, so that whatever UsernameCaseMapped calls one name is one
    /// name.
    ///
    /// # Errors
    /// `invalidPath` when its schema has an attribute of such a name that is no string.
    pub fn with_precis(self) -> Result<Self, Error> {
        let forms = [("userName", username_case_preserved()), ("password", opaque_string())];
        forms.into_iter().try_fold(self, |ty, (name, canonical)| {
            if ty.schema().attribute(name).is_some() {
                ty.with_canonical(name, canonical)
            } else {
                Ok(ty)
            }
        })
    }
}
