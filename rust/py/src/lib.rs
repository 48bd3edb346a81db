//! `rubellite._core`: the engine as Python sees it.
//!
//! Thin: conversions and the border. Panics are caught by PyO3 at every method and
//! by `dispatch::Core` around every request; failures become exceptions in `border`.

mod append_only;
mod arguments;
mod border;
mod call;
mod call_bits;
mod call_clients;
mod call_debug;
mod call_functions;
mod call_hyperloglog;
mod call_keys;
mod call_persistence;
mod call_pubsub;
mod call_scripting;
mod call_server;
mod call_sorting;
mod call_statistics;
mod call_strings;
mod call_tracking;
mod cell;
mod courier;
mod embedded;
mod engine;
mod evaluating;
mod extending;
mod functions;
mod interruption;
mod object_sink;
mod objects;
mod rdb_reader;
mod rdb_values;
mod reply;
mod runtime;
mod settings;
mod sharing;
mod spec;
mod testing;
mod views;
mod watchdog;

use pyo3::exceptions::PyMemoryError;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyType};
use rubellite_core::text::lcs;

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

/// Reads a float as the commands do; None for what is none.
#[pyfunction]
fn parse_double(text: &[u8]) -> Option<f64> {
    rubellite_core::text::double::parse(text)
}

/// Reads a 64-bit integer as the commands do; None for what is none.
#[pyfunction]
fn parse_integer(text: &[u8]) -> Option<i64> {
    rubellite_core::text::integer::parse(text)
}

/// Bytes that the engine's allocator has given out.
#[pyfunction]
fn memory_used() -> usize {
    rubellite_core::memory::used_bytes()
}

/// Gives memory that is free but still held back to the system.
#[pyfunction]
fn memory_purge() {
    rubellite_core::memory::purge();
}

/// The allocator's own figures: allocated, active and resident bytes.
#[pyfunction]
fn memory_stats() -> Option<(usize, usize, usize)> {
    let stats = rubellite_core::memory::allocator_stats()?;
    Some((stats.allocated, stats.active, stats.resident))
}

/// Length of the longest common subsequence.
#[pyfunction]
fn lcs_length(py: Python<'_>, one: &[u8], other: &[u8]) -> usize {
    py.detach(|| lcs::length(one, other))
}

/// The stretches of the longest common subsequence, the last one first: (start in one,
/// start in other, length).
#[pyfunction]
fn lcs_matches(py: Python<'_>, one: &[u8], other: &[u8]) -> PyResult<Vec<(usize, usize, usize)>> {
    let matches = py.detach(|| lcs::find(one, other));
    let matches = matches.ok_or_else(|| PyMemoryError::new_err("no memory for LCS"))?;
    Ok(matches
        .iter()
        .map(|found| (found.a_start, found.b_start, found.length))
        .collect())
}

/// Bytes of the table that LCS is accounted for.
#[pyfunction]
fn lcs_table_bytes(one: &[u8], other: &[u8]) -> u64 {
    lcs::table_bytes(one.len(), other.len()).unwrap_or(u64::MAX)
}

// What a handler's `Call` lends, and the watchdog borrows, the GIL keeps apart.
#[pymodule(gil_used = true)]
fn _core(module: &Bound<'_, PyModule>) -> PyResult<()> {
    use crate::reply::{Special, SpecialKind, Status};
    let py = module.py();
    rubellite_core::memory::tell_that_it_is_global();
    module.add_class::<engine::Engine>()?;
    module.add_class::<embedded::EmbeddedSession>()?;
    module.add_class::<sharing::ReplyReader>()?;
    module.add_class::<rdb_reader::RdbReader>()?;
    module.add_class::<call::Call>()?;
    module.add_class::<call::Arguments>()?;
    module.add_class::<Status>()?;
    module.add_class::<Special>()?;
    module.add_class::<reply::Pairs>()?;
    module.add_class::<reply::Verbatim>()?;
    module.add_class::<reply::Push>()?;
    module.add_class::<reply::Members>()?;
    module.add_class::<reply::Blob>()?;
    module.add_class::<reply::Blocked>()?;
    module.add("Killed", py.get_type::<watchdog::Killed>())?;
    module.add_class::<views::hash::Hash>()?;
    module.add_class::<views::list::List>()?;
    module.add_class::<views::set::Set>()?;
    module.add_class::<views::sorted_set::SortedSet>()?;
    module.add_class::<views::stream::Stream>()?;
    module.add_class::<views::interval::Interval>()?;
    module.add_class::<views::geo::Area>()?;
    module.add_class::<views::scored_sets::ScoredSets>()?;
    module.add_class::<views::made::Made>()?;
    module.add(
        "NULL_ARRAY",
        Bound::new(
            py,
            Special {
                kind: SpecialKind::NullArray,
            },
        )?,
    )?;
    module.add(
        "NOTHING",
        Bound::new(
            py,
            Special {
                kind: SpecialKind::Nothing,
            },
        )?,
    )?;
    module.add_function(wrap_pyfunction!(embedded::note_fork, module)?)?;
    module.add_function(wrap_pyfunction!(sharing::encode_request, module)?)?;
    module.add_function(wrap_pyfunction!(sharing::take_inherited_sockets, module)?)?;
    module.add_function(wrap_pyfunction!(set_errors, module)?)?;
    module.add_function(wrap_pyfunction!(glob_matches, module)?)?;
    module.add_function(wrap_pyfunction!(parse_double, module)?)?;
    module.add_function(wrap_pyfunction!(parse_integer, module)?)?;
    module.add_function(wrap_pyfunction!(views::stream::parse_stream_id, module)?)?;
    module.add_function(wrap_pyfunction!(
        views::stream::parse_new_stream_id,
        module
    )?)?;
    module.add_function(wrap_pyfunction!(views::stream::stream_id_text, module)?)?;
    module.add_function(wrap_pyfunction!(rdb_values::crc64, module)?)?;
    module.add_function(wrap_pyfunction!(memory_used, module)?)?;
    module.add_function(wrap_pyfunction!(memory_purge, module)?)?;
    module.add_function(wrap_pyfunction!(memory_stats, module)?)?;
    module.add_function(wrap_pyfunction!(lcs_length, module)?)?;
    module.add_function(wrap_pyfunction!(lcs_matches, module)?)?;
    module.add_function(wrap_pyfunction!(lcs_table_bytes, module)?)?;
    module.add_function(wrap_pyfunction!(
        call_hyperloglog::hyperloglog_self_test,
        module
    )?)?;
    module.add("__version__", env!("CARGO_PKG_VERSION"))?;
    Ok(())
}
