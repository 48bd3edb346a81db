//! The `cjson` library: options, and values to JSON. `json_decode` reads it.

use std::ffi::c_int;

use mlua_sys as ffi;

use crate::c_function;
use crate::convert::as_in_c;
use crate::json_decode::decode;
use crate::lua::{Fault, Lua, Results};
use crate::printf;

/// What scripts can set; it holds for all scripts that follow, as on real servers.
#[derive(Debug, Clone, Copy)]
pub struct Options {
    pub converts_sparse: bool,
    pub sparse_ratio: i64,
    pub sparse_safe: i64,
    pub encode_depth_max: i64,
    pub decode_depth_max: i64,
    pub precision: i64,
    pub keeps_buffer: bool,
    pub encodes_invalid: Invalid,
    pub decodes_invalid: bool,
}

/// What becomes of numbers that JSON has no form for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Invalid {
    Refused,
    Written,
    Null,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            converts_sparse: false,
            sparse_ratio: 2,
            sparse_safe: 10,
            encode_depth_max: 1000,
            decode_depth_max: 1000,
            precision: 14,
            keeps_buffer: true,
            encodes_invalid: Invalid::Refused,
            decodes_invalid: true,
        }
    }
}

/// Puts the library's functions and constants into the table on top.
pub fn open(lua: Lua) {
    let functions: [(&[u8], ffi::lua_CFunction); 10] = [
        (b"encode", c_function!(encode)),
        (b"decode", c_function!(decode)),
        (b"encode_sparse_array", c_function!(set_sparse)),
        (
            b"encode_max_depth",
            c_function!(|lua| set_integer(lua, |o| &mut o.encode_depth_max, i32::MAX.into())),
        ),
        (
            b"decode_max_depth",
            c_function!(|lua| set_integer(lua, |o| &mut o.decode_depth_max, i32::MAX.into())),
        ),
        (
            b"encode_number_precision",
            c_function!(|lua| set_integer(lua, |o| &mut o.precision, 14)),
        ),
        (b"encode_keep_buffer", c_function!(set_keep_buffer)),
        (b"encode_invalid_numbers", c_function!(set_encode_invalid)),
        (b"decode_invalid_numbers", c_function!(set_decode_invalid)),
        (b"new", c_function!(new)),
    ];
    for (name, function) in functions {
        lua.push_function(function, 0);
        lua.set_field(-2, name);
    }
    lua.push_null();
    lua.set_field(-2, b"null");
    lua.push(b"cjson");
    lua.set_field(-2, b"_NAME");
    lua.push(b"2.1.0");
    lua.set_field(-2, b"_VERSION");
}

/// A module of its own; its options are those of all.
fn new(lua: Lua) -> Results {
    lua.push_table(0, 13);
    open(lua);
    Ok(1)
}

/// At most `count` arguments; what is missing is nil.
fn arguments(lua: Lua, count: c_int) -> Result<(), Fault> {
    if lua.top() > count {
        return Err(Fault::Argument(
            count + 1,
            "found too many arguments".into(),
        ));
    }
    lua.set_top(count);
    Ok(())
}

fn integer_option(lua: Lua, argument: c_int, min: i64, max: i64) -> Result<Option<i64>, Fault> {
    if lua.is_nil_or_none(argument) {
        return Ok(None);
    }
    let value = i64::from(lua.check_integer(argument)? as i32);
    if !(min..=max).contains(&value) {
        let message = format!("expected integer between {min} and {max}");
        return Err(Fault::Argument(argument, message.into()));
    }
    Ok(Some(value))
}

fn set_integer(lua: Lua, option: fn(&mut Options) -> &mut i64, max: i64) -> Results {
    arguments(lua, 1)?;
    let value = integer_option(lua, 1, 1, max)?;
    let option = option(&mut lua.shared().json);
    *option = value.unwrap_or(*option);
    lua.push_number(*option as f64);
    Ok(1)
}

/// A boolean, or one of `words` and its place among them.
fn word_option(lua: Lua, argument: c_int, words: &[&str]) -> Result<Option<usize>, Fault> {
    match lua.kind(argument) {
        ffi::LUA_TNONE | ffi::LUA_TNIL => Ok(None),
        ffi::LUA_TBOOLEAN => Ok(Some(usize::from(lua.boolean(argument)))),
        _ => {
            let word = lua.check_bytes(argument)?;
            let place = words.iter().position(|one| one.as_bytes() == word);
            place.map(Some).ok_or_else(|| {
                let message = [b"invalid option '", as_in_c(word), b"'"].concat();
                Fault::Argument(argument, message)
            })
        }
    }
}

fn set_switch(lua: Lua, option: fn(&mut Options) -> &mut bool) -> Results {
    let value = word_option(lua, 1, &["off", "on"])?;
    let option = option(&mut lua.shared().json);
    *option = value.map_or(*option, |value| value == 1);
    lua.push_boolean(*option);
    Ok(1)
}

fn set_sparse(lua: Lua) -> Results {
    arguments(lua, 3)?;
    set_switch(lua, |options| &mut options.converts_sparse)?;
    let ratio = integer_option(lua, 2, 0, i32::MAX.into())?;
    let options = &mut lua.shared().json;
    options.sparse_ratio = ratio.unwrap_or(options.sparse_ratio);
    lua.push_number(options.sparse_ratio as f64);
    let safe = integer_option(lua, 3, 0, i32::MAX.into())?;
    options.sparse_safe = safe.unwrap_or(options.sparse_safe);
    lua.push_number(options.sparse_safe as f64);
    Ok(3)
}

fn set_keep_buffer(lua: Lua) -> Results {
    arguments(lua, 1)?;
    set_switch(lua, |options| &mut options.keeps_buffer)
}

fn set_decode_invalid(lua: Lua) -> Results {
    arguments(lua, 1)?;
    set_switch(lua, |options| &mut options.decodes_invalid)
}

fn set_encode_invalid(lua: Lua) -> Results {
    arguments(lua, 1)?;
    let value = word_option(lua, 1, &["off", "on", "null"])?;
    let options = &mut lua.shared().json;
    if let Some(value) = value {
        options.encodes_invalid = [Invalid::Refused, Invalid::Written, Invalid::Null][value];
    }
    match options.encodes_invalid {
        Invalid::Refused => lua.push_boolean(false),
        Invalid::Written => lua.push_boolean(true),
        Invalid::Null => lua.push(b"null"),
    }
    Ok(1)
}

fn encode(lua: Lua) -> Results {
    if lua.top() != 1 {
        return Err(Fault::Argument(1, "expected 1 argument".into()));
    }
    let mut encoder = Encoder {
        lua,
        options: lua.shared().json,
        text: Vec::new(),
    };
    encoder.value(0)?;
    lua.push(&encoder.text);
    Ok(1)
}

struct Encoder {
    lua: Lua,
    options: Options,
    text: Vec<u8>,
}

impl Encoder {
    fn refuse<T>(&self, reason: &str) -> Result<T, Fault> {
        let kind = self.lua.kind_name(-1);
        let message = format!("Cannot serialise {kind}: {reason}");
        Err(Fault::Here(message.into_bytes()))
    }

    /// Writes the value on top of the stack.
    fn value(&mut self, depth: i64) -> Result<(), Fault> {
        let lua = self.lua;
        match lua.kind(-1) {
            ffi::LUA_TSTRING => self.string(lua.bytes(-1).unwrap_or_default()),
            ffi::LUA_TNUMBER => self.number(lua.to_number(-1))?,
            ffi::LUA_TBOOLEAN if lua.boolean(-1) => self.text.extend_from_slice(b"true"),
            ffi::LUA_TBOOLEAN => self.text.extend_from_slice(b"false"),
            ffi::LUA_TTABLE => self.table(depth + 1)?,
            ffi::LUA_TNIL => self.text.extend_from_slice(b"null"),
            ffi::LUA_TLIGHTUSERDATA if lua.is_null(-1) => self.text.extend_from_slice(b"null"),
            _ => return self.refuse("type not supported"),
        }
        Ok(())
    }

    fn number(&mut self, number: f64) -> Result<(), Fault> {
        if !number.is_finite() {
            match self.options.encodes_invalid {
                Invalid::Refused => return self.refuse("must not be NaN or Inf"),
                Invalid::Null => {
                    self.text.extend_from_slice(b"null");
                    return Ok(());
                }
                Invalid::Written if number.is_nan() => {
                    self.text.extend_from_slice(b"nan");
                    return Ok(());
                }
                Invalid::Written => {}
            }
        }
        printf::general(number, self.options.precision as i32, &mut self.text);
        Ok(())
    }

    fn string(&mut self, bytes: &[u8]) {
        let text = &mut self.text;
        text.reserve(bytes.len() + 2);
        text.push(b'"');
        for &byte in bytes {
            match byte {
                b'"' | b'\\' | b'/' => text.extend_from_slice(&[b'\\', byte]),
                8 => text.extend_from_slice(b"\\b"),
                9 => text.extend_from_slice(b"\\t"),
                10 => text.extend_from_slice(b"\\n"),
                12 => text.extend_from_slice(b"\\f"),
                13 => text.extend_from_slice(b"\\r"),
                0..32 | 127 => text.extend_from_slice(format!("\\u{byte:04x}").as_bytes()),
                _ => text.push(byte),
            }
        }
        text.push(b'"');
    }

    fn table(&mut self, depth: i64) -> Result<(), Fault> {
        let lua = self.lua;
        if depth > self.options.encode_depth_max || !lua.reserve(3) {
            let message = format!("Cannot serialise, excessive nesting ({depth})");
            return Err(Fault::Here(message.into_bytes()));
        }
        if lua.shared().step(16) {
            return Err(Fault::Plain(b"script ended".to_vec()));
        }
        match self.array_length()? {
            Some(length) => self.array(length, depth),
            None => self.object(depth),
        }
    }

    /// The largest index of the table on top, if it is to be an array.
    fn array_length(&mut self) -> Result<Option<i64>, Fault> {
        let lua = self.lua;
        let (mut max, mut items) = (0, 0);
        lua.push_nil();
        while lua.next(-2) {
            let key = if lua.kind(-2) == ffi::LUA_TNUMBER {
                lua.to_number(-2)
            } else {
                0.0
            };
            if key < 1.0 || key.floor() != key {
                lua.pop(2);
                return Ok(None);
            }
            max = max.max(crate::lua::to_integer(key));
            items += 1;
            lua.pop(1);
        }
        let options = &self.options;
        if options.sparse_ratio > 0
            && max > items * options.sparse_ratio
            && max > options.sparse_safe
        {
            if !options.converts_sparse {
                return self.refuse("excessively sparse array");
            }
            return Ok(None);
        }
        Ok((max > 0).then_some(max))
    }

    fn array(&mut self, length: i64, depth: i64) -> Result<(), Fault> {
        let lua = self.lua;
        self.text.push(b'[');
        for index in 1..=length {
            if index > 1 {
                self.text.push(b',');
            }
            lua.push_item(-1, index as c_int);
            self.value(depth)?;
            lua.pop(1);
        }
        self.text.push(b']');
        Ok(())
    }

    fn object(&mut self, depth: i64) -> Result<(), Fault> {
        let lua = self.lua;
        self.text.push(b'{');
        let mut is_first = true;
        lua.push_nil();
        while lua.next(-2) {
            if !std::mem::take(&mut is_first) {
                self.text.push(b',');
            }
            match lua.kind(-2) {
                ffi::LUA_TNUMBER => {
                    self.text.push(b'"');
                    self.number(lua.to_number(-2))?;
                    self.text.push(b'"');
                }
                ffi::LUA_TSTRING => self.string(lua.bytes(-2).unwrap_or_default()),
                _ => {
                    lua.pop(1);
                    return self.refuse("table key must be a number or string");
                }
            }
            self.text.push(b':');
            self.value(depth)?;
            lua.pop(1);
        }
        self.text.push(b'}');
        Ok(())
    }
}
