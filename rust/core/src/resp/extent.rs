//! Where a reply ends, found out while its bytes arrive, without reading any twice.
//!
//!     | *3 $1 a | *2 :1 | …        position: behind `:1`
//!       open: [1, 1]               one item of the inner array is missing, one of the outer

use crate::resp::decode::{DEPTH_MAX, Malformed};
use crate::text::integer;

/// The way through one reply so far.
#[derive(Debug, Default)]
pub struct Extent {
    position: usize,
    /// Items that are missing, of each collection that has begun.
    open: Vec<u64>,
    has_begun: bool,
}

impl Extent {
    /// Goes on with all bytes from the reply's first on; its length when it is whole.
    pub fn end(&mut self, bytes: &[u8]) -> Result<Option<usize>, Malformed> {
        while !self.has_begun || !self.open.is_empty() {
            let Some(rest) = bytes.get(self.position..) else {
                return Ok(None);
            };
            let Some(line) = memchr::memchr(b'\n', rest) else {
                return Ok(None);
            };
            let header = &rest[..=line];
            let (items, body_bytes) = announced(header)?;
            let next = self.position + header.len() + body_bytes;
            if next > bytes.len() {
                return Ok(None);
            }
            self.position = next;
            if header[0] != b'|' {
                // Attributes are no item, but stand before one.
                self.count_item();
            }
            if items > 0 {
                if self.open.len() > DEPTH_MAX {
                    return Err(Malformed);
                }
                self.open.push(items);
            }
            self.close_full();
        }
        Ok(Some(self.position))
    }

    fn count_item(&mut self) {
        match self.open.last_mut() {
            Some(missing) => *missing -= 1,
            None => self.has_begun = true,
        }
    }

    /// A collection that lacks nothing is done, unless the one just begun is inside it.
    fn close_full(&mut self) {
        while self.open.last() == Some(&0) {
            self.open.pop();
        }
    }
}

/// What the first line of an item says: items that follow, and bytes of its own.
fn announced(header: &[u8]) -> Result<(u64, usize), Malformed> {
    let (kind, line) = match header {
        [kind, line @ .., b'\r', b'\n'] => (*kind, line),
        _ => return Err(Malformed),
    };
    let count = || {
        integer::parse(line)
            .filter(|count| *count >= -1)
            .ok_or(Malformed)
    };
    Ok(match kind {
        b'$' | b'=' | b'!' => match count()? {
            -1 => (0, 0),
            length => (0, length as usize + 2),
        },
        b'*' | b'~' | b'>' => (count()?.max(0) as u64, 0),
        b'%' | b'|' => (2 * count()?.max(0) as u64, 0),
        b'+' | b'-' | b':' | b',' | b'(' | b'#' | b'_' => (0, 0),
        _ => return Err(Malformed),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const REPLIES: [&[u8]; 12] = [
        b"+OK\r\n",
        b"-ERR no\r\n",
        b":12\r\n",
        b"$5\r\na\r\nbc\r\n",
        b"$-1\r\n",
        b"*0\r\n",
        b"*-1\r\n",
        b"*2\r\n*2\r\n:1\r\n$1\r\nx\r\n*0\r\n",
        b"%1\r\n+a\r\n~2\r\n#t\r\n_\r\n",
        b"*1\r\n*1\r\n*1\r\n,1.5\r\n",
        b">2\r\n+message\r\n=5\r\ntxt:a\r\n",
        b"|1\r\n+key\r\n:1\r\n*1\r\n:2\r\n",
    ];

    #[test]
    fn a_reply_ends_where_it_ends_however_it_arrives() {
        for reply in REPLIES {
            let bytes = [reply, b"+next\r\n"].concat();
            let mut whole = Extent::default();
            assert_eq!(whole.end(&bytes), Ok(Some(reply.len())));
            let mut slow = Extent::default();
            for arrived in 0..reply.len() {
                assert_eq!(slow.end(&bytes[..arrived]), Ok(None), "{reply:?} {arrived}");
            }
            assert_eq!(slow.end(reply), Ok(Some(reply.len())));
        }
    }

    #[test]
    fn what_is_no_reply_is_malformed() {
        for bytes in [&b"?\r\n"[..], b"$x\r\n", b"\n", b"*-2\r\n", b"+a\n"] {
            assert_eq!(Extent::default().end(bytes), Err(Malformed));
        }
        let deep = b"*1\r\n".repeat(DEPTH_MAX + 2);
        assert_eq!(Extent::default().end(&deep), Err(Malformed));
    }
}
