//! Why a file cannot be opened, and what a failed statement means.

use std::path::PathBuf;
use std::time::Duration;

use rusqlite::ErrorCode;
use scim2_provider::store::StoreError;

/// Why a store could not be opened.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// Another process has it open, or this one has it open already.
    #[error("`{path}` is in use by another store")]
    InUse {
        /// The file.
        path: PathBuf,
    },
    /// The file could not be made, locked or read.
    #[error("`{path}` cannot be opened")]
    File {
        /// The file.
        path: PathBuf,
        /// What the operating system says.
        #[source]
        source: std::io::Error,
    },
    /// The file is a database of something else.
    #[error("`{path}` is not a store of SCIM resources")]
    Foreign {
        /// The file.
        path: PathBuf,
    },
    /// The file was written by a newer version of this library.
    #[error("the store has schema version {found}, this library knows no more than {known}")]
    Newer {
        /// The version of the file.
        found: i64,
        /// The newest version that this library knows.
        known: i64,
    },
    /// The file was written by an earlier version of this library, and is only looked at.
    #[error("the store has schema version {found}: it must be opened once to have {known}")]
    Older {
        /// The version of the file.
        found: i64,
        /// The version that opening it gives it.
        known: i64,
    },
    /// The comparison keys in the file were made by other rules, so that look-ups would miss.
    /// [`SqliteStoreBuilder::reindex`](crate::SqliteStoreBuilder::reindex) makes them anew.
    #[error("the store's comparison keys have version `{found}`, this library makes `{known}`")]
    FoldVersion {
        /// The version of the file.
        found: String,
        /// The version that this library makes.
        known: String,
    },
    /// The keys of a type's resources were made by other rules than the catalog's, in which for
    /// instance an attribute is unique that was not: look-ups would miss, and uniqueness would not
    /// hold. [`SqliteStoreBuilder::reindex`](crate::SqliteStoreBuilder::reindex) makes them anew.
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
    /// The database failed.
    #[error("the database failed")]
    Database(#[source] rusqlite::Error),
    /// A thread could not be started.
    #[error("a thread could not be started")]
    Thread(#[source] std::io::Error),
    /// A document in the store cannot be read.
    #[error("the store is damaged")]
    Damaged(#[source] StoreError),
    /// A copy could not be written.
    #[error("`{path}` cannot be written")]
    Copy {
        /// The file that was to become a copy.
        path: PathBuf,
        /// Why not.
        #[source]
        source: StoreError,
    },
}

impl OpenError {
    /// For the caller of a store that is open.
    pub(crate) fn into_store_error(self) -> StoreError {
        match self {
            Self::Database(error) => store_error(error),
            Self::Damaged(error) => error,
            // What may pass, passes here too: the disk is full.
            Self::Copy { source: error @ StoreError::Unavailable { .. }, .. } => error,
            other => StoreError::internal(other),
        }
    }
}

impl From<rusqlite::Error> for OpenError {
    fn from(error: rusqlite::Error) -> Self {
        Self::Database(error)
    }
}

/// When to try again what another program, or the disk, was in the way of.
pub(crate) const RETRY_AFTER: Duration = Duration::from_secs(2);

/// A failed statement as the caller of a store sees it.
pub(crate) fn store_error(error: rusqlite::Error) -> StoreError {
    match error.sqlite_error_code() {
        // The disk is full or gone, or another program holds the file: it may pass.
        Some(
            ErrorCode::DiskFull
            | ErrorCode::SystemIoFailure
            | ErrorCode::DatabaseBusy
            | ErrorCode::DatabaseLocked
            | ErrorCode::CannotOpen
            | ErrorCode::ReadOnly
            | ErrorCode::OutOfMemory
            // It took too long.
            | ErrorCode::OperationInterrupted,
        ) => StoreError::Unavailable {
            retry_after: Some(RETRY_AFTER),
            source: Some(Box::new(error)),
        },
        _ => StoreError::internal(error),
    }
}

/// Short for the many places where a statement may fail.
pub(crate) trait Sqlite<T> {
    fn db(self) -> Result<T, StoreError>;
}

impl<T> Sqlite<T> for Result<T, rusqlite::Error> {
    fn db(self) -> Result<T, StoreError> {
        self.map_err(store_error)
    }
}

/// Whether a statement failed because a key is there already.
pub(crate) fn is_duplicate(error: &rusqlite::Error) -> bool {
    matches!(
        error,
        rusqlite::Error::SqliteFailure(failure, _)
            if [
                rusqlite::ffi::SQLITE_CONSTRAINT_PRIMARYKEY,
                rusqlite::ffi::SQLITE_CONSTRAINT_UNIQUE,
            ]
            .contains(&failure.extended_code)
    )
}
