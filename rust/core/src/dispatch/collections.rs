//! Collections as commands see them: looked up by kind, edited in place, gone when empty.
//!
//! An edit says how much it changed; the journal, watchers and waiters learn of it here,
//! so that no command can forget them. What is left empty is removed after the event
//! that the command sends for it, as the real servers do: `hdel`, then `del`.

use super::data::Access;
use super::engine::Engine;
use super::error::{ErrorCode, Failure};
use super::notify::class;
use super::settings::Settings;
use crate::keyspace::{Entry, Expiry, Kind, NewValue, Place, is_empty};
use crate::seed::HashSeed;
use crate::types::home::{Detached, Form, Home, Limits};
use crate::types::list::limit::{Limit, ListLimits};
use crate::types::list::packed;
use crate::types::stream::BlockLimits;

/// Up to where collections are packed; settings of these names.
#[derive(Debug, Clone, Copy)]
pub struct CollectionLimits {
    pub hash_entries_max: usize,
    pub hash_value_bytes_max: usize,
    pub list_size: i64,
    pub list_depth: u32,
    pub set_integers_max: usize,
    pub set_entries_max: usize,
    pub set_value_bytes_max: usize,
    pub sorted_set_entries_max: usize,
    pub sorted_set_value_bytes_max: usize,
    pub hll_sparse_bytes_max: usize,
    pub stream_blocks: BlockLimits,
}

impl Default for CollectionLimits {
    fn default() -> Self {
        Self {
            hash_entries_max: 512,
            hash_value_bytes_max: 64,
            list_size: -2,
            list_depth: 0,
            set_integers_max: 512,
            set_entries_max: 128,
            set_value_bytes_max: 64,
            sorted_set_entries_max: 128,
            sorted_set_value_bytes_max: 64,
            hll_sparse_bytes_max: 3000,
            stream_blocks: BlockLimits::default(),
        }
    }
}

/// What an edit needs beside the collection.
pub struct Environment<'a> {
    pub seed: &'a HashSeed,
    pub limits: &'a CollectionLimits,
    pub settings: &'a Settings,
    pub random: &'a mut fastrand::Rng,
    pub now_ms: i64,
}

impl CollectionLimits {
    pub fn of_hashes<'a>(&self, seed: &'a HashSeed) -> Limits<'a> {
        Limits {
            entries_max: self.hash_entries_max,
            bytes_max: self.hash_value_bytes_max,
            integers_max: 0,
            seed,
        }
    }

    pub fn of_sets<'a>(&self, seed: &'a HashSeed) -> Limits<'a> {
        Limits {
            entries_max: self.set_entries_max,
            bytes_max: self.set_value_bytes_max,
            integers_max: self.set_integers_max,
            seed,
        }
    }

    pub fn of_sorted_sets<'a>(&self, seed: &'a HashSeed) -> Limits<'a> {
        Limits {
            entries_max: self.sorted_set_entries_max,
            bytes_max: self.sorted_set_value_bytes_max,
            integers_max: 0,
            seed,
        }
    }

    #[inline]
    pub fn of_lists(&self) -> ListLimits {
        ListLimits {
            small: Limit::from_setting(self.list_size),
            depth: self.list_depth,
        }
    }
}

impl<'a> Environment<'a> {
    pub fn hash_limits(&self) -> Limits<'a> {
        self.limits.of_hashes(self.seed)
    }

    pub fn set_limits(&self) -> Limits<'a> {
        self.limits.of_sets(self.seed)
    }

    pub fn sorted_set_limits(&self) -> Limits<'a> {
        self.limits.of_sorted_sets(self.seed)
    }

    pub fn list_limits(&self) -> ListLimits {
        self.limits.of_lists()
    }
}

/// What became of the key that was edited.
enum After {
    Nothing,
    Kept,
    Created,
    Emptied,
}

impl Engine {
    /// The entry of `key`, which must hold a value of this kind if there is one.
    #[inline]
    pub fn read_kind(
        &mut self,
        key: &[u8],
        kind: Kind,
        access: Access,
    ) -> Result<Option<Entry<'_>>, Failure> {
        match self.read(key, access) {
            Some(entry) if entry.kind() != kind => Err(ErrorCode::WrongType.into()),
            found => Ok(found),
        }
    }

    /// Changes the collection at `key`, or makes it.
    ///
    /// `edit` gets the collection's place and answers with its result and how many
    /// changes it made; with 0 it must have left everything as it was. Nothing is
    /// created unless something was put into it. The key is touched; but not that of a
    /// stream, for much of what is done to one concerns nobody.
    #[inline]
    pub fn edit_collection<R>(
        &mut self,
        key: &[u8],
        kind: Kind,
        edit: impl FnOnce(&mut Place<'_>, &mut Environment<'_>) -> (R, u64),
    ) -> Result<R, Failure> {
        self.prepare_edit(key);
        self.edit_prepared(key, kind, edit)
    }

    /// As `edit_collection`, where the command has looked at or changed `key`
    /// already: both are one access.
    #[inline]
    pub fn edit_again<R>(
        &mut self,
        key: &[u8],
        kind: Kind,
        edit: impl FnOnce(&mut Place<'_>, &mut Environment<'_>) -> (R, u64),
    ) -> Result<R, Failure> {
        self.prepare_next_edit(key);
        self.edit_prepared(key, kind, edit)
    }

    #[inline]
    fn edit_prepared<R>(
        &mut self,
        key: &[u8],
        kind: Kind,
        edit: impl FnOnce(&mut Place<'_>, &mut Environment<'_>) -> (R, u64),
    ) -> Result<R, Failure> {
        let now_ms = self.alive_ms();
        let database = &mut self.databases[self.run.database];
        let mut environment = Environment {
            seed: &self.seed,
            limits: &self.settings.collections,
            settings: &self.settings,
            random: &mut self.random,
            now_ms,
        };
        let found = database.find_mut(key);
        let (result, edits, after) = match found {
            Some(entry) if entry.kind() != kind => return Err(ErrorCode::WrongType.into()),
            Some(entry) => {
                let may_have_deadlines = matches!(kind, Kind::Hash | Kind::Set | Kind::SortedSet);
                let had_deadlines = may_have_deadlines && entry.entry().members_due_at().is_some();
                let mut place = Place::Entry(entry);
                let (result, edits) = edit(&mut place, &mut environment);
                if may_have_deadlines && let Place::Entry(entry) = &mut place {
                    entry.settle_members(had_deadlines);
                }
                let after = match edits {
                    0 => After::Nothing,
                    _ if place.is_empty(kind) => After::Emptied,
                    _ => After::Kept,
                };
                (result, edits, after)
            }
            None => {
                self.scratch.clear();
                if kind == Kind::List {
                    self.scratch.become_packed(Form::Packed, packed::EMPTY);
                }
                let (result, edits) = edit(&mut Place::New(&mut self.scratch), &mut environment);
                let after = if is_empty(kind, self.scratch.content()) {
                    After::Nothing
                } else {
                    let value = NewValue::of_detached(kind, &mut self.scratch);
                    database.set(key, value, Expiry::None);
                    After::Created
                };
                (result, edits, after)
            }
        };
        match after {
            After::Nothing => return Ok(result),
            After::Kept => {}
            After::Created => self.notify(class::NEW, "new", key),
            After::Emptied => self.run.emptied.push((self.run.database, key.into())),
        }
        self.run.edits += edits;
        if kind != Kind::Stream {
            self.touch(key);
        }
        Ok(result)
    }

    /// Puts a collection that was made outside in the place of whatever `key` held, and
    /// sends `event`; an empty one removes the key.
    pub fn store_collection(
        &mut self,
        key: &[u8],
        kind: Kind,
        made: &mut Detached,
        class: u32,
        event: &str,
    ) {
        if is_empty(kind, made.content()) {
            self.delete(key);
            return;
        }
        self.put(key, NewValue::of_detached(kind, made), Expiry::None);
        self.edited(class, event, key);
    }

    /// Up to where sorted sets are packed.
    pub fn sorted_set_limits(&self) -> Limits<'_> {
        self.settings.collections.of_sorted_sets(&self.seed)
    }

    /// Sends an event of the running command, then removes what the command left empty.
    #[inline]
    pub fn announce(&mut self, class: u32, event: &str, key: &[u8]) {
        self.notify(class, event, key);
        if !self.run.emptied.is_empty() {
            self.remove_emptied();
        }
    }

    /// Removes the collections that the running command left empty, with their `del`.
    #[cold]
    pub(super) fn remove_emptied(&mut self) {
        for (database, key) in std::mem::take(&mut self.run.emptied) {
            self.remove_if_empty(database, &key);
        }
    }

    /// Removes a collection that has nothing in it (any more), with its `del`.
    pub(super) fn remove_if_empty(&mut self, database: usize, key: &[u8]) {
        let entry = self.databases[database].find(key);
        let is_left_empty = entry.is_some_and(|entry| {
            let content = entry.content();
            content.is_some_and(|content| is_empty(entry.kind(), content))
        });
        if is_left_empty && let Some(removed) = self.databases[database].remove(key) {
            self.discard(removed);
            self.notify_in(database, class::GENERIC, "del", key);
        }
    }
}
