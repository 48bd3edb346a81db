//! `Call`'s methods for SORT.

use pyo3::prelude::*;
use pyo3::types::PyBytes;
use rubellite_core::dispatch::sorting::Sorting;
use rubellite_core::dispatch::writer::Writer;
use rubellite_core::keyspace::Kind;

use crate::border;
use crate::call::Call;
use crate::reply::{Special, SpecialKind};
use crate::views::made::Made;

fn sorting<'a>(
    by: Option<&'a [u8]>,
    get: &'a [Bound<'_, PyBytes>],
    limit: (i64, i64),
    is_descending: bool,
    is_alpha: bool,
) -> Sorting<'a> {
    Sorting {
        by,
        get: get.iter().map(|pattern| pattern.as_bytes()).collect(),
        offset: limit.0,
        count: limit.1,
        is_descending,
        is_alpha,
        is_stored: false,
    }
}

#[pymethods]
impl Call {
    /// Replies with the elements of the list, set or sorted set at `key` in order, or with
    /// what the patterns in `get` lead to from each.
    fn reply_sorted(
        slf: &Bound<'_, Self>,
        key: &[u8],
        by: Option<&[u8]>,
        get: Vec<Bound<'_, PyBytes>>,
        limit: (i64, i64),
        descending: bool,
        alpha: bool,
    ) -> PyResult<Special> {
        let sorting = sorting(by, &get, limit, descending, alpha);
        slf.get()
            .with(|context| {
                let sorted = context.engine.sort(key, &sorting)?;
                let protocol = context
                    .engine
                    .session(context.invocation.client)
                    .reply_protocol();
                let mut writer = Writer::new(context.sink, protocol);
                context.engine.reply_sorted(&sorted, &sorting, &mut writer);
                Ok(Special {
                    kind: SpecialKind::Nothing,
                })
            })?
            .map_err(|failure| border::to_error(slf.py(), failure))
    }

    /// The same as a list, to be stored.
    fn list_sorted(
        slf: &Bound<'_, Self>,
        key: &[u8],
        by: Option<&[u8]>,
        get: Vec<Bound<'_, PyBytes>>,
        limit: (i64, i64),
        descending: bool,
        alpha: bool,
    ) -> PyResult<Made> {
        let mut sorting = sorting(by, &get, limit, descending, alpha);
        sorting.is_stored = true;
        slf.get().try_with(slf.py(), |engine| {
            let sorted = engine.sort(key, &sorting)?;
            let (list, len) = engine.list_sorted(&sorted, &sorting);
            Ok(Made::new(Kind::List, len, list))
        })
    }
}
