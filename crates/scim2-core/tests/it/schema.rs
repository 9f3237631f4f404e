//! What schemas define, and what may be wrong with one.

use scim2_core::catalog::common_attribute;
use scim2_core::discovery::service_provider_schemas;
use scim2_core::lint::Severity;
use scim2_core::schema::{Attribute, AttributeType, Mutability, Returned, Schema, Uniqueness};
use scim2_core::{Catalog, Policy, ResourceType};
use serde_json::{Value, json};

fn schema(attributes: Value) -> Schema {
    serde_json::from_value(json!({"id": "urn:example:Badge", "attributes": attributes})).unwrap()
}

/// The findings on a schema with these attributes, besides missing descriptions.
fn findings(attributes: Value) -> Vec<String> {
    let findings = schema(attributes).lint();
    findings
        .iter()
        .map(ToString::to_string)
        .filter(|line| !line.contains("no description"))
        .collect()
}

#[track_caller]
fn finds(attributes: Value, expected: &str) {
    assert_eq!(findings(attributes), [expected]);
}

#[track_caller]
fn finds_nothing(attributes: Value) {
    assert_eq!(findings(attributes), [""; 0]);
}

fn user_attribute(path: &str) -> Attribute {
    let user = ResourceType::user();
    let (name, sub_attr) = path.split_once('.').unwrap_or((path, ""));
    let attribute = user.attribute(name).unwrap();
    if sub_attr.is_empty() {
        attribute.clone()
    } else {
        attribute.sub_attribute(sub_attr).unwrap().clone()
    }
}

#[test]
fn r43_2_2_01_r43_1_1_01_missing_characteristics_have_their_defaults() {
    let attribute: Attribute = serde_json::from_str(r#"{"name": "x"}"#).unwrap();
    assert_eq!(attribute, Attribute::new("x".parse().unwrap(), AttributeType::String));
    assert!(!attribute.required && !attribute.case_exact && !attribute.multi_valued);
    assert!(attribute.canonical_values.is_empty());
    assert_eq!(attribute.mutability, Mutability::ReadWrite);
    assert_eq!(attribute.returned, Returned::Default);
    assert_eq!(attribute.uniqueness, Uniqueness::None);
}

#[test]
fn r43_2_1_03_names_keep_to_their_grammar() {
    let read = |name: &str| serde_json::from_value::<Attribute>(json!({ "name": name })).is_ok();
    for name in ["a-b_1$", "$ref", "a", "A1"] {
        assert!(read(name), "{name}");
    }
    for name in ["1a", "a.b", "a b", "", "é", "a:b", "-a"] {
        assert!(!read(name), "{name}");
    }
    finds(
        json!([{"name": "$x"}]),
        "warning: `urn:example:Badge:$x` begins with `$`, as only `$ref` may",
    );
}

#[test]
fn r43_2_3_01_r43_7_05_there_are_eight_data_types() {
    let read = |keyword: &str| {
        serde_json::from_value::<Attribute>(json!({"name": "x", "type": keyword})).is_ok()
    };
    for keyword in
        ["string", "boolean", "decimal", "integer", "dateTime", "binary", "reference", "complex"]
    {
        assert!(read(keyword), "{keyword}");
    }
    assert!(!read("money") && !read(""));
}

#[test]
fn s03_r43_7_26_keywords_are_read_in_any_case_and_printed_exactly() {
    let attribute: Attribute = serde_json::from_value(json!({
        "name": "x", "type": "DATETIME", "mutability": "readwrite", "returned": "Default", "uniqueness": "NONE",
    }))
    .unwrap();
    let printed = serde_json::to_value(&attribute).unwrap();
    assert_eq!(
        (&printed["type"], &printed["mutability"]),
        (&json!("dateTime"), &json!("readWrite"))
    );
}

#[test]
fn the_shipped_schemas_have_nothing_wrong() {
    let catalog = Catalog::standard();
    for ty in catalog.iter() {
        assert_eq!(ty.lint(), []);
    }
    for schema in catalog.schemas().chain(service_provider_schemas()) {
        assert_eq!(schema.lint(), [], "{}", schema.id);
    }
}

#[test]
fn r43_1_2_01_a_simple_attribute_has_no_sub_attributes() {
    finds(
        json!([{"name": "x", "subAttributes": [{"name": "y"}]}]),
        "error: `urn:example:Badge:x` has sub-attributes and is not complex (RFC 7643 §1.2)",
    );
}

#[test]
fn s04_r43_2_3_8_02_r43_7_03_only_the_schema_schema_nests_complex_attributes() {
    let nested = json!([{"name": "x", "type": "complex", "subAttributes": [
        {"name": "y", "type": "complex", "subAttributes": [{"name": "z"}]},
        {"name": "strings", "multiValued": true},
    ]}]);
    finds(
        nested.clone(),
        "error: `urn:example:Badge:x.y` is complex inside a complex attribute (RFC 7643 §2.3.8)",
    );
    let id = "urn:ietf:params:scim:schemas:core:2.0:Schema";
    let schema: Schema = serde_json::from_value(json!({"id": id, "attributes": nested})).unwrap();
    assert!(schema.lint().iter().all(|finding| finding.message.contains("no description")));
}

#[test]
fn s02_r43_2_3_8_03_a_complex_attribute_has_no_uniqueness_and_no_case() {
    let complex = |key: &str, value: Value| json!([{"name": "x", "type": "complex", "subAttributes": [{"name": "y"}], key: value}]);
    finds(
        complex("uniqueness", json!("server")),
        "error: `urn:example:Badge:x` has a type whose values have no uniqueness (RFC 7643 §2.3)",
    );
    finds(
        complex("caseExact", json!(true)),
        "error: `urn:example:Badge:x` is complex and cannot be `caseExact` (RFC 7643 §2.3.8)",
    );
    finds_nothing(complex("uniqueness", json!("none")));
    finds_nothing(complex("caseExact", json!(false)));
}

#[test]
fn r43_2_4_02_the_sub_attributes_of_multi_valued_attributes_keep_their_meaning() {
    for (name, wrong, right) in [
        ("primary", "string", "boolean"),
        ("type", "integer", "string"),
        ("display", "boolean", "string"),
        ("$ref", "string", "reference"),
    ] {
        let with = |of_type: &str, multi_valued: bool| {
            json!([{"name": "x", "type": "complex", "multiValued": multi_valued,
                "subAttributes": [{"name": name, "type": of_type}]}])
        };
        let found = findings(with(wrong, true));
        assert_eq!(found.len(), 1, "{name}");
        assert!(
            found[0].starts_with(&format!("error: `urn:example:Badge:x.{name}` is not the ")),
            "{found:?}"
        );
        finds_nothing(with(right, true));
        finds_nothing(with(wrong, false));
    }
}

#[test]
fn s07_r43_3_3_03_an_extension_attribute_named_like_the_core_is_pointed_out() {
    let ty = ResourceType::user()
        .with_extension(schema(json!([{"name": "USERNAME", "description": "d"}])));
    let findings = ty.lint();
    assert_eq!(findings.len(), 1);
    assert_eq!(findings[0].severity, Severity::Warning);
    assert_eq!(findings[0].path, "urn:example:Badge:USERNAME");
}

#[test]
fn s11_a_common_attribute_in_a_schema_is_pointed_out() {
    let found = findings(json!([{"name": "Id"}]));
    assert_eq!(found.len(), 1);
    assert!(
        found[0].starts_with("warning: `urn:example:Badge:Id` is a common attribute"),
        "{found:?}"
    );
}

#[test]
fn r43_7_06_a_complex_attribute_lists_its_sub_attributes() {
    finds(
        json!([{"name": "x", "type": "complex"}]),
        "warning: `urn:example:Badge:x` is complex and has no sub-attributes (RFC 7643 §7)",
    );
}

#[test]
fn r43_7_07_attributes_have_descriptions() {
    let findings = schema(json!([{"name": "x"}, {"name": "y", "description": "What y is"}])).lint();
    let lines: Vec<_> = findings.iter().map(ToString::to_string).collect();
    assert_eq!(lines, ["warning: `urn:example:Badge:x` has no description (RFC 7643 §7)"]);
}

#[test]
fn r43_7_24_reference_types_are_for_references() {
    finds(
        json!([{"name": "x", "referenceTypes": ["User"]}]),
        "error: `urn:example:Badge:x` has `referenceTypes` and is no reference (RFC 7643 §7)",
    );
    finds_nothing(json!([{"name": "x", "type": "reference", "referenceTypes": ["User"]}]));
}

#[test]
fn a_name_defined_twice_and_a_readable_write_only_attribute_are_found() {
    finds(
        json!([{"name": "x"}, {"name": "a"}, {"name": "X"}]),
        "error: `urn:example:Badge:x` is defined twice; names are compared without case (RFC 7643 §2.1)",
    );
    finds(
        json!([{"name": "x", "type": "complex", "subAttributes": [{"name": "a"}, {"name": "A"}]}]),
        "error: `urn:example:Badge:x.a` is defined twice; names are compared without case (RFC 7643 §2.1)",
    );
    finds(
        json!([{"name": "pin", "mutability": "writeOnly"}]),
        "warning: `urn:example:Badge:pin` is writeOnly: it is returned never, whatever `returned` says",
    );
}

#[test]
fn r43_4_1_2_05_r43_4_1_2_07_r43_4_1_2_17_r43_2_4_09_canonical_types() {
    for (path, values) in [
        ("ims.type", "aim gtalk icq xmpp msn skype qq yahoo other"),
        ("photos.type", "photo thumbnail"),
        ("addresses.type", "work home other"),
    ] {
        assert_eq!(user_attribute(path).canonical_values.join(" "), values);
    }
    assert!(user_attribute("addresses").sub_attributes.iter().all(|sub| !sub.required));
    assert!(user_attribute("roles.type").canonical_values.is_empty());
}

#[test]
fn r43_4_3_02_the_name_of_the_manager_is_optional_and_read_only() {
    let user = ResourceType::user();
    let enterprise = &user.extensions()[0].schema;
    let name = enterprise
        .attribute("manager")
        .and_then(|manager| manager.sub_attribute("displayName"))
        .unwrap();
    assert_eq!((name.required, name.mutability), (false, Mutability::ReadOnly));
}

#[test]
fn r43_3_1_01_r43_3_1_15_r43_3_1_16_the_common_attributes() {
    let meta = common_attribute("meta").unwrap();
    for sub_attribute in &meta.sub_attributes {
        assert_eq!(sub_attribute.mutability, Mutability::ReadOnly, "{}", sub_attribute.name);
        assert_eq!(sub_attribute.returned, Returned::Default, "{}", sub_attribute.name);
    }
    for name in ["resourceType", "version"] {
        assert!(meta.sub_attribute(name).unwrap().case_exact);
    }
    // They are there in a type whose schema does not define them.
    let badge = ResourceType::new("Badge", "/Badges", schema(json!([{"name": "colour"}])));
    for name in ["id", "externalId", "meta", "schemas"] {
        assert!(badge.attribute(name).is_some());
    }
}

#[test]
fn r43_5_01_r43_7_02_what_describes_the_service_provider_is_read_only() {
    let schemas = service_provider_schemas();
    let find =
        |name: &str| schemas.iter().find(|schema| schema.id.as_str().ends_with(name)).unwrap();
    let config = find(":ServiceProviderConfig");
    assert!(config.attributes.iter().all(|attribute| attribute.mutability == Mutability::ReadOnly));
    assert!(config.attribute("id").is_none());
    let schema = find(":Schema");
    for attribute in &schema.attributes {
        let returned = if attribute.name == "id" { Returned::Always } else { Returned::Default };
        assert_eq!(attribute.returned, returned, "{}", attribute.name);
    }
}

#[test]
fn r43_2_3_7_06_a_reference_may_stand_at_the_top() {
    let badge = ResourceType::new(
        "Badge",
        "/Badges",
        schema(json!([{"name": "home", "type": "reference"}])),
    );
    assert!(badge.ingest(br#"{"home": "../Users/1"}"#, &Policy::strict()).is_ok());
    assert!(badge.ingest(br#"{"home": "no uri"}"#, &Policy::strict()).is_err());
}

#[test]
fn s10_a_schema_id_may_be_another_uri_than_a_urn() {
    let schema: Schema = serde_json::from_value(
        json!({"id": "https://example.com/scim/Badge:2.0", "attributes": [{"name": "x"}]}),
    )
    .unwrap();
    let ty = ResourceType::user().with_extension(schema);
    let body = br#"{"HTTPS://example.com/scim/badge:2.0": {"X": "1"}}"#;
    let resource = ty.ingest(body, &Policy::strict()).unwrap();
    assert_eq!(resource.get("https://example.com/scim/Badge:2.0"), Some(&json!({"x": "1"})));
    let path = "https://example.com/scim/Badge:2.0:x".parse().unwrap();
    assert!(ty.resolve(&path, &Policy::strict()).is_ok());
}
