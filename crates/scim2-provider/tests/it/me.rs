//! `/Me` (RFC 7644 §3.11, ruling H06), and clients that have no credentials (§2.2, §7.6).

use bytes::Bytes;
use http::Request;
use http::request::Parts;
use scim2_core::{Error, Resource, ResourceType};
use scim2_provider::auth::{Action, AuthError, BearerToken, BearerTokens, Principal, Verb};
use scim2_provider::{
    Authenticator, Me, MemoryStore, ProviderConfig, Scope, ServiceProvider, TenantId,
};
use serde_json::{Value, json};

use crate::support::*;

/// The client is the user that it names, if it names one; strangers may sign up.
struct Portal;

fn scope() -> Scope {
    Scope::tenant(TenantId::new("a").unwrap())
}

impl Authenticator for Portal {
    async fn authenticate(&self, parts: &Parts) -> Result<Principal, AuthError> {
        let name = parts.headers.get("x-user").map(|value| value.to_str().unwrap());
        Ok(match name {
            Some("admin") => Principal::new("admin", scope()),
            Some(id) => Principal::new("a user", scope()).with_subject("User", id),
            None => Principal::new("a stranger", scope()),
        })
    }

    fn authorize(&self, principal: &Principal, action: &Action<'_>) -> bool {
        match &*principal.name {
            "admin" => true,
            "a user" => action.verb != Verb::Delete,
            _ => action.verb == Verb::Create && action.resource_type.name() == "User",
        }
    }

    fn self_registration(&self, principal: &Principal) -> Option<&str> {
        (&*principal.name == "a stranger").then_some("User")
    }

    fn admit(
        &self,
        principal: &Principal,
        _: &ResourceType,
        resource: &mut Resource,
    ) -> Result<(), Error> {
        if &*principal.name == "a stranger" {
            if resource.get("roles").is_some() {
                return Err(Error::invalid_value("`roles` are not for strangers to choose"));
            }
            resource.insert("active", false);
        }
        Ok(())
    }
}

fn portal(me: Me) -> ServiceProvider<MemoryStore, Portal> {
    let mut config = ProviderConfig::default();
    config.me = me;
    ServiceProvider::builder(MemoryStore::default())
        .base_url(url::Url::parse(BASE).unwrap())
        .authenticator(Portal)
        .config(config)
        .build()
        .unwrap()
}

fn send(
    provider: &ServiceProvider<MemoryStore, Portal>,
    method: &str,
    path: &str,
    user: Option<&str>,
    body: Value,
) -> Reply {
    let mut request = Request::builder().method(method).uri(path);
    if let Some(user) = user {
        request = request.header("x-user", user);
    }
    let body = if body.is_null() { Bytes::new() } else { body.to_string().into() };
    let response = block_on(provider.handle(request.body(body).unwrap()));
    let (parts, bytes) = response.into_parts();
    let body = serde_json::from_slice(&bytes).unwrap_or(Value::Null);
    Reply { status: parts.status, headers: parts.headers, bytes, body }
}

fn created(provider: &ServiceProvider<MemoryStore, Portal>) -> String {
    send(provider, "POST", "/Users", Some("admin"), user("bjensen")).is(201).id().to_owned()
}

fn rename() -> Value {
    let operation = json!({"op": "add", "path": "nickName", "value": "Babs"});
    json!({"schemas": [PATCH_OP], "Operations": [operation]})
}

#[test]
fn r44_3_11_01_me_is_501_unless_offered() {
    let provider = portal(Me::Off);
    let id = created(&provider);
    for method in ["GET", "POST", "PUT", "PATCH", "DELETE"] {
        send(&provider, method, "/Me", Some(&id), json!({})).is(501);
    }
}

#[test]
fn r44_3_11_02_me_may_redirect_with_308() {
    let provider = portal(Me::Redirect);
    let id = created(&provider);
    let location = format!("{BASE}/Users/{id}");
    for method in ["GET", "PUT", "PATCH", "DELETE"] {
        let reply = send(&provider, method, "/Me", Some(&id), json!({})).is(308);
        assert_eq!(reply.header("location"), Some(&*location), "{method}");
        assert!(reply.bytes.is_empty());
    }
    let reply = send(&provider, "GET", "/Me?attributes=userName", Some(&id), Value::Null).is(308);
    assert_eq!(reply.header("location"), Some(&*format!("{location}?attributes=userName")));
    let reply = send(&provider, "POST", "/Me", None, user("new")).is(308);
    assert_eq!(reply.header("location"), Some(&*format!("{BASE}/Users")));
}

#[test]
fn r44_3_11_03_me_answered_directly_tells_the_permanent_uri() {
    let provider = portal(Me::Direct);
    let id = created(&provider);
    let location = format!("{BASE}/Users/{id}");
    let me = |method: &str, path: &str, body: Value| {
        let reply = send(&provider, method, path, Some(&id), body);
        assert_eq!(reply.header("location"), Some(&*location), "{method}");
        reply
    };
    let reply = me("GET", "/Me", Value::Null).is(200);
    assert_eq!(
        reply.body,
        send(&provider, "GET", &format!("/Users/{id}"), Some("admin"), Value::Null).body
    );
    me("HEAD", "/Me/", Value::Null).is(200);
    assert_eq!(me("PATCH", "/Me", rename()).is(200).body["nickName"], "Babs");
    assert_eq!(
        me("GET", "/Me?attributes=userName", Value::Null).is(200).body.get("nickName"),
        None
    );
    let reply = me("PUT", "/Me", user("barbara")).is(200);
    assert_eq!((&reply.body["id"], &reply.body["userName"]), (&json!(id), &json!("barbara")));
}

#[test]
fn h06_me_is_subject_to_the_same_rules_as_the_resource() {
    let provider = portal(Me::Direct);
    let id = created(&provider);
    send(&provider, "DELETE", "/Me", Some(&id), Value::Null).is(403);
    send(&provider, "PUT", "/Me", Some(&id), json!({"schemas": [USER]})).is(400);
    // A client that is no resource has no /Me, nor has one whose resource is gone.
    send(&provider, "GET", "/Me", Some("admin"), Value::Null).is(404);
    send(&provider, "DELETE", &format!("/Users/{id}"), Some("admin"), Value::Null).is(204);
    send(&provider, "GET", "/Me", Some(&id), Value::Null).is(404);
}

#[test]
fn h06_a_bearer_token_may_stand_for_a_user() {
    let mut config = ProviderConfig::default();
    config.me = Me::Direct;
    let store = MemoryStore::default();
    let tokens =
        std::sync::Arc::new(BearerTokens::new([
            BearerToken::new("admin", &TOKEN.into(), scope()).unwrap()
        ]));
    struct Shared(std::sync::Arc<BearerTokens>);
    impl Authenticator for Shared {
        async fn authenticate(&self, parts: &Parts) -> Result<Principal, AuthError> {
            self.0.authenticate(parts).await
        }
    }
    let provider = ServiceProvider::builder(store)
        .base_url(url::Url::parse(BASE).unwrap())
        .authenticator(Shared(tokens.clone()))
        .config(config)
        .build()
        .unwrap();
    let call = |method: &str, path: &str, token: &str, body: String| {
        let request = Request::builder().method(method).uri(path);
        let request = request.header("authorization", format!("Bearer {token}"));
        let response = block_on(provider.handle(request.body(body.into()).unwrap()));
        (response.status().as_u16(), serde_json::from_slice::<Value>(response.body()).unwrap())
    };
    let (_, created) = call("POST", "/Users", TOKEN, user("bjensen").to_string());
    let id = created["id"].as_str().unwrap();
    tokens.set([BearerToken::new("babs", &"own".into(), scope()).unwrap().subject("User", id)]);
    let (status, me) = call("GET", "/Me", "own", String::new());
    assert_eq!((status, me), (200, created));
}

#[test]
fn r44_3_11_04_who_may_post_to_me_and_what_it_makes_is_the_authenticator_s_to_say() {
    let provider = portal(Me::Direct);
    let reply = send(&provider, "POST", "/Me", None, user("new")).is(201);
    let location = format!("{BASE}/Users/{}", reply.id());
    assert_eq!(reply.header("location"), Some(&*location));
    let id = reply.id().to_owned();
    send(&provider, "POST", "/Me", Some(&id), user("again")).is(409);
    send(&provider, "POST", "/Me", Some("admin"), user("again")).is(501);
    assert_eq!(send(&provider, "GET", "/Me", Some(&id), Value::Null).is(200).body["id"], *id);
}

#[test]
fn r44_2_2_01_strangers_may_be_let_in_to_sign_up() {
    let provider = portal(Me::Off);
    send(&provider, "POST", "/Users", None, user("new")).is(201);
    send(&provider, "GET", "/Users", None, Value::Null).is(403);
    send(&provider, "POST", "/Groups", None, json!({})).is(403);
}

#[test]
fn r44_7_6_01_what_strangers_create_is_inactive_and_limited() {
    let provider = portal(Me::Direct);
    for path in ["/Users", "/Me"] {
        let mut body = user(path);
        body["active"] = true.into();
        assert_eq!(send(&provider, "POST", path, None, body.clone()).is(201).body["active"], false);
        body["userName"] = "other".into();
        body["roles"] = json!([{"value": "admin"}]);
        send(&provider, "POST", path, None, body.clone()).fails(400, "invalidValue");
        let reply = send(&provider, "POST", "/Users", Some("admin"), body).is(201);
        assert_eq!(reply.body["active"], true);
        send(&provider, "DELETE", &format!("/Users/{}", reply.id()), Some("admin"), Value::Null);
    }
    let operation = json!({"method": "POST", "path": "/Users", "bulkId": "x", "data": user("b")});
    let body = json!({"schemas": ["urn:ietf:params:scim:api:messages:2.0:BulkRequest"],
                      "Operations": [operation]});
    let reply = send(&provider, "POST", "/Bulk", None, body).is(200);
    let location = reply.body["Operations"][0]["location"].as_str().unwrap();
    let path = location.strip_prefix(BASE).unwrap();
    assert_eq!(send(&provider, "GET", path, Some("admin"), Value::Null).body["active"], false);
}
