//! Filters: whether they are accepted, their tree, and what they match.

use scim2_core::syntax::{AttrPath, CompareOp, CompareValue, Expr, Filter, FilterRef};
use scim2_core::{Error, ScimType};
use serde_json::{Value, json};

use super::case::{Case, Mismatch, Suite, check_error, malformed, mismatch, same};
use super::open;

pub(super) fn check(suite: &Suite<'_>, case: &Case) -> Result<(), Mismatch> {
    let (Some(Value::String(text)), Some(Value::Bool(valid))) =
        (case.get("filter"), case.get("valid"))
    else {
        return Err(malformed("`filter` and `valid`"));
    };
    let policy = suite.policy(case)?;
    let subjects = subjects(suite, case)?;
    let resource_type = open::resource_type(suite, case, &subjects);
    let parsed = Filter::parse_with(text, &policy.syntax);
    if !valid {
        let bound =
            parsed.map_err(Error::from).and_then(|filter| resource_type.bind(&filter, policy));
        return match bound {
            Err(error) => check_error(&error, None, case.get("scimType")),
            Ok(_) => Err(mismatch("an error", "no error")),
        };
    }
    let filter = parsed.map_err(|error| mismatch("a valid filter", error))?;
    if let Some(expected) = case.get("ast") {
        let found = tree(filter.as_ref());
        if !same(expected, &found) {
            return Err(mismatch(expected, found));
        }
    }
    let Some(expected) = case.get("matches").or_else(|| case.get("matches_count")) else {
        return Ok(());
    };
    let bound =
        resource_type.bind(&filter, policy).map_err(|error| mismatch("a valid filter", error))?;
    let matches: Vec<bool> = subjects
        .iter()
        .map(|subject| bound.matches(&open::resource(&resource_type, subject)))
        .collect();
    let places = || matches.iter().enumerate().filter(|(_, matches)| **matches).map(|(at, _)| at);
    let found = match expected {
        Value::Bool(_) => json!(matches == [true]),
        Value::Array(_) => places().collect(),
        _ => json!(places().count()),
    };
    if same(expected, &found) {
        Ok(())
    } else {
        Err(mismatch(format_args!("matches {expected}"), format_args!("matches {found}")))
    }
}

/// The resources that a filter is evaluated on.
fn subjects<'a>(suite: &'a Suite<'_>, case: &'a Case) -> Result<Vec<&'a Value>, Mismatch> {
    let named = |list: &str, name: &str| suite.file.get(list).and_then(|list| list.get(name));
    match (case.get("resource"), case.get("resource_set")) {
        (Some(Value::String(name)), _) => {
            let resource = named("resources", name);
            Ok(vec![resource.ok_or_else(|| malformed("the name of one of `resources`"))?])
        }
        (Some(resource), _) => Ok(vec![resource]),
        (None, Some(Value::String(name))) => {
            let set = named("resource_sets", name).and_then(Value::as_array);
            Ok(set.ok_or_else(|| malformed("the name of one of `resource_sets`"))?.iter().collect())
        }
        (None, Some(_)) => Err(malformed("the name of one of `resource_sets`")),
        (None, None) => Ok(Vec::new()),
    }
}

/// The tree of a filter as vectors write it.
pub(super) fn tree(filter: FilterRef<'_>) -> Value {
    let path = |path: &AttrPath| Value::from(path.to_string());
    match filter.expr() {
        Expr::Present(attr) => json!({"op": "pr", "attr": path(attr)}),
        Expr::Compare { path: attr, op, value } => compare(path(attr), op, value),
        Expr::And(terms) => json!({"op": "and", "args": terms.map(tree).collect::<Vec<_>>()}),
        Expr::Or(terms) => json!({"op": "or", "args": terms.map(tree).collect::<Vec<_>>()}),
        Expr::Not(term) => json!({"op": "not", "arg": tree(term)}),
        Expr::ValuePath { path: attr, filter } => {
            json!({"op": "valuePath", "attr": path(attr), "filter": tree(filter)})
        }
    }
}

fn compare(attr: Value, op: CompareOp, value: &CompareValue) -> Value {
    let value = match value {
        CompareValue::Null => Value::Null,
        CompareValue::Bool(value) => json!(value),
        CompareValue::Number(number) => {
            serde_json::from_str(number.as_str()).unwrap_or_else(|_| json!(number.as_str()))
        }
        CompareValue::String(text) => json!(text.as_str()),
    };
    json!({"op": op.as_str(), "attr": attr, "value": value})
}

/// Whether the filter is refused with `invalidFilter`.
pub(super) fn is_refused(outcome: &Result<(), Error>) -> bool {
    matches!(outcome, Err(error) if error.scim_type() == Some(&ScimType::InvalidFilter))
}
