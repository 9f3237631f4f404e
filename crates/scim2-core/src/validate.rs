//! Whether a resource may be stored (RFC 7644 §3.3 and §3.5.1; RFC 7643 §2.2 and §7).
//!
//! POST, PUT and PATCH differ in what becomes of attributes that the client may not write or has
//! left out. The final state is checked alike for all three: what is required is there, one value
//! at most is primary, and `schemas` says what the resource has.

use std::collections::HashMap;

use serde_json::{Map, Value};

use crate::accept::{Reader, ResourceSeed, Source, elements, elements_mut, is_unassigned};
use crate::catalog::{Extension, GROUP_SCHEMA, ResourceType, USER_SCHEMA, common_attribute};
use crate::error::Error;
use crate::json;
use crate::key::{comparison_key, equal_values};
use crate::policy::{Policy, PutMissing, SchemasMismatch};
use crate::resource::{Resource, Valid};
use crate::schema::{Attribute, AttributeType, Mutability, Schema};
pub use crate::violation::Violation;
use crate::violation::{Problem, Violations};

impl ResourceType {
    /// Checks a resource that is to be created (RFC 7644 §3.3).
    ///
    /// What is readOnly is dropped, `id` and `meta` with it. Everything is read anew as
    /// [`normalize`](Self::normalize) does, so that the resource may come from anywhere.
    ///
    /// ```
    /// use scim2_core::{Policy, ResourceType, ScimType};
    /// let user = ResourceType::user();
    /// let body = br#"{"schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"], "id": "1"}"#;
    /// let resource = user.ingest(body, &Policy::strict())?;
    /// let error = user.validate_new(resource, &Policy::strict()).unwrap_err();
    /// assert_eq!(error.scim_type(), Some(&ScimType::InvalidValue));
    /// assert_eq!(error.message(), Some("`userName` is required"));
    /// # Ok::<(), scim2_core::Error>(())
    /// ```
    ///
    /// # Errors
    /// `invalidValue` when something required is missing or a value does not fit,
    /// `invalidSyntax` for wrong `schemas` and unknown attributes; all violations in one error.
    pub fn validate_new(
        &self,
        resource: Resource,
        policy: &Policy,
    ) -> Result<Valid<Resource>, Error> {
        let (mut map, mut violations) = self.read(resource.into_map(), policy)?;
        self.drop_read_only(&mut map);
        self.check_schemas(&mut map, policy, &mut violations);
        self.settle(None, &mut map, policy, &mut violations);
        violations.into_result()?;
        Ok(Valid::new(map.into()))
    }

    /// Everything that is wrong with the body of a POST, one by one: what
    /// [`ingest`](Self::ingest) and [`validate_new`](Self::validate_new) would tell in one error.
    ///
    /// ```
    /// use scim2_core::{Policy, ResourceType};
    /// let body = br#"{"userName": "b", "emails": [{"value": 5}], "activ": true}"#;
    /// let violations = ResourceType::user().check(body, &Policy::strict())?;
    /// let paths: Vec<_> = violations.iter().map(|violation| violation.path()).collect();
    /// assert_eq!(paths, ["emails[0].value", "activ", "schemas"]);
    /// assert_eq!(violations[0].to_string(), "`emails[0].value` must be a string, found a number");
    /// # Ok::<(), scim2_core::Error>(())
    /// ```
    ///
    /// # Errors
    /// `invalidSyntax` when the body is not a JSON object as [`json::parse_object`] wants it.
    pub fn check(&self, body: &[u8], policy: &Policy) -> Result<Vec<Violation>, Error> {
        let reader = Reader::new(self, policy, Source::Body).listing_all();
        let mut map = json::from_object(body, ResourceSeed(&reader))?;
        let mut violations = reader.into_violations();
        self.drop_read_only(&mut map);
        if !violations.contains("schemas") {
            self.check_schemas(&mut map, policy, &mut violations);
        }
        self.settle(None, &mut map, policy, &mut violations);
        Ok(violations.into_list())
    }

    /// Checks a resource that is to replace another by PUT (RFC 7644 §3.5.1).
    ///
    /// What is readOnly stays as it was. What is immutable must be equal or left out, where it has
    /// a value; left out it stays, and so does what is writeOnly. Everything else that is left out
    /// is cleared, unless the policy keeps it.
    ///
    /// # Errors
    /// `mutability` when an immutable attribute would change; otherwise as
    /// [`validate_new`](Self::validate_new).
    pub fn validate_replace(
        &self,
        before: &Resource,
        after: Resource,
        policy: &Policy,
    ) -> Result<Valid<Resource>, Error> {
        let (mut map, mut violations) = self.read(after.into_map(), policy)?;
        let id = map.get("id").and_then(Value::as_str);
        if policy.put.id_mismatch_rejected && id.is_some() && id != before.id() {
            violations.push("id", Problem::ReadOnly);
        }
        self.drop_read_only(&mut map);
        self.check_schemas(&mut map, policy, &mut violations);
        self.keep(before.as_map(), &mut map, policy, &mut violations);
        self.settle(None, &mut map, policy, &mut violations);
        violations.into_result()?;
        Ok(Valid::new(map.into()))
    }

    /// The checks of the final state that POST, PUT and PATCH share, and `schemas` as it follows
    /// from the content (ruling P32).
    ///
    /// What was wrong in `before` already and is as it was is not this request's fault.
    ///
    /// # Errors
    /// `invalidValue` when something required is missing or several values are primary.
    pub(crate) fn finish(
        &self,
        before: Option<&Resource>,
        resource: &mut Resource,
        policy: &Policy,
    ) -> Result<(), Error> {
        let mut violations = Violations::default();
        self.settle(before.map(Resource::as_map), resource.as_map_mut(), policy, &mut violations);
        violations.into_result()
    }

    /// What validation would find wrong with a body that is refused already, as far as no
    /// `before` can change it.
    pub(crate) fn check_body(
        &self,
        map: &Map<String, Value>,
        policy: &Policy,
        violations: &mut Violations,
    ) {
        if !violations.contains("schemas") {
            self.check_schemas(&mut map.clone(), policy, violations);
        }
        self.check_required(None, map, violations);
    }

    /// The schemas of this type: each with where its attributes are, none for the resource itself.
    fn parts(&self) -> impl Iterator<Item = (Option<&Extension>, &Schema)> {
        let extensions = self.extensions().iter().map(|e| (Some(e), e.schema.as_ref()));
        std::iter::once((None, self.schema().as_ref())).chain(extensions)
    }

    /// The attributes of one schema with what a resource has of them.
    fn attribute_of<'a>(
        &'a self,
        extension: Option<&'a Extension>,
        name: &str,
    ) -> Option<&'a Attribute> {
        match extension {
            Some(extension) => extension.schema.attribute(name),
            None => self.attribute(name),
        }
    }

    /// The part of a resource that a client may write: without readOnly attributes and
    /// sub-attributes.
    #[must_use]
    pub fn writable(&self, resource: &Resource) -> Resource {
        let mut map = resource.as_map().clone();
        self.drop_read_only(&mut map);
        Resource::from(map)
    }

    /// Drops what only the service provider writes (rulings W06 and W27).
    fn drop_read_only(&self, map: &mut Map<String, Value>) {
        for (extension, _) in self.parts() {
            let Some(container) = container_mut(map, extension) else { continue };
            container.retain(|name, value| match self.attribute_of(extension, name) {
                Some(attribute) if attribute.mutability == Mutability::ReadOnly => false,
                Some(attribute) => {
                    drop_read_only_sub_attributes(attribute, value);
                    !is_unassigned(value)
                }
                None => true,
            });
        }
    }

    /// Checks `schemas` as a client sent it, and drops what the policy lets it (rulings W01, W02).
    fn check_schemas(
        &self,
        map: &mut Map<String, Value>,
        policy: &Policy,
        violations: &mut Violations,
    ) {
        let base = self.schema().id.as_str();
        let listed = match map.get_mut("schemas") {
            Some(Value::Array(listed)) => listed,
            _ if policy.schemas.infer => {
                map.insert("schemas".to_owned(), vec![base].into());
                return;
            }
            _ => return violations.push("schemas", Problem::SchemasMissing),
        };
        let is = |uri: &str, value: &Value| {
            value.as_str().is_some_and(|text| text.eq_ignore_ascii_case(uri))
        };
        if !policy.schemas.ignore_unknown && !self.is_open() {
            for value in listed.iter() {
                let uri = value.as_str().unwrap_or_default();
                if !uri.eq_ignore_ascii_case(base) && self.extension(uri).is_none() {
                    let problem = Problem::UnknownSchema { schema: uri.into(), base: base.into() };
                    violations.push("schemas", problem);
                }
            }
        }
        if !listed.iter().any(|value| is(base, value)) {
            if policy.schemas.infer {
                listed.push(base.into());
            } else {
                violations.push("schemas", Problem::BaseSchemaMissing { base: base.into() });
            }
        }
        if policy.schemas.mismatch == SchemasMismatch::Reject {
            let listed = std::mem::take(listed);
            for extension in self.extensions() {
                let uri = extension.schema.id.as_str();
                if listed.iter().any(|value| is(uri, value)) != map.contains_key(uri) {
                    violations.push("schemas", Problem::SchemasMismatch { schema: uri.into() });
                }
            }
            map.insert("schemas".to_owned(), listed.into());
        }
    }

    /// Carries over what a PUT does not touch, and checks what it must not (rulings W06 to W08).
    fn keep(
        &self,
        before: &Map<String, Value>,
        after: &mut Map<String, Value>,
        policy: &Policy,
        violations: &mut Violations,
    ) {
        for (extension, schema) in self.parts() {
            let old = match extension {
                Some(_) => before.get(schema.id.as_str()).and_then(Value::as_object),
                None => Some(before),
            };
            let Some(old) = old else { continue };
            for (name, old) in old.iter().filter(|(_, value)| !is_unassigned(value)) {
                if name == "schemas" && extension.is_none() {
                    continue;
                }
                let Some(attribute) = self.attribute_of(extension, name) else {
                    let unknown = extension.is_some() || self.extension(name).is_none();
                    if unknown && policy.put.missing == PutMissing::Keep {
                        carry_over(after, extension, name, old);
                    }
                    continue;
                };
                let kept = attribute.mutability != Mutability::ReadWrite
                    || policy.put.missing == PutMissing::Keep;
                let new = container_mut(after, extension).and_then(|after| after.get_mut(name));
                let Some(new) = new else {
                    if kept {
                        carry_over(after, extension, name, old);
                    }
                    continue;
                };
                if attribute.mutability != Mutability::Immutable {
                    keep_sub_attributes(attribute, old, new, |sub_attr| {
                        let path = format!("{}.{sub_attr}", path_of(extension, name));
                        violations.push(path, Problem::Immutable);
                    });
                } else if !equal_values(Some(attribute), old, new) {
                    violations.push(path_of(extension, name), Problem::Immutable);
                }
            }
        }
    }

    /// Brings a resource into its final form, and checks that.
    fn settle(
        &self,
        before: Option<&Map<String, Value>>,
        map: &mut Map<String, Value>,
        policy: &Policy,
        violations: &mut Violations,
    ) {
        for (extension, _) in self.parts() {
            if let Some(container) = container_mut(map, extension) {
                drop_unassigned(container);
                self.check_primary(extension, before, container, policy, violations);
            }
        }
        drop_unassigned(map);
        self.compute_schemas(map);
        self.check_required(before, map, violations);
    }

    /// `schemas` as it follows from the content: the base schema and the extensions of which the
    /// resource has attributes, in the spelling of the resource type, in the client's order.
    fn compute_schemas(&self, map: &mut Map<String, Value>) {
        let base = self.schema().id.as_str();
        let listed = match map.get("schemas") {
            Some(Value::Array(listed)) => listed.as_slice(),
            // Data of unknown origin may be a fragment.
            _ if self.is_open() => return,
            _ => &[],
        };
        let mut schemas: Vec<&str> = Vec::with_capacity(1 + self.extensions().len());
        let mut foreign: Vec<&str> = Vec::new();
        let mut add = |uri| {
            if !schemas.contains(&uri) {
                schemas.push(uri);
            }
        };
        for listed in listed.iter().filter_map(Value::as_str) {
            match self.extension(listed) {
                Some(extension) => {
                    let uri = extension.schema.id.as_str();
                    if map.contains_key(uri) {
                        add(uri);
                    }
                }
                None if listed.eq_ignore_ascii_case(base) => add(base),
                None if self.is_open() => foreign.push(listed),
                None => {}
            }
        }
        if !self.is_open() {
            add(base);
        }
        for extension in self.extensions() {
            let uri = extension.schema.id.as_str();
            if map.contains_key(uri) {
                add(uri);
            }
        }
        schemas.append(&mut foreign);
        if !schemas.iter().eq(listed) {
            let schemas: Vec<Value> = schemas.into_iter().map(Value::from).collect();
            map.insert("schemas".to_owned(), schemas.into());
        }
    }

    /// Checks that one element at most is primary (RFC 7643 §2.4, ruling W23).
    fn check_primary(
        &self,
        extension: Option<&Extension>,
        before: Option<&Map<String, Value>>,
        container: &mut Map<String, Value>,
        policy: &Policy,
        violations: &mut Violations,
    ) {
        for (name, value) in container.iter_mut() {
            let Value::Array(elements) = value else { continue };
            if elements.len() < 2 {
                continue;
            }
            let Some(attribute) = self.attribute_of(extension, name) else { continue };
            let Some(primary) = attribute
                .sub_attribute("primary")
                .filter(|primary| primary.attribute_type == AttributeType::Boolean)
            else {
                continue;
            };
            let primary = primary.name.as_str();
            let is_primary = |element: &Value| element.get(primary) == Some(&Value::Bool(true));
            let count = elements.iter().filter(|element| is_primary(element)).count();
            if count < 2 || self.old_value(extension, before, name) == Some(&*value) {
                continue;
            }
            if !policy.primary_keep_first {
                let problem = Problem::SeveralPrimary { count };
                violations.push(path_of(extension, name), problem);
                continue;
            }
            let Value::Array(elements) = value else { continue };
            for element in elements.iter_mut().filter(|element| is_primary(element)).skip(1) {
                if let Some(primary) = element.get_mut(primary) {
                    *primary = Value::Bool(false);
                }
            }
        }
    }

    /// Checks that what is required is there (RFC 7643 §2.2; rulings W09, W34 and S05).
    fn check_required(
        &self,
        before: Option<&Map<String, Value>>,
        map: &Map<String, Value>,
        violations: &mut Violations,
    ) {
        for (extension, schema) in self.parts() {
            let uri = schema.id.as_str();
            let container = match extension {
                None => map,
                Some(extension) => match map.get(uri).and_then(Value::as_object) {
                    Some(container) => container,
                    None => {
                        let had = before.is_none_or(|before| before.contains_key(uri));
                        if extension.required && had && !violations.contains(uri) {
                            violations.push(uri, Problem::Missing);
                        }
                        continue;
                    }
                },
            };
            for attribute in &schema.attributes {
                let sub_required = attribute.sub_attributes.iter().any(|sub| sub.required);
                if !attribute.required && !sub_required {
                    continue;
                }
                let name = attribute.name.as_str();
                if attribute.mutability == Mutability::ReadOnly
                    || (extension.is_none() && common_attribute(name).is_some())
                {
                    continue;
                }
                let value = container.get(name);
                let old = || self.old_value(extension, before, name);
                if attribute.required {
                    let problem = match value {
                        None => Some(Problem::Missing),
                        Some(Value::String(text))
                            if text.is_empty() && is_non_empty(schema, name) =>
                        {
                            Some(Problem::Empty)
                        }
                        Some(_) => None,
                    };
                    let lacked = || before.is_some() && old() == value;
                    if let Some(problem) = problem.filter(|_| !lacked()) {
                        let path = path_of(extension, name);
                        if !violations.contains(&path) {
                            violations.push(path, problem);
                        }
                    }
                }
                let Some(value) = value else { continue };
                if sub_required && (before.is_none() || old() != Some(value)) {
                    check_required_sub_attributes(
                        attribute,
                        &path_of(extension, name),
                        value,
                        violations,
                    );
                }
            }
        }
    }

    fn old_value<'a>(
        &self,
        extension: Option<&Extension>,
        before: Option<&'a Map<String, Value>>,
        name: &str,
    ) -> Option<&'a Value> {
        match extension {
            None => before?.get(name),
            Some(extension) => before?.get(extension.schema.id.as_str())?.get(name),
        }
    }
}

fn container_mut<'a>(
    map: &'a mut Map<String, Value>,
    extension: Option<&Extension>,
) -> Option<&'a mut Map<String, Value>> {
    match extension {
        None => Some(map),
        Some(extension) => map.get_mut(extension.schema.id.as_str())?.as_object_mut(),
    }
}

fn drop_unassigned(map: &mut Map<String, Value>) {
    if map.values().any(is_unassigned) {
        map.retain(|_, value| !is_unassigned(value));
    }
}

/// Gives a resource the value that it had.
fn carry_over(
    map: &mut Map<String, Value>,
    extension: Option<&Extension>,
    name: &str,
    old: &Value,
) {
    let container = match extension {
        None => Some(map),
        Some(extension) => map
            .entry(extension.schema.id.as_str())
            .or_insert_with(|| Value::Object(Map::new()))
            .as_object_mut(),
    };
    if let Some(container) = container {
        container.entry(name).or_insert_with(|| old.clone());
    }
}

/// What a client or the messages call an attribute.
fn path_of(extension: Option<&Extension>, name: &str) -> String {
    match extension {
        None => name.to_owned(),
        Some(extension) => format!("{}:{name}", extension.schema.id),
    }
}

/// The strings that RFC 7643 wants non-empty: §4.1.1 for `userName`; ruling W09 for a group's
/// `displayName`.
fn is_non_empty(schema: &Schema, name: &str) -> bool {
    (schema.id == USER_SCHEMA && name == "userName")
        || (schema.id == GROUP_SCHEMA && name == "displayName")
}

/// Drops the sub-attributes that only the service provider writes.
fn drop_read_only_sub_attributes(attribute: &Attribute, value: &mut Value) {
    let read_only = |sub_attribute: &&Attribute| sub_attribute.mutability == Mutability::ReadOnly;
    if !attribute.sub_attributes.iter().any(|sub_attribute| read_only(&sub_attribute)) {
        return;
    }
    for element in elements_mut(value) {
        let Value::Object(map) = element else { continue };
        for sub_attribute in attribute.sub_attributes.iter().filter(read_only) {
            map.remove(sub_attribute.name.as_str());
        }
    }
    if let Value::Array(elements) = value {
        elements.retain(|element| !is_unassigned(element));
    }
}

/// Carries over the sub-attributes of complex values that a PUT does not touch, and reports
/// immutable ones that would change.
///
/// The elements of a multi-valued attribute are added and removed, not edited (ruling S12), so
/// nothing in them is immutable. Those that are still there keep what a client cannot write.
fn keep_sub_attributes(
    attribute: &Attribute,
    old: &Value,
    new: &mut Value,
    mut immutable: impl FnMut(&str),
) {
    let has = |mutability| attribute.sub_attributes.iter().any(|sub| sub.mutability == mutability);
    let unreadable = has(Mutability::ReadOnly) || has(Mutability::WriteOnly);
    if !attribute.multi_valued {
        if let (true, Value::Object(old), Value::Object(new)) =
            (unreadable || has(Mutability::Immutable), old, new)
        {
            keep_in_element(attribute, old, new, &mut immutable);
        }
        return;
    }
    let Some(value) = attribute.value_sub_attribute().filter(|_| unreadable) else { return };
    let key = |element: &Map<String, Value>| {
        let text = element.get(value.name.as_str())?.as_str()?;
        Some(comparison_key(value.case_exact, text).into_owned())
    };
    let old: HashMap<_, _> = elements(old)
        .iter()
        .filter_map(Value::as_object)
        .filter_map(|element| Some((key(element)?, element)))
        .collect();
    for new in elements_mut(new).iter_mut().filter_map(Value::as_object_mut) {
        if let Some(old) = key(new).and_then(|key| old.get(&key)) {
            keep_in_element(attribute, old, new, &mut |_| {});
        }
    }
}

fn keep_in_element(
    attribute: &Attribute,
    old: &Map<String, Value>,
    new: &mut Map<String, Value>,
    immutable: &mut dyn FnMut(&str),
) {
    let other_target = attribute.is_resource_reference()
        && attribute.value_sub_attribute().is_some_and(|value| {
            let name = value.name.as_str();
            old.get(name) != new.get(name)
        });
    for sub_attribute in &attribute.sub_attributes {
        let name = sub_attribute.name.as_str();
        let Some(old) = old.get(name) else { continue };
        match (sub_attribute.mutability, new.get(name)) {
            (Mutability::ReadWrite, _) => {}
            // The name of another manager is not this one's.
            (Mutability::ReadOnly, _) if other_target => {}
            (Mutability::Immutable, _) if attribute.multi_valued => {}
            (_, None) => {
                new.insert(name.to_owned(), old.clone());
            }
            (Mutability::Immutable, Some(new)) => {
                if !equal_values(Some(sub_attribute), old, new) {
                    immutable(name);
                }
            }
            (Mutability::ReadOnly | Mutability::WriteOnly, Some(_)) => {}
        }
    }
}

fn check_required_sub_attributes(
    attribute: &Attribute,
    path: &str,
    value: &Value,
    violations: &mut Violations,
) {
    for (index, element) in elements(value).iter().enumerate() {
        for sub_attribute in attribute.sub_attributes.iter().filter(|sub| sub.required) {
            let name = sub_attribute.name.as_str();
            if sub_attribute.mutability == Mutability::ReadOnly || element.get(name).is_some() {
                continue;
            }
            let path = if attribute.multi_valued {
                format!("{path}[{index}].{name}")
            } else {
                format!("{path}.{name}")
            };
            if !violations.contains(&path) {
                violations.push(path, Problem::Missing);
            }
        }
    }
}
