//! AWS IAM Identity Center: its limits on the client's side and on the endpoint's.

use chrono::{DateTime, TimeZone, Utc};
use scim2_core::config::ServiceProviderConfig;
use scim2_core::patch_op::{PatchOp, PatchOpKind, PatchOperation};
use scim2_core::rules::{EndpointRules, IndexPaging, PatchAnswer};
use scim2_core::schema::Uniqueness;
use scim2_core::search::SearchRequest;
use scim2_core::syntax::Filter;
use scim2_core::{Error, Resource, ResourceType, ScimType};
use scim2_vendor::ProfileViolation;
use scim2_vendor::aws::{self, Endpoint, EndpointError, Rules};
use scim2_vendor::profile::Rule;
use serde_json::{Value, json};

use crate::cases;

/// What our side and the endpoint's say to one request.
fn judge(case: &Value) -> (Vec<ProfileViolation>, Result<(), Error>) {
    let profile = aws::profile();
    let policy = aws::policy();
    let rules = Rules::new();
    let path = case["path"].as_str().unwrap();
    let resource_type =
        if path.contains("/Groups") { ResourceType::group() } else { ResourceType::user() };
    let ty = &resource_type;
    let body = case["body"].to_string();
    match case["method"].as_str().unwrap() {
        "POST" => {
            let resource = Resource::from(case["body"].as_object().unwrap().clone());
            let found = profile.check_create(ty, &resource);
            let answer = ty
                .ingest(body.as_bytes(), &policy)
                .and_then(|resource| ty.validate_new(resource, &policy))
                .and_then(|resource| rules.check_create(ty, &resource));
            (found, answer)
        }
        "PUT" => {
            let resource = Resource::from(case["body"].as_object().unwrap().clone());
            (profile.check_replace(ty, &resource), rules.check_replace(ty, &resource))
        }
        "PATCH" => {
            let op = PatchOp::from_slice(body.as_bytes(), &policy).unwrap();
            (profile.check_patch(ty, &op), rules.check_patch(ty, &op))
        }
        _ => {
            let mut request = SearchRequest::default();
            request.filter = case["query"]["filter"].as_str().map(str::to_owned);
            request.count = case["query"]["count"].as_str().map(|count| count.parse().unwrap());
            request.cursor = case["query"]["cursor"].as_str().map(str::to_owned);
            let filter: Option<Filter> = request.filter.as_ref().map(|text| text.parse().unwrap());
            let found = profile.check_query(ty, &request, filter.as_ref());
            (found, rules.check_query(ty, &request, filter.as_ref()))
        }
    }
}

#[test]
fn every_documented_limit_is_found_before_sending_and_refused_on_arrival() {
    let mut seen = 0;
    for case in cases("aws-limits.json") {
        let Some(status) = case["expect"]["server_profile_status"].as_u64() else { continue };
        seen += 1;
        let name = case["name"].as_str().unwrap();
        let (found, answer) = judge(&case);
        assert!(!found.is_empty(), "{name}: nothing found");
        for violation in &found {
            assert!(!violation.remedy.is_empty(), "{name}: {violation}");
        }
        let error = answer.expect_err(name);
        assert_eq!(u64::from(error.status().as_u16()), status, "{name}: {error}");
    }
    assert!(seen >= 13, "{seen}");
}

#[test]
fn every_documented_request_passes() {
    let mut seen = 0;
    for file in ["aws-users.json", "aws-groups.json", "aws-patchgroup.json", "aws-pagination.json"]
    {
        for case in cases(file) {
            let refused = case["expect"]["client_must_not_send"] == json!(true)
                || case["expect"]["status"].as_u64().is_none_or(|status| status >= 400);
            let judged = case["method"] != "DELETE" && case["direction"] == "request";
            if refused || !judged {
                continue;
            }
            seen += 1;
            let (found, answer) = judge(&case);
            assert_eq!(found, [], "{}", case["name"]);
            assert_eq!(answer, Ok(()), "{}", case["name"]);
        }
    }
    assert!(seen >= 15, "{seen}");
}

#[test]
fn requests_that_empty_a_group_are_never_sent() {
    let mut seen = 0;
    for case in cases("aws-patchgroup.json") {
        let harmful = case["expect"]["client_must_not_send"] == json!(true)
            || case["expect"]["status"] == json!(400);
        if harmful && case["direction"] == "request" {
            seen += 1;
            let (found, answer) = judge(&case);
            assert!(!found.is_empty(), "{}", case["name"]);
            assert_eq!(answer.unwrap_err().status(), 400, "{}", case["name"]);
        }
    }
    assert!(seen >= 4, "{seen}");
}

fn user(change: impl FnOnce(&mut Value)) -> Vec<ProfileViolation> {
    let mut user = json!({
        "userName": "bjensen@example.com",
        "name": { "givenName": "Barbara", "familyName": "Jensen" },
        "displayName": "Babs Jensen",
        "emails": [{ "value": "bjensen@example.com", "type": "work", "primary": true }],
    });
    change(&mut user);
    let resource = Resource::from(user.as_object().unwrap().clone());
    aws::profile().check_create(&ResourceType::user(), &resource)
}

#[track_caller]
fn says(violations: &[ProfileViolation], expected: &str) {
    let all: Vec<String> = violations.iter().map(ToString::to_string).collect();
    assert_eq!(all, [expected]);
}

#[test]
fn the_plain_user_passes() {
    assert_eq!(user(|_| {}), []);
}

#[test]
fn three_phone_numbers_are_counted_and_their_mappings_named() {
    let phone = |kind: &str| json!({ "value": "+1 201 555 0123", "type": kind });
    says(
        &user(|user| user["phoneNumbers"] = json!([phone("work"), phone("mobile"), phone("fax")])),
        "phoneNumbers has 3 values (work, mobile, fax); AWS IAM Identity Center takes 1; \
         drop the mappings of mobile and facsimileTelephoneNumber",
    );
    says(
        &user(|user| user["phoneNumbers"] = json!([phone("mobile"), phone("fax")])),
        "phoneNumbers has 2 values (mobile, fax); AWS IAM Identity Center takes 1; \
         drop the mapping of facsimileTelephoneNumber",
    );
    says(
        &user(|user| user["phoneNumbers"] = json!([{ "value": "1" }, { "value": "2" }])),
        "phoneNumbers has 2 values; AWS IAM Identity Center takes 1; send one of them only",
    );
}

#[test]
fn a_missing_surname_is_named_with_its_source() {
    says(
        &user(|user| {
            user["name"].as_object_mut().unwrap().remove("familyName");
        }),
        "name.familyName has no value; AWS IAM Identity Center takes no User without it; \
         fill surname at the source",
    );
    let empty = user(|user| user["name"]["familyName"] = json!(""));
    assert_eq!(empty[0].rule, Rule::Required);
}

#[test]
fn a_second_mail_is_the_business_of_proxy_addresses() {
    let second = json!({ "value": "babs@example.com", "type": "other" });
    says(
        &user(|user| user["emails"].as_array_mut().unwrap().push(second)),
        "emails has 2 values (work, other); AWS IAM Identity Center takes 1; \
         drop the mapping of proxyAddresses",
    );
}

#[test]
fn the_mail_must_be_primary() {
    for emails in [
        json!([{ "value": "b@example.com", "type": "work" }]),
        json!([{ "value": "b@example.com", "primary": false }]),
    ] {
        says(
            &user(|user| user["emails"] = emails),
            "emails has no primary value; AWS IAM Identity Center takes a primary one only; \
             set `primary` to true",
        );
    }
}

#[test]
fn unsupported_attributes_and_sub_attributes_are_named() {
    says(
        &user(|user| user["ims"] = json!([{ "value": "babs" }])),
        "ims has a value; AWS IAM Identity Center takes none; drop the mapping of ims",
    );
    says(
        &user(|user| user["emails"][0]["display"] = json!("Babs")),
        "emails.display has a value; AWS IAM Identity Center takes none; leave emails.display out",
    );
    let enterprise = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";
    assert_eq!(
        user(|user| user[enterprise] = json!({ "manager": { "value": "1", "$ref": "x" } })),
        []
    );
    // The service provider ignores what only it writes (RFC 7643 §7).
    assert_eq!(user(|user| user[enterprise] = json!({ "manager": { "displayName": "x" } })), []);
    assert_eq!(user(|user| user["urn:example:Badge"] = json!({ "colour": "blue" })).len(), 1);
}

#[test]
fn read_only_and_unassigned_attributes_do_not_count() {
    assert_eq!(
        user(|user| {
            user["id"] = json!("1");
            user["meta"] = json!({ "resourceType": "User" });
            user["groups"] = json!([{ "value": "1" }]);
            user["roles"] = json!([]);
            user["ims"] = json!(null);
            user["password"] = json!("");
        }),
        []
    );
}

#[test]
fn forbidden_characters_are_listed_and_the_text_is_not() {
    let found = user(|user| user["title"] = json!("Head; <Tours>\t"));
    assert_eq!(found[0].attribute, "title");
    assert_eq!(found[0].found, "text with `<`, `>`, `;`, tab");
    assert!(!found[0].to_string().contains("Tours"));
    assert_eq!(user(|user| user["profileUrl"] = json!("https://login.example.com/b")), []);
    assert_eq!(user(|user| user["userName"] = json!("bo_contoso.com#EXT#@example.com")), []);
}

fn patch(resource_type: &ResourceType, op: &PatchOp) -> Vec<ProfileViolation> {
    aws::profile().check_patch(resource_type, op)
}

fn members(count: usize) -> Value {
    (0..count).map(|i| json!({ "value": format!("u{i}") })).collect()
}

#[test]
fn membership_changes_of_all_operations_are_counted_together() {
    let group = ResourceType::group();
    let op = |adds, removes| {
        PatchOp::new().add("members", members(adds)).with(PatchOperation::new(
            PatchOpKind::Remove,
            Some("members".into()),
            Some(members(removes)),
        ))
    };
    assert_eq!(patch(&group, &op(60, 40)), []);
    says(
        &patch(&group, &op(60, 41)),
        "members has 101 changes in one request; AWS IAM Identity Center takes 100; \
         send them in several requests of at most 100",
    );
    let filtered =
        (0..101).fold(PatchOp::new(), |op, i| op.remove(format!("members[value eq \"u{i}\"]")));
    assert_eq!(patch(&group, &filtered)[0].rule, Rule::TooManyMembers);
    let pathless =
        PatchOperation::new(PatchOpKind::Add, None, Some(json!({ "members": members(101) })));
    assert_eq!(patch(&group, &PatchOp::new().with(pathless))[0].rule, Rule::TooManyMembers);
}

#[test]
fn all_members_are_never_replaced_or_removed() {
    let group = ResourceType::group();
    for op in [
        PatchOp::new().replace("members", members(1)),
        PatchOp::new().replace("members", json!([])),
        PatchOp::new().remove("members"),
        PatchOp::new().remove("urn:ietf:params:scim:schemas:core:2.0:Group:members"),
    ] {
        assert_eq!(patch(&group, &op)[0].rule, Rule::AllMembers);
    }
}

#[test]
fn an_operation_without_path_changes_one_attribute() {
    let group = ResourceType::group();
    let pathless = |value: Value| {
        PatchOp::new().with(PatchOperation::new(PatchOpKind::Replace, None, Some(value)))
    };
    assert_eq!(patch(&group, &pathless(json!({ "id": "1", "displayName": "x" }))), []);
    let op = pathless(json!({ "displayName": "x", "externalId": "1" }));
    assert_eq!(patch(&group, &op)[0].rule, Rule::PathMissing);
    let error = Rules::new().check_patch(&group, &op).unwrap_err();
    let body = Rules::new().error_body(&error, "1", some_time()).unwrap();
    assert_eq!(
        body["detail"],
        "Current PATCH support allows omitting \"path\" attribute only for Add and Replace operations modifying a single attribute."
    );
}

#[test]
fn user_name_and_active_are_set_once_and_never_removed() {
    let user = ResourceType::user();
    let twice = PatchOp::new().replace("active", false).replace("ACTIVE", true);
    says(
        &patch(&user, &twice),
        "active has 2 operations in one request; AWS IAM Identity Center takes 1; \
         send the last one only",
    );
    assert_eq!(patch(&user, &PatchOp::new().remove("active"))[0].rule, Rule::Patch);
    assert_eq!(patch(&user, &PatchOp::new().replace("active", false).replace("title", "x")), []);
}

#[test]
fn attributes_that_patch_cannot_change_are_named() {
    let user = ResourceType::user();
    let roles = PatchOp::new().replace("roles", json!([{ "value": "x" }]));
    assert_eq!(patch(&user, &roles)[0].remedy, "send the whole resource by PUT");
    let ims = PatchOp::new().add("ims", json!([{ "value": "x" }]));
    assert_eq!(patch(&user, &ims)[0].rule, Rule::Unsupported);
    let enterprise = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";
    for path in [
        format!("{enterprise}:department"),
        format!("{enterprise}:manager"),
        "manager".to_owned(),
        "name.familyName".to_owned(),
        "emails[type eq \"work\"].value".to_owned(),
        "emails[primary eq true].value".to_owned(),
    ] {
        assert_eq!(patch(&user, &PatchOp::new().replace(path, "x")), []);
    }
    let whole = PatchOp::new().add(enterprise, json!({ "department": "x", "badge": "y" }));
    assert_eq!(patch(&user, &whole)[0].attribute, format!("{enterprise}:badge"));
    let filter = PatchOp::new().replace("emails[type sw \"w\"].value", "x");
    assert_eq!(patch(&user, &filter)[0].rule, Rule::Filter);
}

#[test]
fn what_a_patch_leaves_behind_is_checked() {
    let mut resource = Resource::new();
    resource.insert("userName", "bjensen");
    resource.insert("displayName", "Babs");
    resource.insert("name", json!({ "givenName": "Barbara", "familyName": "Jensen" }));
    resource.insert("groups", json!([{ "value": "1" }]));
    let user = ResourceType::user();
    assert_eq!(Rules::new().check_patched(&user, &resource), Ok(()));
    resource.insert("phoneNumbers", json!([{ "value": "1" }, { "value": "2" }]));
    assert!(Rules::new().check_patched(&user, &resource).is_err());
}

#[track_caller]
fn filter(resource_type: &ResourceType, text: &str) -> Result<(), String> {
    let filter: Filter = text.parse().unwrap();
    match aws::profile().check_filter(resource_type, &filter) {
        None => Ok(()),
        Some(violation) => Err(violation.found),
    }
}

#[test]
fn filters_are_the_documented_shapes() {
    let user = ResourceType::user();
    let group = ResourceType::group();
    for text in [
        r#"userName eq "x""#,
        r#"USERNAME EQ "x""#,
        r#"externalId eq "x""#,
        r#"groups.value eq "x""#,
        r#"id eq "x" and manager eq "y""#,
        r#"manager eq "y" and id eq "x""#,
        r#"urn:ietf:params:scim:schemas:core:2.0:User:userName eq "x""#,
        r#"id eq "x" and urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager.value eq "y""#,
    ] {
        assert_eq!(filter(&user, text), Ok(()), "{text}");
    }
    for text in [
        r#"displayName eq "x""#,
        r#"externalId eq "x""#,
        r#"members.value eq "x""#,
        r#"members eq "x" and id eq "y""#,
    ] {
        assert_eq!(filter(&group, text), Ok(()), "{text}");
    }
    for (text, found) in [
        (r#"userName co "x""#, "the operator `co`"),
        (r#"userName pr"#, "the operator `pr`"),
        (r#"userName eq "x" or userName eq "y""#, "the operator `or`"),
        (r#"not (userName eq "x")"#, "the operator `not`"),
        (r#"emails[type eq "work"]"#, "a value path in brackets"),
        (r#"title eq "x""#, "a comparison of `title`"),
        (r#"userName eq "x" and externalId eq "y""#, "a comparison of `userName` and `externalId`"),
        (r#"userName eq "x" and not (active eq true)"#, "the operator `not`"),
        (r#"members.value eq "x""#, "a comparison of `members.value`"),
        (r#"urn:example:x:userName eq "x""#, "a comparison of `urn:example:x:userName`"),
    ] {
        assert_eq!(filter(&user, text), Err(found.to_owned()), "{text}");
    }
}

#[test]
fn queries_beyond_the_documented_parameters_are_found() {
    let found = |query: &str| {
        let request = SearchRequest::from_query(query).unwrap();
        aws::profile().check_query(&ResourceType::user(), &request, None)
    };
    for query in
        ["cursor", "count=100&cursor", "count=1", "startIndex=1", "excludedAttributes=members"]
    {
        assert_eq!(found(query), [], "{query}");
    }
    for (query, attribute) in [
        ("count=101", "count"),
        ("count=0", "count"),
        ("startIndex=2", "startIndex"),
        ("sortBy=userName", "sortBy"),
    ] {
        assert_eq!(found(query)[0].attribute, attribute);
    }
}

#[test]
fn groups_are_not_put() {
    let mut group = Resource::new();
    group.insert("displayName", "Tour Guides");
    let error = Rules::new().check_replace(&ResourceType::group(), &group).unwrap_err();
    assert_eq!(error.status(), 400);
}

#[test]
fn an_error_has_the_endpoints_form() {
    let body = |error: Error| Rules::new().error_body(&error, "88d9c6f3", some_time()).unwrap();
    let error = Error::invalid_value("phoneNumbers has 3 values");
    assert_eq!(
        Value::Object(body(error)),
        json!({
            "schema": ["urn:ietf:params:scim:api:messages:2.0:Error"],
            "schemas": ["urn:ietf:params:scim:api:messages:2.0:Error"],
            "detail": "Request is unparsable, syntactically incorrect, or violates schema.",
            "status": "400",
            "exceptionRequestId": "88d9c6f3",
            "timeStamp": "2022-01-26 16:50:48.135",
        })
    );
    let taken = body(Error::uniqueness("userName"));
    assert_eq!(taken["detail"], "Refused to create a new, duplicate resource.");
    assert_eq!(taken["status"], "409");
    assert_eq!(body(Error::not_found("no such user"))["detail"], "no such user");
}

#[test]
fn the_endpoints_own_error_is_read_back() {
    let error = Error::bad_request(ScimType::InvalidValue).detail("x");
    let body = Rules::new().error_body(&error, "1", some_time()).unwrap();
    let read: Error = serde_json::from_value(Value::Object(body)).unwrap();
    assert_eq!(read.status(), 400);
    assert_eq!(read.scim_type(), None);
}

#[test]
fn members_and_versions_are_never_shown() {
    let mut group = Resource::from(
        json!({
            "id": "1",
            "displayName": "Tour Guides",
            "members": [{ "value": "2" }],
            "meta": {
                "resourceType": "Group",
                "created": "2020-03-31T02:36:15.123Z",
                "lastModified": "2020-03-31T02:36:15Z",
                "version": "W/\"1\"",
                "location": "https://example.com/Groups/1",
            },
        })
        .as_object()
        .unwrap()
        .clone(),
    );
    Rules::new().representation(&ResourceType::group(), &mut group);
    assert_eq!(
        Value::from(group),
        json!({
            "id": "1",
            "displayName": "Tour Guides",
            "meta": {
                "resourceType": "Group",
                "created": "2020-03-31T02:36:15Z",
                "lastModified": "2020-03-31T02:36:15Z",
            },
        })
    );
}

#[test]
fn the_printed_user_is_what_the_endpoint_shows() {
    let mut shown = 0;
    for case in cases("aws-users.json") {
        let body = &case["body"];
        if case["direction"] == "response" && body["userName"].is_string() {
            shown += 1;
            let mut user = Resource::from(body.as_object().unwrap().clone());
            Rules::new().representation(&ResourceType::user(), &mut user);
            assert_eq!(Value::from(user), *body, "{}", case["name"]);
        }
    }
    assert!(shown > 0);
}

#[test]
fn the_printed_configuration_is_what_the_endpoint_says() {
    let case = cases("aws-discovery.json")
        .into_iter()
        .find(|case| case["name"] == "ServiceProviderConfig - response")
        .unwrap();
    let mut config = ServiceProviderConfig::new();
    Rules::new().service_provider_config(&mut config);
    assert_eq!(serde_json::to_value(&config).unwrap(), case["body"]);
}

#[test]
fn answers_are_those_of_the_guide() {
    let rules = Rules::default();
    assert_eq!(rules.patch_answer(&ResourceType::group()), PatchAnswer::NoContent);
    assert_eq!(rules.patch_answer(&ResourceType::user()), PatchAnswer::Resource);
    assert_eq!(rules.max_results(), Some(100));
    assert_eq!(rules.index_paging(), IndexPaging::FirstPageOnly);
    assert_eq!(rules.media_type(), "application/json");
    assert_eq!(rules.request_id_header(), "x-amzn-requestid");
}

#[test]
fn the_address_is_checked_part_by_part() {
    let parse = |url: &str| {
        Endpoint::parse(&url.parse().unwrap()).map(|endpoint| endpoint.url().to_string())
    };
    let tenant = "f34d2aa29dc-223c-4e5c-91b9-8ca1bb1faf7b";
    for url in [
        format!("https://scim.us-east-1.amazonaws.com/{tenant}/scim/v2"),
        format!("https://scim.us-east-1.amazonaws.com/{tenant}/scim/v2/"),
    ] {
        assert_eq!(
            parse(&url),
            Ok(format!("https://scim.us-east-1.amazonaws.com/{tenant}/scim/v2"))
        );
    }
    assert!(parse(&format!("https://scim.eu-west-1.api.aws/{tenant}/scim/v2")).is_ok());
    for (url, error) in [
        (format!("http://scim.us-east-1.amazonaws.com/{tenant}/scim/v2"), EndpointError::Scheme),
        (
            format!("https://u:p@scim.us-east-1.amazonaws.com/{tenant}/scim/v2"),
            EndpointError::Extra,
        ),
        (format!("https://scim.us-east-1.amazonaws.com/{tenant}/scim/v2?x"), EndpointError::Extra),
        (format!("https://us-east-1.amazonaws.com/{tenant}/scim/v2"), EndpointError::Host),
        (
            format!("https://scim.us-east-1.amazonaws.com.example.com/{tenant}/scim/v2"),
            EndpointError::Host,
        ),
        (format!("https://scim.us-east-1.amazonaws.com/{tenant}/scim/v2//"), EndpointError::Path),
        (format!("https://scim.us-east-1.amazonaws.com/{tenant}"), EndpointError::Path),
        ("https://scim.us-east-1.amazonaws.com/1234/scim/v2".to_owned(), EndpointError::Tenant),
    ] {
        assert_eq!(parse(&url), Err(error), "{url}");
    }
}

#[test]
fn mails_and_group_names_are_unique() {
    let catalog = aws::catalog();
    let user = catalog.by_name("User").unwrap();
    let uniqueness = user.attribute("emails").unwrap().sub_attribute("value").unwrap().uniqueness;
    assert_eq!(uniqueness, Uniqueness::Server);
    assert_eq!(user.extensions().len(), 1);
    let group = catalog.by_name("Group").unwrap();
    assert_eq!(group.attribute("displayName").unwrap().uniqueness, Uniqueness::Server);
}

/// A fixed time, since no clock is read here.
fn some_time() -> DateTime<Utc> {
    Utc.timestamp_millis_opt(1_643_215_848_135).unwrap()
}
