//! The canonical form: one space, lower-case operators, no more parentheses than needed.

use alloc::vec::Vec;
use core::fmt::{self, Display, Write};

use crate::{CompareValue, Expr, Filter, FilterRef, Terms};

impl Display for FilterRef<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        print(*self, f, Secrets::Shown)
    }
}

impl fmt::Debug for FilterRef<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Filter(")?;
        print(*self, f, Secrets::Redacted)?;
        f.write_str(")")
    }
}

impl Display for Filter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Display::fmt(&self.as_ref(), f)
    }
}

impl fmt::Debug for Filter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.as_ref(), f)
    }
}

impl Display for CompareValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Null => f.write_str("null"),
            Self::Bool(true) => f.write_str("true"),
            Self::Bool(false) => f.write_str("false"),
            Self::Number(number) => f.write_str(number.as_str()),
            Self::String(text) => write_string(text, f),
        }
    }
}

/// Whether the value that `password` is compared with is printed.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Secrets {
    Shown,
    Redacted,
}

/// What is still to print, innermost last.
enum Pending<'a> {
    Filter(FilterRef<'a>),
    /// The terms after the first one, and what stands before each.
    Terms(Terms<'a>, &'static str),
    Text(&'static str),
}

fn print(filter: FilterRef<'_>, f: &mut fmt::Formatter<'_>, secrets: Secrets) -> fmt::Result {
    let mut pending = Vec::new();
    let mut next = Some(Pending::Filter(filter));
    while let Some(item) = next.take().or_else(|| pending.pop()) {
        match item {
            Pending::Text(text) => f.write_str(text)?,
            Pending::Terms(mut terms, connective) => {
                let Some(term) = terms.next() else { continue };
                f.write_str(connective)?;
                pending.push(Pending::Terms(terms, connective));
                next = Some(term_of(term, connective, &mut pending, f)?);
            }
            Pending::Filter(filter) => match filter.expr() {
                Expr::Present(path) => {
                    path.fmt(f)?;
                    f.write_str(" pr")?;
                }
                Expr::Compare { path, op, value } => {
                    path.fmt(f)?;
                    f.write_str(" ")?;
                    f.write_str(op.as_str())?;
                    f.write_str(" ")?;
                    let secret = |name: &crate::AttrName| *name == "password";
                    if secrets == Secrets::Redacted
                        && (secret(&path.name) || path.sub_attr.as_ref().is_some_and(secret))
                    {
                        f.write_str("[redacted]")?;
                    } else {
                        value.fmt(f)?;
                    }
                }
                Expr::And(mut terms) => {
                    if let Some(first) = terms.next() {
                        pending.push(Pending::Terms(terms, AND));
                        next = Some(term_of(first, AND, &mut pending, f)?);
                    }
                }
                Expr::Or(mut terms) => {
                    if let Some(first) = terms.next() {
                        pending.push(Pending::Terms(terms, OR));
                        next = Some(term_of(first, OR, &mut pending, f)?);
                    }
                }
                Expr::Not(inner) => {
                    f.write_str("not (")?;
                    pending.push(Pending::Text(")"));
                    next = Some(Pending::Filter(inner));
                }
                Expr::ValuePath { path, filter } => {
                    path.fmt(f)?;
                    f.write_str("[")?;
                    pending.push(Pending::Text("]"));
                    next = Some(Pending::Filter(filter));
                }
            },
        }
    }
    Ok(())
}

const AND: &str = " and ";
const OR: &str = " or ";

/// A term of a chain: only an `or` inside an `and` needs parentheses.
fn term_of<'a>(
    term: FilterRef<'a>,
    connective: &'static str,
    pending: &mut Vec<Pending<'a>>,
    f: &mut fmt::Formatter<'_>,
) -> Result<Pending<'a>, fmt::Error> {
    if connective == AND && matches!(term.expr(), Expr::Or(_)) {
        f.write_str("(")?;
        pending.push(Pending::Text(")"));
    }
    Ok(Pending::Filter(term))
}

/// A JSON string with no more escapes than needed (RFC 8259 §7).
fn write_string(text: &str, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    f.write_char('"')?;
    let mut rest = text;
    while let Some(at) = rest.bytes().position(crate::class::string_stop) {
        let (plain, tail) = rest.split_at(at);
        f.write_str(plain)?;
        let mut chars = tail.chars();
        match chars.next() {
            Some('"') => f.write_str("\\\"")?,
            Some('\\') => f.write_str("\\\\")?,
            Some('\u{8}') => f.write_str("\\b")?,
            Some('\u{c}') => f.write_str("\\f")?,
            Some('\n') => f.write_str("\\n")?,
            Some('\r') => f.write_str("\\r")?,
            Some('\t') => f.write_str("\\t")?,
            Some(control) => write!(f, "\\u{:04x}", u32::from(control))?,
            None => {}
        }
        rest = chars.as_str();
    }
    f.write_str(rest)?;
    f.write_char('"')
}
