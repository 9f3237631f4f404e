//! What happened, told to whoever wants to know.

use std::future::{Future, pending, ready};
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex};
use std::task::{Context, Waker};
use std::time::Duration;

use scim2_core::ResourceType;
use scim2_core::change::MemberDelta;
use scim2_core::etag::EntityTags;
use scim2_core::resource::ResourceId;
use scim2_provider::auth::{BearerToken, BearerTokens};
use scim2_provider::events::{
    ChangeEvent, ChangeKind, ChangeRecord, MemoryOutbox, Outbox, Subscriber, SubscriberError,
};
use scim2_provider::store::{
    Change, Check, Dangling, Load, Query, QueryResult, StoreError, Stored, Updated, Write,
};
use scim2_provider::{
    Authenticator, BuildError, MemoryStore, Scope, ServiceProvider, Store, TenantId,
};
use scim2_vendor::entra;
use serde_json::{Value, json};

use crate::support::*;

type Reaction = Box<dyn FnMut(&ChangeEvent) -> Answer + Send>;
type Answer = Pin<Box<dyn Future<Output = Result<(), SubscriberError>> + Send>>;

/// Remembers what it was told, and reacts.
struct Recorder {
    name: &'static str,
    told: Told,
    reaction: Mutex<Reaction>,
}

#[derive(Clone, Default)]
struct Told(Arc<Mutex<Vec<ChangeEvent>>>);

impl Told {
    fn take(&self) -> Vec<ChangeEvent> {
        std::mem::take(&mut self.0.lock().unwrap())
    }

    fn sequences(&self) -> Vec<u64> {
        self.0.lock().unwrap().iter().map(|event| event.sequence).collect()
    }
}

impl Subscriber for Recorder {
    fn name(&self) -> &str {
        self.name
    }

    async fn receive(&self, event: &ChangeEvent) -> Result<(), SubscriberError> {
        self.told.0.lock().unwrap().push(event.clone());
        let answer = (self.reaction.lock().unwrap())(event);
        answer.await
    }
}

fn reacting(
    name: &'static str,
    reaction: impl FnMut(&ChangeEvent) -> Answer + Send + 'static,
) -> (Recorder, Told) {
    let told = Told::default();
    let recorder = Recorder { name, told: told.clone(), reaction: Mutex::new(Box::new(reaction)) };
    (recorder, told)
}

fn recorder(name: &'static str) -> (Recorder, Told) {
    reacting(name, |_| Box::pin(ready(Ok(()))))
}

fn fails() -> Answer {
    Box::pin(ready(Err("not now".into())))
}

/// A server with one subscriber.
fn subscribed(setup: Setup) -> (Server, Told) {
    let (subscriber, told) = recorder("test");
    (setup.with(|builder| builder.subscriber(subscriber)).server(), told)
}

/// Delivers what can be delivered now. Waiting after a failure takes no time; after waiting for
/// something to happen, nothing does.
fn deliver<S: Store, A: Authenticator>(provider: &ServiceProvider<S, A>) {
    deliver_waiting(provider, &Mutex::default());
}

fn deliver_waiting<S: Store, A: Authenticator>(
    provider: &ServiceProvider<S, A>,
    waits: &Mutex<Vec<Duration>>,
) {
    let sleep = |duration: Duration| -> Pin<Box<dyn Future<Output = ()> + Send>> {
        if duration == Duration::from_secs(5) {
            return Box::pin(pending());
        }
        waits.lock().unwrap().push(duration);
        // One attempt after each poll.
        let mut slept = false;
        Box::pin(std::future::poll_fn(move |cx| {
            if slept {
                return std::task::Poll::Ready(());
            }
            slept = true;
            cx.waker().wake_by_ref();
            std::task::Poll::Pending
        }))
    };
    let mut delivery = pin!(provider.deliver_events(sleep));
    let mut cx = Context::from_waker(Waker::noop());
    for _ in 0..8 {
        let _ = delivery.as_mut().poll(&mut cx);
    }
}

#[test]
fn an_event_says_what_happened_to_what_and_by_whom() {
    let (server, told) = subscribed(Setup::default());
    let id = server.user("u");
    let path = format!("/Users/{id}");
    let body = json!({"schemas": [PATCH_OP], "Operations": [
        {"op": "add", "path": "title", "value": "x"},
        {"op": "add", "path": format!("{ENTERPRISE}:department"), "value": "y"},
    ]});
    let headers = [("x-request-id", "the-request")];
    let patched = server.call("PATCH", &path, &headers, body.to_string().as_bytes()).is(200);
    server.put(&path, user("U")).is(200);
    server.delete(&path).is(204);
    deliver(&server.provider);
    let events = told.take();
    let department = format!("{ENTERPRISE}:department");
    let expected: [(ChangeKind, &[&str]); 4] = [
        (ChangeKind::Created, &["userName"]),
        (ChangeKind::Changed, &["title", &department]),
        (ChangeKind::Changed, &["title", &department, "userName"]),
        (ChangeKind::Deleted, &[]),
    ];
    assert_eq!(events.len(), expected.len());
    for (event, (kind, attributes)) in events.iter().zip(expected) {
        assert_eq!(event.record.kind, kind);
        let mut attributes = attributes.to_vec();
        attributes.sort_unstable();
        assert_eq!(event.record.attributes.iter().map(|a| &**a).collect::<Vec<_>>(), attributes);
        assert_eq!(event.id.as_str(), id);
        assert_eq!(&*event.resource_type, "User");
        assert_eq!(event.scope, Scope::tenant(TenantId::new("a").unwrap()));
        assert_eq!(&*event.record.actor, "a");
    }
    assert!(events.is_sorted_by(|a, b| a.sequence < b.sequence));
    assert_eq!(&*events[1].record.request_id, "the-request");
    assert_eq!(events[1].version.as_str(), patched.version());
    assert_eq!(events[1].at, scim2_provider::Clock::now(&*server.clock));
    assert!(events[1].record.touches("Title") && events[1].record.touches("department"));
    assert!(!events[1].record.touches("userName"));
}

#[test]
fn sec_15_every_way_of_switching_off_is_the_same_event() {
    let (subscriber, told) = recorder("test");
    let setup = Setup { policy: entra::policy(), ..Setup::default() };
    let server = setup.with(|builder| builder.subscriber(subscriber)).server();
    let off = json!({"schemas": [USER], "userName": "born off", "active": false});
    server.post("/Users", off.clone()).is(201);
    deliver(&server.provider);
    assert_eq!(told.take().iter().filter(|event| event.is_deactivation()).count(), 1);
    let patches = [
        json!([{"op": "replace", "path": "active", "value": false}]),
        json!([{"op": "replace", "value": {"active": false}}]),
        json!([{"op": "Replace", "path": "active", "value": "False"}]),
        json!([{"op": "Replace", "value": {"active": "False"}}]),
    ];
    for way in 0..6 {
        let id = server.user(&format!("u{way}"));
        let path = format!("/Users/{id}");
        match patches.get(way) {
            Some(operations) => server.patch(&path, operations.clone()).is(200),
            None if way == 4 => server
                .put(&path, json!({"schemas": [USER], "userName": "u4", "active": false}))
                .is(200),
            None => server.delete(&path).is(204),
        };
        deliver(&server.provider);
        let events = told.take();
        let off: Vec<_> = events.iter().filter(|event| event.is_deactivation()).collect();
        assert_eq!(off.len(), 1, "way {way}: {events:?}");
        assert_eq!(off[0].id.as_str(), id);
    }
}

#[test]
fn members_are_told_of_as_they_changed() {
    let (server, told) = subscribed(Setup::default());
    let (a, b) = (server.user("a"), server.user("b"));
    let group = server.group("g", &[&a]);
    let path = format!("/Groups/{group}");
    deliver(&server.provider);
    told.take();
    // One is there already, one was never.
    let operations = json!([
        {"op": "add", "path": "members", "value": [{"value": a}, {"value": b}]},
        {"op": "remove", "path": "members[value eq \"nobody\"]"},
    ]);
    server.patch(&path, operations.clone()).is(200);
    server.patch(&path, operations).is(200);
    server.delete(&format!("/Users/{a}")).is(204);
    server.delete(&path).is(204);
    deliver(&server.provider);
    let summary: Vec<_> = told
        .take()
        .into_iter()
        .map(|event| {
            let ChangeRecord { kind, members_added, members_removed, .. } = event.record;
            let texts = |ids: Vec<ResourceId>| -> Vec<String> {
                ids.iter().map(|id| id.as_str().to_owned()).collect()
            };
            (event.id.as_str().to_owned(), kind, texts(members_added), texts(members_removed))
        })
        .collect();
    assert_eq!(
        summary,
        [
            (group.clone(), ChangeKind::Changed, vec![b.clone()], vec![]),
            (a.clone(), ChangeKind::Deleted, vec![], vec![]),
            (group.clone(), ChangeKind::Changed, vec![], vec![a]),
            (group, ChangeKind::Deleted, vec![], vec![b]),
        ]
    );
}

#[test]
fn what_changes_nothing_is_not_told() {
    let (server, told) = subscribed(Setup::default());
    let path = format!("/Users/{}", server.user("a"));
    deliver(&server.provider);
    told.take();
    server.put(&path, user("a")).is(200);
    server.patch(&path, json!([{"op": "replace", "path": "userName", "value": "a"}])).is(200);
    server.post("/Users", user("a")).is(409);
    server.patch(&path, json!([{"op": "add", "path": "nonsense", "value": "a"}])).is(400);
    server.delete("/Users/nobody").is(404);
    deliver(&server.provider);
    assert_eq!(told.take(), []);
}

#[test]
fn sec_22_events_hold_names_and_no_values() {
    let config = |c: &mut scim2_provider::ProviderConfig| {
        c.change_password = scim2_provider::Offer::Yes;
    };
    let (server, told) = subscribed(Setup::config(config));
    let mut body = user("canary-name");
    body["password"] = "canary-5ecret".into();
    body["emails"] = json!([{"value": "canary@example.com"}]);
    let path = format!("/Users/{}", server.post("/Users", body.clone()).is(201).id());
    body["password"] = "canary-n3w".into();
    server.put(&path, body).is(200);
    deliver(&server.provider);
    let events = told.take();
    assert!(events[1].record.touches("password"));
    let json = serde_json::to_string(&events[0].record).unwrap();
    for text in [format!("{events:?}"), json] {
        assert!(!text.contains("canary"), "{text}");
    }
}

#[test]
fn a_failing_subscriber_is_told_again_in_order_and_others_do_not_notice() {
    let mut failures = 3;
    let (failing, told_failing) = reacting("failing", move |_| {
        failures -= 1;
        if failures >= 0 { fails() } else { Box::pin(ready(Ok(()))) }
    });
    let (other, told) = recorder("other");
    let setup = Setup::default().with(|builder| builder.subscriber(failing).subscriber(other));
    let server = setup.server();
    server.user("a");
    server.user("b");
    let waits = Mutex::default();
    deliver_waiting(&server.provider, &waits);
    assert_eq!(told.sequences(), [1, 2]);
    assert_eq!(told_failing.sequences(), [1, 1, 1, 1, 2]);
    let waited: Vec<_> = waits.into_inner().unwrap().iter().map(Duration::as_millis).collect();
    assert_eq!(waited, [100, 200, 400], "each time twice as long");
}

#[test]
fn a_subscriber_that_panics_is_told_again_and_hurts_nobody() {
    let mut panics = true;
    let (failing, told_failing) = reacting("panicking", move |_| {
        assert!(!std::mem::take(&mut panics), "on purpose");
        Box::pin(ready(Ok(())))
    });
    let mut panics_later = true;
    let (later, told_later) = reacting("panicking later", move |_| {
        let panics = std::mem::take(&mut panics_later);
        Box::pin(async move {
            assert!(!panics, "on purpose");
            Ok(())
        })
    });
    let (other, told) = recorder("other");
    let setup = Setup::default()
        .with(|builder| builder.subscriber(failing).subscriber(later).subscriber(other));
    let server = setup.server();
    server.user("a");
    deliver(&server.provider);
    assert_eq!(told.sequences(), [1]);
    assert_eq!(told_later.sequences(), [1, 1]);
    // A lock that the panic poisoned stays so: it is told again, and fails again.
    assert!(told_failing.sequences().len() > 1);
    server.user("b");
}

#[test]
fn a_subscriber_that_never_ends_delays_neither_requests_nor_others() {
    let (slow, _) = reacting("slow", |_| Box::pin(pending()));
    let (other, told) = recorder("other");
    let setup = Setup::default().with(|builder| builder.subscriber(slow).subscriber(other));
    let server = setup.server();
    server.user("a");
    deliver(&server.provider);
    server.user("b");
    deliver(&server.provider);
    assert_eq!(told.sequences(), [1, 2]);
}

#[test]
fn an_event_that_cannot_be_delivered_for_a_week_is_given_up() {
    let (subscriber, told) =
        reacting(
            "picky",
            |event| {
                if event.sequence == 1 { fails() } else { Box::pin(ready(Ok(()))) }
            },
        );
    let server = Setup::default().with(|builder| builder.subscriber(subscriber)).server();
    server.user("a");
    server.clock.advance(7 * 24 * 3600 * 1000 - 10);
    server.user("b");
    deliver(&server.provider);
    assert!(!told.sequences().contains(&2));
    server.clock.advance(10);
    told.take();
    deliver(&server.provider);
    assert_eq!(told.sequences(), [1, 2]);
    deliver(&server.provider);
    assert_eq!(told.sequences(), [1, 2]);
}

#[test]
fn delivery_that_is_dropped_goes_on_the_next_time() {
    let (subscriber, told) = recorder("test");
    let server = Setup::default().with(|builder| builder.subscriber(subscriber)).server();
    for at in 0..3 {
        server.user(&at.to_string());
        deliver(&server.provider);
    }
    assert_eq!(told.sequences(), [1, 2, 3]);
}

#[test]
fn a_change_wakes_the_delivery() {
    let (server, told) = subscribed(Setup::default());
    let woken = Arc::new(Woken::default());
    let waker = Waker::from(Arc::clone(&woken));
    let mut cx = Context::from_waker(&waker);
    let mut delivery = pin!(server.provider.deliver_events(|_| pending()));
    assert!(delivery.as_mut().poll(&mut cx).is_pending());
    assert!(!woken.take());
    server.user("a");
    assert!(woken.take());
    assert!(delivery.as_mut().poll(&mut cx).is_pending());
    assert_eq!(told.sequences(), [1]);
}

#[derive(Default)]
struct Woken(Mutex<bool>);

impl Woken {
    fn take(&self) -> bool {
        std::mem::take(&mut self.0.lock().unwrap())
    }
}

impl std::task::Wake for Woken {
    fn wake(self: Arc<Self>) {
        *self.0.lock().unwrap() = true;
    }
}

#[test]
fn without_subscribers_nothing_is_kept() {
    let server = server();
    server.user("a");
    let outbox = server.provider.store().outbox().unwrap();
    assert_eq!(block_on(outbox.pending("any", 10)).unwrap(), []);
    // And delivering ends at once.
    block_on(server.provider.deliver_events(|_| pending()));
}

#[test]
fn what_everybody_has_is_not_kept() {
    let (server, _) = subscribed(Setup::default());
    server.user("a");
    let outbox = server.provider.store().outbox().unwrap();
    assert_eq!(block_on(outbox.pending("any", 10)).unwrap().len(), 1);
    deliver(&server.provider);
    assert_eq!(block_on(outbox.pending("any", 10)).unwrap(), []);
}

#[test]
fn two_subscribers_of_one_name_are_refused() {
    let scope = Scope::tenant(TenantId::new("a").unwrap());
    let token = BearerToken::new("a", &TOKEN.into(), scope).unwrap();
    let built = ServiceProvider::builder(MemoryStore::default())
        .base_url(url::Url::parse(BASE).unwrap())
        .authenticator(BearerTokens::new([token]))
        .subscriber(recorder("one").0)
        .subscriber(recorder("one").0)
        .build();
    assert!(matches!(built, Err(BuildError::DuplicateSubscriber { name }) if &*name == "one"));
}

/// A store that keeps no events.
struct Forgetful(MemoryStore);

impl Store for Forgetful {
    async fn get(
        &self,
        scope: &Scope,
        ty: &ResourceType,
        id: &ResourceId,
        load: Load,
    ) -> Result<Option<Stored>, StoreError> {
        self.0.get(scope, ty, id, load).await
    }

    async fn query(
        &self,
        scope: &Scope,
        ty: &ResourceType,
        query: &Query,
    ) -> Result<QueryResult, StoreError> {
        self.0.query(scope, ty, query).await
    }

    async fn insert(
        &self,
        scope: &Scope,
        ty: &ResourceType,
        write: Write,
    ) -> Result<Stored, StoreError> {
        assert_eq!(write.record, None);
        self.0.insert(scope, ty, write).await
    }

    async fn update(
        &self,
        scope: &Scope,
        ty: &ResourceType,
        id: &ResourceId,
        load: Load,
        change: Change<'_>,
    ) -> Result<Updated, StoreError> {
        self.0.update(scope, ty, id, load, change).await
    }

    async fn change_members(
        &self,
        scope: &Scope,
        ty: &ResourceType,
        id: &ResourceId,
        expected: Option<&EntityTags>,
        delta: &MemberDelta,
        record: Option<&ChangeRecord>,
    ) -> Result<Updated, StoreError> {
        assert_eq!(record, None);
        self.0.change_members(scope, ty, id, expected, delta, record).await
    }

    async fn delete(
        &self,
        scope: &Scope,
        ty: &ResourceType,
        id: &ResourceId,
        load: Load,
        dangling: Dangling,
        check: Check<'_>,
    ) -> Result<(), StoreError> {
        self.0.delete(scope, ty, id, load, dangling, check).await
    }
}

#[test]
fn a_store_without_outbox_is_told_of_from_memory() {
    let scope = Scope::tenant(TenantId::new("a").unwrap());
    let token = BearerToken::new("a", &TOKEN.into(), scope).unwrap();
    let (subscriber, told) = recorder("test");
    let provider = ServiceProvider::builder(Forgetful(MemoryStore::default()))
        .base_url(url::Url::parse(BASE).unwrap())
        .authenticator(BearerTokens::new([token]))
        .subscriber(subscriber)
        .build()
        .unwrap();
    let send = |method: &str, path: &str, body: Value| {
        let request = http::Request::builder()
            .method(method)
            .uri(path)
            .header("authorization", format!("Bearer {TOKEN}"));
        let response = block_on(provider.handle(request.body(body.to_string().into()).unwrap()));
        assert!(response.status().is_success(), "{response:?}");
        serde_json::from_slice::<Value>(response.body()).unwrap_or_default()
    };
    let created = send("POST", "/Users", user("a"));
    let path = format!("/Users/{}", created["id"].as_str().unwrap());
    let group = json!({"schemas": [GROUP], "displayName": "g"});
    let group = send("POST", "/Groups", group)["id"].as_str().unwrap().to_owned();
    send("PUT", &path, user("b"));
    let add = json!([{"op": "add", "path": "members", "value": [{"value": created["id"]}]}]);
    let add = json!({"schemas": [PATCH_OP], "Operations": add});
    send("PATCH", &format!("/Groups/{group}"), add);
    send("DELETE", &path, Value::Null);
    deliver(&provider);
    let told: Vec<_> = told
        .take()
        .into_iter()
        .map(|event| (event.resource_type, event.record.kind, event.record.members_added.len()))
        .collect();
    assert_eq!(
        told,
        [
            ("User".into(), ChangeKind::Created, 0),
            ("Group".into(), ChangeKind::Created, 0),
            ("User".into(), ChangeKind::Changed, 0),
            ("Group".into(), ChangeKind::Changed, 1),
            ("User".into(), ChangeKind::Deleted, 0),
        ]
    );
}

#[test]
fn an_outbox_that_nobody_reads_does_not_grow_without_end() {
    let outbox = MemoryOutbox::with_capacity(2);
    let server = Setup::default().with(|builder| builder.subscriber(recorder("test").0)).server();
    server.user("a");
    let kept = server.provider.store().outbox().unwrap();
    let event = block_on(kept.pending("test", 1)).unwrap().remove(0);
    for _ in 0..3 {
        outbox.push(event.clone());
    }
    let kept = block_on(outbox.pending("test", 10)).unwrap();
    assert_eq!(kept.iter().map(|event| event.sequence).collect::<Vec<_>>(), [2, 3]);
}
