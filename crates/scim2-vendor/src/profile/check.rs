//! Whether a target takes a resource or a PATCH.

use scim2_core::patch_op::{PatchOp, PatchOpKind, PatchOperation};
use scim2_core::schema::{Attribute, Mutability};
use scim2_core::syntax::{CompareOp, Expr, FilterRef, PatchPath, SyntaxPolicy};
use scim2_core::{Resource, ResourceType};
use serde_json::{Map, Value};

use super::{
    AttributeProfile, PathlessPatch, ProfileViolation, ResourceProfile, Rule, TargetProfile,
};
use crate::entra;
use crate::mapping::{AttributeMapping, MappingSource};

impl TargetProfile {
    /// What the target would refuse in a resource that is to be created.
    #[must_use]
    pub fn check_create(
        &self,
        resource_type: &ResourceType,
        resource: &Resource,
    ) -> Vec<ProfileViolation> {
        let mut violations = self.check_state(resource_type, resource);
        let members = member(resource.as_map(), "members").map_or(0, count);
        violations.extend(self.too_many_members(members));
        violations
    }

    /// What the target would refuse in a PUT.
    #[must_use]
    pub fn check_replace(
        &self,
        resource_type: &ResourceType,
        resource: &Resource,
    ) -> Vec<ProfileViolation> {
        let offered = self.resource(resource_type.name()).is_none_or(|profile| profile.put);
        if !offered {
            return vec![ProfileViolation::new(
                self,
                Rule::Put,
                resource_type.name(),
                "a PUT request",
                "none",
                "send the changes by PATCH",
            )];
        }
        self.check_create(resource_type, resource)
    }

    /// What the target would refuse to keep, whatever request leads to it.
    #[must_use]
    pub fn check_state(
        &self,
        resource_type: &ResourceType,
        resource: &Resource,
    ) -> Vec<ProfileViolation> {
        let Some(profile) = self.resource(resource_type.name()) else { return Vec::new() };
        let mut check = Check { target: self, resource_type, profile, violations: Vec::new() };
        check.required(resource.as_map());
        check.attributes(resource.as_map());
        check.violations
    }

    /// What the target would refuse in the form of a PATCH. What the PATCH leaves behind is
    /// checked by [`check_state`](Self::check_state).
    #[must_use]
    pub fn check_patch(&self, resource_type: &ResourceType, op: &PatchOp) -> Vec<ProfileViolation> {
        let Some(profile) = self.resource(resource_type.name()) else { return Vec::new() };
        let mut check = PatchCheck {
            check: Check { target: self, resource_type, profile, violations: Vec::new() },
            written: Vec::new(),
            member_changes: 0,
        };
        for operation in &op.operations {
            check.operation(operation);
        }
        check.finish()
    }

    fn too_many_members(&self, changes: usize) -> Option<ProfileViolation> {
        let limit = self.members_per_request.filter(|limit| changes > *limit)?;
        Some(ProfileViolation::new(
            self,
            Rule::TooManyMembers,
            "members",
            format!("{changes} changes in one request"),
            limit.to_string(),
            format!("send them in several requests of at most {limit}"),
        ))
    }
}

struct Check<'a> {
    target: &'a TargetProfile,
    resource_type: &'a ResourceType,
    profile: &'a ResourceProfile,
    violations: Vec<ProfileViolation>,
}

impl Check<'_> {
    fn refuse(
        &mut self,
        rule: Rule,
        attribute: impl Into<String>,
        found: impl Into<String>,
        allowed: impl Into<String>,
        remedy: impl Into<String>,
    ) {
        self.violations.push(ProfileViolation::new(
            self.target,
            rule,
            attribute,
            found,
            allowed,
            remedy,
        ));
    }

    fn required(&mut self, resource: &Map<String, Value>) {
        for path in &self.profile.required {
            let (name, sub_attr) = match path.split_once('.') {
                Some((name, sub_attr)) => (name, Some(sub_attr)),
                None => (path.as_str(), None),
            };
            let value = match (member(resource, name), sub_attr) {
                (Some(Value::Object(parts)), Some(sub_attr)) => member(parts, sub_attr),
                (value, None) => value,
                _ => None,
            };
            if value.is_none_or(is_unassigned) {
                let remedy = match sources(path).as_slice() {
                    [] => format!("give the source of `{path}` a value"),
                    sources => format!("fill {} at the source", list(sources)),
                };
                let allowed = format!("no {} without it", self.profile.resource_type);
                self.refuse(Rule::Required, path, "no value", allowed, remedy);
            }
        }
    }

    fn attributes(&mut self, resource: &Map<String, Value>) {
        let resource_type = self.resource_type;
        for (name, value) in resource {
            if is_unassigned(value) {
                continue;
            }
            if let Some(extension) = resource_type.extension(name) {
                let Value::Object(members) = value else { continue };
                for (name, value) in members {
                    let path = format!("{}:{name}", extension.schema.id);
                    self.attribute(&path, extension.schema.attribute(name), value);
                }
            } else if !name.eq_ignore_ascii_case("schemas") {
                self.attribute(name, resource_type.attribute(name), value);
            }
        }
    }

    /// Finds what is said of an attribute; nothing where all attributes are taken.
    fn supported(&mut self, path: &str) -> Option<AttributeProfile> {
        if self.profile.attributes.is_empty() {
            return None;
        }
        let known = self.profile.attribute(path).cloned();
        if known.is_none() {
            let remedy = format!("drop the mapping of {path}");
            self.refuse(Rule::Unsupported, path, "a value", "none", remedy);
        }
        known
    }

    /// One attribute, and what the schema says of it. What only the target writes is left out of
    /// what it is sent.
    fn attribute(&mut self, path: &str, attribute: Option<&Attribute>, value: &Value) {
        if is_unassigned(value) || is_read_only(attribute) {
            return;
        }
        let Some(known) = self.supported(path) else { return };
        let values = count(value);
        if known.max_values.is_some_and(|max| values > max) {
            self.too_many_values(&known, value);
        }
        match value {
            Value::Array(elements) => {
                for element in elements {
                    self.element(&known, attribute, element);
                }
            }
            value => self.element(&known, attribute, value),
        }
        if known.primary && known.max_values.is_none_or(|max| values <= max) {
            let elements = value.as_array().map_or(std::slice::from_ref(value), Vec::as_slice);
            let all = elements.iter().all(|element| {
                let parts = element.as_object();
                parts.and_then(|parts| member(parts, "primary")) == Some(&Value::Bool(true))
            });
            if !all {
                self.refuse(
                    Rule::NotPrimary,
                    &known.path,
                    "no primary value",
                    "a primary one only",
                    "set `primary` to true",
                );
            }
        }
    }

    fn too_many_values(&mut self, known: &AttributeProfile, value: &Value) {
        let types: Vec<&str> = value
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(|element| member(element.as_object()?, "type")?.as_str())
            .collect();
        let values = count(value);
        let found = if types.is_empty() {
            format!("{values} values")
        } else {
            format!("{values} values ({})", types.join(", "))
        };
        // One value is kept: that of type work, which every default table maps.
        let kept = if types.contains(&"work") { Some("work") } else { types.first().copied() };
        let mut extra: Vec<String> = Vec::new();
        for other in types.iter().filter(|&&other| Some(other) != kept) {
            let target = format!("{}[type eq \"{other}\"]", known.path);
            for source in sources(&target) {
                if !extra.contains(&source) {
                    extra.push(source);
                }
            }
        }
        let max = known.max_values.unwrap_or_default();
        let remedy = match extra.as_slice() {
            [] if max == 1 => "send one of them only".to_owned(),
            [] => format!("send {max} of them only"),
            [one] => format!("drop the mapping of {one}"),
            more => format!("drop the mappings of {}", list(more)),
        };
        self.refuse(Rule::TooManyValues, &known.path, found, max.to_string(), remedy);
    }

    /// One value: its sub-attributes and its text.
    fn element(&mut self, known: &AttributeProfile, attribute: Option<&Attribute>, value: &Value) {
        let mut texts: Vec<&str> = value.as_str().into_iter().collect();
        for (name, value) in value.as_object().into_iter().flatten() {
            let sub_attribute = attribute.and_then(|attribute| attribute.sub_attribute(name));
            if is_unassigned(value) || is_read_only(sub_attribute) {
                continue;
            }
            let listed = known.sub_attributes.iter().any(|sub| sub.eq_ignore_ascii_case(name));
            if !listed && !known.sub_attributes.is_empty() {
                let path = format!("{}.{name}", known.path);
                let remedy = format!("leave {path} out");
                self.refuse(Rule::Unsupported, path, "a value", "none", remedy);
            }
            texts.extend(value.as_str());
        }
        if known.plain_text {
            self.plain_text(&known.path, &texts);
        }
    }

    fn plain_text(&mut self, path: &str, texts: &[&str]) {
        let forbidden = &self.target.forbidden_characters;
        let found: Vec<char> = forbidden
            .iter()
            .copied()
            .filter(|forbidden| texts.iter().any(|text| text.contains(*forbidden)))
            .collect();
        if !found.is_empty() {
            let allowed = format!("text without {}", characters(forbidden));
            let found = format!("text with {}", characters(&found));
            self.refuse(
                Rule::ForbiddenCharacters,
                path,
                found,
                allowed,
                "replace them at the source",
            );
        }
    }
}

struct PatchCheck<'a> {
    check: Check<'a>,
    /// The attributes written so far, those counted that may be written once.
    written: Vec<String>,
    member_changes: usize,
}

impl PatchCheck<'_> {
    fn operation(&mut self, operation: &PatchOperation) {
        match operation.path.as_deref() {
            Some(text) => {
                // A path that no policy takes is for the endpoint's own check.
                if let Ok(path) = PatchPath::parse_with(text, &SyntaxPolicy::lenient()) {
                    self.with_path(operation, &path);
                }
            }
            None => self.without_path(operation),
        }
    }

    fn without_path(&mut self, operation: &PatchOperation) {
        let Some(Value::Object(members)) = &operation.value else { return };
        let names: Vec<&String> = members
            .keys()
            .filter(|name| !["id", "schemas", "meta"].iter().any(|n| name.eq_ignore_ascii_case(n)))
            .collect();
        let one_only = self.check.target.pathless_patch == PathlessPatch::OneAttribute;
        if one_only && names.len() > 1 {
            self.check.refuse(
                Rule::PathMissing,
                "path",
                format!("no value beside {} attributes", names.len()),
                "that beside 1",
                "send one operation for each attribute, with a path",
            );
        }
        for name in names {
            let Some(value) = members.get(name) else { continue };
            let single =
                PatchOperation::new(operation.op, Some(name.as_str().into()), Some(value.clone()));
            if let Ok(path) = PatchPath::parse_with(name, &SyntaxPolicy::lenient()) {
                self.with_path(&single, &path);
            }
        }
    }

    fn with_path(&mut self, operation: &PatchOperation, path: &PatchPath) {
        let name = self.canonical(path);
        if name.eq_ignore_ascii_case("members") {
            self.members(operation, path);
            return;
        }
        // A whole extension stands for the attributes in its value.
        if let Some(extension) = self.check.resource_type.extension(&name) {
            let names = operation.value.as_ref().and_then(Value::as_object).into_iter().flatten();
            let paths: Vec<String> =
                names.map(|(name, _)| format!("{}:{name}", extension.schema.id)).collect();
            for path in paths {
                self.attribute(operation.op, &path);
            }
            return;
        }
        self.attribute(operation.op, &name);
        if let Some(filter) = &path.filter {
            self.filter(&name, filter.as_ref());
        }
    }

    fn attribute(&mut self, op: PatchOpKind, name: &str) {
        let profile = self.check.profile;
        let once = profile.set_once_per_patch.iter().find(|path| path.eq_ignore_ascii_case(name));
        if let Some(path) = once {
            self.written.push(path.clone());
            if op == PatchOpKind::Remove {
                self.check.refuse(
                    Rule::Patch,
                    path,
                    "a remove operation",
                    "none",
                    "replace the value",
                );
            }
        }
        if profile.attributes.is_empty() {
            return;
        }
        match profile.attribute(name) {
            Some(known) if known.patch => {}
            Some(known) => {
                let remedy =
                    if profile.put { "send the whole resource by PUT" } else { "leave it" };
                self.check.refuse(Rule::Patch, &known.path, "a PATCH operation", "none", remedy);
            }
            None => {
                let remedy = format!("drop the mapping of {name}");
                self.check.refuse(Rule::Unsupported, name, "a PATCH operation", "none", remedy);
            }
        }
    }

    /// The attribute that a path names, an extension's with its URN.
    fn canonical(&self, path: &PatchPath) -> String {
        let resource_type = self.check.resource_type;
        let attr = &path.attr;
        let whole =
            attr.container_uri().filter(|uri| resource_type.extension(uri.as_str()).is_some());
        if let Some(uri) = whole {
            return uri.as_str().to_owned();
        }
        let dotted = attr.dotted_uri();
        let attr = match &dotted {
            Some(dotted)
                if dotted
                    .schema
                    .as_ref()
                    .is_some_and(|uri| resource_type.extension(uri.as_str()).is_some()) =>
            {
                dotted
            }
            _ => attr,
        };
        match &attr.schema {
            Some(schema) if *schema != resource_type.schema().id => {
                format!("{schema}:{}", attr.name)
            }
            _ => {
                let name = attr.name.as_str();
                let unqualified = resource_type.attribute(name).is_none();
                let extension = resource_type
                    .extensions()
                    .iter()
                    .find(|extension| unqualified && extension.schema.attribute(name).is_some());
                match extension {
                    Some(extension) => format!("{}:{name}", extension.schema.id),
                    None => name.to_owned(),
                }
            }
        }
    }

    fn filter(&mut self, name: &str, filter: FilterRef<'_>) {
        let restricted = !self.check.profile.filters.is_empty();
        if restricted && equalities(filter).is_none() {
            self.check.refuse(
                Rule::Filter,
                name,
                "a filter with other operators than `eq`",
                "`eq`",
                "select values by `eq`",
            );
        }
    }

    fn members(&mut self, operation: &PatchOperation, path: &PatchPath) {
        let named = operation.value.as_ref().map_or(0, count);
        let selected = path.filter.as_ref().and_then(|filter| equalities(filter.as_ref()));
        let limited = self.check.target.members_per_request.is_some();
        self.member_changes += named.max(selected.unwrap_or_default());
        let all = match operation.op {
            PatchOpKind::Add => false,
            PatchOpKind::Replace => path.filter.is_none(),
            PatchOpKind::Remove => named == 0 && selected.is_none(),
        };
        if all && limited {
            let found = match operation.op {
                PatchOpKind::Remove => "a removal of all values",
                _ => "a replacement of all values",
            };
            self.check.refuse(
                Rule::AllMembers,
                "members",
                found,
                "additions and removals of named members",
                "add and remove the members that differ",
            );
        }
    }

    fn finish(mut self) -> Vec<ProfileViolation> {
        let profile = self.check.profile;
        for path in &profile.set_once_per_patch {
            let times = self.written.iter().filter(|written| *written == path).count();
            if times > 1 {
                let found = format!("{times} operations in one request");
                self.check.refuse(Rule::Patch, path, found, "1", "send the last one only");
            }
        }
        let members = self.check.target.too_many_members(self.member_changes);
        self.check.violations.extend(members);
        self.check.violations
    }
}

fn is_read_only(attribute: Option<&Attribute>) -> bool {
    attribute.is_some_and(|attribute| attribute.mutability == Mutability::ReadOnly)
}

/// How many equalities a filter is made of, if it is made of nothing else.
fn equalities(filter: FilterRef<'_>) -> Option<usize> {
    match filter.expr() {
        Expr::Compare { op: CompareOp::Eq, .. } => Some(1),
        Expr::And(terms) | Expr::Or(terms) => {
            let mut count = 0;
            for term in terms {
                let Expr::Compare { op: CompareOp::Eq, .. } = term.expr() else { return None };
                count += 1;
            }
            Some(count)
        }
        _ => None,
    }
}

/// The source attributes that Entra ID's default tables map to a target path, or to what is
/// below it.
fn sources(target: &str) -> Vec<String> {
    let named = |mapping: AttributeMapping| match mapping.source {
        MappingSource::Attribute(name) => Some(name),
        _ => None,
    };
    entra::user_mapping()
        .into_iter()
        .filter(|mapping| {
            let rest = mapping.target.strip_prefix(target);
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
        })
        .filter_map(named)
        .collect()
}

fn list(names: &[String]) -> String {
    match names {
        [] => String::new(),
        [one] => one.clone(),
        [most @ .., last] => format!("{} and {last}", most.join(", ")),
    }
}

fn characters(characters: &[char]) -> String {
    let name = |character: &char| match character {
        '\t' => "tab".to_owned(),
        '\n' => "line feed".to_owned(),
        '\r' => "carriage return".to_owned(),
        other => format!("`{other}`"),
    };
    characters.iter().map(name).collect::<Vec<_>>().join(", ")
}

fn count(value: &Value) -> usize {
    match value {
        Value::Null => 0,
        Value::Array(elements) => elements.len(),
        _ => 1,
    }
}

fn member<'a>(members: &'a Map<String, Value>, name: &str) -> Option<&'a Value> {
    members.get(name).or_else(|| {
        members.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    })
}

/// Whether a value counts as none (RFC 7643 §2.5).
fn is_unassigned(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::String(text) => text.is_empty(),
        Value::Array(elements) => elements.is_empty(),
        Value::Object(members) => members.values().all(|value| match value {
            Value::Null => true,
            Value::Array(elements) => elements.is_empty(),
            Value::Object(members) => members.is_empty(),
            Value::String(text) => text.is_empty(),
            _ => false,
        }),
        _ => false,
    }
}
