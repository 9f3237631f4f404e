//! One resource at a time: identity, versions, uniqueness, secrets, tenants.

use scim2_core::etag::EntityTags;
use scim2_core::resource::ResourceId;
use scim2_core::{Error, ResourceType};
use scim2_provider::store::{Dangling, Load, StoreError, if_match};
use scim2_provider::{ProvisioningDomain, Store};
use scim2_sql::{Secrets, SqliteStore};
use serde_json::{Value, json};

use crate::support::{ENTERPRISE, Fixture, ManualClock, tenant, valid, with_manager};

const PASSWORD: &str = "urn:ietf:params:scim:schemas:core:2.0:User:password";

#[test]
fn what_was_stored_comes_back() {
    let fixture = Fixture::new();
    let body = json!({
        "userName": "BJensen",
        "name": {"givenName": "Barbara", "familyName": "Jensen"},
        "emails": [{"value": "babs@example.com", "type": "work", "primary": true}],
        "active": true,
        ENTERPRISE: {"employeeNumber": "701984"},
    });
    let stored = fixture.user(body.clone());
    let mut expected = body;
    expected["id"] = stored.id().into();
    expected["schemas"] = json!(["urn:ietf:params:scim:schemas:core:2.0:User", ENTERPRISE]);
    assert_eq!(Value::from(stored.resource.clone()), expected);
    assert_eq!(stored.version.as_str(), "W/\"1\"");
    assert_eq!(stored.created, stored.last_modified);
    assert_eq!(fixture.get(&ResourceType::user(), stored.id()), Some(stored));
}

#[test]
fn r43_7_10_case_is_kept_whether_it_counts_or_not() {
    let fixture = Fixture::new();
    let user = fixture.user(json!({"userName": "BJensen", "externalId": "AbC", "title": "GuiDe"}));
    let found = fixture.get_user(user.id());
    let texts = ["userName", "externalId", "title"].map(|name| found.text(name));
    assert_eq!(texts, [Some("BJensen"), Some("AbC"), Some("GuiDe")]);
}

#[test]
fn r43_3_1_05_ids_are_unique_over_all_types() {
    let fixture = Fixture::new();
    let user = fixture.user(json!({"userName": "babs"}));
    let group = fixture.group("all", &[]);
    assert_ne!(user.id(), group.id());
    assert!(fixture.get(&ResourceType::group(), user.id()).is_none());
    assert!(fixture.get(&ResourceType::user(), group.id()).is_none());
}

#[test]
fn ids_are_matched_exactly() {
    let fixture = Fixture::new();
    let user = fixture.user(json!({"userName": "babs"}));
    let ty = ResourceType::user();
    for id in [
        user.id().to_uppercase(),
        user.id().replace('-', ""),
        format!("urn:uuid:{}", user.id()),
        format!("{{{}}}", user.id()),
        format!("{} ", user.id()),
        "1".to_owned(),
        String::new(),
    ] {
        assert!(fixture.get(&ty, &id).is_none(), "{id}");
        assert!(matches!(fixture.delete(&ty, &id), Err(StoreError::NotFound)), "{id}");
    }
}

#[test]
fn r43_3_1_06_ids_are_never_reassigned() {
    let fixture = Fixture::new();
    let first = fixture.user(json!({"userName": "babs"}));
    fixture.delete(&ResourceType::user(), first.id()).unwrap();
    let second = fixture.user(json!({"userName": "babs"}));
    assert_ne!(first.id(), second.id());
}

#[test]
fn sec_02_an_external_id_is_no_id() {
    let fixture = Fixture::new();
    let ty = ResourceType::user();
    let first = fixture.user(json!({"userName": "babs"}));
    fixture.user(json!({"userName": "eve", "externalId": first.id()}));
    fixture.user(json!({"userName": "mallory", "externalId": "1"}));
    assert!(fixture.get(&ty, "1").is_none());
    assert_eq!(fixture.get_user(first.id()).text("userName"), Some("babs"));
    fixture.delete(&ty, first.id()).unwrap();
    assert!(fixture.get(&ty, first.id()).is_none());
}

#[test]
fn w29_each_change_is_later_than_the_one_before() {
    let fixture = Fixture::new();
    let ty = ResourceType::user();
    let mut last = fixture.user(json!({"userName": "babs"}));
    for i in 0..3 {
        // The clock stands still, then goes back.
        fixture.clock.advance(-i);
        let body = json!({"userName": "babs", "title": i.to_string()});
        let updated = fixture.replace(&ty, last.id(), Load::Full, body).unwrap();
        assert!(updated.changed);
        assert!(updated.stored.last_modified > last.last_modified);
        assert_ne!(updated.stored.version, last.version);
        assert_eq!(updated.stored.created, last.created);
        last = updated.stored;
    }
    fixture.clock.advance(60_000);
    let updated = fixture.replace(&ty, last.id(), Load::Full, json!({"userName": "babs"})).unwrap();
    assert_eq!((updated.stored.last_modified - last.created).num_milliseconds(), 59_997);
}

#[test]
fn a_change_that_is_none_changes_nothing() {
    let fixture = Fixture::new();
    let ty = ResourceType::user();
    let stored = fixture.user(json!({"userName": "babs"}));
    let id = ResourceId::from(stored.id());
    let change = fixture.store.update(&fixture.scope, &ty, &id, Load::Full, Box::new(|_| Ok(None)));
    let updated = fixture.run(change).unwrap();
    assert!(!updated.changed);
    assert_eq!(updated.stored, stored);
}

#[test]
fn a_refused_change_changes_nothing() {
    let fixture = Fixture::new();
    let ty = ResourceType::user();
    let stored = fixture.user(json!({"userName": "babs"}));
    let id = ResourceId::from(stored.id());
    let refuse = Box::new(|_: &_| Err(Error::precondition_failed()));
    let result = fixture.run(fixture.store.update(&fixture.scope, &ty, &id, Load::Full, refuse));
    assert!(matches!(result, Err(StoreError::Refused(error)) if error.status() == 412));
    assert_eq!(fixture.get(&ty, stored.id()), Some(stored));
}

#[test]
fn what_is_not_there_cannot_be_changed() {
    let fixture = Fixture::new();
    for seeded in [false, true] {
        if seeded {
            fixture.user(json!({"userName": "babs"}));
        }
        let ty = ResourceType::user();
        let id = "018f2f5e-5c3c-7b2a-9d3e-0123456789ab";
        let result = fixture.replace(&ty, id, Load::Full, json!({"userName": "x"}));
        assert!(matches!(result, Err(StoreError::NotFound)));
        assert!(matches!(fixture.delete(&ty, id), Err(StoreError::NotFound)));
    }
}

#[test]
fn r43_4_1_1_02_user_names_are_unique_without_case() {
    let fixture = Fixture::new();
    let ty = ResourceType::user();
    let first = fixture.user(json!({"userName": "bjensen"}));
    let attribute = "urn:ietf:params:scim:schemas:core:2.0:User:userName";
    let taken = |result: Result<_, StoreError>| matches!(result, Err(StoreError::Uniqueness { attribute: named }) if named == attribute);
    for user_name in ["BJensen", "bjensen", "\u{ff42}jensen"] {
        let result = fixture.try_user(json!({"userName": user_name})).map(drop);
        assert_eq!(taken(result), user_name.is_ascii(), "{user_name}");
    }
    let second = fixture.user(json!({"userName": "babs"}));
    let clash = json!({"userName": "BJENSEN"});
    assert!(taken(fixture.replace(&ty, second.id(), Load::Full, clash).map(drop)));
    assert_eq!(fixture.get_user(second.id()).text("userName"), Some("babs"));
    // Its own name is its own, in any case.
    let own = json!({"userName": "BJENSEN"});
    fixture.replace(&ty, first.id(), Load::Full, own).unwrap();
    assert_eq!(fixture.find(&ty, r#"userName eq "bjensen""#), [first.id()]);
}

#[test]
fn r44_5_01_composed_and_decomposed_user_names_are_the_same() {
    let fixture = Fixture::new();
    fixture.user(json!({"userName": "Ren\u{e9}"}));
    fixture.try_user(json!({"userName": "rene\u{301}"})).unwrap_err();
    fixture.user(json!({"userName": "stra\u{df}e"}));
    fixture.try_user(json!({"userName": "STRASSE"})).unwrap_err();
}

#[test]
fn r44_3_6_04_values_of_deleted_resources_are_free() {
    let fixture = Fixture::new();
    let ty = ResourceType::user();
    let first = fixture.user(json!({"userName": "babs"}));
    fixture.replace(&ty, first.id(), Load::Full, json!({"userName": "barbara"})).unwrap();
    let second = fixture.user(json!({"userName": "babs"}));
    fixture.delete(&ty, second.id()).unwrap();
    fixture.delete(&ty, first.id()).unwrap();
    fixture.user(json!({"userName": "babs"}));
    fixture.user(json!({"userName": "barbara"}));
}

#[test]
fn r43_3_1_13_external_ids_need_not_be_unique() {
    let fixture = Fixture::new();
    let a = fixture.user(json!({"userName": "a", "externalId": "X"}));
    let b = fixture.user(json!({"userName": "b", "externalId": "X"}));
    let ty = ResourceType::user();
    assert_eq!(fixture.find(&ty, r#"externalId eq "X""#), [a.id(), b.id()]);
    assert!(fixture.find(&ty, r#"externalId eq "x""#).is_empty());
}

#[test]
fn r43_3_1_12_each_provisioning_domain_has_its_own_external_id() {
    let mut fixture = Fixture::new();
    let ty = ResourceType::user();
    let common = fixture.scope.clone();
    let domain = |name| common.clone().with_domain(ProvisioningDomain::new(name).unwrap());
    fixture.scope = domain("entra");
    let user = fixture.user(json!({"userName": "babs", "externalId": "e-1"}));
    let id = user.id().to_owned();
    assert_eq!(user.resource.external_id(), Some("e-1"));
    fixture.scope = domain("okta");
    assert_eq!(fixture.get_user(&id).external_id(), None);
    assert!(fixture.find(&ty, r#"externalId eq "e-1""#).is_empty());
    let body = json!({"userName": "babs", "externalId": "o-1"});
    fixture.replace(&ty, &id, Load::Full, body).unwrap();
    assert_eq!(fixture.find(&ty, r#"externalId eq "o-1""#), [id.as_str()]);
    fixture.scope = common.clone();
    assert_eq!(fixture.get_user(&id).external_id(), None);
    let body = json!({"userName": "babs", "externalId": "c-1"});
    fixture.replace(&ty, &id, Load::Full, body).unwrap();
    for (scope, expected) in
        [(domain("entra"), "e-1"), (domain("okta"), "o-1"), (common.clone(), "c-1")]
    {
        fixture.scope = scope;
        assert_eq!(fixture.get_user(&id).external_id(), Some(expected));
        assert_eq!(fixture.find(&ty, &format!(r#"externalId eq "{expected}""#)), [id.as_str()]);
    }
    fixture.scope = domain("entra");
    fixture.replace(&ty, &id, Load::Full, json!({"userName": "babs"})).unwrap();
    assert_eq!(fixture.get_user(&id).external_id(), None);
    assert!(fixture.find(&ty, r#"externalId eq "e-1""#).is_empty());
    fixture.scope = common;
    assert_eq!(fixture.get_user(&id).external_id(), Some("c-1"));
}

#[test]
fn sec_01_tenants_do_not_see_each_other() {
    let mut fixture = Fixture::new();
    let (user, group) = (ResourceType::user(), ResourceType::group());
    let ours = fixture.user(json!({"userName": "babs", "externalId": "1"}));
    let all = fixture.group("all", &[ours.id()]);
    let id = ResourceId::from(ours.id());

    fixture.scope = tenant("other");
    // A tenant for which nothing was ever written, then one with a user of the same name.
    for _ in 0..2 {
        assert!(fixture.get(&user, ours.id()).is_none());
        assert!(fixture.get(&group, all.id()).is_none());
        for filter in [
            r#"userName eq "babs""#.to_owned(),
            r#"externalId eq "1""#.to_owned(),
            format!(r#"id eq "{}""#, ours.id()),
            format!(r#"groups.value eq "{}""#, all.id()),
        ] {
            let theirs = fixture.find(&user, &filter);
            assert!(theirs.iter().all(|found| found != ours.id()), "{filter}");
        }
        assert!(fixture.find(&group, &format!(r#"members.value eq "{}""#, ours.id())).is_empty());
        let change = fixture.replace(&user, ours.id(), Load::Full, json!({"userName": "x"}));
        assert!(matches!(change, Err(StoreError::NotFound)));
        assert!(matches!(fixture.delete(&user, ours.id()), Err(StoreError::NotFound)));
        let delta = Default::default();
        let store = &fixture.store;
        let members = store.change_members(&fixture.scope, &group, &id, None, &delta, None);
        assert!(matches!(fixture.run(members), Err(StoreError::NotFound)));
        let _ = fixture.try_user(json!({"userName": "babs", "externalId": "1"}));
    }
    // Naming a stranger as member gives nothing away of it.
    let theirs = fixture.group("ours", &[ours.id()]);
    let shown = &theirs.resource.get("members").unwrap()[0];
    assert_eq!(shown, &json!({"value": ours.id(), "type": "User"}));

    fixture.scope = tenant("acme");
    assert_eq!(fixture.get(&user, ours.id()).unwrap().version, ours.version);
    assert_eq!(fixture.get_user(ours.id()).get("groups").unwrap().as_array().unwrap().len(), 1);
}

#[test]
fn r43_9_2_01_passwords_are_hashed_and_never_come_back() {
    let fixture = Fixture::new();
    let ty = ResourceType::user();
    let stored = fixture.user(json!({"userName": "babs", "password": "t1meMa$heen"}));
    assert!(stored.resource.get("password").is_none());
    assert!(fixture.get_user(stored.id()).get("password").is_none());
    let verify = |secret: &str| {
        let id = ResourceId::from(stored.id());
        let secret = secret.into();
        let check = fixture.store.verify_secret(&fixture.scope, &ty, &id, PASSWORD, &secret);
        fixture.run(check).unwrap()
    };
    assert!(verify("t1meMa$heen"));
    assert!(!verify("T1meMa$heen"));
    assert!(!verify(""));
    // A change that does not name it keeps it; one that does replaces it.
    let body = json!({"userName": "babs", "title": "Guide"});
    fixture.replace(&ty, stored.id(), Load::Full, body).unwrap();
    assert!(verify("t1meMa$heen"));
    let body = json!({"userName": "babs", "password": "new"});
    fixture.replace(&ty, stored.id(), Load::Full, body).unwrap();
    assert!(verify("new") && !verify("t1meMa$heen"));
    // Nothing in the files reads like it.
    let canary = b"t1meMa$heen";
    for entry in std::fs::read_dir(fixture.directory.path()).unwrap() {
        let bytes = std::fs::read(entry.unwrap().path()).unwrap();
        assert!(!bytes.windows(canary.len()).any(|window| window == canary));
    }
}

#[test]
fn secrets_can_be_dropped() {
    let directory = tempfile::tempdir().unwrap();
    let store = SqliteStore::builder()
        .secrets(Secrets::Drop)
        .clock(ManualClock::new())
        .open(directory.path().join("scim.db"))
        .unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let (scope, ty) = (tenant("acme"), ResourceType::user());
    let body = valid(&ty, json!({"userName": "babs", "password": "x"}));
    let stored = runtime.block_on(store.insert(&scope, &ty, body.into())).unwrap();
    let id = ResourceId::from(stored.id());
    let secret = "x".into();
    let check = store.verify_secret(&scope, &ty, &id, PASSWORD, &secret);
    assert!(!runtime.block_on(check).unwrap());
}

#[test]
fn w35_the_managers_name_is_read_live() {
    let fixture = Fixture::new();
    let ty = ResourceType::user();
    let boss = fixture.user(json!({"userName": "boss", "displayName": "The Boss"}));
    let babs = fixture.user(with_manager("babs", boss.id()));
    let manager = |id: &str| fixture.get_user(id).get(ENTERPRISE).unwrap()["manager"].clone();
    assert_eq!(manager(babs.id()), json!({"value": boss.id(), "displayName": "The Boss"}));
    let body = json!({"userName": "boss", "displayName": "Madam"});
    fixture.replace(&ty, boss.id(), Load::Full, body).unwrap();
    assert_eq!(manager(babs.id())["displayName"], "Madam");
    let filter = format!(r#"{ENTERPRISE}:manager.value eq "{}""#, boss.id());
    assert_eq!(fixture.find(&ty, &filter), [babs.id()]);
    let filter = format!(r#"{ENTERPRISE}:manager.displayName eq "madam""#);
    assert_eq!(fixture.find(&ty, &filter), [babs.id()]);
    // One that does not exist is kept as it was sent.
    let stray = fixture.user(with_manager("stray", "no-such-user"));
    assert_eq!(manager(stray.id()), json!({"value": "no-such-user"}));
}

#[test]
fn w32_deleting_a_manager_clears_the_reference() {
    let fixture = Fixture::new();
    let ty = ResourceType::user();
    let boss = fixture.user(json!({"userName": "boss"}));
    let only = fixture.user(with_manager("only", boss.id()));
    let also = fixture.user(json!({
        "userName": "also",
        ENTERPRISE: {"manager": {"value": boss.id()}, "department": "Sales"},
    }));
    fixture.delete(&ty, boss.id()).unwrap();
    let only_now = fixture.get(&ty, only.id()).unwrap();
    assert_eq!(only_now.resource.get(ENTERPRISE), None);
    let schemas: Vec<_> = only_now.resource.schemas().collect();
    assert_eq!(schemas, ["urn:ietf:params:scim:schemas:core:2.0:User"]);
    assert_eq!(only_now.version.as_str(), "W/\"2\"");
    assert!(only_now.last_modified > only.last_modified);
    let also_now = fixture.get_user(also.id());
    assert_eq!(also_now.get(ENTERPRISE), Some(&json!({"department": "Sales"})));
    assert!(
        fixture.find(&ty, &format!(r#"{ENTERPRISE}:manager.value eq "{}""#, boss.id())).is_empty()
    );
}

#[test]
fn h09_delete_checks_the_version_inside_the_write() {
    let fixture = Fixture::new();
    let ty = ResourceType::user();
    let stored = fixture.user(json!({"userName": "babs"}));
    let id = ResourceId::from(stored.id());
    let delete = |tags: &str| {
        let tags = EntityTags::parse(tags);
        let check = if_match(Some(&tags));
        fixture.run(fixture.store.delete(
            &fixture.scope,
            &ty,
            &id,
            Load::WithoutMembers,
            Dangling::Cleared,
            check,
        ))
    };
    let refused = delete("W/\"2\"");
    assert!(matches!(refused, Err(StoreError::Refused(error)) if error.status() == 412));
    assert!(fixture.get(&ty, stored.id()).is_some());
    delete("W/\"1\"").unwrap();
    assert!(fixture.get(&ty, stored.id()).is_none());
}

#[test]
fn sec_11_of_many_creates_at_once_one_succeeds() {
    let directory = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(directory.path().join("scim.db")).unwrap();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(4).build().unwrap();
    let (scope, ty) = (tenant("acme"), ResourceType::user());
    let outcomes = runtime.block_on(async {
        let tasks: Vec<_> = (0..64_u32)
            .map(|i| {
                let name: String = "bjensen"
                    .chars()
                    .enumerate()
                    .map(|(at, c)| if i >> at & 1 == 1 { c.to_ascii_uppercase() } else { c })
                    .collect();
                let (store, scope, ty) = (store.clone(), scope.clone(), ty.clone());
                tokio::spawn(async move {
                    let body = valid(&ty, json!({"userName": name}));
                    store.insert(&scope, &ty, body.into()).await
                })
            })
            .collect();
        let mut outcomes = Vec::new();
        for task in tasks {
            outcomes.push(task.await.unwrap());
        }
        outcomes
    });
    let created = outcomes.iter().filter(|outcome| outcome.is_ok()).count();
    let taken = |outcome: &Result<_, _>| matches!(outcome, Err(StoreError::Uniqueness { .. }));
    assert_eq!((created, outcomes.iter().filter(|outcome| taken(outcome)).count()), (1, 63));
}

#[test]
fn no_update_gets_lost() {
    let directory = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(directory.path().join("scim.db")).unwrap();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(4).build().unwrap();
    let (scope, ty) = (tenant("acme"), ResourceType::user());
    let nick = runtime.block_on(async {
        let body = valid(&ty, json!({"userName": "babs", "nickName": "0"}));
        let stored = store.insert(&scope, &ty, body.into()).await.unwrap();
        let id = ResourceId::from(stored.id());
        let tasks: Vec<_> = (0..32)
            .map(|_| {
                let (store, scope, ty, id) = (store.clone(), scope.clone(), ty.clone(), id.clone());
                tokio::spawn(async move {
                    let increment = Box::new(|before: &scim2_provider::store::Stored| {
                        let count: u32 = before.resource.text("nickName").unwrap().parse().unwrap();
                        let nick = (count + 1).to_string();
                        let body = json!({"userName": "babs", "nickName": nick});
                        Ok(Some(valid(&ResourceType::user(), body).into()))
                    });
                    store.update(&scope, &ty, &id, Load::Full, increment).await.unwrap();
                })
            })
            .collect();
        for task in tasks {
            task.await.unwrap();
        }
        let after = store.get(&scope, &ty, &id, Load::Full).await.unwrap().unwrap();
        assert_eq!(after.version.as_str(), "W/\"33\"");
        after.resource.text("nickName").map(str::to_owned)
    });
    assert_eq!(nick.as_deref(), Some("32"));
}

#[test]
fn nul_and_other_controls_are_kept() {
    let fixture = Fixture::new();
    let title = "a\u{0}b\u{1}\u{7f}\u{2028}\u{10ffff}";
    let stored = fixture.user(json!({"userName": "babs", "title": title}));
    assert_eq!(fixture.get_user(stored.id()).text("title"), Some(title));
}
