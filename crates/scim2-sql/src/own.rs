//! Where the stores' own tables keep attributes.

use scim2_core::ResourceType;
use scim2_core::bind::{BoundAttr, BoundFilter, BoundValue};
use scim2_core::catalog::common_attribute;
use scim2_core::key::comparison_key;
use scim2_core::sort::SortValue;
use scim2_core::syntax::CompareOp;
use scim2_provider::Scope;
use scim2_provider::store::{has_groups, has_members, singular_references};

use crate::keys;
use crate::lower::{Elements, Kind, Operand, Place, Places, Rows, Unlowered};
use crate::search::{PRESENT, whole};
use crate::sql::{Dialect, Expr, Parameter, Sql};

/// The attributes of one resource type in the row `r` of `scim_resource`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Own<'a> {
    pub(crate) ty: &'a ResourceType,
    pub(crate) scope: &'a Scope,
    pub(crate) tenant: i64,
    pub(crate) rtype: i64,
    pub(crate) dialect: Dialect,
    /// A comparison key of an identifier as the tables keep it.
    pub(crate) id: fn(&str) -> Parameter,
    /// A comparison key as the tables keep it.
    pub(crate) key: fn(&str) -> Parameter,
}

impl Own<'_> {
    /// What a resource is sorted by: of a multi-valued attribute the first value in the search
    /// document.
    pub(crate) fn sorted_by(&self, attr: &BoundAttr) -> Result<Operand, Unlowered> {
        if attr.is_open() {
            return Err(Unlowered::Unmapped(attr.path()));
        }
        if let Some(operand) = self.column(attr)? {
            return Ok(operand);
        }
        let mut steps = self.steps(attr);
        if attr.multi_valued() {
            steps.push(Step::First);
        }
        steps.extend(attr.sub_attr().map(Step::Member));
        if attr.sub_attr_multi_valued() {
            steps.push(Step::First);
        }
        Ok(Operand::new(self.text(Expr::words("r.search"), &steps), Kind::Key))
    }

    /// What is in a column of its own, or in none.
    fn column(&self, attr: &BoundAttr) -> Result<Option<Operand>, Unlowered> {
        let unmapped = || Unlowered::Unmapped(attr.path());
        let time = |column| Ok(Some(Operand::new(Expr::words(column), Kind::Ticks(1_000_000))));
        if attr.extension().is_none() {
            match (attr.name(), attr.sub_attr()) {
                ("meta", Some("created")) => return time("r.created"),
                ("meta", Some("lastModified")) => return time("r.modified"),
                ("meta", Some("resourceType")) => {
                    let key = comparison_key(true, self.ty.name());
                    let name = Expr::bound(keys::escape(&key).into_owned());
                    return Ok(Some(Operand::new(name, Kind::Key)));
                }
                ("meta", _) => return Err(unmapped()),
                // Each provisioning domain has its own.
                ("externalId", _) if self.scope.domain.is_some() => return Err(unmapped()),
                ("members", _) if has_members(self.ty) => return Err(unmapped()),
                ("groups", _) if has_groups(self.ty) => return Err(unmapped()),
                _ => {}
            }
        }
        // The names of what references point to are elsewhere.
        let reference = attr.sub_attr() == Some("displayName") && self.is_reference(attr);
        if reference { Err(unmapped()) } else { Ok(None) }
    }

    fn is_reference(&self, attr: &BoundAttr) -> bool {
        let extension = attr.extension().map(|uri| uri.as_str());
        singular_references(self.ty)
            .any(|(uri, attribute)| uri == extension && attribute.name == *attr.name())
    }

    fn steps<'s>(&self, attr: &'s BoundAttr) -> Vec<Step<'s>> {
        let extension = attr.extension().map(|uri| Step::Member(uri.as_str()));
        extension.into_iter().chain([Step::Member(attr.name())]).collect()
    }

    /// The text that is so many steps into a document.
    fn text(&self, root: Expr, steps: &[Step<'_>]) -> Expr {
        match self.dialect {
            Dialect::Sqlite => root.then(" ->> ").then_bound(json_path(steps)),
            Dialect::Postgres => {
                let Some((last, steps)) = steps.split_last() else {
                    return Expr::words("(").then_expr(&root).then(" #>> '{}')");
                };
                step(self.value(root, steps), " ->> ", *last)
            }
        }
    }

    /// The JSON that is so many steps into a document.
    fn value(&self, root: Expr, steps: &[Step<'_>]) -> Expr {
        match self.dialect {
            Dialect::Sqlite => root.then(" -> ").then_bound(json_path(steps)),
            Dialect::Postgres => steps.iter().fold(root, |value, next| step(value, " -> ", *next)),
        }
    }

    /// The elements of an array, one a row, under a name.
    fn rows(&self, root: Expr, steps: &[Step<'_>], name: Name) -> Rows {
        let from = match (self.dialect, name) {
            (Dialect::Sqlite, name) => Expr::words("jsonb_each(")
                .then_expr(&root)
                .then(", ")
                .then_bound(json_path(steps))
                .then(if name == Name::Element { ") AS e" } else { ") AS s" }),
            (Dialect::Postgres, name) => {
                let array = self.value(root, steps);
                // What was an array under an older schema may not be one now.
                Expr::words("jsonb_array_elements(CASE jsonb_typeof(")
                    .then_expr(&array)
                    .then(") WHEN 'array' THEN ")
                    .then_expr(&array)
                    .then(if name == Name::Element {
                        " END) AS e (value)"
                    } else {
                        " END) AS s (value)"
                    })
            }
        };
        Rows { from, owner: None }
    }

    /// The value itself of a row of [`rows`](Self::rows).
    fn element(&self, name: Name) -> Operand {
        let expr = match (self.dialect, name) {
            (Dialect::Sqlite, Name::Element) => Expr::words("e.value"),
            (Dialect::Sqlite, Name::SubElement) => Expr::words("s.value"),
            (Dialect::Postgres, Name::Element) => Expr::words("(e.value #>> '{}')"),
            (Dialect::Postgres, Name::SubElement) => Expr::words("(s.value #>> '{}')"),
        };
        Operand::new(expr, Kind::Key)
    }

    /// The condition that a group has this member.
    fn has_member(&self, id: &str) -> Expr {
        Expr::words("EXISTS (SELECT 1 FROM scim_member m WHERE m.group_pk = r.pk AND m.member = ")
            .then_bound((self.id)(id))
            .then(")")
    }

    /// The condition that a resource is in this group, through however many groups.
    fn is_within(&self, id: &str) -> Expr {
        Expr::words("(r.pk IN (")
            .then_expr(&self.within(id))
            .then(") AND r.id <> ")
            .then_bound((self.id)(id))
            .then(")")
    }

    /// A SELECT of the rows of this group and of everything that is in it, through however many
    /// groups.
    pub(crate) fn within(&self, id: &str) -> Expr {
        Expr::words(
            "SELECT within.pk FROM (WITH RECURSIVE down (pk) AS (\
             SELECT pk FROM scim_resource WHERE tenant = ",
        )
        .then_bound(self.tenant)
        .then(" AND id = ")
        .then_bound((self.id)(id))
        .then(
            " UNION SELECT r.pk FROM down JOIN scim_member m ON m.group_pk = down.pk \
             JOIN scim_resource r ON r.tenant = ",
        )
        .then_bound(self.tenant)
        .then(" AND r.id = m.member) SELECT pk FROM down) AS within")
    }
}

impl Places for Own<'_> {
    fn place(&self, attr: &BoundAttr) -> Result<Place, Unlowered> {
        if let Some(operand) = self.column(attr)? {
            return Ok(Place::One(operand));
        }
        let root = Expr::words("r.search");
        let mut steps = self.steps(attr);
        if attr.multi_valued() {
            let rows = self.rows(root, &steps, Name::Element);
            return Ok(match attr.sub_attr() {
                None => Place::Each(rows, self.element(Name::Element)),
                Some(sub_attr) if attr.sub_attr_multi_valued() => {
                    // An element without values counts as one without the sub-attribute.
                    let value = [Step::Member(sub_attr)];
                    let inner = self.rows(Expr::words("e.value"), &value, Name::SubElement);
                    let from =
                        rows.from.then(" LEFT JOIN ").then_expr(&inner.from).then(" ON TRUE");
                    Place::Each(Rows { from, owner: None }, self.element(Name::SubElement))
                }
                Some(sub_attr) => {
                    let expr = self.text(Expr::words("e.value"), &[Step::Member(sub_attr)]);
                    Place::Each(rows, Operand::new(expr, Kind::Key))
                }
            });
        }
        steps.extend(attr.sub_attr().map(Step::Member));
        Ok(if attr.sub_attr_multi_valued() {
            Place::Each(self.rows(root, &steps, Name::Element), self.element(Name::Element))
        } else {
            Place::One(Operand::new(self.text(root, &steps), Kind::Key))
        })
    }

    fn whole(&self, attr: &BoundAttr) -> Result<Option<Expr>, Unlowered> {
        let by_value = matches!(attr.sub_attr(), None | Some("value"));
        if attr.extension().is_none() && by_value {
            match attr.name() {
                "members" if has_members(self.ty) => {
                    return Ok(Some(Expr::words(
                        "EXISTS (SELECT 1 FROM scim_member m WHERE m.group_pk = r.pk)",
                    )));
                }
                "groups" if has_groups(self.ty) => {
                    let direct =
                        Expr::words("EXISTS (SELECT 1 FROM scim_member m WHERE m.tenant = ")
                            .then_bound(self.tenant)
                            .then(" AND m.member = r.id AND m.group_pk <> r.pk)");
                    return Ok(Some(direct));
                }
                "meta" if attr.sub_attr().is_none() => return Ok(Some(Expr::words("TRUE"))),
                _ => {}
            }
        }
        let complex = attr.attribute_type() == Some(scim2_core::schema::AttributeType::Complex);
        if attr.sub_attr().is_some() || !complex {
            return Ok(None);
        }
        let name = whole(attr.extension().map(|uri| uri.as_str()), attr.name());
        let steps = [Step::Member(PRESENT), Step::Member(&name)];
        let there = self.text(Expr::words("(r.search"), &steps).then(") IS NOT NULL");
        Ok(Some(there))
    }

    fn elements(&self, attr: &BoundAttr) -> Result<Elements, Unlowered> {
        let elsewhere = attr.is_open()
            || attr.extension().is_none()
                && match attr.name() {
                    "meta" => true,
                    "members" => has_members(self.ty),
                    "groups" => has_groups(self.ty),
                    name => common_attribute(name).is_some() && name != "schemas",
                };
        if elsewhere {
            return Err(Unlowered::Unmapped(attr.path()));
        }
        let steps = self.steps(attr);
        Ok(if attr.multi_valued() {
            Elements::Each(self.rows(Expr::words("r.search"), &steps, Name::Element))
        } else {
            Elements::One(self.value(Expr::words("(r.search"), &steps).then(") IS NOT NULL"))
        })
    }

    fn in_element(&self, parent: &BoundAttr, attr: &BoundAttr) -> Result<Place, Unlowered> {
        if attr.is_element() {
            return Ok(Place::One(self.element(Name::Element)));
        }
        if attr.attribute_type() == Some(scim2_core::schema::AttributeType::Complex)
            || attr.name() == "displayName" && self.is_reference(parent)
        {
            return Err(Unlowered::Unmapped(format!("{}.{attr}", parent.path())));
        }
        let (root, mut steps) = if parent.multi_valued() {
            (Expr::words("e.value"), Vec::new())
        } else {
            (Expr::words("r.search"), self.steps(parent))
        };
        steps.push(Step::Member(attr.name()));
        Ok(if attr.multi_valued() {
            Place::Each(self.rows(root, &steps, Name::SubElement), self.element(Name::SubElement))
        } else {
            Place::One(Operand::new(self.text(root, &steps), Kind::Key))
        })
    }

    fn own_way(&self, filter: &BoundFilter, sql: &mut Sql) -> Option<Result<(), Unlowered>> {
        let (attr, sub_attr, equal) = match filter {
            BoundFilter::Compare { attr, .. } => (attr, attr.sub_attr(), filter),
            BoundFilter::ValuePath { attr, filter } => match &**filter {
                BoundFilter::Compare { attr: inner, .. } => (attr, Some(inner.name()), &**filter),
                _ => return None,
            },
            _ => return None,
        };
        let BoundFilter::Compare { attr: target, op: CompareOp::Eq, value } = equal else {
            return None;
        };
        let BoundValue::Text(id) = value else { return None };
        let identifies = sub_attr == Some("value") && target.case_exact() && !target.is_open();
        if !identifies || attr.is_open() || attr.extension().is_some() {
            return None;
        }
        match attr.name() {
            "members" if has_members(self.ty) => self.has_member(id).write(sql),
            "groups" if has_groups(self.ty) => self.is_within(id).write(sql),
            _ => return None,
        }
        Some(Ok(()))
    }
}

/// A step into a JSON document.
#[derive(Clone, Copy, Debug)]
enum Step<'a> {
    Member(&'a str),
    First,
}

/// What a row of an array is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Name {
    Element,
    /// In an array that is in an element.
    SubElement,
}

/// A path of SQLite's. Names of attributes have no quotes in them, and neither have URNs.
fn json_path(steps: &[Step<'_>]) -> String {
    let mut path = "$".to_owned();
    for step in steps {
        match step {
            Step::Member(name) => {
                path.push_str(".\"");
                path.push_str(name);
                path.push('"');
            }
            Step::First => path.push_str("[0]"),
        }
    }
    path
}

fn step(value: Expr, arrow: &'static str, step: Step<'_>) -> Expr {
    let value = value.then(arrow);
    match step {
        Step::Member(name) => value.then_bound(name),
        Step::First => value.then("0"),
    }
}

/// What a resource was sorted by, as the operand is compared with; none if it is of another kind.
pub(crate) fn position_key(operand: &Operand, key: &SortValue) -> Option<Expr> {
    match (operand.kind, key) {
        (Kind::Ticks(_), SortValue::Instant(instant)) => {
            Some(Expr::bound(instant.timestamp_millis()))
        }
        (Kind::Key, key) => keys::of_sort_value(key).map(Expr::bound),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;
    use proptest::sample::select;
    use scim2_core::Policy;
    use scim2_core::syntax::Filter;
    use scim2_provider::{ProvisioningDomain, TenantId};

    use super::*;
    use crate::candidates::Candidates;
    use crate::lower;

    /// A filter whose literals are still to be put in, each where a `{}` is.
    fn shape() -> impl Strategy<Value = String> {
        let attributes = [
            "userName",
            "title",
            "id",
            "externalId",
            "emails",
            "emails.value",
            "groups.value",
            "groups.display",
            "members",
            "meta.version",
            "meta.resourceType",
            "profileUrl",
            "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:employeeNumber",
            "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager.value",
        ];
        let operators = ["eq", "ne", "co", "sw", "ew"];
        let term = (select(attributes.to_vec()), select(operators.to_vec()))
            .prop_map(|(attribute, operator)| format!("{attribute} {operator} {{}}"));
        let term = prop_oneof![
            6 => term,
            1 => Just("emails[value co {} and not (type eq {})]".to_owned()),
        ];
        term.prop_recursive(3, 8, 3, |inner| {
            prop_oneof![
                vec(inner.clone(), 2..4).prop_map(|terms| format!("({})", terms.join(" and "))),
                vec(inner.clone(), 2..4).prop_map(|terms| format!("({})", terms.join(" or "))),
                inner.prop_map(|term| format!("not ({term})")),
            ]
        })
    }

    /// Any text, and often such as databases know. Not an empty one: what is empty is not unique, so
    /// that it is not looked for among what is.
    fn literal() -> impl Strategy<Value = String> {
        let known = ["'", "\"", "%", "_", "\\", "\0", "$1", "?1", "'; DROP TABLE scim_name; --"];
        prop_oneof![
            select(known.to_vec()).prop_map(str::to_owned),
            any::<String>()
                .prop_filter("has a key", |text| !comparison_key(false, text).is_empty()),
            "[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-8[0-9a-f]{3}-[0-9a-f]{12}",
            "'{1,3}x{0,200}",
        ]
    }

    /// The text of the statement that finds what a shape with these literals means; none where the
    /// schema refuses it.
    fn statement(
        shape: &str,
        literals: &[String],
        dialect: Dialect,
        scope: &Scope,
    ) -> Option<String> {
        let mut text = String::new();
        let mut literals = literals.iter().cycle();
        for (at, part) in shape.split("{}").enumerate() {
            if at > 0 {
                text.push_str(&serde_json::Value::from(literals.next()?.as_str()).to_string());
            }
            text.push_str(part);
        }
        let ty = &ResourceType::user();
        let filter: Filter = text.parse().unwrap();
        let filter = ty.bind(&filter, &Policy::strict()).ok()?;
        let id = |id: &str| Parameter::Text(id.to_owned());
        let own = Own { ty, scope, tenant: 1, rtype: 1, dialect, id, key: id };
        let mut sql = Sql::new(dialect);
        Candidates::of(ty, &filter).write(&own, &mut sql);
        sql.push(" AND ");
        lower::superset(&own, &filter, &mut sql);
        Some(sql.text().to_owned())
    }

    proptest! {
        #[test]
        fn sec_16_a_statement_has_the_shape_of_its_filter_and_none_of_its_text(
            shape in shape(),
            some in vec(literal(), 1..6),
            others in vec(literal(), 1..6),
            domain in any::<bool>(),
        ) {
            let mut scope = Scope::tenant(TenantId::new("acme").unwrap());
            if domain {
                scope = scope.with_domain(ProvisioningDomain::new("entra").unwrap());
            }
            for dialect in [Dialect::Sqlite, Dialect::Postgres] {
                let text = statement(&shape, &some, dialect, &scope);
                prop_assert_eq!(&text, &statement(&shape, &others, dialect, &scope), "{}", shape);
            }
        }
    }
}
