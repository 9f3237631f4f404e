//! Nothing that a text says makes the parser recurse, run long, or take more than it may.

use std::{convert::Infallible, thread};

use scim2_syntax::{
    AttrPath, CompareOp, CompareValue, Filter, Fold, ParseErrorKind, PatchPath, SyntaxPolicy,
};

use crate::fault;

/// Runs where recursion over the input would overflow.
fn on_a_small_stack(test: impl FnOnce() + Send + 'static) {
    thread::Builder::new().stack_size(128 * 1024).spawn(test).unwrap().join().unwrap();
}

fn unlimited() -> SyntaxPolicy {
    SyntaxPolicy::strict().without_limits()
}

/// Uses a filter in every way there is.
fn exercise(filter: &Filter) {
    let copy = filter.clone();
    assert_eq!(copy, *filter);
    let text = filter.to_string();
    assert_eq!(Filter::parse_with(&text, &unlimited()).unwrap(), copy);
    assert!(!format!("{filter:?}").is_empty());
    assert!(!filter.explain().to_string().is_empty());
    assert_eq!(filter.attr_paths().count(), filter.leaves());
    assert_eq!(filter.fold(&mut Depth), Ok(filter.depth()));
    let negated = copy.not();
    assert_eq!(negated.depth(), filter.depth() + 1);
    drop(negated);
}

/// Computes the depth of brackets in another way than `Filter::depth`.
struct Depth;

impl Fold<'_> for Depth {
    type Output = usize;
    type Error = Infallible;

    fn present(&mut self, _: &AttrPath) -> Result<usize, Infallible> {
        Ok(0)
    }
    fn compare(
        &mut self,
        _: &AttrPath,
        _: CompareOp,
        _: &CompareValue,
    ) -> Result<usize, Infallible> {
        Ok(0)
    }
    fn and(&mut self, terms: Vec<usize>) -> Result<usize, Infallible> {
        // In these tests no `or` stands in an `and`.
        Ok(terms.into_iter().max().unwrap())
    }
    fn or(&mut self, terms: Vec<usize>) -> Result<usize, Infallible> {
        Ok(terms.into_iter().max().unwrap())
    }
    fn not(&mut self, inner: usize) -> Result<usize, Infallible> {
        Ok(inner + 1)
    }
    fn value_path(&mut self, _: &AttrPath, inner: usize) -> Result<usize, Infallible> {
        Ok(inner + 1)
    }
}

#[test]
fn sec_09_a_hundred_thousand_parentheses() {
    on_a_small_stack(|| {
        let deep = |inner: &str| format!("{}{inner}{}", "(".repeat(100_000), ")".repeat(100_000));
        exercise(&Filter::parse_with(&deep("a pr"), &unlimited()).unwrap());
        assert_eq!(
            Filter::parse_with(&"(".repeat(100_000), &unlimited()).unwrap_err().kind(),
            &ParseErrorKind::ExpectedAttribute
        );
        let unclosed = format!("{}a pr", "(".repeat(100_000));
        let error = Filter::parse_with(&unclosed, &unlimited()).unwrap_err();
        assert_eq!((error.kind(), error.offset()), (&ParseErrorKind::UnclosedParenthesis, 99_999));
    });
}

#[test]
fn sec_09_a_hundred_thousand_nots() {
    on_a_small_stack(|| {
        let text = format!("{}a pr{}", "not (".repeat(100_000), ")".repeat(100_000));
        let filter = Filter::parse_with(&text, &unlimited()).unwrap();
        assert_eq!(filter.depth(), 100_000);
        exercise(&filter);
        // The tree is as deep as it gets when the tail turns out bad.
        assert!(Filter::parse_with(&format!("{text} x"), &unlimited()).is_err());

        let bare = SyntaxPolicy::lenient().without_limits();
        let text = format!("{}a pr", "not ".repeat(100_000));
        assert_eq!(Filter::parse_with(&text, &bare).unwrap(), filter);
    });
}

#[test]
fn sec_09_connectives_that_alternate_at_every_level() {
    on_a_small_stack(|| {
        let text =
            format!("{}a pr{}", "a pr or not (b pr and (".repeat(50_000), "))".repeat(50_000));
        let filter = Filter::parse_with(&text, &unlimited()).unwrap();
        assert_eq!(filter.leaves(), 100_001);
        let copy = filter.clone();
        assert_eq!(Filter::parse_with(&filter.to_string(), &unlimited()), Ok(copy));
        drop(filter.explain().to_string());
    });
}

#[test]
fn sec_09_two_hundred_thousand_terms() {
    on_a_small_stack(|| {
        for connective in [" and ", " or "] {
            let text = vec!["a pr"; 200_000].join(connective);
            let filter = Filter::parse_with(&text, &unlimited()).unwrap();
            assert_eq!(filter.leaves(), 200_000);
            exercise(&filter);
        }
    });
}

#[test]
fn sec_09_a_chain_nested_to_the_right_is_flat() {
    on_a_small_stack(|| {
        let text = format!("{}a pr{}", "a pr and (".repeat(50_000), ")".repeat(50_000));
        let filter = Filter::parse_with(&text, &unlimited()).unwrap();
        assert_eq!(filter.depth(), 0);
        exercise(&filter);
    });
}

#[test]
fn sec_09_a_chain_built_term_by_term() {
    on_a_small_stack(|| {
        let terms = std::iter::repeat_n(Filter::present("a"), 50_000);
        exercise(&Filter::all(terms).unwrap());
    });
}

#[test]
fn sec_09_many_value_paths() {
    on_a_small_stack(|| {
        let text = vec!["x[a pr].b pr"; 50_000].join(" or ");
        exercise(&Filter::parse_with(&text, &unlimited()).unwrap());
        let nested = "a[".repeat(100_000);
        assert_eq!(
            Filter::parse_with(&nested, &unlimited()).unwrap_err().kind(),
            &ParseErrorKind::NestedBrackets
        );
    });
}

#[test]
fn sec_09_a_mebibyte_of_anything() {
    on_a_small_stack(|| {
        let lenient = SyntaxPolicy::lenient().without_limits();
        for piece in [
            "(",
            ")",
            "[",
            "]",
            "\"",
            "'",
            "\\",
            ".",
            ":",
            "a",
            "$",
            "9",
            "-",
            " ",
            "\n",
            "\0",
            "é",
            "a.",
            "a:",
            "urn:",
            "not ",
            "NOT(",
            "and ",
            "a pr ",
            "a eq ",
            "a eq 'x ",
            "a eq \"\\u0041",
            "a[b ",
            "x[a pr].",
            "\\u",
            "a eq 1e",
            "\"\\ud800",
        ] {
            let text = piece.repeat((1 << 20) / piece.len());
            for policy in [&unlimited(), &lenient] {
                assert!(Filter::parse_with(&text, policy).is_err(), "{piece}");
                drop(AttrPath::parse_with(&text, policy));
                drop(PatchPath::parse_with(&text, policy));
            }
        }
    });
}

#[test]
fn sec_09_long_tokens() {
    on_a_small_stack(|| {
        let long = "a".repeat(1 << 20);
        for text in [
            format!("{long} pr"),
            format!("x.{long} pr"),
            format!("urn:{long}:x pr"),
            format!("a eq \"{long}\""),
            format!("a eq {}", "1".repeat(1 << 20)),
            format!("a eq 0.{}e-9", "0".repeat(1 << 20)),
            format!("a eq {}", "\"".to_owned() + &"\\n".repeat(1 << 19) + "\""),
        ] {
            exercise(&Filter::parse_with(&text, &unlimited()).unwrap());
        }
    });
}

#[test]
fn f34_the_text_may_be_8_kib() {
    let text = |len: usize| format!("a eq \"{}\"", "x".repeat(len - 7));
    assert!(text(8192).parse::<Filter>().is_ok());
    assert_eq!(fault(&text(8193)), (ParseErrorKind::TooLong(8192), 8192));
    let long = "a".repeat(8193);
    assert_eq!(long.parse::<AttrPath>().unwrap_err().kind(), &ParseErrorKind::TooLong(8192));
    assert_eq!(long.parse::<PatchPath>().unwrap_err().kind(), &ParseErrorKind::TooLong(8192));
}

#[test]
fn f34_brackets_may_nest_32_deep() {
    let text = |depth: usize| format!("{}a pr{}", "(".repeat(depth), ")".repeat(depth));
    assert!(text(32).parse::<Filter>().is_ok());
    assert_eq!(fault(&text(33)), (ParseErrorKind::TooDeep(32), 32));
    let nots = |depth: usize| format!("{}a pr{}", "not(".repeat(depth), ")".repeat(depth));
    assert!(nots(32).parse::<Filter>().is_ok());
    assert_eq!(fault(&nots(33)), (ParseErrorKind::TooDeep(32), 128));
    let value_path = |depth: usize| format!("x[{}]", text(depth - 1));
    assert!(value_path(32).parse::<Filter>().is_ok());
    assert_eq!(fault(&value_path(33)), (ParseErrorKind::TooDeep(32), 33));
}

#[test]
fn f34_the_brackets_of_a_path_count() {
    let text = |depth: usize| format!("x[{}a pr{}]", "(".repeat(depth - 1), ")".repeat(depth - 1));
    assert!(text(32).parse::<PatchPath>().is_ok());
    let error = text(33).parse::<PatchPath>().unwrap_err();
    assert_eq!((error.kind(), error.in_brackets()), (&ParseErrorKind::TooDeep(32), true));
}

#[test]
fn f34_bare_nots_count() {
    let policy = SyntaxPolicy::lenient();
    let text = |depth: usize| format!("{}a pr", "not ".repeat(depth));
    assert!(Filter::parse_with(&text(32), &policy).is_ok());
    assert_eq!(
        Filter::parse_with(&text(33), &policy).unwrap_err().kind(),
        &ParseErrorKind::TooDeep(32)
    );
}

#[test]
fn f34_a_filter_may_have_128_expressions() {
    let text = |leaves: usize| vec!["a pr"; leaves].join(" or ");
    assert!(text(128).parse::<Filter>().is_ok());
    assert_eq!(fault(&text(129)), (ParseErrorKind::TooManyLeaves(128), 128 * 8));
    assert_eq!(
        fault(&format!("{} or x[b pr].c pr", text(127))),
        (ParseErrorKind::TooManyLeaves(128), 128 * 8)
    );
}

#[test]
fn f34_limits_are_the_policys() {
    let mut policy = SyntaxPolicy::strict();
    (policy.max_len, policy.max_depth, policy.max_leaves) = (11, 1, 1);
    assert!(Filter::parse_with("not (a  pr)", &policy).is_ok());
    for (text, kind) in [
        ("not  (a  pr)", ParseErrorKind::TooLong(11)),
        ("((a pr))", ParseErrorKind::TooDeep(1)),
        ("a pr or a", ParseErrorKind::ExpectedOperator),
        ("a pr or b p", ParseErrorKind::UnknownOperator("p".into())),
    ] {
        assert_eq!(Filter::parse_with(text, &policy).unwrap_err().kind(), &kind);
    }
    policy.max_len = 12;
    assert_eq!(
        Filter::parse_with("a pr or b pr", &policy).unwrap_err().kind(),
        &ParseErrorKind::TooManyLeaves(1)
    );
    policy.max_depth = 0;
    assert!(Filter::parse_with("x[a pr]", &policy).is_err());
    assert!(PatchPath::parse_with("x[a pr]", &policy).is_err());
    assert!(Filter::parse_with("a pr", &policy).is_ok());
}
