//! The interpreter's state: its memory, its limits, and what our functions find there.

use std::alloc::{Layout, alloc, dealloc, realloc};
use std::any::Any;
use std::ffi::{c_int, c_void};
use std::ptr;

use mlua_sys as ffi;
use mlua_sys::lua_State;

use crate::json;
use crate::library::{self, Loading};
use crate::lua::Lua;
use crate::run::Run;
use crate::sandbox::Originals;

/// Instructions between looks at the clock.
const HOOK_INSTRUCTIONS: c_int = 10_000;
/// Steps of a function in Rust between such looks.
const STEPS_PER_LOOK: u32 = 1 << 16;

/// Beside one interpreter, reached from each of its threads.
pub struct Shared {
    used: usize,
    /// Bytes above which the interpreter gets no more.
    pub limit: usize,
    /// While above 0 memory is not refused: a function in Rust runs.
    pub shield: u32,
    /// The script that runs; null: none.
    pub run: *mut Run<'static>,
    /// The library that is being loaded; null: none.
    pub loading: *mut Loading<'static>,
    /// It is to end: every instruction fails from now on.
    pub is_ending: bool,
    /// What a function panicked with.
    pub panic: Option<Box<dyn Any + Send>>,
    steps: u32,
    /// Metatables of tables that scripts must not change, and the tables behind them.
    pub protected: Vec<Protected>,
    pub json: json::Options,
    /// The table of globals, kept in the registry.
    pub globals: c_int,
    pub originals: Originals,
}

/// See `sandbox`.
#[derive(Debug, Clone, Copy)]
pub struct Protected {
    pub metatable: *const c_void,
    /// The table behind, kept in the registry.
    pub real: c_int,
    /// The metatable that scripts see, kept in the registry; 0: none.
    pub shown: c_int,
}

/// # Safety
/// `state` was made by `new`.
#[inline]
pub unsafe fn shared_of<'a>(state: *mut lua_State) -> &'a mut Shared {
    let mut data = ptr::null_mut();
    // SAFETY: a live state; its allocator's data is a `Shared` that lives as long.
    unsafe {
        ffi::lua_getallocf(state, &raw mut data);
        &mut *data.cast::<Shared>()
    }
}

const ALIGNMENT: usize = 8;

unsafe extern "C" fn allocate(
    data: *mut c_void,
    block: *mut c_void,
    old: usize,
    new: usize,
) -> *mut c_void {
    // SAFETY: Lua tells the size that it asked for; `data` is our `Shared`, of which
    // only plain fields are touched.
    unsafe {
        let shared = data.cast::<Shared>();
        let old = if block.is_null() { 0 } else { old };
        let used = (*shared).used - old + new;
        if new > old && (*shared).shield == 0 && used > (*shared).limit {
            return ptr::null_mut();
        }
        let layout = |size| Layout::from_size_align_unchecked(size, ALIGNMENT);
        let result = if new == 0 {
            if old > 0 {
                dealloc(block.cast(), layout(old));
            }
            ptr::null_mut()
        } else if old == 0 {
            alloc(layout(new))
        } else {
            realloc(block.cast(), layout(old), new)
        };
        if new == 0 || !result.is_null() {
            (*shared).used = used;
        }
        result.cast()
    }
}

/// Looks at the clock and at who wants the script to end.
unsafe extern "C-unwind" fn on_count(state: *mut lua_State, _: *mut ffi::lua_Debug) {
    let lua = Lua(state);
    if lua.shared().look() {
        // SAFETY: a live thread; nothing here owns anything when it jumps. From now on
        // each instruction fails, so that no pcall of the script goes on.
        unsafe {
            ffi::lua_sethook(state, Some(on_count), ffi::LUA_MASKCOUNT, 1);
            lua.shared().shield += 1;
            lua.shared().push_ending(lua);
            lua.shared().shield -= 1;
            ffi::lua_error(state);
        }
    }
}

impl Shared {
    /// A new interpreter without anything in it. Its memory is given back by `close`.
    pub fn open(limit: usize) -> (Box<Shared>, Lua) {
        let mut shared = Box::new(Shared {
            used: 0,
            limit,
            shield: 1,
            run: ptr::null_mut(),
            loading: ptr::null_mut(),
            is_ending: false,
            panic: None,
            steps: 0,
            protected: Vec::new(),
            json: json::Options::default(),
            globals: 0,
            originals: Originals::default(),
        });
        let data = (&raw mut *shared).cast();
        // SAFETY: the box stays where it is as long as the state lives.
        let state = unsafe { ffi::lua_newstate(allocate, data) };
        assert!(!state.is_null(), "no memory for Lua");
        let lua = Lua(state);
        lua.watch();
        (shared, lua)
    }

    /// Bytes that the interpreter holds.
    pub fn used(&self) -> usize {
        self.used
    }

    /// Counts `steps` of a function that may take long; true: the script is to end.
    #[inline]
    pub fn step(&mut self, steps: u32) -> bool {
        self.steps += steps;
        if self.steps < STEPS_PER_LOOK {
            return false;
        }
        self.steps = 0;
        self.look()
    }

    fn look(&mut self) -> bool {
        if self.is_ending {
            return true;
        }
        if !self.loading.is_null() {
            // SAFETY: set while the library is loaded, by who waits for that to end.
            self.is_ending = unsafe { (*self.loading).is_late() };
            return self.is_ending;
        }
        if self.run.is_null() {
            return false;
        }
        // SAFETY: set while the script runs, by who waits for it to end.
        let run = unsafe { &mut *self.run };
        self.is_ending = run.look();
        self.is_ending
    }

    /// Pushes the error that ends the script.
    pub fn push_ending(&self, lua: Lua) {
        if !self.loading.is_null() {
            lua.push_error_table(library::LATE, false);
            return;
        }
        if self.run.is_null() {
            lua.push(b"script ended");
            return;
        }
        // SAFETY: as in `look`.
        let run = unsafe { &*self.run };
        lua.push_error_table(&run.ending_line(), false);
    }
}

impl Lua {
    /// Lets `on_count` be called every so often.
    pub fn watch(self) {
        // SAFETY: a live thread.
        unsafe {
            ffi::lua_sethook(
                self.0,
                Some(on_count),
                ffi::LUA_MASKCOUNT,
                HOOK_INSTRUCTIONS,
            );
        }
    }

    pub fn close(self) {
        // SAFETY: the main thread; nobody uses the state afterwards.
        unsafe { ffi::lua_close(self.0) }
    }

    /// Frees what nobody uses; a `step` does a little of that.
    pub fn collect(self, step: bool) {
        let what = if step {
            ffi::LUA_GCSTEP
        } else {
            ffi::LUA_GCCOLLECT
        };
        // SAFETY: a live state; no finaliser exists that could fail.
        unsafe { ffi::lua_gc(self.0, what, 0) };
    }
}
