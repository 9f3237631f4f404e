//! A target that cannot be reached, does not let us in, or does not do what it should.

use bytes::Bytes;
use http::{Request, Response};
use scim2_client::{Client, InProcess};
use scim2_sync::connection::{ConnectionError, test_connection};
use scim2_sync::problem::ErrorCode;
use scim2_sync::{CycleKind, SyncError};

use crate::support::*;

async fn tested(status: u16, body: &'static str) -> Result<(), ConnectionError> {
    let transport = InProcess::new(move |request: Request<Bytes>| async move {
        let query = request.uri().query().unwrap();
        assert!(query.starts_with("filter=userName%20eq%20%22"), "{query}");
        let mut response = Response::new(Bytes::from_static(body.as_bytes()));
        *response.status_mut() = http::StatusCode::from_u16(status).unwrap();
        response
    });
    let client =
        Client::builder(transport, URL.parse().unwrap()).bearer("t".into()).build().unwrap();
    test_connection(&client, &"userName".parse().unwrap()).await
}

#[tokio::test]
async fn an_empty_list_is_what_is_hoped_for() {
    for body in [r#"{"totalResults": 0, "Resources": []}"#, r#"{"totalResults": 0}"#] {
        tested(200, body).await.unwrap();
    }
}

#[tokio::test]
async fn a_401_may_be_the_url_as_well_as_the_token() {
    let error = tested(401, "{}").await.unwrap_err();
    assert!(matches!(error, ConnectionError::Unauthorized { .. }));
    let text = error.to_string();
    assert!(
        text.contains("the token and the base URL") && text.contains("doubled slash"),
        "{text}"
    );
}

#[tokio::test]
async fn a_404_or_a_web_page_is_no_list() {
    for (status, body) in [(404, "{}"), (200, "<html>"), (500, "")] {
        let error = tested(status, body).await.unwrap_err();
        assert!(matches!(error, ConnectionError::Failed { .. }), "{status}: {error}");
    }
}

#[tokio::test]
async fn sec_10_a_target_that_ignores_the_filter_is_not_synchronized() {
    let list = r#"{"totalResults": 2, "Resources": [{"id": "1", "userName": "a"}]}"#;
    let error = tested(200, list).await.unwrap_err();
    assert!(matches!(error, ConnectionError::IgnoresFilter { found: 2, .. }), "{error}");
}

#[tokio::test]
async fn a_target_that_is_down_is_left_alone_soon() {
    let emulator = Emulator::aws();
    let snapshot = small(200);
    emulator.fault(Fault::Down, 1);
    let error = engine(&emulator).run_cycle(CycleKind::Initial, &snapshot).await.unwrap_err();
    assert!(matches!(error, SyncError::Connection(_)), "{error}");

    emulator.fault(Fault::Down, 10);
    let before = emulator.requests();
    let mut engine = engine(&emulator);
    let error = engine.run_cycle(CycleKind::Initial, &snapshot).await.unwrap_err();
    let SyncError::Stopped { problem, report } = error else { panic!("{error}") };
    assert_eq!(problem.code, ErrorCode::WebExceptionProtocolError);
    assert!(emulator.requests() - before < 70, "{}", emulator.requests() - before);
    assert!(report.created > 0);

    // It goes on where it was.
    emulator.repair();
    let again = engine.run_cycle(CycleKind::Incremental, &snapshot).await.unwrap();
    assert_eq!(report.created + again.created + again.matched, 201, "{report} {again}");
    assert_eq!(engine.verify(&snapshot).await.unwrap().differences, []);
}

#[tokio::test]
async fn one_answer_that_is_lost_costs_a_look() {
    let emulator = Emulator::aws();
    let snapshot = small(20);
    emulator.fault(Fault::OneAnswerLost, 7);
    let mut engine = engine(&emulator);
    let report = engine.run_cycle(CycleKind::Initial, &snapshot).await.unwrap();
    assert_eq!(report.failed, 0, "{:?}", report.failures);
    assert_eq!(all(&emulator, "/Users").await.len(), 20);
    assert_eq!(engine.verify(&snapshot).await.unwrap().differences, []);
}
