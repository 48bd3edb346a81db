//! A big argument that arrives in pieces, in memory of its own.
//!
//!     *3\r\n $3\r\nSET\r\n $1\r\nk\r\n $536870912\r\n  ┊ body … ┊  \r\n
//!     the connection's input                            Body       the input goes on
//!
//! What is complete becomes an argument that can be stored as it is: a value of
//! 512 MB is written to memory once.
//!
//! Memory grows with what has arrived: a length that is only announced costs nothing.
//! It grows in few steps, since moving is what others would wait for: of 512 MB, 8 are
//! copied once. The difference is address space, which nobody pays for until it is used.

use std::sync::Arc;

/// Allocations before that of the whole argument.
const STEPS_BYTES: [usize; 2] = [128 * 1024, 8 * 1024 * 1024];

/// The part of an argument that has arrived.
#[derive(Debug)]
pub struct Body {
    bytes: Vec<u8>,
    length: usize,
}

impl Body {
    /// The beginning of an argument of `length` bytes, of which `arrived` is there.
    pub fn new(arrived: &[u8], length: usize) -> Body {
        let mut body = Body {
            bytes: Vec::new(),
            length,
        };
        body.take(arrived);
        body
    }

    /// How many bytes are still to come.
    pub fn bytes_missing(&self) -> usize {
        self.length - self.bytes.len()
    }

    /// How many bytes have arrived.
    pub fn bytes_used(&self) -> usize {
        self.bytes.len()
    }

    /// What it holds of memory.
    pub fn bytes_allocated(&self) -> usize {
        self.bytes.capacity()
    }

    /// Takes what belongs to it from the beginning of `arrived`; returns how much that is.
    pub fn take(&mut self, arrived: &[u8]) -> usize {
        let count = arrived.len().min(self.bytes_missing());
        let needed = self.bytes.len() + count;
        if needed > self.bytes.capacity() {
            let step = STEPS_BYTES.into_iter().find(|&step| step >= needed);
            // The last allocation is exact, for the value will live in it.
            let wanted = step.map_or(self.length, |step| step.min(self.length));
            if self
                .bytes
                .try_reserve_exact(wanted - self.bytes.len())
                .is_err()
            {
                let doubled = self.length.min(2 * needed);
                self.bytes.reserve_exact(doubled - self.bytes.len());
            }
        }
        self.bytes.extend_from_slice(&arrived[..count]);
        count
    }

    /// The whole argument.
    pub fn finish(self) -> Arc<Vec<u8>> {
        debug_assert_eq!(self.bytes_missing(), 0);
        Arc::new(self.bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_announced_length_costs_nothing() {
        let body = Body::new(b"abc", usize::MAX >> 1);
        assert_eq!(body.bytes_allocated(), STEPS_BYTES[0]);
        assert_eq!(Body::new(b"", 1 << 40).bytes_allocated(), 0);
    }

    #[test]
    fn little_is_copied_when_it_grows() {
        for length in [512 << 20, (512 << 20) - 1, 100 << 20, 9 << 20] {
            let mut body = Body::new(b"", length);
            let (packet, mut moved, mut room) = ([b'x'; 60_000], 0, 0);
            while body.bytes_used() < 16 << 20 && body.bytes_missing() > 0 {
                let used = body.bytes_used();
                body.take(&packet);
                if body.bytes_allocated() != room {
                    (moved, room) = (moved + used, body.bytes_allocated());
                }
            }
            assert_eq!(room, length);
            assert!(moved < 9 << 20, "{moved}");
        }
    }

    #[test]
    fn memory_is_in_proportion_to_what_has_arrived_and_exact_in_the_end() {
        let length = 3 * 1024 * 1024 + 7;
        let mut body = Body::new(b"", length);
        let packet = [b'x'; 10_000];
        while body.bytes_missing() > 0 {
            let missing = body.bytes_missing();
            assert_eq!(body.take(&packet), missing.min(packet.len()));
            let [first, second] = STEPS_BYTES;
            assert!(body.bytes_allocated() <= second);
            assert!(body.bytes_used() > first || body.bytes_allocated() <= first);
        }
        assert_eq!(body.take(&packet), 0);
        let whole = body.finish();
        assert_eq!((whole.len(), whole.capacity()), (length, length));
    }
}
