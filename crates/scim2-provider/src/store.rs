//! What a service provider needs of the place where resources are kept.

use std::collections::{HashMap, HashSet};
use std::error::Error as StdError;
use std::fmt;
use std::future::Future;
use std::time::Duration;

use chrono::{DateTime, SecondsFormat, Utc};
use scim2_core::bind::BoundFilter;
use scim2_core::change::MemberDelta;
use scim2_core::etag::{EntityTags, Version};
use scim2_core::resource::ResourceId;
use scim2_core::schema::{Attribute, Mutability, Returned};
use scim2_core::sort::SortKey;
use scim2_core::{Error, Resource, ResourceType, Valid};
use serde_json::{Map, Value};

use crate::events::{Cascade, ChangeRecord, Outbox};
pub use crate::keyset::SortedPosition;
use crate::scope::Scope;
use crate::text::{StoredText, TextResult};
pub use crate::turns::{Turn, Turns};

/// Keeps resources. [`MemoryStore`](crate::MemoryStore) is one.
///
/// # What every store must do
///
/// - **Tenants.** Read and write inside `scope.tenant` only. What belongs to another tenant is
///   [`StoreError::NotFound`], and its unique values are free.
/// - **Identity.** `id` is the store's own: a UUIDv7 as text by default, unique over all resource
///   types of a tenant, matched exactly, never taken from a client.
/// - **Versions.** Each effective change gives a new version and a `last_modified` that is later
///   than the one before, by at least a millisecond. A change without effect gives neither.
/// - **Uniqueness.** The keys of [`ResourceType::unique_keys`] are kept unique per tenant by the
///   write itself, not by looking first. In a provisioning domain the key of `externalId` is that of
///   the domain ([`ResourceType::external_id_key`]).
/// - **Members.** A group's `members` are a set, kept apart from the document so that adding one
///   costs one. `members[].type` and `members[].display` are read live from the member where it
///   exists; where that has no `displayName`, `display` is what was written, or its `userName`.
///   What is written as it was shown is not said anew ([`unchanged_members`]). A user's `groups` are computed when read: direct and indirect, whatever cycles there
///   are. `manager.displayName` is read live where the manager exists.
/// - **References.** Deleting a resource takes it out of all `members` and clears references
///   such as `manager` that point to it; those resources get new versions. With
///   [`Dangling::Kept`] all of them stay as they are, as references to what is not there.
/// - **Secrets.** What [`take_secrets`] takes out of a resource is stored apart and hashed, or
///   not at all, and never comes back in a [`Stored`].
/// - **Order.** Without a sort key, results come in the order of creation, then by `id`; with
///   one, ties come by `id`, ascending in both directions. A page by cursor goes on after the last
///   result of the one before, whatever came or went in between.
///
/// `scim2_conformance::store::check` checks all of this.
///
/// Implementors write plain `async fn`.
pub trait Store: Send + Sync + 'static {
    /// Reads one resource.
    ///
    /// # Errors
    /// When the store fails. A resource that is not there is `None`.
    fn get(
        &self,
        scope: &Scope,
        ty: &ResourceType,
        id: &ResourceId,
        load: Load,
    ) -> impl Future<Output = Result<Option<Stored>, StoreError>> + Send;

    /// Reads a page of the resources of one type that match a filter.
    ///
    /// The filter sees the whole resource, `members`, `groups` and `meta` included, whatever
    /// [`Query::load`] says of what is returned; [`Stored::document`] is what it is evaluated on.
    ///
    /// # Errors
    /// When the store fails, or the cursor's position means nothing to it
    /// ([`StoreError::BadPosition`]).
    fn query(
        &self,
        scope: &Scope,
        ty: &ResourceType,
        query: &Query,
    ) -> impl Future<Output = Result<QueryResult, StoreError>> + Send;

    /// Adds a resource and gives it an `id`.
    ///
    /// # Errors
    /// [`StoreError::Uniqueness`] when a unique value is taken, and when the store fails.
    fn insert(
        &self,
        scope: &Scope,
        ty: &ResourceType,
        write: Write,
    ) -> impl Future<Output = Result<Stored, StoreError>> + Send;

    /// Changes one resource: reads it, calls `change`, writes what it returns, all or nothing.
    ///
    /// `change` is given the resource as `load` asks. `None` from it means that nothing is to be
    /// changed. The store may call it again when it lost a race against another writer. With
    /// [`Load::WithoutMembers`] the memberships stay as they are. A secret that the changed
    /// resource does not have is kept.
    ///
    /// # Errors
    /// [`StoreError::NotFound`], [`StoreError::Uniqueness`], [`StoreError::Refused`] with what
    /// `change` returned, [`StoreError::Conflict`] after too many lost races, and when the store
    /// fails.
    fn update(
        &self,
        scope: &Scope,
        ty: &ResourceType,
        id: &ResourceId,
        load: Load,
        change: Change<'_>,
    ) -> impl Future<Output = Result<Updated, StoreError>> + Send;

    /// Adds and removes members by name, at a cost that does not depend on the group's size.
    ///
    /// Adding a member that is there and removing one that is not are no changes. The resource
    /// in the answer is read [`Load::WithoutMembers`]. `record` names the members that were asked
    /// for; what is written down, and answered as [`Updated::members`], names those that were in
    /// fact added and removed.
    ///
    /// # Errors
    /// [`StoreError::NotFound`], [`StoreError::PreconditionFailed`] when `expected` does not list
    /// the version, and when the store fails.
    fn change_members(
        &self,
        scope: &Scope,
        ty: &ResourceType,
        id: &ResourceId,
        expected: Option<&EntityTags>,
        delta: &MemberDelta,
        record: Option<&ChangeRecord>,
    ) -> impl Future<Output = Result<Updated, StoreError>> + Send;

    /// Deletes one resource and, unless `dangling` keeps them, every reference to it: reads it,
    /// calls `check`, deletes, all or nothing.
    ///
    /// `check` is given the resource as `load` asks and what its deletion changes in others, and
    /// returns what is to be written down. The store may call it again when it lost a race
    /// against another writer.
    ///
    /// # Errors
    /// [`StoreError::NotFound`], [`StoreError::Refused`] with what `check` returned,
    /// [`StoreError::Conflict`] after too many lost races, and when the store fails.
    fn delete(
        &self,
        scope: &Scope,
        ty: &ResourceType,
        id: &ResourceId,
        load: Load,
        dangling: Dangling,
        check: Check<'_>,
    ) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// Where the store keeps the [`ChangeRecord`]s that it is given, each in the transaction of
    /// its change.
    ///
    /// Without one, which is the default, it is given none. The service provider then tells of
    /// changes after they were made, from memory: what is not delivered when the process ends is
    /// lost, and what a deletion changes in other resources is not told.
    fn outbox(&self) -> Option<&dyn Outbox> {
        None
    }

    /// Reads one resource as the text of an answer.
    ///
    /// A store that keeps such texts, or documents that are JSON already, is faster here than
    /// with [`get`](Self::get), to which it comes down without one.
    ///
    /// # Errors
    /// As [`get`](Self::get).
    fn get_text(
        &self,
        scope: &Scope,
        ty: &ResourceType,
        id: &ResourceId,
        load: Load,
    ) -> impl Future<Output = Result<Option<StoredText>, StoreError>> + Send {
        async move {
            let stored = self.get(scope, ty, id, load).await?;
            Ok(stored.map(|stored| StoredText::new(ty, stored)))
        }
    }

    /// Reads a page of resources as the text of an answer; see [`get_text`](Self::get_text).
    ///
    /// # Errors
    /// As [`query`](Self::query).
    fn query_text(
        &self,
        scope: &Scope,
        ty: &ResourceType,
        query: &Query,
    ) -> impl Future<Output = Result<TextResult, StoreError>> + Send {
        async move {
            let QueryResult { total, resources, next } = self.query(scope, ty, query).await?;
            let texts = resources.into_iter().map(|stored| StoredText::new(ty, stored)).collect();
            Ok(TextResult::new(total, texts, next))
        }
    }

    /// Whether the store can be used now: it can be reached, and what it holds has the form and
    /// the comparison keys that this version of it goes by. Health checks ask this.
    ///
    /// # Errors
    /// When it cannot.
    fn ready(&self) -> impl Future<Output = Result<(), StoreError>> + Send {
        std::future::ready(Ok(()))
    }
}

/// What [`Store::update`] calls between reading and writing.
pub type Change<'a> = Box<dyn FnMut(&Stored) -> Result<Option<Write>, Error> + Send + 'a>;

/// What [`Store::delete`] calls between reading and deleting.
pub type Check<'a> =
    Box<dyn FnMut(&Stored, &Cascade) -> Result<Option<ChangeRecord>, Error> + Send + 'a>;

/// A [`Check`] of the version alone, which has nothing written down.
#[must_use]
pub fn if_match(expected: Option<&EntityTags>) -> Check<'_> {
    Box::new(move |before, _| match expected {
        Some(expected) if !expected.matches(&before.version) => Err(Error::precondition_failed()),
        _ => Ok(None),
    })
}

/// A resource to be written.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Write {
    /// The resource.
    pub resource: Valid<Resource>,
    /// What a store with an [outbox](Store::outbox) writes down in the same transaction.
    pub record: Option<ChangeRecord>,
}

impl Write {
    /// The same resource, to be written with this record.
    #[must_use]
    pub fn with_record(self, record: Option<ChangeRecord>) -> Self {
        Self { record, ..self }
    }
}

impl From<Valid<Resource>> for Write {
    fn from(resource: Valid<Resource>) -> Self {
        Self { resource, record: None }
    }
}

/// How much of a resource is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "a store must know each case")]
pub enum Load {
    /// All of it.
    Full,
    /// A group's `members` and a user's `groups` need not be read.
    WithoutMembers,
}

/// What becomes of the references to a resource when it is deleted (RFC 7644 §3.6, ruling W32).
///
/// ```
/// use scim2_provider::ProviderConfig;
/// use scim2_provider::store::Dangling;
/// let mut config = ProviderConfig::default();
/// config.dangling_references = Dangling::Kept;
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "a store must know each case")]
pub enum Dangling {
    /// They go: the resource leaves all `members`, and a `manager` that it was is none.
    Cleared,
    /// They stay until somebody changes them, and what has them keeps its version.
    Kept,
}

/// A resource as it is kept.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Stored {
    /// The document with its `id`, without `meta`, without secrets and without `$ref`.
    /// `members` and `groups` are arrays of `value`, `type` and `display`.
    pub resource: Resource,
    /// The version.
    pub version: Version,
    /// When it was created.
    pub created: DateTime<Utc>,
    /// When it was last changed.
    pub last_modified: DateTime<Utc>,
}

impl Stored {
    /// What a store knows of a resource.
    #[must_use]
    pub fn new(
        resource: Resource,
        version: Version,
        created: DateTime<Utc>,
        last_modified: DateTime<Utc>,
    ) -> Self {
        Self { resource, version, created, last_modified }
    }

    /// The identifier. A stored resource always has one.
    #[must_use]
    pub fn id(&self) -> &str {
        self.resource.id().unwrap_or_default()
    }

    /// How many members have been read.
    pub(crate) fn members(&self) -> usize {
        self.resource.get("members").and_then(Value::as_array).map_or(0, Vec::len)
    }

    /// `meta` (RFC 7643 §3.1). Its `location` is relative to the base URL, which only the service
    /// provider knows.
    #[must_use]
    pub fn meta(&self, ty: &ResourceType) -> Map<String, Value> {
        meta(ty, self.id(), &self.version, self.created, self.last_modified)
    }

    /// The resource with its `meta`: what filters and sort keys are evaluated on.
    #[must_use]
    pub fn document(&self, ty: &ResourceType) -> Resource {
        let mut document = self.resource.clone();
        document.insert("meta", self.meta(ty));
        document
    }
}

/// See [`Stored::meta`].
pub(crate) fn meta(
    ty: &ResourceType,
    id: &str,
    version: &Version,
    created: DateTime<Utc>,
    last_modified: DateTime<Utc>,
) -> Map<String, Value> {
    let mut meta = Map::new();
    meta.insert("resourceType".into(), ty.name().into());
    meta.insert("created".into(), timestamp(created).into());
    meta.insert("lastModified".into(), timestamp(last_modified).into());
    meta.insert("location".into(), format!("{}/{id}", ty.endpoint()).into());
    meta.insert("version".into(), version.as_str().into());
    meta
}

/// UTC, milliseconds, `Z` (ruling W16).
fn timestamp(instant: DateTime<Utc>) -> String {
    instant.to_rfc3339_opts(SecondsFormat::Millis, true)
}

/// What an update left behind.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Updated {
    /// The resource as it is now.
    pub stored: Stored,
    /// Whether anything changed; if not, version and time are the old ones.
    pub changed: bool,
    /// The members that [`Store::change_members`] has added and removed.
    pub members: MemberDelta,
}

impl Updated {
    /// A resource that was changed.
    #[must_use]
    pub fn changed(stored: Stored) -> Self {
        Self { stored, changed: true, members: MemberDelta::default() }
    }

    /// A resource to which nothing happened.
    #[must_use]
    pub fn unchanged(stored: Stored) -> Self {
        Self { stored, changed: false, members: MemberDelta::default() }
    }

    /// A group that has these members more and these less; none of either is no change.
    #[must_use]
    pub fn members(stored: Stored, members: MemberDelta) -> Self {
        Self { stored, changed: !members.is_empty(), members }
    }
}

/// What to look for, and how much of it.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Query {
    /// Which resources; all without one.
    pub filter: Option<BoundFilter>,
    /// In which order; that of creation without one.
    pub sort: Option<SortKey>,
    /// Which part of the results.
    pub page: Page,
    /// How much of each resource is wanted.
    pub load: Load,
}

impl Query {
    /// Everything, in the order of creation, one page of it.
    #[must_use]
    pub fn page(page: Page) -> Self {
        Self { filter: None, sort: None, page, load: Load::Full }
    }

    /// The same query, of the resources that match.
    #[must_use]
    pub fn with_filter(self, filter: BoundFilter) -> Self {
        Self { filter: Some(filter), ..self }
    }

    /// The same query in another order.
    #[must_use]
    pub fn with_sort(self, sort: SortKey) -> Self {
        Self { sort: Some(sort), ..self }
    }

    /// The same query, reading this much of each resource.
    #[must_use]
    pub fn with_load(self, load: Load) -> Self {
        Self { load, ..self }
    }
}

/// Which part of the results of a query is wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "RFC 7644 §3.4.2.4 and RFC 9865 know these two")]
pub enum Page {
    /// By number (RFC 7644 §3.4.2.4). [`QueryResult::total`] must be exact.
    Index {
        /// The first result, counting from 1.
        start_index: u64,
        /// At most so many. 0 asks for the total alone.
        count: u64,
    },
    /// By cursor (RFC 9865). [`QueryResult::next`] must be set unless this is the last page.
    Cursor {
        /// After which result; the first page without one.
        after: Option<Position>,
        /// At most so many. 0 asks for the total alone.
        count: u64,
    },
}

impl Page {
    /// The first page by number, with at most so many results.
    #[must_use]
    pub fn first(count: u64) -> Self {
        Self::Index { start_index: 1, count }
    }
}

/// A place in the order of a query's results: whatever the store needs to go on from there.
///
/// The service provider encrypts it before a client sees it, and hands it back only to the query
/// that it came from, so a store gets to see its own positions alone. Clients cannot read it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Position(Box<[u8]>);

impl Position {
    /// A position in the store's own encoding.
    #[must_use]
    pub fn new(bytes: impl Into<Box<[u8]>>) -> Self {
        Self(bytes.into())
    }

    /// What [`new`](Self::new) was given.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

/// A page of results.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct QueryResult {
    /// How many resources match over all pages.
    pub total: Option<u64>,
    /// The page.
    pub resources: Vec<Stored>,
    /// Where the next page begins, for [`Page::Cursor`]; none at the end.
    pub next: Option<Position>,
}

impl QueryResult {
    /// A page of results.
    #[must_use]
    pub fn new(total: Option<u64>, resources: Vec<Stored>, next: Option<Position>) -> Self {
        Self { total, resources, next }
    }
}

/// Why a store did not do what it was asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// There is no such resource of this type in this tenant.
    #[error("no such resource")]
    NotFound,
    /// The resource is not in a version that the client named.
    #[error("the resource has another version")]
    PreconditionFailed,
    /// Another resource has this value.
    #[error("the value of attribute `{attribute}` is taken")]
    Uniqueness {
        /// The path of the attribute.
        attribute: String,
    },
    /// The change was refused by the one who asked for it.
    #[error("the change was refused: {0}")]
    Refused(Error),
    /// Other writers were faster, again and again (ruling H10).
    #[error("the resource is being changed by others")]
    Conflict,
    /// The position is not one of this store's.
    #[error("the cursor's position is unknown")]
    BadPosition,
    /// The store cannot be reached or is too busy, and has changed nothing. The client may try
    /// again.
    #[error("the store is unavailable")]
    Unavailable {
        /// When to try again, if that is known.
        retry_after: Option<Duration>,
        /// What happened.
        #[source]
        source: Option<Box<dyn StdError + Send + Sync>>,
    },
    /// The change may have been made: the store was lost while it was being made for good. Whoever
    /// tries again should look first.
    #[error("nobody knows whether the change was made")]
    UnknownOutcome(#[source] Box<dyn StdError + Send + Sync>),
    /// The store failed.
    #[error("the store failed")]
    Internal(#[source] Box<dyn StdError + Send + Sync>),
}

impl StoreError {
    /// A failure with its cause, which goes to the log and never to a client.
    pub fn internal(cause: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        Self::Internal(cause.into())
    }
}

/// Takes out of a resource what must never be read back: the values of attributes that are
/// writeOnly or never returned, such as `password` (RFC 7643 §7).
///
/// Returns the path of each in canonical form, extension URN included, and its value. A store
/// keeps them apart from the document and hashed, or drops them.
pub fn take_secrets(ty: &ResourceType, resource: &mut Resource) -> Vec<SecretValue> {
    let mut secrets = Vec::new();
    let map = resource.as_map_mut();
    take(&ty.schema().attributes, ty.schema().id.as_str(), map, &mut secrets);
    for extension in ty.extensions() {
        let uri = extension.schema.id.as_str();
        if let Some(Value::Object(container)) = map.get_mut(uri) {
            take(&extension.schema.attributes, uri, container, &mut secrets);
            if container.is_empty() {
                map.remove(uri);
            }
        }
    }
    secrets
}

fn take(
    attributes: &[Attribute],
    prefix: &str,
    map: &mut Map<String, Value>,
    out: &mut Vec<SecretValue>,
) {
    let hidden = |attribute: &Attribute| {
        attribute.returned == Returned::Never || attribute.mutability == Mutability::WriteOnly
    };
    for attribute in attributes {
        let name = attribute.name.as_str();
        let path = || format!("{prefix}:{name}");
        if hidden(attribute) {
            if let Some(value) = map.remove(name) {
                out.push(SecretValue { path: path(), value });
            }
            continue;
        }
        for sub_attribute in attribute.sub_attributes.iter().filter(|sub| hidden(sub)) {
            let sub = sub_attribute.name.as_str();
            let elements = match map.get_mut(name) {
                Some(Value::Array(elements)) => elements.as_mut_slice(),
                Some(single) => std::slice::from_mut(single),
                None => &mut [],
            };
            for element in elements.iter_mut().filter_map(Value::as_object_mut) {
                if let Some(value) = element.remove(sub) {
                    out.push(SecretValue { path: format!("{}.{sub}", path()), value });
                }
            }
        }
    }
}

/// A value that [`take_secrets`] took out of a resource. Its `Debug` shows the path alone.
#[derive(Clone, PartialEq)]
#[non_exhaustive]
pub struct SecretValue {
    /// The path of the attribute: `urn:ietf:params:scim:schemas:core:2.0:User:password`.
    pub path: String,
    /// What the client sent.
    pub value: Value,
}

impl fmt::Debug for SecretValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} [redacted]", self.path)
    }
}

/// Whether resources of this type have members: a multi-valued attribute `members` whose elements
/// refer to other resources. [`Store::change_members`] is about these.
#[must_use]
pub fn has_members(ty: &ResourceType) -> bool {
    ty.schema().attribute("members").is_some_and(|members| {
        members.multi_valued
            && members.is_resource_reference()
            && members.mutability == Mutability::ReadWrite
    })
}

/// The members that a change writes just as they are shown. What a store keeps of these stays as
/// it is: their `type` and `display` may be read from themselves (ruling W31), and nobody says them
/// by leaving them as they are.
///
/// ```
/// # fn main() -> Result<(), serde_json::Error> {
/// use std::collections::HashSet;
///
/// use scim2_core::Resource;
/// use scim2_core::resource::ResourceId;
/// use scim2_provider::store::unchanged_members;
/// let before: Resource = serde_json::from_str(
///     r#"{"members": [{"value": "1", "display": "Babs"}, {"value": "2", "display": "Jim"}]}"#,
/// )?;
/// let after: Resource = serde_json::from_str(
///     r#"{"members": [{"value": "1", "display": "Babs"}, {"value": "2"}, {"value": "3"}]}"#,
/// )?;
/// assert_eq!(unchanged_members(&before, &after), HashSet::from([ResourceId::from("1")]));
/// # Ok(()) }
/// ```
#[must_use]
pub fn unchanged_members(before: &Resource, after: &Resource) -> HashSet<ResourceId> {
    fn members(group: &Resource) -> impl Iterator<Item = (&str, &Value)> {
        let members = group.get("members").and_then(Value::as_array).into_iter().flatten();
        members.filter_map(|member| Some((member.get("value")?.as_str()?, member)))
    }
    let shown: HashMap<_, _> = members(before).collect();
    let unchanged = members(after).filter(|(id, member)| shown.get(id) == Some(member));
    unchanged.map(|(id, _)| ResourceId::from(id)).collect()
}

/// Whether resources of this type show the groups that they are in: a multi-valued, readOnly
/// attribute `groups` whose elements refer to other resources (RFC 7643 §4.1.2).
#[must_use]
pub fn has_groups(ty: &ResourceType) -> bool {
    ty.schema().attribute("groups").is_some_and(|groups| {
        groups.multi_valued
            && groups.is_resource_reference()
            && groups.mutability == Mutability::ReadOnly
    })
}

/// The singular attributes through which resources of this type refer to others, such as
/// `manager`, each with the URN of its extension.
pub fn singular_references(ty: &ResourceType) -> impl Iterator<Item = (Option<&str>, &Attribute)> {
    let base = ty.schema().attributes.iter().map(|attribute| (None, attribute));
    let extensions = ty.extensions().iter().flat_map(|extension| {
        let uri = extension.schema.id.as_str();
        extension.schema.attributes.iter().map(move |attribute| (Some(uri), attribute))
    });
    base.chain(extensions)
        .filter(|(_, attribute)| !attribute.multi_valued && attribute.is_resource_reference())
}
