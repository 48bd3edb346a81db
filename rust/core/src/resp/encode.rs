//! Writes replies: RESP2 and RESP3.
//!
//! Everything appends to a client's buffer. What RESP2 lacks is written the way
//! Redis writes it there: maps as flat arrays, doubles and verbatim text as bulk
//! strings, booleans as integers.

use std::sync::Arc;

use crate::output::{Output, SHARED_BYTES_MIN};
use crate::reply::{Protocol, Reply};
use crate::text::double;

/// A line of a number below 100, as most are: written as one piece. False: it is not.
#[inline]
fn short_line(out: &mut Vec<u8>, kind: u8, number: u64) -> bool {
    match number {
        0..10 => out.extend_from_slice(&[kind, b'0' + number as u8, b'\r', b'\n']),
        10..100 => {
            let (tens, ones) = (number as u8 / 10, number as u8 % 10);
            out.extend_from_slice(&[kind, b'0' + tens, b'0' + ones, b'\r', b'\n']);
        }
        _ => return false,
    }
    true
}

/// A type byte, a number, the line's end.
#[inline]
fn number_line(out: &mut Vec<u8>, kind: u8, number: i64) {
    // A negative one is a large one here.
    if short_line(out, kind, number as u64) {
        return;
    }
    let mut buffer = itoa::Buffer::new();
    let digits = buffer.format(number).as_bytes();
    out.reserve(digits.len() + 3);
    out.push(kind);
    out.extend_from_slice(digits);
    out.extend_from_slice(b"\r\n");
}

#[inline]
pub fn integer(out: &mut Vec<u8>, number: i64) {
    number_line(out, b':', number);
}

#[inline]
pub fn bulk(out: &mut Vec<u8>, bytes: &[u8]) {
    const AROUND_BYTES_MAX: usize = 25;
    out.reserve(bytes.len() + AROUND_BYTES_MAX);
    number_line(out, b'$', bytes.len() as i64);
    out.extend_from_slice(bytes);
    out.extend_from_slice(b"\r\n");
}

/// A bulk string that is sent from where it lies when it is big.
pub fn shared_bulk(out: &mut Output, bytes: &Arc<Vec<u8>>) {
    if bytes.len() < SHARED_BYTES_MIN {
        return bulk(out.tail(), bytes);
    }
    number_line(out.tail(), b'$', bytes.len() as i64);
    out.push_shared(bytes.clone());
    out.push(b"\r\n");
}

/// A status line; `text` is ours and holds no line ends.
#[inline]
pub fn status(out: &mut Vec<u8>, text: &str) {
    out.push(b'+');
    out.extend_from_slice(text.as_bytes());
    out.extend_from_slice(b"\r\n");
}

/// An error line. `text` has no leading `-`; line ends in it become blanks.
pub fn error(out: &mut Vec<u8>, text: &[u8]) {
    out.push(b'-');
    let start = out.len();
    // Line ends at the end go, those inside become spaces.
    let is_kept = |byte: &u8| !matches!(byte, b'\r' | b'\n');
    let kept = text.iter().rposition(is_kept).map_or(0, |last| last + 1);
    out.extend_from_slice(&text[..kept]);
    for byte in &mut out[start..] {
        if matches!(*byte, b'\r' | b'\n') {
            *byte = b' ';
        }
    }
    out.extend_from_slice(b"\r\n");
}

#[inline]
pub fn null(out: &mut Vec<u8>, protocol: Protocol) {
    out.extend_from_slice(match protocol {
        Protocol::Resp2 => b"$-1\r\n",
        Protocol::Resp3 => b"_\r\n",
    });
}

pub fn null_array(out: &mut Vec<u8>, protocol: Protocol) {
    out.extend_from_slice(match protocol {
        Protocol::Resp2 => b"*-1\r\n",
        Protocol::Resp3 => b"_\r\n",
    });
}

pub fn boolean(out: &mut Vec<u8>, value: bool, protocol: Protocol) {
    out.extend_from_slice(match (protocol, value) {
        (Protocol::Resp2, false) => b":0\r\n",
        (Protocol::Resp2, true) => b":1\r\n",
        (Protocol::Resp3, false) => b"#f\r\n",
        (Protocol::Resp3, true) => b"#t\r\n",
    });
}

pub fn double(out: &mut Vec<u8>, number: f64, protocol: Protocol) {
    match protocol {
        Protocol::Resp2 => {
            if let Some(whole) = double::whole(number) {
                return bulk(out, itoa::Buffer::new().format(whole).as_bytes());
            }
            // The text comes first because its length is not known before; then both turn.
            let start = out.len();
            double::format(number, out);
            let middle = out.len();
            number_line(out, b'$', (middle - start) as i64);
            out[start..].rotate_left(middle - start);
            out.extend_from_slice(b"\r\n");
        }
        Protocol::Resp3 => {
            out.push(b',');
            double::format(number, out);
            out.extend_from_slice(b"\r\n");
        }
    }
}

/// `format` has three letters (`txt`, `mkd`).
pub fn verbatim(out: &mut Vec<u8>, format: &str, text: &[u8], protocol: Protocol) {
    if protocol == Protocol::Resp2 {
        return bulk(out, text);
    }
    debug_assert_eq!(format.len(), 3);
    number_line(out, b'=', text.len() as i64 + 4);
    out.extend_from_slice(format.as_bytes());
    out.push(b':');
    out.extend_from_slice(text);
    out.extend_from_slice(b"\r\n");
}

pub fn big_number(out: &mut Vec<u8>, digits: &[u8], protocol: Protocol) {
    match protocol {
        Protocol::Resp2 => bulk(out, digits),
        Protocol::Resp3 => {
            out.push(b'(');
            out.extend_from_slice(digits);
            out.extend_from_slice(b"\r\n");
        }
    }
}

/// `length` replies follow.
#[inline]
pub fn array_header(out: &mut Vec<u8>, length: usize) {
    number_line(out, b'*', length as i64);
}

/// `length` replies follow, all different.
pub fn set_header(out: &mut Vec<u8>, length: usize, protocol: Protocol) {
    let kind = if protocol == Protocol::Resp2 {
        b'*'
    } else {
        b'~'
    };
    number_line(out, kind, length as i64);
}

/// `length` pairs of replies follow.
pub fn map_header(out: &mut Vec<u8>, length: usize, protocol: Protocol) {
    match protocol {
        Protocol::Resp2 => number_line(out, b'*', 2 * length as i64),
        Protocol::Resp3 => number_line(out, b'%', length as i64),
    }
}

/// `length` replies follow that answer no request.
pub fn push_header(out: &mut Vec<u8>, length: usize, protocol: Protocol) {
    let kind = if protocol == Protocol::Resp2 {
        b'*'
    } else {
        b'>'
    };
    number_line(out, kind, length as i64);
}

/// Appends `reply` as `protocol` writes it.
pub fn encode(reply: &Reply, protocol: Protocol, out: &mut Output) {
    match reply {
        Reply::Nothing => {}
        Reply::Status(text) => status(out.tail(), text),
        Reply::StatusOwned(text) => status(out.tail(), text),
        Reply::Error(text) => error(out.tail(), text),
        Reply::Integer(number) => integer(out.tail(), *number),
        Reply::Double(number) => double(out.tail(), *number, protocol),
        Reply::Boolean(value) => boolean(out.tail(), *value, protocol),
        Reply::Null => null(out.tail(), protocol),
        Reply::NullArray => null_array(out.tail(), protocol),
        Reply::Bulk(bytes) => bulk(out.tail(), bytes),
        Reply::Shared(bytes) => shared_bulk(out, bytes),
        Reply::BigNumber(digits) => big_number(out.tail(), digits.as_bytes(), protocol),
        Reply::Verbatim(format, text) => verbatim(out.tail(), format, text, protocol),
        Reply::Array(items) => {
            array_header(out.tail(), items.len());
            encode_all(items, protocol, out);
        }
        Reply::Set(items) => {
            set_header(out.tail(), items.len(), protocol);
            encode_all(items, protocol, out);
        }
        Reply::Push(items) => {
            push_header(out.tail(), items.len(), protocol);
            encode_all(items, protocol, out);
        }
        Reply::Map(pairs) => {
            map_header(out.tail(), pairs.len(), protocol);
            for (key, value) in pairs {
                encode(key, protocol, out);
                encode(value, protocol, out);
            }
        }
    }
}

fn encode_all(items: &[Reply], protocol: Protocol, out: &mut Output) {
    for item in items {
        encode(item, protocol, out);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(reply: Reply, protocol: Protocol) -> String {
        let mut out = Output::default();
        encode(&reply, protocol, &mut out);
        String::from_utf8(out.take_bytes()).unwrap()
    }

    #[test]
    fn each_kind_in_both_protocols() {
        let bulk = |text: &str| Reply::Bulk(text.into());
        let cases = [
            (Reply::Nothing, "", ""),
            (Reply::Status("OK"), "+OK\r\n", "+OK\r\n"),
            (
                Reply::Error(b"ERR a\r\nb".to_vec()),
                "-ERR a  b\r\n",
                "-ERR a  b\r\n",
            ),
            (
                Reply::Integer(i64::MIN),
                ":-9223372036854775808\r\n",
                ":-9223372036854775808\r\n",
            ),
            (Reply::Double(1.5), "$3\r\n1.5\r\n", ",1.5\r\n"),
            (Reply::Double(3.0), "$1\r\n3\r\n", ",3\r\n"),
            (
                Reply::Double(f64::NEG_INFINITY),
                "$4\r\n-inf\r\n",
                ",-inf\r\n",
            ),
            (Reply::Boolean(true), ":1\r\n", "#t\r\n"),
            (Reply::Null, "$-1\r\n", "_\r\n"),
            (Reply::NullArray, "*-1\r\n", "_\r\n"),
            (bulk(""), "$0\r\n\r\n", "$0\r\n\r\n"),
            (Reply::BigNumber("12".into()), "$2\r\n12\r\n", "(12\r\n"),
            (
                Reply::Verbatim("txt", b"hi".to_vec()),
                "$2\r\nhi\r\n",
                "=6\r\ntxt:hi\r\n",
            ),
            (
                Reply::Array(vec![bulk("a")]),
                "*1\r\n$1\r\na\r\n",
                "*1\r\n$1\r\na\r\n",
            ),
            (
                Reply::Set(vec![bulk("a")]),
                "*1\r\n$1\r\na\r\n",
                "~1\r\n$1\r\na\r\n",
            ),
            (
                Reply::Push(vec![bulk("a")]),
                "*1\r\n$1\r\na\r\n",
                ">1\r\n$1\r\na\r\n",
            ),
            (
                Reply::Map(vec![(bulk("a"), Reply::Integer(1))]),
                "*2\r\n$1\r\na\r\n:1\r\n",
                "%1\r\n$1\r\na\r\n:1\r\n",
            ),
        ];
        for (reply, resp2, resp3) in cases {
            assert_eq!(text(reply.clone(), Protocol::Resp2), resp2);
            assert_eq!(text(reply, Protocol::Resp3), resp3);
        }
    }

    #[test]
    fn a_big_shared_value_is_not_copied() {
        let value = Arc::new(vec![b'x'; SHARED_BYTES_MIN]);
        let mut out = Output::default();
        shared_bulk(&mut out, &value);
        assert_eq!(Arc::strong_count(&value), 2);
        assert_eq!(
            out.take_bytes().len(),
            SHARED_BYTES_MIN + "$16384\r\n\r\n".len()
        );
    }
}
