//! Sets being changed: members added, taken out and popped, and the steps between forms.

use super::home::{Form, Home, Limits};
use super::int_set::{self, IntSet};
use super::packed::{Element, Encoded, Scratch};
use super::record::{DEADLINE_MAX, Deadline, DeadlineCondition, Expired, Record, below};
use super::set::Set;
use super::table::TableMut;
use crate::text::integer;

/// After a pop of so many times what is left, what is left is packed again.
const SWEEP_FACTOR: usize = 5;

/// A set for changing it.
pub struct SetMut<'h, H: Home> {
    table: TableMut<'h, H>,
    now_ms: i64,
    is_prepared: bool,
    met_due: Vec<Vec<u8>>,
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
            met_due: Vec::new(),
        }
    }

    /// The members whose deadline had come that edits came across and took out.
    pub fn take_met_due(&mut self) -> Vec<Vec<u8>> {
        std::mem::take(&mut self.met_due)
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

    /// Makes a new set one of integers, whatever the limits say: the results of SUNIONSTORE
    /// and SDIFFSTORE begin so, and their members then decide one by one.
    pub fn begin_with_integers(&mut self) {
        debug_assert!(self.table.home.bytes().is_empty(), "only a new set");
        self.is_prepared = true;
        self.table.home.set_form(Form::PackedIntegers);
    }

    /// Fills a new set with different members, whose number and length choose its form.
    /// With `leaves_integers_for_large` too many integers are never packed as strings: so
    /// it is where they come from a set of integers.
    pub fn fill(&mut self, members: &[Element<'_>], leaves_integers_for_large: bool) {
        debug_assert!(self.table.home.bytes().is_empty(), "only a new set");
        self.is_prepared = true;
        let limits = self.table.limits;
        let is_integer = |member: &Element<'_>| member.integer().is_some();
        let all_integers = members.iter().all(is_integer);
        let mut text = itoa::Buffer::new();
        if all_integers && members.len() <= limits.integers_max {
            self.table.home.set_form(Form::PackedIntegers);
        } else if members.len() <= limits.entries_max
            && !(all_integers && leaves_integers_for_large)
            && members.iter().all(|m| m.text_len() <= limits.bytes_max)
        {
            let mut bytes = Scratch::new();
            for member in members {
                Encoded::new(member.bytes(&mut text)).write::<false>(&mut bytes);
            }
            self.table.home.become_packed(Form::Packed, &bytes);
            return;
        } else {
            self.grow();
        }
        for member in members {
            self.add(member.bytes(&mut text));
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
            self.met_due.push(member.to_vec());
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
            let (now_ms, met_due) = (self.now_ms, &mut self.met_due);
            let mut is_alive = false;
            while !is_alive {
                let is_popped = self.table.pop(random, &mut |record| {
                    is_alive = record.is_alive(now_ms);
                    if is_alive {
                        report(record.key);
                    } else {
                        met_due.push(record.key.to_vec());
                    }
                });
                if !is_popped {
                    return false;
                }
            }
            true
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

    /// Gives a member a deadline if the condition allows it.
    pub fn expire(&mut self, member: &[u8], at_ms: i64, condition: DeadlineCondition) -> Expired {
        let Some(old) = self.read().deadline(member) else {
            return Expired::Missing;
        };
        // As it is stored: two past the latest are equal.
        let new = at_ms.min(DEADLINE_MAX);
        if !condition.allows(old, new) {
            return Expired::Refused;
        }
        if at_ms <= self.now_ms {
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
