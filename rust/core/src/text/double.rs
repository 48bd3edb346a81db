//! Doubles as clients write and read them: scores, increments, coordinates.
//!
//! Reading is decimal only. Valkey 9 refuses hexadecimal floats (Redis 7 and 8 take
//! them) and so do we; numbers too large or too small for a double are refused and not
//! rounded to infinity or zero.
//!
//! Writing: whole numbers up to 2^62 like integers; otherwise Grisu2's digits, plain
//! while that is short, else with an exponent (`1e+20`, `1e-7`). Redis 7.0 writes
//! `%.17g` instead, so 0.1 is 0.10000000000000001 there.

use super::{grisu, integer};

/// Most bytes that `format` appends: sign, 17 digits, 7 zeros or a point and exponent.
pub const TEXT_BYTES_MAX: usize = 32;

/// Reads a whole argument as a float.
///
/// `inf` and `infinity` in any case are numbers, `nan` is not. Refused as well: empty
/// text, spaces, anything behind the number, 1e400, 1e-400.
pub fn parse(text: &[u8]) -> Option<f64> {
    let value = parse_saturating(text)?;
    let is_lost = if value == 0.0 {
        // Zero is what was written only if every digit before the exponent says so.
        text.iter()
            .take_while(|byte| !matches!(byte, b'e' | b'E'))
            .any(|byte| matches!(byte, b'1'..=b'9'))
    } else {
        value.is_infinite() && !text.iter().any(|byte| matches!(byte, b'n' | b'N'))
    };
    (!is_lost).then_some(value)
}

/// Reads the bound of a range by score (ZRANGEBYSCORE, ZCOUNT), without its `(`.
///
/// The servers read this one like a C string: it ends at a zero byte, nothing at all is
/// 0, and what is too large or too small becomes infinity or zero.
pub fn parse_bound(text: &[u8]) -> Option<f64> {
    let text = memchr::memchr(0, text).map_or(text, |end| &text[..end]);
    if text.is_empty() {
        return Some(0.0);
    }
    parse_saturating(text)
}

/// Reads a number as C's `strtold` does, in whose range nothing is too large or too small
/// for a double: 1e400 is infinity, 1e-400 the smallest number. Hexadecimal, too.
pub fn parse_like_c(text: &[u8]) -> Option<f64> {
    let (sign, digits) = match text {
        [b'-', digits @ ..] => (-1.0, digits),
        [b'+', digits @ ..] => (1.0, digits),
        digits => (1.0, digits),
    };
    if let [b'0', b'x' | b'X', hexadecimal @ ..] = digits {
        return parse_hexadecimal(hexadecimal).map(|value| sign * value);
    }
    let value = match digits.first() {
        // A second sign.
        None | Some(b'-' | b'+') => return None,
        Some(_) => parse_saturating(digits)?,
    };
    let mantissa = digits.split(|byte| matches!(byte, b'e' | b'E')).next();
    let is_lost = value == 0.0 && mantissa?.iter().any(|byte| matches!(byte, b'1'..=b'9'));
    Some(sign * if is_lost { f64::MIN_POSITIVE } else { value })
}

/// What follows 0x: digits with or without a point, and perhaps a power of two.
fn parse_hexadecimal(text: &[u8]) -> Option<f64> {
    let at = text.iter().position(|byte| matches!(byte, b'p' | b'P'));
    let (mantissa, exponent) = match at {
        Some(at) => (&text[..at], std::str::from_utf8(&text[at + 1..]).ok()?),
        None => (text, "0"),
    };
    let (mut value, mut digits, mut point) = (0.0, 0, None);
    for &byte in mantissa {
        if byte == b'.' && point.is_none() {
            point = Some(digits);
            continue;
        }
        value = value * 16.0 + f64::from(char::from(byte).to_digit(16)?);
        digits += 1;
    }
    let behind_point = point.map_or(0, |before| digits - before);
    let exponent = exponent.parse::<i32>().ok()?;
    let shift = exponent.checked_sub(4 * behind_point)?;
    (digits > 0).then(|| value * 2.0_f64.powi(shift))
}

fn parse_saturating(text: &[u8]) -> Option<f64> {
    let value: f64 = std::str::from_utf8(text).ok()?.parse().ok()?;
    (!value.is_nan()).then_some(value)
}

/// The integer that `value` is shown as, if it is.
#[inline]
pub fn whole(value: f64) -> Option<i64> {
    // Beyond 2^62 the servers no longer go through an integer, and the digits that are
    // not significant become zeros.
    const WHOLE_MAX: f64 = (1u64 << 62) as f64;
    let is_whole = value != 0.0 && value.abs() <= WHOLE_MAX && value.trunc() == value;
    is_whole.then_some(value as i64)
}

/// Appends `value` as RESP3 doubles and RESP2 bulk strings show it.
pub fn format(value: f64, into: &mut Vec<u8>) {
    match whole(value) {
        Some(whole) => integer::write(whole, into),
        None => format_shortest(value, into),
    }
}

/// Appends the shortest text that reads as `value`, whole numbers too: 1e+15.
pub fn format_shortest(value: f64, into: &mut Vec<u8>) {
    if value == 0.0 {
        into.extend_from_slice(if value.is_sign_negative() {
            b"-0"
        } else {
            b"0"
        });
    } else if value.is_nan() {
        into.extend_from_slice(b"nan");
    } else {
        if value < 0.0 {
            into.push(b'-');
        }
        if value.is_infinite() {
            into.extend_from_slice(b"inf");
        } else {
            let mut digits = [0; grisu::DIGITS_MAX];
            let (count, exponent) = grisu::digits(value.abs(), &mut digits);
            layout(&digits[..count], exponent, into);
        }
    }
}

/// Writes digits × 10^exponent, in the shorter of the two notations.
fn layout(digits: &[u8], exponent: i32, into: &mut Vec<u8>) {
    let count = digits.len() as i32;
    // The exponent if there is one digit before the point.
    let scientific = exponent + count - 1;
    if exponent >= 0 && scientific < count + 7 {
        into.extend_from_slice(digits);
        into.resize(into.len() + exponent as usize, b'0');
    } else if exponent < 0 && (exponent > -7 || scientific.abs() < 4) {
        let whole = count + exponent;
        if whole <= 0 {
            into.extend_from_slice(b"0.");
            into.resize(into.len() + whole.unsigned_abs() as usize, b'0');
            into.extend_from_slice(digits);
        } else {
            let (whole, fraction) = digits.split_at(whole as usize);
            into.extend_from_slice(whole);
            into.push(b'.');
            into.extend_from_slice(fraction);
        }
    } else {
        let (first, fraction) = digits.split_at(1);
        into.extend_from_slice(first);
        if !fraction.is_empty() {
            into.push(b'.');
            into.extend_from_slice(fraction);
        }
        into.push(b'e');
        into.push(if scientific < 0 { b'-' } else { b'+' });
        integer::write_u64(u64::from(scientific.unsigned_abs()), into);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn formatted(value: f64) -> String {
        let mut text = Vec::new();
        format(value, &mut text);
        String::from_utf8(text).unwrap()
    }

    /// ZINCRBY on Valkey 9.1: argument and reply, RESP2 and RESP3 alike.
    #[test]
    fn c_reads_more_than_redis_does() {
        let parse = |text: &str| parse_like_c(text.as_bytes());
        assert_eq!(parse("1.5"), Some(1.5));
        assert_eq!(parse("-.5"), Some(-0.5));
        assert_eq!(parse("1e400"), Some(f64::INFINITY));
        assert_eq!(parse("1e-400"), Some(f64::MIN_POSITIVE));
        assert_eq!(parse("0e5"), Some(0.0));
        assert_eq!(parse("0x10"), Some(16.0));
        assert_eq!(parse("-0X1.8p1"), Some(-3.0));
        assert_eq!(parse("-inf"), Some(f64::NEG_INFINITY));
        for refused in [
            "", "-", "--1", "nan", " 1", "1 ", "1.5.2", "0x", "0xg", "1x",
        ] {
            assert_eq!(parse(refused), None, "{refused:?}");
        }
    }

    #[test]
    fn writes_what_valkey_writes() {
        for (argument, reply) in [
            ("0", "0"),
            ("-0", "-0"),
            ("+inf", "inf"),
            ("-INFINITY", "-inf"),
            ("3.14", "3.14"),
            (".5", "0.5"),
            ("5.", "5"),
            ("1e16", "10000000000000000"),
            ("1e18", "1000000000000000000"),
            ("1e19", "1e+19"),
            ("1e20", "1e+20"),
            ("1.5e100", "1.5e+100"),
            ("1234567890123456789", "1234567890123456768"),
            ("9223372036854775807", "9223372036854776000"),
            ("-9223372036854777856", "-9223372036854778000"),
            ("123456789012345680000", "123456789012345680000"),
            ("1.2345678901234568e21", "1234567890123456800000"),
            ("1234567890.1234567", "1.2345678901234567e+9"),
            ("4503599627370495.5", "4503599627370495.5"),
            ("0.000001", "0.000001"),
            ("0.0000001", "1e-7"),
            ("0.000012", "0.000012"),
            ("0.000001234567", "1.234567e-6"),
            ("2.2250738585072011e-308", "2.225073858507201e-308"),
            ("2.2250738585072014e-308", "2.2250738585072014e-308"),
            ("4.9e-324", "5e-324"),
            ("1e-320", "1e-320"),
            ("1.7976931348623157e308", "1.7976931348623157e+308"),
            ("00001", "1"),
        ] {
            assert_eq!(
                formatted(parse(argument.as_bytes()).unwrap()),
                reply,
                "{argument}"
            );
        }
    }

    /// Where Grisu2 misses the shortest or the closest digits, so do we.
    #[test]
    fn misses_the_shortest_digits_where_valkey_does() {
        for (value, reply) in [
            (0.83119146292203, "0.8311914629220301"),
            (-579710.6924, "-5.797106924000001e+5"),
            (7.32e22, "73200000000000004000000"),
            (2.5e22, "24999999999999998000000"),
            (6.69e21, "6689999999999999000000"),
            (-5.306919753052433e118, "-5.3069197530524326e+118"),
            (-1.8067060941985127e-287, "-1.8067060941985126e-287"),
            (3.5980814870098333e152, "3.5980814870098334e+152"),
        ] {
            assert_eq!(formatted(value), reply);
        }
    }

    #[test]
    fn refuses_what_valkey_refuses() {
        for text in [
            "",
            " ",
            " 1",
            "1 ",
            "\t1",
            "1\n",
            "1\0",
            "\x001",
            "nan",
            "NaN",
            "-nan",
            "nan(1)",
            "infi",
            "infinit",
            "infinityx",
            "i",
            ".",
            "-",
            "+",
            "--1",
            "+-1",
            "1e",
            "1e+",
            "e5",
            "1_0",
            "1,5",
            "1..2",
            "3.0.0",
            "1d",
            "1f",
            "0b1",
            "0x10",
            "0x1p3",
            "0x",
            "1e400",
            "-1e400",
            "1.8e308",
            "1e-400",
            "2e-324",
            "1e99999999999999999999",
            "1e-99999999999999999999",
            "٣",
        ] {
            assert_eq!(parse(text.as_bytes()), None, "{text:?}");
        }
        assert_eq!(parse(b"0e99999999999"), Some(0.0));
        assert_eq!(parse("9".repeat(400).as_bytes()), None);
        assert_eq!(parse(&[0xff, b'1']), None);
    }

    #[test]
    fn a_bound_is_read_like_a_c_string() {
        for (text, value) in [
            ("", 0.0),
            ("\0", 0.0),
            ("0\x001", 0.0),
            ("+inf\0x", f64::INFINITY),
            ("1e400", f64::INFINITY),
            ("-1e400", f64::NEG_INFINITY),
            ("1e-400", 0.0),
        ] {
            assert_eq!(parse_bound(text.as_bytes()), Some(value), "{text:?}");
        }
        for text in [" 1", "0x1", "nan", "nan\0", "1x", "(1"] {
            assert_eq!(parse_bound(text.as_bytes()), None, "{text:?}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(4096))]

        #[test]
        fn writing_and_reading_are_inverse(bits: u64) {
            let value = f64::from_bits(bits);
            prop_assume!(!value.is_nan());
            let text = formatted(value);
            prop_assert!(text.len() <= TEXT_BYTES_MAX);
            prop_assert_eq!(parse(text.as_bytes()).map(f64::to_bits), Some(bits), "{}", text);
        }

        #[test]
        fn short_decimals_come_back_nearly_as_short(digits in -999_999i64..=999_999, places in 0i32..6) {
            let value = digits as f64 / 10f64.powi(places);
            prop_assert_eq!(parse(formatted(value).as_bytes()), Some(value));
        }

        #[test]
        fn any_bytes_are_survived(bytes in proptest::collection::vec(any::<u8>(), 0..40)) {
            let _ = (parse(&bytes), parse_bound(&bytes));
        }

        #[test]
        fn any_almost_number_is_survived(text in "[-+.0-9eEinfty]{0,30}") {
            let _ = (parse(text.as_bytes()), parse_bound(text.as_bytes()));
        }
    }
}
