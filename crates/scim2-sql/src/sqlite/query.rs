//! Queries: candidates from an index, decided by a condition, or on the document where a term has
//! no SQL.

use std::cmp::Ordering;

use rusqlite::{Connection, params, params_from_iter};
use scim2_core::bind::{BoundFilter, BoundValue};
use scim2_core::resource::ResourceId;
use scim2_core::schema::Attribute;
use scim2_core::sort::{SortKey, SortValue};
use scim2_core::syntax::CompareOp;
use scim2_core::{Resource, ResourceType};
use scim2_provider::Scope;
use scim2_provider::store::{
    Load, Page, Position, Query, QueryResult, SortedPosition, StoreError, singular_references,
};
use scim2_provider::text::TextResult;

use super::error::Sqlite;
use super::id;
use super::read::{COLUMNS, Computed, Kept, Members, Reader, Want};
use crate::candidates::Candidates;
use crate::lower::{self, Extent, Operand};
use crate::own::{Own, position_key};
use crate::sql::{Dialect, Expr, Parameter, Sql};

/// Runs a query.
pub(crate) fn run(
    connection: &Connection,
    scope: &Scope,
    ty: &ResourceType,
    query: &Query,
) -> Result<QueryResult, StoreError> {
    let Some(reader) = Reader::new(connection, scope, ty)? else {
        return Ok(QueryResult::new(Some(0), Vec::new(), None));
    };
    let Rows { total, rows, next } = find(&reader, query)?;
    let stored = rows.iter().map(|kept| reader.stored(kept, query.load));
    Ok(QueryResult::new(total, stored.collect::<Result<_, _>>()?, next))
}

/// The same as text.
pub(crate) fn run_text(
    connection: &Connection,
    scope: &Scope,
    ty: &ResourceType,
    query: &Query,
) -> Result<TextResult, StoreError> {
    let Some(reader) = Reader::new(connection, scope, ty)? else {
        return Ok(TextResult::new(Some(0), Vec::new(), None));
    };
    let Rows { total, rows, next } = find(&reader, query)?;
    let texts = rows.iter().map(|kept| reader.text(kept, query.load));
    Ok(TextResult::new(total, texts.collect::<Result<_, _>>()?, next))
}

/// The rows of a page.
struct Rows {
    total: Option<u64>,
    rows: Vec<Kept>,
    next: Option<Position>,
}

fn find(reader: &Reader<'_>, query: &Query) -> Result<Rows, StoreError> {
    let own = own(reader);
    let found = Found::of(&own, query.filter.as_ref());
    let order = query.sort.as_ref().map(|sort| own.sorted_by(sort.attr()));
    let search = Search { reader, query };
    match order.transpose() {
        _ if found.extent == Extent::Superset => search.by_document(&found),
        Err(_) => search.by_document(&found),
        Ok(None) if query.filter.is_none() => search.plain(),
        Ok(order) => search.by_condition(&found, order.as_ref()),
    }
}

fn own<'a>(reader: &Reader<'a>) -> Own<'a> {
    Own {
        ty: reader.ty,
        scope: reader.scope,
        tenant: reader.tenant,
        rtype: reader.rtype,
        dialect: Dialect::Sqlite,
        id: id::parameter,
        key: |key| Parameter::from(key),
    }
}

/// The rows that may match a filter: `FROM` and `WHERE`, without a position.
struct Found {
    from: Sql,
    extent: Extent,
    /// Keeps SQLite from walking through all rows in order where it can look some up.
    plus: &'static str,
}

impl Found {
    fn of(own: &Own<'_>, filter: Option<&BoundFilter>) -> Self {
        let candidates = filter.map_or(Candidates::All, |filter| Candidates::of(own.ty, filter));
        let plus = if candidates == Candidates::All { "" } else { "+" };
        let mut from = Sql::new(Dialect::Sqlite);
        from.push(" FROM scim_resource r WHERE ").push(plus).push("r.tenant = ").bind(own.tenant);
        from.push(" AND ").push(plus).push("r.rtype = ").bind(own.rtype);
        candidates.write(own, &mut from);
        let mut extent = Extent::Exact;
        if let Some(filter) = filter {
            from.push(" AND ");
            extent = lower::superset(own, filter, &mut from);
        }
        Self { from, extent, plus }
    }
}

struct Search<'a> {
    reader: &'a Reader<'a>,
    query: &'a Query,
}

/// What a search found out about a row.
enum Visit {
    GoOn,
    Stop,
}

impl Search<'_> {
    /// Everything, in the order of creation: no document is read that is not returned.
    fn plain(&self) -> Result<Rows, StoreError> {
        const COUNT: &str = "SELECT count(*) FROM scim_resource WHERE tenant = ?1 AND rtype = ?2";
        let reader = self.reader;
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
        Ok(Rows { total: u64::try_from(total).ok(), rows, next })
    }

    /// What matches, decided by the database.
    fn by_condition(&self, found: &Found, order: Option<&Operand>) -> Result<Rows, StoreError> {
        let order = order.zip(self.query.sort.as_ref());
        let mut sql = found.from.after_words("SELECT r.pk");
        let (skip, count, by_cursor) = match &self.query.page {
            Page::Index { start_index, count } => (start_index.saturating_sub(1), *count, false),
            // Nothing but the total is asked for.
            Page::Cursor { count: 0, .. } => (0, 0, false),
            Page::Cursor { after, count } => {
                if let Some(after) = after {
                    sql.push(" AND ");
                    self.write_after(order, after, found.plus, &mut sql)?;
                }
                (0, *count, true)
            }
        };
        sql.push(" ORDER BY ");
        match order {
            Some((operand, sort)) => lower::order_by(operand, sort.order(), "r.id", &mut sql),
            None => {
                sql.push(found.plus).push("r.id");
            }
        }
        let limit = to_usize(count);
        if by_cursor {
            // A page by cursor costs the page, not the list.
            sql.push(" LIMIT ").bind(to_sql(count.saturating_add(1)));
        }
        let mut page = Vec::new();
        let mut total: u64 = 0;
        self.each(&sql, |row| {
            total += 1;
            if total > skip && page.len() < limit {
                page.push(row.get(0).db()?);
            }
            Ok(Visit::GoOn)
        })?;
        let more = by_cursor && to_usize(total) > limit;
        let mut rows = Vec::with_capacity(page.len());
        for pk in page {
            rows.extend(self.reader.row(pk)?);
        }
        let next = rows.last().filter(|_| more).map(|last| self.position(last)).transpose()?;
        let first =
            matches!(self.query.page, Page::Index { .. } | Page::Cursor { after: None, .. });
        Ok(Rows { total: (first && !more).then_some(total), rows, next })
    }

    /// Writes the condition that a row comes after a position.
    fn write_after(
        &self,
        order: Option<(&Operand, &SortKey)>,
        after: &Position,
        plus: &'static str,
        sql: &mut Sql,
    ) -> Result<(), StoreError> {
        let Some((operand, sort)) = order else {
            let text =
                std::str::from_utf8(after.as_bytes()).map_err(|_| StoreError::BadPosition)?;
            sql.push(plus).push("r.id > ").bind(id_position(text)?);
            return Ok(());
        };
        let after = SortedPosition::decode(after).ok_or(StoreError::BadPosition)?;
        let id = Expr::bound(id_position(after.id.as_str())?);
        let key = after.key.as_ref().map(|key| position_key(operand, key));
        let key = key.map(|key| key.ok_or(StoreError::BadPosition)).transpose()?;
        lower::after(operand, sort.order(), "r.id", (key, id), sql);
        Ok(())
    }

    /// The place after a resource.
    fn position(&self, last: &Kept) -> Result<Position, StoreError> {
        let Some(sort) = &self.query.sort else { return Ok(position(&last.id)) };
        let stored = self.reader.stored(last, self.query.load)?;
        let key = sort.key(&stored.document(self.reader.ty));
        Ok(SortedPosition::new(key, stored.id().into()).encode())
    }

    /// What matches, decided on the documents.
    fn by_document(&self, found: &Found) -> Result<Rows, StoreError> {
        match &self.query.sort {
            Some(sort) => self.sorted(found, sort),
            None => self.filtered(found),
        }
    }

    /// What matches, in the order of creation.
    fn filtered(&self, found: &Found) -> Result<Rows, StoreError> {
        let (skip, count, after) = match &self.query.page {
            Page::Index { start_index, count } => (start_index.saturating_sub(1), *count, None),
            Page::Cursor { after, count } => (0, *count, after.as_ref()),
        };
        let by_cursor = matches!(self.query.page, Page::Cursor { .. });
        let first_page = after.is_none();
        let mut total: u64 = 0;
        let mut page = Vec::new();
        let mut more = false;
        self.matches(found, after, |kept, _| {
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
        Ok(Rows { total, rows: page, next })
    }

    /// What matches, in the order of an attribute.
    fn sorted(&self, rows: &Found, sort: &SortKey) -> Result<Rows, StoreError> {
        let mut matches: Vec<Match> = Vec::new();
        self.matches(rows, None, |kept, document| {
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
        Ok(Rows { total: u64::try_from(total).ok(), rows, next })
    }

    /// Visits the rows that match, in the order of creation.
    fn matches(
        &self,
        found: &Found,
        after: Option<&Position>,
        mut visit: impl FnMut(Kept, &Resource) -> Visit,
    ) -> Result<(), StoreError> {
        let mut sql = found.from.after_words(COLUMNS).after_words("SELECT ");
        if let Some(after) = after {
            sql.push(" AND ");
            self.write_after(None, after, found.plus, &mut sql)?;
        }
        sql.push(" ORDER BY ").push(found.plus).push("r.id");
        let filter = self.query.filter.as_ref().filter(|_| found.extent == Extent::Superset);
        let needs = self.needs();
        self.each(&sql, |row| {
            let kept = Kept::of(row).db()?;
            let document = self.view(&kept, &needs)?;
            if filter.is_none_or(|filter| filter.matches(&document)) {
                return Ok(visit(kept, &document));
            }
            Ok(Visit::GoOn)
        })
    }

    /// Runs a statement.
    fn each(
        &self,
        sql: &Sql,
        mut visit: impl FnMut(&rusqlite::Row<'_>) -> Result<Visit, StoreError>,
    ) -> Result<(), StoreError> {
        let mut statement = self.reader.connection.prepare_cached(sql.text()).db()?;
        let mut rows = statement.query(params_from_iter(sql.parameters())).db()?;
        while let Some(row) = rows.next().db()? {
            if matches!(visit(row)?, Visit::Stop) {
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

/// The members that a filter needs to see: those that it names, if it asks of members nothing but
/// whether those are among them. The truth of each term then hangs on them alone.
fn members_needed(filter: &BoundFilter) -> Members {
    let mut ids = Vec::new();
    match named_members(filter, &mut ids) {
        Some(()) => Members::Among(ids),
        None => Members::All,
    }
}

fn named_members(filter: &BoundFilter, ids: &mut Vec<String>) -> Option<()> {
    let mut add = |id: &str| {
        if !ids.iter().any(|known| known == id) {
            ids.push(id.to_owned());
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

/// The place after a resource: its `id`, which grows with each resource that is made.
fn position(id: &str) -> Position {
    Position::new(id.as_bytes())
}

/// What every `id` after a position is greater than, given the last `id` before it.
fn id_position(text: &str) -> Result<Parameter, StoreError> {
    match id::parameter(text) {
        id @ Parameter::Bytes(_) => Ok(id),
        // Not an `id` that this store made.
        _ => Err(StoreError::BadPosition),
    }
}

/// The same for any position in the order of creation. Numbers are less than text and blobs.
fn after_id(after: Option<&Position>) -> Result<Parameter, StoreError> {
    let Some(after) = after else { return Ok(Parameter::Integer(0)) };
    let text = std::str::from_utf8(after.as_bytes()).map_err(|_| StoreError::BadPosition)?;
    id_position(text)
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
    use scim2_core::syntax::Filter;
    use scim2_provider::TenantId;

    use super::*;
    use crate::sqlite::migrate::{OtherKeys, migrate};

    fn found(ty: &ResourceType, filter: &BoundFilter) -> Found {
        let scope = Scope::tenant(TenantId::new("acme").unwrap());
        let own = Own {
            ty,
            scope: &scope,
            tenant: 1,
            rtype: 1,
            dialect: Dialect::Sqlite,
            id: id::parameter,
            key: |key| Parameter::from(key),
        };
        Found::of(&own, Some(filter))
    }

    fn bind(ty: &ResourceType, filter: &str) -> BoundFilter {
        ty.bind(&filter.parse().unwrap(), &Policy::strict()).unwrap()
    }

    /// What SQLite does for a filter, a line each.
    fn plan(ty: &ResourceType, filter: &str) -> Vec<String> {
        let mut connection = Connection::open_in_memory().unwrap();
        migrate(&mut connection, "test".as_ref(), OtherKeys::Refuse).unwrap();
        let found = found(ty, &bind(ty, filter));
        assert_eq!(found.extent, Extent::Exact, "{filter}");
        let mut sql = found.from.after_words("EXPLAIN QUERY PLAN SELECT r.pk");
        sql.push(" ORDER BY ").push(found.plus).push("r.id");
        let mut statement = connection.prepare(sql.text()).unwrap();
        let rows =
            statement.query_map(params_from_iter(sql.parameters()), |row| row.get(3)).unwrap();
        rows.collect::<Result<_, _>>().unwrap()
    }

    #[track_caller]
    fn uses_index(ty: &ResourceType, filter: &str) {
        let plan = plan(ty, filter);
        assert!(plan[0].starts_with("SEARCH r USING INTEGER PRIMARY KEY"), "{filter}: {plan:#?}");
        for line in &plan {
            // Of the rows found so far, or of a document's array; never a table.
            let harmless = ["SCAN down", "SCAN within", "SCAN CONSTANT ROW", "SCAN e "];
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
            let walk = "SEARCH r USING INDEX scim_resource_order (tenant=? AND rtype=?)";
            assert_eq!(plan.first().map(String::as_str), Some(walk), "{filter}");
        }
    }

    #[test]
    fn sec_16_no_literal_reaches_the_text_of_a_statement() {
        let user = ResourceType::user();
        let sql = |literal: &str| {
            let filter = Filter::eq("userName", literal)
                .or(Filter::eq("externalId", literal))
                .or(Filter::compare("emails", CompareOp::Ew, literal));
            let bound = user.bind(&filter, &Policy::strict()).unwrap();
            found(&user, &bound).from.text().to_owned()
        };
        for literal in ["'; DROP TABLE scim_resource; --", "%", "_", "\\", "\"", "?1", "\0", ""] {
            assert_eq!(sql(literal), sql("bjensen"), "{literal:?}");
        }
    }

    #[test]
    fn what_matches_nothing_looks_at_nothing() {
        let found = found(&ResourceType::user(), &BoundFilter::None);
        assert!(found.from.text().contains(" AND FALSE"));
    }

    #[test]
    fn too_many_look_ups_are_none() {
        let terms = (0..1000).map(|i| Filter::eq("userName", i.to_string()));
        let user = ResourceType::user();
        let bound = user.bind(&Filter::any(terms).unwrap(), &Policy::strict()).unwrap();
        assert_eq!(Candidates::of(&user, &bound), Candidates::All);
    }
}
