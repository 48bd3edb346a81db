//! HSET, HGET and HMGET: what hashes are used for most.

use super::data::Access;
use super::engine::Engine;
use super::error::{ErrorCode, Failure};
use super::native::{Handled, NativeCall, NativeHandler};
use super::notify::class;
use super::pipeline::{Shape, Sink};
use super::writer::Writer;
use crate::keyspace::Kind;
use crate::reply::Reply;
use crate::types::Hash;
use crate::types::record::Deadline;

/// The native handler of a command, by its name.
pub fn find(name: &str) -> Option<NativeHandler> {
    match name {
        "hset" => Some(hset),
        "hget" => Some(hget),
        "hmget" => Some(hmget),
        _ => None,
    }
}

fn hset(
    engine: &mut Engine,
    call: NativeCall<'_>,
    sink: &mut dyn Sink,
) -> Result<Handled, Failure> {
    let key = call.key();
    let count = call.rest(1).count();
    if count == 0 || count % 2 != 0 {
        return Err(Failure::With(ErrorCode::WrongArity, "hset".into()));
    }
    let added = engine.edit_hash(key, |hash| {
        hash.prepare(count / 2);
        let mut parts = call.rest(1);
        let mut added = 0;
        while let (Some(field), Some(value)) = (parts.next(), parts.next()) {
            added += i64::from(hash.set(field, value, Deadline::Clear));
        }
        (added, count as u64 / 2)
    })?;
    engine.announce(class::HASH, "hset", key);
    sink.put(&Reply::Integer(added), call.protocol);
    Ok(Handled::Replied)
}

fn hget(
    engine: &mut Engine,
    call: NativeCall<'_>,
    sink: &mut dyn Sink,
) -> Result<Handled, Failure> {
    let now_ms = engine.now_ms;
    let found = engine.read_kind(call.key(), Kind::Hash, Access::Read)?;
    let hash = found.and_then(|entry| Some(Hash::new(entry.content()?, now_ms)));
    let field = call.bytes(1).unwrap_or_default();
    match hash.and_then(|hash| hash.get(field)) {
        Some(value) => sink.put_bulk(value.bytes(&mut itoa::Buffer::new())),
        None => sink.put(&Reply::Null, call.protocol),
    }
    Ok(Handled::Replied)
}

fn hmget(
    engine: &mut Engine,
    call: NativeCall<'_>,
    sink: &mut dyn Sink,
) -> Result<Handled, Failure> {
    let now_ms = engine.now_ms;
    let found = engine.read_kind(call.key(), Kind::Hash, Access::Read)?;
    let hash = found.and_then(|entry| Some(Hash::new(entry.content()?, now_ms)));
    let mut writer = Writer::new(sink, call.protocol);
    let count = call.rest(1).count();
    writer.begin(Shape::Array, count);
    for field in call.rest(1) {
        match hash.and_then(|hash| hash.get(field)) {
            Some(value) => writer.element(value),
            None => writer.null(),
        }
    }
    writer.end(Shape::Array, count);
    Ok(Handled::Replied)
}
