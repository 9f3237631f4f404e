//! Rows of the security requirements that a server can break.

use bytes::Bytes;
use http::Request;
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::support::*;

fn as_b(authorization: &str) -> [(&'static str, &str); 1] {
    [("authorization", authorization)]
}

#[test]
fn sec_23_another_tenants_resource_looks_like_none() {
    let server = server();
    let id = server.post("/Users", user("shared")).is(201).id().to_owned();
    let authorization = format!("Bearer {TOKEN_B}");
    let b = as_b(&authorization);
    let foreign = server.call("GET", &format!("/Users/{id}"), &b, b"").is(404).body;
    let nobody = server.call("GET", "/Users/nobody", &b, b"").is(404).body;
    assert_eq!(foreign, nobody);
    // The name is taken in one tenant only.
    server.call("POST", "/Users", &b, user("shared").to_string().as_bytes()).is(201);
}

#[test]
fn sec_01_nothing_of_another_tenant_can_be_seen_or_touched() {
    let server = server();
    let mut body = user("shared");
    body["externalId"] = "e1".into();
    let id = server.post("/Users", body.clone()).is(201).id().to_owned();
    let group = server.group("shared", &[&id]);
    let (user_path, group_path) = (format!("/Users/{id}"), format!("/Groups/{group}"));
    let before = (server.get(&user_path).body, server.get(&group_path).body);

    let authorization = format!("Bearer {TOKEN_B}");
    let b = as_b(&authorization);
    let patch = |operations: Value| {
        json!({"schemas": [PATCH_OP], "Operations": operations}).to_string().into_bytes()
    };
    let title = patch(json!([{"op": "add", "path": "title", "value": "x"}]));
    let member = patch(json!([{"op": "remove", "path": format!("members[value eq \"{id}\"]")}]));
    let nobody = server.call("GET", "/Users/nobody", &b, b"").is(404).body;
    for (method, path, body) in [
        ("GET", &user_path, &b""[..]),
        ("GET", &group_path, b""),
        ("PUT", &user_path, user("mine").to_string().as_bytes()),
        ("PUT", &user_path, b"nonsense"),
        ("PATCH", &user_path, &title),
        ("PATCH", &group_path, &member),
        ("PATCH", &group_path, b"nonsense"),
        ("DELETE", &user_path, b""),
        ("DELETE", &group_path, b""),
    ] {
        assert_eq!(server.call(method, path, &b, body).is(404).body, nobody, "{method} {path}");
    }
    for query in [
        "",
        "filter=userName+eq+%22shared%22",
        "filter=externalId+eq+%22e1%22",
        "filter=groups.value+pr",
        &format!("filter=id+eq+%22{id}%22"),
    ] {
        let reply = server.call("GET", &format!("/Users?{query}"), &b, b"").is(200);
        assert_eq!(reply.body["totalResults"], 0, "{query}");
    }
    // The same names are free, and the ids of strangers are nobody.
    server.call("POST", "/Users", &b, body.to_string().as_bytes()).is(201);
    let foreign = json!({"schemas": [GROUP], "displayName": "x", "members": [{"value": id}]});
    let reply = server.call("POST", "/Groups", &b, foreign.to_string().as_bytes()).is(201);
    assert_eq!(reply.body["members"][0].get("display"), None);
    assert_eq!(before, (server.get(&user_path).body, server.get(&group_path).body));
}

#[test]
fn sec_02_an_external_id_never_stands_in_for_an_id() {
    let server = server();
    let victim = server.user("victim");
    for external_id in ["1", "0", &victim, "../Users", "nobody"] {
        let mut body = user(&format!("attacker-{external_id}"));
        body["externalId"] = external_id.into();
        body["id"] = external_id.into();
        let reply = server.post("/Users", body).is(201);
        assert_ne!(reply.id(), external_id);
        assert_eq!(server.get(&format!("/Users/{victim}")).body["userName"], "victim");
    }
    for id in ["1", "0", "nobody"] {
        server.get(&format!("/Users/{id}")).is(404);
    }
}

#[test]
fn sec_03_no_spelling_of_a_path_gets_around_authentication() {
    let server = server();
    let id = server.user("a");
    let state = server.get("/Users").body;
    let endpoints = [
        "/Users",
        "/Users/",
        "//Users",
        "/Users//",
        "/users",
        "/%55sers",
        "/Users%2F",
        "/Users%2f..",
        "/Users;x",
        "/./Users",
        "/../Users",
        "/Users/.",
        "/Users/..",
        "/Users/%2e%2e/Users",
        "/Schemas/../Users",
        "/Schemas/%2e%2e/Users",
        "/Schemas//Users",
        "/ServiceProviderConfig/../Users",
        "/ServiceProviderConfig%2F..%2FUsers",
        "/ServiceProviderConfig;/Users",
        "/Users/.search",
        "/Users%3Fx",
        "/Groups",
        "/Me",
        "/Bulk",
        "/.search",
        "/",
        "/%2FUsers",
        "/\u{7f}Users",
    ];
    let resources = endpoints.iter().flat_map(|path| {
        [
            path.to_string(),
            format!("{path}/{id}"),
            format!("{path}/%{:x}{}", id.as_bytes()[0], &id[1..]),
        ]
    });
    for path in resources {
        let Ok(uri) = path.parse::<http::Uri>() else { continue };
        for token in [None, Some(""), Some("Bearer"), Some("Bearer "), Some("Bearer wrong")] {
            for method in ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"] {
                let mut request = Request::builder().method(method).uri(uri.clone());
                if let Some(token) = token {
                    request = request.header("authorization", token);
                }
                let body = Bytes::from(user("intruder").to_string());
                let reply = server.send(request.body(body).unwrap());
                assert_eq!(reply.status, 401, "{method} {path} {token:?}");
                assert!(method == "HEAD" || reply.body["status"] == "401");
            }
        }
    }
    assert_eq!(server.get("/Users").body, state);
}

#[test]
fn sec_06_a_taken_name_is_never_adopted() {
    let server = server();
    let id = server.user("owner");
    let before = server.get(&format!("/Users/{id}")).body;
    let mut body = user("OWNER");
    body["externalId"] = "attacker".into();
    body["emails"] = json!([{"value": "attacker@example.com"}]);
    server.post("/Users", body).fails(409, "uniqueness");
    assert_eq!(server.get(&format!("/Users/{id}")).body, before);
}

#[test]
fn sec_07_a_password_can_be_neither_read_nor_guessed() {
    // Also sec_22: no answer and no log line holds it.
    let log = log();
    let server = Setup::config(|c| c.change_password = scim2_provider::Offer::Yes).server();
    let mut body = user("personal-name");
    body["password"] = "canary-5ecret".into();
    let mut answers = vec![server.post("/Users?attributes=password", body.clone()).is(201)];
    let path = format!("/Users/{}", answers[0].id());
    answers.push(server.put(&path, body).is(200));
    let operations = json!([{"op": "replace", "path": "password", "value": "canary-5ecret"}]);
    answers.push(server.patch(&format!("{path}?attributes=password"), operations).is(200));
    let operations = json!([{"op": "replace", "path": "password", "value": ["canary-5ecret"]}]);
    answers.push(server.patch(&path, operations).is(400));
    answers.push(server.get(&path).is(200));
    answers.push(server.get("/Users?attributes=password").is(200));
    for op in ["eq", "ne", "co", "sw", "ew", "gt", "ge", "lt", "le"] {
        let filter = format!("password {op} \"canary-5ecret\"");
        answers.push(server.filter("/Users", &filter).fails(400, "invalidFilter"));
        let body = json!({"schemas": [SEARCH], "filter": filter});
        answers.push(server.post("/Users/.search", body).fails(400, "invalidFilter"));
    }
    answers.push(server.filter("/Users", "password pr").fails(400, "invalidFilter"));
    answers.push(server.filter("/Users", "not (password pr)").fails(400, "invalidFilter"));
    answers.push(server.get("/Users?sortBy=password").fails(400, "invalidValue"));
    for answer in answers {
        let headers = format!("{:?}", answer.headers);
        assert!(!headers.contains("canary-5ecret"));
        assert!(!String::from_utf8_lossy(&answer.bytes).contains("canary-5ecret"));
    }
    let log = log.text();
    assert!(log.contains("scim.request"), "requests are logged");
    for canary in ["canary-5ecret", TOKEN, "personal-name"] {
        assert!(!log.contains(canary), "{log}");
    }
}

#[test]
fn sec_11_of_many_equal_creates_one_wins() {
    let server = server();
    let outcomes: Vec<u16> = std::thread::scope(|scope| {
        let server = &server;
        let threads: Vec<_> = (0..64)
            .map(|i| {
                let name: String = "bjensen"
                    .chars()
                    .enumerate()
                    .map(|(at, c)| if i >> (at % 6) & 1 == 1 { c.to_ascii_uppercase() } else { c })
                    .collect();
                scope.spawn(move || server.post("/Users", user(&name)).status.as_u16())
            })
            .collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    assert_eq!(outcomes.iter().filter(|status| **status == 201).count(), 1);
    assert_eq!(outcomes.iter().filter(|status| **status == 409).count(), 63);
    assert_eq!(server.total("/Users"), 1);
}

#[test]
fn sec_11_of_many_equal_renames_one_wins() {
    let server = server();
    let ids: Vec<_> = (0..16).map(|i| server.user(&format!("u{i}"))).collect();
    let renamed: Vec<u16> = std::thread::scope(|scope| {
        let server = &server;
        let threads: Vec<_> = ids
            .iter()
            .map(|id| {
                scope.spawn(move || {
                    let operations = json!([{"op": "replace", "path": "userName", "value": "One"}]);
                    server.patch(&format!("/Users/{id}"), operations).status.as_u16()
                })
            })
            .collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    assert_eq!(renamed.iter().filter(|status| **status == 200).count(), 1);
    assert_eq!(renamed.iter().filter(|status| **status == 409).count(), 15);
}

#[test]
fn sec_12_names_that_fold_alike_are_the_same_name() {
    for (a, b) in [
        ("Straße", "STRASSE"),
        ("\u{212A}elvin", "kelvin"),
        ("ﬁne", "FINE"),
        ("e\u{301}lan", "\u{e9}lan"),
        ("ΟΔΟΣ", "οδος"),
    ] {
        let server = server();
        server.user(a);
        server.post("/Users", user(b)).fails(409, "uniqueness");
        assert_eq!(server.filter("/Users", &format!("userName eq \"{b}\"")).ids().len(), 1, "{b}");
    }
}

#[test]
fn sec_13_what_is_read_only_cannot_be_set_in_any_spelling() {
    let server = server();
    let id = server.user("a");
    let group = server.group("g", &[]);
    let path = format!("/Users/{id}");
    let before = server.get(&path).body;
    let values = [
        ("id", json!("other")),
        ("meta.created", json!("1999-01-01T00:00:00Z")),
        ("meta", json!({"created": "1999-01-01T00:00:00Z"})),
        ("groups", json!([{"value": group}])),
        ("groups.value", json!(group)),
    ];
    for (name, value) in &values {
        let spellings = [
            (*name).to_owned(),
            name.to_uppercase(),
            format!("{USER}:{name}"),
            format!("{}:{name}", USER.to_uppercase()),
        ];
        for spelling in spellings {
            for op in ["add", "replace", "remove", "Add", "REPLACE"] {
                let with_path = json!([{"op": op, "path": spelling, "value": value}]);
                let without = json!([{"op": op, "value": {spelling.as_str(): value}}]);
                for operations in [with_path, without] {
                    let status = server.patch(&path, operations.clone()).status;
                    assert!(status == 400 || status == 200, "{operations}");
                    assert_eq!(server.get(&path).body, before, "{operations}");
                }
            }
        }
    }
    assert!(server.members(&group).is_empty());
}

#[test]
fn sec_17_a_large_group_keeps_everybody_else() {
    let server = server();
    let ids: Vec<_> = (0..250).map(|i| format!("member{i}")).collect();
    let group = server.group("g", &ids.iter().map(String::as_str).collect::<Vec<_>>());
    let path = format!("/Groups/{group}");
    let remove = json!([{"op": "remove", "path": "members[value eq \"member7\"]"}]);
    server.patch(&path, remove).is(200);
    let add = json!([{"op": "add", "path": "members", "value": [{"value": "new"}]}]);
    server.patch(&path, add).is(200);
    let members = server.members(&group);
    assert_eq!(members.len(), 250);
    assert!(!members.contains(&"member7".to_owned()) && members.contains(&"new".to_owned()));
    // A value on remove is refused, not taken for all members (ruling P20) ...
    let list = json!([{"op": "remove", "path": "members", "value": [{"value": "member8"}]}]);
    server.patch(&path, list.clone()).fails(400, "invalidValue");
    assert_eq!(server.members(&group).len(), 250);
    // ... or taken for what it says.
    let server = Setup::policy(|policy| policy.patch.remove_value_selects = true).server();
    let group = server.group("g", &ids.iter().map(String::as_str).collect::<Vec<_>>());
    server.patch(&format!("/Groups/{group}"), list).is(200);
    assert_eq!(server.members(&group).len(), 249);
}

/// An operation on members, as any client may word it.
#[derive(Clone, Debug)]
enum Step {
    Add(Vec<u8>),
    Remove(u8),
    RemoveTwo(u8, u8),
    Replace(Vec<u8>),
    Rename(u8),
    Clear,
}

fn step() -> impl Strategy<Value = Step> {
    let members = || prop::collection::vec(0..20_u8, 0..6);
    prop_oneof![
        4 => members().prop_map(Step::Add),
        4 => (0..20_u8).prop_map(Step::Remove),
        2 => (0..20_u8, 0..20_u8).prop_map(|(a, b)| Step::RemoveTwo(a, b)),
        1 => members().prop_map(Step::Replace),
        1 => (0..9_u8).prop_map(Step::Rename),
        1 => Just(Step::Clear),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn sec_17_members_are_what_the_operations_say(requests in prop::collection::vec(prop::collection::vec(step(), 1..4), 1..8)) {
        let server = server();
        let group = server.group("g", &[]);
        let path = format!("/Groups/{group}");
        let mut expected = std::collections::BTreeSet::new();
        for request in requests {
            let list = |members: &[u8]| -> Value {
                members.iter().map(|m| json!({"value": format!("m{m}")})).collect()
            };
            let mut operations = Vec::new();
            for step in &request {
                operations.push(match step {
                    Step::Add(members) => {
                        expected.extend(members.iter().copied());
                        json!({"op": "add", "path": "members", "value": list(members)})
                    }
                    Step::Remove(member) => {
                        expected.remove(member);
                        json!({"op": "remove", "path": format!("members[value eq \"m{member}\"]")})
                    }
                    Step::RemoveTwo(a, b) => {
                        expected.remove(a);
                        expected.remove(b);
                        let filter = format!("members[value eq \"m{a}\" or value eq \"m{b}\"]");
                        json!({"op": "remove", "path": filter})
                    }
                    Step::Replace(members) => {
                        expected = members.iter().copied().collect();
                        json!({"op": "replace", "path": "members", "value": list(members)})
                    }
                    Step::Rename(name) => {
                        json!({"op": "replace", "path": "displayName", "value": format!("g{name}")})
                    }
                    Step::Clear => {
                        expected.clear();
                        json!({"op": "remove", "path": "members"})
                    }
                });
            }
            server.patch(&path, operations.into()).is(200);
            let members: std::collections::BTreeSet<u8> =
                server.members(&group).iter().map(|m| m[1..].parse().unwrap()).collect();
            prop_assert_eq!(&members, &expected);
        }
    }

    #[test]
    fn sec_10_a_list_is_exactly_what_matches(filter in filter()) {
        let server = server();
        for (name, title, active) in [("alice", Some("A"), true), ("bob", None, false), ("carol", Some("b"), true)] {
            let mut body = user(name);
            body["active"] = active.into();
            if let Some(title) = title {
                body["title"] = title.into();
            }
            server.post("/Users", body).is(201);
        }
        let parsed: scim2_core::syntax::Filter = filter.parse().unwrap();
        let ty = scim2_core::ResourceType::user();
        let bound = ty.bind(&parsed, &scim2_core::Policy::strict()).unwrap();
        let all = server.get("/Users").is(200);
        let expected: Vec<&str> = all.resources().iter()
            .filter(|r| bound.matches(&r.as_object().unwrap().clone().into()))
            .map(|r| r["id"].as_str().unwrap())
            .collect();
        let reply = server.filter("/Users", &filter).is(200);
        prop_assert_eq!(reply.ids(), expected);
    }
}

fn filter() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        ("userName|title", "eq|ne|co|sw|ew|gt|le", "[a-c]{0,2}")
            .prop_map(|(name, op, value)| format!("{name} {op} \"{value}\"")),
        "active eq (true|false)",
        "(title|emails|userName) pr",
    ];
    leaf.prop_recursive(3, 8, 2, |inner| {
        prop_oneof![
            (inner.clone(), "and|or", inner.clone())
                .prop_map(|(a, op, b)| format!("({a}) {op} ({b})")),
            inner.prop_map(|a| format!("not ({a})")),
        ]
    })
}
