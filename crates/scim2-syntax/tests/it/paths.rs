//! Attribute paths and PATCH paths.

use scim2_syntax::{AttrName, AttrPath, ParseErrorKind, PatchPath, SchemaUri};

use crate::path_fault;

#[track_caller]
fn prints_itself(text: &str) {
    assert_eq!(text.parse::<PatchPath>().unwrap().to_string(), text);
}

#[test]
fn p05_a_path_is_not_empty_or_padded() {
    assert_eq!(path_fault(""), (ParseErrorKind::ExpectedAttribute, 0, false));
    assert_eq!(path_fault(" userName"), (ParseErrorKind::SpaceInPath, 0, false));
    assert_eq!(path_fault("userName "), (ParseErrorKind::SpaceInPath, 8, false));
    assert_eq!(path_fault("emails[type pr] "), (ParseErrorKind::TrailingPath, 15, false));
}

#[test]
fn p08_an_attribute_path_may_be_qualified_and_dotted() {
    for text in ["name.givenName", "urn:x:2.0:User:department", "urn:x:2.0:User:manager.value"] {
        assert_eq!(text.parse::<AttrPath>().unwrap().to_string(), text);
    }
    assert!(r#"emails[type eq "work"]"#.parse::<AttrPath>().is_err());
}

#[test]
fn p28_no_index_no_pointer_no_third_level() {
    assert_eq!(path_fault("emails[0]"), (ParseErrorKind::InvalidName, 7, true));
    assert_eq!(path_fault("emails.0"), (ParseErrorKind::InvalidName, 7, false));
    assert_eq!(path_fault("emails/0"), (ParseErrorKind::InvalidName, 6, false));
    assert_eq!(path_fault("/userName"), (ParseErrorKind::InvalidName, 0, false));
    assert_eq!(path_fault("a.b.c"), (ParseErrorKind::SubAttributeTooDeep, 3, false));
    assert_eq!(path_fault("a[b pr].c.d"), (ParseErrorKind::SubAttributeTooDeep, 9, false));
}

#[test]
fn p04_a_fault_in_brackets_is_told_from_a_fault_of_the_path() {
    assert!(path_fault("emails[]").2);
    assert!(path_fault("emails[type]").2);
    assert!(path_fault("emails[type eq work].value").2);
    assert!(path_fault("emails[a[b pr]]").2);
    assert!(!path_fault("emails[").2);
    assert!(!path_fault("emails[type").2);
    assert!(!path_fault("emails[type eq").2);
    assert!(!path_fault("emails[type pr").2);
    assert!(!path_fault("emails[type pr and").2);
    assert!(!path_fault("emails[type pr]]").2);
    assert!(!path_fault("emails[type pr]value").2);
    assert!(!path_fault("emails[type pr].").2);
    assert!(!path_fault("emails.value[type pr]").2);
}

#[test]
fn nothing_follows_a_path() {
    assert_eq!(path_fault("a]"), (ParseErrorKind::InvalidName, 1, false));
    assert_eq!(path_fault("a(b"), (ParseErrorKind::InvalidName, 1, false));
    assert_eq!(path_fault("a b"), (ParseErrorKind::SpaceInPath, 1, false));
    assert_eq!(path_fault("a[b pr].c d"), (ParseErrorKind::TrailingPath, 9, false));
    assert_eq!(path_fault("a[b pr].c]"), (ParseErrorKind::TrailingPath, 9, false));
    assert_eq!(path_fault("a[b pr]c"), (ParseErrorKind::TrailingPath, 7, false));
}

#[test]
fn a_path_gets_a_sub_attribute() {
    let path: AttrPath = "urn:x:y:emails.type".parse().unwrap();
    let value = AttrName::from_static("value");
    assert_eq!(path.with_sub_attr(value).to_string(), "urn:x:y:emails.value");
}

#[test]
fn parts_show_themselves() {
    let path: PatchPath = "urn:x:y:a[b pr].c".parse().unwrap();
    let debug = format!("{path:?}");
    assert!(debug.contains("urn:x:y:a") && debug.contains("b pr") && debug.contains("\"c\""));
    let (name, uri) = (AttrName::from_static("a"), SchemaUri::from_static("urn:x"));
    assert_eq!((name.as_ref(), uri.as_ref()), ("a", "urn:x"));
    assert_eq!((format!("{name:?}"), format!("{uri:?}")), ("\"a\"".into(), "\"urn:x\"".into()));
    assert_eq!(format!("{name:>3}|{uri:<6}|"), "  a|urn:x |");
}

#[test]
fn names_and_uris_are_equal_without_case_and_only_then() {
    let name = |text: &str| AttrName::new(text).unwrap();
    assert!(name("aB") == name("Ab") && name("ab") != name("ac") && name("ab") != name("abc"));
    assert!(name("aB") == *"Ab" && name("ab") != *"ac" && name("aB") == "Ab" && name("ab") != "ac");
    assert_eq!(hash(&name("aB")), hash(&name("Ab")));
    assert_ne!(hash(&name("ab")), hash(&name("ac")));
    assert!(name("a").partial_cmp(&name("B")).is_some_and(std::cmp::Ordering::is_lt));

    for known in [
        "urn:ietf:params:scim:schemas:core:2.0",
        "urn:ietf:params:scim:schemas:core:2.0:User",
        "urn:ietf:params:scim:schemas:core:2.0:Group",
        "urn:ietf:params:scim:schemas:extension:enterprise:2.0",
        "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User",
        "urn:example:custom",
    ] {
        let uri = SchemaUri::new(known).unwrap();
        let upper = SchemaUri::new(known.to_uppercase()).unwrap();
        let other = SchemaUri::new(format!("{}x", &known[..known.len() - 1])).unwrap();
        assert!(uri == upper && uri != other && uri.as_str() != upper.as_str());
        assert!(uri == *upper.as_str() && uri == upper.as_str());
        assert!(uri != *other.as_str() && uri != other.as_str());
        assert_eq!(hash(&uri), hash(&upper));
        assert_ne!(hash(&uri), hash(&other));
        assert!(uri.partial_cmp(&upper).is_some_and(std::cmp::Ordering::is_eq));
        assert!(uri.cmp(&other).is_lt());
        assert_eq!(uri.clone().to_string(), known);
    }
}

#[test]
fn r44_3_5_2_07_a_path_is_an_attribute_or_a_value_path_with_a_sub_attribute() {
    prints_itself("members");
    prints_itself("name.familyName");
    prints_itself(r#"addresses[type eq "work"]"#);
    prints_itself(r#"members[value eq "2819c223-7f76-453a-919d-413861904646"].displayName"#);
    prints_itself(r#"urn:x:2.0:User:emails[type eq "a]b" or value co "\"]"].value"#);
}

#[test]
fn r44_3_5_2_02_an_array_index_is_no_path() {
    assert_eq!(path_fault("emails[0].value").0, ParseErrorKind::InvalidName);
}

#[test]
fn r44_3_12_08_a_malformed_path_has_its_fault_outside_brackets() {
    for text in ["", "a b", "a..b", "a.", ".a", ":a", "a:b", "urn:x:", "a[b pr", "a]", "(a)", "é"]
    {
        assert!(!path_fault(text).2, "{text}");
    }
}

#[test]
fn r44_3_10_01_schema_attribute_and_sub_attribute_are_told_apart() {
    let path: AttrPath =
        "urn:ietf:params:scim:schemas:core:2.0:User:name.givenName".parse().unwrap();
    assert_eq!(
        path,
        AttrPath {
            schema: Some(SchemaUri::from_static("urn:ietf:params:scim:schemas:core:2.0:User")),
            name: AttrName::from_static("name"),
            sub_attr: Some(AttrName::from_static("givenName")),
        }
    );
}

#[test]
fn r44_3_10_04_paths_have_no_case() {
    let lower: AttrPath =
        "urn:ietf:params:scim:schemas:core:2.0:user:name.givenname".parse().unwrap();
    let upper: AttrPath =
        "URN:IETF:PARAMS:SCIM:SCHEMAS:CORE:2.0:USER:NAME.GIVENNAME".parse().unwrap();
    assert_eq!(lower, upper);
    assert_eq!(lower.cmp(&upper), std::cmp::Ordering::Equal);
    assert_eq!(hash(&lower), hash(&upper));
    assert_ne!(lower.to_string(), upper.to_string());
}

fn hash(value: &impl std::hash::Hash) -> u64 {
    use std::hash::{DefaultHasher, Hasher};
    let mut hasher = DefaultHasher::new();
    value.hash(&mut hasher);
    hasher.finish()
}

#[test]
fn a_schema_uri_has_a_scheme() {
    assert_eq!(path_fault("User:name"), (ParseErrorKind::InvalidSchemaUri, 4, false));
    assert_eq!(path_fault("urn::name").0, ParseErrorKind::InvalidSchemaUri);
    assert_eq!(path_fault("1rn:x:name"), (ParseErrorKind::InvalidSchemaUri, 0, false));
    assert_eq!(path_fault("urn:x\\y:name"), (ParseErrorKind::InvalidSchemaUri, 5, false));
    prints_itself("https://example.com/scim/schemas/hr?v=2.0:age");
}

#[test]
fn a_schema_uri_stands_alone_in_its_type() {
    for text in ["urn:x", "https://example.com/s", "URN:a:b.c", "a+b-c.d:x"] {
        assert_eq!(text.parse::<SchemaUri>().unwrap().as_str(), text);
    }
    for text in ["", "urn", "urn:", "urn:a b", "urn:a(b)", "urn:a[0]", ":x", "urn:é", "urn:\"x\""]
    {
        assert!(text.parse::<SchemaUri>().is_err(), "{text}");
    }
}

#[test]
fn container_uri_is_the_whole_path() {
    let uri =
        |text: &str| text.parse::<AttrPath>().unwrap().container_uri().map(|uri| uri.to_string());
    assert_eq!(uri("urn:x:2.0:User").as_deref(), Some("urn:x:2.0:User"));
    assert_eq!(uri("urn:x:a.b").as_deref(), Some("urn:x:a.b"));
    assert_eq!(uri("name.givenName"), None);
}

#[test]
fn a_name_is_ordered_without_case() {
    let mut names = ["b", "A", "a-c", "C", "aB"].map(|name| AttrName::new(name).unwrap());
    names.sort();
    assert_eq!(names.each_ref().map(AttrName::as_str), ["A", "a-c", "aB", "b", "C"]);
}
