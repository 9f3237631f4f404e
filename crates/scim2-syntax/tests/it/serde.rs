//! Names, URIs, paths and filters are strings in JSON.

use scim2_syntax::{AttrName, AttrPath, Filter, PatchPath, SchemaUri};
use serde_json::{Value, from_value, json, to_value};

#[track_caller]
fn round_trip<T>(text: &str)
where
    T: serde::Serialize + serde::de::DeserializeOwned + PartialEq + std::fmt::Debug,
{
    let value: T = from_value(json!(text)).unwrap();
    assert_eq!(to_value(&value).unwrap(), Value::from(text));
    assert!(from_value::<T>(json!("(")).is_err());
    assert!(from_value::<T>(json!(1)).is_err());
}

#[test]
fn all_are_strings() {
    round_trip::<AttrName>("userName");
    round_trip::<SchemaUri>("urn:ietf:params:scim:schemas:core:2.0:User");
    round_trip::<AttrPath>("urn:x:2.0:User:name.givenName");
    round_trip::<PatchPath>(r#"emails[type eq "work"].value"#);
    round_trip::<Filter>(r#"userName eq "a\"b" and not (title pr)"#);
}

#[test]
fn names_are_keys() {
    let map: std::collections::BTreeMap<AttrName, u8> =
        serde_json::from_str(r#"{"a":1,"A":2}"#).unwrap();
    assert_eq!(map.len(), 1);
}

#[test]
fn the_error_says_where() {
    let error = from_value::<Filter>(json!("userName regex 1")).unwrap_err();
    assert!(error.to_string().contains("unknown operator `regex` at byte 9"));
}
