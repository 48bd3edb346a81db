//! Where in a script an error happened.

use std::ffi::{CStr, c_int};

use mlua_sys as ffi;

use crate::lua::Lua;

impl Lua {
    /// Source and line of the function that raised an error, or of its caller where it is
    /// one of ours. For an error handler.
    pub fn place(self) -> Option<(Vec<u8>, c_int)> {
        self.place_at(1).and_then(|(is_c, source, line)| {
            if is_c {
                self.place_at(2).map(|(_, source, line)| (source, line))
            } else {
                Some((source, line))
            }
        })
    }

    fn place_at(self, level: c_int) -> Option<(bool, Vec<u8>, c_int)> {
        let mut record = std::mem::MaybeUninit::<ffi::lua_Debug>::zeroed();
        // SAFETY: Lua fills the record when there is such a level; its texts live as long
        // as the function.
        unsafe {
            if ffi::lua_getstack(self.0, level, record.as_mut_ptr()) == 0 {
                return None;
            }
            ffi::lua_getinfo(self.0, c"Sl".as_ptr(), record.as_mut_ptr());
            let record = record.assume_init();
            let what = CStr::from_ptr(record.what).to_bytes();
            let source = CStr::from_ptr(record.source).to_bytes().to_vec();
            Some((what == b"C", source, record.currentline))
        }
    }
}
