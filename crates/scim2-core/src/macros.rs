//! What the code uses that [`extension!`](crate::extension) makes. Not for use by hand.

pub use serde;
pub use serde_json;

use chrono::{DateTime, Utc};
use scim2_syntax::{AttrName, SchemaUri};

use crate::schema::{Attribute, AttributeType, Schema};
use crate::secret::Secret;
pub use crate::view::{
    Single, Slot, SlotSeed, Written, complete_schemas, containers, duplicate, in_attribute, is_urn,
};

/// What a field's Rust type says about its attribute.
pub trait Described {
    const TYPE: AttributeType;
    const MULTI_VALUED: bool = false;
    /// The doc comments of a struct.
    const ABOUT: &'static [&'static str] = &[];

    fn sub_attributes() -> Vec<Attribute> {
        Vec::new()
    }
}

impl<T: Described> Described for Option<T> {
    const TYPE: AttributeType = T::TYPE;

    fn sub_attributes() -> Vec<Attribute> {
        T::sub_attributes()
    }
}

impl<T: Described> Described for Vec<T> {
    const TYPE: AttributeType = T::TYPE;
    const MULTI_VALUED: bool = true;

    fn sub_attributes() -> Vec<Attribute> {
        T::sub_attributes()
    }
}

macro_rules! described {
    ($($name:ty = $attribute_type:ident,)+) => { $(
        impl Described for $name {
            const TYPE: AttributeType = AttributeType::$attribute_type;
        }
    )+ };
}

described! {
    String = String,
    Secret = String,
    bool = Boolean,
    i64 = Integer,
    f64 = Decimal,
    DateTime<Utc> = DateTime,
}

/// The attribute of a field, before its characteristics.
pub fn attribute<T: Described>(name: &'static str, docs: &[&str]) -> Attribute {
    let attribute = Attribute::new(AttrName::from_static(name), T::TYPE)
        .sub_attributes(T::sub_attributes())
        .description(text(docs));
    if T::MULTI_VALUED { attribute.multi_valued() } else { attribute }
}

/// The schema of a struct.
pub fn schema(urn: &'static str, name: &str, docs: &[&str], attributes: Vec<Attribute>) -> Schema {
    Schema::new(SchemaUri::from_static(urn), attributes).named(name).description(text(docs))
}

/// Doc comments as one line.
fn text(docs: &[&str]) -> String {
    let lines: Vec<&str> =
        docs.iter().map(|line| line.trim()).take_while(|line| !line.is_empty()).collect();
    lines.join(" ")
}
