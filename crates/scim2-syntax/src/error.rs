use core::fmt;

use crate::SmallStr;

/// Why a text is not a filter, a path, a name or a schema URI, and where.
///
/// ```
/// use scim2_syntax::Filter;
/// let text = r#"userName regex "^b""#;
/// let error = text.parse::<Filter>().unwrap_err();
/// assert_eq!(error.offset(), 9);
/// assert_eq!(
///     error.to_string(),
///     "unknown operator `regex` at byte 9, expected `eq`, `ne`, `co`, `sw`, `ew`, `gt`, `ge`, `lt`, `le` or `pr`",
/// );
/// assert_eq!(
///     error.render(text).to_string(),
///     "unknown operator `regex`\n  | userName regex \"^b\"\n  |          ^\n  = expected `eq`, `ne`, `co`, `sw`, `ew`, `gt`, `ge`, `lt`, `le` or `pr`",
/// );
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParseError {
    kind: ParseErrorKind,
    offset: usize,
    in_brackets: bool,
}

/// What is wrong with a text.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ParseErrorKind {
    /// Nothing but white space. A filter has at least one expression (RFC 7644 §3.4.2.2).
    Empty,
    /// An attribute name should stand here.
    ExpectedAttribute,
    /// A character that an attribute name cannot have here (RFC 7643 §2.1).
    InvalidName,
    /// A schema URI that has no scheme, or a character that a URI cannot have.
    InvalidSchemaUri,
    /// `a.b.c`: attributes have one level of sub-attributes (RFC 7643 §2.3.8).
    SubAttributeTooDeep,
    /// An operator should stand here.
    ExpectedOperator,
    /// A word that is no operator (RFC 7644 §3.4.2.2 wants it named); cut off after 32 bytes.
    UnknownOperator(SmallStr),
    /// A value should stand here.
    ExpectedValue,
    /// A value without quotation marks that is neither a number nor `true`, `false` or `null`.
    UnquotedValue,
    /// A number that JSON does not have, such as `01`, `+1` or `.5` (RFC 8259 §6).
    InvalidNumber,
    /// A number whose exponent is past [`Number::MAX_EXPONENT`](crate::Number::MAX_EXPONENT).
    NumberOutOfRange,
    /// A string without its closing quotation mark.
    UnterminatedString,
    /// An escape that JSON does not have (RFC 8259 §7).
    InvalidEscape,
    /// `\ud800` without its other half.
    LoneSurrogate,
    /// A control character in a string that is not written as an escape.
    ControlCharacter,
    /// White space is missing between two tokens.
    MissingSpace,
    /// Something after an expression that is neither `and` nor `or`.
    TrailingText,
    /// A `(` that is never closed.
    UnclosedParenthesis,
    /// A `)` that closes nothing.
    UnexpectedParenthesis,
    /// A `[` that is never closed.
    UnclosedBracket,
    /// A `]` that closes nothing.
    UnexpectedBracket,
    /// `a[b[c eq 1]]`: brackets inside brackets.
    NestedBrackets,
    /// `a.b[c eq 1]`: brackets after a sub-attribute.
    BracketsAfterSubAttribute,
    /// White space or an expression in a path, where only names may stand.
    SpaceInPath,
    /// Something after a path's closing bracket that is not a sub-attribute.
    TrailingPath,
    /// More bytes than [`SyntaxPolicy::max_len`](crate::SyntaxPolicy::max_len).
    TooLong(usize),
    /// Nested deeper than [`SyntaxPolicy::max_depth`](crate::SyntaxPolicy::max_depth).
    TooDeep(usize),
    /// More expressions than [`SyntaxPolicy::max_leaves`](crate::SyntaxPolicy::max_leaves).
    TooManyLeaves(usize),
}

impl ParseError {
    pub(crate) const fn new(kind: ParseErrorKind, offset: usize) -> Self {
        Self { kind, offset, in_brackets: false }
    }

    pub(crate) fn inside_brackets(mut self) -> Self {
        self.in_brackets = true;
        self
    }

    /// What is wrong.
    pub fn kind(&self) -> &ParseErrorKind {
        &self.kind
    }

    /// The byte of the text where it is wrong, counting from 0; the text's length when something is missing at its end.
    pub fn offset(&self) -> usize {
        self.offset
    }

    /// What could have stood there, where that is a short list.
    pub fn expected(&self) -> Option<&'static str> {
        self.kind.expected()
    }

    /// Whether the fault is inside the brackets of a PATCH path.
    ///
    /// It decides between `invalidFilter` (inside) and `invalidPath` (RFC 7644 §3.12, Table 9). Brackets after
    /// which the text ends too early are a fault of the path.
    pub fn in_brackets(&self) -> bool {
        self.in_brackets
    }

    /// Shows the text with a caret under the fault.
    ///
    /// Long texts are cut to the part around the fault, and control characters are shown as a space.
    pub fn render<'a>(&'a self, text: &'a str) -> Render<'a> {
        Render { error: self, text }
    }
}

impl ParseErrorKind {
    /// What could have stood in the wrong place, where that is a short list.
    pub fn expected(&self) -> Option<&'static str> {
        Some(match self {
            Self::Empty => "an expression such as `userName eq \"bjensen\"`",
            Self::ExpectedAttribute => "a name such as `userName`",
            Self::InvalidName => "a letter or `$`, then letters, digits, `-`, `_` or `$`",
            Self::InvalidSchemaUri => "a URI such as `urn:ietf:params:scim:schemas:core:2.0:User`",
            Self::ExpectedOperator | Self::UnknownOperator(_) => {
                "`eq`, `ne`, `co`, `sw`, `ew`, `gt`, `ge`, `lt`, `le` or `pr`"
            }
            Self::ExpectedValue | Self::UnquotedValue => {
                "a string in double quotes, a number, `true`, `false` or `null`"
            }
            Self::InvalidNumber => "a JSON number",
            Self::UnterminatedString => "`\"`",
            Self::InvalidEscape => {
                "one of `\\\"`, `\\\\`, `\\/`, `\\b`, `\\f`, `\\n`, `\\r`, `\\t` or `\\u` and four hexadecimal digits"
            }
            Self::LoneSurrogate => "both halves of the pair",
            Self::ControlCharacter => "an escape such as `\\n`",
            Self::MissingSpace => "a space",
            Self::TrailingText => "`and`, `or` or the end",
            Self::UnclosedParenthesis => "`)`",
            Self::UnclosedBracket => "`]`",
            Self::TrailingPath => "`.` and a sub-attribute, or the end",
            _ => return None,
        })
    }
}

impl fmt::Display for ParseErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Empty => "nothing but white space",
            Self::ExpectedAttribute => "missing attribute name",
            Self::InvalidName => "invalid character in an attribute name",
            Self::InvalidSchemaUri => "invalid schema URI",
            Self::SubAttributeTooDeep => "more than one level of sub-attributes",
            Self::ExpectedOperator => "missing operator",
            Self::UnknownOperator(word) => return write!(f, "unknown operator `{word}`"),
            Self::ExpectedValue => "missing value",
            Self::UnquotedValue => "value without double quotes",
            Self::InvalidNumber => "invalid number",
            Self::NumberOutOfRange => "number out of range",
            Self::UnterminatedString => "string without its closing quotation mark",
            Self::InvalidEscape => "invalid escape in a string",
            Self::LoneSurrogate => "half of a surrogate pair in a string",
            Self::ControlCharacter => "control character in a string",
            Self::MissingSpace => "missing space",
            Self::TrailingText => "unexpected text after an expression",
            Self::UnclosedParenthesis => "`(` without `)`",
            Self::UnexpectedParenthesis => "`)` without `(`",
            Self::UnclosedBracket => "`[` without `]`",
            Self::UnexpectedBracket => "`]` without `[`",
            Self::NestedBrackets => "brackets inside brackets",
            Self::BracketsAfterSubAttribute => "brackets after a sub-attribute",
            Self::SpaceInPath => "white space in a path",
            Self::TrailingPath => "unexpected text after `]`",
            Self::TooLong(limit) => return write!(f, "longer than the limit of {limit} bytes"),
            Self::TooDeep(limit) => return write!(f, "nested deeper than the limit of {limit}"),
            Self::TooManyLeaves(limit) => {
                return write!(f, "more expressions than the limit of {limit}");
            }
        })
    }
}

impl fmt::Display for ParseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at byte {}", self.kind, self.offset)?;
        match self.expected() {
            Some(expected) => write!(f, ", expected {expected}"),
            None => Ok(()),
        }
    }
}

impl core::error::Error for ParseError {}

/// A [`ParseError`] shown in its text; made by [`ParseError::render`].
#[derive(Clone, Copy, Debug)]
pub struct Render<'a> {
    error: &'a ParseError,
    text: &'a str,
}

impl Render<'_> {
    /// How many characters of the text are shown before and after the fault.
    pub const CONTEXT: usize = 60;
}

impl fmt::Display for Render<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { error, text } = *self;
        let mut at = error.offset.min(text.len());
        while !text.is_char_boundary(at) {
            at -= 1;
        }
        let (before, after) = text.split_at(at);
        // One column a character; a terminal may show some wider.
        let shown = |c: char| if c.is_control() { ' ' } else { c };

        let cut = before.char_indices().rev().nth(Self::CONTEXT).map(|(i, c)| i + c.len_utf8());
        let head = before.get(cut.unwrap_or(0)..).unwrap_or(before);
        write!(f, "{}\n  | {}", error.kind, if cut.is_some() { "…" } else { "" })?;
        for c in head.chars().chain(after.chars().take(Self::CONTEXT)) {
            fmt::Write::write_char(f, shown(c))?;
        }
        if after.chars().nth(Self::CONTEXT).is_some() {
            f.write_str("…")?;
        }
        let indent = head.chars().count() + usize::from(cut.is_some());
        write!(f, "\n  | {:indent$}^", "")?;
        match error.expected() {
            Some(expected) => write!(f, "\n  = expected {expected}"),
            None => Ok(()),
        }
    }
}
