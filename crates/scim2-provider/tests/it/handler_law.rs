//! The same requests get the same answers from the memory store and from an application's tables.

use proptest::prelude::*;
use scim2_core::{Group, User};
use scim2_provider::{Handlers, MemoryStore, Store};
use serde_json::{Value, json};

use crate::directory::{Directory, Members, Queries};
use crate::support::{GROUP, PATCH_OP, Reply, Server, Setup, USER, clock};

/// A request, with resources named by the order of their creation.
#[derive(Clone, Debug)]
enum Step {
    CreateUser(Value),
    CreateGroup(u8, Vec<u8>),
    Get(Kind, u8, &'static str),
    List(Kind, &'static str),
    /// Pages through a whole list by cursor.
    Pages(Kind, &'static str),
    PutUser(u8, Value, Match),
    PutGroup(u8, u8, Vec<u8>, Match),
    PatchUser(u8, Value, Match),
    PatchGroup(u8, &'static str, Vec<u8>, Match),
    Delete(Kind, u8, Match),
    /// Creates a user and a group of it and others, and deletes something, in one request.
    Bulk(Value, Vec<u8>, u8),
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Kind {
    User,
    Group,
}

impl Kind {
    fn endpoint(self) -> &'static str {
        if self == Self::User { "/Users" } else { "/Groups" }
    }
}

/// What `If-Match` says.
#[derive(Clone, Copy, Debug)]
enum Match {
    Nothing,
    Any,
    Version(u8),
}

const NAMES: [&str; 5] = ["bjensen", "BJENSEN", "jsmith", "straße", "x"];

fn user() -> impl Strategy<Value = Value> {
    let text = || prop::option::of(prop::sample::select(vec!["a", "B", "b", "É", "zz"]));
    (0..NAMES.len(), text(), text(), text(), prop::option::of(any::<bool>()), 0..3_usize).prop_map(
        |(name, display, title, external, active, emails)| {
            let mut user = json!({"schemas": [USER], "userName": NAMES[name]});
            for (key, value) in
                [("displayName", display), ("title", title), ("externalId", external)]
            {
                if let Some(value) = value {
                    user[key] = value.into();
                }
            }
            if let Some(active) = active {
                user["active"] = active.into();
            }
            if emails > 0 {
                let email = |i| json!({"value": format!("{i}@example.com"), "type": "work"});
                user["emails"] = (0..emails).map(email).collect();
            }
            user
        },
    )
}

fn kind() -> impl Strategy<Value = Kind> {
    prop_oneof![Just(Kind::User), Just(Kind::Group)]
}

fn condition() -> impl Strategy<Value = Match> {
    prop_oneof![6 => Just(Match::Nothing), 1 => Just(Match::Any),
        2 => (1..4_u8).prop_map(Match::Version)]
}

const USER_LISTS: [&str; 11] = [
    "",
    "?filter=userName%20eq%20%22bjensen%22",
    "?filter=userName%20sw%20%22b%22%20or%20title%20pr&sortBy=displayName",
    "?filter=not%20(active%20eq%20true)&sortBy=userName&sortOrder=descending",
    "?filter=emails%5Bvalue%20sw%20%221%22%5D&count=1&startIndex=2",
    "?filter=groups%20pr&attributes=userName",
    "?filter=meta.lastModified%20gt%20%222026-09-21T14:13:20.010Z%22&excludedAttributes=groups",
    "?sortBy=meta.created&sortOrder=descending&count=2",
    "?startIndex=2&count=2",
    "?count=0",
    "?filter=groups.display%20eq%20%22g1%22&excludedAttributes=groups,emails",
];

const GROUP_LISTS: [&str; 7] = [
    "",
    "?filter=displayName%20eq%20%22G1%22",
    "?filter=members%20pr&excludedAttributes=members",
    "?sortBy=displayName&sortOrder=descending",
    "?excludedAttributes=members&count=2",
    "?filter=members.type%20eq%20%22Group%22",
    "?filter=meta.version%20ne%20%22W/%5C%221%5C%22%22",
];

fn list() -> impl Strategy<Value = (Kind, &'static str)> {
    prop_oneof![
        prop::sample::select(&USER_LISTS[..]).prop_map(|list| (Kind::User, list)),
        prop::sample::select(&GROUP_LISTS[..]).prop_map(|list| (Kind::Group, list)),
    ]
}

fn user_operations() -> impl Strategy<Value = Value> {
    prop::sample::select(vec![
        json!([{"op": "replace", "path": "title", "value": "t"}]),
        json!([{"op": "remove", "path": "title"}]),
        json!([{"op": "add", "path": "emails", "value": [{"value": "new@example.com"}]}]),
        json!([{"op": "replace", "path": "userName", "value": "jsmith"}]),
        json!([{"op": "remove", "path": "emails[value sw \"0\"]"}]),
        json!([{"op": "add", "value": {"active": false, "nickName": "n"}}]),
        json!([{"op": "replace", "path": "emails[type eq \"no\"].value", "value": "x"}]),
        json!([{"op": "remove", "path": "userName"}]),
    ])
}

fn step() -> impl Strategy<Value = Step> {
    let members = || prop::collection::vec(0..8_u8, 0..4);
    let views = || prop::sample::select(vec!["", "?attributes=groups,members", "?attributes=id"]);
    let operations =
        || prop::sample::select(vec!["add", "remove", "replace", "remove-all", "rename", "both"]);
    prop_oneof![
        4 => user().prop_map(Step::CreateUser),
        3 => (0..3_u8, members()).prop_map(|(name, members)| Step::CreateGroup(name, members)),
        2 => (kind(), 0..8_u8, views()).prop_map(|(kind, id, view)| Step::Get(kind, id, view)),
        4 => list().prop_map(|(kind, list)| Step::List(kind, list)),
        2 => (kind(), prop::sample::select(vec!["", "&sortBy=displayName"]))
            .prop_map(|(kind, order)| Step::Pages(kind, order)),
        2 => (0..8_u8, user(), condition()).prop_map(|(id, user, m)| Step::PutUser(id, user, m)),
        2 => (0..8_u8, 0..3_u8, members(), condition())
            .prop_map(|(id, name, members, m)| Step::PutGroup(id, name, members, m)),
        3 => (0..8_u8, user_operations(), condition())
            .prop_map(|(id, operations, m)| Step::PatchUser(id, operations, m)),
        3 => (0..8_u8, operations(), members(), condition())
            .prop_map(|(id, kind, members, m)| Step::PatchGroup(id, kind, members, m)),
        2 => (kind(), 0..8_u8, condition()).prop_map(|(kind, id, m)| Step::Delete(kind, id, m)),
        1 => (user(), members(), 0..8_u8)
            .prop_map(|(user, members, gone)| Step::Bulk(user, members, gone)),
    ]
}

/// A server and the ids of what it created, in order.
struct Side<S> {
    server: Server<S>,
    ids: Vec<String>,
}

impl<S: Store> Side<S> {
    fn id(&self, number: u8) -> String {
        let unknown = || format!("unknown-{number}");
        self.ids.get(usize::from(number)).cloned().unwrap_or_else(unknown)
    }

    fn members(&self, members: &[u8]) -> Value {
        members.iter().map(|number| json!({"value": self.id(*number)})).collect()
    }

    fn call(&self, method: &str, path: &str, condition: Match, body: &Value) -> Reply {
        let tag = match condition {
            Match::Nothing => None,
            Match::Any => Some("*".to_owned()),
            Match::Version(version) => Some(format!("W/\"{version}\"")),
        };
        let headers: Vec<_> = tag.iter().map(|tag| ("if-match", tag.as_str())).collect();
        let body = if body.is_null() { Vec::new() } else { body.to_string().into_bytes() };
        self.server.call(method, path, &headers, &body)
    }

    /// Sends what a step says and returns the answers, with numbers in the place of ids.
    fn run(&mut self, step: &Step) -> Vec<String> {
        self.server.clock.advance(1);
        let replies = match step {
            Step::CreateUser(user) => vec![self.call("POST", "/Users", Match::Nothing, user)],
            Step::CreateGroup(name, members) => {
                let members = self.members(members);
                let group = json!({"schemas": [GROUP], "displayName": format!("g{name}"),
                    "members": members});
                vec![self.call("POST", "/Groups", Match::Nothing, &group)]
            }
            Step::Get(kind, id, view) => {
                let path = format!("{}/{}{view}", kind.endpoint(), self.id(*id));
                vec![self.server.get(&path)]
            }
            Step::List(kind, list) => {
                vec![self.server.get(&format!("{}{list}", kind.endpoint()))]
            }
            Step::Pages(kind, order) => self.pages(*kind, order),
            Step::PutUser(id, user, condition) => {
                let path = format!("/Users/{}", self.id(*id));
                vec![self.call("PUT", &path, *condition, user)]
            }
            Step::PutGroup(id, name, members, condition) => {
                let group = json!({"schemas": [GROUP], "displayName": format!("g{name}"),
                    "members": self.members(members)});
                let path = format!("/Groups/{}", self.id(*id));
                vec![self.call("PUT", &path, *condition, &group)]
            }
            Step::PatchUser(id, operations, condition) => {
                let body = json!({"schemas": [PATCH_OP], "Operations": operations});
                vec![self.call("PATCH", &format!("/Users/{}", self.id(*id)), *condition, &body)]
            }
            Step::PatchGroup(id, kind, members, condition) => {
                let remove = |number: &u8| {
                    let path = format!("members[value eq \"{}\"]", self.id(*number));
                    json!({"op": "remove", "path": path})
                };
                let removals: Value = members.iter().map(remove).collect();
                let members = self.members(members);
                let operations = match *kind {
                    "remove" => removals,
                    "remove-all" => json!([{"op": "remove", "path": "members"}]),
                    "rename" => json!([{"op": "replace", "path": "displayName", "value": "g1"}]),
                    "both" => json!([{"op": "replace", "path": "displayName", "value": "both"},
                        {"op": "add", "path": "members", "value": members}]),
                    op => json!([{"op": op, "path": "members", "value": members}]),
                };
                let body = json!({"schemas": [PATCH_OP], "Operations": operations});
                vec![self.call("PATCH", &format!("/Groups/{}", self.id(*id)), *condition, &body)]
            }
            Step::Delete(kind, id, condition) => {
                let path = format!("{}/{}", kind.endpoint(), self.id(*id));
                vec![self.call("DELETE", &path, *condition, &Value::Null)]
            }
            Step::Bulk(user, members, gone) => {
                let mut members = self.members(members);
                members.as_array_mut().unwrap().push(json!({"value": "bulkId:u"}));
                let group = json!({"schemas": [GROUP], "displayName": "bulk", "members": members});
                let gone = format!("/Users/{}", self.id(*gone));
                let bulk = json!({
                    "schemas": ["urn:ietf:params:scim:api:messages:2.0:BulkRequest"],
                    "Operations": [
                        {"method": "POST", "path": "/Groups", "bulkId": "g", "data": group},
                        {"method": "POST", "path": "/Users", "bulkId": "u", "data": user},
                        {"method": "DELETE", "path": gone},
                    ],
                });
                vec![self.call("POST", "/Bulk", Match::Nothing, &bulk)]
            }
        };
        if let (Step::Bulk(..), [reply]) = (step, replies.as_slice()) {
            for result in reply.body["Operations"].as_array().into_iter().flatten() {
                if result["status"] == "201" {
                    let location = result["location"].as_str().unwrap();
                    self.ids.push(location.rsplit('/').next().unwrap().to_owned());
                }
            }
        }
        if let [created] = replies.as_slice()
            && created.status.as_u16() == 201
        {
            self.ids.push(created.id().to_owned());
        }
        replies.iter().map(|reply| self.told(reply)).collect()
    }

    fn pages(&self, kind: Kind, order: &str) -> Vec<Reply> {
        let mut replies = Vec::new();
        let mut cursor = String::new();
        loop {
            let path = format!("{}?cursor={cursor}&count=2{order}", kind.endpoint());
            let mut reply = self.server.get(&path).is(200);
            let next = reply.body.as_object_mut().unwrap().remove("nextCursor");
            replies.push(reply);
            match next {
                Some(next) => cursor = next.as_str().unwrap().to_owned(),
                None => return replies,
            }
        }
    }

    fn told(&self, reply: &Reply) -> String {
        let etag = reply.header("etag");
        let mut text = format!("{} {etag:?} {}", reply.status, reply.body);
        text.push_str(reply.header("location").unwrap_or_default());
        for (i, id) in self.ids.iter().enumerate() {
            text = text.replace(id, &format!("<{i}>"));
        }
        text
    }
}

fn law(steps: &[Step], queries: Queries, members: Members) {
    let clocks = [clock(), clock()];
    let memory = MemoryStore::with_clock(clocks[0].clone());
    let directory = Directory::new(queries, members, clocks[1].clone());
    let handlers = Handlers::default().with::<User>(directory.clone()).with::<Group>(directory);
    let server = Setup::default().server_over(memory, clocks[0].clone());
    let mut one = Side { server, ids: Vec::new() };
    let server = Setup::default().server_over(handlers, clocks[1].clone());
    let mut other = Side { server, ids: Vec::new() };
    for step in steps {
        assert_eq!(one.run(step), other.run(step), "after {step:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn an_application_that_hands_over_everybody_answers_as_the_memory_store_does(
        steps in prop::collection::vec(step(), 1..24),
    ) {
        law(&steps, Queries::Candidates, Members::WithTheGroup);
    }

    #[test]
    fn an_application_that_pages_answers_as_the_memory_store_does(
        steps in prop::collection::vec(step(), 1..24),
    ) {
        law(&steps, Queries::Pages, Members::OneByOne);
    }
}
