//! What a client sent, made fit for the schema, while it is read.
//!
//! One visitor does it for the bytes of a body and for JSON that is parsed already: names get the
//! schema's spelling, what is unassigned goes, types are checked, and the tolerances of the
//! [`Policy`] are applied. What is wrong is written down with its place, and reading goes on, so
//! that a client learns all of it at once. Only what makes the JSON itself ambiguous or too large
//! ends the reading.

use std::cell::RefCell;
use std::collections::HashSet;
use std::fmt;
use std::ptr;

use serde::Deserializer;
use serde::de::{self, DeserializeSeed, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};

use self::value::ValueSeed;
pub(crate) use self::value::id_of_uri;
use crate::catalog::{Extension, ResourceType, USER_SCHEMA, common_attribute};
use crate::error::{Error, ScimType};
use crate::json::{self, Budget, Strict};
use crate::policy::{Policy, UnknownAttributes};
use crate::resource::Resource;
use crate::schema::{Attribute, Schema, find_near};
use crate::violation::{Problem, Violations};

mod duplicates;
mod value;

/// For whom and under which name a value of a PATCH operation is accepted.
#[derive(Clone, Copy)]
pub(crate) struct Accept<'a> {
    pub(crate) resource_type: &'a ResourceType,
    pub(crate) policy: &'a Policy,
    /// What messages call the attribute: its path as resolved.
    pub(crate) path: &'a str,
}

/// A client's value for an attribute, whole: for a multi-valued attribute the result is an array,
/// also when the client sent one element alone (P16). None is unassigned: null, [] or {} (W10).
///
/// Sub-attributes that are readOnly stay in the result if they are well-formed, and are left out
/// if they are not.
///
/// # Errors
/// All violations together, as `invalidValue`; `invalidSyntax` when an object has a name twice.
pub(crate) fn accept(
    attribute: &Attribute,
    value: Value,
    cx: Accept<'_>,
) -> Result<Option<Value>, Error> {
    cx.read(|reader, path| ValueSeed { reader, attribute, path, single: false }.deserialize(value))
}

/// A client's value for one element of a multi-valued attribute.
///
/// # Errors
/// As [`accept`].
pub(crate) fn accept_element(
    attribute: &Attribute,
    value: Value,
    cx: Accept<'_>,
) -> Result<Option<Value>, Error> {
    cx.read(|reader, path| ValueSeed { reader, attribute, path, single: true }.deserialize(value))
}

/// A client's value for an attribute that no schema defines, in an open resource type.
///
/// # Errors
/// `invalidSyntax` when an object has a name twice or the value is nested too deeply.
pub(crate) fn accept_open(value: Value) -> Result<Option<Value>, Error> {
    let budget = Budget::default();
    let value = Strict::at_depth(&budget, 1).deserialize(value).map_err(Error::invalid_syntax)?;
    Ok(Some(value).filter(|value| !is_unassigned(value)))
}

impl Accept<'_> {
    fn read<T>(
        &self,
        read: impl FnOnce(&Reader<'_>, &Path<'_>) -> Result<T, serde_json::Error>,
    ) -> Result<T, Error> {
        let reader = Reader::new(self.resource_type, self.policy, Source::Patch);
        let path = Path { parent: None, step: Step::Name(self.path), depth: 1 };
        let result = read(&reader, &path).map_err(Error::invalid_syntax)?;
        reader.violations.into_inner().into_result()?;
        Ok(result)
    }
}

/// null, [] and {} (RFC 7643 §2.5, ruling W10).
pub(crate) fn is_unassigned(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Array(elements) => elements.is_empty(),
        Value::Object(map) => map.is_empty(),
        _ => false,
    }
}

/// The elements of an array, or the one value.
pub(crate) fn elements(value: &Value) -> &[Value] {
    match value {
        Value::Array(elements) => elements,
        value => std::slice::from_ref(value),
    }
}

/// The elements of an array, or the one value, to change.
pub(crate) fn elements_mut(value: &mut Value) -> &mut [Value] {
    match value {
        Value::Array(elements) => elements,
        value => std::slice::from_mut(value),
    }
}

/// Where values come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Source {
    /// The body of a POST or PUT.
    Body,
    /// The value of a PATCH operation.
    Patch,
}

/// What one body or one value is read with.
pub(crate) struct Reader<'a> {
    resource_type: &'a ResourceType,
    policy: &'a Policy,
    source: Source,
    /// Attributes of the resource for what the body does not name.
    defaults: Option<&'a Resource>,
    budget: Budget,
    violations: RefCell<Violations>,
}

impl<'a> Reader<'a> {
    pub(crate) fn new(resource_type: &'a ResourceType, policy: &'a Policy, source: Source) -> Self {
        Self {
            resource_type,
            policy,
            source,
            defaults: None,
            budget: Budget::default(),
            violations: RefCell::default(),
        }
    }

    /// Keeps more violations than an error would tell.
    pub(crate) fn listing_all(self) -> Self {
        Self { violations: RefCell::new(Violations::to_be_listed()), ..self }
    }

    pub(crate) fn with_defaults(self, defaults: &'a Resource) -> Self {
        Self { defaults: Some(defaults), ..self }
    }

    pub(crate) fn into_violations(self) -> Violations {
        self.violations.into_inner()
    }

    fn report(&self, path: &Path<'_>, problem: Problem) {
        self.violations.borrow_mut().push(path.to_string(), problem);
    }

    /// Whether a multi-valued attribute may be given one value that stands in no array.
    fn wraps_single_values(&self) -> bool {
        // Ruling P16 is about PATCH; no RFC allows it in a body.
        self.source == Source::Patch || self.policy.values.wrap_single_value
    }

    fn keeps_unknown(&self) -> bool {
        self.resource_type.is_open() || self.policy.unknown_attributes == UnknownAttributes::Keep
    }

    /// Whether this is the attribute of that name in the User schema of RFC 7643.
    fn is_user_attribute(&self, attribute: &Attribute, name: &str, sub_attr: Option<&str>) -> bool {
        let schema = self.resource_type.schema();
        let found = schema.attribute(name).and_then(|found| match sub_attr {
            Some(sub_attr) => found.sub_attribute(sub_attr),
            None => Some(found),
        });
        schema.id == USER_SCHEMA && found.is_some_and(|found| ptr::eq(found, attribute))
    }
}

/// Where a value stands, for messages: `emails[1].value`. The parents live on the call stack.
struct Path<'a> {
    parent: Option<&'a Self>,
    step: Step<'a>,
    /// How many containers the value stands in.
    depth: usize,
}

enum Step<'a> {
    Name(&'a str),
    Extension(&'a str),
    Element(usize),
}

impl<'a> Path<'a> {
    fn extension(uri: &'a str) -> Self {
        Self { parent: None, step: Step::Extension(uri), depth: 1 }
    }

    fn element(&'a self, index: usize) -> Self {
        Self { parent: Some(self), step: Step::Element(index), depth: self.depth + 1 }
    }

    fn name(&'a self, name: &'a str) -> Self {
        Self { parent: Some(self), step: Step::Name(name), depth: self.depth + 1 }
    }
}

impl fmt::Display for Path<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(parent) = self.parent {
            // Not deeper than MAX_DEPTH.
            parent.fmt(f)?;
        }
        match (&self.step, self.parent.map(|parent| &parent.step)) {
            (Step::Element(index), _) => write!(f, "[{index}]"),
            (Step::Name(name) | Step::Extension(name), None) => f.write_str(name),
            (Step::Name(name), Some(Step::Extension(_))) => write!(f, ":{name}"),
            (Step::Name(name) | Step::Extension(name), Some(_)) => write!(f, ".{name}"),
        }
    }
}

/// The names that an object has had so far, as far as its map does not tell.
#[derive(Default)]
struct Names<'a> {
    /// Attributes of the schema that were unassigned or wrong.
    dropped: Vec<&'a str>,
    /// Names outside the schema, in lower case, if there are any.
    unknown: Option<HashSet<String>>,
}

impl<'a> Names<'a> {
    /// Puts an attribute of the schema into its object.
    #[inline]
    fn put<E: de::Error>(
        &mut self,
        map: &mut Map<String, Value>,
        name: &'a str,
        value: Option<Value>,
    ) -> Result<(), E> {
        let twice = match value {
            Some(value) => {
                map.insert(name.to_owned(), value).is_some() || self.dropped.contains(&name)
            }
            None => {
                let twice = map.contains_key(name) || self.dropped.contains(&name);
                self.dropped.push(name);
                twice
            }
        };
        if twice { Err(json::duplicate(name)) } else { Ok(()) }
    }
}

/// A name, looked up while it is read, so that known names are not copied.
enum Key<T> {
    Known(T),
    Unknown(String),
}

struct KeySeed<F>(F);

impl<'de, T, F: FnOnce(&str) -> Option<T>> DeserializeSeed<'de> for KeySeed<F> {
    type Value = Key<T>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Key<T>, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl<T, F: FnOnce(&str) -> Option<T>> Visitor<'_> for KeySeed<F> {
    type Value = Key<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an attribute name")
    }

    #[inline]
    fn visit_str<E>(self, name: &str) -> Result<Key<T>, E> {
        Ok((self.0)(name).map_or_else(|| Key::Unknown(name.to_owned()), Key::Known))
    }
}

/// One object with attributes: a resource, an extension, a complex value.
struct Object<'a> {
    reader: &'a Reader<'a>,
    /// None is the resource itself.
    path: Option<&'a Path<'a>>,
    map: Map<String, Value>,
    names: Names<'a>,
    /// Where the schema's next attribute is likely to be.
    next: usize,
}

impl<'a> Object<'a> {
    fn new(reader: &'a Reader<'a>, path: Option<&'a Path<'a>>) -> Self {
        Self { reader, path, map: Map::new(), names: Names::default(), next: 0 }
    }

    /// Reads the object's members to its end.
    fn read<'de, A: MapAccess<'de>>(
        &mut self,
        attributes: &'a [Attribute],
        access: &mut A,
    ) -> Result<(), A::Error> {
        while let Some(key) =
            access.next_key_seed(KeySeed(|name: &str| find_near(attributes, self.next, name)))?
        {
            match key {
                Key::Known((place, attribute)) => {
                    self.next = place + 1;
                    self.attribute(attribute, access)?;
                }
                Key::Unknown(name) => self.unknown(name, access)?,
            }
        }
        Ok(())
    }

    /// How many containers the object's values stand in.
    fn depth(&self) -> usize {
        self.path.map_or(0, |path| path.depth) + 1
    }

    fn path_of<'b>(&'b self, name: &'b str) -> Path<'b> {
        Path { parent: self.path, step: Step::Name(name), depth: self.depth() }
    }

    fn attribute<'de, A: MapAccess<'de>>(
        &mut self,
        attribute: &'a Attribute,
        access: &mut A,
    ) -> Result<(), A::Error> {
        let name = attribute.name.as_str();
        let path = self.path_of(name);
        let seed = ValueSeed { reader: self.reader, attribute, path: &path, single: false };
        let value = access.next_value_seed(seed)?;
        self.names.put(&mut self.map, name, value)
    }

    fn extension<'de, A: MapAccess<'de>>(
        &mut self,
        extension: &'a Extension,
        access: &mut A,
    ) -> Result<(), A::Error> {
        let uri = extension.schema.id.as_str();
        let path = Path::extension(uri);
        let attributes = &extension.schema.attributes;
        let seed = ContainerSeed { reader: self.reader, attributes, path: &path };
        let map = access.next_value_seed(seed)?.map(|object| object.map);
        let value = map.filter(|map| !map.is_empty()).map(Value::Object);
        self.names.put(&mut self.map, uri, value)
    }

    /// The attributes of the base schema under its URN, as an extension's are: they are the
    /// resource's own, and none may stand in both places.
    fn base<'de, A: MapAccess<'de>>(
        &mut self,
        schema: &'a Schema,
        access: &mut A,
    ) -> Result<(), A::Error> {
        let path = Path::extension(schema.id.as_str());
        let attributes = &schema.attributes;
        let seed = ContainerSeed { reader: self.reader, attributes, path: &path };
        let Some(Object { mut map, names, .. }) = access.next_value_seed(seed)? else {
            return Ok(());
        };
        for attribute in attributes {
            let name = attribute.name.as_str();
            match map.remove(name) {
                // What is common to all resources is no attribute of the schema.
                Some(_) if common_attribute(name).is_some() => {}
                Some(value) => self.names.put(&mut self.map, name, Some(value))?,
                None if names.dropped.contains(&name) => {
                    self.names.put(&mut self.map, name, None)?;
                }
                None => {}
            }
        }
        for name in names.unknown.into_iter().flatten() {
            if !self.names.unknown.get_or_insert_default().insert(name.clone()) {
                return Err(json::duplicate(&name));
            }
        }
        self.map.append(&mut map);
        Ok(())
    }

    /// An attribute that the schema does not have (rulings W03 and P36).
    fn unknown<'de, A: MapAccess<'de>>(
        &mut self,
        name: String,
        access: &mut A,
    ) -> Result<(), A::Error> {
        let seed = Strict::at_depth(&self.reader.budget, self.depth());
        let value = access.next_value_seed(seed)?;
        if !self.names.unknown.get_or_insert_default().insert(name.to_ascii_lowercase()) {
            return Err(json::duplicate(&name));
        }
        if self.reader.keeps_unknown() {
            if !is_unassigned(&value) {
                self.map.insert(name, value);
            }
        } else if self.reader.policy.unknown_attributes == UnknownAttributes::Reject {
            // Rulings W03 and P36.
            let scim_type = match self.reader.source {
                Source::Body => ScimType::InvalidSyntax,
                Source::Patch => ScimType::InvalidValue,
            };
            let extension = match self.path {
                None => self.reader.resource_type.extension_with(&name),
                Some(_) => None,
            };
            let meant = extension.map(|extension| extension.schema.id.as_str().into());
            self.reader.report(&self.path_of(&name), Problem::Unknown { scim_type, meant });
        }
        Ok(())
    }
}

/// Reads a whole resource.
#[derive(Clone, Copy)]
pub(crate) struct ResourceSeed<'a>(pub(crate) &'a Reader<'a>);

enum Member<'a> {
    /// The base schema's own URN.
    Base,
    Common(&'a Attribute),
    /// With its place in the schema.
    Attribute(usize, &'a Attribute),
    Extension(&'a Extension),
}

impl<'de> DeserializeSeed<'de> for ResourceSeed<'_> {
    type Value = Map<String, Value>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for ResourceSeed<'_> {
    type Value = Map<String, Value>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a resource")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Self::Value, A::Error> {
        let resource_type = self.0.resource_type;
        let attributes = &resource_type.schema().attributes;
        let mut object = Object::new(self.0, None);
        loop {
            let find = |name: &str| match common_attribute(name) {
                Some(attribute) => Some(Member::Common(attribute)),
                None => match find_near(attributes, object.next, name) {
                    Some((place, attribute)) => Some(Member::Attribute(place, attribute)),
                    None if resource_type.schema().id == *name => Some(Member::Base),
                    None => resource_type.extension(name).map(Member::Extension),
                },
            };
            let Some(key) = access.next_key_seed(KeySeed(find))? else { break };
            match key {
                Key::Known(Member::Base) => object.base(resource_type.schema(), &mut access)?,
                Key::Known(Member::Common(found)) => object.attribute(found, &mut access)?,
                Key::Known(Member::Attribute(place, found)) => {
                    object.next = place + 1;
                    object.attribute(found, &mut access)?;
                }
                Key::Known(Member::Extension(found)) => object.extension(found, &mut access)?,
                Key::Unknown(name) => object.unknown(name, &mut access)?,
            }
        }
        for (name, value) in self.0.defaults.map(Resource::as_map).into_iter().flatten() {
            // What the client has unassigned stays so (RFC 7644 §3.3).
            if !object.map.contains_key(name) && !object.names.dropped.contains(&name.as_str()) {
                object.map.insert(name.clone(), value.clone());
            }
        }
        Ok(object.map)
    }
}

/// Reads the object of attributes under a schema's URN; none if there is none.
struct ContainerSeed<'a> {
    reader: &'a Reader<'a>,
    attributes: &'a [Attribute],
    path: &'a Path<'a>,
}

impl ContainerSeed<'_> {
    fn wrong<T, E>(&self, found: &'static str) -> Result<Option<T>, E> {
        self.reader.report(self.path, Problem::WrongType { expected: "an object", found });
        Ok(None)
    }
}

impl<'de, 'a> DeserializeSeed<'de> for ContainerSeed<'a> {
    type Value = Option<Object<'a>>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        self.reader.budget.take()?;
        deserializer.deserialize_any(self)
    }
}

impl<'de, 'a> Visitor<'de> for ContainerSeed<'a> {
    type Value = Option<Object<'a>>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object of attributes")
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_bool<E>(self, _: bool) -> Result<Self::Value, E> {
        self.wrong("a boolean")
    }

    fn visit_i64<E>(self, _: i64) -> Result<Self::Value, E> {
        self.wrong("a number")
    }

    fn visit_u64<E>(self, _: u64) -> Result<Self::Value, E> {
        self.wrong("a number")
    }

    fn visit_f64<E>(self, _: f64) -> Result<Self::Value, E> {
        self.wrong("a number")
    }

    fn visit_str<E>(self, _: &str) -> Result<Self::Value, E> {
        self.wrong("a string")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, seq: A) -> Result<Self::Value, A::Error> {
        let elements = Strict::at_depth(&self.reader.budget, self.path.depth).seq(seq)?;
        if elements.is_empty() { Ok(None) } else { self.wrong("an array") }
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Self::Value, A::Error> {
        let mut object = Object::new(self.reader, Some(self.path));
        object.read(self.attributes, &mut access)?;
        Ok(Some(object))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn accepted(path: &str, value: Value, policy: &Policy) -> Result<Option<Value>, Error> {
        let user = ResourceType::user();
        let attribute = user.attribute(path).unwrap();
        accept(attribute, value, Accept { resource_type: &user, policy, path })
    }

    #[test]
    fn p16_one_object_alone_is_an_array_of_one() {
        let value = accepted("emails", json!({"VALUE": "a@b"}), &Policy::strict());
        assert_eq!(value.unwrap(), Some(json!([{"value": "a@b"}])));
    }

    #[test]
    fn p36_an_unknown_sub_attribute_in_a_value_is_an_invalid_value() {
        let value = json!({"nick": "B", "givenName": "Babs"});
        let error = accepted("name", value.clone(), &Policy::strict()).unwrap_err();
        assert_eq!(error.scim_type(), Some(&ScimType::InvalidValue));
        assert_eq!(error.message(), Some("unknown attribute `name.nick`"));
        let mut ignore = Policy::strict();
        ignore.unknown_attributes = UnknownAttributes::Ignore;
        let value = accepted("name", value, &ignore).unwrap();
        assert_eq!(value, Some(json!({"givenName": "Babs"})));
    }

    #[test]
    fn an_element_is_accepted_alone() {
        let user = ResourceType::user();
        let emails = user.attribute("emails").unwrap();
        let policy = Policy::strict();
        let path = r#"emails[type eq "work"]"#;
        let cx = Accept { resource_type: &user, policy: &policy, path };
        let element = accept_element(emails, json!({"Value": "a@b", "type": null}), cx);
        assert_eq!(element.unwrap(), Some(json!({"value": "a@b"})));
        let error = accept_element(emails, json!("a@b"), cx).unwrap_err();
        let message = r#"`emails[type eq "work"]` must be an object, found a string"#;
        assert_eq!(error.message(), Some(message));
    }

    #[test]
    fn unassigned_values_are_none() {
        for value in [json!(null), json!([]), json!({})] {
            assert_eq!(accepted("name", value.clone(), &Policy::strict()).unwrap(), None);
            assert_eq!(accepted("emails", value.clone(), &Policy::strict()).unwrap(), None);
            assert_eq!(accept_open(value).unwrap(), None);
        }
    }

    #[test]
    fn values_without_schema_are_kept_but_not_their_ambiguities() {
        let value = json!({"a": null, "B": [{}]});
        assert_eq!(accept_open(value.clone()).unwrap(), Some(value));
        let error = accept_open(json!({"a": 1, "A": 2})).unwrap_err();
        assert_eq!(error.scim_type(), Some(&ScimType::InvalidSyntax));
    }
}
