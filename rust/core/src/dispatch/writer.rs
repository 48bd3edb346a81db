//! Replies written straight from the data, without an object for each element.

use super::pipeline::{Shape, Sink};
use crate::geo::{Place, coordinate_text};
use crate::output::Output;
use crate::reply::{Protocol, Reply};
use crate::resp::encode;
use crate::types::packed::{Element, IntText};

/// Writes one reply, part by part, for a socket or for a caller in the process.
///
/// A container's parts follow its `begin`; `end` closes it, for sinks that build objects.
pub struct Writer<'s> {
    target: Target<'s>,
    protocol: Protocol,
}

enum Target<'s> {
    Resp(&'s mut Output),
    Objects(&'s mut dyn Sink),
}

impl<'s> Writer<'s> {
    pub fn new(sink: &'s mut dyn Sink, protocol: Protocol) -> Writer<'s> {
        // Asked twice, because a borrow that may be returned lasts to the end.
        let target = if sink.resp().is_some() {
            match sink.resp() {
                Some(output) => Target::Resp(output),
                None => unreachable!("a sink speaks RESP or does not"),
            }
        } else {
            Target::Objects(sink)
        };
        Writer { target, protocol }
    }

    pub fn protocol(&self) -> Protocol {
        self.protocol
    }

    /// Begins a container of `count` parts (a map: `count` pairs).
    pub fn begin(&mut self, shape: Shape, count: usize) {
        match &mut self.target {
            Target::Resp(output) => shape.write_header(output, count, self.protocol),
            Target::Objects(sink) => sink.begin(shape, count, self.protocol),
        }
    }

    /// Ends it.
    pub fn end(&mut self, shape: Shape, count: usize) {
        if let Target::Objects(sink) = &mut self.target {
            sink.end(shape, count);
        }
    }

    /// Begins a list of pairs: flat in RESP2, nested in RESP3.
    pub fn begin_pairs(&mut self, count: usize) {
        match self.protocol {
            Protocol::Resp2 if self.speaks_resp() => self.begin(Shape::Array, 2 * count),
            _ => self.begin(Shape::Array, count),
        }
    }

    /// Begins a pair of such a list.
    pub fn begin_pair(&mut self) {
        if self.protocol == Protocol::Resp3 || !self.speaks_resp() {
            self.begin(Shape::Array, 2);
        }
    }

    /// Ends a pair of such a list; `end(Shape::Array, count)` ends the list.
    pub fn end_pair(&mut self) {
        self.end(Shape::Array, 2);
    }

    fn speaks_resp(&self) -> bool {
        matches!(self.target, Target::Resp(_))
    }

    #[inline]
    pub fn bulk(&mut self, bytes: &[u8]) {
        match &mut self.target {
            Target::Resp(output) => encode::bulk(output.tail(), bytes),
            Target::Objects(sink) => sink.put_bulk(bytes),
        }
    }

    #[inline]
    pub fn element(&mut self, element: Element<'_>) {
        self.bulk(element.bytes(&mut IntText::new()));
    }

    pub fn integer(&mut self, number: i64) {
        self.put(&Reply::Integer(number));
    }

    pub fn double(&mut self, number: f64) {
        self.put(&Reply::Double(number));
    }

    /// A place: longitude and latitude, with all the digits that the real servers tell.
    pub fn place(&mut self, place: Place) {
        self.begin(Shape::Array, 2);
        for degrees in [place.longitude, place.latitude] {
            match (&mut self.target, self.protocol) {
                (Target::Resp(output), Protocol::Resp3) => {
                    output.push(format!(",{}\r\n", coordinate_text(degrees)).as_bytes());
                }
                (Target::Resp(output), Protocol::Resp2) => {
                    encode::bulk(output.tail(), coordinate_text(degrees).as_bytes());
                }
                (Target::Objects(_), _) => self.double(degrees),
            }
        }
        self.end(Shape::Array, 2);
    }

    pub fn null_array(&mut self) {
        self.put(&Reply::NullArray);
    }

    pub fn null(&mut self) {
        self.put(&Reply::Null);
    }

    pub fn put(&mut self, reply: &Reply) {
        match &mut self.target {
            Target::Resp(output) => encode::encode(reply, self.protocol, output),
            Target::Objects(sink) => sink.put(reply, self.protocol),
        }
    }
}
