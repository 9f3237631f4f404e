//! Queries answered from resources that are in memory already.

use std::cmp::Ordering;

use scim2_core::ResourceType;
use scim2_core::resource::ResourceId;
use scim2_core::sort::SortValue;

use crate::keyset::SortedPosition;
use crate::store::{Load, Page, Position, Query, QueryResult, StoreError, Stored};

/// Answers a query by looking at every resource: filters, sorts, counts and pages, as
/// [`Store`](crate::Store) wants it.
///
/// For stores and handlers that need not be fast, and as the yardstick for those that are. The
/// filter sees what the resources hold, so `members` and `groups` must have been read where it
/// asks for them ([`Query::load_to_decide`]). Without a sort key the order is that of creation.
///
/// # Errors
/// [`StoreError::BadPosition`] when the cursor's position is not one that this function made.
pub fn page_in_memory(
    ty: &ResourceType,
    query: &Query,
    resources: impl IntoIterator<Item = Stored>,
) -> Result<QueryResult, StoreError> {
    let mut found: Vec<Match> = resources
        .into_iter()
        .filter_map(|mut stored| {
            stored.resource.insert("meta", stored.meta(ty));
            let matches = query.filter.as_ref().is_none_or(|f| f.matches(&stored.resource));
            let key = match &query.sort {
                Some(sort) if matches => sort.key(&stored.resource),
                _ => Some(SortValue::Instant(stored.created)),
            };
            stored.resource.remove("meta");
            let id = ResourceId::from(stored.id());
            matches.then_some(Match { key, id, stored })
        })
        .collect();
    let total = found.len();
    found.sort_by(|a, b| order(query, &a.key, &b.key).then_with(|| a.id.cmp(&b.id)));

    let (skip, count) = match &query.page {
        Page::Index { start_index, count } => (to_usize(start_index.saturating_sub(1)), *count),
        Page::Cursor { after: None, count } => (0, *count),
        Page::Cursor { after: Some(after), count } => {
            let after = SortedPosition::decode(after).ok_or(StoreError::BadPosition)?;
            let before = |m: &Match| order(query, &m.key, &after.key).then(m.id.cmp(&after.id));
            (found.partition_point(|m| before(m).is_le()), *count)
        }
    };
    let end = skip.saturating_add(to_usize(count)).min(total);
    let page: Vec<Match> = found.drain(skip.min(end)..end).collect();
    let next = match (&query.page, page.last()) {
        (Page::Cursor { .. }, Some(last)) if end < total => Some(last.position()),
        _ => None,
    };
    let resources = page.into_iter().map(|found| found.stored).collect();
    Ok(QueryResult::new(Some(total as u64), resources, next))
}

impl Query {
    /// How much of a resource must be read to decide whether and where it is in the results.
    #[must_use]
    pub fn load_to_decide(&self) -> Load {
        let costly = |name: &str| {
            let filtered = self.filter.as_ref().is_some_and(|filter| filter.mentions(name));
            let sorted = self.sort.as_ref().is_some_and(|sort| sort.attr().name() == name);
            filtered || sorted
        };
        if costly("members") || costly("groups") { Load::Full } else { Load::WithoutMembers }
    }
}

struct Match {
    /// What it is sorted by.
    key: Option<SortValue>,
    id: ResourceId,
    stored: Stored,
}

impl Match {
    /// The place after this resource.
    fn position(&self) -> Position {
        SortedPosition::new(self.key.clone(), self.id.clone()).encode()
    }
}

fn order(query: &Query, a: &Option<SortValue>, b: &Option<SortValue>) -> Ordering {
    match &query.sort {
        Some(sort) => sort.compare_keys(a, b),
        None => a.cmp(b),
    }
}

fn to_usize(number: u64) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}
