//! Bytes in double quotes and back: MONITOR's lines, inline commands, redis.conf.

/// Appends `bytes` in double quotes, as MONITOR and DEBUG show them.
pub fn quote(bytes: &[u8], into: &mut Vec<u8>) {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    into.reserve(bytes.len() + 2);
    into.push(b'"');
    for &byte in bytes {
        let escape = match byte {
            b'\\' | b'"' => byte,
            b'\n' => b'n',
            b'\r' => b'r',
            b'\t' => b't',
            0x07 => b'a',
            0x08 => b'b',
            b' '..=b'~' => {
                into.push(byte);
                continue;
            }
            _ => {
                let (high, low) = (HEX[usize::from(byte >> 4)], HEX[usize::from(byte & 15)]);
                into.extend_from_slice(&[b'\\', b'x', high, low]);
                continue;
            }
        };
        into.extend_from_slice(&[b'\\', escape]);
    }
    into.push(b'"');
}

/// Splits a line into arguments, as inline commands and redis.conf are split.
///
/// In double quotes `\n \r \t \b \a` and `\xHH` are escapes and any other byte behind a
/// backslash is itself; in single quotes only `\'` is. Quotes may open and close within an
/// argument (`a"b c"d` is one), as in Valkey 9; Redis wants white space behind them. The
/// line ends at a zero byte. None: quotes that do not close.
///
/// Not followed: in inline commands, though not in its configuration file, Valkey 9.1
/// takes an escaped quote at the very end of the line for the closing one (`"a\"` is
/// `a\`). Redis 7 and 8 refuse that line as we do.
pub fn split_arguments(line: &[u8]) -> Option<Vec<Vec<u8>>> {
    let line = memchr::memchr(0, line).map_or(line, |end| &line[..end]);
    let mut arguments = Vec::new();
    let mut rest = line;
    loop {
        let start = rest.iter().position(|&byte| !is_space(byte));
        let Some(start) = start else {
            return Some(arguments);
        };
        let (argument, behind) = take_argument(&rest[start..])?;
        arguments.push(argument);
        rest = behind;
    }
}

/// Takes one argument; returns it and what stands behind it.
fn take_argument(line: &[u8]) -> Option<(Vec<u8>, &[u8])> {
    let mut argument = Vec::new();
    let mut rest = line;
    loop {
        rest = match *rest {
            [] => return Some((argument, rest)),
            // Vertical tab and form feed separate arguments but do not end one.
            [b' ' | b'\n' | b'\r' | b'\t', ref behind @ ..] => return Some((argument, behind)),
            [b'"', ref quoted @ ..] => take_double_quoted(quoted, &mut argument)?,
            [b'\'', ref quoted @ ..] => take_single_quoted(quoted, &mut argument)?,
            [byte, ref behind @ ..] => {
                argument.push(byte);
                behind
            }
        };
    }
}

/// Takes up to the closing quote; returns what stands behind it.
fn take_double_quoted<'a>(line: &'a [u8], argument: &mut Vec<u8>) -> Option<&'a [u8]> {
    let mut rest = line;
    loop {
        rest = match *rest {
            [] => return None,
            [b'"', ref behind @ ..] => return Some(behind),
            [b'\\', b'x', high, low, ref behind @ ..]
                if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() =>
            {
                argument.push(hex_value(high) << 4 | hex_value(low));
                behind
            }
            [b'\\', escape, ref behind @ ..] => {
                argument.push(match escape {
                    b'n' => b'\n',
                    b'r' => b'\r',
                    b't' => b'\t',
                    b'b' => 0x08,
                    b'a' => 0x07,
                    other => other,
                });
                behind
            }
            [byte, ref behind @ ..] => {
                argument.push(byte);
                behind
            }
        };
    }
}

fn take_single_quoted<'a>(line: &'a [u8], argument: &mut Vec<u8>) -> Option<&'a [u8]> {
    let mut rest = line;
    loop {
        rest = match *rest {
            [] => return None,
            [b'\'', ref behind @ ..] => return Some(behind),
            [b'\\', b'\'', ref behind @ ..] => {
                argument.push(b'\'');
                behind
            }
            [byte, ref behind @ ..] => {
                argument.push(byte);
                behind
            }
        };
    }
}

/// The C library's white space; Rust's own leaves out the vertical tab.
fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t'..=b'\r')
}

fn hex_value(digit: u8) -> u8 {
    char::from(digit).to_digit(16).unwrap_or(0) as u8
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn quoted(bytes: &[u8]) -> Vec<u8> {
        let mut text = Vec::new();
        quote(bytes, &mut text);
        text
    }

    /// MONITOR on Valkey 9.1.
    #[test]
    fn quotes_as_monitor_does() {
        assert_eq!(quoted(b""), br#""""#);
        assert_eq!(quoted(b"a b~"), br#""a b~""#);
        assert_eq!(quoted(b"\"\\'"), br#""\"\\'""#);
        assert_eq!(quoted(b"\n\r\t\x07\x08"), br#""\n\r\t\a\b""#);
        assert_eq!(
            quoted(b"\0\x0b\x1f\x7f\x80\xff"),
            br#""\x00\x0b\x1f\x7f\x80\xff""#
        );
    }

    /// RPUSH as an inline command on Valkey 9.1.
    #[test]
    fn splits_as_inline_commands_are_split() {
        let cases: [(&[u8], &[&[u8]]); 16] = [
            (b"", &[]),
            (b" \t\x0b\x0c\r\n", &[]),
            (b"  a  b ", &[b"a", b"b"]),
            (b"a\rb\nc\td", &[b"a", b"b", b"c", b"d"]),
            (b"a\x0bb\x0c", &[b"a\x0bb\x0c"]),
            (br#""" '' a"#, &[b"", b"", b"a"]),
            (br#"a"b" c"#, &[b"ab", b"c"]),
            (br#""a"b"#, &[b"ab"]),
            (br#"a"b"c"#, &[b"abc"]),
            (br#""a"'b'"#, &[b"ab"]),
            (b"a'4t'\x0c \x0c", &[b"a4t\x0c"]),
            (br#""\n\r\t\b\a\q\"\\""#, &[b"\n\r\t\x08\x07q\"\\"]),
            (br#""\x41\xfF\x4g\x""#, &[b"A\xffx4gx"]),
            (br"'\n\''", &[br"\n'"]),
            (br"a\ b", &[br"a\", b"b"]),
            (b"a\0 b \"", &[b"a"]),
        ];
        for (line, wanted) in cases {
            let arguments = split_arguments(line).unwrap();
            assert_eq!(arguments, wanted, "{}", line.escape_ascii());
        }
    }

    #[test]
    fn quotes_must_close() {
        for line in [
            r#"""#,
            "'",
            r#"a "b"#,
            r#""\"#,
            r#""\""#,
            r"'\'",
            r#"a"b"c""#,
        ] {
            assert_eq!(split_arguments(line.as_bytes()), None, "{line}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2048))]

        #[test]
        fn what_is_quoted_splits_back(
            arguments in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..20), 0..5),
        ) {
            let mut line = Vec::new();
            for argument in &arguments {
                quote(argument, &mut line);
                line.push(b' ');
            }
            prop_assert_eq!(split_arguments(&line), Some(arguments));
        }

        #[test]
        fn any_line_is_survived(line in proptest::collection::vec(any::<u8>(), 0..60)) {
            let _ = split_arguments(&line);
        }

        #[test]
        fn any_mess_of_quotes_is_survived(line in r#"[ab \\x4'"\t]{0,30}"#) {
            let _ = split_arguments(line.as_bytes());
        }
    }
}
