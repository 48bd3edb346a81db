//! What the journal gets of commands on groups, which is never the command itself: when
//! and to whom something was delivered does not stand in it.
//!
//!     XGROUP CREATECONSUMER key group consumer     a consumer came with the command
//!     XCLAIM key group consumer 0 id … TIME ms RETRYCOUNT n FORCE JUSTID
//!     XACK key group id …                          pending entries that are gone
//!     XGROUP SETID key group id ENTRIESREAD n      the group has read further

use super::engine::{Engine, Propagation};
use super::journal::{Effect, Word};
use super::state::number;
use super::state_streams::id_word;
use crate::types::stream::{Group, Nack, StreamId};

/// IDs in one command.
const IDS_MAX: usize = 128;

fn word(text: &str) -> Word {
    Word::from(text.as_bytes())
}

/// Commands about one group, as they are gathered. Without a reader nothing is.
pub struct GroupEffects<'a> {
    key: &'a [u8],
    group: &'a [u8],
    consumer: &'a [u8],
    database: usize,
    is_read: bool,
    effects: Vec<Effect>,
}

impl<'a> GroupEffects<'a> {
    pub fn new(
        engine: &Engine,
        key: &'a [u8],
        group: &'a [u8],
        consumer: &'a [u8],
    ) -> GroupEffects<'a> {
        GroupEffects {
            key,
            group,
            consumer,
            database: engine.run.database,
            is_read: engine.journal.is_read() || !engine.effects.is_empty(),
            effects: Vec::new(),
        }
    }

    fn push(&mut self, words: Vec<Word>) {
        self.effects.push(Effect {
            database: self.database,
            arguments: words,
        });
    }

    fn start(&self, names: &[&str], with_consumer: bool) -> Vec<Word> {
        let mut words: Vec<Word> = names.iter().map(|name| word(name)).collect();
        words.extend([Word::from(self.key), Word::from(self.group)]);
        if with_consumer {
            words.push(Word::from(self.consumer));
        }
        words
    }

    pub fn consumer_created(&mut self) {
        if self.is_read {
            let words = self.start(&["XGROUP", "CREATECONSUMER"], true);
            self.push(words);
        }
    }

    /// These are the consumer's now.
    pub fn delivered(&mut self, nacks: &[Nack]) {
        if !self.is_read {
            return;
        }
        let alike = |one: &Nack, other: &Nack| {
            (one.delivered_ms, one.deliveries) == (other.delivered_ms, other.deliveries)
        };
        for run in nacks.chunk_by(alike).flat_map(|run| run.chunks(IDS_MAX)) {
            let mut words = self.start(&["XCLAIM"], true);
            words.push(word("0"));
            words.extend(run.iter().map(|nack| id_word(nack.id)));
            words.extend([word("TIME"), number(run[0].delivered_ms)]);
            words.extend([word("RETRYCOUNT"), number(run[0].deliveries as i64)]);
            words.extend([word("FORCE"), word("JUSTID")]);
            self.push(words);
        }
    }

    /// These are pending no longer.
    pub fn forgotten(&mut self, ids: &[StreamId]) {
        if !self.is_read {
            return;
        }
        for ids in ids.chunks(IDS_MAX) {
            let mut words = self.start(&["XACK"], false);
            words.extend(ids.iter().map(|id| id_word(*id)));
            self.push(words);
        }
    }

    /// The group has read up to here.
    pub fn position(&mut self, group: &Group) {
        if self.is_read {
            let mut words = self.start(&["XGROUP", "SETID"], false);
            words.push(id_word(group.last_id));
            words.extend([word("ENTRIESREAD"), number(group.entries_read)]);
            self.push(words);
        }
    }

    /// Adds them to what the running command propagates in its place.
    pub fn settle(self, engine: &mut Engine) {
        match &mut engine.run.propagation {
            Propagation::Instead(effects) => effects.extend(self.effects),
            other => *other = Propagation::Instead(self.effects),
        }
    }
}
