//! Events: each with its change, both or neither, until everybody has them.

use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use scim2_core::change::{Member, MemberDelta};
use scim2_core::resource::ResourceId;
use scim2_core::{Error, ResourceType};
use scim2_provider::auth::{BearerToken, BearerTokens};
use scim2_provider::events::{
    Cascade, ChangeEvent, ChangeRecord, OUTBOX_CAPACITY, Outbox, Subscriber, SubscriberError,
};
use scim2_provider::store::{Dangling, Load, StoreError, Stored, Write};
use scim2_provider::{MemoryStore, ProvisioningDomain, Scope, ServiceProvider, Store};
use scim2_sql::SqliteStore;
use serde_json::{Value, json};

use crate::support::{Fixture, ManualClock, tenant, valid};

const ENTERPRISE: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";

fn write(ty: &ResourceType, body: Value) -> Write {
    let resource = valid(ty, body);
    let record = ChangeRecord::created(ty, &resource).by("entra", "r1");
    Write::from(resource).with_record(Some(record))
}

async fn insert(store: &impl Store, scope: &Scope, ty: &ResourceType, body: Value) -> ResourceId {
    store.insert(scope, ty, write(ty, body)).await.unwrap().id().into()
}

fn deletion<'a>(
    ty: &'a ResourceType,
) -> impl FnMut(&Stored, &Cascade) -> Result<Option<ChangeRecord>, Error> + Send + 'a {
    |before, _| Ok(Some(ChangeRecord::deleted(ty, &before.resource).by("entra", "r2")))
}

async fn pending(outbox: &dyn Outbox, name: &str) -> Vec<ChangeEvent> {
    outbox.pending(name, 100).await.unwrap()
}

/// What happened, in words that do not depend on the store's identifiers.
fn say(event: &ChangeEvent, names: &[(&ResourceId, &'static str)]) -> String {
    let name = |id: &ResourceId| names.iter().find(|(known, _)| *known == id).unwrap().1;
    let ids = |ids: &[ResourceId]| ids.iter().map(name).collect::<Vec<_>>().join(",");
    let ChangeRecord { kind, attributes, members_added, members_removed, actor, .. } =
        &event.record;
    format!(
        "{} {kind:?} {} {} {attributes:?} +[{}] -[{}] {:?} by {actor}/{}",
        event.resource_type,
        name(&event.id),
        event.version,
        ids(members_added),
        ids(members_removed),
        event.record.activity,
        event.record.request_id,
    )
}

/// One of everything that a store writes down.
async fn everything(store: &impl Store) -> Vec<String> {
    let scope = tenant("acme").with_domain(ProvisioningDomain::new("entra").unwrap());
    let (user, group) = (ResourceType::user(), ResourceType::group());
    let boss = insert(store, &scope, &user, json!({"userName": "boss", "active": false})).await;
    let report = json!({"userName": "report", ENTERPRISE: {"manager": {"value": boss.as_str()}}});
    let report = insert(store, &scope, &user, report).await;
    let members = json!([{"value": boss.as_str()}, {"value": report.as_str()}]);
    let all = json!({"displayName": "all", "members": members});
    let all = insert(store, &scope, &group, all).await;
    // Nothing happens to the one who is a member already, or is none.
    let mut delta = MemberDelta::default();
    delta.add.extend([Member::new(boss.as_str()), Member::new(all.as_str())]);
    delta.remove.extend([report.clone(), ResourceId::from("nobody")]);
    let record = ChangeRecord::members(&delta).by("entra", "r3");
    let change = store.change_members(&scope, &group, &all, None, &delta, Some(&record));
    assert_eq!(change.await.unwrap().members.remove, std::slice::from_ref(&report));
    // The same again is no change and no event.
    let change = store.change_members(&scope, &group, &all, None, &delta, Some(&record));
    assert!(!change.await.unwrap().changed);
    store
        .delete(&scope, &user, &boss, Load::Full, Dangling::Cleared, Box::new(deletion(&user)))
        .await
        .unwrap();
    store
        .delete(&scope, &group, &all, Load::Full, Dangling::Cleared, Box::new(deletion(&group)))
        .await
        .unwrap();
    let events = pending(store.outbox().unwrap(), "any").await;
    assert!(events.is_sorted_by(|a, b| a.sequence < b.sequence));
    assert!(events.iter().all(|event| event.scope == scope));
    let names = [(&boss, "boss"), (&report, "report"), (&all, "all")];
    events.iter().map(|event| say(event, &names)).collect()
}

#[test]
fn both_stores_tell_the_same() {
    let fixture = Fixture::new();
    let told = fixture.run(everything(&fixture.store));
    let manager = format!("{ENTERPRISE}:manager");
    assert_eq!(
        told,
        [
            r#"User Created boss W/"1" ["active", "userName"] +[] -[] Some(Deactivated) by entra/r1"#
                .to_owned(),
            format!(r#"User Created report W/"1" ["{manager}", "userName"] +[] -[] None by entra/r1"#),
            r#"Group Created all W/"1" ["displayName", "members"] +[boss,report] -[] None by entra/r1"#
                .to_owned(),
            r#"Group Changed all W/"2" ["members"] +[all] -[report] None by entra/r3"#.to_owned(),
            r#"User Deleted boss W/"1" [] +[] -[] Some(Deactivated) by entra/r2"#.to_owned(),
            r#"Group Changed all W/"3" ["members"] +[] -[boss] None by entra/r2"#.to_owned(),
            format!(r#"User Changed report W/"2" ["{manager}"] +[] -[] None by entra/r2"#),
            r#"Group Deleted all W/"3" [] +[] -[all] None by entra/r2"#.to_owned(),
        ]
    );
    let memory = MemoryStore::with_clock(ManualClock::new());
    assert_eq!(fixture.run(everything(&memory)), told);
}

#[test]
fn what_is_not_written_is_not_told() {
    let fixture = Fixture::new();
    let (store, scope, ty) = (&fixture.store, &fixture.scope, ResourceType::user());
    fixture.run(async {
        insert(store, scope, &ty, json!({"userName": "babs"})).await;
        let taken = store.insert(scope, &ty, write(&ty, json!({"userName": "BABS"}))).await;
        assert!(matches!(taken, Err(StoreError::Uniqueness { .. })));
        assert_eq!(pending(store, "any").await.len(), 1);
    });
}

#[test]
fn a_refused_deletion_leaves_everything_as_it_was() {
    let fixture = Fixture::new();
    let memory = MemoryStore::default();
    fixture.run(async {
        refuse(&fixture.store).await;
        refuse(&memory).await;
    });
}

async fn refuse(store: &impl Store) {
    let (scope, user, group) = (tenant("acme"), ResourceType::user(), ResourceType::group());
    let babs = insert(store, &scope, &user, json!({"userName": "babs"})).await;
    let all = json!({"displayName": "all", "members": [{"value": babs.as_str()}]});
    let all = insert(store, &scope, &group, all).await;
    let before = store.get(&scope, &group, &all, Load::Full).await.unwrap();
    let check = Box::new(|before: &Stored, cascade: &Cascade| {
        assert_eq!(before.resource.text("userName"), Some("babs"));
        let groups = before.resource.get("groups").unwrap().as_array().unwrap();
        assert_eq!(groups[0]["value"], all.as_str());
        assert_eq!(cascade.affected.len(), 1);
        assert_eq!(cascade.affected[0].id, all);
        assert!(cascade.affected[0].loses_member());
        Err(Error::invalid_value("on purpose"))
    });
    let refused = store.delete(&scope, &user, &babs, Load::Full, Dangling::Cleared, check).await;
    assert!(matches!(refused, Err(StoreError::Refused(_))));
    assert!(store.get(&scope, &user, &babs, Load::Full).await.unwrap().is_some());
    assert_eq!(store.get(&scope, &group, &all, Load::Full).await.unwrap(), before);
    assert_eq!(pending(store.outbox().unwrap(), "any").await.len(), 2);
}

#[test]
fn each_subscriber_has_its_own_place() {
    let fixture = Fixture::new();
    let memory = MemoryStore::default();
    fixture.run(async {
        places(&fixture.store).await;
        places(&memory).await;
    });
}

async fn places(store: &impl Store) {
    let (scope, ty) = (tenant("acme"), ResourceType::user());
    let outbox = store.outbox().unwrap();
    outbox.subscribe(&["one", "two"]).await.unwrap();
    for name in ["a", "b", "c"] {
        insert(store, &scope, &ty, json!({"userName": name})).await;
    }
    let events = pending(outbox, "one").await;
    assert_eq!(events.len(), 3);
    assert_eq!(outbox.pending("two", 2).await.unwrap(), events[..2]);
    outbox.acknowledge("one", events[1].sequence).await.unwrap();
    assert_eq!(pending(outbox, "one").await, events[2..]);
    // Nobody goes back.
    outbox.acknowledge("one", events[0].sequence).await.unwrap();
    assert_eq!(pending(outbox, "one").await, events[2..]);
    assert_eq!(pending(outbox, "two").await, events);
    // Whoever comes later gets what is still there, and whoever has left keeps nothing back.
    outbox.acknowledge("two", events[0].sequence).await.unwrap();
    outbox.subscribe(&["one", "three"]).await.unwrap();
    assert_eq!(pending(outbox, "three").await, events[1..]);
    outbox.acknowledge("three", events[1].sequence).await.unwrap();
    assert_eq!(pending(outbox, "nobody").await, events[2..]);
    outbox.acknowledge("one", events[2].sequence).await.unwrap();
    outbox.acknowledge("three", events[2].sequence).await.unwrap();
    assert_eq!(pending(outbox, "nobody").await, []);
    // Numbers are never used again.
    insert(store, &scope, &ty, json!({"userName": "d"})).await;
    assert!(pending(outbox, "one").await[0].sequence > events[2].sequence);
}

#[test]
fn what_was_not_acknowledged_is_there_after_opening_again() {
    let Fixture { store, runtime, directory, scope, .. } = Fixture::new();
    let ty = ResourceType::user();
    let events = runtime.block_on(async {
        store.subscribe(&["one"]).await.unwrap();
        insert(&store, &scope, &ty, json!({"userName": "a"})).await;
        insert(&store, &scope, &ty, json!({"userName": "b"})).await;
        let events = pending(&store, "one").await;
        store.acknowledge("one", events[0].sequence).await.unwrap();
        events
    });
    drop(store);
    let store = SqliteStore::open(directory.path().join("scim.db")).unwrap();
    assert_eq!(runtime.block_on(pending(&store, "one")), events[1..]);
}

/// Notes whom it was told of, and fails as long as it is told to.
struct Sessions {
    ended: Arc<Mutex<Vec<String>>>,
    down: bool,
}

impl Subscriber for Sessions {
    fn name(&self) -> &str {
        "sessions"
    }

    async fn receive(&self, event: &ChangeEvent) -> Result<(), SubscriberError> {
        if self.down {
            return Err("the session server is down".into());
        }
        if event.is_deactivation() {
            self.ended.lock().unwrap().push(event.id.as_str().to_owned());
        }
        Ok(())
    }
}

/// A service provider over the store in a file, as a process would start it.
fn start(path: &Path, sessions: Sessions) -> ServiceProvider<SqliteStore, BearerTokens> {
    let token = BearerToken::new("entra", &"t0ken".into(), tenant("acme")).unwrap();
    ServiceProvider::builder(SqliteStore::open(path).unwrap())
        .base_url(url::Url::parse("https://example.com/scim/v2").unwrap())
        .authenticator(BearerTokens::new([token]))
        .subscriber(sessions)
        .build()
        .unwrap()
}

#[test]
fn sec_15_a_deactivation_is_told_even_after_a_restart() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("scim.db");
    let ended = Arc::new(Mutex::new(Vec::new()));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    let sessions = |down| Sessions { ended: Arc::clone(&ended), down };
    let provider = start(&path, sessions(true));
    let id = runtime.block_on(async {
        let send = async |method: &str, path: &str, body: Value| {
            let request = http::Request::builder()
                .method(method)
                .uri(path)
                .header("authorization", "Bearer t0ken")
                .body(body.to_string().into())
                .unwrap();
            let response = provider.handle(request).await;
            assert!(response.status().is_success(), "{response:?}");
            serde_json::from_slice::<Value>(response.body()).unwrap()
        };
        let schemas = ["urn:ietf:params:scim:schemas:core:2.0:User"];
        let body = json!({"schemas": schemas, "userName": "babs"});
        let id = send("POST", "/Users", body).await["id"].as_str().unwrap().to_owned();
        let operations = json!([{"op": "replace", "path": "active", "value": false}]);
        let schemas = ["urn:ietf:params:scim:api:messages:2.0:PatchOp"];
        let body = json!({"schemas": schemas, "Operations": operations});
        send("PATCH", &format!("/Users/{id}"), body).await;
        // Nobody is there to be told.
        until(provider.deliver_events(|_| tokio::task::yield_now()), 100).await;
        id
    });
    drop(provider);
    assert!(ended.lock().unwrap().is_empty());
    let provider = start(&path, sessions(false));
    runtime.block_on(async {
        let deliver = provider.deliver_events(|_| std::future::pending());
        tokio::select! {
            () = deliver => {}
            () = told(&ended) => {}
            // Not how long it takes, but when to give it up.
            () = tokio::time::sleep(Duration::from_secs(60)) => {}
        }
    });
    assert_eq!(*ended.lock().unwrap(), [id]);
}

/// Lets a future go on for a while.
async fn until(future: impl Future<Output = ()>, steps: u32) {
    tokio::select! {
        () = future => {}
        () = async { for _ in 0..steps { tokio::task::yield_now().await } } => {}
    }
}

/// Waits until somebody was told.
async fn told(ended: &Mutex<Vec<String>>) {
    while ended.lock().unwrap().is_empty() {
        tokio::task::yield_now().await;
    }
}

#[test]
fn no_more_events_are_kept_than_there_is_room_for() {
    let Fixture { store, runtime, directory, scope, .. } = Fixture::new();
    let (path, ty) = (directory.path().join("scim.db"), ResourceType::user());
    runtime.block_on(async {
        insert(&store, &scope, &ty, json!({"userName": "a"})).await;
        insert(&store, &scope, &ty, json!({"userName": "b"})).await;
    });
    drop(store);
    // As if very many had come meanwhile.
    let full =
        format!("UPDATE sqlite_sequence SET seq = {OUTBOX_CAPACITY} WHERE name = 'scim_outbox'");
    rusqlite::Connection::open(&path).unwrap().execute_batch(&full).unwrap();
    let store = SqliteStore::open(&path).unwrap();
    let kept = runtime.block_on(async {
        insert(&store, &scope, &ty, json!({"userName": "c"})).await;
        pending(&store, "any").await
    });
    let last = u64::try_from(OUTBOX_CAPACITY).unwrap() + 1;
    assert_eq!(kept.iter().map(|event| event.sequence).collect::<Vec<_>>(), [2, last]);
}
