//! An endpoint in process, which counts requests and fails where it is told to.

use std::fmt;
use std::future::pending;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use scim2_client::{Client, Transport};
use scim2_core::rules::NoRules;
use scim2_core::{Catalog, Policy, Resource};
use scim2_provider::auth::{BearerToken, BearerTokens};
use scim2_provider::{MemoryStore, Scope, ServiceProvider, TenantId};
use scim2_sync::log::{LogValues, ProvisioningLog};
use scim2_sync::source::{GraphDirectory, ObjectKind, Snapshot, SourceId, SourceObject};
use scim2_sync::state::{Binding, State};
use scim2_sync::{Mapping, Preflight, SyncEngine};
use scim2_vendor::mapping::AttributeMapping;
use scim2_vendor::{TargetProfile, aws, entra};
use serde_json::{Map, Value, json};

pub(crate) const URL: &str = "https://scim.example.com/tenant/scim/v2";
const BASE: &str = "/tenant/scim/v2";
const TOKEN: &str = "a-token";

/// The target.
pub(crate) struct Emulator {
    provider: ServiceProvider<MemoryStore, BearerTokens>,
    is_aws: bool,
    requests: AtomicU64,
    /// From this request on, counting from 1, something happens to requests.
    fault_at: AtomicU64,
    fault: Mutex<Fault>,
    pub(crate) seen: Mutex<Vec<String>>,
    /// Requests whose body holds this text are refused with 400.
    pub(crate) poison: Mutex<Option<String>>,
}

/// What happens to requests.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Fault {
    #[default]
    None,
    /// None of them arrives.
    Down,
    /// The first one is obeyed, but its answer is lost; the rest do not arrive.
    AnswerLost,
    /// Just this one is obeyed without an answer.
    OneAnswerLost,
    /// Just this one is refused with this status.
    Status(u16),
    /// The process is killed before the request is sent.
    KilledBefore,
    /// The process is killed after the request was obeyed.
    KilledAfter,
}

#[derive(Debug)]
pub(crate) struct Broken;

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the connection broke")
    }
}

impl std::error::Error for Broken {}

impl Emulator {
    pub(crate) fn aws() -> Arc<Self> {
        Self::new(aws::catalog(), aws::policy(), Arc::new(aws::Rules::new()))
    }

    pub(crate) fn plain() -> Arc<Self> {
        Self::new(Catalog::standard(), Policy::strict(), Arc::new(NoRules))
    }

    fn new(
        catalog: Catalog,
        policy: Policy,
        rules: Arc<dyn scim2_core::rules::EndpointRules>,
    ) -> Arc<Self> {
        let catalog_is_aws = policy != Policy::strict();
        let scope = Scope::tenant(TenantId::new("tenant").unwrap());
        let token = BearerToken::new("sync", &TOKEN.into(), scope).unwrap();
        let provider = ServiceProvider::builder(MemoryStore::default())
            .base_url(url::Url::parse(URL).unwrap())
            .authenticator(BearerTokens::new([token]))
            .catalog(catalog)
            .policy(policy)
            .rules(rules)
            .build()
            .unwrap();
        Arc::new(Self {
            is_aws: catalog_is_aws,
            provider,
            requests: AtomicU64::new(0),
            fault_at: AtomicU64::new(u64::MAX),
            fault: Mutex::default(),
            seen: Mutex::default(),
            poison: Mutex::default(),
        })
    }

    pub(crate) fn requests(&self) -> u64 {
        self.requests.load(Ordering::SeqCst)
    }

    /// From the `nth` request from now on, counting from 1.
    pub(crate) fn fault(&self, fault: Fault, nth: u64) {
        *self.fault.lock().unwrap() = fault;
        self.fault_at.store(self.requests().saturating_add(nth), Ordering::SeqCst);
    }

    /// Whether the fault has struck.
    pub(crate) fn has_struck(&self) -> bool {
        self.requests() >= self.fault_at.load(Ordering::SeqCst)
    }

    pub(crate) fn is_aws(&self) -> bool {
        self.is_aws
    }

    pub(crate) fn repair(&self) {
        self.fault_at.store(u64::MAX, Ordering::SeqCst);
    }

    pub(crate) fn take_seen(&self) -> Vec<String> {
        std::mem::take(&mut self.seen.lock().unwrap())
    }

    async fn serve(&self, request: Request<Bytes>) -> Response<Bytes> {
        let (mut parts, body) = request.into_parts();
        let path = parts.uri.path_and_query().unwrap().as_str();
        parts.uri = path.strip_prefix(BASE).unwrap().parse().unwrap();
        self.provider.handle(Request::from_parts(parts, body)).await
    }
}

impl Transport for Emulator {
    type Error = Broken;

    async fn send(&self, request: Request<Bytes>) -> Result<Response<Bytes>, Broken> {
        let number = self.requests.fetch_add(1, Ordering::SeqCst) + 1;
        let at = self.fault_at.load(Ordering::SeqCst);
        let fault = if number >= at { *self.fault.lock().unwrap() } else { Fault::None };
        let (first, later) = (number == at, number > at);
        self.seen.lock().unwrap().push(format!(
            "{} {}",
            request.method(),
            request.uri().path_and_query().unwrap().as_str().strip_prefix(BASE).unwrap()
        ));
        match fault {
            Fault::Down => return Err(Broken),
            Fault::AnswerLost if later => return Err(Broken),
            Fault::KilledBefore => return pending().await,
            Fault::KilledAfter if later => return pending().await,
            Fault::Status(status) if first => {
                let mut response = Response::new(Bytes::from_static(b"{}"));
                *response.status_mut() = StatusCode::from_u16(status).unwrap();
                return Ok(response);
            }
            _ => {}
        }
        let poison = self.poison.lock().unwrap().clone();
        if poison.is_some_and(|poison| String::from_utf8_lossy(request.body()).contains(&poison)) {
            let mut response = Response::new(Bytes::from_static(b"{}"));
            *response.status_mut() = StatusCode::BAD_REQUEST;
            return Ok(response);
        }
        let response = self.serve(request).await;
        match fault {
            Fault::AnswerLost | Fault::OneAnswerLost if first => Err(Broken),
            Fault::KilledAfter => pending().await,
            _ => Ok(response),
        }
    }
}

pub(crate) fn client(emulator: &Arc<Emulator>) -> Client<Arc<Emulator>> {
    client_with_token(emulator, TOKEN)
}

pub(crate) fn client_with_token(emulator: &Arc<Emulator>, token: &str) -> Client<Arc<Emulator>> {
    Client::builder(Arc::clone(emulator), URL.parse().unwrap())
        .bearer(token.into())
        .build()
        .unwrap()
}

pub(crate) fn edited_users() -> Vec<AttributeMapping> {
    let mut users = entra::user_mapping();
    aws::edit_entra_mapping(&mut users);
    users
}

pub(crate) fn unedited() -> Mapping {
    Mapping::for_catalog(&aws::catalog(), &entra::user_mapping(), &entra::group_mapping()).unwrap()
}

pub(crate) fn edited() -> Mapping {
    Mapping::for_catalog(&aws::catalog(), &edited_users(), &entra::group_mapping()).unwrap()
}

pub(crate) fn binding() -> Binding {
    Binding::new(URL)
}

/// An engine that imitates Entra ID, with the state in memory.
pub(crate) fn engine(emulator: &Arc<Emulator>) -> SyncEngine<Arc<Emulator>> {
    engine_with(emulator, State::in_memory(binding()))
}

pub(crate) fn engine_with(emulator: &Arc<Emulator>, state: State) -> SyncEngine<Arc<Emulator>> {
    SyncEngine::new(client(emulator), aws::profile(), edited(), state)
        .with_preflight(Preflight::Report)
}

/// An engine against a target that restricts nothing.
pub(crate) fn plain_engine(emulator: &Arc<Emulator>) -> SyncEngine<Arc<Emulator>> {
    let mapping = Mapping::new(&edited_users(), &entra::group_mapping()).unwrap();
    let profile = TargetProfile::unrestricted("test");
    SyncEngine::new(client(emulator), profile, mapping, State::in_memory(binding()))
}

/// A provisioning log that a test can read.
#[derive(Clone, Default)]
pub(crate) struct LogLines(Arc<Mutex<Vec<u8>>>);

impl std::io::Write for LogLines {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl LogLines {
    pub(crate) fn log(&self, values: LogValues) -> ProvisioningLog {
        ProvisioningLog::new(self.clone()).values(values)
    }

    pub(crate) fn take(&self) -> Vec<Value> {
        let bytes = std::mem::take(&mut *self.0.lock().unwrap());
        bytes
            .split(|byte| *byte == b'\n')
            .filter(|line| !line.is_empty())
            .map(|line| serde_json::from_slice(line).unwrap())
            .collect()
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

/// The directory that `scim demo` ships.
pub(crate) fn demo_directory() -> GraphDirectory {
    GraphDirectory::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../scim2-cli/demo"))
}

pub(crate) fn demo() -> Snapshot {
    demo_directory().read_full().unwrap()
}

/// The id of the one user of this name.
pub(crate) fn user_named(snapshot: &Snapshot, name: &str) -> SourceId {
    named(snapshot, ObjectKind::User, name)
}

pub(crate) fn named(snapshot: &Snapshot, kind: ObjectKind, name: &str) -> SourceId {
    let objects = match kind {
        ObjectKind::User => &snapshot.users,
        ObjectKind::Group => &snapshot.groups,
    };
    let mut found = objects.iter().filter(|(_, object)| object.display_name() == Some(name));
    let id = found.next().unwrap_or_else(|| panic!("no {kind} is called {name}")).0.clone();
    assert!(found.next().is_none(), "{name} is not alone");
    id
}

/// A small directory: users `u0`…, all in one assigned group `g`.
pub(crate) fn small(users: usize) -> Snapshot {
    let mut snapshot = Snapshot::default();
    for i in 0..users {
        let id = format!("u{i}");
        snapshot.users.insert(id.as_str().into(), user(&id));
        join(&mut snapshot, "g", &id);
    }
    snapshot.groups.insert("g".into(), group("The group"));
    snapshot.assignments.insert("a".into(), "g".into());
    snapshot
}

pub(crate) fn join(snapshot: &mut Snapshot, group: &str, member: &str) {
    snapshot.memberships.entry(group.into()).or_default().direct.insert(member.into());
}

pub(crate) fn leave(snapshot: &mut Snapshot, group: &str, member: &str) {
    snapshot.memberships.get_mut(&group.into()).unwrap().direct.remove(&member.into());
}

pub(crate) fn user(id: &str) -> SourceObject {
    object(json!({
        "objectId": id,
        "userPrincipalName": format!("{id}@example.com"),
        "accountEnabled": true,
        "displayName": format!("User {id}"),
        "givenName": "Given",
        "surname": format!("Family-{id}"),
        "mail": format!("{id}@example.com"),
        "mailNickname": id,
        "jobTitle": "Clerk",
        "department": "Archive",
    }))
}

pub(crate) fn group(name: &str) -> SourceObject {
    object(json!({ "objectId": name, "displayName": name }))
}

fn object(attributes: Value) -> SourceObject {
    let Value::Object(attributes) = attributes else { panic!("not an object") };
    SourceObject { attributes, manager: None }
}

pub(crate) fn set(snapshot: &mut Snapshot, user: &str, attribute: &str, value: impl Into<Value>) {
    let attributes: &mut Map<String, Value> =
        &mut snapshot.users.get_mut(&user.into()).unwrap().attributes;
    match value.into() {
        Value::Null => attributes.remove(attribute),
        value => attributes.insert(attribute.to_owned(), value),
    };
}

/// All resources at an endpoint, read past the AWS rules' paging.
pub(crate) async fn all(emulator: &Arc<Emulator>, endpoint: &str) -> Vec<Resource> {
    use scim2_client::{Paging, Query};
    let client = client(emulator);
    let query = Query::new().paging(Paging::cursor().page_size(100));
    client.api::<Resource>(endpoint).query(&query).all().await.unwrap()
}

pub(crate) async fn target_user(emulator: &Arc<Emulator>, user_name: &str) -> Option<Resource> {
    all(emulator, "/Users").await.into_iter().find(|user| user.text("userName") == Some(user_name))
}
