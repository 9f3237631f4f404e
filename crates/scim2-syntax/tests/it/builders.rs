//! Filters made by a program.

use scim2_syntax::{
    AttrName, AttrPath, CompareOp, CompareValue, Expr, Filter, Fold, ParseErrorKind,
};

#[track_caller]
fn builds(filter: Filter, text: &str) {
    assert_eq!(filter.to_string(), text);
    assert_eq!(filter, text.parse().unwrap(), "built and parsed are equal");
}

#[test]
fn builders_read_like_filters() {
    builds(
        Filter::eq("userName", "bjensen").and(Filter::present("title")),
        r#"userName eq "bjensen" and title pr"#,
    );
    builds(Filter::ne("active", true), "active ne true");
    builds(Filter::co("emails.value", "@x"), r#"emails.value co "@x""#);
    builds(Filter::sw("a", "x").or(Filter::ew("a", "y")), r#"a sw "x" or a ew "y""#);
    builds(Filter::gt("a", 1).or(Filter::ge("a", 2)), "a gt 1 or a ge 2");
    builds(Filter::lt("a", -1i64).or(Filter::le("a", 2u64)), "a lt -1 or a le 2");
    builds(Filter::eq("a", CompareValue::Null), "a eq null");
    builds(Filter::compare("a", CompareOp::Eq, String::from("x")), r#"a eq "x""#);
}

#[test]
fn paths_come_as_literals_names_or_paths() {
    let path: AttrPath = "name.givenName".parse().unwrap();
    builds(Filter::present(&path), "name.givenName pr");
    builds(Filter::present(path), "name.givenName pr");
    builds(Filter::present(AttrName::from_static("id")), "id pr");
}

#[test]
#[should_panic(expected = "the literal is an attribute path")]
fn a_literal_that_is_no_path_is_a_bug_of_the_program() {
    let _ = Filter::present("a b");
}

#[test]
fn built_chains_are_flat() {
    let term = |name: &str| Filter::present(name.parse::<AttrPath>().unwrap());
    let left = term("a").and(term("b")).and(term("c")).and(term("d"));
    let right = term("a").and(term("b").and(term("c").and(term("d"))));
    let middle = term("a").and(term("b")).and(term("c").and(term("d")));
    assert_eq!(left, right);
    assert_eq!(left, middle);
    builds(left, "a pr and b pr and c pr and d pr");
    builds(
        term("a").or(term("b")).and(term("c").or(term("d"))),
        "(a pr or b pr) and (c pr or d pr)",
    );
    builds(term("a").and(term("b")).or(term("c").and(term("d"))), "a pr and b pr or c pr and d pr");
}

#[test]
fn not_is_a_method_and_an_operator() {
    builds(Filter::present("a").not(), "not (a pr)");
    builds(!Filter::present("a").or(Filter::present("b")), "not (a pr or b pr)");
    builds(!!Filter::present("a"), "not (not (a pr))");
}

#[test]
fn value_paths_hold_what_brackets_can() {
    let work = Filter::eq("type", "work").and(Filter::eq("primary", true));
    let emails = Filter::value_path("emails", work).unwrap();
    builds(emails.clone(), r#"emails[type eq "work" and primary eq true]"#);
    builds(
        Filter::present("a").and(emails.clone()).and(Filter::present("b")),
        r#"a pr and emails[type eq "work" and primary eq true] and b pr"#,
    );
    let nested = Filter::value_path("a", Filter::present("b").or(emails.clone()));
    assert_eq!(nested.unwrap_err().kind(), &ParseErrorKind::NestedBrackets);
    let dotted = Filter::value_path("a.b", Filter::present("c"));
    assert_eq!(dotted.unwrap_err().kind(), &ParseErrorKind::BracketsAfterSubAttribute);
}

#[test]
fn all_and_any_join_many() {
    let names = ["a", "b", "c"].map(|name| Filter::eq("userName", name));
    builds(
        Filter::any(names.clone()).unwrap(),
        r#"userName eq "a" or userName eq "b" or userName eq "c""#,
    );
    builds(
        Filter::all(names).unwrap(),
        r#"userName eq "a" and userName eq "b" and userName eq "c""#,
    );
    assert_eq!(Filter::all([]), None);
    assert_eq!(Filter::any([Filter::present("a")]), Some(Filter::present("a")));
}

#[test]
fn a_part_becomes_a_filter_of_its_own() {
    let filter: Filter = "a pr and (b pr or c pr and d pr) and x[not (e pr)]".parse().unwrap();
    let Expr::And(terms) = filter.expr() else { panic!("not an and") };
    assert_eq!(terms.len(), 3);
    for (term, text) in terms.zip(["a pr", "b pr or c pr and d pr", "x[not (e pr)]"]) {
        assert_eq!(term.to_string(), text);
        assert_eq!(term.to_filter(), text.parse().unwrap());
        assert_eq!(term, term.to_filter().as_ref());
        assert_ne!(term, filter.as_ref());
    }
}

#[test]
fn depth_counts_printed_brackets() {
    for (text, depth) in [
        ("a pr", 0),
        ("a pr and b pr or c pr", 0),
        ("not (a pr)", 1),
        ("x[a pr]", 1),
        ("(a pr or b pr) and c pr", 1),
        ("c pr and not ((a pr or b pr) and x[not (d pr)])", 3),
        ("((((a pr))))", 0),
    ] {
        assert_eq!(text.parse::<Filter>().unwrap().depth(), depth, "{text}");
    }
}

#[test]
fn leaves_and_paths_are_counted_and_listed() {
    let filter: Filter =
        r#"a pr and x[b eq 1 or c pr] and not (d.e sw "f") and y[g pr] and h pr"#.parse().unwrap();
    assert_eq!(filter.leaves(), 6);
    let paths: Vec<String> = filter.attr_paths().map(|used| used.to_string()).collect();
    assert_eq!(paths, ["a", "x.b", "x.c", "d.e", "y.g", "h"]);
    let Expr::And(mut terms) = filter.expr() else { panic!("not an and") };
    let second = terms.nth(1).unwrap();
    assert_eq!((second.leaves(), second.depth(), second.attr_paths().count()), (2, 1, 2));
}

#[test]
fn parts_differ_by_their_root_and_by_what_is_below() {
    let filter = |text: &str| text.parse::<Filter>().unwrap();
    assert_ne!(filter("not (a pr)").as_ref(), filter("x[a pr]").as_ref());
    assert_ne!(filter("not (a pr)").as_ref(), filter("not (b pr)").as_ref());
    assert_ne!(filter("a pr and b pr").as_ref(), filter("a pr or b pr").as_ref());
    assert_ne!(filter("a pr").as_ref(), filter("a pr and b pr").as_ref());
    // The same part at two places of one filter.
    let twice = filter("x[a pr or b pr] and (a pr or b pr) and c pr");
    let Expr::And(mut terms) = twice.expr() else { panic!("not an and") };
    let (first, second) = (terms.next().unwrap(), terms.next().unwrap());
    let Expr::ValuePath { filter: inside, .. } = first.expr() else { panic!("no brackets") };
    assert_eq!(inside, second);
    assert_ne!(first, second);
}

#[test]
fn debug_shows_filters() {
    let filter: Filter = "x[a pr] or b pr".parse().unwrap();
    assert_eq!(format!("{filter:?}"), "Filter(x[a pr] or b pr)");
    let Expr::Or(terms) = filter.expr() else { panic!("not an or") };
    assert_eq!(format!("{terms:?}"), "[Filter(x[a pr]), Filter(b pr)]");
    assert!(format!("{:?}", filter.attr_paths()).contains("AttrPath(x)"));
    assert_eq!(format!("{:?}", "a.b".parse::<AttrPath>().unwrap()), "AttrPath(a.b)");
}

/// Writes down each call.
#[derive(Default)]
struct Calls(Vec<String>);

impl<'a> Fold<'a> for Calls {
    type Output = usize;
    type Error = String;

    fn present(&mut self, path: &'a AttrPath) -> Result<usize, String> {
        if path.name == "refused" {
            return Err(format!("{path} is refused"));
        }
        self.0.push(format!("{path} pr"));
        Ok(1)
    }
    fn compare(
        &mut self,
        path: &'a AttrPath,
        op: CompareOp,
        value: &'a CompareValue,
    ) -> Result<usize, String> {
        self.0.push(format!("{path} {op} {value}"));
        Ok(1)
    }
    fn and(&mut self, terms: Vec<usize>) -> Result<usize, String> {
        self.0.push(format!("and {}", terms.len()));
        Ok(terms.iter().sum())
    }
    fn or(&mut self, terms: Vec<usize>) -> Result<usize, String> {
        self.0.push(format!("or {}", terms.len()));
        Ok(terms.iter().sum())
    }
    fn not(&mut self, inner: usize) -> Result<usize, String> {
        self.0.push("not".to_owned());
        Ok(inner)
    }
    fn enter(&mut self, path: &'a AttrPath) -> Result<(), String> {
        self.0.push(format!("{path}["));
        Ok(())
    }
    fn value_path(&mut self, path: &'a AttrPath, inner: usize) -> Result<usize, String> {
        self.0.push(format!("]{path}"));
        Ok(inner)
    }
}

#[test]
fn a_fold_meets_parts_in_order_and_knows_the_brackets() {
    let filter: Filter =
        "a pr and x[b eq 1 or not (c pr)] and (d pr or y[e pr]) and f pr".parse().unwrap();
    let mut calls = Calls::default();
    assert_eq!(filter.fold(&mut calls), Ok(6));
    let wanted = [
        "a pr", "x[", "b eq 1", "c pr", "not", "or 2", "]x", "d pr", "y[", "e pr", "]y", "or 2",
        "f pr", "and 4",
    ];
    assert_eq!(calls.0, wanted);

    let mut calls = Calls::default();
    assert_eq!("a pr or b pr or c pr".parse::<Filter>().unwrap().fold(&mut calls), Ok(3));
    assert_eq!(calls.0, ["a pr", "b pr", "c pr", "or 3"]);
}

#[test]
fn a_fold_stops_at_the_first_error() {
    let filter: Filter = "a pr and refused pr and b pr".parse().unwrap();
    let mut calls = Calls::default();
    assert_eq!(filter.fold(&mut calls), Err("refused is refused".to_owned()));
    assert_eq!(calls.0, ["a pr"]);
}
