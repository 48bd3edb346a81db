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

/// When a field or member gets another deadline; each that is set must hold. One without
/// deadline counts as one that expires last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct DeadlineCondition {
    /// It has none (NX).
    pub has_none: bool,
    /// It has one (XX).
    pub has_one: bool,
    /// The new one is later (GT).
    pub is_later: bool,
    /// The new one is earlier (LT).
    pub is_earlier: bool,
}

impl DeadlineCondition {
    pub(super) fn allows(self, old: Option<i64>, new: i64) -> bool {
        !(self.has_none && old.is_some()
            || self.has_one && old.is_none()
            || self.is_later && old.is_none_or(|old| new <= old)
            || self.is_earlier && old.is_some_and(|old| new >= old))
    }
}

/// What became of a field or member that was to get a deadline.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expired {
    /// There is none.
    Missing,
    /// The condition does not allow it.
    Refused,
    /// It has the deadline.
    Set,
    /// The deadline has passed, and the field is gone.
    Gone,
}

/// A number below `end` from random bits.
#[inline]
pub(crate) fn below(bits: u64, end: usize) -> usize {
    ((u128::from(bits) * end as u128) >> 64) as usize
}
