//! Streams in files: blocks as listpacks, then counters, then groups.
//!
//!     count of blocks | (key of 16 bytes, listpack) … | entries | last ID
//!     from type 19 on: first ID | greatest deleted ID | entries ever added
//!     count of groups | group …
//!     group      name | last ID | from 19: entries read | pending … | consumer …
//!     pending    count | (ID, 8 bytes of milliseconds, deliveries) …
//!     consumer   name | seen | from 21: active | count | ID …
//!     listpack   entries, removed, names, name …, 0, then entries
//!     entry      flags | ms | seq | names and values | how many elements this was
//!
//! IDs are 16 bytes, big endian; in counters they are two lengths.

use std::io::Read;

use super::blobs::{self, Fault};
use super::input::Input;
use super::output::Output;
use super::{Format, Result, type_number as types};
use crate::types::packed::{Element, IntText};
use crate::types::stream::group::UNKNOWN;
use crate::types::stream::{Block, Group, Nack, Stream, StreamId};

const DELETED: i64 = 1;
const SAME_NAMES: i64 = 2;
/// Pending entries that are written before anybody looks at how long it takes.
const STEP_PENDING: usize = 256;

pub fn type_number(format: Format) -> u8 {
    match format {
        Format::Redis10 => types::STREAM_LISTPACKS_2,
        Format::Redis12 | Format::Valkey80 => types::STREAM_LISTPACKS_3,
    }
}

/// What of a stream is still to be written.
#[derive(Debug)]
pub enum StreamStep {
    /// From the block on that holds the entry at this position.
    Blocks(usize),
    /// The group behind the one of this name, if there is one.
    Group(Option<Box<[u8]>>),
    /// The rest of a group's pending entries, from an ID on.
    Pending(Box<[u8]>, StreamId),
    /// The consumer behind the one of this name.
    Consumer(Box<[u8]>, Option<Box<[u8]>>),
    /// The rest of what is pending for a consumer, from an ID on.
    ConsumerPending(Box<[u8]>, Box<[u8]>, StreamId),
}

impl StreamStep {
    /// The next one, when this one's part is written; None: that was all.
    pub fn write(self, stream: &Stream, output: &mut Output) -> Option<StreamStep> {
        match self {
            StreamStep::Blocks(position) => {
                let Some((block, start)) = stream.block_at(position) else {
                    write_counters(stream, output);
                    return Some(StreamStep::Group(None));
                };
                output.text(&block.base().to_bytes());
                write_block(block, output);
                Some(StreamStep::Blocks(start + block.len()))
            }
            StreamStep::Group(before) => {
                let mut groups = stream.groups();
                let (name, group) = match &before {
                    None => groups.next()?,
                    Some(before) => stream.group_after(before)?,
                };
                output.string(name);
                write_id(group.last_id, output);
                output.length(group.entries_read as u64);
                output.length(group.pending.len() as u64);
                Some(StreamStep::Pending(name.into(), StreamId::ZERO))
            }
            StreamStep::Pending(name, from) => {
                let group = stream.group(&name)?;
                let mut next = Some(from);
                for nack in group.pending.from(from).take(STEP_PENDING) {
                    output.bytes.extend_from_slice(&nack.id.to_bytes());
                    output.milliseconds(nack.delivered_ms);
                    output.length(nack.deliveries);
                    next = nack.id.next();
                }
                if let Some(next) = next
                    && group.pending.from(next).next().is_some()
                {
                    return Some(StreamStep::Pending(name, next));
                }
                output.length(group.consumers().len() as u64);
                Some(StreamStep::Consumer(name, None))
            }
            StreamStep::Consumer(name, before) => {
                let group = stream.group(&name)?;
                let Some(consumer) = group.consumer_after(before.as_deref()) else {
                    return Some(StreamStep::Group(Some(name)));
                };
                output.string(&consumer.name);
                output.milliseconds(consumer.seen_ms);
                if output.format != Format::Redis10 {
                    output.milliseconds(consumer.active_ms);
                }
                output.length(consumer.pending.len() as u64);
                let consumer = consumer.name.clone();
                Some(StreamStep::ConsumerPending(name, consumer, StreamId::ZERO))
            }
            StreamStep::ConsumerPending(name, consumer, from) => {
                let group = stream.group(&name)?;
                let pending = &group.consumer(group.number(&consumer)?).pending;
                let mut next = Some(from);
                for id in pending.from(from).take(STEP_PENDING) {
                    output.bytes.extend_from_slice(&id.to_bytes());
                    next = id.next();
                }
                match next {
                    Some(next) if pending.from(next).next().is_some() => {
                        Some(StreamStep::ConsumerPending(name, consumer, next))
                    }
                    _ => Some(StreamStep::Consumer(name, Some(consumer))),
                }
            }
        }
    }
}

fn write_id(id: StreamId, output: &mut Output) {
    output.length(id.ms);
    output.length(id.seq);
}

fn write_counters(stream: &Stream, output: &mut Output) {
    output.length(stream.len() as u64);
    write_id(stream.last_id, output);
    write_id(stream.first_id(), output);
    write_id(stream.max_deleted_id, output);
    output.length(stream.entries_added);
    output.length(stream.groups().len() as u64);
}

/// What is written of a removed entry is nothing, so none count as removed.
fn write_block(block: &Block, output: &mut Output) {
    let base = block.base();
    let integer = Element::Integer;
    let mut elements = vec![integer(block.len() as i64), integer(0)];
    elements.push(integer(block.shared_names().count() as i64));
    elements.extend(block.shared_names());
    elements.push(integer(0));
    for entry in block.iter() {
        let start = elements.len();
        let is_same = entry.has_block_names();
        elements.push(integer(if is_same { SAME_NAMES } else { 0 }));
        elements.push(integer((entry.id.ms - base.ms) as i64));
        elements.push(integer(entry.id.seq.wrapping_sub(base.seq) as i64));
        if is_same {
            elements.extend(entry.pairs().map(|(_, value)| value));
        } else {
            elements.push(integer(entry.count as i64));
            elements.extend(entry.pairs().flat_map(|(name, value)| [name, value]));
        }
        elements.push(integer((elements.len() - start) as i64));
    }
    output.listpack(elements.into_iter());
}

/// The elements of a listpack as texts, one behind the other.
#[derive(Default)]
struct Texts {
    bytes: Vec<u8>,
    ends: Vec<(usize, Option<i64>)>,
    at: usize,
}

impl Texts {
    fn fill(&mut self, listpack: &[u8]) -> std::result::Result<(), Fault> {
        self.bytes.clear();
        self.ends.clear();
        self.at = 0;
        blobs::listpack(listpack, &mut |element| {
            self.bytes
                .extend_from_slice(element.bytes(&mut IntText::new()));
            self.ends.push((self.bytes.len(), element.integer()));
            Ok(())
        })
    }

    fn integer(&mut self) -> std::result::Result<i64, Fault> {
        let (_, integer) = self.ends.get(self.at).ok_or(CUT)?;
        self.at += 1;
        integer.ok_or("an element of a stream that is no integer")
    }

    fn count(&mut self) -> std::result::Result<usize, Fault> {
        let count = usize::try_from(self.integer()?).map_err(|_| "a negative count in a stream")?;
        if count > self.ends.len() {
            return Err(CUT);
        }
        Ok(count)
    }

    /// The texts of the next elements, by their places.
    fn skip(&mut self, count: usize) -> std::result::Result<std::ops::Range<usize>, Fault> {
        let start = self.at;
        if count > self.ends.len() - start {
            return Err(CUT);
        }
        self.at += count;
        Ok(start..self.at)
    }

    fn text(&self, at: usize) -> &[u8] {
        let start = at.checked_sub(1).map_or(0, |before| self.ends[before].0);
        &self.bytes[start..self.ends[at].0]
    }
}

const CUT: Fault = "an entry of a stream is cut off";

fn read_block(base: StreamId, texts: &mut Texts) -> std::result::Result<Block, Fault> {
    let (count, removed) = (texts.count()?, texts.integer()?);
    let names = texts.count()?;
    let names = texts.skip(names)?;
    if texts.integer()? != 0 {
        return Err("a block of a stream without end of its names");
    }
    let mut block = Block::new(base, names.clone().map(|at| texts.text(at)));
    let (mut last, mut removed_found) = (None, 0_i64);
    while texts.at < texts.ends.len() {
        let start = texts.at;
        let flags = texts.integer()?;
        let ms = base
            .ms
            .checked_add(texts.integer()? as u64)
            .ok_or("an ID out of range")?;
        let id = StreamId::new(ms, base.seq.wrapping_add(texts.integer()? as u64));
        let mut places = Vec::new();
        if flags & SAME_NAMES != 0 {
            let values = texts.skip(names.len())?;
            places.extend(
                names
                    .clone()
                    .zip(values)
                    .flat_map(|(name, value)| [name, value]),
            );
        } else {
            let count = texts.count()?;
            places.extend(texts.skip(2 * count)?);
        }
        if texts.integer()? != (texts.at - 1 - start) as i64 {
            return Err("an entry of a stream has another length than it says");
        }
        if id < base || last.is_some_and(|last| id <= last) {
            return Err("entries of a stream out of order");
        }
        last = Some(id);
        if flags & DELETED != 0 {
            removed_found += 1;
        } else {
            block.push(id, places.iter().map(|at| texts.text(*at)));
        }
    }
    if block.len() != count || removed_found != removed {
        return Err("a block of a stream has another length than it says");
    }
    block.adopt_removed(removed_found as u32, last.unwrap_or(base));
    Ok(block)
}

fn read_id<R: Read>(input: &mut Input<R>) -> Result<StreamId> {
    Ok(StreamId::new(input.length()?, input.length()?))
}

/// Reads a stream of one of the three types.
pub fn read<R: Read>(input: &mut Input<R>, type_number: u8) -> Result<Stream> {
    let mut stream = Stream::new();
    let (mut buffer, mut texts) = (Vec::new(), Texts::default());
    let mut last: Option<StreamId> = None;
    for _ in 0..input.length()? {
        input.string(&mut buffer)?;
        let key: [u8; 16] = buffer[..]
            .try_into()
            .map_err(|_| input.corrupt("the key of a stream's block has not 16 bytes"))?;
        let base = StreamId::from_bytes(key);
        if last.is_some_and(|last| base <= last) {
            return Err(input.corrupt("blocks of a stream out of order"));
        }
        input.string(&mut buffer)?;
        let block = texts
            .fill(&buffer)
            .and_then(|()| read_block(base, &mut texts));
        let block = block.map_err(|fault| input.corrupt(fault))?;
        last = Some(block.last());
        stream.push_block(block);
    }
    let has_counters = type_number >= types::STREAM_LISTPACKS_2;
    if input.length()? != stream.len() as u64 {
        return Err(input.corrupt("a stream has another length than it says"));
    }
    stream.last_id = read_id(input)?;
    if stream.last().is_some_and(|entry| entry.id > stream.last_id) {
        return Err(input.corrupt("a stream's last ID is before its last entry"));
    }
    if has_counters {
        read_id(input)?;
        stream.max_deleted_id = read_id(input)?;
        stream.entries_added = input.length()?;
    } else {
        stream.entries_added = stream.len() as u64;
    }
    for _ in 0..input.length()? {
        let name = input.owned_string()?;
        let group = read_group(input, type_number, &stream)?;
        if !stream.add_group(&name, group) {
            return Err(input.corrupt("a stream's group stands twice"));
        }
    }
    Ok(stream)
}

fn read_group<R: Read>(input: &mut Input<R>, type_number: u8, stream: &Stream) -> Result<Group> {
    let last_id = read_id(input)?;
    let entries_read = if type_number >= types::STREAM_LISTPACKS_2 {
        input.length()? as i64
    } else {
        stream.count_up_to(last_id)
    };
    let mut group = Group::new(last_id, entries_read.max(UNKNOWN));
    for _ in 0..input.length()? {
        let nack = Nack {
            id: StreamId::from_bytes(input.array()?),
            delivered_ms: input.milliseconds()?,
            deliveries: input.length()?,
            consumer: u32::MAX,
        };
        if !group.pending.insert(nack) {
            return Err(input.corrupt("an entry that is pending twice"));
        }
    }
    let mut assigned = 0;
    for _ in 0..input.length()? {
        let name = input.owned_string()?;
        let seen_ms = input.milliseconds()?;
        let Some(number) = group.add_consumer(&name, seen_ms) else {
            return Err(input.corrupt("a consumer stands twice"));
        };
        group.consumer_mut(number).active_ms = if type_number >= types::STREAM_LISTPACKS_3 {
            input.milliseconds()?
        } else {
            seen_ms
        };
        for _ in 0..input.length()? {
            let id = StreamId::from_bytes(input.array()?);
            let nack = group.pending.get(id).copied();
            match nack {
                Some(nack) if nack.consumer == u32::MAX => {
                    group.pending.insert(Nack {
                        consumer: number,
                        ..nack
                    });
                    group.consumer_mut(number).pending.insert(id);
                    assigned += 1;
                }
                _ => return Err(input.corrupt("a consumer's entry that its group does not have")),
            }
        }
    }
    if assigned != group.pending.len() {
        return Err(input.corrupt("a pending entry without consumer"));
    }
    Ok(group)
}
