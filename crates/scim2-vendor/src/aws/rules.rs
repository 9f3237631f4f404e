//! The endpoint's limits as rules of a service provider of ours.

use chrono::{DateTime, Utc};
use http::StatusCode;
use scim2_core::config::{
    AuthenticationScheme, BulkSupport, FilterSupport, ServiceProviderConfig, Supported,
};
use scim2_core::error::ERROR_SCHEMA;
use scim2_core::patch_op::PatchOp;
use scim2_core::rules::{EndpointRules, IndexPaging, PatchAnswer};
use scim2_core::search::SearchRequest;
use scim2_core::syntax::{Expr, Filter, FilterRef};
use scim2_core::{Error, Resource, ResourceType};
use serde_json::{Map, Value, json};

use super::profile;
use crate::profile::{ProfileViolation, Rule, TargetProfile};

/// The text of most refusals. It names neither attribute nor limit
/// (<https://docs.aws.amazon.com/singlesignon/latest/userguide/azure-ad-idp.html>,
/// troubleshooting).
const GENERIC: &str = "Request is unparsable, syntactically incorrect, or violates schema.";
/// The answer to a value that is taken, whichever it is
/// (<https://github.com/slashdevops/idp-scim-sync>, test data).
const DUPLICATE: &str = "Refused to create a new, duplicate resource.";
/// The answer to an operation without path on several attributes
/// (<https://github.com/goauthentik/authentik/issues/12321>).
const PATHLESS: &str = "Current PATCH support allows omitting \"path\" attribute only for Add and Replace operations modifying a single attribute.";
/// The answer to a change of all members (<https://github.com/mitodl/keycloak-scim/issues/73>).
const ALL_MEMBERS: &str = "Replacing group memberships is not supported.";
/// What CloudTrail shows of a second value (AWS's guide for Azure AD, troubleshooting).
const SINGLE_ITEM: &str = "Currently list attributes only allow single item";

/// Makes a service provider refuse, page, answer and err like AWS IAM Identity Center.
///
/// The checks are those of [`profile`]. A refusal's wire form is the endpoint's own, down to its
/// silence about the reason; the reason is in the [`Error`] that the service provider logs, as AWS
/// keeps it in CloudTrail.
///
/// ```
/// use scim2_core::rules::EndpointRules;
/// use scim2_core::{Resource, ResourceType};
/// use scim2_vendor::aws::Rules;
///
/// let mut user = Resource::new();
/// user.insert("userName", "bjensen");
/// let error = Rules::default().check_create(&ResourceType::user(), &user).unwrap_err();
/// assert_eq!(error.status(), 400);
/// assert!(error.message().unwrap().starts_with("name.givenName has no value; "));
/// ```
#[derive(Clone, Debug)]
pub struct Rules {
    profile: TargetProfile,
}

impl Rules {
    /// The rules of the endpoint as it is documented.
    #[must_use]
    pub fn new() -> Self {
        Self { profile: profile() }
    }
}

impl Default for Rules {
    fn default() -> Self {
        Self::new()
    }
}

/// What the client is answered: always 400, a ValidationException (table "Errors" of each page).
fn refuse(violations: Vec<ProfileViolation>) -> Result<(), Error> {
    let Some(violation) = violations.first() else { return Ok(()) };
    let error = Error::new(StatusCode::BAD_REQUEST);
    Err(match violation.rule {
        Rule::PathMissing => error.detail(PATHLESS),
        Rule::AllMembers => error.detail(ALL_MEMBERS),
        Rule::TooManyValues => error.detail(format_args!("{SINGLE_ITEM}: {violation}")),
        _ => error.detail(violation),
    })
}

impl EndpointRules for Rules {
    fn check_create(&self, resource_type: &ResourceType, resource: &Resource) -> Result<(), Error> {
        refuse(self.profile.check_create(resource_type, resource))
    }

    fn check_replace(
        &self,
        resource_type: &ResourceType,
        resource: &Resource,
    ) -> Result<(), Error> {
        refuse(self.profile.check_replace(resource_type, resource))
    }

    fn check_patch(&self, resource_type: &ResourceType, op: &PatchOp) -> Result<(), Error> {
        refuse(self.profile.check_patch(resource_type, op))
    }

    fn check_patched(
        &self,
        resource_type: &ResourceType,
        resource: &Resource,
    ) -> Result<(), Error> {
        refuse(self.profile.check_state(resource_type, resource))
    }

    fn check_query(
        &self,
        resource_type: &ResourceType,
        request: &SearchRequest,
        filter: Option<&Filter>,
    ) -> Result<(), Error> {
        refuse(self.profile.check_query(resource_type, request, filter))
    }

    /// There is no `.search` (`limitations.html`).
    fn check_search(&self, _: &ResourceType) -> Result<(), Error> {
        Err(self.not_offered(Error::not_implemented("`.search` is not offered, use GET")))
    }

    /// A filter on a member that is not there is a ResourceNotFoundException (`listgroups.html`,
    /// table "Errors"). Members are users: groups are not nested (`limitations.html`).
    fn must_exist<'f>(
        &self,
        resource_type: &ResourceType,
        filter: &'f Filter,
    ) -> Vec<(&'static str, &'f str)> {
        if resource_type.name() != "Group" {
            return Vec::new();
        }
        // The profile lets no deeper filter pass.
        let terms: Vec<FilterRef<'f>> = match filter.as_ref().expr() {
            Expr::And(terms) => terms.collect(),
            _ => vec![filter.as_ref()],
        };
        let member = |term: FilterRef<'f>| match term.expr() {
            Expr::Compare { path, value, .. }
                if path.name.as_str().eq_ignore_ascii_case("members") =>
            {
                value.as_str()
            }
            _ => None,
        };
        terms.into_iter().filter_map(member).map(|id| ("User", id)).collect()
    }

    /// An operation that is not supported is a ValidationException (table "Errors" of each page).
    fn not_offered(&self, error: Error) -> Error {
        Error::new(StatusCode::BAD_REQUEST).detail(error.message().unwrap_or_default())
    }

    /// Members and groups are never shown, `meta` has neither version nor location and whole
    /// seconds (`getuser.html`, `getgroup.html`), a manager's `$ref` and a profile's URL are taken
    /// and not shown (`createuser.html`, example).
    ///
    /// A list shows groups with an empty array of members, which is as good as none.
    fn representation(&self, _: &ResourceType, resource: &mut Resource) {
        for name in ["members", "groups", "profileUrl"] {
            resource.remove(name);
        }
        for (name, value) in resource.as_map_mut() {
            let Value::Object(members) = value else { continue };
            if name == "meta" {
                members.remove("version");
                members.remove("location");
                for time in ["created", "lastModified"] {
                    let whole = members.get(time).and_then(Value::as_str).and_then(whole_seconds);
                    if let Some(whole) = whole {
                        members.insert(time.to_owned(), whole.into());
                    }
                }
            } else if let Some(Value::Object(manager)) = members.get_mut("manager") {
                manager.remove("$ref");
                manager.remove("displayName");
            }
        }
    }

    /// `serviceproviderconfig.html`. It says nothing of cursors, although they work.
    fn service_provider_config(&self, config: &mut ServiceProviderConfig) {
        let user_guide = "https://docs.aws.amazon.com/singlesignon/latest/userguide";
        let mut scheme = AuthenticationScheme::bearer_token();
        scheme.description =
            Some("Authentication scheme using the OAuth Bearer Token Standard".to_owned());
        scheme.documentation_uri = Some(format!("{user_guide}/provision-automatically.html"));
        config.documentation_uri =
            Some(format!("{user_guide}/manage-your-identity-source-idp.html"));
        config.authentication_schemes = vec![scheme];
        config.patch = Supported::yes();
        config.bulk = BulkSupport::up_to(1, 1_048_576);
        config.bulk.supported = false;
        config.filter = FilterSupport::up_to(50);
        config.change_password = Supported::no();
        config.sort = Supported::no();
        config.etag = Supported::no();
        config.pagination = None;
        config.security_events = None;
    }

    /// Both `schema` and `schemas`, the status as text, no `scimType`, and two members of its own
    /// (<https://github.com/slashdevops/idp-scim-sync>, test data of 2022 and later).
    fn error_body(
        &self,
        error: &Error,
        request_id: &str,
        now: DateTime<Utc>,
    ) -> Option<Map<String, Value>> {
        let message = error.message().unwrap_or_default();
        let detail = match error.status() {
            StatusCode::BAD_REQUEST if [PATHLESS, ALL_MEMBERS].contains(&message) => message,
            StatusCode::BAD_REQUEST => GENERIC,
            StatusCode::CONFLICT => DUPLICATE,
            _ => message,
        };
        let body = json!({
            "schema": [ERROR_SCHEMA],
            "schemas": [ERROR_SCHEMA],
            "detail": detail,
            "status": error.status().as_str(),
            "exceptionRequestId": request_id,
            "timeStamp": now.format("%Y-%m-%d %H:%M:%S%.3f").to_string(),
        });
        match body {
            Value::Object(body) => Some(body),
            _ => None,
        }
    }

    fn patch_answer(&self, resource_type: &ResourceType) -> PatchAnswer {
        if resource_type.name() == "Group" { PatchAnswer::NoContent } else { PatchAnswer::Resource }
    }

    fn max_results(&self) -> Option<u64> {
        Some(self.profile.page_size)
    }

    fn index_paging(&self) -> IndexPaging {
        IndexPaging::FirstPageOnly
    }

    fn media_type(&self) -> &'static str {
        "application/json"
    }

    fn request_id_header(&self) -> &'static str {
        "x-amzn-requestid"
    }
}

/// `2020-03-31T02:36:15Z` for `2020-03-31T02:36:15.123Z`.
fn whole_seconds(time: &str) -> Option<String> {
    let (seconds, fraction) = time.split_once('.')?;
    let zone = fraction.trim_start_matches(|digit: char| digit.is_ascii_digit());
    Some(format!("{seconds}{zone}"))
}
