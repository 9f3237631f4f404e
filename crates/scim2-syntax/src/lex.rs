//! The tokens that carry a value: numbers, strings and attribute paths. Each function starts at a byte offset
//! and answers where the token ends.

use alloc::string::String;

use crate::{
    AttrName, AttrPath, ParseError, SchemaUri, SmallStr, SyntaxPolicy, class,
    error::ParseErrorKind::{self, *},
    name, uri,
};

fn fail<T>(kind: ParseErrorKind, offset: usize) -> Result<T, ParseError> {
    Err(ParseError::new(kind, offset))
}

/// The end of the run of bytes from `at` for which `class` holds.
#[inline]
pub(crate) fn run(bytes: &[u8], at: usize, class: impl Fn(u8) -> bool) -> usize {
    let rest = bytes.get(at..).unwrap_or_default();
    at + rest.iter().position(|&byte| !class(byte)).unwrap_or(rest.len())
}

/// `number = [ "-" ] ( "0" / digit1-9 *DIGIT ) [ "." 1*DIGIT ] [ "e" [ "+" / "-" ] 1*DIGIT ]` (RFC 8259 §6)
pub(crate) fn number(bytes: &[u8], start: usize) -> Result<usize, ParseError> {
    let digits = |at| run(bytes, at, |byte| byte.is_ascii_digit());
    let is = |at: usize, wanted: &[u8]| bytes.get(at).is_some_and(|byte| wanted.contains(byte));

    let first = if is(start, b"-") { start + 1 } else { start };
    let mut at = digits(first);
    if at == first || (is(first, b"0") && at > first + 1) {
        return fail(InvalidNumber, start);
    }
    if is(at, b".") {
        let end = digits(at + 1);
        if end == at + 1 {
            return fail(InvalidNumber, start);
        }
        at = end;
    }
    if is(at, b"eE") {
        let first = if is(at + 1, b"+-") { at + 2 } else { at + 1 };
        let end = digits(first);
        if end == first {
            return fail(InvalidNumber, start);
        }
        // INVARIANT: nine digits are at most `Number::MAX_EXPONENT`.
        if end - run(bytes, first, |byte| byte == b'0').min(end) > 9 {
            return fail(NumberOutOfRange, start);
        }
        at = end;
    }
    Ok(at)
}

/// `string = %x22 *char %x22` (RFC 8259 §7); `start` is after the opening quotation mark.
pub(crate) fn string(text: &str, start: usize) -> Result<(SmallStr, usize), ParseError> {
    let bytes = text.as_bytes();
    let mut at = run(bytes, start, |byte| !class::string_stop(byte));
    if bytes.get(at) == Some(&b'"') {
        return Ok((SmallStr::new(text.get(start..at).unwrap_or_default()), at + 1));
    }
    let mut value = String::from(text.get(start..at).unwrap_or_default());
    loop {
        match bytes.get(at) {
            Some(b'"') => return Ok((value.into(), at + 1)),
            Some(b'\\') => {
                let (c, end) = escape(bytes, at)?;
                value.push(c);
                at = end;
            }
            Some(_) => return fail(ControlCharacter, at),
            None => return fail(UnterminatedString, start - 1),
        }
        let end = run(bytes, at, |byte| !class::string_stop(byte));
        value.push_str(text.get(at..end).unwrap_or_default());
        at = end;
    }
}

/// `escape = "\" ( %x22 / "\" / "/" / "b" / "f" / "n" / "r" / "t" / "u" 4HEXDIG )`
fn escape(bytes: &[u8], start: usize) -> Result<(char, usize), ParseError> {
    let c = match bytes.get(start + 1) {
        Some(&byte @ (b'"' | b'\\' | b'/')) => char::from(byte),
        Some(b'b') => '\u{8}',
        Some(b'f') => '\u{c}',
        Some(b'n') => '\n',
        Some(b'r') => '\r',
        Some(b't') => '\t',
        Some(b'u') => {
            let Some(unit) = hex4(bytes, start + 2) else { return fail(InvalidEscape, start) };
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
            return match pair {
                Some(c) => Ok((c, start + 12)),
                None => fail(LoneSurrogate, start),
            };
        }
        _ => return fail(InvalidEscape, start),
    };
    Ok((c, start + 2))
}

fn hex4(bytes: &[u8], at: usize) -> Option<u32> {
    let digits = bytes.get(at..at + 4)?;
    digits.iter().try_fold(0, |value, &digit| Some(value << 4 | char::from(digit).to_digit(16)?))
}

/// The end of the attribute path at `start`: a name and what could be a URI or a sub-attribute around it.
pub(crate) fn attr_path_end(bytes: &[u8], start: usize) -> usize {
    run(bytes, start, |byte| !class::delimiter(byte))
}

/// `attrPath = [URI ":"] ATTRNAME *1subAttr`, `subAttr = "." ATTRNAME` (RFC 7644 §3.4.2.2, Figure 1)
pub(crate) fn attr_path(
    text: &str,
    start: usize,
    policy: &SyntaxPolicy,
) -> Result<(AttrPath, usize), ParseError> {
    let bytes = text.as_bytes();
    let plain = run(bytes, start, class::name);
    match bytes.get(plain) {
        // Most paths are one name.
        None | Some(b' ' | b'[' | b')' | b']')
            if bytes.get(start).is_some_and(|&b| class::name_start(b)) =>
        {
            let name = AttrName::new_unchecked(text.get(start..plain).unwrap_or_default());
            return Ok((AttrPath { schema: None, name, sub_attr: None }, plain));
        }
        _ => {}
    }
    let end = attr_path_end(bytes, plain);
    let token = text.get(start..end).unwrap_or_default();
    match split_path(token, policy) {
        Ok(path) => Ok((path, end)),
        Err(error) => Err(error.at(start)),
    }
}

/// An attribute path that is all of `token`. Offsets of errors count from its beginning.
fn split_path(token: &str, policy: &SyntaxPolicy) -> Result<AttrPath, ParseError> {
    // The last colon ends the URI; dots are looked for only after it, because URIs have dots of their own ("2.0").
    let Some((schema, rest)) = token.rsplit_once(':') else {
        let (name, sub_attr) = split_names(token)?;
        return Ok(AttrPath { schema: None, name, sub_attr });
    };
    if let Some(at) = uri::bad_byte(schema.as_bytes()) {
        return fail(InvalidSchemaUri, at);
    }
    let names_start = schema.len() + 1;
    match split_names(rest) {
        Ok((name, sub_attr)) => {
            Ok(AttrPath { schema: Some(SchemaUri::new_unchecked(schema)), name, sub_attr })
        }
        // Old jobs of Entra ID send "urn:…:2.0:User.manager.value".
        Err(error) if policy.dot_after_urn && *error.kind() == SubAttributeTooDeep => {
            let (tail, names) = rest.split_once('.').unwrap_or_default();
            let dotted = names_start + tail.len();
            let (name, sub_attr) = split_names(names).map_err(|error| error.at(dotted + 1))?;
            let schema = token.get(..dotted).unwrap_or_default();
            Ok(AttrPath { schema: Some(SchemaUri::new_unchecked(schema)), name, sub_attr })
        }
        Err(error) => Err(error.at(names_start)),
    }
}

/// `ATTRNAME *1subAttr`
fn split_names(names: &str) -> Result<(AttrName, Option<AttrName>), ParseError> {
    let Some((name, sub_attr)) = names.split_once('.') else {
        return Ok((AttrName::new(names)?, None));
    };
    let name = AttrName::new(name)?;
    let sub_attr = last_name(sub_attr).map_err(|error| error.at(name.as_str().len() + 1))?;
    Ok((name, Some(sub_attr)))
}

/// A name after which no other comes: `value` of `emails.value`.
fn last_name(name: &str) -> Result<AttrName, ParseError> {
    match name::bad_byte(name.as_bytes()) {
        Some(at) if at > 0 && name.as_bytes().get(at) == Some(&b'.') => {
            fail(SubAttributeTooDeep, at)
        }
        _ => AttrName::new(name),
    }
}

/// The sub-attribute at `start`, after `].`, and where it ends.
pub(crate) fn sub_attr(text: &str, start: usize) -> Result<(AttrName, usize), ParseError> {
    let end = attr_path_end(text.as_bytes(), start);
    match last_name(text.get(start..end).unwrap_or_default()) {
        Ok(name) => Ok((name, end)),
        Err(error) => Err(error.at(start)),
    }
}
