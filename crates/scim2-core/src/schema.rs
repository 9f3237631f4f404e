//! Schemas (RFC 7643 §7): which attributes a resource may have, and the characteristics that
//! decide everything else.

use std::fmt;

use scim2_syntax::{AttrName, SchemaUri};
use serde::de::{self, Deserializer};
use serde::{Deserialize, Serialize, Serializer};

use crate::canonical::Canonical;
use crate::eval::refers_to_resources;
use crate::resource::Resource;

/// The URN of Schema resources.
pub const SCHEMA_SCHEMA: &str = "urn:ietf:params:scim:schemas:core:2.0:Schema";

/// A schema: an id and the attributes it defines.
///
/// It reads and writes the JSON of the `/Schemas` endpoint, with the defaults of RFC 7643 §2.2
/// for characteristics that are left out.
///
/// ```
/// use scim2_core::schema::{AttributeType, Mutability, Schema};
/// let schema: Schema = serde_json::from_str(
///     r#"{"id": "urn:example:Badge", "attributes": [{"name": "colour"}]}"#,
/// )?;
/// let colour = schema.attribute("Colour").unwrap();
/// assert_eq!(colour.attribute_type, AttributeType::String);
/// assert_eq!(colour.mutability, Mutability::ReadWrite);
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct Schema {
    /// The schema's URI, by which `schemas` and extension containers name it.
    pub id: SchemaUri,
    /// A short name for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// What the schema describes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// The attributes, in the order in which they are printed.
    #[serde(default, deserialize_with = "null_is_default")]
    pub attributes: Vec<Attribute>,
}

impl Schema {
    /// A schema with these attributes.
    #[must_use]
    pub fn new(id: SchemaUri, attributes: Vec<Attribute>) -> Self {
        Self { id, name: None, description: None, attributes }
    }

    /// The same schema with a short name for people.
    #[must_use]
    pub fn named(self, name: impl Into<String>) -> Self {
        Self { name: Some(name.into()), ..self }
    }

    /// The same schema, described.
    #[must_use]
    pub fn description(self, description: impl Into<String>) -> Self {
        Self { description: Some(description.into()), ..self }
    }

    /// The attribute of this name, in any case.
    #[must_use]
    pub fn attribute(&self, name: &str) -> Option<&Attribute> {
        find(&self.attributes, name)
    }

    /// The schema as a resource of the `/Schemas` endpoint, without `meta`.
    #[must_use]
    pub fn to_resource(&self) -> Resource {
        Resource::from_typed(self).unwrap_or_default()
    }
}

impl Serialize for Schema {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Wire<'a> {
            schemas: [&'static str; 1],
            id: &'a SchemaUri,
            #[serde(skip_serializing_if = "Option::is_none")]
            name: Option<&'a str>,
            #[serde(skip_serializing_if = "Option::is_none")]
            description: Option<&'a str>,
            attributes: &'a [Attribute],
        }
        Wire {
            schemas: [SCHEMA_SCHEMA],
            id: &self.id,
            name: self.name.as_deref(),
            description: self.description.as_deref(),
            attributes: &self.attributes,
        }
        .serialize(serializer)
    }
}

/// An attribute or sub-attribute and its characteristics (RFC 7643 §2.2 and §7).
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct Attribute {
    /// The name, in the spelling in which it is printed.
    pub name: AttrName,
    /// The data type of one value.
    #[serde(default, rename = "type", deserialize_with = "null_is_default")]
    pub attribute_type: AttributeType,
    /// Whether the value is an array.
    #[serde(default, deserialize_with = "null_is_default")]
    pub multi_valued: bool,
    /// What the attribute is for.
    #[serde(default)]
    pub description: Option<String>,
    /// Whether a resource must have it; on a sub-attribute, whether its parent's value must.
    #[serde(default, deserialize_with = "null_is_default")]
    pub required: bool,
    /// Values that are suggested, or the only ones accepted, by policy.
    #[serde(default, deserialize_with = "null_is_default")]
    pub canonical_values: Vec<String>,
    /// Whether upper and lower case differ in comparisons.
    #[serde(default, deserialize_with = "null_is_default")]
    pub case_exact: bool,
    /// Who may write it, and when.
    #[serde(default, deserialize_with = "null_is_default")]
    pub mutability: Mutability,
    /// When answers carry it.
    #[serde(default, deserialize_with = "null_is_default")]
    pub returned: Returned,
    /// Over which set of resources a value may occur only once.
    #[serde(default, deserialize_with = "null_is_default")]
    pub uniqueness: Uniqueness,
    /// What a reference may point to: names of resource types, `external` or `uri`.
    #[serde(default, deserialize_with = "null_is_default")]
    pub reference_types: Vec<String>,
    /// The sub-attributes of a complex attribute.
    #[serde(default, deserialize_with = "null_is_default")]
    pub sub_attributes: Vec<Self>,
    /// Whether binary values are printed in the alphabet for URLs, without padding (RFC 7643
    /// §2.3.6). No characteristic on the wire says so; the description should.
    #[serde(skip)]
    pub base64url: bool,
    /// The form into which values are brought, if there is one (ruling W21). No characteristic on
    /// the wire says so.
    #[serde(skip)]
    pub canonical: Option<Canonical>,
}

impl Attribute {
    /// A singular attribute with the defaults of RFC 7643 §2.2.
    ///
    /// ```
    /// use scim2_core::schema::{Attribute, AttributeType, Schema, Uniqueness};
    /// use scim2_core::ResourceType;
    ///
    /// let badge = Schema::new(
    ///     "urn:example:params:scim:schemas:Badge".parse()?,
    ///     vec![
    ///         Attribute::new("number".parse()?, AttributeType::String)
    ///             .description("What is printed on the badge")
    ///             .required()
    ///             .uniqueness(Uniqueness::Server),
    ///         Attribute::new("doors".parse()?, AttributeType::Complex)
    ///             .description("The doors that it opens")
    ///             .multi_valued()
    ///             .sub_attributes([
    ///                 Attribute::new("value".parse()?, AttributeType::String)
    ///                     .description("The door's name"),
    ///             ]),
    ///     ],
    /// );
    /// assert!(badge.lint().is_empty());
    /// let badges = ResourceType::new("Badge", "/Badges", badge);
    /// assert!(badges.attribute("NUMBER").is_some_and(|number| number.required));
    /// # Ok::<(), scim2_core::syntax::ParseError>(())
    /// ```
    #[must_use]
    pub fn new(name: AttrName, attribute_type: AttributeType) -> Self {
        Self {
            name,
            attribute_type,
            multi_valued: false,
            description: None,
            required: false,
            canonical_values: Vec::new(),
            case_exact: false,
            mutability: Mutability::default(),
            returned: Returned::default(),
            uniqueness: Uniqueness::default(),
            reference_types: Vec::new(),
            sub_attributes: Vec::new(),
            base64url: false,
            canonical: None,
        }
    }

    /// The same attribute of another type.
    #[must_use]
    pub fn of_type(self, attribute_type: AttributeType) -> Self {
        Self { attribute_type, ..self }
    }

    /// The same attribute with an array of values.
    #[must_use]
    pub fn multi_valued(self) -> Self {
        Self { multi_valued: true, ..self }
    }

    /// The same attribute, described.
    #[must_use]
    pub fn description(self, description: impl Into<String>) -> Self {
        Self { description: Some(description.into()), ..self }
    }

    /// The same attribute, which each resource must have; of a sub-attribute, each value of its
    /// parent (ruling S05).
    #[must_use]
    pub fn required(self) -> Self {
        Self { required: true, ..self }
    }

    /// The same attribute with these values suggested.
    #[must_use]
    pub fn canonical_values<T: Into<String>>(self, values: impl IntoIterator<Item = T>) -> Self {
        Self { canonical_values: values.into_iter().map(Into::into).collect(), ..self }
    }

    /// The same attribute, compared with upper and lower case.
    #[must_use]
    pub fn case_exact(self) -> Self {
        Self { case_exact: true, ..self }
    }

    /// The same attribute, written by whom and when.
    #[must_use]
    pub fn mutability(self, mutability: Mutability) -> Self {
        Self { mutability, ..self }
    }

    /// The same attribute, carried by which answers.
    #[must_use]
    pub fn returned(self, returned: Returned) -> Self {
        Self { returned, ..self }
    }

    /// The same attribute, each value only once.
    #[must_use]
    pub fn uniqueness(self, uniqueness: Uniqueness) -> Self {
        Self { uniqueness, ..self }
    }

    /// The same attribute, pointing to these: names of resource types, `external` or `uri`.
    #[must_use]
    pub fn reference_types<T: Into<String>>(self, types: impl IntoIterator<Item = T>) -> Self {
        Self { reference_types: types.into_iter().map(Into::into).collect(), ..self }
    }

    /// The same attribute, of type binary, printed in the alphabet for URLs.
    #[must_use]
    pub fn base64url(self) -> Self {
        Self { base64url: true, ..self }
    }

    /// The same attribute, of type string, whose values are brought into a form.
    #[must_use]
    pub fn canonical(self, canonical: Canonical) -> Self {
        Self { canonical: Some(canonical), ..self }
    }

    /// The same attribute with these sub-attributes.
    #[must_use]
    pub fn sub_attributes(self, sub_attributes: impl IntoIterator<Item = Self>) -> Self {
        Self { sub_attributes: sub_attributes.into_iter().collect(), ..self }
    }

    /// The sub-attribute of this name, in any case.
    #[must_use]
    pub fn sub_attribute(&self, name: &str) -> Option<&Self> {
        find(&self.sub_attributes, name)
    }

    /// Whether values are objects.
    #[must_use]
    pub fn is_complex(&self) -> bool {
        self.attribute_type == AttributeType::Complex
    }

    /// Whether elements name other resources by their id: they have `value` and `$ref`.
    #[must_use]
    pub fn is_resource_reference(&self) -> bool {
        self.is_complex()
            && self.sub_attribute("value").is_some()
            && self.sub_attribute("$ref").is_some()
    }

    /// The `value` and the `$ref` of a reference to resources of the service provider, between
    /// which the service provider keeps the connection (ruling W19).
    pub(crate) fn reference_parts(&self) -> Option<(&Self, &Self)> {
        let parts = (self.sub_attribute("value")?, self.sub_attribute("$ref")?);
        (self.is_complex() && refers_to_resources(parts.1)).then_some(parts)
    }

    /// The sub-attribute that stands for the whole in comparisons: `value`, where there is one
    /// (ruling F13).
    #[must_use]
    pub fn value_sub_attribute(&self) -> Option<&Self> {
        if self.is_complex() { self.sub_attribute("value") } else { None }
    }
}

impl Serialize for Attribute {
    /// Characteristics that do not apply to the type are left out.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        #[serde(rename_all = "camelCase")]
        struct Wire<'a> {
            name: &'a AttrName,
            r#type: AttributeType,
            multi_valued: bool,
            #[serde(skip_serializing_if = "Option::is_none")]
            description: Option<&'a str>,
            required: bool,
            #[serde(skip_serializing_if = "<[_]>::is_empty")]
            canonical_values: &'a [String],
            #[serde(skip_serializing_if = "Option::is_none")]
            case_exact: Option<bool>,
            mutability: Mutability,
            returned: Returned,
            #[serde(skip_serializing_if = "Option::is_none")]
            uniqueness: Option<Uniqueness>,
            #[serde(skip_serializing_if = "<[_]>::is_empty")]
            reference_types: &'a [String],
            #[serde(skip_serializing_if = "<[_]>::is_empty")]
            sub_attributes: &'a [Attribute],
        }
        use AttributeType as T;
        let has_case = matches!(self.attribute_type, T::String | T::Reference | T::Binary);
        let has_uniqueness = !matches!(
            self.attribute_type,
            T::Complex | T::Boolean | T::Binary | T::DateTime | T::Decimal
        );
        Wire {
            name: &self.name,
            r#type: self.attribute_type,
            multi_valued: self.multi_valued,
            description: self.description.as_deref(),
            required: self.required,
            canonical_values: &self.canonical_values,
            case_exact: has_case.then_some(self.case_exact),
            mutability: self.mutability,
            returned: self.returned,
            uniqueness: has_uniqueness.then_some(self.uniqueness),
            reference_types: &self.reference_types,
            sub_attributes: &self.sub_attributes,
        }
        .serialize(serializer)
    }
}

/// null is as good as absent (RFC 7643 §2.5).
fn null_is_default<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Default + Deserialize<'de>,
{
    Option::deserialize(deserializer).map(Option::unwrap_or_default)
}

fn find<'a>(attributes: &'a [Attribute], name: &str) -> Option<&'a Attribute> {
    attributes.iter().find(|attribute| is_called(attribute, name))
}

/// An attribute and its place, looked for from one place on and then before it: a client names
/// most attributes in the order of the schema, so that the next one is near.
pub(crate) fn find_near<'a>(
    attributes: &'a [Attribute],
    place: usize,
    name: &str,
) -> Option<(usize, &'a Attribute)> {
    let (before, after) = attributes.split_at_checked(place).unwrap_or((attributes, &[]));
    let find = |attributes: &'a [Attribute]| {
        attributes.iter().enumerate().find(|(_, attribute)| is_called(attribute, name))
    };
    find(after).map(|(at, attribute)| (place + at, attribute)).or_else(|| find(before))
}

#[inline(always)]
fn is_called(attribute: &Attribute, name: &str) -> bool {
    let own = attribute.name.as_str();
    own.len() == name.len() && (own == name || own.eq_ignore_ascii_case(name))
}

/// Keywords are read in any case and written exactly (ruling S03).
macro_rules! keywords {
    (
        $(#[$meta:meta])*
        $name:ident, $what:literal {
            $( $(#[$variant_meta:meta])* $variant:ident = $keyword:literal, )+
        }
    ) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
        pub enum $name {
            $( $(#[$variant_meta])* $variant, )+
        }

        impl $name {
            /// The keyword as it stands in a schema.
            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self { $( Self::$variant => $keyword, )+ }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.as_str())
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = String::deserialize(deserializer)?;
                $( if text.eq_ignore_ascii_case($keyword) { return Ok(Self::$variant); } )+
                Err(de::Error::custom(format_args!(
                    concat!("unknown ", $what, " `{}`, expected one of", $( " `", $keyword, "`", )+),
                    text
                )))
            }
        }
    };
}

keywords! {
    /// The data types of RFC 7643 §2.3.
    #[expect(clippy::exhaustive_enums, reason = "RFC 7643 §2.3 closes this set")]
    AttributeType, "attribute type" {
        /// Text.
        #[default]
        String = "string",
        /// True or false.
        Boolean = "boolean",
        /// A real number.
        Decimal = "decimal",
        /// A whole number.
        Integer = "integer",
        /// A point in time, as xsd:dateTime text.
        DateTime = "dateTime",
        /// Bytes, as base64 text.
        Binary = "binary",
        /// A URI.
        Reference = "reference",
        /// An object of sub-attributes.
        Complex = "complex",
    }
}

keywords! {
    /// Who may write an attribute, and when (RFC 7643 §7).
    #[expect(clippy::exhaustive_enums, reason = "RFC 7643 §7 closes this set")]
    Mutability, "mutability" {
        /// Only the service provider writes it.
        ReadOnly = "readOnly",
        /// Clients read and write it.
        #[default]
        ReadWrite = "readWrite",
        /// Clients set it once.
        Immutable = "immutable",
        /// Clients write it and nobody reads it back.
        WriteOnly = "writeOnly",
    }
}

keywords! {
    /// When answers carry an attribute (RFC 7643 §7).
    #[expect(clippy::exhaustive_enums, reason = "RFC 7643 §7 closes this set")]
    Returned, "returned" {
        /// In every answer.
        Always = "always",
        /// In no answer.
        Never = "never",
        /// Unless left out by `attributes` or `excludedAttributes`.
        #[default]
        Default = "default",
        /// Only when asked for.
        Request = "request",
    }
}

keywords! {
    /// Over which resources a value may occur only once (RFC 7643 §7).
    #[expect(clippy::exhaustive_enums, reason = "RFC 7643 §7 closes this set")]
    Uniqueness, "uniqueness" {
        /// No rule.
        #[default]
        None = "none",
        /// Within the service provider's tenant.
        Server = "server",
        /// Everywhere; enforced within the tenant.
        Global = "global",
    }
}
