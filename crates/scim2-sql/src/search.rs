//! The search document: a resource's values as keys, in the shape that conditions look into.
//!
//! It has the attributes of the stored document under their own names, those of an extension in
//! an object under its URN. Values are [keys](crate::keys), all of them strings; what is missing is
//! left out, or null where it has a place in an array. Multi-valued attributes are arrays, with
//! the value that resources are sorted by first (ruling Q07). What cannot be told from that, which
//! complex attributes count as present, is listed under [`PRESENT`].

use scim2_core::catalog::common_attribute;
use scim2_core::key::comparison_key;
use scim2_core::schema::Attribute;
use scim2_core::{Resource, ResourceType};
use scim2_provider::store::{has_groups, has_members};
use serde_json::{Map, Value};

use crate::keys;

/// Not the name of any attribute.
pub(crate) const PRESENT: &str = "+";

/// Makes the search document of a resource from the document that is stored.
pub(crate) fn document(ty: &ResourceType, id: &str, document: &Resource) -> Map<String, Value> {
    let mut search = Map::new();
    let mut present = Map::new();
    search.insert("id".to_owned(), keys::escape(id).into());
    let common = ["schemas", "externalId"].into_iter();
    let common = common.filter_map(|name| -> Option<&Attribute> { common_attribute(name) });
    let own = ty.schema().attributes.iter().filter(|attribute| {
        let name = attribute.name.as_str();
        // Members and groups have tables of their own.
        common_attribute(name).is_none()
            && !(name == "members" && has_members(ty))
            && !(name == "groups" && has_groups(ty))
    });
    let base = document.as_map();
    collect(common.chain(own), base, None, &mut search, &mut present);
    for extension in ty.extensions() {
        let uri = extension.schema.id.as_str();
        let Some(value) = base.get(uri) else { continue };
        if is_present(value) {
            present.insert(uri.to_owned(), "".into());
        }
        let Some(container) = value.as_object() else { continue };
        let mut inner = Map::new();
        let attributes = extension.schema.attributes.iter();
        collect(attributes, container, Some(uri), &mut inner, &mut present);
        search.insert(uri.to_owned(), inner.into());
    }
    if !present.is_empty() {
        search.insert(PRESENT.to_owned(), present.into());
    }
    search
}

/// Takes a reference out of a search document that was taken out of the document.
pub(crate) fn clear_reference(
    search: &mut Map<String, Value>,
    extension: Option<&str>,
    name: &str,
    document: &Resource,
) {
    let mut gone = vec![whole(extension, name)];
    match extension {
        None => {
            search.remove(name);
        }
        Some(uri) => {
            let container = document.get(uri);
            if container.is_none() {
                search.remove(uri);
                let key = comparison_key(false, uri);
                if let Some(Value::Array(schemas)) = search.get_mut("schemas") {
                    schemas.retain(|schema| schema.as_str() != Some(&key));
                }
            } else if let Some(Value::Object(inner)) = search.get_mut(uri) {
                inner.remove(name);
            }
            if !container.is_some_and(is_present) {
                gone.push(uri.to_owned());
            }
        }
    }
    if let Some(Value::Object(present)) = search.get_mut(PRESENT) {
        present.retain(|name, _| !gone.contains(name));
    }
}

fn collect<'a>(
    attributes: impl Iterator<Item = &'a Attribute>,
    container: &Map<String, Value>,
    extension: Option<&str>,
    search: &mut Map<String, Value>,
    present: &mut Map<String, Value>,
) {
    for attribute in attributes {
        let name = attribute.name.as_str();
        let Some(value) = container.get(name).filter(|value| !value.is_null()) else { continue };
        if attribute.is_complex() && is_present(value) {
            present.insert(whole(extension, name), "".into());
        }
        let keys = if attribute.multi_valued {
            let mut elements: Vec<Value> = Vec::new();
            for element in each(value) {
                let first = elements.len();
                elements.extend(one(attribute, element));
                if is_primary(element) && elements.len() > first && !has_primary(&elements, first) {
                    elements.rotate_right(1);
                }
            }
            Some(elements.into())
        } else {
            one(attribute, value)
        };
        if let Some(keys) = keys {
            search.insert(name.to_owned(), keys);
        }
    }
}

/// The name of an attribute among those that are present.
pub(crate) fn whole(extension: Option<&str>, name: &str) -> String {
    extension.map_or_else(|| name.to_owned(), |uri| format!("{uri}:{name}"))
}

/// One value; none if it has no place.
fn one(attribute: &Attribute, value: &Value) -> Option<Value> {
    if !attribute.is_complex() {
        let key = keys::of_value(attribute, value).map(Value::from);
        // In an array it has its place all the same: it is a value, and equals nothing.
        return if attribute.multi_valued { Some(key.unwrap_or_default()) } else { key };
    }
    let object = value.as_object()?;
    let mut keys = Map::new();
    for sub_attribute in attribute.sub_attributes.iter().filter(|sub| !sub.is_complex()) {
        let name = sub_attribute.name.as_str();
        let Some(value) = object.get(name).filter(|value| !value.is_null()) else { continue };
        let key = if sub_attribute.multi_valued {
            let values = each(value).iter().filter_map(|value| one(sub_attribute, value));
            Some(Value::Array(values.collect()))
        } else {
            one(sub_attribute, value)
        };
        keys.extend(key.map(|key| (name.to_owned(), key)));
    }
    Some(keys.into())
}

fn each(value: &Value) -> &[Value] {
    match value {
        Value::Array(elements) => elements,
        value => std::slice::from_ref(value),
    }
}

fn is_primary(element: &Value) -> bool {
    element.get("primary") == Some(&Value::Bool(true))
}

/// Whether one of the first so many elements is the primary one.
fn has_primary(elements: &[Value], count: usize) -> bool {
    let primary = |element: &Value| element.get("primary").and_then(Value::as_str) == Some("true");
    elements.iter().take(count).any(primary)
}

/// Whether a value counts as one (ruling F17): not null, `""`, `[]`, `{}` or made of such only.
fn is_present(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::Bool(_) | Value::Number(_) => true,
        Value::String(text) => !text.is_empty(),
        Value::Array(elements) => elements.iter().any(is_present),
        Value::Object(members) => members.values().any(is_present),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_cleared_reference_leaves_what_the_document_gives() {
        let uri = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";
        let ty = ResourceType::user();
        for rest in [json!({}), json!({"department": ""}), json!({"department": "x"})] {
            let mut with = rest.clone();
            with["manager"] = json!({"value": "1"});
            let resource = |container: Value| -> Resource {
                let mut schemas = vec!["urn:ietf:params:scim:schemas:core:2.0:User"];
                let mut body = json!({"userName": "a"});
                if container != json!({}) {
                    schemas.push(uri);
                    body[uri] = container;
                }
                body["schemas"] = schemas.into();
                serde_json::from_value(body).unwrap()
            };
            let (before, after) = (resource(with), resource(rest));
            let mut search = document(&ty, "7", &before);
            clear_reference(&mut search, Some(uri), "manager", &after);
            if let Some(Value::Object(present)) = search.get(PRESENT)
                && present.is_empty()
            {
                search.remove(PRESENT);
            }
            assert_eq!(search, document(&ty, "7", &after));
        }
    }

    #[test]
    fn keys_stand_where_values_stood() {
        let resource: Resource = serde_json::from_value(json!({
            "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"],
            "userName": "BJensen",
            "name": {"familyName": "JENSEN", "givenName": ""},
            "active": true,
            "emails": [
                {"value": "Home@x.org", "type": "home"},
                {"value": "Work@x.org", "type": "work", "primary": true},
            ],
            "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User": {"employeeNumber": "7"},
        }))
        .unwrap();
        let search = document(&ResourceType::user(), "2819c223", &resource);
        assert_eq!(
            Value::from(search),
            json!({
                "+": {
                    "emails": "",
                    "name": "",
                    "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User": "",
                },
                "id": "2819c223",
                "schemas": ["urn:ietf:params:scim:schemas:core:2.0:user"],
                "userName": "bjensen",
                "name": {"familyName": "jensen", "givenName": ""},
                "active": "true",
                "emails": [
                    {"value": "work@x.org", "type": "work", "primary": "true"},
                    {"value": "home@x.org", "type": "home"},
                ],
                "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User":
                    {"employeeNumber": "7"},
            })
        );
    }
}
