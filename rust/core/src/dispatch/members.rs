//! Fields and members of collections that expire by themselves, apart from their keys.
//!
//! They go when their collection is looked up, and when nobody does, in slices of a
//! tick. The keyspace knows which entries hold some (`Entry::members_due_at`), so other
//! keys cost nothing. The journal gets what takes them out (HDEL, SREM, ZREM), watchers learn of
//! it, subscribers hear `hexpired`, `sexpired` or `zexpired`, and `del` when the key went with its
//! last field.

use super::engine::Engine;
use super::journal::{Effect, Word};
use super::notify::class;
use super::tracking::NOBODY;
use crate::keyspace::Kind;
use crate::types::sorted_set::face::SortedSetMut;
use crate::types::{HashMut, SetMut};

/// So many go at once when a collection is looked up; nobody sees the others.
const LOOK_UP_LIMIT: usize = 1024;

/// What is sent and written when members of such a collection expire.
struct Words {
    class: u32,
    event: &'static str,
    removal: &'static str,
}

fn words_of(kind: Kind) -> Option<Words> {
    match kind {
        Kind::Hash => Some(Words {
            class: class::HASH,
            event: "hexpired",
            removal: "HDEL",
        }),
        Kind::Set => Some(Words {
            class: class::SET,
            event: "sexpired",
            removal: "SREM",
        }),
        Kind::SortedSet => Some(Words {
            class: class::SORTED_SET,
            event: "zexpired",
            removal: "ZREM",
        }),
        _ => None,
    }
}

impl Engine {
    /// Before `key` is looked up: members of it whose deadline has come go.
    #[inline]
    pub(super) fn expire_members_if_due(&mut self, database: usize, key: &[u8]) {
        if self.databases[database].may_have_due_members(self.alive_ms()) {
            // Ranks count all entries of a sorted set, so nothing that is due may stay.
            while self.expire_members(database, key, LOOK_UP_LIMIT)
                && self.are_scored(database, key)
            {}
        }
    }

    fn are_scored(&self, database: usize, key: &[u8]) -> bool {
        let entry = self.databases[database].find(key);
        entry.is_some_and(|entry| entry.kind() == Kind::SortedSet)
    }

    /// Takes at most `limit` members out whose deadline has come. True: there may be more.
    #[cold]
    pub(super) fn expire_members(&mut self, database: usize, key: &[u8], limit: usize) -> bool {
        // Hashes and sets pass over what is due; sorted sets cannot.
        if self.is_paused() && !self.are_scored(database, key) {
            return false;
        }
        let now_ms = self.alive_ms();
        let found = self.databases[database].find(key);
        let Some(entry) = found.filter(|entry| {
            let due_at = entry.members_due_at();
            due_at.is_some_and(|at| at <= now_ms) && !self.is_due(entry.expires_at())
        }) else {
            return false;
        };
        let kind = entry.kind();
        let collections = &self.settings.collections;
        let of_hashes = collections.of_hashes(&self.seed);
        let of_sets = collections.of_sets(&self.seed);
        let of_sorted_sets = collections.of_sorted_sets(&self.seed);
        let mut due = Vec::new();
        let has_more = self.databases[database].edit_members(key, |entry| match kind {
            Kind::Hash => HashMut::new(entry, of_hashes, now_ms)
                .remove_due(limit, &mut |field| due.push(field.key.to_vec())),
            Kind::Set => SetMut::new(entry, of_sets, now_ms)
                .remove_due(limit, &mut |member| due.push(member.to_vec())),
            Kind::SortedSet => {
                SortedSetMut::new(entry, of_sorted_sets)
                    .remove_due(now_ms, limit, &mut |member| due.push(member))
            }
            _ => false,
        });
        self.note_expired_members(database, key, kind, due);
        self.remove_if_empty(database, key);
        has_more
    }

    /// The journal, watchers and subscribers learn that members of `key` are gone. That
    /// they may have been the last is the caller's.
    pub(super) fn note_expired_members(
        &mut self,
        database: usize,
        key: &[u8],
        kind: Kind,
        members: Vec<Vec<u8>>,
    ) {
        let Some(words) = words_of(kind).filter(|_| !members.is_empty()) else {
            return;
        };
        self.statistics.counters.expired_fields += members.len() as u64;
        let mut arguments = vec![words.removal.as_bytes().to_vec(), key.to_vec()];
        arguments.extend(members);
        if self.journal.is_read() {
            self.effects.push(Effect {
                database,
                arguments: arguments.into_iter().map(Word::Own).collect(),
            });
        } else {
            self.journal.count(arguments.iter().map(Vec::len));
        }
        self.touch_in(database, key, NOBODY);
        self.notify_in(database, words.class, words.event, key);
    }
}
