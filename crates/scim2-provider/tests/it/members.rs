//! Groups and their members (RFC 7643 §4.1.2 and §4.2; rulings W19, W30, W31, P37).

use serde_json::{Value, json};

use crate::support::*;

fn groups_of(server: &Server, user: &str) -> Vec<(String, String)> {
    let reply = server.get(&format!("/Users/{user}")).is(200);
    let groups = reply.body["groups"].as_array().cloned().unwrap_or_default();
    let text = |group: &Value, name: &str| group[name].as_str().unwrap().to_owned();
    groups.iter().map(|group| (text(group, "value"), text(group, "type"))).collect()
}

#[test]
fn r43_4_1_2_10_a_user_shows_its_groups() {
    let server = server();
    let user = server.user("a");
    let group = server.group("Tour Guides", &[&user]);
    let reply = server.get(&format!("/Users/{user}")).is(200);
    assert_eq!(
        reply.body["groups"],
        json!([{"value": group, "$ref": format!("{BASE}/Groups/{group}"),
            "display": "Tour Guides", "type": "direct"}])
    );
}

#[test]
fn r43_4_1_2_11_groups_change_through_groups_alone() {
    let server = server();
    let path = format!("/Users/{}", server.user("a"));
    let group = server.group("g", &[]);
    server
        .patch(&path, json!([{"op": "add", "path": "groups", "value": [{"value": group}]}]))
        .fails(400, "mutability");
    assert!(server.members(&group).is_empty());
}

#[test]
fn w30_groups_are_direct_and_indirect_and_may_go_in_circles() {
    let server = server();
    let user = server.user("a");
    let inner = server.group("inner", &[&user]);
    let outer = server.group("outer", &[&inner]);
    let both = server.group("both", &[&outer, &user]);
    server
        .patch(
            &format!("/Groups/{inner}"),
            json!([{"op": "add", "path": "members", "value": [{"value": outer}, {"value": inner}]}]),
        )
        .is(200);
    let direct = |id: &str| (id.to_owned(), "direct".to_owned());
    let indirect = |id: &str| (id.to_owned(), "indirect".to_owned());
    assert_eq!(groups_of(&server, &user), [direct(&inner), direct(&both), indirect(&outer)]);
    let found = server.filter("/Users", &format!(r#"groups.value eq "{outer}""#)).is(200);
    assert_eq!(found.ids(), [&user]);
}

#[test]
fn w31_members_show_type_and_name_of_what_they_are() {
    // Also w19.
    let server = server();
    let body = json!({"schemas": [USER], "userName": "a", "displayName": "Anna"});
    let user = server.post("/Users", body).is(201).id().to_owned();
    let inner = server.group("inner", &[]);
    let group = server.group("g", &[&user, &inner, "nobody"]);
    let reply = server.get(&format!("/Groups/{group}")).is(200);
    assert_eq!(
        reply.body["members"],
        json!([
            {"value": user, "type": "User", "display": "Anna",
                "$ref": format!("{BASE}/Users/{user}")},
            {"value": inner, "type": "Group", "display": "inner",
                "$ref": format!("{BASE}/Groups/{inner}")},
            {"value": "nobody", "type": "User", "$ref": format!("{BASE}/Users/nobody")},
        ])
    );
    let renamed = json!([{"op": "replace", "path": "displayName", "value": "Ann"}]);
    server.patch(&format!("/Users/{user}"), renamed).is(200);
    let reply = server.get(&format!("/Groups/{group}")).is(200);
    assert_eq!(reply.body["members"][0]["display"], "Ann");
}

#[test]
fn w31_a_member_without_a_name_of_its_own_is_shown_as_it_was_written() {
    let server = server();
    let user = server.user("a");
    let group = server.group("g", &[]);
    let member = json!([{"op": "add", "path": "members",
        "value": [{"value": user, "display": "Anna"}]}]);
    let shown = |reply: Reply| reply.is(200).body["members"][0]["display"].clone();
    assert_eq!(shown(server.patch(&format!("/Groups/{group}"), member)), "Anna");
    let named = json!([{"op": "add", "path": "displayName", "value": "Ann"}]);
    server.patch(&format!("/Users/{user}"), named).is(200);
    assert_eq!(shown(server.get(&format!("/Groups/{group}"))), "Ann");
}

#[test]
fn w19_a_ref_alone_names_a_member_and_a_contradiction_is_refused() {
    let server = server();
    let user = server.user("a");
    let body = |member: Value| json!({"schemas": [GROUP], "displayName": "g", "members": [member]});
    let reply = server.post("/Groups", body(json!({"$ref": format!("../Users/{user}")}))).is(201);
    assert_eq!(reply.body["members"][0]["value"], user);
    let wrong = json!({"value": user, "$ref": format!("{BASE}/Users/other")});
    server.post("/Groups", body(wrong)).fails(400, "invalidValue");
}

#[test]
fn p15_the_same_members_are_no_change_however_they_are_written() {
    let server = server();
    let (a, b) = (server.user("a"), server.user("b"));
    let path = format!("/Groups/{}", server.group("g", &[&a, &b, "nobody"]));
    let before = server.get(&path).is(200);
    server.clock.advance(1000);
    let same = json!([{"value": b}, {"value": "nobody"}, {"value": a, "display": "Anna"}]);
    let rename = json!({"op": "replace", "path": "displayName", "value": "g"});
    let other_type = json!([{"value": a, "type": "Group"}, {"value": "nobody", "type": "Group"}]);
    let add = json!({"op": "add", "path": "members", "value": other_type});
    for operations in [
        json!([{"op": "replace", "path": "members", "value": same}]),
        json!([{"op": "replace", "value": {"members": same}}]),
        json!([add]),
        json!([add, rename]),
    ] {
        let reply = server.patch(&path, operations).is(200);
        assert_eq!(reply.version(), before.version());
        assert_eq!(server.get(&path).body, before.body);
    }
    let shown = server.get(&path).body["members"].clone();
    let rename = json!({"op": "replace", "path": "displayName", "value": "h"});
    let reply = server.patch(&path, json!([add, rename])).is(200);
    assert_ne!(reply.version(), before.version());
    assert_eq!(reply.body["members"], shown);
}

#[test]
fn p15_the_same_manager_is_no_change() {
    let server = server();
    let boss = server
        .post(
            "/Users",
            json!({"schemas": [USER], "userName": "m",
        "displayName": "Max"}),
        )
        .is(201)
        .id()
        .to_owned();
    let body = json!({"schemas": [USER, ENTERPRISE], "userName": "a",
        ENTERPRISE: {"manager": {"value": boss}}});
    let path = format!("/Users/{}", server.post("/Users", body).is(201).id());
    let before = server.get(&path).version();
    let manager = format!("{ENTERPRISE}:manager");
    for op in ["add", "replace"] {
        let operation = json!({"op": op, "path": manager, "value": {"value": boss}});
        assert_eq!(server.patch(&path, json!([operation])).is(200).version(), before);
    }
}

#[test]
fn w19_a_ref_of_another_service_is_no_id_here() {
    let server = server();
    let (a, boss) = (server.user("a"), server.user("boss"));
    let group =
        |members: Value| json!({"schemas": [GROUP], "displayName": "g", "members": members});
    let path = format!("/Groups/{}", server.group("g", &[]));
    let user = format!("/Users/{a}");
    let foreign = [
        format!("https://elsewhere.example/scim/v2/Users/{a}"),
        format!("{BASE}/deeper/Users/{a}"),
        format!("//elsewhere.example/scim/v2/Users/{a}"),
        format!("{BASE}/Nothing/{a}"),
        format!("urn:foo:{a}"),
    ];
    for uri in &foreign {
        let members = json!([{"value": boss}, {"$ref": uri}]);
        let patch = |operation: Value| {
            server
                .patch(&path, json!([operation]))
                .fails(400, "invalidValue")
                .naming("Operations[0]")
        };
        server
            .post("/Groups", group(members.clone()))
            .fails(400, "invalidValue")
            .naming("`members[1].$ref`");
        server
            .put(&path, group(members.clone()))
            .fails(400, "invalidValue")
            .naming("`members[1].$ref`");
        patch(json!({"op": "add", "path": "members", "value": members}))
            .naming("`members[1].$ref`");
        patch(json!({"op": "add", "value": {"members": members}})).naming("`members[1].$ref`");
        patch(json!({"op": "add", "value": {GROUP: {"members": members}}}))
            .naming("`members[1].$ref`");
    }
    let manager = format!("{ENTERPRISE}:manager");
    for uri in foreign.iter().chain([&format!("{BASE}/Groups/{a}")]) {
        for operation in [
            json!({"op": "add", "path": manager, "value": {"$ref": uri}}),
            json!({"op": "add", "path": format!("{manager}.$ref"), "value": uri}),
            json!({"op": "add", "value": {ENTERPRISE: {"manager": {"$REF": uri}}}}),
            json!({"op": "add", "value": {format!("{manager}.$ref"): uri}}),
        ] {
            let reply = server.patch(&user, json!([operation])).fails(400, "invalidValue");
            reply.naming(&format!("`{manager}.$ref`"));
        }
    }
    let escaped =
        format!(r#"{{"displayName": "g", "members": [{{"\u0024ref": "{}"}}]}}"#, foreign[0]);
    let headers = [("content-type", "application/scim+json")];
    let reply = server.call("PUT", &path, &headers, escaped.as_bytes());
    assert_eq!(reply.is(400).body["scimType"], "invalidValue");
    assert!(server.members(&path["/Groups/".len()..]).is_empty());

    // Ours, however it is written; and beside a `value`, that counts.
    for member in [
        json!({"$ref": format!("{BASE}/Users/{a}?attributes=id")}),
        json!({"$ref": format!("{}/Users/{a}/", BASE.replace("https://example", "HTTPS://EXAMPLE"))}),
        json!({"$ref": format!("../Users/{a}")}),
        json!({"$ref": format!("/scim/v2/Users/{a}")}),
        json!({"$ref": a}),
        json!({"value": a, "$ref": foreign[0]}),
    ] {
        let reply = server.put(&path, group(json!([member]))).is(200);
        assert_eq!(reply.body["members"][0]["value"], a);
    }
    let to = json!([{"op": "add", "path": format!("{manager}.$ref"),
        "value": format!("{BASE}/Users/{boss}")}]);
    assert_eq!(server.patch(&user, to).is(200).body[ENTERPRISE]["manager"]["value"], boss);
}

#[test]
fn w19_what_get_shows_can_be_put() {
    let server = server();
    let path = format!("/Groups/{}", server.group("g", &["a b", "c/d", "\u{e9}"]));
    let shown = server.get(&path).is(200);
    assert_eq!(shown.body["members"][0]["$ref"], format!("{BASE}/Users/a%20b"));
    let put = server.put(&path, shown.body.clone()).is(200);
    assert_eq!(put.version(), shown.version());
    assert_eq!(server.members(&path["/Groups/".len()..]), ["a b", "c/d", "\u{e9}"]);
}

#[test]
fn w35_a_manager_is_named_by_its_value_and_shown_with_its_name() {
    let server = server();
    let body = json!({"schemas": [USER], "userName": "m", "displayName": "Max"});
    let manager = server.post("/Users", body).is(201).id().to_owned();
    let body = json!({"schemas": [USER, ENTERPRISE], "userName": "a",
        ENTERPRISE: {"manager": {"value": manager}}});
    let reply = server.post("/Users", body).is(201);
    let path = format!("/Users/{}", reply.id());
    assert_eq!(
        reply.body[ENTERPRISE]["manager"],
        json!({"value": manager, "$ref": format!("{BASE}/Users/{manager}"), "displayName": "Max"})
    );
    let clear = json!([{"op": "remove", "path": format!("{ENTERPRISE}:manager")}]);
    assert_eq!(server.patch(&path, clear).is(200).body.get(ENTERPRISE), None);
}

#[test]
fn w24_members_are_a_set() {
    let server = server();
    let (a, b) = (server.user("a"), server.user("b"));
    let group = server.group("g", &[&a, &b, &a]);
    let members = server.members(&group);
    assert_eq!(members.len(), 2);
    assert!(members.contains(&a) && members.contains(&b));
    let before = server.get(&format!("/Groups/{group}")).version();
    let again = json!([{"op": "add", "path": "members", "value": [{"value": b}, {"value": a}]}]);
    let reply = server.patch(&format!("/Groups/{group}"), again).is(200);
    assert_eq!(reply.version(), before);
    assert_eq!(server.members(&group), members);
}

#[test]
fn w29_a_membership_moves_the_group_and_not_the_user() {
    let server = server();
    let user = server.user("a");
    let group = server.group("g", &[]);
    let user_before = server.get(&format!("/Users/{user}")).version();
    let group_before = server.get(&format!("/Groups/{group}")).version();
    let add = json!([{"op": "add", "path": "members", "value": [{"value": user}]}]);
    let reply = server.patch(&format!("/Groups/{group}"), add).is(200);
    assert_ne!(reply.version(), group_before);
    assert_eq!(server.get(&format!("/Users/{user}")).version(), user_before);
}

#[test]
fn p37_named_members_come_and_go_in_one_request() {
    let server = server();
    let users: Vec<_> = (0..5).map(|i| server.user(&format!("u{i}"))).collect();
    let group = server.group("g", &[&users[0], &users[1], &users[2]]);
    let path = format!("/Groups/{group}");
    let operations = json!([
        {"op": "remove", "path": format!("members[value eq \"{}\"]", users[1])},
        {"op": "add", "path": "members", "value": [{"value": users[3]}]},
        {"op": "add", "path": "members", "value": {"value": users[4]}},
        {"op": "remove", "path": "members[value eq \"nobody\"]"},
    ]);
    server.patch(&path, operations).is(200);
    let expected = [0, 2, 3, 4].map(|i| users[i].clone());
    assert_eq!(server.members(&group), expected);
    // Together with something else it is the same.
    let operations = json!([
        {"op": "replace", "path": "displayName", "value": "h"},
        {"op": "remove", "path": format!("members[value eq \"{}\"]", users[0])},
    ]);
    let reply = server.patch(&path, operations).is(200);
    assert_eq!(reply.body["displayName"], "h");
    assert_eq!(server.members(&group), expected[1..]);
}

#[test]
fn p37_a_rename_leaves_the_members_alone() {
    let server = server();
    let user = server.user("a");
    let group = server.group("g", &[&user]);
    let path = format!("/Groups/{group}?excludedAttributes=members");
    let reply = server
        .patch(&path, json!([{"op": "replace", "path": "displayName", "value": "h"}]))
        .is(200);
    assert_eq!(reply.body.get("members"), None);
    assert_eq!(reply.body["displayName"], "h");
    assert_eq!(server.members(&group), [user]);
}

#[test]
fn members_are_replaced_by_put_and_by_patch() {
    let server = server();
    let (a, b, c) = (server.user("a"), server.user("b"), server.user("c"));
    let group = server.group("g", &[&a, &b]);
    let path = format!("/Groups/{group}");
    let body = json!({"schemas": [GROUP], "displayName": "g", "members": [{"value": c}]});
    server.put(&path, body).is(200);
    assert_eq!(server.members(&group), std::slice::from_ref(&c));
    assert!(groups_of(&server, &a).is_empty());
    let replace = json!([{"op": "replace", "path": "members", "value": [{"value": a}]}]);
    server.patch(&path, replace).is(200);
    assert_eq!(server.members(&group), std::slice::from_ref(&a));
    assert!(groups_of(&server, &c).is_empty());
    server.patch(&path, json!([{"op": "remove", "path": "members"}])).is(200);
    assert!(server.members(&group).is_empty());
}

#[test]
fn groups_are_found_by_member() {
    let server = server();
    let (a, b) = (server.user("a"), server.user("b"));
    let one = server.group("one", &[&a, &b]);
    let two = server.group("two", &[&b]);
    let ids = |filter: &str| {
        server
            .filter("/Groups", filter)
            .is(200)
            .ids()
            .iter()
            .map(|s| s.to_string())
            .collect::<Vec<_>>()
    };
    assert_eq!(ids(&format!(r#"members.value eq "{a}""#)), std::slice::from_ref(&one));
    assert_eq!(ids(&format!(r#"members eq "{b}""#)), [one.clone(), two.clone()]);
    assert_eq!(ids(&format!(r#"id eq "{two}" and members eq "{b}""#)), std::slice::from_ref(&two));
    assert_eq!(ids(&format!(r#"id eq "{two}" and members eq "{a}""#)), Vec::<String>::new());
    assert_eq!(ids(&format!(r#"members[value eq "{a}"]"#)), [one]);
}

#[test]
fn f06_f23_references_are_compared_as_locations() {
    let server = server();
    let (a, b) = (server.user("a"), server.user("b"));
    let one = server.group("one", &[&a]);
    let two = server.group("two", &[&b]);
    let check = |filter: String, expected: &[&str]| {
        assert_eq!(server.filter("/Groups", &filter).is(200).ids(), expected, "{filter}");
    };
    check(format!(r#"members.$ref eq "{BASE}/Users/{a}""#), &[&one]);
    check(format!(r#"members.$ref eq "../Users/{a}""#), &[&one]);
    check(format!(r#"members[$ref eq "{BASE}/Users/{b}"]"#), &[&two]);
    check(format!(r#"not (members.$ref eq "{BASE}/Users/{b}")"#), &[&one]);
    check(format!(r#"members.$ref eq "https://elsewhere/Users/{a}""#), &[]);
    for elsewhere in ["https://elsewhere", &format!("{BASE}evil"), &format!("{BASE}/deeper"), "x/y"]
    {
        check(format!(r#"members.$ref eq "{elsewhere}/Users/{a}""#), &[]);
        check(format!(r#"meta.location eq "{elsewhere}/Groups/{two}""#), &[]);
        check(format!(r#"meta.location ne "{elsewhere}/Groups/{two}""#), &[&one, &two]);
        check(format!(r#"meta[location eq "{elsewhere}/Groups/{two}"]"#), &[]);
    }
    for same in [BASE.to_uppercase().replace("/SCIM/V2", "/scim/v2"), BASE.replace("v2", "v1")] {
        check(format!(r#"members.$ref eq "{same}/Users/{a}""#), &[&one]);
        check(format!(r#"meta.location eq "{same}/Groups/{two}""#), &[&two]);
    }
    for relative in ["..", "", "v2", "/scim/v2"] {
        check(format!(r#"members.$ref eq "{relative}/Users/{a}""#), &[&one]);
        check(format!(r#"meta[location eq "{relative}/Groups/{two}"]"#), &[&two]);
    }
    check(format!(r#"meta.location eq "{BASE}/Users/{two}""#), &[]);
    check("members.$ref pr".to_owned(), &[&one, &two]);
    check(format!(r#"meta.location eq "{BASE}/Groups/{two}""#), &[&two]);
    for filter in [r#"members.$ref sw "https""#, r#"meta.location co "Groups""#] {
        server.filter("/Groups", filter).fails(400, "invalidFilter");
    }
}

#[test]
fn f23_a_reference_names_its_endpoint_too() {
    let server = server();
    let a = server.user("a");
    let (inner, empty) = (server.group("inner", &[]), server.group("empty", &[]));
    let one = server.group("one", &[&a, &inner]);
    let two = server.group("two", &[&inner]);
    let check = |filter: String, expected: &[&str]| {
        let mut expected = expected.to_vec();
        expected.sort_unstable();
        let found = server.filter("/Groups", &filter).is(200);
        let mut found = found.ids();
        found.sort_unstable();
        assert_eq!(found, expected, "{filter}");
    };
    check(format!(r#"members.$ref eq "{BASE}/Users/{a}""#), &[&one]);
    check(format!(r#"members.$ref eq "{BASE}/Groups/{a}""#), &[]);
    check(format!(r#"members[$ref eq "{BASE}/Groups/{a}"]"#), &[]);
    check(format!(r#"members.$ref eq "{BASE}/Groups/{inner}""#), &[&one, &two]);
    check(format!(r#"members.$ref eq "{BASE}/Users/{inner}""#), &[]);
    // `ne` asks for an element that differs, and a group without members has none that is equal.
    check(format!(r#"members.$ref ne "{BASE}/Groups/{inner}""#), &[&one, &inner, &empty]);
    check(format!(r#"members.$ref ne "{BASE}/Users/{inner}""#), &[&one, &two, &inner, &empty]);
    check(format!(r#"members[$ref ne "{BASE}/Groups/{inner}"]"#), &[&one]);
    check(format!(r#"members[$ref ne "{BASE}/Users/{inner}"]"#), &[&one, &two]);
    let mut setup = Setup::default();
    setup.policy.filter.ne = scim2_core::policy::NotEqual::Universal;
    let server = setup.server();
    let a = server.user("a");
    let (one, two) = (server.group("one", &[&a]), server.group("two", &[&a, "other"]));
    for (endpoint, expected) in [("Users", vec![]), ("Groups", vec![one.as_str(), two.as_str()])] {
        let filter = format!(r#"members.$ref ne "{BASE}/{endpoint}/{a}""#);
        assert_eq!(server.filter("/Groups", &filter).is(200).ids(), expected);
    }
}

#[test]
fn f23_a_manager_is_a_user() {
    let server = server();
    let boss = server.user("boss");
    let body = json!({"schemas": [USER, ENTERPRISE], "userName": "a",
        ENTERPRISE: {"manager": {"value": boss}}});
    let a = server.post("/Users", body).is(201).id().to_owned();
    let ids = |filter: String| {
        let found = server.filter("/Users", &filter).is(200);
        found.ids().into_iter().map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(ids(format!(r#"{ENTERPRISE}:manager.$ref eq "{BASE}/Users/{boss}""#)), [&*a]);
    assert!(ids(format!(r#"{ENTERPRISE}:manager.$ref eq "{BASE}/Groups/{boss}""#)).is_empty());
    assert_eq!(ids(format!(r#"{ENTERPRISE}:manager[$ref eq "../Users/{boss}"]"#)), [&*a]);
}

#[test]
fn p21_f23_a_member_named_by_its_ref_is_removed() {
    let server = server();
    let (a, b) = (server.user("a"), server.user("b"));
    let group = server.group("g", &[&a, &b]);
    let path = format!("/Groups/{group}");
    let remove = |reference: String| {
        let filter = format!(r#"members[$ref eq "{reference}"]"#);
        let before = server.get(&path).version();
        server.patch(&path, json!([{"op": "remove", "path": filter}])).is(200).version() != before
    };
    assert!(!remove(format!("{BASE}/Groups/{a}")), "it is a user");
    assert!(!remove(format!("https://elsewhere.example/scim/v2/Users/{a}")));
    assert_eq!(server.members(&group), [a.clone(), b.clone()]);
    assert!(remove(format!("{BASE}/Users/{a}")));
    assert_eq!(server.members(&group), std::slice::from_ref(&b));
    assert!(remove(format!("../Users/{b}")));
    assert!(server.members(&group).is_empty());
    let ordered = json!([{"op": "remove", "path": r#"members[$ref sw "https"]"#}]);
    server.patch(&path, ordered).fails(400, "invalidFilter").naming("$ref");
}

#[test]
fn p09_f23_a_member_named_by_its_ref_is_replaced_or_is_no_target() {
    let server = server();
    let (a, b) = (server.user("a"), server.user("b"));
    let group = server.group("g", &[&a]);
    let path = format!("/Groups/{group}");
    let replace = |reference: String, id: &str| {
        let filter = format!(r#"members[$ref eq "{reference}"]"#);
        let value = json!({"value": id});
        server.patch(&path, json!([{"op": "replace", "path": filter, "value": value}]))
    };
    replace(format!("{BASE}/Groups/{a}"), &a).fails(400, "noTarget");
    replace(format!("{BASE}/Users/{b}"), &b).fails(400, "noTarget");
    replace(format!("{BASE}/Users/{a}"), &a).is(200);
    assert_eq!(server.members(&group), [a]);
}

#[test]
fn w28_a_patch_without_content_says_where_the_resource_is() {
    #[derive(Debug)]
    struct Terse;
    impl scim2_core::rules::EndpointRules for Terse {
        fn patch_answer(&self, _: &scim2_core::ResourceType) -> scim2_core::rules::PatchAnswer {
            scim2_core::rules::PatchAnswer::NoContent
        }
    }
    let location = |server: Server, members: usize| {
        let ids: Vec<String> = (0..members).map(|i| server.user(&format!("u{i}"))).collect();
        let path = format!("/Groups/{}", server.group("g", &[]));
        let value: Vec<_> = ids.iter().map(|id| json!({"value": id})).collect();
        let reply = server.patch(&path, json!([{"op": "add", "path": "members", "value": value}]));
        assert_eq!(reply.is(204).header("location"), Some(&*format!("{BASE}{path}")));
    };
    location(Setup::rules(Terse).server(), 1);
    location(Setup::config(|config| config.max_members = 2).server(), 3);
}

#[test]
fn a_member_without_value_is_refused() {
    let server = server();
    let body = |member: Value| json!({"schemas": [GROUP], "displayName": "g", "members": [member]});
    for member in [json!({"display": "x"}), json!({"value": "", "display": "x"})] {
        server.post("/Groups", body(member.clone())).fails(400, "invalidValue").naming("members");
        let path = format!("/Groups/{}", server.group("g", &["m"]));
        server.put(&path, body(member.clone())).fails(400, "invalidValue");
        let add = json!([{"op": "add", "path": "members", "value": [member]}]);
        server.patch(&path, add).fails(400, "invalidValue");
        assert_eq!(server.get(&path).body["members"].as_array().unwrap().len(), 1);
    }
}

#[test]
fn r43_2_3_7_04_every_reference_can_be_followed() {
    let server = server();
    let boss = server.user("boss");
    let body = json!({"schemas": [USER, ENTERPRISE], "userName": "a",
        ENTERPRISE: {"manager": {"value": boss}}});
    let user = server.post("/Users", body).is(201).id().to_owned();
    let inner = server.group("inner", &[&user]);
    let outer = server.group("outer", &[&user, &inner]);
    let mut found = 0;
    for path in [format!("/Groups/{outer}"), format!("/Users/{user}")] {
        let body = server.get(&path).is(200).body;
        let lists = ["members", "groups"].iter().filter_map(|name| body[*name].as_array());
        let manager = body.get(ENTERPRISE).map(|extension| &extension["manager"]);
        for reference in lists.flatten().chain(manager) {
            let path = reference["$ref"].as_str().unwrap().strip_prefix(BASE).unwrap();
            assert_eq!(server.get(path).is(200).id(), reference["value"]);
            found += 1;
        }
    }
    assert_eq!(found, 5);
    // One that leads nowhere has the status for it.
    let group = server.group("g", &["nobody"]);
    let member = server.get(&format!("/Groups/{group}")).body["members"][0].clone();
    server.get(member["$ref"].as_str().unwrap().strip_prefix(BASE).unwrap()).is(404);
}

#[test]
fn r43_2_3_7_05_references_to_nobody_are_taken() {
    // It MAY be refused; members often arrive before the users that they name.
    let server = server();
    let group = server.group("g", &["nobody"]);
    assert_eq!(server.members(&group), ["nobody"]);
    let body = json!({"schemas": [USER, ENTERPRISE], "userName": "a",
        ENTERPRISE: {"manager": {"value": "nobody"}}});
    let reply = server.post("/Users", body).is(201);
    assert_eq!(reply.body[ENTERPRISE]["manager"]["value"], "nobody");
}

#[test]
fn r43_4_1_2_12_groups_are_direct_or_indirect() {
    let server = server();
    let user = server.user("a");
    let inner = server.group("inner", &[&user]);
    let outer = server.group("outer", &[&inner]);
    let of = |group: &str, kind: &str| (group.to_owned(), kind.to_owned());
    assert_eq!(groups_of(&server, &user), [of(&inner, "direct"), of(&outer, "indirect")]);
    let found = server.filter("/Users", r#"groups[type eq "indirect"]"#).is(200);
    assert_eq!(found.ids(), [&user]);
}

#[test]
fn r43_4_2_03_a_member_is_an_id_and_where_to_find_it() {
    let server = server();
    let (user, inner) = (server.user("a"), server.group("inner", &[]));
    let group = server.group("g", &[&user, &inner]);
    let members = server.get(&format!("/Groups/{group}")).is(200).body["members"].clone();
    let expected = [("Users", &user), ("Groups", &inner)];
    for (member, (endpoint, id)) in members.as_array().unwrap().iter().zip(expected) {
        assert_eq!(member["value"], **id);
        assert_eq!(member["$ref"], format!("{BASE}/{endpoint}/{id}"));
    }
}
