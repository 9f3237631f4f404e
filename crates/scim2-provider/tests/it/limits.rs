//! How much clients may ask for.

use std::future::Future;
use std::num::NonZeroU32;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use http::Request;
use scim2_provider::RateLimit;

use crate::support::*;

fn rate(per_second: u32) -> Option<RateLimit> {
    NonZeroU32::new(per_second).map(RateLimit::per_second)
}

#[test]
fn h20_more_than_the_rate_is_429_with_retry_after() {
    let server = Setup::config(|config| config.client_rate = rate(2)).server();
    server.get("/Users").is(200);
    server.post("/Users", user("a")).is(201);
    let refused = server.post("/Users", user("b")).is(429);
    assert_eq!(refused.header("retry-after"), Some("1"));
    assert!(refused.body.get("scimType").is_none());
    // Nothing was done, others are not concerned, and soon it goes on.
    let b = format!("Bearer {TOKEN_B}");
    server.call("GET", "/Users", &[("authorization", &b)], b"").is(200);
    server.clock.advance(1000);
    assert_eq!(server.total("/Users"), 1);
}

#[test]
fn h20_a_tenant_has_a_rate_of_its_own() {
    let server = Setup::config(|config| config.tenant_rate = rate(1)).server();
    server.get("/Users").is(200);
    server.get("/Users").is(429);
    server.clock.advance(500);
    assert_eq!(server.get("/Users").is(429).header("retry-after"), Some("1"));
    server.clock.advance(500);
    server.get("/Users").is(200);
}

#[test]
fn h20_what_is_not_let_in_does_not_count() {
    let server = Setup::config(|config| config.client_rate = rate(1)).server();
    for _ in 0..5 {
        server.call("GET", "/Users", &[("authorization", "Bearer wrong")], b"").is(401);
    }
    server.get("/Users").is(200);
    for _ in 0..5 {
        server.get("/Users").is(429);
    }
    server.clock.advance(1000);
    server.get("/Users").is(200);
}

#[test]
fn sec_20_more_requests_at_a_time_than_the_limit_are_503() {
    let server = Setup::config(|config| config.max_concurrent = 1).server();
    let request = |path: &str| {
        let authorization = format!("Bearer {TOKEN}");
        Request::post(path).header("authorization", authorization).body(Bytes::new()).unwrap()
    };
    let (parts, _) = request("/Users").into_parts();
    {
        // A request whose body does not come holds the only place.
        let held = server.provider.handle_parts(&parts, |_| std::future::pending());
        let mut held = pin!(held);
        let mut cx = Context::from_waker(Waker::noop());
        assert!(matches!(held.as_mut().poll(&mut cx), Poll::Pending));
        let refused = server.get("/Users").is(503);
        assert_eq!(refused.header("retry-after"), Some("1"));
    }
    // It was given up, and its place is free.
    server.get("/Users").is(200);
}
