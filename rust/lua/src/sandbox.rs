//! What scripts find: globals that they cannot change, and libraries without a way out.
//!
//!     script's environment: an empty table ──metatable──> __index: the table of globals
//!                                                         __newindex: refuses
//!
//! The globals, each library and the metatable of strings are such pairs. Functions that
//! look into tables without asking metatables (`next`, `rawget` …) are replaced by ones
//! that know the pairs. Left out altogether: files, processes, time, modules, `debug`,
//! `print`, `setfenv`, and compiled chunks, which Lua does not verify.

use std::ffi::c_int;

use mlua_sys as ffi;
use mlua_sys::lua_State;

use crate::c_function;
use crate::lua::{Fault, Lua, Results};
use crate::state::Protected;
use crate::{base, bits, json, msgpack, strings, structs};

const READONLY: &[u8] = b"Attempt to modify a readonly table";

/// `table.insert` begins no further below the list than here.
const INSERT_POSITION_MIN: f64 = -1_000_000.0;

/// Functions of Lua's that ours fall back on.
#[derive(Default, Clone, Copy)]
pub struct Originals {
    next: Option<ffi::lua_CFunction>,
    rawget: Option<ffi::lua_CFunction>,
    rawset: Option<ffi::lua_CFunction>,
    getmetatable: Option<ffi::lua_CFunction>,
    setmetatable: Option<ffi::lua_CFunction>,
    collectgarbage: Option<ffi::lua_CFunction>,
    insert: Option<ffi::lua_CFunction>,
    sort: Option<ffi::lua_CFunction>,
}

/// Globals of Lua's base library that scripts have.
const BASE: [&str; 20] = [
    "_VERSION",
    "assert",
    "collectgarbage",
    "error",
    "gcinfo",
    "getmetatable",
    "ipairs",
    "load",
    "loadstring",
    "next",
    "pairs",
    "pcall",
    "rawequal",
    "rawget",
    "rawset",
    "select",
    "setmetatable",
    "tonumber",
    "tostring",
    "type",
];
const BASE_REST: [&str; 2] = ["unpack", "xpcall"];

/// Fills the table on top.
type Filler = fn(Lua);

/// Fills a new state; the tables in `own` become globals, too, each under several names.
pub fn furnish(lua: Lua, own: fn(Lua), names: &[&str]) {
    open_libraries(lua);
    lua.push_table(0, 48);
    for name in BASE.iter().chain(&BASE_REST) {
        lua.push_field(ffi::LUA_GLOBALSINDEX, name.as_bytes());
        lua.set_field(-2, name.as_bytes());
    }
    note_originals(lua);
    for (name, function) in [
        ("collectgarbage", collectgarbage as ffi::lua_CFunction),
        ("getmetatable", getmetatable),
        ("load", c_function!(base::load)),
        ("loadstring", c_function!(base::loadstring)),
        ("next", next),
        ("pairs", pairs),
        ("pcall", pcall),
        ("rawget", rawget),
        ("rawset", rawset),
        ("setmetatable", setmetatable),
    ] {
        lua.push_function(function, 0);
        lua.set_field(-2, name.as_bytes());
    }
    for library in ["string", "table", "math", "coroutine"] {
        lua.push_field(ffi::LUA_GLOBALSINDEX, library.as_bytes());
        amend(lua, library);
        protect(lua, 0);
        lua.set_field(-2, library.as_bytes());
    }
    protect_string_metatable(lua);
    open_own(lua);
    lua.push_table(0, 32);
    own(lua);
    protect(lua, 0);
    for name in names {
        lua.push_value(-1);
        lua.set_field(-3, name.as_bytes());
    }
    lua.pop(1);
    close_globals(lua);
}

fn open_libraries(lua: Lua) {
    for (open, name) in [
        (ffi::luaopen_base as ffi::lua_CFunction, ""),
        (ffi::luaopen_table, "table"),
        (ffi::luaopen_string, "string"),
        (ffi::luaopen_math, "math"),
    ] {
        lua.push_function(open, 0);
        lua.push(name.as_bytes());
        let is_open = lua.call(1, 0, 0);
        assert!(is_open, "Lua's own libraries open");
    }
}

fn open_own(lua: Lua) {
    let libraries: [(&str, Filler); 5] = [
        ("cjson", json::open),
        ("cmsgpack", msgpack::open),
        ("struct", |lua| set_functions(lua, &structs::FUNCTIONS)),
        ("bit", |lua| set_functions(lua, &bits::FUNCTIONS)),
        ("os", |lua| set_functions(lua, &[(b"clock", clock)])),
    ];
    for (name, open) in libraries {
        lua.push_table(0, 16);
        open(lua);
        protect(lua, 0);
        lua.set_field(-2, name.as_bytes());
    }
}

/// Sets functions of the table on top.
pub fn set_functions(lua: Lua, functions: &[(&[u8], ffi::lua_CFunction)]) {
    for (name, function) in functions {
        lua.push_function(*function, 0);
        lua.set_field(-2, name);
    }
}

/// Replaces what is dangerous in the library on top.
fn amend(lua: Lua, library: &str) {
    match library {
        "string" => set_functions(lua, &strings::REPLACED),
        "table" => set_functions(lua, &[(b"insert", insert), (b"sort", sort)]),
        "math" => set_functions(
            lua,
            &[
                (b"random", c_function!(base::random)),
                (b"randomseed", c_function!(base::randomseed)),
            ],
        ),
        _ => {}
    }
}

fn note_originals(lua: Lua) {
    let global = |name: &str| {
        lua.push_field(ffi::LUA_GLOBALSINDEX, name.as_bytes());
        pop_function(lua)
    };
    let in_table = |library: &str, name: &str| {
        lua.push_field(ffi::LUA_GLOBALSINDEX, library.as_bytes());
        lua.push_field(-1, name.as_bytes());
        let function = pop_function(lua);
        lua.pop(1);
        function
    };
    lua.shared().originals = Originals {
        next: global("next"),
        rawget: global("rawget"),
        rawset: global("rawset"),
        getmetatable: global("getmetatable"),
        setmetatable: global("setmetatable"),
        collectgarbage: global("collectgarbage"),
        insert: in_table("table", "insert"),
        sort: in_table("table", "sort"),
    };
}

fn pop_function(lua: Lua) -> Option<ffi::lua_CFunction> {
    // SAFETY: a live state with a value on top.
    let function = unsafe { ffi::lua_tocfunction(lua.0, -1) };
    lua.pop(1);
    function
}

/// Puts a table that refuses writes into the place of the one on top. `shown` is what
/// `getmetatable` gives for it.
pub fn protect(lua: Lua, shown: c_int) {
    lua.push_value(-1);
    let real = lua.keep();
    lua.push_table(0, 0);
    lua.insert(-2);
    lua.push_table(0, 2);
    lua.insert(-2);
    lua.set_field(-2, b"__index");
    lua.push_function(refuse_write, 0);
    lua.set_field(-2, b"__newindex");
    let metatable = lua.pointer(-1);
    lua.set_metatable(-2);
    lua.shared().protected.push(Protected {
        metatable,
        real,
        shown,
    });
}

fn protect_string_metatable(lua: Lua) {
    lua.push(b"");
    lua.push_metatable(-1);
    let metatable = lua.pointer(-1);
    // Its __index leads to the library that cannot be changed.
    lua.push_table(0, 1);
    lua.push_field(-4, b"string");
    lua.push_value(-1);
    lua.set_field(-4, b"__index");
    lua.set_field(-2, b"__index");
    protect(lua, 0);
    let shown = lua.keep();
    lua.pop(2);
    lua.shared().protected.push(Protected {
        metatable,
        real: 0,
        shown,
    });
}

/// Makes the table on top the globals of all that is compiled from now on.
fn close_globals(lua: Lua) {
    lua.push_value(-1);
    lua.shared().globals = lua.keep();
    lua.push_table(0, 1);
    lua.push_function(c_function!(undefined_global), 0);
    lua.set_field(-2, b"__index");
    lua.push_value(-1);
    protect(lua, 0);
    let shown = lua.keep();
    lua.set_metatable(-2);
    lua.push_value(-1);
    protect(lua, shown);
    lua.push_value(-1);
    lua.set_field(-3, b"_G");
    lua.replace(ffi::LUA_GLOBALSINDEX);
    lua.pop(1);
}

/// The pair that the table at `index` is the face of.
#[inline]
fn protected(lua: Lua, index: c_int) -> Option<Protected> {
    if !lua.is_table(index) || !lua.push_metatable(index) {
        return None;
    }
    let metatable = lua.pointer(-1);
    lua.pop(1);
    let known = lua.shared().protected.iter();
    known
        .copied()
        .find(|one| one.metatable == metatable && one.real != 0)
}

/// Raises READONLY without a place.
///
/// # Safety
/// `state` is the live thread that called, and no frame up to that call owns anything.
unsafe fn refuse(state: *mut lua_State) -> c_int {
    let lua = Lua(state);
    lua.shared().shield += 1;
    lua.push(READONLY);
    lua.shared().shield -= 1;
    // SAFETY: nothing here owns anything.
    unsafe { ffi::lua_error(state) }
}

// The functions below own nothing, so Lua may jump out of them. They are called by Lua
// with a live state; `originals` are functions of Lua's for the same arguments.

unsafe extern "C-unwind" fn refuse_write(state: *mut lua_State) -> c_int {
    // SAFETY: see above; the format has no arguments.
    unsafe { ffi::luaL_error(state, c"Attempt to modify a readonly table".as_ptr()) }
}

/// Makes a name that the table on top lacks an error.
pub fn refuse_missing(lua: Lua) {
    lua.push_table(0, 1);
    lua.push_function(c_function!(undefined_global), 0);
    lua.set_field(-2, b"__index");
    lua.set_metatable(-2);
}

/// Lets all that is compiled in this state find the globals in the table kept under this
/// number.
pub fn show_globals(lua: Lua, kept: c_int) {
    lua.push_value(ffi::LUA_GLOBALSINDEX);
    if lua.push_metatable(-1) {
        lua.push_kept(kept);
        lua.set_field(-2, b"__index");
        lua.pop(1);
    }
    lua.pop(1);
}

fn undefined_global(lua: Lua) -> Results {
    let mut message = b"Script attempted to access nonexistent global variable '".to_vec();
    message.extend_from_slice(lua.bytes(2).unwrap_or(b"?"));
    message.push(b'\'');
    Err(Fault::Here(message))
}

/// Goes on in Lua's own function.
///
/// # Safety
/// `state` is the live thread that called with `function`'s arguments, and no frame up to
/// that call owns anything.
#[inline]
unsafe fn original(state: *mut lua_State, function: Option<ffi::lua_CFunction>) -> c_int {
    match function {
        // SAFETY: see above.
        Some(function) => unsafe { function(state) },
        None => 0,
    }
}

unsafe extern "C-unwind" fn next(state: *mut lua_State) -> c_int {
    let lua = Lua(state);
    if let Some(pair) = protected(lua, 1) {
        lua.push_kept(pair.real);
        lua.replace(1);
    }
    // SAFETY: see above.
    unsafe { original(state, lua.shared().originals.next) }
}

unsafe extern "C-unwind" fn pairs(state: *mut lua_State) -> c_int {
    let lua = Lua(state);
    // SAFETY: see above.
    unsafe { ffi::luaL_checktype(state, 1, ffi::LUA_TTABLE) };
    let is_protected = protected(lua, 1).is_some();
    match lua.shared().originals.next {
        Some(plain) if !is_protected => lua.push_function(plain, 0),
        _ => lua.push_function(next, 0),
    }
    lua.push_value(1);
    lua.push_nil();
    3
}

unsafe extern "C-unwind" fn rawget(state: *mut lua_State) -> c_int {
    let lua = Lua(state);
    if let Some(pair) = protected(lua, 1) {
        lua.push_kept(pair.real);
        lua.replace(1);
    }
    // SAFETY: see above.
    unsafe { original(state, lua.shared().originals.rawget) }
}

unsafe extern "C-unwind" fn rawset(state: *mut lua_State) -> c_int {
    let lua = Lua(state);
    // SAFETY: see above.
    unsafe {
        if protected(lua, 1).is_some() {
            return refuse(state);
        }
        original(state, lua.shared().originals.rawset)
    }
}

unsafe extern "C-unwind" fn insert(state: *mut lua_State) -> c_int {
    let lua = Lua(state);
    // SAFETY: see above.
    unsafe {
        if protected(lua, 1).is_some() {
            return refuse(state);
        }
        if lua.top() == 3 && lua.number(2).is_some_and(|at| at < INSERT_POSITION_MIN) {
            // All places from there on would be made, and that cannot be interrupted.
            return ffi::luaL_error(state, c"not enough memory".as_ptr());
        }
        original(state, lua.shared().originals.insert)
    }
}

unsafe extern "C-unwind" fn setmetatable(state: *mut lua_State) -> c_int {
    let lua = Lua(state);
    // SAFETY: see above.
    unsafe {
        if protected(lua, 1).is_some() {
            return refuse(state);
        }
        original(state, lua.shared().originals.setmetatable)
    }
}

unsafe extern "C-unwind" fn getmetatable(state: *mut lua_State) -> c_int {
    let lua = Lua(state);
    if lua.top() >= 1 && lua.push_metatable(1) {
        let metatable = lua.pointer(-1);
        lua.pop(1);
        let known = lua.shared().protected.iter();
        if let Some(pair) = known.copied().find(|one| one.metatable == metatable) {
            match pair.shown {
                0 => lua.push_nil(),
                shown => lua.push_kept(shown),
            }
            return 1;
        }
    }
    // SAFETY: see above.
    unsafe { original(state, lua.shared().originals.getmetatable) }
}

/// `pcall`, which gives the line of an error reply instead of its table.
unsafe extern "C-unwind" fn pcall(state: *mut lua_State) -> c_int {
    let lua = Lua(state);
    if lua.top() == 0 {
        lua.push_nil();
    }
    lua.push_boolean(true);
    lua.insert(1);
    // SAFETY: see above; the function stands behind the boolean.
    if unsafe { ffi::lua_pcall(state, lua.top() - 2, ffi::LUA_MULTRET, 0) } == ffi::LUA_OK {
        return lua.top();
    }
    if lua.is_table(-1) {
        // SAFETY: see above; a metatable may have its say.
        unsafe { ffi::lua_getfield_(state, -1, c"err".as_ptr()) };
        if lua.bytes_kind(-1) {
            lua.replace(-2);
        } else {
            lua.pop(1);
        }
    }
    lua.push_boolean(false);
    lua.insert(-2);
    2
}

/// Collection goes on as it is set: a script that stopped it would starve those after it.
unsafe extern "C-unwind" fn collectgarbage(state: *mut lua_State) -> c_int {
    let lua = Lua(state);
    if let Some(option) = lua.string(1)
        && matches!(option, b"stop" | b"restart" | b"setpause" | b"setstepmul")
    {
        lua.push_number(0.0);
        return 1;
    }
    // SAFETY: see above.
    unsafe { original(state, lua.shared().originals.collectgarbage) }
}

/// `os.clock`: processor time of the process in seconds.
unsafe extern "C-unwind" fn clock(state: *mut lua_State) -> c_int {
    Lua(state).push_number(crate::printf::processor_seconds());
    1
}

/// `table.sort`; a comparison of our own looks at the clock, Lua's would not.
unsafe extern "C-unwind" fn sort(state: *mut lua_State) -> c_int {
    let lua = Lua(state);
    if lua.is_table(1) && lua.is_nil_or_none(2) {
        lua.set_top(1);
        lua.push_function(is_less, 0);
    }
    // SAFETY: see above.
    unsafe { original(state, lua.shared().originals.sort) }
}

unsafe extern "C-unwind" fn is_less(state: *mut lua_State) -> c_int {
    let lua = Lua(state);
    if lua.shared().step(4) {
        lua.push(b"script ended");
        // SAFETY: see above.
        unsafe { ffi::lua_error(state) };
    }
    // SAFETY: see above; what cannot be compared raises an error.
    let is_less = unsafe { ffi::lua_lessthan(state, 1, 2) } != 0;
    lua.push_boolean(is_less);
    1
}
