//! A Lua state as our functions use it: the raw interface, with lengths and without C strings.
//!
//! Functions that scripts call are Rust, called by C. Lua reports errors by jumping over
//! all that is on the stack (longjmp), which must not pass a Rust frame that owns anything.
//! So every function goes through `guarded`: inside it memory may pass the limit, so that
//! nothing jumps, and a failure is returned; only when all is dropped it becomes a jump.

use std::ffi::{CStr, c_char, c_int, c_void};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::{ptr, slice};

use mlua_sys as ffi;
use mlua_sys::lua_State;

use crate::state::{self, Shared};

/// Why a function that a script called failed.
#[derive(Debug)]
pub enum Fault {
    /// A message behind the place of the caller (`user_script:1:`).
    Here(Vec<u8>),
    /// A message as it is.
    Plain(Vec<u8>),
    /// A table whose `err` is this line: what redis.call raises.
    Reply { line: Vec<u8>, is_counted: bool },
    /// `bad argument #n to 'function' (message)`.
    Argument(c_int, Vec<u8>),
    /// `bad argument #n to 'function' (type expected, got …)`.
    Type(c_int, &'static CStr),
    /// The error stands on top of the stack.
    OnStack,
}

/// How many results are on the stack.
pub type Results = Result<c_int, Fault>;

/// What a script calls: a function in Rust.
pub type Function = fn(Lua) -> Results;

/// A Lua thread. Copies are the same thread; it lives as long as its interpreter, which
/// only calls into this crate, so nothing here outlives it.
#[derive(Clone, Copy)]
pub struct Lua(pub *mut lua_State);

/// Calls `function` so that nothing jumps out of it, then raises what it failed with.
///
/// # Safety
/// `state` is the live thread that calls the function.
pub unsafe fn guarded(state: *mut lua_State, function: Function) -> c_int {
    let lua = Lua(state);
    match run_guarded(lua, function) {
        Ok(results) => results,
        Err(fault) => {
            let raise = prepare(lua, fault);
            // SAFETY: nothing of Rust's is alive here that owns anything.
            unsafe { raise.jump(state) }
        }
    }
}

fn run_guarded(lua: Lua, function: Function) -> Results {
    lua.shared().shield += 1;
    let result = catch_unwind(AssertUnwindSafe(|| function(lua)));
    let shared = lua.shared();
    shared.shield -= 1;
    result.unwrap_or_else(|payload| {
        // Told on when the script has ended; until then it is one error more.
        shared.panic = Some(payload);
        Err(Fault::Plain(b"internal error".to_vec()))
    })
}

/// An error that is on the stack, ready to be raised.
enum Raise {
    Error,
    Argument(c_int, *const c_char),
    Type(c_int, *const c_char),
}

fn prepare(lua: Lua, fault: Fault) -> Raise {
    lua.shared().shield += 1;
    let raise = match fault {
        Fault::Here(message) => {
            lua.push_place();
            lua.push(&message);
            lua.concat(2);
            Raise::Error
        }
        Fault::Plain(message) => {
            lua.push(&message);
            Raise::Error
        }
        Fault::Reply { line, is_counted } => {
            lua.push_error_table(&line, is_counted);
            Raise::Error
        }
        Fault::Argument(number, message) => {
            lua.push(&message);
            // SAFETY: a string is on top, and stays there.
            Raise::Argument(number, unsafe {
                ffi::lua_tolstring(lua.0, -1, ptr::null_mut())
            })
        }
        Fault::Type(number, name) => Raise::Type(number, name.as_ptr()),
        Fault::OnStack => Raise::Error,
    };
    lua.shared().shield -= 1;
    raise
}

impl Raise {
    /// # Safety
    /// No frame between here and the call of the function owns anything.
    unsafe fn jump(self, state: *mut lua_State) -> c_int {
        // SAFETY: the caller's promise; what is raised is on the stack.
        unsafe {
            match self {
                Raise::Error => ffi::lua_error(state),
                Raise::Argument(number, message) => ffi::luaL_argerror(state, number, message),
                Raise::Type(number, name) => ffi::luaL_typerror(state, number, name),
            }
        }
    }
}

/// Makes a C function of a `Function`.
#[macro_export]
macro_rules! c_function {
    ($function:expr) => {{
        unsafe extern "C-unwind" fn entry(state: *mut mlua_sys::lua_State) -> std::ffi::c_int {
            const FUNCTION: $crate::lua::Function = $function;
            // SAFETY: Lua calls with the thread that runs.
            unsafe { $crate::lua::guarded(state, FUNCTION) }
        }
        entry as mlua_sys::lua_CFunction
    }};
}

// Every method below is a call of Lua's own interface with a live state; indices are those
// of values that the caller has on the stack. None of them can raise an error: memory is
// not refused inside `guarded`, and what would call metamethods is not used.
impl Lua {
    /// What belongs to the interpreter of this thread.
    #[inline]
    #[allow(clippy::mut_from_ref)]
    pub fn shared<'a>(self) -> &'a mut Shared {
        // SAFETY: set when the state was made, and alive as long; uses do not overlap a
        // call of Lua that could reach it by another way.
        unsafe { state::shared_of(self.0) }
    }

    pub fn top(self) -> c_int {
        // SAFETY: see above.
        unsafe { ffi::lua_gettop(self.0) }
    }

    pub fn set_top(self, top: c_int) {
        // SAFETY: see above.
        unsafe { ffi::lua_settop(self.0, top) }
    }

    pub fn pop(self, count: c_int) {
        self.set_top(-count - 1);
    }

    /// Makes room for `count` more values; false: the stack cannot grow so far.
    pub fn reserve(self, count: c_int) -> bool {
        // SAFETY: see above.
        unsafe { ffi::lua_checkstack(self.0, count) != 0 }
    }

    pub fn kind(self, index: c_int) -> c_int {
        // SAFETY: see above.
        unsafe { ffi::lua_type(self.0, index) }
    }

    /// The name of the type of the value at `index`.
    pub fn kind_name(self, index: c_int) -> &'static str {
        // SAFETY: the names are literals of Lua's.
        let name = unsafe { CStr::from_ptr(ffi::lua_typename(self.0, self.kind(index))) };
        name.to_str().unwrap_or_default()
    }

    pub fn is_table(self, index: c_int) -> bool {
        self.kind(index) == ffi::LUA_TTABLE
    }

    pub fn is_function(self, index: c_int) -> bool {
        self.kind(index) == ffi::LUA_TFUNCTION
    }

    pub fn is_nil_or_none(self, index: c_int) -> bool {
        self.kind(index) <= ffi::LUA_TNIL
    }

    /// The bytes of a string, or of a number, which becomes a string in place.
    pub fn bytes<'a>(self, index: c_int) -> Option<&'a [u8]> {
        let mut length = 0;
        // SAFETY: the bytes live as long as the value is on the stack, which callers keep.
        unsafe {
            let start = ffi::lua_tolstring(self.0, index, &raw mut length);
            (!start.is_null()).then(|| slice::from_raw_parts(start.cast(), length))
        }
    }

    /// The bytes of what is a string already.
    pub fn string<'a>(self, index: c_int) -> Option<&'a [u8]> {
        (self.kind(index) == ffi::LUA_TSTRING)
            .then(|| self.bytes(index))
            .flatten()
    }

    /// Whether `bytes` would give some.
    pub fn bytes_kind(self, index: c_int) -> bool {
        matches!(self.kind(index), ffi::LUA_TSTRING | ffi::LUA_TNUMBER)
    }

    /// A number, or a string that reads as one.
    pub fn number(self, index: c_int) -> Option<f64> {
        // SAFETY: see above.
        unsafe { (ffi::lua_isnumber(self.0, index) != 0).then(|| ffi::lua_tonumber(self.0, index)) }
    }

    /// The number at `index`, which is one.
    #[inline]
    pub fn to_number(self, index: c_int) -> f64 {
        // SAFETY: see above.
        unsafe { ffi::lua_tonumber(self.0, index) }
    }

    pub fn boolean(self, index: c_int) -> bool {
        // SAFETY: see above.
        unsafe { ffi::lua_toboolean(self.0, index) != 0 }
    }

    /// The length of a string, or of a table without looking at its metatable.
    pub fn length(self, index: c_int) -> usize {
        // SAFETY: see above.
        unsafe { ffi::lua_objlen(self.0, index) }
    }

    pub fn pointer(self, index: c_int) -> *const c_void {
        // SAFETY: see above.
        unsafe { ffi::lua_topointer(self.0, index) }
    }

    #[inline]
    pub fn push(self, bytes: &[u8]) {
        // SAFETY: see above; Lua copies the bytes.
        unsafe { ffi::lua_pushlstring_(self.0, bytes.as_ptr().cast(), bytes.len()) }
    }

    #[inline]
    pub fn push_number(self, number: f64) {
        // SAFETY: see above.
        unsafe { ffi::lua_pushnumber(self.0, number) }
    }

    pub fn push_boolean(self, value: bool) {
        // SAFETY: see above.
        unsafe { ffi::lua_pushboolean(self.0, c_int::from(value)) }
    }

    pub fn push_nil(self) {
        // SAFETY: see above.
        unsafe { ffi::lua_pushnil(self.0) }
    }

    /// `cjson.null`.
    pub fn push_null(self) {
        // SAFETY: see above.
        unsafe { ffi::lua_pushlightuserdata(self.0, ptr::null_mut()) }
    }

    pub fn is_null(self, index: c_int) -> bool {
        self.kind(index) == ffi::LUA_TLIGHTUSERDATA && self.pointer(index).is_null()
    }

    pub fn push_value(self, index: c_int) {
        // SAFETY: see above.
        unsafe { ffi::lua_pushvalue(self.0, index) }
    }

    pub fn push_function(self, function: ffi::lua_CFunction, upvalues: c_int) {
        // SAFETY: see above.
        unsafe { ffi::lua_pushcclosure(self.0, function, upvalues) }
    }

    #[inline]
    pub fn push_table(self, items: usize, fields: usize) {
        let bounded = |count: usize| c_int::try_from(count).unwrap_or(c_int::MAX);
        // SAFETY: see above.
        unsafe { ffi::lua_createtable(self.0, bounded(items), bounded(fields)) }
    }

    pub fn insert(self, index: c_int) {
        // SAFETY: see above.
        unsafe { ffi::lua_insert(self.0, index) }
    }

    pub fn remove(self, index: c_int) {
        // SAFETY: see above.
        unsafe { ffi::lua_remove(self.0, index) }
    }

    pub fn replace(self, index: c_int) {
        // SAFETY: see above.
        unsafe { ffi::lua_replace(self.0, index) }
    }

    pub fn concat(self, count: c_int) {
        // SAFETY: all are strings or numbers.
        unsafe { ffi::lua_concat(self.0, count) }
    }

    /// Takes the key from the top, and puts the value of the table at `index` there.
    pub fn raw_get(self, index: c_int) {
        // SAFETY: see above.
        unsafe { ffi::lua_rawget_(self.0, index) }
    }

    /// Pushes a field of the table at `index`.
    #[inline]
    pub fn push_field(self, index: c_int, name: &[u8]) {
        self.push(name);
        self.raw_get(if index < 0 && index > ffi::LUA_REGISTRYINDEX {
            index - 1
        } else {
            index
        });
    }

    pub fn push_item(self, index: c_int, number: c_int) {
        // SAFETY: see above.
        unsafe { ffi::lua_rawgeti_(self.0, index, number) }
    }

    /// Takes a value and the key below it into the table at `index`. The key is no NaN.
    pub fn raw_set(self, index: c_int) {
        // SAFETY: see above.
        unsafe { ffi::lua_rawset(self.0, index) }
    }

    /// Takes the value on top into a field of the table at `index`, which is absolute.
    #[inline]
    pub fn set_field(self, index: c_int, name: &[u8]) {
        self.push(name);
        self.insert(-2);
        self.raw_set(if index < 0 && index > ffi::LUA_REGISTRYINDEX {
            index - 1
        } else {
            index
        });
    }

    pub fn set_item(self, index: c_int, number: usize) {
        // SAFETY: see above; tables of more items do not fit into memory.
        unsafe { ffi::lua_rawseti_(self.0, index, number as c_int) }
    }

    /// Takes a key, pushes the next one and its value; false: there is none.
    ///
    /// The key is one that this function gave.
    pub fn next(self, index: c_int) -> bool {
        // SAFETY: see above.
        unsafe { ffi::lua_next(self.0, index) != 0 }
    }

    pub fn push_metatable(self, index: c_int) -> bool {
        // SAFETY: see above.
        unsafe { ffi::lua_getmetatable(self.0, index) != 0 }
    }

    pub fn set_metatable(self, index: c_int) {
        // SAFETY: a table or nil is on top.
        unsafe { ffi::lua_setmetatable(self.0, index) };
    }

    pub fn set_environment(self, index: c_int) {
        // SAFETY: a table is on top, a function at `index`.
        unsafe { ffi::lua_setfenv(self.0, index) };
    }

    pub fn raw_equal(self, one: c_int, other: c_int) -> bool {
        // SAFETY: see above.
        unsafe { ffi::lua_rawequal(self.0, one, other) != 0 }
    }

    /// Keeps the value on top; the number gets it back.
    pub fn keep(self) -> c_int {
        // SAFETY: see above.
        unsafe { ffi::luaL_ref(self.0, ffi::LUA_REGISTRYINDEX) }
    }

    pub fn push_kept(self, number: c_int) {
        self.push_item(ffi::LUA_REGISTRYINDEX, number);
    }

    pub fn forget(self, number: c_int) {
        // SAFETY: see above.
        unsafe { ffi::luaL_unref(self.0, ffi::LUA_REGISTRYINDEX, number) }
    }

    /// Where the caller of the running function is, as Lua's messages begin.
    pub fn push_place(self) {
        // SAFETY: see above.
        unsafe { ffi::luaL_where(self.0, 1) }
    }

    /// A table that stands for an error reply.
    pub fn push_error_table(self, line: &[u8], is_counted: bool) {
        self.push_table(0, 2);
        self.push(line);
        self.set_field(-2, b"err");
        if is_counted {
            self.push_boolean(true);
            self.set_field(-2, b"ignore_error_stats_update");
        }
    }

    /// Calls the function below `arguments` values; false: its error is on top.
    ///
    /// Scripts run inside, so memory is limited again.
    pub fn call(self, arguments: c_int, results: c_int, handler: c_int) -> bool {
        let shield = std::mem::take(&mut self.shared().shield);
        // SAFETY: see above; errors end here.
        let status = unsafe { ffi::lua_pcall(self.0, arguments, results, handler) };
        self.shared().shield = shield;
        status == ffi::LUA_OK
    }

    /// Compiles source text; false: the error is on top.
    pub fn load(self, source: &[u8], name: &CStr) -> bool {
        let shield = std::mem::take(&mut self.shared().shield);
        // SAFETY: see above; the compiler is protected by Lua itself.
        let status = unsafe {
            ffi::luaL_loadbuffer(self.0, source.as_ptr().cast(), source.len(), name.as_ptr())
        };
        self.shared().shield = shield;
        status == ffi::LUA_OK
    }

    /// The string argument `number`, as Lua's libraries ask for it.
    pub fn check_bytes<'a>(self, number: c_int) -> Result<&'a [u8], Fault> {
        self.bytes(number).ok_or(Fault::Type(number, c"string"))
    }

    pub fn check_number(self, number: c_int) -> Result<f64, Fault> {
        self.number(number).ok_or(Fault::Type(number, c"number"))
    }

    /// The argument as C's cast makes it an integer.
    pub fn check_integer(self, number: c_int) -> Result<i64, Fault> {
        self.check_number(number).map(to_integer)
    }

    pub fn integer_or(self, number: c_int, default: i64) -> Result<i64, Fault> {
        if self.is_nil_or_none(number) {
            Ok(default)
        } else {
            self.check_integer(number)
        }
    }

    pub fn check_table(self, number: c_int) -> Result<(), Fault> {
        if self.is_table(number) {
            Ok(())
        } else {
            Err(Fault::Type(number, c"table"))
        }
    }
}

/// As the processor casts: what is out of range becomes the least integer.
#[inline]
pub fn to_integer(number: f64) -> i64 {
    const LIMIT: f64 = 9_223_372_036_854_775_808.0;
    if (-LIMIT..LIMIT).contains(&number) {
        number as i64
    } else {
        i64::MIN
    }
}
