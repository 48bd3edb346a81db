//! The `bit` library: operations on numbers as 32 bits.

use mlua_sys as ffi;

use crate::c_function;
use crate::lua::{Lua, Results};

pub const FUNCTIONS: [(&[u8], ffi::lua_CFunction); 12] = [
    (b"tobit", c_function!(|lua| one(lua, |bits| bits))),
    (b"bnot", c_function!(|lua| one(lua, |bits| !bits))),
    (b"bswap", c_function!(|lua| one(lua, u32::swap_bytes))),
    (b"band", c_function!(|lua| many(lua, |a, b| a & b))),
    (b"bor", c_function!(|lua| many(lua, |a, b| a | b))),
    (b"bxor", c_function!(|lua| many(lua, |a, b| a ^ b))),
    (
        b"lshift",
        c_function!(|lua| shift(lua, |bits, by| bits << by)),
    ),
    (
        b"rshift",
        c_function!(|lua| shift(lua, |bits, by| bits >> by)),
    ),
    (
        b"arshift",
        c_function!(|lua| shift(lua, |bits, by| (bits as i32 >> by) as u32)),
    ),
    (b"rol", c_function!(|lua| shift(lua, u32::rotate_left))),
    (b"ror", c_function!(|lua| shift(lua, u32::rotate_right))),
    (b"tohex", c_function!(to_hex)),
];

/// The lower 32 bits of a number, rounded as the processor rounds: adding 2^52 + 2^51
/// leaves them at the end of the float.
fn bits(lua: Lua, argument: std::ffi::c_int) -> Result<u32, crate::lua::Fault> {
    let number = lua.check_number(argument)?;
    Ok((number + 6_755_399_441_055_744.0).to_bits() as u32)
}

fn result(lua: Lua, bits: u32) -> Results {
    lua.push_number(f64::from(bits as i32));
    Ok(1)
}

fn one(lua: Lua, operation: fn(u32) -> u32) -> Results {
    let bits = bits(lua, 1)?;
    result(lua, operation(bits))
}

fn many(lua: Lua, operation: fn(u32, u32) -> u32) -> Results {
    let mut all = bits(lua, 1)?;
    // The last that is no number is what the servers complain of.
    for argument in (2..=lua.top()).rev() {
        all = operation(all, bits(lua, argument)?);
    }
    result(lua, all)
}

fn shift(lua: Lua, operation: fn(u32, u32) -> u32) -> Results {
    let value = bits(lua, 1)?;
    let by = bits(lua, 2)? & 31;
    result(lua, operation(value, by))
}

/// Hexadecimal digits: the last `n` of eight, upper case for a negative `n`.
fn to_hex(lua: Lua) -> Results {
    let value = bits(lua, 1)?;
    let wanted = if lua.is_nil_or_none(2) {
        8
    } else {
        bits(lua, 2)? as i32
    };
    let count = wanted.unsigned_abs().min(8) as usize;
    let text = if wanted < 0 {
        format!("{value:08X}")
    } else {
        format!("{value:08x}")
    };
    lua.push(&text.as_bytes()[8 - count..]);
    Ok(1)
}
