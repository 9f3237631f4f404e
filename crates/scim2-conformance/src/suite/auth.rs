//! Who may ask (RFC 7644 §2, §3.12).

use http::Method;
use serde_json::json;

use super::session::{Call, Session, Verdict, ensure};
use super::table;

table! { Rfc:
    "auth.missing", "a request without credentials is an error 401 with a challenge", "RFC 7644 §2, §3.12" => missing;
    "auth.wrong", "a request with a wrong token is an error 401", "RFC 7644 §2, §3.12" => wrong;
    "auth.write", "nothing is created without credentials", "RFC 7644 §2" => write;
}

async fn missing(session: &mut Session<'_>) -> Verdict {
    session.has_credentials()?;
    let users = session.users()?;
    let reply = session.send(Call::new(Method::GET, users).without_credentials()).await?;
    reply.is_error(401)?;
    ensure(reply.header("www-authenticate").is_some(), || {
        "an answer of status 401 must have `WWW-Authenticate` (RFC 9110 §15.5.2)".to_owned()
    })
}

async fn wrong(session: &mut Session<'_>) -> Verdict {
    session.has_credentials()?;
    let users = session.users()?;
    session.send(Call::new(Method::GET, users).with_wrong_credentials()).await?.is_error(401)
}

async fn write(session: &mut Session<'_>) -> Verdict {
    session.has_credentials()?;
    let users = session.users()?;
    let body = session.user(json!({}));
    let call = Call::new(Method::POST, users).json(&body);
    session.send(call.without_credentials()).await?.is_error(401)
}
