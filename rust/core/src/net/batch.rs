//! Requests of one client that are parsed before the first of them is executed.
//!
//! Knowing several at once lets the engine ask the processor for the memory of all
//! of their keys, so that it arrives while earlier ones are executed.

use std::sync::Arc;

use crate::resp::parse::{Parsed, Parser, ProtocolError};
use crate::service::{InputLimits, Request};

/// So many are looked at together: more would push each other out of the cache.
const REQUESTS_MAX: usize = 16;

/// Where one request lies.
#[derive(Debug, Clone, Copy)]
struct Place {
    /// Its first byte in the input.
    start: usize,
    /// The byte behind it.
    end: usize,
    /// Its arguments in `Batch::ranges`.
    first: usize,
    last: usize,
}

/// Why no more requests were taken.
#[derive(Debug)]
pub enum Stop {
    /// There may be more.
    Full,
    /// The next one is not complete; it has so many bytes at least.
    Incomplete(usize),
    /// What follows is no request.
    Broken(ProtocolError),
}

#[derive(Debug, Default)]
pub struct Batch {
    places: Vec<Place>,
    ranges: Vec<(u32, u32)>,
    /// Big arguments of the first request; one behind it has arrived within one read.
    bodies: Vec<Arc<Vec<u8>>>,
    /// The only request is an inline one, whose bytes are the parser's.
    is_inline: bool,
}

impl Batch {
    pub fn len(&self) -> usize {
        self.places.len()
    }

    /// Takes the requests of `input` from byte `at` on.
    pub fn fill(
        &mut self,
        parser: &mut Parser,
        input: &[u8],
        mut at: usize,
        limits: &InputLimits,
    ) -> Stop {
        self.places.clear();
        self.ranges.clear();
        self.bodies = Vec::new();
        self.is_inline = false;
        // AUTH changes how what follows it is read.
        let requests_max = if limits.is_authenticated {
            REQUESTS_MAX
        } else {
            1
        };
        while at < input.len() && self.places.len() < requests_max {
            let is_inline = input[at] != b'*' && !parser.is_inside_request();
            if is_inline && !self.places.is_empty() {
                return Stop::Full;
            }
            match parser.next(&input[at..], limits) {
                Ok(Parsed::Request(bytes)) => {
                    let first = self.ranges.len();
                    let place = Place {
                        start: at,
                        end: at + bytes,
                        first,
                        last: first,
                    };
                    at += bytes;
                    if is_inline {
                        self.is_inline = true;
                        self.places.push(place);
                        return Stop::Full;
                    }
                    self.ranges.extend_from_slice(parser.ranges());
                    if self.places.is_empty() {
                        self.bodies = parser.take_bodies();
                    }
                    self.places.push(Place {
                        last: self.ranges.len(),
                        ..place
                    });
                }
                // An empty request belongs to the one before it, or is one without arguments.
                Ok(Parsed::Empty(bytes)) => {
                    at += bytes;
                    match self.places.last_mut() {
                        Some(place) => place.end = at,
                        None => {
                            self.places.push(Place {
                                start: at,
                                end: at,
                                first: 0,
                                last: 0,
                            });
                        }
                    }
                }
                Ok(Parsed::Incomplete(wanted)) => return Stop::Incomplete(wanted),
                Err(error) => return Stop::Broken(error),
            }
        }
        Stop::Full
    }

    /// The request at `index`; it has no arguments if it was an empty line.
    #[inline]
    pub fn request<'a>(&'a self, parser: &'a Parser, input: &'a [u8], index: usize) -> Request<'a> {
        let place = self.places[index];
        if self.is_inline {
            return parser.request(&input[place.start..]);
        }
        Request {
            buffer: &input[place.start..],
            arguments: &self.ranges[place.first..place.last],
            bodies: if index == 0 { &self.bodies } else { &[] },
        }
    }

    /// Lets go of big arguments that nobody kept.
    pub fn clear_bodies(&mut self) {
        if !self.bodies.is_empty() {
            self.bodies = Vec::new();
        }
    }

    /// The byte behind the request at `index`.
    #[inline]
    pub fn end(&self, index: usize) -> usize {
        self.places[index].end
    }
}
