//! A service provider over the memory store, called without a network.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use http::{Request, StatusCode};
use scim2_core::patch_op::PatchOp;
use scim2_core::rules::{EndpointRules, PatchAnswer};
use scim2_core::{Resource, ResourceType};
use scim2_provider::auth::{BearerToken, BearerTokens};
use scim2_provider::{MemoryStore, ProviderConfig, Scope, ServiceProvider, TenantId};
use serde_json::json;

const TOKEN: &str = "h480djs93hd8";

/// Answers PATCH by 204: large groups are not printed.
#[derive(Debug)]
struct Silent;

impl EndpointRules for Silent {
    fn patch_answer(&self, _: &ResourceType) -> PatchAnswer {
        PatchAnswer::NoContent
    }
}

/// An endpoint with one group in it.
pub struct Endpoint {
    provider: ServiceProvider<MemoryStore, BearerTokens>,
    path: String,
    bodies: [Bytes; 2],
    turn: usize,
}

impl Endpoint {
    /// An endpoint with a group of this many members.
    #[must_use]
    pub fn new(members: usize) -> Self {
        let scope = Scope::tenant(TenantId::new("a").expect("a name"));
        let token = BearerToken::new("a", &TOKEN.into(), scope).expect("a token");
        let mut config = ProviderConfig::default();
        config.max_body = 1 << 30;
        let provider = ServiceProvider::builder(MemoryStore::default())
            .base_url(url::Url::parse("https://example.com/v2").expect("a URL"))
            .authenticator(BearerTokens::new([token]))
            .rules(Arc::new(Silent))
            .config(config)
            .build()
            .expect("a service provider");
        let mut endpoint =
            Self { provider, path: String::new(), bodies: Default::default(), turn: 0 };
        let created = endpoint.call("POST", "/Groups", crate::core::group(members).to_bytes());
        let created: Resource = serde_json::from_slice(&created).expect("the group");
        endpoint.path = format!("/Groups/{}", created.id().expect("an id"));
        let member = "2819c223-7f76-453a-919d-413861904646";
        let requests = [
            PatchOp::new().add("members", json!([{ "value": member }])),
            PatchOp::new().remove(format!(r#"members[value eq "{member}"]"#)),
        ];
        endpoint.bodies = requests.map(|op| serde_json::to_vec(&op).expect("JSON").into());
        endpoint
    }

    /// Adds one member, or takes it out again.
    pub fn patch(&mut self) {
        let body = self.bodies[self.turn % 2].clone();
        self.turn += 1;
        let path = self.path.clone();
        assert!(self.call("PATCH", &path, body).is_empty());
    }

    fn call(&self, method: &str, path: &str, body: Bytes) -> Bytes {
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header("authorization", format!("Bearer {TOKEN}"))
            .header("content-type", "application/scim+json")
            .body(body)
            .expect("a request");
        let response = block_on(self.provider.handle(request));
        let status = response.status();
        assert!(
            [StatusCode::CREATED, StatusCode::NO_CONTENT].contains(&status),
            "{status} {:?}",
            response.body()
        );
        response.into_body()
    }
}

/// The memory store never waits.
fn block_on<F: Future>(future: F) -> F::Output {
    let mut future = pin!(future);
    let mut cx = Context::from_waker(Waker::noop());
    loop {
        if let Poll::Ready(output) = future.as_mut().poll(&mut cx) {
            return output;
        }
    }
}
