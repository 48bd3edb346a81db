//! The `cmsgpack` library.

use std::ffi::c_int;

use mlua_sys as ffi;

use crate::c_function;
use crate::lua::{Fault, Lua, Results, to_integer};

/// Deeper tables are packed as nil.
const NESTING_MAX: usize = 16;
/// Deeper data is not unpacked: the stack of this thread has an end.
const UNPACK_DEPTH_MAX: usize = 2000;

pub fn open(lua: Lua) {
    let functions: [(&[u8], ffi::lua_CFunction); 4] = [
        (b"pack", c_function!(pack)),
        (b"unpack", c_function!(unpack)),
        (b"unpack_one", c_function!(unpack_one)),
        (b"unpack_limit", c_function!(unpack_limit)),
    ];
    for (name, function) in functions {
        lua.push_function(function, 0);
        lua.set_field(-2, name);
    }
    for (name, text) in [
        ("_NAME", "cmsgpack"),
        ("_VERSION", "lua-cmsgpack 0.4.0"),
        ("_COPYRIGHT", "Copyright (C) 2012, Redis Ltd."),
        ("_DESCRIPTION", "MessagePack C implementation for Lua"),
    ] {
        lua.push(text.as_bytes());
        lua.set_field(-2, name.as_bytes());
    }
}

fn pack(lua: Lua) -> Results {
    let count = lua.top();
    if count == 0 {
        return Err(Fault::Argument(0, "MessagePack pack needs input.".into()));
    }
    if !lua.reserve(count) {
        let message = "Too many arguments for MessagePack pack.".into();
        return Err(Fault::Argument(0, message));
    }
    let mut bytes = Vec::new();
    for argument in 1..=count {
        lua.push_value(argument);
        pack_value(lua, 0, &mut bytes)?;
    }
    lua.push(&bytes);
    Ok(1)
}

/// Packs the value on top, and takes it.
fn pack_value(lua: Lua, depth: usize, into: &mut Vec<u8>) -> Result<(), Fault> {
    match lua.kind(-1) {
        ffi::LUA_TSTRING => pack_string(lua.bytes(-1).unwrap_or_default(), into),
        ffi::LUA_TBOOLEAN => into.push(0xC2 + u8::from(lua.boolean(-1))),
        ffi::LUA_TNUMBER => pack_number(lua.to_number(-1), into),
        ffi::LUA_TTABLE if depth < NESTING_MAX => pack_table(lua, depth, into)?,
        _ => into.push(0xC0),
    }
    lua.pop(1);
    Ok(())
}

fn pack_string(bytes: &[u8], into: &mut Vec<u8>) {
    let length = bytes.len();
    match length {
        0..32 => into.push(0xA0 | length as u8),
        32..=0xFF => into.extend_from_slice(&[0xD9, length as u8]),
        0x100..=0xFFFF => {
            into.push(0xDA);
            into.extend_from_slice(&(length as u16).to_be_bytes());
        }
        _ => {
            into.push(0xDB);
            into.extend_from_slice(&(length as u32).to_be_bytes());
        }
    }
    into.extend_from_slice(bytes);
}

fn pack_number(number: f64, into: &mut Vec<u8>) {
    // Only what a signed integer holds is one.
    if number.floor() == number && (-(2f64.powi(63))..2f64.powi(63)).contains(&number) {
        return pack_integer(number as i64, into);
    }
    let short = number as f32;
    if f64::from(short) == number {
        into.push(0xCA);
        into.extend_from_slice(&short.to_be_bytes());
    } else {
        into.push(0xCB);
        into.extend_from_slice(&number.to_be_bytes());
    }
}

fn pack_integer(number: i64, into: &mut Vec<u8>) {
    macro_rules! put {
        ($mark:literal, $kind:ty) => {{
            into.push($mark);
            into.extend_from_slice(&(number as $kind).to_be_bytes());
        }};
    }
    match number {
        0..0x80 => into.push(number as u8),
        0x80..=0xFF => put!(0xCC, u8),
        0x100..=0xFFFF => put!(0xCD, u16),
        0x1_0000..=0xFFFF_FFFF => put!(0xCE, u32),
        0x1_0000_0000.. => put!(0xCF, u64),
        -32..0 => into.push(number as u8),
        -0x80..-32 => put!(0xD0, i8),
        -0x8000..-0x80 => put!(0xD1, i16),
        -0x8000_0000..-0x8000 => put!(0xD2, i32),
        _ => put!(0xD3, i64),
    }
}

/// The number of items, if the keys of the table on top are 1, 2, 3 …
fn array_length(lua: Lua) -> Option<usize> {
    let (mut count, mut max) = (0, 0);
    lua.push_nil();
    while lua.next(-2) {
        lua.pop(1);
        let key = lua.to_number(-1);
        if lua.kind(-1) != ffi::LUA_TNUMBER || key.floor() != key || key <= 0.0 {
            lua.pop(1);
            return None;
        }
        max = max.max(to_integer(key));
        count += 1;
    }
    (max == count).then_some(count as usize)
}

fn pack_table(lua: Lua, depth: usize, into: &mut Vec<u8>) -> Result<(), Fault> {
    if !lua.reserve(4) {
        return Err(Fault::Here(
            b"stack overflow (in function mp_encode_lua_type)".to_vec(),
        ));
    }
    if lua.shared().step(16) {
        return Err(Fault::Plain(b"script ended".to_vec()));
    }
    let mut header = |count: usize, fix: u8, wide: u8| match count {
        0..16 => into.push(fix | count as u8),
        16..=0xFFFF => {
            into.push(wide);
            into.extend_from_slice(&(count as u16).to_be_bytes());
        }
        _ => {
            into.push(wide + 1);
            into.extend_from_slice(&(count as u32).to_be_bytes());
        }
    };
    if let Some(length) = array_length(lua) {
        header(length, 0x90, 0xDC);
        for index in 1..=length {
            lua.push_item(-1, index as c_int);
            pack_value(lua, depth + 1, into)?;
        }
        return Ok(());
    }
    let mut count = 0;
    lua.push_nil();
    while lua.next(-2) {
        lua.pop(1);
        count += 1;
    }
    header(count, 0x80, 0xDE);
    lua.push_nil();
    while lua.next(-2) {
        // Packing takes what it packs; `next` wants the key again.
        lua.push_value(-2);
        pack_value(lua, depth + 1, into)?;
        pack_value(lua, depth + 1, into)?;
    }
    Ok(())
}

fn unpack(lua: Lua) -> Results {
    let bytes = lua.check_bytes(1)?;
    unpack_full(lua, bytes, 0, 0)
}

/// `unpack_one(bytes [, offset])`: one value, and where the next one begins.
fn unpack_one(lua: Lua) -> Results {
    let offset = lua.integer_or(2, 0)?;
    unpack_full(lua, lua.check_bytes(1)?, 1, offset)
}

/// `unpack_limit(bytes, limit [, offset])`.
fn unpack_limit(lua: Lua) -> Results {
    // The servers look at the bytes last.
    let limit = lua.check_integer(2)?;
    let offset = lua.integer_or(3, 0)?;
    unpack_full(lua, lua.check_bytes(1)?, limit, offset)
}

fn unpack_full(lua: Lua, bytes: &[u8], limit: i64, offset: i64) -> Results {
    let refuse = |message: String| Err(Fault::Here(message.into_bytes()));
    // Messages show the lower half of each.
    let (shown, length) = (offset as i32, bytes.len() as i32);
    if offset < 0 || limit < 0 {
        return refuse(format!(
            "Invalid request to unpack with offset of {shown} and limit of {length}."
        ));
    }
    if offset as usize > bytes.len() {
        return refuse(format!(
            "Start offset {shown} greater than input length {length}."
        ));
    }
    let decodes_all = limit == 0 && offset == 0;
    let wanted = if decodes_all { i64::MAX } else { limit };
    let mut unpacker = Unpacker {
        lua,
        bytes,
        at: offset as usize,
    };
    let mut count = 0;
    while unpacker.at < bytes.len() && i64::from(count) < wanted {
        if !lua.reserve(1) {
            return refuse(
                "too many return values at once; use unpack_one or unpack_limit \
                           instead."
                    .into(),
            );
        }
        unpacker.value(0)?;
        count += 1;
    }
    if !decodes_all {
        let next = if unpacker.at < bytes.len() {
            unpacker.at as f64
        } else {
            -1.0
        };
        lua.push_number(next);
        lua.insert(-count - 1);
        count += 1;
    }
    Ok(count)
}

struct Unpacker<'a> {
    lua: Lua,
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Unpacker<'a> {
    fn take(&mut self, count: usize) -> Result<&'a [u8], Fault> {
        let end = self.at.checked_add(count);
        let taken = end.and_then(|end| self.bytes.get(self.at..end));
        let taken = taken.ok_or_else(|| Fault::Here(b"Missing bytes in input.".to_vec()))?;
        self.at += count;
        Ok(taken)
    }

    fn unsigned(&mut self, width: usize) -> Result<u64, Fault> {
        let bytes = self.take(width)?;
        Ok(bytes
            .iter()
            .fold(0, |number, byte| number << 8 | u64::from(*byte)))
    }

    fn value(&mut self, depth: usize) -> Result<(), Fault> {
        let lua = self.lua;
        if depth > UNPACK_DEPTH_MAX || !lua.reserve(4) {
            return Err(Fault::Here(
                b"too many nested tables in MessagePack data".to_vec(),
            ));
        }
        if lua.shared().step(4) {
            return Err(Fault::Plain(b"script ended".to_vec()));
        }
        let mark = self.take(1)?[0];
        match mark {
            0x00..=0x7F => lua.push_number(mark.into()),
            0xE0..=0xFF => lua.push_number(f64::from(mark as i8)),
            0xC0 => lua.push_nil(),
            0xC2 | 0xC3 => lua.push_boolean(mark == 0xC3),
            0xCA => {
                let bits = self.unsigned(4)? as u32;
                lua.push_number(f64::from(f32::from_bits(bits)));
            }
            0xCB => {
                let bits = self.unsigned(8)?;
                lua.push_number(f64::from_bits(bits));
            }
            0xCC..=0xCF => {
                let number = self.unsigned(1 << (mark - 0xCC))?;
                lua.push_number(number as i64 as f64);
            }
            0xD0..=0xD3 => {
                let width = 1 << (mark - 0xD0);
                let unused = 64 - 8 * width as u32;
                let number = (self.unsigned(width)? << unused) as i64 >> unused;
                lua.push_number(number as f64);
            }
            0xA0..=0xBF => self.string(usize::from(mark & 31))?,
            0xD9..=0xDB => {
                let length = self.unsigned(1 << (mark - 0xD9))?;
                self.string(length as usize)?;
            }
            0x90..=0x9F => self.array(usize::from(mark & 15), depth)?,
            0xDC | 0xDD => {
                let length = self.unsigned(if mark == 0xDC { 2 } else { 4 })?;
                self.array(length as usize, depth)?;
            }
            0x80..=0x8F => self.map(usize::from(mark & 15), depth)?,
            0xDE | 0xDF => {
                let length = self.unsigned(if mark == 0xDE { 2 } else { 4 })?;
                self.map(length as usize, depth)?;
            }
            _ => return Err(Fault::Here(b"Bad data format in input.".to_vec())),
        }
        Ok(())
    }

    fn string(&mut self, length: usize) -> Result<(), Fault> {
        let bytes = self.take(length)?;
        self.lua.push(bytes);
        Ok(())
    }

    fn array(&mut self, length: usize, depth: usize) -> Result<(), Fault> {
        self.lua.push_table(0, 0);
        for index in 1..=length {
            self.value(depth + 1)?;
            self.lua.set_item(-2, index);
        }
        Ok(())
    }

    fn map(&mut self, length: usize, depth: usize) -> Result<(), Fault> {
        let lua = self.lua;
        lua.push_table(0, 0);
        for _ in 0..length {
            self.value(depth + 1)?;
            let is_nan = lua.kind(-1) == ffi::LUA_TNUMBER && lua.to_number(-1).is_nan();
            if is_nan || lua.kind(-1) == ffi::LUA_TNIL {
                let what = if is_nan { "NaN" } else { "nil" };
                self.value(depth + 1)?;
                return Err(Fault::Plain(format!("table index is {what}").into_bytes()));
            }
            self.value(depth + 1)?;
            lua.raw_set(-3);
        }
        Ok(())
    }
}
