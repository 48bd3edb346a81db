//! Views: the collection at a key, for as long as a command runs.
//!
//!     call.read(key, Hash)   → a view, or None without key
//!     call.edit(key, Hash)   → a view for changing it; made by its first insertion
//!
//! A view holds its key and looks it up at each method, so it is never stale; the
//! look-up is the small part of a method's cost. It belongs to its call and raises
//! afterwards. Methods named `reply_…` write the command's reply straight from the
//! structure and return NOTHING.

pub mod geo;
pub mod hash;
pub mod interval;
pub mod list;
pub mod made;
pub mod scored_sets;
pub mod set;
pub mod sorted_set;
pub mod stream;
pub mod stream_groups;

use pyo3::exceptions::{PyRuntimeError, PyTypeError};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyType};
use rubellite_core::dispatch::Engine;
use rubellite_core::dispatch::collections::Environment;
use rubellite_core::dispatch::data::Access;
use rubellite_core::dispatch::error::Failure;
use rubellite_core::dispatch::writer::Writer;
use rubellite_core::keyspace::{Kind, Place};
use rubellite_core::service::Request;
use rubellite_core::types::home::Content;

use crate::border;
use crate::call::{Arguments, Call, Context};
use crate::reply::{Special, SpecialKind};

/// What all views are made of.
pub struct View {
    call: Py<Call>,
    serial: u64,
    key: Py<PyBytes>,
    kind: Kind,
}

impl View {
    fn context<R>(&self, work: impl FnOnce(&mut Context<'_>) -> R) -> PyResult<R> {
        let call = self.call.get();
        if call.serial() != self.serial {
            return Err(PyRuntimeError::new_err(
                "this view belongs to a call that is over",
            ));
        }
        call.with(work)
    }

    fn key<'k>(&'k self, py: Python<'k>) -> &'k [u8] {
        self.key.bind(py).as_bytes()
    }

    /// Looks at the collection; `absent` where there is none (any more).
    pub fn read<R>(
        &self,
        py: Python<'_>,
        absent: R,
        work: impl FnOnce(Content<'_>, i64) -> R,
    ) -> PyResult<R> {
        self.context(|context| {
            let now_ms = context.engine.alive_ms();
            let entry = context
                .engine
                .read_kind(self.key(py), self.kind, Access::Peek)?;
            let content = entry.and_then(|entry| entry.content());
            Ok(content.map_or(absent, |content| work(content, now_ms)))
        })?
        .map_err(|failure| border::to_error(py, failure))
    }

    /// Changes the collection; see `Engine::edit_collection`.
    pub fn edit<R>(
        &self,
        py: Python<'_>,
        work: impl FnOnce(&mut Place<'_>, &mut Environment<'_>) -> (R, u64),
    ) -> PyResult<R> {
        self.context(|context| {
            context
                .engine
                .edit_collection(self.key(py), self.kind, work)
        })?
        .map_err(|failure| border::to_error(py, failure))
    }

    /// As `edit`, with arguments of the same call, uncopied.
    pub fn edit_with<R>(
        &self,
        py: Python<'_>,
        arguments: &Bound<'_, PyAny>,
        work: impl FnOnce(&mut Place<'_>, &mut Environment<'_>, &[&[u8]]) -> (R, u64),
    ) -> PyResult<R> {
        self.with(py, arguments, |engine, key, parts| {
            engine.edit_collection(key, self.kind, |place, environment| {
                work(place, environment, parts)
            })
        })
    }

    /// Gives access to the engine, with the key and arguments of the same call, uncopied.
    pub fn with<R>(
        &self,
        py: Python<'_>,
        arguments: &Bound<'_, PyAny>,
        work: impl FnOnce(&mut Engine, &[u8], &[&[u8]]) -> Result<R, Failure>,
    ) -> PyResult<R> {
        with_parts(arguments, |range, given| {
            self.context(|context| {
                let request = context.invocation.request;
                let unread: Vec<&[u8]>;
                let parts = match range {
                    Some((first, count)) => {
                        unread = (first..first + count).map(|at| request.get(at)).collect();
                        &unread[..]
                    }
                    None => given,
                };
                work(context.engine, self.key(py), parts)
            })
        })?
        .map_err(|failure| border::to_error(py, failure))
    }

    /// As `read`, with arguments of the same call, uncopied.
    pub fn read_with<R>(
        &self,
        py: Python<'_>,
        arguments: &Bound<'_, PyAny>,
        work: impl FnOnce(Option<Content<'_>>, i64, &[&[u8]]) -> R,
    ) -> PyResult<R> {
        self.with(py, arguments, |engine, key, parts| {
            let now_ms = engine.alive_ms();
            let entry = engine.read_kind(key, self.kind, Access::Peek)?;
            let content = entry.and_then(|entry| entry.content());
            Ok(work(content, now_ms, parts))
        })
    }

    /// As `reply`, with arguments of the same call, uncopied.
    pub fn reply_with(
        &self,
        py: Python<'_>,
        arguments: &Bound<'_, PyAny>,
        work: impl FnOnce(Option<Content<'_>>, &mut Writer<'_>, &[&[u8]]),
    ) -> PyResult<Special> {
        with_parts(arguments, |range, given| {
            self.reply_from(py, |content, _, writer, request| {
                let unread: Vec<&[u8]>;
                let parts = match range {
                    Some((first, count)) => {
                        unread = (first..first + count).map(|at| request.get(at)).collect();
                        &unread[..]
                    }
                    None => given,
                };
                work(content, writer, parts);
            })
        })
    }

    /// Writes the command's reply from the collection; None: there is none.
    pub fn reply(
        &self,
        py: Python<'_>,
        work: impl FnOnce(Option<Content<'_>>, i64, &mut Writer<'_>),
    ) -> PyResult<Special> {
        self.reply_from(py, |content, now_ms, writer, _| {
            work(content, now_ms, writer)
        })
    }

    fn reply_from(
        &self,
        py: Python<'_>,
        work: impl FnOnce(Option<Content<'_>>, i64, &mut Writer<'_>, Request<'_>),
    ) -> PyResult<Special> {
        self.context(|context| {
            let request = context.invocation.request;
            let now_ms = context.engine.alive_ms();
            let protocol = context
                .engine
                .session(context.invocation.client)
                .reply_protocol();
            let entry = context
                .engine
                .read_kind(self.key(py), self.kind, Access::Peek)?;
            let content = entry.and_then(|entry| entry.content());
            let writer = &mut Writer::new(context.sink, protocol);
            work(content, now_ms, writer, request);
            Ok(Special {
                kind: SpecialKind::Nothing,
            })
        })?
        .map_err(|failure| border::to_error(py, failure))
    }
}

/// Hands over the parts of a sequence of bytes: where they stand in the request, or the
/// bytes themselves if Python made the sequence.
fn with_parts<R>(
    arguments: &Bound<'_, PyAny>,
    work: impl FnOnce(Option<(usize, usize)>, &[&[u8]]) -> PyResult<R>,
) -> PyResult<R> {
    if let Ok(unread) = arguments.cast::<Arguments>() {
        let unread = unread.get();
        unread.check()?;
        return work(Some((unread.first, unread.count)), &[]);
    }
    let objects = arguments
        .try_iter()?
        .map(|item| {
            let item = item?.cast_into::<PyBytes>();
            item.map_err(|_| PyTypeError::new_err("expected a sequence of bytes"))
        })
        .collect::<PyResult<Vec<_>>>()?;
    let parts: Vec<&[u8]> = objects.iter().map(|item| item.as_bytes()).collect();
    work(None, &parts)
}

/// The kind of value that a view's class stands for.
pub fn kind_of(class: &Bound<'_, PyType>) -> PyResult<Kind> {
    let py = class.py();
    if class.is(py.get_type::<hash::Hash>()) {
        Ok(Kind::Hash)
    } else if class.is(py.get_type::<list::List>()) {
        Ok(Kind::List)
    } else if class.is(py.get_type::<set::Set>()) {
        Ok(Kind::Set)
    } else if class.is(py.get_type::<sorted_set::SortedSet>()) {
        Ok(Kind::SortedSet)
    } else if class.is(py.get_type::<stream::Stream>()) {
        Ok(Kind::Stream)
    } else {
        Err(PyTypeError::new_err(
            "expected Hash, List, Set, SortedSet or Stream",
        ))
    }
}

fn make<'py>(py: Python<'py>, view: View) -> PyResult<Bound<'py, PyAny>> {
    match view.kind {
        Kind::Hash => Ok(Bound::new(py, hash::Hash(view))?.into_any()),
        Kind::List => Ok(Bound::new(py, list::List(view))?.into_any()),
        Kind::Set => Ok(Bound::new(py, set::Set(view))?.into_any()),
        Kind::SortedSet => Ok(Bound::new(py, sorted_set::SortedSet(view))?.into_any()),
        Kind::Stream => Ok(Bound::new(py, stream::Stream(view))?.into_any()),
        kind => Err(PyTypeError::new_err(format!("no view for {}", kind.name()))),
    }
}

#[pymethods]
impl Call {
    /// The collection at `key` for reading; None without key. Fails with WRONG_TYPE.
    fn read<'py>(
        slf: &Bound<'py, Self>,
        key: Bound<'py, PyBytes>,
        kind: &Bound<'py, PyType>,
    ) -> PyResult<Option<Bound<'py, PyAny>>> {
        let py = slf.py();
        let kind = kind_of(kind)?;
        let is_there = slf.get().try_with(py, |engine| {
            Ok(engine
                .read_kind(key.as_bytes(), kind, Access::Read)?
                .is_some())
        })?;
        if !is_there {
            return Ok(None);
        }
        Self::view(slf, key, kind).map(Some)
    }

    /// The collection at `key` for changing it. Fails with WRONG_TYPE.
    fn edit<'py>(
        slf: &Bound<'py, Self>,
        key: Bound<'py, PyBytes>,
        kind: &Bound<'py, PyType>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let py = slf.py();
        let kind = kind_of(kind)?;
        slf.get().try_with(py, |engine| {
            // The edit itself is what touches the key; where there will be none, this is.
            let found = engine.read_kind(key.as_bytes(), kind, Access::Peek);
            let found = found.map(|_| ());
            if found.is_err() {
                engine.read(key.as_bytes(), Access::Write);
            }
            found
        })?;
        Self::view(slf, key, kind)
    }
}

impl Call {
    fn view<'py>(
        slf: &Bound<'py, Self>,
        key: Bound<'py, PyBytes>,
        kind: Kind,
    ) -> PyResult<Bound<'py, PyAny>> {
        let view = View {
            call: slf.clone().unbind(),
            serial: slf.get().serial(),
            key: key.unbind(),
            kind,
        };
        make(slf.py(), view)
    }
}
