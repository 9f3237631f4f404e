//! Requirements that need a test of their own beside those that prove them in passing.

use scim2_core::bulk::{BulkMethod, BulkOperation, BulkRequest};
use scim2_core::catalog::{CatalogError, common_attribute};
use scim2_core::config::{AuthenticationScheme, ServiceProviderConfig};
use scim2_core::discovery::{DiscoveryError, ResourceTypeDescription, service_provider_schemas};
use scim2_core::lint::Severity;
use scim2_core::list::ListResponse;
use scim2_core::patch_op::PatchOp;
use scim2_core::policy::CanonicalValues;
use scim2_core::project::{Written, parse_list};
use scim2_core::schema::{Attribute, AttributeType, Mutability, Returned, Schema, Uniqueness};
use scim2_core::syntax::Filter;
use scim2_core::value::decode_binary;
use scim2_core::{Catalog, Error, Policy, Resource, ResourceType, ScimType, User};
use serde_json::{Value, json};

const USER: &str = "urn:ietf:params:scim:schemas:core:2.0:User";
const GROUP: &str = "urn:ietf:params:scim:schemas:core:2.0:Group";
const ENTERPRISE: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";

fn strict() -> Policy {
    Policy::strict()
}

fn tolerant(change: impl FnOnce(&mut Policy)) -> Policy {
    let mut policy = strict();
    change(&mut policy);
    policy
}

/// What a POST of this body would store.
fn created(ty: &ResourceType, body: &Value, policy: &Policy) -> Result<Resource, Error> {
    let resource = ty.ingest(body.to_string().as_bytes(), policy)?;
    ty.validate_new(resource, policy).map(scim2_core::Valid::into_inner)
}

/// A user with these attributes, as POST would store it.
fn user_with(more: &Value, policy: &Policy) -> Result<Resource, Error> {
    let mut body = json!({"schemas": [USER], "userName": "bjensen"});
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    created(&ResourceType::user(), &body, policy)
}

#[track_caller]
fn refused<T: std::fmt::Debug>(result: Result<T, Error>, scim_type: ScimType) {
    assert_eq!(result.unwrap_err().scim_type(), Some(&scim_type));
}

/// Whether the user, as stored, matches a filter.
fn matches(more: &Value, filter: &str) -> bool {
    let document = user_with(more, &strict()).unwrap();
    let filter: Filter = filter.parse().unwrap();
    ResourceType::user().bind(&filter, &strict()).unwrap().matches(&document)
}

/// A resource type with one attribute of this JSON form.
fn badges(attribute: Value) -> ResourceType {
    let schema = json!({"id": "urn:example:Badge", "attributes": [attribute]});
    ResourceType::new("Badge", "/Badges", serde_json::from_value(schema).unwrap())
}

fn badge(ty: &ResourceType, value: Value) -> Result<Resource, Error> {
    let name = ty.schema().attributes[0].name.as_str();
    created(ty, &json!({"schemas": ["urn:example:Badge"], name: value}), &strict())
}

fn user_attribute(path: &str) -> Attribute {
    let user = ResourceType::user();
    let (name, sub_attr) = path.split_once('.').unwrap();
    user.attribute(name).unwrap().sub_attribute(sub_attr).unwrap().clone()
}

// Data types.

#[test]
fn r43_2_3_4_01_an_integer_has_no_fraction_and_no_exponent() {
    let ty = badges(json!({"name": "age", "type": "integer"}));
    for text in ["1", "-1", "0", "9223372036854775807"] {
        let body = format!(r#"{{"schemas": ["urn:example:Badge"], "age": {text}}}"#);
        let resource = ty.ingest(body.as_bytes(), &strict()).unwrap();
        assert_eq!(resource.get("age").unwrap().to_string(), text);
    }
    for text in ["1.0", "1e3", "1.5"] {
        let body = format!(r#"{{"schemas": ["urn:example:Badge"], "age": {text}}}"#);
        refused(ty.ingest(body.as_bytes(), &strict()), ScimType::InvalidValue);
    }
}

#[test]
fn r43_2_3_5_01_a_date_time_has_a_date_and_a_time() {
    let ty = badges(json!({"name": "since", "type": "dateTime"}));
    for text in ["2008-01-23T04:56:22Z", "2008-01-23T04:56:22+02:00", "2008-01-23T04:56:22.123456Z"]
    {
        assert_eq!(badge(&ty, json!(text)).unwrap().text("since"), Some(text));
    }
    for text in ["2008-01-23", "04:56:22Z", "2008-01-23T", "2008-13-23T04:56:22Z", ""] {
        refused(badge(&ty, json!(text)), ScimType::InvalidValue);
    }
}

#[test]
fn r43_2_3_5_03_a_date_time_keeps_to_xml_schema() {
    let ty = badges(json!({"name": "since", "type": "dateTime"}));
    badge(&ty, json!("2011-05-13T24:00:00Z")).unwrap();
    for text in [
        "2011-05-13t04:42:34z",
        "2011-05-13T24:00:01Z",
        "2011-05-13 04:42:34Z",
        "2011-05-13T04:42:34+0000",
    ] {
        refused(badge(&ty, json!(text)), ScimType::InvalidValue);
    }
}

#[test]
fn r43_2_3_6_01_binary_is_base64() {
    let ty = badges(json!({"name": "key", "type": "binary"}));
    let stored =
        |text: &str| badge(&ty, json!(text)).map(|badge| badge.text("key").unwrap().to_owned());
    assert_eq!(stored("+/8=").unwrap(), "+/8=");
    assert_eq!(stored("-_8=").unwrap(), "+/8=");
    for text in ["+/8*", "+ /8=", "+/8=\n", "A", "é"] {
        refused(stored(text), ScimType::InvalidValue);
    }
}

#[test]
fn r43_2_3_6_02_padding_may_be_left_out() {
    assert_eq!(decode_binary("QQ", &strict()).unwrap(), b"A");
    assert_eq!(decode_binary("QQ==", &strict()).unwrap(), b"A");
    let ty = badges(json!({"name": "key", "type": "binary"}));
    assert_eq!(badge(&ty, json!("QQ")).unwrap(), badge(&ty, json!("QQ==")).unwrap());
}

#[test]
fn r43_2_3_6_04_a_definition_may_ask_for_base64url() {
    let key = Attribute::new("key".parse().unwrap(), AttributeType::Binary).base64url();
    let schema = Schema::new("urn:example:Badge".parse().unwrap(), vec![key]);
    let ty = ResourceType::new("Badge", "/Badges", schema);
    for text in ["-_8", "-_8=", "+/8="] {
        let badge = badge(&ty, json!(text)).unwrap();
        assert_eq!(badge.text("key"), Some("-_8"));
        let filter: Filter = r#"key eq "+/8=""#.parse().unwrap();
        assert!(ty.bind(&filter, &strict()).unwrap().matches(&badge));
    }
}

#[test]
fn r43_2_3_7_01_a_reference_is_a_uri_or_a_relative_one() {
    let ty = badges(json!({"name": "home", "type": "reference", "referenceTypes": ["uri"]}));
    for text in ["https://x/y", "Users/1", "urn:a:b", "../Users/1"] {
        assert_eq!(badge(&ty, json!(text)).unwrap().text("home"), Some(text));
    }
    for text in ["ht tp://", "https://x/ y", "%zz", "<x>"] {
        refused(badge(&ty, json!(text)), ScimType::InvalidValue);
    }
}

#[test]
fn r43_2_3_7_02_the_base_of_a_relative_reference_is_the_service_root() {
    let ty = badges(json!({"name": "owner", "type": "reference", "referenceTypes": ["User"]}));
    let mut stored = badge(&ty, json!("https://example.com/v2/Users/1")).unwrap();
    // Not of the request's own URL, which ends in /Badges/9.
    stored.insert("id", "9");
    let asks = |reference: &str| {
        let filter = Filter::eq("owner", reference);
        ty.bind(&filter, &strict()).unwrap().matches(&stored)
    };
    assert!(asks("Users/1"));
    assert!(asks("/Users/1"));
    assert!(!asks("Badges/Users/1"));
    assert!(!asks("1"));
}

#[test]
fn r43_2_4_05_references_are_compared_without_their_version_segment() {
    let ty = badges(json!({"name": "owner", "type": "reference", "referenceTypes": ["User"]}));
    let stored = badge(&ty, json!("https://example.com/v2/Users/1")).unwrap();
    let asks = |reference: &str| {
        ty.bind(&Filter::eq("owner", reference), &strict()).unwrap().matches(&stored)
    };
    assert!(asks("https://example.com/Users/1"));
    assert!(asks("https://example.com/v3/Users/1"));
    assert!(!asks("https://example.com/Users/2"));
    assert!(!asks("https://example.org/Users/1"));
}

#[test]
fn r43_4_1_1_05_urls_are_compared_in_their_normal_form() {
    let user = json!({"profileUrl": "HTTP://Example.com/"});
    assert!(matches(&user, r#"profileUrl eq "http://example.com/""#));
    assert!(matches(&user, r#"profileUrl eq "http://example.com:80""#));
    assert!(!matches(&user, r#"profileUrl ne "http://example.com""#));
    assert!(!matches(&user, r#"profileUrl eq "https://example.com/""#));
    // Substrings are those of what was written.
    assert!(matches(&user, r#"profileUrl sw "HTTP://""#));
    assert!(!matches(&user, r#"profileUrl sw "http://""#));
    // What was written comes back.
    assert_eq!(
        user_with(&user, &strict()).unwrap().text("profileUrl"),
        Some("HTTP://Example.com/")
    );
}

// Schemas of a resource.

#[test]
fn r43_3_01_schemas_are_required() {
    refused(
        created(&ResourceType::user(), &json!({"userName": "b"}), &strict()),
        ScimType::InvalidSyntax,
    );
    let wrong = json!({"schemas": USER, "userName": "b"});
    // One string alone is no array.
    assert!(created(&ResourceType::user(), &wrong, &strict()).is_err());
    let wrong = json!({"schemas": [1], "userName": "b"});
    assert!(created(&ResourceType::user(), &wrong, &strict()).is_err());
}

#[test]
fn r43_3_03_schemas_are_never_empty() {
    let body = json!({"schemas": [], "userName": "b"});
    refused(created(&ResourceType::user(), &body, &strict()), ScimType::InvalidSyntax);
    let mut user = User::new("b");
    user.schemas.clear();
    assert_eq!(serde_json::to_value(&user).unwrap()["schemas"], json!([USER]));
}

#[test]
fn r43_3_04_schemas_are_those_of_the_resource_type() {
    let body = json!({"schemas": [USER, GROUP], "userName": "b"});
    refused(created(&ResourceType::user(), &body, &strict()), ScimType::InvalidSyntax);
    let body = json!({"schemas": [USER, "urn:example:Badge"], "userName": "b"});
    refused(created(&ResourceType::user(), &body, &strict()), ScimType::InvalidSyntax);
}

#[test]
fn r43_3_05_schemas_have_no_duplicates() {
    let body = json!({"schemas": [USER, USER.to_uppercase(), USER], "userName": "b"});
    let user = created(&ResourceType::user(), &body, &strict()).unwrap();
    assert_eq!(user.get("schemas"), Some(&json!([USER])));
}

#[test]
fn r43_3_1_10_an_empty_external_id_is_never_stored() {
    assert_eq!(user_with(&json!({"externalId": ""}), &strict()).unwrap().get("externalId"), None);
    let user = user_with(&json!({"externalId": "701984"}), &strict()).unwrap();
    assert_eq!(user.external_id(), Some("701984"));
}

#[test]
fn r43_3_3_04_an_extension_is_held_under_its_uri() {
    let user = user_with(&json!({ENTERPRISE: {"department": "Tours"}}), &strict()).unwrap();
    assert_eq!(user.get(ENTERPRISE), Some(&json!({"department": "Tours"})));
    refused(user_with(&json!({"department": "Tours"}), &strict()), ScimType::InvalidSyntax);
}

#[test]
fn r43_3_3_06_schemas_name_the_base_schema_of_the_endpoint() {
    let body = json!({"schemas": [GROUP], "userName": "b", "displayName": "b"});
    refused(created(&ResourceType::user(), &body, &strict()), ScimType::InvalidSyntax);
    let body = json!({"schemas": [ENTERPRISE], "userName": "b"});
    refused(created(&ResourceType::user(), &body, &strict()), ScimType::InvalidSyntax);
}

#[test]
fn r43_3_3_07_a_schema_may_be_listed_of_which_nothing_is_there() {
    let body = json!({"schemas": [USER, ENTERPRISE], "userName": "b"});
    assert!(created(&ResourceType::user(), &body, &strict()).is_ok());
}

// Users and groups.

#[test]
fn r43_2_4_03_one_value_at_most_is_primary() {
    let emails = |first: bool, second: bool| json!({"emails": [{"value": "a@x.org", "primary": first}, {"value": "b@x.org", "primary": second}]});
    refused(user_with(&emails(true, true), &strict()), ScimType::InvalidValue);
    assert!(user_with(&emails(true, false), &strict()).is_ok());
    assert!(user_with(&emails(false, false), &strict()).is_ok());
}

#[test]
fn r43_4_1_1_01_a_user_has_a_user_name() {
    for body in [
        json!({"schemas": [USER]}),
        json!({"schemas": [USER], "userName": ""}),
        json!({"schemas": [USER], "userName": null}),
    ] {
        refused(created(&ResourceType::user(), &body, &strict()), ScimType::InvalidValue);
    }
}

#[test]
fn r43_4_1_1_07_a_locale_has_no_white_space() {
    assert!(user_with(&json!({"locale": "en-US"}), &strict()).is_ok());
    refused(user_with(&json!({"locale": "en US"}), &strict()), ScimType::InvalidValue);
}

#[test]
fn r43_4_1_1_08_a_locale_with_an_underscore_is_taken_by_option() {
    let user = json!({"locale": "en_US"});
    refused(user_with(&user, &strict()), ScimType::InvalidValue);
    let policy = tolerant(|policy| policy.locale_underscore = true);
    assert_eq!(user_with(&user, &policy).unwrap().text("locale"), Some("en_US"));
}

#[test]
fn r43_4_1_1_09_a_time_zone_is_any_text() {
    for zone in ["America/Los_Angeles", "Europe/Berlin", "Mars/Olympus"] {
        let user = user_with(&json!({"timezone": zone}), &strict()).unwrap();
        assert_eq!(user.text("timezone"), Some(zone));
    }
}

#[test]
fn r43_4_1_1_16_a_display_name_is_any_text() {
    for name in ["Babs Jensen", "b", "🦀", "a\nb"] {
        let user = user_with(&json!({"displayName": name}), &strict()).unwrap();
        assert_eq!(user.text("displayName"), Some(name));
    }
    refused(user_with(&json!({"displayName": 5}), &strict()), ScimType::InvalidValue);
}

#[test]
fn r43_4_1_2_01_the_case_of_an_e_mail_address_does_not_count() {
    let user = json!({"emails": [{"value": "babs@Example.COM"}]});
    assert!(matches(&user, r#"emails.value eq "babs@example.com""#));
    let stored = user_with(&user, &strict()).unwrap();
    assert_eq!(stored.get("emails").unwrap()[0]["value"], "babs@Example.COM");
}

#[test]
fn r43_4_1_2_03_phone_numbers_are_kept_as_sent() {
    for number in ["tel:+1-201-555-0123", "555-555-5555", "+1 (201) 555 0123"] {
        let user = user_with(&json!({"phoneNumbers": [{"value": number}]}), &strict()).unwrap();
        assert_eq!(user.get("phoneNumbers").unwrap()[0]["value"], number);
    }
}

#[test]
fn r43_4_1_2_06_whether_a_photo_is_an_image_is_not_looked_at() {
    let photos = json!({"photos": [{"value": "https://example.com/not-an-image.txt"}]});
    assert!(user_with(&photos, &strict()).is_ok());
    refused(
        user_with(&json!({"photos": [{"value": "no uri"}]}), &strict()),
        ScimType::InvalidValue,
    );
}

#[test]
fn r43_4_1_2_09_a_country_has_two_letters_by_option() {
    let address = |country: &str| json!({"addresses": [{"country": country}]});
    assert!(user_with(&address("USA"), &strict()).is_ok());
    let policy = tolerant(|policy| policy.country_strict = true);
    refused(user_with(&address("USA"), &policy), ScimType::InvalidValue);
    assert!(user_with(&address("US"), &policy).is_ok());
}

/// Not a certificate, but a sequence as one is: `30 02 05 00`.
const DER: &str = "MAIFAA==";

#[test]
fn r43_4_1_2_13_a_certificate_is_der_by_option() {
    let certificate = |value: &str| json!({"x509Certificates": [{"value": value}]});
    assert!(user_with(&certificate("QQ=="), &strict()).is_ok());
    let policy = tolerant(|policy| policy.certificate_strict = true);
    refused(user_with(&certificate("QQ=="), &policy), ScimType::InvalidValue);
    assert!(user_with(&certificate(DER), &policy).is_ok());
    // Only certificates are certificates.
    let ty = badges(json!({"name": "key", "type": "binary"}));
    let body = json!({"schemas": ["urn:example:Badge"], "key": "QQ=="});
    assert!(created(&ty, &body, &policy).is_ok());
}

#[test]
fn r43_4_1_2_14_two_certificates_are_two_values() {
    let twice = "MAIFADACBQA=";
    let certificates = |values: &[&str]| {
        let values: Vec<_> = values.iter().map(|value| json!({"value": value})).collect();
        json!({"x509Certificates": values})
    };
    let policy = tolerant(|policy| policy.certificate_strict = true);
    refused(user_with(&certificates(&[twice]), &policy), ScimType::InvalidValue);
    assert!(user_with(&certificates(&[DER, "MAIFAQ=="]), &policy).is_ok());
}

#[test]
fn w18_the_rfcs_own_certificate_is_one_der_sequence() {
    let body = super::types::vector_dirs("rfc")
        .into_iter()
        .map(|directory| super::types::read_json(&directory.join("rfc7643-8.2-full-user.json")))
        .next()
        .unwrap();
    let policy = tolerant(|policy| policy.certificate_strict = true);
    assert!(created(&ResourceType::user(), &body, &policy).is_ok());
}

#[test]
fn r43_4_1_2_07_photos_have_two_canonical_types() {
    assert_eq!(user_attribute("photos.type").canonical_values, ["photo", "thumbnail"]);
}

#[test]
fn r43_4_1_2_16_other_types_of_phone_numbers_are_taken() {
    let user = json!({"phoneNumbers": [{"value": "1", "type": "direct"}]});
    let stored = user_with(&user, &strict()).unwrap();
    assert_eq!(stored.get("phoneNumbers").unwrap()[0]["type"], "direct");
    assert_eq!(user_attribute("phoneNumbers.type").canonical_values.len(), 6);
}

#[test]
fn r43_4_1_2_17_parts_of_an_address_are_optional() {
    let user = ResourceType::user();
    let addresses = user.attribute("addresses").unwrap();
    assert!(addresses.sub_attributes.iter().all(|sub_attribute| !sub_attribute.required));
    assert_eq!(user_attribute("addresses.type").canonical_values, ["work", "home", "other"]);
    for sub_attribute in &addresses.sub_attributes {
        let value = if sub_attribute.name == "primary" { json!(true) } else { json!("x") };
        let one = json!({"addresses": [{sub_attribute.name.as_str(): value}]});
        assert!(user_with(&one, &strict()).is_ok(), "{}", sub_attribute.name);
    }
}

#[test]
fn r43_4_1_2_18_entitlements_and_roles_are_free() {
    for name in ["entitlements", "roles"] {
        assert!(user_attribute(&format!("{name}.type")).canonical_values.is_empty());
        let user = json!({name: [{"value": "anything at all", "type": "of any kind"}]});
        assert!(
            user_with(
                &user,
                &tolerant(|policy| {
                    policy.canonical_values = CanonicalValues::Reject;
                })
            )
            .is_ok()
        );
    }
}

#[test]
fn r43_4_2_01_a_group_has_a_display_name() {
    for body in [json!({"schemas": [GROUP]}), json!({"schemas": [GROUP], "displayName": ""})] {
        refused(created(&ResourceType::group(), &body, &strict()), ScimType::InvalidValue);
    }
}

#[test]
fn r43_4_2_04_a_schema_may_require_a_part_of_a_member() {
    let mut schema = Schema::clone(ResourceType::group().schema());
    let members =
        schema.attributes.iter_mut().find(|attribute| attribute.name == "members").unwrap();
    for sub_attribute in &mut members.sub_attributes {
        sub_attribute.required = sub_attribute.name == "value" || sub_attribute.name == "type";
    }
    let ty = ResourceType::new("Group", "/Groups", schema);
    let group =
        |member: Value| json!({"schemas": [GROUP], "displayName": "g", "members": [member]});
    let error = created(&ty, &group(json!({"value": "1"})), &strict()).unwrap_err();
    assert_eq!(error.message(), Some("`members[0].type` is required"));
    assert!(created(&ty, &group(json!({"value": "1", "type": "User"})), &strict()).is_ok());
    assert!(created(&ty, &json!({"schemas": [GROUP], "displayName": "g"}), &strict()).is_ok());
}

// Schemas as data.

#[test]
fn r43_1_1_01_attributes_are_optional_unless_marked() {
    let ty = badges(json!({"name": "colour"}));
    assert!(!ty.schema().attributes[0].required);
    assert!(created(&ty, &json!({"schemas": ["urn:example:Badge"]}), &strict()).is_ok());
    let ty = badges(json!({"name": "colour", "required": true}));
    refused(
        created(&ty, &json!({"schemas": ["urn:example:Badge"]}), &strict()),
        ScimType::InvalidValue,
    );
}

#[test]
fn r43_2_3_1_02_canonical_values_may_be_the_only_ones() {
    let user = json!({"emails": [{"value": "b@x.org", "type": "foo"}]});
    assert!(user_with(&user, &strict()).is_ok());
    let policy = tolerant(|policy| policy.canonical_values = CanonicalValues::Reject);
    refused(user_with(&user, &policy), ScimType::InvalidValue);
    let user = json!({"emails": [{"value": "b@x.org", "type": "WORK"}]});
    assert!(user_with(&user, &policy).is_ok());
}

#[test]
fn r43_7_08_canonical_values_are_suggestions() {
    let ty = badges(json!({"name": "colour", "canonicalValues": ["red", "blue"]}));
    assert_eq!(ty.schema().attributes[0].canonical_values, ["red", "blue"]);
    assert_eq!(badge(&ty, json!("green")).unwrap().text("colour"), Some("green"));
}

#[test]
fn r43_2_4_09_a_type_may_have_canonical_values() {
    assert_eq!(user_attribute("emails.type").canonical_values, ["work", "home", "other"]);
    let wire = serde_json::to_value(user_attribute("emails.type")).unwrap();
    assert_eq!(wire["canonicalValues"], json!(["work", "home", "other"]));
}

fn lint(attributes: Value) -> Vec<String> {
    let schema: Schema =
        serde_json::from_value(json!({"id": "urn:example:Badge", "attributes": attributes}))
            .unwrap();
    let errors = schema.lint().into_iter().filter(|finding| finding.severity == Severity::Error);
    errors.map(|finding| finding.path).collect()
}

#[test]
fn r43_2_3_8_02_a_complex_attribute_holds_no_complex_one() {
    let nested = json!([{"name": "x", "type": "complex", "subAttributes": [
        {"name": "y", "type": "complex", "subAttributes": [{"name": "z"}]},
    ]}]);
    assert_eq!(lint(nested), ["urn:example:Badge:x.y"]);
}

#[test]
fn r43_7_03_the_schema_schema_holds_complex_attributes_in_complex_ones() {
    let schema =
        service_provider_schemas().iter().find(|schema| schema.id.as_str().ends_with(":Schema"));
    let attributes = schema.unwrap().attribute("attributes").unwrap();
    assert!(attributes.sub_attribute("subAttributes").unwrap().is_complex());
    assert_eq!(schema.unwrap().lint(), []);
}

#[test]
fn r43_2_3_8_03_a_complex_attribute_has_no_uniqueness() {
    let complex = |uniqueness: &str| json!([{"name": "x", "type": "complex", "uniqueness": uniqueness, "subAttributes": [{"name": "y"}]}]);
    assert_eq!(lint(complex("server")), ["urn:example:Badge:x"]);
    assert_eq!(lint(complex("none")), [""; 0]);
}

#[test]
fn r43_3_1_15_the_parts_of_meta_are_read_only() {
    for sub_attribute in &common_attribute("meta").unwrap().sub_attributes {
        assert_eq!(sub_attribute.mutability, Mutability::ReadOnly);
        assert_eq!(sub_attribute.returned, Returned::Default);
    }
    let user = ResourceType::user();
    let mut stored = user_with(&json!({}), &strict()).unwrap();
    stored.insert("meta", json!({"created": "2010-01-23T04:56:22Z"}));
    let op = PatchOp::new().replace("meta.created", "1999-01-01T00:00:00Z");
    refused(user.patch(&mut stored.clone(), &op, &strict()), ScimType::Mutability);
    let mut after = stored.clone();
    after.insert("meta", json!({"created": "1999-01-01T00:00:00Z"}));
    let put = user.validate_replace(&stored, after, &strict()).unwrap();
    assert_eq!(put.get("meta"), stored.get("meta"));
}

#[test]
fn r43_3_1_16_resource_type_and_version_are_case_exact() {
    let meta = common_attribute("meta").unwrap();
    assert!(meta.sub_attribute("resourceType").unwrap().case_exact);
    assert!(meta.sub_attribute("version").unwrap().case_exact);
}

#[test]
fn r43_3_3_03_an_extension_should_not_repeat_the_core() {
    let schema: Schema = serde_json::from_value(json!({
        "id": "urn:example:Badge",
        "attributes": [{"name": "userName", "description": "d"}, {"name": "colour", "description": "d"}],
    }))
    .unwrap();
    let findings = ResourceType::user().with_extension(schema).lint();
    assert_eq!(findings.len(), 1);
    assert_eq!(findings[0].path, "urn:example:Badge:userName");
}

#[test]
fn r43_7_02_the_id_of_a_schema_is_always_returned() {
    let schemas = service_provider_schemas();
    let of_schemas = schemas.iter().find(|schema| schema.id.as_str().ends_with(":Schema")).unwrap();
    let ty = ResourceType::new("Schema", "/Schemas", Schema::clone(of_schemas));
    let schema = ResourceType::user().schema().to_resource();
    let names = parse_list("name").unwrap();
    let projection = ty.projection(&names, &[], &strict()).unwrap();
    let shown = projection.apply(&ty, schema.clone(), None);
    assert_eq!((shown.id(), shown.text("name")), (Some(USER), Some("User")));
    assert_eq!(shown.get("attributes"), None);
    assert!(projection.apply(&ty, shown, Some(&Written::default())).get("description").is_none());
    for attribute in &of_schemas.attributes {
        let expected = if attribute.name == "id" { Returned::Always } else { Returned::Default };
        assert_eq!(attribute.returned, expected, "{}", attribute.name);
    }
}

#[test]
fn r43_7_05_there_are_eight_types() {
    for keyword in
        ["string", "boolean", "decimal", "integer", "dateTime", "binary", "reference", "complex"]
    {
        let attribute: Attribute =
            serde_json::from_value(json!({"name": "x", "type": keyword})).unwrap();
        assert_eq!(attribute.attribute_type.as_str(), keyword);
    }
    for keyword in ["money", "number", "int", "object", ""] {
        let json = json!({"name": "x", "type": keyword});
        assert!(serde_json::from_value::<Attribute>(json).is_err(), "{keyword}");
    }
}

#[test]
fn r43_7_26_text_of_a_schema_is_compared_without_case() {
    let schema: Schema = serde_json::from_value(json!({
        "id": "urn:example:Badge",
        "attributes": [{"name": "Colour", "type": "STRING", "mutability": "READONLY"}],
    }))
    .unwrap();
    assert_eq!(schema.id, "URN:EXAMPLE:BADGE");
    assert_eq!(schema.attribute("colour").unwrap().mutability, Mutability::ReadOnly);
    let catalog = Catalog::standard();
    let found = catalog.schemas().find(|schema| schema.id == *USER.to_uppercase());
    assert!(found.is_some());
}

// Resource types.

fn described(json: Value) -> ResourceTypeDescription {
    serde_json::from_value(json).unwrap()
}

fn colour_schema() -> Schema {
    serde_json::from_value(json!({"id": "urn:example:Badge", "attributes": [{"name": "colour"}]}))
        .unwrap()
}

#[test]
fn r43_6_03_a_resource_type_is_described() {
    let findings = ResourceType::new("Badge", "/Badges", colour_schema()).lint();
    assert!(
        findings.iter().any(|finding| {
            finding.to_string() == "warning: `Badge` has no description (RFC 7643 §6)"
        }),
        "{findings:?}"
    );
    let ty = ResourceType::new("Badge", "/Badges", colour_schema()).with_description("Badges");
    assert!(ty.lint().iter().all(|finding| finding.path != "Badge"));
    assert_eq!(ty.to_description().description.as_deref(), Some("Badges"));
}

#[test]
fn r43_6_05_the_schema_of_a_resource_type_is_one_that_is_listed() {
    let badges =
        described(json!({"name": "Badge", "endpoint": "/Badges", "schema": "urn:example:Badge"}));
    let error = Catalog::from_discovery(&[], std::slice::from_ref(&badges)).unwrap_err();
    assert_eq!(
        error.to_string(),
        "resource type `Badge` has the schema `urn:example:Badge`, which is not listed"
    );
    assert!(Catalog::from_discovery(&[colour_schema()], &[badges]).is_ok());
}

#[test]
fn r43_6_06_the_extensions_of_a_resource_type_are_listed() {
    let users = described(json!({
        "name": "User", "endpoint": "/Users", "schema": USER,
        "schemaExtensions": [{"schema": "urn:example:Badge", "required": true}],
    }));
    let error = Catalog::from_discovery(&[], std::slice::from_ref(&users)).unwrap_err();
    assert!(
        matches!(error, DiscoveryError::UnknownSchema { schema, .. } if &*schema == "urn:example:Badge")
    );
    let catalog = Catalog::from_discovery(&[colour_schema()], &[users]).unwrap();
    assert!(catalog.by_name("User").unwrap().extensions()[0].required);
}

fn with_badge(schema: Value) -> ResourceType {
    ResourceType::user().with_required_extension(serde_json::from_value(schema).unwrap())
}

#[test]
fn r43_6_07_a_required_extension_is_there_with_what_it_requires() {
    let ty = with_badge(json!({"id": "urn:example:Badge", "attributes": [
        {"name": "colour", "required": true}, {"name": "size"},
    ]}));
    let body = |badge: Value| json!({"schemas": [USER, "urn:example:Badge"], "userName": "b", "urn:example:Badge": badge});
    for wrong in [Value::Null, json!({}), json!({"size": "1"})] {
        refused(created(&ty, &body(wrong), &strict()), ScimType::InvalidValue);
    }
    assert!(created(&ty, &body(json!({"colour": "red"})), &strict()).is_ok());
}

#[test]
fn r43_6_08_an_optional_extension_may_be_left_out() {
    let schema =
        json!({"id": "urn:example:Badge", "attributes": [{"name": "colour", "required": true}]});
    let ty = ResourceType::user().with_extension(serde_json::from_value(schema).unwrap());
    assert!(created(&ty, &json!({"schemas": [USER], "userName": "b"}), &strict()).is_ok());
}

#[test]
fn s09_one_endpoint_belongs_to_one_resource_type() {
    let mut catalog = Catalog::standard();
    let clash = |catalog: &mut Catalog, name: &str, endpoint: &str| -> Result<(), CatalogError> {
        catalog.register(ResourceType::new(name, endpoint, colour_schema()))
    };
    assert!(clash(&mut catalog, "Badge", "/Users").is_err());
    assert!(clash(&mut catalog, "Badge", "Users/").is_err());
    assert!(clash(&mut catalog, "user", "/Badges").is_err());
    assert!(clash(&mut catalog, "Badge", "/Badges").is_ok());
    let twice = described(json!({"name": "User", "endpoint": "/Users", "schema": USER}));
    let error = Catalog::from_discovery(&[], &[twice.clone(), twice]).unwrap_err();
    assert!(matches!(error, DiscoveryError::Clash(_)));
}

// Messages.

#[test]
fn r43_5_08_what_is_supported_is_a_boolean() {
    for feature in ["patch", "bulk", "filter", "changePassword", "sort", "etag"] {
        let read = |supported: Value| {
            serde_json::from_value::<ServiceProviderConfig>(
                json!({feature: {"supported": supported}}),
            )
        };
        let config = serde_json::to_value(read(json!(true)).unwrap()).unwrap();
        assert_eq!(config[feature]["supported"], json!(true));
        for wrong in [json!("true"), json!(1), json!([])] {
            assert!(read(wrong).is_err(), "{feature}");
        }
    }
    let scheme = AuthenticationScheme::bearer_token();
    assert!(scheme.r#type.is_some() && scheme.name.is_some() && scheme.description.is_some());
}

#[test]
fn r44_3_4_2_03_a_list_names_its_schema() {
    let list = serde_json::to_value(ListResponse::complete(vec![User::new("a")])).unwrap();
    assert_eq!(list["schemas"], json!(["urn:ietf:params:scim:api:messages:2.0:ListResponse"]));
}

#[test]
fn r44_3_4_2_04_a_list_has_a_total() {
    let list = serde_json::to_value(ListResponse::complete(vec![User::new("a")])).unwrap();
    assert_eq!(list["totalResults"], 1);
}

#[test]
fn r44_3_4_2_05_a_list_has_resources() {
    let list = serde_json::to_value(ListResponse::complete(vec![User::new("a")])).unwrap();
    assert_eq!(list["Resources"][0]["userName"], "a");
    let none: ListResponse<User> = ListResponse::complete(Vec::new());
    assert_eq!(serde_json::to_value(none).unwrap()["Resources"], json!([]));
}

#[test]
fn r44_3_4_2_06_a_part_of_a_list_says_which() {
    let mut page = ListResponse::new(vec![User::new("c"), User::new("d")]);
    page.total_results = Some(25);
    page.start_index = Some(3);
    let page = serde_json::to_value(page).unwrap();
    assert_eq!((&page["startIndex"], &page["itemsPerPage"]), (&json!(3), &json!(2)));
}

#[test]
fn r44_3_7_04_a_bulk_request_has_operations_of_four_methods() {
    const BULK: &str = "urn:ietf:params:scim:api:messages:2.0:BulkRequest";
    let read = |body: Value| BulkRequest::from_slice(body.to_string().as_bytes(), &strict());
    refused(read(json!({"schemas": [BULK]})), ScimType::InvalidSyntax);
    for method in ["POST", "PUT", "PATCH", "DELETE", "post"] {
        let request = read(
            json!({"schemas": [BULK], "Operations": [{"method": method, "path": "/Users/1"}]}),
        );
        request.unwrap().operations[0].check().unwrap();
    }
    for operation in [
        json!({"method": "GET", "path": "/Users/1"}),
        json!({"method": "HEAD", "path": "/Users/1"}),
        json!({"path": "/Users/1"}),
    ] {
        let request = read(json!({"schemas": [BULK], "Operations": [operation]})).unwrap();
        let error = request.operations[0].check().unwrap_err();
        assert_eq!(error.status(), 400);
    }
}

#[test]
fn b09_the_path_of_a_bulk_operation_is_relative_to_the_base() {
    let check = |path: &str| BulkOperation::new(BulkMethod::Delete, path).check();
    for path in ["/Users/1", "Users/1", "/v2/Users/1"] {
        check(path).unwrap();
    }
    for path in [
        "https://example.com/Users/1",
        "//example.com/Users",
        "/Users?count=1",
        "/Me",
        "/me",
        "/Bulk",
        "/Users/.search",
        "",
        "/",
    ] {
        refused(check(path), ScimType::InvalidValue);
    }
}

// Filters.

#[test]
fn r44_3_4_2_2_25_a_value_given_by_default_is_compared_like_any_other() {
    let mut defaults = Resource::new();
    defaults.insert("active", true);
    defaults.insert("userType", "Employee");
    let user = ResourceType::user();
    let body = json!({"schemas": [USER], "userName": "b", "userType": null}).to_string();
    let read = user.ingest_with(body.as_bytes(), &defaults, &strict()).unwrap();
    let stored = user.validate_new(read, &strict()).unwrap();
    let asks = |filter: &str| {
        let filter: Filter = filter.parse().unwrap();
        user.bind(&filter, &strict()).unwrap().matches(&stored)
    };
    assert_eq!(stored.get("active"), Some(&json!(true)));
    assert!(asks("active eq true") && !asks("active ne true") && asks("active pr"));
    // What the client has unassigned is not filled in, and is not compared as if it were.
    assert!(!asks("userType pr") && !asks(r#"userType eq "Employee""#));
}

#[test]
fn f26_a_password_is_asked_for_by_eq_alone_and_by_option() {
    let user = ResourceType::user();
    let policy = tolerant(|policy| policy.filter.password_eq = true);
    let bind =
        |filter: &str, policy: &Policy| user.bind(&filter.parse::<Filter>().unwrap(), policy);
    let asks = r#"userName eq "b" and password eq "cafe\u0301""#;
    refused(bind(asks, &strict()), ScimType::InvalidFilter);
    let bound = bind(asks, &policy).unwrap();
    let stored = user_with(&json!({"userName": "b"}), &strict()).unwrap();
    // Who cannot compare hashes finds nobody.
    assert!(!bound.matches(&stored));
    assert!(bound.matches_with(&stored, &|password| password.expose() == "caf\u{e9}"));
    assert!(!bound.matches_with(&stored, &|password| password.expose() == "CAF\u{c9}"));
    assert!(bound.mentions("password"));
    assert!(!format!("{bound:?}").contains("caf"));
    assert_eq!(bound, bind(asks, &policy).unwrap());
    assert_ne!(bound, bind(r#"userName eq "b" and password eq "cafe""#, &policy).unwrap());
    for filter in [
        r#"password ne "x""#,
        r#"password co "x""#,
        r#"password sw "x""#,
        r#"password gt "x""#,
        "password pr",
        "password eq null",
        "password eq 5",
        r#"not (password eq "x")"#,
        r#"not (userName pr or password eq "x")"#,
    ] {
        refused(bind(filter, &policy), ScimType::InvalidFilter);
    }
    let sorted = user.bind_sort(&"password".parse().unwrap(), Default::default(), &policy);
    refused(sorted, ScimType::InvalidValue);
}

#[test]
fn f27_what_is_never_returned_may_be_asked_for_by_option() {
    let ty = badges(json!({"name": "pin", "returned": "never"}));
    let bind = |filter: &str, policy: &Policy| ty.bind(&filter.parse::<Filter>().unwrap(), policy);
    refused(bind(r#"pin eq "7""#, &strict()), ScimType::InvalidFilter);
    let policy = tolerant(|policy| {
        policy.filter.hidden_attributes = vec!["urn:example:Badge:pin".parse().unwrap()];
    });
    let stored = badge(&ty, json!("7")).unwrap();
    assert!(bind(r#"pin eq "7" and pin pr"#, &policy).unwrap().matches(&stored));
    // The order of a list would tell it, too; that is not what was opened.
    refused(
        ty.bind_sort(&"pin".parse().unwrap(), Default::default(), &policy),
        ScimType::InvalidValue,
    );
    // A password is not opened in this way.
    let policy =
        tolerant(|policy| policy.filter.hidden_attributes = vec!["password".parse().unwrap()]);
    let filter: Filter = r#"password eq "x""#.parse().unwrap();
    refused(ResourceType::user().bind(&filter, &policy), ScimType::InvalidFilter);
}

// Projection.

fn shown(ty: &ResourceType, resource: &Resource, attributes: &str, excluded: &str) -> Value {
    let lists = [attributes, excluded].map(|list| parse_list(list).unwrap());
    let projection = ty.projection(&lists[0], &lists[1], &strict()).unwrap();
    projection.apply(ty, resource.clone(), None).into()
}

/// A badge with an attribute for each `returned`, and one that is writeOnly.
fn every_returned() -> (ResourceType, Resource) {
    let attribute = |name: &str| Attribute::new(name.parse().unwrap(), AttributeType::String);
    let schema = Schema::new(
        "urn:example:Badge".parse().unwrap(),
        vec![
            attribute("always").returned(Returned::Always),
            attribute("default"),
            attribute("never").returned(Returned::Never),
            attribute("request").returned(Returned::Request),
            attribute("secret").mutability(Mutability::WriteOnly).uniqueness(Uniqueness::None),
        ],
    );
    let mut badge = Resource::new();
    for name in ["id", "always", "default", "never", "request", "secret"] {
        badge.insert(name, name);
    }
    (ResourceType::new("Badge", "/Badges", schema), badge)
}

#[track_caller]
fn shows(attributes: &str, excluded: &str, names: &[&str]) {
    let (ty, badge) = every_returned();
    let shown = shown(&ty, &badge, attributes, excluded);
    let shown: Vec<&str> = shown.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(shown, names, "{attributes}/{excluded}");
}

#[test]
fn r43_7_15_write_only_values_are_never_returned() {
    shows("secret", "", &["always", "id"]);
    shows("", "", &["always", "default", "id"]);
}

#[test]
fn r43_7_16_always_is_returned_whatever_is_asked() {
    shows("default", "", &["always", "default", "id"]);
    shows("", "always,id", &["always", "default", "id"]);
}

#[test]
fn r43_7_17_never_is_not_returned_even_if_named() {
    shows("never", "", &["always", "id"]);
}

#[test]
fn r43_7_19_default_is_returned_unless_left_out() {
    shows("", "", &["always", "default", "id"]);
    shows("request", "", &["always", "id", "request"]);
    shows("", "default", &["always", "id"]);
}

#[test]
fn r43_7_20_request_is_returned_if_named_or_written() {
    shows("", "", &["always", "default", "id"]);
    shows("request", "", &["always", "id", "request"]);
    let (ty, badge) = every_returned();
    let written = Written::from_resource(&ty, &badge);
    let projection = ty.projection(&[], &[], &strict()).unwrap();
    assert!(projection.apply(&ty, badge.clone(), Some(&written)).get("request").is_some());
    assert!(projection.apply(&ty, badge, Some(&Written::default())).get("request").is_none());
}

#[test]
fn r44_3_9_01_the_minimum_is_always_and_the_rest_is_default() {
    shows("", "", &["always", "default", "id"]);
    shows("nosuch", "", &["always", "id"]);
}

#[test]
fn r44_3_9_04_excluded_attributes_are_left_out_of_the_default() {
    shows("", "default", &["always", "id"]);
    shows("", "nosuch", &["always", "default", "id"]);
    shows("", "default,always,never,request", &["always", "id"]);
}

#[test]
fn r44_3_9_05_the_names_have_commas_between_them() {
    shows("default,request", "", &["always", "default", "id", "request"]);
    shows("default , request", "", &["always", "default", "id", "request"]);
    refused(parse_list("default request"), ScimType::InvalidValue);
}
