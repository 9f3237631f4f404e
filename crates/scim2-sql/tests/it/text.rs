//! Reads that take the document as the text it is kept as: they say what other reads say.

use bytes::Bytes;
use http::Request;
use scim2_core::schema::{Attribute, AttributeType};
use scim2_core::syntax::{AttrName, SchemaUri};
use scim2_core::{Catalog, ResourceType, Schema};
use scim2_provider::auth::{BearerToken, BearerTokens};
use scim2_provider::{MemoryStore, ProvisioningDomain, Scope, ServiceProvider, Store, TenantId};
use scim2_sql::{PostgresStore, SqliteStore};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::database;

const USER: &str = "urn:ietf:params:scim:schemas:core:2.0:User";
const GROUP: &str = "urn:ietf:params:scim:schemas:core:2.0:Group";
const ENTERPRISE: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";

type Provider<S> = ServiceProvider<S, BearerTokens>;

async fn call<S: Store>(
    provider: &Provider<S>,
    method: &str,
    path: &str,
    body: Value,
) -> (u16, Value) {
    let request = Request::builder()
        .method(method)
        .uri(path)
        .header("authorization", "Bearer t0ken")
        .body(Bytes::from(body.to_string()))
        .unwrap();
    let response = provider.handle(request).await;
    let status = response.status().as_u16();
    (status, serde_json::from_slice(response.body()).unwrap_or_default())
}

async fn create<S: Store>(provider: &Provider<S>, endpoint: &str, body: Value) -> String {
    let (status, body) = call(provider, "POST", endpoint, body).await;
    assert_eq!(status, 201, "{body}");
    format!("{endpoint}/{}", body["id"].as_str().unwrap())
}

/// The same with a projection that leaves nothing out, which takes the other way.
async fn check<S: Store>(provider: &Provider<S>, path: &str) -> Value {
    let (status, mut text) = call(provider, "GET", path, Value::Null).await;
    let mark = if path.contains('?') { '&' } else { '?' };
    let slow = format!("{path}{mark}excludedAttributes=nosuch");
    let (slow_status, mut slow) = call(provider, "GET", &slow, Value::Null).await;
    // Each cursor says when it was made.
    for list in [&mut text, &mut slow] {
        if let Some(cursor) = list.get_mut("nextCursor") {
            *cursor = true.into();
        }
    }
    assert_eq!((status, &text), (slow_status, &slow), "{path}");
    text
}

fn in_file(directory: &TempDir) -> SqliteStore {
    SqliteStore::open(directory.path().join("test.db")).unwrap()
}

fn provider<S: Store>(store: S, scope: Scope) -> Provider<S> {
    with_catalog(store, scope, Catalog::standard())
}

fn with_catalog<S: Store>(store: S, scope: Scope, catalog: Catalog) -> Provider<S> {
    ServiceProvider::builder(store)
        .catalog(catalog)
        .base_url(url::Url::parse("https://example.com/v2").unwrap())
        .authenticator(BearerTokens::new([
            BearerToken::new("test", &"t0ken".into(), scope).unwrap()
        ]))
        .build()
        .unwrap()
}

/// A client of a whole tenant, and one of a provisioning domain.
fn scopes() -> [Scope; 2] {
    let tenant = Scope::tenant(TenantId::new("a").unwrap());
    let domain = ProvisioningDomain::new("hr").unwrap();
    [tenant.clone(), tenant.with_domain(domain)]
}

#[tokio::test]
async fn what_a_key_finds_is_what_a_filter_finds() {
    for scope in scopes() {
        let directory = tempfile::tempdir().unwrap();
        look_up(&provider(in_file(&directory), scope)).await;
    }
}

#[test]
fn what_a_key_finds_in_postgres_is_what_a_filter_finds() {
    database::runtime().block_on(async {
        for scope in scopes() {
            let store = database::store("look-ups", PostgresStore::builder()).await;
            let Some(store) = store else { return };
            look_up(&provider(store, scope)).await;
        }
    });
}

async fn look_up<S: Store>(provider: &Provider<S>) {
    let mut ids = Vec::new();
    for number in 0..40 {
        let mut body = json!({
            "schemas": [USER, ENTERPRISE], "userName": format!("User{number}"),
            "externalId": (number % 20).to_string(), "displayName": "É",
            // Twice the same.
            "emails": [{"value": "All@x.org", "type": "work"}, {"value": "ALL@X.ORG"}],
            ENTERPRISE: {"employeeNumber": "7"},
        });
        if let Some(boss) = ids.first().filter(|_| number % 3 == 0) {
            body[ENTERPRISE]["manager"] = json!({"value": boss});
        }
        let user = create(provider, "/Users", body).await;
        ids.push(user.rsplit('/').next().unwrap().to_owned());
    }
    let inner = json!({
        "schemas": [GROUP], "displayName": "inner",
        "members": [{"value": ids[0]}, {"value": ids[1]}, {"value": ids[20]}],
    });
    let inner = create(provider, "/Groups", inner).await;
    let inner = inner.rsplit('/').next().unwrap();
    let outer = json!({
        "schemas": [GROUP], "displayName": "outer",
        "members": [{"value": inner}, {"value": ids[1]}, {"value": ids[2]}],
    });
    create(provider, "/Groups", outer).await;
    let find = async |path: &str, filter: &str, rest: &str| {
        let filter: String = url::form_urlencoded::byte_serialize(filter.as_bytes()).collect();
        check(provider, &format!("{path}?filter={filter}{rest}")).await
    };
    for (filter, total) in [
        (r#"userName eq "uSER1""#, 1),
        (r#"userName eq "inner""#, 0),
        (r#"userName eq """#, 0),
        (r#"externalId eq "0""#, 2),
        (r#"externalId eq "nobody's""#, 0),
        (r#"emails.value eq "aLL@x.org""#, 40),
        (r#"displayName eq "e\u0301""#, 40),
        (&format!(r#"{ENTERPRISE}:employeeNumber eq "7""#), 40),
    ] {
        for rest in ["", "&count=0", "&count=1", "&startIndex=2", "&cursor", "&sortBy=title"] {
            let found = find("/Users", filter, rest).await;
            if rest != "&cursor" {
                assert_eq!(found["totalResults"], total, "{filter} {rest}: {found}");
            }
        }
    }
    let found = find("/Users", r#"userName eq "User0""#, "").await;
    assert_eq!(found["Resources"][0]["groups"].as_array().unwrap().len(), 2, "{found}");
    // Names are unique among all types, and found among those of one.
    assert_eq!(find("/Groups", r#"displayName eq "É""#, "").await["totalResults"], 0);
    let found = find("/Groups", r#"displayName eq "OUTER""#, "").await;
    assert_eq!(found["Resources"][0]["members"].as_array().unwrap().len(), 3, "{found}");
    for page in ["/Users?count=7", "/Users?count=7&cursor", "/Users?startIndex=30", "/Groups"] {
        check(provider, page).await;
    }
}

#[tokio::test]
async fn text_says_what_a_document_says() {
    let directory = tempfile::tempdir().unwrap();
    let provider = provider(in_file(&directory), Scope::tenant(TenantId::new("a").unwrap()));
    let boss =
        create(&provider, "/Users", json!({"schemas": [USER], "userName": "b\"oss\\"})).await;
    assert_eq!(check(&provider, &boss).await["userName"], "b\"oss\\");
    let id = |path: &str| path.rsplit('/').next().unwrap().to_owned();
    let body = json!({
        "schemas": [USER, ENTERPRISE], "userName": "a", "password": "s3cret",
        "externalId": "e", "name": {"familyName": "A\u{1F600}"},
        ENTERPRISE: {"manager": {"value": id(&boss)}},
    });
    let user = create(&provider, "/Users", body).await;
    let shown = check(&provider, &user).await;
    let manager = shown[ENTERPRISE]["manager"]["$ref"].as_str().unwrap();
    assert_eq!(manager, format!("https://example.com/v2{boss}"));
    assert!(shown.get("password").is_none());
    let empty = create(&provider, "/Groups", json!({"schemas": [GROUP], "displayName": "e"})).await;
    check(&provider, &empty).await;
    let members = json!([{"value": id(&boss)}, {"value": id(&empty)}]);
    let body = json!({"schemas": [GROUP], "displayName": "g", "members": members});
    let group = create(&provider, "/Groups", body).await;
    assert_eq!(check(&provider, &group).await["members"].as_array().unwrap().len(), 2);
    assert_eq!(check(&provider, &boss).await["groups"][0]["display"], "g");
    // What was written is read, at once.
    for number in 0..50 {
        let body = json!({"schemas": [USER], "userName": "boss", "title": number.to_string()});
        assert_eq!(call(&provider, "PUT", &boss, body).await.0, 200);
        assert_eq!(check(&provider, &boss).await["title"], number.to_string());
    }
    assert_eq!(call(&provider, "DELETE", &group, Value::Null).await.0, 204);
    assert_eq!(check(&provider, &group).await["status"], "404");
    assert!(check(&provider, &boss).await.get("groups").is_none());
    let upper = boss.to_uppercase().replace("/USERS", "/Users");
    assert_eq!(check(&provider, &upper).await["status"], "404");
}

/// A type with references that are neither members nor groups.
fn approved() -> ResourceType {
    let attribute =
        |name: &str, attribute_type| Attribute::new(AttrName::new(name).unwrap(), attribute_type);
    let reference = attribute("$ref", AttributeType::Reference).reference_types(["User"]);
    let approvers = attribute("approvers", AttributeType::Complex)
        .multi_valued()
        .sub_attributes([attribute("value", AttributeType::String).case_exact(), reference]);
    let name = attribute("displayName", AttributeType::String);
    let uri = SchemaUri::new("urn:example:Role").unwrap();
    ResourceType::new("Role", "/Roles", Schema::new(uri, vec![name, approvers]))
}

async fn show_references<S: Store>(store: S) {
    let mut catalog = Catalog::standard();
    catalog.register(approved()).unwrap();
    let scope = Scope::tenant(TenantId::new("a").unwrap());
    let provider = with_catalog(store, scope, catalog);
    let user = create(&provider, "/Users", json!({"schemas": [USER], "userName": "babs"})).await;
    let id = user.rsplit('/').next().unwrap();
    let body = json!({"schemas": ["urn:example:Role"], "displayName": "r",
        "approvers": [{"value": id}]});
    let role = create(&provider, "/Roles", body).await;
    let shown = json!([{"value": id, "$ref": format!("https://example.com/v2/Users/{id}")}]);
    assert_eq!(check(&provider, &role).await["approvers"], shown);
    let asked = format!("{role}?attributes=approvers");
    assert_eq!(call(&provider, "GET", &asked, Value::Null).await.1["approvers"], shown);
    let listed = check(&provider, "/Roles").await;
    assert_eq!(listed["Resources"][0]["approvers"], shown);
    let found = check(&provider, "/Roles?filter=displayName+eq+%22r%22").await;
    assert_eq!(found["Resources"][0]["approvers"], shown);
}

#[tokio::test]
async fn w19_references_are_shown_with_their_uris_whichever_attribute_holds_them() {
    show_references(MemoryStore::default()).await;
    show_references(in_file(&tempfile::tempdir().unwrap())).await;
}

#[test]
fn w19_references_are_shown_with_their_uris_from_postgres_too() {
    database::runtime().block_on(async {
        let Some(store) = database::store("references", PostgresStore::builder()).await else {
            return;
        };
        show_references(store).await;
    });
}
