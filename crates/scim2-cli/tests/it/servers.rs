//! Several processes on one database.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use serde_json::{Value, json};

use crate::serve::Server;
use crate::support::command;

const USER: &str = "urn:ietf:params:scim:schemas:core:2.0:User";
const GROUP: &str = "urn:ietf:params:scim:schemas:core:2.0:Group";
const PATCH: &str = "urn:ietf:params:scim:api:messages:2.0:PatchOp";
const WRITERS: usize = 8;
const WRITES: usize = 12;

static SCHEMAS: AtomicU64 = AtomicU64::new(0);

/// The URL of tables of one's own; none, with a word about it, without a database.
fn database(test: &str) -> Option<String> {
    let Ok(url) = std::env::var("DATABASE_URL") else {
        eprintln!("SKIPPED on PostgreSQL: {test} (there is no DATABASE_URL)");
        return None;
    };
    let number = SCHEMAS.fetch_add(1, Ordering::Relaxed);
    let schema = format!("servers_{}_{number}", std::process::id());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let (client, connection) =
            tokio_postgres::connect(&url, tokio_postgres::NoTls).await.unwrap();
        let connection = tokio::spawn(connection);
        let sql = format!("DROP SCHEMA IF EXISTS {schema} CASCADE; CREATE SCHEMA {schema}");
        client.batch_execute(&sql).await.unwrap();
        drop(client);
        connection.await.unwrap().unwrap();
    });
    let mark = if url.contains('?') { '&' } else { '?' };
    Some(format!("{url}{mark}options=-csearch_path%3D{schema}"))
}

/// Two processes that begin at once, on tables that neither has made yet.
fn two(url: &str) -> [Server; 2] {
    thread::scope(|scope| {
        let one = scope.spawn(|| Server::on_database(url));
        let other = scope.spawn(|| Server::on_database(url));
        [one.join().unwrap(), other.join().unwrap()]
    })
}

fn send(server: &Server, method: &str, path: &str, body: &Value) -> (u16, Value) {
    let (status, answer) = server.call(method, path, &body.to_string());
    let status = status.split(' ').nth(1).unwrap().parse().unwrap();
    (status, serde_json::from_str(&answer).unwrap_or_default())
}

fn create(server: &Server, endpoint: &str, body: &Value) -> String {
    let (status, created) = send(server, "POST", endpoint, body);
    assert_eq!(status, 201, "{created}");
    format!("{endpoint}/{}", created["id"].as_str().unwrap())
}

/// What each writer gets for what it does, all of them at once, half of them at either server.
fn at_once<T: Send>(servers: &[Server; 2], work: impl Fn(&Server, usize) -> T + Sync) -> Vec<T> {
    let work = &work;
    thread::scope(|scope| {
        let writers: Vec<_> = (0..WRITERS)
            .map(|writer| scope.spawn(move || work(&servers[writer % 2], writer)))
            .collect();
        writers.into_iter().map(|writer| writer.join().unwrap()).collect()
    })
}

#[test]
fn two_servers_lose_no_member_of_one_group_and_no_change_of_one_user() {
    let Some(url) = database("two servers, one group, one user") else { return };
    let servers = two(&url);
    let group = create(&servers[0], "/Groups", &json!({"schemas": [GROUP], "displayName": "all"}));
    let user = create(&servers[1], "/Users", &json!({"schemas": [USER], "userName": "one"}));
    at_once(&servers, |server, writer| {
        for write in 0..WRITES {
            let value = format!("{writer}-{write}");
            let patch = |op: Value| json!({"schemas": [PATCH], "Operations": [op]});
            let add = json!({"op": "add", "path": "members", "value": [{"value": value}]});
            let (status, answer) = send(server, "PATCH", &group, &patch(add));
            assert!(status < 300, "{status} {answer}");
            let email = json!([{"value": format!("{value}@example.com"), "type": value}]);
            let add = json!({"op": "add", "path": "emails", "value": email});
            let (status, answer) = send(server, "PATCH", &user, &patch(add));
            assert!(status < 300, "{status} {answer}");
        }
    });
    let count = WRITERS * WRITES;
    let (_, group) = send(&servers[0], "GET", &group, &Value::Null);
    assert_eq!(group["members"].as_array().unwrap().len(), count);
    // Each change is a version of its own.
    assert_eq!(group["meta"]["version"], format!("W/\"{}\"", count + 1));
    let (_, user) = send(&servers[1], "GET", &user, &Value::Null);
    assert_eq!(user["emails"].as_array().unwrap().len(), count);
    assert_eq!(user["meta"]["version"], format!("W/\"{}\"", count + 1));
}

#[test]
fn a_database_that_must_have_tls_is_refused() {
    let Some(url) = database("a database with TLS") else { return };
    let mut refused = command();
    let refused = refused.args(["serve", "--listen", "127.0.0.1:0"]).env("SCIM_TOKEN", "s3cret");
    let refused = refused.env("SCIM_DATABASE_URL", format!("{url}&sslmode=require")).output();
    let refused = refused.unwrap();
    assert!(!refused.status.success());
    let message = String::from_utf8(refused.stderr).unwrap();
    assert!(message.contains("TLS"), "{message}");
}

#[test]
fn a_database_is_checked_while_it_is_served_and_nothing_is_made_in_another() {
    let Some(url) = database("db check") else { return };
    let check = || {
        let output = command().args(["db", "check"]).env("SCIM_DATABASE_URL", &url).output();
        let output = output.unwrap();
        let text = [output.stdout, output.stderr].concat();
        (output.status.success(), String::from_utf8(text).unwrap())
    };
    let (sound, message) = check();
    assert!(!sound && message.contains("no store of SCIM resources"), "{message}");
    let [server, _other] = two(&url);
    create(&server, "/Users", &json!({"schemas": [USER], "userName": "one"}));
    let (sound, message) = check();
    assert!(sound && message.starts_with("1 resources"), "{message}");
}

#[test]
fn of_two_servers_one_gives_a_name_away_once() {
    let Some(url) = database("two servers, one name") else { return };
    let servers = two(&url);
    for round in 0..WRITES {
        let statuses = at_once(&servers, |server, writer| {
            let name = if writer % 3 == 0 { "BABS" } else { "babs" };
            let body = json!({"schemas": [USER], "userName": format!("{name}-{round}")});
            let (status, answer) = send(server, "POST", "/Users", &body);
            assert!(status == 201 || answer["scimType"] == "uniqueness", "{status} {answer}");
            status
        });
        assert_eq!(statuses.iter().filter(|status| **status == 201).count(), 1, "{statuses:?}");
        assert_eq!(statuses.iter().filter(|status| **status == 409).count(), WRITERS - 1);
    }
    let (_, all) = send(&servers[0], "GET", "/Users", &Value::Null);
    assert_eq!(all["totalResults"], WRITES);
}

#[test]
fn two_servers_that_get_in_each_others_way_try_again() {
    let Some(url) = database("two servers, deletions and memberships") else { return };
    let servers = two(&url);
    for round in 0..WRITES {
        // Each user is in each group, in another order: deletions touch all groups.
        let users: Vec<String> = (0..WRITERS)
            .map(|n| {
                let body = json!({"schemas": [USER], "userName": format!("u{round}-{n}")});
                create(&servers[n % 2], "/Users", &body)
            })
            .collect();
        let id = |path: &str| path.rsplit('/').next().unwrap().to_owned();
        let members: Vec<Value> = users.iter().map(|user| json!({"value": id(user)})).collect();
        let groups: Vec<String> = (0..3)
            .map(|n| {
                let body = json!({
                    "schemas": [GROUP], "displayName": format!("g{round}-{n}"), "members": members,
                });
                create(&servers[n % 2], "/Groups", &body)
            })
            .collect();
        let statuses = at_once(&servers, |server, writer| {
            let mut statuses = BTreeSet::new();
            if writer % 2 == 0 {
                statuses.insert(send(server, "DELETE", &users[writer], &Value::Null).0);
                statuses.insert(send(server, "DELETE", &users[writer + 1], &Value::Null).0);
            } else {
                for group in groups.iter().rev() {
                    let value = format!("new-{writer}");
                    let add = json!({"op": "add", "path": "members", "value": [{"value": value}]});
                    let body = json!({"schemas": [PATCH], "Operations": [add]});
                    statuses.insert(send(server, "PATCH", group, &body).0);
                }
            }
            statuses
        });
        let statuses: BTreeSet<u16> = statuses.into_iter().flatten().collect();
        assert!(statuses.iter().all(|status| [200, 204].contains(status)), "{statuses:?}");
        for group in &groups {
            let (_, group) = send(&servers[0], "GET", group, &Value::Null);
            assert_eq!(group["members"].as_array().unwrap().len(), WRITERS / 2);
        }
    }
}
