//! The parser: one loop over the text, with a stack of its own for what is open.

use alloc::vec::Vec;

use crate::{
    AttrName, AttrPath, CompareOp, CompareValue, Filter, ParseError, PatchPath, SmallStr,
    SyntaxPolicy, class,
    error::ParseErrorKind::{self, *},
    filter::{Node, NodeKind, Operands},
    lex,
    value::Number,
};

/// How much of an unknown operator an error repeats.
const MAX_ECHO: usize = 32;

pub(crate) fn check_len(text: &str, policy: &SyntaxPolicy) -> Result<(), ParseError> {
    // INVARIANT: offsets and node positions fit in u32.
    let limit = policy.max_len.min(u32::MAX as usize);
    if text.len() > limit { Err(ParseError::new(TooLong(limit), limit)) } else { Ok(()) }
}

/// `FILTER`
pub(crate) fn filter(text: &str, policy: &SyntaxPolicy) -> Result<Filter, ParseError> {
    check_len(text, policy)?;
    let mut parser = Parser::new(text, 0, policy);
    parser.run(Until::End)?;
    Ok(Filter::from_nodes(parser.nodes))
}

/// `PATH = attrPath / valuePath [subAttr]`; `attrExp` as well under [`SyntaxPolicy::attr_exp`].
pub(crate) fn patch_path(text: &str, policy: &SyntaxPolicy) -> Result<PatchPath, ParseError> {
    check_len(text, policy)?;
    check_start(text)?;
    let (mut attr, end) = lex::attr_path(text, 0, policy)?;
    match text.as_bytes().get(end) {
        None => return Ok(attr.into()),
        Some(b'[') => {}
        // Erratum 7122: a bare expression selects elements.
        Some(&byte) if policy.attr_exp && class::space(byte) => {
            let element = attr.sub_attr.take().unwrap_or(VALUE);
            let mut parser = Parser::new(text, end, policy);
            let node = parser.operator_and_value(element.into())?;
            return match text.as_bytes().get(parser.at) {
                None => {
                    let filter = Filter::from_nodes([Node::new(node)].into());
                    Ok(PatchPath { attr, filter: Some(filter), sub_attr: None })
                }
                Some(_) => parser.fail(TrailingText),
            };
        }
        Some(_) => return Err(not_a_path(text, end)),
    }
    let attr = before_brackets(attr, end, policy)?;
    if policy.max_depth == 0 {
        return Err(ParseError::new(TooDeep(0), end));
    }
    let mut parser = Parser::new(text, end + 1, policy);
    parser.bracket = Some(end);
    parser.run(Until::Bracket).map_err(|error| match error.kind() {
        UnclosedBracket | TooLong(_) => error,
        _ => error.inside_brackets(),
    })?;
    let filter = Some(Filter::from_nodes(parser.nodes));
    let end = parser.at;
    let tail = text.get(end..).unwrap_or_default();
    let sub_attr = match tail.strip_prefix('.') {
        None if tail.is_empty() => None,
        None => return Err(ParseError::new(TrailingPath, end)),
        Some(name) => Some(AttrName::new(name).map_err(|error| {
            let at = error.offset();
            match name.as_bytes().get(at) {
                Some(b'.') if at > 0 => ParseError::new(SubAttributeTooDeep, end + 1 + at),
                _ => error.at(end + 1),
            }
        })?),
    };
    Ok(PatchPath { attr, filter, sub_attr })
}

const VALUE: AttrName = AttrName::from_static("value");

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

/// The terms so far of an `and` or `or`: positions of the first and the last, and how many.
#[derive(Clone, Copy, Default)]
struct Chain {
    first: u32,
    last: u32,
    count: u32,
}

/// A finished term. Chains are not nodes yet: they may still become part of a longer chain.
#[derive(Clone, Copy)]
enum Term {
    Node(u32),
    And(Chain),
    Or(Chain),
}

/// The unfinished chains of one level: `or.terms OR and.terms AND …`.
#[derive(Clone, Copy, Default)]
struct Level {
    or: Chain,
    and: Chain,
}

/// An outer level, kept while an inner one is read.
struct Frame {
    outer: Level,
    open: Open,
    /// Where it was opened, for the error if it is never closed.
    offset: usize,
}

struct Parser<'a> {
    text: &'a str,
    bytes: &'a [u8],
    at: usize,
    policy: &'a SyntaxPolicy,
    nodes: Vec<Node>,
    leaves: usize,
    level: Level,
    frames: Vec<Frame>,
    /// Where the `[` is, while inside brackets.
    bracket: Option<usize>,
    /// The path before that `[`.
    bracket_path: Option<AttrPath>,
}

impl<'a> Parser<'a> {
    fn new(text: &'a str, at: usize, policy: &'a SyntaxPolicy) -> Self {
        Self {
            text,
            bytes: text.as_bytes(),
            at,
            policy,
            nodes: Vec::new(),
            leaves: 0,
            level: Level::default(),
            frames: Vec::new(),
            bracket: None,
            bracket_path: None,
        }
    }

    fn fail<T>(&self, kind: ParseErrorKind) -> Result<T, ParseError> {
        Err(ParseError::new(kind, self.at))
    }

    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    fn skip_space(&mut self) -> bool {
        let start = self.at;
        while self.peek().is_some_and(class::space) {
            self.at += 1;
        }
        self.at > start
    }

    /// The word at the current place: all up to white space, a parenthesis, a bracket or a quotation mark.
    fn word(&self) -> &'a str {
        let end = lex::run(self.bytes, self.at, |byte| !class::delimiter(byte));
        self.text.get(self.at..end).unwrap_or_default()
    }

    /// `filter = or; or = and *(OR and); and = term *(AND term)`
    fn run(&mut self, until: Until) -> Result<(), ParseError> {
        loop {
            // Opening brackets and `not` come before a term …
            while self.open()? {}
            let mut term = self.expression()?;
            let mut glued = true;
            // … and closing brackets, `and` and `or` after it.
            loop {
                while let Some(Frame { open: Open::BareNot, .. }) = self.frames.last() {
                    term = self.close(term);
                }
                let spaced = self.skip_space();
                match self.peek() {
                    None => return self.end(term, until),
                    Some(b')') => {
                        term = self.close_parenthesis(term)?;
                        glued = false;
                    }
                    Some(b']') if until == Until::Bracket && self.no_frame() => {
                        self.at += 1;
                        self.finish(term);
                        return Ok(());
                    }
                    Some(b']') => {
                        term = self.close_bracket(term)?;
                        glued = true;
                    }
                    Some(_) => {
                        self.and_or(term, spaced || !glued)?;
                        break;
                    }
                }
            }
        }
    }

    fn no_frame(&self) -> bool {
        self.frames.is_empty()
    }

    /// `[NOT] "("`, and the `attrPath "["` before a value filter. Answers whether there was one.
    fn open(&mut self) -> Result<bool, ParseError> {
        self.skip_space();
        let start = self.at;
        match self.peek() {
            Some(b'(') => {
                self.at += 1;
                self.push(Open::Parenthesis, start)?;
                Ok(true)
            }
            // An attribute may be called `not`: only what follows tells.
            Some(b'n' | b'N') if self.word().eq_ignore_ascii_case("not") => {
                let end = start + 3;
                let next = lex::run(self.bytes, end, class::space);
                let open = match self.bytes.get(next) {
                    Some(b'(') => {
                        self.at = next + 1;
                        Open::NotParenthesis
                    }
                    Some(_) if self.policy.bare_not && next > end => {
                        self.at = next;
                        let operator = operator(self.word()).is_some();
                        self.at = start;
                        if operator {
                            return Ok(false);
                        }
                        self.at = next;
                        Open::BareNot
                    }
                    _ => return Ok(false),
                };
                self.push(open, start)?;
                Ok(true)
            }
            _ => Ok(false),
        }
    }

    fn push(&mut self, open: Open, offset: usize) -> Result<(), ParseError> {
        let brackets =
            self.frames.len() + usize::from(self.bracket.is_some() && self.bracket_path.is_none());
        if brackets >= self.policy.max_depth {
            return Err(ParseError::new(TooDeep(self.policy.max_depth), offset));
        }
        self.frames.push(Frame { outer: core::mem::take(&mut self.level), open, offset });
        Ok(())
    }

    /// `valuePath = attrPath "[" valFilter "]"` up to the bracket, or `attrExp = attrPath PR / attrPath op value`
    fn expression(&mut self) -> Result<Term, ParseError> {
        loop {
            let start = self.at;
            match self.peek() {
                None if self.no_frame() && self.bracket.is_none() && self.nodes.is_empty() => {
                    return Err(ParseError::new(Empty, 0));
                }
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
            self.bracket = Some(end);
            self.bracket_path = Some(path);
            self.at += 1;
            while self.open()? {}
        }
    }

    /// `SP PR / SP op SP value`
    fn operator_and_value(&mut self, path: AttrPath) -> Result<NodeKind, ParseError> {
        if !self.skip_space() {
            return self.fail(ExpectedOperator);
        }
        let word = self.word();
        if word.is_empty() {
            return self.fail(ExpectedOperator);
        }
        let Some(operator) = operator(word) else {
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
        if word.is_empty() {
            return self.fail(ExpectedValue);
        }
        let value = match first {
            b't' | b'T' if word.eq_ignore_ascii_case("true") => Ok(CompareValue::Bool(true)),
            b'f' | b'F' if word.eq_ignore_ascii_case("false") => Ok(CompareValue::Bool(false)),
            b'n' | b'N' if word.eq_ignore_ascii_case("null") => Ok(CompareValue::Null),
            b'-' | b'0'..=b'9' => match lex::number(self.bytes, start) {
                Ok(end) if end == start + word.len() => {
                    Ok(CompareValue::Number(Number::new_unchecked(word)))
                }
                Ok(_) => Err(ParseError::new(InvalidNumber, start)),
                Err(error) => Err(error),
            },
            b'+' | b'.' => Err(ParseError::new(InvalidNumber, start)),
            _ => Err(ParseError::new(UnquotedValue, start)),
        };
        let Err(error) = value else {
            self.at += word.len();
            return value;
        };
        if !self.policy.bare_words {
            return Err(error);
        }
        self.bare_word(word).ok_or(error)
    }

    /// A value without quotation marks, or in single ones.
    fn bare_word(&mut self, word: &str) -> Option<CompareValue> {
        if let Some(quoted) = self.text.get(self.at..)?.strip_prefix('\'') {
            let (value, _) = quoted.split_once('\'')?;
            if value.contains(['\\', '"']) || value.contains(char::is_control) {
                return None;
            }
            self.at += value.len() + 2;
            return Some(value.into());
        }
        // Entra ID sends `externalId eq 123-abc`. A connective here is more likely a forgotten value.
        let keyword = ["and", "or", "not"].iter().any(|keyword| word.eq_ignore_ascii_case(keyword));
        if keyword || word.contains(['\\', '\'']) || word.contains(char::is_control) {
            return None;
        }
        self.at += word.len();
        Some(word.into())
    }

    /// Adds an expression that began at `start`.
    fn leaf(&mut self, kind: NodeKind, start: usize) -> Result<Term, ParseError> {
        self.leaves += 1;
        if self.leaves > self.policy.max_leaves {
            return Err(ParseError::new(TooManyLeaves(self.policy.max_leaves), start));
        }
        Ok(Term::Node(self.add(kind)))
    }

    /// What follows a term: `SP ("and" / "or") SP`.
    fn and_or(&mut self, term: Term, spaced: bool) -> Result<(), ParseError> {
        let word = self.word();
        let and = word.eq_ignore_ascii_case("and");
        if !and && !word.eq_ignore_ascii_case("or") {
            return self.fail(TrailingText);
        }
        if !spaced {
            return self.fail(MissingSpace);
        }
        self.at += word.len();
        if and {
            let mut chain = self.level.and;
            self.append(&mut chain, term, Connective::And);
            self.level.and = chain;
        } else {
            let term = self.end_and(term);
            let mut chain = self.level.or;
            self.append(&mut chain, term, Connective::Or);
            self.level = Level { or: chain, and: Chain::default() };
        }
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

    fn close_bracket(&mut self, term: Term) -> Result<Term, ParseError> {
        match self.frames.last() {
            Some(Frame { open: Open::Bracket, .. }) => {}
            Some(Frame { open: Open::Parenthesis | Open::NotParenthesis, offset, .. })
                if self.bracket.is_some() =>
            {
                return Err(ParseError::new(UnclosedParenthesis, *offset));
            }
            _ => return self.fail(UnexpectedBracket),
        }
        self.at += 1;
        let mut inner = self.end_level(term);
        // Entra ID sends `emails[type eq "work"].value eq "x"`, which means the same as
        // `emails[type eq "work" and value eq "x"]`.
        if self.peek() == Some(b'.') {
            let start = self.at + 1;
            let end = lex::run(self.bytes, start, |byte| !class::delimiter(byte));
            let name = self.text.get(start..end).unwrap_or_default();
            let name = AttrName::new(name).map_err(|error| {
                let at = error.offset();
                match name.as_bytes().get(at) {
                    Some(b'.') if at > 0 => ParseError::new(SubAttributeTooDeep, start + at),
                    _ => error.at(start),
                }
            })?;
            self.at = end;
            if self.peek() == Some(b'[') {
                return self.fail(BracketsAfterSubAttribute);
            }
            let mut chain = Chain::default();
            self.append(&mut chain, inner, Connective::And);
            let kind = self.operator_and_value(name.into())?;
            let term = self.leaf(kind, start)?;
            self.append(&mut chain, term, Connective::And);
            inner = Term::And(chain);
        }
        self.materialize(inner);
        let path = self.bracket_path.take();
        self.bracket = None;
        if let Some(frame) = self.frames.pop() {
            self.level = frame.outer;
        }
        match path {
            Some(path) => Ok(Term::Node(self.add(NodeKind::ValuePath(path)))),
            None => self.fail(UnexpectedBracket),
        }
    }

    /// Ends the innermost parenthesis or bare `not`.
    fn close(&mut self, term: Term) -> Term {
        let term = self.end_level(term);
        let Some(frame) = self.frames.pop() else { return term };
        self.level = frame.outer;
        match frame.open {
            Open::Parenthesis | Open::Bracket => term,
            Open::NotParenthesis | Open::BareNot => {
                self.materialize(term);
                Term::Node(self.add(NodeKind::Not))
            }
        }
    }

    fn end(&mut self, term: Term, until: Until) -> Result<(), ParseError> {
        if let Some(frame) = self.frames.last() {
            let kind =
                if frame.open == Open::Bracket { UnclosedBracket } else { UnclosedParenthesis };
            return Err(ParseError::new(kind, frame.offset));
        }
        if let (Until::Bracket, Some(offset)) = (until, self.bracket) {
            return Err(ParseError::new(UnclosedBracket, offset));
        }
        self.finish(term);
        Ok(())
    }

    fn finish(&mut self, term: Term) {
        let term = self.end_level(term);
        self.materialize(term);
    }

    /// The whole level as one term.
    fn end_level(&mut self, term: Term) -> Term {
        let term = self.end_and(term);
        let mut or = self.level.or;
        if or.count == 0 {
            return term;
        }
        self.append(&mut or, term, Connective::Or);
        Term::Or(or)
    }

    /// The `and` chain of the level, with `term` as its last, as one term.
    fn end_and(&mut self, term: Term) -> Term {
        let mut and = self.level.and;
        if and.count == 0 {
            return term;
        }
        self.append(&mut and, term, Connective::And);
        Term::And(and)
    }

    /// Adds a term to a chain. A chain of the same kind is taken in, so that `a and (b and c)` is flat.
    fn append(&mut self, chain: &mut Chain, term: Term, connective: Connective) {
        let added = match (connective, term) {
            (Connective::And, Term::And(inner)) | (Connective::Or, Term::Or(inner)) => inner,
            _ => {
                let node = self.materialize(term);
                Chain { first: node, last: node, count: 1 }
            }
        };
        if chain.count == 0 {
            *chain = added;
            return;
        }
        if let Some(last) = self.nodes.get_mut(chain.last as usize) {
            last.next = added.first - chain.last;
        }
        chain.last = added.last;
        chain.count += added.count;
    }

    /// Makes a chain a node. INVARIANT: the term is the last thing added, so its operator comes right after it.
    fn materialize(&mut self, term: Term) -> u32 {
        let here = self.next_position();
        let operands = |chain: Chain| Operands { first: here - chain.first, count: chain.count };
        match term {
            Term::Node(node) => node,
            Term::And(chain) => self.add(NodeKind::And(operands(chain))),
            Term::Or(chain) => self.add(NodeKind::Or(operands(chain))),
        }
    }

    fn next_position(&self) -> u32 {
        // INVARIANT: every node takes at least one byte of a text below 4 GiB.
        u32::try_from(self.nodes.len()).unwrap_or(u32::MAX)
    }

    fn add(&mut self, kind: NodeKind) -> u32 {
        let here = self.next_position();
        self.nodes.push(Node::new(kind));
        here
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Connective {
    And,
    Or,
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
