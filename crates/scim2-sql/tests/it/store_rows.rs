//! Requirements on stores, one test for each.

use rusqlite::types::ValueRef;
use scim2_core::schema::{Attribute, AttributeType, Schema, Uniqueness};
use scim2_core::sort::SortOrder;
use scim2_core::{Policy, ResourceType};
use scim2_provider::Store;
use scim2_provider::store::{Page, Query, StoreError};
use serde_json::{Value, json};

use crate::support::{Fixture, tenant, valid};

const PASSWORD: &str = "urn:ietf:params:scim:schemas:core:2.0:User:password";

/// Everything that the database files hold, as text.
fn dump(fixture: &Fixture) -> Vec<(String, Vec<String>)> {
    let path = fixture.directory.path().join("scim.db");
    let connection = rusqlite::Connection::open(path).unwrap();
    let names = |sql: &str| -> Vec<String> {
        let mut statement = connection.prepare(sql).unwrap();
        let rows = statement.query_map([], |row| row.get(0)).unwrap();
        rows.map(Result::unwrap).collect()
    };
    let tables = names("SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name");
    let rows = |table: &String| {
        let mut statement = connection.prepare(&format!("SELECT * FROM \"{table}\"")).unwrap();
        let columns = statement.column_count();
        let mut found = Vec::new();
        let mut rows = statement.query([]).unwrap();
        while let Some(row) = rows.next().unwrap() {
            let values = (0..columns).map(|i| match row.get_ref(i).unwrap() {
                ValueRef::Text(bytes) | ValueRef::Blob(bytes) => {
                    String::from_utf8_lossy(bytes).into_owned()
                }
                other => format!("{other:?}"),
            });
            found.push(values.collect::<Vec<_>>().join(" "));
        }
        found
    };
    tables.iter().map(|table| (table.clone(), rows(table))).collect()
}

fn rows_with(fixture: &Fixture, text: &str) -> Vec<(String, String)> {
    let rows = dump(fixture)
        .into_iter()
        .flat_map(|(table, rows)| rows.into_iter().map(move |row| (table.clone(), row)));
    rows.filter(|(_, row)| row.contains(text)).collect()
}

#[test]
fn r43_4_1_1_11_a_password_is_kept_as_an_argon2id_hash() {
    let fixture = Fixture::new();
    for name in ["a", "b"] {
        fixture.user(json!({"userName": name, "password": "t1meMa$heen"}));
    }
    assert_eq!(rows_with(&fixture, "t1meMa$heen"), []);
    let hashes = rows_with(&fixture, "$argon2id$v=19$");
    let [(a_table, a), (b_table, b)] = hashes.as_slice() else { panic!("{hashes:?}") };
    assert_eq!((a_table.as_str(), b_table.as_str()), ("scim_secret", "scim_secret"));
    let hash = |row: &str| row.split_once('$').unwrap().1.to_owned();
    assert_ne!(hash(a), hash(b), "each has a salt of its own");
}

#[test]
fn r43_4_1_1_12_a_password_is_normalized_before_it_is_hashed() {
    let fixture = Fixture::new();
    let ty = ResourceType::user();
    let stored = fixture.user(json!({"userName": "a", "password": "p\u{e9}nguin"}));
    let id = stored.id().into();
    let verify = |secret: &str| {
        let secret = secret.into();
        let check = fixture.store.verify_secret(&fixture.scope, &ty, &id, PASSWORD, &secret);
        fixture.run(check).unwrap()
    };
    assert!(verify("p\u{e9}nguin") && verify("pe\u{301}nguin"), "composed or not");
    assert!(!verify("P\u{e9}nguin") && !verify("penguin"), "case and accents count");
}

#[test]
fn r43_7_11_case_that_does_not_count_is_kept_all_the_same() {
    let fixture = Fixture::new();
    let stored = fixture.user(json!({"userName": "BJensen", "title": "Tour GUIDE"}));
    let user = fixture.get_user(stored.id());
    assert_eq!((user.text("userName"), user.text("title")), (Some("BJensen"), Some("Tour GUIDE")));
    let ty = ResourceType::user();
    assert_eq!(fixture.find(&ty, r#"title eq "tour guide""#), [stored.id()]);
}

/// A type with attributes of each uniqueness.
fn badge() -> ResourceType {
    let attribute = |name: &str, uniqueness, case_exact| {
        let mut attribute = Attribute::new(name.parse().unwrap(), AttributeType::String);
        attribute.uniqueness = uniqueness;
        attribute.case_exact = case_exact;
        attribute
    };
    let schema = Schema::new(
        "urn:example:Badge".parse().unwrap(),
        vec![
            attribute("label", Uniqueness::None, false),
            attribute("serial", Uniqueness::Server, true),
            attribute("colour", Uniqueness::Server, false),
            attribute("world", Uniqueness::Global, false),
        ],
    );
    ResourceType::new("Badge", "/Badges", schema)
}

fn insert(fixture: &Fixture, ty: &ResourceType, body: Value) -> Result<String, StoreError> {
    let stored = fixture.run(fixture.store.insert(&fixture.scope, ty, valid(ty, body).into()));
    stored.map(|stored| stored.id().to_owned())
}

fn is_taken(result: Result<String, StoreError>, name: &str) -> bool {
    matches!(result, Err(StoreError::Uniqueness { attribute }) if attribute.contains(name))
}

#[test]
fn r43_7_22_a_unique_value_is_there_once_in_a_tenant() {
    let mut fixture = Fixture::new();
    let ty = badge();
    insert(&fixture, &ty, json!({"label": "x", "serial": "S", "colour": "Red"})).unwrap();
    assert!(is_taken(insert(&fixture, &ty, json!({"serial": "S"})), "serial"));
    assert!(is_taken(insert(&fixture, &ty, json!({"colour": "RED"})), "colour"));
    // Case counts where the schema says so, and what is not unique may come twice.
    insert(&fixture, &ty, json!({"label": "x", "serial": "s"})).unwrap();
    insert(&fixture, &ty, json!({"label": "x"})).unwrap();
    fixture.scope = tenant("other");
    insert(&fixture, &ty, json!({"serial": "S", "colour": "Red"})).unwrap();
}

#[test]
fn s07_w12_an_extension_has_unique_attributes_of_its_own_whatever_their_names() {
    let fixture = Fixture::new();
    let mut attribute = Attribute::new("externalId".parse().unwrap(), AttributeType::String);
    attribute.uniqueness = Uniqueness::Server;
    let mut since = Attribute::new("since".parse().unwrap(), AttributeType::DateTime);
    since.uniqueness = Uniqueness::Server;
    let schema = Schema::new("urn:example:Ext".parse().unwrap(), vec![attribute, since]);
    let ty = ResourceType::user().with_extension(schema);
    let user = |name: &str, own: Value| {
        let body = json!({"userName": name, "externalId": "e", "urn:example:Ext": own});
        insert(&fixture, &ty, body)
    };
    let a = user("a", json!({"externalId": "X", "since": "2020-01-01T00:00:00Z"})).unwrap();
    assert!(is_taken(user("b", json!({"externalId": "x"})), "urn:example:Ext:externalId"));
    assert!(is_taken(user("c", json!({"since": "2020-01-01T01:00:00.0+01:00"})), "since"));
    assert_eq!(fixture.find(&ty, r#"urn:example:Ext:externalId eq "x""#), [a]);
    // The common attribute is another one, and not unique by itself.
    user("d", json!({"externalId": "e"})).unwrap();
}

#[test]
fn r43_7_23_what_is_globally_unique_is_unique_here() {
    // Nobody can see further than their own service; RFC 7643 §7 asks for an attempt.
    let fixture = Fixture::new();
    let ty = badge();
    insert(&fixture, &ty, json!({"world": "one"})).unwrap();
    assert!(is_taken(insert(&fixture, &ty, json!({"world": "ONE"})), "world"));
    insert(&fixture, &ty, json!({"world": "two"})).unwrap();
}

#[test]
fn r43_9_2_02_what_a_client_writes_is_never_a_statement() {
    let fixture = Fixture::new();
    let ty = ResourceType::user();
    let nasty = [
        "'; DROP TABLE scim_resource; --",
        "\" OR 1=1 --",
        "x') OR ('1'='1",
        "%",
        "_",
        "\\",
        "a\u{0}b",
        "${jndi:x}",
        "*)(uid=*",
    ];
    for (i, name) in nasty.iter().enumerate() {
        let mut body = json!({"userName": format!("user{i}"), "title": name, "nickName": name});
        // One is enough: hashing is slow on purpose.
        if name.contains("jndi") {
            body["password"] = (*name).into();
        }
        fixture.user(body);
    }
    for (i, name) in nasty.iter().enumerate() {
        let literal = serde_json::to_string(name).unwrap();
        for op in ["eq", "sw", "ew"] {
            let found = fixture.find(&ty, &format!("title {op} {literal}"));
            assert_eq!(found.len(), 1, "{op} {literal}");
            assert_eq!(fixture.get_user(&found[0]).text("userName"), Some(&*format!("user{i}")));
        }
    }
    assert_eq!(fixture.find(&ty, "userName pr").len(), nasty.len());
    let tables: Vec<_> = rows_with(&fixture, "jndi").into_iter().map(|(table, _)| table).collect();
    assert!(!tables.is_empty() && !tables.contains(&"scim_secret".to_owned()), "{tables:?}");
}

#[test]
fn r44_7_7_02_a_filter_is_bound_and_never_spelled_out() {
    let fixture = Fixture::new();
    let ty = ResourceType::user();
    fixture.user(json!({"userName": "a", "title": "x"}));
    for attack in ["x' OR '1'='1", "x\" OR \"1\"=\"1", "x'; DELETE FROM scim_resource; --", "x%"] {
        let literal = serde_json::to_string(attack).unwrap();
        for filter in [
            format!("title eq {literal}"),
            format!("title co {literal}"),
            format!("userName eq {literal}"),
            format!("id eq {literal}"),
            format!("groups.value eq {literal}"),
            format!("emails[value eq {literal} and type eq {literal}]"),
        ] {
            assert!(fixture.find(&ty, &filter).is_empty(), "{filter}");
        }
    }
    assert_eq!(fixture.find(&ty, "title eq \"x\"").len(), 1);
}

#[test]
fn r44_3_4_2_3_05_without_a_value_is_last_and_descending_first() {
    let fixture = Fixture::new();
    let ty = ResourceType::user();
    for (name, title) in [("a", None), ("b", Some("y")), ("c", Some("x")), ("d", None)] {
        let mut body = json!({"userName": name});
        if let Some(title) = title {
            body["title"] = title.into();
        }
        fixture.user(body);
        fixture.clock.advance(1);
    }
    for (order, expected) in [(SortOrder::Ascending, "cbad"), (SortOrder::Descending, "adbc")] {
        let path = "title".parse().unwrap();
        let sort = ty.bind_sort(&path, order, &Policy::strict()).unwrap();
        let query = Query::page(Page::first(10)).with_sort(sort);
        let found = fixture.run(fixture.store.query(&fixture.scope, &ty, &query)).unwrap();
        let names = found.resources.iter().filter_map(|stored| stored.resource.text("userName"));
        assert_eq!(names.collect::<String>(), expected);
    }
}

#[test]
fn r44_3_6_01_delete_keeps_no_row_of_what_was_deleted() {
    // It MAY keep the data; here nothing of it stays behind.
    let fixture = Fixture::new();
    let ty = ResourceType::user();
    let stored = fixture.user(json!({"userName": "canary-name", "title": "canary-title",
        "externalId": "canary-external", "password": "canary-password",
        "emails": [{"value": "canary@example.com"}]}));
    fixture.group("g", &[stored.id()]);
    assert!(!rows_with(&fixture, "canary").is_empty());
    fixture.delete(&ty, stored.id()).unwrap();
    assert_eq!(rows_with(&fixture, "canary"), []);
    let tables = dump(&fixture);
    for table in ["scim_secret", "scim_member", "scim_uniq"] {
        let (_, rows) = tables.iter().find(|(name, _)| name == table).unwrap();
        assert_eq!(rows.len(), 0, "{table}");
    }
}

#[test]
fn r44_6_2_01_external_ids_belong_to_a_tenant_and_ids_do_not_meet() {
    let mut fixture = Fixture::new();
    let ty = ResourceType::user();
    let body = json!({"userName": "a", "externalId": "e1"});
    let ours = fixture.user(body.clone()).id().to_owned();
    fixture.scope = tenant("other");
    let theirs = fixture.user(body).id().to_owned();
    assert_ne!(ours, theirs);
    assert_eq!(fixture.find(&ty, r#"externalId eq "e1""#), std::slice::from_ref(&theirs));
    assert!(fixture.get(&ty, &ours).is_none());
    fixture.scope = tenant("acme");
    assert_eq!(fixture.find(&ty, r#"externalId eq "e1""#), [ours]);
    assert!(fixture.get(&ty, &theirs).is_none());
}
