//! Why an object could not be provisioned, in the words of Entra ID's provisioning log.

use std::fmt;

use scim2_client::{ClientError, ErrorClass};
use serde::{Deserialize, Serialize};

macro_rules! codes {
    ($( $(#[$meta:meta])* $variant:ident, )+) => {
        /// The error codes of Entra ID's provisioning log that occur here, under Entra's names.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
        #[non_exhaustive]
        pub enum ErrorCode {
            $( $(#[$meta])* $variant, )+
        }

        impl ErrorCode {
            /// The code as it stands in the log.
            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self { $( Self::$variant => stringify!($variant), )+ }
            }
        }
    };
}

codes! {
    /// An attribute has more values than the target takes, or of another kind.
    SchemaPropertyCanOnlyAcceptValue,
    /// An attribute that the target requires has no value.
    MandatoryFieldsMissing,
    /// The target does not have the attribute.
    SchemaAttributeNotFound,
    /// The target understood the request and refuses what it says.
    UnprocessableEntity,
    /// The target answered 400 and does not say why, or its answer is no SCIM.
    SystemForCrossDomainIdentityManagementServiceIncompatible,
    /// A value that must be unique is taken.
    EntryConflict,
    /// The target has an object that matches, and another client owns it.
    Conflict,
    /// The target has several objects that match.
    DuplicateTargetEntries,
    /// Several source objects have the same value where the target takes it once.
    DuplicateSourceEntries,
    /// The target no longer has the object that was linked.
    InvalidAnchor,
    /// The source value cannot be turned into what the target takes.
    InternalError,
    /// The credentials are refused.
    Unauthorized,
    /// The credentials do not allow this.
    InsufficientRights,
    /// The target does not offer this.
    MethodNotAllowed,
    /// The target does not offer this yet.
    NotImplemented,
    /// The target wants a slower pace.
    TooManyRequests,
    /// The target failed.
    InternalServerError,
    /// The target could not be reached, or its answer got lost.
    WebExceptionProtocolError,
    /// So many objects would be removed that a person has to agree first.
    QuarantineOnDemand,
}

impl fmt::Display for ErrorCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Why one object could not be provisioned, and what to do about it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Problem {
    /// The kind of problem.
    pub code: ErrorCode,
    /// The attribute that is at fault, where that is known.
    pub attribute: Option<String>,
    /// What was found, such as `3 values (work, mobile, fax)`.
    pub found: Option<String>,
    /// What the target takes, such as `1 value`.
    pub allowed: Option<String>,
    /// What happened, in a sentence.
    pub reason: String,
    /// What to do, in a sentence.
    pub remedy: String,
    /// The HTTP status of the target's answer.
    pub status: Option<u16>,
    /// The target's answer, as far as it was kept.
    pub answer: Option<String>,
}

impl Problem {
    /// A problem that was found before anything was sent.
    #[must_use]
    pub fn new(code: ErrorCode, reason: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self {
            code,
            attribute: None,
            found: None,
            allowed: None,
            reason: reason.into(),
            remedy: remedy.into(),
            status: None,
            answer: None,
        }
    }

    /// The same problem, with the attribute at fault.
    #[must_use]
    pub fn attribute(self, attribute: impl Into<String>) -> Self {
        Self { attribute: Some(attribute.into()), ..self }
    }

    /// What the target's answer says, explained by what was found wrong with the request
    /// beforehand, if anything was: real targets often say no more than "400".
    #[must_use]
    pub fn of<'p>(error: &ClientError, known: impl IntoIterator<Item = &'p Self>) -> Self {
        let status = error.status().map(|status| status.as_u16());
        let answer = match error.body() {
            [] => None,
            body => Some(String::from_utf8_lossy(body).into_owned()),
        };
        let explains = |known: &&Self| match error.class() {
            ErrorClass::Invalid => true,
            ErrorClass::Conflict => known.code == ErrorCode::DuplicateSourceEntries,
            _ => false,
        };
        if let Some(known) = known.into_iter().find(explains) {
            return Self { status, answer, ..known.clone() };
        }
        let (code, remedy) = explanation(error, status);
        let reason = match error_source(error) {
            Some(cause) => format!("{error}: {cause}"),
            None => error.to_string(),
        };
        Self { status, answer, ..Self::new(code, reason, remedy) }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}; {}", self.code, self.reason, self.remedy)
    }
}

fn error_source(error: &ClientError) -> Option<String> {
    std::error::Error::source(error).map(ToString::to_string)
}

fn explanation(error: &ClientError, status: Option<u16>) -> (ErrorCode, &'static str) {
    use ErrorCode as C;
    match (error.class(), status) {
        (ErrorClass::Auth, Some(403)) => {
            (C::InsufficientRights, "give the token the right to change users and groups")
        }
        (ErrorClass::Auth, _) => (C::Unauthorized, UNAUTHORIZED_REMEDY),
        (ErrorClass::Conflict, _) => (
            C::EntryConflict,
            "find the target object that has this user name, display name or external id, \
             and rename or remove one of the two",
        ),
        (ErrorClass::Gone, _) => (C::InvalidAnchor, "the object is matched anew in the next round"),
        (ErrorClass::Unsupported, Some(501)) => {
            (C::NotImplemented, "choose a profile that fits the target")
        }
        (ErrorClass::Unsupported, _) => {
            (C::MethodNotAllowed, "choose a profile that fits the target")
        }
        (_, Some(429)) => {
            (C::TooManyRequests, "nothing to do: it is tried again in the next cycle")
        }
        (_, Some(422)) | (ErrorClass::Precondition | ErrorClass::TooLarge, _) => (
            C::UnprocessableEntity,
            "see the target's answer, and correct the object or its mapping",
        ),
        (_, Some(500..=599)) => {
            (C::InternalServerError, "nothing to do: it is tried again in the next cycle")
        }
        (ErrorClass::Retryable | ErrorClass::Ambiguous, _) => {
            (C::WebExceptionProtocolError, "nothing to do: it is tried again in the next cycle")
        }
        _ => (
            C::SystemForCrossDomainIdentityManagementServiceIncompatible,
            "see the target's answer and its own log, and correct the object or its mapping",
        ),
    }
}

/// What to check when the target refuses the credentials.
pub(crate) const UNAUTHORIZED_REMEDY: &str = "check the token and the base URL; some targets, AWS IAM Identity Center among them, answer \
     401 also for a wrong tenant in the URL or a doubled slash";
