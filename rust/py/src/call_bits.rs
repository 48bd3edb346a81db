//! `Call`'s methods for bitmaps.

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use rubellite_core::bits::combine::Operation;

use crate::call::{Arguments, Call, try_with_arguments};

fn operation(word: &str) -> PyResult<Operation> {
    Ok(match word {
        "AND" => Operation::And,
        "OR" => Operation::Or,
        "XOR" => Operation::Xor,
        "NOT" => Operation::Not,
        "DIFF" => Operation::Diff,
        "DIFF1" => Operation::Diff1,
        "ANDOR" => Operation::AndOr,
        "ONE" => Operation::One,
        _ => return Err(PyValueError::new_err(format!("no such operation: {word}"))),
    })
}

#[pymethods]
impl Call {
    /// The bit at `offset` of the string at `key`; 0 behind its end and without key.
    fn get_bit(&self, py: Python<'_>, key: &[u8], offset: u64) -> PyResult<u8> {
        self.try_with(py, |engine| engine.get_bit(key, offset).map(u8::from))
    }

    /// Sets the bit at `offset`, after filling up with zeros; returns what it was.
    fn set_bit(&self, py: Python<'_>, key: &[u8], offset: u64, on: bool) -> PyResult<u8> {
        self.try_with(py, |engine| engine.set_bit(key, offset, on).map(u8::from))
    }

    /// How many bits are 1 from `start` to `end`, both included, in bytes or in bits.
    fn count_bits(
        &self,
        py: Python<'_>,
        key: &[u8],
        start: i64,
        end: i64,
        in_bits: bool,
    ) -> PyResult<u64> {
        self.try_with(py, |engine| engine.count_bits(key, start, end, in_bits))
    }

    /// The first such bit from `start` to `end`, both included, or None. Without `end`
    /// the zeros behind the string count.
    #[pyo3(signature = (key, wanted, start, end, in_bits))]
    fn bit_position(
        &self,
        py: Python<'_>,
        key: &[u8],
        wanted: bool,
        start: i64,
        end: Option<i64>,
        in_bits: bool,
    ) -> PyResult<Option<u64>> {
        self.try_with(py, |engine| {
            engine.bit_position(key, wanted, start, end, in_bits)
        })
    }

    /// BITOP: gives `destination` what comes of the strings at `sources`; returns its
    /// length, 0 if it is gone.
    fn combine_bits(
        &self,
        py: Python<'_>,
        word: &str,
        destination: &[u8],
        sources: &Arguments,
    ) -> PyResult<usize> {
        let operation = operation(word)?;
        try_with_arguments(self, py, sources, |engine, sources| {
            engine.combine_bits(operation, destination, sources)
        })
    }

    /// BITFIELD's operations on the string at `key`; None for each that overflowed.
    #[pyo3(signature = (key, operations, read_only = false))]
    fn run_fields(
        &self,
        py: Python<'_>,
        key: &[u8],
        operations: &Arguments,
        read_only: bool,
    ) -> PyResult<Vec<Option<i64>>> {
        try_with_arguments(self, py, operations, |engine, words| {
            engine.run_fields(key, words, read_only)
        })
    }
}
