//! Clients that keep a service provider busy while something goes wrong with its store, and what
//! must be true of the store afterwards.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use http::{Request, Response};
use scim2_core::{Catalog, ResourceType};
use scim2_provider::auth::{BearerToken, BearerTokens};
use scim2_provider::events::{ChangeEvent, ChangeKind, Subscriber, SubscriberError};
use scim2_provider::store::{Load, Page, Query, Stored};
use scim2_provider::{ServiceProvider, Store};
use scim2_sql::Integrity;
use serde_json::{Value, json};

use crate::support::tenant;

const USER: &str = "urn:ietf:params:scim:schemas:core:2.0:User";
const GROUP: &str = "urn:ietf:params:scim:schemas:core:2.0:Group";
const BULK: &str = "urn:ietf:params:scim:api:messages:2.0:BulkRequest";
/// The title of those who come by a bulk request.
const BY_BULK: &str = "by bulk";
const PATCH: &str = "urn:ietf:params:scim:api:messages:2.0:PatchOp";

/// What happens to a user, in this order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Step {
    Created,
    Joined,
    Renamed,
    Deleted,
}

impl Step {
    const ALL: [Self; 4] = [Self::Created, Self::Joined, Self::Renamed, Self::Deleted];

    pub(crate) fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|step| format!("{step:?}") == text)
    }
}

/// Is told of every change, so that the store writes them down; nothing is delivered to it.
struct Listener;

impl Subscriber for Listener {
    fn name(&self) -> &str {
        "listener"
    }

    async fn receive(&self, _event: &ChangeEvent) -> Result<(), SubscriberError> {
        Ok(())
    }
}

/// A service provider over the store.
pub(crate) struct Endpoint<S> {
    provider: ServiceProvider<S, BearerTokens>,
}

impl<S: Store> Endpoint<S> {
    pub(crate) fn new(store: S) -> Self {
        let token = BearerToken::new("client", &"t0ken".into(), tenant("acme")).unwrap();
        let provider = ServiceProvider::builder(store)
            .base_url(url::Url::parse("https://example.com/v2").unwrap())
            .authenticator(BearerTokens::new([token]))
            .subscriber(Listener)
            .build()
            .unwrap();
        Self { provider }
    }

    pub(crate) async fn call(&self, method: &str, path: &str, body: Value) -> Response<Bytes> {
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header("authorization", "Bearer t0ken")
            .body(Bytes::from(body.to_string()))
            .unwrap();
        self.provider.handle(request).await
    }

    /// The group that everybody joins; it is made if there is none.
    pub(crate) async fn group(&self) -> Result<String, Response<Bytes>> {
        let found = self.done("GET", "/Groups?count=1", Value::Null).await?;
        if let Some(id) = found["Resources"][0]["id"].as_str() {
            return Ok(id.to_owned());
        }
        let body = json!({"schemas": [GROUP], "displayName": "all"});
        Ok(id(&self.done("POST", "/Groups", body).await?))
    }

    /// One user comes, and maybe goes; each step is told when it is acknowledged.
    pub(crate) async fn live(
        &self,
        group: &str,
        name: &str,
        ends: Step,
        tell: impl Fn(Step, &str),
    ) -> Result<(), Response<Bytes>> {
        let patch = |op: Value| json!({"schemas": [PATCH], "Operations": [op]});
        let join =
            |user: &str| patch(json!({"op": "add", "path": "members", "value": [{"value": user}]}));
        let mut body = json!({"schemas": [USER], "userName": name, "externalId": name});
        let group = format!("/Groups/{group}");
        // Who does not stay comes by bulk.
        let user = if ends == Step::Deleted {
            body["title"] = BY_BULK.into();
            let body = json!({"schemas": [BULK], "failOnErrors": 1, "Operations": [
                {"method": "PATCH", "path": group, "data": join("bulkId:new")},
                {"method": "POST", "path": "/Users", "bulkId": "new", "data": body},
            ]});
            let answer = self.done("POST", "/Bulk", body).await?;
            let mut user = None;
            for done in answer["Operations"].as_array().unwrap() {
                if !done["status"].as_str().unwrap().starts_with('2') {
                    return Err(part(done));
                }
                let location = done["location"].as_str().unwrap();
                if let Some((_, id)) = location.split_once("/Users/") {
                    user = Some(id.to_owned());
                }
            }
            user.unwrap()
        } else {
            let user = id(&self.done("POST", "/Users", body).await?);
            tell(Step::Created, &user);
            self.done("PATCH", &group, join(&user)).await?;
            user
        };
        tell(Step::Joined, &user);
        let path = format!("/Users/{user}");
        let rename =
            json!({"op": "replace", "path": "displayName", "value": format!("I am {name}")});
        self.done("PATCH", &path, patch(rename)).await?;
        tell(Step::Renamed, &user);
        if ends == Step::Deleted {
            self.done("DELETE", &path, Value::Null).await?;
            tell(Step::Deleted, &user);
        }
        Ok(())
    }

    async fn done(&self, method: &str, path: &str, body: Value) -> Result<Value, Response<Bytes>> {
        let response = self.call(method, path, body).await;
        if !response.status().is_success() {
            return Err(response);
        }
        Ok(serde_json::from_slice(response.body()).unwrap_or_default())
    }
}

/// The answer to an operation of a bulk request.
fn part(done: &Value) -> Response<Bytes> {
    let status: u16 = done["status"].as_str().unwrap().parse().unwrap();
    let body = done["response"].to_string();
    // An operation has no headers of its own.
    let mut response = Response::builder().status(status);
    if status == 503 {
        response = response.header("retry-after", "1");
    }
    response.body(body.into()).unwrap()
}

fn id(body: &Value) -> String {
    body["id"].as_str().unwrap().to_owned()
}

/// What is known of users: how far they have come for sure.
#[derive(Clone, Debug, Default)]
pub(crate) struct Acknowledged(BTreeMap<String, Step>);

impl Acknowledged {
    pub(crate) fn note(&mut self, step: Step, user: &str) {
        let known = self.0.entry(user.to_owned()).or_insert(step);
        *known = step.max(*known);
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    /// What was acknowledged is there, what was not is there as a whole or not at all, and keys,
    /// members and events say the same as the resources. Between two failures a client takes one
    /// step that is not acknowledged; how many of those were made all the same.
    pub(crate) async fn check<S: Store>(&self, store: &S, integrity: Integrity) -> usize {
        assert!(integrity.is_sound(), "{integrity}");
        let ty = ResourceType::user();
        let users: BTreeMap<String, Stored> =
            all(store, &ty).await.into_iter().map(|user| (user.id().to_owned(), user)).collect();
        let groups = all(store, &ResourceType::group()).await;
        let members: BTreeSet<&str> = groups
            .iter()
            .filter_map(|group| group.resource.get("members")?.as_array())
            .flatten()
            .filter_map(|member| member["value"].as_str())
            .collect();
        let events = store.outbox().unwrap().pending("listener", usize::MAX).await.unwrap();
        let mut told: BTreeMap<&str, Vec<ChangeKind>> = BTreeMap::new();
        for event in &events {
            told.entry(event.id.as_str()).or_default().push(event.record.kind);
        }
        let mut unacknowledged = 0;
        let known = users.keys().chain(self.0.keys()).collect::<BTreeSet<_>>();
        for id in known {
            let step = match users.get(id) {
                None => Step::Deleted,
                Some(user) => {
                    let joined = members.contains(id.as_str());
                    let shown = user.resource.get("groups").is_some();
                    assert_eq!(joined, shown, "{id} and its group disagree");
                    let name = user.resource.text("userName").unwrap();
                    assert_eq!(user.resource.text("externalId"), Some(name));
                    match user.resource.text("displayName") {
                        Some(shown) => {
                            assert!(joined, "{id} was renamed before it was a member");
                            assert_eq!(shown, format!("I am {name}"));
                            Step::Renamed
                        }
                        None if joined => Step::Joined,
                        None => Step::Created,
                    }
                }
            };
            unacknowledged += usize::from(self.0.get(id) != Some(&step));
            match self.0.get(id) {
                Some(acknowledged) => assert!(
                    *acknowledged <= step && step as u8 <= *acknowledged as u8 + 1,
                    "{id}: {acknowledged:?} was acknowledged, and it is {step:?}"
                ),
                None => {
                    let by_bulk = users.get(id).and_then(|user| user.resource.text("title"));
                    let last = if by_bulk.is_some() { Step::Joined } else { Step::Created };
                    assert!(step <= last, "{id} is {step:?} and was never acknowledged");
                }
            }
            let expected: &[ChangeKind] = match step {
                Step::Created | Step::Joined => &[ChangeKind::Created],
                Step::Renamed => &[ChangeKind::Created, ChangeKind::Changed],
                Step::Deleted => &[ChangeKind::Created, ChangeKind::Changed, ChangeKind::Deleted],
            };
            let told = told.get(id.as_str()).map(Vec::as_slice).unwrap_or_default();
            assert_eq!(told, expected, "{id} is {step:?}");
        }
        for member in &members {
            assert!(users.contains_key(*member), "{member} is a member and no user");
        }
        for group in groups {
            // One event for each version that it had.
            let versions = told.get(group.id()).map_or(0, Vec::len);
            assert_eq!(group.version.as_str(), format!("W/\"{versions}\""));
        }
        unacknowledged
    }
}

impl Acknowledged {
    /// All of them are there, and have come at least as far, for nobody leaves.
    pub(crate) async fn check_later<S: Store>(&self, store: &S) {
        let users = all(store, &ResourceType::user()).await;
        for (id, acknowledged) in &self.0 {
            let user = users.iter().find(|user| user.id() == id).expect(id);
            let joined = user.resource.get("groups").is_some();
            let renamed = user.resource.get("displayName").is_some();
            assert!(joined || *acknowledged < Step::Joined, "{id}");
            assert!(renamed || *acknowledged < Step::Renamed, "{id}");
        }
    }
}

/// Everything of a type.
async fn all<S: Store>(store: &S, ty: &ResourceType) -> Vec<Stored> {
    let query = Query::page(Page::first(1_000_000)).with_load(Load::Full);
    store.query(&tenant("acme"), ty, &query).await.unwrap().resources
}

pub(crate) fn catalog() -> Catalog {
    Catalog::standard()
}
