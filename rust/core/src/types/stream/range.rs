//! Entries between two IDs, from both ends.

use super::block::{Block, Entry};
use super::id::StreamId;
use super::{Start, Stream};

/// A place between two entries of a block.
#[derive(Clone, Copy)]
struct Place<'a> {
    block: &'a Block,
    /// The position of the block's first entry in the stream.
    start: usize,
    at: usize,
}

/// See `Stream::range`. Each end is looked for when it is first asked for.
#[derive(Clone)]
pub struct Range<'a> {
    stream: &'a Stream,
    first: StreamId,
    last: StreamId,
    front: Option<Place<'a>>,
    back: Option<Place<'a>>,
}

impl Stream {
    /// The entries from `first` to `last`, both included.
    pub fn range(&self, first: StreamId, last: StreamId) -> Range<'_> {
        Range {
            stream: self,
            first,
            last,
            front: None,
            back: None,
        }
    }

    /// The place before the first entry that is not before `id`.
    fn place(&self, id: StreamId) -> Option<Place<'_>> {
        if !self.tail.is_empty() && self.tail.base() <= id {
            return Some(Place {
                block: &self.tail,
                start: self.tree.len(),
                at: self.tail.seek(id),
            });
        }
        let Some(found) = self.tree.find(Start(|key: &StreamId| *key <= id)) else {
            let (block, start) = self.block_at(0)?;
            let at = block.start();
            return Some(Place { block, start, at });
        };
        Some(Place {
            block: found.leaf,
            start: found.start,
            at: found.leaf.seek(id),
        })
    }
}

impl<'a> Iterator for Range<'a> {
    type Item = Entry<'a>;

    #[inline]
    fn next(&mut self) -> Option<Entry<'a>> {
        if self.first > self.last {
            return None;
        }
        let mut place = match self.front {
            Some(place) => place,
            None => self.stream.place(self.first)?,
        };
        if place.at >= place.block.end() {
            let (block, start) = self.stream.block_at(place.start + place.block.len())?;
            let at = block.start();
            place = Place { block, start, at };
        }
        let (entry, next) = place.block.entry(place.at);
        if entry.id > self.last {
            return None;
        }
        place.at = next;
        self.front = Some(place);
        self.first = match entry.id.next() {
            Some(id) => id,
            None => {
                self.last = StreamId::ZERO;
                StreamId::MAX
            }
        };
        Some(entry)
    }
}

impl<'a> DoubleEndedIterator for Range<'a> {
    fn next_back(&mut self) -> Option<Entry<'a>> {
        if self.first > self.last {
            return None;
        }
        let mut place = match self.back {
            Some(place) => place,
            None => match self.last.next() {
                Some(behind) => self.stream.place(behind)?,
                None => {
                    let last = self.stream.len().checked_sub(1)?;
                    let (block, start) = self.stream.block_at(last)?;
                    let at = block.end();
                    Place { block, start, at }
                }
            },
        };
        if place.at <= place.block.start() {
            let (block, start) = self.stream.block_at(place.start.checked_sub(1)?)?;
            let at = block.end();
            place = Place { block, start, at };
        }
        place.at = place.block.before(place.at);
        let (entry, _) = place.block.entry(place.at);
        if entry.id < self.first {
            return None;
        }
        self.back = Some(place);
        self.last = match entry.id.previous() {
            Some(id) => id,
            None => {
                self.first = StreamId::MAX;
                StreamId::ZERO
            }
        };
        Some(entry)
    }
}
