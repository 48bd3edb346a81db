//! Several sorted sets and sets at once, for ZUNION and its like.

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use rubellite_core::dispatch::Engine;
use rubellite_core::dispatch::data::Access;
use rubellite_core::dispatch::error::{ErrorCode, Failure};
use rubellite_core::dispatch::sorted_sets::write_entries;
use rubellite_core::dispatch::writer::Writer;
use rubellite_core::keyspace::Kind;
use rubellite_core::service::Request;
use rubellite_core::types::home::Content;
use rubellite_core::types::packed::Element;
use rubellite_core::types::sorted_set::combine::{self, Aggregate, Scored, Weighted};
use rubellite_core::types::sorted_set::face::{self, SortedSetRef};
use rubellite_core::types::{Form, Set};

use super::made::Made;
use crate::border;
use crate::call::{Arguments, Call, Context, check_arguments};
use crate::reply::{Special, SpecialKind};

/// The inputs of a command that combines; a set's scores are all 1.
#[pyclass(frozen, module = "rubellite._core")]
pub struct ScoredSets {
    call: Py<Call>,
    keys: Py<Arguments>,
}

/// How inputs are combined.
enum Operation {
    Union,
    Intersection,
    Difference,
}

impl Operation {
    fn named(name: &str) -> PyResult<Operation> {
        match name {
            "union" => Ok(Operation::Union),
            "intersection" => Ok(Operation::Intersection),
            "difference" => Ok(Operation::Difference),
            _ => Err(PyValueError::new_err(format!("no such operation: {name}"))),
        }
    }
}

fn aggregate_named(name: &str) -> PyResult<Aggregate> {
    match name {
        "SUM" => Ok(Aggregate::Sum),
        "MIN" => Ok(Aggregate::Min),
        "MAX" => Ok(Aggregate::Max),
        _ => Err(PyValueError::new_err(format!("no such aggregate: {name}"))),
    }
}

/// The inputs at `keys`, which hold sorted sets, sets or nothing.
fn inputs<'e>(
    engine: &'e Engine,
    request: Request<'_>,
    keys: &Arguments,
    weights: Option<&[f64]>,
) -> Vec<Weighted<'e>> {
    let database = &engine.databases[engine.run.database];
    let input = |index: usize| {
        let entry = database.find(request.get(keys.first + index));
        let entry = entry.filter(|entry| !engine.is_due(entry.expires_at()));
        let found = entry.and_then(|entry| Some((entry.kind(), entry.content()?)));
        let set = match found {
            Some((Kind::Set, content)) => Scored::Set(Set::new(content, engine.alive_ms())),
            Some((Kind::SortedSet, content)) => Scored::SortedSet(SortedSetRef::new(content)),
            _ => Scored::SortedSet(SortedSetRef::new(Content::Packed(Form::Packed, &[]))),
        };
        let weight = weights.and_then(|weights| weights.get(index).copied());
        let weight = weight.unwrap_or(1.0);
        Weighted { set, weight }
    };
    (0..keys.count).map(input).collect()
}

impl ScoredSets {
    fn with<R>(&self, work: impl FnOnce(&mut Context<'_>, &Arguments) -> R) -> PyResult<R> {
        let keys = self.keys.get();
        check_arguments(self.call.get(), keys)?;
        self.call.get().with(|context| work(context, keys))
    }
}

fn combined<'e>(
    inputs: &[Weighted<'e>],
    operation: Operation,
    aggregate: Aggregate,
) -> Vec<(Element<'e>, f64)> {
    match operation {
        Operation::Union => combine::union(inputs, aggregate),
        Operation::Intersection => combine::intersection(inputs, aggregate),
        Operation::Difference => {
            let sets: Vec<_> = inputs.iter().map(|input| input.set).collect();
            match sets.split_first() {
                Some((first, others)) => combine::difference(*first, others),
                None => Vec::new(),
            }
        }
    }
}

#[pymethods]
impl ScoredSets {
    /// Replies with what `operation` makes of them.
    fn reply_combined(
        &self,
        operation: &str,
        weights: Option<Vec<f64>>,
        aggregate: &str,
        with_scores: bool,
    ) -> PyResult<Special> {
        let operation = Operation::named(operation)?;
        let aggregate = aggregate_named(aggregate)?;
        self.with(|context, keys| {
            let protocol = context
                .engine
                .session(context.invocation.client)
                .reply_protocol();
            let request = context.invocation.request;
            let inputs = inputs(context.engine, request, keys, weights.as_deref());
            let entries = combined(&inputs, operation, aggregate);
            let mut writer = Writer::new(context.sink, protocol);
            let count = entries.len();
            write_entries(&mut writer, entries.into_iter(), count, with_scores);
            Special {
                kind: SpecialKind::Nothing,
            }
        })
    }

    /// What `operation` makes of them, to be stored.
    fn combine(
        &self,
        operation: &str,
        weights: Option<Vec<f64>>,
        aggregate: &str,
    ) -> PyResult<Made> {
        let operation = Operation::named(operation)?;
        let aggregate = aggregate_named(aggregate)?;
        self.with(|context, keys| {
            let engine = &*context.engine;
            let request = context.invocation.request;
            let inputs = inputs(engine, request, keys, weights.as_deref());
            let entries = combined(&inputs, operation, aggregate);
            let made = face::from_sorted(&entries, engine.sorted_set_limits());
            Made::new(Kind::SortedSet, entries.len(), made)
        })
    }

    /// How many members all of them have; not counted further than `limit`.
    fn intersection_len(&self, limit: Option<usize>) -> PyResult<usize> {
        self.with(|context, keys| {
            let inputs = inputs(context.engine, context.invocation.request, keys, None);
            combine::intersection_len(&inputs, limit.unwrap_or(usize::MAX))
        })
    }
}

#[pymethods]
impl Call {
    /// The sorted sets and sets at `keys`. Fails with WRONG_TYPE if one is neither.
    fn scored_sets(slf: &Bound<'_, Self>, keys: &Bound<'_, Arguments>) -> PyResult<ScoredSets> {
        let range = keys.get();
        check_arguments(slf.get(), range)?;
        slf.get()
            .with(|context| {
                for index in range.first..range.first + range.count {
                    let key = context.invocation.request.get(index);
                    let entry = context.engine.read(key, Access::Read);
                    let kind = entry.map(|entry| entry.kind());
                    if kind.is_some_and(|kind| !matches!(kind, Kind::Set | Kind::SortedSet)) {
                        return Err(Failure::from(ErrorCode::WrongType));
                    }
                }
                Ok(())
            })?
            .map_err(|failure| border::to_error(slf.py(), failure))?;
        Ok(ScoredSets {
            call: slf.clone().unbind(),
            keys: keys.clone().unbind(),
        })
    }
}
