//! Whether a target understands a query.

use scim2_core::ResourceType;
use scim2_core::search::SearchRequest;
use scim2_core::syntax::{AttrPath, CompareOp, Expr, Filter, FilterRef};

use super::{FilterShape, Paging, ProfileViolation, Rule, TargetProfile};

impl TargetProfile {
    /// What the target would refuse in a query.
    ///
    /// `attributes` and `excludedAttributes` are left alone: a target that does not know them
    /// ignores them.
    #[must_use]
    pub fn check_query(
        &self,
        resource_type: &ResourceType,
        request: &SearchRequest,
        filter: Option<&Filter>,
    ) -> Vec<ProfileViolation> {
        let mut violations = Vec::new();
        if let Some(filter) = filter {
            violations.extend(self.check_filter(resource_type, filter));
        }
        let mut query = |attribute: &str, found: String, allowed: String, remedy: &str| {
            violations.push(ProfileViolation::new(
                self,
                Rule::Query,
                attribute,
                found,
                allowed,
                remedy,
            ));
        };
        if let Some(count) = request.count {
            let in_range = u64::try_from(count).is_ok_and(|n| (1..=self.page_size).contains(&n));
            if self.paging == Paging::Cursor && !in_range {
                let allowed = format!("1 to {}", self.page_size);
                query("count", count.to_string(), allowed, "ask for smaller pages");
            }
        }
        if self.paging == Paging::Cursor && request.start_index.is_some_and(|start| start > 1) {
            query(
                "startIndex",
                "a value above 1".to_owned(),
                "none".to_owned(),
                "read pages by `cursor`",
            );
        }
        if !self.sort && request.sort_by.is_some() {
            query("sortBy", "a value".to_owned(), "none".to_owned(), "sort what is received");
        }
        violations
    }

    /// What the target would refuse in a filter.
    #[must_use]
    pub fn check_filter(
        &self,
        resource_type: &ResourceType,
        filter: &Filter,
    ) -> Option<ProfileViolation> {
        let profile = self.resource(resource_type.name())?;
        if profile.filters.is_empty() {
            return None;
        }
        let shapes: Vec<String> = profile.filters.iter().map(FilterShape::to_string).collect();
        let violation = |found: String| {
            Some(ProfileViolation::new(
                self,
                Rule::Filter,
                "filter",
                found,
                "`eq`, joined by `and`",
                format!("ask by one of: {}", shapes.join("; ")),
            ))
        };
        let mut keys = Vec::new();
        for term in terms(filter.as_ref()) {
            match term.expr() {
                Expr::Compare { path, op: CompareOp::Eq, .. } => {
                    keys.push(key(resource_type, path));
                }
                Expr::Compare { op, .. } => return violation(format!("the operator `{op}`")),
                Expr::Present(_) => return violation("the operator `pr`".to_owned()),
                Expr::Or(_) => return violation("the operator `or`".to_owned()),
                Expr::Not(_) => return violation("the operator `not`".to_owned()),
                Expr::ValuePath { .. } => return violation("a value path in brackets".to_owned()),
                Expr::And(_) => return violation("a nested `and`".to_owned()),
            }
        }
        keys.sort();
        let known = profile.filters.iter().any(|shape| {
            let mut wanted: Vec<String> = shape
                .attributes()
                .map(|name| whole(&name.to_ascii_lowercase()).to_owned())
                .collect();
            wanted.sort();
            wanted == keys
        });
        if known {
            return None;
        }
        let names: Vec<String> = filter.attr_paths().map(|path| format!("`{path}`")).collect();
        Some(ProfileViolation::new(
            self,
            Rule::Filter,
            "filter",
            format!("a comparison of {}", names.join(" and ")),
            "other attributes",
            format!("ask by one of: {}", shapes.join("; ")),
        ))
    }
}

/// What `and` joins, or the filter itself.
fn terms(filter: FilterRef<'_>) -> impl Iterator<Item = FilterRef<'_>> {
    let (joined, single) = match filter.expr() {
        Expr::And(terms) => (Some(terms), None),
        _ => (None, Some(filter)),
    };
    joined.into_iter().flatten().chain(single)
}

/// An attribute as filter shapes list it: lower case, without the URN of a schema of the resource
/// type, and without `.value`, which is implied.
fn key(resource_type: &ResourceType, path: &AttrPath) -> String {
    let own = path.schema.as_ref().is_none_or(|schema| {
        *schema == resource_type.schema().id || resource_type.extension(schema.as_str()).is_some()
    });
    let mut name = if own {
        String::new()
    } else {
        path.schema.as_ref().map_or_else(String::new, |s| format!("{s}:"))
    };
    name.push_str(path.name.as_str());
    if let Some(sub_attr) = &path.sub_attr {
        name.push('.');
        name.push_str(sub_attr.as_str());
    }
    name.make_ascii_lowercase();
    whole(&name).to_owned()
}

fn whole(name: &str) -> &str {
    name.strip_suffix(".value").unwrap_or(name)
}
