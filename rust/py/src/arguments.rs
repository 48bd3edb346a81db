//! A request's arguments as Python objects.

use std::sync::Arc;

use pyo3::prelude::*;
use pyo3::types::PyBytes;
use rubellite_core::dispatch::arguments::Scalar;
use rubellite_core::output::SHARED_BYTES_MIN;

use crate::reply;

/// Bytes for Python; big ones are copied once, into what may become the stored value.
fn payload<'py>(py: Python<'py>, bytes: &[u8]) -> PyResult<Bound<'py, PyAny>> {
    if bytes.len() < SHARED_BYTES_MIN {
        return Ok(PyBytes::new(py, bytes).into_any());
    }
    let bytes = Arc::new(bytes.to_vec());
    Ok(Bound::new(py, reply::Blob { bytes })?.into_any())
}

/// One value, as its parameter's kind wants it.
#[inline]
pub fn scalar<'py>(py: Python<'py>, value: Scalar<'_>) -> PyResult<Bound<'py, PyAny>> {
    Ok(match value {
        Scalar::Bytes(bytes) => PyBytes::new(py, bytes).into_any(),
        Scalar::Payload(bytes) => payload(py, bytes)?,
        Scalar::Shared(body) => {
            let bytes = Arc::clone(body);
            Bound::new(py, reply::Blob { bytes })?.into_any()
        }
        Scalar::Integer(number) => number.into_pyobject(py)?.into_any(),
        Scalar::Unsigned(number) => number.into_pyobject(py)?.into_any(),
        Scalar::Float(number) => number.into_pyobject(py)?.into_any(),
    })
}
