//! PATCH requests: the resource before, the operations, and the resource after or an error.

use scim2_core::patch_op::{PATCH_OP_SCHEMA, PatchOp};
use scim2_core::{Error, Policy, Resource, ResourceType};
use serde_json::{Value, json};

use super::case::{Case, Mismatch, Suite, check_error, malformed, mismatch, same};
use super::open;

pub(super) fn check(suite: &Suite<'_>, case: &Case) -> Result<(), Mismatch> {
    let Some(before) = case.get("before") else { return Err(malformed("`before`")) };
    let body = match (case.get("request"), case.get("ops")) {
        (Some(request), _) => request.clone(),
        (None, Some(ops)) => json!({"schemas": [PATCH_OP_SCHEMA], "Operations": ops}),
        (None, None) => return Err(malformed("`ops` or `request`")),
    };
    let policy = suite.policy(case)?;
    let after = case.get("after");
    let mut subjects = vec![before];
    subjects.extend(after);
    let resource_type = open::resource_type(suite, case, &subjects);
    let patched = apply(&resource_type, before, &body, policy);
    match (patched, after, case.get("error")) {
        (Ok(patched), Some(after), _) => {
            let expected = Value::from(open::resource(&resource_type, after));
            let found = only_asked_for(patched, before, &expected);
            if same(&expected, &found) { Ok(()) } else { Err(mismatch(expected, found)) }
        }
        (Err(error), None, Some(expected)) => {
            check_error(&error, expected.get("status"), expected.get("scimType"))
        }
        (Err(error), Some(after), _) => Err(mismatch(after, error)),
        (Ok(patched), None, Some(expected)) => Err(mismatch(expected, Value::from(patched))),
        (_, None, None) => Err(malformed("`after` or `error`")),
    }
}

fn apply(
    ty: &ResourceType,
    before: &Value,
    body: &Value,
    policy: &Policy,
) -> Result<Resource, Error> {
    let mut resource = open::resource(ty, before);
    let op = PatchOp::from_slice(body.to_string().as_bytes(), policy)?;
    ty.patch(&mut resource, &op, policy)?;
    Ok(resource)
}

/// Without the `schemas` that the engine computes for fragments that have none.
fn only_asked_for(patched: Resource, before: &Value, expected: &Value) -> Value {
    let mut patched = patched;
    if expected.get("schemas").is_none() && before.get("schemas").is_none() {
        patched.remove("schemas");
    }
    Value::from(patched)
}
