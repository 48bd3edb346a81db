//! A leaf of a list's tree: a run, or one squeezed into less memory.
//!
//! Edits open a squeezed leaf; `depth` says which are squeezed again.

use std::borrow::Cow;
use std::ops::Range;

use super::super::run::{Run, Squeezed};
use super::super::tree::{FULL, Leaf};
use super::{BYTES_MAX, OUTSIDE_MAX, SLOTS_MAX};

#[derive(Debug, Clone)]
pub(super) enum Node {
    Plain(Run),
    Squeezed(Squeezed),
}

/// How full a run of so much is. Rounded up, so that one byte or string too many weighs
/// too much.
fn weight(strings: usize, inline_bytes: usize, outside: usize) -> usize {
    let by_bytes = inline_bytes * FULL / BYTES_MAX + usize::from(inline_bytes > BYTES_MAX);
    let by_outside = (outside * FULL).div_ceil(OUTSIDE_MAX);
    let by_strings = (strings * FULL).div_ceil(SLOTS_MAX);
    by_bytes.max(by_strings).max(by_outside)
}

pub(super) fn weight_of(run: &Run) -> usize {
    weight(run.len(), run.inline_bytes(), run.outside_len())
}

/// Where to cut a run into two of like weight.
pub(super) fn middle_of(run: &mut Run) -> usize {
    if run.outside_len() > OUTSIDE_MAX {
        return run.middle_outside();
    }
    run.middle()
}

impl Node {
    pub fn is_squeezed(&self) -> bool {
        matches!(self, Node::Squeezed(_))
    }

    /// The run for a look at the strings in `part`; long ones elsewhere may be missing.
    #[inline]
    pub fn look(&self, part: Range<usize>) -> Cow<'_, Run> {
        match self {
            Node::Plain(run) => Cow::Borrowed(run),
            Node::Squeezed(squeezed) => Cow::Owned(squeezed.open(part)),
        }
    }

    /// The run for changing it, no longer squeezed.
    #[inline]
    pub fn open(&mut self) -> &mut Run {
        if let Node::Squeezed(squeezed) = self {
            *self = Node::Plain(squeezed.open(0..squeezed.len()));
        }
        match self {
            Node::Plain(run) => run,
            Node::Squeezed(_) => unreachable!("it was opened"),
        }
    }

    pub fn into_run(mut self) -> Run {
        std::mem::take(self.open())
    }

    /// The same, squeezed; None if it is or that does not pay.
    pub fn squeeze(&self) -> Option<Node> {
        match self {
            Node::Plain(run) => run.squeeze().map(Node::Squeezed),
            Node::Squeezed(_) => None,
        }
    }

    pub fn check(&self) {
        match self {
            Node::Plain(run) => run.check(),
            Node::Squeezed(squeezed) => squeezed.check(),
        }
    }
}

impl Default for Node {
    fn default() -> Self {
        Node::Plain(Run::default())
    }
}

impl Leaf for Node {
    type Key = ();

    #[inline]
    fn len(&self) -> usize {
        match self {
            Node::Plain(run) => run.len(),
            Node::Squeezed(squeezed) => squeezed.len(),
        }
    }

    fn weight(&self) -> usize {
        match self {
            Node::Plain(run) => weight_of(run),
            Node::Squeezed(of) => weight(of.len(), of.inline_bytes(), of.outside_len()),
        }
    }

    fn middle(&mut self) -> usize {
        middle_of(self.open())
    }

    fn split_off(&mut self, at: usize) -> Node {
        Node::Plain(self.open().split_off(at))
    }

    fn append(&mut self, next: &Node) {
        self.open().append(&next.look(0..next.len()));
    }

    fn key_between(_: &Node, _: &Node) {}

    fn memory_bytes(&self) -> usize {
        match self {
            Node::Plain(run) => run.memory_bytes(),
            Node::Squeezed(squeezed) => squeezed.memory_bytes(),
        }
    }
}

const _: () = assert!(size_of::<Node>() == size_of::<Run>());
