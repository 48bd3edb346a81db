//! Functions of Lua's own libraries, written anew: chance, and source text that is compiled.

use std::ffi::CString;

use mlua_sys as ffi;

use crate::lua::{Fault, Lua, Results};

/// `math.random`: Lua's own, on our numbers. Bounds have 32 bits, as C's `int`.
pub fn random(lua: Lua) -> Results {
    let number = crate::random::next();
    let empty = |argument| Err(Fault::Argument(argument, "interval is empty".into()));
    match lua.top() {
        0 => lua.push_number(number),
        1 => {
            let upper = lua.check_integer(1)? as i32;
            if upper < 1 {
                return empty(1);
            }
            lua.push_number((number * f64::from(upper)).floor() + 1.0);
        }
        2 => {
            let (lower, upper) = (lua.check_integer(1)? as i32, lua.check_integer(2)? as i32);
            if lower > upper {
                return empty(2);
            }
            let count = f64::from(upper.wrapping_sub(lower).wrapping_add(1));
            lua.push_number((number * count).floor() + f64::from(lower));
        }
        _ => return Err(Fault::Here(b"wrong number of arguments".to_vec())),
    }
    Ok(1)
}

pub fn randomseed(lua: Lua) -> Results {
    let seed = lua.check_integer(1)?;
    crate::random::seed(seed as i32);
    Ok(0)
}

pub fn loadstring(lua: Lua) -> Results {
    let source = lua.check_bytes(1)?;
    let name = if lua.is_nil_or_none(2) {
        source
    } else {
        lua.check_bytes(2)?
    };
    compile(lua, source, name)
}

/// `load(function [, name])`: the source in pieces.
pub fn load(lua: Lua) -> Results {
    if !lua.is_function(1) {
        return Err(Fault::Type(1, c"function"));
    }
    let name = if lua.is_nil_or_none(2) {
        b"=(load)"
    } else {
        lua.check_bytes(2)?
    };
    let mut source = Vec::new();
    loop {
        lua.push_value(1);
        if !lua.call(0, 1, 0) {
            lua.push_nil();
            lua.insert(-2);
            return Ok(2);
        }
        if lua.is_nil_or_none(-1) {
            break;
        }
        let Some(piece) = lua.bytes(-1) else {
            return Err(Fault::Here(
                b"reader function must return a string".to_vec(),
            ));
        };
        if piece.is_empty() {
            break;
        }
        source.extend_from_slice(piece);
        if source.len() > lua.shared().limit {
            return Err(Fault::Plain(b"not enough memory".to_vec()));
        }
        lua.pop(1);
    }
    compile(lua, &source, name)
}

fn compile(lua: Lua, source: &[u8], name: &[u8]) -> Results {
    let name = name.split(|byte| *byte == 0).next().unwrap_or_default();
    let name = CString::new(name).unwrap_or_default();
    // What begins like a compiled chunk is read as text, too.
    let is_loaded = if source.first() == Some(&ffi::LUA_SIGNATURE[0]) {
        lua.load(&[b" ", source].concat(), &name)
    } else {
        lua.load(source, &name)
    };
    if is_loaded {
        return Ok(1);
    }
    lua.push_nil();
    lua.insert(-2);
    Ok(2)
}
