//! Streams as commands change them, and replies written straight from them.

use super::collections::Environment;
use super::engine::{Engine, Propagation};
use super::error::{ErrorCode, Failure};
use super::journal::{Effect, Word};
use super::notify::class;
use super::pipeline::Shape;
use super::state::number;
use super::state_streams::id_word;
use super::writer::Writer;
use crate::keyspace::{Kind, Place};
use crate::reply::Protocol;
use crate::types::home::{Content, Home};
use crate::types::stream::{Entry, References, Stream, StreamId, Trim, TrimTo};
use crate::types::{Garbage, Object};

/// Most bytes of names and values in an entry.
const ENTRY_BYTES_MAX: usize = 1 << 30;

/// Which ID an entry gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NewId {
    /// The time, or what follows the last ID.
    Clock,
    /// The least number that is free in this millisecond.
    Open(u64),
    Exact(StreamId),
}

/// What became of an entry that was to be deleted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Deletion {
    Missing = -1,
    Deleted = 1,
    /// A group still needs it.
    Needed = 2,
}

/// The stream in a content, which must be one.
pub fn stream_in(content: Content<'_>) -> Option<&Stream> {
    match content {
        Content::Object(Object::Stream(stream)) => Some(stream),
        _ => None,
    }
}

/// The stream in a place; None: there is no such key.
pub fn stream_at<'p>(place: &'p mut Place<'_>) -> Option<&'p mut Stream> {
    match place.object_mut() {
        Some(Object::Stream(stream)) => Some(stream),
        _ => None,
    }
}

impl NewId {
    fn choose(self, last: StreamId, now_ms: u64) -> Result<StreamId, ErrorCode> {
        if last == StreamId::MAX {
            return Err(ErrorCode::StreamExhausted);
        }
        let id = match self {
            NewId::Clock if now_ms > last.ms => Some(StreamId::new(now_ms, 0)),
            NewId::Clock => last.next(),
            NewId::Open(ms) if ms == last.ms => {
                let seq = last.seq.checked_add(1);
                seq.map(|seq| StreamId::new(ms, seq))
            }
            NewId::Open(ms) => Some(StreamId::new(ms, 0)),
            NewId::Exact(id) => Some(id),
        };
        id.filter(|id| *id > last)
            .ok_or(ErrorCode::StreamIdTooSmall)
    }
}

/// Writes entries, with room for their IDs' texts.
#[derive(Default)]
pub struct EntryWriter {
    text: Vec<u8>,
}

impl EntryWriter {
    pub fn id(&mut self, id: StreamId, writer: &mut Writer<'_>) {
        self.text.clear();
        id.write(&mut self.text);
        writer.bulk(&self.text);
    }

    /// `[id, [name, value, …]]`.
    #[inline]
    pub fn entry(&mut self, entry: Entry<'_>, writer: &mut Writer<'_>) {
        writer.begin(Shape::Array, 2);
        self.id(entry.id, writer);
        writer.begin(Shape::Array, 2 * entry.count);
        for (name, value) in entry.pairs() {
            writer.element(name);
            writer.element(value);
        }
        writer.end(Shape::Array, 2 * entry.count);
        writer.end(Shape::Array, 2);
    }

    /// The entries from `first` to `last`, at most `limit`.
    pub fn range(
        &mut self,
        stream: &Stream,
        (first, last): (StreamId, StreamId),
        limit: usize,
        is_reverse: bool,
        writer: &mut Writer<'_>,
    ) {
        let count = stream.count_between(first, last).min(limit);
        writer.begin(Shape::Array, count);
        let range = stream.range(first, last);
        if is_reverse {
            range
                .rev()
                .take(count)
                .for_each(|entry| self.entry(entry, writer));
        } else {
            range
                .take(count)
                .for_each(|entry| self.entry(entry, writer));
        }
        writer.end(Shape::Array, count);
    }
}

/// Begins the reply of XREAD and XREADGROUP: pairs of a key and its entries.
pub fn begin_streams(count: usize, writer: &mut Writer<'_>) {
    match writer.protocol() {
        Protocol::Resp2 => writer.begin(Shape::Array, count),
        Protocol::Resp3 => writer.begin(Shape::Map, count),
    }
}

/// Begins a pair; the entries follow, then `end_stream`.
pub fn begin_stream(key: &[u8], writer: &mut Writer<'_>) {
    if writer.protocol() == Protocol::Resp2 {
        writer.begin(Shape::Array, 2);
    }
    writer.bulk(key);
}

pub fn end_stream(writer: &mut Writer<'_>) {
    if writer.protocol() == Protocol::Resp2 {
        writer.end(Shape::Array, 2);
    }
}

pub fn end_streams(count: usize, writer: &mut Writer<'_>) {
    match writer.protocol() {
        Protocol::Resp2 => writer.end(Shape::Array, count),
        Protocol::Resp3 => writer.end(Shape::Map, count),
    }
}

/// The words that trim a stream to what it is now.
fn trim_words(trim: Trim, stream: &Stream) -> Vec<Word> {
    let word = |text: &str| Word::from(text.as_bytes());
    let mut words = match trim.references {
        References::Keep => Vec::new(),
        References::Delete => vec![word("DELREF")],
        References::Acknowledged => vec![word("ACKED")],
    };
    // What groups need stays wherever it is: only the same command leaves the same.
    let is_same = trim.references == References::Acknowledged;
    let keeps_mark = is_same && trim.is_approximate;
    let mark = word(if keeps_mark { "~" } else { "=" });
    match trim.to {
        TrimTo::Length(len) => {
            let len = if is_same { len } else { stream.len() as u64 };
            words.extend([word("MAXLEN"), mark, number(len as i64)]);
        }
        TrimTo::Id(id) => {
            let first = stream.first().map(|entry| entry.id);
            let id = first
                .filter(|_| trim.is_approximate && !is_same)
                .unwrap_or(id);
            words.extend([word("MINID"), mark, id_word(id)]);
        }
    }
    if keeps_mark {
        words.extend([word("LIMIT"), number(trim.limit as i64)]);
    }
    words
}

impl Engine {
    /// Whether effects must be kept, and not only counted.
    fn keeps_stream_effects(&self) -> bool {
        self.journal.is_read() || !self.effects.is_empty()
    }

    fn propagate_instead(&mut self, arguments: Vec<Word>) {
        let database = self.run.database;
        self.run.propagation = Propagation::Instead(vec![Effect {
            database,
            arguments,
        }]);
    }

    /// Adds an entry and trims; `parts` are names and values by turns. Gives the ID.
    #[inline]
    pub fn add_to_stream<'e>(
        &mut self,
        key: &[u8],
        id: NewId,
        parts: impl ExactSizeIterator<Item = &'e [u8]> + Clone,
        trim: Option<Trim>,
    ) -> Result<StreamId, Failure> {
        let text_bytes: usize = parts.clone().map(<[u8]>::len).sum();
        let now_ms = self.now_ms.max(0) as u64;
        let keeps = self.keeps_stream_effects();
        let mut words = Vec::new();
        let edit = |place: &mut Place<'_>, environment: &mut Environment<'_>| {
            let last = stream_at(place).map_or(StreamId::ZERO, |stream| stream.last_id);
            let id = match id.choose(last, now_ms) {
                Ok(_) if text_bytes > ENTRY_BYTES_MAX => Err(ErrorCode::StreamEntryTooLarge),
                chosen => chosen,
            };
            let id = match id {
                Ok(id) => id,
                Err(code) => return (Err(code), 0),
            };
            if place.is_new() {
                place.become_object(Object::Stream(Stream::new()));
            }
            let Some(stream) = stream_at(place) else {
                unreachable!("a place that holds a stream");
            };
            stream.add(id, parts.clone(), environment.limits.stream_blocks);
            let trimmed = trim.map(|trim| stream.trim(trim));
            if keeps && let Some(trim) = trim {
                words = trim_words(trim, stream);
            }
            let edits = 1 + trimmed.as_ref().map_or(0, |(count, _)| *count as u64);
            (Ok((id, trimmed)), edits)
        };
        let (id, trimmed) = self.edit_collection(key, Kind::Stream, edit)??;
        self.announce(class::STREAM, "xadd", key);
        if let Some((count, garbage)) = trimmed
            && count > 0
        {
            self.discard_garbage(garbage);
            self.notify(class::STREAM, "xtrim", key);
        }
        // Behind the events, as in the real servers.
        self.touch(key);
        if keeps {
            let mut arguments = vec![Word::from(b"XADD".as_slice()), Word::from(key)];
            arguments.extend(words);
            arguments.push(id_word(id));
            arguments.extend(parts.map(Word::from));
            self.propagate_instead(arguments);
        } else {
            let lengths = [4, key.len(), 15].into_iter();
            self.journal.count(lengths.chain(parts.map(<[u8]>::len)));
            self.run.propagation = Propagation::Nothing;
        }
        Ok(id)
    }

    /// Trims a stream; how many entries went.
    pub fn trim_stream(&mut self, key: &[u8], trim: Trim) -> Result<usize, Failure> {
        let keeps = self.keeps_stream_effects();
        let mut words = Vec::new();
        let (count, garbage) = self.edit_collection(key, Kind::Stream, |place, _| {
            let Some(stream) = stream_at(place) else {
                return ((0, Garbage::default()), 0);
            };
            let (count, garbage) = stream.trim(trim);
            if keeps {
                words = trim_words(trim, stream);
            }
            ((count, garbage), count as u64)
        })?;
        if count > 0 {
            self.discard_garbage(garbage);
            self.notify(class::STREAM, "xtrim", key);
            self.touch_quietly(key);
            if keeps {
                let mut arguments = vec![Word::from(b"XTRIM".as_slice()), Word::from(key)];
                arguments.extend(words);
                self.propagate_instead(arguments);
            }
        }
        Ok(count)
    }

    /// Deletes entries, each on its own; what became of them. With `group` only those
    /// that are pending there, which are acknowledged first.
    pub fn delete_from_stream(
        &mut self,
        key: &[u8],
        ids: &[StreamId],
        references: References,
        group: Option<&[u8]>,
    ) -> Result<Vec<Deletion>, Failure> {
        let mut acknowledged = 0;
        let results = self.edit_collection(key, Kind::Stream, |place, _| {
            let Some(stream) = stream_at(place) else {
                return (vec![Deletion::Missing; ids.len()], 0);
            };
            let mut delete = |id: StreamId| {
                if let Some(name) = group {
                    let group = stream.group_mut(name);
                    if !group.is_some_and(|group| group.acknowledge(id)) {
                        return Deletion::Missing;
                    }
                    acknowledged += 1;
                }
                // Also what is not there (any more) may be needed.
                if references == References::Acknowledged && stream.is_referenced(id) {
                    return Deletion::Needed;
                }
                // References may outlive their entry.
                if references == References::Delete && stream.remove_references(id) {
                    acknowledged += 1;
                }
                if group.is_none() && !stream.contains(id) {
                    return Deletion::Missing;
                }
                stream.remove(id);
                Deletion::Deleted
            };
            let results: Vec<_> = ids.iter().map(|id| delete(*id)).collect();
            let deleted = results
                .iter()
                .filter(|result| **result == Deletion::Deleted);
            let deleted = deleted.count() as u64;
            (results, deleted)
        })?;
        self.run.edits += acknowledged;
        if results.contains(&Deletion::Deleted) {
            self.touch_quietly(key);
            self.notify(class::STREAM, "xdel", key);
        }
        Ok(results)
    }

    /// Sets the last ID and, where given, the counters.
    pub fn set_stream_id(
        &mut self,
        key: &[u8],
        id: StreamId,
        entries_added: Option<u64>,
        max_deleted: Option<StreamId>,
    ) -> Result<(), Failure> {
        self.edit_collection(key, Kind::Stream, |place, _| {
            let Some(stream) = stream_at(place) else {
                return ((), 0);
            };
            stream.last_id = id;
            stream.entries_added = entries_added.unwrap_or(stream.entries_added);
            stream.max_deleted_id = max_deleted.unwrap_or(stream.max_deleted_id);
            ((), 0)
        })?;
        // No entry changed: nobody who watches the key is concerned.
        self.run.edits += 1;
        self.notify(class::STREAM, "xsetid", key);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_chosen_behind_the_last() {
        let last = StreamId::new(5, u64::MAX);
        let choose = |id: NewId, now| id.choose(last, now).map(|id| (id.ms, id.seq));
        assert_eq!(choose(NewId::Clock, 9), Ok((9, 0)));
        assert_eq!(choose(NewId::Clock, 5), Ok((6, 0)));
        assert_eq!(choose(NewId::Open(5), 0), Err(ErrorCode::StreamIdTooSmall));
        assert_eq!(choose(NewId::Open(4), 0), Err(ErrorCode::StreamIdTooSmall));
        assert_eq!(choose(NewId::Open(7), 0), Ok((7, 0)));
        assert_eq!(
            choose(NewId::Exact(last), 0),
            Err(ErrorCode::StreamIdTooSmall)
        );
        assert_eq!(
            NewId::Open(0).choose(StreamId::ZERO, 0),
            Ok(StreamId::new(0, 1))
        );
        assert_eq!(
            NewId::Clock.choose(StreamId::MAX, 0),
            Err(ErrorCode::StreamExhausted)
        );
    }
}
