//! Clients that may see a part of a tenant alone (ruling Q27).

use http::request::Parts;
use scim2_core::ResourceType;
use scim2_core::syntax::Filter;
use scim2_provider::auth::{AuthError, Principal};
use scim2_provider::{
    Authenticator, MemoryStore, ProviderConfig, RootSearch, Scope, ServiceProvider, TenantId,
};
use serde_json::{Value, json};

use crate::support::*;

/// Lets everybody in by name. What they may see is in another header.
struct Partial;

impl Authenticator for Partial {
    async fn authenticate(&self, parts: &Parts) -> Result<Principal, AuthError> {
        let sees = parts.headers.get("x-sees").and_then(|value| value.to_str().ok());
        Ok(Principal::new(sees.unwrap_or("everything"), Scope::tenant(TenantId::new("a").unwrap())))
    }

    fn visible(&self, principal: &Principal, ty: &ResourceType) -> Option<Filter> {
        match (&*principal.name, ty.name()) {
            ("everything", _) => None,
            ("nonsense", _) => Some("nosuch eq 1".parse().unwrap()),
            ("contractors", "User") => Some(Filter::eq("userType", "Contractor")),
            ("members", "User") => Some("groups.display eq \"seen\"".parse().unwrap()),
            (_, "User") => Some(Filter::present("title")),
            _ => Some(Filter::eq("displayName", "seen")),
        }
    }
}

struct Directory(ServiceProvider<MemoryStore, Partial>);

impl Directory {
    fn new() -> Self {
        let mut config = ProviderConfig::default();
        config.root_search = Some(RootSearch::default());
        let provider = ServiceProvider::builder(MemoryStore::default())
            .base_url(url::Url::parse(BASE).unwrap())
            .authenticator(Partial)
            .config(config)
            .build()
            .unwrap();
        Self(provider)
    }

    fn call(&self, sees: &str, method: &str, path: &str, body: &Value) -> (u16, Value) {
        let request = http::Request::builder().method(method).uri(path).header("x-sees", sees);
        let body = if body.is_null() { String::new() } else { body.to_string() };
        let response = block_on(self.0.handle(request.body(body.into()).unwrap()));
        let body = serde_json::from_slice(response.body()).unwrap_or(Value::Null);
        (response.status().as_u16(), body)
    }

    fn create(&self, endpoint: &str, body: &Value) -> String {
        let (status, body) = self.call("everything", "POST", endpoint, body);
        assert_eq!(status, 201, "{body}");
        body["id"].as_str().unwrap().to_owned()
    }

    fn list(&self, sees: &str, path: &str) -> (u64, Vec<String>) {
        let (status, body) = self.call(sees, "GET", path, &Value::Null);
        assert_eq!(status, 200, "{body}");
        let names = body["Resources"].as_array().unwrap().iter();
        let names = names.map(|user| user["userName"].as_str().unwrap().to_owned());
        (body["totalResults"].as_u64().unwrap(), names.collect())
    }
}

fn people(directory: &Directory) -> Vec<String> {
    let user = |name: &str, user_type: &str| {
        directory
            .create("/Users", &json!({"schemas": [USER], "userName": name, "userType": user_type}))
    };
    vec![user("a", "Employee"), user("b", "Contractor"), user("c", "contractor"), user("d", "X")]
}

#[test]
fn q27_totals_count_what_is_seen_alone() {
    let directory = Directory::new();
    people(&directory);
    let sees = |path: &str| directory.list("contractors", path);
    assert_eq!(sees("/Users"), (2, vec!["b".to_owned(), "c".to_owned()]));
    assert_eq!(sees("/Users?count=0"), (2, vec![]));
    assert_eq!(sees("/Users?count=1&startIndex=2"), (2, vec!["c".to_owned()]));
    // No filter widens what is seen, whatever it says.
    for filter in ["userName pr", "userType ne \"Contractor\" or userName pr", "not (id pr)"] {
        let filter = filter.replace(' ', "+").replace('"', "%22");
        let (_, names) = sees(&format!("/Users?filter={filter}"));
        assert!(!names.contains(&"a".to_owned()) && !names.contains(&"d".to_owned()), "{filter}");
    }
    assert_eq!(sees("/Users?filter=userName+eq+%22a%22"), (0, vec![]));
    let search = json!({"schemas": [SEARCH], "filter": "userName eq \"a\" or userName eq \"b\""});
    let (_, found) = directory.call("contractors", "POST", "/Users/.search", &search);
    assert_eq!(found["totalResults"], 1);
    assert_eq!(directory.list("everything", "/Users").0, 4);
}

#[test]
fn q27_what_is_not_seen_is_404_for_every_request() {
    let directory = Directory::new();
    let ids = people(&directory);
    let (seen, unseen) = (format!("/Users/{}", ids[1]), format!("/Users/{}", ids[0]));
    let body = json!({"schemas": [USER], "userName": "x", "userType": "Contractor"});
    let patch = json!({"schemas": [PATCH_OP],
        "Operations": [{"op": "add", "path": "title", "value": "t"}]});
    let (_, nobody) = directory.call("contractors", "GET", "/Users/nobody", &Value::Null);
    let none = Value::Null;
    for (method, body) in [
        ("GET", &none),
        ("PUT", &body),
        ("PUT", &json!([])),
        ("PATCH", &patch),
        ("PATCH", &json!({})),
        ("DELETE", &none),
    ] {
        let (status, found) = directory.call("contractors", method, &unseen, body);
        assert_eq!((status, &found), (404, &nobody), "{method}");
    }
    for (method, body, expected) in
        [("GET", &none, 200), ("PATCH", &patch, 200), ("PUT", &body, 200), ("DELETE", &none, 204)]
    {
        assert_eq!(directory.call("contractors", method, &seen, body).0, expected, "{method}");
    }
    assert_eq!(directory.call("everything", "GET", &unseen, &none).0, 200);
}

#[test]
fn q27_members_change_in_groups_that_are_seen_alone() {
    let directory = Directory::new();
    let ids = people(&directory);
    let group = |name: &str, member: &str| {
        let members = json!([{"value": member}]);
        directory.create(
            "/Groups",
            &json!({"schemas": [GROUP], "displayName": name, "members": members}),
        )
    };
    let (seen, unseen) = (group("seen", &ids[0]), group("unseen", &ids[1]));
    let join = json!({"schemas": [PATCH_OP],
        "Operations": [{"op": "add", "path": "members", "value": [{"value": ids[2]}]}]});
    let call =
        |group: &str| directory.call("members", "PATCH", &format!("/Groups/{group}"), &join).0;
    assert_eq!((call(&seen), call(&unseen)), (200, 404));
    let (_, body) = directory.call("everything", "GET", &format!("/Groups/{unseen}"), &Value::Null);
    assert_eq!(body["members"].as_array().unwrap().len(), 1);
    // What is seen may depend on what is computed.
    assert_eq!(directory.list("members", "/Users"), (2, vec!["a".to_owned(), "c".to_owned()]));
    let get = |id: &str| {
        let path = format!("/Users/{id}?attributes=userName");
        directory.call("members", "GET", &path, &Value::Null).0
    };
    assert_eq!((get(&ids[0]), get(&ids[1])), (200, 404));
}

#[test]
fn q27_a_query_over_all_types_sees_no_more() {
    let directory = Directory::new();
    let ids = people(&directory);
    for name in ["seen", "unseen"] {
        directory.create("/Groups", &json!({"schemas": [GROUP], "displayName": name}));
    }
    let found = |sees: &str, filter: &str| {
        let filter = filter.replace(' ', "+").replace('"', "%22");
        let path = format!("/?filter={filter}");
        let (status, body) = directory.call(sees, "GET", &path, &Value::Null);
        assert_eq!(status, 200, "{body}");
        let number = body["Resources"].as_array().unwrap().len();
        assert_eq!(body["totalResults"], number);
        number
    };
    assert_eq!((found("everything", "id pr"), found("contractors", "id pr")), (6, 3));
    let unseen = format!("id eq \"{}\" or displayName eq \"unseen\"", ids[0]);
    assert_eq!((found("everything", &unseen), found("contractors", &unseen)), (2, 0));
}

#[test]
fn q27_a_bulk_request_sees_no_more() {
    let directory = Directory::new();
    let ids = people(&directory);
    let operation = |id: &String| json!({"method": "DELETE", "path": format!("/Users/{id}")});
    let bulk = json!({
        "schemas": ["urn:ietf:params:scim:api:messages:2.0:BulkRequest"],
        "Operations": ids.iter().map(operation).collect::<Vec<_>>(),
    });
    let (status, body) = directory.call("contractors", "POST", "/Bulk", &bulk);
    assert_eq!(status, 200, "{body}");
    let statuses = body["Operations"].as_array().unwrap().iter().map(|op| op["status"].as_str());
    assert_eq!(statuses.flatten().collect::<Vec<_>>(), ["404", "204", "204", "404"]);
    assert_eq!(directory.list("everything", "/Users").1, ["a", "d"]);
}

#[test]
fn q27_a_filter_without_a_meaning_shows_nothing() {
    let directory = Directory::new();
    let ids = people(&directory);
    for path in ["/Users".to_owned(), format!("/Users/{}", ids[0])] {
        let (status, body) = directory.call("nonsense", "GET", &path, &Value::Null);
        assert_eq!((status, body.get("Resources")), (500, None), "{path}");
        assert!(!body.to_string().contains("nosuch"), "{body}");
    }
    let (status, _) =
        directory.call("nonsense", "DELETE", &format!("/Users/{}", ids[0]), &Value::Null);
    assert_eq!(status, 500);
    assert_eq!(directory.list("everything", "/Users").0, 4);
}

#[test]
fn r98_5_2_03_a_cursor_ends_when_its_client_may_see_something_else() {
    let directory = Directory::new();
    people(&directory);
    let (_, first) = directory.call("contractors", "GET", "/Users?count=1&cursor", &Value::Null);
    let next = format!("/Users?count=1&cursor={}", first["nextCursor"].as_str().unwrap());
    assert_eq!(directory.list("contractors", &next).1, ["c"]);
    for sees in ["everything", "titled"] {
        let (status, body) = directory.call(sees, "GET", &next, &Value::Null);
        assert_eq!((status, &body["scimType"]), (400, &json!("invalidCursor")), "{sees}");
    }
}
