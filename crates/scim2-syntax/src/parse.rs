//! The parser: one loop over the text, with a stack of its own for what is open.

use alloc::vec::Vec;

use crate::{
    AttrName, AttrPath, CompareOp, CompareValue, Filter, ParseError, PatchPath, SmallStr,
    SyntaxPolicy, class,
    error::ParseErrorKind::{self, *},
    filter::{Node, NodeKind},
    lex,
    tree::{Connective, Level, Term, Tree},
    value::Number,
};

/// How much of an unknown operator an error repeats.
const MAX_ECHO: usize = 32;

/// How many bytes of text usually become a node. With `MAX_GUESS` it only saves growing the list.
const BYTES_A_NODE: usize = 20;
/// No more nodes than this are made room for on a guess.
const MAX_GUESS: usize = 32;

const VALUE: AttrName = AttrName::from_static("value");

/// `FILTER`
pub(crate) fn filter(text: &str, policy: &SyntaxPolicy) -> Result<Filter, ParseError> {
    check_len(text, policy)?;
    let mut parser = Parser::new(text, 0, policy);
    let root = parser.filter(Until::End)?;
    Ok(Filter::from_nodes(parser.tree.finish(root)))
}

/// `PATH = attrPath / valuePath [subAttr]` (RFC 7644 §3.5.2, Figure 7)
pub(crate) fn patch_path(text: &str, policy: &SyntaxPolicy) -> Result<PatchPath, ParseError> {
    check_len(text, policy)?;
    check_start(text)?;
    let (attr, end) = lex::attr_path(text, 0, policy)?;
    match text.as_bytes().get(end) {
        None => Ok(attr.into()),
        Some(b'[') => value_path(text, before_brackets(attr, end, policy)?, end, policy),
        Some(&byte) if policy.attr_exp && class::space(byte) => element(text, attr, end, policy),
        Some(_) => Err(not_a_path(text, end)),
    }
}

/// `attrPath "[" valFilter "]" [subAttr]`, where the bracket is at `bracket`
fn value_path(
    text: &str,
    attr: AttrPath,
    bracket: usize,
    policy: &SyntaxPolicy,
) -> Result<PatchPath, ParseError> {
    let mut parser = Parser::new(text, bracket + 1, policy);
    parser.bracket = Some(Bracket { offset: bracket, path: None });
    let root = parser.filter(Until::Bracket).map_err(|error| match error.kind() {
        UnclosedBracket => error,
        _ => error.inside_brackets(),
    })?;
    let end = parser.at;
    let filter = Some(Filter::from_nodes(parser.tree.finish(root)));
    let sub_attr = match text.as_bytes().get(end) {
        None => None,
        Some(b'.') => {
            let (name, end) = lex::sub_attr(text, end + 1)?;
            if end < text.len() {
                return Err(ParseError::new(TrailingPath, end));
            }
            Some(name)
        }
        Some(_) => return Err(ParseError::new(TrailingPath, end)),
    };
    Ok(PatchPath { attr, filter, sub_attr })
}

/// `attrExp` as a path (erratum 7122): `attr op value` is `attr[value op value]`, and `attr.sub op value` is
/// `attr[sub op value]`. The path ends at `end`.
fn element(
    text: &str,
    mut attr: AttrPath,
    end: usize,
    policy: &SyntaxPolicy,
) -> Result<PatchPath, ParseError> {
    let element = attr.sub_attr.take().unwrap_or(VALUE);
    let mut parser = Parser::new(text, end, policy);
    let expression = parser.operator_and_value(element.into())?;
    if parser.at < text.len() {
        return parser.fail(TrailingText);
    }
    let filter = Filter::from_nodes([Node::new(expression)].into());
    Ok(PatchPath { attr, filter: Some(filter), sub_attr: None })
}

pub(crate) fn check_len(text: &str, policy: &SyntaxPolicy) -> Result<(), ParseError> {
    // INVARIANT: positions of nodes fit in u32.
    let limit = policy.max_len.min(u32::MAX as usize);
    if text.len() > limit { Err(ParseError::new(TooLong(limit), limit)) } else { Ok(()) }
}

/// A path does not begin with white space.
pub(crate) fn check_start(text: &str) -> Result<(), ParseError> {
    match text.as_bytes().first() {
        Some(&byte) if class::space(byte) => Err(ParseError::new(SpaceInPath, 0)),
        _ => Ok(()),
    }
}

/// Why a path cannot go on at `at`, where its attribute has ended.
pub(crate) fn not_a_path(text: &str, at: usize) -> ParseError {
    let kind = match text.as_bytes().get(at) {
        Some(&byte) if class::space(byte) => SpaceInPath,
        _ => InvalidName,
    };
    ParseError::new(kind, at)
}

/// The path before the bracket at `at`: it has no sub-attribute.
fn before_brackets(
    path: AttrPath,
    at: usize,
    policy: &SyntaxPolicy,
) -> Result<AttrPath, ParseError> {
    if path.sub_attr.is_none() {
        return Ok(path);
    }
    // Old jobs of Entra ID send "urn:…:2.0:User.emails[…]".
    let dotted = if policy.dot_after_urn { path.dotted_uri() } else { None };
    dotted.ok_or(ParseError::new(BracketsAfterSubAttribute, at))
}

/// Where the outermost filter ends.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Until {
    End,
    Bracket,
}

/// What is open around the current term.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Open {
    Parenthesis,
    NotParenthesis,
    /// `not` without parentheses, which ends with the next term.
    BareNot,
    Bracket,
}

/// Something open, and the level around it.
struct Frame {
    outer: Level,
    open: Open,
    /// Where it was opened, for the error if it is never closed.
    offset: usize,
}

/// The `[` that is open.
struct Bracket {
    offset: usize,
    /// The path before it; none when it is that of a PATCH path.
    path: Option<AttrPath>,
}

struct Parser<'a> {
    text: &'a str,
    bytes: &'a [u8],
    at: usize,
    policy: &'a SyntaxPolicy,
    tree: Tree,
    leaves: usize,
    frames: Vec<Frame>,
    /// Brackets do not nest, so there is at most one.
    bracket: Option<Bracket>,
}

impl<'a> Parser<'a> {
    fn new(text: &'a str, at: usize, policy: &'a SyntaxPolicy) -> Self {
        Self {
            text,
            bytes: text.as_bytes(),
            at,
            policy,
            tree: Tree::with_capacity((text.len() / BYTES_A_NODE + 1).min(MAX_GUESS)),
            leaves: 0,
            frames: Vec::new(),
            bracket: None,
        }
    }

    /// `filter = or; or = and *(OR and); and = term *(AND term)`
    fn filter(&mut self, until: Until) -> Result<Term, ParseError> {
        if until == Until::Bracket && self.policy.max_depth == 0 {
            return Err(ParseError::new(TooDeep(0), self.at));
        }
        loop {
            // What opens comes before a term …
            while self.open()? {}
            let mut term = self.expression()?;
            // … and what closes, and `and` and `or`, after it.
            let mut after_parenthesis = false;
            loop {
                while let Some(Frame { open: Open::BareNot, .. }) = self.frames.last() {
                    term = self.close(term);
                }
                let spaced = self.skip_space();
                match self.peek() {
                    None => return self.end(term, until),
                    Some(b')') => {
                        term = self.close_parenthesis(term)?;
                        after_parenthesis = true;
                    }
                    Some(b']') if until == Until::Bracket && self.frames.is_empty() => {
                        self.at += 1;
                        return Ok(self.tree.close(term, Level::default()));
                    }
                    Some(b']') => {
                        term = self.close_bracket(term)?;
                        after_parenthesis = false;
                    }
                    Some(_) => {
                        self.connective(term, spaced || after_parenthesis)?;
                        break;
                    }
                }
            }
        }
    }

    /// `[NOT] "("`. Answers whether there was one.
    fn open(&mut self) -> Result<bool, ParseError> {
        self.skip_space();
        let start = self.at;
        match self.peek() {
            Some(b'(') => {
                self.at += 1;
                self.push(Open::Parenthesis, start)?;
                Ok(true)
            }
            Some(b'n' | b'N') if self.word().eq_ignore_ascii_case("not") => {
                self.at += 3;
                let spaced = self.skip_space();
                match self.peek() {
                    Some(b'(') => {
                        self.at += 1;
                        self.push(Open::NotParenthesis, start)?;
                        Ok(true)
                    }
                    Some(_)
                        if self.policy.bare_not && spaced && operator(self.word()).is_none() =>
                    {
                        self.push(Open::BareNot, start)?;
                        Ok(true)
                    }
                    // An attribute that is called `not`.
                    _ => {
                        self.at = start;
                        Ok(false)
                    }
                }
            }
            _ => Ok(false),
        }
    }

    fn push(&mut self, open: Open, offset: usize) -> Result<(), ParseError> {
        let of_path = matches!(self.bracket, Some(Bracket { path: None, .. }));
        if self.frames.len() + usize::from(of_path) >= self.policy.max_depth {
            return Err(ParseError::new(TooDeep(self.policy.max_depth), offset));
        }
        let outer = self.tree.open();
        self.frames.push(Frame { outer, open, offset });
        Ok(())
    }

    /// `attrExp = attrPath PR / attrPath op value`; before it, perhaps, `attrPath "["` and what opens after that.
    fn expression(&mut self) -> Result<Term, ParseError> {
        loop {
            let start = self.at;
            match self.peek() {
                None if self.is_empty() => return Err(ParseError::new(Empty, 0)),
                None | Some(b')' | b']' | b'[' | b'"') => return self.fail(ExpectedAttribute),
                Some(_) => {}
            }
            let (path, end) = lex::attr_path(self.text, start, self.policy)?;
            self.at = end;
            if self.peek() != Some(b'[') {
                let kind = self.operator_and_value(path)?;
                return self.leaf(kind, start);
            }
            if self.bracket.is_some() {
                return self.fail(NestedBrackets);
            }
            let path = before_brackets(path, end, self.policy)?;
            self.push(Open::Bracket, end)?;
            self.bracket = Some(Bracket { offset: end, path: Some(path) });
            self.at += 1;
            while self.open()? {}
        }
    }

    /// Whether there was nothing but white space.
    fn is_empty(&self) -> bool {
        self.text.trim_start_matches([' ', '\t', '\r', '\n']).is_empty()
    }

    fn leaf(&mut self, kind: NodeKind, start: usize) -> Result<Term, ParseError> {
        self.leaves += 1;
        if self.leaves > self.policy.max_leaves {
            return Err(ParseError::new(TooManyLeaves(self.policy.max_leaves), start));
        }
        Ok(self.tree.leaf(kind))
    }

    /// `SP PR / SP op SP value`
    fn operator_and_value(&mut self, path: AttrPath) -> Result<NodeKind, ParseError> {
        if !self.skip_space() {
            return self.fail(ExpectedOperator);
        }
        let word = self.word();
        let Some(operator) = operator(word) else {
            if word.is_empty() {
                return self.fail(ExpectedOperator);
            }
            let mut end = word.len().min(MAX_ECHO);
            while !word.is_char_boundary(end) {
                end -= 1;
            }
            let word = word.get(..end).unwrap_or_default();
            return self.fail(UnknownOperator(SmallStr::new(word)));
        };
        self.at += word.len();
        let Operator::Compare(op) = operator else { return Ok(NodeKind::Present(path)) };
        if !self.skip_space() {
            match self.peek() {
                // RFC 7644 §3.5.2.2 prints `members[value eq"…"]`.
                Some(b'"') if self.policy.missing_space => {}
                Some(b'"') => return self.fail(MissingSpace),
                _ => return self.fail(ExpectedValue),
            }
        }
        Ok(NodeKind::Compare(path, op, self.value()?))
    }

    /// `compValue = false / null / true / number / string`
    fn value(&mut self) -> Result<CompareValue, ParseError> {
        let start = self.at;
        let Some(first) = self.peek() else { return self.fail(ExpectedValue) };
        if first == b'"' {
            let (value, end) = lex::string(self.text, start + 1)?;
            self.at = end;
            return Ok(CompareValue::String(value));
        }
        let word = self.word();
        let error = match first {
            _ if word.is_empty() => return self.fail(ExpectedValue),
            b't' | b'T' if word.eq_ignore_ascii_case("true") => {
                self.at += word.len();
                return Ok(CompareValue::Bool(true));
            }
            b'f' | b'F' if word.eq_ignore_ascii_case("false") => {
                self.at += word.len();
                return Ok(CompareValue::Bool(false));
            }
            b'n' | b'N' if word.eq_ignore_ascii_case("null") => {
                self.at += word.len();
                return Ok(CompareValue::Null);
            }
            b'-' | b'0'..=b'9' => match lex::number(self.bytes, start) {
                Ok(end) if end == start + word.len() => {
                    self.at = end;
                    return Ok(CompareValue::Number(Number::new_unchecked(word)));
                }
                Ok(_) => ParseError::new(InvalidNumber, start),
                Err(error) => error,
            },
            b'+' | b'.' => ParseError::new(InvalidNumber, start),
            _ => ParseError::new(UnquotedValue, start),
        };
        if self.policy.bare_words { self.bare_word(word).ok_or(error) } else { Err(error) }
    }

    /// A value without quotation marks, or in single ones.
    fn bare_word(&mut self, word: &str) -> Option<CompareValue> {
        let fits = |text: &str| !text.contains(['\\', '"']) && !text.contains(char::is_control);
        // RFC 7644 §3.7.1 prints `displayName sw 'Group'`.
        if let Some(quoted) = self.text.get(self.at..)?.strip_prefix('\'') {
            let (value, _) = quoted.split_once('\'')?;
            self.at += value.len() + 2;
            return fits(value).then(|| value.into());
        }
        // Entra ID sends `externalId eq 123-abc`. A connective here is more likely a forgotten value.
        let keyword = ["and", "or", "not"].iter().any(|keyword| word.eq_ignore_ascii_case(keyword));
        if keyword || word.contains('\'') || !fits(word) {
            return None;
        }
        self.at += word.len();
        Some(word.into())
    }

    /// What follows a term: `SP ("and" / "or") SP`.
    fn connective(&mut self, term: Term, spaced: bool) -> Result<(), ParseError> {
        let word = self.word();
        let connective = match word.len() {
            3 if word.eq_ignore_ascii_case("and") => Connective::And,
            2 if word.eq_ignore_ascii_case("or") => Connective::Or,
            _ => return self.fail(TrailingText),
        };
        if !spaced {
            return self.fail(MissingSpace);
        }
        self.at += word.len();
        self.tree.connect(term, connective);
        Ok(())
    }

    fn close_parenthesis(&mut self, term: Term) -> Result<Term, ParseError> {
        match self.frames.last() {
            Some(Frame { open: Open::Parenthesis | Open::NotParenthesis, .. }) => {
                self.at += 1;
                Ok(self.close(term))
            }
            _ => self.fail(UnexpectedParenthesis),
        }
    }

    /// Ends the innermost parenthesis or bare `not`.
    fn close(&mut self, term: Term) -> Term {
        let Some(frame) = self.frames.pop() else { return term };
        let term = self.tree.close(term, frame.outer);
        match frame.open {
            Open::Parenthesis | Open::Bracket => term,
            Open::NotParenthesis | Open::BareNot => self.tree.wrap(term, NodeKind::Not),
        }
    }

    /// `"]"` of a filter, and what Entra ID sends after it.
    fn close_bracket(&mut self, term: Term) -> Result<Term, ParseError> {
        match (self.frames.last(), &self.bracket) {
            (Some(Frame { open: Open::Bracket, .. }), _) => {}
            (Some(Frame { offset, .. }), Some(_)) => {
                return Err(ParseError::new(UnclosedParenthesis, *offset));
            }
            _ => return self.fail(UnexpectedBracket),
        }
        self.at += 1;
        let mut term = self.close(term);
        let Some(path) = self.bracket.take().and_then(|bracket| bracket.path) else {
            return self.fail(UnexpectedBracket);
        };
        // Entra ID sends `emails[type eq "work"].value eq "x"`, which means the same as
        // `emails[type eq "work" and value eq "x"]`.
        if self.peek() == Some(b'.') {
            let start = self.at + 1;
            let (name, end) = lex::sub_attr(self.text, start)?;
            self.at = end;
            if self.peek() == Some(b'[') {
                return self.fail(BracketsAfterSubAttribute);
            }
            let kind = self.operator_and_value(name.into())?;
            self.leaves += 1;
            if self.leaves > self.policy.max_leaves {
                return Err(ParseError::new(TooManyLeaves(self.policy.max_leaves), start));
            }
            term = self.tree.both(term, |tree| tree.leaf(kind));
        }
        Ok(self.tree.wrap(term, NodeKind::ValuePath(path)))
    }

    fn end(&mut self, term: Term, until: Until) -> Result<Term, ParseError> {
        match (self.frames.last(), &self.bracket) {
            (Some(Frame { open: Open::Bracket, offset, .. }), _) => {
                Err(ParseError::new(UnclosedBracket, *offset))
            }
            (Some(Frame { offset, .. }), _) => Err(ParseError::new(UnclosedParenthesis, *offset)),
            (None, Some(bracket)) if until == Until::Bracket => {
                Err(ParseError::new(UnclosedBracket, bracket.offset))
            }
            _ => Ok(self.tree.close(term, Level::default())),
        }
    }

    fn fail<T>(&self, kind: ParseErrorKind) -> Result<T, ParseError> {
        Err(ParseError::new(kind, self.at))
    }

    #[inline]
    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    /// Answers whether there was any.
    #[inline]
    fn skip_space(&mut self) -> bool {
        let start = self.at;
        while self.peek().is_some_and(class::space) {
            self.at += 1;
        }
        self.at > start
    }

    /// The word at the current place: all up to white space, a parenthesis, a bracket or a quotation mark.
    #[inline]
    fn word(&self) -> &'a str {
        let end = lex::run(self.bytes, self.at, |byte| !class::delimiter(byte));
        self.text.get(self.at..end).unwrap_or_default()
    }
}

#[derive(Clone, Copy)]
enum Operator {
    Present,
    Compare(CompareOp),
}

fn operator(word: &str) -> Option<Operator> {
    let &[a, b] = word.as_bytes() else { return None };
    Some(Operator::Compare(match [a | 0x20, b | 0x20] {
        [b'e', b'q'] => CompareOp::Eq,
        [b'n', b'e'] => CompareOp::Ne,
        [b'c', b'o'] => CompareOp::Co,
        [b's', b'w'] => CompareOp::Sw,
        [b'e', b'w'] => CompareOp::Ew,
        [b'g', b't'] => CompareOp::Gt,
        [b'g', b'e'] => CompareOp::Ge,
        [b'l', b't'] => CompareOp::Lt,
        [b'l', b'e'] => CompareOp::Le,
        [b'p', b'r'] => return Some(Operator::Present),
        _ => return None,
    }))
}
