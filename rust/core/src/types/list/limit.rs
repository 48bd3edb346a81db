//! When a list is small: `list-max-listpack-size`, as the servers measure it.
//!
//! A server keeps a small list in a "listpack", whose bytes we count without building
//! it, so that OBJECT ENCODING changes at the same element:
//!
//!     7 | element: 1–5 of header, or a number in 1–9 · text · 1–5 of its own length | …

use std::ops::Range;

use super::List;
use crate::text::integer;

/// Bytes of a listpack without elements.
pub const LISTPACK_BYTES_MIN: usize = 7;
/// However many elements are allowed, a small list is no larger.
const BYTES_SAFE: usize = 8192;

/// The setting `list-max-listpack-size`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Limit {
    Entries(usize),
    Bytes(usize),
}

impl Limit {
    /// Reads the setting: a number of elements, or -1 … -5 for 4 … 64 KB.
    pub fn from_setting(value: i64) -> Limit {
        match value {
            ..0 => Limit::Bytes(4096 << (value.unsigned_abs() - 1).min(4)),
            0 => Limit::Entries(1),
            _ => Limit::Entries(value as usize),
        }
    }

    /// True if a list of so many elements and listpack bytes may be small. Before
    /// adding, the servers count the new elements' bytes as they came.
    pub fn allows(self, entries: usize, bytes: usize) -> bool {
        match self {
            Limit::Entries(max) => entries <= max && bytes <= BYTES_SAFE,
            Limit::Bytes(max) => bytes <= max,
        }
    }

    /// What a large list must not exceed to become small again, in elements and bytes:
    /// half the limit, so that it does not go back and forth.
    pub(super) fn again(self) -> (usize, usize) {
        match self {
            Limit::Entries(max) => (max / 2, BYTES_SAFE),
            Limit::Bytes(max) => (usize::MAX, max / 2),
        }
    }
}

/// How lists are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ListLimits {
    /// When they are small.
    pub small: Limit,
    /// `list-compress-depth`: runs at each end of a large one that stay plain; 0: all.
    pub depth: u32,
}

impl From<Limit> for ListLimits {
    fn from(small: Limit) -> ListLimits {
        ListLimits { small, depth: 0 }
    }
}

/// Bytes that `element` takes in a listpack.
pub fn listpack_bytes(element: &[u8]) -> usize {
    let number = if element.len() <= integer::TEXT_BYTES_MAX {
        integer::parse(element)
    } else {
        None
    };
    let body = match number {
        Some(0..=127) => 1,
        Some(-4096..=4095) => 2,
        Some(-32_768..=32_767) => 3,
        Some(-8_388_608..=8_388_607) => 4,
        Some(-2_147_483_648..=2_147_483_647) => 5,
        Some(_) => 9,
        None => match element.len() {
            len @ 0..64 => 1 + len,
            len @ 64..4096 => 2 + len,
            len => 5 + len,
        },
    };
    let back = match body {
        0..128 => 1,
        128..16_383 => 2,
        16_383..2_097_151 => 3,
        2_097_151..268_435_455 => 4,
        _ => 5,
    };
    body + back
}

/// Takes an element that goes off the sum, if there is one.
#[inline]
pub(super) fn count_out(sum: &mut Option<usize>, element: &[u8]) {
    if let Some(sum) = sum {
        *sum -= listpack_bytes(element);
    }
}

/// When more go at once, the sum is forgotten.
const COUNTED_OUT_MAX: usize = 64;

impl List {
    /// True if the list became small enough to be packed; to be asked after removals.
    ///
    /// A sum is kept from the first time that it is asked of a short list, so the
    /// elements are counted once: O(1), and O(n) after more than a few went at once.
    pub fn fits(&mut self, limit: Limit) -> bool {
        let len = self.len();
        let (entries_max, bytes_max) = limit.again();
        // No element takes less than 2 bytes.
        if len > entries_max.min(bytes_max / 2) {
            self.packed_bytes = None;
            return false;
        }
        let elements = match self.packed_bytes {
            Some(sum) => sum,
            None => self.listpack_bytes(0..len),
        };
        self.packed_bytes = Some(elements);
        LISTPACK_BYTES_MIN + elements <= bytes_max
    }

    #[inline]
    pub(super) fn count_in(&mut self, element: &[u8]) {
        if let Some(sum) = &mut self.packed_bytes {
            *sum += listpack_bytes(element);
        }
    }

    pub(super) fn count_out_range(&mut self, range: Range<usize>) {
        let Some(sum) = self.packed_bytes else {
            return;
        };
        self.packed_bytes =
            (range.len() <= COUNTED_OUT_MAX).then(|| sum - self.listpack_bytes(range));
    }

    fn listpack_bytes(&self, range: Range<usize>) -> usize {
        let mut sum = 0;
        self.visit(range, |element| sum += listpack_bytes(element));
        sum
    }

    pub(super) fn count_out_equal(&mut self, element: &[u8], count: usize) {
        if let Some(sum) = &mut self.packed_bytes {
            *sum -= count * listpack_bytes(element);
        }
    }

    /// Panics if the sum is wrong.
    pub(super) fn check_sum(&self) {
        if let Some(sum) = self.packed_bytes {
            assert_eq!(sum, self.listpack_bytes(0..self.len()));
        }
    }
}
