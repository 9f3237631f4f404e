//! Where the data of a bulk operation refers to other resources (RFC 7644 §3.7.2).
//!
//! Only where the schema has a reference: the `value` and `$ref` of attributes that have both,
//! attributes of type reference, the same in PATCH operations, and the filters in their paths
//! (ruling B04). A `bulkId:` in any other text is text.
//!
//! Nothing here recurses over the data: a resource has containers of extensions, these have
//! attributes, these have values, and these have sub-attributes.

use std::mem;

use scim2_core::catalog::Resolved;
use scim2_core::patch_op::{PatchOp, PatchOperation};
use scim2_core::schema::{Attribute, AttributeType, Mutability};
use scim2_core::syntax::{AttrPath, CompareValue, Expr, Filter, FilterRef, PatchPath};
use scim2_core::{Policy, ResourceType};
use serde_json::{Map, Value};

/// What stands before the name of a resource that another operation creates.
pub(crate) const PREFIX: &str = "bulkId:";

/// How a reference is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    /// As an id.
    Id,
    /// As a URI, whose last segment is the id.
    Uri,
}

/// Whether a resource can be created without a reference, to get it afterwards.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Hold {
    /// It can.
    Loose,
    /// It cannot: the attribute is required or immutable (ruling B05).
    Firm,
}

impl Form {
    /// The `bulkId` that a reference names; none if it names a resource by its id.
    pub(crate) fn bulk_id(self, text: &str) -> Option<&str> {
        match self {
            Self::Id => text.strip_prefix(PREFIX),
            Self::Uri => text.rsplit('/').next()?.strip_prefix(PREFIX),
        }
    }
}

/// Is called with each reference: its text, which it may change.
pub(crate) type Visit<'v> = dyn FnMut(&mut String, Form, Hold) + 'v;

/// Finds the references in the data of operations on one type of resource.
pub(crate) struct References<'a> {
    pub(crate) ty: &'a ResourceType,
    pub(crate) policy: &'a Policy,
}

impl References<'_> {
    /// The references of a resource: the `data` of POST and PUT, or a PATCH value without path.
    pub(crate) fn in_resource(&self, resource: &mut Map<String, Value>, visit: &mut Visit<'_>) {
        for (key, value) in resource {
            if let (Some(extension), Value::Object(container)) =
                (self.ty.extension(key), &mut *value)
            {
                for (key, value) in container {
                    if let Some(attribute) = extension.schema.attribute(key) {
                        in_attribute(attribute, value, visit);
                    }
                }
            } else if let Some(attribute) = self.ty.attribute(key) {
                in_attribute(attribute, value, visit);
            } else if let Ok(path) = PatchPath::parse_with(key, &self.policy.syntax) {
                // Entra ID sends paths as keys of a PATCH value.
                self.at_path(&path, value, visit);
            }
        }
    }

    /// The references of a PatchOp message.
    pub(crate) fn in_patch(&self, message: &mut Map<String, Value>, visit: &mut Visit<'_>) {
        let operations = member(message, "Operations").and_then(Value::as_array_mut);
        for operation in operations.into_iter().flatten().filter_map(Value::as_object_mut) {
            let mut path = None;
            if let Some(Value::String(text)) = member(operation, "path")
                && let Ok(mut parsed) = PatchPath::parse_with(text, &self.policy.syntax)
            {
                if self.in_path(&mut parsed, visit) {
                    *text = parsed.to_string();
                }
                path = Some(parsed);
            }
            match (path, member(operation, "value")) {
                (Some(path), Some(value)) => self.at_path(&path, value, visit),
                (None, Some(Value::Object(values))) => self.in_resource(values, visit),
                _ => {}
            }
        }
    }

    /// Takes out of a new resource what refers to resources that do not exist yet, and returns the
    /// PATCH that puts it back.
    pub(crate) fn withhold(
        &self,
        resource: &mut Map<String, Value>,
        is_late: &dyn Fn(&str) -> bool,
    ) -> PatchOp {
        let mut later = PatchOp::new();
        for (key, value) in resource {
            if let (Some(extension), Value::Object(container)) =
                (self.ty.extension(key), &mut *value)
            {
                for (key, value) in container {
                    if let Some(attribute) = extension.schema.attribute(key)
                        && let Some(taken) = take_late(attribute, value, is_late)
                    {
                        let path = format!("{}:{}", extension.schema.id, attribute.name);
                        later = later.with(PatchOperation::add(path, taken));
                    }
                }
            } else if let Some(attribute) = self.ty.attribute(key)
                && let Some(taken) = take_late(attribute, value, is_late)
            {
                later = later.with(PatchOperation::add(attribute.name.as_str(), taken));
            }
        }
        later
    }

    fn at_path(&self, path: &PatchPath, value: &mut Value, visit: &mut Visit<'_>) {
        let sub_attr = path.sub_attr.clone().or_else(|| path.attr.sub_attr.clone());
        let path = AttrPath { sub_attr, ..path.attr.clone() };
        match self.ty.resolve(&path, self.policy) {
            Ok(Resolved::Extension(extension)) => {
                for (key, value) in value.as_object_mut().into_iter().flatten() {
                    if let Some(attribute) = extension.schema.attribute(key) {
                        in_attribute(attribute, value, visit);
                    }
                }
            }
            Ok(Resolved::Attribute { attribute, sub_attribute: None, .. }) => {
                in_attribute(attribute, value, visit);
            }
            Ok(Resolved::Attribute { attribute, sub_attribute: Some(sub_attribute), .. }) => {
                in_sub_attribute(attribute, sub_attribute, value, visit);
            }
            _ => {}
        }
    }

    /// The references in the filter of a path. Returns whether one was changed.
    fn in_path(&self, path: &mut PatchPath, visit: &mut Visit<'_>) -> bool {
        let Some(filter) = &path.filter else { return false };
        let is_reference = matches!(
            self.ty.resolve(&path.attr, self.policy),
            Ok(Resolved::Attribute { attribute, .. }) if attribute.is_resource_reference()
        );
        if !is_reference {
            return false;
        }
        let filter = in_filter(filter.as_ref(), visit);
        let changed = path.filter.as_ref() != Some(&filter);
        path.filter = Some(filter);
        changed
    }
}

fn in_attribute(attribute: &Attribute, value: &mut Value, visit: &mut Visit<'_>) {
    for element in elements(value) {
        match element {
            Value::String(text) => {
                if let Some(form) = form(attribute) {
                    visit(text, form, hold(attribute));
                }
            }
            Value::Object(members) => {
                for (name, value) in members {
                    if let Some(sub_attribute) = attribute.sub_attribute(name) {
                        in_sub_attribute(attribute, sub_attribute, value, visit);
                    }
                }
            }
            _ => {}
        }
    }
}

fn in_sub_attribute(
    attribute: &Attribute,
    sub_attribute: &Attribute,
    value: &mut Value,
    visit: &mut Visit<'_>,
) {
    let is_id = attribute.is_resource_reference() && sub_attribute.name == *"value";
    let form = if is_id { Some(Form::Id) } else { form(sub_attribute) };
    let Some(form) = form else { return };
    for text in elements(value) {
        if let Value::String(text) = text {
            visit(text, form, hold(attribute));
        }
    }
}

/// How text for this attribute refers to a resource. Text for a complex one stands for its `value`.
fn form(attribute: &Attribute) -> Option<Form> {
    if attribute.is_resource_reference() {
        return Some(Form::Id);
    }
    (attribute.attribute_type == AttributeType::Reference).then_some(Form::Uri)
}

fn hold(attribute: &Attribute) -> Hold {
    let firm = attribute.required || attribute.mutability == Mutability::Immutable;
    if firm { Hold::Firm } else { Hold::Loose }
}

/// Goes as deep as the filter's brackets, which the parser has counted.
fn in_filter(filter: FilterRef<'_>, visit: &mut Visit<'_>) -> Filter {
    match filter.expr() {
        Expr::And(terms) => Filter::all(terms.map(|term| in_filter(term, visit))),
        Expr::Or(terms) => Filter::any(terms.map(|term| in_filter(term, visit))),
        Expr::Not(term) => Some(in_filter(term, visit).not()),
        Expr::Compare { path, op, value: CompareValue::String(text) } => {
            let form = match path.name.as_str() {
                name if name.eq_ignore_ascii_case("value") => Some(Form::Id),
                name if name.eq_ignore_ascii_case("$ref") => Some(Form::Uri),
                _ => None,
            };
            form.map(|form| {
                let mut text = text.as_str().to_owned();
                visit(&mut text, form, Hold::Firm);
                Filter::compare(path.clone(), op, text.as_str())
            })
        }
        _ => None,
    }
    .unwrap_or_else(|| filter.to_filter())
}

/// Takes the late references out of the value of one attribute: of many values those that refer,
/// of one value the whole.
fn take_late(
    attribute: &Attribute,
    value: &mut Value,
    is_late: &dyn Fn(&str) -> bool,
) -> Option<Value> {
    let refers = |value: &mut Value| {
        let mut late = false;
        in_attribute(attribute, value, &mut |text, form, _| {
            late |= form.bulk_id(text).is_some_and(is_late);
        });
        late
    };
    if let (Value::Array(elements), true) = (&mut *value, attribute.multi_valued) {
        let (late, kept) = mem::take(elements)
            .into_iter()
            .map(|mut element| (refers(&mut element), element))
            .partition::<Vec<_>, _>(|(late, _)| *late);
        let values =
            |pairs: Vec<(bool, Value)>| pairs.into_iter().map(|(_, value)| value).collect();
        *elements = values(kept);
        let late: Vec<Value> = values(late);
        return (!late.is_empty()).then_some(Value::Array(late));
    }
    refers(value).then(|| value.take())
}

fn elements(value: &mut Value) -> &mut [Value] {
    match value {
        Value::Array(elements) => elements,
        single => std::slice::from_mut(single),
    }
}

/// A member of a message, in whatever case its name is written.
fn member<'a>(message: &'a mut Map<String, Value>, name: &str) -> Option<&'a mut Value> {
    message.iter_mut().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value)
}
