//! `Call`'s methods for what is counted: statistics, logs of commands, latency.

use pyo3::exceptions::PyKeyError;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyList};
use rubellite_core::dispatch::statistics::LogKind;

use crate::call::Call;
use crate::settings;

/// The command log of this name.
fn log_kind(name: &str) -> PyResult<LogKind> {
    match name {
        "slow" => Ok(LogKind::Slow),
        "large-request" => Ok(LogKind::LargeRequest),
        "large-reply" => Ok(LogKind::LargeReply),
        _ => Err(PyKeyError::new_err(name.to_owned())),
    }
}

#[pymethods]
impl Call {
    /// Counters and gauges of the server.
    fn statistics<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        self.with(|context| settings::statistics(py, context.engine))?
    }

    /// Per command: (name, calls, nanoseconds, rejected, failed).
    #[allow(clippy::type_complexity)]
    fn command_statistics(&self) -> PyResult<Vec<(String, u64, u64, u64, u64)>> {
        self.with(|context| {
            let engine = &*context.engine;
            let rows = engine.statistics.commands.iter().enumerate();
            rows.filter(|(_, row)| row.calls + row.rejected + row.failed > 0)
                .map(|(id, row)| {
                    let name = engine.commands.specs[id].name.clone();
                    (name, row.calls, row.nanoseconds, row.rejected, row.failed)
                })
                .collect()
        })
    }

    /// Nanoseconds at each percentile, for each command that ran.
    fn command_percentiles(&self, percentiles: Vec<f64>) -> PyResult<Vec<(String, Vec<u64>)>> {
        self.with(|context| {
            let engine = &*context.engine;
            let rows = engine.statistics.commands.iter().enumerate();
            rows.filter_map(|(id, row)| {
                let histogram = row.histogram.as_ref()?;
                let values = percentiles
                    .iter()
                    .map(|p| histogram.percentile(*p))
                    .collect();
                Some((engine.commands.specs[id].name.clone(), values))
            })
            .collect()
        })
    }

    /// Cumulative counts at powers of two microseconds, for each command that ran.
    #[allow(clippy::type_complexity)]
    fn command_histograms(&self) -> PyResult<Vec<(String, u64, Vec<(u64, u64)>)>> {
        self.with(|context| {
            let engine = &*context.engine;
            let rows = engine.statistics.commands.iter().enumerate();
            rows.filter_map(|(id, row)| {
                let histogram = row.histogram.as_ref()?;
                let name = engine.commands.specs[id].name.clone();
                Some((name, row.calls, histogram.cumulative_microseconds()))
            })
            .collect()
        })
    }

    /// Error replies by their first word.
    fn error_statistics(&self) -> PyResult<Vec<(String, u64)>> {
        self.with(|context| context.engine.statistics.errors.clone())
    }

    fn reset_statistics(&self) -> PyResult<()> {
        self.with(|context| {
            context.engine.reset_statistics();
            let scripts = context.runtime.scripts();
            scripts.evicted = 0;
            scripts.report(&mut context.engine.script_facts);
        })
    }

    /// The newest entries of a command log: (id, seconds, microseconds or bytes, arguments,
    /// address, name).
    fn command_log<'py>(
        &self,
        py: Python<'py>,
        name: &str,
        count: usize,
    ) -> PyResult<Bound<'py, PyList>> {
        let kind = log_kind(name)?;
        self.with(|context| {
            let list = PyList::empty(py);
            let log = context.engine.statistics.log(kind);
            for entry in log.entries.iter().take(count) {
                let arguments: Vec<_> = entry
                    .arguments
                    .iter()
                    .map(|argument| PyBytes::new(py, argument))
                    .collect();
                list.append((
                    entry.id,
                    entry.unix_seconds,
                    entry.amount,
                    arguments,
                    &entry.address,
                    PyBytes::new(py, &entry.client_name),
                ))?;
            }
            Ok(list)
        })?
    }

    fn command_log_length(&self, name: &str) -> PyResult<usize> {
        let kind = log_kind(name)?;
        self.with(|context| context.engine.statistics.log(kind).entries.len())
    }

    fn reset_command_log(&self, name: &str) -> PyResult<()> {
        let kind = log_kind(name)?;
        self.with(|context| context.engine.statistics.log(kind).entries.clear())
    }

    /// Latency events: (name, longest ever in ms, sum in ms, count, [(seconds, ms), …]).
    #[allow(clippy::type_complexity)]
    fn latency_events(&self) -> PyResult<Vec<(String, u64, u64, u64, Vec<(i64, u64)>)>> {
        self.with(|context| {
            let series = context.engine.statistics.latency.series.iter();
            series
                .map(|(name, series)| {
                    let samples = series.samples.iter().copied().collect();
                    let (max, sum) = (series.milliseconds_max, series.milliseconds_sum);
                    (name.clone(), max, sum, series.count, samples)
                })
                .collect()
        })
    }

    /// Tells the latency monitor how long something took, in nanoseconds.
    fn note_latency(&self, event: &str, elapsed_ns: u64) -> PyResult<()> {
        self.with(|context| context.engine.note_latency(event, elapsed_ns))
    }

    /// Forgets latency events, all or those named; returns how many.
    fn reset_latency_events(&self, names: Vec<String>) -> PyResult<usize> {
        self.with(|context| {
            let series = &mut context.engine.statistics.latency.series;
            let before = series.len();
            series.retain(|(name, _)| !names.is_empty() && !names.contains(name));
            before - series.len()
        })
    }
}
