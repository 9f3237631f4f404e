//! Serving less than a schema has.

use scim2_syntax::AttrPath;

use crate::catalog::{Resolved, ResourceType};
use crate::error::Error;
use crate::policy::Policy;
use crate::schema::{Attribute, Schema};

impl ResourceType {
    /// The same type with these attributes alone, for a service provider that has no place for the
    /// others: they are then unknown, so they are refused or ignored as the policy says, no filter
    /// can ask for them, and `/Schemas` tells the truth (RFC 7643 §2.2 and §8.7 let a service
    /// provider choose what it supports).
    ///
    /// A path names an attribute with all of its sub-attributes, one sub-attribute, or a whole
    /// extension. What the schema requires stays, named or not; extensions go unless something of
    /// them is named.
    ///
    /// ```
    /// use scim2_core::{Policy, ResourceType};
    /// let user = ResourceType::user().with_only(&["displayName", "name.familyName", "active"])?;
    /// let names: Vec<_> = user.schema().attributes.iter().map(|a| a.name.as_str()).collect();
    /// assert_eq!(names, ["userName", "name", "displayName", "active"]);
    /// let error = user.ingest(br#"{"title": "Guide"}"#, &Policy::strict()).unwrap_err();
    /// assert!(error.message().unwrap().contains("unknown attribute `title`"));
    /// # Ok::<(), scim2_core::Error>(())
    /// ```
    ///
    /// # Errors
    /// `invalidPath` when a path names nothing in this type.
    pub fn with_only(&self, paths: &[&str]) -> Result<Self, Error> {
        let mut kept = Vec::with_capacity(paths.len());
        for path in paths {
            let path: AttrPath = path.parse().map_err(|error| Error::from_path(&error))?;
            kept.push(path);
        }
        let mut named = Vec::with_capacity(kept.len());
        for path in &kept {
            named.push(self.resolve(path, &Policy::strict()).map_err(Error::invalid_path)?);
        }
        let base = restricted(self.schema(), |attribute| {
            named.iter().filter_map(move |resolved| match resolved {
                Resolved::Attribute { extension: None, attribute: known, sub_attribute }
                    if known.name == attribute.name =>
                {
                    Some(*sub_attribute)
                }
                _ => None,
            })
        });
        let mut subset = self.with_schema(base);
        for extension in self.extensions() {
            let uri = &extension.schema.id;
            let whole = named
                .iter()
                .any(|resolved| matches!(resolved, Resolved::Extension(e) if e.schema.id == *uri));
            let schema = if whole {
                Schema::clone(&extension.schema)
            } else {
                restricted(&extension.schema, |attribute| {
                    named.iter().filter_map(move |resolved| match resolved {
                        Resolved::Attribute {
                            extension: Some(e),
                            attribute: known,
                            sub_attribute,
                        } if e.schema.id == *uri && known.name == attribute.name => {
                            Some(*sub_attribute)
                        }
                        _ => None,
                    })
                })
            };
            let used = named.iter().any(|resolved| match resolved {
                Resolved::Attribute { extension: Some(e), .. } => e.schema.id == *uri,
                _ => whole,
            });
            subset = match (extension.required, used) {
                (true, _) => subset.with_required_extension(schema),
                (false, true) => subset.with_extension(schema),
                (false, false) => subset,
            };
        }
        Ok(subset)
    }
}

/// A schema with the attributes for which there is a name, and those that are required. Each name
/// is that of a sub-attribute, or of the whole.
fn restricted<'a, I>(schema: &'a Schema, names: impl Fn(&'a Attribute) -> I) -> Schema
where
    I: Iterator<Item = Option<&'a Attribute>>,
{
    let mut restricted = schema.clone();
    restricted.attributes = schema
        .attributes
        .iter()
        .filter_map(|attribute| {
            let names: Vec<_> = names(attribute).collect();
            if names.is_empty() && !attribute.required {
                return None;
            }
            let mut kept = attribute.clone();
            if !names.is_empty() && names.iter().all(Option::is_some) {
                kept.sub_attributes.retain(|sub| {
                    sub.required || names.iter().flatten().any(|named| named.name == sub.name)
                });
            }
            Some(kept)
        })
        .collect();
    restricted
}
