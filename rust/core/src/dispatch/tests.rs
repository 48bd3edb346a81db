//! Facts about the pipeline and what surrounds it, with a toy in Python's place.

mod aftermath;
mod arguments;
mod handing_over;
mod journal;
mod latency;
mod pipeline;
mod pubsub;
mod spec;
mod statistics;
mod tracking;
mod transactions;

use super::arguments::{Argument, Arguments};
use super::engine::Propagation;
use super::error::{ErrorCode, Failure};
use super::journal::Effect;
use super::pipeline::{Invocation, Outcome, Runtime, Sink, Warning};
use super::session::OwnedRequest;
use super::spec::{CommandSpec, CommandTable, Element, KeyPositions, ValueKind, flag};
use super::transactions::execute_queue;
use super::{Core, Engine, native};
use crate::keyspace::{Encoding, Expiry, Kind, NewValue};
use crate::reply::Reply;
use crate::service::{ClientId, Flow, Peer, Service};

/// A request of the words of `line`; `''` is an empty one.
fn request(line: &str) -> OwnedRequest {
    let words = line.split(' ').map(|word| match word {
        "''" => b"".as_slice(),
        word => word.as_bytes(),
    });
    OwnedRequest::from_arguments(words)
}

/// A command without keys and subcommands.
fn command(name: &str, flags: u64, arity: i64, elements: Vec<Element>) -> CommandSpec {
    CommandSpec {
        native: native::find(name),
        name: name.to_owned(),
        flags,
        arity,
        words: name.split('|').count(),
        elements,
        keys: Vec::new(),
        subcommands: Default::default(),
    }
}

fn integer(error: ErrorCode) -> ValueKind {
    let (min, max) = (i64::MIN, i64::MAX);
    ValueKind::Integer { min, max, error }
}

const KEY: Element = Element::Value(ValueKind::Bytes);
const KEYS: Element = Element::Rest { stride: 1, min: 1 };

/// Gives `key` a string.
fn set(engine: &mut Engine, key: &[u8], value: &[u8], expiry: Expiry) {
    engine.set_string(key, NewValue::String(value), expiry);
}

/// What the toy's commands mean; each is there to show one thing of the pipeline.
#[derive(Default)]
struct Toy {
    panics: Vec<String>,
    warnings: Vec<String>,
    crons: usize,
}

impl Toy {
    fn commands() -> CommandTable {
        let mut table = CommandTable::default();
        let now = flag::NO_QUEUE | flag::NO_AUTH;
        let first = KeyPositions::Range {
            first: 1,
            last: 1,
            step: 1,
        };
        for spec in [
            command("get", flag::READONLY | flag::FAST, 2, vec![KEY]),
            command("set", flag::WRITE | flag::DENYOOM, 3, vec![KEY, KEY]),
            command("del", flag::WRITE, -2, vec![KEYS]),
            command("multi", now, 1, vec![]),
            command("exec", now, 1, vec![]),
            command("discard", now, 1, vec![]),
            command("watch", now, -2, vec![KEYS]),
            command("single", flag::NO_MULTI, 1, vec![]),
            command("loaded", flag::LOADING | flag::NO_AUTH, 1, vec![]),
            command("monitor", flag::ADMIN, 1, vec![]),
            // Fails.
            command("fail", flag::WRITE, 1, vec![]),
            // Panics after half a reply.
            command("boom", flag::WRITE, 1, vec![]),
            // Panics before an edit, after one, and after one that leaves its key damaged.
            command("bang", flag::WRITE, 2, vec![KEY]),
            command("half", flag::WRITE, 2, vec![KEY]),
            command("spoil", flag::WRITE, 2, vec![KEY]),
            // Sets its key to what it propagates instead of itself: two commands.
            command("become", flag::WRITE, 2, vec![KEY]),
            // Must not be seen in logs.
            command("secret", flag::WRITE, 2, vec![KEY]),
            command("box", flag::CONTAINER, -2, vec![]),
            command("box|open", 0, 3, vec![KEY]),
        ] {
            table.add(CommandSpec {
                keys: vec![first],
                ..spec
            });
        }
        table
    }

    fn run(
        &mut self,
        commands: &CommandTable,
        engine: &mut Engine,
        invocation: &Invocation<'_>,
        arguments: &Arguments<'_>,
        sink: &mut dyn Sink,
    ) -> Result<Option<Reply>, Failure> {
        let request = invocation.request;
        let key = (request.len() > 1).then(|| request.get(1));
        let key = key.unwrap_or_default();
        let protocol = engine.session(invocation.client).protocol;
        match commands.specs[invocation.command].name.as_str() {
            "set" => set(engine, key, request.get(2), Expiry::None),
            "del" => {
                let count = request.iter().skip(1).filter(|key| engine.delete(key));
                return Ok(Some(Reply::Integer(count.count() as i64)));
            }
            "multi" => engine.begin_transaction()?,
            "discard" => engine.discard_transaction()?,
            "watch" => {
                let Some(Argument::Rest { first, count, .. }) = arguments.first() else {
                    panic!("WATCH has keys");
                };
                (*first..first + count).try_for_each(|at| engine.watch(request.get(at)))?;
            }
            "exec" => {
                execute_queue(commands, engine, self, sink)?;
                return Ok(None);
            }
            "monitor" => engine.set_monitor(invocation.client, true),
            "fail" => return Err(ErrorCode::NoSuchKey.into()),
            "bang" => panic!("as asked"),
            "boom" => {
                sink.put(&Reply::Integer(1), protocol);
                panic!("as asked");
            }
            "half" => {
                set(engine, key, b"half", Expiry::At(i64::MAX));
                engine.run.propagation = Propagation::Nothing;
                panic!("as asked");
            }
            "spoil" => {
                let value = NewValue::Packed {
                    kind: Kind::Hash,
                    encoding: Encoding::Packed,
                    bytes: b"no hash",
                };
                engine.put(key, value, Expiry::None);
                panic!("as asked");
            }
            "become" => {
                set(engine, key, b"1", Expiry::None);
                let effect = |line: &str| Effect {
                    database: engine.run.database,
                    arguments: line.split(' ').map(|word| word.as_bytes().into()).collect(),
                };
                let effects = vec![effect("first x"), effect("second y")];
                engine.run.propagation = Propagation::Instead(effects);
            }
            "secret" => engine.run.secrets.push(1),
            _ => {}
        }
        Ok(Some(Reply::Status("OK")))
    }
}

impl Runtime for Toy {
    fn invoke(
        &mut self,
        commands: &CommandTable,
        engine: &mut Engine,
        invocation: &Invocation<'_>,
        arguments: &Arguments<'_>,
        sink: &mut dyn Sink,
    ) -> Outcome {
        let result = self.run(commands, engine, invocation, arguments, sink);
        let protocol = engine.session(invocation.client).protocol;
        let (reply, outcome) = match result {
            Ok(reply) => (reply, Outcome::Replied),
            Err(failure) => (
                Some(Reply::Error(engine.error_line(&failure))),
                Outcome::Failed,
            ),
        };
        if let Some(reply) = reply {
            sink.put(&reply, protocol);
        }
        outcome
    }

    fn panicked(&mut self, command: &str, message: &str) {
        self.panics.push(format!("{command}: {message}"));
    }

    fn warn(&mut self, warning: &Warning<'_>) {
        self.warnings.push(format!("{warning:?}"));
    }

    fn cron(&mut self, _: &mut Engine) {
        self.crons += 1;
    }
}

/// When a stage's clock stands: 2001-09-09.
const START_MS: i64 = 1_000_000_000_000;

/// An engine with the toy's commands, a clock that stands still, and clients.
struct Stage {
    core: Core<Toy>,
    client: ClientId,
}

impl Stage {
    fn new() -> Self {
        let mut engine = Engine::new(4);
        engine.set_commands(Toy::commands());
        engine.settings.protected_mode = false;
        engine.clock.freeze(Some(START_MS));
        engine.refresh_clock();
        engine.journal.record();
        let mut stage = Self {
            core: Core::new(engine, Toy::default()),
            client: 0,
        };
        stage.client = stage.join();
        stage
    }

    /// Another client.
    fn join(&mut self) -> ClientId {
        let peer = Peer {
            address: "10.0.0.1:5".into(),
            local_address: "10.0.0.2:6379".into(),
            descriptor: 3,
            is_unix_socket: false,
            is_local: false,
            is_other_process: false,
        };
        self.core.connected(peer).expect("there is room")
    }

    /// What waits to be written to a client.
    fn heard(&mut self, client: ClientId) -> String {
        let bytes = self.core.output(client).take_bytes();
        String::from_utf8(bytes).expect("the toy speaks UTF-8")
    }

    /// Sends a command; the reply, and what to do with the client.
    fn flow(&mut self, client: ClientId, line: &str) -> (String, Flow) {
        let flow = self.core.execute(client, request(line).as_request());
        (self.heard(client), flow)
    }

    fn say_as(&mut self, client: ClientId, line: &str) -> String {
        self.flow(client, line).0
    }

    fn say(&mut self, line: &str) -> String {
        self.say_as(self.client, line)
    }

    /// What entered the journal since the last look, without RESP's lengths.
    fn journal(&mut self) -> String {
        words(&self.core.engine.journal.take_recording())
    }

    fn advance(&mut self, ms: i64) {
        self.core.engine.clock.advance(ms);
        self.core.engine.refresh_clock();
    }
}

/// The arguments in a stream of RESP commands.
fn words(stream: &[u8]) -> String {
    let text = String::from_utf8(stream.to_vec()).expect("tests journal UTF-8");
    let lines = text.split("\r\n");
    let words: Vec<&str> = lines
        .filter(|line| !line.is_empty() && !line.starts_with(['*', '$']))
        .collect();
    words.join(" ")
}
