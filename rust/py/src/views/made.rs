//! Collections that a command makes before it stores them.

use std::sync::Mutex;

use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;
use rubellite_core::keyspace::Kind;
use rubellite_core::types::home::Detached;

use crate::call::Call;

/// A collection that is in no database yet; `call.store` puts it there, once.
#[pyclass(frozen, module = "rubellite._core")]
pub struct Made {
    kind: Kind,
    len: usize,
    collection: Mutex<Option<Detached>>,
}

impl Made {
    pub fn new(kind: Kind, len: usize, collection: Detached) -> Made {
        let collection = Mutex::new(Some(collection));
        Made {
            kind,
            len,
            collection,
        }
    }
}

#[pymethods]
impl Made {
    fn __len__(&self) -> usize {
        self.len
    }
}

#[pymethods]
impl Call {
    /// Puts a collection in the place of whatever `key` held, and sends `event`; an empty
    /// one removes the key. Returns how many elements it has.
    #[pyo3(signature = (key, made, class_, event, /))]
    fn store(
        &self,
        key: &[u8],
        made: &Bound<'_, Made>,
        class_: u32,
        event: &str,
    ) -> PyResult<usize> {
        let made = made.get();
        let taken = made
            .collection
            .lock()
            .map(|mut collection| collection.take());
        let Ok(Some(mut collection)) = taken else {
            return Err(PyRuntimeError::new_err("this collection is stored already"));
        };
        self.with(|context| {
            let engine = &mut context.engine;
            engine.store_collection(key, made.kind, &mut collection, class_, event);
            made.len
        })
    }
}
