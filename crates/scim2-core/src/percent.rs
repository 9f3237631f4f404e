//! Percent-encoding (RFC 3986 §2.1).

use std::borrow::Cow;

/// Decodes form data: `+` is a space, `%` and two hexadecimal digits are a byte; any other `%`
/// stands for itself. `None` when the bytes are not UTF-8.
pub(crate) fn decode_form(text: &str) -> Option<Cow<'_, str>> {
    decode(text, b' ')
}

/// Decodes a segment of a path, in which `+` is no space.
pub(crate) fn decode_segment(text: &str) -> Option<Cow<'_, str>> {
    decode(text, b'+')
}

fn decode(text: &str, plus: u8) -> Option<Cow<'_, str>> {
    if !text.bytes().any(|byte| matches!(byte, b'%' | b'+')) {
        return Some(Cow::Borrowed(text));
    }
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&byte, tail)) = rest.split_first() {
        rest = tail;
        bytes.push(match (byte, tail) {
            (b'+', _) => plus,
            (b'%', [high, low, after @ ..]) => match (hex(*high), hex(*low)) {
                (Some(high), Some(low)) => {
                    rest = after;
                    high << 4 | low
                }
                _ => b'%',
            },
            _ => byte,
        });
    }
    String::from_utf8(bytes).ok().map(Cow::Owned)
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).and_then(|value| u8::try_from(value).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plus_is_a_space_in_forms_alone() {
        assert_eq!(decode_form("a+b%20c%").as_deref(), Some("a b c%"));
        assert_eq!(decode_segment("a+b%20c%2Fd").as_deref(), Some("a+b c/d"));
        assert_eq!(decode_segment("%FF"), None);
    }
}
