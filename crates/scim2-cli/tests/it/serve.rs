use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};

use crate::support::command;

/// A server on a port of its own, with its data in a folder that lives as long as it.
pub(crate) struct Server {
    child: Child,
    pub(crate) address: String,
    /// Where the metrics are, if they were asked for.
    metrics: Option<String>,
}

impl Server {
    pub(crate) fn start(data: &std::path::Path, profile: &str) -> Self {
        Self::with(data, &["--profile", profile])
    }

    /// One that shares a PostgreSQL database with others.
    pub(crate) fn on_database(url: &str) -> Self {
        Self::run(&[], command().arg("serve").env("SCIM_DATABASE_URL", url))
    }

    fn with(data: &std::path::Path, options: &[&str]) -> Self {
        Self::run(options, command().args(["serve", "--data"]).arg(data))
    }

    fn run(options: &[&str], command: &mut Command) -> Self {
        let mut child = command
            .args(options)
            .args(if options.contains(&"--listen") {
                [].as_slice()
            } else {
                &["--listen", "127.0.0.1:0"]
            })
            .env("SCIM_TOKEN", "s3cret")
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut output = BufReader::new(child.stdout.take().unwrap());
        let mut address = |before: &str| {
            let mut line = String::new();
            output.read_line(&mut line).unwrap();
            let url = line.trim().strip_prefix(before).unwrap();
            url.split('/').next().unwrap().to_owned()
        };
        let own = address("serving http://");
        let metrics = options.contains(&"--metrics").then(|| address("metrics http://"));
        Self { child, address: own, metrics }
    }

    /// Sends one request and returns status line and body.
    pub(crate) fn call(&self, method: &str, path: &str, body: &str) -> (String, String) {
        call(&self.address, method, &format!("/scim/v2{path}"), body)
    }
}

fn call(address: &str, method: &str, path: &str, body: &str) -> (String, String) {
    let mut stream = TcpStream::connect(address).unwrap();
    write!(
        stream,
        "{method} {path} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer s3cret\r\n\
         content-type: application/scim+json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
        body.len()
    )
    .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (head.lines().next().unwrap().to_owned(), body.to_owned())
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

const BARBARA: &str =
    r#"{"schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"], "userName": "bjensen"}"#;

#[test]
fn data_survives_a_kill() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path(), "strict");
    let (status, created) = server.call("POST", "/Users", BARBARA);
    assert_eq!(status, "HTTP/1.1 201 Created", "{created}");
    drop(server);
    let server = Server::start(folder.path(), "strict");
    let (_, found) = server.call("GET", "/Users?filter=userName%20eq%20%22BJENSEN%22", "");
    assert!(found.contains("\"totalResults\":1"), "{found}");
}

#[test]
fn the_aws_profile_answers_as_aws_does() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path(), "aws");
    let (status, body) = server.call("POST", "/Users", BARBARA);
    assert_eq!(status, "HTTP/1.1 400 Bad Request");
    assert!(
        body.contains("Request is unparsable, syntactically incorrect, or violates schema."),
        "{body}"
    );
}

#[test]
fn a_second_process_is_kept_off_the_data() {
    let folder = tempfile::tempdir().unwrap();
    let _server = Server::start(folder.path(), "strict");
    let second = command()
        .args(["serve", "--listen", "127.0.0.1:0", "--data"])
        .arg(folder.path())
        .env("SCIM_TOKEN", "s3cret")
        .output()
        .unwrap();
    assert!(!second.status.success());
    let message = String::from_utf8(second.stderr).unwrap();
    assert!(message.contains("scim.sqlite3"), "{message}");
}

#[test]
fn health_and_metrics_stand_beside_the_endpoint() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::with(folder.path(), &["--metrics", "127.0.0.1:0", "--log-format", "json"]);
    for path in ["/livez", "/readyz"] {
        assert_eq!(call(&server.address, "GET", path, "").0, "HTTP/1.1 200 OK");
    }
    assert_eq!(server.call("POST", "/Users", BARBARA).0, "HTTP/1.1 201 Created");
    let metrics = server.metrics.as_ref().unwrap();
    let (status, shown) = call(metrics, "GET", "/metrics", "");
    assert_eq!(status, "HTTP/1.1 200 OK");
    let created =
        r#"scim_server_operations{operation="create",resource_type="User",result="ok"} 1"#;
    assert!(shown.contains(created), "{shown}");
    assert!(shown.contains("http_server_request_duration_bucket"), "{shown}");
    // What was to be written has been taken up.
    assert!(shown.contains("scim_sqlite_writer_queue 0"), "{shown}");
    assert!(!shown.contains("bjensen"), "{shown}");
    // Neither shows below the base, nor the metrics where clients are.
    assert_eq!(server.call("GET", "/readyz", "").0, "HTTP/1.1 404 Not Found");
    assert_eq!(call(&server.address, "GET", "/metrics", "").0, "HTTP/1.1 404 Not Found");
    let (status, body) = call(&server.address, "GET", "/scim/v9/Users", "");
    assert_eq!(status, "HTTP/1.1 400 Bad Request");
    assert!(body.contains("invalidVers"), "{body}");
}

#[test]
fn limits_are_set_on_the_command_line() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::with(folder.path(), &["--client-rate", "1", "--max-body", "10"]);
    assert_eq!(server.call("POST", "/Users", BARBARA).0, "HTTP/1.1 413 Payload Too Large");
    let statuses: Vec<String> = (0..5).map(|_| server.call("GET", "/Users", "").0).collect();
    assert!(
        statuses.iter().any(|status| status == "HTTP/1.1 429 Too Many Requests"),
        "{statuses:?}"
    );
}

#[test]
fn h06_me_answers_in_the_mode_that_is_asked_for() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path(), "strict");
    let (_, created) = server.call("POST", "/Users", BARBARA);
    let created: serde_json::Value = serde_json::from_str(&created).unwrap();
    let id = created["id"].as_str().unwrap();
    assert_eq!(server.call("GET", "/Me", "").0, "HTTP/1.1 501 Not Implemented");
    drop(server);
    let server = Server::with(folder.path(), &["--me", "redirect", "--me-user", id]);
    assert_eq!(server.call("GET", "/Me", "").0, "HTTP/1.1 308 Permanent Redirect");
    drop(server);
    let server = Server::with(folder.path(), &["--me", "direct", "--me-user", id]);
    let (status, me) = server.call("GET", "/Me", "");
    assert_eq!(status, "HTTP/1.1 200 OK");
    let me: serde_json::Value = serde_json::from_str(&me).unwrap();
    assert_eq!((&me["id"], &me["userName"]), (&created["id"], &created["userName"]));
    // A mode without a user means nothing.
    let mut command = command();
    command.args(["serve", "--data"]).arg(folder.path()).args(["--me", "direct"]);
    let output = command.output().unwrap();
    assert!(String::from_utf8(output.stderr).unwrap().contains("--me-user"));
}

#[test]
fn sec_24_removals_are_held_beyond_what_the_command_line_says() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::with(folder.path(), &["--removals-per-hour", "1"]);
    let statuses = ["a", "b"].map(|name| {
        let (_, created) = server.call("POST", "/Users", &BARBARA.replace("bjensen", name));
        let created: serde_json::Value = serde_json::from_str(&created).unwrap();
        server.call("DELETE", &format!("/Users/{}", created["id"].as_str().unwrap()), "").0
    });
    assert_eq!(statuses, ["HTTP/1.1 204 No Content", "HTTP/1.1 403 Forbidden"]);
}

#[cfg(unix)]
#[test]
fn it_ends_in_order_when_it_is_asked_to() {
    let folder = tempfile::tempdir().unwrap();
    let mut server = Server::start(folder.path(), "strict");
    assert_eq!(server.call("POST", "/Users", BARBARA).0, "HTTP/1.1 201 Created");
    let asked = Command::new("kill").arg(server.child.id().to_string()).status();
    assert!(asked.unwrap().success());
    assert!(server.child.wait().unwrap().success());
}

#[test]
fn the_test_resource_is_served_on_request() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::with(folder.path(), &["--with-test-resource"]);
    let body = r#"{"schemas": ["urn:ietf:params:scim:schemas:test:2.0:TestResource",
        "urn:ietf:params:scim:schemas:extension:test:2.0:TestResource"],
        "identifier": "one", "writeOnlyAttr": "hidden",
        "urn:ietf:params:scim:schemas:extension:test:2.0:TestResource": {"extRequired": "x"}}"#;
    let (status, created) = server.call("POST", "/TestResources", body);
    assert_eq!(status, "HTTP/1.1 201 Created", "{created}");
    assert!(!created.contains("hidden"), "{created}");
    let (status, _) =
        server.call("POST", "/TestResources", r#"{"schemas": [], "identifier": "x"}"#);
    assert_eq!(status, "HTTP/1.1 400 Bad Request");
}

#[test]
fn a_password_can_be_changed() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path(), "strict");
    let (_, created) = server.call("POST", "/Users", BARBARA);
    let created: serde_json::Value = serde_json::from_str(&created).unwrap();
    let body = r#"{"schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"],
        "Operations": [{"op": "replace", "path": "password", "value": "t0p-s3cret"}]}"#;
    let path = format!("/Users/{}", created["id"].as_str().unwrap());
    let (status, answer) = server.call("PATCH", &path, body);
    assert_eq!(status, "HTTP/1.1 200 OK", "{answer}");
    assert!(!answer.contains("t0p-s3cret"), "{answer}");
}

#[test]
fn each_profile_takes_what_its_name_says() {
    // What the RFCs do not know: ignored where a client is known to send it.
    let odd = r#"{"schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"], "userName": "odd",
        "nosuch": 1}"#;
    for (profile, expected) in
        [("strict", "400"), ("aws", "400"), ("okta", "201"), ("entra", "201"), ("lenient", "201")]
    {
        let folder = tempfile::tempdir().unwrap();
        let (status, body) = Server::start(folder.path(), profile).call("POST", "/Users", odd);
        assert!(status.contains(expected), "{profile}: {status} {body}");
    }
}

#[test]
fn entra_has_one_group_of_a_name() {
    let group = r#"{"schemas": ["urn:ietf:params:scim:schemas:core:2.0:Group"],
        "displayName": "staff"}"#;
    for (profile, expected) in [("strict", "201"), ("entra", "409")] {
        let folder = tempfile::tempdir().unwrap();
        let server = Server::start(folder.path(), profile);
        assert_eq!(server.call("POST", "/Groups", group).0, "HTTP/1.1 201 Created");
        let (status, body) = server.call("POST", "/Groups", group);
        assert!(status.contains(expected), "{profile}: {status} {body}");
    }
}

#[test]
fn cursors_outlive_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path(), "strict");
    for name in ["a", "b"] {
        let body = BARBARA.replace("bjensen", name);
        assert_eq!(server.call("POST", "/Users", &body).0, "HTTP/1.1 201 Created");
    }
    let (_, first) = server.call("GET", "/Users?cursor&count=1", "");
    let first: serde_json::Value = serde_json::from_str(&first).unwrap();
    drop(server);
    let server = Server::start(folder.path(), "strict");
    let next = format!("/Users?count=1&cursor={}", first["nextCursor"].as_str().unwrap());
    let (status, second) = server.call("GET", &next, "");
    assert_eq!(status, "HTTP/1.1 200 OK", "{second}");
    assert!(second.contains("\"userName\":\"b\""), "{second}");
}

#[test]
fn locations_name_the_host_of_the_request_where_all_addresses_are_listened_on() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::with(folder.path(), &["--listen", "0.0.0.0:0"]);
    let port = server.address.split(':').nth(1).unwrap();
    let (_, created) = call(&format!("127.0.0.1:{port}"), "POST", "/scim/v2/Users", BARBARA);
    assert!(created.contains("\"location\":\"http://x/scim/v2/Users/"), "{created}");
}

#[test]
fn a_limit_of_0_is_refused() {
    for limit in ["--max-body", "--max-connections", "--max-concurrent", "--request-timeout"] {
        let output = command().args(["serve", "--data", "unused", limit, "0"]).output().unwrap();
        assert!(!output.status.success());
        let message = String::from_utf8(output.stderr).unwrap();
        assert!(message.contains("must be at least 1"), "{message}");
    }
}
