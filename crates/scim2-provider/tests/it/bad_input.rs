//! Bad input: the right status, an error that names the fault, and nothing stored.

use serde_json::json;

use crate::support::*;

#[track_caller]
fn refused(body: &[u8]) -> Reply {
    let server = server();
    let reply = server.call("POST", "/Users", &[], body);
    assert_eq!(server.total("/Users"), 0, "nothing is stored");
    let path = format!("/Users/{}", server.user("kept"));
    let before = server.get(&path);
    assert_eq!(server.call("PUT", &path, &[], body).status, reply.status);
    assert_eq!(server.get(&path).body, before.body, "nothing is changed");
    reply
}

#[test]
fn r44_3_12_11_a_body_that_is_no_object_is_invalid_syntax() {
    for body in ["", "{", "[]", "null", "\"x\"", "{\"userName\": \"a\"} x", "{'userName': 1}"] {
        refused(body.as_bytes()).fails(400, "invalidSyntax");
    }
}

#[test]
fn r44_3_8_01_a_body_that_is_not_utf_8_is_invalid_syntax() {
    let body =
        b"{\"schemas\": [\"urn:ietf:params:scim:schemas:core:2.0:User\"], \"userName\": \"\xE9\"}";
    refused(body).fails(400, "invalidSyntax");
}

#[test]
fn r44_3_12_10_a_value_of_the_wrong_type_is_invalid_value() {
    for (name, value) in [
        ("userName", json!(5)),
        ("active", json!("yes")),
        ("emails", json!("a@example.com")),
        ("name", json!(["x"])),
    ] {
        let mut body = user("a");
        body[name] = value;
        let reply = refused(body.to_string().as_bytes());
        if name == "emails" && reply.status == 201 {
            continue;
        }
        reply.fails(400, "invalidValue").naming(name);
    }
}

#[test]
fn w09_a_missing_required_attribute_is_invalid_value() {
    let body = json!({"schemas": [USER]});
    refused(body.to_string().as_bytes()).fails(400, "invalidValue").naming("userName");
    let body = json!({"schemas": [USER], "userName": ""});
    refused(body.to_string().as_bytes()).fails(400, "invalidValue").naming("userName");
}

#[test]
fn w01_missing_schemas_are_invalid_syntax() {
    refused(br#"{"userName": "a"}"#).fails(400, "invalidSyntax").naming("schemas");
    let body = json!({"schemas": [GROUP], "userName": "a"});
    refused(body.to_string().as_bytes()).fails(400, "invalidSyntax");
}

#[test]
fn w03_an_unknown_attribute_is_invalid_syntax() {
    let mut body = user("a");
    body["userNme"] = "x".into();
    refused(body.to_string().as_bytes()).fails(400, "invalidSyntax").naming("userNme");
}

#[test]
fn sec_19_duplicate_keys_are_invalid_syntax() {
    // Also w04 and w05.
    for keys in [("userName", "userName"), ("userName", "USERNAME")] {
        let body = format!(r#"{{"schemas": ["{USER}"], "{}": "a", "{}": "b"}}"#, keys.0, keys.1);
        refused(body.as_bytes()).fails(400, "invalidSyntax");
    }
}

#[test]
fn sec_09_deep_json_is_refused() {
    for depth in [40, 1000, 100_000] {
        let body =
            format!(r#"{{"schemas": ["{USER}"], "userName": "a", "name": {}"#, "[".repeat(depth));
        refused(body.as_bytes()).fails(400, "invalidSyntax");
    }
}

#[test]
fn sec_20_a_body_of_two_megabytes_is_413() {
    let mut body = user("a");
    body["title"] = "x".repeat(2 << 20).into();
    refused(body.to_string().as_bytes()).is(413).naming("1048576");
}

#[test]
fn a_wrong_media_type_is_415_and_nothing_is_stored() {
    let server = server();
    let body = user("a").to_string();
    server.call("POST", "/Users", &[("content-type", "text/xml")], body.as_bytes()).is(415);
    assert_eq!(server.total("/Users"), 0);
}

#[test]
fn a_missing_token_is_401_and_nothing_is_stored() {
    let server = server();
    let request = http::Request::post("/Users").body(user("a").to_string().into()).unwrap();
    server.send(request).is(401);
    assert_eq!(server.total("/Users"), 0);
}

#[test]
fn sec_10_a_filter_that_does_not_parse_lists_nobody() {
    let server = server();
    server.user("a");
    let long = format!("userName eq \"{}\"", "x".repeat(10_000));
    let deep = format!("{}userName pr{}", "(".repeat(200), ")".repeat(200));
    let wide = vec!["userName pr"; 1000].join(" or ");
    for filter in [
        "userName",
        "userName eq",
        "userName eq bjensen",
        "userName like \"x\"",
        "userName eq \"x\" and",
        "(userName eq \"x\"",
        "not userName pr",
        "emails[type eq \"work\"",
        "password eq \"x\"",
        "userName eq \"x\" userName eq \"y\"",
        &long,
        &deep,
        &wide,
    ] {
        let reply = server.filter("/Users", filter).fails(400, "invalidFilter");
        assert_eq!(reply.body.get("Resources"), None);
    }
}

#[test]
fn a_patch_that_is_none_is_refused() {
    let server = server();
    let path = format!("/Users/{}", server.user("a"));
    let before = server.get(&path).body;
    let operation = json!([{"op": "add", "path": "title", "value": "x"}]);
    for body in [
        json!({}),
        json!([]),
        json!({"schemas": [PATCH_OP]}),
        json!({"schemas": [PATCH_OP], "Operations": []}),
        json!({"schemas": [PATCH_OP], "Operations": {"op": "add"}}),
        json!({"schemas": [PATCH_OP], "Operations": [{"op": "move", "path": "title"}]}),
        json!({"schemas": [USER], "Operations": operation}),
        json!({"Operations": operation}),
    ] {
        server.call("PATCH", &path, &[], body.to_string().as_bytes()).fails(400, "invalidSyntax");
    }
    assert_eq!(server.get(&path).body, before);
}
