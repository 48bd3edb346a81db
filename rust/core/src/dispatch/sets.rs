//! Sets as commands see them: several at a time, popped, moved and stored.
//!
//! Members are combined as references into the sets; only what is stored is copied.

use super::data::Access;
use super::engine::{Engine, Propagation};
use super::error::{ErrorCode, Failure};
use super::journal::{Effect, Word};
use super::notify::class;
use super::pipeline::Shape;
use super::writer::Writer;
use crate::keyspace::{Expiry, Kind, NewValue, Place};
use crate::types::packed::Element;
use crate::types::record::{Deadline, below};
use crate::types::{Detached, Home, Limits, Set, SetMut, set_algebra};

/// What SINTER, SUNION and SDIFF do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operation {
    Intersection,
    Union,
    Difference,
}

impl Operation {
    /// The event of its STORE form.
    fn stored_event(self) -> &'static str {
        match self {
            Operation::Intersection => "sinterstore",
            Operation::Union => "sunionstore",
            Operation::Difference => "sdiffstore",
        }
    }
}

/// The members that an operation finds in sets, those of the same set in its order.
fn combine<'a>(operation: Operation, sets: &[Option<Set<'a>>]) -> Vec<Element<'a>> {
    let present: Vec<Set<'a>> = sets.iter().copied().flatten().collect();
    let mut found = Vec::new();
    match operation {
        Operation::Intersection if present.len() < sets.len() => {}
        Operation::Intersection => set_algebra::intersection(&present, &mut |member| {
            found.push(member);
            true
        }),
        Operation::Union => set_algebra::union(&present, &mut |member| found.push(member)),
        Operation::Difference => {
            let Some(Some(first)) = sets.first().copied() else {
                return found;
            };
            let others = &present[1..];
            set_algebra::difference(first, others, &mut |member| found.push(member));
        }
    }
    found
}

/// Builds the result of an operation, which gets the form that it would have there.
fn build(operation: Operation, sets: &[Option<Set<'_>>], limits: Limits<'_>) -> Detached {
    let mut made = Detached::new();
    // Results outlive the deadlines of their members' origins: no clock is needed.
    let mut target = SetMut::new(&mut made, limits, 0);
    match operation {
        Operation::Intersection => {
            // Of several that are as small the first decides.
            let smallest = sets.iter().flatten().min_by_key(|set| set.len());
            let are_integers = smallest.is_some_and(|set| set.is_packed_integers());
            target.fill(&combine(operation, sets), are_integers);
        }
        // In the order of the keys: which member comes first may decide the form.
        Operation::Union => {
            target.begin_with_integers();
            for member in sets.iter().flatten().flat_map(|set| set.iter()) {
                target.add(member.bytes(&mut itoa::Buffer::new()));
            }
        }
        Operation::Difference => {
            target.begin_with_integers();
            for member in combine(operation, sets) {
                target.add(member.bytes(&mut itoa::Buffer::new()));
            }
        }
    }
    made
}

/// Replies with all members.
pub fn write_members(shape: Shape, set: Set<'_>, writer: &mut Writer<'_>) {
    let count = set.alive_len();
    writer.begin(shape, count);
    set.iter().for_each(|member| writer.element(member));
    writer.end(shape, count);
}

/// Replies with `count` members, each of them any.
fn write_repeats(
    set: Set<'_>,
    count: usize,
    random: &mut dyn FnMut() -> u64,
    writer: &mut Writer<'_>,
) {
    // Where looking up the nth is a walk, it is done once.
    let members: Vec<Element<'_>> = if set.is_large() {
        Vec::new()
    } else {
        set.iter().collect()
    };
    // All of them may be gone.
    let count = set.random(random).map_or(0, |_| count);
    writer.begin(Shape::Array, count);
    for _ in 0..count {
        let member = if set.is_large() {
            set.random(random)
        } else {
            members.get(below(random(), members.len())).copied()
        };
        writer.element(member.unwrap_or(Element::EMPTY));
    }
    writer.end(Shape::Array, count);
}

/// Members of an SREM in the journal; more are several.
const REMOVED_TOGETHER_MAX: usize = 1024;
/// What a short bulk string costs in a reply beside its bytes.
const REPLY_BYTES: usize = 6;

impl Engine {
    /// Looks all keys up, which must hold sets if they are there.
    pub fn check_sets(&mut self, keys: &[&[u8]]) -> Result<(), Failure> {
        for key in keys {
            self.read_kind(key, Kind::Set, Access::Read)?;
        }
        Ok(())
    }

    /// The sets at keys that `check_sets` has seen.
    fn sets(&self, keys: &[&[u8]]) -> Vec<Option<Set<'_>>> {
        let database = &self.databases[self.run.database];
        let set = |key: &&[u8]| {
            let entry = database.find(key)?;
            // While clients are paused, what is due stays, but is not there.
            let is_due = entry.expires_at().is_some_and(|at| at < self.keys_now_ms());
            let content = entry.content().filter(|_| !is_due)?;
            Some(Set::new(content, self.now_ms))
        };
        keys.iter().map(set).collect()
    }

    /// Replies with what an operation finds.
    pub fn reply_combined(
        &mut self,
        operation: Operation,
        keys: &[&[u8]],
        writer: &mut Writer<'_>,
    ) -> Result<(), Failure> {
        self.check_sets(keys)?;
        let found = combine(operation, &self.sets(keys));
        writer.begin(Shape::Set, found.len());
        for member in &found {
            writer.element(*member);
        }
        writer.end(Shape::Set, found.len());
        Ok(())
    }

    /// How many members all sets have in common; counts no further than `limit`.
    pub fn count_intersection(&mut self, keys: &[&[u8]], limit: usize) -> Result<usize, Failure> {
        self.check_sets(keys)?;
        let sets = self.sets(keys);
        let present: Vec<Set<'_>> = sets.iter().copied().flatten().collect();
        if present.len() < sets.len() {
            return Ok(0);
        }
        let mut count = 0;
        set_algebra::intersection(&present, &mut |_| {
            count += 1;
            count < limit
        });
        Ok(count)
    }

    /// Puts what an operation finds in the place of whatever `destination` holds; nothing
    /// found, nothing is left there. Returns how many members were found.
    pub fn store_combined(
        &mut self,
        operation: Operation,
        destination: &[u8],
        keys: &[&[u8]],
    ) -> Result<usize, Failure> {
        self.check_sets(keys)?;
        let limits = self.settings.collections.of_sets(&self.seed);
        let mut made = build(operation, &self.sets(keys), limits);
        let count = Set::new(made.content(), 0).len();
        if count == 0 {
            self.delete(destination);
        } else {
            self.put(
                destination,
                NewValue::of_detached(Kind::Set, &mut made),
                Expiry::None,
            );
            self.edited(class::SET, operation.stored_event(), destination);
        }
        Ok(count)
    }

    /// Changes the set at `key`, or makes it; see `edit_collection`.
    #[inline]
    pub fn edit_set<R>(
        &mut self,
        key: &[u8],
        edit: impl FnOnce(&mut SetMut<'_, Place<'_>>, &mut fastrand::Rng) -> (R, u64),
    ) -> Result<R, Failure> {
        let mut due = Vec::new();
        let result = self.edit_collection(key, Kind::Set, |place, environment| {
            let limits = environment.set_limits();
            let mut set = SetMut::new(place, limits, environment.now_ms);
            let done = edit(&mut set, environment.random);
            due = set.take_met_due();
            done
        })?;
        if !due.is_empty() {
            let database = self.run.database;
            self.note_expired_members(database, key, Kind::Set, due);
            // Only looked at when the command is over.
            self.run.emptied.push((database, key.into()));
        }
        Ok(result)
    }

    /// Adds members. Returns how many are new.
    pub fn add_members<'m>(
        &mut self,
        key: &[u8],
        members: impl ExactSizeIterator<Item = &'m [u8]>,
    ) -> Result<usize, Failure> {
        let added = self.edit_set(key, |set, _| {
            let added = set.add_all(members);
            (added, added as u64)
        })?;
        if added > 0 {
            self.announce(class::SET, "sadd", key);
        }
        Ok(added)
    }

    /// Takes members out. Returns how many were there.
    pub fn remove_members<'m>(
        &mut self,
        key: &[u8],
        members: impl Iterator<Item = &'m [u8]>,
    ) -> Result<usize, Failure> {
        let removed = self.edit_set(key, |set, _| {
            let removed = members.filter(|member| set.remove(member)).count();
            (removed, removed as u64)
        })?;
        if removed > 0 {
            self.announce(class::SET, "srem", key);
        }
        Ok(removed)
    }

    /// Takes a random member out after `report` saw it. False: there is none.
    pub fn pop_member(
        &mut self,
        key: &[u8],
        report: &mut dyn FnMut(Element<'_>),
    ) -> Result<bool, Failure> {
        let keeps = self.keeps_effects();
        let mut popped = Popped::default();
        let is_popped = self.edit_set(key, |set, random| {
            let is_popped = set.pop(&mut || random.u64(..), &mut |member| {
                popped.note(member, keeps);
                report(member);
            });
            (is_popped, is_popped.into())
        })?;
        if is_popped {
            self.propagate_popped(key, popped);
            self.announce(class::SET, "spop", key);
        }
        Ok(is_popped)
    }

    /// Takes `count` random members out and replies with them.
    pub fn reply_popped(
        &mut self,
        key: &[u8],
        count: usize,
        writer: &mut Writer<'_>,
    ) -> Result<(), Failure> {
        let now_ms = self.now_ms;
        let entry = self.read_kind(key, Kind::Set, Access::Write)?;
        let content = entry.and_then(|entry| entry.content());
        let set = content.map(|content| Set::new(content, now_ms));
        let len = set.map_or(0, Set::alive_len);
        let Some(set) = set.filter(|_| count > 0) else {
            writer.begin(Shape::Set, 0);
            writer.end(Shape::Set, 0);
            return Ok(());
        };
        if count >= len {
            write_members(Shape::Set, set, writer);
            self.notify(class::SET, "spop", key);
            self.delete(key);
            self.run.propagation = Propagation::Instead(vec![Effect {
                database: self.run.database,
                arguments: vec![Word::from(b"UNLINK".as_slice()), Word::from(key)],
            }]);
            return Ok(());
        }
        writer.begin(Shape::Set, count);
        let keeps = self.keeps_effects();
        let mut popped = Popped::default();
        self.edit_set(key, |set, random| {
            let number = set.pop_many(count, &mut || random.u64(..), &mut |member| {
                popped.note(member, keeps);
                writer.element(member);
            });
            ((), number as u64)
        })?;
        writer.end(Shape::Set, count);
        self.propagate_popped(key, popped);
        self.announce(class::SET, "spop", key);
        Ok(())
    }

    /// Whether effects must be kept, and not only counted.
    fn keeps_effects(&self) -> bool {
        self.journal.is_read() || !self.effects.is_empty()
    }

    /// The journal gets SREM for what SPOP chose.
    fn propagate_popped(&mut self, key: &[u8], popped: Popped) {
        if !self.keeps_effects() {
            let lengths = [4, key.len()].into_iter().chain(popped.lengths);
            self.journal.count(lengths);
            self.run.propagation = Propagation::Nothing;
            return;
        }
        let database = self.run.database;
        let effect = |members: &[Vec<u8>]| {
            let mut arguments = vec![Word::from(b"SREM".as_slice()), Word::from(key)];
            arguments.extend(members.iter().map(|member| Word::from(&member[..])));
            Effect {
                database,
                arguments,
            }
        };
        let batches = popped.members.chunks(REMOVED_TOGETHER_MAX);
        self.run.propagation = Propagation::Instead(batches.map(effect).collect());
    }

    /// Replies with random members: so many different ones, or with a negative count so
    /// many, whichever they are.
    pub fn reply_random_members(
        &mut self,
        key: &[u8],
        count: i64,
        writer: &mut Writer<'_>,
    ) -> Result<(), Failure> {
        let (now_ms, bytes_max) = (self.now_ms, self.settings.bulk_bytes_max);
        let mut random = self.random.fork();
        let random = &mut || random.u64(..);
        let entry = self.read_kind(key, Kind::Set, Access::Peek)?;
        let content = entry.and_then(|entry| entry.content());
        let set = content.map(|content| Set::new(content, now_ms));
        let (Some(content), Some(set)) = (content, set.filter(|_| count != 0)) else {
            writer.begin(Shape::Array, 0);
            writer.end(Shape::Array, 0);
            return Ok(());
        };
        let number = usize::try_from(count.unsigned_abs()).unwrap_or(usize::MAX);
        if count < 0 {
            let member_bytes = content.memory_bytes() / set.len().max(1) + REPLY_BYTES;
            if number > bytes_max / member_bytes {
                return Err(ErrorCode::ValueOutOfRange.into());
            }
            write_repeats(set, number, random, writer);
        } else if number >= set.alive_len() {
            write_members(Shape::Array, set, writer);
        } else {
            writer.begin(Shape::Array, number);
            set.sample(number, random, &mut |member| writer.element(member));
            writer.end(Shape::Array, number);
        }
        Ok(())
    }

    /// Moves a member with its deadline. False: it is not in `source`.
    pub fn move_member(
        &mut self,
        source: &[u8],
        destination: &[u8],
        member: &[u8],
    ) -> Result<bool, Failure> {
        let now_ms = self.now_ms;
        let Some(entry) = self.read_kind(source, Kind::Set, Access::Write)? else {
            return Ok(false);
        };
        let content = entry.content();
        let found = content.and_then(|content| Set::new(content, now_ms).deadline(member));
        self.read_kind(destination, Kind::Set, Access::Write)?;
        let Some(deadline) = found else {
            return Ok(false);
        };
        if source == destination {
            return Ok(true);
        }
        self.remove_members(source, std::iter::once(member))?;
        let is_new = self.edit_set(destination, |set, _| {
            // Where it is already, it stays as it is.
            let is_new = !set.read().contains(member);
            if is_new {
                set.add_with(member, deadline.map_or(Deadline::Keep, Deadline::At));
            }
            (is_new, is_new.into())
        })?;
        if is_new {
            self.announce(class::SET, "sadd", destination);
        }
        Ok(true)
    }
}

/// What SPOP took out, as far as the journal wants to know.
#[derive(Default)]
struct Popped {
    members: Vec<Vec<u8>>,
    lengths: smallvec::SmallVec<[usize; 4]>,
}

impl Popped {
    fn note(&mut self, member: Element<'_>, keeps: bool) {
        if keeps {
            self.members.push(member.to_vec());
        } else {
            self.lengths.push(member.text_len());
        }
    }
}
