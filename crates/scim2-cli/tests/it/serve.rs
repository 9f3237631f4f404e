use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Stdio};

use crate::support::command;

/// A server on a port of its own, with its data in a folder that lives as long as it.
pub(crate) struct Server {
    child: Child,
    pub(crate) address: String,
}

impl Server {
    pub(crate) fn start(data: &std::path::Path, profile: &str) -> Self {
        let mut child = command()
            .args(["serve", "--listen", "127.0.0.1:0", "--profile", profile, "--data"])
            .arg(data)
            .env("SCIM_TOKEN", "s3cret")
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let url = line.trim().strip_prefix("serving http://").unwrap();
        let address = url.split('/').next().unwrap().to_owned();
        Self { child, address }
    }

    /// Sends one request and returns status line and body.
    fn call(&self, method: &str, path: &str, body: &str) -> (String, String) {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        write!(
            stream,
            "{method} /scim/v2{path} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer s3cret\r\n\
             content-type: application/scim+json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
            body.len()
        )
        .unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        (head.lines().next().unwrap().to_owned(), body.to_owned())
    }
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
