//! How typed views read and write JSON objects.
//!
//! A view names the members it knows and keeps all others in `extra`, so that nothing is lost on
//! a round trip. Keys match without case (RFC 7643 §2.1, RFC 7644 §3.10), an exact match is tried
//! first. `null` is as good as absent (RFC 7643 §2.5). Error texts name the attribute and the JSON
//! type that was found, never the value.

use std::fmt;
use std::marker::PhantomData;

use chrono::{DateTime, SecondsFormat, Utc};
use serde::de::DeserializeOwned;
use serde::de::{
    self, Deserialize, DeserializeSeed, Deserializer, MapAccess, SeqAccess, Unexpected, Visitor,
};
use serde::ser::{Serialize, SerializeSeq, Serializer};
use serde_json::{Map, Value};

use crate::error::Error;
use crate::etag::Version;
use crate::policy::DateTimePolicy;
use crate::resource::ResourceId;
use crate::secret::Secret;
use crate::value::parse_date_time;

/// Declares a struct whose fields are members of a JSON object.
///
/// `$wire` is the member's name; with `always` after it, it is written though there is nothing in
/// it. `schemas BASE` makes it a resource: `schemas` is written complete,
/// whatever the field holds.
#[macro_export]
#[doc(hidden)]
macro_rules! __view {
    (
        $(#[$meta:meta])*
        pub struct $name:ident $(schemas $base:ident)? {
            $( $(#[$field_meta:meta])* pub $field:ident : $ty:ty = $wire:tt $($always:ident)?, )*
        }
    ) => {
        $(#[$meta])*
        pub struct $name {
            $( $(#[$field_meta])* pub $field: $ty, )*
            /// Members that this type does not name, kept as they came.
            pub extra: $crate::macros::serde_json::Map<String, $crate::macros::serde_json::Value>,
        }

        impl<'de> $crate::macros::serde::Deserialize<'de> for $name {
            fn deserialize<D: $crate::macros::serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                #[allow(non_camel_case_types, reason = "variants carry the names of the fields")]
                enum Key { $( $field, )* Other(String) }

                impl<'de> $crate::macros::serde::Deserialize<'de> for Key {
                    fn deserialize<D: $crate::macros::serde::Deserializer<'de>>(
                        deserializer: D,
                    ) -> Result<Self, D::Error> {
                        deserializer.deserialize_identifier(KeyVisitor)
                    }
                }

                struct KeyVisitor;

                impl $crate::macros::serde::de::Visitor<'_> for KeyVisitor {
                    type Value = Key;

                    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                        f.write_str("an attribute name")
                    }

                    fn visit_str<E: $crate::macros::serde::de::Error>(self, key: &str) -> Result<Key, E> {
                        match key {
                            $( $wire => return Ok(Key::$field), )*
                            _ => {}
                        }
                        $( if key.eq_ignore_ascii_case($wire) { return Ok(Key::$field); } )*
                        Ok(Key::Other(key.to_owned()))
                    }
                }

                struct ObjectVisitor;

                impl<'de> $crate::macros::serde::de::Visitor<'de> for ObjectVisitor {
                    type Value = $name;

                    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                        f.write_str("an object")
                    }

                    $crate::__no_numbers!();

                    /// Some service providers print `"manager": "26118915"` (ruling P18).
                    fn visit_str<E: $crate::macros::serde::de::Error>(self, text: &str) -> Result<$name, E> {
                        $( if $wire == "value"
                            && let Some(value) = $crate::macros::Slot::from_text(text)
                        {
                            return Ok($name { $field: value, ..$name::default() });
                        } )*
                        Err(E::invalid_type($crate::macros::serde::de::Unexpected::Other("string"), &self))
                    }

                    fn visit_map<A: $crate::macros::serde::de::MapAccess<'de>>(
                        self,
                        mut members: A,
                    ) -> Result<$name, A::Error> {
                        $( let mut $field: Option<$ty> = None; )*
                        let mut extra = $crate::macros::serde_json::Map::new();
                        while let Some(key) = members.next_key()? {
                            match key {
                                $( Key::$field => {
                                    if $field.is_some() {
                                        return Err($crate::macros::duplicate($wire));
                                    }
                                    $field = Some(
                                        members
                                            .next_value_seed($crate::macros::SlotSeed::<$ty>::new())
                                            .map_err(|e| $crate::macros::in_attribute($wire, e))?,
                                    );
                                } )*
                                Key::Other(key) => {
                                    let value: $crate::macros::serde_json::Value = members.next_value()?;
                                    if extra.contains_key(&key) {
                                        return Err($crate::macros::duplicate(&key));
                                    }
                                    extra.insert(key, value);
                                }
                            }
                        }
                        Ok($name {
                            $( $field: $field
                                .unwrap_or_else(<$ty as $crate::macros::Slot>::absent), )*
                            extra,
                        })
                    }
                }

                deserializer.deserialize_any(ObjectVisitor)
            }
        }

        impl $name {
            /// The names of the members that have a field.
            const NAMES: &'static [&'static str] = &[$($wire),*];

            /// Whether the member of this name is written from a field.
            fn writes(&self, key: &str) -> bool {
                $( if key.eq_ignore_ascii_case($wire) {
                    return $crate::__view!(@always $($always)?)
                        || !$crate::macros::Slot::is_absent(&self.$field);
                } )*
                false
            }
        }

        impl $crate::macros::serde::Serialize for $name {
            fn serialize<S: $crate::macros::serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                use $crate::macros::serde::ser::SerializeMap;
                let base: Option<&str> = $crate::__view!(@base $($base)?);
                let mut members = serializer.serialize_map(None)?;
                if let Some(base) = base {
                    let mut listed: &[String] = &[];
                    $( if $wire == "schemas" {
                        listed = $crate::macros::Slot::strings(&self.$field);
                    } )*
                    let containers = Self::NAMES
                        .iter()
                        .copied()
                        .filter(|name| $crate::macros::is_urn(name) && self.writes(name))
                        .chain($crate::macros::containers(&self.extra));
                    let schemas = $crate::macros::complete_schemas(listed, base, containers);
                    members.serialize_entry("schemas", &schemas)?;
                }
                $( if !(base.is_some() && $wire == "schemas")
                    && ($crate::__view!(@always $($always)?)
                        || !$crate::macros::Slot::is_absent(&self.$field))
                {
                    members.serialize_entry($wire, &$crate::macros::Written(&self.$field))?;
                } )*
                for (key, value) in &self.extra {
                    if !self.writes(key) {
                        members.serialize_entry(key, value)?;
                    }
                }
                members.end()
            }
        }

        impl $crate::macros::Single for $name {
            fn read<'de, D: $crate::macros::serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                $crate::macros::serde::Deserialize::deserialize(deserializer)
            }

            fn write<S: $crate::macros::serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                $crate::macros::serde::Serialize::serialize(self, serializer)
            }
        }
    };
    (@always) => { false };
    (@always always) => { true };
    (@base) => { None };
    (@base $base:ident) => { Some($base) };
}
pub(crate) use __view as view;

/// Visitor methods that refuse numbers and booleans without printing them.
#[macro_export]
#[doc(hidden)]
macro_rules! __no_numbers {
    () => {
        fn visit_u64<E: $crate::macros::serde::de::Error>(self, _: u64) -> Result<Self::Value, E> {
            Err(E::invalid_type($crate::macros::serde::de::Unexpected::Other("number"), &self))
        }

        fn visit_i64<E: $crate::macros::serde::de::Error>(self, _: i64) -> Result<Self::Value, E> {
            Err(E::invalid_type($crate::macros::serde::de::Unexpected::Other("number"), &self))
        }

        fn visit_f64<E: $crate::macros::serde::de::Error>(self, _: f64) -> Result<Self::Value, E> {
            Err(E::invalid_type($crate::macros::serde::de::Unexpected::Other("number"), &self))
        }

        fn visit_bool<E: $crate::macros::serde::de::Error>(
            self,
            _: bool,
        ) -> Result<Self::Value, E> {
            Err(E::invalid_type($crate::macros::serde::de::Unexpected::Other("boolean"), &self))
        }
    };
}
pub(crate) use __no_numbers as no_numbers;

/// An open set of keywords: known ones match without case, others are kept (ruling S03).
macro_rules! open_keywords {
    (
        $(#[$meta:meta])*
        pub enum $name:ident {
            $( $(#[$variant_meta:meta])* $variant:ident = $keyword:literal, )+
        }
    ) => {
        $(#[$meta])*
        #[derive(Clone, Debug, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum $name {
            $( $(#[$variant_meta])* $variant, )+
            /// A keyword that this library does not know.
            Other(Box<str>),
        }

        impl $name {
            /// The keyword as it stands on the wire.
            #[must_use]
            pub fn as_str(&self) -> &str {
                match self {
                    $( Self::$variant => $keyword, )+
                    Self::Other(keyword) => keyword,
                }
            }
        }

        impl From<&str> for $name {
            fn from(keyword: &str) -> Self {
                $( if keyword.eq_ignore_ascii_case($keyword) { return Self::$variant; } )+
                Self::Other(keyword.into())
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl $crate::view::Single for $name {
            fn read<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = <String as $crate::view::Single>::read(deserializer)?;
                Ok(Self::from(text.as_str()))
            }

            fn write<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.as_str())
            }
        }
    };
}
pub(crate) use open_keywords;

/// The type of a view's field: one value that may be absent, or many.
pub trait Slot: Sized {
    /// The field's content when the object lacks the member.
    fn absent() -> Self;
    /// Whether the member is left out when written.
    fn is_absent(&self) -> bool;
    /// Reads the content.
    ///
    /// # Errors
    /// When the JSON does not fit.
    fn read<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error>;
    /// Writes the content.
    ///
    /// # Errors
    /// Those of the serializer.
    fn write<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error>;

    /// The texts of a list of texts, which `schemas` is.
    fn strings(&self) -> &[String] {
        &[]
    }

    /// The field's content when its object is given as bare text.
    fn from_text(_: &str) -> Option<Self> {
        None
    }
}

/// One value.
pub trait Single: Sized {
    /// Reads the content.
    ///
    /// # Errors
    /// When the JSON does not fit.
    fn read<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error>;
    /// Writes the content.
    ///
    /// # Errors
    /// Those of the serializer.
    fn write<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error>;

    /// As [`Slot::strings`].
    fn strings(_: &[Self]) -> &[String] {
        &[]
    }

    /// As [`Slot::from_text`].
    fn from_text(_: &str) -> Option<Self> {
        None
    }
}

/// Reads a [`Slot`] out of a map.
#[derive(Debug)]
pub struct SlotSeed<T>(PhantomData<T>);

impl<T> SlotSeed<T> {
    /// Reads a field of this type.
    #[expect(clippy::new_without_default, reason = "there is nothing to default to")]
    pub fn new() -> Self {
        Self(PhantomData)
    }
}

impl<'de, T: Slot> DeserializeSeed<'de> for SlotSeed<T> {
    type Value = T;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<T, D::Error> {
        T::read(deserializer)
    }
}

/// Reads a [`Single`].
struct SingleSeed<T>(PhantomData<T>);

impl<'de, T: Single> DeserializeSeed<'de> for SingleSeed<T> {
    type Value = T;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<T, D::Error> {
        T::read(deserializer)
    }
}

/// Writes a [`Slot`].
#[derive(Debug)]
pub struct Written<'a, T>(pub &'a T);

impl<T: Slot> Serialize for Written<'_, T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.write(serializer)
    }
}

/// Writes a [`Single`].
struct WrittenOne<'a, T>(&'a T);

impl<T: Single> Serialize for WrittenOne<'_, T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.write(serializer)
    }
}

impl<T: Single> Slot for Option<T> {
    fn absent() -> Self {
        None
    }

    fn is_absent(&self) -> bool {
        self.is_none()
    }

    fn read<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Optional<T>(PhantomData<T>);

        impl<'de, T: Single> Visitor<'de> for Optional<T> {
            type Value = Option<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a value or null")
            }

            fn visit_none<E: de::Error>(self) -> Result<Option<T>, E> {
                Ok(None)
            }

            fn visit_unit<E: de::Error>(self) -> Result<Option<T>, E> {
                Ok(None)
            }

            fn visit_some<D: Deserializer<'de>>(self, value: D) -> Result<Option<T>, D::Error> {
                T::read(value).map(Some)
            }
        }

        deserializer.deserialize_option(Optional(PhantomData))
    }

    fn write<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Some(value) => value.write(serializer),
            None => serializer.serialize_unit(),
        }
    }

    fn from_text(text: &str) -> Option<Self> {
        T::from_text(text).map(Some)
    }
}

impl<T: Single> Slot for Vec<T> {
    fn absent() -> Self {
        Self::new()
    }

    fn is_absent(&self) -> bool {
        self.is_empty()
    }

    /// One value stands for an array of one (ruling P16), `null` for none.
    fn read<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Many<T>(PhantomData<T>);

        impl<'de, T: Single> Visitor<'de> for Many<T> {
            type Value = Vec<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an array")
            }

            fn visit_unit<E: de::Error>(self) -> Result<Vec<T>, E> {
                Ok(Vec::new())
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<Vec<T>, A::Error> {
                let mut all = Vec::new();
                while let Some(element) = elements.next_element_seed(SingleSeed(PhantomData))? {
                    all.push(element);
                }
                Ok(all)
            }

            fn visit_map<A: MapAccess<'de>>(self, members: A) -> Result<Vec<T>, A::Error> {
                T::read(de::value::MapAccessDeserializer::new(members)).map(|one| vec![one])
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Vec<T>, E> {
                T::read(de::value::StrDeserializer::new(text)).map(|one| vec![one])
            }

            crate::__no_numbers!();
        }

        deserializer.deserialize_any(Many(PhantomData))
    }

    fn write<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut elements = serializer.serialize_seq(Some(self.len()))?;
        for element in self {
            elements.serialize_element(&WrittenOne(element))?;
        }
        elements.end()
    }

    fn strings(&self) -> &[String] {
        T::strings(self)
    }
}

/// Required text: empty when absent.
impl Slot for String {
    fn absent() -> Self {
        Self::new()
    }

    fn is_absent(&self) -> bool {
        self.is_empty()
    }

    fn read<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        <Option<Self> as Slot>::read(deserializer).map(Option::unwrap_or_default)
    }

    fn write<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self)
    }
}

/// A required truth value: false when absent, and always written.
impl Slot for bool {
    fn absent() -> Self {
        false
    }

    fn is_absent(&self) -> bool {
        false
    }

    fn read<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        <Option<Self> as Slot>::read(deserializer).map(Option::unwrap_or_default)
    }

    fn write<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bool(*self)
    }
}

/// A required count: 0 when absent, and always written.
impl Slot for u64 {
    fn absent() -> Self {
        0
    }

    fn is_absent(&self) -> bool {
        false
    }

    fn read<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        <Option<Self> as Slot>::read(deserializer).map(Option::unwrap_or_default)
    }

    fn write<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u64(*self)
    }
}

impl Single for String {
    fn read<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Text;

        impl Visitor<'_> for Text {
            type Value = String;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<String, E> {
                Ok(text.to_owned())
            }

            fn visit_string<E: de::Error>(self, text: String) -> Result<String, E> {
                Ok(text)
            }

            /// Okta's own sample of a user has a number as postal code.
            fn visit_u64<E: de::Error>(self, number: u64) -> Result<String, E> {
                Ok(number.to_string())
            }

            fn visit_i64<E: de::Error>(self, number: i64) -> Result<String, E> {
                Ok(number.to_string())
            }

            fn visit_f64<E: de::Error>(self, number: f64) -> Result<String, E> {
                Ok(number.to_string())
            }

            fn visit_bool<E: de::Error>(self, _: bool) -> Result<String, E> {
                Err(E::invalid_type(Unexpected::Other("boolean"), &self))
            }
        }

        deserializer.deserialize_any(Text)
    }

    fn write<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self)
    }

    fn strings(all: &[Self]) -> &[String] {
        all
    }

    fn from_text(text: &str) -> Option<Self> {
        Some(text.to_owned())
    }
}

impl Single for bool {
    fn read<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Flag;

        impl Visitor<'_> for Flag {
            type Value = bool;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a boolean")
            }

            fn visit_bool<E: de::Error>(self, flag: bool) -> Result<bool, E> {
                Ok(flag)
            }

            fn visit_str<E: de::Error>(self, _: &str) -> Result<bool, E> {
                Err(E::invalid_type(Unexpected::Other("string"), &self))
            }

            fn visit_u64<E: de::Error>(self, _: u64) -> Result<bool, E> {
                Err(E::invalid_type(Unexpected::Other("number"), &self))
            }

            fn visit_i64<E: de::Error>(self, _: i64) -> Result<bool, E> {
                Err(E::invalid_type(Unexpected::Other("number"), &self))
            }

            fn visit_f64<E: de::Error>(self, _: f64) -> Result<bool, E> {
                Err(E::invalid_type(Unexpected::Other("number"), &self))
            }
        }

        deserializer.deserialize_any(Flag)
    }

    fn write<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bool(*self)
    }
}

/// A count in a message. Some service providers send it as text (ruling C01).
impl Single for u64 {
    fn read<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Count;

        impl Visitor<'_> for Count {
            type Value = u64;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a whole number of at least 0")
            }

            fn visit_u64<E: de::Error>(self, count: u64) -> Result<u64, E> {
                Ok(count)
            }

            fn visit_i64<E: de::Error>(self, count: i64) -> Result<u64, E> {
                u64::try_from(count)
                    .map_err(|_| E::invalid_value(Unexpected::Other("negative number"), &self))
            }

            fn visit_f64<E: de::Error>(self, _: f64) -> Result<u64, E> {
                Err(E::invalid_type(Unexpected::Other("fraction"), &self))
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<u64, E> {
                text.trim().parse().map_err(|_| E::invalid_type(Unexpected::Other("string"), &self))
            }
        }

        deserializer.deserialize_any(Count)
    }

    fn write<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u64(*self)
    }
}

/// An attribute of type integer.
impl Single for i64 {
    fn read<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Whole;

        impl Visitor<'_> for Whole {
            type Value = i64;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a whole number of 64 bits")
            }

            fn visit_i64<E: de::Error>(self, number: i64) -> Result<i64, E> {
                Ok(number)
            }

            fn visit_u64<E: de::Error>(self, number: u64) -> Result<i64, E> {
                let found = Unexpected::Other("larger number");
                i64::try_from(number).map_err(|_| E::invalid_value(found, &self))
            }

            fn visit_f64<E: de::Error>(self, _: f64) -> Result<i64, E> {
                Err(E::invalid_type(Unexpected::Other("fraction"), &self))
            }

            fn visit_bool<E: de::Error>(self, _: bool) -> Result<i64, E> {
                Err(E::invalid_type(Unexpected::Other("boolean"), &self))
            }

            fn visit_str<E: de::Error>(self, _: &str) -> Result<i64, E> {
                Err(E::invalid_type(Unexpected::Other("string"), &self))
            }
        }

        deserializer.deserialize_any(Whole)
    }

    fn write<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_i64(*self)
    }
}

/// An attribute of type decimal.
impl Single for f64 {
    fn read<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Real;

        impl Visitor<'_> for Real {
            type Value = f64;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a number")
            }

            fn visit_f64<E: de::Error>(self, number: f64) -> Result<f64, E> {
                Ok(number)
            }

            #[expect(clippy::cast_precision_loss, reason = "the field is a double")]
            fn visit_i64<E: de::Error>(self, number: i64) -> Result<f64, E> {
                Ok(number as f64)
            }

            #[expect(clippy::cast_precision_loss, reason = "the field is a double")]
            fn visit_u64<E: de::Error>(self, number: u64) -> Result<f64, E> {
                Ok(number as f64)
            }

            fn visit_bool<E: de::Error>(self, _: bool) -> Result<f64, E> {
                Err(E::invalid_type(Unexpected::Other("boolean"), &self))
            }

            fn visit_str<E: de::Error>(self, _: &str) -> Result<f64, E> {
                Err(E::invalid_type(Unexpected::Other("string"), &self))
            }
        }

        deserializer.deserialize_any(Real)
    }

    fn write<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_f64(*self)
    }
}

impl Single for Secret {
    fn read<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        <String as Single>::read(deserializer).map(Self::from)
    }

    fn write<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.expose())
    }
}

impl Single for ResourceId {
    fn read<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        <String as Single>::read(deserializer).map(Self::from)
    }

    fn write<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl Single for Version {
    fn read<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        <String as Single>::read(deserializer).map(|text| Self::from_wire(&text))
    }

    fn write<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

/// How dateTime values of `meta` are read: every form whose meaning is plain.
const FORGIVING: DateTimePolicy =
    DateTimePolicy { lenient: true, date_only: true, require_offset: false };

impl Single for DateTime<Utc> {
    fn read<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = <String as Single>::read(deserializer)?;
        parse_date_time(&text, &FORGIVING).ok_or_else(|| {
            de::Error::invalid_value(Unexpected::Other("string"), &"a dateTime (RFC 7643 §2.3.5)")
        })
    }

    /// As many digits of a second as there are, in thousands (ruling W16).
    fn write<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.to_rfc3339_opts(SecondsFormat::AutoSi, true))
    }
}

impl Single for Value {
    fn read<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Deserialize::deserialize(deserializer)
    }

    fn write<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        Serialize::serialize(self, serializer)
    }
}

/// The error for an attribute that is given twice.
#[cold]
pub fn duplicate<E: de::Error>(name: &str) -> E {
    E::custom(format_args!("attribute `{name}` is given twice"))
}

/// An error, with the attribute's name.
#[cold]
pub fn in_attribute<E: de::Error>(name: &str, error: E) -> E {
    E::custom(format_args!("attribute `{name}`: {error}"))
}

/// Whether a member's name is the URN of an extension.
pub fn is_urn(name: &str) -> bool {
    name.get(..4).is_some_and(|prefix| prefix.eq_ignore_ascii_case("urn:"))
}

/// The extensions among members without a field.
pub fn containers(extra: &Map<String, Value>) -> impl Iterator<Item = &str> {
    extra
        .iter()
        .filter(|(key, value)| is_urn(key) && value.is_object())
        .map(|(key, _)| key.as_str())
}

/// What is listed, each once, then what is missing: the base schema of an empty list, and each
/// extension that the resource has.
pub fn complete_schemas<'a>(
    listed: &'a [String],
    base: &'a str,
    containers: impl Iterator<Item = &'a str>,
) -> Vec<&'a str> {
    let mut schemas: Vec<&str> = Vec::with_capacity(listed.len() + 1);
    if listed.is_empty() {
        schemas.push(base);
    }
    for urn in listed.iter().map(String::as_str).chain(containers) {
        if !schemas.iter().any(|known| known.eq_ignore_ascii_case(urn)) {
            schemas.push(urn);
        }
    }
    schemas
}

/// The data of an extension, by its URN in any case.
pub(crate) fn extension<T: DeserializeOwned>(
    extra: &Map<String, Value>,
    urn: &str,
) -> Result<Option<T>, Error> {
    let Some((_, data)) = extra.iter().find(|(key, _)| key.eq_ignore_ascii_case(urn)) else {
        return Ok(None);
    };
    Option::<T>::deserialize(data)
        .map_err(|error| Error::invalid_value(format_args!("extension `{urn}`: {error}")))
}

pub(crate) fn set_extension<T: Serialize>(
    extra: &mut Map<String, Value>,
    schemas: &mut Vec<String>,
    urn: &str,
    data: &T,
) -> Result<(), Error> {
    let data = serde_json::to_value(data)
        .map_err(|error| Error::invalid_value(format_args!("extension `{urn}`: {error}")))?;
    if !data.is_object() {
        return Err(Error::invalid_value(format_args!("extension `{urn}` must be an object")));
    }
    extra.retain(|key, _| !key.eq_ignore_ascii_case(urn));
    extra.insert(urn.to_owned(), data);
    if !schemas.iter().any(|known| known.eq_ignore_ascii_case(urn)) {
        schemas.push(urn.to_owned());
    }
    Ok(())
}
