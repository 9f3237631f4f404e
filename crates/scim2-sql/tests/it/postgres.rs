//! The store over PostgreSQL: its contract, and several service providers on one database.

use std::time::Duration;

use scim2_conformance::store;
use scim2_core::change::{Member, MemberDelta};
use scim2_core::resource::ResourceId;
use scim2_core::{Catalog, Resource, ResourceType};
use scim2_provider::store::{Load, StoreError, Stored};
use scim2_provider::{ProvisioningDomain, Store};
use scim2_sql::{ConnectError, PostgresStore};
use serde_json::json;

use crate::database;
use crate::support::{tenant, unique_group_names, valid};

#[test]
fn the_store_keeps_its_contract() {
    database::runtime().block_on(async {
        if database::database("the store's contract").await.is_none() {
            return;
        }
        let make = || async {
            let builder = PostgresStore::builder().connections(4);
            database::store("the store's contract", builder).await.unwrap()
        };
        let report = store::check(make).await;
        let broken: Vec<_> = report.broken().collect();
        assert!(report.is_success(), "{broken:#?}");
    });
}

#[test]
fn the_store_keeps_its_contract_where_transactions_in_each_others_way_fail() {
    database::runtime().block_on(async {
        let test = "the store's contract among serializable transactions";
        if database::database(test).await.is_none() {
            return;
        }
        let make = || async {
            let url = database::database(test).await.unwrap();
            let url = format!("{url}%20-cdefault_transaction_isolation%3Dserializable");
            // Others make the tables at the same time.
            let connect = || PostgresStore::builder().connections(4).connect(&url);
            let (one, other) = tokio::join!(connect(), connect());
            other.unwrap();
            one.unwrap()
        };
        let report = store::check(make).await;
        let broken: Vec<_> = report.broken().collect();
        assert!(report.is_success(), "{broken:#?}");
    });
}

async fn refused(url: &str) -> ConnectError {
    PostgresStore::connect(url).await.unwrap_err()
}

#[test]
fn tables_of_other_versions_are_brought_up_to_date_or_refused() {
    database::runtime().block_on(async {
        let Some(url) = database::database("versions").await else { return };
        let expect = || PostgresStore::builder().expect_tables().connect(&url);
        let missing = expect().await.unwrap_err();
        assert!(matches!(missing, ConnectError::Missing), "{missing}");
        // Whoever began to make the tables has gone.
        let begun = "CREATE TABLE scim_meta (k text COLLATE \"C\" PRIMARY KEY, v text NOT NULL)";
        database::execute(&url, begun).await;
        let store = PostgresStore::connect(&url).await.unwrap();
        store.ready().await.unwrap();
        expect().await.unwrap();
        let set = |key: &str, value: &str| {
            format!("UPDATE scim_meta SET v = '{value}' WHERE k = '{key}'")
        };
        database::execute(&url, &set("schema_version", "99")).await;
        let newer = refused(&url).await;
        assert!(matches!(newer, ConnectError::Newer { found: 99, .. }), "{newer}");
        // Who has been there before is not used with tables that it does not know.
        store.ready().await.unwrap_err();
        let ConnectError::Newer { known, .. } = newer else { panic!("{newer}") };
        database::execute(&url, &set("schema_version", "0")).await;
        let older = expect().await.unwrap_err();
        assert!(matches!(older, ConnectError::Older { found: 0, .. }), "{older}");
        database::execute(&url, &set("schema_version", &known.to_string())).await;
        database::execute(&url, &set("fold_version", "old")).await;
        let folded = refused(&url).await;
        assert!(matches!(&folded, ConnectError::FoldVersion { found, .. } if found == "old"));
        store.ready().await.unwrap_err();
    });
}

#[test]
fn sec_11_a_catalog_in_which_an_attribute_became_unique_has_its_keys_made() {
    database::runtime().block_on(async {
        let Some(url) = database::database("a changed catalog").await else { return };
        let (scope, groups) = (tenant("acme"), ResourceType::group());
        let store = PostgresStore::connect(&url).await.unwrap();
        let body = |name: &str| json!({"displayName": name, "externalId": name});
        let sales = store.insert(&scope, &groups, valid(&groups, body("Sales")).into()).await;
        let id = ResourceId::from(sales.unwrap().id());
        let catalog = unique_group_names();
        let ty = catalog.by_name("Group").unwrap();
        let again = || valid(ty, body("SALES"));

        // Who does not ask for it is told.
        for error in [
            store.insert(&scope, ty, again().into()).await.unwrap_err(),
            store.get(&scope, ty, &id, Load::Full).await.unwrap_err(),
        ] {
            let StoreError::Internal(cause) = error else { panic!("{error}") };
            let cause = cause.to_string();
            assert!(cause.starts_with("the keys of resource type `Group`"), "{cause}");
            assert!(cause.contains("Group:displayName string unique` now"), "{cause}");
        }
        let looking = PostgresStore::builder().expect_tables().reindex(catalog.clone());
        let refused = looking.connect(&url).await.unwrap_err();
        assert!(matches!(refused, ConnectError::TypeRules { .. }), "{refused}");
        let found = store.check(&catalog).await.unwrap();
        assert!(found.problems.iter().any(|line| line.starts_with("Group: ")), "{found}");

        // Two at once do not get in each other's way.
        let open = || PostgresStore::builder().reindex(catalog.clone()).connect(&url);
        let (one, other) = tokio::join!(open(), open());
        let (one, other) = (one.unwrap(), other.unwrap());
        for new in [&one, &other] {
            let taken = new.insert(&scope, ty, again().into()).await.unwrap_err();
            assert!(matches!(taken, StoreError::Uniqueness { .. }), "{taken}");
            assert!(new.check(&catalog).await.unwrap().is_sound());
            new.ready().await.unwrap();
        }
        // Who goes on by the old rules is not to be asked, and writes nothing.
        store.ready().await.unwrap_err();
        let late = || valid(&groups, body("sales"));
        let error = store.insert(&scope, &groups, late().into()).await.unwrap_err();
        assert!(matches!(error, StoreError::Unavailable { .. }), "{error}");
        let error = store.insert(&scope, &groups, late().into()).await.unwrap_err();
        assert!(matches!(error, StoreError::Internal(_)), "{error}");
        // Nor does who still has the old rules at hand when keys are made anew and back again.
        let strict = || PostgresStore::builder().reindex(Catalog::standard());
        let store = strict().connect(&url).await.unwrap();
        store.get(&scope, &groups, &id, Load::Full).await.unwrap();
        open().await.unwrap();
        let rename = || {
            let groups = groups.clone();
            let body = json!({"displayName": "other"});
            Box::new(move |_: &Stored| Ok(Some(valid(&groups, body.clone()).into())))
        };
        let late = store.update(&scope, &groups, &id, Load::Full, rename()).await;
        assert!(matches!(late, Err(StoreError::Unavailable { .. })), "{late:?}");
        strict().connect(&url).await.unwrap();
        store.update(&scope, &groups, &id, Load::Full, rename()).await.unwrap();
        assert!(store.check(&Catalog::standard()).await.unwrap().is_sound());
        open().await.unwrap();
        // Once is enough.
        let store = PostgresStore::connect(&url).await.unwrap();
        store.get(&scope, ty, &id, Load::Full).await.unwrap();
    });
}

#[test]
fn sec_11_values_that_collide_under_a_changed_catalog_are_named() {
    database::runtime().block_on(async {
        let Some(url) = database::database("colliding values").await else { return };
        let (scope, ty) = (tenant("acme"), ResourceType::group());
        let store = PostgresStore::connect(&url).await.unwrap();
        let mut ids = Vec::new();
        for name in ["Sales", "sales"] {
            let group = valid(&ty, json!({"displayName": name}));
            ids.push(store.insert(&scope, &ty, group.into()).await.unwrap().id().to_owned());
        }
        let builder = PostgresStore::builder().reindex(unique_group_names());
        let error = builder.connect(&url).await.unwrap_err();
        let ConnectError::Collision { attribute, first, second } = &error else {
            panic!("{error}")
        };
        assert!(attribute.ends_with(":Group:displayName"), "{attribute}");
        assert_eq!((first, second), (&ids[0], &ids[1]));
        // Nothing was changed.
        store.ready().await.unwrap();
        assert!(store.check(&Catalog::standard()).await.unwrap().is_sound());
    });
}

#[test]
fn keys_of_other_rules_and_of_any_earlier_version_are_made_anew() {
    database::runtime().block_on(async {
        let Some(url) = database::database("keys of other rules").await else { return };
        let (users, groups) = (ResourceType::user(), ResourceType::group());
        let store = PostgresStore::connect(&url).await.unwrap();
        let scope = tenant("acme");
        let boss = store.insert(&scope, &users, valid(&users, json!({"userName": "boss"})).into());
        let boss = boss.await.unwrap();
        let body = json!({
            "userName": "Babs",
            "externalId": "1",
            "emails": [{"value": "Babs@example.com"}],
            "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User":
                {"manager": {"value": boss.id()}},
        });
        store.insert(&scope, &users, valid(&users, body).into()).await.unwrap();
        let of_hr = scope.clone().with_domain(ProvisioningDomain::new("hr").unwrap());
        let body = json!({"userName": "carol", "externalId": "2"});
        store.insert(&of_hr, &users, valid(&users, body).into()).await.unwrap();
        let body = json!({"displayName": "all", "members": [{"value": boss.id()}]});
        store.insert(&scope, &groups, valid(&groups, body).into()).await.unwrap();
        let damage = "UPDATE scim_uniq SET key = key || 'x'; DELETE FROM scim_idx;
                      DELETE FROM scim_ref; UPDATE scim_resource SET search = '{}';";
        for sql in [
            "UPDATE scim_meta SET v = 'old' WHERE k = 'fold_version'",
            "DELETE FROM scim_meta WHERE k LIKE 'keys:%';
             UPDATE scim_meta SET v = '1' WHERE k = 'schema_version'",
        ] {
            database::execute(&url, damage).await;
            database::execute(&url, sql).await;
            let folded = refused(&url).await;
            assert!(matches!(folded, ConnectError::FoldVersion { .. }), "{folded}");
            let without_users = PostgresStore::builder().reindex(Catalog::default());
            let unknown = without_users.connect(&url).await.unwrap_err();
            assert!(matches!(unknown, ConnectError::UnknownType { .. }), "{unknown}");
            let builder = PostgresStore::builder().reindex(Catalog::standard());
            let store = builder.connect(&url).await.unwrap();
            let found = store.check(&Catalog::standard()).await.unwrap();
            assert!(found.is_sound(), "{found}");
        }
    });
}

#[test]
fn a_database_that_is_not_there_is_told() {
    database::runtime().block_on(async {
        // Nobody listens where somebody has just left.
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        drop(listener);
        let gone = refused(&format!("postgres://scim@{address}/scim")).await;
        assert!(matches!(gone, ConnectError::Database(_)), "{gone}");
        let unread = refused("postgres://scim@localhost:port/scim").await;
        assert!(matches!(unread, ConnectError::Config(_)), "{unread}");
    });
}

#[test]
fn who_waits_too_long_is_told_to_come_again() {
    database::runtime().block_on(async {
        let Some(url) = database::database("limits").await else { return };
        let limit = Duration::from_millis(50);
        let builder = PostgresStore::builder().connections(1).wait(limit).time_limit(limit * 4);
        let store = builder.connect(&url).await.unwrap();
        let (scope, ty) = (tenant("acme"), ResourceType::group());
        let group = valid(&ty, json!({"displayName": "all"}));
        let group = store.insert(&scope, &ty, group.into()).await.unwrap();
        let id = ResourceId::from(group.id());
        let (client, connection) =
            tokio_postgres::connect(&url, tokio_postgres::NoTls).await.unwrap();
        let connection = tokio::spawn(connection);
        client.batch_execute("BEGIN; LOCK TABLE scim_resource").await.unwrap();
        let mut delta = MemberDelta::default();
        delta.add.push(Member::new("one"));
        // One waits for the lock, and the other for the only connection.
        let (one, other) = tokio::join!(
            store.change_members(&scope, &ty, &id, None, &delta, None),
            store.get(&scope, &ty, &id, Load::Full),
        );
        let unavailable = |error: StoreError| {
            matches!(error, StoreError::Unavailable { retry_after: Some(_), .. })
        };
        assert!(unavailable(one.unwrap_err()));
        assert!(unavailable(other.unwrap_err()));
        client.batch_execute("ROLLBACK").await.unwrap();
        drop(client);
        connection.await.unwrap().unwrap();
        // Nothing was changed, and everything goes on.
        assert_eq!(store.get(&scope, &ty, &id, Load::Full).await.unwrap(), Some(group));
        store.change_members(&scope, &ty, &id, None, &delta, None).await.unwrap();
    });
}

#[test]
fn c05_a_commit_without_an_answer_is_of_unknown_outcome() {
    database::runtime().block_on(async {
        let Some(url) = database::database("a commit without an answer").await else { return };
        let store = PostgresStore::connect(&url).await.unwrap();
        let (scope, ty) = (tenant("acme"), ResourceType::user());
        let insert = async |name: &str| {
            let user = valid(&ty, json!({"userName": name}));
            store.insert(&scope, &ty, user.into()).await
        };
        insert("before").await.unwrap();
        // Whoever commits a resource is cut off on the way.
        let cut = "CREATE FUNCTION cut() RETURNS trigger LANGUAGE plpgsql AS
                   'BEGIN PERFORM pg_terminate_backend(pg_backend_pid()); RETURN NULL; END';
                   CREATE CONSTRAINT TRIGGER cut AFTER INSERT ON scim_resource
                   DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION cut()";
        database::execute(&url, cut).await;
        let unknown = insert("lost").await.unwrap_err();
        assert!(matches!(unknown, StoreError::UnknownOutcome(_)), "{unknown:?}");
        database::execute(&url, "DROP TRIGGER cut ON scim_resource").await;
        insert("after").await.unwrap();
    });
}

/// Two stores on the same tables, as two service providers have them.
async fn two(test: &str) -> Option<[PostgresStore; 2]> {
    let url = database::database(test).await?;
    // Both make the tables at once.
    let (a, b) = tokio::join!(PostgresStore::connect(&url), PostgresStore::connect(&url));
    Some([a.unwrap(), b.unwrap()])
}

const WRITERS: usize = 8;
const WRITES: usize = 20;

#[test]
fn eight_writers_lose_no_update_of_one_user() {
    database::runtime().block_on(async {
        let Some(stores) = two("concurrent updates").await else { return };
        let (scope, ty) = (tenant("acme"), ResourceType::user());
        let user = valid(&ty, json!({"userName": "babs", "title": "0"}));
        let user = stores[0].insert(&scope, &ty, user.into()).await.unwrap();
        let id = ResourceId::from(user.id());
        let writers: Vec<_> = (0..WRITERS)
            .map(|writer| {
                let (store, scope, ty, id) =
                    (stores[writer % 2].clone(), scope.clone(), ty.clone(), id.clone());
                tokio::spawn(async move {
                    for _ in 0..WRITES {
                        let change = Box::new(|before: &Stored| {
                            let title: u32 =
                                before.resource.text("title").unwrap().parse().unwrap();
                            let body =
                                json!({"userName": "babs", "title": (title + 1).to_string()});
                            Ok(Some(valid(&ResourceType::user(), body).into()))
                        });
                        store.update(&scope, &ty, &id, Load::Full, change).await.unwrap();
                    }
                })
            })
            .collect();
        for writer in writers {
            writer.await.unwrap();
        }
        let user: Resource =
            stores[1].get(&scope, &ty, &id, Load::Full).await.unwrap().unwrap().resource;
        assert_eq!(user.text("title"), Some((WRITERS * WRITES).to_string().as_str()));
    });
}

#[test]
fn eight_writers_lose_no_member_of_one_group() {
    database::runtime().block_on(async {
        let Some(stores) = two("concurrent memberships").await else { return };
        let (scope, ty) = (tenant("acme"), ResourceType::group());
        let group = valid(&ty, json!({"displayName": "all"}));
        let group = stores[0].insert(&scope, &ty, group.into()).await.unwrap();
        let id = ResourceId::from(group.id());
        let writers: Vec<_> = (0..WRITERS)
            .map(|writer| {
                let (store, scope, ty, id) =
                    (stores[writer % 2].clone(), scope.clone(), ty.clone(), id.clone());
                tokio::spawn(async move {
                    for write in 0..WRITES {
                        let mut delta = MemberDelta::default();
                        delta.add.push(Member::new(format!("{writer}-{write}")));
                        store.change_members(&scope, &ty, &id, None, &delta, None).await.unwrap();
                    }
                })
            })
            .collect();
        for writer in writers {
            writer.await.unwrap();
        }
        let group = stores[1].get(&scope, &ty, &id, Load::Full).await.unwrap().unwrap();
        assert_eq!(
            group.resource.get("members").unwrap().as_array().unwrap().len(),
            WRITERS * WRITES
        );
        assert_eq!(group.version, scim2_core::etag::Version::weak(1 + (WRITERS * WRITES) as i64));
    });
}

#[test]
fn sec_11_of_those_who_take_a_name_at_once_one_gets_it() {
    database::runtime().block_on(async {
        let Some(stores) = two("concurrent creates").await else { return };
        let (scope, ty) = (tenant("acme"), ResourceType::user());
        let creates: Vec<_> = (0..64)
            .map(|i| {
                let (store, scope, ty) = (stores[i % 2].clone(), scope.clone(), ty.clone());
                let name = if i % 3 == 0 { "BABS" } else { "babs" };
                tokio::spawn(async move {
                    let user = valid(&ty, json!({"userName": name}));
                    store.insert(&scope, &ty, user.into()).await
                })
            })
            .collect();
        let (mut made, mut taken) = (0, 0);
        for create in creates {
            match create.await.unwrap() {
                Ok(_) => made += 1,
                Err(StoreError::Uniqueness { attribute }) => {
                    assert_eq!(attribute, "urn:ietf:params:scim:schemas:core:2.0:User:userName");
                    taken += 1;
                }
                Err(other) => panic!("{other:?}"),
            }
        }
        assert_eq!((made, taken), (1, 63));
    });
}

#[test]
fn text_with_u_0000_is_kept_and_found() {
    database::runtime().block_on(async {
        let Some([store, _]) = two("U+0000").await else { return };
        let (scope, ty) = (tenant("acme"), ResourceType::user());
        let user = valid(&ty, json!({"userName": "a", "displayName": "\u{1}\0", "title": "a\0b"}));
        let user = store.insert(&scope, &ty, user.into()).await.unwrap();
        for text in [r#"title eq "A\u0000B""#, r#"title co "\u0000""#, r#"displayName gt "\u0001""#]
        {
            let filter = ty.bind(&text.parse().unwrap(), &scim2_core::Policy::strict()).unwrap();
            let query = scim2_provider::store::Query::page(scim2_provider::store::Page::first(5));
            let found = store.query(&scope, &ty, &query.with_filter(filter)).await.unwrap();
            assert_eq!(found.resources, std::slice::from_ref(&user), "{text}");
        }
    });
}
