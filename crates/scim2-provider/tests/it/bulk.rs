//! Several operations in one request (RFC 7644 §3.7; rulings B01 to B12).

use std::sync::Mutex;

use bytes::Bytes;
use http::Request;
use http::request::Parts;
use scim2_core::schema::Schema;
use scim2_core::{Catalog, ResourceType};
use scim2_provider::auth::{Action, AuthError, Principal};
use scim2_provider::{
    Authenticator, BulkLimits, MemoryStore, Offer, RateLimit, Scope, ServiceProvider, TenantId,
};
use serde_json::{Value, json};

use crate::support::*;

const REQUEST: &str = "urn:ietf:params:scim:api:messages:2.0:BulkRequest";
const RESPONSE: &str = "urn:ietf:params:scim:api:messages:2.0:BulkResponse";

fn message(operations: Value) -> Value {
    json!({"schemas": [REQUEST], "Operations": operations})
}

impl Server {
    /// The results of a bulk request that is worked through.
    #[track_caller]
    fn bulk(&self, operations: Value) -> Vec<Value> {
        let reply = self.post("/Bulk", message(operations)).is(200);
        assert_eq!(reply.body["schemas"], json!([RESPONSE]));
        reply.body["Operations"].as_array().expect("results").clone()
    }
}

fn post_user(bulk_id: &str, user_name: &str) -> Value {
    json!({"method": "POST", "path": "/Users", "bulkId": bulk_id, "data": user(user_name)})
}

fn post_group(bulk_id: &str, name: &str, members: &[&str]) -> Value {
    let members: Vec<_> = members.iter().map(|id| json!({"value": id})).collect();
    let data = json!({"schemas": [GROUP], "displayName": name, "members": members});
    json!({"method": "POST", "path": "/Groups", "bulkId": bulk_id, "data": data})
}

fn patch(path: &str, operations: Value) -> Value {
    let data = json!({"schemas": [PATCH_OP], "Operations": operations});
    json!({"method": "PATCH", "path": path, "data": data})
}

fn delete(path: &str) -> Value {
    json!({"method": "DELETE", "path": path})
}

fn statuses(results: &[Value]) -> Vec<&str> {
    results.iter().map(|result| result["status"].as_str().expect("a string")).collect()
}

/// The id at the end of a result's location.
#[track_caller]
fn id(result: &Value) -> &str {
    let location = result["location"].as_str().unwrap_or_else(|| panic!("no location: {result}"));
    location.rsplit('/').next().unwrap()
}

#[track_caller]
fn fails(result: &Value, status: &str, scim_type: &str) {
    assert_eq!(result["status"], status, "{result}");
    assert_eq!(result["response"]["status"], status, "{result}");
    assert_eq!(result["response"]["scimType"], scim_type, "{result}");
    assert_eq!(result["response"]["schemas"], json!([ERROR]));
}

#[test]
fn r44_3_7_01_bulk_that_is_not_offered_is_501_and_says_so() {
    let server = Setup::config(|config| config.bulk = None).server();
    server.post("/Bulk", message(json!([]))).is(501);
    let config = server.get("/ServiceProviderConfig").is(200).body;
    assert_eq!(
        config["bulk"],
        json!({"supported": false, "maxOperations": 0, "maxPayloadSize": 0})
    );
}

#[test]
fn r44_3_7_02_requests_and_responses_have_their_urns() {
    let server = server();
    let reply = server.post("/Bulk", message(json!([]))).is(200);
    assert_eq!(reply.body["schemas"], json!([RESPONSE]));
    server.post("/Bulk", json!({"Operations": []})).fails(400, "invalidSyntax");
    server.post("/Bulk", json!({"schemas": [PATCH_OP], "Operations": []})).is(400);
}

#[test]
fn r44_3_7_03_fail_on_errors_is_the_number_of_errors_that_stops() {
    let run = |limit: Value| {
        let server = server();
        let mut body = message(json!([
            post_user("a", "a"),
            delete("/Users/nobody"),
            post_user("b", "b"),
            delete("/Users/nobody"),
            post_user("c", "c"),
        ]));
        body["failOnErrors"] = limit;
        let reply = server.post("/Bulk", body).is(200);
        let results = reply.body["Operations"].as_array().unwrap().clone();
        assert_eq!(reply.body.get("failOnErrors"), None);
        (results.len(), server.total("/Users"))
    };
    assert_eq!(run(json!(1)), (2, 1));
    assert_eq!(run(json!(2)), (4, 2));
    assert_eq!(run(json!(3)), (5, 3));
    assert_eq!(run(Value::Null), (5, 3));
}

#[test]
fn b02_fail_on_errors_below_one_is_refused() {
    let server = server();
    for limit in [json!(0), json!(-1), json!("1"), json!(1.5)] {
        let mut body = message(json!([post_user("a", "a")]));
        body["failOnErrors"] = limit;
        server.post("/Bulk", body).fails(400, "invalidValue");
    }
    assert_eq!(server.total("/Users"), 0);
}

#[test]
fn r44_3_7_04_the_method_is_one_of_four() {
    let server = server();
    server.post("/Bulk", json!({"schemas": [REQUEST]})).fails(400, "invalidSyntax");
    let results = server.bulk(json!([
        {"method": "GET", "path": "/Users"},
        {"method": "HEAD", "path": "/Users/1"},
        {"path": "/Users/1"},
    ]));
    fails(&results[0], "400", "invalidValue");
    fails(&results[1], "400", "invalidValue");
    fails(&results[2], "400", "invalidSyntax");
}

#[test]
fn r44_3_7_05_a_post_needs_a_bulk_id() {
    let mut operation = json!({"method": "POST", "path": "/Users", "data": user("a")});
    let results = server().bulk(json!([operation]));
    fails(&results[0], "400", "invalidSyntax");
    operation["bulkId"] = "".into();
    let results = server().bulk(json!([operation]));
    fails(&results[0], "400", "invalidSyntax");
}

#[test]
fn b06_a_post_without_bulk_id_is_an_option() {
    let server = Setup::policy(|policy| policy.bulk.post_without_bulk_id = true).server();
    let results = server.bulk(json!([
        {"method": "POST", "path": "/Users", "data": user("a")},
        {"method": "DELETE", "path": "/Users/x", "bulkId": "echoed"},
    ]));
    assert_eq!(statuses(&results), ["201", "404"]);
    assert_eq!(results[0].get("bulkId"), None);
    assert_eq!(results[1]["bulkId"], "echoed");
}

#[test]
fn r44_3_7_06_a_bulk_id_is_used_once() {
    let server = server();
    let results = server.bulk(json!([
        post_group("g", "g", &["bulkId:u"]),
        post_user("u", "first"),
        post_user("u", "second"),
    ]));
    assert_eq!(statuses(&results), ["201", "201", "400"]);
    assert_eq!(server.members(id(&results[0])), [id(&results[1])]);
    assert_eq!(server.total("/Users"), 1);
}

#[test]
fn r44_3_7_07_version_acts_as_if_match() {
    let server = server();
    let user_id = server.user("a");
    let path = format!("/Users/{user_id}");
    let stale = server.get(&path).version();
    server.patch(&path, json!([{"op": "add", "path": "title", "value": "t"}])).is(200);
    let fresh = server.get(&path).version();
    let with = |mut operation: Value, version: &str| {
        operation["version"] = version.into();
        operation
    };
    let put = json!({"method": "PUT", "path": path, "data": user("b")});
    let change = patch(&path, json!([{"op": "add", "path": "title", "value": "x"}]));
    let results = server.bulk(json!([
        with(put.clone(), &stale),
        with(change, &stale),
        with(delete(&path), &stale),
        with(put, &fresh),
        with(delete(&path), &fresh),
    ]));
    assert_eq!(statuses(&results), ["412", "412", "412", "200", "412"]);
    let now = server.get(&path).is(200);
    assert_eq!(now.body["userName"], "b");
    assert_eq!(results[3]["version"], now.version());
}

#[test]
fn b08_a_version_that_has_changed_is_412_and_the_job_goes_on() {
    let server = server();
    let path = format!("/Users/{}", server.user("a"));
    let mut operation = delete(&path);
    operation["version"] = "W/\"other\"".into();
    let results = server.bulk(json!([operation, delete(&path)]));
    assert_eq!(statuses(&results), ["412", "204"]);
}

#[test]
fn r44_3_7_08_post_goes_to_an_endpoint_and_the_rest_to_resources() {
    let server = server();
    let id = server.user("a");
    let results = server.bulk(json!([
        {"method": "POST", "path": format!("/Users/{id}"), "bulkId": "x", "data": user("b")},
        {"method": "PUT", "path": "/Users", "data": user("b")},
        {"method": "PATCH", "path": "/Users", "data": {}},
        {"method": "DELETE", "path": "/Users"},
        {"method": "DELETE"},
    ]));
    assert_eq!(statuses(&results), ["400"; 5]);
    assert_eq!(server.total("/Users"), 1);
}

#[test]
fn b09_paths_are_relative_and_lead_to_resources() {
    let server = server();
    let id = server.user("a");
    let rename = json!([{"op": "add", "path": "title", "value": "t"}]);
    for path in [format!("/Users/{id}"), format!("Users/{id}"), format!("/v2/Users/{id}")] {
        assert_eq!(
            statuses(&server.bulk(json!([patch(&path, rename.clone())]))),
            ["200"],
            "{path}"
        );
    }
    for path in [
        format!("{BASE}/Users/{id}"),
        format!("//Users/{id}"),
        format!("/Users/{id}?attributes=id"),
        "/Me".into(),
        "/Bulk".into(),
        "/Users/.search".into(),
        "/.search".into(),
        "".into(),
        "/".into(),
    ] {
        fails(&server.bulk(json!([delete(&path)]))[0], "400", "invalidValue");
    }
    for (path, status) in [
        (format!("/v1/Users/{id}"), "404"),
        (format!("/users/{id}"), "404"),
        ("/Users/a%2Fb".into(), "404"),
        (format!("/Schemas/{USER}"), "405"),
        ("/ServiceProviderConfig".into(), "405"),
    ] {
        assert_eq!(statuses(&server.bulk(json!([delete(&path)]))), [status], "{path}");
    }
    assert_eq!(server.total("/Users"), 1);
}

#[test]
fn r44_3_7_09_data_is_required_but_for_delete() {
    let server = server();
    let path = format!("/Users/{}", server.user("a"));
    let results = server.bulk(json!([
        {"method": "POST", "path": "/Users", "bulkId": "x"},
        {"method": "PUT", "path": path},
        {"method": "PATCH", "path": path, "data": null},
        {"method": "PUT", "path": path, "data": "text"},
        {"method": "DELETE", "path": path},
    ]));
    for result in &results[..4] {
        fails(result, "400", "invalidSyntax");
    }
    assert_eq!(results[4]["status"], "204");
}

/// One success and one failure of each method.
fn each_method(server: &Server) -> Vec<Value> {
    let [a, b] = ["a", "b"].map(|name| format!("/Users/{}", server.user(name)));
    let title = json!([{"op": "add", "path": "title", "value": "t"}]);
    server.bulk(json!([
        post_user("new", "c"),
        post_user("clash", "a"),
        {"method": "PUT", "path": a, "data": user("a2")},
        {"method": "PUT", "path": "/Users/none", "data": user("x")},
        patch(&a, title.clone()),
        patch("/Users/none", title),
        delete(&b),
        delete("/Users/none"),
    ]))
}

#[test]
fn r44_3_7_10_every_result_but_a_failed_post_has_its_location() {
    let results = each_method(&server());
    let without = results.iter().filter(|result| result.get("location").is_none());
    let without: Vec<_> = without.map(|result| result["bulkId"].clone()).collect();
    assert_eq!(without, ["clash"]);
}

#[test]
fn r44_3_7_3_04_a_failed_put_tells_the_location() {
    let results = each_method(&server());
    assert_eq!(results[3]["status"], "404");
    assert_eq!(results[3]["location"], format!("{BASE}/Users/none"));
    let unreadable = server().bulk(json!([{"method": "PUT", "path": "/Users/x"}]));
    assert_eq!(unreadable[0]["location"], format!("{BASE}/Users/x"));
}

#[test]
fn r44_3_7_11_failures_carry_the_error_and_successes_no_body() {
    let results = each_method(&server());
    for result in &results {
        let failed = result["status"].as_str().unwrap() >= "300";
        assert_eq!(result.get("response").is_some(), failed, "{result}");
    }
    fails(&results[1], "409", "uniqueness");
}

#[test]
fn b11_location_and_response_are_where_they_belong() {
    let server = server();
    let results = each_method(&server);
    assert_eq!(results[0]["location"], format!("{BASE}/Users/{}", id(&results[0])));
    assert_eq!(results[0]["version"], server.get(&format!("/Users/{}", id(&results[0]))).version());
    for at in [3, 5, 7] {
        assert_eq!(results[at]["location"], format!("{BASE}/Users/none"));
        assert!(results[at]["response"].is_object());
    }
    assert_eq!(results[6].get("version"), None);
}

#[test]
fn r44_3_7_12_a_job_in_which_all_fails_is_200() {
    let server = server();
    let results = server.bulk(json!([delete("/Users/x"), delete("/Groups/y")]));
    assert_eq!(statuses(&results), ["404", "404"]);
}

#[test]
fn b03_a_malformed_message_is_400_as_a_whole() {
    let server = server();
    let entry = post_user("a", "a");
    for body in [
        json!([]),
        json!({"schemas": [REQUEST], "Operations": {}}),
        json!({"schemas": [REQUEST], "Operations": [1, entry]}),
        json!({"schemas": [REQUEST], "operations": [entry], "Operations": [entry]}),
    ] {
        server.post("/Bulk", body).fails(400, "invalidSyntax");
    }
    assert_eq!(server.total("/Users"), 0);
}

#[test]
fn r44_3_7_13_work_goes_on_after_a_failure() {
    let server = server();
    let results =
        server.bulk(json!([post_user("a", "a"), post_user("b", "A"), post_user("c", "c")]));
    assert_eq!(statuses(&results), ["201", "409", "201"]);
    assert_eq!(server.total("/Users"), 2);
}

#[test]
fn r44_3_7_14_the_result_of_a_post_repeats_its_bulk_id() {
    let results = server().bulk(json!([post_user("Q w", "a"), post_user("é", "a")]));
    assert_eq!(results[0]["bulkId"], "Q w");
    assert_eq!(results[1]["bulkId"], "é");
}

#[test]
fn r44_3_7_15_a_group_may_come_before_its_user() {
    let server = server();
    let old = server.user("bob");
    let group = server.group("g", &[&old]);
    let path = format!("/Groups/{group}");
    let results = server.bulk(json!([
        // Waits for the new bob, who waits for nobody but comes after the old one is gone.
        patch(&path, json!([{"op": "add", "path": "members", "value": [{"value": "bulkId:u"}]}])),
        patch(&path, json!([{"op": "replace", "path": "displayName", "value": "last"}])),
        delete(&format!("/Users/{old}")),
        post_user("u", "bob"),
        patch(&path, json!([{"op": "remove", "path": "members"}])),
    ]));
    assert_eq!(statuses(&results), ["200", "200", "204", "201", "200"]);
    // The removal was asked for after the addition.
    assert!(server.members(&group).is_empty());
    assert_eq!(server.get(&path).body["displayName"], "last");
}

#[test]
fn a_response_has_its_operations_even_if_there_are_none() {
    let server = server();
    let reply = server.post("/Bulk", json!({"schemas": [REQUEST], "Operations": []})).is(200);
    assert_eq!(reply.body, json!({"schemas": [RESPONSE], "Operations": []}));
}

#[test]
fn b07_results_come_in_the_order_of_the_request() {
    let server = server();
    let results = server.bulk(json!([
        post_group("g", "g", &["bulkId:a", "bulkId:b"]),
        post_user("b", "b"),
        delete("/Users/x"),
        post_user("a", "a"),
        post_user("a2", "A"),
    ]));
    let ids: Vec<_> = results.iter().map(|result| result["bulkId"].clone()).collect();
    assert_eq!(ids, [json!("g"), json!("b"), Value::Null, json!("a"), json!("a2")]);
    // Each is a transaction of its own, and sees those before it.
    assert_eq!(statuses(&results), ["201", "201", "404", "201", "409"]);
    assert_eq!(server.members(id(&results[0])).len(), 2);
}

#[test]
fn r44_3_7_16_what_need_not_wait_is_not_moved() {
    // Both users want one name: the first in the request gets it, although a group waits for the
    // second.
    let server = server();
    let results = server.bulk(json!([
        post_group("g", "g", &["bulkId:second"]),
        post_user("first", "bob"),
        post_user("second", "bob"),
    ]));
    assert_eq!(statuses(&results), ["400", "201", "409"]);
}

#[test]
fn r44_3_7_1_01_groups_may_refer_to_each_other() {
    let server = server();
    let results = server
        .bulk(json!([post_group("a", "a", &["bulkId:b"]), post_group("b", "b", &["bulkId:a"]),]));
    assert_eq!(statuses(&results), ["201", "201"]);
    assert_eq!(server.members(id(&results[0])), [id(&results[1])]);
    assert_eq!(server.members(id(&results[1])), [id(&results[0])]);
    for result in &results {
        let path = format!("/Groups/{}", id(result));
        assert_eq!(server.get(&path).version(), result["version"], "{path}");
    }
}

#[test]
fn b05_a_resource_may_refer_to_itself() {
    let server = server();
    let mut data = user("boss");
    data["schemas"] = json!([USER, ENTERPRISE]);
    data[ENTERPRISE] = json!({"department": "top", "manager": {"value": "bulkId:boss"}});
    let operation = json!({"method": "POST", "path": "/Users", "bulkId": "boss", "data": data});
    let results = server.bulk(json!([operation]));
    assert_eq!(statuses(&results), ["201"]);
    let user = server.get(&format!("/Users/{}", id(&results[0]))).is(200).body;
    assert_eq!(user[ENTERPRISE]["manager"]["value"], id(&results[0]));
    assert_eq!(user[ENTERPRISE]["department"], "top");
}

#[test]
fn b11_a_path_that_names_no_resource_is_no_location() {
    let server = server();
    let delete = |path: &str| json!({"method": "DELETE", "path": path});
    let results = server.bulk(json!([
        delete("/Users/x?a=b"),
        delete(""),
        delete("/Users"),
        delete("/Nowhere/x"),
        delete("/Users/x/y"),
        {"method": "PUT", "path": "/Users/bulkId:x"},
    ]));
    for result in &results {
        assert_eq!(result.get("location"), None, "{result}");
    }
    let url = format!("{BASE}/Users/x");
    assert_eq!(server.bulk(json!([delete(&url)]))[0]["location"], url);
}

#[test]
fn b05_a_circle_whose_other_half_fails_leaves_nothing_behind() {
    let server = server();
    server.group("taken", &[]);
    let results = server.bulk(json!([
        post_group("a", "a", &["bulkId:u", "bulkId:b"]),
        {"method": "POST", "path": "/Groups", "bulkId": "b",
         "data": {"schemas": [GROUP], "members": [{"value": "bulkId:a"}]}},
        post_user("u", "u"),
    ]));
    assert_eq!(statuses(&results), ["400", "400", "201"]);
    fails(&results[0], "400", "invalidValue");
    assert_eq!(results[0].get("location"), None);
    assert_eq!(server.total("/Groups"), 1);
}

#[test]
fn b05_a_circle_that_is_not_finished_leaves_nothing_behind() {
    let server = server();
    let mut body = message(json!([
        post_group("a", "a", &["bulkId:c"]),
        delete("/Users/x"),
        post_group("c", "c", &["bulkId:a", "bulkId:z"]),
        post_user("z", "z"),
        post_user("y", "y"),
    ]));
    body["failOnErrors"] = 1.into();
    let reply = server.post("/Bulk", body).is(200);
    assert_eq!(statuses(reply.body["Operations"].as_array().unwrap()), ["409", "404"]);
    assert_eq!((server.total("/Groups"), server.total("/Users")), (0, 0));
}

#[test]
fn b05_a_failed_or_unknown_bulk_id_fails_what_refers_to_it() {
    let server = server();
    let results = server.bulk(json!([
        post_group("g", "g", &["bulkId:nobody"]),
        post_group("h", "h", &["bulkId:u"]),
        {"method": "POST", "path": "/Users", "bulkId": "u", "data": {"schemas": [USER]}},
        delete("/Users/bulkId:u"),
        delete("/Users/bulkId:nobody"),
        post_group("i", "i", &["bulkId:h"]),
    ]));
    for result in &results {
        fails(result, "400", "invalidValue");
    }
    let detail = |at: usize| results[at]["response"]["detail"].as_str().unwrap();
    assert_eq!(detail(0), "no POST of the request has the `bulkId` `nobody`");
    assert_eq!(detail(1), "the POST with `bulkId` `u` failed");
    assert_eq!((server.total("/Groups"), server.total("/Users")), (0, 0));
}

/// Badges that need an owner, and cars that have one for good.
fn badges() -> Catalog {
    let attribute = |name: &str, extra: Value| {
        let mut attribute = json!({"name": name, "type": "complex", "subAttributes": [
            {"name": "value", "type": "string"},
            {"name": "$ref", "type": "reference", "referenceTypes": ["Badge"]},
        ]});
        attribute.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
        attribute
    };
    let schema: Schema = serde_json::from_value(json!({
        "id": "urn:example:Badge",
        "attributes": [
            {"name": "name", "type": "string"},
            {"name": "page", "type": "reference", "referenceTypes": ["Badge"]},
            attribute("needs", json!({"required": true})),
            attribute("keeps", json!({"mutability": "immutable"})),
            attribute("likes", json!({"multiValued": true})),
        ],
    }))
    .unwrap();
    let mut catalog = Catalog::standard();
    catalog.register(ResourceType::new("Badge", "/Badges", schema)).unwrap();
    catalog
}

fn post_badge(bulk_id: &str, mut data: Value) -> Value {
    data["schemas"] = json!(["urn:example:Badge"]);
    json!({"method": "POST", "path": "/Badges", "bulkId": bulk_id, "data": data})
}

#[test]
fn b05_a_circle_of_required_or_immutable_references_is_409() {
    let server = Setup { catalog: Some(badges()), ..Setup::default() }.server();
    let needs = |name: &str| json!({"needs": {"value": format!("bulkId:{name}")}});
    let results = server.bulk(json!([post_badge("a", needs("b")), post_badge("b", needs("a"))]));
    assert_eq!(statuses(&results), ["409", "409"]);
    let mut keeps = needs("x");
    keeps["keeps"] = json!({"value": "bulkId:k"});
    let x = server.bulk(json!([post_badge("k", keeps)]));
    assert_eq!(statuses(&x), ["409"]);
    assert_eq!(server.total("/Badges"), 0);
}

#[test]
fn b05_a_circle_is_broken_where_a_reference_can_wait() {
    let server = Setup { catalog: Some(badges()), ..Setup::default() }.server();
    let owner = server.user("owner");
    // `a` needs `b`, and `b` merely likes `a`.
    let results = server.bulk(json!([
        post_badge("a", json!({"needs": {"value": "bulkId:b"}})),
        post_badge(
            "b",
            json!({
                "needs": {"value": owner},
                "likes": [{"value": owner}, {"value": "bulkId:a"}],
            })
        ),
    ]));
    assert_eq!(statuses(&results), ["201", "201"]);
    let [a, b] = [id(&results[0]), id(&results[1])];
    let body = server.get(&format!("/Badges/{b}")).is(200).body;
    assert_eq!(body["likes"][0]["value"], owner);
    assert_eq!(body["likes"][1]["value"], a);
    assert_eq!(server.get(&format!("/Badges/{a}")).body["needs"]["value"], b);
}

#[test]
fn r44_3_7_2_01_bulk_ids_become_permanent_ids() {
    let server = server();
    let group = server.group("g", &[]);
    let path = format!("/Groups/{group}");
    let results = server.bulk(json!([
        post_user("u", "u"),
        post_group("h", "h", &["bulkId:u"]),
        {"method": "PUT", "path": path,
         "data": {"schemas": [GROUP], "displayName": "g", "members": [{"value": "bulkId:u"}]}},
        patch("/Groups/bulkId:h", json!([{"op": "replace", "path": "displayName", "value": "h2"}])),
    ]));
    assert_eq!(statuses(&results), ["201", "201", "200", "200"]);
    assert_eq!(server.members(&group), [id(&results[0])]);
    assert_eq!(server.members(id(&results[1])), [id(&results[0])]);
    assert_eq!(results[3]["location"], results[1]["location"]);
    assert_eq!(server.get(&format!("/Groups/{}", id(&results[1]))).body["displayName"], "h2");
}

#[test]
fn r44_3_7_2_02_the_manager_of_the_enterprise_extension_is_a_reference() {
    let server = server();
    let mut data = user("worker");
    data["schemas"] = json!([USER, ENTERPRISE]);
    data[ENTERPRISE] = json!({"manager": {"value": "bulkId:boss"}});
    let results = server.bulk(json!([
        {"method": "POST", "path": "/Users", "bulkId": "worker", "data": data},
        post_user("boss", "boss"),
    ]));
    assert_eq!(statuses(&results), ["201", "201"]);
    let worker = server.get(&format!("/Users/{}", id(&results[0]))).body;
    assert_eq!(worker[ENTERPRISE]["manager"]["value"], id(&results[1]));
}

#[test]
fn b04_references_are_resolved_wherever_the_schema_has_one_and_nowhere_else() {
    let server = Setup { catalog: Some(badges()), ..Setup::default() }.server();
    let other = server.user("other");
    let group = server.group("g", &[&other]);
    let member = |path: &str| json!({"op": "remove", "path": path});
    let results = server.bulk(json!([
        post_user("bulkId:u", "bulkId:u"),
        post_user("u", "bulkId:x"),
        post_user("m", "m"),
        patch(&format!("/Groups/{group}"), json!([
            {"op": "Add", "PATH": "members", "value": [{"VALUE": "bulkId:u", "display": "bulkId:u"},
                                                     {"$ref": "../Users/bulkId:m"}]},
            member(r#"members[value eq "bulkId:m" and not (type eq "Group")]"#),
            {"op": "replace", "value": {"displayName": "bulkId:u"}},
        ])),
        patch("/Users/bulkId:m", json!([
            {"op": "add", "path": format!("{ENTERPRISE}:manager.value"), "value": "bulkId:u"},
            {"op": "add", "path": "nickName", "value": "bulkId:u"},
        ])),
        patch("/Users/bulkId:u", json!([
            {"op": "add", "value": {format!("{ENTERPRISE}:manager"): {"value": "bulkId:m"}}},
        ])),
        post_badge("b", json!({"needs": {"$ref": "bulkId:b0"}, "page": "bulkId:b0", "name": "bulkId:u"})),
        post_badge("b0", json!({"needs": {"value": other}})),
    ]));
    assert_eq!(statuses(&results), ["201", "201", "201", "200", "200", "200", "201", "201"]);
    let (u, m, b0) = (id(&results[1]), id(&results[2]), id(&results[7]));
    assert_eq!(server.get(&format!("/Users/{u}")).body["userName"], "bulkId:x");
    assert_eq!(server.members(&group), [&*other, u]);
    assert_eq!(server.get(&format!("/Groups/{group}")).body["displayName"], "bulkId:u");
    let m_body = server.get(&format!("/Users/{m}")).body;
    assert_eq!(m_body[ENTERPRISE]["manager"]["value"], u);
    assert_eq!(m_body["nickName"], "bulkId:u");
    assert_eq!(server.get(&format!("/Users/{u}")).body[ENTERPRISE]["manager"]["value"], m);
    let badge = server.get(&format!("/Badges/{}", id(&results[6]))).body;
    assert_eq!(badge["needs"]["value"], b0);
    assert_eq!(badge["page"], format!("{BASE}/Badges/{b0}"));
    assert_eq!(badge["name"], "bulkId:u");
}

#[test]
fn r44_3_7_3_01_every_operation_that_was_worked_on_has_a_result() {
    let operations = (0..50).map(|at| post_user(&at.to_string(), &(at / 2).to_string()));
    let operations: Vec<_> = operations.collect();
    assert_eq!(server().bulk(json!(operations)).len(), 50);
}

#[test]
fn r44_3_7_3_02_the_status_is_that_of_a_single_request_as_a_string() {
    let results = each_method(&server());
    assert_eq!(statuses(&results), ["201", "409", "200", "404", "200", "404", "204", "404"]);
}

#[test]
fn b01_the_status_is_text() {
    assert_eq!(server().bulk(json!([post_user("a", "a")]))[0]["status"], json!("201"));
}

#[test]
fn r44_3_7_3_03_errors_say_what_is_wrong() {
    for result in each_method(&server()) {
        if let Some(response) = result.get("response") {
            assert!(response["detail"].as_str().is_some_and(|detail| !detail.is_empty()));
        }
    }
}

#[test]
fn r44_3_7_4_01_limits_are_defined_and_told() {
    let bulk = server().get("/ServiceProviderConfig").body["bulk"].clone();
    assert_eq!(
        bulk,
        json!({"supported": true, "maxOperations": 1000, "maxPayloadSize": 1_048_576})
    );
}

#[test]
fn r44_3_7_4_02_beyond_a_limit_nothing_is_done_and_the_limit_is_named() {
    let server = Setup::config(|config| config.bulk = Some(BulkLimits::new(2, 1000))).server();
    let three = json!([post_user("a", "a"), post_user("b", "b"), post_user("c", "c")]);
    server.post("/Bulk", message(three)).is(413).naming("`maxOperations` of 2");
    let large = json!([post_user("a", &"a".repeat(1000))]);
    server.post("/Bulk", message(large)).is(413).naming("`maxPayloadSize` of 1000 bytes");
    assert_eq!(server.total("/Users"), 0);
    server.bulk(json!([post_user("a", "a"), post_user("b", "b")]));
    assert_eq!(server.total("/Users"), 2);
}

#[test]
fn b12_the_payload_may_be_larger_than_other_bodies() {
    let server = Setup::config(|config| config.max_body = 300).server();
    let long = user(&"a".repeat(300));
    server.post("/Users", long.clone()).is(413);
    let operation = json!({"method": "POST", "path": "/Users", "bulkId": "a", "data": long});
    assert_eq!(statuses(&server.bulk(json!([operation]))), ["201"]);
}

#[test]
fn b10_patch_data_is_a_message_and_by_option_a_list_of_operations() {
    let bare = |path: &str| {
        json!([{"method": "PATCH", "path": path,
                "data": [{"op": "add", "path": "members", "value": [{"value": "bulkId:u"}]}]},
               post_user("u", "u")])
    };
    let strict = server();
    let path = format!("/Groups/{}", strict.group("g", &[]));
    fails(&strict.bulk(bare(&path))[0], "400", "invalidSyntax");
    let lenient = Setup::policy(|policy| policy.bulk.bare_operations = true).server();
    let group = lenient.group("g", &[]);
    let results = lenient.bulk(bare(&format!("/Groups/{group}")));
    assert_eq!(statuses(&results), ["200", "201"]);
    assert_eq!(lenient.members(&group), [id(&results[1])]);
}

#[test]
fn r44_3_12_12_scim_types_stand_inside_results() {
    let server = server();
    let path = format!("/Users/{}", server.user("a"));
    let operation =
        json!({"op": "replace", "path": "emails[type eq \"work\"].value", "value": "x"});
    fails(&server.bulk(json!([patch(&path, json!([operation]))]))[0], "400", "noTarget");
    fails(&server.bulk(json!([patch(&path, json!([{"op": "remove"}]))]))[0], "400", "noTarget");
    let id = json!([{"op": "replace", "path": "id", "value": "x"}]);
    fails(&server.bulk(json!([patch(&path, id)]))[0], "400", "mutability");
}

#[test]
fn patch_that_is_not_offered_is_501_also_inside_and_circles_close_all_the_same() {
    let server = Setup::config(|config| config.patch = Offer::No).server();
    let path = format!("/Users/{}", server.user("a"));
    let results = server.bulk(json!([
        patch(&path, json!([{"op": "add", "path": "title", "value": "t"}])),
        post_group("a", "a", &["bulkId:b"]),
        post_group("b", "b", &["bulkId:a"]),
    ]));
    assert_eq!(statuses(&results), ["501", "201", "201"]);
    assert_eq!(server.members(id(&results[1])), [id(&results[2])]);
}

/// Notes what it is asked, and lets nobody delete.
#[derive(Default)]
struct Clerk(Mutex<Vec<String>>);

impl Authenticator for Clerk {
    async fn authenticate(&self, _: &Parts) -> Result<Principal, AuthError> {
        Ok(Principal::new("clerk", Scope::tenant(TenantId::new("a").unwrap())))
    }

    fn authorize(&self, _: &Principal, action: &Action<'_>) -> bool {
        let asked = format!("{} {}", action.verb.as_str(), action.resource_type.name());
        let allowed = !asked.starts_with("delete");
        self.0.lock().unwrap().push(asked);
        allowed
    }
}

#[test]
fn r44_2_05_each_operation_is_authorized_by_itself() {
    let clerk = std::sync::Arc::new(Clerk::default());
    struct Shared(std::sync::Arc<Clerk>);
    impl Authenticator for Shared {
        async fn authenticate(&self, parts: &Parts) -> Result<Principal, AuthError> {
            self.0.authenticate(parts).await
        }
        fn authorize(&self, principal: &Principal, action: &Action<'_>) -> bool {
            self.0.authorize(principal, action)
        }
    }
    let provider = ServiceProvider::builder(MemoryStore::default())
        .base_url(url::Url::parse(BASE).unwrap())
        .authenticator(Shared(clerk.clone()))
        .build()
        .unwrap();
    let body = message(json!([
        post_group("g", "g", &["bulkId:u"]),
        post_user("u", "u"),
        patch("/Users/bulkId:u", json!([{"op": "add", "path": "title", "value": "t"}])),
        delete("/Users/bulkId:u"),
        {"method": "PUT", "path": "/Users/bulkId:u", "data": user("v")},
    ]));
    let request = Request::post("/Bulk").body(Bytes::from(body.to_string())).unwrap();
    let response = block_on(provider.handle(request));
    let body: Value = serde_json::from_slice(response.body()).unwrap();
    let results = body["Operations"].as_array().unwrap();
    assert_eq!(statuses(results), ["201", "201", "200", "403", "200"]);
    let asked = clerk.0.lock().unwrap();
    assert_eq!(
        *asked,
        ["create User", "create Group", "patch User", "delete User", "replace User"]
    );
}

#[test]
fn sec_01_a_bulk_request_cannot_reach_another_tenant() {
    let server = server();
    let (mine, group) = (server.user("a"), server.group("g", &[]));
    let before = server.get(&format!("/Users/{mine}")).bytes;
    let paths = [format!("/Users/{mine}"), format!("/Groups/{group}")];
    let operations = json!([
        {"method": "PUT", "path": paths[0], "data": user("stolen")},
        patch(&paths[0], json!([{"op": "add", "path": "title", "value": "t"}])),
        delete(&paths[0]),
        delete(&paths[1]),
        post_user("a", "a"),
    ]);
    let authorization = format!("Bearer {TOKEN_B}");
    let headers = [("authorization", &*authorization)];
    let body = message(operations).to_string();
    let reply = server.call("POST", "/Bulk", &headers, body.as_bytes()).is(200);
    let results = reply.body["Operations"].as_array().unwrap();
    assert_eq!(statuses(results), ["404", "404", "404", "404", "201"]);
    assert_eq!(server.get(&format!("/Users/{mine}")).bytes, before);
    assert_eq!(server.total("/Groups"), 1);
}

#[test]
fn sec_13_bulk_assigns_nothing_that_a_client_may_not_write() {
    let server = server();
    let mut data = user("a");
    for (name, value) in [("id", json!("mine")), ("groups", json!([{"value": "admins"}]))] {
        data[name] = value;
    }
    let operation = json!({"method": "POST", "path": "/Users", "bulkId": "a", "data": data});
    let results = server.bulk(json!([operation]));
    let body = server.get(&format!("/Users/{}", id(&results[0]))).is(200).body;
    assert_ne!(body["id"], "mine");
    assert_eq!(body.get("groups"), None);
}

#[test]
fn r43_4_1_1_10_a_bulk_response_shows_no_password() {
    let server = server();
    let mut data = user("a");
    data["password"] = "correct-horse-canary".into();
    let post = |id: &str| json!({"method": "POST", "path": "/Users", "bulkId": id, "data": data});
    let reply = server.post("/Bulk", message(json!([post("a"), post("b")]))).is(200);
    assert!(!reply.body.to_string().contains("canary"));
}

#[test]
fn sec_18_too_many_operations_are_refused_before_the_first() {
    let server = server();
    let operations = (0..1001).map(|at| post_user(&at.to_string(), &at.to_string()));
    let operations: Vec<_> = operations.collect();
    server.post("/Bulk", message(json!(operations))).fails(413, "tooMany");
    assert_eq!(server.total("/Users"), 0);
}

#[test]
fn sec_18_circles_of_any_size_are_worked_through() {
    for size in [2, 3, 1000] {
        let server = server();
        let next = |at: usize| format!("bulkId:{}", (at + 1) % size);
        let groups: Vec<_> =
            (0..size).map(|at| post_group(&at.to_string(), "g", &[&next(at)])).collect();
        let results = server.bulk(json!(groups));
        assert!(results.iter().all(|result| result["status"] == "201"), "{size}");
        for at in [0, size / 2, size - 1] {
            assert_eq!(server.members(id(&results[at])), [id(&results[(at + 1) % size])]);
        }
    }
}

#[test]
fn sec_18_ten_thousand_references_to_one_bulk_id_are_one_member() {
    let server = server();
    let members = vec!["bulkId:u"; 10_000];
    let results = server.bulk(json!([post_group("g", "g", &members), post_user("u", "u")]));
    assert_eq!(statuses(&results), ["201", "201"]);
    assert_eq!(server.members(id(&results[0])), [id(&results[1])]);
}

#[test]
fn sec_18_each_operation_counts_against_the_rate_limit() {
    let rate = std::num::NonZeroU32::new(2).map(RateLimit::per_second);
    let server = Setup::config(|config| config.client_rate = rate).server();
    let operations: Vec<_> =
        (0..10).map(|at| post_user(&at.to_string(), &at.to_string())).collect();
    // A request is let in whole, and what it did is paid for afterwards.
    assert_eq!(server.bulk(json!(operations)).len(), 10);
    server.get("/Users").is(429);
    server.clock.advance(4000);
    server.get("/Users").is(429);
    server.clock.advance(1000);
    assert_eq!(server.total("/Users"), 10);
}
