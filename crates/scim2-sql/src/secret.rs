//! What is never read back: hashed, in a table that no read joins.

use argon2::password_hash::{Error, PasswordHash, PasswordHasher, PasswordVerifier, SaltString};
use argon2::{Algorithm, Argon2, Params, Version};
use scim2_core::key::comparison_key;
use scim2_provider::store::{SecretValue, StoreError};
use serde_json::Value;

/// Bytes of salt (RFC 9106 §3.1).
const SALT: usize = 16;

/// What becomes of values that are never returned, such as `password`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Secrets {
    /// They are hashed with Argon2id, and can be checked with
    /// [`verify_secret`](crate::SqliteStore::verify_secret).
    #[default]
    Hash,
    /// They are dropped.
    Drop,
}

/// A secret and the hash that is kept of it.
#[derive(Clone, Debug)]
pub(crate) struct Hashed {
    pub(crate) path: String,
    pub(crate) hash: String,
}

/// Hashes secrets. This takes tens of milliseconds each, so it is not for the thread that writes.
pub(crate) fn hash_all(secrets: &[SecretValue]) -> Result<Vec<Hashed>, StoreError> {
    secrets
        .iter()
        .map(|secret| {
            let mut salt = [0; SALT];
            getrandom::fill(&mut salt).map_err(|_| StoreError::internal("no random numbers"))?;
            let salt = SaltString::encode_b64(&salt).map_err(failed)?;
            let hash = hasher()?.hash_password(&text(&secret.value), &salt).map_err(failed)?;
            Ok(Hashed { path: secret.path.clone(), hash: hash.to_string() })
        })
        .collect()
}

/// Whether a text is the secret that was hashed.
pub(crate) fn verify(hash: &str, secret: &str) -> Result<bool, StoreError> {
    let hash = PasswordHash::new(hash).map_err(failed)?;
    match hasher()?.verify_password(&text(&Value::from(secret)), &hash) {
        Ok(()) => Ok(true),
        Err(Error::Password) => Ok(false),
        Err(error) => Err(failed(error)),
    }
}

/// Argon2id with 19 MiB, 2 passes and 1 lane, as OWASP's password storage cheat sheet has it.
fn hasher() -> Result<Argon2<'static>, StoreError> {
    let params = Params::new(19 * 1024, 2, 1, None).map_err(|error| failed(error.into()))?;
    Ok(Argon2::new(Algorithm::Argon2id, Version::V0x13, params))
}

/// A password is compared by code points whatever its schema says of case (ruling F26).
fn text(value: &Value) -> Vec<u8> {
    match value {
        Value::String(text) => comparison_key(true, text).into_owned().into_bytes(),
        value => value.to_string().into_bytes(),
    }
}

fn failed(error: Error) -> StoreError {
    StoreError::internal(format!("a secret could not be hashed: {error}"))
}
