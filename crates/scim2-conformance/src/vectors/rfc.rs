//! The filters and paths of the RFCs, with their canonical form and their outcome on a User.

use scim2_core::patch_op::{PatchOp, PatchOperation};
use scim2_core::syntax::{AttrPath, Filter, PatchPath};
use scim2_core::{Error, Policy, Resource, ResourceType};
use serde_json::{Map, Value, json};

use super::case::{Case, Mismatch, Suite, malformed, mismatch, same};
use super::filter::{is_refused, tree};
use super::open;

pub(super) fn check_filter(_: &Suite<'_>, case: &Case) -> Result<(), Mismatch> {
    let (Some(Value::String(text)), Some(Value::String(syntax))) =
        (case.get("filter"), case.get("syntax"))
    else {
        return Err(malformed("`filter` and `syntax`"));
    };
    let parsed = text.parse::<Filter>();
    match (syntax.as_str(), &parsed) {
        ("valid", Ok(filter)) => {
            check_tree(case.get("ast"), &tree(filter.as_ref()))?;
            let canonical = case.get("canonical").and_then(Value::as_str);
            if let Some(canonical) = canonical.filter(|canonical| *canonical != filter.to_string())
            {
                return Err(mismatch(format_args!("canonical `{canonical}`"), filter));
            }
        }
        ("valid", Err(error)) => return Err(mismatch("a valid filter", error)),
        (_, Ok(filter)) => return Err(mismatch("an error", format_args!("filter `{filter}`"))),
        (_, Err(_)) => {}
    }
    let Some(outcome) = case.get("strict_on_user").and_then(Value::as_str) else { return Ok(()) };
    let bound = parsed
        .map_err(Error::from)
        .and_then(|filter| ResourceType::user().bind(&filter, &Policy::strict()))
        .map(|_| ());
    let right = if outcome.starts_with("ok") { bound.is_ok() } else { is_refused(&bound) };
    if right { Ok(()) } else { Err(mismatch(format_args!("{outcome} on User"), said(&bound))) }
}

pub(super) fn check_path(_: &Suite<'_>, case: &Case) -> Result<(), Mismatch> {
    let (Some(Value::String(text)), Some(Value::String(syntax))) =
        (case.get("path"), case.get("syntax"))
    else {
        return Err(malformed("`path` and `syntax`"));
    };
    let parsed = text.parse::<PatchPath>();
    match (syntax.as_str(), &parsed) {
        ("valid", Ok(path)) => check_tree(case.get("parsed"), &parts(path))?,
        ("valid", Err(error)) => return Err(mismatch("a valid path", error)),
        (_, Ok(path)) => return Err(mismatch("an error", format_args!("path `{path}`"))),
        (_, Err(_)) => {}
    }
    let Some(outcome) = case.get("strict").and_then(Value::as_str) else { return Ok(()) };
    let note = case.get("note").and_then(Value::as_str).unwrap_or_default();
    let example = if note.contains("on Group") { group() } else { user() };
    let replaced = example.replace(text, parsed.as_ref().ok());
    let fits = |outcome: &str, result: &Result<(), Error>| match (outcome, result) {
        // A filter that matches nothing is no fault of the path.
        ("ok", Err(error)) => error.scim_type().is_some_and(|found| found.as_str() == "noTarget"),
        ("ok", Ok(())) => true,
        (keyword, Err(error)) => error.scim_type().is_some_and(|found| found.as_str() == keyword),
        (_, Ok(())) => false,
    };
    let keyword = outcome.split(' ').next().unwrap_or_default();
    if !fits(keyword, &replaced) {
        return Err(mismatch(format_args!("{outcome} for replace"), said(&replaced)));
    }
    let removed = example.apply(PatchOperation::remove(text.as_str()));
    if outcome.contains("ok for remove") && !fits("ok", &removed) {
        return Err(mismatch(format_args!("{outcome} for remove"), said(&removed)));
    }
    Ok(())
}

fn said(outcome: &Result<(), Error>) -> String {
    match outcome {
        Ok(()) => "ok".to_owned(),
        Err(error) => error.to_string(),
    }
}

/// A resource that paths are tried on.
struct Example {
    resource_type: ResourceType,
    resource: Resource,
}

fn user() -> Example {
    let resource_type = ResourceType::user();
    let json = include_str!("../../vectors/rfc/rfc7643-8.3-enterprise-user.json");
    let value = serde_json::from_str(json).unwrap_or_default();
    let resource = open::resource(&resource_type, &value);
    Example { resource_type, resource }
}

fn group() -> Example {
    let resource_type = ResourceType::group();
    let value = json!({
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:Group"],
        "id": "e9e30dba-f08f-4109-8486-d5c6a331660a",
        "displayName": "Tour Guides",
        "members": [{"value": "1"}, {"value": "2"}],
    });
    let resource = open::resource(&resource_type, &value);
    Example { resource_type, resource }
}

impl Example {
    /// Replaces what the path names with a value that its type accepts.
    fn replace(&self, text: &str, path: Option<&PatchPath>) -> Result<(), Error> {
        let value = path.map_or_else(|| json!("x"), |path| self.value(path));
        self.apply(PatchOperation::replace(text, value))
    }

    fn apply(&self, operation: PatchOperation) -> Result<(), Error> {
        let mut resource = self.resource.clone();
        let op = PatchOp::new().with(operation);
        self.resource_type.patch(&mut resource, &op, &Policy::strict()).map(|_| ())
    }

    fn value(&self, path: &PatchPath) -> Value {
        use scim2_core::catalog::Resolved;
        use scim2_core::schema::AttributeType;
        let sub_attr = path.sub_attr.clone().or_else(|| path.attr.sub_attr.clone());
        let whole = AttrPath { sub_attr, ..path.attr.clone() };
        match self.resource_type.resolve(&whole, &Policy::strict()) {
            Ok(Resolved::Extension(_)) => json!({"department": "x"}),
            Ok(Resolved::Attribute { attribute, sub_attribute, .. }) => {
                let target = sub_attribute.unwrap_or(attribute);
                match target.attribute_type {
                    AttributeType::Boolean => json!(true),
                    AttributeType::Complex => json!({"value": "x"}),
                    _ if target.name == "schemas" => json!(ENTERPRISE_URN),
                    _ => json!("x"),
                }
            }
            _ => json!("x"),
        }
    }
}

const ENTERPRISE_URN: &str = scim2_core::catalog::ENTERPRISE_USER_SCHEMA;

/// Checks a tree whose paths are written as `{uri, attr, sub}`.
fn check_tree(expected: Option<&Value>, found: &Value) -> Result<(), Mismatch> {
    let Some(expected) = expected.map(joined) else { return Ok(()) };
    if same(&expected, found) { Ok(()) } else { Err(mismatch(expected, found)) }
}

/// The same tree with its paths in one piece, under the name `attr` that other vectors use.
fn joined(tree: &Value) -> Value {
    match tree {
        Value::Object(members) => {
            let members = members.iter().map(|(name, value)| match value {
                Value::Object(parts) if parts.contains_key("uri") => {
                    ("attr".to_owned(), json!(joined_path(parts)))
                }
                value => (name.clone(), joined(value)),
            });
            Value::Object(members.collect())
        }
        Value::Array(terms) => terms.iter().map(joined).collect(),
        value => value.clone(),
    }
}

fn joined_path(parts: &Map<String, Value>) -> String {
    let part = |name: &str| parts.get(name).and_then(Value::as_str);
    let mut path = part("uri").unwrap_or_default().to_owned();
    if let Some(attr) = part("attr") {
        if !path.is_empty() {
            path.push(':');
        }
        path.push_str(attr);
    }
    if let Some(sub) = part("sub") {
        path.push('.');
        path.push_str(sub);
    }
    path
}

/// A PATCH path as vectors write it.
fn parts(path: &PatchPath) -> Value {
    json!({
        "attr": path.attr.to_string(),
        "filter": path.filter.as_ref().map(|filter| tree(filter.as_ref())),
        "sub": path.sub_attr.as_ref().map(|name| name.as_str()),
    })
}
