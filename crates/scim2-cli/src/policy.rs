//! Policies by name.

use clap::ValueEnum;
use scim2_core::Policy;

/// Whose dialect is accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum PolicyName {
    /// The letter of the RFCs.
    Strict,
    /// Every tolerance that cannot change what a legal request means.
    Lenient,
    /// What Entra ID sends.
    Entra,
    /// What Okta sends.
    Okta,
    /// What AWS IAM Identity Center takes.
    Aws,
}

impl PolicyName {
    pub(crate) fn policy(self) -> Policy {
        match self {
            Self::Strict => Policy::strict(),
            Self::Lenient => Policy::lenient(),
            Self::Entra => scim2_vendor::entra::policy(),
            Self::Okta => scim2_vendor::okta::policy(),
            Self::Aws => scim2_vendor::aws::policy(),
        }
    }
}
