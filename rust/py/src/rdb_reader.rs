//! `RdbReader`: a snapshot's file, item by item, for the tools that look into one.

use std::fs::File;
use std::sync::OnceLock;

use parking_lot::Mutex;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyTuple};
use rubellite_core::rdb::build::Context;
use rubellite_core::rdb::reader::{Item, Reader};
use rubellite_core::rdb::value::Value;
use rubellite_core::rdb::{Error, Family};
use rubellite_core::seed::HashSeed;

use crate::rdb_values::{count, memory_bytes, objects};

/// What an entry costs beside its name and value: head, lengths, its slot in the table.
const ENTRY_BYTES: usize = 16;

/// Reads an RDB file, item by item.
#[pyclass(frozen, module = "rubellite._core")]
pub struct RdbReader {
    reader: Mutex<Reader<'static, File>>,
    /// Bytes of the file.
    #[pyo3(get)]
    size: u64,
}

fn to_error(error: Error) -> PyErr {
    match error {
        Error::Io(error) => PyErr::from(error),
        other => PyValueError::new_err(other.to_string()),
    }
}

fn seed() -> &'static HashSeed {
    static SEED: OnceLock<HashSeed> = OnceLock::new();
    SEED.get_or_init(HashSeed::random)
}

#[pymethods]
impl RdbReader {
    /// Opens a file. Keys and fields that are due at `now_ms` count as expired.
    #[new]
    fn new(path: &str, now_ms: i64) -> PyResult<Self> {
        let file = File::open(path)?;
        let size = file.metadata()?.len();
        let context = Context::new(seed(), now_ms);
        let reader = Reader::new(file, context, true).map_err(to_error)?;
        Ok(RdbReader {
            reader: Mutex::new(reader),
            size,
        })
    }

    /// Whose file it is, `redis` or `valkey`, and its version.
    #[getter]
    fn signature(&self) -> (&'static str, u32) {
        let signature = self.reader.lock().signature;
        let family = match signature.family {
            Family::Redis => "redis",
            Family::Valkey => "valkey",
        };
        (family, signature.version)
    }

    /// Bytes read so far.
    #[getter]
    fn offset(&self) -> u64 {
        self.reader.lock().offset()
    }

    /// The next item, as a tuple that begins with what it is:
    ///
    /// ("aux", key, value), ("select", number), ("library", source), ("skipped", what),
    /// ("end",) and
    /// ("key", name, type, elements, memory in bytes, deadline or None, value or None).
    #[pyo3(signature = (has_values = false))]
    fn next_item<'py>(&self, py: Python<'py>, has_values: bool) -> PyResult<Bound<'py, PyTuple>> {
        let mut reader = self.reader.lock();
        let value = loop {
            match reader.next_item().map_err(to_error)? {
                Item::Aux { key, value } => {
                    let (key, value) = (PyBytes::new(py, &key), PyBytes::new(py, &value));
                    return ("aux", key, value).into_pyobject(py);
                }
                Item::Select(number) => return ("select", number).into_pyobject(py),
                Item::Resize { .. } => {}
                Item::Library(source) => {
                    return ("library", PyBytes::new(py, &source)).into_pyobject(py);
                }
                Item::Skipped(what) => return ("skipped", what).into_pyobject(py),
                Item::End => return ("end",).into_pyobject(py),
                Item::Key(value) => break value,
            }
        };
        let key = reader.key();
        let name = PyBytes::new(py, &key.name);
        let (kind, elements, bytes, object) = match &value {
            Value::String(text) => {
                let object = has_values.then(|| PyBytes::new(py, text).into_any());
                ("string", text.len(), text.len(), object)
            }
            Value::Collection(kind, made) => {
                let object = has_values.then(|| objects(py, *kind, made)).transpose()?;
                (kind.name(), count(*kind, made), memory_bytes(made), object)
            }
            Value::Expired => ("expired", 0, 0, None),
            Value::Skipped(what) => {
                return ("skipped", what).into_pyobject(py);
            }
        };
        let memory = ENTRY_BYTES + key.name.len() + bytes;
        ("key", name, kind, elements, memory, key.expires_at, object).into_pyobject(py)
    }
}
