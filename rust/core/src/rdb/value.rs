//! Reads one value.
//!
//! The only place that knows the types of values; a new one is an arm of `read`.

use std::io::Read;

use super::build::{
    Context, HashBuilder, ListBuilder, SetBuilder, SortedSetBuilder, expire_members, integers,
    remove_due_scored,
};
use super::input::Input;
use super::{Error, Family, Result, blobs, streams, type_number as number};
use crate::keyspace::Kind;
use crate::types::Object;
use crate::types::home::{Detached, Home};
use crate::types::packed::{Element, IntText};
use crate::types::record::Deadline;
use crate::types::sorted_set::face::SortedSetMut;

/// The largest buffer for strings that is kept.
const KEPT_BYTES_MAX: usize = 64 << 10;

/// What a file held at a key.
#[derive(Debug)]
pub enum Value {
    String(Vec<u8>),
    Collection(Kind, Detached),
    /// A hash all of whose fields have expired.
    Expired,
    /// What we pass over, and why.
    Skipped(String),
}

/// Buffers that are kept from one value to the next.
#[derive(Default)]
pub struct Buffers {
    one: Vec<u8>,
    other: Vec<u8>,
    text: Vec<u8>,
}

impl Buffers {
    /// Takes back the bytes of a string that nobody needs any more.
    #[inline]
    pub fn take_back(&mut self, text: Vec<u8>) {
        // A giant one is not kept for the sake of the next.
        if (self.text.capacity()..=KEPT_BYTES_MAX).contains(&text.capacity()) {
            self.text = text;
        }
    }
}

/// Reads the value of type `type_number`.
pub fn read<R: Read>(
    input: &mut Input<R>,
    type_number: u8,
    family: Family,
    context: Context<'_>,
    buffers: &mut Buffers,
) -> Result<Value> {
    let kind = |kind: Kind, value: Detached| Ok(Value::Collection(kind, value));
    match type_number {
        number::STRING => {
            let mut text = std::mem::take(&mut buffers.text);
            input.string(&mut text)?;
            Ok(Value::String(text))
        }
        number::LIST => kind(Kind::List, list(input, context, buffers)?),
        number::SET => kind(Kind::Set, set(input, context, buffers)?),
        number::SORTED_SET | number::SORTED_SET_2 => {
            let is_binary = type_number == number::SORTED_SET_2;
            kind(
                Kind::SortedSet,
                sorted_set(input, context, buffers, is_binary)?,
            )
        }
        number::HASH => hash(input, context, buffers, Deadlines::None),
        number::HASH_ZIPMAP | number::HASH_ZIPLIST | number::HASH_LISTPACK => {
            packed_hash(input, context, buffers, type_number)
        }
        number::LIST_ZIPLIST | number::LIST_QUICKLIST | number::LIST_QUICKLIST_2 => {
            kind(Kind::List, node_list(input, context, buffers, type_number)?)
        }
        number::SET_INTSET => {
            input.string(&mut buffers.one)?;
            let set = blobs::intset(&buffers.one)
                .and_then(|(width, members)| integers(context, width, members));
            kind(Kind::Set, set.map_err(|fault| input.corrupt(fault))?)
        }
        number::SET_LISTPACK => {
            input.string(&mut buffers.one)?;
            let mut builder = SetBuilder::new_packed(context);
            let set = blobs::listpack(&buffers.one, &mut |element| builder.push(element))
                .and_then(|()| builder.finish());
            kind(Kind::Set, set.map_err(|fault| input.corrupt(fault))?)
        }
        number::SORTED_SET_ZIPLIST | number::SORTED_SET_LISTPACK => {
            let is_ziplist = type_number == number::SORTED_SET_ZIPLIST;
            kind(
                Kind::SortedSet,
                packed_sorted_set(input, context, buffers, is_ziplist)?,
            )
        }
        number::STREAM_LISTPACKS | number::STREAM_LISTPACKS_2 | number::STREAM_LISTPACKS_3 => {
            let stream = streams::read(input, type_number)?;
            let mut detached = Detached::new();
            detached.become_object(Object::Stream(stream));
            kind(Kind::Stream, detached)
        }
        number::MODULE => Err(Error::Unsupported {
            offset: input.offset(),
            reason: "the key holds data of a module in a format that only it can read".into(),
        }),
        number::MODULE_2 => {
            let name = module_name(input.length()?);
            skip_module_data(input)?;
            Ok(Value::Skipped(format!("data of the module '{name}'")))
        }
        number::SET_TIMED => timed_set(input, context, buffers),
        number::SORTED_SET_TIMED => timed_sorted_set(input, context, buffers),
        _ => match (family, type_number) {
            (Family::Valkey, number::VALKEY_HASH_TIMED) => {
                hash(input, context, buffers, Deadlines::Behind)
            }
            (Family::Redis, number::REDIS_HASH_TIMED_PREVIEW) => {
                hash(input, context, buffers, Deadlines::Before(1))
            }
            (Family::Redis, number::REDIS_HASH_TIMED) => {
                let earliest = input.milliseconds()?;
                hash(input, context, buffers, Deadlines::Before(earliest))
            }
            (Family::Redis, number::REDIS_HASH_TIMED_LISTPACK_PREVIEW) => {
                timed_listpack_hash(input, context, buffers)
            }
            (Family::Redis, number::REDIS_HASH_TIMED_LISTPACK) => {
                input.milliseconds()?;
                timed_listpack_hash(input, context, buffers)
            }
            _ => Err(input.corrupt(format!("no value has the type {type_number}"))),
        },
    }
}

fn list<R: Read>(
    input: &mut Input<R>,
    context: Context<'_>,
    buffers: &mut Buffers,
) -> Result<Detached> {
    let count = input.length()?;
    let mut builder = ListBuilder::new(context);
    for _ in 0..count {
        input.string(&mut buffers.one)?;
        builder.push(Element::new(&buffers.one));
    }
    builder.finish().map_err(|fault| input.corrupt(fault))
}

/// A list in ziplists or listpacks, one alone or a count of them.
fn node_list<R: Read>(
    input: &mut Input<R>,
    context: Context<'_>,
    buffers: &mut Buffers,
    type_number: u8,
) -> Result<Detached> {
    const PLAIN: u64 = 1;
    const PACKED: u64 = 2;
    let nodes = match type_number {
        number::LIST_ZIPLIST => 1,
        _ => input.length()?,
    };
    let mut builder = ListBuilder::new(context);
    for _ in 0..nodes {
        let container = match type_number {
            number::LIST_QUICKLIST_2 => input.length()?,
            _ => PACKED,
        };
        input.string(&mut buffers.one)?;
        let take = &mut |element: Element<'_>| {
            builder.push(element);
            Ok(())
        };
        let taken = match (container, type_number) {
            (PLAIN, _) => take(Element::new(&buffers.one)),
            (PACKED, number::LIST_QUICKLIST_2) => blobs::listpack(&buffers.one, take),
            (PACKED, _) => blobs::ziplist(&buffers.one, take),
            _ => Err("an unknown kind of a list's node"),
        };
        taken.map_err(|fault| input.corrupt(fault))?;
    }
    builder.finish().map_err(|fault| input.corrupt(fault))
}

fn set<R: Read>(
    input: &mut Input<R>,
    context: Context<'_>,
    buffers: &mut Buffers,
) -> Result<Detached> {
    let count = input.length()?;
    let mut builder = SetBuilder::new(context, count);
    for _ in 0..count {
        input.string(&mut buffers.one)?;
        builder
            .push(Element::new(&buffers.one))
            .map_err(|fault| input.corrupt(fault))?;
    }
    builder.finish().map_err(|fault| input.corrupt(fault))
}

/// A set of members, each with its deadline behind it, -1 for none.
fn timed_set<R: Read>(
    input: &mut Input<R>,
    context: Context<'_>,
    buffers: &mut Buffers,
) -> Result<Value> {
    let count = input.length()?;
    let mut builder = SetBuilder::new(context, count);
    let mut deadlines = Vec::new();
    for _ in 0..count {
        input.string(&mut buffers.one)?;
        let at = input.milliseconds()?;
        builder
            .push(Element::new(&buffers.one))
            .map_err(|fault| input.corrupt(fault))?;
        match at {
            -1 => {}
            0.. => deadlines.push((buffers.one.clone(), at)),
            _ => return Err(input.corrupt("a deadline is not a time")),
        }
    }
    let mut set = builder.finish().map_err(|fault| input.corrupt(fault))?;
    Ok(if expire_members(&mut set, context, deadlines) {
        Value::Collection(Kind::Set, set)
    } else {
        Value::Expired
    })
}

fn sorted_set<R: Read>(
    input: &mut Input<R>,
    context: Context<'_>,
    buffers: &mut Buffers,
    is_binary: bool,
) -> Result<Detached> {
    let count = input.length()?;
    let mut builder = SortedSetBuilder::new(context, count);
    for _ in 0..count {
        input.string(&mut buffers.one)?;
        let score = if is_binary {
            input.double()?
        } else {
            input.text_double()?
        };
        builder
            .push(&buffers.one, score)
            .map_err(|fault| input.corrupt(fault))?;
    }
    builder.finish().map_err(|fault| input.corrupt(fault))
}

/// A sorted set of members, each with its score and its deadline behind it, -1 for none.
fn timed_sorted_set<R: Read>(
    input: &mut Input<R>,
    context: Context<'_>,
    buffers: &mut Buffers,
) -> Result<Value> {
    let count = input.length()?;
    let mut builder = SortedSetBuilder::new(context, count);
    let mut deadlines = Vec::new();
    for _ in 0..count {
        input.string(&mut buffers.one)?;
        let (score, at) = (input.double()?, input.milliseconds()?);
        builder
            .push(&buffers.one, score)
            .map_err(|fault| input.corrupt(fault))?;
        match at {
            -1 => {}
            0.. => deadlines.push((buffers.one.clone(), at)),
            _ => return Err(input.corrupt("a deadline is not a time")),
        }
    }
    let mut set = builder.finish().map_err(|fault| input.corrupt(fault))?;
    let mut edit = SortedSetMut::new(&mut set, context.sorted_sets);
    for (member, at) in deadlines {
        edit.set_deadline(&member, Deadline::At(at));
    }
    Ok(if remove_due_scored(&mut set, context) {
        Value::Collection(Kind::SortedSet, set)
    } else {
        Value::Expired
    })
}

fn packed_sorted_set<R: Read>(
    input: &mut Input<R>,
    context: Context<'_>,
    buffers: &mut Buffers,
    is_ziplist: bool,
) -> Result<Detached> {
    input.string(&mut buffers.one)?;
    let mut builder = SortedSetBuilder::new(context, 0);
    let mut is_member = false;
    let take = &mut |element: Element<'_>| {
        is_member = !is_member;
        builder.push_alternating(element, is_member)
    };
    let taken = if is_ziplist {
        blobs::ziplist(&buffers.one, take)
    } else {
        blobs::listpack(&buffers.one, take)
    };
    let built = taken.and_then(|()| {
        if is_member {
            return Err("a member without a score");
        }
        builder.finish()
    });
    built.map_err(|fault| input.corrupt(fault))
}

/// Where a hash's fields have their deadlines.
#[derive(Clone, Copy)]
enum Deadlines {
    None,
    /// A length before the field, 0 for none, else counted from this time minus 1.
    Before(i64),
    /// Milliseconds behind the value, -1 for none.
    Behind,
}

fn hash<R: Read>(
    input: &mut Input<R>,
    context: Context<'_>,
    buffers: &mut Buffers,
    deadlines: Deadlines,
) -> Result<Value> {
    let count = input.length()?;
    let mut builder = HashBuilder::new(context, count);
    for _ in 0..count {
        let mut deadline = None;
        if let Deadlines::Before(earliest) = deadlines {
            let after = input.length()?;
            if after > 0 {
                let at = i64::try_from(after)
                    .ok()
                    .and_then(|after| earliest.checked_add(after - 1));
                deadline = Some(at.ok_or_else(|| input.corrupt("a deadline is not a time"))?);
            }
        }
        input.string(&mut buffers.one)?;
        input.string(&mut buffers.other)?;
        if let Deadlines::Behind = deadlines {
            deadline = Some(input.milliseconds()?).filter(|at| *at != -1);
        }
        if deadline.is_some_and(|at| at < 0) {
            return Err(input.corrupt("a deadline is not a time"));
        }
        builder
            .push(
                Element::new(&buffers.one),
                Element::new(&buffers.other),
                deadline,
            )
            .map_err(|fault| input.corrupt(fault))?;
    }
    finish_hash(input, builder)
}

fn finish_hash<R: Read>(input: &Input<R>, builder: HashBuilder<'_>) -> Result<Value> {
    let hash = builder.finish().map_err(|fault| input.corrupt(fault))?;
    Ok(hash.map_or(Value::Expired, |hash| Value::Collection(Kind::Hash, hash)))
}

fn packed_hash<R: Read>(
    input: &mut Input<R>,
    context: Context<'_>,
    buffers: &mut Buffers,
    type_number: u8,
) -> Result<Value> {
    input.string(&mut buffers.one)?;
    let mut builder = HashBuilder::new(context, 0);
    let mut is_field = false;
    let take = &mut |element: Element<'_>| {
        is_field = !is_field;
        builder.push_alternating(element, is_field)
    };
    let taken = match type_number {
        number::HASH_ZIPMAP => blobs::zipmap(&buffers.one, take),
        number::HASH_ZIPLIST => blobs::ziplist(&buffers.one, take),
        _ => blobs::listpack(&buffers.one, take),
    };
    taken.map_err(|fault| input.corrupt(fault))?;
    if is_field {
        return Err(input.corrupt("a field without a value"));
    }
    finish_hash(input, builder)
}

/// A listpack of fields, values and deadlines.
fn timed_listpack_hash<R: Read>(
    input: &mut Input<R>,
    context: Context<'_>,
    buffers: &mut Buffers,
) -> Result<Value> {
    input.string(&mut buffers.one)?;
    let mut builder = HashBuilder::new(context, 0);
    let (mut field, mut value) = (Vec::new(), Vec::new());
    let mut index = 0_usize;
    let taken = blobs::listpack(&buffers.one, &mut |element| {
        index += 1;
        let mut text = IntText::new();
        match index % 3 {
            1 => field = element.bytes(&mut text).to_vec(),
            2 => value = element.bytes(&mut text).to_vec(),
            _ => {
                let deadline = match element {
                    Element::Integer(at @ 0..) => Some(at).filter(|at| *at > 0),
                    _ => return Err("a deadline is not a time"),
                };
                builder.push(Element::new(&field), Element::new(&value), deadline)?;
            }
        }
        Ok(())
    });
    taken.map_err(|fault| input.corrupt(fault))?;
    if index % 3 != 0 {
        return Err(input.corrupt("a field without a value and a deadline"));
    }
    finish_hash(input, builder)
}

/// The name in a module's number: nine characters of 6 bits, then its version.
pub fn module_name(id: u64) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    (0..9)
        .map(|index| char::from(LETTERS[(id >> (58 - 6 * index) & 63) as usize]))
        .collect()
}

/// Passes over what a module wrote, which tells the types of its parts.
pub fn skip_module_data<R: Read>(input: &mut Input<R>) -> Result<()> {
    loop {
        match input.length()? {
            0 => return Ok(()),
            1 | 2 => {
                input.length()?;
            }
            3 => input.skip(4)?,
            4 => input.skip(8)?,
            5 => input.skip_string()?,
            part => {
                return Err(
                    input.corrupt(format!("no part of a module's data has the type {part}"))
                );
            }
        }
    }
}
