//! Sorted sets for Python.

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyBytes;
use rubellite_core::dispatch::error::{ErrorCode, Failure};
use rubellite_core::dispatch::pipeline::Shape;
use rubellite_core::dispatch::sorted_sets::{PopLayout, write_entries};
use rubellite_core::dispatch::writer::Writer;
use rubellite_core::keyspace::{Kind, Place};
use rubellite_core::text::{double, glob};
use rubellite_core::types::packed::{Element, IntText};
use rubellite_core::types::record::DeadlineCondition;
use rubellite_core::types::sorted_set::face::{self, Conditions, SortedSetMut, SortedSetRef};
use rubellite_core::types::sorted_set::sample;

use super::View;
use super::hash::{NO_DEADLINE, NO_FIELD, expired};
use super::interval::Interval;
use super::made::Made;
use crate::border;
use crate::call::Call;
use crate::reply::Special;

/// What is cut out of a sorted set is freed elsewhere if it is more than this.
const FREE_EFFORT_MAX: usize = 64;

/// The sorted set at a key; members in the order of their scores.
#[pyclass(frozen, module = "rubellite._core")]
pub struct SortedSet(pub View);

/// The conditions of ZADD from the bits that Python gives.
fn conditions(bits: u32) -> Conditions {
    Conditions {
        only_new: bits & 1 != 0,
        only_known: bits & 2 != 0,
        only_greater: bits & 4 != 0,
        only_less: bits & 8 != 0,
    }
}

/// What a reply with popped entries looks like, by its name in Python.
fn layout_named(name: &str) -> PyResult<PopLayout> {
    match name {
        "pairs" => Ok(PopLayout::Pairs),
        "nested" => Ok(PopLayout::Nested),
        "keyed" => Ok(PopLayout::Keyed),
        _ => Err(PyValueError::new_err(format!("no such layout: {name}"))),
    }
}

impl SortedSet {
    /// Changes members one by one; what is above 0 counts as an edit.
    fn change_each(
        &self,
        py: Python<'_>,
        members: &Bound<'_, PyAny>,
        mut work: impl FnMut(&mut SortedSetMut<'_, Place<'_>>, &[u8], i64) -> i64,
    ) -> PyResult<Vec<i64>> {
        self.0
            .edit_with(py, members, |place, environment, members| {
                let now_ms = environment.now_ms;
                let mut set = SortedSetMut::new(place, environment.sorted_set_limits());
                let outcomes = members.iter().map(|member| work(&mut set, member, now_ms));
                let outcomes: Vec<i64> = outcomes.collect();
                let edits = outcomes.iter().filter(|outcome| **outcome > 0).count();
                (outcomes, edits as u64)
            })
    }
}

#[pymethods]
impl SortedSet {
    fn __len__(&self, py: Python<'_>) -> PyResult<usize> {
        self.0
            .read(py, 0, |content, _| SortedSetRef::new(content).len())
    }

    /// The score of a member, or None.
    fn score(&self, py: Python<'_>, member: &[u8]) -> PyResult<Option<f64>> {
        self.0.read(py, None, |content, _| {
            SortedSetRef::new(content).score(member)
        })
    }

    /// The scores of members; None for each that is missing.
    fn scores(&self, py: Python<'_>, members: &Bound<'_, PyAny>) -> PyResult<Vec<Option<f64>>> {
        self.0.read_with(py, members, |content, _, members| {
            let set = content.map(SortedSetRef::new);
            let scores = members.iter().map(|member| set?.score(member));
            scores.collect()
        })
    }

    /// How many entries are before a member (with `reverse` behind it), and its score.
    fn rank(&self, py: Python<'_>, member: &[u8], reverse: bool) -> PyResult<Option<(usize, f64)>> {
        self.0.read(py, None, |content, _| {
            let set = SortedSetRef::new(content);
            if reverse {
                set.reverse_rank(member)
            } else {
                set.rank(member)
            }
        })
    }

    /// How many entries are in an interval.
    fn count(&self, py: Python<'_>, interval: &Bound<'_, Interval>) -> PyResult<usize> {
        let interval = &interval.get().0;
        self.0.read(py, 0, |content, _| {
            let set = SortedSetRef::new(content);
            interval.positions(set, false).len()
        })
    }

    /// Replies with the entries in an interval, `count` of them after the first `offset`
    /// (all, if that is negative), from the end with `reverse`.
    fn reply_range(
        &self,
        py: Python<'_>,
        interval: &Bound<'_, Interval>,
        reverse: bool,
        offset: i64,
        count: i64,
        with_scores: bool,
    ) -> PyResult<Special> {
        let interval = &interval.get().0;
        self.0.reply(py, |content, _, writer| {
            let Some(set) = content.map(SortedSetRef::new) else {
                return write_entries(writer, std::iter::empty(), 0, with_scores);
            };
            let range = interval.window(set, reverse, offset, count);
            let count = range.len();
            let entries = set.range(range);
            if reverse {
                write_entries(writer, entries.rev(), count, with_scores);
            } else {
                write_entries(writer, entries, count, with_scores);
            }
        })
    }

    /// The entries that `reply_range` would reply with, to be stored.
    fn part(
        &self,
        py: Python<'_>,
        interval: &Bound<'_, Interval>,
        reverse: bool,
        offset: i64,
        count: i64,
    ) -> PyResult<Made> {
        let interval = &interval.get().0;
        let (key, kind) = (self.0.key(py), self.0.kind);
        let found = self.0.context(|context| {
            let access = rubellite_core::dispatch::data::Access::Peek;
            context.engine.read_kind(key, kind, access)?;
            let engine = &*context.engine;
            let entry = engine.databases[engine.run.database].find(key);
            let content = entry.and_then(|entry| entry.content());
            let entries: Vec<_> = content.map(SortedSetRef::new).map_or(Vec::new(), |set| {
                set.range(interval.window(set, reverse, offset, count))
                    .collect()
            });
            let made = face::from_sorted(&entries, engine.sorted_set_limits());
            Ok(Made::new(Kind::SortedSet, entries.len(), made))
        })?;
        found.map_err(|failure| border::to_error(py, failure))
    }

    /// Replies with `count` different members, or with -`count` that may be the same.
    fn reply_random(&self, py: Python<'_>, count: i64, with_scores: bool) -> PyResult<Special> {
        let mut random = self.0.context(|context| context.engine.random.fork())?;
        self.0.reply(py, |content, _, writer| {
            let set = content.map(SortedSetRef::new);
            let Some(set) = set.filter(|set| !set.is_empty()) else {
                return write_entries(writer, std::iter::empty(), 0, with_scores);
            };
            let mut bits = || random.u64(..);
            if count >= 0 {
                let entries = sample::distinct(set, count as usize, &mut bits);
                let count = entries.len();
                write_entries(writer, entries.into_iter(), count, with_scores);
            } else {
                let count = count.unsigned_abs() as usize;
                let entries = sample::repeated(set, count, &mut bits);
                write_entries(writer, entries, count, with_scores);
            }
        })
    }

    /// A member, each equally likely; None without key.
    fn random_member<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyBytes>>> {
        let mut random = self.0.context(|context| context.engine.random.fork())?;
        self.0.read(py, None, |content, _| {
            let set = SortedSetRef::new(content);
            let (member, _) = set.nth(random.usize(..set.len().max(1)))?;
            Some(PyBytes::new(py, member.bytes(&mut IntText::new())))
        })
    }

    /// Replies with a step of ZSCAN: the next cursor, and members (with their scores).
    fn reply_scan(
        &self,
        py: Python<'_>,
        cursor: u64,
        count: usize,
        pattern: Option<&[u8]>,
        with_scores: bool,
    ) -> PyResult<Special> {
        self.0.reply(py, |content, _, writer| {
            let mut found: Vec<(Vec<u8>, f64)> = Vec::new();
            let mut visit = |member: Element<'_>, score| {
                let mut text = IntText::new();
                let member = member.bytes(&mut text);
                if pattern.is_none_or(|pattern| glob::matches(pattern, member, false)) {
                    found.push((member.to_vec(), score));
                }
            };
            let set = content.map(SortedSetRef::new);
            let next = set.map_or(0, |set| set.scan(cursor, count, &mut visit));
            let parts = found.len() * if with_scores { 2 } else { 1 };
            writer.begin(Shape::Array, 2);
            writer.bulk(itoa::Buffer::new().format(next).as_bytes());
            writer.begin(Shape::Array, parts);
            let mut text = Vec::new();
            for (member, score) in &found {
                writer.bulk(member);
                if with_scores {
                    text.clear();
                    double::format(*score, &mut text);
                    writer.bulk(&text);
                }
            }
            writer.end(Shape::Array, parts);
            writer.end(Shape::Array, 2);
        })
    }

    /// Adds to the score of a member, 0 if it is new, under the conditions of `add_scored`.
    /// Returns what it is now and whether that is a change; None where they do not hold.
    fn increment(
        &self,
        py: Python<'_>,
        member: &[u8],
        by: f64,
        conditions: u32,
    ) -> PyResult<Option<(f64, bool)>> {
        let conditions = self::conditions(conditions);
        let result = self.0.edit(py, |place, environment| {
            let mut set = SortedSetMut::new(place, environment.sorted_set_limits());
            set.prepare(1, member.len());
            match set.increment_if(member, by, conditions) {
                Ok(done) => (Ok(done), done.map_or(0, |(_, is_change)| is_change.into())),
                Err(_) => (Err(Failure::from(ErrorCode::ScoreNotANumber)), 0),
            }
        })?;
        result.map_err(|failure| border::to_error(py, failure))
    }

    /// The deadlines of members in milliseconds since 1970; -1 without deadline, -2
    /// without member.
    fn deadlines(&self, py: Python<'_>, members: &Bound<'_, PyAny>) -> PyResult<Vec<i64>> {
        self.0.read_with(py, members, |content, _, members| {
            let set = content.map(SortedSetRef::new);
            let deadline = |member: &&[u8]| match set.and_then(|set| set.deadline(member)) {
                Some(deadline) => deadline.unwrap_or(NO_DEADLINE),
                None => NO_FIELD,
            };
            members.iter().map(deadline).collect()
        })
    }

    /// Gives members a deadline. For each: 2 that has passed, and it is gone; 1 it has it;
    /// 0 a condition does not hold; -2 no member.
    #[pyo3(signature = (members, at_ms, *, nx = false, xx = false, gt = false, lt = false))]
    #[expect(clippy::too_many_arguments, reason = "the conditions are keywords")]
    fn expire_all(
        &self,
        py: Python<'_>,
        members: &Bound<'_, PyAny>,
        at_ms: i64,
        nx: bool,
        xx: bool,
        gt: bool,
        lt: bool,
    ) -> PyResult<Vec<i64>> {
        let condition = DeadlineCondition {
            has_none: nx,
            has_one: xx,
            is_later: gt,
            is_earlier: lt,
        };
        self.change_each(py, members, |set, member, now_ms| {
            expired(set.expire(member, at_ms, condition, now_ms))
        })
    }

    /// Takes the deadlines of members away. For each: 1 gone, -1 there was none, -2 no
    /// member.
    fn persist_all(&self, py: Python<'_>, members: &Bound<'_, PyAny>) -> PyResult<Vec<i64>> {
        self.change_each(py, members, |set, member, _| match set.persist(member) {
            Some(true) => 1,
            Some(false) => NO_DEADLINE,
            None => NO_FIELD,
        })
    }

    /// Takes members out; returns how many were there.
    fn remove_all(&self, py: Python<'_>, members: &Bound<'_, PyAny>) -> PyResult<usize> {
        self.0
            .edit_with(py, members, |place, environment, members| {
                let mut set = SortedSetMut::new(place, environment.sorted_set_limits());
                let removed = members.iter().filter(|member| set.remove(member).is_some());
                let removed = removed.count();
                (removed, removed as u64)
            })
    }

    /// Takes the entries in an interval out; returns how many there were.
    fn remove_range(&self, py: Python<'_>, interval: &Bound<'_, Interval>) -> PyResult<usize> {
        let interval = &interval.get().0;
        let (garbage, removed) = self.0.edit(py, |place, environment| {
            let mut set = SortedSetMut::new(place, environment.sorted_set_limits());
            let range = interval.positions(set.read(), false);
            let removed = range.len();
            let garbage = (removed > 0).then(|| set.remove_range(range));
            ((garbage, removed), removed as u64)
        })?;
        if let Some(garbage) = garbage.filter(|garbage| garbage.free_effort() > FREE_EFFORT_MAX) {
            self.0
                .context(|context| context.engine.freer.free(garbage))?;
        }
        Ok(removed)
    }

    /// Takes up to `count` entries with the least scores out (with `high` the greatest)
    /// and replies with them, laid out as ZPOPMIN with a count ("pairs"), ZMPOP
    /// ("nested") or BZPOPMIN ("keyed") do. Returns how many.
    fn reply_popped(
        &self,
        py: Python<'_>,
        count: usize,
        high: bool,
        layout: &str,
    ) -> PyResult<usize> {
        let layout = layout_named(layout)?;
        let key = self.0.key(py);
        let popped = self.0.context(|context| {
            let protocol = context
                .engine
                .session(context.invocation.client)
                .reply_protocol();
            let mut writer = Writer::new(context.sink, protocol);
            let engine = &mut *context.engine;
            engine.pop_scored(key, count, high, layout, &mut writer)
        })?;
        popped.map_err(|failure| border::to_error(py, failure))
    }
}

#[pymethods]
impl Call {
    /// Gives members scores in the sorted set at `key`, from pairs of scores and members
    /// in `arguments` from `first` on. Bits of `conditions`: 1 only new members, 2 only
    /// known ones, 4 only greater scores, 8 only lower ones. Returns how many members
    /// are new, and how many have another score than before.
    ///
    /// Fails with NOT_FLOAT before it looks at the key, then with WRONG_TYPE.
    fn add_scored(
        &self,
        py: Python<'_>,
        key: &[u8],
        arguments: &Bound<'_, PyAny>,
        first: usize,
        conditions: u32,
    ) -> PyResult<(usize, usize)> {
        let conditions = self::conditions(conditions);
        let added = super::with_parts(arguments, |unread, given| {
            self.with(|context| {
                let request = context.invocation.request;
                let (start, end) = unread.map_or((0, given.len()), |(at, count)| (at, at + count));
                let part = |at| {
                    if unread.is_some() {
                        request.get(at)
                    } else {
                        given[at]
                    }
                };
                let parts = (start + first..end).map(part);
                context.engine.add_scored(key, parts, conditions)
            })
        })?;
        added.map_err(|failure| border::to_error(py, failure))
    }
}
