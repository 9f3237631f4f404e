//! Filters and orders over an application's own tables mean what they mean on resources.

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;
use rusqlite::{Connection, params, params_from_iter};
use scim2_core::key::comparison_key;
use scim2_core::schema::{Attribute, AttributeType};
use scim2_core::sort::SortOrder;
use scim2_core::syntax::{AttrName, SchemaUri};
use scim2_core::{Policy, Resource, ResourceType, Schema, ScimType};
use scim2_provider::store::SortedPosition;
use scim2_sql::{Column, ColumnMap, Dialect, Rows, Sql, register_key_functions};
use serde_json::{Value, json};

use crate::database;

const EXTRA: &str = "urn:example:extra";

/// A user with an extension that has attributes of every type.
fn user() -> ResourceType {
    let attribute =
        |name: &str, attribute_type| Attribute::new(AttrName::new(name).unwrap(), attribute_type);
    ResourceType::user().with_extension(Schema::new(
        SchemaUri::new(EXTRA).unwrap(),
        vec![
            attribute("rank", AttributeType::Integer),
            attribute("score", AttributeType::Decimal),
            attribute("since", AttributeType::DateTime),
            attribute("photo", AttributeType::Binary),
            attribute("tags", AttributeType::String).multi_valued(),
        ],
    ))
}

fn map() -> ColumnMap {
    ColumnMap::builder(&user())
        .column("id", Column::text("u.id"))
        .column("userName", Column::key("u.name_key"))
        .column("title", Column::key("scim_key(u.title)"))
        .column("active", Column::boolean("u.active"))
        .column("name.familyName", Column::key("u.family"))
        .column("name.givenName", Column::key("u.given"))
        .column("urn:example:extra:rank", Column::integer("u.rank"))
        .column("urn:example:extra:score", Column::decimal("u.score"))
        .column("urn:example:extra:since", Column::milliseconds("u.since"))
        .column("urn:example:extra:photo", Column::bytes("u.photo"))
        .rows(
            "emails",
            Rows::joined("email AS e", "e.user_id", "u.id")
                .column("value", Column::key("e.value_key"))
                .column("type", Column::key("e.kind"))
                .column("primary", Column::boolean("e.main")),
        )
        .rows(
            "urn:example:extra:tags",
            Rows::within("json_each(u.tags) AS t")
                .column("value", Column::key("scim_key(t.value)")),
        )
        .build()
        .unwrap()
}

const TABLES: &str = "
CREATE TABLE user (
  id TEXT PRIMARY KEY, name_key TEXT NOT NULL, title TEXT, active INTEGER, family TEXT, given TEXT,
  rank INTEGER, score REAL, since INTEGER, photo BLOB, tags TEXT) STRICT;
CREATE TABLE email (user_id TEXT NOT NULL, value_key TEXT, kind TEXT, main INTEGER) STRICT;";

fn database(users: &[Resource]) -> Connection {
    let connection = Connection::open_in_memory().unwrap();
    register_key_functions(&connection).unwrap();
    connection.execute_batch(TABLES).unwrap();
    for user in users {
        let key = |text: Option<&str>| text.map(|text| comparison_key(false, text).into_owned());
        let name = |part: &str| user.get("name").and_then(|name| name.get(part)?.as_str());
        let extra = |name: &str| user.get(EXTRA).and_then(|extra| extra.get(name));
        let since = extra("since")
            .and_then(Value::as_str)
            .map(|text| chrono::DateTime::parse_from_rfc3339(text).unwrap().timestamp_millis());
        let photo = extra("photo").and_then(Value::as_str);
        let photo =
            photo.map(|text| scim2_core::value::decode_binary(text, &Policy::strict()).unwrap());
        let values = params![
            user.id(),
            key(user.text("userName")),
            user.text("title"),
            user.get("active").and_then(Value::as_bool),
            key(name("familyName")),
            key(name("givenName")),
            extra("rank").and_then(Value::as_i64),
            extra("score").and_then(Value::as_f64),
            since,
            photo,
            extra("tags").map(ToString::to_string),
        ];
        let sql = "INSERT INTO user VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)";
        connection.execute(sql, values).unwrap();
        for email in user.get("emails").and_then(Value::as_array).into_iter().flatten() {
            let text = |name: &str| email.get(name).and_then(Value::as_str);
            let main = email.get("primary").and_then(Value::as_bool);
            let values = params![user.id(), key(text("value")), key(text("type")), main];
            connection.execute("INSERT INTO email VALUES (?1, ?2, ?3, ?4)", values).unwrap();
        }
    }
    connection
}

const TEXTS: [&str; 15] = [
    "",
    "a",
    "A",
    "ab",
    "\u{e9}",
    "e\u{301}",
    "stra\u{df}e",
    "STRASSE",
    "%",
    "_\\'\"",
    "ba",
    "x y",
    "a\0b",
    "\0",
    "\0b",
];
const NUMBERS: [&str; 9] =
    ["0", "-1", "1", "2.5", "-2.5", "10", "1e1", "99999999999999999999", "-1e30"];
const TIMES: [&str; 4] = [
    "2020-01-01T00:00:00Z",
    "2020-01-01T01:00:00+01:00",
    "2020-01-01T00:00:00.0005Z",
    "1969-12-31T23:59:59.999Z",
];

fn text() -> impl Strategy<Value = &'static str> + Clone {
    select(&TEXTS[..])
}

fn users() -> impl Strategy<Value = Vec<Resource>> {
    let email =
        (option::of(text()), option::of(select(&["work", "home"][..])), option::of(any::<bool>()))
            .prop_map(|(value, kind, primary)| {
                let mut email = json!({});
                if let Some(value) = value {
                    email["value"] = value.into();
                }
                if let Some(kind) = kind {
                    email["type"] = kind.into();
                }
                if let Some(primary) = primary {
                    email["primary"] = primary.into();
                }
                email
            });
    let extra = (
        option::of(-3_i64..12),
        option::of(select(&[0.0, 1.0, 2.5, -2.5, 10.0][..])),
        option::of(select(
            &["2020-01-01T00:00:00Z", "2020-01-01T00:00:00.001Z", "1969-12-31T23:59:59.999Z"][..],
        )),
        option::of(select(&["AA==", "AQID"][..])),
        vec(text(), 0..3),
    );
    let user = (
        text(),
        option::of(text()),
        option::of(any::<bool>()),
        option::of((text(), option::of(text()))),
        vec(email, 0..3),
        extra,
    )
        .prop_map(|(name, title, active, full, emails, (rank, score, since, photo, tags))| {
            let mut user = json!({"userName": name});
            if let Some(title) = title {
                user["title"] = title.into();
            }
            if let Some(active) = active {
                user["active"] = active.into();
            }
            if let Some((family, given)) = full {
                user["name"]["familyName"] = family.into();
                if let Some(given) = given {
                    user["name"]["givenName"] = given.into();
                }
            }
            if !emails.is_empty() {
                user["emails"] = emails.into();
            }
            let mut extra = serde_json::Map::new();
            extra.extend(rank.map(|rank| ("rank".to_owned(), rank.into())));
            extra.extend(score.map(|score| ("score".to_owned(), score.into())));
            extra.extend(since.map(|since| ("since".to_owned(), since.into())));
            extra.extend(photo.map(|photo| ("photo".to_owned(), photo.into())));
            if !tags.is_empty() {
                extra.insert("tags".to_owned(), tags.into());
            }
            if !extra.is_empty() {
                user[EXTRA] = extra.into();
            }
            user
        });
    vec(user, 0..8).prop_map(|users| {
        let with_id = |(at, mut user): (usize, Value)| {
            user["id"] = format!("user-{at}").into();
            serde_json::from_value(user).unwrap()
        };
        users.into_iter().enumerate().map(with_id).collect()
    })
}

fn filter() -> impl Strategy<Value = String> {
    let order = || select(&["eq", "ne", "gt", "ge", "lt", "le"][..]);
    let words = || select(&["eq", "ne", "co", "sw", "ew", "gt", "ge", "lt", "le"][..]);
    let quoted = || text().prop_map(|text| Value::from(text).to_string());
    let on_text = |paths: &'static [&'static str]| {
        (select(paths), words(), quoted())
            .prop_map(|(path, op, text)| format!("{path} {op} {text}"))
    };
    let paths = &[
        "userName",
        "title",
        "name.familyName",
        "name.givenName",
        "emails.value",
        "emails",
        "emails.type",
        "urn:example:extra:tags",
        "id",
    ];
    let inside = prop_oneof![
        on_text(&["value", "type"]),
        any::<bool>().prop_map(|flag| format!("primary eq {flag}")),
        select(&["value pr", "type pr", "primary ne true"][..]).prop_map(str::to_owned),
    ];
    let inside = inside.prop_recursive(2, 6, 2, |inner| {
        prop_oneof![
            (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("({a}) and ({b})")),
            (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("({a}) or ({b})")),
            inner.prop_map(|a| format!("not ({a})")),
        ]
    });
    let present = &[
        "title",
        "name",
        "name.givenName",
        "emails",
        "emails.value",
        "active",
        "urn:example:extra:rank",
        "urn:example:extra",
        "urn:example:extra:tags",
    ];
    let leaf = prop_oneof![
        4 => on_text(paths),
        2 => (select(&["urn:example:extra:rank", "urn:example:extra:score"][..]), order(), select(&NUMBERS[..]))
            .prop_map(|(path, op, number)| format!("{path} {op} {number}")),
        1 => (order(), select(&TIMES[..]))
            .prop_map(|(op, time)| format!("urn:example:extra:since {op} \"{time}\"")),
        1 => (select(&["eq", "ne"][..]), select(&["AA==", "AQID", "BBBB"][..]))
            .prop_map(|(op, bytes)| format!("urn:example:extra:photo {op} \"{bytes}\"")),
        1 => (select(&["active", "emails.primary"][..]), select(&["eq", "ne"][..]), any::<bool>())
            .prop_map(|(path, op, flag)| format!("{path} {op} {flag}")),
        1 => select(present.as_slice()).prop_map(|path| format!("{path} pr")),
        1 => select(&["title", "emails.type", "active"][..]).prop_map(|path| format!("{path} eq null")),
        2 => inside.prop_map(|inner| format!("emails[{inner}]")),
        1 => on_text(&["value"]).prop_map(|inner| format!("urn:example:extra:tags[{inner}]")),
        1 => on_text(&["familyName", "givenName"]).prop_map(|inner| format!("name[not ({inner})]")),
    ];
    leaf.prop_recursive(3, 12, 2, |inner| {
        prop_oneof![
            (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("({a}) and ({b})")),
            (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("({a}) or ({b})")),
            inner.prop_map(|a| format!("not ({a})")),
        ]
    })
}

fn ids(connection: &Connection, sql: &Sql) -> Vec<String> {
    let mut statement = connection.prepare(sql.text()).unwrap();
    let rows = statement.query_map(params_from_iter(sql.parameters()), |row| row.get(0)).unwrap();
    rows.collect::<Result<_, _>>().unwrap()
}

/// Fewer cases than usual, for each has many questions; `PROPTEST_CASES` asks for more.
fn config() -> ProptestConfig {
    let cases = database::number("PROPTEST_CASES").unwrap_or(64);
    ProptestConfig { cases, max_shrink_iters: 400, ..ProptestConfig::default() }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn own_tables_find_what_the_evaluator_finds(
        users in users(),
        filters in vec(filter(), 30),
    ) {
        let (ty, map, connection) = (user(), map(), database(&users));
        for text in filters {
            let filter = ty.bind(&text.parse().unwrap(), &Policy::strict()).unwrap();
            let mut sql = Sql::new(Dialect::Sqlite);
            sql.push("SELECT u.id FROM user AS u WHERE ");
            map.filter(&filter, &mut sql).unwrap();
            sql.push(" ORDER BY u.id");
            let expected: Vec<_> = users
                .iter()
                .filter(|user| filter.matches(user))
                .map(|user| user.id().unwrap().to_owned())
                .collect();
            prop_assert_eq!(ids(&connection, &sql), expected, "{}\n{}", text, sql.text());
        }
    }

    #[test]
    fn own_tables_sort_and_page_as_the_evaluator_does(users in users()) {
        let (ty, map, connection) = (user(), map(), database(&users));
        let paths = ["userName", "title", "active", "name.familyName", "id",
            "urn:example:extra:rank", "urn:example:extra:score", "urn:example:extra:since"];
        for path in paths {
            for order in [SortOrder::Ascending, SortOrder::Descending] {
                let sort = ty.bind_sort(&path.parse().unwrap(), order, &Policy::strict()).unwrap();
                let mut sorted = users.clone();
                sorted.sort_by(|a, b| sort.compare(a, b));
                let all: Vec<_> = sorted.iter().map(|user| user.id().unwrap().to_owned()).collect();
                for from in 0..=sorted.len() {
                    let mut sql = Sql::new(Dialect::Sqlite);
                    sql.push("SELECT u.id FROM user AS u WHERE TRUE");
                    if let Some(last) = from.checked_sub(1) {
                        let last = &sorted[last];
                        let id = last.id().unwrap().into();
                        let position = SortedPosition::new(sort.key(last), id);
                        sql.push(" AND ");
                        map.after(Some(&sort), &position, &mut sql).unwrap();
                    }
                    sql.push(" ORDER BY ");
                    map.order_by(Some(&sort), &mut sql).unwrap();
                    prop_assert_eq!(&ids(&connection, &sql)[..], &all[from..], "{} {:?}", path, order);
                }
            }
        }
    }
}

#[test]
fn what_the_map_does_not_have_is_refused_wherever_it_stands() {
    let (ty, map) = (user(), map());
    for text in [
        r#"nickName eq "x""#,
        r#"userName eq "x" and nickName eq "y""#,
        r#"userName eq "x" or not (nickName pr)"#,
        r#"emails[display eq "x"]"#,
        r#"phoneNumbers[value eq "x"]"#,
        r#"phoneNumbers pr"#,
        r#"meta.created gt "2020-01-01T00:00:00Z""#,
    ] {
        let filter = ty.bind(&text.parse().unwrap(), &Policy::strict()).unwrap();
        for dialect in [Dialect::Sqlite, Dialect::Postgres] {
            let error = map.filter(&filter, &mut Sql::new(dialect)).unwrap_err();
            assert_eq!(error.scim_type(), Some(&ScimType::InvalidFilter), "{text}");
        }
    }
    let sort = |path: &str| {
        ty.bind_sort(&path.parse().unwrap(), SortOrder::Ascending, &Policy::strict()).unwrap()
    };
    for path in ["nickName", "emails.value"] {
        let error = map.order_by(Some(&sort(path)), &mut Sql::new(Dialect::Sqlite)).unwrap_err();
        assert_eq!(error.scim_type(), Some(&ScimType::InvalidValue), "{path}");
    }
}

#[test]
fn a_map_that_cannot_be_right_is_refused() {
    let error = |path: &'static str, column: Column| {
        let map = ColumnMap::builder(&user()).column("id", Column::text("u.id"));
        map.column(path, column).build().unwrap_err().to_string()
    };
    assert!(error("userNme", Column::key("x")).contains("`userNme` is unknown"));
    assert!(error("userName", Column::text("x")).contains("`caseExact`"));
    assert!(error("active", Column::key("x")).contains("this kind"));
    assert!(error("emails.value", Column::key("x")).contains("multi-valued"));
    assert!(error("name", Column::key("x")).contains("this kind"));
    let without_id = ColumnMap::builder(&user()).build().unwrap_err();
    assert_eq!(without_id.path(), "id");
    let rows = Rows::within("x").column("value", Column::key("y"));
    let singular = ColumnMap::builder(&user()).rows("title", rows.clone()).build().unwrap_err();
    assert_eq!(singular.path(), "title");
    let rows = rows.column("nothing", Column::key("z"));
    assert_eq!(
        ColumnMap::builder(&user()).rows("emails", rows).build().unwrap_err().path(),
        "emails"
    );
}

#[test]
fn sec_16_a_statement_depends_on_the_shape_of_a_filter_alone() {
    let (ty, map) = (user(), map());
    for dialect in [Dialect::Sqlite, Dialect::Postgres] {
        let text = |literal: &str| {
            let literal = Value::from(literal);
            let filter = format!(
                "userName eq {literal} or title co {literal} or emails[value sw {literal} and \
                 not (type ew {literal})] or id gt {literal}"
            );
            let filter = ty.bind(&filter.parse().unwrap(), &Policy::strict()).unwrap();
            let mut sql = Sql::new(dialect);
            map.filter(&filter, &mut sql).unwrap();
            sql.text().to_owned()
        };
        let long = "x".repeat(1_000);
        for literal in ["'; DROP TABLE user; --", "%", "_", "\\", "\"", "?1", "$1", "", &long] {
            assert_eq!(text(literal), text("bjensen"), "{literal:?}");
        }
    }
}

#[test]
fn deep_and_wide_filters_are_within_what_sqlite_takes() {
    let (ty, map, connection) = (user(), map(), database(&[]));
    let wide = (0..1500).map(|i| format!("title eq \"{i}\"")).collect::<Vec<_>>().join(" or ");
    let deep = format!("{}title eq \"x\"{}", "not (".repeat(30), ")".repeat(30));
    for text in [wide, deep] {
        let syntax = scim2_core::syntax::SyntaxPolicy::default();
        let filter = scim2_core::syntax::Filter::parse_with(&text, &syntax);
        let Ok(filter) = filter else { continue };
        let filter = ty.bind(&filter, &Policy::strict()).unwrap();
        let mut sql = Sql::new(Dialect::Sqlite);
        sql.push("SELECT u.id FROM user AS u WHERE ");
        map.filter(&filter, &mut sql).unwrap();
        assert!(ids(&connection, &sql).is_empty());
    }
}

#[test]
fn u_0000_ends_no_text() {
    let ty = user();
    let user = |id: &str, name: &str| -> Resource {
        serde_json::from_value(json!({"id": id, "userName": name})).unwrap()
    };
    let connection = database(&[user("1", "a\0b"), user("2", "a"), user("3", "b")]);
    for (filter, expected) in [
        (r#"userName sw "a\u0000""#, &["1"][..]),
        (r#"userName sw "a""#, &["1", "2"]),
        (r#"userName ew "b""#, &["1", "3"]),
        (r#"userName ew "\u0000b""#, &["1"]),
        (r#"userName ew "a""#, &["2"]),
    ] {
        let bound = ty.bind(&filter.parse().unwrap(), &Policy::strict()).unwrap();
        let mut sql = Sql::new(Dialect::Sqlite);
        sql.push("SELECT u.id FROM user AS u WHERE ");
        map().filter(&bound, &mut sql).unwrap();
        sql.push(" ORDER BY u.id");
        assert_eq!(ids(&connection, &sql), expected, "{filter}");
    }
}

#[test]
fn pages_by_a_numeric_column_of_postgres_skip_nothing() {
    database::runtime().block_on(async {
        let Some(url) = database::database("a numeric column").await else { return };
        let (client, connection) =
            tokio_postgres::connect(&url, tokio_postgres::NoTls).await.unwrap();
        tokio::spawn(connection);
        // No double is between the last two.
        let exact = ["0.1", "0.3", "2.5", "9007199254740992", "9007199254740993"];
        for (column, scores) in [("numeric", &exact[..]), ("double precision", &exact[..4])] {
            let id = |at: usize| (scores.len() - at).to_string();
            let sql = format!(
                "DROP TABLE IF EXISTS users;
                 CREATE TABLE users (id text COLLATE \"C\" PRIMARY KEY, score {column})"
            );
            client.batch_execute(&sql).await.unwrap();
            for (at, score) in scores.iter().enumerate() {
                let sql = format!("INSERT INTO users VALUES ('{}', {score})", id(at));
                client.batch_execute(&sql).await.unwrap();
            }
            let ty = user();
            let map = ColumnMap::builder(&ty)
                .column("id", Column::text("u.id"))
                .column("urn:example:extra:score", Column::decimal("u.score"))
                .build()
                .unwrap();
            let path = "urn:example:extra:score".parse().unwrap();
            let sort = ty.bind_sort(&path, SortOrder::Ascending, &Policy::strict()).unwrap();
            for (at, score) in scores.iter().enumerate() {
                let id_here = id(at);
                let body = format!(r#"{{"id": "{id_here}", "{EXTRA}": {{"score": {score}}}}}"#);
                let last: Resource = serde_json::from_str(&body).unwrap();
                let position = SortedPosition::new(sort.key(&last), last.id().unwrap().into());
                let mut sql = Sql::new(Dialect::Postgres);
                sql.push("SELECT u.id FROM users AS u WHERE ");
                map.after(Some(&sort), &position, &mut sql).unwrap();
                sql.push(" ORDER BY ");
                map.order_by(Some(&sort), &mut sql).unwrap();
                let values: Vec<&(dyn tokio_postgres::types::ToSql + Sync)> =
                    sql.parameters().iter().map(|value| value as _).collect();
                let rows = client.query(sql.text(), &values).await.unwrap();
                let found: Vec<String> = rows.iter().map(|row| row.get(0)).collect();
                let expected: Vec<String> = (at + 1..scores.len()).map(id).collect();
                assert_eq!(found, expected, "{column} after {score}");
            }
        }
    });
}
