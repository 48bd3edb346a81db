//! The few commands whose handlers are Rust, because a benchmark asked for it.
//!
//! They stand in the same table, with the same notation, flags and tests as all
//! others; only what Python would have done between lookup and reply is here.
//! `benchmarks` at pipeline 16, user CPU a command, against the best of the real
//! servers: PING and GET in Python cost 1.2 and 1.0 times theirs, SET 0.8 to 1.0.
//!
//! A native handler may decline a call; then the Python function of the command
//! handles it. So SET without options is native, and its options are Python: each
//! form has one implementation.

use super::arguments::{Argument, Arguments, Scalar};
use super::engine::Engine;
use super::error::Failure;
use super::pipeline::Sink;
use crate::keyspace::strings::IntText;
use crate::keyspace::{Expiry, NewValue, Value};
use crate::reply::{Protocol, Reply};

/// What a native handler did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Handled {
    /// Its reply is in the sink.
    Replied,
    /// Nothing yet: the Python handler is to be called.
    Declined,
}

/// A handler in Rust: puts its reply into the sink, declines, or fails.
pub type NativeHandler =
    fn(&mut Engine, &Arguments<'_>, Protocol, &mut dyn Sink) -> Result<Handled, Failure>;

/// The native handler of a command, by its name.
pub fn find(name: &str) -> Option<NativeHandler> {
    match name {
        "ping" => Some(ping),
        "get" => Some(get),
        "set" => Some(set),
        _ => None,
    }
}

/// The argument at `index`, which the notation says is bytes or absent.
fn bytes<'r>(arguments: &Arguments<'r>, index: usize) -> Option<&'r [u8]> {
    match arguments.get(index) {
        Some(Argument::Value(Scalar::Bytes(bytes))) => Some(bytes),
        _ => None,
    }
}

fn ping(
    engine: &mut Engine,
    arguments: &Arguments<'_>,
    protocol: Protocol,
    sink: &mut dyn Sink,
) -> Result<Handled, Failure> {
    let message = bytes(arguments, 0);
    if protocol == Protocol::Resp2 && engine.session(engine.run.client).is_subscribed() {
        // What a subscriber in RESP2 reads are messages; this looks like one.
        let message = Reply::Bulk(message.unwrap_or_default().into());
        let pong = Reply::Array(vec![Reply::Bulk(b"pong".into()), message]);
        sink.put(&pong, protocol);
        return Ok(Handled::Replied);
    }
    match message {
        None => sink.put(&Reply::Status("PONG"), protocol),
        Some(message) => sink.put_bulk(message),
    }
    Ok(Handled::Replied)
}

fn get(
    engine: &mut Engine,
    arguments: &Arguments<'_>,
    protocol: Protocol,
    sink: &mut dyn Sink,
) -> Result<Handled, Failure> {
    let key = bytes(arguments, 0).unwrap_or_default();
    match engine.read_string(key)? {
        Some(Value::Bytes(bytes)) => sink.put_bulk(bytes),
        Some(Value::Int(number)) => sink.put_bulk(IntText::new().format(number).as_bytes()),
        Some(Value::Shared(shared)) => sink.put(&Reply::Shared(shared.to_arc()), protocol),
        // `read_string` fails for everything that is no string.
        Some(Value::Packed(_) | Value::Object(_)) | None => sink.put(&Reply::Null, protocol),
    }
    Ok(Handled::Replied)
}

fn set(
    engine: &mut Engine,
    arguments: &Arguments<'_>,
    protocol: Protocol,
    sink: &mut dyn Sink,
) -> Result<Handled, Failure> {
    use Argument::{Absent, Flag, Value};
    let [
        Value(Scalar::Bytes(key)),
        Value(Scalar::Payload(value)),
        Absent,
        Flag(false),
        Absent,
    ] = arguments[..]
    else {
        return Ok(Handled::Declined);
    };
    engine.set_string(key, NewValue::String(value), Expiry::None);
    sink.put(&Reply::Status("OK"), protocol);
    Ok(Handled::Replied)
}
