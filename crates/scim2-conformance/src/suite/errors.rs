//! Errors (RFC 7644 §3.12).

use http::Method;
use http::header::ACCEPT;
use serde_json::json;

use super::reply::LIST;
use super::session::{Call, Session, Verdict, ensure};
use super::table;

table! { Rfc:
    "errors.unknown-resource", "a resource that does not exist is an error 404", "RFC 7644 §3.12" => unknown_resource;
    "errors.unknown-endpoint", "an endpoint that does not exist is 404", "RFC 7644 §3.12" => unknown_endpoint;
    "errors.malformed-json", "a body that is no JSON is an error 400 `invalidSyntax`", "RFC 7644 §3.12, Table 9" => malformed_json;
    "errors.wrong-message", "a body that is no resource is an error 400", "RFC 7644 §3.12, Table 9" => wrong_message;
    "errors.method", "a method that an endpoint does not know is not obeyed", "RFC 7644 §3.2" => method;
    "errors.media-type", "a body of another media type is refused", "RFC 7644 §3.1" => media_type;
    "errors.accept", "`application/json` and any type are acceptable", "RFC 7644 §3.8" => accept;
    "errors.me", "`/Me` is obeyed, redirected or 501", "RFC 7644 §3.11" => me;
}

/// An id of the form that most endpoints use, and that no resource has.
pub(super) const NOBODY: &str = "00000000-0000-7000-8000-000000000000";

async fn unknown_resource(session: &mut Session<'_>) -> Verdict {
    let path = format!("{}/{NOBODY}", session.users()?);
    session.get(path.as_str()).await?.is_error(404)?;
    session.delete(&path).await?.is_error(404)
}

async fn unknown_endpoint(session: &mut Session<'_>) -> Verdict {
    let reply = session.get("/NoSuchThings").await?;
    ensure(reply.status.as_u16() == 404, || {
        format!("expected status 404, found {}", reply.status.as_u16())
    })?;
    let verdict = reply.is_error(404);
    session.should(verdict)
}

async fn malformed_json(session: &mut Session<'_>) -> Verdict {
    let call = Call::new(Method::POST, session.users()?);
    let call = call.raw("application/scim+json", r#"{"schemas": ["#);
    session.send(call).await?.is_bad_request("invalidSyntax")
}

async fn wrong_message(session: &mut Session<'_>) -> Verdict {
    let users = session.users()?;
    for body in [json!([]), json!("text"), json!({"schemas": [LIST], "userName": "x"})] {
        session.send(Call::new(Method::POST, users.as_str()).json(&body)).await?.is_error(400)?;
    }
    Ok(())
}

async fn method(session: &mut Session<'_>) -> Verdict {
    let users = session.users()?;
    let body = session.user(json!({}));
    for method in [Method::PUT, Method::DELETE] {
        let reply = session.send(Call::new(method.clone(), users.as_str()).json(&body)).await?;
        ensure(reply.status.is_client_error() || reply.status.as_u16() == 501, || {
            format!("{method} of `{users}` is answered {}", reply.status.as_u16())
        })?;
        if !matches!(reply.status.as_u16(), 405 | 501) {
            session.warn(format_args!(
                "{method} of `{users}` should be 405 (RFC 9110 §15.5.6) and is {}",
                reply.status.as_u16()
            ));
        }
    }
    Ok(())
}

async fn media_type(session: &mut Session<'_>) -> Verdict {
    let users = session.users()?;
    let body = session.user(json!({})).to_string();
    let reply = session.send(Call::new(Method::POST, users).raw("text/plain", body)).await?;
    if reply.status.as_u16() != 415 {
        session.warn(format_args!(
            "a body of `text/plain` should be 415 (RFC 9110 §15.5.16) and is {}",
            reply.status.as_u16()
        ));
    }
    Ok(())
}

async fn accept(session: &mut Session<'_>) -> Verdict {
    for accepted in ["application/json", "*/*", "application/scim+json, application/json;q=0.5"] {
        let call = Call::new(Method::GET, session.users()?).header(ACCEPT, accepted);
        let reply = session.send(call).await?;
        ensure(reply.status.as_u16() == 200, || {
            format!("expected status 200 for `Accept: {accepted}`, found {}", reply.status)
        })?;
    }
    Ok(())
}

async fn me(session: &mut Session<'_>) -> Verdict {
    let reply = session.get("/Me").await?;
    match reply.status.as_u16() {
        200 | 308 | 501 => Ok(()),
        // The client of this token stands for no resource.
        403 | 404 => {
            session.warn("`/Me` should be 501 where it is not offered");
            Ok(())
        }
        other => ensure(false, || format!("expected status 200, 308 or 501, found {other}")),
    }
}
