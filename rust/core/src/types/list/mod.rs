//! A large list: a queue at both ends, a tree in between.
//!
//!     front run ←→ [ tree of runs ] ←→ back run
//!
//! Pushing and popping touch only a run at the end; when it is full it goes into the
//! tree, when it is empty the tree's next leaf takes its place. The front run lies in
//! reverse, so that a push adds to the end of its bytes. All runs are at most 4 KB
//! and shared between clones until written to. Leaves far from both ends may be squeezed
//! (`depth`); who looks at them sees copies, so elements are shown, not lent.
//!
//! Invariants (`check`): those of `run` and `tree`; both end runs may be empty.
//! Cost: push, pop O(bytes), amortised; get, set, insert, remove O(log n); searching
//! O(n); a clone O(1).

mod depth;
pub mod face;
pub mod limit;
mod node;
pub mod packed;
mod search;
#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::ops::Range;
use std::sync::Arc;

pub use face::{End, ListMut, ListRef};
pub use search::Search;

use super::Garbage;
use super::run::{FILLED_BYTES, FILLED_STRINGS, INLINE_MAX, Run};
use super::tree::{At, Chunk, Edited, FULL, Gap, Leaf, Seek, Tree};
use crate::types::unshared::unshared;
use node::{Node, middle_of, weight_of};

/// Bytes of strings in a run. Small in tests, so that they cross it.
const BYTES_MAX: usize = if cfg!(test) { 40 } else { FILLED_BYTES };
/// Strings in a run.
const SLOTS_MAX: usize = if cfg!(test) { 6 } else { FILLED_STRINGS };
/// Long strings, which a run keeps outside: so few that a leaf of them is soon opened.
const OUTSIDE_MAX: usize = if cfg!(test) { 3 } else { 32 };
/// A front run of at most this many is turned round instead of put away.
const TURN_MAX: usize = if cfg!(test) { 2 } else { 16 };

/// A list that is too large for its keyspace entry.
#[derive(Debug, Clone, Default)]
pub struct List {
    front: Arc<Run>,
    middle: Tree<Node>,
    back: Arc<Run>,
    /// Runs at each end that stay plain; 0: all.
    depth: u32,
    /// Bytes that the elements would take in a listpack, once somebody asked (`limit`).
    packed_bytes: Option<usize>,
}

/// A run as it was found, or a copy of one that is squeezed, and the part that is meant.
struct Piece<'a> {
    run: Cow<'a, Run>,
    part: Range<usize>,
}

/// Which part of the list an index is in, and where there.
enum Place {
    Front(usize),
    Middle(usize),
    Back(usize),
}

fn has_room(run: &Run, string: &[u8]) -> bool {
    let fits = if string.len() > INLINE_MAX {
        run.outside_len() < OUTSIDE_MAX
    } else {
        run.inline_bytes() + string.len() <= BYTES_MAX
    };
    fits && run.len() < SLOTS_MAX
}

impl List {
    pub fn new() -> List {
        List::default()
    }

    /// An empty list in which so many runs at each end stay plain; 0: all.
    pub fn with_depth(depth: u32) -> List {
        List {
            depth,
            ..List::default()
        }
    }

    #[inline]
    pub fn len(&self) -> usize {
        self.front.len() + self.middle.len() + self.back.len()
    }

    #[inline]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Takes all elements out, to be freed elsewhere. O(1).
    pub fn clear(&mut self) -> Garbage {
        let empty = List::with_depth(self.depth);
        let all = std::mem::replace(self, empty);
        Garbage::new(all.free_effort(), all)
    }

    /// Adds an element at the back.
    pub fn push_back(&mut self, string: &[u8]) {
        if !has_room(&self.back, string) {
            let full = Arc::unwrap_or_clone(std::mem::take(&mut self.back));
            self.put_away(full, false);
        }
        unshared(&mut self.back).push_back(string);
        self.count_in(string);
    }

    /// Adds an element at the front.
    pub fn push_front(&mut self, string: &[u8]) {
        if !self.front.is_reversed() || !has_room(&self.front, string) {
            self.make_front_open(string);
        }
        unshared(&mut self.front).push_front(string);
        self.count_in(string);
    }

    #[cold]
    fn make_front_open(&mut self, string: &[u8]) {
        if self.front.len() <= TURN_MAX && has_room(&self.front, string) {
            return unshared(&mut self.front).lay_reversed();
        }
        let full = std::mem::replace(&mut self.front, Arc::new(Run::reversed()));
        self.put_away(Arc::unwrap_or_clone(full), true);
    }

    /// Puts an end run into the tree; its place is about to be filled.
    fn put_away(&mut self, mut run: Run, first: bool) {
        if run.is_empty() {
            return;
        }
        run.straighten();
        run.shrink();
        run.even_out();
        if first {
            self.middle.push_first(Node::Plain(run));
        } else {
            self.middle.push_last(Node::Plain(run));
        }
        self.settle_filled_end(first);
    }

    /// Takes the tree's next leaf for an end run, which is empty.
    #[cold]
    fn refill(&mut self, first: bool) {
        let Some(leaf) = self.middle.take_end(first) else {
            return;
        };
        let run = Arc::new(Arc::unwrap_or_clone(leaf).into_run());
        if first {
            self.front = run;
        } else {
            self.back = run;
        }
        self.settle_filled_end(first);
    }

    /// Removes up to `count` elements from the front and shows each to `visit`, in the
    /// order of removal. Gives how many.
    pub fn pop_front(&mut self, count: usize, mut visit: impl FnMut(&[u8])) -> usize {
        let mut left = count.min(self.len());
        let popped = left;
        while left > 0 {
            if self.front.is_empty() && !self.middle.is_empty() {
                self.refill(true);
            }
            let run = if self.front.is_empty() {
                &mut self.back
            } else {
                &mut self.front
            };
            let here = left.min(run.len());
            for index in 0..here {
                let element = run.get(index);
                limit::count_out(&mut self.packed_bytes, element);
                visit(element);
            }
            unshared(run).remove(0..here);
            left -= here;
        }
        popped
    }

    /// As `pop_front`, from the back.
    pub fn pop_back(&mut self, count: usize, mut visit: impl FnMut(&[u8])) -> usize {
        let mut left = count.min(self.len());
        let popped = left;
        while left > 0 {
            if self.back.is_empty() && !self.middle.is_empty() {
                self.refill(false);
            }
            let run = if self.back.is_empty() {
                &mut self.front
            } else {
                &mut self.back
            };
            let len = run.len();
            let here = left.min(len);
            for index in (len - here..len).rev() {
                let element = run.get(index);
                limit::count_out(&mut self.packed_bytes, element);
                visit(element);
            }
            unshared(run).remove(len - here..len);
            left -= here;
        }
        popped
    }

    #[inline]
    fn place(&self, index: usize) -> Place {
        let (front, middle) = (self.front.len(), self.middle.len());
        if index < front {
            Place::Front(index)
        } else if index < front + middle {
            Place::Middle(index - front)
        } else {
            Place::Back(index - front - middle)
        }
    }

    /// Shows the element at `index`, if there is one.
    pub fn get<R>(&self, index: usize, show: impl FnOnce(&[u8]) -> R) -> Option<R> {
        if index >= self.len() {
            return None;
        }
        match self.place(index) {
            Place::Front(at) => Some(show(self.front.get(at))),
            Place::Back(at) => Some(show(self.back.get(at))),
            Place::Middle(at) => {
                let found = self.middle.find(At(at))?;
                let run = found.leaf.look(found.offset..found.offset + 1);
                Some(show(run.get(found.offset)))
            }
        }
    }

    /// Gives the element at `index` another value; false if there is none.
    pub fn set(&mut self, index: usize, string: &[u8]) -> bool {
        if index >= self.len() {
            return false;
        }
        self.count_out_range(index..index + 1);
        self.count_in(string);
        match self.place(index) {
            Place::Front(at) => {
                unshared(&mut self.front).replace(at, string);
                self.split_front();
            }
            Place::Back(at) => {
                unshared(&mut self.back).replace(at, string);
                self.split_back();
            }
            Place::Middle(at) => {
                self.edit_middle(At(at), at, |run, offset| run.replace(offset, string));
            }
        }
        true
    }

    /// Puts an element before the one at `index`, or at the back if that is the length.
    pub fn insert(&mut self, index: usize, string: &[u8]) {
        assert!(index <= self.len(), "inserting behind the end of a list");
        if index == 0 {
            return self.push_front(string);
        }
        if index == self.len() {
            return self.push_back(string);
        }
        self.count_in(string);
        match self.place(index) {
            Place::Front(at) => {
                unshared(&mut self.front).insert(at, string);
                self.split_front();
            }
            Place::Back(at) => {
                unshared(&mut self.back).insert(at, string);
                self.split_back();
            }
            Place::Middle(at) => {
                self.edit_middle(Gap(at), at, |run, offset| run.insert(offset, string));
            }
        }
    }

    /// Changes the run of the leaf at a position in the tree, where `seek` leads.
    fn edit_middle(
        &mut self,
        seek: impl Seek<<Node as Leaf>::Key>,
        position: usize,
        change: impl FnOnce(&mut Run, usize),
    ) {
        let leaves = self.middle.leaf_count();
        self.middle.edit(seek, &mut (), |leaf, _, offset, ()| {
            change(leaf.open(), offset);
            // In the middle of the leaf, as far as splitting is concerned.
            Edited {
                result: (),
                touched: usize::MAX,
            }
        });
        self.settle_at(position, leaves);
    }

    /// Puts the latter half of an overfull front run into the tree.
    fn split_front(&mut self) {
        if weight_of(&self.front) > FULL && self.front.len() > 1 {
            let run = unshared(&mut self.front);
            let cut = middle_of(run);
            let rest = run.split_off(cut);
            self.put_away(rest, true);
        }
    }

    fn split_back(&mut self) {
        if weight_of(&self.back) > FULL && self.back.len() > 1 {
            let run = unshared(&mut self.back);
            let cut = middle_of(run);
            let rest = run.split_off(cut);
            let first = std::mem::replace(run, rest);
            self.put_away(first, false);
        }
    }

    /// Removes the elements in `range`; what is cut out comes back, to be freed
    /// elsewhere if it is much.
    pub fn remove(&mut self, range: Range<usize>) -> Garbage {
        let end = range.end.min(self.len());
        if range.start >= end {
            return Garbage::default();
        }
        self.count_out_range(range.start..end);
        let [in_front, in_middle, in_back] = self.parts(range.start..end);
        if !in_back.is_empty() {
            unshared(&mut self.back).remove(in_back);
        }
        if !in_front.is_empty() {
            unshared(&mut self.front).remove(in_front);
        }
        let mut garbage = Garbage::default();
        if !in_middle.is_empty() {
            let (at, leaves) = (in_middle.start, self.middle.leaf_count());
            let mut cut = self
                .middle
                .remove_range(in_middle, &mut (), |leaf, part, _, ()| {
                    leaf.open().remove(part);
                });
            self.middle.release(std::mem::take(&mut cut.ids));
            garbage = Garbage::new(cut.free_effort(), cut);
            // The leaf before may have been cut, too.
            self.settle_at(at.max(1) - 1, leaves);
            self.settle_at(at, leaves);
        }
        garbage
    }

    /// Keeps only the elements in `range`.
    pub fn trim(&mut self, range: Range<usize>) -> Garbage {
        if range.is_empty() {
            return self.clear();
        }
        let behind = self.remove(range.end..self.len());
        self.remove(0..range.start).and(behind)
    }

    /// Shows the elements in `range`, in their order. O(log n) for each 4 KB.
    #[inline]
    pub fn visit(&self, range: Range<usize>, mut visit: impl FnMut(&[u8])) {
        let mut show = |run: &Run, part: Range<usize>| {
            for index in part {
                visit(run.get(index));
            }
        };
        let [front, middle, back] = self.parts(range);
        show(&self.front, front);
        for Chunk { leaf, part, .. } in self.middle.chunks(middle) {
            match leaf {
                Node::Plain(run) => show(run, part),
                Node::Squeezed(squeezed) => show(&squeezed.open(part.clone()), part),
            }
        }
        show(&self.back, back);
    }

    /// A range of indexes as those in the front run, the tree and the back run.
    fn parts(&self, range: Range<usize>) -> [Range<usize>; 3] {
        let (front, middle) = (self.front.len(), self.middle.len());
        let part = |start: usize, len: usize| {
            let clamp = |position: usize| position.clamp(start, start + len) - start;
            clamp(range.start)..clamp(range.end)
        };
        [
            part(0, front),
            part(front, middle),
            part(front + middle, self.back.len()),
        ]
    }

    /// The runs that hold the elements in `range`, each with the part that is meant.
    fn pieces(&self, range: Range<usize>) -> impl DoubleEndedIterator<Item = Piece<'_>> {
        let [front, middle, back] = self.parts(range);
        let end_piece = |run, part| Piece {
            run: Cow::Borrowed(run),
            part,
        };
        let first = end_piece(&*self.front, front);
        let last = end_piece(&*self.back, back);
        let chunks = self.middle.chunks(middle);
        let middle_pieces = chunks.map(|chunk| Piece {
            run: chunk.leaf.look(chunk.part.clone()),
            part: chunk.part,
        });
        std::iter::once(first)
            .chain(middle_pieces)
            .chain(std::iter::once(last))
    }

    /// Bytes of memory that the list holds, about; strings outside of runs by a sample.
    pub fn memory_bytes(&self) -> usize {
        let run = size_of::<Run>() + 2 * size_of::<usize>();
        let ends = self.front.memory_bytes() + self.back.memory_bytes() + 2 * run;
        size_of::<List>() + ends + self.middle.memory_bytes()
    }

    /// How many allocations dropping it frees, about.
    pub fn free_effort(&self) -> usize {
        2 + self.middle.leaf_count() * 3
    }

    /// Panics if an invariant does not hold.
    pub fn check(&self) {
        for run in [&self.front, &self.back] {
            run.check();
            assert!(weight_of(run) <= FULL || run.len() == 1, "an overfull end");
        }
        self.middle.check(|leaf, _, _| leaf.check());
        self.check_sum();
    }
}
