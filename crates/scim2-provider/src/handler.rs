//! The second way in: an application's own tables behind the protocol, in its own types.

mod adapter;
mod document;
mod handlers;

use std::error::Error as StdError;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use scim2_core::change::MemberDelta;
use scim2_core::etag::Version;
use scim2_core::resource::ResourceId;
use scim2_core::{Error, TypedResource};
use serde::Serialize;
use sha2::{Digest, Sha256};

pub use self::handlers::Handlers;
use crate::scope::Scope;
use crate::store::{Load, Page, Position, Query, StoreError};

/// The resources of one type in an application's own tables, as values of its own type: [`User`],
/// [`Group`], or any [`TypedResource`].
///
/// [`Handlers`] makes a [`Store`](crate::Store) of it, so that everything of a service provider
/// works on it: PATCH, projection, filters, ETags. The handler reads and writes whole values and
/// knows nothing of HTTP.
///
/// ```
/// use std::sync::Mutex;
///
/// use chrono::{DateTime, Utc};
/// use scim2_core::User;
/// use scim2_core::etag::Version;
/// use scim2_core::resource::ResourceId;
/// use scim2_provider::handler::{Found, Handler, HandlerError, Handlers, Record, Revision};
/// use scim2_provider::store::{Load, Query};
/// use scim2_provider::{Scope, ServiceProvider};
///
/// struct Account { login: String, since: DateTime<Utc>, changed: DateTime<Utc>, version: u64 }
///
/// /// What the application has: accounts by number. A number is not given twice.
/// #[derive(Default)]
/// struct Accounts(Mutex<Vec<Option<Account>>>);
///
/// fn record(number: usize, account: &Account) -> Record<User> {
///     let revision = Revision::numbered(account.version, account.since, account.changed);
///     Record::new(number.to_string(), User::new(&account.login), revision)
/// }
///
/// impl Handler<User> for Accounts {
///     async fn get(&self, _: &Scope, id: &ResourceId, _: Load)
///         -> Result<Option<Record<User>>, HandlerError> {
///         // An id that is no number of ours names nobody.
///         let Ok(number) = id.as_str().parse::<usize>() else { return Ok(None) };
///         let accounts = self.0.lock().unwrap();
///         let account = accounts.get(number).and_then(Option::as_ref);
///         Ok(account.map(|account| record(number, account)))
///     }
///
///     async fn query(&self, _: &Scope, _: &Query) -> Result<Found<User>, HandlerError> {
///         let accounts = self.0.lock().unwrap();
///         let all = accounts.iter().enumerate().filter_map(|(number, account)| {
///             Some(record(number, account.as_ref()?))
///         });
///         // The library filters, sorts and pages.
///         Ok(Found::Candidates(all.collect()))
///     }
///
///     async fn create(&self, _: &Scope, user: User) -> Result<Record<User>, HandlerError> {
///         let mut accounts = self.0.lock().unwrap();
///         let mut known = accounts.iter().flatten();
///         if known.any(|known| known.login.eq_ignore_ascii_case(&user.user_name)) {
///             return Err(HandlerError::uniqueness("userName"));
///         }
///         let now = DateTime::UNIX_EPOCH;
///         let account = Account { login: user.user_name, since: now, changed: now, version: 1 };
///         let record = record(accounts.len(), &account);
///         accounts.push(Some(account));
///         Ok(record)
///     }
///
///     async fn replace(&self, _: &Scope, id: &ResourceId, expected: &Version, user: User)
///         -> Result<Record<User>, HandlerError> {
///         let number: usize = id.as_str().parse()?;
///         let mut accounts = self.0.lock().unwrap();
///         let account = accounts.get_mut(number).and_then(Option::as_mut);
///         let account = account.ok_or(HandlerError::NotFound)?;
///         if *expected != Version::weak(account.version) {
///             return Err(HandlerError::Conflict);
///         }
///         account.login = user.user_name;
///         account.version += 1;
///         Ok(record(number, account))
///     }
///
///     async fn delete(&self, _: &Scope, id: &ResourceId, _: &Version)
///         -> Result<(), HandlerError> {
///         let number: usize = id.as_str().parse()?;
///         let mut accounts = self.0.lock().unwrap();
///         let account = accounts.get_mut(number).and_then(Option::take);
///         account.map(|_| ()).ok_or(HandlerError::NotFound)
///     }
/// }
///
/// let handlers = Handlers::default().with::<User>(Accounts::default());
/// let builder = ServiceProvider::builder(handlers);
/// # let _ = builder;
/// ```
///
/// # What every handler must do
///
/// - **Tenants.** Read and write inside `scope.tenant` only. What belongs to another tenant is not
///   there.
/// - **Ids.** They are the application's own and opaque to everyone else; numbers as text will do.
///   An id is never given to another resource, and is compared exactly. It is a segment of a
///   path: not empty, without `/`, and without `bulkId` in it, which stands for something else in
///   bulk requests (RFC 7643 §3.1). A record with another id is answered 500.
/// - **Versions.** Each change gives a new [`Revision`]; what is not changed keeps the one it has.
///   [`replace`](Self::replace) and [`delete`](Self::delete) compare the expected version inside
///   their transaction, or two clients overwrite each other's changes.
/// - **Uniqueness.** What the schema calls unique, such as `userName`, is kept unique by the
///   database, in the form of [`comparison_key`](scim2_core::key::comparison_key), because
///   `BJensen` and `bjensen` are the same name. [`HandlerError::Uniqueness`] otherwise.
/// - **Nothing lost.** What a client may write is what the schemas in the
///   [`Catalog`](scim2_core::Catalog) say. An application that keeps less than that serves a type
///   with less ([`ResourceType::with_only`](scim2_core::ResourceType::with_only)): then other
///   attributes are refused or ignored as the [`Policy`](scim2_core::Policy) says, and discovery
///   tells the truth. What the type `R` would lose is refused before the handler is called.
/// - **Secrets.** `password` is there in what is written if a client sent one, and means no change
///   where it is not. What a handler returns of it goes nowhere.
/// - **References.** `members` and `groups` show the same memberships. A deleted user is a member of
///   nothing; what [hooks](crate::events::ChangeHook) are asked about that is what the user's
///   `groups` say.
/// - **Turns.** Changes of one resource are handed over one after another in this process, so that
///   none of them starves; only [`change_members`](Self::change_members) goes on beside itself. A
///   handler that answers by changing that same resource through the service provider waits for
///   itself.
/// - **Pages.** Those by `startIndex` count results that may come and go between two pages, so that
///   some are seen twice or not at all: RFC 7644 §3.4.2.4 allows it. Those by cursor must not, and a
///   handler that makes cursors of such counts fails the check `query.cursor-while-changing` of
///   `scim conformance`: it goes on after the last result instead ([`Page::Cursor`],
///   [`SortedPosition`](crate::store::SortedPosition)), or hands over [`Found::Candidates`].
///
/// Implementors write plain `async fn`.
///
/// [`User`]: scim2_core::User
/// [`Group`]: scim2_core::Group
pub trait Handler<R: TypedResource>: Send + Sync + 'static {
    /// Reads one resource; none if it is not there.
    ///
    /// # Errors
    /// When it cannot be read.
    fn get(
        &self,
        scope: &Scope,
        id: &ResourceId,
        load: Load,
    ) -> impl Future<Output = Result<Option<Record<R>>, HandlerError>> + Send;

    /// Finds resources: those of a page that match the query, or all that could
    /// ([`Found`]).
    ///
    /// # Errors
    /// When they cannot be read.
    fn query(
        &self,
        scope: &Scope,
        query: &Query,
    ) -> impl Future<Output = Result<Found<R>, HandlerError>> + Send;

    /// Adds a resource. It has passed validation, and has no `id` yet.
    ///
    /// # Errors
    /// [`HandlerError::Uniqueness`] when a value is taken, and when it cannot be written.
    fn create(
        &self,
        scope: &Scope,
        resource: R,
    ) -> impl Future<Output = Result<Record<R>, HandlerError>> + Send;

    /// Puts a resource in the place of another that is still in the version expected. PUT and
    /// PATCH end here; what a PATCH does not name is as [`get`](Self::get) gave it.
    ///
    /// What is readOnly, such as `groups`, is not in `resource`: it is the application's own.
    ///
    /// # Errors
    /// [`HandlerError::NotFound`]; [`HandlerError::Conflict`] when it is in another version, after
    /// which the change is made anew from what is there then; [`HandlerError::Uniqueness`]; and
    /// when it cannot be written.
    fn replace(
        &self,
        scope: &Scope,
        id: &ResourceId,
        expected: &Version,
        resource: R,
    ) -> impl Future<Output = Result<Record<R>, HandlerError>> + Send;

    /// Deletes a resource that is still in the version expected, and every reference to it.
    ///
    /// # Errors
    /// [`HandlerError::NotFound`]; [`HandlerError::Conflict`] when it is in another version; and
    /// when it cannot be written.
    fn delete(
        &self,
        scope: &Scope,
        id: &ResourceId,
        expected: &Version,
    ) -> impl Future<Output = Result<(), HandlerError>> + Send;

    /// Adds and removes members of a group by name. Groups that may be large should have it: its
    /// cost need not depend on their size.
    ///
    /// Adding a member that is there and removing one that is not are no changes. With `expected`,
    /// the group must still be in that version. The record in the answer need not have members.
    ///
    /// Without it, members change by [`get`](Self::get) and [`replace`](Self::replace).
    ///
    /// # Errors
    /// As [`replace`](Self::replace).
    fn change_members(
        &self,
        _scope: &Scope,
        _id: &ResourceId,
        _expected: Option<&Version>,
        _delta: &MemberDelta,
    ) -> impl Future<Output = Result<Membership<R>, HandlerError>> + Send {
        async { Ok(Membership::NotOffered) }
    }

    /// Whether the tables can be used now. Health checks ask this.
    ///
    /// # Errors
    /// When they cannot.
    fn ready(&self) -> impl Future<Output = Result<(), HandlerError>> + Send {
        async { Ok(()) }
    }
}

impl<R: TypedResource, H: Handler<R>> Handler<R> for Arc<H> {
    fn get(
        &self,
        scope: &Scope,
        id: &ResourceId,
        load: Load,
    ) -> impl Future<Output = Result<Option<Record<R>>, HandlerError>> + Send {
        H::get(self, scope, id, load)
    }

    fn query(
        &self,
        scope: &Scope,
        query: &Query,
    ) -> impl Future<Output = Result<Found<R>, HandlerError>> + Send {
        H::query(self, scope, query)
    }

    fn create(
        &self,
        scope: &Scope,
        resource: R,
    ) -> impl Future<Output = Result<Record<R>, HandlerError>> + Send {
        H::create(self, scope, resource)
    }

    fn replace(
        &self,
        scope: &Scope,
        id: &ResourceId,
        expected: &Version,
        resource: R,
    ) -> impl Future<Output = Result<Record<R>, HandlerError>> + Send {
        H::replace(self, scope, id, expected, resource)
    }

    fn delete(
        &self,
        scope: &Scope,
        id: &ResourceId,
        expected: &Version,
    ) -> impl Future<Output = Result<(), HandlerError>> + Send {
        H::delete(self, scope, id, expected)
    }

    fn change_members(
        &self,
        scope: &Scope,
        id: &ResourceId,
        expected: Option<&Version>,
        delta: &MemberDelta,
    ) -> impl Future<Output = Result<Membership<R>, HandlerError>> + Send {
        H::change_members(self, scope, id, expected, delta)
    }

    fn ready(&self) -> impl Future<Output = Result<(), HandlerError>> + Send {
        H::ready(self)
    }
}

/// A resource as an application keeps it.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Record<R> {
    /// The identifier. What the resource itself says of its `id` and `meta` is not looked at.
    pub id: ResourceId,
    /// The resource.
    pub resource: R,
    /// Its version and times.
    pub revision: Revision,
}

impl<R> Record<R> {
    /// A resource with its identifier, version and times.
    #[must_use]
    pub fn new(id: impl Into<ResourceId>, resource: R, revision: Revision) -> Self {
        Self { id: id.into(), resource, revision }
    }
}

/// The version of a resource and its times, for `meta` and `ETag`.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Revision {
    /// The version: another one after each change.
    pub version: Version,
    /// When the resource was created.
    pub created: DateTime<Utc>,
    /// When it was last changed.
    pub last_modified: DateTime<Utc>,
}

impl Revision {
    /// From a column that counts changes. [`Version::opaque`] gives the number back, for
    /// `UPDATE … WHERE id = ? AND version = ?`.
    #[must_use]
    pub fn numbered(version: u64, created: DateTime<Utc>, last_modified: DateTime<Utc>) -> Self {
        Self { version: Version::weak(version), created, last_modified }
    }

    /// From the times alone, where no two changes of a resource have the same one: in
    /// microseconds.
    #[must_use]
    pub fn timed(created: DateTime<Utc>, last_modified: DateTime<Utc>) -> Self {
        let version = Version::weak(last_modified.timestamp_micros());
        Self { version, created, last_modified }
    }

    /// From what is kept, for tables that know no versions: the row as the application reads it,
    /// without what is computed.
    #[must_use]
    pub fn hashed(
        content: &impl Serialize,
        created: DateTime<Utc>,
        last_modified: DateTime<Utc>,
    ) -> Self {
        // What has no JSON form is the same in all versions, and clients overwrite each other:
        // times tell most of them apart.
        let text = serde_json::to_vec(content).unwrap_or_default();
        let hash = Sha256::new_with_prefix(text)
            .chain_update(last_modified.timestamp_micros().to_be_bytes())
            .finalize();
        let version = hash.iter().take(16).map(|byte| format!("{byte:02x}")).collect::<String>();
        Self { version: Version::weak(version), created, last_modified }
    }
}

/// What a handler found.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Found<R> {
    /// All resources that could match, read whole: the library filters, sorts and pages them in
    /// memory. For small tables, or after a first selection by an index.
    Candidates(Vec<Record<R>>),
    /// The page itself: filtered, sorted and counted by the handler.
    ///
    /// Every one of its resources is checked against the filter again. One that does not match, and
    /// more than the page may have, are a fault of the handler: the client gets 500, the log says
    /// what happened, and nobody is shown what nobody asked for.
    Page {
        /// How many resources match over all pages.
        total: u64,
        /// The page.
        records: Vec<Record<R>>,
        /// Where the next page begins, for [`Page::Cursor`] alone; none at the end.
        next: Option<Position>,
    },
}

/// A page as `LIMIT` and `OFFSET`, for handlers that page by number.
///
/// A cursor is then an offset as well: what is created or deleted between two pages shifts the
/// second. Handlers that page by key look at [`Query::page`] themselves, and use
/// [`SortedPosition`](crate::store::SortedPosition).
///
/// ```
/// use scim2_provider::handler::Window;
/// use scim2_provider::store::Page;
/// let window = Window::of(&Page::Index { start_index: 101, count: 50 })?;
/// assert_eq!((window.limit, window.offset), (50, 100));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Window {
    /// At most so many results.
    pub limit: u64,
    /// How many come before them.
    pub offset: u64,
}

impl Window {
    /// What a page asks for.
    ///
    /// # Errors
    /// [`StoreError::BadPosition`] when the cursor is not one of [`page`](Self::page).
    pub fn of(page: &Page) -> Result<Self, StoreError> {
        match page {
            Page::Index { start_index, count } => {
                Ok(Self { limit: *count, offset: start_index.saturating_sub(1) })
            }
            Page::Cursor { after: None, count } => Ok(Self { limit: *count, offset: 0 }),
            Page::Cursor { after: Some(after), count } => {
                let bytes = after.as_bytes().try_into().map_err(|_| StoreError::BadPosition)?;
                Ok(Self { limit: *count, offset: u64::from_be_bytes(bytes) })
            }
        }
    }

    /// The page, of so many results over all.
    #[must_use]
    pub fn page<R>(self, total: u64, records: Vec<Record<R>>) -> Found<R> {
        let end = self.offset.saturating_add(records.len() as u64);
        let more = !records.is_empty() && end < total;
        let next = more.then(|| Position::new(end.to_be_bytes()));
        Found::Page { total, records, next }
    }
}

/// What came of a change of members.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Membership<R> {
    /// The group is as it was asked to be.
    Done {
        /// The group as it is now. It has a new version if members came or went.
        record: Record<R>,
        /// The members that came and went. None if they were there, or gone, already.
        members: MemberDelta,
    },
    /// The handler has no quick way: read the group and replace it.
    NotOffered,
}

/// Why a handler did not do what it was asked.
///
/// `?` turns every error into one: a SCIM [`Error`] and a [`StoreError`] keep their meaning, all
/// others are [`Internal`](Self::Internal). That is why this type is no [`std::error::Error`]
/// itself.
#[derive(Debug)]
#[non_exhaustive]
pub enum HandlerError {
    /// There is no such resource in this tenant.
    NotFound,
    /// The resource is not in the version expected.
    Conflict,
    /// Another resource has this value: 409.
    Uniqueness {
        /// The attribute, such as `userName`.
        attribute: String,
    },
    /// The application does not allow it. The client is told.
    Refused(Error),
    /// The tables cannot be reached now: 503.
    Unavailable {
        /// When to try again, if that is known.
        retry_after: Option<Duration>,
        /// What happened, for the log.
        source: Option<Box<dyn StdError + Send + Sync>>,
    },
    /// The change may have been made: the tables were lost while it was being made for good. 504,
    /// and the client should look before it tries again.
    UnknownOutcome(Box<dyn StdError + Send + Sync>),
    /// The cursor's position is not one of this handler's.
    BadPosition,
    /// Something else: 500. The cause goes to the log and never to a client.
    Internal(Box<dyn StdError + Send + Sync>),
}

impl HandlerError {
    /// Another resource has this attribute's value.
    pub fn uniqueness(attribute: impl Into<String>) -> Self {
        Self::Uniqueness { attribute: attribute.into() }
    }

    /// The tables cannot be reached now.
    pub fn unavailable(
        retry_after: Option<Duration>,
        source: impl Into<Box<dyn StdError + Send + Sync>>,
    ) -> Self {
        Self::Unavailable { retry_after, source: Some(source.into()) }
    }

    fn from_store(error: StoreError) -> Self {
        match error {
            StoreError::NotFound => Self::NotFound,
            StoreError::Conflict | StoreError::PreconditionFailed => Self::Conflict,
            StoreError::Uniqueness { attribute } => Self::Uniqueness { attribute },
            StoreError::Refused(error) => Self::Refused(error),
            StoreError::BadPosition => Self::BadPosition,
            StoreError::Unavailable { retry_after, source } => {
                Self::Unavailable { retry_after, source }
            }
            StoreError::UnknownOutcome(cause) => Self::UnknownOutcome(cause),
            StoreError::Internal(cause) => Self::Internal(cause),
        }
    }
}

impl<E: StdError + Send + Sync + 'static> From<E> for HandlerError {
    fn from(error: E) -> Self {
        let error: Box<dyn StdError + Send + Sync> = Box::new(error);
        let error = match error.downcast::<Error>() {
            Ok(error) => return Self::Refused(*error),
            Err(error) => error,
        };
        match error.downcast::<StoreError>() {
            Ok(error) => Self::from_store(*error),
            Err(error) => Self::Internal(error),
        }
    }
}

impl From<HandlerError> for StoreError {
    fn from(error: HandlerError) -> Self {
        match error {
            HandlerError::NotFound => Self::NotFound,
            HandlerError::Conflict => Self::Conflict,
            HandlerError::Uniqueness { attribute } => Self::Uniqueness { attribute },
            HandlerError::Refused(error) => Self::Refused(error),
            HandlerError::Unavailable { retry_after, source } => {
                Self::Unavailable { retry_after, source }
            }
            HandlerError::BadPosition => Self::BadPosition,
            HandlerError::UnknownOutcome(cause) => Self::UnknownOutcome(cause),
            HandlerError::Internal(cause) => Self::Internal(cause),
        }
    }
}
