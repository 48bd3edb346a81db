//! Sets: members, and deadlines of their own if they have any.
//!
//!     Set      a look at one, Copy
//!     SetMut   one being changed in its home (`set_edit`)
//!
//!     integers ──→ packed ──→ paged        each step when a limit asks for it, never
//!         └──────────────────→            back but for SPOP of nearly all
//!
//! A member whose deadline has come is not there for readers; it goes when somebody
//! adds or removes it (`met_due` tells) or calls `remove_due`, and `len` counts it until
//! then.
//!
//! Cost: integers O(log n); packed a walk over at most `entries_max` members; paged all
//! O(1) but what visits all members. `set_algebra` combines sets.

use super::home::{Content, Form};
use super::int_set::IntSet;
use super::packed::Element;
use super::record::{Record, below};
use super::table::{Records, Table, choose};
use crate::text::integer;

/// So many draws of members whose deadline has come, then `random` looks at all.
const TRIES_MAX: usize = 64;

/// So many members are passed in the time that looking one up takes, about.
const PASSED_FOR_A_LOOKUP: usize = 16;

/// A set for reading.
#[derive(Debug, Clone, Copy)]
pub struct Set<'a> {
    members: Members<'a>,
    now_ms: i64,
}

#[derive(Debug, Clone, Copy)]
enum Members<'a> {
    Integers(IntSet<'a>),
    Table(Table<'a>),
}

impl<'a> Set<'a> {
    /// The set in a home, which must hold one.
    #[inline]
    pub fn new(content: Content<'a>, now_ms: i64) -> Set<'a> {
        let members = match content {
            Content::Packed(Form::PackedIntegers, bytes) => Members::Integers(IntSet::new(bytes)),
            other => Members::Table(Table::new(other, false)),
        };
        Set { members, now_ms }
    }

    /// How many members there are, with those whose deadline has come.
    #[inline]
    pub fn len(self) -> usize {
        match self.members {
            Members::Integers(set) => set.len(),
            Members::Table(table) => table.len(),
        }
    }

    #[inline]
    pub fn is_empty(self) -> bool {
        match self.members {
            Members::Integers(set) => set.is_empty(),
            Members::Table(table) => table.is_empty(),
        }
    }

    /// True for a set of integers, packed as such.
    pub fn is_packed_integers(self) -> bool {
        matches!(self.members, Members::Integers(_))
    }

    /// True for a set in its large form.
    pub fn is_large(self) -> bool {
        matches!(self.members, Members::Table(Table::Paged(_)))
    }

    #[inline]
    pub fn contains(self, member: &[u8]) -> bool {
        match self.members {
            Members::Integers(set) => {
                integer::parse(member).is_some_and(|value| set.contains(value))
            }
            Members::Table(table) => self.is_there(table.get(member)),
        }
    }

    /// As `contains`, for a member that is looked for in several sets.
    #[inline]
    pub(super) fn contains_probe(self, probe: &mut Probe<'_>) -> bool {
        match self.members {
            Members::Integers(set) => probe.integer().is_some_and(|value| set.contains(value)),
            Members::Table(Table::Paged(table)) => {
                let hash = *probe.hash.get_or_insert_with(|| table.hash(probe.bytes));
                self.is_there(table.get_hashed(hash, probe.bytes))
            }
            Members::Table(table) => self.is_there(table.get(probe.bytes)),
        }
    }

    /// Visits the members that another set has, too, in the order of this one and until
    /// `visit` answers false, by passing both. False, and nothing was done: the sets are
    /// not both large, or the other is so much larger that looking up is faster.
    pub(super) fn pass_with(
        self,
        other: Set<'_>,
        visit: &mut dyn FnMut(Element<'a>) -> bool,
    ) -> bool {
        let (Members::Table(Table::Paged(own)), Members::Table(Table::Paged(their))) =
            (self.members, other.members)
        else {
            return false;
        };
        if their.len() / PASSED_FOR_A_LOOKUP > own.len() {
            return false;
        }
        own.in_common(their, &mut |record, deadline| {
            let is_there =
                record.is_alive(self.now_ms) && deadline.is_none_or(|at| at > other.now_ms);
            !is_there || visit(record.key)
        });
        true
    }

    /// How many members there are without those whose deadline has come. O(1) unless
    /// there are any.
    pub fn alive_len(self) -> usize {
        if self.has_due() {
            self.iter().count()
        } else {
            self.len()
        }
    }

    /// True if there may be members whose deadline has come.
    #[inline]
    fn has_due(self) -> bool {
        self.next_deadline().is_some_and(|at| at <= self.now_ms)
    }

    #[inline]
    fn is_there(self, record: Option<Record<'_>>) -> bool {
        record.is_some_and(|record| record.is_alive(self.now_ms))
    }

    /// The deadline of a member: None without member, Some(None) without deadline.
    pub fn deadline(self, member: &[u8]) -> Option<Option<i64>> {
        match self.members {
            Members::Integers(_) => self.contains(member).then_some(None),
            Members::Table(table) => {
                let record = table.get(member)?;
                record.is_alive(self.now_ms).then_some(record.deadline)
            }
        }
    }

    /// A time that no deadline is before; None without deadlines. O(1).
    pub fn next_deadline(self) -> Option<i64> {
        match self.members {
            Members::Integers(_) => None,
            Members::Table(table) => table.next_deadline(),
        }
    }

    /// All members.
    #[inline]
    pub fn iter(self) -> MemberIter<'a> {
        let source = match self.members {
            Members::Integers(set) => Source::Integers(set, 0),
            Members::Table(table) => Source::Records(table.iter()),
        };
        MemberIter {
            source,
            now_ms: self.now_ms,
        }
    }

    /// A member chosen by `random`, a source of 64 random bits; each is equally likely.
    pub fn random(self, random: &mut dyn FnMut() -> u64) -> Option<Element<'a>> {
        let table = match self.members {
            Members::Integers(set) => {
                return set.nth(below(random(), set.len())).map(Element::Integer);
            }
            Members::Table(table) => table,
        };
        for _ in 0..TRIES_MAX {
            let record = table.random(random)?;
            if record.is_alive(self.now_ms) {
                return Some(record.key);
            }
        }
        let alive: Vec<_> = self.iter().collect();
        alive.get(below(random(), alive.len())).copied()
    }

    /// Visits `count` different members (all, if there are no more); each choice is
    /// equally likely.
    pub fn sample(
        self,
        count: usize,
        random: &mut dyn FnMut() -> u64,
        visit: &mut dyn FnMut(Element<'_>),
    ) {
        match self.members {
            Members::Integers(set) => choose(set.iter(), set.len(), count, random, |value| {
                visit(Element::Integer(value));
            }),
            Members::Table(_) if self.has_due() => {
                choose(self.iter(), self.alive_len(), count, random, visit);
            }
            Members::Table(table) => {
                table.sample(count, random, &mut |record| visit(record.key));
            }
        }
    }

    /// Visits about `count` members from `cursor` on (0: from the start) and returns the
    /// cursor to go on from, 0 at the end. Small sets come all at once.
    pub fn scan(self, cursor: u64, count: usize, visit: &mut dyn FnMut(Element<'_>)) -> u64 {
        match self.members {
            Members::Integers(_) => {
                self.iter().for_each(visit);
                0
            }
            Members::Table(table) => table.scan(cursor, count, &mut |record| {
                if record.is_alive(self.now_ms) {
                    visit(record.key);
                }
            }),
        }
    }
}

/// A member that is looked for in several sets: parsed and hashed once.
pub(super) struct Probe<'a> {
    bytes: &'a [u8],
    integer: Option<Option<i64>>,
    hash: Option<u64>,
}

impl<'a> Probe<'a> {
    #[inline]
    pub fn new(bytes: &'a [u8]) -> Probe<'a> {
        Probe {
            bytes,
            integer: None,
            hash: None,
        }
    }

    fn integer(&mut self) -> Option<i64> {
        *self
            .integer
            .get_or_insert_with(|| integer::parse(self.bytes))
    }
}

/// See `Set::iter`.
#[derive(Debug, Clone)]
pub struct MemberIter<'a> {
    source: Source<'a>,
    now_ms: i64,
}

#[derive(Debug, Clone)]
enum Source<'a> {
    Integers(IntSet<'a>, usize),
    Records(Records<'a>),
}

impl<'a> Iterator for MemberIter<'a> {
    type Item = Element<'a>;

    #[inline]
    fn next(&mut self) -> Option<Element<'a>> {
        match &mut self.source {
            Source::Integers(set, index) => {
                *index += 1;
                set.nth(*index - 1).map(Element::Integer)
            }
            Source::Records(records) => records
                .find(|record| record.is_alive(self.now_ms))
                .map(|record| record.key),
        }
    }
}

#[cfg(test)]
#[path = "set_tests.rs"]
mod tests;
