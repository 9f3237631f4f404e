//! From bytes to a resource.

use proptest::prelude::*;
use scim2_core::canonical::Canonical;
use scim2_core::json::{MAX_DEPTH, MAX_VALUES, parse_object};
use scim2_core::patch_op::PatchOp;
use scim2_core::policy::{CanonicalValues, UnknownAttributes};
use scim2_core::schema::{Attribute, AttributeType, Schema};
use scim2_core::{Error, Policy, Resource, ResourceType, ScimType};
use serde_json::{Value, json};

const ENTERPRISE: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";

fn ingest_with(body: &Value, policy: &Policy) -> Result<Value, Error> {
    ResourceType::user().ingest(body.to_string().as_bytes(), policy).map(Value::from)
}

fn ingest(body: &Value) -> Result<Value, Error> {
    ingest_with(body, &Policy::strict())
}

/// Strict reading gives `expected`.
#[track_caller]
fn reads(body: Value, expected: Value) {
    assert_eq!(ingest(&body).unwrap(), expected);
}

/// Strict reading fails; the answer is what it says, up to `; `.
#[track_caller]
fn refuses(body: Value, scim_type: ScimType, message: &str) {
    let error = ingest(&body).unwrap_err();
    assert_eq!((error.status().as_u16(), error.scim_type()), (400, Some(&scim_type)), "{error}");
    let first = error.message().unwrap_or_default().split("; ").next().unwrap_or_default();
    assert_eq!(first, message);
}

fn tolerant(change: impl FnOnce(&mut Policy)) -> Policy {
    let mut policy = Policy::strict();
    change(&mut policy);
    policy
}

/// A resource type with one attribute of each data type, in the base schema.
fn all_types() -> ResourceType {
    let schema: Schema = serde_json::from_value(json!({
        "id": "urn:example:All",
        "attributes": [
            {"name": "string", "type": "string"},
            {"name": "strings", "type": "string", "multiValued": true},
            {"name": "boolean", "type": "boolean"},
            {"name": "decimal", "type": "decimal"},
            {"name": "integer", "type": "integer"},
            {"name": "dateTime", "type": "dateTime"},
            {"name": "binary", "type": "binary"},
            {"name": "reference", "type": "reference"},
            {"name": "complex", "type": "complex", "subAttributes": [
                {"name": "value"}, {"name": "numbers", "type": "integer", "multiValued": true},
            ]},
        ],
    }))
    .unwrap();
    ResourceType::new("All", "/All", schema)
}

#[track_caller]
fn check_type(attribute: &str, value: Value, accepted: bool) {
    let body = json!({ attribute: value }).to_string();
    let result = all_types().ingest(body.as_bytes(), &Policy::strict());
    assert_eq!(result.is_ok(), accepted, "{body}: {result:?}");
    if let Ok(resource) = result {
        assert_eq!(resource.get(attribute), Some(&value), "{body}");
    } else if let Err(error) = result {
        assert!(error.message().unwrap_or_default().contains(&format!("`{attribute}`")), "{error}");
    }
}

#[test]
fn w04_r43_2_1_01_names_match_in_any_case_and_get_the_schema_spelling() {
    reads(
        json!({
            "USERNAME": "bjensen",
            "Emails": [{"VALUE": "b@x.org", "Primary": true}],
            "URN:ietf:params:scim:schemas:extension:enterprise:2.0:USER": {"Department": "d"},
        }),
        json!({
            "userName": "bjensen",
            "emails": [{"value": "b@x.org", "primary": true}],
            ENTERPRISE: {"department": "d"},
        }),
    );
}

#[test]
fn w04_w05_sec_19_no_name_occurs_twice_in_any_case() {
    let user = ResourceType::user();
    for body in [
        r#"{"userName": "a", "userName": "b"}"#,
        r#"{"userName": "a", "username": "b"}"#,
        r#"{"title": null, "TITLE": "x"}"#,
        r#"{"title": "x", "TITLE": null}"#,
        r#"{"title": [], "title": {}}"#,
        r#"{"userName": 5, "userName": "b"}"#,
        r#"{"name": {"givenName": "a", "GIVENNAME": "b"}}"#,
        r#"{"emails": [{"value": "a", "value": "b"}]}"#,
        r#"{"meta": {"location": "a", "location": "b"}}"#,
        r#"{"x": 1, "X": 2}"#,
        r#"{"x": {"y": 1, "Y": 2}}"#,
        r#"{"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User": {"department": "a"},
            "URN:ietf:params:scim:schemas:extension:enterprise:2.0:User": {"department": "b"}}"#,
        r#"{"\u0075serName": "a", "userName": "b"}"#,
    ] {
        for policy in [Policy::strict(), Policy::lenient()] {
            let error = user.ingest(body.as_bytes(), &policy).unwrap_err();
            assert_eq!(error.scim_type(), Some(&ScimType::InvalidSyntax), "{body}: {error}");
            assert!(error.message().unwrap().contains("twice"), "{body}: {error}");
        }
        assert!(user.clone().open().ingest(body.as_bytes(), &Policy::strict()).is_err(), "{body}");
    }
}

#[test]
fn w04_parsed_json_is_searched_for_names_that_differ_in_case() {
    let Value::Object(map) = json!({"userName": "a", "username": "b"}) else { panic!() };
    let error = ResourceType::user().normalize(map, &Policy::strict()).unwrap_err();
    assert_eq!(error.scim_type(), Some(&ScimType::InvalidSyntax));
}

#[test]
fn sec_19_depth_is_bounded() {
    let nested =
        |levels: usize| format!("{{\"x\":{}{}}}", "[".repeat(levels - 1), "]".repeat(levels - 1));
    let user = ResourceType::user().open();
    assert!(user.ingest(nested(MAX_DEPTH).as_bytes(), &Policy::strict()).is_ok());
    assert!(parse_object(nested(MAX_DEPTH).as_bytes()).is_ok());
    let too_deep = nested(MAX_DEPTH + 1);
    for error in [
        user.ingest(too_deep.as_bytes(), &Policy::strict()).unwrap_err(),
        parse_object(too_deep.as_bytes()).unwrap_err(),
    ] {
        assert_eq!(error.message(), Some("nested deeper than 32 levels, at byte 37"));
    }
    for deep in ["{\"emails\":", "{\"name\":", "{\"x\":[", "{\"userName\":", "{\"meta\":"] {
        let body = format!("{deep}{}", "[".repeat(200_000));
        assert!(user.ingest(body.as_bytes(), &Policy::lenient()).is_err());
        let body = format!("{deep}{}", "{\"a\":".repeat(100_000));
        assert!(user.ingest(body.as_bytes(), &Policy::lenient()).is_err());
    }
}

#[test]
fn sec_19_the_number_of_values_is_bounded() {
    let body = format!("{{\"x\": [0{}]}}", ",0".repeat(MAX_VALUES));
    let error = parse_object(body.as_bytes()).unwrap_err();
    assert!(error.message().unwrap().starts_with("more than 1000000 values"), "{error}");
    let body = format!("{{\"emails\": [null{}]}}", ",null".repeat(MAX_VALUES));
    assert!(ResourceType::user().ingest(body.as_bytes(), &Policy::strict()).is_err());
}

#[test]
fn many_wrong_values_are_counted_not_listed() {
    let emails: Vec<i32> = (0..50_000).collect();
    let error = ingest(&json!({ "emails": emails })).unwrap_err();
    let message = error.message().unwrap();
    assert!(message.contains("`emails[19]` must be an object, found a number"));
    assert!(!message.contains("`emails[20]`"));
    assert!(message.ends_with("; and 49982 more"), "{message}");
}

#[test]
fn many_unknown_names_and_members_are_no_work() {
    let names: serde_json::Map<_, _> =
        (0..50_000).map(|i| (format!("Name{i}"), json!(i))).collect();
    let policy = tolerant(|policy| policy.unknown_attributes = UnknownAttributes::Ignore);
    assert_eq!(ingest_with(&Value::Object(names), &policy).unwrap(), json!({}));
    let members: Vec<_> = (0..50_000).map(|i| json!({"value": format!("M{}", i / 2)})).collect();
    let body = json!({ "members": members }).to_string();
    let group = ResourceType::group().ingest(body.as_bytes(), &Policy::strict()).unwrap();
    assert_eq!(group.get("members").unwrap().as_array().unwrap().len(), 25_000);
}

#[test]
fn r44_3_12_11_the_body_is_one_json_object_in_utf_8() {
    let user = ResourceType::user();
    for body in [
        &b""[..],
        b"  ",
        b"[]",
        b"null",
        b"\"x\"",
        b"5",
        b"{",
        b"{}x",
        b"{\"a\"}",
        b"{'a': 1}",
        b"{\"userName\": \"\xe9\"}",
        b"\xff\xfe{\0}\0",
        b"{\"userName\": \"a\nb\"}",
        b"{\"userName\": tru}",
        b"{\"userName\": \"\\ud800\"}",
        b"<xml/>",
    ] {
        for policy in [Policy::strict(), Policy::lenient()] {
            let error = user.ingest(body, &policy).unwrap_err();
            assert_eq!(error.scim_type(), Some(&ScimType::InvalidSyntax), "{body:?}");
            assert!(parse_object(body).is_err(), "{body:?}");
        }
    }
}

#[test]
fn h17_a_byte_order_mark_is_skipped() {
    let resource =
        ResourceType::user().ingest(b"\xef\xbb\xbf{\"userName\": \"b\"}", &Policy::strict());
    assert_eq!(resource.unwrap().text("userName"), Some("b"));
}

#[test]
fn w10_r43_2_5_01_null_and_empty_are_unassigned() {
    reads(
        json!({
            "userName": "b", "title": null, "emails": [], "name": {}, "active": [],
            "phoneNumbers": [null, {}, {"value": null}], "addresses": {}, "meta": null,
            ENTERPRISE: {"department": null, "manager": {"value": null, "displayName": null}},
        }),
        json!({"userName": "b"}),
    );
    reads(json!({"userName": "b", ENTERPRISE: null}), json!({"userName": "b"}));
    reads(json!({"userName": "b", ENTERPRISE: []}), json!({"userName": "b"}));
    reads(
        json!({"name": {"givenName": null, "familyName": "J"}}),
        json!({"name": {"familyName": "J"}}),
    );
}

#[test]
fn w13_r43_3_1_10_an_empty_external_id_is_unassigned() {
    reads(json!({"userName": "b", "externalId": ""}), json!({"userName": "b"}));
}

#[test]
fn r43_2_3_1_01_strings_are_kept_to_the_letter() {
    for text in ["", " ", "\u{1F600}", "\0", "a\nb", "é", "e\u{301}"] {
        reads(json!({ "title": text }), json!({ "title": text }));
    }
}

#[test]
fn r43_4_1_2_08_addresses_may_have_line_breaks() {
    let body = json!({"addresses": [{"formatted": "a\nb", "streetAddress": "c\r\nd"}]});
    reads(body.clone(), body);
}

#[test]
fn w21_r43_4_1_2_03_r43_4_1_2_04_phone_numbers_and_e_mail_addresses_are_kept_as_sent() {
    let body = json!({
        "phoneNumbers": [{"value": "tel:+1-201-555-0123"}, {"value": "555-555-5555", "type": "fax"}],
        "emails": [{"value": "BJensen@EXAMPLE.com", "display": "babs"}],
        "ims": [{"value": "Some AIM Handle"}],
    });
    reads(body.clone(), body);
}

/// Digits alone, a plus sign before them.
fn phone_number() -> Canonical {
    Canonical::new("a phone number with country code", |text| {
        let digits: String = text.chars().filter(char::is_ascii_digit).collect();
        (text.starts_with('+') && !digits.is_empty()).then(|| format!("+{digits}"))
    })
}

#[test]
fn w21_an_attribute_has_a_canonical_form_by_option() {
    let users = ResourceType::user().with_canonical("phoneNumbers.value", phone_number()).unwrap();
    let policy = Policy::strict();
    let body =
        br#"{"userName": "b", "phoneNumbers": [{"type": "work", "value": "+1 (201) 555-0123"}]}"#;
    let mut user = users.ingest(body, &policy).unwrap();
    let value = |user: &Resource| user.get("phoneNumbers").unwrap()[0]["value"].clone();
    assert_eq!(value(&user), "+12015550123");
    // Filters compare the form; a part is what it is.
    for (filter, expected) in [
        (r#"phoneNumbers.value eq "+1-201-555-0123""#, true),
        (r#"phoneNumbers[value ne "+1 201 555 0123"]"#, false),
        (r#"phoneNumbers.value eq "201-555-0123""#, false),
        (r#"phoneNumbers.value co "5550""#, true),
        (r#"phoneNumbers.value co "555-0""#, false),
    ] {
        let bound = users.bind(&filter.parse().unwrap(), &policy).unwrap();
        assert_eq!(bound.matches(&user), expected, "{filter}");
    }
    // And so does PATCH.
    user.insert("schemas", json!(["urn:ietf:params:scim:schemas:core:2.0:User"]));
    let number = json!([{"type": "work", "value": "+1.201.555.0123"}]);
    let same = PatchOp::new().add("phoneNumbers", number);
    assert!(users.patch(&mut user, &same, &policy).unwrap().is_empty());
    let other =
        PatchOp::new().replace(r#"phoneNumbers[value eq "+1 2015550123"].value"#, "+49 30 1");
    users.patch(&mut user, &other, &policy).unwrap();
    assert_eq!(value(&user), "+49301");
    let gone = PatchOp::new().remove(r#"phoneNumbers[value eq "+49-30-1"]"#);
    users.patch(&mut user, &gone, &policy).unwrap();
    assert_eq!(user.get("phoneNumbers"), None);

    let error = users.ingest(br#"{"phoneNumbers": [{"value": "1"}]}"#, &policy).unwrap_err();
    assert_eq!(error.scim_type(), Some(&ScimType::InvalidValue));
    let message = "`phoneNumbers[0].value` must be a phone number with country code";
    assert!(error.message().unwrap().starts_with(message), "{error}");
}

#[test]
fn w21_what_is_unique_is_the_canonical_form() {
    let lower = Canonical::new("text", |text| Some(text.trim().to_owned()));
    let users = ResourceType::user().with_canonical("userName", lower).unwrap();
    let user = users.ingest(br#"{"userName": " b "}"#, &Policy::strict()).unwrap();
    let keys = users.unique_keys(&user);
    assert_eq!(keys.iter().map(|(_, key)| key.as_str()).collect::<Vec<_>>(), ["b"]);
}

#[test]
fn w21_only_texts_of_a_types_own_schemas_have_a_canonical_form() {
    for path in ["active", "externalId", "id", "emails", "profileUrl", "nosuch", "a b"] {
        let error = ResourceType::user().with_canonical(path, phone_number()).unwrap_err();
        assert_eq!(error.scim_type(), Some(&ScimType::InvalidPath), "{path}");
    }
    let path = format!("{ENTERPRISE}:employeeNumber");
    let users = ResourceType::user().with_canonical(&path, phone_number()).unwrap();
    let body = json!({ENTERPRISE: {"employeeNumber": "+ 7"}}).to_string();
    let user = users.ingest(body.as_bytes(), &Policy::strict()).unwrap();
    assert_eq!(user.get(ENTERPRISE).unwrap()["employeeNumber"], "+7");
    assert_eq!(users.name(), "User");
}

#[cfg(feature = "precis")]
#[test]
fn f25_sec_12_user_names_and_passwords_are_prepared_by_precis_on_request() {
    let users = ResourceType::user().with_precis().unwrap();
    let mut policy = Policy::strict();
    policy.filter.password_eq = true;
    let read = |name: &str| users.ingest(json!({"userName": name}).to_string().as_bytes(), &policy);
    let stored = |name: &str| read(name).unwrap().text("userName").unwrap().to_owned();
    let key = |name: &str| users.unique_keys(&read(name).unwrap()).remove(0).1;
    // Width mapping, normalization; the case stays, and does not count.
    assert_eq!(stored("BJensen"), "BJensen");
    assert_eq!(stored("\u{ff22}\u{ff4a}ensen"), "Bjensen");
    assert_eq!(stored("e\u{301}va"), "\u{e9}va");
    assert_eq!(stored("Barbara Jensen"), "Barbara Jensen");
    for (a, b) in
        [("BJENSEN", "bjensen"), ("\u{ff22}", "b"), ("\u{212a}", "k"), ("Σίσυφος", "ΣΊΣΥΦΟΣ")]
    {
        match (read(a), read(b)) {
            (Ok(_), Ok(_)) => assert_eq!(key(a), key(b), "{a}"),
            (refused, _) => assert!(a == "\u{212a}" && refused.is_err(), "{a}"),
        }
    }
    // Unassigned, control, invisible, symbols, ligatures, mixed direction, spaces around.
    for name in [
        "b\u{378}",
        "b\0",
        "b\u{200b}c",
        "b\u{2665}",
        "\u{fb01}n",
        "a\u{5d0}",
        " b",
        "b ",
        "\u{202e}b",
    ] {
        let error = read(name).unwrap_err();
        assert_eq!(error.scim_type(), Some(&ScimType::InvalidValue), "{name:?}");
        assert!(error.message().unwrap().starts_with("`userName` must be "), "{error}");
    }

    let body = json!({"password": "p\u{3000}e\u{301}"}).to_string();
    let user = users.ingest(body.as_bytes(), &policy).unwrap();
    assert_eq!(user.text("password"), Some("p \u{e9}"));
    let filter = "password eq \"p\u{a0}\u{e9}\"".parse().unwrap();
    let bound = users.bind(&filter, &policy).unwrap();
    assert!(
        bound.matches_with(&user, &|password| Some(password.expose()) == user.text("password"))
    );
    assert!(users.ingest(br#"{"password": "a\u0007"}"#, &policy).is_err());

    let mapped = scim2_core::precis::username_case_mapped();
    assert_eq!(mapped.form("BJensen").as_deref(), Some("bjensen"));
    assert_eq!(mapped.form("Straße").as_deref(), Some("straße"));
}

#[test]
fn r43_2_3_02_only_the_json_type_of_the_data_type_is_accepted() {
    let kinds = [
        json!("text"),
        json!(true),
        json!(1.5),
        json!(5),
        json!("2008-01-23T04:56:22Z"),
        json!("QQ=="),
        json!({"value": "x"}),
        json!(["x"]),
    ];
    let fits = |attribute: &str, kind: usize| match attribute {
        "string" => matches!(kind, 0 | 4 | 5),
        "reference" => matches!(kind, 0 | 5),
        "boolean" => kind == 1,
        "decimal" => matches!(kind, 2 | 3),
        "integer" => kind == 3,
        "dateTime" => kind == 4,
        // Four letters are base64.
        "binary" => matches!(kind, 0 | 5),
        "complex" => kind == 6,
        "strings" => kind == 7,
        _ => false,
    };
    for attribute in [
        "string",
        "strings",
        "boolean",
        "decimal",
        "integer",
        "dateTime",
        "binary",
        "reference",
        "complex",
    ] {
        for (kind, value) in kinds.iter().enumerate() {
            check_type(attribute, value.clone(), fits(attribute, kind));
        }
    }
}

#[test]
fn r43_2_3_2_01_a_boolean_is_a_literal() {
    for (value, accepted) in
        [(json!(true), true), (json!(false), true), (json!("true"), false), (json!(0), false)]
    {
        check_type("boolean", value, accepted);
    }
}

#[test]
fn r43_2_3_3_01_a_decimal_is_any_number() {
    for value in [json!(1.5), json!(-0.25), json!(5), json!(1e300)] {
        check_type("decimal", value, true);
    }
    check_type("decimal", json!("1.5"), false);
}

#[test]
fn w17_r43_2_3_4_01_an_integer_has_no_fraction_and_no_exponent() {
    let all = all_types();
    for (number, accepted) in [
        ("1", true),
        ("-1", true),
        ("0", true),
        ("-0", true),
        ("9223372036854775807", true),
        ("1.0", false),
        ("1e3", false),
        ("1.5", false),
        ("100000000000000000000", false),
    ] {
        let body = format!("{{\"integer\": {number}}}");
        assert_eq!(all.ingest(body.as_bytes(), &Policy::strict()).is_ok(), accepted, "{number}");
    }
    let coerce = tolerant(|policy| policy.values.coerce_scalars = true);
    let body = br#"{"integer": 1.0, "decimal": 1}"#;
    let resource = Value::from(all.ingest(body, &coerce).unwrap());
    assert_eq!(resource, json!({"integer": 1, "decimal": 1}));
    assert!(all.ingest(br#"{"integer": 1.5}"#, &coerce).is_err());
}

#[test]
fn w17_a_decimal_is_kept_exactly_or_refused() {
    let all = all_types();
    let read = |number: &str| {
        let body = format!("{{\"decimal\": {number}}}");
        all.ingest(body.as_bytes(), &Policy::strict())
            .map(|resource| resource.get("decimal").unwrap().to_string())
    };
    for number in ["0.30000000000000004", "123456789.12345679", "1.7976931348623157e+308", "0.1"] {
        assert_eq!(read(number).unwrap(), number);
    }
    assert_eq!(read("0.10e1").unwrap(), "1.0");
    let error = read("3.14159265358979323846").unwrap_err();
    assert!(error.message().unwrap().contains("17 digits"), "{error}");
}

#[test]
fn w17_a_number_that_cannot_be_kept_is_told_with_its_place() {
    let all = all_types();
    let fails = |body: &str, scim_type: ScimType, detail: &str| {
        let error = all.ingest(body.as_bytes(), &Policy::strict()).unwrap_err();
        assert_eq!(error.scim_type(), Some(&scim_type), "{error}");
        assert!(error.message().unwrap().starts_with(detail), "{error}");
    };
    let (long, huge) = ("3.14159265358979323846", "1e999");
    for number in [long, huge] {
        let body = |name: &str| format!("{{\"{name}\": {number}}}");
        fails(&body("decimal"), ScimType::InvalidValue, "`decimal` must be a number of at most 17");
        fails(&body("integer"), ScimType::InvalidValue, "`integer` must be a whole number");
        fails(&body("string"), ScimType::InvalidValue, "`string` must be a string, found a number");
        // What nobody knows has no type.
        fails(&body("nothing"), ScimType::InvalidSyntax, "expected a number of at most 17 digits");
    }
}

#[test]
fn w16_r43_2_3_5_01_r43_2_3_5_03_a_date_time_is_xsd_date_time() {
    for text in [
        "2008-01-23T04:56:22Z",
        "2008-01-23T04:56:22+02:00",
        "2008-01-23T04:56:22.123456789012Z",
        "2008-01-23T04:56:22",
        "2008-01-23T24:00:00Z",
        "0001-01-01T00:00:00Z",
        "9999-12-31T23:59:59Z",
        "2016-02-29T00:00:00-14:00",
        "2016-12-31T23:59:60Z",
    ] {
        // The lexical form is kept.
        check_type("dateTime", json!(text), true);
    }
    for text in [
        "2008-01-23",
        "04:56:22Z",
        "2011-05-13t04:42:34Z",
        "2011-05-13T04:42:34z",
        "2011-05-13 04:42:34Z",
        "2011-05-13T04:42:34+0000",
        "2011-05-13T04:42:34+00",
        "2011-05-13T04:42Z",
        "2011-5-13T04:42:34Z",
        "2011-02-29T04:42:34Z",
        "2011-13-01T04:42:34Z",
        "2011-05-13T24:00:01Z",
        "2011-05-13T25:00:00Z",
        "2011-05-13T04:60:00Z",
        "2011-05-13T04:00:61Z",
        "0000-01-01T00:00:00Z",
        "2011-05-13T04:42:34.Z",
        "2011-05-13T04:42:34+14:01",
        "2011-05-13T04:42:34+05:60",
        "2011-05-13T04:42:34Z ",
        "",
        "now",
        "20110513T044234Z",
        "2011-05-13T04:42:34,5Z",
        "٢٠١١-05-13T04:42:34Z",
        "-2011-05-13T04:42:34Z",
    ] {
        check_type("dateTime", json!(text), false);
    }
    let lenient = tolerant(|policy| {
        policy.datetime.lenient = true;
        policy.datetime.date_only = true;
    });
    for text in ["2011-05-13t04:42:34z", "2011-05-13 04:42:34+0000", "2011-05-13"] {
        let body = json!({ "dateTime": text }).to_string();
        assert!(all_types().ingest(body.as_bytes(), &lenient).is_ok(), "{text}");
    }
    let offset = tolerant(|policy| policy.datetime.require_offset = true);
    assert!(all_types().ingest(br#"{"dateTime": "2008-01-23T04:56:22"}"#, &offset).is_err());
}

#[test]
fn w18_r43_2_3_6_01_r43_2_3_6_02_binaries_are_emitted_in_the_standard_alphabet_with_padding() {
    let read = |text: &str, policy: &Policy| {
        let body = json!({ "binary": text }).to_string();
        let resource = all_types().ingest(body.as_bytes(), policy).ok()?;
        Some(resource.text("binary").unwrap_or_default().to_owned())
    };
    for (text, emitted) in [
        ("QQ==", "QQ=="),
        ("QQ", "QQ=="),
        ("-_8", "+/8="),
        ("+/8=", "+/8="),
        ("-_8=", "+/8="),
        ("", ""),
        ("AAAA", "AAAA"),
    ] {
        assert_eq!(read(text, &Policy::strict()).as_deref(), Some(emitted), "{text}");
    }
    for text in
        ["Q", "QQ=", "Q===", "QR==", "+_8=", "Q Q=", "QUJD\r\nREVG", "ö", "QQ==QQ==", "===="]
    {
        assert_eq!(read(text, &Policy::strict()), None, "{text}");
    }
    let white_space = tolerant(|policy| policy.binary_whitespace = true);
    assert_eq!(read("QUJD\r\n REVG", &white_space).as_deref(), Some("QUJDREVG"));
}

#[test]
fn w20_r43_2_3_7_01_a_reference_is_a_uri_or_relative() {
    for text in [
        "https://x/y",
        "Users/1",
        "../Users/1",
        "urn:a:b",
        "https://[::1]:8080/a?b=c#d",
        "/a:b",
        "",
        "#a",
        "http://user@example.com:80/%20",
        "mailto:a@b",
        "bulkId:x",
        "//host/path",
        "a?b:c",
    ] {
        check_type("reference", json!(text), true);
    }
    for text in [
        "ht tp://",
        "https://x/ö",
        "https://x/%2",
        "https://x/%zz",
        "1a:b",
        ":a",
        "https://[::1/a",
        "a^b",
        "https://a]b/",
        "https://x/\n",
        "<x>",
        "https://[::1]x/",
    ] {
        check_type("reference", json!(text), false);
    }
    let lenient = tolerant(|policy| policy.uri_lenient = true);
    let body = json!({"profileUrl": "not a uri"});
    assert_eq!(ingest_with(&body, &lenient).unwrap(), body);
    refuses(body, ScimType::InvalidValue, "`profileUrl` must be a URI or a relative reference");
}

#[test]
fn w37_r43_4_1_1_07_r43_4_1_1_08_a_locale_has_no_white_space_and_an_underscore_by_option() {
    let underscore = tolerant(|policy| policy.locale_underscore = true);
    assert!(ingest(&json!({"locale": "en-US"})).is_ok());
    refuses(
        json!({"locale": "en US"}),
        ScimType::InvalidValue,
        "`locale` must be a language tag such as `en-US`",
    );
    assert!(ingest(&json!({"locale": "en_US"})).is_err());
    assert!(ingest_with(&json!({"locale": "en_US"}), &underscore).is_ok());
    assert!(ingest_with(&json!({"locale": "en US"}), &underscore).is_err());
}

#[test]
fn r43_4_1_1_06_r43_4_1_1_09_languages_and_time_zones_are_text() {
    let body = json!({"preferredLanguage": "da, en-gb;q=0.8", "timezone": "America/Los_Angeles"});
    reads(body.clone(), body);
}

#[test]
fn w22_r43_4_1_2_09_a_country_is_any_text_unless_the_policy_is_strict_about_it() {
    let strict = tolerant(|policy| policy.country_strict = true);
    let body = |country: &str| json!({"addresses": [{"country": country}]});
    for country in ["US", "USA", "Bermuda"] {
        reads(body(country), body(country));
        assert_eq!(ingest_with(&body(country), &strict).is_ok(), country == "US");
    }
}

#[test]
fn w15_r43_2_3_1_02_r43_7_08_r43_2_4_06_canonical_values_are_suggestions_unless_the_policy_rejects_others()
 {
    let reject = tolerant(|policy| policy.canonical_values = CanonicalValues::Reject);
    let body = |of_type: &str| json!({"emails": [{"value": "a@b", "type": of_type}]});
    for of_type in ["work", "WORK", "billing"] {
        reads(body(of_type), body(of_type));
    }
    assert!(ingest_with(&body("WORK"), &reject).is_ok());
    let error = ingest_with(&body("billing"), &reject).unwrap_err();
    assert_eq!(error.scim_type(), Some(&ScimType::InvalidValue));
    assert!(
        error
            .message()
            .unwrap()
            .starts_with("`emails[0].type` must be one of `work`, `home`, `other`"),
        "{error}"
    );
    // No list, no restriction.
    assert!(ingest_with(&json!({"roles": [{"value": "x", "type": "y"}]}), &reject).is_ok());
}

#[test]
fn r43_4_1_2_02_r43_4_1_2_16_r43_4_1_2_18_types_beyond_the_canonical_ones_are_accepted() {
    let body = json!({
        "emails": [{"value": "a@b", "type": "billing"}],
        "phoneNumbers": [{"value": "1", "type": "direct"}],
        "entitlements": [{"value": "anything", "type": "any"}],
        "roles": [{"value": "anything"}],
    });
    reads(body.clone(), body);
}

#[test]
fn w03_an_unknown_attribute_is_refused_dropped_or_kept() {
    let body = json!({"userName": "b", "colour": {"a": null}, "name": {"nick": 1}, ENTERPRISE: {"floor": 1}});
    let error = ingest(&body).unwrap_err();
    assert_eq!(error.scim_type(), Some(&ScimType::InvalidSyntax));
    let message = error.message().unwrap();
    for name in ["`colour`", "`name.nick`", &format!("`{ENTERPRISE}:floor`")] {
        assert!(message.contains(&format!("unknown attribute {name}")), "{message}");
    }
    let ignore = tolerant(|policy| policy.unknown_attributes = UnknownAttributes::Ignore);
    assert_eq!(ingest_with(&body, &ignore).unwrap(), json!({"userName": "b"}));
    let keep = tolerant(|policy| policy.unknown_attributes = UnknownAttributes::Keep);
    assert_eq!(ingest_with(&body, &keep).unwrap(), body);
}

#[test]
fn an_open_resource_type_keeps_unknown_attributes_as_they_are() {
    let body = json!({"userName": "b", "Colour": {"A": null, "b": [[], {}]}, "emails": [{"x": 1}], "urn:a:b": {"c": 1}});
    let open = ResourceType::user().open();
    let resource = open.ingest(body.to_string().as_bytes(), &Policy::strict()).unwrap();
    assert_eq!(Value::from(resource), body);
    assert!(open.ingest(br#"{"emails": 5}"#, &Policy::strict()).is_err());
}

#[test]
fn w27_w06_what_only_the_service_provider_writes_may_be_malformed() {
    reads(
        json!({
            "userName": "b", "id": 5, "meta": "now", "groups": {"value": [1]},
            ENTERPRISE: {"manager": {"value": "1", "displayName": {"a": 1}}},
        }),
        json!({"userName": "b", ENTERPRISE: {"manager": {"value": "1"}}}),
    );
    reads(
        json!({"userName": "b", "meta": {"created": "yesterday", "resourceType": "User"}}),
        json!({"userName": "b", "meta": {"resourceType": "User"}}),
    );
}

#[test]
fn p16_one_element_alone_in_a_body_is_an_array_of_one_by_option() {
    let body = json!({"emails": {"value": "a@b"}, "schemas": "urn:a:b"});
    refuses(
        body.clone(),
        ScimType::InvalidValue,
        "`emails` must be an array of objects, found an object",
    );
    let wrap = tolerant(|policy| policy.values.wrap_single_value = true);
    assert_eq!(
        ingest_with(&body, &wrap).unwrap(),
        json!({"emails": [{"value": "a@b"}], "schemas": ["urn:a:b"]}),
    );
    // Nothing is no value that would have to stand in an array.
    reads(json!({"emails": {}}), json!({}));
}

#[test]
fn p17_an_array_for_a_singular_attribute_is_unwrapped_by_option() {
    let unwrap = tolerant(|policy| policy.values.unwrap_single_element_array = true);
    let body = json!({"userName": ["b"], ENTERPRISE: {"manager": [{"$ref": null, "value": "x"}]}});
    let expected = json!({"userName": "b", ENTERPRISE: {"manager": {"value": "x"}}});
    assert_eq!(ingest_with(&body, &unwrap).unwrap(), expected);
    refuses(
        json!({"userName": ["b"]}),
        ScimType::InvalidValue,
        "`userName` must be a string, found an array",
    );
    assert!(ingest_with(&json!({"userName": ["a", "b"]}), &unwrap).is_err());
    assert!(ingest_with(&json!({"userName": [["a"]]}), &unwrap).is_err());
    assert!(ingest_with(&json!({"emails": [[{"value": "a"}]]}), &unwrap).is_err());
    // An empty array is unassigned in any case.
    reads(json!({"userName": []}), json!({}));
}

#[test]
fn w35_p18_a_string_for_a_complex_attribute_is_its_value_by_option() {
    let string = tolerant(|policy| policy.values.string_as_complex_value = true);
    let body = json!({ENTERPRISE: {"manager": "x"}, "emails": ["a@b"]});
    let expected = json!({ENTERPRISE: {"manager": {"value": "x"}}, "emails": [{"value": "a@b"}]});
    assert_eq!(ingest_with(&body, &string).unwrap(), expected);
    assert!(ingest(&body).is_err());
    // Entra ID clears a manager with an empty string.
    assert_eq!(ingest_with(&json!({ENTERPRISE: {"manager": ""}}), &string).unwrap(), json!({}));
    // A name has no `value`.
    assert!(ingest_with(&json!({"name": "x"}), &string).is_err());
}

#[test]
fn p19_strings_for_booleans_and_numbers_are_read_by_option() {
    let coerce = tolerant(|policy| policy.values.coerce_scalars = true);
    let body = br#"{"boolean": "True", "decimal": "1.5", "integer": "5"}"#;
    let resource = Value::from(all_types().ingest(body, &coerce).unwrap());
    assert_eq!(resource, json!({"boolean": true, "decimal": 1.5, "integer": 5}));
    assert!(all_types().ingest(body, &Policy::strict()).is_err());
    for body in [
        "{\"boolean\": \"yes\"}",
        "{\"integer\": \"5x\"}",
        "{\"integer\": \"5.5\"}",
        "{\"decimal\": \"NaN\"}",
    ] {
        assert!(all_types().ingest(body.as_bytes(), &coerce).is_err(), "{body}");
    }
    let body = json!({"roles": [{"primary": "True", "value": "r"}], "active": "False"});
    let expected = json!({"roles": [{"primary": true, "value": "r"}], "active": false});
    assert_eq!(ingest_with(&body, &coerce).unwrap(), expected);
    refuses(body, ScimType::InvalidValue, "`active` must be a boolean, found a string");
}

#[test]
fn p35_a_null_ref_is_unassigned() {
    let body = br#"{"members": [{"$ref": null, "value": "x"}]}"#;
    let group = ResourceType::group().ingest(body, &Policy::strict()).unwrap();
    assert_eq!(Value::from(group), json!({"members": [{"value": "x"}]}));
}

#[test]
fn w19_ref_and_value_agree_or_one_stands_for_both() {
    let read = |member: Value| {
        let body = json!({ "members": [member] }).to_string();
        let group = ResourceType::group().ingest(body.as_bytes(), &Policy::strict())?;
        Ok::<_, Error>(group.get("members").map(|members| members[0].clone()))
    };
    let alone = json!({"value": "2819c223"});
    for member in [
        json!({"value": "2819c223", "$ref": "https://example.com/v2/Users/2819c223"}),
        json!({"value": "2819c223", "$ref": "../Users/2819c223"}),
        json!({"$ref": "https://example.com/v2/Users/2819c223/"}),
        json!({"$ref": "Users/2819c223"}),
    ] {
        assert_eq!(read(member).unwrap(), Some(alone.clone()));
    }
    // As a service provider writes it (RFC 3986 §3.3).
    let encoded = json!({"$ref": "https://example.com/v2/Users/a%20b%2F%C3%A9+"});
    assert_eq!(read(encoded).unwrap(), Some(json!({"value": "a b/\u{e9}+"})));
    let both = json!({"value": "a b", "$ref": "../Users/a%20b"});
    assert_eq!(read(both).unwrap(), Some(json!({"value": "a b"})));
    let error = read(json!({"value": "1", "$ref": "https://example.com/v2/Users/2"})).unwrap_err();
    assert_eq!(error.scim_type(), Some(&ScimType::InvalidValue));
    assert!(
        error.message().unwrap().starts_with("`members[0]` has a `$ref` and a `value`"),
        "{error}"
    );
    // An empty id names nobody.
    assert_eq!(read(json!({"value": ""})).unwrap(), None);
    reads(json!({ENTERPRISE: {"manager": {"value": ""}}}), json!({}));
}

#[test]
fn w24_r43_2_4_08_duplicates_collapse_and_the_last_wins() {
    let email = |value: &str, of_type: &str, display: &str| json!({"value": value, "type": of_type, "display": display});
    let (a, b, c) =
        (email("A@x", "work", "1"), email("a@X", "WORK", "2"), email("a@x", "home", "3"));
    reads(json!({"emails": [a, c, b]}), json!({"emails": [c, b]}));
    let address = json!({"locality": "Hollywood"});
    reads(json!({"addresses": [address, address]}), json!({"addresses": [address]}));
    let elements: Vec<_> =
        (0..40).map(|i| email(&format!("{}@x", i % 20), "work", &i.to_string())).collect();
    reads(json!({ "emails": elements }), json!({ "emails": elements[20..] }));
    let group = ResourceType::group();
    let body = br#"{"members": [{"value": "a", "type": "User"}, {"value": "b"}, {"value": "a"}, {"value": "A"}]}"#;
    let group = group.ingest(body, &Policy::strict()).unwrap();
    assert_eq!(
        group.get("members"),
        Some(&json!([{"value": "b"}, {"value": "a"}, {"value": "A"}]))
    );
}

#[test]
fn f24_text_of_a_schema_that_is_silent_about_case_is_compared_without_case() {
    let mut value = Attribute::new("value".parse().unwrap(), AttributeType::String);
    let mut badges = Attribute::new("badges".parse().unwrap(), AttributeType::Complex);
    badges.multi_valued = true;
    let read = |value: &Attribute, badges: &Attribute| {
        let mut badges = badges.clone();
        badges.sub_attributes = vec![value.clone()];
        let schema = Schema::new("urn:example:Badges".parse().unwrap(), vec![badges]);
        let ty = ResourceType::new("Badges", "/Badges", schema);
        let badges = br#"{"badges": [{"value": "Stra\u00dfe"}, {"value": "STRASSE"}]}"#;
        ty.ingest(badges, &Policy::strict())
            .unwrap()
            .get("badges")
            .unwrap()
            .as_array()
            .unwrap()
            .len()
    };
    assert_eq!(read(&value, &badges), 1);
    value.case_exact = true;
    assert_eq!(read(&value, &badges), 2);
}

#[test]
fn r43_2_4_07_one_value_may_have_two_types() {
    let body =
        json!({"emails": [{"value": "a@b", "type": "work"}, {"value": "a@b", "type": "home"}]});
    reads(body.clone(), body);
}

#[test]
fn r43_2_4_01_elements_have_the_sub_attributes_that_are_declared() {
    refuses(
        json!({"emails": [{"value": "a@b", "colour": "red"}]}),
        ScimType::InvalidSyntax,
        "unknown attribute `emails[0].colour`",
    );
    refuses(
        json!({"emails": ["a@b"]}),
        ScimType::InvalidValue,
        "`emails[0]` must be an object, found a string",
    );
}

#[test]
fn s04_a_sub_attribute_may_be_a_multi_valued_simple_one() {
    check_type("complex", json!({"value": "x", "numbers": [1, 2]}), true);
}

#[test]
fn s07_an_extension_may_name_an_attribute_like_the_core() {
    let extension: Schema = serde_json::from_value(
        json!({"id": "urn:example:X", "attributes": [{"name": "userName", "type": "integer"}]}),
    )
    .unwrap();
    let body = br#"{"userName": "b", "urn:example:X": {"username": 5}}"#;
    let resource = ResourceType::user().with_extension(extension).ingest(body, &Policy::strict());
    assert_eq!(
        Value::from(resource.unwrap()),
        json!({"userName": "b", "urn:example:X": {"userName": 5}})
    );
}

#[test]
fn r43_3_09_extension_data_is_accepted_for_known_urns_only() {
    refuses(
        json!({"urn:example:X": {"a": 1}}),
        ScimType::InvalidSyntax,
        "unknown attribute `urn:example:X`",
    );
    refuses(
        json!({ENTERPRISE: "x"}),
        ScimType::InvalidValue,
        &format!("`{ENTERPRISE}` must be an object, found a string"),
    );
}

#[test]
fn r43_3_08_r43_3_3_04_extension_attributes_do_not_stand_at_the_top() {
    refuses(
        json!({"employeeNumber": "1"}),
        ScimType::InvalidSyntax,
        &format!("unknown attribute `employeeNumber`: it belongs into the object `{ENTERPRISE}`"),
    );
}

#[test]
fn attributes_under_the_urn_of_the_base_schema_are_the_resources_own() {
    let urn = "urn:ietf:params:scim:schemas:core:2.0:User";
    reads(
        json!({"userName": "b", urn: {"TITLE": "Guide", "emails": [{"value": "b@x"}], "name": {}}}),
        json!({"userName": "b", "title": "Guide", "emails": [{"value": "b@x"}]}),
    );
    reads(json!({urn.to_uppercase(): {"title": "Guide"}}), json!({"title": "Guide"}));
    reads(json!({urn: null, "title": "x"}), json!({"title": "x"}));
    for body in [
        format!(r#"{{"title": "a", "{urn}": {{"Title": "b"}}}}"#),
        format!(r#"{{"{urn}": {{"title": null}}, "title": "b"}}"#),
        format!(r#"{{"{urn}": {{"nosuch": 1}}, "NOSUCH": 2}}"#),
    ] {
        let error = ResourceType::user().ingest(body.as_bytes(), &Policy::strict()).unwrap_err();
        assert!(error.message().unwrap().contains("occurs twice"), "{error}");
    }
    let unknown = |name: &str| format!("unknown attribute `{urn}:{name}`");
    refuses(json!({urn: {"nosuch": 1}}), ScimType::InvalidSyntax, &unknown("nosuch"));
    refuses(json!({urn: {"id": "1"}}), ScimType::InvalidSyntax, &unknown("id"));
    refuses(json!({urn: {urn: {}}}), ScimType::InvalidSyntax, &unknown(urn));
    refuses(
        json!({urn: []  , "active": 1}),
        ScimType::InvalidValue,
        "`active` must be a boolean, found a number",
    );
    refuses(
        json!({urn: "x"}),
        ScimType::InvalidValue,
        &format!("`{urn}` must be an object, found a string"),
    );
}

#[test]
fn r43_4_1_1_03_a_name_has_its_formatted_form_its_parts_or_both() {
    for name in [
        json!({"formatted": "Barbara J"}),
        json!({"givenName": "Barbara", "familyName": "J"}),
        json!({"formatted": "Barbara J", "givenName": "Barbara"}),
    ] {
        reads(json!({ "name": name }), json!({ "name": name }));
    }
}

#[test]
fn r43_2_3_8_01_the_order_of_names_means_nothing() {
    let a = ingest(&json!({"userName": "b", "title": "t"})).unwrap();
    let b = ResourceType::user().ingest(br#"{"title": "t", "userName": "b"}"#, &Policy::strict());
    assert_eq!(a, Value::from(b.unwrap()));
}

#[test]
fn all_violations_are_reported_with_their_places() {
    let body = json!({
        "active": "yes", "emails": [{"value": "a@b"}, {"value": 5}], "nickname": {}, "colour": "red",
        ENTERPRISE: {"manager": {"value": false}},
    });
    let error = ingest(&body).unwrap_err();
    assert_eq!(error.scim_type(), Some(&ScimType::InvalidValue));
    let mut told: Vec<_> = error.message().unwrap().split("; ").collect();
    told.sort_unstable();
    assert_eq!(
        told,
        [
            "`active` must be a boolean, found a string",
            "`emails[1].value` must be a string, found a number",
            "`nickName` must be a string, found an object",
            "`schemas` is required and must not be empty",
            &format!("`{ENTERPRISE}:manager.value` must be a string, found a boolean"),
            "`userName` is required",
            "unknown attribute `colour`",
        ]
    );
}

#[test]
fn sec_22_errors_hold_no_values() {
    const CANARY: &str = "canary-4711";
    for body in [
        json!({"active": CANARY, "profileUrl": format!("{CANARY} x"), "locale": format!("{CANARY} x")}),
        json!({"emails": CANARY, "name": [CANARY], "userName": {"x": CANARY}}),
        json!({"x509Certificates": [{"value": CANARY}], "colour": CANARY, "phoneNumbers": [[CANARY]]}),
        json!({ENTERPRISE: CANARY}),
        json!({ENTERPRISE: {"manager": {"value": "1", "$ref": CANARY}}}),
    ] {
        let error = ingest(&body).unwrap_err();
        assert!(!format!("{error} {error:?}").contains(CANARY), "{error}");
    }
    for body in ["{\"userName\": \"canary-4711", "{\"userName\": canary-4711}", "canary-4711"] {
        let error = ResourceType::user().ingest(body.as_bytes(), &Policy::strict()).unwrap_err();
        assert!(!error.to_string().contains(CANARY), "{error}");
    }
}

#[test]
fn a_long_or_ugly_name_is_shown_short() {
    let name = format!("a\n{}", "x".repeat(500));
    let error = ingest(&json!({ name: 1 })).unwrap_err();
    let message = error.message().unwrap();
    assert!(message.starts_with("unknown attribute `a\\nxxx"), "{message}");
    assert!(message.len() < 300, "{message}");
}

#[test]
fn the_full_user_of_rfc_7643_is_read_without_loss() {
    let body: Value = serde_json::from_str(FULL_USER).unwrap();
    reads(body.clone(), body);
}

/// The shape of the example in RFC 7643 §8.3, shortened.
const FULL_USER: &str = r#"{
    "schemas": [
        "urn:ietf:params:scim:schemas:core:2.0:User",
        "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"
    ],
    "id": "2819c223-7f76-453a-919d-413861904646",
    "externalId": "701984",
    "userName": "bjensen@example.com",
    "name": {"formatted": "Ms. Barbara J Jensen, III", "familyName": "Jensen", "honorificSuffix": "III"},
    "displayName": "Babs Jensen",
    "profileUrl": "https://login.example.com/bjensen",
    "emails": [{"value": "bjensen@example.com", "type": "work", "primary": true}, {"value": "babs@jensen.org"}],
    "addresses": [{"type": "work", "country": "USA", "formatted": "100 Plaza\nHollywood", "primary": true}],
    "photos": [{"value": "https://photos.example.com/profilephoto/72930000000Ccne/F", "type": "photo"}],
    "locale": "en-US", "timezone": "America/Los_Angeles", "active": true, "password": "t1meMa$heen",
    "groups": [{"value": "e9e3", "$ref": "https://example.com/v2/Groups/e9e3", "display": "Tour Guides"}],
    "x509Certificates": [{"value": "MIIDQzCCAqygAwIBAgICEAAwDQYJKoZIhvcN"}],
    "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User": {
        "employeeNumber": "701984", "manager": {"value": "26118915", "displayName": "John Smith"}
    },
    "meta": {
        "resourceType": "User", "created": "2010-01-23T04:56:22Z", "lastModified": "2011-05-13T04:42:34Z",
        "version": "W/\"3694e05e9dff591\"",
        "location": "https://example.com/v2/Users/2819c223-7f76-453a-919d-413861904646"
    }
}"#;

/// JSON that hits and misses the schema of users.
fn near_user() -> impl Strategy<Value = Value> {
    let name = prop::sample::select(vec![
        "userName",
        "USERNAME",
        "externalId",
        "name",
        "givenName",
        "emails",
        "value",
        "type",
        "primary",
        "active",
        "profileUrl",
        "x509Certificates",
        "members",
        "$ref",
        "meta",
        "created",
        "groups",
        "id",
        "schemas",
        "colour",
        "locale",
        "addresses",
        ENTERPRISE,
        "manager",
        "department",
    ]);
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i32>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        "[a-zA-Z0-9 =/_.-]{0,8}".prop_map(Value::from),
        Just(json!("True")),
        Just(json!("-_8")),
        Just(json!("2008-01-23T04:56:22Z")),
        any::<String>().prop_map(Value::from),
    ];
    let value = leaf.prop_recursive(4, 24, 4, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            object(name.clone(), inner),
        ]
    });
    object(
        prop::sample::select(vec![
            "userName",
            "name",
            "emails",
            "active",
            "meta",
            "groups",
            "x509Certificates",
            "addresses",
            "colour",
            "Title",
            ENTERPRISE,
        ]),
        value,
    )
}

fn object(
    name: impl Strategy<Value = &'static str>,
    value: impl Strategy<Value = Value>,
) -> impl Strategy<Value = Value> {
    prop::collection::btree_map(name, value, 0..5)
        .prop_map(|map| map.into_iter().map(|(name, value)| (name.to_owned(), value)).collect())
}

fn some_policy() -> impl Strategy<Value = Policy> {
    let keep = tolerant(|policy| policy.unknown_attributes = UnknownAttributes::Keep);
    prop::sample::select(vec![Policy::strict(), Policy::lenient(), keep])
}

#[test]
fn w18_white_space_alone_is_no_binary() {
    let user = ResourceType::user();
    let body = br#"{"userName": "a", "x509Certificates": [{"value": " "}]}"#;
    let read = user.ingest(body, &Policy::lenient()).unwrap();
    assert_eq!(read.get("x509Certificates"), None);
    assert!(user.ingest(body, &Policy::strict()).is_err());
}

proptest! {
    #[test]
    fn ingest_print_ingest_is_a_fixed_point(
        body in near_user(),
        policy in some_policy(),
        open in any::<bool>(),
    ) {
        let user = if open { ResourceType::user().open() } else { ResourceType::user() };
        if let Ok(resource) = user.ingest(body.to_string().as_bytes(), &policy) {
            let again = user.ingest(&resource.to_bytes(), &policy);
            prop_assert_eq!(again.as_ref().map_err(ToString::to_string), Ok(&resource));
            // What a tolerance has made of it, the strict reading takes as well.
            if policy == Policy::lenient() {
                let mut strict = Policy::strict();
                strict.uri_lenient = true;
                strict.locale_underscore = true;
                strict.datetime = policy.datetime;
                let strict = user.ingest(&resource.to_bytes(), &strict);
                prop_assert_eq!(strict.map_err(|error| error.to_string()), Ok(resource));
            }
        }
    }

    #[test]
    fn bytes_and_parsed_json_are_read_alike(body in near_user(), policy in some_policy()) {
        let user = ResourceType::user();
        let Value::Object(map) = body.clone() else { panic!() };
        let of_bytes = user.ingest(body.to_string().as_bytes(), &policy);
        let of_map = user.normalize(map, &policy);
        match (of_bytes, of_map) {
            (Ok(a), Ok(b)) => prop_assert_eq!(a, b),
            (a, b) => prop_assert_eq!(a.is_err(), b.is_err()),
        }
    }

    #[test]
    fn no_bytes_panic(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
        let _ = ResourceType::user().ingest(&bytes, &Policy::lenient());
        let _ = parse_object(&bytes);
    }

    #[test]
    fn strict_reading_invents_nothing(body in near_user()) {
        let keys = |value: &Value| value.as_object().map_or(0, serde_json::Map::len);
        if let Ok(resource) = ingest(&body) {
            prop_assert!(keys(&resource) <= keys(&body));
        }
    }
}

#[test]
fn the_resource_is_ordinary_json() {
    let resource: Resource =
        ResourceType::user().ingest(FULL_USER.as_bytes(), &Policy::strict()).unwrap();
    assert_eq!(
        serde_json::from_slice::<Value>(&resource.to_bytes()).unwrap(),
        serde_json::from_str::<Value>(FULL_USER).unwrap()
    );
}
