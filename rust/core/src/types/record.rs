//! What the small and the large form of hashes and sets have in common.

use super::packed::Element;

/// Latest deadline that fits into 6 bytes; later ones count as this one.
pub const DEADLINE_MAX: i64 = (1 << 48) - 1;

/// A field with its value, or a member (whose value is empty).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Record<'a> {
    pub key: Element<'a>,
    pub value: Element<'a>,
    /// Milliseconds since 1970.
    pub deadline: Option<i64>,
}

impl Record<'_> {
    /// True while the deadline has not come.
    #[inline]
    pub fn is_alive(&self, now_ms: i64) -> bool {
        self.deadline.is_none_or(|deadline| deadline > now_ms)
    }
}

/// What happens to the deadline of a field that gets a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Deadline {
    /// As it was; none if the field is new.
    Keep,
    /// None from now on.
    Clear,
    /// Milliseconds since 1970, from 1 to `DEADLINE_MAX`.
    At(i64),
}

impl Deadline {
    /// The deadline to write where `old` was.
    #[inline]
    pub fn after(self, old: Option<i64>) -> Option<i64> {
        match self {
            Deadline::Keep => old,
            Deadline::Clear => None,
            Deadline::At(at) => Some(at.clamp(1, DEADLINE_MAX)),
        }
    }
}

/// A number below `end` from random bits.
#[inline]
pub(crate) fn below(bits: u64, end: usize) -> usize {
    ((u128::from(bits) * end as u128) >> 64) as usize
}
