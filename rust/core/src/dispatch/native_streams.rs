//! Streams as they are used most: XADD with an ID of the time's, plain ranges, and a
//! consumer that reads what is new and acknowledges it.
//!
//! `benchmarks` at pipeline 16, user CPU a command: in Python XREADGROUP of one entry took
//! 1.3 times what the best of the real servers needs, XACK 1.7 and XRANGE of 100 0.7.

use super::data::Access;
use super::engine::Engine;
use super::error::{ErrorCode, Failure};
use super::native::{Handled, NativeCall, NativeHandler};
use super::pipeline::{Shape, Sink};
use super::stream_groups::{ReadRequest, Reader};
use super::streams::{EntryWriter, NewId, stream_in};
use super::writer::Writer;
use crate::keyspace::Kind;
use crate::reply::Reply;
use crate::text::integer;
use crate::types::stream::StreamId;
use smallvec::SmallVec;

/// The native handler of a command, by its name.
pub fn find(name: &str) -> Option<NativeHandler> {
    Some(match name {
        "xadd" => xadd,
        "xrange" => |engine, call, sink| range(engine, call, sink, false),
        "xrevrange" => |engine, call, sink| range(engine, call, sink, true),
        "xreadgroup" => xreadgroup,
        "xack" => xack,
        _ => return None,
    })
}

fn xadd(
    engine: &mut Engine,
    call: NativeCall<'_>,
    sink: &mut dyn Sink,
) -> Result<Handled, Failure> {
    let mut parts = call.rest(1);
    if parts.next() != Some(b"*") {
        return Ok(Handled::Declined);
    }
    if parts.len() < 2 || parts.len() % 2 != 0 {
        return Err(Failure::With(ErrorCode::WrongArity, "xadd".into()));
    }
    let id = engine.add_to_stream(call.key(), NewId::Clock, parts, None)?;
    sink.put_bulk(&id.to_text());
    Ok(Handled::Replied)
}

/// An end of an interval that holds it: an ID, `-` or `+`.
fn end_of(text: &[u8], missing_seq: u64) -> Option<StreamId> {
    match text {
        b"-" => Some(StreamId::ZERO),
        b"+" => Some(StreamId::MAX),
        _ => StreamId::parse(text, missing_seq),
    }
}

/// What follows COUNT, if it asks for something.
fn count_in(word: Option<&[u8]>) -> Option<usize> {
    let count = integer::parse(word?)?;
    usize::try_from(count).ok().filter(|count| *count > 0)
}

fn is_word(given: Option<&[u8]>, word: &str) -> bool {
    given.is_some_and(|given| given.eq_ignore_ascii_case(word.as_bytes()))
}

fn range(
    engine: &mut Engine,
    call: NativeCall<'_>,
    sink: &mut dyn Sink,
    is_reverse: bool,
) -> Result<Handled, Failure> {
    let (start, end) = if is_reverse { (2, 1) } else { (1, 2) };
    let text = |index| call.bytes(index).unwrap_or_default();
    let bounds = (end_of(text(start), 0), end_of(text(end), u64::MAX));
    let mut words = call.rest(3);
    let limit = match words.len() {
        0 => Some(usize::MAX),
        2 if is_word(words.next(), "COUNT") => count_in(words.next()),
        _ => None,
    };
    let ((Some(first), Some(last)), Some(limit)) = (bounds, limit) else {
        return Ok(Handled::Declined);
    };
    let entry = engine.read_kind(call.key(), Kind::Stream, Access::Read)?;
    let stream = entry.and_then(|entry| stream_in(entry.content()?));
    let mut writer = Writer::new(sink, call.protocol);
    match stream {
        Some(stream) => {
            let bounds = (first, last);
            EntryWriter::default().range(stream, bounds, limit, is_reverse, &mut writer);
        }
        None => {
            writer.begin(Shape::Array, 0);
            writer.end(Shape::Array, 0);
        }
    }
    Ok(Handled::Replied)
}

/// Whether `key` holds a stream with this group.
fn has_group(engine: &mut Engine, key: &[u8], group: &[u8]) -> bool {
    let entry = engine.read_kind(key, Kind::Stream, Access::Peek);
    let entry = entry.ok().flatten();
    let stream = entry.and_then(|entry| stream_in(entry.content()?));
    stream.is_some_and(|stream| stream.group(group).is_some())
}

/// `GROUP group consumer [COUNT count] STREAMS key >`, where there is such a group.
fn xreadgroup(
    engine: &mut Engine,
    call: NativeCall<'_>,
    sink: &mut dyn Sink,
) -> Result<Handled, Failure> {
    let mut words = call.rest(0);
    if !is_word(words.next(), "GROUP") {
        return Ok(Handled::Declined);
    }
    let (Some(group), Some(consumer)) = (words.next(), words.next()) else {
        return Ok(Handled::Declined);
    };
    let mut option = words.next();
    let mut limit = Some(usize::MAX);
    if is_word(option, "COUNT") {
        limit = count_in(words.next());
        option = words.next();
    }
    let (true, Some(limit), Some(key), Some(b">"), None) = (
        is_word(option, "STREAMS"),
        limit,
        words.next(),
        words.next(),
        words.next(),
    ) else {
        return Ok(Handled::Declined);
    };
    if !has_group(engine, key, group) {
        return Ok(Handled::Declined);
    }
    engine.read(key, Access::Read);
    let mut writer = Writer::new(sink, call.protocol);
    let request = ReadRequest { key, after: None };
    let reader = Reader { group, consumer };
    if !engine.reply_group_read(reader, &[request], limit, false, &mut writer)? {
        writer.null_array();
    }
    Ok(Handled::Replied)
}

/// XACK of IDs in a group that is there.
fn xack(
    engine: &mut Engine,
    call: NativeCall<'_>,
    sink: &mut dyn Sink,
) -> Result<Handled, Failure> {
    let (key, group) = (call.key(), call.bytes(1).unwrap_or_default());
    let ids = call.rest(2).map(|text| StreamId::parse(text, 0));
    let Some(ids) = ids.collect::<Option<SmallVec<[StreamId; 8]>>>() else {
        return Ok(Handled::Declined);
    };
    if !has_group(engine, key, group) {
        return Ok(Handled::Declined);
    }
    // As one look-up, which the servers count here.
    engine.statistics.counters.keyspace_hits += 1;
    let count = engine.acknowledge(key, group, &ids)?;
    sink.put(&Reply::Integer(count as i64), call.protocol);
    Ok(Handled::Replied)
}
