//! Filters that compare locations.
//!
//! Stores know ids, not where the service provider is. What a filter says of `$ref` is therefore
//! said of `value` instead, what it says of `meta.location` names endpoint and id alone, and only
//! `eq`, `ne` and `pr` can be said of locations.

use percent_encoding::percent_decode_str;
use scim2_core::syntax::{AttrName, AttrPath, CompareOp, CompareValue, Expr, Filter, FilterRef};
use scim2_core::{Catalog, Error};

use crate::base::Base;

/// The filter without absolute locations; none if it has none.
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
    Ok(Some(filter))
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
                let value = self.renamed(value, |_, id| id);
                Ok(Filter::compare(value_of(path), op, value))
            }
            Expr::Compare { path, op, value } if is_meta_location(parent, path) => {
                check_op(path, op)?;
                let value = self.renamed(value, |endpoint, id| format!("/{endpoint}/{id}"));
                Ok(Filter::compare(path.clone(), op, value))
            }
            _ => Ok(filter.to_filter()),
        }
    }

    /// The literal that a store compares with: made of endpoint and id, or empty text, which no
    /// location is, for a reference that leads elsewhere.
    fn renamed(&self, value: &CompareValue, name: impl Fn(&str, String) -> String) -> CompareValue {
        match value {
            CompareValue::String(text) => {
                let named = self.named_by(text.as_str()).map(|(endpoint, id)| name(endpoint, id));
                CompareValue::from(named.unwrap_or_default().as_str())
            }
            other => other.clone(),
        }
    }

    /// The endpoint and the id that a reference names, if it is one to a resource of this service
    /// provider: absolute, from the root of its host, or relative to an endpoint; a version
    /// segment does not count (ruling F23).
    fn named_by<'r>(&self, reference: &'r str) -> Option<(&'r str, String)> {
        let (own_root, own_path) = split_root(self.base.as_str());
        let (root, path) = split_root(reference);
        if root.is_some_and(|root| !own_root.is_some_and(|own| own.eq_ignore_ascii_case(root))) {
            return None;
        }
        let mut segments = path.trim_end_matches('/').rsplit('/');
        let (id, endpoint) = (segments.next()?, segments.next()?);
        let mut before = segments.filter(|segment| counts(segment)).peekable();
        let is_relative = root.is_none() && before.peek().is_none();
        if !is_relative && !before.eq(own_path.rsplit('/').filter(|segment| counts(segment))) {
            return None;
        }
        let known = self.catalog.iter().any(|ty| ty.endpoint().trim_start_matches('/') == endpoint);
        let id = percent_decode_str(id).decode_utf8().ok()?;
        known.then(|| (endpoint, id.into_owned()))
    }
}

/// Scheme and authority, if it is absolute, and what comes after them.
fn split_root(reference: &str) -> (Option<&str>, &str) {
    let path_start = reference.find("://").and_then(|colon| {
        let authority = reference.get(colon + 3..)?;
        Some(colon + 3 + authority.find('/').unwrap_or(authority.len()))
    });
    match path_start.and_then(|at| reference.split_at_checked(at)) {
        Some((root, path)) => (Some(root), path),
        None => (None, reference),
    }
}

/// Whether a segment before the endpoint tells places apart: versions such as `v2` do not.
fn counts(segment: &str) -> bool {
    let is_version = segment.strip_prefix('v').is_some_and(|version| {
        version.starts_with(|c: char| c.is_ascii_digit())
            && version.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.')
    });
    !matches!(segment, "" | "." | "..") && !is_version
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
