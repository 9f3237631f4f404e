//! Which rows a filter can match at all.
//!
//! A filter is decided on the document, by the same code everywhere. What is made here is a
//! superset, found through an index: rows outside it cannot match. So an index can make a query
//! slow, but never wrong.

use rusqlite::types::Value as SqlValue;
use scim2_core::ResourceType;
use scim2_core::bind::{BoundAttr, BoundFilter, BoundValue};
use scim2_core::syntax::CompareOp;
use scim2_provider::store::{has_groups, has_members, singular_references};

use crate::id;
use crate::read::Members;
use crate::shape::{INDEXED, unique_path};

/// How many look-ups one query makes at most. Beyond it, every row is a candidate. SQLite takes
/// 500 terms in a compound SELECT.
const MAX_LOOKUPS: usize = 256;

/// The rows that a filter can match.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Candidates {
    /// Any row.
    All,
    /// The rows that one of these finds; no row if there are none.
    Found(Vec<Lookup>),
}

/// Finds rows through an index.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Lookup {
    /// The row with this `id`.
    Id(SqlValue),
    /// The row with this unique value.
    Unique { path: String, key: String },
    /// The rows with this value.
    Indexed { path: &'static str, key: String },
    /// The groups that have this member.
    GroupsOf(SqlValue),
    /// The resources that refer to this one, as `manager` does.
    Referrers(SqlValue),
    /// What is in this group, through however many groups.
    Within(SqlValue),
}

impl Lookup {
    /// A SELECT of row numbers. `?1` is the tenant, `?2` the resource type; the look-up's own
    /// parameters are numbered from `next`. The text depends on the kind of look-up alone.
    fn sql(&self, next: usize) -> String {
        let (a, b) = (next, next + 1);
        match self {
            Self::Id(_) => format!("SELECT pk FROM scim_resource WHERE tenant = ?1 AND id = ?{a}"),
            Self::Unique { .. } => format!(
                "SELECT pk FROM scim_uniq WHERE tenant = ?1 AND key = ?{b}
                 AND path = (SELECT name_id FROM scim_name WHERE name = ?{a})"
            ),
            Self::Indexed { .. } => format!(
                "SELECT pk FROM scim_idx WHERE tenant = ?1 AND rtype = ?2 AND key = ?{b}
                 AND path = (SELECT name_id FROM scim_name WHERE name = ?{a})"
            ),
            Self::GroupsOf(_) => {
                format!("SELECT group_pk FROM scim_member WHERE tenant = ?1 AND member = ?{a}")
            }
            Self::Referrers(_) => {
                format!("SELECT pk FROM scim_ref WHERE tenant = ?1 AND target = ?{a}")
            }
            Self::Within(_) => format!(
                "SELECT within.pk FROM (
                   WITH RECURSIVE down (pk) AS (
                     SELECT pk FROM scim_resource WHERE tenant = ?1 AND id = ?{a}
                     UNION
                     SELECT r.pk FROM down
                     JOIN scim_member m ON m.group_pk = down.pk
                     JOIN scim_resource r ON r.tenant = ?1 AND r.id = m.member
                   )
                   SELECT pk FROM down
                 ) AS within"
            ),
        }
    }

    fn parameters(&self, parameters: &mut Vec<SqlValue>) {
        match self {
            Self::Id(id) | Self::GroupsOf(id) | Self::Referrers(id) | Self::Within(id) => {
                parameters.push(id.clone());
            }
            Self::Unique { path, key } => {
                parameters.extend([SqlValue::Text(path.clone()), SqlValue::Text(key.clone())]);
            }
            Self::Indexed { path, key } => {
                let path = SqlValue::Text((*path).to_owned());
                parameters.extend([path, SqlValue::Text(key.clone())]);
            }
        }
    }

    /// How many rows it is likely to find, as a rank.
    fn breadth(&self) -> u8 {
        match self {
            Self::Id(_) => 0,
            Self::Unique { .. } => 1,
            Self::Indexed { .. } => 2,
            Self::Referrers(_) => 3,
            Self::GroupsOf(_) => 4,
            Self::Within(_) => 5,
        }
    }
}

impl Candidates {
    /// The rows that a filter can match.
    pub(crate) fn of(ty: &ResourceType, filter: &BoundFilter) -> Self {
        let candidates = Finder { ty, element_of: None }.find(filter);
        match candidates {
            Self::Found(lookups) if lookups.len() > MAX_LOOKUPS => Self::All,
            candidates => candidates,
        }
    }

    /// A condition on `r.pk`, and its parameters after the first `before`.
    pub(crate) fn condition(&self, before: usize) -> (String, Vec<SqlValue>) {
        let Self::Found(lookups) = self else { return (String::new(), Vec::new()) };
        let mut parameters = Vec::new();
        let mut selects = Vec::new();
        for lookup in lookups {
            selects.push(lookup.sql(before + parameters.len() + 1));
            lookup.parameters(&mut parameters);
        }
        if selects.is_empty() {
            return (" AND 0".to_owned(), parameters);
        }
        (format!(" AND r.pk IN ({})", selects.join(" UNION ")), parameters)
    }

    /// All terms must hold, so the one that finds least will do.
    fn narrower(self, other: Self) -> Self {
        let cost = |candidates: &Self| match candidates {
            Self::All => (u8::MAX, usize::MAX),
            Self::Found(lookups) => {
                (lookups.iter().map(Lookup::breadth).max().unwrap_or(0), lookups.len())
            }
        };
        if cost(&other) < cost(&self) { other } else { self }
    }

    /// One term must hold, so what any of them finds is needed.
    fn with(self, other: Self) -> Self {
        match (self, other) {
            (Self::Found(mut all), Self::Found(more)) => {
                all.extend(more.into_iter().take(MAX_LOOKUPS + 1));
                Self::Found(all)
            }
            _ => Self::All,
        }
    }
}

struct Finder<'a> {
    ty: &'a ResourceType,
    /// The attribute before the brackets that the filter stands in.
    element_of: Option<&'a BoundAttr>,
}

impl<'a> Finder<'a> {
    fn find(&self, filter: &'a BoundFilter) -> Candidates {
        match filter {
            BoundFilter::None => Candidates::Found(Vec::new()),
            BoundFilter::And(terms) => {
                terms.iter().map(|term| self.find(term)).fold(Candidates::All, Candidates::narrower)
            }
            BoundFilter::Or(terms) => terms
                .iter()
                .map(|term| self.find(term))
                .fold(Candidates::Found(Vec::new()), Candidates::with),
            BoundFilter::Compare { attr, op: CompareOp::Eq, value: BoundValue::Text(key) } => {
                match self.lookup(attr, key) {
                    Some(lookup) => Candidates::Found(vec![lookup]),
                    None => Candidates::All,
                }
            }
            BoundFilter::ValuePath { attr, filter } => {
                Finder { ty: self.ty, element_of: Some(attr) }.find(filter)
            }
            // What does not hold, what is there, what is greater: no index says.
            _ => Candidates::All,
        }
    }

    fn lookup(&self, attr: &BoundAttr, key: &str) -> Option<Lookup> {
        if attr.is_open() || attr.is_element() {
            return None;
        }
        let (extension, name, sub_attr) = match self.element_of {
            None => (attr.extension(), attr.name(), attr.sub_attr()),
            Some(parent) => (parent.extension(), parent.name(), Some(attr.name())),
        };
        let extension = extension.map(|uri| uri.as_str());
        let base = extension.is_none();
        let exact = attr.case_exact();
        match (name, sub_attr) {
            ("id", None) if base && exact => return Some(Lookup::Id(id::to_sql(key))),
            ("members", Some("value")) if base && exact && has_members(self.ty) => {
                return Some(Lookup::GroupsOf(id::to_sql(key)));
            }
            ("groups", Some("value")) if base && exact && has_groups(self.ty) => {
                return Some(Lookup::Within(id::to_sql(key)));
            }
            _ => {}
        }
        if sub_attr == Some("value") && exact {
            let mut references = singular_references(self.ty);
            if references.any(|(uri, reference)| uri == extension && reference.name == name) {
                return Some(Lookup::Referrers(id::to_sql(key)));
            }
        }
        let path = match (extension, sub_attr) {
            (None, None) => name.to_owned(),
            (None, Some(sub_attr)) => format!("{name}.{sub_attr}"),
            (Some(uri), None) => format!("{uri}:{name}"),
            (Some(uri), Some(sub_attr)) => format!("{uri}:{name}.{sub_attr}"),
        };
        if let Some(path) = INDEXED.into_iter().find(|indexed| *indexed == path) {
            return Some(Lookup::Indexed { path, key: key.to_owned() });
        }
        // Empty text is not kept unique.
        let path = unique_path(self.ty, extension, name, sub_attr).filter(|_| !key.is_empty())?;
        Some(Lookup::Unique { path, key: key.to_owned() })
    }
}

/// The members that a filter needs to see: those that it names, if it asks of members nothing but
/// whether those are among them. The truth of each term then hangs on them alone.
pub(crate) fn members_needed(filter: &BoundFilter) -> Members {
    let mut ids = Vec::new();
    match named_members(filter, &mut ids) {
        Some(()) => Members::Among(ids),
        None => Members::All,
    }
}

fn named_members(filter: &BoundFilter, ids: &mut Vec<SqlValue>) -> Option<()> {
    let mut add = |id: &str| {
        let id = id::to_sql(id);
        if !ids.contains(&id) {
            ids.push(id);
        }
    };
    match filter {
        BoundFilter::And(terms) | BoundFilter::Or(terms) => {
            terms.iter().try_for_each(|term| named_members(term, ids))
        }
        BoundFilter::Not(term) => named_members(term, ids),
        filter if !filter.mentions("members") => Some(()),
        BoundFilter::Compare { attr, op: CompareOp::Eq, value: BoundValue::Text(key) }
            if attr.sub_attr() == Some("value") && attr.case_exact() && !attr.is_open() =>
        {
            add(key);
            Some(())
        }
        BoundFilter::ValuePath { filter, .. } => {
            named_elements(filter)?.into_iter().for_each(add);
            Some(())
        }
        _ => None,
    }
}

/// The values of which an element must have one to match.
fn named_elements(filter: &BoundFilter) -> Option<Vec<&str>> {
    match filter {
        BoundFilter::None => Some(Vec::new()),
        BoundFilter::Compare { attr, op: CompareOp::Eq, value: BoundValue::Text(key) }
            if attr.name() == "value"
                && attr.sub_attr().is_none()
                && attr.case_exact()
                && !attr.is_open() =>
        {
            Some(vec![key])
        }
        BoundFilter::And(terms) => terms.iter().find_map(named_elements),
        BoundFilter::Or(terms) => {
            let mut all = Vec::new();
            for term in terms {
                all.extend(named_elements(term)?);
            }
            Some(all)
        }
        _ => None,
    }
}
