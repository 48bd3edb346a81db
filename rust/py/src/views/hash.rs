//! Hashes for Python.

use pyo3::prelude::*;
use pyo3::types::PyBytes;
use rubellite_core::dispatch::error::ErrorCode;
use rubellite_core::dispatch::pipeline::Shape;
use rubellite_core::types;
use rubellite_core::types::HashMut;
use rubellite_core::types::hash::IncrementError;

use super::View;
use crate::border;
use crate::reply::Special;

/// The hash at a key; a mapping from fields to values.
#[pyclass(frozen, mapping, module = "rubellite._core")]
pub struct Hash(pub View);

#[pymethods]
impl Hash {
    fn __len__(&self, py: Python<'_>) -> PyResult<usize> {
        self.0.read(py, 0, |content, now_ms| {
            types::Hash::new(content, now_ms).len()
        })
    }

    fn __contains__(&self, py: Python<'_>, field: &[u8]) -> PyResult<bool> {
        self.0.read(py, false, |content, now_ms| {
            types::Hash::new(content, now_ms).contains(field)
        })
    }

    /// The value of a field, or None.
    fn get<'py>(&self, py: Python<'py>, field: &[u8]) -> PyResult<Option<Bound<'py, PyBytes>>> {
        self.0.read(py, None, |content, now_ms| {
            let value = types::Hash::new(content, now_ms).get(field)?;
            Some(PyBytes::new(py, value.bytes(&mut itoa::Buffer::new())))
        })
    }

    /// The values of fields; None for each that is missing.
    fn get_all<'py>(
        &self,
        py: Python<'py>,
        fields: &Bound<'py, PyAny>,
    ) -> PyResult<Vec<Option<Bound<'py, PyBytes>>>> {
        self.0.read_with(py, fields, |content, now_ms, fields| {
            let hash = content.map(|content| types::Hash::new(content, now_ms));
            let value = |field: &&[u8]| {
                let value = hash?.get(field)?;
                Some(PyBytes::new(py, value.bytes(&mut itoa::Buffer::new())))
            };
            fields.iter().map(value).collect()
        })
    }

    /// Adds to the integer in a field, a missing one being 0; returns the sum.
    fn increment(&self, py: Python<'_>, field: &[u8], by: i64) -> PyResult<i64> {
        let sum = self.0.edit(py, |place, environment| {
            let limits = environment.hash_limits();
            let sum = HashMut::new(place, limits, environment.now_ms).increment(field, by);
            (sum, u64::from(sum.is_ok()))
        })?;
        sum.map_err(|error| {
            let code = match error {
                IncrementError::NotInteger => ErrorCode::HashValueNotInteger,
                IncrementError::Overflow => ErrorCode::IncrementOverflow,
            };
            border::to_error(py, code.into())
        })
    }

    /// Gives fields values, from a flat sequence of both; returns how many are new.
    fn set_all(&self, py: Python<'_>, pairs: &Bound<'_, PyAny>) -> PyResult<usize> {
        self.0.edit_with(py, pairs, |place, environment, parts| {
            let limits = environment.hash_limits();
            let mut hash = HashMut::new(place, limits, environment.now_ms);
            let pairs = parts.chunks_exact(2).map(|pair| (pair[0], pair[1]));
            (hash.set_all(pairs), parts.len() as u64 / 2)
        })
    }

    /// Takes fields out; returns how many were there.
    fn remove_all(&self, py: Python<'_>, fields: &Bound<'_, PyAny>) -> PyResult<usize> {
        self.0.edit_with(py, fields, |place, environment, fields| {
            if place.is_new() {
                return (0, 0);
            }
            let limits = environment.hash_limits();
            let mut hash = HashMut::new(place, limits, environment.now_ms);
            let removed = fields.iter().filter(|field| hash.remove(field)).count();
            (removed, removed as u64)
        })
    }

    /// Replies with all fields and their values.
    fn reply_items(&self, py: Python<'_>) -> PyResult<Special> {
        self.0.reply(py, |content, now_ms, writer| {
            let hash = content.map(|content| types::Hash::new(content, now_ms));
            let count = hash.map_or(0, |hash| hash.items().count());
            writer.begin(Shape::Map, count);
            for record in hash.iter().flat_map(|hash| hash.items()) {
                writer.element(record.key);
                writer.element(record.value);
            }
            writer.end(Shape::Map, count);
        })
    }
}
