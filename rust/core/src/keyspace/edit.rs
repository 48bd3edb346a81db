//! A key while it is being changed.
//!
//! An entry may move in memory when its length changes; its slot follows. Only the
//! table's slot points at it, so nothing else needs to know.
//!
//! Cost: in place where the allocator allows it, else one copy of the entry.

use std::ops::Range;

use super::database::Database;
use super::entry::Entry;
use super::layout::{DEADLINE_MAX, Encoding, Kind};
use super::slot::Slot;
use super::values::{Expiry, NewValue, Removed, Replaced};
use crate::types::Object;

/// The entry of one key, borrowed for changing it.
pub struct EntryMut<'a> {
    database: &'a mut Database,
    segment: usize,
    index: usize,
}

impl<'a> EntryMut<'a> {
    #[inline]
    pub(super) fn new(database: &'a mut Database, segment: usize, index: usize) -> EntryMut<'a> {
        EntryMut {
            database,
            segment,
            index,
        }
    }

    #[inline]
    pub(super) fn slot(&mut self) -> &mut Slot {
        &mut self.database.segments[self.segment].slots[self.index]
    }

    /// The entry as it is now.
    #[inline]
    pub fn entry(&self) -> Entry<'_> {
        self.database.segments[self.segment].slots[self.index].full()
    }

    /// The entry for as long as the table stays borrowed.
    #[inline]
    pub fn into_entry(self) -> Entry<'a> {
        self.database.segments[self.segment].slots[self.index].full()
    }

    #[inline]
    pub fn kind(&self) -> Kind {
        self.entry().kind()
    }

    #[inline]
    pub fn encoding(&self) -> Encoding {
        self.entry().encoding()
    }

    /// The bytes of a value that lies in its entry (Embstr, Raw, the packed ones; the
    /// little-endian bytes of an Int). Panics for others.
    pub fn payload_mut(&mut self) -> &mut [u8] {
        self.slot().payload_mut()
    }

    /// Gives such a value another length; new bytes at its end are 0.
    pub fn resize_payload(&mut self, len: usize) {
        self.slot().resize_payload(len);
    }

    /// Replaces `range` of such a value by `bytes`. O(bytes behind the range).
    pub fn splice(&mut self, range: Range<usize>, bytes: &[u8]) {
        let old_len = self.payload_mut().len();
        assert!(range.start <= range.end && range.end <= old_len);
        let new_end = range.start + bytes.len();
        let new_len = old_len - range.len() + bytes.len();
        if new_len > old_len {
            self.resize_payload(new_len);
        }
        let payload = self.payload_mut();
        payload.copy_within(range.end..old_len, new_end);
        payload[range.start..new_end].copy_from_slice(bytes);
        if new_len < old_len {
            self.resize_payload(new_len);
        }
    }

    /// Says how the bytes of a value in its entry are to be read from now on, for
    /// example after the bytes of a packed set were exchanged.
    pub fn set_inline_encoding(&mut self, encoding: Encoding) {
        let kind = self.kind();
        self.slot().set_inline_kind(kind, encoding);
    }

    /// The structure of a large collection; None for all else.
    #[inline]
    pub fn object_mut(&mut self) -> Option<&mut Object> {
        self.slot().object_mut()
    }

    /// The bytes of a big string, copied first if a reply shares them; None for all else.
    pub fn shared_mut(&mut self) -> Option<&mut Vec<u8>> {
        self.slot().shared_mut()
    }

    /// Sets the deadline (milliseconds since 1970) or takes it away. Gaining or losing
    /// one copies the entry.
    pub fn set_expiry(&mut self, deadline: Option<i64>) {
        let deadline = deadline.map(|deadline| deadline.clamp(0, DEADLINE_MAX));
        let had_one = self.entry().expires_at().is_some();
        self.slot().set_deadline(deadline);
        self.database.volatile_len += usize::from(deadline.is_some());
        self.database.volatile_len -= usize::from(had_one);
        self.note_wake();
    }

    /// Notes when there is something to do for the entry.
    fn note_wake(&mut self) {
        let wakes_at = self.entry().wakes_at();
        let segment = &mut self.database.segments[self.segment];
        match wakes_at {
            Some(wakes_at) => {
                segment.codes.allocate(segment.slots.len());
                segment.codes.set(self.index, wakes_at);
            }
            None => segment.codes.clear(self.index),
        }
        let has_none = segment.codes.len == 0;
        if let Some(wakes_at) = wakes_at {
            self.database.note_deadline(self.segment, wakes_at);
        } else if has_none {
            self.database.earliest[self.segment] = i64::MAX;
        }
    }

    /// To be called after a collection was edited in its home, with whether members of
    /// it had deadlines before.
    #[inline]
    pub fn settle_members(&mut self, had_deadlines: bool) {
        let has_deadlines = self.entry().members_due_at().is_some();
        if had_deadlines || has_deadlines {
            self.note_members(had_deadlines, has_deadlines);
        }
    }

    #[cold]
    fn note_members(&mut self, had_deadlines: bool, has_deadlines: bool) {
        self.database.timed_len += usize::from(has_deadlines);
        self.database.timed_len -= usize::from(had_deadlines);
        self.note_wake();
    }

    /// Gives the key another value; key, clock and snapshot colour stay.
    pub fn replace(&mut self, value: NewValue<'_>, expiry: Expiry) -> Replaced {
        let had_deadlines = self.entry().members_due_at().is_some();
        let replaced = self.replace_value(value, expiry);
        self.settle_members(had_deadlines);
        replaced
    }

    /// As `replace`, for who calls `settle_members`.
    pub(super) fn replace_value(&mut self, value: NewValue<'_>, expiry: Expiry) -> Replaced {
        match expiry {
            Expiry::Keep => {}
            Expiry::None => {
                if self.entry().expires_at().is_some() {
                    self.set_expiry(None);
                }
            }
            Expiry::At(deadline) => self.set_expiry(Some(deadline)),
        }
        let slot = self.slot();
        value.with_payload(|kind, encoding, payload| {
            let old = slot.full();
            if old.encoding().is_inline() && encoding.is_inline() {
                let old_kind = old.kind();
                slot.overwrite(kind, encoding, payload);
                return Replaced::Small(old_kind);
            }
            let head = super::layout::head(kind, encoding, old.colour(), old.clock());
            let made = Slot::create(head, old.expires_at(), old.key(), payload);
            let made = made.with_fragment(slot.fragment());
            Replaced::Removed(Removed(std::mem::replace(slot, made)))
        })
    }
}
