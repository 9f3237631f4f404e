//! What may be created, and what may replace what.

use proptest::prelude::*;
use scim2_core::policy::{PutMissing, SchemasMismatch, UnknownAttributes};
use scim2_core::schema::Schema;
use scim2_core::{Error, Policy, Resource, ResourceType, ScimType};
use serde_json::{Map, Value, json};

const USER: &str = "urn:ietf:params:scim:schemas:core:2.0:User";
const GROUP: &str = "urn:ietf:params:scim:schemas:core:2.0:Group";
const ENTERPRISE: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";

fn resource(value: Value) -> Resource {
    let Value::Object(map) = value else { panic!("a resource is an object") };
    map.into()
}

fn user(mut more: Value) -> Value {
    let Some(map) = more.as_object_mut() else { panic!("a user is an object") };
    map.entry("schemas").or_insert_with(|| json!([USER]));
    map.entry("userName").or_insert_with(|| json!("bjensen"));
    more
}

fn create_with(ty: &ResourceType, body: &Value, policy: &Policy) -> Result<Value, Error> {
    let resource = ty.ingest(body.to_string().as_bytes(), policy)?;
    ty.validate_new(resource, policy).map(|valid| valid.into_inner().into())
}

fn create(body: &Value) -> Result<Value, Error> {
    create_with(&ResourceType::user(), body, &Policy::strict())
}

fn replace_with(
    ty: &ResourceType,
    before: Value,
    body: &Value,
    policy: &Policy,
) -> Result<Value, Error> {
    let after = ty.ingest(body.to_string().as_bytes(), policy)?;
    ty.validate_replace(&resource(before), after, policy).map(|valid| valid.into_inner().into())
}

fn replace(before: Value, body: &Value) -> Result<Value, Error> {
    replace_with(&ResourceType::user(), before, body, &Policy::strict())
}

/// The refusal has this `scimType` and is just this.
#[track_caller]
fn refused(result: Result<Value, Error>, scim_type: ScimType, message: &str) {
    let error = result.unwrap_err();
    assert_eq!(error.status().as_u16(), 400);
    assert_eq!((error.scim_type(), error.message()), (Some(&scim_type), Some(message)));
}

fn tolerant(change: impl FnOnce(&mut Policy)) -> Policy {
    let mut policy = Policy::strict();
    change(&mut policy);
    policy
}

/// A resource type that has attributes of every mutability.
fn badge() -> ResourceType {
    let schema: Schema = serde_json::from_value(json!({
        "id": "urn:example:Badge",
        "attributes": [
            {"name": "number", "mutability": "immutable"},
            {"name": "serials", "multiValued": true, "mutability": "immutable"},
            {"name": "counter", "type": "integer", "mutability": "readOnly"},
            {"name": "pin", "mutability": "writeOnly", "returned": "never"},
            {"name": "colour"},
            {"name": "owner", "type": "complex", "subAttributes": [
                {"name": "value", "mutability": "immutable"},
                {"name": "note"},
                {"name": "since", "type": "dateTime", "mutability": "readOnly"},
            ]},
            {"name": "doors", "type": "complex", "multiValued": true, "subAttributes": [
                {"name": "value", "required": true},
                {"name": "opened", "type": "integer", "mutability": "readOnly"},
                {"name": "code", "mutability": "writeOnly"},
                {"name": "kind", "mutability": "immutable"},
            ]},
            {"name": "origin", "type": "complex", "mutability": "immutable", "subAttributes": [
                {"name": "country"}, {"name": "city"},
            ]},
            {"name": "audit", "type": "complex", "mutability": "readOnly", "subAttributes": [
                {"name": "by", "mutability": "readWrite"},
            ]},
        ],
    }))
    .unwrap();
    ResourceType::new("Badge", "/Badges", schema)
}

fn put_badge(before: Value, after: Value) -> Result<Value, Error> {
    let with_schemas = |mut badge: Value| {
        badge["schemas"] = json!(["urn:example:Badge"]);
        badge
    };
    let result =
        replace_with(&badge(), with_schemas(before), &with_schemas(after), &Policy::strict());
    result.map(|mut badge| {
        badge.as_object_mut().unwrap().remove("schemas");
        badge
    })
}

#[test]
fn w01_r43_3_01_r43_3_03_schemas_are_required_unless_they_are_inferred() {
    let body = json!({"userName": "b"});
    refused(create(&body), ScimType::InvalidSyntax, "`schemas` is required and must not be empty");
    refused(
        create(&json!({"userName": "b", "schemas": []})),
        ScimType::InvalidSyntax,
        "`schemas` is required and must not be empty",
    );
    let infer = tolerant(|policy| policy.schemas.infer = true);
    let created = create_with(&ResourceType::user(), &body, &infer).unwrap();
    assert_eq!(created, json!({"userName": "b", "schemas": [USER]}));
}

#[test]
fn w01_schemas_are_required_in_put() {
    let put = replace(user(json!({})), &json!({"userName": "b"}));
    refused(put, ScimType::InvalidSyntax, "`schemas` is required and must not be empty");
}

#[test]
fn w02_r43_3_3_02_r43_3_3_07_schemas_follow_from_the_content() {
    let listed_without_data = user(json!({"schemas": [ENTERPRISE, USER]}));
    assert_eq!(create(&listed_without_data).unwrap()["schemas"], json!([USER]));
    let data_without_urn = user(json!({ENTERPRISE: {"department": "d"}}));
    assert_eq!(create(&data_without_urn).unwrap()["schemas"], json!([USER, ENTERPRISE]));
    let both = user(json!({"schemas": [ENTERPRISE, USER], ENTERPRISE: {"department": "d"}}));
    assert_eq!(create(&both).unwrap()["schemas"], json!([ENTERPRISE, USER]));

    let reject = tolerant(|policy| policy.schemas.mismatch = SchemasMismatch::Reject);
    let ty = ResourceType::user();
    for body in [&listed_without_data, &data_without_urn] {
        let error = create_with(&ty, body, &reject).unwrap_err();
        assert_eq!(error.scim_type(), Some(&ScimType::InvalidSyntax));
        assert!(error.message().unwrap().contains(ENTERPRISE), "{error}");
    }
    assert!(create_with(&ty, &both, &reject).is_ok());
}

#[test]
fn w02_r43_3_04_r43_3_3_06_an_unknown_urn_or_another_types_is_refused_or_dropped() {
    for urn in [
        GROUP,
        "urn:scim:schemas:core:1.0",
        "urn:ietf:params:scim:schemas:extension:enterprise:2.0User",
        "x",
    ] {
        let body = user(json!({"schemas": [USER, urn]}));
        refused(
            create(&body),
            ScimType::InvalidSyntax,
            &format!("`schemas` has `{urn}`, which is neither `{USER}` nor one of its extensions"),
        );
        let ignore = tolerant(|policy| policy.schemas.ignore_unknown = true);
        let created = create_with(&ResourceType::user(), &body, &ignore).unwrap();
        assert_eq!(created["schemas"], json!([USER]));
    }
}

#[test]
fn r43_3_3_01_the_base_schema_is_listed() {
    let body = user(json!({"schemas": [ENTERPRISE], ENTERPRISE: {"department": "d"}}));
    refused(create(&body), ScimType::InvalidSyntax, &format!("`schemas` must have `{USER}`"));
    let infer = tolerant(|policy| policy.schemas.infer = true);
    let created = create_with(&ResourceType::user(), &body, &infer).unwrap();
    assert_eq!(created["schemas"], json!([ENTERPRISE, USER]));
}

#[test]
fn s08_r43_3_02_r43_3_05_schemas_have_no_duplicates_and_the_registered_spelling() {
    let body = user(json!({"schemas": [USER.to_uppercase(), USER, USER.to_lowercase(), USER]}));
    assert_eq!(create(&body).unwrap()["schemas"], json!([USER]));
}

#[test]
fn r43_3_06_the_order_of_schemas_means_nothing() {
    let body = |schemas: Value| user(json!({"schemas": schemas, ENTERPRISE: {"department": "d"}}));
    for schemas in [json!([USER, ENTERPRISE]), json!([ENTERPRISE, USER])] {
        let mut created = create(&body(schemas)).unwrap();
        created["schemas"].as_array_mut().unwrap().sort_by_key(Value::to_string);
        assert_eq!(created, body(json!([USER, ENTERPRISE])));
    }
}

#[test]
fn w09_r43_4_1_1_01_r44_3_12_10_a_user_has_a_user_name() {
    for body in [json!({}), json!({"userName": null}), json!({"userName": []})] {
        let body = {
            let mut body = body;
            body["schemas"] = json!([USER]);
            body
        };
        refused(create(&body), ScimType::InvalidValue, "`userName` is required");
        refused(replace(user(json!({})), &body), ScimType::InvalidValue, "`userName` is required");
    }
    refused(
        create(&user(json!({"userName": ""}))),
        ScimType::InvalidValue,
        "`userName` is required and must not be empty",
    );
}

#[test]
fn w09_r43_4_2_01_a_group_has_a_display_name() {
    let group = |body: Value| create_with(&ResourceType::group(), &body, &Policy::strict());
    refused(
        group(json!({"schemas": [GROUP]})),
        ScimType::InvalidValue,
        "`displayName` is required",
    );
    refused(
        group(json!({"schemas": [GROUP], "displayName": ""})),
        ScimType::InvalidValue,
        "`displayName` is required and must not be empty",
    );
    // A user's may be empty.
    assert!(create(&user(json!({"displayName": ""}))).is_ok());
}

#[test]
fn r44_3_5_1_06_put_needs_what_is_required() {
    let put = replace(user(json!({"id": "1"})), &json!({"schemas": [USER], "title": "t"}));
    refused(put, ScimType::InvalidValue, "`userName` is required");
}

#[test]
fn s05_r43_4_2_04_a_required_sub_attribute_is_needed_where_its_parent_is() {
    let with_doors = |doors: Value| {
        let body = json!({"schemas": ["urn:example:Badge"], "doors": doors});
        create_with(&badge(), &body, &Policy::strict())
    };
    assert!(with_doors(Value::Null).is_ok());
    assert!(with_doors(json!([{"value": "1"}, {"value": ""}])).is_ok());
    refused(
        with_doors(json!([{"value": "1"}, {"kind": "front"}, {"code": "5"}])),
        ScimType::InvalidValue,
        "`doors[1].value` is required; `doors[2].value` is required",
    );
}

#[test]
fn w34_r43_6_07_r43_6_08_a_required_extension_is_there_and_an_optional_one_may_be() {
    let schema = || -> Schema {
        serde_json::from_value(json!({
            "id": "urn:example:X", "attributes": [{"name": "a", "required": true}, {"name": "b"}],
        }))
        .unwrap()
    };
    let required = ResourceType::user().with_required_extension(schema());
    let optional = ResourceType::user().with_extension(schema());
    let without = user(json!({}));
    let result = create_with(&required, &without, &Policy::strict());
    refused(result, ScimType::InvalidValue, "`urn:example:X` is required");
    assert!(create_with(&optional, &without, &Policy::strict()).is_ok());
    let half = user(json!({"urn:example:X": {"b": "1"}}));
    for ty in [&required, &optional] {
        let result = create_with(ty, &half, &Policy::strict());
        refused(result, ScimType::InvalidValue, "`urn:example:X:a` is required");
    }
    assert!(
        create_with(&required, &user(json!({"urn:example:X": {"a": "1"}})), &Policy::strict())
            .is_ok()
    );
}

#[test]
fn w06_w27_r44_3_3_01_r43_3_1_14_r43_2_01_post_ignores_what_is_read_only() {
    let body = user(json!({
        "id": "1", "meta": {"created": "1999-01-01T00:00:00Z", "version": "x"},
        "groups": [{"value": "admins", "type": "direct"}],
        ENTERPRISE: {"manager": {"value": "2", "displayName": "Boss"}},
    }));
    let expected = user(json!({
        "schemas": [USER, ENTERPRISE], ENTERPRISE: {"manager": {"value": "2"}},
    }));
    assert_eq!(create(&body).unwrap(), expected);
    let only_read_only = user(json!({ENTERPRISE: {"manager": {"displayName": "Boss"}}}));
    assert_eq!(create(&only_read_only).unwrap(), user(json!({})));
}

#[test]
fn sec_13_no_spelling_of_a_read_only_attribute_gets_into_a_new_resource() {
    let keep = tolerant(|policy| policy.unknown_attributes = UnknownAttributes::Keep);
    for name in ["id", "ID", "Id", "meta", "META", "groups", "Groups", "GROUPS"] {
        for value in [
            json!("x"),
            json!([{"value": "admins"}]),
            json!({"value": "admins"}),
            json!(1),
            json!(null),
        ] {
            for policy in [&Policy::strict(), &Policy::lenient(), &keep] {
                let body = user(json!({ name: value }));
                let created = create_with(&ResourceType::user(), &body, policy).unwrap();
                assert_eq!(created, user(json!({})), "{body}");
                let before = user(json!({"id": "7", "groups": [{"value": "staff"}]}));
                let replaced =
                    replace_with(&ResourceType::user(), before.clone(), &body, policy).unwrap();
                assert_eq!(replaced, before, "{body}");
            }
        }
    }
}

#[test]
fn s06_in_a_read_only_attribute_everything_is_read_only() {
    let body = json!({"schemas": ["urn:example:Badge"], "audit": {"by": "me"}, "colour": "red"});
    let created = create_with(&badge(), &body, &Policy::strict()).unwrap();
    assert_eq!(created, json!({"schemas": ["urn:example:Badge"], "colour": "red"}));
}

#[test]
fn r43_3_1_03_the_common_attributes_are_what_they_are_in_any_schema() {
    let schema: Schema = serde_json::from_value(json!({
        "id": "urn:example:Old",
        "attributes": [{"name": "id", "required": true}, {"name": "meta"}, {"name": "externalId", "required": true}],
    }))
    .unwrap();
    let ty = ResourceType::new("Old", "/Old", schema);
    let body = json!({"schemas": ["urn:example:Old"], "id": "mine", "meta": "mine"});
    let created = create_with(&ty, &body, &Policy::strict()).unwrap();
    assert_eq!(created, json!({"schemas": ["urn:example:Old"]}));
}

#[test]
fn w23_r43_2_4_03_one_value_at_most_is_primary() {
    let email = |value: &str, primary: bool| json!({"value": value, "primary": primary});
    let body = user(json!({"emails": [email("a", true), email("b", false), email("c", true)]}));
    let message = "`emails` has 2 values with `primary` true, at most 1 is allowed";
    refused(create(&body), ScimType::InvalidValue, message);
    refused(replace(user(json!({})), &body), ScimType::InvalidValue, message);
    let first = tolerant(|policy| policy.primary_keep_first = true);
    let created = create_with(&ResourceType::user(), &body, &first).unwrap();
    assert_eq!(created["emails"], json!([email("a", true), email("b", false), email("c", false)]));
}

#[test]
fn w25_post_takes_an_initial_password() {
    let created = create(&user(json!({"password": "t1meMa$heen"}))).unwrap();
    assert_eq!(created["password"], "t1meMa$heen");
}

#[test]
fn sec_12_a_password_is_not_empty() {
    let body = user(json!({"password": ""}));
    let message = "`password` must be text that is not empty";
    refused(create(&body), ScimType::InvalidValue, message);
    refused(replace(user(json!({})), &body), ScimType::InvalidValue, message);
}

#[test]
fn w26_active_has_no_default() {
    assert_eq!(create(&user(json!({}))).unwrap(), user(json!({})));
}

#[test]
fn r44_3_5_1_02_r44_3_5_1_05_w06_put_replaces_values_and_ignores_what_is_read_only() {
    let before = user(json!({
        "id": "1", "title": "old", "nickName": "gone", "groups": [{"value": "g"}],
        "meta": {"created": "2011-05-13T04:42:34Z"},
    }));
    let body = user(json!({
        "id": "2", "title": "new", "groups": [], "meta": {"created": "1999-01-01T00:00:00Z"},
    }));
    let expected = user(json!({
        "id": "1", "title": "new", "groups": [{"value": "g"}], "meta": {"created": "2011-05-13T04:42:34Z"},
    }));
    assert_eq!(replace(before.clone(), &body).unwrap(), expected);
    let reject = tolerant(|policy| policy.put.id_mismatch_rejected = true);
    let ty = ResourceType::user();
    refused(
        replace_with(&ty, before.clone(), &body, &reject),
        ScimType::Mutability,
        "`id` is readOnly",
    );
    assert!(replace_with(&ty, before.clone(), &user(json!({"id": "1"})), &reject).is_ok());
    assert!(replace_with(&ty, before, &user(json!({})), &reject).is_ok());
}

#[test]
fn w07_r44_3_5_1_04_r44_3_5_1_09_r43_7_13_r43_7_14_put_and_what_is_immutable() {
    let before = json!({"number": "7", "colour": "red"});
    // Left out, it stays; equal, also in another case, it is fine.
    assert_eq!(
        put_badge(before.clone(), json!({"colour": "blue"})).unwrap(),
        json!({"number": "7", "colour": "blue"})
    );
    assert!(put_badge(before.clone(), json!({"number": "7"})).is_ok());
    assert!(put_badge(json!({"number": "a"}), json!({"number": "A"})).is_ok());
    refused(
        put_badge(before, json!({"number": "8"})),
        ScimType::Mutability,
        "`number` is immutable and has another value already",
    );
    // Unset, it can be set.
    assert_eq!(put_badge(json!({}), json!({"number": "8"})).unwrap(), json!({"number": "8"}));
    let serials = json!({"serials": ["a", "b"]});
    assert!(put_badge(serials.clone(), serials.clone()).is_ok());
    assert!(put_badge(serials, json!({"serials": ["a"]})).is_err());
}

#[test]
fn w07_immutable_sub_attributes_of_one_value() {
    let before = json!({"owner": {"value": "1", "note": "x", "since": "2011-05-13T04:42:34Z"}});
    assert_eq!(
        put_badge(before.clone(), json!({"owner": {"note": "y"}})).unwrap(),
        json!({"owner": {"value": "1", "note": "y", "since": "2011-05-13T04:42:34Z"}})
    );
    refused(
        put_badge(before.clone(), json!({"owner": {"value": "2"}})),
        ScimType::Mutability,
        "`owner.value` is immutable and has another value already",
    );
    // The whole value may go: `owner` is readWrite.
    assert_eq!(put_badge(before, json!({})).unwrap(), json!({}));
}

#[test]
fn s06_in_an_immutable_attribute_everything_is_immutable_once_it_is_set() {
    let origin = |city: &str| json!({"origin": {"country": "DE", "city": city}});
    assert!(put_badge(origin("Berlin"), origin("BERLIN")).is_ok());
    refused(
        put_badge(origin("Berlin"), origin("Bonn")),
        ScimType::Mutability,
        "`origin` is immutable and has another value already",
    );
    assert_eq!(put_badge(json!({}), origin("Bonn")).unwrap(), origin("Bonn"));
}

#[test]
fn s12_the_elements_of_a_multi_valued_attribute_are_replaced_not_edited() {
    let before = json!({"doors": [
        {"value": "A", "opened": 5, "code": "1", "kind": "front"}, {"value": "b", "opened": 7},
    ]});
    let after = json!({"doors": [{"value": "a", "kind": "back"}, {"value": "c", "opened": 9}]});
    let expected = json!({"doors": [{"value": "a", "kind": "back", "opened": 5, "code": "1"}, {"value": "c"}]});
    assert_eq!(put_badge(before, after).unwrap(), expected);
    let members = |display: &str| json!({"schemas": [GROUP], "displayName": "g", "members": [{"value": "1", "display": display}]});
    let put = replace_with(&ResourceType::group(), members("x"), &members("y"), &Policy::strict());
    assert_eq!(put.unwrap(), members("y"));
}

#[test]
fn w35_the_name_of_one_manager_is_not_that_of_another() {
    let manager = |value: &str| {
        user(json!({"schemas": [USER, ENTERPRISE], ENTERPRISE: {"manager": {"value": value}}}))
    };
    let mut before = manager("1");
    before[ENTERPRISE]["manager"]["displayName"] = json!("Boss");
    assert_eq!(replace(before.clone(), &manager("1")).unwrap(), before);
    assert_eq!(replace(before.clone(), &manager("2")).unwrap(), manager("2"));
    // And {} or null clears.
    for cleared in [json!(null), json!({})] {
        let body = user(json!({ENTERPRISE: {"manager": cleared}}));
        assert_eq!(replace(before.clone(), &body).unwrap(), user(json!({})));
    }
}

#[test]
fn w08_r44_3_5_1_03_r43_2_5_02_put_clears_what_it_leaves_out() {
    let before = user(json!({
        "id": "1", "title": "t", "emails": [{"value": "a@b"}], "schemas": [USER, ENTERPRISE],
        ENTERPRISE: {"department": "d"},
    }));
    for body in [
        user(json!({})),
        user(json!({"title": null, "emails": [], ENTERPRISE: null})),
        user(json!({"title": null, "emails": [], ENTERPRISE: {"department": null}})),
    ] {
        assert_eq!(replace(before.clone(), &body).unwrap(), user(json!({"id": "1"})));
    }
}

#[test]
fn w08_put_keeps_what_no_client_can_read_back() {
    let before = json!({"pin": "1234", "counter": 5, "colour": "red"});
    assert_eq!(
        put_badge(before.clone(), json!({"counter": 9})).unwrap(),
        json!({"pin": "1234", "counter": 5})
    );
    assert_eq!(put_badge(before, json!({"pin": "5"})).unwrap(), json!({"pin": "5", "counter": 5}));
}

#[test]
fn w08_put_keeps_what_it_leaves_out_by_option() {
    let keep = tolerant(|policy| policy.put.missing = PutMissing::Keep);
    let before = user(json!({
        "id": "1", "title": "t", "name": {"givenName": "B"}, "schemas": [USER, ENTERPRISE],
        ENTERPRISE: {"department": "d", "division": "x"},
    }));
    let body = user(json!({"title": "u", ENTERPRISE: {"division": "y"}}));
    let mut expected = before.clone();
    expected["title"] = json!("u");
    expected[ENTERPRISE]["division"] = json!("y");
    let replaced = replace_with(&ResourceType::user(), before, &body, &keep).unwrap();
    assert_eq!(replaced, expected);
}

#[test]
fn r44_3_5_1_08_what_was_read_can_be_put_back() {
    let before = user(json!({
        "id": "1", "externalId": "e", "meta": {"resourceType": "User", "version": "W/\"1\""},
        "schemas": [USER, ENTERPRISE], "groups": [{"value": "g", "$ref": "https://x/Groups/g"}],
        "emails": [{"value": "a@b", "primary": true}],
        ENTERPRISE: {"manager": {"value": "2", "$ref": "https://x/Users/2", "displayName": "Boss"}},
    }));
    let mut stored = before.clone();
    stored[ENTERPRISE]["manager"].as_object_mut().unwrap().remove("$ref");
    assert_eq!(replace(stored.clone(), &before).unwrap(), stored);
}

#[test]
fn r43_2_5_01_the_unassigned_states_give_equal_resources() {
    let states = [
        json!({}),
        json!({"title": null}),
        json!({"title": []}),
        json!({"name": {}, "emails": [{}]}),
    ];
    for state in states {
        assert_eq!(
            replace(user(json!({"title": "t"})), &user(state.clone())).unwrap(),
            user(json!({}))
        );
        assert_eq!(create(&user(state)).unwrap(), user(json!({})));
    }
}

#[test]
fn violations_of_validation_are_reported_together() {
    let body = json!({
        "emails": [{"primary": true, "value": "a"}, {"primary": true, "value": "b"}], "schemas": [GROUP],
    });
    let error = create(&body).unwrap_err();
    assert_eq!(error.scim_type(), Some(&ScimType::InvalidSyntax));
    let told: Vec<_> = error.message().unwrap().split("; ").collect();
    assert_eq!(
        told,
        [
            &format!(
                "`schemas` has `{GROUP}`, which is neither `{USER}` nor one of its extensions"
            ),
            &format!("`schemas` must have `{USER}`"),
            "`emails` has 2 values with `primary` true, at most 1 is allowed",
            "`userName` is required",
        ]
    );
}

#[test]
fn a_resource_from_anywhere_is_validated_in_full() {
    let ty = ResourceType::user();
    let made = resource(json!({"Schemas": [USER], "USERNAME": "b", "active": "yes"}));
    let error = ty.validate_new(made, &Policy::strict()).unwrap_err();
    assert_eq!(error.message(), Some("`active` must be a boolean, found a string"));
    let made = resource(json!({"Schemas": [USER], "USERNAME": "b"}));
    let valid = ty.validate_new(made, &Policy::strict()).unwrap();
    assert_eq!(Value::from(valid.into_inner()), json!({"schemas": [USER], "userName": "b"}));
}

#[test]
fn an_open_resource_type_keeps_unknown_schemas_and_attributes() {
    let open = ResourceType::user().open();
    let body = user(json!({"schemas": [USER, "urn:a:b"], "urn:a:b": {"c": 1}, "colour": "red"}));
    assert_eq!(create_with(&open, &body, &Policy::strict()).unwrap(), body);
}

/// Bodies as Entra ID sends them: vendors' quirks under the tolerances that answer them.
#[test]
fn entra_bodies_are_accepted_under_tolerances() {
    let policy = tolerant(|policy| {
        policy.values.coerce_scalars = true;
        policy.values.unwrap_single_element_array = true;
        policy.values.string_as_complex_value = true;
        policy.unknown_attributes = UnknownAttributes::Ignore;
        policy.schemas.ignore_unknown = true;
        policy.uri_lenient = true;
    });
    let post = |body: Value| create_with(&ResourceType::user(), &body, &policy).unwrap();
    let created = post(json!({
        "schemas": [USER, "urn:ietf:params:scim:schemas:extension:enterprise:2.0User"],
        "userName": "jyoung", "addresses": null, "emails": [{"type": "work", "value": "j@c.com", "Primary": true}],
        "meta": {"resourceType": "User"}, "phoneNumbers": null, "department": null, "manager": null, "roles": [],
    }));
    assert_eq!(
        created,
        json!({
            "schemas": [USER], "userName": "jyoung",
            "emails": [{"type": "work", "value": "j@c.com", "primary": true}],
        })
    );
    let created = post(user(json!({
        "active": "True", "locale": "RJWNTUNNOHNZ", "profileUrl": "BAPNQLJSRQGD", "timezone": "x",
        "roles": [{"primary": "True", "value": "r", "displayName": "Admin"}],
        "addresses": [{"country": "Sierra Leone"}, {"country": null}],
        ENTERPRISE: {"Department": "bob", "Manager": {"Value": "SuzzyQ"}},
    })));
    assert_eq!(created["active"], true);
    assert_eq!(created["roles"], json!([{"primary": true, "value": "r"}]));
    assert_eq!(created["addresses"], json!([{"country": "Sierra Leone"}]));
    assert_eq!(created[ENTERPRISE], json!({"department": "bob", "manager": {"value": "SuzzyQ"}}));
    let group = json!({
        "schemas": [GROUP, "http://schemas.microsoft.com/2006/11/ResourceManagement/ADSCIM/2.0/Group"],
        "displayName": "g", "members": [],
    });
    let created = create_with(&ResourceType::group(), &group, &policy).unwrap();
    assert_eq!(created, json!({"schemas": [GROUP], "displayName": "g"}));
}

/// The bodies of POST and PUT in the vendors' captures, where they are at hand.
#[test]
fn vendor_captures_are_accepted_under_tolerances() {
    let Some(vectors) = std::env::var_os("SCIM_VECTORS") else { return };
    let mut policy = Policy::lenient();
    policy.schemas.ignore_unknown = true;
    let mut ran = 0;
    for file in std::fs::read_dir(std::path::Path::new(&vectors).join("vendors")).unwrap() {
        let path = file.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if !name.starts_with("entra-") && !name.starts_with("okta-") {
            continue;
        }
        let file: Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
        for case in file["cases"].as_array().into_iter().flatten() {
            let endpoint = case["path"].as_str().unwrap_or_default();
            let ty = if endpoint.contains("/Users") {
                ResourceType::user()
            } else if endpoint.contains("/Groups") {
                ResourceType::group()
            } else {
                continue;
            };
            let expected = case["expect"]["status"].as_u64();
            let (Some(expected), Value::Object(_)) = (expected, &case["body"]) else { continue };
            let (true, Some("POST" | "PUT")) =
                (case["direction"] == "request", case["method"].as_str())
            else {
                continue;
            };
            let result = create_with(&ty, &case["body"], &policy);
            assert_eq!(result.is_ok(), expected < 300, "{name}: {}: {result:?}", case["name"]);
            ran += 1;
        }
    }
    assert!(ran > 20, "{ran}");
}

fn some_user() -> impl Strategy<Value = Value> {
    let text = "[a-c]{1,2}";
    let emails = prop::collection::vec(
        ("[a-c]{1,2}", prop::option::of(any::<bool>())).prop_map(
            |(value, primary)| match primary {
                Some(primary) => json!({"value": value, "primary": primary}),
                None => json!({"value": value}),
            },
        ),
        0..4,
    );
    let fields = (
        prop::option::of(text),
        prop::option::of(text),
        emails,
        prop::option::of(text),
        prop::option::of(text),
    );
    fields.prop_map(|(title, given_name, emails, department, manager)| {
        user(json!({
            "title": title, "name": {"givenName": given_name}, "emails": emails,
            ENTERPRISE: {"department": department, "manager": {"value": manager}},
        }))
    })
}

proptest! {
    #[test]
    fn validating_again_changes_nothing(body in some_user()) {
        if let Ok(created) = create(&body) {
            prop_assert_eq!(create(&created).unwrap(), created.clone());
            prop_assert_eq!(replace(created.clone(), &created).unwrap(), created);
        }
    }

    #[test]
    fn put_is_as_good_as_a_new_resource_where_nothing_is_kept(before in some_user(), body in some_user()) {
        if let (Ok(before), Ok(created)) = (create(&before), create(&body)) {
            prop_assert_eq!(replace(before, &body).unwrap(), created);
        }
    }

    #[test]
    fn r43_2_5_03_nothing_unassigned_is_left_and_schemas_list_what_is_there(body in some_user()) {
        if let Ok(created) = create(&body) {
            let listed: Vec<_> = created["schemas"].as_array().unwrap().iter().filter_map(Value::as_str).collect();
            prop_assert_eq!(listed.contains(&ENTERPRISE), created.get(ENTERPRISE).is_some());
            prop_assert!(listed.contains(&USER));
            fn full(value: &Value) -> bool {
                match value {
                    Value::Null => false,
                    Value::Array(elements) => !elements.is_empty() && elements.iter().all(full),
                    Value::Object(map) => !map.is_empty() && map.values().all(full),
                    _ => true,
                }
            }
            prop_assert!(full(&created));
        }
    }
}

#[test]
fn no_map_is_too_odd_to_validate() {
    let ty = ResourceType::user();
    for odd in [
        json!({"schemas": {"a": 1}}),
        json!({"schemas": [[USER]]}),
        json!({"schemas": [null]}),
        json!({ENTERPRISE: [1]}),
    ] {
        assert!(ty.validate_new(resource(odd.clone()), &Policy::strict()).is_err());
        let before: Resource = resource(odd);
        let after = resource(user(json!({})));
        assert!(ty.validate_replace(&before, after, &Policy::strict()).is_ok());
    }
    assert!(ty.validate_new(Map::new().into(), &Policy::strict()).is_err());
}
