//! The 80-bit extended float of x86, in software: INCRBYFLOAT's arithmetic.
//!
//! The servers add with the C compiler's `long double`, and its 64 bits of mantissa show:
//! 0.1 + 0.2 is 0.3, not 0.30000000000000004. The same numbers must come out on machines
//! that have no such type.
//!
//! ```text
//! value = ± mantissa (64 bits) × 2^exponent       exponent ≥ -16445, value < 2^16384
//! ```
//!
//! Reading, adding and writing each round once, to nearest, ties to even. A number of at
//! most 19 digits and 27 decimal places never leaves machine integers; others go through
//! big ones whose size the format bounds, whatever exponent was written.

use num_bigint::BigUint;

use super::integer;

/// The servers copy an argument into a buffer of this size, with a zero behind it.
const TEXT_BYTES_BOUND: usize = 5120;

/// Exponent of the smallest number above zero.
const EXPONENT_MIN: i64 = -16445;
/// Every finite number is below 2^16384.
const MAGNITUDE_BITS_MAX: i64 = 16384;

/// Decimal places that `format_human` keeps.
const PLACES: usize = 17;
const PLACES_FACTOR: u128 = 10u128.pow(PLACES as u32);

/// An extended float.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LongDouble {
    is_negative: bool,
    magnitude: Magnitude,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Magnitude {
    /// mantissa × 2^exponent; the mantissa's top bit need not be set.
    Finite {
        mantissa: u64,
        exponent: i64,
    },
    Infinite,
    NotANumber,
}

impl LongDouble {
    /// Reads a whole argument as the servers do.
    ///
    /// Decimal and hexadecimal floats, `inf` and `infinity` in any case. Refused: empty
    /// text, spaces, anything behind the number, `nan`, numbers beyond the format (larger
    /// or rounding to zero), texts of 5120 bytes or more.
    pub fn parse(text: &[u8]) -> Option<Self> {
        if text.len() >= TEXT_BYTES_BOUND {
            return None;
        }
        let (is_negative, unsigned) = match text {
            [b'-', rest @ ..] => (true, rest),
            [b'+', rest @ ..] => (false, rest),
            _ => (false, text),
        };
        if unsigned.eq_ignore_ascii_case(b"inf") || unsigned.eq_ignore_ascii_case(b"infinity") {
            return Some(Self {
                is_negative,
                magnitude: Magnitude::Infinite,
            });
        }
        let magnitude = match unsigned {
            [b'0', b'x' | b'X', digits @ ..] => read_hexadecimal(digits)?,
            _ => read_decimal(unsigned)?,
        };
        (magnitude != Magnitude::Infinite).then_some(Self {
            is_negative,
            magnitude,
        })
    }

    /// The double's own value; every double is also an extended float.
    pub fn from_double(value: f64) -> Self {
        let bits = value.to_bits();
        let fraction = bits & ((1 << 52) - 1);
        let magnitude = match bits >> 52 & 0x7ff {
            0x7ff if fraction != 0 => Magnitude::NotANumber,
            0x7ff => Magnitude::Infinite,
            0 => Magnitude::Finite {
                mantissa: fraction,
                exponent: -1074,
            },
            biased => Magnitude::Finite {
                mantissa: fraction | 1 << 52,
                exponent: biased as i64 - 1075,
            },
        };
        Self {
            is_negative: value.is_sign_negative(),
            magnitude,
        }
    }

    pub fn from_integer(value: i64) -> Self {
        let magnitude = Magnitude::Finite {
            mantissa: value.unsigned_abs(),
            exponent: 0,
        };
        Self {
            is_negative: value < 0,
            magnitude,
        }
    }

    pub fn is_nan(self) -> bool {
        self.magnitude == Magnitude::NotANumber
    }

    pub fn is_infinite(self) -> bool {
        self.magnitude == Magnitude::Infinite
    }

    /// The sum, rounded once.
    #[must_use]
    #[expect(
        clippy::should_implement_trait,
        reason = "a sum that may be no number is checked next, so it is called by name"
    )]
    pub fn add(self, other: Self) -> Self {
        use Magnitude::{Finite, Infinite, NotANumber};
        match (self.magnitude, other.magnitude) {
            (NotANumber, _) | (_, NotANumber) => Self {
                is_negative: false,
                magnitude: NotANumber,
            },
            (Infinite, Infinite) if self.is_negative != other.is_negative => Self {
                is_negative: false,
                magnitude: NotANumber,
            },
            (Infinite, _) | (_, Finite { mantissa: 0, .. }) => self,
            (_, Infinite) | (Finite { mantissa: 0, .. }, _) => other,
            (
                Finite { mantissa, exponent },
                Finite {
                    mantissa: m,
                    exponent: e,
                },
            ) => {
                let left = (self.is_negative, align(mantissa), exponent);
                let right = (other.is_negative, align(m), e);
                add_finite(left, right)
            }
        }
    }

    /// Appends the value as INCRBYFLOAT answers it: plain decimal with at most 17 places,
    /// no zeros at the end, no exponent, no minus before a zero.
    pub fn format_human(self, into: &mut Vec<u8>) {
        let Magnitude::Finite { mantissa, exponent } = self.magnitude else {
            let text: &[u8] = match (self.is_nan(), self.is_negative) {
                (true, _) => b"nan",
                (_, true) => b"-inf",
                (_, false) => b"inf",
            };
            into.extend_from_slice(text);
            return;
        };
        if mantissa == 0 {
            into.push(b'0');
            return;
        }
        let sign = if self.is_negative { "-" } else { "" };
        if exponent >= 0 {
            let whole = BigUint::from(mantissa) << exponent as u64;
            into.extend_from_slice(format!("{sign}{whole}").as_bytes());
            return;
        }
        // At most 121 bits, so a shift by 128 or more leaves less than one half.
        let scaled = u128::from(mantissa) * PLACES_FACTOR;
        let scaled = if exponent <= -128 {
            0
        } else {
            shift_rounding(scaled, -exponent as u32, false)
        };
        if scaled == 0 {
            into.push(b'0');
            return;
        }
        into.extend_from_slice(sign.as_bytes());
        integer::write_u64((scaled / PLACES_FACTOR) as u64, into);
        let fraction = (scaled % PLACES_FACTOR) as u64;
        if fraction != 0 {
            let digits = format!(".{fraction:017}");
            into.extend_from_slice(digits.trim_end_matches('0').as_bytes());
        }
    }
}

/// Moves a mantissa up so that its top bit is bit 125: room for a carry above and for
/// more bits below than rounding looks at. Zero excluded. Returns the shift as well.
fn align(mantissa: u64) -> (u128, i64) {
    let shift = mantissa.leading_zeros() + 62;
    (u128::from(mantissa) << shift, i64::from(shift))
}

type Aligned = (bool, (u128, i64), i64);

fn add_finite(left: Aligned, right: Aligned) -> LongDouble {
    let exponent_of = |(_, (_, shift), exponent): Aligned| exponent - shift;
    let (large, small) = if exponent_of(left) >= exponent_of(right) {
        (left, right)
    } else {
        (right, left)
    };
    let (exponent, distance) = (exponent_of(large), exponent_of(large) - exponent_of(small));
    // What is shifted out cannot decide alone: 62 spare bits lie between it and the last
    // bit that is kept, so one sticky bit stands for it.
    let small_bits = shift_sticky(small.1.0, distance);
    let (is_negative, sum) = if large.0 == small.0 {
        (large.0, large.1.0 + small_bits)
    } else if large.1.0 >= small_bits {
        (large.0, large.1.0 - small_bits)
    } else {
        (small.0, small_bits - large.1.0)
    };
    // x - x is +0.
    LongDouble {
        is_negative: is_negative && sum != 0,
        magnitude: round(sum, exponent, false),
    }
}

/// Shifts right; any bit lost sets the last bit.
fn shift_sticky(bits: u128, shift: i64) -> u128 {
    if shift >= 128 {
        return u128::from(bits != 0);
    }
    let kept = bits >> shift;
    kept | u128::from(kept << shift != bits)
}

/// Shifts right by 1..=127, rounding to nearest, ties to even. `is_more`: the true value
/// lies a little above `bits`.
fn shift_rounding(bits: u128, shift: u32, is_more: bool) -> u128 {
    let kept = bits >> shift;
    let rest = bits - (kept << shift);
    let half = 1u128 << (shift - 1);
    let is_up = rest > half || (rest == half && (is_more || kept & 1 == 1));
    kept + u128::from(is_up)
}

/// Rounds bits × 2^exponent into the format; beyond it becomes infinite or zero.
///
/// `is_more`: the true value lies a little above; `bits` then has more than 64 bits.
fn round(bits: u128, exponent: i64, is_more: bool) -> Magnitude {
    let length = i64::from(128 - bits.leading_zeros());
    let target = (exponent + length - 64).max(EXPONENT_MIN);
    let shift = target - exponent;
    let (mut mantissa, mut exponent) = if shift <= 0 {
        (bits, exponent)
    } else if shift <= 127 {
        (shift_rounding(bits, shift as u32, is_more), target)
    } else {
        let bits = shift_sticky(bits, shift - 127);
        (shift_rounding(bits, 127, is_more), target)
    };
    if mantissa >> 64 != 0 {
        // Rounded up to 2^64, so the bit that goes is zero.
        mantissa >>= 1;
        exponent += 1;
    }
    let length = i64::from(128 - mantissa.leading_zeros());
    if mantissa != 0 && exponent + length > MAGNITUDE_BITS_MAX {
        return Magnitude::Infinite;
    }
    Magnitude::Finite {
        mantissa: mantissa as u64,
        exponent,
    }
}

/// Rounds a number that was written; None if it is not zero but rounds to zero.
fn round_written(bits: u128, exponent: i64, is_more: bool) -> Option<Magnitude> {
    let magnitude = round(bits, exponent, is_more);
    let is_lost = matches!(magnitude, Magnitude::Finite { mantissa: 0, .. }) && bits != 0;
    (!is_lost).then_some(magnitude)
}

/// The digits of a number as written, without leading zeros, and what follows them.
struct Written<'a> {
    digits: Vec<u8>,
    /// How many of them stand behind the point.
    places: i64,
    rest: &'a [u8],
}

/// Takes digits with at most one point; None if there is no digit.
fn take_digits(text: &[u8], radix: u32) -> Option<Written<'_>> {
    let mut written = Written {
        digits: Vec::new(),
        places: 0,
        rest: &[],
    };
    let (mut is_behind_point, mut is_any) = (false, false);
    let mut at = 0;
    while let Some(&byte) = text.get(at) {
        if let Some(digit) = char::from(byte).to_digit(radix) {
            is_any = true;
            written.places += i64::from(is_behind_point);
            if digit != 0 || !written.digits.is_empty() {
                written.digits.push(digit as u8);
            }
        } else if byte == b'.' && !is_behind_point {
            is_behind_point = true;
        } else {
            break;
        }
        at += 1;
    }
    written.rest = &text[at..];
    is_any.then_some(written)
}

/// Reads `e+12` or nothing; far beyond every limit the exponent stays where it is.
fn read_exponent(text: &[u8], marker: u8) -> Option<i64> {
    let [first, rest @ ..] = text else {
        return Some(0);
    };
    let (sign, digits) = match rest {
        [b'-', digits @ ..] => (-1, digits),
        [b'+', digits @ ..] => (1, digits),
        _ => (1, rest),
    };
    if !first.eq_ignore_ascii_case(&marker) || digits.is_empty() {
        return None;
    }
    let mut value = 0i64;
    for byte in digits {
        let digit = char::from(*byte).to_digit(10)?;
        value = (value * 10 + i64::from(digit)).min(1_000_000_000);
    }
    Some(sign * value)
}

fn read_hexadecimal(text: &[u8]) -> Option<Magnitude> {
    let written = take_digits(text, 16)?;
    let mut exponent = read_exponent(written.rest, b'p')? - 4 * written.places;
    let (mut bits, mut is_more) = (0u128, false);
    for digit in written.digits {
        if bits >> 124 == 0 {
            bits = bits << 4 | u128::from(digit);
        } else {
            is_more |= digit != 0;
            exponent += 4;
        }
    }
    round_written(bits, exponent, is_more)
}

fn read_decimal(text: &[u8]) -> Option<Magnitude> {
    let mut written = take_digits(text, 10)?;
    let mut exponent = read_exponent(written.rest, b'e')? - written.places;
    while written.digits.last() == Some(&0) {
        written.digits.pop();
        exponent += 1;
    }
    // value < 10^size, value ≥ 10^(size - 1): what is out of reach needs no big numbers.
    let size = written.digits.len() as i64 + exponent;
    if written.digits.is_empty() {
        Some(Magnitude::Finite {
            mantissa: 0,
            exponent: 0,
        })
    } else if !(-4952..=4934).contains(&size) {
        None
    } else if written.digits.len() <= 19 && exponent.abs() <= 27 {
        let digits = written
            .digits
            .iter()
            .fold(0, |value, &digit| value * 10 + u64::from(digit));
        scale_small(digits, exponent)
    } else {
        scale_big(&BigUint::from_radix_be(&written.digits, 10)?, exponent)
    }
}

/// digits × 10^exponent for exponents whose power of five fits into 63 bits.
fn scale_small(digits: u64, exponent: i64) -> Option<Magnitude> {
    let five = 5u128.pow(exponent.unsigned_abs() as u32);
    if exponent >= 0 {
        return round_written(u128::from(digits) * five, exponent, false);
    }
    // The top bit of the dividend is set, so the quotient has at least 65 bits.
    let shift = 64 + digits.leading_zeros();
    let dividend = u128::from(digits) << shift;
    round_written(
        dividend / five,
        exponent - i64::from(shift),
        dividend % five != 0,
    )
}

fn scale_big(digits: &BigUint, exponent: i64) -> Option<Magnitude> {
    let five = BigUint::from(5u32).pow(exponent.unsigned_abs() as u32);
    if exponent >= 0 {
        let product = digits * five;
        let (bits, shift, is_more) = top_bits(&product);
        return round_written(bits, exponent + shift, is_more);
    }
    // Far enough up for a quotient of at least 66 bits.
    let shift = (66 + five.bits()).saturating_sub(digits.bits());
    let dividend = digits << shift;
    let quotient = &dividend / &five;
    let is_inexact = &quotient * &five != dividend;
    let (bits, dropped, is_more) = top_bits(&quotient);
    round_written(
        bits,
        exponent - shift as i64 + dropped,
        is_more || is_inexact,
    )
}

/// The upper 128 bits, how many bits lie below them, and whether one of those is set.
fn top_bits(value: &BigUint) -> (u128, i64, bool) {
    let shift = value.bits().saturating_sub(128);
    let mut words = (value >> shift).to_u64_digits();
    words.resize(2, 0);
    let bits = u128::from(words[1]) << 64 | u128::from(words[0]);
    (
        bits,
        shift as i64,
        value.trailing_zeros().is_some_and(|zeros| zeros < shift),
    )
}

#[cfg(test)]
#[path = "long_double_tests.rs"]
mod tests;
