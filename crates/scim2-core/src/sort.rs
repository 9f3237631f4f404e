//! The order of resources in a list (RFC 7644 §3.4.2.3).

use std::cmp::Ordering;

use chrono::{DateTime, Utc};
use scim2_syntax::{AttrPath, Number};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::bind::BoundAttr;
use crate::catalog::ResourceType;
use crate::error::Error;
use crate::eval::{self, Operand, Subject};
use crate::key;
use crate::policy::Policy;
use crate::resource::Resource;
use crate::schema::AttributeType;
use crate::value::parse_stored_date_time;

/// The direction of a sorted list (RFC 7644 §3.4.2.3).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[expect(clippy::exhaustive_enums, reason = "RFC 7644 §3.4.2.3 closes this set")]
pub enum SortOrder {
    /// Smallest first; resources without the attribute come last.
    #[default]
    Ascending,
    /// Largest first; resources without the attribute come first.
    Descending,
}

/// A `sortBy` that has met the schemas of a resource type.
///
/// ```
/// use scim2_core::{Policy, Resource, ResourceType, sort::SortOrder};
/// let by_name = ResourceType::user().bind_sort(
///     &"name.familyName".parse()?,
///     SortOrder::Ascending,
///     &Policy::strict(),
/// )?;
/// let mut users: Vec<Resource> = serde_json::from_str(
///     r#"[{"id": "1"}, {"id": "2", "name": {"familyName": "jones"}},
///         {"id": "3", "name": {"familyName": "Jensen"}}]"#,
/// )?;
/// users.sort_by(|a, b| by_name.compare(a, b));
/// let ids: Vec<_> = users.iter().filter_map(Resource::id).collect();
/// assert_eq!(ids, ["3", "2", "1"]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct SortKey {
    attr: BoundAttr,
    order: SortOrder,
}

/// What a resource is sorted by. Values are ordered as filters order them.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum SortValue {
    /// A boolean; false comes first.
    Bool(bool),
    /// A number.
    Number(Number),
    /// A dateTime, as the instant that it names.
    Instant(DateTime<Utc>),
    /// Text, as its comparison key.
    Text(Box<str>),
}

impl SortKey {
    /// The attribute.
    #[must_use]
    pub fn attr(&self) -> &BoundAttr {
        &self.attr
    }

    /// The direction.
    #[must_use]
    pub fn order(&self) -> SortOrder {
        self.order
    }

    /// What the resource is sorted by: of a multi-valued attribute the primary value, else the
    /// first (ruling Q07). None if it is unassigned.
    #[must_use]
    pub fn key(&self, resource: &Resource) -> Option<SortValue> {
        let subject = Subject::Resource(resource.as_map());
        let value = match subject.find(&self.attr)? {
            Value::Array(elements) => {
                let primary = elements.iter().find(|element| is_primary(element));
                primary.or_else(|| elements.first())?
            }
            value => value,
        };
        let mut key = None;
        eval::any_of_value(&self.attr, value, true, &mut |operand| {
            key = self.value(operand);
            true
        });
        key
    }

    /// The place of two resources in the list. Without the attribute: last in ascending and first
    /// in descending order. Where the attribute does not decide, `id` does, always ascending.
    #[must_use]
    pub fn compare(&self, a: &Resource, b: &Resource) -> Ordering {
        self.compare_keys(&self.key(a), &self.key(b)).then_with(|| a.id().cmp(&b.id()))
    }

    /// The place of two keys in the list, as [`compare`](Self::compare) has it.
    #[must_use]
    pub fn compare_keys(&self, a: &Option<SortValue>, b: &Option<SortValue>) -> Ordering {
        // None is less than Some, but an unassigned attribute comes last.
        let order = a.is_none().cmp(&b.is_none()).then_with(|| a.cmp(b));
        match self.order {
            SortOrder::Ascending => order,
            SortOrder::Descending => order.reverse(),
        }
    }

    fn value(&self, operand: Operand<'_>) -> Option<SortValue> {
        let Operand::Value(value) = operand else { return None };
        match (self.attr.attribute_type(), value) {
            (_, Value::Bool(value)) => Some(SortValue::Bool(*value)),
            (_, Value::Number(value)) => key::decimal(value).map(SortValue::Number),
            (Some(AttributeType::DateTime), Value::String(text)) => {
                parse_stored_date_time(text).map(SortValue::Instant)
            }
            (_, Value::String(text)) if !text.is_empty() => {
                let key = key::comparison_key(self.attr.case_exact(), text);
                Some(SortValue::Text(key.into()))
            }
            _ => None,
        }
    }
}

fn is_primary(element: &Value) -> bool {
    let members = element.as_object();
    members.and_then(|members| eval::member(members, "primary")) == Some(&Value::Bool(true))
}

impl ResourceType {
    /// Finds out what `sortBy` and `sortOrder` mean for resources of this type.
    ///
    /// # Errors
    /// `invalidValue` when the attribute is not known, is complex without a `value` to stand for
    /// it, is binary or may not be seen (ruling Q08).
    pub fn bind_sort(
        &self,
        sort_by: &AttrPath,
        order: SortOrder,
        policy: &Policy,
    ) -> Result<SortKey, Error> {
        let attr = self.bind_attr(sort_by, policy).map_err(|error| {
            let reason = error.message().unwrap_or_default();
            Error::invalid_value(format_args!("cannot sort: {reason}"))
        })?;
        if attr.attribute_type() == Some(AttributeType::Binary) {
            return Err(Error::invalid_value(format_args!(
                "cannot sort: attribute `{sort_by}` of type binary has no order"
            )));
        }
        Ok(SortKey { attr, order })
    }
}
