//! Sets: members, and deadlines of their own if they have any.
//!
//!     Set      a look at one, Copy
//!     SetMut   one being changed in its home
//!
//!     integers ──→ packed ──→ paged        each step when a limit asks for it, never
//!         └──────────────────→            back but for SPOP of nearly all
//!
//! A member whose deadline has come is not there for readers; it goes when somebody
//! adds or removes it or calls `remove_due`, and counts until then.
//!
//! Cost: integers O(log n); packed a walk over at most `entries_max` members; paged all
//! O(1) but what visits all members. `set_algebra` combines sets.

use super::home::{Content, Form, Home, Limits};
use super::int_set::{self, IntSet};
use super::packed::{Element, Encoded, Scratch};
use super::record::{Deadline, Record, below};
use super::table::{Records, Table, TableMut, choose};
use crate::text::integer;

/// After a pop of so many times what is left, what is left is packed again.
const SWEEP_FACTOR: usize = 5;
/// So many draws of members whose deadline has come, then `random` looks at all.
const TRIES_MAX: usize = 64;

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
    /// equally likely. Members whose deadline has come are chosen, too, but not visited.
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
            Members::Table(table) => table.sample(count, random, &mut |record| {
                if record.is_alive(self.now_ms) {
                    visit(record.key);
                }
            }),
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

/// A set for changing it.
pub struct SetMut<'h, H: Home> {
    table: TableMut<'h, H>,
    now_ms: i64,
    is_prepared: bool,
}

impl<'h, H: Home> SetMut<'h, H> {
    /// The set in a home, which must hold one or nothing yet.
    #[inline]
    pub fn new(home: &'h mut H, limits: Limits<'h>, now_ms: i64) -> Self {
        let table = TableMut {
            home,
            values: false,
            limits,
        };
        SetMut {
            table,
            now_ms,
            is_prepared: false,
        }
    }

    #[inline]
    pub fn read(&self) -> Set<'_> {
        Set::new(self.table.home.content(), self.now_ms)
    }

    #[inline]
    fn form(&self) -> Form {
        self.table.home.content().form()
    }

    /// Says that so many members are about to be added, some perhaps the same, and
    /// which is the first. A new set gets its form by that; another becomes large at
    /// once if they are too many for the form that it has.
    pub fn prepare(&mut self, first: &[u8], count: usize) {
        self.is_prepared = true;
        let limits = self.table.limits;
        let form = self.form();
        let is_new = form != Form::Object && self.table.home.bytes().is_empty();
        if is_new && count <= limits.integers_max && integer::parse(first).is_some() {
            self.table.home.set_form(Form::PackedIntegers);
            return;
        }
        let count_max = match form {
            Form::Object => return,
            Form::PackedIntegers => limits.integers_max,
            Form::Packed | Form::PackedTimed => limits.entries_max,
        };
        if count > count_max {
            self.grow();
        }
    }

    /// Adds a member; the deadline of one that is there stays. True: it is new.
    #[inline]
    pub fn add(&mut self, member: &[u8]) -> bool {
        self.add_with(member, Deadline::Keep)
    }

    /// As `add`, with what shall become of the deadline.
    pub fn add_with(&mut self, member: &[u8], deadline: Deadline) -> bool {
        let mut form = self.form();
        if !self.is_prepared && form != Form::Object && self.table.home.bytes().is_empty() {
            self.prepare(member, 1);
            form = self.form();
        }
        if form == Form::PackedIntegers {
            if let Some(value) = integer::parse(member)
                && !matches!(deadline, Deadline::At(_))
            {
                return self.add_integer(value);
            }
            if self.contains_integer(member) && !matches!(deadline, Deadline::At(_)) {
                return false;
            }
            self.leave_integers(member);
        }
        self.remove_if_due(member);
        self.table.set(member, b"", deadline)
    }

    /// Adds members. Returns how many are new.
    pub fn add_all<'e>(&mut self, members: impl ExactSizeIterator<Item = &'e [u8]>) -> usize {
        let count = members.len();
        let mut members = members.peekable();
        if let Some(first) = members.peek() {
            self.prepare(first, count);
        }
        members.filter(|member| self.add(member)).count()
    }

    fn add_integer(&mut self, value: i64) -> bool {
        if !int_set::insert(self.table.home, value) {
            return false;
        }
        if IntSet::new(self.table.home.bytes()).len() > self.table.limits.integers_max {
            self.grow();
        }
        true
    }

    fn contains_integer(&self, member: &[u8]) -> bool {
        integer::parse(member)
            .is_some_and(|value| IntSet::new(self.table.home.bytes()).contains(value))
    }

    /// Gives a set of integers a form that can take `member`, too.
    fn leave_integers(&mut self, member: &[u8]) {
        let limits = self.table.limits;
        let set = IntSet::new(self.table.home.bytes());
        let (low, high) = set.bounds().unwrap_or((0, 0));
        let longest = integer::text_len(low)
            .max(integer::text_len(high))
            .max(member.len());
        let len = set.len() + usize::from(!self.contains_integer(member));
        if len <= limits.entries_max && longest <= limits.bytes_max {
            let mut bytes = Scratch::new();
            for value in set.iter() {
                Encoded::of(Element::Integer(value)).write::<false>(&mut bytes);
            }
            self.table.home.become_packed(Form::Packed, &bytes);
        } else {
            self.grow();
        }
    }

    /// Makes the set large.
    fn grow(&mut self) {
        if self.form() == Form::PackedIntegers {
            let mut bytes = Scratch::new();
            for value in IntSet::new(self.table.home.bytes()).iter() {
                Encoded::of(Element::Integer(value)).write::<false>(&mut bytes);
            }
            self.table.home.become_packed(Form::Packed, &bytes);
        }
        self.table.grow();
    }

    /// Takes out a member whose deadline has come, so that it does not count as there.
    #[inline]
    fn remove_if_due(&mut self, member: &[u8]) {
        let table = self.table.read();
        if table.next_deadline().is_some_and(|at| at <= self.now_ms)
            && table
                .get(member)
                .is_some_and(|old| !old.is_alive(self.now_ms))
        {
            self.table.remove(member);
        }
    }

    /// Takes a member out. True: it was there. The caller looks after an empty set.
    #[inline]
    pub fn remove(&mut self, member: &[u8]) -> bool {
        if self.form() == Form::PackedIntegers {
            return integer::parse(member)
                .is_some_and(|value| int_set::remove(self.table.home, value));
        }
        self.remove_if_due(member);
        self.table.remove(member)
    }

    /// Takes a random member out after `report` saw it. False: there is none.
    pub fn pop(
        &mut self,
        random: &mut dyn FnMut() -> u64,
        report: &mut dyn FnMut(Element<'_>),
    ) -> bool {
        if self.form() == Form::PackedIntegers {
            let index = below(random(), self.read().len());
            let popped = int_set::remove_nth(self.table.home, index);
            popped.map(Element::Integer).map(report).is_some()
        } else {
            self.table.pop(random, &mut |record| report(record.key))
        }
    }

    /// Takes `count` random members out, each after `report` saw it. If few are left of
    /// many, they are packed again.
    pub fn pop_many(
        &mut self,
        count: usize,
        random: &mut dyn FnMut() -> u64,
        report: &mut dyn FnMut(Element<'_>),
    ) -> usize {
        let popped = (0..count).take_while(|_| self.pop(random, report)).count();
        if self.form() == Form::Object && self.read().len() * SWEEP_FACTOR <= popped {
            self.shrink();
        }
        popped
    }

    /// Packs a large set, if it is small enough and has no deadlines.
    fn shrink(&mut self) {
        let set = self.read();
        let limits = self.table.limits;
        if set.len() > limits.entries_max
            || set.next_deadline().is_some()
            || set
                .iter()
                .any(|member| member.text_len() > limits.bytes_max)
        {
            return;
        }
        let mut bytes = Scratch::new();
        for member in set.iter() {
            let mut text = itoa::Buffer::new();
            Encoded::new(member.bytes(&mut text)).write::<false>(&mut bytes);
        }
        self.table.home.become_packed(Form::Packed, &bytes);
    }

    /// Changes the deadline of a member. False: there is no such member.
    pub fn set_deadline(&mut self, member: &[u8], deadline: Deadline) -> bool {
        if self.form() == Form::PackedIntegers {
            if !self.contains_integer(member) {
                return false;
            }
            if !matches!(deadline, Deadline::At(_)) {
                return true;
            }
            self.leave_integers(member);
        }
        self.remove_if_due(member);
        self.table.set_deadline(member, deadline)
    }

    /// Takes out at most `limit` members whose deadline has come, each after `report`
    /// saw it. True if there may be more.
    pub fn remove_due(&mut self, limit: usize, report: &mut dyn FnMut(Element<'_>)) -> bool {
        if self.form() == Form::PackedIntegers {
            return false;
        }
        let report = &mut |record: Record<'_>| report(record.key);
        self.table.remove_due(self.now_ms, limit, report)
    }
}

#[cfg(test)]
#[path = "set_tests.rs"]
mod tests;
