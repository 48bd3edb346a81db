//! Inline commands: a line of words as typed into telnet.
//!
//! Words are separated by blanks. `"…"` knows the escapes `\xHH \n \r \t \b \a`
//! (any other escaped character stands for itself), `'…'` knows `\'` only. As in a
//! shell a word may hold several quoted parts and go on after them. (So in Valkey 9;
//! Redis demands a blank after a closing quote.)

/// A quote was not closed.
#[derive(Debug, PartialEq, Eq)]
pub struct Unbalanced;

/// Splits `line` into words, appended to `decoded`, their ranges to `words`.
pub fn split_words(
    line: &[u8],
    decoded: &mut Vec<u8>,
    words: &mut Vec<(u32, u32)>,
) -> Result<(), Unbalanced> {
    let mut rest = line;
    loop {
        while let Some((&byte, tail)) = rest.split_first()
            && is_blank(byte)
        {
            rest = tail;
        }
        if rest.is_empty() {
            return Ok(());
        }
        let start = decoded.len() as u32;
        rest = take_word(rest, decoded)?;
        words.push((start, decoded.len() as u32));
    }
}

/// Decodes one word and returns what follows it.
fn take_word<'a>(mut rest: &'a [u8], decoded: &mut Vec<u8>) -> Result<&'a [u8], Unbalanced> {
    while let Some((&byte, tail)) = rest.split_first() {
        rest = match byte {
            // Narrower than `is_blank`: \v and \f separate words only in front of one.
            b' ' | b'\t' | b'\r' | b'\n' => return Ok(tail),
            b'"' => take_double_quoted(tail, decoded)?,
            b'\'' => take_single_quoted(tail, decoded)?,
            _ => {
                decoded.push(byte);
                tail
            }
        };
    }
    Ok(rest)
}

fn take_double_quoted<'a>(
    mut rest: &'a [u8],
    decoded: &mut Vec<u8>,
) -> Result<&'a [u8], Unbalanced> {
    loop {
        rest = match rest {
            [b'\\', b'x', high, low, tail @ ..]
                if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() =>
            {
                decoded.push(hex_value(*high) << 4 | hex_value(*low));
                tail
            }
            [b'\\', escaped, tail @ ..] => {
                decoded.push(match escaped {
                    b'n' => b'\n',
                    b'r' => b'\r',
                    b't' => b'\t',
                    b'b' => 8,
                    b'a' => 7,
                    other => *other,
                });
                tail
            }
            [b'"', tail @ ..] => return Ok(tail),
            [byte, tail @ ..] => {
                decoded.push(*byte);
                tail
            }
            [] => return Err(Unbalanced),
        };
    }
}

fn take_single_quoted<'a>(
    mut rest: &'a [u8],
    decoded: &mut Vec<u8>,
) -> Result<&'a [u8], Unbalanced> {
    loop {
        rest = match rest {
            [b'\\', b'\'', tail @ ..] => {
                decoded.push(b'\'');
                tail
            }
            [b'\'', tail @ ..] => return Ok(tail),
            [byte, tail @ ..] => {
                decoded.push(*byte);
                tail
            }
            [] => return Err(Unbalanced),
        };
    }
}

fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\r' | b'\n' | 0x0b | 0x0c)
}

fn hex_value(digit: u8) -> u8 {
    match digit {
        b'0'..=b'9' => digit - b'0',
        _ => (digit | 0x20) - b'a' + 10,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(line: &[u8]) -> Result<Vec<Vec<u8>>, Unbalanced> {
        let (mut decoded, mut ranges) = (Vec::new(), Vec::new());
        split_words(line, &mut decoded, &mut ranges)?;
        Ok(ranges
            .iter()
            .map(|&(start, end)| decoded[start as usize..end as usize].to_vec())
            .collect())
    }

    #[test]
    fn words_are_separated_by_blanks() {
        assert_eq!(words(b"  SET  a\tb ").unwrap(), [&b"SET"[..], b"a", b"b"]);
        assert_eq!(words(b" \t ").unwrap(), Vec::<Vec<u8>>::new());
    }

    #[test]
    fn quotes_hold_blanks_and_escapes() {
        assert_eq!(
            words(br#""a b" "\x41\n\q" 'it\'s \n'"#).unwrap(),
            [&b"a b"[..], b"A\nq", b"it's \\n"]
        );
        assert_eq!(words(br#""" ''"#).unwrap(), [b"", b""]);
        assert_eq!(words(br#"pre"fix ed""#).unwrap(), [b"prefix ed"]);
        assert_eq!(words(br#""\x4""#).unwrap(), [b"x4"]);
    }

    #[test]
    fn a_word_goes_on_after_a_quote() {
        let line = br#"'a'b"c d"e \x41"#;
        assert_eq!(words(line).unwrap(), [&b"abc de"[..], b"\\x41"]);
    }

    #[test]
    fn quotes_must_be_closed() {
        for line in [&br#""open"#[..], b"'open", br#""a"'b"#, br#""a\"#, b"a'"] {
            assert_eq!(words(line), Err(Unbalanced));
        }
    }
}
