//! Filters over an application's own tables.

use std::fmt;

use scim2_core::bind::{BoundAttr, BoundFilter};
use scim2_core::catalog::Resolved;
use scim2_core::schema::{Attribute, AttributeType};
use scim2_core::sort::{SortKey, SortValue};
use scim2_core::syntax::AttrPath;
use scim2_core::{Error, Policy, ResourceType};
use scim2_provider::store::SortedPosition;

use crate::keys;
use crate::lower::{self, Elements, Kind, Operand, Place, Places, Unlowered};
use crate::sql::{Dialect, Expr, Sql};

/// Where an application's own tables keep the attributes of a resource type.
///
/// It turns bound filters and sort orders into SQL that means the same as
/// [`BoundFilter::matches`]. Text of a filter is always bound, never written. An attribute that
/// the map does not have is an `invalidFilter` error, never a condition that is left out.
///
/// ```
/// use scim2_core::{Policy, ResourceType};
/// use scim2_sql::{Column, ColumnMap, Dialect, Rows, Sql};
///
/// let user = ResourceType::user();
/// let map = ColumnMap::builder(&user)
///     .column("id", Column::text("u.id"))
///     .column("userName", Column::key("u.user_name_key"))
///     .column("active", Column::boolean("u.active"))
///     .column("meta.lastModified", Column::milliseconds("u.modified"))
///     .rows(
///         "emails",
///         Rows::joined("email AS e", "e.user_id", "u.id")
///             .column("value", Column::key("e.address_key"))
///             .column("type", Column::key("e.kind")),
///     )
///     .build()?;
///
/// let filter = r#"userName eq "Babs" or emails[type eq "work" and value ew "@x.org"]"#.parse()?;
/// let filter = user.bind(&filter, &Policy::strict())?;
/// let mut sql = Sql::new(Dialect::Sqlite);
/// sql.push("SELECT u.id FROM user AS u WHERE u.tenant = ").bind(7).push(" AND ");
/// map.filter(&filter, &mut sql)?;
/// assert_eq!(
///     sql.text(),
///     "SELECT u.id FROM user AS u WHERE u.tenant = ?1 AND \
///      (COALESCE(u.user_name_key = ?2, FALSE) OR \
///      u.id IN (SELECT e.user_id FROM email AS e WHERE (COALESCE(e.kind = ?3, FALSE) AND \
///      COALESCE((e.address_key = ?4 OR substr(CAST(e.address_key AS BLOB), \
///      length(CAST(e.address_key AS BLOB)) - length(CAST(?5 AS BLOB)) + 1) = \
///      CAST(?6 AS BLOB)), FALSE))))",
/// );
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct ColumnMap {
    resource_type: ResourceType,
    id: &'static str,
    columns: Vec<(Path, Column)>,
    rows: Vec<(Path, Rows)>,
}

impl ColumnMap {
    /// Begins a map for a resource type.
    #[must_use]
    pub fn builder(resource_type: &ResourceType) -> ColumnMapBuilder {
        ColumnMapBuilder {
            resource_type: resource_type.clone(),
            columns: Vec::new(),
            rows: Vec::new(),
        }
    }

    /// Writes a filter as one condition, which is true or false and never unknown.
    ///
    /// # Errors
    /// `invalidFilter` when it looks at an attribute that the map does not have, or compares one
    /// in a way in which its column cannot be compared. Then what was written is of no use.
    pub fn filter(&self, filter: &BoundFilter, sql: &mut Sql) -> Result<(), Error> {
        lower::exact(self, filter, sql).map_err(|cause| match cause {
            Unlowered::Unmapped(path) => {
                let name = self.resource_type.name();
                Error::invalid_filter(format_args!(
                    "attribute `{path}` of resource type `{name}` cannot be asked for here"
                ))
            }
            Unlowered::Incomparable(path) => Error::invalid_filter(format_args!(
                "attribute `{path}` cannot be compared with this here"
            )),
            Unlowered::TooLarge => Error::invalid_filter("the filter has too many terms"),
        })
    }

    /// Writes what stands after `ORDER BY`; without a sort key, the order of `id`.
    ///
    /// # Errors
    /// `invalidValue` when the map has no column to sort by; a multi-valued attribute has none.
    pub fn order_by(&self, sort: Option<&SortKey>, sql: &mut Sql) -> Result<(), Error> {
        match sort {
            Some(sort) => {
                lower::order_by(&self.sorted_by(sort)?, sort.order(), self.id, sql);
            }
            None => {
                sql.push(self.id);
            }
        }
        Ok(())
    }

    /// Writes the condition that a row comes after a position, in the order of
    /// [`order_by`](Self::order_by): a page by cursor begins there.
    ///
    /// # Errors
    /// `invalidValue` as for [`order_by`](Self::order_by), and `invalidCursor` when the position
    /// is not one of this order.
    pub fn after(
        &self,
        sort: Option<&SortKey>,
        position: &SortedPosition,
        sql: &mut Sql,
    ) -> Result<(), Error> {
        let id = Expr::bound(position.id.as_str());
        let Some(sort) = sort else {
            sql.push(self.id).push(" > ");
            id.write(sql);
            return Ok(());
        };
        let operand = self.sorted_by(sort)?;
        let key = position.key.as_ref().map(|key| sort_literal(operand.kind, key, sql.dialect()));
        let foreign = || Error::bad_request(scim2_core::ScimType::InvalidCursor);
        let key = key.map(|key| key.ok_or_else(foreign)).transpose()?;
        lower::after(&operand, sort.order(), self.id, (key, id), sql);
        Ok(())
    }

    fn sorted_by(&self, sort: &SortKey) -> Result<Operand, Error> {
        match self.place(sort.attr()) {
            Ok(Place::One(operand)) if operand.kind != Kind::Bytes => Ok(operand),
            _ => Err(Error::invalid_value(format_args!(
                "cannot sort: attribute `{}` has no order here",
                sort.attr()
            ))),
        }
    }

    fn column(&self, path: &Path) -> Option<&Column> {
        self.columns.iter().find(|(known, _)| known == path).map(|(_, column)| column)
    }

    fn rows(&self, path: &Path) -> Option<&Rows> {
        self.rows.iter().find(|(known, _)| known == path).map(|(_, rows)| rows)
    }

    /// The condition that some attribute is there of those that a test chooses.
    fn some(&self, chosen: impl Fn(&Path) -> bool) -> Option<Expr> {
        let columns = self.columns.iter().filter(|(path, _)| chosen(path));
        let columns = columns.map(|(_, column)| column.operand().present());
        let rows = self.rows.iter().filter(|(path, _)| chosen(path));
        let rows = rows.filter_map(|(_, rows)| {
            let present = rows.columns.iter().map(|(_, column)| column.operand().present());
            Some(rows.lowered().meeting(&any_of(present)?))
        });
        any_of(columns.chain(rows))
    }
}

fn any_of(mut conditions: impl Iterator<Item = Expr>) -> Option<Expr> {
    let first = Expr::words("(").then_expr(&conditions.next()?);
    let all = conditions.fold(first, |all, next| all.then(" OR ").then_expr(&next));
    Some(all.then(")"))
}

impl Places for ColumnMap {
    fn place(&self, attr: &BoundAttr) -> Result<Place, Unlowered> {
        let path = Path::of(attr);
        if let Some(column) = self.column(&path) {
            return Ok(Place::One(column.operand()));
        }
        let unmapped = || Unlowered::Unmapped(attr.path());
        let rows = self.rows(&path.parent()).ok_or_else(unmapped)?;
        let column = rows.find(attr.sub_attr().unwrap_or("value")).ok_or_else(unmapped)?;
        Ok(Place::Each(rows.lowered(), column.operand()))
    }

    fn whole(&self, attr: &BoundAttr) -> Result<Option<Expr>, Unlowered> {
        let path = Path::of(attr);
        if attr.sub_attr().is_some() || self.column(&path).is_some() {
            return Ok(None);
        }
        let is_extension = |known: &Path| known.extension.as_deref() == Some(attr.name());
        let some = if self.resource_type.extension(attr.name()).is_some() {
            self.some(is_extension)
        } else {
            self.some(|known| known.parent() == path)
        };
        some.map(Some).ok_or_else(|| Unlowered::Unmapped(attr.path()))
    }

    fn elements(&self, attr: &BoundAttr) -> Result<Elements, Unlowered> {
        let path = Path::of(attr);
        if let Some(rows) = self.rows(&path) {
            return Ok(Elements::Each(rows.lowered()));
        }
        // An object without anything in it cannot be told from none.
        let columns = self.columns.iter().filter(|(known, _)| known.parent() == path);
        let there = any_of(columns.map(|(_, column)| column.operand().there()));
        there.map(Elements::One).ok_or_else(|| Unlowered::Unmapped(attr.path()))
    }

    fn in_element(&self, parent: &BoundAttr, attr: &BoundAttr) -> Result<Place, Unlowered> {
        let path = Path::of(parent);
        let column = match self.rows(&path) {
            Some(rows) => rows.find(attr.name()),
            None => self.column(&Path { sub_attr: Some(attr.name().to_owned()), ..path }),
        };
        let column = column
            .ok_or_else(|| Unlowered::Unmapped(format!("{}.{}", parent.path(), attr.name())))?;
        Ok(Place::One(column.operand()))
    }
}

/// A value that the application's own words give: a column's name, or any expression of the row,
/// such as one that reads a JSON document.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Column {
    sql: &'static str,
    kind: Kind,
}

impl Column {
    /// Text that is compared as it is: of attributes with `caseExact` alone, in Unicode
    /// normalization form C.
    #[must_use]
    pub const fn text(sql: &'static str) -> Self {
        Self { sql, kind: Kind::Text }
    }

    /// The [comparison key](scim2_core::key::comparison_key) of text, which the application keeps
    /// beside the text. With SQLite, the functions of `register_key_functions` make it.
    #[must_use]
    pub const fn key(sql: &'static str) -> Self {
        Self { sql, kind: Kind::Key }
    }

    /// A boolean; 0 or 1 in SQLite.
    #[must_use]
    pub const fn boolean(sql: &'static str) -> Self {
        Self { sql, kind: Kind::Boolean }
    }

    /// A whole number.
    #[must_use]
    pub const fn integer(sql: &'static str) -> Self {
        Self { sql, kind: Kind::Integer }
    }

    /// Any number: a double in SQLite, a double or `numeric` in PostgreSQL.
    #[must_use]
    pub const fn decimal(sql: &'static str) -> Self {
        Self { sql, kind: Kind::Decimal }
    }

    /// An instant, as seconds since 1970.
    #[must_use]
    pub const fn seconds(sql: &'static str) -> Self {
        Self { sql, kind: Kind::Ticks(1_000_000_000) }
    }

    /// An instant, as milliseconds since 1970.
    #[must_use]
    pub const fn milliseconds(sql: &'static str) -> Self {
        Self { sql, kind: Kind::Ticks(1_000_000) }
    }

    /// An instant, as microseconds since 1970.
    #[must_use]
    pub const fn microseconds(sql: &'static str) -> Self {
        Self { sql, kind: Kind::Ticks(1_000) }
    }

    /// An instant, as PostgreSQL's `timestamptz`.
    #[must_use]
    pub const fn timestamp(sql: &'static str) -> Self {
        Self { sql, kind: Kind::Timestamp }
    }

    /// The bytes of a binary.
    #[must_use]
    pub const fn bytes(sql: &'static str) -> Self {
        Self { sql, kind: Kind::Bytes }
    }

    fn operand(&self) -> Operand {
        Operand::new(
            Expr::words(self.sql),
            if self.kind == Kind::Key { Kind::Text } else { self.kind },
        )
    }

    /// Whether values of an attribute can be in such a column.
    fn fits(&self, attribute: &Attribute) -> bool {
        use AttributeType as T;
        match self.kind {
            Kind::Key => matches!(attribute.attribute_type, T::String | T::Reference),
            Kind::Text => match attribute.attribute_type {
                T::String => attribute.case_exact,
                other => other == T::Reference,
            },
            Kind::Boolean => attribute.attribute_type == T::Boolean,
            Kind::Integer => attribute.attribute_type == T::Integer,
            Kind::Decimal => matches!(attribute.attribute_type, T::Integer | T::Decimal),
            Kind::Ticks(_) | Kind::Timestamp => attribute.attribute_type == T::DateTime,
            Kind::Bytes => attribute.attribute_type == T::Binary,
        }
    }
}

/// The rows that hold the values of a multi-valued attribute, one each.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rows {
    from: &'static str,
    owner: Option<(&'static str, &'static str)>,
    columns: Vec<(&'static str, Column)>,
}

impl Rows {
    /// Rows of another table: what stands after `FROM`, its column that names the resource, and
    /// the resource's column that is named. Neither may be null.
    ///
    /// `Rows::joined("email AS e", "e.user_id", "u.id")`
    #[must_use]
    pub fn joined(from: &'static str, owner: &'static str, key: &'static str) -> Self {
        Self { from, owner: Some((key, owner)), columns: Vec::new() }
    }

    /// Rows that are made of the resource's own row.
    ///
    /// `Rows::within("json_each(u.profile, '$.emails') AS e")`
    #[must_use]
    pub fn within(from: &'static str) -> Self {
        Self { from, owner: None, columns: Vec::new() }
    }

    /// Where a sub-attribute is; `value` for the value itself where it is not complex.
    #[must_use]
    pub fn column(mut self, sub_attr: &'static str, column: Column) -> Self {
        self.columns.push((sub_attr, column));
        self
    }

    fn find(&self, sub_attr: &str) -> Option<&Column> {
        let named = |(name, _): &&(&str, Column)| name.eq_ignore_ascii_case(sub_attr);
        self.columns.iter().find(named).map(|(_, column)| column)
    }

    fn lowered(&self) -> lower::Rows {
        lower::Rows { from: Expr::words(self.from), owner: self.owner }
    }
}

/// Puts a [`ColumnMap`] together.
#[derive(Clone, Debug)]
pub struct ColumnMapBuilder {
    resource_type: ResourceType,
    columns: Vec<(&'static str, Column)>,
    rows: Vec<(&'static str, Rows)>,
}

impl ColumnMapBuilder {
    /// Where a singular attribute, or a sub-attribute of one, is: `userName`, `name.familyName`,
    /// `urn:…:User:employeeNumber`.
    #[must_use]
    pub fn column(mut self, path: &'static str, column: Column) -> Self {
        self.columns.push((path, column));
        self
    }

    /// Where the values of a multi-valued attribute are.
    #[must_use]
    pub fn rows(mut self, path: &'static str, rows: Rows) -> Self {
        self.rows.push((path, rows));
        self
    }

    /// The map, if every attribute exists and has a column of its type, and `id` has one.
    ///
    /// # Errors
    /// The first attribute that does not.
    pub fn build(self) -> Result<ColumnMap, MapError> {
        let ty = &self.resource_type;
        let mut id = None;
        let mut columns = Vec::with_capacity(self.columns.len());
        for (text, column) in self.columns {
            let (path, attribute, multi_valued) = resolve(ty, text)?;
            if multi_valued {
                return Err(MapError::new(text, MapErrorKind::MultiValued));
            }
            if !column.fits(&attribute) {
                return Err(MapError::new(text, MapErrorKind::WrongColumn));
            }
            if path.is("id") {
                id = Some(column.sql);
            }
            columns.push((path, column));
        }
        let mut rows = Vec::with_capacity(self.rows.len());
        for (text, values) in self.rows {
            let (path, attribute, multi_valued) = resolve(ty, text)?;
            if !multi_valued || path.sub_attr.is_some() {
                return Err(MapError::new(text, MapErrorKind::Singular));
            }
            for (name, column) in &values.columns {
                let value = match attribute.sub_attribute(name) {
                    Some(sub_attribute) => sub_attribute,
                    None if !attribute.is_complex() && *name == "value" => &attribute,
                    None => return Err(MapError::new(text, MapErrorKind::Unknown)),
                };
                if value.multi_valued && value.name != attribute.name {
                    return Err(MapError::new(text, MapErrorKind::MultiValued));
                }
                if !column.fits(value) {
                    return Err(MapError::new(text, MapErrorKind::WrongColumn));
                }
            }
            rows.push((path, values));
        }
        let id = id.ok_or(MapError::new("id", MapErrorKind::Missing))?;
        Ok(ColumnMap { resource_type: self.resource_type, id, columns, rows })
    }
}

/// Why there can be no such map.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("attribute `{path}` {kind}")]
pub struct MapError {
    path: &'static str,
    kind: MapErrorKind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum MapErrorKind {
    Unknown,
    Missing,
    MultiValued,
    Singular,
    WrongColumn,
}

impl MapError {
    fn new(path: &'static str, kind: MapErrorKind) -> Self {
        Self { path, kind }
    }

    /// The attribute that it is about.
    #[must_use]
    pub fn path(&self) -> &'static str {
        self.path
    }
}

impl fmt::Display for MapErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Unknown => "is unknown, or has an unknown sub-attribute",
            Self::Missing => "has no column",
            Self::MultiValued => "is multi-valued: its values are in rows",
            Self::Singular => "is not multi-valued: its value is in a column",
            Self::WrongColumn => {
                "cannot be in a column of this kind; text without `caseExact` needs one of keys"
            }
        })
    }
}

/// An attribute in the spelling of its schema.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Path {
    extension: Option<String>,
    name: String,
    sub_attr: Option<String>,
}

impl Path {
    fn of(attr: &BoundAttr) -> Self {
        Self {
            extension: attr.extension().map(ToString::to_string),
            name: attr.name().to_owned(),
            sub_attr: attr.sub_attr().map(str::to_owned),
        }
    }

    fn parent(&self) -> Self {
        Self { sub_attr: None, ..self.clone() }
    }

    fn is(&self, name: &str) -> bool {
        self.extension.is_none() && self.sub_attr.is_none() && self.name == name
    }
}

/// The attribute that a path names, and whether it, or what it is a part of, is multi-valued.
fn resolve(ty: &ResourceType, text: &'static str) -> Result<(Path, Attribute, bool), MapError> {
    let unknown = || MapError::new(text, MapErrorKind::Unknown);
    let parsed: AttrPath = text.parse().map_err(|_| unknown())?;
    match ty.resolve(&parsed, &Policy::strict()) {
        Ok(Resolved::Attribute { extension, attribute, sub_attribute }) => {
            let path = Path {
                extension: extension.map(|extension| extension.schema.id.to_string()),
                name: attribute.name.to_string(),
                sub_attr: sub_attribute.map(|sub_attribute| sub_attribute.name.to_string()),
            };
            let target = sub_attribute.unwrap_or(attribute);
            Ok((path, target.clone(), attribute.multi_valued || target.multi_valued))
        }
        _ => Err(unknown()),
    }
}

/// What a resource was sorted by, as its column is compared with.
fn sort_literal(kind: Kind, value: &SortValue, dialect: Dialect) -> Option<Expr> {
    Some(match (kind, value) {
        (Kind::Text, SortValue::Text(key)) => Expr::bound(&**key),
        (Kind::Boolean, SortValue::Bool(value)) => Expr::bound(*value),
        (Kind::Integer, SortValue::Number(number)) => Expr::bound(number.as_i64()?),
        (Kind::Decimal, SortValue::Number(number)) => match dialect {
            Dialect::Sqlite => Expr::bound(number.as_f64()),
            // A double would stand before or after the row that it was made of.
            Dialect::Postgres => {
                let exact = keys::digits(number).power.abs() <= lower::MAX_POWER;
                Expr::bound(exact.then(|| number.as_str())?).then("::numeric")
            }
        },
        (Kind::Ticks(nanos), SortValue::Instant(instant)) => {
            let total = i128::from(instant.timestamp()) * 1_000_000_000
                + i128::from(instant.timestamp_subsec_nanos());
            Expr::bound(i64::try_from(total.div_euclid(i128::from(nanos))).ok()?)
        }
        (Kind::Timestamp, SortValue::Instant(instant)) => {
            let text = instant.to_rfc3339_opts(chrono::SecondsFormat::Micros, true);
            Expr::bound(text).then("::timestamptz")
        }
        _ => return None,
    })
}
