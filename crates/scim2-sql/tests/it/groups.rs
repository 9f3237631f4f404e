//! Memberships, seen from both ends.

use scim2_core::ResourceType;
use scim2_core::change::{Member, MemberDelta};
use scim2_core::etag::EntityTags;
use scim2_core::resource::ResourceId;
use scim2_provider::Store;
use scim2_provider::store::{Load, StoreError, Updated};
use serde_json::{Value, json};

use crate::support::{Fixture, valid};

fn ids(fixture: &Fixture, group: &str) -> Vec<String> {
    let group = fixture.get_group(group);
    let members = group.get("members").and_then(Value::as_array).cloned().unwrap_or_default();
    members.iter().map(|member| member["value"].as_str().unwrap().to_owned()).collect()
}

fn groups(fixture: &Fixture, user: &str) -> Vec<(String, String)> {
    let user = fixture.get_user(user);
    let groups = user.get("groups").and_then(Value::as_array).cloned().unwrap_or_default();
    groups
        .iter()
        .map(|group| {
            let text = |name: &str| group[name].as_str().unwrap().to_owned();
            (text("display"), text("type"))
        })
        .collect()
}

fn change(
    fixture: &Fixture,
    group: &str,
    add: &[&str],
    remove: &[&str],
    expected: Option<&str>,
) -> Result<Updated, StoreError> {
    let delta = MemberDelta {
        add: add.iter().map(|id| Member::new(*id)).collect(),
        remove: remove.iter().map(|id| ResourceId::from(*id)).collect(),
    };
    let (ty, id) = (ResourceType::group(), ResourceId::from(group));
    let expected = expected.map(EntityTags::parse);
    let (store, expected) = (&fixture.store, expected.as_ref());
    fixture.run(store.change_members(&fixture.scope, &ty, &id, expected, &delta, None))
}

#[test]
fn w31_type_and_display_are_the_members_own() {
    let fixture = Fixture::new();
    let babs = fixture.user(json!({"userName": "babs", "displayName": "Babs"}));
    let nameless = fixture.user(json!({"userName": "nameless"}));
    let called = fixture.user(json!({"userName": "called"}));
    let ty = ResourceType::group();
    let body = json!({"displayName": "all", "members": [
        {"value": babs.id(), "type": "Group", "display": "wrong"},
        {"value": nameless.id()},
        {"value": called.id(), "display": "Called"},
        {"value": "ghost", "display": "Ghost"},
        {"value": "thing", "type": "Group"},
    ]});
    let group =
        fixture.run(fixture.store.insert(&fixture.scope, &ty, valid(&ty, body).into())).unwrap();
    let mut members = group.resource.get("members").unwrap().as_array().unwrap().clone();
    members.sort_by_key(|member| member["value"].to_string());
    assert_eq!(
        members,
        [
            json!({"value": babs.id(), "type": "User", "display": "Babs"}),
            json!({"value": nameless.id(), "type": "User", "display": "nameless"}),
            json!({"value": called.id(), "type": "User", "display": "Called"}),
            json!({"value": "ghost", "type": "User", "display": "Ghost"}),
            json!({"value": "thing", "type": "Group"}),
        ]
    );
}

#[test]
fn w30_groups_are_direct_and_indirect() {
    let fixture = Fixture::new();
    let babs = fixture.user(json!({"userName": "babs"}));
    let inner = fixture.group("inner", &[babs.id()]);
    let outer = fixture.group("outer", &[inner.id()]);
    fixture.group("both", &[outer.id(), babs.id()]);
    fixture.group("other", &[]);
    let text = |pairs: &[(&str, &str)]| -> Vec<(String, String)> {
        pairs.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned())).collect()
    };
    assert_eq!(
        groups(&fixture, babs.id()),
        text(&[("inner", "direct"), ("both", "direct"), ("outer", "indirect")])
    );
    let ty = ResourceType::user();
    for group in [&inner, &outer] {
        let filter = format!(r#"groups.value eq "{}""#, group.id());
        assert_eq!(fixture.find(&ty, &filter), [babs.id()]);
    }
    let direct = format!(r#"groups[value eq "{}" and type eq "direct"]"#, outer.id());
    assert!(fixture.find(&ty, &direct).is_empty());
}

#[test]
fn w31_circles_end() {
    let fixture = Fixture::new();
    let babs = fixture.user(json!({"userName": "babs"}));
    let a = fixture.group("a", &[babs.id()]);
    let b = fixture.group("b", &[a.id()]);
    change(&fixture, a.id(), &[b.id(), a.id()], &[], None).unwrap();
    assert_eq!(groups(&fixture, babs.id()).len(), 2);
    let ty = ResourceType::user();
    for group in [&a, &b] {
        let filter = format!(r#"groups.value eq "{}""#, group.id());
        assert_eq!(fixture.find(&ty, &filter), [babs.id()]);
    }
    fixture.delete(&ResourceType::group(), a.id()).unwrap();
    assert!(groups(&fixture, babs.id()).is_empty());
    assert!(ids(&fixture, b.id()).is_empty());
}

#[test]
fn p37_members_come_and_go_by_name() {
    let fixture = Fixture::new();
    let users: Vec<_> =
        (0..4).map(|i| fixture.user(json!({"userName": i.to_string()})).id().to_owned()).collect();
    let group = fixture.group("all", &[&users[0]]);
    let updated =
        change(&fixture, group.id(), &[&users[1], &users[2]], &[&users[0]], None).unwrap();
    assert!(updated.changed);
    assert_eq!(updated.stored.version.as_str(), "W/\"2\"");
    assert!(updated.stored.resource.get("members").is_none());
    assert_eq!(ids(&fixture, group.id()), [users[1].clone(), users[2].clone()]);
    // What is there already, and what is not, are no changes.
    let updated = change(&fixture, group.id(), &[&users[1]], &[&users[0], "ghost"], None).unwrap();
    assert!(!updated.changed);
    assert_eq!(updated.stored.version.as_str(), "W/\"2\"");
    let stale = change(&fixture, group.id(), &[&users[3]], &[], Some("W/\"1\""));
    assert!(matches!(stale, Err(StoreError::PreconditionFailed)));
    change(&fixture, group.id(), &[&users[3]], &[], Some("W/\"2\"")).unwrap();
    assert_eq!(ids(&fixture, group.id()).len(), 3);
    assert!(matches!(change(&fixture, &users[0], &[], &[], None), Err(StoreError::NotFound)));
}

#[test]
fn sec_17_an_update_without_members_leaves_them() {
    let fixture = Fixture::new();
    let users: Vec<_> = (0..250)
        .map(|i| fixture.user(json!({"userName": i.to_string()})).id().to_owned())
        .collect();
    let members: Vec<_> = users.iter().map(String::as_str).collect();
    let group = fixture.group("all", &members);
    let ty = ResourceType::group();
    let rename = json!({"displayName": "everyone"});
    let updated = fixture.replace(&ty, group.id(), Load::WithoutMembers, rename.clone()).unwrap();
    assert!(updated.stored.resource.get("members").is_none());
    assert_eq!(ids(&fixture, group.id()).len(), 250);
    // With all of the group in hand, what is left out is gone.
    let some = json!({"displayName": "some", "members": [{"value": users[7]}, {"value": "new"}]});
    let updated = fixture.replace(&ty, group.id(), Load::Full, some).unwrap();
    assert_eq!(updated.stored.resource.get("members").unwrap().as_array().unwrap().len(), 2);
    fixture.replace(&ty, group.id(), Load::Full, rename).unwrap();
    assert!(ids(&fixture, group.id()).is_empty());
    assert!(groups(&fixture, &users[7]).is_empty());
}

#[test]
fn w32_a_deleted_member_leaves_its_groups() {
    let fixture = Fixture::new();
    let babs = fixture.user(json!({"userName": "babs"}));
    let jo = fixture.user(json!({"userName": "jo"}));
    let group = fixture.group("all", &[babs.id(), jo.id()]);
    let other = fixture.group("other", &[jo.id()]);
    fixture.delete(&ResourceType::user(), babs.id()).unwrap();
    assert_eq!(ids(&fixture, group.id()), [jo.id()]);
    let ty = ResourceType::group();
    let after = fixture.get(&ty, group.id()).unwrap();
    assert_eq!(after.version.as_str(), "W/\"2\"");
    assert!(after.last_modified > group.last_modified);
    assert_eq!(fixture.get(&ty, other.id()).unwrap().version, other.version);
}

#[test]
fn w29_a_membership_moves_the_group_not_the_user() {
    let fixture = Fixture::new();
    let babs = fixture.user(json!({"userName": "babs"}));
    let group = fixture.group("all", &[]);
    change(&fixture, group.id(), &[babs.id()], &[], None).unwrap();
    let after = fixture.get(&ResourceType::user(), babs.id()).unwrap();
    assert_eq!((after.version, after.last_modified), (babs.version, babs.last_modified));
}

#[test]
fn filters_on_members_see_all_of_them() {
    let fixture = Fixture::new();
    let babs = fixture.user(json!({"userName": "babs", "displayName": "Babs"}));
    let jo = fixture.user(json!({"userName": "jo", "displayName": "Jo"}));
    let both = fixture.group("both", &[babs.id(), jo.id()]);
    let one = fixture.group("one", &[jo.id()]);
    let none = fixture.group("none", &[]);
    let ty = ResourceType::group();
    let check = |filter: &str, expected: &[&str]| {
        assert_eq!(fixture.find(&ty, filter), expected, "{filter}");
    };
    let (b, j) = (babs.id(), jo.id());
    check(&format!(r#"members.value eq "{b}""#), &[both.id()]);
    check(&format!(r#"members eq "{j}""#), &[both.id(), one.id()]);
    check(&format!(r#"id eq "{}" and members.value eq "{b}""#, both.id()), &[both.id()]);
    check(&format!(r#"id eq "{}" and members.value eq "{b}""#, one.id()), &[]);
    check(&format!(r#"not (members.value eq "{b}")"#), &[one.id(), none.id()]);
    check(
        &format!(r#"members.value eq "{b}" or not (members.value eq "{j}")"#),
        &[both.id(), none.id()],
    );
    check(&format!(r#"members.value eq "{b}" and members.value eq "{j}""#), &[both.id()]);
    check(&format!(r#"members[value eq "{b}" and value eq "{j}"]"#), &[]);
    check(&format!(r#"members[value eq "{j}" and display eq "jo"]"#), &[both.id(), one.id()]);
    check(&format!(r#"members[value eq "{j}" or value eq "{b}"]"#), &[both.id(), one.id()]);
    check(r#"members.display eq "babs""#, &[both.id()]);
    check("members pr", &[both.id(), one.id()]);
    check("not (members pr)", &[none.id()]);
    check(&format!(r#"members.value ne "{j}""#), &[both.id(), none.id()]);
    check(r#"members.type eq "user""#, &[both.id(), one.id()]);
}
