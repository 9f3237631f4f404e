//! What is wrong with a schema, explained.
//!
//! A schema that parses may still contradict RFC 7643: a reader that meets it later behaves in
//! ways that its author did not mean. [`Schema::lint`] says so before, and [`Schema::lint_json`]
//! also says of JSON that is no schema what keeps it from being one.

use std::borrow::Cow;
use std::fmt;

use scim2_syntax::{AttrName, SchemaUri};
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use crate::catalog::{ResourceType, common_attribute};
use crate::discovery::RESOURCE_TYPE_SCHEMA;
use crate::json::Shown;
use crate::schema::{
    Attribute, AttributeType, Mutability, Returned, SCHEMA_SCHEMA, Schema, Uniqueness,
};

/// One thing to say about a schema.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Finding {
    /// How bad it is.
    pub severity: Severity,
    /// Where: the schema's URI, or that and the attribute: `urn:example:Badge:owner.value`.
    pub path: String,
    /// What is wrong, and what RFC 7643 wants.
    pub message: Cow<'static, str>,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let severity = match self.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
        };
        write!(f, "{severity}: `{}` {}", self.path, self.message)
    }
}

/// How bad a [`Finding`] is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[expect(clippy::exhaustive_enums, reason = "a finding is against the RFC or it is not")]
pub enum Severity {
    /// It is legal and probably not meant.
    Warning,
    /// RFC 7643 forbids it.
    Error,
}

impl Schema {
    /// Looks for contradictions to RFC 7643 §2 and §7.
    ///
    /// ```
    /// use scim2_core::Schema;
    /// let schema: Schema = serde_json::from_str(
    ///     r#"{"id": "urn:example:Badge", "attributes": [
    ///         {"name": "owner", "type": "string", "description": "Who has it",
    ///          "subAttributes": [{"name": "value"}]}
    ///     ]}"#,
    /// )?;
    /// assert_eq!(
    ///     schema.lint()[0].to_string(),
    ///     "error: `urn:example:Badge:owner` has sub-attributes and is not complex (RFC 7643 §1.2)",
    /// );
    /// # Ok::<(), serde_json::Error>(())
    /// ```
    #[must_use]
    pub fn lint(&self) -> Vec<Finding> {
        let mut lint = Lint { schema: self, findings: Vec::new() };
        lint.names(&self.attributes, "");
        for attribute in &self.attributes {
            let name = attribute.name.as_str();
            lint.names(&attribute.sub_attributes, &format!("{name}."));
            if common_attribute(name).is_some() && !has_own_common_attributes(self) {
                lint.warn(
                    name,
                    "is a common attribute: what RFC 7643 §3.1 says of it counts, and this is ignored",
                );
            }
            lint.attribute(attribute, name);
            for sub_attribute in &attribute.sub_attributes {
                lint.sub_attribute(attribute, sub_attribute);
            }
        }
        lint.findings
    }

    /// The same for JSON that is meant to be a schema: first what keeps it from being one, all of
    /// it, and then what [`lint`](Self::lint) finds in the rest.
    ///
    /// ```
    /// use scim2_core::Schema;
    /// let findings = Schema::lint_json(&serde_json::json!({
    ///     "id": "urn:example:Badge",
    ///     "attributes": [
    ///         { "name": "1st", "description": "The first door" },
    ///         { "name": "price", "type": "money", "description": "What it costs" },
    ///     ],
    /// }));
    /// let lines: Vec<_> = findings.iter().map(ToString::to_string).collect();
    /// assert!(lines[0].contains("1st` is no attribute name (RFC 7643 §2.1)"));
    /// assert!(lines[1].contains("price` has an unknown attribute type `money`"));
    /// ```
    #[must_use]
    pub fn lint_json(json: &Value) -> Vec<Finding> {
        let mut form = Form { place: "the schema".to_owned(), findings: Vec::new() };
        let Value::Object(members) = json else {
            form.error("", "is not a JSON object");
            return form.findings;
        };
        match members.get("id").map(|id| (id.as_str(), id.as_str().map(SchemaUri::new))) {
            Some((Some(id), Some(Ok(_)))) => id.clone_into(&mut form.place),
            Some((Some(id), _)) => {
                form.error("", format!("has the `id` `{}`, which is no URI", Shown(id)));
            }
            Some((None, _)) => form.error("", "has an `id` that is no string"),
            None => form.error("", "has no `id` (RFC 7643 §7)"),
        }
        for name in ["name", "description"] {
            if members.get(name).is_some_and(|value| !value.is_null() && !value.is_string()) {
                form.error("", format!("has a `{name}` that is no string"));
            }
        }
        let attributes = match members.get("attributes") {
            Some(attributes) => form.attributes(attributes, "", 1),
            None => {
                form.error("", "has no `attributes` (RFC 7643 §7)");
                Value::Null
            }
        };
        let mut findings = form.findings;
        let id = SchemaUri::new(&form.place).unwrap_or(SchemaUri::from_static("urn:unknown"));
        let attributes: Vec<Attribute> = serde_json::from_value(attributes).unwrap_or_default();
        findings.extend(Self::new(id, attributes).lint());
        findings
    }
}

impl ResourceType {
    /// What [`Schema::lint`] finds in each schema, attributes of extensions that are named like
    /// one of the base schema (RFC 7643 §3.3, ruling S07), and a missing description.
    #[must_use]
    pub fn lint(&self) -> Vec<Finding> {
        let mut findings = self.schema().lint();
        if self.description().is_empty() {
            findings.push(Finding {
                severity: Severity::Warning,
                path: self.name().to_owned(),
                message: "has no description (RFC 7643 §6)".into(),
            });
        }
        for extension in self.extensions() {
            let schema = &extension.schema;
            findings.extend(schema.lint());
            let mut lint = Lint { schema, findings };
            for attribute in &schema.attributes {
                if self.schema().attribute(attribute.name.as_str()).is_some() {
                    lint.warn(
                        attribute.name.as_str(),
                        "is named like an attribute of the base schema, which is another one",
                    );
                }
            }
            findings = lint.findings;
        }
        findings
    }
}

/// The schemas of resources that describe the service provider, which need not have `id` and
/// define it themselves.
fn has_own_common_attributes(schema: &Schema) -> bool {
    schema.id == SCHEMA_SCHEMA || schema.id == RESOURCE_TYPE_SCHEMA
}

struct Lint<'a> {
    schema: &'a Schema,
    findings: Vec<Finding>,
}

impl Lint<'_> {
    fn error(&mut self, name: &str, message: &'static str) {
        self.find(Severity::Error, name, message);
    }

    fn warn(&mut self, name: &str, message: &'static str) {
        self.find(Severity::Warning, name, message);
    }

    fn find(&mut self, severity: Severity, name: &str, message: &'static str) {
        let path = format!("{}:{name}", self.schema.id);
        self.findings.push(Finding { severity, path, message: message.into() });
    }

    /// Names that occur twice, and names with a dollar sign first.
    fn names(&mut self, attributes: &[Attribute], parent: &str) {
        let mut names: Vec<&AttrName> =
            attributes.iter().map(|attribute| &attribute.name).collect();
        names.sort();
        for name in &names {
            // Ruling F06.
            if name.as_str().starts_with('$') && **name != "$ref" {
                self.warn(&format!("{parent}{name}"), "begins with `$`, as only `$ref` may");
            }
        }
        for (name, next) in names.iter().zip(names.iter().skip(1)) {
            if name == next {
                let message = "is defined twice; names are compared without case (RFC 7643 §2.1)";
                self.error(&format!("{parent}{name}"), message);
            }
        }
    }

    /// What goes for attributes and sub-attributes alike.
    fn attribute(&mut self, attribute: &Attribute, name: &str) {
        use AttributeType as T;
        let attribute_type = attribute.attribute_type;
        if attribute.is_complex() {
            if attribute.sub_attributes.is_empty() {
                self.warn(name, "is complex and has no sub-attributes (RFC 7643 §7)");
            }
            if attribute.case_exact {
                self.error(name, "is complex and cannot be `caseExact` (RFC 7643 §2.3.8)");
            }
        } else if !attribute.sub_attributes.is_empty() {
            self.error(name, "has sub-attributes and is not complex (RFC 7643 §1.2)");
        }
        if attribute.uniqueness != Uniqueness::None
            && matches!(attribute_type, T::Complex | T::Boolean | T::Binary | T::DateTime)
        {
            self.error(name, "has a type whose values have no uniqueness (RFC 7643 §2.3)");
        }
        if attribute_type != T::Reference && !attribute.reference_types.is_empty() {
            self.error(name, "has `referenceTypes` and is no reference (RFC 7643 §7)");
        }
        if attribute.description.as_deref().is_none_or(str::is_empty) {
            self.warn(name, "has no description (RFC 7643 §7)");
        }
        if attribute.mutability == Mutability::WriteOnly && attribute.returned != Returned::Never {
            self.warn(name, "is writeOnly: it is returned never, whatever `returned` says");
        }
    }

    fn sub_attribute(&mut self, attribute: &Attribute, sub_attribute: &Attribute) {
        use AttributeType as T;
        let name = format!("{}.{}", attribute.name, sub_attribute.name);
        self.attribute(sub_attribute, &name);
        if sub_attribute.is_complex() && self.schema.id != SCHEMA_SCHEMA {
            self.error(&name, "is complex inside a complex attribute (RFC 7643 §2.3.8)");
        }
        // Ruling S06.
        let (read_only, never) = (Mutability::ReadOnly, Returned::Never);
        if attribute.mutability == read_only && sub_attribute.mutability != read_only {
            self.warn(&name, "is readOnly, whatever it says, as the attribute is that it is in");
        }
        if attribute.returned == never && sub_attribute.returned != never {
            self.warn(&name, "is returned never, whatever it says, as is the attribute it is in");
        }
        if !attribute.multi_valued {
            return;
        }
        // RFC 7643 §2.4. What `value` is, each attribute says itself.
        let message = match sub_attribute.name.as_str().to_ascii_lowercase().as_str() {
            "type" if sub_attribute.attribute_type != T::String => {
                "is not the string that RFC 7643 §2.4 makes of `type`"
            }
            "display" if sub_attribute.attribute_type != T::String => {
                "is not the string that RFC 7643 §2.4 makes of `display`"
            }
            "primary" if sub_attribute.attribute_type != T::Boolean => {
                "is not the boolean that RFC 7643 §2.4 makes of `primary`"
            }
            "$ref" if sub_attribute.attribute_type != T::Reference => {
                "is not the reference that RFC 7643 §2.4 makes of `$ref`"
            }
            _ => return,
        };
        self.error(&name, message);
    }
}

/// What keeps JSON from being a schema.
struct Form {
    /// The schema's URI, or what stands for it.
    place: String,
    findings: Vec<Finding>,
}

impl Form {
    fn error(&mut self, name: &str, message: impl Into<Cow<'static, str>>) {
        self.find(Severity::Error, name, message.into());
    }

    fn find(&mut self, severity: Severity, name: &str, message: Cow<'static, str>) {
        let path = match name {
            "" => self.place.clone(),
            name => format!("{}:{name}", self.place),
        };
        self.findings.push(Finding { severity, path, message });
    }

    /// The attributes that are of the right form, and what is of the right form in them.
    fn attributes(&mut self, json: &Value, parent: &str, depth: usize) -> Value {
        let owner = parent.trim_end_matches('.');
        let list = if depth == 1 { "attributes" } else { "subAttributes" };
        match json {
            Value::Null => Value::Null,
            Value::Array(_) if depth > MAX_NESTING => {
                self.error(owner, "has sub-attributes nested too deeply");
                Value::Null
            }
            Value::Array(attributes) => attributes
                .iter()
                .enumerate()
                .filter_map(|(at, attribute)| match attribute {
                    Value::Object(members) => {
                        self.attribute(members, parent, &format!("{list}[{at}]"), depth)
                    }
                    _ => {
                        self.error(&format!("{parent}{list}[{at}]"), "is not a JSON object");
                        None
                    }
                })
                .collect(),
            _ => {
                self.error(owner, format!("has `{list}` that are no array"));
                Value::Null
            }
        }
    }

    fn attribute(
        &mut self,
        members: &Map<String, Value>,
        parent: &str,
        place: &str,
        depth: usize,
    ) -> Option<Value> {
        let name = members.get("name").and_then(Value::as_str);
        let is_name = name.is_some_and(|name| AttrName::new(name).is_ok());
        let path = match name {
            Some(name) => format!("{parent}{}", Shown(name)),
            None => format!("{parent}{place}"),
        };
        match name {
            None => self.error(&path, "has no `name`"),
            Some(_) if !is_name => self.error(&path, "is no attribute name (RFC 7643 §2.1)"),
            Some(_) => {}
        }
        let mut kept = Map::new();
        for (key, value) in members.iter().filter(|(_, value)| !value.is_null()) {
            let fault = match key.as_str() {
                "name" => None,
                "type" => keyword::<AttributeType>(key, value),
                "mutability" => keyword::<Mutability>(key, value),
                "returned" => keyword::<Returned>(key, value),
                "uniqueness" => keyword::<Uniqueness>(key, value),
                "multiValued" | "required" | "caseExact" => {
                    (!value.is_boolean()).then(|| format!("has a `{key}` that is no boolean"))
                }
                "description" => {
                    (!value.is_string()).then(|| format!("has a `{key}` that is no string"))
                }
                "canonicalValues" | "referenceTypes" => {
                    let are_strings = |list: &Vec<Value>| list.iter().all(Value::is_string);
                    (!value.as_array().is_some_and(are_strings))
                        .then(|| format!("has `{key}` that are no array of strings"))
                }
                "subAttributes" => {
                    let attributes = self.attributes(value, &format!("{path}."), depth + 1);
                    kept.insert(key.clone(), attributes);
                    continue;
                }
                _ => {
                    let message = format!("has `{}`, which is no characteristic", Shown(key));
                    self.find(Severity::Warning, &path, message.into());
                    continue;
                }
            };
            match fault {
                Some(fault) => self.error(&path, fault),
                None => {
                    kept.insert(key.clone(), value.clone());
                }
            }
        }
        is_name.then_some(Value::Object(kept))
    }
}

/// How deep `subAttributes` are followed. RFC 7643 has two levels, and three in its own Schema.
const MAX_NESTING: usize = 8;

fn keyword<T: DeserializeOwned>(key: &str, value: &Value) -> Option<String> {
    if !value.is_string() {
        return Some(format!("has a `{key}` that is no string"));
    }
    T::deserialize(value).err().map(|error| format!("has an {error}"))
}
