//! Replies in RESP as Python objects, as redis-py's parsers make them.
//!
//! What a client gets through a socket and what it gets inside the process are the same
//! bytes, so they cannot differ. Bytes come from our own encoder; still nothing here
//! trusts a length further than the bytes that are there.

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyFloat, PyInt, PyList, PyString};
use rubellite_core::dispatch::Failure;

use crate::border;

/// Deeper replies than this are refused.
const DEPTH_MAX: usize = 128;

/// Reads replies from the front of bytes.
pub struct Reader<'b> {
    bytes: &'b [u8],
    at: usize,
    /// Strings are text (UTF-8, strictly), not bytes.
    decodes: bool,
}

/// What stands at the front.
pub enum Item<'py> {
    Reply(Bound<'py, PyAny>),
    /// An error reply, as the exception.
    Error(PyErr),
    /// A message that answers no request.
    Push,
}

impl<'b> Reader<'b> {
    pub fn new(bytes: &'b [u8], decodes: bool) -> Reader<'b> {
        Reader {
            bytes,
            at: 0,
            decodes,
        }
    }

    /// The next reply or push; None at the end.
    pub fn next<'py>(&mut self, py: Python<'py>) -> PyResult<Option<Item<'py>>> {
        match self.bytes.get(self.at) {
            None => Ok(None),
            Some(b'-') => {
                self.at += 1;
                let line = self.line()?.to_vec();
                Ok(Some(Item::Error(border::to_error(py, Failure::Text(line)))))
            }
            Some(b'>') => {
                self.object(py, 0)?;
                Ok(Some(Item::Push))
            }
            Some(_) => Ok(Some(Item::Reply(self.object(py, 0)?))),
        }
    }

    fn line(&mut self) -> PyResult<&'b [u8]> {
        let rest = &self.bytes[self.at..];
        let end = memchr::memchr(b'\r', rest).ok_or_else(malformed)?;
        self.at += end + 2;
        Ok(&rest[..end])
    }

    fn length(&mut self) -> PyResult<i64> {
        let line = self.line()?;
        rubellite_core::text::integer::parse(line).ok_or_else(malformed)
    }

    fn text<'py>(&self, py: Python<'py>, bytes: &[u8]) -> PyResult<Bound<'py, PyAny>> {
        if self.decodes {
            return match std::str::from_utf8(bytes) {
                Ok(text) => Ok(PyString::new(py, text).into_any()),
                // Python says what is wrong, and where.
                Err(_) => PyBytes::new(py, bytes).call_method1("decode", ("utf-8",)),
            };
        }
        Ok(PyBytes::new(py, bytes).into_any())
    }

    fn body(&mut self, length: usize) -> PyResult<&'b [u8]> {
        let end = self.at.checked_add(length).ok_or_else(malformed)?;
        let body = self.bytes.get(self.at..end).ok_or_else(malformed)?;
        self.at = end + 2;
        Ok(body)
    }

    fn object<'py>(&mut self, py: Python<'py>, depth: usize) -> PyResult<Bound<'py, PyAny>> {
        if depth > DEPTH_MAX {
            return Err(malformed());
        }
        let kind = *self.bytes.get(self.at).ok_or_else(malformed)?;
        self.at += 1;
        match kind {
            b'$' => match usize::try_from(self.length()?) {
                Ok(length) => {
                    let body = self.body(length)?;
                    self.text(py, body)
                }
                Err(_) => Ok(py.None().into_bound(py)),
            },
            b':' => Ok(self.length()?.into_pyobject(py)?.into_any()),
            b'+' => {
                let line = self.line()?;
                self.text(py, line)
            }
            b'*' | b'~' | b'>' => {
                let Ok(count) = usize::try_from(self.length()?) else {
                    return Ok(py.None().into_bound(py));
                };
                let list = PyList::empty(py);
                for _ in 0..count {
                    list.append(self.object(py, depth + 1)?)?;
                }
                Ok(list.into_any())
            }
            b'%' => {
                let map = PyDict::new(py);
                for _ in 0..self.length()? {
                    let key = self.object(py, depth + 1)?;
                    map.set_item(key, self.object(py, depth + 1)?)?;
                }
                Ok(map.into_any())
            }
            b'_' => {
                self.line()?;
                Ok(py.None().into_bound(py))
            }
            b',' => {
                let line = self.line()?;
                let text = std::str::from_utf8(line).map_err(|_| malformed())?;
                py.get_type::<PyFloat>().call1((text,))
            }
            b'#' => Ok(pyo3::types::PyBool::new(py, self.line()? == b"t")
                .to_owned()
                .into_any()),
            b'(' => {
                let line = self.line()?;
                let text = std::str::from_utf8(line).map_err(|_| malformed())?;
                py.get_type::<PyInt>().call1((text,))
            }
            b'=' => {
                let length = usize::try_from(self.length()?).map_err(|_| malformed())?;
                let body = self.body(length)?;
                // A three-letter format and a colon stand before the text.
                self.text(py, body.get(4..).unwrap_or_default())
            }
            b'-' => {
                let line = self.line()?.to_vec();
                let error = border::to_error(py, Failure::Text(line));
                Ok(error.into_value(py).into_bound(py).into_any())
            }
            _ => Err(malformed()),
        }
    }
}

#[cold]
fn malformed() -> PyErr {
    PyValueError::new_err("a reply that is not RESP")
}
