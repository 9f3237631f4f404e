//! What a service provider offers, and how much of it.

use std::fmt;
use std::time::Duration;

use scim2_core::syntax::AttrPath;

use crate::limits::RateLimit;
use crate::removals::RemovalLimit;
use crate::store::Dangling;

/// Features and limits of a service provider. The defaults suit most; change single fields.
///
/// ```
/// use scim2_provider::ProviderConfig;
/// let mut config = ProviderConfig::default();
/// config.max_page_size = 250;
/// ```
#[derive(Clone)]
#[non_exhaustive]
pub struct ProviderConfig {
    /// The largest request body, in bytes; more is 413 (ruling H17).
    pub max_body: usize,
    /// How many requests are answered at a time, of all clients together; more are 503 with
    /// `Retry-After` (SEC-20).
    pub max_concurrent: usize,
    /// How fast one client, the [`Principal`](crate::auth::Principal) of a tenant, may send; more
    /// is 429 with `Retry-After` (ruling H20). Each operation of a bulk request counts.
    pub client_rate: Option<RateLimit>,
    /// The same for all clients of a tenant together.
    pub tenant_rate: Option<RateLimit>,
    /// How many resources one client may delete or deactivate within a time; unlimited without a
    /// value (SEC-24).
    pub removals: Option<RemovalLimit>,
    /// How many members all resources of an answer may have together. A read of more is 400
    /// `tooMany` unless it leaves `members` out, and a PATCH is answered 204 (SEC-20).
    pub max_members: usize,
    /// The size of a page when the request does not say.
    pub default_page_size: u64,
    /// The largest page, whatever the request says (ruling Q02).
    pub max_page_size: u64,
    /// Which paging a request gets that names neither `startIndex` nor `cursor` (ruling Q23).
    pub default_paging: Paging,
    /// How long a cursor can be used; forever without a value.
    pub cursor_timeout: Option<Duration>,
    /// Whether `count` may differ between the pages of one cursor (ruling Q25).
    pub cursor_count: CursorCount,
    /// Signs and encrypts cursors. Random for each process unless set: set it where several processes serve
    /// one endpoint, or where cursors must outlive a restart.
    pub cursor_key: Option<[u8; 32]>,
    /// Whether PATCH is offered; if not, it is 501.
    pub patch: Offer,
    /// Whether `sortBy` is obeyed; if not, it is ignored (ruling Q08).
    pub sort: Offer,
    /// What a `sortBy` is answered where sorting is not offered (ruling Q08).
    pub unsupported_sort: UnsupportedSort,
    /// Whether resources have versions; if not, conditional headers are ignored (ruling H09).
    pub etag: Offer,
    /// Whether the version of a user also changes with the groups that it is in (ruling W29). Then
    /// all of them are read for each answer; what filters see in `meta.version` is the version
    /// without them.
    pub etag_include_groups: Offer,
    /// Whether answers about one resource say where it is in `Content-Location` as well as in
    /// `Location` (ruling W28).
    pub content_location: Offer,
    /// Whether what a write newly refers to must be there (ruling W31).
    pub references: References,
    /// What becomes of the references to a resource when it is deleted (ruling W32). A
    /// [`Handler`](crate::Handler) clears them always.
    pub dangling_references: Dangling,
    /// Whether groups may contain each other in circles (ruling W31).
    pub membership_cycles: Cycles,
    /// Whether PUT and PATCH take a new password (ruling W25).
    pub change_password: Offer,
    /// How large bulk requests may be (RFC 7644 §3.7); without a value they are 501.
    pub bulk: Option<BulkLimits>,
    /// What `/Me` stands for; if nothing, it is 501 (RFC 7644 §3.11, ruling H06).
    pub me: Me,
    /// Queries over all resource types at `/` and `/.search` (RFC 7644 §3.4.2.1); without a value
    /// they are 404 and 501 (ruling Q20).
    pub root_search: Option<RootSearch>,
    /// Whether PUT, PATCH and DELETE must carry `If-Match` (ruling H09).
    pub if_match: IfMatch,
    /// Who may read the discovery endpoints (ruling H04).
    pub discovery: Discovery,
    /// Whether `/Schemas` also describes what the discovery endpoints themselves answer (ruling
    /// Q18).
    pub service_schemas: Offer,
    /// Whether `/ResourceTypes` also lists the types of the discovery endpoints (ruling Q18).
    pub service_resource_types: Offer,
    /// Whether `/ServiceProviderConfigs`, which RFC 7644 §4 never meant (erratum 4978), is
    /// `/ServiceProviderConfig` (ruling Q19).
    pub plural_alias: Offer,
    /// Attributes that must not be asked for in a URL, which proxies and logs see: a GET whose
    /// filter names one is 403 `sensitive`, and a POST to `.search` is answered (RFC 7644 §7.5.2,
    /// ruling H19).
    pub sensitive: Vec<AttrPath>,
    /// Where people read how to use the service.
    pub documentation_uri: Option<String>,
}

impl ProviderConfig {
    /// The default of [`max_body`](Self::max_body): 1 MiB.
    pub const MAX_BODY: usize = 1 << 20;
    /// The default of [`max_concurrent`](Self::max_concurrent).
    pub const MAX_CONCURRENT: usize = 512;
    /// The default of [`max_members`](Self::max_members).
    pub const MAX_MEMBERS: usize = 100_000;
    /// The default of [`default_page_size`](Self::default_page_size).
    pub const DEFAULT_PAGE_SIZE: u64 = 100;
    /// The default of [`max_page_size`](Self::max_page_size).
    pub const MAX_PAGE_SIZE: u64 = 1000;
    /// The default of [`cursor_timeout`](Self::cursor_timeout): one hour.
    pub const CURSOR_TIMEOUT: Duration = Duration::from_secs(3600);
}

impl Default for ProviderConfig {
    fn default() -> Self {
        Self {
            max_body: Self::MAX_BODY,
            max_concurrent: Self::MAX_CONCURRENT,
            client_rate: None,
            tenant_rate: None,
            removals: None,
            max_members: Self::MAX_MEMBERS,
            default_page_size: Self::DEFAULT_PAGE_SIZE,
            max_page_size: Self::MAX_PAGE_SIZE,
            default_paging: Paging::Index,
            cursor_timeout: Some(Self::CURSOR_TIMEOUT),
            cursor_count: CursorCount::Fixed,
            cursor_key: None,
            patch: Offer::Yes,
            sort: Offer::Yes,
            unsupported_sort: UnsupportedSort::Ignored,
            etag: Offer::Yes,
            etag_include_groups: Offer::No,
            content_location: Offer::No,
            references: References::Accepted,
            dangling_references: Dangling::Cleared,
            membership_cycles: Cycles::Accepted,
            change_password: Offer::No,
            bulk: Some(BulkLimits::default()),
            me: Me::Off,
            root_search: None,
            if_match: IfMatch::Optional,
            discovery: Discovery::Open,
            service_schemas: Offer::Yes,
            service_resource_types: Offer::No,
            plural_alias: Offer::No,
            sensitive: Vec::new(),
            documentation_uri: None,
        }
    }
}

impl fmt::Debug for ProviderConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ProviderConfig")
            .field("max_body", &self.max_body)
            .field("max_concurrent", &self.max_concurrent)
            .field("client_rate", &self.client_rate)
            .field("tenant_rate", &self.tenant_rate)
            .field("removals", &self.removals)
            .field("max_members", &self.max_members)
            .field("default_page_size", &self.default_page_size)
            .field("max_page_size", &self.max_page_size)
            .field("default_paging", &self.default_paging)
            .field("cursor_timeout", &self.cursor_timeout)
            .field("cursor_count", &self.cursor_count)
            .field("patch", &self.patch)
            .field("sort", &self.sort)
            .field("unsupported_sort", &self.unsupported_sort)
            .field("etag", &self.etag)
            .field("etag_include_groups", &self.etag_include_groups)
            .field("content_location", &self.content_location)
            .field("references", &self.references)
            .field("dangling_references", &self.dangling_references)
            .field("membership_cycles", &self.membership_cycles)
            .field("change_password", &self.change_password)
            .field("bulk", &self.bulk)
            .field("me", &self.me)
            .field("root_search", &self.root_search)
            .field("if_match", &self.if_match)
            .field("discovery", &self.discovery)
            .field("service_schemas", &self.service_schemas)
            .field("service_resource_types", &self.service_resource_types)
            .field("plural_alias", &self.plural_alias)
            .field("sensitive", &self.sensitive)
            .field("documentation_uri", &self.documentation_uri)
            .finish_non_exhaustive()
    }
}

/// How large a bulk request may be (RFC 7644 §3.7.4). More is 413, before anything is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct BulkLimits {
    /// The most operations.
    pub max_operations: u64,
    /// The largest body, in bytes; it may be more than [`ProviderConfig::max_body`].
    pub max_payload_size: usize,
}

impl BulkLimits {
    /// The default of [`max_operations`](Self::max_operations) (ruling B12).
    pub const MAX_OPERATIONS: u64 = 1000;
    /// The default of [`max_payload_size`](Self::max_payload_size): 1 MiB (ruling B12).
    pub const MAX_PAYLOAD_SIZE: usize = 1 << 20;

    /// So many operations, in so many bytes.
    #[must_use]
    pub fn new(max_operations: u64, max_payload_size: usize) -> Self {
        Self { max_operations, max_payload_size }
    }
}

impl Default for BulkLimits {
    fn default() -> Self {
        Self::new(Self::MAX_OPERATIONS, Self::MAX_PAYLOAD_SIZE)
    }
}

/// What a request to `/Me` is answered (RFC 7644 §3.11).
///
/// Who "me" is comes from the [`Authenticator`](crate::Authenticator): the
/// [`subject`](crate::auth::Principal::subject) of the principal. What a POST makes is for
/// [`Authenticator::self_registration`](crate::Authenticator::self_registration) to say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "RFC 7644 §3.11 knows these three")]
pub enum Me {
    /// 501.
    Off,
    /// 308, and the location of the client's own resource.
    Redirect,
    /// What the client's own resource answers, and its location.
    Direct,
}

/// Queries over all resource types (RFC 7644 §3.4.2.1).
///
/// Results come one type after the other, in the order of the catalog, or sorted over all types. An
/// attribute that a type lacks has no value there. Types that the client may not query count for
/// nothing. `sortBy` and `cursor` exclude each other here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct RootSearch {
    /// Whether a query may do without a filter; if not, it is 400 `tooMany` (ruling Q20).
    pub unfiltered: Offer,
    /// How many resources a query may match over all pages; more is 400 `tooMany`. A sorted page
    /// reads all results before it, so this bounds memory too.
    pub max_results: u64,
}

impl RootSearch {
    /// The default of [`max_results`](Self::max_results).
    pub const MAX_RESULTS: u64 = 10_000;
}

impl Default for RootSearch {
    fn default() -> Self {
        Self { unfiltered: Offer::No, max_results: Self::MAX_RESULTS }
    }
}

/// Whether a feature is offered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "yes or no")]
pub enum Offer {
    /// It is.
    Yes,
    /// It is not.
    No,
}

/// What a `sortBy` is answered where sorting is not offered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "ignored or not")]
pub enum UnsupportedSort {
    /// It is ignored, as any parameter that is not known.
    Ignored,
    /// 400 `invalidValue`.
    Refused,
}

/// What may be written that refers to other resources: `members`, `manager` and their like.
///
/// Who enforces references reads each new one before it is written. A resource that is deleted
/// between the two is as one that is deleted later: it leaves what refers to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "accepted or enforced")]
pub enum References {
    /// References to what is not there, which may come later.
    Accepted,
    /// References to resources that the client can see alone; others are 400 `invalidValue`.
    Enforced,
}

/// Whether a group may contain itself, directly or through others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "accepted or refused")]
pub enum Cycles {
    /// It may.
    Accepted,
    /// 400 `invalidValue`. Who makes a group a member waits while all groups below it are read, and
    /// two who do so at the same moment can close a circle that neither sees.
    Refused,
}

/// The two ways to page through a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "RFC 7644 §3.4.2.4 and RFC 9865 know these two")]
pub enum Paging {
    /// By `startIndex` and `count`.
    Index,
    /// By `cursor` and `count`.
    Cursor,
}

/// Whether `count` may differ between the pages of one cursor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "it may or it may not")]
pub enum CursorCount {
    /// Another count than that of the first page is 400 `invalidCount` (RFC 9865 §2.1).
    Fixed,
    /// Each page may ask for another count.
    Free,
}

/// Whether writes must name the version that they change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "optional or required")]
pub enum IfMatch {
    /// They may.
    Optional,
    /// They must; without `If-Match` they are 428.
    Required,
}

/// Who may read `/ServiceProviderConfig`, `/Schemas` and `/ResourceTypes`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "open or not")]
pub enum Discovery {
    /// Everybody (RFC 7643 §5). Wrong credentials are refused all the same.
    Open,
    /// Authenticated clients.
    Authenticated,
}
