//! Lists for Python.

use pyo3::prelude::*;
use rubellite_core::types::Object;
use rubellite_core::types::home::Content;
use rubellite_core::types::list::packed::PackedList;

use super::View;

/// The list at a key.
#[pyclass(frozen, sequence, module = "rubellite._core")]
pub struct List(pub View);

#[pymethods]
impl List {
    fn __len__(&self, py: Python<'_>) -> PyResult<usize> {
        self.0.read(py, 0, |content, _| match content {
            Content::Packed(_, bytes) => PackedList::new(bytes).len(),
            Content::Object(Object::List(list)) => list.len(),
            Content::Object(other) => unreachable!("a list that is {other:?}"),
        })
    }
}
