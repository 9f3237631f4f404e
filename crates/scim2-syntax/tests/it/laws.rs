//! What holds for every text and every filter.

use proptest::prelude::*;
use scim2_syntax::{
    AttrName, AttrPath, CompareOp, CompareValue, Expr, Filter, FilterRef, Number, PatchPath,
    SchemaUri, SyntaxPolicy,
};

fn name() -> impl Strategy<Value = AttrName> {
    prop_oneof![
        8 => "[A-Za-z$][A-Za-z0-9_$-]{0,26}",
        // Names that are words of the grammar.
        1 => prop::sample::select(vec!["not", "and", "or", "pr", "eq", "true", "null", "Not"]).prop_map(str::to_owned),
    ]
    .prop_map(|name| AttrName::new(&name).unwrap())
}

fn schema() -> impl Strategy<Value = SchemaUri> {
    prop_oneof![
        Just("urn:ietf:params:scim:schemas:core:2.0:User".to_owned()),
        "urn:[a-zA-Z0-9.:/_-]{1,40}",
        "https://[a-z.]{1,10}/[a-z0-9%?=&#@!$*+,;~']{0,10}",
    ]
    .prop_map(|uri| SchemaUri::new(uri).unwrap())
}

fn attr_path() -> impl Strategy<Value = AttrPath> {
    (prop::option::weighted(0.2, schema()), name(), prop::option::weighted(0.3, name()))
        .prop_map(|(schema, name, sub_attr)| AttrPath { schema, name, sub_attr })
}

fn value() -> impl Strategy<Value = CompareValue> {
    prop_oneof![
        Just(CompareValue::Null),
        any::<bool>().prop_map(CompareValue::from),
        any::<i64>().prop_map(CompareValue::from),
        "-?(0|[1-9][0-9]{0,30})(\\.[0-9]{1,30})?([eE][+-]?[0-9]{1,8})?"
            .prop_map(|text| CompareValue::from(text.parse::<Number>().unwrap())),
        any::<String>().prop_map(CompareValue::from),
        "[ -~]{0,40}".prop_map(CompareValue::from),
    ]
}

fn leaf() -> impl Strategy<Value = Filter> {
    let op = prop::sample::select(CompareOp::ALL.to_vec());
    prop_oneof![
        attr_path().prop_map(Filter::present),
        (attr_path(), op, value()).prop_map(|(path, op, value)| Filter::compare(path, op, value)),
    ]
}

fn logic(leaf: impl Strategy<Value = Filter> + 'static) -> impl Strategy<Value = Filter> {
    leaf.prop_recursive(6, 40, 5, |inner| {
        prop_oneof![
            inner.clone().prop_map(Filter::not),
            prop::collection::vec(inner.clone(), 1..5).prop_map(|all| Filter::all(all).unwrap()),
            prop::collection::vec(inner, 1..5).prop_map(|any| Filter::any(any).unwrap()),
        ]
    })
}

fn filter() -> impl Strategy<Value = Filter> {
    let value_path = (schema_path(), logic(leaf()))
        .prop_map(|(path, filter)| Filter::value_path(path, filter).unwrap());
    logic(prop_oneof![3 => leaf(), 1 => value_path])
}

fn schema_path() -> impl Strategy<Value = AttrPath> {
    attr_path().prop_map(|path| AttrPath { sub_attr: None, ..path })
}

fn patch_path() -> impl Strategy<Value = PatchPath> {
    prop_oneof![
        attr_path().prop_map(PatchPath::from),
        (schema_path(), logic(leaf()), prop::option::of(name())).prop_map(
            |(attr, filter, sub_attr)| PatchPath { attr, filter: Some(filter), sub_attr }
        ),
    ]
}

/// Any combination of tolerances.
fn policy() -> impl Strategy<Value = SyntaxPolicy> {
    any::<[bool; 5]>().prop_map(|on| {
        let mut policy = SyntaxPolicy::strict().without_limits();
        [
            policy.missing_space,
            policy.bare_not,
            policy.bare_words,
            policy.dot_after_urn,
            policy.attr_exp,
        ] = on;
        policy
    })
}

/// Texts that are nearly filters.
fn soup() -> impl Strategy<Value = String> {
    let token = prop::sample::select(vec![
        "a",
        "b.c",
        "$ref",
        "not",
        "NOT",
        "and",
        "or",
        "AND",
        "pr",
        "eq",
        "Co",
        "(",
        ")",
        "[",
        "]",
        "].v",
        ".",
        ":",
        "\"x\"",
        "\"\\u0041\"",
        "\"",
        "'x'",
        "1",
        "-1.5e3",
        "01",
        "true",
        "Null",
        "urn:x:2.0:U",
        "urn:x:2.0:U:n.s",
        "urn:x:U.n.s",
        "x[",
        "a pr",
        "a eq 1",
        "b sw \"y\"",
        "work",
        "123-abc",
        "é",
        "\\",
        "=",
    ]);
    let space = prop::sample::select(vec![" ", " ", " ", " ", "", "", "\t", " \r\n "]);
    prop::collection::vec((token, space), 0..14)
        .prop_map(|parts| parts.into_iter().flat_map(|(token, space)| [token, space]).collect())
}

/// The filter with noise that means nothing: other case of words, other white space, more parentheses.
fn noisy(filter: FilterRef<'_>, noise: &mut impl FnMut(usize) -> usize) -> String {
    let space = |n: usize| ["", " ", "\t", "\r\n", "  "][n % 5];
    let word = |word: &str, n: usize| match n % 3 {
        0 => word.to_owned(),
        1 => word.to_uppercase(),
        _ => word[..1].to_uppercase() + &word[1..],
    };
    let gap = [" ", "\n", "   "];
    let mut text = match filter.expr() {
        Expr::Present(path) => format!("{path}{}{}", gap[noise(3)], word("pr", noise(3))),
        Expr::Compare { path, op, value } => {
            let value = match value {
                CompareValue::Null | CompareValue::Bool(_) => word(&value.to_string(), noise(3)),
                _ => value.to_string(),
            };
            format!(
                "{path}{}{}{}{value}",
                gap[noise(3)],
                word(op.as_str(), noise(3)),
                gap[noise(3)]
            )
        }
        Expr::And(terms) | Expr::Or(terms) => {
            let and = matches!(filter.expr(), Expr::And(_));
            let mut text = String::new();
            for (i, term) in terms.enumerate() {
                if i > 0 {
                    let word = word(if and { "and" } else { "or" }, noise(3));
                    text.push_str(&format!("{}{word}{}", gap[noise(3)], gap[noise(3)]));
                }
                let inner = noisy(term, noise);
                match term.expr() {
                    Expr::Or(_) if and => text.push_str(&format!("({inner})")),
                    _ => text.push_str(&inner),
                }
            }
            text
        }
        Expr::Not(inner) => {
            format!("{}{}({})", word("not", noise(3)), space(noise(5)), noisy(inner, noise))
        }
        Expr::ValuePath { path, filter } => {
            format!("{path}[{}{}{}]", space(noise(5)), noisy(filter, noise), space(noise(5)))
        }
    };
    if noise(4) == 0 {
        text = format!("({}{text}{})", space(noise(5)), space(noise(5)));
    }
    text
}

proptest! {
    #[test]
    fn print_then_parse_gives_the_same_filter(filter in filter()) {
        let policy = SyntaxPolicy::strict().without_limits();
        let text = filter.to_string();
        let parsed = Filter::parse_with(&text, &policy).unwrap();
        prop_assert_eq!(&parsed, &filter);
        prop_assert_eq!(parsed.to_string(), text);
    }

    #[test]
    fn print_then_parse_gives_the_same_path(path in patch_path()) {
        let policy = SyntaxPolicy::strict().without_limits();
        let text = path.to_string();
        let parsed = PatchPath::parse_with(&text, &policy).unwrap();
        prop_assert_eq!(&parsed, &path);
        prop_assert_eq!(parsed.to_string(), text);
    }

    #[test]
    fn print_then_parse_gives_the_same_number(value in value()) {
        let text = format!("a eq {value}");
        let filter = Filter::parse_with(&text, &SyntaxPolicy::strict().without_limits()).unwrap();
        prop_assert_eq!(filter.to_string(), text);
    }

    #[test]
    fn depth_is_the_depth_of_the_print(filter in filter()) {
        let mut policy = SyntaxPolicy::strict().without_limits();
        policy.max_depth = filter.depth();
        policy.max_leaves = filter.leaves();
        prop_assert!(Filter::parse_with(&filter.to_string(), &policy).is_ok());
        if let Some(less) = policy.max_depth.checked_sub(1) {
            policy.max_depth = less;
            prop_assert!(Filter::parse_with(&filter.to_string(), &policy).is_err());
        }
    }

    #[test]
    fn noise_means_nothing(filter in filter(), seed in any::<u64>()) {
        let mut state = seed;
        let mut noise = |below: usize| {
            state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
            (state >> 33) as usize % below
        };
        let text = noisy(filter.as_ref(), &mut noise);
        let parsed = Filter::parse_with(&text, &SyntaxPolicy::strict().without_limits());
        prop_assert_eq!(parsed, Ok(filter));
    }

    #[test]
    fn no_text_makes_it_panic(text in any::<String>(), policy in policy()) {
        if let Err(error) = Filter::parse_with(&text, &policy) {
            prop_assert!(error.offset() <= text.len());
            let _ = error.render(&text).to_string();
        }
        let _ = PatchPath::parse_with(&text, &policy);
        let _ = AttrPath::parse_with(&text, &policy);
    }

    #[test]
    fn what_parses_prints_canonically(text in soup(), policy in policy()) {
        match Filter::parse_with(&text, &policy) {
            Ok(filter) => {
                let printed = filter.to_string();
                let again: Filter = printed.parse().unwrap();
                prop_assert_eq!(&again, &filter);
                prop_assert_eq!(again.to_string(), printed);
            }
            Err(error) => {
                prop_assert!(text.is_char_boundary(error.offset()));
                let _ = error.render(&text).to_string();
            }
        }
        if let Ok(path) = PatchPath::parse_with(&text, &policy) {
            prop_assert_eq!(path.to_string().parse(), Ok(path));
        }
    }

    #[test]
    fn tolerances_never_change_what_strict_accepts(text in soup(), policy in policy()) {
        if let Ok(strict) = text.parse::<Filter>() {
            prop_assert_eq!(Filter::parse_with(&text, &policy), Ok(strict));
        }
        if let Ok(strict) = text.parse::<PatchPath>() {
            prop_assert_eq!(PatchPath::parse_with(&text, &policy), Ok(strict));
        }
        if let Ok(strict) = text.parse::<AttrPath>() {
            prop_assert_eq!(AttrPath::parse_with(&text, &policy), Ok(strict));
        }
    }

    #[test]
    fn parts_are_equal_to_themselves_as_filters(filter in filter()) {
        let mut parts = vec![filter.as_ref()];
        while let Some(part) = parts.pop() {
            let own = part.to_filter();
            prop_assert_eq!(own.as_ref(), part);
            let again = own.to_string().parse::<Filter>();
            prop_assert_eq!(again.as_ref(), Ok(&own));
            prop_assert_eq!(own.attr_paths().count(), own.leaves());
            match part.expr() {
                Expr::And(terms) | Expr::Or(terms) => parts.extend(terms),
                Expr::Not(filter) | Expr::ValuePath { filter, .. } => parts.push(filter),
                Expr::Present(_) | Expr::Compare { .. } => {}
            }
        }
    }

    #[test]
    fn numbers_order_as_big_decimals(a in -1_000_000_000i64..1_000_000_000, b in -1_000_000_000i64..1_000_000_000, ea in 0usize..5, eb in 0usize..5) {
        let number = |n: i64, e: usize| format!("{n}e-{e}").parse::<Number>().unwrap();
        let scaled = |n: i64, e: usize| i128::from(n) * 10i128.pow(10 - e as u32);
        prop_assert_eq!(number(a, ea).cmp(&number(b, eb)), scaled(a, ea).cmp(&scaled(b, eb)));
    }
}
