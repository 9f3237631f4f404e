//! What a filter asks about, without what it asks for: for traces, which hold no values.

use scim2_core::syntax::{Expr, Filter, FilterRef};

/// The filter with `?` in the place of its values: attribute names and operators alone.
pub(crate) fn shape(filter: &Filter) -> String {
    let mut out = String::new();
    write(filter.as_ref(), &mut out);
    out
}

/// Goes as deep as the filter's brackets, which the parser has counted.
fn write(filter: FilterRef<'_>, out: &mut String) {
    match filter.expr() {
        Expr::And(terms) => list(terms, " and ", out),
        Expr::Or(terms) => list(terms, " or ", out),
        Expr::Not(term) => {
            out.push_str("not (");
            write(term, out);
            out.push(')');
        }
        Expr::ValuePath { path, filter } => {
            out.push_str(&path.to_string());
            out.push('[');
            write(filter, out);
            out.push(']');
        }
        Expr::Present(path) => {
            out.push_str(&path.to_string());
            out.push_str(" pr");
        }
        Expr::Compare { path, op, .. } => {
            out.push_str(&path.to_string());
            out.push(' ');
            out.push_str(&op.to_string());
            out.push_str(" ?");
        }
    }
}

fn list<'a>(terms: impl Iterator<Item = FilterRef<'a>>, between: &str, out: &mut String) {
    out.push('(');
    for (at, term) in terms.enumerate() {
        if at > 0 {
            out.push_str(between);
        }
        write(term, out);
    }
    out.push(')');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sec_22_a_shape_has_no_values() {
        let filter: Filter =
            r#"emails[type eq "work" and value co "@x"] and not (active eq true or age gt 5) or title pr"#
                .parse()
                .unwrap();
        assert_eq!(
            shape(&filter),
            "((emails[(type eq ? and value co ?)] and not ((active eq ? or age gt ?))) or title pr)"
        );
    }
}
