//! Hashes for Python.

use pyo3::prelude::*;
use pyo3::types::PyBytes;
use rubellite_core::dispatch::error::{ErrorCode, Failure};
use rubellite_core::dispatch::pipeline::Shape;
use rubellite_core::dispatch::writer::Writer;
use rubellite_core::keyspace::Place;
use rubellite_core::text::glob;
use rubellite_core::text::long_double::LongDouble;
use rubellite_core::types::packed::Element;
use rubellite_core::types::record::{Deadline, Record};
use rubellite_core::types::record::{DeadlineCondition, Expired};
use rubellite_core::types::{self, HashMut};

use super::View;
use crate::border;
use crate::call::Call;
use crate::reply::Special;

/// The hash at a key; a mapping from fields to values.
#[pyclass(frozen, mapping, module = "rubellite._core")]
pub struct Hash(pub View);

/// What commands of expiry answer for each field.
pub(super) const NO_FIELD: i64 = -2;
pub(super) const NO_DEADLINE: i64 = -1;
/// Random fields of which some may be the same: more than this are refused.
const DRAWS_MAX: usize = 1 << 24;

type Values<'py> = Vec<Option<Bound<'py, PyBytes>>>;

fn text<'py>(py: Python<'py>, value: Element<'_>) -> Bound<'py, PyBytes> {
    PyBytes::new(py, value.bytes(&mut itoa::Buffer::new()))
}

fn deadline(expire_at: Option<i64>, keep_expiry: bool) -> Deadline {
    match expire_at {
        Some(at_ms) => Deadline::At(at_ms),
        None if keep_expiry => Deadline::Keep,
        None => Deadline::Clear,
    }
}

pub(super) fn expired(outcome: Expired) -> i64 {
    match outcome {
        Expired::Missing => NO_FIELD,
        Expired::Refused => 0,
        Expired::Set => 1,
        Expired::Gone => 2,
    }
}

impl Hash {
    fn look<R>(
        &self,
        py: Python<'_>,
        absent: R,
        work: impl FnOnce(types::Hash<'_>) -> R,
    ) -> PyResult<R> {
        self.0.read(py, absent, |content, now_ms| {
            work(types::Hash::new(content, now_ms))
        })
    }

    fn change<R>(
        &self,
        py: Python<'_>,
        work: impl FnOnce(&mut HashMut<'_, Place<'_>>) -> (R, u64),
    ) -> PyResult<R> {
        self.0
            .context(|context| context.engine.edit_hash(self.0.key(py), work))?
            .map_err(|failure| border::to_error(py, failure))
    }

    /// As `change`, with arguments of the same call, uncopied.
    fn change_with<R>(
        &self,
        py: Python<'_>,
        arguments: &Bound<'_, PyAny>,
        work: impl FnOnce(&mut HashMut<'_, Place<'_>>, &[&[u8]]) -> (R, u64),
    ) -> PyResult<R> {
        self.0.with(py, arguments, |engine, key, parts| {
            engine.edit_hash(key, |hash| work(hash, parts))
        })
    }

    fn look_with<R>(
        &self,
        py: Python<'_>,
        arguments: &Bound<'_, PyAny>,
        work: impl FnOnce(Option<types::Hash<'_>>, &[&[u8]]) -> R,
    ) -> PyResult<R> {
        self.0.read_with(py, arguments, |content, now_ms, parts| {
            work(
                content.map(|content| types::Hash::new(content, now_ms)),
                parts,
            )
        })
    }

    fn answer(
        &self,
        py: Python<'_>,
        work: impl FnOnce(Option<types::Hash<'_>>, &mut Writer<'_>),
    ) -> PyResult<Special> {
        self.0.reply(py, |content, now_ms, writer| {
            work(
                content.map(|content| types::Hash::new(content, now_ms)),
                writer,
            );
        })
    }
}

#[pymethods]
impl Call {
    /// Fails unless `text` is a number that can be added: NOT_FLOAT, INCREMENT_NOT_FINITE.
    fn check_float(&self, py: Python<'_>, text: &[u8]) -> PyResult<()> {
        parse_float(py, text).map(|_| ())
    }

    /// Counts fields for INFO that a deadline took out which had passed when it was set.
    fn count_expired_fields(&self, count: u64) -> PyResult<()> {
        self.with(|context| context.engine.statistics.counters.expired_fields += count)
    }
}

#[pymethods]
impl Hash {
    fn __len__(&self, py: Python<'_>) -> PyResult<usize> {
        self.look(py, 0, |hash| hash.alive_len())
    }

    fn __contains__(&self, py: Python<'_>, field: &[u8]) -> PyResult<bool> {
        self.look(py, false, |hash| hash.contains(field))
    }

    /// Whether each field of a flat sequence of fields and values is there.
    fn has_all(&self, py: Python<'_>, pairs: &Bound<'_, PyAny>) -> PyResult<bool> {
        self.look_with(py, pairs, |hash, parts| {
            hash.is_some_and(|hash| parts.chunks(2).all(|pair| hash.contains(pair[0])))
        })
    }

    /// Whether any field of a flat sequence of fields and values is there.
    fn has_any(&self, py: Python<'_>, pairs: &Bound<'_, PyAny>) -> PyResult<bool> {
        self.look_with(py, pairs, |hash, parts| {
            hash.is_some_and(|hash| parts.chunks(2).any(|pair| hash.contains(pair[0])))
        })
    }

    /// The value of a field, or None.
    fn get<'py>(&self, py: Python<'py>, field: &[u8]) -> PyResult<Option<Bound<'py, PyBytes>>> {
        self.look(py, None, |hash| {
            hash.get(field).map(|value| text(py, value))
        })
    }

    /// The values of fields; None for each that is missing.
    fn get_all<'py>(&self, py: Python<'py>, fields: &Bound<'_, PyAny>) -> PyResult<Values<'py>> {
        self.look_with(py, fields, |hash, fields| {
            let value = |field: &&[u8]| Some(text(py, hash?.get(field)?));
            fields.iter().map(value).collect()
        })
    }

    /// The length of a value; 0 without field.
    fn string_length(&self, py: Python<'_>, field: &[u8]) -> PyResult<usize> {
        self.look(py, 0, |hash| hash.string_length(field))
    }

    /// The deadlines of fields in milliseconds since 1970; -1 without deadline, -2
    /// without field.
    fn deadlines(&self, py: Python<'_>, fields: &Bound<'_, PyAny>) -> PyResult<Vec<i64>> {
        self.look_with(py, fields, |hash, fields| {
            let deadline = |field: &&[u8]| match hash.and_then(|hash| hash.deadline(field)) {
                Some(deadline) => deadline.unwrap_or(NO_DEADLINE),
                None => NO_FIELD,
            };
            fields.iter().map(deadline).collect()
        })
    }

    /// Adds to the integer in a field, a missing one being 0; returns the sum.
    fn increment(&self, py: Python<'_>, field: &[u8], by: i64) -> PyResult<i64> {
        self.change(py, |hash| {
            let sum = hash.increment(field, by);
            (sum, u64::from(sum.is_ok()))
        })?
        .map_err(|error| border::to_error(py, error.into()))
    }

    /// Adds a decimal fraction to the number in a field, a missing one being 0; returns
    /// the sum's text.
    fn increment_float<'py>(
        &self,
        py: Python<'py>,
        field: &[u8],
        by: &[u8],
    ) -> PyResult<Bound<'py, PyBytes>> {
        let by = parse_float(py, by)?;
        let sum = self.change(py, |hash| {
            let sum = hash.increment_float(field, by);
            let edits = u64::from(sum.is_ok());
            (sum, edits)
        })?;
        let sum = sum.map_err(|error| border::to_error(py, error.into()))?;
        Ok(PyBytes::new(py, &sum))
    }

    /// Gives fields values, from a flat sequence of both; returns how many are new.
    ///
    /// Their deadlines become `expire_at` (ms since 1970), or go, or stay with
    /// `keep_expiry`. With `counts_first` too many pairs for the packed form end it, even
    /// if some are of the same field.
    #[pyo3(signature = (pairs, expire_at = None, keep_expiry = false, counts_first = true))]
    fn set_all(
        &self,
        py: Python<'_>,
        pairs: &Bound<'_, PyAny>,
        expire_at: Option<i64>,
        keep_expiry: bool,
        counts_first: bool,
    ) -> PyResult<usize> {
        let deadline = deadline(expire_at, keep_expiry);
        self.change_with(py, pairs, |hash, parts| {
            if counts_first {
                hash.prepare(parts.len() / 2);
            }
            let pairs = parts.chunks_exact(2);
            let added = pairs.filter(|pair| hash.set(pair[0], pair[1], deadline));
            (added.count(), parts.len() as u64 / 2)
        })
    }

    /// Gives a field a value unless it has one. True: it had none.
    fn set_if_absent(&self, py: Python<'_>, field: &[u8], value: &[u8]) -> PyResult<bool> {
        self.change(py, |hash| {
            let is_new = hash.set_if_absent(field, value);
            (is_new, u64::from(is_new))
        })
    }

    /// Takes fields out; returns how many were there.
    fn remove_all(&self, py: Python<'_>, fields: &Bound<'_, PyAny>) -> PyResult<usize> {
        self.change_with(py, fields, |hash, fields| {
            let removed = fields.iter().filter(|field| hash.remove(field)).count();
            (removed, removed as u64)
        })
    }

    /// Takes fields out; returns the values that they had, None for each that is missing.
    fn pop_all<'py>(&self, py: Python<'py>, fields: &Bound<'_, PyAny>) -> PyResult<Values<'py>> {
        self.change_with(py, fields, |hash, fields| {
            let mut removed = 0;
            let values = fields.iter().map(|field| {
                let value = hash.read().get(field).map(|value| text(py, value))?;
                removed += u64::from(hash.remove(field));
                Some(value)
            });
            let values = values.collect();
            (values, removed)
        })
    }

    /// Gives fields the deadline `at_ms` where the conditions of HEXPIRE allow it; one
    /// that has passed takes them out. For each: 1 set, 0 refused, 2 gone, -2 no field.
    #[pyo3(signature = (fields, at_ms, *, nx = false, xx = false, gt = false, lt = false))]
    #[allow(clippy::too_many_arguments)]
    fn expire_all(
        &self,
        py: Python<'_>,
        fields: &Bound<'_, PyAny>,
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
        self.change_with(py, fields, |hash, fields| {
            let outcomes = fields
                .iter()
                .map(|field| expired(hash.expire(field, at_ms, condition)));
            let outcomes: Vec<i64> = outcomes.collect();
            let edits = outcomes.iter().filter(|outcome| **outcome > 0).count();
            (outcomes, edits as u64)
        })
    }

    /// Takes the deadlines of fields away. For each: 1 gone, -1 there was none, -2 no field.
    fn persist_all(&self, py: Python<'_>, fields: &Bound<'_, PyAny>) -> PyResult<Vec<i64>> {
        self.change_with(py, fields, |hash, fields| {
            let outcomes = fields.iter().map(|field| match hash.persist(field) {
                Some(true) => 1,
                Some(false) => NO_DEADLINE,
                None => NO_FIELD,
            });
            let outcomes: Vec<i64> = outcomes.collect();
            let edits = outcomes.iter().filter(|outcome| **outcome > 0).count();
            (outcomes, edits as u64)
        })
    }

    /// Replies with all fields and their values.
    fn reply_items(&self, py: Python<'_>) -> PyResult<Special> {
        self.answer(py, |hash, writer| {
            let count = hash.map_or(0, types::Hash::alive_len);
            writer.begin(Shape::Map, count);
            for record in hash.iter().flat_map(|hash| hash.items()) {
                writer.element(record.key);
                writer.element(record.value);
            }
            writer.end(Shape::Map, count);
        })
    }

    /// Replies with all fields.
    fn reply_fields(&self, py: Python<'_>) -> PyResult<Special> {
        self.answer(py, |hash, writer| {
            let count = hash.map_or(0, types::Hash::alive_len);
            writer.begin(Shape::Array, count);
            let fields = hash.iter().flat_map(|hash| hash.keys());
            fields.for_each(|field| writer.element(field));
            writer.end(Shape::Array, count);
        })
    }

    /// Replies with all values.
    fn reply_values(&self, py: Python<'_>) -> PyResult<Special> {
        self.answer(py, |hash, writer| {
            let count = hash.map_or(0, types::Hash::alive_len);
            writer.begin(Shape::Array, count);
            let values = hash.iter().flat_map(|hash| hash.values());
            values.for_each(|value| writer.element(value));
            writer.end(Shape::Array, count);
        })
    }

    /// Replies with a field, each equally likely.
    fn reply_random(&self, py: Python<'_>) -> PyResult<Special> {
        let mut random = self.0.context(|context| context.engine.random.fork())?;
        self.answer(py, |hash, writer| {
            let draw = &mut || random.u64(..);
            match hash.and_then(|hash| hash.random(draw)) {
                Some(record) => writer.element(record.key),
                None => writer.null(),
            }
        })
    }

    /// Replies with `count` different fields, or with `-count` of which some may be the
    /// same. Fails with VALUE_OUT_OF_RANGE if those are far too many.
    #[pyo3(signature = (count, with_values = false))]
    fn reply_sample(&self, py: Python<'_>, count: i64, with_values: bool) -> PyResult<Special> {
        let draws = usize::try_from(count.unsigned_abs()).unwrap_or(usize::MAX);
        if count < 0 && draws > DRAWS_MAX {
            let failure = Failure::from(ErrorCode::ValueOutOfRange);
            return Err(border::to_error(py, failure));
        }
        let mut random = self.0.context(|context| context.engine.random.fork())?;
        self.answer(py, |hash, writer| {
            let draw = &mut || random.u64(..);
            let Some(hash) = hash else {
                writer.begin(Shape::Array, 0);
                return writer.end(Shape::Array, 0);
            };
            let alive = hash.alive_len();
            let total = match usize::try_from(count) {
                Ok(wanted) => wanted.min(alive),
                Err(_) if alive == 0 => 0,
                Err(_) => draws,
            };
            if with_values {
                writer.begin_pairs(total);
            } else {
                writer.begin(Shape::Array, total);
            }
            let put = &mut |record: Record<'_>| put_record(writer, record, with_values);
            if count >= 0 {
                hash.sample(total, draw, put);
            } else {
                for _ in 0..total {
                    hash.random(draw).into_iter().for_each(&mut *put);
                }
            }
            writer.end(Shape::Array, total);
        })
    }

    /// Replies with the next cursor and some fields, with their values if asked.
    #[pyo3(signature = (cursor, count, pattern = None, with_values = true))]
    fn reply_scan(
        &self,
        py: Python<'_>,
        cursor: u64,
        count: usize,
        pattern: Option<&[u8]>,
        with_values: bool,
    ) -> PyResult<Special> {
        self.answer(py, |hash, writer| {
            // Sent after their number is known: their bytes, and where each ends.
            let (mut bytes, mut ends) = (Vec::new(), Vec::new());
            let mut keep = |element: Element<'_>| {
                bytes.extend_from_slice(element.bytes(&mut itoa::Buffer::new()));
                ends.push(bytes.len());
            };
            let next = hash.map_or(0, |hash| {
                hash.scan(cursor, count, &mut |record| {
                    let mut buffer = itoa::Buffer::new();
                    let field = record.key.bytes(&mut buffer);
                    if pattern.is_none_or(|pattern| glob::matches(pattern, field, false)) {
                        keep(record.key);
                        if with_values {
                            keep(record.value);
                        }
                    }
                })
            });
            writer.begin(Shape::Array, 2);
            writer.bulk(itoa::Buffer::new().format(next).as_bytes());
            writer.begin(Shape::Array, ends.len());
            let mut start = 0;
            for &end in &ends {
                writer.bulk(&bytes[start..end]);
                start = end;
            }
            writer.end(Shape::Array, ends.len());
            writer.end(Shape::Array, 2);
        })
    }
}

fn put_record(writer: &mut Writer<'_>, record: Record<'_>, with_values: bool) {
    if !with_values {
        return writer.element(record.key);
    }
    writer.begin_pair();
    writer.element(record.key);
    writer.element(record.value);
    writer.end_pair();
}

/// The increment of HINCRBYFLOAT.
fn parse_float(py: Python<'_>, text: &[u8]) -> PyResult<LongDouble> {
    let number = LongDouble::parse(text);
    let code = match number {
        Some(number) if !number.is_infinite() => return Ok(number),
        Some(_) => ErrorCode::IncrementNotFinite,
        None => ErrorCode::NotFloat,
    };
    Err(border::to_error(py, code.into()))
}
