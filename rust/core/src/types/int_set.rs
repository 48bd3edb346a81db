//! A small set of integers: sorted, in one flat run of bytes.
//!
//!     | width | -7 | 5 | 900 |        width 1, 2, 4 or 8; little endian
//!
//! Invariants (`validate`): members strictly increase; whole members only. The width
//! never shrinks. A set without members may be without a width, too.
//! Cost: contains O(log n); insert and remove O(n) bytes moved.

use super::packed::{Corrupt, PackedBuffer};

/// A set for reading. All bytes must be valid.
#[derive(Debug, Clone, Copy)]
pub struct IntSet<'a> {
    width: usize,
    members: &'a [u8],
}

impl<'a> IntSet<'a> {
    #[inline]
    pub fn new(bytes: &'a [u8]) -> IntSet<'a> {
        match bytes.split_first() {
            Some((&width, members)) => IntSet {
                width: width.into(),
                members,
            },
            None => IntSet {
                width: 1,
                members: &[],
            },
        }
    }

    #[inline]
    pub fn len(self) -> usize {
        self.members.len() >> self.width.trailing_zeros()
    }

    #[inline]
    pub fn is_empty(self) -> bool {
        self.members.is_empty()
    }

    /// The member that `index` others are below.
    #[inline]
    pub fn nth(self, index: usize) -> Option<i64> {
        let start = index * self.width;
        Some(read(self.members.get(start..start + self.width)?))
    }

    /// The lowest and the highest member.
    pub fn bounds(self) -> Option<(i64, i64)> {
        Some((self.nth(0)?, self.nth(self.len() - 1)?))
    }

    #[inline]
    pub fn contains(self, value: i64) -> bool {
        self.find(value).is_ok()
    }

    /// All members, in order.
    pub fn iter(self) -> impl ExactSizeIterator<Item = i64> + Clone + use<'a> {
        self.members.chunks_exact(self.width).map(read)
    }

    /// The index of a member, or where it would be.
    #[inline]
    fn find(self, value: i64) -> Result<usize, usize> {
        match self.width {
            1 => self.search::<1>(value),
            2 => self.search::<2>(value),
            4 => self.search::<4>(value),
            _ => self.search::<8>(value),
        }
    }

    #[inline]
    fn search<const WIDTH: usize>(self, value: i64) -> Result<usize, usize> {
        let at = |index: usize| read(&self.members[index * WIDTH..][..WIDTH]);
        let mut base = 0;
        let mut size = self.members.len() / WIDTH;
        if size == 0 {
            return Err(0);
        }
        // Without a branch on the comparison, which nobody can predict.
        while size > 1 {
            let half = size / 2;
            base = if at(base + half) <= value {
                base + half
            } else {
                base
            };
            size -= half;
        }
        match at(base) {
            found if found == value => Ok(base),
            found => Err(base + usize::from(found < value)),
        }
    }

    /// Judges bytes from outside. O(bytes).
    pub fn validate(bytes: &[u8]) -> Result<(), Corrupt> {
        let Some((&width, members)) = bytes.split_first() else {
            return Ok(());
        };
        if !matches!(width, 1 | 2 | 4 | 8) || members.len() % usize::from(width) != 0 {
            return Err(Corrupt("a set of integers without whole members"));
        }
        let set = IntSet::new(bytes);
        if !set
            .iter()
            .zip(set.iter().skip(1))
            .all(|(low, high)| low < high)
        {
            return Err(Corrupt("a set of integers out of order"));
        }
        Ok(())
    }
}

#[inline]
fn read(bytes: &[u8]) -> i64 {
    match *bytes {
        [a] => i64::from(a as i8),
        [a, b] => i64::from(i16::from_le_bytes([a, b])),
        [a, b, c, d] => i64::from(i32::from_le_bytes([a, b, c, d])),
        [a, b, c, d, e, f, g, h] => i64::from_le_bytes([a, b, c, d, e, f, g, h]),
        _ => unreachable!("members have 1, 2, 4 or 8 bytes"),
    }
}

fn width_of(value: i64) -> usize {
    if i8::try_from(value).is_ok() {
        1
    } else if i16::try_from(value).is_ok() {
        2
    } else if i32::try_from(value).is_ok() {
        4
    } else {
        8
    }
}

/// Adds `value`. True: it is new.
pub fn insert(buffer: &mut impl PackedBuffer, value: i64) -> bool {
    let set = IntSet::new(buffer.bytes());
    let Err(index) = set.find(value) else {
        return false;
    };
    let width = width_of(value);
    if buffer.bytes().is_empty() || width > set.width {
        widen(buffer, width, value);
        return true;
    }
    let at = 1 + index * set.width;
    let width = set.width;
    buffer.splice(at..at, &value.to_le_bytes()[..width]);
    true
}

/// Writes all anew with `value`, which is below or above all others, or the first.
fn widen(buffer: &mut impl PackedBuffer, width: usize, value: i64) {
    let set = IntSet::new(buffer.bytes());
    let mut bytes = Vec::with_capacity(1 + (set.len() + 1) * width);
    let mut push = |member: i64| bytes.extend_from_slice(&member.to_le_bytes()[..width]);
    if value < 0 {
        push(value);
    }
    set.iter().for_each(&mut push);
    if value >= 0 {
        push(value);
    }
    bytes.insert(0, width as u8);
    let end = buffer.bytes().len();
    buffer.splice(0..end, &bytes);
}

/// Takes `value` out. True: it was there.
pub fn remove(buffer: &mut impl PackedBuffer, value: i64) -> bool {
    match IntSet::new(buffer.bytes()).find(value) {
        Ok(index) => {
            remove_nth(buffer, index);
            true
        }
        Err(_) => false,
    }
}

/// Takes out the member that `index` others are below.
pub fn remove_nth(buffer: &mut impl PackedBuffer, index: usize) -> Option<i64> {
    let set = IntSet::new(buffer.bytes());
    let (value, width) = (set.nth(index)?, set.width);
    let at = 1 + index * width;
    buffer.splice(at..at + width, &[]);
    Some(value)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    fn values() -> impl Strategy<Value = i64> {
        prop_oneof![
            -9..9_i64,
            any::<i8>().prop_map(i64::from),
            any::<i16>().prop_map(i64::from),
            any::<i32>().prop_map(i64::from),
            any::<i64>()
        ]
    }

    #[test]
    fn members_take_the_width_of_the_widest() {
        let mut bytes = Vec::new();
        for (value, size) in [(5, 2), (-128, 3), (128, 7), (70_000, 17), (1 << 40, 41)] {
            assert!(insert(&mut bytes, value));
            assert!(!insert(&mut bytes, value));
            assert_eq!(bytes.len(), size);
        }
        assert_eq!(IntSet::new(&bytes).bounds(), Some((-128, 1 << 40)));
    }

    proptest! {
        #[test]
        fn behaves_as_a_sorted_set(
            steps in prop::collection::vec((any::<bool>(), values()), 0..200),
        ) {
            let mut bytes = Vec::new();
            let mut model = BTreeSet::new();
            for (is_insert, value) in steps {
                if is_insert {
                    prop_assert_eq!(insert(&mut bytes, value), model.insert(value));
                } else {
                    prop_assert_eq!(remove(&mut bytes, value), model.remove(&value));
                }
                let set = IntSet::new(&bytes);
                prop_assert_eq!(set.contains(value), is_insert);
                prop_assert_eq!((set.len(), set.is_empty()), (model.len(), model.is_empty()));
            }
            prop_assert_eq!(IntSet::validate(&bytes), Ok(()));
            let set = IntSet::new(&bytes);
            prop_assert!(set.iter().eq(model.iter().copied()));
            prop_assert!((0..=model.len()).all(|at| set.nth(at) == model.iter().nth(at).copied()));
        }

        #[test]
        fn what_passes_validation_reads(bytes in prop::collection::vec(any::<u8>(), 0..20)) {
            if IntSet::validate(&bytes).is_ok() {
                let set = IntSet::new(&bytes);
                prop_assert!(set.iter().all(|value| set.contains(value)));
            }
        }
    }
}
