//! Which rows a filter can match at all.
//!
//! What is made here is a superset, found through an index: rows outside it cannot match. Which
//! of the rows inside do is decided by the filter's whole condition. So an index can make a query
//! slow, but never wrong. Only where the filter is no more than one comparison, and the index holds
//! just the keys that it compares, is there nothing left to decide ([`Exact`]).

use scim2_core::ResourceType;
use scim2_core::bind::{BoundAttr, BoundFilter, BoundValue};
use scim2_core::syntax::CompareOp;
use scim2_provider::Scope;
use scim2_provider::store::{Page, Query, has_groups, has_members, singular_references};

use crate::own::Own;
use crate::shape::{EXTERNAL_ID, INDEXED, unique_path};
use crate::sql::Sql;

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

/// Finds rows through an index, by keys.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Lookup {
    /// The row with this `id`.
    Id(String),
    /// The row with this unique value.
    Unique { path: String, key: String },
    /// The rows with this value.
    Indexed { path: &'static str, key: String },
    /// The groups that have this member.
    GroupsOf(String),
    /// The resources that refer to this one, as `manager` does.
    Referrers(String),
    /// What is in this group, through however many groups.
    Within(String),
}

/// How many results are looked up by one key at most.
const MAX_RESULTS: u64 = 16;

/// A look-up that finds what a query asks for and nothing else, so that nothing is left to decide.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Exact {
    pub(crate) by: Index,
    pub(crate) path: String,
    pub(crate) key: String,
    /// How many results the page may have. If there are more, it is not a look-up but a list.
    pub(crate) count: u64,
}

/// The index that an exact look-up goes through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Index {
    /// That of values that are unique.
    Unique,
    /// That of values that others may have too.
    Values,
    /// The same, of `externalId`: it has those of all provisioning domains, and the common one is
    /// what is found of a resource that has no others.
    ExternalIds,
}

impl Exact {
    /// None unless the query is for the first page of what has one value.
    pub(crate) fn of(ty: &ResourceType, scope: &Scope, query: &Query) -> Option<Self> {
        let filter = query.filter.as_ref().filter(|_| query.sort.is_none())?;
        let BoundFilter::Compare { attr, op: CompareOp::Eq, value: BoundValue::Text(key) } = filter
        else {
            return None;
        };
        let (Page::Index { start_index: 0..=1, count } | Page::Cursor { after: None, count }) =
            &query.page
        else {
            return None;
        };
        let (by, path, key) = match (Finder { ty, element_of: None }).lookup(attr, key)? {
            Lookup::Unique { path, key } => (Index::Unique, path, key),
            Lookup::Indexed { path: EXTERNAL_ID, .. } if scope.domain.is_some() => return None,
            Lookup::Indexed { path: EXTERNAL_ID, key } => {
                (Index::ExternalIds, EXTERNAL_ID.to_owned(), key)
            }
            Lookup::Indexed { path, key } => (Index::Values, path.to_owned(), key),
            _ => return None,
        };
        Some(Self { by, path, key, count: (*count).min(MAX_RESULTS) })
    }

    /// How many rows to look for: one more than the page has.
    pub(crate) fn limit(&self) -> i64 {
        i64::try_from(self.count).unwrap_or(i64::MAX).saturating_add(1)
    }

    /// How many results there are, if so many rows were found and they are all.
    pub(crate) fn total(&self, found: usize) -> Option<u64> {
        u64::try_from(found).ok().filter(|found| *found <= self.count)
    }
}

impl Lookup {
    /// Writes a SELECT of row numbers, whose text depends on the kind of look-up alone.
    fn write(&self, own: &Own<'_>, sql: &mut Sql) {
        match self {
            Self::Id(id) => {
                sql.push("SELECT pk FROM scim_resource WHERE tenant = ").bind(own.tenant);
                sql.push(" AND id = ").bind((own.id)(id));
            }
            Self::Unique { path, key } => {
                sql.push("SELECT pk FROM scim_uniq WHERE tenant = ").bind(own.tenant);
                sql.push(" AND path = (SELECT name_id FROM scim_name WHERE name = ");
                sql.bind(path.as_str()).push(") AND key = ").bind((own.key)(key));
            }
            Self::Indexed { path, key } => {
                sql.push("SELECT pk FROM scim_idx WHERE tenant = ").bind(own.tenant);
                sql.push(" AND rtype = ").bind(own.rtype);
                sql.push(" AND path = (SELECT name_id FROM scim_name WHERE name = ");
                sql.bind(*path).push(") AND key = ").bind((own.key)(key));
            }
            Self::GroupsOf(id) => {
                sql.push("SELECT group_pk FROM scim_member WHERE tenant = ").bind(own.tenant);
                sql.push(" AND member = ").bind((own.id)(id));
            }
            Self::Referrers(id) => {
                sql.push("SELECT pk FROM scim_ref WHERE tenant = ").bind(own.tenant);
                sql.push(" AND target = ").bind((own.id)(id));
            }
            Self::Within(id) => own.within(id).write(sql),
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

    /// Writes a condition on `r.pk`, after ` AND `; nothing where every row is a candidate.
    pub(crate) fn write(&self, own: &Own<'_>, sql: &mut Sql) {
        let Self::Found(lookups) = self else { return };
        if lookups.is_empty() {
            sql.push(" AND FALSE");
            return;
        }
        sql.push(" AND r.pk IN (");
        for (at, lookup) in lookups.iter().enumerate() {
            sql.push(if at > 0 { " UNION " } else { "" });
            lookup.write(own, sql);
        }
        sql.push(")");
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
            ("id", None) if base && exact => return Some(Lookup::Id(key.to_owned())),
            ("members", Some("value")) if base && exact && has_members(self.ty) => {
                return Some(Lookup::GroupsOf(key.to_owned()));
            }
            ("groups", Some("value")) if base && exact && has_groups(self.ty) => {
                return Some(Lookup::Within(key.to_owned()));
            }
            _ => {}
        }
        if sub_attr == Some("value") && exact {
            let mut references = singular_references(self.ty);
            if references.any(|(uri, reference)| uri == extension && reference.name == name) {
                return Some(Lookup::Referrers(key.to_owned()));
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
