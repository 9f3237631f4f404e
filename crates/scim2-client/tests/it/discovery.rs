//! What the service provider says of itself.

use scim2_client::ErrorClass;
use scim2_core::Resource;
use scim2_core::resource::ResourceId;
use serde_json::json;

use crate::script::{Script, empty, json as answer, run};

#[test]
fn r98_4_05_the_configuration_can_be_read() {
    let script = Script::new([answer(
        200,
        json!({"patch": {"supported": true}, "filter": {"supported": true, "maxResults": 50}}),
    )]);
    let config = run(script.client().service_provider_config()).unwrap().unwrap();
    assert!(config.patch.supported);
    assert_eq!(script.seen()[0].url, "https://scim.example.com/v2/ServiceProviderConfig");
}

#[test]
fn c09_missing_discovery_is_no_error() {
    let script = Script::new([empty(404), empty(404), empty(501)]);
    let client = script.client();
    assert!(run(client.service_provider_config()).unwrap().is_none());
    assert!(run(client.schemas()).unwrap().is_empty());
    assert!(run(client.resource_types()).unwrap().is_empty());
}

#[test]
fn discovery_without_permission_is_an_error() {
    let script = Script::new([empty(401)]);
    let error = run(script.client().service_provider_config()).unwrap_err();
    assert_eq!(error.class(), ErrorClass::Auth);
}

#[test]
fn r44_3_1_02_schemas_are_read_as_a_list_or_an_array() {
    let schema = json!({"id": "urn:example:Badge", "attributes": [{"name": "colour"}]});
    let list = json!({"totalResults": 1, "resources": [schema]});
    let script = Script::new([answer(200, list), answer(200, json!([schema]))]);
    let client = script.client();
    for _ in 0..2 {
        let schemas = run(client.schemas()).unwrap();
        assert_eq!(schemas[0].id.as_str(), "urn:example:Badge");
    }
}

#[test]
fn r44_3_2_02_endpoints_may_be_discovered() {
    let script = Script::new([
        answer(
            200,
            json!({"Resources": [
                {"name": "User", "endpoint": "/People", "schema": "urn:ietf:params:scim:schemas:core:2.0:User"},
                {"name": "Device", "endpoint": "https://scim.example.com/v2/Things", "schema": "urn:example:Device"},
            ]}),
        ),
        answer(200, json!({"id": "1"})),
        answer(200, json!({"id": "2"})),
    ]);
    let client = script.client();
    let types = run(client.resource_types()).unwrap();
    for (i, resource_type) in types.iter().enumerate() {
        let api = client.api::<Resource>(&resource_type.endpoint);
        run(api.get(&ResourceId::from((i + 1).to_string()))).unwrap();
    }
    assert_eq!(script.seen()[1].url, "https://scim.example.com/v2/People/1");
    assert_eq!(script.seen()[2].url, "https://scim.example.com/v2/Things/2");
}
