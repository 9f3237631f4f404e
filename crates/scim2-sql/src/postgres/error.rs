//! What a failed statement means.

use std::time::Duration;

use deadpool_postgres::PoolError;
use scim2_provider::store::StoreError;
use tokio_postgres::error::SqlState;

/// When to try again a database that is starting, stopping or too busy.
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// Why a store could not be opened.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConnectError {
    /// The database could not be reached, or a statement failed.
    #[error("the database failed")]
    Database(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// A root certificate cannot be one.
    #[error("the root certificate cannot be used")]
    Root(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The connection string cannot be read.
    #[error("the connection string cannot be read")]
    Config(#[source] tokio_postgres::Error),
    /// The tables were made by a newer version of this library.
    #[error("the store has schema version {found}, this library knows no more than {known}")]
    Newer {
        /// The version of the tables.
        found: i64,
        /// The newest version that this library knows.
        known: i64,
    },
    /// The tables were made by an earlier version of this library, and are not to be changed.
    #[error("the store has schema version {found}: a store must be opened once to have {known}")]
    Older {
        /// The version of the tables.
        found: i64,
        /// The version that opening the store gives them.
        known: i64,
    },
    /// There are no tables, and none are to be made.
    #[error("the database holds no store of SCIM resources")]
    Missing,
    /// The comparison keys in the tables were made by other rules, so that look-ups would miss.
    /// [`PostgresStoreBuilder::reindex`](crate::PostgresStoreBuilder::reindex) makes them anew.
    #[error("the store's comparison keys have version `{found}`, this library makes `{known}`")]
    FoldVersion {
        /// The version in the tables.
        found: String,
        /// The version that this library makes.
        known: String,
    },
    /// The keys of a type's resources were made by other rules than the catalog's, in which for
    /// instance an attribute is unique that was not: look-ups would miss, and uniqueness would not
    /// hold. [`PostgresStoreBuilder::reindex`](crate::PostgresStoreBuilder::reindex) makes them
    /// anew.
    #[error("the keys of resource type `{resource_type}` were made by other rules: {difference}")]
    TypeRules {
        /// The name of the type.
        resource_type: String,
        /// A rule of the store, and one of the catalog.
        difference: String,
    },
    /// Two resources have the same unique value under this library's rules.
    #[error("two resources have the same value of `{attribute}`: `{first}` and `{second}`")]
    Collision {
        /// The attribute.
        attribute: String,
        /// The `id` of one.
        first: String,
        /// The `id` of the other.
        second: String,
    },
    /// A resource has a type that the catalog does not have.
    #[error("the store holds resources of type `{name}`, which the catalog does not have")]
    UnknownType {
        /// The name of the type.
        name: String,
    },
    /// A document in the store cannot be read.
    #[error("the store is damaged")]
    Damaged(#[source] StoreError),
    /// The database does not keep text as UTF-8.
    #[error("the database's encoding is `{found}`: it must be `UTF8`")]
    Encoding {
        /// The encoding.
        found: String,
    },
}

impl ConnectError {
    /// For the caller of a store that is open.
    pub(crate) fn into_store_error(self) -> StoreError {
        match self {
            error @ Self::Database(_) => {
                StoreError::Unavailable { retry_after: None, source: Some(Box::new(error)) }
            }
            error => StoreError::internal(error),
        }
    }

    /// Whether another process that opens the store was in the way.
    pub(crate) fn is_race(&self) -> bool {
        let Self::Database(error) = self else { return false };
        error.downcast_ref::<tokio_postgres::Error>().is_some_and(is_race)
    }
}

impl From<tokio_postgres::Error> for ConnectError {
    fn from(error: tokio_postgres::Error) -> Self {
        Self::Database(Box::new(error))
    }
}

impl From<PoolError> for ConnectError {
    fn from(error: PoolError) -> Self {
        Self::Database(Box::new(error))
    }
}

/// Why one attempt at a change came to nothing.
#[derive(Debug)]
pub(crate) enum Failure {
    /// For good.
    Final(StoreError),
    /// Another transaction was in the way; nothing was changed.
    Race,
    /// The connection broke before anything was committed.
    Lost(tokio_postgres::Error),
    /// A statement is not prepared any more, or for tables as they were; nothing was changed.
    Stale(tokio_postgres::Error),
    /// Another process has made the keys anew that a change was to write; nothing was changed.
    Outdated,
}

impl From<ConnectError> for Failure {
    /// What is asked of a connection when a type is first used may fail as all else.
    fn from(error: ConnectError) -> Self {
        match error {
            ConnectError::Database(cause) => match cause.downcast::<tokio_postgres::Error>() {
                Ok(error) => (*error).into(),
                Err(cause) => StoreError::internal(cause).into(),
            },
            error => error.into_store_error().into(),
        }
    }
}

impl From<StoreError> for Failure {
    /// What only reads tells what its caller is told. What the database said is inside, and says
    /// whether it is to be tried again.
    fn from(error: StoreError) -> Self {
        type Cause = tokio_postgres::Error;
        match error {
            StoreError::Unavailable { retry_after, source: Some(source) } => {
                match source.downcast::<Cause>() {
                    Ok(error) => (*error).into(),
                    Err(source) => {
                        Self::Final(StoreError::Unavailable { retry_after, source: Some(source) })
                    }
                }
            }
            StoreError::Internal(source) => match source.downcast::<Cause>() {
                Ok(error) => (*error).into(),
                Err(source) => Self::Final(StoreError::Internal(source)),
            },
            error => Self::Final(error),
        }
    }
}

impl From<PoolError> for Failure {
    fn from(error: PoolError) -> Self {
        match error {
            PoolError::Backend(error) => error.into(),
            error => Self::Final(unavailable(error)),
        }
    }
}

impl From<tokio_postgres::Error> for Failure {
    fn from(error: tokio_postgres::Error) -> Self {
        if is_race(&error) {
            Self::Race
        } else if is_lost(&error) {
            Self::Lost(error)
        } else if is_stale(&error) {
            Self::Stale(error)
        } else {
            Self::Final(store_error(error))
        }
    }
}

impl Failure {
    /// What a commit that failed means: unless the database says that it did not commit, nobody
    /// knows whether the change was made.
    pub(crate) fn of_commit(error: tokio_postgres::Error) -> Self {
        let unknown = match error.code() {
            Some(code) => *code == SqlState::T_R_STATEMENT_COMPLETION_UNKNOWN || is_lost(&error),
            None => true,
        };
        if unknown { Self::Final(StoreError::UnknownOutcome(error.into())) } else { error.into() }
    }

    /// For the caller, once it is not to be tried again.
    pub(crate) fn into_store_error(self) -> StoreError {
        match self {
            Self::Final(error) => error,
            Self::Race => StoreError::Conflict,
            Self::Lost(error) => unavailable(error),
            Self::Stale(error) => store_error(error),
            Self::Outdated => StoreError::Unavailable {
                retry_after: Some(RETRY_AFTER),
                source: Some("another process has made the keys anew".into()),
            },
        }
    }
}

/// A failed statement as the caller of a store sees it.
pub(crate) fn store_error(error: tokio_postgres::Error) -> StoreError {
    let Some(code) = error.code().map(SqlState::code) else {
        return if is_lost(&error) { unavailable(error) } else { StoreError::internal(error) };
    };
    // 08: connection; 53: out of disk, memory or connections; 57: cancelled, shutting down,
    // starting; 58: the disk failed; 25006: only reading is possible; 55P03: a lock.
    let may_pass = ["08", "53", "57", "58"].iter().any(|class| code.starts_with(class))
        || ["25006", "55P03", "40001", "40P01"].contains(&code);
    if may_pass { unavailable(error) } else { StoreError::internal(error) }
}

/// Whether another transaction was in the way.
pub(crate) fn is_race(error: &tokio_postgres::Error) -> bool {
    let races = [&SqlState::T_R_SERIALIZATION_FAILURE, &SqlState::T_R_DEADLOCK_DETECTED];
    error.code().is_some_and(|code| races.contains(&code))
}

/// Whether a prepared statement is of no more use. Its result would have other types than before
/// (`0A000`), or a program between here and the database has forgotten it (`26000`).
fn is_stale(error: &tokio_postgres::Error) -> bool {
    let stale = [&SqlState::FEATURE_NOT_SUPPORTED, &SqlState::INVALID_SQL_STATEMENT_NAME];
    error.code().is_some_and(|code| stale.contains(&code))
}

fn is_lost(error: &tokio_postgres::Error) -> bool {
    let code = error.code().map(SqlState::code).unwrap_or_default();
    error.is_closed()
        || ["57P01", "57P02", "57P03"].contains(&code)
        || code.starts_with("08")
        || std::error::Error::source(error).is_some_and(|cause| cause.is::<std::io::Error>())
}

fn unavailable(cause: impl std::error::Error + Send + Sync + 'static) -> StoreError {
    StoreError::Unavailable { retry_after: Some(RETRY_AFTER), source: Some(Box::new(cause)) }
}

/// Short for the many places where a statement that only reads may fail.
pub(crate) trait Postgres<T> {
    fn db(self) -> Result<T, StoreError>;
}

impl<T> Postgres<T> for Result<T, tokio_postgres::Error> {
    fn db(self) -> Result<T, StoreError> {
        self.map_err(store_error)
    }
}

impl<T> Postgres<T> for Result<T, PoolError> {
    fn db(self) -> Result<T, StoreError> {
        self.map_err(|error| match error {
            PoolError::Backend(error) => store_error(error),
            error => unavailable(error),
        })
    }
}
