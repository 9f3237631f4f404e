//! The parser: one loop over the text, with a stack of its own for what is open.

use alloc::vec::Vec;

use crate::{
    AttrName, AttrPath, CompareOp, Filter, ParseError, PatchPath, SmallStr, SyntaxPolicy, class,
    error::ParseErrorKind::{self, *},
    filter::{Node, NodeKind},
    lex::{self, Fault, PathToken, Span, ValueToken, fault},
    tree::{Connective, Level, Tree},
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
    match parser.filter(Until::End) {
        Ok(()) => Ok(Filter::from_nodes(parser.tree.finish())),
        Err(fault) => Err(*fault),
    }
}

/// `attrPath`, all of the text
pub(crate) fn attr_path(text: &str, policy: &SyntaxPolicy) -> Result<AttrPath, ParseError> {
    check_len(text, policy)?;
    check_start(text)?;
    let path = lex::attr_path(text, 0, policy).map_err(|fault| *fault)?;
    if path.end() < text.len() {
        return Err(not_a_path(text, path.end()));
    }
    Ok(path.to_path(text))
}

/// `PATH = attrPath / valuePath [subAttr]` (RFC 7644 §3.5.2, Figure 7)
pub(crate) fn patch_path(text: &str, policy: &SyntaxPolicy) -> Result<PatchPath, ParseError> {
    check_len(text, policy)?;
    check_start(text)?;
    let path = lex::attr_path(text, 0, policy).map_err(|fault| *fault)?;
    let end = path.end();
    match text.as_bytes().get(end) {
        None => Ok(path.to_path(text).into()),
        Some(b'[') => value_path(text, path, policy).map_err(|fault| *fault),
        Some(&byte) if policy.attr_exp && class::space(byte) => {
            element(text, path, policy).map_err(|fault| *fault)
        }
        Some(_) => Err(not_a_path(text, end)),
    }
}

/// `attrPath "[" valFilter "]" [subAttr]`
fn value_path(text: &str, path: PathToken, policy: &SyntaxPolicy) -> Result<PatchPath, Fault> {
    let bracket = path.end();
    let path = before_brackets(path, policy)?;
    let mut parser = Parser::new(text, bracket + 1, policy);
    parser.bracket = Some(Bracket { offset: bracket, path: None });
    parser.filter(Until::Bracket).map_err(|error| match error.kind() {
        // The text ends before the brackets do.
        UnclosedBracket => error,
        _ if error.offset() >= text.len() => error,
        _ => error.inside_brackets().into(),
    })?;
    let end = parser.at;
    let sub_attr = match text.as_bytes().get(end) {
        None => None,
        Some(b'.') => {
            let name = lex::sub_attr(text, end + 1)?;
            if name.end < text.len() {
                return Err(fault(TrailingPath, name.end));
            }
            Some(AttrName::new_unchecked(name.of(text)))
        }
        Some(_) => return Err(fault(TrailingPath, end)),
    };
    let filter = Some(Filter::from_nodes(parser.tree.finish()));
    Ok(PatchPath { attr: path.to_path(text), filter, sub_attr })
}

/// `attrExp` as a path (erratum 7122): `attr op value` is `attr[value op value]`, and `attr.sub op value` is
/// `attr[sub op value]`.
fn element(text: &str, path: PathToken, policy: &SyntaxPolicy) -> Result<PatchPath, Fault> {
    let mut parser = Parser::new(text, path.end(), policy);
    let expression = parser.expression()?;
    if parser.at < text.len() {
        return parser.fail(TrailingText);
    }
    let mut attr = path.to_path(text);
    let element = attr.sub_attr.take().unwrap_or(VALUE);
    let filter = Filter::from_nodes([Node::new(expression.to_kind(element.into(), text))].into());
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

/// The path before a bracket, which has no sub-attribute.
fn before_brackets(path: PathToken, policy: &SyntaxPolicy) -> Result<PathToken, Fault> {
    if !path.has_sub_attr() {
        return Ok(path);
    }
    // Old jobs of Entra ID send "urn:…:2.0:User.emails[…]".
    let dotted = if policy.dot_after_urn { path.dotted() } else { None };
    dotted.ok_or_else(|| fault(BracketsAfterSubAttribute, path.end()))
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
    path: Option<PathToken>,
}

/// What comes after the path of an expression.
#[derive(Clone, Copy)]
enum Expression {
    Present,
    Compare(CompareOp, ValueToken),
}

impl Expression {
    #[inline(always)]
    fn to_kind(self, path: AttrPath, text: &str) -> NodeKind {
        match self {
            Self::Present => NodeKind::Present(path),
            Self::Compare(op, value) => NodeKind::Compare(path, op, value.to_value(text)),
        }
    }
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
    fn filter(&mut self, until: Until) -> Result<(), Fault> {
        if until == Until::Bracket && self.policy.max_depth == 0 {
            return Err(fault(TooDeep(0), self.at));
        }
        loop {
            // What opens comes before a term …
            while self.open()? {}
            self.term()?;
            // … and what closes, and `and` and `or`, after it.
            let mut after_parenthesis = false;
            loop {
                while let Some(Frame { open: Open::BareNot, .. }) = self.frames.last() {
                    self.close();
                }
                let spaced = self.skip_space();
                match self.peek() {
                    None => return self.end(),
                    Some(b')') => {
                        self.close_parenthesis()?;
                        after_parenthesis = true;
                    }
                    Some(b']') if until == Until::Bracket && self.frames.is_empty() => {
                        self.at += 1;
                        return Ok(());
                    }
                    Some(b']') => {
                        self.close_bracket()?;
                        after_parenthesis = false;
                    }
                    Some(_) => {
                        self.connective(spaced || after_parenthesis)?;
                        break;
                    }
                }
            }
        }
    }

    /// `[NOT] "("`. Answers whether there was one.
    fn open(&mut self) -> Result<bool, Fault> {
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

    fn push(&mut self, open: Open, offset: usize) -> Result<(), Fault> {
        let of_path = matches!(self.bracket, Some(Bracket { path: None, .. }));
        if self.frames.len() + usize::from(of_path) >= self.policy.max_depth {
            return Err(fault(TooDeep(self.policy.max_depth), offset));
        }
        let outer = self.tree.open();
        self.frames.push(Frame { outer, open, offset });
        Ok(())
    }

    /// `attrExp = attrPath PR / attrPath op value`; before it, perhaps, `attrPath "["` and what opens after that.
    fn term(&mut self) -> Result<(), Fault> {
        loop {
            let start = self.at;
            match self.peek() {
                None if self.is_empty() => return Err(fault(Empty, 0)),
                None | Some(b')' | b']' | b'[' | b'"') => return self.fail(ExpectedAttribute),
                Some(_) => {}
            }
            let path = lex::attr_path(self.text, start, self.policy)?;
            self.at = path.end();
            if self.peek() != Some(b'[') {
                let expression = self.expression()?;
                self.count_leaf(start)?;
                self.tree.leaf(expression.to_kind(path.to_path(self.text), self.text));
                return Ok(());
            }
            if self.bracket.is_some() {
                return self.fail(NestedBrackets);
            }
            let path = before_brackets(path, self.policy)?;
            self.push(Open::Bracket, self.at)?;
            self.bracket = Some(Bracket { offset: self.at, path: Some(path) });
            self.at += 1;
            while self.open()? {}
        }
    }

    /// Whether there was nothing but white space.
    fn is_empty(&self) -> bool {
        self.text.trim_start_matches([' ', '\t', '\r', '\n']).is_empty()
    }

    fn count_leaf(&mut self, start: usize) -> Result<(), Fault> {
        self.leaves += 1;
        if self.leaves > self.policy.max_leaves {
            return Err(fault(TooManyLeaves(self.policy.max_leaves), start));
        }
        Ok(())
    }

    /// `SP PR / SP op SP value`, after the path
    fn expression(&mut self) -> Result<Expression, Fault> {
        if !self.skip_space() {
            return self.fail(ExpectedOperator);
        }
        let word = self.word();
        let Some(operator) = operator(word) else { return self.unknown_operator(word) };
        self.at += word.len();
        let Operator::Compare(op) = operator else { return Ok(Expression::Present) };
        if !self.skip_space() {
            match self.peek() {
                // RFC 7644 §3.5.2.2 prints `members[value eq"…"]`.
                Some(b'"') if self.policy.missing_space => {}
                Some(b'"') => return self.fail(MissingSpace),
                _ => return self.fail(ExpectedValue),
            }
        }
        Ok(Expression::Compare(op, self.value()?))
    }

    #[cold]
    fn unknown_operator<T>(&self, word: &str) -> Result<T, Fault> {
        if word.is_empty() {
            return self.fail(ExpectedOperator);
        }
        let mut end = word.len().min(MAX_ECHO);
        while !word.is_char_boundary(end) {
            end -= 1;
        }
        self.fail(UnknownOperator(SmallStr::new(word.get(..end).unwrap_or_default())))
    }

    /// `compValue = false / null / true / number / string`
    fn value(&mut self) -> Result<ValueToken, Fault> {
        let start = self.at;
        let Some(first) = self.peek() else { return self.fail(ExpectedValue) };
        if first == b'"' {
            let (value, end) = lex::string(self.bytes, start)?;
            self.at = end;
            return Ok(value);
        }
        let word = self.word();
        let span = Span { start, end: start + word.len() };
        let value = match first {
            _ if word.is_empty() => return self.fail(ExpectedValue),
            b't' | b'T' if word.eq_ignore_ascii_case("true") => Ok(ValueToken::Bool(true)),
            b'f' | b'F' if word.eq_ignore_ascii_case("false") => Ok(ValueToken::Bool(false)),
            b'n' | b'N' if word.eq_ignore_ascii_case("null") => Ok(ValueToken::Null),
            b'-' | b'0'..=b'9' => match lex::number(self.bytes, start) {
                Ok(end) if end == span.end => Ok(ValueToken::Number(span)),
                Ok(_) => Err(fault(InvalidNumber, start)),
                Err(error) => Err(error),
            },
            b'+' | b'.' => Err(fault(InvalidNumber, start)),
            _ => Err(fault(UnquotedValue, start)),
        };
        match value {
            Ok(value) => {
                self.at = span.end;
                Ok(value)
            }
            Err(error) if self.policy.bare_words => self.bare_word(span).ok_or(error),
            Err(error) => Err(error),
        }
    }

    /// A value without quotation marks, or in single ones.
    fn bare_word(&mut self, word: Span) -> Option<ValueToken> {
        let rest = self.text.get(word.start..)?;
        // RFC 7644 §3.7.1 prints `displayName sw 'Group'`.
        let value = match rest.strip_prefix('\'') {
            Some(quoted) => {
                let start = word.start + 1;
                let end = start + quoted.find('\'')?;
                self.at = end + 1;
                Span { start, end }
            }
            None => {
                self.at = word.end;
                word
            }
        };
        let text = value.of(self.text);
        // Entra ID sends `externalId eq 123-abc`. A connective here is more likely a forgotten value.
        let keyword = ["and", "or", "not"].iter().any(|keyword| text.eq_ignore_ascii_case(keyword));
        let quoted = value.start > word.start;
        if (keyword && !quoted)
            || text.contains(['\\', '"', '\''])
            || text.contains(char::is_control)
        {
            return None;
        }
        Some(ValueToken::Plain(value))
    }

    /// What follows a term: `SP ("and" / "or") SP`.
    fn connective(&mut self, spaced: bool) -> Result<(), Fault> {
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
        self.tree.connect(connective);
        Ok(())
    }

    fn close_parenthesis(&mut self) -> Result<(), Fault> {
        match self.frames.last() {
            Some(Frame { open: Open::Parenthesis | Open::NotParenthesis, .. }) => {
                self.at += 1;
                self.close();
                Ok(())
            }
            _ => self.fail(UnexpectedParenthesis),
        }
    }

    /// Ends what is innermost.
    fn close(&mut self) {
        let Some(frame) = self.frames.pop() else { return };
        self.tree.close(frame.outer);
        if matches!(frame.open, Open::NotParenthesis | Open::BareNot) {
            self.tree.wrap(NodeKind::Not);
        }
    }

    /// `"]"` of a filter, and what Entra ID sends after it.
    fn close_bracket(&mut self) -> Result<(), Fault> {
        match (self.frames.last(), &self.bracket) {
            (Some(Frame { open: Open::Bracket, .. }), _) => {}
            (Some(Frame { offset, .. }), Some(_)) => {
                return Err(fault(UnclosedParenthesis, *offset));
            }
            _ => return self.fail(UnexpectedBracket),
        }
        self.at += 1;
        self.close();
        let Some(path) = self.bracket.take().and_then(|bracket| bracket.path) else {
            return self.fail(UnexpectedBracket);
        };
        // Entra ID sends `emails[type eq "work"].value eq "x"`, which means the same as
        // `emails[type eq "work" and value eq "x"]`.
        if self.peek() == Some(b'.') {
            let name = lex::sub_attr(self.text, self.at + 1)?;
            self.at = name.end;
            if self.peek() == Some(b'[') {
                return self.fail(BracketsAfterSubAttribute);
            }
            let expression = self.expression()?;
            self.count_leaf(name.start)?;
            let name = AttrName::new_unchecked(name.of(self.text));
            let kind = expression.to_kind(name.into(), self.text);
            self.tree.and_leaf(kind);
        }
        self.tree.wrap(NodeKind::ValuePath(path.to_path(self.text)));
        Ok(())
    }

    fn end(&self) -> Result<(), Fault> {
        match (self.frames.last(), &self.bracket) {
            (Some(Frame { open: Open::Bracket, offset, .. }), _) => {
                Err(fault(UnclosedBracket, *offset))
            }
            (Some(Frame { offset, .. }), _) => Err(fault(UnclosedParenthesis, *offset)),
            // Brackets of a filter are a frame.
            (None, Some(bracket)) => Err(fault(UnclosedBracket, bracket.offset)),
            _ => Ok(()),
        }
    }

    fn fail<T>(&self, kind: ParseErrorKind) -> Result<T, Fault> {
        Err(fault(kind, self.at))
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
