//! What the keys of a resource type are made by, beside the rules of comparison.
//!
//! A store keeps them as text, a line each, beside the version of those rules: where the catalog
//! gives a type other ones, the keys of its older resources would not be found.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use scim2_core::ResourceType;
use scim2_core::schema::{Attribute, AttributeType, Schema, Uniqueness};

use crate::shape::INDEXED;

/// How keys are made of a document. It is raised whenever one document gets other keys, or keys in
/// another place.
const VERSION: u32 = 1;

/// The name under which the rules of a type are kept.
pub(crate) fn place(type_name: &str) -> String {
    format!("keys:{type_name}")
}

/// The name under which it is kept how often the keys of a type were made anew.
#[cfg(feature = "postgres")]
pub(crate) fn generation_place(type_name: &str) -> String {
    format!("generation:{type_name}")
}

/// The rules of a type, the same text for the same keys.
pub(crate) fn of(ty: &ResourceType) -> String {
    let mut lines = BTreeSet::new();
    lines.insert(format!("keys {VERSION}"));
    lines.extend(INDEXED.iter().map(|path| format!("{path} indexed")));
    if ty.has_unique_external_id() {
        lines.insert("externalId unique".to_owned());
    }
    let extensions = ty.extensions().iter().map(|extension| &extension.schema);
    for schema in std::iter::once(ty.schema()).chain(extensions) {
        of_schema(schema, &mut lines);
    }
    lines.into_iter().collect::<Vec<_>>().join("\n")
}

fn of_schema(schema: &Schema, lines: &mut BTreeSet<String>) {
    for attribute in &schema.attributes {
        let mut line = format!("{}:{}{}", schema.id, attribute.name, of_attribute(attribute));
        if attribute.is_resource_reference() && !attribute.multi_valued {
            line.push_str(if attribute.required { " refers always" } else { " refers" });
        }
        lines.insert(line);
        for sub in &attribute.sub_attributes {
            let (name, rules) = (&attribute.name, of_attribute(sub));
            lines.insert(format!("{}:{name}.{}{rules}", schema.id, sub.name));
        }
    }
}

fn of_attribute(attribute: &Attribute) -> String {
    let mut rules = format!(" {}", attribute.attribute_type).to_ascii_lowercase();
    if attribute.multi_valued {
        rules.push_str(" multi-valued");
    }
    if attribute.case_exact && attribute.attribute_type == AttributeType::String {
        rules.push_str(" caseExact");
    }
    if attribute.uniqueness != Uniqueness::None && !attribute.is_complex() {
        rules.push_str(" unique");
    }
    rules
}

/// Where two rules part, for people.
pub(crate) fn difference(kept: &str, wanted: &str) -> String {
    let lines = |text: &str| -> BTreeSet<String> { text.lines().map(str::to_owned).collect() };
    let (kept, wanted) = (lines(kept), lines(wanted));
    let only = |one: &BTreeSet<String>, other: &BTreeSet<String>| {
        one.difference(other)
            .next()
            .map_or_else(|| "nothing".to_owned(), |line| format!("`{line}`"))
    };
    format!("{} in the store, {} now", only(&kept, &wanted), only(&wanted, &kept))
}

/// Types whose rules are those that are kept in the store, so that it need not be asked again.
#[derive(Debug, Default)]
pub(crate) struct Known(Mutex<HashMap<Box<str>, Met>>);

/// A type with its rules.
#[derive(Debug)]
struct Met {
    ty: ResourceType,
    rules: Arc<str>,
    /// How often the keys were made anew before.
    generation: i64,
}

impl Known {
    /// How many types are remembered; more are asked for again.
    const CAPACITY: usize = 1000;

    /// The generation of this type's keys, if they are known to be made by its rules; if that is not
    /// known, its rules.
    pub(crate) fn ask(&self, ty: &ResourceType) -> Result<i64, Arc<str>> {
        if let Some(met) = self.known().get(ty.name())
            && is_same(&met.ty, ty)
        {
            return Ok(met.generation);
        }
        let rules: Arc<str> = of(ty).into();
        match self.known().get_mut(ty.name()) {
            Some(met) if met.rules == rules => {
                met.ty.clone_from(ty);
                Ok(met.generation)
            }
            _ => Err(rules),
        }
    }

    pub(crate) fn put(&self, ty: &ResourceType, rules: Arc<str>, generation: i64) {
        let mut known = self.known();
        if known.len() >= Self::CAPACITY {
            known.clear();
        }
        known.insert(ty.name().into(), Met { ty: ty.clone(), rules, generation });
    }

    /// Forgets all: somebody else has made keys anew.
    #[cfg(feature = "postgres")]
    pub(crate) fn clear(&self) {
        self.known().clear();
    }

    /// The types that are known, with their rules.
    #[cfg(feature = "postgres")]
    pub(crate) fn all(&self) -> Vec<(Box<str>, Arc<str>)> {
        self.known().iter().map(|(name, met)| (name.clone(), Arc::clone(&met.rules))).collect()
    }

    fn known(&self) -> MutexGuard<'_, HashMap<Box<str>, Met>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether rules are made of the same parts, which is told without looking into them.
fn is_same(one: &ResourceType, other: &ResourceType) -> bool {
    let (ours, theirs) = (one.extensions(), other.extensions());
    Arc::ptr_eq(one.schema(), other.schema())
        && one.has_unique_external_id() == other.has_unique_external_id()
        && ours.len() == theirs.len()
        && ours.iter().zip(theirs).all(|(one, other)| Arc::ptr_eq(&one.schema, &other.schema))
}

#[cfg(test)]
mod tests {
    use scim2_core::schema::Returned;

    use super::*;

    #[test]
    fn what_makes_no_keys_is_no_rule() {
        let users = ResourceType::user();
        let others = users.clone().with_returned("groups", Returned::Request).unwrap();
        assert_eq!(of(&users), of(&others));
        let known = Known::default();
        known.put(&users, of(&users).into(), 0);
        assert_eq!(known.ask(&others), Ok(0));
    }

    #[test]
    fn what_makes_other_keys_is_another_rule() {
        let groups = ResourceType::group();
        let unique = groups.clone().with_unique_external_id();
        assert_ne!(of(&groups), of(&unique));
        let known = Known::default();
        known.put(&groups, of(&groups).into(), 0);
        let rules = known.ask(&unique).unwrap_err();
        assert_eq!(
            difference(&of(&groups), &rules),
            "nothing in the store, `externalId unique` now"
        );
        assert_eq!(known.ask(&groups), Ok(0));
    }
}
