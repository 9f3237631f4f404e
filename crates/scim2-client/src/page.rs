//! Lists: asking for them, and going through their pages.

use std::collections::HashSet;
use std::fmt;

use futures_core::Stream;
use futures_util::stream;
use http::Method;
use scim2_core::list::ListResponse;
use scim2_core::search::SearchRequest;
use scim2_core::sort::SortOrder;
use scim2_core::syntax::{AttrPath, Filter};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::api::Api;
use crate::error::{Call, ClientError};
use crate::transport::Transport;

/// How lists are paged.
///
/// ```
/// use scim2_client::Paging;
/// // AWS IAM Identity Center: by cursor, 100 at a time.
/// let paging = Paging::cursor().page_size(100);
/// # let _ = paging;
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Paging {
    way: Way,
    page_size: Option<u64>,
    max_pages: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    Index,
    Cursor,
}

impl Paging {
    /// How many pages a list may have, unless [`max_pages`](Self::max_pages) says otherwise.
    pub const MAX_PAGES: u64 = 100_000;

    /// By `startIndex` and `count` (RFC 7644 §3.4.2.4). A service provider that answers with a
    /// cursor all the same is obeyed (RFC 9865 §2.3).
    #[must_use]
    pub fn index() -> Self {
        Self { way: Way::Index, page_size: None, max_pages: Self::MAX_PAGES }
    }

    /// By `cursor` (RFC 9865), from the first request on. With a service provider that ignores
    /// the parameter the list goes on by index.
    #[must_use]
    pub fn cursor() -> Self {
        Self { way: Way::Cursor, ..Self::index() }
    }

    /// Asks for pages of this size. Without it, the service provider chooses.
    #[must_use]
    pub fn page_size(self, size: u64) -> Self {
        Self { page_size: Some(size), ..self }
    }

    /// Gives up after so many pages.
    #[must_use]
    pub fn max_pages(self, pages: u64) -> Self {
        Self { max_pages: pages, ..self }
    }
}

impl Default for Paging {
    fn default() -> Self {
        Self::index()
    }
}

/// How a query travels.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "RFC 7644 §3.4.2 and §3.4.3 know these two")]
pub enum QueryBy {
    /// In the URL of a GET.
    #[default]
    Get,
    /// In the body of a POST to `.search`, where no log of URLs sees it (RFC 7644 §7.5.2).
    Post,
}

/// Which resources are wanted, and in what order.
///
/// ```
/// use scim2_client::Query;
/// use scim2_core::syntax::Filter;
/// let query = Query::new().filter(Filter::eq("active", false)).sort_by("userName".parse()?);
/// # let _ = query;
/// # Ok::<(), scim2_core::syntax::ParseError>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct Query {
    filter: Option<Filter>,
    sort_by: Option<AttrPath>,
    sort_order: Option<SortOrder>,
    paging: Option<Paging>,
}

impl Query {
    /// All resources.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Only the resources that match.
    #[must_use]
    pub fn filter(self, filter: Filter) -> Self {
        Self { filter: Some(filter), ..self }
    }

    /// In the order of this attribute.
    #[must_use]
    pub fn sort_by(self, path: AttrPath) -> Self {
        Self { sort_by: Some(path), ..self }
    }

    /// In this direction.
    #[must_use]
    pub fn sort_order(self, order: SortOrder) -> Self {
        Self { sort_order: Some(order), ..self }
    }

    /// Paged in another way than the client's lists are.
    #[must_use]
    pub fn paging(self, paging: Paging) -> Self {
        Self { paging: Some(paging), ..self }
    }

    pub(crate) fn request(&self) -> SearchRequest {
        let mut request = SearchRequest::default();
        // The filter's printer escapes the literals (ruling C08).
        request.filter = self.filter.as_ref().map(Filter::to_string);
        request.sort_by = self.sort_by.as_ref().map(AttrPath::to_string);
        request.sort_order = self.sort_order;
        request
    }
}

impl From<Filter> for Query {
    fn from(filter: Filter) -> Self {
        Self::new().filter(filter)
    }
}

/// One page of a list.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Page<R> {
    /// The resources.
    pub resources: Vec<R>,
    /// How many match over all pages, if the service provider says so. AWS IAM Identity Center
    /// counts no further than the page when asked without a cursor.
    pub total_results: Option<u64>,
    /// The number of the page's first resource, counting from 1.
    pub start_index: Option<u64>,
    /// Where the next page begins.
    pub next_cursor: Option<String>,
}

/// The pages of a list, fetched one by one.
///
/// - By index, it goes on by as many resources as came, until it has passed `totalResults`.
/// - By cursor, it goes on until there is no `nextCursor`. Pages may be short, or empty.
/// - A resource that comes twice, because the list moved underneath, is given out once.
/// - What is missing is not passed over in silence: a list that ends before `totalResults` of
///   them came, a cursor that comes again, and more pages than allowed are errors.
pub struct Pages<'c, T, R> {
    api: Api<'c, T, R>,
    request: SearchRequest,
    paging: Paging,
    state: State,
    pages: u64,
    /// How many resources came, each time they came.
    received: u64,
    seen: HashSet<String>,
    /// How many resources were given out.
    unique: u64,
    /// What the last page says that there are.
    total: Option<u64>,
    /// The least that any page said: what came into being meanwhile need not be here.
    least: u64,
    cursors: HashSet<Box<str>>,
}

enum State {
    Index { start: u64 },
    Cursor { cursor: String },
    Done,
}

impl<'c, T, R> Pages<'c, T, R>
where
    T: Transport,
    R: Serialize + DeserializeOwned + Send + Sync,
{
    pub(crate) fn new(api: Api<'c, T, R>, query: &Query, paging: Paging) -> Self {
        let paging = query.paging.unwrap_or(paging);
        Self {
            api,
            request: query.request(),
            paging,
            state: match paging.way {
                Way::Index => State::Index { start: 1 },
                Way::Cursor => State::Cursor { cursor: String::new() },
            },
            pages: 0,
            received: 0,
            seen: HashSet::new(),
            unique: 0,
            total: None,
            least: u64::MAX,
            cursors: HashSet::new(),
        }
    }

    /// The next page; none after the last one, and after an error.
    pub async fn next(&mut self) -> Option<Result<Page<R>, ClientError>> {
        if matches!(self.state, State::Done) {
            return None;
        }
        let page = self.fetch().await;
        if page.is_err() {
            self.state = State::Done;
        }
        page.transpose()
    }

    /// All resources of all pages that are left.
    ///
    /// # Errors
    /// The first error of any page; there is no half a list.
    pub async fn all(mut self) -> Result<Vec<R>, ClientError> {
        let mut all = Vec::new();
        while let Some(page) = self.next().await {
            all.extend(page?.resources);
        }
        Ok(all)
    }

    /// The resources one by one.
    pub fn into_stream(self) -> impl Stream<Item = Result<R, ClientError>> {
        let start = (self, Vec::new().into_iter());
        stream::try_unfold(start, |(mut pages, mut ready)| async move {
            loop {
                if let Some(resource) = ready.next() {
                    return Ok(Some((resource, (pages, ready))));
                }
                match pages.next().await {
                    Some(page) => ready = page?.resources.into_iter(),
                    None => return Ok(None),
                }
            }
        })
    }

    /// One request, and where to go from there.
    async fn fetch(&mut self) -> Result<Option<Page<R>>, ClientError> {
        if self.pages >= self.paging.max_pages {
            return Err(self.error("it has more pages than allowed"));
        }
        let mut request = self.request.clone();
        request.count = self.paging.page_size.map(|size| i64::try_from(size).unwrap_or(i64::MAX));
        match &self.state {
            State::Index { start: 1 } if self.paging.page_size.is_none() => {}
            State::Index { start } => {
                request.start_index = Some(i64::try_from(*start).unwrap_or(i64::MAX));
            }
            State::Cursor { cursor } => request.cursor = Some(cursor.clone()),
            State::Done => return Ok(None),
        }
        let list = self.api.list(&request).await?;
        self.pages += 1;
        let count = u64::try_from(list.resources.len()).unwrap_or(u64::MAX);
        self.received = self.received.saturating_add(count);
        let page = self.page(list)?;
        let new = !page.resources.is_empty();
        self.state = self.after(count, new, page.next_cursor.as_deref())?;
        Ok(Some(page))
    }

    /// Turns a list into a page without what has been seen before.
    fn page(&mut self, list: ListResponse<Value>) -> Result<Page<R>, ClientError> {
        if let Some(total) = list.total_results {
            self.total = Some(total);
            self.least = self.least.min(total);
        }
        let new: Vec<Value> = list
            .resources
            .into_iter()
            .filter(|resource| match id(resource) {
                Some(id) => self.seen.insert(id),
                None => true,
            })
            .collect();
        let resources = self.api.typed(new)?;
        self.unique += u64::try_from(resources.len()).unwrap_or(u64::MAX);
        Ok(Page {
            resources,
            total_results: list.total_results,
            start_index: list.start_index,
            next_cursor: list.next_cursor.filter(|cursor| !cursor.is_empty()),
        })
    }

    fn after(
        &mut self,
        count: u64,
        new: bool,
        next_cursor: Option<&str>,
    ) -> Result<State, ClientError> {
        if let Some(cursor) = next_cursor {
            // Also when nobody asked for one (RFC 9865 §2.3).
            if !self.cursors.insert(cursor.into()) {
                return Err(self.error("the same cursor came twice"));
            }
            return Ok(State::Cursor { cursor: cursor.to_owned() });
        }
        if !self.cursors.is_empty() {
            return Ok(State::Done);
        }
        // Either the list is paged by index, or the service provider ignored the cursor.
        let next = self.received.saturating_add(1);
        match self.total {
            Some(total) if next <= total && count > 0 => Ok(State::Index { start: next }),
            Some(_) if self.unique < self.least => {
                Err(ClientError::truncation(self.call(), self.unique, self.least))
            }
            None if count > 0 && self.paging.way == Way::Index => {
                if new {
                    return Ok(State::Index { start: next });
                }
                Err(self.error("the same page came twice"))
            }
            _ => Ok(State::Done),
        }
    }

    fn call(&self) -> Call<'_> {
        Call::new(&Method::GET, self.api.endpoint())
    }

    fn error(&self, what: &'static str) -> ClientError {
        ClientError::paging(self.call(), what)
    }
}

impl<T, R> fmt::Debug for Pages<'_, T, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pages")
            .field("pages", &self.pages)
            .field("received", &self.received)
            .finish_non_exhaustive()
    }
}

/// A resource's id, in whatever case its key is written. Some service providers send numbers.
pub(crate) fn id(resource: &Value) -> Option<String> {
    match member(resource, "id")? {
        Value::String(id) => Some(id.clone()),
        Value::Number(id) => Some(id.to_string()),
        _ => None,
    }
}

/// A member of an object, in whatever case its key is written (ruling C01).
pub(crate) fn member<'a>(object: &'a Value, name: &str) -> Option<&'a Value> {
    let object = object.as_object()?;
    object.get(name).or_else(|| {
        object.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    })
}
