//! SQL text and its parameters, built together.

use std::fmt;

/// Which database's SQL is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Dialect {
    /// SQLite 3.45 or later.
    Sqlite,
    /// PostgreSQL 12 or later, and what speaks its language.
    Postgres,
}

/// A value that is bound to a place in a statement.
#[derive(Clone, PartialEq)]
#[non_exhaustive]
pub enum Parameter {
    /// Text.
    Text(String),
    /// An integer.
    Integer(i64),
    /// A double.
    Real(f64),
    /// A boolean; 0 or 1 where the database has none.
    Boolean(bool),
    /// Bytes.
    Bytes(Vec<u8>),
}

/// Its kind alone: values are personal data.
impl fmt::Debug for Parameter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Text(_) => "text",
            Self::Integer(_) => "integer",
            Self::Real(_) => "real",
            Self::Boolean(_) => "boolean",
            Self::Bytes(_) => "bytes",
        })
    }
}

impl From<&str> for Parameter {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<String> for Parameter {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<i64> for Parameter {
    fn from(integer: i64) -> Self {
        Self::Integer(integer)
    }
}

impl From<f64> for Parameter {
    fn from(real: f64) -> Self {
        Self::Real(real)
    }
}

impl From<bool> for Parameter {
    fn from(boolean: bool) -> Self {
        Self::Boolean(boolean)
    }
}

impl From<Vec<u8>> for Parameter {
    fn from(bytes: Vec<u8>) -> Self {
        Self::Bytes(bytes)
    }
}

/// A statement in the making. Its text is made of the program's own words alone; whatever comes
/// from outside is bound.
///
/// ```
/// use scim2_sql::{Dialect, Sql};
/// let mut sql = Sql::new(Dialect::Sqlite);
/// sql.push("SELECT id FROM users WHERE tenant = ").bind("acme");
/// assert_eq!(sql.text(), "SELECT id FROM users WHERE tenant = ?1");
/// assert_eq!(sql.parameters().len(), 1);
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Sql {
    dialect: Dialect,
    text: String,
    parameters: Vec<Parameter>,
}

impl Sql {
    /// An empty statement.
    #[must_use]
    pub fn new(dialect: Dialect) -> Self {
        Self { dialect, text: String::new(), parameters: Vec::new() }
    }

    /// Adds words of the program.
    pub fn push(&mut self, text: &'static str) -> &mut Self {
        self.text.push_str(text);
        self
    }

    /// Adds a place, and binds a value to it.
    pub fn bind(&mut self, parameter: impl Into<Parameter>) -> &mut Self {
        let parameter = parameter.into();
        self.parameters.push(parameter);
        let number = self.parameters.len();
        match self.dialect {
            Dialect::Sqlite => self.text.push_str(&format!("?{number}")),
            Dialect::Postgres => {
                let cast = match self.parameters.last() {
                    Some(Parameter::Integer(_)) => "bigint",
                    Some(Parameter::Real(_)) => "double precision",
                    Some(Parameter::Boolean(_)) => "boolean",
                    Some(Parameter::Bytes(_)) => "bytea",
                    Some(Parameter::Text(_)) | None => "text",
                };
                self.text.push_str(&format!("${number}::{cast}"));
            }
        }
        self
    }

    /// Whose SQL it is.
    #[must_use]
    pub fn dialect(&self) -> Dialect {
        self.dialect
    }

    /// The text.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// What is bound, in the order of the places.
    #[must_use]
    pub fn parameters(&self) -> &[Parameter] {
        &self.parameters
    }

    /// The same statement with words of the program before it.
    pub(crate) fn after_words(&self, words: &'static str) -> Self {
        let mut sql = self.clone();
        sql.text.insert_str(0, words);
        sql
    }

    /// Where it ends now, to [`cut`](Self::cut) off later what is added after.
    pub(crate) fn mark(&self) -> Mark {
        Mark { text: self.text.len(), parameters: self.parameters.len() }
    }

    /// Takes back everything that was added since a mark.
    pub(crate) fn cut(&mut self, mark: Mark) {
        self.text.truncate(mark.text);
        self.parameters.truncate(mark.parameters);
    }
}

/// A place in a statement in the making.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Mark {
    text: usize,
    parameters: usize,
}

/// An expression that can be written more than once.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Expr(Vec<Piece>);

#[derive(Clone, Debug, PartialEq)]
enum Piece {
    Words(&'static str),
    Bound(Parameter),
}

impl Expr {
    pub(crate) fn words(words: &'static str) -> Self {
        Self(vec![Piece::Words(words)])
    }

    pub(crate) fn bound(parameter: impl Into<Parameter>) -> Self {
        Self(vec![Piece::Bound(parameter.into())])
    }

    pub(crate) fn then(mut self, words: &'static str) -> Self {
        self.0.push(Piece::Words(words));
        self
    }

    pub(crate) fn then_bound(mut self, parameter: impl Into<Parameter>) -> Self {
        self.0.push(Piece::Bound(parameter.into()));
        self
    }

    pub(crate) fn then_expr(mut self, other: &Self) -> Self {
        self.0.extend(other.0.iter().cloned());
        self
    }

    pub(crate) fn write(&self, sql: &mut Sql) {
        for piece in &self.0 {
            match piece {
                Piece::Words(words) => sql.push(words),
                Piece::Bound(parameter) => sql.bind(parameter.clone()),
            };
        }
    }
}

#[cfg(feature = "sqlite")]
impl rusqlite::ToSql for Parameter {
    fn to_sql(&self) -> rusqlite::Result<rusqlite::types::ToSqlOutput<'_>> {
        match self {
            Self::Text(text) => text.to_sql(),
            Self::Integer(integer) => integer.to_sql(),
            Self::Real(real) => real.to_sql(),
            Self::Boolean(boolean) => boolean.to_sql(),
            Self::Bytes(bytes) => bytes.to_sql(),
        }
    }
}

#[cfg(feature = "postgres")]
impl tokio_postgres::types::ToSql for Parameter {
    fn to_sql(
        &self,
        ty: &tokio_postgres::types::Type,
        out: &mut tokio_postgres::types::private::BytesMut,
    ) -> Result<tokio_postgres::types::IsNull, Box<dyn std::error::Error + Sync + Send>> {
        match self {
            Self::Text(text) => text.to_sql(ty, out),
            Self::Integer(integer) => integer.to_sql(ty, out),
            Self::Real(real) => real.to_sql(ty, out),
            Self::Boolean(boolean) => boolean.to_sql(ty, out),
            Self::Bytes(bytes) => bytes.to_sql(ty, out),
        }
    }

    /// The text of a statement says of what type each place is.
    fn accepts(_: &tokio_postgres::types::Type) -> bool {
        true
    }

    tokio_postgres::types::to_sql_checked!();
}
