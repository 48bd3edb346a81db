//! What processes need that share a store: requests and replies as bytes, sockets to adopt,
//! and sockets that a child after a fork must let go of.

use pyo3::exceptions::{PyOSError, PyRuntimeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyTuple};
use rubellite_core::net::Listener;
use rubellite_core::resp::encode;
use rubellite_core::resp::extent::Extent;

use crate::embedded;
use crate::engine::Engine;
use crate::objects::{Item, Reader};

/// A command as a client sends it; arguments are those of `EmbeddedSession.call`.
#[pyfunction]
#[pyo3(signature = (arguments, encode = None))]
pub fn encode_request<'py>(
    py: Python<'py>,
    arguments: &Bound<'py, PyTuple>,
    encode: Option<Py<PyAny>>,
) -> PyResult<Bound<'py, PyBytes>> {
    let request = embedded::request(arguments, encode.as_ref())?;
    let request = request.as_request();
    let mut bytes = Vec::with_capacity(request.bytes_max() + 16 * (request.len() + 1));
    encode::array_header(&mut bytes, request.len());
    for argument in request.iter() {
        encode::bulk(&mut bytes, argument);
    }
    Ok(PyBytes::new(py, &bytes))
}

/// Descriptors of the engines' sockets, for a child after a fork to close; they are
/// forgotten here.
#[pyfunction]
pub fn take_inherited_sockets() -> Vec<i32> {
    #[cfg(unix)]
    return rubellite_core::net::inherited::take_all();
    #[cfg(not(unix))]
    Vec::new()
}

/// Reads replies from bytes that arrive in pieces.
#[pyclass(module = "rubellite._core")]
pub struct ReplyReader {
    bytes: Vec<u8>,
    extent: Extent,
    decodes: bool,
}

#[pymethods]
impl ReplyReader {
    #[new]
    #[pyo3(signature = (decodes = false))]
    fn new(decodes: bool) -> Self {
        Self {
            bytes: Vec::new(),
            extent: Extent::default(),
            decodes,
        }
    }

    /// Takes what has arrived.
    fn feed(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    /// Whether a whole reply is there, and the reply; an error reply is raised. Messages
    /// that answer nothing are passed over.
    fn take<'py>(&mut self, py: Python<'py>) -> PyResult<(bool, Bound<'py, PyAny>)> {
        loop {
            let end = self.extent.end(&self.bytes);
            let end = end.map_err(|error| PyValueError::new_err(error.to_string()))?;
            let Some(end) = end else {
                return Ok((false, py.None().into_bound(py)));
            };
            let item = Reader::new(&self.bytes[..end], self.decodes).next(py);
            self.bytes.drain(..end);
            self.extent = Extent::default();
            match item? {
                Some(Item::Reply(object)) => return Ok((true, object)),
                Some(Item::Error(error)) => return Err(error),
                Some(Item::Push) | None => {}
            }
        }
    }
}

#[pymethods]
impl Engine {
    /// Lets the serving loop accept from a Unix socket, too.
    fn listen_unix(&self, path: std::path::PathBuf, permissions: u32) -> PyResult<()> {
        let Some(waker) = self.waker() else {
            return Err(PyRuntimeError::new_err("the engine is not serving"));
        };
        let listener = Listener::bind_unix(&path, permissions, 511)
            .map_err(|error| PyOSError::new_err(error.to_string()))?;
        waker.add_listener(listener);
        Ok(())
    }

    /// Lets the serving loop accept from a Unix socket that listens already, from
    /// processes of this user only. The descriptor is the engine's from here on.
    #[cfg(unix)]
    fn adopt_unix(&self, descriptor: i32, path: std::path::PathBuf) -> PyResult<()> {
        use std::os::fd::{FromRawFd, OwnedFd};

        let Some(waker) = self.waker() else {
            return Err(PyRuntimeError::new_err("the engine is not serving"));
        };
        // SAFETY: the caller detached the descriptor from its own socket for us to own.
        let socket = unsafe { OwnedFd::from_raw_fd(descriptor) };
        let listener = Listener::adopt_unix(socket, &path)
            .map_err(|error| PyOSError::new_err(error.to_string()))?;
        waker.add_listener(listener);
        Ok(())
    }
}
