//! From source attributes to a resource.

use scim2_core::ResourceType;
use scim2_sync::mapping::Mapper;
use scim2_sync::source::SourceObject;
use scim2_vendor::mapping::{AttributeMapping, MappingSource};
use scim2_vendor::{aws, entra};
use serde_json::{Value, json};

const ENTERPRISE: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";

fn source(attributes: Value) -> SourceObject {
    let Value::Object(attributes) = attributes else { panic!() };
    SourceObject { attributes, manager: Some("boss".into()) }
}

fn resource(table: &[AttributeMapping], attributes: Value) -> Value {
    let mapper = Mapper::new(ResourceType::user(), table).unwrap();
    let mapped = mapper.map(&source(attributes), true);
    assert_eq!(mapped.problems, []);
    mapper.resource(mapped.attributes.iter().map(|(path, value)| (path.as_str(), value))).into()
}

fn full() -> Value {
    json!({
        "objectId": "6f1b",
        "userPrincipalName": "anna@example.com",
        "displayName": "Anna Weiß",
        "givenName": "Anna",
        "surname": "Weiß",
        "jobTitle": "Chief",
        "mail": "anna@example.com",
        "mailNickname": "anna",
        "proxyAddresses": ["SMTP:anna@example.com", "smtp:aw@example.com"],
        "telephoneNumber": "1",
        "mobile": "2",
        "facsimileTelephoneNumber": "3",
        "streetAddress": "Long Street 1",
        "postalCode": "80331",
        "physicalDeliveryOfficeName": "Building 2",
        "employeeId": "TW-1000",
        "department": "Executive",
    })
}

#[test]
fn entras_default_table_makes_what_entra_sends() {
    assert_eq!(
        resource(&entra::user_mapping(), full()),
        json!({
            "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User", ENTERPRISE],
            "userName": "anna@example.com",
            "externalId": "anna",
            "active": true,
            "displayName": "Anna Weiß",
            "name": { "givenName": "Anna", "familyName": "Weiß" },
            "title": "Chief",
            "emails": [
                { "type": "work", "value": "anna@example.com", "primary": true },
                { "type": "other", "value": "SMTP:anna@example.com" },
                { "type": "other", "value": "smtp:aw@example.com" },
            ],
            "addresses": [
                { "type": "work", "streetAddress": "Long Street 1", "postalCode": "80331" },
                { "type": "other", "formatted": "Building 2" },
            ],
            "phoneNumbers": [
                { "type": "work", "value": "1" },
                { "type": "mobile", "value": "2" },
                { "type": "fax", "value": "3" },
            ],
            ENTERPRISE: { "employeeNumber": "TW-1000", "department": "Executive" },
        })
    );
}

#[test]
fn the_guides_edits_leave_one_value_each() {
    let mut table = entra::user_mapping();
    aws::edit_entra_mapping(&mut table);
    let user = resource(&table, full());
    for attribute in ["emails", "addresses", "phoneNumbers"] {
        assert_eq!(user[attribute].as_array().unwrap().len(), 1, "{attribute}");
    }
    assert_eq!(user["externalId"], "6f1b");
}

#[test]
fn null_source_attributes_are_not_provisioned() {
    let user = resource(&entra::user_mapping(), json!({ "userPrincipalName": "a" }));
    let keys: Vec<_> = user.as_object().unwrap().keys().collect();
    assert_eq!(keys, ["active", "schemas", "userName"]);
}

#[test]
fn a_manager_is_a_reference() {
    let mapper = Mapper::new(ResourceType::user(), &entra::user_mapping()).unwrap();
    let mapped = mapper.map(&source(full()), true);
    let path = format!("{ENTERPRISE}:manager");
    assert_eq!(mapped.references[&path].as_str(), "boss");
    assert!(!mapped.attributes.contains_key(&path));
}

#[test]
fn the_account_state_switches_active() {
    let mapper = Mapper::new(ResourceType::user(), &entra::user_mapping()).unwrap();
    let mapped = mapper.map(&source(full()), false);
    assert_eq!(mapped.attributes["active"], json!(false));
}

#[test]
fn constants_defaults_and_what_is_written_once() {
    let table = [
        AttributeMapping::constant("Employee", "userType"),
        AttributeMapping::direct("nickname", "nickName").with_default("Nobody"),
        AttributeMapping::direct("surname", "displayName").with_default("Nobody"),
        AttributeMapping::direct("givenName", "title").on_create(),
        AttributeMapping::constant(true, r#"roles[value eq "admin"].primary"#),
    ];
    let mapper = Mapper::new(ResourceType::user(), &table).unwrap();
    let mapped = mapper.map(&source(full()), true);
    assert_eq!(mapped.attributes["userType"], "Employee");
    assert_eq!(mapped.attributes["nickName"], "Nobody");
    assert_eq!(mapped.attributes["displayName"], "Weiß");
    assert_eq!(mapped.attributes["roles"], json!([{ "value": "admin", "primary": true }]));
    let on_create: Vec<_> = mapped.on_create.iter().map(String::as_str).collect();
    assert_eq!(on_create, ["nickName", "title"]);
}

#[test]
fn text_becomes_the_boolean_that_the_target_takes() {
    let table = [AttributeMapping::direct("flag", "active")];
    let mapper = Mapper::new(ResourceType::user(), &table).unwrap();
    let map = |value: Value| mapper.map(&source(json!({ "flag": value })), true);
    assert_eq!(map(json!("False")).attributes["active"], json!(false));
    let problems = map(json!("perhaps")).problems;
    assert_eq!(problems[0].attribute, "active");
    assert_eq!(problems[0].problem, "the source has a text, the target takes a boolean");
}

#[test]
fn tables_that_cannot_work_are_refused() {
    let refused = |target: &str| {
        let table = [AttributeMapping::new(MappingSource::AccountState, target)];
        Mapper::new(ResourceType::user(), &table).unwrap_err().to_string()
    };
    assert!(refused("userNmae").contains("unknown attribute `userNmae`"));
    assert!(refused("emails[type eq").contains("is no path"));
    assert!(refused("emails.value").contains("select one"));
    assert!(refused("name").contains("map its sub-attributes"));
    assert!(refused("id").contains("the target's own"));
    assert!(refused(r#"emails[type ne "work"].value"#).contains("must be made of `eq`"));
    let table =
        [AttributeMapping::direct("mail", r#"emails[type eq "work"].value"#).matched_first()];
    let error = Mapper::new(ResourceType::user(), &table).unwrap_err().to_string();
    assert!(error.contains("only a singular attribute"), "{error}");
}
