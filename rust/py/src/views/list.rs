//! Lists for Python.

use pyo3::prelude::*;
use pyo3::types::PyBytes;
use rubellite_core::dispatch::native_lists::ListPop;
use rubellite_core::dispatch::writer::Writer;
use rubellite_core::keyspace::Place;
use rubellite_core::types::list::face::{End, ListMut, ListRef, resolve, resolve_range};
use rubellite_core::types::list::{Search, limit::ListLimits};

use super::View;
use crate::border;
use crate::reply::{Special, SpecialKind};

/// The list at a key. LEFT is its beginning: where a method takes a word, it is this or
/// RIGHT.
#[pyclass(frozen, sequence, module = "rubellite._core")]
pub struct List(pub View);

/// What `Place` holds, for changing it; None: there is no such key.
fn existing<'p, 'e>(
    place: &'p mut Place<'e>,
    limits: ListLimits,
) -> Option<ListMut<'p, Place<'e>>> {
    (!place.is_new()).then(|| ListMut::new(place, limits))
}

fn end_of(word: &str) -> PyResult<End> {
    match word {
        "LEFT" => Ok(End::Front),
        "RIGHT" => Ok(End::Back),
        _ => Err(pyo3::exceptions::PyValueError::new_err(
            "expected LEFT or RIGHT",
        )),
    }
}

#[pymethods]
impl List {
    fn __len__(&self, py: Python<'_>) -> PyResult<usize> {
        self.0.read(py, 0, |content, _| ListRef::new(content).len())
    }

    /// The element at `index`, negative ones counted from the end, or None.
    fn get<'py>(&self, py: Python<'py>, index: i64) -> PyResult<Option<Bound<'py, PyBytes>>> {
        self.0.read(py, None, |content, _| {
            let list = ListRef::new(content);
            list.get(resolve(index, list.len())?, |element| {
                PyBytes::new(py, element.bytes(&mut itoa::Buffer::new()))
            })
        })
    }

    /// Indexes of elements equal to `element`: at most `count`, after passing over
    /// `skip`, comparing no more than `compare_max`; from the end with `from_back`.
    fn positions(
        &self,
        py: Python<'_>,
        element: &[u8],
        skip: usize,
        from_back: bool,
        count: usize,
        compare_max: usize,
    ) -> PyResult<Vec<usize>> {
        let search = Search {
            from_back,
            skip,
            count,
            compare_max,
        };
        self.0.read(py, Vec::new(), |content, _| {
            ListRef::new(content).positions(element, search)
        })
    }

    /// Adds elements at an end, one after the other; returns the new length.
    fn push(&self, py: Python<'_>, end: &str, elements: &Bound<'_, PyAny>) -> PyResult<usize> {
        let end = end_of(end)?;
        self.0
            .edit_with(py, elements, |place, environment, elements| {
                let mut list = ListMut::new(place, environment.list_limits());
                let len = list.push(end, elements.iter().copied());
                (len, elements.len() as u64)
            })
    }

    /// Gives the element at `index` another value. False: there is none.
    fn set(&self, py: Python<'_>, index: i64, element: &[u8]) -> PyResult<bool> {
        self.0.edit(py, |place, environment| {
            let list = existing(place, environment.list_limits());
            let is_set = list.is_some_and(|mut list| list.set(index, element));
            (is_set, u64::from(is_set))
        })
    }

    /// Puts `element` before or after the first that equals `pivot`. False: none does.
    fn insert(&self, py: Python<'_>, pivot: &[u8], after: bool, element: &[u8]) -> PyResult<bool> {
        self.0.edit(py, |place, environment| {
            let list = existing(place, environment.list_limits());
            let is_in = list.is_some_and(|mut list| list.insert(pivot, after, element));
            (is_in, u64::from(is_in))
        })
    }

    /// Removes up to `count` elements equal to `element`, looking from an end; returns
    /// how many.
    fn remove_equal(
        &self,
        py: Python<'_>,
        element: &[u8],
        count: usize,
        end: &str,
    ) -> PyResult<usize> {
        let end = end_of(end)?;
        self.0.edit(py, |place, environment| {
            let list = existing(place, environment.list_limits());
            let removed = list.map_or(0, |mut list| list.remove_equal(element, count, end));
            (removed, removed as u64)
        })
    }

    /// Keeps only what lies from `first` to `last`, both included; returns how many went.
    fn trim(&self, py: Python<'_>, first: i64, last: i64) -> PyResult<usize> {
        let (removed, garbage) = self.0.edit(py, |place, environment| {
            let Some(mut list) = existing(place, environment.list_limits()) else {
                return ((0, None), 0);
            };
            let range = resolve_range(first, last, list.read().len());
            let (removed, garbage) = list.trim(range);
            ((removed, Some(garbage)), removed as u64)
        })?;
        if let Some(garbage) = garbage {
            self.0
                .context(|context| context.engine.discard_garbage(garbage))?;
        }
        Ok(removed)
    }

    /// Replies with what it takes from an end: one element or, with `count`, an array of
    /// up to so many; `with_key`: an array of the key and that.
    #[pyo3(signature = (end, count = None, with_key = false))]
    fn reply_pop(
        &self,
        py: Python<'_>,
        end: &str,
        count: Option<usize>,
        with_key: bool,
    ) -> PyResult<(usize, Special)> {
        let pop = ListPop {
            end: end_of(end)?,
            count,
            with_key,
        };
        let popped = self.0.context(|context| {
            let protocol = context
                .engine
                .session(context.invocation.client)
                .reply_protocol();
            let mut writer = Writer::new(context.sink, protocol);
            context
                .engine
                .pop_from_list(self.0.key(py), pop, &mut writer)
        })?;
        let popped = popped.map_err(|failure| border::to_error(py, failure))?;
        let kind = SpecialKind::Nothing;
        Ok((popped, Special { kind }))
    }

    /// Takes one element from an end, puts it at an end of the list at `destination`
    /// and replies with it.
    fn reply_move(
        &self,
        py: Python<'_>,
        destination: &[u8],
        from_end: &str,
        to_end: &str,
    ) -> PyResult<Special> {
        let ends = (end_of(from_end)?, end_of(to_end)?);
        self.0
            .context(|context| {
                let protocol = context
                    .engine
                    .session(context.invocation.client)
                    .reply_protocol();
                let mut writer = Writer::new(context.sink, protocol);
                let source = self.0.key(py);
                context
                    .engine
                    .move_between_lists(source, destination, ends, &mut writer)
            })?
            .map_err(|failure| border::to_error(py, failure))?;
        let kind = SpecialKind::Nothing;
        Ok(Special { kind })
    }
}
