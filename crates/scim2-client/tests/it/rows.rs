//! Requirements on clients, one test for each.

use scim2_client::{BuildError, Client, ErrorClass, Paging, Plaintext, Query, UpdateBy};
use scim2_core::bulk::{BulkMethod, BulkOperation, BulkRequest};
use scim2_core::resource::ResourceId;
use scim2_core::syntax::Filter;
use scim2_core::user::User;
use scim2_core::{Resource, ResourceType};
use serde_json::json;

use crate::script::{Script, headers, json as answer, run};

const USER: &str = "urn:ietf:params:scim:schemas:core:2.0:User";
const ENTERPRISE: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";

fn build(url: &str, plaintext: Plaintext) -> Result<(), BuildError> {
    let script = Script::default();
    Client::builder(script, url.parse().unwrap())
        .bearer("t".into())
        .plaintext(plaintext)
        .build()
        .map(|_| ())
}

#[test]
fn c10_http_is_for_loopback_and_for_who_asks_for_it() {
    let refused =
        |url| matches!(build(url, Plaintext::Loopback), Err(BuildError::Plaintext { .. }));
    assert!(refused("http://scim.example.com/v2"));
    assert!(refused("http://10.0.0.1/v2"));
    assert!(refused("http://localhost.example.com/v2"));
    for loopback in ["http://127.0.0.1/v2", "http://[::1]:8080/v2", "http://localhost/v2"] {
        build(loopback, Plaintext::Loopback).unwrap();
    }
    build("http://scim.example.com/v2", Plaintext::Allowed).unwrap();
    build("https://scim.example.com/v2", Plaintext::Loopback).unwrap();
    for url in ["https://u:p@scim.example.com/v2", "https://u@scim.example.com/v2"] {
        assert_eq!(build(url, Plaintext::Allowed), Err(BuildError::UserInfo));
    }
}

#[test]
fn r43_4_1_1_13_a_password_goes_over_tls_and_is_never_printed() {
    assert!(build("http://scim.example.com/v2", Plaintext::Loopback).is_err());
    let mut user = User::new("bjensen");
    user.password = Some("t1meMa$heen".into());
    assert!(!format!("{user:?}").contains("t1meMa$heen"));
    let script = Script::new([answer(400, json!({"status": "400", "detail": "no"}))]);
    let error = run(script.client().users().create(&user)).unwrap_err();
    assert!(!format!("{error:?} {error}").contains("t1meMa$heen"));
    let seen = &script.seen()[0];
    assert!(seen.url.starts_with("https://"));
    assert_eq!(seen.body["password"], "t1meMa$heen", "it is sent all the same");
}

#[test]
fn r43_3_3_05_the_resource_type_in_meta_leads_to_the_schema() {
    let types = json!({"Resources": [
        {"name": "User", "endpoint": "/Users", "schema": USER},
        {"name": "Badge", "endpoint": "/Badges", "schema": "urn:example:Badge"},
    ]});
    let found = json!({"totalResults": 1, "Resources": [
        {"id": "1", "meta": {"resourceType": "Badge"}, "label": "x"},
    ]});
    let script = Script::new([answer(200, types), answer(200, found)]);
    let client = script.client();
    let types = run(client.resource_types()).unwrap();
    let everything = client.api::<Resource>("/");
    let page = run(everything.find(Filter::present("id"))).unwrap();
    let name = page.resources[0].get("meta").unwrap()["resourceType"].as_str().unwrap();
    let found = types.iter().find(|ty| ty.name == name).unwrap();
    assert_eq!(found.schema.as_str(), "urn:example:Badge");
}

#[test]
fn r44_3_4_2_5_04_attributes_can_be_chosen_or_left_out() {
    let script = Script::new([answer(200, json!({"id": "1"})), answer(200, json!({"id": "1"}))]);
    let client = script.client();
    let id = ResourceId::from("1");
    let department = format!("{ENTERPRISE}:department").parse().unwrap();
    let users = client.api::<Resource>("/Users");
    run(users.clone().only(["userName".parse().unwrap(), department]).get(&id)).unwrap();
    run(users.excluding(["emails.value".parse().unwrap()]).get(&id)).unwrap();
    let queries: Vec<_> = script.seen().iter().map(|seen| seen.query().to_owned()).collect();
    assert_eq!(
        queries,
        [
            &*format!("attributes=userName,{ENTERPRISE}:department"),
            "excludedAttributes=emails.value"
        ]
    );
}

#[test]
fn r44_3_7_17_a_bulk_request_may_be_given_up_after_so_many_errors() {
    let response = json!({"schemas": ["urn:ietf:params:scim:api:messages:2.0:BulkResponse"],
        "Operations": [{"method": "DELETE", "status": "404"}]});
    let script = Script::new([answer(200, response)]);
    let operations =
        ["1", "2"].map(|id| BulkOperation::new(BulkMethod::Delete, format!("/Users/{id}")));
    let request = BulkRequest::new(operations.to_vec()).with_fail_on_errors(1);
    let response = run(script.client().bulk(&request)).unwrap();
    assert_eq!(script.seen()[0].body["failOnErrors"], 1);
    assert_eq!(response.operations.len(), 1, "the rest was not tried");
}

#[test]
fn r44_3_7_4_03_the_limits_of_bulk_can_be_read() {
    let script = Script::new([answer(
        200,
        json!({"bulk": {"supported": true, "maxOperations": 2, "maxPayloadSize": 500}}),
    )]);
    let config = run(script.client().service_provider_config()).unwrap().unwrap();
    let bulk = config.bulk;
    assert_eq!((bulk.supported, bulk.max_operations, bulk.max_payload_size), (true, 2, 500));
}

#[test]
fn r44_3_8_02_what_is_sent_is_utf_8_and_says_nothing_else() {
    let script = Script::new([answer(201, json!({"id": "1", "userName": "åsa"}))]);
    run(script.client().users().create(&User::new("åsa ✓"))).unwrap();
    let seen = &script.seen()[0];
    // The script reads bodies as UTF-8 alone.
    assert_eq!(seen.body["userName"], "åsa ✓");
    assert_eq!(seen.header("content-type"), Some("application/scim+json"));
}

#[test]
fn r44_3_10_03_attributes_of_extensions_are_written_in_full() {
    let script = Script::new([
        answer(200, json!({"id": "1", "schemas": [USER]})),
        answer(200, json!({"id": "1", "schemas": [USER]})),
    ]);
    let client = script.client();
    let users = client.api::<Resource>("/Users");
    let before = run(users.get(&ResourceId::from("1"))).unwrap();
    let mut after = before.resource.clone();
    after.insert(ENTERPRISE, json!({"department": "d"}));
    after.insert("title", "t");
    run(users.update(&ResourceType::user(), &before, &after, UpdateBy::Patch)).unwrap();
    let sent = script.seen()[1].body["Operations"].clone();
    let paths: Vec<_> = sent.as_array().unwrap().iter().map(|op| op["path"].clone()).collect();
    assert_eq!(paths.len(), 2, "{sent}");
    assert!(paths.contains(&json!("title")), "{sent}");
    assert!(paths.contains(&json!(format!("{ENTERPRISE}:department"))), "{sent}");
}

#[test]
fn r44_3_11_05_me_may_redirect_to_the_permanent_place() {
    let script = Script::new([
        headers(308, &[("location", "/v2/Users/2819c223")], ""),
        answer(200, json!({"id": "2819c223", "userName": "bjensen"})),
    ]);
    let client = script.client();
    let me = run(client.api::<User>("/").get(&ResourceId::from("Me"))).unwrap();
    assert_eq!(me.user_name, "bjensen");
    let urls: Vec<_> = script.seen().iter().map(|seen| seen.url.clone()).collect();
    assert_eq!(
        urls,
        ["https://scim.example.com/v2/Me", "https://scim.example.com/v2/Users/2819c223"]
    );
}

fn pages(cursors: &[&str]) -> Script {
    let next = cursors.iter().copied().map(Some).chain([None]);
    Script::new(next.enumerate().map(|(i, next)| {
        answer(200, json!({"Resources": [{"id": i.to_string()}], "nextCursor": next}))
    }))
}

fn walk(script: &Script) -> Result<usize, ErrorClass> {
    let client = script.builder().paging(Paging::cursor()).build().unwrap();
    let all = run(client.api::<Resource>("/Users").query(&Query::new()).all());
    all.map(|all| all.len()).map_err(|error| error.class())
}

#[test]
fn r98_2_11_the_next_page_is_asked_for_with_the_cursor_that_came() {
    let script = pages(&["one", "two"]);
    assert_eq!(walk(&script), Ok(3));
    let queries: Vec<_> = script.seen().iter().map(|seen| seen.query().to_owned()).collect();
    assert_eq!(queries, ["cursor", "cursor=one", "cursor=two"]);
}

#[test]
fn r98_2_12_a_cursor_is_any_text() {
    let odd = ["0", "a b&c=d", "{\"x\":1}", "é\u{1F600}", "%2F..%2F", "null"];
    let script = pages(&odd);
    assert_eq!(walk(&script), Ok(odd.len() + 1));
    let sent = script
        .seen()
        .iter()
        .skip(1)
        .map(|seen| {
            let url = url::Url::parse(&seen.url).unwrap();
            let (_, cursor) = url.query_pairs().find(|(name, _)| name == "cursor").unwrap();
            cursor.into_owned()
        })
        .collect::<Vec<_>>();
    assert_eq!(sent, odd);
}
