use std::collections::VecDeque;
use std::fmt;
use std::pin::Pin;
use std::time::Duration;

use bytes::Bytes;
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderName, HeaderValue, Method, Request, Response, StatusCode};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use scim2_client::Transport;
use serde_json::{Value, json};

use super::reply::{Reply, strings};
use super::report::Exchange;
use super::{Group, Options};

pub(super) const USER: &str = "urn:ietf:params:scim:schemas:core:2.0:User";
pub(super) const GROUP: &str = "urn:ietf:params:scim:schemas:core:2.0:Group";
pub(super) const ENTERPRISE: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";
pub(super) const PATCH_OP: &str = "urn:ietf:params:scim:api:messages:2.0:PatchOp";
pub(super) const SEARCH: &str = "urn:ietf:params:scim:api:messages:2.0:SearchRequest";

/// How a check ends early.
#[derive(Debug)]
pub(super) enum Stop {
    /// The endpoint does not offer what the check is about.
    Skip(String),
    /// What must hold does not.
    Fail(String),
}

impl Stop {
    pub(super) fn fail(reason: impl fmt::Display) -> Self {
        Self::Fail(reason.to_string())
    }

    pub(super) fn skip(reason: impl fmt::Display) -> Self {
        Self::Skip(reason.to_string())
    }
}

pub(super) type Verdict = Result<(), Stop>;

/// Fails a check for this reason unless the condition holds.
pub(super) fn ensure(holds: bool, reason: impl FnOnce() -> String) -> Verdict {
    if holds { Ok(()) } else { Err(Stop::Fail(reason())) }
}

/// Any transport.
pub(super) trait Wire: Sync {
    fn send(&self, request: Request<Bytes>) -> Answer<'_>;
}

type Answer<'a> = Pin<Box<dyn Future<Output = Result<Response<Bytes>, String>> + Send + 'a>>;

/// So often a request is repeated that the endpoint throttles.
const MAX_THROTTLED: usize = 5;
/// The longest that an endpoint is waited for.
const MAX_WAIT: Duration = Duration::from_secs(60);

impl<T: Transport> Wire for T {
    fn send(&self, request: Request<Bytes>) -> Answer<'_> {
        Box::pin(async move {
            let mut throttled = 0;
            loop {
                let answer = Transport::send(self, request.clone()).await;
                let response = answer.map_err(|error| error.to_string())?;
                let (Some(wait), Some(timer)) = (retry_after(&response), self.timer()) else {
                    return Ok(response);
                };
                throttled += 1;
                if throttled > MAX_THROTTLED || wait > MAX_WAIT {
                    return Ok(response);
                }
                timer.sleep(wait).await;
            }
        })
    }
}

/// How long to wait before a request is sent again, if the endpoint throttles it.
fn retry_after(response: &Response<Bytes>) -> Option<Duration> {
    if !matches!(response.status(), StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE)
    {
        return None;
    }
    let seconds = response.headers().get(RETRY_AFTER)?.to_str().ok()?.parse().ok()?;
    Some(Duration::from_secs(seconds))
}

/// A request of a check.
#[derive(Debug)]
pub(super) struct Call {
    method: Method,
    path: String,
    headers: Vec<(HeaderName, String)>,
    body: Option<Bytes>,
    credentials: Credentials,
}

/// What a request proves its sender with.
#[derive(Debug)]
enum Credentials {
    /// What the options give.
    Right,
    /// Nothing.
    None,
    /// A token that nobody has.
    Wrong,
}

impl Call {
    pub(super) fn new(method: Method, path: impl Into<String>) -> Self {
        Self {
            method,
            path: path.into(),
            headers: Vec::new(),
            body: None,
            credentials: Credentials::Right,
        }
    }

    pub(super) fn json(self, body: &Value) -> Self {
        self.raw("application/scim+json", body.to_string())
    }

    pub(super) fn raw(self, media_type: &str, body: impl Into<Bytes>) -> Self {
        Self { body: Some(body.into()), ..self }.header(CONTENT_TYPE, media_type)
    }

    pub(super) fn header(mut self, name: HeaderName, value: &str) -> Self {
        self.headers.retain(|(known, _)| *known != name);
        self.headers.push((name, value.to_owned()));
        self
    }

    pub(super) fn without_credentials(self) -> Self {
        Self { credentials: Credentials::None, ..self }
    }

    pub(super) fn with_wrong_credentials(self) -> Self {
        Self { credentials: Credentials::Wrong, ..self }
    }
}

/// What the checks of one run share: the way to the endpoint, what it advertises, what was made.
pub(super) struct Session<'w> {
    wire: &'w dyn Wire,
    options: &'w Options,
    base: String,
    names: u64,
    /// `/ServiceProviderConfig`; null if it cannot be read.
    service: Value,
    /// `/ResourceTypes`; empty if they cannot be read.
    types: Vec<Value>,
    /// `/Schemas`; empty if they cannot be read.
    schemas: Vec<Value>,
    /// Whom the checks of queries look for.
    people: Option<People>,
    made: Vec<String>,
    left_behind: Vec<String>,
    warnings: Vec<String>,
    exchanges: VecDeque<Exchange>,
}

/// Users for the checks of queries. Their `nickName` is `mark`, that of nobody else.
#[derive(Clone, Debug)]
pub(super) struct People {
    pub(super) mark: String,
    /// By their letters: `a` to `e`.
    pub(super) ids: Vec<(char, String)>,
}

impl People {
    /// The letters of these ids in order, `?` for somebody else.
    pub(super) fn letters(&self, ids: &[String]) -> String {
        let letter =
            |id: &String| self.ids.iter().find(|(_, known)| known == id).map_or('?', |(c, _)| *c);
        ids.iter().map(letter).collect()
    }

    pub(super) fn id(&self, letter: char) -> &str {
        self.ids.iter().find(|(known, _)| *known == letter).map_or("", |(_, id)| id)
    }
}

/// So many exchanges of a check are kept for its report.
const MAX_EXCHANGES: usize = 12;

impl<'w> Session<'w> {
    pub(super) fn new(wire: &'w dyn Wire, options: &'w Options) -> Self {
        Self {
            wire,
            options,
            base: options.base.as_str().trim_end_matches('/').to_owned(),
            names: 0,
            service: Value::Null,
            types: Vec::new(),
            schemas: Vec::new(),
            people: None,
            made: Vec::new(),
            left_behind: Vec::new(),
            warnings: Vec::new(),
            exchanges: VecDeque::new(),
        }
    }

    /// Reads what the endpoint advertises. Whatever is wrong with it, a check of its own will say.
    pub(super) async fn discover(&mut self) {
        if let Ok(reply) = self.get("/ServiceProviderConfig").await
            && reply.status == StatusCode::OK
        {
            self.service = reply.body;
        }
        for (path, schemas) in [("/ResourceTypes", false), ("/Schemas", true)] {
            let Ok(reply) = self.get(path).await else { continue };
            let resources = reply.at("/Resources").as_array().cloned().unwrap_or_default();
            if schemas {
                self.schemas = resources;
            } else {
                self.types = resources;
            }
        }
        self.exchanges.clear();
    }

    /// The warnings and exchanges since the last check ended.
    pub(super) fn end_of_check(&mut self) -> (Vec<String>, Vec<Exchange>) {
        (std::mem::take(&mut self.warnings), std::mem::take(&mut self.exchanges).into())
    }

    /// Deletes what a check has made, the last first.
    pub(super) async fn tidy(&mut self) {
        // What is told of a failed check is its own requests.
        let exchanges = std::mem::take(&mut self.exchanges);
        while let Some(path) = self.made.pop() {
            let gone = match self.delete(&path).await {
                Ok(reply) => {
                    reply.status.is_success()
                        || matches!(reply.status, StatusCode::NOT_FOUND | StatusCode::GONE)
                }
                Err(_) => false,
            };
            if !gone {
                self.left_behind.push(path);
            }
        }
        self.exchanges = exchanges;
    }

    /// Deletes whatever is left.
    pub(super) async fn clean_up(&mut self) {
        if let Some(people) = self.people.take() {
            let endpoint = self.endpoint(USER).unwrap_or_else(|_| "/Users".to_owned());
            self.made.extend(people.ids.iter().map(|(_, id)| format!("{endpoint}/{id}")));
        }
        self.tidy().await;
    }

    pub(super) fn left_behind(self) -> Vec<String> {
        self.left_behind
    }

    /// Something that should be and is not.
    pub(super) fn warn(&mut self, what: impl fmt::Display) {
        self.warnings.push(what.to_string());
    }

    /// The same of an expectation that failed.
    pub(super) fn should(&mut self, verdict: Verdict) -> Verdict {
        match verdict {
            Err(Stop::Fail(reason)) => {
                self.warn(reason);
                Ok(())
            }
            other => other,
        }
    }

    // --- what is advertised ---

    pub(super) fn service(&self) -> &Value {
        &self.service
    }

    pub(super) fn types(&self) -> &[Value] {
        &self.types
    }

    pub(super) fn schemas(&self) -> &[Value] {
        &self.schemas
    }

    pub(super) fn has_credentials(&self) -> Verdict {
        match self.options.bearer {
            Some(_) => Ok(()),
            None => Err(Stop::skip("no bearer token was given")),
        }
    }

    /// Goes on if a feature of `/ServiceProviderConfig` is advertised.
    pub(super) fn offers(&self, feature: &str) -> Verdict {
        let advertised = self.service.get(feature).and_then(|feature| feature.get("supported"));
        match advertised.and_then(Value::as_bool) {
            Some(true) => Ok(()),
            None if self.service.is_null() && matches!(feature, "patch" | "filter") => Ok(()),
            _ => Err(Stop::skip(format_args!("`{feature}` is not advertised"))),
        }
    }

    /// Goes on if cursors are advertised (RFC 9865 §4).
    pub(super) fn offers_cursors(&self) -> Verdict {
        match self.service.pointer("/pagination/cursor") {
            Some(Value::Bool(true)) => Ok(()),
            _ => Err(Stop::skip("`pagination.cursor` is not advertised")),
        }
    }

    /// Goes on unless the checks of a vendor are chosen that demands otherwise.
    pub(super) fn unless(&self, group: Group, why: &str) -> Verdict {
        if self.options.groups.contains(&group) {
            return Err(Stop::skip(format_args!("the group `{group}` demands otherwise: {why}")));
        }
        Ok(())
    }

    /// The endpoint of the resource type with this schema.
    pub(super) fn endpoint(&self, schema: &str) -> Result<String, Stop> {
        let known = self.types.iter().find(|ty| {
            ty.get("schema").and_then(Value::as_str).is_some_and(|urn| same_urn(urn, schema))
        });
        let endpoint = known.and_then(|ty| ty.get("endpoint")).and_then(Value::as_str);
        match endpoint {
            Some(endpoint) => Ok(format!("/{}", endpoint.trim_matches('/'))),
            None if self.types.is_empty() && schema == USER => Ok("/Users".to_owned()),
            None if self.types.is_empty() && schema == GROUP => Ok("/Groups".to_owned()),
            None => Err(Stop::skip(format_args!("no resource type has the schema `{schema}`"))),
        }
    }

    pub(super) fn users(&self) -> Result<String, Stop> {
        self.endpoint(USER)
    }

    pub(super) fn groups(&self) -> Result<String, Stop> {
        self.endpoint(GROUP)
    }

    /// Goes on if these attributes of users are advertised: `title`, `emails.type`.
    pub(super) fn has_attributes(&self, paths: &[&str]) -> Verdict {
        self.schema_has(USER, paths)
    }

    pub(super) fn has_enterprise(&self) -> Verdict {
        self.schema_has(ENTERPRISE, &["department"])
    }

    pub(super) fn schema_has(&self, schema: &str, paths: &[&str]) -> Verdict {
        if self.schemas.is_empty() {
            return Ok(());
        }
        match paths.iter().find(|path| self.attribute(schema, path).is_none()) {
            Some(path) => Err(Stop::skip(format_args!("`{path}` is not in the schema `{schema}`"))),
            None => Ok(()),
        }
    }

    /// What `/Schemas` says of an attribute.
    pub(super) fn attribute(&self, schema: &str, path: &str) -> Option<&Value> {
        let schema = self.schemas.iter().find(|known| {
            known.get("id").and_then(Value::as_str).is_some_and(|id| same_urn(id, schema))
        })?;
        let named = |list: Option<&'_ Value>, name: &str| -> Option<usize> {
            list?.as_array()?.iter().position(|attribute| {
                attribute
                    .get("name")
                    .and_then(Value::as_str)
                    .is_some_and(|known| known.eq_ignore_ascii_case(name))
            })
        };
        let (name, sub) = path.split_once('.').unwrap_or((path, ""));
        let list = schema.get("attributes");
        let attribute = list?.get(named(list, name)?)?;
        if sub.is_empty() {
            return Some(attribute);
        }
        let list = attribute.get("subAttributes");
        list?.get(named(list, sub)?)
    }

    // --- requests ---

    pub(super) async fn get(&mut self, path: impl Into<String>) -> Result<Reply, Stop> {
        self.send(Call::new(Method::GET, path)).await
    }

    pub(super) async fn post(&mut self, path: &str, body: &Value) -> Result<Reply, Stop> {
        self.send(Call::new(Method::POST, path).json(body)).await
    }

    pub(super) async fn put(&mut self, path: &str, body: &Value) -> Result<Reply, Stop> {
        self.send(Call::new(Method::PUT, path).json(body)).await
    }

    pub(super) async fn delete(&mut self, path: &str) -> Result<Reply, Stop> {
        self.send(Call::new(Method::DELETE, path)).await
    }

    /// A PATCH of these operations.
    pub(super) async fn patch(&mut self, path: &str, operations: &Value) -> Result<Reply, Stop> {
        self.send(Call::new(Method::PATCH, path).json(&patch_op(operations))).await
    }

    /// GET with query parameters.
    pub(super) async fn query(
        &mut self,
        endpoint: &str,
        parameters: &[(&str, &str)],
    ) -> Result<Reply, Stop> {
        self.get(with_query(endpoint, parameters)).await
    }

    /// POST to `.search`.
    pub(super) async fn search(&mut self, endpoint: &str, mut body: Value) -> Result<Reply, Stop> {
        if let Value::Object(members) = &mut body {
            members.insert("schemas".to_owned(), json!([SEARCH]));
        }
        self.post(&format!("{endpoint}/.search"), &body).await
    }

    pub(super) async fn send(&mut self, call: Call) -> Result<Reply, Stop> {
        let shown = format!("{} {}", call.method, call.path);
        let sent = call.body.as_ref().map(|body| String::from_utf8_lossy(body).into_owned());
        let creates = call.method == Method::POST && !call.path.contains("/.search");
        let endpoint = call.path.split('?').next().unwrap_or_default().trim_end_matches('/');
        let endpoint = endpoint.to_owned();
        let request = self.request(call)?;
        let answer = self.wire.send(request).await;
        let (answer, reply) = match answer {
            Ok(response) => (response.status().as_u16().to_string(), Ok(read(response))),
            Err(error) => (error.clone(), Err(Stop::fail(format!("no answer: {error}")))),
        };
        let received = reply.as_ref().map(|reply| cut(&reply.text)).unwrap_or_default();
        if self.exchanges.len() == MAX_EXCHANGES {
            self.exchanges.pop_front();
        }
        self.exchanges.push_back(Exchange { request: shown, sent, answer, received });
        let reply = reply?;
        if creates
            && reply.status.is_success()
            && let Some(id) = reply.at("/id").as_str()
        {
            self.made.push(format!("{endpoint}/{id}"));
        }
        Ok(reply)
    }

    fn request(&self, call: Call) -> Result<Request<Bytes>, Stop> {
        let mut builder = Request::builder()
            .method(call.method)
            .uri(format!("{}{}", self.base, call.path))
            .header(ACCEPT, "application/scim+json");
        let token = match call.credentials {
            Credentials::Right => self.options.bearer.as_ref().map(|token| token.expose()),
            Credentials::Wrong => Some("no-client-has-this-token"),
            Credentials::None => None,
        };
        if let Some(token) = token {
            let mut value = HeaderValue::from_str(&format!("Bearer {token}"))
                .map_err(|_| Stop::fail("the bearer token cannot be sent in a header"))?;
            value.set_sensitive(true);
            builder = builder.header(AUTHORIZATION, value);
        }
        if let Some(headers) = builder.headers_mut() {
            for (name, value) in call.headers {
                let value = HeaderValue::from_str(&value).map_err(Stop::fail)?;
                headers.insert(name, value);
            }
        }
        builder.body(call.body.unwrap_or_default()).map_err(Stop::fail)
    }

    /// The path below the base URL that an absolute URL names.
    pub(super) fn path_of(&self, url: &str) -> Result<String, Stop> {
        match url.strip_prefix(self.base.as_str()) {
            Some(path) if path.starts_with('/') => Ok(path.to_owned()),
            _ => Err(Stop::fail(format_args!("`{url}` is not below the base URL {}", self.base))),
        }
    }

    // --- what checks work on ---

    /// Something was created here; it is deleted when the check ends.
    pub(super) fn made_at(&mut self, location: &str) {
        if let Ok(path) = self.path_of(location) {
            self.made.push(path);
        }
    }

    /// A name that nothing else has.
    pub(super) fn name(&mut self) -> String {
        self.names += 1;
        format!("{}-{}", self.options.prefix, self.names)
    }

    /// The body of a user with all that endpoints commonly demand, and these members; a member
    /// that is null here is left out, and so is what the endpoint does not know.
    pub(super) fn user(&mut self, members: Value) -> Value {
        let name = self.name();
        let mut user = json!({
            "schemas": [USER],
            "userName": name,
            "displayName": format!("{name} Test"),
            "name": {"givenName": "Test", "familyName": name},
            "emails": [{"value": format!("{name}@example.com"), "type": "work", "primary": true}],
            "active": true,
        });
        merge(&mut user, members);
        if let Value::Object(members) = &mut user {
            members.retain(|name, _| self.knows(name));
        }
        user
    }

    /// Whether a member of a user is common to all resources, an extension, or advertised.
    fn knows(&self, name: &str) -> bool {
        matches!(name, "schemas" | "id" | "externalId" | "meta")
            || name.starts_with("urn:")
            || self.has_attributes(&[name]).is_ok()
    }

    /// Creates a user.
    pub(super) async fn new_user(&mut self, members: Value) -> Result<Reply, Stop> {
        let endpoint = self.users()?;
        let body = self.user(members);
        let reply = self.post(&endpoint, &body).await?;
        reply.is(&[201])?;
        reply.id()?;
        Ok(reply)
    }

    /// Creates a user and says its path.
    pub(super) async fn new_user_path(&mut self, members: Value) -> Result<String, Stop> {
        let endpoint = self.users()?;
        let reply = self.new_user(members).await?;
        Ok(format!("{endpoint}/{}", reply.id()?))
    }

    /// Creates a group with these members.
    pub(super) async fn new_group(&mut self, members: &[&str]) -> Result<Reply, Stop> {
        let endpoint = self.groups()?;
        let members: Vec<_> = members.iter().map(|id| json!({"value": id})).collect();
        let mut body = json!({"schemas": [GROUP], "displayName": self.name()});
        if !members.is_empty() {
            merge(&mut body, json!({"members": members}));
        }
        let reply = self.post(&endpoint, &body).await?;
        reply.is(&[201])?;
        reply.id()?;
        Ok(reply)
    }

    /// The users that the checks of queries look for, created at the first call.
    pub(super) async fn people(&mut self) -> Result<People, Stop> {
        if let Some(people) = &self.people {
            return Ok(people.clone());
        }
        self.has_attributes(&["nickName", "title", "name.familyName", "emails.type"])?;
        let mark = self.name();
        let mut people = People { mark: mark.clone(), ids: Vec::new() };
        let made = std::mem::take(&mut self.made);
        for (letter, members) in crowd(&mark) {
            let mut members = members;
            if self.has_enterprise().is_err()
                && let Value::Object(members) = &mut members
            {
                members.remove(ENTERPRISE);
            }
            let reply = self.new_user(members).await?;
            people.ids.push((letter, reply.id()?.to_owned()));
        }
        // They stay until the end.
        self.made = made;
        self.people = Some(people.clone());
        Ok(people)
    }
}

/// Five users that differ in what filters and sorting look at.
fn crowd(mark: &str) -> [(char, Value); 5] {
    let person = |letter: char, members: Value| {
        let mut user = json!({"userName": format!("{mark}-{letter}"), "nickName": mark});
        merge(&mut user, members);
        (letter, user)
    };
    let mail =
        |kind: &str, domain: &str| json!({"type": kind, "value": format!("{mark}@{domain}")});
    [
        person(
            'a',
            json!({
                "title": "Baker", "externalId": format!("{mark}-Ext"), "active": true,
                "name": {"familyName": "Able", "givenName": "Zoe"},
                "emails": [mail("work", "one.example"), mail("home", "two.example")],
                ENTERPRISE: {"department": "Quarks", "employeeNumber": "7"},
            }),
        ),
        person(
            'b',
            json!({
                "title": "Cook", "active": false,
                "name": {"familyName": "baker", "givenName": "Yann"},
                "emails": [mail("work", "two.example")],
            }),
        ),
        person(
            'c',
            json!({
                "title": "Chief \"Cook\" \\ Baker", "active": true,
                "name": {"familyName": "Cole", "givenName": "Xavier"},
                "emails": [mail("home", "one.example")],
                ENTERPRISE: {"department": "leptons"},
            }),
        ),
        person(
            'd',
            json!({
                "active": true,
                "name": {"familyName": "Dahl", "givenName": "Walt"},
                "emails": null,
            }),
        ),
        person(
            'e',
            json!({
                "title": "Zoologist", "active": true,
                "name": {"familyName": "eder", "givenName": "Vera"},
                "emails": [mail("other", "three.example")],
            }),
        ),
    ]
}

pub(super) fn patch_op(operations: &Value) -> Value {
    json!({"schemas": [PATCH_OP], "Operations": operations})
}

/// A path with these query parameters, percent-encoded.
pub(super) fn with_query(path: &str, parameters: &[(&str, &str)]) -> String {
    let query: Vec<_> = parameters
        .iter()
        .map(|(name, value)| format!("{name}={}", utf8_percent_encode(value, NON_ALPHANUMERIC)))
        .collect();
    format!("{path}?{}", query.join("&"))
}

/// Sets the members of one object in another; a member that is null is removed. The URN of an
/// extension is added to `schemas`.
pub(super) fn merge(target: &mut Value, members: Value) {
    let (Value::Object(target), Value::Object(members)) = (target, members) else { return };
    for (name, value) in members {
        if value.is_null() {
            target.remove(&name);
            continue;
        }
        if name.starts_with("urn:")
            && let Some(Value::Array(schemas)) = target.get_mut("schemas")
            && !schemas.iter().any(|urn| *urn == name)
        {
            schemas.push(Value::from(name.clone()));
        }
        target.insert(name, value);
    }
}

fn read(response: Response<Bytes>) -> Reply {
    let (parts, body) = response.into_parts();
    Reply {
        status: parts.status,
        headers: parts.headers,
        body: serde_json::from_slice(&body).unwrap_or(Value::Null),
        text: String::from_utf8_lossy(&body).into_owned(),
    }
}

/// As much of a body as a report shows.
fn cut(text: &str) -> String {
    match text.char_indices().nth(Exchange::MAX_BODY) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text.to_owned(),
    }
}

/// URNs are equal without ASCII case (RFC 7643 §3.1 of `schemas`, RFC 8141 §3).
pub(super) fn same_urn(a: &str, b: &str) -> bool {
    a.eq_ignore_ascii_case(b)
}

/// Whether `schemas` of a resource names this one.
pub(super) fn names_schema(resource: &Value, urn: &str) -> bool {
    resource
        .get("schemas")
        .is_some_and(|schemas| strings(schemas).any(|known| same_urn(known, urn)))
}
