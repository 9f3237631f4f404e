//! Hostile requests: a bounded, correct answer, nothing stored, and no more memory than the
//! request itself is worth.

use serde_json::json;

use crate::support::*;

fn user_open() -> &'static [u8] {
    br#"{"schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"], "userName": ""#
}

/// Bodies that are large, deep, wide or no text, each under the limit of a body.
fn bodies() -> Vec<(&'static str, Vec<u8>)> {
    let user = |rest: String| format!(r#"{{"schemas": ["{USER}"], "userName": "a", {rest}}}"#);
    let many = |element: &str, number: usize| vec![element; number].join(",");
    let keys =
        |number: usize| (0..number).map(|i| format!("\"k{i}\": 1")).collect::<Vec<_>>().join(",");
    let text = |text: String| text.into_bytes();
    vec![
        ("open brackets", text("[".repeat(1 << 18))),
        ("open braces", text("{\"a\":".repeat(40_000))),
        ("deep value", text(user(format!("\"x\": {}{}", "[".repeat(99_999), "]".repeat(99_999))))),
        (
            "deep known",
            text(user(format!("\"name\": {}1{}", "{\"a\":".repeat(5000), "}".repeat(5000)))),
        ),
        ("unknown keys", text(user(keys(10_000)))),
        ("wide unknown array", text(user(format!("\"x\": [{}]", many("1", 100_000))))),
        ("numbers in emails", text(user(format!("\"emails\": [{}]", many("1", 100_000))))),
        ("long number", text(user(format!("\"x\": {}", "9".repeat(200_000))))),
        ("large exponent", text(user("\"x\": 1e999999999".into()))),
        ("long key", text(user(format!("\"{}\": 1", "k".repeat(200_000))))),
        ("escapes", text(user(format!("\"title\": \"{}", "\\u0041".repeat(30_000))))),
        ("lone surrogates", text(user("\"title\": \"\\ud800\"".into()))),
        ("control", text(user("\"title\": \"a\u{1}b\"".into()))),
        ("raw NUL", text(user("\"title\": \"a\u{0}b\"".into()))),
        ("only NUL", vec![0; 1 << 18]),
        ("bad UTF-8", [b"{\"userName\": \"".as_slice(), &[0xFF; 1000], b"\"}"].concat()),
        ("overlong UTF-8", [user_open(), b"\xC0\xAF\"}"].concat()),
        (
            "UTF-16",
            user("\"title\": \"x\"".into()).encode_utf16().flat_map(u16::to_le_bytes).collect(),
        ),
        ("white space", vec![b' '; 1 << 18]),
        ("two documents", text(format!("{0}{0}", user("\"title\": \"x\"".into())))),
        ("same key again", text(user(many("\"title\": \"x\"", 10_000)))),
    ]
}

#[test]
fn sec_19_hostile_bodies_are_400_and_leave_nothing() {
    let server = server();
    let kept = format!("/Users/{}", server.user("kept"));
    let before = server.get(&kept).body;
    for (name, body) in bodies() {
        for (method, path) in [
            ("POST", "/Users"),
            ("PUT", kept.as_str()),
            ("PATCH", kept.as_str()),
            ("POST", "/Users/.search"),
        ] {
            let reply = server.call(method, path, &[], &body);
            assert_eq!(reply.status, 400, "{name} {method}: {}", reply.body);
            assert_eq!(reply.body["schemas"], json!([ERROR]), "{name}");
            let detail = reply.body["detail"].as_str().unwrap();
            assert!(detail.len() < 1000, "{name}: an error repeats no body");
        }
    }
    assert_eq!(server.total("/Users"), 1);
    assert_eq!(server.get(&kept).body, before);
}

#[test]
fn sec_19_a_key_that_comes_twice_is_refused_wherever_it_is() {
    let server = server();
    let path = format!("/Users/{}", server.user("kept"));
    let user = |rest: &str| format!(r#"{{"schemas": ["{USER}", "{ENTERPRISE}"], {rest}}}"#);
    for body in [
        user(r#""userName": "a", "userName": "b""#),
        user(r#""userName": "a", "username": "b""#),
        user(r#""userName": "a", "user\u004eame": "b""#),
        user(r#""userName": "a", "name": {"givenName": "x", "GIVENNAME": "y"}"#),
        user(r#""userName": "a", "emails": [{"value": "x", "Value": "y"}]"#),
        user(&format!(
            r#""userName": "a", "{ENTERPRISE}": {{}}, "{}": {{}}"#,
            ENTERPRISE.to_uppercase()
        )),
        user(&format!(
            r#""userName": "a", "{ENTERPRISE}": {{"department": "x", "Department": "y"}}"#
        )),
        user(&format!(r#""userName": "a", "SCHEMAS": ["{USER}"]"#)),
    ] {
        server.call("POST", "/Users", &[], body.as_bytes()).fails(400, "invalidSyntax");
        server.call("PUT", &path, &[], body.as_bytes()).fails(400, "invalidSyntax");
    }
    let patch = |rest: &str| format!(r#"{{"schemas": ["{PATCH_OP}"], {rest}}}"#);
    for body in [
        patch(r#""Operations": [], "operations": [{"op": "remove", "path": "title"}]"#),
        patch(r#""Operations": [{"op": "add", "OP": "remove", "path": "title", "value": "x"}]"#),
        patch(r#""Operations": [{"op": "remove", "path": "title", "Path": "userName"}]"#),
    ] {
        server.call("PATCH", &path, &[], body.as_bytes()).fails(400, "invalidSyntax");
    }
    let search = format!(r#"{{"schemas": ["{SEARCH}"], "filter": "id pr", "Filter": "title pr"}}"#);
    server.call("POST", "/Users/.search", &[], search.as_bytes()).fails(400, "invalidSyntax");
    assert_eq!(server.total("/Users"), 1);
}

#[test]
fn sec_17_a_group_of_ten_thousand_is_taken_whole_and_changed_by_one() {
    let server = server();
    let members: Vec<_> = (0..10_000).map(|i| json!({"value": format!("member-{i}")})).collect();
    let body = json!({"schemas": [GROUP], "displayName": "g", "members": members});
    let path = format!("/Groups/{}", server.post("/Groups", body).is(201).id());
    let remove = json!([{"op": "remove", "path": "members[value eq \"member-77\"]"}]);
    server.patch(&format!("{path}?attributes=id"), remove).is(200);
    let members = server.members(path.rsplit('/').next().unwrap());
    assert_eq!(members.len(), 9_999);
    assert!(!members.contains(&"member-77".to_owned()));
}

#[test]
fn sec_09_hostile_requests_fit_a_small_stack() {
    let attack = || {
        let server = server();
        let path = format!("/Users/{}", server.user("kept"));
        for (_, body) in bodies() {
            server.call("POST", "/Users", &[], &body).is(400);
            server.call("PATCH", &path, &[], &body).is(400);
        }
        let deep = |open: &str, close: &str| {
            format!("{}userName pr{}", open.repeat(800), close.repeat(800))
        };
        let filters = [
            deep("(", ")"),
            deep("not (", ")"),
            deep("(", ""),
            "not (".repeat(1500),
            "a[".repeat(3000),
            "a.".repeat(3000),
            vec!["userName pr"; 600].join(" and "),
            vec!["(userName pr"; 600].join(" or "),
        ];
        for filter in &filters {
            server.filter("/Users", filter).fails(400, "invalidFilter");
            let search = json!({"schemas": [SEARCH], "filter": filter});
            server.post("/Users/.search", search).fails(400, "invalidFilter");
            let value_path = format!("emails[{filter}].value");
            let operations = json!([{"op": "replace", "path": value_path, "value": "x"}]);
            assert_eq!(server.patch(&path, operations).status, 400);
            assert_eq!(server.get(&format!("/Users?sortBy={}", "a.".repeat(2000))).status, 400);
            assert_eq!(server.get(&format!("/Users?attributes={}", "a.".repeat(2000))).status, 400);
        }
        assert_eq!(server.total("/Users"), 1);
    };
    let thread = std::thread::Builder::new().stack_size(SMALL_STACK).spawn(attack).unwrap();
    thread.join().unwrap();
}

/// Twice what ordinary requests need without optimization: what goes deeper than the limits allow
/// does not fit.
const SMALL_STACK: usize = 256 * 1024;

#[test]
fn a_flood_of_headers_changes_nothing() {
    let server = server();
    server.user("a");
    let mut request =
        http::Request::get("/Users").header("authorization", format!("Bearer {TOKEN}"));
    for i in 0..5_000 {
        request = request.header(format!("x-flood-{i}"), "v".repeat(100));
        request = request.header("if-none-match", format!("\"{i}\""));
        request = request.header("accept", "application/json;q=0.1, */*;q=0.1");
    }
    let reply = server.send(request.body("".into()).unwrap()).is(200);
    assert_eq!(reply.ids().len(), 1);
}

#[test]
fn what_is_wide_and_legal_is_taken_for_what_it_says() {
    let server = server();
    let mut body = user("a");
    // Values without a sub-attribute are none (ruling W10), and a URN counts once.
    body["emails"] = vec![json!({}); 30_000].into();
    body["schemas"] = vec![json!(USER); 10_000].into();
    let created = server.post("/Users", body).is(201);
    assert_eq!(created.body.get("emails"), None);
    assert_eq!(created.body["schemas"], json!([USER]));
}

/// How much memory a request that is refused takes at most, for each byte of its body: the values
/// of JSON are larger than their text.
const BYTES_PER_BYTE: u64 = 40;
/// What a request takes whatever its body.
const BYTES_PER_REQUEST: u64 = 64 << 10;

#[test]
fn sec_20_memory_is_bounded_by_what_is_sent() {
    let server = server();
    let kept = format!("/Users/{}", server.user("kept"));
    for (name, body) in bodies() {
        for (method, path) in [
            ("POST", "/Users"),
            ("POST", "/Groups"),
            ("POST", "/Users/.search"),
            ("PUT", kept.as_str()),
            ("PATCH", kept.as_str()),
        ] {
            let used = allocation_counter::measure(|| {
                server.call(method, path, &[], &body).is(400);
            });
            let allowed = BYTES_PER_REQUEST + BYTES_PER_BYTE * body.len() as u64;
            assert!(used.bytes_max <= allowed, "{name} {method} {path}: {}", used.bytes_max);
        }
    }
}

#[test]
fn sec_20_what_is_refused_leaves_no_memory_behind() {
    let server = server();
    let round = || {
        for (_, body) in bodies() {
            server.call("POST", "/Users", &[], &body).is(400);
        }
    };
    round();
    let used = allocation_counter::measure(round);
    assert_eq!(used.bytes_current, 0);
}
