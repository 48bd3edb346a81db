//! The one ordered stream of effects.
//!
//!     offset 0 …  | SELECT 0 | SET a 1 | MULTI | … | EXEC | DEL b | …
//!
//! What changed the data enters here, as commands in RESP, in the order in which
//! it happened; whatever one request did is one unit, wrapped in MULTI/EXEC when
//! it is more than one command. The offset counts bytes and never falls. Without
//! a reader the bytes are counted but not kept.

use std::ops::Deref;
use std::sync::Arc;

use super::engine::Engine;
use crate::aof::notes;

/// The stream and its position.
#[derive(Debug, Default)]
pub struct Journal {
    offset: u64,
    /// The database that the stream has selected, if any.
    database: Option<usize>,
    recording: Option<Vec<u8>>,
    /// What the append-only file is still to get; None: there is none.
    pending: Option<Vec<u8>>,
    /// Whether those that read the append-only file know deadlines of fields, so that it
    /// has them as commands and not in notes.
    pub knows_fields: bool,
    /// Whether the append-only file says when things happened, and what it said last.
    pub notes_time: bool,
    noted_seconds: i64,
}

/// One command in the stream.
#[derive(Debug, Clone)]
pub struct Effect {
    pub database: usize,
    pub arguments: Vec<Word>,
}

/// An argument in the stream; a big one is shared with whoever else keeps it.
#[derive(Debug, Clone)]
pub enum Word {
    Own(Vec<u8>),
    Shared(Arc<Vec<u8>>),
}

impl Deref for Word {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match self {
            Word::Own(bytes) => bytes,
            Word::Shared(bytes) => bytes,
        }
    }
}

impl From<&[u8]> for Word {
    fn from(bytes: &[u8]) -> Word {
        Word::Own(bytes.to_vec())
    }
}

#[inline]
fn digits(number: usize) -> usize {
    // Nearly all lengths are short, and a division takes longer than all of this.
    match number {
        0..10 => 1,
        10..100 => 2,
        100..1000 => 3,
        _ => number.ilog10() as usize + 1,
    }
}

/// How long a command of arguments of these lengths is in RESP.
#[inline]
pub(super) fn encoded_bytes(lengths: impl Iterator<Item = usize>) -> u64 {
    let mut total = 0;
    let mut count = 0;
    for length in lengths {
        total += 1 + digits(length) + 2 + length + 2;
        count += 1;
    }
    (total + 1 + digits(count) + 2) as u64
}

impl Journal {
    /// Bytes written to the stream so far.
    pub fn offset(&self) -> u64 {
        self.offset
    }

    /// True when somebody reads, so that effects must be kept and not only counted.
    #[inline]
    pub fn is_read(&self) -> bool {
        self.recording.is_some() || self.pending.is_some()
    }

    /// Keeps what is written from now on, until `take_recording`.
    pub fn record(&mut self) {
        self.recording = Some(Vec::new());
        self.database = None;
    }

    /// What was written since `record` or the last call; recording goes on.
    pub fn take_recording(&mut self) -> Vec<u8> {
        self.recording
            .as_mut()
            .map(std::mem::take)
            .unwrap_or_default()
    }

    /// Begins (true) or ends to gather what the append-only file gets.
    pub fn feed_file(&mut self, feeds: bool) {
        self.pending = feeds.then(|| self.pending.take().unwrap_or_default());
        self.database = None;
    }

    /// Lets what follows begin with SELECT: it stands at the beginning of a file.
    pub fn forget_database(&mut self) {
        self.database = None;
        self.noted_seconds = 0;
    }

    /// What the append-only file is still to get.
    #[inline]
    pub fn pending(&mut self) -> Option<&mut Vec<u8>> {
        self.pending.as_mut()
    }

    /// How much the append-only file is still to get.
    pub fn pending_bytes(&self) -> usize {
        self.pending.as_ref().map_or(0, Vec::len)
    }

    /// Counts a command that nobody reads.
    #[inline]
    pub fn count(&mut self, lengths: impl Iterator<Item = usize>) {
        self.offset += encoded_bytes(lengths);
    }

    /// Appends one unit.
    pub fn append(&mut self, effects: &[Effect], now_ms: i64) {
        self.note_time(now_ms);
        let is_unit = effects.len() > 1;
        if is_unit {
            self.select(effects[0].database);
            self.write(&[b"MULTI"]);
        }
        for effect in effects {
            self.select(effect.database);
            let arguments: Vec<&[u8]> = effect.arguments.iter().map(Deref::deref).collect();
            self.write(&arguments);
        }
        if is_unit {
            self.write(&[b"EXEC"]);
        }
    }

    /// Appends a unit of one SET, as `append` would.
    pub(super) fn append_set(&mut self, database: usize, key: &[u8], value: &[u8], now_ms: i64) {
        self.note_time(now_ms);
        self.select(database);
        self.write(&[b"SET", key, value]);
    }

    fn note_time(&mut self, now_ms: i64) {
        if self.notes_time
            && let Some(pending) = &mut self.pending
            && self.noted_seconds != now_ms / 1000
        {
            self.noted_seconds = now_ms / 1000;
            pending.extend_from_slice(format!("#TS:{}\r\n", self.noted_seconds).as_bytes());
        }
    }

    fn select(&mut self, database: usize) {
        if self.database != Some(database) {
            self.database = Some(database);
            let number = database.to_string();
            self.write(&[b"SELECT", number.as_bytes()]);
        }
    }

    fn write(&mut self, arguments: &[&[u8]]) {
        self.offset += encoded_bytes(arguments.iter().map(|argument| argument.len()));
        if let Some(recording) = &mut self.recording {
            notes::write_command(arguments, recording);
        }
        if let Some(pending) = &mut self.pending
            && !notes::write(arguments, self.knows_fields, pending)
        {
            notes::write_command(arguments, pending);
        }
    }
}

impl Engine {
    /// Applies effects to the journal as one unit, when the outermost command is done.
    pub(super) fn flush_effects(&mut self) {
        if !self.effects.is_empty() {
            let effects = std::mem::take(&mut self.effects);
            self.journal.append(&effects, self.now_ms);
        }
    }
}
