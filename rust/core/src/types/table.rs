//! Hashes and sets by their two forms: packed and paged, with one set of methods.
//!
//! `Hash` and `Set` are thin layers on this; what is theirs alone is there. Records
//! whose deadline has come are still there for this module: they judge by their clock.

use super::Object;
use super::home::{Content, Form, Home, Limits};
use super::packed_table::{PackedRecords, PackedTable, PackedTableMut, Shape};
use super::paged_table::{PagedRecords, PagedTable};
use super::record::{Deadline, Record, below};

/// Records for reading.
#[derive(Debug, Clone, Copy)]
pub enum Table<'a> {
    Packed(PackedTable<'a>),
    Paged(&'a PagedTable),
}

/// See `Table::iter`.
#[derive(Debug, Clone)]
pub enum Records<'a> {
    Packed(PackedRecords<'a>),
    Paged(PagedRecords<'a>),
}

impl<'a> Iterator for Records<'a> {
    type Item = Record<'a>;

    #[inline]
    fn next(&mut self) -> Option<Record<'a>> {
        match self {
            Records::Packed(records) => records.next(),
            Records::Paged(records) => records.next(),
        }
    }
}

impl<'a> Table<'a> {
    /// The records in a home; `values` tells a hash from a set. Panics at sets of
    /// integers and at other kinds of objects: whoever asks has looked at the kind.
    #[inline]
    pub fn new(content: Content<'a>, values: bool) -> Table<'a> {
        match content {
            Content::Packed(form, bytes) => {
                Table::Packed(PackedTable::new(bytes, shape(form, values)))
            }
            Content::Object(Object::Hash(table) | Object::Set(table)) => Table::Paged(table),
            Content::Object(other) => unreachable!("{other:?} is neither hash nor set"),
        }
    }

    /// How many records there are. O(1), but for packed ones O(bytes).
    #[inline]
    pub fn len(self) -> usize {
        match self {
            Table::Packed(table) => table.len(),
            Table::Paged(table) => table.len(),
        }
    }

    #[inline]
    pub fn is_empty(self) -> bool {
        match self {
            Table::Packed(table) => table.is_empty(),
            Table::Paged(table) => table.is_empty(),
        }
    }

    #[inline]
    pub fn get(self, key: &[u8]) -> Option<Record<'a>> {
        match self {
            Table::Packed(table) => table.get(key),
            Table::Paged(table) => table.get(key),
        }
    }

    #[inline]
    pub fn iter(self) -> Records<'a> {
        match self {
            Table::Packed(table) => Records::Packed(table.iter()),
            Table::Paged(table) => Records::Paged(table.iter()),
        }
    }

    /// A time that no deadline is before; None without deadlines. O(1).
    #[inline]
    pub fn next_deadline(self) -> Option<i64> {
        match self {
            Table::Packed(table) => table.next_deadline(),
            Table::Paged(table) => table.next_deadline(),
        }
    }

    /// A record chosen by `random`, a source of 64 random bits; each is equally likely.
    pub fn random(self, random: &mut dyn FnMut() -> u64) -> Option<Record<'a>> {
        match self {
            Table::Packed(table) => table.nth(below(random(), table.len())),
            Table::Paged(table) => table.random(random),
        }
    }

    /// Visits `count` different records (all, if there are no more); each choice is
    /// equally likely.
    pub fn sample(
        self,
        count: usize,
        random: &mut dyn FnMut() -> u64,
        visit: &mut dyn FnMut(Record<'_>),
    ) {
        match self {
            Table::Packed(table) => {
                choose(table.iter(), table.len(), count, random, |record| {
                    visit(record)
                });
            }
            Table::Paged(table) => table.sample(count, random, visit),
        }
    }

    /// Visits about `count` records from `cursor` on (0: from the start) and returns
    /// the cursor to go on from, 0 at the end. Packed records come all at once.
    pub fn scan(self, cursor: u64, count: usize, visit: &mut dyn FnMut(Record<'_>)) -> u64 {
        match self {
            Table::Packed(table) => {
                table.iter().for_each(visit);
                0
            }
            Table::Paged(table) => table.scan(cursor, count, visit),
        }
    }
}

/// Visits `count` of `len` items; each choice is equally likely.
pub(super) fn choose<T>(
    items: impl Iterator<Item = T>,
    len: usize,
    count: usize,
    random: &mut dyn FnMut() -> u64,
    mut visit: impl FnMut(T),
) {
    let mut wanted = count.min(len);
    for (passed, item) in items.enumerate() {
        if wanted == 0 {
            return;
        }
        if below(random(), len - passed) < wanted {
            visit(item);
            wanted -= 1;
        }
    }
}

#[inline]
fn shape(form: Form, values: bool) -> Shape {
    debug_assert!(
        form != Form::PackedIntegers,
        "a set of integers has no records"
    );
    Shape {
        values,
        deadlines: form == Form::PackedTimed,
    }
}

/// Records for changing them.
pub(super) struct TableMut<'h, H: Home> {
    pub home: &'h mut H,
    pub values: bool,
    pub limits: Limits<'h>,
}

impl<H: Home> TableMut<'_, H> {
    #[inline]
    pub fn read(&self) -> Table<'_> {
        Table::new(self.home.content(), self.values)
    }

    #[inline]
    fn packed(&mut self, form: Form) -> PackedTableMut<'_, H> {
        let shape = shape(form, self.values);
        PackedTableMut::new(self.home, shape)
    }

    /// The large form, which it must have.
    #[inline]
    fn paged(&mut self) -> &mut PagedTable {
        match self.home.object_mut() {
            Some(Object::Hash(table) | Object::Set(table)) => table,
            other => unreachable!("{other:?} is neither hash nor set"),
        }
    }

    /// Gives `key` a value. True: the key is new.
    #[inline]
    pub fn set(&mut self, key: &[u8], value: &[u8], deadline: Deadline) -> bool {
        let form = self.home.content().form();
        if form != Form::Object {
            if key.len() <= self.limits.bytes_max && value.len() <= self.limits.bytes_max {
                let form = self.form_for(form, deadline);
                let len_max = self.limits.entries_max;
                let done = self.packed(form).set(key, value, deadline, len_max);
                if let Ok(is_new) = done {
                    return is_new;
                }
            }
            self.grow();
        }
        self.paged().set(key, value, deadline)
    }

    /// Makes room for a deadline in a packed table that has none so far.
    fn form_for(&mut self, form: Form, deadline: Deadline) -> Form {
        if form == Form::PackedTimed || !matches!(deadline, Deadline::At(_)) {
            return form;
        }
        self.packed(form).add_deadlines();
        self.home.set_form(Form::PackedTimed);
        Form::PackedTimed
    }

    /// Takes `key` out. True: it was there.
    #[inline]
    pub fn remove(&mut self, key: &[u8]) -> bool {
        match self.home.content().form() {
            Form::Object => self.paged().remove(key),
            form => self.packed(form).remove(key),
        }
    }

    /// Takes a random record out after `report` saw it.
    pub fn pop(
        &mut self,
        random: &mut dyn FnMut() -> u64,
        report: &mut dyn FnMut(Record<'_>),
    ) -> bool {
        match self.home.content().form() {
            Form::Object => self.paged().pop(random, report),
            form => {
                let index = below(random(), self.read().len());
                self.packed(form).remove_nth(index, report)
            }
        }
    }

    /// Changes the deadline of `key`. False: there is no such key.
    pub fn set_deadline(&mut self, key: &[u8], deadline: Deadline) -> bool {
        match self.home.content().form() {
            Form::Object => self.paged().set_deadline(key, deadline),
            form => match self.form_for(form, deadline) {
                Form::PackedTimed => self.packed(Form::PackedTimed).set_deadline(key, deadline),
                _ => self.read().get(key).is_some(),
            },
        }
    }

    /// Takes out at most `limit` records whose deadline has come, each after `report`
    /// saw it. True if there may be more.
    pub fn remove_due(
        &mut self,
        now_ms: i64,
        limit: usize,
        report: &mut dyn FnMut(Record<'_>),
    ) -> bool {
        match self.home.content().form() {
            Form::Object => self.paged().remove_due(now_ms, limit, report),
            form => self.packed(form).remove_due(now_ms, limit, report),
        }
    }

    /// Turns a packed table into a paged one. O(bytes).
    pub fn grow(&mut self) {
        if self.home.content().form() == Form::Object {
            return;
        }
        let mut table = PagedTable::new(self.limits.seed.clone(), self.values);
        for record in self.read().iter() {
            let (mut key, mut value) = (itoa::Buffer::new(), itoa::Buffer::new());
            let (key, value) = (record.key.bytes(&mut key), record.value.bytes(&mut value));
            let deadline = record.deadline.map_or(Deadline::Clear, Deadline::At);
            table.set(key, value, deadline);
        }
        self.home.become_object(if self.values {
            Object::Hash(table)
        } else {
            Object::Set(table)
        });
    }
}
