//! Messages: complete when written, forgiving when read.

use http::StatusCode;
use proptest::prelude::*;
use scim2_core::bulk::{BulkMethod, BulkOperation, BulkRequest, BulkResponse};
use scim2_core::config::ServiceProviderConfig;
use scim2_core::discovery::ResourceTypeDescription;
use scim2_core::group::Group;
use scim2_core::list::ListResponse;
use scim2_core::schema::Schema;
use scim2_core::search::SearchRequest;
use scim2_core::sort::SortOrder;
use scim2_core::user::User;
use scim2_core::{Error, Policy, Resource, ScimType};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::types::{read_json, round_trips, vector_dirs};

fn query(text: &str) -> SearchRequest {
    SearchRequest::from_query(text).unwrap()
}

#[track_caller]
fn refused(result: Result<SearchRequest, Error>, scim_type: ScimType) {
    let error = result.unwrap_err();
    assert_eq!(error.status(), StatusCode::BAD_REQUEST);
    assert_eq!(error.scim_type(), Some(&scim_type), "{error}");
}

fn search(json: Value) -> Result<SearchRequest, Error> {
    SearchRequest::from_slice(json.to_string().as_bytes(), &Policy::strict())
}

const SEARCH: &str = "urn:ietf:params:scim:api:messages:2.0:SearchRequest";

#[test]
fn q01_start_index_must_be_a_whole_number() {
    assert_eq!(query("startIndex=-5").start_index, Some(-5));
    let most = SearchRequest::MAX_START_INDEX;
    assert_eq!(query(&format!("startIndex={most}")).start_index, Some(most));
    assert_eq!(query("startIndex=-99999999999999999999").start_index, Some(i64::MIN));
    for text in [
        "startIndex=abc",
        "startIndex=",
        "startIndex=1.5",
        "startIndex=+1",
        "startIndex=1e3",
        "startIndex=9007199254740992",
        "startIndex=99999999999999999999",
    ] {
        refused(SearchRequest::from_query(text), ScimType::InvalidValue);
    }
}

#[test]
fn q02_count_may_be_negative() {
    assert_eq!(query("count=-1&startIndex=0").count, Some(-1));
}

#[test]
fn h21_count_must_be_a_whole_number() {
    refused(SearchRequest::from_query("count=ten"), ScimType::InvalidValue);
    refused(search(json!({ "schemas": [SEARCH], "count": "10" })), ScimType::InvalidValue);
    refused(search(json!({ "schemas": [SEARCH], "count": 1.5 })), ScimType::InvalidValue);
}

#[test]
fn q08_sort_order_is_ascending_or_descending() {
    assert_eq!(query("sortBy=title&sortOrder=descending").sort_order, Some(SortOrder::Descending));
    assert_eq!(query("sortBy=title").sort_order, None);
    refused(SearchRequest::from_query("sortOrder=down"), ScimType::InvalidValue);
    refused(search(json!({ "schemas": [SEARCH], "sortOrder": "" })), ScimType::InvalidValue);
}

#[test]
fn q10_lists_of_attributes_are_split_and_joined() {
    let request =
        query("attributes=userName%2C%20emails.value,,&attributes=name&excludedAttributes=");
    assert_eq!(request.attributes, ["userName", "emails.value", "name"]);
    assert!(request.excluded_attributes.is_empty());
}

#[test]
fn h18_unknown_parameters_are_ignored() {
    assert_eq!(query("aadOptscim062020&_=%FF&%FF=1"), SearchRequest::default());
}

#[test]
fn f33_an_empty_filter_is_refused() {
    for text in ["filter=", "filter", "filter=%20+"] {
        refused(SearchRequest::from_query(text), ScimType::InvalidFilter);
    }
    refused(search(json!({ "schemas": [SEARCH], "filter": "" })), ScimType::InvalidFilter);
}

#[test]
fn f33_an_empty_filter_is_none_by_option() {
    let mut policy = Policy::strict();
    policy.filter.empty_is_absent = true;
    assert!(Policy::lenient().filter.empty_is_absent);
    for text in ["filter=", "filter", "filter=%20+"] {
        let request = SearchRequest::from_query_with(text, &policy).unwrap();
        assert_eq!(request, SearchRequest::default());
    }
    let body = json!({ "schemas": [SEARCH], "filter": " " }).to_string();
    assert_eq!(SearchRequest::from_slice(body.as_bytes(), &policy).unwrap().filter, None);
    let malformed = SearchRequest::from_query_with("filter=x", &policy).unwrap();
    assert_eq!(malformed.filter.as_deref(), Some("x"));
}

#[test]
fn f35_plus_is_a_space_and_percent_2b_a_plus() {
    let request = query("filter=phoneNumbers+eq+%22%2B49%22");
    assert_eq!(request.filter.as_deref(), Some("phoneNumbers eq \"+49\""));
    assert_eq!(request.to_query(), "filter=phoneNumbers%20eq%20%22%2B49%22");
    assert_eq!(query("filter=a%2").filter.as_deref(), Some("a%2"));
    assert_eq!(query("filter=100%25%zz").filter.as_deref(), Some("100%%zz"));
    refused(SearchRequest::from_query("filter=%FF"), ScimType::InvalidValue);
}

#[test]
fn a_query_written_is_read_back() {
    let mut request = SearchRequest::with_filter("displayName eq \"Täglich & mehr=1+1\"");
    request.attributes = vec!["id".into(), "urn:x:User:manager.$ref".into()];
    request.excluded_attributes = vec!["members".into()];
    request.sort_by = Some("name.familyName".into());
    request.sort_order = Some(SortOrder::Descending);
    request.count = Some(50);
    request.cursor = Some("Q3Vyc29y=/+".into());
    assert_eq!(query(&request.to_query()), request);
    let body = serde_json::to_vec(&request).unwrap();
    assert_eq!(SearchRequest::from_slice(&body, &Policy::strict()).unwrap(), request);
    assert_eq!(serde_json::from_slice::<SearchRequest>(&body).unwrap(), request);
}

#[test]
fn q23_an_empty_cursor_asks_for_the_first_page() {
    for text in ["cursor", "cursor="] {
        assert_eq!(query(text).cursor.as_deref(), Some(""));
    }
    let request = search(json!({ "schemas": [SEARCH], "cursor": "" })).unwrap();
    assert_eq!(request.cursor.as_deref(), Some(""));
    assert_eq!(request.to_query(), "cursor");
    refused(SearchRequest::from_query("cursor&startIndex=1"), ScimType::InvalidValue);
}

#[test]
fn a_parameter_given_twice_is_refused() {
    for text in ["filter=a+pr&filter=b+pr", "count=1&count=2", "cursor&cursor=x"] {
        refused(SearchRequest::from_query(text), ScimType::InvalidValue);
    }
}

#[test]
fn r44_3_4_3_03_a_search_names_its_schema() {
    refused(search(json!({ "filter": "userName pr" })), ScimType::InvalidSyntax);
    refused(
        search(json!({ "schemas": ["urn:x"], "filter": "userName pr" })),
        ScimType::InvalidSyntax,
    );
    refused(search(json!(["x"])), ScimType::InvalidSyntax);
}

#[test]
fn q22_a_search_ignores_unknown_members_and_may_be_lenient() {
    let request = search(json!({
        "SCHEMAS": [SEARCH.to_uppercase()],
        "Attributes": ["id", " ", "userName"],
        "startindex": 1,
        "pageSize": 5,
        "count": null,
    }))
    .unwrap();
    assert_eq!(request.attributes, ["id", "userName"]);
    assert_eq!(request.start_index, Some(1));
    assert_eq!(request.count, None);
    refused(
        search(json!({ "schemas": [SEARCH], "attributes": "id,userName" })),
        ScimType::InvalidValue,
    );
    let body = json!({ "attributes": "id,userName" }).to_string();
    let lenient = SearchRequest::from_slice(body.as_bytes(), &Policy::lenient()).unwrap();
    assert_eq!(lenient.attributes, ["id", "userName"]);
}

#[test]
fn w05_a_search_member_given_twice_is_refused() {
    let body = format!(r#"{{"schemas":["{SEARCH}"],"count":1,"Count":2}}"#);
    refused(SearchRequest::from_slice(body.as_bytes(), &Policy::strict()), ScimType::InvalidSyntax);
}

#[test]
fn r44_3_1_03_message_urns_begin_alike() {
    for urn in [
        scim2_core::list::LIST_RESPONSE_SCHEMA,
        scim2_core::search::SEARCH_REQUEST_SCHEMA,
        scim2_core::patch_op::PATCH_OP_SCHEMA,
        scim2_core::bulk::BULK_REQUEST_SCHEMA,
        scim2_core::bulk::BULK_RESPONSE_SCHEMA,
        scim2_core::error::ERROR_SCHEMA,
    ] {
        assert!(urn.starts_with("urn:ietf:params:scim:api:messages:2.0:"), "{urn}");
    }
}

#[test]
fn q03_resources_are_written_even_when_empty() {
    let empty: ListResponse<User> = ListResponse::complete(Vec::new());
    assert_eq!(
        serde_json::to_value(&empty).unwrap(),
        json!({
            "schemas": ["urn:ietf:params:scim:api:messages:2.0:ListResponse"],
            "totalResults": 0,
            "startIndex": 1,
            "itemsPerPage": 0,
            "Resources": [],
        })
    );
}

#[test]
fn q04_items_per_page_counts_this_page() {
    let page = ListResponse::new(vec![User::new("a"), User::new("b")]);
    assert_eq!(page.items_per_page, Some(2));
    assert_eq!(page.start_index, None);
}

#[test]
fn q05_a_total_may_be_absent() {
    let page: ListResponse<Resource> =
        serde_json::from_value(json!({ "nextCursor": "x", "Resources": [{ "id": "1" }] })).unwrap();
    assert_eq!(page.total_results, None);
    assert_eq!(page.next_cursor.as_deref(), Some("x"));
    assert!(serde_json::to_value(&page).unwrap().get("totalResults").is_none());
}

#[test]
fn c01_lists_are_read_in_every_form() {
    let read = |json: Value| serde_json::from_value::<ListResponse<Resource>>(json).unwrap();
    for json in [
        json!({ "totalResults": "2", "STARTINDEX": "1", "itemsPerPage": 2, "resources": [{}, {}] }),
        json!({ "totalresults": 2, "startIndex": 1, "ItemsPerPage": "2", "Resources": [{}, {}], "schemas": null }),
    ] {
        let page = read(json);
        assert_eq!(page.total_results, Some(2));
        assert_eq!(page.start_index, Some(1));
        assert_eq!(page.items_per_page, Some(2));
        assert_eq!(page.resources.len(), 2);
    }
    assert!(read(json!({ "totalResults": 0 })).resources.is_empty());
    assert!(read(json!({ "totalResults": 0, "Resources": null })).resources.is_empty());
    let page = read(json!({ "totalResults": 0, "warning": "slow" }));
    assert_eq!(serde_json::to_value(page).unwrap()["warning"], "slow");
}

#[test]
fn c01_lists_that_are_none_are_refused() {
    for json in [json!([]), json!("x"), json!({ "totalResults": -1 }), json!({ "Resources": 7 })] {
        assert!(serde_json::from_value::<ListResponse<Resource>>(json).is_err());
    }
}

#[test]
fn h03_errors_are_read_in_every_form() {
    let read = |json: Value| serde_json::from_value::<Error>(json).unwrap();
    for json in [
        json!({ "status": "400" }),
        json!({ "status": 400, "schemas": [] }),
        json!({ "schema": ["x"], "Status": "400", "exceptionRequestId": "1" }),
    ] {
        assert_eq!(read(json).status(), StatusCode::BAD_REQUEST);
    }
}

#[test]
fn r44_3_12_02_status_is_text() {
    let error = serde_json::to_value(Error::not_found("no such user")).unwrap();
    assert_eq!(error["status"], "404");
}

#[test]
fn r44_3_7_02_bulk_messages_round_trip() {
    let mut seen = 0;
    for dir in vector_dirs("rfc/http") {
        for entry in std::fs::read_dir(dir).unwrap() {
            let exchange = read_json(&entry.unwrap().path());
            for (part, schema) in [("request", "BulkRequest"), ("response", "BulkResponse")] {
                let body = &exchange[part]["body"];
                let of_kind = body["schemas"][0].as_str().is_some_and(|urn| urn.ends_with(schema));
                if !of_kind {
                    continue;
                }
                seen += 1;
                if part == "request" {
                    round_trips::<BulkRequest>(body);
                    let text = body.to_string();
                    BulkRequest::from_slice(text.as_bytes(), &Policy::strict()).unwrap();
                } else {
                    let read: BulkResponse = serde_json::from_value(body.clone()).unwrap();
                    let again = serde_json::to_value(&read).unwrap();
                    assert_eq!(
                        again["Operations"].as_array().map(Vec::len),
                        body["Operations"].as_array().map(Vec::len)
                    );
                }
            }
        }
    }
    assert!(seen == 0 || seen >= 6);
    let create =
        BulkOperation::new(BulkMethod::Post, "/Users").with_bulk_id("q").with_data(json!({}));
    let request = BulkRequest::new(vec![create]).with_fail_on_errors(1);
    round_trips::<BulkRequest>(&serde_json::to_value(request).unwrap());
}

#[test]
fn b01_status_is_read_as_text_number_or_object() {
    for status in [
        json!("201"),
        json!(201),
        json!({ "code": "201" }),
        json!({ "Code": 201, "description": "x" }),
    ] {
        let response: BulkResponse = serde_json::from_value(
            json!({ "Operations": [{ "method": "POST", "status": status }] }),
        )
        .unwrap();
        let result = &response.operations[0];
        assert_eq!(result.status, Some(StatusCode::CREATED));
        assert_eq!(serde_json::to_value(result).unwrap()["status"], "201");
    }
    let broken = json!({ "Operations": [{ "status": { "description": "x" } }] });
    assert!(serde_json::from_value::<BulkResponse>(broken).is_err());
}

fn bulk_body(json: Value) -> Result<BulkRequest, Error> {
    BulkRequest::from_slice(json.to_string().as_bytes(), &Policy::strict())
}

const BULK: &str = "urn:ietf:params:scim:api:messages:2.0:BulkRequest";

#[test]
fn b02_fail_on_errors_counts_from_one() {
    for limit in [json!(0), json!(-1), json!("1"), json!(1.5)] {
        let body = json!({ "schemas": [BULK], "failOnErrors": limit, "Operations": [] });
        assert_eq!(bulk_body(body).unwrap_err().scim_type(), Some(&ScimType::InvalidValue));
    }
    let body = json!({ "schemas": [BULK], "failOnErrors": null, "Operations": [] });
    assert_eq!(bulk_body(body).unwrap().fail_on_errors, None);
}

#[test]
fn b03_a_malformed_bulk_message_is_refused() {
    for body in [
        json!({ "Operations": [] }),
        json!({ "schemas": [BULK] }),
        json!({ "schemas": [BULK], "Operations": {} }),
        json!({ "schemas": [BULK], "Operations": ["x"] }),
        json!({ "schemas": [BULK], "Operations": [{ "method": [1] }] }),
        json!([]),
    ] {
        let error = bulk_body(body).unwrap_err();
        assert_eq!(error.scim_type(), Some(&ScimType::InvalidSyntax), "{error}");
    }
}

#[test]
fn b09_methods_that_bulk_lacks_are_kept_for_their_answer() {
    let body =
        json!({ "schemas": [BULK], "Operations": [{ "method": "GET" }, { "method": "post" }] });
    let request = bulk_body(body).unwrap();
    assert_eq!(request.operations[0].method, Some(BulkMethod::Other("GET".into())));
    assert_eq!(request.operations[1].method, Some(BulkMethod::Post));
}

/// Reads a body as the type that its `schemas` or its place say.
fn parses(path: &str, status: u64, body: &Value) -> Result<(), String> {
    fn read<T: DeserializeOwned>(body: &Value) -> Result<(), String> {
        serde_json::from_str::<T>(&body.to_string()).map(|_| ()).map_err(|error| error.to_string())
    }
    let urns = |member: &str| -> String {
        body[member].as_array().into_iter().flatten().filter_map(Value::as_str).collect()
    };
    let kind = urns("schemas") + &urns("schema");
    if status >= 400 || kind.contains(":Error") {
        read::<Error>(body)
    } else if kind.contains(":ListResponse")
        || body.get("Resources").is_some()
        || body.get("resources").is_some()
    {
        read::<ListResponse<Resource>>(body)?;
        if path.contains("/Users") {
            read::<ListResponse<User>>(body)
        } else if path.contains("/Groups") {
            read::<ListResponse<Group>>(body)
        } else if path.contains("/Schemas") {
            read::<ListResponse<Schema>>(body)
        } else if path.contains("/ResourceTypes") {
            read::<ListResponse<ResourceTypeDescription>>(body)
        } else {
            Ok(())
        }
    } else if path.contains("/ServiceProviderConfig") {
        read::<ServiceProviderConfig>(body)
    } else if path.contains("/Schemas") {
        read::<Schema>(body)
    } else if path.contains("/ResourceTypes") {
        read::<ResourceTypeDescription>(body)
    } else if path.contains("/Groups") {
        read::<Group>(body)
    } else {
        read::<User>(body)
    }
}

#[test]
fn every_response_body_of_the_vendors_is_read() {
    let mut failures = Vec::new();
    let mut seen = 0;
    for dir in vector_dirs("vendors") {
        for entry in std::fs::read_dir(dir).unwrap() {
            let path = entry.unwrap().path();
            let file = read_json(&path);
            for case in file["cases"].as_array().unwrap() {
                let body = &case["body"];
                if case["direction"] != "response" || !body.is_object() {
                    continue;
                }
                seen += 1;
                let place = case["path"].as_str().unwrap_or_default();
                let status = case["status"].as_u64().unwrap_or(200);
                if let Err(error) = parses(place, status, body) {
                    failures.push(format!("{}: {}: {error}", path.display(), case["name"]));
                }
            }
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
    assert!(seen > 50, "vendor responses: {seen}");
}

#[test]
fn every_resource_in_the_answers_of_the_rfcs_is_read() {
    for dir in vector_dirs("rfc/http") {
        for entry in std::fs::read_dir(dir).unwrap() {
            let exchange = read_json(&entry.unwrap().path());
            let response = &exchange["response"];
            let place = exchange["request"]["path"].as_str().unwrap_or_default();
            if response["body"].is_object() && !place.contains("/Bulk") {
                let status = response["status"].as_u64().unwrap_or(200);
                parses(place, status, &response["body"]).unwrap();
            }
        }
    }
}

#[test]
fn r44_3_4_2_4_06_counts_of_a_list_are_not_negative() {
    for name in ["totalResults", "startIndex", "itemsPerPage"] {
        let mut json = json!({ "Resources": [] });
        json[name] = json!(-1);
        let error = serde_json::from_value::<ListResponse<Resource>>(json).unwrap_err();
        assert!(error.to_string().contains(name), "{error}");
    }
}

#[test]
fn r44_3_12_03_scim_type_and_detail_are_optional() {
    let error: Error = serde_json::from_value(json!({ "status": "404" })).unwrap();
    assert_eq!((error.scim_type(), error.message()), (None, None));
}

#[test]
fn a_fault_in_a_listed_resource_says_where() {
    let json = json!({ "Resources": [{ "active": "yes" }] });
    let error = serde_json::from_value::<ListResponse<User>>(json).unwrap_err().to_string();
    assert!(error.starts_with("attribute `Resources`: attribute `active`: "), "{error}");
}

proptest! {
    #[test]
    fn any_query_written_is_read_back(
        filter in ".*[^ ].*",
        cursor in prop::option::of(".{0,12}"),
        names in prop::collection::vec("[a-z:.$]{1,8}", 0..4),
        count in prop::option::of(any::<i64>()),
    ) {
        prop_assume!(!filter.trim().is_empty());
        let mut request = SearchRequest::with_filter(filter);
        request.cursor = cursor;
        request.attributes = names;
        request.count = count;
        prop_assert_eq!(query(&request.to_query()), request);
    }

    #[test]
    fn no_query_panics(text in ".*") {
        let _ = SearchRequest::from_query(&text);
        let _ = SearchRequest::from_slice(text.as_bytes(), &Policy::strict());
        let _ = BulkRequest::from_slice(text.as_bytes(), &Policy::strict());
    }
}

#[test]
fn sec_10_a_parameter_in_another_case_is_no_query_for_everything() {
    let request = SearchRequest::from_query("Filter=title%20pr&COUNT=3&startindex=0").unwrap();
    assert_eq!(request.filter.as_deref(), Some("title pr"));
    assert_eq!((request.count, request.start_index), (Some(3), Some(0)));
    assert!(SearchRequest::from_query("filter=title%20pr&Filter=title%20pr").is_err());
}
