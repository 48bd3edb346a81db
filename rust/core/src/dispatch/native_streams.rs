//! XADD as it is used most: an ID of the time's, no options.

use super::engine::Engine;
use super::error::{ErrorCode, Failure};
use super::native::{Handled, NativeCall, NativeHandler};
use super::pipeline::Sink;
use super::streams::NewId;

/// The native handler of a command, by its name.
pub fn find(name: &str) -> Option<NativeHandler> {
    match name {
        "xadd" => Some(xadd),
        _ => None,
    }
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
