//! What a filter means for a resource type.
//!
//! [`ResourceType::bind`] reads a filter against the schemas once: it finds every attribute,
//! checks that operators and literals fit their types, and brings literals into the form in which
//! they are compared. What comes out, a [`BoundFilter`], is evaluated without a look at any
//! schema, and is what a store turns into a query of its own. The truth table that both follow
//! stands in [`BoundFilter`].
//!
//! ```
//! use scim2_core::{Policy, Resource, ResourceType, syntax::Filter};
//!
//! let user: Resource = serde_json::from_str(
//!     r#"{"userName": "bjensen", "emails": [{"type": "work", "value": "babs@example.com"}]}"#,
//! )?;
//! let filter: Filter = r#"username eq "BJensen" and emails[type eq "work"]"#.parse()?;
//! let bound = ResourceType::user().bind(&filter, &Policy::strict())?;
//! assert!(bound.matches(&user));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use std::fmt::{self, Display};
use std::ops::Deref;
use std::ptr;

use chrono::{DateTime, SecondsFormat, Utc};
use scim2_syntax::{AttrPath, CompareOp, CompareValue, Expr, Filter, FilterRef, Number, SchemaUri};
use serde_json::{Map, Value};

use crate::catalog::{ResolveError, Resolved, ResourceType, USER_SCHEMA, common_attribute};
use crate::error::Error;
use crate::eval;
use crate::key;
use crate::policy::{NotEqual, Policy, UnknownFilterAttribute};
use crate::resource::Resource;
use crate::schema::{Attribute, AttributeType, Mutability, Returned, Schema, Uniqueness};
use crate::secret::Secret;
use crate::value::{decode_binary, normal_uri, parse_date_time, parse_stored_date_time};

/// A filter that has met the schemas of a resource type.
///
/// # The truth table
///
/// An attribute of a resource has a list of *operands*:
///
/// - a singular attribute has one, a multi-valued attribute one for each value;
/// - a sub-attribute has one for each value of its attribute, or several if it is multi-valued
///   itself;
/// - what is missing, `null` or `[]` counts as one operand, *null*: a missing attribute, a
///   multi-valued attribute without values, a missing sub-attribute of a value that is there.
///
/// | term | holds if |
/// |---|---|
/// | `a pr`, `a ne null` | some operand is present: not null, `""`, `{}`, or made of such things |
/// | `a eq null` | no operand is present |
/// | `a eq x` | some operand equals `x`; null equals nothing |
/// | `a ne x` | some operand does not equal `x`; null is one that does not |
/// | `a co x`, `sw`, `ew`, `gt`, `ge`, `lt`, `le` | some operand that is not null compares so |
/// | `a[f]` | `f` holds for one value of `a`; inside, operands come from that value alone |
/// | `not f`, `f and g`, `f or g` | two-valued logic: each term above is either true or false |
///
/// (RFC 7644 §3.4.2.2; rulings F14 to F18.) Where [`BoundAttr::missing_is_false`], an operand that
/// is missing from a value that is there counts as `false` in comparisons. An operand of another
/// JSON type than the attribute's equals nothing and has no order. [`NotEqual::Universal`] is no
/// concern of the table: it binds `a ne x` as `not (a eq x)`.
///
/// And and or are flat: no `And` is a term of an `And`, and both have two terms or more.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum BoundFilter {
    /// Every resource.
    All,
    /// No resource.
    None,
    /// All of them hold.
    And(Vec<Self>),
    /// One of them holds.
    Or(Vec<Self>),
    /// It does not hold.
    Not(Box<Self>),
    /// The attribute is present.
    Present(BoundAttr),
    /// An operand of the attribute compares with the literal.
    Compare {
        /// The attribute.
        attr: BoundAttr,
        /// The operator; one that the attribute's type supports.
        op: CompareOp,
        /// The literal; of the attribute's type.
        value: BoundValue,
    },
    /// One value of the attribute matches.
    ValuePath {
        /// The attribute before the brackets: multi-valued, or complex.
        attr: BoundAttr,
        /// What the value must match. Its attributes are relative to the value; see
        /// [`BoundAttr::is_element`].
        filter: Box<Self>,
    },
    /// The user has this password; only by policy, and never inside a `Not` (ruling F26).
    Password(BoundSecret),
}

/// An attribute that a filter or a sort order looks at.
#[derive(Clone, Debug, PartialEq)]
pub struct BoundAttr {
    extension: Option<SchemaUri>,
    name: Box<str>,
    sub_attr: Option<Box<str>>,
    attribute_type: Option<AttributeType>,
    case_exact: bool,
    multi_valued: bool,
    sub_attr_multi_valued: bool,
    missing_is_false: bool,
    is_element: bool,
}

impl BoundAttr {
    /// The extension under whose URN the attribute stands; none for the base schema and the
    /// common attributes.
    #[must_use]
    pub fn extension(&self) -> Option<&SchemaUri> {
        self.extension.as_ref()
    }

    /// The attribute's name in schema spelling; the extension's URN where a whole extension is
    /// meant. Inside a value path, the name of the sub-attribute.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The sub-attribute's name, where there is one: as written, or the `value` that stands for
    /// the whole (ruling F13).
    #[must_use]
    pub fn sub_attr(&self) -> Option<&str> {
        self.sub_attr.as_deref()
    }

    /// The type of what is compared. None where no schema defines it: the values tell.
    #[must_use]
    pub fn attribute_type(&self) -> Option<AttributeType> {
        self.attribute_type
    }

    /// Whether the attribute is one that no schema defines. Its names may then be spelled in any
    /// case, and it may have one value or many.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.attribute_type.is_none()
    }

    /// Whether upper and lower case differ.
    #[must_use]
    pub fn case_exact(&self) -> bool {
        self.case_exact
    }

    /// Whether the attribute (not its sub-attribute) is multi-valued.
    #[must_use]
    pub fn multi_valued(&self) -> bool {
        self.multi_valued
    }

    /// Whether the sub-attribute is multi-valued.
    #[must_use]
    pub fn sub_attr_multi_valued(&self) -> bool {
        self.sub_attr_multi_valued
    }

    /// Whether an operand missing from a value that is there counts as false: the `primary` of a
    /// multi-valued attribute, and by policy other booleans (ruling F18).
    #[must_use]
    pub fn missing_is_false(&self) -> bool {
        self.missing_is_false
    }

    /// Whether it is the value before the brackets itself, not a member of it: the `value` in
    /// `schemas[value eq "…"]` (ruling F29).
    #[must_use]
    pub fn is_element(&self) -> bool {
        self.is_element
    }

    /// The path in canonical spelling, with its URN where it is in an extension: `emails.value`.
    #[must_use]
    pub fn path(&self) -> String {
        self.to_string()
    }

    fn is_named(&self, name: &str) -> bool {
        match &self.extension {
            None => self.name.eq_ignore_ascii_case(name),
            Some(uri) => name
                .split_at_checked(uri.as_str().len())
                .and_then(|(start, end)| Some((start, end.strip_prefix(':')?)))
                .is_some_and(|(start, end)| *uri == *start && self.name.eq_ignore_ascii_case(end)),
        }
    }
}

impl Display for BoundAttr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(extension) = &self.extension {
            write!(f, "{extension}:")?;
        }
        f.write_str(&self.name)?;
        match &self.sub_attr {
            Some(sub_attr) => write!(f, ".{sub_attr}"),
            None => Ok(()),
        }
    }
}

/// A literal in the form in which it is compared.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum BoundValue {
    /// `null`, with `eq` and `ne` only.
    Null,
    /// A boolean, with `eq` and `ne` only.
    Bool(bool),
    /// A number, compared by value (ruling F20).
    Number(Number),
    /// Text, as its comparison key under the attribute's `caseExact` (ruling F25).
    Text(BoundText),
    /// A dateTime, as the instant that it names (ruling F21).
    Instant(DateTime<Utc>),
    /// A binary, decoded, with `eq` and `ne` only (ruling F22).
    Bytes(Box<[u8]>),
    /// A reference to a resource, as written, with `eq` and `ne` only: it may be relative, and
    /// version segments do not count (ruling F23). The other operators take it as `Text`.
    Reference(Box<str>),
    /// The URL of a page about a user (`profileUrl`), in the normal form of RFC 3986 §6.2, with `eq`
    /// and `ne` only (RFC 7643 §4.1.1). The other operators take it as `Text`.
    Uri(Box<str>),
}

/// The password that a filter asks for, prepared for comparison: in Unicode normalization form C
/// (ruling F25).
#[derive(Clone, Debug)]
pub struct BoundSecret(Secret);

impl BoundSecret {
    /// The password itself, for the one place that compares it with a hash.
    #[must_use]
    pub fn secret(&self) -> &Secret {
        &self.0
    }
}

/// In constant time for passwords of one length.
impl PartialEq for BoundSecret {
    fn eq(&self, other: &Self) -> bool {
        let (a, b) = (self.0.expose().as_bytes(), other.0.expose().as_bytes());
        a.len() == b.len() && a.iter().zip(b).fold(0, |bits, (a, b)| bits | (a ^ b)) == 0
    }
}

/// A comparison key, prepared to be searched for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BoundText {
    key: Box<str>,
    /// For each prefix, the length of its longest proper prefix that also ends it (Knuth, Morris
    /// and Pratt). Only where `co` without case may need it.
    borders: Box<[u32]>,
}

impl BoundText {
    fn new(case_exact: bool, op: CompareOp, text: &str) -> Self {
        let key: Box<str> = key::comparison_key(case_exact, text).into();
        let borders = if op == CompareOp::Co && !case_exact {
            borders(key.as_bytes())
        } else {
            Box::default()
        };
        Self { key, borders }
    }

    /// Whether the key of a text contains this key. Does not allocate for ASCII text, and takes
    /// time in proportion to it.
    pub(crate) fn is_in(&self, case_exact: bool, text: &str) -> bool {
        if !text.is_ascii() {
            return key::comparison_key(case_exact, text).contains(&*self.key);
        }
        if case_exact {
            return text.contains(&*self.key);
        }
        let key = self.key.as_bytes();
        let mut matched = 0;
        for byte in text.bytes() {
            if matched == key.len() {
                break;
            }
            let byte = byte.to_ascii_lowercase();
            while matched > 0 && key.get(matched) != Some(&byte) {
                matched = self.borders.get(matched - 1).map_or(0, |&border| border as usize);
            }
            matched += usize::from(key.get(matched) == Some(&byte));
        }
        matched == key.len()
    }
}

impl Deref for BoundText {
    type Target = str;

    fn deref(&self) -> &str {
        &self.key
    }
}

fn borders(key: &[u8]) -> Box<[u32]> {
    let mut borders = Vec::with_capacity(key.len());
    let mut border = 0_u32;
    for (at, byte) in key.iter().enumerate() {
        while border > 0 && key.get(border as usize) != Some(byte) {
            border = borders.get(border as usize - 1).copied().unwrap_or(0);
        }
        if at > 0 && key.get(border as usize) == Some(byte) {
            border += 1;
        }
        borders.push(border);
    }
    borders.into_boxed_slice()
}

impl BoundFilter {
    /// How deep the brackets of a filter may nest that is to be bound. Parsing has a limit of its
    /// own, smaller by default; this one holds for filters that were built or parsed without it.
    pub const MAX_DEPTH: usize = 64;

    /// Whether the filter looks at an attribute of the resource: `members`, or
    /// `urn:…:User:manager` for one of an extension. A store that keeps an attribute apart asks
    /// this to know whether it must fetch it.
    #[must_use]
    pub fn mentions(&self, name: &str) -> bool {
        match self {
            Self::All | Self::None => false,
            Self::And(terms) | Self::Or(terms) => terms.iter().any(|term| term.mentions(name)),
            Self::Not(term) => term.mentions(name),
            Self::Present(attr) | Self::Compare { attr, .. } | Self::ValuePath { attr, .. } => {
                attr.is_named(name)
            }
            Self::Password(_) => name.eq_ignore_ascii_case(PASSWORD),
        }
    }

    /// Whether a password is asked for anywhere in it.
    fn asks_for_password(&self) -> bool {
        match self {
            Self::And(terms) | Self::Or(terms) => terms.iter().any(Self::asks_for_password),
            Self::Not(term) => term.asks_for_password(),
            Self::Password(_) => true,
            _ => false,
        }
    }

    fn and(terms: Vec<Self>) -> Self {
        let mut flat = Vec::with_capacity(terms.len());
        for term in terms {
            match term {
                Self::All => {}
                Self::None => return Self::None,
                Self::And(terms) => flat.extend(terms),
                term => flat.push(term),
            }
        }
        match flat.len() {
            0 => Self::All,
            1 => flat.pop().unwrap_or(Self::All),
            _ => Self::And(flat),
        }
    }

    fn or(terms: Vec<Self>) -> Self {
        let mut flat = Vec::with_capacity(terms.len());
        for term in terms {
            match term {
                Self::None => {}
                Self::All => return Self::All,
                Self::Or(terms) => flat.extend(terms),
                term => flat.push(term),
            }
        }
        match flat.len() {
            0 => Self::None,
            1 => flat.pop().unwrap_or(Self::None),
            _ => Self::Or(flat),
        }
    }

    fn negated(self) -> Self {
        match self {
            Self::All => Self::None,
            Self::None => Self::All,
            Self::Not(term) => *term,
            term => Self::Not(Box::new(term)),
        }
    }
}

impl ResourceType {
    /// Finds out what a filter means for resources of this type.
    ///
    /// # Errors
    /// `invalidFilter` when an attribute is not known (ruling F10), may not be asked for (F26,
    /// F27) or does not support the operator or the literal (F13, F16, F19 to F22), and when the
    /// filter nests deeper than [`BoundFilter::MAX_DEPTH`].
    pub fn bind(&self, filter: &Filter, policy: &Policy) -> Result<BoundFilter, Error> {
        Binder { resource_type: self, policy, scope: Scope::Resource }.bind(filter)
    }

    /// Finds out what a filter means for one value of an attribute: the filter in the brackets of
    /// a PATCH path, or of a value path.
    ///
    /// # Errors
    /// `invalidFilter`, as for [`bind`](Self::bind).
    pub fn bind_element(
        &self,
        attribute: &Attribute,
        filter: &Filter,
        policy: &Policy,
    ) -> Result<BoundFilter, Error> {
        Binder { resource_type: self, policy, scope: Scope::Element(attribute) }.bind(filter)
    }

    /// The same for an attribute that no schema defines, in an [`open`](Self::open) type.
    ///
    /// # Errors
    /// `invalidFilter`, as for [`bind`](Self::bind).
    pub fn bind_open_element(
        &self,
        filter: &Filter,
        policy: &Policy,
    ) -> Result<BoundFilter, Error> {
        Binder { resource_type: self, policy, scope: Scope::OpenElement }.bind(filter)
    }

    /// Finds the attribute that a comparison with this path would look at. What is never returned
    /// is not found under any policy.
    ///
    /// # Errors
    /// `invalidFilter`, as for [`bind`](Self::bind); also under
    /// [`UnknownFilterAttribute::NoMatch`].
    pub fn bind_attr(&self, path: &AttrPath, policy: &Policy) -> Result<BoundAttr, Error> {
        let binder = Binder { resource_type: self, policy, scope: Scope::Resource };
        match binder.find(path, Asked::Order)? {
            Found::Attr(attr, _) => Ok(attr),
            Found::Whole(_, attribute) => Err(not_comparable(path, attribute)),
            Found::Nothing => Err(Error::invalid_filter(format_args!(
                "unknown attribute `{path}` in resource type `{}`",
                self.name()
            ))),
        }
    }

    /// What must be unique about a resource (ruling W12): for each value of an attribute with
    /// uniqueness `server` or `global`, the attribute's path with its schema's URN, and the
    /// value's comparison key; that of a dateTime is its instant. `id` is not among them; it is the
    /// store's own. `externalId` is, with the base schema's URN, where [the type says
    /// so](Self::with_unique_external_id); a client of a provisioning domain has another
    /// [key](Self::external_id_key) for it.
    ///
    /// ```
    /// use scim2_core::{Resource, ResourceType};
    /// let user: Resource = serde_json::from_str(r#"{"userName": "BJensen"}"#)?;
    /// assert_eq!(
    ///     ResourceType::user().unique_keys(&user),
    ///     [("urn:ietf:params:scim:schemas:core:2.0:User:userName".into(), "bjensen".into())],
    /// );
    /// # Ok::<(), serde_json::Error>(())
    /// ```
    #[must_use]
    pub fn unique_keys(&self, resource: &Resource) -> Vec<(String, String)> {
        let mut keys = Vec::new();
        let base = resource.as_map();
        let own = |attribute: &&Attribute| common_attribute(attribute.name.as_str()).is_none();
        collect_unique(self.schema(), own, base, &mut keys);
        keys.extend(resource.external_id().and_then(|id| self.external_id_key(None, id)));
        for extension in self.extensions() {
            let schema = &extension.schema;
            if let Some(Value::Object(container)) = base.get(schema.id.as_str()) {
                // An extension's attribute is its own, whatever its name (ruling S07).
                collect_unique(schema, |_| true, container, &mut keys);
            }
        }
        keys
    }
}

impl ResourceType {
    /// What must be unique about an `externalId` (ruling W13): the attribute's path and a key, in
    /// which clients of one provisioning domain do not meet those of another (RFC 7643 §3.1). None
    /// unless [the type says so](Self::with_unique_external_id).
    ///
    /// ```
    /// use scim2_core::ResourceType;
    /// let user = ResourceType::user().with_unique_external_id();
    /// assert_ne!(user.external_id_key(Some("hr"), "7"), user.external_id_key(Some("it"), "7"));
    /// assert_eq!(user.external_id_key(None, ""), None);
    /// ```
    #[must_use]
    pub fn external_id_key(
        &self,
        domain: Option<&str>,
        external_id: &str,
    ) -> Option<(String, String)> {
        if !self.has_unique_external_id() || external_id.is_empty() {
            return None;
        }
        let key = key::comparison_key(true, external_id);
        let key = match domain {
            None => key.into_owned(),
            Some(domain) => format!("{domain}\u{1f}{key}"),
        };
        Some((format!("{}:externalId", self.schema().id), key))
    }
}

fn collect_unique(
    schema: &Schema,
    counts: impl FnMut(&&Attribute) -> bool,
    container: &Map<String, Value>,
    keys: &mut Vec<(String, String)>,
) {
    let mut add = |attribute: &Attribute, path: &dyn Display, value: &Value| {
        let values = match value {
            Value::Array(values) => values.as_slice(),
            value => std::slice::from_ref(value),
        };
        for value in values {
            let key = match value {
                Value::String(text) if !text.is_empty() => unique_text(attribute, text),
                Value::Number(number) => match number.as_f64() {
                    // 5 and 5.0 are one value (ruling F20).
                    Some(float) if number.is_f64() => (float + 0.0).to_string(),
                    _ => number.to_string(),
                },
                _ => continue,
            };
            keys.push((format!("{}:{path}", schema.id), key));
        }
    };
    for attribute in schema.attributes.iter().filter(counts) {
        let Some(value) = container.get(attribute.name.as_str()) else { continue };
        if attribute.uniqueness != Uniqueness::None && !attribute.is_complex() {
            add(attribute, &attribute.name, value);
        }
        for sub_attribute in &attribute.sub_attributes {
            if sub_attribute.uniqueness == Uniqueness::None {
                continue;
            }
            let elements = match value {
                Value::Array(elements) => elements.as_slice(),
                value => std::slice::from_ref(value),
            };
            for element in elements {
                if let Some(value) = element.get(sub_attribute.name.as_str()) {
                    let path = format_args!("{}.{}", attribute.name, sub_attribute.name);
                    add(sub_attribute, &path, value);
                }
            }
        }
    }
}

/// What is the same for texts that `eq` finds equal.
fn unique_text(attribute: &Attribute, text: &str) -> String {
    let instant = match attribute.attribute_type {
        AttributeType::DateTime => parse_stored_date_time(text),
        _ => None,
    };
    match instant {
        // As many digits as it takes, whatever offset and digits it was written with (ruling F21).
        Some(instant) => instant.to_rfc3339_opts(SecondsFormat::AutoSi, true),
        None => key::comparison_key(is_case_exact(attribute), text).into_owned(),
    }
}

/// Where the names of a filter are looked up.
#[derive(Clone, Copy)]
enum Scope<'a> {
    Resource,
    /// Inside the brackets after this attribute.
    Element(&'a Attribute),
    /// Inside the brackets after an attribute that no schema defines.
    OpenElement,
}

struct Binder<'a> {
    resource_type: &'a ResourceType,
    policy: &'a Policy,
    scope: Scope<'a>,
}

/// What a path of a filter names.
enum Found<'a> {
    /// A value that is compared, with its definition where there is one.
    Attr(BoundAttr, Option<&'a Attribute>),
    /// A complex attribute with nothing to stand for it, or a whole extension.
    Whole(BoundAttr, Option<&'a Attribute>),
    /// Nothing, where policy has it that this is no error.
    Nothing,
}

impl<'a> Binder<'a> {
    fn bind(&self, filter: &Filter) -> Result<BoundFilter, Error> {
        if filter.depth() > BoundFilter::MAX_DEPTH {
            return Err(Error::invalid_filter(format_args!(
                "filter nests deeper than {}",
                BoundFilter::MAX_DEPTH
            )));
        }
        self.filter(filter.as_ref())
    }

    fn filter(&self, filter: FilterRef<'_>) -> Result<BoundFilter, Error> {
        match filter.expr() {
            Expr::Present(path) => self.present(path),
            Expr::Compare { path, op, value } => self.compare(path, op, value),
            Expr::And(terms) => {
                Ok(BoundFilter::and(terms.map(|term| self.filter(term)).collect::<Result<_, _>>()?))
            }
            Expr::Or(terms) => {
                Ok(BoundFilter::or(terms.map(|term| self.filter(term)).collect::<Result<_, _>>()?))
            }
            Expr::Not(term) => match self.filter(term)? {
                // Where nobody knows the passwords, `not` would find everybody.
                term if term.asks_for_password() => {
                    Err(Error::invalid_filter("`not` does not apply to `password`"))
                }
                term => Ok(term.negated()),
            },
            Expr::ValuePath { path, filter } => self.value_path(path, filter),
        }
    }

    fn present(&self, path: &AttrPath) -> Result<BoundFilter, Error> {
        Ok(match self.find(path, Asked::Whole)? {
            Found::Attr(attr, _) | Found::Whole(attr, _) => BoundFilter::Present(attr),
            Found::Nothing => BoundFilter::None,
        })
    }

    fn compare(
        &self,
        path: &AttrPath,
        op: CompareOp,
        literal: &CompareValue,
    ) -> Result<BoundFilter, Error> {
        let (mut attr, attribute) = match self.find(path, Asked::Value)? {
            Found::Attr(_, Some(attribute)) if self.is_password(attribute) => {
                return password(attribute, op, literal);
            }
            Found::Attr(attr, attribute) => (attr, attribute),
            Found::Whole(_, attribute) => return Err(not_comparable(path, attribute)),
            Found::Nothing => {
                open_literal(path, op, literal)?;
                let null = matches!(literal, CompareValue::Null);
                return Ok(if (op == CompareOp::Eq && null) || (op == CompareOp::Ne && !null) {
                    BoundFilter::All
                } else {
                    BoundFilter::None
                });
            }
        };
        let value = match attribute {
            Some(attribute) => self.literal(path, attribute, op, literal)?,
            None => open_literal(path, op, literal)?,
        };
        if !matches!(value, BoundValue::Bool(_)) {
            attr.missing_is_false = false;
        }
        let universal = self.policy.filter.ne == NotEqual::Universal;
        if universal && op == CompareOp::Ne && value != BoundValue::Null {
            let equal = BoundFilter::Compare { attr, op: CompareOp::Eq, value };
            return Ok(equal.negated());
        }
        Ok(BoundFilter::Compare { attr, op, value })
    }

    fn value_path(&self, path: &AttrPath, filter: FilterRef<'_>) -> Result<BoundFilter, Error> {
        if !matches!(self.scope, Scope::Resource) || path.sub_attr.is_some() {
            return Err(Error::invalid_filter(format_args!(
                "`{path}[…]`: brackets cannot follow a sub-attribute"
            )));
        }
        let (attr, scope) = match self.find(path, Asked::Whole)? {
            Found::Attr(attr, Some(attribute)) if attribute.multi_valued => {
                (attr, Scope::Element(attribute))
            }
            Found::Whole(attr, Some(attribute)) => (attr, Scope::Element(attribute)),
            Found::Attr(attr, None) => (attr, Scope::OpenElement),
            Found::Nothing => return Ok(BoundFilter::None),
            Found::Attr(..) | Found::Whole(..) => {
                return Err(Error::invalid_filter(format_args!(
                    "`{path}[…]`: `{path}` is neither multi-valued nor complex"
                )));
            }
        };
        let inner = Binder { scope, ..*self }.filter(filter)?;
        Ok(match inner {
            BoundFilter::None => BoundFilter::None,
            filter => BoundFilter::ValuePath { attr, filter: Box::new(filter) },
        })
    }

    fn find<'p>(&'p self, path: &'p AttrPath, asked: Asked) -> Result<Found<'p>, Error> {
        if !matches!(self.scope, Scope::Resource) {
            return self.find_in_element(path);
        }
        match self.resource_type.resolve(path, self.policy) {
            Ok(Resolved::Extension(extension)) => {
                let whole = BoundAttr {
                    name: extension.schema.id.as_str().into(),
                    attribute_type: Some(AttributeType::Complex),
                    ..BoundAttr::open("")
                };
                Ok(Found::Whole(whole, None))
            }
            Ok(Resolved::Attribute { extension, attribute, sub_attribute }) => {
                let extension = extension.map(|extension| extension.schema.id.clone());
                self.defined(path, extension, attribute, sub_attribute, asked)
            }
            Ok(Resolved::Open { schema, name, sub_attr }) => {
                let attr = BoundAttr {
                    extension: schema.cloned(),
                    sub_attr: sub_attr.map(|name| name.as_str().into()),
                    missing_is_false: sub_attr.is_some_and(|name| *name == "primary"),
                    ..BoundAttr::open(name.as_str())
                };
                Ok(Found::Attr(attr, None))
            }
            Err(error) => {
                let known = match &error {
                    ResolveError::UnknownSubAttribute { .. } => self.is_simple(path),
                    _ => false,
                };
                self.unknown(known, error)
            }
        }
    }

    /// Names inside brackets are those of the value's sub-attributes (rulings F29 and F36).
    fn find_in_element<'p>(&'p self, path: &'p AttrPath) -> Result<Found<'p>, Error> {
        if path.schema.is_some() || path.sub_attr.is_some() {
            return Err(Error::invalid_filter(format_args!(
                "`{path}` inside brackets: only a sub-attribute's own name can stand there"
            )));
        }
        let open = || {
            let missing_is_false = path.name == "primary";
            let attr = BoundAttr { missing_is_false, ..BoundAttr::open(path.name.as_str()) };
            Ok(Found::Attr(attr, None))
        };
        let Scope::Element(attribute) = self.scope else { return open() };
        if !attribute.is_complex() && path.name == "value" {
            self.check_not_secret(path, attribute, attribute, Asked::Value)?;
            let attr = BoundAttr { is_element: true, ..BoundAttr::defined("value", attribute) };
            return Ok(Found::Attr(BoundAttr { multi_valued: false, ..attr }, Some(attribute)));
        }
        let Some(sub_attribute) = attribute.sub_attribute(path.name.as_str()) else {
            if self.resource_type.is_open() && attribute.is_complex() {
                return open();
            }
            let error = ResolveError::UnknownSubAttribute {
                attribute: attribute.name.clone(),
                sub_attr: path.name.clone(),
            };
            return self.unknown(!attribute.is_complex(), error);
        };
        self.check_not_secret(path, attribute, sub_attribute, Asked::Value)?;
        let attr = BoundAttr {
            missing_is_false: self.missing_is_false(attribute, sub_attribute),
            ..BoundAttr::defined(sub_attribute.name.as_str(), sub_attribute)
        };
        Ok(if sub_attribute.is_complex() {
            Found::Whole(attr, Some(sub_attribute))
        } else {
            Found::Attr(attr, Some(sub_attribute))
        })
    }

    fn defined<'p>(
        &self,
        path: &AttrPath,
        extension: Option<SchemaUri>,
        attribute: &'p Attribute,
        sub_attribute: Option<&'p Attribute>,
        asked: Asked,
    ) -> Result<Found<'p>, Error> {
        let implied = || {
            let stands_for_whole = attribute.multi_valued || self.policy.filter.complex_value;
            attribute.value_sub_attribute().filter(|_| asked != Asked::Whole && stands_for_whole)
        };
        let sub_attribute = sub_attribute.or_else(implied);
        let target = sub_attribute.unwrap_or(attribute);
        self.check_not_secret(path, attribute, target, asked)?;
        let attr = BoundAttr {
            extension,
            sub_attr: sub_attribute.map(|sub_attribute| sub_attribute.name.as_str().into()),
            multi_valued: attribute.multi_valued,
            sub_attr_multi_valued: sub_attribute.is_some_and(|sub| sub.multi_valued),
            missing_is_false: self.missing_is_false(attribute, target),
            ..BoundAttr::defined(attribute.name.as_str(), target)
        };
        Ok(if target.is_complex() {
            Found::Whole(attr, Some(target))
        } else {
            Found::Attr(attr, Some(target))
        })
    }

    /// Filters must not become a way to guess what is never returned (rulings F26 and F27).
    fn check_not_secret(
        &self,
        path: &AttrPath,
        attribute: &Attribute,
        target: &Attribute,
        asked: Asked,
    ) -> Result<(), Error> {
        let is_secret = |attribute: &Attribute| {
            attribute.returned == Returned::Never || attribute.mutability == Mutability::WriteOnly
        };
        let policy = &self.policy.filter;
        let allowed = || {
            if self.is_password(attribute) {
                return policy.password_eq && asked == Asked::Value;
            }
            let is_open = |hidden: &AttrPath| {
                let resolved = self.resource_type.resolve(hidden, self.policy);
                let Ok(Resolved::Attribute { attribute, sub_attribute, .. }) = resolved else {
                    return false;
                };
                let named = sub_attribute.unwrap_or(attribute);
                ptr::eq(named, target) || ptr::eq(named, attribute) && sub_attribute.is_none()
            };
            asked != Asked::Order && policy.hidden_attributes.iter().any(is_open)
        };
        if (is_secret(attribute) || is_secret(target)) && !allowed() {
            return Err(Error::invalid_filter(format_args!(
                "attribute `{path}` is never returned, so nothing can be asked about it"
            )));
        }
        Ok(())
    }

    /// Whether this is the attribute of that name in the User schema of RFC 7643.
    fn is_user_attribute(&self, attribute: &Attribute, name: &str) -> bool {
        let schema = self.resource_type.schema();
        schema.id == USER_SCHEMA
            && schema.attribute(name).is_some_and(|found| ptr::eq(found, attribute))
    }

    fn is_password(&self, attribute: &Attribute) -> bool {
        self.is_user_attribute(attribute, PASSWORD)
    }

    fn missing_is_false(&self, attribute: &Attribute, target: &Attribute) -> bool {
        target.attribute_type == AttributeType::Boolean
            && (self.policy.filter.missing_boolean_is_false
                || (attribute.multi_valued && target.name == "primary"))
    }

    /// Whether the path has a sub-attribute after an attribute that cannot have one. That is
    /// wrong under any policy (ruling F12).
    fn is_simple(&self, path: &AttrPath) -> bool {
        let parent = AttrPath { sub_attr: None, ..path.clone() };
        match self.resource_type.resolve(&parent, self.policy) {
            Ok(Resolved::Attribute { attribute, .. }) => !attribute.is_complex(),
            _ => false,
        }
    }

    fn unknown<'p>(&self, always_wrong: bool, error: ResolveError) -> Result<Found<'p>, Error> {
        match self.policy.filter.unknown_attribute {
            UnknownFilterAttribute::NoMatch if !always_wrong => Ok(Found::Nothing),
            _ => Err(Error::invalid_filter(error)),
        }
    }

    /// The literal in the form in which the attribute's values are compared.
    fn literal(
        &self,
        path: &AttrPath,
        attribute: &Attribute,
        op: CompareOp,
        literal: &CompareValue,
    ) -> Result<BoundValue, Error> {
        use AttributeType as T;
        let attribute_type = attribute.attribute_type;
        if matches!(literal, CompareValue::Null) {
            return null(path, op);
        }
        let supported = match attribute_type {
            T::String | T::Reference => true,
            T::Integer | T::Decimal | T::DateTime => !is_substring(op),
            T::Boolean | T::Binary | T::Complex => is_equality(op),
        };
        if !supported {
            return Err(Error::invalid_filter(format_args!(
                "operator `{op}` does not apply to attribute `{path}` of type {attribute_type}, {} do",
                match attribute_type {
                    T::Boolean | T::Binary | T::Complex => "`eq`, `ne` and `pr`",
                    _ => "`eq`, `ne`, `gt`, `ge`, `lt`, `le` and `pr`",
                }
            )));
        }
        let coerce = self.policy.filter.coerce_literals;
        let bound = match (attribute_type, literal) {
            (T::Boolean, CompareValue::Bool(literal)) => Some(BoundValue::Bool(*literal)),
            (T::Boolean, CompareValue::String(text)) if coerce => {
                let is = |word: &str| text.eq_ignore_ascii_case(word);
                (is("true") || is("false")).then(|| BoundValue::Bool(is("true")))
            }
            (T::Integer | T::Decimal, CompareValue::Number(literal)) => {
                Some(BoundValue::Number(literal.clone()))
            }
            (T::Integer | T::Decimal, CompareValue::String(text)) if coerce => {
                text.parse().ok().map(BoundValue::Number)
            }
            (T::DateTime, CompareValue::String(text)) => {
                parse_date_time(text, &self.policy.datetime).map(BoundValue::Instant)
            }
            (T::Binary, CompareValue::String(text)) => {
                decode_binary(text, self.policy).map(|bytes| BoundValue::Bytes(bytes.into()))
            }
            (T::Reference, CompareValue::String(text))
                if is_equality(op) && eval::refers_to_resources(attribute) =>
            {
                Some(BoundValue::Reference(text.as_str().into()))
            }
            (T::Reference, CompareValue::String(text))
                if is_equality(op) && self.is_user_attribute(attribute, "profileUrl") =>
            {
                Some(BoundValue::Uri(normal_uri(text).into()))
            }
            (T::String | T::Reference, CompareValue::String(text)) => {
                let canonical = attribute.canonical.as_ref().filter(|_| !is_substring(op));
                let form = canonical.and_then(|canonical| canonical.form(text));
                let text = form.as_deref().unwrap_or(text);
                Some(BoundValue::Text(BoundText::new(is_case_exact(attribute), op, text)))
            }
            _ => None,
        };
        bound.ok_or_else(|| {
            Error::invalid_filter(format_args!(
                "attribute `{path}` of type {attribute_type} cannot be compared with {}, but with {}",
                Described(literal),
                match attribute_type {
                    T::Boolean => "`true` or `false`",
                    T::Integer | T::Decimal => "a number",
                    T::DateTime => "a dateTime such as `\"2008-01-23T04:56:22Z\"`",
                    T::Binary => "base64 in double quotes",
                    T::String | T::Reference | T::Complex => "text in double quotes",
                }
            ))
        })
    }
}

/// What a path is asked for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Asked {
    /// Whether it is there, or its values one by one.
    Whole,
    /// The value that is compared.
    Value,
    /// The value by which resources are sorted.
    Order,
}

impl BoundAttr {
    fn open(name: &str) -> Self {
        Self {
            extension: None,
            name: name.into(),
            sub_attr: None,
            attribute_type: None,
            case_exact: false,
            multi_valued: false,
            sub_attr_multi_valued: false,
            missing_is_false: false,
            is_element: false,
        }
    }

    fn defined(name: &str, target: &Attribute) -> Self {
        Self {
            attribute_type: Some(target.attribute_type),
            case_exact: is_case_exact(target),
            multi_valued: target.multi_valued,
            ..Self::open(name)
        }
    }
}

/// References and binaries are case exact whatever their schema says (RFC 7643 §2.3.6, §2.3.7).
fn is_case_exact(attribute: &Attribute) -> bool {
    match attribute.attribute_type {
        AttributeType::Reference | AttributeType::Binary => true,
        AttributeType::String => attribute.case_exact,
        _ => false,
    }
}

const PASSWORD: &str = "password";

/// `password eq "…"` is all that can be asked (ruling F26). Case counts whatever the schema says.
fn password(
    attribute: &Attribute,
    op: CompareOp,
    literal: &CompareValue,
) -> Result<BoundFilter, Error> {
    match (op, literal) {
        (CompareOp::Eq, CompareValue::String(text)) => {
            let form = attribute.canonical.as_ref().and_then(|canonical| canonical.form(text));
            let prepared = form.unwrap_or_else(|| key::comparison_key(true, text).into_owned());
            Ok(BoundFilter::Password(BoundSecret(Secret::from(prepared))))
        }
        _ => Err(Error::invalid_filter("`password` can only be compared by `eq` with text")),
    }
}

fn is_equality(op: CompareOp) -> bool {
    matches!(op, CompareOp::Eq | CompareOp::Ne)
}

fn is_substring(op: CompareOp) -> bool {
    matches!(op, CompareOp::Co | CompareOp::Sw | CompareOp::Ew)
}

fn null(path: &AttrPath, op: CompareOp) -> Result<BoundValue, Error> {
    if is_equality(op) {
        return Ok(BoundValue::Null);
    }
    Err(Error::invalid_filter(format_args!("operator `{op}` of `{path}` cannot take `null`")))
}

/// A literal whose type is all that is known of the attribute's.
fn open_literal(
    path: &AttrPath,
    op: CompareOp,
    literal: &CompareValue,
) -> Result<BoundValue, Error> {
    let bound = match literal {
        CompareValue::Null => return null(path, op),
        CompareValue::Bool(literal) if is_equality(op) => Some(BoundValue::Bool(*literal)),
        CompareValue::Number(literal) if !is_substring(op) => {
            Some(BoundValue::Number(literal.clone()))
        }
        CompareValue::String(text) => Some(BoundValue::Text(BoundText::new(false, op, text))),
        CompareValue::Bool(_) | CompareValue::Number(_) => None,
    };
    bound.ok_or_else(|| {
        let literal = Described(literal);
        Error::invalid_filter(format_args!("operator `{op}` of `{path}` cannot take {literal}"))
    })
}

/// The path names something that is not one value (rulings F09 and F13).
fn not_comparable(path: &AttrPath, attribute: Option<&Attribute>) -> Error {
    let Some(attribute) = attribute else {
        return Error::invalid_filter(format_args!(
            "extension `{path}` is not a value to compare: only `pr` applies to it"
        ));
    };
    Error::invalid_filter(match attribute.sub_attributes.first() {
        Some(sub_attribute) if path.sub_attr.is_none() => format!(
            "attribute `{path}` is complex: name a sub-attribute, such as `{path}.{}`",
            sub_attribute.name
        ),
        _ => format!("attribute `{path}` is complex: only `pr` applies to it"),
    })
}

/// A literal for an error message: what it is, not what it says.
struct Described<'a>(&'a CompareValue);

impl Display for Described<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.0 {
            CompareValue::Null => "`null`",
            CompareValue::Bool(_) => "a boolean",
            CompareValue::Number(_) => "a number",
            CompareValue::String(_) => "this text",
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_text_is_searched_for_as_std_does(
            text in "[abAB]{0,20}|[abß]{0,6}",
            part in "[abAB]{0,5}|[abß]{0,3}",
            case_exact in any::<bool>(),
        ) {
            let bound = BoundText::new(case_exact, CompareOp::Co, &part);
            let expected = key::comparison_key(case_exact, &text)
                .contains(key::comparison_key(case_exact, &part).as_ref());
            prop_assert_eq!(bound.is_in(case_exact, &text), expected);
        }
    }
}
