//! Typed views: what they keep, what they refuse, what they write.

use std::fs;
use std::path::{Path, PathBuf};

use proptest::prelude::*;
use scim2_core::common::{Meta, TypedResource};
use scim2_core::config::{
    AuthenticationScheme, AuthenticationSchemeType, BulkSupport, FilterSupport,
    ServiceProviderConfig,
};
use scim2_core::discovery::{ResourceTypeDescription, service_provider_schemas};
use scim2_core::enterprise::{EnterpriseUser, Manager};
use scim2_core::group::{Group, Member};
use scim2_core::schema::Schema;
use scim2_core::secret::Secret;
use scim2_core::user::{Address, Email, Name, User};
use scim2_core::{Catalog, Resource, ResourceType};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};

/// The directories that hold a group of vectors: the project's copy, and a fuller set if there is
/// one.
pub(crate) fn vector_dirs(group: &str) -> Vec<PathBuf> {
    let own = Path::new(env!("CARGO_MANIFEST_DIR")).join("../scim2-conformance/vectors");
    let more = std::env::var_os("SCIM_VECTORS").map(PathBuf::from);
    [Some(own), more]
        .into_iter()
        .flatten()
        .map(|dir| dir.join(group))
        .filter(|d| d.is_dir())
        .collect()
}

pub(crate) fn read_json(path: &Path) -> Value {
    serde_json::from_slice(&fs::read(path).unwrap()).unwrap()
}

#[track_caller]
pub(crate) fn round_trips<T: Serialize + DeserializeOwned>(json: &Value) {
    let from_value: T = T::deserialize(json).unwrap();
    assert_eq!(serde_json::to_value(&from_value).unwrap(), *json);
    let from_text: T = serde_json::from_str(&json.to_string()).unwrap();
    assert_eq!(serde_json::to_value(&from_text).unwrap(), *json);
}

fn user(json: Value) -> User {
    serde_json::from_value(json).unwrap()
}

#[test]
fn rfc_7643_resource_examples_round_trip() {
    let mut seen = 0;
    for dir in vector_dirs("rfc") {
        let one = |name: &str| {
            let path = dir.join(name);
            path.is_file().then(|| read_json(&path))
        };
        for name in [
            "rfc7643-3-fig2-resource-structure.json",
            "rfc7643-8.1-minimal-user.json",
            "rfc7643-8.2-full-user.json",
            "rfc7643-8.3-enterprise-user.json",
        ] {
            if let Some(json) = one(name) {
                round_trips::<User>(&json);
                seen += 1;
            }
        }
        if let Some(json) = one("rfc7643-8.4-group.json") {
            round_trips::<Group>(&json);
        }
        if let Some(json) = one("rfc7643-8.5-service-provider-config.json") {
            round_trips::<ServiceProviderConfig>(&json);
        }
        for json in
            one("rfc7643-8.6-resource-types.json").iter().filter_map(Value::as_array).flatten()
        {
            round_trips::<ResourceTypeDescription>(json);
        }
    }
    // The examples that carry something special are here as well, so that the law is tested
    // wherever this crate is.
    round_trips::<User>(&json!({
        "schemas": [
            "urn:ietf:params:scim:schemas:core:2.0:User",
            "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User",
        ],
        "id": "2819c223-7f76-453a-919d-413861904646",
        "userName": "bjensen@example.com",
        "emails": [{ "value": "bjensen@example.com", "type": "work", "primary": true }],
        "x509Certificates": [{ "value": "MIIDQzCCAqygAwIBAgICEAAwDQYJKoZIhvcNAQEFBQAwTjEL" }],
        "groups": [{ "value": "e9e30dba", "$ref": "../Groups/e9e30dba", "display": "Tour Guides" }],
        "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User": {
            "employeeNumber": "701984",
            "manager": { "value": "26118915", "$ref": "../Users/26118915", "displayName": "John Smith" },
        },
        "meta": {
            "resourceType": "User",
            "created": "2010-01-23T04:56:22Z",
            "lastModified": "2011-05-13T04:42:34Z",
            "version": "W/\"3694e05e9dff591\"",
            "location": "https://example.com/v2/Users/2819c223-7f76-453a-919d-413861904646",
        },
    }));
    assert!(seen == 0 || seen >= 4, "the examples of the RFC were found in part only");
}

#[test]
fn r43_2_1_01_names_match_without_case() {
    let user = user(json!({ "USERNAME": "bjensen", "Emails": [{ "VALUE": "b@example.com" }] }));
    assert_eq!(user.user_name, "bjensen");
    assert_eq!(user.emails[0].value.as_deref(), Some("b@example.com"));
    assert!(user.extra.is_empty());
}

#[test]
fn w04_extension_urn_matches_without_case() {
    let user = user(json!({
        "userName": "x",
        "URN:ietf:params:scim:schemas:extension:enterprise:2.0:user": { "DEPARTMENT": "Tours" },
    }));
    assert_eq!(user.enterprise.unwrap().department.as_deref(), Some("Tours"));
}

#[test]
fn w05_a_name_given_twice_is_refused() {
    for text in [r#"{"userName":"a","username":"b"}"#, r#"{"x":1,"x":2}"#] {
        let error = serde_json::from_str::<User>(text).unwrap_err().to_string();
        assert!(error.contains("given twice"), "{error}");
    }
}

#[test]
fn r43_2_1_02_every_resource_written_names_its_schemas() {
    let schemas = |resource: Value| resource["schemas"].as_array().unwrap().len();
    assert_eq!(schemas(serde_json::to_value(User::default()).unwrap()), 1);
    assert_eq!(schemas(serde_json::to_value(Group::default()).unwrap()), 1);
    assert_eq!(schemas(serde_json::to_value(ServiceProviderConfig::new()).unwrap()), 1);
    assert_eq!(schemas(serde_json::to_value(ResourceTypeDescription::default()).unwrap()), 1);
}

#[test]
fn r43_3_3_02_extensions_in_use_are_listed_when_written() {
    let mut user = User {
        enterprise: Some(EnterpriseUser {
            department: Some("Tours".into()),
            ..EnterpriseUser::default()
        }),
        ..User::new("bjensen")
    };
    user.extra.insert("urn:example:Badge".into(), json!({ "colour": "blue" }));
    let json = serde_json::to_value(&user).unwrap();
    assert_eq!(
        json["schemas"],
        json!([
            "urn:ietf:params:scim:schemas:core:2.0:User",
            "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User",
            "urn:example:Badge",
        ])
    );
}

#[test]
fn r43_3_02_schemas_are_written_once() {
    let mut user = User::new("bjensen");
    user.set_extension("urn:example:Badge", &json!({ "colour": "blue" })).unwrap();
    user.set_extension("URN:example:badge", &json!({ "colour": "red" })).unwrap();
    user.schemas.push("urn:ietf:params:scim:schemas:core:2.0:user".into());
    let json = serde_json::to_value(&user).unwrap();
    assert_eq!(json["schemas"].as_array().unwrap().len(), 2);
    assert_eq!(json["URN:example:badge"]["colour"], "red");
    assert!(json.get("urn:example:Badge").is_none());
}

#[test]
fn r43_3_08_extension_attributes_live_under_their_urn() {
    let user = User {
        enterprise: Some(EnterpriseUser {
            employee_number: Some("701984".into()),
            ..EnterpriseUser::default()
        }),
        ..User::new("bjensen")
    };
    let json = serde_json::to_value(&user).unwrap();
    assert!(json.get("employeeNumber").is_none());
    assert_eq!(json[EnterpriseUser::SCHEMA]["employeeNumber"], "701984");
}

#[test]
fn unknown_attributes_survive_at_every_level() {
    round_trips::<User>(&json!({
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"],
        "userName": "bjensen",
        "shoeSize": 42,
        "name": { "givenName": "Barbara", "particle": "van" },
        "emails": [{ "value": "b@example.com", "verified": true, "history": [1, { "a": null }] }],
        "addresses": [{ "type": "work", "floor": 3 }],
        "meta": { "resourceType": "User", "etag": "x" },
    }));
    round_trips::<Group>(&json!({
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:Group"],
        "displayName": "Tour Guides",
        "members": [{ "value": "1", "since": "2020" }],
        "colour": "blue",
    }));
}

#[test]
fn r43_2_5_01_missing_null_and_empty_are_one_state() {
    let written = |json: Value| serde_json::to_value(user(json)).unwrap();
    let bare = written(json!({ "userName": "x" }));
    assert_eq!(
        written(
            json!({ "userName": "x", "title": null, "emails": null, "name": null, "meta": null })
        ),
        bare
    );
    assert_eq!(written(json!({ "userName": "x", "emails": [] })), bare);
}

#[test]
fn r43_2_3_1_01_text_is_any_unicode() {
    for text in ["", "🦀", "\u{0}", "a\nb", "\u{1f468}\u{200d}\u{1f469}"] {
        let json = json!({ "userName": "x", "title": text });
        let text_again = serde_json::to_string(&user(json)).unwrap();
        let again: User = serde_json::from_str(&text_again).unwrap();
        assert_eq!(again.title.as_deref(), Some(text));
    }
}

#[test]
fn r43_4_1_2_08_addresses_may_hold_line_breaks() {
    let user = User {
        addresses: vec![Address {
            formatted: Some("100 Universal City Plaza\nHollywood".into()),
            ..Address::default()
        }],
        ..User::new("x")
    };
    round_trips::<User>(&serde_json::to_value(&user).unwrap());
}

#[test]
fn r43_4_1_1_03_name_may_be_whole_or_in_parts_or_both() {
    for name in [
        json!({ "formatted": "Barbara Jensen" }),
        json!({ "givenName": "Barbara", "familyName": "Jensen" }),
        json!({ "formatted": "Barbara Jensen", "givenName": "Barbara" }),
    ] {
        round_trips::<Name>(&name);
    }
}

#[test]
fn r43_4_1_2_15_display_is_kept() {
    round_trips::<Email>(&json!({ "value": "B@EXAMPLE.COM", "display": "b@example.com" }));
}

#[test]
fn r43_4_3_01_manager_holds_value_and_ref() {
    round_trips::<Manager>(
        &json!({ "value": "26118915", "$ref": "https://example.com/v2/Users/26118915" }),
    );
}

#[test]
fn r43_2_3_8_01_order_of_attributes_does_not_count() {
    let one: Group =
        serde_json::from_str(r#"{"displayName":"a","members":[{"value":"1","type":"User"}]}"#)
            .unwrap();
    let two: Group =
        serde_json::from_str(r#"{"members":[{"type":"User","value":"1"}],"displayName":"a"}"#)
            .unwrap();
    assert_eq!(one, two);
}

#[test]
fn r43_2_3_2_01_a_boolean_is_no_text_in_a_resource() {
    let error = serde_json::from_value::<User>(json!({ "active": "true" })).unwrap_err();
    assert!(error.to_string().starts_with("attribute `active`: invalid type: string"), "{error}");
}

#[test]
fn sec_22_errors_name_the_attribute_and_never_the_value() {
    for (json, path) in [
        (json!({ "userName": [770_701] }), "`userName`"),
        (json!({ "active": "770701" }), "`active`"),
        (json!({ "name": "770701" }), "`name`"),
        (json!({ "name": 770_701 }), "`name`"),
        (json!({ "emails": [{ "primary": "770701" }] }), "`primary`"),
        (json!({ "password": ["770701"] }), "`password`"),
        (json!({ "meta": { "created": "770701" } }), "`created`"),
        (json!({ "emails": 770_701 }), "`emails`"),
        (json!({ "emails": [770_701] }), "`emails`"),
        (json!({ "addresses": ["770701"] }), "`addresses`"),
    ] {
        let error = serde_json::from_value::<User>(json).unwrap_err().to_string();
        assert!(error.contains(path), "{error}");
        assert!(!error.contains("770701"), "{error}");
    }
}

#[test]
fn p16_one_object_stands_for_an_array_of_one() {
    let user = user(json!({ "emails": { "value": "b@example.com" } }));
    assert_eq!(user.emails, [Email { value: Some("b@example.com".into()), ..Email::default() }]);
}

#[test]
fn p18_bare_text_stands_for_its_value() {
    let user = user(json!({
        "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User": { "manager": "26118915" },
        "roles": ["Student"],
    }));
    assert_eq!(user.enterprise.unwrap().manager, Some(Manager::new("26118915")));
    assert_eq!(user.roles[0].value.as_deref(), Some("Student"));
}

#[test]
fn c01_a_number_is_read_where_text_stands() {
    let user = user(json!({ "addresses": [{ "postalCode": 91608 }] }));
    assert_eq!(user.addresses[0].postal_code.as_deref(), Some("91608"));
}

#[test]
fn sec_10_password_is_sent_and_never_printed() {
    let user = User { password: Some(Secret::from("t1meMa$heen")), ..User::new("bjensen") };
    assert!(!format!("{user:?}").contains("t1meMa"));
    assert_eq!(serde_json::to_value(&user).unwrap()["password"], "t1meMa$heen");
}

#[test]
fn r43_3_1_17_times_of_meta_round_trip() {
    for text in ["2010-01-23T04:56:22Z", "2010-01-23T04:56:22.123Z", "0001-01-01T00:00:00Z"] {
        round_trips::<Meta>(&json!({ "created": text }));
    }
    let meta: Meta =
        serde_json::from_value(json!({ "created": "2010-01-23T06:56:22+02:00" })).unwrap();
    assert_eq!(serde_json::to_value(&meta).unwrap()["created"], "2010-01-23T04:56:22Z");
}

#[test]
fn extensions_are_read_as_the_callers_type() {
    #[derive(serde::Serialize, serde::Deserialize, PartialEq, Debug)]
    struct Badge {
        colour: String,
    }
    let mut group = Group::new("Tour Guides");
    assert_eq!(group.extension::<Badge>("urn:example:Badge").unwrap(), None);
    group.set_extension("urn:example:Badge", &Badge { colour: "blue".into() }).unwrap();
    let badge = group.extension::<Badge>("URN:EXAMPLE:badge").unwrap();
    assert_eq!(badge, Some(Badge { colour: "blue".into() }));
    assert!(group.extension::<Vec<u8>>("urn:example:Badge").is_err());
    assert!(group.set_extension("urn:example:Badge", &7).is_err());
}

#[test]
fn a_typed_view_and_its_document_are_the_same() {
    let user = User {
        name: Some(Name { given_name: Some("Babs".into()), ..Name::default() }),
        ..User::new("bjensen")
    };
    let document = Resource::from_typed(&user).unwrap();
    assert_eq!(document.text("userName"), Some("bjensen"));
    let again: User = document.to_typed().unwrap();
    assert_eq!(Resource::from_typed(&again).unwrap(), document);
}

#[test]
fn members_are_users_or_groups() {
    assert_eq!(
        serde_json::to_value(Member::user("1")).unwrap(),
        json!({ "value": "1", "type": "User" })
    );
    assert_eq!(
        serde_json::to_value(Member::group("1")).unwrap(),
        json!({ "value": "1", "type": "Group" })
    );
}

#[test]
fn typed_resources_agree_with_the_catalog() {
    let catalog = Catalog::standard();
    for (name, schema, endpoint) in [
        (User::RESOURCE_TYPE, User::SCHEMA, User::ENDPOINT),
        (Group::RESOURCE_TYPE, Group::SCHEMA, Group::ENDPOINT),
    ] {
        let resource_type = catalog.by_name(name).unwrap();
        assert_eq!(resource_type.schema().id, schema);
        assert_eq!(resource_type.endpoint(), endpoint);
    }
}

#[test]
fn r43_5_02_a_configuration_writes_all_six_features() {
    let json = serde_json::to_value(ServiceProviderConfig::new()).unwrap();
    for feature in ["patch", "bulk", "filter", "changePassword", "sort", "etag"] {
        assert_eq!(json[feature]["supported"], json!(false), "{feature}");
    }
}

#[test]
fn r43_5_03_bulk_limits_are_written_even_when_bulk_is_off() {
    let json = serde_json::to_value(BulkSupport::default()).unwrap();
    assert_eq!(json, json!({ "supported": false, "maxOperations": 0, "maxPayloadSize": 0 }));
}

#[test]
fn r43_5_04_filter_limit_is_written() {
    let json = serde_json::to_value(FilterSupport::up_to(200)).unwrap();
    assert_eq!(json, json!({ "supported": true, "maxResults": 200 }));
}

#[test]
fn r43_5_06_an_authentication_scheme_says_type_name_and_description() {
    let json = serde_json::to_value(AuthenticationScheme::bearer_token()).unwrap();
    for member in ["type", "name", "description"] {
        assert!(json[member].is_string(), "{member}");
    }
}

#[test]
fn r43_5_07_unknown_authentication_schemes_are_kept() {
    let read = |text: &str| -> AuthenticationScheme {
        serde_json::from_value(json!({ "type": text })).unwrap()
    };
    assert_eq!(read("OAuthBearerToken").r#type, Some(AuthenticationSchemeType::OAuthBearerToken));
    assert_eq!(read("mtls").r#type, Some(AuthenticationSchemeType::Other("mtls".into())));
    assert_eq!(serde_json::to_value(read("mtls")).unwrap()["type"], "mtls");
}

#[test]
fn r43_5_09_uris_of_a_configuration_are_optional() {
    let config: ServiceProviderConfig =
        serde_json::from_value(json!({ "authenticationSchemes": [{ "type": "httpbasic" }] }))
            .unwrap();
    assert_eq!(config.documentation_uri, None);
    assert_eq!(config.authentication_schemes[0].spec_uri, None);
}

#[test]
fn r98_4_02_pagination_round_trips() {
    round_trips::<ServiceProviderConfig>(&json!({
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:ServiceProviderConfig"],
        "patch": { "supported": true },
        "bulk": { "supported": false, "maxOperations": 0, "maxPayloadSize": 0 },
        "filter": { "supported": true, "maxResults": 200 },
        "changePassword": { "supported": false },
        "sort": { "supported": false },
        "etag": { "supported": true },
        "pagination": {
            "cursor": true,
            "index": false,
            "defaultPaginationMethod": "cursor",
            "defaultPageSize": 100,
            "maxPageSize": 250,
            "cursorTimeout": 3600,
        },
    }));
}

#[test]
fn r99_4_01_security_events_round_trip() {
    round_trips::<ServiceProviderConfig>(&json!({
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:ServiceProviderConfig"],
        "patch": { "supported": false },
        "bulk": { "supported": false, "maxOperations": 0, "maxPayloadSize": 0 },
        "filter": { "supported": false, "maxResults": 0 },
        "changePassword": { "supported": false },
        "sort": { "supported": false },
        "etag": { "supported": false },
        "securityEvents": {
            "asyncRequest": "long",
            "eventUris": ["urn:ietf:params:scim:event:prov:create:full"],
        },
    }));
}

#[test]
fn r43_6_04_endpoint_is_printed_in_one_form() {
    let schema = || Schema::new("urn:example:Device".parse().unwrap(), Vec::new());
    for endpoint in ["/Devices", "Devices", "/Devices/"] {
        let resource_type = ResourceType::new("Device", endpoint, schema());
        assert_eq!(resource_type.to_description().endpoint, "/Devices");
    }
}

#[test]
fn r43_6_02_a_resource_type_is_described_as_the_rfc_prints_it() {
    let base = "https://example.com/v2".parse().unwrap();
    let description = ResourceType::user().description_resource(&base);
    assert_eq!(
        Value::from(description),
        json!({
            "schemas": ["urn:ietf:params:scim:schemas:core:2.0:ResourceType"],
            "id": "User",
            "name": "User",
            "description": "User accounts",
            "endpoint": "/Users",
            "schema": "urn:ietf:params:scim:schemas:core:2.0:User",
            "schemaExtensions": [{
                "schema": "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User",
                "required": false,
            }],
            "meta": {
                "resourceType": "ResourceType",
                "location": "https://example.com/v2/ResourceTypes/User",
            },
        })
    );
}

#[test]
fn r43_7_04_a_schema_is_described_under_its_urn() {
    let base = "https://example.com/v2/".parse().unwrap();
    let description = ResourceType::group().schema().description_resource(&base);
    assert_eq!(description.id(), Some("urn:ietf:params:scim:schemas:core:2.0:Group"));
    assert_eq!(
        description.get("meta").unwrap()["location"],
        "https://example.com/v2/Schemas/urn:ietf:params:scim:schemas:core:2.0:Group"
    );
}

fn shipped_schemas() -> Vec<Schema> {
    let catalog = Catalog::standard();
    catalog.schemas().chain(service_provider_schemas()).map(|schema| (**schema).clone()).collect()
}

#[test]
fn q18_the_six_standard_schemas_are_shipped() {
    let mut ids: Vec<String> = shipped_schemas().iter().map(|s| s.id.as_str().to_owned()).collect();
    ids.sort();
    assert_eq!(
        ids,
        [
            "urn:ietf:params:scim:schemas:core:2.0:Group",
            "urn:ietf:params:scim:schemas:core:2.0:ResourceType",
            "urn:ietf:params:scim:schemas:core:2.0:Schema",
            "urn:ietf:params:scim:schemas:core:2.0:ServiceProviderConfig",
            "urn:ietf:params:scim:schemas:core:2.0:User",
            "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User",
        ]
    );
    for schema in shipped_schemas() {
        assert!(!schema.attributes.is_empty(), "{}", schema.id);
    }
}

#[test]
fn r43_7_07_every_shipped_attribute_is_described() {
    fn walk(attributes: &[scim2_core::schema::Attribute]) {
        for attribute in attributes {
            let text = attribute.description.as_deref().unwrap();
            assert!(text.ends_with('.'), "{}", attribute.name);
            for keyword in ["MUST", "SHOULD", "MAY ", "REQUIRED", "OPTIONAL", "READ-ONLY"] {
                assert!(!text.contains(keyword), "{}: {text}", attribute.name);
            }
            walk(&attribute.sub_attributes);
        }
    }
    for schema in shipped_schemas() {
        assert!(schema.description.is_some());
        walk(&schema.attributes);
    }
}

#[test]
fn s01_shipped_characteristics_are_the_recommended_ones() {
    /// Everything but what people read; `uniqueness` where it says nothing.
    fn characteristics(attributes: &Value) -> Value {
        let strip = |attribute: &Value| {
            let mut kept: Map<String, Value> = attribute.as_object().unwrap().clone();
            kept.remove("description");
            if let Some(subs) = kept.get("subAttributes") {
                let subs = characteristics(subs);
                kept.insert("subAttributes".into(), subs);
            }
            Value::Object(kept)
        };
        attributes.as_array().unwrap().iter().map(strip).collect()
    }
    for dir in vector_dirs("rfc/schemas/recommended") {
        for schema in shipped_schemas() {
            let name = schema.id.as_str().rsplit(':').next().unwrap();
            let extension = schema.id.as_str().contains("enterprise");
            let file = if extension { "EnterpriseUser.json" } else { &format!("{name}.json") };
            let recommended: Value = read_json(&dir.join(file));
            let recommended: Schema = serde_json::from_value(recommended).unwrap();
            let written = |schema: &Schema| serde_json::to_value(schema).unwrap();
            assert_eq!(
                characteristics(&written(&schema)["attributes"]),
                characteristics(&written(&recommended)["attributes"]),
                "{file}"
            );
        }
    }
}

#[test]
fn serde_json_features_that_change_every_crate_are_off() {
    // Members are written in the order of the fields, unknown ones sorted after them.
    let text = serde_json::to_string(&user(json!({ "b": 1, "a": 2, "userName": "x" }))).unwrap();
    assert!(text.ends_with(r#""userName":"x","a":2,"b":1}"#), "{text}");
}

#[test]
fn r43_1_1_02_constants_have_no_quotation_marks() {
    for text in [
        User::SCHEMA,
        User::ENDPOINT,
        Group::SCHEMA,
        EnterpriseUser::SCHEMA,
        ServiceProviderConfig::SCHEMA,
        ResourceTypeDescription::SCHEMA,
        <Schema as TypedResource>::SCHEMA,
    ] {
        assert!(!text.contains(['"', '\'']), "{text}");
    }
}

/// Any JSON of modest size.
fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        ".{0,8}".prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 24, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map(any_name(), inner, 0..4)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

/// Names that views know, in any case, and others.
fn any_name() -> impl Strategy<Value = String> {
    prop_oneof![
        prop::sample::select(vec![
            "userName",
            "USERNAME",
            "emails",
            "value",
            "primary",
            "schemas",
            "meta",
            "created",
            "name",
            "active",
            "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User",
            "manager",
            "urn:example:Badge",
        ])
        .prop_map(str::to_owned),
        "[a-zA-Z]{1,6}",
    ]
}

proptest! {
    #[test]
    fn whatever_a_view_reads_it_writes_and_reads_again(
        members in prop::collection::btree_map(any_name(), any_json(), 0..6)
    ) {
        let json = Value::Object(members.into_iter().collect());
        if let Ok(user) = serde_json::from_value::<User>(json.clone()) {
            let written = serde_json::to_value(&user).unwrap();
            let again: User = serde_json::from_value(written.clone()).unwrap();
            prop_assert_eq!(&serde_json::to_value(&again).unwrap(), &written);
            for (name, value) in &user.extra {
                prop_assert_eq!(&written[name], value);
            }
            let text = serde_json::to_string(&user).unwrap();
            prop_assert_eq!(serde_json::from_str::<Value>(&text).unwrap(), written);
        }
    }

    #[test]
    fn no_json_makes_a_view_panic(json in any_json()) {
        let _ = serde_json::from_value::<User>(json.clone());
        let _ = serde_json::from_value::<Group>(json.clone());
        let _ = serde_json::from_value::<ServiceProviderConfig>(json.clone());
        let _ = serde_json::from_value::<ResourceTypeDescription>(json);
    }
}
