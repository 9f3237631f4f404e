//! The rows of RFC 9967: events as the claims of security event tokens.

use chrono::DateTime;
use http::StatusCode;
use scim2_core::bulk::{BulkMethod, BulkResult};
use scim2_core::etag::Version;
use scim2_core::resource::ResourceId;
use scim2_core::{Policy, Resource, ResourceType};
use scim2_provider::events::set::{
    Content, EventToken, SetError, SetEvent, Subject, bulk_transaction,
};
use scim2_provider::events::{ChangeEvent, ChangeRecord};
use scim2_provider::{Scope, TenantId};
use serde_json::{Value, json};

use crate::support::*;

const PREFIX: &str = "urn:ietf:params:scim:event:";

fn token(events: Vec<SetEvent>) -> Result<EventToken, SetError> {
    named("jti-1", "txn-1", events)
}

fn named(id: &str, transaction: &str, events: Vec<SetEvent>) -> Result<EventToken, SetError> {
    EventToken::new(
        "https://scim.example.com",
        ["https://scim.example.com/Feeds/1".into()],
        id,
        transaction,
        DateTime::from_timestamp(1_458_505_044, 0).unwrap(),
        Subject::new("/Users/44f6142df96bd6ab61e7521d9").unwrap().with_external_id("jdoe"),
        events,
    )
}

fn version() -> Version {
    Version::weak("a330bc54f0671c9")
}

fn resource(body: Value) -> Resource {
    Resource::from(body.as_object().unwrap().clone())
}

fn full() -> Content {
    let body = json!({"schemas": [USER], "userName": "jdoe", "password": "canary"});
    Content::full(&ResourceType::user(), resource(body), &version())
}

fn notice() -> Content {
    Content::notice(["id".into(), "userName".into(), "password".into()], &version())
}

fn done(status: StatusCode, response: Option<Value>) -> SetEvent {
    let mut result = BulkResult::new(BulkMethod::Put, status);
    result.response = response;
    SetEvent::AsyncResponse(result)
}

/// One of each kind.
fn every_event() -> Vec<SetEvent> {
    vec![
        SetEvent::FeedAdd,
        SetEvent::FeedRemove,
        SetEvent::Create(full()),
        SetEvent::Create(notice()),
        SetEvent::Patch(full()),
        SetEvent::Patch(notice()),
        SetEvent::Put(full()),
        SetEvent::Put(notice()),
        SetEvent::Delete,
        SetEvent::Activate,
        SetEvent::Deactivate,
        done(StatusCode::OK, None),
    ]
}

#[test]
fn r99_2_1_01_the_subject_is_in_sub_id_at_the_top() {
    for event in every_event() {
        let written = token(vec![event.clone()]).unwrap();
        let claims = written.to_claims();
        assert_eq!(
            claims["sub_id"],
            json!({
                "format": "scim",
                "uri": "/Users/44f6142df96bd6ab61e7521d9",
                "externalId": "jdoe",
            })
        );
        assert_eq!(EventToken::from_claims(&claims).unwrap(), written, "{event:?}");
    }
    for uri in ["", "/", "Users/1", "https://example.com/Users/1", "//example.com/Users/1"] {
        assert_eq!(Subject::new(uri), Err(SetError::Uri), "{uri}");
    }
    let mut claims = token(vec![SetEvent::Delete]).unwrap().to_claims();
    claims["sub_id"]["format"] = "email".into();
    assert_eq!(EventToken::from_claims(&claims), Err(SetError::Format));
    claims.as_object_mut().unwrap().remove("sub_id");
    let missing = SetError::Claim { name: "sub_id" };
    assert_eq!(EventToken::from_claims(&claims), Err(missing));
}

#[test]
fn r99_2_1_02_the_subject_is_nowhere_else() {
    for event in every_event() {
        let claims = token(vec![event.clone()]).unwrap().to_claims();
        assert_eq!(claims.get("sub"), None);
        let payload = &claims["events"][event.uri()];
        assert_eq!((payload.get("sub_id"), payload.get("sub")), (None, None));
        let mut with_sub = claims.clone();
        with_sub["sub"] = "jdoe".into();
        assert_eq!(EventToken::from_claims(&with_sub), Err(SetError::Sub));
        let mut inside = claims.clone();
        inside["events"][event.uri()]["sub_id"] = claims["sub_id"].clone();
        assert_eq!(EventToken::from_claims(&inside), Err(SetError::Sub));
    }
}

#[test]
fn r99_2_2_01_there_is_data_or_there_are_attributes() {
    for event in every_event() {
        let claims = token(vec![event.clone()]).unwrap().to_claims();
        let uri = event.uri();
        let payload = claims["events"][&uri].as_object().unwrap();
        let has = (payload.contains_key("data"), payload.contains_key("attributes"));
        let expected = (uri.ends_with(":full"), uri.ends_with(":notice"));
        assert_eq!(has, expected, "{uri}");
        if expected == (false, false) {
            continue;
        }
        for wrong in [
            json!({"data": {}, "attributes": []}),
            json!({}),
            if expected.0 { json!({"attributes": []}) } else { json!({"data": {}}) },
        ] {
            let mut claims = claims.clone();
            claims["events"][&uri] = wrong;
            let refused = EventToken::from_claims(&claims);
            assert_eq!(refused, Err(SetError::Payload { uri: uri.as_str().into() }));
        }
    }
}

#[test]
fn r99_2_2_02_a_transaction_has_a_name_that_stays() {
    let tell = |id: &str| named(id, "txn-1", vec![done(StatusCode::OK, None)]).unwrap().to_claims();
    let (first, again) = (tell("one"), tell("two"));
    assert_eq!(first["txn"], "txn-1");
    assert_eq!(again["txn"], first["txn"]);
    assert_ne!(again["jti"], first["jti"]);
    // The end of an asynchronous request is nothing without it.
    let mut claims = first;
    claims.as_object_mut().unwrap().remove("txn");
    assert_eq!(EventToken::from_claims(&claims), Err(SetError::Claim { name: "txn" }));
}

#[test]
fn r99_2_4_01_the_uri_says_what_there_is() {
    let uris = [
        (SetEvent::Create(full()), "prov:create:full"),
        (SetEvent::Create(notice()), "prov:create:notice"),
        (SetEvent::Patch(full()), "prov:patch:full"),
        (SetEvent::Patch(notice()), "prov:patch:notice"),
        (SetEvent::Put(full()), "prov:put:full"),
        (SetEvent::Put(notice()), "prov:put:notice"),
        (SetEvent::Activate, "prov:activate"),
        (SetEvent::Deactivate, "prov:deactivate"),
    ];
    for (event, uri) in uris {
        assert_eq!(event.uri(), format!("{PREFIX}{uri}"));
    }
    let mut claims = token(vec![SetEvent::Create(full())]).unwrap().to_claims();
    for uri in ["prov:create", "prov:create:partial", "prov:activate:full", "other", "prov:PUT"] {
        let uri = format!("{PREFIX}{uri}");
        claims["events"] = json!({&uri: {"data": {}}});
        let refused = EventToken::from_claims(&claims);
        assert_eq!(refused, Err(SetError::Event { uri: uri.into() }));
    }
}

#[test]
fn r99_2_4_4_01_a_deletion_stands_for_itself() {
    let claims = token(vec![SetEvent::Delete]).unwrap().to_claims();
    let mut expected = json!({});
    expected[format!("{PREFIX}prov:delete")] = json!({});
    assert_eq!(claims["events"], expected);
    let both = vec![SetEvent::Delete, SetEvent::FeedRemove];
    assert_eq!(token(both), Err(SetError::DeleteAndRemove));
    let mut claims = claims;
    claims["events"][format!("{PREFIX}feed:remove")] = json!({});
    assert_eq!(EventToken::from_claims(&claims), Err(SetError::DeleteAndRemove));
    for form in ["full", "notice"] {
        let uri = format!("{PREFIX}prov:delete:{form}");
        claims["events"] = json!({&uri: {"data": {}}});
        let refused = EventToken::from_claims(&claims);
        assert_eq!(refused, Err(SetError::Event { uri: uri.into() }));
    }
}

#[test]
fn r99_2_5_1_2_01_each_operation_of_a_bulk_request_ends_under_its_own_number() {
    let names: Vec<_> = (0..10).map(|index| bulk_transaction("2d80", index)).collect();
    assert_eq!(names[0], "2d80:0");
    assert_eq!(names[9], "2d80:9");
    // Whatever the order in which they end, the numbers are those of the request.
    for index in [7, 0, 3] {
        let mut result = BulkResult::new(BulkMethod::Post, StatusCode::CREATED);
        result.bulk_id = Some("qwerty".into());
        let events = vec![SetEvent::AsyncResponse(result)];
        let claims = named("jti", &bulk_transaction("2d80", index), events).unwrap().to_claims();
        assert_eq!(claims["txn"], format!("2d80:{index}"));
        assert_eq!(claims["events"].as_object().unwrap().len(), 1);
    }
    let twice = vec![done(StatusCode::OK, None), done(StatusCode::CREATED, None)];
    assert_eq!(token(twice), Err(SetError::Events), "one event for each operation");
}

#[test]
fn r99_2_5_1_3_01_the_end_of_a_request_has_the_form_of_a_bulk_result() {
    let uri = format!("{PREFIX}misc:asyncresp");
    let mut result = BulkResult::new(BulkMethod::Put, StatusCode::OK);
    result.version = Some(Version::weak("huJj29dMNgu3WXPD"));
    let claims = token(vec![SetEvent::AsyncResponse(result)]).unwrap().to_claims();
    let expected = json!({"method": "PUT", "version": "W/\"huJj29dMNgu3WXPD\"", "status": "200"});
    assert_eq!(claims["events"][&uri], expected);
    let error = json!({
        "schemas": [ERROR], "scimType": "invalidSyntax", "detail": "Request is unparsable",
        "status": "400",
    });
    let failed = done(StatusCode::BAD_REQUEST, Some(error.clone()));
    let mut claims = token(vec![failed]).unwrap().to_claims();
    assert_eq!(claims["events"][&uri]["response"], error);
    assert_eq!(token(vec![done(StatusCode::BAD_REQUEST, None)]), Err(SetError::Response));
    claims["events"][&uri].as_object_mut().unwrap().remove("response");
    assert_eq!(EventToken::from_claims(&claims), Err(SetError::Response));
}

#[test]
fn what_happened_in_a_store_is_told_as_notices() {
    let ty = ResourceType::user();
    let event = |record: ChangeRecord| {
        let scope = Scope::tenant(TenantId::new("a").unwrap());
        let at = DateTime::from_timestamp(1_458_505_044, 0).unwrap();
        ChangeEvent::new(1, scope, "User", ResourceId::from("1"), version(), at, record)
    };
    let uris = |record: ChangeRecord| -> Vec<String> {
        let event = event(record);
        assert_eq!(&*Subject::of(&ty, &event).unwrap().uri, "/Users/1");
        let events = SetEvent::notices(&event);
        let uris = events.iter().map(|event| event.uri()[PREFIX.len()..].to_owned()).collect();
        token(events).unwrap();
        uris
    };
    let valid = |body: Value| ty.validate_new(resource(body), &Policy::strict()).unwrap();
    let off = valid(json!({"schemas": [USER], "userName": "a", "active": false}));
    let on = valid(json!({"schemas": [USER], "userName": "a", "active": true}));
    let change = |before: &Resource, after: &Resource| {
        let changes = scim2_core::change::ChangeSet::of(&ty, before, after);
        ChangeRecord::changed(&ty, before, after, &changes)
    };
    assert_eq!(uris(ChangeRecord::created(&ty, &on)), ["prov:create:notice"]);
    assert_eq!(uris(ChangeRecord::created(&ty, &off)), ["prov:create:notice", "prov:deactivate"]);
    assert_eq!(uris(change(&on, &off)), ["prov:patch:notice", "prov:deactivate"]);
    assert_eq!(uris(change(&off, &on)), ["prov:patch:notice", "prov:activate"]);
    assert_eq!(uris(ChangeRecord::deleted(&ty, &on)), ["prov:delete"]);
}

#[test]
fn sec_07_no_token_holds_what_is_never_returned() {
    let token = token(vec![SetEvent::Create(full())]).unwrap();
    let claims = token.to_claims();
    assert_eq!(claims["events"][format!("{PREFIX}prov:create:full")]["data"]["userName"], "jdoe");
    assert!(!claims.to_string().contains("canary"));
    // Nor does `Debug` show any value.
    assert!(!format!("{token:?}").contains("\"jdoe\"}"));
    assert!(format!("{:?}", full()).contains("userName"));
    assert!(!format!("{:?}", full()).contains("jdoe"));
}
