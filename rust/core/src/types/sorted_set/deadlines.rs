//! Members of sorted sets that expire.
//!
//!     deadlines   a sorted set again: each member that has one, by its deadline
//!
//! Only the large form has room for them, so a set becomes large with the first; with the
//! last they go and cost nothing any more. Clones share them as they share the entries.
//! Ranks count every entry that is there: who looks a set up takes out first what is due.
//!
//! Cost: O(1) to read a deadline, O(log n) to change one and to find the earliest.

use std::ops::Range;

use super::SortedSet;
use super::face::{SortedSetMut, SortedSetRef};
use crate::types::home::Home;
use crate::types::record::{DEADLINE_MAX, Deadline, DeadlineCondition, Expired};

/// Takes a member out of deadlines, if there are any, and the last with the whole.
#[inline]
pub(super) fn forget(deadlines: &mut Option<Box<SortedSet>>, member: &[u8]) {
    if let Some(timed) = deadlines {
        timed.remove(member);
        if timed.is_empty() {
            *deadlines = None;
        }
    }
}

impl SortedSet {
    /// The deadline of a member, in milliseconds since 1970; None without either.
    pub fn deadline(&self, member: &[u8]) -> Option<i64> {
        // Below 2^48, so a score holds it exactly.
        Some(self.deadlines.as_ref()?.score(member)? as i64)
    }

    /// The earliest deadline.
    #[inline]
    pub fn next_deadline(&self) -> Option<i64> {
        let (_, at) = self.deadlines.as_ref()?.nth(0)?;
        Some(at as i64)
    }

    /// How many members have a deadline.
    pub fn timed_len(&self) -> usize {
        self.deadlines.as_ref().map_or(0, |timed| timed.len())
    }

    /// Members with their deadlines, the earliest first, after the first `skipped`.
    pub fn timed(&self, skipped: usize) -> impl Iterator<Item = (&[u8], i64)> {
        let timed = self.deadlines.iter();
        timed.flat_map(move |timed| {
            let rest = timed.range(skipped.min(timed.len())..timed.len());
            rest.map(|(member, at)| (member, at as i64))
        })
    }

    /// Changes the deadline of a member. False: there is no such member.
    pub fn set_deadline(&mut self, member: &[u8], deadline: Deadline) -> bool {
        if self.score(member).is_none() {
            return false;
        }
        match deadline.after(None) {
            Some(at) => {
                let timed = self.deadlines.get_or_insert_default();
                timed.insert(member, at as f64);
            }
            None if deadline == Deadline::Clear => forget(&mut self.deadlines, member),
            None => {}
        }
        true
    }

    /// Takes the deadlines of the entries at positions in `range` away, if there are any.
    pub(super) fn forget_range(&mut self, range: Range<usize>) {
        if let Some(mut timed) = self.deadlines.take() {
            for (member, _) in self.range(range) {
                timed.remove(member);
            }
            self.deadlines = Some(timed).filter(|timed| !timed.is_empty());
        }
    }

    /// Takes at most `limit` members out whose deadline has come, the earliest first.
    pub fn take_due(&mut self, now_ms: i64, limit: usize) -> Vec<Vec<u8>> {
        let due = self.timed(0).take_while(|(_, at)| *at <= now_ms);
        let due: Vec<Vec<u8>> = due.take(limit).map(|(member, _)| member.to_vec()).collect();
        for member in &due {
            self.remove(member);
        }
        due
    }

    /// Panics if a member that is not there has a deadline.
    pub(super) fn check_deadlines(&self) {
        let Some(timed) = &self.deadlines else {
            return;
        };
        timed.check();
        assert!(timed.deadlines.is_none() && !timed.is_empty());
        for (member, at) in timed.iter() {
            assert!(self.score(member).is_some(), "a deadline without a member");
            assert!(
                (1.0..=DEADLINE_MAX as f64).contains(&at),
                "{at} is no deadline"
            );
        }
    }
}

impl SortedSetRef<'_> {
    /// The deadline of a member: None without member, Some(None) without deadline.
    pub fn deadline(self, member: &[u8]) -> Option<Option<i64>> {
        self.score(member)?;
        match self {
            SortedSetRef::Packed(_) => Some(None),
            SortedSetRef::Large(set) => Some(set.deadline(member)),
        }
    }
}

impl<H: Home> SortedSetMut<'_, H> {
    /// Gives a member a deadline if the condition allows it; one that has passed by
    /// `now_ms` takes the member out.
    pub fn expire(
        &mut self,
        member: &[u8],
        at_ms: i64,
        condition: DeadlineCondition,
        now_ms: i64,
    ) -> Expired {
        let Some(old) = self.read().deadline(member) else {
            return Expired::Missing;
        };
        // As it is stored: two past the latest are equal.
        let new = at_ms.min(DEADLINE_MAX);
        if !condition.allows(old, new) {
            return Expired::Refused;
        }
        if at_ms <= now_ms {
            self.remove(member);
            return Expired::Gone;
        }
        self.set_deadline(member, Deadline::At(new));
        Expired::Set
    }

    /// Takes the deadline of a member away. None: there is no such member; false: it had
    /// none.
    pub fn persist(&mut self, member: &[u8]) -> Option<bool> {
        let had_one = self.read().deadline(member)?.is_some();
        if had_one {
            self.set_deadline(member, Deadline::Clear);
        }
        Some(had_one)
    }

    /// Changes the deadline of a member. False: there is no such member.
    pub fn set_deadline(&mut self, member: &[u8], deadline: Deadline) -> bool {
        if matches!(deadline, Deadline::At(_)) && self.read().score(member).is_some() {
            self.grow();
        }
        match self.large() {
            Some(set) => set.set_deadline(member, deadline),
            None => self.read().score(member).is_some(),
        }
    }

    /// Takes at most `limit` members out whose deadline has come, each after `report` saw
    /// it. True if there are more.
    pub fn remove_due(
        &mut self,
        now_ms: i64,
        limit: usize,
        report: &mut dyn FnMut(Vec<u8>),
    ) -> bool {
        let Some(set) = self.large() else {
            return false;
        };
        set.take_due(now_ms, limit).into_iter().for_each(report);
        set.next_deadline().is_some_and(|at| at <= now_ms)
    }
}

#[cfg(test)]
#[path = "deadlines_tests.rs"]
mod tests;
