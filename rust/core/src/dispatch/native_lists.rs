//! LPUSH, RPUSH, LPOP, RPOP and LRANGE: a queue does little else.
//!
//! Also the pieces of them that other commands of lists share.

use super::data::Access;
use super::engine::Engine;
use super::error::Failure;
use super::native::{Handled, NativeCall};
use super::notify::class;
use super::pipeline::{Shape, Sink};
use super::writer::Writer;
use crate::keyspace::{Kind, Place};
use crate::reply::Reply;
use crate::types::home::Content;
use crate::types::list::face::{End, ListMut, ListRef, resolve_range};

/// The native handler of a command, by its name.
pub fn find(name: &str) -> Option<super::native::NativeHandler> {
    Some(match name {
        "lpush" => |engine, call, sink| push(engine, call, sink, End::Front),
        "rpush" => |engine, call, sink| push(engine, call, sink, End::Back),
        "lpop" => |engine, call, sink| pop(engine, call, sink, End::Front),
        "rpop" => |engine, call, sink| pop(engine, call, sink, End::Back),
        "lrange" => range,
        _ => return None,
    })
}

/// The event of a push to an end.
pub fn push_event(end: End) -> &'static str {
    match end {
        End::Front => "lpush",
        End::Back => "rpush",
    }
}

/// The event of a pop from an end.
pub fn pop_event(end: End) -> &'static str {
    match end {
        End::Front => "lpop",
        End::Back => "rpop",
    }
}

/// What is taken from a list, and how the reply shows it.
#[derive(Debug, Clone, Copy)]
pub struct ListPop {
    pub end: End,
    /// An array of at most so many; None: one element, without an array.
    pub count: Option<usize>,
    /// An array of the key and what was taken.
    pub with_key: bool,
}

fn push(
    engine: &mut Engine,
    call: NativeCall<'_>,
    sink: &mut dyn Sink,
    end: End,
) -> Result<Handled, Failure> {
    let (key, elements) = (call.key(), call.rest(1));
    let count = elements.clone().count() as u64;
    let len = engine.edit_collection(key, Kind::List, |place, environment| {
        let mut list = ListMut::new(place, environment.list_limits());
        (list.push(end, elements), count)
    })?;
    engine.announce(class::LIST, push_event(end), key);
    sink.put(&Reply::Integer(len as i64), call.protocol);
    Ok(Handled::Replied)
}

fn pop(
    engine: &mut Engine,
    call: NativeCall<'_>,
    sink: &mut dyn Sink,
    end: End,
) -> Result<Handled, Failure> {
    let key = call.key();
    let count = call.integer(1).map(|count| count as usize);
    let mut writer = Writer::new(sink, call.protocol);
    let pop = ListPop {
        end,
        count,
        with_key: false,
    };
    engine.pop_from_list(key, pop, &mut writer)?;
    Ok(Handled::Replied)
}

impl Engine {
    /// Takes elements from an end and replies with them; returns how many.
    #[inline]
    pub fn pop_from_list(
        &mut self,
        key: &[u8],
        pop: ListPop,
        writer: &mut Writer<'_>,
    ) -> Result<usize, Failure> {
        let popped = self.edit_collection(key, Kind::List, |place, environment| {
            if place.is_new() {
                writer.put(if pop.count.is_some() {
                    &Reply::NullArray
                } else {
                    &Reply::Null
                });
                return (0, 0);
            }
            let mut list = ListMut::new(place, environment.list_limits());
            let wanted = pop.count.unwrap_or(1).min(list.read().len());
            if pop.with_key {
                writer.begin(Shape::Array, 2);
                writer.bulk(key);
            }
            if pop.count.is_some() {
                writer.begin(Shape::Array, wanted);
            }
            let popped = list.pop(pop.end, wanted, |element| writer.element(element));
            if pop.count.is_some() {
                writer.end(Shape::Array, wanted);
            }
            if pop.with_key {
                writer.end(Shape::Array, 2);
            }
            list.shrink();
            (popped, popped as u64)
        })?;
        if popped > 0 {
            self.announce(class::LIST, pop_event(pop.end), key);
        }
        Ok(popped)
    }

    /// Takes one element from the end of a list that is there and puts it at an end of
    /// another, or of the same; replies with it. Both must be lists, and the caller has
    /// looked at the source.
    pub fn move_between_lists(
        &mut self,
        source: &[u8],
        destination: &[u8],
        (from, to): (End, End),
        writer: &mut Writer<'_>,
    ) -> Result<(), Failure> {
        let mut moved = Vec::new();
        self.edit_again(source, Kind::List, |place, environment| {
            let mut list = ListMut::new(place, environment.list_limits());
            let visit = |element: crate::types::packed::Element<'_>| {
                moved.extend_from_slice(element.bytes(&mut itoa::Buffer::new()));
            };
            ((), list.pop(from, 1, visit) as u64)
        })?;
        self.edit_collection(destination, Kind::List, |place, environment| {
            let mut list = ListMut::new(place, environment.list_limits());
            (list.push(to, std::iter::once(&moved[..])), 0)
        })?;
        self.notify(class::LIST, push_event(to), destination);
        self.shrink_list(source)?;
        self.announce(class::LIST, pop_event(from), source);
        writer.bulk(&moved);
        Ok(())
    }

    /// What was taken out of a list lets it become small; not before the rest is done.
    fn shrink_list(&mut self, key: &[u8]) -> Result<(), Failure> {
        self.edit_again(key, Kind::List, |place: &mut Place<'_>, environment| {
            if !place.is_new() && !place.is_empty(Kind::List) {
                ListMut::new(place, environment.list_limits()).shrink();
            }
            ((), 0)
        })
    }
}

fn range(
    engine: &mut Engine,
    call: NativeCall<'_>,
    sink: &mut dyn Sink,
) -> Result<Handled, Failure> {
    let (first, last) = (call.integer(1), call.integer(2));
    let entry = engine.read_kind(call.key(), Kind::List, Access::Read)?;
    let list = entry
        .and_then(|entry| entry.content())
        .map(|content: Content<'_>| ListRef::new(content));
    let mut writer = Writer::new(sink, call.protocol);
    let len = list.map_or(0, ListRef::len);
    let range = resolve_range(first.unwrap_or(0), last.unwrap_or(-1), len);
    let count = range.len();
    writer.begin(Shape::Array, count);
    if let Some(list) = list {
        list.visit(range, |element| writer.element(element));
    }
    writer.end(Shape::Array, count);
    Ok(Handled::Replied)
}
