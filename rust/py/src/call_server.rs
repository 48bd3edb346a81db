//! `Call`'s methods for the client, the transaction, the journal and the server.

use pyo3::exceptions::{PyKeyError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyTuple};
use rubellite_core::dispatch::engine::{PauseKind, Propagation};
use rubellite_core::dispatch::journal::Effect;
use rubellite_core::dispatch::pipeline::{self, Outcome};
use rubellite_core::dispatch::pubsub::Topic;
use rubellite_core::dispatch::session::{OwnedRequest, ReplyMode, Session};
use rubellite_core::dispatch::{Engine, transactions};
use rubellite_core::reply::Protocol;

use crate::border;
use crate::call::{Arguments, Call, request_of, with_arguments, words};
use crate::call_tracking::set_tracking_facts;
use crate::reply::{Special, SpecialKind};
use crate::settings;

/// A session's facts, for CLIENT LIST and its filters.
fn session_facts<'py>(
    py: Python<'py>,
    engine: &Engine,
    session: &Session,
) -> PyResult<Bound<'py, PyDict>> {
    let facts = PyDict::new(py);
    let name = session
        .last_command
        .map(|id| engine.commands.specs[id].name.clone());
    facts.set_item("id", session.id)?;
    facts.set_item("address", &session.peer.address)?;
    facts.set_item("local_address", &session.peer.local_address)?;
    facts.set_item("descriptor", session.peer.descriptor)?;
    facts.set_item("is_unix_socket", session.peer.is_unix_socket)?;
    facts.set_item("is_local", session.peer.is_local)?;
    facts.set_item("name", border::decode_text(py, &session.name)?)?;
    facts.set_item(
        "library_name",
        border::decode_text(py, &session.library_name)?,
    )?;
    facts.set_item(
        "library_version",
        border::decode_text(py, &session.library_version)?,
    )?;
    facts.set_item("user", session.user.as_ref())?;
    facts.set_item("is_authenticated", session.is_authenticated)?;
    facts.set_item("database", session.database)?;
    facts.set_item(
        "protocol",
        if session.protocol == Protocol::Resp3 {
            3
        } else {
            2
        },
    )?;
    facts.set_item("created_ms", session.created_ms)?;
    facts.set_item("last_request_ms", session.last_request_ms)?;
    facts.set_item("last_command", name)?;
    let queued = session.queue.as_ref().map(|queue| queue.commands.len());
    facts.set_item("queued", queued)?;
    let queue_bytes = session.queue.as_ref().map_or(0, |queue| queue.memory_bytes);
    facts.set_item("queue_bytes", queue_bytes)?;
    facts.set_item("watched", session.watched.len())?;
    facts.set_item("is_watch_broken", session.is_watch_broken)?;
    facts.set_item("is_monitor", session.is_monitor)?;
    let listening = session.listening.as_ref();
    let count = |topic| listening.map_or(0, |listening| listening.count(topic));
    facts.set_item("channels", count(Topic::Channel))?;
    facts.set_item("patterns", count(Topic::Pattern))?;
    facts.set_item("shard_channels", count(Topic::Shard))?;
    set_tracking_facts(&facts, session)?;
    facts.set_item("is_blocked", session.is_paused)?;
    facts.set_item("no_evict", session.no_evict)?;
    facts.set_item("no_touch", session.no_touch)?;
    facts.set_item("follows_redirects", session.follows_redirects)?;
    facts.set_item("query_used", session.query_used)?;
    facts.set_item("query_allocated", session.query_allocated)?;
    let waiting = session.blocked.as_ref().map(|blocking| &blocking.request);
    let waiting = waiting.or(session.postponed.as_ref());
    facts.set_item(
        "waiting_request_bytes",
        waiting.map_or(0, OwnedRequest::argument_bytes),
    )?;
    facts.set_item("output_pending", session.output.bytes_pending())?;
    facts.set_item("output_tail", session.output.tail_bytes())?;
    facts.set_item("output_tail_capacity", session.output.tail_capacity())?;
    facts.set_item("output_blocks", session.output.block_count())?;
    facts.set_item("memory_bytes", session.memory_bytes())?;
    facts.set_item("bytes_read", session.bytes_read)?;
    facts.set_item("bytes_written", session.bytes_written)?;
    facts.set_item("commands", session.commands)?;
    facts.set_item("is_closing", session.close != Default::default())?;
    Ok(facts)
}

#[pymethods]
impl Call {
    /// Milliseconds since 1970; stands still during a command.
    #[getter]
    fn now_ms(&self) -> PyResult<i64> {
        self.with(|context| context.engine.now_ms)
    }

    /// Microseconds since 1970; stands still during a command.
    #[getter]
    fn now_us(&self) -> PyResult<i64> {
        self.with(|context| context.engine.now_us)
    }

    /// The selected database's number.
    #[getter]
    fn database(&self) -> PyResult<usize> {
        self.with(|context| context.engine.run.database)
    }

    /// `proto-max-bulk-len`.
    #[getter]
    fn bulk_bytes_max(&self) -> PyResult<usize> {
        self.with(|context| context.engine.settings.bulk_bytes_max)
    }

    /// How many databases there are.
    #[getter]
    fn database_count(&self) -> PyResult<usize> {
        self.with(|context| context.engine.databases.len())
    }

    /// Who asks (CLIENT ID).
    #[getter]
    fn client_id(&self) -> PyResult<u64> {
        self.with(|context| context.engine.run.client)
    }

    /// The protocol that the client speaks: 2 or 3.
    #[getter]
    fn protocol(&self) -> PyResult<u8> {
        self.with(|context| {
            let client = context.engine.run.client;
            if context.engine.session(client).protocol == Protocol::Resp3 {
                3
            } else {
                2
            }
        })
    }

    /// The name of the command that runs, as `config|get`.
    #[getter]
    fn command_name(&self) -> PyResult<String> {
        self.with(|context| {
            context.commands.specs[context.invocation.command]
                .name
                .clone()
        })
    }

    /// The words of the command that runs, its name included.
    fn request_words<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyTuple>> {
        self.with(|context| {
            let words = context.invocation.request.iter();
            PyTuple::new(
                py,
                words.map(|word| PyBytes::new(py, word)).collect::<Vec<_>>(),
            )
        })?
    }

    /// A whole number from 0 to below `limit`, each equally likely.
    fn random_below(&self, limit: u64) -> PyResult<u64> {
        self.with(|context| context.engine.random.u64(..limit.max(1)))
    }

    /// Tells subscribers of keyspace notifications that `event` happened to `key`.
    fn notify(&self, class: u32, event: &str, key: &[u8]) -> PyResult<()> {
        self.with(|context| context.engine.announce(class, event, key))
    }

    /// Replaces what the journal gets of this command.
    #[pyo3(signature = (*commands))]
    fn propagate(&self, commands: Vec<Bound<'_, PyAny>>) -> PyResult<()> {
        let commands = commands.iter().map(words).collect::<PyResult<Vec<_>>>()?;
        self.with(|context| {
            let run = &mut context.engine.run;
            let database = run.database;
            let effects = commands
                .into_iter()
                .map(|arguments| Effect {
                    database,
                    arguments,
                })
                .collect();
            run.propagation = Propagation::Instead(effects);
        })
    }

    /// Counts an edit that no structure counted.
    fn mark_edited(&self) -> PyResult<()> {
        self.with(|context| context.engine.run.edits += 1)
    }

    /// Reads of this command leave entries' clocks alone.
    fn leave_untouched(&self) -> PyResult<()> {
        self.with(|context| context.engine.run.no_touch = true)
    }

    fn begin_transaction(&self, py: Python<'_>) -> PyResult<()> {
        self.try_with(py, Engine::begin_transaction)
    }

    fn discard_transaction(&self, py: Python<'_>) -> PyResult<()> {
        self.try_with(py, Engine::discard_transaction)
    }

    fn watch(&self, py: Python<'_>, keys: &Arguments) -> PyResult<()> {
        with_arguments(self, keys, |engine, keys| {
            keys.iter().try_for_each(|key| engine.watch(key))
        })?
        .map_err(|failure| border::to_error(py, failure))
    }

    fn unwatch(&self) -> PyResult<()> {
        self.with(|context| {
            let client = context.engine.run.client;
            context.engine.unwatch(client);
        })
    }

    /// Runs the queued commands as one unit; the reply is written already.
    fn execute_transaction(&self, py: Python<'_>) -> PyResult<Special> {
        let outcome = self.with(|context| {
            transactions::execute_queue(
                context.commands,
                context.engine,
                context.runtime,
                context.sink,
            )
        })?;
        match outcome {
            Ok(Outcome::Replied | Outcome::Failed | Outcome::Blocked) => Ok(Special {
                kind: SpecialKind::Nothing,
            }),
            Err(failure) => Err(border::to_error(py, failure)),
        }
    }

    fn select(&self, py: Python<'_>, index: i64) -> PyResult<()> {
        self.try_with(py, |engine| engine.select(index))
    }

    /// The facts of a client, or None; without `client` of the one who asks.
    #[pyo3(signature = (client = None))]
    fn session<'py>(
        &self,
        py: Python<'py>,
        client: Option<u64>,
    ) -> PyResult<Option<Bound<'py, PyDict>>> {
        self.with(|context| {
            let engine = &*context.engine;
            let client = client.unwrap_or(engine.run.client);
            let session = engine.live_session(client);
            session
                .map(|session| session_facts(py, engine, session))
                .transpose()
        })?
    }

    /// The facts of all clients, oldest first.
    fn sessions<'py>(&self, py: Python<'py>) -> PyResult<Vec<Bound<'py, PyDict>>> {
        self.with(|context| {
            let engine = &*context.engine;
            let mut ids: Vec<u64> = engine.sessions.keys().copied().collect();
            ids.sort_unstable();
            ids.iter()
                .filter_map(|id| engine.live_session(*id))
                .map(|session| session_facts(py, engine, session))
                .collect()
        })?
    }

    /// Changes the asking client's session.
    fn set_session(&self, name: &str, value: &Bound<'_, PyAny>) -> PyResult<()> {
        let is_true = || value.extract::<bool>();
        self.with(|context| {
            let client = context.engine.run.client;
            let now_ms = context.engine.now_ms;
            let session = context.engine.session(client);
            match name {
                "name" => session.name = value.extract()?,
                "library_name" => session.library_name = value.extract()?,
                "library_version" => session.library_version = value.extract()?,
                "user" => session.user = value.extract::<String>()?.into(),
                "is_authenticated" => session.is_authenticated = is_true()?,
                "no_evict" => session.no_evict = is_true()?,
                "no_touch" => {
                    session.no_touch = is_true()?;
                    context.engine.has_no_touch = true;
                }
                "follows_redirects" => session.follows_redirects = is_true()?,
                "protocol" => {
                    session.protocol = if value.extract::<u8>()? == 3 {
                        Protocol::Resp3
                    } else {
                        Protocol::Resp2
                    };
                }
                "reply_mode" => {
                    session.reply_mode = match value.extract::<&str>()? {
                        "OFF" => ReplyMode::Off,
                        // SKIP asks for less silence than OFF has set already.
                        "SKIP" if session.reply_mode == ReplyMode::Off => ReplyMode::Off,
                        "SKIP" if session.reply_mode == ReplyMode::SkipThis => ReplyMode::SkipBoth,
                        "SKIP" => ReplyMode::SkipNext,
                        _ => ReplyMode::On,
                    };
                }
                "is_tracking_exception" => {
                    if let Some(tracking) = &mut session.tracking {
                        tracking.is_exception = is_true()?;
                    }
                }
                "is_monitor" => context.engine.set_monitor(client, is_true()?),
                "close" => context.engine.close_client(client, true),
                "last_request_ms" => session.last_request_ms = now_ms,
                _ => return Err(PyKeyError::new_err(name.to_owned())),
            }
            Ok(())
        })?
    }

    /// RESET: the asking client's session becomes as new.
    fn reset_session(&self) -> PyResult<()> {
        self.with(|context| context.engine.reset_session())
    }

    /// Closes a client, at once or when its output is written.
    #[pyo3(signature = (client, after_reply = false))]
    fn close_client(&self, client: u64, after_reply: bool) -> PyResult<()> {
        self.with(|context| {
            if after_reply {
                context.engine.close_client(client, true);
            } else {
                context.engine.kill_client(client);
            }
        })
    }

    /// Holds up commands (`write_only`: those that may write) until `until_ms`.
    fn pause_clients(&self, until_ms: i64, write_only: bool) -> PyResult<()> {
        self.with(|context| {
            let engine = &mut *context.engine;
            let kind = if write_only {
                PauseKind::Write
            } else {
                PauseKind::All
            };
            // A pause that is on is never shortened or weakened.
            let (end, kind) = match engine.pause {
                Some((end, PauseKind::All)) if end > engine.now_ms => (end, PauseKind::All),
                Some((end, PauseKind::Write)) if end > engine.now_ms => (end, kind),
                _ => (0, kind),
            };
            engine.pause = Some((end.max(until_ms), kind));
        })
    }

    fn resume_clients(&self) -> PyResult<()> {
        self.with(|context| context.engine.pause = None)
    }

    /// Indices of the keys among a command's arguments; None: it has none or is wrong.
    fn key_indices(&self, arguments: &Bound<'_, PyAny>) -> PyResult<Option<Vec<usize>>> {
        let request = request_of(arguments)?;
        self.with(|context| {
            let id = pipeline::look_up(context.commands, request.as_request()).ok()?;
            context.commands.specs[id].key_indices(request.as_request())
        })
    }

    /// As `key_indices`, each with the number of the key rule that found it.
    fn key_places(&self, arguments: &Bound<'_, PyAny>) -> PyResult<Option<Vec<(usize, usize)>>> {
        let request = request_of(arguments)?;
        self.with(|context| {
            let id = pipeline::look_up(context.commands, request.as_request()).ok()?;
            context.commands.specs[id].key_places(request.as_request())
        })
    }

    /// Gives the engine a setting that it acts on itself.
    fn configure(&self, name: &str, value: &Bound<'_, PyAny>) -> PyResult<bool> {
        self.with(|context| settings::configure(context.engine, name, value))?
    }

    /// Ends the server with this exit status when the running command is done.
    fn stop(&self, exit_status: i32) -> PyResult<()> {
        self.with(|context| {
            context.engine.exit_status = exit_status;
            context.engine.is_stopping = true;
        })
    }

    /// Lets the thread sleep as DEBUG SLEEP does: everybody waits.
    fn sleep(&self, py: Python<'_>, seconds: f64) -> PyResult<()> {
        if !(0.0..=86_400.0).contains(&seconds) {
            return Err(PyValueError::new_err("seconds out of range"));
        }
        py.detach(|| std::thread::sleep(std::time::Duration::from_secs_f64(seconds)));
        Ok(())
    }

    /// Table shapes of a database: keys, segments, slots and bytes.
    fn table_stats<'py>(&self, py: Python<'py>, database: usize) -> PyResult<Bound<'py, PyDict>> {
        self.with(|context| {
            let facts = PyDict::new(py);
            if let Some(database) = context.engine.databases.get(database) {
                let stats = database.stats();
                facts.set_item("keys", stats.keys)?;
                facts.set_item("volatile_keys", stats.volatile_keys)?;
                facts.set_item("directory_len", stats.directory_len)?;
                facts.set_item("segments", stats.segments)?;
                facts.set_item("slots", stats.slots)?;
                facts.set_item("loads", stats.loads.to_vec())?;
                facts.set_item("overhead_bytes", stats.overhead_bytes)?;
            }
            Ok(facts)
        })?
    }
}
