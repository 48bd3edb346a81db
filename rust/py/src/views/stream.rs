//! Streams for Python: entries. Groups are in `stream_groups`.
//!
//! IDs are pairs of integers, milliseconds and number.

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyList};
use rubellite_core::dispatch::streams::{EntryWriter, NewId, stream_in};
use rubellite_core::types::packed::IntText;
use rubellite_core::types::stream::{Entry, References, StreamId, Trim, TrimTo};

use super::View;
use crate::border;
use crate::reply::{Special, SpecialKind};

/// An ID in Python.
pub type Id = (u64, u64);

/// The stream at a key.
#[pyclass(frozen, sequence, module = "rubellite._core")]
pub struct Stream(pub View);

pub fn id_of((ms, seq): Id) -> StreamId {
    StreamId::new(ms, seq)
}

pub fn pair(id: StreamId) -> Id {
    (id.ms, id.seq)
}

/// The text of an ID.
pub fn id_text(py: Python<'_>, id: StreamId) -> Bound<'_, PyBytes> {
    PyBytes::new(py, &id.to_text())
}

fn references_of(word: &str) -> PyResult<References> {
    match word {
        "KEEPREF" => Ok(References::Keep),
        "DELREF" => Ok(References::Delete),
        "ACKED" => Ok(References::Acknowledged),
        _ => Err(PyValueError::new_err("expected KEEPREF, DELREF or ACKED")),
    }
}

/// `(length or None, ID or None, approximate, limit, references)`.
pub type TrimParts<'p> = (Option<u64>, Option<Id>, bool, u64, &'p str);

fn trim_of((length, id, is_approximate, limit, references): TrimParts<'_>) -> PyResult<Trim> {
    let to = match (length, id) {
        (Some(length), _) => TrimTo::Length(length),
        (None, Some(id)) => TrimTo::Id(id_of(id)),
        (None, None) => return Err(PyValueError::new_err("expected a length or an ID")),
    };
    let references = references_of(references)?;
    Ok(Trim {
        to,
        is_approximate,
        limit,
        references,
    })
}

/// `[id, [name, value, …]]`.
pub fn entry_object<'py>(py: Python<'py>, entry: Entry<'_>) -> PyResult<Bound<'py, PyAny>> {
    let mut text = IntText::new();
    let mut parts = Vec::with_capacity(2 * entry.count);
    for (name, value) in entry.pairs() {
        parts.push(PyBytes::new(py, name.bytes(&mut text)));
        parts.push(PyBytes::new(py, value.bytes(&mut text)));
    }
    let parts = PyList::new(py, parts)?.into_any();
    Ok(PyList::new(py, [id_text(py, entry.id).into_any(), parts])?.into_any())
}

/// Reads the ID of an entry, `ms-seq` or `ms`, which gets `missing_seq`; None: it is none.
#[pyfunction]
pub fn parse_stream_id(text: &[u8], missing_seq: u64) -> Option<Id> {
    StreamId::parse(text, missing_seq).map(pair)
}

/// As `parse_stream_id`, or `ms-*`, whose number is None; for a new entry.
#[pyfunction]
pub fn parse_new_stream_id(text: &[u8]) -> Option<(u64, Option<u64>)> {
    if let Some(ms) = StreamId::parse_open(text) {
        return Some((ms, None));
    }
    StreamId::parse(text, 0).map(|id| (id.ms, Some(id.seq)))
}

/// The text of an ID.
#[pyfunction]
pub fn stream_id_text(py: Python<'_>, id: Id) -> Bound<'_, PyBytes> {
    id_text(py, id_of(id))
}

#[pymethods]
impl Stream {
    fn __len__(&self, py: Python<'_>) -> PyResult<usize> {
        self.0.read(py, 0, |content, _| {
            stream_in(content).map_or(0, |stream| stream.len())
        })
    }

    /// Whether there is such a key; it may be a stream without entries.
    fn exists(&self, py: Python<'_>) -> PyResult<bool> {
        self.0.read(py, false, |_, _| true)
    }

    /// Adds an entry of names and values by turns; `id` is None for the time's, and its
    /// number None for the least that is free. `trim` is what follows. Returns the ID.
    #[pyo3(signature = (id, parts, trim = None))]
    fn add<'py>(
        &self,
        py: Python<'py>,
        id: Option<(u64, Option<u64>)>,
        parts: &Bound<'_, PyAny>,
        trim: Option<TrimParts<'_>>,
    ) -> PyResult<Bound<'py, PyBytes>> {
        let id = match id {
            None => NewId::Clock,
            Some((ms, None)) => NewId::Open(ms),
            Some((ms, Some(seq))) => NewId::Exact(StreamId::new(ms, seq)),
        };
        let trim = trim.map(trim_of).transpose()?;
        let id = self.0.with(py, parts, |engine, key, parts| {
            engine.add_to_stream(key, id, parts.iter().copied(), trim)
        })?;
        Ok(id_text(py, id))
    }

    /// Removes the oldest entries; returns how many.
    fn trim(&self, py: Python<'_>, trim: TrimParts<'_>) -> PyResult<usize> {
        let trim = trim_of(trim)?;
        self.0
            .context(|context| context.engine.trim_stream(self.0.key(py), trim))?
            .map_err(|failure| border::to_error(py, failure))
    }

    /// Deletes entries: for each 1, -1 if there was none, 2 if a group still needs it.
    /// With `group` it acknowledges them there first, and -1 are those not pending.
    #[pyo3(signature = (ids, references = "KEEPREF", group = None))]
    fn delete(
        &self,
        py: Python<'_>,
        ids: Vec<Id>,
        references: &str,
        group: Option<&[u8]>,
    ) -> PyResult<Vec<i64>> {
        let references = references_of(references)?;
        let ids: Vec<_> = ids.into_iter().map(id_of).collect();
        let results = self.0.context(|context| {
            let key = self.0.key(py);
            context
                .engine
                .delete_from_stream(key, &ids, references, group)
        })?;
        let results = results.map_err(|failure| border::to_error(py, failure))?;
        Ok(results.into_iter().map(|result| result as i64).collect())
    }

    /// Replies with the entries from `first` to `last`, both included.
    fn reply_range(
        &self,
        py: Python<'_>,
        first: Id,
        last: Id,
        limit: Option<usize>,
        is_reverse: bool,
    ) -> PyResult<Special> {
        let bounds = (id_of(first), id_of(last));
        self.0.reply(py, |content, _, writer| {
            if let Some(stream) = content.and_then(stream_in) {
                let limit = limit.unwrap_or(usize::MAX);
                EntryWriter::default().range(stream, bounds, limit, is_reverse, writer);
            }
        })
    }

    /// The last ID that an entry got.
    fn last_id(&self, py: Python<'_>) -> PyResult<Id> {
        self.0.read(py, (0, 0), |content, _| {
            stream_in(content).map_or((0, 0), |stream| pair(stream.last_id))
        })
    }

    /// The ID of the last entry; None without entries.
    fn top_id(&self, py: Python<'_>) -> PyResult<Option<Id>> {
        self.0.read(py, None, |content, _| {
            let last = stream_in(content).and_then(|stream| stream.last());
            last.map(|entry| pair(entry.id))
        })
    }

    /// The greatest ID that was deleted.
    fn max_deleted_id(&self, py: Python<'_>) -> PyResult<Id> {
        self.0.read(py, (0, 0), |content, _| {
            stream_in(content).map_or((0, 0), |stream| pair(stream.max_deleted_id))
        })
    }

    /// Sets the last ID and the counters that are given.
    fn set_id(
        &self,
        py: Python<'_>,
        last_id: Id,
        entries_added: Option<u64>,
        max_deleted: Option<Id>,
    ) -> PyResult<()> {
        let set = self.0.context(|context| {
            let (key, max_deleted) = (self.0.key(py), max_deleted.map(id_of));
            let engine = &mut *context.engine;
            engine.set_stream_id(key, id_of(last_id), entries_added, max_deleted)
        })?;
        set.map_err(|failure| border::to_error(py, failure))
    }

    /// What XINFO STREAM says first, by name.
    fn facts<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let facts = PyDict::new(py);
        self.0.read(py, Ok(()), |content, _| {
            let Some(stream) = stream_in(content) else {
                return Ok(());
            };
            facts.set_item("length", stream.len())?;
            facts.set_item("radix-tree-keys", stream.block_count())?;
            facts.set_item("radix-tree-nodes", stream.radix_nodes())?;
            facts.set_item("last-generated-id", id_text(py, stream.last_id))?;
            facts.set_item("max-deleted-entry-id", id_text(py, stream.max_deleted_id))?;
            facts.set_item("entries-added", stream.entries_added)?;
            facts.set_item("recorded-first-entry-id", id_text(py, stream.first_id()))
        })??;
        Ok(facts)
    }

    /// The first entries, at most so many; with `from_back` the last ones, the last first.
    #[pyo3(signature = (limit, from_back = false))]
    fn entries<'py>(
        &self,
        py: Python<'py>,
        limit: usize,
        from_back: bool,
    ) -> PyResult<Vec<Bound<'py, PyAny>>> {
        self.0.read(py, Ok(Vec::new()), |content, _| {
            let Some(stream) = stream_in(content) else {
                return Ok(Vec::new());
            };
            let all = stream.range(StreamId::ZERO, StreamId::MAX);
            let object = |entry| entry_object(py, entry);
            if from_back {
                all.rev().take(limit).map(object).collect()
            } else {
                all.take(limit).map(object).collect()
            }
        })?
    }
}

/// A reply that is written already.
pub fn nothing() -> Special {
    Special {
        kind: SpecialKind::Nothing,
    }
}
