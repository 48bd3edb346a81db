//! Where replies go: to a socket as RESP, or to a caller in the process.

use std::any::Any;

use crate::output::Output;
use crate::reply::{Protocol, Reply};
use crate::resp::encode;

/// What a reply of several parts is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    Array,
    /// Pairs; in RESP2 a flat array.
    Map,
    /// In RESP2 an array.
    Set,
}

impl Shape {
    pub(super) fn write_header(self, output: &mut Output, count: usize, protocol: Protocol) {
        match self {
            Shape::Array => encode::array_header(output.tail(), count),
            Shape::Map => encode::map_header(output.tail(), count, protocol),
            Shape::Set => encode::set_header(output.tail(), count, protocol),
        }
    }
}

/// Where a reply goes.
pub trait Sink {
    /// The output to encode into, for sinks that speak RESP.
    fn resp(&mut self) -> Option<&mut Output>;
    /// Takes a bulk string.
    fn put_bulk(&mut self, bytes: &[u8]);
    /// Takes a reply that is a value.
    fn put(&mut self, reply: &Reply, protocol: Protocol);
    /// Begins a container of `count` replies (a map: pairs) that will be put one by one.
    fn begin(&mut self, shape: Shape, count: usize, protocol: Protocol);
    /// Ends it.
    fn end(&mut self, shape: Shape, count: usize);
    fn as_any(&mut self) -> &mut dyn Any;
}

/// A sink that encodes for a socket.
#[derive(Debug, Default)]
pub struct RespSink {
    pub output: Output,
}

impl Sink for RespSink {
    fn resp(&mut self) -> Option<&mut Output> {
        Some(&mut self.output)
    }

    #[inline]
    fn put_bulk(&mut self, bytes: &[u8]) {
        encode::bulk(self.output.tail(), bytes);
    }

    fn put(&mut self, reply: &Reply, protocol: Protocol) {
        encode::encode(reply, protocol, &mut self.output);
    }

    fn begin(&mut self, shape: Shape, count: usize, protocol: Protocol) {
        shape.write_header(&mut self.output, count, protocol);
    }

    fn end(&mut self, _: Shape, _: usize) {}

    fn as_any(&mut self) -> &mut dyn Any {
        self
    }
}
