//! Changes of one resource wait for each other.

use std::future::Future;
use std::pin::pin;
use std::task::{Context, Waker};

use scim2_core::resource::ResourceId;
use scim2_provider::store::Turns;
use scim2_provider::{Scope, TenantId};

fn scope(tenant: &str) -> Scope {
    Scope::tenant(TenantId::new(tenant).unwrap())
}

/// Whether this is ready at once.
fn is_ready(future: impl Future) -> bool {
    pin!(future).poll(&mut Context::from_waker(Waker::noop())).is_ready()
}

fn nobody_is_busy(turns: &Turns) -> bool {
    format!("{turns:?}") == "Turns { busy: 0 }"
}

#[tokio::test]
async fn changes_of_one_resource_wait_and_others_do_not() {
    let turns = Turns::default();
    let (acme, one, two) = (scope("acme"), ResourceId::from("1"), ResourceId::from("2"));
    let alone = turns.alone(&acme, &one).await;
    assert!(!is_ready(turns.alone(&acme, &one)));
    assert!(!is_ready(turns.beside(&acme, &one)));
    assert!(is_ready(turns.alone(&acme, &two)));
    assert!(is_ready(turns.alone(&scope("other"), &one)));
    drop(alone);
    let beside = turns.beside(&acme, &one).await;
    assert!(is_ready(turns.beside(&acme, &one)));
    assert!(!is_ready(turns.alone(&acme, &one)));
    drop(beside);
    assert!(is_ready(turns.alone(&acme, &one)));
    assert!(nobody_is_busy(&turns), "{turns:?}");
}

#[tokio::test]
async fn who_waits_to_be_alone_is_passed_by_nobody() {
    let turns = Turns::default();
    let (acme, id) = (scope("acme"), ResourceId::from("1"));
    let beside = turns.beside(&acme, &id).await;
    let mut alone = Box::pin(turns.alone(&acme, &id));
    let mut context = Context::from_waker(Waker::noop());
    assert!(alone.as_mut().poll(&mut context).is_pending());
    assert!(!is_ready(turns.beside(&acme, &id)));
    drop(beside);
    drop(alone.await);
    assert!(nobody_is_busy(&turns), "{turns:?}");
}

#[tokio::test]
async fn who_stops_waiting_leaves_nothing_behind() {
    let turns = Turns::default();
    let (acme, id) = (scope("acme"), ResourceId::from("1"));
    let first = turns.alone(&acme, &id).await;
    let mut waiting = Box::pin(turns.alone(&acme, &id));
    assert!(waiting.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
    drop(first);
    drop(waiting);
    assert!(nobody_is_busy(&turns), "{turns:?}");
    assert!(is_ready(turns.alone(&acme, &id)));
}
