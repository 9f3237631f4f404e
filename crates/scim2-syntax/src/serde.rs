//! Names, URIs, paths and filters as JSON strings.

use core::{fmt, marker::PhantomData, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::{AttrName, AttrPath, Filter, ParseError, PatchPath, SchemaUri};

struct Text<T>(&'static str, PhantomData<T>);

impl<T: FromStr<Err = ParseError>> de::Visitor<'_> for Text<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<T, E> {
        text.parse().map_err(E::custom)
    }
}

macro_rules! as_text {
    ($($type:ty, $expecting:literal, $serialize:ident;)*) => {$(
        impl Serialize for $type {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                $serialize(self, serializer)
            }
        }

        impl<'de> Deserialize<'de> for $type {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                deserializer.deserialize_str(Text($expecting, PhantomData))
            }
        }
    )*};
}

as_text! {
    AttrName, "an attribute name", plain;
    SchemaUri, "a schema URI", plain;
    AttrPath, "an attribute path", printed;
    PatchPath, "a PATCH path", printed;
    Filter, "a filter", printed;
}

fn plain<S: Serializer>(text: &impl AsRef<str>, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(text.as_ref())
}

fn printed<S: Serializer>(value: &impl fmt::Display, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(value)
}
