//! `Call`'s methods for HyperLogLogs.

use pyo3::prelude::*;
use rubellite_core::hyperloglog::{self, REGISTERS, self_test};

use crate::call::{Arguments, Call, try_with_arguments};

/// What is wrong with HyperLogLogs in this build; None: nothing.
#[pyfunction]
pub fn hyperloglog_self_test(py: Python<'_>) -> Option<String> {
    py.detach(self_test::run).err()
}

#[pymethods]
impl Call {
    /// Adds elements. True: one of them changed it, or there was nothing yet.
    fn hyperloglog_add(&self, py: Python<'_>, key: &[u8], elements: &Arguments) -> PyResult<bool> {
        try_with_arguments(self, py, elements, |engine, elements| {
            engine.hyperloglog_add(key, elements)
        })
    }

    /// The estimated cardinality, which is cached in the string; 0 without key.
    fn hyperloglog_count(&self, py: Python<'_>, key: &[u8]) -> PyResult<i64> {
        // What is cached may be anything; a client sees it as a signed number.
        self.try_with(py, |engine| {
            engine.hyperloglog_count(key).map(|count| count as i64)
        })
    }

    /// The estimated cardinality of the union.
    fn hyperloglog_count_union(&self, py: Python<'_>, keys: &Arguments) -> PyResult<i64> {
        try_with_arguments(self, py, keys, |engine, keys| {
            engine
                .hyperloglog_count_union(keys)
                .map(|count| count as i64)
        })
    }

    /// Makes `destination` the union of itself and the sources.
    fn hyperloglog_merge(
        &self,
        py: Python<'_>,
        destination: &[u8],
        sources: &Arguments,
    ) -> PyResult<()> {
        try_with_arguments(self, py, sources, |engine, sources| {
            engine.hyperloglog_merge(destination, sources)
        })
    }

    /// "dense", "sparse", or None without key.
    fn hyperloglog_encoding(&self, py: Python<'_>, key: &[u8]) -> PyResult<Option<&'static str>> {
        self.try_with(py, |engine| {
            let encoding = engine.hyperloglog_encoding(key)?;
            Ok(encoding.map(|encoding| encoding.name()))
        })
    }

    /// The runs of a sparse one as text; None without key.
    fn hyperloglog_runs(&self, py: Python<'_>, key: &[u8]) -> PyResult<Option<String>> {
        self.try_with(py, |engine| {
            engine.with_hyperloglog(key, |_, bytes| Ok(hyperloglog::describe_runs(bytes)))
        })
    }

    /// All registers; None without key.
    fn hyperloglog_registers(&self, py: Python<'_>, key: &[u8]) -> PyResult<Option<Vec<u32>>> {
        self.try_with(py, |engine| {
            engine.with_hyperloglog(key, |_, bytes| {
                let mut registers = Box::new([0; REGISTERS]);
                hyperloglog::merge(&mut registers, bytes)?;
                Ok(registers.iter().map(|rank| u32::from(*rank)).collect())
            })
        })
    }

    /// Makes it dense. True: it was sparse.
    fn hyperloglog_to_dense(&self, py: Python<'_>, key: &[u8]) -> PyResult<bool> {
        self.try_with(py, |engine| engine.hyperloglog_to_dense(key))
    }
}
