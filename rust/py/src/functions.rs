//! `get` and `set` of a session as plain C functions.
//!
//! PyO3 reads arguments for every signature that there can be, which takes a tenth of a
//! `get`. These two take the arguments of the everyday call as Python hands them over, and
//! leave every other call, and every error, to the methods of the same names.

use std::ffi::CStr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr;

use pyo3::exceptions::PyException;
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::PyString;

use crate::embedded::EmbeddedSession;

/// What Python is to know of a function.
struct Definition(ffi::PyMethodDef);

// SAFETY: nobody writes to a definition, and what it points at are constants.
unsafe impl Sync for Definition {}

static GET: Definition = Definition(ffi::PyMethodDef {
    ml_name: c"get".as_ptr(),
    ml_meth: ffi::PyMethodDefPointer { PyCFunction: get },
    ml_flags: ffi::METH_O,
    ml_doc: doc(c"get(key, /)\n--\n\nThe string at `key`, or None. O(1)."),
});

static SET: Definition = Definition(ffi::PyMethodDef {
    ml_name: c"set".as_ptr(),
    ml_meth: ffi::PyMethodDefPointer {
        PyCFunctionFastWithKeywords: set,
    },
    ml_flags: ffi::METH_FASTCALL | ffi::METH_KEYWORDS,
    ml_doc: doc(
        c"set(key, value, *, seconds=None, only_if_absent=False, only_if_present=False)\n--\n\n\
          Gives `key` a string, for so many seconds or for good. False: a condition failed. O(1).",
    ),
});

const fn doc(text: &'static CStr) -> *const std::ffi::c_char {
    text.as_ptr()
}

/// The two functions of a session, which they keep alive.
pub fn of<'py>(
    session: &Bound<'py, EmbeddedSession>,
) -> PyResult<(Bound<'py, PyAny>, Bound<'py, PyAny>)> {
    let py = session.py();
    let make = |definition: &'static Definition| {
        let definition = ptr::from_ref(&definition.0).cast_mut();
        // SAFETY: Python only reads a definition, which lives for ever; the function gets a
        // reference of its own to the session.
        unsafe {
            let function = ffi::PyCFunction_NewEx(definition, session.as_ptr(), ptr::null_mut());
            Bound::from_owned_ptr_or_err(py, function)
        }
    };
    Ok((make(&GET)?, make(&SET)?))
}

/// # Safety
/// To be called by Python alone, with the session that `of` got.
unsafe extern "C" fn get(
    session: *mut ffi::PyObject,
    key: *mut ffi::PyObject,
) -> *mut ffi::PyObject {
    // SAFETY: Python calls functions attached, and lends them live objects.
    let found = unsafe { plainly(session, key, ptr::null_mut()) };
    if !found.is_null() {
        return found;
    }
    // SAFETY: as above.
    unsafe { by_method(session, "get", &raw const key, 1, ptr::null_mut()) }
}

/// # Safety
/// To be called by Python alone, with the session that `of` got.
unsafe extern "C" fn set(
    session: *mut ffi::PyObject,
    arguments: *const *mut ffi::PyObject,
    count: ffi::Py_ssize_t,
    names: *mut ffi::PyObject,
) -> *mut ffi::PyObject {
    if count == 2 && names.is_null() {
        // SAFETY: Python calls functions attached, and lends them so many live objects.
        let done = unsafe { plainly(session, *arguments, *arguments.add(1)) };
        if !done.is_null() {
            return done;
        }
    }
    // SAFETY: as above.
    unsafe { by_method(session, "set", arguments, count, names) }
}

/// The result of GET or, with a value, SET; null: the method has to do it.
///
/// # Safety
/// Attached, and all but `value` are live objects, the first an `EmbeddedSession`.
#[inline]
unsafe fn plainly(
    session: *mut ffi::PyObject,
    key: *mut ffi::PyObject,
    value: *mut ffi::PyObject,
) -> *mut ffi::PyObject {
    // SAFETY: the caller's promise; the borrows end with this call.
    let (py, session, key, value) = unsafe {
        let py = Python::assume_attached();
        (
            py,
            Borrowed::from_ptr(py, session).cast_unchecked::<EmbeddedSession>(),
            Borrowed::from_ptr(py, key),
            Borrowed::from_ptr_or_opt(py, value),
        )
    };
    let work = || match value {
        None => session.get().get_plainly(&key).map(Bound::into_ptr),
        Some(value) => {
            let is_done = session.get().set_plainly(&key, &value);
            is_done.then(|| py_true(py))
        }
    };
    // After a panic the method does it again, and tells of it.
    catch_unwind(AssertUnwindSafe(work))
        .ok()
        .flatten()
        .unwrap_or(ptr::null_mut())
}

#[inline]
fn py_true(py: Python<'_>) -> *mut ffi::PyObject {
    pyo3::types::PyBool::new(py, true)
        .to_owned()
        .into_any()
        .into_ptr()
}

/// Calls the session's method; null: it raised.
///
/// # Safety
/// Attached, and the arguments are as `_PyCFunctionFastWithKeywords` describes them.
#[cold]
unsafe fn by_method(
    session: *mut ffi::PyObject,
    name: &str,
    arguments: *const *mut ffi::PyObject,
    count: ffi::Py_ssize_t,
    names: *mut ffi::PyObject,
) -> *mut ffi::PyObject {
    // SAFETY: the caller's promise. `attach` would not do: when the interpreter ends it calls
    // finalizers, and does not let anybody attach any more.
    let py = unsafe { Python::assume_attached() };
    let called = catch_unwind(|| {
        // SAFETY: the caller's promise.
        let session = unsafe { Borrowed::from_ptr(py, session) };
        match session.getattr(PyString::intern(py, name)) {
            // SAFETY: the caller's promise; without the offset flag, the array stays as it is.
            Ok(method) => unsafe {
                ffi::PyObject_Vectorcall(method.as_ptr(), arguments, count as usize, names)
            },
            Err(error) => {
                error.restore(py);
                ptr::null_mut()
            }
        }
    });
    called.unwrap_or_else(|_| {
        PyException::new_err("a bug in the engine").restore(py);
        ptr::null_mut()
    })
}
