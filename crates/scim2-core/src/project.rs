//! Which attributes an answer carries (RFC 7644 §3.9; `returned` in RFC 7643 §7).

use scim2_syntax::{AttrName, AttrPath, PatchPath, SchemaUri};
use serde_json::{Map, Value};

use crate::accept::{elements_mut, is_unassigned};
use crate::catalog::{ResolveError, Resolved, ResourceType, common_attribute};
use crate::error::Error;
use crate::policy::{Policy, UnknownAttributes};
use crate::resource::Resource;
use crate::schema::{Attribute, Mutability, Returned};

/// How many names `attributes` or `excludedAttributes` may have.
pub const MAX_NAMES: usize = 1_000;

/// Reads the `attributes` or `excludedAttributes` parameter of a query: names with commas between
/// them, white space around them and empty ones ignored (RFC 7644 §3.9, ruling Q10).
///
/// ```
/// use scim2_core::project::parse_list;
/// let names = parse_list("userName, emails.value,")?;
/// assert_eq!(names.len(), 2);
/// assert!(parse_list("emails[type eq 1]").is_err());
/// # Ok::<(), scim2_core::Error>(())
/// ```
///
/// # Errors
/// `invalidValue` when something between the commas is not an attribute's name.
pub fn parse_list(text: &str) -> Result<Vec<AttrPath>, Error> {
    parse_list_with(text, &Policy::strict())
}

/// The same under a policy, which may let a value path such as `emails[type eq "work"]` stand for
/// its attribute ([`value_paths`](crate::policy::ProjectionPolicy::value_paths)).
///
/// # Errors
/// `invalidValue` when something between the commas is not an attribute's name.
pub fn parse_list_with(text: &str, policy: &Policy) -> Result<Vec<AttrPath>, Error> {
    text.split(',')
        .map(|name| name.trim_matches([' ', '\t', '\r', '\n']))
        .filter(|name| !name.is_empty())
        .map(|name| {
            let parsed = name.parse::<AttrPath>();
            if let (Err(_), true) = (&parsed, policy.projection.value_paths)
                && let Ok(path) = PatchPath::parse_with(name, &policy.syntax)
            {
                return Ok(AttrPath {
                    sub_attr: path.sub_attr.or(path.attr.sub_attr),
                    ..path.attr
                });
            }
            parsed.map_err(|error| {
                Error::invalid_value(format_args!("a list of attributes has a bad name: {error}"))
            })
        })
        .collect()
}

/// Which attributes an answer carries: what `attributes` and `excludedAttributes` say, resolved
/// once and applied to any number of resources.
///
/// Whatever they say, `id` and `schemas` stay, and so does what is returned "always"; what is
/// returned "never" and what is writeOnly goes.
///
/// ```
/// use scim2_core::project::parse_list;
/// use scim2_core::{Policy, Resource, ResourceType};
/// let user = ResourceType::user();
/// let resource: Resource =
///     serde_json::from_str(r#"{"id": "1", "userName": "bjensen", "password": "t1meMa$heen"}"#)?;
/// let projection = user.projection(&parse_list("password, name")?, &[], &Policy::strict())?;
/// assert_eq!(format!("{:?}", projection.apply(&user, resource, None)), "Resource { id }");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct Projection(Mode);

#[derive(Clone, Debug, Default)]
enum Mode {
    /// Neither parameter is given.
    #[default]
    All,
    /// `attributes`, with the names of the top-level attributes that are always returned.
    Only { named: Names, always: Vec<AttrName> },
    /// `excludedAttributes`.
    Except(Names),
}

/// What a client wrote in the request that is being answered: an attribute that is returned on
/// "request" is shown to whoever just wrote it (RFC 7643 §7, ruling Q13).
#[derive(Clone, Debug, Default)]
pub struct Written(Names);

impl Written {
    /// What the body of a POST or PUT holds.
    #[must_use]
    pub fn from_resource(resource_type: &ResourceType, resource: &Resource) -> Self {
        let mut names = Names::default();
        let mut add = |schema: Option<&SchemaUri>, attributes: &[Attribute], map: &Map<_, _>| {
            for attribute in attributes {
                let on_request = |attribute: &Attribute| attribute.returned == Returned::Request;
                let any = on_request(attribute) || attribute.sub_attributes.iter().any(on_request);
                if any && map.contains_key(attribute.name.as_str()) {
                    names.add(schema, Some(&attribute.name), None);
                }
            }
        };
        add(None, &resource_type.schema().attributes, resource.as_map());
        for extension in resource_type.extensions() {
            let schema = &extension.schema;
            if let Some(Value::Object(map)) = resource.get(schema.id.as_str()) {
                add(Some(&schema.id), &schema.attributes, map);
            }
        }
        Self(names)
    }

    /// These attributes, such as those of a [`ChangeSet`](crate::change::ChangeSet). What is not
    /// the path of an attribute is passed over.
    #[must_use]
    pub fn from_paths<'a>(
        resource_type: &ResourceType,
        paths: impl IntoIterator<Item = &'a str>,
        policy: &Policy,
    ) -> Self {
        let paths: Vec<AttrPath> = paths.into_iter().flat_map(str::parse).collect();
        Self(Names::resolve(resource_type, &paths, policy, Undefined::Dropped))
    }
}

impl ResourceType {
    /// Resolves `attributes` and `excludedAttributes` (RFC 7644 §3.9). Names that the resource
    /// type does not have are ignored (ruling Q10).
    ///
    /// # Errors
    /// `invalidValue` when both are given, unless the policy prefers `attributes` (ruling Q09), and
    /// past [`MAX_NAMES`].
    pub fn projection(
        &self,
        attributes: &[AttrPath],
        excluded: &[AttrPath],
        policy: &Policy,
    ) -> Result<Projection, Error> {
        if attributes.len().max(excluded.len()) > MAX_NAMES {
            return Err(Error::invalid_value(format_args!(
                "a list of attributes has more than {MAX_NAMES} names"
            )));
        }
        let undefined = if self.is_open() || policy.unknown_attributes == UnknownAttributes::Keep {
            Undefined::Kept
        } else {
            Undefined::Dropped
        };
        if attributes.is_empty() {
            return Ok(Projection(if excluded.is_empty() {
                Mode::All
            } else {
                Mode::Except(Names::resolve(self, excluded, policy, undefined))
            }));
        }
        if !excluded.is_empty() && !policy.projection.prefer_attributes {
            return Err(Error::invalid_value(
                "`attributes` and `excludedAttributes` exclude each other",
            ));
        }
        let common = ["schemas", "id", "externalId", "meta"].map(common_attribute);
        let always = (common.into_iter().flatten())
            .chain(self.schema().attributes.iter())
            .filter(|attribute| attribute.returned == Returned::Always)
            .map(|attribute| attribute.name.clone())
            .collect();
        Ok(Projection(Mode::Only {
            named: Names::resolve(self, attributes, policy, undefined),
            always,
        }))
    }
}

impl Projection {
    /// Everything that is returned by default.
    #[must_use]
    pub fn all() -> Self {
        Self::default()
    }

    /// Whether this is [`all`](Self::all): the request names no attributes.
    #[must_use]
    pub fn is_all(&self) -> bool {
        matches!(self.0, Mode::All)
    }

    /// What is to be seen of a resource of this type.
    ///
    /// `written` is what the client wrote in the request that is being answered, if it wrote
    /// anything.
    #[must_use]
    pub fn apply(
        &self,
        resource_type: &ResourceType,
        resource: Resource,
        written: Option<&Written>,
    ) -> Resource {
        let written = written.map(|Written(names)| names);
        let mut map = resource.into_map();
        map.retain(|name, value| {
            if let Some(attribute) = resource_type.attribute(name) {
                return View { mode: &self.0, schema: None, written }.shows(attribute, value);
            }
            let Some(extension) = resource_type.extension(name) else {
                return View { mode: &self.0, schema: None, written }.shows_unknown(name);
            };
            let Value::Object(container) = value else { return false };
            let view = View { mode: &self.0, schema: Some(&extension.schema.id), written };
            container.retain(|name, value| match extension.schema.attribute(name) {
                Some(attribute) => view.shows(attribute, value),
                None => view.shows_unknown(name),
            });
            !container.is_empty()
        });
        map.into()
    }

    /// Whether answers may carry this attribute of the base schema. A store need not read what is
    /// not needed, such as the `members` of a group.
    #[must_use]
    pub fn needs(&self, name: &str) -> bool {
        match &self.0 {
            Mode::All => true,
            Mode::Only { named, always } => {
                always.iter().any(|always| *always == name)
                    || named.0.iter().any(|named| {
                        named.schema.is_none()
                            && named.name.as_ref().is_some_and(|known| *known == name)
                    })
            }
            Mode::Except(named) => !named.has(None, name, None),
        }
    }

    /// The same for an answer to a request that writes nothing: what is returned on request (RFC
    /// 7643 §7) must then be named.
    ///
    /// ```
    /// use scim2_core::ResourceType;
    /// use scim2_core::project::Projection;
    /// use scim2_core::schema::Returned;
    /// let users = ResourceType::user().with_returned("groups", Returned::Request)?;
    /// assert!(!Projection::all().needs_reading(&users, "groups"));
    /// assert!(Projection::all().needs_reading(&users, "emails"));
    /// # Ok::<(), scim2_core::Error>(())
    /// ```
    #[must_use]
    pub fn needs_reading(&self, resource_type: &ResourceType, name: &str) -> bool {
        let attribute = resource_type.attribute(name);
        let on_request = attribute.is_some_and(|attribute| attribute.returned == Returned::Request);
        match &self.0 {
            Mode::All | Mode::Except(_) if on_request => false,
            _ => self.needs(name),
        }
    }
}

/// A projection at work on the attributes of one schema.
struct View<'a> {
    mode: &'a Mode,
    /// The extension; none for the base schema.
    schema: Option<&'a SchemaUri>,
    written: Option<&'a Names>,
}

impl View<'_> {
    /// Whether an attribute is returned; what is not returned of its value is removed from it.
    fn shows(&self, attribute: &Attribute, value: &mut Value) -> bool {
        if is_hidden(attribute) {
            return false;
        }
        let name = attribute.name.as_str();
        let wrote = || self.written.is_some_and(|names| names.has_any(self.schema, name));
        let shown = match (attribute.returned, self.mode) {
            (Returned::Never, _) => false,
            (Returned::Always, _) | (Returned::Default, Mode::All) => true,
            (Returned::Default, Mode::Only { named, .. }) => named.has_any(self.schema, name),
            // Naming its extension does not bring it (ruling Q11).
            (Returned::Request, Mode::Only { named, .. }) => {
                named.of(self.schema, name).any(|named| named.name.is_some()) || wrote()
            }
            (Returned::Default, Mode::Except(named)) => !named.has(self.schema, name, None),
            (Returned::Request, Mode::Except(named)) => {
                !named.has(self.schema, name, None) && wrote()
            }
            (Returned::Request, Mode::All) => wrote(),
        };
        if !shown || attribute.sub_attributes.is_empty() {
            return shown;
        }
        let whole = match self.mode {
            Mode::All => true,
            Mode::Only { named, .. } => {
                // Shown for another reason than its name: as by default.
                named.has(self.schema, name, None)
                    || attribute.returned == Returned::Always
                    || !named.has_any(self.schema, name)
            }
            Mode::Except(named) => !named.has_any(self.schema, name),
        };
        let plain = |sub: &Attribute| sub.returned == Returned::Default && !is_hidden(sub);
        if whole && attribute.sub_attributes.iter().all(plain) {
            return true;
        }
        for element in elements_mut(value) {
            if let Value::Object(map) = element {
                map.retain(|sub_name, _| self.shows_sub_attribute(attribute, sub_name, whole));
            }
        }
        if let Value::Array(elements) = value {
            elements.retain(|element| !is_unassigned(element));
        }
        !is_unassigned(value)
    }

    /// Whether a sub-attribute is returned in an attribute that is.
    fn shows_sub_attribute(&self, attribute: &Attribute, sub_name: &str, whole: bool) -> bool {
        let name = attribute.name.as_str();
        let by_name = |whole: bool| match self.mode {
            Mode::All => whole,
            Mode::Only { named, .. } => whole || named.has_sub(self.schema, name, sub_name),
            Mode::Except(named) => !named.has_sub(self.schema, name, sub_name),
        };
        let Some(sub_attribute) = attribute.sub_attribute(sub_name) else { return by_name(whole) };
        if is_hidden(sub_attribute) {
            return false;
        }
        match sub_attribute.returned {
            Returned::Never => false,
            Returned::Always => true,
            Returned::Default => by_name(whole),
            Returned::Request => {
                let wrote = || {
                    self.written.is_some_and(|names| names.has(self.schema, name, Some(sub_name)))
                };
                match self.mode {
                    Mode::All => wrote(),
                    Mode::Only { .. } => by_name(false) || wrote(),
                    Mode::Except(_) => by_name(false) && wrote(),
                }
            }
        }
    }

    /// Whether an attribute is returned that no schema defines: as if by default.
    fn shows_unknown(&self, name: &str) -> bool {
        match self.mode {
            Mode::All => true,
            Mode::Only { named, .. } => named.has_any(self.schema, name),
            Mode::Except(named) => !named.has(self.schema, name, None),
        }
    }
}

/// Whether no answer carries an attribute (RFC 7643 §7; rulings Q14 and SEC-07).
fn is_hidden(attribute: &Attribute) -> bool {
    attribute.returned == Returned::Never || attribute.mutability == Mutability::WriteOnly
}

/// Attributes by name, each at most once.
#[derive(Clone, Debug, Default)]
struct Names(Vec<Name>);

#[derive(Clone, Debug, PartialEq)]
struct Name {
    schema: Option<SchemaUri>,
    /// None is a whole extension.
    name: Option<AttrName>,
    sub_attr: Option<AttrName>,
}

/// What becomes of names that no schema defines.
#[derive(Clone, Copy, PartialEq)]
enum Undefined {
    Kept,
    Dropped,
}

impl Names {
    fn resolve(
        resource_type: &ResourceType,
        paths: &[AttrPath],
        policy: &Policy,
        undefined: Undefined,
    ) -> Self {
        let mut names = Self::default();
        for path in paths {
            match resource_type.resolve(path, policy) {
                Ok(Resolved::Extension(extension)) => {
                    names.add(Some(&extension.schema.id), None, None);
                }
                Ok(Resolved::Attribute { extension, attribute, sub_attribute }) => names.add(
                    extension.map(|extension| &extension.schema.id),
                    Some(&attribute.name),
                    sub_attribute.map(|sub_attribute| &sub_attribute.name),
                ),
                Ok(Resolved::Open { schema, name, sub_attr }) if undefined == Undefined::Kept => {
                    names.add(schema, Some(name), sub_attr);
                }
                // What is kept although no schema defines it can be named, too.
                Err(ResolveError::UnknownAttribute { .. }) if undefined == Undefined::Kept => {
                    names.add(path.schema.as_ref(), Some(&path.name), path.sub_attr.as_ref());
                }
                Ok(Resolved::Open { .. }) | Err(_) => {}
            }
        }
        names
    }

    fn add(
        &mut self,
        schema: Option<&SchemaUri>,
        name: Option<&AttrName>,
        sub_attr: Option<&AttrName>,
    ) {
        let name =
            Name { schema: schema.cloned(), name: name.cloned(), sub_attr: sub_attr.cloned() };
        if !self.0.contains(&name) {
            self.0.push(name);
        }
    }

    fn of<'a>(
        &'a self,
        schema: Option<&'a SchemaUri>,
        name: &'a str,
    ) -> impl Iterator<Item = &'a Name> {
        self.0.iter().filter(move |named| {
            named.schema.as_ref() == schema
                && named.name.as_ref().is_none_or(|known| *known == name)
        })
    }

    /// Whether an attribute, or the sub-attribute of it, is named itself or within its whole.
    fn has(&self, schema: Option<&SchemaUri>, name: &str, sub_attr: Option<&str>) -> bool {
        self.of(schema, name).any(|named| match (&named.sub_attr, sub_attr) {
            (None, _) => true,
            (Some(known), Some(sub_attr)) => *known == sub_attr,
            (Some(_), None) => false,
        })
    }

    /// Whether an attribute is named, or its extension, or a sub-attribute of it.
    fn has_any(&self, schema: Option<&SchemaUri>, name: &str) -> bool {
        self.of(schema, name).next().is_some()
    }

    /// Whether a sub-attribute is named itself.
    fn has_sub(&self, schema: Option<&SchemaUri>, name: &str, sub_attr: &str) -> bool {
        self.of(schema, name)
            .any(|named| named.sub_attr.as_ref().is_some_and(|known| *known == sub_attr))
    }
}
