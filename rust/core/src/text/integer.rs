//! Integers as clients write them: strict enough that text and number are one-to-one.
//!
//! A value that parses is written back as the same bytes. Encodings rely on that: a
//! string that holds "12" may be kept as the number 12, one that holds "012" may not.

/// Most bytes that `write` appends: the sign and 19 digits.
pub const TEXT_BYTES_MAX: usize = 20;

/// Reads a whole signed integer: no `+`, no spaces, no leading zeros, no `-0`.
#[inline]
pub fn parse(text: &[u8]) -> Option<i64> {
    match text {
        [b'-', magnitude @ ..] => {
            let magnitude = parse_u64(magnitude)?;
            // "-0" would come back as "0".
            if magnitude == 0 || magnitude > i64::MIN.unsigned_abs() {
                return None;
            }
            Some(magnitude.wrapping_neg() as i64)
        }
        _ => i64::try_from(parse_u64(text)?).ok(),
    }
}

/// Reads a whole unsigned integer under the same rules.
#[inline]
pub fn parse_u64(text: &[u8]) -> Option<u64> {
    let (&first, rest) = text.split_first()?;
    if first == b'0' {
        return rest.is_empty().then_some(0);
    }
    let mut value = digit(first)?;
    if rest.len() < 19 {
        // 19 digits always fit, so only the twentieth needs the checks below.
        for &byte in rest {
            value = value * 10 + digit(byte)?;
        }
        return Some(value);
    }
    if rest.len() > 19 {
        return None;
    }
    for &byte in rest {
        value = value.checked_mul(10)?.checked_add(digit(byte)?)?;
    }
    Some(value)
}

/// Reads a SCAN cursor: an integer, or else whatever C's `strtoull` reads to the end:
/// white space, a sign and zeros may stand before the digits, anything after a NUL.
pub fn parse_cursor(text: &[u8]) -> Option<u64> {
    if let Some(number) = parse(text) {
        return u64::try_from(number).ok();
    }
    let end = memchr::memchr(0, text).unwrap_or(text.len());
    let is_space = |byte: &u8| matches!(byte, b' ' | 9..=13);
    let start = text[..end].iter().position(|byte| !is_space(byte))?;
    let (is_negative, digits) = match &text[start..end] {
        [b'-', digits @ ..] => (true, digits),
        [b'+', digits @ ..] => (false, digits),
        digits => (false, digits),
    };
    if digits.is_empty() {
        return None;
    }
    let magnitude = digits.iter().try_fold(0_u64, |value, &byte| {
        value.checked_mul(10)?.checked_add(digit(byte)?)
    })?;
    Some(if is_negative {
        magnitude.wrapping_neg()
    } else {
        magnitude
    })
}

#[inline]
fn digit(byte: u8) -> Option<u64> {
    let value = byte.wrapping_sub(b'0');
    (value < 10).then_some(u64::from(value))
}

/// Appends the decimal text of `value`.
#[inline]
pub fn write(value: i64, into: &mut Vec<u8>) {
    into.extend_from_slice(itoa::Buffer::new().format(value).as_bytes());
}

/// Appends the decimal text of an unsigned `value`.
#[inline]
pub fn write_u64(value: u64, into: &mut Vec<u8>) {
    into.extend_from_slice(itoa::Buffer::new().format(value).as_bytes());
}

/// How many bytes `write` appends for `value`, the sign included.
#[inline]
pub fn text_len(value: i64) -> usize {
    let sign = usize::from(value < 0);
    let digits = value.unsigned_abs().checked_ilog10().unwrap_or(0) as usize + 1;
    sign + digits
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn accepts_what_the_servers_accept() {
        for (text, value) in [
            ("0", 0),
            ("1", 1),
            ("-1", -1),
            ("9223372036854775807", i64::MAX),
            ("-9223372036854775808", i64::MIN),
        ] {
            assert_eq!(parse(text.as_bytes()), Some(value), "{text:?}");
        }
        assert_eq!(parse_u64(b"18446744073709551615"), Some(u64::MAX));
    }

    #[test]
    fn refuses_what_the_servers_refuse() {
        for text in [
            "",
            "-",
            "+",
            "+1",
            "-0",
            "00",
            "01",
            "-01",
            " 1",
            "1 ",
            "1\0",
            "1.0",
            "1e3",
            "0x10",
            "--1",
            "9223372036854775808",
            "-9223372036854775809",
            "18446744073709551615",
            "18446744073709551616",
            "99999999999999999999",
            "100000000000000000000",
        ] {
            assert_eq!(parse(text.as_bytes()), None, "{text:?}");
        }
        for text in [
            "",
            "-1",
            "01",
            "18446744073709551616",
            "100000000000000000000",
        ] {
            assert_eq!(parse_u64(text.as_bytes()), None, "{text:?}");
        }
    }

    #[test]
    fn cursors_are_read_as_the_servers_read_them() {
        for (text, value) in [
            (&b"0"[..], Some(0)),
            (b"+1", Some(1)),
            (b" 1", Some(1)),
            (b"01", Some(1)),
            (b"5\0junk", Some(5)),
            (b" -1", Some(u64::MAX)),
            (b"18446744073709551615", Some(u64::MAX)),
            (b"18446744073709551616", None),
            (b"-1", None),
            (b"1 ", None),
            (b"1a", None),
            (b"+", None),
            (b"", None),
        ] {
            assert_eq!(parse_cursor(text), value, "{}", text.escape_ascii());
        }
    }

    proptest! {
        #[test]
        fn writing_and_reading_are_inverse(value: i64) {
            let mut text = Vec::new();
            write(value, &mut text);
            prop_assert_eq!(text.len(), text_len(value));
            prop_assert_eq!(parse(&text), Some(value));
        }

        #[test]
        fn powers_of_ten_have_the_right_length(exponent in 0u32..19, step in -1i64..=1) {
            let value = 10i64.pow(exponent) + step;
            prop_assert_eq!(text_len(value), value.to_string().len());
            prop_assert_eq!(text_len(-value), (-value).to_string().len());
        }

        #[test]
        fn what_parses_is_canonical(text in "-?[0-9]{0,21}") {
            match parse(text.as_bytes()) {
                Some(value) => prop_assert_eq!(value.to_string(), text),
                None => prop_assert!(text.parse::<i64>().map_or(true, |v| v.to_string() != text)),
            }
        }

        #[test]
        fn any_bytes_are_survived(bytes in proptest::collection::vec(any::<u8>(), 0..40)) {
            let _ = (parse(&bytes), parse_u64(&bytes));
        }
    }
}
