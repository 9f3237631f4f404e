use alloc::{format, string::String};
use core::{
    cmp::Ordering,
    fmt,
    hash::{Hash, Hasher},
    str::FromStr,
};

use crate::{ParseError, SmallStr, error::ParseErrorKind, lex};

/// How a filter compares an attribute with a value (RFC 7644 §3.4.2.2, Table 3).
///
/// ```abnf
/// compareOp = "eq" / "ne" / "co" / "sw" / "ew" / "gt" / "lt" / "ge" / "le"
/// ```
///
/// `pr`, which takes no value, is [`Expr::Present`](crate::Expr::Present).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(clippy::exhaustive_enums, reason = "RFC 7644 s3.4.2.2, Table 3, closes this set")]
pub enum CompareOp {
    /// `eq`: identical values.
    Eq,
    /// `ne`: values that are not identical.
    Ne,
    /// `co`: the attribute contains the value as a substring.
    Co,
    /// `sw`: the attribute starts with the value.
    Sw,
    /// `ew`: the attribute ends with the value.
    Ew,
    /// `gt`: greater than; later, for dateTime.
    Gt,
    /// `ge`: greater than or equal to.
    Ge,
    /// `lt`: less than; earlier, for dateTime.
    Lt,
    /// `le`: less than or equal to.
    Le,
}

impl CompareOp {
    /// All nine, in the order of Table 3.
    pub const ALL: [Self; 9] =
        [Self::Eq, Self::Ne, Self::Co, Self::Sw, Self::Ew, Self::Gt, Self::Ge, Self::Lt, Self::Le];

    /// The operator as filters write it, in lower case.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Eq => "eq",
            Self::Ne => "ne",
            Self::Co => "co",
            Self::Sw => "sw",
            Self::Ew => "ew",
            Self::Gt => "gt",
            Self::Ge => "ge",
            Self::Lt => "lt",
            Self::Le => "le",
        }
    }
}

impl fmt::Display for CompareOp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// The value that a filter compares with: a JSON literal (RFC 7644 §3.4.2.2).
///
/// ```abnf
/// compValue = false / null / true / number / string   ; RFC 8259, the words in any case
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[expect(clippy::exhaustive_enums, reason = "RFC 7644 s3.4.2.2, Figure 1, closes this set")]
pub enum CompareValue {
    /// `null`: `eq null` asks for an attribute without a value.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A number, with the text it was written as.
    Number(Number),
    /// A string, with its escapes resolved.
    String(SmallStr),
}

impl CompareValue {
    /// The text of a string.
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Self::String(text) => Some(text),
            _ => None,
        }
    }
}

impl From<&str> for CompareValue {
    fn from(text: &str) -> Self {
        Self::String(text.into())
    }
}

impl From<String> for CompareValue {
    fn from(text: String) -> Self {
        Self::String(text.into())
    }
}

impl From<&String> for CompareValue {
    fn from(text: &String) -> Self {
        Self::String(text.as_str().into())
    }
}

impl From<SmallStr> for CompareValue {
    fn from(text: SmallStr) -> Self {
        Self::String(text)
    }
}

impl From<bool> for CompareValue {
    fn from(value: bool) -> Self {
        Self::Bool(value)
    }
}

impl From<Number> for CompareValue {
    fn from(number: Number) -> Self {
        Self::Number(number)
    }
}

macro_rules! from_integer {
    ($($int:ty),*) => {$(
        impl From<$int> for Number {
            fn from(value: $int) -> Self {
                Self(SmallStr::from(format!("{value}")))
            }
        }

        impl From<$int> for CompareValue {
            fn from(value: $int) -> Self {
                Self::Number(value.into())
            }
        }
    )*};
}
from_integer!(i32, u32, i64, u64);

/// A JSON number that keeps the text it was written as (RFC 8259 §6).
///
/// Numbers are equal, ordered and hashed by value, exactly, however many digits they have: no number is ever
/// rounded to a float on the way.
///
/// ```
/// use scim2_syntax::Number;
/// let number: Number = "5.0".parse()?;
/// assert_eq!(number, Number::from(5));
/// assert_eq!(number.as_str(), "5.0");
/// assert_eq!(number.as_i64(), Some(5));
/// assert!("9007199254740993".parse::<Number>()? > "9007199254740992".parse()?);
/// # Ok::<(), scim2_syntax::ParseError>(())
/// ```
#[derive(Clone)]
pub struct Number(SmallStr);

/// A number as sign, digits and the power of ten of the first digit.
struct Decimal<'a> {
    negative: bool,
    /// The digits around the point, without leading zeros in the first part that has others.
    integer: &'a str,
    fraction: &'a str,
    /// The value is 0.d₁d₂d₃… times ten to this power; 0 for zero.
    magnitude: i64,
}

impl Number {
    /// The largest exponent, up or down, that a number may be written with: `1e999999999`.
    ///
    /// It keeps comparison exact and cheap, and is far beyond what any JSON software computes with.
    pub const MAX_EXPONENT: u32 = 999_999_999;

    /// The number as written.
    #[inline]
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }

    /// The number as an integer, when it is one that fits: `5`, `5.0` and `0.5e1` are all 5.
    pub fn as_i64(&self) -> Option<i64> {
        let decimal = self.decimal();
        let places = usize::try_from(decimal.magnitude).ok()?;
        // An i64 has at most 19 digits.
        if places > 19 || decimal.digits().count() > places {
            return None;
        }
        let digits = decimal.digits().chain(core::iter::repeat(b'0')).take(places);
        digits.map(|digit| i64::from(digit - b'0')).try_fold(0i64, |value, digit| {
            let value = value.checked_mul(10)?;
            if decimal.negative { value.checked_sub(digit) } else { value.checked_add(digit) }
        })
    }

    /// The nearest double; an infinity when it is past the largest.
    pub fn as_f64(&self) -> f64 {
        // Any JSON number is text that Rust reads as a float.
        self.as_str().parse().unwrap_or(f64::NAN)
    }

    /// INVARIANT: `text` is a JSON number within [`MAX_EXPONENT`](Self::MAX_EXPONENT).
    #[inline]
    pub(crate) fn new_unchecked(text: &str) -> Self {
        Self(SmallStr::new(text))
    }

    fn decimal(&self) -> Decimal<'_> {
        let (negative, text) = match self.as_str().strip_prefix('-') {
            Some(text) => (true, text),
            None => (false, self.as_str()),
        };
        let (mantissa, exponent) = text.split_once(['e', 'E']).unwrap_or((text, "0"));
        let (integer, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let fraction = fraction.trim_end_matches('0');
        let integer = integer.trim_start_matches('0');
        let skipped = fraction.trim_start_matches('0');
        let point = if integer.is_empty() {
            -count(fraction.len() - skipped.len())
        } else {
            count(integer.len())
        };
        let fraction = if integer.is_empty() { skipped } else { fraction };
        let integer = if fraction.is_empty() { integer.trim_end_matches('0') } else { integer };
        if integer.is_empty() && fraction.is_empty() {
            return Decimal { negative: false, integer, fraction, magnitude: 0 };
        }
        // INVARIANT: the exponent has passed the lexer, so it fits.
        let exponent = exponent.parse::<i64>().unwrap_or(0);
        Decimal { negative, integer, fraction, magnitude: point + exponent }
    }
}

fn count(len: usize) -> i64 {
    i64::try_from(len).unwrap_or(i64::MAX / 2)
}

impl<'a> Decimal<'a> {
    /// The digits from the first to the last that is not zero.
    fn digits(&self) -> impl Iterator<Item = u8> + 'a {
        self.integer.bytes().chain(self.fraction.bytes())
    }

    fn is_zero(&self) -> bool {
        self.integer.is_empty() && self.fraction.is_empty()
    }
}

impl FromStr for Number {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        let end = lex::number(text.as_bytes(), 0).map_err(|fault| *fault)?;
        if end == text.len() {
            Ok(Self::new_unchecked(text))
        } else {
            Err(ParseError::new(ParseErrorKind::InvalidNumber, end))
        }
    }
}

impl TryFrom<f64> for Number {
    type Error = ParseError;

    /// The shortest decimal that reads back as the same double.
    ///
    /// # Errors
    /// [`ParseErrorKind::InvalidNumber`] for infinities and NaN, which JSON does not have.
    fn try_from(value: f64) -> Result<Self, ParseError> {
        if value.is_finite() {
            Ok(Self(SmallStr::from(format!("{value:?}"))))
        } else {
            Err(ParseError::new(ParseErrorKind::InvalidNumber, 0))
        }
    }
}

impl Ord for Number {
    fn cmp(&self, other: &Self) -> Ordering {
        let (a, b) = (self.decimal(), other.decimal());
        let sign = |decimal: &Decimal<'_>| match (decimal.is_zero(), decimal.negative) {
            (true, _) => 0,
            (false, true) => -1,
            (false, false) => 1,
        };
        sign(&a).cmp(&sign(&b)).then_with(|| {
            let size = a.magnitude.cmp(&b.magnitude).then_with(|| a.digits().cmp(b.digits()));
            if a.negative { size.reverse() } else { size }
        })
    }
}

impl PartialOrd for Number {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Number {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Number {}

impl Hash for Number {
    fn hash<H: Hasher>(&self, state: &mut H) {
        let decimal = self.decimal();
        decimal.negative.hash(state);
        decimal.magnitude.hash(state);
        for digit in decimal.digits() {
            state.write_u8(digit);
        }
        state.write_u8(0xff);
    }
}

impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl fmt::Debug for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
