//! The client: one service provider, and how to talk to it.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode, header};
use scim2_core::bulk::{BulkRequest, BulkResponse};
use scim2_core::common::TypedResource;
use scim2_core::config::ServiceProviderConfig;
use scim2_core::discovery::ResourceTypeDescription;
use scim2_core::group::Group;
use scim2_core::schema::Schema;
use scim2_core::secret::Secret;
use scim2_core::user::User;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use tracing::Instrument;
use url::Url;

use crate::api::Api;
use crate::base::{Addresses, Base, Plaintext};
use crate::error::{BuildError, Call, ClientError, ErrorClass};
use crate::page::{Paging, QueryBy, member};
use crate::retry::{RetryPolicy, retry_after};
use crate::transport::{Timer, Transport};

/// What the client asks for: SCIM, or JSON from those who know no better.
const ACCEPT: HeaderValue = HeaderValue::from_static("application/scim+json, application/json");
const CONTENT_TYPE: HeaderValue = HeaderValue::from_static("application/scim+json");
/// What the client is called unless the builder says otherwise. GitHub answers nobody who has no
/// name.
const USER_AGENT: &str = concat!("scim2-client/", env!("CARGO_PKG_VERSION"));
/// How often a request is sent on to another place (RFC 7644 §3.12: a 307 once).
const MAX_REDIRECTS: u32 = 1;

/// A client of one service provider.
///
/// It is cheap to clone, and clones share the connection and the counter.
///
/// ```
/// use bytes::Bytes;
/// use http::{Request, Response};
/// use scim2_client::{Client, InProcess};
/// use scim2_core::user::User;
///
/// # async fn run() -> Result<(), Box<dyn std::error::Error>> {
/// let transport = InProcess::new(|_: Request<Bytes>| async {
///     let mut response =
///         Response::new(Bytes::from_static(br#"{"id": "2819c223", "userName": "bjensen"}"#));
///     *response.status_mut() = http::StatusCode::CREATED;
///     response
/// });
/// let client = Client::builder(transport, "https://scim.example.com/v2".parse()?)
///     .bearer("h480djs93hd8".into())
///     .build()?;
///
/// let created = client.users().create(&User::new("bjensen")).await?;
/// assert_eq!(created.id.as_str(), "2819c223");
/// # Ok(()) }
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(run()).unwrap();
/// ```
pub struct Client<T> {
    inner: Arc<Inner<T>>,
}

struct Inner<T> {
    transport: T,
    timer: Option<Arc<dyn Timer>>,
    base: Base,
    authorization: Option<Authorization>,
    headers: HeaderMap,
    retry: RetryPolicy,
    paging: Paging,
    query_by: QueryBy,
    sent: AtomicU64,
}

enum Authorization {
    Fixed(HeaderValue),
    Asked(Box<dyn Fn() -> Secret + Send + Sync>),
}

impl<T: Transport> Client<T> {
    /// A client for the service provider at this base URL.
    ///
    /// The URL may end in a slash or not, and may carry a query, which then goes with each
    /// request: `https://example.com/scim?aadOptscim062020`.
    pub fn builder(transport: T, base_url: Url) -> ClientBuilder<T> {
        ClientBuilder {
            transport,
            base_url,
            timer: None,
            credentials: Credentials::None,
            user_agent: USER_AGENT.to_owned(),
            retry: RetryPolicy::default(),
            paging: Paging::default(),
            query_by: QueryBy::default(),
            plaintext: Plaintext::default(),
            addresses: Addresses::default(),
        }
    }

    /// The users, at `/Users`.
    #[must_use]
    pub fn users(&self) -> Api<'_, T, User> {
        self.resources()
    }

    /// The groups, at `/Groups`.
    #[must_use]
    pub fn groups(&self) -> Api<'_, T, Group> {
        self.resources()
    }

    /// The resources of a type of the caller's own.
    #[must_use]
    pub fn resources<R: TypedResource>(&self) -> Api<'_, T, R> {
        self.api(R::ENDPOINT)
    }

    /// The resources at an endpoint such as `/Users`, as typed views or as documents
    /// ([`Resource`](scim2_core::Resource)).
    ///
    /// The endpoint may be one that `/ResourceTypes` told; then it may also be a full URL below
    /// the base URL. `/` is the base URL itself, for queries over all resource types and for
    /// `/Me`.
    #[must_use]
    pub fn api<R>(&self, endpoint: &str) -> Api<'_, T, R>
    where
        R: Serialize + DeserializeOwned + Send + Sync,
    {
        let endpoint = self.inner.base.relative(endpoint).unwrap_or(endpoint);
        Api::new(
            self,
            match endpoint.trim_matches('/') {
                "" => String::new(),
                endpoint => format!("/{endpoint}"),
            },
        )
    }

    /// What the service provider says it supports (RFC 7644 §4). None where it does not say:
    /// then it may still support anything (ruling C09).
    ///
    /// # Errors
    /// As for every call, but for 404.
    pub async fn service_provider_config(
        &self,
    ) -> Result<Option<ServiceProviderConfig>, ClientError> {
        let Some(body) = self.discover("/ServiceProviderConfig").await? else { return Ok(None) };
        read(&Method::GET, "/ServiceProviderConfig", body).map(Some)
    }

    /// The schemas that the service provider publishes; none if it publishes none (ruling C09).
    ///
    /// # Errors
    /// As for every call, but for 404.
    pub async fn schemas(&self) -> Result<Vec<Schema>, ClientError> {
        self.discover_list("/Schemas").await
    }

    /// The resource types that the service provider publishes; none if it publishes none (ruling
    /// C09).
    ///
    /// # Errors
    /// As for every call, but for 404.
    pub async fn resource_types(&self) -> Result<Vec<ResourceTypeDescription>, ClientError> {
        self.discover_list("/ResourceTypes").await
    }

    /// Sends several operations in one request (RFC 7644 §3.7).
    ///
    /// # Errors
    /// [`ErrorClass::TooLarge`] beyond the service provider's limits; [`ErrorClass::Ambiguous`]
    /// when the answer got lost. What became of the single operations is in the answer.
    pub async fn bulk(&self, request: &BulkRequest) -> Result<BulkResponse, ClientError> {
        let call = Outgoing::new(Method::POST, "/Bulk").body(request)?.once();
        let answer = self.send(&call).await?;
        read(&call.method, &call.path, answer.json(&call)?)
    }

    /// How many requests were sent, repetitions and pages included.
    #[must_use]
    pub fn requests_sent(&self) -> u64 {
        self.inner.sent.load(Ordering::Relaxed)
    }

    /// What carries the requests.
    #[must_use]
    pub fn transport(&self) -> &T {
        &self.inner.transport
    }

    pub(crate) fn paging(&self) -> Paging {
        self.inner.paging
    }

    pub(crate) fn query_by(&self) -> QueryBy {
        self.inner.query_by
    }

    pub(crate) fn base(&self) -> &Base {
        &self.inner.base
    }

    async fn discover(&self, endpoint: &str) -> Result<Option<Value>, ClientError> {
        let call = Outgoing::new(Method::GET, endpoint);
        match self.send(&call).await {
            Ok(answer) => answer.json(&call).map(Some),
            Err(error) if matches!(error.class(), ErrorClass::Gone | ErrorClass::Unsupported) => {
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    async fn discover_list<D: DeserializeOwned>(
        &self,
        endpoint: &str,
    ) -> Result<Vec<D>, ClientError> {
        let Some(body) = self.discover(endpoint).await? else { return Ok(Vec::new()) };
        let list = match body {
            Value::Array(_) => body,
            mut object => member_mut(&mut object, "Resources").map(Value::take).unwrap_or_default(),
        };
        if list.is_null() {
            return Ok(Vec::new());
        }
        read(&Method::GET, endpoint, list)
    }

    /// Sends a request until it is answered, and hands out the answer if it is a success.
    pub(crate) async fn send(&self, call: &Outgoing) -> Result<Answer, ClientError> {
        let mut progress = Progress::default();
        let mut url = match &call.url {
            Some(url) => url.clone(),
            None => self.inner.base.url(&call.path, &call.query),
        };
        let mut refused: Option<HeaderValue> = None;
        let mut redirects = 0;
        loop {
            let authorization = self.authorization(call)?;
            let request = self.request(call, &url, authorization.clone())?;
            progress.attempts += 1;
            let span = tracing::debug_span!(
                "scim.client.request",
                http.request.method = %call.method,
                scim.endpoint = %call.endpoint(),
                scim.attempt = progress.attempts,
                http.response.status_code = tracing::field::Empty,
            );
            self.inner.sent.fetch_add(1, Ordering::Relaxed);
            let result = self.inner.transport.send(request).instrument(span.clone()).await;
            let error = match result {
                Ok(response) => {
                    let status = response.status();
                    span.record("http.response.status_code", status.as_u16());
                    if status.is_success() || call.also == Some(status) {
                        return Ok(Answer { response, progress, url });
                    }
                    if status == StatusCode::UNAUTHORIZED && refused.is_none() {
                        // A token that was changed meanwhile is worth a second try.
                        refused = authorization;
                        if refused.is_some() && self.authorization(call)? != refused {
                            continue;
                        }
                    }
                    if matches!(
                        status,
                        StatusCode::TEMPORARY_REDIRECT | StatusCode::PERMANENT_REDIRECT
                    ) {
                        url = self.redirect(call, &response, &url, &mut redirects, progress)?;
                        continue;
                    }
                    let now = self.timer().map(Timer::now);
                    let retry_after = retry_after(response.headers(), now);
                    ClientError::answer(call.context(progress), &response, retry_after)
                }
                Err(error) => {
                    let delivery = self.inner.transport.delivery(&error);
                    ClientError::transport(call.context(progress), delivery, error)
                }
            };
            progress.after_lost |= error.leaves_doubt();
            let Some(wait) = self.wait(&error, progress) else { return Err(error) };
            let Some(timer) = self.timer() else { return Err(error) };
            tracing::debug!(parent: &span, wait_ms = wait.as_millis(), "repeating the request");
            timer.sleep(wait).await;
            progress.waited = progress.waited.saturating_add(wait);
        }
    }

    /// How long to wait before the request is sent again, if it is to be.
    fn wait(&self, error: &ClientError, progress: Progress) -> Option<Duration> {
        if error.class() != ErrorClass::Retryable {
            return None;
        }
        self.inner.retry.wait(progress.attempts, progress.waited, error.retry_after())
    }

    /// Where a 307 or 308 sends the request: with method, body and credentials, so to the same
    /// origin only (ruling C07, SEC-21).
    fn redirect(
        &self,
        call: &Outgoing,
        response: &Response<Bytes>,
        url: &str,
        redirects: &mut u32,
        progress: Progress,
    ) -> Result<String, ClientError> {
        *redirects += 1;
        let context = call.context(progress);
        let location =
            response.headers().get(header::LOCATION).and_then(|value| value.to_str().ok());
        match location.and_then(|location| self.inner.base.same_origin(url, location)) {
            Some(target) if *redirects <= MAX_REDIRECTS => Ok(target),
            Some(_) => Err(ClientError::protocol(context, response, "it redirects in circles")),
            None => Err(ClientError::protocol(
                context,
                response,
                "it redirects to no place, or to another origin, which is not followed",
            )),
        }
    }

    fn request(
        &self,
        call: &Outgoing,
        url: &str,
        authorization: Option<HeaderValue>,
    ) -> Result<Request<Bytes>, ClientError> {
        let mut request = Request::new(call.body.clone().unwrap_or_default());
        *request.method_mut() = call.method.clone();
        *request.uri_mut() = url
            .parse()
            .map_err(|error| ClientError::request(call.context(Progress::default()), error))?;
        let headers = request.headers_mut();
        headers.clone_from(&self.inner.headers);
        headers.extend(call.headers.clone());
        if call.body.is_some() {
            headers.insert(header::CONTENT_TYPE, CONTENT_TYPE);
        }
        if let Some(authorization) = authorization {
            headers.insert(header::AUTHORIZATION, authorization);
        }
        Ok(request)
    }

    fn authorization(&self, call: &Outgoing) -> Result<Option<HeaderValue>, ClientError> {
        match &self.inner.authorization {
            None => Ok(None),
            Some(Authorization::Fixed(value)) => Ok(Some(value.clone())),
            Some(Authorization::Asked(ask)) => bearer(&ask())
                .map(Some)
                .map_err(|error| ClientError::request(call.context(Progress::default()), error)),
        }
    }

    fn timer(&self) -> Option<&dyn Timer> {
        self.inner.timer.as_deref().or_else(|| self.inner.transport.timer())
    }
}

impl<T> Clone for Client<T> {
    fn clone(&self) -> Self {
        Self { inner: Arc::clone(&self.inner) }
    }
}

impl<T> fmt::Debug for Client<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client")
            .field("retry", &self.inner.retry)
            .field("paging", &self.inner.paging)
            .field("requests_sent", &self.inner.sent)
            .finish_non_exhaustive()
    }
}

/// Sets up a [`Client`].
pub struct ClientBuilder<T> {
    transport: T,
    base_url: Url,
    timer: Option<Arc<dyn Timer>>,
    credentials: Credentials,
    user_agent: String,
    retry: RetryPolicy,
    paging: Paging,
    query_by: QueryBy,
    plaintext: Plaintext,
    addresses: Addresses,
}

enum Credentials {
    None,
    Bearer(Secret),
    BearerWith(Box<dyn Fn() -> Secret + Send + Sync>),
    Basic(String, Secret),
}

impl<T: Transport> ClientBuilder<T> {
    /// Authenticates with a bearer token (RFC 6750).
    #[must_use]
    pub fn bearer(self, token: Secret) -> Self {
        Self { credentials: Credentials::Bearer(token), ..self }
    }

    /// Authenticates with the bearer token that `token` returns. It is asked before each request,
    /// and once more when the token is refused: tokens that are exchanged while the client runs
    /// cost no failed call.
    #[must_use]
    pub fn bearer_with(self, token: impl Fn() -> Secret + Send + Sync + 'static) -> Self {
        Self { credentials: Credentials::BearerWith(Box::new(token)), ..self }
    }

    /// Authenticates with user name and password (RFC 7617).
    #[must_use]
    pub fn basic(self, user_name: impl Into<String>, password: Secret) -> Self {
        Self { credentials: Credentials::Basic(user_name.into(), password), ..self }
    }

    /// The name by which the service provider finds this client in its log.
    #[must_use]
    pub fn user_agent(self, user_agent: impl Into<String>) -> Self {
        Self { user_agent: user_agent.into(), ..self }
    }

    /// How often and how patiently requests are repeated.
    #[must_use]
    pub fn retry(self, retry: RetryPolicy) -> Self {
        Self { retry, ..self }
    }

    /// What waits between attempts, instead of the transport's own timer. Without either,
    /// nothing is repeated.
    #[must_use]
    pub fn timer(self, timer: impl Timer + 'static) -> Self {
        Self { timer: Some(Arc::new(timer)), ..self }
    }

    /// How lists are paged.
    #[must_use]
    pub fn paging(self, paging: Paging) -> Self {
        Self { paging, ..self }
    }

    /// How queries travel.
    #[must_use]
    pub fn query_by(self, query_by: QueryBy) -> Self {
        Self { query_by, ..self }
    }

    /// Whether `http` is allowed.
    #[must_use]
    pub fn plaintext(self, plaintext: Plaintext) -> Self {
        Self { plaintext, ..self }
    }

    /// Which addresses the base URL may name. The names in it are the transport's business.
    #[must_use]
    pub fn addresses(self, addresses: Addresses) -> Self {
        Self { addresses, ..self }
    }

    /// The client.
    ///
    /// # Errors
    /// When the base URL is not allowed, or the credentials cannot be sent.
    pub fn build(self) -> Result<Client<T>, BuildError> {
        let base = Base::new(&self.base_url, self.plaintext, self.addresses)?;
        let authorization = match self.credentials {
            Credentials::None => None,
            Credentials::Bearer(token) => Some(Authorization::Fixed(bearer(&token)?)),
            Credentials::BearerWith(ask) => Some(Authorization::Asked(ask)),
            Credentials::Basic(user_name, password) => {
                Some(Authorization::Fixed(basic(&user_name, &password)?))
            }
        };
        let user_agent =
            HeaderValue::from_str(&self.user_agent).map_err(|_| BuildError::UserAgent)?;
        let headers =
            HeaderMap::from_iter([(header::ACCEPT, ACCEPT), (header::USER_AGENT, user_agent)]);
        Ok(Client {
            inner: Arc::new(Inner {
                transport: self.transport,
                timer: self.timer,
                base,
                authorization,
                headers,
                retry: self.retry,
                paging: self.paging,
                query_by: self.query_by,
                sent: AtomicU64::new(0),
            }),
        })
    }
}

impl<T> fmt::Debug for ClientBuilder<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientBuilder")
            .field("retry", &self.retry)
            .field("paging", &self.paging)
            .finish_non_exhaustive()
    }
}

fn bearer(token: &Secret) -> Result<HeaderValue, BuildError> {
    // An empty token is a mistake in the set-up, never a wish (SEC-04).
    if token.is_empty() {
        return Err(BuildError::Credentials);
    }
    credentials("Bearer", token.expose())
}

fn basic(user_name: &str, password: &Secret) -> Result<HeaderValue, BuildError> {
    if user_name.contains(':') || (user_name.is_empty() && password.is_empty()) {
        return Err(BuildError::Credentials);
    }
    credentials("Basic", &STANDARD.encode(format!("{user_name}:{}", password.expose())))
}

fn credentials(scheme: &str, text: &str) -> Result<HeaderValue, BuildError> {
    let header = HeaderValue::from_str(&format!("{scheme} {text}"));
    let mut header = header.map_err(|_| BuildError::Credentials)?;
    header.set_sensitive(true);
    Ok(header)
}

/// A request before it has a URL and credentials.
pub(crate) struct Outgoing {
    pub(crate) method: Method,
    /// The encoded path below the base URL.
    pub(crate) path: String,
    pub(crate) query: String,
    /// A full URL instead of path and query.
    pub(crate) url: Option<String>,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Option<Bytes>,
    /// A status beyond 2xx that is an answer and no error.
    pub(crate) also: Option<StatusCode>,
    /// Whether sending it twice may do harm.
    once: bool,
}

impl Outgoing {
    pub(crate) fn new(method: Method, path: impl Into<String>) -> Self {
        Self {
            method,
            path: path.into(),
            query: String::new(),
            url: None,
            headers: HeaderMap::new(),
            body: None,
            also: None,
            once: false,
        }
    }

    pub(crate) fn query(self, query: String) -> Self {
        Self { query, ..self }
    }

    pub(crate) fn header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.insert(name, value);
        self
    }

    pub(crate) fn body(self, body: &impl Serialize) -> Result<Self, ClientError> {
        let bytes = serde_json::to_vec(body).map_err(|error| self.unsendable(error))?;
        Ok(Self { body: Some(bytes.into()), ..self })
    }

    /// Marks the request as one that must not be obeyed twice.
    pub(crate) fn once(self) -> Self {
        Self { once: true, ..self }
    }

    pub(crate) fn unsendable(&self, what: impl fmt::Display) -> ClientError {
        ClientError::request(self.context(Progress::default()), what)
    }

    pub(crate) fn context(&self, progress: Progress) -> Call<'_> {
        Call {
            method: &self.method,
            endpoint: &self.path,
            attempts: progress.attempts,
            after_lost: progress.after_lost,
            repeatable: !self.once,
        }
    }

    /// The first segment of the path: what may stand in a trace.
    fn endpoint(&self) -> &str {
        let rest = self.path.strip_prefix('/').unwrap_or(&self.path);
        rest.split('/').next().unwrap_or(rest)
    }
}

/// How far a call has come.
#[derive(Clone, Copy, Default)]
pub(crate) struct Progress {
    pub(crate) attempts: u32,
    pub(crate) after_lost: bool,
    waited: Duration,
}

/// A success.
pub(crate) struct Answer {
    pub(crate) response: Response<Bytes>,
    pub(crate) progress: Progress,
    /// Where it came from.
    pub(crate) url: String,
}

impl Answer {
    /// The body as JSON.
    pub(crate) fn json(&self, call: &Outgoing) -> Result<Value, ClientError> {
        let body = self.response.body();
        let body = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body);
        serde_json::from_slice(body).map_err(|error| {
            let what = if body.iter().all(u8::is_ascii_whitespace) {
                "its body is empty".to_owned()
            } else if body.trim_ascii_start().first() == Some(&b'<') {
                "its body is a web page, not JSON".to_owned()
            } else {
                format!("its body is not JSON: {error}")
            };
            self.protocol(call, what)
        })
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.response.body().iter().all(u8::is_ascii_whitespace)
    }

    pub(crate) fn protocol(&self, call: &Outgoing, what: impl fmt::Display) -> ClientError {
        ClientError::protocol(call.context(self.progress), &self.response, what)
    }
}

/// JSON as the message that it should be.
fn read<D: DeserializeOwned>(
    method: &Method,
    endpoint: &str,
    body: Value,
) -> Result<D, ClientError> {
    serde_json::from_value(body).map_err(|error| {
        let what = format_args!("its body is not what it should be: {error}").to_string();
        ClientError::malformed(Call::new(method, endpoint), what)
    })
}

fn member_mut<'a>(object: &'a mut Value, name: &str) -> Option<&'a mut Value> {
    let key = {
        let _ = member(object, name)?;
        let object = object.as_object()?;
        object.keys().find(|key| key.eq_ignore_ascii_case(name))?.clone()
    };
    object.get_mut(&key)
}
