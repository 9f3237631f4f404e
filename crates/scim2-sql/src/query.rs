//! Queries: candidates from an index, decided on the document.

use std::cmp::Ordering;

use rusqlite::types::Value as SqlValue;
use rusqlite::{Connection, params, params_from_iter};
use scim2_core::resource::ResourceId;
use scim2_core::schema::Attribute;
use scim2_core::sort::{SortKey, SortValue};
use scim2_core::{Resource, ResourceType};
use scim2_provider::Scope;
use scim2_provider::store::{
    Load, Page, Position, Query, QueryResult, SortedPosition, StoreError, Stored,
    singular_references,
};

use crate::candidates::{Candidates, members_needed};
use crate::error::Sqlite;
use crate::id;
use crate::read::{COLUMNS, Computed, Kept, Members, Reader, Want};
use crate::threads::Wanted;

/// How many rows are looked at between two looks at whether anybody still waits.
const ROWS_BETWEEN_LOOKS: u32 = 256;

/// Runs a query.
pub(crate) fn run(
    connection: &Connection,
    wanted: Wanted<'_>,
    scope: &Scope,
    ty: &ResourceType,
    query: &Query,
) -> Result<QueryResult, StoreError> {
    let Some(reader) = Reader::new(connection, scope, ty)? else {
        return Ok(QueryResult::new(Some(0), Vec::new(), None));
    };
    let search = Search { reader, wanted, query };
    match (&query.filter, &query.sort) {
        (None, None) => search.plain(),
        (_, None) => search.filtered(),
        (_, Some(sort)) => search.sorted(sort),
    }
}

struct Search<'a> {
    reader: Reader<'a>,
    wanted: Wanted<'a>,
    query: &'a Query,
}

/// What a search found out about a row.
enum Visit {
    GoOn,
    Stop,
}

impl Search<'_> {
    /// Everything, in the order of creation: no document is read that is not returned.
    fn plain(&self) -> Result<QueryResult, StoreError> {
        const COUNT: &str = "SELECT count(*) FROM scim_resource WHERE tenant = ?1 AND rtype = ?2";
        let reader = &self.reader;
        let mut statement = reader.connection.prepare_cached(COUNT).db()?;
        let total: i64 =
            statement.query_row([reader.tenant, reader.rtype], |row| row.get(0)).db()?;
        let (rows, more) = match &self.query.page {
            Page::Index { start_index, count } => {
                let skip = to_sql(start_index.saturating_sub(1));
                let sql = format!(
                    "SELECT {COLUMNS} FROM scim_resource r WHERE r.tenant = ?1 AND r.rtype = ?2
                     ORDER BY r.id LIMIT ?3 OFFSET ?4"
                );
                let values = params![reader.tenant, reader.rtype, to_sql(*count), skip];
                (self.rows(&sql, values)?, false)
            }
            Page::Cursor { after, count } => {
                let sql = format!(
                    "SELECT {COLUMNS} FROM scim_resource r WHERE r.tenant = ?1 AND r.rtype = ?2
                     AND r.id > ?4 ORDER BY r.id LIMIT ?3"
                );
                let limit = to_sql(count.saturating_add(1));
                let after = after_id(after.as_ref())?;
                let values = params![reader.tenant, reader.rtype, limit, after];
                let mut rows = self.rows(&sql, values)?;
                let more = rows.len() > to_usize(*count);
                rows.truncate(to_usize(*count));
                (rows, more)
            }
        };
        let next = rows.last().filter(|_| more).map(|last| position(&last.id));
        let resources = self.load(rows)?;
        Ok(QueryResult::new(u64::try_from(total).ok(), resources, next))
    }

    /// What matches, in the order of creation.
    fn filtered(&self) -> Result<QueryResult, StoreError> {
        let (skip, count, after) = match &self.query.page {
            Page::Index { start_index, count } => (start_index.saturating_sub(1), *count, None),
            Page::Cursor { after, count } => (0, *count, after.as_ref()),
        };
        let by_cursor = matches!(self.query.page, Page::Cursor { .. });
        let first_page = after.is_none();
        let mut total: u64 = 0;
        let mut page = Vec::new();
        let mut more = false;
        self.matches(after, |kept, _| {
            total += 1;
            if total > skip && to_usize(count) > page.len() {
                page.push(kept);
            } else if by_cursor && count > 0 {
                // A page by cursor costs the page, not the list.
                more = true;
                return Visit::Stop;
            }
            Visit::GoOn
        })?;
        let next = page.last().filter(|_| more).map(|last: &Kept| position(&last.id));
        let total = (!by_cursor || (first_page && !more)).then_some(total);
        Ok(QueryResult::new(total, self.load(page)?, next))
    }

    /// What matches, in the order of an attribute.
    fn sorted(&self, sort: &SortKey) -> Result<QueryResult, StoreError> {
        let mut matches: Vec<Match> = Vec::new();
        self.matches(None, |kept, document| {
            matches.push(Match { key: sort.key(document), id: kept.id.into(), pk: kept.pk });
            Visit::GoOn
        })?;
        matches.sort_by(|a, b| sort.compare_keys(&a.key, &b.key).then_with(|| a.id.cmp(&b.id)));
        let total = matches.len();
        let (skip, count) = match &self.query.page {
            Page::Index { start_index, count } => (to_usize(start_index.saturating_sub(1)), count),
            Page::Cursor { after: None, count } => (0, count),
            Page::Cursor { after: Some(after), count } => {
                let after = SortedPosition::decode(after).ok_or(StoreError::BadPosition)?;
                let seen =
                    |found: &Match| after.locate(sort, &found.key, &found.id) != Ordering::Greater;
                (matches.partition_point(seen), count)
            }
        };
        let page = matches.get(skip..).unwrap_or_default();
        let page = page.get(..to_usize(*count)).unwrap_or(page);
        let by_cursor = matches!(self.query.page, Page::Cursor { .. });
        let more = by_cursor && total > skip.saturating_add(page.len());
        let next = page
            .last()
            .filter(|_| more)
            .map(|last| SortedPosition::new(last.key.clone(), last.id.clone()).encode());
        let mut rows = Vec::with_capacity(page.len());
        for found in page {
            rows.extend(self.reader.row(found.pk)?);
        }
        let total = u64::try_from(total).ok();
        Ok(QueryResult::new(total, self.load(rows)?, next))
    }

    /// Visits the rows that match, in the order of creation.
    fn matches(
        &self,
        after: Option<&Position>,
        mut visit: impl FnMut(Kept, &Resource) -> Visit,
    ) -> Result<(), StoreError> {
        let reader = &self.reader;
        let filter = self.query.filter.as_ref();
        let candidates = match filter {
            Some(filter) => Candidates::of(reader.ty, filter),
            None => Candidates::All,
        };
        let (sql, own) = matches_sql(&candidates);
        let mut parameters = vec![
            SqlValue::Integer(reader.tenant),
            SqlValue::Integer(reader.rtype),
            after_id(after)?,
        ];
        parameters.extend(own);
        let needs = self.needs();
        let mut statement = reader.connection.prepare_cached(&sql).db()?;
        let mut rows = statement.query(params_from_iter(parameters)).db()?;
        let mut looked_at: u32 = 0;
        while let Some(row) = rows.next().db()? {
            looked_at = looked_at.wrapping_add(1);
            if looked_at.is_multiple_of(ROWS_BETWEEN_LOOKS) && !(self.wanted)() {
                return Err(StoreError::internal("nobody waits for the result of the query"));
            }
            let kept = Kept::of(row).db()?;
            let document = self.view(&kept, &needs)?;
            if filter.is_none_or(|filter| filter.matches(&document))
                && matches!(visit(kept, &document), Visit::Stop)
            {
                break;
            }
        }
        Ok(())
    }

    /// The document on which filter and sort key are evaluated.
    fn view(&self, kept: &Kept, needs: &Needs) -> Result<Resource, StoreError> {
        if needs.meta == Want::Yes {
            let stored = self.reader.stored(kept, Load::WithoutMembers)?;
            let meta = stored.meta(self.reader.ty);
            let mut document = self.reader.resource(kept, &needs.computed)?;
            document.insert("meta", meta);
            return Ok(document);
        }
        self.reader.resource(kept, &needs.computed)
    }

    /// What must be computed before filter and sort key can be evaluated.
    fn needs(&self) -> Needs {
        let filter = self.query.filter.as_ref();
        let sort = self.query.sort.as_ref().map(SortKey::attr);
        let filter_mentions = |name: &str| filter.is_some_and(|filter| filter.mentions(name));
        let sorts_by =
            |name: &str| sort.is_some_and(|attr| attr.extension().is_none() && attr.name() == name);
        let wants = |name: &str| {
            if filter_mentions(name) || sorts_by(name) { Want::Yes } else { Want::No }
        };
        let members = match filter {
            _ if sorts_by("members") => Some(Members::All),
            Some(filter) if filter.mentions("members") => Some(members_needed(filter)),
            _ => None,
        };
        let reference = |(extension, attribute): (Option<&str>, &Attribute)| match extension {
            Some(uri) => filter_mentions(&format!("{uri}:{}", attribute.name)),
            None => filter_mentions(attribute.name.as_str()),
        };
        let references = if sort.is_some() || singular_references(self.reader.ty).any(reference) {
            Want::Yes
        } else {
            Want::No
        };
        Needs {
            computed: Computed { members, groups: wants("groups"), references },
            meta: wants("meta"),
        }
    }

    fn rows(&self, sql: &str, values: impl rusqlite::Params) -> Result<Vec<Kept>, StoreError> {
        let mut statement = self.reader.connection.prepare_cached(sql).db()?;
        let rows = statement.query_map(values, Kept::of).db()?;
        rows.collect::<Result<_, _>>().db()
    }

    fn load(&self, rows: Vec<Kept>) -> Result<Vec<Stored>, StoreError> {
        rows.iter().map(|kept| self.reader.stored(kept, self.query.load)).collect()
    }
}

struct Needs {
    computed: Computed,
    meta: Want,
}

struct Match {
    key: Option<SortValue>,
    id: ResourceId,
    pk: i64,
}

/// Selects the candidates after a position, in the order of creation, and the parameters after
/// tenant, resource type and position. The tenant's condition stands outside of the filter's.
fn matches_sql(candidates: &Candidates) -> (String, Vec<SqlValue>) {
    let (condition, parameters) = candidates.condition(3);
    // The plus keeps SQLite from walking through all rows in order where it can look some up.
    let plus = if *candidates == Candidates::All { "" } else { "+" };
    let sql = format!(
        "SELECT {COLUMNS} FROM scim_resource r
         WHERE {plus}r.tenant = ?1 AND {plus}r.rtype = ?2 AND {plus}r.id > ?3{condition}
         ORDER BY {plus}r.id"
    );
    (sql, parameters)
}

/// The place after a resource: its `id`, which grows with each resource that is made.
fn position(id: &str) -> Position {
    Position::new(id.as_bytes())
}

/// What every `id` after a position is greater than. Numbers are less than text and blobs.
fn after_id(after: Option<&Position>) -> Result<SqlValue, StoreError> {
    let Some(after) = after else { return Ok(SqlValue::Integer(0)) };
    let text = std::str::from_utf8(after.as_bytes()).map_err(|_| StoreError::BadPosition)?;
    match id::to_sql(text) {
        id @ SqlValue::Blob(_) => Ok(id),
        // Not an `id` that this store made.
        _ => Err(StoreError::BadPosition),
    }
}

fn to_sql(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

fn to_usize(number: u64) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use rusqlite::Connection;
    use scim2_core::Policy;
    use scim2_core::bind::BoundFilter;
    use scim2_core::syntax::Filter;

    use super::*;
    use crate::migrate::{OtherKeys, migrate};

    /// What SQLite does for a filter, a line each.
    fn plan(ty: &ResourceType, filter: &str) -> Vec<String> {
        let mut connection = Connection::open_in_memory().unwrap();
        migrate(&mut connection, "test".as_ref(), OtherKeys::Refuse).unwrap();
        let filter: Filter = filter.parse().unwrap();
        let filter = ty.bind(&filter, &Policy::strict()).unwrap();
        let (sql, parameters) = matches_sql(&Candidates::of(ty, &filter));
        let mut statement = connection.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).unwrap();
        let count = parameters.len() + 3;
        let values = std::iter::repeat_n(SqlValue::Null, count);
        let rows = statement.query_map(params_from_iter(values), |row| row.get(3)).unwrap();
        rows.collect::<Result<_, _>>().unwrap()
    }

    #[track_caller]
    fn uses_index(ty: &ResourceType, filter: &str) {
        let plan = plan(ty, filter);
        assert!(plan[0].starts_with("SEARCH r USING INTEGER PRIMARY KEY"), "{filter}: {plan:#?}");
        for line in &plan {
            // Of the rows found so far; never a table.
            let harmless = ["SCAN down", "SCAN within", "SCAN CONSTANT ROW"];
            let scan = line.starts_with("SCAN") && !harmless.iter().any(|h| line.starts_with(h));
            assert!(!scan, "{filter}: {plan:#?}");
        }
    }

    const ENTERPRISE: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";

    #[test]
    fn common_filters_use_an_index() {
        let user = ResourceType::user();
        let group = ResourceType::group();
        for filter in [
            r#"userName eq "a""#,
            r#"externalId eq "a""#,
            r#"displayName eq "a""#,
            r#"emails.value eq "a""#,
            r#"emails eq "a""#,
            r#"emails[type eq "work" and value eq "a"]"#,
            r#"emails[value eq "a" or value eq "b"]"#,
            r#"groups.value eq "a""#,
            r#"groups[value eq "a"]"#,
            r#"id eq "a""#,
            r#"userName eq "a" and active eq true"#,
            r#"title co "x" and (userName eq "a" or externalId eq "b" or id eq "c")"#,
            r#"not (active eq true) and userName eq "a""#,
        ] {
            uses_index(&user, filter);
        }
        uses_index(&user, &format!(r#"{ENTERPRISE}:manager.value eq "b""#));
        uses_index(&user, &format!(r#"id eq "a" and {ENTERPRISE}:manager.value eq "b""#));
        uses_index(&user, &format!(r#"{ENTERPRISE}:employeeNumber eq "7""#));
        for filter in [
            r#"members.value eq "a""#,
            r#"members[value eq "a"]"#,
            r#"id eq "g" and members.value eq "a""#,
            r#"displayName eq "g""#,
        ] {
            uses_index(&group, filter);
        }
    }

    #[test]
    fn other_filters_walk_in_the_order_of_creation() {
        for filter in [
            r#"title eq "a""#,
            r#"not (userName eq "a")"#,
            r#"userName eq "a" or title eq "b""#,
            r#"userName sw "a""#,
            "userName pr",
        ] {
            let plan = plan(&ResourceType::user(), filter);
            let walk = "SEARCH r USING INDEX scim_resource_order (tenant=? AND rtype=? AND id>?)";
            assert_eq!(plan, [walk], "{filter}");
        }
    }

    #[test]
    fn sec_16_no_literal_reaches_the_text_of_a_statement() {
        let user = ResourceType::user();
        let sql = |literal: &str| {
            let filter = Filter::eq("userName", literal).or(Filter::eq("externalId", literal));
            let bound = user.bind(&filter, &Policy::strict()).unwrap();
            matches_sql(&Candidates::of(&user, &bound)).0
        };
        for literal in ["'; DROP TABLE scim_resource; --", "%", "_", "\\", "\"", "?1", "\0"] {
            assert_eq!(sql(literal), sql("bjensen"));
        }
    }

    #[test]
    fn what_matches_nothing_looks_at_nothing() {
        let (sql, _) = matches_sql(&Candidates::of(&ResourceType::user(), &BoundFilter::None));
        assert!(sql.contains(" AND 0"));
    }

    #[test]
    fn too_many_look_ups_are_none() {
        let terms = (0..1000).map(|i| Filter::eq("userName", i.to_string()));
        let user = ResourceType::user();
        let bound = user.bind(&Filter::any(terms).unwrap(), &Policy::strict()).unwrap();
        assert_eq!(Candidates::of(&user, &bound), Candidates::All);
    }
}
