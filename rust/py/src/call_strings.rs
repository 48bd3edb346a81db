//! `Call`'s methods for strings.

use std::sync::Arc;

use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyList};
use rubellite_core::dispatch::Engine;
use rubellite_core::dispatch::data::Access;
use rubellite_core::dispatch::error::{ErrorCode, Failure};
use rubellite_core::keyspace::strings::IntText;
use rubellite_core::keyspace::{Expiry, Kind, NewValue, Value};
use rubellite_core::output::SHARED_BYTES_MIN;

use crate::call::{Arguments, Call, with_arguments, with_request};
use crate::reply::Blob;

/// A value for storing: bytes, or a blob that is shared instead of copied.
fn new_value<'a>(value: &'a Bound<'_, PyAny>) -> PyResult<NewValue<'a>> {
    if let Ok(bytes) = value.cast::<PyBytes>() {
        return Ok(NewValue::String(bytes.as_bytes()));
    }
    let blob = value.cast::<Blob>()?;
    Ok(NewValue::SharedString(Arc::clone(&blob.get().bytes)))
}

/// What happens to the deadline of a key that gets a new value.
fn new_expiry(expire_at: Option<i64>, keep_expiry: bool) -> Expiry {
    match expire_at {
        Some(at) => Expiry::At(at),
        None if keep_expiry => Expiry::Keep,
        None => Expiry::None,
    }
}

/// A string value as a Python object; a big one stays where it is.
#[inline]
pub fn string_object<'py>(py: Python<'py>, value: &Value<'_>) -> PyResult<Bound<'py, PyAny>> {
    match value {
        Value::Bytes(bytes) => Ok(PyBytes::new(py, bytes).into_any()),
        Value::Int(number) => {
            Ok(PyBytes::new(py, IntText::new().format(*number).as_bytes()).into_any())
        }
        Value::Shared(shared) if shared.bytes().len() >= SHARED_BYTES_MIN => Ok(Bound::new(
            py,
            Blob {
                bytes: shared.to_arc(),
            },
        )?
        .into_any()),
        Value::Shared(shared) => Ok(PyBytes::new(py, shared.bytes()).into_any()),
        Value::Packed(_) | Value::Object(_) => Ok(py.None().into_bound(py)),
    }
}

fn get_object<'py>(
    py: Python<'py>,
    engine: &mut Engine,
    key: &[u8],
) -> Result<PyResult<Option<Bound<'py, PyAny>>>, Failure> {
    let value = engine.read_string(key)?;
    Ok(value.map(|value| string_object(py, &value)).transpose())
}

#[pymethods]
impl Call {
    /// The string at `key`, or None.
    fn get<'py>(&self, py: Python<'py>, key: &[u8]) -> PyResult<Option<Bound<'py, PyAny>>> {
        self.try_with(py, |engine| get_object(py, engine, key))?
    }

    /// As `get`, but leaving no trace.
    fn peek<'py>(&self, py: Python<'py>, key: &[u8]) -> PyResult<Option<Bound<'py, PyAny>>> {
        self.try_with(py, |engine| match engine.read(key, Access::Peek) {
            None => Ok(Ok(None)),
            Some(entry) if entry.kind() == Kind::String => {
                Ok(string_object(py, &entry.value()).map(Some))
            }
            Some(_) => Err(ErrorCode::WrongType.into()),
        })?
    }

    /// The strings at `keys`; None for what is missing or no string.
    fn get_all<'py>(&self, py: Python<'py>, keys: &Arguments) -> PyResult<Bound<'py, PyList>> {
        let values = with_arguments(self, keys, |engine, keys| {
            keys.iter()
                .map(|key| match get_object(py, engine, key) {
                    Ok(object) => Ok(object?.unwrap_or_else(|| py.None().into_bound(py))),
                    Err(_) => Ok(py.None().into_bound(py)),
                })
                .collect::<PyResult<Vec<_>>>()
        })??;
        PyList::new(py, values)
    }

    /// Fails with WRONG_TYPE if `key` holds something else than a string.
    fn check_string(&self, py: Python<'_>, key: &[u8]) -> PyResult<()> {
        self.try_with(py, |engine| engine.check_string(key))
    }

    fn string_length(&self, py: Python<'_>, key: &[u8]) -> PyResult<usize> {
        self.try_with(py, |engine| engine.string_length(key))
    }

    /// The bytes from `start` to `end`, both included; negative ones count from the end.
    fn get_range<'py>(
        &self,
        py: Python<'py>,
        key: &[u8],
        start: i64,
        end: i64,
    ) -> PyResult<Bound<'py, PyBytes>> {
        self.try_with(py, |engine| {
            let Some(entry) = engine.read(key, Access::Read) else {
                return Ok(PyBytes::new(py, b""));
            };
            let mut text = IntText::new();
            let part = rubellite_core::keyspace::strings::range(entry, start, end, &mut text)?;
            Ok(PyBytes::new(py, part))
        })
    }

    /// Gives `key` a string. Its deadline becomes `expire_at` (ms since 1970), or goes,
    /// or stays with `keep_expiry`.
    #[pyo3(signature = (key, value, expire_at = None, keep_expiry = false))]
    fn set(
        &self,
        key: &[u8],
        value: &Bound<'_, PyAny>,
        expire_at: Option<i64>,
        keep_expiry: bool,
    ) -> PyResult<()> {
        let expiry = new_expiry(expire_at, keep_expiry);
        let value = new_value(value)?;
        self.with(|context| context.engine.set_string(key, value, expiry))
    }

    /// Sets every key of the pairs.
    #[pyo3(signature = (pairs, expire_at = None, keep_expiry = false))]
    fn set_all(
        &self,
        pairs: &Arguments,
        expire_at: Option<i64>,
        keep_expiry: bool,
    ) -> PyResult<()> {
        let expiry = new_expiry(expire_at, keep_expiry);
        with_request(self, pairs, |engine, request, range| {
            for at in range.step_by(2) {
                let value = match request.body(at + 1) {
                    Some(body) => NewValue::SharedString(Arc::clone(body)),
                    None => NewValue::String(request.get(at + 1)),
                };
                engine.set_string(request.get(at), value, expiry);
            }
        })
    }

    /// Appends; returns the new length.
    fn append(&self, py: Python<'_>, key: &[u8], value: &[u8]) -> PyResult<usize> {
        self.try_with(py, |engine| engine.append_string(key, value))
    }

    /// Overwrites from `offset` on, after filling up with zeros; returns the new length.
    fn set_range(
        &self,
        py: Python<'_>,
        key: &[u8],
        offset: usize,
        value: &[u8],
    ) -> PyResult<usize> {
        self.try_with(py, |engine| engine.set_string_range(key, offset, value))
    }

    /// Adds a decimal fraction to the number at `key`; returns the sum's text.
    fn increment_float<'py>(
        &self,
        py: Python<'py>,
        key: &[u8],
        delta: &[u8],
    ) -> PyResult<Bound<'py, PyBytes>> {
        let text = self.try_with(py, |engine| engine.increment_string_float(key, delta))?;
        Ok(PyBytes::new(py, &text))
    }
}
