//! Intervals of sorted sets for Python.

use pyo3::prelude::*;
use rubellite_core::dispatch::error::ErrorCode;
use rubellite_core::types::sorted_set::interval;

use crate::border;

/// What a command asks for of a sorted set: ranks, scores or members from one to another.
#[pyclass(frozen, module = "rubellite._core")]
pub struct Interval(pub interval::Interval);

#[pymethods]
impl Interval {
    /// From `start` to `stop`, both included, negative ones from the end.
    #[staticmethod]
    fn of_ranks(start: i64, stop: i64) -> Interval {
        Interval(interval::Interval::Ranks(start, stop))
    }

    /// From `low` to `high`, as in `1`, `(1` and `+inf`. Fails with SCORE_BOUND.
    #[staticmethod]
    fn of_scores(py: Python<'_>, low: &[u8], high: &[u8]) -> PyResult<Interval> {
        let found = interval::Interval::of_scores(low, high);
        found
            .map(Interval)
            .ok_or_else(|| border::to_error(py, ErrorCode::ScoreBound.into()))
    }

    /// From `low` to `high`, as in `[a`, `(a`, `-` and `+`. Fails with MEMBER_BOUND.
    #[staticmethod]
    fn of_members(py: Python<'_>, low: &[u8], high: &[u8]) -> PyResult<Interval> {
        let found = interval::Interval::of_members(low, high);
        found
            .map(Interval)
            .ok_or_else(|| border::to_error(py, ErrorCode::MemberBound.into()))
    }
}
