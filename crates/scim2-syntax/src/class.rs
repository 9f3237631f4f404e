//! What each byte may be, in one table.

/// ALPHA, DIGIT, `-`, `_`, `$`: the bytes of an attribute name.
const NAME: u8 = 1;
/// ALPHA and `$`: how an attribute name begins.
const NAME_START: u8 = 2;
/// The bytes of a URI (RFC 3986), without the brackets and parentheses that delimit tokens here.
const URI: u8 = 4;
/// SP, TAB, CR, LF.
const SPACE: u8 = 8;
/// What ends a word: white space, parentheses, brackets and the quotation mark.
const DELIMITER: u8 = 16;
/// What ends a run of plain characters in a string: `"`, `\` and control characters.
const STRING_STOP: u8 = 32;

#[expect(clippy::indexing_slicing, reason = "a byte is below 256; evaluated by the compiler")]
const TABLE: [u8; 256] = {
    let mut table = [0; 256];
    let mut byte = 0u8;
    loop {
        let mut class = 0;
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'$') {
            class |= NAME | URI;
        }
        if byte.is_ascii_alphabetic() || byte == b'$' {
            class |= NAME_START;
        }
        if matches!(
            byte,
            b'.' | b'~'
                | b':'
                | b'/'
                | b'?'
                | b'#'
                | b'@'
                | b'!'
                | b'&'
                | b'\''
                | b'*'
                | b'+'
                | b','
                | b';'
                | b'='
                | b'%'
        ) {
            class |= URI;
        }
        if matches!(byte, b' ' | b'\t' | b'\r' | b'\n') {
            class |= SPACE | DELIMITER;
        }
        if matches!(byte, b'(' | b')' | b'[' | b']' | b'"') {
            class |= DELIMITER;
        }
        if byte < 0x20 || matches!(byte, b'"' | b'\\') {
            class |= STRING_STOP;
        }
        table[byte as usize] = class;
        if byte == u8::MAX {
            break;
        }
        byte += 1;
    }
    table
};

#[expect(clippy::indexing_slicing, reason = "a byte is below 256")]
const fn is(byte: u8, class: u8) -> bool {
    TABLE[byte as usize] & class != 0
}

pub(crate) const fn name(byte: u8) -> bool {
    is(byte, NAME)
}

pub(crate) const fn name_start(byte: u8) -> bool {
    is(byte, NAME_START)
}

pub(crate) const fn uri(byte: u8) -> bool {
    is(byte, URI)
}

pub(crate) const fn space(byte: u8) -> bool {
    is(byte, SPACE)
}

pub(crate) const fn delimiter(byte: u8) -> bool {
    is(byte, DELIMITER)
}

pub(crate) const fn string_stop(byte: u8) -> bool {
    is(byte, STRING_STOP)
}
