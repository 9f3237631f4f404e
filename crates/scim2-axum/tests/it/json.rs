//! Bodies and errors of handlers that are written by hand.

use axum::Router;
use axum::routing::post;
use scim2_axum::{Scim, ScimError};
use scim2_core::{Error, User};
use scim2_provider::ProviderConfig;

use crate::support::*;

async fn invite(Scim(user): Scim<User>) -> Result<Scim<User>, ScimError> {
    if user.display_name.is_none() {
        return Err(Error::invalid_value("`displayName` is required").into());
    }
    Ok(Scim(user))
}

async fn server() -> Running {
    run(Router::new().route("/invitations", post(invite))).await
}

#[tokio::test]
async fn a_body_is_a_typed_resource_and_so_is_the_answer() {
    let body = r#"{"USERNAME": "bjensen", "displayName": "Babs", "x": 1}"#;
    let answer = server().await.send("POST", "/invitations", body).await;
    assert_eq!(answer.status(), 200);
    assert_eq!(answer.header("content-type"), Some("application/scim+json"));
    assert_eq!(answer.json()["userName"], "bjensen");
    assert_eq!(answer.json()["x"], 1);
}

#[tokio::test]
async fn every_refusal_is_an_error_of_the_rfc() {
    let server = server().await;
    let refused =
        async |body: &str, status| server.send("POST", "/invitations", body).await.is_error(status);
    assert_eq!(refused("{", 400).await["scimType"], "invalidSyntax");
    assert_eq!(refused("[]", 400).await["scimType"], "invalidSyntax");
    assert_eq!(refused(r#"{"a": 1, "A": 2}"#, 400).await["scimType"], "invalidSyntax");
    assert_eq!(refused(r#"{"active": "perhaps"}"#, 400).await["scimType"], "invalidValue");
    assert_eq!(refused(r#"{"userName": "x"}"#, 400).await["detail"], "`displayName` is required");
    let large = format!(r#"{{"x": "{}"}}"#, "x".repeat(ProviderConfig::MAX_BODY));
    refused(&large, 413).await;
    let request = format!(
        "POST /invitations HTTP/1.1\r\nHost: x\r\n{AUTHORIZATION}Connection: close\r\n\
         Content-Type: text/xml\r\nContent-Length: 2\r\n\r\n{{}}"
    );
    server.raw(request.as_bytes()).await.is_error(415);
}
