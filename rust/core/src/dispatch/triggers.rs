//! Functions of the user's that hear of keyspace events inside the process.
//!
//!     a command ── notify ──▶ pending ── it is done ──▶ Runtime::react, one event at a time
//!                                ▲                              │
//!                                └── what it changes: events of the next generation
//!
//! They run in the thread of what caused the event, after the outermost command with its
//! reply is done; each as a unit of its own in the journal. What is executed from inside
//! enters it as its effects, what is edited directly as the state of its keys. Events that
//! triggers cause end after some generations, and those of one command at a number, so
//! nothing goes round for ever; what is left out is told of.
//!
//! While a file is replayed nothing is heard: the file says what came of it.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};

use super::aftermath::{Bug, panic_message};
use super::blocking;
use super::engine::{Engine, Propagation, Run};
use super::notify::class;
use super::pipeline::{Runtime, Warning};
use super::session::KeyName;
use super::spec::CommandTable;
use crate::service::Peer;
use crate::text::glob;

/// Events caused by events caused by … a command.
const GENERATIONS_MAX: u32 = 8;
/// Events that are reacted to because of one command, or one turn of the event loop.
const REACTIONS_MAX: usize = 100_000;

/// What a trigger wants to hear of.
#[derive(Debug)]
struct Filter {
    /// None: of every event but `new` and `keymiss`.
    event: Option<Box<str>>,
    pattern: Box<[u8]>,
}

/// An event that a trigger wants to hear of.
#[derive(Debug)]
pub struct Event {
    /// Whose turn it is: the number that `add` gave it.
    pub trigger: usize,
    pub database: usize,
    pub name: Box<str>,
    pub key: Box<[u8]>,
    generation: u32,
}

/// All triggers of a store, and the events that they have not heard of yet.
#[derive(Debug, Default)]
pub struct Triggers {
    filters: Vec<Filter>,
    /// Classes of events that one of them may want.
    pub(super) classes: u32,
    pending: VecDeque<Event>,
    /// Of what happens now: 0 where no trigger is the cause.
    generation: u32,
    is_reacting: bool,
    left_out: u64,
}

impl Triggers {
    /// Adds a trigger for `event` (None: any) of keys that match; its number.
    pub fn add(&mut self, event: Option<&str>, pattern: &[u8]) -> usize {
        const ALL: u32 = !(class::NEW | class::KEY_MISS);
        self.classes |= match event {
            Some("new") => class::NEW,
            Some("keymiss") => class::KEY_MISS,
            _ => ALL,
        };
        self.filters.push(Filter {
            event: event.map(Box::from),
            pattern: Box::from(pattern),
        });
        self.filters.len() - 1
    }

    /// Notes an event for those who want to hear of it.
    pub(super) fn note(&mut self, database: usize, name: &str, key: &[u8]) {
        for (trigger, filter) in self.filters.iter().enumerate() {
            let is_wanted = match &filter.event {
                Some(event) => **event == *name,
                None => !matches!(name, "new" | "keymiss"),
            };
            if !is_wanted || !glob::matches(&filter.pattern, key, false) {
                continue;
            }
            if self.generation >= GENERATIONS_MAX || self.pending.len() >= REACTIONS_MAX {
                self.left_out += 1;
                continue;
            }
            self.pending.push_back(Event {
                trigger,
                database,
                name: Box::from(name),
                key: Box::from(key),
                generation: self.generation,
            });
        }
    }
}

/// Lets the triggers hear of what has happened. For the end of an outermost command and
/// of a turn of the event loop.
#[inline]
pub fn run_pending(commands: &CommandTable, engine: &mut Engine, runtime: &mut dyn Runtime) {
    if !engine.triggers.pending.is_empty() && !engine.triggers.is_reacting {
        react(commands, engine, runtime);
    }
}

#[cold]
fn react(commands: &CommandTable, engine: &mut Engine, runtime: &mut dyn Runtime) {
    let client = engine.open_session(Peer {
        address: "trigger:0".into(),
        local_address: "trigger:0".into(),
        descriptor: -1,
        is_unix_socket: false,
        is_local: true,
        is_other_process: false,
    });
    engine.session(client).is_authenticated = true;
    engine.triggers.is_reacting = true;
    let mut reactions = 0;
    while let Some(event) = engine.triggers.pending.pop_front() {
        if reactions == REACTIONS_MAX {
            engine.triggers.left_out += 1 + engine.triggers.pending.len() as u64;
            engine.triggers.pending.clear();
            break;
        }
        reactions += 1;
        engine.triggers.generation = event.generation + 1;
        engine.refresh_clock();
        engine.session(client).database = event.database;
        let inner = Run {
            client,
            database: event.database,
            depth: 1,
            denies_blocking: true,
            is_trigger: true,
            touched: Some(Vec::new()),
            ..Run::default()
        };
        let outer = std::mem::replace(&mut engine.run, inner);
        let done = catch_unwind(AssertUnwindSafe(|| runtime.react(engine, &event)));
        if let Err(payload) = done {
            engine.run.bug = Bug::Panic;
            runtime.panicked("trigger", panic_message(payload.as_ref()));
        }
        if engine.run.bug != Bug::Panic {
            engine.remove_emptied();
        }
        engine.propagate_reaction(runtime);
        engine.run = outer;
        engine.flush_effects();
        blocking::serve_waiting(commands, engine, runtime);
    }
    engine.triggers.generation = 0;
    engine.triggers.is_reacting = false;
    engine.close_session(client);
    engine.refresh_clock();
    let left_out = std::mem::take(&mut engine.triggers.left_out);
    if left_out > 0 {
        runtime.warn(&Warning::LeftOut { events: left_out });
    }
}

impl Engine {
    /// Classes of events that somebody wants to hear of, in this process or outside.
    #[inline]
    pub(super) fn wanted_events(&self) -> u32 {
        self.settings.notify_flags | self.triggers.classes
    }

    /// The journal gets what a trigger edited itself.
    fn propagate_reaction(&mut self, runtime: &mut dyn Runtime) {
        if self.run.edits == 0 && self.run.bug != Bug::Panic {
            return;
        }
        let is_said = matches!(self.run.propagation, Propagation::Instead(_));
        if !is_said || self.run.bug != Bug::None {
            let keys: Vec<KeyName> = self.run.touched.take().unwrap_or_default();
            self.settle_keys(runtime, keys);
        }
        self.dirty_since_save += self.run.edits;
        if let Propagation::Instead(effects) = std::mem::take(&mut self.run.propagation) {
            self.effects.extend(effects);
        }
    }
}
