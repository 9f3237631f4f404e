//! The tokens that carry a value: numbers, strings and attribute paths.
//!
//! Each function starts at a byte offset and answers where the token's parts are. They become owned strings only where
//! the node is made, for strings are dear to move about.

use alloc::{boxed::Box, string::String};

use crate::{
    AttrName, AttrPath, CompareValue, Number, ParseError, SchemaUri, SmallStr, SyntaxPolicy, class,
    error::ParseErrorKind::{self, *},
    name, uri,
};

/// An error on its way out; boxed, so that results without one stay small.
pub(crate) type Fault = Box<ParseError>;

#[cold]
pub(crate) fn fault(kind: ParseErrorKind, offset: usize) -> Fault {
    Box::new(ParseError::new(kind, offset))
}

/// Bytes `start..end` of the text.
#[derive(Clone, Copy)]
pub(crate) struct Span {
    pub(crate) start: usize,
    pub(crate) end: usize,
}

impl Span {
    #[inline]
    pub(crate) fn of(self, text: &str) -> &str {
        // INVARIANT: spans begin and end at ASCII characters.
        text.get(self.start..self.end).unwrap_or_default()
    }
}

/// The end of the run of bytes from `at` for which `class` holds.
#[inline]
pub(crate) fn run(bytes: &[u8], at: usize, class: impl Fn(u8) -> bool) -> usize {
    let mut at = at;
    while bytes.get(at).is_some_and(|&byte| class(byte)) {
        at += 1;
    }
    at
}

/// Where the parts of an attribute path are.
#[derive(Clone, Copy)]
pub(crate) struct PathToken {
    start: usize,
    /// `start`, or behind the colon that ends the schema.
    name: usize,
    name_end: usize,
    /// `name_end`, or the end of the sub-attribute behind the dot.
    end: usize,
}

impl PathToken {
    #[inline]
    fn new(name: Span, sub_attr: Option<Span>) -> Self {
        let end = sub_attr.map_or(name.end, |sub_attr| sub_attr.end);
        Self { start: name.start, name: name.start, name_end: name.end, end }
    }

    #[inline]
    pub(crate) fn end(&self) -> usize {
        self.end
    }

    #[inline]
    pub(crate) fn has_sub_attr(&self) -> bool {
        self.end > self.name_end
    }

    // Strings are dear to move; inlined, they are made where they stay. So is `to_value`.
    #[inline(always)]
    pub(crate) fn to_path(self, text: &str) -> AttrPath {
        let schema = Span { start: self.start, end: self.name.saturating_sub(1) };
        let name = Span { start: self.name, end: self.name_end };
        let sub_attr = Span { start: self.name_end + 1, end: self.end };
        AttrPath {
            schema: (self.name > self.start).then(|| SchemaUri::new_unchecked(schema.of(text))),
            name: AttrName::new_unchecked(name.of(text)),
            sub_attr: self.has_sub_attr().then(|| AttrName::new_unchecked(sub_attr.of(text))),
        }
    }

    /// The dot between name and sub-attribute read as the end of the schema; see [`SyntaxPolicy::dot_after_urn`].
    pub(crate) fn dotted(self) -> Option<Self> {
        (self.name > self.start && self.has_sub_attr()).then_some(Self {
            start: self.start,
            name: self.name_end + 1,
            name_end: self.end,
            end: self.end,
        })
    }
}

/// `attrPath = [URI ":"] ATTRNAME *1subAttr`, `subAttr = "." ATTRNAME` (RFC 7644 §3.4.2.2, Figure 1)
#[inline]
pub(crate) fn attr_path(
    text: &str,
    start: usize,
    policy: &SyntaxPolicy,
) -> Result<PathToken, Fault> {
    let bytes = text.as_bytes();
    if !bytes.get(start).is_some_and(|&byte| class::name_start(byte)) {
        return rare_path(text, start, start, policy);
    }
    // Most paths are one name, or two.
    let name_end = run(bytes, start + 1, class::name);
    let mut end = name_end;
    if bytes.get(end) == Some(&b'.')
        && bytes.get(end + 1).is_some_and(|&byte| class::name_start(byte))
    {
        end = run(bytes, end + 2, class::name);
    }
    match bytes.get(end) {
        Some(&byte) if !class::delimiter(byte) => rare_path(text, start, end, policy),
        _ => Ok(PathToken { start, name: start, name_end, end }),
    }
}

/// A path with a URI, or with a fault. It reaches at least to `seen`.
#[inline(never)]
fn rare_path(
    text: &str,
    start: usize,
    seen: usize,
    policy: &SyntaxPolicy,
) -> Result<PathToken, Fault> {
    let bytes = text.as_bytes();
    let end = run(bytes, seen, |byte| !class::delimiter(byte));
    let token = Span { start, end };
    // The last colon ends the URI; dots are looked for only after it, because URIs have dots of their own ("2.0").
    let Some(colon) = token.of(text).rfind(':').map(|colon| start + colon) else {
        let (name, sub_attr) = names(text, token)?;
        return Ok(PathToken::new(name, sub_attr));
    };
    let schema = Span { start, end: colon };
    if let Some(at) = uri::bad_byte(schema.of(text).as_bytes()) {
        return Err(fault(InvalidSchemaUri, start + at));
    }
    let after = Span { start: colon + 1, end };
    match names(text, after) {
        Ok((name, sub_attr)) => Ok(PathToken { start, ..PathToken::new(name, sub_attr) }),
        // Old jobs of Entra ID send "urn:…:2.0:User.manager.value".
        Err(error) if policy.dot_after_urn && *error.kind() == SubAttributeTooDeep => {
            let dot = run(bytes, after.start, class::name);
            let (name, sub_attr) = names(text, Span { start: dot + 1, end })?;
            Ok(PathToken { start, ..PathToken::new(name, sub_attr) })
        }
        Err(error) => Err(error),
    }
}

/// `ATTRNAME *1subAttr`, all of `span`
fn names(text: &str, span: Span) -> Result<(Span, Option<Span>), Fault> {
    let Some(dot) = span.of(text).find('.').map(|dot| span.start + dot) else {
        return Ok((name(text, span)?, None));
    };
    let first = name(text, Span { start: span.start, end: dot })?;
    let second = last_name(text, Span { start: dot + 1, end: span.end })?;
    Ok((first, Some(second)))
}

/// `ATTRNAME`, all of `span`
fn name(text: &str, span: Span) -> Result<Span, Fault> {
    match name::bad_byte(span.of(text).as_bytes()) {
        None => Ok(span),
        Some(0) if span.start == span.end => Err(fault(ExpectedAttribute, span.start)),
        Some(at) => Err(fault(InvalidName, span.start + at)),
    }
}

/// A name after which no other comes: `value` of `emails.value`.
fn last_name(text: &str, span: Span) -> Result<Span, Fault> {
    name(text, span).map_err(|error| {
        let at = error.offset();
        let deeper = at > span.start && text.as_bytes().get(at) == Some(&b'.');
        if deeper { fault(SubAttributeTooDeep, at) } else { error }
    })
}

/// The sub-attribute at `start`, after `].`.
pub(crate) fn sub_attr(text: &str, start: usize) -> Result<Span, Fault> {
    let end = run(text.as_bytes(), start, |byte| !class::delimiter(byte));
    last_name(text, Span { start, end })
}

/// Where a value is, and what it is.
#[derive(Clone, Copy)]
pub(crate) enum ValueToken {
    Null,
    Bool(bool),
    Number(Span),
    /// What is between the quotation marks, without escapes.
    Plain(Span),
    /// The same, with escapes, which are all legal.
    Escaped(Span),
}

impl ValueToken {
    #[inline(always)]
    pub(crate) fn to_value(self, text: &str) -> CompareValue {
        match self {
            Self::Null => CompareValue::Null,
            Self::Bool(value) => CompareValue::Bool(value),
            Self::Number(span) => CompareValue::Number(Number::new_unchecked(span.of(text))),
            Self::Plain(span) => CompareValue::String(SmallStr::new(span.of(text))),
            Self::Escaped(span) => CompareValue::String(unescape(span.of(text))),
        }
    }
}

/// `number = [ "-" ] ( "0" / digit1-9 *DIGIT ) [ "." 1*DIGIT ] [ "e" [ "+" / "-" ] 1*DIGIT ]` (RFC 8259 §6)
///
/// Answers where it ends.
pub(crate) fn number(bytes: &[u8], start: usize) -> Result<usize, Fault> {
    let digits = |at| run(bytes, at, |byte| byte.is_ascii_digit());
    let is = |at: usize, wanted: &[u8]| bytes.get(at).is_some_and(|byte| wanted.contains(byte));

    let first = if is(start, b"-") { start + 1 } else { start };
    let mut at = digits(first);
    if at == first || (is(first, b"0") && at > first + 1) {
        return Err(fault(InvalidNumber, start));
    }
    if is(at, b".") {
        let end = digits(at + 1);
        if end == at + 1 {
            return Err(fault(InvalidNumber, start));
        }
        at = end;
    }
    if is(at, b"eE") {
        let first = if is(at + 1, b"+-") { at + 2 } else { at + 1 };
        let end = digits(first);
        if end == first {
            return Err(fault(InvalidNumber, start));
        }
        // INVARIANT: nine digits are at most `Number::MAX_EXPONENT`.
        if end - run(bytes, first, |byte| byte == b'0') > 9 {
            return Err(fault(NumberOutOfRange, start));
        }
        at = end;
    }
    Ok(at)
}

/// `string = %x22 *char %x22` (RFC 8259 §7); `quote` is the opening quotation mark. Answers the string, and the place
/// after the closing one.
#[inline]
pub(crate) fn string(bytes: &[u8], quote: usize) -> Result<(ValueToken, usize), Fault> {
    let start = quote + 1;
    let end = run(bytes, start, |byte| !class::string_stop(byte));
    if bytes.get(end) == Some(&b'"') {
        return Ok((ValueToken::Plain(Span { start, end }), end + 1));
    }
    escaped_string(bytes, start, end)
}

/// A string with an escape, or with a fault, at `at`.
fn escaped_string(bytes: &[u8], start: usize, mut at: usize) -> Result<(ValueToken, usize), Fault> {
    loop {
        match bytes.get(at) {
            Some(b'"') => return Ok((ValueToken::Escaped(Span { start, end: at }), at + 1)),
            Some(b'\\') => match escape(bytes, at) {
                Ok((_, end)) => at = end,
                Err(kind) => return Err(fault(kind, at)),
            },
            Some(_) => return Err(fault(ControlCharacter, at)),
            None => return Err(fault(UnterminatedString, start - 1)),
        }
        at = run(bytes, at, |byte| !class::string_stop(byte));
    }
}

/// The string that legal escapes stand for.
fn unescape(text: &str) -> SmallStr {
    let mut value = String::with_capacity(text.len());
    let mut at = 0;
    while let Some(backslash) = text.get(at..).and_then(|rest| rest.find('\\')) {
        value.push_str(text.get(at..at + backslash).unwrap_or_default());
        at += backslash;
        let Ok((c, end)) = escape(text.as_bytes(), at) else { break };
        value.push(c);
        at = end;
    }
    value.push_str(text.get(at..).unwrap_or_default());
    value.into()
}

/// `escape = "\" ( %x22 / "\" / "/" / "b" / "f" / "n" / "r" / "t" / "u" 4HEXDIG )`
fn escape(bytes: &[u8], start: usize) -> Result<(char, usize), ParseErrorKind> {
    let c = match bytes.get(start + 1) {
        Some(&byte @ (b'"' | b'\\' | b'/')) => char::from(byte),
        Some(b'b') => '\u{8}',
        Some(b'f') => '\u{c}',
        Some(b'n') => '\n',
        Some(b'r') => '\r',
        Some(b't') => '\t',
        Some(b'u') => {
            let unit = hex4(bytes, start + 2).ok_or(InvalidEscape)?;
            if let Some(c) = char::from_u32(unit) {
                return Ok((c, start + 6));
            }
            // A surrogate: the first half must come first, and the second half right after it.
            let low = match bytes.get(start + 6..start + 8) {
                Some(b"\\u") => hex4(bytes, start + 8),
                _ => None,
            };
            let pair = match (unit, low) {
                (0xd800..=0xdbff, Some(low @ 0xdc00..=0xdfff)) => {
                    char::from_u32(0x1_0000 + ((unit - 0xd800) << 10) + (low - 0xdc00))
                }
                _ => None,
            };
            return Ok((pair.ok_or(LoneSurrogate)?, start + 12));
        }
        _ => return Err(InvalidEscape),
    };
    Ok((c, start + 2))
}

fn hex4(bytes: &[u8], at: usize) -> Option<u32> {
    let digits = bytes.get(at..at + 4)?;
    digits.iter().try_fold(0, |value, &digit| Some(value << 4 | char::from(digit).to_digit(16)?))
}
