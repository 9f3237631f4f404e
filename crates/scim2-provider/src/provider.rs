//! The service provider: from an HTTP request to an HTTP response.

use std::borrow::Cow;
use std::collections::HashSet;
use std::fmt;
use std::future::{Future, ready};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{AUTHORIZATION, IF_MATCH, IF_NONE_MATCH};
use http::request::Parts;
use http::{HeaderName, Method, Request, Response, StatusCode};
use scim2_core::config::{
    BulkSupport, FilterSupport, PaginationSupport, ServiceProviderConfig, Supported,
};
use scim2_core::etag::EntityTags;
use scim2_core::rules::{EndpointRules, NoRules};
use scim2_core::{Catalog, Error, Policy, ResourceType};
use tracing::Instrument;

use crate::audit;
use crate::auth::{Action, Authenticator, Principal, Verb};
use crate::base::{Base, BaseUrl};
use crate::clock::{Clock, SystemClock};
use crate::config::{CursorCount, Discovery, Offer, Paging, ProviderConfig};
use crate::cursor::CursorKey;
use crate::events::{AnySubscriber, Bell, ChangeHook, Delivery, MemoryOutbox, Subscriber};
use crate::limits::Limits;
use crate::media::{self, MediaType};
use crate::metrics::{self, Meter};
use crate::origin::Origin;
use crate::removals::Removals;
use crate::represent::shown_whole;
use crate::respond::{Answer, Failure};
use crate::route::{RESERVED, Route};
use crate::store::{Store, StoreError};

/// Serves resources over the protocol (RFC 7644): in front of any [`Store`], behind any HTTP
/// server.
///
/// ```
/// use bytes::Bytes;
/// use scim2_provider::auth::{BearerToken, BearerTokens};
/// use scim2_provider::{MemoryStore, Scope, ServiceProvider, TenantId};
///
/// let scope = Scope::tenant(TenantId::new("acme")?);
/// let token = BearerToken::new("entra", &"t0p-s3cret".into(), scope)?;
/// let provider = ServiceProvider::builder(MemoryStore::default())
///     .base_url(url::Url::parse("https://example.com/scim/v2")?)
///     .authenticator(BearerTokens::new([token]))
///     .build()?;
///
/// # tokio::runtime::Builder::new_current_thread().build()?.block_on(async {
/// let request = http::Request::get("/Users")
///     .header("authorization", "Bearer t0p-s3cret")
///     .body(Bytes::new())?;
/// let response = provider.handle(request).await;
/// assert_eq!(response.status(), 200);
/// # Ok::<(), Box<dyn std::error::Error>>(()) })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct ServiceProvider<S, A> {
    pub(crate) store: S,
    pub(crate) authenticator: A,
    pub(crate) catalog: Catalog,
    base_url: BaseUrl,
    fixed_base: Option<Base>,
    pub(crate) policy: Policy,
    pub(crate) rules: Arc<dyn EndpointRules>,
    pub(crate) config: ProviderConfig,
    /// What is advertised. What is offered is decided by it, so the two cannot differ.
    pub(crate) service: ServiceProviderConfig,
    pub(crate) cursors: CursorKey,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) hooks: Vec<Box<dyn ChangeHook>>,
    pub(crate) subscribers: Vec<Box<dyn AnySubscriber>>,
    /// Where events wait, if the store has no place for them.
    pub(crate) outbox: MemoryOutbox,
    pub(crate) bell: Bell,
    pub(crate) limits: Limits,
    pub(crate) removals: Option<Removals>,
    /// See [`shown_whole`].
    pub(crate) shown_whole: HashSet<Box<str>>,
}

/// What the parts of one request's way share.
pub(crate) struct Exchange<'a> {
    pub(crate) principal: &'a Principal,
    pub(crate) origin: &'a Origin,
    pub(crate) base: Cow<'a, Base>,
    /// The query of the URL.
    pub(crate) query: &'a str,
    /// The versions that a write may change.
    pub(crate) if_match: Option<EntityTags>,
    /// The versions that the client knows.
    pub(crate) if_none_match: Option<EntityTags>,
}

impl<S: Store> ServiceProvider<S, ()> {
    /// Begins with a store. A base URL and an authenticator must follow.
    pub fn builder(store: S) -> ServiceProviderBuilder<S, ()> {
        ServiceProviderBuilder {
            store,
            authenticator: (),
            catalog: Catalog::standard(),
            base_url: None,
            policy: Policy::strict(),
            rules: Arc::new(NoRules),
            config: ProviderConfig::default(),
            clock: Arc::new(SystemClock),
            hooks: Vec::new(),
            subscribers: Vec::new(),
        }
    }
}

impl<S: Store, A: Authenticator> ServiceProvider<S, A> {
    /// Answers a request. Its path is relative to the base URL: `/Users`, not `/scim/v2/Users`.
    ///
    /// It cannot fail: whatever goes wrong becomes an error message of RFC 7644 §3.12.
    pub async fn handle(&self, request: Request<Bytes>) -> Response<Bytes> {
        let (parts, body) = request.into_parts();
        let read = |limit| ready(if body.len() > limit { Err(too_large(limit)) } else { Ok(body) });
        self.handle_parts(&parts, read).await
    }

    /// Answers a request whose body has not been read yet.
    ///
    /// `body` is called with the largest number of bytes that it may return, and only once the
    /// client is authenticated and the request has an operation that takes a body. What it fails
    /// with is the answer; [`too_large`] is the error for too many bytes.
    pub async fn handle_parts<F, Fut>(&self, parts: &Parts, body: F) -> Response<Bytes>
    where
        F: FnOnce(usize) -> Fut + Send,
        Fut: Future<Output = Result<Bytes, Error>> + Send,
    {
        let origin = Origin::of(parts, &self.request_id(parts));
        let request_id = &*origin.request_id;
        let route = self.route(parts.uri.path());
        let operation = route.operation(&parts.method);
        let span = tracing::info_span!(
            "scim.request",
            http.request.method = %parts.method,
            http.route = %route.template(),
            http.response.status_code = tracing::field::Empty,
            scim.tenant = tracing::field::Empty,
            scim.client = tracing::field::Empty,
            scim.resource_type = operation.map(|(ty, _)| ty.name()),
            scim.operation = operation.map(|(_, verb)| verb.as_str()),
            scim.error_type = tracing::field::Empty,
            scim.patch.ops = tracing::field::Empty,
            scim.filter.shape = tracing::field::Empty,
            request_id,
            trace_id = origin.trace_id.as_deref(),
        );
        async {
            let meter = Meter::begin();
            let media_type = media::accepted(&parts.headers, self.rules.media_type());
            let place = self.limits.enter();
            let answer = match (media_type, &place) {
                (Some(_), Some(_)) => self.answer(parts, &route, &origin, body).await,
                (_, None) => Err(Failure::busy()),
                (None, _) => Err(media::not_acceptable().into()),
            };
            let media_type = media_type.unwrap_or(MediaType::scim());
            let response = match answer {
                Ok(answer) => self.respond(parts, answer, media_type, request_id),
                Err(failure) => self.refuse(parts, failure, media_type, request_id),
            };
            tracing::Span::current()
                .record("http.response.status_code", response.status().as_u16());
            meter.end(&parts.method, &route, response.status());
            response
        }
        .instrument(span)
        .await
    }

    /// The answer to a request that something around the service provider refuses: a panic, a
    /// limit, a path that is not its own.
    pub fn error_response(&self, parts: &Parts, error: Error) -> Response<Bytes> {
        let request_id = self.request_id(parts);
        let _span = tracing::info_span!(
            "scim.request",
            http.request.method = %parts.method,
            http.response.status_code = error.status().as_u16(),
            scim.error_type = tracing::field::Empty,
            request_id = %request_id,
        )
        .entered();
        let media_type = media::accepted(&parts.headers, self.rules.media_type());
        self.refuse(parts, error.into(), media_type.unwrap_or(MediaType::scim()), &request_id)
    }

    /// Whether requests can be answered now, for health checks. It says nothing of any tenant.
    ///
    /// # Errors
    /// When the store cannot be used.
    pub async fn ready(&self) -> Result<(), StoreError> {
        self.store.ready().await
    }

    /// Tells the [subscribers](ServiceProviderBuilder::subscriber) what happens, for as long as it
    /// is polled; without subscribers there is nothing to do and it ends. The host spawns it beside
    /// its server:
    ///
    /// ```
    /// # use scim2_provider::{Authenticator, ServiceProvider, Store};
    /// # use std::sync::Arc;
    /// fn spawn<S: Store, A: Authenticator>(provider: &Arc<ServiceProvider<S, A>>) {
    ///     let provider = Arc::clone(provider);
    ///     tokio::spawn(async move { provider.deliver_events(tokio::time::sleep).await });
    /// }
    /// ```
    ///
    /// Every event is delivered at least once and in order; what is not delivered when it is
    /// dropped is delivered the next time, even by another process if the store has an
    /// [outbox](Store::outbox). It must run once for each store, and all service providers over
    /// that store need the same subscribers.
    ///
    /// `sleep` waits: `tokio::time::sleep`, or what another runtime has for it.
    pub async fn deliver_events<F, Fut>(&self, sleep: F)
    where
        F: Fn(Duration) -> Fut + Send + Sync,
        Fut: Future<Output = ()> + Send,
    {
        let outbox = self.store.outbox().unwrap_or(&self.outbox);
        let (subscribers, bell, clock) = (&*self.subscribers, &self.bell, &*self.clock);
        Delivery { outbox, subscribers, bell, clock, sleep }.run().await;
    }

    /// What is served.
    pub fn catalog(&self) -> &Catalog {
        &self.catalog
    }

    /// What the service provider says of itself at `/ServiceProviderConfig`.
    pub fn service_provider_config(&self) -> &ServiceProviderConfig {
        &self.service
    }

    /// The store.
    pub fn store(&self) -> &S {
        &self.store
    }

    /// In the order of ruling H11: media type, authentication, route, authorization; the
    /// operations themselves go on with existence, precondition, body.
    async fn answer<F, Fut>(
        &self,
        parts: &Parts,
        route: &Route<'_>,
        origin: &Origin,
        body: F,
    ) -> Result<Answer, Failure>
    where
        F: FnOnce(usize) -> Fut + Send,
        Fut: Future<Output = Result<Bytes, Error>> + Send,
    {
        media::check_content_type(parts)?;
        if route.is_discovery() {
            let anonymous = self.config.discovery == Discovery::Open
                && !parts.headers.contains_key(AUTHORIZATION);
            if !anonymous {
                self.authenticate(parts, origin).await?;
            }
            check_method(parts, route)?;
            return self.discover(parts, route);
        }
        let principal = self.authenticate(parts, origin).await?;
        let span = tracing::Span::current();
        span.record("scim.tenant", principal.scope.tenant.as_str());
        span.record("scim.client", &*principal.name);
        self.charge(&principal)?;
        if self.config.root_search.is_none() && matches!(route, Route::Root) {
            return Err(no_endpoint().into());
        }
        check_method(parts, route)?;
        let cx = Exchange {
            principal: &principal,
            origin,
            base: self.base(parts)?,
            query: parts.uri.query().unwrap_or_default(),
            if_match: self.tags(parts, &IF_MATCH),
            if_none_match: self.tags(parts, &IF_NONE_MATCH),
        };
        let body = async |limit| {
            let bytes = body(limit).await?;
            metrics::body(&parts.method, route, bytes.len());
            Ok::<_, Error>(bytes)
        };
        match route {
            Route::Bulk => self.bulk(&cx, body).await,
            Route::Me => self.me(&cx, parts, || body(self.config.max_body)).await,
            Route::Root | Route::RootSearch => {
                self.root(&cx, route, || body(self.config.max_body)).await
            }
            _ => self.operate(&cx, route, &parts.method, || body(self.config.max_body)).await,
        }
    }

    /// One operation on the resources of one type, be it a request of its own or an entry of a bulk
    /// request: authorization, and what the method does.
    pub(crate) async fn operate<F, Fut>(
        &self,
        cx: &Exchange<'_>,
        route: &Route<'_>,
        method: &Method,
        body: F,
    ) -> Result<Answer, Failure>
    where
        F: FnOnce() -> Fut + Send,
        Fut: Future<Output = Result<Bytes, Error>> + Send,
    {
        match (route, method) {
            (Route::Endpoint(ty), &Method::POST) => {
                self.authorize(cx, ty, Verb::Create)?;
                self.create(cx, ty, body().await?).await
            }
            (Route::Endpoint(ty), _) => {
                self.authorize(cx, ty, Verb::Query)?;
                self.list(cx, ty).await
            }
            (Route::Search(ty), _) => {
                self.authorize(cx, ty, Verb::Query)?;
                self.search(cx, ty, body().await?).await
            }
            (Route::Resource(ty, id), &Method::PUT) => {
                self.authorize(cx, ty, Verb::Replace)?;
                self.replace(cx, ty, id, body().await?).await
            }
            (Route::Resource(ty, id), &Method::PATCH) => {
                self.authorize(cx, ty, Verb::Patch)?;
                if !self.service.patch.supported {
                    return Err(self.not_offered("PATCH is not offered, use PUT"));
                }
                self.patch(cx, ty, id, body().await?).await
            }
            (Route::Resource(ty, id), &Method::DELETE) => {
                self.authorize(cx, ty, Verb::Delete)?;
                self.delete(cx, ty, id).await
            }
            (Route::Resource(ty, id), _) => {
                self.authorize(cx, ty, Verb::Read)?;
                self.get(cx, ty, id).await
            }
            _ => Err(no_endpoint().into()),
        }
    }

    /// What a path relative to the base URL names.
    pub(crate) fn route(&self, path: &str) -> Route<'_> {
        Route::parse(path, &self.catalog, self.config.plural_alias)
    }

    /// What a conditional header lists, where resources have versions (ruling H09).
    fn tags(&self, parts: &Parts, header: &HeaderName) -> Option<EntityTags> {
        if !self.service.etag.supported {
            return None;
        }
        let mut values = parts.headers.get_all(header).iter().peekable();
        values.peek()?;
        // A header that is no text names no version.
        let list = values.filter_map(|value| value.to_str().ok()).collect::<Vec<_>>().join(",");
        Some(EntityTags::parse(&list))
    }

    /// The base URL of the answer to a request.
    pub(crate) fn base(&self, parts: &Parts) -> Result<Cow<'_, Base>, Error> {
        match &self.fixed_base {
            Some(base) => Ok(Cow::Borrowed(base)),
            None => self.base_url.resolve(parts).map(Cow::Owned),
        }
    }

    async fn authenticate(&self, parts: &Parts, origin: &Origin) -> Result<Principal, Failure> {
        let span = tracing::debug_span!("scim.authz");
        self.authenticator.authenticate(parts).instrument(span).await.map_err(|error| {
            metrics::auth_failure(&error);
            audit::not_let_in(origin, &error);
            Failure::unauthenticated(&error, &self.authenticator.challenge(&error))
        })
    }

    /// Counts a request of a client against its rate limit (ruling H20).
    fn charge(&self, principal: &Principal) -> Result<(), Failure> {
        self.limits.charge(principal, 1, self.clock.now()).map_err(Failure::too_many_requests)
    }

    fn authorize(&self, cx: &Exchange<'_>, ty: &ResourceType, verb: Verb) -> Result<(), Failure> {
        let action = Action::new(ty, verb);
        let authorize = || self.authenticator.authorize(cx.principal, &action);
        if tracing::debug_span!("scim.authz").in_scope(authorize) {
            return Ok(());
        }
        let error = Error::new(StatusCode::FORBIDDEN)
            .detail("the client may not do this to resources of this type");
        audit::refused(cx.principal, cx.origin, ty.name(), verb.as_str(), None, &error);
        Err(error.into())
    }

    /// The error for what the protocol has and this service provider does not offer.
    pub(crate) fn not_offered(&self, what: &str) -> Failure {
        self.rules.not_offered(Error::not_implemented(what)).into()
    }

    /// The id under which the request is known in logs: the client's, if it is harmless, where
    /// the header is the common one; else a new one.
    fn request_id(&self, parts: &Parts) -> String {
        const MAX: usize = 64;
        let given = parts.headers.get("x-request-id").and_then(|value| value.to_str().ok());
        let harmless = |id: &&str| {
            !id.is_empty()
                && id.len() <= MAX
                && id.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b))
        };
        match given.filter(harmless) {
            Some(id) if self.rules.request_id_header() == "x-request-id" => id.to_owned(),
            _ => {
                let mut random = [0; 16];
                // Without randomness the id is not unique, which only logs would notice.
                let _ = getrandom::fill(&mut random);
                uuid::Builder::from_random_bytes(random).into_uuid().to_string()
            }
        }
    }
}

/// 413 for a body of more bytes than this.
#[must_use]
pub fn too_large(limit: usize) -> Error {
    Error::new(StatusCode::PAYLOAD_TOO_LARGE)
        .detail(format_args!("the body must not be larger than {limit} bytes"))
}

fn no_endpoint() -> Error {
    Error::not_found("there is no such endpoint")
}

/// 405 with `Allow` for a method that the endpoint does not know (ruling H05).
fn check_method(parts: &Parts, route: &Route<'_>) -> Result<(), Failure> {
    let methods = route.methods();
    if methods.is_empty() {
        return Err(no_endpoint().into());
    }
    if methods.contains(&parts.method) {
        return Ok(());
    }
    Err(Failure::method_not_allowed(methods))
}

impl<S, A> fmt::Debug for ServiceProvider<S, A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServiceProvider")
            .field("base_url", &self.base_url)
            .field("rules", &self.rules)
            .field("config", &self.config)
            .finish_non_exhaustive()
    }
}

/// Puts a [`ServiceProvider`] together.
#[must_use]
pub struct ServiceProviderBuilder<S, A> {
    store: S,
    authenticator: A,
    catalog: Catalog,
    base_url: Option<BaseUrl>,
    policy: Policy,
    rules: Arc<dyn EndpointRules>,
    config: ProviderConfig,
    clock: Arc<dyn Clock>,
    hooks: Vec<Box<dyn ChangeHook>>,
    subscribers: Vec<Box<dyn AnySubscriber>>,
}

impl<S, A> ServiceProviderBuilder<S, A> {
    /// What is served: [`Catalog::standard`] unless set.
    pub fn catalog(self, catalog: Catalog) -> Self {
        Self { catalog, ..self }
    }

    /// Where clients reach the service provider.
    pub fn base_url(self, base_url: impl Into<BaseUrl>) -> Self {
        Self { base_url: Some(base_url.into()), ..self }
    }

    /// Who is let in. Without one, nothing is built.
    pub fn authenticator<B: Authenticator>(self, authenticator: B) -> ServiceProviderBuilder<S, B> {
        ServiceProviderBuilder {
            store: self.store,
            authenticator,
            catalog: self.catalog,
            base_url: self.base_url,
            policy: self.policy,
            rules: self.rules,
            config: self.config,
            clock: self.clock,
            hooks: self.hooks,
            subscribers: self.subscribers,
        }
    }

    /// Which departures from the letter of the RFCs are tolerated: none unless set.
    pub fn policy(self, policy: Policy) -> Self {
        Self { policy, ..self }
    }

    /// What is demanded beyond the RFCs: nothing unless set.
    pub fn rules(self, rules: Arc<dyn EndpointRules>) -> Self {
        Self { rules, ..self }
    }

    /// Features and limits.
    pub fn config(self, config: ProviderConfig) -> Self {
        Self { config, ..self }
    }

    /// The clock by which cursors grow old.
    pub fn clock(self, clock: Arc<dyn Clock>) -> Self {
        Self { clock, ..self }
    }

    /// One more that is asked before anything is changed. They are asked in the order of these
    /// calls.
    pub fn hook(mut self, hook: impl ChangeHook) -> Self {
        self.hooks.push(Box::new(hook));
        self
    }

    /// One more that is told of every change, once [`ServiceProvider::deliver_events`] runs.
    pub fn subscriber(mut self, subscriber: impl Subscriber) -> Self {
        self.subscribers.push(Box::new(subscriber));
        self
    }
}

impl<S: Store, A: Authenticator> ServiceProviderBuilder<S, A> {
    /// The service provider.
    ///
    /// # Errors
    /// When the base URL is missing or unusable, a resource type has an endpoint that the
    /// protocol needs, the page sizes are 0, a sensitive attribute is unknown, two
    /// subscribers have one name, or there are no random numbers for a cursor key.
    pub fn build(self) -> Result<ServiceProvider<S, A>, BuildError> {
        let base_url = self.base_url.ok_or(BuildError::NoBaseUrl)?;
        if !base_url.is_usable() {
            return Err(BuildError::UnusableBaseUrl);
        }
        let reserved = self.catalog.iter().find(|ty| {
            let first = ty.endpoint().trim_start_matches('/').split('/').next().unwrap_or("");
            first.is_empty() || RESERVED.contains(&first)
        });
        if let Some(ty) = reserved {
            return Err(BuildError::ReservedEndpoint { endpoint: ty.endpoint().into() });
        }
        if self.config.default_page_size == 0 || self.config.max_page_size == 0 {
            return Err(BuildError::EmptyPages);
        }
        let unknown = self
            .config
            .sensitive
            .iter()
            .find(|path| !self.catalog.iter().any(|ty| ty.resolve(path, &self.policy).is_ok()));
        if let Some(path) = unknown {
            return Err(BuildError::UnknownSensitive { path: path.to_string().into() });
        }
        for (at, subscriber) in self.subscribers.iter().enumerate() {
            let name = subscriber.name();
            if self.subscribers.iter().take(at).any(|other| other.name() == name) {
                return Err(BuildError::DuplicateSubscriber { name: name.into() });
            }
        }
        let key = match self.config.cursor_key {
            Some(key) => key,
            None => {
                let mut key = [0; 32];
                getrandom::fill(&mut key).map_err(|_| BuildError::NoRandomness)?;
                key
            }
        };
        let cursors = CursorKey::new(
            key,
            self.config.cursor_timeout,
            self.config.cursor_count == CursorCount::Free,
        );
        let mut service = advertised(&self.config, &*self.rules);
        service.authentication_schemes = self.authenticator.schemes();
        self.rules.service_provider_config(&mut service);
        let limits = Limits::new(
            self.config.max_concurrent,
            self.config.client_rate,
            self.config.tenant_rate,
        );
        Ok(ServiceProvider {
            limits,
            removals: self.config.removals.map(Removals::new),
            shown_whole: shown_whole(&self.catalog),
            fixed_base: base_url.fixed(),
            store: self.store,
            authenticator: self.authenticator,
            catalog: self.catalog,
            base_url,
            policy: self.policy,
            rules: self.rules,
            config: self.config,
            service,
            cursors,
            clock: self.clock,
            hooks: self.hooks,
            subscribers: self.subscribers,
            outbox: MemoryOutbox::default(),
            bell: Bell::default(),
        })
    }
}

fn advertised(config: &ProviderConfig, rules: &dyn EndpointRules) -> ServiceProviderConfig {
    let supported = |offer| if offer == Offer::Yes { Supported::yes() } else { Supported::no() };
    let max = config.max_page_size.min(rules.max_results().unwrap_or(u64::MAX));
    let mut pagination = PaginationSupport::default();
    pagination.cursor = true;
    pagination.index = true;
    pagination.default_pagination_method = Some(
        match config.default_paging {
            Paging::Index => "index",
            Paging::Cursor => "cursor",
        }
        .to_owned(),
    );
    pagination.default_page_size = Some(config.default_page_size.min(max));
    pagination.max_page_size = Some(max);
    pagination.cursor_timeout = config.cursor_timeout.map(|timeout| timeout.as_secs());
    let mut service = ServiceProviderConfig::new();
    service.documentation_uri.clone_from(&config.documentation_uri);
    service.patch = supported(config.patch);
    service.bulk = config.bulk.map_or_else(BulkSupport::default, |limits| {
        let bytes = u64::try_from(limits.max_payload_size).unwrap_or(u64::MAX);
        BulkSupport::up_to(limits.max_operations, bytes)
    });
    service.filter = FilterSupport::up_to(max);
    service.change_password = supported(config.change_password);
    service.sort = supported(config.sort);
    service.etag = supported(config.etag);
    service.pagination = Some(pagination);
    service
}

impl<S, A> fmt::Debug for ServiceProviderBuilder<S, A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServiceProviderBuilder")
            .field("base_url", &self.base_url)
            .field("rules", &self.rules)
            .field("config", &self.config)
            .finish_non_exhaustive()
    }
}

/// Why there is no service provider.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BuildError {
    /// No base URL was given.
    #[error("a service provider needs a base URL")]
    NoBaseUrl,
    /// The base URL is not http or https, or has a user, a query or a fragment.
    #[error("the base URL must be an http or https URL without user, query and fragment")]
    UnusableBaseUrl,
    /// A resource type wants an endpoint that the protocol needs for something else.
    #[error("endpoint `{endpoint}` is not for resource types")]
    ReservedEndpoint {
        /// The endpoint.
        endpoint: Box<str>,
    },
    /// A page size is 0.
    #[error("page sizes must be at least 1")]
    EmptyPages,
    /// No resource type has an attribute that [`ProviderConfig::sensitive`] names.
    #[error("no resource type has the sensitive attribute `{path}`")]
    UnknownSensitive {
        /// The path of the attribute.
        path: Box<str>,
    },
    /// Two subscribers have the same name, so that one would miss what the other is told.
    #[error("there are two subscribers called `{name}`")]
    DuplicateSubscriber {
        /// The name.
        name: Box<str>,
    },
    /// The operating system gave no random numbers.
    #[error("no random numbers to make a cursor key of")]
    NoRandomness,
}
