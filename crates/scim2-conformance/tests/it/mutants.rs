//! Planted faults, each of which is found.

use bytes::Bytes;
use http::header::{
    AUTHORIZATION, CONTENT_TYPE, ETAG, HeaderValue, IF_MATCH, IF_NONE_MATCH, LOCATION,
    WWW_AUTHENTICATE,
};
use http::{Method, Request, Response, StatusCode, Uri};
use scim2_conformance::store::check;
use scim2_conformance::{Report, run};
use scim2_provider::MemoryStore;
use serde_json::Value;

use crate::faulty_store::{FaultyStore, StoreFault};
use crate::support::{self, Dialect, TOKEN, check_in_process};

/// Faults of a store, each with the promise that it breaks.
const STORE_FAULTS: [(StoreFault, &str); 42] = [
    (StoreFault::IgnoresFilter, "query.filter"),
    (StoreFault::SkipsUnassigned, "agree.filters"),
    (StoreFault::DropsTenant, "tenants.reads"),
    (StoreFault::SharesUniqueness, "unique.tenants"),
    (StoreFault::CaseSensitiveUniqueness, "unique.case"),
    (StoreFault::SwallowsUniquenessInUpdates, "unique.update"),
    (StoreFault::ForgetsVersionOfMembers, "members.if-match"),
    (StoreFault::TotalIsOfThePage, "query.index"),
    (StoreFault::PagesOffByOne, "query.index"),
    (StoreFault::PagesLackTheLast, "query.order"),
    (StoreFault::CountZeroGivesAll, "query.count-zero"),
    (StoreFault::CursorRepeats, "query.cursor"),
    (StoreFault::CursorEndsEarly, "query.cursor"),
    (StoreFault::CursorIsAnOffset, "query.cursor-while-changing"),
    (StoreFault::TakesAnyPosition, "query.bad-position"),
    (StoreFault::SecretReadable, "secrets.hidden"),
    (StoreFault::DeleteLeavesMembership, "references.members"),
    (StoreFault::DeleteOfNobodySucceeds, "write.not-found"),
    (StoreFault::DeleteAsksNobody, "write.delete-checked"),
    (StoreFault::DeletedIsListed, "write.delete"),
    (StoreFault::MembersAreReplaced, "members.add"),
    (StoreFault::MembersTellTooMuch, "members.told"),
    (StoreFault::NoEffectIsAChange, "members.no-effect"),
    (StoreFault::RemoveOfStrangerFails, "members.no-effect"),
    (StoreFault::UpdateDropsMembers, "members.without"),
    (StoreFault::UpdateLoses, "concurrent.updates"),
    (StoreFault::UpdateGivesUp, "concurrent.rename"),
    (StoreFault::UpdateSwallowsRefusal, "write.update-sees"),
    (StoreFault::UpdateWithoutEffectChanges, "write.unchanged"),
    (StoreFault::SameVersion, "write.versions"),
    (StoreFault::TimeStandsStill, "write.versions"),
    (StoreFault::CreatedMoves, "write.update"),
    (StoreFault::DropsTitle, "write.update"),
    (StoreFault::LowersUserName, "write.insert"),
    (StoreFault::ForgetsType, "write.ids"),
    (StoreFault::IdsWithoutCase, "write.ids"),
    (StoreFault::IgnoresSort, "query.sort"),
    (StoreFault::NewestFirst, "query.order"),
    (StoreFault::NoIndirectGroups, "members.groups"),
    (StoreFault::StaleDisplay, "members.live"),
    (StoreFault::LosesEventsOfInserts, "events.written"),
    (StoreFault::LosesEventsOfMembers, "events.members"),
];

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn each_fault_of_a_store_breaks_the_promise_it_should() {
    let sound = check(|| async { FaultyStore::new(StoreFault::None) }).await;
    assert!(sound.is_success(), "{sound}");
    for (fault, promise) in STORE_FAULTS {
        let report = check(|| async { FaultyStore::new(fault) }).await;
        let broken: Vec<_> = report.broken().map(|check| check.id).collect();
        assert!(broken.contains(&promise), "{fault:?} breaks {broken:?} and not {promise}");
    }
}

/// Faults of a store that the protocol shows, each with the check that finds it.
const SHOWN_FAULTS: [(StoreFault, &str); 18] = [
    (StoreFault::IgnoresFilter, "filter.eq"),
    (StoreFault::SkipsUnassigned, "filter.not-pr"),
    (StoreFault::CaseSensitiveUniqueness, "create.duplicate-case"),
    (StoreFault::SwallowsUniquenessInUpdates, "replace.duplicate"),
    (StoreFault::TotalIsOfThePage, "paging.counts"),
    (StoreFault::PagesOffByOne, "paging.index"),
    (StoreFault::CountZeroGivesAll, "paging.count-zero"),
    (StoreFault::CursorRepeats, "paging.cursor"),
    (StoreFault::CursorEndsEarly, "paging.cursor"),
    (StoreFault::DeleteOfNobodySucceeds, "delete.gone"),
    (StoreFault::DeleteAsksNobody, "etag.delete"),
    (StoreFault::DeletedIsListed, "delete.not-listed"),
    (StoreFault::MembersAreReplaced, "groups.add-member"),
    (StoreFault::RemoveOfStrangerFails, "groups.remove-other"),
    (StoreFault::SameVersion, "etag.changes"),
    (StoreFault::DropsTitle, "create.values"),
    (StoreFault::IgnoresSort, "sort.ascending"),
    (StoreFault::CreatedMoves, "replace.last-modified"),
];

#[tokio::test]
async fn each_fault_of_a_store_that_the_protocol_shows_is_found() {
    for (fault, check) in SHOWN_FAULTS {
        let report = check_in_process(FaultyStore::new(fault), Dialect::Strict).await;
        finds(&report, check, &format!("{fault:?}"));
    }
}

#[track_caller]
fn finds(report: &Report, check: &str, fault: &str) {
    let failed: Vec<_> = report.failures().map(|check| check.id).collect();
    assert!(failed.contains(&check), "{fault} is found by {failed:?} and not by {check}");
}

/// What a faulty service provider makes of a request before it obeys it.
type Before = fn(Request<Bytes>) -> Request<Bytes>;
/// What it makes of its answer.
type After = fn(&Request<Bytes>, Response<Bytes>) -> Response<Bytes>;

/// Faults of a protocol, each with the check that finds it.
const PROTOCOL_FAULTS: [(&str, &str, Before, After); 41] = [
    ("another media type", "create.answer", same, |_, response| {
        with_header(response, CONTENT_TYPE, "text/html")
    }),
    ("no Location", "create.answer", same, |_, mut response| {
        response.headers_mut().remove(LOCATION);
        response
    }),
    ("a create is 200", "create.answer", same, |request, response| {
        status(response, request.method() == Method::POST, 201, 200)
    }),
    ("status as a number", "errors.unknown-resource", same, |_, response| {
        on_error(response, |body| {
            if let Some(code) = body["status"].as_str().and_then(|code| code.parse::<u16>().ok()) {
                body["status"] = code.into();
            }
        })
    }),
    ("an error without schemas", "errors.unknown-resource", same, |_, response| {
        on_error(response, |body| remove(body, "schemas"))
    }),
    ("an error is 200", "errors.unknown-resource", same, |_, response| {
        status(response, true, 404, 200)
    }),
    ("a conflict is 400", "create.duplicate", same, |_, response| status(response, true, 409, 400)),
    ("a conflict without scimType", "create.duplicate", same, |_, response| {
        on_error(response, |body| remove(body, "scimType"))
    }),
    ("another scimType", "filter.malformed", same, |_, response| {
        on_error(response, |body| {
            if body["scimType"] == "invalidFilter" {
                body["scimType"] = "invalidValue".into();
            }
        })
    }),
    ("no challenge", "auth.missing", same, |_, mut response| {
        response.headers_mut().remove(WWW_AUTHENTICATE);
        response
    }),
    ("everybody is let in", "auth.wrong", |request| with_token(request), unaltered),
    ("DELETE is 200", "delete.answer", same, |request, response| {
        status(response, request.method() == Method::DELETE, 204, 200)
    }),
    ("a list without schemas", "paging.counts", same, |_, response| {
        on_list(response, |body| remove(body, "schemas"))
    }),
    ("totalResults as text", "paging.counts", same, |_, response| {
        on_list(response, |body| body["totalResults"] = body["totalResults"].to_string().into())
    }),
    ("itemsPerPage is what was asked for", "paging.counts", same, |_, response| {
        on_list(response, |body| body["itemsPerPage"] = 3.into())
    }),
    ("an empty list is 404", "filter.nothing", same, |_, response| {
        let empty = json(&response).get("totalResults") == Some(&Value::from(0));
        status(response, empty, 200, 404)
    }),
    ("no id", "create.answer", same, |_, response| {
        on_resource(response, |body| remove(body, "id"))
    }),
    ("no meta", "create.meta", same, |_, response| {
        on_resource(response, |body| remove(body, "meta"))
    }),
    ("no schemas", "create.answer", same, |_, response| {
        on_resource(response, |body| remove(body, "schemas"))
    }),
    ("the password is echoed", "create.password", same, |request, response| {
        let sent: Value = serde_json::from_slice(request.body()).unwrap_or_default();
        on_resource(response, |body| {
            if let Some(password) = sent.get("password") {
                body["password"] = password.clone();
            }
        })
    }),
    ("no ETag", "etag.header", same, |_, mut response| {
        response.headers_mut().remove(ETAG);
        response
    }),
    ("If-Match is ignored", "etag.lost-update", |request| without(request, IF_MATCH), unaltered),
    (
        "If-None-Match is ignored",
        "etag.if-none-match",
        |request| without(request, IF_NONE_MATCH),
        unaltered,
    ),
    (
        "`attributes` is ignored",
        "project.attributes",
        |request| ignoring(request, "attributes"),
        unaltered,
    ),
    (
        "`excludedAttributes` is ignored",
        "project.excluded",
        |request| ignoring(request, "excludedAttributes"),
        unaltered,
    ),
    ("`filter` is ignored", "filter.eq", |request| ignoring(request, "filter"), unaltered),
    (
        "`sortOrder` is ignored",
        "sort.descending",
        |request| ignoring(request, "sortOrder"),
        unaltered,
    ),
    ("`count` is ignored", "paging.index", |request| ignoring(request, "count"), unaltered),
    (
        "`startIndex` is ignored",
        "paging.index",
        |request| ignoring(request, "startIndex"),
        unaltered,
    ),
    (
        "replace adds",
        "patch.replace-multi-valued",
        |request| in_body(request, r#""op":"replace""#, r#""op":"add""#),
        unaltered,
    ),
    (
        "a value filter is ignored",
        "patch.remove-selected",
        |request| in_body(request, r#"emails[type eq \"work\"]"#, "emails"),
        unaltered,
    ),
    (
        "removing one member removes all",
        "groups.remove-member",
        |request| members_without_filter(request),
        unaltered,
    ),
    (
        "a discovered feature is no boolean",
        "discovery.service-provider-config",
        same,
        |request, response| {
            on_path(request, response, "/ServiceProviderConfig", |body| {
                if let Some(supported) = body.pointer_mut("/patch/supported") {
                    *supported = "true".into();
                }
            })
        },
    ),
    ("a schema of unknown type", "discovery.schemas", same, |request, response| {
        on_path(request, response, "/Schemas", |body| {
            if let Some(kind) = body.pointer_mut("/Resources/0/attributes/0/type") {
                *kind = "String".into();
            }
        })
    }),
    (
        "a resource type without its schema",
        "discovery.schemas-of-types",
        same,
        |request, response| {
            on_path(request, response, "/Schemas", |body| {
                let Some(Value::Array(schemas)) = body.get_mut("Resources") else { return };
                schemas.retain(|schema| schema["name"] != "Group");
            })
        },
    ),
    ("a schema is nowhere by itself", "discovery.schema", same, |request, response| {
        let own = request.uri().path().starts_with("/Schemas/");
        status(response, own, 200, 404)
    }),
    ("a bulk status is a number", "bulk.create", same, |request, response| {
        on_path(request, response, "/Bulk", |body| {
            for result in operations_of(body) {
                let status = result["status"].as_str().and_then(|code| code.parse::<u16>().ok());
                result["status"] = status.into();
            }
        })
    }),
    ("a bulk result has no bulkId", "bulk.create", same, |request, response| {
        on_path(request, response, "/Bulk", |body| {
            for result in operations_of(body) {
                remove(result, "bulkId");
            }
        })
    }),
    (
        "`failOnErrors` is ignored",
        "bulk.fail-on-errors",
        |request| in_body(request, "failOnErrors", "failOnNothing"),
        unaltered,
    ),
    ("an error in bulk is not told", "bulk.errors", same, |request, response| {
        on_path(request, response, "/Bulk", |body| {
            for result in operations_of(body) {
                remove(result, "response");
            }
        })
    }),
    ("text is mangled", "create.unicode", same, |_, response| {
        let text = String::from_utf8_lossy(response.body()).replace('Ł', "L");
        response.map(|_| text.into())
    }),
];

#[tokio::test]
async fn each_fault_of_a_protocol_is_found() {
    for (fault, check, before, after) in PROTOCOL_FAULTS {
        let base = support::base();
        let provider = support::provider(MemoryStore::default(), Dialect::Strict, &base);
        let transport = support::altered(provider, before, after);
        let report = run(&transport, &support::options(&base, Dialect::Strict)).await;
        finds(&report, check, fault);
    }
}

fn same(request: Request<Bytes>) -> Request<Bytes> {
    request
}

fn unaltered(_: &Request<Bytes>, response: Response<Bytes>) -> Response<Bytes> {
    response
}

fn with_header(
    mut response: Response<Bytes>,
    name: http::HeaderName,
    value: &'static str,
) -> Response<Bytes> {
    response.headers_mut().insert(name, HeaderValue::from_static(value));
    response
}

/// Another status in the place of this one, if the condition holds.
fn status(mut response: Response<Bytes>, holds: bool, from: u16, to: u16) -> Response<Bytes> {
    if holds && response.status().as_u16() == from {
        *response.status_mut() = StatusCode::from_u16(to).unwrap();
    }
    response
}

fn json(response: &Response<Bytes>) -> Value {
    serde_json::from_slice(response.body()).unwrap_or_default()
}

fn edited(response: Response<Bytes>, edit: impl FnOnce(&mut Value)) -> Response<Bytes> {
    let mut body = json(&response);
    if !body.is_object() {
        return response;
    }
    edit(&mut body);
    response.map(|_| body.to_string().into())
}

fn on_error(response: Response<Bytes>, edit: impl FnOnce(&mut Value)) -> Response<Bytes> {
    if response.status().is_success() { response } else { edited(response, edit) }
}

fn on_list(response: Response<Bytes>, edit: impl FnOnce(&mut Value)) -> Response<Bytes> {
    if json(&response).get("Resources").is_some() { edited(response, edit) } else { response }
}

fn on_resource(response: Response<Bytes>, edit: impl FnOnce(&mut Value)) -> Response<Bytes> {
    if json(&response).get("userName").is_some() { edited(response, edit) } else { response }
}

fn on_path(
    request: &Request<Bytes>,
    response: Response<Bytes>,
    path: &str,
    edit: impl FnOnce(&mut Value),
) -> Response<Bytes> {
    if request.uri().path() == path { edited(response, edit) } else { response }
}

fn remove(body: &mut Value, name: &str) {
    body.as_object_mut().unwrap().remove(name);
}

fn with_token(mut request: Request<Bytes>) -> Request<Bytes> {
    let token = HeaderValue::from_str(&format!("Bearer {TOKEN}")).unwrap();
    request.headers_mut().insert(AUTHORIZATION, token);
    request
}

fn without(mut request: Request<Bytes>, name: http::HeaderName) -> Request<Bytes> {
    request.headers_mut().remove(name);
    request
}

/// The request without one parameter of its query.
fn ignoring(mut request: Request<Bytes>, name: &str) -> Request<Bytes> {
    let uri = request.uri().to_string();
    let Some((path, query)) = uri.split_once('?') else { return request };
    let kept: Vec<_> =
        query.split('&').filter(|parameter| !parameter.starts_with(&format!("{name}="))).collect();
    *request.uri_mut() = format!("{path}?{}", kept.join("&")).parse::<Uri>().unwrap();
    request
}

fn in_body(request: Request<Bytes>, from: &str, to: &str) -> Request<Bytes> {
    request.map(|body| String::from_utf8_lossy(&body).replace(from, to).into())
}

/// `members[value eq "…"]` becomes `members`.
fn members_without_filter(request: Request<Bytes>) -> Request<Bytes> {
    request.map(|body| {
        let mut message: Value = match serde_json::from_slice(&body) {
            Ok(message) => message,
            Err(_) => return body,
        };
        for operation in operations_of(&mut message) {
            if operation["path"].as_str().is_some_and(|path| path.starts_with("members[")) {
                operation["path"] = "members".into();
            }
        }
        message.to_string().into()
    })
}

fn operations_of(message: &mut Value) -> &mut [Value] {
    match message.get_mut("Operations") {
        Some(Value::Array(operations)) => operations,
        _ => &mut [],
    }
}
