//! Laws of scim2-syntax. Each takes what a fuzzer gives and panics when the law is broken.

use std::convert::Infallible;

use scim2_syntax::{
    AttrPath, CompareOp, CompareValue, Expr, Filter, FilterRef, Fold, ParseError, PatchPath,
    SyntaxPolicy,
};

/// Whatever the bytes are, there is a value or an error with a place in the text, and neither
/// panics when it is printed.
pub fn filter_never_panics(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    for policy in [SyntaxPolicy::strict(), lenient()] {
        match Filter::parse_with(&text, &policy) {
            Ok(filter) => use_up(&filter),
            Err(error) => check_error(&error, &text),
        }
        match PatchPath::parse_with(&text, &policy) {
            Ok(path) => drop(format!("{path:?}")),
            Err(error) => check_error(&error, &text),
        }
        if let Err(error) = AttrPath::parse_with(&text, &policy) {
            check_error(&error, &text);
        }
    }
}

/// What parses prints canonically: the print parses to an equal filter and prints the same.
pub fn filter_roundtrip(text: &str) {
    let Ok(filter) = Filter::parse_with(text, &lenient()) else { return };
    let printed = filter.to_string();
    let again =
        Filter::parse_with(&printed, &strict()).expect("a printed filter is strictly legal");
    assert_eq!(again, filter, "printed as {printed}");
    assert_eq!(again.to_string(), printed);
    assert_eq!(rebuild(filter.as_ref()), filter, "built from its parts");
}

/// The same for paths.
pub fn path_roundtrip(text: &str) {
    if let Ok(path) = PatchPath::parse_with(text, &lenient()) {
        let printed = path.to_string();
        let again =
            PatchPath::parse_with(&printed, &strict()).expect("a printed path is strictly legal");
        assert_eq!(again, path, "printed as {printed}");
        assert_eq!(again.to_string(), printed);
    }
    if let Ok(path) = AttrPath::parse_with(text, &lenient()) {
        let printed = path.to_string();
        assert_eq!(AttrPath::parse_with(&printed, &strict()).as_ref(), Ok(&path));
        assert_eq!(PatchPath::parse_with(text, &lenient()), Ok(path.into()));
    }
}

/// What the strict policy accepts, every policy accepts, and reads the same way. The first byte chooses the policy.
pub fn policy_monotone(data: &[u8]) {
    let Some((&bits, text)) = data.split_first() else { return };
    let Ok(text) = str::from_utf8(text) else { return };
    let mut policy = SyntaxPolicy::strict();
    policy.missing_space = bits & 1 != 0;
    policy.bare_not = bits & 2 != 0;
    policy.bare_words = bits & 4 != 0;
    policy.dot_after_urn = bits & 8 != 0;
    policy.attr_exp = bits & 16 != 0;
    for wider in [policy, SyntaxPolicy::lenient()] {
        if let Ok(filter) = Filter::parse_with(text, &SyntaxPolicy::strict()) {
            assert_eq!(Filter::parse_with(text, &wider), Ok(filter));
        }
        if let Ok(path) = PatchPath::parse_with(text, &SyntaxPolicy::strict()) {
            assert_eq!(PatchPath::parse_with(text, &wider), Ok(path));
        }
        if let Ok(path) = AttrPath::parse_with(text, &SyntaxPolicy::strict()) {
            assert_eq!(AttrPath::parse_with(text, &wider), Ok(path));
        }
    }
    // Each tolerance alone is narrower than all together.
    if let Ok(filter) = Filter::parse_with(text, &policy) {
        assert_eq!(Filter::parse_with(text, &SyntaxPolicy::lenient()), Ok(filter));
    }
    if let Ok(path) = PatchPath::parse_with(text, &policy) {
        assert_eq!(PatchPath::parse_with(text, &SyntaxPolicy::lenient()), Ok(path));
    }
}

fn strict() -> SyntaxPolicy {
    SyntaxPolicy::strict().without_limits()
}

fn lenient() -> SyntaxPolicy {
    SyntaxPolicy::lenient().without_limits()
}

fn check_error(error: &ParseError, text: &str) {
    assert!(error.offset() <= text.len());
    let line = error.to_string();
    assert!(line.len() < 300 && !line.contains('\n'), "{line}");
    assert!(error.render(text).to_string().contains('^'));
}

/// Every way to look at a filter.
fn use_up(filter: &Filter) {
    assert_eq!(filter.clone(), *filter);
    drop(format!("{filter:?}{}", filter.explain()));
    assert_eq!(filter.fold(&mut Leaves), Ok(filter.leaves()));
    assert_eq!(filter.attr_paths().count(), filter.leaves());
    let mut policy = strict();
    policy.max_depth = filter.depth();
    assert_eq!(Filter::parse_with(&filter.to_string(), &policy).as_ref(), Ok(filter));
}

struct Leaves;

impl Fold<'_> for Leaves {
    type Output = usize;
    type Error = Infallible;

    fn present(&mut self, _: &AttrPath) -> Result<usize, Infallible> {
        Ok(1)
    }
    fn compare(
        &mut self,
        _: &AttrPath,
        _: CompareOp,
        _: &CompareValue,
    ) -> Result<usize, Infallible> {
        Ok(1)
    }
    fn and(&mut self, terms: Vec<usize>) -> Result<usize, Infallible> {
        Ok(terms.into_iter().sum())
    }
    fn or(&mut self, terms: Vec<usize>) -> Result<usize, Infallible> {
        Ok(terms.into_iter().sum())
    }
    fn not(&mut self, inner: usize) -> Result<usize, Infallible> {
        Ok(inner)
    }
    fn value_path(&mut self, _: &AttrPath, inner: usize) -> Result<usize, Infallible> {
        Ok(inner)
    }
}

/// The same filter, made with the builders.
fn rebuild(filter: FilterRef<'_>) -> Filter {
    struct Rebuild;

    impl Fold<'_> for Rebuild {
        type Output = Filter;
        type Error = ParseError;

        fn present(&mut self, path: &AttrPath) -> Result<Filter, ParseError> {
            Ok(Filter::present(path))
        }
        fn compare(
            &mut self,
            path: &AttrPath,
            op: CompareOp,
            value: &CompareValue,
        ) -> Result<Filter, ParseError> {
            Ok(Filter::compare(path, op, value.clone()))
        }
        fn and(&mut self, terms: Vec<Filter>) -> Result<Filter, ParseError> {
            assert!(terms.iter().all(|term| !matches!(term.expr(), Expr::And(_))), "and is flat");
            Ok(Filter::all(terms).expect("two or more terms"))
        }
        fn or(&mut self, terms: Vec<Filter>) -> Result<Filter, ParseError> {
            assert!(terms.iter().all(|term| !matches!(term.expr(), Expr::Or(_))), "or is flat");
            Ok(Filter::any(terms).expect("two or more terms"))
        }
        fn not(&mut self, inner: Filter) -> Result<Filter, ParseError> {
            Ok(inner.not())
        }
        fn value_path(&mut self, path: &AttrPath, inner: Filter) -> Result<Filter, ParseError> {
            Filter::value_path(path, inner)
        }
    }
    filter.fold(&mut Rebuild).expect("what was parsed can be built")
}
