//! Laws of scim2-core. Each takes what a fuzzer gives and panics when the law is broken; none says
//! that the input did not come as far as the law.
//!
//! Inputs are text: a first byte that chooses a policy where one counts, and parts with a line `--`
//! between them.

use scim2_core::change::ChangeSet;
use scim2_core::diff::diff;
use scim2_core::key::{comparison_key, equal_values};
use scim2_core::patch_op::PatchOp;
use scim2_core::policy::{DateTimePolicy, UnknownAttributes};
use scim2_core::project::parse_list;
use scim2_core::schema::{Attribute, AttributeType};
use scim2_core::syntax::{AttrPath, CompareOp, CompareValue, Expr, Filter, FilterRef};
use scim2_core::value::parse_date_time;
use scim2_core::{Policy, Resource, ResourceType};
use serde_json::{Map, Value};

fn policy(bits: u8) -> Policy {
    let mut policy = if bits & 1 == 0 { Policy::strict() } else { Policy::lenient() };
    policy.patch.all_values = bits & 2 != 0;
    if bits & 4 != 0 {
        policy.unknown_attributes = UnknownAttributes::Keep;
    }
    policy
}

fn resource_type(bits: u8) -> ResourceType {
    let ty = if bits & 8 == 0 { ResourceType::user() } else { ResourceType::group() };
    if bits & 16 == 0 { ty } else { ty.open() }
}

/// The parts of an input.
fn parts<const N: usize>(text: &str) -> Option<[&str; N]> {
    let mut parts = text.split("\n--\n");
    let found = [(); N].map(|()| parts.next());
    if parts.next().is_some() || found.iter().any(Option::is_none) {
        return None;
    }
    Some(found.map(Option::unwrap_or_default))
}

fn read(ty: &ResourceType, text: &str, policy: &Policy) -> Option<Resource> {
    ty.ingest(text.as_bytes(), policy).ok()
}

/// What ingest makes of any bytes, it makes again of its own print; what it refuses, it refuses
/// with 400.
pub fn ingest_fixed_point(data: &[u8]) -> Option<()> {
    let (&bits, body) = data.split_first()?;
    let (ty, policy) = (resource_type(bits), policy(bits));
    let resource = match ty.ingest(body, &policy) {
        Ok(resource) => resource,
        Err(error) => {
            assert_eq!(error.status(), 400, "{error}");
            assert!(error.message().is_some_and(|message| message.len() < 10_000));
            return Some(());
        }
    };
    let again = ty.ingest(&resource.to_bytes(), &policy).expect("what was read can be read");
    assert_eq!(again, resource);
    let parsed = ty.normalize(resource.clone().into_map(), &policy).expect("bytes or not");
    assert_eq!(parsed, resource);
    if let Ok(valid) = ty.validate_new(resource, &policy) {
        let valid = valid.into_inner();
        let again = ty.validate_new(valid.clone(), &policy).expect("what is valid stays so");
        assert_eq!(again.into_inner(), valid);
    }
    Some(())
}

/// Whatever is asked, PATCH does all or nothing, says what it changed, and leaves a resource that
/// can be read again.
pub fn patch_never_panics_and_is_atomic(data: &[u8]) -> Option<()> {
    let (&bits, text) = data.split_first()?;
    let [before, request] = parts(str::from_utf8(text).ok()?)?;
    let (ty, policy) = (resource_type(bits), policy(bits));
    let op = PatchOp::from_slice(request.as_bytes(), &policy).ok()?;
    drop(format!("{op:?}"));
    let before = ty.validate_new(read(&ty, before, &policy)?, &policy).ok()?.into_inner();
    let mut after = before.clone();
    match ty.patch(&mut after, &op, &policy) {
        Ok(changes) => {
            assert_eq!(changes, ChangeSet::of(&ty, &before, &after));
            assert_eq!(changes.is_empty(), before == after);
            let again = ty.normalize(after.clone().into_map(), &policy);
            assert!(again.is_ok(), "{again:?}");
            for name in before.as_map().keys().chain(after.as_map().keys()) {
                assert!(
                    before.get(name) == after.get(name)
                        // Not an attribute, but an extension that holds some.
                        || name.contains(':')
                        || name == "schemas"
                        || ty.patch_touches(&op, name, &policy),
                    "{name} changed",
                );
            }
        }
        Err(error) => {
            assert_eq!(after, before, "{error}");
            assert!([400, 413].contains(&error.status().as_u16()), "{error}");
        }
    }
    if let Ok(Some(delta)) = ty.member_delta(&op, &policy)
        && ty.patch(&mut before.clone(), &op, &policy).is_ok()
    {
        let ids = members(&after);
        assert!(delta.add.iter().all(|member| ids.contains(&member.value.as_str())));
        assert!(delta.remove.iter().all(|id| !ids.contains(&id.as_str())));
    }
    Some(())
}

fn members(group: &Resource) -> Vec<&str> {
    let members = group.get("members").and_then(Value::as_array).into_iter().flatten();
    members.filter_map(|member| member["value"].as_str()).collect()
}

/// The request that [`diff`] finds leads to its target.
pub fn diff_then_patch(text: &str) -> Option<()> {
    let [before, after] = parts(text)?;
    let (ty, policy) = (ResourceType::user(), Policy::strict());
    let stored = |text: &str| {
        let mut resource = read(&ty, text, &policy)?;
        // No client can see whether it is there.
        resource.remove("password");
        ty.validate_new(resource, &policy).ok().map(scim2_core::Valid::into_inner)
    };
    let (before, after) = (stored(before)?, stored(after)?);
    if has_twins(&ty, &after) {
        return None;
    }
    let op = diff(&ty, &before, &after);
    let mut patched = before.clone();
    ty.patch(&mut patched, &op, &policy).expect("a request of our own");
    let sorted = |resource: &Resource| {
        let mut map = resource.as_map().clone();
        if let Some(Value::Array(schemas)) = map.get_mut("schemas") {
            schemas.sort_by_key(Value::to_string);
        }
        Value::Object(map)
    };
    assert_eq!(sorted(&patched), sorted(&after), "by {}", Value::from(op_text(&op)));
    assert!(diff(&ty, &patched, &after).is_empty());
    Some(())
}

fn op_text(op: &PatchOp) -> String {
    serde_json::to_string(op).unwrap_or_default()
}

/// Whether an attribute has two values of which a PATCH would keep one (ruling P14): a POST may
/// have brought them, without a `value` to tell them apart.
fn has_twins(ty: &ResourceType, resource: &Resource) -> bool {
    resource.as_map().iter().any(|(name, value)| {
        let elements = value.as_array().map_or(&[][..], Vec::as_slice);
        let equal = |a: &Value, b: &Value| equal_values(ty.attribute(name), a, b);
        elements.iter().enumerate().any(|(at, a)| elements.iter().skip(at + 1).any(|b| equal(a, b)))
    })
}

/// A projection takes away and never adds, keeps `id` and `schemas`, hides the password, and done
/// twice does no more than once.
pub fn projection_keeps_id_and_schemas(text: &str) -> Option<()> {
    let [resource, names] = parts(text)?;
    let (ty, mut policy) = (ResourceType::user(), Policy::strict());
    policy.unknown_attributes = UnknownAttributes::Keep;
    let resource = read(&ty, resource, &policy)?;
    let names = parse_list(names).ok()?;
    for lists in [(&names[..], &[][..]), (&[][..], &names[..])] {
        let Ok(projection) = ty.projection(lists.0, lists.1, &policy) else { continue };
        let shown = projection.apply(&ty, resource.clone(), None);
        assert!(is_part(&shown.clone().into(), &resource.clone().into()));
        for name in ["id", "schemas"] {
            assert_eq!(shown.get(name), resource.get(name));
        }
        assert_eq!(shown.get("password"), None);
        assert_eq!(projection.apply(&ty, shown.clone(), None), shown);
    }
    Some(())
}

/// Whether a value is another one with parts taken away.
fn is_part(part: &Value, whole: &Value) -> bool {
    match (part, whole) {
        (Value::Object(part), Value::Object(whole)) => part
            .iter()
            .all(|(name, part)| whole.get(name).is_some_and(|whole| is_part(part, whole))),
        (Value::Array(part), Value::Array(whole)) => {
            let mut whole = whole.iter();
            part.iter().all(|part| whole.any(|whole| is_part(part, whole)))
        }
        _ => part == whole,
    }
}

/// A bound filter matches what the truth table says, read off the filter and the JSON as plainly
/// as it can be.
pub fn filter_matches_as_model(text: &str) -> Option<()> {
    let [filter, resource] = parts(text)?;
    let (ty, policy) = (ResourceType::user(), Policy::strict());
    let filter = filter.parse::<Filter>().ok()?;
    let bound = ty.bind(&filter, &policy).ok()?;
    let resource = read(&ty, resource, &policy)?;
    let expected = Model { ty: &ty, element: None }.holds(filter.as_ref(), resource.as_map());
    assert_eq!(bound.matches(&resource), expected, "{filter}");
    assert_eq!(ty.bind(&filter, &policy), Ok(bound));
    Some(())
}

/// The table of [`BoundFilter`](scim2_core::bind::BoundFilter), for the User of RFC 7643.
#[derive(Clone, Copy)]
struct Model<'a> {
    ty: &'a ResourceType,
    /// The attribute before the brackets.
    element: Option<&'a Attribute>,
}

impl<'a> Model<'a> {
    fn holds(self, filter: FilterRef<'_>, object: &Map<String, Value>) -> bool {
        match filter.expr() {
            Expr::And(mut terms) => terms.all(|term| self.holds(term, object)),
            Expr::Or(mut terms) => terms.any(|term| self.holds(term, object)),
            Expr::Not(term) => !self.holds(term, object),
            Expr::Present(path) => match self.find(path) {
                Some(found) => found.whole(object).iter().any(is_present),
                // A whole extension, whose URN has no case.
                None => object.iter().any(|(name, value)| {
                    name.eq_ignore_ascii_case(&path.to_string()) && is_present(value)
                }),
            },
            Expr::Compare { path, op, value } => {
                let Some(found) = self.find(path) else { return false };
                let operands = found.operands(object);
                let present = operands.iter().any(is_present);
                match (value, op) {
                    (CompareValue::Null, CompareOp::Eq) => !present,
                    (CompareValue::Null, _) => present,
                    _ => operands.iter().any(|operand| found.compares(operand, op, value)),
                }
            }
            Expr::ValuePath { path, filter } => {
                let Some(found) = self.find(path) else { return false };
                let inner = Model { element: Some(found.attribute), ..self };
                let values = found.whole(object);
                values.iter().filter(|value| !value.is_null()).any(|value| match value {
                    Value::Object(members) => inner.holds(filter, members),
                    // `value` stands for a simple element.
                    simple => {
                        let members = Map::from_iter([("value".to_owned(), simple.clone())]);
                        inner.holds(filter, &members)
                    }
                })
            }
        }
    }

    fn find(self, path: &AttrPath) -> Option<Found<'a>> {
        use scim2_core::catalog::Resolved;
        if let Some(parent) = self.element {
            let attribute = match parent.sub_attribute(path.name.as_str()) {
                Some(sub) => sub,
                None => parent,
            };
            let name = if attribute.name == path.name { attribute.name.as_str() } else { "value" };
            return Some(Found {
                container: None,
                name,
                attribute,
                sub: None,
                parent: Some(parent),
            });
        }
        // The paths of the filter do not live as long as the model.
        match self.ty.resolve(&path.clone(), &Policy::strict()) {
            Ok(Resolved::Attribute { extension, attribute, sub_attribute }) => {
                let container = extension.and_then(|extension| {
                    let id = extension.schema.id.as_str();
                    self.ty.extension(id).map(|extension| extension.schema.id.as_str())
                });
                let schema_of = |name: &str| match container {
                    Some(uri) => self.ty.extension(uri)?.schema.attribute(name),
                    None => self.ty.attribute(name),
                };
                let attribute = schema_of(attribute.name.as_str())?;
                let sub = sub_attribute.and_then(|sub| attribute.sub_attribute(sub.name.as_str()));
                Some(Found {
                    container,
                    name: attribute.name.as_str(),
                    attribute,
                    sub,
                    parent: None,
                })
            }
            _ => None,
        }
    }
}

/// What a path of the filter leads to.
#[derive(Clone, Copy)]
struct Found<'a> {
    container: Option<&'a str>,
    name: &'a str,
    attribute: &'a Attribute,
    sub: Option<&'a Attribute>,
    /// Inside brackets, the attribute before them.
    parent: Option<&'a Attribute>,
}

impl Found<'_> {
    /// The values of the attribute or the sub-attribute, null where there is none.
    fn values(self, object: &Map<String, Value>, sub: Option<&Attribute>) -> Vec<Value> {
        let object = match self.container {
            Some(uri) => object.get(uri).and_then(Value::as_object).cloned().unwrap_or_default(),
            None => object.clone(),
        };
        let values = match object.get(self.name) {
            Some(Value::Array(values)) => values.clone(),
            value => vec![value.cloned().unwrap_or_default()],
        };
        let values = match sub {
            None => values,
            Some(sub) => values.iter().map(|value| value[sub.name.as_str()].clone()).collect(),
        };
        if values.is_empty() { vec![Value::Null] } else { values }
    }

    fn whole(self, object: &Map<String, Value>) -> Vec<Value> {
        self.values(object, self.sub)
    }

    /// What is compared: of a multi-valued complex attribute its `value`; what is missing from a
    /// value's `primary` is false.
    fn operands(self, object: &Map<String, Value>) -> Vec<Value> {
        let implied = self.attribute.sub_attribute("value").filter(|_| self.attribute.is_complex());
        let sub = self.sub.or(implied);
        let mut values = self.values(object, sub);
        let parent = self.parent.unwrap_or(self.attribute);
        let target = sub.unwrap_or(self.attribute);
        let there = self.parent.is_some() || self.values(object, None) != [Value::Null];
        if parent.multi_valued && there && target.name == "primary" {
            for value in values.iter_mut().filter(|value| value.is_null()) {
                *value = Value::Bool(false);
            }
        }
        values
    }

    fn compares(self, operand: &Value, op: CompareOp, literal: &CompareValue) -> bool {
        let implied = self.attribute.sub_attribute("value").filter(|_| self.attribute.is_complex());
        let target = self.sub.or(implied).unwrap_or(self.attribute);
        let order = match (target.attribute_type, operand, literal) {
            (AttributeType::Boolean, Value::Bool(a), CompareValue::Bool(b)) => Some(a.cmp(b)),
            (AttributeType::DateTime, Value::String(a), CompareValue::String(b)) => {
                let instant = |text| parse_date_time(text, &DateTimePolicy::default());
                match (instant(a), instant(b)) {
                    (Some(a), Some(b)) => Some(a.cmp(&b)),
                    _ => None,
                }
            }
            // These have an equality of their own; the model leaves them to other tests.
            (AttributeType::Reference | AttributeType::Binary, ..) => {
                return self.left_out(operand, op, literal);
            }
            (_, Value::String(a), CompareValue::String(b)) => {
                let (a, b) =
                    (comparison_key(target.case_exact, a), comparison_key(target.case_exact, b));
                match op {
                    CompareOp::Co => return a.contains(b.as_ref()),
                    CompareOp::Sw => return a.starts_with(b.as_ref()),
                    CompareOp::Ew => return a.ends_with(b.as_ref()),
                    _ => Some(a.cmp(&b)),
                }
            }
            _ => None,
        };
        match (op, order) {
            (CompareOp::Ne, order) => order.is_none_or(|order| order.is_ne()),
            (_, None) => false,
            (CompareOp::Eq, Some(order)) => order.is_eq(),
            (CompareOp::Gt, Some(order)) => order.is_gt(),
            (CompareOp::Ge, Some(order)) => order.is_ge(),
            (CompareOp::Lt, Some(order)) => order.is_lt(),
            (CompareOp::Le, Some(order)) => order.is_le(),
            _ => false,
        }
    }

    /// References and binaries, bound on their own.
    fn left_out(self, operand: &Value, op: CompareOp, literal: &CompareValue) -> bool {
        let CompareValue::String(literal) = literal else { return false };
        let mut name = self.container.map_or_else(String::new, |uri| format!("{uri}:"));
        let mut object = Map::new();
        let parent = self.parent.unwrap_or(self.attribute);
        let sub = self.sub.or(self.parent.map(|_| self.attribute));
        let sub = sub.or(parent.sub_attribute("value").filter(|_| parent.is_complex()));
        name.push_str(parent.name.as_str());
        let mut value = operand.clone();
        if let Some(sub) = sub {
            name.push('.');
            name.push_str(sub.name.as_str());
            value = Value::Object(Map::from_iter([(sub.name.as_str().to_owned(), value)]));
        }
        if parent.multi_valued {
            value = Value::Array(vec![value]);
        }
        object.insert(parent.name.as_str().to_owned(), value);
        if let Some(uri) = self.container {
            object = Map::from_iter([(uri.to_owned(), Value::Object(object))]);
        }
        let Ok(path) = name.parse::<AttrPath>() else { return false };
        let filter = Filter::compare(&path, op, literal.as_str());
        ResourceType::user()
            .bind(&filter, &Policy::strict())
            .is_ok_and(|bound| bound.matches(&Resource::from(object)))
    }
}

fn is_present(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::String(text) => !text.is_empty(),
        Value::Array(values) => values.iter().any(is_present),
        Value::Object(members) => members.values().any(is_present),
        _ => true,
    }
}
