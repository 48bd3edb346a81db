//! After a bug: a command ended in a panic, or in an exception that is no reply.
//!
//! It may have stopped halfway, so the journal gets the state of the keys that it
//! names instead of the command, and their entries are checked. If one of them is
//! not what its structure promises, writes stop: what is damaged must not spread.
//!
//! Not covered: a key in another database than the command's (MOVE, COPY … DB).

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};

use super::engine::{Engine, Propagation};
use super::journal::Effect;
use super::pipeline::{Runtime, Warning};
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
    /// Puts the state of the keys that `request` names in the place of the command.
    #[cold]
    pub(super) fn settle_after_bug(
        &mut self,
        runtime: &mut dyn Runtime,
        spec: &CommandSpec,
        request: Request<'_>,
    ) {
        let database = self.run.database;
        self.run.propagation = Propagation::Nothing;
        let mut keys: Vec<&[u8]> = spec
            .key_indices(request)
            .unwrap_or_default()
            .into_iter()
            .map(|index| request.get(index))
            .collect();
        keys.sort_unstable();
        keys.dedup();
        // Not before the look at the keys: it would meet a damaged one unguarded.
        let emptied = std::mem::take(&mut self.run.emptied);
        let mut effects = Vec::new();
        for key in keys {
            let state = catch_unwind(AssertUnwindSafe(|| {
                if emptied.iter().any(|(_, one)| **one == *key) {
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
