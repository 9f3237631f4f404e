//! PATCH: RFC 7644 §3.5.2 sentence by sentence, and the P rulings.

use scim2_core::change::{ChangeSet, Member};
use scim2_core::patch_op::{PatchOp, PatchOpKind, PatchOperation};
use scim2_core::policy::{
    ComplexReplace, Policy, ReadOnly, RemoveUnmatched, SelectedReplace, UnknownAttributes,
    UnknownPath, UnmatchedFilter,
};
use scim2_core::schema::Schema;
use scim2_core::{Error, Resource, ResourceType, ScimType};
use serde_json::{Map, Value, json};

const USER: &str = "urn:ietf:params:scim:schemas:core:2.0:User";
const GROUP: &str = "urn:ietf:params:scim:schemas:core:2.0:Group";
const ENTERPRISE: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";
const PATCH_OP: &str = "urn:ietf:params:scim:api:messages:2.0:PatchOp";

/// One case: a resource type, a policy, a resource.
#[derive(Clone, Debug)]
struct Case {
    ty: ResourceType,
    policy: Policy,
    resource: Resource,
}

impl Case {
    fn new(ty: ResourceType, resource: Value) -> Self {
        let Value::Object(map) = resource else { panic!("not a resource") };
        let policy = Policy::strict();
        let resource = ty.normalize(map, &policy).unwrap();
        Self { ty, policy, resource }
    }

    fn with(mut self, change: impl FnOnce(&mut Policy)) -> Self {
        change(&mut self.policy);
        self
    }

    /// Applies operations as they stand in a body.
    #[track_caller]
    fn try_patch(&self, operations: Value) -> Result<(Self, ChangeSet), Error> {
        let body = json!({"schemas": [PATCH_OP], "Operations": operations}).to_string();
        let op = PatchOp::from_slice(body.as_bytes(), &self.policy)?;
        let mut after = self.clone();
        let result = self.ty.patch(&mut after.resource, &op, &self.policy);
        if result.is_err() {
            assert_eq!(after.resource, self.resource, "a PATCH that fails changes nothing");
        }
        result.map(|changes| {
            assert_eq!(changes.is_empty(), after.resource == self.resource);
            assert_eq!(changes, ChangeSet::of(&self.ty, &self.resource, &after.resource));
            (after, changes)
        })
    }

    #[track_caller]
    fn patch(&self, operations: Value) -> Self {
        self.try_patch(operations).unwrap().0
    }

    /// Applies one operation.
    #[track_caller]
    fn add(&self, path: &str, value: Value) -> Self {
        self.patch(json!([{"op": "add", "path": path, "value": value}]))
    }

    #[track_caller]
    fn replace(&self, path: &str, value: Value) -> Self {
        self.patch(json!([{"op": "replace", "path": path, "value": value}]))
    }

    #[track_caller]
    fn remove(&self, path: &str) -> Self {
        self.patch(json!([{"op": "remove", "path": path}]))
    }

    #[track_caller]
    fn is(&self, pointer: &str, expected: Value) -> &Self {
        let document = Value::from(self.resource.clone());
        assert_eq!(document.pointer(pointer).cloned().unwrap_or_default(), expected, "{pointer}");
        self
    }

    /// The `scimType` with which operations are refused; the status is 400.
    #[track_caller]
    fn refusal(&self, operations: Value) -> String {
        let Err(error) = self.try_patch(operations.clone()) else {
            panic!("{operations} was accepted");
        };
        assert_eq!(error.status(), 400, "{error}");
        error.scim_type().unwrap().to_string()
    }

    #[track_caller]
    fn refuses(&self, op: &str, path: &str, value: Value, scim_type: &str) {
        let operation = match value {
            Value::Null if op == "remove" => json!({"op": op, "path": path}),
            value => json!({"op": op, "path": path, "value": value}),
        };
        let refusal = self.refusal(json!([operation.clone()]));
        assert_eq!(refusal, scim_type, "{operation}");
    }
}

fn user(more: Value) -> Case {
    let mut resource = json!({"schemas": [USER], "id": "1", "userName": "bjensen"});
    merge(&mut resource, more);
    if resource.get(ENTERPRISE).is_some() {
        resource["schemas"] = json!([USER, ENTERPRISE]);
    }
    Case::new(ResourceType::user(), resource)
}

fn group(members: &[&str]) -> Case {
    let members: Vec<Value> = members.iter().map(|id| json!({"value": id})).collect();
    Case::new(
        ResourceType::group(),
        json!({"schemas": [GROUP], "id": "g", "displayName": "Guides", "members": members}),
    )
}

fn merge(object: &mut Value, more: Value) {
    let Value::Object(more) = more else { panic!("not an object") };
    object.as_object_mut().unwrap().extend(more);
}

fn emails() -> Case {
    user(json!({"emails": [
        {"value": "babs@work.org", "type": "work", "primary": true},
        {"value": "babs@home.org", "type": "home"},
        {"value": "b@other.org", "type": "other", "primary": false},
    ]}))
}

/// A resource type with everything that the standard ones lack.
fn badge(more: Value) -> Case {
    let schema = json!({"id": "urn:example:Badge", "attributes": [
        {"name": "serial", "mutability": "immutable"},
        {"name": "owner", "required": true},
        {"name": "tags", "multiValued": true, "caseExact": true},
        {"name": "doors", "multiValued": true, "required": true},
        {"name": "stamps", "multiValued": true, "mutability": "immutable"},
        {"name": "issued", "mutability": "readOnly"},
        {"name": "photo", "type": "complex", "subAttributes": [
            {"name": "value", "required": true}, {"name": "width", "type": "integer"},
            {"name": "hash", "mutability": "readOnly"}, {"name": "camera", "mutability": "immutable"},
            {"name": "labels", "multiValued": true}]},
        {"name": "origin", "type": "complex", "mutability": "immutable", "subAttributes": [
            {"name": "country"}, {"name": "plant"}]},
        {"name": "logs", "type": "complex", "multiValued": true, "subAttributes": [
            {"name": "value"}, {"name": "type"}, {"name": "at", "type": "dateTime"},
            {"name": "seen", "mutability": "readOnly"}, {"name": "code", "type": "integer"}]},
        {"name": "seal", "type": "binary", "multiValued": true},
    ]});
    let schema: Schema = serde_json::from_value(schema).unwrap();
    let extension: Schema = serde_json::from_value(json!({"id": "urn:example:ext:Lock",
        "attributes": [{"name": "level", "type": "integer"},
            {"name": "checked", "mutability": "readOnly"}]}))
    .unwrap();
    let mut resource =
        json!({"schemas": ["urn:example:Badge"], "id": "1", "owner": "o", "doors": ["front"]});
    merge(&mut resource, more);
    let ty = ResourceType::new("Badge", "/Badges", schema).with_extension(extension);
    Case::new(ty, resource)
}

// The message.

fn read(body: Value) -> Result<PatchOp, Error> {
    PatchOp::from_slice(body.to_string().as_bytes(), &Policy::strict())
}

#[track_caller]
fn is_invalid_syntax(body: Value) {
    let error = read(body.clone()).unwrap_err();
    assert_eq!(
        (error.status().as_u16(), error.scim_type().unwrap().as_str()),
        (400, "invalidSyntax"),
        "{body}"
    );
}

#[test]
fn p01_op_is_read_in_any_case_and_written_in_lower_case() {
    let op = read(json!({"schemas": [PATCH_OP], "Operations": [
        {"op": "Add", "path": "title", "value": "x"},
        {"op": "REPLACE", "path": "title", "value": "y"},
        {"op": "rEmOvE", "path": "title"},
    ]}))
    .unwrap();
    let kinds: Vec<_> = op.operations.iter().map(|operation| operation.op).collect();
    assert_eq!(kinds, [PatchOpKind::Add, PatchOpKind::Replace, PatchOpKind::Remove]);
    let written = serde_json::to_value(&op).unwrap();
    assert_eq!(written["Operations"][0]["op"], "add");
    assert_eq!(written["Operations"][2], json!({"op": "remove", "path": "title"}));
}

#[test]
fn p02_members_are_read_in_any_case() {
    let body = br#"{"SCHEMAS": ["urn:ietf:params:scim:api:messages:2.0:patchop"],
        "operations": [{"OP": "add", "Path": "title", "VALUE": "x"}]}"#;
    let op = PatchOp::from_slice(body, &Policy::strict()).unwrap();
    assert_eq!(op, PatchOp::new().add("title", "x"));
}

#[test]
fn p02_members_that_differ_in_case_alone_are_refused() {
    for body in [
        r#"{"schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"],
            "Operations": [{"op": "add", "Op": "remove", "path": "title"}]}"#,
        r#"{"schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"],
            "Operations": [{"op": "remove", "path": "title"}], "operations": []}"#,
    ] {
        let error = PatchOp::from_slice(body.as_bytes(), &Policy::strict()).unwrap_err();
        assert_eq!(error.scim_type().unwrap().as_str(), "invalidSyntax");
    }
    // Also when the JSON was parsed elsewhere.
    let twice: Map<String, Value> =
        [("Operations".into(), json!([])), ("operations".into(), json!([]))].into_iter().collect();
    assert!(PatchOp::from_map(twice, &Policy::strict()).is_err());
}

#[test]
fn r44_3_5_2_03_body_has_the_patch_op_urn() {
    let operations = json!([{"op": "remove", "path": "title"}]);
    is_invalid_syntax(json!({"Operations": operations}));
    is_invalid_syntax(json!({"schemas": [], "Operations": operations}));
    is_invalid_syntax(json!({"schemas": [USER], "Operations": operations}));
    is_invalid_syntax(json!({"schemas": PATCH_OP, "Operations": operations}));
}

#[test]
fn p03_missing_urn_is_accepted_by_option_and_more_urns_always() {
    let operations = json!([{"op": "remove", "path": "title"}]);
    assert!(read(json!({"schemas": ["urn:x", PATCH_OP], "Operations": operations})).is_ok());
    let mut policy = Policy::strict();
    policy.messages.schemas_optional = true;
    let body = json!({"Operations": operations}).to_string();
    assert!(PatchOp::from_slice(body.as_bytes(), &policy).is_ok());
}

#[test]
fn r44_3_5_2_04_operations_is_an_array_of_one_or_more() {
    is_invalid_syntax(json!({"schemas": [PATCH_OP]}));
    is_invalid_syntax(json!({"schemas": [PATCH_OP], "Operations": []}));
    is_invalid_syntax(json!({"schemas": [PATCH_OP], "Operations": {"op": "add"}}));
    is_invalid_syntax(json!({"schemas": [PATCH_OP], "Operations": ["add"]}));
    is_invalid_syntax(json!({"schemas": [PATCH_OP], "Operations": null}));
}

#[test]
fn r44_3_5_2_05_each_operation_has_one_op() {
    for operation in [
        json!({"path": "title", "value": "x"}),
        json!({"op": "copy", "path": "title"}),
        json!({"op": "", "path": "title"}),
        json!({"op": null, "path": "title"}),
        json!({"op": ["add"], "path": "title", "value": "x"}),
    ] {
        is_invalid_syntax(json!({"schemas": [PATCH_OP], "Operations": [operation]}));
    }
}

#[test]
fn r44_3_5_2_02_there_is_no_move_and_no_array_index() {
    for op in ["move", "copy", "test"] {
        is_invalid_syntax(
            json!({"schemas": [PATCH_OP], "Operations": [{"op": op, "path": "title"}]}),
        );
    }
    emails().refuses("replace", "emails[0]", json!({"value": "x"}), "invalidPath");
}

#[test]
fn p04_path_that_is_no_string_is_invalid_syntax() {
    for path in [json!(1), json!(["title"]), json!({})] {
        is_invalid_syntax(json!({"schemas": [PATCH_OP],
            "Operations": [{"op": "remove", "path": path}]}));
    }
}

#[test]
fn p04_each_fault_has_its_scim_type() {
    let user = emails();
    user.refuses("replace", "title..x", json!("x"), "invalidPath");
    user.refuses("replace", "no title", json!("x"), "invalidPath");
    user.refuses("replace", "titel", json!("x"), "invalidPath");
    user.refuses("replace", "name.nick", json!("x"), "invalidPath");
    user.refuses("replace", "urn:example:2.0:User:title", json!("x"), "invalidPath");
    user.refuses("replace", "emails[type eq]", json!({}), "invalidFilter");
    user.refuses("replace", "emails[type eq \"work\"", json!({}), "invalidPath");
    user.refuses("replace", "emails[kind eq \"work\"].value", json!("x"), "invalidFilter");
    user.refuses("replace", "emails[type eq \"work\"].kind", json!("x"), "invalidPath");
    user.refuses("replace", "title", json!(["x"]), "invalidValue");
}

#[test]
fn p04_unknown_path_is_no_target_by_option() {
    let user = user(json!({})).with(|policy| policy.patch.unknown_path = UnknownPath::NoTarget);
    user.refuses("replace", "titel", json!("x"), "noTarget");
    user.refuses("replace", "emails[type eq \"work\"].kind", json!("x"), "noTarget");
    user.refuses("replace", "title..x", json!("x"), "invalidPath");
}

#[test]
fn p05_null_path_is_none_and_empty_path_is_invalid() {
    let user = user(json!({}));
    user.patch(json!([{"op": "add", "path": null, "value": {"title": "x"}}]))
        .is("/title", json!("x"));
    user.refuses("add", "", json!({"title": "x"}), "invalidPath");
    user.with(|policy| policy.patch.empty_path_is_absent = true)
        .add("", json!({"title": "x"}))
        .is("/title", json!("x"));
}

#[test]
fn debug_of_a_message_shows_no_values() {
    let op = PatchOp::new()
        .replace(r#"emails[value eq "secret@x.org"].display"#, "secret name")
        .add("title", "secret");
    let text = format!("{op:?}");
    assert!(!text.contains("secret"), "{text}");
    assert!(text.contains("emails[…].display"), "{text}");
    let member = Member::from_value(&json!({"value": "1", "display": "secret"})).unwrap();
    assert!(!format!("{member:?}").contains("secret"));
}

// Paths, and values without them.

#[test]
fn r44_3_5_2_06_path_is_optional_but_for_remove() {
    let user = user(json!({"title": "x"}));
    user.patch(json!([{"op": "add", "value": {"nickName": "B"}}])).is("/nickName", json!("B"));
    user.patch(json!([{"op": "replace", "value": {"title": "y"}}])).is("/title", json!("y"));
    assert_eq!(user.refusal(json!([{"op": "remove"}])), "noTarget");
}

#[test]
fn r44_3_5_2_07_path_is_an_attribute_or_a_value_path() {
    let user = emails();
    user.replace("title", json!("x")).is("/title", json!("x"));
    user.replace("name.givenName", json!("x")).is("/name/givenName", json!("x"));
    user.replace("emails[type eq \"work\"].display", json!("x"))
        .is("/emails/0/display", json!("x"));
    user.remove("emails[type eq \"home\"]").is("/emails/1/type", json!("other"));
    user.replace(&format!("{USER}:title"), json!("x")).is("/title", json!("x"));
    user.replace(&format!("{ENTERPRISE}:department"), json!("x"))
        .is(&format!("/{ENTERPRISE}/department"), json!("x"));
    user.replace(&format!("{ENTERPRISE}:manager.value"), json!("x"))
        .is(&format!("/{ENTERPRISE}/manager/value"), json!("x"));
    user.replace(&format!("{USER}:emails[type eq \"work\"].value"), json!("x"))
        .is("/emails/0/value", json!("x"));
}

#[test]
fn paths_match_in_any_case_and_keys_keep_the_spelling_of_the_schema() {
    let user = emails();
    let path = format!("{}:EMPLOYEENUMBER", ENTERPRISE.to_uppercase());
    user.add(&path, json!("7")).is(&format!("/{ENTERPRISE}/employeeNumber"), json!("7"));
    user.add("NICKNAME", json!("B")).is("/nickName", json!("B"));
    user.replace("EMAILS[TYPE EQ \"WORK\"].VALUE", json!("x")).is("/emails/0/value", json!("x"));
    user.patch(
        json!([{"op": "add", "value": {"DISPLAYNAME": "B", "NAME": {"GIVENNAME": "Barb"}}}]),
    )
    .is("/displayName", json!("B"))
    .is("/name/givenName", json!("Barb"));
}

#[test]
fn f08_dot_after_the_urn_is_read_by_option() {
    let user = user(json!({}));
    let path = format!("{ENTERPRISE}.department");
    user.refuses("add", &path, json!("x"), "invalidPath");
    user.with(|policy| policy.path.dot_after_urn = true)
        .add(&path, json!("x"))
        .is(&format!("/{ENTERPRISE}/department"), json!("x"));
}

#[test]
fn f28_filter_behind_a_singular_attribute_is_an_invalid_path() {
    let user = user(json!({"name": {"givenName": "x"}}));
    user.refuses("replace", "name[givenName eq \"x\"].familyName", json!("y"), "invalidPath");
    user.refuses("remove", "userName[value eq \"x\"]", Value::Null, "invalidPath");
    user.refuses("remove", "name.givenName[value eq \"x\"]", Value::Null, "invalidPath");
}

#[test]
fn f29_filter_selects_simple_values_by_value() {
    let badge = badge(json!({"tags": ["a", "b", "c"]}));
    badge.remove("tags[value eq \"b\"]").is("/tags", json!(["a", "c"]));
    badge.replace("tags[value eq \"b\"]", json!("B")).is("/tags", json!(["a", "B", "c"]));
    badge.refuses("replace", "tags[value eq \"b\"].value", json!("x"), "invalidPath");
}

#[test]
fn p06_extension_urn_as_path_is_like_a_complex_attribute() {
    let user = user(json!({ENTERPRISE: {"department": "Tours", "costCenter": "7"}}));
    for op in ["add", "replace"] {
        user.patch(json!([{"op": op, "path": ENTERPRISE, "value": {"department": "Sales"}}]))
            .is(&format!("/{ENTERPRISE}"), json!({"department": "Sales", "costCenter": "7"}));
        user.patch(json!([{"op": op, "path": ENTERPRISE, "value": {}}]))
            .is(&format!("/{ENTERPRISE}/department"), json!("Tours"));
        user.refuses(op, ENTERPRISE, json!("x"), "invalidValue");
    }
    // scim2-client repeats the extension's URN inside it.
    let repeated = json!({"schemas": [ENTERPRISE], "department": "Sales"});
    user.replace(ENTERPRISE, repeated)
        .is(&format!("/{ENTERPRISE}"), json!({"department": "Sales", "costCenter": "7"}));
    user.refuses("add", ENTERPRISE, json!({"schemas": [USER]}), "invalidValue");
    user.replace(ENTERPRISE, json!({"department": null}))
        .is(&format!("/{ENTERPRISE}"), json!({"costCenter": "7"}));
    let without = user.remove(ENTERPRISE);
    without.is(&format!("/{ENTERPRISE}"), Value::Null).is("/schemas", json!([USER]));
    without.remove(ENTERPRISE).is("/schemas", json!([USER]));
    user.replace(ENTERPRISE, Value::Null).is("/schemas", json!([USER]));
    user.refuses("add", ENTERPRISE, Value::Null, "invalidValue");
    user.refuses(
        "replace",
        &format!("{ENTERPRISE}[department eq \"x\"]"),
        json!({}),
        "invalidPath",
    );
}

#[test]
fn p07_value_without_path_is_an_object_of_attributes() {
    let user = user(json!({"title": "x"}));
    for value in [json!("x"), json!(["title"]), json!(1), Value::Null] {
        for op in ["add", "replace"] {
            assert_eq!(user.refusal(json!([{"op": op, "value": value}])), "invalidValue");
        }
    }
    assert_eq!(user.refusal(json!([{"op": "add"}])), "invalidValue");
    user.patch(json!([{"op": "replace", "value": {}}])).is("/title", json!("x"));
}

#[test]
fn p07_value_without_path_is_atomic() {
    let user = user(json!({"title": "x"}));
    let operations = json!([{"op": "replace", "value": {"title": "y", "userType": 1}}]);
    assert_eq!(user.refusal(operations), "invalidValue");
}

#[test]
fn p08_keys_may_be_attribute_paths() {
    let user = user(json!({"name": {"familyName": "Jensen"}}));
    let department = format!("{ENTERPRISE}:department");
    let manager = format!("{ENTERPRISE}:manager.value");
    user.patch(json!([{"op": "replace", "value": {
        "name.givenName": "Barbara", department: "Tours", manager: "26118915",
    }}]))
    .is("/name", json!({"familyName": "Jensen", "givenName": "Barbara"}))
    .is(&format!("/{ENTERPRISE}"), json!({"department": "Tours", "manager": {"value": "26118915"}}))
    .is("/schemas", json!([USER, ENTERPRISE]));
}

#[test]
fn p08_extension_object_is_a_key_too() {
    let user = user(json!({ENTERPRISE: {"costCenter": "7"}}));
    user.patch(json!([{"op": "add", "value": {ENTERPRISE: {"department": "Tours", "manager.value": "9"}}}]))
        .is(&format!("/{ENTERPRISE}"), json!({"costCenter": "7", "department": "Tours", "manager": {"value": "9"}}));
    assert_eq!(
        user.refusal(json!([{"op": "add", "value": {ENTERPRISE: {"userName": "x"}}}])),
        "invalidValue"
    );
}

#[test]
fn p08_value_paths_are_keys_by_option() {
    let user = emails();
    let operations = json!([{"op": "replace", "value": {"emails[type eq \"work\"].value": "x"}}]);
    assert_eq!(user.refusal(operations.clone()), "invalidValue");
    // They are not dropped in silence where unknown attributes are.
    let ignoring = user.clone().with(|p| p.unknown_attributes = UnknownAttributes::Ignore);
    assert_eq!(ignoring.refusal(operations.clone()), "invalidValue");
    user.with(|policy| policy.patch.value_path_keys = true)
        .patch(operations)
        .is("/emails/0/value", json!("x"));
}

#[test]
fn p28_index_and_third_level_are_invalid_paths() {
    let user = emails();
    for path in
        ["emails[0]", "emails[0].value", "emails[*]", "emails/0", "name.givenName.x", "emails.0"]
    {
        user.refuses("replace", path, json!("x"), "invalidPath");
        user.refuses("remove", path, Value::Null, "invalidPath");
    }
}

#[test]
fn p36_unknown_attributes_in_a_value_are_refused_or_dropped() {
    let user = user(json!({}));
    let operations = [
        json!([{"op": "add", "value": {"title": "x", "nosuch": "y"}}]),
        json!([{"op": "add", "value": {"title": "x", "name": {"nosuch": "y"}}}]),
        json!([{"op": "add", "value": {"title": "x", "name.nosuch": "y"}}]),
        json!([{"op": "add", "value": {"title": "x", "urn:example:ext:nosuch": {"a": 1}}}]),
        json!([{"op": "add", "value": {"title": "x", "no such": "y"}}]),
        json!([{"op": "add", "value": {"title": "x"}},
            {"op": "add", "path": "emails", "value": [{"nosuch": "y"}]}]),
    ];
    let ignoring = user.clone().with(|p| p.unknown_attributes = UnknownAttributes::Ignore);
    for operations in operations {
        assert_eq!(user.refusal(operations.clone()), "invalidValue");
        let after = ignoring.patch(operations);
        let keys: Vec<_> = after.resource.as_map().keys().collect();
        assert_eq!(keys, ["id", "schemas", "title", "userName"]);
    }
    user.with(|policy| policy.unknown_attributes = UnknownAttributes::Keep)
        .patch(json!([{"op": "add", "value": {"shoeSize": 43}}]))
        .is("/shoeSize", json!(43));
}

#[test]
fn p36_what_is_ignored_clears_nothing() {
    let emails = json!([{"value": "b@example.com"}]);
    let name = json!({"givenName": "Barbara"});
    let user = user(json!({"emails": emails, "name": name}))
        .with(|policy| policy.unknown_attributes = UnknownAttributes::Ignore);
    for (path, value) in [
        ("emails", json!([{"nosuch": "y"}])),
        ("emails", json!({"nosuch": "y"})),
        ("name", json!({"nosuch": "y"})),
    ] {
        let add = json!([{"op": "add", "path": path, "value": value}]);
        user.patch(add).is("/emails", emails.clone()).is("/name", name.clone());
        user.refuses("replace", path, value, "invalidValue");
    }
    user.refuses("replace", "emails[value pr]", json!({"nosuch": "y"}), "invalidValue");
    let group = group(&["1"]).with(|policy| policy.unknown_attributes = UnknownAttributes::Ignore);
    for value in [json!([{"id": "2"}]), json!([{"value": ""}])] {
        group
            .patch(json!([{"op": "add", "path": "members", "value": value}]))
            .is("/members", json!([{"value": "1"}]));
        group.refuses("replace", "members", value, "invalidValue");
    }
}

// add (RFC 7644 §3.5.2.1)

#[test]
fn r44_3_5_2_1_01_add_needs_a_value() {
    let user = user(json!({}));
    assert_eq!(user.refusal(json!([{"op": "add", "path": "title"}])), "invalidValue");
    assert_eq!(user.refusal(json!([{"op": "replace", "path": "title"}])), "invalidValue");
}

#[test]
fn r44_3_5_2_1_02_add_without_path_adds_attributes() {
    // The example of RFC 7644 §3.5.2.1.
    let user = user(json!({"emails": [{"value": "bjensen@example.com", "type": "work"}]}));
    user.patch(json!([{"op": "add", "value": {
        "emails": [{"value": "babs@jensen.org", "type": "home"}], "nickname": "Babs"}}]))
        .is("/emails/0/type", json!("work"))
        .is("/emails/1", json!({"value": "babs@jensen.org", "type": "home"}))
        .is("/nickName", json!("Babs"));
}

#[test]
fn r44_3_5_2_1_03_add_creates_what_is_not_there() {
    let user = user(json!({}));
    user.add("title", json!("Guide")).is("/title", json!("Guide"));
    user.add("name.givenName", json!("Barb")).is("/name", json!({"givenName": "Barb"}));
    user.add("emails", json!([{"value": "b@x.org"}])).is("/emails", json!([{"value": "b@x.org"}]));
}

#[test]
fn r44_3_5_2_1_04_add_to_a_complex_attribute_sets_sub_attributes() {
    let user = user(json!({"name": {"familyName": "Jensen", "givenName": "B"}}));
    user.add("name", json!({"givenName": "Barbara", "middleName": "Jane"}))
        .is("/name", json!({"familyName": "Jensen", "givenName": "Barbara", "middleName": "Jane"}));
    user.refuses("add", "name", json!("Barbara"), "invalidValue");
}

#[test]
fn r44_3_5_2_1_05_add_to_a_multi_valued_attribute_appends() {
    let user = emails();
    let after = user.add("emails", json!([{"value": "4@x.org"}, {"value": "5@x.org"}]));
    after.is("/emails/3", json!({"value": "4@x.org"})).is("/emails/4", json!({"value": "5@x.org"}));
    badge(json!({"tags": ["a"]}))
        .add("tags", json!(["b", "c"]))
        .is("/tags", json!(["a", "b", "c"]));
}

#[test]
fn r44_3_5_2_1_06_add_to_a_single_valued_attribute_replaces() {
    let user = user(json!({"title": "Guide", "active": true}));
    user.add("title", json!("Driver")).is("/title", json!("Driver"));
    user.add("active", json!(false)).is("/active", json!(false));
}

#[test]
fn r44_3_5_2_1_07_add_of_what_is_there_changes_nothing() {
    let group = group(&["1", "2"]);
    let (_, changes) = group
        .try_patch(json!([
            {"op": "add", "path": "members", "value": [{"value": "2", "display": "Two"}]},
            {"op": "add", "path": "displayName", "value": "Guides"},
        ]))
        .unwrap();
    assert!(changes.is_empty());
}

#[test]
fn r44_3_5_2_1_08_no_change_is_told() {
    // Version and lastModified are the store's; it knows from an empty change set.
    let user = emails();
    for operation in [
        json!({"op": "replace", "path": "userName", "value": "bjensen"}),
        json!({"op": "remove", "path": "title"}),
        json!({"op": "remove", "path": "emails[type eq \"fax\"]"}),
        json!({"op": "add", "path": "emails", "value": []}),
        json!({"op": "add", "path": "emails", "value": {"value": "BABS@home.org", "type": "HOME"}}),
        json!({"op": "add", "path": "schemas", "value": [ENTERPRISE]}),
        json!({"op": "add", "value": {}}),
    ] {
        let (_, changes) = user.try_patch(json!([operation.clone()])).unwrap();
        assert_eq!(changes, ChangeSet::default(), "{operation}");
    }
}

#[test]
fn p14_equal_elements_are_not_added_twice() {
    let user = emails();
    for equal in [
        json!({"value": "babs@home.org", "type": "home"}),
        json!({"value": "BABS@HOME.ORG", "type": "Home"}),
        json!({"value": "babs@home.org", "type": "home", "primary": false}),
    ] {
        user.add("emails", json!([equal])).is("/emails/3", Value::Null);
    }
    let two = user.add("emails", json!([{"value": "babs@home.org", "type": "work"}]));
    two.is("/emails/3/type", json!("work"));
    let badge = badge(json!({"tags": ["a"], "seal": ["AAEC"]}));
    badge.add("tags", json!(["a", "A", "A"])).is("/tags", json!(["a", "A"]));
    badge.add("seal", json!(["AAEC", "__79"])).is("/seal", json!(["AAEC", "//79"]));
}

#[test]
fn p14_same_type_and_value_update_the_element() {
    let user = emails();
    user.add("emails", json!({"value": "babs@home.org", "type": "home", "display": "Babs"}))
        .is("/emails/1", json!({"value": "babs@home.org", "type": "home", "display": "Babs"}))
        .is("/emails/3", Value::Null);
    user.add("emails", json!({"value": "babs@home.org", "type": "home", "primary": true}))
        .is("/emails/0/primary", json!(false))
        .is("/emails/1/primary", json!(true))
        .is("/emails/3", Value::Null);
}

#[test]
fn p14_references_are_equal_by_value_and_type() {
    let group = Case::new(
        ResourceType::group(),
        json!({"schemas": [GROUP], "displayName": "g",
            "members": [{"value": "1", "type": "User"}, {"value": "2"}]}),
    );
    group
        .add("members", json!([{"value": "1"}, {"value": "2", "type": "Group", "display": "x"}]))
        .is("/members", json!([{"value": "1", "type": "User"}, {"value": "2"}]));
}

#[test]
fn p37_a_member_of_another_type_is_there_already() {
    for others in [0, 100] {
        let mut members = vec![json!({"value": "1", "type": "User"})];
        members.extend((0..others).map(|i| json!({"value": format!("m{i}")})));
        let group = Case::new(
            ResourceType::group(),
            json!({"schemas": [GROUP], "displayName": "g", "members": members}),
        );
        let value = json!([{"value": "1", "type": "Group"}]);
        group
            .patch(json!([
                {"op": "add", "path": "members", "value": value},
                {"op": "replace", "path": "displayName", "value": "g"},
            ]))
            .is("/members", json!(members));
    }
}

#[test]
fn p14_many_elements_are_compared_like_few() {
    let user = user(json!({"emails": (0..100)
        .map(|i| json!({"value": format!("u{i}@x.org"), "type": "work"}))
        .collect::<Value>()}));
    let after = user.add(
        "emails",
        json!([
            {"value": "U50@X.ORG", "type": "work"},
            {"value": "u60@x.org", "type": "work", "display": "Sixty"},
            {"value": "new@x.org", "type": "work"},
        ]),
    );
    after.is("/emails/60/display", json!("Sixty")).is("/emails/100/value", json!("new@x.org"));
    after.is("/emails/101", Value::Null);

    let addresses =
        user.add("addresses", (0..100).map(|i| json!({"locality": format!("L{i}")})).collect());
    addresses
        .add("addresses", json!([{"locality": "l7", "primary": false}, {"locality": "new"}]))
        .is("/addresses/100/locality", json!("new"))
        .is("/addresses/101", Value::Null);

    let logs: Value = (0..100)
        .map(|i| json!({"at": format!("2020-01-01T00:00:{:02}Z", i % 60), "code": i}))
        .collect();
    let badge = badge(json!({"logs": logs}));
    badge
        .add("logs", json!([{"at": "2020-01-01T01:00:07+01:00", "code": 7}]))
        .is("/logs/100", Value::Null);
}

#[test]
fn p10_add_to_what_no_filter_selects_is_no_target() {
    let user = emails();
    user.refuses("add", "emails[type eq \"fax\"].value", json!("x"), "noTarget");
    user.refuses("add", "emails[type eq \"fax\"]", json!({"value": "x"}), "noTarget");
    user.refuses("add", "phoneNumbers[type eq \"fax\"].value", json!("x"), "noTarget");
}

#[test]
fn p11_add_reaches_all_selected_values() {
    let user =
        user(json!({"emails": [{"value": "a", "type": "work"}, {"value": "b", "type": "work"}]}));
    user.add("emails[type eq \"work\"].display", json!("x"))
        .is("/emails/0/display", json!("x"))
        .is("/emails/1/display", json!("x"));
    user.add("emails[type eq \"work\"]", json!({"display": "x"}))
        .is("/emails/0", json!({"value": "a", "type": "work", "display": "x"}))
        .is("/emails/1", json!({"value": "b", "type": "work", "display": "x"}));
}

#[test]
fn p26_null_and_empty_array() {
    let user = emails().replace("title", json!("Guide"));
    for path in ["title", "emails", "name", "name.givenName", "emails[type eq \"work\"].value"] {
        user.refuses("add", path, Value::Null, "invalidValue");
    }
    user.add("emails", json!([])).is("/emails/2/type", json!("other"));
    user.replace("emails", json!([])).is("/emails", Value::Null);
    user.replace("emails", Value::Null).is("/emails", Value::Null);
    user.replace("title", Value::Null).is("/title", Value::Null);
    user.replace("emails[type eq \"work\"].display", Value::Null)
        .is("/emails/0/type", json!("work"));
    user.replace("emails[type eq \"work\"]", Value::Null).is("/emails/0/type", json!("home"));
    user.patch(json!([{"op": "replace", "value": {"title": null, "emails": []}}]))
        .is("/title", Value::Null)
        .is("/emails", Value::Null);
    assert_eq!(user.refusal(json!([{"op": "add", "value": {"title": null}}])), "invalidValue");
}

// remove (RFC 7644 §3.5.2.2)

#[test]
fn r44_3_5_2_2_01_remove_without_path_is_no_target() {
    assert_eq!(user(json!({})).refusal(json!([{"op": "remove"}])), "noTarget");
}

#[test]
fn p23_remove_without_path_is_no_target_with_a_value_too() {
    let user = user(json!({"title": "x"}));
    assert_eq!(user.refusal(json!([{"op": "remove", "value": {"title": "x"}}])), "noTarget");
}

#[test]
fn r44_3_5_2_2_02_remove_unassigns_a_single_value() {
    let user = user(json!({"title": "x", "name": {"givenName": "B", "familyName": "J"}}));
    user.remove("title").is("/title", Value::Null);
    user.remove("name.givenName").is("/name", json!({"familyName": "J"}));
    user.remove("name").is("/name", Value::Null);
    user.remove("name.givenName").remove("name.familyName").is("/name", Value::Null);
}

#[test]
fn r44_3_5_2_2_03_remove_takes_all_values_of_a_multi_valued_attribute() {
    emails().remove("emails").is("/emails", Value::Null);
    group(&["1", "2"]).remove("members").is("/members", Value::Null);
}

#[test]
fn r44_3_5_2_2_04_remove_takes_the_values_that_match() {
    let user = emails();
    user.remove("emails[type eq \"work\" and value ew \"work.org\"]")
        .is("/emails/0/type", json!("home"));
    user.remove("emails[primary eq false]").is("/emails/1", Value::Null);
    user.remove("emails[value pr]").is("/emails", Value::Null);
    user.remove("emails[value eq \"BABS@HOME.ORG\"]").is("/emails/1/type", json!("other"));
    user.remove("emails[value eq \"babs@home.org\" or value eq \"b@other.org\"]")
        .is("/emails/1", Value::Null);
}

#[test]
fn r44_3_5_2_2_05_remove_unassigns_a_sub_attribute_of_the_values_that_match() {
    emails()
        .remove("emails[type eq \"home\"].type")
        .is("/emails/1", json!({"value": "babs@home.org"}))
        .is("/emails/0/type", json!("work"));
}

#[test]
fn r44_3_5_2_2_06_what_is_required_or_read_only_stays() {
    let user = user(json!({}));
    user.refuses("remove", "userName", Value::Null, "mutability");
    user.refuses("remove", "id", Value::Null, "mutability");
    user.refuses("remove", "meta", Value::Null, "mutability");
    user.refuses("remove", "groups", Value::Null, "mutability");
}

#[test]
fn p24_required_attributes_cannot_become_unassigned() {
    let user = user(json!({}));
    user.refuses("replace", "userName", Value::Null, "mutability");
    user.refuses("replace", "userName", json!(""), "mutability");
    assert_eq!(user.refusal(json!([{"op": "replace", "value": {"userName": null}}])), "mutability");
    // Not even for the time of one operation.
    assert_eq!(
        user.refusal(json!([{"op": "remove", "path": "userName"},
            {"op": "add", "path": "userName", "value": "babs"}])),
        "mutability"
    );
    let badge = badge(json!({"doors": ["front", "back"], "photo": {"value": "p", "width": 1}}));
    badge.remove("doors[value eq \"back\"]").is("/doors", json!(["front"]));
    badge.refuses("remove", "doors[value pr]", Value::Null, "mutability");
    badge.refuses(
        "remove",
        "doors[value eq \"back\" or value eq \"front\"]",
        Value::Null,
        "mutability",
    );
    badge.refuses("remove", "doors", Value::Null, "mutability");
    badge.refuses("replace", "doors", json!([]), "mutability");
    badge.refuses("remove", "photo.value", Value::Null, "mutability");
    badge.refuses("replace", "photo", json!({"value": null}), "mutability");
    badge.remove("photo").is("/photo", Value::Null);
}

#[test]
fn r44_3_5_2_2_07_remove_of_a_non_member_succeeds() {
    let group = group(&["1"]);
    let (_, changes) =
        group.try_patch(json!([{"op": "remove", "path": "members[value eq \"9\"]"}])).unwrap();
    assert!(changes.is_empty());
}

#[test]
fn p20_remove_with_a_value_is_refused() {
    let group = group(&["1", "2"]);
    for value in [json!([{"value": "1"}]), json!([]), json!({}), json!("1")] {
        group.refuses("remove", "members", value, "invalidValue");
    }
    user(json!({"title": "x"})).refuses("remove", "title", json!("x"), "invalidValue");
    emails().refuses("remove", "emails[type eq \"work\"]", json!([{"value": "x"}]), "invalidValue");
    // null is no value.
    group
        .patch(json!([{"op": "remove", "path": "members", "value": null}]))
        .is("/members", Value::Null);
}

#[test]
fn p20_remove_with_a_value_selects_by_option() {
    let group = group(&["1", "2", "3"]).with(|policy| policy.patch.remove_value_selects = true);
    let remove =
        |value: Value| group.patch(json!([{"op": "remove", "path": "members", "value": value}]));
    remove(json!([{"$ref": null, "value": "2"}]))
        .is("/members", json!([{"value": "1"}, {"value": "3"}]));
    remove(json!([{"value": "1"}, {"value": "9"}, {"value": "3"}]))
        .is("/members", json!([{"value": "2"}]));
    remove(json!({"value": "1"})).is("/members/0/value", json!("2"));
    remove(json!([{"value": "1", "display": "out of date"}])).is("/members/0/value", json!("2"));
    let user = emails().with(|policy| policy.patch.remove_value_selects = true);
    let remove = |path: &str, value: Value| {
        user.patch(json!([{"op": "remove", "path": path, "value": value}]))
    };
    remove("emails", json!([{"type": "work"}])).is("/emails/0/type", json!("home"));
    remove("emails", json!([{"type": "work", "value": "other"}]))
        .is("/emails/2/type", json!("other"));
    remove("emails", json!([{"type": "home"}, {"value": "b@other.org"}]))
        .is("/emails/1", Value::Null);
    remove("emails[type eq \"work\"]", json!([{"value": "other"}]))
        .is("/emails/2/type", json!("other"));
    remove("emails[type eq \"work\"].value", json!("BABS@work.org"))
        .is("/emails/0/value", Value::Null);
    remove("emails[type eq \"work\"].value", json!("other"))
        .is("/emails/0/value", json!("babs@work.org"));
    remove("userName", json!("other")).is("/userName", json!("bjensen"));
    badge(json!({"tags": ["a", "b"]}))
        .with(|policy| policy.patch.remove_value_selects = true)
        .patch(json!([{"op": "remove", "path": "tags", "value": "a"}]))
        .is("/tags", json!(["b"]));
}

#[test]
fn sec_17_remove_with_a_value_never_empties_a_group() {
    let strict = group(&["1", "2"]);
    let selecting = strict.clone().with(|policy| policy.patch.remove_value_selects = true);
    let lenient = strict.clone().with(|policy| *policy = Policy::lenient());
    for value in [
        json!([]),
        json!({}),
        json!([{}]),
        json!([null]),
        json!(""),
        json!([""]),
        json!([[]]),
        json!([{"value": null}]),
        json!([{"value": ""}]),
        json!([{"$ref": null}]),
        json!([{"display": "nobody"}]),
        json!([{"value": "9"}]),
        json!({"members": []}),
        json!({"members": [{"value": "9"}]}),
        json!(false),
        json!("9"),
        json!([["9"]]),
    ] {
        for case in [&strict, &selecting, &lenient] {
            let result =
                case.try_patch(json!([{"op": "remove", "path": "members", "value": value}]));
            if let Ok((after, _)) = result {
                assert_eq!(after.resource, case.resource, "{value}");
            }
        }
    }
}

#[test]
fn p21_remove_that_selects_nothing_succeeds_unless_the_policy_says_no_target() {
    let user = emails();
    user.remove("emails[type eq \"fax\"]").is("/emails/2/type", json!("other"));
    user.remove("emails[type eq \"fax\"].value").is("/emails/2/type", json!("other"));
    user.remove("phoneNumbers[type eq \"fax\"]");
    let user = user.with(|policy| policy.patch.remove_unmatched = RemoveUnmatched::NoTarget);
    user.refuses("remove", "emails[type eq \"fax\"]", Value::Null, "noTarget");
    user.refuses("remove", "emails[type eq \"fax\"].value", Value::Null, "noTarget");
    user.refuses("remove", "emails[value eq \"nobody\"]", Value::Null, "noTarget");
    user.refuses("remove", "phoneNumbers[type eq \"fax\"]", Value::Null, "noTarget");
    user.remove("emails[value eq \"babs@home.org\"]").is("/emails/2", Value::Null);
}

#[test]
fn p22_remove_of_what_is_unassigned_succeeds() {
    let user = user(json!({})).with(|p| p.patch.remove_unmatched = RemoveUnmatched::NoTarget);
    for path in ["title", "name.givenName", "emails", "emails.type", "photos"] {
        let (_, changes) = user.try_patch(json!([{"op": "remove", "path": path}])).unwrap();
        assert!(changes.is_empty());
    }
    user.remove(&format!("{ENTERPRISE}:manager.value")).is("/schemas", json!([USER]));
}

#[test]
fn p25_element_without_value_stays_unless_nothing_is_left_of_it() {
    let user = user(json!({"emails": [{"value": "a", "type": "work"}, {"value": "b"}]}));
    user.remove("emails[type eq \"work\"].value").is("/emails/0", json!({"type": "work"}));
    user.remove("emails[value eq \"b\"].value").is("/emails/1", Value::Null);
    let dropping = user.clone().with(|policy| policy.patch.drop_valueless_elements = true);
    dropping.remove("emails[type eq \"work\"].value").is("/emails", json!([{"value": "b"}]));
    dropping
        .replace("emails[type eq \"work\"].value", Value::Null)
        .is("/emails", json!([{"value": "b"}]));
    dropping.remove("emails[type eq \"work\"].type").is("/emails/0", json!({"value": "a"}));
    dropping
        .patch(json!([{"op": "remove", "path": "emails[value eq \"a\"].value"},
            {"op": "remove", "path": "emails[value eq \"b\"].value"}]))
        .is("/emails", Value::Null);
}

#[test]
fn p27_sub_attribute_of_all_values() {
    let user = emails();
    user.remove("emails.type").is("/emails/1", json!({"value": "babs@home.org"}));
    user.refuses("replace", "emails.type", json!("work"), "invalidPath");
    user.refuses("add", "emails.type", json!("work"), "invalidPath");
    let all = user.with(|policy| policy.patch.all_values = true);
    all.replace("emails.display", json!("B"))
        .is("/emails/0/display", json!("B"))
        .is("/emails/2/display", json!("B"));
    all.refuses("replace", "emails.primary", json!(true), "invalidValue");
    all.refuses("replace", "phoneNumbers.type", json!("work"), "noTarget");
}

// replace (RFC 7644 §3.5.2.3)

#[test]
fn r44_3_5_2_3_01_replace_without_path_replaces_attributes() {
    // The example of RFC 7644 §3.5.2.3.
    emails()
        .patch(json!([{"op": "replace", "value": {
            "emails": [
                {"value": "bjensen@example.com", "type": "work", "primary": true},
                {"value": "babs@jensen.org", "type": "home"}],
            "nickname": "Babs"}}]))
        .is(
            "/emails",
            json!([
            {"value": "bjensen@example.com", "type": "work", "primary": true},
            {"value": "babs@jensen.org", "type": "home"}]),
        )
        .is("/nickName", json!("Babs"))
        .is("/userName", json!("bjensen"));
}

#[test]
fn r44_3_5_2_3_02_replace_of_a_single_value() {
    user(json!({"title": "x"})).replace("title", json!("y")).is("/title", json!("y"));
    // Letter case is part of what is stored.
    user(json!({"title": "x"})).replace("title", json!("X")).is("/title", json!("X"));
}

#[test]
fn r44_3_5_2_3_03_replace_of_all_values() {
    // The example of RFC 7644 §3.5.2.3.
    group(&["1"])
        .replace("members", json!([
            {"display": "Babs Jensen", "value": "2819c223", "$ref": "https://example.com/v2/Users/2819c223"},
            {"display": "James Smith", "value": "08e1d05d", "$ref": "https://example.com/v2/Users/08e1d05d"}]))
        .is("/members", json!([
            {"display": "Babs Jensen", "value": "2819c223"}, {"display": "James Smith", "value": "08e1d05d"}]));
}

#[test]
fn r44_3_5_2_3_04_replace_of_what_is_missing_adds() {
    let user = user(json!({}));
    user.replace("title", json!("x")).is("/title", json!("x"));
    user.replace("name.givenName", json!("x")).is("/name/givenName", json!("x"));
    user.replace("name", json!({"givenName": "x"})).is("/name/givenName", json!("x"));
    user.replace("emails", json!([{"value": "x"}])).is("/emails/0/value", json!("x"));
}

#[test]
fn r44_3_5_2_3_05_replace_of_a_complex_attribute_leaves_the_rest() {
    user(json!({"name": {"familyName": "J", "givenName": "B"}}))
        .replace("name", json!({"givenName": "Barb"}))
        .is("/name", json!({"familyName": "J", "givenName": "Barb"}));
}

#[test]
fn r44_3_5_2_3_06_replace_by_filter_replaces_every_match() {
    let user =
        user(json!({"emails": [{"value": "a", "type": "work"}, {"value": "b", "type": "work"},
        {"value": "c", "type": "home"}]}));
    user.replace("emails[type eq \"work\"]", json!({"value": "x"}))
        .is("/emails", json!([{"value": "x"}, {"value": "x"}, {"value": "c", "type": "home"}]));
}

#[test]
fn r44_3_5_2_3_07_replace_by_filter_of_a_sub_attribute() {
    // The example of RFC 7644 §3.5.2.3.
    user(json!({"addresses": [{"type": "work", "streetAddress": "911 Universal City Plaza"},
        {"type": "home", "streetAddress": "456 Hollywood Blvd"}]}))
    .replace("addresses[type eq \"work\"].streetAddress", json!("1010 Broadway Ave"))
    .is("/addresses/0", json!({"type": "work", "streetAddress": "1010 Broadway Ave"}))
    .is("/addresses/1/streetAddress", json!("456 Hollywood Blvd"));
}

#[test]
fn r44_3_5_2_3_08_replace_by_filter_without_match_is_no_target() {
    let user = emails();
    user.refuses("replace", "emails[type eq \"fax\"].value", json!("x"), "noTarget");
    user.refuses("replace", "emails[type eq \"fax\"]", json!({"value": "x"}), "noTarget");
    user.refuses("replace", "addresses[type eq \"work\"].locality", json!("x"), "noTarget");
}

#[test]
fn r44_3_12_08_malformed_path_is_invalid_path() {
    for path in ["", ".", "name.", ".givenName", "na me", "name..givenName", "1name", "urn:", ":x"]
    {
        user(json!({})).refuses("replace", path, json!("x"), "invalidPath");
    }
}

#[test]
fn r44_3_12_09_path_that_yields_nothing_is_no_target() {
    emails().refuses("replace", "emails[value eq \"nobody\"].type", json!("x"), "noTarget");
}

#[test]
fn p09_unmatched_filter_makes_the_element_by_option() {
    let user =
        user(json!({})).with(|policy| policy.patch.unmatched_filter = UnmatchedFilter::Create);
    for op in ["replace", "add"] {
        user.patch(json!([{"op": op, "path": "emails[type eq \"work\"].value", "value": "x"}]))
            .is("/emails", json!([{"type": "work", "value": "x"}]));
    }
    user.replace("emails[type eq \"work\" and primary eq true].value", json!("x"))
        .is("/emails", json!([{"type": "work", "primary": true, "value": "x"}]));
    user.replace("emails[type eq \"work\"]", json!({"value": "x"}))
        .is("/emails", json!([{"type": "work", "value": "x"}]));
    user.replace("emails[type eq \"work\"].type", json!("WORK"))
        .is("/emails", json!([{"type": "WORK"}]));
    // The next operation finds it.
    user.patch(json!([
        {"op": "add", "path": "roles[primary eq true].display", "value": "d"},
        {"op": "add", "path": "roles[primary eq true].value", "value": "v"},
    ]))
    .is("/roles", json!([{"primary": true, "display": "d", "value": "v"}]));
    for path in [
        "emails[type ne \"work\"].value",
        "emails[type eq \"work\" or type eq \"home\"].value",
        "emails[type sw \"work\"].value",
        "emails[not (type eq \"work\")].value",
        "emails[type eq \"work\" and not (primary eq true)].value",
        "emails[type eq null].display",
        "emails[type eq \"work\" and type eq \"home\"].value",
    ] {
        let refused = user.try_patch(json!([{"op": "replace", "path": path, "value": "x"}]));
        assert_eq!(refused.unwrap_err().scim_type().unwrap().as_str(), "noTarget", "{path}");
    }
    // What is made must satisfy the filter.
    user.refuses("replace", "emails[type eq \"work\"]", json!({"type": "home"}), "noTarget");
    user.refuses("replace", "emails[type eq \"work\"].type", json!("home"), "noTarget");
    // Nothing is made in order to be empty.
    user.replace("emails[type eq \"work\"].value", Value::Null).is("/emails", Value::Null);
}

#[test]
fn p12_selected_element_is_replaced_whole_and_keeps_its_place() {
    let user = emails();
    user.replace("emails[type eq \"home\"]", json!({"value": "x"}))
        .is("/emails/1", json!({"value": "x"}))
        .is("/emails/2/type", json!("other"));
    user.clone()
        .with(|policy| policy.patch.selected_replace = SelectedReplace::Merge)
        .replace("emails[type eq \"home\"]", json!({"value": "x"}))
        .is("/emails/1", json!({"value": "x", "type": "home"}));
    user.add("emails[type eq \"home\"]", json!({"display": "x"}))
        .is("/emails/1", json!({"value": "babs@home.org", "type": "home", "display": "x"}));
}

#[test]
fn p13_null_sub_attribute_is_cleared() {
    let user = user(json!({"name": {"familyName": "J", "givenName": "B"}}));
    user.replace("name", json!({"givenName": null})).is("/name", json!({"familyName": "J"}));
    user.replace("name", json!({"givenName": null, "familyName": null})).is("/name", Value::Null);
    user.add("name", json!({"givenName": null, "middleName": "x"}))
        .is("/name", json!({"familyName": "J", "givenName": "B", "middleName": "x"}));
    user.with(|policy| policy.patch.complex_replace = ComplexReplace::Replace)
        .replace("name", json!({"middleName": "x"}))
        .is("/name", json!({"middleName": "x"}));
}

#[test]
fn p15_request_without_effect_is_no_change() {
    let user = emails();
    let (_, changes) = user
        .try_patch(json!([
            {"op": "add", "path": "title", "value": "x"},
            {"op": "remove", "path": "title"},
            {"op": "add", "path": format!("{ENTERPRISE}:department"), "value": "x"},
            {"op": "remove", "path": format!("{ENTERPRISE}:department")},
        ]))
        .unwrap();
    assert!(changes.is_empty());
}

#[test]
fn p16_single_object_counts_as_an_array() {
    let group = group(&["1"]);
    group.add("members", json!({"value": "2"})).is("/members/1/value", json!("2"));
    group.replace("members", json!({"value": "2"})).is("/members", json!([{"value": "2"}]));
    badge(json!({})).add("tags", json!("a")).is("/tags", json!(["a"]));
}

#[test]
fn p17_array_for_a_singular_attribute_by_option() {
    let path = format!("{ENTERPRISE}:manager");
    let user = user(json!({}));
    user.refuses("add", &path, json!([{"$ref": null, "value": "9"}]), "invalidValue");
    let user = user.with(|policy| policy.values.unwrap_single_element_array = true);
    user.add(&path, json!([{"$ref": null, "value": "9"}]))
        .is(&format!("/{ENTERPRISE}/manager"), json!({"value": "9"}));
    user.add("title", json!(["x"])).is("/title", json!("x"));
}

#[test]
fn p18_string_for_a_complex_attribute_by_option() {
    let path = format!("{ENTERPRISE}:manager");
    let user = user(json!({ENTERPRISE: {"manager": {"value": "1"}}}));
    user.refuses("replace", &path, json!("9"), "invalidValue");
    let user = user.with(|policy| policy.values.string_as_complex_value = true);
    user.replace(&path, json!("9")).is(&format!("/{ENTERPRISE}/manager/value"), json!("9"));
    user.replace(&path, json!("")).is(&format!("/{ENTERPRISE}"), Value::Null);
}

#[test]
fn p19_strings_for_booleans_by_option() {
    let user = user(json!({"active": true}));
    user.refuses("replace", "active", json!("False"), "invalidValue");
    user.with(|policy| policy.values.coerce_scalars = true)
        .replace("active", json!("False"))
        .is("/active", json!(false));
}

#[test]
fn w35_the_name_of_a_manager_goes_with_the_manager() {
    let boss = json!({"value": "1", "displayName": "Boss"});
    let path = format!("{ENTERPRISE}:manager");
    let user = user(json!({ENTERPRISE: {"manager": boss}}));
    let at = format!("/{ENTERPRISE}/manager");
    user.replace(&path, json!({"value": "2"})).is(&at, json!({"value": "2"}));
    user.add(&path, json!({"value": "2"})).is(&at, json!({"value": "2"}));
    user.replace(&format!("{path}.value"), json!("2")).is(&at, json!({"value": "2"}));
    user.replace(&path, json!({"value": "1"})).is(&at, boss.clone());
    user.replace(&format!("{path}.value"), json!("1")).is(&at, boss);
}

#[test]
fn w35_manager_without_value_is_no_manager() {
    let user = user(json!({ENTERPRISE: {"manager": {"value": "1", "displayName": "Boss"}}}));
    let path = format!("{ENTERPRISE}:manager");
    for value in [json!({}), json!({"value": ""}), json!({"value": null}), Value::Null] {
        user.replace(&path, value)
            .is(&format!("/{ENTERPRISE}"), Value::Null)
            .is("/schemas", json!([USER]));
    }
    user.remove(&format!("{path}.value")).is(&format!("/{ENTERPRISE}"), Value::Null);
}

#[test]
fn w35_an_empty_id_is_no_manager_by_path_either() {
    let user = user(json!({ENTERPRISE: {"manager": {"value": "1", "displayName": "Boss"}}}));
    let path = format!("{ENTERPRISE}:manager.value");
    for op in [
        json!({"op": "replace", "path": path, "value": ""}),
        json!({"op": "replace", "value": {&*path: ""}}),
        json!({"op": "replace", "value": {ENTERPRISE: {"manager.value": ""}}}),
    ] {
        user.patch(json!([op]))
            .is(&format!("/{ENTERPRISE}"), Value::Null)
            .is("/schemas", json!([USER]));
    }
    // There is nothing to add.
    user.add(&path, json!("")).is(&format!("/{ENTERPRISE}/manager/value"), json!("1"));
    user.refuses("replace", &path, json!(5), "invalidValue");
}

#[test]
fn w19_a_written_ref_says_who_the_manager_is() {
    let user = user(json!({ENTERPRISE: {"manager": {"value": "1", "displayName": "Boss"}}}));
    let path = format!("{ENTERPRISE}:manager.$ref");
    let at = format!("/{ENTERPRISE}/manager");
    for op in ["add", "replace"] {
        let to = |uri: &str| user.patch(json!([{"op": op, "path": path, "value": uri}]));
        to("https://example.com/v2/Users/a%20b").is(&at, json!({"value": "a b"}));
        to("../Users/1").is(&at, json!({"value": "1", "displayName": "Boss"}));
        to("").is(&at, json!({"value": "1", "displayName": "Boss"}));
    }
    user.patch(json!([{"op": "replace", "value": {&*path: "../Users/2"}}]))
        .is(&at, json!({"value": "2"}));
    user.refuses("replace", &path, json!(5), "invalidValue");
    user.remove(&path).is(&at, json!({"value": "1", "displayName": "Boss"}));
}

#[test]
fn w19_a_written_ref_of_a_member_names_it_or_is_refused() {
    let members = json!([{"value": "a", "type": "User"}, {"value": "b"}]);
    let group = Case::new(
        ResourceType::group(),
        json!({"schemas": [GROUP], "displayName": "g", "members": members}),
    );
    let path = r#"members[value eq "a"].$ref"#;
    group.replace(path, json!("../Users/a")).is("/members", members.clone());
    let operation = json!([{"op": "replace", "path": path, "value": "../Users/b"}]);
    let error = group.try_patch(operation).unwrap_err();
    assert_eq!(error.scim_type(), Some(&ScimType::InvalidValue));
    assert!(error.message().unwrap().contains("`members.$ref` names another"), "{error}");
}

// Operations together.

#[test]
fn r44_3_5_2_12_schemas_changed_by_one_operation_hold_for_the_next() {
    let user = user(json!({}));
    user.patch(json!([
        {"op": "add", "path": "schemas", "value": [ENTERPRISE]},
        {"op": "add", "path": format!("{ENTERPRISE}:department"), "value": "Tours"},
    ]))
    .is("/schemas", json!([USER, ENTERPRISE]));
}

#[test]
fn r44_3_5_2_13_extension_attribute_adds_the_urn() {
    user(json!({}))
        .add(&format!("{ENTERPRISE}:employeeNumber"), json!("7"))
        .is("/schemas", json!([USER, ENTERPRISE]))
        .remove(&format!("{ENTERPRISE}:employeeNumber"))
        .is("/schemas", json!([USER]));
}

#[test]
fn r44_3_5_2_14_operations_run_in_order() {
    let group = group(&["1"]);
    group
        .patch(json!([
            {"op": "remove", "path": "members[value eq \"1\"]"},
            {"op": "add", "path": "members", "value": [{"value": "2"}]},
            {"op": "add", "path": "members", "value": [{"value": "1"}]},
            {"op": "remove", "path": "members[value eq \"2\"]"},
            {"op": "add", "path": "members", "value": [{"value": "3"}, {"value": "2"}]},
        ]))
        .is("/members", json!([{"value": "1"}, {"value": "3"}, {"value": "2"}]));
    emails()
        .patch(json!([
            {"op": "replace", "path": "emails[type eq \"work\"].type", "value": "home"},
            {"op": "remove", "path": "emails[type eq \"home\"]"},
        ]))
        .is("/emails/0/type", json!("other"))
        .is("/emails/1", Value::Null);
}

#[test]
fn r44_3_5_2_15_primary_moves() {
    let user = emails();
    user.add("emails", json!([{"value": "new@x.org", "primary": true}]))
        .is("/emails/0/primary", json!(false))
        .is("/emails/3/primary", json!(true));
    // The example of RFC 7644 §3.5.2.3.
    self::user(json!({"addresses": [{"type": "work", "locality": "x"}, {"type": "home", "primary": true}]}))
        .replace("addresses[type eq \"work\"]", json!({"type": "work", "locality": "Hollywood", "primary": true}))
        .is("/addresses/0/primary", json!(true))
        .is("/addresses/1/primary", json!(false));
}

#[test]
fn p29_primary_is_cleared_only_where_it_was_true() {
    let user = emails();
    let after = user.replace("emails[type eq \"home\"].primary", json!(true));
    after
        .is("/emails/0/primary", json!(false))
        .is("/emails/1/primary", json!(true))
        .is("/emails/2/primary", json!(false));
    after
        .replace("emails[type eq \"other\"].primary", json!(true))
        .is("/emails/1/primary", json!(false));
    self::user(json!({"emails": [{"value": "a"}, {"value": "b"}]}))
        .replace("emails[value eq \"b\"].primary", json!(true))
        .is("/emails/0", json!({"value": "a"}));
}

#[test]
fn p29_two_primaries_at_once_are_refused() {
    let user = emails();
    let two = json!([{"value": "a", "primary": true}, {"value": "b", "primary": true}]);
    user.refuses("add", "emails", two.clone(), "invalidValue");
    user.refuses("replace", "emails", two, "invalidValue");
    user.refuses("replace", "emails[type pr].primary", json!(true), "invalidValue");
    user.refuses(
        "replace",
        "emails[type pr]",
        json!({"value": "x", "primary": true}),
        "invalidValue",
    );
    user.refuses("add", "emails[type pr]", json!({"primary": true}), "invalidValue");
    user.add("emails", json!([{"value": "babs@work.org", "type": "work", "primary": true}]))
        .is("/emails/0/primary", json!(true));
}

#[test]
fn r44_3_5_2_16_request_is_atomic() {
    // Case::try_patch compares the resource after each failure.
    let user = emails();
    user.refusal(json!([
        {"op": "replace", "path": "title", "value": "x"},
        {"op": "remove", "path": "emails"},
        {"op": "add", "path": format!("{ENTERPRISE}:department"), "value": "x"},
        {"op": "remove", "path": "emails[value eq \"x\"]"},
        {"op": "replace", "path": "nosuch", "value": "x"},
    ]));
    let group = group(&["1", "2"]);
    group.refusal(json!([
        {"op": "remove", "path": "members[value eq \"1\"]"},
        {"op": "add", "path": "members", "value": [{"value": "3"}]},
        {"op": "replace", "path": "id", "value": "x"},
    ]));
}

#[test]
fn r44_3_5_2_17_failure_names_the_operation_and_the_attribute() {
    let error = user(json!({}))
        .try_patch(json!([{"op": "add", "path": "title", "value": "x"},
            {"op": "replace", "path": "active", "value": "maybe"}]))
        .unwrap_err();
    assert_eq!(error.status(), 400);
    assert_eq!(
        error.message().unwrap(),
        "`Operations[1]`: `active` must be a boolean, found a string"
    );
}

#[test]
fn r44_3_5_2_11_incompatible_operation_has_status_and_body() {
    let error = user(json!({}))
        .try_patch(json!([{"op": "replace", "path": "id", "value": "x"}]))
        .unwrap_err();
    assert_eq!(
        serde_json::to_value(&error).unwrap(),
        json!({"schemas": ["urn:ietf:params:scim:api:messages:2.0:Error"], "status": "400",
            "scimType": "mutability", "detail": "`Operations[0]`: attribute `id` is readOnly"})
    );
}

#[test]
fn p34_final_state_is_checked() {
    let badge = badge(json!({}));
    badge.refuses("add", "photo", json!({"width": 1}), "invalidValue");
    badge.add("photo", json!({"width": 1, "value": "p"})).is("/photo/value", json!("p"));
    badge
        .patch(json!([{"op": "add", "path": "photo.width", "value": 1},
            {"op": "add", "path": "photo.value", "value": "p"}]))
        .is("/photo", json!({"width": 1, "value": "p"}));
}

#[test]
fn what_was_wrong_before_does_not_stand_in_the_way() {
    let policy = Policy::strict();
    let mut resource: Resource = serde_json::from_value(json!({
        "schemas": [USER], "emails": [{"value": "a", "primary": true}, {"value": "b", "primary": true}]}))
    .unwrap();
    let op = PatchOp::new().add("title", "x").remove("userName");
    let changes = ResourceType::user().patch(&mut resource, &op, &policy).unwrap();
    assert_eq!(changes.attributes, [format!("{USER}:title").into_boxed_str()]);
    assert_eq!(resource.text("title"), Some("x"));
}

// Mutability.

#[test]
fn r43_7_12_read_only_attributes_are_not_modified() {
    let user = user(json!({}));
    for op in ["add", "replace"] {
        user.refuses(op, "id", json!("2"), "mutability");
        user.refuses(op, "ID", json!("1"), "mutability");
        user.refuses(op, "meta.created", json!("2020-01-01T00:00:00Z"), "mutability");
        user.refuses(op, "groups", json!([{"value": "1"}]), "mutability");
        user.refuses(op, "groups[value eq \"1\"].display", json!("x"), "mutability");
        user.refuses(op, &format!("{ENTERPRISE}:manager.displayName"), json!("x"), "mutability");
    }
}

#[test]
fn r44_3_5_2_08_operation_fits_mutability_and_schema() {
    let user = user(json!({}));
    user.refuses("replace", "id", json!("x"), "mutability");
    user.refuses("replace", "active", json!("yes"), "invalidValue");
    user.refuses("replace", "name", json!([{}, {}]), "invalidValue");
}

#[test]
fn p30_explicit_path_to_something_read_only_is_refused_even_if_equal() {
    let user = user(json!({}));
    user.refuses("replace", "id", json!("1"), "mutability");
    user.refuses("replace", "meta", json!({}), "mutability");
}

#[test]
fn p30_without_path_what_is_equal_is_ignored() {
    let user = user(json!({}));
    // Okta sends the id along when it renames a group.
    user.patch(json!([{"op": "replace", "value": {"id": "1", "title": "x"}}]))
        .is("/title", json!("x"));
    user.patch(json!([{"op": "replace", "value": {
        "meta": {"version": "W/\"1\""}, "schemas": ["urn:any"], "meta.created": 1, "title": "x"}}]))
        .is("/title", json!("x"))
        .is("/meta", Value::Null)
        .is("/schemas", json!([USER]));
    for id in [json!("2"), json!("ID"), json!(1), Value::Null, json!([])] {
        assert_eq!(user.refusal(json!([{"op": "replace", "value": {"id": id}}])), "mutability");
    }
    let manager =
        self::user(json!({ENTERPRISE: {"manager": {"value": "9", "displayName": "Boss"}}}));
    let path = format!("{ENTERPRISE}:manager");
    manager
        .replace(&path, json!({"value": "8", "displayName": "Boss"}))
        .is(&format!("/{ENTERPRISE}/manager/value"), json!("8"));
    manager.refuses("replace", &path, json!({"value": "8", "displayName": "Me"}), "mutability");
}

#[test]
fn p30_read_only_is_ignored_by_option() {
    let user = user(json!({ENTERPRISE: {"manager": {"value": "9"}}}))
        .with(|policy| policy.patch.read_only = ReadOnly::Ignore);
    for operation in [
        json!({"op": "replace", "path": "id", "value": "2"}),
        json!({"op": "remove", "path": "id"}),
        json!({"op": "add", "path": "groups", "value": [{"value": "1"}]}),
        json!({"op": "replace", "value": {"id": "2", "groups": []}}),
        json!({"op": "replace", "path": format!("{ENTERPRISE}:manager"), "value": {"displayName": "Me"}}),
    ] {
        let (_, changes) = user.try_patch(json!([operation.clone()])).unwrap();
        assert!(changes.is_empty(), "{operation}");
    }
}

#[test]
fn sec_13_read_only_attributes_stay_in_every_spelling() {
    let stored = json!({"groups": [{"value": "g1", "display": "G"}],
        "meta": {"created": "2020-01-01T00:00:00Z", "resourceType": "User"},
        ENTERPRISE: {"manager": {"value": "9", "displayName": "Boss"}}});
    let names = [
        ("id", json!("2")),
        ("meta", json!({"version": "x"})),
        ("meta.version", json!("x")),
        ("meta.created", json!("2000-01-01T00:00:00Z")),
        ("groups", json!([{"value": "admins"}])),
        ("groups.value", json!("admins")),
        ("groups[value eq \"g1\"].value", json!("admins")),
        ("groups[value eq \"g1\"]", json!({"value": "admins"})),
        ("groups.display", json!("x")),
        ("manager.displayName", json!("Me")),
        ("manager", json!({"displayName": "Me"})),
    ];
    let mut policies = [Policy::strict(), Policy::lenient(), Policy::strict(), Policy::strict()];
    policies[2].unknown_attributes = UnknownAttributes::Keep;
    policies[3].unknown_attributes = UnknownAttributes::Ignore;
    let mut runs = 0;
    for open in [false, true] {
        let mut case = user(stored.clone());
        // The store writes what a client may not.
        for (key, value) in stored.as_object().unwrap() {
            case.resource.insert(key.clone(), value.clone());
        }
        if open {
            case.ty = case.ty.open();
        }
        let guarded = |case: &Case| {
            let get = |name: &str| case.resource.get(name).cloned();
            let manager = get(ENTERPRISE).and_then(|e| e.pointer("/manager/displayName").cloned());
            (get("id"), get("meta"), get("groups"), manager)
        };
        for policy in &policies {
            let case = case.clone().with(|p| *p = policy.clone());
            for (name, value) in &names {
                let in_extension = name.starts_with("manager");
                let urn = if in_extension { ENTERPRISE } else { USER };
                for spelled in [name.to_string(), name.to_uppercase(), swap_case(name)] {
                    // Keywords and literals inside brackets are not names.
                    let spelled = if name.contains('[') { name.to_string() } else { spelled };
                    for prefix in [
                        "".into(),
                        format!("{urn}:"),
                        format!("{}:", urn.to_uppercase()),
                        format!("{urn}."),
                    ] {
                        let path = format!("{prefix}{spelled}");
                        let nested = json!({urn: {spelled.clone(): value}});
                        for op in ["add", "replace"] {
                            for operation in [
                                json!({"op": op, "path": path, "value": value}),
                                json!({"op": op, "value": {path.clone(): value}}),
                                json!({"op": op, "value": nested}),
                                json!({"op": op, "path": urn, "value": {spelled.clone(): value}}),
                            ] {
                                runs += 1;
                                if let Ok((after, _)) = case.try_patch(json!([operation.clone()])) {
                                    assert_eq!(guarded(&after), guarded(&case), "{operation}");
                                }
                            }
                        }
                        if *name != "manager" {
                            let operation = json!({"op": "remove", "path": path});
                            if let Ok((after, _)) = case.try_patch(json!([operation.clone()])) {
                                assert_eq!(guarded(&after), guarded(&case), "{operation}");
                            }
                        }
                    }
                }
            }
        }
    }
    assert!(runs > 5000, "{runs}");
}

fn swap_case(name: &str) -> String {
    let swap = |(i, c): (usize, char)| {
        if i % 2 == 0 { c.to_ascii_uppercase() } else { c.to_ascii_lowercase() }
    };
    name.chars().enumerate().map(swap).collect()
}

#[test]
fn sec_07_value_filters_cannot_ask_for_what_is_never_returned() {
    let schema: Schema = serde_json::from_value(json!({"id": "urn:example:Key", "attributes": [
        {"name": "keys", "type": "complex", "multiValued": true, "subAttributes": [
            {"name": "value", "returned": "never"}, {"name": "type"}]}]}))
    .unwrap();
    let ty = ResourceType::new("Key", "/Keys", schema);
    let case = Case::new(
        ty,
        json!({"schemas": ["urn:example:Key"], "keys": [{"value": "s", "type": "t"}]}),
    );
    case.refuses("remove", "keys[value eq \"s\"]", Value::Null, "invalidFilter");
    case.refuses("replace", "keys[value sw \"s\"].type", json!("x"), "invalidFilter");
}

#[test]
fn r44_3_5_2_10_unset_immutable_attribute_can_be_added() {
    let badge = badge(json!({}));
    let set = badge.add("serial", json!("A1"));
    set.is("/serial", json!("A1"));
    set.refuses("add", "serial", json!("A2"), "mutability");
}

#[test]
fn p31_immutable_attribute_is_set_once() {
    let badge = badge(json!({"serial": "A1", "stamps": ["a"], "origin": {"country": "DE"},
        "photo": {"value": "p", "camera": "c"}}));
    for op in ["add", "replace"] {
        badge.patch(json!([{"op": op, "path": "serial", "value": "A1"}]));
        badge.refuses(op, "serial", json!("A2"), "mutability");
        badge.refuses(op, "origin.country", json!("FR"), "mutability");
        badge.refuses(op, "origin.plant", json!("North"), "mutability");
        badge.refuses(op, "origin", json!({"plant": "North"}), "mutability");
        badge.patch(json!([{"op": op, "path": "origin", "value": {"country": "DE"}}]));
        badge.refuses(op, "photo.camera", json!("d"), "mutability");
        badge.refuses(op, "photo", json!({"camera": "d"}), "mutability");
        badge.patch(json!([{"op": op, "path": "photo", "value": {"width": 2, "camera": "c"}}]));
    }
    badge.patch(json!([{"op": "add", "path": "stamps", "value": ["a"]}]));
    badge.refuses("add", "stamps", json!(["b"]), "mutability");
    badge.refuses("replace", "stamps", json!(["b"]), "mutability");
    for path in
        ["serial", "stamps", "stamps[value eq \"a\"]", "origin", "origin.country", "photo.camera"]
    {
        badge.refuses("remove", path, Value::Null, "mutability");
    }
    badge.refuses("replace", "serial", Value::Null, "mutability");
    let unset = self::badge(json!({"photo": {"value": "p"}}));
    unset.remove("serial");
    unset.add("photo.camera", json!("c")).is("/photo/camera", json!("c"));
    unset.add("origin.country", json!("DE")).is("/origin/country", json!("DE"));
    unset.add("stamps", json!(["a", "b"])).is("/stamps", json!(["a", "b"]));
    // Equal means equal under the schema; what is stored stays.
    badge.replace("serial", json!("a1")).is("/serial", json!("A1"));
}

#[test]
fn r43_4_2_02_members_are_added_and_removed_but_not_edited() {
    let group = group(&["1", "2"]);
    group.refuses("replace", "members[value eq \"1\"].value", json!("3"), "mutability");
    group.refuses("remove", "members[value eq \"1\"].value", Value::Null, "mutability");
    group.refuses("replace", "members[value eq \"1\"]", json!({"value": "3"}), "mutability");
    group
        .patch(json!([{"op": "remove", "path": "members[value eq \"1\"]"},
            {"op": "add", "path": "members", "value": [{"value": "3"}]}]))
        .is("/members", json!([{"value": "2"}, {"value": "3"}]));
    group
        .replace("members[value eq \"1\"].type", json!("User"))
        .is("/members/0/type", json!("User"));
}

#[test]
fn p35_null_ref_of_a_member_is_nothing() {
    group(&[])
        .add("members", json!([{"$ref": null, "value": "f648f8d5ea4e4cd38e9c"}]))
        .is("/members", json!([{"value": "f648f8d5ea4e4cd38e9c"}]));
}

#[test]
fn p32_schemas_can_be_written_within_limits() {
    let user = user(json!({ENTERPRISE: {"department": "x"}}));
    let both = json!([USER, ENTERPRISE]);
    user.add("schemas", json!([ENTERPRISE])).is("/schemas", both.clone());
    user.add("schemas", json!([ENTERPRISE.to_uppercase()])).is("/schemas", both.clone());
    user.replace("schemas", both.clone()).is("/schemas", both);
    user.replace("schemas", json!([USER]))
        .is(&format!("/{ENTERPRISE}"), Value::Null)
        .is("/schemas", json!([USER]));
    user.remove(&format!("schemas[value eq \"{ENTERPRISE}\"]"))
        .is(&format!("/{ENTERPRISE}"), Value::Null)
        .is("/schemas", json!([USER]));
    user.refuses("remove", "schemas", Value::Null, "mutability");
    user.refuses("remove", &format!("schemas[value eq \"{USER}\"]"), Value::Null, "mutability");
    user.refuses("replace", "schemas", json!([ENTERPRISE]), "mutability");
    user.refuses("replace", "schemas", json!([]), "mutability");
    user.refuses("replace", "schemas", Value::Null, "mutability");
    user.refuses("add", "schemas", json!(["urn:example:unknown"]), "invalidValue");
    user.refuses("add", "schemas", json!("x"), "invalidValue");
    user.with(|policy| policy.schemas.ignore_unknown = true)
        .add("schemas", json!(["urn:example:unknown"]))
        .is("/schemas", json!([USER, ENTERPRISE]));
}

#[test]
fn extension_with_something_read_only_stays() {
    let mut badge = badge(json!({}));
    badge.resource.insert("urn:example:ext:Lock", json!({"level": 1, "checked": "yes"}));
    badge.resource.insert("schemas", json!(["urn:example:Badge", "urn:example:ext:Lock"]));
    badge.refuses("remove", "urn:example:ext:Lock", Value::Null, "mutability");
    badge.refuses("add", "urn:example:ext:Lock", json!({"checked": "no"}), "mutability");
    badge
        .add("urn:example:ext:Lock", json!({"checked": "yes", "level": 2}))
        .is("/urn:example:ext:Lock/level", json!(2));
}

#[test]
fn read_only_sub_attributes_of_elements_stay() {
    let mut badge = badge(json!({}));
    let logs = json!([{"value": "a", "type": "x", "seen": "once"}, {"value": "b"}]);
    badge.resource.insert("logs", logs);
    badge
        .replace("logs", json!([{"value": "a", "type": "y"}, {"value": "c"}]))
        .is("/logs", json!([{"value": "a", "type": "y", "seen": "once"}, {"value": "c"}]));
    badge.refuses("replace", "logs", json!([{"value": "a", "seen": "twice"}]), "mutability");
    badge.refuses("add", "logs", json!([{"value": "n", "seen": "twice"}]), "mutability");
    badge.refuses("replace", "logs[value eq \"a\"].seen", json!("twice"), "mutability");
    badge.refuses(
        "replace",
        "logs[value eq \"a\"]",
        json!({"value": "z", "seen": "twice"}),
        "mutability",
    );
    badge
        .replace("logs[value eq \"a\"]", json!({"value": "z"}))
        .is("/logs/0", json!({"value": "z", "seen": "once"}));
}

#[test]
fn multi_valued_sub_attributes_are_added_to_and_replaced() {
    let badge = badge(json!({"photo": {"value": "p", "labels": ["a"]}}));
    badge.add("photo.labels", json!(["b", "A"])).is("/photo/labels", json!(["a", "b"]));
    badge.add("photo", json!({"labels": ["b"]})).is("/photo/labels", json!(["a", "b"]));
    badge.replace("photo.labels", json!(["b"])).is("/photo/labels", json!(["b"]));
    badge.replace("photo", json!({"labels": []})).is("/photo", json!({"value": "p"}));
    badge.remove("photo.labels").is("/photo", json!({"value": "p"}));
}

// Open resource types.

fn open(resource: Value) -> Case {
    Case::new(ResourceType::user().open(), resource)
}

#[test]
fn open_types_keep_unknown_attributes() {
    let case =
        open(json!({"schemas": [USER], "userName": "b", "Shoe": {"Size": 43, "colour": "red"},
        "tags": ["a", "B"], "pets": [{"value": "Rex", "type": "dog"}], "urn:x:ext": {"a": 1}}));
    case.add("hobby", json!("chess")).is("/hobby", json!("chess"));
    case.add("shoe.size", json!(44)).is("/Shoe/Size", json!(44));
    case.replace("shoe", json!({"lace": true, "colour": null}))
        .is("/Shoe", json!({"Size": 43, "lace": true}));
    case.remove("shoe.colour").is("/Shoe", json!({"Size": 43}));
    case.remove("SHOE").is("/Shoe", Value::Null);
    case.add("tags", json!(["A", "c"])).is("/tags", json!(["a", "B", "c"]));
    case.add("tags", json!("d")).is("/tags", json!(["a", "B", "d"]));
    case.replace("tags", json!(["z"])).is("/tags", json!(["z"]));
    case.remove("tags[value eq \"b\"]").is("/tags", json!(["a"]));
    case.replace("pets[type eq \"dog\"].value", json!("Max")).is("/pets/0/value", json!("Max"));
    case.add("pets", json!([{"value": "Tom", "type": "cat", "primary": true}]))
        .is("/pets/1/type", json!("cat"));
    case.remove("pets[value eq \"rex\"]").is("/pets", Value::Null);
    case.refuses("replace", "pets[type eq \"cat\"].value", json!("Tom"), "noTarget");
    case.add("urn:x:ext:b", json!(2)).is("/urn:x:ext", json!({"a": 1, "b": 2}));
    case.patch(json!([{"op": "replace", "value": {"urn:x:ext": {"a": 3}}}]))
        .is("/urn:x:ext", json!({"a": 3}));
    case.add("name.pet", json!("x")).is("/name", json!({"pet": "x"}));
    case.refuses("add", "hobby", Value::Null, "invalidValue");
    // What has no value has no type, and so no sub-attributes.
    case.refuses("add", "hobby.name", json!("chess"), "invalidPath");
    case.refuses("add", "hobby[a eq 1].b", json!("chess"), "noTarget");
    case.refuses("add", "userName.x", json!("chess"), "invalidPath");
}

// What changed.

#[test]
fn change_set_names_attributes_with_their_urn() {
    let user = user(json!({"title": "x", ENTERPRISE: {"department": "a", "costCenter": "b"}}));
    let (_, changes) = user
        .try_patch(json!([
            {"op": "replace", "path": "name.givenName", "value": "B"},
            {"op": "remove", "path": "title"},
            {"op": "replace", "path": format!("{ENTERPRISE}:department"), "value": "c"},
            {"op": "add", "path": "externalId", "value": "e"},
        ]))
        .unwrap();
    let expected = [
        "externalId".into(),
        format!("{USER}:name"),
        format!("{USER}:title"),
        format!("{ENTERPRISE}:department"),
    ];
    assert_eq!(changes.attributes, expected.map(String::into_boxed_str));
    assert!(
        changes.touches("NAME") && changes.touches("department") && changes.touches("externalId")
    );
    assert!(!changes.touches("costCenter") && !changes.touches("userName"));
    assert!(changes.members.is_empty());
}

#[test]
fn change_set_says_which_members_came_and_went() {
    let group = group(&["1", "2", "3"]);
    let (_, changes) = group
        .try_patch(json!([{"op": "replace", "path": "members",
            "value": [{"value": "4", "type": "User"}, {"value": "2"}]}]))
        .unwrap();
    let added: Vec<_> =
        changes.members.add.iter().map(|m| (m.value.as_str(), m.member_type.as_deref())).collect();
    let removed: Vec<_> = changes.members.remove.iter().map(|id| id.as_str()).collect();
    assert_eq!((added, removed), (vec![("4", Some("User"))], vec!["1", "3"]));
}

#[test]
fn patch_touches_what_its_paths_name() {
    let policy = Policy::strict();
    let touches = |op: PatchOp| ResourceType::group().patch_touches(&op, "members", &policy);
    assert!(touches(PatchOp::new().add("members", json!([]))));
    assert!(touches(PatchOp::new().remove("MEMBERS[value eq \"1\"]")));
    assert!(touches(PatchOp::new().add(format!("{GROUP}:members.value"), "x")));
    assert!(touches(PatchOp::new().add("displayName", "x").remove("members")));
    let without_path = |value: Value| {
        PatchOp::new().with(PatchOperation::new(PatchOpKind::Replace, None, Some(value)))
    };
    assert!(touches(without_path(json!({"Members": []}))));
    assert!(touches(without_path(json!({(format!("{GROUP}:members")): []}))));
    assert!(touches(without_path(json!({"members[value eq \"1\"].type": "User"}))));
    assert!(touches(PatchOp::new().add("not a path", "x")));
    assert!(!touches(PatchOp::new().replace("displayName", "members")));
    assert!(!touches(without_path(json!({"displayName": "members", "externalId": "1"}))));
}

// Members alone.

#[track_caller]
fn delta(policy: &Policy, operations: Value) -> Option<(Vec<String>, Vec<String>)> {
    let body = json!({"schemas": [PATCH_OP], "Operations": operations}).to_string();
    let op = PatchOp::from_slice(body.as_bytes(), policy).unwrap();
    let delta = ResourceType::group().member_delta(&op, policy).unwrap()?;
    let add = delta.add.iter().map(|member| member.value.to_string()).collect();
    Some((add, delta.remove.iter().map(ToString::to_string).collect()))
}

fn ids(ids: &[&str]) -> Vec<String> {
    ids.iter().map(ToString::to_string).collect()
}

#[test]
fn p37_named_members_are_a_delta() {
    let strict = Policy::strict();
    assert_eq!(
        delta(
            &strict,
            json!([
                {"op": "add", "path": "members", "value": [{"value": "1"}, {"value": "2"}]},
                {"op": "add", "value": {"MEMBERS": {"value": "3"}}},
                {"op": "remove", "path": "members[value eq \"4\"]"},
                {"op": "remove", "path": "members[value eq \"5\" or value eq \"6\"]"},
                {"op": "add", "path": format!("{GROUP}:members"), "value": []},
            ])
        ),
        Some((ids(&["1", "2", "3"]), ids(&["4", "5", "6"])))
    );
    let mut selecting = Policy::strict();
    selecting.patch.remove_value_selects = true;
    let legacy =
        json!([{"op": "Remove", "path": "members", "value": [{"$ref": null, "value": "1"}]}]);
    assert_eq!(delta(&selecting, legacy.clone()), Some((ids(&[]), ids(&["1"]))));
    assert_eq!(delta(&strict, legacy), None);
    let nothing = json!([{"op": "remove", "path": "members", "value": []}]);
    assert_eq!(delta(&selecting, nothing), Some((ids(&[]), ids(&[]))));
}

#[test]
fn p37_last_word_on_a_member_counts() {
    let strict = Policy::strict();
    let add = json!({"op": "add", "path": "members", "value": [{"value": "1"}]});
    let remove = json!({"op": "remove", "path": "members[value eq \"1\"]"});
    assert_eq!(delta(&strict, json!([add, remove])), Some((ids(&[]), ids(&["1"]))));
    assert_eq!(delta(&strict, json!([remove, add])), Some((ids(&["1"]), ids(&[]))));
    assert_eq!(delta(&strict, json!([add, add])), Some((ids(&["1"]), ids(&[]))));
}

#[test]
fn p37_anything_else_needs_the_group() {
    let mut lenient = Policy::lenient();
    lenient.patch.remove_unmatched = RemoveUnmatched::Succeed;
    for operation in [
        json!({"op": "replace", "path": "members", "value": [{"value": "1"}]}),
        json!({"op": "remove", "path": "members"}),
        json!({"op": "remove", "path": "members", "value": null}),
        json!({"op": "remove", "path": "members", "value": [{"value": "1", "type": "User"}]}),
        json!({"op": "remove", "path": "members", "value": [{"display": "x"}]}),
        json!({"op": "remove", "path": "members[type eq \"User\"]"}),
        json!({"op": "remove", "path": "members[value eq \"1\" and type eq \"User\"]"}),
        json!({"op": "remove", "path": "members[value sw \"1\"]"}),
        json!({"op": "remove", "path": "members[value eq \"1\"].display"}),
        json!({"op": "remove", "path": "members[value eq \"é\"]"}),
        json!({"op": "add", "path": "members[value eq \"1\"].type", "value": "User"}),
        json!({"op": "add", "path": "displayName", "value": "x"}),
        json!({"op": "add", "value": {"members": [{"value": "1"}], "displayName": "x"}}),
        json!({"op": "add", "path": "members", "value": [{"display": "x"}]}),
        json!({"op": "remove"}),
        json!({"op": "add", "path": "members"}),
    ] {
        assert_eq!(delta(&lenient, json!([operation.clone()])), None, "{operation}");
    }
    let mut no_target = Policy::strict();
    no_target.patch.remove_unmatched = RemoveUnmatched::NoTarget;
    assert_eq!(
        delta(&no_target, json!([{"op": "remove", "path": "members[value eq \"1\"]"}])),
        None
    );
    let op = PatchOp::new().add("members", json!([{"value": "1"}]));
    assert_eq!(ResourceType::user().member_delta(&op, &Policy::strict()).unwrap(), None);
}

#[test]
fn p37_wrong_value_is_the_same_error_as_without_the_delta() {
    let group = group(&[]);
    for value in [json!([{"value": 1}]), json!([{"nosuch": 1}]), json!("x"), json!([["x"]])] {
        let op = PatchOp::new().add("members", value);
        let from_delta = group.ty.member_delta(&op, &group.policy).unwrap_err();
        let from_patch =
            group.ty.patch(&mut group.resource.clone(), &op, &group.policy).unwrap_err();
        assert_eq!(from_delta, from_patch);
    }
}

#[test]
fn p06_attributes_under_the_urn_of_the_base_schema_are_its_attributes() {
    for ignore in [false, true] {
        let user = user(json!({"name": {"givenName": "a"}})).with(|policy| {
            if ignore {
                policy.unknown_attributes = UnknownAttributes::Ignore;
            }
        });
        let value = json!({USER.to_lowercase(): {"TITLE": "x", "name.familyName": "b"}});
        let op = |value| {
            PatchOp::new().with(PatchOperation::new(PatchOpKind::Replace, None, Some(value)))
        };
        let mut resource = user.resource.clone();
        user.ty.patch(&mut resource, &op(value), &user.policy).unwrap();
        assert_eq!(resource.get("title"), Some(&json!("x")));
        assert_eq!(resource.get("name"), Some(&json!({"givenName": "a", "familyName": "b"})));
        for wrong in [json!({USER: "x"}), json!({USER: {ENTERPRISE: {"department": "d"}}})] {
            let error = user.ty.patch(&mut resource, &op(wrong), &user.policy).unwrap_err();
            assert_eq!(error.scim_type(), Some(&ScimType::InvalidValue));
        }
        assert!(user.ty.patch_touches(&op(json!({USER: {"title": "x"}})), "title", &user.policy));
    }
}

// Cost.

#[test]
fn every_comparison_of_a_filter_and_every_long_text_is_work() {
    let group = user(json!({"emails": [{"value": "a".repeat(100_000), "type": "work"}]}));
    let refused = |filter: &str, count: usize| {
        let path = format!("emails[{filter}]");
        let op = (0..count).fold(PatchOp::new(), |op, _| op.remove(path.as_str()));
        let result = group.ty.patch(&mut group.resource.clone(), &op, &group.policy);
        match result {
            Ok(_) => false,
            Err(error) => error.status() == 413,
        }
    };
    assert!(!refused(r#"type co "x""#, 600));
    assert!(refused(r#"type co "x""#, 700));
    let many = vec![r#"type co "x""#; 100].join(" or ");
    assert!(!refused(&many, 6));
    assert!(refused(&many, 7));
    // Nor is a long text copied into each of many elements.
    let emails: Value = (0..5_000).map(|i| json!({"value": format!("{i}")})).collect();
    let long = user(json!({"emails": emails}));
    let op = PatchOp::new().replace("emails[value pr].display", "x".repeat(100_000));
    let error = long.ty.patch(&mut long.resource.clone(), &op, &long.policy).unwrap_err();
    assert_eq!(error.status(), 413);
}

#[test]
fn a_resource_grows_by_patch_up_to_a_limit() {
    let user = user(json!({"title": "x"})).with(|policy| policy.patch.max_resource_len = 500);
    let mut resource = user.resource.clone();
    let op = PatchOp::new().replace("title", "y".repeat(500));
    let error = user.ty.patch(&mut resource, &op, &user.policy).unwrap_err();
    assert_eq!(error.status(), 413);
    assert!(error.message().unwrap().contains("at most 500 are allowed"), "{error}");
    assert_eq!(resource, user.resource);
    // What is too large already may become smaller, and no larger.
    user.ty.patch(&mut resource, &op, &Policy::strict()).unwrap();
    let op = PatchOp::new().replace("title", "y".repeat(499));
    user.ty.patch(&mut resource, &op, &user.policy).unwrap();
    let op = PatchOp::new().add("nickName", "n");
    assert!(user.ty.patch(&mut resource, &op, &user.policy).is_err());
}

#[test]
fn many_members_are_no_quadratic_work() {
    let ids: Vec<String> = (0..20_000).map(|i| format!("id{i}")).collect();
    let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
    let group = group(&ids);
    let members: Value = (10_000..30_000).map(|i| json!({"value": format!("id{i}")})).collect();
    let op = PatchOp::new().add("members", members.clone());
    let mut resource = group.resource.clone();
    group.ty.patch(&mut resource, &op, &group.policy).unwrap();
    assert_eq!(resource.get("members").unwrap().as_array().unwrap().len(), 30_000);

    let mut policy = Policy::strict();
    policy.patch.remove_value_selects = true;
    let op = PatchOp::new().with(PatchOperation::new(
        PatchOpKind::Remove,
        Some("members".into()),
        Some(members),
    ));
    group.ty.patch(&mut resource, &op, &policy).unwrap();
    assert_eq!(resource.get("members").unwrap().as_array().unwrap().len(), 10_000);

    // One operation a member, as some clients do.
    let mut op = PatchOp::new();
    for i in 0..5_000 {
        op = op.add("members", json!([{"value": format!("new{i}")}]));
    }
    for i in 0..5_000 {
        op = op.remove(format!("members[value eq \"id{i}\"]"));
    }
    group.ty.patch(&mut resource, &op, &policy).unwrap();
    assert_eq!(resource.get("members").unwrap().as_array().unwrap().len(), 10_000);
}

#[test]
fn work_is_bounded() {
    let ids: Vec<String> = (0..20_000).map(|i| format!("id{i}")).collect();
    let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
    let group = group(&ids);
    let mut op = PatchOp::new();
    for i in 0..1_000 {
        op = op.remove(format!("members[display eq \"{i}\"]"));
    }
    let mut resource = group.resource.clone();
    let error = group.ty.patch(&mut resource, &op, &group.policy).unwrap_err();
    assert_eq!(error.status(), 413);
    assert_eq!(resource, group.resource);
}

#[test]
fn unknown_keys_and_like_values_are_no_quadratic_work() {
    let case = open(json!({"schemas": [USER], "userName": "b"}));
    let many: Map<String, Value> = (0..50_000).map(|i| (format!("key{i}"), json!(1))).collect();
    let op = PatchOp::new().with(PatchOperation::new(PatchOpKind::Add, None, Some(many.into())));
    let error = case.ty.patch(&mut case.resource.clone(), &op, &case.policy).unwrap_err();
    assert_eq!(error.status(), 413);
    let user = user(json!({}));
    let alike: Value =
        (0..20_000).map(|i| json!({"value": "a", "type": format!("t{i}")})).collect();
    let mut resource = user.resource.clone();
    let op = PatchOp::new().add("emails", alike.clone());
    user.ty.patch(&mut resource, &op, &user.policy).unwrap();
    user.ty.patch(&mut resource, &op, &user.policy).unwrap();
    assert_eq!(resource.get("emails").unwrap().as_array().unwrap().len(), 20_000);
    let mut policy = Policy::strict();
    policy.patch.remove_value_selects = true;
    let op = PatchOp::new().with(PatchOperation::new(
        PatchOpKind::Remove,
        Some("emails".into()),
        Some(alike),
    ));
    let error = user.ty.patch(&mut resource, &op, &policy).unwrap_err();
    assert_eq!(error.status(), 413);
}
