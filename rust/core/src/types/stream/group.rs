//! A group of consumers: what it was given, and what is pending.
//!
//!     pending      ID → when, how often and to whom it was delivered (`Nack`)
//!     consumers    number → name, times, IDs of what it has pending
//!     names        name → number
//!
//! A pending entry stands once in `pending`; a consumer knows its IDs.
//!
//! Invariants (`check`): each pending ID is that of one consumer, who exists.
//! Cost: by ID O(log n); a clone O(1) for entries, O(consumers) when written to.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::Arc;

use super::Stream;
use super::id::StreamId;
use super::id_map::{IdMap, Identified};
use crate::memory::{shared_bytes, shared_map_bytes, taken_bytes};
use crate::types::Garbage;

/// An entry that was delivered and not acknowledged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Nack {
    pub id: StreamId,
    /// Milliseconds since 1970.
    pub delivered_ms: i64,
    pub deliveries: u64,
    /// The consumer's number.
    pub consumer: u32,
}

impl Identified for Nack {
    fn id(&self) -> StreamId {
        self.id
    }
}

#[derive(Debug, Clone)]
pub struct Consumer {
    pub name: Box<[u8]>,
    /// When it asked last, in milliseconds since 1970.
    pub seen_ms: i64,
    /// When it got something last; -1: never.
    pub active_ms: i64,
    pub pending: IdMap<StreamId>,
}

/// `Group::entries_read` where nobody can tell.
pub const UNKNOWN: i64 = -1;

#[derive(Debug, Clone, Default)]
pub struct Group {
    pub last_id: StreamId,
    /// How many entries of all that were added it has read; or `UNKNOWN`.
    pub entries_read: i64,
    pub pending: IdMap<Nack>,
    consumers: Vec<Option<Arc<Consumer>>>,
    names: Arc<BTreeMap<Box<[u8]>, u32>>,
}

impl Group {
    pub fn new(last_id: StreamId, entries_read: i64) -> Group {
        Group {
            last_id,
            entries_read,
            ..Group::default()
        }
    }

    /// The consumers, by name.
    pub fn consumers(&self) -> impl ExactSizeIterator<Item = &Consumer> {
        self.names.values().map(|number| self.consumer(*number))
    }

    /// The consumer behind one of this name, or the first.
    pub fn consumer_after(&self, name: Option<&[u8]>) -> Option<&Consumer> {
        let from = name.map_or(Bound::Unbounded, Bound::Excluded);
        let (_, number) = self
            .names
            .range::<[u8], _>((from, Bound::Unbounded))
            .next()?;
        Some(self.consumer(*number))
    }

    /// The consumer of a number that is in use.
    #[inline]
    pub fn consumer(&self, number: u32) -> &Consumer {
        let slot = self.consumers[number as usize].as_ref();
        slot.expect("a consumer that exists")
    }

    #[inline]
    pub fn consumer_mut(&mut self, number: u32) -> &mut Consumer {
        let slot = self.consumers[number as usize].as_mut();
        Arc::make_mut(slot.expect("a consumer that exists"))
    }

    /// The number of the consumer of this name.
    #[inline]
    pub fn number(&self, name: &[u8]) -> Option<u32> {
        self.names.get(name).copied()
    }

    /// Adds a consumer that was seen at a time; its number. None: there is one.
    pub fn add_consumer(&mut self, name: &[u8], seen_ms: i64) -> Option<u32> {
        if self.names.contains_key(name) {
            return None;
        }
        let consumer = Some(Arc::new(Consumer {
            name: name.into(),
            seen_ms,
            active_ms: -1,
            pending: IdMap::default(),
        }));
        let number = match self.consumers.iter().position(Option::is_none) {
            Some(free) => {
                self.consumers[free] = consumer;
                free
            }
            None => {
                self.consumers.push(consumer);
                self.consumers.len() - 1
            }
        } as u32;
        Arc::make_mut(&mut self.names).insert(name.into(), number);
        Some(number)
    }

    /// Removes a consumer with all that it has pending; how many entries that was.
    pub fn remove_consumer(&mut self, name: &[u8]) -> Option<(usize, Garbage)> {
        let number = Arc::make_mut(&mut self.names).remove(name)?;
        let consumer = self.consumers[number as usize].take()?;
        let count = consumer.pending.len();
        let mut garbage = Garbage::default();
        if count == self.pending.len() {
            garbage = self.pending.clear();
        } else {
            let ids = consumer.pending.from(StreamId::ZERO);
            self.pending.remove_all(ids);
        }
        let consumer = Garbage::new(consumer.pending.free_effort(), consumer);
        Some((count, garbage.and(consumer)))
    }

    /// Makes an entry pending, or another consumer's.
    pub fn deliver(&mut self, nack: Nack) {
        let before = self.pending.get(nack.id).map(|found| found.consumer);
        self.pending.insert(nack);
        if before == Some(nack.consumer) {
            return;
        }
        if let Some(before) = before {
            self.consumer_mut(before).pending.remove(nack.id);
        }
        self.consumer_mut(nack.consumer).pending.insert(nack.id);
    }

    /// Forgets a pending entry. False: there is none.
    pub fn acknowledge(&mut self, id: StreamId) -> bool {
        let Some(nack) = self.pending.remove(id) else {
            return false;
        };
        self.consumer_mut(nack.consumer).pending.remove(id);
        true
    }

    /// Notes that an entry behind all that was read so far is delivered.
    ///
    /// `first` is the ID of the stream's first entry.
    #[inline]
    pub fn advance(&mut self, stream: &Stream, first: StreamId, id: StreamId) {
        let counts = self.entries_read != UNKNOWN
            && self.last_id >= first
            && !stream.has_gap_after(self.last_id, first);
        if counts {
            self.entries_read += 1;
        } else if stream.entries_added > 0 {
            self.entries_read = stream.count_up_to(id);
        }
        self.last_id = id;
    }

    /// How many entries it has still to read; None: nobody can tell.
    pub fn lag(&self, stream: &Stream) -> Option<i64> {
        if stream.entries_added == 0 {
            return Some(0);
        }
        // Whatever was given as entries read counts only behind all that was deleted.
        let has_gap = stream.has_gap_after(self.last_id, StreamId::ZERO);
        let read = if self.entries_read != UNKNOWN && !has_gap {
            self.entries_read
        } else {
            stream.count_up_to(self.last_id)
        };
        (read != UNKNOWN).then(|| stream.entries_added as i64 - read)
    }

    pub fn free_effort(&self) -> usize {
        let consumers = self.consumers.iter().flatten();
        let pending = consumers.map(|consumer| 2 + consumer.pending.free_effort());
        2 + self.pending.free_effort() + pending.sum::<usize>()
    }

    /// Bytes of memory behind this.
    pub fn memory_bytes(&self) -> usize {
        let consumers = self.consumers.iter().flatten().map(|consumer| {
            // Its name is the key of its number, too.
            let names = 2 * taken_bytes(consumer.name.len());
            shared_bytes::<Consumer>() + names + consumer.pending.memory_bytes()
        });
        self.pending.memory_bytes()
            + taken_bytes(self.consumers.capacity() * size_of::<Option<Arc<Consumer>>>())
            + shared_map_bytes(&self.names)
            + consumers.sum::<usize>()
    }

    /// Panics if an invariant does not hold.
    pub fn check(&self) {
        self.pending.check();
        let mut count = 0;
        for (name, number) in self.names.iter() {
            let consumer = self.consumer(*number);
            assert_eq!(*name, consumer.name, "a consumer of another name");
            consumer.pending.check();
            for id in consumer.pending.from(StreamId::ZERO) {
                let nack = self.pending.get(*id);
                assert!(
                    nack.is_some_and(|nack| nack.consumer == *number),
                    "an entry that is pending for its consumer alone"
                );
                count += 1;
            }
        }
        assert_eq!(
            count,
            self.pending.len(),
            "a pending entry without consumer"
        );
        let in_use = self.consumers.iter().flatten().count();
        assert_eq!(in_use, self.names.len(), "a consumer without name");
    }
}

impl Stream {
    /// True when an entry behind `id` may have been removed by XDEL.
    #[inline]
    fn has_gap_after(&self, id: StreamId, first: StreamId) -> bool {
        !self.is_empty()
            && self.max_deleted_id != StreamId::ZERO
            && first <= self.max_deleted_id
            && id <= self.max_deleted_id
    }

    /// How many of all entries that were added are up to `id`; or `UNKNOWN`.
    pub fn count_up_to(&self, id: StreamId) -> i64 {
        let added = self.entries_added as i64;
        if added == 0 {
            return 0;
        }
        if self.is_empty() && id <= self.last_id {
            return added;
        }
        if id != StreamId::ZERO && id < self.max_deleted_id {
            return UNKNOWN;
        }
        if id >= self.last_id {
            return if id == self.last_id { added } else { UNKNOWN };
        }
        let first = self.first_id();
        if self.max_deleted_id == StreamId::ZERO || self.max_deleted_id < first {
            if id < first {
                return added - self.len() as i64;
            }
            if id == first {
                return added - self.len() as i64 + 1;
            }
        }
        UNKNOWN
    }
}
