//! `matches` against a second evaluator that is slow, obvious and shares no code with the first.
//!
//! It works on the filter as generated, not as parsed or bound, collects all operands of an
//! attribute into a list and then asks each of them.

use std::sync::LazyLock;

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;
use scim2_core::key::comparison_key;
use scim2_core::policy::NotEqual;
use scim2_core::schema::Schema;
use scim2_core::syntax::Filter;
use scim2_core::{Policy, Resource, ResourceType};
use serde_json::{Map, Value, json};

use crate::seeds::fuzz::model::{Model, folded};

#[derive(Clone, Copy, Debug, PartialEq)]
enum Kind {
    Text { exact: bool },
    Bool,
    Number,
    Date,
    Bytes,
}

/// An attribute that can be compared: how filters write it, where it stands, what it is.
#[derive(Clone, Copy, Debug)]
struct Attr {
    path: &'static str,
    extension: Option<&'static str>,
    name: &'static str,
    sub: Option<&'static str>,
    many: bool,
    kind: Kind,
}

const EXTENSION: &str = "urn:example:Extra";
const ANY_CASE: Kind = Kind::Text { exact: false };
const EXACT: Kind = Kind::Text { exact: true };

const fn simple(name: &'static str, many: bool, kind: Kind) -> Attr {
    Attr { path: name, extension: None, name, sub: None, many, kind }
}

const fn sub(
    path: &'static str,
    name: &'static str,
    sub: &'static str,
    many: bool,
    kind: Kind,
) -> Attr {
    Attr { path, extension: None, name, sub: Some(sub), many, kind }
}

const ATTRS: [Attr; 16] = [
    simple("title", false, ANY_CASE),
    simple("serial", false, EXACT),
    simple("active", false, Kind::Bool),
    simple("age", false, Kind::Number),
    simple("bought", false, Kind::Date),
    simple("photo", false, Kind::Bytes),
    simple("tags", true, ANY_CASE),
    simple("scores", true, Kind::Number),
    sub("name.given", "name", "given", false, ANY_CASE),
    sub("name.aliases", "name", "aliases", false, EXACT),
    sub("emails", "emails", "value", true, ANY_CASE),
    sub("emails.value", "emails", "value", true, ANY_CASE),
    sub("emails.primary", "emails", "primary", true, Kind::Bool),
    sub("emails.rank", "emails", "rank", true, Kind::Number),
    sub("emails.labels", "emails", "labels", true, EXACT),
    Attr {
        path: "urn:example:Extra:title",
        extension: Some(EXTENSION),
        name: "title",
        sub: None,
        many: false,
        kind: EXACT,
    },
];

/// What can stand before brackets, with the sub-attributes that can stand in them. No
/// sub-attributes means a simple attribute, whose element is called `value`.
const BRACKETS: [(&str, &[(&str, Kind)]); 4] = [
    (
        "emails",
        &[("value", ANY_CASE), ("primary", Kind::Bool), ("rank", Kind::Number), ("labels", EXACT)],
    ),
    ("name", &[("given", ANY_CASE), ("aliases", EXACT)]),
    ("tags", &[("value", ANY_CASE)]),
    ("scores", &[("value", Kind::Number)]),
];

static THING: LazyLock<ResourceType> = LazyLock::new(|| {
    let schema = |value| serde_json::from_value::<Schema>(value).unwrap();
    ResourceType::new(
        "Thing",
        "/Things",
        schema(json!({"id": "urn:example:Thing", "attributes": [
            {"name": "title"},
            {"name": "serial", "caseExact": true},
            {"name": "active", "type": "boolean"},
            {"name": "age", "type": "decimal"},
            {"name": "bought", "type": "dateTime"},
            {"name": "photo", "type": "binary"},
            {"name": "tags", "multiValued": true},
            {"name": "scores", "type": "decimal", "multiValued": true},
            {"name": "name", "type": "complex", "subAttributes": [
                {"name": "given"},
                {"name": "aliases", "multiValued": true, "caseExact": true},
            ]},
            {"name": "emails", "type": "complex", "multiValued": true, "subAttributes": [
                {"name": "value"},
                {"name": "primary", "type": "boolean"},
                {"name": "rank", "type": "decimal"},
                {"name": "labels", "multiValued": true, "caseExact": true},
            ]},
        ]})),
    )
    .with_extension(schema(json!({"id": EXTENSION, "attributes": [
        {"name": "title", "caseExact": true},
    ]})))
});

#[derive(Clone, Debug)]
enum Term {
    Present(Attr),
    Compare(Attr, &'static str, Literal),
    /// The attribute and its brackets; inside, attributes have only a name and a kind.
    Brackets(&'static str, Box<Self>),
    Inner(&'static str, Kind, Option<(&'static str, Literal)>),
    And(Vec<Self>),
    Or(Vec<Self>),
    Not(Box<Self>),
}

/// A literal as a filter writes it, and what it means.
#[derive(Clone, Debug)]
struct Literal {
    written: String,
    meaning: Option<Meaning>,
}

#[derive(Clone, Debug, PartialEq, PartialOrd)]
enum Meaning {
    Text(String),
    Bool(bool),
    Thousandths(i64),
    Seconds(i64),
    Bytes(&'static [u8]),
}

impl Term {
    fn written(&self) -> String {
        let join = |terms: &[Self], word: &str| {
            let terms: Vec<_> = terms.iter().map(|term| format!("({})", term.written())).collect();
            terms.join(word)
        };
        match self {
            Self::Present(attr) => format!("{} pr", attr.path),
            Self::Compare(attr, op, literal) => format!("{} {op} {}", attr.path, literal.written),
            Self::Brackets(name, inner) => format!("{name}[{}]", inner.written()),
            Self::Inner(name, _, None) => format!("{name} pr"),
            Self::Inner(name, _, Some((op, literal))) => format!("{name} {op} {}", literal.written),
            Self::And(terms) => join(terms, " and "),
            Self::Or(terms) => join(terms, " or "),
            Self::Not(term) => format!("not ({})", term.written()),
        }
    }

    fn holds(&self, policy: &Policy, subject: &Value) -> bool {
        match self {
            Self::Present(attr) => operands(*attr, subject).iter().any(is_present),
            Self::Compare(attr, op, literal) => {
                let mut operands = operands(*attr, subject);
                if let Kind::Bool = attr.kind {
                    let defaults =
                        policy.filter.missing_boolean_is_false || attr.sub == Some("primary");
                    let has_parent = !attr.many || has_values(&subject[attr.name]);
                    if defaults && has_parent && literal.meaning.is_some() {
                        for operand in operands.iter_mut().filter(|operand| operand.is_null()) {
                            *operand = Value::Bool(false);
                        }
                    }
                }
                compare(policy, &operands, attr.kind, op, literal)
            }
            Self::Brackets(name, inner) => {
                let values = match &subject[*name] {
                    Value::Array(values) => values.clone(),
                    Value::Null => Vec::new(),
                    value => vec![value.clone()],
                };
                values.iter().any(|value| inner.holds(policy, value))
            }
            Self::Inner(name, kind, asked) => {
                let value = if subject.is_object() { &subject[*name] } else { subject };
                let mut operands = match value {
                    Value::Array(values) if values.is_empty() => vec![Value::Null],
                    Value::Array(values) => values.clone(),
                    value => vec![value.clone()],
                };
                let Some((op, literal)) = asked else { return operands.iter().any(is_present) };
                if *name == "primary" && literal.meaning.is_some() && operands == [Value::Null] {
                    operands = vec![Value::Bool(false)];
                }
                compare(policy, &operands, *kind, op, literal)
            }
            Self::And(terms) => terms.iter().all(|term| term.holds(policy, subject)),
            Self::Or(terms) => terms.iter().any(|term| term.holds(policy, subject)),
            Self::Not(term) => !term.holds(policy, subject),
        }
    }
}

fn has_values(value: &Value) -> bool {
    value.as_array().is_some_and(|values| !values.is_empty())
}

/// All operands of an attribute, null standing for each that is missing; never empty.
fn operands(attr: Attr, subject: &Value) -> Vec<Value> {
    let container = match attr.extension {
        Some(urn) => &subject[urn],
        None => subject,
    };
    let mut values = match &container[attr.name] {
        Value::Array(values) => values.clone(),
        value => vec![value.clone()],
    };
    if let Some(sub) = attr.sub {
        values = values
            .iter()
            .flat_map(|value| match &value[sub] {
                Value::Array(values) if values.is_empty() => vec![Value::Null],
                Value::Array(values) => values.clone(),
                value => vec![value.clone()],
            })
            .collect();
    }
    if values.is_empty() {
        values.push(Value::Null);
    }
    values
}

fn is_present(value: &Value) -> bool {
    !matches!(value, Value::Null) && value != ""
}

fn compare(policy: &Policy, operands: &[Value], kind: Kind, op: &str, literal: &Literal) -> bool {
    let present = operands.iter().any(is_present);
    let Some(literal) = &literal.meaning else {
        return if op == "eq" { !present } else { present };
    };
    let meanings: Vec<_> = operands.iter().map(|operand| meaning(operand, kind)).collect();
    let equal = |operand: &Option<Meaning>| operand.as_ref() == Some(literal);
    match op {
        "eq" => meanings.iter().any(equal),
        "ne" if policy.filter.ne == NotEqual::Universal => !meanings.iter().any(equal),
        "ne" => !meanings.iter().all(equal),
        _ => meanings.iter().flatten().any(|operand| match (op, operand, literal) {
            ("co", Meaning::Text(operand), Meaning::Text(literal)) => operand.contains(literal),
            ("sw", Meaning::Text(operand), Meaning::Text(literal)) => operand.starts_with(literal),
            ("ew", Meaning::Text(operand), Meaning::Text(literal)) => operand.ends_with(literal),
            ("gt", operand, literal) => operand > literal,
            ("ge", operand, literal) => operand >= literal,
            ("lt", operand, literal) => operand < literal,
            ("le", operand, literal) => operand <= literal,
            _ => false,
        }),
    }
}

/// What a value of the resource means, if it is of the attribute's type.
fn meaning(value: &Value, kind: Kind) -> Option<Meaning> {
    match (kind, value) {
        (Kind::Text { exact }, Value::String(text)) => Some(Meaning::Text(key(exact, text))),
        (Kind::Bool, Value::Bool(value)) => Some(Meaning::Bool(*value)),
        (Kind::Number, value @ Value::Number(_)) => {
            let (_, thousandths) = NUMBERS.iter().find(|(text, _)| number(text) == *value)?;
            Some(Meaning::Thousandths(*thousandths))
        }
        (Kind::Date, Value::String(text)) => {
            Some(Meaning::Seconds(DATES.iter().find(|(date, _)| date == text)?.1))
        }
        (Kind::Bytes, Value::String(text)) => {
            Some(Meaning::Bytes(BYTES.iter().find(|(base64, _)| base64 == text)?.1))
        }
        _ => None,
    }
}

/// Enough of Unicode for the texts below.
fn key(exact: bool, text: &str) -> String {
    let composed = text.replace("e\u{301}", "\u{e9}").replace("E\u{301}", "\u{c9}");
    if exact {
        return composed;
    }
    composed.to_uppercase().to_lowercase().replace('ς', "σ")
}

const TEXTS: [&str; 22] = [
    "", "a", "A", "b", "aB", "Ab", "aab", "AABA", "abaab", "ss", "ß", "SS", "sS", "Σ", "σ", "ς",
    "ΑΣ", "e\u{301}", "É", "é", "日本", "a😀",
];
const NUMBERS: [(&str, i64); 12] = [
    ("0", 0),
    ("-0", 0),
    ("0.0", 0),
    ("5", 5000),
    ("5.0", 5000),
    ("0.5e1", 5000),
    ("5.001", 5001),
    ("-5", -5000),
    ("-5.5", -5500),
    ("1E3", 1_000_000),
    ("999.999", 999_999),
    ("5001e-3", 5001),
];
const DATES: [(&str, i64); 5] = [
    ("2011-05-13T04:42:34Z", 0),
    ("2011-05-13T06:42:34+02:00", 0),
    ("2011-05-13T04:42:34.000", 0),
    ("2011-05-13T04:42:35Z", 1),
    ("2011-05-13T00:42:33-04:00", -1),
];
const BYTES: [(&str, &[u8]); 5] =
    [("+/8=", b"\xfb\xff"), ("-_8", b"\xfb\xff"), ("QQ==", b"A"), ("QQ", b"A"), ("", b"")];

fn number(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

fn literal(kind: Kind) -> BoxedStrategy<Literal> {
    match kind {
        Kind::Text { exact } => select(&TEXTS[..])
            .prop_map(move |text| Literal {
                written: json!(text).to_string(),
                meaning: Some(Meaning::Text(key(exact, text))),
            })
            .boxed(),
        Kind::Bool => any::<bool>()
            .prop_map(|value| Literal {
                written: value.to_string(),
                meaning: Some(Meaning::Bool(value)),
            })
            .boxed(),
        Kind::Number => select(&NUMBERS[..])
            .prop_map(|(text, value)| Literal {
                written: text.to_owned(),
                meaning: Some(Meaning::Thousandths(value)),
            })
            .boxed(),
        Kind::Date => select(&DATES[..])
            .prop_map(|(text, value)| Literal {
                written: json!(text).to_string(),
                meaning: Some(Meaning::Seconds(value)),
            })
            .boxed(),
        Kind::Bytes => select(&BYTES[..])
            .prop_map(|(text, value)| Literal {
                written: json!(text).to_string(),
                meaning: Some(Meaning::Bytes(value)),
            })
            .boxed(),
    }
}

/// An operator and a literal that the kind supports.
fn comparison(kind: Kind) -> BoxedStrategy<(&'static str, Literal)> {
    let ops: &[&str] = match kind {
        Kind::Text { .. } => &["eq", "ne", "co", "sw", "ew", "gt", "ge", "lt", "le"],
        Kind::Number | Kind::Date => &["eq", "ne", "gt", "ge", "lt", "le"],
        Kind::Bool | Kind::Bytes => &["eq", "ne"],
    };
    let null = Literal { written: "null".to_owned(), meaning: None };
    prop_oneof![
        9 => (select(ops), literal(kind)),
        1 => (select(&["eq", "ne"][..]), Just(null)),
    ]
    .boxed()
}

fn combine(leaf: impl Strategy<Value = Term> + 'static) -> BoxedStrategy<Term> {
    leaf.prop_recursive(3, 12, 3, |term| {
        prop_oneof![
            vec(term.clone(), 2..4).prop_map(Term::And),
            vec(term.clone(), 2..4).prop_map(Term::Or),
            term.prop_map(|term| Term::Not(Box::new(term))),
        ]
    })
    .boxed()
}

fn term() -> BoxedStrategy<Term> {
    let attr = select(&ATTRS[..]);
    let compare = attr.clone().prop_flat_map(|attr| {
        comparison(attr.kind).prop_map(move |(op, literal)| Term::Compare(attr, op, literal))
    });
    let brackets = select(&BRACKETS[..]).prop_flat_map(|(name, subs)| {
        let inner = select(subs).prop_flat_map(|(sub, kind)| {
            option::weighted(0.8, comparison(kind))
                .prop_map(move |asked| Term::Inner(sub, kind, asked))
        });
        combine(inner).prop_map(move |inner| Term::Brackets(name, Box::new(inner)))
    });
    combine(prop_oneof![
        // `emails pr` is about the whole, which the operands of `emails.value` are not.
        1 => attr.prop_filter("has a path of its own", |attr| attr.path != "emails")
            .prop_map(Term::Present),
        6 => compare,
        3 => brackets,
    ])
}

/// A value of this kind, or none, and now and then a value of another kind.
fn value(kind: Kind) -> BoxedStrategy<Value> {
    let good = match kind {
        Kind::Text { .. } => select(&TEXTS[..]).prop_map(|text| json!(text)).boxed(),
        Kind::Bool => any::<bool>().prop_map(|value| json!(value)).boxed(),
        Kind::Number => select(&NUMBERS[..]).prop_map(|(text, _)| number(text)).boxed(),
        Kind::Date => select(&DATES[..]).prop_map(|(text, _)| json!(text)).boxed(),
        Kind::Bytes => select(&BYTES[..]).prop_map(|(text, _)| json!(text)).boxed(),
    };
    let odd = match kind {
        Kind::Text { .. } => json!(7),
        _ => json!("odd"),
    };
    prop_oneof![12 => good, 2 => Just(Value::Null), 1 => Just(odd)].boxed()
}

fn object(members: Vec<(&'static str, BoxedStrategy<Value>)>) -> BoxedStrategy<Value> {
    let members: Vec<_> = members
        .into_iter()
        .map(|(name, value)| {
            option::of(value).prop_map(move |value| Some((name.to_owned(), value?)))
        })
        .collect();
    members
        .prop_map(|members| Value::Object(members.into_iter().flatten().collect::<Map<_, _>>()))
        .boxed()
}

fn array(element: BoxedStrategy<Value>) -> BoxedStrategy<Value> {
    vec(element, 0..4).prop_map(Value::Array).boxed()
}

fn resource() -> BoxedStrategy<Value> {
    object(vec![
        ("title", value(ANY_CASE)),
        ("serial", value(EXACT)),
        ("active", value(Kind::Bool)),
        ("age", value(Kind::Number)),
        ("bought", value(Kind::Date)),
        ("photo", value(Kind::Bytes)),
        ("tags", array(value(ANY_CASE))),
        ("scores", array(value(Kind::Number))),
        ("name", object(vec![("given", value(ANY_CASE)), ("aliases", array(value(EXACT)))])),
        (
            "emails",
            array(object(vec![
                ("value", value(ANY_CASE)),
                ("primary", value(Kind::Bool)),
                ("rank", value(Kind::Number)),
                ("labels", array(value(EXACT))),
            ])),
        ),
        (EXTENSION, object(vec![("title", value(EXACT))])),
    ])
}

fn policy() -> BoxedStrategy<Policy> {
    (any::<bool>(), any::<bool>())
        .prop_map(|(universal, missing_is_false)| {
            let mut policy = Policy::strict();
            if universal {
                policy.filter.ne = NotEqual::Universal;
            }
            policy.filter.missing_boolean_is_false = missing_is_false;
            policy
        })
        .boxed()
}

/// Each code point by itself has the key that an implementation of another hand gives it.
#[test]
fn f25_every_code_point_is_folded_as_unicode_says() {
    // Without ideographs, Hangul syllables and private use, which have no case.
    let ranges = [0..=0x33FF, 0xA000..=0xABFF, 0xF900..=0x0001_6FFF, 0x0001_8D80..=0x0001_FFFF];
    let differ = ranges.into_iter().flatten().filter_map(char::from_u32).filter(|c| {
        [c.to_string(), format!("a{c}\u{301}")].iter().any(|text| {
            [true, false].iter().any(|&exact| comparison_key(exact, text) != folded(exact, text))
        })
    });
    // Letters that the compiler's Unicode does not have yet.
    let differ: Vec<char> = differ.filter(|c| c.is_alphabetic()).collect();
    assert!(differ.is_empty(), "{differ:?}");
}

/// What attributes of a user hold and filters ask for, by kind.
const OF_TEXT: [&str; 10] =
    ["", "a", "A", "ab", "Straße", "STRASSE", "\u{c9}", "e\u{301}", "ς", "Σ"];
const OF_REFERENCE: [&str; 9] = [
    "Groups/7",
    "/Groups/7",
    "../Groups/7",
    "Groups/8",
    "7",
    "https://example.com/v2/Groups/7",
    "https://EXAMPLE.com/Groups/7",
    "https://example.com/scim/Groups/7",
    "https://example.org/scim/v2.1/Groups/8/",
];
const OF_DATE: [&str; 7] = [
    "2011-05-13T04:42:34Z",
    "2011-05-13T04:42:34.5",
    "2011-05-12T24:00:00Z",
    "2011-05-13T00:00:00.000",
    "2011-05-13T06:42:34+02:00",
    "2016-12-31T23:59:60Z",
    "2017-01-01T00:00:00Z",
];
const OF_BYTES: [&str; 5] = ["+/8=", "-_8", "QQ==", "QQ", "QUI="];
const OF_URL: [&str; 6] = [
    "http://example.com/a",
    "HTTP://Example.com:80/b/../a",
    "http://example.com/A",
    "https://example.com/%c3%a9",
    "https://example.com/%C3%A9",
    "urn:example:a",
];
const OF_FLAG: [&str; 2] = ["true", "false"];
const USER_ATTRS: [(&str, &[&str]); 17] = [
    ("userName", &OF_TEXT),
    ("externalId", &OF_TEXT),
    ("title", &OF_TEXT),
    ("name.givenName", &OF_TEXT),
    ("emails", &OF_TEXT),
    ("emails.type", &OF_TEXT),
    ("emails.primary", &OF_FLAG),
    ("active", &OF_FLAG),
    ("meta.created", &OF_DATE),
    ("profileUrl", &OF_URL),
    ("photos", &OF_URL),
    ("photos.value", &OF_URL),
    ("x509Certificates", &OF_BYTES),
    ("groups.$ref", &OF_REFERENCE),
    ("groups.value", &OF_TEXT),
    ("urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department", &OF_TEXT),
    ("urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager.$ref", &OF_REFERENCE),
];

/// A comparison that may be none for its attribute.
fn user_comparison() -> impl Strategy<Value = String> {
    const OPS: [&str; 9] = ["eq", "ne", "co", "sw", "ew", "gt", "ge", "lt", "le"];
    (select(&USER_ATTRS[..]), select(&OPS[..])).prop_flat_map(|((path, values), op)| {
        let literal = select(values).prop_map(|value| match value {
            "true" | "false" => value.to_owned(),
            value => json!(value).to_string(),
        });
        prop_oneof![
            12 => literal.prop_map(move |literal| match path.split_once('.') {
                Some((name, sub)) if !path.contains(':') && literal.len() % 2 == 0 => {
                    format!("{name}[{sub} {op} {literal}]")
                }
                _ => format!("{path} {op} {literal}"),
            }),
            1 => Just(format!("{path} pr")),
            1 => Just(format!("{path} eq null")),
        ]
    })
}

fn some_user() -> impl Strategy<Value = Value> {
    let text = || select(&OF_TEXT[..]).prop_map(|text| json!(text)).boxed();
    let of = |values: &'static [&'static str]| select(values).prop_map(|text| json!(text)).boxed();
    let flag = || any::<bool>().prop_map(|flag| json!(flag)).boxed();
    object(vec![
        ("userName", text()),
        ("externalId", text()),
        ("title", text()),
        ("active", flag()),
        ("profileUrl", of(&OF_URL)),
        ("name", object(vec![("givenName", text())])),
        ("emails", array(object(vec![("value", text()), ("type", text()), ("primary", flag())]))),
        ("photos", array(object(vec![("value", of(&OF_URL))]))),
        ("x509Certificates", array(object(vec![("value", of(&OF_BYTES))]))),
        ("groups", array(object(vec![("value", text()), ("$ref", of(&OF_REFERENCE))]))),
        ("meta", object(vec![("created", of(&OF_DATE))])),
        (
            "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User",
            object(vec![
                ("department", text()),
                ("manager", object(vec![("$ref", of(&OF_REFERENCE))])),
            ]),
        ),
    ])
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_500, ..ProptestConfig::default() })]

    /// Row R44-3.4.2.2-02: only matching resources are returned, and all of them.
    #[test]
    fn r44_3_4_2_2_02_matches_agrees_with_the_obvious_evaluator(
        term in term(),
        subjects in vec(resource(), 4),
        policy in policy(),
    ) {
        let text = term.written();
        let filter: Filter = text.parse().unwrap();
        let bound = THING.bind(&filter, &policy).unwrap();
        for subject in subjects {
            let expected = term.holds(&policy, &subject);
            let resource: Resource = serde_json::from_value(subject.clone()).unwrap();
            prop_assert_eq!(bound.matches(&resource), expected, "{} on {}", text, subject);
        }
    }

    /// The same for users, with their references, times, URLs and certificates.
    #[test]
    fn r44_3_4_2_2_02_matches_agrees_with_a_model_of_other_hand(
        comparisons in vec(user_comparison(), 8),
        user in some_user(),
    ) {
        let ty = ResourceType::user();
        let resource: Resource = serde_json::from_value(user.clone()).unwrap();
        for text in comparisons {
            let filter: Filter = text.parse().unwrap();
            let Ok(bound) = ty.bind(&filter, &Policy::strict()) else { continue };
            let expected = Model::new(&ty).holds(filter.as_ref(), resource.as_map());
            prop_assert_eq!(bound.matches(&resource), expected, "{} on {}", text, user);
        }
    }

    /// A negation holds exactly where its filter does not: there is no third truth value.
    #[test]
    fn f15_logic_is_two_valued(term in term(), subject in resource()) {
        let bind = |text: &str| {
            THING.bind(&text.parse::<Filter>().unwrap(), &Policy::strict()).unwrap()
        };
        let resource: Resource = serde_json::from_value(subject).unwrap();
        let (yes, no) = (bind(&term.written()), bind(&format!("not ({})", term.written())));
        prop_assert_ne!(yes.matches(&resource), no.matches(&resource));
    }
}
