//! Queries: candidates from an index, decided by a condition, or on the document where a term has
//! no SQL.

use std::cmp::Ordering;

use deadpool_postgres::{Client, GenericClient};
use scim2_core::ResourceType;
use scim2_core::bind::BoundFilter;
use scim2_core::resource::ResourceId;
use scim2_core::sort::{SortKey, SortValue};
use scim2_provider::Scope;
use scim2_provider::store::{
    Load, Page, Position, Query, QueryResult, SortedPosition, StoreError, Stored,
};
use scim2_provider::text::TextResult;
use tokio_postgres::types::ToSql;
use tokio_postgres::{IsolationLevel, Row};

use super::error::{Failure, Postgres as _};
use super::names::Names;
use super::read::{COLUMNS, Kept, Reader, columns, id_key};
use crate::candidates::{Candidates, Exact, Index};
use crate::keys::indexed;
use crate::lower::{self, Extent, Operand};
use crate::own::{Own, position_key};
use crate::sql::{Dialect, Expr, Parameter, Sql};

/// How many documents are read at a time where they decide.
const CHUNK: i64 = 500;
/// How many statements a connection keeps prepared.
const STATEMENTS: usize = 512;

/// Runs a query.
pub(crate) async fn run(
    client: &mut Client,
    names: &Names,
    scope: &Scope,
    ty: &ResourceType,
    query: &Query,
) -> Result<QueryResult, Failure> {
    // Filters have endless shapes.
    if client.statement_cache.size() > STATEMENTS {
        client.statement_cache.clear();
    }
    let Some(reader) = Reader::new(&*client, names, scope, ty).await? else {
        return Ok(QueryResult::new(Some(0), Vec::new(), None));
    };
    if let Some((total, rows)) = look_up(&reader, names, query).await? {
        let resources = reader.stored(rows, query.load).await?;
        return Ok(QueryResult::new(Some(total), resources, None));
    }
    let own = own(&reader);
    let found = Found::of(&own, query.filter.as_ref());
    let order = query.sort.as_ref().map(|sort| own.sorted_by(sort.attr())).transpose();
    match order {
        Ok(order) if found.extent == Extent::Exact => {
            Search { reader: &reader, query }.by_condition(&found, order.as_ref()).await
        }
        _ => {
            // All statements see one state.
            let transaction = client
                .build_transaction()
                .isolation_level(IsolationLevel::RepeatableRead)
                .read_only(true)
                .start()
                .await?;
            let Some(reader) = Reader::new(&transaction, names, scope, ty).await? else {
                return Ok(QueryResult::new(Some(0), Vec::new(), None));
            };
            let result = Search { reader: &reader, query }.by_document(&found).await?;
            transaction.commit().await?;
            Ok(result)
        }
    }
}

/// Resources by a value of theirs that is unique.
const BY_UNIQUE: &str = concat!(
    "SELECT ",
    columns!(),
    " FROM scim_uniq k JOIN scim_resource r ON r.pk = k.pk
      WHERE k.tenant = $1 AND k.path = $3 AND k.key = $4 AND r.rtype = $2 LIMIT $5"
);

macro_rules! from_index {
    () => {
        " FROM scim_idx k JOIN scim_resource r ON r.pk = k.pk
          WHERE k.tenant = $1 AND k.rtype = $2 AND k.path = $3 AND k.key = $4 LIMIT $5"
    };
}

/// The same by a value that others may have too, each once.
const BY_INDEXED: &str = concat!("SELECT ", columns!(), from_index!());

/// The same by `externalId`, and whether a provisioning domain has one of its own for it.
const BY_EXTERNAL_ID: &str = concat!(
    "SELECT ",
    columns!(),
    ", EXISTS (SELECT 1 FROM scim_external e WHERE e.pk = k.pk) AS others",
    from_index!()
);

/// What has one value, as text; none if that is not all that is asked for.
pub(crate) async fn run_text(
    client: &Client,
    names: &Names,
    scope: &Scope,
    ty: &ResourceType,
    query: &Query,
) -> Result<Option<TextResult>, Failure> {
    let Some(reader) = Reader::new(client, names, scope, ty).await? else { return Ok(None) };
    let Some((total, rows)) = look_up(&reader, names, query).await? else { return Ok(None) };
    let texts = reader.texts(rows, query.load).await?;
    Ok(Some(TextResult::new(Some(total), texts, None)))
}

/// What has one value; none if it has too many results, or none that this can tell.
async fn look_up<C: GenericClient>(
    reader: &Reader<'_, C>,
    names: &Names,
    query: &Query,
) -> Result<Option<(u64, Vec<Kept>)>, Failure> {
    let Some(exact) = Exact::of(reader.ty, reader.scope, query) else { return Ok(None) };
    let sql = match exact.by {
        Index::Unique => BY_UNIQUE,
        Index::Values => BY_INDEXED,
        Index::ExternalIds => BY_EXTERNAL_ID,
    };
    let Some(number) = names.name(reader.client, &exact.path).await? else { return Ok(None) };
    let (key, limit) = (indexed(&exact.key), exact.limit());
    let rows = reader.query(sql, &[&reader.tenant, &reader.rtype, &number, &key, &limit]).await?;
    let Some(total) = exact.total(rows.len()) else { return Ok(None) };
    for row in rows.iter().filter(|_| exact.by == Index::ExternalIds) {
        if row.try_get("others").db()? {
            return Ok(None);
        }
    }
    let mut rows = rows.iter().map(Kept::of).collect::<Result<Vec<_>, _>>()?;
    // They are all, so that the database need not sort them.
    rows.sort_unstable_by(|a, b| a.id.cmp(&b.id));
    Ok(Some((total, rows)))
}

fn own<'a, C>(reader: &Reader<'a, C>) -> Own<'a> {
    Own {
        ty: reader.ty,
        scope: reader.scope,
        tenant: reader.tenant,
        rtype: reader.rtype,
        dialect: Dialect::Postgres,
        id: |id| Parameter::Text(id_key(id)),
        key: |key| Parameter::Text(indexed(key).into_owned()),
    }
}

/// The rows that may match a filter: `FROM` and `WHERE`, without a position.
struct Found {
    from: Sql,
    extent: Extent,
    indexed: Indexed,
}

/// Whether an index finds the rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Indexed {
    Yes,
    No,
}

impl Found {
    fn of(own: &Own<'_>, filter: Option<&BoundFilter>) -> Self {
        let candidates = filter.map_or(Candidates::All, |filter| Candidates::of(own.ty, filter));
        let mut from = Sql::new(Dialect::Postgres);
        from.push(" FROM scim_resource r WHERE r.tenant = ").bind(own.tenant);
        from.push(" AND r.rtype = ").bind(own.rtype);
        candidates.write(own, &mut from);
        let mut extent = Extent::Exact;
        if let Some(filter) = filter {
            from.push(" AND ");
            extent = lower::superset(own, filter, &mut from);
        }
        let indexed = if candidates == Candidates::All { Indexed::No } else { Indexed::Yes };
        Self { from, extent, indexed }
    }

    /// A SELECT of the numbers of the rows, to which conditions and an order can be added.
    fn numbers(&self) -> Sql {
        if self.indexed == Indexed::No {
            return self.from.after_words("SELECT r.pk");
        }
        // Found first: a small limit must not lead to a walk through all rows in order.
        let mut sql = self.from.after_words("WITH c AS MATERIALIZED (SELECT r.pk");
        sql.push(") SELECT r.pk FROM c JOIN scim_resource r ON r.pk = c.pk WHERE TRUE");
        sql
    }
}

struct Search<'a, C> {
    reader: &'a Reader<'a, C>,
    query: &'a Query,
}

impl<C: GenericClient> Search<'_, C> {
    /// What matches, decided by the database.
    async fn by_condition(
        &self,
        found: &Found,
        order: Option<&Operand>,
    ) -> Result<QueryResult, Failure> {
        let (skip, count, by_cursor) = match &self.query.page {
            Page::Index { start_index, count } => (start_index.saturating_sub(1), *count, false),
            // Nothing but the total is asked for.
            Page::Cursor { count: 0, .. } => (0, 0, false),
            Page::Cursor { count, .. } => (0, *count, true),
        };
        let wanted = if by_cursor { count.saturating_add(1) } else { count };
        let mut rows = Vec::new();
        if count > 0 {
            let sql = self.page(found, order, skip, wanted)?;
            for row in self.rows(&sql).await? {
                rows.push(Kept::of(&row)?);
            }
        }
        let got = u64::try_from(rows.len()).unwrap_or(u64::MAX);
        let more = by_cursor && got > count;
        rows.truncate(to_usize(count));
        let first = !matches!(&self.query.page, Page::Cursor { after: Some(_), .. });
        let total = match (by_cursor, got) {
            (true, got) => (first && !more).then_some(got),
            // The page has the last result, so its place is the total.
            (false, got) if got > 0 && got < count => Some(skip.saturating_add(got)),
            (false, 0) if skip == 0 && count > 0 => Some(0),
            (false, _) => Some(self.total(found).await?),
        };
        let resources = self.reader.stored(rows, self.query.load).await?;
        let next = resources.last().filter(|_| more).map(|last| self.position(last));
        Ok(QueryResult::new(total, resources, next))
    }

    /// The rows of a page: only theirs are read whole.
    fn page(
        &self,
        found: &Found,
        order: Option<&Operand>,
        skip: u64,
        count: u64,
    ) -> Result<Sql, StoreError> {
        let mut sql =
            found.numbers().after_words(" FROM (").after_words(COLUMNS).after_words("SELECT ");
        if let Page::Cursor { after: Some(after), .. } = &self.query.page {
            sql.push(" AND ");
            self.write_after(order, after, &mut sql)?;
        }
        sql.push(" ORDER BY ");
        self.write_order(order, &mut sql);
        sql.push(" LIMIT ").bind(to_sql(count));
        if skip > 0 {
            sql.push(" OFFSET ").bind(to_sql(skip));
        }
        sql.push(") p JOIN scim_resource r ON r.pk = p.pk ORDER BY ");
        self.write_order(order, &mut sql);
        Ok(sql)
    }

    async fn total(&self, found: &Found) -> Result<u64, Failure> {
        let rows = self.rows(&found.from.after_words("SELECT count(*)")).await?;
        let total: i64 = rows.first().map(|row| row.try_get(0)).transpose()?.unwrap_or_default();
        Ok(u64::try_from(total).unwrap_or_default())
    }

    fn write_order(&self, order: Option<&Operand>, sql: &mut Sql) {
        match order.zip(self.query.sort.as_ref()) {
            Some((operand, sort)) => lower::order_by(operand, sort.order(), "r.id", sql),
            None => {
                sql.push("r.id");
            }
        }
    }

    /// Writes the condition that a row comes after a position.
    fn write_after(
        &self,
        order: Option<&Operand>,
        after: &Position,
        sql: &mut Sql,
    ) -> Result<(), StoreError> {
        let Some((operand, sort)) = order.zip(self.query.sort.as_ref()) else {
            let text =
                std::str::from_utf8(after.as_bytes()).map_err(|_| StoreError::BadPosition)?;
            sql.push("r.id > ").bind(own_id(text)?);
            return Ok(());
        };
        let after = SortedPosition::decode(after).ok_or(StoreError::BadPosition)?;
        let id = Expr::bound(own_id(after.id.as_str())?);
        let key = after.key.as_ref().map(|key| position_key(operand, key));
        let key = key.map(|key| key.ok_or(StoreError::BadPosition)).transpose()?;
        lower::after(operand, sort.order(), "r.id", (key, id), sql);
        Ok(())
    }

    /// The place after a resource.
    fn position(&self, last: &Stored) -> Position {
        match &self.query.sort {
            Some(sort) => {
                let key = sort.key(&last.document(self.reader.ty));
                SortedPosition::new(key, last.id().into()).encode()
            }
            None => Position::new(last.id().as_bytes()),
        }
    }

    /// What matches, decided on the documents.
    async fn by_document(&self, found: &Found) -> Result<QueryResult, Failure> {
        let (skip, count, after, by_cursor) = match &self.query.page {
            Page::Index { start_index, count } => {
                (start_index.saturating_sub(1), *count, None, false)
            }
            Page::Cursor { after, count } => (0, *count, after.as_ref(), true),
        };
        // By cursor and in the order of creation, a page costs the page.
        let early = by_cursor && count > 0 && self.query.sort.is_none();
        let enough = early.then(|| to_usize(count).saturating_add(1));
        let start = after.filter(|_| self.query.sort.is_none());
        let mut matches = self.matches(found, start, enough).await?;
        let mut skip = to_usize(skip);
        if let Some(sort) = &self.query.sort {
            matches.sort_by(|a, b| sort.compare_keys(&a.key, &b.key).then_with(|| a.id.cmp(&b.id)));
            if let Some(after) = after {
                let after = SortedPosition::decode(after).ok_or(StoreError::BadPosition)?;
                skip = matches.partition_point(|found| {
                    after.locate(sort, &found.key, &found.id) != Ordering::Greater
                });
            }
        }
        let all = matches.len();
        let page: Vec<&Match> = matches.iter().skip(skip).take(to_usize(count)).collect();
        let more = by_cursor && count > 0 && all > skip.saturating_add(page.len());
        let next = page.last().filter(|_| more).map(|last| match &self.query.sort {
            Some(_) => SortedPosition::new(last.key.clone(), last.id.clone()).encode(),
            None => Position::new(last.id.as_str().as_bytes()),
        });
        let total = !early || (after.is_none() && !more);
        let total = total.then(|| u64::try_from(all).unwrap_or(u64::MAX));
        let pks: Vec<i64> = page.iter().map(|found| found.pk).collect();
        let resources = self.by_numbers(&pks).await?;
        Ok(QueryResult::new(total, resources, next))
    }

    /// What matches after a position, in the order of creation, until there is enough.
    async fn matches(
        &self,
        found: &Found,
        after: Option<&Position>,
        enough: Option<usize>,
    ) -> Result<Vec<Match>, Failure> {
        let mentions = |name: &str| {
            let filter = self.query.filter.as_ref();
            let sort = self.query.sort.as_ref().map(SortKey::attr);
            filter.is_some_and(|filter| filter.mentions(name))
                || sort.is_some_and(|attr| attr.extension().is_none() && attr.name() == name)
        };
        let computed = mentions("members") || mentions("groups");
        let load = if computed { Load::Full } else { Load::WithoutMembers };
        let filter = self.query.filter.as_ref().filter(|_| found.extent == Extent::Superset);
        let mut matches = Vec::new();
        let mut after = after.cloned();
        loop {
            let mut sql = found.from.after_words(COLUMNS).after_words("SELECT ");
            if let Some(after) = &after {
                sql.push(" AND ");
                self.write_after(None, after, &mut sql)?;
            }
            sql.push(" ORDER BY r.id LIMIT ").bind(CHUNK);
            let rows = self.rows(&sql).await?;
            let kept = rows.iter().map(Kept::of).collect::<Result<Vec<_>, _>>()?;
            let Some(last) = kept.last() else { return Ok(matches) };
            after = Some(Position::new(last.id.as_bytes()));
            let pks: Vec<i64> = kept.iter().map(|kept| kept.pk).collect();
            let stored = self.reader.stored(kept, load).await?;
            for (pk, stored) in pks.into_iter().zip(stored) {
                let document = stored.document(self.reader.ty);
                if filter.is_none_or(|filter| filter.matches(&document)) {
                    let key = self.query.sort.as_ref().and_then(|sort| sort.key(&document));
                    matches.push(Match { key, id: stored.id().into(), pk });
                }
            }
            if enough.is_some_and(|enough| matches.len() >= enough) {
                return Ok(matches);
            }
        }
    }

    /// The rows with these numbers, in their order.
    async fn by_numbers(&self, pks: &[i64]) -> Result<Vec<Stored>, Failure> {
        const SQL: &str = concat!(
            "SELECT ",
            columns!(),
            " FROM unnest($1::bigint[]) WITH ORDINALITY AS w (pk, place)
             JOIN scim_resource r ON r.pk = w.pk ORDER BY w.place"
        );
        if pks.is_empty() {
            return Ok(Vec::new());
        }
        let rows = self.reader.query(SQL, &[&pks]).await?;
        let kept = rows.iter().map(Kept::of).collect::<Result<Vec<_>, _>>()?;
        Ok(self.reader.stored(kept, self.query.load).await?)
    }

    async fn rows(&self, sql: &Sql) -> Result<Vec<Row>, Failure> {
        let values: Vec<&(dyn ToSql + Sync)> =
            sql.parameters().iter().map(|parameter| -> &(dyn ToSql + Sync) { parameter }).collect();
        let statement = self.reader.client.prepare_cached(sql.text()).await?;
        Ok(self.reader.client.query(&statement, &values).await?)
    }
}

struct Match {
    key: Option<SortValue>,
    id: ResourceId,
    pk: i64,
}

/// An `id` in a position: one that this store made.
fn own_id(text: &str) -> Result<&str, StoreError> {
    uuid::Uuid::try_parse(text).map(|_| text).map_err(|_| StoreError::BadPosition)
}

fn to_sql(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

fn to_usize(number: u64) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use scim2_core::Policy;
    use scim2_provider::TenantId;

    use super::*;
    use crate::PostgresStore;

    /// Enough resources that a walk through all would cost more than an index.
    const FILL: &str = "
        INSERT INTO scim_tenant (name) VALUES ('acme');
        INSERT INTO scim_name (name) VALUES ('User'), ('Group'), ('externalId'), ('emails.value'),
          ('urn:ietf:params:scim:schemas:core:2.0:User:userName');
        INSERT INTO scim_resource (tenant, rtype, id, version, created, modified, doc, search)
          SELECT t.tenant, y.name_id, md5(y.name || n)::uuid::text, 1, 0, 0, '{}', '{}'
          FROM scim_tenant t, scim_name y, generate_series(1, 5000) n
          WHERE y.name IN ('User', 'Group');
        INSERT INTO scim_uniq (tenant, path, key, pk)
          SELECT r.tenant, p.name_id, r.id, r.pk FROM scim_resource r, scim_name p
          WHERE p.name LIKE 'urn:%';
        INSERT INTO scim_idx (tenant, rtype, path, key, pk)
          SELECT r.tenant, r.rtype, p.name_id, r.id, r.pk FROM scim_resource r, scim_name p
          WHERE p.name IN ('externalId', 'emails.value');
        INSERT INTO scim_member (group_pk, member, tenant)
          SELECT pk, id, tenant FROM scim_resource;
        INSERT INTO scim_ref (tenant, target, pk, path, required)
          SELECT tenant, id, pk, 1, FALSE FROM scim_resource;
        INSERT INTO scim_external (pk, domain, value) SELECT pk, 'hr', id FROM scim_resource;
        ANALYZE scim_resource, scim_uniq, scim_idx, scim_member, scim_ref, scim_external";

    /// What the database does for a statement, a line each.
    async fn plan(client: &Client, sql: &str, values: &[&(dyn ToSql + Sync)]) -> String {
        let rows = client.query(&format!("EXPLAIN {sql}"), values).await.unwrap();
        rows.iter().map(|row| row.get::<_, &str>(0)).collect::<Vec<_>>().join("\n")
    }

    #[track_caller]
    fn uses(plan: &str, index: &str, what: &str) {
        assert!(plan.contains(index), "{what}:\n{plan}");
        assert!(!plan.contains("Seq Scan on scim_"), "{what}:\n{plan}");
    }

    #[test]
    fn common_queries_use_an_index() {
        let Ok(url) = std::env::var("DATABASE_URL") else {
            eprintln!("SKIPPED on PostgreSQL: query plans (there is no DATABASE_URL)");
            return;
        };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let schema = format!("plans_{}", std::process::id());
            let mark = if url.contains('?') { '&' } else { '?' };
            let url = format!("{url}{mark}options=-csearch_path%3D{schema}");
            let (client, connection) =
                tokio_postgres::connect(&url, tokio_postgres::NoTls).await.unwrap();
            tokio::spawn(connection);
            client.batch_execute(&format!("CREATE SCHEMA {schema}")).await.unwrap();
            let store = PostgresStore::connect(&url).await.unwrap();
            client.batch_execute(FILL).await.unwrap();
            check(&store.client().await).await;
            client.batch_execute(&format!("DROP SCHEMA {schema} CASCADE")).await.unwrap();
        });
    }

    async fn check(client: &Client) {
        let scope = Scope::tenant(TenantId::new("acme").unwrap());
        let (user, group) = (ResourceType::user(), ResourceType::group());
        let names = Names::default();
        let id = "0190a1b2-0000-7000-8000-000000000000";
        let of_users = Reader::new(client, &names, &scope, &user).await.unwrap().unwrap();
        let of_groups = Reader::new(client, &names, &scope, &group).await.unwrap().unwrap();
        let (tenant, rtype) = (of_users.tenant, of_users.rtype);
        let sql = Reader::<Client>::FIND;
        uses(&plan(client, sql, &[&tenant, &id, &rtype]).await, "scim_resource_id", "an id");
        let (path, limit) = (5_i64, 17_i64);
        for (sql, index) in [
            (BY_UNIQUE, "scim_uniq_pkey"),
            (BY_INDEXED, "scim_idx_pkey"),
            (BY_EXTERNAL_ID, "scim_external_pkey"),
        ] {
            let plan = plan(client, sql, &[&tenant, &rtype, &path, &id, &limit]).await;
            uses(&plan, index, sql);
        }
        // The same as a part of more, and a page by cursor.
        for (reader, filter, index) in [
            (&of_users, Some(r#"userName eq "a" and active eq true"#), "scim_uniq_pkey"),
            (&of_users, Some(r#"externalId eq "a" and active eq true"#), "scim_idx_pkey"),
            (&of_users, Some(r#"emails[value eq "a" and type eq "work"]"#), "scim_idx_pkey"),
            (&of_users, Some(r#"id eq "a""#), "scim_resource_id"),
            (&of_groups, Some(r#"members.value eq "a""#), "scim_member_of"),
            (&of_users, None, "scim_resource_order"),
        ] {
            let mut query =
                Query::page(Page::Cursor { after: Some(Position::new(id.as_bytes())), count: 10 });
            query.filter = filter
                .map(|text| reader.ty.bind(&text.parse().unwrap(), &Policy::strict()).unwrap());
            let found = Found::of(&own(reader), query.filter.as_ref());
            assert_eq!(found.extent, Extent::Exact, "{filter:?}");
            let sql = Search { reader, query: &query }.page(&found, None, 0, 11).unwrap();
            let values: Vec<&(dyn ToSql + Sync)> = sql
                .parameters()
                .iter()
                .map(|parameter| -> &(dyn ToSql + Sync) { parameter })
                .collect();
            uses(&plan(client, sql.text(), &values).await, index, sql.text());
        }
    }
}
