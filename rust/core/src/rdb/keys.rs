//! Keys on their way into a snapshot's file: those of the walk, and those that are written
//! ahead of it because they are about to change.

use std::collections::VecDeque;
use std::sync::Arc;

use parking_lot::Mutex;

use super::opcode;
use super::output::Output;
use super::save::Options;
use super::write::{Clocks, Walk, write_key, write_text_head};
use crate::keyspace::{Entry, Guard, Value};

/// A collection of more bytes is written in steps, a string by the thread.
const LARGE_BYTES: usize = 16 << 10;

/// Keys being written, one after the other.
pub struct Keys {
    pub output: Output,
    /// The database that the bytes have selected.
    pub selected: Option<usize>,
    /// Large ones, which wait until nothing else is being written.
    pub large: VecDeque<Large>,
    pub clocks: Clocks,
    pub count: u64,
}

pub struct Large {
    pub number: usize,
    /// All that stands before the value's elements.
    pub head: Vec<u8>,
    pub body: Body,
}

pub enum Body {
    Collection(Box<Walk>),
    /// A big string, which the thread compresses.
    Text(Arc<Vec<u8>>),
}

impl Keys {
    pub fn new(options: &Options) -> Keys {
        Keys {
            output: Output::new(options.format, options.compresses),
            selected: None,
            large: VecDeque::new(),
            clocks: options.clocks,
            count: 0,
        }
    }

    pub fn select(&mut self, number: usize) {
        if self.selected != Some(number) {
            self.selected = Some(number);
            self.output.byte(opcode::SELECT);
            self.output.length(number as u64);
        }
    }

    pub fn take(&mut self, number: usize, entry: Entry<'_>) {
        self.count += 1;
        let mut head = Output::new(self.output.format, false);
        let body = match entry.value() {
            Value::Object(object) if object.memory_bytes() > LARGE_BYTES => {
                write_key(&mut head, entry, self.clocks)
                    .map(|walk| Body::Collection(Box::new(walk)))
            }
            Value::Shared(text) if text.bytes().len() > LARGE_BYTES => {
                write_text_head(&mut head, entry, self.clocks);
                Some(Body::Text(text.to_arc()))
            }
            _ => None,
        };
        if let Some(body) = body {
            let head = head.bytes;
            self.large.push_back(Large { number, head, body });
            return;
        }
        self.select(number);
        if let Some(walk) = write_key(&mut self.output, entry, self.clocks) {
            walk.finish(&mut self.output);
        }
    }
}

/// Writes entries before they change.
pub struct Keeper {
    pub ahead: Arc<Mutex<Keys>>,
    pub number: usize,
}

impl Guard for Keeper {
    fn preserve(&mut self, entry: Entry<'_>) {
        self.ahead.lock().take(self.number, entry);
    }
}
