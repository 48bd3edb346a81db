//! `Call`'s methods for DEBUG and MEMORY, and the check of all structures.

use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict};
use rubellite_core::dispatch::debug;
use rubellite_core::memory;
use rubellite_core::reply::Reply;

use crate::border;
use crate::call::{Arguments, Call, with_arguments};
use crate::call_keys::encoding_name;
use crate::engine::Engine;
use crate::reply::{Special, SpecialKind};

/// A reply of each of the protocol's types, and what is pushed after it, if anything.
fn sample(name: &str) -> Option<(Reply, Option<Reply>)> {
    let bulk = |text: &str| Reply::Bulk(text.as_bytes().to_vec());
    let numbers = || (0..3).map(Reply::Integer).collect();
    let reply = match name {
        "string" => bulk("Hello World"),
        "integer" => Reply::Integer(12345),
        // What the real servers send, not a poor π.
        #[allow(clippy::approx_constant)]
        "double" => Reply::Double(3.141),
        "bignum" => Reply::BigNumber("1234567999999999999999999999999999999".into()),
        "null" => Reply::Null,
        "array" => Reply::Array(numbers()),
        "set" => Reply::Set(numbers()),
        "map" => {
            let pair = |n: i64| (Reply::Integer(n), Reply::Boolean(n == 1));
            Reply::Map((0..3).map(pair).collect())
        }
        "attrib" => bulk("Some real reply following the attribute"),
        "push" => {
            let push = vec![bulk("server-cpu-usage"), Reply::Integer(42)];
            let reply = bulk("Some real reply following the push reply");
            return Some((reply, Some(Reply::Push(push))));
        }
        "verbatim" => Reply::Verbatim("txt", b"This is a verbatim\nstring".to_vec()),
        "true" => Reply::Boolean(true),
        "false" => Reply::Boolean(false),
        _ => return None,
    };
    Some((reply, None))
}

#[pymethods]
impl Call {
    /// Replies with a sample of the protocol's type `name`; None: there is no such type.
    fn reply_sample(&self, name: &str) -> PyResult<Option<Special>> {
        const ATTRIBUTE: &[u8] = b"|1\r\n$14\r\nkey-popularity\r\n*2\r\n$7\r\nkey:123\r\n:90\r\n";
        let Some((reply, push)) = sample(name) else {
            return Ok(None);
        };
        self.with(|context| {
            let client = context.engine.run.client;
            let protocol = context.engine.session(client).protocol;
            if name == "attrib"
                && protocol == rubellite_core::reply::Protocol::Resp3
                && let Some(output) = context.sink.resp()
            {
                output.push(ATTRIBUTE);
            }
            context.sink.put(&reply, protocol);
            if let Some(push) = push
                && context.sink.resp().is_some()
            {
                context.sink.put(&push, protocol);
            }
            Some(Special {
                kind: SpecialKind::Nothing,
            })
        })
    }

    /// DEBUG DIGEST.
    fn digest(&self, py: Python<'_>) -> PyResult<String> {
        self.try_with(py, |engine| engine.digest().map(|digest| digest.hex()))
    }

    /// DEBUG DIGEST-VALUE: one digest for each key.
    fn digest_values(&self, py: Python<'_>, keys: &Arguments) -> PyResult<Vec<String>> {
        with_arguments(self, keys, |engine, keys| {
            keys.iter()
                .map(|key| engine.digest_of(key).map(|digest| digest.hex()))
                .collect::<Result<_, _>>()
        })?
        .map_err(|failure| border::to_error(py, failure))
    }

    /// DEBUG POPULATE.
    fn populate(&self, count: u64, prefix: &[u8], value_bytes: usize) -> PyResult<()> {
        self.with(|context| context.engine.populate(count, prefix, value_bytes))
    }

    /// What DEBUG OBJECT and SDSLEN tell of a key, or None without key.
    fn object_facts<'py>(
        &self,
        py: Python<'py>,
        key: &[u8],
    ) -> PyResult<Option<Bound<'py, PyDict>>> {
        self.with(|context| {
            use rubellite_core::dispatch::data::Access;
            let engine = &mut *context.engine;
            let Some(found) = engine.object_facts(key) else {
                return Ok(None);
            };
            let facts = PyDict::new(py);
            facts.set_item("address", found.address)?;
            facts.set_item("clock", found.clock)?;
            facts.set_item("serialized_bytes", found.serialized_bytes)?;
            facts.set_item("key_bytes", found.key_bytes)?;
            facts.set_item("text_bytes", found.text_bytes)?;
            let encoding = engine.read(key, Access::Peek).map(encoding_name);
            facts.set_item("encoding", encoding)?;
            Ok(Some(facts))
        })?
    }

    /// DEBUG STRUCTSIZE.
    fn struct_sizes(&self) -> Vec<(&'static str, usize)> {
        debug::struct_sizes().to_vec()
    }

    /// DEBUG PANIC: a bug in Rust, to show what it costs.
    fn panic(&self) -> PyResult<()> {
        self.with(|_| panic!("DEBUG PANIC asked for this"))
    }

    /// DEBUG OOM: what happens when the system has no memory left; does not return.
    fn exhaust_memory(&self) -> usize {
        Vec::<u8>::with_capacity(isize::MAX as usize).capacity()
    }

    /// The allocator's report in its own words.
    fn allocator_report<'py>(&self, py: Python<'py>) -> Option<Bound<'py, PyBytes>> {
        memory::allocator_report().map(|report| PyBytes::new(py, &report))
    }
}

#[pymethods]
impl Engine {
    /// Verifies every invariant of every database; raises on the first that is broken.
    fn check(&self, py: Python<'_>) -> PyResult<()> {
        let held = self.cell.lock(py)?;
        for database in &held.core.engine.databases {
            database
                .check()
                .map_err(|broken| PyRuntimeError::new_err(broken.to_string()))?;
        }
        Ok(())
    }
}
