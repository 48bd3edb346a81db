//! Groups of a stream as commands change them: reading, claiming, acknowledging.
//!
//! Nothing here changes entries, so like in the real servers it wakes and invalidates
//! nobody: it counts as edits, but does not touch the key.

use std::collections::HashMap;

use super::data::Access;
use super::engine::{Engine, Propagation};
use super::error::Failure;
use super::notify::class;
use super::pipeline::Shape;
use super::stream_effects::GroupEffects;
use super::streams::{
    EntryWriter, begin_stream, begin_streams, end_stream, end_streams, stream_at, stream_in,
};
use super::writer::Writer;
use crate::keyspace::Kind;
use crate::types::stream::{Group, Nack, Stream, StreamId};

/// Whose group, and for whom.
#[derive(Debug, Clone, Copy)]
pub struct Reader<'a> {
    pub group: &'a [u8],
    pub consumer: &'a [u8],
}

/// A stream that is to be read from.
#[derive(Debug, Clone, Copy)]
pub struct ReadRequest<'a> {
    pub key: &'a [u8],
    /// After this ID; in a group None: what nobody was given yet.
    pub after: Option<StreamId>,
}

/// How XCLAIM gives entries to another consumer.
#[derive(Debug, Clone, Copy)]
pub struct Claim {
    pub min_idle_ms: i64,
    pub delivered_ms: i64,
    /// How often they count as delivered; None: once more, or as before with `only_ids`.
    pub deliveries: Option<u64>,
    /// Also what is pending for nobody.
    pub is_forced: bool,
    pub only_ids: bool,
    /// The group has read up to here, at least.
    pub last_id: Option<StreamId>,
}

/// How XAUTOCLAIM looks for entries.
#[derive(Debug, Clone, Copy)]
pub struct AutoClaim {
    pub min_idle_ms: i64,
    pub from: StreamId,
    pub count: usize,
    pub only_ids: bool,
}

/// Looks at so many entries for each that it may claim.
const LOOKS_PER_CLAIM: usize = 10;

/// The number of a consumer that asks now; true: it is new.
fn seen(group: &mut Group, name: &[u8], now_ms: i64) -> (u32, bool) {
    if let Some(number) = group.number(name) {
        group.consumer_mut(number).seen_ms = now_ms;
        return (number, false);
    }
    let number = group.add_consumer(name, now_ms);
    (number.expect("a name that is not taken"), true)
}

impl Engine {
    /// Replies with what streams hold after the IDs asked for; false: nothing, and there
    /// is no reply.
    pub fn reply_streams(
        &mut self,
        requests: &[ReadRequest<'_>],
        limit: usize,
        writer: &mut Writer<'_>,
    ) -> Result<bool, Failure> {
        let mut ready = Vec::new();
        for request in requests {
            // The command has looked at it before; the real servers count both.
            let entry = self.read_kind(request.key, Kind::Stream, Access::Read)?;
            let stream = entry.and_then(|entry| stream_in(entry.content()?));
            let last = stream
                .and_then(|stream| stream.last())
                .map(|entry| entry.id);
            let after = request.after.unwrap_or_default();
            if last.is_some_and(|last| last > after) {
                ready.push((request.key, after));
            }
        }
        if ready.is_empty() {
            return Ok(false);
        }
        begin_streams(ready.len(), writer);
        let mut entries = EntryWriter::default();
        for (key, after) in &ready {
            begin_stream(key, writer);
            let entry = self.read_kind(key, Kind::Stream, Access::Peek)?;
            if let Some(stream) = entry.and_then(|entry| stream_in(entry.content()?))
                && let Some(first) = after.next()
            {
                entries.range(stream, (first, StreamId::MAX), limit, false, writer);
            }
            end_stream(writer);
        }
        end_streams(ready.len(), writer);
        Ok(true)
    }

    /// Works on a group that is there; None: it is not. `work` also counts its edits.
    pub(super) fn edit_group<R>(
        &mut self,
        key: &[u8],
        group: &[u8],
        work: impl FnOnce(&Stream, &mut Group) -> (R, u64),
    ) -> Result<Option<R>, Failure> {
        let mut edits = 0;
        let result = self.edit_collection(key, Kind::Stream, |place, _| {
            let worked = stream_at(place).and_then(|stream| stream.with_group(group, work));
            let result = worked.map(|(result, count)| {
                edits = count;
                result
            });
            (result, 0)
        })?;
        self.run.edits += edits;
        Ok(result)
    }

    /// Notes that a consumer asked; the first time it is created.
    fn note_consumer(
        &mut self,
        key: &[u8],
        reader: Reader<'_>,
        effects: &mut GroupEffects<'_>,
    ) -> Result<(), Failure> {
        let now_ms = self.now_ms;
        let is_new = self.edit_group(key, reader.group, |_, group| {
            let (_, is_new) = seen(group, reader.consumer, now_ms);
            (is_new, u64::from(is_new))
        })?;
        if is_new == Some(true) {
            effects.consumer_created();
            self.notify(class::STREAM, "xgroup-createconsumer", key);
        }
        Ok(())
    }

    /// XREADGROUP on groups that are there: delivers, and replies with what it delivered;
    /// false: nothing, and there is no reply.
    pub fn reply_group_read(
        &mut self,
        reader: Reader<'_>,
        requests: &[ReadRequest<'_>],
        limit: usize,
        no_ack: bool,
        writer: &mut Writer<'_>,
    ) -> Result<bool, Failure> {
        self.run.propagation = Propagation::Instead(Vec::new());
        let mut ready = Vec::with_capacity(requests.len());
        // How often a stream's news are asked for: what the first gets the next does not.
        let mut ahead: HashMap<&[u8], usize, ahash::RandomState> = HashMap::default();
        for request in requests {
            let mut effects = GroupEffects::new(self, request.key, reader.group, reader.consumer);
            self.note_consumer(request.key, reader, &mut effects)?;
            effects.settle(self);
            // The command has looked at it before; the real servers count both.
            let entry = self.read_kind(request.key, Kind::Stream, Access::Read)?;
            let stream = entry.and_then(|entry| stream_in(entry.content()?));
            let group = stream.and_then(|stream| Some((stream, stream.group(reader.group)?)));
            let serves = request.after.is_some()
                || group.is_some_and(|(stream, group)| {
                    let taken = if requests.len() > 1 {
                        let times = ahead.entry(request.key).or_default();
                        *times += 1;
                        (*times - 1).saturating_mul(limit)
                    } else {
                        0
                    };
                    if taken == 0 {
                        let last = stream.last().map(|entry| entry.id);
                        return last.is_some_and(|last| last > group.last_id);
                    }
                    let first = group.last_id.next().unwrap_or(StreamId::MAX);
                    stream.count_between(first, StreamId::MAX) > taken
                });
            if serves {
                ready.push(*request);
            }
        }
        if ready.is_empty() {
            return Ok(false);
        }
        begin_streams(ready.len(), writer);
        for request in &ready {
            begin_stream(request.key, writer);
            match request.after {
                Some(after) => self.reply_history(request.key, reader, after, limit, writer)?,
                None => self.reply_news(request.key, reader, limit, no_ack, writer)?,
            }
            end_stream(writer);
        }
        end_streams(ready.len(), writer);
        Ok(true)
    }

    /// Delivers what nobody was given yet.
    fn reply_news(
        &mut self,
        key: &[u8],
        reader: Reader<'_>,
        limit: usize,
        no_ack: bool,
        writer: &mut Writer<'_>,
    ) -> Result<(), Failure> {
        let now_ms = self.now_ms;
        let mut effects = GroupEffects::new(self, key, reader.group, reader.consumer);
        self.edit_group(key, reader.group, |stream, group| {
            let first = group.last_id.next().unwrap_or(StreamId::MAX);
            let count = stream.count_between(first, StreamId::MAX).min(limit);
            let consumer = group.number(reader.consumer).unwrap_or_default();
            let first_id = stream.first_id();
            let mut entries = EntryWriter::default();
            let mut nacks = Vec::with_capacity(count.min(1024));
            writer.begin(Shape::Array, count);
            for entry in stream.range(first, StreamId::MAX).take(count) {
                entries.entry(entry, writer);
                group.advance(stream, first_id, entry.id);
                if !no_ack {
                    let nack = Nack {
                        id: entry.id,
                        delivered_ms: now_ms,
                        deliveries: 1,
                        consumer,
                    };
                    group.deliver(nack);
                    nacks.push(nack);
                }
            }
            writer.end(Shape::Array, count);
            if count > 0 {
                if !no_ack {
                    group.consumer_mut(consumer).active_ms = now_ms;
                }
                effects.delivered(&nacks);
                effects.position(group);
            }
            ((), count as u64)
        })?;
        effects.settle(self);
        Ok(())
    }

    /// Replies with what is pending for the consumer, which counts as delivered again.
    fn reply_history(
        &mut self,
        key: &[u8],
        reader: Reader<'_>,
        after: StreamId,
        limit: usize,
        writer: &mut Writer<'_>,
    ) -> Result<(), Failure> {
        let now_ms = self.now_ms;
        let mut effects = GroupEffects::new(self, key, reader.group, reader.consumer);
        self.edit_group(key, reader.group, |stream, group| {
            let Some(number) = group.number(reader.consumer) else {
                return ((), 0);
            };
            let pending = &group.consumer(number).pending;
            let ids: Vec<StreamId> = match after.next() {
                Some(first) => pending.from(first).take(limit).copied().collect(),
                None => Vec::new(),
            };
            let mut entries = EntryWriter::default();
            let mut nacks = Vec::new();
            writer.begin(Shape::Array, ids.len());
            for id in &ids {
                let Some(entry) = stream.get(*id) else {
                    writer.begin(Shape::Array, 2);
                    entries.id(*id, writer);
                    writer.null_array();
                    writer.end(Shape::Array, 2);
                    continue;
                };
                entries.entry(entry, writer);
                if let Some(nack) = group.pending.get(*id).copied() {
                    let nack = Nack {
                        delivered_ms: now_ms,
                        deliveries: nack.deliveries + 1,
                        ..nack
                    };
                    group.deliver(nack);
                    nacks.push(nack);
                }
            }
            writer.end(Shape::Array, ids.len());
            effects.delivered(&nacks);
            ((), nacks.len() as u64)
        })?;
        effects.settle(self);
        Ok(())
    }

    /// XACK: how many of the entries were pending.
    pub fn acknowledge(
        &mut self,
        key: &[u8],
        group: &[u8],
        ids: &[StreamId],
    ) -> Result<usize, Failure> {
        let mut count = 0;
        self.edit_collection(key, Kind::Stream, |place, _| {
            let stream = stream_at(place);
            if let Some(group) = stream.and_then(|stream| stream.group_mut(group)) {
                count = ids.iter().filter(|id| group.acknowledge(**id)).count();
            }
            ((), 0)
        })?;
        self.run.edits += count as u64;
        Ok(count)
    }

    /// XCLAIM on a group that is there: gives entries to a consumer and replies with them.
    pub fn reply_claim(
        &mut self,
        key: &[u8],
        reader: Reader<'_>,
        ids: &[StreamId],
        claim: Claim,
        writer: &mut Writer<'_>,
    ) -> Result<(), Failure> {
        let now_ms = self.now_ms;
        self.run.propagation = Propagation::Instead(Vec::new());
        let mut effects = GroupEffects::new(self, key, reader.group, reader.consumer);
        self.note_consumer(key, reader, &mut effects)?;
        self.edit_group(key, reader.group, |stream, group| {
            let consumer = group.number(reader.consumer).unwrap_or_default();
            let (mut claimed, mut gone) = (Vec::new(), Vec::new());
            let mut edits = 0;
            if let Some(last_id) = claim.last_id
                && last_id > group.last_id
            {
                group.last_id = last_id;
                effects.position(group);
                edits += 1;
            }
            for id in ids {
                let found = group.pending.get(*id).copied();
                if !stream.contains(*id) {
                    if group.acknowledge(*id) {
                        gone.push(*id);
                    }
                    continue;
                }
                let before = match found {
                    Some(nack) if now_ms - nack.delivered_ms < claim.min_idle_ms => continue,
                    Some(nack) => nack.deliveries,
                    // As if it had been delivered to nobody, once.
                    None if claim.is_forced => 1,
                    None => continue,
                };
                let nack = Nack {
                    id: *id,
                    delivered_ms: claim.delivered_ms,
                    deliveries: claim
                        .deliveries
                        .unwrap_or(before + u64::from(!claim.only_ids)),
                    consumer,
                };
                group.deliver(nack);
                claimed.push(nack);
            }
            finish_claim(group, consumer, now_ms, &claimed, &gone, &mut effects);
            edits += (claimed.len() + gone.len()) as u64;
            reply_claimed(stream, &claimed, claim.only_ids, writer);
            ((), edits)
        })?;
        effects.settle(self);
        Ok(())
    }

    /// XAUTOCLAIM on a group that is there.
    pub fn reply_auto_claim(
        &mut self,
        key: &[u8],
        reader: Reader<'_>,
        claim: AutoClaim,
        writer: &mut Writer<'_>,
    ) -> Result<(), Failure> {
        let now_ms = self.now_ms;
        self.run.propagation = Propagation::Instead(Vec::new());
        let mut effects = GroupEffects::new(self, key, reader.group, reader.consumer);
        self.note_consumer(key, reader, &mut effects)?;
        self.edit_group(key, reader.group, |stream, group| {
            let consumer = group.number(reader.consumer).unwrap_or_default();
            let (mut claimed, mut gone) = (Vec::new(), Vec::new());
            let mut looks = claim.count.saturating_mul(LOOKS_PER_CLAIM);
            let mut next = StreamId::ZERO;
            for nack in group.pending.from(claim.from) {
                if looks == 0 || claimed.len() + gone.len() == claim.count {
                    next = nack.id;
                    break;
                }
                looks -= 1;
                if !stream.contains(nack.id) {
                    gone.push(nack.id);
                } else if now_ms - nack.delivered_ms >= claim.min_idle_ms {
                    claimed.push(Nack {
                        delivered_ms: now_ms,
                        deliveries: nack.deliveries + u64::from(!claim.only_ids),
                        consumer,
                        ..*nack
                    });
                }
            }
            claimed.iter().for_each(|nack| group.deliver(*nack));
            for id in &gone {
                group.acknowledge(*id);
            }
            finish_claim(group, consumer, now_ms, &claimed, &gone, &mut effects);
            let mut entries = EntryWriter::default();
            writer.begin(Shape::Array, 3);
            entries.id(next, writer);
            reply_claimed(stream, &claimed, claim.only_ids, writer);
            writer.begin(Shape::Array, gone.len());
            gone.iter().for_each(|id| entries.id(*id, writer));
            writer.end(Shape::Array, gone.len());
            writer.end(Shape::Array, 3);
            ((), (claimed.len() + gone.len()) as u64)
        })?;
        effects.settle(self);
        Ok(())
    }
}

fn finish_claim(
    group: &mut Group,
    consumer: u32,
    now_ms: i64,
    claimed: &[Nack],
    gone: &[StreamId],
    effects: &mut GroupEffects<'_>,
) {
    if !claimed.is_empty() {
        group.consumer_mut(consumer).active_ms = now_ms;
    }
    effects.delivered(claimed);
    effects.forgotten(gone);
}

fn reply_claimed(stream: &Stream, claimed: &[Nack], only_ids: bool, writer: &mut Writer<'_>) {
    let mut entries = EntryWriter::default();
    writer.begin(Shape::Array, claimed.len());
    for nack in claimed {
        match stream.get(nack.id) {
            Some(entry) if !only_ids => entries.entry(entry, writer),
            _ => entries.id(nack.id, writer),
        }
    }
    writer.end(Shape::Array, claimed.len());
}
