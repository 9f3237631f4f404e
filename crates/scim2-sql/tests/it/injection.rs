//! What clients write is data in every store, whatever it looks like.

use scim2_core::schema::{Attribute, AttributeType};
use scim2_core::syntax::{AttrName, Filter, SchemaUri};
use scim2_core::{Catalog, Policy, Resource, ResourceType, Schema};
use scim2_provider::Store;
use scim2_provider::store::{Load, Page, Query, StoreError, Stored};
use scim2_sql::{PostgresStore, SqliteStore};
use serde_json::{Value, json};

use crate::database;
use crate::support::{Dice, tenant, valid, with_manager};

/// What would be more than text where text is not bound.
const TEXTS: [&str; 18] = [
    "'",
    "''",
    "\"",
    "'; DROP TABLE scim_resource; --",
    "' OR '1'='1",
    "x' UNION SELECT hash FROM scim_secret --",
    "$1",
    "?1",
    ":name",
    "%",
    "_",
    "a%b_c",
    "\\",
    "\\'",
    "\\u0000",
    "\u{0}",
    "a\u{0}'b\u{1}\u{2}\u{3}",
    "/* $.title */ {\"a\": [1]}",
];

/// The URN of an extension, and the names of its attributes, with what URNs and names may have.
const EXTENSION: &str = "urn:example:o'brien:100%25_x$2--:2.0:Ext";
const NAMES: [&str; 4] = ["plain", "a$1", "x-y_z", "select"];

fn user() -> ResourceType {
    let attribute =
        |name: &str| Attribute::new(AttrName::new(name).unwrap(), AttributeType::String);
    let uri = SchemaUri::new(EXTENSION).unwrap();
    let schema = Schema::new(uri, NAMES.into_iter().map(attribute).collect());
    ResourceType::user().with_extension(schema)
}

/// Users with each text in each attribute, two with a very long one, and one with none.
fn users(ty: &ResourceType) -> Vec<Resource> {
    let long = format!("{}'%", "long ".repeat(20_000));
    // Nothing that a database packs into less.
    let mut dice = Dice::new();
    let mixed: String = (0..20_000).map(|_| char::from(b' ' + dice.roll(95) as u8)).collect();
    let texts = TEXTS.into_iter().chain([long.as_str(), mixed.as_str()]);
    let texts = texts.map(Some).chain([None]);
    let users = texts.enumerate().map(|(number, text)| {
        let mut body = json!({"userName": format!("u{number}")});
        if let Some(text) = text {
            for name in ["title", "displayName", "externalId"] {
                body[name] = text.into();
            }
            body["emails"] = json!([{"value": text, "type": text}]);
            for name in NAMES {
                body[EXTENSION][name] = text.into();
            }
        }
        valid(ty, body).into_inner()
    });
    users.collect()
}

/// Every operator with every text, on attributes that are found in each of the ways that there are.
fn filters() -> Vec<String> {
    let mut filters = Vec::new();
    let mut attributes: Vec<String> =
        ["userName", "title", "externalId", "emails.value", "emails.type", "id"]
            .map(str::to_owned)
            .into();
    attributes.extend(NAMES.map(|name| format!("{EXTENSION}:{name}")));
    let long = format!("{}'%", "long ".repeat(700));
    for text in TEXTS.into_iter().chain([long.as_str()]) {
        let literal = Value::from(text);
        for attribute in &attributes {
            for operator in ["eq", "ne", "co", "sw", "ew", "ge"] {
                filters.push(format!("{attribute} {operator} {literal}"));
            }
        }
        filters.push(format!("emails[value eq {literal} and not (type co {literal})]"));
    }
    filters.extend(attributes.iter().map(|attribute| format!("{attribute} pr")));
    filters
}

async fn check(store: &impl Store) {
    let (scope, ty) = (tenant("o'; DROP TABLE scim_tenant; --"), user());
    let mut all = Vec::new();
    for resource in users(&ty) {
        let resource = ty.validate_new(resource, &Policy::strict()).unwrap();
        let stored = store.insert(&scope, &ty, resource.into()).await.unwrap();
        all.push((stored.id().to_owned(), stored.document(&ty)));
    }
    for text in filters() {
        let filter: Filter = text.parse().unwrap();
        let filter = ty.bind(&filter, &Policy::strict()).unwrap();
        let expected: Vec<&str> = all
            .iter()
            .filter(|(_, document)| filter.matches(document))
            .map(|(id, _)| id.as_str())
            .collect();
        let query = Query::page(Page::first(1_000)).with_filter(filter);
        let found = store.query(&scope, &ty, &query).await.unwrap();
        let found: Vec<&str> = found.resources.iter().map(|stored| stored.id()).collect();
        assert_eq!(found, expected, "{text}");
    }
}

fn catalog() -> Catalog {
    let mut catalog = Catalog::default();
    catalog.register(user()).unwrap();
    catalog
}

#[test]
fn sec_16_what_clients_write_is_data_in_sqlite() {
    let directory = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(directory.path().join("scim.db")).unwrap();
    database::runtime().block_on(async {
        check(&store).await;
        let integrity = store.check(&catalog()).await.unwrap();
        assert!(integrity.is_sound(), "{integrity}");
        assert_eq!(integrity.resources, TEXTS.len() as u64 + 3);
    });
}

#[test]
fn sec_16_what_clients_write_is_data_in_postgresql() {
    database::runtime().block_on(async {
        let builder = PostgresStore::builder();
        let Some(store) = database::store("injection", builder).await else { return };
        check(&store).await;
        let integrity = store.check(&catalog()).await.unwrap();
        assert!(integrity.is_sound(), "{integrity}");
        assert_eq!(integrity.resources, TEXTS.len() as u64 + 3);
    });
}

/// Two who differ only after more than an index takes.
async fn check_long(store: &impl Store) {
    let (scope, ty) = (tenant("acme"), ResourceType::user());
    let mut dice = Dice::new();
    let long: String = (0..4_000).map(|_| char::from(b'a' + dice.roll(26) as u8)).collect();
    let insert = async |name: String| {
        store.insert(&scope, &ty, valid(&ty, json!({"userName": name})).into()).await
    };
    let one = insert(format!("{long}1")).await.unwrap();
    let other = insert(format!("{long}2")).await.unwrap();
    let taken = insert(format!("{long}1").to_uppercase()).await;
    assert!(matches!(taken, Err(StoreError::Uniqueness { .. })), "{taken:?}");
    let filter: Filter = format!("userName eq \"{long}2\"").parse().unwrap();
    let filter = ty.bind(&filter, &Policy::strict()).unwrap();
    let query = Query::page(Page::first(10)).with_filter(filter);
    assert_eq!(store.query(&scope, &ty, &query).await.unwrap().resources, [other]);
    // Nobody is named by more text than identifiers have.
    let group = ResourceType::group();
    let body = json!({"displayName": "all", "members": [{"value": long}]});
    let refused = store.insert(&scope, &group, valid(&group, body).into()).await;
    assert!(matches!(&refused, Err(StoreError::Refused(error)) if error.status() == 400));
    let refused = store.insert(&scope, &ty, valid(&ty, with_manager("x", &long)).into()).await;
    assert!(matches!(&refused, Err(StoreError::Refused(error)) if error.status() == 400));
    // What is replaced gives its name free.
    let id = one.id().into();
    let change = |_: &Stored| Ok(Some(valid(&ty, json!({"userName": "short"})).into()));
    store.update(&scope, &ty, &id, Load::Full, Box::new(change)).await.unwrap();
    insert(format!("{long}1")).await.unwrap();
}

#[test]
fn long_values_are_unique_and_found() {
    let directory = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(directory.path().join("scim.db")).unwrap();
    database::runtime().block_on(async {
        check_long(&store).await;
        let builder = PostgresStore::builder();
        let Some(store) = database::store("long values", builder).await else { return };
        check_long(&store).await;
        let integrity = store.check(&Catalog::standard()).await.unwrap();
        assert!(integrity.is_sound(), "{integrity}");
    });
}

#[test]
fn sec_16_no_attribute_has_a_name_that_is_more_than_a_name() {
    for name in ["a'", "a\"", "a b", "a;", "a%", "a\\", "a\u{0}", "a.b.c", "é", "a'--", ""] {
        assert!(format!("{name} eq \"x\"").parse::<Filter>().is_err(), "{name:?}");
        assert!(AttrName::new(name).is_err(), "{name:?}");
    }
}
