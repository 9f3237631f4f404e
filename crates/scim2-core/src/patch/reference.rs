//! References that are written in parts.

use std::borrow::Cow;

use serde_json::Value;

use super::Engine;
use super::target::{Sub, Target};
use super::write::Write;
use crate::accept::{accept, id_of_uri};
use crate::error::Error;
use crate::schema::Attribute;

impl Engine<'_> {
    /// What is written to the `value` or the `$ref` of a reference, as if it stood in an object:
    /// an empty id is none (ruling W35), and a `$ref` is not kept but says which `value` there is
    /// (ruling W19). None if nothing is left to be written.
    ///
    /// # Errors
    /// `invalidValue` when the value is of the wrong type.
    pub(super) fn part_of_reference<'t>(
        &self,
        mut target: Target<'t>,
        kind: Write,
        value: Value,
    ) -> Result<Option<(Target<'t>, Value)>, Error> {
        let parts = target.attribute.and_then(Attribute::reference_parts);
        let (Some((id, uri)), Some(sub)) = (parts, &target.sub) else {
            return Ok(Some((target, value)));
        };
        let is_ref = sub.key == uri.name.as_str() && !self.resource_type.is_open();
        let Some(part) = sub.attribute.filter(|_| is_ref || sub.key == id.name.as_str()) else {
            return Ok(Some((target, value)));
        };
        let name = target.name().into_owned();
        let written = accept(part, value.clone(), self.accept(&name))?;
        let Some(written) = written.as_ref().and_then(Value::as_str) else {
            return Ok(Some((target, value)));
        };
        let named = if is_ref { id_of_uri(written) } else { Cow::Borrowed(written) };
        if named.is_empty() {
            // As in an object, that is nothing to add and no `value` to have.
            return Ok((kind == Write::Replace).then_some((target, Value::Null)));
        }
        let named = Value::from(named.into_owned());
        if is_ref {
            target.sub = Some(Sub { key: id.name.as_str().into(), attribute: Some(id) });
        }
        Ok(Some((target, named)))
    }
}
