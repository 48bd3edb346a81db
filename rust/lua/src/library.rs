//! A library of functions while it is loaded: its first line, and what it registers.
//!
//! While a library is loaded its globals are `redis` and `server` alone, with the log, the
//! versions and `register_function`; what its functions see is put into their place when
//! it is done. A missing name is an error in both tables.

use std::ffi::c_int;

use mlua_sys as ffi;
use rubellite_core::clock::Clock;
use rubellite_core::dispatch::pipeline::Runtime;
use rubellite_core::dispatch::{ErrorCode, Failure};
use rubellite_core::text::quote;

use crate::c_function;
use crate::calls::{self, refuse};
use crate::lua::{Fault, Lua, Results};
use crate::sandbox;
use crate::shebang::Flags;

/// A function that a library has registered; its body is kept in the interpreter.
#[derive(Debug)]
pub struct Registered {
    pub name: Vec<u8>,
    pub description: Option<Vec<u8>>,
    pub flags: Flags,
    pub callback: c_int,
}

/// A library that is being loaded.
pub struct Loading<'a> {
    pub clock: &'a Clock,
    /// When it has taken too long; None: it may take as long as it likes.
    pub until_ns: Option<u64>,
    pub runtime: &'a mut dyn Runtime,
    pub functions: Vec<Registered>,
}

impl Loading<'_> {
    pub fn is_late(&self) -> bool {
        self.until_ns
            .is_some_and(|until_ns| self.clock.monotonic_ns() >= until_ns)
    }
}

/// The error that ends a library that takes too long.
pub const LATE: &[u8] = b"ERR FUNCTION LOAD timeout";

/// Whether a library or a function may be called so.
pub fn is_name(name: &[u8]) -> bool {
    let is_fit = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'_';
    !name.is_empty() && name.iter().all(is_fit)
}

/// Name and code of a library. The code keeps the empty first line, so that its lines keep
/// their numbers.
pub fn read_head(source: &[u8]) -> Result<(Vec<u8>, &[u8]), Failure> {
    if !source.starts_with(b"#!") {
        return Err(ErrorCode::LibraryMetadataMissing.into());
    }
    let end = memchr::memchr(b'\n', source).ok_or(ErrorCode::LibraryMetadataInvalid)?;
    let head = &source[2..end];
    if memchr::memchr(0, head).is_some() {
        return Err(ErrorCode::LibraryMetadataInvalid.into());
    }
    // The engine's name belongs to the mark in front: a blank between them leaves it empty.
    let begins_blank = head.first().is_none_or(u8::is_ascii_whitespace);
    let words = quote::split_arguments(head).ok_or(ErrorCode::LibraryMetadataInvalid)?;
    let (engine, options) = match words.split_first() {
        Some((engine, options)) if !begins_blank => (engine.as_slice(), options),
        _ => (b"".as_slice(), words.as_slice()),
    };
    let mut name = None;
    for word in options {
        match word.split_at_checked(5) {
            Some((key, value)) if key.eq_ignore_ascii_case(b"name=") => {
                if name.replace(value.to_vec()).is_some() {
                    return Err(ErrorCode::LibraryNameTwice.into());
                }
            }
            _ => return Err(Failure::quoting(ErrorCode::LibraryMetadataValue, word)),
        }
    }
    let name = name.ok_or(ErrorCode::LibraryNameMissing)?;
    if !is_name(&name) {
        return Err(ErrorCode::LibraryName.into());
    }
    if !engine.eq_ignore_ascii_case(b"lua") {
        return Err(Failure::quoting(ErrorCode::LibraryEngine, engine));
    }
    Ok((name, &source[end..]))
}

/// Pushes the table of globals that a library has while it is loaded.
pub fn push_globals(lua: Lua) {
    lua.push_table(0, 2);
    lua.push_table(0, 12);
    calls::open_constants(lua);
    let register = c_function!(register_function);
    sandbox::set_functions(lua, &[(b"register_function", register)]);
    sandbox::refuse_missing(lua);
    sandbox::protect(lua, 0);
    lua.push_value(-1);
    lua.set_field(-3, b"redis");
    lua.set_field(-2, b"server");
    sandbox::refuse_missing(lua);
}

fn register_function(lua: Lua) -> Results {
    let loading = lua.shared().loading;
    if loading.is_null() {
        return refuse("redis.register_function can only be called on FUNCTION LOAD command");
    }
    let registered = match lua.top() {
        1 => read_named(lua)?,
        2 => read_positional(lua)?,
        _ => return refuse("wrong number of arguments to redis.register_function"),
    };
    // SAFETY: set while the library is loaded, by who waits for that to end.
    unsafe { (*loading).functions.push(registered) };
    Ok(0)
}

fn read_positional(lua: Lua) -> Result<Registered, Fault> {
    let Some(name) = text(lua, 1) else {
        return refuse("first argument to redis.register_function must be a string");
    };
    if !lua.is_function(2) {
        return refuse("second argument to redis.register_function must be a function");
    }
    Ok(Registered {
        name,
        description: None,
        flags: Flags::default(),
        callback: lua.keep(),
    })
}

fn read_named(lua: Lua) -> Result<Registered, Fault> {
    if !lua.is_table(1) {
        return refuse(
            "calling redis.register_function with a single argument is only applicable to Lua \
             table (representing named arguments).",
        );
    }
    let (mut name, mut description, mut has_callback) = (None, None, false);
    let mut flags = Flags::default();
    // The body comes to stand at 2.
    lua.push_nil();
    lua.push_nil();
    while lua.next(1) {
        let Some(key) = text(lua, -2) else {
            return refuse("named argument key given to redis.register_function is not a string");
        };
        match key.to_ascii_lowercase().as_slice() {
            b"function_name" => {
                name = text(lua, -1);
                if name.is_none() {
                    return refuse(
                        "function_name argument given to redis.register_function must be a string",
                    );
                }
            }
            b"description" => {
                description = text(lua, -1);
                if description.is_none() {
                    return refuse(
                        "description argument given to redis.register_function must be a string",
                    );
                }
            }
            b"callback" => {
                if !lua.is_function(-1) {
                    return refuse(
                        "callback argument given to redis.register_function must be a function",
                    );
                }
                lua.push_value(-1);
                lua.replace(2);
                has_callback = true;
            }
            b"flags" => flags = read_flags(lua)?,
            _ => return refuse("unknown argument given to redis.register_function"),
        }
        lua.pop(1);
    }
    let Some(name) = name else {
        return refuse("redis.register_function must get a function name argument");
    };
    if !has_callback {
        return refuse("redis.register_function must get a callback argument");
    }
    lua.set_top(2);
    Ok(Registered {
        name,
        description,
        flags,
        callback: lua.keep(),
    })
}

/// The flags in the list on top.
fn read_flags(lua: Lua) -> Result<Flags, Fault> {
    if !lua.is_table(-1) {
        return refuse(
            "flags argument to redis.register_function must be a table representing function flags",
        );
    }
    let mut flags = Flags::default();
    for index in 1.. {
        lua.push_item(-1, index);
        if lua.is_nil_or_none(-1) {
            lua.pop(1);
            break;
        }
        let is_known = text(lua, -1).is_some_and(|name| flags.set(&name.to_ascii_lowercase()));
        lua.pop(1);
        if !is_known {
            return refuse("unknown flag given");
        }
    }
    Ok(flags)
}

/// A string, or a number as one; the value itself stays as it is, for it may be a key of
/// the table that is walked through.
fn text(lua: Lua, index: c_int) -> Option<Vec<u8>> {
    if !matches!(lua.kind(index), ffi::LUA_TSTRING | ffi::LUA_TNUMBER) {
        return None;
    }
    lua.push_value(index);
    let text = lua.bytes(-1).map(<[u8]>::to_vec);
    lua.pop(1);
    text
}
