//! What schemas define, and what may be wrong with one.

use scim2_core::catalog::common_attribute;
use scim2_core::discovery::{ResourceTypeDescription, service_provider_schemas};
use scim2_core::lint::Severity;
use scim2_core::patch_op::{PatchOp, PatchOpKind, PatchOperation};
use scim2_core::schema::{Attribute, AttributeType, Mutability, Returned, Schema, Uniqueness};
use scim2_core::secret::Secret;
use scim2_core::{Catalog, Policy, Resource, ResourceType};
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
fn s06_a_weaker_part_of_a_stronger_attribute_is_pointed_out() {
    let part = |keyword: &str, value: &str, of_parent: &str| {
        json!([{"name": "x", "type": "complex", keyword: of_parent,
            "subAttributes": [{"name": "y", keyword: value}]}])
    };
    finds(
        part("mutability", "readWrite", "readOnly"),
        "warning: `urn:example:Badge:x.y` is readOnly, whatever it says, as the attribute is that it is in",
    );
    finds(
        part("returned", "default", "never"),
        "warning: `urn:example:Badge:x.y` is returned never, whatever it says, as is the attribute it is in",
    );
    finds_nothing(part("mutability", "readOnly", "readWrite"));
    finds_nothing(part("returned", "never", "default"));
}

#[test]
fn what_keeps_json_from_being_a_schema_is_told_all_together() {
    let json = json!({
        "id": "urn:example:Badge",
        "name": 5,
        "attributes": [
            {"name": "1st", "type": "money", "description": "d"},
            {"name": "ok", "description": "d", "multiValued": "yes", "caseexact": true},
            {"description": "d", "mutability": 7},
            "colour",
            {"name": "x", "type": "complex", "description": "d", "subAttributes": [
                {"name": "a.b", "description": "d"},
                {"name": "y", "type": "complex", "description": "d", "subAttributes": {}},
            ]},
            {"name": "canonical", "description": "d", "canonicalValues": [1], "uniqueness": "NONE"},
            {"name": "nothing", "description": "d", "type": null, "subAttributes": null},
        ],
    });
    let lines: Vec<_> = Schema::lint_json(&json).iter().map(ToString::to_string).collect();
    assert_eq!(
        lines,
        [
            "error: `urn:example:Badge` has a `name` that is no string",
            "error: `urn:example:Badge:1st` is no attribute name (RFC 7643 §2.1)",
            "error: `urn:example:Badge:1st` has an unknown attribute type `money`, expected one of \
             `string` `boolean` `decimal` `integer` `dateTime` `binary` `reference` `complex`",
            "warning: `urn:example:Badge:ok` has `caseexact`, which is no characteristic",
            "error: `urn:example:Badge:ok` has a `multiValued` that is no boolean",
            "error: `urn:example:Badge:attributes[2]` has no `name`",
            "error: `urn:example:Badge:attributes[2]` has a `mutability` that is no string",
            "error: `urn:example:Badge:attributes[3]` is not a JSON object",
            "error: `urn:example:Badge:x.a.b` is no attribute name (RFC 7643 §2.1)",
            "error: `urn:example:Badge:x.y` has `subAttributes` that are no array",
            "error: `urn:example:Badge:canonical` has `canonicalValues` that are no array of strings",
            "warning: `urn:example:Badge:x.y` is complex and has no sub-attributes (RFC 7643 §7)",
            "error: `urn:example:Badge:x.y` is complex inside a complex attribute (RFC 7643 §2.3.8)",
        ]
    );
    for (json, line) in [
        (json!([]), "error: `the schema` is not a JSON object"),
        (json!({"attributes": []}), "error: `the schema` has no `id` (RFC 7643 §7)"),
        (
            json!({"id": "", "attributes": []}),
            "error: `the schema` has the `id` ``, which is no URI",
        ),
        (json!({"id": "urn:x:Y"}), "error: `urn:x:Y` has no `attributes` (RFC 7643 §7)"),
        (
            json!({"id": "urn:x:Y", "attributes": {}}),
            "error: `urn:x:Y` has `attributes` that are no array",
        ),
    ] {
        let lines: Vec<_> = Schema::lint_json(&json).iter().map(ToString::to_string).collect();
        assert_eq!(lines, [line]);
    }
}

#[test]
fn deep_nesting_of_sub_attributes_is_refused_and_not_followed() {
    let mut attribute = json!({"name": "x", "type": "complex"});
    for _ in 0..100 {
        attribute = json!({"name": "x", "type": "complex", "subAttributes": [attribute]});
    }
    let json = json!({"id": "urn:x:Y", "attributes": [attribute]});
    let findings = Schema::lint_json(&json);
    assert!(findings.iter().any(|finding| finding.message.contains("nested too deeply")));
}

#[test]
fn what_the_shipped_schemas_print_has_no_fault_of_form() {
    for schema in Catalog::standard().schemas().chain(service_provider_schemas()) {
        assert_eq!(Schema::lint_json(&schema.to_resource().into()), [], "{}", schema.id);
    }
}

#[test]
fn null_characteristics_are_left_out() {
    let attribute: Attribute = serde_json::from_value(json!({
        "name": "x", "type": null, "multiValued": null, "description": null, "required": null,
        "canonicalValues": null, "caseExact": null, "mutability": null, "returned": null,
        "uniqueness": null, "referenceTypes": null, "subAttributes": null,
    }))
    .unwrap();
    assert_eq!(attribute, Attribute::new("x".parse().unwrap(), AttributeType::String));
}

#[test]
fn a_catalog_from_discovery_is_the_one_that_was_described() {
    let standard = Catalog::standard();
    // As a service provider prints it, and a client reads it.
    let print = |resources: Vec<Resource>| Value::from_iter(resources.into_iter().map(Value::from));
    let base = url::Url::parse("https://example.com/v2").unwrap();
    let schemas =
        print(standard.schemas().map(|schema| schema.description_resource(&base)).collect());
    let types = print(standard.iter().map(|ty| ty.description_resource(&base)).collect());
    let schemas: Vec<Schema> = serde_json::from_value(schemas).unwrap();
    let types: Vec<ResourceTypeDescription> = serde_json::from_value(types).unwrap();
    let catalog = Catalog::from_discovery(&schemas, &types).unwrap();
    for (ours, theirs) in standard.iter().zip(catalog.iter()) {
        assert_eq!((ours.name(), ours.endpoint()), (theirs.name(), theirs.endpoint()));
        assert_eq!(ours.description(), theirs.description());
        assert_eq!(ours.schema(), theirs.schema());
        for (ours, theirs) in ours.extensions().iter().zip(theirs.extensions()) {
            assert_eq!((&ours.schema, ours.required), (&theirs.schema, theirs.required));
        }
    }
    assert_eq!(catalog.iter().count(), 2);
    // What the RFC defines need not be listed.
    let alone = Catalog::from_discovery(&[], &types).unwrap();
    assert_eq!(alone.by_name("User").unwrap().schema(), standard.by_name("User").unwrap().schema());
    // What is listed counts: this service provider has no nicknames.
    let mut own = schemas;
    own[0].attributes.retain(|attribute| attribute.name != "nickName");
    let catalog = Catalog::from_discovery(&own, &types).unwrap();
    assert!(catalog.by_name("User").unwrap().attribute("nickName").is_none());
}

scim2_core::extension! {
    /// The badge that opens doors.
    ///
    /// This is not in the schema.
    pub struct Badge = "urn:example:params:scim:schemas:extension:badge:2.0:User" {
        /// The number printed on it,
        /// which nobody else has.
        pub number: Option<i64> = "number" { required, uniqueness(Uniqueness::Server) },
        /// The colours.
        pub colours: Vec<String> = "colours" { canonical_values(["red", "blue"]) },
        /// The door.
        pub door: Option<Door> = "door",
        /// Until when it is good.
        pub until: Option<chrono::DateTime<chrono::Utc>> = "until" { mutability(Mutability::Immutable) },
        /// The code to type.
        pub pin: Option<Secret> = "pin" { mutability(Mutability::WriteOnly), returned(Returned::Never) },
        /// How heavy it is.
        pub weight: Option<f64> = "weight",
        /// Whether it is lost.
        pub lost: Option<bool> = "lost",
    }

    /// A door.
    #[derive(PartialEq)]
    pub struct Door {
        /// Its name.
        pub value: Option<String> = "value" { case_exact },
    }
}

#[test]
fn an_extension_is_declared_once() {
    let schema = Badge::schema();
    assert_eq!(schema.lint(), []);
    assert_eq!((schema.id.as_str(), schema.name.as_deref()), (Badge::SCHEMA, Some("Badge")));
    assert_eq!(schema.description.as_deref(), Some("The badge that opens doors."));
    let types: Vec<_> =
        schema.attributes.iter().map(|a| (a.attribute_type, a.multi_valued)).collect();
    use AttributeType as T;
    assert_eq!(
        types,
        [
            (T::Integer, false),
            (T::String, true),
            (T::Complex, false),
            (T::DateTime, false),
            (T::String, false),
            (T::Decimal, false),
            (T::Boolean, false)
        ]
    );
    let number = schema.attribute("number").unwrap();
    assert_eq!(
        number.description.as_deref(),
        Some("The number printed on it, which nobody else has.")
    );
    assert!(number.required && number.uniqueness == Uniqueness::Server);
    assert!(schema.attribute("door").unwrap().sub_attribute("value").unwrap().case_exact);

    let badge = json!({"NUMBER": 7, "colours": "red", "door": "N", "weight": 1.5, "shape": "round",
        "until": "2030-01-01T00:00:00Z", "pin": "1234"});
    let badge: Badge = serde_json::from_value(badge).unwrap();
    assert_eq!(badge.number, Some(7));
    assert_eq!(badge.colours, ["red"]);
    assert_eq!(badge.door, Some(Door { value: Some("N".into()), ..Door::default() }));
    assert!(!format!("{badge:?}").contains("1234"));
    // Nothing is lost.
    assert_eq!(badge.extra["shape"], "round");
    let written = serde_json::to_value(&badge).unwrap();
    assert_eq!(written["until"], "2030-01-01T00:00:00Z");
    assert_eq!(written["shape"], "round");
    for wrong in
        [json!({"number": 1.5}), json!({"number": "7"}), json!({"weight": "1"}), json!({"lost": 1})]
    {
        assert!(serde_json::from_value::<Badge>(wrong).is_err());
    }
    let ty = ResourceType::user().with_extension(schema);
    let body = json!({"schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"], "userName": "b",
        Badge::SCHEMA: serde_json::to_value(badge).unwrap()});
    let policy = Policy::strict();
    assert!(ty.ingest(body.to_string().as_bytes(), &policy).is_err(), "shape is unknown");
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

#[test]
fn s10_f07_any_uri_names_its_extension_in_a_patch() {
    for uri in ["https://example.com/Badge", "urn:example:badge:2.0", "urn:example:Badge"] {
        let schema: Schema =
            serde_json::from_value(json!({"id": uri, "attributes": [{"name": "x"}]})).unwrap();
        let ty = ResourceType::user().with_extension(schema);
        let user =
            json!({"schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"], "userName": "b"});
        let mut user: Resource = serde_json::from_value(user).unwrap();
        let mut patch = |op: PatchOp| {
            ty.patch(&mut user, &op, &Policy::strict()).unwrap();
            user.get(uri).cloned()
        };
        assert_eq!(patch(PatchOp::new().add(uri, json!({"X": "1"}))), Some(json!({"x": "1"})));
        let upper = uri.to_uppercase();
        let keyed =
            PatchOperation::new(PatchOpKind::Replace, None, Some(json!({upper: {"x": "2"}})));
        assert_eq!(patch(PatchOp::new().with(keyed)), Some(json!({"x": "2"})));
        assert_eq!(patch(PatchOp::new().replace(format!("{uri}:x"), "3")), Some(json!({"x": "3"})));
        assert_eq!(patch(PatchOp::new().remove(uri)), None);
    }
}
