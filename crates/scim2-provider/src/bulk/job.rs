//! The work on a bulk request: one operation after the other.

use std::borrow::Cow;
use std::collections::HashMap;
use std::future::ready;
use std::mem;

use bytes::Bytes;
use http::{Method, StatusCode};
use scim2_core::bulk::BulkResult;
use scim2_core::etag::{EntityTags, Version};
use scim2_core::patch_op::PatchOp;
use scim2_core::resource::ResourceId;
use scim2_core::{Error, ResourceType};
use serde_json::Value;
use tracing::Instrument;

use crate::auth::Authenticator;
use crate::bulk::plan::{Plan, Step};
use crate::bulk::references::{Form, PREFIX, References};
use crate::bulk::{Asked, Entry};
use crate::metrics;
use crate::provider::{Exchange, ServiceProvider};
use crate::respond::{Answer, Failure, log_refusal};
use crate::route::Route;
use crate::store::Store;

/// A bulk request while it is worked on.
pub(crate) struct Job<'a, S, A> {
    provider: &'a ServiceProvider<S, A>,
    cx: &'a Exchange<'a>,
    plan: &'a Plan,
    entries: Vec<Entry<'a>>,
    /// The resources that operations created.
    created: HashMap<usize, Created<'a>>,
    /// What created resources still lack.
    withheld: HashMap<usize, PatchOp>,
}

/// A resource that an operation created.
#[derive(Clone)]
struct Created<'a> {
    ty: &'a ResourceType,
    id: ResourceId,
}

/// What a success leaves for the response.
struct Done {
    status: StatusCode,
    version: Option<Version>,
}

impl<'a, S: Store, A: Authenticator> Job<'a, S, A> {
    pub(crate) fn new(
        provider: &'a ServiceProvider<S, A>,
        cx: &'a Exchange<'a>,
        plan: &'a Plan,
        entries: Vec<Entry<'a>>,
    ) -> Self {
        let (created, withheld) = (HashMap::new(), HashMap::new());
        Self { provider, cx, plan, entries, created, withheld }
    }

    /// Follows the plan until it ends or so many operations have failed (ruling B02). Returns the
    /// results of the operations that were worked on, in the order of the request.
    pub(crate) async fn work(mut self, max_errors: u64) -> Vec<BulkResult> {
        let mut results: Vec<Option<BulkResult>> = self.entries.iter().map(|_| None).collect();
        let mut errors = 0;
        for step in &self.plan.steps {
            let (at, outcome) = match *step {
                Step::Run(at) => {
                    let span = self.span_of(at);
                    (at, self.run(at).instrument(span).await)
                }
                Step::Complete(at) => {
                    let Some(later) = self.withheld.remove(&at) else { continue };
                    let span = self.span_of(at);
                    (at, self.complete(at, later).instrument(span).await)
                }
            };
            errors += u64::from(outcome.is_err());
            if let Some(result) = results.get_mut(at) {
                *result = self.result_of(at, outcome);
            }
            if errors >= max_errors {
                break;
            }
        }
        // What was created in part and can no longer be completed is as good as not created.
        for at in mem::take(&mut self.withheld).into_keys() {
            self.undo(at).await;
            let error = Error::new(StatusCode::CONFLICT)
                .detail("the request ended before what the resource refers to was created");
            if let Some(result) = results.get_mut(at) {
                *result = self.result_of(at, Err(error));
            }
        }
        results.into_iter().flatten().collect()
    }

    /// Does one operation.
    async fn run(&mut self, at: usize) -> Result<Done, Error> {
        let Some(entry) = self.entries.get_mut(at) else { return Err(Error::internal()) };
        let mut data = entry.operation.data.take();
        let asked = match &mut entry.asked {
            Ok(asked) => asked,
            Err(error) => return Err(refused(error.clone())),
        };
        if let Route::Resource(_, id) = &mut asked.route
            && let Some(bulk_id) = id.as_str().strip_prefix(PREFIX)
        {
            *id = created(self.plan, &self.created, bulk_id).map_err(refused)?.id.clone();
        }
        if self.plan.circular.get(at) == Some(&true) {
            return Err(refused(
                Error::new(StatusCode::CONFLICT).detail(
                    "the resource needs one that needs it, so neither can be created first",
                ),
            ));
        }
        let asked = asked.clone();
        let version = entry.operation.version.clone();
        let later = self.withhold(at, &asked, &mut data);
        let body = self.resolved(&asked, data).map_err(refused)?;
        let if_match = version
            .filter(|_| self.provider.service.etag.supported)
            .map(|version| EntityTags::parse(version.as_str()));
        let cx = Exchange { if_match, ..self.cx.entry() };
        let answer =
            self.provider.operate(&cx, &asked.route, &asked.method, || ready(Ok(body))).await;
        let answer = done(answer);
        let status = answer.as_ref().map_or_else(Error::status, |(done, _)| done.status);
        metrics::operation(&asked.method, &asked.route, status);
        let (done, id) = answer?;
        if let (Some(id), &Route::Endpoint(ty)) = (id, &asked.route) {
            self.created.insert(at, Created { ty, id });
            self.withheld.extend(later.map(|later| (at, later)));
        }
        Ok(done)
    }

    /// Takes out of a new resource what it cannot refer to yet.
    fn withhold(&self, at: usize, asked: &Asked<'_>, data: &mut Option<Value>) -> Option<PatchOp> {
        let late = self.plan.late.get(at).filter(|late| !late.is_empty())?;
        let (Some(ty), Some(Value::Object(data))) = (asked.route.resource_type(), data) else {
            return None;
        };
        let is_late = |bulk_id: &str| {
            let creator = self.plan.creators.get(bulk_id);
            creator.is_some_and(|creator| late.binary_search(creator).is_ok())
        };
        Some(References { ty, policy: &self.provider.policy }.withhold(data, &is_late))
    }

    /// Adds to a created resource what it could not refer to when it was created. A resource that
    /// cannot be completed is not left behind (ruling B05).
    async fn complete(&mut self, at: usize, later: PatchOp) -> Result<Done, Error> {
        let Some(Created { ty, id }) = self.created.get(&at).cloned() else {
            return Err(Error::internal());
        };
        let asked = Asked { method: Method::PATCH, route: Route::Resource(ty, id.clone()) };
        let outcome = match self.resolved(&asked, serde_json::to_value(&later).ok()) {
            Ok(body) => {
                // It belongs to the creation, which has been authorized.
                let answer = self.provider.patch(&self.whichever(), ty, &id, body).await;
                done(answer).map(|(done, _)| Done { status: StatusCode::CREATED, ..done })
            }
            Err(error) => Err(refused(error)),
        };
        if outcome.is_err() {
            self.undo(at).await;
        }
        outcome
    }

    /// Removes a resource that was created in part, whatever hooks think of deletions.
    async fn undo(&mut self, at: usize) {
        let Some(Created { ty, id }) = self.created.remove(&at) else { return };
        if let Err(failure) = self.provider.take_back(self.cx, ty, &id).await {
            let error = failure.into_error();
            tracing::error!(detail = error.message(), "a resource created in part is left behind");
        }
    }

    /// An operation on a resource in whichever version it is.
    fn whichever(&self) -> Exchange<'_> {
        Exchange { if_match: Some(EntityTags::parse("*")), ..self.cx.entry() }
    }

    /// The body of a request, its references resolved.
    fn resolved(&self, asked: &Asked<'_>, mut data: Option<Value>) -> Result<Bytes, Error> {
        let mut unresolved = None;
        self.provider.references(asked, &mut data, &mut |text, form, _| {
            let Some(bulk_id) = form.bulk_id(text) else { return };
            match created(self.plan, &self.created, bulk_id) {
                Ok(Created { id, .. }) if form == Form::Id => *text = id.to_string(),
                Ok(Created { ty, id }) => *text = self.cx.base.location(ty.endpoint(), id.as_str()),
                Err(error) => unresolved = unresolved.take().or(Some(error)),
            }
        });
        match (unresolved, data) {
            (Some(error), _) => Err(error),
            // A JSON value always has a JSON text.
            (None, Some(data)) => Ok(serde_json::to_vec(&data).unwrap_or_default().into()),
            (None, None) => Ok(Bytes::new()),
        }
    }

    fn result_of(&self, at: usize, outcome: Result<Done, Error>) -> Option<BulkResult> {
        let entry = self.entries.get(at)?;
        let base = &self.cx.base;
        let mut result = BulkResult::default();
        result.method.clone_from(&entry.operation.method);
        result.bulk_id.clone_from(&entry.operation.bulk_id);
        result.location = match &entry.asked {
            Ok(Asked { route: Route::Resource(ty, id), .. }) => {
                Some(base.location(ty.endpoint(), id.as_str()))
            }
            Ok(_) => {
                let created = self.created.get(&at);
                created.map(|created| base.location(created.ty.endpoint(), created.id.as_str()))
            }
            Err(_) => self.provider.location_asked_for(base, &entry.operation),
        };
        match outcome {
            Ok(done) => {
                result.status = Some(done.status);
                result.version = done.version;
            }
            Err(error) => {
                let provider = self.provider;
                let own = provider.rules.error_body(
                    &error,
                    &self.cx.origin.request_id,
                    provider.clock.now(),
                );
                result.status = Some(error.status());
                result.response =
                    own.map(Value::Object).or_else(|| serde_json::to_value(&error).ok());
            }
        }
        Some(result)
    }

    fn span_of(&self, at: usize) -> tracing::Span {
        let asked = self.entries.get(at).and_then(|entry| entry.asked.as_ref().ok());
        let route = asked.map_or(Cow::Borrowed("unknown"), |asked| asked.route.template());
        let operation = asked.and_then(|asked| asked.route.operation(&asked.method));
        tracing::info_span!(
            "scim.bulk_operation",
            index = at,
            http.route = %route,
            scim.resource_type = operation.map(|(ty, _)| ty.name()),
            scim.operation = operation.map(|(_, verb)| verb.as_str()),
            scim.error_type = tracing::field::Empty,
        )
    }
}

impl Exchange<'_> {
    /// The same for an operation of a bulk request: it has neither query nor headers.
    fn entry(&self) -> Exchange<'_> {
        Exchange {
            principal: self.principal,
            origin: self.origin,
            base: Cow::Borrowed(&*self.base),
            query: "",
            if_match: None,
            if_none_match: None,
        }
    }
}

fn done(answer: Result<Answer, Failure>) -> Result<(Done, Option<ResourceId>), Error> {
    match answer {
        Ok(answer) => {
            let (status, version, id) = answer.summary();
            Ok((Done { status, version }, id))
        }
        Err(failure) => Err(refused(failure.into_error())),
    }
}

fn refused(error: Error) -> Error {
    log_refusal(&error);
    error
}

/// The resource that the operation with this `bulkId` created (ruling B05).
fn created<'c, 'a>(
    plan: &Plan,
    created: &'c HashMap<usize, Created<'a>>,
    bulk_id: &str,
) -> Result<&'c Created<'a>, Error> {
    let Some(creator) = plan.creators.get(bulk_id) else {
        return Err(Error::invalid_value(format_args!(
            "no POST of the request has the `bulkId` `{}`",
            shown(bulk_id)
        )));
    };
    created.get(creator).ok_or_else(|| {
        Error::invalid_value(format_args!("the POST with `bulkId` `{}` failed", shown(bulk_id)))
    })
}

/// A client's name for something, fit to stand in a message.
fn shown(name: &str) -> String {
    const MAX_CHARS: usize = 64;
    name.chars().filter(|c| !c.is_control()).take(MAX_CHARS).collect()
}
