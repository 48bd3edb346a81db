//! `string.find`, `match`, `gmatch`, `gsub` and `rep`, within bounds of time and memory.

use std::ffi::c_int;

use mlua_sys as ffi;

use crate::c_function;
use crate::convert::as_in_c;
use crate::lua::{Fault, Lua, Results};
use crate::patterns::{Capture, Matcher};

/// Characters that make a pattern more than plain text.
const SPECIAL: &[u8] = b"^$*+?.([%-";

/// What replaces functions of Lua's own string library.
pub const REPLACED: [(&[u8], ffi::lua_CFunction); 6] = [
    (b"find", c_function!(find)),
    (b"match", c_function!(match_)),
    (b"gmatch", c_function!(gmatch)),
    (b"gfind", c_function!(gmatch)),
    (b"gsub", c_function!(gsub)),
    (b"rep", c_function!(rep)),
];

fn ended() -> Fault {
    Fault::Plain(b"script ended".to_vec())
}

/// Where a search begins: positions from 1 on, negative ones from the end.
fn start_of(position: i64, length: usize) -> usize {
    let from_end = if position < 0 {
        (position + length as i64 + 1).max(0)
    } else {
        position
    };
    usize::try_from(from_end.saturating_sub(1).max(0)).unwrap_or(0)
}

fn push_capture(lua: Lua, matcher: &Matcher<'_>, index: usize, whole: (usize, usize)) -> Results {
    match matcher.captures.get(index) {
        None if index == 0 => lua.push(&matcher.subject[whole.0..whole.1]),
        None => return Err(Fault::Here(b"invalid capture index".to_vec())),
        Some(Capture::Open(_)) => return Err(Fault::Here(b"unfinished capture".to_vec())),
        Some(Capture::Position(at)) => lua.push_number(*at as f64 + 1.0),
        Some(&Capture::Range(start, end)) => lua.push(&matcher.subject[start..end]),
    }
    Ok(1)
}

/// Pushes all captures; without any the whole match, if there is one.
fn push_captures(lua: Lua, matcher: &Matcher<'_>, whole: Option<(usize, usize)>) -> Results {
    let count = match whole {
        Some(_) => matcher.captures.len().max(1),
        None => matcher.captures.len(),
    };
    lua.reserve(count as c_int + 4);
    for index in 0..count {
        push_capture(lua, matcher, index, whole.unwrap_or_default())?;
    }
    Ok(count as c_int)
}

fn find(lua: Lua) -> Results {
    search(lua, true)
}

fn match_(lua: Lua) -> Results {
    search(lua, false)
}

fn search(lua: Lua, is_find: bool) -> Results {
    let subject = lua.check_bytes(1)?;
    let pattern = lua.check_bytes(2)?;
    let position = lua.integer_or(3, 1)?;
    let start = start_of(position, subject.len()).min(subject.len());
    // They look no further than to a NUL.
    let looked_at = as_in_c(pattern);
    let is_plain = || lua.boolean(4) || !looked_at.iter().any(|byte| SPECIAL.contains(byte));
    if is_find && is_plain() {
        lua.shared().step((subject.len() - start) as u32 / 64);
        let found = memchr::memmem::find(&subject[start..], pattern);
        return Ok(match found {
            Some(at) => {
                lua.push_number((start + at + 1) as f64);
                lua.push_number((start + at + pattern.len()) as f64);
                2
            }
            None => {
                lua.push_nil();
                1
            }
        });
    }
    let (pattern, is_anchored) = match pattern.strip_prefix(b"^") {
        Some(rest) => (rest, true),
        None => (pattern, false),
    };
    let mut matcher = Matcher::new(subject, pattern, lua.shared());
    let mut at = start;
    loop {
        if let Some(end) = matcher.at(at)? {
            if is_find {
                lua.push_number(at as f64 + 1.0);
                lua.push_number(end as f64);
                return Ok(push_captures(lua, &matcher, None)? + 2);
            }
            return push_captures(lua, &matcher, Some((at, end)));
        }
        at += 1;
        if at > subject.len() || is_anchored {
            lua.push_nil();
            return Ok(1);
        }
    }
}

fn gmatch(lua: Lua) -> Results {
    lua.check_bytes(1)?;
    lua.check_bytes(2)?;
    lua.set_top(2);
    lua.push_number(0.0);
    lua.push_function(c_function!(next_match), 3);
    Ok(1)
}

/// The iterator of `gmatch`: subject, pattern and place are its upvalues.
fn next_match(lua: Lua) -> Results {
    let upvalue = ffi::lua_upvalueindex;
    let subject = lua.bytes(upvalue(1)).unwrap_or_default();
    let pattern = lua.bytes(upvalue(2)).unwrap_or_default();
    let start = lua.to_number(upvalue(3)) as usize;
    let mut matcher = Matcher::new(subject, pattern, lua.shared());
    for at in start..=subject.len() {
        if let Some(end) = matcher.at(at)? {
            let next = if end == at { end + 1 } else { end };
            lua.push_number(next as f64);
            lua.replace(upvalue(3));
            return push_captures(lua, &matcher, Some((at, end)));
        }
    }
    Ok(0)
}

fn gsub(lua: Lua) -> Results {
    let subject = lua.check_bytes(1)?;
    let pattern = lua.check_bytes(2)?;
    let kind = lua.kind(3);
    if !matches!(
        kind,
        ffi::LUA_TNUMBER | ffi::LUA_TSTRING | ffi::LUA_TTABLE | ffi::LUA_TFUNCTION
    ) {
        return Err(Fault::Argument(3, "string/function/table expected".into()));
    }
    let count_max = lua.integer_or(4, subject.len() as i64 + 1)?;
    let (pattern, is_anchored) = match pattern.strip_prefix(b"^") {
        Some(rest) => (rest, true),
        None => (pattern, false),
    };
    let mut matcher = Matcher::new(subject, pattern, lua.shared());
    let mut result = Vec::new();
    let (mut at, mut count) = (0, 0);
    while count < count_max {
        let found = matcher.at(at)?;
        if let Some(end) = found {
            count += 1;
            add_value(lua, &matcher, kind, (at, end), &mut result)?;
        }
        match found {
            Some(end) if end > at => at = end,
            _ if at < subject.len() => {
                result.push(subject[at]);
                at += 1;
            }
            _ => break,
        }
        if is_anchored {
            break;
        }
        check_size(lua, result.len())?;
    }
    result.extend_from_slice(&subject[at.min(subject.len())..]);
    lua.push(&result);
    lua.push_number(count as f64);
    Ok(2)
}

/// A result that is being made counts as memory of the script.
fn check_size(lua: Lua, bytes: usize) -> Result<(), Fault> {
    let shared = lua.shared();
    if bytes > shared.limit.saturating_sub(shared.used()) {
        return Err(Fault::Plain(b"not enough memory".to_vec()));
    }
    Ok(())
}

fn add_value(
    lua: Lua,
    matcher: &Matcher<'_>,
    kind: c_int,
    whole: (usize, usize),
    into: &mut Vec<u8>,
) -> Result<(), Fault> {
    let top = lua.top();
    let original = &matcher.subject[whole.0..whole.1];
    match kind {
        ffi::LUA_TFUNCTION => {
            lua.push_value(3);
            let count = push_captures(lua, matcher, Some(whole))?;
            if !lua.call(count, 1, 0) {
                return Err(Fault::OnStack);
            }
        }
        ffi::LUA_TTABLE => {
            // A metatable may have its say, which may fail.
            lua.push_function(get_entry, 0);
            lua.push_value(3);
            push_capture(lua, matcher, 0, whole)?;
            if !lua.call(2, 1, 0) {
                return Err(Fault::OnStack);
            }
        }
        _ => return add_text(lua, matcher, whole, into),
    }
    if !lua.boolean(-1) {
        into.extend_from_slice(original);
    } else if let Some(bytes) = lua.bytes(-1) {
        into.extend_from_slice(bytes);
    } else {
        let message = format!("invalid replacement value (a {})", lua.kind_name(-1));
        return Err(Fault::Here(message.into_bytes()));
    }
    lua.set_top(top);
    Ok(())
}

/// `table[key]`, metamethods included.
unsafe extern "C-unwind" fn get_entry(state: *mut ffi::lua_State) -> c_int {
    // SAFETY: called by Lua with a table and a key; nothing here owns anything.
    unsafe { ffi::lua_gettable_(state, 1) };
    1
}

fn add_text(
    lua: Lua,
    matcher: &Matcher<'_>,
    whole: (usize, usize),
    into: &mut Vec<u8>,
) -> Result<(), Fault> {
    let text = lua.bytes(3).unwrap_or_default();
    let mut at = 0;
    while let Some(&byte) = text.get(at) {
        at += 1;
        if byte != b'%' {
            into.push(byte);
            continue;
        }
        // Behind the last byte C sees a zero.
        let escaped = text.get(at).copied().unwrap_or(0);
        at += 1;
        match escaped {
            b'0' => into.extend_from_slice(&matcher.subject[whole.0..whole.1]),
            digit if digit.is_ascii_digit() => {
                let top = lua.top();
                push_capture(lua, matcher, usize::from(digit - b'1'), whole)?;
                into.extend_from_slice(lua.bytes(-1).unwrap_or_default());
                lua.set_top(top);
            }
            other => into.push(other),
        }
    }
    Ok(())
}

fn rep(lua: Lua) -> Results {
    let text = lua.check_bytes(1)?;
    let count = usize::try_from(lua.check_integer(2)?).unwrap_or(0);
    if text.is_empty() || count == 0 {
        lua.push(b"");
        return Ok(1);
    }
    let bytes = text.len().saturating_mul(count);
    check_size(lua, bytes)?;
    if lua.shared().step((bytes / 64).min(1 << 20) as u32) {
        return Err(ended());
    }
    lua.push(&text.repeat(count));
    Ok(1)
}
