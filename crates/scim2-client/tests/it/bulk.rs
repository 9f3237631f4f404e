//! The client's bulk calls against our own service provider, in process.

use std::sync::Arc;

use http::StatusCode;
use scim2_client::{Client, ErrorClass, InProcess, Transport};
use scim2_core::bulk::{BulkMethod, BulkOperation, BulkRequest};
use scim2_core::group::Group;
use scim2_core::patch_op::PatchOp;
use scim2_core::user::User;
use scim2_core::{Error, Resource};
use scim2_provider::auth::{BearerToken, BearerTokens};
use scim2_provider::{BulkLimits, MemoryStore, ProviderConfig, Scope, ServiceProvider, TenantId};
use serde_json::{Value, json};

fn client(config: ProviderConfig) -> Client<impl Transport> {
    let base: url::Url = "https://scim.example.com/v2".parse().unwrap();
    let scope = Scope::tenant(TenantId::new("acme").unwrap());
    let provider = ServiceProvider::builder(MemoryStore::default())
        .base_url(base.clone())
        .authenticator(BearerTokens::new([
            BearerToken::new("client", &"s3cret".into(), scope).unwrap()
        ]))
        .config(config)
        .build()
        .unwrap();
    let provider = Arc::new(provider);
    let transport = InProcess::new(move |mut request: http::Request<bytes::Bytes>| {
        let provider = provider.clone();
        async move {
            let path = request.uri().path_and_query().unwrap().as_str();
            *request.uri_mut() = path.strip_prefix("/v2").unwrap().parse().unwrap();
            provider.handle(request).await
        }
    });
    Client::builder(transport, base).bearer("s3cret".into()).build().unwrap()
}

fn post(endpoint: &str, bulk_id: &str, data: impl serde::Serialize) -> BulkOperation {
    BulkOperation::new(BulkMethod::Post, endpoint)
        .with_bulk_id(bulk_id)
        .with_data(serde_json::to_value(data).unwrap())
}

#[tokio::test]
async fn a_group_and_its_users_are_created_in_one_request() {
    let client = client(ProviderConfig::default());
    let mut group = Group::new("Tour Guides");
    group.members = serde_json::from_value(json!([{"value": "bulkId:babs"}])).unwrap();
    let op = PatchOp::new().add("title", "Guide");
    let request = BulkRequest::new(vec![
        post("/Groups", "guides", &group),
        post("/Users", "babs", User::new("bjensen")),
        post("/Users", "again", User::new("BJENSEN")),
        BulkOperation::new(BulkMethod::Patch, "/Users/bulkId:babs")
            .with_data(serde_json::to_value(&op).unwrap()),
    ]);
    let response = client.bulk(&request).await.unwrap();
    let results = &response.operations;
    let statuses: Vec<_> = results.iter().map(|result| result.status.unwrap().as_u16()).collect();
    assert_eq!(statuses, [201, 201, 409, 200]);
    assert_eq!(results[1].bulk_id.as_deref(), Some("babs"));
    let error: Error = serde_json::from_value(results[2].response.clone().unwrap()).unwrap();
    assert_eq!((error.status(), &results[2].location), (StatusCode::CONFLICT, &None));

    let id =
        |at: usize| results[at].location.as_ref().unwrap().rsplit('/').next().unwrap().to_owned();
    let user = client.users().get(&id(1).into()).await.unwrap();
    assert_eq!(results[3].version, user.version);
    assert_eq!(user.resource.title.as_deref(), Some("Guide"));
    let group = client.groups().get(&id(0).into()).await.unwrap();
    let group = Resource::from_typed(&group.resource).unwrap();
    assert_eq!(group.get("members").and_then(|m| m.pointer("/0/value")), Some(&Value::from(id(1))));
}

#[tokio::test]
async fn limits_and_absence_have_their_classes() {
    let mut config = ProviderConfig::default();
    config.bulk = Some(BulkLimits::new(1, 1000));
    let two = BulkRequest::new(vec![
        BulkOperation::new(BulkMethod::Delete, "/Users/a"),
        BulkOperation::new(BulkMethod::Delete, "/Users/b"),
    ]);
    let error = client(config).bulk(&two).await.unwrap_err();
    assert_eq!(error.class(), ErrorClass::TooLarge);
    let mut config = ProviderConfig::default();
    config.bulk = None;
    let error = client(config).bulk(&two).await.unwrap_err();
    assert_eq!(error.class(), ErrorClass::Unsupported);
}
