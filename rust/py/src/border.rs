//! The one way through the border: failures become exceptions, exceptions become lines.

use std::sync::OnceLock;

use pyo3::exceptions::{PyRuntimeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyString, PyType};
use rubellite_core::dispatch::error::{ErrorCode, ErrorTexts, Failure};

/// Exception classes of `rubellite.errors`, by `ErrorCode`, and its two bases.
struct Classes {
    by_code: Vec<Py<PyType>>,
    base: Py<PyType>,
    raw: Py<PyType>,
}

static CLASSES: OnceLock<Classes> = OnceLock::new();

/// Takes over the error table: name → class with a `text`.
pub fn set_errors(
    table: &Bound<'_, PyDict>,
    base: &Bound<'_, PyType>,
    raw: &Bound<'_, PyType>,
) -> PyResult<()> {
    let by_code = ErrorCode::ALL
        .iter()
        .map(|code| {
            let class = table.get_item(code.name())?.ok_or_else(|| {
                PyValueError::new_err(format!("errors.py has no text for {}", code.name()))
            })?;
            Ok(class.cast_into::<PyType>()?.unbind())
        })
        .collect::<PyResult<_>>()?;
    let classes = Classes {
        by_code,
        base: base.clone().unbind(),
        raw: raw.clone().unbind(),
    };
    // A second import hands over the same table.
    let _ = CLASSES.set(classes);
    Ok(())
}

/// The texts for the engine's own use.
pub fn error_texts(py: Python<'_>) -> PyResult<ErrorTexts> {
    let classes = classes()?;
    let mut texts = Vec::new();
    for class in &classes.by_code {
        texts.push(class.bind(py).getattr("text")?.extract::<String>()?);
    }
    let lookup = |name: &str| {
        let index = ErrorCode::ALL.iter().position(|code| code.name() == name)?;
        Some(texts[index].clone())
    };
    ErrorTexts::new(lookup).map_err(|missing| PyValueError::new_err(missing.join(", ")))
}

fn classes() -> PyResult<&'static Classes> {
    CLASSES
        .get()
        .ok_or_else(|| PyRuntimeError::new_err("rubellite.errors was not imported"))
}

/// The exception for a failure.
pub fn to_error(py: Python<'_>, failure: Failure) -> PyErr {
    let classes = match classes() {
        Ok(classes) => classes,
        Err(error) => return error,
    };
    let class = |code: ErrorCode| classes.by_code[code as usize].bind(py).clone();
    match failure {
        Failure::Code(code) => PyErr::from_type(class(code), ()),
        Failure::With(code, detail) => PyErr::from_type(class(code), (detail,)),
        Failure::Quoting(code, detail) => with_bytes(py, class(code), &detail),
        Failure::Text(text) => with_bytes(py, classes.raw.bind(py).clone(), &text),
    }
}

fn with_bytes(py: Python<'_>, class: Bound<'_, PyType>, bytes: &[u8]) -> PyErr {
    match decode_text(py, bytes).map(Bound::unbind) {
        Ok(text) => PyErr::from_type(class, (text,)),
        Err(error) => error,
    }
}

/// Bytes of a client as text; what is not UTF-8 survives as surrogates.
pub fn decode_text<'py>(py: Python<'py>, bytes: &[u8]) -> PyResult<Bound<'py, PyString>> {
    let bytes = PyBytes::new(py, bytes);
    Ok(bytes
        .call_method1("decode", ("utf-8", "surrogateescape"))?
        .cast_into()?)
}

/// The line that a client sees, if `error` is a reply; None for a bug.
pub fn reply_line(py: Python<'_>, error: &PyErr) -> Option<Vec<u8>> {
    let classes = classes().ok()?;
    if !error.is_instance(py, classes.base.bind(py)) {
        return None;
    }
    text_bytes(&error.value(py).str().ok()?).ok()
}

/// True for an instance of `ReplyError`.
pub fn is_reply_error(object: &Bound<'_, PyAny>) -> bool {
    classes().is_ok_and(|classes| {
        object
            .is_instance(classes.base.bind(object.py()))
            .unwrap_or(false)
    })
}

/// Text as bytes, surrogates turned back.
pub fn text_bytes(text: &Bound<'_, PyString>) -> PyResult<Vec<u8>> {
    if let Ok(plain) = text.to_str() {
        return Ok(plain.as_bytes().to_vec());
    }
    let bytes = text.call_method1("encode", ("utf-8", "surrogateescape"))?;
    Ok(bytes.cast::<PyBytes>()?.as_bytes().to_vec())
}
