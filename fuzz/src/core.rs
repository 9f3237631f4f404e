//! Laws of scim2-core. Each takes what a fuzzer gives and panics when the law is broken; none says
//! that the input did not come as far as the law.
//!
//! Inputs are text: a first byte that chooses a policy where one counts, and parts with a line `--`
//! between them.

use scim2_core::change::ChangeSet;
use scim2_core::diff::diff;
use scim2_core::key::equal_values;
use scim2_core::patch_op::PatchOp;
use scim2_core::policy::UnknownAttributes;
use scim2_core::project::parse_list;
use scim2_core::syntax::Filter;
use scim2_core::{Policy, Resource, ResourceType};
use serde_json::Value;

use self::model::Model;

#[path = "model.rs"]
pub mod model;

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
    let expected = Model::new(&ty).holds(filter.as_ref(), resource.as_map());
    assert_eq!(bound.matches(&resource), expected, "{filter}");
    assert_eq!(ty.bind(&filter, &policy), Ok(bound));
    Some(())
}
