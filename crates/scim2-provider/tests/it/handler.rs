//! An application's own tables behind the protocol.

use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use chrono::DateTime;
use http::StatusCode;
use scim2_core::etag::Version;
use scim2_core::resource::ResourceId;
use scim2_core::{Catalog, Error, Group, ResourceType, Schema, TypedResource, User};
use scim2_provider::events::{Becomes, ChangeHook, ProposedChange};
use scim2_provider::handler::{Found, Handler, HandlerError, Record, Revision};
use scim2_provider::store::{Load, Query, StoreError};
use scim2_provider::{DynStore, Handlers, MemoryStore, Scope, Store};
use serde_json::{Value, json};

use crate::directory::{Directory, GroupNames, Members, Queries};
use crate::support::{GROUP, Server, Setup, TOKEN_B, USER, block_on, clock, user};

pub(crate) fn server(queries: Queries, members: Members) -> Server<Handlers> {
    let clock = clock();
    let directory = Directory::new(queries, members, clock.clone());
    let handlers = Handlers::default().with::<User>(directory.clone()).with::<Group>(directory);
    Setup::default().server_over(handlers, clock)
}

fn over(users: impl Handler<User>) -> Server<Handlers> {
    Setup::default().server_over(Handlers::default().with::<User>(users), clock())
}

fn revision() -> Revision {
    Revision::numbered(1, DateTime::UNIX_EPOCH, DateTime::UNIX_EPOCH)
}

/// Users that are one function each.
struct Fake {
    record: fn(User) -> Result<Record<User>, HandlerError>,
    /// How often a replace finds another version before it finds its own.
    races: AtomicUsize,
    written: Mutex<Option<User>>,
}

impl Fake {
    fn new(record: fn(User) -> Result<Record<User>, HandlerError>) -> Arc<Self> {
        Arc::new(Self { record, races: AtomicUsize::new(0), written: Mutex::default() })
    }
}

impl Handler<User> for Fake {
    async fn get(
        &self,
        _: &Scope,
        _: &ResourceId,
        _: Load,
    ) -> Result<Option<Record<User>>, HandlerError> {
        (self.record)(User::new("bjensen")).map(Some)
    }

    async fn query(&self, _: &Scope, _: &Query) -> Result<Found<User>, HandlerError> {
        Ok(Found::Candidates(vec![(self.record)(User::new("bjensen"))?]))
    }

    async fn create(&self, _: &Scope, user: User) -> Result<Record<User>, HandlerError> {
        *self.written.lock().unwrap() = Some(user.clone());
        (self.record)(user)
    }

    async fn replace(
        &self,
        _: &Scope,
        _: &ResourceId,
        _: &Version,
        user: User,
    ) -> Result<Record<User>, HandlerError> {
        let lost =
            self.races.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |n| n.checked_sub(1));
        if lost.is_ok() {
            return Err(HandlerError::Conflict);
        }
        *self.written.lock().unwrap() = Some(user.clone());
        (self.record)(user)
    }

    async fn delete(&self, _: &Scope, _: &ResourceId, _: &Version) -> Result<(), HandlerError> {
        Err(HandlerError::Refused(Error::mutability("accounts are closed by support alone")))
    }
}

#[test]
fn every_verb_works_on_the_applications_own_type() {
    let server = server(Queries::Pages, Members::OneByOne);
    let id = server.user("bjensen");
    assert_eq!(id, "app-000001");
    let path = format!("/Users/{id}");
    server.patch(&path, json!([{"op": "add", "path": "title", "value": "Guide"}])).is(200);
    let reply = server.get(&path).is(200);
    assert_eq!(reply.body["title"], "Guide");
    assert_eq!(reply.version(), "W/\"2\"");
    assert_eq!(reply.body["schemas"], json!([USER]));
    server.put(&path, user("babs")).is(200);
    assert_eq!(server.get(&path).body["title"], Value::Null);
    assert_eq!(server.filter("/Users", r#"userName eq "BABS""#).ids(), [&id]);
    let group = server.group("g", &[&id]);
    assert_eq!(server.get(&path).body["groups"][0]["value"], group);
    assert_eq!(
        server.get(&path).body["groups"][0]["$ref"],
        format!("https://example.com/scim/v2/Groups/{group}")
    );
    server.delete(&path).is(204);
    server.get(&path).is(404);
    assert!(server.members(&group).is_empty());
}

#[test]
fn tenants_do_not_see_each_other_through_handlers() {
    let server = server(Queries::Candidates, Members::OneByOne);
    let id = server.user("bjensen");
    let authorization = format!("Bearer {TOKEN_B}");
    let other = [("authorization", authorization.as_str())];
    for (method, body) in [("GET", ""), ("DELETE", ""), ("PUT", "{}"), ("PATCH", "{}")] {
        server.call(method, &format!("/Users/{id}"), &other, body.as_bytes()).is(404);
    }
    assert_eq!(server.call("GET", "/Users", &other, b"").is(200).body["totalResults"], 0);
    server.call("POST", "/Users", &other, user("BJensen").to_string().as_bytes()).is(201);
}

#[test]
fn a_handler_that_ignores_the_filter_shows_nobody() {
    let server = server(Queries::Unfiltered, Members::OneByOne);
    server.user("bjensen");
    server.user("jsmith");
    let reply = server.filter("/Users", r#"userName eq "bjensen""#).is(500);
    assert!(!reply.body.to_string().contains("jsmith"));
    assert_eq!(server.get("/Users").is(200).ids().len(), 2);
}

#[test]
fn a_handler_that_gives_more_than_the_page_shows_nobody() {
    struct Generous;
    impl Handler<User> for Generous {
        async fn get(
            &self,
            _: &Scope,
            _: &ResourceId,
            _: Load,
        ) -> Result<Option<Record<User>>, HandlerError> {
            Ok(None)
        }
        async fn query(&self, _: &Scope, _: &Query) -> Result<Found<User>, HandlerError> {
            let record = |id: u8| Record::new(id.to_string(), User::new("x"), revision());
            Ok(Found::Page { total: 3, records: (1..=3).map(record).collect(), next: None })
        }
        async fn create(&self, _: &Scope, _: User) -> Result<Record<User>, HandlerError> {
            Err(HandlerError::uniqueness("userName"))
        }
        async fn replace(
            &self,
            _: &Scope,
            _: &ResourceId,
            _: &Version,
            _: User,
        ) -> Result<Record<User>, HandlerError> {
            Err(HandlerError::NotFound)
        }
        async fn delete(&self, _: &Scope, _: &ResourceId, _: &Version) -> Result<(), HandlerError> {
            Err(HandlerError::NotFound)
        }
    }
    let server = over(Generous);
    server.get("/Users?count=2").is(500);
    server.get("/Users?count=3").is(200);
    server.post("/Users", user("x")).fails(409, "uniqueness").naming("userName");
}

#[test]
fn w14_an_id_that_no_client_could_use_is_a_fault_of_the_handler() {
    for id in ["", "a/b", "bulkId:1", ".search", "..", "a\nb"] {
        struct Ids(&'static str);
        impl Handler<User> for Ids {
            async fn get(
                &self,
                _: &Scope,
                _: &ResourceId,
                _: Load,
            ) -> Result<Option<Record<User>>, HandlerError> {
                Ok(None)
            }
            async fn query(&self, _: &Scope, _: &Query) -> Result<Found<User>, HandlerError> {
                Ok(Found::Candidates(vec![Record::new(self.0, User::new("x"), revision())]))
            }
            async fn create(&self, _: &Scope, user: User) -> Result<Record<User>, HandlerError> {
                Ok(Record::new(self.0, user, revision()))
            }
            async fn replace(
                &self,
                _: &Scope,
                _: &ResourceId,
                _: &Version,
                _: User,
            ) -> Result<Record<User>, HandlerError> {
                Err(HandlerError::NotFound)
            }
            async fn delete(
                &self,
                _: &Scope,
                _: &ResourceId,
                _: &Version,
            ) -> Result<(), HandlerError> {
                Err(HandlerError::NotFound)
            }
        }
        let server = over(Ids(id));
        server.post("/Users", user("x")).is(500);
        server.get("/Users").is(500);
    }
}

#[test]
fn a_handler_that_answers_for_another_id_shows_nobody() {
    let fake = Fake::new(|user| Ok(Record::new("2", user, revision())));
    let server = over(fake);
    server.get("/Users/1").is(500);
    server.get("/Users/2").is(200);
}

#[test]
fn a_lost_race_is_run_again_and_gives_up_in_the_end() {
    let fake = Fake::new(|user| Ok(Record::new("1", user, revision())));
    let server = over(fake.clone());
    let patch = || server.patch("/Users/1", json!([{"op": "add", "path": "title", "value": "t"}]));
    fake.races.store(Handlers::MAX_ATTEMPTS - 1, Ordering::Relaxed);
    assert_eq!(patch().is(200).body["title"], "t");
    fake.races.store(Handlers::MAX_ATTEMPTS, Ordering::Relaxed);
    patch().is(409);
}

/// A server over a handler that loses so many races, and a change that wins in the end.
#[cfg(feature = "metrics")]
pub(crate) fn change_after_lost_races(races: usize) {
    let fake = Fake::new(|user| Ok(Record::new("1", user, revision())));
    fake.races.store(races, Ordering::Relaxed);
    let change = json!([{"op": "add", "path": "title", "value": "t"}]);
    over(fake).patch("/Users/1", change).is(200);
}

#[test]
fn what_a_handler_refuses_is_told_to_the_client() {
    let fake = Fake::new(|user| Ok(Record::new("1", user, revision())));
    over(fake).delete("/Users/1").fails(400, "mutability").naming("closed by support");
}

#[test]
fn what_fails_in_a_handler_is_not_told_to_the_client() {
    let fake = Fake::new(|_| Err(std::io::Error::other("password of db is tiger").into()));
    let reply = over(fake).get("/Users/1").is(500);
    assert!(!reply.body.to_string().contains("tiger"));
}

#[test]
fn the_question_mark_keeps_the_meaning_of_errors() {
    fn scim() -> Result<(), HandlerError> {
        Err(Error::no_target("nothing there"))?
    }
    fn store() -> Result<(), HandlerError> {
        Err(StoreError::Uniqueness { attribute: "userName".into() })?
    }
    fn other() -> Result<(), HandlerError> {
        "x".parse::<u8>()?;
        Ok(())
    }
    assert!(matches!(scim(), Err(HandlerError::Refused(_))));
    assert!(matches!(store(), Err(HandlerError::Uniqueness { .. })));
    assert!(matches!(other(), Err(HandlerError::Internal(_))));
}

#[test]
fn a_password_goes_in_and_never_out() {
    let fake = Fake::new(|user| Ok(Record::new("1", user, revision())));
    let server = over(fake.clone());
    let body = json!({"schemas": [USER], "userName": "x", "password": "t1meMa$heen"});
    let reply = server.post("/Users", body).is(201);
    assert!(!reply.body.to_string().contains("t1meMa"));
    let written = fake.written.lock().unwrap().take().unwrap();
    assert_eq!(written.password.unwrap().expose(), "t1meMa$heen");
}

#[test]
fn what_is_read_only_is_not_handed_over_to_be_replaced() {
    let fake = Fake::new(|user| {
        let groups = vec![scim2_core::user::GroupRef {
            value: Some("g".into()),
            ..scim2_core::user::GroupRef::default()
        }];
        Ok(Record::new("1", User { groups, ..user }, revision()))
    });
    let server = over(fake.clone());
    let patch = json!([{"op": "add", "path": "title", "value": "t"}]);
    assert_eq!(server.patch("/Users/1", patch).is(200).body["groups"][0]["value"], "g");
    let written = fake.written.lock().unwrap().take().unwrap();
    assert_eq!(written.id, Some("1".into()));
    assert!(written.groups.is_empty());
    assert_eq!(written.title.as_deref(), Some("t"));
}

/// A type with less than its schema has.
#[derive(Clone, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "camelCase")]
struct Device {
    label: String,
    #[serde(default)]
    ports: Vec<Port>,
    parent: Option<String>,
}

#[derive(Clone, serde::Serialize, serde::Deserialize)]
struct Port {
    value: String,
}

impl TypedResource for Device {
    const RESOURCE_TYPE: &'static str = "Device";
    const SCHEMA: &'static str = "urn:example:Device";
    const ENDPOINT: &'static str = "/Devices";
}

struct Devices;

impl Handler<Device> for Devices {
    async fn get(
        &self,
        _: &Scope,
        _: &ResourceId,
        _: Load,
    ) -> Result<Option<Record<Device>>, HandlerError> {
        Ok(None)
    }
    async fn query(&self, _: &Scope, _: &Query) -> Result<Found<Device>, HandlerError> {
        Ok(Found::Candidates(Vec::new()))
    }
    async fn create(&self, _: &Scope, device: Device) -> Result<Record<Device>, HandlerError> {
        Ok(Record::new("7", device, revision()))
    }
    async fn replace(
        &self,
        _: &Scope,
        _: &ResourceId,
        _: &Version,
        _: Device,
    ) -> Result<Record<Device>, HandlerError> {
        Err(HandlerError::NotFound)
    }
    async fn delete(&self, _: &Scope, _: &ResourceId, _: &Version) -> Result<(), HandlerError> {
        Err(HandlerError::NotFound)
    }
}

fn devices() -> Server<Handlers> {
    let schema: Schema = serde_json::from_value(json!({
        "id": "urn:example:Device",
        "attributes": [
            {"name": "label", "required": true}, {"name": "parent"}, {"name": "colour"},
            {"name": "ports", "type": "complex", "multiValued": true,
             "subAttributes": [{"name": "value"}, {"name": "speed", "type": "integer"}]},
        ],
    }))
    .unwrap();
    let mut catalog = Catalog::standard();
    catalog.register(ResourceType::new("Device", "/Devices", schema)).unwrap();
    let setup = Setup { catalog: Some(catalog), ..Setup::default() };
    let handlers =
        Handlers::default().with::<Device>(Devices).with_store("Group", MemoryStore::default());
    setup.server_over(handlers, clock())
}

#[test]
fn an_applications_own_type_has_schemas_and_no_nulls() {
    let device = json!({"schemas": ["urn:example:Device"], "label": "l"});
    let reply = devices().post("/Devices", device).is(201);
    assert_eq!(reply.body["schemas"], json!(["urn:example:Device"]));
    let members: Vec<_> = reply.body.as_object().unwrap().keys().collect();
    assert_eq!(members, ["id", "label", "meta", "schemas"]);
}

#[test]
fn what_the_applications_type_has_no_place_for_is_refused_before_anything_is_written() {
    let device = json!({"schemas": ["urn:example:Device"], "label": "l", "colour": "red",
        "ports": [{"value": "a"}, {"value": "b", "speed": 1}]});
    devices()
        .post("/Devices", device)
        .fails(400, "invalidValue")
        .naming("no place for `colour`, `ports[1].speed`");
}

#[test]
fn types_may_be_kept_in_different_places() {
    let server = devices();
    let id = server.group("g", &[]);
    assert_eq!(server.get(&format!("/Groups/{id}")).is(200).body["displayName"], "g");
    server.get("/Users").is(501).naming("`User`");
}

#[test]
fn a_handler_that_cannot_be_reached_is_503_with_retry_after() {
    let fake = Fake::new(|_| {
        let wait = Some(std::time::Duration::from_secs(3));
        Err(HandlerError::unavailable(wait, "pool is exhausted"))
    });
    let reply = over(fake).get("/Users/1").is(503);
    assert_eq!(reply.header("retry-after"), Some("3"));
}

#[test]
fn a_boxed_store_is_the_store_in_the_box() {
    let clock = clock();
    let store = DynStore::new(MemoryStore::with_clock(clock.clone()));
    let server = Setup::default().server_over(store, clock);
    let user = server.user("bjensen");
    let group = server.group("g", &[&user]);
    let path = format!("/Groups/{group}");
    let remove = format!(r#"members[value eq "{user}"]"#);
    server.patch(&path, json!([{"op": "remove", "path": remove}])).is(200);
    assert!(server.members(&group).is_empty());
    server.put(&path, json!({"schemas": [GROUP], "displayName": "h"})).is(200);
    assert_eq!(server.filter("/Groups", r#"displayName eq "H""#).ids(), [&group]);
    server.delete(&path).is(204);
    server.get(&path).is(404);
}

#[test]
fn a_hashed_revision_changes_with_the_content_alone() {
    let at = DateTime::UNIX_EPOCH;
    let revision = |content: &str| Revision::hashed(&content, at, at).version;
    assert_eq!(revision("a"), revision("a"));
    assert_ne!(revision("a"), revision("b"));
    let later = at + chrono::TimeDelta::microseconds(1);
    assert_ne!(Revision::timed(at, at).version, Revision::timed(at, later).version);
    assert_eq!(Revision::numbered(7, at, at).version.opaque(), "7");
}

#[test]
fn sec_14_a_hook_is_asked_whose_member_a_deleted_user_ceases_to_be() {
    struct KeepsMembers;
    impl ChangeHook for KeepsMembers {
        fn check(&self, change: &ProposedChange<'_>) -> Result<(), Error> {
            match change.memberships().find(|membership| membership.becomes == Becomes::Removed) {
                Some(lost) => {
                    let group = lost.group.unwrap_or_default();
                    Err(Error::new(StatusCode::FORBIDDEN)
                        .detail(format_args!("not out of {group}")))
                }
                None => Ok(()),
            }
        }
    }
    let clock = clock();
    let directory = Directory::new(Queries::Pages, Members::OneByOne, clock.clone());
    let handlers = Handlers::default().with::<User>(directory.clone()).with::<Group>(directory);
    let builder = Setup::default().builder(handlers, clock.clone()).hook(KeepsMembers);
    let server = Server { provider: builder.build().unwrap(), clock };
    let [user, free] = ["u", "v"].map(|name| server.user(name));
    let group = server.group("g", &[&user]);
    server.delete(&format!("/Users/{user}")).is(403).naming(&format!("not out of {group}"));
    let remove = json!([{"op": "remove", "path": format!("members[value eq \"{user}\"]")}]);
    server.patch(&format!("/Groups/{group}"), remove).is(403);
    assert_eq!(server.members(&group), [user]);
    server.delete(&format!("/Users/{free}")).is(204);
}

#[test]
fn a_handler_may_demand_that_groups_have_names_of_their_own() {
    let clock = clock();
    let (queries, members) = (Queries::Pages, Members::OneByOne);
    let directory = Directory::naming_groups(GroupNames::Unique, queries, members, clock.clone());
    let handlers = Handlers::default().with::<User>(directory.clone()).with::<Group>(directory);
    let server = Setup::default().server_over(handlers, clock);
    let [_, other] = ["staff", "guests"].map(|name| server.group(name, &[]));
    let again = json!({"schemas": [GROUP], "displayName": "Staff"});
    server.post("/Groups", again).fails(409, "uniqueness").naming("displayName");
    let rename = json!([{"op": "replace", "path": "displayName", "value": "staff"}]);
    server.patch(&format!("/Groups/{other}"), rename).fails(409, "uniqueness");
}

#[test]
fn a_handler_that_is_not_ready_is_a_store_that_is_not() {
    struct Asleep;
    impl Handler<Device> for Asleep {
        async fn get(
            &self,
            _: &Scope,
            _: &ResourceId,
            _: Load,
        ) -> Result<Option<Record<Device>>, HandlerError> {
            Ok(None)
        }
        async fn query(&self, _: &Scope, _: &Query) -> Result<Found<Device>, HandlerError> {
            Ok(Found::Candidates(Vec::new()))
        }
        async fn create(&self, _: &Scope, _: Device) -> Result<Record<Device>, HandlerError> {
            Err(HandlerError::NotFound)
        }
        async fn replace(
            &self,
            _: &Scope,
            _: &ResourceId,
            _: &Version,
            _: Device,
        ) -> Result<Record<Device>, HandlerError> {
            Err(HandlerError::NotFound)
        }
        async fn delete(&self, _: &Scope, _: &ResourceId, _: &Version) -> Result<(), HandlerError> {
            Err(HandlerError::NotFound)
        }
        async fn ready(&self) -> Result<(), HandlerError> {
            Err(HandlerError::unavailable(None, "no connection"))
        }
    }
    assert!(block_on(Handlers::default().with::<Device>(Devices).ready()).is_ok());
    let handlers = Handlers::default().with::<Device>(Devices);
    assert!(block_on(handlers.with::<Device>(Arc::new(Asleep)).ready()).is_err());
}
