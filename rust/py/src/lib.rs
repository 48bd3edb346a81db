//! `rubellite._core`: the engine as Python sees it.
//!
//! Thin: conversions and the border. Panics are caught by PyO3 at every method and
//! by `dispatch::Core` around every request; failures become exceptions in `border`.

mod border;
mod call;
mod call_keys;
mod call_server;
mod call_strings;
mod engine;
mod reply;
mod runtime;
mod settings;
mod spec;

use pyo3::prelude::*;
use pyo3::types::{PyDict, PyType};

#[global_allocator]
static ALLOCATOR: rubellite_core::memory::Counting = rubellite_core::memory::Counting;

/// Takes over `rubellite.errors`: name → class, the base class and the raw one.
#[pyfunction]
fn set_errors(
    table: &Bound<'_, PyDict>,
    base: &Bound<'_, PyType>,
    raw: &Bound<'_, PyType>,
) -> PyResult<()> {
    border::set_errors(table, base, raw)
}

/// True if `text` matches the glob `pattern` as Redis reads it.
#[pyfunction]
#[pyo3(signature = (pattern, text, ignore_case = false))]
fn glob_matches(pattern: &[u8], text: &[u8], ignore_case: bool) -> bool {
    rubellite_core::text::glob::matches(pattern, text, ignore_case)
}

/// Bytes that the engine's allocator has given out.
#[pyfunction]
fn memory_used() -> usize {
    rubellite_core::memory::used_bytes()
}

#[pymodule]
fn _core(module: &Bound<'_, PyModule>) -> PyResult<()> {
    use crate::reply::{Special, SpecialKind, Status};
    let py = module.py();
    module.add_class::<engine::Engine>()?;
    module.add_class::<call::Call>()?;
    module.add_class::<call::Arguments>()?;
    module.add_class::<Status>()?;
    module.add_class::<Special>()?;
    module.add_class::<reply::Pairs>()?;
    module.add_class::<reply::Verbatim>()?;
    module.add_class::<reply::Push>()?;
    module.add_class::<reply::Blob>()?;
    module.add("NULL_ARRAY", Bound::new(py, Special { kind: SpecialKind::NullArray })?)?;
    module.add("NOTHING", Bound::new(py, Special { kind: SpecialKind::Nothing })?)?;
    module.add_function(wrap_pyfunction!(set_errors, module)?)?;
    module.add_function(wrap_pyfunction!(glob_matches, module)?)?;
    module.add_function(wrap_pyfunction!(memory_used, module)?)?;
    module.add("__version__", env!("CARGO_PKG_VERSION"))?;
    Ok(())
}
