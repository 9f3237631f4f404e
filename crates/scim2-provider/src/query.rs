//! Lists (RFC 7644 §3.4.2 and §3.4.3, RFC 9865).

use bytes::Bytes;
use http::StatusCode;
use percent_encoding::percent_decode_str;
use scim2_core::bind::BoundFilter;
use scim2_core::catalog::Resolved;
use scim2_core::list::ListResponse;
use scim2_core::project::{Projection, parse_list_with};
use scim2_core::resource::ResourceId;
use scim2_core::rules::IndexPaging;
use scim2_core::search::SearchRequest;
use scim2_core::sort::SortKey;
use scim2_core::syntax::{AttrPath, Filter};
use scim2_core::{Error, Policy, Resource, ResourceType, ScimType};

use crate::auth::Authenticator;
use crate::config::{Paging, UnsupportedSort};
use crate::cursor::Binding;
use crate::locate::Locations;
use crate::provider::{Exchange, ServiceProvider};
use crate::respond::{Answer, Failure};
use crate::shape::shape;
use crate::store::{Load, Page, Position, Query, Store, StoreError, Stored};
use crate::text::StoredText;
use crate::view::View;
use crate::watch::{parsed, watched};

impl<S: Store, A: Authenticator> ServiceProvider<S, A> {
    /// GET of an endpoint.
    pub(crate) async fn list(
        &self,
        cx: &Exchange<'_>,
        ty: &ResourceType,
    ) -> Result<Answer, Failure> {
        let request = parsed(|| SearchRequest::from_query_with(cx.query, &self.policy))?;
        self.run(cx, ty, &request, AskedIn::Url).await
    }

    /// POST to `.search`.
    pub(crate) async fn search(
        &self,
        cx: &Exchange<'_>,
        ty: &ResourceType,
        body: Bytes,
    ) -> Result<Answer, Failure> {
        self.rules.check_search(ty)?;
        let request = parsed(|| SearchRequest::from_slice(&body, &self.policy))?;
        self.run(cx, ty, &request, AskedIn::Body).await
    }

    async fn run(
        &self,
        cx: &Exchange<'_>,
        ty: &ResourceType,
        request: &SearchRequest,
        asked_in: AskedIn,
    ) -> Result<Answer, Failure> {
        let view = self.view(cx, ty)?;
        let projection = self.projection_of(view.ty(), request)?;
        let filter = self.parse_filter(request)?;
        if let Some(filter) = &filter {
            view.check_filter(filter, &self.policy)?;
        }
        let bound =
            filter.as_ref().map(|filter| self.bind(cx, ty, filter, &self.policy)).transpose()?;
        let span = tracing::Span::current();
        if let Some(filter) = filter.as_ref().filter(|_| !span.is_disabled()) {
            span.record("scim.filter.shape", shape(filter));
        }
        if let Some(bound) = bound.as_ref().filter(|_| asked_in == AskedIn::Url) {
            self.check_sensitive(ty, bound)?;
        }
        let sort = self.sort(&view, request)?;
        self.rules.check_query(ty, request, filter.as_ref())?;
        self.check_there(cx, ty, filter.as_ref()).await?;

        let count = self.count(request);
        let order = sort.as_ref().map(|sort| format!("{} {:?}", sort.attr(), sort.order()));
        let filter = self.within_visible(cx, ty, filter.zip(bound), &self.policy)?;
        let (filter, bound) = filter.unzip();
        let text = filter.as_ref().map(Filter::to_string);
        let binding = Binding::new(
            &cx.principal.scope,
            ty.endpoint(),
            text.as_deref(),
            order.as_deref().unwrap_or_default(),
        );
        let page = self.page(request, &binding, count)?;
        let start_index = match page {
            Page::Index { start_index, .. } => Some(start_index),
            Page::Cursor { .. } => None,
        };
        let mut query = Query::page(page).with_load(self.load_for_reading(ty, &projection));
        query.filter = bound;
        query.sort = sort;

        let cursor = |next: Option<Position>| {
            let now = || self.clock.now();
            next.map(|position| self.cursors.issue(&position, &binding, count, now()))
        };
        let scope = &cx.principal.scope;
        if self.shows_text(&view, &projection) {
            let found = watched("query", ty, self.store.query_text(scope, ty, &query)).await?;
            self.check_members_shown(found.resources.iter().map(StoredText::members))?;
            // Everything but the results, which are text already.
            let next = cursor(found.next);
            let mut list = self.listed(Vec::new(), found.total, start_index, next);
            list.items_per_page = u64::try_from(found.resources.len()).ok();
            return Ok(self.list_text(&cx.base, ty, &list, found.resources));
        }
        let found = watched("query", ty, self.store.query(scope, ty, &query)).await?;
        if projection.needs("members") {
            self.check_members_shown(found.resources.iter().map(Stored::members))?;
        }
        let resources = found
            .resources
            .into_iter()
            .map(|stored| self.represent(&cx.base, &view, stored, &projection, None).resource)
            .collect();
        let list = self.listed(resources, found.total, start_index, cursor(found.next));
        Ok(Answer::json(StatusCode::OK, &list))
    }

    /// A page of a list; one by cursor has no `startIndex`.
    pub(crate) fn listed(
        &self,
        resources: Vec<Resource>,
        total: Option<u64>,
        start_index: Option<u64>,
        next: Option<String>,
    ) -> ListResponse<Resource> {
        let mut list = ListResponse::new(resources);
        list.start_index = start_index;
        list.total_results = match (self.rules.index_paging(), start_index) {
            (IndexPaging::FirstPageOnly, None) => None,
            (IndexPaging::FirstPageOnly, Some(_)) => {
                total.map(|total| total.min(self.max_page_size()))
            }
            _ => total,
        };
        list.next_cursor = next;
        list
    }

    /// The filter of a request.
    pub(crate) fn parse_filter(&self, request: &SearchRequest) -> Result<Option<Filter>, Error> {
        let parse = |text| Filter::parse_with(text, &self.policy.syntax).map_err(Error::from);
        parsed(|| request.filter.as_deref().map(parse).transpose())
    }

    /// That what a filter names is there for this client, where the endpoint wants that.
    async fn check_there(
        &self,
        cx: &Exchange<'_>,
        ty: &ResourceType,
        filter: Option<&Filter>,
    ) -> Result<(), Failure> {
        let Some(filter) = filter else { return Ok(()) };
        for (name, id) in self.rules.must_exist(ty, filter) {
            let Some(ty) = self.catalog.by_name(name) else { continue };
            let condition = self.read_condition(cx, ty)?;
            let (id, load) = (ResourceId::from(id), condition.load(Load::WithoutMembers));
            let stored = self.read(cx, ty, &id, load).await?;
            condition.check(ty, &stored.ok_or(StoreError::NotFound)?)?;
        }
        Ok(())
    }

    /// What the filter means, and that the store can honour it: locations are the service
    /// provider's own, so comparisons with them become comparisons of ids.
    pub(crate) fn bind(
        &self,
        cx: &Exchange<'_>,
        ty: &ResourceType,
        filter: &Filter,
        policy: &Policy,
    ) -> Result<BoundFilter, Error> {
        // Binding what was written first, so that errors are about that.
        let bound = ty.bind(filter, policy)?;
        match self.locations(cx, ty, policy).out_of_filter(filter)? {
            Some(filter) => ty.bind(&filter, policy),
            None => Ok(bound),
        }
    }

    /// What the locations in a request mean.
    pub(crate) fn locations<'l>(
        &'l self,
        cx: &'l Exchange<'_>,
        ty: &'l ResourceType,
        policy: &'l Policy,
    ) -> Locations<'l> {
        Locations { base: &cx.base, catalog: &self.catalog, ty, policy }
    }

    /// Refuses a filter in a URL that looks at what should not be in one (ruling H19).
    pub(crate) fn check_sensitive(
        &self,
        ty: &ResourceType,
        filter: &BoundFilter,
    ) -> Result<(), Error> {
        let mentioned = |path: &&AttrPath| {
            let Ok(Resolved::Attribute { extension, attribute, .. }) =
                ty.resolve(path, &self.policy)
            else {
                return false;
            };
            let name = attribute.name.as_str();
            match extension {
                Some(extension) => filter.mentions(&format!("{}:{name}", extension.schema.id)),
                None => filter.mentions(name),
            }
        };
        match self.config.sensitive.iter().find(mentioned) {
            Some(path) => Err(Error::new(StatusCode::FORBIDDEN)
                .with_scim_type(ScimType::Sensitive)
                .detail(format_args!(
                    "`{path}` must not be asked for in a URL, use POST to `{}/.search`",
                    ty.endpoint()
                ))),
            None => Ok(()),
        }
    }

    pub(crate) fn sort(
        &self,
        view: &View<'_>,
        request: &SearchRequest,
    ) -> Result<Option<SortKey>, Error> {
        let Some(sort_by) = &request.sort_by else { return Ok(None) };
        if !self.service.sort.supported {
            return match self.config.unsupported_sort {
                UnsupportedSort::Ignored => Ok(None),
                UnsupportedSort::Refused => Err(Error::invalid_value(
                    "`sortBy` is not offered, see `ServiceProviderConfig`",
                )),
            };
        }
        let path = AttrPath::parse_with(sort_by, &self.policy.syntax)
            .map_err(|error| Error::invalid_value(format_args!("`sortBy`: {error}")))?;
        view.ty().bind_sort(&path, request.sort_order.unwrap_or_default(), &self.policy).map(Some)
    }

    /// How many results a page has at most (rulings Q02 and Q25).
    pub(crate) fn count(&self, request: &SearchRequest) -> u64 {
        let count = match request.count {
            Some(count) => u64::try_from(count).unwrap_or(0),
            None => self.config.default_page_size,
        };
        count.min(self.max_page_size())
    }

    fn max_page_size(&self) -> u64 {
        self.config.max_page_size.min(self.rules.max_results().unwrap_or(u64::MAX))
    }

    pub(crate) fn page(
        &self,
        request: &SearchRequest,
        binding: &Binding,
        count: u64,
    ) -> Result<Page, Error> {
        let by_cursor =
            self.config.default_paging == Paging::Cursor && request.start_index.is_none();
        let after = match request.cursor.as_deref() {
            None if !by_cursor => {
                let start_index = match self.rules.index_paging() {
                    IndexPaging::FirstPageOnly => 1,
                    _ => request.start_index.map_or(1, |at| u64::try_from(at).unwrap_or(1).max(1)),
                };
                return Ok(Page::Index { start_index, count });
            }
            None | Some("") => None,
            Some(cursor) => Some(self.cursors.open(cursor, binding, count, self.clock.now())?),
        };
        Ok(Page::Cursor { after, count })
    }

    /// Which attributes a request wants to see.
    pub(crate) fn projection_of(
        &self,
        ty: &ResourceType,
        request: &SearchRequest,
    ) -> Result<Projection, Error> {
        let attributes = parse_list_with(&request.attributes.join(","), &self.policy)?;
        let excluded = parse_list_with(&request.excluded_attributes.join(","), &self.policy)?;
        ty.projection(&attributes, &excluded, &self.policy)
    }
}

/// Where a query is written: URLs end up in logs (ruling H19).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum AskedIn {
    Url,
    Body,
}

/// The parameters of a query that have one of these names, in any case, as they were written.
pub(crate) fn parameters<'q>(
    query: &'q str,
    names: &'static [&'static str],
) -> impl Iterator<Item = &'q str> {
    query.split('&').filter(move |parameter| {
        let name = parameter.split('=').next().unwrap_or(parameter);
        let name = percent_decode_str(name).decode_utf8_lossy();
        names.iter().any(|known| known.eq_ignore_ascii_case(&name))
    })
}
