//! Filters that compare locations.
//!
//! Stores know ids, not where the service provider is. What a filter says of `$ref` is therefore
//! said of `value` instead, and only `eq`, `ne` and `pr` can be said of locations.

use percent_encoding::percent_decode_str;
use scim2_core::syntax::{AttrName, AttrPath, CompareOp, CompareValue, Expr, Filter, FilterRef};
use scim2_core::{Catalog, Error};

use crate::base::Base;

/// The filter with ids in the place of `$ref`s; none if it has no `$ref`.
///
/// # Errors
/// `invalidFilter` when the filter looks at a location in another way than `eq`, `ne` and `pr`.
pub(crate) fn without_locations(
    filter: &Filter,
    base: &Base,
    catalog: &Catalog,
) -> Result<Option<Filter>, Error> {
    let (mut refs, mut locations) = (false, false);
    for used in filter.attr_paths() {
        refs |= is_ref(used.path);
        locations |= is_meta_location(used.parent, used.path);
    }
    if !refs && !locations {
        return Ok(None);
    }
    let rewrite = Rewrite { base, catalog };
    let filter = rewrite.filter(filter.as_ref(), None)?;
    Ok(refs.then_some(filter))
}

struct Rewrite<'a> {
    base: &'a Base,
    catalog: &'a Catalog,
}

impl Rewrite<'_> {
    /// Goes as deep as the filter's brackets, which the parser has counted.
    fn filter(&self, filter: FilterRef<'_>, parent: Option<&AttrPath>) -> Result<Filter, Error> {
        match filter.expr() {
            Expr::And(terms) => {
                let terms = terms.map(|term| self.filter(term, parent));
                let terms = terms.collect::<Result<Vec<_>, _>>()?;
                Ok(Filter::all(terms).unwrap_or_else(|| filter.to_filter()))
            }
            Expr::Or(terms) => {
                let terms = terms.map(|term| self.filter(term, parent));
                let terms = terms.collect::<Result<Vec<_>, _>>()?;
                Ok(Filter::any(terms).unwrap_or_else(|| filter.to_filter()))
            }
            Expr::Not(term) => Ok(self.filter(term, parent)?.not()),
            Expr::ValuePath { path, filter } => {
                let inner = self.filter(filter, Some(path))?;
                Filter::value_path(path.clone(), inner).map_err(Error::from)
            }
            Expr::Present(path) if is_ref(path) => Ok(Filter::present(value_of(path))),
            Expr::Compare { path, op, value } if is_ref(path) => {
                check_op(path, op)?;
                let value = match value {
                    CompareValue::String(text) => {
                        let id = self.id_of(text.as_str()).unwrap_or_default();
                        CompareValue::from(id.as_str())
                    }
                    other => other.clone(),
                };
                Ok(Filter::compare(value_of(path), op, value))
            }
            Expr::Compare { path, op, .. } if is_meta_location(parent, path) => {
                check_op(path, op)?;
                Ok(filter.to_filter())
            }
            _ => Ok(filter.to_filter()),
        }
    }

    /// The id that a reference names, if it is one to a resource of this service provider.
    fn id_of(&self, reference: &str) -> Option<String> {
        let path = match reference.contains("://") {
            true => reference.strip_prefix(self.base.as_str())?,
            false => reference,
        };
        let mut segments = path.trim_end_matches('/').rsplit('/');
        let (id, endpoint) = (segments.next()?, segments.next()?);
        let known = self.catalog.iter().any(|ty| ty.endpoint().trim_start_matches('/') == endpoint);
        let id = percent_decode_str(id).decode_utf8().ok()?;
        known.then(|| id.into_owned())
    }
}

fn check_op(path: &AttrPath, op: CompareOp) -> Result<(), Error> {
    match op {
        CompareOp::Eq | CompareOp::Ne => Ok(()),
        _ => Err(Error::invalid_filter(format_args!(
            "attribute `{path}` supports `eq`, `ne` and `pr`, not `{op}`"
        ))),
    }
}

fn is_ref(path: &AttrPath) -> bool {
    let last = path.sub_attr.as_ref().unwrap_or(&path.name);
    last.as_str().eq_ignore_ascii_case("$ref")
}

fn is_meta_location(parent: Option<&AttrPath>, path: &AttrPath) -> bool {
    let is = |name: &AttrName, known: &str| name.as_str().eq_ignore_ascii_case(known);
    match (parent, &path.sub_attr) {
        (Some(parent), None) => is(&parent.name, "meta") && is(&path.name, "location"),
        (None, Some(sub_attr)) => is(&path.name, "meta") && is(sub_attr, "location"),
        _ => false,
    }
}

/// The path with `value` in the place of `$ref`.
fn value_of(path: &AttrPath) -> AttrPath {
    #[expect(clippy::expect_used, reason = "it is a name by the grammar")]
    let value = AttrName::new("value").expect("`value` is a name");
    match path.sub_attr {
        Some(_) => AttrPath { sub_attr: Some(value), ..path.clone() },
        None => AttrPath { name: value, ..path.clone() },
    }
}
