//! The JSON grammar (RFC 8259) over the bytes of a body.
//!
//! `serde_json` without its `float_roundtrip` feature reads one in ten long decimals as a
//! neighbour of what was written, and hides that a number had more digits than it keeps. Here a
//! number is kept exactly or refused. Everything else is as in any JSON reader: it hands the
//! tokens to a visitor, and copies no text that has no escapes.

use std::borrow::Cow;
use std::fmt;

use scim2_syntax::Number;
use serde::de::value::BorrowedStrDeserializer;
use serde::de::{
    self, DeserializeSeed, Deserializer, IntoDeserializer, MapAccess, SeqAccess, Visitor,
};
use serde::forward_to_deserialize_any;

/// Reads one JSON value after the other from a text.
pub(super) struct Parser<'de> {
    text: &'de str,
    at: usize,
}

/// What a number must be.
pub(crate) const EXACT: &str = "a number of at most 17 digits within the range of a double";

/// Why a text is not JSON, or not what its visitor wants.
#[derive(Debug)]
pub(super) struct Failure(String);

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Failure {}

impl de::Error for Failure {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self(message.to_string())
    }
}

fn expected<T>(what: &str) -> Result<T, Failure> {
    Err(Failure(format!("expected {what}")))
}

impl<'de> Parser<'de> {
    pub(super) fn new(text: &'de str) -> Self {
        Self { text, at: 0 }
    }

    /// How many bytes are read.
    pub(super) fn offset(&self) -> usize {
        self.at
    }

    /// Checks that only white space is left.
    pub(super) fn end(&mut self) -> Result<(), Failure> {
        match self.peek() {
            None => Ok(()),
            Some(_) => expected("the end of the body"),
        }
    }

    /// The next byte that is not white space.
    #[inline]
    fn peek(&mut self) -> Option<u8> {
        match self.text.as_bytes().get(self.at) {
            Some(b' ' | b'\n' | b'\r' | b'\t') => self.skip_white_space(),
            byte => byte.copied(),
        }
    }

    fn skip_white_space(&mut self) -> Option<u8> {
        const INDENT: &[u8; 4] = b"    ";
        loop {
            while self.text.as_bytes().get(self.at..).and_then(<[u8]>::first_chunk) == Some(INDENT)
            {
                self.at += INDENT.len();
            }
            match self.text.as_bytes().get(self.at) {
                Some(b' ' | b'\n' | b'\r' | b'\t') => self.at += 1,
                byte => return byte.copied(),
            }
        }
    }

    fn word(&mut self, word: &str) -> Result<(), Failure> {
        let rest = self.text.as_bytes().get(self.at..).unwrap_or_default();
        if !rest.starts_with(word.as_bytes()) {
            return expected("a JSON value");
        }
        self.at += word.len();
        Ok(())
    }

    /// A string, from its opening quote on.
    #[inline]
    fn string(&mut self) -> Result<Cow<'de, str>, Failure> {
        let start = self.at + 1;
        let end = plain_end(self.text.as_bytes(), start);
        self.at = end + 1;
        match (self.text.as_bytes().get(end), self.text.get(start..end)) {
            (Some(b'"'), Some(text)) => Ok(Cow::Borrowed(text)),
            _ => self.escaped_string(start).map(Cow::Owned),
        }
    }

    /// A string with escapes, or what is none, from behind its opening quote on.
    fn escaped_string(&mut self, start: usize) -> Result<String, Failure> {
        self.at = start;
        let mut unescaped = String::new();
        loop {
            let piece = self.at;
            self.at = plain_end(self.text.as_bytes(), piece);
            match self.text.as_bytes().get(self.at) {
                Some(b'"') => {
                    unescaped.push_str(self.text.get(piece..self.at).unwrap_or_default());
                    self.at += 1;
                    return Ok(unescaped);
                }
                Some(b'\\') => {
                    unescaped.push_str(self.text.get(piece..self.at).unwrap_or_default());
                    self.at += 1;
                    unescaped.push(self.escape()?);
                }
                Some(_) => return expected("no control character inside a string"),
                None => return expected("the end of a string"),
            }
        }
    }

    /// An escape, after its backslash.
    fn escape(&mut self) -> Result<char, Failure> {
        let byte = self.text.as_bytes().get(self.at);
        self.at += 1;
        Ok(match byte {
            Some(b'"') => '"',
            Some(b'\\') => '\\',
            Some(b'/') => '/',
            Some(b'b') => '\u{8}',
            Some(b'f') => '\u{c}',
            Some(b'n') => '\n',
            Some(b'r') => '\r',
            Some(b't') => '\t',
            Some(b'u') => return self.code_point(),
            _ => return expected("a JSON escape"),
        })
    }

    /// A character in one escape of four hexadecimal digits, or two, after the first `\u`.
    fn code_point(&mut self) -> Result<char, Failure> {
        let first = self.hex()?;
        let code = if (0xD800..0xDC00).contains(&first) {
            let rest = self.text.as_bytes().get(self.at..).unwrap_or_default();
            if !rest.starts_with(br"\u") {
                return expected("the second half of a surrogate pair");
            }
            self.at += 2;
            let second = self.hex()?;
            if !(0xDC00..0xE000).contains(&second) {
                return expected("the second half of a surrogate pair");
            }
            0x1_0000 + ((first - 0xD800) << 10) + (second - 0xDC00)
        } else {
            first
        };
        // Only the second half of a pair, alone, is left to fail.
        char::from_u32(code)
            .map_or_else(|| expected("the first half of a surrogate pair before the second"), Ok)
    }

    fn hex(&mut self) -> Result<u32, Failure> {
        let digits = self.text.get(self.at..self.at + 4).unwrap_or_default();
        self.at += 4;
        match u32::from_str_radix(digits, 16) {
            Ok(number) if !digits.starts_with('+') => Ok(number),
            _ => expected("four hexadecimal digits"),
        }
    }

    fn number<V: Visitor<'de>>(&mut self, visitor: V) -> Result<V::Value, Failure> {
        let rest = self.text.get(self.at..).unwrap_or_default();
        let is_part = |byte| matches!(byte, b'0'..=b'9' | b'-' | b'+' | b'.' | b'e' | b'E');
        let end = rest.bytes().position(|byte| !is_part(byte)).unwrap_or(rest.len());
        let text = rest.get(..end).unwrap_or_default();
        let (negative, digits) = match text.strip_prefix('-') {
            Some(digits) => (true, digits),
            None => (false, text),
        };
        let whole = digits.bytes().all(|byte| byte.is_ascii_digit())
            && (digits.len() == 1 || !digits.starts_with('0'));
        self.at += end;
        if whole
            && !negative
            && let Ok(number) = text.parse()
        {
            return visitor.visit_u64(number);
        }
        if whole
            && negative
            && let Ok(number) = text.parse()
        {
            return visitor.visit_i64(number);
        }
        let (Ok(exact), Ok(double)) = (text.parse::<Number>(), text.parse::<f64>()) else {
            return expected("a number");
        };
        // 0.1 is kept, though no double is equal to it: it is printed as 0.1 again. What counts is
        // what serde_json prints: of two decimals that are as short, `Display` may choose the other.
        let printed = serde_json::Number::from_f64(double).map(|kept| kept.to_string());
        if printed.is_some_and(|printed| printed.parse() == Ok(exact)) {
            visitor.visit_f64(double)
        } else {
            // To a visitor that knows what the number is for, so that it can say what is wrong.
            visitor.visit_bytes(text.as_bytes()).or_else(|_: Failure| expected(EXACT))
        }
    }
}

/// Where the plain text of a string stops: at a quote, a backslash or a control character.
fn plain_end(bytes: &[u8], mut at: usize) -> usize {
    const ONES: u64 = u64::MAX / 255;
    const HIGH: u64 = ONES << 7;
    // Sets the high bit of the lowest byte that is less than `limit`, and maybe of ones above it.
    let less_than = |word: u64, limit: u64| word.wrapping_sub(ONES * limit) & !word & HIGH;
    while let Some(chunk) = bytes.get(at..).and_then(<[u8]>::first_chunk) {
        let word = u64::from_le_bytes(*chunk);
        let stops = less_than(word, 0x20)
            | less_than(word ^ (ONES * u64::from(b'"')), 1)
            | less_than(word ^ (ONES * u64::from(b'\\')), 1);
        if stops != 0 {
            return at + (stops.trailing_zeros() / 8) as usize;
        }
        at += chunk.len();
    }
    let rest = bytes.get(at..).unwrap_or_default();
    let stop = rest.iter().position(|byte| matches!(byte, b'"' | b'\\' | 0..0x20));
    at + stop.unwrap_or(rest.len())
}

impl<'de> Deserializer<'de> for &mut Parser<'de> {
    type Error = Failure;

    // Recursion is bounded by the visitors of this crate: each checks its depth.
    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failure> {
        match self.peek() {
            Some(b'"') => match self.string()? {
                Cow::Borrowed(text) => visitor.visit_borrowed_str(text),
                Cow::Owned(text) => visitor.visit_string(text),
            },
            Some(b'{') => {
                self.at += 1;
                visitor.visit_map(Members::new(self))
            }
            Some(b'[') => {
                self.at += 1;
                visitor.visit_seq(Members::new(self))
            }
            Some(b't') => {
                self.word("true")?;
                visitor.visit_bool(true)
            }
            Some(b'f') => {
                self.word("false")?;
                visitor.visit_bool(false)
            }
            Some(b'n') => {
                self.word("null")?;
                visitor.visit_unit()
            }
            Some(b'-' | b'0'..=b'9') => self.number(visitor),
            _ => expected("a JSON value"),
        }
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option
        unit unit_struct newtype_struct seq tuple tuple_struct map struct enum identifier
        ignored_any
    }
}

/// What stands between brackets. Its visitors read to the end or fail.
struct Members<'p, 'de> {
    parser: &'p mut Parser<'de>,
    place: Place,
}

#[derive(Clone, Copy, PartialEq)]
enum Place {
    Start,
    Inside,
    End,
}

impl<'p, 'de> Members<'p, 'de> {
    fn new(parser: &'p mut Parser<'de>) -> Self {
        Self { parser, place: Place::Start }
    }

    /// Goes to the next member; false after the last.
    #[inline]
    fn advance(&mut self, close: u8) -> Result<bool, Failure> {
        match (self.place, self.parser.peek()) {
            (Place::End, _) => return Ok(false),
            (_, Some(byte)) if byte == close => {
                self.parser.at += 1;
                self.place = Place::End;
                return Ok(false);
            }
            (Place::Inside, Some(b',')) => self.parser.at += 1,
            (Place::Start, Some(_)) => self.place = Place::Inside,
            _ if close == b'}' => return expected("`,` or `}`"),
            _ => return expected("`,` or `]`"),
        }
        Ok(true)
    }
}

impl<'de> MapAccess<'de> for Members<'_, 'de> {
    type Error = Failure;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, Failure> {
        if !self.advance(b'}')? {
            return Ok(None);
        }
        if self.parser.peek() != Some(b'"') {
            return expected("a name in double quotes");
        }
        match self.parser.string()? {
            Cow::Borrowed(name) => seed.deserialize(BorrowedStrDeserializer::new(name)).map(Some),
            Cow::Owned(name) => seed.deserialize(name.into_deserializer()).map(Some),
        }
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Failure> {
        if self.parser.peek() != Some(b':') {
            return expected("`:`");
        }
        self.parser.at += 1;
        seed.deserialize(&mut *self.parser)
    }
}

impl<'de> SeqAccess<'de> for Members<'_, 'de> {
    type Error = Failure;

    fn next_element_seed<T: DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, Failure> {
        if self.advance(b']')? { seed.deserialize(&mut *self.parser).map(Some) } else { Ok(None) }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde::Deserialize as _;
    use serde_json::Value;

    use super::*;

    fn parse(text: &str) -> Result<Value, Failure> {
        let mut parser = Parser::new(text);
        let value = Value::deserialize(&mut parser)?;
        parser.end().map(|()| value)
    }

    fn agrees(text: &str) {
        let theirs = serde_json::from_str::<Value>(text);
        match (parse(text), theirs) {
            (Ok(ours), Ok(theirs)) => assert_eq!(ours, theirs, "{text}"),
            (Err(_), Err(_)) => {}
            (ours, theirs) => panic!("{text:?}: {ours:?} against {theirs:?}"),
        }
    }

    #[test]
    fn agrees_with_serde_json_on_corners() {
        for text in [
            "{}",
            "[]",
            " [ ] ",
            "[1,]",
            "[,1]",
            "{\"a\":1,}",
            "{,}",
            "{\"a\" 1}",
            "{\"a\":}",
            "{a:1}",
            "{\"a\":1 \"b\":2}",
            "[1 2]",
            "[",
            "{",
            "\"",
            "\"\\",
            "\"\\u12",
            "\"\\x\"",
            "\"a\tb\"",
            "\"\\ud834\\udd1e\"",
            "\"\\ud834\"",
            "\"\\ud834\\u0041\"",
            "\"\\udd1e\"",
            "\"\\u+123\"",
            "\"\\u0000\"",
            "01",
            "-01",
            "-",
            "+1",
            "1.",
            ".5",
            "1e",
            "1e+",
            "1e5",
            "1E-2",
            "1.5e3",
            "18446744073709551615",
            "-9223372036854775808",
            "9223372036854775808",
            "0",
            "5",
            "-5",
            "1e400",
            "nul",
            "nulll",
            "true",
            "tru",
            "false",
            "null",
            "None",
            "NaN",
            "1 1",
            "",
            "\u{a0}1",
            "\"\u{e9}\u{1F600}\"",
            "'a'",
            "{\"\\u0061\":1}",
            "[[[[]]]]",
            "1-1",
            "1.2.3",
            "\"12345678\"",
            "\"1234567\\n9\"",
            "\"123456789\\\"\"",
        ] {
            agrees(text);
        }
    }

    #[test]
    fn w17_decimals_are_kept_exactly_or_refused() {
        for text in ["0.1", "0.30000000000000004", "5e-324", "1.7976931348623157e308", "100.5e-2"] {
            let value = parse(text).unwrap();
            let printed = value.to_string().parse::<Number>().unwrap();
            assert_eq!(printed, text.parse::<Number>().unwrap(), "{text}");
        }
        for text in ["0.1234567890123456789", "18446744073709551617", "1e-400", "1e400"] {
            assert!(parse(text).is_err(), "{text}");
        }
        // Both are as short as can be and read as one double: the one that is printed is kept.
        let printed = serde_json::to_string(&1_776_189_839_236_953.3).unwrap();
        for text in ["1776189839236953.2", "1776189839236953.3"] {
            assert_eq!(parse(text).is_ok(), text == printed, "{text}");
        }
    }

    proptest! {
        #[test]
        fn agrees_with_serde_json_on_json(value in arbitrary_value()) {
            let compact = value.to_string();
            prop_assert_eq!(parse(&compact).unwrap(), value.clone());
            let pretty = serde_json::to_string_pretty(&value).unwrap();
            prop_assert_eq!(parse(&pretty).unwrap(), value);
        }

        #[test]
        fn agrees_with_serde_json_on_near_json(
            text in r#"([\[\]{},:" 01-]|\\u00e9|\\n|"a"|true|null|1\.5|\\|é){0,24}"#,
        ) {
            // serde_json makes a double of `-0`, which is a whole number.
            prop_assume!(!text.contains("-0"));
            agrees(&text);
        }
    }

    fn arbitrary_value() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<u64>().prop_map(Value::from),
            any::<f64>().prop_map(Value::from),
            any::<String>().prop_map(Value::from),
        ];
        leaf.prop_recursive(4, 32, 6, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
                prop::collection::btree_map(any::<String>(), inner, 0..6)
                    .prop_map(|map| Value::Object(map.into_iter().collect())),
            ]
        })
    }
}
