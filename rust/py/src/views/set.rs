//! Sets for Python.

use pyo3::prelude::*;
use pyo3::types::PyBytes;
use rubellite_core::dispatch::Engine;
use rubellite_core::dispatch::error::Failure;
use rubellite_core::dispatch::pipeline::Shape;
use rubellite_core::dispatch::sets::{Operation, write_members};
use rubellite_core::dispatch::writer::Writer;
use rubellite_core::keyspace::Place;
use rubellite_core::text::glob;
use rubellite_core::types;
use rubellite_core::types::SetMut;
use rubellite_core::types::record::DeadlineCondition;

use super::hash::{NO_DEADLINE, NO_FIELD, expired};
use super::{View, with_parts};
use crate::border;
use crate::call::{Call, Context};
use crate::reply::{Special, SpecialKind};

/// The set at a key.
#[pyclass(frozen, module = "rubellite._core")]
pub struct Set(pub View);

/// Replies from the engine's data.
fn reply(
    context: &mut Context<'_>,
    work: impl FnOnce(&mut Engine, &mut Writer<'_>) -> Result<(), Failure>,
) -> Result<Special, Failure> {
    let protocol = context
        .engine
        .session(context.invocation.client)
        .reply_protocol();
    work(context.engine, &mut Writer::new(context.sink, protocol))?;
    Ok(Special {
        kind: SpecialKind::Nothing,
    })
}

impl Set {
    /// Changes members one by one; what is above 0 counts as an edit.
    fn change_each(
        &self,
        py: Python<'_>,
        members: &Bound<'_, PyAny>,
        mut work: impl FnMut(&mut SetMut<'_, Place<'_>>, &[u8]) -> i64,
    ) -> PyResult<Vec<i64>> {
        let key = self.0.key(py);
        // The view is of the call that runs.
        self.0.context(|_| ())?;
        self.0.call.get().with_named(members, |context, members| {
            context.engine.edit_set(key, |set, _| {
                let outcomes: Vec<i64> = members.iter().map(|member| work(set, member)).collect();
                let edits = outcomes.iter().filter(|outcome| **outcome > 0).count();
                (outcomes, edits as u64)
            })
        })
    }
}

#[pymethods]
impl Set {
    fn __len__(&self, py: Python<'_>) -> PyResult<usize> {
        self.0.read(py, 0, |content, now_ms| {
            types::Set::new(content, now_ms).alive_len()
        })
    }

    fn __contains__(&self, py: Python<'_>, member: &[u8]) -> PyResult<bool> {
        self.0.read(py, false, |content, now_ms| {
            types::Set::new(content, now_ms).contains(member)
        })
    }

    /// For each member 1 if it is there, else 0.
    fn contains_all(&self, py: Python<'_>, members: &Bound<'_, PyAny>) -> PyResult<Vec<u32>> {
        self.0.read_with(py, members, |content, now_ms, members| {
            let set = content.map(|content| types::Set::new(content, now_ms));
            let is_there = |member: &&[u8]| set.is_some_and(|set| set.contains(member));
            members
                .iter()
                .map(|member| is_there(member).into())
                .collect()
        })
    }

    /// Any member; None if there is none.
    fn random<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyBytes>>> {
        let mut random = self.0.context(|context| context.engine.random.fork())?;
        self.0.read(py, None, |content, now_ms| {
            let set = types::Set::new(content, now_ms);
            let member = set.random(&mut || random.u64(..))?;
            Some(PyBytes::new(py, member.bytes(&mut itoa::Buffer::new())))
        })
    }

    /// The deadlines of members in milliseconds since 1970; -1 without deadline, -2
    /// without member.
    fn deadlines(&self, py: Python<'_>, members: &Bound<'_, PyAny>) -> PyResult<Vec<i64>> {
        self.0.read_with(py, members, |content, now_ms, members| {
            let set = content.map(|content| types::Set::new(content, now_ms));
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
        self.change_each(py, members, |set, member| {
            expired(set.expire(member, at_ms, condition))
        })
    }

    /// Takes the deadlines of members away. For each: 1 gone, -1 there was none, -2 no
    /// member.
    fn persist_all(&self, py: Python<'_>, members: &Bound<'_, PyAny>) -> PyResult<Vec<i64>> {
        self.change_each(py, members, |set, member| match set.persist(member) {
            Some(true) => 1,
            Some(false) => NO_DEADLINE,
            None => NO_FIELD,
        })
    }

    /// Replies with all members.
    fn reply_members(&self, py: Python<'_>) -> PyResult<Special> {
        self.0.reply(py, |content, now_ms, writer| match content {
            Some(content) => write_members(Shape::Set, types::Set::new(content, now_ms), writer),
            None => {
                writer.begin(Shape::Set, 0);
                writer.end(Shape::Set, 0);
            }
        })
    }

    /// Replies with `count` different members, or with so many of any where it is
    /// negative. Fails with VALUE_OUT_OF_RANGE for more than a reply can hold.
    fn reply_random(&self, py: Python<'_>, count: i64) -> PyResult<Special> {
        let key = self.0.key(py);
        self.0
            .context(|context| {
                reply(context, |engine, writer| {
                    engine.reply_random_members(key, count, writer)
                })
            })?
            .map_err(|failure| border::to_error(py, failure))
    }

    /// Takes `count` random members out and replies with them.
    fn reply_popped(&self, py: Python<'_>, count: usize) -> PyResult<Special> {
        let key = self.0.key(py);
        self.0
            .context(|context| {
                reply(context, |engine, writer| {
                    engine.reply_popped(key, count, writer)
                })
            })?
            .map_err(|failure| border::to_error(py, failure))
    }

    /// One step of SSCAN: replies with the next cursor and the members that match.
    #[pyo3(signature = (cursor, count, pattern = None))]
    fn reply_scan(
        &self,
        py: Python<'_>,
        cursor: u64,
        count: usize,
        pattern: Option<&[u8]>,
    ) -> PyResult<Special> {
        let pattern = pattern.filter(|pattern| *pattern != b"*");
        self.0.reply(py, |content, now_ms, writer| {
            let mut found = Vec::new();
            let next = content.map_or(0, |content| {
                let mut text = itoa::Buffer::new();
                types::Set::new(content, now_ms).scan(cursor, count, &mut |member| {
                    let member = member.bytes(&mut text);
                    if pattern.is_none_or(|pattern| glob::matches(pattern, member, false)) {
                        found.push(member.to_vec());
                    }
                })
            });
            writer.begin(Shape::Array, 2);
            writer.bulk(itoa::Buffer::new().format(next).as_bytes());
            writer.begin(Shape::Array, found.len());
            found.iter().for_each(|member| writer.bulk(member));
            writer.end(Shape::Array, found.len());
            writer.end(Shape::Array, 2);
        })
    }
}

fn operation(name: &str) -> PyResult<Operation> {
    match name {
        "intersection" => Ok(Operation::Intersection),
        "union" => Ok(Operation::Union),
        "difference" => Ok(Operation::Difference),
        _ => Err(pyo3::exceptions::PyValueError::new_err(format!(
            "no such operation: {name}"
        ))),
    }
}

impl Call {
    /// Works with keys or members that a handler names.
    fn with_named<R>(
        &self,
        names: &Bound<'_, PyAny>,
        work: impl FnOnce(&mut Context<'_>, &[&[u8]]) -> Result<R, Failure>,
    ) -> PyResult<R> {
        with_parts(names, |range, given| {
            self.with(|context| {
                let request = context.invocation.request;
                let unread: Vec<&[u8]>;
                let names = match range {
                    Some((first, count)) => {
                        unread = (first..first + count).map(|at| request.get(at)).collect();
                        &unread[..]
                    }
                    None => given,
                };
                work(context, names)
            })
        })?
        .map_err(|failure| border::to_error(names.py(), failure))
    }
}

#[pymethods]
impl Call {
    /// Replies with the "intersection", "union" or "difference" of the sets at keys.
    fn reply_combined_sets(&self, name: &str, keys: &Bound<'_, PyAny>) -> PyResult<Special> {
        let operation = operation(name)?;
        self.with_named(keys, |context, keys| {
            reply(context, |engine, writer| {
                engine.reply_combined(operation, keys, writer)
            })
        })
    }

    /// Puts that in the place of whatever is at `destination`; returns how many members
    /// it has.
    fn store_combined_sets(
        &self,
        name: &str,
        destination: &[u8],
        keys: &Bound<'_, PyAny>,
    ) -> PyResult<usize> {
        let operation = operation(name)?;
        self.with_named(keys, |context, keys| {
            context.engine.store_combined(operation, destination, keys)
        })
    }

    /// How many members the sets at keys have in common; counts no further than `limit`
    /// if that is not 0.
    fn count_common_members(&self, keys: &Bound<'_, PyAny>, limit: usize) -> PyResult<usize> {
        self.with_named(keys, |context, keys| {
            let limit = if limit == 0 { usize::MAX } else { limit };
            context.engine.count_intersection(keys, limit)
        })
    }

    /// Moves a member from one set to another. False: it is not there.
    fn move_member(
        &self,
        py: Python<'_>,
        source: &[u8],
        destination: &[u8],
        member: &[u8],
    ) -> PyResult<bool> {
        self.try_with(py, |engine| engine.move_member(source, destination, member))
    }
}
