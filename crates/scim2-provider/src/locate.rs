//! What clients say of locations.
//!
//! Stores know ids, not where the service provider is. What a filter says of `$ref` is therefore
//! said of `value` and `type` instead, what it says of `meta.location` names endpoint and id alone,
//! and only `eq`, `ne` and `pr` can be said of locations. The same holds for the filters in the
//! paths of a PATCH: what is kept of a member has no `$ref`.

use percent_encoding::percent_decode_str;
use scim2_core::catalog::Resolved;
use scim2_core::patch_op::{PatchOp, PatchOperation};
use scim2_core::policy::NotEqual;
use scim2_core::schema::{Attribute, Mutability};
use scim2_core::syntax::{
    AttrName, AttrPath, CompareOp, CompareValue, Expr, Filter, FilterRef, PatchPath,
};
use scim2_core::{Catalog, Error, Policy, ResourceType};
use serde_json::{Map, Value};

use crate::base::Base;
use crate::crud::path_of;
use crate::represent::named_types;

/// What locations mean to requests for one type of resource.
#[derive(Clone, Copy)]
pub(crate) struct Locations<'a> {
    pub(crate) base: &'a Base,
    pub(crate) catalog: &'a Catalog,
    pub(crate) ty: &'a ResourceType,
    pub(crate) policy: &'a Policy,
}

impl Locations<'_> {
    /// The filter without absolute locations; none if it has none.
    ///
    /// # Errors
    /// `invalidFilter` when the filter looks at a location in another way than `eq`, `ne` and `pr`.
    pub(crate) fn out_of_filter(&self, filter: &Filter) -> Result<Option<Filter>, Error> {
        let located = filter
            .attr_paths()
            .any(|used| is_ref(used.path) || is_meta_location(used.parent, used.path));
        located.then(|| self.filter(filter.as_ref(), None)).transpose()
    }

    /// The PATCH request without locations in the filters of its paths.
    ///
    /// # Errors
    /// As [`out_of_filter`](Self::out_of_filter), and as [`check_body`](Self::check_body).
    pub(crate) fn out_of_patch(&self, mut op: PatchOp) -> Result<PatchOp, Error> {
        for (i, operation) in op.operations.iter_mut().enumerate() {
            self.out_of_operation(operation).map_err(|error| {
                let detail = error.message().unwrap_or_default().to_owned();
                error.detail(format_args!("`Operations[{i}]`: {detail}"))
            })?;
        }
        Ok(op)
    }

    fn out_of_operation(&self, operation: &mut PatchOperation) -> Result<(), Error> {
        if let Some(path) = path_of(operation) {
            if let Some(value) = &operation.value {
                self.check_at(path, value)?;
            }
            if let Some(other) = self.out_of_path(path)? {
                operation.path = Some(other.into());
            }
            return Ok(());
        }
        let Some(Value::Object(values)) = &mut operation.value else { return Ok(()) };
        self.check_resource(values)?;
        // Entra ID sends paths as keys of a value.
        let keys: Vec<String> = values.keys().cloned().collect();
        for key in keys {
            if let Some(other) = self.out_of_path(&key)?
                && let Some(value) = values.remove(&key)
            {
                values.insert(other, value);
            }
        }
        Ok(())
    }

    /// The path of a PATCH operation without locations in its filter; none if it has none, and if
    /// it is no path.
    fn out_of_path(&self, text: &str) -> Result<Option<String>, Error> {
        let path = text.contains('[').then(|| PatchPath::parse_with(text, &self.policy.syntax));
        let Some(Ok(path)) = path else { return Ok(None) };
        let Some(filter) = &path.filter else { return Ok(None) };
        if !filter.attr_paths().any(|used| is_ref(used.path)) {
            return Ok(None);
        }
        let filter = Some(self.filter(filter.as_ref(), Some(&path.attr))?);
        Ok(Some(PatchPath { filter, ..path }.to_string()))
    }

    /// Refuses the body of a POST or PUT that names what it refers to by a `$ref` of another
    /// service: its last segment is no id of ours (RFC 7643 §2.3.7, ruling W19). A `$ref` beside a
    /// `value` names nothing that `value` does not.
    ///
    /// # Errors
    /// `invalidValue` with the place of the first such `$ref`.
    pub(crate) fn check_body(&self, body: &[u8]) -> Result<(), Error> {
        const ESCAPED: &[u8] = br"\u0024";
        let mentions = body.contains(&b'$')
            || (body.contains(&b'\\') && body.windows(ESCAPED.len()).any(|six| six == ESCAPED));
        if !mentions {
            return Ok(());
        }
        match serde_json::from_slice(body) {
            Ok(Value::Object(values)) => self.check_resource(&values),
            // What is no resource is refused by who reads it.
            _ => Ok(()),
        }
    }

    fn check_resource(&self, values: &Map<String, Value>) -> Result<(), Error> {
        values.iter().try_for_each(|(key, value)| self.check_at(key, value))
    }

    /// Checks the value of what a path names: a key of a resource is one, too.
    fn check_at(&self, path: &str, value: &Value) -> Result<(), Error> {
        let base = self.ty.schema();
        let schema = match self.ty.extension(path) {
            Some(extension) => &extension.schema,
            None if path.eq_ignore_ascii_case(base.id.as_str()) => base,
            None => return self.check_attribute(path, value),
        };
        let containers = elements(value).iter().filter_map(Value::as_object);
        containers.flatten().try_for_each(|(key, value)| {
            self.check_attribute(&format!("{}:{key}", schema.id), value)
        })
    }

    fn check_attribute(&self, path: &str, value: &Value) -> Result<(), Error> {
        let Ok(path) = PatchPath::parse_with(path, &self.policy.syntax) else { return Ok(()) };
        let whole = AttrPath { sub_attr: path.sub_attr.or(path.attr.sub_attr), ..path.attr };
        let Ok(Resolved::Attribute { extension, attribute, sub_attribute }) =
            self.ty.resolve(&whole, self.policy)
        else {
            return Ok(());
        };
        let named = named_types(attribute);
        let is_ours = named.is_empty() || named.iter().any(|ty| self.catalog.by_name(ty).is_some());
        if !attribute.is_resource_reference()
            || attribute.mutability == Mutability::ReadOnly
            || !is_ours
        {
            return Ok(());
        }
        let name = match extension {
            Some(extension) => format!("{}:{}", extension.schema.id, attribute.name),
            None => attribute.name.to_string(),
        };
        if let Some(sub_attribute) = sub_attribute {
            return match value {
                Value::String(uri) if sub_attribute.name == *"$ref" => {
                    self.check_uri(attribute, uri, &name)
                }
                _ => Ok(()),
            };
        }
        for (at, element) in elements(value).iter().enumerate() {
            let text = |wanted: &str| {
                let mut members = element.as_object()?.iter();
                let (_, value) = members.find(|(key, _)| key.eq_ignore_ascii_case(wanted))?;
                value.as_str().filter(|text| !text.is_empty())
            };
            if let (Some(uri), None) = (text("$ref"), text("value")) {
                match attribute.multi_valued {
                    true => self.check_uri(attribute, uri, &format!("{name}[{at}]"))?,
                    false => self.check_uri(attribute, uri, &name)?,
                }
            }
        }
        Ok(())
    }

    fn check_uri(&self, attribute: &Attribute, uri: &str, place: &str) -> Result<(), Error> {
        let path = uri.split(['?', '#']).next().unwrap_or(uri);
        // An id alone, as a relative reference beside the resource itself.
        let is_id = !path.contains(['/', ':']);
        if is_id || self.named_by(path).is_some_and(|(ty, _)| may_name(attribute, ty)) {
            return Ok(());
        }
        Err(Error::invalid_value(format_args!(
            "`{place}.$ref` names no resource of this service provider that `{}` can refer to",
            attribute.name
        )))
    }

    /// Goes as deep as the filter's brackets, which the parser has counted.
    fn filter(&self, filter: FilterRef<'_>, parent: Option<&AttrPath>) -> Result<Filter, Error> {
        match filter.expr() {
            Expr::And(terms) => {
                let terms = terms.map(|term| self.filter(term, parent));
                let terms = terms.collect::<Result<Vec<_>, _>>()?;
                Ok(Filter::all(terms).unwrap_or_else(|| filter.to_filter()))
            }
            Expr::Or(terms) => {
                let terms = terms.map(|term| self.filter(term, parent));
                let terms = terms.collect::<Result<Vec<_>, _>>()?;
                Ok(Filter::any(terms).unwrap_or_else(|| filter.to_filter()))
            }
            Expr::Not(term) => Ok(self.filter(term, parent)?.not()),
            Expr::ValuePath { path, filter } => {
                let inner = self.filter(filter, Some(path))?;
                Filter::value_path(path.clone(), inner).map_err(Error::from)
            }
            Expr::Present(path) if is_ref(path) => match self.reference(parent, path) {
                Some(_) => Ok(Filter::present(with_last(path, "value"))),
                None => Ok(filter.to_filter()),
            },
            Expr::Compare { path, op, value } if is_ref(path) => {
                match self.reference(parent, path) {
                    Some(attribute) => self.compared(attribute, parent, path, op, value),
                    None => Ok(filter.to_filter()),
                }
            }
            Expr::Compare { path, op, value } if is_meta_location(parent, path) => {
                check_op(path, op)?;
                let CompareValue::String(text) = value else { return Ok(filter.to_filter()) };
                let named = self.named_by(text.as_str());
                let place = named.map(|(ty, id)| format!("{}/{id}", ty.endpoint()));
                Ok(Filter::compare(path.clone(), op, place.unwrap_or_default().as_str()))
            }
            _ => Ok(filter.to_filter()),
        }
    }

    /// The attribute to which a `$ref` belongs, if it refers to resources.
    fn reference<'r>(
        &'r self,
        parent: Option<&'r AttrPath>,
        path: &'r AttrPath,
    ) -> Option<&'r Attribute> {
        match self.ty.resolve(parent.unwrap_or(path), self.policy) {
            Ok(Resolved::Attribute { attribute, .. }) => {
                Some(attribute).filter(|attribute| attribute.is_resource_reference())
            }
            _ => None,
        }
    }

    /// A comparison with a `$ref` as one of what it is made of: the id, and the type where there
    /// can be several. What names no resource that the attribute can refer to is like no `$ref`,
    /// and is compared as empty text, which is no id.
    fn compared(
        &self,
        attribute: &Attribute,
        parent: Option<&AttrPath>,
        path: &AttrPath,
        op: CompareOp,
        value: &CompareValue,
    ) -> Result<Filter, Error> {
        check_op(path, op)?;
        let by_id =
            |path: &AttrPath, id: CompareValue| Filter::compare(with_last(path, "value"), op, id);
        let CompareValue::String(text) = value else { return Ok(by_id(path, value.clone())) };
        let types = named_types(attribute);
        let (ty, id) = match self.named_by(text.as_str()) {
            Some((ty, id)) if may_name(attribute, ty) => (ty, CompareValue::from(id.as_str())),
            _ => return Ok(by_id(path, CompareValue::from(""))),
        };
        if types.len() == 1 {
            return Ok(by_id(path, id));
        }
        if attribute.sub_attribute("type").is_none() {
            return Ok(by_id(path, CompareValue::from("")));
        }
        let both = |path: &AttrPath, op: CompareOp| {
            let by_id = Filter::compare(with_last(path, "value"), op, id.clone());
            let by_type = Filter::compare(with_last(path, "type"), op, ty.name());
            if op == CompareOp::Eq { by_id.and(by_type) } else { by_id.or(by_type) }
        };
        if parent.is_some() || !attribute.multi_valued {
            return Ok(both(path, op));
        }
        // Of one and the same element, so in brackets.
        let whole = AttrPath { sub_attr: None, ..path.clone() };
        let element = AttrPath { schema: None, name: name("value"), sub_attr: None };
        let some = |op| Filter::value_path(whole.clone(), both(&element, op)).map_err(Error::from);
        match (op, self.policy.filter.ne) {
            (CompareOp::Eq, _) => some(op),
            (_, NotEqual::Universal) => Ok(some(CompareOp::Eq)?.not()),
            // Ruling F15: where there is no element there is one without `$ref`.
            _ => Ok(some(op)?.or(Filter::present(whole.clone()).not())),
        }
    }

    /// The type and the id of the resource that a reference names, if it is one of this service
    /// provider: absolute, from the root of its host, or relative to an endpoint; a version
    /// segment does not count (ruling F23).
    fn named_by(&self, reference: &str) -> Option<(&ResourceType, String)> {
        let (own_root, own_path) = split_root(self.base.as_str());
        let (root, path) = split_root(reference);
        if root.is_some_and(|root| !own_root.is_some_and(|own| own.eq_ignore_ascii_case(root))) {
            return None;
        }
        let mut segments = path.trim_end_matches('/').rsplit('/');
        let (id, endpoint) = (segments.next()?, segments.next()?);
        let mut before = segments.filter(|segment| counts(segment)).peekable();
        let is_relative = root.is_none() && before.peek().is_none();
        if !is_relative && !before.eq(own_path.rsplit('/').filter(|segment| counts(segment))) {
            return None;
        }
        let is_its = |ty: &&ResourceType| ty.endpoint().trim_start_matches('/') == endpoint;
        let ty = self.catalog.iter().find(is_its)?;
        let id = percent_decode_str(id).decode_utf8().ok()?;
        Some((ty, id.into_owned()))
    }
}

/// The elements of an array, or the one value.
fn elements(value: &Value) -> &[Value] {
    value.as_array().map_or(std::slice::from_ref(value), Vec::as_slice)
}

/// Whether a reference can lead to resources of this type.
fn may_name(attribute: &Attribute, ty: &ResourceType) -> bool {
    let types = named_types(attribute);
    types.is_empty() || types.iter().any(|name| name == ty.name())
}

/// Scheme and authority, if it is absolute, and what comes after them.
fn split_root(reference: &str) -> (Option<&str>, &str) {
    let path_start = reference.find("://").and_then(|colon| {
        let authority = reference.get(colon + 3..)?;
        Some(colon + 3 + authority.find('/').unwrap_or(authority.len()))
    });
    match path_start.and_then(|at| reference.split_at_checked(at)) {
        Some((root, path)) => (Some(root), path),
        None => (None, reference),
    }
}

/// Whether a segment before the endpoint tells places apart: versions such as `v2` do not.
fn counts(segment: &str) -> bool {
    let is_version = segment.strip_prefix('v').is_some_and(|version| {
        version.starts_with(|c: char| c.is_ascii_digit())
            && version.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.')
    });
    !matches!(segment, "" | "." | "..") && !is_version
}

fn check_op(path: &AttrPath, op: CompareOp) -> Result<(), Error> {
    match op {
        CompareOp::Eq | CompareOp::Ne => Ok(()),
        _ => Err(Error::invalid_filter(format_args!(
            "attribute `{path}` supports `eq`, `ne` and `pr`, not `{op}`"
        ))),
    }
}

fn is_ref(path: &AttrPath) -> bool {
    let last = path.sub_attr.as_ref().unwrap_or(&path.name);
    last.as_str().eq_ignore_ascii_case("$ref")
}

fn is_meta_location(parent: Option<&AttrPath>, path: &AttrPath) -> bool {
    let is = |name: &AttrName, known: &str| name.as_str().eq_ignore_ascii_case(known);
    match (parent, &path.sub_attr) {
        (Some(parent), None) => is(&parent.name, "meta") && is(&path.name, "location"),
        (None, Some(sub_attr)) => is(&path.name, "meta") && is(sub_attr, "location"),
        _ => false,
    }
}

/// The path with another last name.
fn with_last(path: &AttrPath, last: &'static str) -> AttrPath {
    match path.sub_attr {
        Some(_) => AttrPath { sub_attr: Some(name(last)), ..path.clone() },
        None => AttrPath { name: name(last), ..path.clone() },
    }
}

fn name(known: &'static str) -> AttrName {
    #[expect(clippy::expect_used, reason = "`value` and `type` are names by the grammar")]
    AttrName::new(known).expect("it is a name")
}
