//! Which leaves are squeezed: `list-compress-depth`.
//!
//!     depth 2:  front run · leaf · [leaf] · [leaf] · … · [leaf] · leaf · back run
//!
//! With a depth of n, the n runs at each end stay plain, an empty end run not counted;
//! 0 squeezes none. Leaves are looked at as they move: when one is put away the next
//! inner one is squeezed, when one is taken out the next outer one is opened, and one
//! that was edited is squeezed again. So a new depth reaches a list bit by bit, as it
//! changes; and in between a leaf more or less may be squeezed, which nobody sees but
//! in bytes and microseconds.
//!
//! Cost: O(depth log n) for a leaf that moves.

use std::ops::Range;

use super::super::tree::{At, Leaf};
use super::{List, SLOTS_MAX};

/// How many leaves stay plain at each end of the tree.
#[derive(Clone, Copy)]
struct Plain {
    front: usize,
    back: usize,
}

impl List {
    /// How many runs at each end stay plain, from now on; 0: all.
    #[inline]
    pub fn set_depth(&mut self, depth: u32) {
        self.depth = depth;
    }

    /// True if there is anything to squeeze between the plain runs, or was before a leaf or
    /// two went: what was squeezed then is to be opened.
    #[inline]
    fn has_inside(&self) -> bool {
        let runs_before = self.middle.leaf_count() + 2 + 2;
        self.depth != 0 && (self.depth as usize).saturating_mul(2) < runs_before
    }

    /// Leaves that stay plain beside the end runs, which may count as none.
    fn plain(&self, has_front: bool, has_back: bool) -> Plain {
        let leaves = |has_run| (self.depth as usize).saturating_sub(usize::from(has_run));
        Plain {
            front: leaves(has_front),
            back: leaves(has_back),
        }
    }

    /// Opens and squeezes what moved to other places when a leaf came to an end of the
    /// tree or left it. The run at this end holds something, or is about to.
    pub(super) fn settle_filled_end(&mut self, first: bool) {
        let has_front = first || !self.front.is_empty();
        let has_back = !first || !self.back.is_empty();
        self.settle_end(first, self.plain(has_front, has_back));
    }

    /// As above, at both ends, whose runs may be empty.
    pub(super) fn settle_ends(&mut self) {
        let plain = self.plain(!self.front.is_empty(), !self.back.is_empty());
        self.settle_end(true, plain);
        self.settle_end(false, plain);
    }

    fn settle_end(&mut self, first: bool, plain: Plain) {
        if !self.has_inside() || self.middle.is_empty() {
            return;
        }
        let len = self.middle.len();
        let count = if first { plain.front } else { plain.back };
        let mut at = if first { 0 } else { len - 1 };
        // Of those inside the outermost may have come now, and the next when the end run
        // was empty before, or when it took in a neighbour.
        for number in 0..count + 2 {
            let part = if number < count {
                self.open_at(at)
            } else {
                self.squeeze_at(at, plain)
            };
            at = match part {
                Some(part) if first && part.end < len => part.end,
                Some(part) if !first && part.start > 0 => part.start - 1,
                _ => return,
            };
        }
    }

    /// Squeezes what was opened for an edit at a position in the tree, which had so many
    /// leaves before.
    #[inline]
    pub(super) fn settle_at(&mut self, position: usize, leaves_before: usize) {
        if self.depth != 0 {
            self.settle_edited(position, leaves_before);
        }
    }

    #[cold]
    fn settle_edited(&mut self, position: usize, leaves_before: usize) {
        if !self.has_inside() || self.middle.is_empty() {
            return;
        }
        let len = self.middle.len();
        let plain = self.plain(!self.front.is_empty(), !self.back.is_empty());
        let Some(part) = self.squeeze_at(position.min(len - 1), plain) else {
            return;
        };
        if self.middle.leaf_count() == leaves_before {
            return;
        }
        // Splitting and merging open a neighbour, too, and all behind moved.
        if part.start > 0 {
            self.squeeze_at(part.start - 1, plain);
        }
        if part.end < len {
            self.squeeze_at(part.end, plain);
        }
        self.settle_ends();
    }

    /// Opens the leaf at a position in the tree; gives the positions of its elements.
    fn open_at(&mut self, position: usize) -> Option<Range<usize>> {
        let found = self.middle.find(At(position))?;
        let (id, part) = (found.id, found.start..found.start + found.leaf.len());
        if found.leaf.is_squeezed() {
            self.middle.leaf_mut(id).open();
        }
        Some(part)
    }

    /// As above, but squeezes it if it is far enough inside.
    fn squeeze_at(&mut self, position: usize, plain: Plain) -> Option<Range<usize>> {
        let found = self.middle.find(At(position))?;
        let (id, part) = (found.id, found.start..found.start + found.leaf.len());
        let is_inside = self.has_leaves(0..part.start, plain.front)
            && self.has_leaves(part.end..self.middle.len(), plain.back);
        if is_inside && let Some(squeezed) = found.leaf.squeeze() {
            self.middle.put_leaf(id, squeezed);
        }
        Some(part)
    }

    /// True if the positions in `range` are those of so many leaves or more.
    fn has_leaves(&self, range: Range<usize>, count: usize) -> bool {
        // No leaf has more than `SLOTS_MAX`; that spares most the walk.
        range.len() / SLOTS_MAX >= count || self.middle.chunks(range).take(count).count() == count
    }
}
