//! The IDs of entries: milliseconds and a number, `1526919030474-55`.

use std::fmt;

/// Longer texts are no IDs.
const TEXT_BYTES_MAX: usize = 127;

/// See the head of this file; the order is that of the entries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct StreamId {
    pub ms: u64,
    pub seq: u64,
}

impl StreamId {
    /// Before all entries; no entry has it.
    pub const ZERO: StreamId = StreamId { ms: 0, seq: 0 };
    pub const MAX: StreamId = StreamId {
        ms: u64::MAX,
        seq: u64::MAX,
    };

    pub fn new(ms: u64, seq: u64) -> StreamId {
        StreamId { ms, seq }
    }

    /// The next one; None behind the last.
    #[inline]
    pub fn next(self) -> Option<StreamId> {
        match (self.ms, self.seq) {
            (u64::MAX, u64::MAX) => None,
            (ms, u64::MAX) => Some(StreamId::new(ms + 1, 0)),
            (ms, seq) => Some(StreamId::new(ms, seq + 1)),
        }
    }

    /// The one before; None before the first.
    #[inline]
    pub fn previous(self) -> Option<StreamId> {
        match (self.ms, self.seq) {
            (0, 0) => None,
            (ms, 0) => Some(StreamId::new(ms - 1, u64::MAX)),
            (ms, seq) => Some(StreamId::new(ms, seq - 1)),
        }
    }

    /// Reads `ms-seq` or `ms`, which gets `missing_seq`.
    ///
    /// Numbers are read as the servers read them: first as canonical integers, then as
    /// `strtoull` does. A NUL ends the text.
    pub fn parse(text: &[u8], missing_seq: u64) -> Option<StreamId> {
        let text = c_text(text)?;
        match text.iter().position(|byte| *byte == b'-') {
            None => Some(StreamId::new(number(text)?, missing_seq)),
            Some(at) => Some(StreamId::new(
                number(&text[..at])?,
                number(&text[at + 1..])?,
            )),
        }
    }

    /// Reads `ms-*`: the number is to be chosen.
    pub fn parse_open(text: &[u8]) -> Option<u64> {
        let text = c_text(text)?;
        let at = text.iter().position(|byte| *byte == b'-')?;
        (&text[at + 1..] == b"*").then(|| number(&text[..at]))?
    }

    /// Appends the text.
    #[inline]
    pub fn write(self, into: &mut Vec<u8>) {
        let mut digits = itoa::Buffer::new();
        into.extend_from_slice(digits.format(self.ms).as_bytes());
        into.push(b'-');
        into.extend_from_slice(digits.format(self.seq).as_bytes());
    }

    /// The text.
    pub fn to_text(self) -> Vec<u8> {
        let mut text = Vec::with_capacity(24);
        self.write(&mut text);
        text
    }

    /// Sixteen bytes, big endian: their order is that of the IDs.
    pub fn to_bytes(self) -> [u8; 16] {
        let mut bytes = [0; 16];
        bytes[..8].copy_from_slice(&self.ms.to_be_bytes());
        bytes[8..].copy_from_slice(&self.seq.to_be_bytes());
        bytes
    }

    pub fn from_bytes(bytes: [u8; 16]) -> StreamId {
        let both = u128::from_be_bytes(bytes);
        StreamId::new((both >> 64) as u64, both as u64)
    }
}

impl fmt::Display for StreamId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}-{}", self.ms, self.seq)
    }
}

fn c_text(text: &[u8]) -> Option<&[u8]> {
    if text.len() > TEXT_BYTES_MAX {
        return None;
    }
    let end = text.iter().position(|byte| *byte == 0);
    Some(&text[..end.unwrap_or(text.len())])
}

/// A canonical integer that is not negative, or what `strtoull` takes as a whole.
fn number(text: &[u8]) -> Option<u64> {
    if let Some(number) = crate::text::integer::parse(text) {
        return u64::try_from(number).ok();
    }
    let blank = |byte: &u8| byte.is_ascii_whitespace() || *byte == 0x0b;
    let start = text.iter().position(|byte| !blank(byte))?;
    let (is_negative, digits) = match text[start] {
        b'-' => (true, &text[start + 1..]),
        b'+' => (false, &text[start + 1..]),
        _ => (false, &text[start..]),
    };
    if digits.is_empty() {
        return None;
    }
    let mut value = 0_u64;
    for digit in digits {
        let digit = digit.is_ascii_digit().then(|| u64::from(digit - b'0'))?;
        value = value.checked_mul(10)?.checked_add(digit)?;
    }
    Some(if is_negative {
        value.wrapping_neg()
    } else {
        value
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Option<(u64, u64)> {
        StreamId::parse(text.as_bytes(), 7).map(|id| (id.ms, id.seq))
    }

    #[test]
    fn texts_are_read_as_in_c() {
        assert_eq!(parse("5"), Some((5, 7)));
        assert_eq!(parse("5-6"), Some((5, 6)));
        assert_eq!(
            parse("18446744073709551615-18446744073709551615"),
            Some((u64::MAX, u64::MAX))
        );
        assert_eq!(parse("01- 2"), Some((1, 2)));
        assert_eq!(parse("1--01"), Some((1, u64::MAX)));
        assert_eq!(parse("1-2\0x"), Some((1, 2)));
        for refused in [
            "",
            "-",
            "+",
            "1-",
            "-1",
            "1--1",
            "1-2-3",
            "x",
            "18446744073709551616",
            "1 ",
        ] {
            assert_eq!(parse(refused), None, "{refused:?}");
        }
        assert_eq!(StreamId::parse_open(b"12-*"), Some(12));
        assert_eq!(StreamId::parse_open(b"12-1"), None);
    }

    #[test]
    fn neighbours() {
        let id = StreamId::new(3, u64::MAX);
        assert_eq!(id.next(), Some(StreamId::new(4, 0)));
        assert_eq!(id.next().and_then(StreamId::previous), Some(id));
        assert_eq!(
            (StreamId::MAX.next(), StreamId::ZERO.previous()),
            (None, None)
        );
        assert_eq!(StreamId::from_bytes(id.to_bytes()), id);
        assert_eq!(id.to_string().into_bytes(), id.to_text());
    }
}
