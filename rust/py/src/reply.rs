//! Replies: what handlers return, written as RESP; native replies as Python objects.

use std::sync::Arc;

use pyo3::exceptions::PyTypeError;
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::{
    PyBool, PyBytes, PyDict, PyFloat, PyFrozenSet, PyInt, PyList, PySet, PyString, PyTuple, PyType,
};
use rubellite_core::dispatch::blocking::Wait;
use rubellite_core::keyspace::Kind;
use rubellite_core::output::Output;
use rubellite_core::reply::{Protocol, Reply};
use rubellite_core::resp::encode;

use crate::border;

/// A status line such as `OK`.
#[pyclass(frozen, module = "rubellite._core")]
pub struct Status {
    pub text: String,
    pub line: Vec<u8>,
}

#[pymethods]
impl Status {
    #[new]
    fn new(text: String) -> Self {
        let line = format!("+{text}\r\n").into_bytes();
        Self { text, line }
    }

    #[getter]
    fn text(&self) -> &str {
        &self.text
    }

    fn __repr__(&self) -> String {
        format!("Status({:?})", self.text)
    }

    fn __eq__(&self, other: &Bound<'_, PyAny>) -> bool {
        other
            .cast::<Status>()
            .is_ok_and(|other| other.get().text == self.text)
    }

    fn __hash__(&self) -> u64 {
        self.text.bytes().fold(7, |hash, byte| {
            hash.wrapping_mul(31).wrapping_add(byte.into())
        })
    }
}

/// `NULL_ARRAY` and `NOTHING`.
#[pyclass(frozen, module = "rubellite._core")]
pub struct Special {
    pub kind: SpecialKind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SpecialKind {
    /// RESP2's null array, RESP3's null.
    NullArray,
    /// No reply, or one that was written already.
    Nothing,
}

/// A list of pairs: flat in RESP2, nested in RESP3.
#[pyclass(frozen, module = "rubellite._core")]
pub struct Pairs {
    items: Py<PyAny>,
}

/// Text with a three-letter format; a bulk string in RESP2.
#[pyclass(frozen, module = "rubellite._core")]
pub struct Verbatim {
    format: String,
    text: Vec<u8>,
}

/// An out-of-band message; an array in RESP2.
#[pyclass(frozen, module = "rubellite._core")]
pub struct Push {
    items: Py<PyAny>,
}

/// A set whose members are sent in this order.
#[pyclass(frozen, module = "rubellite._core")]
pub struct Members {
    items: Py<PyAny>,
}

/// A big value that is sent from where it lies.
#[pyclass(frozen, module = "rubellite._core")]
pub struct Blob {
    pub bytes: Arc<Vec<u8>>,
}

/// The command waits until one of its keys holds a collection of this kind; then its
/// handler runs again.
#[pyclass(frozen, module = "rubellite._core")]
pub struct Blocked {
    pub wait: Wait,
}

#[pymethods]
impl Blocked {
    /// `deadline_ms` is since 1970, None for ever; then the client gets a null array. So
    /// it does where nothing may wait, or with `denied_null` a plain null.
    #[new]
    ///
    /// With `wakes_on_loss` it also wakes when a key holds something else or is gone.
    /// `request` is the command that runs then, if it is not the one that came.
    #[pyo3(signature = (keys, kind, deadline_ms = None, denied_null = false, wakes_on_loss = false, request = None))]
    fn new(
        keys: &Bound<'_, PyAny>,
        kind: &Bound<'_, PyType>,
        deadline_ms: Option<i64>,
        denied_null: bool,
        wakes_on_loss: bool,
        request: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<Self> {
        let keys = crate::call::words(keys)?;
        let wait = Wait {
            keys: keys.iter().map(|key| (**key).into()).collect(),
            kind: crate::views::kind_of(kind)?,
            deadline_ms,
            answer: Reply::NullArray,
            denied_null,
            wakes_on_loss,
            request: request.map(crate::call::request_of).transpose()?,
        };
        Ok(Self { wait })
    }

    /// The client waits for nothing but the deadline, and gets these numbers then: a
    /// list, or the first alone. So it does, at once, where nothing may wait.
    #[staticmethod]
    fn for_time(deadline_ms: Option<i64>, counts: Vec<i64>, is_list: bool) -> Self {
        let numbers: Vec<Reply> = counts.into_iter().map(Reply::Integer).collect();
        let wait = Wait {
            keys: Vec::new(),
            kind: Kind::String,
            deadline_ms,
            answer: if is_list {
                Reply::Array(numbers)
            } else {
                numbers.into_iter().next().unwrap_or(Reply::Integer(0))
            },
            denied_null: false,
            wakes_on_loss: false,
            request: None,
        };
        Self { wait }
    }
}

#[pymethods]
impl Pairs {
    #[new]
    fn new(items: Py<PyAny>) -> Self {
        Self { items }
    }
}

#[pymethods]
impl Verbatim {
    #[getter]
    fn text(&self) -> &[u8] {
        &self.text
    }

    #[new]
    #[pyo3(signature = (text, format = "txt"))]
    fn new(text: &[u8], format: &str) -> Self {
        Self {
            format: format.to_owned(),
            text: text.to_vec(),
        }
    }
}

#[pymethods]
impl Push {
    #[new]
    fn new(items: Py<PyAny>) -> Self {
        Self { items }
    }
}

#[pymethods]
impl Members {
    #[new]
    fn new(items: Py<PyAny>) -> Self {
        Self { items }
    }
}

#[pymethods]
impl Blob {
    fn __bytes__<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        PyBytes::new(py, &self.bytes)
    }

    fn __len__(&self) -> usize {
        self.bytes.len()
    }
}

/// Deeper replies than this are a bug.
const DEPTH_MAX: usize = 64;

/// Writes what a handler returned; nothing of it if a part cannot be written.
#[inline]
pub fn encode_object(
    object: &Bound<'_, PyAny>,
    protocol: Protocol,
    output: &mut Output,
) -> PyResult<()> {
    // The commonest first: bytes, integers, None and OK.
    // SAFETY: `ob_type` of a live object may always be read.
    let kind = unsafe { ffi::Py_TYPE(object.as_ptr()) };
    if kind == &raw mut ffi::PyBytes_Type {
        // SAFETY: the type was just checked.
        let bytes = unsafe { object.cast_unchecked::<PyBytes>() };
        encode::bulk(output.tail(), bytes.as_bytes());
        return Ok(());
    }
    if kind == &raw mut ffi::PyLong_Type {
        encode::integer(output.tail(), object.extract()?);
        return Ok(());
    }
    if object.is_none() {
        encode::null(output.tail(), protocol);
        return Ok(());
    }
    if let Ok(status) = object.cast_exact::<Status>() {
        output.push(&status.get().line);
        return Ok(());
    }
    let pending = output.bytes_pending();
    encode_other(object, protocol, output, 0).inspect_err(|_| output.truncate(pending))
}

fn encode_other(
    object: &Bound<'_, PyAny>,
    protocol: Protocol,
    output: &mut Output,
    depth: usize,
) -> PyResult<()> {
    if depth > DEPTH_MAX {
        return Err(PyTypeError::new_err("a reply is nested too deeply"));
    }
    let inner = |item: &Bound<'_, PyAny>, output: &mut Output| {
        encode_other(item, protocol, output, depth + 1)
    };
    if object.is_none() {
        encode::null(output.tail(), protocol);
    } else if let Ok(bytes) = object.cast::<PyBytes>() {
        encode::bulk(output.tail(), bytes.as_bytes());
    } else if let Ok(flag) = object.cast::<PyBool>() {
        encode::encode(&Reply::Boolean(flag.is_true()), protocol, output);
    } else if object.is_instance_of::<PyInt>() {
        encode::integer(output.tail(), object.extract()?);
    } else if let Ok(status) = object.cast::<Status>() {
        output.push(&status.get().line);
    } else if let Ok(list) = object.cast::<PyList>() {
        encode::array_header(output.tail(), list.len());
        for item in list.iter() {
            inner(&item, output)?;
        }
    } else if let Ok(tuple) = object.cast::<PyTuple>() {
        encode::array_header(output.tail(), tuple.len());
        for item in tuple.iter() {
            inner(&item, output)?;
        }
    } else if let Ok(number) = object.cast::<PyFloat>() {
        encode::encode(&Reply::Double(number.value()), protocol, output);
    } else if let Ok(text) = object.cast::<PyString>() {
        encode::bulk(output.tail(), &border::text_bytes(text)?);
    } else if let Ok(map) = object.cast::<PyDict>() {
        encode::map_header(output.tail(), map.len(), protocol);
        for (key, value) in map.iter() {
            inner(&key, output)?;
            inner(&value, output)?;
        }
    } else if object.is_instance_of::<PySet>() || object.is_instance_of::<PyFrozenSet>() {
        encode::set_header(output.tail(), object.len()?, protocol);
        for item in object.try_iter()? {
            inner(&item?, output)?;
        }
    } else if let Ok(special) = object.cast::<Special>() {
        if special.get().kind == SpecialKind::NullArray {
            encode::null_array(output.tail(), protocol);
        }
    } else if let Ok(blob) = object.cast::<Blob>() {
        encode::shared_bulk(output, &blob.get().bytes);
    } else if let Ok(pairs) = object.cast::<Pairs>() {
        let items = pairs.get().items.bind(object.py());
        let count = items.len()?;
        let is_flat = protocol == Protocol::Resp2;
        encode::array_header(output.tail(), if is_flat { count * 2 } else { count });
        for pair in items.try_iter()? {
            let (first, second): (Bound<'_, PyAny>, Bound<'_, PyAny>) = pair?.extract()?;
            if !is_flat {
                encode::array_header(output.tail(), 2);
            }
            inner(&first, output)?;
            inner(&second, output)?;
        }
    } else if let Ok(members) = object.cast::<Members>() {
        let items = members.get().items.bind(object.py());
        encode::set_header(output.tail(), items.len()?, protocol);
        for item in items.try_iter()? {
            inner(&item?, output)?;
        }
    } else if let Ok(text) = object.cast::<Verbatim>() {
        let text = text.get();
        encode::verbatim(output.tail(), &text.format, &text.text, protocol);
    } else if let Ok(push) = object.cast::<Push>() {
        let items = push.get().items.bind(object.py());
        encode::push_header(output.tail(), items.len()?, protocol);
        for item in items.try_iter()? {
            inner(&item?, output)?;
        }
    } else if border::is_reply_error(object) {
        encode::error(output.tail(), &border::text_bytes(&object.str()?)?);
    } else {
        let kind = object.get_type().qualname()?;
        return Err(PyTypeError::new_err(format!(
            "a handler returned {kind}, which is no reply"
        )));
    }
    Ok(())
}

/// A native reply as a Python object, for callers without a socket.
pub fn to_object<'py>(py: Python<'py>, reply: &Reply) -> PyResult<Bound<'py, PyAny>> {
    let list = |items: &[Reply]| -> PyResult<Bound<'py, PyList>> {
        let items = items
            .iter()
            .map(|item| to_object(py, item))
            .collect::<PyResult<Vec<_>>>()?;
        PyList::new(py, items)
    };
    let status = |text: &str| Ok(Bound::new(py, Status::new(text.to_owned()))?.into_any());
    match reply {
        Reply::Nothing | Reply::Null | Reply::NullArray => Ok(py.None().into_bound(py)),
        Reply::Status(text) => status(text),
        Reply::StatusOwned(text) => status(text),
        Reply::Error(line) => {
            let failure = rubellite_core::dispatch::Failure::Text(line.clone());
            Ok(border::to_error(py, failure)
                .into_value(py)
                .into_bound(py)
                .into_any())
        }
        Reply::Integer(number) => Ok(number.into_pyobject(py)?.into_any()),
        Reply::Double(number) => Ok(number.into_pyobject(py)?.into_any()),
        Reply::Boolean(flag) => Ok(PyBool::new(py, *flag).to_owned().into_any()),
        Reply::Bulk(bytes) => Ok(PyBytes::new(py, bytes).into_any()),
        Reply::Shared(bytes) => Ok(PyBytes::new(py, bytes).into_any()),
        Reply::Array(items) | Reply::Push(items) => Ok(list(items)?.into_any()),
        Reply::Set(items) => Ok(PySet::new(py, list(items)?)?.into_any()),
        Reply::Map(pairs) => {
            let map = PyDict::new(py);
            for (key, value) in pairs {
                map.set_item(to_object(py, key)?, to_object(py, value)?)?;
            }
            Ok(map.into_any())
        }
        Reply::BigNumber(text) => Ok(py.get_type::<PyInt>().call1((text,))?),
        Reply::Verbatim(_, text) => Ok(PyBytes::new(py, text).into_any()),
    }
}
