//! Values of RDB files as Python objects, for the tools that look into one.

use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyList};
use rubellite_core::keyspace::Kind;
use rubellite_core::types::list::packed::PackedList;
use rubellite_core::types::packed::{Element, IntText};
use rubellite_core::types::sorted_set::packed::PackedSortedSet;
use rubellite_core::types::stream::{Stream, StreamId};
use rubellite_core::types::table::Table;
use rubellite_core::types::{Content, Detached, Hash, Home, Object, Set};

/// Bytes of memory of a collection.
pub fn memory_bytes(made: &Detached) -> usize {
    match made.content() {
        Content::Packed(_, bytes) => bytes.len(),
        Content::Object(object) => object.memory_bytes(),
    }
}

/// How many elements it has.
pub fn count(kind: Kind, made: &Detached) -> usize {
    match (kind, made.content()) {
        (Kind::Hash, content) => Hash::new(content, 0).len(),
        (Kind::Set, content) => Set::new(content, 0).len(),
        (Kind::List, Content::Packed(_, bytes)) => PackedList::new(bytes).len(),
        (Kind::SortedSet, Content::Packed(_, bytes)) => PackedSortedSet::new(bytes).len(),
        (_, Content::Object(Object::List(list))) => list.len(),
        (_, Content::Object(Object::SortedSet(set))) => set.len(),
        (_, Content::Object(Object::Stream(stream))) => stream.len(),
        _ => 0,
    }
}

fn bytes<'py>(py: Python<'py>, element: Element<'_>) -> Bound<'py, PyBytes> {
    PyBytes::new(py, element.bytes(&mut IntText::new()))
}

/// The elements of a collection: of a list bytes, of a hash (field, value, deadline or
/// None), of a set (member, deadline or None), of a sorted set (member, score, deadline or
/// None). What a stream is, see `stream`.
pub fn objects<'py>(py: Python<'py>, kind: Kind, made: &Detached) -> PyResult<Bound<'py, PyAny>> {
    let list = PyList::empty(py);
    match (kind, made.content()) {
        (Kind::Hash, content) => {
            for record in Hash::new(content, 0).items() {
                let (field, value) = (bytes(py, record.key), bytes(py, record.value));
                list.append((field, value, record.deadline))?;
            }
        }
        (Kind::Set, content) => {
            let set = Set::new(content, 0);
            if set.next_deadline().is_some() {
                for record in Table::new(content, false).iter() {
                    list.append((bytes(py, record.key), record.deadline))?;
                }
            } else {
                for member in set.iter() {
                    list.append((bytes(py, member), None::<i64>))?;
                }
            }
        }
        (Kind::List, Content::Packed(_, packed)) => {
            for element in PackedList::new(packed).iter() {
                list.append(bytes(py, element))?;
            }
        }
        (Kind::SortedSet, Content::Packed(_, packed)) => {
            for (member, score) in PackedSortedSet::new(packed).iter() {
                list.append((bytes(py, member), score, None::<i64>))?;
            }
        }
        (_, Content::Object(Object::List(elements))) => {
            let mut outcome = Ok(());
            elements.visit(0..elements.len(), |element| {
                if outcome.is_ok() {
                    outcome = list.append(PyBytes::new(py, element));
                }
            });
            outcome?;
        }
        (_, Content::Object(Object::SortedSet(set))) => {
            for (member, score) in set.iter() {
                list.append((PyBytes::new(py, member), score, set.deadline(member)))?;
            }
        }
        (_, Content::Object(Object::Stream(found))) => {
            return Ok(stream(py, found)?.into_any());
        }
        _ => {}
    }
    Ok(list.into_any())
}

fn id_text(id: StreamId) -> String {
    String::from_utf8_lossy(&id.to_text()).into_owned()
}

/// A stream as a dict: `entries` are (ID, [name, value, …]); `groups` are dicts, in which
/// `pending` are (ID, delivered in ms, deliveries, consumer) and `consumers` are (name,
/// seen in ms, active in ms).
fn stream<'py>(py: Python<'py>, stream: &Stream) -> PyResult<Bound<'py, PyDict>> {
    let entries = PyList::empty(py);
    for entry in stream.range(StreamId::ZERO, StreamId::MAX) {
        let parts = PyList::empty(py);
        for (name, value) in entry.pairs() {
            parts.append(bytes(py, name))?;
            parts.append(bytes(py, value))?;
        }
        entries.append((id_text(entry.id), parts))?;
    }
    let groups = PyList::empty(py);
    for (name, group) in stream.groups() {
        let pending = PyList::empty(py);
        for nack in group.pending.from(StreamId::ZERO) {
            let consumer = PyBytes::new(py, &group.consumer(nack.consumer).name);
            let id = id_text(nack.id);
            pending.append((id, nack.delivered_ms, nack.deliveries, consumer))?;
        }
        let consumers = PyList::empty(py);
        for consumer in group.consumers() {
            let name = PyBytes::new(py, &consumer.name);
            consumers.append((name, consumer.seen_ms, consumer.active_ms))?;
        }
        let facts = PyDict::new(py);
        facts.set_item("name", PyBytes::new(py, name))?;
        facts.set_item("last_id", id_text(group.last_id))?;
        facts.set_item("entries_read", group.entries_read)?;
        facts.set_item("pending", pending)?;
        facts.set_item("consumers", consumers)?;
        groups.append(facts)?;
    }
    let facts = PyDict::new(py);
    facts.set_item("entries", entries)?;
    facts.set_item("last_id", id_text(stream.last_id))?;
    facts.set_item("max_deleted_id", id_text(stream.max_deleted_id))?;
    facts.set_item("entries_added", stream.entries_added)?;
    facts.set_item("groups", groups)?;
    Ok(facts)
}

/// The checksum of RDB files and dumps, over `bytes` after those of `checksum`.
#[pyfunction]
#[pyo3(signature = (bytes, checksum = 0))]
pub fn crc64(py: Python<'_>, bytes: &[u8], checksum: u64) -> u64 {
    py.detach(|| rubellite_core::text::checksum::crc64(checksum, bytes))
}
