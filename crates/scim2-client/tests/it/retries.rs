//! What is repeated, when, and how often.

use std::time::Duration;

use scim2_client::{Client, Delivery, ErrorClass, InProcess, RetryPolicy};
use scim2_core::patch_op::{PatchOp, PatchOpKind, PatchOperation};
use scim2_core::resource::ResourceId;
use scim2_core::user::User;
use serde_json::{Value, json};

use crate::script::{Script, Step, empty, headers, json as answer, lost, run, unsent};

fn babs() -> Value {
    json!({"id": "1", "userName": "bjensen"})
}

fn id() -> ResourceId {
    ResourceId::from("1")
}

/// A 503 with a `Retry-After`, which says that nothing was done.
fn busy() -> Step {
    headers(503, &[("retry-after", "2")], "")
}

#[test]
fn c06_reading_is_repeated_after_anything_that_passes() {
    for step in [empty(408), empty(429), empty(500), empty(502), empty(503), empty(504)] {
        let script = Script::new([step, answer(200, babs())]);
        run(script.client().users().get(&id())).unwrap();
        assert_eq!(script.seen().len(), 2);
    }
    for step in [lost(), unsent(), busy()] {
        let script = Script::new([step, answer(200, babs())]);
        run(script.client().users().get(&id())).unwrap();
    }
}

#[test]
fn c06_create_is_repeated_only_if_it_certainly_did_not_arrive() {
    for step in [unsent(), empty(429), busy()] {
        let script = Script::new([step, answer(201, babs())]);
        run(script.client().users().create(&User::new("bjensen"))).unwrap();
    }
    let unclear = [empty(408), empty(500), empty(502), empty(503), empty(504), lost()];
    for step in unclear.into_iter().chain([Step::Fail(Delivery::Unusable)]) {
        let script = Script::new([step]);
        let error = run(script.client().users().create(&User::new("bjensen"))).unwrap_err();
        assert_eq!(error.class(), ErrorClass::Ambiguous, "{error:?}");
        assert_eq!(script.seen().len(), 1, "{error:?}");
    }
}

#[test]
fn what_fails_in_the_same_way_again_is_not_repeated() {
    for step in [Step::Fail(Delivery::Refused), Step::Fail(Delivery::Unusable)] {
        let script = Script::new([step]);
        let error = run(script.client().users().get(&id())).unwrap_err();
        assert_eq!(error.class(), ErrorClass::Protocol);
        assert!(std::error::Error::source(&error).is_some());
    }
}

#[test]
fn c06_retry_after_in_seconds_is_obeyed() {
    let script = Script::new([headers(429, &[("retry-after", "7")], ""), answer(200, babs())]);
    run(script.client().users().get(&id())).unwrap();
    let slept = script.slept()[0];
    assert!(slept >= Duration::from_secs(7) && slept < Duration::from_secs(8), "{slept:?}");
}

#[test]
fn c06_retry_after_as_a_date_is_obeyed() {
    let date = [
        ("retry-after", "Wed, 21 Oct 2015 07:28:09 GMT"),
        ("date", "Wed, 21 Oct 2015 07:28:00 GMT"),
    ];
    let script = Script::new([headers(503, &date, ""), answer(201, babs())]);
    run(script.client().users().create(&User::new("bjensen"))).unwrap();
    let slept = script.slept()[0];
    assert!(slept >= Duration::from_secs(9) && slept < Duration::from_secs(10), "{slept:?}");
}

#[test]
fn a_retry_after_beyond_the_budget_is_handed_to_the_caller() {
    let script = Script::new([headers(429, &[("retry-after", "86400")], "")]);
    let error = run(script.client().users().get(&id())).unwrap_err();
    assert_eq!(error.class(), ErrorClass::Retryable);
    assert_eq!(error.retry_after(), Some(Duration::from_secs(86400)));
    assert!(script.slept().is_empty());
}

#[test]
fn c06_waits_grow_and_are_capped() {
    let script = Script::new((0..20).map(|_| empty(503)));
    let retry = RetryPolicy {
        max_attempts: 20,
        base: Duration::from_secs(1),
        cap: Duration::from_secs(8),
        max_wait: Duration::from_secs(1000),
    };
    let client = script.builder().retry(retry).build().unwrap();
    let error = run(client.users().get(&id())).unwrap_err();
    assert_eq!(error.attempts(), 20);
    assert_eq!(script.seen().len(), 20);
    for (i, slept) in script.slept().iter().enumerate() {
        let bound = Duration::from_secs(1 << i.min(3));
        assert!(*slept <= bound, "{i}: {slept:?}");
    }
}

#[test]
fn attempts_and_waiting_end() {
    let script = Script::new((0..6).map(|_| lost()));
    let error = run(script.client().users().get(&id())).unwrap_err();
    assert_eq!(error.attempts(), 6);
    assert_eq!(error.to_string(), "GET /Users/1 got no answer (attempt 6)");

    let script = Script::new((0..20).map(|_| headers(429, &[("retry-after", "4")], "")));
    let retry = RetryPolicy {
        max_attempts: 20,
        max_wait: Duration::from_secs(10),
        ..RetryPolicy::default()
    };
    let client = script.builder().retry(retry).build().unwrap();
    run(client.users().get(&id())).unwrap_err();
    let total: Duration = script.slept().iter().sum();
    assert!(total <= Duration::from_secs(10), "{total:?}");
}

#[test]
fn nothing_is_repeated_when_the_policy_says_so() {
    let script = Script::new([empty(503)]);
    let client = script.builder().retry(RetryPolicy::none()).build().unwrap();
    run(client.users().get(&id())).unwrap_err();
    assert_eq!(client.requests_sent(), 1);
}

#[test]
fn nothing_is_repeated_without_a_timer() {
    let busy = InProcess::new(|_| async {
        http::Response::builder().status(429).body(bytes::Bytes::new()).unwrap()
    });
    let client = Client::builder(busy, "http://localhost/".parse().unwrap()).build().unwrap();
    let error = run(client.users().get(&id())).unwrap_err();
    assert_eq!(error.class(), ErrorClass::Retryable);
    assert_eq!(client.requests_sent(), 1);
}

#[test]
fn a_delete_that_was_obeyed_the_first_time_is_a_success() {
    let script = Script::new([lost(), empty(404)]);
    run(script.client().users().delete(&id(), None)).unwrap();
    // A 429 says that nothing was done.
    let script = Script::new([empty(429), empty(404)]);
    let error = run(script.client().users().delete(&id(), None)).unwrap_err();
    assert_eq!(error.class(), ErrorClass::Gone);
    let script = Script::new([unsent(), empty(404)]);
    run(script.client().users().delete(&id(), None)).unwrap_err();
}

#[test]
fn patch_is_repeated_where_doing_it_twice_is_doing_it_once() {
    let pathless = |value: Value| {
        PatchOp::new().with(PatchOperation::new(PatchOpKind::Add, None, Some(value)))
    };
    let repeatable = [
        PatchOp::new().replace("title", "Guide").remove("nickName"),
        PatchOp::new().add("members", json!([{"value": "1"}, {"value": "2"}])),
        PatchOp::new().remove(r#"members[value eq "1"]"#),
        PatchOp::new().add("title", "Guide"),
        pathless(json!({"title": "Guide", "members": [{"value": "1"}]})),
    ];
    for op in repeatable {
        let script = Script::new([lost(), empty(204)]);
        run(script.client().users().patch(&id(), &op, None)).unwrap();
    }
    let once = [
        PatchOp::new().add("emails", json!([{"value": "a@example.com"}])),
        PatchOp::new().add("emails", json!({"value": "a@example.com"})),
        PatchOp::new().add(r#"emails[type eq "work"].value"#, "a@example.com"),
        PatchOp::new().replace("title", "Guide").add("phoneNumbers", json!([{"value": "1"}])),
        pathless(json!({"emails": [{"value": "a@example.com"}]})),
    ];
    for op in once {
        let script = Script::new([lost()]);
        let error = run(script.client().users().patch(&id(), &op, None)).unwrap_err();
        assert_eq!(error.class(), ErrorClass::Ambiguous);
    }
}

#[test]
fn a_token_that_was_exchanged_is_read_again_once() {
    use std::sync::atomic::{AtomicUsize, Ordering};
    let script = Script::new([empty(401), answer(200, babs())]);
    let asked = AtomicUsize::new(0);
    let client = script
        .builder()
        .bearer_with(move || match asked.fetch_add(1, Ordering::Relaxed) {
            0 => "old".into(),
            _ => "new".into(),
        })
        .build()
        .unwrap();
    run(client.users().get(&id())).unwrap();
    assert_eq!(script.seen()[1].header("authorization"), Some("Bearer new"));

    let script = Script::new([empty(401)]);
    let client = script.builder().bearer_with(|| "same".into()).build().unwrap();
    let error = run(client.users().get(&id())).unwrap_err();
    assert_eq!(error.class(), ErrorClass::Auth);
}
