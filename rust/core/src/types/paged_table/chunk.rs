//! A part of the directory: 128 slots, or a view of fewer that is stretched over them.
//!
//!     slots of then     | a | . | b | c |        shared by both views
//!     doubled           | a . . . |   | b . c . |
//!
//! When the directory doubles, each slot gets an empty one behind it. To move millions
//! of slots would take milliseconds, and many more where a clone shares them, for then
//! each page gets one more owner. So each chunk becomes two views of what it was, and
//! whoever writes to one of them first makes all views of the same slots real, together.
//!
//! Invariants: the 2^shift views of the same slots stand side by side, the first at a
//! multiple of 2^shift; a view that is not stretched has all its slots to itself.
//! Cost: all O(1); making views real O(slots), at most 128 chunks.

use triomphe::Arc;

use super::page::Page;

pub(super) type Slot = Option<Page>;

/// Small in tests, so that they cross every boundary.
pub(super) const CHUNK_BITS: u8 = if cfg!(test) { 2 } else { 7 };
/// Slots of a chunk, but of the only one in a small table, which has fewer.
pub(super) const CHUNK_LEN: usize = 1 << CHUNK_BITS;

static EMPTY: Slot = None;

// A chunk of 128 slots is 2 KB.
const _: () = assert!(size_of::<Slot>() == 16);

/// See the head of this file.
#[derive(Clone)]
pub(super) struct Chunk {
    slots: Arc<[Slot]>,
    /// The first of them that this is a view of.
    start: u8,
    /// How often the directory doubled since they were written.
    shift: u8,
}

impl From<Vec<Slot>> for Chunk {
    fn from(slots: Vec<Slot>) -> Chunk {
        Chunk {
            slots: Arc::from(slots),
            start: 0,
            shift: 0,
        }
    }
}

impl Chunk {
    /// How many slots it stands for.
    #[inline]
    pub fn len(&self) -> usize {
        if self.shift == 0 {
            self.slots.len()
        } else {
            CHUNK_LEN
        }
    }

    #[inline]
    pub fn is_stretched(&self) -> bool {
        self.shift > 0
    }

    /// True if it cannot be stretched further.
    pub fn is_thin(&self) -> bool {
        self.shift == CHUNK_BITS
    }

    #[inline]
    pub fn slot(&self, at: usize) -> &Slot {
        if at & ((1 << self.shift) - 1) != 0 {
            return &EMPTY;
        }
        &self.slots[usize::from(self.start) + (at >> self.shift)]
    }

    /// The slot at `at` of a view that is not stretched, copied first if a clone shares it.
    #[inline]
    pub fn slot_mut(&mut self, at: usize) -> &mut Slot {
        debug_assert!(!self.is_stretched());
        if !self.slots.is_unique() {
            self.slots = self.slots.iter().cloned().collect();
        }
        &mut Arc::get_mut(&mut self.slots).expect("a chunk with one owner")[at]
    }

    /// The pages in it.
    pub fn pages(&self) -> impl Iterator<Item = &Page> {
        let start = usize::from(self.start);
        let count = self.len() >> self.shift;
        self.slots[start..start + count].iter().flatten()
    }

    /// Takes all slots out, or shares them where clones have them. Not for views.
    pub fn into_slots(mut self) -> Vec<Slot> {
        debug_assert!(!self.is_stretched());
        match Arc::get_mut(&mut self.slots) {
            Some(slots) => slots.iter_mut().map(Option::take).collect(),
            None => self.slots.to_vec(),
        }
    }

    /// What becomes of it when the directory doubles. It must be a whole one, not thin.
    pub fn halves(self) -> [Chunk; 2] {
        debug_assert!(self.len() == CHUNK_LEN && !self.is_thin());
        let middle = self.start + (CHUNK_LEN >> (self.shift + 1)) as u8;
        let lower = Chunk {
            shift: self.shift + 1,
            ..self
        };
        let upper = Chunk {
            start: middle,
            ..lower.clone()
        };
        [lower, upper]
    }

    /// Makes the views of the same slots real, of which `index` is one.
    pub fn make_real(chunks: &mut [Chunk], index: usize) {
        let shift = chunks[index].shift;
        if shift == 0 {
            return;
        }
        let first = index >> shift << shift;
        let views = &mut chunks[first..first + (1 << shift)];
        debug_assert!(views.iter().all(|view| view.shift == shift));
        let mut written = views[0].clone();
        (written.start, written.shift) = (0, 0);
        // Only clones share them now.
        views
            .iter_mut()
            .for_each(|view| view.slots = Arc::from(Vec::new()));
        let mut slots = written.into_slots().into_iter();
        for view in views {
            let mut real = Vec::with_capacity(CHUNK_LEN);
            for slot in slots.by_ref().take(CHUNK_LEN >> shift) {
                real.push(slot);
                real.resize(real.len() + (1 << shift) - 1, None);
            }
            *view = Chunk::from(real);
        }
    }
}
