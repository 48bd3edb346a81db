//! Where replies go that stay in the process: Python objects.

use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyList, PySet};
use rubellite_core::dispatch::pipeline::{Shape, Sink};
use rubellite_core::reply::{Protocol, Reply};

use crate::reply::{self, Special, SpecialKind};

/// A sink for callers inside the process: replies as Python objects.
#[derive(Default)]
pub struct ObjectSink {
    pub objects: Vec<Py<PyAny>>,
}

impl ObjectSink {
    /// Takes what a handler returned.
    pub fn push(&mut self, object: Bound<'_, PyAny>) {
        let special = object.cast::<Special>().map(|special| special.get().kind);
        match special {
            Ok(SpecialKind::Nothing) => {}
            Ok(SpecialKind::NullArray) => self.objects.push(object.py().None()),
            Err(_) => self.objects.push(object.unbind()),
        }
    }
}

impl Sink for ObjectSink {
    fn resp(&mut self) -> Option<&mut rubellite_core::output::Output> {
        None
    }

    fn put_bulk(&mut self, bytes: &[u8]) {
        // SAFETY: commands only run while attached.
        let py = unsafe { Python::assume_attached() };
        self.objects
            .push(PyBytes::new(py, bytes).into_any().unbind());
    }

    fn put(&mut self, reply: &Reply, _: Protocol) {
        // SAFETY: commands only run while attached.
        let py = unsafe { Python::assume_attached() };
        let object = reply::to_object(py, reply).map_or_else(
            |error| error.into_value(py).into_any(),
            |object| object.unbind(),
        );
        self.objects.push(object);
    }

    fn begin(&mut self, _: Shape, _: usize, _: Protocol) {}

    fn end(&mut self, shape: Shape, count: usize) {
        // SAFETY: commands only run while attached.
        let py = unsafe { Python::assume_attached() };
        let parts = if shape == Shape::Map {
            2 * count
        } else {
            count
        };
        let items = self
            .objects
            .split_off(self.objects.len().saturating_sub(parts));
        let container = container(py, shape, items)
            .map_or_else(|error| error.into_value(py).into_any(), Bound::unbind);
        self.objects.push(container);
    }

    fn as_any(&mut self) -> &mut dyn std::any::Any {
        self
    }
}

/// The list, dictionary or set of what was put into it.
fn container<'py>(
    py: Python<'py>,
    shape: Shape,
    items: Vec<Py<PyAny>>,
) -> PyResult<Bound<'py, PyAny>> {
    match shape {
        Shape::Array => Ok(PyList::new(py, items)?.into_any()),
        Shape::Set => Ok(PySet::new(py, items)?.into_any()),
        Shape::Map => {
            let map = PyDict::new(py);
            for pair in items.chunks_exact(2) {
                map.set_item(&pair[0], &pair[1])?;
            }
            Ok(map.into_any())
        }
    }
}
