//! Options that rulings name and that no other module is about.

use http::Request;
use scim2_core::rules::{EndpointRules, PatchAnswer};
use scim2_core::schema::{Returned, Schema};
use scim2_core::{Catalog, ResourceType};
use scim2_provider::{
    BaseUrl, BulkLimits, Cycles, Forwarded, IfMatch, Offer, References, Scheme, UnsupportedSort,
};
use serde_json::{Value, json};

use crate::support::*;

fn enforcing() -> Server {
    Setup::config(|config| config.references = References::Enforced).server()
}

fn group(name: &str, members: &[&str]) -> Value {
    let members: Vec<_> = members.iter().map(|id| json!({"value": id})).collect();
    json!({"schemas": [GROUP], "displayName": name, "members": members})
}

#[test]
fn q08_a_sort_that_is_not_offered_is_ignored_or_by_option_refused() {
    let offered = |unsupported| {
        Setup::config(|config| {
            config.sort = Offer::No;
            config.unsupported_sort = unsupported;
        })
        .server()
    };
    let ignoring = offered(UnsupportedSort::Ignored);
    for name in ["b", "a"] {
        ignoring.user(name);
    }
    assert_eq!(ignoring.get("/Users?sortBy=userName").is(200).column("userName"), ["b", "a"]);
    let refusing = offered(UnsupportedSort::Refused);
    refusing.get("/Users?sortBy=userName").fails(400, "invalidValue").naming("sortBy");
    let search = json!({"schemas": [SEARCH], "sortBy": "userName"});
    refusing.post("/Users/.search", search).fails(400, "invalidValue");
    refusing.get("/Users?sortOrder=descending").is(200);
}

#[test]
fn q10_names_of_parameters_have_no_case_anywhere() {
    let server = server();
    let path = format!("/Users/{}", server.user("a"));
    let shown = server.get(&format!("{path}?Attributes=userName")).is(200).body;
    assert_eq!(
        shown.as_object().unwrap().keys().collect::<Vec<_>>(),
        ["id", "schemas", "userName"]
    );
    let hidden = server.get(&format!("{path}?EXCLUDEDATTRIBUTES=userName")).is(200).body;
    assert_eq!(hidden.get("userName"), None);
    server.get("/Schemas?Filter=id%20pr").is(403);
}

#[test]
fn q18_what_discovery_says_of_itself_is_for_the_host_to_choose() {
    let own = ["ServiceProviderConfig", "ResourceType", "Schema"];
    let quiet = Setup::config(|config| config.service_schemas = Offer::No).server();
    for name in own {
        let urn = format!("urn:ietf:params:scim:schemas:core:2.0:{name}");
        assert!(server().get("/Schemas").ids().contains(&&*urn));
        assert!(!quiet.get("/Schemas").ids().contains(&&*urn));
        quiet.get(&format!("/Schemas/{urn}")).is(404);
    }
    let plain = server().get("/ResourceTypes").is(200);
    assert_eq!(plain.column("name"), ["User", "Group"]);
    let full = Setup::config(|config| config.service_resource_types = Offer::Yes).server();
    let types = full.get("/ResourceTypes").is(200);
    assert_eq!(types.column("name")[..2], ["User", "Group"]);
    for (name, endpoint) in own.iter().zip(["/ServiceProviderConfig", "/ResourceTypes", "/Schemas"])
    {
        let ty = full.get(&format!("/ResourceTypes/{name}")).is(200);
        assert_eq!((&ty.body["endpoint"], &ty.body["name"]), (&json!(endpoint), &json!(name)));
        assert!(types.column("name").contains(name));
        full.get(endpoint).is(200);
    }
}

#[test]
fn q19_the_plural_is_an_alias_by_option() {
    let server = Setup::config(|config| config.plural_alias = Offer::Yes).server();
    let singular = server.get("/ServiceProviderConfig").is(200);
    for path in ["/ServiceProviderConfigs", "/ServiceProviderConfigs/"] {
        assert_eq!(server.get(path).is(200).body, singular.body);
    }
    server.get("/ServiceProviderConfigs/x").is(404);
    server.get("/ServiceProviderConfigs?filter=id%20pr").is(403);
}

#[test]
fn w28_content_location_is_there_by_option_and_equals_location() {
    let with = Setup::config(|config| config.content_location = Offer::Yes).server();
    let path = format!("/Users/{}", with.user("a"));
    let op = json!([{"op": "add", "path": "title", "value": "t"}]);
    for reply in [with.get(&path), with.put(&path, user("a")), with.patch(&path, op)] {
        assert!(reply.header("location").is_some());
        assert_eq!(reply.header("content-location"), reply.header("location"));
        assert_eq!(reply.header("location"), reply.body["meta"]["location"].as_str());
    }
    let created = with.post("/Users", user("b")).is(201);
    assert_eq!(created.header("content-location"), created.header("location"));
    assert_eq!(with.get("/Users").header("content-location"), None);
    let without = server();
    let created = without.post("/Users", user("a")).is(201);
    assert_eq!(created.header("content-location"), None);
}

#[derive(Debug)]
struct Silent;

impl EndpointRules for Silent {
    fn patch_answer(&self, _: &ResourceType) -> PatchAnswer {
        PatchAnswer::NoContent
    }
}

#[test]
fn w29_by_option_the_version_of_a_user_changes_with_its_groups() {
    let mut setup = Setup::rules(Silent);
    setup.config.etag_include_groups = Offer::Yes;
    let server = setup.server();
    let id = server.user("a");
    let path = format!("/Users/{id}");
    let alone = server.get(&path).is(200).version();
    let group = server.group("g", &[&id]);
    let inside = server.get(&path).is(200);
    let joined = inside.version();
    assert_ne!(alone, joined);
    assert_eq!(inside.body["meta"]["version"], joined);
    assert_eq!(server.get("/Users").resources()[0]["meta"]["version"], joined);
    assert_eq!(server.get(&format!("{path}?attributes=userName")).version(), joined);

    // Conditions go by the same versions.
    let get = |version: &str| server.call("GET", &path, &[("if-none-match", version)], b"");
    assert_eq!((get(&joined).status.as_u16(), get(&alone).status.as_u16()), (304, 200));
    let rename = json!({"schemas": [PATCH_OP],
        "Operations": [{"op": "add", "path": "title", "value": "t"}]});
    let rename = rename.to_string();
    let patch =
        |version: &str| server.call("PATCH", &path, &[("if-match", version)], rename.as_bytes());
    patch(&alone).is(412);
    let patched = patch(&joined).is(204);
    let renamed = patched.version();
    assert_eq!(server.get(&path).version(), renamed);
    server.delete(&format!("/Groups/{group}")).is(204);
    let left = server.get(&path).version();
    assert_ne!(left, renamed);
    server.call("DELETE", &path, &[("if-match", &renamed)], b"").is(412);
    server.call("DELETE", &path, &[("if-match", &left)], b"").is(204);
}

#[test]
fn w31_by_option_a_reference_must_lead_somewhere() {
    let server = enforcing();
    let (a, b) = (server.user("a"), server.user("b"));
    server.post("/Groups", group("g", &["nobody"])).fails(400, "invalidValue").naming("members");
    assert_eq!(server.total("/Groups"), 0);
    let id = server.group("g", &[&a]);
    let path = format!("/Groups/{id}");
    let op = |op: &str, id: &str| json!([{"op": op, "path": "members", "value": [{"value": id}]}]);
    server.patch(&path, op("add", "nobody")).fails(400, "invalidValue").naming("members");
    let replace = json!([{"op": "replace", "path": "members", "value": [{"value": "nobody"}]}]);
    server.patch(&path, replace).fails(400, "invalidValue");
    server.put(&path, group("g", &[&a, "nobody"])).fails(400, "invalidValue");
    assert_eq!(server.members(&path[8..]), std::slice::from_ref(&a));
    server.patch(&path, op("add", &b)).is(200);
    server.put(&path, group("h", &[&b, &a])).is(200);
    // What is not there can leave.
    let leave = json!([{"op": "remove", "path": "members[value eq \"nobody\"]"}]);
    server.patch(&path, leave).is(200);

    let mut managed = user("c");
    managed[ENTERPRISE] = json!({"manager": {"value": "nobody"}});
    managed["schemas"] = json!([USER, ENTERPRISE]);
    server.post("/Users", managed.clone()).fails(400, "invalidValue").naming("manager");
    managed[ENTERPRISE] = json!({"manager": {"value": a}});
    let c = server.post("/Users", managed).is(201).id().to_owned();
    let manager = format!("{ENTERPRISE}:manager");
    let set = |id: &str| json!([{"op": "replace", "path": manager, "value": {"value": id}}]);
    server.patch(&format!("/Users/{c}"), set("nobody")).fails(400, "invalidValue");
    server.patch(&format!("/Users/{c}"), set(&b)).is(200);
    // A group is no manager, and a user of another tenant no member.
    server.patch(&format!("/Users/{c}"), set(&id)).fails(400, "invalidValue");
    let other = [("authorization", "Bearer token-of-tenant-b")];
    let body = group("g", &[&a]).to_string();
    server.call("POST", "/Groups", &other, body.as_bytes()).fails(400, "invalidValue");
}

#[test]
fn w31_by_option_a_bulk_request_refers_to_what_it_creates() {
    let server = enforcing();
    let mut creation = group("g", &["bulkId:u"]);
    creation["members"][0]["type"] = json!("User");
    let bulk = json!({
        "schemas": ["urn:ietf:params:scim:api:messages:2.0:BulkRequest"],
        "Operations": [
            {"method": "POST", "path": "/Groups", "bulkId": "g", "data": creation},
            {"method": "POST", "path": "/Users", "bulkId": "u", "data": user("a")},
            {"method": "POST", "path": "/Groups", "bulkId": "h", "data": group("h", &["nobody"])},
        ],
    });
    let answer = server.post("/Bulk", bulk).is(200).body;
    let statuses: Vec<_> =
        answer["Operations"].as_array().unwrap().iter().map(|op| &op["status"]).collect();
    assert_eq!(statuses, ["201", "201", "400"]);
}

#[test]
fn w31_by_option_groups_contain_each_other_in_no_circle() {
    let refusing = Setup::config(|config| config.membership_cycles = Cycles::Refused).server();
    let inner = refusing.group("inner", &["nobody"]);
    let middle = refusing.group("middle", &[&inner]);
    let outer = refusing.group("outer", &[&middle]);
    let add = |group: &str, id: &str| {
        let op = json!([{"op": "add", "path": "members", "value": [{"value": id}]}]);
        refusing.patch(&format!("/Groups/{group}"), op)
    };
    for (group, member) in [(&inner, &inner), (&inner, &middle), (&inner, &outer)] {
        add(group, member).fails(400, "invalidValue").naming("members");
    }
    let body = group("inner", &[&outer]);
    refusing.put(&format!("/Groups/{inner}"), body).fails(400, "invalidValue");
    add(&outer, &inner).is(200);
    add(&inner, &refusing.user("a")).is(200);
    // Where circles are accepted they are harmless.
    let accepting = server();
    let id = accepting.group("g", &[]);
    let op = json!([{"op": "add", "path": "members", "value": [{"value": id}]}]);
    accepting.patch(&format!("/Groups/{id}"), op).is(200);
    assert_eq!(accepting.members(&id), std::slice::from_ref(&id));
}

#[test]
fn h13_a_trusted_proxy_may_speak_forwarded() {
    let base = |forwarded| BaseUrl::FromRequest {
        scheme: Scheme::Http,
        prefix: "/scim/v2".into(),
        forwarded,
    };
    let location = |forwarded, headers: &[(&str, &str)]| {
        let server =
            Setup::default().with(move |builder| builder.base_url(base(forwarded))).server();
        let mut request = Request::get("/Schemas/urn:ietf:params:scim:schemas:core:2.0:User")
            .header("host", "inside");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let reply = server.send(request.body("".into()).unwrap()).is(200);
        let location = reply.header("location").unwrap();
        location.split("/scim").next().unwrap().to_owned()
    };
    let header =
        [("forwarded", "for=192.0.2.1;Proto=https; host=\"outside:8443\", for=x;host=inner")];
    assert_eq!(location(Forwarded::Trusted, &header), "https://outside:8443");
    assert_eq!(location(Forwarded::Ignored, &header), "http://inside");
    let both = [header[0], ("x-forwarded-host", "named"), ("x-forwarded-proto", "http")];
    assert_eq!(location(Forwarded::Trusted, &both), "http://named");
}

#[test]
fn b12_limits_are_printed_even_where_bulk_is_off() {
    let config = |bulk| {
        let server = Setup::config(|config| config.bulk = bulk).server();
        server.get("/ServiceProviderConfig").is(200).body["bulk"].clone()
    };
    let off = json!({"supported": false, "maxOperations": 0, "maxPayloadSize": 0});
    assert_eq!(config(None), off);
    let on = json!({"supported": true, "maxOperations": 1000, "maxPayloadSize": 1_048_576});
    assert_eq!(config(Some(BulkLimits::default())), on);
}

#[test]
fn h11_what_is_not_there_is_404_before_a_version_is_demanded() {
    let server = Setup::config(|config| config.if_match = IfMatch::Required).server();
    let path = format!("/Users/{}", server.user("a"));
    let op = json!([{"op": "add", "path": "title", "value": "t"}]);
    for (path, status) in [("/Users/nobody", 404), (&*path, 428)] {
        server.put(path, user("a")).is(status);
        server.patch(path, op.clone()).is(status);
        server.patch(path, json!(1)).is(status);
        server.delete(path).is(status);
    }
    let version = server.get(&path).version();
    server.call("DELETE", &path, &[("if-match", &version)], b"").is(204);
}

/// The standard types, with another `groups` in users.
fn with_groups(returned: Option<Returned>) -> Setup {
    let mut schema = Schema::clone(ResourceType::user().schema());
    match returned {
        Some(returned) => {
            let groups = schema.attributes.iter_mut().find(|a| a.name.as_str() == "groups");
            groups.unwrap().returned = returned;
        }
        None => schema.attributes.retain(|attribute| attribute.name.as_str() != "groups"),
    }
    let mut catalog = Catalog::default();
    catalog.register(ResourceType::new("User", "/Users", schema)).unwrap();
    catalog.register(ResourceType::group()).unwrap();
    Setup { catalog: Some(catalog), ..Setup::default() }
}

#[test]
fn w30_the_schema_says_whether_groups_are_shown_on_request_or_not_at_all() {
    let member = |server: &Server| {
        let id = server.user("a");
        server.group("g", &[&id]);
        format!("/Users/{id}")
    };
    let on_request = with_groups(Some(Returned::Request)).server();
    let path = member(&on_request);
    for path in [&*path, "/Users"] {
        assert!(!on_request.get(path).is(200).body.to_string().contains("groups"));
        let asked = on_request.get(&format!("{path}?attributes=groups")).is(200);
        assert!(asked.body.to_string().contains("\"display\":\"g\""), "{}", asked.body);
    }
    on_request.filter("/Users", "groups.display eq \"g\"").is(200);
    let off = with_groups(None).server();
    let path = member(&off);
    assert!(!off.get(&path).is(200).body.to_string().contains("groups"));
    off.filter("/Users", "groups.display eq \"g\"").fails(400, "invalidFilter");
}
