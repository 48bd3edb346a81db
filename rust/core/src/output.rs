//! What waits to be written to one client.
//!
//!     | shared | owned | owned … |  tail (being filled) |
//!
//! Replies are appended to `tail`; a big value joins as a shared block, so that
//! a reply of 512 MB is not copied. `bytes_pending` is kept at each change,
//! because output limits and client eviction look at it.

use std::collections::VecDeque;
use std::io::{self, IoSlice};
use std::sync::Arc;

use crate::memory::taken_bytes;

/// A value of this size or more is sent from where it lies instead of being copied.
pub const SHARED_BYTES_MIN: usize = 16 * 1024;
/// Tails of this size are closed and a new one begun, so that memory is given back as it is written.
const TAIL_BYTES_MAX: usize = 64 * 1024;
/// A closed tail that has more room than this is made to fit: it may wait for long.
const WASTE_BYTES_MAX: usize = 8 * 1024;
/// How many blocks one `writev` takes.
const SLICES_MAX: usize = 32;
/// One client takes no more than this of a turn, however fast it reads.
const WRITE_BYTES_MAX: usize = 1024 * 1024;
/// How many emptied buffers are kept for the next turn.
const SPARE_BUFFERS_MAX: usize = 64;

#[derive(Debug)]
enum Block {
    Owned(Vec<u8>),
    Shared(Arc<Vec<u8>>),
}

impl Block {
    fn bytes(&self) -> &[u8] {
        match self {
            Block::Owned(bytes) => bytes,
            Block::Shared(bytes) => bytes,
        }
    }

    fn memory_bytes(&self) -> usize {
        match self {
            Block::Owned(bytes) => taken_bytes(bytes.capacity()),
            // The value's owner holds it, too, unless it is gone.
            Block::Shared(bytes) => taken_bytes(bytes.capacity()) / Arc::strong_count(bytes),
        }
    }
}

/// An ordered queue of bytes on its way to one client.
#[derive(Debug, Default)]
pub struct Output {
    blocks: VecDeque<Block>,
    tail: Vec<u8>,
    /// Bytes of the first block (or of the tail, without blocks) that are written already.
    written: usize,
    pending: usize,
}

impl Output {
    /// Bytes that wait to be written.
    pub fn bytes_pending(&self) -> usize {
        let tail_written = if self.blocks.is_empty() {
            self.written
        } else {
            0
        };
        self.pending + self.tail.len() - tail_written
    }

    /// True when nothing waits.
    pub fn is_empty(&self) -> bool {
        self.bytes_pending() == 0
    }

    /// Bytes of memory that this queue holds; of what it shares with others, its part.
    /// O(blocks).
    pub fn memory_bytes(&self) -> usize {
        let blocks = self.blocks.iter().map(Block::memory_bytes);
        let places = self.blocks.capacity() * size_of::<Block>();
        blocks.sum::<usize>() + taken_bytes(self.tail.capacity()) + places
    }

    /// How many closed blocks wait (CLIENT LIST's `oll`).
    pub fn block_count(&self) -> usize {
        self.blocks.len()
    }

    /// Bytes that wait in the tail (CLIENT LIST's `obl`).
    pub fn tail_bytes(&self) -> usize {
        self.bytes_pending() - self.pending
    }

    /// Bytes that the tail can hold before it grows (CLIENT LIST's `rbs`).
    pub fn tail_capacity(&self) -> usize {
        self.tail.capacity()
    }

    /// The buffer to append encoded replies to.
    pub fn tail(&mut self) -> &mut Vec<u8> {
        if self.tail.len() >= TAIL_BYTES_MAX {
            self.close_tail();
        }
        &mut self.tail
    }

    /// Appends bytes.
    pub fn push(&mut self, bytes: &[u8]) {
        self.tail().extend_from_slice(bytes);
    }

    /// Appends a block that is shared with its owner instead of copied.
    pub fn push_shared(&mut self, bytes: Arc<Vec<u8>>) {
        self.close_tail();
        self.pending += bytes.len();
        self.blocks.push_back(Block::Shared(bytes));
    }

    /// Appends all that waits in `other`, which must not have been written from.
    pub fn append(&mut self, mut other: Output) {
        if other.blocks.is_empty() {
            self.push(&other.tail);
            return;
        }
        self.close_tail();
        other.close_tail();
        self.pending += other.pending;
        self.blocks.append(&mut other.blocks);
    }

    /// Removes and returns all bytes that wait, in one piece.
    pub fn take_bytes(&mut self) -> Vec<u8> {
        if self.blocks.is_empty() && self.written == 0 {
            return std::mem::take(&mut self.tail);
        }
        self.close_tail();
        let mut all = Vec::with_capacity(self.pending);
        for block in self.blocks.drain(..) {
            all.extend_from_slice(&block.bytes()[self.written..]);
            self.written = 0;
        }
        self.pending = 0;
        all
    }

    /// Takes back what was appended since `bytes_pending` was `bytes`: the part of a reply
    /// that will not be finished. O(bytes); for what goes wrong, not for every command.
    pub fn truncate(&mut self, bytes: usize) {
        let mut kept = self.take_bytes();
        kept.truncate(bytes);
        self.push(&kept);
    }

    /// Drops all that waits.
    pub fn clear(&mut self) {
        *self = Output::default();
    }

    fn close_tail(&mut self) {
        if !self.tail.is_empty() {
            let free = self.tail.capacity() - self.tail.len();
            let tail = if free > self.tail.len() {
                // The buffer stays, for what comes next or for the next client.
                let tail = self.tail.as_slice().to_vec();
                self.tail.clear();
                tail
            } else {
                let mut tail = std::mem::take(&mut self.tail);
                if free > WASTE_BYTES_MAX {
                    tail.shrink_to_fit();
                }
                tail
            };
            self.pending += tail.len();
            self.blocks.push_back(Block::Owned(tail));
            if self.blocks.len() == 1 {
                self.pending -= self.written;
            }
        }
    }

    /// Takes an emptied buffer to append to, if there is none yet.
    ///
    /// With `give_buffer` it lets a few warm buffers serve all clients of a loop, and
    /// idle clients hold none.
    pub fn take_buffer(&mut self, spare: &mut Vec<Vec<u8>>) {
        if self.tail.capacity() == 0
            && let Some(buffer) = spare.pop()
        {
            self.tail = buffer;
        }
    }

    /// Gives the buffer back if nothing waits in this queue.
    pub fn give_buffer(&mut self, spare: &mut Vec<Vec<u8>>) {
        if self.is_empty() && self.tail.capacity() > 0 {
            let buffer = std::mem::take(&mut self.tail);
            if spare.len() < SPARE_BUFFERS_MAX {
                spare.push(buffer);
            }
            self.blocks = VecDeque::new();
        }
    }

    /// Writes what waits until all is gone, the socket takes no more, or others should
    /// have their turn.
    ///
    /// Returns how many bytes went out. `WouldBlock` is not an error here;
    /// the queue is simply not empty afterwards.
    pub fn write_to(&mut self, socket: &mut impl io::Write) -> io::Result<usize> {
        let mut total = 0;
        while !self.is_empty() && total < WRITE_BYTES_MAX {
            let mut offered = 0;
            let result = if self.blocks.is_empty() {
                offered += self.tail.len() - self.written;
                socket.write(&self.tail[self.written..])
            } else {
                let mut slices = [IoSlice::new(&[]); SLICES_MAX];
                let mut count = 0;
                let mut skip = self.written;
                let blocks = self.blocks.iter().map(Block::bytes);
                for bytes in blocks
                    .chain(std::iter::once(&self.tail[..]))
                    .take(SLICES_MAX)
                {
                    slices[count] = IoSlice::new(&bytes[skip..]);
                    offered += bytes.len() - skip;
                    skip = 0;
                    count += 1;
                }
                socket.write_vectored(&slices[..count])
            };
            match result {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(count) => {
                    total += count;
                    self.advance(count);
                    if count < offered {
                        // The socket is full; asking again would only tell us so.
                        break;
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(total)
    }

    fn advance(&mut self, mut count: usize) {
        while let Some(first) = self.blocks.front() {
            let left = first.bytes().len() - self.written;
            if count < left {
                self.written += count;
                self.pending -= count;
                return;
            }
            count -= left;
            self.pending -= left;
            self.written = 0;
            self.blocks.pop_front();
        }
        // Only the tail is left. Its written part stays until all of it is gone:
        // cutting it off would move what follows, again and again.
        let done = self.written + count;
        if done == self.tail.len() {
            self.written = 0;
            if self.tail.capacity() > TAIL_BYTES_MAX {
                self.tail = Vec::new();
            } else {
                self.tail.clear();
            }
        } else {
            self.written = done;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Takes at most so many bytes, then would block.
    struct Narrow(usize);

    impl io::Write for Narrow {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let count = bytes.len().min(self.0);
            self.0 -= count;
            if count == 0 {
                return Err(io::ErrorKind::WouldBlock.into());
            }
            Ok(count)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_slow_reader_holds_little_more_than_what_waits() {
        let mut output = Output::default();
        for _ in 0..2_000 {
            output.push(&[b'x'; 15_000]);
        }
        let (pending, held) = (output.bytes_pending(), output.memory_bytes());
        assert!((pending..pending + pending / 8).contains(&held), "{held} B");
        // A warm buffer does not leave with the few bytes before a shared block.
        let mut output = Output::default();
        output.take_buffer(&mut vec![Vec::with_capacity(TAIL_BYTES_MAX)]);
        output.push(b"$16384\r\n");
        output.push_shared(Arc::new(vec![b'x'; SHARED_BYTES_MIN]));
        output.push(b"\r\n");
        let held = output.memory_bytes() - taken_bytes(output.tail_capacity());
        assert!((SHARED_BYTES_MIN..SHARED_BYTES_MIN + 512).contains(&held));
        assert_eq!(output.take_bytes().len(), SHARED_BYTES_MIN + 10);
    }

    #[test]
    fn what_is_shared_is_counted_in_parts() {
        let value = Arc::new(vec![b'x'; SHARED_BYTES_MIN]);
        let mut output = Output::default();
        for _ in 0..3 {
            output.push_shared(Arc::clone(&value));
        }
        let kept = output.memory_bytes();
        assert!((SHARED_BYTES_MIN / 4 * 3..SHARED_BYTES_MIN).contains(&kept));
        drop(value);
        assert!((SHARED_BYTES_MIN - 3..SHARED_BYTES_MIN + 512).contains(&output.memory_bytes()));
    }

    #[test]
    fn what_waited_before_stays_when_a_reply_is_taken_back() {
        for written in [0, 3] {
            for is_shared in [false, true] {
                let mut output = Output::default();
                output.push(b"+first\r\n");
                output.write_to(&mut Narrow(written)).unwrap();
                let pending = output.bytes_pending();
                output.push(b"*2\r\n:1\r\n");
                if is_shared {
                    output.push_shared(Arc::new(vec![b'x'; SHARED_BYTES_MIN]));
                }
                output.truncate(pending);
                assert_eq!(output.bytes_pending(), pending);
                assert_eq!(output.take_bytes(), &b"+first\r\n"[written..]);
            }
        }
    }
}
