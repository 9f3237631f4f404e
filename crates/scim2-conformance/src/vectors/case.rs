//! What all formats have in common.

use scim2_core::syntax::Number;
use scim2_core::{Error, Policy};
use serde_json::{Map, Value};

use super::Options;

/// A file of cases.
pub(super) struct Suite<'a> {
    pub(super) file: &'a Map<String, Value>,
    pub(super) options: &'a Options,
}

pub(super) type Case = Map<String, Value>;

/// A case that did not come out as expected.
#[derive(Debug)]
pub(super) struct Mismatch {
    pub(super) expected: String,
    pub(super) got: String,
}

pub(super) fn mismatch(expected: impl ToString, got: impl ToString) -> Mismatch {
    Mismatch { expected: expected.to_string(), got: got.to_string() }
}

/// The case is not of the documented form.
pub(super) fn malformed(expected: &str) -> Mismatch {
    mismatch(expected, "a malformed case")
}

impl Suite<'_> {
    /// The policy that the case or its file asks for.
    pub(super) fn policy(&self, case: &Case) -> Result<&Policy, Mismatch> {
        let name = case.get("policy").or_else(|| self.file.get("policy"));
        let name = name.and_then(Value::as_str).unwrap_or("strict");
        let policy = self.options.policies.get(name);
        policy.ok_or_else(|| mismatch(format_args!("policy `{name}`"), "no policy of this name"))
    }

    /// The resource type that the case or its file asks for.
    pub(super) fn resource_type(&self, case: &Case) -> Option<String> {
        let name = case.get("resource_type").or_else(|| self.file.get("resource_type"))?;
        name.as_str().map(str::to_owned)
    }
}

/// Checks an error against the `status` and `scimType` that are expected, if they are.
pub(super) fn check_error(
    error: &Error,
    status: Option<&Value>,
    scim_type: Option<&Value>,
) -> Result<(), Mismatch> {
    let status = status.and_then(|status| match status {
        Value::String(text) => text.parse().ok(),
        status => status.as_u64(),
    });
    let scim_type = scim_type.and_then(Value::as_str);
    let right_status = status.is_none_or(|status| status == u64::from(error.status().as_u16()));
    let right_type =
        scim_type.is_none_or(|name| error.scim_type().is_some_and(|found| found.as_str() == name));
    if right_status && right_type {
        return Ok(());
    }
    let status = status.map_or_else(|| "an error".to_owned(), |status| status.to_string());
    Err(mismatch(format_args!("{status} {}", scim_type.unwrap_or_default()), error))
}

/// Whether two JSON values are the same; numbers by value, members in any order.
pub(super) fn same(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Number(a), Value::Number(b)) => {
            a == b
                || matches!(
                    (a.to_string().parse::<Number>(), b.to_string().parse::<Number>()),
                    (Ok(a), Ok(b)) if a == b
                )
        }
        (Value::Array(a), Value::Array(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b))
        }
        (Value::Object(a), Value::Object(b)) => {
            let has_same = |(name, a)| b.get(name).is_some_and(|b| same(a, b));
            a.len() == b.len() && a.iter().all(has_same)
        }
        _ => a == b,
    }
}
