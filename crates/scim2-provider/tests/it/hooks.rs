//! What may refuse a change before it is made.

use std::sync::{Arc, Mutex};

use http::StatusCode;
use scim2_core::{Error, Policy};
use scim2_provider::events::{Activity, Becomes, ChangeHook, ChangeKind, ProposedChange};
use scim2_vendor::entra;
use serde_json::{Value, json};

use crate::support::*;

type Rule = Box<dyn Fn(&ProposedChange<'_>) -> Result<(), Error> + Send + Sync>;

/// A rule, and what it was asked.
struct Hook {
    rule: Rule,
    asked: Arc<Mutex<Vec<String>>>,
}

impl ChangeHook for Hook {
    fn check(&self, change: &ProposedChange<'_>) -> Result<(), Error> {
        let record = change.record;
        self.asked.lock().unwrap().push(format!(
            "{} {:?} {:?} {:?}, before {}, after {}",
            change.resource_type.name(),
            record.kind,
            record.attributes,
            record.activity,
            change.before.is_some(),
            change.after.is_some(),
        ));
        (self.rule)(change)
    }
}

fn forbidden() -> Error {
    Error::new(StatusCode::FORBIDDEN).detail("the host forbids it")
}

/// A server with a hook, and what that was asked.
fn hooked(policy: Policy, rule: Rule) -> (Server, Arc<Mutex<Vec<String>>>) {
    let asked = Arc::new(Mutex::new(Vec::new()));
    let hook = Hook { rule, asked: Arc::clone(&asked) };
    let setup = Setup { policy, ..Setup::default() };
    (setup.with(|builder| builder.hook(hook)).server(), asked)
}

fn inactive(user_name: &str) -> Value {
    json!({"schemas": [USER], "userName": user_name, "active": false})
}

/// Every way in which clients switch a user off.
fn switch_off(server: &Server, path: &str, way: usize) -> Reply {
    match way {
        0 => server.patch(path, json!([{"op": "replace", "path": "active", "value": false}])),
        1 => server.patch(path, json!([{"op": "replace", "value": {"active": false}}])),
        2 => server.patch(path, json!([{"op": "Replace", "path": "active", "value": "False"}])),
        3 => server.patch(path, json!([{"op": "Replace", "value": {"active": "False"}}])),
        4 => server.put(path, inactive("u")),
        _ => server.delete(path),
    }
}

#[test]
fn sec_15_every_way_of_switching_off_asks_the_same_and_can_be_refused() {
    let deactivates = |change: &ProposedChange<'_>| {
        if change.record.is_deactivation() { Err(forbidden()) } else { Ok(()) }
    };
    let (server, asked) = hooked(entra::policy(), Box::new(deactivates));
    server.post("/Users", inactive("new")).is(403);
    assert_eq!(server.total("/Users"), 0);
    let path = format!("/Users/{}", server.user("u"));
    let before = server.get(&path).is(200);
    for way in 0..6 {
        asked.lock().unwrap().clear();
        switch_off(&server, &path, way).is(403).naming("the host forbids it");
        let asked = asked.lock().unwrap();
        assert_eq!(asked.len(), 1, "way {way}: {asked:?}");
        assert!(asked[0].contains("Some(Deactivated), before true"), "way {way}: {asked:?}");
        // Nothing is written, not even a version.
        assert_eq!(server.get(&path).bytes, before.bytes, "way {way}");
    }
}

#[test]
fn sec_15_what_switches_nobody_off_is_no_deactivation() {
    let deactivates = |change: &ProposedChange<'_>| {
        if change.record.activity.is_some() { Err(forbidden()) } else { Ok(()) }
    };
    let (server, _) = hooked(entra::policy(), Box::new(deactivates));
    let path = format!("/Users/{}", server.user("u"));
    server.patch(&path, json!([{"op": "add", "path": "active", "value": true}])).is(200);
    server.patch(&path, json!([{"op": "remove", "path": "active"}])).is(200);
    server.put(&path, user("u2")).is(200);
    // Under the letter of the RFC, the text is no boolean: refused, never a success without effect.
    let strict = server_with_inactive();
    let path = format!("/Users/{}", strict.user("u"));
    let operations = json!([{"op": "replace", "path": "active", "value": "False"}]);
    strict.patch(&path, operations).fails(400, "invalidValue");
}

fn server_with_inactive() -> Server {
    let server = server();
    server.post("/Users", inactive("off")).is(201);
    server
}

#[test]
fn sec_15_switching_on_is_told_apart() {
    let activates = |change: &ProposedChange<'_>| match change.record.activity {
        Some(Activity::Activated) => Err(forbidden()),
        _ => Ok(()),
    };
    let (server, _) = hooked(Policy::strict(), Box::new(activates));
    let path = format!("/Users/{}", server.post("/Users", inactive("u")).is(201).id());
    server.patch(&path, json!([{"op": "replace", "path": "active", "value": true}])).is(403);
    server.patch(&path, json!([{"op": "remove", "path": "active"}])).is(403);
    server.patch(&path, json!([{"op": "add", "path": "title", "value": "x"}])).is(200);
}

/// Refuses whatever begins or ends a membership in the group `admins`, or of the user `root`.
fn protected() -> (Server, Protected) {
    let protected = Protected::default();
    let rule = {
        let protected = protected.clone();
        move |change: &ProposedChange<'_>| {
            let ids = protected.0.lock().unwrap().clone();
            let concerns = |id: &str| ids.iter().any(|protected| protected == id);
            let mut memberships = change.memberships();
            if memberships.any(|m| m.group.is_some_and(concerns) || concerns(m.member)) {
                return Err(forbidden());
            }
            Ok(())
        }
    };
    let (server, _) = hooked(Policy::strict(), Box::new(rule));
    (server, protected)
}

/// The ids that are protected, once they are known.
#[derive(Clone, Default)]
struct Protected(Arc<Mutex<Vec<String>>>);

impl Protected {
    fn add(&self, id: &str) {
        self.0.lock().unwrap().push(id.to_owned());
    }
}

#[test]
fn sec_14_membership_is_decided_in_one_place_whatever_the_request() {
    let (server, protected) = protected();
    let (root, jo) = (server.user("root"), server.user("jo"));
    let inner = server.group("inner", &[&jo]);
    let admins = server.group("admins", &[&root, &inner]);
    protected.add(&admins);
    protected.add(&root);
    let state = || [&admins, &inner].map(|id| server.get(&format!("/Groups/{id}")).is(200).bytes);
    let before = state();
    let group = |members: &[&str]| {
        let members: Vec<_> = members.iter().map(|id| json!({"value": id})).collect();
        json!({"schemas": [GROUP], "displayName": "g", "members": members})
    };
    let (of_admins, of_inner) = (format!("/Groups/{admins}"), format!("/Groups/{inner}"));
    let add = |id: &str| json!([{"op": "add", "path": "members", "value": [{"value": id}]}]);
    let remove =
        |id: &str| json!([{"op": "remove", "path": format!("members[value eq \"{id}\"]")}]);
    // The group is protected, and so is the user in any group.
    server.patch(&of_admins, add(&jo)).is(403);
    server.patch(&of_admins, remove(&inner)).is(403);
    server.patch(&of_inner, add(&root)).is(403);
    server.patch(&of_admins, json!([{"op": "remove", "path": "members"}])).is(403);
    server.patch(&of_admins, json!([{"op": "replace", "value": {"members": []}}])).is(403);
    server.put(&of_admins, group(&[&root])).is(403);
    server.put(&of_inner, group(&[&jo, &root])).is(403);
    server.post("/Groups", group(&[&root])).is(403);
    // Deleting the group, a member of it, and the user that is protected.
    server.delete(&of_admins).is(403);
    server.delete(&of_inner).is(403);
    server.delete(&format!("/Users/{root}")).is(403);
    // Not even beside another change.
    let operations = json!([
        {"op": "replace", "path": "displayName", "value": "x"},
        {"op": "add", "path": "members", "value": [{"value": root}]},
    ]);
    server.patch(&of_inner, operations).is(403);
    assert_eq!(state(), before);
    assert_eq!(server.total("/Groups"), 2);
    // What does not concern them is not refused.
    server.patch(&of_inner, add(&server.user("new"))).is(200);
    server.delete(&format!("/Users/{jo}")).is(204);
}

#[test]
fn memberships_say_what_begins_and_what_ends() {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let rule = {
        let seen = Arc::clone(&seen);
        move |change: &ProposedChange<'_>| {
            let kind = change.record.kind;
            let memberships: Vec<_> = change
                .memberships()
                .map(|m| (m.group.map(str::to_owned), m.member.to_owned(), m.becomes))
                .collect();
            seen.lock().unwrap().push((kind, memberships));
            Ok(())
        }
    };
    let (server, _) = hooked(Policy::strict(), Box::new(rule));
    let (a, b) = (server.user("a"), server.user("b"));
    let group = server.group("g", &[&a]);
    let operations = json!([
        {"op": "add", "path": "members", "value": [{"value": b}]},
        {"op": "remove", "path": format!("members[value eq \"{a}\"]")},
    ]);
    server.patch(&format!("/Groups/{group}"), operations).is(200);
    server.delete(&format!("/Users/{b}")).is(204);
    let of = |group: Option<&str>, member: &str, becomes| {
        (group.map(str::to_owned), member.to_owned(), becomes)
    };
    let group = Some(group.as_str());
    assert_eq!(
        seen.lock().unwrap()[2..],
        [
            (ChangeKind::Created, vec![of(None, &a, Becomes::Added)]),
            (
                ChangeKind::Changed,
                vec![of(group, &b, Becomes::Added), of(group, &a, Becomes::Removed)]
            ),
            (ChangeKind::Deleted, vec![of(group, &b, Becomes::Removed)]),
        ]
    );
}

#[test]
fn a_group_of_which_only_members_change_is_not_read() {
    let (server, asked) = hooked(Policy::strict(), Box::new(|_| Ok(())));
    let (a, b) = (server.user("a"), server.user("b"));
    let path = format!("/Groups/{}", server.group("g", &[&a]));
    asked.lock().unwrap().clear();
    let operations = json!([{"op": "add", "path": "members", "value": [{"value": b}]}]);
    server.patch(&path, operations).is(200);
    assert_eq!(
        *asked.lock().unwrap(),
        [r#"Group Changed ["members"] None, before false, after false"#]
    );
}

#[test]
fn nobody_is_asked_about_what_changes_nothing_or_is_not_allowed_anyway() {
    let (server, asked) = hooked(Policy::strict(), Box::new(|_| Ok(())));
    let path = format!("/Users/{}", server.user("a"));
    asked.lock().unwrap().clear();
    server.put(&path, user("a")).is(200);
    server.patch(&path, json!([{"op": "replace", "path": "userName", "value": "a"}])).is(200);
    server.patch(&path, json!([{"op": "replace", "path": "nonsense", "value": "a"}])).is(400);
    server.call("DELETE", &path, &[("if-match", "\"x\"")], b"").is(412);
    server.delete("/Users/nobody").is(404);
    assert_eq!(asked.lock().unwrap().len(), 0);
}

#[test]
fn the_first_hook_that_refuses_decides() {
    let rule = |status: u16| -> Rule {
        let status = StatusCode::from_u16(status).unwrap();
        Box::new(move |_| Err(Error::new(status).detail("no")))
    };
    let hook = |status| Hook { rule: rule(status), asked: Arc::default() };
    let pass = Hook { rule: Box::new(|_| Ok(())), asked: Arc::default() };
    let (first, second) = (hook(403), hook(409));
    let setup = Setup::default().with(|builder| builder.hook(pass).hook(first).hook(second));
    setup.server().post("/Users", user("a")).is(403);
}

#[test]
fn a_hook_that_panics_harms_nothing_but_its_change() {
    let panics = |change: &ProposedChange<'_>| {
        assert!(!change.record.touches("title"), "on purpose");
        Ok(())
    };
    let (server, _) = hooked(Policy::strict(), Box::new(panics));
    let path = format!("/Users/{}", server.user("a"));
    let before = server.get(&path).bytes;
    let reply = server.patch(&path, json!([{"op": "add", "path": "title", "value": "x"}])).is(500);
    assert!(!String::from_utf8_lossy(&reply.bytes).contains("purpose"));
    assert_eq!(server.get(&path).bytes, before);
    server.patch(&path, json!([{"op": "add", "path": "nickName", "value": "x"}])).is(200);
}

/// The statuses of the operations of a bulk request.
fn bulk(server: &Server, operations: &Value) -> Vec<String> {
    let body = json!({
        "schemas": ["urn:ietf:params:scim:api:messages:2.0:BulkRequest"],
        "Operations": operations,
    });
    let reply = server.post("/Bulk", body).is(200);
    let results = reply.body["Operations"].as_array().unwrap();
    results.iter().map(|result| result["status"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn sec_14_operations_of_a_bulk_request_are_decided_like_requests() {
    let (server, protected) = protected();
    let (root, jo) = (server.user("root"), server.user("jo"));
    let admins = server.group("admins", &[&root]);
    protected.add(&admins);
    protected.add(&root);
    let operations = json!([
        {"method": "PATCH", "path": format!("/Groups/{admins}"), "data": {
            "schemas": [PATCH_OP],
            "Operations": [{"op": "add", "path": "members", "value": [{"value": jo}]}]}},
        {"method": "POST", "path": "/Groups", "bulkId": "g", "data": {
            "schemas": [GROUP], "displayName": "g", "members": [{"value": root}]}},
        {"method": "DELETE", "path": format!("/Users/{root}")},
        {"method": "DELETE", "path": format!("/Users/{jo}")},
    ]);
    assert_eq!(bulk(&server, &operations), ["403", "403", "403", "204"]);
    assert_eq!(server.members(&admins), [root]);
    assert_eq!(server.total("/Groups"), 1);
}

#[test]
fn sec_15_a_bulk_request_switches_off_like_any_other() {
    let deactivates = |change: &ProposedChange<'_>| {
        if change.record.is_deactivation() { Err(forbidden()) } else { Ok(()) }
    };
    let (server, asked) = hooked(Policy::strict(), Box::new(deactivates));
    let path = format!("/Users/{}", server.user("u"));
    asked.lock().unwrap().clear();
    let replace = json!({"op": "replace", "path": "active", "value": false});
    let operations = json!([
        {"method": "PATCH", "path": path,
            "data": {"schemas": [PATCH_OP], "Operations": [replace]}},
        {"method": "PUT", "path": path, "data": inactive("u")},
        {"method": "POST", "path": "/Users", "bulkId": "n", "data": inactive("n")},
        {"method": "DELETE", "path": path},
    ]);
    assert_eq!(bulk(&server, &operations), ["403"; 4]);
    assert_eq!(asked.lock().unwrap().len(), 4);
    assert_eq!(server.total("/Users"), 1);
}
