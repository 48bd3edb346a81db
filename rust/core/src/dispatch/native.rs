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

use std::sync::Arc;

use super::arguments::{Argument, Scalar};
use super::engine::Engine;
use super::error::Failure;
use super::pipeline::Sink;
use crate::keyspace::strings::IntText;
use crate::keyspace::{Expiry, NewValue, Value};
use crate::reply::{Protocol, Reply};
use crate::service::Request;

/// What a native handler did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Handled {
    /// Its reply is in the sink.
    Replied,
    /// Nothing yet: the Python handler is to be called.
    Declined,
}

/// One call of a native handler: the request, its values, how to answer.
#[derive(Clone, Copy)]
pub struct NativeCall<'c> {
    /// Where the values of `Argument::Rest` stand.
    pub request: Request<'c>,
    pub arguments: &'c [Argument<'c>],
    pub protocol: Protocol,
}

impl<'c> NativeCall<'c> {
    /// The argument at `index`, which the notation says is bytes or absent.
    #[inline]
    pub fn bytes(&self, index: usize) -> Option<&'c [u8]> {
        match self.arguments.get(index) {
            Some(Argument::Value(Scalar::Bytes(bytes))) => Some(bytes),
            _ => None,
        }
    }

    /// The first argument, where the notation has a key.
    #[inline]
    pub fn key(&self) -> &'c [u8] {
        self.bytes(0).unwrap_or_default()
    }

    /// The argument at `index`, which the notation says is an integer or absent.
    #[inline]
    pub fn integer(&self, index: usize) -> Option<i64> {
        match self.arguments.get(index) {
            Some(Argument::Value(Scalar::Integer(number))) => Some(*number),
            _ => None,
        }
    }

    /// What a repeated part of the notation took.
    #[inline]
    pub fn rest(
        &self,
        index: usize,
    ) -> impl DoubleEndedIterator<Item = &'c [u8]> + ExactSizeIterator + Clone {
        let range = match self.arguments.get(index) {
            Some(Argument::Rest { first, count, .. }) => *first..first + count,
            _ => 0..0,
        };
        let request = self.request;
        range.map(move |at| request.get(at))
    }
}

/// A handler in Rust: puts its reply into the sink, declines, or fails.
pub type NativeHandler = fn(&mut Engine, NativeCall<'_>, &mut dyn Sink) -> Result<Handled, Failure>;

/// The native handler of a command, by its name.
pub fn find(name: &str) -> Option<NativeHandler> {
    match name {
        "ping" => Some(ping),
        "get" => Some(get),
        "set" => Some(set),
        _ => {
            let found = super::native_hashes::find(name);
            let found = found.or_else(|| super::native_sets::find(name));
            let found = found.or_else(|| super::native_lists::find(name));
            let found = found.or_else(|| super::native_counters::find(name));
            let found = found.or_else(|| super::native_sorted_sets::find(name));
            let found = found.or_else(|| super::native_pubsub::find(name));
            found.or_else(|| super::native_streams::find(name))
        }
    }
}

fn ping(
    engine: &mut Engine,
    call: NativeCall<'_>,
    sink: &mut dyn Sink,
) -> Result<Handled, Failure> {
    let message = call.bytes(0);
    if call.protocol == Protocol::Resp2 && engine.session(engine.run.client).is_subscribed() {
        // What a subscriber in RESP2 reads are messages; this looks like one.
        let message = Reply::Bulk(message.unwrap_or_default().into());
        let pong = Reply::Array(vec![Reply::Bulk(b"pong".into()), message]);
        sink.put(&pong, call.protocol);
        return Ok(Handled::Replied);
    }
    match message {
        None => sink.put(&Reply::Status("PONG"), call.protocol),
        Some(message) => sink.put_bulk(message),
    }
    Ok(Handled::Replied)
}

fn get(engine: &mut Engine, call: NativeCall<'_>, sink: &mut dyn Sink) -> Result<Handled, Failure> {
    let key = call.key();
    match engine.read_string(key)? {
        Some(Value::Bytes(bytes)) => sink.put_bulk(bytes),
        Some(Value::Int(number)) => sink.put_bulk(IntText::new().format(number).as_bytes()),
        Some(Value::Shared(shared)) => sink.put(&Reply::Shared(shared.to_arc()), call.protocol),
        // `read_string` fails for everything that is no string.
        Some(Value::Packed(_) | Value::Object(_)) | None => sink.put(&Reply::Null, call.protocol),
    }
    Ok(Handled::Replied)
}

fn set(engine: &mut Engine, call: NativeCall<'_>, sink: &mut dyn Sink) -> Result<Handled, Failure> {
    use Argument::{Absent, Flag, Value};
    let [
        Value(Scalar::Bytes(key)),
        Value(value),
        Absent,
        Flag(false),
        Absent,
    ] = *call.arguments
    else {
        return Ok(Handled::Declined);
    };
    let value = match value {
        Scalar::Payload(bytes) => NewValue::String(bytes),
        Scalar::Shared(body) => NewValue::SharedString(Arc::clone(body)),
        _ => return Ok(Handled::Declined),
    };
    engine.set_string(key, value, Expiry::None);
    sink.put(&Reply::Status("OK"), call.protocol);
    Ok(Handled::Replied)
}
