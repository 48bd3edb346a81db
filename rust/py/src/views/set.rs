//! Sets for Python.

use pyo3::prelude::*;
use rubellite_core::types;

use super::View;

/// The set at a key.
#[pyclass(frozen, module = "rubellite._core")]
pub struct Set(pub View);

#[pymethods]
impl Set {
    fn __len__(&self, py: Python<'_>) -> PyResult<usize> {
        self.0.read(py, 0, |content, now_ms| {
            types::Set::new(content, now_ms).len()
        })
    }
}
