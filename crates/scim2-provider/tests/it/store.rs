//! The memory store by itself.

use std::sync::Arc;

use scim2_core::etag::EntityTags;
use scim2_core::resource::ResourceId;
use scim2_core::{Policy, Resource, ResourceType, Valid};
use scim2_provider::store::{
    Dangling, Load, Page, Position, Query, Store, StoreError, Stored, if_match,
};
use scim2_provider::{MemoryStore, ProvisioningDomain, Scope, TenantId};
use serde_json::{Value, json};

use crate::support::{GROUP, USER, block_on, clock};

fn scope() -> Scope {
    Scope::tenant(TenantId::new("a").unwrap())
}

fn valid(ty: &ResourceType, resource: Value) -> Valid<Resource> {
    let resource = Resource::from(resource.as_object().unwrap().clone());
    ty.validate_new(resource, &Policy::strict()).unwrap()
}

fn insert(store: &MemoryStore, ty: &ResourceType, resource: Value) -> Stored {
    block_on(store.insert(&scope(), ty, valid(ty, resource).into())).unwrap()
}

#[test]
fn a_resource_is_found_under_its_own_type_alone() {
    let store = MemoryStore::default();
    let user = insert(&store, &ResourceType::user(), json!({"schemas": [USER], "userName": "a"}));
    let id = ResourceId::from(user.id());
    let get = |ty: ResourceType| block_on(store.get(&scope(), &ty, &id, Load::Full)).unwrap();
    assert_eq!(get(ResourceType::user()), Some(user));
    assert_eq!(get(ResourceType::group()), None);
}

#[test]
fn without_members_they_are_not_read() {
    let store = MemoryStore::default();
    let user = insert(&store, &ResourceType::user(), json!({"schemas": [USER], "userName": "a"}));
    let group = ResourceType::group();
    let body = json!({"schemas": [GROUP], "displayName": "g", "members": [{"value": user.id()}]});
    let id = ResourceId::from(insert(&store, &group, body).id());
    let read = |load| block_on(store.get(&scope(), &group, &id, load)).unwrap().unwrap().resource;
    assert_eq!(read(Load::WithoutMembers).get("members"), None);
    assert_eq!(read(Load::Full).get("members").unwrap()[0]["value"], user.id());
}

#[test]
fn an_update_without_members_keeps_them() {
    let store = MemoryStore::with_clock(clock());
    let ty = ResourceType::group();
    let body = json!({"schemas": [GROUP], "displayName": "g", "members": [{"value": "m"}]});
    let id = ResourceId::from(insert(&store, &ty, body).id());
    let renamed = valid(&ty, json!({"schemas": [GROUP], "displayName": "h"}));
    let change = Box::new(move |_: &Stored| Ok(Some(renamed.clone().into())));
    let updated = block_on(store.update(&scope(), &ty, &id, Load::WithoutMembers, change)).unwrap();
    assert!(updated.changed);
    let stored = block_on(store.get(&scope(), &ty, &id, Load::Full)).unwrap().unwrap();
    assert_eq!(stored.resource.text("displayName"), Some("h"));
    assert_eq!(stored.resource.get("members").unwrap()[0]["value"], "m");
}

#[test]
fn no_change_is_no_new_version() {
    let store = MemoryStore::default();
    let ty = ResourceType::user();
    let before = insert(&store, &ty, json!({"schemas": [USER], "userName": "a"}));
    let id = ResourceId::from(before.id());
    let change = Box::new(|_: &Stored| Ok(None));
    let updated = block_on(store.update(&scope(), &ty, &id, Load::Full, change)).unwrap();
    assert!(!updated.changed);
    assert_eq!(updated.stored, before);
}

#[test]
fn h10_a_delete_of_another_version_is_refused() {
    let store = MemoryStore::default();
    let ty = ResourceType::user();
    let stored = insert(&store, &ty, json!({"schemas": [USER], "userName": "a"}));
    let id = ResourceId::from(stored.id());
    let delete = |tags: &EntityTags| {
        let check = if_match(Some(tags));
        block_on(store.delete(&scope(), &ty, &id, Load::WithoutMembers, Dangling::Cleared, check))
    };
    let refused = delete(&EntityTags::parse("\"x\""));
    assert!(matches!(refused, Err(StoreError::Refused(error)) if error.status() == 412));
    delete(&EntityTags::one(&stored.version)).unwrap();
    assert!(matches!(delete(&EntityTags::parse("*")), Err(StoreError::NotFound)));
}

#[test]
fn r43_3_1_12_each_provisioning_domain_has_its_external_ids() {
    let store = MemoryStore::default();
    let ty = ResourceType::user();
    let domain = |name| scope().with_domain(ProvisioningDomain::new(name).unwrap());
    let body = |external_id: &str| {
        valid(&ty, json!({"schemas": [USER], "userName": "a", "externalId": external_id}))
    };
    let stored = block_on(store.insert(&domain("entra"), &ty, body("e1").into())).unwrap();
    let id = ResourceId::from(stored.id());
    let external_id = |scope: &Scope| {
        let stored = block_on(store.get(scope, &ty, &id, Load::Full)).unwrap().unwrap();
        stored.resource.external_id().map(str::to_owned)
    };
    assert_eq!(external_id(&domain("entra")).as_deref(), Some("e1"));
    assert_eq!(external_id(&domain("okta")), None);
    assert_eq!(external_id(&scope()), None);
    for (scope, value) in [(domain("okta"), "o1"), (scope(), "c1")] {
        let changed = body(value);
        let change = Box::new(move |_: &Stored| Ok(Some(changed.clone().into())));
        block_on(store.update(&scope, &ty, &id, Load::Full, change)).unwrap();
    }
    assert_eq!(external_id(&domain("entra")).as_deref(), Some("e1"));
    assert_eq!(external_id(&domain("okta")).as_deref(), Some("o1"));
    assert_eq!(external_id(&scope()).as_deref(), Some("c1"));
    let filter: scim2_core::syntax::Filter = r#"externalId eq "o1""#.parse().unwrap();
    let bound = ty.bind(&filter, &Policy::strict()).unwrap();
    let query = Query::page(Page::first(10)).with_filter(bound);
    let total = |scope: &Scope| block_on(store.query(scope, &ty, &query)).unwrap().total;
    assert_eq!(total(&domain("okta")), Some(1));
    assert_eq!(total(&domain("entra")), Some(0));
}

#[test]
fn a_position_that_is_none_is_refused() {
    let store = MemoryStore::default();
    let ty = ResourceType::user();
    insert(&store, &ty, json!({"schemas": [USER], "userName": "a"}));
    let page = Page::Cursor { after: Some(Position::new(*b"x")), count: 1 };
    let result = block_on(store.query(&scope(), &ty, &Query::page(page)));
    assert!(matches!(result, Err(StoreError::BadPosition)));
}

#[test]
fn concurrent_changes_are_all_kept() {
    const WRITERS: usize = 16;
    const ROUNDS: usize = 25;
    let store = Arc::new(MemoryStore::default());
    let ty = ResourceType::group();
    let id =
        ResourceId::from(insert(&store, &ty, json!({"schemas": [GROUP], "displayName": "g"})).id());
    std::thread::scope(|threads| {
        for writer in 0..WRITERS {
            let (store, ty, id) = (&store, &ty, &id);
            threads.spawn(move || {
                for round in 0..ROUNDS {
                    let op = scim2_core::patch_op::PatchOp::new()
                        .add("members", json!([{"value": format!("{writer}-{round}")}]));
                    let delta = ty.member_delta(&op, &Policy::strict()).unwrap().unwrap();
                    block_on(store.change_members(&scope(), ty, id, None, &delta, None)).unwrap();
                }
            });
        }
    });
    let stored = block_on(store.get(&scope(), &ty, &id, Load::Full)).unwrap().unwrap();
    let members = stored.resource.get("members").unwrap().as_array().unwrap();
    assert_eq!(members.len(), WRITERS * ROUNDS);
    assert_eq!(stored.version.as_str(), format!("W/\"{}\"", 1 + WRITERS * ROUNDS));
}

#[test]
fn a_panic_inside_a_change_leaves_the_store_as_it_was() {
    let store = MemoryStore::default();
    let ty = ResourceType::user();
    let before = insert(&store, &ty, json!({"schemas": [USER], "userName": "a"}));
    let id = ResourceId::from(before.id());
    let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        let change = Box::new(|_: &Stored| panic!("on purpose"));
        block_on(store.update(&scope(), &ty, &id, Load::Full, change))
    }));
    assert!(result.is_err());
    let after = block_on(store.get(&scope(), &ty, &id, Load::Full)).unwrap();
    assert_eq!(after, Some(before));
}
