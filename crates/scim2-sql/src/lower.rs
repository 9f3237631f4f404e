//! Filters to SQL: the truth table of [`BoundFilter`], as conditions.
//!
//! Each condition that is written is true or false, never unknown, so that `NOT` means what it
//! says. What the terms look at is a matter of the tables, which [`Places`] knows.

use scim2_core::bind::{BoundAttr, BoundFilter, BoundValue};
use scim2_core::sort::SortOrder;
use scim2_core::syntax::CompareOp;

use crate::keys::{self, Digits};
use crate::sql::{Dialect, Expr, Sql};

/// How many comparisons one statement takes. SQLite binds 32,766 values, PostgreSQL 65,535.
const MAX_TERMS: usize = 2_000;

/// Why a term has no SQL.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Unlowered {
    /// The tables do not have this attribute, or not in columns.
    Unmapped(String),
    /// The column of this attribute cannot be compared so.
    Incomparable(String),
    /// The filter has more terms than a statement takes.
    TooLarge,
}

/// Where in the tables attributes are.
pub(crate) trait Places {
    /// What a comparison or sort order of an attribute of the resource looks at.
    fn place(&self, attr: &BoundAttr) -> Result<Place, Unlowered>;

    /// A condition that says whether an attribute is present as a whole; none where its operands
    /// tell.
    fn whole(&self, attr: &BoundAttr) -> Result<Option<Expr>, Unlowered>;

    /// The values that a value path looks at one by one.
    fn elements(&self, attr: &BoundAttr) -> Result<Elements, Unlowered>;

    /// What a comparison inside brackets looks at.
    fn in_element(&self, parent: &BoundAttr, attr: &BoundAttr) -> Result<Place, Unlowered>;

    /// Writes a term in a way of the tables' own; none where the general way will do.
    fn own_way(&self, _: &BoundFilter, _: &mut Sql) -> Option<Result<(), Unlowered>> {
        None
    }
}

/// What a term looks at.
#[derive(Clone, Debug)]
pub(crate) enum Place {
    /// One operand, which may be missing.
    One(Operand),
    /// An operand in each of some rows.
    Each(Rows, Operand),
}

/// An expression that gives an operand; SQL's null where it is missing.
#[derive(Clone, Debug)]
pub(crate) struct Operand {
    pub(crate) expr: Expr,
    pub(crate) kind: Kind,
}

/// What an expression gives, and so what it is compared with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A key of [`keys`], whatever the attribute's type is.
    Key,
    /// A comparison key of text.
    Text,
    /// A boolean.
    Boolean,
    /// A whole number.
    Integer,
    /// Any number.
    Decimal,
    /// An instant, as so many nanoseconds since 1970 each.
    Ticks(i64),
    /// An instant, as PostgreSQL's `timestamptz`.
    Timestamp,
    /// Bytes.
    Bytes,
}

/// Rows that belong to the row of a resource.
#[derive(Clone, Debug)]
pub(crate) struct Rows {
    pub(crate) from: Expr,
    /// The key of the resource's row, and the column that holds it; none where `from` itself
    /// names what belongs to it.
    pub(crate) owner: Option<(&'static str, &'static str)>,
}

/// What the brackets of a value path choose from.
#[derive(Clone, Debug)]
pub(crate) enum Elements {
    /// One value, and the condition that it is there.
    One(Expr),
    /// One in each of some rows.
    Each(Rows),
}

/// How much of a filter a condition says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Extent {
    /// All of it.
    Exact,
    /// It holds for all that match, and may hold for others.
    Superset,
}

/// Writes the condition of a filter.
pub(crate) fn exact(
    places: &dyn Places,
    filter: &BoundFilter,
    sql: &mut Sql,
) -> Result<(), Unlowered> {
    if terms(filter) > MAX_TERMS {
        return Err(Unlowered::TooLarge);
    }
    Lowering { places, element_of: None }.filter(filter, sql)
}

/// Writes a condition that holds for everything that matches, and says whether for nothing else.
pub(crate) fn superset(places: &dyn Places, filter: &BoundFilter, sql: &mut Sql) -> Extent {
    if terms(filter) > MAX_TERMS {
        sql.push("TRUE");
        return Extent::Superset;
    }
    Lowering { places, element_of: None }.superset(filter, Sense::Holds, sql)
}

fn terms(filter: &BoundFilter) -> usize {
    match filter {
        BoundFilter::And(terms) | BoundFilter::Or(terms) => {
            terms.iter().map(self::terms).fold(1, usize::saturating_add)
        }
        BoundFilter::Not(term) | BoundFilter::ValuePath { filter: term, .. } => 1 + terms(term),
        _ => 1,
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Sense {
    Holds,
    DoesNot,
}

#[derive(Clone, Copy)]
struct Lowering<'a> {
    places: &'a dyn Places,
    /// The attribute before the brackets that the filter stands in.
    element_of: Option<&'a BoundAttr>,
}

impl<'a> Lowering<'a> {
    fn filter(self, filter: &'a BoundFilter, sql: &mut Sql) -> Result<(), Unlowered> {
        if self.element_of.is_none()
            && let Some(written) = self.places.own_way(filter, sql)
        {
            return written;
        }
        match filter {
            BoundFilter::All => constant(true, sql),
            // What no hash is asked about fits nobody (ruling F26).
            BoundFilter::None | BoundFilter::Password(_) => constant(false, sql),
            BoundFilter::And(terms) => self.join(terms, " AND ", sql)?,
            BoundFilter::Or(terms) => self.join(terms, " OR ", sql)?,
            BoundFilter::Not(term) => {
                sql.push("NOT (");
                self.filter(term, sql)?;
                sql.push(")");
            }
            BoundFilter::Present(attr) => self.present(attr, sql)?,
            BoundFilter::Compare { attr, op: CompareOp::Eq, value: BoundValue::Null } => {
                sql.push("NOT (");
                self.present(attr, sql)?;
                sql.push(")");
            }
            BoundFilter::Compare { attr, op: _, value: BoundValue::Null } => {
                self.present(attr, sql)?;
            }
            BoundFilter::Compare { attr, op, value } => self.compare(attr, *op, value, sql)?,
            BoundFilter::ValuePath { attr, filter } => {
                let inside = Self { element_of: Some(attr), ..self };
                match self.places.elements(attr)? {
                    Elements::One(there) => {
                        sql.push("(");
                        there.write(sql);
                        sql.push(" AND ");
                        inside.filter(filter, sql)?;
                        sql.push(")");
                    }
                    Elements::Each(rows) => {
                        rows.some(sql, |sql| inside.filter(filter, sql))?;
                    }
                }
            }
            // A kind of filter that is newer than this code.
            _ => return Err(Unlowered::Unmapped(String::new())),
        }
        Ok(())
    }

    /// Terms in pairs of pairs: databases limit how deep an expression nests, and take a long
    /// chain for a deep one.
    fn join(
        self,
        terms: &'a [BoundFilter],
        word: &'static str,
        sql: &mut Sql,
    ) -> Result<(), Unlowered> {
        match terms {
            [] => constant(word == " AND ", sql),
            [term] => self.filter(term, sql)?,
            terms => {
                let (first, rest) = terms.split_at(terms.len() / 2);
                sql.push("(");
                self.join(first, word, sql)?;
                sql.push(word);
                self.join(rest, word, sql)?;
                sql.push(")");
            }
        }
        Ok(())
    }

    /// Where a term has no SQL, it may hold, and so may its opposite.
    fn superset(self, filter: &'a BoundFilter, sense: Sense, sql: &mut Sql) -> Extent {
        let mark = sql.mark();
        if sense == Sense::DoesNot {
            sql.push("NOT (");
        }
        if self.filter(filter, sql).is_ok() {
            if sense == Sense::DoesNot {
                sql.push(")");
            }
            return Extent::Exact;
        }
        sql.cut(mark);
        let (terms, word) = match (filter, sense) {
            (BoundFilter::Not(term), Sense::Holds) => {
                return self.superset(term, Sense::DoesNot, sql);
            }
            (BoundFilter::Not(term), Sense::DoesNot) => {
                return self.superset(term, Sense::Holds, sql);
            }
            (BoundFilter::And(terms), Sense::Holds) => (terms, " AND "),
            (BoundFilter::Or(terms), Sense::DoesNot) => (terms, " AND "),
            (BoundFilter::Or(terms), Sense::Holds) => (terms, " OR "),
            (BoundFilter::And(terms), Sense::DoesNot) => (terms, " OR "),
            _ => {
                sql.push("TRUE");
                return Extent::Superset;
            }
        };
        self.superset_of(terms, word, sense, sql);
        Extent::Superset
    }

    fn superset_of(
        self,
        terms: &'a [BoundFilter],
        word: &'static str,
        sense: Sense,
        sql: &mut Sql,
    ) {
        match terms {
            [] => constant(word == " AND ", sql),
            [term] => {
                self.superset(term, sense, sql);
            }
            terms => {
                let (first, rest) = terms.split_at(terms.len() / 2);
                sql.push("(");
                self.superset_of(first, word, sense, sql);
                sql.push(word);
                self.superset_of(rest, word, sense, sql);
                sql.push(")");
            }
        }
    }

    fn place(self, attr: &BoundAttr) -> Result<Place, Unlowered> {
        match self.element_of {
            // Names of attributes that no schema defines have no case, and their values any type.
            _ if attr.is_open() => Err(self.unmapped(attr)),
            None => self.places.place(attr),
            Some(parent) => self.places.in_element(parent, attr),
        }
    }

    /// The attribute as a client would write it.
    fn path(self, attr: &BoundAttr) -> String {
        match self.element_of {
            None => attr.path(),
            Some(parent) => format!("{}.{attr}", parent.path()),
        }
    }

    fn unmapped(self, attr: &BoundAttr) -> Unlowered {
        Unlowered::Unmapped(self.path(attr))
    }

    fn present(self, attr: &BoundAttr, sql: &mut Sql) -> Result<(), Unlowered> {
        if self.element_of.is_none()
            && let Some(condition) = self.places.whole(attr)?
        {
            condition.write(sql);
            return Ok(());
        }
        match self.place(attr)? {
            Place::One(operand) => {
                operand.present().write(sql);
                Ok(())
            }
            Place::Each(rows, operand) => rows.some(sql, |sql| {
                operand.present().write(sql);
                Ok(())
            }),
        }
    }

    fn compare(
        self,
        attr: &BoundAttr,
        op: CompareOp,
        value: &BoundValue,
        sql: &mut Sql,
    ) -> Result<(), Unlowered> {
        let missing_is_false = attr.missing_is_false();
        let incomparable = |_: Incomparable| Unlowered::Incomparable(self.path(attr));
        match self.place(attr)? {
            Place::One(operand) => {
                operand.or_false(missing_is_false).compare(op, value, sql).map_err(incomparable)
            }
            Place::Each(rows, operand) => {
                let operand = operand.or_false(missing_is_false);
                let compare = |sql: &mut Sql| operand.compare(op, value, sql).map_err(incomparable);
                if op != CompareOp::Ne {
                    return rows.some(sql, compare);
                }
                // No value at all is one that does not equal (ruling F15).
                sql.push("(");
                rows.some(sql, compare)?;
                sql.push(" OR NOT ");
                rows.any().write(sql);
                sql.push(")");
                Ok(())
            }
        }
    }
}

impl Rows {
    /// The condition that something holds in some row.
    fn some(
        &self,
        sql: &mut Sql,
        condition: impl FnOnce(&mut Sql) -> Result<(), Unlowered>,
    ) -> Result<(), Unlowered> {
        match self.owner {
            // The database can begin with the rows that match, instead of trying each resource.
            Some((key, owner)) => sql.push(key).push(" IN (SELECT ").push(owner),
            None => sql.push("EXISTS (SELECT 1"),
        };
        sql.push(" FROM ");
        self.from.write(sql);
        sql.push(" WHERE ");
        condition(sql)?;
        sql.push(")");
        Ok(())
    }

    /// The condition that a row meets another one.
    pub(crate) fn meeting(&self, condition: &Expr) -> Expr {
        let begin = match self.owner {
            Some((key, owner)) => Expr::words(key).then(" IN (SELECT ").then(owner),
            None => Expr::words("EXISTS (SELECT 1"),
        };
        begin.then(" FROM ").then_expr(&self.from).then(" WHERE ").then_expr(condition).then(")")
    }

    /// The condition that there is a row.
    pub(crate) fn any(&self) -> Expr {
        let any = Expr::words("EXISTS (SELECT 1 FROM ").then_expr(&self.from);
        match self.owner {
            Some((key, owner)) => any.then(" WHERE ").then(owner).then(" = ").then(key).then(")"),
            None => any.then(")"),
        }
    }
}

/// The operand cannot be compared with the literal, or not so.
#[derive(Clone, Copy, Debug)]
struct Incomparable;

impl Operand {
    pub(crate) fn new(expr: Expr, kind: Kind) -> Self {
        Self { expr, kind }
    }

    /// Where a missing boolean is false (ruling F18).
    fn or_false(self, missing_is_false: bool) -> Self {
        if !missing_is_false {
            return self;
        }
        let default = if self.kind == Kind::Key { ", 'false')" } else { ", FALSE)" };
        let expr = Expr::words("COALESCE(").then_expr(&self.expr).then(default);
        Self { expr, ..self }
    }

    /// The condition that the operand is present.
    pub(crate) fn present(&self) -> Expr {
        match self.kind {
            Kind::Key | Kind::Text => {
                Expr::words("COALESCE(").then_expr(&self.expr).then(" <> '', FALSE)")
            }
            _ => self.there(),
        }
    }

    /// The condition that there is a value, empty or not.
    pub(crate) fn there(&self) -> Expr {
        Expr::words("(").then_expr(&self.expr).then(") IS NOT NULL")
    }

    /// The condition that the operand is there and compares so; for `ne`, that it does not equal.
    fn compare(
        &self,
        op: CompareOp,
        value: &BoundValue,
        sql: &mut Sql,
    ) -> Result<(), Incomparable> {
        let (before, op) = match op {
            CompareOp::Ne => ("NOT COALESCE(", CompareOp::Eq),
            op => ("COALESCE(", op),
        };
        sql.push(before);
        match (self.kind, value) {
            (Kind::Key, value) => {
                let key = keys::of_literal(value).ok_or(Incomparable)?;
                self.compare_text(op, &key, sql);
            }
            (Kind::Text, BoundValue::Text(key)) => self.compare_text(op, key, sql),
            (Kind::Boolean, BoundValue::Bool(value)) => {
                self.expr.write(sql);
                sql.push(" = ").bind(*value);
            }
            (Kind::Bytes, BoundValue::Bytes(bytes)) => {
                self.expr.write(sql);
                sql.push(" = ").bind(bytes.to_vec());
            }
            (Kind::Integer, BoundValue::Number(number)) => {
                self.compare_whole(op, Bounds::of_number(&keys::digits(number)), sql);
            }
            (Kind::Decimal, BoundValue::Number(number)) => match sql.dialect() {
                Dialect::Sqlite => {
                    self.expr.write(sql);
                    sql.push(sign(op)).bind(number.as_f64());
                }
                Dialect::Postgres => {
                    // As far as `numeric` goes without being asked for more.
                    if keys::digits(number).power.abs() > MAX_POWER {
                        return Err(Incomparable);
                    }
                    self.expr.write(sql);
                    sql.push(sign(op)).bind(number.as_str()).push("::numeric");
                }
            },
            (Kind::Ticks(nanos), BoundValue::Instant(instant)) => {
                let total = i128::from(instant.timestamp()) * 1_000_000_000
                    + i128::from(instant.timestamp_subsec_nanos());
                self.compare_whole(op, Bounds::of_fraction(total, i128::from(nanos)), sql);
            }
            (Kind::Timestamp, BoundValue::Instant(instant)) => {
                // Databases keep microseconds, so nothing lies between two of them.
                let exact = instant.timestamp_subsec_nanos().is_multiple_of(1000);
                let micros = chrono::DateTime::from_timestamp_micros(instant.timestamp_micros())
                    .ok_or(Incomparable)?;
                let op = match op {
                    CompareOp::Eq if !exact => {
                        sql.push("FALSE, FALSE)");
                        return Ok(());
                    }
                    CompareOp::Ge if !exact => CompareOp::Gt,
                    CompareOp::Lt if !exact => CompareOp::Le,
                    op => op,
                };
                self.expr.write(sql);
                sql.push(sign(op))
                    .bind(micros.to_rfc3339_opts(chrono::SecondsFormat::Micros, true))
                    .push("::timestamptz");
            }
            _ => return Err(Incomparable),
        }
        sql.push(", FALSE)");
        Ok(())
    }

    fn compare_text(&self, op: CompareOp, key: &str, sql: &mut Sql) {
        if let (Dialect::Postgres, Some((start, _))) = (sql.dialect(), key.split_once('\0')) {
            // No text there has U+0000 in it, and every longer text sorts after this one.
            match op {
                CompareOp::Gt | CompareOp::Ge => self.order_text(" > ", start, sql),
                CompareOp::Lt | CompareOp::Le => self.order_text(" <= ", start, sql),
                _ => {
                    sql.push("FALSE");
                }
            }
            return;
        }
        let expr = &self.expr;
        match (op, sql.dialect()) {
            (CompareOp::Eq | CompareOp::Ne, _) => {
                expr.write(sql);
                sql.push(sign(op)).bind(key);
            }
            (CompareOp::Co, Dialect::Sqlite) => {
                sql.push("instr(");
                expr.write(sql);
                sql.push(", ").bind(key).push(") > 0");
            }
            (CompareOp::Co, Dialect::Postgres) => {
                sql.push("strpos(");
                expr.write(sql);
                sql.push(", ").bind(key).push(") > 0");
            }
            // SQLite's text functions take U+0000 for the end of a text, which escaped keys do not
            // have, and a part of no bytes for none.
            (CompareOp::Sw | CompareOp::Ew, Dialect::Sqlite) if self.kind == Kind::Text => {
                sql.push("(");
                expr.write(sql);
                sql.push(" = ").bind(key).push(" OR substr(CAST(");
                expr.write(sql);
                if op == CompareOp::Sw {
                    sql.push(" AS BLOB), 1, length(CAST(").bind(key).push(" AS BLOB))");
                } else {
                    sql.push(" AS BLOB), length(CAST(");
                    expr.write(sql);
                    sql.push(" AS BLOB)) - length(CAST(").bind(key).push(" AS BLOB)) + 1");
                }
                sql.push(") = CAST(").bind(key).push(" AS BLOB))");
            }
            (CompareOp::Sw, Dialect::Sqlite) => {
                sql.push("substr(");
                expr.write(sql);
                sql.push(", 1, length(").bind(key).push(")) = ").bind(key);
            }
            (CompareOp::Sw, Dialect::Postgres) => {
                sql.push("left(");
                expr.write(sql);
                sql.push(", length(").bind(key).push(")) = ").bind(key);
            }
            (CompareOp::Ew, Dialect::Sqlite) => {
                sql.push("substr(");
                expr.write(sql);
                sql.push(", length(");
                expr.write(sql);
                sql.push(") - length(").bind(key).push(") + 1) = ").bind(key);
            }
            (CompareOp::Ew, Dialect::Postgres) => {
                sql.push("right(");
                expr.write(sql);
                sql.push(", length(").bind(key).push(")) = ").bind(key);
            }
            (op, _) => self.order_text(sign(op), key, sql),
        }
    }

    /// Order by bytes.
    fn order_text(&self, sign: &'static str, key: &str, sql: &mut Sql) {
        self.write_ordered(sql);
        sql.push(sign).bind(key);
    }

    /// The expression, in the order of its bytes where it is text.
    fn write_ordered(&self, sql: &mut Sql) {
        let text = matches!(self.kind, Kind::Key | Kind::Text);
        let postgres = sql.dialect() == Dialect::Postgres;
        if !text || !postgres {
            return self.expr.write(sql);
        }
        sql.push("(");
        self.expr.write(sql);
        sql.push(") COLLATE \"C\"");
    }

    fn compare_whole(&self, op: CompareOp, bounds: Bounds, sql: &mut Sql) {
        let (bound, sign) = match op {
            CompareOp::Gt => (bounds.floor, " > "),
            CompareOp::Ge => (bounds.ceiling, " >= "),
            CompareOp::Lt => (bounds.ceiling, " < "),
            CompareOp::Le => (bounds.floor, " <= "),
            _ if bounds.floor == bounds.ceiling => (bounds.floor, " = "),
            _ => {
                sql.push("FALSE");
                return;
            }
        };
        match (i64::try_from(bound), bound < 0, sign) {
            (Ok(bound), _, sign) => {
                self.expr.write(sql);
                sql.push(sign).bind(bound);
            }
            // Past what the column can hold, every value lies on one side.
            (Err(_), true, " > " | " >= ") | (Err(_), false, " < " | " <= ") => {
                self.expr.write(sql);
                sql.push(" IS NOT NULL");
            }
            (Err(_), ..) => {
                sql.push("FALSE");
            }
        }
    }
}

/// The largest power of ten that is handed to `numeric`, up or down.
pub(crate) const MAX_POWER: i64 = 1000;

/// The whole numbers around a value; far outside of any column where they are past `i128`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Bounds {
    floor: i128,
    ceiling: i128,
}

impl Bounds {
    fn of_fraction(numerator: i128, denominator: i128) -> Self {
        let floor = numerator.div_euclid(denominator);
        let exact = numerator.rem_euclid(denominator) == 0;
        Self { floor, ceiling: if exact { floor } else { floor + 1 } }
    }

    fn of_number(number: &Digits) -> Self {
        // No column of whole numbers has more digits.
        const FAR: i128 = i128::MAX / 2;
        let Digits { negative, power, digits } = number;
        let places = usize::try_from(*power).unwrap_or(0);
        let (floor, exact) = if digits.is_empty() {
            (0, true)
        } else if places > 30 {
            (FAR, true)
        } else {
            let whole = digits.bytes().chain(std::iter::repeat(b'0')).take(places);
            let whole = whole.fold(0_i128, |whole, digit| whole * 10 + i128::from(digit - b'0'));
            (whole, digits.len() <= places && *power >= 0)
        };
        let ceiling = if exact { floor } else { floor + 1 };
        if *negative { Self { floor: -ceiling, ceiling: -floor } } else { Self { floor, ceiling } }
    }
}

fn sign(op: CompareOp) -> &'static str {
    match op {
        CompareOp::Eq => " = ",
        CompareOp::Ne => " <> ",
        CompareOp::Gt => " > ",
        CompareOp::Ge => " >= ",
        CompareOp::Lt => " < ",
        CompareOp::Le => " <= ",
        // INVARIANT: only asked of operators with a sign.
        CompareOp::Co | CompareOp::Sw | CompareOp::Ew => " = ",
    }
}

fn constant(value: bool, sql: &mut Sql) {
    sql.push(if value { "TRUE" } else { "FALSE" });
}

/// Writes an order by one operand and then by `id`: what is missing comes last in ascending and
/// first in descending order, `id` always ascends (ruling Q07).
pub(crate) fn order_by(operand: &Operand, order: SortOrder, id: &'static str, sql: &mut Sql) {
    operand.write_sorted(sql);
    sql.push(match order {
        SortOrder::Ascending => " ASC NULLS LAST, ",
        SortOrder::Descending => " DESC NULLS FIRST, ",
    });
    sql.push(id);
}

/// Writes the condition that a row comes after another one in the order of [`order_by`].
pub(crate) fn after(
    operand: &Operand,
    order: SortOrder,
    id: &'static str,
    last: (Option<Expr>, Expr),
    sql: &mut Sql,
) {
    let (key, last_id) = last;
    let write_id = |sql: &mut Sql| {
        sql.push(id).push(" > ");
        last_id.write(sql);
    };
    sql.push("(");
    match (&key, order) {
        (Some(key), order) => {
            operand.write_sorted(sql);
            sql.push(if order == SortOrder::Ascending { " > " } else { " < " });
            key.write(sql);
            sql.push(" OR (");
            operand.write_sorted(sql);
            sql.push(" = ");
            key.write(sql);
            sql.push(" AND ");
            write_id(sql);
            sql.push(")");
            if order == SortOrder::Ascending {
                sql.push(" OR ");
                operand.write_sorted(sql);
                sql.push(" IS NULL");
            }
        }
        (None, order) => {
            sql.push("(");
            operand.write_sorted(sql);
            sql.push(" IS NULL AND ");
            write_id(sql);
            sql.push(")");
            if order == SortOrder::Descending {
                sql.push(" OR ");
                operand.write_sorted(sql);
                sql.push(" IS NOT NULL");
            }
        }
    }
    sql.push(")");
}

impl Operand {
    /// The expression by which rows are sorted: empty text is unassigned.
    fn write_sorted(&self, sql: &mut Sql) {
        if !matches!(self.kind, Kind::Key | Kind::Text) {
            return self.write_ordered(sql);
        }
        sql.push("NULLIF(");
        self.write_ordered(sql);
        sql.push(", '')");
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn bounds_enclose_a_number(whole in any::<i64>(), part in 0_u32..1000) {
            let number = format!("{whole}.{part:03}").parse().unwrap();
            let bounds = Bounds::of_number(&keys::digits(&number));
            let thousandths = i128::from(whole) * 1000
                + if whole < 0 || format!("{whole}").starts_with('-') { -i128::from(part) } else { i128::from(part) };
            prop_assert_eq!(bounds, Bounds::of_fraction(thousandths, 1000));
        }
    }

    #[test]
    fn bounds_of_extremes() {
        let bounds = |text: &str| {
            let bounds = Bounds::of_number(&keys::digits(&text.parse().unwrap()));
            (bounds.floor, bounds.ceiling)
        };
        assert_eq!(bounds("0"), (0, 0));
        assert_eq!(bounds("-0.0"), (0, 0));
        assert_eq!(bounds("1e-999999999"), (0, 1));
        assert_eq!(bounds("-1e-5"), (-1, 0));
        assert_eq!(bounds("12e1"), (120, 120));
        let (floor, _) = bounds("1e999999999");
        assert!(floor > i128::from(i64::MAX));
        let (_, ceiling) = bounds("-1e999999999");
        assert!(ceiling < i128::from(i64::MIN));
    }
}
