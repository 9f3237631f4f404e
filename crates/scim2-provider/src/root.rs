//! Queries over all resource types (RFC 7644 §3.4.2.1, ruling Q20).
//!
//! Each type is asked by itself, with the filter as that type understands it. Their results come
//! one type after the other, in the order of the catalog; sorted, they are merged, and where the
//! sort key does not decide, the order of the catalog does.

use std::future::Future;

use bytes::Bytes;
use http::StatusCode;
use scim2_core::bind::BoundFilter;
use scim2_core::policy::UnknownFilterAttribute;
use scim2_core::project::Projection;
use scim2_core::search::SearchRequest;
use scim2_core::sort::{SortKey, SortValue};
use scim2_core::syntax::Filter;
use scim2_core::{Error, Resource, ScimType};

use crate::auth::{Action, Authenticator, Verb};
use crate::config::{Offer, RootSearch};
use crate::cursor::{Binding, invalid_cursor};
use crate::provider::{Exchange, ServiceProvider};
use crate::query::AskedIn;
use crate::respond::{Answer, Failure};
use crate::route::Route;
use crate::store::{Load, Page, Position, Query, QueryResult, Store, Stored};
use crate::view::View;
use crate::watch::{parsed, watched};

/// The name of the endpoint that cursors are bound to.
const ENDPOINT: &str = "/";

/// What is asked of one type.
struct Part<'a> {
    view: View<'a>,
    /// Where it stands in the catalog.
    at: usize,
    /// What it means, and as text.
    filter: Option<(Filter, BoundFilter)>,
    sort: Option<SortKey>,
    projection: Projection,
    load: Load,
    /// How many of its resources match.
    total: u64,
}

/// A page of results, each with its type.
#[derive(Default)]
struct Found<'a> {
    resources: Vec<(&'a Part<'a>, Stored)>,
    next: Option<Position>,
}

impl<S: Store, A: Authenticator> ServiceProvider<S, A> {
    /// GET of `/`, or POST to `/.search`.
    pub(crate) async fn root<F, Fut>(
        &self,
        cx: &Exchange<'_>,
        route: &Route<'_>,
        body: F,
    ) -> Result<Answer, Failure>
    where
        F: FnOnce() -> Fut + Send,
        Fut: Future<Output = Result<Bytes, Error>> + Send,
    {
        let Some(limits) = self.config.root_search else {
            return Err(self.not_offered(
                "queries over all resource types are not offered, query one endpoint",
            ));
        };
        let (request, asked_in) = match route {
            Route::Root => {
                (parsed(|| SearchRequest::from_query_with(cx.query, &self.policy))?, AskedIn::Url)
            }
            _ => {
                let body = body().await?;
                (parsed(|| SearchRequest::from_slice(&body, &self.policy))?, AskedIn::Body)
            }
        };
        self.query_all(cx, limits, &request, asked_in).await
    }

    async fn query_all(
        &self,
        cx: &Exchange<'_>,
        limits: RootSearch,
        request: &SearchRequest,
        asked_in: AskedIn,
    ) -> Result<Answer, Failure> {
        tracing::Span::current().record("scim.operation", Verb::Query.as_str());
        let filter = self.parse_filter(request)?;
        if filter.is_none() && limits.unfiltered == Offer::No {
            return Err(Error::bad_request(ScimType::TooMany)
                .detail("a query over all resource types needs a `filter`")
                .into());
        }
        let mut parts = self.parts(cx, request, filter.as_ref(), asked_in)?;
        let mut total = 0_u64;
        for part in &mut parts {
            let none = self.ask_one(cx, part, Page::first(0)).await?;
            part.total = none.total.unwrap_or(0);
            total = total.saturating_add(part.total);
        }
        if total > limits.max_results {
            return Err(Error::bad_request(ScimType::TooMany)
                .detail(format_args!(
                    "{total} resources match, and a query over all resource types gives at most {}",
                    limits.max_results
                ))
                .into());
        }

        let sorted = parts.iter().any(|part| part.sort.is_some());
        let count = self.count(request);
        let texts: Vec<String> = parts
            .iter()
            .map(|part| part.filter.as_ref().map(|(filter, _)| filter.to_string()))
            .map(Option::unwrap_or_default)
            .collect();
        let binding = Binding::new(&cx.principal.scope, ENDPOINT, Some(&texts.join("\n")), "");
        let (found, start_index) = match self.page(request, &binding, count)? {
            Page::Index { start_index, count } => {
                let skip = start_index - 1;
                let found = match sorted {
                    true => self.merged(cx, &parts, skip, count).await?,
                    false => self.in_turn(cx, &parts, skip, count).await?,
                };
                (found, Some(start_index))
            }
            Page::Cursor { .. } if sorted => {
                return Err(Error::invalid_value(
                    "a query over all resource types has `cursor` or `sortBy`, not both",
                )
                .into());
            }
            Page::Cursor { after, count } => {
                (self.after_cursor(cx, &parts, after.as_ref(), count).await?, None)
            }
        };
        let shown = found.resources.iter().filter(|(part, _)| part.projection.needs("members"));
        self.check_members_shown(shown.map(|(_, stored)| stored.members()))?;
        let resources: Vec<Resource> = found
            .resources
            .into_iter()
            .map(|(part, stored)| {
                self.represent(&cx.base, &part.view, stored, &part.projection, None).resource
            })
            .collect();
        let next = found
            .next
            .map(|position| self.cursors.issue(&position, &binding, count, self.clock.now()));
        let list = self.listed(resources, Some(total), start_index, next);
        Ok(Answer::json(StatusCode::OK, &list))
    }

    /// What the request asks of each type that the client may query: others count for nothing
    /// (ruling Q27).
    fn parts(
        &self,
        cx: &Exchange<'_>,
        request: &SearchRequest,
        filter: Option<&Filter>,
        asked_in: AskedIn,
    ) -> Result<Vec<Part<'_>>, Failure> {
        let queried = self.catalog.iter().enumerate().filter(|(_, ty)| {
            self.authenticator.authorize(cx.principal, &Action::new(ty, Verb::Query))
        });
        let visible = queried.map(|(at, ty)| Ok((at, self.view(cx, ty)?)));
        let visible = visible.collect::<Result<Vec<(usize, View<'_>)>, Error>>()?;
        if visible.is_empty() {
            return Err(Error::new(StatusCode::FORBIDDEN)
                .detail("the client may not query resources of any type")
                .into());
        }
        if let Some(filter) = filter {
            self.check_known(&visible, filter)?;
            for (_, view) in &visible {
                view.check_filter(filter, &self.policy)?;
            }
        }
        let mut policy = self.policy.clone();
        policy.filter.unknown_attribute = UnknownFilterAttribute::NoMatch;
        let sorts: Vec<_> = visible.iter().map(|(_, view)| self.sort(view, request)).collect();
        if sorts.iter().all(Result::is_err)
            && let Some(Err(error)) = sorts.first()
        {
            return Err(error.clone().into());
        }
        visible
            .into_iter()
            .zip(sorts)
            .map(|((at, view), sort)| {
                let ty = view.whole();
                let bound = filter.map(|filter| self.bind(cx, ty, filter, &policy)).transpose()?;
                if let Some(bound) = bound.as_ref().filter(|_| asked_in == AskedIn::Url) {
                    self.check_sensitive(ty, bound)?;
                }
                self.rules.check_query(ty, request, filter)?;
                let projection = self.projection_of(view.ty(), request)?;
                let load = self.load_for_reading(ty, &projection);
                let sort = sort.ok().flatten();
                let filter = filter.cloned().zip(bound);
                let filter = self.within_visible(cx, ty, filter, &policy)?;
                Ok(Part { view, at, filter, sort, projection, load, total: 0 })
            })
            .collect()
    }

    /// An attribute that a type lacks has no value there, but one that no type has is a mistake
    /// (RFC 7644 §3.4.2.1, ruling F10).
    fn check_known(&self, types: &[(usize, View<'_>)], filter: &Filter) -> Result<(), Error> {
        if self.policy.filter.unknown_attribute == UnknownFilterAttribute::NoMatch {
            return Ok(());
        }
        for used in filter.attr_paths() {
            let asked = match used.parent {
                // The brackets hold names of sub-attributes.
                Some(parent) => {
                    Filter::value_path(parent.clone(), Filter::present(used.path.clone()))?
                }
                None => Filter::present(used.path.clone()),
            };
            // None as soon as one type knows it.
            let failures: Option<Vec<Error>> =
                types.iter().map(|(_, view)| view.ty().bind(&asked, &self.policy).err()).collect();
            match failures.as_deref() {
                None | Some([]) => {}
                Some([error]) => return Err(error.clone()),
                Some(_) => {
                    return Err(Error::invalid_filter(format_args!(
                        "no resource type has an attribute `{used}` that filters can ask about"
                    )));
                }
            }
        }
        Ok(())
    }

    async fn ask_one(
        &self,
        cx: &Exchange<'_>,
        part: &Part<'_>,
        page: Page,
    ) -> Result<QueryResult, Failure> {
        let mut query = Query::page(page).with_load(part.load);
        query.filter = part.filter.as_ref().map(|(_, bound)| bound.clone());
        query.sort.clone_from(&part.sort);
        let ty = part.view.whole();
        Ok(watched("query", ty, self.store.query(&cx.principal.scope, ty, &query)).await?)
    }

    /// The results of one type after the other.
    async fn in_turn<'a>(
        &self,
        cx: &Exchange<'_>,
        parts: &'a [Part<'a>],
        mut skip: u64,
        mut count: u64,
    ) -> Result<Found<'a>, Failure> {
        let mut found = Found::default();
        for part in parts {
            if count == 0 {
                break;
            }
            if skip >= part.total {
                skip -= part.total;
                continue;
            }
            let page = Page::Index { start_index: skip + 1, count };
            let page = self.ask_one(cx, part, page).await?.resources;
            skip = 0;
            count = count.saturating_sub(page.len() as u64);
            found.resources.extend(page.into_iter().map(|stored| (part, stored)));
        }
        Ok(found)
    }

    /// The results of all types in one order. No more is read than the query may match.
    async fn merged<'a>(
        &self,
        cx: &Exchange<'_>,
        parts: &'a [Part<'a>],
        skip: u64,
        count: u64,
    ) -> Result<Found<'a>, Failure> {
        let Some(order) = parts.iter().find_map(|part| part.sort.as_ref()) else {
            return Ok(Found::default());
        };
        let wanted = skip.saturating_add(count);
        let total: u64 = parts.iter().map(|part| part.total).sum();
        if count == 0 || skip >= total {
            return Ok(Found::default());
        }
        let mut all: Vec<(Option<SortValue>, (&Part<'_>, Stored))> = Vec::new();
        for part in parts.iter().filter(|part| part.total > 0) {
            let page = Page::first(wanted.min(part.total));
            for stored in self.ask_one(cx, part, page).await?.resources {
                let key = part
                    .sort
                    .as_ref()
                    .and_then(|sort| sort.key(&stored.document(part.view.whole())));
                all.push((key, (part, stored)));
            }
        }
        all.sort_by(|(a, _), (b, _)| order.compare_keys(a, b));
        let as_usize = |number| usize::try_from(number).unwrap_or(usize::MAX);
        let page = all.into_iter().map(|(_, found)| found).skip(as_usize(skip));
        Ok(Found { resources: page.take(as_usize(count)).collect(), next: None })
    }

    /// The results of one type after the other, from a place in one of them.
    async fn after_cursor<'a>(
        &self,
        cx: &Exchange<'_>,
        parts: &'a [Part<'a>],
        after: Option<&Position>,
        count: u64,
    ) -> Result<Found<'a>, Failure> {
        let (first, mut after) = match after {
            Some(position) => decode(position).ok_or_else(invalid_cursor)?,
            None => (0, None),
        };
        let mut found = Found::default();
        let mut left = count;
        for part in parts.iter().filter(|part| part.at >= first && count > 0) {
            // A place in a type that the client no longer sees is the beginning of the next.
            let after = after.take().filter(|_| part.at == first);
            if part.total == 0 {
                continue;
            }
            if left == 0 {
                found.next = Some(encode(part.at, None));
                break;
            }
            let page = self.ask_one(cx, part, Page::Cursor { after, count: left }).await?;
            left = left.saturating_sub(page.resources.len() as u64);
            found.resources.extend(page.resources.into_iter().map(|stored| (part, stored)));
            if let Some(next) = page.next {
                found.next = Some(encode(part.at, Some(&next)));
                break;
            }
        }
        Ok(found)
    }
}

/// A place in the results: which type, and the store's place in it.
fn encode(at: usize, position: Option<&Position>) -> Position {
    let mut bytes = u32::try_from(at).unwrap_or(u32::MAX).to_be_bytes().to_vec();
    if let Some(position) = position {
        bytes.push(1);
        bytes.extend(position.as_bytes());
    }
    Position::new(bytes)
}

fn decode(position: &Position) -> Option<(usize, Option<Position>)> {
    let (at, rest) = position.as_bytes().split_first_chunk::<4>()?;
    let position = rest.split_first().map(|(_, position)| Position::new(position));
    Some((usize::try_from(u32::from_be_bytes(*at)).ok()?, position))
}
