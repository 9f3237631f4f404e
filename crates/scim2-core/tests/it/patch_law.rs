//! Laws of PATCH: it does what the RFC says, is atomic, never panics, and a member delta is worth
//! the same as the whole request.

use std::collections::BTreeSet;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use scim2_core::change::ChangeSet;
use scim2_core::patch_op::{PatchOp, PatchOpKind, PatchOperation};
use scim2_core::{Policy, Resource, ResourceType};
use serde_json::{Map, Value, json};

const USER: &str = "urn:ietf:params:scim:schemas:core:2.0:User";
const ENTERPRISE: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";

// A model of RFC 7644 §3.5.2, as plain as it can be. It knows some attributes of User, and takes
// values that are well formed.

/// Where an operation works.
#[derive(Clone, Debug)]
enum Place {
    /// A simple attribute: its name, and whether it is required.
    Simple(&'static str, bool),
    /// A singular complex attribute, or one of its sub-attributes.
    Complex(&'static str, Option<&'static str>),
    /// All values of a multi-valued attribute, or one sub-attribute of all.
    All(&'static str, Option<&'static str>),
    /// The values that match, or one sub-attribute of them.
    Some(&'static str, Condition, Option<&'static str>),
    /// An attribute of the enterprise extension.
    Extension(&'static str),
}

#[derive(Clone, Debug)]
enum Condition {
    TypeIs(&'static str),
    ValueIs(&'static str),
    PrimaryIs(bool),
    Both(Box<Self>, Box<Self>),
    Not(Box<Self>),
}

impl Condition {
    fn text(&self) -> String {
        match self {
            Self::TypeIs(text) => format!("type eq \"{text}\""),
            Self::ValueIs(text) => format!("value eq \"{text}\""),
            Self::PrimaryIs(flag) => format!("primary eq {flag}"),
            Self::Both(a, b) => format!("({}) and ({})", a.text(), b.text()),
            Self::Not(inner) => format!("not ({})", inner.text()),
        }
    }

    fn holds(&self, element: &Value) -> bool {
        let is = |name: &str, text: &str| {
            element[name].as_str().is_some_and(|value| value.eq_ignore_ascii_case(text))
        };
        match self {
            Self::TypeIs(text) => is("type", text),
            Self::ValueIs(text) => is("value", text),
            Self::PrimaryIs(flag) => primary(element) == *flag,
            Self::Both(a, b) => a.holds(element) && b.holds(element),
            Self::Not(inner) => !inner.holds(element),
        }
    }
}

impl Place {
    fn path(&self) -> String {
        let with_sub = |name: String, sub: &Option<&str>| match sub {
            Some(sub) => format!("{name}.{sub}"),
            None => name,
        };
        match self {
            Self::Simple(name, _) => (*name).to_owned(),
            Self::Complex(name, sub) | Self::All(name, sub) => with_sub((*name).to_owned(), sub),
            Self::Some(name, condition, sub) => {
                with_sub(format!("{name}[{}]", condition.text()), sub)
            }
            Self::Extension(name) => format!("{ENTERPRISE}:{name}"),
        }
    }
}

fn primary(element: &Value) -> bool {
    element["primary"] == true
}

fn is_nothing(value: &Value) -> bool {
    *value == Value::Null || *value == json!([])
}

/// One operation on a resource; the error is the `scimType`.
fn model(
    resource: &mut Map<String, Value>,
    op: PatchOpKind,
    place: &Place,
    value: &Value,
) -> Result<(), &'static str> {
    use PatchOpKind::{Add, Remove, Replace};
    if op != Remove && matches!(place, Place::All(_, Some(_))) {
        return Err("invalidPath");
    }
    if op == Add && value.is_null() {
        return Err("invalidValue");
    }
    if op == Add && *value == json!([]) && matches!(place, Place::All(_, None)) {
        return Ok(());
    }
    // To replace something by nothing is to remove it.
    let removes = op == Remove || (op == Replace && is_nothing(value));
    match place {
        Place::Simple(name, required) => {
            if !removes {
                // "the existing value is replaced", "the attribute is added"
                resource.insert((*name).to_owned(), value.clone());
            } else if *required && resource.contains_key(*name) {
                return Err("mutability");
            } else {
                // "the attribute and its associated value is removed"
                resource.remove(*name);
            }
        }
        Place::Extension(name) => {
            let extension =
                resource.entry(ENTERPRISE).or_insert_with(|| json!({})).as_object_mut().unwrap();
            if removes {
                extension.remove(*name);
            } else {
                extension.insert((*name).to_owned(), value.clone());
            }
        }
        Place::Complex(name, Some(sub)) => {
            let object = resource.entry(*name).or_insert_with(|| json!({}));
            let object = object.as_object_mut().unwrap();
            if removes {
                object.remove(*sub);
            } else {
                object.insert((*sub).to_owned(), value.clone());
            }
        }
        Place::Complex(name, None) if removes => {
            resource.remove(*name);
        }
        Place::Complex(name, None) => {
            // "which replaces any existing values or adds where an attribute did not previously
            // exist. Sub-attributes that are not specified [...] are left unchanged."
            let object = resource.entry(*name).or_insert_with(|| json!({}));
            for (sub, value) in value.as_object().unwrap() {
                if !value.is_null() {
                    object[sub] = value.clone();
                } else if op == Replace {
                    object.as_object_mut().unwrap().remove(sub);
                }
            }
        }
        Place::All(name, None) => match op {
            // "the attribute and all values are removed"
            _ if removes => {
                resource.remove(*name);
            }
            // "the attribute and all values are replaced"
            Replace => {
                one_primary(value.as_array().unwrap())?;
                resource.insert((*name).to_owned(), value.clone());
            }
            // "a new value is added to the attribute"
            _ => {
                let new = value.as_array().unwrap();
                one_primary(new)?;
                let elements = resource.entry(*name).or_insert_with(|| json!([]));
                let elements = elements.as_array_mut().unwrap();
                for element in new {
                    add_element(elements, element);
                }
            }
        },
        Place::All(name, Some(sub)) => {
            for element in
                resource.get_mut(*name).into_iter().filter_map(Value::as_array_mut).flatten()
            {
                element.as_object_mut().unwrap().remove(*sub);
            }
        }
        Place::Some(name, condition, sub) => {
            let mut elements = match resource.remove(*name) {
                Some(Value::Array(elements)) => elements,
                _ => Vec::new(),
            };
            let matching: Vec<usize> = elements
                .iter()
                .enumerate()
                .filter(|(_, element)| condition.holds(element))
                .map(|(i, _)| i)
                .collect();
            // "no record match was made, the service provider SHALL indicate failure"
            if matching.is_empty() && op != Remove {
                return Err("noTarget");
            }
            let mut now_primary = Vec::new();
            for &i in &matching {
                let object = elements[i].as_object_mut().unwrap();
                match (sub, op) {
                    (Some(sub), _) if removes => {
                        object.remove(*sub);
                    }
                    (Some(sub), _) => {
                        object.insert((*sub).to_owned(), value.clone());
                        if *sub == "primary" && *value == true {
                            now_primary.push(i);
                        }
                    }
                    (None, _) if removes => *object = Map::new(),
                    (None, Replace) => *object = value.as_object().unwrap().clone(),
                    (None, _) => object.extend(value.as_object().unwrap().clone()),
                }
                if sub.is_none() && !removes && primary(value) {
                    now_primary.push(i);
                }
            }
            // "a PATCH operation that sets a value's "primary" sub-attribute to "true" SHALL cause
            // the server to automatically set "primary" to "false" for any other values"
            if now_primary.len() > 1 {
                return Err("invalidValue");
            }
            if let [chosen] = now_primary[..] {
                for (i, element) in elements.iter_mut().enumerate() {
                    if i != chosen && primary(element) {
                        element["primary"] = json!(false);
                    }
                }
            }
            resource.insert((*name).to_owned(), elements.into());
        }
    }
    // "If no other values remain [...] SHALL be considered unassigned."
    for value in resource.values_mut() {
        if let Value::Array(elements) = value {
            elements.retain(|element| *element != json!({}));
        }
    }
    resource.retain(|_, value| *value != json!([]) && *value != json!({}));
    Ok(())
}

fn one_primary(elements: &[Value]) -> Result<(), &'static str> {
    let count = elements.iter().filter(|element| primary(element)).count();
    if count > 1 { Err("invalidValue") } else { Ok(()) }
}

/// "If the target location already contains the value specified, no changes SHOULD be made".
fn add_element(elements: &mut Vec<Value>, new: &Value) {
    let text = |value: &Value| value.as_str().map(str::to_lowercase);
    let same =
        |a: &Value, names: &[&str]| names.iter().all(|name| text(&a[*name]) == text(&new[*name]));
    let equal = elements
        .iter()
        .any(|old| same(old, &["value", "type", "display"]) && primary(old) == primary(new));
    if equal {
        return;
    }
    let pair =
        elements.iter().position(|old| same(old, &["value", "type"]) && old.get("value").is_some());
    let place = match pair {
        Some(place) => {
            let old = elements[place].as_object_mut().unwrap();
            for (name, value) in new.as_object().unwrap() {
                // Equal texts are not touched.
                if old.get(name).is_none_or(|old| old.is_boolean() || text(old) != text(value)) {
                    old.insert(name.clone(), value.clone());
                }
            }
            place
        }
        None => {
            elements.push(new.clone());
            elements.len() - 1
        }
    };
    if primary(new) {
        for (i, element) in elements.iter_mut().enumerate() {
            if i != place && primary(element) {
                element["primary"] = json!(false);
            }
        }
    }
}

// What the model is tried on.

fn element() -> impl Strategy<Value = Value> {
    let value = proptest::option::weighted(0.95, select(vec!["a", "A", "b", "c"]));
    let kind = proptest::option::of(select(vec!["work", "Work", "home"]));
    let primary = proptest::option::weighted(0.4, any::<bool>());
    let display = proptest::option::weighted(0.3, select(vec!["x", "y"]));
    (value, kind, primary, display).prop_map(|(value, kind, primary, display)| {
        let mut element = Map::new();
        let mut put = |name: &str, value: Option<Value>| {
            if let Some(value) = value {
                element.insert(name.to_owned(), value);
            }
        };
        put("value", value.map(Value::from));
        put("type", kind.map(Value::from));
        put("primary", primary.map(Value::from));
        put("display", display.map(Value::from));
        if element.is_empty() { json!({"value": "d"}) } else { element.into() }
    })
}

/// Elements of which no two have the same `value` and `type`.
fn elements() -> impl Strategy<Value = Vec<Value>> {
    vec(element(), 0..4).prop_map(|elements| {
        let mut seen = BTreeSet::new();
        let key = |element: &Value| {
            (element["value"].to_string() + &element["type"].to_string()).to_lowercase()
        };
        elements.into_iter().filter(|element| seen.insert(key(element))).collect()
    })
}

fn resource() -> impl Strategy<Value = Map<String, Value>> {
    let title = proptest::option::of(select(vec!["Guide", "Driver"]));
    let name = (proptest::option::of(Just("B")), proptest::option::of(Just("J")));
    let department = proptest::option::of(Just("Tours"));
    (title, name, elements(), elements(), department).prop_map(
        |(title, (given, family), emails, phones, department)| {
            let mut resource = json!({"schemas": [USER], "userName": "bjensen"});
            if let Some(title) = title {
                resource["title"] = json!(title);
            }
            if let Some(given) = given {
                resource["name"]["givenName"] = json!(given);
            }
            if let Some(family) = family {
                resource["name"]["familyName"] = json!(family);
            }
            for (name, mut elements) in [("emails", emails), ("phoneNumbers", phones)] {
                let mut seen = false;
                for element in elements.iter_mut().filter(|element| primary(element)) {
                    if std::mem::replace(&mut seen, true) {
                        element["primary"] = json!(false);
                    }
                }
                if !elements.is_empty() {
                    resource[name] = elements.into();
                }
            }
            if let Some(department) = department {
                resource[ENTERPRISE] = json!({"department": department});
                resource["schemas"] = json!([USER, ENTERPRISE]);
            }
            let Value::Object(map) = resource else { unreachable!() };
            map
        },
    )
}

fn condition() -> impl Strategy<Value = Condition> {
    let leaf = prop_oneof![
        select(vec!["work", "home"]).prop_map(Condition::TypeIs),
        select(vec!["a", "b"]).prop_map(Condition::ValueIs),
        any::<bool>().prop_map(Condition::PrimaryIs),
    ];
    leaf.prop_recursive(2, 4, 2, |inner| {
        prop_oneof![
            (inner.clone(), inner.clone())
                .prop_map(|(a, b)| Condition::Both(Box::new(a), Box::new(b))),
            inner.prop_map(|inner| Condition::Not(Box::new(inner))),
        ]
    })
}

/// A place and a value that fits there, or nothing.
fn place_and_value() -> impl Strategy<Value = (Place, Value)> {
    let multi = || select(vec!["emails", "phoneNumbers"]);
    let sub = || {
        prop_oneof![
            (Just("value"), select(vec!["a", "b", "z"]).prop_map(Value::from)),
            (Just("type"), select(vec!["work", "other"]).prop_map(Value::from)),
            (Just("primary"), any::<bool>().prop_map(Value::from)),
            (Just("display"), select(vec!["x", "z"]).prop_map(Value::from)),
        ]
    };
    let name = (proptest::option::of(Just("Barb")), proptest::option::of(Just("Jens")))
        .prop_map(|(given, family)| json!({"givenName": given, "familyName": family}));
    prop_oneof![
        select(vec!["Guide", "Boss"]).prop_map(|v| (Place::Simple("title", false), json!(v))),
        select(vec!["bjensen", "babs"]).prop_map(|v| (Place::Simple("userName", true), json!(v))),
        name.prop_map(|value| (Place::Complex("name", None), value)),
        select(vec!["givenName", "familyName"])
            .prop_map(|sub| (Place::Complex("name", Some(sub)), json!("Q"))),
        select(vec!["department", "costCenter"])
            .prop_map(|n| (Place::Extension(n), json!("Tours"))),
        (multi(), elements()).prop_map(|(name, value)| (Place::All(name, None), value.into())),
        (multi(), sub()).prop_map(|(name, (sub, v))| (Place::All(name, Some(sub)), v)),
        (multi(), condition(), element()).prop_map(|(n, c, v)| (Place::Some(n, c, None), v)),
        (multi(), condition(), sub())
            .prop_map(|(n, c, (sub, v))| (Place::Some(n, c, Some(sub)), v)),
    ]
    .prop_flat_map(|(place, value)| {
        (Just(place), prop_oneof![9 => Just(value), 1 => Just(Value::Null)])
    })
}

fn kind() -> impl Strategy<Value = PatchOpKind> {
    select(vec![PatchOpKind::Add, PatchOpKind::Remove, PatchOpKind::Replace])
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn patch_does_what_the_rfc_says(
        before in resource(),
        operations in vec((kind(), place_and_value()), 1..4),
    ) {
        let user = ResourceType::user();
        let mut expected = Ok(before.clone());
        let mut op = PatchOp::new();
        for (kind, (place, value)) in &operations {
            if let Ok(resource) = &mut expected
                && let Err(scim_type) = model(resource, *kind, place, value)
            {
                expected = Err(scim_type);
            }
            let value = (*kind != PatchOpKind::Remove).then(|| value.clone());
            op = op.with(PatchOperation::new(*kind, Some(place.path().into()), value));
        }
        if let Ok(resource) = &mut expected {
            let schemas = if resource.contains_key(ENTERPRISE) { json!([USER, ENTERPRISE]) } else { json!([USER]) };
            resource.insert("schemas".into(), schemas);
        }
        let before = Resource::from(before);
        let mut after = before.clone();
        match (user.patch(&mut after, &op, &Policy::strict()), expected) {
            (Ok(changes), Ok(expected)) => {
                prop_assert_eq!(Value::from(after.clone()), Value::from(expected));
                prop_assert_eq!(changes, ChangeSet::of(&user, &before, &after));
            }
            (Err(error), Err(scim_type)) => {
                prop_assert_eq!(error.scim_type().unwrap().as_str(), scim_type, "{}", error);
                prop_assert_eq!(after, before);
            }
            (Ok(_), Err(scim_type)) => prop_assert!(false, "expected {}, got {}", scim_type, Value::from(after)),
            (Err(error), Ok(_)) => prop_assert!(false, "{}", error),
        }
    }
}

// Anything at all.

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        select(vec!["", "a", "work", "True", "1", "urn:x", USER, ENTERPRISE, "é"])
            .prop_map(Value::from),
    ];
    let name = || {
        select(vec![
            "value",
            "Type",
            "primary",
            "display",
            "$ref",
            "name",
            "givenName",
            "emails",
            "title",
            "id",
            "meta",
            "schemas",
            "groups",
            "members",
            "active",
            "manager",
            "department",
            "nosuch",
            "name.givenName",
            "emails[type eq \"work\"].value",
            ENTERPRISE,
            USER,
            "",
            "a.b.c",
            "urn:x:y",
        ])
    };
    leaf.prop_recursive(3, 12, 4, move |inner| {
        prop_oneof![
            vec(inner.clone(), 0..4).prop_map(Value::from),
            vec((name(), inner), 0..4).prop_map(|members| {
                members.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
            }),
        ]
    })
}

fn any_path() -> impl Strategy<Value = String> {
    let name = || {
        select(vec![
            "userName",
            "title",
            "name",
            "emails",
            "EMAILS",
            "addresses",
            "groups",
            "members",
            "manager",
            "schemas",
            "id",
            "meta",
            "password",
            "active",
            "nosuch",
            "x509Certificates",
            "roles",
        ])
    };
    let sub = select(vec!["", "", ".value", ".type", ".primary", ".givenName", ".$ref", ".nosuch"]);
    let filter = select(vec![
        "",
        "",
        "",
        "[type eq \"work\"]",
        "[value eq \"a\"]",
        "[primary eq true]",
        "[value pr]",
        "[not (type eq \"work\")]",
        "[nosuch eq 1]",
        "[value eq \"a\" or value eq \"b\"]",
        "[0]",
        "[",
        "[type eq \"work\" and primary eq true]",
    ]);
    let urn = select(vec![
        "".to_owned(),
        format!("{USER}:"),
        format!("{ENTERPRISE}:"),
        "urn:x:".into(),
        format!("{ENTERPRISE}."),
    ]);
    prop_oneof![
        8 => (urn, name(), filter, sub).prop_map(|(urn, name, filter, sub)| format!("{urn}{name}{filter}{sub}")),
        1 => select(vec![ENTERPRISE.to_owned(), USER.to_owned(), String::new()]),
        1 => "[ -~]{0,20}",
    ]
}

fn any_operation() -> impl Strategy<Value = PatchOperation> {
    (
        kind(),
        proptest::option::weighted(0.8, any_path()),
        proptest::option::weighted(0.9, any_json()),
    )
        .prop_map(|(kind, path, value)| PatchOperation::new(kind, path.map(Into::into), value))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn whatever_is_asked_patch_is_atomic_and_leaves_a_valid_resource(
        before in resource(),
        operations in vec(any_operation(), 1..5),
        lenient in any::<bool>(),
        open in any::<bool>(),
    ) {
        let mut policy = if lenient { Policy::lenient() } else { Policy::strict() };
        policy.patch.all_values = lenient;
        let user = if open { ResourceType::user().open() } else { ResourceType::user() };
        let mut op = PatchOp::new();
        op.operations = operations;
        let before = Resource::from(before);
        let mut after = before.clone();
        match user.patch(&mut after, &op, &policy) {
            Ok(changes) => {
                prop_assert_eq!(&changes, &ChangeSet::of(&user, &before, &after));
                // What is stored can be read again, and is what it was.
                let again = user.normalize(after.clone().into_map(), &policy);
                prop_assert!(again.is_ok(), "{:?}: {}", again, Value::from(after.clone()));
                for name in ["meta", "id", "groups"] {
                    prop_assert_eq!(before.get(name), after.get(name));
                }
                prop_assert!(after.text("userName").is_some_and(|name| !name.is_empty()));
                for name in ["title", "emails", "roles", "members"] {
                    prop_assert!(
                        before.get(name) == after.get(name) || user.patch_touches(&op, name, &policy)
                    );
                }
            }
            Err(error) => {
                prop_assert_eq!(&after, &before, "{}", error);
                prop_assert!(matches!(error.status().as_u16(), 400 | 413));
            }
        }
        let _ = ResourceType::group().member_delta(&op, &policy);
    }
}

// Members.

#[derive(Clone, Debug)]
enum Wish {
    Add(Vec<u8>, bool),
    Remove(Vec<u8>),
    RemoveByValue(Vec<u8>),
}

fn wish() -> impl Strategy<Value = Wish> {
    let some = || vec(0..12_u8, 0..4);
    prop_oneof![
        (some(), any::<bool>()).prop_map(|(ids, path)| Wish::Add(ids, path)),
        vec(0..12_u8, 1..4).prop_map(Wish::Remove),
        some().prop_map(Wish::RemoveByValue),
    ]
}

/// Odd ids are groups, as every client and the store agree.
fn member(id: u8, with_type: bool) -> Value {
    let mut member = json!({"value": id.to_string()});
    if with_type {
        member["type"] = json!(if id.is_multiple_of(2) { "User" } else { "Group" });
    }
    member
}

fn operation(wish: &Wish) -> PatchOperation {
    match wish {
        Wish::Add(ids, true) => PatchOperation::add(
            "members",
            ids.iter().map(|id| member(*id, id % 3 == 0)).collect::<Value>(),
        ),
        Wish::Add(ids, false) => PatchOperation::new(
            PatchOpKind::Add,
            None,
            Some(json!({"members": ids.iter().map(|id| member(*id, false)).collect::<Value>()})),
        ),
        Wish::Remove(ids) => {
            let terms: Vec<_> = ids.iter().map(|id| format!("value eq \"{id}\"")).collect();
            PatchOperation::remove(format!("members[{}]", terms.join(" or ")))
        }
        Wish::RemoveByValue(ids) => PatchOperation::new(
            PatchOpKind::Remove,
            Some("members".into()),
            Some(ids.iter().map(|id| member(*id, false)).collect()),
        ),
    }
}

fn ids_of(group: &Resource) -> BTreeSet<String> {
    let members = group.get("members").and_then(Value::as_array).into_iter().flatten();
    members.map(|member| member["value"].as_str().unwrap().to_owned()).collect()
}

proptest! {
    #[test]
    fn p37_delta_and_patch_leave_the_same_members(
        before in proptest::collection::btree_set(0..12_u8, 0..12),
        wishes in vec(wish(), 1..6),
    ) {
        let mut policy = Policy::strict();
        policy.patch.remove_value_selects = true;
        let ty = ResourceType::group();
        let members: Value = before.iter().map(|id| member(*id, true)).collect();
        let mut group: Resource = serde_json::from_value(json!({
            "schemas": ["urn:ietf:params:scim:schemas:core:2.0:Group"], "displayName": "g", "members": members,
        })).unwrap();
        let mut op = PatchOp::new();
        op.operations = wishes.iter().map(operation).collect();

        let delta = ty.member_delta(&op, &policy).unwrap().expect("members and nothing else");
        let mut rows = ids_of(&group);
        rows.extend(delta.add.iter().map(|member| member.value.to_string()));
        for id in &delta.remove {
            rows.remove(id.as_str());
        }
        // In no list twice, and in one list only.
        let named: BTreeSet<_> =
            delta.add.iter().map(|member| &member.value).chain(&delta.remove).collect();
        prop_assert_eq!(named.len(), delta.add.len() + delta.remove.len());

        let old = ids_of(&group);
        let changes = ty.patch(&mut group, &op, &policy).unwrap();
        prop_assert_eq!(&ids_of(&group), &rows);
        // What the general engine says has changed is that part of the delta which had an effect.
        let added: BTreeSet<_> = changes.members.add.iter().map(|m| m.value.to_string()).collect();
        let removed: BTreeSet<_> = changes.members.remove.iter().map(ToString::to_string).collect();
        prop_assert_eq!(added, rows.difference(&old).cloned().collect());
        prop_assert_eq!(removed, old.difference(&rows).cloned().collect());
    }

    #[test]
    fn sec_17_only_named_members_come_and_go(requests in vec(vec(wish(), 1..4), 1..8)) {
        let mut policy = Policy::strict();
        policy.patch.remove_value_selects = true;
        let ty = ResourceType::group();
        let mut oracle: BTreeSet<String> = (0..250).map(|id| id.to_string()).collect();
        let members: Value = oracle.iter().map(|id| json!({"value": id})).collect();
        let mut group: Resource = serde_json::from_value(json!({
            "schemas": ["urn:ietf:params:scim:schemas:core:2.0:Group"], "displayName": "g", "members": members,
        })).unwrap();
        for wishes in &requests {
            for wish in wishes {
                match wish {
                    Wish::Add(ids, _) => oracle.extend(ids.iter().map(ToString::to_string)),
                    Wish::Remove(ids) | Wish::RemoveByValue(ids) => {
                        oracle.retain(|id| !ids.iter().any(|gone| gone.to_string() == *id));
                    }
                }
            }
            let mut op = PatchOp::new();
            op.operations = wishes.iter().map(operation).collect();
            ty.patch(&mut group, &op, &policy).unwrap();
            prop_assert_eq!(&ids_of(&group), &oracle);
        }
    }
}
