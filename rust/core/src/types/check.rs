//! Whether a collection keeps what its structure promises; for tests, and for the
//! keys that a bug may have damaged. Some checks panic instead of answering.

use super::home::{Content, Form};
use super::int_set::IntSet;
use super::packed_table::{PackedTable, Shape};
use super::{Object, list, sorted_set};

fn check_packed_table(bytes: &[u8], form: Form, values: bool) -> Result<(), String> {
    let shape = Shape {
        values,
        deadlines: form == Form::PackedTimed,
    };
    PackedTable::validate(bytes, shape).map_err(|corrupt| corrupt.to_string())
}

fn wrong(object: &Object) -> String {
    format!("an object of another kind: {}", object.encoding_name())
}

pub fn check_hash(content: Content<'_>) -> Result<(), String> {
    match content {
        Content::Object(Object::Hash(table)) => table.check(),
        Content::Object(other) => Err(wrong(other)),
        Content::Packed(form, bytes) => check_packed_table(bytes, form, true),
    }
}

pub fn check_set(content: Content<'_>) -> Result<(), String> {
    match content {
        Content::Object(Object::Set(table)) => table.check(),
        Content::Object(other) => Err(wrong(other)),
        Content::Packed(Form::PackedIntegers, bytes) => {
            IntSet::validate(bytes).map_err(|corrupt| corrupt.to_string())
        }
        Content::Packed(form, bytes) => check_packed_table(bytes, form, false),
    }
}

pub fn check_list(content: Content<'_>) -> Result<(), String> {
    match content {
        Content::Object(Object::List(list)) => {
            list.check();
            Ok(())
        }
        Content::Object(other) => Err(wrong(other)),
        Content::Packed(_, bytes) => {
            list::packed::validate(bytes).map_err(|corrupt| corrupt.to_string())
        }
    }
}

pub fn check_sorted_set(content: Content<'_>) -> Result<(), String> {
    match content {
        Content::Object(Object::SortedSet(set)) => {
            set.check();
            Ok(())
        }
        Content::Object(other) => Err(wrong(other)),
        Content::Packed(_, bytes) => {
            sorted_set::packed::validate(bytes).map_err(|corrupt| corrupt.to_string())
        }
    }
}

pub fn check_stream(content: Content<'_>) -> Result<(), String> {
    match content {
        Content::Object(Object::Stream(stream)) => {
            stream.check();
            Ok(())
        }
        Content::Object(other) => Err(wrong(other)),
        Content::Packed(..) => Err("a stream that is packed".into()),
    }
}
