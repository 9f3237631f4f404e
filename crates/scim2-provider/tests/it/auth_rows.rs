//! The rows of authentication, tenancy and privacy, each by its name.

use std::collections::HashMap;
use std::sync::Mutex;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use http::Request;
use http::request::Parts;
use scim2_core::Error;
use scim2_provider::auth::{
    Action, AuthError, BearerToken, BearerTokens, Permissions, Principal, Verb, generate_token,
};
use scim2_provider::events::{ChangeHook, ChangeKind, ProposedChange};
use scim2_provider::{Authenticator, MemoryStore, Scope, ServiceProvider, TenantId};
use serde_json::{Value, json};

use crate::support::*;

/// What the documentation tells hosts about authentication.
const DOCUMENTATION: &str = include_str!("../../src/auth.rs");

fn scope(tenant: &str) -> Scope {
    Scope::tenant(TenantId::new(tenant).unwrap())
}

fn provider<A: Authenticator>(authenticator: A) -> ServiceProvider<MemoryStore, A> {
    ServiceProvider::builder(MemoryStore::default())
        .base_url(url::Url::parse(BASE).unwrap())
        .authenticator(authenticator)
        .build()
        .unwrap()
}

/// Sends a request of a client, and returns the status and the body.
fn send<A: Authenticator>(
    provider: &ServiceProvider<MemoryStore, A>,
    client: &str,
    method: &str,
    path: &str,
    body: Value,
) -> (u16, Value) {
    let mut request = Request::builder().method(method).uri(path);
    if !client.is_empty() {
        request = request.header("x-client", client);
        request = request.header("authorization", format!("Bearer {client}"));
    }
    let body = if body.is_null() { Bytes::new() } else { body.to_string().into() };
    let response = block_on(provider.handle(request.body(body).unwrap()));
    let body = serde_json::from_slice(response.body()).unwrap_or_default();
    (response.status().as_u16(), body)
}

fn client(parts: &Parts) -> Option<&str> {
    parts.headers.get("x-client")?.to_str().ok()
}

/// Tokens of clients that may do different things.
fn tokens() -> BearerTokens {
    let token = |name: &str, permissions| {
        BearerToken::new(name, &name.into(), scope("a")).unwrap().permissions(permissions)
    };
    let groups = Permissions::none().and("Group", [Verb::Read, Verb::Patch]);
    BearerTokens::new([
        token("all", Permissions::all()),
        token("reader", Permissions::read_only()),
        token("groups", groups),
        token("nothing", Permissions::none()),
    ])
}

#[test]
fn r44_2_04_each_client_maps_to_what_it_may_do() {
    let provider = provider(tokens());
    let (status, created) = send(&provider, "all", "POST", "/Users", user("a"));
    assert_eq!(status, 201);
    let of_user = format!("/Users/{}", created["id"].as_str().unwrap());
    let group = json!({"schemas": [GROUP], "displayName": "g"});
    let (_, group) = send(&provider, "all", "POST", "/Groups", group);
    let of_group = format!("/Groups/{}", group["id"].as_str().unwrap());
    let patch = json!({"schemas": [PATCH_OP], "Operations": [
        {"op": "add", "path": "displayName", "value": "x"}]});
    let search = json!({"schemas": [SEARCH]});
    let requests = [
        ("GET", "/Users", Value::Null),
        ("POST", "/Users/.search", search),
        ("GET", &of_user, Value::Null),
        ("GET", &of_group, Value::Null),
        ("PATCH", &of_group, patch.clone()),
        ("PATCH", &of_user, patch),
        ("PUT", &of_user, user("a")),
        ("POST", "/Users", user("b")),
        ("DELETE", &of_user, Value::Null),
    ];
    let statuses = |client: &str| -> Vec<u16> {
        let send = |(method, path, body): &(&str, &str, Value)| {
            send(&provider, client, method, path, body.clone()).0
        };
        requests.iter().map(send).collect()
    };
    assert_eq!(statuses("nothing"), [403; 9]);
    assert_eq!(statuses("groups"), [403, 403, 403, 200, 200, 403, 403, 403, 403]);
    assert_eq!(statuses("reader"), [200, 200, 200, 200, 403, 403, 403, 403, 403]);
    assert_eq!(statuses("all"), [200, 200, 200, 200, 200, 200, 200, 201, 204]);
    assert_eq!(statuses("stranger"), [401; 9]);
    assert_eq!(statuses(""), [401; 9]);
}

/// Lets everybody in and notes what they were asked for.
#[derive(Default)]
struct Notes(Mutex<Vec<(String, Verb)>>);

impl Authenticator for Notes {
    async fn authenticate(&self, _: &Parts) -> Result<Principal, AuthError> {
        Ok(Principal::new("c", scope("a")))
    }

    fn authorize(&self, principal: &Principal, action: &Action<'_>) -> bool {
        assert_eq!(&*principal.name, "c");
        self.0.lock().unwrap().push((action.resource_type.name().to_owned(), action.verb));
        true
    }
}

#[test]
fn r44_2_05_subject_and_action_are_considered_for_each_request() {
    use std::sync::Arc;

    struct Shared(Arc<Notes>);

    impl Authenticator for Shared {
        async fn authenticate(&self, parts: &Parts) -> Result<Principal, AuthError> {
            self.0.authenticate(parts).await
        }

        fn authorize(&self, principal: &Principal, action: &Action<'_>) -> bool {
            self.0.authorize(principal, action)
        }
    }

    let notes = Arc::new(Notes::default());
    let provider = provider(Shared(Arc::clone(&notes)));
    for (method, path, verb) in [
        ("POST", "/Users", Verb::Create),
        ("GET", "/Users", Verb::Query),
        ("POST", "/Groups/.search", Verb::Query),
        ("GET", "/Groups/x", Verb::Read),
        ("PUT", "/Groups/x", Verb::Replace),
        ("PATCH", "/Users/x", Verb::Patch),
        ("DELETE", "/Users/x", Verb::Delete),
    ] {
        send(&provider, "c", method, path, json!({}));
        let asked = std::mem::take(&mut *notes.0.lock().unwrap());
        let resource_type = if path.starts_with("/Users") { "User" } else { "Group" };
        assert_eq!(asked, [(resource_type.to_owned(), verb)], "{method} {path}");
    }
    // Each operation of a bulk request.
    let operations = json!({
        "schemas": ["urn:ietf:params:scim:api:messages:2.0:BulkRequest"],
        "Operations": [
            {"method": "POST", "path": "/Users", "bulkId": "u", "data": user("a")},
            {"method": "DELETE", "path": "/Groups/x"},
        ],
    });
    assert_eq!(send(&provider, "c", "POST", "/Bulk", operations).0, 200);
    let asked = std::mem::take(&mut *notes.0.lock().unwrap());
    assert_eq!(asked, [("User".to_owned(), Verb::Create), ("Group".to_owned(), Verb::Delete)]);
}

/// Knows from an outer layer how a client signed in.
struct Strength;

#[derive(Clone, PartialEq)]
enum SignedIn {
    ByPassword,
    ByKey,
}

impl Authenticator for Strength {
    async fn authenticate(&self, parts: &Parts) -> Result<Principal, AuthError> {
        let principal = Principal::new("c", scope("a"));
        match parts.extensions.get::<SignedIn>() {
            Some(SignedIn::ByKey) => Ok(principal),
            // Good for a registration, which is made once.
            Some(SignedIn::ByPassword) => {
                Ok(principal.with_permissions(Permissions::of([Verb::Create])))
            }
            None => Err(AuthError::Missing),
        }
    }
}

#[test]
fn r44_2_02_what_was_weakly_authenticated_is_good_for_one_time_requests_at_most() {
    let provider = provider(Strength);
    let status = |method: &str, path: &str, signed_in: SignedIn, body: Value| {
        let request = Request::builder().method(method).uri(path).extension(signed_in);
        block_on(provider.handle(request.body(body.to_string().into()).unwrap())).status().as_u16()
    };
    assert_eq!(status("POST", "/Users", SignedIn::ByPassword, user("a")), 201);
    assert_eq!(status("GET", "/Users", SignedIn::ByPassword, Value::Null), 403);
    assert_eq!(status("GET", "/Users", SignedIn::ByKey, Value::Null), 200);
    assert!(DOCUMENTATION.contains("issued on weak or no authentication"));
}

#[test]
fn r44_2_06_basic_authentication_is_not_offered() {
    let provider = provider(tokens());
    assert_eq!(provider.service_provider_config().authentication_schemes.len(), 1);
    // "all:all"
    let request = Request::get("/Users").header("authorization", "Basic YWxsOmFsbA==");
    let response = block_on(provider.handle(request.body(Bytes::new()).unwrap()));
    assert_eq!(response.status(), 401);
    assert!(DOCUMENTATION.contains("combines it with\n//!   another factor"));
}

#[test]
fn r44_2_1_01_the_threats_to_tokens_are_told_to_hosts() {
    assert!(DOCUMENTATION.contains("RFC 7521 §8"));
    assert!(DOCUMENTATION.contains("checks issuer, audience and expiry"));
}

#[test]
fn r44_7_3_01_a_stolen_token_can_be_revoked_at_once_and_works_in_its_tenant_alone() {
    let token = |name: &str, tenant| BearerToken::new(name, &name.into(), scope(tenant)).unwrap();
    let tokens = std::sync::Arc::new(BearerTokens::new([token("one", "a"), token("two", "b")]));
    let parts = |token: &str| {
        let request = Request::get("/").header("authorization", format!("Bearer {token}"));
        request.body(()).unwrap().into_parts().0
    };
    let authenticate = |token: &str| block_on(tokens.authenticate(&parts(token)));
    assert_eq!(authenticate("one").unwrap().scope, scope("a"));
    assert_eq!(authenticate("two").unwrap().scope, scope("b"));
    tokens.set([token("two", "b")]);
    assert_eq!(authenticate("one"), Err(AuthError::Invalid));
    assert!(authenticate("two").is_ok());
    assert!(DOCUMENTATION.contains("§7.3"));
}

/// Lets strangers sign up, and no more; those who have signed in see the directory.
struct SelfService;

impl Authenticator for SelfService {
    async fn authenticate(&self, parts: &Parts) -> Result<Principal, AuthError> {
        let principal = |name| Principal::new(name, scope("a"));
        Ok(match client(parts) {
            None => principal("anonymous")
                .with_permissions(Permissions::none().and("User", [Verb::Create])),
            Some("app") => principal("app"),
            Some(name) => principal(name).with_permissions(Permissions::read_only()),
        })
    }
}

#[test]
fn r44_2_2_01_strangers_may_sign_up_where_the_host_wants_it() {
    let provider = provider(SelfService);
    assert_eq!(send(&provider, "", "POST", "/Users", user("a")).0, 201);
    assert_eq!(send(&provider, "", "GET", "/Users", Value::Null).0, 403);
    let group = json!({"schemas": [GROUP], "displayName": "g"});
    assert_eq!(send(&provider, "", "POST", "/Groups", group).0, 403);
}

#[test]
fn r44_7_7_01_applications_and_people_are_told_apart() {
    let provider = provider(SelfService);
    assert_eq!(send(&provider, "app", "POST", "/Users", user("a")).0, 201);
    let (status, found) = send(&provider, "babs", "GET", "/Users", Value::Null);
    assert_eq!((status, &found["totalResults"]), (200, &json!(1)));
    assert_eq!(send(&provider, "babs", "POST", "/Users", user("b")).0, 403);
    let path = format!("/Users/{}", found["Resources"][0]["id"].as_str().unwrap());
    assert_eq!(send(&provider, "babs", "DELETE", &path, Value::Null).0, 403);
    assert_eq!(send(&provider, "app", "DELETE", &path, Value::Null).0, 204);
}

/// Strangers may sign up, a few of them, and are let in by somebody else.
struct Doorkeeper {
    left: Mutex<u32>,
}

impl ChangeHook for Doorkeeper {
    fn check(&self, change: &ProposedChange<'_>) -> Result<(), Error> {
        let new = change.record.kind == ChangeKind::Created;
        if !new || &*change.principal.name != "anonymous" {
            return Ok(());
        }
        if !change.record.is_deactivation() {
            return Err(Error::invalid_value("`active` must be false until somebody agrees"));
        }
        let mut left = self.left.lock().unwrap();
        *left = left.checked_sub(1).ok_or_else(|| {
            Error::new(http::StatusCode::TOO_MANY_REQUESTS).detail("come back tomorrow")
        })?;
        Ok(())
    }
}

#[test]
fn r44_7_6_01_what_strangers_create_can_be_inactive_and_limited() {
    let provider = ServiceProvider::builder(MemoryStore::default())
        .base_url(url::Url::parse(BASE).unwrap())
        .authenticator(SelfService)
        .hook(Doorkeeper { left: Mutex::new(2) })
        .build()
        .unwrap();
    let sign_up = |name: &str, active: bool| {
        let mut body = user(name);
        body["active"] = active.into();
        send(&provider, "", "POST", "/Users", body).0
    };
    assert_eq!(sign_up("a", true), 400);
    assert_eq!(sign_up("a", false), 201);
    assert_eq!(sign_up("b", false), 201);
    assert_eq!(sign_up("c", false), 429);
    assert_eq!(send(&provider, "app", "POST", "/Users", user("d")).0, 201);
}

/// Checks something weak, and counts who fails.
#[derive(Default)]
struct Pins(Mutex<HashMap<String, u32>>);

impl Authenticator for Pins {
    async fn authenticate(&self, parts: &Parts) -> Result<Principal, AuthError> {
        let name = client(parts).ok_or(AuthError::Missing)?;
        let mut failures = self.0.lock().unwrap();
        let failures = failures.entry(name.to_owned()).or_default();
        if *failures >= 3 {
            return Err(AuthError::TooManyAttempts { retry_after: Duration::from_secs(60) });
        }
        if parts.headers.get("x-pin").is_some_and(|pin| pin == "1234") {
            return Ok(Principal::new(name, scope("a")));
        }
        *failures += 1;
        Err(AuthError::Invalid)
    }
}

#[test]
fn r44_7_7_03_those_who_guess_can_be_slowed_down() {
    let provider = provider(Pins::default());
    let send = |client: &str, pin: &str| {
        let request = Request::get("/Users").header("x-client", client).header("x-pin", pin);
        let response = block_on(provider.handle(request.body(Bytes::new()).unwrap()));
        let retry_after = response.headers().get("retry-after").cloned();
        (response.status().as_u16(), retry_after)
    };
    for _ in 0..3 {
        assert_eq!(send("mallory", "0000").0, 401);
    }
    let (status, retry_after) = send("mallory", "1234");
    assert_eq!(status, 429);
    assert_eq!(retry_after.unwrap(), "60");
    assert_eq!(send("babs", "1234").0, 200);
    assert!(DOCUMENTATION.contains("TooManyAttempts"));
}

#[test]
fn r44_7_2_02_hosts_are_told_that_tls_1_2_is_theirs_to_see_to() {
    assert!(DOCUMENTATION.contains("must speak TLS 1.2 or later"));
}

#[test]
fn r44_7_4_01_tokens_cannot_be_guessed_and_end() {
    // Also sec_05: no byte of a token is more likely than another.
    const TOKENS: u32 = 4000;
    let mut counts = [0_u32; 256];
    for _ in 0..TOKENS {
        let token = generate_token().unwrap();
        let random = URL_SAFE_NO_PAD.decode(token.expose().trim_start_matches("scim2_")).unwrap();
        assert_eq!(random.len(), 32);
        for byte in random {
            counts[usize::from(byte)] += 1;
        }
    }
    let expected = f64::from(TOKENS * 32) / 256.0;
    let square = |count: &u32| (f64::from(*count) - expected).powi(2) / expected;
    let chi_square: f64 = counts.iter().map(square).sum();
    // 255 degrees of freedom: beyond 420 in one of 10^9 runs, and `byte % 65` gives thousands.
    assert!(chi_square < 420.0, "{chi_square}");
    let clock = clock();
    let now = scim2_provider::Clock::now(&*clock);
    let token = BearerToken::new("t", &"t".into(), scope("a")).unwrap().expires(now);
    let tokens = BearerTokens::new([token]).with_clock(clock);
    assert_eq!(send(&provider(tokens), "t", "GET", "/Users", Value::Null).0, 401);
    assert!(DOCUMENTATION.contains("Tokens and personal data must not travel in the clear"));
}

#[test]
fn r44_7_5_1_01_urls_hold_no_personal_data() {
    let server = server();
    let mut body = user("canary-name");
    body["externalId"] = "canary-external".into();
    body["emails"] = json!([{"value": "canary@example.com"}]);
    let created = server.post("/Users", body).is(201);
    let location = created.header("location").unwrap();
    assert!(!location.contains("canary"));
    assert_eq!(location, format!("{BASE}/Users/{}", created.id()));
    server.user("another");
    let next = server.get("/Users?count=1&cursor").is(200).body["nextCursor"].clone();
    let next = URL_SAFE_NO_PAD.decode(next.as_str().unwrap()).unwrap();
    assert!(!String::from_utf8_lossy(&next).contains("canary"));
}

#[test]
fn r43_9_3_01_the_log_holds_no_values_of_attributes() {
    let log = log();
    let server = server();
    let mut body = user("p3rsonal-name");
    body["displayName"] = "P3rsonal Name".into();
    body["emails"] = json!([{"value": "p3rsonal@example.com", "type": "work"}]);
    let path = format!("/Users/{}", server.post("/Users", body.clone()).is(201).id());
    server.post("/Users", body.clone()).is(409);
    server.put(&path, body.clone()).is(200);
    body["active"] = "p3rsonal".into();
    server.put(&path, body).is(400);
    let rename = json!([{"op": "replace", "path": "displayName", "value": "P3rsonal N"}]);
    server.patch(&path, rename).is(200);
    let select = "emails[value eq \"p3rsonal@nowhere\"].type";
    server.patch(&path, json!([{"op": "replace", "path": select, "value": "x"}])).is(400);
    server.filter("/Users", "userName eq \"p3rsonal-name\"").is(200);
    server.filter("/Users", "userName eq \"p3rsonal-name\" and").is(400);
    server.get("/Users/p3rsonal-name").is(404);
    server.get("/p3rsonal-name").is(404);
    server.delete(&path).is(204);
    let log = log.text();
    assert!(log.contains("scim.audit"));
    let found = log.lines().find(|line| line.to_lowercase().contains("p3rsonal"));
    assert_eq!(found, None);
}
