//! The sockets that a child after a fork must not keep.
//!
//! A forked child has every descriptor of its parent. While it keeps the parent's
//! sockets, those stay open when the parent dies: clients would wait for ever for a reply
//! instead of hearing that nobody is there. So the descriptors are noted, one bit each,
//! and the child closes them before it does anything else.
//!
//! Noting needs no lock, which a fork could leave locked. Who forks from Python holds the
//! GIL, and so does the loop while it opens and closes sockets: a fork sees no half of it.

use std::os::fd::{AsFd, AsRawFd};
use std::sync::atomic::{AtomicU64, Ordering};

/// Descriptors above this are not noted; a process can rarely have as many.
const NOTED_MAX: usize = 1 << 20;
const BITS: usize = u64::BITS as usize;

static NOTED: [AtomicU64; NOTED_MAX / BITS] = [const { AtomicU64::new(0) }; NOTED_MAX / BITS];

fn place(socket: &impl AsFd) -> Option<(&'static AtomicU64, u64)> {
    let descriptor = usize::try_from(socket.as_fd().as_raw_fd()).ok()?;
    let word = NOTED.get(descriptor / BITS)?;
    Some((word, 1 << (descriptor % BITS)))
}

/// The socket is open from now on.
pub fn note(socket: &impl AsFd) {
    if let Some((word, bit)) = place(socket) {
        word.fetch_or(bit, Ordering::Relaxed);
    }
}

/// The socket is about to be closed.
pub fn forget(socket: &impl AsFd) {
    if let Some((word, bit)) = place(socket) {
        word.fetch_and(!bit, Ordering::Relaxed);
    }
}

/// All that are noted, which are forgotten: for a child to close, where nobody uses them.
pub fn take_all() -> Vec<i32> {
    let mut found = Vec::new();
    for (index, word) in NOTED.iter().enumerate() {
        let mut bits = word.swap(0, Ordering::Relaxed);
        while bits != 0 {
            found.push((index * BITS) as i32 + bits.trailing_zeros() as i32);
            bits &= bits - 1;
        }
    }
    found
}
