//! Sorted sets for Python.

use pyo3::prelude::*;
use rubellite_core::types::Object;
use rubellite_core::types::home::Content;
use rubellite_core::types::sorted_set::packed::PackedSortedSet;

use super::View;

/// The sorted set at a key.
#[pyclass(frozen, module = "rubellite._core")]
pub struct SortedSet(pub View);

#[pymethods]
impl SortedSet {
    fn __len__(&self, py: Python<'_>) -> PyResult<usize> {
        self.0.read(py, 0, |content, _| match content {
            Content::Packed(_, bytes) => PackedSortedSet::new(bytes).len(),
            Content::Object(Object::SortedSet(set)) => set.len(),
            Content::Object(other) => unreachable!("a sorted set that is {other:?}"),
        })
    }
}
