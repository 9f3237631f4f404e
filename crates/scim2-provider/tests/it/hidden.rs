//! Attributes that some clients may not read (SEC-08).

use http::request::Parts;
use scim2_core::ResourceType;
use scim2_core::policy::UnknownFilterAttribute;
use scim2_core::syntax::AttrPath;
use scim2_core::{Policy, rules::EndpointRules};
use scim2_provider::auth::{AuthError, Principal};
use scim2_provider::{
    Authenticator, MemoryStore, ProviderConfig, RootSearch, Scope, ServiceProvider, TenantId,
};
use serde_json::{Value, json};

use crate::support::*;

/// Lets everybody in by name.
struct ByName;

impl Authenticator for ByName {
    async fn authenticate(&self, parts: &Parts) -> Result<Principal, AuthError> {
        let name = parts.headers["x-name"].to_str().unwrap();
        Ok(Principal::new(name, Scope::tenant(TenantId::new("a").unwrap())))
    }

    fn hidden(&self, principal: &Principal, ty: &ResourceType) -> Vec<AttrPath> {
        let paths: &[&str] = match (&*principal.name, ty.name()) {
            ("partial", "User") => &[
                "title",
                "emails",
                "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:costCenter",
            ],
            ("outsider", "Group") => &["members"],
            ("outsider", "User") => &["urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"],
            ("mistaken", _) => &["nosuch"],
            ("thorough", _) => &["meta"],
            _ => &[],
        };
        paths.iter().map(|path| path.parse().unwrap()).collect()
    }
}

#[derive(Debug)]
struct Titled;

impl EndpointRules for Titled {
    fn defaults(&self, ty: &ResourceType) -> scim2_core::Resource {
        let mut defaults = scim2_core::Resource::new();
        if ty.name() == "User" {
            defaults.insert("title", "none");
        }
        defaults
    }
}

struct Directory(ServiceProvider<MemoryStore, ByName>);

impl Directory {
    fn new(policy: Policy, titled: bool) -> Self {
        let mut config = ProviderConfig::default();
        config.root_search = Some(RootSearch::default());
        let mut builder = ServiceProvider::builder(MemoryStore::default())
            .base_url(url::Url::parse(BASE).unwrap())
            .authenticator(ByName)
            .policy(policy)
            .config(config);
        if titled {
            builder = builder.rules(std::sync::Arc::new(Titled));
        }
        Self(builder.build().unwrap())
    }

    fn call(&self, name: &str, method: &str, path: &str, body: &Value) -> (u16, Value) {
        let request = http::Request::builder().method(method).uri(path).header("x-name", name);
        let body = if body.is_null() { String::new() } else { body.to_string() };
        let response = block_on(self.0.handle(request.body(body.into()).unwrap()));
        let body = serde_json::from_slice(response.body()).unwrap_or(Value::Null);
        (response.status().as_u16(), body)
    }

    fn get(&self, name: &str, path: &str) -> Value {
        let (status, body) = self.call(name, "GET", path, &Value::Null);
        assert_eq!(status, 200, "{body}");
        body
    }

    #[track_caller]
    fn refuses(&self, name: &str, path: &str) -> Value {
        let (status, body) = self.call(name, "GET", path, &Value::Null);
        assert_eq!(status, 400, "{path} {body}");
        body
    }

    /// A user with everything, and where it is.
    fn person(&self) -> String {
        let (status, body) = self.call("everything", "POST", "/Users", &person());
        assert_eq!(status, 201, "{body}");
        format!("/Users/{}", body["id"].as_str().unwrap())
    }
}

fn directory() -> Directory {
    Directory::new(Policy::strict(), false)
}

fn person() -> Value {
    json!({
        "schemas": [USER, ENTERPRISE], "userName": "a", "displayName": "A", "title": "canary",
        "emails": [{"value": "canary@example.com", "type": "work"}],
        ENTERPRISE: {"costCenter": "canary", "department": "d"},
    })
}

fn patch(operations: Value) -> Value {
    json!({"schemas": [PATCH_OP], "Operations": operations})
}

fn url(filter: &str) -> String {
    percent_encoding::utf8_percent_encode(filter, percent_encoding::NON_ALPHANUMERIC).to_string()
}

#[test]
fn sec_08_what_is_hidden_is_in_no_answer() {
    let directory = directory();
    let path = directory.person();
    let op = patch(json!([{"op": "replace", "path": "displayName", "value": "B"}]));
    let answers = [
        directory.get("partial", &path),
        directory.get("partial", &format!("{path}?attributes=title,emails,{ENTERPRISE}")),
        directory.get("partial", "/Users"),
        directory.get("partial", "/Users?attributes=title&excludedAttributes="),
        directory.get("partial", "/?filter=id%20pr"),
        directory.call("partial", "PATCH", &path, &op).1,
        directory.call("partial", "POST", "/Users/.search", &json!({"schemas": [SEARCH]})).1,
    ];
    for answer in answers {
        assert!(!answer.to_string().contains("canary"), "{answer}");
        assert!(answer.to_string().contains("schemas"), "{answer}");
    }
    let shown = directory.get("partial", &path);
    assert_eq!(
        (&shown["displayName"], &shown[ENTERPRISE]),
        (&json!("B"), &json!({"department": "d"}))
    );
    // Who sees nothing of an extension does not see that there is one.
    assert_eq!(directory.get("outsider", &path)["schemas"], json!([USER]));
    let whole = directory.get("everything", &path);
    assert_eq!((&whole["title"], &whole["emails"][0]["type"]), (&json!("canary"), &json!("work")));
}

#[test]
fn sec_08_filters_and_orders_find_it_as_little_as_an_unknown_attribute() {
    let no_match = {
        let mut policy = Policy::strict();
        policy.filter.unknown_attribute = UnknownFilterAttribute::NoMatch;
        Directory::new(policy, false)
    };
    for directory in [directory(), no_match] {
        directory.person();
        for filter in [
            "title eq \"canary\"",
            "title eq \"other\"",
            "TITLE pr",
            "not (title pr)",
            "userName pr or title sw \"c\"",
            "emails[value co \"canary\"]",
            "emails co \"canary\"",
            "emails.type eq \"work\"",
            &format!("{ENTERPRISE}:costCenter eq \"canary\""),
            &format!("{ENTERPRISE} pr"),
            &format!("schemas eq \"{ENTERPRISE}\""),
        ] {
            let error = directory.refuses("partial", &format!("/Users?filter={}", url(filter)));
            assert_eq!(error["scimType"], "invalidFilter", "{filter}");
            directory.refuses("partial", &format!("/?filter={}", url(filter)));
            let search = json!({"schemas": [SEARCH], "filter": filter});
            assert_eq!(directory.call("partial", "POST", "/Users/.search", &search).0, 400);
            directory.get("everything", &format!("/Users?filter={}", url(filter)));
        }
        let found = format!("/Users?filter={}", url(&format!("{ENTERPRISE}:department eq \"d\"")));
        assert_eq!(directory.get("partial", &found)["totalResults"], 1);
        for sort in ["title", "emails.value", &format!("{ENTERPRISE}:costCenter")] {
            let error = directory.refuses("partial", &format!("/Users?sortBy={sort}"));
            assert_eq!(error["scimType"], "invalidValue");
            directory.get("everything", &format!("/Users?sortBy={sort}"));
        }
    }
    // In the same words as of an attribute that nobody has.
    let directory = directory();
    for path in ["/Users?filter=NAME%20pr", "/Users?sortBy=NAME"] {
        let said = |name: &str| {
            let error = directory.refuses("partial", &path.replace("NAME", name));
            error.to_string().replace(name, "NAME")
        };
        assert_eq!(said("title"), said("nosuch"));
    }
}

#[test]
fn sec_08_writing_it_is_writing_an_unknown_attribute_and_others_values_stay() {
    let directory = directory();
    let path = directory.person();
    let unchanged = || {
        let whole = directory.get("everything", &path);
        assert_eq!(whole["title"], "canary");
        assert_eq!(whole["emails"], person()["emails"]);
        assert_eq!(whole[ENTERPRISE]["costCenter"], "canary");
        whole
    };
    for (method, at, body) in [
        ("POST", "/Users", json!({"schemas": [USER], "userName": "b", "title": "x"})),
        ("PUT", &*path, json!({"schemas": [USER], "userName": "a", "title": "x"})),
        ("PATCH", &path, patch(json!([{"op": "replace", "path": "title", "value": "x"}]))),
        ("PATCH", &path, patch(json!([{"op": "remove", "path": "title"}]))),
        ("PATCH", &path, patch(json!([{"op": "add", "value": {"title": "x"}}]))),
        (
            "PATCH",
            &path,
            patch(json!([{"op": "replace", "path": "emails[value co \"canary\"].type",
                "value": "x"}])),
        ),
        ("PATCH", &path, patch(json!([{"op": "add", "value": {ENTERPRISE: {"costCenter": "x"}}}]))),
    ] {
        let (status, body) = directory.call("partial", method, at, &body);
        assert_eq!(status, 400, "{method} {body}");
        assert!(!body.to_string().contains("canary"), "{body}");
        unchanged();
    }
    let put = json!({"schemas": [USER, ENTERPRISE], "userName": "a", "nickName": "n",
        ENTERPRISE: {"department": "e"}});
    let (status, body) = directory.call("partial", "PUT", &path, &put);
    assert_eq!((status, &body["nickName"]), (200, &json!("n")), "{body}");
    assert_eq!(unchanged()[ENTERPRISE]["department"], "e");
    assert_eq!(unchanged().get("displayName"), None);
    // Without any of the extension in the body, the part that is not seen stays.
    let (status, body) =
        directory.call("partial", "PUT", &path, &json!({"schemas": [USER], "userName": "a"}));
    assert_eq!((status, body.get(ENTERPRISE)), (200, None), "{body}");
    assert_eq!(unchanged()[ENTERPRISE], json!({"costCenter": "canary"}));
    assert_eq!(unchanged()["schemas"], json!([USER, ENTERPRISE]));
    let remove = patch(json!([{"op": "add", "path": "nickName", "value": "m"},
        {"op": "remove", "path": ENTERPRISE}]));
    assert_eq!(directory.call("partial", "PATCH", &path, &remove).0, 200);
    assert_eq!(unchanged()["nickName"], "m");
    let nothing = patch(json!([{"op": "add", "path": "nickName", "value": "m"}]));
    let version = unchanged()["meta"]["version"].clone();
    assert_eq!(directory.call("partial", "PATCH", &path, &nothing).0, 200);
    assert_eq!(unchanged()["meta"]["version"], version);
}

#[test]
fn sec_08_members_that_are_hidden_stay() {
    let directory = directory();
    let group = json!({"schemas": [GROUP], "displayName": "g", "members": [{"value": "canary"}]});
    let (_, created) = directory.call("everything", "POST", "/Groups", &group);
    let path = format!("/Groups/{}", created["id"].as_str().unwrap());
    let add =
        |value: &str| patch(json!([{"op": "add", "path": "members", "value": [{"value": value}]}]));
    assert_eq!(directory.call("outsider", "PATCH", &path, &add("x")).0, 400);
    let rename = patch(json!([{"op": "replace", "path": "displayName", "value": "h"}]));
    let (status, body) = directory.call("outsider", "PATCH", &path, &rename);
    assert_eq!((status, body.get("members")), (200, None));
    let put = json!({"schemas": [GROUP], "displayName": "i"});
    assert_eq!(directory.call("outsider", "PUT", &path, &put).0, 200);
    let whole = directory.get("everything", &path);
    assert_eq!(
        (&whole["displayName"], &whole["members"][0]["value"]),
        (&json!("i"), &json!("canary"))
    );
    directory.refuses("outsider", "/Groups?filter=members.value%20eq%20%22canary%22");
    assert_eq!(directory.call("everything", "PATCH", &path, &add("y")).0, 200);
}

#[test]
fn sec_08_defaults_reach_what_the_client_does_not_see() {
    let directory = Directory::new(Policy::strict(), true);
    let (status, body) = directory.call("partial", "POST", "/Users", &user("b"));
    assert_eq!((status, body.get("title")), (201, None));
    let path = format!("/Users/{}", body["id"].as_str().unwrap());
    assert_eq!(directory.get("everything", &path)["title"], "none");
}

#[test]
fn sec_08_an_authenticator_that_hides_nothing_known_shows_nothing() {
    let directory = directory();
    let path = directory.person();
    for name in ["mistaken", "thorough"] {
        for path in [&*path, "/Users", "/?filter=id%20pr"] {
            let (status, body) = directory.call(name, "GET", path, &Value::Null);
            assert_eq!(status, 500, "{body}");
            assert!(!body.to_string().contains("canary"));
        }
        assert_eq!(directory.call(name, "POST", "/Users", &user("c")).0, 500);
    }
}
