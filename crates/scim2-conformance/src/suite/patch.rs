//! PATCH (RFC 7644 §3.5.2).

use http::Method;
use serde_json::{Value, json};

use super::Group;
use super::reply::Reply;
use super::session::{Call, ENTERPRISE, Session, Stop, Verdict, ensure, patch_op};
use super::table;

table! { Rfc:
    "patch.answer", "PATCH is answered 200 with the resource, or 204", "RFC 7644 §3.5.2" => answer;
    "patch.add", "add sets an attribute", "RFC 7644 §3.5.2.1" => add;
    "patch.add-without-path", "add without path sets the attributes of its value", "RFC 7644 §3.5.2.1" => add_without_path;
    "patch.add-complex", "add to a complex attribute keeps its other sub-attributes", "RFC 7644 §3.5.2.1" => add_complex;
    "patch.add-multi-valued", "add to a multi-valued attribute adds values", "RFC 7644 §3.5.2.1" => add_multi_valued;
    "patch.add-twice", "adding a value that is there adds nothing", "RFC 7644 §3.5.2.1" => add_twice;
    "patch.replace", "replace sets an attribute", "RFC 7644 §3.5.2.3" => replace;
    "patch.replace-without-path", "replace without path sets the attributes of its value", "RFC 7644 §3.5.2.3" => replace_without_path;
    "patch.replace-unassigned", "replace of an unassigned attribute adds it", "RFC 7644 §3.5.2.3" => replace_unassigned;
    "patch.replace-multi-valued", "replace of a multi-valued attribute replaces all values", "RFC 7644 §3.5.2.3" => replace_multi_valued;
    "patch.replace-sub-attribute", "replace of a sub-attribute keeps the others", "RFC 7644 §3.5.2.3" => replace_sub_attribute;
    "patch.replace-selected", "a value filter selects what is replaced", "RFC 7644 §3.5.2.3" => replace_selected;
    "patch.replace-no-target", "replace where the value filter matches nothing is an error 400 `noTarget`", "RFC 7644 §3.5.2.3" => replace_no_target;
    "patch.remove", "remove unassigns an attribute", "RFC 7644 §3.5.2.2" => remove;
    "patch.remove-selected", "a value filter selects what is removed", "RFC 7644 §3.5.2.2" => remove_selected;
    "patch.remove-sub-attribute", "remove of a sub-attribute keeps the others", "RFC 7644 §3.5.2.2" => remove_sub_attribute;
    "patch.remove-without-path", "remove without path is an error 400 `noTarget`", "RFC 7644 §3.5.2.2" => remove_without_path;
    "patch.remove-required", "a required attribute is not removed: error 400", "RFC 7644 §3.5.2.2" => remove_required;
    "patch.extension", "attributes of extensions are named with their URN", "RFC 7644 §3.10" => extension;
    "patch.sequence", "operations apply in order", "RFC 7644 §3.5.2" => sequence;
    "patch.atomic", "a failing operation undoes those before it", "RFC 7644 §3.5.2" => atomic;
    "patch.primary", "a new primary value takes the place of the old one", "RFC 7644 §3.5.2" => primary;
    "patch.read-only", "a readOnly attribute is not changed: error 400 `mutability`", "RFC 7644 §3.5.2" => read_only;
    "patch.bad-path", "a path that is none is an error 400 `invalidPath`", "RFC 7644 Table 9" => bad_path;
    "patch.bad-message", "a body that is no PATCH is an error 400", "RFC 7644 §3.5.2" => bad_message;
    "patch.unknown-resource", "a PATCH of what is not there is 404", "RFC 7644 §3.12" => unknown_resource;
    "patch.duplicate", "a PATCH cannot take another user's `userName`", "RFC 7643 §7" => duplicate;
    "patch.case", "names in paths have no case", "RFC 7644 §3.10" => case;
}

/// Creates a user, applies operations and reads what became of it.
pub(super) async fn patched(
    session: &mut Session<'_>,
    before: Value,
    operations: Value,
) -> Result<Reply, Stop> {
    session.offers("patch")?;
    let path = session.new_user_path(before).await?;
    let answer = session.patch(&path, &operations).await?;
    answer.is(&[200, 204])?;
    let read = session.get(path).await?;
    read.is(&[200])?;
    if answer.status.as_u16() == 200 {
        // The answer shows what is read afterwards.
        for name in ["userName", "title", "displayName", "emails", "name"] {
            let pointer = format!("/{name}");
            answer.has(&pointer, read.at(&pointer))?;
        }
    }
    Ok(read)
}

/// Operations that must be refused, and leave the user as it was.
async fn refused(
    session: &mut Session<'_>,
    before: Value,
    operations: Value,
) -> Result<Reply, Stop> {
    session.offers("patch")?;
    let path = session.new_user_path(before).await?;
    let before = session.get(path.as_str()).await?;
    let answer = session.patch(&path, &operations).await?;
    let after = session.get(path).await?;
    ensure(before.body == after.body, || {
        format!(
            "a PATCH that was answered {} changed the resource to {}",
            answer.status.as_u16(),
            after.text
        )
    })?;
    Ok(answer)
}

fn mails(list: &[(&str, &str)]) -> Value {
    list.iter().map(|(kind, value)| json!({"type": kind, "value": value})).collect()
}

/// The values of the e-mails, sorted.
fn mail_values(reply: &Reply) -> Vec<&str> {
    let mails = reply.at("/emails").as_array().into_iter().flatten();
    let mut values: Vec<_> = mails.filter_map(|mail| mail.get("value")?.as_str()).collect();
    values.sort_unstable();
    values
}

fn has_mails(reply: &Reply, expected: &[&str]) -> Verdict {
    let found = mail_values(reply);
    ensure(found == expected, || format!("`emails` should be {expected:?} and are {found:?}"))
}

async fn answer(session: &mut Session<'_>) -> Verdict {
    session.has_attributes(&["displayName"])?;
    session.offers("patch")?;
    let path = session.new_user_path(json!({})).await?;
    let operations = json!([{"op": "replace", "path": "displayName", "value": "Changed"}]);
    let reply = session.patch(&path, &operations).await?;
    reply.is(&[200, 204])?;
    if reply.status.as_u16() == 200 {
        return reply.has("/displayName", &json!("Changed"));
    }
    ensure(reply.text.is_empty(), || "an answer of status 204 has a body".to_owned())
}

async fn add(session: &mut Session<'_>) -> Verdict {
    session.has_attributes(&["title", "nickName"])?;
    let operations = json!([{"op": "add", "path": "title", "value": "Baker"}]);
    let read = patched(session, json!({"nickName": "Nick"}), operations).await?;
    read.has("/title", &json!("Baker"))?;
    read.has("/nickName", &json!("Nick"))
}

async fn add_without_path(session: &mut Session<'_>) -> Verdict {
    session.has_attributes(&["title", "nickName"])?;
    let operations = json!([{"op": "add", "value": {"title": "Baker", "nickName": "Bob"}}]);
    let read = patched(session, json!({"nickName": "Nick"}), operations).await?;
    read.has("/title", &json!("Baker"))?;
    read.has("/nickName", &json!("Bob"))
}

async fn add_complex(session: &mut Session<'_>) -> Verdict {
    session.has_attributes(&["name.givenName", "name.middleName"])?;
    let operations = json!([{"op": "add", "path": "name", "value": {"middleName": "Middle"}}]);
    let read = patched(session, json!({}), operations).await?;
    read.has("/name/middleName", &json!("Middle"))?;
    read.has("/name/givenName", &json!("Test"))
}

async fn add_multi_valued(session: &mut Session<'_>) -> Verdict {
    session.has_attributes(&["emails.type"])?;
    let operations = json!([
        {"op": "add", "path": "emails", "value": [{"type": "home", "value": "b@example.com"}]}
    ]);
    let before = json!({"emails": mails(&[("work", "a@example.com")])});
    has_mails(&patched(session, before, operations).await?, &["a@example.com", "b@example.com"])
}

async fn add_twice(session: &mut Session<'_>) -> Verdict {
    session.has_attributes(&["emails.type"])?;
    let operations = json!([
        {"op": "add", "path": "emails", "value": [{"type": "work", "value": "a@example.com"}]}
    ]);
    let before = json!({"emails": mails(&[("work", "a@example.com")])});
    let read = patched(session, before, operations).await?;
    let verdict = has_mails(&read, &["a@example.com"]);
    session.should(verdict)
}

async fn replace(session: &mut Session<'_>) -> Verdict {
    session.has_attributes(&["displayName", "active"])?;
    let operations = json!([
        {"op": "replace", "path": "displayName", "value": "Changed"},
        {"op": "replace", "path": "active", "value": false},
    ]);
    let read = patched(session, json!({}), operations).await?;
    read.has("/displayName", &json!("Changed"))?;
    read.has("/active", &json!(false))
}

async fn replace_without_path(session: &mut Session<'_>) -> Verdict {
    session.has_attributes(&["displayName", "name.givenName"])?;
    let operations = json!([{"op": "replace", "value": {"displayName": "Changed"}}]);
    let read = patched(session, json!({}), operations).await?;
    read.has("/displayName", &json!("Changed"))?;
    read.has("/name/givenName", &json!("Test"))
}

async fn replace_unassigned(session: &mut Session<'_>) -> Verdict {
    session.has_attributes(&["title"])?;
    let operations = json!([{"op": "replace", "path": "title", "value": "Baker"}]);
    patched(session, json!({}), operations).await?.has("/title", &json!("Baker"))
}

async fn replace_multi_valued(session: &mut Session<'_>) -> Verdict {
    session.has_attributes(&["emails.type"])?;
    let operations = json!([
        {"op": "replace", "path": "emails", "value": [{"type": "home", "value": "c@example.com"}]}
    ]);
    let before = json!({"emails": mails(&[("work", "a@example.com"), ("other", "b@example.com")])});
    has_mails(&patched(session, before, operations).await?, &["c@example.com"])
}

async fn replace_sub_attribute(session: &mut Session<'_>) -> Verdict {
    session.has_attributes(&["name.givenName", "name.familyName"])?;
    let operations = json!([{"op": "replace", "path": "name.familyName", "value": "Changed"}]);
    let read = patched(session, json!({}), operations).await?;
    read.has("/name/familyName", &json!("Changed"))?;
    read.has("/name/givenName", &json!("Test"))
}

async fn replace_selected(session: &mut Session<'_>) -> Verdict {
    session.has_attributes(&["emails.type"])?;
    let operations = json!([
        {"op": "replace", "path": "emails[type eq \"work\"].value", "value": "c@example.com"}
    ]);
    let before = json!({"emails": mails(&[("work", "a@example.com"), ("home", "b@example.com")])});
    let read = patched(session, before, operations).await?;
    has_mails(&read, &["b@example.com", "c@example.com"])
}

async fn replace_no_target(session: &mut Session<'_>) -> Verdict {
    session.unless(Group::Entra, "it expects the value to be created")?;
    session.has_attributes(&["emails.type"])?;
    let operations = json!([
        {"op": "replace", "path": "emails[type eq \"other\"].value", "value": "c@example.com"}
    ]);
    refused(session, json!({}), operations).await?.is_bad_request("noTarget")
}

async fn remove(session: &mut Session<'_>) -> Verdict {
    session.has_attributes(&["title", "nickName"])?;
    let operations = json!([{"op": "remove", "path": "title"}]);
    let read = patched(session, json!({"title": "Baker", "nickName": "Nick"}), operations).await?;
    read.has("/title", &Value::Null)?;
    read.has("/nickName", &json!("Nick"))
}

async fn remove_selected(session: &mut Session<'_>) -> Verdict {
    session.has_attributes(&["emails.type"])?;
    let operations = json!([{"op": "remove", "path": "emails[type eq \"work\"]"}]);
    let before = json!({"emails": mails(&[("work", "a@example.com"), ("home", "b@example.com")])});
    has_mails(&patched(session, before, operations).await?, &["b@example.com"])
}

async fn remove_sub_attribute(session: &mut Session<'_>) -> Verdict {
    session.has_attributes(&["name.givenName", "name.familyName"])?;
    let operations = json!([{"op": "remove", "path": "name.givenName"}]);
    let read = patched(session, json!({}), operations).await?;
    read.has("/name/givenName", &Value::Null)?;
    ensure(!read.at("/name/familyName").is_null(), || "`name.familyName` is gone".to_owned())
}

async fn remove_without_path(session: &mut Session<'_>) -> Verdict {
    let operations = json!([{"op": "remove"}]);
    refused(session, json!({}), operations).await?.is_bad_request("noTarget")
}

async fn remove_required(session: &mut Session<'_>) -> Verdict {
    let operations = json!([{"op": "remove", "path": "userName"}]);
    refused(session, json!({}), operations).await?.is_error(400)
}

async fn extension(session: &mut Session<'_>) -> Verdict {
    session.has_enterprise()?;
    let path = |name: &str| format!("{ENTERPRISE}:{name}");
    let operations = json!([
        {"op": "add", "path": path("department"), "value": "Testing"},
        {"op": "add", "value": {ENTERPRISE: {"costCenter": "9"}}},
        {"op": "remove", "path": path("division")},
    ]);
    let before = json!({ENTERPRISE: {"division": "Old", "employeeNumber": "1"}});
    let read = patched(session, before, operations).await?;
    for (name, value) in [
        ("department", json!("Testing")),
        ("costCenter", json!("9")),
        ("division", Value::Null),
        ("employeeNumber", json!("1")),
    ] {
        read.has(&format!("/{ENTERPRISE}/{name}"), &value)?;
    }
    Ok(())
}

async fn sequence(session: &mut Session<'_>) -> Verdict {
    session.has_attributes(&["title"])?;
    let operations = json!([
        {"op": "add", "path": "title", "value": "One"},
        {"op": "remove", "path": "title"},
        {"op": "add", "path": "title", "value": "Two"},
        {"op": "replace", "path": "title", "value": "Three"},
    ]);
    patched(session, json!({}), operations).await?.has("/title", &json!("Three"))
}

async fn atomic(session: &mut Session<'_>) -> Verdict {
    session.has_attributes(&["displayName"])?;
    let operations = json!([
        {"op": "replace", "path": "displayName", "value": "Changed"},
        {"op": "remove", "path": "userName"},
    ]);
    refused(session, json!({}), operations).await?.is_error(400)
}

async fn primary(session: &mut Session<'_>) -> Verdict {
    session.has_attributes(&["emails.primary"])?;
    let operations = json!([{"op": "add", "path": "emails", "value": [
        {"type": "home", "value": "b@example.com", "primary": true}
    ]}]);
    let before = json!({"emails": [
        {"type": "work", "value": "a@example.com", "primary": true}
    ]});
    let read = patched(session, before, operations).await?;
    let primary: Vec<&str> = read
        .at("/emails")
        .as_array()
        .into_iter()
        .flatten()
        .filter(|mail| mail.get("primary") == Some(&Value::Bool(true)))
        .filter_map(|mail| mail.get("value")?.as_str())
        .collect();
    ensure(primary == ["b@example.com"], || {
        format!("the primary e-mail should be `b@example.com` alone and is {primary:?}")
    })
}

async fn read_only(session: &mut Session<'_>) -> Verdict {
    session.unless(Group::Entra, "it writes readOnly attributes and expects them to be ignored")?;
    for operation in [
        json!({"op": "replace", "path": "id", "value": "chosen-by-the-client"}),
        json!({"op": "replace", "path": "meta.created", "value": "2001-01-01T00:00:00Z"}),
    ] {
        let answer = refused(session, json!({}), json!([operation])).await?;
        answer.is_bad_request("mutability")?;
    }
    Ok(())
}

async fn bad_path(session: &mut Session<'_>) -> Verdict {
    for path in ["name..givenName", "emails[type eq \"work\"", "[type eq \"work\"]", "display name"]
    {
        let operations = json!([{"op": "replace", "path": path, "value": "x"}]);
        let answer = refused(session, json!({}), operations).await?;
        answer.is_error(400)?;
        let found = answer.at("/scimType").clone();
        if !matches!(found.as_str(), Some("invalidPath" | "invalidFilter")) {
            session.warn(format_args!("`scimType` should be \"invalidPath\" and is {found}"));
        }
    }
    Ok(())
}

async fn bad_message(session: &mut Session<'_>) -> Verdict {
    session.offers("patch")?;
    let path = session.new_user_path(json!({})).await?;
    for body in [
        json!({"schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"]}),
        patch_op(&json!("replace")),
        patch_op(&json!([{"op": "frobnicate", "path": "displayName", "value": "x"}])),
        patch_op(&json!([{"path": "displayName", "value": "x"}])),
    ] {
        let call = Call::new(Method::PATCH, path.as_str()).json(&body);
        session.send(call).await?.is_error(400)?;
    }
    Ok(())
}

async fn unknown_resource(session: &mut Session<'_>) -> Verdict {
    session.offers("patch")?;
    let path = format!("{}/{}", session.users()?, super::errors::NOBODY);
    let operations = json!([{"op": "replace", "path": "displayName", "value": "x"}]);
    session.patch(&path, &operations).await?.is_error(404)
}

async fn duplicate(session: &mut Session<'_>) -> Verdict {
    let first = session.new_user(json!({})).await?;
    let taken = first.text_at("/userName")?;
    let operations = json!([{"op": "replace", "path": "userName", "value": taken}]);
    refused(session, json!({}), operations).await?.is_one_of_errors(&[400, 409])
}

async fn case(session: &mut Session<'_>) -> Verdict {
    session.has_attributes(&["name.givenName"])?;
    let operations = json!([
        {"op": "replace", "path": "DISPLAYNAME", "value": "Changed"},
        {"op": "replace", "path": "name.GIVENNAME", "value": "Also"},
    ]);
    let read = patched(session, json!({}), operations).await?;
    read.has("/displayName", &json!("Changed"))?;
    read.has("/name/givenName", &json!("Also"))
}
