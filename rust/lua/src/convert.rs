//! Replies to values of Lua, and back.

use mlua_sys as ffi;
use rubellite_core::output::Output;
use rubellite_core::reply::Protocol;
use rubellite_core::resp::encode;

use crate::lua::{Lua, to_integer};

/// Pushes the reply at the beginning of `bytes`; how long that is.
///
/// They come from our own encoder: whole and well-formed.
pub fn push_reply(lua: Lua, bytes: &[u8]) -> usize {
    let end = memchr::memchr(b'\n', bytes).map_or(bytes.len(), |at| at + 1);
    let line = bytes[..end].strip_suffix(b"\r\n").unwrap_or(bytes);
    let (kind, line) = line
        .split_first()
        .map_or((b'_', line), |(kind, rest)| (*kind, rest));
    let count = || integer(line);
    match kind {
        b'+' => {
            lua.push_table(0, 1);
            lua.push(line);
            lua.set_field(-2, b"ok");
        }
        b'-' => lua.push_error_table(line, true),
        b':' => lua.push_number(count() as f64),
        b'$' => {
            let Ok(length) = usize::try_from(count()) else {
                lua.push_boolean(false);
                return end;
            };
            lua.push(&bytes[end..end + length]);
            return end + length + 2;
        }
        b'*' => {
            let Ok(length) = usize::try_from(count()) else {
                lua.push_boolean(false);
                return end;
            };
            return push_array(lua, &bytes[end..], length) + end;
        }
        b'%' => {
            wrap(lua, b"map");
            let used = push_pairs(lua, &bytes[end..], count() as usize);
            lua.raw_set(-3);
            return used + end;
        }
        b'~' => {
            wrap(lua, b"set");
            let used = push_set(lua, &bytes[end..], count() as usize);
            lua.raw_set(-3);
            return used + end;
        }
        b'#' => lua.push_boolean(line == b"t"),
        b',' => {
            wrap(lua, b"double");
            let text = std::str::from_utf8(line).unwrap_or_default();
            lua.push_number(text.parse().unwrap_or(f64::NAN));
            lua.raw_set(-3);
        }
        b'(' => {
            wrap(lua, b"big_number");
            lua.push(line);
            lua.raw_set(-3);
        }
        b'=' => {
            let length = count() as usize;
            let (format, text) = bytes[end..end + length].split_at(4);
            wrap(lua, b"verbatim_string");
            lua.push_table(0, 2);
            lua.push(text);
            lua.set_field(-2, b"string");
            lua.push(&format[..3]);
            lua.set_field(-2, b"format");
            lua.raw_set(-3);
            return end + length + 2;
        }
        b'|' => {
            // What is said about a reply is not for scripts.
            let skipped = push_pairs(lua, &bytes[end..], count() as usize) + end;
            lua.pop(1);
            return skipped + push_reply(lua, &bytes[skipped..]);
        }
        b'>' => return push_array(lua, &bytes[end..], count() as usize) + end,
        _ => lua.push_nil(),
    }
    end
}

fn integer(line: &[u8]) -> i64 {
    rubellite_core::text::integer::parse(line).unwrap_or_default()
}

/// A table that waits for its only field: its name is on top.
fn wrap(lua: Lua, name: &[u8]) {
    lua.reserve(8);
    lua.push_table(0, 1);
    lua.push(name);
}

fn push_array(lua: Lua, bytes: &[u8], length: usize) -> usize {
    lua.reserve(8);
    lua.push_table(length, 0);
    let mut at = 0;
    for index in 1..=length {
        at += push_reply(lua, &bytes[at..]);
        lua.set_item(-2, index);
    }
    at
}

fn push_pairs(lua: Lua, bytes: &[u8], count: usize) -> usize {
    lua.push_table(0, count);
    let mut at = 0;
    for _ in 0..count {
        at += push_reply(lua, &bytes[at..]);
        at += push_reply(lua, &bytes[at..]);
        set_pair(lua);
    }
    at
}

fn push_set(lua: Lua, bytes: &[u8], count: usize) -> usize {
    lua.push_table(0, count);
    let mut at = 0;
    for _ in 0..count {
        at += push_reply(lua, &bytes[at..]);
        lua.push_boolean(true);
        set_pair(lua);
    }
    at
}

/// Sets a field whose key came from a reply: nil is none.
fn set_pair(lua: Lua) {
    if lua.is_nil_or_none(-2) {
        lua.pop(2);
    } else {
        lua.raw_set(-3);
    }
}

/// How a script's result is written.
#[derive(Debug, Clone, Copy)]
pub struct Form {
    pub client: Protocol,
    pub script: Protocol,
}

/// What was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Written {
    Reply,
    /// An error: its line, unless it was counted when it happened.
    Error(Option<Vec<u8>>),
}

/// Writes the value on top of the stack, and takes it.
pub fn write_reply(lua: Lua, form: Form, out: &mut Output) -> Written {
    if !lua.reserve(4) {
        encode::error(out.tail(), b"ERR reached lua stack limit");
        lua.pop(1);
        return Written::Reply;
    }
    let mut written = Written::Reply;
    match lua.kind(-1) {
        ffi::LUA_TSTRING => encode::bulk(out.tail(), lua.bytes(-1).unwrap_or_default()),
        ffi::LUA_TNUMBER => encode::integer(out.tail(), to_integer(lua.to_number(-1))),
        ffi::LUA_TBOOLEAN if form.script == Protocol::Resp3 => {
            encode::boolean(out.tail(), lua.boolean(-1), form.client);
        }
        ffi::LUA_TBOOLEAN if lua.boolean(-1) => encode::integer(out.tail(), 1),
        ffi::LUA_TTABLE => written = write_table(lua, form, out),
        _ => encode::null(out.tail(), form.client),
    }
    lua.pop(1);
    written
}

fn write_table(lua: Lua, form: Form, out: &mut Output) -> Written {
    lua.push_field(-1, b"err");
    if let Some(line) = lua.string(-1) {
        let line = as_in_c(line);
        encode::error(out.tail(), line);
        lua.push_field(-2, b"ignore_error_stats_update");
        let uncounted = (!lua.boolean(-1)).then(|| line.to_vec());
        lua.pop(2);
        return Written::Error(uncounted);
    }
    lua.pop(1);
    lua.push_field(-1, b"ok");
    if let Some(line) = lua.string(-1) {
        out.push(b"+");
        out.push(&plain(line));
        out.push(b"\r\n");
        lua.pop(1);
        return Written::Reply;
    }
    lua.pop(1);
    lua.push_field(-1, b"double");
    if lua.kind(-1) == ffi::LUA_TNUMBER {
        encode::double(out.tail(), lua.to_number(-1), form.client);
        lua.pop(1);
        return Written::Reply;
    }
    lua.pop(1);
    lua.push_field(-1, b"map");
    if lua.is_table(-1) {
        encode::map_header(out.tail(), count(lua), form.client);
        lua.push_nil();
        while lua.next(-2) {
            lua.push_value(-2);
            write_reply(lua, form, out);
            write_reply(lua, form, out);
        }
        lua.pop(1);
        return Written::Reply;
    }
    lua.pop(1);
    lua.push_field(-1, b"set");
    if lua.is_table(-1) {
        encode::set_header(out.tail(), count(lua), form.client);
        lua.push_nil();
        while lua.next(-2) {
            lua.pop(1);
            lua.push_value(-1);
            write_reply(lua, form, out);
        }
        lua.pop(1);
        return Written::Reply;
    }
    lua.pop(1);
    lua.push_field(-1, b"big_number");
    if let Some(digits) = lua.string(-1) {
        encode::big_number(out.tail(), &plain(digits), form.client);
        lua.pop(1);
        return Written::Reply;
    }
    lua.pop(1);
    if write_verbatim(lua, form, out) {
        return Written::Reply;
    }
    write_array(lua, form, out);
    Written::Reply
}

/// What a function in C reads: a string up to its first NUL.
pub fn as_in_c(bytes: &[u8]) -> &[u8] {
    bytes.split(|byte| *byte == 0).next().unwrap_or_default()
}

/// A line of its own; line ends in it become blanks.
fn plain(line: &[u8]) -> Vec<u8> {
    let is_end = |byte: u8| matches!(byte, b'\r' | b'\n');
    let line = as_in_c(line).iter();
    line.map(|byte| if is_end(*byte) { b' ' } else { *byte })
        .collect()
}

fn count(lua: Lua) -> usize {
    let mut count = 0;
    lua.push_nil();
    while lua.next(-2) {
        lua.pop(1);
        count += 1;
    }
    count
}

fn write_verbatim(lua: Lua, form: Form, out: &mut Output) -> bool {
    let top = lua.top();
    lua.push_field(-1, b"verbatim_string");
    let mut is_written = false;
    if lua.is_table(-1) {
        lua.push_field(-1, b"format");
        lua.push_field(-2, b"string");
        if let (Some(format), Some(text)) = (lua.string(-2), lua.string(-1)) {
            let mut format = format.to_vec();
            format.resize(3, b' ');
            let format = String::from_utf8_lossy(&format);
            encode::verbatim(out.tail(), &format, text, form.client);
            is_written = true;
        }
    }
    lua.set_top(top);
    is_written
}

fn write_array(lua: Lua, form: Form, out: &mut Output) {
    let mut length = 0;
    loop {
        lua.push_item(-1, length + 1);
        let is_end = lua.is_nil_or_none(-1);
        lua.pop(1);
        if is_end {
            break;
        }
        length += 1;
    }
    encode::array_header(out.tail(), length as usize);
    for index in 1..=length {
        lua.push_item(-1, index);
        write_reply(lua, form, out);
    }
}
