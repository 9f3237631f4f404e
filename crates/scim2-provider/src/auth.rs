//! Who asks, for which tenant, and what they may do.
//!
//! # What only the host can see to
//!
//! - **TLS.** Tokens and personal data must not travel in the clear: what stands in front of the
//!   service provider must speak TLS 1.2 or later and check names as RFC 6125 says (RFC 7644 §7.2).
//!   The adapter of this library does not speak it.
//! - **Where tokens come from.** What RFC 7521 §8 says of OAuth tokens holds for those that are sent
//!   here: they can be stolen, sent again, and used where they were not meant to be (RFC 7644 §2.1,
//!   §7.3). An [`Authenticator`] for OAuth checks issuer, audience and expiry, and one that is told
//!   how a token came about refuses those that were issued on weak or no authentication, but for
//!   requests that are made once (RFC 7644 §2).
//! - **Passwords.** There is no authenticator for HTTP Basic. Whoever writes one combines it with
//!   another factor, such as mutual TLS (RFC 7644 §2).
//! - **Lifetime.** [`generate_token`] makes tokens of 256 random bits; how long they are good is
//!   what [`BearerToken::expires`] says, and without it they do not expire (RFC 7644 §7.4).
//! - **Guessing.** Tokens of that size cannot be guessed. Where an authenticator checks something
//!   weaker, it slows down those who try by [`AuthError::TooManyAttempts`] (RFC 7644 §7.7).

mod permissions;

use std::fmt;
use std::future::Future;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, Utc};
use http::header::AUTHORIZATION;
use http::request::Parts;
use scim2_core::config::AuthenticationScheme;
use scim2_core::resource::ResourceId;
use scim2_core::secret::Secret;
use scim2_core::syntax::{AttrPath, Filter};
use scim2_core::{Error, Resource, ResourceType};
use sha2::{Digest, Sha256};
use subtle::{Choice, ConstantTimeEq};

pub use self::permissions::Permissions;
use crate::clock::{Clock, SystemClock};
use crate::scope::Scope;

/// Finds out who sends a request (RFC 7644 §2).
///
/// It runs inside the service provider, on the route that was parsed for dispatch: there is no
/// path that reaches a resource without it.
///
/// [`BearerTokens`] is the one for fixed tokens. For OAuth, JWT or mutual TLS, write one that
/// looks at the headers, or at what an outer layer left in `parts.extensions`.
pub trait Authenticator: Send + Sync + 'static {
    /// Tells who sends the request.
    ///
    /// # Errors
    /// When nobody can be made out. The client is then answered 401, 429 or 503.
    fn authenticate(
        &self,
        parts: &Parts,
    ) -> impl Future<Output = Result<Principal, AuthError>> + Send;

    /// Whether this principal may do this: by default, if its permissions say so. Called for every
    /// operation on resources, those of a bulk request included, after the route is known and
    /// before the store is asked; false is answered 403.
    fn authorize(&self, principal: &Principal, action: &Action<'_>) -> bool {
        principal.permissions.allow(action)
    }

    /// Which resources of a type this principal may see and touch; all of them without a filter.
    ///
    /// It is part of every query, so that totals count nothing else (ruling Q27), and a resource
    /// that it does not match is answered 404, as one that is not there. What a client creates or
    /// makes of a resource may lie outside of it, groups list members that the client cannot see,
    /// and a unique value is taken whoever has it.
    fn visible(&self, _: &Principal, _: &ResourceType) -> Option<Filter> {
        None
    }

    /// The attributes of a type that are not there for this principal (SEC-08): `title`, or
    /// `urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:costCenter`, each as a whole.
    ///
    /// They are neither shown nor found nor sorted by, whatever the policy makes of unknown
    /// attributes in filters (nor can `schemas` be asked for where something of an extension is
    /// hidden), and writing one is writing an unknown attribute. PUT and PATCH leave
    /// what others wrote there. `id`, `externalId`, `schemas` and `meta` cannot be hidden; where
    /// something else is no attribute of the type either, everything is answered 500.
    ///
    /// A name that is hidden in users is still the `display` of group members and the
    /// `displayName` of managers, a unique value is taken whoever can read it, a version changes
    /// with what nobody sees, and `/Schemas` describes everything.
    ///
    /// ```
    /// use scim2_core::ResourceType;
    /// use scim2_core::syntax::AttrPath;
    /// use scim2_provider::auth::Principal;
    /// fn hidden(principal: &Principal, ty: &ResourceType) -> Vec<AttrPath> {
    ///     match (&*principal.name, ty.name()) {
    ///         ("helpdesk", "User") => "phoneNumbers".parse().into_iter().collect(),
    ///         _ => Vec::new(),
    ///     }
    /// }
    /// # let _ = hidden;
    /// ```
    fn hidden(&self, _: &Principal, _: &ResourceType) -> Vec<AttrPath> {
        Vec::new()
    }

    /// Has a say on what this principal creates, after the body is read and before it is validated:
    /// may change it, as when what strangers sign up is inactive until somebody has looked, or
    /// refuse it (RFC 7644 §7.6).
    ///
    /// To let strangers sign up at all (RFC 7644 §2.2), [`authenticate`](Self::authenticate) gives
    /// requests without credentials a principal, and [`authorize`](Self::authorize) lets it do
    /// nothing but [`Verb::Create`].
    ///
    /// # Errors
    /// What the client is answered.
    fn admit(&self, _: &Principal, _: &ResourceType, _: &mut Resource) -> Result<(), Error> {
        Ok(())
    }

    /// The name of the resource type that this principal makes of itself by POST to `/Me`, at the
    /// service provider's discretion (RFC 7644 §3.11). None, the default, is answered 501.
    fn self_registration(&self, _: &Principal) -> Option<&str> {
        None
    }

    /// What `/ServiceProviderConfig` says about how clients prove who they are.
    fn schemes(&self) -> Vec<AuthenticationScheme> {
        vec![AuthenticationScheme::bearer_token()]
    }

    /// The value of `WWW-Authenticate` in a 401.
    fn challenge(&self, error: &AuthError) -> String {
        match error {
            AuthError::Invalid => r#"Bearer realm="scim", error="invalid_token""#.into(),
            _ => r#"Bearer realm="scim""#.into(),
        }
    }
}

/// An authenticated client.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Principal {
    /// What it may see.
    pub scope: Scope,
    /// What to call it in logs: a name, never a secret.
    pub name: Box<str>,
    /// What it may do.
    pub permissions: Permissions,
    /// The resource that the client is, if it is one: what `/Me` stands for.
    pub subject: Option<Subject>,
}

/// The resource that a client is (RFC 7644 §3.11).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Subject {
    /// The name of its type: `User`.
    pub resource_type: Box<str>,
    /// Its `id`.
    pub id: ResourceId,
}

impl Principal {
    /// A client of this name that works in this scope, and may do everything there.
    #[must_use]
    pub fn new(name: &str, scope: Scope) -> Self {
        Self { scope, name: name.into(), permissions: Permissions::all(), subject: None }
    }

    /// The same client, allowed no more than this.
    #[must_use]
    pub fn with_permissions(self, permissions: Permissions) -> Self {
        Self { permissions, ..self }
    }

    /// The same client, which is this resource.
    #[must_use]
    pub fn with_subject(self, resource_type: &str, id: impl Into<ResourceId>) -> Self {
        let subject = Subject { resource_type: resource_type.into(), id: id.into() };
        Self { subject: Some(subject), ..self }
    }
}

/// What a request is about to do.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Action<'a> {
    /// To which type of resource.
    pub resource_type: &'a ResourceType,
    /// What.
    pub verb: Verb,
}

impl<'a> Action<'a> {
    /// This, to resources of this type.
    pub(crate) fn new(resource_type: &'a ResourceType, verb: Verb) -> Self {
        Self { resource_type, verb }
    }
}

/// What is done to resources (RFC 7644 Table 1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Verb {
    /// POST of a new resource.
    Create,
    /// GET of one resource.
    Read,
    /// GET of an endpoint, or POST to `.search`.
    Query,
    /// PUT.
    Replace,
    /// PATCH.
    Patch,
    /// DELETE.
    Delete,
}

impl Verb {
    /// All of them.
    pub const ALL: [Self; 6] =
        [Self::Create, Self::Read, Self::Query, Self::Replace, Self::Patch, Self::Delete];

    /// The verb as logs name it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::Read => "get",
            Self::Query => "search",
            Self::Replace => "replace",
            Self::Patch => "patch",
            Self::Delete => "delete",
        }
    }
}

/// Why nobody was made out.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AuthError {
    /// The request has no credentials.
    #[error("the request has no credentials")]
    Missing,
    /// The credentials are wrong, expired or revoked. It is not said which.
    #[error("the credentials are not valid")]
    Invalid,
    /// Credentials cannot be checked now.
    #[error("credentials cannot be checked now")]
    Unavailable,
    /// Whoever sends this has tried too often (RFC 7644 §7.7).
    #[error("there were too many attempts, try again later")]
    TooManyAttempts {
        /// When the next attempt will be looked at.
        retry_after: Duration,
    },
}

/// Fixed bearer tokens (RFC 6750), several at once, so that one can be exchanged without a gap.
///
/// Only SHA-256 hashes are kept. Each request is compared with all of them in constant time.
///
/// ```
/// use scim2_provider::{Scope, TenantId};
/// use scim2_provider::auth::{BearerToken, BearerTokens, generate_token};
/// let token = generate_token()?;
/// let scope = Scope::tenant(TenantId::new("acme").unwrap());
/// let tokens = BearerTokens::new([BearerToken::new("entra", &token, scope)?]);
/// # let _ = tokens;
/// # Ok::<(), scim2_provider::auth::TokenError>(())
/// ```
pub struct BearerTokens {
    tokens: RwLock<Arc<[BearerToken]>>,
    clock: Arc<dyn Clock>,
}

impl BearerTokens {
    /// Accepts these tokens, and nothing if there are none.
    #[must_use]
    pub fn new(tokens: impl IntoIterator<Item = BearerToken>) -> Self {
        Self { tokens: RwLock::new(tokens.into_iter().collect()), clock: Arc::new(SystemClock) }
    }

    /// The same tokens, expiring by another clock.
    #[must_use]
    pub fn with_clock(self, clock: Arc<dyn Clock>) -> Self {
        Self { clock, ..self }
    }

    /// Accepts these tokens from now on, and no others: to add one, or to revoke one.
    pub fn set(&self, tokens: impl IntoIterator<Item = BearerToken>) {
        let tokens = tokens.into_iter().collect();
        *self.tokens.write().unwrap_or_else(PoisonError::into_inner) = tokens;
    }

    /// Finds a token's principal. Looks at every token, whatever it finds.
    fn find(&self, presented: &str) -> Option<Principal> {
        let tokens = self.tokens.read().unwrap_or_else(PoisonError::into_inner).clone();
        let now = self.clock.now();
        let hash = hash(presented);
        let mut found = None;
        for token in tokens.iter() {
            let live = token.expires.is_none_or(|expires| now < expires);
            let matches = token.hash.ct_eq(&hash) & Choice::from(u8::from(live));
            if bool::from(matches) {
                found = Some(token.principal.clone());
            }
        }
        found
    }
}

impl fmt::Debug for BearerTokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let tokens = self.tokens.read().unwrap_or_else(PoisonError::into_inner);
        write!(f, "BearerTokens({} tokens)", tokens.len())
    }
}

impl Authenticator for BearerTokens {
    async fn authenticate(&self, parts: &Parts) -> Result<Principal, AuthError> {
        let mut headers = parts.headers.get_all(AUTHORIZATION).iter();
        let header = headers.next().ok_or(AuthError::Missing)?;
        if headers.next().is_some() {
            return Err(AuthError::Invalid);
        }
        let text = header.to_str().map_err(|_| AuthError::Invalid)?;
        let (scheme, token) = text.trim().split_once(' ').unwrap_or((text.trim(), ""));
        if !scheme.eq_ignore_ascii_case("bearer") {
            return Err(AuthError::Missing);
        }
        let token = token.trim();
        if token.is_empty() {
            return Err(AuthError::Invalid);
        }
        self.find(token).ok_or(AuthError::Invalid)
    }
}

/// One token that is accepted: its hash, whom it stands for, and until when.
#[derive(Clone)]
pub struct BearerToken {
    hash: [u8; 32],
    principal: Principal,
    expires: Option<DateTime<Utc>>,
}

impl BearerToken {
    /// A token that stands for a client of this name. The secret itself is not kept.
    ///
    /// # Errors
    /// [`TokenError::Unusable`] when no client could send it: it is empty, or not of the
    /// characters of RFC 6750 §2.1.
    pub fn new(name: &str, secret: &Secret, scope: Scope) -> Result<Self, TokenError> {
        let text = secret.expose();
        if text.is_empty() || !text.bytes().all(is_token_byte) {
            return Err(TokenError::Unusable);
        }
        Ok(Self { hash: hash(text), principal: Principal::new(name, scope), expires: None })
    }

    /// The same token, allowed no more than this.
    #[must_use]
    pub fn permissions(self, permissions: Permissions) -> Self {
        Self { principal: self.principal.with_permissions(permissions), ..self }
    }

    /// The same token, held by this resource, which is then what `/Me` stands for.
    #[must_use]
    pub fn subject(self, resource_type: &str, id: impl Into<ResourceId>) -> Self {
        Self { principal: self.principal.with_subject(resource_type, id), ..self }
    }

    /// The same token, accepted only before this time.
    #[must_use]
    pub fn expires(self, at: DateTime<Utc>) -> Self {
        Self { expires: Some(at), ..self }
    }
}

impl fmt::Debug for BearerToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BearerToken")
            .field("name", &self.principal.name)
            .field("expires", &self.expires)
            .finish_non_exhaustive()
    }
}

/// Why there is no token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TokenError {
    /// The secret is empty or has characters that a bearer token must not have.
    #[error("a bearer token must not be empty and must be of letters, digits and `-._~+/=` alone")]
    Unusable,
    /// The operating system gave no random numbers.
    #[error("no random numbers to make a token of")]
    NoRandomness,
}

/// Makes a bearer token of 256 random bits, with a prefix by which scanners for leaked secrets
/// know it.
///
/// # Errors
/// [`TokenError::NoRandomness`] when the operating system gives no random numbers.
pub fn generate_token() -> Result<Secret, TokenError> {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes).map_err(|_| TokenError::NoRandomness)?;
    Ok(Secret::from(format!("{TOKEN_PREFIX}{}", URL_SAFE_NO_PAD.encode(bytes))))
}

/// How the tokens of [`generate_token`] begin.
pub const TOKEN_PREFIX: &str = "scim2_";

fn hash(token: &str) -> [u8; 32] {
    Sha256::digest(token.as_bytes()).into()
}

/// `b64token` of RFC 6750 §2.1.
fn is_token_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._~+/=".contains(&byte)
}
