//! The commands on sets whose handlers are Rust: SADD, SREM, SISMEMBER, SPOP of one member.

use super::data::Access;
use super::engine::Engine;
use super::error::Failure;
use super::native::{Handled, NativeCall, NativeHandler};
use super::pipeline::Sink;
use crate::keyspace::Kind;
use crate::reply::Reply;
use crate::types::Set;

/// The native handler of a command on sets, by its name.
pub fn find(name: &str) -> Option<NativeHandler> {
    match name {
        "sadd" => Some(sadd),
        "srem" => Some(srem),
        "sismember" => Some(sismember),
        "spop" => Some(spop),
        _ => None,
    }
}

fn sadd(
    engine: &mut Engine,
    call: NativeCall<'_>,
    sink: &mut dyn Sink,
) -> Result<Handled, Failure> {
    let added = engine.add_members(call.key(), call.rest(1))?;
    sink.put(&Reply::Integer(added as i64), call.protocol);
    Ok(Handled::Replied)
}

fn srem(
    engine: &mut Engine,
    call: NativeCall<'_>,
    sink: &mut dyn Sink,
) -> Result<Handled, Failure> {
    let removed = engine.remove_members(call.key(), call.rest(1))?;
    sink.put(&Reply::Integer(removed as i64), call.protocol);
    Ok(Handled::Replied)
}

fn sismember(
    engine: &mut Engine,
    call: NativeCall<'_>,
    sink: &mut dyn Sink,
) -> Result<Handled, Failure> {
    let member = call.bytes(1).unwrap_or_default();
    let now_ms = engine.now_ms;
    let entry = engine.read_kind(call.key(), Kind::Set, Access::Read)?;
    let content = entry.and_then(|entry| entry.content());
    let is_there = content.is_some_and(|content| Set::new(content, now_ms).contains(member));
    sink.put(&Reply::Integer(is_there.into()), call.protocol);
    Ok(Handled::Replied)
}

fn spop(
    engine: &mut Engine,
    call: NativeCall<'_>,
    sink: &mut dyn Sink,
) -> Result<Handled, Failure> {
    if call.arguments.len() > 1 && call.rest(1).next().is_some() {
        return Ok(Handled::Declined);
    }
    let mut text = itoa::Buffer::new();
    let popped = engine.pop_member(call.key(), &mut |member| {
        sink.put_bulk(member.bytes(&mut text));
    })?;
    if !popped {
        sink.put(&Reply::Null, call.protocol);
    }
    Ok(Handled::Replied)
}
