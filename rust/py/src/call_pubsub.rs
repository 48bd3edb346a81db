//! `Call`'s methods for publish/subscribe.

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyBytes;
use rubellite_core::dispatch::pubsub::Topic;

use crate::call::{Arguments, Call, check_arguments};
use crate::reply::{Special, SpecialKind};

/// What Python calls the kinds of topics.
fn topic(name: &str) -> PyResult<Topic> {
    match name {
        "channel" => Ok(Topic::Channel),
        "pattern" => Ok(Topic::Pattern),
        "shard" => Ok(Topic::Shard),
        _ => Err(PyValueError::new_err("no such kind of topic")),
    }
}

const NOTHING: Special = Special {
    kind: SpecialKind::Nothing,
};

#[pymethods]
impl Call {
    /// Lets the asking client listen; the confirmations are written already.
    fn subscribe(&self, kind: &str, names: &Arguments) -> PyResult<Special> {
        let topic = topic(kind)?;
        check_arguments(self, names)?;
        self.with(|context| {
            let word = &context.commands.specs[context.invocation.command].name;
            for index in names.first..names.first + names.count {
                let name = context.invocation.request.get(index);
                context.engine.subscribe(topic, name, word, context.sink);
            }
        })?;
        Ok(NOTHING)
    }

    /// Ends subscriptions of the asking client, all of a kind without names; the
    /// confirmations are written already.
    fn unsubscribe(&self, kind: &str, names: &Arguments) -> PyResult<Special> {
        let topic = topic(kind)?;
        check_arguments(self, names)?;
        self.with(|context| {
            let word = &context.commands.specs[context.invocation.command].name;
            for index in names.first..names.first + names.count {
                let name = context.invocation.request.get(index);
                context.engine.unsubscribe(topic, name, word, context.sink);
            }
            if names.count == 0 {
                context.engine.unsubscribe_all(topic, word, context.sink);
            }
        })?;
        Ok(NOTHING)
    }

    /// Topics that somebody listens to and whose names match `pattern`.
    fn topics<'py>(
        &self,
        py: Python<'py>,
        kind: &str,
        pattern: &[u8],
    ) -> PyResult<Vec<Bound<'py, PyBytes>>> {
        let topic = topic(kind)?;
        self.with(|context| {
            let names = context.engine.subscriptions.matching(topic, pattern);
            names.iter().map(|name| PyBytes::new(py, name)).collect()
        })
    }

    /// How many topics of a kind somebody listens to.
    fn topic_count(&self, kind: &str) -> PyResult<usize> {
        let topic = topic(kind)?;
        self.with(|context| context.engine.subscriptions.count(topic))
    }

    /// How many listen to a topic.
    fn listeners(&self, kind: &str, name: &[u8]) -> PyResult<usize> {
        let topic = topic(kind)?;
        self.with(|context| context.engine.subscriptions.listeners(topic, name))
    }
}
