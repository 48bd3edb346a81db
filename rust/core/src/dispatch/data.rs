//! Keys as commands see them: without those whose time has come, and with all that a
//! change entails (watchers, notifications, the journal's count of edits).

use super::engine::{Engine, Propagation};
use super::error::{ErrorCode, Failure};
use super::journal::{Effect, Word};
use super::notify::class;
use super::tracking::NOBODY;
use crate::keyspace::{Database, Entry, EntryMut, Expiry, Kind, NewValue, Removed, Replaced};
use crate::service::ClientId;
use crate::types::Garbage;

/// A value that frees more pieces than this is freed in the background.
const FREE_EFFORT_MAX: usize = 64;
/// A value bigger than this is freed in the background.
const FREE_BYTES_MAX: usize = 1 << 20;

/// What traces a look-up leaves: hits and misses counted, `keymiss` sent, the entry's
/// clock touched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// All of them (GET).
    Read,
    /// All of them, whatever the client says (TOUCH).
    Touch,
    /// All but the clock (EXISTS, TTL, TYPE).
    Look,
    /// Hits and misses alone (OBJECT).
    Inspect,
    /// The clock alone: a look before an edit (SETNX, EXPIRE).
    Write,
    /// None.
    Peek,
}

impl Access {
    fn counts(self) -> bool {
        !matches!(self, Access::Write | Access::Peek)
    }

    fn announces_misses(self) -> bool {
        matches!(self, Access::Read | Access::Touch | Access::Look)
    }
}

impl Engine {
    /// The running command's database.
    #[inline]
    pub fn database(&mut self) -> &mut Database {
        &mut self.databases[self.run.database]
    }

    /// What deadlines are compared with: the time, or, while a file is replayed, one
    /// before all of them.
    #[inline]
    pub fn alive_ms(&self) -> i64 {
        if self.is_replaying {
            i64::MIN
        } else {
            self.now_ms
        }
    }

    /// True when a deadline has come.
    #[inline]
    pub fn is_due(&self, deadline: Option<i64>) -> bool {
        deadline.is_some_and(|at| at < self.keys_now_ms())
    }

    /// Removes `key` if its deadline has passed. True: it did. While clients are paused
    /// such a key stays, but nobody sees it.
    #[inline]
    pub fn expire_if_due(&mut self, key: &[u8]) -> bool {
        self.expire_if_due_in(self.run.database, key)
    }

    pub fn expire_if_due_in(&mut self, database: usize, key: &[u8]) -> bool {
        self.expire_members_if_due(database, key);
        if self.databases[database].volatile_len() == 0 {
            return false;
        }
        let entry = self.databases[database].find(key);
        let is_due = entry.is_some_and(|entry| self.is_due(entry.expires_at()));
        if is_due && !self.is_paused() {
            self.expire_now(database, key, NOBODY);
        }
        is_due
    }

    /// Removes an expired key: DEL in the journal, `expired` for subscribers.
    #[cold]
    pub(super) fn expire_now(&mut self, database: usize, key: &[u8], by: ClientId) {
        let latency = self.begin_latency();
        if let Some(removed) = self.databases[database].remove(key) {
            self.discard(removed);
            self.end_latency("expire-del", latency);
            self.statistics.counters.expired_keys += 1;
            self.after_removal(database, key, by);
            self.notify_in(database, class::EXPIRED, "expired", key);
        }
    }

    /// What follows when a key was removed for want of memory.
    pub(super) fn after_eviction(&mut self, database: usize, key: &[u8]) {
        self.after_removal(database, key, NOBODY);
        self.notify_in(database, class::EVICTED, "evicted", key);
    }

    /// The journal and watchers learn that a key went by itself.
    fn after_removal(&mut self, database: usize, key: &[u8], by: ClientId) {
        if self.journal.is_read() {
            let arguments = vec![Word::from(b"DEL".as_slice()), Word::from(key)];
            self.effects.push(Effect {
                database,
                arguments,
            });
        } else {
            self.journal.count([3, key.len()].into_iter());
        }
        self.touch_in(database, key, by);
    }

    /// Frees a value, here or in the background.
    pub fn discard(&mut self, removed: Removed) {
        let bytes = removed.memory_bytes();
        if removed.free_effort() > FREE_EFFORT_MAX || bytes > FREE_BYTES_MAX {
            self.freer.free_bytes(removed, bytes);
        }
    }

    /// As `discard`, for what was cut out of a collection.
    pub fn discard_garbage(&mut self, garbage: Garbage) {
        if garbage.free_effort() > FREE_EFFORT_MAX {
            self.freer.free(garbage);
        }
    }

    /// The entry of `key` for reading.
    #[inline]
    pub fn read(&mut self, key: &[u8], access: Access) -> Option<Entry<'_>> {
        let database = self.run.database;
        let hash = self.databases[database].hash(key);
        let is_gone =
            self.databases[database].has_deadlines() && self.expire_if_due_in(database, key);
        if access == Access::Peek {
            let entry = self.databases[database].find_hashed(hash, key);
            return entry.filter(|_| !is_gone);
        }
        if self.wanted_events() & class::KEY_MISS != 0
            && access.announces_misses()
            && (is_gone || self.databases[database].find_hashed(hash, key).is_none())
        {
            self.notify(class::KEY_MISS, "keymiss", key);
        }
        let clock = self.lru_clock();
        let entry = self.databases[database].find_hashed(hash, key);
        let Some(entry) = entry.filter(|_| !is_gone) else {
            self.statistics.counters.keyspace_misses += u64::from(access.counts());
            return None;
        };
        self.statistics.counters.keyspace_hits += u64::from(access.counts());
        let touches = match access {
            Access::Read | Access::Write => !self.run.no_touch,
            Access::Touch => true,
            Access::Look | Access::Inspect | Access::Peek => false,
        };
        if touches && self.settings.counts_accesses {
            let decayed = decayed_counter(entry.clock(), self.now_ms, &self.settings);
            let counter = raised_counter(decayed, &mut self.random, &self.settings);
            entry.set_clock(access_clock(self.now_ms, counter));
        } else if touches {
            entry.set_clock(clock);
        }
        Some(entry)
    }

    /// The running command's database, ready for an edit of `key`: if it was due it is
    /// gone, and old and new entries get the clock that they should.
    #[inline]
    pub fn prepare_edit(&mut self, key: &[u8]) -> &mut Database {
        if self.settings.counts_accesses {
            // What is there is counted here; only a new entry takes its clock from below.
            self.read(key, Access::Write);
        }
        self.prepare_next_edit(key)
    }

    /// As `prepare_edit`, where the command has counted its access to `key` already.
    #[inline]
    pub fn prepare_next_edit(&mut self, key: &[u8]) -> &mut Database {
        self.expire_if_due(key);
        let clock = self.birth_clock();
        let touches = !self.settings.counts_accesses && !self.run.no_touch;
        let database = self.database();
        database.set_clock(clock, touches);
        database
    }

    /// The entry of `key` for changing it; touched, but not a hit or miss.
    #[inline]
    pub fn write(&mut self, key: &[u8]) -> Option<EntryMut<'_>> {
        self.prepare_edit(key).find_mut(key)
    }

    /// Seconds since the epoch in 24 bits, for idle times.
    #[inline]
    pub fn lru_clock(&self) -> u32 {
        (self.now_ms / 1000) as u32 & 0xff_ffff
    }

    /// The clock that a new or overwritten entry gets.
    pub fn birth_clock(&self) -> u32 {
        const LFU_BIRTH: u32 = 5;
        if self.settings.counts_accesses {
            access_clock(self.now_ms, LFU_BIRTH)
        } else {
            self.lru_clock()
        }
    }

    /// Notes a change of `key`: one edit, watchers and the event.
    #[inline]
    pub fn edited(&mut self, class: u32, event: &str, key: &[u8]) {
        self.run.edits += 1;
        self.touch(key);
        self.notify(class, event, key);
    }

    /// True if `key` is not there and somebody wants to hear when it is (`new`).
    #[inline]
    pub fn is_news(&mut self, key: &[u8]) -> bool {
        self.wanted_events() & class::NEW != 0 && self.read(key, Access::Peek).is_none()
    }

    /// Gives `key` a value and tells nobody; `edited` is the caller's.
    #[inline]
    pub fn put(&mut self, key: &[u8], value: NewValue<'_>, expiry: Expiry) -> Option<Kind> {
        let replaced = self.prepare_edit(key).set(key, value, expiry);
        let kind = replaced.kind();
        match replaced {
            Replaced::Removed(removed) => self.discard(removed),
            Replaced::Nothing => self.notify(class::NEW, "new", key),
            Replaced::Small(_) => {}
        }
        kind
    }

    /// Removes `key`. True: it was there.
    pub fn delete(&mut self, key: &[u8]) -> bool {
        if self.expire_if_due(key) {
            return false;
        }
        let Some(removed) = self.database().remove(key) else {
            return false;
        };
        self.discard(removed);
        self.edited(class::GENERIC, "del", key);
        true
    }

    /// Removes keys; returns how many were there.
    ///
    /// The memory of several is asked for before the first is touched: with many keys
    /// waiting for memory is most of the work.
    pub fn delete_all(&mut self, keys: &[&[u8]]) -> usize {
        const TOGETHER: usize = 16;
        let mut removed = 0;
        for keys in keys.chunks(TOGETHER) {
            if keys.len() > 1 {
                let database = self.database();
                let mut hashes = [0; TOGETHER];
                for (hash, key) in hashes.iter_mut().zip(keys) {
                    *hash = database.hash(key);
                    database.prefetch(*hash);
                }
                for hash in &hashes[..keys.len()] {
                    database.prefetch_entry(*hash);
                }
            }
            removed += keys.iter().filter(|key| self.delete(key)).count();
        }
        removed
    }

    /// Whether `key` is there.
    pub fn exists(&mut self, key: &[u8], access: Access) -> bool {
        self.read(key, access).is_some()
    }

    /// Sets the deadline of a key that is there, or lets it expire if it has passed. A
    /// past deadline enters the journal as DEL, whatever the command says.
    pub fn set_deadline(&mut self, key: &[u8], at_ms: i64) -> bool {
        let has_passed = at_ms <= self.alive_ms();
        let Some(mut entry) = self.write(key) else {
            return false;
        };
        if has_passed {
            self.expire_now(self.run.database, key, self.run.client);
            self.run.edits += 1;
            self.run.propagation = Propagation::Nothing;
        } else {
            entry.set_expiry(Some(at_ms));
            self.deadline_changed("expire", key);
        }
        true
    }

    /// Takes the deadline of `key` away. True: it had one.
    pub fn persist(&mut self, key: &[u8]) -> bool {
        let Some(mut entry) = self.write(key) else {
            return false;
        };
        if entry.entry().expires_at().is_none() {
            return false;
        }
        entry.set_expiry(None);
        self.deadline_changed("persist", key);
        true
    }

    /// Renames; with `only_if_absent` refuses to overwrite (false: refused).
    pub fn rename(
        &mut self,
        from: &[u8],
        to: &[u8],
        only_if_absent: bool,
    ) -> Result<bool, Failure> {
        if !self.exists(from, Access::Write) {
            return Err(ErrorCode::NoSuchKey.into());
        }
        if from == to {
            return Ok(!only_if_absent);
        }
        if self.exists(to, Access::Write) && only_if_absent {
            return Ok(false);
        }
        let clock = self.birth_clock();
        let Some(removed) = self.database().remove(from) else {
            return Err(ErrorCode::NoSuchKey.into());
        };
        removed.entry().set_clock(clock);
        if let Some(replaced) = self.database().insert_removed(to, removed) {
            self.discard(replaced);
        }
        // Also where a key was replaced: it goes first.
        self.notify(class::NEW, "new", to);
        self.touch(from);
        self.touch(to);
        self.notify(class::GENERIC, "rename_from", from);
        self.notify(class::GENERIC, "rename_to", to);
        self.run.edits += 1;
        Ok(true)
    }

    /// Moves `key` to another database. False: it is not here, or is there already.
    pub fn move_key(&mut self, key: &[u8], database: usize) -> bool {
        let source = self.run.database;
        if !self.exists(key, Access::Write) {
            return false;
        }
        if self.exists_in(database, key) {
            return false;
        }
        let clock = self.birth_clock();
        let Some(removed) = self.databases[source].remove(key) else {
            return false;
        };
        removed.entry().set_clock(clock);
        self.databases[database].insert_removed(key, removed);
        self.notify_in(database, class::NEW, "new", key);
        self.edited(class::GENERIC, "move_from", key);
        self.touch_in(database, key, self.run.client);
        self.notify_in(database, class::GENERIC, "move_to", key);
        true
    }

    /// Whether a command that would write `key` in another database finds it there.
    fn exists_in(&mut self, database: usize, key: &[u8]) -> bool {
        let here = std::mem::replace(&mut self.run.database, database);
        let exists = self.exists(key, Access::Write);
        self.run.database = here;
        exists
    }

    /// Which database a client means by a number.
    pub fn database_index(&self, number: i64) -> Result<usize, Failure> {
        if i32::try_from(number).is_err() {
            return Err(ErrorCode::OutOfInt32.into());
        }
        usize::try_from(number)
            .ok()
            .filter(|index| *index < self.databases.len())
            .ok_or(Failure::Code(ErrorCode::DatabaseOutOfRange))
    }

    /// Empties one database, or all. Returns how many keys went. The values are freed
    /// in the background.
    pub fn flush(&mut self, database: Option<usize>) -> usize {
        let range = match database {
            Some(database) => database..database + 1,
            None => 0..self.databases.len(),
        };
        let mut removed = 0;
        if database.is_none() {
            self.flushing_all();
        }
        for database in range {
            self.touch_database(database, None);
            removed += self.databases[database].len();
            if !self.databases[database].is_empty() {
                let old = self.databases[database].take();
                self.discard_database(database, old);
            }
        }
        self.tracked_keys_flushed();
        self.run.edits += removed as u64;
        removed
    }

    /// Exchanges two databases; their clients see the other's keys at once.
    pub fn swap_databases(&mut self, one: usize, other: usize) {
        if one != other {
            self.touch_database(one, Some(other));
            self.touch_database(other, Some(one));
            self.databases.swap(one, other);
            self.snapshots.swapped(one, other);
        }
        self.run.edits += 1;
    }
}

/// An access clock: minutes in 16 bits, a logarithmic counter in 8.
fn access_clock(now_ms: i64, counter: u32) -> u32 {
    let minutes = (now_ms / 60_000) as u32 & 0xffff;
    minutes << 8 | counter.min(255)
}

/// The counter of an access clock after the minutes that passed without access.
pub fn decayed_counter(clock: u32, now_ms: i64, settings: &super::settings::Settings) -> u32 {
    let (then, counter) = (clock >> 8, clock & 255);
    if settings.lfu_decay_minutes == 0 {
        return counter;
    }
    let now = (now_ms / 60_000) as u32 & 0xffff;
    let passed = now.wrapping_sub(then) & 0xffff;
    counter.saturating_sub(passed / settings.lfu_decay_minutes)
}

/// The counter after one more access: the higher it is, the less likely it rises.
fn raised_counter(
    counter: u32,
    random: &mut fastrand::Rng,
    settings: &super::settings::Settings,
) -> u32 {
    const LFU_BIRTH: u32 = 5;
    if counter >= 255 {
        return 255;
    }
    let above = f64::from(counter.saturating_sub(LFU_BIRTH));
    let chance = 1.0 / (above * f64::from(settings.lfu_log_factor) + 1.0);
    if random.f64() < chance {
        counter + 1
    } else {
        counter
    }
}

impl Engine {
    /// Copies a value with its deadline to another key. False: no source, or the
    /// destination is taken and `replace` was not asked.
    pub fn copy(
        &mut self,
        source: &[u8],
        destination: &[u8],
        database: usize,
        replace: bool,
    ) -> Result<bool, Failure> {
        let here = self.run.database;
        let clock = self.birth_clock();
        if !self.exists(source, Access::Read) {
            return Ok(false);
        }
        if self.exists_in(database, destination) && !replace {
            return Ok(false);
        }
        let Some(copy) = self.database().find(source).map(Entry::duplicate) else {
            return Ok(false);
        };
        copy.entry().set_clock(clock);
        if let Some(old) = self.databases[database].insert_removed(destination, copy) {
            self.discard(old);
        }
        self.run.database = database;
        self.notify(class::NEW, "new", destination);
        self.edited(class::GENERIC, "copy_to", destination);
        self.run.database = here;
        Ok(true)
    }
}
