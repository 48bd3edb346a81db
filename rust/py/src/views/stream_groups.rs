//! Streams for Python: groups of consumers, and reading from several streams.

use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyList};
use rubellite_core::dispatch::error::Failure;
use rubellite_core::dispatch::stream_groups::{AutoClaim, Claim, ReadRequest, Reader};
use rubellite_core::dispatch::streams::stream_in;
use rubellite_core::dispatch::writer::Writer;
use rubellite_core::types::stream::{Group, StreamId};

use super::stream::{Id, Stream, id_of, id_text, nothing, pair};
use crate::border;
use crate::call::{Call, Context};
use crate::reply::Special;

type Dicts<'py> = Vec<Bound<'py, PyDict>>;

/// A key and the ID after which to read; None: what is new to the group.
type Requests<'py> = Vec<(Bound<'py, PyBytes>, Option<Id>)>;

fn request_of<'r>((key, after): &'r (Bound<'_, PyBytes>, Option<Id>)) -> ReadRequest<'r> {
    ReadRequest {
        key: key.as_bytes(),
        after: after.map(id_of),
    }
}

impl Stream {
    /// Works on the engine with the key.
    fn change<R>(
        &self,
        py: Python<'_>,
        work: impl FnOnce(&mut Context<'_>, &[u8]) -> Result<R, Failure>,
    ) -> PyResult<R> {
        self.0
            .context(|context| work(context, self.0.key(py)))?
            .map_err(|failure| border::to_error(py, failure))
    }

    /// Looks at a group; `absent` where there is none.
    fn look<R>(
        &self,
        py: Python<'_>,
        name: &[u8],
        absent: R,
        work: impl FnOnce(&rubellite_core::types::Stream, &Group) -> R,
    ) -> PyResult<R> {
        let found = self.0.read(py, None, |content, _| {
            let stream = stream_in(content)?;
            Some(work(stream, stream.group(name)?))
        })?;
        Ok(found.unwrap_or(absent))
    }
}

/// A pending entry: its ID, its consumer, since when (ms since 1970) and how often delivered.
type PendingRow<'py> = (Bound<'py, PyBytes>, Bound<'py, PyBytes>, i64, u64);

#[pymethods]
impl Stream {
    /// How many groups there are.
    fn group_count(&self, py: Python<'_>) -> PyResult<usize> {
        self.0.read(py, 0, |content, _| {
            stream_in(content).map_or(0, |stream| stream.groups().len())
        })
    }

    fn has_group(&self, py: Python<'_>, group: &[u8]) -> PyResult<bool> {
        self.look(py, group, false, |_, _| true)
    }

    /// Adds a group, and the stream if there is none. False: there is one of this name.
    fn create_group(
        &self,
        py: Python<'_>,
        group: &[u8],
        last_id: Id,
        entries_read: i64,
    ) -> PyResult<bool> {
        self.change(py, |context, key| {
            context
                .engine
                .create_group(key, group, id_of(last_id), entries_read)
        })
    }

    /// Sets how far a group that is there has read.
    fn set_group_id(
        &self,
        py: Python<'_>,
        group: &[u8],
        last_id: Id,
        entries_read: i64,
    ) -> PyResult<()> {
        self.change(py, |context, key| {
            context
                .engine
                .set_group_id(key, group, id_of(last_id), entries_read)
        })
    }

    /// Removes a group. False: there is none.
    fn destroy_group(&self, py: Python<'_>, group: &[u8]) -> PyResult<bool> {
        self.change(py, |context, key| context.engine.destroy_group(key, group))
    }

    /// Adds a consumer to a group that is there. False: there is one of this name.
    fn create_consumer(&self, py: Python<'_>, group: &[u8], consumer: &[u8]) -> PyResult<bool> {
        self.change(py, |context, key| {
            context.engine.create_consumer(key, group, consumer)
        })
    }

    /// Removes a consumer; how many entries it had pending. None: there is none.
    fn remove_consumer(
        &self,
        py: Python<'_>,
        group: &[u8],
        consumer: &[u8],
    ) -> PyResult<Option<usize>> {
        self.change(py, |context, key| {
            context.engine.remove_consumer(key, group, consumer)
        })
    }

    /// Acknowledges pending entries; how many were.
    fn acknowledge(&self, py: Python<'_>, group: &[u8], ids: Vec<Id>) -> PyResult<usize> {
        let ids: Vec<StreamId> = ids.into_iter().map(id_of).collect();
        self.change(py, |context, key| {
            context.engine.acknowledge(key, group, &ids)
        })
    }

    /// What is pending in a group: how many, the first and the last ID, and for each
    /// consumer with any how many. None: nothing.
    #[expect(clippy::type_complexity)]
    fn pending_summary<'py>(
        &self,
        py: Python<'py>,
        group: &[u8],
    ) -> PyResult<Option<(usize, Id, Id, Vec<(Bound<'py, PyBytes>, usize)>)>> {
        self.look(py, group, None, |_, group| {
            let (first, last) = (group.pending.first()?, group.pending.last()?);
            let consumers = group
                .consumers()
                .filter(|consumer| !consumer.pending.is_empty());
            let consumers = consumers
                .map(|consumer| (PyBytes::new(py, &consumer.name), consumer.pending.len()))
                .collect();
            Some((
                group.pending.len(),
                pair(first.id),
                pair(last.id),
                consumers,
            ))
        })
    }

    /// What is pending from `first` to `last`, of one consumer or all, and was delivered
    /// before `delivered_ms_max`: `[id, consumer, delivered_ms, deliveries]`.
    #[expect(clippy::too_many_arguments)]
    fn pending<'py>(
        &self,
        py: Python<'py>,
        group: &[u8],
        first: Id,
        last: Id,
        limit: usize,
        delivered_ms_max: i64,
        consumer: Option<&[u8]>,
    ) -> PyResult<Vec<PendingRow<'py>>> {
        let (first, last) = (id_of(first), id_of(last));
        self.look(py, group, Vec::new(), |_, group| {
            let object = |nack: &rubellite_core::types::stream::Nack| {
                let name = &group.consumer(nack.consumer).name;
                let (id, name) = (id_text(py, nack.id), PyBytes::new(py, name));
                (id, name, nack.delivered_ms, nack.deliveries)
            };
            let wanted =
                |nack: &&rubellite_core::types::stream::Nack| nack.delivered_ms <= delivered_ms_max;
            match consumer {
                None => {
                    let pending = group.pending.from(first);
                    let pending = pending.take_while(|nack| nack.id <= last).filter(wanted);
                    pending.take(limit).map(object).collect()
                }
                Some(name) => {
                    let Some(number) = group.number(name) else {
                        return Vec::new();
                    };
                    let ids = group.consumer(number).pending.from(first);
                    let pending = ids
                        .take_while(|id| **id <= last)
                        .filter_map(|id| group.pending.get(*id))
                        .filter(wanted);
                    pending.take(limit).map(object).collect()
                }
            }
        })
    }

    /// Gives entries to a consumer of a group that is there, and replies with them.
    #[pyo3(signature = (group, consumer, ids, min_idle_ms, delivered_ms, deliveries, is_forced, only_ids, last_id))]
    #[expect(clippy::too_many_arguments)]
    fn reply_claim(
        &self,
        py: Python<'_>,
        group: &[u8],
        consumer: &[u8],
        ids: Vec<Id>,
        min_idle_ms: i64,
        delivered_ms: i64,
        deliveries: Option<u64>,
        is_forced: bool,
        only_ids: bool,
        last_id: Option<Id>,
    ) -> PyResult<Special> {
        let ids: Vec<StreamId> = ids.into_iter().map(id_of).collect();
        let claim = Claim {
            min_idle_ms,
            delivered_ms,
            deliveries,
            is_forced,
            only_ids,
            last_id: last_id.map(id_of),
        };
        self.change(py, |context, key| {
            let protocol = context.engine.session(context.invocation.client).protocol;
            let mut writer = Writer::new(context.sink, protocol);
            let reader = Reader { group, consumer };
            context
                .engine
                .reply_claim(key, reader, &ids, claim, &mut writer)
        })?;
        Ok(nothing())
    }

    /// Gives what was idle for long, from an ID on, to a consumer of a group that is
    /// there, and replies with it.
    #[expect(clippy::too_many_arguments)]
    fn reply_auto_claim(
        &self,
        py: Python<'_>,
        group: &[u8],
        consumer: &[u8],
        min_idle_ms: i64,
        start: Id,
        count: usize,
        only_ids: bool,
    ) -> PyResult<Special> {
        let claim = AutoClaim {
            min_idle_ms,
            from: id_of(start),
            count,
            only_ids,
        };
        self.change(py, |context, key| {
            let protocol = context.engine.session(context.invocation.client).protocol;
            let mut writer = Writer::new(context.sink, protocol);
            let reader = Reader { group, consumer };
            context
                .engine
                .reply_auto_claim(key, reader, claim, &mut writer)
        })?;
        Ok(nothing())
    }

    /// What XINFO GROUPS says of each group.
    fn groups<'py>(&self, py: Python<'py>) -> PyResult<Dicts<'py>> {
        self.0.read(py, Ok(Vec::new()), |content, _| {
            let Some(stream) = stream_in(content) else {
                return Ok(Vec::new());
            };
            let facts = |(name, group): (&[u8], &Group)| {
                let facts = PyDict::new(py);
                facts.set_item("name", PyBytes::new(py, name))?;
                facts.set_item("consumers", group.consumers().len())?;
                facts.set_item("pending", group.pending.len())?;
                add_position(py, &facts, stream, group)?;
                Ok(facts)
            };
            stream.groups().map(facts).collect()
        })?
    }

    /// What XINFO CONSUMERS says of each consumer of a group, with times instead of how
    /// long ago that was.
    fn consumers<'py>(&self, py: Python<'py>, group: &[u8]) -> PyResult<Dicts<'py>> {
        self.look(py, group, Ok(Vec::new()), |_, group| {
            let mut all = Vec::new();
            for consumer in group.consumers() {
                let facts = PyDict::new(py);
                facts.set_item("name", PyBytes::new(py, &consumer.name))?;
                facts.set_item("pending", consumer.pending.len())?;
                facts.set_item("idle", consumer.seen_ms)?;
                facts.set_item("inactive", consumer.active_ms)?;
                all.push(facts);
            }
            Ok(all)
        })?
    }

    /// What XINFO STREAM FULL says of the groups; `limit` entries of each list.
    fn full_groups<'py>(&self, py: Python<'py>, limit: usize) -> PyResult<Dicts<'py>> {
        self.0.read(py, Ok(Vec::new()), |content, _| {
            let Some(stream) = stream_in(content) else {
                return Ok(Vec::new());
            };
            let groups = stream.groups();
            groups
                .map(|(name, group)| full_group(py, name, stream, group, limit))
                .collect()
        })?
    }
}

fn add_position(
    py: Python<'_>,
    facts: &Bound<'_, PyDict>,
    stream: &rubellite_core::types::Stream,
    group: &Group,
) -> PyResult<()> {
    facts.set_item("last-delivered-id", id_text(py, group.last_id))?;
    let read = Some(group.entries_read).filter(|read| *read >= 0);
    facts.set_item("entries-read", read)?;
    facts.set_item("lag", group.lag(stream))
}

fn full_group<'py>(
    py: Python<'py>,
    name: &[u8],
    stream: &rubellite_core::types::Stream,
    group: &Group,
    limit: usize,
) -> PyResult<Bound<'py, PyDict>> {
    let facts = PyDict::new(py);
    facts.set_item("name", PyBytes::new(py, name))?;
    add_position(py, &facts, stream, group)?;
    facts.set_item("pel-count", group.pending.len())?;
    let pending = PyList::empty(py);
    for nack in group.pending.from(StreamId::ZERO).take(limit) {
        let consumer = PyBytes::new(py, &group.consumer(nack.consumer).name);
        pending.append((
            id_text(py, nack.id),
            consumer,
            nack.delivered_ms,
            nack.deliveries,
        ))?;
    }
    facts.set_item("pending", pending)?;
    let consumers = PyList::empty(py);
    for consumer in group.consumers() {
        let own = PyDict::new(py);
        own.set_item("name", PyBytes::new(py, &consumer.name))?;
        own.set_item("seen-time", consumer.seen_ms)?;
        own.set_item("active-time", consumer.active_ms)?;
        own.set_item("pel-count", consumer.pending.len())?;
        let pending = PyList::empty(py);
        for id in consumer.pending.from(StreamId::ZERO).take(limit) {
            if let Some(nack) = group.pending.get(*id) {
                pending.append((id_text(py, *id), nack.delivered_ms, nack.deliveries))?;
            }
        }
        own.set_item("pending", pending)?;
        consumers.append(own)?;
    }
    facts.set_item("consumers", consumers)?;
    Ok(facts)
}

#[pymethods]
impl Call {
    /// Most entries of a block of a stream; 0: no limit.
    #[getter]
    fn stream_block_entries(&self) -> PyResult<usize> {
        self.with(|context| {
            context
                .engine
                .settings
                .collections
                .stream_blocks
                .entries_max
        })
    }

    /// Replies with the entries of streams behind IDs, each stream at most `limit`; False:
    /// there are none, and nothing was replied.
    fn reply_streams(
        &self,
        py: Python<'_>,
        requests: Requests<'_>,
        limit: Option<usize>,
    ) -> PyResult<bool> {
        let requests: Vec<_> = requests.iter().map(request_of).collect();
        self.with(|context| {
            let protocol = context.engine.session(context.invocation.client).protocol;
            let mut writer = Writer::new(context.sink, protocol);
            let limit = limit.unwrap_or(usize::MAX);
            context.engine.reply_streams(&requests, limit, &mut writer)
        })?
        .map_err(|failure| border::to_error(py, failure))
    }

    /// As `reply_streams`, for a consumer of a group that all of them have.
    fn reply_group_read(
        &self,
        py: Python<'_>,
        group: &[u8],
        consumer: &[u8],
        requests: Requests<'_>,
        limit: Option<usize>,
        no_ack: bool,
    ) -> PyResult<bool> {
        let requests: Vec<_> = requests.iter().map(request_of).collect();
        self.with(|context| {
            let protocol = context.engine.session(context.invocation.client).protocol;
            let mut writer = Writer::new(context.sink, protocol);
            let limit = limit.unwrap_or(usize::MAX);
            let reader = Reader { group, consumer };
            let engine = &mut *context.engine;
            engine.reply_group_read(reader, &requests, limit, no_ack, &mut writer)
        })?
        .map_err(|failure| border::to_error(py, failure))
    }
}
