//! What an endpoint demands beyond the RFCs.

use chrono::{DateTime, Utc};
use http::StatusCode;
use scim2_core::config::ServiceProviderConfig;
use scim2_core::patch_op::PatchOp;
use scim2_core::rules::{EndpointRules, IndexPaging};
use scim2_core::search::SearchRequest;
use scim2_core::syntax::Filter;
use scim2_core::{Error, Resource, ResourceType};
use serde_json::{Map, Value, json};

use crate::support::*;

/// An endpoint with odd rules at every hook.
#[derive(Debug)]
struct Odd;

fn no(what: &str) -> Error {
    Error::new(StatusCode::BAD_REQUEST).detail(what)
}

impl EndpointRules for Odd {
    fn check_create(&self, _: &ResourceType, resource: &Resource) -> Result<(), Error> {
        match resource.text("userName") {
            Some("root") => Err(no("create")),
            _ => Ok(()),
        }
    }

    fn check_replace(&self, ty: &ResourceType, _: &Resource) -> Result<(), Error> {
        match ty.name() {
            "Group" => Err(Error::not_implemented("replace")),
            _ => Ok(()),
        }
    }

    fn check_patch(&self, _: &ResourceType, op: &PatchOp) -> Result<(), Error> {
        if op.operations.len() > 2 { Err(no("patch")) } else { Ok(()) }
    }

    fn check_patched(&self, _: &ResourceType, resource: &Resource) -> Result<(), Error> {
        assert_eq!(resource.get("members"), None, "members are not shown");
        match resource.text("displayName") {
            Some("forbidden") => Err(no("patched")),
            _ => Ok(()),
        }
    }

    fn check_query(
        &self,
        _: &ResourceType,
        request: &SearchRequest,
        filter: Option<&Filter>,
    ) -> Result<(), Error> {
        if request.sort_by.is_some() || filter.is_some_and(|filter| filter.leaves() > 1) {
            return Err(no("query"));
        }
        Ok(())
    }

    fn representation(&self, _: &ResourceType, resource: &mut Resource) {
        resource.remove("members");
        if let Some(meta) = resource.as_map_mut().get_mut("meta").and_then(Value::as_object_mut) {
            meta.remove("location");
        }
    }

    fn service_provider_config(&self, config: &mut ServiceProviderConfig) {
        config.etag.supported = false;
    }

    fn error_body(
        &self,
        error: &Error,
        request_id: &str,
        _: DateTime<Utc>,
    ) -> Option<Map<String, Value>> {
        let mut body = Map::new();
        body.insert("problem".into(), error.message().unwrap_or_default().into());
        body.insert("request".into(), request_id.into());
        Some(body)
    }

    fn max_results(&self) -> Option<u64> {
        Some(2)
    }

    fn index_paging(&self) -> IndexPaging {
        IndexPaging::FirstPageOnly
    }

    fn media_type(&self) -> &'static str {
        "application/json"
    }

    fn request_id_header(&self) -> &'static str {
        "x-odd-id"
    }
}

#[track_caller]
fn refused(reply: &Reply, status: u16, problem: &str) {
    assert_eq!(reply.status.as_u16(), status, "{}", reply.body);
    assert_eq!(reply.body["problem"], problem);
    assert_eq!(reply.body["request"], reply.header("x-odd-id").unwrap());
    assert_eq!(reply.header("content-type"), Some("application/json"));
}

#[test]
fn every_hook_is_asked() {
    let server = Setup::rules(Odd).server();
    refused(&server.post("/Users", user("root")), 400, "create");
    assert_eq!(server.total("/Users"), 0);
    let (a, b) = (server.user("a"), server.user("b"));
    let group = format!("/Groups/{}", server.group("g", &[&a]));
    let body = json!({"schemas": [GROUP], "displayName": "h"});
    refused(&server.put(&group, body.clone()), 501, "replace");
    refused(&server.put("/Groups/x", body), 404, "there is no such resource");

    let remove = json!({"op": "remove", "path": "displayName"});
    refused(&server.patch(&group, json!([remove, remove, remove])), 400, "patch");
    refused(
        &server.patch("/Groups/x", json!([remove, remove, remove])),
        404,
        "there is no such resource",
    );
    let rename = json!({"op": "replace", "path": "displayName", "value": "forbidden"});
    let join = json!({"op": "add", "path": "members", "value": [{"value": b}]});
    refused(&server.patch(&group, json!([rename, join])), 400, "patched");
    let reply = server.patch(&group, json!([join])).is(200);
    assert_eq!(reply.body.get("members"), None, "representation");

    refused(&server.get("/Users?sortBy=userName"), 400, "query");
    refused(&server.filter("/Users", "id pr and userName pr"), 400, "query");
}

#[test]
fn representation_decides_on_headers_too() {
    let server = Setup::rules(Odd).server();
    let reply = server.post("/Users", user("a")).is(201);
    assert_eq!(reply.header("location"), None);
    assert_eq!(reply.header("etag"), None);
    assert_eq!(reply.body["meta"].get("location"), None);
    assert_eq!(reply.body["meta"].get("version"), None);
}

#[test]
fn a_first_page_can_be_all_there_is_without_a_cursor() {
    let server = Setup::rules(Odd).server();
    for name in ["a", "b", "c"] {
        server.user(name);
    }
    let reply = server.get("/Users?startIndex=2&count=50").is(200);
    assert_eq!(reply.column("userName"), ["a", "b"]);
    assert_eq!(reply.body["totalResults"], 2);
    assert_eq!(reply.body["startIndex"], 1);
    let reply = server.get("/Users?cursor").is(200);
    assert_eq!(reply.body.get("totalResults"), None);
    assert_eq!(reply.body.get("startIndex"), None);
    assert_eq!(reply.body["itemsPerPage"], 2);
    let next = reply.body["nextCursor"].as_str().unwrap();
    assert_eq!(server.get(&format!("/Users?cursor={next}")).is(200).column("userName"), ["c"]);
}
