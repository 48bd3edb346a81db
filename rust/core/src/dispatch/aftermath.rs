//! After a bug: a command ended in a panic, or in an exception that is no reply.
//!
//! It may have stopped halfway, so the journal gets the state of the keys that it
//! names instead of the command, and their entries are checked. If one of them is
//! not what its structure promises, writes stop: what is damaged must not spread.
//!
//! The same is written of a command of a user's that both edited keys itself and executed
//! others that did: the order of the two is not known afterwards.
//!
//! Not covered: a key in another database than the command's (MOVE, COPY … DB), unless
//! what the command edits is noted (`Run::touched`).

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};

use super::engine::{Engine, Propagation};
use super::journal::Effect;
use super::pipeline::{Runtime, Warning};
use super::session::KeyName;
use super::spec::CommandSpec;
use super::state::effects_of;
use crate::keyspace::{Entry, Kind};
use crate::service::Request;
use crate::types::check;

/// How a command may have left the data.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub enum Bug {
    #[default]
    None,
    /// A handler failed; edits that are counted are whole.
    Exception,
    /// An edit may have stopped in the middle, before it was counted.
    Panic,
}

pub fn panic_message(payload: &(dyn Any + Send)) -> &str {
    let literal = payload.downcast_ref::<&str>().copied();
    let formatted = || payload.downcast_ref::<String>().map(String::as_str);
    literal.or_else(formatted).unwrap_or("no message")
}

fn check_entry(entry: Entry<'_>) -> Result<(), String> {
    let Some(content) = entry.content() else {
        return if entry.kind() == Kind::String {
            Ok(())
        } else {
            Err(format!("a {} without content", entry.kind().name()))
        };
    };
    match entry.kind() {
        Kind::Hash => check::check_hash(content),
        Kind::Set => check::check_set(content),
        Kind::List => check::check_list(content),
        Kind::SortedSet => check::check_sorted_set(content),
        Kind::Stream => check::check_stream(content),
        Kind::String => Ok(()),
    }
}

impl Engine {
    /// Puts the state of the keys that `request` names, or that were edited as far as
    /// that was noted, in the place of the command.
    #[cold]
    pub(super) fn settle(
        &mut self,
        runtime: &mut dyn Runtime,
        spec: &CommandSpec,
        request: Request<'_>,
    ) {
        let database = self.run.database;
        let is_noted = self.run.touched.is_some() && self.run.bug != Bug::Panic;
        let mut keys = self.run.touched.take().unwrap_or_default();
        let named = spec.key_indices(request).filter(|_| !is_noted);
        let named = named.unwrap_or_default();
        keys.extend(
            named
                .into_iter()
                .map(|index| (database, Box::from(request.get(index)))),
        );
        self.settle_keys(runtime, keys);
    }

    /// Puts the state of these keys in the place of what runs.
    pub(super) fn settle_keys(&mut self, runtime: &mut dyn Runtime, mut keys: Vec<KeyName>) {
        keys.sort_unstable();
        keys.dedup();
        // Not before the look at the keys: it would meet a damaged one unguarded.
        let emptied = std::mem::take(&mut self.run.emptied);
        let mut effects = Vec::new();
        for (database, key) in keys {
            let key = &*key;
            let state = catch_unwind(AssertUnwindSafe(|| {
                if emptied
                    .iter()
                    .any(|(at, one)| *at == database && **one == *key)
                {
                    self.remove_if_empty(database, key);
                }
                self.state_of(database, key)
            }));
            match state.unwrap_or_else(|payload| Err(panic_message(payload.as_ref()).to_owned())) {
                Ok(state) => effects.extend(state),
                Err(problem) => {
                    self.writes_stopped = true;
                    runtime.warn(&Warning::Damaged { key, problem });
                }
            }
            self.touch_in(database, key, self.run.client);
        }
        self.run.edits = self.run.edits.max(1);
        self.run.propagation = Propagation::Instead(effects);
    }

    fn state_of(&self, database: usize, key: &[u8]) -> Result<Vec<Effect>, String> {
        let entry = self.databases[database].find(key);
        if let Some(entry) = entry {
            check_entry(entry)?;
        }
        Ok(effects_of(database, key, entry))
    }
}
