//! INCR, DECR, INCRBY and DECRBY.

use super::engine::Engine;
use super::error::{ErrorCode, Failure};
use super::native::{Handled, NativeCall, NativeHandler};
use super::pipeline::Sink;
use crate::reply::Reply;

/// The native handler of a command that counts, by its name.
pub fn find(name: &str) -> Option<NativeHandler> {
    Some(match name {
        "incr" => |engine, call, sink| count(engine, call, sink, 1),
        "decr" => |engine, call, sink| count(engine, call, sink, -1),
        "incrby" => |engine, call, sink| {
            let by = call.integer(1).unwrap_or_default();
            count(engine, call, sink, by)
        },
        "decrby" => |engine, call, sink| {
            let by = call.integer(1).unwrap_or_default().checked_neg();
            count(engine, call, sink, by.ok_or(ErrorCode::DecrementOverflow)?)
        },
        _ => return None,
    })
}

fn count(
    engine: &mut Engine,
    call: NativeCall<'_>,
    sink: &mut dyn Sink,
    by: i64,
) -> Result<Handled, Failure> {
    let sum = engine.increment_string(call.key(), by)?;
    sink.put(&Reply::Integer(sum), call.protocol);
    Ok(Handled::Replied)
}
