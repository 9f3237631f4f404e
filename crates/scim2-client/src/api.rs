//! The calls on the resources of one endpoint.

use std::fmt;
use std::marker::PhantomData;
use std::ops::Deref;

use http::{HeaderValue, Method, StatusCode, header};
use scim2_core::ResourceType;
use scim2_core::config::ServiceProviderConfig;
use scim2_core::diff::diff;
use scim2_core::etag::Version;
use scim2_core::list::ListResponse;
use scim2_core::patch_op::{PatchOp, PatchOpKind, PatchOperation};
use scim2_core::resource::ResourceId;
use scim2_core::search::SearchRequest;
use scim2_core::syntax::{AttrPath, Filter};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use crate::base;
use crate::client::{Answer, Client, Outgoing};
use crate::error::{Call, ClientError, ErrorClass, request_id};
use crate::page::{self, Page, Pages, Query, QueryBy, member};
use crate::transport::Transport;

/// The resources at one endpoint; made by [`Client::users`] and its siblings.
///
/// `R` is a typed view such as [`User`](scim2_core::user::User), or
/// [`Resource`](scim2_core::Resource) for any document.
pub struct Api<'c, T, R> {
    client: &'c Client<T>,
    endpoint: String,
    attributes: Vec<String>,
    excluded_attributes: Vec<String>,
    resources: PhantomData<fn() -> R>,
}

impl<'c, T, R> Api<'c, T, R>
where
    T: Transport,
    R: Serialize + DeserializeOwned + Send + Sync,
{
    pub(crate) fn new(client: &'c Client<T>, endpoint: String) -> Self {
        Self {
            client,
            endpoint,
            attributes: Vec::new(),
            excluded_attributes: Vec::new(),
            resources: PhantomData,
        }
    }

    /// Asks for these attributes alone, in every answer (RFC 7644 §3.9). Takes back
    /// [`excluding`](Self::excluding).
    #[must_use]
    pub fn only(self, attributes: impl IntoIterator<Item = AttrPath>) -> Self {
        let attributes = attributes.into_iter().map(|path| path.to_string()).collect();
        Self { attributes, excluded_attributes: Vec::new(), ..self }
    }

    /// Asks for all but these attributes, in every answer (RFC 7644 §3.9). Takes back
    /// [`only`](Self::only).
    #[must_use]
    pub fn excluding(self, attributes: impl IntoIterator<Item = AttrPath>) -> Self {
        let excluded_attributes = attributes.into_iter().map(|path| path.to_string()).collect();
        Self { excluded_attributes, attributes: Vec::new(), ..self }
    }

    /// The endpoint below the base URL: `/Users`.
    #[must_use]
    pub fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// Creates a resource (RFC 7644 §3.3) and returns what the service provider made of it.
    ///
    /// `id` and `meta` of `resource` are not sent: they are for the service provider to choose.
    ///
    /// # Errors
    /// [`ErrorClass::Conflict`] when there is one already; [`ErrorClass::Ambiguous`] when the
    /// answer got lost, for then the resource may exist. [`create_or_find`](Self::create_or_find)
    /// looks.
    pub async fn create(&self, resource: &R) -> Result<Versioned<R>, ClientError> {
        let call =
            Outgoing::new(Method::POST, self.endpoint.as_str()).query(self.projection()).once();
        let mut document = document(resource).map_err(|error| call.unsendable(error))?;
        document
            .retain(|key, _| !["id", "meta"].iter().any(|chosen| key.eq_ignore_ascii_case(chosen)));
        let call = call.body(&document)?;
        let answer = self.client.send(&call).await?;
        match answer.response.status() {
            StatusCode::CREATED | StatusCode::OK if !answer.is_empty() => {
                self.versioned(&call, &answer)
            }
            StatusCode::CREATED | StatusCode::OK => self.created_elsewhere(&call, &answer).await,
            _ => Err(answer.protocol(&call, "that is not how a create is answered")),
        }
    }

    /// Creates a resource, unless it is there: finds out what became of a create whose answer
    /// got lost, and what stands in the way of one that was refused with 409 (ruling C05).
    ///
    /// `key` must select this one resource, such as `externalId eq "…"`. Nothing is assumed of
    /// what is found: whether an [`Existing`](Created::Existing) resource is the caller's to
    /// change is for the caller to say. A user name that was given to somebody else since is
    /// nobody's to adopt.
    ///
    /// # Errors
    /// The conflict itself when `key` selects nothing or more than one resource;
    /// [`ErrorClass::Ambiguous`] when the answers keep getting lost.
    pub async fn create_or_find(
        &self,
        resource: &R,
        key: &Filter,
    ) -> Result<Created<R>, ClientError> {
        let error = match self.create(resource).await {
            Ok(created) => return Ok(Created::New(created)),
            Err(error) => error,
        };
        if !matches!(error.class(), ErrorClass::Ambiguous | ErrorClass::Conflict) {
            return Err(error);
        }
        if let Some(found) = self.find_one(key).await? {
            return Ok(Created::Existing(found));
        }
        if error.class() == ErrorClass::Conflict {
            return Err(error);
        }
        // Nothing came of the first attempt, so a second does not make two.
        match self.create(resource).await {
            Ok(created) => Ok(Created::New(created)),
            Err(again) if again.class() == ErrorClass::Conflict => {
                // The first attempt arrived late.
                self.find_one(key).await?.map(Created::Existing).ok_or(again)
            }
            Err(again) => Err(again),
        }
    }

    /// Reads a resource (RFC 7644 §3.4.1).
    ///
    /// # Errors
    /// [`ErrorClass::Gone`] when there is none.
    pub async fn get(&self, id: &ResourceId) -> Result<Versioned<R>, ClientError> {
        let call = self.on(Method::GET, id)?.query(self.projection());
        let answer = self.client.send(&call).await?;
        self.versioned(&call, &answer)
    }

    /// Reads a resource unless it still is in this version (RFC 7644 §3.14); then returns none.
    ///
    /// # Errors
    /// [`ErrorClass::Gone`] when there is none.
    pub async fn get_if_changed(
        &self,
        id: &ResourceId,
        version: &Version,
    ) -> Result<Option<Versioned<R>>, ClientError> {
        let call = self.on(Method::GET, id)?.query(self.projection());
        let value = tag(&call, version)?;
        let mut call = call.header(header::IF_NONE_MATCH, value);
        call.also = Some(StatusCode::NOT_MODIFIED);
        let answer = self.client.send(&call).await?;
        if answer.response.status() == StatusCode::NOT_MODIFIED {
            return Ok(None);
        }
        self.versioned(&call, &answer).map(Some)
    }

    /// The first page of the resources that match, by one request without any parameter for
    /// paging: the look-up of a provisioning client.
    ///
    /// # Errors
    /// As for every call. AWS IAM Identity Center answers a filter on a group member that does
    /// not exist with 404.
    pub async fn find(&self, filter: Filter) -> Result<Page<R>, ClientError> {
        let list = self.list(&Query::from(filter).request()).await?;
        Ok(Page {
            resources: self.typed(list.resources)?,
            total_results: list.total_results,
            start_index: list.start_index,
            next_cursor: list.next_cursor.filter(|cursor| !cursor.is_empty()),
        })
    }

    /// All resources that match, page by page (RFC 7644 §3.4.2, RFC 9865).
    #[must_use]
    pub fn query(&self, query: &Query) -> Pages<'c, T, R> {
        Pages::new(self.clone(), query, self.client.paging())
    }

    /// Replaces a resource (RFC 7644 §3.5.1): what `resource` leaves out is cleared.
    ///
    /// With `expected`, only if it still is in that version. Where the service provider answers
    /// without a body, the result is read with a second request.
    ///
    /// # Errors
    /// [`ErrorClass::Precondition`] when the version is another.
    pub async fn replace(
        &self,
        id: &ResourceId,
        resource: &R,
        expected: Option<&Version>,
    ) -> Result<Versioned<R>, ClientError> {
        let call = if_match(self.on(Method::PUT, id)?.query(self.projection()), expected)?;
        let document = document(resource).map_err(|error| call.unsendable(error))?;
        let call = call.body(&document)?;
        let answer = self.client.send(&call).await?;
        if answer.is_empty() { self.get(id).await } else { self.versioned(&call, &answer) }
    }

    /// Changes a resource (RFC 7644 §3.5.2).
    ///
    /// With `expected`, only if it still is in that version.
    ///
    /// # Errors
    /// [`ErrorClass::Precondition`] when the version is another; [`ErrorClass::Ambiguous`] when
    /// the answer got lost and `op` adds values that a second attempt might add again.
    pub async fn patch(
        &self,
        id: &ResourceId,
        op: &PatchOp,
        expected: Option<&Version>,
    ) -> Result<Patched<R>, ClientError> {
        let call = if_match(self.on(Method::PATCH, id)?.query(self.projection()), expected)?;
        let call = call.body(op)?;
        let call = if op.operations.iter().all(is_idempotent) { call } else { call.once() };
        let answer = self.client.send(&call).await?;
        if answer.is_empty() {
            return Ok(Patched::NoContent);
        }
        self.versioned(&call, &answer).map(Patched::Full)
    }

    /// Makes of a resource that was read what it should be, and changes nothing if it is that
    /// already (ruling C04). Only if it still is in the version in which it was read, where the
    /// service provider has versions.
    ///
    /// By PATCH, there is one operation for each attribute that differs, in the plainest form
    /// that there is; what only the service provider writes is left alone.
    ///
    /// # Errors
    /// [`ErrorClass::Precondition`] when somebody else was faster: read it again.
    pub async fn update(
        &self,
        ty: &ResourceType,
        before: &Versioned<R>,
        after: &R,
        by: UpdateBy,
    ) -> Result<Patched<R>, ClientError> {
        let (id, expected) = (&before.id, before.version.as_ref());
        let method = if by == UpdateBy::Patch { Method::PATCH } else { Method::PUT };
        let unsendable = |error| ClientError::request(Call::new(&method, &self.endpoint), error);
        let old = document(&before.resource).map_err(unsendable)?.into();
        let new = document(after).map_err(unsendable)?.into();
        let op = diff(ty, &old, &new);
        if op.is_empty() {
            return Ok(Patched::NoContent);
        }
        match by {
            UpdateBy::Patch => self.patch(id, &op, expected).await,
            UpdateBy::Put => self.replace(id, after, expected).await.map(Patched::Full),
        }
    }

    /// Deletes a resource (RFC 7644 §3.6).
    ///
    /// With `expected`, only if it still is in that version. A resource that is gone when the
    /// request is repeated was deleted by the first attempt, whose answer got lost: that is a
    /// success.
    ///
    /// # Errors
    /// [`ErrorClass::Gone`] when there was none; [`ErrorClass::Precondition`] when the version is
    /// another.
    pub async fn delete(
        &self,
        id: &ResourceId,
        expected: Option<&Version>,
    ) -> Result<(), ClientError> {
        let call = if_match(self.on(Method::DELETE, id)?, expected)?;
        match self.client.send(&call).await {
            Ok(_) => Ok(()),
            Err(error) if error.class() == ErrorClass::Gone && error.after_lost() => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// The one resource that matches; none if there is none, or more than one.
    async fn find_one(&self, key: &Filter) -> Result<Option<Versioned<R>>, ClientError> {
        let list = self.list(&Query::from(key.clone()).request()).await?;
        let [found] = list.resources.as_slice() else { return Ok(None) };
        let what = "a listed resource has no `id`";
        let method = Method::GET;
        let call = Call::new(&method, &self.endpoint);
        let id = page::id(found).ok_or_else(|| ClientError::malformed(call, what))?;
        let (id, version) = (ResourceId::from(id), meta_version(found));
        let mut typed = self.typed(list.resources)?;
        Ok(typed.pop().map(|resource| Versioned {
            resource,
            id,
            version,
            location: None,
            request_id: None,
        }))
    }

    /// One list request.
    pub(crate) async fn list(
        &self,
        request: &SearchRequest,
    ) -> Result<ListResponse<Value>, ClientError> {
        let mut request = request.clone();
        request.attributes.clone_from(&self.attributes);
        request.excluded_attributes.clone_from(&self.excluded_attributes);
        let call = match self.client.query_by() {
            QueryBy::Get => {
                Outgoing::new(Method::GET, self.endpoint.as_str()).query(request.to_query())
            }
            QueryBy::Post => {
                Outgoing::new(Method::POST, format!("{}/.search", self.endpoint)).body(&request)?
            }
        };
        let answer = self.client.send(&call).await?;
        let body = answer.json(&call)?;
        if !body.is_object() {
            return Err(answer.protocol(&call, "its body is no list"));
        }
        serde_json::from_value(body)
            .map_err(|error| answer.protocol(&call, format_args!("its body is no list: {error}")))
    }

    /// The resources of a list.
    pub(crate) fn typed(&self, resources: Vec<Value>) -> Result<Vec<R>, ClientError> {
        let method = Method::GET;
        resources
            .into_iter()
            .enumerate()
            .map(|(i, resource)| {
                R::deserialize(resource).map_err(|error| {
                    ClientError::malformed(
                        Call::new(&method, &self.endpoint),
                        format_args!("resource {i} of its list cannot be read: {error}"),
                    )
                })
            })
            .collect()
    }

    /// A 201 without a body: the resource is at its location (ruling C02).
    async fn created_elsewhere(
        &self,
        call: &Outgoing,
        answer: &Answer,
    ) -> Result<Versioned<R>, ClientError> {
        let location = answer.response.headers().get(header::LOCATION);
        let location = location
            .and_then(|location| location.to_str().ok())
            .and_then(|location| self.client.base().same_origin_resource(&answer.url, location));
        let Some(location) = location else {
            return Err(answer.protocol(call, "it holds neither the resource nor its location"));
        };
        let mut call = Outgoing::new(Method::GET, self.endpoint.as_str());
        call.url = Some(location);
        let answer = self.client.send(&call).await?;
        self.versioned(&call, &answer)
    }

    fn versioned(&self, call: &Outgoing, answer: &Answer) -> Result<Versioned<R>, ClientError> {
        let body = answer.json(call)?;
        let Some(id) = page::id(&body) else {
            return Err(answer.protocol(call, "its body is no resource with an `id`"));
        };
        let id = ResourceId::from(id);
        let headers = answer.response.headers();
        let text = |name| headers.get(name).and_then(|value: &HeaderValue| value.to_str().ok());
        let version = text(header::ETAG).map(Version::from_wire).or_else(|| meta_version(&body));
        let in_meta = || member(member(&body, "meta")?, "location")?.as_str();
        let location = text(header::LOCATION).or_else(in_meta).map(str::to_owned);
        let resource = R::deserialize(body).map_err(|error| {
            answer.protocol(call, format_args!("its resource cannot be read: {error}"))
        })?;
        Ok(Versioned { resource, id, version, location, request_id: request_id(headers) })
    }

    fn on(&self, method: Method, id: &ResourceId) -> Result<Outgoing, ClientError> {
        match base::segment(id.as_str()) {
            Some(id) => Ok(Outgoing::new(method, format!("{}/{id}", self.endpoint))),
            None => Err(ClientError::request(
                Call::new(&method, &self.endpoint),
                "the `id` is empty or means another place in a path",
            )),
        }
    }

    fn projection(&self) -> String {
        let mut request = SearchRequest::default();
        request.attributes.clone_from(&self.attributes);
        request.excluded_attributes.clone_from(&self.excluded_attributes);
        request.to_query()
    }
}

impl<T, R> Clone for Api<'_, T, R> {
    fn clone(&self) -> Self {
        Self {
            client: self.client,
            endpoint: self.endpoint.clone(),
            attributes: self.attributes.clone(),
            excluded_attributes: self.excluded_attributes.clone(),
            resources: PhantomData,
        }
    }
}

impl<T, R> fmt::Debug for Api<'_, T, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Api").field("endpoint", &self.endpoint).finish_non_exhaustive()
    }
}

/// A resource as the service provider has it, and what came with it.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Versioned<R> {
    /// The resource: what the service provider made of it, which need not be what was sent.
    pub resource: R,
    /// The identifier that the service provider gave it.
    pub id: ResourceId,
    /// Its version, for a later `expected`. None from a service provider without versions.
    pub version: Option<Version>,
    /// Where the service provider says it is.
    pub location: Option<String>,
    /// By what name the service provider can find the request in its log.
    pub request_id: Option<String>,
}

impl<R> Deref for Versioned<R> {
    type Target = R;

    fn deref(&self) -> &R {
        &self.resource
    }
}

/// What a PATCH was answered; both are successes (RFC 7644 §3.5.2).
#[derive(Clone, Debug)]
#[expect(clippy::exhaustive_enums, reason = "RFC 7644 §3.5.2 knows these two")]
pub enum Patched<R> {
    /// 200, and the resource as it is now.
    Full(Versioned<R>),
    /// 204.
    NoContent,
}

/// How [`Api::update`] changes a resource.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "RFC 7644 §3.5 knows these two")]
pub enum UpdateBy {
    /// By PATCH.
    Patch,
    /// By PUT, for service providers without PATCH.
    Put,
}

impl UpdateBy {
    /// PATCH where the service provider says that it has it, else PUT (ruling C04).
    #[must_use]
    pub fn supported_by(config: &ServiceProviderConfig) -> Self {
        if config.patch.supported { Self::Patch } else { Self::Put }
    }
}

/// What came of [`Api::create_or_find`].
#[derive(Clone, Debug)]
#[expect(clippy::exhaustive_enums, reason = "it was there or it was not")]
pub enum Created<R> {
    /// This call created it.
    New(Versioned<R>),
    /// The look-up found it: made by an attempt whose answer got lost, or by somebody else.
    Existing(Versioned<R>),
}

fn document<R: Serialize>(resource: &R) -> Result<Map<String, Value>, String> {
    match serde_json::to_value(resource) {
        Ok(Value::Object(document)) => Ok(document),
        Ok(_) => Err("a resource must be a JSON object".to_owned()),
        Err(error) => Err(error.to_string()),
    }
}

fn if_match(call: Outgoing, expected: Option<&Version>) -> Result<Outgoing, ClientError> {
    match expected {
        None => Ok(call),
        Some(version) => {
            let value = tag(&call, version)?;
            Ok(call.header(header::IF_MATCH, value))
        }
    }
}

fn tag(call: &Outgoing, version: &Version) -> Result<HeaderValue, ClientError> {
    HeaderValue::from_str(version.as_str())
        .map_err(|_| call.unsendable("the version has characters that no header can carry"))
}

fn meta_version(resource: &Value) -> Option<Version> {
    let version = member(member(resource, "meta")?, "version")?.as_str()?;
    Some(Version::from_wire(version))
}

/// Whether doing an operation twice leaves what doing it once does.
///
/// Adding a value that is there changes nothing by RFC 7644 §3.5.2.1, but not every service
/// provider compares; of members, which are references, all keep one of each.
fn is_idempotent(operation: &PatchOperation) -> bool {
    if operation.op != PatchOpKind::Add {
        return true;
    }
    match (&operation.path, &operation.value) {
        (Some(path), _) if path.eq_ignore_ascii_case("members") => true,
        (Some(path), value) => {
            let many = matches!(value, Some(Value::Array(_) | Value::Object(_)));
            !many && !path.contains('[')
        }
        (None, Some(Value::Object(attributes))) => attributes.iter().all(|(name, value)| {
            name.eq_ignore_ascii_case("members")
                || !matches!(value, Value::Array(_) | Value::Object(_))
        }),
        (None, _) => false,
    }
}
