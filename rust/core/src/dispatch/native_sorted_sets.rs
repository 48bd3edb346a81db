//! The commands on sorted sets whose handlers are Rust, in their plain forms: ZADD and
//! ZRANGE without options, ZPOPMIN and ZPOPMAX of one entry, ZSCORE.

use super::data::Access;
use super::engine::Engine;
use super::error::Failure;
use super::native::{Handled, NativeCall, NativeHandler};
use super::notify::class;
use super::pipeline::Sink;
use super::sorted_sets::{PopLayout, write_entries};
use super::writer::Writer;
use crate::keyspace::Kind;
use crate::reply::Reply;
use crate::text::integer;
use crate::types::sorted_set::face::{Conditions, SortedSetRef};
use crate::types::sorted_set::interval::Interval;

/// The native handler of a command on sorted sets, by its name.
pub fn find(name: &str) -> Option<NativeHandler> {
    Some(match name {
        "zadd" => zadd,
        "zrange" => zrange,
        "zscore" => zscore,
        "zpopmin" => |engine, call, sink| pop(engine, call, sink, false),
        "zpopmax" => |engine, call, sink| pop(engine, call, sink, true),
        _ => return None,
    })
}

/// ZADD's options.
const ADD_WORDS: [&[u8]; 6] = [b"NX", b"XX", b"GT", b"LT", b"CH", b"INCR"];

fn zadd(
    engine: &mut Engine,
    call: NativeCall<'_>,
    sink: &mut dyn Sink,
) -> Result<Handled, Failure> {
    let (key, pairs) = (call.key(), call.rest(1));
    let first = pairs.clone().next().unwrap_or_default();
    let is_option = |word: &&[u8]| first.eq_ignore_ascii_case(word);
    if pairs.len() % 2 != 0 || ADD_WORDS.iter().any(is_option) {
        return Ok(Handled::Declined);
    }
    let (added, changed) = engine.add_scored(key, pairs, Conditions::default())?;
    if added + changed > 0 {
        engine.announce(class::SORTED_SET, "zadd", key);
    }
    sink.put(&Reply::Integer(added as i64), call.protocol);
    Ok(Handled::Replied)
}

fn zrange(
    engine: &mut Engine,
    call: NativeCall<'_>,
    sink: &mut dyn Sink,
) -> Result<Handled, Failure> {
    let rank = |index| integer::parse(call.bytes(index).unwrap_or_default());
    let (Some(start), Some(stop), 0) = (rank(1), rank(2), call.rest(3).len()) else {
        return Ok(Handled::Declined);
    };
    let entry = engine.read_kind(call.key(), Kind::SortedSet, Access::Read)?;
    let content = entry.and_then(|entry| entry.content());
    let mut writer = Writer::new(sink, call.protocol);
    match content.map(SortedSetRef::new) {
        None => write_entries(&mut writer, std::iter::empty(), 0, false),
        Some(set) => {
            let range = Interval::Ranks(start, stop).positions(set, false);
            let count = range.len();
            write_entries(&mut writer, set.range(range), count, false);
        }
    }
    Ok(Handled::Replied)
}

fn zscore(
    engine: &mut Engine,
    call: NativeCall<'_>,
    sink: &mut dyn Sink,
) -> Result<Handled, Failure> {
    let member = call.bytes(1).unwrap_or_default();
    let entry = engine.read_kind(call.key(), Kind::SortedSet, Access::Read)?;
    let content = entry.and_then(|entry| entry.content());
    match content.and_then(|content| SortedSetRef::new(content).score(member)) {
        Some(score) => sink.put(&Reply::Double(score), call.protocol),
        None => sink.put(&Reply::Null, call.protocol),
    }
    Ok(Handled::Replied)
}

fn pop(
    engine: &mut Engine,
    call: NativeCall<'_>,
    sink: &mut dyn Sink,
    high: bool,
) -> Result<Handled, Failure> {
    if call.rest(1).len() > 0 {
        return Ok(Handled::Declined);
    }
    let key = call.key();
    let mut writer = Writer::new(sink, call.protocol);
    if engine.pop_scored(key, 1, high, PopLayout::Flat, &mut writer)? > 0 {
        let event = if high { "zpopmax" } else { "zpopmin" };
        engine.announce(class::SORTED_SET, event, key);
    }
    Ok(Handled::Replied)
}
