//! PATCH against the cases of other implementations and the requests of Entra ID, where
//! `SCIM_VECTORS` names a directory that has them.

use std::path::Path;

use scim2_core::patch_op::PatchOp;
use scim2_core::policy::{ReadOnly, UnknownAttributes, UnmatchedFilter};
use scim2_core::schema::Schema;
use scim2_core::{Policy, Resource, ResourceType, ScimType};
use serde_json::{Value, json};

/// Runs the cases of `patch/*.json` in a directory of vectors, if there is one.
#[test]
fn vectors_give_the_printed_results() {
    let Some(dir) = std::env::var_os("SCIM_VECTORS") else { return };
    let mut failures = Vec::new();
    for entry in std::fs::read_dir(Path::new(&dir).join("patch")).unwrap() {
        let path = entry.unwrap().path();
        let file: Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
        for (i, case) in file["cases"].as_array().unwrap().iter().enumerate() {
            let name = format!("{} {i}", path.file_name().unwrap().to_string_lossy());
            if case.get("dubious").is_some() || AGAINST_RULINGS.contains(&name.as_str()) {
                continue;
            }
            if let Err(problem) = run_case(case) {
                failures.push(format!("{name}: {problem}\n    {}", case["ops"]));
            }
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

/// Cases whose expectation is what a ruling decided otherwise: P10 (an add that selects nothing
/// creates nothing), P24 (what is required stays), P20 (remove takes no value).
const AGAINST_RULINGS: [&str; 5] = [
    "scimitar.json 13",
    "scimitar.json 16",
    "scimitar.json 27",
    "scimitar.json 28",
    "scimitar.json 31",
];

fn run_case(case: &Value) -> Result<(), String> {
    let before = case["before"].as_object().unwrap().clone();
    let schemas = before.get("schemas").map(Value::to_string).unwrap_or_default();
    let ty = if schemas.contains("test:PatchEntity") {
        patch_entity()
    } else if schemas.contains("Group")
        || before.contains_key("members")
        || before.contains_key("displayname")
    {
        ResourceType::group().open()
    } else {
        ResourceType::user().open()
    };
    let policy = Policy::strict();
    // One case has a resource that is wrong on purpose.
    let before = ty.normalize(before.clone(), &policy).unwrap_or_else(|_| before.into());
    let mut resource = before.clone();
    let body = match case.get("request") {
        Some(request) => request.to_string(),
        None => json!({
            "schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"],
            "Operations": case["ops"],
        })
        .to_string(),
    };
    let result = PatchOp::from_slice(body.as_bytes(), &policy)
        .and_then(|op| ty.patch(&mut resource, &op, &policy));
    match (result, case.get("after"), case.get("error")) {
        (Ok(_), Some(after), _) => {
            let after = Resource::from(after.as_object().unwrap().clone());
            // Some of the results hold equal elements, which a body may not.
            let mut normal = ty.normalize(after.clone().into_map(), &policy).unwrap();
            normal.remove("schemas");
            resource.remove("schemas");
            if resource == normal || resource == after {
                Ok(())
            } else {
                Err(format!("got {}", Value::from(resource)))
            }
        }
        (Err(error), _, Some(expected)) => {
            if resource != before {
                return Err("not atomic".into());
            }
            if expected["status"] == error.status().as_u16()
                && expected.get("scimType").is_none_or(|t| t == error.scim_type().unwrap().as_str())
            {
                Ok(())
            } else {
                Err(format!("got {error}"))
            }
        }
        (Ok(_), _, _) => Err(format!("succeeded with {}", Value::from(resource))),
        (Err(error), _, _) => Err(format!("failed with {error}")),
    }
}

/// The resource type that some of the cases are about.
fn patch_entity() -> ResourceType {
    let attribute = |name: &str, t: &str, multi: bool| {
        json!({"name": name, "type": t, "multiValued": multi,
            "subAttributes": if t == "complex" { json!([{"name": "attr1"}]) } else { json!([]) }})
    };
    let schema = |value: Value| serde_json::from_value::<Schema>(value).unwrap();
    ResourceType::new(
        "PatchEntity",
        "/PatchEntities",
        schema(json!({"id": "test:PatchEntity", "attributes": [
            attribute("attr1", "string", false),
            attribute("attr2", "integer", false),
            attribute("multiValued", "string", true),
            attribute("complex", "complex", false),
            attribute("complexMultiValued", "complex", true),
        ]})),
    )
    .with_extension(schema(json!({"id": "test:PatchExtension", "attributes": [
        attribute("attr1", "string", false),
    ]})))
}

/// The tolerances that Entra ID needs.
fn entra() -> Policy {
    let mut policy = Policy::strict();
    policy.patch.unmatched_filter = UnmatchedFilter::Create;
    policy.patch.remove_value_selects = true;
    policy.patch.value_path_keys = true;
    policy.patch.drop_valueless_elements = true;
    policy.patch.read_only = ReadOnly::Ignore;
    policy.values.coerce_scalars = true;
    policy.filter.coerce_literals = true;
    policy.values.unwrap_single_element_array = true;
    policy.values.string_as_complex_value = true;
    policy.path.dot_after_urn = true;
    policy.syntax.dot_after_urn = true;
    policy.syntax.bare_words = true;
    policy.filter.complex_value = true;
    policy.unknown_attributes = UnknownAttributes::Ignore;
    policy.schemas.ignore_unknown = true;
    policy.uri_lenient = true;
    policy
}

/// Runs the PATCH requests of `vendors/entra-*.json`.
#[test]
fn entra_requests_give_the_documented_results() {
    let Some(dir) = std::env::var_os("SCIM_VECTORS") else { return };
    let mut failures = Vec::new();
    let mut run = 0;
    for entry in std::fs::read_dir(Path::new(&dir).join("vendors")).unwrap() {
        let path = entry.unwrap().path();
        let file_name = path.file_name().unwrap().to_string_lossy().into_owned();
        if !file_name.starts_with("entra-") {
            continue;
        }
        let file: Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
        for case in file["cases"].as_array().unwrap() {
            if case["method"] == "PATCH" && case["direction"] == "request" {
                run += 1;
                if let Err(problem) = run_exchange(case) {
                    failures.push(format!("{file_name} {}: {problem}", case["name"]));
                }
            }
        }
    }
    assert!(run > 30, "only {run} cases");
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

fn run_exchange(case: &Value) -> Result<(), String> {
    let is_user = case["path"].as_str().unwrap().contains("/Users/");
    let ty = if is_user { ResourceType::user() } else { ResourceType::group() };
    let policy = entra();
    let mut before = case.get("given").and_then(Value::as_object).cloned().unwrap_or_default();
    before.entry("schemas").or_insert_with(|| json!([ty.schema().id]));
    before.entry("userName").or_insert_with(|| json!("u"));
    before.entry("displayName").or_insert_with(|| json!("g"));
    let mut resource = ty.normalize(before, &policy).map_err(|e| e.to_string())?;
    let body = case["body"].to_string();
    let result = PatchOp::from_slice(body.as_bytes(), &policy)
        .and_then(|op| ty.patch(&mut resource, &op, &policy));
    if let Err(error) = result {
        let accepted = case["expect"]["status_accepted"].as_array();
        let status = error.status().as_u16();
        return match accepted.is_some_and(|accepted| accepted.iter().any(|s| *s == status)) {
            true => Ok(()),
            false => Err(format!("failed with {error}")),
        };
    }
    let after = Value::from(resource);
    let checks = ["after", "kept"]
        .iter()
        .filter_map(|name| case["expect"][name].as_object())
        .flatten()
        .map(|(path, expected)| (path.clone(), expected.clone()));
    for (path, expected) in checks {
        let found = at(&after, &path);
        if found != expected && !(expected == json!([]) && found.is_null()) {
            return Err(format!("{path} is {found}, not {expected}"));
        }
    }
    for path in case["expect"]["null_or_empty"].as_array().into_iter().flatten() {
        let path = path.as_str().unwrap().replace("[type=work]", "/0");
        let found = at(&after, &path);
        if !found.is_null() && found != "" {
            return Err(format!("{path} is {found}, not empty"));
        }
    }
    Ok(())
}

/// What stands at a path; a star is all elements.
fn at(value: &Value, path: &str) -> Value {
    match path.split_once("/*/") {
        None => value.pointer(path).cloned().unwrap_or_default(),
        Some((array, rest)) => match value.pointer(array) {
            Some(Value::Array(elements)) => {
                elements.iter().map(|e| at(e, &format!("/{rest}"))).collect()
            }
            _ => Value::Null,
        },
    }
}

/// What the RFC prints as the request of one PATCH exchange of §3.5.2.
fn rfc_exchange(name: &str) -> PatchOp {
    let directory = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../scim2-conformance/vectors/rfc/http/rfc7644-3.5.2."
    );
    let text = std::fs::read_to_string(format!("{directory}{name}.json")).unwrap();
    let exchange: Value = serde_json::from_str(&text).unwrap();
    let body = exchange["request"]["body"].to_string();
    PatchOp::from_slice(body.as_bytes(), &Policy::strict()).unwrap()
}

#[track_caller]
fn rfc_example(name: &str, ty: &ResourceType, before: Value, pointer: &str, expected: Value) {
    let Value::Object(before) = before else { panic!("no resource") };
    let mut resource = ty.normalize(before, &Policy::strict()).unwrap();
    ty.patch(&mut resource, &rfc_exchange(name), &Policy::strict()).unwrap();
    let after = Value::from(resource);
    assert_eq!(after.pointer(pointer).cloned().unwrap_or_default(), expected, "{after}");
}

#[test]
fn the_patch_examples_of_the_rfc_do_what_it_says() {
    let group = |members: Value| {
        json!({"schemas": ["urn:ietf:params:scim:schemas:core:2.0:Group"], "id": "g",
            "displayName": "g", "members": members})
    };
    let babs = "2819c223-7f76-453a-919d-413861904646";
    let james = "08e1d05d-121c-4561-8b96-473d93df9210";
    let member = |value: &str, display: &str| json!({"value": value, "display": display});
    let ty = ResourceType::group();
    let babs_member = member(babs, "Babs Jensen");
    rfc_example("1-patch-add-member", &ty, group(json!([])), "/members", json!([babs_member]));
    rfc_example(
        "2-patch-remove-all-members",
        &ty,
        group(json!([babs_member])),
        "/members",
        json!(null),
    );
    rfc_example(
        "2-patch-remove-all-then-add",
        &ty,
        group(json!([{"value": "other"}])),
        "/members",
        json!([babs_member, member(james, "James Smith")]),
    );
    rfc_example(
        "3-patch-replace-members",
        &ty,
        group(json!([{"value": "other"}])),
        "/members/0/value",
        // This example shortens the id itself.
        json!("2819c223...413861904646"),
    );

    let user = |rest: Value| {
        let mut user = json!({"schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"],
            "id": "u", "userName": "bjensen"});
        user.as_object_mut().unwrap().extend(rest.as_object().unwrap().clone());
        user
    };
    let ty = ResourceType::user();
    rfc_example("1-patch-add-no-path", &ty, user(json!({})), "/nickName", json!("Babs"));
    rfc_example("3-patch-replace-no-path", &ty, user(json!({})), "/nickName", json!("Babs"));
    let addresses = json!({"addresses": [
        {"type": "work", "streetAddress": "old", "locality": "Town"},
        {"type": "home", "streetAddress": "home", "primary": true}]});
    rfc_example(
        "3-patch-replace-street-address",
        &ty,
        user(addresses.clone()),
        "/addresses/0/streetAddress",
        json!("1010 Broadway Ave"),
    );
    rfc_example(
        "3-patch-replace-work-address",
        &ty,
        user(addresses),
        "/addresses/0/streetAddress",
        json!("911 Universal City Plaza"),
    );
}

#[test]
fn f02_the_example_without_a_space_is_refused() {
    // RFC 7644 §3.5.2.2 prints `members[value eq"…"]`, which its own grammar does not allow.
    let ty = ResourceType::group();
    let mut group = ty
        .normalize(
            json!({"schemas": ["urn:ietf:params:scim:schemas:core:2.0:Group"], "displayName": "g"})
                .as_object()
                .unwrap()
                .clone(),
            &Policy::strict(),
        )
        .unwrap();
    let op = rfc_exchange("2-patch-remove-and-add-member");
    let error = ty.patch(&mut group, &op, &Policy::strict()).unwrap_err();
    assert_eq!(error.scim_type(), Some(&ScimType::InvalidFilter));
    let mut spaced = Policy::strict();
    spaced.syntax.missing_space = true;
    ty.patch(&mut group, &op, &spaced).unwrap();
}
