//! Canonical forms that an application asks for (RFC 7643 §2.4 and §4.1.2; ruling W21).

use std::fmt;
use std::sync::Arc;

/// Brings the values of an attribute into one form, where RFC 7643 has a service provider
/// canonicalize them: phone numbers (§4.1.2), e-mail addresses, user names.
///
/// Nothing is canonicalized unless an application asks for it, because provisioning clients compare
/// what they sent with what they read. Where it does, values are stored and returned in that form,
/// and filters, sort order, uniqueness and PATCH compare it: a filter's literal gets the form too,
/// except with `co`, `sw` and `ew`, which ask for a part. A value that has no such form is refused
/// with `invalidValue`.
///
/// The function must leave alone what it made. Data that was stored before does not get the form
/// by itself.
///
/// ```
/// use scim2_core::canonical::Canonical;
/// use scim2_core::{Policy, ResourceType, syntax::Filter};
///
/// let lower_domain = Canonical::new("an e-mail address with one `@`", |text| {
///     let (local, domain) = text.split_once('@')?;
///     (!domain.contains('@')).then(|| format!("{local}@{}", domain.to_lowercase()))
/// });
/// let users = ResourceType::user().with_canonical("emails.value", lower_domain)?;
/// let policy = Policy::strict();
/// let user = users.ingest(br#"{"emails": [{"value": "Babs@EXAMPLE.com"}]}"#, &policy)?;
/// assert_eq!(user.get("emails").unwrap()[0]["value"], "Babs@example.com");
///
/// let error = users.ingest(br#"{"emails": [{"value": "babs"}]}"#, &policy).unwrap_err();
/// assert!(
///     error.message().unwrap().starts_with("`emails[0].value` must be an e-mail address with one `@`"),
/// );
/// # Ok::<(), scim2_core::Error>(())
/// ```
#[derive(Clone)]
pub struct Canonical(Arc<Inner>);

struct Inner {
    expected: &'static str,
    form: Box<Form>,
}

type Form = dyn Fn(&str) -> Option<String> + Send + Sync;

impl Canonical {
    /// A canonical form: what values must be, for messages, and the form of a value, if it has
    /// one.
    #[must_use]
    pub fn new(
        expected: &'static str,
        form: impl Fn(&str) -> Option<String> + Send + Sync + 'static,
    ) -> Self {
        Self(Arc::new(Inner { expected, form: Box::new(form) }))
    }

    /// The form of a value, if it has one.
    #[must_use]
    pub fn form(&self, text: &str) -> Option<String> {
        (self.0.form)(text)
    }

    /// What values must be.
    pub(crate) fn expected(&self) -> &'static str {
        self.0.expected
    }
}

impl fmt::Debug for Canonical {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Canonical").field(&self.0.expected).finish()
    }
}

/// One is equal to its copies alone: functions cannot be compared.
impl PartialEq for Canonical {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}
