//! One call, one answer.

use scim2_client::{Created, ErrorClass, Patched, UpdateBy, Versioned};
use scim2_core::ResourceType;
use scim2_core::config::ServiceProviderConfig;
use scim2_core::etag::Version;
use scim2_core::patch_op::PatchOp;
use scim2_core::resource::ResourceId;
use scim2_core::syntax::Filter;
use scim2_core::user::User;
use scim2_core::{Resource, ScimType};
use serde_json::{Value, json};

use crate::script::{Script, empty, headers, json as answer, lost, run};

fn babs() -> Value {
    json!({
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User", "urn:example:Unknown"],
        "id": "2819c223",
        "userName": "bjensen",
        "meta": {"version": "W/\"a\"", "location": "https://scim.example.com/v2/Users/2819c223"},
        "urn:example:Unknown": {"colour": "blue"},
    })
}

fn document(value: Value) -> Resource {
    serde_json::from_value(value).unwrap()
}

fn id() -> ResourceId {
    ResourceId::from("2819c223")
}

#[test]
fn c02_create_takes_201_and_200() {
    for status in [201, 200] {
        let script = Script::new([answer(status, babs())]);
        let created = run(script.client().users().create(&User::new("bjensen"))).unwrap();
        assert_eq!(created.id, id());
        assert_eq!(created.version, Some(Version::from_wire("W/\"a\"")));
        assert_eq!(created.user_name, "bjensen");
        let seen = &script.seen()[0];
        assert_eq!(seen.method, "POST");
        assert_eq!(seen.url, "https://scim.example.com/v2/Users");
        assert_eq!(seen.header("content-type"), Some("application/scim+json"));
        assert_eq!(seen.header("authorization"), Some("Bearer secret-token"));
        assert_eq!(seen.header("accept"), Some("application/scim+json, application/json"));
        assert!(seen.header("user-agent").unwrap().starts_with("scim2-client/"));
        assert_eq!(seen.body["userName"], "bjensen");
    }
}

#[test]
fn r43_3_1_07_create_sends_no_id() {
    let script = Script::new([answer(201, babs())]);
    let copy = document(json!({"id": "mine", "META": {"version": "1"}, "userName": "bjensen"}));
    run(script.client().api::<Resource>("/Users").create(&copy)).unwrap();
    assert_eq!(script.seen()[0].body, json!({"userName": "bjensen"}));
}

#[test]
fn r44_3_1_05_create_returns_what_the_service_provider_made() {
    let script = Script::new([answer(201, json!({"id": "1", "userName": "BJENSEN"}))]);
    let created = run(script.client().users().create(&User::new("bjensen"))).unwrap();
    assert_eq!(created.resource.user_name, "BJENSEN");
}

#[test]
fn c02_create_without_a_body_reads_the_location() {
    let script = Script::new([
        headers(201, &[("location", "/v2/Users/2819c223")], ""),
        headers(200, &[("etag", "W/\"b\"")], &babs().to_string()),
    ]);
    let created = run(script.client().users().create(&User::new("bjensen"))).unwrap();
    assert_eq!(created.id, id());
    assert_eq!(created.version, Some(Version::from_wire("W/\"b\"")));
    assert_eq!(script.seen()[1].method, "GET");
    assert_eq!(script.seen()[1].url, "https://scim.example.com/v2/Users/2819c223");
}

#[test]
fn create_without_body_and_location_is_a_protocol_error() {
    let script = Script::new([empty(201)]);
    let error = run(script.client().users().create(&User::new("bjensen"))).unwrap_err();
    assert_eq!(error.class(), ErrorClass::Protocol);
    assert_eq!(
        error.to_string(),
        "POST /Users was answered 201, but it holds neither the resource nor its location"
    );
}

#[test]
fn a_success_that_is_no_resource_is_a_protocol_error() {
    for (body, says) in [
        ("<html>Sign in</html>", "its body is a web page, not JSON"),
        ("{\"userName\": \"bjensen\"}", "its body is no resource with an `id`"),
        ("{\"id\": {}}", "its body is no resource with an `id`"),
        ("[]", "its body is no resource with an `id`"),
        ("{\"id\": \"1\", \"userName\": {}}", "its resource cannot be read"),
        ("{\"id\"", "its body is not JSON"),
    ] {
        let script = Script::new([headers(200, &[], body)]);
        let error = run(script.client().users().get(&id())).unwrap_err();
        assert_eq!(error.class(), ErrorClass::Protocol, "{body}");
        assert!(error.to_string().contains(says), "{error}");
    }
}

#[test]
fn c01_keys_are_read_in_any_case_and_unknown_ones_kept() {
    let script = Script::new([answer(
        200,
        json!({"ID": "1", "username": "bjensen", "Meta": {"Version": "W/\"z\""}, "shoe": 38}),
    )]);
    let user = run(script.client().users().get(&id())).unwrap();
    assert_eq!(user.id.as_str(), "1");
    assert_eq!(user.version, Some(Version::from_wire("W/\"z\"")));
    assert_eq!(user.user_name, "bjensen");
    assert_eq!(user.extra["shoe"], 38);
}

#[test]
fn a_number_is_an_id_too() {
    let script = Script::new([answer(200, json!({"id": 5})), empty(204)]);
    let client = script.client();
    let user = run(client.api::<Resource>("/Users").get(&ResourceId::from("5"))).unwrap();
    run(client.users().delete(&user.id, None)).unwrap();
    assert_eq!(script.seen()[1].url, "https://scim.example.com/v2/Users/5");
}

#[test]
fn the_etag_header_goes_before_meta_version() {
    let script = Script::new([headers(200, &[("ETag", "W/\"new\"")], &babs().to_string())]);
    let user = run(script.client().users().get(&id())).unwrap();
    assert_eq!(user.version, Some(Version::from_wire("W/\"new\"")));
}

#[test]
fn r44_3_14_03_an_unchanged_resource_is_not_read_again() {
    let script = Script::new([headers(304, &[("etag", "W/\"a\"")], ""), answer(200, babs())]);
    let client = script.client();
    let version = Version::from_wire("W/\"a\"");
    assert!(run(client.users().get_if_changed(&id(), &version)).unwrap().is_none());
    assert!(run(client.users().get_if_changed(&id(), &version)).unwrap().is_some());
    assert_eq!(script.seen()[0].header("if-none-match"), Some("W/\"a\""));
}

#[test]
fn r44_3_14_04_replace_and_patch_carry_the_expected_version() {
    let script = Script::new([answer(200, babs()), answer(200, babs()), empty(412)]);
    let client = script.client();
    let version = Version::from_wire("W/\"a\"");
    let user = User::new("bjensen");
    let op = PatchOp::new().replace("title", "Guide");
    run(client.users().replace(&id(), &user, Some(&version))).unwrap();
    run(client.users().patch(&id(), &op, Some(&version))).unwrap();
    let error = run(client.users().patch(&id(), &op, Some(&version))).unwrap_err();
    assert_eq!(error.class(), ErrorClass::Precondition);
    for seen in script.seen() {
        assert_eq!(seen.header("if-match"), Some("W/\"a\""));
    }
}

#[test]
fn r44_3_14_05_delete_carries_the_expected_version() {
    let script = Script::new([empty(412)]);
    let version = Version::from_wire("W/\"a\"");
    let error = run(script.client().users().delete(&id(), Some(&version))).unwrap_err();
    assert_eq!(error.class(), ErrorClass::Precondition);
    assert_eq!(script.seen()[0].header("if-match"), Some("W/\"a\""));
}

#[test]
fn r44_3_5_1_08_what_was_read_can_be_put_back_unchanged() {
    let script = Script::new([answer(200, babs()), answer(200, babs())]);
    let client = script.client();
    let read: Versioned<User> = run(client.users().get(&id())).unwrap();
    run(client.users().replace(&read.id, &read, None)).unwrap();
    assert_eq!(script.seen()[1].method, "PUT");
    assert_eq!(script.seen()[1].body, babs());
}

#[test]
fn c02_replace_answered_204_reads_the_result() {
    let script = Script::new([empty(204), answer(200, babs())]);
    run(script.client().users().replace(&id(), &User::new("bjensen"), None)).unwrap();
    let methods: Vec<_> = script.seen().into_iter().map(|seen| seen.method).collect();
    assert_eq!(methods, ["PUT", "GET"]);
}

#[test]
fn c02_patch_takes_200_and_204() {
    let script = Script::new([answer(200, babs()), empty(204), empty(200)]);
    let client = script.client();
    let op = PatchOp::new().replace("active", false);
    assert!(matches!(run(client.users().patch(&id(), &op, None)), Ok(Patched::Full(_))));
    assert!(matches!(run(client.users().patch(&id(), &op, None)), Ok(Patched::NoContent)));
    assert!(matches!(run(client.users().patch(&id(), &op, None)), Ok(Patched::NoContent)));
    let seen = &script.seen()[0];
    assert_eq!(seen.url, "https://scim.example.com/v2/Users/2819c223");
    assert_eq!(
        seen.body["Operations"][0],
        json!({"op": "replace", "path": "active", "value": false})
    );
}

#[test]
fn c02_delete_takes_200_202_and_204() {
    let script = Script::new([empty(200), empty(202), empty(204)]);
    let client = script.client();
    for _ in 0..3 {
        run(client.users().delete(&id(), None)).unwrap();
    }
}

#[test]
fn r44_3_9_02_a_projection_goes_with_every_request_that_returns_a_resource() {
    let script = Script::new([
        answer(201, babs()),
        answer(200, babs()),
        answer(200, json!({"Resources": []})),
    ]);
    let client = script.client();
    let users =
        client.users().only(["userName".parse().unwrap(), "name.givenName".parse().unwrap()]);
    run(users.create(&User::new("bjensen"))).unwrap();
    run(users.get(&id())).unwrap();
    let groups = client.groups().excluding(["members".parse().unwrap()]);
    run(groups.find(Filter::eq("displayName", "All"))).unwrap();
    let seen = script.seen();
    assert_eq!(seen[0].query(), "attributes=userName,name.givenName");
    assert_eq!(seen[1].query(), "attributes=userName,name.givenName");
    assert_eq!(seen[2].query(), "excludedAttributes=members&filter=displayName%20eq%20%22All%22");
}

#[test]
fn c08_filter_values_are_escaped_by_the_printer() {
    let script = Script::new([answer(200, json!({"totalResults": 0}))]);
    let hostile = r#"x" or userName pr or title eq "+&#%"#;
    let page = run(script.client().users().find(Filter::eq("userName", hostile))).unwrap();
    assert!(page.resources.is_empty());
    assert_eq!(page.total_results, Some(0));
    assert_eq!(
        script.seen()[0].query(),
        "filter=userName%20eq%20%22x%5C%22%20or%20userName%20pr%20or%20title%20eq%20%5C%22%2B%26%23%25%22"
    );
}

#[test]
fn h03_errors_explain_themselves_in_the_service_providers_words() {
    let script = Script::new([headers(
        409,
        &[("x-request-id", "r-1")],
        r#"{"schemas": ["urn:ietf:params:scim:api:messages:2.0:Error"], "status": 409, "scimType": "uniqueness", "detail": "taken"}"#,
    )]);
    let error = run(script.client().users().create(&User::new("bjensen"))).unwrap_err();
    assert_eq!(error.class(), ErrorClass::Conflict);
    assert_eq!(error.status().unwrap().as_u16(), 409);
    assert_eq!(error.scim_type(), Some(&ScimType::Uniqueness));
    assert_eq!(error.detail(), Some("taken"));
    assert_eq!(error.request_id(), Some("r-1"));
    assert_eq!(error.to_string(), "POST /Users was answered 409 uniqueness: taken");
}

#[test]
fn h03_aws_errors_are_understood() {
    let script = Script::new([headers(
        400,
        &[("x-amzn-RequestId", "7f5e")],
        r#"{"schema": ["urn:ietf:params:scim:api:messages:2.0:Error"], "detail": "Request is unparsable", "status": "400", "exceptionRequestId": "7f5e", "timeStamp": "2020-01-01 00:00:00"}"#,
    )]);
    let error = run(script.client().users().create(&User::new("bjensen"))).unwrap_err();
    assert_eq!(error.class(), ErrorClass::Invalid);
    assert_eq!(error.scim_type(), None);
    assert_eq!(error.detail(), Some("Request is unparsable"));
    assert_eq!(error.request_id(), Some("7f5e"));
}

#[test]
fn errors_without_a_scim_body_keep_the_beginning_of_what_came() {
    let page = format!("<html>{}</html>", "x".repeat(10_000));
    let script = Script::new([headers(403, &[], &page)]);
    let error = run(script.client().users().get(&id())).unwrap_err();
    assert_eq!(error.class(), ErrorClass::Auth);
    assert_eq!(error.body().len(), scim2_client::MAX_ERROR_BODY);
    assert_eq!(error.to_string(), "GET /Users/2819c223 was answered 403");
}

#[test]
fn statuses_have_classes() {
    for (status, class) in [
        (400, ErrorClass::Invalid),
        (401, ErrorClass::Auth),
        (403, ErrorClass::Auth),
        (404, ErrorClass::Gone),
        (405, ErrorClass::Unsupported),
        (409, ErrorClass::Conflict),
        (410, ErrorClass::Gone),
        (412, ErrorClass::Precondition),
        (413, ErrorClass::TooLarge),
        (415, ErrorClass::Invalid),
        (422, ErrorClass::Invalid),
        (428, ErrorClass::Precondition),
        (501, ErrorClass::Unsupported),
        (301, ErrorClass::Protocol),
        (302, ErrorClass::Protocol),
        (304, ErrorClass::Protocol),
    ] {
        let script = Script::new([empty(status)]);
        let error = run(script.client().users().get(&id())).unwrap_err();
        assert_eq!(error.class(), class, "{status}");
        assert_eq!(script.seen().len(), 1, "{status}");
    }
}

#[test]
fn c05_a_conflict_is_resolved_by_looking() {
    let script =
        Script::new([empty(409), answer(200, json!({"Resources": [babs()], "totalResults": 1}))]);
    let key = Filter::eq("externalId", "701984");
    let created = run(script.client().users().create_or_find(&User::new("bjensen"), &key)).unwrap();
    assert!(matches!(created, Created::Existing(found) if found.id == id()));
    assert_eq!(script.seen()[1].query(), "filter=externalId%20eq%20%22701984%22");
}

#[test]
fn c05_a_conflict_with_something_else_stays_a_conflict() {
    let none = json!({"totalResults": 0});
    let two = json!({"Resources": [{"id": "1"}, {"id": "2"}]});
    for list in [none, two] {
        let script = Script::new([empty(409), answer(200, list)]);
        let key = Filter::eq("externalId", "701984");
        let result = run(script.client().users().create_or_find(&User::new("bjensen"), &key));
        assert_eq!(result.unwrap_err().class(), ErrorClass::Conflict);
    }
}

#[test]
fn c05_a_create_whose_answer_got_lost_is_found() {
    let script = Script::new([lost(), answer(200, json!({"Resources": [babs()]}))]);
    let key = Filter::eq("externalId", "701984");
    let created = run(script.client().users().create_or_find(&User::new("bjensen"), &key)).unwrap();
    assert!(matches!(created, Created::Existing(_)));
    let methods: Vec<_> = script.seen().into_iter().map(|seen| seen.method).collect();
    assert_eq!(methods, ["POST", "GET"]);
}

#[test]
fn c05_a_create_that_did_not_arrive_is_repeated_after_looking() {
    let script =
        Script::new([lost(), answer(200, json!({"totalResults": 0})), answer(201, babs())]);
    let key = Filter::eq("externalId", "701984");
    let created = run(script.client().users().create_or_find(&User::new("bjensen"), &key)).unwrap();
    assert!(matches!(created, Created::New(_)));
    let methods: Vec<_> = script.seen().into_iter().map(|seen| seen.method).collect();
    assert_eq!(methods, ["POST", "GET", "POST"]);
}

#[test]
fn c05_a_create_that_arrives_late_is_found() {
    let script = Script::new([
        lost(),
        answer(200, json!({"totalResults": 0})),
        empty(409),
        answer(200, json!({"Resources": [babs()]})),
    ]);
    let key = Filter::eq("externalId", "701984");
    let created = run(script.client().users().create_or_find(&User::new("bjensen"), &key)).unwrap();
    assert!(matches!(created, Created::Existing(_)));
}

#[test]
fn ids_are_escaped_in_the_path() {
    let script = Script::new([empty(204)]);
    run(script.client().users().delete(&ResourceId::from("a/b&c?d é"), None)).unwrap();
    assert_eq!(script.seen()[0].url, "https://scim.example.com/v2/Users/a%2Fb%26c%3Fd%20%C3%A9");
}

#[test]
fn ids_that_no_path_can_carry_are_refused_before_sending() {
    let script = Script::new([]);
    for id in ["", ".", ".."] {
        let error = run(script.client().users().delete(&ResourceId::from(id), None)).unwrap_err();
        assert_eq!(error.class(), ErrorClass::Invalid);
    }
    assert!(script.seen().is_empty());
}

#[test]
fn requests_are_counted() {
    let script = Script::new([empty(204), empty(404)]);
    let client = script.client();
    run(client.users().delete(&id(), None)).unwrap();
    run(client.clone().users().delete(&id(), None)).unwrap_err();
    assert_eq!(client.requests_sent(), 2);
}

#[test]
fn calls_can_be_spawned() {
    fn spawnable<F: Future + Send>(future: F) -> F {
        future
    }
    let script = Script::new([answer(201, babs())]);
    let client = script.client();
    run(spawnable(client.users().create(&User::new("bjensen")))).unwrap();
    drop(spawnable(client.users().query(&scim2_client::Query::new()).all()));
}

#[test]
fn bulk_goes_to_its_endpoint_once() {
    let body = json!({
        "schemas": ["urn:ietf:params:scim:api:messages:2.0:BulkResponse"],
        "Operations": [{"method": "DELETE", "location": "https://scim.example.com/v2/Users/1", "status": "204"}],
    });
    let script = Script::new([answer(200, body), lost()]);
    let client = script.client();
    let request = serde_json::from_value(json!({
        "schemas": ["urn:ietf:params:scim:api:messages:2.0:BulkRequest"],
        "Operations": [{"method": "DELETE", "path": "/Users/1"}],
    }))
    .unwrap();
    let response = run(client.bulk(&request)).unwrap();
    assert_eq!(response.operations.len(), 1);
    assert_eq!(script.seen()[0].url, "https://scim.example.com/v2/Bulk");
    assert_eq!(run(client.bulk(&request)).unwrap_err().class(), ErrorClass::Ambiguous);
    assert_eq!(script.seen().len(), 2);
}

#[test]
fn c04_an_update_is_a_patch_of_what_differs() {
    let script = Script::new([answer(200, babs()), empty(204)]);
    let client = script.client();
    let before = run(client.users().get(&id())).unwrap();
    let after = User { title: Some("Guide".into()), ..before.resource.clone() };
    let user = ResourceType::user();
    let config: ServiceProviderConfig =
        serde_json::from_value(json!({"patch": {"supported": true}})).unwrap();
    let by = UpdateBy::supported_by(&config);
    run(client.users().update(&user, &before, &after, by)).unwrap();
    let seen = &script.seen()[1];
    assert_eq!(seen.method, "PATCH");
    assert_eq!(seen.header("if-match"), Some("W/\"a\""));
    assert_eq!(seen.body["Operations"].as_array().unwrap().len(), 1);
    assert_eq!(seen.body["Operations"][0]["path"], "title");
    // Nothing to change, nothing to send.
    run(client.users().update(&user, &before, &before.resource.clone(), by)).unwrap();
    assert_eq!(script.seen().len(), 2);
}

#[test]
fn c04_without_patch_an_update_is_a_put_of_the_whole() {
    let script = Script::new([answer(200, babs()), answer(200, babs())]);
    let client = script.client();
    let before = run(client.users().get(&id())).unwrap();
    let after = User { title: Some("Guide".into()), ..before.resource.clone() };
    let by = UpdateBy::supported_by(&ServiceProviderConfig::default());
    run(client.users().update(&ResourceType::user(), &before, &after, by)).unwrap();
    let seen = &script.seen()[1];
    assert_eq!(seen.method, "PUT");
    assert_eq!(seen.header("if-match"), Some("W/\"a\""));
    assert_eq!(seen.body["title"], "Guide");
    assert_eq!(seen.body["urn:example:Unknown"], json!({"colour": "blue"}));
}

#[test]
fn r44_3_5_2_09_an_update_leaves_alone_what_only_the_service_provider_writes() {
    let script = Script::new([answer(200, babs())]);
    let client = script.client();
    let users = client.api::<Resource>("/Users");
    let before = run(users.get(&id())).unwrap();
    let mut after = before.resource.clone();
    after.insert("groups", json!([{"value": "g"}]));
    after.insert("meta", json!({"created": "1999-01-01T00:00:00Z"}));
    after.insert("id", "other");
    run(users.update(&ResourceType::user(), &before, &after, UpdateBy::Patch)).unwrap();
    assert_eq!(script.seen().len(), 1);
}
