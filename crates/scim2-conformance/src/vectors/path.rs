//! PATCH paths: whether they are accepted.

use scim2_core::catalog::Resolved;
use scim2_core::syntax::{AttrPath, PatchPath};
use scim2_core::{Error, Policy, ResourceType};
use serde_json::Value;

use super::case::{Case, Mismatch, Suite, check_error, malformed, mismatch};

pub(super) fn check(suite: &Suite<'_>, case: &Case) -> Result<(), Mismatch> {
    let (Some(Value::String(text)), Some(Value::Bool(valid))) =
        (case.get("path"), case.get("valid"))
    else {
        return Err(malformed("`path` and `valid`"));
    };
    let policy = suite.policy(case)?;
    let parsed = PatchPath::parse_with(text, &policy.syntax);
    match (parsed, valid) {
        (Ok(_), true) => Ok(()),
        (Err(error), true) => Err(mismatch("a valid path", error)),
        (Err(error), false) => check_error(&Error::from_path(&error), None, case.get("scimType")),
        // Only a schema can tell that these name nothing.
        (Ok(path), false) if case.get("semantic") == Some(&Value::Bool(true)) => {
            let resource_type = match suite.resource_type(case).as_deref() {
                Some("Group") => ResourceType::group(),
                _ => ResourceType::user(),
            };
            match resolve(&resource_type, &path, policy) {
                Ok(()) => Err(mismatch("an error", "a known attribute")),
                Err(error) => check_error(&error, None, case.get("scimType")),
            }
        }
        (Ok(path), false) => Err(mismatch("an error", format_args!("path `{path}`"))),
    }
}

/// Whether a path names something in a resource type.
fn resolve(ty: &ResourceType, path: &PatchPath, policy: &Policy) -> Result<(), Error> {
    let resolved = ty.resolve(&path.attr, policy).map_err(Error::invalid_path)?;
    if let (Some(filter), Resolved::Attribute { attribute, .. }) = (&path.filter, resolved) {
        ty.bind_element(attribute, filter, policy)?;
    }
    if let Some(sub_attr) = &path.sub_attr {
        let whole = AttrPath { sub_attr: Some(sub_attr.clone()), ..path.attr.clone() };
        ty.resolve(&whole, policy).map_err(Error::invalid_path)?;
    }
    Ok(())
}
