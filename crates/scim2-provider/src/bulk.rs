//! Several operations in one request (RFC 7644 §3.7).
//!
//! Each entry becomes the request that it stands for and goes the way of every request; only the
//! order, and what `bulkId:` stands for, is decided here: [`plan`] is the order, [`references`] is
//! where a `bulkId:` counts, [`job`] does the work.

use std::collections::HashMap;
use std::future::Future;

use bytes::Bytes;
use http::{Method, StatusCode};
use scim2_core::bulk::{BulkMethod, BulkOperation, BulkRequest, BulkResponse};
use scim2_core::patch_op::PATCH_OP_SCHEMA;
use scim2_core::{Error, ScimType};
use serde_json::{Value, json};

use crate::auth::Authenticator;
use crate::base::Base;
use crate::bulk::job::Job;
use crate::bulk::plan::{Operation, Plan, Target};
use crate::bulk::references::{Form, Hold, PREFIX, References, Visit};
use crate::metrics;
use crate::provider::{Exchange, ServiceProvider};
use crate::respond::{Answer, Failure};
use crate::route::Route;
use crate::store::Store;

mod job;
mod plan;
mod references;

impl<S: Store, A: Authenticator> ServiceProvider<S, A> {
    /// POST to `/Bulk`.
    pub(crate) async fn bulk<F, Fut>(&self, cx: &Exchange<'_>, body: F) -> Result<Answer, Failure>
    where
        F: FnOnce(usize) -> Fut + Send,
        Fut: Future<Output = Result<Bytes, Error>> + Send,
    {
        let limits = &self.service.bulk;
        if !limits.supported {
            return Err(self.not_offered("bulk requests are not offered"));
        }
        let max_bytes = usize::try_from(limits.max_payload_size).unwrap_or(usize::MAX);
        let body = body(max_bytes).await.map_err(|error| match error.status() {
            StatusCode::PAYLOAD_TOO_LARGE => error.detail(format_args!(
                "the request exceeds the `maxPayloadSize` of {max_bytes} bytes"
            )),
            _ => error,
        })?;
        let request = BulkRequest::from_slice(&body, &self.policy)?;
        drop(body);
        let found = request.operations.len();
        if u64::try_from(found).is_ok_and(|found| found > limits.max_operations) {
            return Err(Error::new(StatusCode::PAYLOAD_TOO_LARGE)
                .with_scim_type(ScimType::TooMany)
                .detail(format_args!(
                    "the request exceeds the `maxOperations` of {}, it has {found}",
                    limits.max_operations
                ))
                .into());
        }
        // Each operation counts against the rate limit; the request itself has been counted.
        let operations = u32::try_from(found).unwrap_or(u32::MAX);
        self.limits.owe(cx.principal, operations.saturating_sub(1), self.clock.now());
        metrics::bulk_operations(operations);
        let mut entries = self.entries(&cx.base, request.operations);
        let needs: Vec<Operation> = entries.iter_mut().map(|entry| self.needs_of(entry)).collect();
        let plan = Plan::new(&needs);
        drop(needs);
        let max_errors = request.fail_on_errors.unwrap_or(u64::MAX);
        let results = Job::new(self, cx, &plan, entries).work(max_errors).await;
        Ok(Answer::json(StatusCode::OK, &BulkResponse::new(results)))
    }

    /// What each operation asks for, or why it cannot be done whatever the others do.
    fn entries(&self, base: &Base, operations: Vec<BulkOperation>) -> Vec<Entry<'_>> {
        let mut names = HashMap::new();
        operations
            .into_iter()
            .enumerate()
            .map(|(at, operation)| {
                let creates = operation.method == Some(BulkMethod::Post);
                let bulk_id = operation.bulk_id.as_deref().filter(|_| creates);
                let first = bulk_id.map(|name| *names.entry(name.to_owned()).or_insert(at));
                let asked = match first {
                    Some(first) if first != at => Err(Error::invalid_syntax(format_args!(
                        "`bulkId` is that of operation {first} as well, counting from 0"
                    ))),
                    _ => self.asked(base, &operation),
                };
                Entry { asked, is_first: first == Some(at), operation }
            })
            .collect()
    }

    fn asked(&self, base: &Base, operation: &BulkOperation) -> Result<Asked<'_>, Error> {
        operation.check()?;
        let path = operation.path.as_deref().unwrap_or_default();
        let route = self.route(without_version(base, path));
        let method = match operation.method {
            Some(BulkMethod::Post) => Method::POST,
            Some(BulkMethod::Put) => Method::PUT,
            Some(BulkMethod::Patch) => Method::PATCH,
            _ => Method::DELETE,
        };
        match (&route, method == Method::POST) {
            (Route::Endpoint(_), true) | (Route::Resource(..), false) => {}
            (Route::Endpoint(_), false) => {
                return Err(Error::invalid_value(format_args!(
                    "`path` of a {method} must lead to a resource, not to an endpoint"
                )));
            }
            (Route::Resource(..), true) => {
                return Err(Error::invalid_value(
                    "`path` of a POST must lead to an endpoint, not to a resource",
                ));
            }
            (Route::Unknown, _) => return Err(Error::not_found("there is no such endpoint")),
            _ => {
                return Err(Error::new(StatusCode::METHOD_NOT_ALLOWED)
                    .detail("`path` must lead to resources that can be written"));
            }
        }
        if method == Method::POST
            && operation.bulk_id.as_deref().unwrap_or_default().is_empty()
            && !self.policy.bulk.post_without_bulk_id
        {
            return Err(Error::invalid_syntax("a POST needs a `bulkId`"));
        }
        let has_data = operation.data.as_ref().is_some_and(|data| !data.is_null());
        if method != Method::DELETE && !has_data {
            return Err(Error::invalid_syntax(format_args!("a {method} needs `data`")));
        }
        Ok(Asked { method, route })
    }

    /// Where an operation wanted to go that cannot be done as it stands; none where its path names no
    /// resource (ruling B11). Whoever sends a whole URL knows it by that.
    fn location_asked_for(&self, base: &Base, operation: &BulkOperation) -> Option<String> {
        if operation.method == Some(BulkMethod::Post) {
            return None;
        }
        let path = operation.path.as_deref()?;
        if path.starts_with("https://") || path.starts_with("http://") {
            return Some(path.to_owned());
        }
        if path.contains(['?', '#']) {
            return None;
        }
        match self.route(without_version(base, path)) {
            Route::Resource(ty, id) if !id.as_str().starts_with(PREFIX) => {
                Some(base.location(ty.endpoint(), id.as_str()))
            }
            _ => None,
        }
    }

    /// What an operation refers to.
    fn needs_of(&self, entry: &mut Entry<'_>) -> Operation {
        let mut needs = Operation::default();
        if entry.is_first {
            needs.creates = entry.operation.bulk_id.as_deref().map(Box::from);
        }
        let Ok(asked) = &entry.asked else { return needs };
        if let Route::Resource(_, id) = &asked.route {
            needs.target = Some(match id.as_str().strip_prefix(PREFIX) {
                Some(bulk_id) => Target::Created(bulk_id.into()),
                None => Target::Id(id.as_str().into()),
            });
            needs.deletes = asked.method == Method::DELETE;
        }
        if self.policy.bulk.bare_operations
            && asked.method == Method::PATCH
            && let Some(operations @ Value::Array(_)) = &mut entry.operation.data
        {
            *operations = json!({"schemas": [PATCH_OP_SCHEMA], "Operations": operations.take()});
        }
        let (refers, names) = (&mut needs.refers, &mut needs.names);
        self.references(asked, &mut entry.operation.data, &mut |text, form, hold| match form
            .bulk_id(text)
        {
            Some(bulk_id) => {
                let known = refers.entry(bulk_id.into()).or_insert(hold);
                if hold == Hold::Firm {
                    *known = hold;
                }
            }
            None => {
                let id = match form {
                    Form::Id => &**text,
                    Form::Uri => text.rsplit('/').next().unwrap_or_default(),
                };
                names.push(id.into());
            }
        });
        needs
    }

    /// Visits the references in the data of an operation.
    fn references(&self, asked: &Asked<'_>, data: &mut Option<Value>, visit: &mut Visit<'_>) {
        let (Some(ty), Some(Value::Object(data))) = (asked.route.resource_type(), data) else {
            return;
        };
        let references = References { ty, policy: &self.policy };
        match asked.method {
            Method::PATCH => references.in_patch(data, visit),
            Method::DELETE => {}
            _ => references.in_resource(data, visit),
        }
    }
}

/// One operation of the request.
struct Entry<'a> {
    operation: BulkOperation,
    asked: Result<Asked<'a>, Error>,
    /// Whether it is the first POST with its `bulkId`.
    is_first: bool,
}

/// The request that an operation stands for.
#[derive(Clone)]
struct Asked<'a> {
    method: Method,
    route: Route<'a>,
}

/// The path without a leading version segment that is also the last segment of the base URL
/// (RFC 7644 §3.13, ruling B09).
fn without_version<'p>(base: &Base, path: &'p str) -> &'p str {
    let own = base.as_str().rsplit('/').next().unwrap_or_default();
    let is_version = own
        .strip_prefix('v')
        .is_some_and(|rest| !rest.is_empty() && rest.bytes().all(|byte| byte.is_ascii_digit()));
    let relative = path.strip_prefix('/').unwrap_or(path);
    match relative.strip_prefix(own).and_then(|rest| rest.strip_prefix('/')) {
        Some(rest) if is_version => rest,
        _ => path,
    }
}
