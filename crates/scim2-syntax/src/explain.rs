use alloc::vec::Vec;
use core::fmt;

use crate::{CompareOp, CompareValue, Expr, Filter, FilterRef, Terms};

/// A filter as a tree in words, one part a line; made by [`Filter::explain`].
#[derive(Clone, Copy, Debug)]
pub struct Explain<'a>(FilterRef<'a>);

impl Filter {
    /// The filter as a tree in words, for people.
    ///
    /// ```
    /// # use scim2_syntax::Filter;
    /// let filter: Filter = r#"userName sw "b" and (title pr or emails[type eq "work" and not (primary eq true)])"#.parse()?;
    /// assert_eq!(filter.explain().to_string(), r#"
    /// all of
    /// ├─ userName starts with "b"
    /// └─ any of
    ///    ├─ title has a value
    ///    └─ one value of emails with all of
    ///       ├─ type equals "work"
    ///       └─ not
    ///          └─ primary equals true
    /// "#.trim());
    /// # Ok::<(), scim2_syntax::ParseError>(())
    /// ```
    pub fn explain(&self) -> Explain<'_> {
        self.as_ref().explain()
    }
}

impl<'a> FilterRef<'a> {
    /// What stands here as a tree in words, for people.
    pub fn explain(self) -> Explain<'a> {
        Explain(self)
    }
}

impl Explain<'_> {
    /// How many levels are shown as a tree. What is deeper is shown as a filter, on one line.
    pub const MAX_LEVELS: usize = 64;
}

impl fmt::Display for Explain<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Each open part's operands that are still to come.
        let mut open: Vec<Operands<'_>> = Vec::new();
        open.extend(line(self.0, f)?);
        while let Some(operands) = open.last_mut() {
            let Some(operand) = operands.next() else {
                open.pop();
                continue;
            };
            f.write_str("\n")?;
            for (level, operands) in open.iter().enumerate() {
                f.write_str(match (level + 1 == open.len(), operands.is_empty()) {
                    (false, false) => "│  ",
                    (false, true) => "   ",
                    (true, false) => "├─ ",
                    (true, true) => "└─ ",
                })?;
            }
            if open.len() < Self::MAX_LEVELS {
                open.extend(line(operand, f)?);
            } else {
                write!(f, "{operand}")?;
            }
        }
        Ok(())
    }
}

/// What stands below a part.
enum Operands<'a> {
    Terms(Terms<'a>),
    One(Option<FilterRef<'a>>),
}

impl<'a> Operands<'a> {
    fn next(&mut self) -> Option<FilterRef<'a>> {
        match self {
            Self::Terms(terms) => terms.next(),
            Self::One(operand) => operand.take(),
        }
    }

    fn is_empty(&self) -> bool {
        match self {
            Self::Terms(terms) => terms.len() == 0,
            Self::One(operand) => operand.is_none(),
        }
    }
}

/// Writes one part without what is below it, and answers that.
fn line<'a>(
    filter: FilterRef<'a>,
    f: &mut fmt::Formatter<'_>,
) -> Result<Option<Operands<'a>>, fmt::Error> {
    let mut filter = filter;
    if let Expr::ValuePath { path, filter: inside } = filter.expr() {
        write!(f, "one value of {path} with ")?;
        filter = inside;
    }
    match filter.expr() {
        Expr::Present(path) => write!(f, "{path} has a value")?,
        // `eq null` and `ne null` ask whether there is a value.
        Expr::Compare { path, op: CompareOp::Eq, value: CompareValue::Null } => {
            write!(f, "{path} has no value")?;
        }
        Expr::Compare { path, op: CompareOp::Ne, value: CompareValue::Null } => {
            write!(f, "{path} has a value")?;
        }
        Expr::Compare { path, op, value } => {
            let words = match op {
                CompareOp::Eq => "equals",
                CompareOp::Ne => "is not",
                CompareOp::Co => "contains",
                CompareOp::Sw => "starts with",
                CompareOp::Ew => "ends with",
                CompareOp::Gt => "is greater than",
                CompareOp::Ge => "is at least",
                CompareOp::Lt => "is less than",
                CompareOp::Le => "is at most",
            };
            write!(f, "{path} {words} {value}")?;
        }
        Expr::And(terms) => {
            f.write_str("all of")?;
            return Ok(Some(Operands::Terms(terms)));
        }
        Expr::Or(terms) => {
            f.write_str("any of")?;
            return Ok(Some(Operands::Terms(terms)));
        }
        Expr::Not(inner) => {
            f.write_str("not")?;
            return Ok(Some(Operands::One(Some(inner))));
        }
        // Brackets do not nest.
        Expr::ValuePath { path, filter } => write!(f, "one value of {path} with {filter}")?,
    }
    Ok(None)
}
