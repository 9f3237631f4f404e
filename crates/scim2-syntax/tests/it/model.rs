//! The grammar once more, written for reading instead of speed, and compared with the parser on texts of all kinds.

use proptest::prelude::*;
use scim2_syntax::{Expr, Filter, FilterRef};

/// A reading of ruling F01 as functions from a position to a tree and the position behind it.
struct Model<'a> {
    text: &'a str,
}

type Parsed = Option<(String, usize)>;

impl Model<'_> {
    /// `[ws] or [ws]`, all of the text
    fn filter(&self) -> Option<String> {
        let (tree, at) = self.or(self.ws(0), Brackets::Outside)?;
        (self.ws(at) == self.text.len()).then_some(tree)
    }

    fn or(&self, at: usize, brackets: Brackets) -> Parsed {
        self.chain(at, "or", |at| self.and(at, brackets))
    }

    fn and(&self, at: usize, brackets: Brackets) -> Parsed {
        self.chain(at, "and", |at| self.term(at, brackets))
    }

    fn chain(&self, at: usize, word: &str, term: impl Fn(usize) -> Parsed) -> Parsed {
        let (first, mut at) = term(at)?;
        let mut terms = vec![first];
        while let Some((next, end)) = self.connective(at, word).and_then(&term) {
            terms.push(next);
            at = end;
        }
        Some((join(word, terms), at))
    }

    /// `ws and ws`, where a parenthesis stands for white space
    fn connective(&self, at: usize, word: &str) -> Option<usize> {
        let start = self.ws(at);
        if start == at && !self.text[..at].ends_with(')') {
            return None;
        }
        let end = self.word(start, word)?;
        let next = self.ws(end);
        (next > end || self.text[end..].starts_with('(')).then_some(next)
    }

    fn term(&self, at: usize, brackets: Brackets) -> Parsed {
        if let Some(end) = self.word(at, "not")
            && let Some((inner, end)) = self.parenthesis(self.ws(end), brackets)
        {
            return Some((format!("(not {inner})"), end));
        }
        if let Some(parenthesis) = self.parenthesis(at, brackets) {
            return Some(parenthesis);
        }
        let end = at
            + self.text[at..]
                .find([' ', '\t', '\r', '\n', '(', ')', '[', ']', '"'])
                .unwrap_or(self.text.len() - at);
        let path = &self.text[at..end];
        if !is_path(path) {
            return None;
        }
        if !self.text[end..].starts_with('[') {
            return self.expression(path, end);
        }
        if brackets == Brackets::Inside || is_dotted(path) {
            return None;
        }
        let (inner, end) = self.or(self.ws(end + 1), Brackets::Inside)?;
        let end = self.ws(end);
        let rest = self.text[end..].strip_prefix(']')?;
        let end = end + 1;
        let Some(rest) = rest.strip_prefix('.') else {
            return Some((format!("({path} {inner})"), end));
        };
        let len = rest
            .find(|c: char| !c.is_ascii_alphanumeric() && !"-_$".contains(c))
            .unwrap_or(rest.len());
        let name = &rest[..len];
        if !is_name(name) {
            return None;
        }
        let (expression, end) = self.expression(name, end + 1 + len)?;
        Some((format!("({path} {})", join("and", vec![inner, expression])), end))
    }

    fn parenthesis(&self, at: usize, brackets: Brackets) -> Parsed {
        self.text[at..].strip_prefix('(')?;
        let (inner, end) = self.or(self.ws(at + 1), brackets)?;
        let end = self.ws(end);
        self.text[end..].strip_prefix(')')?;
        Some((inner, end + 1))
    }

    /// `ws PR / ws op ws value`, after the path
    fn expression(&self, path: &str, at: usize) -> Parsed {
        let start = self.ws(at);
        if start == at {
            return None;
        }
        if let Some(end) = self.word(start, "pr") {
            return Some((format!("(pr {path})"), end));
        }
        let op = ["eq", "ne", "co", "sw", "ew", "gt", "ge", "lt", "le"]
            .into_iter()
            .find(|op| self.word(start, op).is_some())?;
        let start = start + 2;
        let value = self.ws(start);
        if value == start {
            return None;
        }
        let rest = &self.text[value..];
        if rest.starts_with('"') {
            let mut values = serde_json::Deserializer::from_str(rest).into_iter::<String>();
            let string = values.next()?.ok()?;
            return Some((format!("({op} {path} {string:?})"), value + values.byte_offset()));
        }
        let end = rest.find([' ', '\t', '\r', '\n', '(', ')', '[', ']', '"']).unwrap_or(rest.len());
        let word = &rest[..end];
        let lower = word.to_ascii_lowercase();
        let literal = if matches!(lower.as_str(), "true" | "false" | "null") {
            lower
        } else {
            serde_json::from_str::<serde_json::Number>(word).ok()?;
            word.to_owned()
        };
        Some((format!("({op} {path} {literal})"), value + end))
    }

    fn ws(&self, at: usize) -> usize {
        self.text.len() - self.text[at..].trim_start_matches([' ', '\t', '\r', '\n']).len()
    }

    /// The end of `word` in any case, when it is a whole word.
    fn word(&self, at: usize, word: &str) -> Option<usize> {
        let found = self.text.get(at..at + word.len())?;
        let end = at + word.len();
        let whole = self.text[end..].chars().next().is_none_or(|c| " \t\r\n()[]\"".contains(c));
        (found.eq_ignore_ascii_case(word) && whole).then_some(end)
    }
}

#[derive(Clone, Copy, PartialEq)]
enum Brackets {
    Inside,
    Outside,
}

/// One tree of several, flat.
fn join(word: &str, terms: Vec<String>) -> String {
    if let [one] = terms.as_slice() {
        return one.clone();
    }
    let head = format!("({word} ");
    let terms: Vec<&str> = terms
        .iter()
        .map(|term| match term.strip_prefix(&head) {
            Some(inner) => &inner[..inner.len() - 1],
            None => term,
        })
        .collect();
    format!("{head}{})", terms.join(" "))
}

fn is_name(name: &str) -> bool {
    let mut chars = name.chars();
    chars.next().is_some_and(|c| c.is_ascii_alphabetic() || c == '$')
        && chars.all(|c| c.is_ascii_alphanumeric() || "-_$".contains(c))
}

fn is_path(path: &str) -> bool {
    let (uri, names) = match path.rsplit_once(':') {
        Some((uri, names)) => (Some(uri), names),
        None => (None, path),
    };
    let names: Vec<&str> = names.split('.').collect();
    names.len() <= 2 && names.iter().all(|name| is_name(name)) && uri.is_none_or(is_uri)
}

fn is_uri(uri: &str) -> bool {
    let Some((scheme, rest)) = uri.split_once(':') else { return false };
    scheme.starts_with(|c: char| c.is_ascii_alphabetic())
        && scheme.chars().all(|c| c.is_ascii_alphanumeric() || "+-.".contains(c))
        && !rest.is_empty()
        && rest.chars().all(|c| c.is_ascii_alphanumeric() || "-_$.~:/?#@!&'*+,;=%".contains(c))
}

fn is_dotted(path: &str) -> bool {
    path.rsplit(':').next().is_some_and(|names| names.contains('.'))
}

/// What the parser has read, in the notation of the model.
fn tree(filter: FilterRef<'_>) -> String {
    match filter.expr() {
        Expr::Present(path) => format!("(pr {path})"),
        Expr::Compare { path, op, value } => match value.as_str() {
            Some(string) => format!("({op} {path} {string:?})"),
            None => format!("({op} {path} {value})"),
        },
        Expr::And(terms) => format!("(and {})", terms.map(tree).collect::<Vec<_>>().join(" ")),
        Expr::Or(terms) => format!("(or {})", terms.map(tree).collect::<Vec<_>>().join(" ")),
        Expr::Not(inner) => format!("(not {})", tree(inner)),
        Expr::ValuePath { path, filter } => format!("({path} {})", tree(filter)),
    }
}

#[track_caller]
fn agree(text: &str) {
    let parsed = text.parse::<Filter>();
    let ours = parsed.as_ref().ok().map(|filter| tree(filter.as_ref()));
    assert_eq!(ours, Model { text }.filter(), "{text:?} {parsed:?}");
}

/// Pieces that fit together often enough.
fn text() -> impl Strategy<Value = String> {
    let expression = || {
        prop::sample::select(vec![
            "a pr",
            "b.c eq 1",
            "x sw \"y\"",
            "not pr",
            "and eq null",
            "urn:x:2.0:U:n.s co \"\"",
            "n:a pr",
            "a eq",
            "a.b.c pr",
            "m[",
            "m[a pr",
            "m.n[a pr",
            "].v pr",
            "] .v pr",
            "].v",
            "\"x\"",
            "a eq\"x\"",
            "a eq 01",
            "a eq TRUE",
            "a  gE\t-1.5",
        ])
    };
    let glue = prop::sample::select(vec![
        " and ",
        " or ",
        " AND ",
        " Or\n",
        "and",
        "or ",
        " and(",
        ")and(",
        ") or not(",
        " not ",
        "not (",
        "(",
        ")",
        "( ",
        " )",
        "]",
        " ]",
        "",
        " ",
        "not",
        "NOT\t(",
    ]);
    prop::collection::vec((glue, expression()), 1..7).prop_map(|parts| {
        parts.into_iter().flat_map(|(glue, expression)| [glue, expression]).collect::<String>()
    })
}

/// Well-formed texts with a fault or two.
fn damaged() -> impl Strategy<Value = String> {
    let whole = prop::sample::select(vec![
        r#"userType eq "Employee" and (emails co "example.com" or emails.value co "example.org")"#,
        r#"emails[type eq "work" and not (value co "@x" or primary eq true)].value ew "y" or title pr"#,
        r#"not (a pr and (b lt -1.5e3 or urn:x:2.0:User:manager.$ref ne "\u0041\"]"))"#,
        "(((a pr)) or (b pr) and c pr) and not(d eq null)",
    ]);
    let fault = (
        0..100usize,
        prop::sample::select(vec!["", "(", ")", "[", "]", " ", "\"", ".", ":", "x", "not ", "\\"]),
        0..3usize,
    );
    (whole, prop::collection::vec(fault, 0..3)).prop_map(|(whole, faults)| {
        let mut text = whole.to_owned();
        for (at, insert, delete) in faults {
            let at = at.min(text.len());
            let end = (at + delete).min(text.len());
            text.replace_range(at..end, insert);
        }
        text
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn the_parser_reads_what_the_grammar_says(text in text()) {
        agree(&text);
    }

    #[test]
    fn the_parser_finds_every_fault(text in damaged()) {
        agree(&text);
    }
}
