//! Requests and responses: the exchanges that the RFCs print, and what vendors send and answer.

use serde_json::Value;

use super::case::{Case, Mismatch, Suite, malformed, mismatch, same};
use super::document::Kind;
use super::open;
use super::request::{Expected, Place, Request, text};

/// An exchange of the RFCs: a request that a strict service provider takes, and its answer.
pub(super) fn check(suite: &Suite<'_>, case: &Case) -> Result<(), Mismatch> {
    let part = |name: &str| case.get(name).and_then(Value::as_object);
    let (request, response) = (part("request"), part("response"));
    let status = response.and_then(|response| response.get("status")).and_then(Value::as_u64);
    if let Some(request) = request {
        let policy = suite.policy(case)?;
        let statuses: Vec<u64> = status.into_iter().collect();
        let has_body = request.get("body").is_some_and(|body| !body.is_null());
        let method = text(request, "method").unwrap_or_default();
        // An example without its body says only what is answered.
        if has_body || !["POST", "PUT", "PATCH"].contains(&method) {
            let outcome = Request::of(request)?.apply(policy);
            Expected::of(&statuses).check(outcome)?;
        }
    }
    let Some(body) = response.and_then(|response| response.get("body")) else { return Ok(()) };
    if body.is_null() {
        return Ok(());
    }
    let place = request.and_then(|request| text(request, "path")).and_then(Place::of);
    Kind::of_answer(place.as_ref(), status.unwrap_or(200), body).check(body)
}

/// Why a capture is not run. Others are about a client's own logic, or need data.
pub(super) fn not_run(suite: &Suite<'_>, case: &Case) -> Option<String> {
    let direction = text(case, "direction").unwrap_or_default();
    if !["request", "response"].contains(&direction) {
        return Some(format!("`{direction}` is no request or response"));
    }
    if case.get("expect").and_then(|expect| expect.get("fragment")) == Some(&Value::Bool(true)) {
        return Some("a fragment".to_owned());
    }
    if direction == "request" && text(case, "path").and_then(Place::of).is_none() {
        return Some("its path leads to no endpoint of the RFCs".to_owned());
    }
    let policy = policy_name(suite);
    (!suite.options.policies.contains_key(policy)).then(|| format!("no policy `{policy}`"))
}

/// The policy of a vendor has the vendor's name. What is not a vendor's is judged leniently.
fn policy_name<'a>(suite: &Suite<'a>) -> &'a str {
    match text(suite.file, "vendor") {
        None | Some("others") => "lenient",
        Some(vendor) => vendor,
    }
}

/// One request or response of a vendor.
pub(super) fn check_capture(suite: &Suite<'_>, case: &Case) -> Result<(), Mismatch> {
    let expect = case.get("expect").unwrap_or(&Value::Null);
    if text(case, "direction") == Some("response") {
        let Some(body) = case.get("body").filter(|body| body.is_object()) else { return Ok(()) };
        let place = text(case, "path").and_then(Place::of);
        let status = case.get("status").and_then(Value::as_u64).unwrap_or(200);
        return Kind::of_answer(place.as_ref(), status, body).check(body);
    }
    let name = policy_name(suite);
    let policy =
        suite.options.policies.get(name).ok_or_else(|| malformed("a policy for the vendor"))?;
    let request = Request::of(case)?;
    let mut statuses: Vec<u64> = match expect.get("status_accepted").and_then(Value::as_array) {
        Some(accepted) => accepted.iter().filter_map(Value::as_u64).collect(),
        None => expect.get("status").and_then(Value::as_u64).into_iter().collect(),
    };
    let not_ours = expect.get("client_must_not_send").is_some();
    if not_ours || (text(case, "side") == Some("outbound") && statuses == [400]) {
        // A limit or a bug of one target, which no schema knows.
        statuses = vec![0];
    }
    let Some(after) = Expected::of(&statuses).check(request.apply(policy))? else { return Ok(()) };
    let after = Value::from(after);
    for (pointer, expected) in expect.get("after").and_then(Value::as_object).into_iter().flatten()
    {
        check_after(&request, &after, pointer, expected)?;
    }
    let cleared = expect.get("null_or_empty").and_then(Value::as_array);
    for pointer in cleared.into_iter().flatten().filter_map(Value::as_str) {
        match after.pointer(pointer) {
            None | Some(Value::Null) => {}
            Some(Value::String(text)) if text.is_empty() => {}
            Some(_) => return Err(mismatch(format_args!("nothing at {pointer}"), after)),
        }
    }
    Ok(())
}

/// Checks one place of the resource afterwards. `/emails/*/value` is all values in any order.
fn check_after(
    request: &Request<'_>,
    after: &Value,
    pointer: &str,
    expected: &Value,
) -> Result<(), Mismatch> {
    let found = match pointer.split_once("/*/") {
        None => after.pointer(pointer).cloned().unwrap_or_default(),
        Some((array, member)) => {
            let elements = after.pointer(array).and_then(Value::as_array);
            let values = elements.into_iter().flatten().map(|element| element.get(member));
            let mut found: Vec<Value> =
                values.map(|value| value.cloned().unwrap_or_default()).collect();
            let mut expected = expected.as_array().cloned().unwrap_or_default();
            for list in [&mut found, &mut expected] {
                list.sort_by_key(Value::to_string);
            }
            let (found, expected) = (Value::from(found), Value::from(expected));
            return if same(&found, &expected) {
                Ok(())
            } else {
                Err(mismatch(format_args!("{pointer} {expected}"), found))
            };
        }
    };
    // A whole resource is compared as the schema spells it.
    let expected = match (pointer, request.place.resource_type()) {
        ("", Some(ty)) => Value::from(open::resource(&ty, expected)),
        _ => expected.clone(),
    };
    if same(&found, &expected) {
        Ok(())
    } else {
        Err(mismatch(format_args!("{pointer} {expected}"), found))
    }
}
